//! Usage, stop reasons and content of whole messages; headers.

use serde_json::json;

use super::*;

fn message(stop: &str, content: &Value, usage: &Value) -> Value {
    json!({"type": "message", "role": "assistant", "model": "m", "content": content,
           "stop_reason": stop, "usage": usage})
}

fn usage_of(usage: &Value) -> Option<Usage> {
    from_message(message("end_turn", &json!([]), usage)).unwrap().usage
}

#[test]
fn every_usage_field_is_read() {
    let usage = json!({
        "input_tokens": 1, "output_tokens": 2, "cache_read_input_tokens": 3,
        "cache_creation_input_tokens": 9,
        "cache_creation": {"ephemeral_5m_input_tokens": 4, "ephemeral_1h_input_tokens": 5},
    });
    let expected = Usage { input: 1, output: 2, cache_read: 3, cache_write_5m: 4, cache_write_1h: 5 };
    assert_eq!(usage_of(&usage), Some(expected));
}

#[test]
fn cache_writes_without_a_split_are_of_five_minutes() {
    let usage = json!({"input_tokens": 1, "output_tokens": 2, "cache_creation_input_tokens": 9,
                       "cache_read_input_tokens": null, "cache_creation": null});
    let expected = Usage { input: 1, output: 2, cache_write_5m: 9, ..Usage::default() };
    assert_eq!(usage_of(&usage), Some(expected));
}

#[test]
fn missing_or_absurd_usage_is_none() {
    for bad in [
        json!(null),
        json!({}),
        json!({"input_tokens": 1}),
        json!({"output_tokens": 1}),
        json!({"input_tokens": -1, "output_tokens": 1}),
        json!({"input_tokens": 1, "output_tokens": 1.5}),
        json!({"input_tokens": 1, "output_tokens": "1"}),
        json!({"input_tokens": 1, "output_tokens": 999_999_999_999_u64}),
        json!({"input_tokens": 1, "output_tokens": 1, "cache_read_input_tokens": -5}),
        json!({"input_tokens": 1, "output_tokens": 1, "cache_creation_input_tokens": 1e30}),
    ] {
        assert_eq!(usage_of(&bad), None, "{bad}");
    }
}

#[test]
fn every_stop_reason_is_known_and_new_ones_are_kept() {
    let tool = json!([{"type": "tool_use", "id": "t", "name": "n", "input": {}}]);
    let table = [
        ("end_turn", json!([]), StopReason::EndTurn),
        ("stop_sequence", json!([]), StopReason::StopSequence),
        ("tool_use", tool.clone(), StopReason::ToolUse),
        ("max_tokens", json!([]), StopReason::MaxTokens),
        ("pause_turn", json!([]), StopReason::PauseTurn),
        ("refusal", json!([]), StopReason::Refusal),
        ("model_context_window_exceeded", json!([]), StopReason::ContextExceeded),
        ("tired", json!([]), StopReason::Other("tired".to_owned())),
        ("end_turn", tool, StopReason::ToolUse),
    ];
    for (word, content, expected) in table {
        assert_eq!(from_message(message(word, &content, &Value::Null)).unwrap().stop, expected, "{word}");
    }
}

#[test]
fn tools_asked_for_in_a_cut_answer_are_left_out() {
    let content = json!([
        {"type": "thinking", "thinking": "hm", "signature": ""},
        {"type": "text", "text": "a"},
        {"type": "tool_use", "id": "t", "name": "n", "input": {}},
    ]);
    for stop in ["max_tokens", "refusal", "model_context_window_exceeded", "new"] {
        let answer = from_message(message(stop, &content, &Value::Null)).unwrap();
        assert!(!answer.content.iter().any(|block| matches!(block, Block::ToolUse { .. })), "{stop}");
    }
    let cut = from_message(message("max_tokens", &content, &Value::Null)).unwrap();
    assert_eq!(cut.content, [Block::Text { text: "a".to_owned() }]);
}

#[test]
fn messages_that_make_no_sense_are_malformed_and_keep_their_usage() {
    let usage = json!({"input_tokens": 7, "output_tokens": 8});
    for (stop, content) in [
        ("tool_use", json!([])),
        ("tool_use", json!([{"type": "tool_use", "id": "t", "name": "n", "input": "x"}])),
        ("tool_use", json!([{"type": "tool_use", "id": "", "name": "n", "input": {}}])),
        ("end_turn", json!([{"text": "no type"}])),
        ("end_turn", json!(["text"])),
        ("end_turn", json!("text")),
        ("", json!([])),
    ] {
        let error = from_message(message(stop, &content, &usage)).unwrap_err();
        assert_eq!(error.class, ErrorClass::Malformed, "{content}");
        assert_eq!(error.usage_seen, Some(Usage { input: 7, output: 8, ..Usage::default() }), "{content}");
    }
    assert_eq!(from_message(json!([])).unwrap_err().class, ErrorClass::Malformed);
}

#[test]
fn unknown_blocks_are_kept_whole() {
    let block = json!({"type": "redacted_thinking", "data": "xyz"});
    let answer = from_message(message("end_turn", &json!([block]), &Value::Null)).unwrap();
    assert_eq!(answer.content, [Block::Opaque { value: block }]);
}

#[test]
fn allowances_are_read_and_broken_ones_ignored() {
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("anthropic-ratelimit-requests-limit", "50"),
        ("anthropic-ratelimit-requests-remaining", "49"),
        ("anthropic-ratelimit-requests-reset", "2026-11-24T10:00:00Z"),
        ("anthropic-ratelimit-input-tokens-limit", "50"),
        ("anthropic-ratelimit-output-tokens-limit", "x"),
        ("anthropic-ratelimit-output-tokens-remaining", "1"),
        ("anthropic-ratelimit-output-tokens-reset", "2026-11-24T10:00:00Z"),
    ] {
        headers.insert(name, value.parse().unwrap());
    }
    let expected = Allowance { limit: 50, remaining: 49, reset_at: Timestamp(1_795_514_400_000) };
    assert_eq!(rate_limits(&headers), RateLimits { requests: Some(expected), ..RateLimits::default() });
    assert!(rate_limits(&HeaderMap::new()).is_empty());
}
