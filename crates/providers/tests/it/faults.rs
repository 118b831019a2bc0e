//! The Anthropic client when things go wrong: statuses, cuts, silence, garbage.

use std::time::Duration;

use domain::model::{Answer, Block, CallError, ErrorClass, Request, StopReason};
use domain::ports::ModelProvider;
use proptest::prelude::*;
use providers::{Anthropic, AnthropicConfig, Patience};
use serde_json::json;
use testkit::fake_provider::{FakeProvider, Fault, Kind, Reply, text_answer};

use crate::support::{KEY, anthropic, config, ignore, request};

async fn failure(client: &Anthropic, request: &Request) -> CallError {
    client.call(request, &mut ignore).await.unwrap_err()
}

fn impatient(base_url: &str) -> Anthropic {
    let patience = Patience { headers_ms: 150, silence_ms: 100, pings_only_ms: 150, ..Patience::default() };
    Anthropic::new(AnthropicConfig { patience, ..config(base_url) }).unwrap()
}

fn tool_answer() -> Answer {
    let mut answer = text_answer(&request("x"), "Grüße 🦀, here it comes");
    answer.content.push(Block::ToolUse {
        id: "t".to_owned(),
        name: "write_file".to_owned(),
        input: json!({"path": "ä.md", "content": "text"}),
    });
    Answer { stop: StopReason::ToolUse, ..answer }
}

#[tokio::test]
async fn statuses_get_their_class_their_wait_and_their_id() {
    let fake = FakeProvider::start().unwrap();
    let client = anthropic(&fake.base_url());
    let spent = json!({"type": "error", "error": {"type": "rate_limit_error", "message": "m",
        "details": {"error_code": "enforced_spend_limit_reached"}}});
    let table = [
        (Reply::status(400, "invalid_request_error", "no"), ErrorClass::BadRequest),
        (Reply::status(400, "invalid_request_error", "prompt is too long: 9 > 8"), ErrorClass::TooLong),
        (
            Reply::status(400, "invalid_request_error", "You have reached your usage limit"),
            ErrorClass::SpendLimit,
        ),
        (Reply::status(401, "authentication_error", "no"), ErrorClass::Auth),
        (Reply::status(402, "billing_error", "no"), ErrorClass::SpendLimit),
        (Reply::status(403, "permission_error", "no"), ErrorClass::Auth),
        (Reply::status(404, "not_found_error", "no"), ErrorClass::BadRequest),
        (Reply::status(413, "request_too_large", "no"), ErrorClass::TooLong),
        (Reply::status(429, "rate_limit_error", "no"), ErrorClass::RateLimited),
        (Reply::new(Kind::Status { status: 429, body: spent }), ErrorClass::SpendLimit),
        (Reply::status(500, "api_error", "no"), ErrorClass::ServerError),
        (Reply::status(502, "api_error", "no"), ErrorClass::ServerError),
        (Reply::status(503, "overloaded_error", "no"), ErrorClass::Overloaded),
        (Reply::status(504, "timeout_error", "no"), ErrorClass::ServerError),
        (Reply::status(529, "overloaded_error", "no"), ErrorClass::Overloaded),
        (Reply::status(302, "x", "no").header("location", "http://127.0.0.1:1/"), ErrorClass::BadRequest),
    ];
    for (reply, class) in table {
        fake.push(reply.header("retry-after", "3"));
        let error = failure(&client, &request("x")).await;
        assert_eq!(error.class, class, "{}", error.message);
        assert_eq!(error.retry_after_ms, Some(3000));
        assert!(error.request_id.is_some());
    }
    assert_eq!(fake.bill().billed, 0);
    assert_eq!(fake.bill().requests, 16, "one call is one request: nothing is retried");
}

#[tokio::test]
async fn nobody_there_is_unreachable_and_free() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let client = anthropic(&format!("http://127.0.0.1:{port}"));
    assert_eq!(failure(&client, &request("x")).await.class, ErrorClass::Unreachable);
    assert_eq!(client.probe().await.unwrap_err().class, ErrorClass::Unreachable);
}

#[tokio::test]
async fn key_that_a_server_echoes_is_in_no_message() {
    let fake = FakeProvider::start().unwrap();
    fake.set_api_key("another");
    let client = anthropic(&fake.base_url());
    assert_eq!(failure(&client, &request("x")).await.class, ErrorClass::Auth);
    assert_eq!(client.probe().await.unwrap_err().class, ErrorClass::Auth);
    fake.set_api_key(KEY);
    let echo =
        format!("data: {{\"type\": \"error\", \"error\": {{\"type\": \"x\", \"message\": \"{KEY}\"}}}}\n\n");
    let raw = Kind::Raw { content_type: "text/event-stream".to_owned(), body: echo.into_bytes() };
    for reply in [Reply::new(raw), Reply::status(400, "x", &format!("bad key {KEY}"))] {
        fake.push(reply);
        let error = failure(&client, &request("x")).await;
        let shown = format!("{error} {error:?} {}", serde_json::to_string(&error).unwrap());
        assert!(!shown.contains(KEY) && shown.contains("[key]"), "{shown}");
    }
}

/// The heart of the matter: whatever is missing, it is no answer.
#[tokio::test]
async fn stream_cut_at_any_byte_is_never_an_answer() {
    let fake = FakeProvider::start().unwrap();
    let client = anthropic(&fake.base_url());
    fake.push(tool_answer());
    let whole = client.call(&request("x"), &mut ignore).await.unwrap();
    let mut after = 0;
    loop {
        for fault in [Fault::CutAfter(after), Fault::EndAfter(after)] {
            fake.push(Reply::from(tool_answer()).fault(fault));
            match client.call(&request("x"), &mut ignore).await {
                Err(error) => {
                    assert_eq!(error.class, ErrorClass::CutStream, "{fault:?} {}", error.message);
                    let output = error.usage_seen.map_or(0, |usage| usage.output);
                    assert!(
                        output == 0 || Some(output) == whole.usage.map(|usage| usage.output),
                        "{fault:?}"
                    );
                }
                // Only when all of the stream was there, down to the last event.
                Ok(answer) => {
                    assert_eq!(answer.content, whole.content);
                    assert!(after > 1400, "{fault:?}");
                    return;
                }
            }
        }
        after += 1;
    }
}

#[tokio::test]
async fn message_cut_at_any_byte_is_never_an_answer() {
    let fake = FakeProvider::start().unwrap();
    let client = Anthropic::new(AnthropicConfig { is_streaming: false, ..config(&fake.base_url()) }).unwrap();
    for after in (0..400).step_by(7) {
        fake.push(Reply::from(tool_answer()).fault(Fault::CutAfter(after)));
        assert_eq!(failure(&client, &request("x")).await.class, ErrorClass::CutStream, "{after}");
        fake.push(Reply::from(tool_answer()).fault(Fault::EndAfter(after)));
        assert_eq!(failure(&client, &request("x")).await.class, ErrorClass::Malformed, "{after}");
    }
}

#[tokio::test]
async fn what_was_reported_before_a_cut_is_kept() {
    let fake = FakeProvider::start().unwrap();
    fake.push(Reply::from(tool_answer()).fault(Fault::CutAfter(700)));
    let error = failure(&anthropic(&fake.base_url()), &request("x")).await;
    let seen = error.usage_seen.unwrap();
    assert_eq!((Some(seen.input), seen.output), (tool_answer().usage.map(|usage| usage.input), 0));
    assert_eq!(fake.bill().billed, 1, "the provider bills it all the same");
}

#[tokio::test]
async fn silence_of_every_kind_times_out() {
    let fake = FakeProvider::start().unwrap();
    let client = impatient(&fake.base_url());
    let hang = || Reply::new(Kind::Hang);
    let after = |fault| Reply::from(tool_answer()).fault(fault);
    for (reply, words) in [
        (hang(), "begin"),
        (after(Fault::HangAfter(600)), "silent"),
        (after(Fault::PingsAfter(0)), "signs of life"),
    ] {
        fake.push(reply);
        let error = failure(&client, &request("x")).await;
        assert_eq!(error.class, ErrorClass::TimedOut);
        assert!(error.message.contains(words), "{}", error.message);
    }
    fake.push(Reply::from(tool_answer()).spread_ms(2000));
    let hurried = Request { timeout_ms: 120, ..request("x") };
    let error = failure(&anthropic(&fake.base_url()), &hurried).await;
    assert_eq!((error.class, error.usage_seen.is_some()), (ErrorClass::TimedOut, true));
}

#[tokio::test]
async fn dropped_call_cuts_the_request() {
    let fake = FakeProvider::start().unwrap();
    fake.set_delay_ms(5000);
    let client = anthropic(&fake.base_url());
    let request = request("x");
    let mut deltas = ignore;
    let call = tokio::time::timeout(Duration::from_millis(100), client.call(&request, &mut deltas));
    assert!(call.await.is_err());
    assert_eq!(fake.bill().billed, 1);
}

#[tokio::test]
async fn usage_that_is_missing_or_absurd_is_none() {
    let fake = FakeProvider::start().unwrap();
    for is_streaming in [true, false] {
        let client = Anthropic::new(AnthropicConfig { is_streaming, ..config(&fake.base_url()) }).unwrap();
        for fault in [Fault::MissingUsage, Fault::AbsurdUsage] {
            fake.push(Reply::from(tool_answer()).fault(fault));
            let answer = client.call(&request("x"), &mut ignore).await.unwrap();
            assert_eq!(answer.usage, None, "{fault:?}");
        }
    }
}

#[tokio::test]
async fn pages_and_other_things_with_status_200_are_malformed() {
    let fake = FakeProvider::start().unwrap();
    let client = anthropic(&fake.base_url());
    for body in ["<html>Log in</html>", "", "{}", "[]", "null", "{\"content\": []}", "{\"content\": 5}"] {
        fake.push(Reply::new(Kind::Raw { content_type: "text/html".to_owned(), body: body.into() }));
        assert_eq!(failure(&client, &request("x")).await.class, ErrorClass::Malformed, "{body}");
    }
    let endless = vec![b'x'; 9 * 1024 * 1024];
    fake.push(Reply::new(Kind::Raw { content_type: "text/event-stream".to_owned(), body: endless }));
    assert_eq!(failure(&client, &request("x")).await.class, ErrorClass::Malformed);
    let huge = vec![b' '; 65 * 1024 * 1024];
    fake.push(Reply::new(Kind::Raw { content_type: "application/json".to_owned(), body: huge }));
    let error = failure(&client, &request("x")).await;
    assert!(error.class == ErrorClass::Malformed && error.message.contains("larger"), "{error:?}");
    let error = json!({"type": "error", "error": {"type": "authentication_error", "message": "m"}});
    let body = error.to_string().into_bytes();
    fake.push(Reply::new(Kind::Raw { content_type: "application/json".to_owned(), body }));
    assert_eq!(failure(&client, &request("x")).await.class, ErrorClass::Auth);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn garbage_is_never_an_answer(
        parts in proptest::collection::vec(
            prop_oneof![
                Just(b"data: {\"type\":\"message_start\",\"message\":{}}\n\n".to_vec()),
                Just(b"data: {\"type\":\"message_stop\"}\n\n".to_vec()),
                Just(b"event: ping\n".to_vec()),
                proptest::collection::vec(any::<u8>(), 0..60),
            ],
            0..12,
        ),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let fake = FakeProvider::start().unwrap();
            let body = parts.concat();
            fake.push(Reply::new(Kind::Raw { content_type: "text/event-stream".to_owned(), body }));
            let error = failure(&anthropic(&fake.base_url()), &request("x")).await;
            assert!(!error.class.is_free());
        });
    }
}
