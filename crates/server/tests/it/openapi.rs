//! The document is what is served: every route is in it, answers look as it says,
//! and the copy in `docs` is the same. `UPDATE_FILES=1` writes that copy anew.

use std::collections::BTreeSet;
use std::path::Path;

use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{App, Someone, app};

async fn document(app: &App) -> Value {
    let (status, document) = app.call(Method::GET, "/openapi.json", None, None).await;
    assert_eq!(status, 200);
    document
}

#[tokio::test]
async fn every_route_is_described() {
    let app = app().await;
    let document = document(&app).await;
    assert_eq!(document["openapi"], "3.1.0");
    let mut ids = BTreeSet::new();
    for route in server::routes(app.state.clone()) {
        let operation = &document["paths"][route.path][route.method.as_str().to_ascii_lowercase()];
        assert!(operation["summary"].is_string(), "{} {} is not described", route.method, route.path);
        assert!(ids.insert(operation["operationId"].to_string()), "{operation}");
    }
    let described: usize =
        document["paths"].as_object().unwrap().values().map(|path| path.as_object().unwrap().len()).sum();
    assert_eq!(described, ids.len(), "what is described is served");
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "a switch of this test")]
async fn the_copy_in_the_documentation_is_the_same() {
    let app = app().await;
    let served = format!("{}\n", serde_json::to_string_pretty(&document(&app).await).unwrap());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/api/openapi.json");
    if std::env::var_os("UPDATE_FILES").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &served).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == served, "docs/api/openapi.json is old; run this test with UPDATE_FILES=1");
}

#[tokio::test]
async fn references_lead_somewhere() {
    let app = app().await;
    let document = document(&app).await;
    let text = document.to_string();
    for part in text.split("#/components/schemas/").skip(1) {
        let name = part.split('"').next().unwrap();
        assert!(document["components"]["schemas"][name].is_object(), "{name}");
    }
}

#[tokio::test]
async fn the_page_lists_routes_and_loads_nothing() {
    let app = app().await;
    let answer = app.request(Method::GET, "/docs").send().await.unwrap();
    assert!(answer.headers()["content-security-policy"].to_str().unwrap().starts_with("default-src 'none'"));
    let text = answer.text().await.unwrap();
    assert!(text.contains("<code>/api/external/tasks/{task_id}/claim</code>"));
    assert!(!text.contains("src=") && !text.contains("http://") && !text.contains("https://"));
}

/// What does not fit, in words. The object's fields must be exactly the schema's.
fn mistakes(document: &Value, schema: &Value, value: &Value, at: &str, wrong: &mut Vec<String>) {
    if let Some(name) = schema["$ref"].as_str() {
        let name = name.rsplit('/').next().unwrap();
        return mistakes(document, &document["components"]["schemas"][name], value, at, wrong);
    }
    if let Some(either) = schema["oneOf"].as_array() {
        if !value.is_null() {
            mistakes(document, &either[0], value, at, wrong);
        }
        return;
    }
    let kinds: Vec<&str> = match &schema["type"] {
        Value::String(kind) => vec![kind],
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => return,
    };
    let fits = kinds.iter().any(|kind| match *kind {
        "string" => value.is_string(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "object" => value.is_object(),
        "array" => value.is_array(),
        _ => value.is_null(),
    });
    if !fits {
        wrong.push(format!("{at}: {value} is no {kinds:?}"));
    }
    for (index, entry) in value.as_array().into_iter().flatten().enumerate() {
        mistakes(document, &schema["items"], entry, &format!("{at}/{index}"), wrong);
    }
    let (Some(fields), Some(properties)) = (value.as_object(), schema["properties"].as_object()) else {
        return;
    };
    let (sent, said): (BTreeSet<_>, BTreeSet<_>) = (fields.keys().collect(), properties.keys().collect());
    if sent != said {
        wrong.push(format!("{at}: sent {sent:?}, described {said:?}"));
    }
    for (name, schema) in properties {
        mistakes(document, schema, &value[name], &format!("{at}/{name}"), wrong);
    }
}

#[tokio::test]
async fn answers_look_as_described() {
    let app = app().await;
    let ann = app.register("ann").await;
    let document = document(&app).await;
    let (done, _) = app.ready_project(&ann).await;
    app.post(&ann, &format!("/api/projects/{done}/execute"), json!({})).await;
    app.wait_for(&ann, &done, "completed").await;
    let (project, tasks) = app.ready_project(&ann).await;
    let config = json!({"config": {"execution_mode": "external"}});
    app.patch(&ann, &format!("/api/projects/{project}"), config).await;
    let mut wrong = Vec::new();
    let bodies = [
        ("POST", "/api/projects", json!({"name": "n", "requirements": "r"})),
        ("POST", "/api/auth/api-keys", json!({"name": "n"})),
        ("POST", "/api/auth/login", json!({"email": "ann@example.com", "password": crate::app::PASSWORD})),
        ("POST", "/api/auth/refresh", json!({"refresh_token": ann.refresh})),
        ("POST", "/api/tasks/bulk", json!({"action": "retry", "task_ids": ["x"]})),
        ("POST", "/api/projects/{project_id}/execute", json!({})),
        ("GET", "/api/external/{project_id}/claimable", Value::Null),
        ("POST", "/api/external/tasks/{task_id}/claim", json!({})),
        ("POST", "/api/external/tasks/{task_id}/heartbeat", json!({})),
        ("POST", "/api/external/tasks/{task_id}/result", json!({"output_text": "x", "model_used": "m"})),
    ];
    for (method, path, body) in bodies {
        compare(&app, &ann, &document, (method, path, body), [&project, &tasks[0]], &mut wrong).await;
    }
    for (path, operations) in document["paths"].as_object().unwrap() {
        let is_json = operations["get"]["responses"]["200"]["content"]["application/json"].is_object();
        let has_ids = path.replace("{project_id}", "").replace("{task_id}", "").contains('{');
        if is_json && !has_ids && path != "/openapi.json" {
            let asked = ("GET", path.as_str(), Value::Null);
            compare(&app, &ann, &document, asked, [&done, &tasks[0]], &mut wrong).await;
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

async fn compare(
    app: &App,
    who: &Someone,
    document: &Value,
    (method, path, body): (&str, &str, Value),
    [project, task]: [&str; 2],
    wrong: &mut Vec<String>,
) {
    let operation = &document["paths"][path][method.to_ascii_lowercase()];
    let real = path.replace("{project_id}", project).replace("{task_id}", task);
    let body = (!body.is_null()).then_some(body);
    let verb = Method::from_bytes(method.as_bytes()).unwrap();
    let (status, answer) = app.call(verb, &real, Some(&who.token), body).await;
    let schema = &operation["responses"][status.to_string()]["content"]["application/json"]["schema"];
    if !(200..300).contains(&status) || schema.is_null() {
        wrong.push(format!("{method} {path}: {status} {answer}"));
    }
    mistakes(document, schema, &answer, path, wrong);
}
