//! What the engine needs of the world, as traits. Each stays at ten methods or fewer;
//! lists and reports for HTTP do not go through them.
//!
//! Nothing here is implemented in this crate.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;

use crate::attempt::{Attempt, Operation, Owner, Step};
use crate::decide::{Envelope, FollowUp, Outcome};
use crate::id::{OperationId, ProjectId, TaskId};
use crate::model::{Answer, CallError, Delta, Request};
use crate::project::Project;
use crate::refusal::Refusal;
use crate::task::{Task, TaskSpec, TaskState};
use crate::time::Timestamp;
use crate::tool::{FileEntry, ToolContext, ToolOutcome, ToolSpec};
use crate::view::Feedback;

/// Why a store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The command is not allowed; nothing else is wrong.
    #[error("{0}")]
    Refused(#[from] Refusal),
    /// The database does not take writes now: disk full, read-only, gone.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// What was read contradicts itself, or a defect of ours.
    #[error("the database is damaged or this is a defect: {0}")]
    Broken(String),
}

/// What came of one command.
#[derive(Clone, Debug, PartialEq)]
pub struct Applied {
    /// For the caller.
    pub outcome: Outcome,
    /// For the engine, to be carried out now that the commit is through.
    pub follow_ups: Vec<FollowUp>,
}

/// Which ready tasks are wanted.
#[derive(Clone, Copy, Debug)]
pub struct ReadyQuery {
    /// Most offers to return.
    pub limit: usize,
    /// The present: tasks with a later `wake_at` are left out.
    pub now: Timestamp,
    /// Whether tasks that wait for holds are asked again, before their time.
    pub is_money_freed: bool,
}

/// What a worker needs to begin or go on with a task.
#[derive(Clone, Debug)]
pub struct TaskRows {
    /// The task.
    pub task: Task,
    /// What it is about.
    pub spec: TaskSpec,
    /// Its project.
    pub project: Project,
    /// Summary of the approved plan.
    pub plan_summary: Arc<str>,
    /// What it depends on, in the plan's order.
    pub prerequisites: Vec<PrerequisiteRow>,
    /// What earlier attempts and people said, oldest first; only entries since
    /// the task was made.
    pub feedback: Vec<Feedback>,
    /// The open attempt, when there is one to go on with.
    pub attempt: Option<Attempt>,
    /// Its journal, by `seq`.
    pub steps: Vec<Step>,
}

/// One prerequisite and what came of it.
#[derive(Clone, Debug, PartialEq)]
pub struct PrerequisiteRow {
    /// Which.
    pub id: TaskId,
    /// Its title.
    pub title: Arc<str>,
    /// Completed or skipped.
    pub state: TaskState,
    /// Its output, unless there is none.
    pub output: Option<Arc<str>>,
    /// Files it published.
    pub files: Vec<FileEntry>,
}

/// What a worker needs to go on with an operation.
#[derive(Clone, Debug)]
pub struct OperationRows {
    /// The operation.
    pub operation: Operation,
    /// Its project.
    pub project: Project,
    /// Its journal, by `seq`.
    pub steps: Vec<Step>,
}

/// What was left over when the engine last stopped.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LeftOver {
    /// Tasks and operations that a worker had, or with a call that never ended.
    pub owners: Vec<Owner>,
    /// Operations that go on.
    pub operations: Vec<OperationId>,
    /// Projects that execute.
    pub executing: Vec<ProjectId>,
    /// Projects whose accepted files may not be in place.
    pub unpublished: Vec<ProjectId>,
    /// Projects marked as deleted whose rows are still there.
    pub deleted: Vec<ProjectId>,
}

/// The engine's whole need of storage. Lists and reports do not go through here.
#[async_trait]
pub trait ProjectStore: Send + Sync {
    /// Applies commands in order and in one transaction. Each is carried out or
    /// refused by itself; when this returns, what was carried out is on disk. An
    /// error other than a refusal means that none of them was.
    async fn apply(&self, commands: Vec<Envelope>) -> Vec<Result<Applied, StoreError>>;

    /// Ready tasks that may start, fairly over owners and projects, then by
    /// priority, wave and age.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn ready(&self, query: ReadyQuery) -> Result<Vec<Offer>, StoreError>;

    /// The earliest `wake_at` after `now` of anything that waits, or end of a lease.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn next_wake(&self, now: Timestamp) -> Result<Option<Timestamp>, StoreError>;

    /// Tasks claimed from outside whose lease has run out.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn expired_leases(&self, now: Timestamp) -> Result<Vec<TaskId>, StoreError>;

    /// What a dead engine left. Tasks claimed from outside are nobody's here to
    /// recover: their leases tell.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn left_over(&self) -> Result<LeftOver, StoreError>;

    /// Everything a worker needs to begin or go on with a task.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn task_rows(&self, task: &TaskId) -> Result<Option<TaskRows>, StoreError>;

    /// Everything a worker needs to go on with an operation.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn operation_rows(&self, operation: &OperationId) -> Result<Option<OperationRows>, StoreError>;

    /// Texts by content hash, in the order asked for.
    ///
    /// # Errors
    /// When one is missing or the database cannot be read.
    async fn blobs(&self, project: &ProjectId, hashes: &[Arc<str>]) -> Result<Vec<Arc<str>>, StoreError>;

    /// All files published for a project.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn manifest(&self, project: &ProjectId) -> Result<Vec<FileEntry>, StoreError>;

    /// Removes up to a thousand rows of a deleted project; true while there are
    /// more. The ledger stays.
    ///
    /// # Errors
    /// When the database cannot be written.
    async fn remove_some(&self, project: &ProjectId) -> Result<bool, StoreError>;
}

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
