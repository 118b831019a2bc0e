//! The request as Ollama wants it.
//!
//! Decides nothing. Sends no sampling parameters: the model's own file has them.

use domain::model::{Block, CallError, ErrorClass, Message, Request, Role};
use serde_json::{Map, Value, json};

/// The body of `POST /api/chat`.
pub(super) fn body(request: &Request, num_ctx: u32) -> Result<Vec<u8>, CallError> {
    let mut body = json!({
        "model": request.model,
        "messages": messages(request),
        "stream": true,
        "truncate": false,
        "shift": false,
        "options": {"num_ctx": num_ctx, "num_predict": request.max_tokens},
    });
    if !request.tools.is_empty() {
        let tools = request.tools.iter().map(|tool| {
            json!({"type": "function", "function": {
                "name": tool.name, "description": tool.description, "parameters": tool.input_schema}})
        });
        body["tools"] = tools.collect();
    }
    if let Some(schema) = request.schema.as_deref() {
        body["format"] = schema.clone();
    }
    serde_json::to_vec(&body).map_err(|error| {
        CallError::new(ErrorClass::BadRequest, format!("the request cannot be written: {error}"))
    })
}

fn messages(request: &Request) -> Vec<Value> {
    let mut wire = Vec::with_capacity(request.messages.len() + 1);
    if !request.system.trim().is_empty() {
        wire.push(json!({"role": "system", "content": &*request.system}));
    }
    for message in &request.messages {
        match message.role {
            Role::Assistant => wire.push(assistant(message)),
            Role::User => user(message, &request.messages, &mut wire),
        }
    }
    wire
}

/// A turn of the model's, with its thinking where it is Ollama's own.
fn assistant(message: &Message) -> Value {
    let mut wire = Map::new();
    let mut texts = Vec::new();
    let mut calls = Vec::new();
    for block in &message.content {
        match block {
            Block::Text { text } => texts.push(text.as_str()),
            Block::ToolUse { name, input, .. } => {
                calls.push(json!({"function": {"name": name, "arguments": input}}));
            }
            Block::Opaque { value } if value.get("type").is_none() => {
                if let Some(thinking) = value.get("thinking") {
                    wire.insert("thinking".to_owned(), thinking.clone());
                }
            }
            Block::Opaque { .. } | Block::ToolResult { .. } => {}
        }
    }
    wire.insert("role".to_owned(), json!("assistant"));
    wire.insert("content".to_owned(), json!(texts.join("\n")));
    if !calls.is_empty() {
        wire.insert("tool_calls".to_owned(), Value::Array(calls));
    }
    Value::Object(wire)
}

/// A turn of ours: every tool result is a message of its own, named by its tool.
fn user(message: &Message, all: &[Message], wire: &mut Vec<Value>) {
    let mut texts = Vec::new();
    for block in &message.content {
        match block {
            Block::Text { text } => texts.push(text.as_str()),
            Block::ToolResult { tool_use_id, content, is_error } => {
                let content = if *is_error { format!("error: {content}") } else { content.clone() };
                wire.push(json!({
                    "role": "tool", "content": content, "tool_name": tool_name(all, tool_use_id)}));
            }
            Block::ToolUse { .. } | Block::Opaque { .. } => {}
        }
    }
    if !texts.is_empty() {
        wire.push(json!({"role": "user", "content": texts.join("\n")}));
    }
}

/// The tool that was asked for under this id.
fn tool_name<'a>(messages: &'a [Message], wanted: &str) -> &'a str {
    let mut blocks = messages.iter().rev().flat_map(|message| &message.content);
    blocks
        .find_map(|block| match block {
            Block::ToolUse { id, name, .. } if id == wanted => Some(name.as_str()),
            _ => None,
        })
        .unwrap_or("")
}
