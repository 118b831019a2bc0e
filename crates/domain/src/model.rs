//! What is said to a model and what comes back, in one form for all providers.
//!
//! Providers translate these shapes to their own wire and back; they decide
//! nothing. Raw answers are journalled in this form (`Answer` is a stored shape).

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Us: the task, tool results, feedback.
    User,
    /// The model.
    Assistant,
}

/// One piece of a message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "type")]
pub enum Block {
    /// Plain text.
    Text {
        /// The text.
        text: String,
    },
    /// The model asks for a tool.
    ToolUse {
        /// Id that the result must name. Made by us where the provider has none.
        id: String,
        /// The tool's name.
        name: String,
        /// Arguments, not yet checked.
        input: Value,
    },
    /// What the tool answered.
    ToolResult {
        /// The id of the request it answers.
        tool_use_id: String,
        /// Bounded text.
        content: String,
        /// Whether the tool failed.
        is_error: bool,
    },
    /// Something of the provider's own (thinking, say) that must be sent back
    /// unchanged and is never read or shown.
    Opaque {
        /// The block as the provider sent it.
        value: Value,
    },
}

/// One turn of the conversation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// In order.
    pub content: Vec<Block>,
}

impl Message {
    /// A user message of one text.
    #[must_use]
    pub fn user(text: impl Into<String>) -> Self {
        Self { role: Role::User, content: vec![Block::Text { text: text.into() }] }
    }

    /// An assistant message.
    #[must_use]
    pub const fn assistant(content: Vec<Block>) -> Self {
        Self { role: Role::Assistant, content }
    }
}

/// Why a call is made; ledger entries carry it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// Making a plan.
    Planning,
    /// Working on a task.
    Execution,
    /// Judging an output.
    Verification,
    /// Finding out what later tasks should know.
    KnowledgeExtraction,
    /// Shortening a conversation that no longer fits.
    Compaction,
    /// Work done outside and reported to us.
    ExternalExecution,
}

impl Purpose {
    /// As stored and as on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Planning => "planning",
            Self::Execution => "execution",
            Self::Verification => "verification",
            Self::KnowledgeExtraction => "knowledge_extraction",
            Self::Compaction => "compaction",
            Self::ExternalExecution => "external_execution",
        }
    }
}

/// The part of a tool that a model is shown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolDefinition {
    /// Name, unique in the registry.
    pub name: String,
    /// What it does, for the model.
    pub description: String,
    /// JSON Schema of its arguments.
    pub input_schema: Value,
}

/// One request. Borrow-friendly: the large parts are shared.
#[derive(Clone, Debug)]
pub struct Request {
    /// Which model call this is; providers may log it, nothing else.
    pub call_id: crate::id::CallId,
    /// Exact model id.
    pub model: String,
    /// System text: a stable prefix, the first cache breakpoint after the tools.
    pub system: Arc<str>,
    /// The conversation, append-only between turns.
    pub messages: Vec<Message>,
    /// Tools offered, in a stable order.
    pub tools: Arc<Vec<ToolDefinition>>,
    /// Upper bound of the answer's tokens; always sent.
    pub max_tokens: u32,
    /// JSON Schema the answer's text must match, where the provider can.
    pub schema: Option<Arc<Value>>,
    /// Why the call is made.
    pub purpose: Purpose,
    /// How long the whole call may take, in milliseconds.
    pub timeout_ms: u64,
}

/// Tokens by price class. `input` is the uncached remainder only: the prompt's
/// size is the sum of the four input fields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Usage {
    /// Uncached prompt tokens.
    pub input: u64,
    /// Answer tokens, thinking included.
    pub output: u64,
    /// Prompt tokens written to the five-minute cache.
    pub cache_write_5m: u64,
    /// Prompt tokens written to the one-hour cache.
    pub cache_write_1h: u64,
    /// Prompt tokens read from the cache.
    pub cache_read: u64,
}

impl Usage {
    /// All prompt tokens, cached or not.
    #[must_use]
    pub const fn prompt(&self) -> u64 {
        self.input
            .saturating_add(self.cache_write_5m)
            .saturating_add(self.cache_write_1h)
            .saturating_add(self.cache_read)
    }
}

/// Why the model stopped. Only `EndTurn` and `StopSequence` end a task well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// It had finished.
    EndTurn,
    /// It reached a stop sequence.
    StopSequence,
    /// It waits for tool results.
    ToolUse,
    /// Its answer reached `max_tokens`: cut.
    MaxTokens,
    /// A long server-side turn; send it back unchanged to go on.
    PauseTurn,
    /// It will not do this.
    Refusal,
    /// The conversation no longer fits its window.
    ContextExceeded,
    /// Something this version does not know. Never success.
    Other(String),
}

/// A whole answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// In order.
    pub content: Vec<Block>,
    /// Why it ended.
    pub stop: StopReason,
    /// Tokens; `None` when the provider did not say.
    pub usage: Option<Usage>,
    /// The model that answered, as the provider names it.
    pub model: String,
    /// The provider's id of the request.
    pub request_id: Option<String>,
    /// What the provider said of our remaining allowance.
    #[serde(default, skip_serializing_if = "RateLimits::is_empty")]
    pub rate_limits: RateLimits,
}

impl Answer {
    /// All text blocks, joined by newlines.
    #[must_use]
    pub fn text(&self) -> String {
        let texts: Vec<&str> = self
            .content
            .iter()
            .filter_map(|block| match block {
                Block::Text { text } => Some(text.as_str()),
                Block::ToolUse { .. } | Block::ToolResult { .. } | Block::Opaque { .. } => None,
            })
            .collect();
        texts.join("\n")
    }
}

/// One allowance of a rate limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allowance {
    /// The whole of it.
    pub limit: u64,
    /// What is left.
    pub remaining: u64,
    /// When it is whole again.
    pub reset_at: crate::time::Timestamp,
}

/// Allowances from an answer's headers, where the provider sends them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RateLimits {
    /// Requests.
    pub requests: Option<Allowance>,
    /// Uncached input tokens.
    pub input_tokens: Option<Allowance>,
    /// Output tokens.
    pub output_tokens: Option<Allowance>,
}

impl RateLimits {
    /// Whether the provider said nothing.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.requests.is_none() && self.input_tokens.is_none() && self.output_tokens.is_none()
    }
}

/// Something that arrived while the model was still speaking. Shown, never
/// relied on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delta {
    /// More text.
    Text(String),
    /// The model began to ask for a tool.
    ToolUse(String),
    /// Usage seen so far, for calls that are cut.
    Usage(Usage),
}

/// What went wrong with a call, by what has to be done about it
/// (the table of provider faults in ARCHITECTURE.md).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorClass {
    /// Nobody answered; nothing was sent.
    Unreachable,
    /// 503, 529: the provider has too much to do.
    Overloaded,
    /// 429: we ask too often.
    RateLimited,
    /// The provider's own spending limit: waiting does not help.
    SpendLimit,
    /// 401, 403: the key is not accepted.
    Auth,
    /// 400, 404: this request will never be accepted.
    BadRequest,
    /// The prompt does not fit (400 or 413 that says so).
    TooLong,
    /// 5xx after the request was sent.
    ServerError,
    /// No answer, or silence, for too long after sending.
    TimedOut,
    /// The stream ended before the answer did, or carried an error.
    CutStream,
    /// An answer that is none: broken JSON, missing fields.
    Malformed,
    /// A local model silently dropped part of the prompt.
    PromptTruncated,
}

impl ErrorClass {
    /// Whether the provider certainly did not bill the request. When it may have,
    /// the hold stays booked until somebody knows better.
    #[must_use]
    pub const fn is_free(self) -> bool {
        match self {
            Self::Unreachable
            | Self::Overloaded
            | Self::RateLimited
            | Self::SpendLimit
            | Self::Auth
            | Self::BadRequest
            | Self::TooLong => true,
            Self::ServerError
            | Self::TimedOut
            | Self::CutStream
            | Self::Malformed
            | Self::PromptTruncated => false,
        }
    }

    /// As stored and shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Overloaded => "overloaded",
            Self::RateLimited => "rate_limited",
            Self::SpendLimit => "spend_limit",
            Self::Auth => "auth",
            Self::BadRequest => "bad_request",
            Self::TooLong => "too_long",
            Self::ServerError => "server_error",
            Self::TimedOut => "timed_out",
            Self::CutStream => "cut_stream",
            Self::Malformed => "malformed",
            Self::PromptTruncated => "prompt_truncated",
        }
    }
}

/// A call that brought no answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallError {
    /// What to do about it.
    pub class: ErrorClass,
    /// For a person; never contains a key.
    pub message: String,
    /// How long the provider asked us to wait.
    pub retry_after_ms: Option<u64>,
    /// The provider's id of the request.
    pub request_id: Option<String>,
    /// Usage that was reported before the call broke.
    pub usage_seen: Option<Usage>,
}

impl CallError {
    /// An error of this class with nothing else known.
    pub fn new(class: ErrorClass, message: impl Into<String>) -> Self {
        Self { class, message: message.into(), retry_after_ms: None, request_id: None, usage_seen: None }
    }
}

impl std::fmt::Display for CallError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for CallError {}
