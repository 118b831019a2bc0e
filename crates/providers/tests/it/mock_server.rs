//! Our clients against a mock server that others wrote: where they disagree with
//! our fake, one of them is wrong.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use domain::model::{Block, ErrorClass, StopReason};
use domain::ports::ModelProvider;
use providers::{Anthropic, AnthropicConfig, Ollama, OllamaConfig};

use tokio::time::Instant;

use crate::support::{anthropic, config, ignore, node_program, request, tool_request, write_file};

/// The server; ended with the test.
struct Mock {
    child: Child,
    base_url: String,
}

impl Mock {
    fn start() -> Option<Self> {
        let program = node_program("llmock")?;
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/mock_server.json");
        let child = Command::new(program)
            .args(["-p", &port.to_string(), "-h", "127.0.0.1", "-f", fixtures, "--strict"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mock = Self { child, base_url: format!("http://127.0.0.1:{port}") };
        let until = Instant::now() + Duration::from_secs(20);
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < until, "the mock server did not start");
            std::thread::sleep(Duration::from_millis(50));
        }
        Some(mock)
    }
}

impl Drop for Mock {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[tokio::test]
async fn anthropic_client_understands_the_mock_server() {
    let Some(mock) = Mock::start() else { return };
    let whole = Anthropic::new(AnthropicConfig { is_streaming: false, ..config(&mock.base_url) }).unwrap();
    for client in [anthropic(&mock.base_url), whole] {
        let answer = client.call(&request("say hello"), &mut ignore).await.unwrap();
        assert_eq!((answer.text().as_str(), &answer.stop), ("Hello from the mock.", &StopReason::EndTurn));
        let mut asking = request("write a file");
        asking.tools = Arc::new(vec![write_file()]);
        let answer = client.call(&asking, &mut ignore).await.unwrap();
        assert_eq!(answer.stop, StopReason::ToolUse);
        let Some(Block::ToolUse { name, input, .. }) = answer.content.last() else { panic!("{answer:?}") };
        assert_eq!((name.as_str(), &input["path"]), ("write_file", &serde_json::json!("a.md")));
        let error = client.call(&request("be overloaded"), &mut ignore).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::Overloaded, "{}", error.message);
        let error = client.call(&request("too often"), &mut ignore).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::RateLimited, "{}", error.message);
        client.call(&tool_request(), &mut ignore).await.unwrap();
    }
}

#[tokio::test]
async fn ollama_client_understands_the_mock_server() {
    let Some(mock) = Mock::start() else { return };
    let client = Ollama::new(OllamaConfig::new(&mock.base_url)).unwrap();
    let answer = client.call(&request("say hello"), &mut ignore).await.unwrap();
    assert_eq!((answer.text().as_str(), &answer.stop), ("Hello from the mock.", &StopReason::EndTurn));
    let mut asking = request("write a file");
    asking.tools = Arc::new(vec![write_file()]);
    let answer = client.call(&asking, &mut ignore).await.unwrap();
    assert_eq!(answer.stop, StopReason::ToolUse);
    let Some(Block::ToolUse { name, .. }) = answer.content.last() else { panic!("{answer:?}") };
    assert_eq!(name, "write_file");
    client.probe().await.unwrap();
}
