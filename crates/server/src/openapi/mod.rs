//! The API's description, made from the table that serves: each route that is in
//! the router is in the document, with the fields that its own reader takes.
//!
//! Nothing here decides anything about a request.

mod operations;
mod schemas;

use std::fmt::Write as _;
use std::sync::OnceLock;

use axum::Json;
use axum::http::{HeaderValue, Method, header};
use axum::response::{Html, IntoResponse, Response};
use domain::refusal::Code;
use serde_json::{Map, Value, json};

use crate::error::status_of;
use crate::router::{Access, Limit, Route, routes};
use crate::state::State;
use operations::{Operation, Takes};

/// Codes beside those of refusals, with their statuses.
const CODES: &[(u16, &str)] = &[
    (400, "bad_body"),
    (400, "cancelled"),
    (400, "last_admin"),
    (400, "nothing_to_update"),
    (400, "registration_failed"),
    (400, "self"),
    (400, "wrong_password"),
    (401, "unauthorized"),
    (403, "forbidden"),
    (403, "registration_disabled"),
    (404, "not_found"),
    (405, "method_not_allowed"),
    (408, "timeout"),
    (409, "idempotency_in_progress"),
    (412, "precondition_failed"),
    (413, "too_large"),
    (415, "unsupported_media_type"),
    (422, "idempotency_mismatch"),
    (422, "validation_failed"),
    (429, "rate_limited"),
    (500, "internal"),
    (502, "planning_failed"),
    (503, "not_ready"),
    (503, "stopping"),
];

/// Where edits may name what they are an edit of, by its `ETag`.
const TAGGED: [&str; 2] = ["/api/projects/{project_id}", "/api/tasks/{task_id}"];

/// The document for these routes.
#[must_use]
pub fn document(routes: &[Route]) -> Value {
    let operations = operations::all();
    let mut paths: Map<String, Value> = Map::new();
    for route in routes {
        let name = format!("{} {}", route.method, route.path);
        let known = operations.iter().find(|operation| operation.route == name);
        let entry = paths.entry(route.path).or_insert_with(|| json!({}));
        entry[route.method.as_str().to_ascii_lowercase()] = describe(route, known);
    }
    let mut schemas = schemas::components();
    schemas.insert("Problem".to_owned(), problem());
    json!({
        "openapi": "3.1.0",
        "info": {"title": "Orchestration Engine", "version": "0.1.0"},
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
    })
}

/// What every refused request answers, with all codes there are.
fn problem() -> Value {
    let own = CODES.iter().map(|(status, code)| (*status, *code));
    let refusals = Code::ALL.iter().map(|code| (status_of(*code).as_u16(), code.as_str()));
    let mut codes: Vec<(u16, &str)> = own.chain(refusals).collect();
    codes.sort_unstable();
    codes.dedup();
    let mut text = "A stable word. External routes answer 409 to conflicts of state.".to_owned();
    for (status, code) in codes {
        // Writing to a String cannot fail.
        let _ = write!(text, "\n* `{code}` ({status})");
    }
    json!({
        "type": "object",
        "required": ["detail", "code"],
        "properties": {
            "detail": {
                "description": "For a person; a list of fields for `validation_failed`.",
                "oneOf": [{"type": "string"}, {"type": "array", "items": {"type": "object"}}],
            },
            "code": {"type": "string", "description": text},
        },
    })
}

fn describe(route: &Route, known: Option<&Operation>) -> Value {
    let mut parameters: Vec<Value> = route
        .path
        .split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
        .map(|name| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}}))
        .collect();
    let mut operation = json!({
        "operationId": operation_id(route),
        "tags": [route.path.trim_start_matches("/api/").split('/').next().unwrap_or_default()],
    });
    let mut responses = json!({
        "default": {"description": "Refused", "content": content("application/json", schemas::schema("Problem"))},
    });
    if let Some(known) = known {
        operation["summary"] = json!(known.summary);
        responses[known.status.to_string()] = success(known.answer);
        match &known.takes {
            Takes::Nothing => {}
            Takes::Query(fields) => parameters.extend(query(&fields())),
            Takes::Body(fields) => operation["requestBody"] = body(fields(), true),
            Takes::OptionalBody(fields) => operation["requestBody"] = body(fields(), false),
        }
    }
    if route.limit == Limit::Plan {
        responses["202"] = success("Planning");
    }
    if route.method == Method::PATCH && TAGGED.contains(&route.path) {
        let schema = json!({"type": "string"});
        parameters.push(json!({"name": "If-Match", "in": "header", "required": false, "schema": schema}));
    }
    if route.limit != Limit::None {
        responses["429"] = json!({"description": "Too often; see Retry-After"});
    }
    operation["security"] = match route.access {
        Access::Signed => json!([{"bearer": []}]),
        Access::Open => json!([]),
    };
    operation["parameters"] = Value::Array(parameters);
    operation["responses"] = responses;
    operation
}

fn operation_id(route: &Route) -> String {
    let words = route.path.trim_start_matches("/api/").split(['/', '.', '-']);
    let path: Vec<&str> =
        words.map(|word| word.trim_matches(['{', '}'])).filter(|word| !word.is_empty()).collect();
    format!("{}_{}", route.method.as_str().to_ascii_lowercase(), path.join("_"))
}

fn content(kind: &str, schema: Value) -> Value {
    json!({kind: {"schema": schema}})
}

fn success(answer: &str) -> Value {
    let text = || json!({"type": "string"});
    match answer {
        "" => json!({"description": "Done"}),
        "html" => json!({"description": "A page", "content": content("text/html", text())}),
        "stream" => json!({"description": "Frames", "content": content("text/event-stream", text())}),
        word => json!({"description": "Done", "content": content("application/json", schemas::schema(word))}),
    }
}

fn body(schema: Value, is_required: bool) -> Value {
    json!({"required": is_required, "content": content("application/json", schema)})
}

fn query(schema: &Value) -> Vec<Value> {
    let required = schema["required"].as_array().cloned().unwrap_or_default();
    let fields = schema["properties"].as_object().cloned().unwrap_or_default();
    fields
        .into_iter()
        .map(|(name, schema)| {
            let is_required = required.contains(&json!(name));
            json!({"name": name, "in": "query", "required": is_required, "schema": schema})
        })
        .collect()
}

/// The document of what is served.
pub async fn openapi(state: State) -> Json<&'static Value> {
    static DOCUMENT: OnceLock<Value> = OnceLock::new();
    Json(DOCUMENT.get_or_init(|| document(&routes(state))))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// All routes on a page that loads nothing.
pub async fn docs(state: State) -> Response {
    static PAGE: OnceLock<String> = OnceLock::new();
    let page = PAGE.get_or_init(|| page(&routes(state)));
    let mut response = Html(page.as_str()).into_response();
    let policy = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    response
}

fn page(routes: &[Route]) -> String {
    let operations = operations::all();
    let mut rows = String::new();
    for route in routes {
        let name = format!("{} {}", route.method, route.path);
        let summary = operations.iter().find(|operation| operation.route == name);
        let summary = escaped(summary.map_or("", |operation| operation.summary));
        // Writing to a String cannot fail.
        let _ = writeln!(
            rows,
            "<tr><td>{}</td><td><code>{}</code></td><td>{summary}</td></tr>",
            route.method,
            escaped(route.path)
        );
    }
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Orchestration Engine: API</title>\
         </head><body><h1>API</h1><p>Fields, answers and codes: <a href=\"/openapi.json\">openapi.json</a>.</p>\
         <table><thead><tr><th>Method</th><th>Path</th><th>What for</th></tr></thead><tbody>\n{rows}</tbody></table>\
         </body></html>\n"
    )
}
