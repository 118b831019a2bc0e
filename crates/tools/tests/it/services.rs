//! `local_llm` and `generate_image` against stand-ins for Ollama and ComfyUI: such
//! as work, and such as lie, hang, fail or forget.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use domain::ports::Toolbox;
use domain::tool::ToolOutcome;
use serde_json::{Value, json};
use tools::image::{GenerateImageTool, ImageConfig};
use tools::local_llm::{LocalLlmConfig, LocalLlmTool};
use tools::{FileLimits, Registry, Tool};

use super::stub::Stub;
use super::{World, assert_code, names, task};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\nrest";

fn answer(status: u16, body: impl Into<Body>) -> Response {
    Response::builder().status(status).body(body.into()).unwrap()
}

fn json_answer(body: &Value) -> Response {
    answer(200, body.to_string())
}

fn hosts(urls: &[String]) -> Vec<(String, String)> {
    urls.iter().enumerate().map(|(at, url)| (format!("host{at}"), url.clone())).collect()
}

async fn call(tool: Arc<dyn Tool>, input: Value) -> ToolOutcome {
    let name = tool.spec().definition.name.clone();
    let (registry, left_out) = Registry::new(vec![tool]);
    assert_eq!(left_out, []);
    registry.call(&task("tsk_1", 1), &name, &input).await
}

fn llm(urls: &[String]) -> Arc<dyn Tool> {
    let config = LocalLlmConfig {
        hosts: hosts(urls),
        model: "small".to_owned(),
        timeout: Duration::from_millis(1_500),
    };
    Arc::new(LocalLlmTool::new(config).unwrap())
}

#[tokio::test]
async fn a_local_model_is_asked_and_the_next_host_when_one_fails() {
    let stub = Stub::start(|_, path, body| match path {
        "/api/generate" => (200, json!({ "response": format!("{} {}", body["model"], body["system"]) })),
        "/none/api/generate" => (404, json!({ "error": "model 'small' not found" })),
        "/down/api/generate" => (503, json!({ "error": "overloaded" })),
        "/bad/api/generate" => (400, json!({ "error": "invalid options" })),
        "/lie/api/generate" => (200, json!([])),
        _ => (200, json!({ "error": "broken" })),
    })
    .await;
    let ask = async |bases: &[&str]| {
        let urls: Vec<String> = bases.iter().map(|base| stub.url(base)).collect();
        call(llm(&urls), json!({ "prompt": "hello", "system": "be brief" })).await
    };
    assert_eq!(ask(&[""]).await.content, "\"small\" \"be brief\"");
    assert!(!ask(&["/down", "/none", "/lie", "/broken", ""]).await.is_error);
    let failed = ask(&["/down", "/none"]).await;
    assert_code(&failed, "service_failed", "all");
    assert!(
        failed.content.contains("host0: it answered 503: overloaded; host1: it answered 404: model"),
        "{}",
        failed.content
    );
    // A wrong request is wrong everywhere.
    assert_code(&ask(&["/bad", ""]).await, "service_failed", "bad");
    let both = [stub.url(""), stub.url("/x")];
    let chosen = call(llm(&both), json!({ "prompt": "p", "host": "host1", "model": "m" })).await;
    assert_eq!(chosen.content, "\"m\" null", "the other one helps out");
    assert_code(
        &call(llm(&both), json!({ "prompt": "p", "host": "evil" })).await,
        "invalid_tool_input",
        "host",
    );
    let nobody = ["http://127.0.0.1:9".to_owned(), "no address".to_owned()];
    assert_code(&call(llm(&nobody), json!({ "prompt": "p" })).await, "service_failed", "nobody");
}

fn config(urls: &[String]) -> ImageConfig {
    ImageConfig {
        hosts: hosts(urls),
        checkpoint: "model.safetensors".to_owned(),
        poll_interval: Duration::from_millis(20),
        timeout: Duration::from_secs(2),
        workflow: None,
    }
}

fn images(world: &World, config: ImageConfig) -> Arc<dyn Tool> {
    Arc::new(GenerateImageTool::new(world.files.clone(), config).unwrap())
}

/// Submits under any id, then this history entry, then this picture.
fn comfy(entry: Value, picture: (u16, Vec<u8>)) -> impl Fn(&str, &str, &axum::body::Bytes) -> Response {
    let looks = AtomicUsize::new(0);
    move |method, path, _| match (method, path.split(['?', '/']).nth(1).unwrap_or_default()) {
        ("POST", "prompt") => json_answer(&json!({ "prompt_id": "p1", "number": 1, "node_errors": {} })),
        ("GET", "history") if looks.fetch_add(1, Ordering::Relaxed) < 2 => json_answer(&json!({})),
        ("GET", "history") => json_answer(&json!({ "p1": entry })),
        ("GET", "queue") => json_answer(&json!({ "queue_running": [[0, "p1", {}]], "queue_pending": [] })),
        ("GET", "view") => answer(picture.0, picture.1.clone()),
        _ => answer(200, ""),
    }
}

fn done() -> Value {
    json!({
        "status": { "status_str": "success", "completed": true },
        "outputs": { "9": { "images": [{ "filename": "a b&c/../é.png", "subfolder": "su b", "type": "output" }] } },
    })
}

#[tokio::test]
async fn a_picture_arrives_in_the_workspace_with_its_history() {
    let world = World::new();
    let stub = Stub::raw(comfy(done(), (200, PNG.to_vec()))).await;
    let input = json!({ "prompt": "a cat", "width": 64, "height": 128 });
    let made = call(images(&world, config(&[stub.url("/")])), input.clone()).await;
    assert!(!made.is_error, "{}", made.content);
    let paths: Vec<&str> = made.writes.iter().map(|entry| entry.path.as_str()).collect();
    assert_eq!(names(&world.staging()).len(), 2);
    assert!(paths[0].starts_with("images/") && paths[0].ends_with("-1.png"), "{paths:?}");
    assert_eq!(std::fs::read(world.staging().join(paths[0])).unwrap(), PNG);
    let beside: Value =
        serde_json::from_slice(&std::fs::read(world.staging().join(paths[1])).unwrap()).unwrap();
    assert_eq!(
        (&beside["prompt"], &beside["width"], &beside["host"]),
        (&json!("a cat"), &json!(64), &json!("host0"))
    );
    let sent = &stub.asked("POST /prompt")[0];
    let body: Value = serde_json::from_str(&sent["POST /prompt ".len()..]).unwrap();
    assert!(body["prompt"]["3"]["inputs"]["seed"].as_u64().is_some_and(|seed| seed > 0), "{body}");
    assert_eq!(body["prompt"]["3"]["inputs"]["seed"], beside["seed"]);
    assert_eq!(body["prompt"]["5"]["inputs"]["height"], 128);
    assert_eq!(
        stub.asked("GET /view"),
        ["GET /view?filename=a+b%26c%2F..%2F%C3%A9.png&subfolder=su+b&type=output "]
    );
    assert!(stub.asked("POST /interrupt").is_empty());
    // Repeated after a crash: the same files.
    let again = call(images(&world, config(&[stub.url("")])), input).await;
    assert_eq!(again.writes, made.writes);
}

#[tokio::test]
async fn a_workflow_of_the_user_is_filled() {
    let world = World::new();
    let stub = Stub::raw(comfy(done(), (200, PNG.to_vec()))).await;
    let workflow =
        json!({ "1": { "class_type": "X", "inputs": { "text": "photo of {prompt}", "n": "{width}" } } });
    let config = ImageConfig { workflow: Some(workflow), ..config(&[stub.url("")]) };
    assert!(!call(images(&world, config), json!({ "prompt": "cat" })).await.is_error);
    let sent = &stub.asked("POST /prompt")[0];
    assert!(sent.contains("\"text\":\"photo of cat\"") && sent.contains("\"n\":1024"), "{sent}");
}

#[tokio::test]
async fn workflow_errors_name_node_and_reason() {
    let world = World::new();
    let broken = json!({ "status": { "status_str": "error", "messages": [
        ["execution_start", {}],
        ["execution_error", { "node_id": "3", "node_type": "KSampler", "exception_message": "out of memory\n at x" }],
    ] }, "outputs": {} });
    let stub = Stub::raw(comfy(broken, (200, vec![]))).await;
    let failed = call(images(&world, config(&[stub.url("")])), json!({ "prompt": "x" })).await;
    assert_code(&failed, "workflow_failed", "run");
    assert!(failed.content.contains("node 3 (KSampler): out of memory at x"), "{}", failed.content);
    let refusing = Stub::start(|_, _, _| {
        (
            400,
            json!({ "error": { "message": "Prompt outputs failed validation" }, "node_errors": { "4": {
            "class_type": "CheckpointLoaderSimple",
            "errors": [{ "message": "Value not in list", "details": "ckpt_name: 'model.safetensors'" }],
        } } }),
        )
    })
    .await;
    let failed = call(images(&world, config(&[refusing.url("")])), json!({ "prompt": "x" })).await;
    assert_code(&failed, "workflow_failed", "submit");
    assert!(
        failed.content.contains("node 4 (CheckpointLoaderSimple): Value not in list ckpt_name"),
        "{}",
        failed.content
    );
    // Another host may have that model.
    let good = Stub::raw(comfy(done(), (200, PNG.to_vec()))).await;
    let urls = [refusing.url(""), good.url("")];
    let input = json!({ "prompt": "x", "host": "host0" });
    assert!(!call(images(&world, config(&urls)), input).await.is_error);
}

#[tokio::test]
async fn a_comfyui_that_lies_ends_in_an_error() {
    let nothing = json!({ "status": { "status_str": "success" }, "outputs": {} });
    let table = [
        ("no pictures", nothing, (200, vec![])),
        ("404 picture", done(), (404, b"gone".to_vec())),
        ("html", done(), (200, b"<html>".to_vec())),
        ("empty", done(), (200, vec![])),
        ("too large", done(), (200, [PNG, &[0; 4_000]].concat())),
        ("odd outputs", json!({ "outputs": [1, { "images": 3 }], "status": 7 }), (200, vec![])),
    ];
    for (what, entry, picture) in table {
        let world = World::with(FileLimits { file_bytes_max: 2_000, ..FileLimits::default() });
        let stub = Stub::raw(comfy(entry, picture)).await;
        let failed = call(images(&world, config(&[stub.url("")])), json!({ "prompt": "x" })).await;
        assert_code(&failed, "service_failed", what);
        assert_eq!(names(&world.staging()), Vec::<String>::new(), "{what}");
    }
    for (what, body) in
        [("no id", "{}"), ("no JSON", "hello"), ("a list", "[1]"), ("a number", "{\"prompt_id\":7}")]
    {
        let world = World::new();
        let stub = Stub::raw(move |_, _, _| answer(200, body)).await;
        let failed = call(images(&world, config(&[stub.url("")])), json!({ "prompt": "x" })).await;
        assert_code(&failed, "service_failed", what);
    }
}

#[tokio::test]
async fn a_comfyui_that_forgets_or_hangs_is_left() {
    let world = World::new();
    let forgetful = Stub::start(|_, path, _| match path {
        "/prompt" => (200, json!({ "prompt_id": "p1" })),
        "/queue" => (200, json!({ "queue_running": [], "queue_pending": [] })),
        _ => (200, json!({})),
    })
    .await;
    let failed = call(images(&world, config(&[forgetful.url("")])), json!({ "prompt": "x" })).await;
    assert!(failed.is_error && failed.content.contains("ComfyUI lost the workflow"), "{}", failed.content);
    let hanging = Stub::start(|_, path, _| match path {
        "/prompt" => (200, json!({ "prompt_id": "p1" })),
        "/queue" => (200, json!({ "queue_running": [[0, "p1"]], "queue_pending": [] })),
        _ => (200, json!({})),
    })
    .await;
    let slow = ImageConfig { timeout: Duration::from_millis(300), ..config(&[hanging.url("")]) };
    let failed = call(images(&world, slow), json!({ "prompt": "x" })).await;
    assert!(failed.is_error && failed.content.contains("not ready within 0.3 s"), "{}", failed.content);
    wait_for(|| !hanging.asked("POST /interrupt").is_empty()).await;
    assert!(hanging.asked("POST /queue")[0].contains("\"delete\":[\"p1\"]"));
}

#[tokio::test]
async fn a_cancelled_call_is_taken_back() {
    let world = World::new();
    let stub = Stub::raw(comfy(json!(null), (200, vec![]))).await;
    let tool = images(&world, config(&[stub.url("")]));
    let running = tokio::spawn(async move { call(tool, json!({ "prompt": "x" })).await });
    wait_for(|| !stub.asked("GET /history").is_empty()).await;
    running.abort();
    wait_for(|| !stub.asked("POST /interrupt").is_empty()).await;
    assert!(stub.asked("POST /queue")[0].contains("p1"));
}

#[tokio::test]
async fn the_host_with_the_shorter_queue_is_chosen() {
    let world = World::new();
    let busy = Stub::start(|_, path, _| {
        assert_eq!(path, "/queue");
        (200, json!({ "queue_running": [[0, "x"]], "queue_pending": [[1, "y"]] }))
    })
    .await;
    let idle = Stub::raw(comfy(done(), (200, PNG.to_vec()))).await;
    let made = call(images(&world, config(&[busy.url(""), idle.url("")])), json!({ "prompt": "x" })).await;
    assert!(!made.is_error, "{}", made.content);
}

async fn wait_for(what: impl Fn() -> bool) {
    for _ in 0..500 {
        if what() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it did not happen");
}
