//! What the tests share: requests, and where outside tools are found.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use domain::id::CallId;
use domain::model::{Block, Delta, Message, Purpose, Request, Role, ToolDefinition};
use providers::{Anthropic, AnthropicConfig};
use secrecy::SecretString;
use serde_json::{Value, json};

/// Looks like a key and must appear nowhere.
pub const KEY: &str = "sk-test-0123456789abcdef";

/// A request of one message.
pub fn request(text: &str) -> Request {
    Request {
        call_id: CallId::new("cal_test"),
        model: "fake-model".to_owned(),
        system: Arc::from("Be brief."),
        messages: vec![Message::user(text)],
        tools: Arc::new(Vec::new()),
        max_tokens: 200,
        schema: None,
        purpose: Purpose::Execution,
        timeout_ms: 20_000,
    }
}

/// The same with a tool, and a turn in which it was used.
pub fn tool_request() -> Request {
    let mut request = request("Use the tool.");
    request.tools = Arc::new(vec![write_file()]);
    request.messages.push(Message::assistant(vec![
        Block::Text { text: "I will.".to_owned() },
        Block::ToolUse { id: "t1".to_owned(), name: "write_file".to_owned(), input: json!({"path": "a"}) },
    ]));
    request.messages.push(Message {
        role: Role::User,
        content: vec![Block::ToolResult {
            tool_use_id: "t1".to_owned(),
            content: "written".to_owned(),
            is_error: false,
        }],
    });
    request
}

/// A tool that writes a file.
pub fn write_file() -> ToolDefinition {
    ToolDefinition {
        name: "write_file".to_owned(),
        description: "Writes a file.".to_owned(),
        input_schema: json!({
            "type": "object",
            "properties": {"path": {"type": "string"}, "content": {"type": "string"}},
            "required": ["path", "content"],
        }),
    }
}

/// The usual settings for this server.
pub fn config(base_url: &str) -> AnthropicConfig {
    AnthropicConfig::new(base_url, SecretString::from(KEY))
}

/// A client of this server.
pub fn anthropic(base_url: &str) -> Anthropic {
    Anthropic::new(config(base_url)).unwrap()
}

/// Takes deltas and forgets them.
pub fn ignore(_: Delta) {}

/// A schema with one text.
pub fn schema() -> Value {
    json!({"type": "object", "properties": {"answer": {"type": "string", "minLength": 1}}, "required": ["answer"]})
}

/// The folder of the workspace.
fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A Python that has the packages for tests; `None`, with the reason printed, when absent.
pub fn python() -> Option<PathBuf> {
    found("ORCH_TEST_PYTHON", "target/tools/venv/bin/python", "")
}

/// A program of the npm packages for tests; `None`, with the reason printed, when absent.
pub fn node_program(name: &str) -> Option<PathBuf> {
    found("ORCH_TEST_TOOLS", "target/tools/npm/node_modules", &format!(".bin/{name}"))
}

#[expect(clippy::disallowed_methods, reason = "where tools are is told to tests by the environment")]
fn found(variable: &str, usual: &str, below: &str) -> Option<PathBuf> {
    let base = std::env::var_os(variable).map_or_else(|| workspace().join(usual), PathBuf::from);
    let path = if below.is_empty() { base } else { base.join(below) };
    if path.exists() {
        return Some(path);
    }
    eprintln!("skipped: {usual} is not installed (or set {variable})");
    None
}
