//! What goes over the wire, field by field.

use std::sync::Arc;

use domain::id::CallId;
use domain::model::{Purpose, ToolDefinition};
use serde_json::json;

use super::*;

fn request() -> Request {
    Request {
        call_id: CallId::new("cal_1"),
        model: "model-1".to_owned(),
        system: Arc::from("Be brief."),
        messages: vec![Message::user("Hello")],
        tools: Arc::new(Vec::new()),
        max_tokens: 100,
        schema: None,
        purpose: Purpose::Execution,
        timeout_ms: 1000,
    }
}

fn tool(name: &str) -> ToolDefinition {
    ToolDefinition {
        name: name.to_owned(),
        description: "d".to_owned(),
        input_schema: json!({"type": "object"}),
    }
}

fn sent(request: &Request) -> Value {
    serde_json::from_slice(&body(request, true).unwrap()).unwrap()
}

#[test]
fn single_question_caches_only_its_system_text() {
    assert_eq!(
        sent(&request()),
        json!({
            "model": "model-1", "max_tokens": 100, "stream": true,
            "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
            "messages": [{"role": "user", "content": [{"type": "text", "text": "Hello"}]}],
        })
    );
}

#[test]
fn conversation_has_four_breakpoints_and_opaque_blocks_go_back_unchanged() {
    let thinking = json!({"type": "thinking", "thinking": "", "signature": "sig"});
    let mut request = request();
    request.tools = Arc::new(vec![tool("a"), tool("b")]);
    request.messages.push(Message::assistant(vec![
        Block::Opaque { value: thinking.clone() },
        Block::Opaque { value: json!({"thinking": "of another provider"}) },
        Block::Text { text: "  ".to_owned() },
        Block::ToolUse { id: "t1".to_owned(), name: "a".to_owned(), input: json!({"x": 1}) },
    ]));
    request.messages.push(Message {
        role: Role::User,
        content: vec![Block::ToolResult {
            tool_use_id: "t1".to_owned(),
            content: "no".to_owned(),
            is_error: true,
        }],
    });
    let wire = sent(&request);
    assert_eq!(wire.to_string().matches("cache_control").count(), 4);
    assert_eq!(wire["tools"][0].get("cache_control"), None);
    assert_eq!(wire["tools"][1]["cache_control"], json!({"type": "ephemeral"}));
    assert_eq!(
        wire["messages"][1]["content"],
        json!([thinking, {"type": "tool_use", "id": "t1", "name": "a", "input": {"x": 1}}])
    );
    assert_eq!(
        wire["messages"][2]["content"],
        json!([{"type": "tool_result", "tool_use_id": "t1", "content": "no", "is_error": true,
                "cache_control": {"type": "ephemeral"}}])
    );
}

#[test]
fn breakpoints_never_exceed_four_in_a_long_conversation() {
    let mut request = request();
    request.tools = Arc::new(vec![tool("a")]);
    for _ in 0..20 {
        request.messages.push(Message::assistant(vec![Block::Text { text: "go on".to_owned() }]));
        request.messages.push(Message::user("more"));
    }
    assert_eq!(sent(&request).to_string().matches("cache_control").count(), 4);
}

#[test]
fn blank_system_text_is_left_out() {
    let mut request = request();
    request.system = Arc::from(" ");
    assert_eq!(sent(&request).get("system"), None);
}

#[test]
fn schema_is_closed_and_loses_its_bounds_but_not_its_names() {
    let schema = json!({
        "type": "object",
        "properties": {
            "minimum": {"type": "integer", "minimum": 1},
            "list": {"type": "array", "minItems": 1, "items": {"properties": {"a": {"type": "string"}}}},
        },
        "required": ["minimum"],
    });
    let mut request = request();
    request.schema = Some(Arc::new(schema));
    assert_eq!(
        sent(&request)["output_config"],
        json!({"format": {"type": "json_schema", "schema": {
            "type": "object", "additionalProperties": false,
            "properties": {
                "minimum": {"type": "integer"},
                "list": {"type": "array", "items": {
                    "properties": {"a": {"type": "string"}}, "additionalProperties": false}},
            },
            "required": ["minimum"],
        }}})
    );
}
