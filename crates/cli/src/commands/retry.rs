//! `orch retry`: lets failed tasks be tried again.

use domain::decide::Command;
use domain::task::TaskState;

use crate::exit::{Ended, Exit, Failure};
use crate::follow_up::orch;
use crate::output::{count, say};
use crate::wire_up::Setup;
use crate::{find, report};

/// Try a failed task again, or all failed tasks of a project.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  orch retry tsk_01kb3x\n  orch retry prj_01kb3x && orch resume prj_01kb3x"
)]
pub struct Retry {
    /// Task or project, or the beginning of its id.
    id: String,
}

impl Retry {
    /// Runs the command.
    ///
    /// # Errors
    /// When nothing failed.
    pub async fn run(self, setup: &Setup) -> Ended {
        find::must_name_one(&self.id)?;
        let place = setup.open_existing().await?;
        let (project, failed) = if find::is_task(&self.id) {
            let task = find::task(&place.store, &self.id).await?;
            (task.project.clone(), vec![task.id])
        } else {
            let project = find::project(&place.store, &self.id).await?.project;
            let tasks = report::tasks(&place, &project.id).await?;
            let failed = tasks.into_iter().map(|detail| detail.task);
            let failed = failed.filter(|task| task.state == TaskState::Failed).map(|task| task.id);
            (project.id, failed.collect())
        };
        if failed.is_empty() {
            return Err(Failure::error("no task of this project has failed")
                .hint(format!("`{}` shows them all", orch(&format!("show {project}")))));
        }
        let number = failed.len();
        for task in failed {
            place.apply(Command::RetryTask(task)).await?;
        }
        let next = orch(&format!("resume {project}"));
        say(&format!("{} will be tried again. Go on with: {next}", count(number, "task")));
        Ok(Exit::Completed)
    }
}
