//! The journal: attempts, steps, calls and operations. What is stored here is
//! enough to go on after a crash without asking a model for anything twice.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::id::{CallId, OperationId, PlanId, ProjectId, TaskId, UserId};
use crate::model::{Purpose, Usage};
use crate::money::NanoUsd;
use crate::pricing::PriceTiers;
use crate::task::words;
use crate::time::Timestamp;

words! {
    /// State of an attempt. It ends once.
    AttemptState {
        /// Going on (or waiting to).
        Running = "running",
        /// Its output was accepted.
        Completed = "completed",
        /// It ended without.
        Failed = "failed",
        /// A person called it off.
        Cancelled = "cancelled",
    }
}

words! {
    /// State of a step. The intent is stored before the act.
    StepState {
        /// Decided, perhaps begun.
        Intent = "intent",
        /// A tool of class `once` has certainly begun.
        Started = "started",
        /// Its result is stored.
        Done = "done",
        /// It was begun, and nobody knows how it ended.
        Unknown = "unknown",
    }
}

words! {
    /// Kind of step.
    StepKind {
        /// A model call; a repeated try has the same step.
        Model = "model",
        /// A tool call.
        Tool = "tool",
    }
}

words! {
    /// State of a call: one physical request.
    CallState {
        /// Stored, perhaps sent; its hold counts.
        Intent = "intent",
        /// Ended; its real cost is booked.
        Settled = "settled",
        /// Ended and certainly not billed.
        Free = "free",
        /// Nobody knows whether it was billed; booked at its hold.
        Unknown = "unknown",
    }
}

words! {
    /// State of an operation.
    OperationState {
        /// Going on, also over restarts.
        Running = "running",
        /// Ended well.
        Done = "done",
        /// Ended with an error.
        Failed = "failed",
        /// A person called it off.
        Cancelled = "cancelled",
    }
}

/// How an attempt ends. An attempt that has ended stays as it is.
#[must_use]
pub const fn end_attempt(from: AttemptState, to: AttemptState) -> Option<AttemptState> {
    match (from, to) {
        (AttemptState::Running, AttemptState::Completed | AttemptState::Failed | AttemptState::Cancelled) => {
            Some(to)
        }
        (
            AttemptState::Running | AttemptState::Completed | AttemptState::Failed | AttemptState::Cancelled,
            AttemptState::Running | AttemptState::Completed | AttemptState::Failed | AttemptState::Cancelled,
        ) => None,
    }
}

/// How a call's state may change: its intent is settled one way or the other,
/// once; only an unknown outcome may be put right later.
#[must_use]
pub const fn end_call(from: CallState, to: CallState) -> Option<CallState> {
    match (from, to) {
        (CallState::Intent, CallState::Settled | CallState::Free | CallState::Unknown)
        | (CallState::Unknown, CallState::Settled) => Some(to),
        (
            CallState::Intent | CallState::Settled | CallState::Free | CallState::Unknown,
            CallState::Intent | CallState::Settled | CallState::Free | CallState::Unknown,
        ) => None,
    }
}

/// How an operation ends. One that has ended stays as it is.
#[must_use]
pub const fn end_operation(from: OperationState, to: OperationState) -> Option<OperationState> {
    match (from, to) {
        (
            OperationState::Running,
            OperationState::Done | OperationState::Failed | OperationState::Cancelled,
        ) => Some(to),
        (
            OperationState::Running
            | OperationState::Done
            | OperationState::Failed
            | OperationState::Cancelled,
            OperationState::Running
            | OperationState::Done
            | OperationState::Failed
            | OperationState::Cancelled,
        ) => None,
    }
}

/// To whom steps and calls belong.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Owner {
    /// An attempt at a task.
    Task(TaskId),
    /// A project-level operation; its attempt number is 1.
    Operation(OperationId),
}

impl Owner {
    /// As stored.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Task(id) => id.as_str(),
            Self::Operation(id) => id.as_str(),
        }
    }

    /// The task, if it is one.
    #[must_use]
    pub const fn task(&self) -> Option<&TaskId> {
        match self {
            Self::Task(id) => Some(id),
            Self::Operation(_) => None,
        }
    }
}

/// What an attempt tells the model, fixed when it begins and never rebuilt from
/// live data. Texts are in the blob store, by content hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Brief {
    /// Provider that does it.
    pub provider: Arc<str>,
    /// Exact model id.
    pub model: Arc<str>,
    /// Hash of the system text.
    pub system: Arc<str>,
    /// Hash of the first user message (JSON of `Message`).
    pub opening: Arc<str>,
    /// Hash of the tool definitions (JSON).
    pub tools: Arc<str>,
    /// Version of the prompts they were made from.
    pub prompt_version: Arc<str>,
    /// Upper bound of one answer, in tokens.
    pub max_tokens: u32,
}

/// One try at one task.
#[derive(Clone, Debug, PartialEq)]
pub struct Attempt {
    /// The task.
    pub task: TaskId,
    /// Its project.
    pub project: ProjectId,
    /// From 1.
    pub number: u32,
    /// Its state.
    pub state: AttemptState,
    /// What the model is told.
    pub brief: Arc<Brief>,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Why it ended without an accepted output.
    pub error: Option<Arc<str>>,
}

/// One entry of the journal, in order of `seq`.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// To whom it belongs.
    pub owner: Owner,
    /// Which attempt.
    pub attempt: u32,
    /// From 1, without holes.
    pub seq: u32,
    /// Model or tool.
    pub kind: StepKind,
    /// How far it got.
    pub state: StepState,
    /// The call's purpose, or the tool's name.
    pub name: Arc<str>,
    /// Physical requests made for it so far.
    pub tries: u32,
    /// A tool's id in the model's request.
    pub tool_use_id: Option<Arc<str>>,
    /// Hash of what is asked: to notice a resumed attempt that would ask
    /// something else.
    pub request_hash: Arc<str>,
    /// What is new in this step's request beyond earlier answers and tool
    /// results: JSON of the extra user text, if any.
    pub note: Option<Arc<str>>,
    /// The raw answer (`model::Answer`) or the tool's outcome, as JSON text.
    pub result: Option<Arc<str>>,
}

/// Key of a step.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StepKey {
    /// To whom it belongs.
    pub owner: Owner,
    /// Which attempt.
    pub attempt: u32,
    /// Its place.
    pub seq: u32,
}

impl Step {
    /// Its key.
    #[must_use]
    pub fn key(&self) -> StepKey {
        StepKey { owner: self.owner.clone(), attempt: self.attempt, seq: self.seq }
    }
}

/// One physical request to a provider, and its money.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// Its id.
    pub id: CallId,
    /// Whose money.
    pub project: ProjectId,
    /// The project's owner at the time.
    pub user: Option<UserId>,
    /// To whom it belongs.
    pub owner: Owner,
    /// Which attempt.
    pub attempt: u32,
    /// Which step.
    pub seq: u32,
    /// From 1 within its step.
    pub try_no: u32,
    /// Why it is made.
    pub purpose: Purpose,
    /// Provider.
    pub provider: Arc<str>,
    /// Exact model id.
    pub model: Arc<str>,
    /// The prices it was admitted with and will be settled by.
    pub price: Arc<PriceTiers>,
    /// Set aside for it.
    pub hold: NanoUsd,
    /// The accounts that hold it; fixed at the start, whatever day it ends.
    pub accounts: Vec<Arc<str>>,
    /// How far it got.
    pub state: CallState,
    /// What was used, when it is known.
    pub usage: Option<Usage>,
    /// What was booked.
    pub cost: NanoUsd,
    /// The provider's id of it.
    pub request_id: Option<Arc<str>>,
    /// What went wrong.
    pub error: Option<Arc<str>>,
    /// When its intent was stored.
    pub began_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

impl Call {
    /// Simulated calls have accounts of their own and never appear in totals.
    #[must_use]
    pub fn is_simulated(&self) -> bool {
        &*self.provider == crate::budget::SIMULATED
    }
}

words! {
    /// What an operation does.
    OperationKind {
        /// Makes a plan.
        Plan = "plan",
    }
}

/// Project-level work that calls models. Survives restarts and hang-ups.
#[derive(Clone, Debug, PartialEq)]
pub struct Operation {
    /// Its id.
    pub id: OperationId,
    /// Its project.
    pub project: ProjectId,
    /// What it does.
    pub kind: OperationKind,
    /// How far it got.
    pub state: OperationState,
    /// What the model is told.
    pub brief: Arc<Brief>,
    /// Number of its last step.
    pub last_seq: u32,
    /// The call in flight.
    pub call: Option<CallId>,
    /// Whether a call of the current step ended with an unknown outcome.
    pub had_unknown: bool,
    /// Failed tries so far.
    pub retries: u32,
    /// Not before this instant.
    pub wake_at: Option<Timestamp>,
    /// What came out: the plan, for planning.
    pub result: Option<PlanId>,
    /// Why it failed: a refusal code and a sentence.
    pub error: Option<OperationError>,
    /// When it began.
    pub created_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

/// Why an operation failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperationError {
    /// A stable word: a refusal's code or an error class.
    pub code: String,
    /// For a person.
    pub message: String,
}

/// A movement of money, written once.
#[derive(Clone, Debug, PartialEq)]
pub struct LedgerEntry {
    /// The call it books.
    pub call: CallId,
    /// `booking`, or `correction` of an unknown outcome.
    pub kind: EntryKind,
    /// How much; corrections may be negative.
    pub amount: NanoUsd,
    /// Whether the amount is the hold, because nobody knows the real one.
    pub is_estimate: bool,
    /// Whether it was spent on simulated calls.
    pub is_simulated: bool,
    /// Kept after the project is gone.
    pub project: ProjectId,
    /// The project's owner at the time.
    pub user: Option<UserId>,
    /// The task, if it was one.
    pub task: Option<TaskId>,
    /// Why the call was made.
    pub purpose: Purpose,
    /// Provider.
    pub provider: Arc<str>,
    /// Exact model id.
    pub model: Arc<str>,
    /// Tokens; zero when unknown.
    pub usage: Usage,
    /// The day of the call's start, which is the budget period it belongs to.
    pub day: Arc<str>,
    /// When it was booked.
    pub at: Timestamp,
}

words! {
    /// Kind of ledger entry.
    EntryKind {
        /// The one booking of a call.
        Booking = "booking",
        /// A later correction of it.
        Correction = "correction",
    }
}

/// SHA-256 of some text, lower-case hex: the key of the blob store.
#[must_use]
pub fn content_hash(text: &str) -> Arc<str> {
    use sha2::{Digest, Sha256};
    use std::fmt::Write;
    let digest = Sha256::digest(text.as_bytes());
    let mut hex = String::with_capacity(64);
    for byte in digest {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
    }
    hex.into()
}

/// The key that stays the same when a tool call is repeated after a crash.
#[must_use]
pub fn idempotency_key(task: &TaskId, attempt: u32, seq: u32, tool_use_id: &str) -> String {
    content_hash(&format!("{task}/{attempt}/{seq}/{tool_use_id}")).to_string()
}

/// Reads a stored JSON text; `None` when it is not what was expected.
#[must_use]
pub fn read_json<T: serde::de::DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_str(text).ok()
}

/// JSON text of a value that always serialises.
#[must_use]
pub fn write_json<T: Serialize>(value: &T) -> Arc<str> {
    serde_json::to_string(value).unwrap_or_else(|_| Value::Null.to_string()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every pair of states that a table allows, as text.
    fn allowed<S: Copy + std::fmt::Display>(all: &[S], table: fn(S, S) -> Option<S>) -> Vec<String> {
        let mut pairs = Vec::new();
        for &from in all {
            for &to in all {
                if table(from, to).is_some() {
                    pairs.push(format!("{from} -> {to}"));
                }
            }
        }
        pairs
    }

    #[test]
    fn what_has_ended_stays_as_it_is() {
        assert_eq!(
            allowed(AttemptState::ALL, end_attempt),
            ["running -> completed", "running -> failed", "running -> cancelled"]
        );
        assert_eq!(
            allowed(OperationState::ALL, end_operation),
            ["running -> done", "running -> failed", "running -> cancelled"]
        );
    }

    #[test]
    fn only_an_unknown_outcome_is_put_right_later() {
        assert_eq!(
            allowed(CallState::ALL, end_call),
            ["intent -> settled", "intent -> free", "intent -> unknown", "unknown -> settled"]
        );
    }

    #[test]
    fn a_repeated_tool_call_has_the_key_of_the_first() {
        let task = TaskId::new("tsk_1");
        assert_eq!(idempotency_key(&task, 1, 2, "tu"), idempotency_key(&task, 1, 2, "tu"));
        assert_ne!(idempotency_key(&task, 1, 2, "tu"), idempotency_key(&task, 2, 2, "tu"));
        assert_eq!(content_hash("").len(), 64);
    }
}
