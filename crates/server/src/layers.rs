//! Around every request: an id, a span, CORS, headers that every answer carries,
//! and a 500 instead of a dropped connection when a handler panics.

use std::panic::AssertUnwindSafe;

use axum::extract::{Request, State as FromState};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::FutureExt as _;
use tracing::Instrument as _;

use crate::error::ApiError;
use crate::extract::identify;
use crate::rate::Subject;
use crate::router::{Access, Limit, Route};
use crate::settings::Rate;
use crate::state::State;
use crate::{cors, idempotency};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Exports per user; each reads a whole project.
const EXPORT_RATE: Rate = Rate::per_minute(5);

/// The outermost layer.
pub(crate) async fn shell(FromState(state): FromState<State>, request: Request, next: Next) -> Response {
    let id = state.request_id();
    let method = request.method().clone();
    // Queries are left out: they may hold a token.
    let path: String = request.uri().path().chars().take(200).collect();
    let span = tracing::info_span!("request", id, %method, path);
    let origin = request.headers().get(header::ORIGIN).cloned();
    let origins = &state.settings.cors_origins;
    let mut response = match cors::preflight(origins, &method, request.headers()) {
        Some(response) => response,
        None => {
            let mut response = guarded(request, next).instrument(span.clone()).await;
            cors::decorate(origins, origin.as_ref(), response.headers_mut());
            response
        }
    };
    span.in_scope(|| tracing::debug!(status = response.status().as_u16(), "answered"));
    add_headers(response.headers_mut(), &id);
    response
}

async fn guarded(request: Request, next: Next) -> Response {
    match AssertUnwindSafe(next.run(request)).catch_unwind().await {
        Ok(response) => response,
        Err(_) => ApiError::internal("a handler panicked").into_response(),
    }
}

fn add_headers(headers: &mut HeaderMap, id: &str) {
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert(REQUEST_ID, id);
    }
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
    ] {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
}

/// What a route's guard works with.
#[derive(Clone)]
pub(crate) struct Guard {
    pub(crate) state: State,
    pub(crate) route: Route,
}

/// Before every handler: who asks, and whether they ask too often. Nothing of the
/// body has been read yet.
pub(crate) async fn guard(
    FromState(Guard { state, route }): FromState<Guard>,
    request: Request,
    next: Next,
) -> Response {
    let (mut parts, body) = request.into_parts();
    let address = crate::client::address_of(&parts, &state.settings.trusted_proxies);
    let identity = match route.access {
        Access::Open => None,
        Access::Signed => Some(identify(&state, &parts.headers).await),
    };
    let subject = match &identity {
        Some(Ok(signed)) if route.limit != Limit::Auth => Subject::User(signed.user.id.as_str().to_owned()),
        _ => Subject::address(address),
    };
    if let Err(error) = take(&state, &route, &subject) {
        return error.into_response();
    }
    match identity {
        Some(Ok(signed)) => {
            let user = signed.user.id.clone();
            parts.extensions.insert(signed);
            let request = Request::from_parts(parts, body);
            idempotency::once(&state, &route, user.as_str(), request, next).await
        }
        Some(Err(error)) => error.into_response(),
        None => next.run(Request::from_parts(parts, body)).await,
    }
}

fn take(state: &State, route: &Route, subject: &Subject) -> Result<(), ApiError> {
    let settings = &state.settings;
    let rate = match route.limit {
        Limit::None => return Ok(()),
        Limit::Usual => settings.rate_limit,
        Limit::Auth => settings.auth_rate_limit,
        Limit::Plan => settings.plan_rate_limit,
        Limit::Export => EXPORT_RATE,
    };
    let name = format!("{} {}", route.method, route.path);
    state.limiter.take(subject, &name, rate, tokio::time::Instant::now()).map_err(|wait| ApiError::TooMany {
        retry_after_s: wait.as_secs() + u64::from(wait.subsec_nanos() > 0),
    })
}

/// Paths outside `/api` that are no pages either.
const NO_PAGES: [&str; 2] = ["/redoc", "/metrics"];

/// What no route answers.
pub(crate) async fn not_found(request: Request) -> Response {
    let path = request.uri().path();
    let is_api = path == "/api" || path.starts_with("/api/") || NO_PAGES.contains(&path);
    if is_api {
        return nothing_here();
    }
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        return crate::assets::answer(path, request.headers());
    }
    let mut response = wrong_method().await;
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
    response
}

/// 404, as the API says it.
pub(crate) fn nothing_here() -> Response {
    ApiError::new(StatusCode::NOT_FOUND, "not_found", "Not Found").into_response()
}

/// A path that exists, with another method.
pub(crate) async fn wrong_method() -> Response {
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "Method Not Allowed").into_response()
}
