//! The fake, judged by the official Python client: what the client cannot read, the
//! fake gets wrong, and then every other test proves nothing.

use std::process::Command;

use providers::brain;
use serde_json::Value;
use testkit::fake_provider::{FakeProvider, Fault, Reply, text_answer};

use crate::support::{python, request};

#[test]
fn official_python_client_understands_the_fake() {
    let Some(python) = python() else { return };
    let fake = FakeProvider::simulated(brain).unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/python_client.py");
    fake.push(Reply::status(529, "overloaded_error", "busy"));
    fake.push(Reply::status(429, "rate_limit_error", "slow down").header("retry-after", "1"));
    fake.push(Reply::from(text_answer(&request("x"), "cut")).fault(Fault::CutAfter(300)));
    let output = Command::new(python).arg(script).arg(fake.base_url()).output().unwrap();
    let shown = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{shown}");
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(told["errors"], serde_json::json!(["OverloadedError", "RateLimitError", "cut"]));
    assert_eq!(told["streamed"], told["whole"], "{told}");
    assert_eq!(told["stop_reason"], "tool_use");
    assert_eq!(told["final_stop_reason"], "end_turn");
    assert_eq!(told["plan_tasks"], true);
    assert_eq!(told["models"], serde_json::json!(["fake-model"]));
    // The client's own count of tokens is the bill.
    let bill = fake.bill();
    let output_tokens: u64 = bill.usage.values().map(|usage| usage.output).sum();
    assert_eq!(
        told["output_tokens"].as_u64().unwrap() + 1,
        output_tokens,
        "and one for the answer that was cut"
    );
    assert_eq!(fake.violations(), Vec::<String>::new());
}
