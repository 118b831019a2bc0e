//! Ollama's own `/api/chat`, streamed.
//!
//! Not its OpenAI routes: they cannot set the window, and a prompt beyond it loses
//! its front in silence. That is the one thing this file must never let pass:
//!
//! 1. A prompt that cannot fit is refused before it is sent (`TooLong`).
//! 2. `truncate: false` and `shift: false` make new servers refuse what does not
//!    fit (`TooLong` again).
//! 3. Older servers ignore both, so the count of prompt tokens in the answer is
//!    compared with the prompt (`chat::is_truncated`; `PromptTruncated`).
//!
//! One host per provider; choosing between hosts is done elsewhere.

mod chat;
mod wire;

use async_trait::async_trait;
use domain::model::{Answer, CallError, Delta, ErrorClass, Request};
use domain::ports::ModelProvider;
use futures::StreamExt;
use serde_json::Value;

use crate::http::{self, Body, Patience, Redactor, SetupError};

/// The window that is asked for unless configured.
pub const DEFAULT_NUM_CTX: u32 = 8192;
/// Longest call unless configured.
const DEFAULT_TIMEOUT_MS: u64 = 600_000;
/// Longest silence. Ollama says nothing while it writes the arguments of a tool.
const SILENCE_MS: u64 = 300_000;
/// Longest probe.
const PROBE_MS: u64 = 5_000;

/// How to reach an Ollama server.
#[derive(Clone, Debug)]
pub struct OllamaConfig {
    /// `http://host:11434`, without the path.
    pub base_url: String,
    /// The window to load the model with: prompt and answer together.
    pub num_ctx: u32,
    /// Longest call, loading the model included, unless the request asks for less.
    pub timeout_ms: u64,
    /// How long silence is borne. `headers_ms` and `pings_only_ms` mean nothing
    /// here: headers come only when the prompt was read, and there are no pings.
    pub patience: Patience,
}

impl OllamaConfig {
    /// The usual settings for this address.
    #[must_use]
    pub fn new(base_url: impl Into<String>) -> Self {
        Self {
            base_url: base_url.into(),
            num_ctx: DEFAULT_NUM_CTX,
            timeout_ms: DEFAULT_TIMEOUT_MS,
            patience: Patience { silence_ms: SILENCE_MS, ..Patience::default() },
        }
    }
}

/// A client of one Ollama server.
#[derive(Debug)]
pub struct Ollama {
    client: reqwest::Client,
    config: OllamaConfig,
}

impl Ollama {
    /// A client for this configuration. Opens no connection.
    ///
    /// # Errors
    /// What is wrong with the configuration.
    pub fn new(config: OllamaConfig) -> Result<Self, SetupError> {
        let base_url = http::base_url(&config.base_url)?;
        let client = http::client(&base_url, config.patience)?;
        Ok(Self { client, config: OllamaConfig { base_url, ..config } })
    }

    async fn exchange(
        &self,
        request: &Request,
        on_delta: &mut (dyn FnMut(Delta) + Send),
    ) -> Result<Answer, CallError> {
        let prompt = chat::Prompt::measure(request, self.config.num_ctx);
        if prompt.cannot_fit() {
            let what = format!(
                "the prompt has at least {} tokens, the model's window {}",
                prompt.tokens_min(),
                self.config.num_ctx
            );
            return Err(CallError::new(ErrorClass::TooLong, what));
        }
        let until = http::deadline(request.timeout_ms, self.config.timeout_ms);
        let post = self
            .client
            .post(format!("{}/api/chat", self.config.base_url))
            .header("content-type", "application/json")
            .body(wire::body(request, self.config.num_ctx)?);
        let response = http::send(post, until).await?;
        if !response.status().is_success() {
            return Err(refused(response).await);
        }
        let body = Body::new(response, self.config.patience.silence_ms, until);
        let mut pieces = Box::pin(body.pieces());
        let mut lines = Lines::default();
        let mut chat = chat::Chat::new(request, prompt);
        while let Some(piece) = pieces.next().await {
            let piece = piece.map_err(|error| chat.fail(error))?;
            for line in lines.push(&piece) {
                if chat.push(&line, on_delta).map_err(|error| chat.fail(error))? {
                    http::drain(&mut pieces).await;
                    return chat.finish();
                }
            }
        }
        // A last line need not end with a newline.
        if chat.push(&lines.rest(), on_delta).map_err(|error| chat.fail(error))? {
            return chat.finish();
        }
        Err(chat.fail(CallError::new(ErrorClass::CutStream, "the stream ended before the answer did")))
    }

    async fn models(&self) -> Result<Vec<String>, CallError> {
        let until = http::after(PROBE_MS);
        let get = self.client.get(format!("{}/api/tags", self.config.base_url));
        let response = http::send(get, until).await?;
        if !response.status().is_success() {
            return Err(refused(response).await);
        }
        let bytes = Body::new(response, PROBE_MS, until).whole().await?;
        let list: Value = serde_json::from_slice(&bytes)
            .map_err(|_| CallError::new(ErrorClass::Malformed, "the list of models is no JSON"))?;
        let models = list["models"].as_array().map(Vec::as_slice).unwrap_or_default();
        Ok(models.iter().filter_map(|model| model["name"].as_str()).map(str::to_owned).collect())
    }
}

/// The error of a response whose status is no success.
async fn refused(response: reqwest::Response) -> CallError {
    let status = response.status().as_u16();
    let retry_after_ms = http::retry_after_ms(response.headers());
    let body = http::error_body(response).await;
    let value: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let said = match (&value["error"], &value["error"]["message"]) {
        (Value::String(said), _) | (_, Value::String(said)) => said.clone(),
        _ => String::from_utf8_lossy(&body).trim().to_owned(),
    };
    let class = match status {
        400..=499 if http::says_too_long(&said) => ErrorClass::TooLong,
        401 | 403 => ErrorClass::Auth,
        402 => ErrorClass::SpendLimit,
        408 => ErrorClass::TimedOut,
        413 => ErrorClass::TooLong,
        429 => ErrorClass::RateLimited,
        503 => ErrorClass::Overloaded,
        500..=599 => ErrorClass::ServerError,
        _ => ErrorClass::BadRequest,
    };
    let message = format!("Ollama answered HTTP {status}: {said}");
    CallError { retry_after_ms, ..CallError::new(class, message) }
}

/// Cuts a stream of bytes into lines.
#[derive(Default)]
struct Lines(Vec<u8>);

impl Lines {
    /// The lines that this piece completes.
    fn push(&mut self, piece: &[u8]) -> Vec<Vec<u8>> {
        let mut lines = Vec::new();
        let mut rest = piece;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let mut line = std::mem::take(&mut self.0);
            line.extend_from_slice(&rest[..end]);
            lines.push(line);
            rest = &rest[end + 1..];
        }
        self.0.extend_from_slice(rest);
        lines
    }

    /// What follows the last newline.
    fn rest(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.0)
    }
}

#[async_trait]
impl ModelProvider for Ollama {
    async fn call(
        &self,
        request: &Request,
        on_delta: &mut (dyn FnMut(Delta) + Send),
    ) -> Result<Answer, CallError> {
        let outcome = self.exchange(request, on_delta).await;
        outcome.map_err(|error| CallError { message: Redactor::new(None).clean(&error.message), ..error })
    }

    async fn probe(&self) -> Result<Vec<String>, CallError> {
        let outcome = self.models().await;
        outcome.map_err(|error| CallError { message: Redactor::new(None).clean(&error.message), ..error })
    }
}
