//! Anthropic's Messages API, streamed or not.
//!
//! One call of the port is one `POST /v1/messages`. No retries, no fallback and no
//! sampling parameters. `wire` writes the request, `stream` and `answer` read what
//! comes back, `fault` puts refusals into classes; only this file does I/O.
//!
//! What a cut call cost: the `usage_seen` of an error, like `Delta::Usage`, holds
//! what the provider had *reported*. The prompt's tokens come first, the answer's
//! only at the very end, so `output == 0` there means "not told yet", not "none".

mod answer;
mod fault;
mod stream;
mod wire;

use async_trait::async_trait;
use domain::model::{Answer, CallError, Delta, ErrorClass, Request};
use domain::ports::ModelProvider;
use eventsource_stream::{EventStreamError, Eventsource};
use futures::StreamExt;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use tokio::time::Instant;

use crate::http::{self, Body, Patience, Redactor, SetupError};

/// The version of the API that this client speaks unless told otherwise.
pub const DEFAULT_VERSION: &str = "2023-06-01";
/// Longest call unless configured.
const DEFAULT_TIMEOUT_MS: u64 = 600_000;
/// Longest probe.
const PROBE_MS: u64 = 15_000;

/// How to reach Anthropic, or something that speaks like it.
#[derive(Clone, Debug)]
pub struct AnthropicConfig {
    /// `https://host`, without the path; a trailing `/v1` is understood.
    pub base_url: String,
    /// The key; sent in `x-api-key` and shown nowhere.
    pub api_key: SecretString,
    /// The `anthropic-version` header.
    pub anthropic_version: String,
    /// Longest call, unless the request asks for less.
    pub timeout_ms: u64,
    /// Whether answers are streamed. Without it nothing is seen of a call until
    /// it ends, and a long one may be cut by something in between.
    pub is_streaming: bool,
    /// How long silence is borne.
    pub patience: Patience,
}

impl AnthropicConfig {
    /// The usual settings for this address and key.
    #[must_use]
    pub fn new(base_url: impl Into<String>, api_key: SecretString) -> Self {
        Self {
            base_url: base_url.into(),
            api_key,
            anthropic_version: DEFAULT_VERSION.to_owned(),
            timeout_ms: DEFAULT_TIMEOUT_MS,
            is_streaming: true,
            patience: Patience::default(),
        }
    }
}

/// A client of the Messages API.
pub struct Anthropic {
    client: reqwest::Client,
    base_url: String,
    headers: HeaderMap,
    redactor: Redactor,
    timeout_ms: u64,
    is_streaming: bool,
    patience: Patience,
}

impl Anthropic {
    /// A client for this configuration. Opens no connection.
    ///
    /// # Errors
    /// What is wrong with the configuration.
    pub fn new(config: AnthropicConfig) -> Result<Self, SetupError> {
        let base_url = http::base_url(&config.base_url)?;
        let base_url = base_url.strip_suffix("/v1").unwrap_or(&base_url).to_owned();
        let key = config.api_key.expose_secret().trim();
        let mut key_value = HeaderValue::from_str(key).map_err(|_| SetupError::BadKey)?;
        if key.is_empty() {
            return Err(SetupError::BadKey);
        }
        key_value.set_sensitive(true);
        let version = HeaderValue::from_str(&config.anthropic_version)
            .map_err(|_| SetupError::BadHeader("anthropic_version"))?;
        let mut headers = HeaderMap::new();
        headers.insert(HeaderName::from_static("x-api-key"), key_value);
        headers.insert(HeaderName::from_static("anthropic-version"), version);
        Ok(Self {
            client: http::client(&base_url, config.patience)?,
            base_url,
            headers,
            redactor: Redactor::new(Some(SecretString::from(key))),
            timeout_ms: config.timeout_ms,
            is_streaming: config.is_streaming,
            patience: config.patience,
        })
    }

    /// Turns a response that is no answer into an error, and passes on one that is.
    async fn checked(&self, response: reqwest::Response) -> Result<reqwest::Response, CallError> {
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let headers = response.headers().clone();
        let body = http::error_body(response).await;
        let mut error = fault::from_response(status, &body);
        error.retry_after_ms = http::retry_after_ms(&headers);
        error.request_id = http::text(&headers, "request-id").map(str::to_owned);
        Err(error)
    }

    async fn exchange(
        &self,
        request: &Request,
        on_delta: &mut (dyn FnMut(Delta) + Send),
    ) -> Result<Answer, CallError> {
        let until = http::deadline(request.timeout_ms, self.timeout_ms);
        let post = self
            .client
            .post(format!("{}/v1/messages", self.base_url))
            .headers(self.headers.clone())
            .header("content-type", "application/json")
            .body(wire::body(request, self.is_streaming)?);
        // An answer that is not streamed has no headers until it is complete.
        let begin_by =
            if self.is_streaming { http::after(self.patience.headers_ms).min(until) } else { until };
        let response = self.checked(http::send(post, begin_by).await?).await?;

        let request_id = http::text(response.headers(), "request-id").map(str::to_owned);
        let rate_limits = answer::rate_limits(response.headers());
        let is_stream = http::text(response.headers(), "content-type")
            .is_some_and(|kind| kind.starts_with("text/event-stream"));
        let outcome = if is_stream {
            self.read_stream(Body::new(response, self.patience.silence_ms, until), on_delta).await
        } else {
            read_whole(Body::new(response, u64::MAX, until), on_delta).await
        };
        match outcome {
            Ok(answer) => Ok(Answer { request_id, rate_limits, ..answer }),
            Err(error) => Err(CallError { request_id, ..error }),
        }
    }

    async fn read_stream(
        &self,
        body: Body,
        on_delta: &mut (dyn FnMut(Delta) + Send),
    ) -> Result<Answer, CallError> {
        let mut events = Box::pin(body.pieces().eventsource());
        let mut assembly = stream::Assembly::default();
        let mut content_at = Instant::now();
        loop {
            let outcome = match events.next().await {
                Some(Ok(event)) => assembly.push(&event.data, on_delta),
                Some(Err(error)) => Err(stream_error(error)),
                None => Err(CallError::new(ErrorClass::CutStream, "the stream ended before the answer did")),
            };
            match outcome {
                Ok(stream::Progress::Content) => content_at = Instant::now(),
                Ok(stream::Progress::Ping) => {
                    if content_at.elapsed().as_millis() >= u128::from(self.patience.pings_only_ms) {
                        let what = "the provider sent nothing but signs of life for too long";
                        return Err(assembly.fail(CallError::new(ErrorClass::TimedOut, what)));
                    }
                }
                Ok(stream::Progress::Done) => {
                    let answer = assembly.finish()?;
                    http::drain(&mut events).await;
                    return Ok(answer);
                }
                Err(error) => return Err(assembly.fail(error)),
            }
        }
    }
}

/// An answer that came in one piece: asked for, or from a server that cannot stream.
async fn read_whole(mut body: Body, on_delta: &mut (dyn FnMut(Delta) + Send)) -> Result<Answer, CallError> {
    let bytes = body.whole().await?;
    let value: Value = serde_json::from_slice(&bytes).map_err(|_| {
        CallError::new(ErrorClass::Malformed, "the answer is not JSON; is the base URL right?")
    })?;
    if value["type"] == "error" {
        return Err(fault::from_event(&value, false));
    }
    let answer = answer::from_message(value)?;
    answer::announce(&answer, on_delta);
    Ok(answer)
}

/// The class of what the event parser could not read.
fn stream_error(error: EventStreamError<CallError>) -> CallError {
    match error {
        EventStreamError::Transport(error) => error,
        // Cut in the middle of a character: the bytes so far are fine.
        EventStreamError::Utf8(error) if error.utf8_error().error_len().is_none() => {
            CallError::new(ErrorClass::CutStream, "the stream ended before the answer did")
        }
        EventStreamError::Utf8(_) | EventStreamError::Parser(_) => {
            CallError::new(ErrorClass::Malformed, "the stream is not one of events")
        }
    }
}

#[async_trait]
impl ModelProvider for Anthropic {
    async fn call(
        &self,
        request: &Request,
        on_delta: &mut (dyn FnMut(Delta) + Send),
    ) -> Result<Answer, CallError> {
        let outcome = self.exchange(request, on_delta).await;
        outcome.map_err(|error| CallError { message: self.redactor.clean(&error.message), ..error })
    }

    async fn probe(&self) -> Result<Vec<String>, CallError> {
        let until = http::after(PROBE_MS);
        let get =
            self.client.get(format!("{}/v1/models?limit=1000", self.base_url)).headers(self.headers.clone());
        let models = async {
            let response = http::send(get, until).await?;
            if response.status() == reqwest::StatusCode::NOT_FOUND {
                // Servers that imitate the Messages API often have no list.
                return Ok(Vec::new());
            }
            let bytes = Body::new(self.checked(response).await?, PROBE_MS, until).whole().await?;
            answer::model_names(&bytes)
        };
        let outcome: Result<Vec<String>, CallError> = models.await;
        outcome.map_err(|error| CallError { message: self.redactor.clean(&error.message), ..error })
    }
}

impl std::fmt::Debug for Anthropic {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Anthropic")
            .field("base_url", &self.base_url)
            .field("is_streaming", &self.is_streaming)
            .finish_non_exhaustive()
    }
}
