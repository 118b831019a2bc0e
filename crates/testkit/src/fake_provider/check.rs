//! The rules of the real services, so far as clients break them.
//!
//! Each check answers with the first broken rule, in words like the service's own.

use std::collections::BTreeSet;

use axum::http::HeaderMap;
use serde_json::Value;

/// Most `cache_control` marks of one request.
const BREAKPOINTS_MAX: usize = 4;
/// Parameters that current models refuse.
const SAMPLING: &[&str] = &["temperature", "top_p", "top_k", "seed", "min_p"];

type Checked = Result<(), String>;

fn rule(is_kept: bool, message: &str) -> Checked {
    if is_kept { Ok(()) } else { Err(message.to_owned()) }
}

/// The key that was sent; the service takes it as a bearer token too, and some
/// versions of the official clients send it so.
pub(super) fn key(headers: &HeaderMap) -> Option<&str> {
    let text = |name: &str| headers.get(name)?.to_str().ok();
    text("x-api-key").or_else(|| text("authorization")?.strip_prefix("Bearer "))
}

/// Checks a request to `/v1/messages`.
pub(super) fn anthropic(headers: &HeaderMap, body: &Value) -> Checked {
    rule(headers.contains_key("anthropic-version"), "anthropic-version: header is required")?;
    rule(key(headers).is_some(), "x-api-key: header is required")?;
    rule(body.is_object(), "the body is no JSON object")?;
    rule(body["model"].as_str().is_some_and(|model| !model.is_empty()), "model: field required")?;
    rule(body["max_tokens"].as_u64().is_some_and(|max| max > 0), "max_tokens: field required")?;
    for name in SAMPLING {
        rule(body.get(name).is_none(), &format!("{name}: sampling parameters are not allowed"))?;
    }
    rule(breakpoints(body) <= BREAKPOINTS_MAX, "at most 4 blocks with cache_control may be provided")?;
    tools(&body["tools"])?;
    if let Some(format) = body.pointer("/output_config/format") {
        rule(format["type"] == "json_schema", "output_config.format.type: must be json_schema")?;
        closed(&format["schema"])?;
    }
    let messages = body["messages"].as_array().map(Vec::as_slice).unwrap_or_default();
    rule(!messages.is_empty(), "messages: at least one message is required")?;
    conversation(messages)
}

fn tools(tools: &Value) -> Checked {
    let mut names = BTreeSet::new();
    for tool in tools.as_array().into_iter().flatten() {
        let name = tool["name"].as_str().unwrap_or("");
        rule(!name.is_empty() && names.insert(name), "tools: names must be present and unique")?;
        rule(tool["input_schema"]["type"] == "object", "tools.input_schema.type: must be object")?;
    }
    Ok(())
}

/// Objects of a structured answer must be closed.
fn closed(schema: &Value) -> Checked {
    match schema {
        Value::Object(map) => {
            let is_open = map.get("type").is_some_and(|kind| kind == "object")
                && map.get("additionalProperties") != Some(&Value::Bool(false));
            rule(!is_open, "output_config.format.schema: additionalProperties must be false")?;
            map.values().try_for_each(closed)
        }
        Value::Array(list) => list.iter().try_for_each(closed),
        _ => Ok(()),
    }
}

fn breakpoints(value: &Value) -> usize {
    match value {
        // A schema or a tool's input may have any keys.
        Value::Object(map) => map
            .iter()
            .map(|(key, value)| match key.as_str() {
                "cache_control" => 1,
                "input" | "input_schema" | "schema" => 0,
                _ => breakpoints(value),
            })
            .sum(),
        Value::Array(list) => list.iter().map(breakpoints).sum(),
        _ => 0,
    }
}

/// Roles alternate from `user` on; every tool asked for is answered once, in the
/// next message.
fn conversation(messages: &[Value]) -> Checked {
    let mut asked: BTreeSet<&str> = BTreeSet::new();
    for (index, message) in messages.iter().enumerate() {
        let role = if index % 2 == 0 { "user" } else { "assistant" };
        rule(message["role"] == role, "messages: roles must alternate and begin with user")?;
        let blocks = blocks(&message["content"])?;
        let mut answered = BTreeSet::new();
        let mut asks = BTreeSet::new();
        for block in blocks {
            match block["type"].as_str() {
                Some("text") => {
                    let text = block["text"].as_str().unwrap_or("");
                    rule(!text.trim().is_empty(), "text content blocks must contain non-whitespace text")?;
                }
                Some("tool_use") => {
                    rule(role == "assistant", "tool_use blocks belong to the assistant")?;
                    rule(block["input"].is_object(), "tool_use.input: must be an object")?;
                    let id = block["id"].as_str().unwrap_or("");
                    rule(!id.is_empty() && asks.insert(id), "tool_use ids must be unique")?;
                }
                Some("tool_result") => {
                    let id = block["tool_use_id"].as_str().unwrap_or("");
                    rule(asked.contains(id), "tool_result without a tool_use in the previous message")?;
                    rule(answered.insert(id), "each tool_use must have a single result")?;
                }
                Some(_) => {}
                None => return Err("content blocks need a type".to_owned()),
            }
        }
        rule(answered == asked, "tool_use ids were found without tool_result blocks immediately after")?;
        asked = asks;
    }
    rule(asked.is_empty(), "the last message asks for tools")?;
    let last = messages.last().map_or(&Value::Null, |last| last);
    let has_only_text = blocks(&last["content"])?.iter().all(|block| block["type"] == "text");
    rule(last["role"] == "user" || !has_only_text, "the conversation must end with a user message")
}

/// The blocks of a message; a bare text counts as none.
fn blocks(content: &Value) -> Result<&[Value], String> {
    match content {
        Value::String(text) if !text.trim().is_empty() => Ok(&[]),
        Value::Array(blocks) if !blocks.is_empty() => Ok(blocks),
        _ => Err("messages: content must not be empty".to_owned()),
    }
}

/// Checks a request to `/api/chat`.
pub(super) fn ollama(body: &Value) -> Checked {
    rule(body["model"].as_str().is_some_and(|model| !model.is_empty()), "model is required")?;
    let options = &body["options"];
    rule(options["num_ctx"].as_u64().is_some_and(|size| size > 0), "options.num_ctx must be explicit")?;
    rule(options["num_predict"].as_i64().is_some_and(|size| size > 0), "options.num_predict must be set")?;
    for name in SAMPLING {
        rule(options.get(name).is_none(), &format!("options.{name}: sampling parameters are not allowed"))?;
    }
    let messages = body["messages"].as_array().map(Vec::as_slice).unwrap_or_default();
    rule(!messages.is_empty(), "messages is required")?;
    let mut open_calls = 0;
    for message in messages {
        match message["role"].as_str() {
            Some("tool") => {
                rule(open_calls > 0, "a tool result that nobody asked for")?;
                rule(
                    message["tool_name"].as_str().is_some_and(|name| !name.is_empty()),
                    "tool_name is missing",
                )?;
                open_calls -= 1;
            }
            Some("assistant") => {
                rule(open_calls == 0, "a tool call without a result")?;
                open_calls = message["tool_calls"].as_array().map_or(0, Vec::len);
            }
            Some("user" | "system") => rule(open_calls == 0, "a tool call without a result")?,
            _ => return Err("invalid role".to_owned()),
        }
    }
    rule(open_calls == 0, "the last message asks for tools")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn checked(change: impl Fn(&mut Value)) -> Checked {
        let mut headers = HeaderMap::new();
        headers.insert("anthropic-version", "2023-06-01".parse().unwrap());
        headers.insert("x-api-key", "k".parse().unwrap());
        let mut body = json!({
            "model": "m", "max_tokens": 5,
            "tools": [{"name": "n", "input_schema": {"type": "object"}}],
            "messages": [
                {"role": "user", "content": "Hello"},
                {"role": "assistant", "content": [
                    {"type": "tool_use", "id": "a", "name": "n", "input": {}},
                    {"type": "tool_use", "id": "b", "name": "n", "input": {}}]},
                {"role": "user", "content": [
                    {"type": "tool_result", "tool_use_id": "a", "content": "1"},
                    {"type": "tool_result", "tool_use_id": "b", "content": "2"}]},
            ],
        });
        change(&mut body);
        anthropic(&headers, &body)
    }

    #[test]
    fn good_conversation_is_accepted() {
        assert_eq!(checked(|_| {}), Ok(()));
    }

    #[test]
    fn every_broken_rule_is_found() {
        type Change = fn(&mut Value);
        let changes: &[(&str, Change)] = &[
            ("max_tokens", |body| body["max_tokens"] = json!(0)),
            ("temperature", |body| body["temperature"] = json!(1)),
            ("without tool_result", |body| {
                body["messages"][2]["content"].as_array_mut().unwrap().pop();
            }),
            ("single result", |body| body["messages"][2]["content"][1]["tool_use_id"] = json!("a")),
            ("without a tool_use", |body| body["messages"][2]["content"][1]["tool_use_id"] = json!("c")),
            ("unique", |body| body["messages"][1]["content"][1]["id"] = json!("a")),
            ("alternate", |body| body["messages"][1]["role"] = json!("user")),
            ("non-whitespace", |body| {
                body["messages"][0]["content"] = json!([{"type": "text", "text": " "}])
            }),
            ("asks for tools", |body| {
                body["messages"].as_array_mut().unwrap().pop();
            }),
            ("additionalProperties", |body| {
                body["output_config"] = json!({"format": {"type": "json_schema", "schema": {"type": "object", "properties": {}}}});
            }),
        ];
        for (words, change) in changes {
            let error = checked(change).unwrap_err();
            assert!(error.contains(words), "{words}: {error}");
        }
        assert!(anthropic(&HeaderMap::new(), &json!({})).unwrap_err().contains("anthropic-version"));
    }
}
