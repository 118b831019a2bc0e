//! Answers line by line, and the rules about prompts that do not fit.

use std::sync::Arc;

use domain::id::CallId;
use domain::model::Purpose;
use proptest::prelude::*;

use super::*;

fn request(prompt: &str) -> Request {
    Request {
        call_id: CallId::new("cal_1"),
        model: "m".to_owned(),
        system: Arc::from(""),
        messages: vec![Message::user(prompt)],
        tools: Arc::new(Vec::new()),
        max_tokens: 50,
        schema: None,
        purpose: Purpose::Execution,
        timeout_ms: 1000,
    }
}

fn run(lines: &[Value]) -> Result<Answer, CallError> {
    let request = request("hello");
    let mut chat = Chat::new(&request, Prompt::measure(&request, 100));
    for line in lines {
        if chat.push(line.to_string().as_bytes(), &mut |_| {}).map_err(|error| chat.fail(error))? {
            return chat.finish();
        }
    }
    Err(CallError::new(ErrorClass::CutStream, "end"))
}

fn end(reason: &str, prompt: u64, output: u64) -> Value {
    json!({"message": {"content": ""}, "done": true, "done_reason": reason,
           "prompt_eval_count": prompt, "eval_count": output})
}

#[test]
fn text_and_thinking_are_joined() {
    let answer = run(&[
        json!({"model": "m:1", "message": {"thinking": "h"}}),
        json!({"message": {"thinking": "m"}}),
        json!({"message": {"content": "Hel"}}),
        json!({"message": {"content": "lo"}}),
        end("stop", 5, 6),
    ])
    .unwrap();
    let expected =
        [Block::Opaque { value: json!({"thinking": "hm"}) }, Block::Text { text: "Hello".to_owned() }];
    assert_eq!(answer.content, expected);
    assert_eq!(answer.stop, StopReason::EndTurn);
    assert_eq!(answer.model, "m:1");
    assert_eq!(answer.usage, Some(Usage { input: 5, output: 6, ..Usage::default() }));
}

#[test]
fn tools_get_ids_from_the_call_and_their_place() {
    let call = |arguments: Value| json!({"function": {"name": "n", "arguments": arguments}});
    let answer = run(&[
        json!({"message": {"tool_calls": [call(json!({"a": 1})), call(json!("{\"b\": 2}"))]}}),
        json!({"message": {"tool_calls": [call(Value::Null)]}}),
        end("stop", 5, 6),
    ])
    .unwrap();
    let tool = |index: usize, input: Value| Block::ToolUse {
        id: format!("cal_1_{index}"),
        name: "n".to_owned(),
        input,
    };
    assert_eq!(answer.content, [tool(0, json!({"a": 1})), tool(1, json!({"b": 2})), tool(2, json!({}))]);
    assert_eq!(answer.stop, StopReason::ToolUse);
}

#[test]
fn every_reason_to_end_is_told_apart() {
    let stop = |reason, prompt, output| run(&[end(reason, prompt, output)]).unwrap().stop;
    assert_eq!(stop("stop", 5, 6), StopReason::EndTurn);
    assert_eq!(stop("length", 5, 50), StopReason::MaxTokens);
    assert_eq!(stop("length", 60, 40), StopReason::ContextExceeded);
    assert_eq!(stop("load", 5, 6), StopReason::Other("load".to_owned()));
    let untold = json!({"message": {"content": "a"}, "done": true, "eval_count": 1});
    assert_eq!(run(&[untold]).unwrap().stop, StopReason::Other("no done_reason".to_owned()));
}

#[test]
fn tools_of_a_cut_answer_are_left_out() {
    let tool = json!({"message": {"tool_calls": [{"function": {"name": "n", "arguments": {}}}]}});
    let answer = run(&[tool, end("length", 5, 50)]).unwrap();
    assert_eq!((answer.content, answer.stop), (Vec::new(), StopReason::MaxTokens));
}

#[test]
fn nonsense_and_errors_in_the_stream_are_no_answer() {
    let class = |line: Value| run(&[line]).unwrap_err().class;
    assert_eq!(class(json!({"error": "model runner has stopped"})), ErrorClass::CutStream);
    assert_eq!(class(json!({"error": "the prompt is longer than the context length"})), ErrorClass::TooLong);
    assert_eq!(class(json!([])), ErrorClass::Malformed);
    assert_eq!(class(json!({"message": {"tool_calls": [{"function": {}}]}})), ErrorClass::Malformed);
    let listed = json!({"message": {"tool_calls": [{"function": {"name": "n", "arguments": [1]}}]}});
    assert_eq!(class(listed), ErrorClass::Malformed);
}

#[test]
fn missing_or_absurd_counts_are_no_usage() {
    let usage = |line: Value| run(&[line]).unwrap().usage;
    let done = |prompt: Value, output: Value| json!({"done": true, "done_reason": "stop", "prompt_eval_count": prompt, "eval_count": output});
    assert_eq!(usage(done(Value::Null, Value::Null)), None);
    assert_eq!(usage(done(json!(1), json!(-1))), None);
    assert_eq!(usage(done(json!(-1), json!(1))), None);
    assert_eq!(usage(done(json!(1), json!(1e18))), None);
    let cached = usage(done(Value::Null, json!(3)));
    assert_eq!(cached, Some(Usage { output: 3, ..Usage::default() }));
}

#[test]
fn prompt_that_cannot_fit_is_known_before_it_is_sent() {
    let measure = |bytes: usize| Prompt::measure(&request(&"a".repeat(bytes)), 100);
    assert!(!measure(800).cannot_fit());
    assert!(measure(808).cannot_fit());
    let blank = Prompt::measure(&request(&" ".repeat(100_000)), 100);
    assert!(!blank.cannot_fit(), "white space packs into few tokens");
}

#[test]
fn cut_prompt_is_noticed_and_a_cached_one_is_not() {
    let prompt = |bytes: usize, window: u32| Prompt::measure(&request(&"a".repeat(bytes)), window);
    let long = prompt(30_000, 4096);
    assert!(long.is_truncated(Some(4096)), "cut to the window");
    assert!(long.is_truncated(Some(4090)));
    assert!(long.is_truncated(Some(2050)), "cut to half the window");
    assert!(long.is_truncated(Some(900)), "messages dropped");
    assert!(!long.is_truncated(Some(3700)));
    assert!(!long.is_truncated(None), "wholly cached");
    let short = prompt(12_000, 4096);
    for count in [None, Some(0), Some(1), Some(40), Some(2050), Some(3000)] {
        assert!(!short.is_truncated(count), "{count:?}");
    }
    assert!(short.is_truncated(Some(4096)));
}

#[test]
fn truncated_prompt_is_an_error_with_its_usage() {
    let error = run(&[end("stop", 100, 6)]).unwrap_err();
    assert_eq!(error.class, ErrorClass::PromptTruncated);
    assert_eq!(error.usage_seen, Some(Usage { input: 100, output: 6, ..Usage::default() }));
}

proptest! {
    #[test]
    fn no_line_makes_it_panic(lines in proptest::collection::vec(".{0,80}", 0..8)) {
        let request = request("hello");
        let mut chat = Chat::new(&request, Prompt::measure(&request, 100));
        for line in &lines {
            drop(chat.push(line.as_bytes(), &mut |_| {}));
        }
        drop(chat.finish());
    }

    #[test]
    fn mangled_lines_never_make_it_panic(
        key in prop::sample::select(vec!["message", "done", "done_reason", "eval_count", "model", "error"]),
        value in prop::sample::select(vec![json!(null), json!([1]), json!("x"), json!(-3), json!({"a": [1]})]),
    ) {
        let mut line = json!({"model": "m", "message": {"content": "a", "tool_calls": [
            {"function": {"name": "n", "arguments": {}}}]}, "done": true, "done_reason": "stop"});
        line[key] = value;
        drop(run(&[line]));
    }
}
