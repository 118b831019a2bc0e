//! Whether the server is there, and whether it can work.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use domain::id::ProjectId;
use serde_json::{Value, json};

use crate::error::ApiError;
use crate::state::State;

/// The server is there; nothing else is asked.
pub async fn health() -> Json<Value> {
    Json(json!({"status": "ok"}))
}

/// The database can be read and nobody has told the server to stop.
pub async fn ready(state: State) -> Response {
    let is_readable = state.store.last_event_seq(&ProjectId::new("-")).await.is_ok();
    if is_readable && !state.closing.is_cancelled() {
        Json(json!({"status": "ready"})).into_response()
    } else {
        ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "not_ready", "Not ready").into_response()
    }
}
