//! A task: kinds, states, and the one table of how states follow each other.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::id::{CallId, CheckpointId, PlanId, ProjectId, TaskId, UserId};
use crate::model::Usage;
use crate::money::NanoUsd;
use crate::routing::Tier;
use crate::time::Timestamp;

/// Makes an enum that is stored and sent as fixed words.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $word)] $variant,)* }

        impl $name {
            /// Every value, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The word that is stored and sent.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            /// Reads the word; `None` when it is none of them.
            #[must_use]
            pub fn parse(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)* _ => None }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}
pub(crate) use words;

words! {
    /// Kind of work.
    TaskType {
        /// Writing or changing programs.
        Code = "code",
        /// Finding things out.
        Research = "research",
        /// Judging and comparing.
        Analysis = "analysis",
        /// Making pictures and the like.
        Asset = "asset",
        /// Joining parts together.
        Integration = "integration",
        /// Writing for readers.
        Documentation = "documentation",
    }
}

words! {
    /// How hard a task is.
    Complexity {
        /// A small model will do.
        Simple = "simple",
        /// The usual.
        Medium = "medium",
        /// Needs a strong model.
        Complex = "complex",
    }
}

words! {
    /// Stored state of a task.
    TaskState {
        /// Some prerequisite is not completed or skipped yet.
        Blocked = "blocked",
        /// May start, unless it waits for something (`WaitReason`).
        Ready = "ready",
        /// A worker has it.
        Running = "running",
        /// Its output is being judged.
        Verifying = "verifying",
        /// A person has to decide.
        NeedsReview = "needs_review",
        /// Done and, where asked for, verified.
        Completed = "completed",
        /// Will not be done unless a person acts.
        Failed = "failed",
        /// A person called it off.
        Cancelled = "cancelled",
        /// A person lets its dependents go on without it.
        Skipped = "skipped",
    }
}

words! {
    /// What a ready task waits for, besides a slot.
    WaitReason {
        /// The provider asked us to come back later, or its breaker is open.
        Provider = "provider",
        /// Calls in flight hold what is left of a limit.
        Money = "money",
        /// A retry has its time.
        Backoff = "backoff",
        /// A service it needs is down.
        Service = "service",
        /// A person, though the task itself is ready (no provider is configured, say).
        Person = "person",
    }
}

impl TaskState {
    /// States that only a person's recorded action leaves (I9).
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled | Self::Skipped)
    }

    /// Whether dependents may go on.
    #[must_use]
    pub const fn satisfies_dependents(self) -> bool {
        matches!(self, Self::Completed | Self::Skipped)
    }

    /// Whether dependents cannot go on unless a person acts.
    #[must_use]
    pub const fn is_dead(self) -> bool {
        matches!(self, Self::NeedsReview | Self::Failed | Self::Cancelled)
    }

    /// Whether a worker is on it.
    #[must_use]
    pub const fn is_active(self) -> bool {
        matches!(self, Self::Running | Self::Verifying)
    }

    /// The word the prototype's clients know for this state.
    #[must_use]
    pub const fn wire(self) -> &'static str {
        match self {
            Self::Ready => "pending",
            Self::Verifying => "running",
            Self::Skipped => "cancelled",
            Self::Blocked
            | Self::Running
            | Self::NeedsReview
            | Self::Completed
            | Self::Failed
            | Self::Cancelled => self.as_str(),
        }
    }
}

/// Why and how long a ready task waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait {
    /// What for.
    pub reason: WaitReason,
    /// Since when.
    pub since: Timestamp,
    /// Not before this instant; `None` when something else ends the wait.
    pub wake_at: Option<Timestamp>,
}

/// What a task is about; only edits by a person change it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskSpec {
    /// What to do; reaches the model unchanged.
    pub description: String,
    /// Tools it may use, by name.
    pub tools: Vec<String>,
    /// Requirements it serves, `R1` and so on.
    pub requirement_ids: Vec<String>,
    /// How to tell that it is done.
    pub verification_criteria: String,
    /// Best guess of the files it touches.
    pub affected_files: Vec<String>,
    /// Name of its phase.
    pub phase: Option<String>,
}

/// The row that commands on a task load.
#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    /// Its id.
    pub id: TaskId,
    /// Its project.
    pub project: ProjectId,
    /// The plan it came from.
    pub plan: PlanId,
    /// Its place in the plan.
    pub index: u32,
    /// Short name.
    pub title: Arc<str>,
    /// Kind of work.
    pub task_type: TaskType,
    /// How hard.
    pub complexity: Complexity,
    /// Class of model wanted.
    pub tier: Tier,
    /// Lower starts first.
    pub priority: i32,
    /// Dependency depth.
    pub wave: u32,
    /// Its state.
    pub state: TaskState,
    /// What a ready task waits for.
    pub wait: Option<Wait>,
    /// The project's `money_epoch` when no limit had room for its next call.
    pub parked_epoch: u32,
    /// Counts up with each claim; writes under an older one change nothing.
    pub fence: u64,
    /// Number of the current attempt; 0 before the first.
    pub attempt: u32,
    /// Whether the current attempt goes on at its journal.
    pub is_attempt_open: bool,
    /// Number of the last step of the current attempt.
    pub last_seq: u32,
    /// The call in flight.
    pub call: Option<CallId>,
    /// Who claimed it from outside; nobody while the engine has it.
    pub claimed_by: Option<UserId>,
    /// Until when that claim holds without being heard of.
    pub lease_until: Option<Timestamp>,
    /// Whether a call of the current step ended with an unknown outcome.
    pub had_unknown: bool,
    /// Automatic tries used up.
    pub retries: u32,
    /// Tries a person asked for.
    pub person_retries: u32,
    /// Times a worker was lost.
    pub crashes: u32,
    /// Upper bound of one answer, in tokens.
    pub max_tokens: u32,
    /// Prerequisites neither completed nor skipped.
    pub pending_deps: u32,
    /// Prerequisites that cannot be met unless a person acts.
    pub dead_deps: u32,
    /// What the verifier said last.
    pub verdict: Option<Verdict>,
    /// Its notes.
    pub verdict_notes: Option<Arc<str>>,
    /// Why it failed or needs a person.
    pub error: Option<Arc<str>>,
    /// Content hash of its output.
    pub output_hash: Option<Arc<str>>,
    /// The open question about it.
    pub checkpoint: Option<CheckpointId>,
    /// The model of its last call.
    pub model: Option<Arc<str>>,
    /// Tokens of all its calls.
    pub usage: Usage,
    /// Booked for all its calls.
    pub cost: NanoUsd,
    /// When it last began.
    pub started_at: Option<Timestamp>,
    /// When it was completed.
    pub completed_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl Task {
    /// Whether it can still advance by itself: what keeps its wave, and its
    /// project, going.
    #[must_use]
    pub const fn is_holding(&self) -> bool {
        match self.state {
            TaskState::Ready | TaskState::Running | TaskState::Verifying => true,
            TaskState::Blocked => self.dead_deps == 0,
            TaskState::NeedsReview
            | TaskState::Completed
            | TaskState::Failed
            | TaskState::Cancelled
            | TaskState::Skipped => false,
        }
    }

    /// Whether what depends on it cannot go on unless a person acts.
    #[must_use]
    pub const fn blocks_dependents(&self) -> bool {
        self.state.is_dead() || (matches!(self.state, TaskState::Blocked) && self.dead_deps > 0)
    }
}

/// What happens to a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TaskEvent {
    /// Its last unmet prerequisite was completed or skipped.
    Unblock,
    /// A prerequisite was taken back.
    Block,
    /// A worker claims it.
    Begin,
    /// Its worker gives it back to go on later.
    PutBack,
    /// An output is there and will be judged.
    Verify,
    /// An output is there and accepted.
    Complete,
    /// Nothing more will be tried by itself.
    Fail,
    /// A person has to decide.
    AskPerson,
    /// A person wants it tried (again).
    Retry,
    /// A person accepts the output as it is.
    Accept,
    /// A person calls it off.
    Cancel,
    /// A person lets dependents go on without it.
    Skip,
}

impl TaskEvent {
    /// Every event, for the table's test.
    pub const ALL: &'static [Self] = &[
        Self::Unblock,
        Self::Block,
        Self::Begin,
        Self::PutBack,
        Self::Verify,
        Self::Complete,
        Self::Fail,
        Self::AskPerson,
        Self::Retry,
        Self::Accept,
        Self::Cancel,
        Self::Skip,
    ];
}

/// The state that follows, or `None` where the event has no place. The whole
/// life of a task is this table; nothing else changes a state.
#[must_use]
pub const fn next(state: TaskState, event: TaskEvent) -> Option<TaskState> {
    use TaskEvent as E;
    use TaskState as S;
    Some(match (state, event) {
        (S::Blocked, E::Unblock) => S::Ready,
        (S::Ready, E::Block) => S::Blocked,
        (S::Ready, E::Begin) => S::Running,
        (S::Running | S::Verifying, E::PutBack) => S::Ready,
        (S::Running, E::Verify) => S::Verifying,
        (S::Running | S::Verifying, E::Complete) => S::Completed,
        (S::Ready | S::Running | S::Verifying | S::NeedsReview, E::Fail) => S::Failed,
        (S::Ready | S::Running | S::Verifying, E::AskPerson) => S::NeedsReview,
        // Retry leads to ready; a task whose prerequisites were taken back
        // meanwhile is blocked right after, in the same transaction.
        (S::NeedsReview | S::Failed | S::Cancelled | S::Completed | S::Skipped, E::Retry) => S::Ready,
        (S::NeedsReview, E::Accept) => S::Completed,
        (S::Blocked | S::Ready | S::Running | S::Verifying | S::NeedsReview, E::Cancel) => S::Cancelled,
        (S::NeedsReview | S::Failed | S::Blocked | S::Ready, E::Skip) => S::Skipped,
        (
            S::Blocked
            | S::Ready
            | S::Running
            | S::Verifying
            | S::NeedsReview
            | S::Completed
            | S::Failed
            | S::Cancelled
            | S::Skipped,
            E::Unblock
            | E::Block
            | E::Begin
            | E::PutBack
            | E::Verify
            | E::Complete
            | E::Fail
            | E::AskPerson
            | E::Retry
            | E::Accept
            | E::Cancel
            | E::Skip,
        ) => return None,
    })
}

/// Judgement of an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It meets the criteria.
    Passed,
    /// Something is missing; the notes say what.
    GapsFound,
    /// A person has to look.
    HumanNeeded,
    /// Nobody judged.
    Skipped,
}

impl Verdict {
    /// As stored and on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::GapsFound => "gaps_found",
            Self::HumanNeeded => "human_needed",
            Self::Skipped => "skipped",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn final_states_leave_by_a_persons_action_only() {
        for &state in TaskState::ALL.iter().filter(|state| state.is_final()) {
            for &event in TaskEvent::ALL {
                if next(state, event).is_some() {
                    assert!(matches!(event, TaskEvent::Retry | TaskEvent::Skip), "{state} left by {event:?}");
                }
            }
        }
    }

    #[test]
    fn nothing_completes_that_no_worker_or_person_had() {
        for &state in TaskState::ALL {
            if next(state, TaskEvent::Complete).is_some() {
                assert!(state.is_active());
            }
        }
        assert_eq!(next(TaskState::Cancelled, TaskEvent::Complete), None);
    }

    #[test]
    fn the_table_is_what_the_documentation_shows() {
        let mut rows = Vec::new();
        for &state in TaskState::ALL {
            for &event in TaskEvent::ALL {
                if let Some(to) = next(state, event) {
                    rows.push(format!("{state} --{event:?}--> {to}"));
                }
            }
        }
        insta::assert_snapshot!(rows.join("\n"));
    }

    #[test]
    fn words_read_back() {
        for &state in TaskState::ALL {
            assert_eq!(TaskState::parse(state.as_str()), Some(state));
        }
        assert_eq!(TaskState::parse("queued"), None);
    }
}
