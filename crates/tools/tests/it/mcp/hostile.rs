//! Servers that misbehave. Each costs its own tools at most: nothing hangs, grows,
//! or leaks, and the others go on.

use domain::tool::ToolClass;
use serde_json::json;
use tokio::time::Instant;

use super::*;

/// The server of this kind, with limits that a test can wait for.
fn hostile(python: &str, mode: &str, rest: &[&str]) -> ServerConfig {
    let script = here("hostile.py");
    let args: Vec<&str> = [&[script.as_str(), mode], rest].concat();
    let mut config = stdio(python, &args, &[]);
    config.timeout_ms = 20_000;
    config.start_timeout_ms = 20_000;
    config.message_bytes_max = 1 << 20;
    config
}

/// What comes of one call to such a server.
async fn call(mode: &str) -> Option<(Mcp, String)> {
    let python = program("python3")?;
    let mcp = Mcp::start([("s", hostile(&python, mode, &[]))]).await;
    mcp.assert_offered(&["s__act", "s__other"]);
    let outcome = mcp.call("s__act", json!({})).await;
    assert!(outcome.is_error && outcome.content.len() < 2_000, "{mode}: {:.300}", outcome.content);
    Some((mcp, outcome.content))
}

#[tokio::test]
async fn a_server_that_dies_in_a_call_leaves_the_outcome_unknown_and_comes_back() {
    let Some((mcp, content)) = call("dies").await else { return };
    assert!(content.starts_with("mcp_server_lost: ") && content.contains("is unknown"), "{content}");
    mcp.until("it is back", |health| health.connects >= 2 && health.state == ServerState::Online).await;
    let error = mcp.health().last_error.unwrap();
    assert!(error.contains("these are the last words"), "{error}");
    assert!(!content.contains("last words"), "error output is not for models");
}

#[tokio::test]
async fn a_call_soon_after_waits_for_the_server_to_return() {
    let Some(python) = program("python3") else { return };
    let folder = tempfile::tempdir().unwrap();
    let mark = folder.path().join("died");
    let mut config = hostile(&python, "dies_once", &[mark.to_str().unwrap()]);
    config.class = ToolClass::Read;
    let mcp = Mcp::start([("s", config)]).await;
    let outcome = mcp.call("s__act", json!({})).await;
    assert!(outcome.content.ends_with("it may be called again"), "{}", outcome.content);
    assert_eq!(mcp.call("s__act", json!({})).await, ToolOutcome::ok("alive again"));
}

#[tokio::test]
async fn floods_and_answers_without_end_are_cut_soon() {
    for (mode, code) in [
        ("floods", "mcp_flood"),
        ("asks", "mcp_flood"),
        ("spurious", "mcp_flood"),
        ("garbage_flood", "mcp_server_lost"),
        ("huge", "mcp_answer_too_large"),
        ("endless", "mcp_answer_too_large"),
    ] {
        let begun = Instant::now();
        let Some((mcp, content)) = call(mode).await else { return };
        assert_eq!(content.split(':').next(), Some(code), "{mode}: {content}");
        assert!(begun.elapsed() < Duration::from_secs(15), "{mode}: {:?}", begun.elapsed());
        mcp.until(mode, |health| health.connects >= 2).await;
    }
}

#[tokio::test]
async fn answers_that_are_no_result_are_errors() {
    for (mode, code) in [("wrong", "mcp_unexpected_answer"), ("refuses", "mcp_refused")] {
        let Some((mcp, content)) = call(mode).await else { return };
        assert_eq!(content.split(':').next(), Some(code), "{content}");
        assert!(!content.contains(['\u{1b}', '\n']));
        assert_eq!((mcp.health().state, mcp.health().connects), (ServerState::Degraded, 1));
    }
}

#[tokio::test]
async fn a_long_result_is_cut_to_its_bound() {
    let Some(python) = program("python3") else { return };
    let mut config = hostile(&python, "long", &[]);
    (config.message_bytes_max, config.result_bytes_max) = (16 << 20, 1_000);
    let mcp = Mcp::start([("s", config)]).await;
    let outcome = mcp.call("s__act", json!({})).await;
    assert!(!outcome.is_error && outcome.content.len() <= 1_000 && outcome.content.ends_with("left out]"));
}

#[tokio::test]
async fn a_server_that_never_answers_is_told_that_nobody_waits() {
    let Some(python) = program("python3") else { return };
    let folder = tempfile::tempdir().unwrap();
    let mark = folder.path().join("cancelled");
    let mut config = hostile(&python, "hangs", &[mark.to_str().unwrap()]);
    config.timeout_ms = 300;
    let mcp = Mcp::start([("s", config)]).await;
    let outcome = mcp.call("s__act", json!({})).await;
    assert!(
        outcome.content.starts_with("tool_timed_out: no result within 300 ms; whether"),
        "{}",
        outcome.content
    );
    mcp.until("degraded", |health| health.state == ServerState::Degraded && mark.exists()).await;
    std::fs::remove_file(&mark).unwrap();
    // A task that was cut drops its call.
    let task = super::super::task("tsk_1", 1);
    let cut = mcp.registry.call(&task, "s__other", &Value::Null);
    let input = json!({});
    assert!(cut.await.is_error);
    let call = mcp.registry.call(&task, "s__other", &input);
    assert!(tokio::time::timeout(Duration::from_millis(100), call).await.is_err());
    mcp.until("cancelled", |_| mark.exists()).await;
}

#[tokio::test]
async fn servers_that_do_not_start_are_left_out_and_the_rest_works() {
    let Some(python) = program("python3") else { return };
    let mut silent = hostile(&python, "silent", &[]);
    silent.start_timeout_ms = 1_500;
    let mut deaf = hostile(&python, "deaf", &[]);
    deaf.start_timeout_ms = 1_500;
    let begun = Instant::now();
    let mcp = Mcp::start([
        ("absent", stdio("no-such-program-here", &[], &[])),
        ("deaf", deaf),
        ("exits", hostile(&python, "exits", &[])),
        ("fragile", hostile(&python, "fragile", &[])),
        ("garbage", hostile(&python, "only_garbage", &[])),
        ("greets", hostile(&python, "greets", &[])),
        ("nowhere", http("http://127.0.0.1:9/mcp?key=query-canary".to_owned(), &[])),
        ("pages", hostile(&python, "pages", &[])),
        ("silent", silent),
        ("url", http("file:///etc/passwd".to_owned(), &[])),
    ])
    .await;
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    mcp.assert_offered(&["fragile__act", "fragile__other", "greets__act", "greets__other"]);
    assert_ok(&mcp.call("greets__act", json!({})).await);
    let reasons: BTreeMap<&str, &str> =
        mcp.left_out.iter().map(|out| (out.name.as_str(), out.reason.as_str())).collect();
    for (server, reason) in [
        ("absent", "there is no program"),
        ("deaf", "did not start within 1500 ms"),
        ("exits", "no licence"),
        ("garbage", "not the protocol"),
        ("nowhere", "cannot be reached"),
        ("pages", "does not end"),
        ("silent", "did not start within 1500 ms"),
        ("url", "must begin with http"),
    ] {
        assert!(reasons.get(server).is_some_and(|text| text.contains(reason)), "{server}: {reasons:#?}");
    }
    assert_eq!(reasons.len(), 8, "{reasons:#?}");
    assert!(!format!("{reasons:?}").contains("query-canary"));
}

#[tokio::test]
async fn tools_with_bad_schemas_and_names_are_left_out_or_renamed() {
    let Some(python) = program("python3") else { return };
    let mcp = Mcp::start([("s", hostile(&python, "schemas", &[]))]).await;
    let names = mcp.names();
    assert!(names.contains(&"s__good".to_owned()) && names.contains(&"s__deep".to_owned()), "{names:?}");
    assert!(names.iter().all(|name| name.len() <= 64), "{names:?}");
    assert_eq!(names.len(), 6, "{names:?}");
    let left_out: Vec<&str> = mcp.left_out.iter().map(|out| out.name.as_str()).collect();
    assert_eq!(left_out, ["s__array", "s__nonsense", "s__remote", "s__long"]);
    let spec = mcp.registry.specs().into_iter().find(|spec| spec.definition.name == "s__good").unwrap();
    assert_eq!(spec.definition.description, "does something", "the first one counts");
}

#[tokio::test]
async fn keyed_tools_get_the_key_of_the_call_and_others_do_not() {
    let Some(python) = program("python3") else { return };
    let mut config = hostile(&python, "meta", &[]);
    config.tool_classes.insert("act".to_owned(), ToolClass::Keyed);
    let mcp = Mcp::start([("s", config)]).await;
    let outcome = mcp.call("s__act", json!({})).await;
    assert!(outcome.content.contains("\"orchestration-engine/idempotencyKey\": \"key\""), "{outcome:?}");
    let outcome = mcp.call("s__other", json!({})).await;
    assert!(!outcome.content.contains("idempotencyKey"), "{outcome:?}");
}

#[cfg(target_os = "linux")]
fn is_alive(id: &str) -> bool {
    let state = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    state.rsplit(") ").next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with('Z'))
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_server_and_what_it_started_end_with_us() {
    let Some(python) = program("python3") else { return };
    for is_dropped in [true, false] {
        let mcp = Mcp::start([("s", hostile(&python, "family", &[]))]).await;
        let outcome = mcp.call("s__act", json!({})).await;
        let ids: Vec<String> = outcome.content.split(' ').map(str::to_owned).collect();
        assert!(ids.len() == 2 && ids.iter().all(|id| is_alive(id)), "{outcome:?}");
        if is_dropped {
            drop(mcp);
        } else {
            mcp.servers.shutdown().await;
        }
        for _ in 0..100 {
            if ids.iter().all(|id| !is_alive(id)) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert!(ids.iter().all(|id| !is_alive(id)), "{ids:?}");
    }
}

/// Collects what is logged.
#[derive(Clone, Default)]
struct Logged(Arc<std::sync::Mutex<Vec<u8>>>);

impl std::io::Write for Logged {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_servers_secrets_are_nowhere_to_be_read() {
    let Some(python) = program("python3") else { return };
    let logged = Logged::default();
    let writer = logged.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter("tools=trace,rmcp=warn")
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let config = stdio(&python, &[&here("hostile.py"), "secret"], &[("CANARY", "env-canary-1")]);
    let listening = Listening::start(&python, &[&here("hostile.py"), "http_headers"]);
    let url = format!("{}?key=url-canary-2", listening.url());
    let web = http(url, &[("authorization", "Bearer header-canary-3")]);
    let printed = format!("{config:?} {web:?}");
    assert!(!printed.contains("env-canary-1") && !printed.contains("header-canary-3"), "{printed}");
    let mcp = Mcp::start([("s", config), ("web", web)]).await;
    let outcome = mcp.call("s__act", json!({})).await;
    assert_eq!(outcome, ToolOutcome::error("mcp_tool_error", "the secret is [secret]"));
    let outcome = mcp.call("web__act", json!({})).await;
    assert!(outcome.content.contains("uthorization\": \"[secret]\""), "{}", outcome.content);
    drop(listening);
    let failed = mcp.call("web__act", json!({})).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let log = String::from_utf8(logged.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("my secret is [secret]"), "{log}");
    let everything =
        format!("{log}{outcome:?}{failed:?}{:?}{:?}", mcp.servers.health(), mcp.servers.left_out());
    assert!(!everything.contains("canary"), "{everything}");
}

#[tokio::test]
async fn hostile_answers_over_http_are_errors_soon() {
    let Some(python) = program("python3") else { return };
    let trap = Listening::start(&python, &[&here("hostile.py"), "http_headers"]);
    for (mode, code) in [
        ("http_huge", "mcp_answer_too_large"),
        ("http_endless", ""),
        ("http_events", "mcp_flood"),
        ("http_fails", "mcp_server_lost"),
        ("http_html", "mcp_server_lost"),
        ("http_leads", "mcp_server_lost"),
    ] {
        let server = Listening::start(&python, &[&here("hostile.py"), mode, &trap.url()]);
        let mut config = http(server.url(), &[]);
        (config.message_bytes_max, config.timeout_ms) = (1 << 20, 5_000);
        let mcp = Mcp::start([("s", config)]).await;
        mcp.assert_offered(&["s__act", "s__other"]);
        let outcome = mcp.call("s__act", json!({})).await;
        assert!(outcome.is_error && outcome.content.len() < 2_000, "{mode}: {:.300}", outcome.content);
        assert!(outcome.content.contains("unknown"), "{mode}: {}", outcome.content);
        assert!(outcome.content.starts_with(code), "{mode}: {}", outcome.content);
    }
}

#[tokio::test]
async fn a_server_that_denies_us_is_left_out() {
    let Some(python) = program("python3") else { return };
    let server = Listening::start(&python, &[&here("hostile.py"), "http_denies"]);
    let mcp = Mcp::start([("s", http(server.url(), &[("authorization", "Bearer wrong-token")]))]).await;
    mcp.assert_offered(&[]);
    assert!(mcp.left_out[0].reason.contains("wants other credentials (401)"), "{:?}", mcp.left_out);
}
