//! An answer onto the wire: Anthropic's events or message, Ollama's lines.

use domain::model::{Answer, Block, StopReason, Usage};
use serde_json::{Value, json};

use super::script::Fault;

/// Pieces that a text is streamed in, at most.
const PIECES_MAX: usize = 8;

/// The usage a reply tells; absurd or missing on request.
fn told(usage: Option<Usage>, fault: Option<Fault>) -> Option<Value> {
    match (fault, usage) {
        (Some(Fault::MissingUsage), _) | (_, None) => None,
        (Some(Fault::AbsurdUsage), Some(_)) => {
            Some(json!({"input_tokens": -1, "output_tokens": 9_999_999_999_999_u64}))
        }
        (_, Some(usage)) => Some(json!({
            "input_tokens": usage.input,
            "cache_creation_input_tokens": usage.cache_write_5m + usage.cache_write_1h,
            "cache_creation": {
                "ephemeral_5m_input_tokens": usage.cache_write_5m,
                "ephemeral_1h_input_tokens": usage.cache_write_1h,
            },
            "cache_read_input_tokens": usage.cache_read,
            "output_tokens": usage.output,
        })),
    }
}

fn stop_word(stop: &StopReason) -> &str {
    match stop {
        StopReason::EndTurn => "end_turn",
        StopReason::StopSequence => "stop_sequence",
        StopReason::ToolUse => "tool_use",
        StopReason::MaxTokens => "max_tokens",
        StopReason::PauseTurn => "pause_turn",
        StopReason::Refusal => "refusal",
        StopReason::ContextExceeded => "model_context_window_exceeded",
        StopReason::Other(word) => word,
    }
}

/// The whole message.
pub(super) fn message(number: u64, answer: &Answer, fault: Option<Fault>) -> Vec<u8> {
    let content: Vec<Value> = answer.content.iter().map(block).collect();
    let mut message = json!({
        "id": format!("msg_fake_{number}"), "type": "message", "role": "assistant", "model": answer.model,
        "content": content, "stop_reason": stop_word(&answer.stop), "stop_sequence": null,
    });
    if let Some(usage) = told(answer.usage, fault) {
        message["usage"] = usage;
    }
    message.to_string().into_bytes()
}

fn block(block: &Block) -> Value {
    match block {
        Block::Text { text } => json!({"type": "text", "text": text}),
        Block::ToolUse { id, name, input } => {
            json!({"type": "tool_use", "id": id, "name": name, "input": input})
        }
        Block::ToolResult { .. } => json!({"type": "text", "text": "(a tool result is no answer)"}),
        Block::Opaque { value } => value.clone(),
    }
}

/// The message as a stream of events, one piece per event.
pub(super) fn events(number: u64, answer: &Answer, fault: Option<Fault>) -> Vec<String> {
    let mut events = Vec::new();
    let mut push = |event: Value| {
        let kind = event["type"].as_str().unwrap_or("").to_owned();
        events.push(format!("event: {kind}\ndata: {event}\n\n"));
    };
    let usage = told(answer.usage, fault);
    let mut start = json!({
        "id": format!("msg_fake_{number}"), "type": "message", "role": "assistant", "model": answer.model,
        "content": [], "stop_reason": null, "stop_sequence": null,
    });
    if let Some(mut usage) = usage.clone() {
        // As the real service does it: a placeholder, to be believed by nobody.
        usage["output_tokens"] = json!(1);
        start["usage"] = usage;
    }
    push(json!({"type": "message_start", "message": start}));
    push(json!({"type": "ping"}));
    for (index, block) in answer.content.iter().enumerate() {
        let (start, deltas) = opened(block);
        push(json!({"type": "content_block_start", "index": index, "content_block": start}));
        for delta in deltas {
            push(json!({"type": "content_block_delta", "index": index, "delta": delta}));
        }
        push(json!({"type": "content_block_stop", "index": index}));
    }
    let mut end = json!({
        "type": "message_delta", "delta": {"stop_reason": stop_word(&answer.stop), "stop_sequence": null},
    });
    if let Some(usage) = usage {
        end["usage"] = json!({"output_tokens": usage["output_tokens"]});
    }
    push(end);
    push(json!({"type": "message_stop"}));
    events
}

/// How a block begins in a stream, and what follows.
fn opened(block: &Block) -> (Value, Vec<Value>) {
    match block {
        Block::Text { text } => {
            let deltas = pieces(text).into_iter().map(|piece| json!({"type": "text_delta", "text": piece}));
            (json!({"type": "text", "text": ""}), deltas.collect())
        }
        Block::ToolUse { id, name, input } => {
            let json = input.to_string();
            let deltas = pieces(&json)
                .into_iter()
                .map(|piece| json!({"type": "input_json_delta", "partial_json": piece}));
            (json!({"type": "tool_use", "id": id, "name": name, "input": {}}), deltas.collect())
        }
        Block::Opaque { value } if value["type"] == "thinking" => (
            json!({"type": "thinking", "thinking": "", "signature": ""}),
            vec![
                json!({"type": "thinking_delta", "thinking": value["thinking"]}),
                json!({"type": "signature_delta", "signature": value["signature"]}),
            ],
        ),
        other => (self::block(other), Vec::new()),
    }
}

fn pieces(text: &str) -> Vec<String> {
    let size = text.chars().count().div_ceil(PIECES_MAX).max(16);
    let chars: Vec<char> = text.chars().collect();
    chars.chunks(size).map(|piece| piece.iter().collect()).collect()
}

/// The answer as Ollama's lines, one piece per line.
pub(super) fn lines(answer: &Answer, fault: Option<Fault>) -> Vec<String> {
    let mut lines = Vec::new();
    let mut push = |message: Value| {
        lines.push(format!("{}\n", json!({"model": answer.model, "message": message, "done": false})));
    };
    for block in &answer.content {
        match block {
            Block::Text { text } => pieces(text)
                .into_iter()
                .for_each(|piece| push(json!({"role": "assistant", "content": piece}))),
            Block::ToolUse { name, input, .. } => push(json!({"role": "assistant", "content": "",
                "tool_calls": [{"function": {"name": name, "arguments": input}}]})),
            Block::Opaque { value } => push(json!({"role": "assistant", "thinking": value["thinking"]})),
            Block::ToolResult { .. } => {}
        }
    }
    let reason = match &answer.stop {
        StopReason::MaxTokens | StopReason::ContextExceeded => "length",
        StopReason::Other(word) => word,
        _ => "stop",
    };
    let mut last = json!({"model": answer.model, "message": {"role": "assistant", "content": ""},
        "done": true, "done_reason": reason, "total_duration": 1});
    if let Some(usage) = told(answer.usage, fault) {
        last["prompt_eval_count"] = usage["input_tokens"].clone();
        last["eval_count"] = usage["output_tokens"].clone();
    }
    lines.push(format!("{last}\n"));
    lines
}
