//! Text of running work as it arrives: shown, never relied on. A slow listener
//! loses pieces and delays nobody.

use domain::id::{OperationId, ProjectId, TaskId};
use tokio::sync::broadcast;

/// Pieces kept for a listener that is behind.
const BACKLOG: usize = 1024;

/// A piece of live text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveDelta {
    /// Whose.
    pub project: ProjectId,
    /// The task, if it is one.
    pub task: Option<TaskId>,
    /// The operation, if it is one.
    pub operation: Option<OperationId>,
    /// What.
    pub text: LiveText,
}

/// What arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LiveText {
    /// A turn begins: the model is asked.
    Turn(u32),
    /// Text of the answer.
    Text(String),
    /// The model asks for a tool, or a tool runs.
    Tool(String),
}

/// Where pieces go.
#[derive(Clone, Debug)]
pub(crate) struct Live(broadcast::Sender<LiveDelta>);

impl Live {
    pub(crate) fn new() -> Self {
        Self(broadcast::Sender::new(BACKLOG))
    }

    pub(crate) fn subscribe(&self) -> broadcast::Receiver<LiveDelta> {
        self.0.subscribe()
    }

    /// Makes the piece only when somebody listens.
    pub(crate) fn send(&self, make: impl FnOnce() -> LiveDelta) {
        if self.0.receiver_count() > 0 {
            // An error means that the last listener has just left.
            let _ = self.0.send(make());
        }
    }
}
