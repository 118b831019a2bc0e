//! `orch cancel`: calls off a project or one task.

use domain::decide::Command;
use tokio_util::sync::CancellationToken;

use crate::exit::{Ended, Exit, Failure};
use crate::output::say;
use crate::wire_up::Setup;
use crate::{ask, find};

/// Call off a project, or one task of it. What is finished stays.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  orch cancel prj_01kb3x\n  orch cancel tsk_01kb3x --yes")]
pub struct Cancel {
    /// Project or task, or the beginning of its id.
    id: String,
    /// Do not ask.
    #[arg(short, long)]
    yes: bool,
}

impl Cancel {
    /// Runs the command.
    ///
    /// # Errors
    /// When it has ended already, or nobody confirmed.
    pub async fn run(self, setup: &Setup) -> Ended {
        find::must_name_one(&self.id)?;
        let place = setup.open_existing().await?;
        let (what, command) = if find::is_task(&self.id) {
            let task = find::task(&place.store, &self.id).await?;
            (format!("task \"{}\"", task.title), Command::CancelTask(task.id))
        } else {
            let project = find::project(&place.store, &self.id).await?.project;
            (
                format!("project \"{}\" and all its open tasks", project.name),
                Command::CancelProject(project.id),
            )
        };
        if !self.yes {
            if !ask::is_interactive() {
                return Err(Failure::new(
                    Exit::WaitsForPerson,
                    format!("cancelling {what} needs a confirmation"),
                )
                .hint("confirm with --yes"));
            }
            if !ask::confirm(&format!("Cancel {what}?"), &CancellationToken::new()).await {
                return Err(Failure::new(Exit::WaitsForPerson, "not confirmed; nothing was changed"));
            }
        }
        place.apply(command).await?;
        say(&format!("Cancelled {what}."));
        Ok(Exit::Completed)
    }
}
