//! Events: facts that happened, numbered per project in the transaction of the
//! change. The first twelve names are the prototype's and stay.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::id::{ProjectId, TaskId};
use crate::task::words;
use crate::time::Timestamp;

words! {
    /// Kind of event.
    EventKind {
        /// A task begins to run.
        TaskStart = "task_start",
        /// A model asks for a tool; extra `tool`.
        ToolCall = "tool_call",
        /// A task is completed; extra `cost_usd`.
        TaskComplete = "task_complete",
        /// A call failed and will be tried again.
        TaskRetry = "task_retry",
        /// The verifier found gaps; extra `verification_notes`.
        TaskVerificationRetry = "task_verification_retry",
        /// A person has to look.
        TaskNeedsReview = "task_needs_review",
        /// A task failed.
        TaskFailed = "task_failed",
        /// A question to a person; extra `checkpoint_id`.
        Checkpoint = "checkpoint",
        /// A limit is near or used up.
        BudgetWarning = "budget_warning",
        /// Paused between waves; extras `wave`, `next_wave`.
        WaveCheckpoint = "wave_checkpoint",
        /// All tasks are done.
        ProjectComplete = "project_complete",
        /// Nothing more can be done.
        ProjectFailed = "project_failed",

        /// A project was created.
        ProjectCreated = "project_created",
        /// Its name, requirements or settings changed.
        ProjectUpdated = "project_updated",
        /// Planning began; extra `operation_id`.
        PlanStarted = "plan_started",
        /// A plan version is there; extras `plan_id`, `version`.
        PlanReady = "plan_ready",
        /// Planning failed; extra `code`.
        PlanFailed = "plan_failed",
        /// A plan was approved; extras `plan_id`, `tasks`, `waves`.
        PlanApproved = "plan_approved",
        /// Execution starts or goes on.
        ProjectExecuting = "project_executing",
        /// No new call starts; extra `reason`.
        ProjectPaused = "project_paused",
        /// A person called it off.
        ProjectCancelled = "project_cancelled",
        /// A person gave a finished project work again.
        ProjectReopened = "project_reopened",
        /// Nothing can advance until a person acts; extra `needs_review`.
        ProjectWaiting = "project_waiting",
        /// A wave may start; extra `wave`.
        WaveOpened = "wave_opened",
        /// A task waits; extras `reason`, `wake_at`.
        TaskWaiting = "task_waiting",
        /// A task's output is being judged.
        TaskVerifying = "task_verifying",
        /// A person called a task off.
        TaskCancelled = "task_cancelled",
        /// A person lets dependents go on without it.
        TaskSkipped = "task_skipped",
        /// A person wants a task tried again.
        TaskRetried = "task_retried",
        /// A person changed a task.
        TaskUpdated = "task_updated",
        /// A worker was lost; the task goes on where its journal ends.
        TaskRecovered = "task_recovered",
        /// A worker outside claimed a task; extras `claimed_by`, `lease_until`.
        TaskClaimed = "task_claimed",
        /// A worker outside gave a task back.
        TaskReleased = "task_released",
        /// A person answered a checkpoint; extras `checkpoint_id`, `resolution`.
        CheckpointResolved = "checkpoint_resolved",
        /// Nobody knows whether a call was billed; extras `call_id`, `held_usd`.
        CallUnknown = "call_unknown",
        /// A call cost more than its hold; extras `call_id`.
        BudgetAlarm = "budget_alarm",
        /// Two tasks wrote one path; extra `path`.
        FileConflict = "file_conflict",
    }
}

/// One numbered fact.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Its project.
    pub project: ProjectId,
    /// 1, 2, 3… within the project.
    pub seq: u64,
    /// When.
    pub at: Timestamp,
    /// What.
    pub kind: EventKind,
    /// About which task.
    pub task: Option<TaskId>,
    /// By whom, as `Actor::label`.
    pub actor: String,
    /// For a person.
    pub message: String,
    /// What else is known, by name.
    pub data: Map<String, Value>,
}
