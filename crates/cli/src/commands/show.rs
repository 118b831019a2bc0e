//! `orch show`: one project, all there is to know: plan, tasks, what waits and
//! why, costs, files.

use domain::plan::PlanVersion;
use serde_json::{Value, json};
use store::{EngineLock, ProjectListRow, TaskDetail};

use crate::exit::{Ended, Exit, Failure};
use crate::follow_up::orch;
use crate::output::{print, say};
use crate::session::draw_plan;
use crate::wire_up::{Place, Setup};
use crate::{find, report};

/// Show one project: plan, tasks, what waits and why, costs, files.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  orch show prj_01kb3x\n  orch show prj_01kb3x --output\n  orch show prj_01kb3x --json"
)]
pub struct Show {
    /// Project, or the beginning of its id.
    id: String,
    /// With the outputs of the tasks.
    #[arg(long)]
    output: bool,
    /// As one object, for programs.
    #[arg(long)]
    json: bool,
}

impl Show {
    /// Runs the command.
    ///
    /// # Errors
    /// When there is no such project.
    pub async fn run(self, setup: &Setup) -> Ended {
        let place = setup.open_existing().await?;
        let row = find::project(&place.store, &self.id).await?;
        let project = &row.project;
        let plan = project.draft_plan.as_ref().or(project.approved_plan.as_ref());
        let version = match plan {
            Some(plan) => place.store.find_plan(plan).await?,
            None => None,
        };
        let tasks = report::tasks(&place, &project.id).await?;
        if self.json {
            print(&format!("{}\n", as_json(&place, &row, version.as_ref(), &tasks).await?))?;
            return Ok(Exit::Completed);
        }
        let label = if project.config.is_simulated() { " · simulated" } else { "" };
        print(&format!("{} · {}{label}\n", console::style(&project.name).bold(), project.id))?;
        if let Some(version) = &version {
            match draw_plan(setup, &place, &row, version).await {
                Ok(drawn) => print(&drawn.text)?,
                // A plan can be looked at although its models are not configured here.
                Err(failure) => drop(failure.tell()),
            }
        }
        if !tasks.is_empty() {
            print(&format!("\n{}", report::task_table(&tasks, project.config.is_simulated())))?;
        }
        print(&format!("\n{}", report::summary(setup, &place, project, None).await?))?;
        self.outputs(&place, &tasks).await?;
        if report::is_interrupted(project, EngineLock::is_held(&place.data_dir)) {
            let next = orch(&format!("resume {}", project.id));
            say(&format!("\n{} go on with: {next}", console::style("Next:").bold().for_stderr()));
        }
        for checkpoint in place.store.list_checkpoints(Some(&project.id), None, true).await? {
            say(&format!(
                "\nWaits for you: {}\n  {}   (or skip, fail)",
                checkpoint.summary,
                orch(&format!("resolve {} retry --guidance \"…\"", checkpoint.id))
            ));
        }
        Ok(Exit::Completed)
    }

    async fn outputs(&self, place: &Place, tasks: &[TaskDetail]) -> Result<(), Failure> {
        for detail in tasks.iter().filter(|_| self.output) {
            let found = place.store.find_task(&detail.task.id).await?;
            if let Some(output) = found.and_then(|history| history.detail.output) {
                let title =
                    console::style(format!("#{} {}", detail.task.index + 1, detail.task.title)).bold();
                print(&format!("\n{title}\n{}\n", output.trim_end()))?;
            }
        }
        Ok(())
    }
}

async fn as_json(
    place: &Place,
    row: &ProjectListRow,
    version: Option<&PlanVersion>,
    tasks: &[TaskDetail],
) -> Result<Value, Failure> {
    let project = &row.project;
    let spent = report::spent(place, &project.id).await?;
    let mut listed = Vec::new();
    for detail in tasks {
        let task = &detail.task;
        let journal = place.store.journal(&domain::attempt::Owner::Task(task.id.clone())).await?;
        listed.push(json!({
            "id": task.id,
            "number": task.index + 1,
            "title": task.title,
            "state": task.state.as_str(),
            "tier": task.tier.as_str(),
            "model": task.model,
            "wave": task.wave,
            "attempts": journal.attempts.len(),
            "calls": journal.calls.len(),
            "depends_on": detail.depends_on,
            "cost_usd": task.cost.to_dollars(),
            "waits_for": task.wait.map(|wait| wait.reason.as_str()),
            "error": task.error,
        }));
    }
    let files = place.files.list_published(&project.id).await;
    let files = files.map_err(|error| Failure::error(format!("cannot list the files: {error}")))?;
    Ok(json!({
        "id": project.id,
        "name": project.name,
        "state": project.state.as_str(),
        "pause_reason": project.pause_reason.map(|reason| reason.as_str()),
        "is_simulated": project.config.is_simulated(),
        "plan": version.map(|version| domain::plan::wire::to_json(&version.plan, version.rigor)),
        "plan_version": version.map(|version| version.version),
        "tasks": listed,
        "cost_usd": spent.real.to_dollars(),
        "simulated_cost_usd": spent.simulated.to_dollars(),
        "files": files.iter().map(|file| file.path.as_str()).collect::<Vec<_>>(),
    }))
}
