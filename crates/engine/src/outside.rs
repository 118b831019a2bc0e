//! Work done outside, as the server asks for it: what a worker outside is told,
//! and what its output is booked at. Whether it may is decided in the domain.

use std::sync::Arc;

use domain::actor::Actor;
use domain::context::ContextPiece;
use domain::decide::{ClaimExternal, Command, Envelope, ExternalClaim, SubmitExternal};
use domain::id::{CallId, TaskId};
use domain::model::Usage;
use domain::ports::TaskRows;
use domain::pricing::PriceTiers;
use domain::prompt;
use domain::refusal::Refusal;
use domain::routing::{OLLAMA, Route};
use domain::time::Timestamp;

use crate::commands::EngineError;
use crate::context;
use crate::dispatcher::{Engine, Handle};

/// Provider of an attempt whose model is not known before it ends.
const OUTSIDE: &str = "external";

/// A task that was claimed, with everything its worker is told.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// The task as it was just before, with what it is about.
    pub rows: TaskRows,
    /// The system text.
    pub system: Arc<str>,
    /// What it is told besides its description.
    pub pieces: Vec<ContextPiece>,
}

/// An output from outside and what is said of it.
#[derive(Clone, Debug)]
pub struct Submission {
    /// The claim it ends.
    pub claim: ExternalClaim,
    /// The output.
    pub output: String,
    /// The model that is said to have made it.
    pub model: String,
    /// Tokens that are said to have been used.
    pub usage: Usage,
}

impl Handle {
    /// Claims a task for the caller and tells what it is about.
    ///
    /// # Errors
    /// A refusal, or the store's failure.
    pub async fn claim_outside(&self, actor: Actor, task: &TaskId) -> Result<Claimed, EngineError> {
        let engine = &self.engine;
        let rows = engine.store.task_rows(task).await?.ok_or_else(|| Refusal::not_found("task", task))?;
        let requirements = engine.requirements(&rows.project).await?;
        let pieces = context::pieces(engine, &rows, &requirements);
        let told = context::told(engine, &rows, &pieces, &Route::new(OUTSIDE, OUTSIDE));
        let (brief, blobs) = told.store(&rows.project.id, prompt::version());
        let claim = ClaimExternal { task: task.clone(), fence: rows.task.fence, brief, blobs };
        self.apply(actor, Command::ClaimExternal(claim)).await?;
        Ok(Claimed { system: told.system, rows, pieces })
    }

    /// Ends a claim with an output.
    ///
    /// # Errors
    /// A refusal, or the store's failure.
    pub async fn submit_outside(&self, actor: Actor, submission: Submission) -> Result<(), EngineError> {
        let provider = provider_of(&submission.model);
        // What it cost elsewhere is not limited by us, so a model without a price is
        // taken too; its tokens are booked, at nothing.
        let price = self.engine.price(provider, &submission.model);
        let command = SubmitExternal {
            claim: submission.claim,
            output: submission.output.into(),
            call: self.engine.ids.make(|ids| CallId::fresh(ids)),
            provider: provider.into(),
            model: submission.model.into(),
            price: price.unwrap_or_else(|_| Arc::new(PriceTiers::free())),
            usage: submission.usage,
        };
        self.apply(actor, Command::SubmitExternal(command)).await.map(|_| ())
    }
}

/// Whose model this is, by its name. Never the simulated one: its books are ours.
fn provider_of(model: &str) -> &'static str {
    if model.starts_with("claude") {
        "anthropic"
    } else if model.split('/').next() == Some(OLLAMA) && model.contains('/') {
        OLLAMA
    } else {
        OUTSIDE
    }
}

impl Engine {
    /// Takes back what workers outside left alone for too long.
    pub(crate) async fn expire_leases(&self, now: Timestamp) {
        let expired = match self.store.expired_leases(now).await {
            Ok(expired) => expired,
            Err(error) => return tracing::error!(%error, "leases could not be read"),
        };
        if expired.is_empty() {
            return;
        }
        let commands = expired.into_iter().map(|task| Envelope::engine(Command::ExpireLease(task)));
        for result in self.apply(commands.collect()).await {
            // A refusal means that somebody was heard of at the last moment.
            if let Err(error) = result {
                tracing::debug!(%error, "a lease was not taken back");
            }
        }
        self.made_progress();
    }
}
