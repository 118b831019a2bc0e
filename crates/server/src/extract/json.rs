//! Bodies and queries. A body is read only when its handler is about to run, so
//! that nobody who is not signed in makes us read one.

use std::time::Duration;

use axum::body::{Body as RequestBody, Bytes, to_bytes};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use serde_json::{Map, Value, json};

use super::fields::{Fields, Shape};
use crate::error::{ApiError, FieldProblem};
use crate::state::State;

/// Largest body, in bytes.
const BODY_BYTES_MAX: usize = 1024 * 1024;

/// For a body to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// A JSON body of this shape.
pub struct Body<T>(pub T);

impl<T: Shape> FromRequest<State> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _state: &State) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        let is_json = is_json(&parts.headers);
        let bytes = read_body(&parts.headers, body).await?;
        if bytes.is_empty() {
            return Err(invalid("missing", "Field required", vec![json!("body")]));
        }
        if !is_json {
            return Err(ApiError::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                "The body must be sent with Content-Type: application/json",
            ));
        }
        Fields::body(object(&bytes)?).finish().map(Body)
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json"))
}

fn too_large() -> ApiError {
    ApiError::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "too_large",
        format!("A body has at most {BODY_BYTES_MAX} bytes"),
    )
}

/// The whole body, within its bounds. One that is packed is refused: nothing of ours
/// sends it, and unpacking is work that a stranger could cause.
///
/// # Errors
/// 413, 415, 408, or 400 when it broke off.
pub(crate) async fn read_body(headers: &HeaderMap, body: RequestBody) -> Result<Bytes, ApiError> {
    let encoding = headers.get(header::CONTENT_ENCODING);
    if encoding.is_some_and(|value| !value.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Err(ApiError::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            "Bodies must not be compressed",
        ));
    }
    let declared = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if declared.is_some_and(|length: u64| length > BODY_BYTES_MAX as u64) {
        return Err(too_large());
    }
    match tokio::time::timeout(BODY_TIMEOUT, to_bytes(body, BODY_BYTES_MAX)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) => {
            let is_too_large = std::error::Error::source(&error)
                .is_some_and(|cause| cause.to_string().contains("length limit"));
            Err(if is_too_large {
                too_large()
            } else {
                ApiError::bad_request("bad_body", "The body could not be read")
            })
        }
        Err(_) => {
            Err(ApiError::new(StatusCode::REQUEST_TIMEOUT, "timeout", "The body did not arrive in time"))
        }
    }
}

fn object(bytes: &[u8]) -> Result<Map<String, Value>, ApiError> {
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(invalid("dict_type", "Input should be a valid object", vec![json!("body")])),
        Err(error) => {
            // The text of the mistake names a position, never what was sent.
            let msg = format!("JSON decode error at line {}, column {}", error.line(), error.column());
            Err(invalid("json_invalid", &msg, vec![json!("body"), json!(error.column())]))
        }
    }
}

fn invalid(kind: &'static str, msg: &str, loc: Vec<Value>) -> ApiError {
    ApiError::Invalid(vec![FieldProblem { kind, loc, msg: msg.to_owned(), input: None }])
}

/// A query of this shape.
pub struct Query<T>(pub T);

impl<T: Shape> FromRequestParts<State> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &State) -> Result<Self, ApiError> {
        Fields::query(parts.uri.query().unwrap_or_default()).finish().map(Query)
    }
}
