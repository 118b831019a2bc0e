//! The rows that decisions see and change. A view holds what was loaded; what is
//! missing is named, loaded by the store, and the decision is made again from the
//! start. So a decision stays pure, and loads no more than it touches.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use crate::attempt::{Attempt, Call, LedgerEntry, Operation, Step, StepKey};
use crate::budget::Account;
use crate::checkpoint::Checkpoint;
use crate::event::Event;
use crate::id::{CallId, CheckpointId, OperationId, PlanId, ProjectId, TaskId};
use crate::plan::PlanVersion;
use crate::project::Project;
use crate::task::{Task, TaskSpec};
use crate::time::Timestamp;
use crate::tool::FileEntry;

/// What a decision needs and the view does not have yet.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Key {
    /// One row.
    Project(ProjectId),
    /// One row, with its body.
    Plan(PlanId),
    /// One row.
    Task(TaskId),
    /// The ids of the tasks that need this one, and their rows.
    Dependents(TaskId),
    /// The same for a thousand or so tasks behind it: what cannot go on is told
    /// to all of them.
    Descendants(TaskId),
    /// The counter of one wave.
    Wave(ProjectId, u32),
    /// One row.
    Attempt(TaskId, u32),
    /// One row.
    Step(StepKey),
    /// One row.
    Call(CallId),
    /// One row.
    Operation(OperationId),
    /// One row.
    Checkpoint(CheckpointId),
    /// One row; absent means nothing was booked yet.
    Account(Arc<str>),
    /// The published file at a path of a project.
    File(ProjectId, Arc<str>),
}

/// What one task's published version of a path is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishedFile {
    /// Its project.
    pub project: ProjectId,
    /// Who wrote it.
    pub task: TaskId,
    /// Under which claim.
    pub fence: u64,
    /// Path, hash and size.
    pub entry: FileEntry,
    /// When it was published.
    pub at: Timestamp,
}

/// A text kept by content hash, per project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blob {
    /// Whose.
    pub project: ProjectId,
    /// `attempt::content_hash` of the text.
    pub hash: Arc<str>,
    /// The text.
    pub text: Arc<str>,
}

impl Blob {
    /// A blob of this text.
    #[must_use]
    pub fn new(project: ProjectId, text: impl Into<Arc<str>>) -> Self {
        let text = text.into();
        Self { project, hash: crate::attempt::content_hash(&text), text }
    }
}

crate::task::words! {
    /// Where feedback on a task came from.
    FeedbackKind {
        /// The verifier.
        Verification = "verification_feedback",
        /// A person who looked at the output.
        Review = "review_feedback",
        /// A person who answered a checkpoint.
        Guidance = "checkpoint_guidance",
    }
}

/// Something the next attempt at a task has to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Feedback {
    /// About which task.
    pub task: TaskId,
    /// From whom.
    pub kind: FeedbackKind,
    /// What.
    pub text: Arc<str>,
    /// When.
    pub at: Timestamp,
}

/// Rows by key; `None` means: looked up, and there is none.
pub type Rows<K, V> = HashMap<K, Option<V>>;

/// What is known of the database while a batch of commands is decided.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// Whether everything is here, so that what is not here does not exist.
    pub is_complete: bool,
    /// By id.
    pub projects: Rows<ProjectId, Project>,
    /// By id.
    pub plans: Rows<PlanId, PlanVersion>,
    /// By id.
    pub tasks: Rows<TaskId, Task>,
    /// Who needs a task.
    pub dependents: Rows<TaskId, Arc<Vec<TaskId>>>,
    /// Tasks of a wave that can still advance by themselves.
    pub waves: Rows<(ProjectId, u32), u32>,
    /// By task and number.
    pub attempts: Rows<(TaskId, u32), Attempt>,
    /// By key.
    pub steps: Rows<StepKey, Step>,
    /// By id.
    pub calls: Rows<CallId, Call>,
    /// By id.
    pub operations: Rows<OperationId, Operation>,
    /// By id.
    pub checkpoints: Rows<CheckpointId, Checkpoint>,
    /// By key.
    pub accounts: Rows<Arc<str>, Account>,
    /// By project and path.
    pub files: Rows<(ProjectId, Arc<str>), PublishedFile>,
}

/// The answer that is entered for a question whose task was called off.
pub const CALLED_OFF: &str = "the task was called off";

/// A change that touches rows by the thousand without loading them. Attempts and
/// questions of the tasks end with them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bulk {
    /// Tasks of a plan that is no longer the approved one: those that are not
    /// final are cancelled and their fences raised.
    ArchiveTasks {
        /// The plan.
        plan: PlanId,
        /// When.
        at: Timestamp,
    },
    /// Tasks of a project that are not final are cancelled, fences raised, and
    /// the project's counters set to match.
    CancelTasks {
        /// The project.
        project: ProjectId,
        /// When.
        at: Timestamp,
    },
}

/// What a decision changes. Rows are whole and replace what was there; lists are
/// appended.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// Upserts by id.
    pub projects: HashMap<ProjectId, Project>,
    /// Upserts by id.
    pub plans: HashMap<PlanId, PlanVersion>,
    /// Upserts by id.
    pub tasks: HashMap<TaskId, Task>,
    /// Upserts by task.
    pub task_specs: HashMap<TaskId, TaskSpec>,
    /// Inserts: task, and what it needs.
    pub dependencies: Vec<(TaskId, TaskId)>,
    /// Dependents of new tasks, for the view; the store has `dependencies`.
    pub dependents: HashMap<TaskId, Arc<Vec<TaskId>>>,
    /// Upserts.
    pub waves: HashMap<(ProjectId, u32), u32>,
    /// Upserts.
    pub attempts: HashMap<(TaskId, u32), Attempt>,
    /// Upserts.
    pub steps: HashMap<StepKey, Step>,
    /// Upserts.
    pub calls: HashMap<CallId, Call>,
    /// Upserts.
    pub operations: HashMap<OperationId, Operation>,
    /// Upserts.
    pub checkpoints: HashMap<CheckpointId, Checkpoint>,
    /// Upserts.
    pub accounts: HashMap<Arc<str>, Account>,
    /// Upserts of what is published at a path; every version is appended to the
    /// history as well.
    pub files: HashMap<(ProjectId, Arc<str>), PublishedFile>,
    /// Inserts.
    pub ledger: Vec<LedgerEntry>,
    /// Inserts.
    pub events: Vec<Event>,
    /// Inserts unless there.
    pub blobs: Vec<Blob>,
    /// Inserts.
    pub feedback: Vec<Feedback>,
    /// Carried out before the upserts.
    pub bulk: Vec<Bulk>,
}

impl Changes {
    /// Adds a later decision's changes to these.
    pub fn merge(&mut self, later: Self) {
        self.projects.extend(later.projects);
        self.plans.extend(later.plans);
        self.tasks.extend(later.tasks);
        self.task_specs.extend(later.task_specs);
        self.dependencies.extend(later.dependencies);
        self.dependents.extend(later.dependents);
        self.waves.extend(later.waves);
        self.attempts.extend(later.attempts);
        self.steps.extend(later.steps);
        self.calls.extend(later.calls);
        self.operations.extend(later.operations);
        self.checkpoints.extend(later.checkpoints);
        self.accounts.extend(later.accounts);
        self.files.extend(later.files);
        self.ledger.extend(later.ledger);
        self.events.extend(later.events);
        self.blobs.extend(later.blobs);
        self.feedback.extend(later.feedback);
        self.bulk.extend(later.bulk);
    }

    /// Whether nothing changes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.projects.is_empty()
            && self.plans.is_empty()
            && self.tasks.is_empty()
            && self.task_specs.is_empty()
            && self.dependencies.is_empty()
            && self.waves.is_empty()
            && self.attempts.is_empty()
            && self.steps.is_empty()
            && self.calls.is_empty()
            && self.operations.is_empty()
            && self.checkpoints.is_empty()
            && self.accounts.is_empty()
            && self.files.is_empty()
            && self.ledger.is_empty()
            && self.events.is_empty()
            && self.blobs.is_empty()
            && self.feedback.is_empty()
            && self.bulk.is_empty()
    }
}

fn overwrite<K: Clone + Eq + Hash, V: Clone>(rows: &mut Rows<K, V>, changed: &HashMap<K, V>) {
    for (key, row) in changed {
        rows.insert(key.clone(), Some(row.clone()));
    }
}

impl View {
    /// Makes later decisions of the same batch see these changes. Bulk changes
    /// are not followed here: the store ends its batch after one, and a complete
    /// view follows them with [`View::apply_bulk`].
    pub fn apply(&mut self, changes: &Changes) {
        for bulk in &changes.bulk {
            self.apply_bulk(bulk);
        }
        overwrite(&mut self.projects, &changes.projects);
        overwrite(&mut self.plans, &changes.plans);
        overwrite(&mut self.tasks, &changes.tasks);
        overwrite(&mut self.dependents, &changes.dependents);
        overwrite(&mut self.waves, &changes.waves);
        overwrite(&mut self.attempts, &changes.attempts);
        overwrite(&mut self.steps, &changes.steps);
        overwrite(&mut self.calls, &changes.calls);
        overwrite(&mut self.operations, &changes.operations);
        overwrite(&mut self.checkpoints, &changes.checkpoints);
        overwrite(&mut self.accounts, &changes.accounts);
        overwrite(&mut self.files, &changes.files);
    }

    /// Does to the rows at hand what the store does to all rows.
    pub fn apply_bulk(&mut self, bulk: &Bulk) {
        for task in self.tasks.values_mut().flatten() {
            let (is_meant, at) = match bulk {
                Bulk::ArchiveTasks { plan, at } => (task.plan == *plan, *at),
                Bulk::CancelTasks { project, at } => (task.project == *project, *at),
            };
            if is_meant && !task.state.is_final() {
                if let Some(Some(question)) =
                    task.checkpoint.take().map(|id| self.checkpoints.get_mut(&id)).unwrap_or_default()
                {
                    question.resolution = Some(crate::checkpoint::Resolution::Fail);
                    question.response = Some(CALLED_OFF.into());
                    question.resolved_at = Some(at);
                }
                let attempt =
                    self.attempts.get_mut(&(task.id.clone(), task.attempt)).and_then(Option::as_mut);
                if let Some(attempt) = attempt.filter(|attempt| attempt.ended_at.is_none()) {
                    attempt.state = crate::attempt::AttemptState::Cancelled;
                    attempt.ended_at = Some(at);
                }
                task.is_attempt_open = false;
                task.state = crate::task::TaskState::Cancelled;
                task.fence += 1;
                task.wait = None;
                task.claimed_by = None;
                task.lease_until = None;
                task.updated_at = at;
            }
        }
        if let Bulk::CancelTasks { project, .. } = bulk {
            for ((of, _), holding) in &mut self.waves {
                if of == project {
                    *holding = Some(0);
                }
            }
        }
    }
}
