//! `orch resume`: goes on with a project, wherever it was interrupted.

use std::path::PathBuf;

use domain::decide::{Command, UpdateProject};
use domain::money::NanoUsd;
use domain::project::{ProjectConfig, ProjectState};
use domain::task::TaskState;
use store::{ProjectListRow, TaskFilter};

use super::run::dollars;
use crate::exit::{Ended, Failure};
use crate::find;
use crate::follow_up::orch;
use crate::out_folder;
use crate::output::{count, labelled, say};
use crate::session::{Session, Wishes};
use crate::wire_up::{Place, Setup};

const EXAMPLES: &str = "\
Examples:
  orch resume                          the latest project that is not finished
  orch resume prj_01kb3x --budget 5    with a higher limit
  orch resume --retry-failed           try failed tasks again";

/// Go on with a project after an interruption, a question or a used-up budget.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Resume {
    /// Project, or the beginning of its id [default: the latest that is not finished].
    id: Option<String>,
    /// The most that this project may cost from now on, in dollars, all of it together.
    #[arg(long, value_name = "DOLLARS", value_parser = dollars, allow_negative_numbers = true)]
    budget: Option<NanoUsd>,
    /// Try failed tasks again.
    #[arg(long)]
    retry_failed: bool,
    /// Approve a waiting plan without asking; with a paid model only together with --budget.
    #[arg(short, long)]
    yes: bool,
    /// Tasks at once.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    concurrency: Option<u32>,
    /// Copy the results into this folder at the end; files of the same name are replaced.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// One event a line on standard output, for programs.
    #[arg(long)]
    json: bool,
}

impl Resume {
    /// Runs the command.
    ///
    /// # Errors
    /// When there is nothing to go on with, and whatever ends the run early.
    pub async fn run(self, setup: &Setup) -> Ended {
        if let Some(out) = &self.out {
            out_folder::prepare(out, &setup.data_dir)?;
        }
        let place = setup.open_existing().await?;
        let row = match &self.id {
            Some(text) => {
                find::must_name_one(text)?;
                find::project(&place.store, text).await?
            }
            None => latest(&place, self.retry_failed).await?,
        };
        let project = &row.project;
        let wishes = Wishes {
            is_yes: self.yes,
            is_json: self.json,
            slots: self.concurrency.map(|slots| slots as usize),
            out: self.out.clone(),
        };
        let label = if project.config.is_simulated() { " · simulated" } else { "" };
        let text = format!("{} · {}{label} · {}", project.name, project.state, project.id);
        say(&labelled(console::style("Project").bold().for_stderr(), &text));
        let seen = project.event_seq;
        let session = Session::start(setup, &place, project.id.clone(), seen, wishes).await?;
        let ended = match self.prepare(&place, &session, &row).await {
            Ok(()) => session.carry_on().await,
            Err(failure) => session.give_up(failure).await,
        };
        place.store.close().await;
        ended
    }

    async fn prepare(
        &self,
        place: &Place,
        session: &Session<'_>,
        row: &ProjectListRow,
    ) -> Result<(), Failure> {
        if let Some(budget) = self.budget {
            session.apply(raise(row, budget)).await?;
        }
        if self.retry_failed {
            retry_failed(place, session, row).await?;
        }
        Ok(())
    }
}

fn raise(row: &ProjectListRow, budget: NanoUsd) -> Command {
    let mut config: ProjectConfig = (*row.project.config).clone();
    config.0.insert("budget_limit_usd".to_owned(), budget.to_dollars().into());
    Command::UpdateProject(UpdateProject {
        project: row.project.id.clone(),
        name: None,
        requirements: None,
        config: Some(config),
    })
}

async fn retry_failed(place: &Place, session: &Session<'_>, row: &ProjectListRow) -> Result<(), Failure> {
    let filter = TaskFilter {
        states: vec![TaskState::Failed],
        exclude_output: true,
        limit: 20_000,
        ..TaskFilter::default()
    };
    let failed = place.store.list_tasks(&row.project.id, &filter).await?;
    for detail in &failed {
        session.apply(Command::RetryTask(detail.task.id.clone())).await?;
    }
    say(&format!("{} will be tried again", count(failed.len(), "failed task")));
    Ok(())
}

/// The newest project with something left to do.
async fn latest(place: &Place, is_failed_too: bool) -> Result<ProjectListRow, Failure> {
    let rows = find::projects(&place.store, 10_000).await?;
    let is_open = |row: &&ProjectListRow| match row.project.state {
        ProjectState::Draft
        | ProjectState::Planning
        | ProjectState::Ready
        | ProjectState::Executing
        | ProjectState::Paused => true,
        ProjectState::Failed => is_failed_too,
        ProjectState::Completed | ProjectState::Cancelled => false,
    };
    rows.iter().find(is_open).cloned().ok_or_else(|| {
        Failure::usage("there is no project to go on with")
            .hint(format!("`{}` shows all; failed tasks are tried again with --retry-failed", orch("list")))
    })
}
