//! Streams event by event: good ones, cut ones, and ones that make no sense.

use domain::model::{Block, ErrorClass, StopReason, Usage};
use proptest::prelude::*;
use serde_json::json;

use super::*;

fn run(events: &[Value]) -> Result<Answer, CallError> {
    let mut assembly = Assembly::default();
    for event in events {
        match assembly.push(&event.to_string(), &mut |_| {}) {
            Ok(Progress::Done) => return assembly.finish(),
            Ok(Progress::Ping | Progress::Content) => {}
            Err(error) => return Err(assembly.fail(error)),
        }
    }
    Err(assembly.fail(CallError::new(ErrorClass::CutStream, "end")))
}

fn start() -> Value {
    json!({"type": "message_start", "message": {"model": "m", "usage": {
        "input_tokens": 10, "output_tokens": 1, "cache_read_input_tokens": 20}}})
}

fn tool_stream(pieces: &[&str], stop: &str) -> Vec<Value> {
    let mut events = vec![
        start(),
        json!({"type": "content_block_start", "index": 0, "content_block":
            {"type": "thinking", "thinking": "", "signature": ""}}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "hm"}}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "s"}}),
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "ping"}),
        json!({"type": "content_block_start", "index": 1, "content_block":
            {"type": "tool_use", "id": "t", "name": "n", "input": {}}}),
    ];
    for piece in pieces {
        events.push(json!({"type": "content_block_delta", "index": 1,
            "delta": {"type": "input_json_delta", "partial_json": piece}}));
    }
    events.push(json!({"type": "content_block_stop", "index": 1}));
    events.push(
        json!({"type": "message_delta", "delta": {"stop_reason": stop}, "usage": {"output_tokens": 30}}),
    );
    events.push(json!({"type": "message_stop"}));
    events
}

#[test]
fn thinking_and_tool_arguments_are_put_together() {
    let answer = run(&tool_stream(&["", "{\"a\"", ": 1}"], "tool_use")).unwrap();
    let expected = [
        Block::Opaque { value: json!({"type": "thinking", "thinking": "hm", "signature": "s"}) },
        Block::ToolUse { id: "t".to_owned(), name: "n".to_owned(), input: json!({"a": 1}) },
    ];
    assert_eq!(answer.content, expected);
    assert_eq!(answer.usage, Some(Usage { input: 10, output: 30, cache_read: 20, ..Usage::default() }));
}

#[test]
fn tool_without_arguments_gets_an_empty_object() {
    let answer = run(&tool_stream(&[], "tool_use")).unwrap();
    assert!(matches!(&answer.content[1], Block::ToolUse { input, .. } if *input == json!({})));
}

#[test]
fn cut_tool_arguments_are_never_acted_on() {
    let cut = run(&tool_stream(&["{\"a\": [1, "], "max_tokens")).unwrap();
    assert_eq!(cut.stop, StopReason::MaxTokens);
    assert!(!cut.content.iter().any(|block| matches!(block, Block::ToolUse { .. })));
    for broken in ["{\"a\": [1, ", "[1]", "nonsense", "{} {}"] {
        let error = run(&tool_stream(&[broken], "tool_use")).unwrap_err();
        assert_eq!(error.class, ErrorClass::Malformed, "{broken}");
        assert_eq!(error.usage_seen.unwrap().output, 30, "{broken}");
    }
}

#[test]
fn answer_tokens_come_from_the_last_report_only() {
    let mut events = tool_stream(&[], "tool_use");
    events.pop();
    let report = |usage: Value| json!({"type": "message_delta", "delta": {}, "usage": usage});
    events.push(report(json!({"output_tokens": 25, "input_tokens": 12})));
    events.push(json!({"type": "message_stop"}));
    let usage = run(&events).unwrap().usage.unwrap();
    assert_eq!((usage.output, usage.input), (25, 12));

    let mut untold = tool_stream(&[], "tool_use");
    let at = untold.len() - 2;
    untold[at] = json!({"type": "message_delta", "delta": {"stop_reason": "tool_use"}});
    assert_eq!(run(&untold).unwrap().usage, None, "the placeholder of message_start is no usage");
}

#[test]
fn cut_at_every_event_is_no_answer_and_keeps_what_was_reported() {
    let events = tool_stream(&["{}"], "tool_use");
    for end in 0..events.len() {
        let error = run(&events[..end]).unwrap_err();
        assert_eq!(error.class, ErrorClass::CutStream);
        let output = if end == events.len() - 1 { 30 } else { 0 };
        let seen = (end > 0).then_some(Usage { input: 10, output, cache_read: 20, ..Usage::default() });
        assert_eq!(error.usage_seen, seen, "{end}");
    }
}

#[test]
fn event_out_of_order_is_malformed() {
    let good = tool_stream(&["{}"], "tool_use");
    for left_out in [0, 1, 4, 6, 8, 9] {
        let mut events = good.clone();
        events.remove(left_out);
        assert_eq!(run(&events).unwrap_err().class, ErrorClass::Malformed, "without event {left_out}");
    }
    let mut twice = good.clone();
    twice.insert(1, start());
    assert_eq!(run(&twice).unwrap_err().class, ErrorClass::Malformed);
}

#[test]
fn errors_inside_a_stream_are_classified() {
    let error = |kind: &str| json!({"type": "error", "error": {"type": kind, "message": "m"}});
    assert_eq!(run(&[start(), error("overloaded_error")]).unwrap_err().class, ErrorClass::CutStream);
    assert_eq!(run(&[start(), error("api_error")]).unwrap_err().class, ErrorClass::ServerError);
    assert_eq!(run(&[error("authentication_error")]).unwrap_err().class, ErrorClass::Auth);
}

#[test]
fn unknown_events_and_pieces_are_passed_over() {
    let events = [
        start(),
        json!({"type": "news"}),
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": "a"}}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "citations_delta", "citation": {}}}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "b"}}),
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 2}}),
        json!({"type": "message_stop"}),
    ];
    assert_eq!(run(&events).unwrap().text(), "ab");
}

proptest! {
    #[test]
    fn no_data_makes_it_panic(data in proptest::collection::vec(".{0,80}", 0..8)) {
        let mut assembly = Assembly::default();
        for line in &data {
            drop(assembly.push(line, &mut |_| {}));
        }
        drop(assembly.finish());
    }

    #[test]
    fn shuffled_and_mangled_events_never_make_it_panic(
        order in proptest::collection::vec(0_usize..11, 0..24),
        nulled in 0_usize..24,
        key in prop::sample::select(vec!["index", "delta", "content_block", "usage", "message", "type"]),
    ) {
        let events = tool_stream(&["{\"a\":", "1}"], "tool_use");
        let mut assembly = Assembly::default();
        for (at, index) in order.iter().enumerate() {
            let mut event = events[*index].clone();
            if at == nulled {
                event[key] = json!(["x"]);
            }
            drop(assembly.push(&event.to_string(), &mut |_| {}));
        }
        drop(assembly.finish());
    }
}
