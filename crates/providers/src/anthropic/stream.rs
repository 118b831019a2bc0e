//! A streamed answer, put together event by event.
//!
//! A state machine without I/O: events in, deltas and at the end one answer out.
//! Anything out of order is `Malformed`; nothing is an answer before `message_stop`.
//! A tool's arguments arrive as pieces of JSON text and are read only when their
//! block is closed.

use domain::model::{Answer, CallError, Delta};
use serde_json::Value;

use super::answer::{Part, Reported, assemble, malformed};
use super::fault;

/// Most blocks of one answer.
const BLOCKS_MAX: usize = 10_000;

/// What an event was, to whoever watches the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// A sign of life only.
    Ping,
    /// Part of the answer.
    Content,
    /// The answer is complete.
    Done,
}

/// The answer so far.
#[derive(Debug, Default)]
pub(super) struct Assembly {
    has_begun: bool,
    model: String,
    blocks: Vec<Open>,
    stop: String,
    reported: Reported,
}

#[derive(Debug)]
struct Open {
    part: Part,
    /// Arguments of a tool as far as they have arrived.
    json: String,
    is_closed: bool,
}

impl Assembly {
    /// Takes the data of one event.
    pub(super) fn push(
        &mut self,
        data: &str,
        on_delta: &mut (dyn FnMut(Delta) + Send),
    ) -> Result<Progress, CallError> {
        let event: Value =
            serde_json::from_str(data).map_err(|_| malformed("an event of the stream is no JSON"))?;
        let kind = event["type"].as_str().unwrap_or("");
        match (kind, self.has_begun) {
            ("ping", _) => return Ok(Progress::Ping),
            ("error", has_begun) => return Err(fault::from_event(&event, has_begun)),
            ("message_start", false) => self.begin(event, on_delta),
            ("message_start", true) => return Err(malformed("it begins twice")),
            ("content_block_start", true) => self.open(event, on_delta)?,
            ("content_block_delta", true) => self.extend(event, on_delta)?,
            ("content_block_stop", true) => self.close(&event)?,
            ("message_delta", true) => self.end(&event, on_delta),
            ("message_stop", true) => return Ok(Progress::Done),
            (
                "content_block_start"
                | "content_block_delta"
                | "content_block_stop"
                | "message_delta"
                | "message_stop",
                false,
            ) => return Err(malformed("it goes on before it begins")),
            // Kinds of events may be added at any time.
            _ => {}
        }
        Ok(Progress::Content)
    }

    /// The whole answer, after `Progress::Done`.
    pub(super) fn finish(self) -> Result<Answer, CallError> {
        let seen = self.reported.so_far();
        let with_usage = |error: CallError| CallError { usage_seen: seen, ..error };
        if self.blocks.iter().any(|block| !block.is_closed) {
            return Err(with_usage(malformed("it ends inside a block")));
        }
        let parts = self.blocks.into_iter().map(|block| block.part).collect();
        assemble(parts, &self.stop, self.model, self.reported.complete()).map_err(with_usage)
    }

    /// The error with what is known of the bill.
    pub(super) fn fail(&self, error: CallError) -> CallError {
        CallError { usage_seen: self.reported.so_far(), ..error }
    }

    fn begin(&mut self, mut event: Value, on_delta: &mut (dyn FnMut(Delta) + Send)) {
        self.has_begun = true;
        self.reported.prompt(&event["message"]["usage"]);
        if let Some(Value::String(model)) = event.pointer_mut("/message/model").map(Value::take) {
            self.model = model;
        }
        self.announce_usage(on_delta);
    }

    fn announce_usage(&self, on_delta: &mut (dyn FnMut(Delta) + Send)) {
        if let Some(usage) = self.reported.so_far() {
            on_delta(Delta::Usage(usage));
        }
    }

    fn open(&mut self, mut event: Value, on_delta: &mut (dyn FnMut(Delta) + Send)) -> Result<(), CallError> {
        let is_next = event["index"].as_u64() == u64::try_from(self.blocks.len()).ok();
        if !is_next || self.blocks.len() >= BLOCKS_MAX || !event["content_block"].is_object() {
            return Err(malformed("a block comes out of turn"));
        }
        let part = Part::from_block(event["content_block"].take())?;
        match &part {
            Part::ToolUse { name, .. } => on_delta(Delta::ToolUse(name.clone())),
            Part::Text(text) if !text.is_empty() => on_delta(Delta::Text(text.clone())),
            Part::Text(_) | Part::Opaque(_) => {}
        }
        self.blocks.push(Open { part, json: String::new(), is_closed: false });
        Ok(())
    }

    fn block(&mut self, event: &Value) -> Result<&mut Open, CallError> {
        let index = event["index"].as_u64().and_then(|index| usize::try_from(index).ok());
        index
            .and_then(|index| self.blocks.get_mut(index))
            .filter(|block| !block.is_closed)
            .ok_or_else(|| malformed("it continues a block that is not open"))
    }

    fn extend(
        &mut self,
        mut event: Value,
        on_delta: &mut (dyn FnMut(Delta) + Send),
    ) -> Result<(), CallError> {
        let block = self.block(&event)?;
        let delta = &mut event["delta"];
        let kind = delta["type"].as_str().unwrap_or("").to_owned();
        let mut piece = |key: &str| match delta.get_mut(key).map(Value::take) {
            Some(Value::String(piece)) => Ok(piece),
            _ => Err(malformed("a piece of a block is no text")),
        };
        match (kind.as_str(), &mut block.part) {
            ("text_delta", Part::Text(text)) => {
                let piece = piece("text")?;
                text.push_str(&piece);
                on_delta(Delta::Text(piece));
            }
            ("input_json_delta", Part::ToolUse { .. } | Part::Opaque(_)) => {
                block.json.push_str(&piece("partial_json")?);
            }
            ("thinking_delta", Part::Opaque(value)) => {
                let piece = piece("thinking")?;
                match &mut value["thinking"] {
                    Value::String(text) => text.push_str(&piece),
                    other => *other = Value::String(piece),
                }
            }
            ("signature_delta", Part::Opaque(value)) => {
                value["signature"] = Value::String(piece("signature")?)
            }
            ("text_delta" | "input_json_delta" | "thinking_delta" | "signature_delta", _) => {
                return Err(malformed("a piece does not belong to its block"));
            }
            // Citations and whatever comes later: shown nowhere, needed by nobody.
            _ => {}
        }
        Ok(())
    }

    /// Closes a block, and reads what a tool is to be called with. An empty text
    /// means no arguments beyond those of the block's start.
    fn close(&mut self, event: &Value) -> Result<(), CallError> {
        let block = self.block(event)?;
        block.is_closed = true;
        if block.json.is_empty() {
            return Ok(());
        }
        let parsed = serde_json::from_str(&block.json).ok().filter(Value::is_object);
        match &mut block.part {
            Part::ToolUse { input, .. } => *input = parsed,
            Part::Opaque(value) => value["input"] = parsed.unwrap_or_default(),
            Part::Text(_) => {}
        }
        block.json = String::new();
        Ok(())
    }

    fn end(&mut self, event: &Value, on_delta: &mut (dyn FnMut(Delta) + Send)) {
        if let Some(stop) = event["delta"]["stop_reason"].as_str() {
            stop.clone_into(&mut self.stop);
        }
        self.reported.prompt(&event["usage"]);
        self.reported.answer(&event["usage"]);
        self.announce_usage(on_delta);
    }
}

#[cfg(test)]
mod tests;
