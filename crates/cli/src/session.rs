//! One project in this process, from wherever it stands to wherever it ends:
//! plan, show, ask, execute, follow, report. `orch run` and `orch resume` are this.
//!
//! What may follow what is decided in `domain`; here it is asked for and shown.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use domain::actor::Actor;
use domain::decide::{ApprovePlan, Command};
use domain::forecast::{History, Kind};
use domain::id::{OperationId, PlanId, ProjectId};
use domain::money::NanoUsd;
use domain::plan::PlanVersion;
use domain::project::{PauseReason, Project, ProjectState};
use engine::{Handle, LiveDelta, PlanEnd};
use serde_json::json;
use store::ProjectListRow;
use tokio::sync::broadcast;
use tokio::time::Instant;

use crate::ask;
use crate::choose::is_paid;
use crate::exit::{Ended, Exit, Failure};
use crate::follow::{self, End};
use crate::follow_up::orch;
use crate::lifecycle::Lifecycle;
use crate::output::{count, money, print, say, short, short_length};
use crate::plan_view::PlanView;
use crate::report;
use crate::view::View;
use crate::wire_up::{Place, Running, Setup, now};

/// What the engine says of a plan that was longer than an answer may be.
const CUT_OFF: &str = "the plan was cut off";
/// Completed tasks that forecasts are made from.
const SAMPLES_MAX: u32 = 5_000;

/// What was asked for on the command line.
#[derive(Clone, Debug, Default)]
pub struct Wishes {
    /// Approve without asking.
    pub is_yes: bool,
    /// Events for a program.
    pub is_json: bool,
    /// Tasks at once.
    pub slots: Option<usize>,
    /// Where to copy the results.
    pub out: Option<PathBuf>,
}

/// A project and the engine that works on it.
pub struct Session<'s> {
    pub(crate) setup: &'s Setup,
    pub(crate) place: &'s Place,
    pub(crate) running: Running,
    pub(crate) lifecycle: Lifecycle,
    pub(crate) project: ProjectId,
    pub(crate) view: View,
    pub(crate) is_interactive: bool,
    /// Projects that have new events.
    pub(crate) changed: broadcast::Receiver<ProjectId>,
    /// Live text.
    pub(crate) live: broadcast::Receiver<LiveDelta>,
    /// Number of the last event that was shown.
    pub(crate) seen: u64,
    wishes: Wishes,
    since: Instant,
    /// Other projects that were executing: not this command's business.
    set_aside: Vec<ProjectId>,
}

impl<'s> Session<'s> {
    /// Starts the engine for one project; others that were executing when their
    /// engine died are set aside meanwhile.
    ///
    /// # Errors
    /// When another engine has the data folder.
    pub async fn start(
        setup: &'s Setup,
        place: &'s Place,
        project: ProjectId,
        seen: u64,
        wishes: Wishes,
    ) -> Result<Self, Failure> {
        let lifecycle = Lifecycle::watch()?;
        let lock = crate::wire_up::lock(&place.data_dir).await?;
        let set_aside = set_aside(place, &project).await?;
        let changed = place.store.changed();
        let running = setup.start(place, lock, wishes.slots).await?;
        let live = running.handle.live();
        let view = View::new(wishes.is_json);
        let is_interactive = ask::is_interactive() && !wishes.is_json;
        Ok(Self {
            setup,
            place,
            running,
            lifecycle,
            project,
            view,
            is_interactive,
            changed,
            live,
            seen,
            wishes,
            since: Instant::now(),
            set_aside,
        })
    }

    /// The project's id as a person would type it.
    fn name(&self) -> &str {
        short(self.project.as_str(), short_length(std::iter::empty()))
    }

    /// The command that goes on with this project.
    fn again(&self, options: &str) -> String {
        orch(&format!("resume {}{options}", self.name()))
    }

    pub(crate) fn handle(&self) -> &Handle {
        &self.running.handle
    }

    pub(crate) async fn load(&self) -> Result<ProjectListRow, Failure> {
        let found = self.place.store.find_project(&self.project).await?;
        found.ok_or_else(|| Failure::error(format!("project {} was deleted", self.project)))
    }

    pub(crate) async fn apply(&self, command: Command) -> Result<(), Failure> {
        self.handle().apply(Actor::Shell, command).await?;
        Ok(())
    }

    /// Goes on until the project has ended, waits or is interrupted, then stops
    /// the engine and reports.
    ///
    /// # Errors
    /// Whatever ended it early.
    pub async fn carry_on(mut self) -> Ended {
        let ended = self.advance().await;
        self.close().await;
        ended
    }

    /// Stops the engine because what was to be done first could not be done.
    ///
    /// # Errors
    /// Always: with what went wrong.
    pub async fn give_up(mut self, failure: Failure) -> Ended {
        self.close().await;
        Err(failure)
    }

    /// Stops the engine and leaves other projects as they were found.
    async fn close(&mut self) {
        self.view.end();
        self.handle().drain();
        self.running.ended().await;
        for project in std::mem::take(&mut self.set_aside) {
            // One that cannot be given back stays paused and says so.
            if let Err(failure) = self.place.apply(Command::ExecuteProject(project)).await {
                failure.tell();
            }
        }
    }

    async fn advance(&mut self) -> Ended {
        loop {
            let row = self.load().await?;
            let project = &row.project;
            self.view.simulated(project.config.is_simulated());
            match project.state {
                ProjectState::Draft if project.draft_plan.is_none() => self.plan(&row).await?,
                ProjectState::Planning => match project.operation.clone() {
                    Some(operation) => self.planned(&operation).await?,
                    None => return Err(Failure::error("the project is in planning, but nobody plans")),
                },
                ProjectState::Draft => match self.approve(&row).await? {
                    None => {}
                    Some(exit) => return Ok(exit),
                },
                ProjectState::Ready | ProjectState::Paused => {
                    self.apply(Command::ExecuteProject(self.project.clone())).await?;
                }
                ProjectState::Executing => {
                    let end = follow::follow(self).await?;
                    if let Some(exit) = self.finish(end).await? {
                        return Ok(exit);
                    }
                }
                ProjectState::Completed => return self.report(Exit::Completed).await,
                ProjectState::Failed => return self.report(Exit::TasksFailed).await,
                ProjectState::Cancelled => {
                    return Err(Failure::error(format!("project {} was cancelled", self.project)));
                }
            }
        }
    }

    async fn plan(&mut self, row: &ProjectListRow) -> Result<(), Failure> {
        let operation = self.handle().plan(Actor::Shell, &row.project, &row.requirements).await?;
        self.planned(&operation).await
    }

    async fn planned(&mut self, operation: &OperationId) -> Result<(), Failure> {
        let handle = self.handle().clone();
        let ended = handle.planned(operation);
        tokio::pin!(ended);
        let end = loop {
            let wait = follow::watch_a_moment(self);
            tokio::select! {
                end = &mut ended => break end?,
                looked = wait => looked?,
            }
            if self.lifecycle.soft.is_cancelled() {
                return Err(self.interrupted().await);
            }
        };
        follow::show_events(self).await?;
        self.view.end();
        match end {
            PlanEnd::Stored(_) => Ok(()),
            PlanEnd::Cancelled => {
                self.handle().stop();
                Err(Failure::error("planning was called off"))
            }
            PlanEnd::Failed { code, message } => {
                let exit = match code.as_str() {
                    "budget_exhausted" => Exit::Budget,
                    "no_provider" | "price_unknown" | "unknown_model" => Exit::Usage,
                    _ => Exit::Error,
                };
                let id = self.name();
                let hint = if exit == Exit::Budget {
                    format!("go on with a higher limit: `{}`", orch(&format!("resume {id} --budget DOLLARS")))
                } else if message.contains(CUT_OFF) {
                    format!("ask for a shorter plan: `{}`", orch("run … --rigor L1"))
                } else {
                    format!("nothing was carried out; `{}` plans again", orch(&format!("resume {id}")))
                };
                Err(Failure::new(exit, format!("there is no plan: {message}")).hint(hint))
            }
        }
    }

    /// Stops in the middle of something that is not execution.
    async fn interrupted(&mut self) -> Failure {
        self.view.note(&crate::view::stopping(0));
        self.handle().drain();
        tokio::select! {
            () = self.handle().stopped() => {}
            () = self.lifecycle.hard.cancelled() => self.handle().stop(),
        }
        Failure::new(Exit::WaitsForPerson, "interrupted").hint(format!("go on with `{}`", self.again("")))
    }

    /// Shows the draft plan and has it approved; an exit code when it was not.
    async fn approve(&mut self, row: &ProjectListRow) -> Result<Option<Exit>, Failure> {
        let project = &row.project;
        let Some(plan) = project.draft_plan.clone() else { return Ok(None) };
        let version = self.place.store.find_plan(&plan).await?;
        let version = version.ok_or_else(|| Failure::error(format!("plan {plan} is missing")))?;
        let total = self.show_plan(row, &version).await?;
        let is_paid = is_paid(self.setup, &project.config)?;
        let limit = report::limit(self.setup, project);
        if total > limit {
            let text =
                format!("  The limit of {} is below the forecast: the project may pause.", money(limit));
            say(&console::style(text).yellow().for_stderr().to_string());
        }
        let id = self.name();
        if self.wishes.is_yes {
            if is_paid && project.config.budget_limit().is_none() {
                return Err(Failure::usage(
                    "--yes with a paid model needs a limit, so that it cannot surprise you",
                )
                .hint(format!(
                    "go on with `{}`",
                    self.again(&format!(" --yes --budget {:.2}", suggested(total)))
                )));
            }
        } else if !self.is_interactive {
            let message = "the plan waits for your approval, and there is no terminal to ask at";
            return Err(Failure::new(Exit::WaitsForPerson, message).hint(format!(
                "approve it with `{}`, then `{}`",
                orch(&format!("approve {id}")),
                self.again("")
            )));
        } else {
            let spend = if is_paid { format!(" for at most {}", money(limit)) } else { String::new() };
            let question = format!("\nCarry out this plan{spend}?");
            if !ask::confirm(&question, &self.lifecycle.soft).await {
                return Err(Failure::new(Exit::WaitsForPerson, "not approved; nothing was carried out")
                    .hint(format!(
                        "the plan is kept: `{}` asks again, `{}` shows it",
                        self.again(""),
                        orch(&format!("show {id}"))
                    )));
            }
        }
        self.apply_approval(plan).await?;
        // The bars count from here: what was thought about before is not work.
        Ok(None)
    }

    async fn apply_approval(&self, plan: PlanId) -> Result<(), Failure> {
        let known_tools = self.handle().tool_names();
        let project = self.project.clone();
        self.apply(Command::ApprovePlan(ApprovePlan { project, plan, known_tools })).await
    }

    /// Draws the plan; gives what it will cost in four of five cases.
    async fn show_plan(&self, row: &ProjectListRow, version: &PlanVersion) -> Result<NanoUsd, Failure> {
        let view = draw_plan(self.setup, self.place, row, version).await?;
        if self.view.is_json() {
            let plan = domain::plan::wire::to_json(&version.plan, version.rigor);
            let forecast = json!({
                "p50_usd": view.forecast.p50.to_dollars(),
                "p80_usd": view.forecast.p80.to_dollars(),
                "p95_usd": view.forecast.p95.to_dollars(),
            });
            let line = json!({"type": "plan", "plan_id": version.id, "plan": plan, "forecast": forecast});
            print(&format!("{line}\n"))?;
        } else {
            print(&format!("{}\n", view.text))?;
        }
        Ok(view.forecast.p80)
    }

    async fn finish(&mut self, end: End) -> Result<Option<Exit>, Failure> {
        self.view.end();
        let exit = match end {
            // The state says the rest.
            End::Ended => return Ok(None),
            End::Paused(PauseReason::Wave) if self.is_interactive => {
                if ask::confirm("The wave is done. Start the next one?", &self.lifecycle.soft).await {
                    return Ok(None);
                }
                Exit::WaitsForPerson
            }
            End::Paused(PauseReason::Budget) => Exit::Budget,
            End::Paused(PauseReason::Provider) => Exit::Error,
            End::Paused(PauseReason::Person | PauseReason::Wave) | End::Waits | End::Interrupted => {
                Exit::WaitsForPerson
            }
        };
        self.report(exit).await?;
        let hint = match end {
            End::Paused(PauseReason::Budget) => {
                format!("raise the limit: {}", self.again(" --budget DOLLARS"))
            }
            End::Paused(PauseReason::Provider) => {
                format!("`{}` checks key and account; then {}", orch("doctor"), self.again(""))
            }
            End::Waits => self.ways_out().await?,
            End::Paused(_) | End::Interrupted | End::Ended => format!("go on with: {}", self.again("")),
        };
        say(&format!("\n{} {hint}", console::style("Next:").bold().for_stderr()));
        Ok(Some(exit))
    }

    /// The commands that answer what waits.
    async fn ways_out(&self) -> Result<String, Failure> {
        let id = &self.project;
        let mut lines = Vec::new();
        for checkpoint in self.place.store.list_checkpoints(Some(id), None, true).await? {
            let command = orch(&format!("resolve {} retry --guidance \"…\"", checkpoint.id));
            lines.push(format!("{}\n        {command}   (or skip, fail)", checkpoint.summary));
        }
        for detail in report::tasks(self.place, id).await? {
            let task = &detail.task;
            if task.state == domain::task::TaskState::NeedsReview && task.checkpoint.is_none() {
                let has_output = report::has_output(self.place, &task.id).await?;
                let (first, others) = report::judgements(has_output);
                let command = orch(&format!("review {} {first}", task.id));
                let title = &task.title;
                lines.push(format!("\"{title}\" needs your judgement\n        {command}   (or {others})"));
            }
        }
        lines.push(format!("then go on with: {}", self.again("")));
        Ok(lines.join("\n      "))
    }

    /// Lets workers end: a task is completed before its files are in place.
    async fn settle(&self) {
        self.handle().drain();
        tokio::select! {
            () = self.handle().stopped() => return,
            () = self.lifecycle.hard.cancelled() => self.handle().stop(),
        }
        self.handle().stopped().await;
    }

    /// Copies the results out and prints how it went.
    async fn report(&mut self, exit: Exit) -> Ended {
        self.view.end();
        self.settle().await;
        let row = self.load().await?;
        let project = &row.project;
        let tasks = report::tasks(self.place, &self.project).await?;
        let elapsed = Some(self.since.elapsed());
        if self.view.is_json() {
            print(&format!("{}\n", summary_json(self.place, project, exit).await?))?;
        } else {
            let mut text = format!("\n{}", report::task_table(&tasks, project.config.is_simulated()));
            text.push('\n');
            text.push_str(&report::summary(self.setup, self.place, project, elapsed).await?);
            if project.config.is_simulated() {
                text.push_str(
                    "\n  This was a rehearsal: everything above and in the files is *simulated*.\n",
                );
            }
            print(&text)?;
        }
        if let Some(out) = &self.wishes.out {
            copy_out(self.place, &self.project, out).await?;
        }
        if exit == Exit::TasksFailed {
            let hint = format!("try the failed tasks again with: {}", self.again(" --retry-failed"));
            say(&format!("\n{} {hint}", console::style("Next:").bold().for_stderr()));
        }
        Ok(exit)
    }

    /// Titles for the bars.
    pub(crate) async fn titles(&mut self) -> Result<(), Failure> {
        let tasks = report::tasks(self.place, &self.project).await?;
        let titles: HashMap<_, _> =
            tasks.into_iter().map(|detail| (detail.task.id, detail.task.title.to_string())).collect();
        self.view.titles(titles);
        Ok(())
    }
}

/// Dollars that are worth suggesting as a limit: a little above what is needed.
fn suggested(total: NanoUsd) -> f64 {
    ((total.to_dollars() * 1.5 + 0.1) * 10.0).ceil() / 10.0
}

/// A plan as text, and its total.
pub struct Drawn {
    /// To be printed.
    pub text: String,
    /// What all of it will probably cost.
    pub forecast: domain::forecast::Spread,
}

/// Draws a plan with its forecast.
///
/// # Errors
/// A tier without model or a model without price.
pub async fn draw_plan(
    setup: &Setup,
    place: &Place,
    row: &ProjectListRow,
    version: &PlanVersion,
) -> Result<Drawn, Failure> {
    let settings = setup.settings(None);
    let config = &row.project.config;
    let is_simulated = config.is_simulated() || settings.is_simulated;
    let mut history = History::default();
    for sample in place.store.history_samples(is_simulated, SAMPLES_MAX).await? {
        let model = sample.model.to_string();
        history.add(Kind::Task { task_type: sample.task_type, tier: sample.tier, model }, sample.cost);
    }
    let forecast = settings.forecast(config, &version.plan, &history, now())?;
    let routes = settings.routes_for(config)?;
    let view = PlanView {
        version,
        requirements: &row.requirements,
        forecast: Some(&forecast),
        routes: &routes,
        is_simulated,
    };
    Ok(Drawn { text: view.draw(), forecast: forecast.total })
}

async fn summary_json(place: &Place, project: &Project, exit: Exit) -> Result<serde_json::Value, Failure> {
    let spent = report::spent(place, &project.id).await?;
    Ok(json!({
        "type": "summary",
        "project_id": project.id,
        "state": project.state.as_str(),
        "exit_code": exit as u8,
        "is_simulated": project.config.is_simulated(),
        "cost_usd": spent.real.to_dollars(),
        "simulated_cost_usd": spent.simulated.to_dollars(),
        "files": place.files_of(&project.id).display().to_string(),
    }))
}

async fn copy_out(place: &Place, project: &ProjectId, out: &std::path::Path) -> Result<(), Failure> {
    let cannot = |error: tools::FilesError| {
        Failure::error(format!("the results could not be copied to {}: {error}", out.display()))
            .hint(format!("they are kept in {}", place.files_of(project).display()))
    };
    let exported = place.files.export(project, out).await.map_err(cannot)?;
    for file in &exported.left_out {
        say(&format!("warning: {} was not copied: {}", file.path, file.reason));
    }
    say(&format!("\nCopied {} to {}", count(exported.files.len(), "file"), out.display()));
    Ok(())
}

/// Pauses other executing projects: their engine died, and this command was not
/// asked to spend money on them.
async fn set_aside(place: &Place, own: &ProjectId) -> Result<Vec<ProjectId>, Failure> {
    let filter = store::ProjectFilter {
        states: vec![ProjectState::Executing],
        limit: 10_000,
        ..store::ProjectFilter::default()
    };
    let mut set_aside = Vec::new();
    let mut interrupted = 0;
    for row in place.store.list_projects(&filter).await? {
        let project = row.project;
        if project.id == *own || report::waits_for_person(&project) {
            continue;
        }
        place.apply(Command::PauseProject(project.id.clone(), PauseReason::Person)).await?;
        // One that is kept back for a person was not interrupted.
        interrupted += usize::from(!crate::follow::is_stuck(place, &project.id).await?);
        set_aside.push(project.id);
    }
    if interrupted > 0 {
        let others = count(interrupted, "other project");
        let was = if interrupted == 1 { "was" } else { "were" };
        say(&format!("{others} {was} interrupted earlier and left alone; `{}` shows them", orch("list")));
    }
    Ok(set_aside)
}

/// Time between two looks at the database when nothing is said.
pub(crate) const LOOK: Duration = Duration::from_millis(700);
