//! A server behind streamable HTTP. The address is the operator's alone, so any host
//! is taken; but no redirect is followed, no proxy of the environment is asked, and
//! headers are marked as secrets.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use futures::stream::BoxStream;
use reqwest::header::{HeaderName, HeaderValue};
use rmcp::model::ClientJsonRpcMessage;
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::streamable_http_client::{
    SseError, StreamableHttpClient, StreamableHttpClientTransportConfig, StreamableHttpError,
    StreamableHttpPostResponse, StreamableHttpResponseLimits,
};
use secrecy::{ExposeSecret as _, SecretString};

/// How long a connection may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// Longest piece of an error page that is read, in bytes.
const ERROR_BYTES_MAX: usize = 4 * 1024;

/// The connection, which is only made with the first request.
///
/// # Errors
/// What is wrong with address or headers; never shows their values.
pub(super) fn connect(
    url: &str,
    headers: &BTreeMap<String, SecretString>,
    message_bytes_max: usize,
) -> Result<StreamableHttpClientTransport<Client>, String> {
    let parsed = reqwest::Url::parse(url).map_err(|error| format!("its URL is wrong: {error}"))?;
    if !matches!(parsed.scheme(), "http" | "https") {
        return Err("its URL must begin with http:// or https://".to_owned());
    }
    let mut config = StreamableHttpClientTransportConfig::with_uri(url)
        .custom_headers(header_map(headers)?)
        .max_sse_event_size(message_bytes_max)
        .max_json_response_size(message_bytes_max)
        .max_error_response_size(ERROR_BYTES_MAX)
        // A new session may have other tools: we connect anew and look at them.
        .reinit_on_expired_session(false);
    config.allow_stateless = true;
    Ok(StreamableHttpClientTransport::with_client(Client(client(parsed.scheme())?), config))
}

fn client(scheme: &str) -> Result<reqwest::Client, String> {
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("orchestration-engine/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_LIMIT)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .tcp_nodelay(true)
        .no_proxy()
        // A kept connection whose last answer was not read to its end stalls the next one.
        .pool_max_idle_per_host(0);
    if scheme == "http" {
        // Reading the system's certificates is slow, and plain HTTP needs none.
        builder = builder.tls_certs_only([]);
    }
    builder.build().map_err(|error| format!("no HTTP client: {}", error.without_url()))
}

fn header_map(headers: &BTreeMap<String, SecretString>) -> Result<HashMap<HeaderName, HeaderValue>, String> {
    let mut map = HashMap::new();
    for (name, value) in headers {
        let key = HeaderName::try_from(name).map_err(|_| format!("{name:?} is no name of a header"))?;
        let mut value = HeaderValue::try_from(value.expose_secret())
            .map_err(|_| format!("the value of header {name:?} has characters that are not allowed"))?;
        value.set_sensitive(true);
        map.insert(key, value);
    }
    Ok(map)
}

type Fault = StreamableHttpError<reqwest::Error>;
type Events = BoxStream<'static, Result<sse_stream::Sse, SseError>>;
type Headers = HashMap<HeaderName, HeaderValue>;

/// The HTTP client, whose errors do not name the address: the library logs them,
/// and there may be a key in it.
#[derive(Clone)]
pub(super) struct Client(reqwest::Client);

fn nameless(fault: Fault) -> Fault {
    match fault {
        Fault::Client(error) => Fault::Client(error.without_url()),
        other => other,
    }
}

impl StreamableHttpClient for Client {
    type Error = reqwest::Error;

    async fn post_message(
        &self,
        uri: Arc<str>,
        message: ClientJsonRpcMessage,
        session_id: Option<Arc<str>>,
        auth_header: Option<String>,
        custom_headers: Headers,
    ) -> Result<StreamableHttpPostResponse, Fault> {
        let limits = StreamableHttpResponseLimits::default();
        self.post_message_with_response_limits(uri, message, session_id, auth_header, custom_headers, limits)
            .await
    }

    async fn post_message_with_response_limits(
        &self,
        uri: Arc<str>,
        message: ClientJsonRpcMessage,
        session_id: Option<Arc<str>>,
        auth_header: Option<String>,
        custom_headers: Headers,
        limits: StreamableHttpResponseLimits,
    ) -> Result<StreamableHttpPostResponse, Fault> {
        self.0
            .post_message_with_response_limits(uri, message, session_id, auth_header, custom_headers, limits)
            .await
            .map_err(nameless)
    }

    async fn delete_session(
        &self,
        uri: Arc<str>,
        session_id: Arc<str>,
        auth_header: Option<String>,
        custom_headers: Headers,
    ) -> Result<(), Fault> {
        self.0.delete_session(uri, session_id, auth_header, custom_headers).await.map_err(nameless)
    }

    async fn get_stream(
        &self,
        uri: Arc<str>,
        session_id: Option<Arc<str>>,
        last_event_id: Option<String>,
        auth_header: Option<String>,
        custom_headers: Headers,
    ) -> Result<Events, Fault> {
        let bytes_max = StreamableHttpResponseLimits::default().max_sse_event_size;
        self.get_stream_with_max_sse_event_size(
            uri,
            session_id,
            last_event_id,
            auth_header,
            custom_headers,
            bytes_max,
        )
        .await
    }

    async fn get_stream_with_max_sse_event_size(
        &self,
        uri: Arc<str>,
        session_id: Option<Arc<str>>,
        last_event_id: Option<String>,
        auth_header: Option<String>,
        custom_headers: Headers,
        bytes_max: usize,
    ) -> Result<Events, Fault> {
        self.0
            .get_stream_with_max_sse_event_size(
                uri,
                session_id,
                last_event_id,
                auth_header,
                custom_headers,
                bytes_max,
            )
            .await
            .map_err(nameless)
    }
}
