//! An answer of Anthropic's, read strictly: usage, stop reasons, content, headers.
//!
//! Both ways of answering meet here. Pure. Where a number is missing or absurd the
//! usage is `None`, never a guess: then the hold stays booked.

use domain::model::{Allowance, Answer, Block, CallError, Delta, ErrorClass, RateLimits, StopReason, Usage};
use domain::time::Timestamp;
use reqwest::header::HeaderMap;
use serde_json::Value;

use crate::http;

/// More tokens than any request can have: twenty of the largest windows.
const TOKENS_MAX: u64 = 20_000_000;

/// Usage as it becomes known.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Reported {
    input: Option<u64>,
    output: Option<u64>,
    write_5m: u64,
    write_1h: u64,
    read: u64,
    is_absurd: bool,
}

impl Reported {
    /// Takes over the prompt's part. Figures only grow: the first event has them,
    /// later ones repeat them, and some gateways send zeros first.
    pub(super) fn prompt(&mut self, usage: &Value) {
        let Some(input) = self.count(&usage["input_tokens"]) else { return };
        self.input = self.input.max(Some(input));
        self.read = self.read.max(self.count(&usage["cache_read_input_tokens"]).unwrap_or(0));
        let split = &usage["cache_creation"];
        let written = self.count(&usage["cache_creation_input_tokens"]).unwrap_or(0);
        let write_1h = self.count(&split["ephemeral_1h_input_tokens"]).unwrap_or(0);
        let write_5m = self.count(&split["ephemeral_5m_input_tokens"]).unwrap_or(0);
        self.write_1h = self.write_1h.max(write_1h);
        // What the split does not explain is of the kind that we ask for.
        self.write_5m = self.write_5m.max(write_5m).max(written.saturating_sub(write_1h));
    }

    /// Takes over the answer's part, which is true only in the last report.
    pub(super) fn answer(&mut self, usage: &Value) {
        if let Some(output) = self.count(&usage["output_tokens"]) {
            self.output = Some(output);
        }
    }

    /// The whole, when all of it is known and believable.
    pub(super) fn complete(&self) -> Option<Usage> {
        self.output?;
        self.so_far()
    }

    /// What was reported so far; `output` is 0 until told.
    pub(super) fn so_far(&self) -> Option<Usage> {
        let usage = Usage {
            input: self.input?,
            output: self.output.unwrap_or(0),
            cache_write_5m: self.write_5m,
            cache_write_1h: self.write_1h,
            cache_read: self.read,
        };
        (!self.is_absurd && usage.prompt() <= TOKENS_MAX).then_some(usage)
    }

    fn count(&mut self, value: &Value) -> Option<u64> {
        let count = value.as_u64().filter(|count| *count <= TOKENS_MAX);
        self.is_absurd |= count.is_none() && !value.is_null();
        count
    }
}

/// A block while it is read.
#[derive(Debug)]
pub(super) enum Part {
    /// Text.
    Text(String),
    /// A request for a tool; `None` when its arguments are not (yet) JSON.
    ToolUse { id: String, name: String, input: Option<Value> },
    /// Anything else, kept as it is.
    Opaque(Value),
}

impl Part {
    /// A block of a whole message, or the start of one in a stream.
    pub(super) fn from_block(mut block: Value) -> Result<Self, CallError> {
        let mut text = |key: &str| match block[key].take() {
            Value::String(text) => Some(text),
            _ => None,
        };
        match text("type").as_deref() {
            Some("text") => Ok(Self::Text(text("text").unwrap_or_default())),
            Some("tool_use") => match (text("id"), text("name")) {
                (Some(id), Some(name)) if !id.is_empty() && !name.is_empty() => {
                    let input = Some(block["input"].take()).filter(Value::is_object);
                    Ok(Self::ToolUse { id, name, input })
                }
                _ => Err(malformed("a tool is asked for without id or name")),
            },
            Some(kind) => {
                block["type"] = Value::String(kind.to_owned());
                Ok(Self::Opaque(block))
            }
            None => Err(malformed("a block of the answer has no type")),
        }
    }
}

/// An answer that is not one.
pub(super) fn malformed(what: &str) -> CallError {
    CallError::new(ErrorClass::Malformed, format!("the provider's answer makes no sense: {what}"))
}

/// A message that came in one piece.
pub(super) fn from_message(mut message: Value) -> Result<Answer, CallError> {
    let mut reported = Reported::default();
    reported.prompt(&message["usage"]);
    reported.answer(&message["usage"]);
    let with_usage = |error: CallError| CallError { usage_seen: reported.so_far(), ..error };
    let Some(Value::Array(blocks)) = message.get_mut("content").map(Value::take) else {
        return Err(with_usage(malformed("it has no content")));
    };
    let parts: Result<Vec<Part>, CallError> =
        blocks
            .into_iter()
            .map(|block| {
                if block.is_object() {
                    Part::from_block(block)
                } else {
                    Err(malformed("a block is no object"))
                }
            })
            .collect();
    let model = message["model"].as_str().unwrap_or("").to_owned();
    let stop = message["stop_reason"].as_str().unwrap_or("");
    parts.and_then(|parts| assemble(parts, stop, model, reported.complete())).map_err(with_usage)
}

/// Puts an answer together. Requests for tools stay in it only when the model
/// stopped to wait for them: after `max_tokens`, say, the last one may be cut, and a
/// conversation with requests that nobody answers is refused by the provider.
pub(super) fn assemble(
    parts: Vec<Part>,
    stop: &str,
    model: String,
    usage: Option<Usage>,
) -> Result<Answer, CallError> {
    let stop = match (stop_reason(stop)?, has_tool_use(&parts)) {
        // Servers that imitate the API are lax here; the request is complete.
        (StopReason::EndTurn | StopReason::StopSequence, true) => StopReason::ToolUse,
        (StopReason::ToolUse, false) => return Err(malformed("it waits for a tool without naming one")),
        (stop, _) => stop,
    };
    let mut content = Vec::with_capacity(parts.len());
    for part in parts {
        match part {
            Part::Text(text) => content.push(Block::Text { text }),
            Part::ToolUse { id, name, input } => match (&stop, input) {
                (StopReason::ToolUse, Some(input)) => content.push(Block::ToolUse { id, name, input }),
                (StopReason::ToolUse, None) => {
                    return Err(malformed("a tool's arguments are no JSON object"));
                }
                _ => {}
            },
            Part::Opaque(value) if stop == StopReason::MaxTokens && is_unsigned_thinking(&value) => {}
            Part::Opaque(value) => content.push(Block::Opaque { value }),
        }
    }
    Ok(Answer { content, stop, usage, model, request_id: None, rate_limits: RateLimits::default() })
}

fn has_tool_use(parts: &[Part]) -> bool {
    parts.iter().any(|part| matches!(part, Part::ToolUse { .. }))
}

/// Thinking that was cut before its signature; sent back it would be refused.
fn is_unsigned_thinking(value: &Value) -> bool {
    value["type"] == "thinking" && value["signature"].as_str().is_none_or(str::is_empty)
}

fn stop_reason(word: &str) -> Result<StopReason, CallError> {
    Ok(match word {
        "end_turn" => StopReason::EndTurn,
        "stop_sequence" => StopReason::StopSequence,
        "tool_use" => StopReason::ToolUse,
        "max_tokens" => StopReason::MaxTokens,
        "pause_turn" => StopReason::PauseTurn,
        "refusal" => StopReason::Refusal,
        "model_context_window_exceeded" => StopReason::ContextExceeded,
        "" => return Err(malformed("it does not say why it ended")),
        other => StopReason::Other(other.chars().take(100).collect()),
    })
}

/// Shows a whole answer as if it had arrived piece by piece.
pub(super) fn announce(answer: &Answer, on_delta: &mut (dyn FnMut(Delta) + Send)) {
    if let Some(usage) = answer.usage {
        on_delta(Delta::Usage(usage));
    }
    for block in &answer.content {
        match block {
            Block::Text { text } => on_delta(Delta::Text(text.clone())),
            Block::ToolUse { name, .. } => on_delta(Delta::ToolUse(name.clone())),
            Block::ToolResult { .. } | Block::Opaque { .. } => {}
        }
    }
}

/// The allowances that the headers tell.
pub(super) fn rate_limits(headers: &HeaderMap) -> RateLimits {
    let allowance = |what: &str| {
        let text = |field: &str| http::text(headers, &format!("anthropic-ratelimit-{what}-{field}"));
        let reset: jiff::Timestamp = text("reset")?.parse().ok()?;
        Some(Allowance {
            limit: text("limit")?.parse().ok()?,
            remaining: text("remaining")?.parse().ok()?,
            reset_at: Timestamp(reset.as_millisecond()),
        })
    };
    RateLimits {
        requests: allowance("requests"),
        input_tokens: allowance("input-tokens"),
        output_tokens: allowance("output-tokens"),
    }
}

/// The ids in a list of models.
pub(super) fn model_names(body: &[u8]) -> Result<Vec<String>, CallError> {
    let list: Value = serde_json::from_slice(body).map_err(|_| malformed("its list of models is no JSON"))?;
    let models = list["data"].as_array().map(Vec::as_slice).unwrap_or_default();
    Ok(models.iter().filter_map(|model| model["id"].as_str()).map(str::to_owned).collect())
}

#[cfg(test)]
mod tests;
