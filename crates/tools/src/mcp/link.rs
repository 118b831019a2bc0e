//! One living connection: started, greeted, its tools listed. Ends when it is
//! dropped, and the child process with it. Does not decide what a listing means.

use std::sync::Arc;
use std::time::Duration;

use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ClientCapabilities, ClientConfig,
    Implementation, PaginatedRequestParams, ProtocolVersion, RequestMetaObject, SubscriptionFilter, Tool,
};
use rmcp::service::{
    ClientCacheConfig, ClientInitializeError, ClientLifecycleMode, ClientServiceExt as _,
    NotificationContext, Peer, RunningService, ServiceError, Subscription,
};
use rmcp::transport::Transport as Wire;
use rmcp::{ClientHandler, RoleClient};
use serde_json::{Map, Value};
use tokio::sync::Notify;

use super::config::{McpConfig, ServerConfig, Transport};
use super::fault::{self, Fault};
use super::redact::Redaction;
use super::stdio::{Lines, Program};
use super::wire::{Guard, Loss};
use super::{http, stdio_problem};

/// Most tools that one server may list.
const TOOLS_MAX: usize = 512;
/// Most pages in which it may list them.
const PAGES_MAX: usize = 64;
/// How long a server may take to confirm that it will tell of changes.
const LISTEN_LIMIT: Duration = Duration::from_secs(2);
/// How long a connection may take to end.
const CLOSE_LIMIT: Duration = Duration::from_secs(3);
/// Where a keyed tool finds the key of a call.
const KEY_FIELD: &str = "orchestration-engine/idempotencyKey";

/// Our side of the conversation: offers nothing, refuses what is asked of us, and
/// hears that tools changed.
struct Ears {
    changed: Arc<Notify>,
}

impl ClientHandler for Ears {
    fn get_info(&self) -> ClientConfig {
        let us = Implementation::new("orchestration-engine", env!("CARGO_PKG_VERSION"));
        ClientConfig::new(ClientCapabilities::default(), us)
    }

    async fn on_tool_list_changed(&self, _: NotificationContext<RoleClient>) {
        self.changed.notify_one();
    }
}

/// What it takes to open one.
pub(super) struct Opening<'a> {
    pub server: &'a str,
    pub config: &'a ServerConfig,
    pub all: &'a McpConfig,
    pub redaction: &'a Redaction,
}

/// See the module.
pub(super) struct Link {
    service: RunningService<RoleClient, Ears>,
    changed: Arc<Notify>,
    loss: Arc<Loss>,
}

/// What a call needs of a connection, without keeping it alive.
#[derive(Clone)]
pub(super) struct Line {
    peer: Peer<RoleClient>,
    loss: Arc<Loss>,
}

impl Link {
    /// Connects, with the newest revision of the protocol that the server speaks.
    ///
    /// # Errors
    /// Why not, for the operator.
    pub(super) async fn open(opening: &Opening<'_>) -> Result<Self, String> {
        let auto = ClientLifecycleMode::Auto {
            preferred_versions: vec![ProtocolVersion::V_2026_07_28],
            legacy_version: Some(ProtocolVersion::V_2025_11_25),
        };
        match Self::open_with(opening, auto).await {
            // Some older programs end at the first word they do not know.
            Err((Some(ClientInitializeError::ConnectionClosed(_)), _)) if opening.is_process() => {
                Self::open_with(opening, ClientLifecycleMode::Initialize).await.map_err(|(_, report)| report)
            }
            opened => opened.map_err(|(_, report)| report),
        }
    }

    async fn open_with(
        opening: &Opening<'_>,
        mode: ClientLifecycleMode,
    ) -> Result<Self, (Option<ClientInitializeError>, String)> {
        let loss = Arc::new(Loss::default());
        let bytes_max = opening.config.message_bytes_max;
        match &opening.config.transport {
            Transport::Stdio { command, args, env } => {
                let program = Program { command, args, env, shared_env: &opening.all.shared_env };
                let lines =
                    Lines::spawn(&program, opening.server, opening.redaction, bytes_max, loss.clone())
                        .map_err(|error| (None, stdio_problem(command, &error)))?;
                Self::greet(lines, mode, loss).await
            }
            Transport::Http { url, headers } => {
                loss.quiet.cancel();
                let wire = http::connect(url, headers, bytes_max).map_err(|problem| (None, problem))?;
                Self::greet(wire, mode, loss).await
            }
        }
    }

    async fn greet<T: Wire<RoleClient> + 'static>(
        wire: T,
        mode: ClientLifecycleMode,
        loss: Arc<Loss>,
    ) -> Result<Self, (Option<ClientInitializeError>, String)> {
        let changed = Arc::new(Notify::new());
        let ears = Ears { changed: changed.clone() };
        let greeting = Box::pin(ears.serve_with_lifecycle(Guard::new(wire, loss.clone()), mode));
        match greeting.await {
            Ok(service) => {
                // A listing out of a cache would hide a change.
                service.peer().set_response_cache_config(ClientCacheConfig::disabled()).await;
                Ok(Self { service, changed, loss })
            }
            Err(error) => {
                loss.last_report().await;
                let report = fault::start_report(&error, &loss);
                Err((Some(error), report))
            }
        }
    }

    /// For calls.
    pub(super) fn line(&self) -> Line {
        Line { peer: self.service.peer().clone(), loss: self.loss.clone() }
    }

    /// The revision of the protocol that was agreed on.
    pub(super) fn protocol(&self) -> Option<String> {
        self.service.peer().peer_info().map(|info| info.protocol_version.to_string())
    }

    /// Asks a server of the newer revision to tell when its tools change; the others
    /// do so unasked.
    pub(super) async fn listen(&self) -> Option<Subscription> {
        let info = self.service.peer().peer_info()?;
        let tells = info.capabilities.tools.as_ref().and_then(|tools| tools.list_changed) == Some(true);
        if !tells || info.protocol_version.has_initialize() {
            return None;
        }
        let filter = SubscriptionFilter::builder().tools_list_changed().build();
        tokio::time::timeout(LISTEN_LIMIT, self.service.peer().listen(filter)).await.ok()?.ok()
    }

    /// Waits until the server says that its tools changed.
    pub(super) async fn changed(&self, subscription: &mut Option<Subscription>) {
        if let Some(heard) = subscription {
            tokio::select! {
                () = self.changed.notified() => return,
                event = heard.next() => if matches!(event, Ok(Some(_))) { return },
            }
            *subscription = None;
        }
        self.changed.notified().await;
    }

    /// Waits until the connection has gone, and says why.
    pub(super) async fn ended(&self) -> String {
        self.loss.ended.cancelled().await;
        self.loss.last_report().await
    }

    /// Ends it and waits for that, the child process included.
    pub(super) async fn close(mut self) {
        let _ = self.service.close_with_timeout(CLOSE_LIMIT).await;
    }
}

impl Opening<'_> {
    fn is_process(&self) -> bool {
        matches!(self.config.transport, Transport::Stdio { .. })
    }
}

impl Line {
    /// All tools of the server.
    ///
    /// # Errors
    /// What went wrong; too many of them is a fault, too.
    pub(super) async fn list(&self) -> Result<Vec<Tool>, Fault> {
        let mut tools = Vec::new();
        let mut cursor = None;
        for _ in 0..PAGES_MAX {
            let mut page = PaginatedRequestParams::default();
            page.cursor = cursor;
            let listed = self.peer.list_tools(Some(page)).await;
            let listed = listed.map_err(|error| self.fault(&error))?;
            tools.extend(listed.tools);
            if tools.len() > TOOLS_MAX {
                return Err(Fault::unexpected("a list of too many tools"));
            }
            cursor = listed.next_cursor;
            if cursor.is_none() {
                return Ok(tools);
            }
        }
        Err(Fault::unexpected("a list of tools that does not end"))
    }

    /// One call. Dropping it tells the server that nobody waits any more.
    ///
    /// # Errors
    /// What went wrong.
    pub(super) async fn call(
        &self,
        tool: &str,
        input: &Value,
        key: Option<&str>,
    ) -> Result<CallToolResult, Fault> {
        let mut params = CallToolRequestParams::new(tool.to_owned());
        params.arguments = Some(input.as_object().cloned().unwrap_or_default());
        params.meta = key.map(|key| {
            let field = (KEY_FIELD.to_owned(), Value::String(key.to_owned()));
            RequestMetaObject::from(Map::from_iter([field]))
        });
        match self.peer.call_tool_once(params).await {
            Ok(CallToolResponse::Complete(result)) => Ok(result),
            Ok(CallToolResponse::InputRequired(_)) => Err(Fault::unexpected("a question to a person")),
            Ok(_) => Err(Fault::unexpected("the promise of a later result")),
            Err(error) => Err(self.fault(&error)),
        }
    }

    fn fault(&self, error: &ServiceError) -> Fault {
        let fault = Fault::of(error, &self.loss);
        if fault.is_broken {
            self.loss.break_off(&fault.report);
        }
        fault
    }
}
