//! An answer of Ollama's, put together line by line.
//!
//! A state machine without I/O. Also the rules that tell whether a prompt was
//! read in full.

use domain::model::{
    Answer, Block, CallError, Delta, ErrorClass, Message, RateLimits, Request, StopReason, Usage,
};
use serde_json::{Value, json};

use crate::http;

/// More tokens than any local model's window has.
const TOKENS_MAX: u64 = 20_000_000;
/// Bytes a token has at most, on average over a whole prompt and without its white
/// space. English has about 4, source code about 3.
const BYTES_PER_TOKEN_MAX: u64 = 8;
/// Bytes a token has in a text of which nothing is known.
const BYTES_PER_TOKEN_USUAL: u64 = 4;
/// How near a count has to be to a limit that servers cut at.
const SLACK_TOKENS: u64 = 8;
/// Most tools that one answer may ask for.
const TOOLS_MAX: usize = 1_000;

/// The size of a prompt beside its window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Prompt {
    dense_bytes: u64,
    window: u64,
}

impl Prompt {
    /// Counts the texts of a request; markup and JSON around them are left out, so
    /// that the count is never too high.
    pub(super) fn measure(request: &Request, num_ctx: u32) -> Self {
        let dense = |text: &str| text.bytes().filter(|byte| !byte.is_ascii_whitespace()).count() as u64;
        let of_message = |message: &Message| -> u64 {
            let texts = message.content.iter().map(|block| match block {
                Block::Text { text } => dense(text),
                Block::ToolResult { content, .. } => dense(content),
                // Templates print arguments in ways of their own.
                Block::ToolUse { .. } | Block::Opaque { .. } => 0,
            });
            texts.sum()
        };
        let messages: u64 = request.messages.iter().map(of_message).sum();
        Self { dense_bytes: dense(&request.system) + messages, window: u64::from(num_ctx) }
    }

    /// Fewer tokens than this it cannot have.
    pub(super) const fn tokens_min(self) -> u64 {
        self.dense_bytes / BYTES_PER_TOKEN_MAX
    }

    /// Whether it is too long for certain.
    pub(super) const fn cannot_fit(self) -> bool {
        self.tokens_min() > self.window
    }

    /// Whether the server cut the prompt, by the number of tokens it says it read.
    ///
    /// * A count that fills the window: older servers cut to exactly that.
    /// * A prompt that by its usual size does not fit, and a count of half the
    ///   window (newer servers cut to that) or below nine tenths of the least the
    ///   prompt can have (servers that drop whole messages).
    ///
    /// A low count alone proves nothing: some versions leave out, or do not count,
    /// what they still had in their cache. So a prompt that by its usual size fits is
    /// taken to be whole, and a missing count is no evidence at all.
    pub(super) const fn is_truncated(self, count: Option<u64>) -> bool {
        let Some(count) = count else { return false };
        if count.saturating_add(SLACK_TOKENS) >= self.window {
            return true;
        }
        let probably_fits = self.dense_bytes / BYTES_PER_TOKEN_USUAL <= self.window;
        let is_half = count >= self.window / 2 && count <= self.window / 2 + SLACK_TOKENS;
        let is_low = count.saturating_mul(10) < self.tokens_min().saturating_mul(9);
        !probably_fits && count > 0 && (is_half || is_low)
    }
}

/// The answer so far.
pub(super) struct Chat {
    prompt: Prompt,
    id_prefix: String,
    max_tokens: u64,
    model: String,
    text: String,
    thinking: String,
    tools: Vec<Block>,
    last: Value,
}

impl Chat {
    /// Nothing yet of the answer to this request.
    pub(super) fn new(request: &Request, prompt: Prompt) -> Self {
        Self {
            prompt,
            id_prefix: request.call_id.as_str().to_owned(),
            max_tokens: u64::from(request.max_tokens),
            model: request.model.clone(),
            text: String::new(),
            thinking: String::new(),
            tools: Vec::new(),
            last: Value::Null,
        }
    }

    /// Takes one line. True when it was the last.
    pub(super) fn push(
        &mut self,
        line: &[u8],
        on_delta: &mut (dyn FnMut(Delta) + Send),
    ) -> Result<bool, CallError> {
        if line.iter().all(u8::is_ascii_whitespace) {
            return Ok(false);
        }
        let mut line: Value = match serde_json::from_slice(line) {
            Ok(line @ Value::Object(_)) => line,
            // The rest of a line may be missing because the stream was cut.
            Err(error) if error.is_eof() => {
                return Err(CallError::new(ErrorClass::CutStream, "the stream ended inside a line"));
            }
            Ok(_) | Err(_) => return Err(malformed("a line is no JSON object")),
        };
        if let Some(error) = line.get("error").filter(|error| !error.is_null()) {
            let said = error.as_str().map_or_else(|| error.to_string(), str::to_owned);
            let is_too_long = http::says_too_long(&said);
            let class = if is_too_long { ErrorClass::TooLong } else { ErrorClass::CutStream };
            return Err(CallError::new(class, format!("Ollama broke off: {said}")));
        }
        if let Some(Value::String(model)) = line.get_mut("model").map(Value::take) {
            self.model = model;
        }
        let mut piece = |key: &str| match line.pointer_mut(key).map(Value::take) {
            Some(Value::String(piece)) => piece,
            _ => String::new(),
        };
        self.thinking.push_str(&piece("/message/thinking"));
        let text = piece("/message/content");
        self.text.push_str(&text);
        if !text.is_empty() {
            on_delta(Delta::Text(text));
        }
        if let Some(Value::Array(calls)) = line.pointer_mut("/message/tool_calls").map(Value::take) {
            for call in calls {
                self.tool(call, on_delta)?;
            }
        }
        let is_last = line["done"] == true;
        if is_last {
            self.last = line;
        }
        Ok(is_last)
    }

    /// Ollama gives its tool calls no id that can be relied on, so they get one from
    /// the id of the call and their place in the answer.
    fn tool(&mut self, mut call: Value, on_delta: &mut (dyn FnMut(Delta) + Send)) -> Result<(), CallError> {
        let name = match call.pointer_mut("/function/name").map(Value::take) {
            Some(Value::String(name)) if !name.is_empty() => name,
            _ => return Err(malformed("a tool is asked for without a name")),
        };
        let input = match call.pointer_mut("/function/arguments").map(Value::take) {
            None | Some(Value::Null) => json!({}),
            Some(Value::String(text)) => serde_json::from_str(&text).unwrap_or(Value::Null),
            Some(input) => input,
        };
        if !input.is_object() || self.tools.len() >= TOOLS_MAX {
            return Err(malformed("a tool's arguments are no JSON object"));
        }
        on_delta(Delta::ToolUse(name.clone()));
        let id = format!("{}_{}", self.id_prefix, self.tools.len());
        self.tools.push(Block::ToolUse { id, name, input });
        Ok(())
    }

    /// The whole answer, after the last line.
    pub(super) fn finish(self) -> Result<Answer, CallError> {
        let usage = self.usage();
        let prompt_count = count(&self.last["prompt_eval_count"]);
        if self.prompt.is_truncated(prompt_count) {
            let what = format!(
                "the prompt does not fit the model's window of {} tokens and was cut; raise num_ctx",
                self.prompt.window
            );
            return Err(CallError { usage_seen: usage, ..CallError::new(ErrorClass::PromptTruncated, what) });
        }
        let stop = self.stop(usage, prompt_count);
        let mut content = Vec::new();
        if !self.thinking.is_empty() {
            // Without a `type`: no other provider is ever sent this.
            content.push(Block::Opaque { value: json!({"thinking": self.thinking}) });
        }
        if !self.text.is_empty() {
            content.push(Block::Text { text: self.text });
        }
        if stop == StopReason::ToolUse {
            content.extend(self.tools);
        }
        let rate_limits = RateLimits::default();
        Ok(Answer { content, stop, usage, model: self.model, request_id: None, rate_limits })
    }

    /// The error with what is known of the tokens.
    pub(super) fn fail(&self, error: CallError) -> CallError {
        CallError { usage_seen: self.usage(), ..error }
    }

    fn stop(&self, usage: Option<Usage>, prompt_count: Option<u64>) -> StopReason {
        match self.last["done_reason"].as_str() {
            Some("stop") if !self.tools.is_empty() => StopReason::ToolUse,
            Some("stop") => StopReason::EndTurn,
            // One word for two reasons: the answer's limit, or the window's end.
            Some("length") => {
                let output = usage.map_or(0, |usage| usage.output);
                let has_room = prompt_count.is_none_or(|prompt| prompt + output + 1 < self.prompt.window);
                if output < self.max_tokens && !has_room {
                    StopReason::ContextExceeded
                } else {
                    StopReason::MaxTokens
                }
            }
            Some(other) => StopReason::Other(other.chars().take(100).collect()),
            None => StopReason::Other("no done_reason".to_owned()),
        }
    }

    /// A prompt that was wholly in the server's cache has no count in some versions:
    /// then it is 0. Without a count of the answer there is no usage.
    fn usage(&self) -> Option<Usage> {
        let input = match &self.last["prompt_eval_count"] {
            Value::Null => 0,
            value => count(value)?,
        };
        Some(Usage { input, output: count(&self.last["eval_count"])?, ..Usage::default() })
    }
}

fn count(value: &Value) -> Option<u64> {
    value.as_u64().filter(|count| *count <= TOKENS_MAX)
}

fn malformed(what: &str) -> CallError {
    CallError::new(ErrorClass::Malformed, format!("Ollama's answer makes no sense: {what}"))
}

#[cfg(test)]
mod tests;
