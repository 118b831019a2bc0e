//! A request off the wire, as the domain's own type, for rules and brains.
//!
//! Only reads what passed the checks; what is odd all the same is left out.

use std::sync::Arc;

use domain::id::CallId;
use domain::model::{Block, Message, Purpose, Request, Role, ToolDefinition};
use serde_json::Value;

/// A body of `/v1/messages`.
pub(super) fn anthropic(number: u64, body: &Value) -> Request {
    let system = match &body["system"] {
        Value::String(text) => text.clone(),
        blocks => joined_texts(blocks),
    };
    let messages = list(&body["messages"]).iter().map(|message| Message {
        role: if message["role"] == "assistant" { Role::Assistant } else { Role::User },
        content: match &message["content"] {
            Value::String(text) => vec![Block::Text { text: text.clone() }],
            blocks => list(blocks).iter().map(block).collect(),
        },
    });
    let tools = list(&body["tools"]).iter().map(|tool| ToolDefinition {
        name: text(&tool["name"]),
        description: text(&tool["description"]),
        input_schema: tool["input_schema"].clone(),
    });
    let schema = body.pointer("/output_config/format/schema").cloned();
    let max_tokens = &body["max_tokens"];
    request(number, body, system, messages.collect(), tools.collect(), schema, max_tokens)
}

fn block(block: &Value) -> Block {
    match block["type"].as_str() {
        Some("text") => Block::Text { text: text(&block["text"]) },
        Some("tool_use") => Block::ToolUse {
            id: text(&block["id"]),
            name: text(&block["name"]),
            input: block["input"].clone(),
        },
        Some("tool_result") => Block::ToolResult {
            tool_use_id: text(&block["tool_use_id"]),
            content: match &block["content"] {
                Value::String(text) => text.clone(),
                blocks => joined_texts(blocks),
            },
            is_error: block["is_error"] == true,
        },
        _ => Block::Opaque { value: block.clone() },
    }
}

/// A body of `/api/chat`. Tool calls have no ids there: they get one by their place.
pub(super) fn ollama(number: u64, body: &Value) -> Request {
    let mut system = String::new();
    let mut messages: Vec<Message> = Vec::new();
    let mut open: Vec<String> = Vec::new();
    for (at, message) in list(&body["messages"]).iter().enumerate() {
        let content = text(&message["content"]);
        let mut blocks = Vec::new();
        let role = match message["role"].as_str() {
            Some("system") => {
                system.push_str(&content);
                continue;
            }
            Some("tool") => {
                let tool_use_id = if open.is_empty() { String::new() } else { open.remove(0) };
                blocks.push(Block::ToolResult { tool_use_id, content, is_error: false });
                Role::User
            }
            role => {
                if !content.is_empty() {
                    blocks.push(Block::Text { text: content });
                }
                if role == Some("assistant") { Role::Assistant } else { Role::User }
            }
        };
        for (index, call) in list(&message["tool_calls"]).iter().enumerate() {
            let id = format!("call_{at}_{index}");
            open.push(id.clone());
            let input = call["function"]["arguments"].clone();
            blocks.push(Block::ToolUse { id, name: text(&call["function"]["name"]), input });
        }
        match messages.last_mut() {
            Some(last) if last.role == role => last.content.extend(blocks),
            _ => messages.push(Message { role, content: blocks }),
        }
    }
    let tools = list(&body["tools"]).iter().map(|tool| ToolDefinition {
        name: text(&tool["function"]["name"]),
        description: text(&tool["function"]["description"]),
        input_schema: tool["function"]["parameters"].clone(),
    });
    let schema = body.get("format").filter(|format| format.is_object()).cloned();
    request(number, body, system, messages, tools.collect(), schema, &body["options"]["num_predict"])
}

fn request(
    number: u64,
    body: &Value,
    system: String,
    messages: Vec<Message>,
    tools: Vec<ToolDefinition>,
    schema: Option<Value>,
    max_tokens: &Value,
) -> Request {
    let purpose = purpose(schema.as_ref(), &system, &tools);
    Request {
        call_id: CallId::new(format!("cal_fake_{number}")),
        model: text(&body["model"]),
        system: system.into(),
        messages,
        tools: Arc::new(tools),
        max_tokens: max_tokens.as_u64().and_then(|max| u32::try_from(max).ok()).unwrap_or(u32::MAX),
        schema: schema.map(Arc::new),
        purpose,
        timeout_ms: 0,
    }
}

/// The wire does not say what a request is for; its schema does, or its words.
fn purpose(schema: Option<&Value>, system: &str, tools: &[ToolDefinition]) -> Purpose {
    let asks_for = |word: &str| match schema {
        Some(schema) => schema["properties"].get(word).is_some(),
        None => tools.is_empty() && system.contains(&format!("\"{word}\"")),
    };
    if asks_for("verdict") {
        Purpose::Verification
    } else if asks_for("findings") {
        Purpose::KnowledgeExtraction
    } else if asks_for("tasks") || asks_for("phases") {
        Purpose::Planning
    } else {
        Purpose::Execution
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or("").to_owned()
}

fn joined_texts(blocks: &Value) -> String {
    let texts: Vec<&str> = list(blocks).iter().filter_map(|block| block["text"].as_str()).collect();
    texts.join("\n")
}
