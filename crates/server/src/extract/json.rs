//! Bodies and queries. A body is read only when its handler is about to run, so
//! that nobody who is not signed in makes us read one.

use std::time::Duration;

use axum::body::{Bytes, to_bytes};
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
        let is_json = check_encoding(request.headers())?;
        let bytes = read(request).await?;
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

/// Whether the body says that it is JSON. One that is packed is refused: nothing
/// of ours sends it, and unpacking is work that a stranger could cause.
fn check_encoding(headers: &HeaderMap) -> Result<bool, ApiError> {
    let unsupported = |detail: &'static str| {
        ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", detail)
    };
    if headers
        .get(header::CONTENT_ENCODING)
        .is_some_and(|value| !value.as_bytes().eq_ignore_ascii_case(b"identity"))
    {
        return Err(unsupported("Bodies must not be compressed"));
    }
    let declared =
        headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if declared.is_some_and(|length| length > BODY_BYTES_MAX as u64) {
        return Err(too_large());
    }
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    Ok(kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json")))
}

fn too_large() -> ApiError {
    ApiError::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "too_large",
        format!("A body has at most {BODY_BYTES_MAX} bytes"),
    )
}

async fn read(request: Request) -> Result<Bytes, ApiError> {
    let body = request.into_body();
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
