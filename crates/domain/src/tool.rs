//! What a tool is, seen from the rules: its class decides whether it may run
//! again after a crash. The tools themselves live in the `tools` crate.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::id::{ProjectId, TaskId};
use crate::model::ToolDefinition;

/// What repeating a tool call would do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolClass {
    /// Only looks. May run again.
    Read,
    /// The other side recognises our key. May run again with the same key.
    Keyed,
    /// Writes inside the task's own staging folder. May run again.
    Workspace,
    /// Anything else: never starts twice for one request of the model.
    Once,
}

/// A registered tool.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolSpec {
    /// What the model is shown.
    pub definition: ToolDefinition,
    /// Whether it may be repeated.
    pub class: ToolClass,
    /// How long one call may take, in milliseconds.
    pub timeout_ms: u64,
    /// Longest result that is given to the model, in bytes.
    pub output_max_bytes: usize,
    /// Services that must be up, by id (`ollama_local`).
    pub needs: Vec<String>,
    /// Whether results come from outside and must be marked as untrusted.
    pub is_untrusted: bool,
}

/// For whom a tool runs.
#[derive(Clone, Debug)]
pub struct ToolContext {
    /// Whose files.
    pub project: ProjectId,
    /// Whose staging folder.
    pub task: TaskId,
    /// Current attempt of the task.
    pub attempt: u32,
    /// The lease under which it runs; names the staging folder.
    pub fence: u64,
    /// Stays the same when this very call is repeated after a crash.
    pub idempotency_key: String,
}

/// A file that a tool wrote; its content is already in the content store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Relative to the project's folder, `/` between parts, NFC.
    pub path: String,
    /// SHA-256 of the content, lower-case hex.
    pub hash: String,
    /// Length of the content.
    pub bytes: u64,
}

/// What a tool answered. A tool that fails answers with `is_error`; the task
/// goes on and the model sees why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolOutcome {
    /// Text for the model, within the tool's bound.
    pub content: String,
    /// Whether it failed.
    pub is_error: bool,
    /// Files it wrote.
    pub writes: Vec<FileEntry>,
}

impl ToolOutcome {
    /// A result.
    pub fn ok(content: impl Into<String>) -> Self {
        Self { content: content.into(), is_error: false, writes: Vec::new() }
    }

    /// A failure with a stable code and a sentence.
    pub fn error(code: &str, message: impl std::fmt::Display) -> Self {
        Self { content: format!("{code}: {message}"), is_error: true, writes: Vec::new() }
    }
}

/// Arguments of a call as the model gave them.
pub type ToolInput = Value;
