//! What all HTTP providers share: the client, time and size limits, and the
//! translation of transport failures.
//!
//! Must not know any provider's wire. Nothing here retries or follows redirects,
//! and no message carries a URL or a key: URLs may hold credentials, and servers
//! like to echo what they were sent.

use std::time::Duration;

use bytes::Bytes;
use domain::model::{CallError, ErrorClass};
use futures::stream::BoxStream;
use futures::{Stream, StreamExt};
use reqwest::header::HeaderMap;
use secrecy::{ExposeSecret, SecretString};
use tokio::time::{Instant, timeout_at};

/// Most bytes that one answer may have. A real answer stays far below it.
pub const BODY_MAX_BYTES: usize = 64 * 1024 * 1024;
/// Most bytes of one line of a streamed answer.
pub const LINE_MAX_BYTES: usize = 8 * 1024 * 1024;
/// Most bytes that are read of an error's body.
const ERROR_BODY_MAX_BYTES: usize = 64 * 1024;
/// How long an error's body may take: its status is known by then.
const ERROR_BODY_MS: u64 = 10_000;
/// Longest part of a server's words that goes into a message, in characters.
const MESSAGE_MAX_CHARS: usize = 600;
/// Longest wait that a server is believed: a month.
const RETRY_AFTER_MAX_MS: u64 = 31 * 24 * 3_600_000;
/// How long the end of a finished body is waited for.
const DRAIN_MS: u64 = 50;

/// How long a provider waits for the other side, besides the limit of the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// Until the connection stands.
    pub connect_ms: u64,
    /// From sending to the first byte of a streamed answer.
    pub headers_ms: u64,
    /// Between two pieces of a streamed answer.
    pub silence_ms: u64,
    /// While nothing but signs of life arrive.
    pub pings_only_ms: u64,
}

impl Default for Patience {
    fn default() -> Self {
        Self { connect_ms: 10_000, headers_ms: 120_000, silence_ms: 60_000, pings_only_ms: 300_000 }
    }
}

/// A provider that cannot be made from its configuration. Texts name the mistake
/// and never repeat the value: it may be a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SetupError {
    /// The base URL is none, or carries a user name or password.
    #[error("the base URL must look like http://host:port or https://host, without user name or password")]
    BadUrl,
    /// The key cannot be sent in a header.
    #[error("the API key is empty or has characters that no key has")]
    BadKey,
    /// A configured header value cannot be sent.
    #[error("{0} has characters that no header can carry")]
    BadHeader(&'static str),
    /// The HTTP client did not start.
    #[error("the HTTP client cannot be set up: {0}")]
    Client(String),
}

/// Checks a base URL and takes its trailing slashes off.
pub(crate) fn base_url(text: &str) -> Result<String, SetupError> {
    let url = reqwest::Url::parse(text.trim()).map_err(|_| SetupError::BadUrl)?;
    let is_plain = url.username().is_empty() && url.password().is_none();
    let is_http = matches!(url.scheme(), "http" | "https") && url.has_host();
    if !is_plain || !is_http || url.query().is_some() || url.fragment().is_some() {
        return Err(SetupError::BadUrl);
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

/// The client every HTTP provider uses: no proxies from the environment, no
/// redirects (they would carry the key elsewhere), no retries of its own.
pub(crate) fn client(base_url: &str, patience: Patience) -> Result<reqwest::Client, SetupError> {
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("orchestration-engine/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(Duration::from_millis(patience.connect_ms))
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .tcp_nodelay(true)
        .no_proxy();
    if base_url.starts_with("http://") {
        // Reading the system's certificates takes longer than the rest of the
        // start, and plain HTTP needs none.
        builder = builder.tls_certs_only([]);
    }
    builder.build().map_err(|error| SetupError::Client(chain(&error.without_url())))
}

/// Makes texts of the other side fit for a message.
#[derive(Clone)]
pub(crate) struct Redactor(Option<SecretString>);

impl Redactor {
    /// Hides this key.
    pub(crate) fn new(secret: Option<SecretString>) -> Self {
        Self(secret)
    }

    /// The text without the key, on one line, and short.
    pub(crate) fn clean(&self, text: &str) -> String {
        let text = match &self.0 {
            Some(key) if !key.expose_secret().is_empty() => text.replace(key.expose_secret(), "[key]"),
            _ => text.to_owned(),
        };
        let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let line = line.trim();
        match line.char_indices().nth(MESSAGE_MAX_CHARS) {
            Some((end, _)) => format!("{}…", &line[..end]),
            None => line.to_owned(),
        }
    }
}

/// When a call has to be over.
pub(crate) fn deadline(request_ms: u64, configured_ms: u64) -> Instant {
    let ms = match (request_ms, configured_ms) {
        (0, 0) => u64::from(u32::MAX),
        (0, ms) | (ms, 0) => ms,
        (request_ms, configured_ms) => request_ms.min(configured_ms),
    };
    after(ms)
}

/// The instant so many milliseconds from now; bounded, since absurd ones overflow.
pub(crate) fn after(ms: u64) -> Instant {
    Instant::now() + Duration::from_millis(ms.min(u64::from(u32::MAX)))
}

/// Sends, and waits for the headers until `until`.
pub(crate) async fn send(
    request: reqwest::RequestBuilder,
    until: Instant,
) -> Result<reqwest::Response, CallError> {
    match timeout_at(until, request.send()).await {
        Ok(Ok(response)) => Ok(response),
        Ok(Err(error)) => Err(transport(error)),
        Err(_) => Err(CallError::new(ErrorClass::TimedOut, "the provider did not begin to answer in time")),
    }
}

/// The class of a failure below HTTP. Only a connection that never stood is
/// certainly free.
fn transport(error: reqwest::Error) -> CallError {
    // The origin alone: what else an address has may be secret.
    let origin = error.url().map(|url| url.origin().ascii_serialization());
    let error = error.without_url();
    if error.is_connect() {
        let host = origin.unwrap_or_else(|| "the provider".to_owned());
        let message = format!("{host} cannot be reached: {}", deepest(&error));
        return CallError::new(ErrorClass::Unreachable, message);
    }
    let (class, what) = if error.is_builder() {
        (ErrorClass::BadRequest, "the request cannot be sent")
    } else if error.is_timeout() {
        (ErrorClass::TimedOut, "the provider took too long")
    } else {
        (ErrorClass::CutStream, "the connection broke before the answer was complete")
    };
    CallError::new(class, format!("{what}: {}", chain(&error)))
}

/// What an error comes from in the end, without the system's number for it.
fn deepest(error: &dyn std::error::Error) -> String {
    let mut deepest = error;
    while let Some(cause) = deepest.source() {
        deepest = cause;
    }
    let text = deepest.to_string();
    text.split(" (os error ").next().unwrap_or(&text).to_lowercase()
}

/// An error with its causes, on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// The body of an answer under its limits of time and size.
pub(crate) struct Body {
    stream: BoxStream<'static, reqwest::Result<Bytes>>,
    room_bytes: usize,
    silence_ms: u64,
    until: Instant,
}

impl Body {
    /// Reads an answer until `until`; no single wait is longer than `silence_ms`.
    pub(crate) fn new(response: reqwest::Response, silence_ms: u64, until: Instant) -> Self {
        Self { stream: response.bytes_stream().boxed(), room_bytes: BODY_MAX_BYTES, silence_ms, until }
    }

    /// The next piece; `None` at a proper end.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>, CallError> {
        let silent_at = after(self.silence_ms);
        let (until, what) = if silent_at < self.until {
            (silent_at, "the provider fell silent in the middle of its answer")
        } else {
            (self.until, "the answer took longer than the call may take")
        };
        match timeout_at(until, self.stream.next()).await {
            Err(_) => Err(CallError::new(ErrorClass::TimedOut, what)),
            Ok(None) => Ok(None),
            Ok(Some(Err(error))) => Err(transport(error)),
            Ok(Some(Ok(bytes))) => {
                self.room_bytes = self.room_bytes.checked_sub(bytes.len()).ok_or_else(|| {
                    CallError::new(ErrorClass::Malformed, "the answer is larger than any answer may be")
                })?;
                Ok(Some(bytes))
            }
        }
    }

    /// Everything that is left.
    pub(crate) async fn whole(&mut self) -> Result<Vec<u8>, CallError> {
        let mut all = Vec::new();
        while let Some(bytes) = self.chunk().await? {
            all.extend_from_slice(&bytes);
        }
        Ok(all)
    }

    /// The pieces as a stream, for parsers that want one. Refuses endless lines.
    pub(crate) fn pieces(self) -> impl Stream<Item = Result<Bytes, CallError>> + Send {
        futures::stream::unfold((self, 0_usize), |(mut body, open_line)| async move {
            let bytes = match body.chunk().await {
                Ok(bytes) => bytes?,
                Err(error) => return Some((Err(error), (body, open_line))),
            };
            let open_line = match bytes.iter().rposition(|byte| *byte == b'\n') {
                Some(last) => bytes.len() - last,
                None => open_line + bytes.len(),
            };
            if open_line > LINE_MAX_BYTES {
                let error = CallError::new(ErrorClass::Malformed, "a line of the answer does not end");
                return Some((Err(error), (body, open_line)));
            }
            Some((Ok(bytes), (body, open_line)))
        })
    }
}

/// Waits a moment for the end of a stream whose answer is complete, so that its
/// connection can be used again.
pub(crate) async fn drain<T>(stream: &mut (impl Stream<Item = T> + Unpin)) {
    let end = async { while stream.next().await.is_some() {} };
    // Nothing of the call depends on it.
    drop(tokio::time::timeout(Duration::from_millis(DRAIN_MS), end).await);
}

/// What a server said beside an error status: as much of it as arrives.
pub(crate) async fn error_body(response: reqwest::Response) -> Vec<u8> {
    let mut body = Body::new(response, ERROR_BODY_MS, after(ERROR_BODY_MS));
    let mut all = Vec::new();
    while let Ok(Some(bytes)) = body.chunk().await {
        let room = ERROR_BODY_MAX_BYTES - all.len();
        all.extend_from_slice(&bytes[..bytes.len().min(room)]);
        if all.len() == ERROR_BODY_MAX_BYTES {
            break;
        }
    }
    all
}

/// How long the server asks us to wait: `retry-after-ms`, or `retry-after` in
/// seconds or as a date (measured against the server's own clock).
pub(crate) fn retry_after_ms(headers: &HeaderMap) -> Option<u64> {
    let number = |name: &str| text(headers, name)?.parse::<f64>().ok().filter(|n| n.is_finite() && *n >= 0.0);
    let ms = match (number("retry-after-ms"), number("retry-after")) {
        (Some(ms), _) => ms.ceil() as u64,
        (None, Some(seconds)) => (seconds * 1000.0).ceil() as u64,
        (None, None) => {
            let at = |name: &str| {
                let text = text(headers, name)?;
                jiff::fmt::rfc2822::parse(text).ok().map(|zoned| zoned.timestamp().as_millisecond())
            };
            u64::try_from(at("retry-after")?.saturating_sub(at("date")?)).unwrap_or(0)
        }
    };
    Some(ms.min(RETRY_AFTER_MAX_MS))
}

/// Whether a refusal says that the prompt does not fit; every server has words of
/// its own for it.
pub(crate) fn says_too_long(message: &str) -> bool {
    let message = message.to_lowercase();
    let says_long = ["too long", "too large", "exceed", "longer than"].iter().any(|w| message.contains(w));
    let says_what = ["prompt", "context", "input length"].iter().any(|w| message.contains(w));
    says_long && says_what
}

/// A header as text.
pub(crate) fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| ((*name).parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn waits_are_read_in_every_form() {
        assert_eq!(retry_after_ms(&headers(&[("retry-after", "7")])), Some(7000));
        assert_eq!(retry_after_ms(&headers(&[("retry-after", "0.5")])), Some(500));
        assert_eq!(retry_after_ms(&headers(&[("retry-after", "7"), ("retry-after-ms", "20")])), Some(20));
        let dates =
            [("retry-after", "Tue, 24 Nov 2026 10:00:30 GMT"), ("date", "Tue, 24 Nov 2026 10:00:00 GMT")];
        assert_eq!(retry_after_ms(&headers(&dates)), Some(30_000));
    }

    #[test]
    fn waits_that_are_none_are_ignored() {
        for bad in ["-1", "NaN", "inf", "soon", ""] {
            assert_eq!(retry_after_ms(&headers(&[("retry-after", bad)])), None, "{bad}");
        }
        assert_eq!(retry_after_ms(&headers(&[("retry-after", "1e300")])), Some(RETRY_AFTER_MAX_MS));
    }

    #[test]
    fn base_urls_with_credentials_or_queries_are_refused() {
        assert_eq!(base_url(" http://127.0.0.1:80/a/ ").unwrap(), "http://127.0.0.1/a");
        for bad in ["", "host", "ftp://host", "http://u:p@host", "http://host?x=1", "http://host#x"] {
            assert_eq!(base_url(bad), Err(SetupError::BadUrl), "{bad}");
        }
    }

    #[test]
    fn cleaned_text_is_short_and_without_the_key() {
        let redactor = Redactor::new(Some(SecretString::from("sk-secret")));
        assert_eq!(redactor.clean("no\nsk-secret!"), "no [key]!");
        assert_eq!(redactor.clean(&"ä".repeat(2000)).chars().count(), MESSAGE_MAX_CHARS + 1);
    }
}
