//! One function for every change: a command and the rows it touches in, changes,
//! events and follow-ups (or a refusal) out. Pure, so a transaction may always be
//! tried again. One file per command; `tx` is what they work with, `flow` keeps
//! counters, waves and project states in step with task states.

mod approve_plan;
mod begin_call;
mod claim_task;
mod external;
mod finish_task;
mod flow;
mod operations;
mod people;
mod projects;
mod recover;
mod settle_call;
mod tools;
mod tx;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::actor::Actor;
use crate::attempt::{Brief, Owner};
use crate::checkpoint::Resolution;
use crate::id::{CallId, CheckpointId, OperationId, PlanId, ProjectId, TaskId, UserId};
use crate::model::{Answer, CallError, Purpose};
use crate::money::NanoUsd;
use crate::plan::{Plan, Rigor};
use crate::policy::Policy;
use crate::ports::{IdSource, Offer};
use crate::pricing::PriceTiers;
use crate::project::{PauseReason, ProjectConfig};
use crate::refusal::Refusal;
use crate::routing::Tier;
use crate::task::Verdict;
use crate::time::Timestamp;
use crate::tool::{FileEntry, ToolClass, ToolOutcome};
use crate::view::{Blob, Changes, Key, View};

pub use external::{ClaimExternal, ExternalClaim, SubmitExternal};
pub use flow::is_parked;
pub use tx::Tx;

/// A request to change something, with who asks for it.
#[derive(Clone, Debug)]
pub struct Envelope {
    /// Who asks.
    pub actor: Actor,
    /// What for.
    pub command: Command,
}

impl Envelope {
    /// A command of the engine's own.
    #[must_use]
    pub const fn engine(command: Command) -> Self {
        Self { actor: Actor::Engine, command }
    }
}

/// Every change of state there is.
#[derive(Clone, Debug)]
pub enum Command {
    /// Make a project.
    CreateProject(CreateProject),
    /// Change its name, requirements or settings.
    UpdateProject(UpdateProject),
    /// Hide it for good; the store removes it in chunks.
    DeleteProject(ProjectId),
    /// Start to make a plan.
    BeginPlanning(BeginPlanning),
    /// A plan is there.
    StorePlan(StorePlan),
    /// No plan came.
    FailOperation(FailOperation),
    /// Turn a draft plan into tasks.
    ApprovePlan(ApprovePlan),
    /// Start, or go on.
    ExecuteProject(ProjectId),
    /// Let parked tasks try again: limits or providers may have changed.
    Unpark(ProjectId),
    /// All accepted files of a project that has come to rest are in place.
    Published(ProjectId),
    /// Start no new call.
    PauseProject(ProjectId, PauseReason),
    /// Call it off.
    CancelProject(ProjectId),
    /// Take a ready task, begin or go on with its attempt, and start its next
    /// call, all at once.
    ClaimTask(ClaimTask),
    /// Start a call.
    BeginCall(BeginCall),
    /// Book a call's end and journal what came of it.
    SettleCall(SettleCall),
    /// A tool of class `once` is about to begin.
    StartTool(ToolStep),
    /// A tool has answered.
    FinishTool(FinishTool),
    /// An attempt has ended.
    FinishTask(FinishTask),
    /// A worker gives a task back without having failed.
    PutBack(PutBack),
    /// Go on with what a dead worker left.
    Recover(Owner),
    /// A worker outside takes a ready task, for as long as its lease lasts.
    ClaimExternal(ClaimExternal),
    /// It is still at it.
    HeartbeatExternal(ExternalClaim),
    /// It brings an output.
    SubmitExternal(SubmitExternal),
    /// It gives the task back.
    ReleaseExternal(ExternalClaim),
    /// It was not heard of in time.
    ExpireLease(TaskId),
    /// A person wants a task tried again.
    RetryTask(TaskId),
    /// A person calls a task off.
    CancelTask(TaskId),
    /// A person judges an output.
    ReviewTask(ReviewTask),
    /// A person answers a question.
    ResolveCheckpoint(ResolveCheckpoint),
    /// A person changes a task before it runs.
    UpdateTask(UpdateTask),
}

/// See [`Command::CreateProject`].
#[derive(Clone, Debug)]
pub struct CreateProject {
    /// Made by the caller, so that a repeated command finds it.
    pub id: ProjectId,
    /// Whose it will be.
    pub owner: Option<UserId>,
    /// 1 to 200 characters.
    pub name: String,
    /// 1 to 50,000 characters.
    pub requirements: String,
    /// Settings.
    pub config: ProjectConfig,
}

/// See [`Command::UpdateProject`]. `None` leaves a field as it is.
#[derive(Clone, Debug)]
pub struct UpdateProject {
    /// Which.
    pub project: ProjectId,
    /// New name.
    pub name: Option<String>,
    /// New requirements.
    pub requirements: Option<String>,
    /// New settings, whole.
    pub config: Option<ProjectConfig>,
}

/// See [`Command::BeginPlanning`].
#[derive(Clone, Debug)]
pub struct BeginPlanning {
    /// Which project.
    pub project: ProjectId,
    /// Made by the caller.
    pub operation: OperationId,
    /// What the planner is told.
    pub brief: Brief,
    /// The texts behind the brief's hashes.
    pub blobs: Vec<Blob>,
}

/// See [`Command::StorePlan`].
#[derive(Clone, Debug)]
pub struct StorePlan {
    /// The planning it ends; `None` for a plan a person brought.
    pub operation: Option<OperationId>,
    /// Which project.
    pub project: ProjectId,
    /// Made by the caller.
    pub id: PlanId,
    /// Already validated.
    pub plan: Plan,
    /// How thoroughly it was made.
    pub rigor: Rigor,
    /// The model that made it.
    pub model: Arc<str>,
    /// Content hash of the requirements it was made from.
    pub requirements_hash: Arc<str>,
    /// Tokens of all its calls.
    pub usage: crate::model::Usage,
    /// Booked for all its calls.
    pub cost: NanoUsd,
}

/// See [`Command::FailOperation`].
#[derive(Clone, Debug)]
pub struct FailOperation {
    /// Which.
    pub operation: OperationId,
    /// A stable word.
    pub code: String,
    /// For a person.
    pub message: String,
}

/// See [`Command::ApprovePlan`].
#[derive(Clone, Debug)]
pub struct ApprovePlan {
    /// Of this project.
    pub project: ProjectId,
    /// Which version.
    pub plan: PlanId,
    /// Tools that exist, for tasks that leave the choice to their type.
    pub known_tools: Vec<String>,
}

/// See [`Command::ClaimTask`].
#[derive(Clone, Debug)]
pub struct ClaimTask {
    /// Which.
    pub task: TaskId,
    /// The fence it was offered with.
    pub fence: u64,
    /// What a new attempt is told; `None` goes on with the open one.
    pub brief: Option<Brief>,
    /// The texts behind the brief's hashes.
    pub blobs: Vec<Blob>,
    /// Its next call, unless the journal says that something else comes first.
    pub call: Option<NextCall>,
}

/// A call that is about to be made.
#[derive(Clone, Debug)]
pub struct NextCall {
    /// Made by the caller.
    pub id: CallId,
    /// Why.
    pub purpose: Purpose,
    /// Provider.
    pub provider: Arc<str>,
    /// Exact model id.
    pub model: Arc<str>,
    /// Its prices today.
    pub price: Arc<PriceTiers>,
    /// Upper bound of the prompt, in tokens.
    pub input_upper: u64,
    /// Upper bound of the answer, in tokens.
    pub max_tokens: u32,
    /// Hash of the request, to notice a resumed attempt that would ask something
    /// else.
    pub request_hash: Arc<str>,
    /// Text that is new beyond answers and tool results, if any.
    pub note: Option<Arc<str>>,
}

/// See [`Command::BeginCall`].
#[derive(Clone, Debug)]
pub struct BeginCall {
    /// For whom.
    pub owner: Owner,
    /// The caller's fence; 0 for operations.
    pub fence: u64,
    /// The call.
    pub call: NextCall,
}

/// How a call ended.
#[derive(Clone, Debug)]
pub enum CallEnd {
    /// With an answer.
    Answered(Box<Answer>),
    /// Without.
    Broken(CallError),
    /// It was cut by us; usage seen so far, if any.
    Cut(Option<crate::model::Usage>),
}

/// See [`Command::SettleCall`]. The money is booked whatever the fence.
#[derive(Clone, Debug)]
pub struct SettleCall {
    /// Which call.
    pub call: CallId,
    /// The caller's fence; 0 for operations.
    pub fence: u64,
    /// How it ended.
    pub end: CallEnd,
    /// Any number: it spreads the waits of retries.
    pub random: u64,
}

/// See [`Command::StartTool`].
#[derive(Clone, Debug)]
pub struct ToolStep {
    /// Which task.
    pub task: TaskId,
    /// The caller's fence.
    pub fence: u64,
    /// Which step.
    pub seq: u32,
}

/// See [`Command::FinishTool`].
#[derive(Clone, Debug)]
pub struct FinishTool {
    /// Which step.
    pub step: ToolStep,
    /// What the tool answered.
    pub outcome: ToolOutcome,
}

/// How an attempt ended.
#[derive(Clone, Debug)]
pub enum TaskEnd {
    /// With an output that shall be judged.
    Verify {
        /// The output.
        output: Arc<str>,
    },
    /// With an output that is accepted.
    Complete {
        /// The output.
        output: Arc<str>,
        /// What the verifier said, or `Skipped`.
        verdict: Option<Verdict>,
        /// Its notes.
        notes: Option<Arc<str>>,
        /// Files to publish.
        files: Vec<FileEntry>,
    },
    /// The verifier found gaps: a new attempt with its notes, or a person.
    Gaps {
        /// Its notes.
        notes: Arc<str>,
        /// The output that has gaps.
        output: Arc<str>,
    },
    /// A person has to look.
    AskPerson {
        /// Why, in a sentence.
        reason: Arc<str>,
        /// What there is, cut or not.
        output: Option<Arc<str>>,
        /// What the verifier said, if it did.
        verdict: Option<Verdict>,
    },
    /// It can never work as asked.
    Fail {
        /// Why, in a sentence.
        reason: Arc<str>,
    },
}

/// See [`Command::FinishTask`].
#[derive(Clone, Debug)]
pub struct FinishTask {
    /// Which.
    pub task: TaskId,
    /// The caller's fence.
    pub fence: u64,
    /// How it ended.
    pub end: TaskEnd,
}

/// See [`Command::PutBack`].
#[derive(Clone, Debug)]
pub struct PutBack {
    /// Which.
    pub task: TaskId,
    /// The caller's fence.
    pub fence: u64,
    /// What it waits for, if anything.
    pub wait: Option<crate::task::Wait>,
    /// Why, for people.
    pub message: Option<Arc<str>>,
}

/// See [`Command::ReviewTask`].
#[derive(Clone, Debug)]
pub struct ReviewTask {
    /// Which.
    pub task: TaskId,
    /// Accept as it is, or try again.
    pub accept: bool,
    /// Files of the output that is accepted, from its journal.
    pub files: Vec<FileEntry>,
    /// What the next attempt is told.
    pub feedback: String,
}

/// See [`Command::ResolveCheckpoint`].
#[derive(Clone, Debug)]
pub struct ResolveCheckpoint {
    /// Which.
    pub checkpoint: CheckpointId,
    /// What was decided.
    pub resolution: Resolution,
    /// What the next attempt is told.
    pub guidance: String,
}

/// See [`Command::UpdateTask`]. `None` leaves a field as it is.
#[derive(Clone, Debug, Default)]
pub struct UpdateTask {
    /// Which.
    pub task: Option<TaskId>,
    /// 1 to 200 characters.
    pub title: Option<String>,
    /// The whole new text of what to do, with everything else that is kept.
    pub spec: Option<crate::task::TaskSpec>,
    /// Class of model wanted.
    pub tier: Option<Tier>,
    /// 0 to 1000.
    pub priority: Option<i32>,
    /// 1 to 16,384.
    pub max_tokens: Option<u32>,
}

/// A tool call that a model asked for and that was journalled.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolIntent {
    /// Its step.
    pub seq: u32,
    /// The id its result must name.
    pub tool_use_id: Arc<str>,
    /// The tool.
    pub name: Arc<str>,
    /// Whether it may be repeated.
    pub class: ToolClass,
}

/// What came of a command.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It was done.
    Done,
    /// A project was created.
    Created(ProjectId),
    /// A plan was stored.
    PlanStored {
        /// Its id.
        plan: PlanId,
        /// Its version.
        version: u32,
    },
    /// A plan was approved.
    Approved {
        /// In the plan's order.
        tasks: Vec<TaskId>,
        /// How many waves they form.
        waves: u32,
    },
    /// A task was claimed; its call, if one was asked for, may be sent now.
    Claimed {
        /// Write under this fence.
        fence: u64,
        /// The attempt that begins or goes on.
        attempt: u32,
        /// The step of the call.
        seq: u32,
    },
    /// A call was admitted and may be sent now.
    CallBegun {
        /// Its step.
        seq: u32,
    },
    /// No limit has room for the call now; the task waits.
    NotAdmitted {
        /// For a person.
        message: String,
        /// Whether no room will come by itself.
        is_exhausted: bool,
    },
    /// A call was booked and its answer journalled; go on.
    Answered {
        /// Where the journal ends.
        seq: u32,
    },
    /// A call was booked; the task waits, failed, or belongs to somebody else.
    Ended,
    /// Planning goes on after this instant.
    RetryAt(Timestamp),
}

/// What the engine does once the commit is through. Losing one costs time, never
/// truth: each can be found again in the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FollowUp {
    /// Something may be ready that was not.
    Wake,
    /// Work that may start now.
    Offer(Offer),
    /// Tasks that wait for money may try again.
    MoneyFreed,
    /// Something wants to be looked at then.
    WakeAt(Timestamp),
    /// Cut whatever runs for this project.
    CutProject(ProjectId),
    /// Cut whatever runs for this task.
    CutTask(TaskId),
    /// Make the published folder match the manifest.
    Publish(ProjectId, Vec<FileEntry>),
    /// The project has come to rest: once its files are in place, say so.
    Quiet(ProjectId),
    /// Staging folders of this task are of no use any more.
    Discard(ProjectId, TaskId),
    /// Remove the project's rows and files, in chunks.
    Remove(ProjectId),
}

/// What a command does.
#[derive(Clone, Debug)]
pub struct Decision {
    /// Rows and events.
    pub changes: Changes,
    /// For the caller.
    pub outcome: Outcome,
    /// For the engine.
    pub follow_ups: Vec<FollowUp>,
}

/// Why there is no decision.
#[derive(Clone, Debug, PartialEq)]
pub enum Stop {
    /// Load these and decide again.
    Missing(Key),
    /// It is not allowed.
    Refused(Refusal),
    /// The rows contradict each other: a defect, or damaged data.
    Broken(String),
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// What decisions may know besides rows.
pub struct Knowledge<'k> {
    /// The present.
    pub now: Timestamp,
    /// Rules as configured.
    pub policy: &'k Policy,
    /// Fresh ids.
    pub ids: &'k mut dyn IdSource,
}

/// Decides on a command.
///
/// # Errors
/// See [`Stop`].
pub fn decide<'a>(
    view: &'a View,
    envelope: &'a Envelope,
    knowledge: Knowledge<'a>,
) -> Result<Decision, Stop> {
    let mut tx = Tx::new(view, &envelope.actor, knowledge);
    let outcome = match &envelope.command {
        Command::CreateProject(command) => projects::create(&mut tx, command)?,
        Command::UpdateProject(command) => projects::update(&mut tx, command)?,
        Command::DeleteProject(project) => projects::delete(&mut tx, project)?,
        Command::ExecuteProject(project) => projects::execute(&mut tx, project)?,
        Command::Published(project) => projects::published(&mut tx, project)?,
        Command::Unpark(project) => projects::unpark(&mut tx, project)?,
        Command::PauseProject(project, reason) => projects::pause(&mut tx, project, *reason)?,
        Command::CancelProject(project) => projects::cancel(&mut tx, project)?,
        Command::BeginPlanning(command) => operations::begin_planning(&mut tx, command)?,
        Command::StorePlan(command) => operations::store_plan(&mut tx, command)?,
        Command::FailOperation(command) => operations::fail(&mut tx, command)?,
        Command::ApprovePlan(command) => approve_plan::decide(&mut tx, command)?,
        Command::ClaimTask(command) => claim_task::decide(&mut tx, command)?,
        Command::BeginCall(command) => begin_call::decide(&mut tx, command)?,
        Command::SettleCall(command) => settle_call::decide(&mut tx, command)?,
        Command::StartTool(step) => tools::start(&mut tx, step)?,
        Command::FinishTool(command) => tools::finish(&mut tx, command)?,
        Command::FinishTask(command) => finish_task::decide(&mut tx, command)?,
        Command::PutBack(command) => finish_task::put_back(&mut tx, command)?,
        Command::Recover(owner) => recover::decide(&mut tx, owner)?,
        Command::ClaimExternal(command) => external::claim(&mut tx, command)?,
        Command::HeartbeatExternal(claim) => external::heartbeat(&mut tx, claim)?,
        Command::SubmitExternal(command) => external::submit(&mut tx, command)?,
        Command::ReleaseExternal(claim) => external::release(&mut tx, claim)?,
        Command::ExpireLease(task) => external::expire(&mut tx, task)?,
        Command::RetryTask(task) => people::retry(&mut tx, task)?,
        Command::CancelTask(task) => people::cancel(&mut tx, task)?,
        Command::ReviewTask(command) => people::review(&mut tx, command)?,
        Command::ResolveCheckpoint(command) => people::resolve(&mut tx, command)?,
        Command::UpdateTask(command) => people::update(&mut tx, command)?,
    };
    Ok(tx.finish(outcome))
}

impl Command {
    /// Rows that the command certainly needs, so that the store can load those of
    /// a whole batch at once. Leaving one out costs a second look, nothing more.
    #[must_use]
    pub fn needs(&self) -> Vec<Key> {
        match self {
            Self::CreateProject(command) => vec![Key::Project(command.id.clone())],
            Self::UpdateProject(command) => vec![Key::Project(command.project.clone())],
            Self::DeleteProject(id)
            | Self::ExecuteProject(id)
            | Self::Unpark(id)
            | Self::Published(id)
            | Self::PauseProject(id, _)
            | Self::CancelProject(id) => vec![Key::Project(id.clone())],
            Self::BeginPlanning(command) => vec![Key::Project(command.project.clone())],
            Self::StorePlan(command) => vec![Key::Project(command.project.clone())],
            Self::FailOperation(command) => vec![Key::Operation(command.operation.clone())],
            Self::ApprovePlan(command) => {
                vec![Key::Project(command.project.clone()), Key::Plan(command.plan.clone())]
            }
            Self::ClaimTask(command) => vec![Key::Task(command.task.clone())],
            Self::BeginCall(command) => vec![owner_key(&command.owner)],
            Self::SettleCall(command) => vec![Key::Call(command.call.clone())],
            Self::StartTool(step) => vec![Key::Task(step.task.clone())],
            Self::FinishTool(command) => vec![Key::Task(command.step.task.clone())],
            Self::FinishTask(command) => {
                vec![Key::Task(command.task.clone()), Key::Dependents(command.task.clone())]
            }
            Self::PutBack(command) => vec![Key::Task(command.task.clone())],
            Self::Recover(owner) => vec![owner_key(owner)],
            Self::ClaimExternal(command) => vec![Key::Task(command.task.clone())],
            Self::HeartbeatExternal(claim) | Self::ReleaseExternal(claim) => {
                vec![Key::Task(claim.task.clone())]
            }
            Self::SubmitExternal(command) => {
                vec![Key::Task(command.claim.task.clone()), Key::Dependents(command.claim.task.clone())]
            }
            Self::ExpireLease(id) => vec![Key::Task(id.clone())],
            Self::RetryTask(id) | Self::CancelTask(id) => vec![Key::Task(id.clone())],
            Self::ReviewTask(command) => vec![Key::Task(command.task.clone())],
            Self::ResolveCheckpoint(command) => vec![Key::Checkpoint(command.checkpoint.clone())],
            Self::UpdateTask(command) => command.task.iter().cloned().map(Key::Task).collect(),
        }
    }

    /// Whether it frees what others wait for: such commands go first in a batch.
    #[must_use]
    pub const fn settles(&self) -> bool {
        matches!(
            self,
            Self::SettleCall(_)
                | Self::FinishTool(_)
                | Self::FinishTask(_)
                | Self::PutBack(_)
                | Self::SubmitExternal(_)
        )
    }
}

fn owner_key(owner: &Owner) -> Key {
    match owner {
        Owner::Task(id) => Key::Task(id.clone()),
        Owner::Operation(id) => Key::Operation(id.clone()),
    }
}
