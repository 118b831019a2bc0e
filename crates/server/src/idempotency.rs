//! A request that is sent again under the same `Idempotency-Key` is not carried out
//! again: the first answer is given once more. Only for routes that create or
//! spend, and never for answers that hold a secret.

use std::panic::AssertUnwindSafe;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::FutureExt as _;
use store::{Idempotent, Recorded};

use crate::error::{ApiError, FieldProblem};
use crate::extract::read_body;
use crate::random;
use crate::router::Route;
use crate::state::State;

const KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// Longest key, in bytes.
const KEY_BYTES_MAX: usize = 255;

/// How long an answer is kept.
const KEEP_MS: u64 = 24 * 60 * 60 * 1000;

/// Largest answer that is kept, in bytes.
const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Where keys mean something.
const PLACES: [&str; 3] = ["/api/projects", "/api/tasks", "/api/checkpoints"];

/// Carries a request out, unless it was before.
pub(crate) async fn once(state: &State, route: &Route, user: &str, request: Request, next: Next) -> Response {
    let has_place = route.method == Method::POST && PLACES.iter().any(|place| route.path.starts_with(place));
    if !has_place || !request.headers().contains_key(KEY) {
        return next.run(request).await;
    }
    match keyed(state, user, request, next).await {
        Ok(response) => response,
        Err(error) => error.into_response(),
    }
}

async fn keyed(state: &State, user: &str, request: Request, next: Next) -> Result<Response, ApiError> {
    let key = key(request.headers())?;
    let (parts, body) = request.into_parts();
    let bytes = read_body(&parts.headers, body).await?;
    let target = format!("{} {}\n", parts.method, parts.uri);
    let hash = random::sha256_of(&[target.as_bytes(), &bytes]);
    match state.store.begin_idempotent(user, &key, &hash, KEEP_MS, state.now()).await? {
        Idempotent::First => {}
        Idempotent::Done(recorded) => return Ok(replay(recorded)),
        Idempotent::InProgress => {
            let detail = "The first request with this key is still being carried out";
            return Err(ApiError::new(StatusCode::CONFLICT, "idempotency_in_progress", detail));
        }
        Idempotent::OtherBody => {
            let detail = "This Idempotency-Key was used for another request";
            return Err(ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "idempotency_mismatch", detail));
        }
    }
    let request = Request::from_parts(parts, Body::from(bytes));
    let Ok(response) = AssertUnwindSafe(next.run(request)).catch_unwind().await else {
        state.store.finish_idempotent(user, &key, None).await?;
        return Err(ApiError::internal("a handler panicked"));
    };
    let (parts, body) = response.into_parts();
    let bytes = to_bytes(body, ANSWER_BYTES_MAX).await.unwrap_or_default();
    let is_final = !parts.status.is_server_error() && parts.status != StatusCode::TOO_MANY_REQUESTS;
    let recorded = is_final.then(|| Recorded { status: parts.status.as_u16(), body: text(&bytes) });
    state.store.finish_idempotent(user, &key, recorded).await?;
    Ok(Response::from_parts(parts, Body::from(bytes)))
}

fn key(headers: &HeaderMap) -> Result<String, ApiError> {
    let mut values = headers.get_all(KEY).iter();
    let value = values.next().filter(|_| values.next().is_none()).and_then(|value| value.to_str().ok());
    let key = value.filter(|key| !key.is_empty() && key.len() <= KEY_BYTES_MAX);
    key.map(str::to_owned).ok_or_else(|| {
        ApiError::Invalid(vec![FieldProblem {
            kind: "value_error",
            loc: vec!["header".into(), KEY.as_str().into()],
            msg: format!("Must be one text of 1 to {KEY_BYTES_MAX} plain characters"),
            input: None,
        }])
    })
}

fn text(bytes: &Bytes) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn replay(recorded: Recorded) -> Response {
    let status = StatusCode::from_u16(recorded.status).unwrap_or(StatusCode::OK);
    let has_body = !recorded.body.is_empty();
    let mut response = (status, recorded.body).into_response();
    let headers = response.headers_mut();
    headers.remove(header::CONTENT_TYPE);
    if has_body {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    headers.insert(REPLAYED, HeaderValue::from_static("true"));
    response
}
