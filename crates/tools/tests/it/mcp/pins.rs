//! Definitions: trusted at first sight, then held to.

use serde_json::json;
use tools::mcp::{JsonPins, PinError};

use super::*;

fn version(python: &str, version: &str) -> [(&'static str, ServerConfig); 1] {
    [("s", stdio(python, &[&here("hostile.py"), "versions", version], &[]))]
}

#[tokio::test]
async fn a_changed_definition_is_left_out_until_it_is_approved() {
    let Some(python) = program("python3") else { return };
    let folder = tempfile::tempdir().unwrap();
    let pins = || Arc::new(JsonPins::new(folder.path()));
    for _ in 0..2 {
        let mcp = Mcp::with_pins(version(&python, "1"), pins()).await;
        mcp.assert_offered(&["s__act", "s__other"]);
        assert_eq!(mcp.left_out, []);
    }
    for _ in 0..2 {
        let mcp = Mcp::with_pins(version(&python, "2"), pins()).await;
        mcp.assert_offered(&["s__other"]);
        let reason = "definition changed; approve it".to_owned();
        assert_eq!(mcp.left_out, [LeftOut { name: "s__act".to_owned(), reason }]);
        assert_eq!(
            (mcp.health().state, mcp.health().tools_changed),
            (ServerState::Degraded, vec!["act".to_owned()])
        );
    }
    // The old one again is fine, and then nothing waits any more.
    let mcp = Mcp::with_pins(version(&python, "1"), pins()).await;
    mcp.assert_offered(&["s__act", "s__other"]);
    assert!(mcp.servers.pins().await.unwrap().iter().all(|(_, pin)| pin.waiting.is_none()));
    let mcp = Mcp::with_pins(version(&python, "3"), pins()).await;
    let (key, pin) = mcp.servers.pins().await.unwrap().remove(0);
    assert_eq!(pin.approved.description, "acts, version 1");
    let waiting = pin.waiting.unwrap();
    assert_eq!(waiting.description, "acts, version 3");
    let refused = mcp.servers.approve(&key, &pin.approved.hash).await;
    assert!(matches!(refused, Err(PinError::NotWaiting)));
    mcp.servers.approve(&key, &waiting.hash).await.unwrap();
    mcp.until("approved", |health| health.state == ServerState::Online).await;
    let mcp = Mcp::with_pins(version(&python, "3"), pins()).await;
    mcp.assert_offered(&["s__act", "s__other"]);
    assert_ok(&mcp.call("s__act", json!({})).await);
}

#[tokio::test]
async fn a_tool_that_changes_while_it_is_used_is_taken_away() {
    let Some(python) = program("python3") else { return };
    let mcp = Mcp::start([("s", stdio(&python, &[&here("hostile.py"), "changes"], &[]))]).await;
    mcp.assert_offered(&["s__act", "s__other"]);
    assert_eq!(mcp.call("s__act", json!({})).await.content, "changed");
    mcp.until("changed", |health| health.tools_changed == ["act"]).await;
    let outcome = mcp.call("s__act", json!({})).await;
    assert_eq!(outcome, ToolOutcome::error("mcp_tool_changed", "definition changed; approve it"));
    assert_ok(&mcp.call("s__other", json!({})).await);
    assert_eq!(mcp.health().state, ServerState::Degraded);
}

#[tokio::test]
async fn whoever_cannot_read_the_pins_offers_nothing() {
    let Some(python) = program("python3") else { return };
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("mcp-pins.json"), "{").unwrap();
    let mcp = Mcp::with_pins(version(&python, "1"), Arc::new(JsonPins::new(folder.path()))).await;
    mcp.assert_offered(&[]);
    assert!(mcp.left_out.iter().all(|out| out.reason.contains("damaged")) && mcp.left_out.len() == 2);
}

#[tokio::test]
async fn a_server_of_the_newest_revision_is_used_and_watched() {
    let Some(python) = program("python3") else { return };
    let mcp = Mcp::start([("s", stdio(&python, &[&here("hostile.py"), "modern"], &[]))]).await;
    mcp.assert_offered(&["s__act", "s__other"]);
    assert_eq!(mcp.health().protocol.as_deref(), Some("2026-07-28"));
    let outcome = mcp.call("s__other", json!({})).await;
    assert!(
        outcome.content.starts_with("mcp_unexpected_answer: the server answered with a question to a person")
    );
    // The subscription is made beside the first calls.
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(mcp.call("s__act", json!({})).await.content, "2026-07-28");
    mcp.until("changed", |health| health.tools_changed == ["act"]).await;
}
