//! MCP servers over both transports: the reference servers, and some that misbehave.
//! A server that is not installed is reported and its tests pass over.

mod hostile;
mod pins;
mod reference;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use domain::ports::{Clock, Toolbox as _};
use domain::time::Timestamp;
use domain::tool::ToolOutcome;
use secrecy::SecretString;
use serde_json::Value;
use tools::mcp::{
    McpConfig, MemoryPins, PinStore, Ports, ServerConfig, ServerHealth, ServerState, Transport,
};
use tools::{LeftOut, McpServers, Registry};

/// A clock that stands still.
struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp(1_000)
    }
}

/// Servers and a registry of their tools, put together as the program does.
struct Mcp {
    servers: McpServers,
    registry: Registry,
    left_out: Vec<LeftOut>,
}

impl Mcp {
    async fn start(servers: impl IntoIterator<Item = (&'static str, ServerConfig)>) -> Self {
        Self::with_pins(servers, Arc::new(MemoryPins::default())).await
    }

    async fn with_pins(
        servers: impl IntoIterator<Item = (&'static str, ServerConfig)>,
        pins: Arc<dyn PinStore>,
    ) -> Self {
        let servers = servers.into_iter().map(|(name, server)| (name.to_owned(), server)).collect();
        let shared_env = BTreeMap::from([("PATH".to_owned(), path().into_string().unwrap())]);
        let ports = Ports { pins, clock: Arc::new(Still), random: Arc::new(|| 0) };
        let servers = McpServers::connect(McpConfig { servers, shared_env }, ports).await;
        let (registry, mut left_out) = Registry::new(servers.tools());
        left_out.extend(servers.left_out());
        Self { servers, registry, left_out }
    }

    async fn call(&self, name: &str, input: Value) -> ToolOutcome {
        self.registry.call(&super::task("tsk_1", 1), name, &input).await
    }

    fn names(&self) -> Vec<String> {
        self.registry.specs().iter().map(|spec| spec.definition.name.clone()).collect()
    }

    fn health(&self) -> ServerHealth {
        self.servers.health().remove(0)
    }

    /// Waits for what comes by itself within a few seconds.
    async fn until(&self, what: &str, is_so: impl Fn(&ServerHealth) -> bool) {
        for _ in 0..200 {
            if is_so(&self.health()) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("not within 10 s: {what}: {:?}", self.health());
    }

    #[track_caller]
    fn assert_offered(&self, expected: &[&str]) {
        assert_eq!(self.names(), expected, "{:?}", self.left_out);
    }
}

#[track_caller]
fn assert_ok(outcome: &ToolOutcome) {
    assert!(!outcome.is_error, "{:.2000}", outcome.content);
}

#[expect(clippy::disallowed_methods, reason = "where programs are is told to tests by the environment")]
fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

#[expect(clippy::print_stderr, reason = "who runs the tests wants to know what was not tested")]
fn skipped(reason: &str) {
    eprintln!("skipped: {reason}");
}

fn path() -> OsString {
    variable("PATH").unwrap_or_default()
}

fn here(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/mcp").join(file);
    path.to_str().unwrap().to_owned()
}

/// The program of this name, with the reason printed when there is none.
fn program(name: &str) -> Option<String> {
    let found = std::env::split_paths(&path()).map(|folder| folder.join(name)).find(|file| file.is_file());
    if found.is_none() {
        skipped(&format!("there is no program {name} on the path"));
    }
    Some(found?.to_str()?.to_owned())
}

/// The start file of a reference server.
fn reference(package: &str) -> Option<String> {
    let usual = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tools/npm/node_modules");
    let folder = variable("ORCH_TEST_TOOLS").map_or(usual, PathBuf::from);
    let file = folder.join("@modelcontextprotocol").join(package).join("dist/index.js");
    if !file.is_file() {
        skipped(&format!("npm package {package} is not installed (or set ORCH_TEST_TOOLS)"));
        return None;
    }
    Some(file.to_str()?.to_owned())
}

fn stdio(command: &str, args: &[&str], env: &[(&str, &str)]) -> ServerConfig {
    let env = env.iter().map(|(name, value)| ((*name).to_owned(), SecretString::from(*value))).collect();
    let args = args.iter().map(|arg| (*arg).to_owned()).collect();
    ServerConfig::new(Transport::Stdio { command: command.to_owned(), args, env })
}

fn http(url: String, headers: &[(&str, &str)]) -> ServerConfig {
    let headers =
        headers.iter().map(|(name, value)| ((*name).to_owned(), SecretString::from(*value))).collect();
    ServerConfig::new(Transport::Http { url, headers })
}

/// A server process of a test over HTTP, ended with it.
struct Listening {
    child: Child,
    port: u16,
}

impl Listening {
    /// Starts it and waits until it prints `port N` to its error output.
    fn start(command: &str, args: &[&str]) -> Self {
        let mut child =
            Command::new(command).args(args).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let port =
            lines.by_ref().map_while(Result::ok).find_map(|line| line.strip_prefix("port ")?.parse().ok());
        // Read on, or it would stop at a full pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, port: port.unwrap() }
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}/mcp", self.port)
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
