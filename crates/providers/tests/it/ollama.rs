//! The Ollama client against the fake.

use std::sync::Arc;

use domain::model::{Answer, Block, CallError, ErrorClass, Message, Request, StopReason, Usage};
use domain::ports::ModelProvider;
use proptest::prelude::*;
use providers::{Ollama, OllamaConfig, Patience, brain};
use serde_json::json;
use testkit::fake_provider::{FakeProvider, Fault, Kind, Reply, text_answer};

use crate::support::{ignore, request, schema, tool_request, write_file};

fn ollama(fake: &FakeProvider) -> Ollama {
    Ollama::new(OllamaConfig::new(fake.base_url())).unwrap()
}

async fn failure(client: &Ollama, request: &Request) -> CallError {
    client.call(request, &mut ignore).await.unwrap_err()
}

fn lines(text: &str) -> Reply {
    Reply::new(Kind::Raw { content_type: "application/x-ndjson".to_owned(), body: text.into() })
}

#[tokio::test]
async fn window_limit_schema_and_tools_are_sent() {
    let fake = FakeProvider::start().unwrap();
    let client = ollama(&fake);
    let mut request = tool_request();
    request.schema = Some(Arc::new(schema()));
    let answer = client.call(&request, &mut ignore).await.unwrap();
    assert_eq!((answer.text().as_str(), &answer.stop), ("Done.", &StopReason::EndTurn));
    assert_eq!(fake.violations(), Vec::<String>::new());
    let body = fake.requests()[0].body.clone().unwrap();
    assert_eq!(body["options"], json!({"num_ctx": 8192, "num_predict": 200}));
    assert_eq!(
        (&body["truncate"], &body["shift"], &body["format"]),
        (&json!(false), &json!(false), &schema())
    );
    let roles: Vec<&str> = body["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|message| message["role"].as_str().unwrap())
        .collect();
    assert_eq!(roles, ["system", "user", "assistant", "tool"]);
    assert_eq!(body["messages"][3]["tool_name"], "write_file");
}

#[tokio::test]
async fn simulated_brain_works_through_a_task_over_the_wire() {
    let fake = FakeProvider::simulated(brain).unwrap();
    let client = ollama(&fake);
    let mut request = request("Print a greeting\n\nWrite the result to `src/greet.py`.");
    request.tools = Arc::new(vec![write_file()]);
    let first = client.call(&request, &mut ignore).await.unwrap();
    assert_eq!(first.stop, StopReason::ToolUse);
    let Some(Block::ToolUse { id, .. }) = first.content.last() else { panic!("{first:?}") };
    assert_eq!(id, "cal_test_0");
    let result = Block::ToolResult { tool_use_id: id.clone(), content: "ok".to_owned(), is_error: false };
    request.messages.push(Message::assistant(first.content.clone()));
    request.messages.push(Message { content: vec![result], ..Message::user("") });
    let last = client.call(&request, &mut ignore).await.unwrap();
    assert_eq!(last.stop, StopReason::EndTurn);
    assert_eq!(fake.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn thinking_is_kept_and_sent_back() {
    let fake = FakeProvider::start().unwrap();
    let client = ollama(&fake);
    let mut request = request("x");
    let thinking = Block::Opaque { value: json!({"thinking": "hm"}) };
    let mut answer = text_answer(&request, "y");
    answer.content.insert(0, thinking.clone());
    fake.push(answer);
    let got = client.call(&request, &mut ignore).await.unwrap();
    assert_eq!(got.content[0], thinking);
    request.messages.push(Message::assistant(got.content));
    request.messages.push(Message::user("go on"));
    client.call(&request, &mut ignore).await.unwrap();
    assert_eq!(fake.requests()[1].body.clone().unwrap()["messages"][2]["thinking"], "hm");
}

#[tokio::test]
async fn prompt_that_does_not_fit_is_an_error_before_and_after() {
    let fake = FakeProvider::start().unwrap();
    let client = ollama(&fake);
    let long = request(&"a".repeat(70_000));
    assert_eq!(failure(&client, &long).await.class, ErrorClass::TooLong);
    assert_eq!(fake.bill().requests, 0, "nothing was sent");

    let full = Answer {
        usage: Some(Usage { input: 8192, output: 3, ..Usage::default() }),
        ..text_answer(&long, "y")
    };
    fake.push(full);
    let error = failure(&client, &request(&"a".repeat(40_000))).await;
    assert_eq!(error.class, ErrorClass::PromptTruncated);
    assert!(error.message.contains("8192"), "{}", error.message);

    let said = "the prompt is longer than the context length currently available to the model";
    fake.push(Reply::new(Kind::Status { status: 400, body: json!({"error": said}) }));
    assert_eq!(failure(&client, &request("x")).await.class, ErrorClass::TooLong);
}

#[tokio::test]
async fn statuses_and_errors_in_the_stream_get_their_class() {
    let fake = FakeProvider::start().unwrap();
    let client = ollama(&fake);
    let table = [
        (404, "model 'x' not found", ErrorClass::BadRequest),
        (400, "x does not support tools", ErrorClass::BadRequest),
        (401, "unauthorized", ErrorClass::Auth),
        (429, "slow down", ErrorClass::RateLimited),
        (500, "llama runner process has terminated", ErrorClass::ServerError),
        (502, "upstream", ErrorClass::ServerError),
        (503, "server busy", ErrorClass::Overloaded),
    ];
    for (status, said, class) in table {
        fake.push(Reply::new(Kind::Status { status, body: json!({"error": said}) }));
        let error = failure(&client, &request("x")).await;
        assert_eq!(error.class, class, "{status}");
        assert!(error.message.contains(said));
    }
    fake.push(lines("{\"message\":{\"content\":\"a\"}}\n{\"error\":\"out of memory\"}\n"));
    assert_eq!(failure(&client, &request("x")).await.class, ErrorClass::CutStream);
    fake.push(lines("nonsense\n"));
    assert_eq!(failure(&client, &request("x")).await.class, ErrorClass::Malformed);
}

#[tokio::test]
async fn last_line_needs_no_newline() {
    let fake = FakeProvider::start().unwrap();
    let end = "{\"message\":{\"content\":\"a\"},\"done\":true,\"done_reason\":\"stop\",\"eval_count\":1}";
    fake.push(lines(end));
    assert_eq!(ollama(&fake).call(&request("x"), &mut ignore).await.unwrap().text(), "a");
}

#[tokio::test]
async fn stream_cut_at_any_byte_is_never_an_answer() {
    let fake = FakeProvider::start().unwrap();
    let client = ollama(&fake);
    let answer = text_answer(&request("x"), "Grüße 🦀, and so on and so on");
    fake.push(answer.clone());
    assert_eq!(client.call(&request("x"), &mut ignore).await.unwrap().content, answer.content);
    for after in 0.. {
        for fault in [Fault::CutAfter(after), Fault::EndAfter(after)] {
            fake.push(Reply::from(answer.clone()).fault(fault));
            match client.call(&request("x"), &mut ignore).await {
                Err(error) => assert_eq!(error.class, ErrorClass::CutStream, "{fault:?} {}", error.message),
                Ok(got) => {
                    assert_eq!((got.content, got.usage), (answer.content, answer.usage));
                    assert!(after > 250, "{fault:?}");
                    return;
                }
            }
        }
    }
}

#[tokio::test]
async fn silence_times_out() {
    let fake = FakeProvider::start().unwrap();
    let patience = Patience { silence_ms: 100, ..Patience::default() };
    let client =
        Ollama::new(OllamaConfig { patience, timeout_ms: 200, ..OllamaConfig::new(fake.base_url()) })
            .unwrap();
    fake.push(Reply::new(Kind::Hang));
    fake.push(Reply::from(text_answer(&request("x"), "y")).fault(Fault::HangAfter(20)));
    assert_eq!(failure(&client, &request("x")).await.class, ErrorClass::TimedOut);
    assert_eq!(failure(&client, &request("x")).await.class, ErrorClass::TimedOut);
}

#[tokio::test]
async fn models_are_listed() {
    let fake = FakeProvider::start().unwrap();
    fake.set_models(vec!["qwen3:8b".to_owned()]);
    assert_eq!(ollama(&fake).probe().await.unwrap(), ["qwen3:8b"]);
    let url = fake.base_url();
    drop(fake);
    let gone = Ollama::new(OllamaConfig::new(url)).unwrap();
    assert_eq!(gone.probe().await.unwrap_err().class, ErrorClass::Unreachable);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn garbage_is_never_an_answer(
        parts in proptest::collection::vec(
            prop_oneof![
                Just(b"{\"message\":{\"content\":\"a\"}}\n".to_vec()),
                Just(b"{\"done\":1}\n".to_vec()),
                proptest::collection::vec(any::<u8>(), 0..60),
            ],
            0..12,
        ),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let fake = FakeProvider::start().unwrap();
            fake.push(Reply::new(Kind::Raw { content_type: "x".to_owned(), body: parts.concat() }));
            assert!(!failure(&ollama(&fake), &request("x")).await.class.is_free());
        });
    }
}
