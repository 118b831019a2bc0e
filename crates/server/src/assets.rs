//! The pages. What is not built is said in a page of its own, so that the server
//! compiles and runs without the UI.

use axum::http::{HeaderValue, header};
use axum::response::{Html, IntoResponse, Response};

/// Nothing runs or loads but what we serve.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const PLACEHOLDER: &str = "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
    <title>Orchestration Engine</title></head><body><h1>Orchestration Engine</h1>\
    <p>The server runs. This build has no pages; the API is under <code>/api</code>.</p></body></html>\n";

/// The page for a path outside the API.
pub(crate) fn page(_path: &str) -> Response {
    let mut response = Html(PLACEHOLDER).into_response();
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    response
}
