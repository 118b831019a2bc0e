//! Talking to services of the installation: one client, bodies bounded, errors
//! in words that name no addresses. Not for addresses that a model chose: those
//! go through `web/`.

use std::time::Duration;

use futures::StreamExt;
use reqwest::{Client, RequestBuilder, StatusCode};
use serde_json::Value;

/// How long a connection may take to stand.
const CONNECT_MAX: Duration = Duration::from_secs(3);
/// Most of an error's body that is read and shown.
const ERROR_BYTES_MAX: usize = 4_096;
const ERROR_CHARS_MAX: usize = 300;

/// Why a service gave no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    /// Nobody answers there, or the answer broke off.
    #[error("{0}")]
    Unreachable(String),
    /// It took too long.
    #[error("it did not answer within {} s", .0.as_secs_f32())]
    TimedOut(Duration),
    /// It refused, with what it said.
    #[error("it answered {0}: {1}")]
    Refused(u16, String),
    /// The answer is not what it should be.
    #[error("its answer cannot be used: {0}")]
    Unusable(String),
}

impl HttpError {
    /// Whether another host of the same kind could do better.
    pub const fn is_of_the_host(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::TimedOut(_) | Self::Unusable(_) => true,
            // 404: a model or checkpoint that only other hosts have.
            Self::Refused(status, _) => *status >= 500 || matches!(*status, 404 | 408 | 429),
        }
    }
}

/// The client for these services. They are named by the administrator, so that
/// redirects have no place here; a proxy of the environment would see local traffic.
///
/// # Errors
/// When the system's certificates cannot be used.
pub fn client() -> Result<Client, HttpError> {
    Client::builder()
        .connect_timeout(CONNECT_MAX)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .tcp_nodelay(true)
        .build()
        .map_err(|_| HttpError::Unusable("the HTTP client cannot be made".to_owned()))
}

/// Address of a route below a base.
pub fn join(base: &str, route: &str) -> String {
    format!("{}/{route}", base.trim_end_matches('/'))
}

/// Sends and reads the whole answer of a successful request.
///
/// # Errors
/// See [`HttpError`].
pub async fn bytes(
    request: RequestBuilder,
    bytes_max: usize,
    time_max: Duration,
) -> Result<Vec<u8>, HttpError> {
    let exchange = async {
        let response = request.send().await.map_err(|error| unreachable(&error))?;
        let status = response.status();
        if status.is_success() {
            let (body, is_whole) = read(response, bytes_max).await?;
            if !is_whole {
                return Err(HttpError::Unusable(format!("it is longer than {bytes_max} bytes")));
            }
            return Ok(body);
        }
        let (body, _) = read(response, ERROR_BYTES_MAX).await?;
        Err(HttpError::Refused(status.as_u16(), words(status, &body)))
    };
    match tokio::time::timeout(time_max, exchange).await {
        Ok(result) => result,
        Err(_) => Err(HttpError::TimedOut(time_max)),
    }
}

/// The same for an answer in JSON.
///
/// # Errors
/// See [`HttpError`].
pub async fn json(request: RequestBuilder, bytes_max: usize, time_max: Duration) -> Result<Value, HttpError> {
    let body = bytes(request, bytes_max, time_max).await?;
    serde_json::from_slice(&body).map_err(|_| HttpError::Unusable("it is not JSON".to_owned()))
}

/// At most so many bytes of the body, and whether that is all of it.
pub async fn read(response: reqwest::Response, bytes_max: usize) -> Result<(Vec<u8>, bool), HttpError> {
    let mut body = Vec::new();
    let mut stream = response.bytes_stream();
    while let Some(piece) = stream.next().await {
        let piece = piece.map_err(|error| unreachable(&error))?;
        let room = bytes_max - body.len();
        if piece.len() > room {
            body.extend_from_slice(&piece[..room]);
            return Ok((body, false));
        }
        body.extend_from_slice(&piece);
    }
    Ok((body, true))
}

/// What the service said about the failure, without line breaks.
fn words(status: StatusCode, body: &[u8]) -> String {
    let text = match serde_json::from_slice::<Value>(body) {
        Ok(Value::Object(object)) => match object.get("error") {
            Some(Value::String(text)) => text.clone(),
            Some(error) => {
                error.get("message").and_then(Value::as_str).map_or(error.to_string(), str::to_owned)
            }
            None => Value::Object(object).to_string(),
        },
        _ => String::from_utf8_lossy(body).into_owned(),
    };
    let text: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if text.is_empty() {
        return status.canonical_reason().unwrap_or("without a reason").to_owned();
    }
    text.chars().take(ERROR_CHARS_MAX).collect()
}

fn unreachable(error: &reqwest::Error) -> HttpError {
    HttpError::Unreachable(
        if error.is_connect() { "it cannot be reached" } else { "the connection broke" }.to_owned(),
    )
}
