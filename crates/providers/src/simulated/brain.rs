//! What the stand-in answers: a pure function of the request, its call id aside.
//!
//! Chooses by the call's purpose who answers, and adds the usage that a real
//! provider would have reported. No time passes here.

use domain::model::{
    Answer, Block, CallError, ErrorClass, Message, Purpose, RateLimits, Request, Role, StopReason, Usage,
};
use sha2::{Digest, Sha256};

use super::directive::Directives;
use super::{judge, plan, work};

/// Bytes of text per token.
const BYTES_PER_TOKEN: usize = 4;
/// Shortest prompt that is cached.
const CACHE_MIN_TOKENS: u64 = 1024;

/// How context is told from a task.
const CONTEXT: &str = "<context kind=";

/// What one part of the mind says.
pub(super) struct Said {
    /// In order.
    pub content: Vec<Block>,
    /// Why it ends.
    pub stop: StopReason,
}

impl Said {
    /// A text, and that is all.
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self { content: vec![Block::Text { text: text.into() }], stop: StopReason::EndTurn }
    }

    /// A text that ends too early.
    pub(super) fn cut(text: &str) -> Self {
        let half = text.char_indices().nth(text.chars().count() / 2).map_or(0, |(at, _)| at);
        let content = vec![Block::Text { text: text[..half.max(text.len().min(1))].to_owned() }];
        Self { content, stop: StopReason::MaxTokens }
    }

    /// Nothing: it will not.
    pub(super) const fn refusal() -> Self {
        Self { content: Vec::new(), stop: StopReason::Refusal }
    }
}

/// The stand-in's answer to a request.
///
/// # Errors
/// Only where a directive asks for a failing call.
pub fn brain(request: &Request) -> Result<Answer, CallError> {
    let said = match request.purpose {
        Purpose::Planning => plan::answer(request)?,
        Purpose::Execution | Purpose::ExternalExecution => work::answer(request)?,
        Purpose::Verification => judge::verdict(request),
        Purpose::KnowledgeExtraction => judge::findings(request),
        Purpose::Compaction => judge::summary(request),
    };
    Ok(Answer {
        usage: Some(usage(request, &said.content)),
        content: said.content,
        stop: said.stop,
        model: request.model.clone(),
        request_id: Some(format!("sim_{:016x}", fingerprint(request))),
        rate_limits: RateLimits::default(),
    })
}

/// How much longer a request is asked to take, in milliseconds (`slow`, `plan_slow`).
#[must_use]
pub fn extra_latency_ms(request: &Request) -> u64 {
    let (text, key) = match request.purpose {
        Purpose::Planning => (first_text(request), "plan_slow"),
        Purpose::Execution => (task_text(request).to_owned(), "slow"),
        _ => return 0,
    };
    Directives::of(&text).number(key).unwrap_or(0)
}

/// The failure a directive asks for.
pub(super) fn failure(class: Option<&str>) -> CallError {
    const CLASSES: &[ErrorClass] = &[
        ErrorClass::Unreachable,
        ErrorClass::Overloaded,
        ErrorClass::RateLimited,
        ErrorClass::SpendLimit,
        ErrorClass::Auth,
        ErrorClass::TooLong,
        ErrorClass::ServerError,
        ErrorClass::TimedOut,
        ErrorClass::CutStream,
        ErrorClass::Malformed,
        ErrorClass::PromptTruncated,
    ];
    let class = CLASSES.iter().copied().find(|known| Some(known.as_str()) == class);
    CallError::new(class.unwrap_or(ErrorClass::BadRequest), "simulated: this call was asked to fail")
}

/// A number that is the same for the same request, whatever its call id.
pub(super) fn fingerprint(request: &Request) -> u64 {
    let mut hash = Sha256::new();
    hash.update(request.model.as_bytes());
    hash.update([0]);
    hash.update(request.system.as_bytes());
    hash.update([0, request.purpose as u8]);
    for message in &request.messages {
        hash.update([match message.role {
            Role::User => 1,
            Role::Assistant => 2,
        }]);
        for block in &message.content {
            hash.update([3]);
            match block {
                Block::Text { text } => hash.update(text.as_bytes()),
                Block::ToolResult { tool_use_id, content, .. } => {
                    hash.update(tool_use_id.as_bytes());
                    hash.update(content.as_bytes());
                }
                Block::ToolUse { id, name, input } => {
                    hash.update(id.as_bytes());
                    hash.update(name.as_bytes());
                    hash.update(input.to_string().as_bytes());
                }
                Block::Opaque { value } => hash.update(value.to_string().as_bytes()),
            }
        }
    }
    let digest = hash.finalize();
    digest.iter().take(8).fold(0, |number, byte| (number << 8) | u64::from(*byte))
}

/// The task's description: the first text of the first message that is not context.
/// Context quotes requirements and outputs, whose directives are about other tasks.
pub(super) fn task_text(request: &Request) -> &str {
    let blocks = request.messages.first().map(|message| message.content.as_slice()).unwrap_or_default();
    let mut texts = blocks.iter().filter_map(|block| match block {
        Block::Text { text } => Some(text.as_str()),
        Block::ToolUse { .. } | Block::ToolResult { .. } | Block::Opaque { .. } => None,
    });
    let first = texts.next().unwrap_or("");
    if first.contains(CONTEXT) { texts.next().unwrap_or(first) } else { first }
}

/// The texts of the first message: context and task, or what to plan or judge.
pub(super) fn first_text(request: &Request) -> String {
    request.messages.first().map(texts).unwrap_or_default()
}

/// All texts of a message.
pub(super) fn texts(message: &Message) -> String {
    let texts: Vec<&str> = message
        .content
        .iter()
        .filter_map(|block| match block {
            Block::Text { text } => Some(text.as_str()),
            Block::ToolUse { .. } | Block::ToolResult { .. } | Block::Opaque { .. } => None,
        })
        .collect();
    texts.join("\n")
}

/// How many turns the model has had.
pub(super) fn turns_taken(request: &Request) -> u64 {
    request.messages.iter().filter(|message| message.role == Role::Assistant).count() as u64
}

/// Tokens by the length of the texts. With tools there is a next turn, so the
/// prompt is cached, and read from the cache up to the last turn.
fn usage(request: &Request, content: &[Block]) -> Usage {
    let tokens = |bytes: usize| bytes.div_ceil(BYTES_PER_TOKEN) as u64;
    let tools: usize = request
        .tools
        .iter()
        .map(|tool| tool.name.len() + tool.description.len() + tool.input_schema.to_string().len())
        .sum();
    let prefix = request.system.len() + tools;
    let of_messages = |messages: &[Message]| -> usize {
        messages.iter().flat_map(|message| &message.content).map(block_bytes).sum()
    };
    let prompt = tokens(prefix + of_messages(&request.messages)).max(1);
    let before = request.messages.len().saturating_sub(2);
    let known = tokens(prefix + of_messages(&request.messages[..before]));
    let output = tokens(content.iter().map(block_bytes).sum()).max(1);
    let mut usage =
        Usage { input: prompt, output: output.min(u64::from(request.max_tokens)), ..Usage::default() };
    if !request.tools.is_empty() && prompt >= CACHE_MIN_TOKENS {
        usage.cache_read = if before > 0 && known >= CACHE_MIN_TOKENS { known.min(prompt - 1) } else { 0 };
        usage.cache_write_5m = prompt - 1 - usage.cache_read;
        usage.input = 1;
    }
    usage
}

fn block_bytes(block: &Block) -> usize {
    match block {
        Block::Text { text } => text.len(),
        Block::ToolUse { name, input, .. } => name.len() + input.to_string().len(),
        Block::ToolResult { content, .. } => content.len(),
        Block::Opaque { value } => value.to_string().len(),
    }
}

#[cfg(test)]
mod tests;
