//! A checkpoint: a question to a person that stops a task, or a wave.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::id::{CheckpointId, ProjectId, TaskId};
use crate::task::words;
use crate::time::Timestamp;

words! {
    /// Why a person is asked.
    CheckpointKind {
        /// Automatic tries are used up.
        RetryExhausted = "retry_exhausted",
    }
}

words! {
    /// What a person decided.
    Resolution {
        /// Try again, with guidance if given.
        Retry = "retry",
        /// Let dependents go on without it.
        Skip = "skip",
        /// Give it up.
        Fail = "fail",
    }
}

/// One earlier try, as shown to the person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PastTry {
    /// What happened.
    pub message: String,
    /// When.
    pub at: Timestamp,
}

/// The question.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    /// Its id.
    pub id: CheckpointId,
    /// Its project.
    pub project: ProjectId,
    /// The task that waits.
    pub task: Option<TaskId>,
    /// Why.
    pub kind: CheckpointKind,
    /// What happened, in a sentence.
    pub summary: Arc<str>,
    /// Earlier tries, oldest first.
    pub attempts: Vec<PastTry>,
    /// What the person is asked.
    pub question: Arc<str>,
    /// What was decided.
    pub resolution: Option<Resolution>,
    /// The decision as text, guidance included.
    pub response: Option<Arc<str>>,
    /// When it was decided.
    pub resolved_at: Option<Timestamp>,
    /// When it was asked.
    pub created_at: Timestamp,
}
