//! `web_fetch`: a page of a host that the administrator allowed, as text.
//!
//! Every address, also that of a redirect, goes the same way: checked as text, its
//! name resolved here, every address it has checked, and the connection made to one
//! of these and no other. So it does not matter what the name means a moment later.
//! Answers are asked for without compression and read up to a limit. What comes
//! back is foreign text and marked as such.

pub mod address;
pub mod html;
mod target;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::model::ToolDefinition;
use domain::tool::{ToolClass, ToolContext, ToolOutcome, ToolSpec};
use reqwest::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, LOCATION};
use reqwest::{Client, Response};
use serde_json::{Value, json};

use crate::file::text;
use crate::http;
use crate::registry::Tool;
use target::Target;

/// Most redirects that are followed.
const REDIRECTS_MAX: usize = 3;
/// Longest page, in bytes; the rest is cut off.
const PAGE_BYTES_MAX: usize = 5 << 20;
/// Longest text for the model, in bytes.
const OUTPUT_BYTES_MAX: usize = 200_000;
/// Longest time for everything.
const TIME_MAX: Duration = Duration::from_secs(20);

/// Which hosts pages may come from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WebFetchConfig {
    /// `example.org` is that host alone, `*.example.org` all beneath it.
    pub hosts: Vec<String>,
    /// Whether `http` is allowed beside `https`.
    pub is_http_allowed: bool,
}

/// What is let through. The default is what the product uses; tests need other
/// addresses and ports.
#[derive(Clone, Debug)]
pub struct FetchPolicy {
    /// See [`WebFetchConfig::hosts`].
    pub hosts: Vec<String>,
    /// See [`WebFetchConfig::is_http_allowed`].
    pub is_http_allowed: bool,
    /// Ports that may be named.
    pub ports: Vec<u16>,
    /// Which addresses may be connected to.
    pub is_address_allowed: fn(IpAddr) -> bool,
    /// Longest time for everything.
    pub time_max: Duration,
}

impl Default for FetchPolicy {
    fn default() -> Self {
        Self {
            hosts: Vec::new(),
            is_http_allowed: false,
            ports: vec![80, 443],
            is_address_allowed: address::is_global,
            time_max: TIME_MAX,
        }
    }
}

/// Finds the addresses of a name.
#[async_trait]
pub trait Resolver: Send + Sync {
    /// All of them.
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>>;
}

/// As the system does it.
pub struct SystemResolver;

#[async_trait]
impl Resolver for SystemResolver {
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        Ok(tokio::net::lookup_host((host, 0)).await?.map(|address| address.ip()).collect())
    }
}

/// See the module.
pub struct WebFetchTool {
    policy: FetchPolicy,
    resolver: Arc<dyn Resolver>,
}

/// Why there is no page.
enum FetchError {
    NotAllowed(String),
    Failed(String),
}

impl WebFetchTool {
    /// For the product: public addresses, the usual ports.
    #[must_use]
    pub fn new(config: &WebFetchConfig) -> Self {
        let (hosts, is_http_allowed) = (config.hosts.clone(), config.is_http_allowed);
        Self::with(FetchPolicy { hosts, is_http_allowed, ..FetchPolicy::default() }, Arc::new(SystemResolver))
    }

    /// With a policy and a resolver of the caller.
    #[must_use]
    pub fn with(policy: FetchPolicy, resolver: Arc<dyn Resolver>) -> Self {
        Self { policy, resolver }
    }

    async fn fetch(&self, url: &str) -> Result<String, FetchError> {
        let mut target = target::check(url, &self.policy).map_err(FetchError::NotAllowed)?;
        for _ in 0..=REDIRECTS_MAX {
            let response = self.get(&target).await?;
            if !response.status().is_redirection() {
                return read(&target, response).await;
            }
            let to = response.headers().get(LOCATION).and_then(|to| to.to_str().ok());
            let to = to.ok_or_else(|| FetchError::Failed("a redirect without a target".to_owned()))?;
            let is_clean = !to.chars().any(|c| c.is_control() || c.is_whitespace() || c == '\\');
            let next = target.url.join(to).ok().filter(|_| is_clean);
            let next = next.ok_or_else(|| FetchError::NotAllowed("a redirect to no address".to_owned()))?;
            let refused = |why| FetchError::NotAllowed(format!("a redirect is refused: {why}"));
            target = target::check_url(next, &self.policy).map_err(refused)?;
        }
        Err(FetchError::NotAllowed(format!("there are more than {REDIRECTS_MAX} redirects")))
    }

    async fn get(&self, target: &Target) -> Result<Response, FetchError> {
        let addresses = self.addresses(target).await?;
        let failed = |what: &str| FetchError::Failed(what.to_owned());
        // A client for this one connection: no pool could hold another address
        // under this name, and no proxy could resolve it once more.
        let client = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .resolve_to_addrs(&target.host, &addresses)
            .pool_max_idle_per_host(0)
            .referer(false)
            .user_agent("orchestration-engine")
            .build()
            .map_err(|_| failed("the HTTP client cannot be made"))?;
        let request = client.get(target.url.clone()).header(ACCEPT_ENCODING, "identity");
        request.send().await.map_err(|_| failed("the host cannot be reached"))
    }

    /// The addresses to connect to: all that the name has, each of them checked. One
    /// bad one among them is a trick, and nothing is fetched.
    async fn addresses(&self, target: &Target) -> Result<Vec<SocketAddr>, FetchError> {
        if let Some(address) = target.literal {
            return Ok(vec![SocketAddr::new(address, target.port)]);
        }
        let found = self.resolver.resolve(&target.host).await.unwrap_or_default();
        if found.is_empty() {
            return Err(FetchError::Failed("the name of the host cannot be resolved".to_owned()));
        }
        if !found.iter().all(|address| (self.policy.is_address_allowed)(*address)) {
            return Err(FetchError::NotAllowed(
                "the host has an address that is not on the public internet".to_owned(),
            ));
        }
        Ok(found.into_iter().map(|address| SocketAddr::new(address, target.port)).collect())
    }
}

#[async_trait]
impl Tool for WebFetchTool {
    fn spec(&self) -> Arc<ToolSpec> {
        let hosts = self.policy.hosts.join(", ");
        let time_max = self.policy.time_max + Duration::from_secs(2);
        Arc::new(ToolSpec {
            definition: ToolDefinition {
                name: "web_fetch".to_owned(),
                description: format!("Fetches a web page and gives its text. Allowed hosts: {hosts}."),
                input_schema: json!({
                    "type": "object",
                    "properties": {
                        "url": { "type": "string", "minLength": 1, "description": "Address of the page, beginning with https://" },
                    },
                    "required": ["url"],
                }),
            },
            class: ToolClass::Read,
            timeout_ms: u64::try_from(time_max.as_millis()).unwrap_or(u64::MAX),
            output_max_bytes: OUTPUT_BYTES_MAX,
            needs: Vec::new(),
            is_untrusted: true,
        })
    }

    async fn call(&self, _: &ToolContext, input: &Value) -> ToolOutcome {
        match tokio::time::timeout(self.policy.time_max, self.fetch(text(input, "url"))).await {
            Ok(Ok(page)) => ToolOutcome::ok(page),
            Ok(Err(FetchError::NotAllowed(why))) => {
                ToolOutcome::error("url_not_allowed", format_args!("the address was refused: {why}"))
            }
            Ok(Err(FetchError::Failed(why))) => ToolOutcome::error("fetch_failed", why),
            Err(_) => ToolOutcome::error(
                "fetch_failed",
                format_args!("the page did not come within {} s", self.policy.time_max.as_secs_f32()),
            ),
        }
    }
}

async fn read(target: &Target, response: Response) -> Result<String, FetchError> {
    let failed = |what: String| Err(FetchError::Failed(what));
    let status = response.status();
    if !status.is_success() {
        return failed(format!("the host answered {}", status.as_u16()));
    }
    // Not asked for; and unpacking is where a small answer becomes a huge one.
    let encoding = header(response.headers(), CONTENT_ENCODING.as_str());
    if !matches!(encoding.as_str(), "" | "identity") {
        return failed("the answer is compressed although that was not asked for".to_owned());
    }
    let kind = header(response.headers(), CONTENT_TYPE.as_str());
    let essence = kind.split(';').next().unwrap_or_default().trim().to_owned();
    let is_html = matches!(essence.as_str(), "text/html" | "application/xhtml+xml");
    let is_text = essence.starts_with("text/")
        || essence.is_empty()
        || ["json", "xml", "yaml", "toml", "javascript"].iter().any(|kind| essence.ends_with(kind));
    if !is_html && !is_text {
        return failed(format!("the page is no text but {:?}", essence.chars().take(60).collect::<String>()));
    }
    let (body, is_whole) = match http::read(response, PAGE_BYTES_MAX).await {
        Ok(read) => read,
        Err(error) => return failed(error.to_string()),
    };
    if body.contains(&0) {
        return failed("the page is no text".to_owned());
    }
    let is_latin = ["iso-8859-1", "windows-1252", "latin1"].iter().any(|charset| kind.contains(charset));
    let decoded: String = if is_latin {
        body.iter().map(|byte| char::from(*byte)).collect()
    } else {
        String::from_utf8_lossy(&body).into_owned()
    };
    let shown = if is_html { html::to_text(&decoded) } else { decoded };
    let cut = if is_whole { "" } else { "\n[cut: only the first 5 MiB were read]" };
    Ok(format!("[{}]\n{shown}{cut}", target.url))
}

fn header(headers: &HeaderMap, name: &str) -> String {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().trim().to_ascii_lowercase()
}
