//! `orch pause`: lets a project start no new call.

use domain::decide::Command;
use domain::project::PauseReason;

use crate::exit::{Ended, Exit};
use crate::find;
use crate::follow_up::orch;
use crate::output::say;
use crate::wire_up::Setup;

/// Pause a project: calls in flight finish, no new one starts.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  orch pause prj_01kb3x")]
pub struct Pause {
    /// Project, or the beginning of its id.
    id: String,
}

impl Pause {
    /// Runs the command.
    ///
    /// # Errors
    /// When the project does not execute.
    pub async fn run(self, setup: &Setup) -> Ended {
        find::must_name_one(&self.id)?;
        let place = setup.open_existing().await?;
        let project = find::project(&place.store, &self.id).await?.project;
        place.apply(Command::PauseProject(project.id.clone(), PauseReason::Person)).await?;
        let next = orch(&format!("resume {}", project.id));
        say(&format!("Paused \"{}\". Go on with: {next}", project.name));
        Ok(Exit::Completed)
    }
}
