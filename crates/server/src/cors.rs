//! Which pages of other origins may call the API. Answers preflights itself.

use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};

const METHODS: &str = "GET, POST, PATCH, DELETE, OPTIONS";
const HEADERS: &str = "Accept, Accept-Language, Authorization, Content-Language, Content-Type";
/// What we understand beyond the prototype.
const OUR_HEADERS: [&str; 4] = ["idempotency-key", "if-match", "last-event-id", "prefer"];

/// Whether this origin is allowed, as the value to send back.
fn allowed(origins: &[String], origin: &HeaderValue) -> bool {
    origins.iter().any(|allowed| allowed == "*" || allowed.as_bytes() == origin.as_bytes())
}

/// The answer to a preflight; `None` when the request is none.
pub(crate) fn preflight(origins: &[String], method: &Method, headers: &HeaderMap) -> Option<Response> {
    let wanted = headers.get(header::ACCESS_CONTROL_REQUEST_METHOD)?;
    let origin = headers.get(header::ORIGIN)?;
    if method != Method::OPTIONS {
        return None;
    }
    let mut refused = Vec::new();
    if !allowed(origins, origin) {
        refused.push("origin");
    }
    if !METHODS.split(", ").any(|method| method.as_bytes() == wanted.as_bytes()) {
        refused.push("method");
    }
    let asked =
        headers.get(header::ACCESS_CONTROL_REQUEST_HEADERS).map_or("", |value| value.to_str().unwrap_or("?"));
    let is_known = |name: &str| {
        HEADERS.split(", ").any(|known| known.eq_ignore_ascii_case(name))
            || OUR_HEADERS.iter().any(|known| known.eq_ignore_ascii_case(name))
    };
    if !asked.split(',').map(str::trim).filter(|name| !name.is_empty()).all(is_known) {
        refused.push("headers");
    }
    let mut response = if refused.is_empty() {
        (StatusCode::OK, "OK").into_response()
    } else {
        (StatusCode::BAD_REQUEST, format!("Disallowed CORS {}", refused.join(", "))).into_response()
    };
    let out = response.headers_mut();
    out.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(METHODS));
    let all_headers = format!("{HEADERS}, Idempotency-Key, If-Match, Last-Event-ID, Prefer");
    if let Ok(value) = HeaderValue::from_str(&all_headers) {
        out.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, value);
    }
    out.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    decorate(origins, Some(origin), out);
    Some(response)
}

/// Adds what a browser wants to see on an answer.
pub(crate) fn decorate(origins: &[String], origin: Option<&HeaderValue>, out: &mut HeaderMap) {
    let Some(origin) = origin else { return };
    out.append(header::VARY, HeaderValue::from_static("Origin"));
    if allowed(origins, origin) {
        out.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        out.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    }
}
