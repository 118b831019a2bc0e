//! `orch approve`: approves the draft plan of a project.

use std::sync::Arc;

use domain::decide::{ApprovePlan, Command, Outcome};
use domain::ports::Toolbox as _;
use tools::{Registry, file_tools};

use crate::exit::{Ended, Exit, Failure};
use crate::find;
use crate::follow_up::orch;
use crate::output::{count, print, say};
use crate::session::draw_plan;
use crate::wire_up::Setup;

/// Approve the draft plan of a project; `orch resume` then carries it out.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  orch approve prj_01kb3x && orch resume prj_01kb3x")]
pub struct Approve {
    /// Project, or the beginning of its id.
    id: String,
}

impl Approve {
    /// Runs the command.
    ///
    /// # Errors
    /// When there is no draft plan.
    pub async fn run(self, setup: &Setup) -> Ended {
        find::must_name_one(&self.id)?;
        let place = setup.open_existing().await?;
        let row = find::project(&place.store, &self.id).await?;
        let project = &row.project;
        let Some(plan) = project.draft_plan.clone() else {
            return Err(Failure::error(format!("\"{}\" has no plan that could be approved", project.name))
                .hint(format!(
                    "it is {}; `{}` tells more",
                    project.state,
                    orch(&format!("show {}", project.id))
                )));
        };
        if let Some(version) = place.store.find_plan(&plan).await? {
            print(&draw_plan(setup, &place, &row, &version).await?.text)?;
        }
        let (toolbox, _) = Registry::new(file_tools(&place.files));
        let known_tools = Arc::new(toolbox).specs().iter().map(|spec| spec.definition.name.clone()).collect();
        let command = ApprovePlan { project: project.id.clone(), plan, known_tools };
        let outcome = place.apply(Command::ApprovePlan(command)).await?;
        let size = match outcome {
            Outcome::Approved { tasks, waves } => {
                format!(": {} in {}", count(tasks.len(), "task"), count(waves as usize, "wave"))
            }
            _ => String::new(),
        };
        say(&format!("\nApproved{size}. Carry it out with: {}", orch(&format!("resume {}", project.id))));
        Ok(Exit::Completed)
    }
}
