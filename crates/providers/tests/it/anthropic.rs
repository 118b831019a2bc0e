//! The Anthropic client against the fake: good answers, both ways of answering.

use domain::model::{Answer, Block, Delta, Message, StopReason, Usage};
use domain::ports::ModelProvider;
use providers::{Anthropic, AnthropicConfig, SetupError, brain};
use secrecy::SecretString;
use serde_json::json;
use std::sync::Arc;
use testkit::fake_provider::{FakeProvider, Reply, text_answer};

use crate::support::{KEY, anthropic, config, ignore, request, schema, tool_request, write_file};

fn whole(base_url: &str) -> Anthropic {
    Anthropic::new(AnthropicConfig { is_streaming: false, ..config(base_url) }).unwrap()
}

fn usage() -> Usage {
    Usage { input: 11, output: 22, cache_write_5m: 33, cache_write_1h: 44, cache_read: 55 }
}

#[tokio::test]
async fn answers_are_the_same_streamed_and_whole() {
    let fake = FakeProvider::start().unwrap();
    let stops = [
        StopReason::EndTurn,
        StopReason::StopSequence,
        StopReason::ToolUse,
        StopReason::MaxTokens,
        StopReason::PauseTurn,
        StopReason::Refusal,
        StopReason::ContextExceeded,
        StopReason::Other("tired".to_owned()),
    ];
    for stop in stops {
        let mut answer =
            Answer { usage: Some(usage()), stop: stop.clone(), ..text_answer(&request("x"), "Grüße 🦀") };
        let thinking = json!({"type": "thinking", "thinking": "hm", "signature": "sig"});
        answer.content.insert(0, Block::Opaque { value: thinking });
        if stop == StopReason::ToolUse {
            let input = json!({"path": "a", "content": "long ".repeat(50)});
            answer.content.push(Block::ToolUse { id: "t9".to_owned(), name: "write_file".to_owned(), input });
        }
        for client in [anthropic(&fake.base_url()), whole(&fake.base_url())] {
            fake.push(answer.clone());
            let got = client.call(&request("x"), &mut ignore).await.unwrap();
            assert_eq!((&got.content, &got.stop, got.usage), (&answer.content, &answer.stop, answer.usage));
            assert!(got.request_id.unwrap().starts_with("req_fake_"));
        }
    }
    assert_eq!(fake.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn deltas_show_text_tools_and_usage_as_they_come() {
    let fake = FakeProvider::start().unwrap();
    let mut answer =
        Answer { usage: Some(usage()), stop: StopReason::ToolUse, ..text_answer(&request("x"), "Hello you") };
    answer.content.push(Block::ToolUse { id: "t".to_owned(), name: "n".to_owned(), input: json!({}) });
    fake.push(Reply::from(answer).spread_ms(10));
    let mut deltas = Vec::new();
    anthropic(&fake.base_url()).call(&request("x"), &mut |delta| deltas.push(delta)).await.unwrap();
    let expected = [
        Delta::Usage(Usage { output: 0, ..usage() }),
        Delta::Text("Hello you".to_owned()),
        Delta::ToolUse("n".to_owned()),
        Delta::Usage(usage()),
    ];
    assert_eq!(deltas, expected);
}

#[tokio::test]
async fn conversations_tools_and_schemas_keep_the_rules() {
    let fake = FakeProvider::start().unwrap();
    let client = anthropic(&fake.base_url());
    client.call(&tool_request(), &mut ignore).await.unwrap();
    let mut structured = request("Answer.");
    structured.schema = Some(Arc::new(schema()));
    client.call(&structured, &mut ignore).await.unwrap();
    assert_eq!(fake.violations(), Vec::<String>::new());
    let sent = fake.requests();
    let body = sent[1].body.clone().unwrap();
    assert_eq!(body["output_config"]["format"]["schema"]["additionalProperties"], false);
    assert_eq!(fake.bill().billed, 2);
}

#[tokio::test]
async fn broken_conversation_is_refused_and_free() {
    let fake = FakeProvider::start().unwrap();
    let mut request = tool_request();
    request.messages.pop();
    request.messages.push(Message::user("No result here."));
    let error = anthropic(&fake.base_url()).call(&request, &mut ignore).await.unwrap_err();
    assert!(error.class.is_free() && error.message.contains("tool_result"), "{error:?}");
    assert_eq!(fake.violations().len(), 1);
    assert_eq!(fake.bill().billed, 0);
}

#[tokio::test]
async fn simulated_brain_works_through_a_task_over_the_wire() {
    let fake = FakeProvider::simulated(brain).unwrap();
    let client = anthropic(&fake.base_url());
    let mut request = request("Print a greeting\n\nWrite the result to `src/greet.py`.");
    request.tools = Arc::new(vec![write_file()]);
    let first = client.call(&request, &mut ignore).await.unwrap();
    assert_eq!(first.content, brain(&request).unwrap().content);
    let Some(Block::ToolUse { id, .. }) = first.content.last() else { panic!("{first:?}") };
    let result = Block::ToolResult { tool_use_id: id.clone(), content: "ok".to_owned(), is_error: false };
    request.messages.push(Message::assistant(first.content.clone()));
    request.messages.push(Message { content: vec![result], ..Message::user("") });
    let last = client.call(&request, &mut ignore).await.unwrap();
    assert_eq!(last.stop, StopReason::EndTurn);
    assert!(last.text().contains("src/greet.py"));
    assert_eq!(fake.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn simulated_plans_arrive_over_the_wire() {
    let fake = FakeProvider::simulated(brain).unwrap();
    let mut request = request("Project: P\n\n[R1] Print a greeting.\n[R2] A README says how.");
    let properties = json!({"summary": {"type": "string"}, "tasks": {"type": "array"}});
    request.schema = Some(Arc::new(json!({"type": "object", "properties": properties})));
    let answer = anthropic(&fake.base_url()).call(&request, &mut ignore).await.unwrap();
    let plan: serde_json::Value = serde_json::from_str(&answer.text()).unwrap();
    assert!(plan["tasks"].as_array().unwrap().len() >= 4, "{plan}");
}

#[tokio::test]
async fn allowances_and_models_are_read() {
    let fake = FakeProvider::start().unwrap();
    fake.set_models(vec!["a".to_owned(), "b".to_owned()]);
    let client = anthropic(&format!("{}/v1/", fake.base_url()));
    assert_eq!(client.probe().await.unwrap(), ["a", "b"]);
    let reply = Reply::from(text_answer(&request("x"), "y"))
        .header("anthropic-ratelimit-output-tokens-limit", "8000")
        .header("anthropic-ratelimit-output-tokens-remaining", "7900")
        .header("anthropic-ratelimit-output-tokens-reset", "2026-11-24T10:00:00Z");
    fake.push(reply);
    let answer = client.call(&request("x"), &mut ignore).await.unwrap();
    assert_eq!(answer.rate_limits.output_tokens.unwrap().remaining, 7900);
}

#[tokio::test]
async fn connections_are_used_again() {
    let fake = FakeProvider::start().unwrap();
    let client = anthropic(&fake.base_url());
    for _ in 0..200 {
        client.call(&request("x"), &mut ignore).await.unwrap();
    }
    assert_eq!(fake.bill().requests, 200);
    assert_eq!(fake.in_flight_max(), 1);
}

#[tokio::test]
async fn bill_is_told_over_http_too() {
    let fake = FakeProvider::start().unwrap();
    anthropic(&fake.base_url()).call(&request("x"), &mut ignore).await.unwrap();
    let bytes = reqwest::get(format!("{}/__bill", fake.base_url())).await.unwrap().bytes().await.unwrap();
    let told: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(told["bill"]["billed"], 1);
    assert_eq!(told["bill"]["usage"]["fake-model"]["output"], 2);
    assert_eq!(told["requests"][0]["status"], 200);
}

#[test]
fn unusable_configurations_are_refused_without_their_secrets() {
    let with_key =
        |key: &str| Anthropic::new(AnthropicConfig::new("http://127.0.0.1:1", SecretString::from(key)));
    assert_eq!(with_key(" ").unwrap_err(), SetupError::BadKey);
    assert_eq!(with_key("a\nb").unwrap_err(), SetupError::BadKey);
    assert!(with_key("good\n").is_ok(), "a newline at the end of a file is no part of the key");
    let error = Anthropic::new(config("http://user:hush@127.0.0.1")).unwrap_err();
    assert!(!error.to_string().contains("hush"));
    let shown = format!("{:?} {:?}", config("http://127.0.0.1"), anthropic("http://127.0.0.1"));
    assert!(!shown.contains(KEY), "{shown}");
}
