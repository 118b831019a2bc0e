//! `orch resolve`: answers a checkpoint.

use domain::checkpoint::Resolution;
use domain::decide::{Command, ResolveCheckpoint};
use tokio_util::sync::CancellationToken;

use crate::exit::{Ended, Exit, Failure};
use crate::follow_up::orch;
use crate::output::say;
use crate::wire_up::Setup;
use crate::{ask, find};

const EXAMPLES: &str = "\
Examples:
  orch resolve chk_01kb3x retry --guidance \"use the standard library only\"
  orch resolve chk_01kb3x skip";

/// Answer a checkpoint: retry (with guidance), skip, or fail the task.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Resolve {
    /// Checkpoint, or the beginning of its id.
    id: String,
    /// What to do; asked for when it is left out.
    #[arg(value_name = "retry|skip|fail", value_parser = ["retry", "skip", "fail"])]
    resolution: Option<String>,
    /// What the next try is told.
    #[arg(long, value_name = "TEXT", default_value = "")]
    guidance: String,
}

impl Resolve {
    /// Runs the command.
    ///
    /// # Errors
    /// When it is resolved already, or nobody said how.
    pub async fn run(self, setup: &Setup) -> Ended {
        find::must_name_one(&self.id)?;
        let place = setup.open_existing().await?;
        let checkpoint = find::checkpoint(&place.store, &self.id).await?;
        let word = match self.resolution {
            Some(word) => Some(word),
            None if ask::is_interactive() => {
                say(&format!("{}\n{}", checkpoint.summary, checkpoint.question));
                let words = ["retry", "skip", "fail"];
                let stop = CancellationToken::new();
                ask::choose("retry, skip or fail?", &words, &stop).await.map(str::to_owned)
            }
            None => None,
        };
        let Some(resolution) = word.as_deref().and_then(Resolution::parse) else {
            return Err(Failure::new(Exit::WaitsForPerson, "nobody said what to do")
                .hint(orch(&format!("resolve {} retry|skip|fail", checkpoint.id))));
        };
        let command =
            ResolveCheckpoint { checkpoint: checkpoint.id.clone(), resolution, guidance: self.guidance };
        place.apply(Command::ResolveCheckpoint(command)).await?;
        let next = orch(&format!("resume {}", checkpoint.project));
        say(&format!("Resolved: {resolution}. Go on with: {next}"));
        Ok(Exit::Completed)
    }
}
