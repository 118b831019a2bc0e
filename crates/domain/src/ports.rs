//! What the engine needs of the world, as traits. Each stays under ten methods;
//! lists and reports for HTTP do not go through them.
//!
//! Nothing here is implemented in this crate.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;

use crate::id::{OperationId, ProjectId, TaskId};
use crate::model::{Answer, CallError, Delta, Request};
use crate::time::Timestamp;
use crate::tool::{FileEntry, ToolContext, ToolOutcome, ToolSpec};

/// Wall time. Durations inside one process use tokio's clock instead.
pub trait Clock: Send + Sync {
    /// The present.
    fn now(&self) -> Timestamp;
}

/// Fresh id text: 128 random bits or more, sorting by time.
pub trait IdSource {
    /// The next one; never the same twice.
    fn fresh(&mut self) -> String;
}

/// A place that answers model calls. One physical request per call: no retries,
/// no fallback, no prices; those are decided elsewhere.
///
/// Dropping the future cuts the request.
#[async_trait]
pub trait ModelProvider: Send + Sync {
    /// Sends the request and waits for the whole answer. `on_delta` sees what
    /// arrives meanwhile.
    ///
    /// # Errors
    /// A [`CallError`] whose class says whether the request may have been billed.
    async fn call(
        &self,
        request: &Request,
        on_delta: &mut (dyn FnMut(Delta) + Send),
    ) -> Result<Answer, CallError>;

    /// Asks whether the provider can be reached and which models it has, without
    /// spending anything. An empty list means that it does not tell.
    ///
    /// # Errors
    /// Why it cannot be used right now.
    async fn probe(&self) -> Result<Vec<String>, CallError>;
}

/// The tools that models may use.
#[async_trait]
pub trait Toolbox: Send + Sync {
    /// Every tool that works, in a stable order.
    fn specs(&self) -> Vec<Arc<ToolSpec>>;

    /// Runs one call: checks the arguments against the schema, bounds time and
    /// result. Never fails: what goes wrong is told to the model.
    async fn call(&self, context: &ToolContext, name: &str, input: &Value) -> ToolOutcome;
}

/// Files of projects: one staging folder per task and fence, one published
/// folder per project, and a content store that both are made from.
#[async_trait]
pub trait Workspaces: Send + Sync {
    /// Makes the staging folder hold exactly `writes`, taken from the content
    /// store: after a crash the journal is the truth, never the old folder.
    ///
    /// # Errors
    /// What the file system answered.
    async fn rebuild(&self, task: &ToolContext, writes: &[FileEntry]) -> std::io::Result<()>;

    /// Makes the published folder hold `entries`. May be repeated at any time.
    ///
    /// # Errors
    /// What the file system answered.
    async fn publish(&self, project: &ProjectId, entries: &[FileEntry]) -> std::io::Result<()>;

    /// Removes the staging folders of a task.
    ///
    /// # Errors
    /// What the file system answered.
    async fn discard(&self, project: &ProjectId, task: &TaskId) -> std::io::Result<()>;

    /// Removes everything of a project.
    ///
    /// # Errors
    /// What the file system answered.
    async fn remove(&self, project: &ProjectId) -> std::io::Result<()>;
}

/// Work that may be started now. Only a hint: the claim in the database decides.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Offer {
    /// What to work on.
    pub work: Work,
    /// The fence seen when it was offered.
    pub fence: u64,
}

/// What a worker can be given.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Work {
    /// A task of a project.
    Task(TaskId),
    /// A project-level operation.
    Operation(OperationId),
}

/// Hands out work. Disposable: every offer can be made again from the database.
#[async_trait]
pub trait WorkQueue: Send + Sync {
    /// Adds offers. One that is queued or taken already is left out.
    async fn offer(&self, offers: Vec<Offer>);

    /// Waits for up to `max` deliveries; at least one.
    async fn take(&self, max: usize) -> Vec<Delivery>;
}

/// One offer that was taken. Dropping it without a word releases it.
pub struct Delivery {
    /// What was offered.
    pub offer: Offer,
    hold: Box<dyn DeliveryHold>,
}

/// The queue's side of a delivery.
pub trait DeliveryHold: Send + Sync {
    /// The work is finished or known elsewhere; never deliver it again.
    fn settle(self: Box<Self>);
    /// Whether the queue has given this delivery to somebody else.
    fn is_lost(&self) -> bool;
}

impl Delivery {
    /// A delivery of this offer.
    #[must_use]
    pub fn new(offer: Offer, hold: Box<dyn DeliveryHold>) -> Self {
        Self { offer, hold }
    }

    /// Ends the delivery for good.
    pub fn settle(self) {
        self.hold.settle();
    }

    /// Whether somebody else has it now.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.hold.is_lost()
    }
}
