//! The official reference servers.

use serde_json::json;
use tools::mcp::AllowedTools;

use super::*;

fn everything(node: &str, file: &str) -> ServerConfig {
    stdio(node, &[file, "stdio"], &[("GREETING", "hello")])
}

async fn use_everything(mcp: &Mcp) {
    let names = mcp.names();
    assert!(
        names.contains(&"every_thing__echo".to_owned()) && names.len() > 8,
        "{names:?} {:?}",
        mcp.left_out
    );
    assert!(mcp.registry.specs().iter().all(|spec| spec.is_untrusted));
    let outcome = mcp.call("every_thing__echo", json!({ "message": "héllo\n" })).await;
    assert_eq!(outcome, ToolOutcome::ok("Echo: héllo\n"));
    let outcome = mcp.call("every_thing__get-sum", json!({ "a": 2, "b": 40.5 })).await;
    assert_eq!(outcome.content, "The sum of 2 and 40.5 is 42.5.");
    let outcome = mcp.call("every_thing__get-sum", json!({ "a": "two" })).await;
    assert!(outcome.content.starts_with("invalid_tool_input: "), "{}", outcome.content);
    let outcome = mcp.call("every_thing__get-tiny-image", json!({})).await;
    assert!(outcome.content.contains("[picture image/png of ") && outcome.content.len() < 400, "{outcome:?}");
    let outcome = mcp.call("every_thing__get-structured-content", json!({ "location": "New York" })).await;
    assert_ok(&outcome);
    assert_eq!(outcome.content.matches("temperature").count(), 1, "{outcome:?}");
    let outcome = mcp.call("every_thing__get-resource-links", json!({ "count": 3 })).await;
    assert_eq!(outcome.content.matches("[link to ").count(), 3, "{outcome:?}");
    let outcome = mcp
        .call("every_thing__get-resource-reference", json!({ "resourceType": "Text", "resourceId": 1 }))
        .await;
    assert!(outcome.content.contains("[demo://resource"), "{outcome:?}");
}

#[tokio::test]
async fn the_everything_server_works_over_stdio() {
    let (Some(node), Some(file)) = (program("node"), reference("server-everything")) else { return };
    let mcp = Mcp::start([("every thing", everything(&node, &file))]).await;
    use_everything(&mcp).await;
    let health = mcp.health();
    assert_eq!((health.state, health.connects, health.last_error), (ServerState::Online, 1, None));
    assert_eq!(health.protocol.as_deref(), Some("2025-11-25"));
    let outcome = mcp.call("every_thing__get-env", json!({})).await;
    let env: BTreeMap<String, String> = serde_json::from_str(&outcome.content).unwrap();
    assert_eq!(env.keys().collect::<Vec<_>>(), ["GREETING", "PATH"], "the environment is cleared");
    mcp.servers.shutdown().await;
    assert_eq!(mcp.health().state, ServerState::Offline);
    let outcome = mcp.call("every_thing__echo", json!({ "message": "x" })).await;
    assert!(outcome.content.starts_with("mcp_server_offline: "), "{}", outcome.content);
}

#[tokio::test]
async fn the_everything_server_works_over_http() {
    let (Some(node), Some(file)) = (program("node"), reference("server-everything")) else { return };
    let server = Listening::start(&node, &["-r", &here("loopback.cjs"), &file, "streamableHttp"]);
    let mcp = Mcp::start([("every_thing", http(server.url(), &[("x-key", "secret")]))]).await;
    use_everything(&mcp).await;
    drop(server);
    let outcome = mcp.call("every_thing__echo", json!({ "message": "x" })).await;
    assert!(outcome.is_error && outcome.content.starts_with("mcp_server_"), "{}", outcome.content);
    mcp.until("offline", |health| health.state == ServerState::Offline).await;
    assert!(mcp.health().last_error.unwrap().contains("cannot be reached"));
}

#[tokio::test]
async fn the_file_server_works_with_the_tools_that_are_allowed() {
    let (Some(node), Some(file)) = (program("node"), reference("server-filesystem")) else { return };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().canonicalize().unwrap();
    std::fs::write(folder.join("a.txt"), "content").unwrap();
    let mut config = stdio(&node, &[&file, folder.to_str().unwrap()], &[]);
    let allowed = ["read_text_file", "no_such_tool"].map(str::to_owned);
    config.allowed_tools = AllowedTools::Only(allowed.into());
    let mcp = Mcp::start([("fs", config)]).await;
    mcp.assert_offered(&["fs__read_text_file"]);
    assert_eq!(mcp.left_out.len(), 1);
    assert_eq!(mcp.left_out[0].name, "fs__no_such_tool");
    let outcome = mcp.call("fs__read_text_file", json!({ "path": folder.join("a.txt") })).await;
    assert_eq!(outcome, ToolOutcome::ok("content"));
    let outcome = mcp.call("fs__read_text_file", json!({ "path": "/etc/passwd" })).await;
    assert!(outcome.content.starts_with("mcp_tool_error: "), "{}", outcome.content);
}
