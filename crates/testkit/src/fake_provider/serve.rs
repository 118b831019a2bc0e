//! The fake's HTTP: routes, and the way from a request to its reply.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Json;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, State as Shared};
use axum::http::{HeaderMap, Response, StatusCode};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use domain::model::{Answer, CallError, ErrorClass, Request, Usage};
use futures::StreamExt;
use futures::stream;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::bill::{Bill, Recorded};
use super::script::{Dialect, Fault, Kind, Reply, Seen};
use super::{BODIES_MAX, State, check, lock, plain_answer, read, write};

/// How often pings are sent by `Fault::PingsAfter`.
const PING_MS: u64 = 5;

/// Between the last byte of a cut body and the cut.
const FLUSH_MS: u64 = 1;

/// Serves until told to stop; open connections are cut then.
pub(super) async fn run(listener: TcpListener, state: Arc<State>, stopped: oneshot::Receiver<()>) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
    let listener = listener.tap_io(|connection| {
        // Slower without it, but not wrong.
        drop(connection.set_nodelay(true));
    });
    let routes = Router::new()
        .route("/v1/messages", post(messages))
        .route("/v1/messages/count_tokens", post(count_tokens))
        .route("/v1/models", get(models))
        .route("/api/chat", post(chat))
        .route("/api/tags", get(tags))
        .route("/__bill", get(bill))
        .layer(DefaultBodyLimit::disable())
        .with_state(state);
    tokio::select! {
        _ = axum::serve(listener, routes).into_future() => {}
        _ = stopped => {}
    }
}

async fn messages(Shared(state): Shared<Arc<State>>, headers: HeaderMap, body: Bytes) -> Response<Body> {
    respond(&state, Dialect::Anthropic, &headers, &body).await
}

async fn chat(Shared(state): Shared<Arc<State>>, headers: HeaderMap, body: Bytes) -> Response<Body> {
    respond(&state, Dialect::Ollama, &headers, &body).await
}

async fn count_tokens(body: Bytes) -> impl IntoResponse {
    Json(json!({"input_tokens": body.len().div_ceil(4)}))
}

async fn models(Shared(state): Shared<Arc<State>>, headers: HeaderMap) -> Response<Body> {
    if let Some(refusal) = wrong_key(&state, &headers) {
        return refusal;
    }
    let models: Vec<Value> =
        lock(&state.script).models.iter().map(|id| json!({"type": "model", "id": id})).collect();
    Json(json!({"data": models, "has_more": false})).into_response()
}

async fn tags(Shared(state): Shared<Arc<State>>) -> impl IntoResponse {
    let models: Vec<Value> = lock(&state.script).models.iter().map(|name| json!({"name": name})).collect();
    Json(json!({"models": models}))
}

async fn bill(Shared(state): Shared<Arc<State>>) -> impl IntoResponse {
    let requests = lock(&state.requests);
    Json(json!({"bill": Bill::of(&requests), "requests": *requests}))
}

fn wrong_key(state: &State, headers: &HeaderMap) -> Option<Response<Body>> {
    let key = lock(&state.script).api_key.clone()?;
    let is_right = check::key(headers) == Some(key.as_str());
    (!is_right).then(|| refusal(401, &error_body("authentication_error", "invalid x-api-key")))
}

/// Counts open requests; also those that their client gives up.
struct InFlight<'a>(&'a State);

impl<'a> InFlight<'a> {
    fn begin(state: &'a State) -> Self {
        let now = state.in_flight.fetch_add(1, Ordering::SeqCst) + 1;
        state.in_flight_max.fetch_max(now, Ordering::SeqCst);
        Self(state)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::SeqCst);
    }
}

/// From a request to its reply: check, choose, record, wait, answer.
async fn respond(state: &State, dialect: Dialect, headers: &HeaderMap, bytes: &Bytes) -> Response<Body> {
    let _in_flight = InFlight::begin(state);
    let number = state.next_number.fetch_add(1, Ordering::SeqCst) + 1;
    let body: Value = serde_json::from_slice(bytes).unwrap_or(Value::Null);
    let checked = match dialect {
        Dialect::Anthropic => check::anthropic(headers, &body),
        Dialect::Ollama => check::ollama(&body),
    };
    let request = match dialect {
        Dialect::Anthropic => read::anthropic(number, &body),
        Dialect::Ollama => read::ollama(number, &body),
    };
    if dialect == Dialect::Anthropic
        && let Some(refusal) = wrong_key(state, headers)
    {
        record(state, (number, dialect, bytes, body), &request, 401, None, None);
        return refusal;
    }
    if let Err(violation) = checked {
        let refusal = refusal(400, &error_body("invalid_request_error", &violation));
        record(state, (number, dialect, bytes, body), &request, 400, None, Some(violation));
        return refusal;
    }
    let reply = choose(state, &Seen { number, dialect, request: &request, body: &body });
    let is_streaming = dialect == Dialect::Ollama || body["stream"] == true;
    let (status, billed) = match &reply.kind {
        Kind::Answer(answer) => (200, Some(answer.usage.unwrap_or_default())),
        Kind::Raw { .. } => (200, plain_answer(&request).usage),
        Kind::Status { status, .. } => (*status, None),
        // It was received and may be worked on: the client cannot know.
        Kind::Hang | Kind::Brain => (0, plain_answer(&request).usage),
    };
    record(state, (number, dialect, bytes, body), &request, status, billed, None);
    wait(reply.delay_ms).await;
    answer(number, dialect, is_streaming, reply).await
}

/// The reply of queue, rule or brain. Never `Kind::Brain` any more.
fn choose(state: &State, seen: &Seen<'_>) -> Reply {
    let (queued, rule, brain, delay_ms) = {
        let mut script = lock(&state.script);
        (script.queue.pop_front(), script.rule.clone(), Arc::clone(&script.brain), script.delay_ms)
    };
    let reply = match (queued, rule) {
        (Some(reply), _) => reply,
        (None, Some(rule)) => rule(seen).unwrap_or_else(|| Reply::new(Kind::Brain)).later(delay_ms),
        (None, None) => Reply::new(Kind::Brain).later(delay_ms),
    };
    match reply.kind {
        Kind::Brain => match brain(seen.request) {
            Ok(answer) => Reply { kind: Kind::Answer(answer), ..reply },
            Err(error) => failing(&error, seen.request, reply),
        },
        _ => reply,
    }
}

impl Reply {
    fn later(self, ms: u64) -> Self {
        Self { delay_ms: self.delay_ms.saturating_add(ms), ..self }
    }
}

/// What a client sees of an error of this class.
fn failing(error: &CallError, request: &Request, reply: Reply) -> Reply {
    let status = |status: u16, kind: &str| Kind::Status { status, body: error_body(kind, &error.message) };
    let kind = match error.class {
        ErrorClass::Unreachable => status(503, "overloaded_error"),
        ErrorClass::Overloaded => status(529, "overloaded_error"),
        ErrorClass::RateLimited => status(429, "rate_limit_error"),
        ErrorClass::SpendLimit => status(402, "billing_error"),
        ErrorClass::Auth => status(401, "authentication_error"),
        ErrorClass::BadRequest => status(400, "invalid_request_error"),
        ErrorClass::TooLong => status(413, "request_too_large"),
        ErrorClass::ServerError | ErrorClass::PromptTruncated => status(500, "api_error"),
        ErrorClass::TimedOut => Kind::Hang,
        ErrorClass::CutStream => {
            return Reply {
                kind: Kind::Answer(plain_answer(request)),
                fault: Some(Fault::CutAfter(200)),
                ..reply
            };
        }
        ErrorClass::Malformed => {
            Kind::Raw { content_type: "application/json".to_owned(), body: b"{\"type\": ".to_vec() }
        }
    };
    Reply { kind, ..reply }
}

fn record(
    state: &State,
    (number, dialect, bytes, body): (u64, Dialect, &Bytes, Value),
    request: &Request,
    status: u16,
    billed: Option<Usage>,
    violation: Option<String>,
) {
    let mut hash = DefaultHasher::new();
    bytes.hash(&mut hash);
    let recorded = Recorded {
        number,
        at_ms: u64::try_from(state.started_at.elapsed().as_millis()).unwrap_or(u64::MAX),
        dialect,
        model: request.model.clone(),
        purpose: request.purpose,
        fingerprint: format!("{:016x}", hash.finish()),
        status,
        billed,
        violation,
        body: (number <= BODIES_MAX).then(|| Arc::new(body)),
    };
    lock(&state.requests).push(recorded);
}

async fn answer(number: u64, dialect: Dialect, is_streaming: bool, reply: Reply) -> Response<Body> {
    let (content_type, pieces) = match (&reply.kind, dialect, is_streaming) {
        (Kind::Hang | Kind::Brain, _, _) => return std::future::pending().await,
        (Kind::Status { status, body }, _, _) => {
            return with_headers(refusal(*status, body), number, &reply);
        }
        (Kind::Raw { content_type, body }, _, _) => (content_type.as_str(), vec![Bytes::from(body.clone())]),
        (Kind::Answer(answer), dialect, is_streaming) => {
            spoken(number, dialect, is_streaming, answer, reply.fault)
        }
    };
    let body = match reply.fault {
        Some(Fault::CutAfter(_) | Fault::HangAfter(_) | Fault::EndAfter(_) | Fault::PingsAfter(_)) => {
            broken(&pieces.concat(), reply.fault)
        }
        _ if reply.spread_ms > 0 => spread(pieces, reply.spread_ms),
        _ => Body::from(pieces.concat()),
    };
    let response = Response::builder().status(200).header("content-type", content_type).body(body);
    with_headers(response.unwrap_or_default(), number, &reply)
}

fn spoken(
    number: u64,
    dialect: Dialect,
    is_streaming: bool,
    answer: &Answer,
    fault: Option<Fault>,
) -> (&'static str, Vec<Bytes>) {
    let bytes = |pieces: Vec<String>| pieces.into_iter().map(Bytes::from).collect();
    match (dialect, is_streaming) {
        (Dialect::Anthropic, true) => {
            ("text/event-stream; charset=utf-8", bytes(write::events(number, answer, fault)))
        }
        (Dialect::Anthropic, false) => {
            ("application/json", vec![write::message(number, answer, fault).into()])
        }
        (Dialect::Ollama, _) => ("application/x-ndjson", bytes(write::lines(answer, fault))),
    }
}

fn with_headers(mut response: Response<Body>, number: u64, reply: &Reply) -> Response<Body> {
    let usual = ("request-id".to_owned(), format!("req_fake_{number}"));
    for (name, value) in std::iter::once(&usual).chain(&reply.headers) {
        if let (Ok(name), Ok(value)) = (name.parse::<axum::http::HeaderName>(), value.parse()) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// A body that goes wrong after so many bytes.
fn broken(whole: &[u8], fault: Option<Fault>) -> Body {
    let cut = |after: usize| Bytes::copy_from_slice(&whole[..after.min(whole.len())]);
    let start = |after: usize| stream::iter([Ok::<Bytes, std::io::Error>(cut(after))]);
    match fault {
        Some(Fault::CutAfter(after)) => {
            // Without the pause the server would drop what it has not flushed.
            let end = stream::once(async {
                wait(FLUSH_MS).await;
                Err(std::io::Error::other("cut"))
            });
            Body::from_stream(start(after).chain(end))
        }
        Some(Fault::HangAfter(after)) => Body::from_stream(start(after).chain(stream::pending())),
        Some(Fault::PingsAfter(after)) => {
            let pings = stream::repeat(()).then(|()| async {
                wait(PING_MS).await;
                Ok(Bytes::from_static(b"event: ping\ndata: {\"type\": \"ping\"}\n\n"))
            });
            Body::from_stream(start(after).chain(pings))
        }
        Some(Fault::EndAfter(after)) => Body::from(cut(after)),
        _ => Body::from(whole.to_vec()),
    }
}

/// A body whose pieces come one by one over this time.
fn spread(pieces: Vec<Bytes>, ms: u64) -> Body {
    let gap_ms = ms / (pieces.len().max(2) as u64 - 1);
    Body::from_stream(stream::iter(pieces.into_iter().enumerate()).then(move |(index, piece)| async move {
        wait(if index == 0 { 0 } else { gap_ms }).await;
        Ok::<Bytes, std::io::Error>(piece)
    }))
}

async fn wait(ms: u64) {
    if ms > 0 {
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }
}

fn error_body(kind: &str, message: &str) -> Value {
    json!({"type": "error", "error": {"type": kind, "message": message}})
}

fn refusal(status: u16, body: &Value) -> Response<Body> {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, Json(body)).into_response()
}
