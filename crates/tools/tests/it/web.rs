//! `web_fetch` against a server on 127.0.0.1, which only the policy of these tests
//! lets through; rows B59 to B66 of the corpus.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use axum::body::Body;
use axum::response::Response;
use domain::ports::Toolbox;
use domain::tool::ToolOutcome;
use serde_json::json;
use tools::web::{FetchPolicy, Resolver, WebFetchConfig, WebFetchTool};
use tools::{Registry, Tool};

use super::stub::Stub;
use super::{assert_code, task};

/// Names with the addresses that a test gives them; counts the questions.
struct Names(Vec<(&'static str, Vec<&'static str>)>, AtomicUsize);

#[async_trait]
impl Resolver for Names {
    async fn resolve(&self, host: &str) -> std::io::Result<Vec<IpAddr>> {
        self.1.fetch_add(1, Ordering::Relaxed);
        let found = self.0.iter().find(|(name, _)| *name == host);
        Ok(found.map(|(_, list)| list.iter().map(|text| text.parse().unwrap()).collect()).unwrap_or_default())
    }
}

fn is_this_server(address: IpAddr) -> bool {
    address == IpAddr::from([127, 0, 0, 1])
}

async fn fetch(tool: WebFetchTool, url: &str) -> ToolOutcome {
    let (registry, _) = Registry::new(vec![Arc::new(tool) as Arc<dyn Tool>]);
    registry.call(&task("tsk_1", 1), "web_fetch", &json!({ "url": url })).await
}

fn tool(stub: &Stub, time_max: Duration) -> WebFetchTool {
    let policy = FetchPolicy {
        hosts: vec!["*.test".to_owned()],
        is_http_allowed: true,
        ports: vec![stub.port()],
        is_address_allowed: is_this_server,
        time_max,
    };
    let names = vec![
        ("good.test", vec!["127.0.0.1"]),
        ("private.test", vec!["10.0.0.1"]),
        ("mixed.test", vec!["127.0.0.1", "169.254.169.254"]),
        ("mapped.test", vec!["::ffff:127.0.0.1"]),
    ];
    WebFetchTool::with(policy, Arc::new(Names(names, AtomicUsize::new(0))))
}

fn page(kind: &str, body: impl Into<Body>) -> Response {
    Response::builder().header("content-type", kind).body(body.into()).unwrap()
}

async fn server() -> Stub {
    Stub::raw(|_, path, _| {
        let redirect =
            |to: &str| Response::builder().status(302).header("location", to).body(Body::empty()).unwrap();
        match path {
            "/page" => {
                page("text/html; charset=utf-8", "<h1>Title</h1><script>x</script><p>Text &amp; more</p>")
            }
            "/latin" => page("text/plain; charset=ISO-8859-1", vec![b'c', 0xe9]),
            "/json" => page("application/json", "{\"a\":1}"),
            "/binary" => page("image/png", "x"),
            "/zeros" => page("text/plain", vec![b'a', 0]),
            "/gzip" => Response::builder()
                .header("content-encoding", "gzip")
                .body(Body::from(vec![0x1f, 0x8b]))
                .unwrap(),
            "/large" => page("text/plain", vec![b'x'; 6 << 20]),
            "/missing" => Response::builder().status(404).body(Body::empty()).unwrap(),
            "/slow" => {
                page("text/plain", Body::from_stream(futures::stream::pending::<std::io::Result<Vec<u8>>>()))
            }
            "/hop0" => redirect("/page"),
            "/hop3" => redirect("/hop2"),
            "/hop2" => redirect("/hop1"),
            "/hop1" => redirect("/hop0"),
            "/loop" => redirect("/loop"),
            "/to-file" => redirect("file:///etc/passwd"),
            "/to-private" => redirect("http://private.test/"),
            "/to-literal" => redirect("http://169.254.169.254/latest/meta-data"),
            "/to-other" => redirect("http://evil.example/"),
            "/to-user" => redirect("http://user@good.test/"),
            "/to-backslash" => redirect("http:\\\\good.test\\"),
            _ => redirect(""),
        }
    })
    .await
}

#[tokio::test]
async fn pages_become_text() {
    let stub = server().await;
    let get = async |path: &str| {
        fetch(tool(&stub, Duration::from_secs(20)), &format!("http://good.test:{}{path}", stub.port())).await
    };
    let base = format!("[http://good.test:{}", stub.port());
    for (path, text) in [
        ("/page", format!("{base}/page]\nTitle\n\nText & more")),
        ("/latin", format!("{base}/latin]\ncé")),
        ("/json", format!("{base}/json]\n{{\"a\":1}}")),
        ("/hop2", format!("{base}/page]\nTitle\n\nText & more")),
    ] {
        assert_eq!(get(path).await.content, text, "{path}");
    }
    for path in ["/binary", "/zeros", "/gzip", "/missing"] {
        assert_code(&get(path).await, "fetch_failed", path);
    }
    assert!(stub.asked("GET /page")[0].starts_with("GET /page"));
}

#[tokio::test]
async fn b62_names_with_any_address_inside_are_refused() {
    let stub = server().await;
    for host in ["private.test", "mixed.test", "mapped.test"] {
        let url = format!("http://{host}:{}/page", stub.port());
        assert_code(&fetch(tool(&stub, Duration::from_secs(20)), &url).await, "url_not_allowed", host);
    }
    let url = format!("http://unknown.test:{}/page", stub.port());
    assert_code(&fetch(tool(&stub, Duration::from_secs(20)), &url).await, "fetch_failed", "unknown");
    assert_eq!(stub.asked(""), Vec::<String>::new());
}

/// A name that changes its address after it was checked.
struct Flipping(AtomicUsize);

#[async_trait]
impl Resolver for Flipping {
    async fn resolve(&self, _: &str) -> std::io::Result<Vec<IpAddr>> {
        let address =
            if self.0.fetch_add(1, Ordering::Relaxed) == 0 { [127, 0, 0, 1] } else { [10, 0, 0, 1] };
        Ok(vec![IpAddr::from(address)])
    }
}

#[tokio::test]
async fn b62_a_flipping_name_is_connected_to_where_it_was_checked() {
    let stub = server().await;
    let policy = FetchPolicy {
        hosts: vec!["*".to_owned()],
        is_http_allowed: true,
        ports: vec![stub.port()],
        is_address_allowed: is_this_server,
        ..FetchPolicy::default()
    };
    let resolver = Arc::new(Flipping(AtomicUsize::new(0)));
    let url = format!("http://flip.test:{}/json", stub.port());
    assert!(!fetch(WebFetchTool::with(policy.clone(), resolver.clone()), &url).await.is_error);
    assert_eq!(resolver.0.load(Ordering::Relaxed), 1, "resolved once, and connected to that");
    // A redirect to the same name is resolved and checked again.
    let resolver = Arc::new(Flipping(AtomicUsize::new(0)));
    let url = format!("http://flip.test:{}/hop0", stub.port());
    assert_code(&fetch(WebFetchTool::with(policy, resolver), &url).await, "url_not_allowed", "flipped");
    assert_eq!(stub.asked("GET /page"), Vec::<String>::new());
}

#[tokio::test]
async fn b63_redirects_are_checked_and_counted() {
    let stub = server().await;
    for path in
        ["/hop3", "/loop", "/to-file", "/to-private", "/to-literal", "/to-other", "/to-user", "/to-backslash"]
    {
        let url = format!("http://good.test:{}{path}", stub.port());
        assert_code(&fetch(tool(&stub, Duration::from_secs(20)), &url).await, "url_not_allowed", path);
    }
}

#[tokio::test]
async fn b66_endless_and_huge_answers_are_cut() {
    let stub = server().await;
    let url = format!("http://good.test:{}/large", stub.port());
    let large = fetch(tool(&stub, Duration::from_secs(20)), &url).await;
    assert!(!large.is_error && large.content.len() <= 200_000);
    let url = format!("http://good.test:{}/slow", stub.port());
    assert_code(&fetch(tool(&stub, Duration::from_millis(300)), &url).await, "fetch_failed", "slow");
}

#[tokio::test]
async fn b59_b61_b64_b65_the_product_connects_to_nothing_inside() {
    let stub = server().await;
    let port = stub.port();
    let config = WebFetchConfig { hosts: vec!["*".to_owned()], is_http_allowed: true };
    for url in [
        format!("http://127.0.0.1:{port}/page"),
        format!("http://localhost:{port}/page"),
        "http://127.1/".to_owned(),
        "http://2130706433/".to_owned(),
        "http://0x7f.1/".to_owned(),
        "http://[::1]/".to_owned(),
        "http://0.0.0.0/".to_owned(),
        "http://169.254.169.254/".to_owned(),
        "http://metadata.google.internal/".to_owned(),
        "http://[::ffff:127.0.0.1]/".to_owned(),
        "file:///etc/passwd".to_owned(),
    ] {
        assert_code(&fetch(WebFetchTool::new(&config), &url).await, "url_not_allowed", &url);
    }
    assert_eq!(stub.asked(""), Vec::<String>::new());
}
