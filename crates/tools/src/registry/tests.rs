//! What the registry does with arguments, time, size and broken tools.

use domain::model::ToolDefinition;
use domain::tool::ToolClass;
use serde_json::json;

use super::*;

/// A tool that does what its argument says.
struct Puppet {
    name: &'static str,
    schema: Value,
}

#[async_trait]
impl Tool for Puppet {
    fn spec(&self) -> Arc<ToolSpec> {
        Arc::new(ToolSpec {
            definition: ToolDefinition {
                name: self.name.to_owned(),
                description: "a test tool".to_owned(),
                input_schema: self.schema.clone(),
            },
            class: ToolClass::Read,
            timeout_ms: 1_000,
            output_max_bytes: 100,
            needs: Vec::new(),
            is_untrusted: false,
        })
    }

    async fn call(&self, _: &ToolContext, input: &Value) -> ToolOutcome {
        match input["do"].as_str() {
            Some("panic") => panic!("a tool of the test breaks"),
            Some("hang") => std::future::pending().await,
            Some("long") => ToolOutcome::ok("é".repeat(1_000)),
            _ => ToolOutcome::ok("done"),
        }
    }
}

fn puppet(name: &'static str) -> Arc<dyn Tool> {
    let schema = json!({
        "type": "object",
        "properties": { "do": { "type": "string" }, "count": { "type": "integer", "minimum": 1 } },
        "required": ["do"],
    });
    Arc::new(Puppet { name, schema })
}

fn context() -> ToolContext {
    ToolContext {
        project: domain::id::ProjectId::new("prj_1"),
        task: domain::id::TaskId::new("tsk_1"),
        attempt: 1,
        fence: 1,
        idempotency_key: "key".to_owned(),
    }
}

async fn call(input: Value) -> ToolOutcome {
    let (registry, left_out) = Registry::new(vec![puppet("puppet")]);
    assert_eq!(left_out, []);
    registry.call(&context(), "puppet", &input).await
}

#[tokio::test]
async fn b70_arguments_that_break_the_schema_are_all_named() {
    let outcome = call(json!({ "count": 0 })).await;
    assert!(outcome.is_error);
    assert!(outcome.content.starts_with("invalid_tool_input: "), "{}", outcome.content);
    let schema = json!({ "type": "object", "required": ["a", "b"],
        "properties": { "c": { "type": "array", "items": { "type": "integer" } } } });
    let schema = jsonschema::validator_for(&schema).unwrap();
    let text = mistakes(&schema, &json!({ "c": [1, "x", null] })).unwrap();
    for part in ["\"a\" is a required", "\"b\" is a required", "/c/1 ", "/c/2 "] {
        assert!(text.contains(part), "{part} in {text}");
    }
    let many = mistakes(&schema, &json!({ "c": vec!["x"; 10_000] })).unwrap();
    assert!(
        many.len() < (MISTAKES_MAX + 1) * 2 * (MISTAKE_BYTES_MAX + 4) && many.ends_with("more"),
        "{many}"
    );
    for input in [json!(null), json!([]), json!("text"), json!({ "do": { "do": 1 } })] {
        assert!(call(input).await.content.starts_with("invalid_tool_input: "));
    }
}

#[tokio::test]
async fn b71_an_unknown_tool_is_not_allowed() {
    let (registry, _) = Registry::new(vec![puppet("puppet")]);
    for name in ["", "pup", "Puppet", "puppet ", &"x".repeat(100_000), "\u{1b}[2J"] {
        let outcome = registry.call(&context(), name, &json!({ "do": "it" })).await;
        assert!(outcome.is_error && outcome.content.starts_with("tool_not_allowed: "), "{name:.40}");
        assert!(outcome.content.len() < 600 && !outcome.content.contains('\u{1b}'));
    }
}

#[tokio::test(start_paused = true)]
async fn a_tool_that_hangs_is_cut() {
    let outcome = call(json!({ "do": "hang" })).await;
    assert!(outcome.is_error && outcome.content.starts_with("tool_timed_out: "), "{}", outcome.content);
}

#[tokio::test]
async fn a_panic_stays_in_the_tool() {
    let outcome = call(json!({ "do": "panic" })).await;
    assert!(outcome.is_error && outcome.content.starts_with("tool_failed: "), "{}", outcome.content);
    assert_eq!(call(json!({ "do": "it" })).await, ToolOutcome::ok("done"));
}

#[tokio::test]
async fn a_long_result_is_cut_between_characters_and_says_how_much() {
    let content = call(json!({ "do": "long" })).await.content;
    assert!(content.len() <= 100, "{}", content.len());
    let kept = content.chars().take_while(|c| *c == 'é').count() * 2;
    assert!(content.ends_with(&format!("[cut: {} more bytes were left out]", 2_000 - kept)), "{content}");
    for bytes_max in 0..60 {
        assert!(bound(ToolOutcome::ok("é".repeat(50)), bytes_max).content.len() <= bytes_max);
    }
}

#[test]
fn tools_that_do_not_work_are_left_out_with_a_reason() {
    let broken = |name, schema| -> Arc<dyn Tool> { Arc::new(Puppet { name, schema }) };
    let (registry, left_out) = Registry::new(vec![
        puppet("b"),
        puppet("a"),
        puppet("b"),
        broken("bad name", json!({ "type": "object" })),
        broken("array", json!({ "type": "array" })),
        broken("nonsense", json!({ "type": "object", "properties": { "x": { "type": "strin" } } })),
        broken("remote", json!({ "type": "object", "$ref": "http://127.0.0.1:1/schema.json" })),
        broken("local", json!({ "type": "object", "$ref": "file:///etc/passwd" })),
    ]);
    let names: Vec<String> = registry.specs().iter().map(|spec| spec.definition.name.clone()).collect();
    assert_eq!(names, ["a", "b"]);
    let names: Vec<&str> = left_out.iter().map(|tool| tool.name.as_str()).collect();
    assert_eq!(names, ["b", "bad name", "array", "nonsense", "remote", "local"]);
}
