//! `orch review`: judges an output that a model did not dare to judge.

use domain::decide::{Command, ReviewTask};
use domain::ports::ProjectStore as _;
use domain::turn::files_written;

use crate::exit::{Ended, Exit, Failure};
use crate::find;
use crate::follow_up::orch;
use crate::output::say;
use crate::wire_up::{Place, Setup};

const EXAMPLES: &str = "\
Examples:
  orch review tsk_01kb3x accept
  orch review tsk_01kb3x retry --guidance \"the table needs the third candidate\"";

/// Judge a task that needs a person: accept its output, retry it, or cancel it.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Review {
    /// Task, or the beginning of its id.
    id: String,
    /// What to do.
    #[arg(value_name = "accept|retry|cancel", value_parser = ["accept", "retry", "cancel"])]
    judgement: String,
    /// What the next try is told.
    #[arg(long, value_name = "TEXT", default_value = "")]
    guidance: String,
}

impl Review {
    /// Runs the command.
    ///
    /// # Errors
    /// When the task does not need a person.
    pub async fn run(self, setup: &Setup) -> Ended {
        find::must_name_one(&self.id)?;
        let place = setup.open_existing().await?;
        let task = find::task(&place.store, &self.id).await?;
        let command = match self.judgement.as_str() {
            "cancel" => Command::CancelTask(task.id.clone()),
            judgement => {
                let accept = judgement == "accept";
                let files = if accept { written(&place, &task.id).await? } else { Vec::new() };
                let feedback = self.guidance.clone();
                Command::ReviewTask(ReviewTask { task: task.id.clone(), accept, files, feedback })
            }
        };
        place.apply(command).await?;
        let next = orch(&format!("resume {}", task.project));
        say(&format!("\"{}\": {}. Go on with: {next}", task.title, self.judgement));
        Ok(Exit::Completed)
    }
}

/// What the attempt wrote: accepting its output publishes this.
async fn written(place: &Place, task: &domain::id::TaskId) -> Result<Vec<domain::tool::FileEntry>, Failure> {
    let rows = place.store.task_rows(task).await?;
    let steps = rows.map(|rows| rows.steps).unwrap_or_default();
    files_written(&steps).map_err(Failure::error)
}
