//! Tools of MCP servers, by configuration.
//!
//! ```text
//! McpServers        all of them: connects, reports, approves, ends
//!   server          one over its life: reconnects, compares definitions with pins
//!     link          one living connection    stdio, http   how it is reached
//!     wire          what a server may send   fault         what went wrong, twice
//!   tool, content   a call and its result as text
//! pin, pin_file     definitions that a person accepted
//! name, redact, health, config
//! ```
//!
//! Invariants: a server gets nothing of ours that the configuration does not name;
//! what it says is untrusted, bounded, and free of its own secrets; a definition
//! that differs from the accepted one is never used; no call is repeated here; no
//! server that is slow, silent or broken stops the others or the engine.

mod config;
mod content;
mod fault;
mod health;
mod http;
mod link;
mod name;
mod pin;
mod pin_file;
mod redact;
mod server;
mod stdio;
mod tool;
mod wire;

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::ports::Clock;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub use config::{AllowedTools, McpConfig, ServerConfig, Transport};
pub use health::{ServerHealth, ServerState};
pub use pin::{Definition, MemoryPins, Pin, PinError, PinKey, PinStore};
pub use pin_file::JsonPins;

use crate::registry::{LeftOut, Tool};
use server::Server;
use tool::McpTool;

/// What is said of a tool whose definition is not the accepted one.
const CHANGED: &str = "definition changed; approve it";
/// How long servers may take to end at shutdown, all together.
const SHUTDOWN_LIMIT: Duration = Duration::from_secs(5);

/// What the servers work with.
#[derive(Clone)]
pub struct Ports {
    /// Accepted definitions.
    pub pins: Arc<dyn PinStore>,
    /// Wall time, for reports.
    pub clock: Arc<dyn Clock>,
    /// Any number, to spread pauses.
    pub random: Arc<dyn Fn() -> u64 + Send + Sync>,
}

/// All MCP servers. Dropping it ends them.
pub struct McpServers {
    servers: Vec<Arc<Server>>,
    pins: Arc<dyn PinStore>,
    stop: CancellationToken,
    keepers: Mutex<JoinSet<()>>,
}

impl McpServers {
    /// Starts all servers at once and waits until each has been tried once; those
    /// that failed are tried again later. Never fails: see [`Self::left_out`].
    pub async fn connect(config: McpConfig, ports: Ports) -> Self {
        let config = Arc::new(config);
        let prefixes = name::server_names(config.servers.keys().map(String::as_str));
        let stop = CancellationToken::new();
        let (mut servers, mut keepers, mut firsts) = (Vec::new(), JoinSet::new(), Vec::new());
        for (name, server) in &config.servers {
            let prefix = prefixes.get(name).cloned().unwrap_or_default();
            let server = Arc::new(Server::new(name, prefix, config.clone(), server.clone(), ports.clone()));
            let (tell, first) = oneshot::channel();
            keepers.spawn(server.clone().keep(stop.clone(), tell));
            servers.push(server);
            firsts.push(first);
        }
        let this = Self { servers, pins: ports.pins, stop, keepers: Mutex::new(keepers) };
        for first in firsts {
            // The sender is dropped when the first try is over.
            let _ = first.await;
        }
        this
    }

    /// The tools of all servers that have been connected at least once. They stay
    /// the same for the life of the registry they go into: a server that comes later
    /// is offered with the next start.
    #[must_use]
    pub fn tools(&self) -> Vec<Arc<dyn Tool>> {
        let mut tools: Vec<Arc<dyn Tool>> = Vec::new();
        for server in &self.servers {
            for (name, offered) in server.offered().into_iter().flatten() {
                tools.push(Arc::new(McpTool::new(server.clone(), name.clone(), offered.spec.clone())));
            }
        }
        tools
    }

    /// Servers and tools that cannot be used, and why.
    #[must_use]
    pub fn left_out(&self) -> Vec<LeftOut> {
        self.servers.iter().flat_map(|server| server.left_out()).collect()
    }

    /// How each server does.
    #[must_use]
    pub fn health(&self) -> Vec<ServerHealth> {
        self.servers.iter().map(|server| server.health()).collect()
    }

    /// All pins, with the definitions that wait for approval.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn pins(&self) -> Result<Vec<(PinKey, Pin)>, PinError> {
        self.pins.list().await
    }

    /// Accepts a changed definition, named by its hash, and looks at the tools again.
    /// A tool that models know with its former definition comes back with the next
    /// start, for what a model is told of a tool stays the same while it works.
    ///
    /// # Errors
    /// [`PinError::NotWaiting`] when it is not the one that waits.
    pub async fn approve(&self, key: &PinKey, hash: &str) -> Result<(), PinError> {
        self.pins.approve(key, hash).await?;
        let server = self.servers.iter().find(|server| server.name() == key.server);
        server.inspect(|server| server.review_soon());
        Ok(())
    }

    /// Ends all servers and waits for that, for a bounded time.
    pub async fn shutdown(&self) {
        self.stop.cancel();
        let mut keepers = {
            let mut keepers = self.keepers.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *keepers)
        };
        let ending = async { while keepers.join_next().await.is_some() {} };
        // Dropping what is left kills the processes.
        let _ = tokio::time::timeout(SHUTDOWN_LIMIT, ending).await;
    }
}

impl Drop for McpServers {
    fn drop(&mut self) {
        self.stop.cancel();
        // Tools may outlive this; they must find nothing rather than wait.
        self.servers.iter().for_each(|server| server.hang_up());
    }
}

/// Why a program did not start. The variables stay out of it, and so do arguments.
fn stdio_problem(command: &str, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => format!("there is no program {command:?}; is PATH among its variables?"),
        kind => format!("{command:?} could not be started: {kind}"),
    }
}
