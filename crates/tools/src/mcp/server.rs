//! One server over its whole life: connected, watched, connected again after a
//! pause that grows, and its tools compared with what a person accepted.
//!
//! Which tools a model sees is fixed with the first connection; later ones can only
//! take a tool away for a time. Nothing here retries a call.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use domain::model::ToolDefinition;
use domain::tool::ToolSpec;
use serde_json::Value;
use tokio::sync::{Notify, oneshot, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::config::{AllowedTools, McpConfig, ServerConfig};
use super::fault::Fault;
use super::health::{ServerHealth, ServerState};
use super::link::{Line, Link, Opening};
use super::name;
use super::pin::{Definition, Pin, PinError, PinKey};
use super::redact::Redaction;
use super::{CHANGED, Ports};
use crate::registry::LeftOut;

/// First pause before a server is tried again.
const PAUSE_FIRST: Duration = Duration::from_millis(500);
/// Longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(60);
/// A connection that held this long was a good one: pauses begin anew.
const GOOD_AFTER: Duration = Duration::from_secs(60);
/// How long a call waits for a server that is just coming back.
const RETURN_LIMIT: Duration = Duration::from_secs(3);
/// The registry's own limit comes this much after ours, which says more.
const TIMEOUT_MARGIN_MS: u64 = 1_000;

/// A tool as models know it since the first connection.
pub(super) struct Offered {
    pub spec: Arc<ToolSpec>,
    hash: String,
}

/// Whether a tool may be called now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Availability {
    Available,
    /// The server says something else about it than a person accepted.
    Changed,
    /// The server has it no more.
    Missing,
}

/// What came of one tool in a listing.
enum Seen {
    Accepted(Definition),
    Changed,
}

struct State {
    health: ServerHealth,
    availability: BTreeMap<String, Availability>,
    left_out: Vec<LeftOut>,
}

/// See the module.
pub(super) struct Server {
    name: String,
    prefix: String,
    all: Arc<McpConfig>,
    config: ServerConfig,
    redaction: Redaction,
    ports: Ports,
    line: watch::Sender<Option<Line>>,
    offered: OnceLock<BTreeMap<String, Offered>>,
    state: Mutex<State>,
    /// Somebody wants the tools to be looked at again.
    review: Notify,
}

impl Server {
    pub(super) fn new(
        name: &str,
        prefix: String,
        all: Arc<McpConfig>,
        config: ServerConfig,
        ports: Ports,
    ) -> Self {
        let health = ServerHealth::new(name.to_owned(), ports.clock.now());
        Self {
            name: name.to_owned(),
            prefix,
            all,
            redaction: Redaction::new(&config.transport),
            config,
            ports,
            line: watch::Sender::new(None),
            offered: OnceLock::new(),
            state: Mutex::new(State { health, availability: BTreeMap::new(), left_out: Vec::new() }),
            review: Notify::new(),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn config(&self) -> &ServerConfig {
        &self.config
    }

    pub(super) fn health(&self) -> ServerHealth {
        self.with(|state| state.health.clone())
    }

    pub(super) fn left_out(&self) -> Vec<LeftOut> {
        self.with(|state| state.left_out.clone())
    }

    /// The tools of the first connection, by the server's own names.
    pub(super) fn offered(&self) -> Option<&BTreeMap<String, Offered>> {
        self.offered.get()
    }

    pub(super) fn availability(&self, tool: &str) -> Availability {
        self.with(|state| state.availability.get(tool).copied().unwrap_or(Availability::Missing))
    }

    pub(super) fn redact(&self, text: String) -> String {
        self.redaction.apply(text)
    }

    /// Looks at the tools again soon.
    pub(super) fn review_soon(&self) {
        self.review.notify_one();
    }

    /// Lets go of the connection; calls fail from here on.
    pub(super) fn hang_up(&self) {
        self.line.send_replace(None);
    }

    /// The connection, waiting a moment for one that is coming back.
    pub(super) async fn line(&self) -> Result<Line, Fault> {
        let mut line = self.line.subscribe();
        let wait = tokio::time::timeout(RETURN_LIMIT, line.wait_for(Option::is_some)).await;
        wait.ok()
            .and_then(Result::ok)
            .and_then(|line| line.clone())
            .ok_or_else(|| Fault::offline(&self.prefix))
    }

    /// A call went well.
    pub(super) fn went_well(&self) {
        let now = self.ports.clock.now();
        self.with(|state| {
            if state.health.state == ServerState::Degraded && state.health.tools_changed.is_empty() {
                state.health.turn(ServerState::Online, now);
            }
        });
    }

    /// A call failed for a reason that is the server's.
    pub(super) fn went_wrong(&self, fault: &Fault) {
        let report = self.redact(fault.report.clone());
        let now = self.ports.clock.now();
        self.with(|state| {
            state.health.note(&report);
            if state.health.state == ServerState::Online {
                state.health.turn(ServerState::Degraded, now);
            }
        });
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn online(&self, link: &Link) {
        let now = self.ports.clock.now();
        self.with(|state| {
            state.health.connects += 1;
            state.health.protocol = link.protocol();
            let is_whole = state.health.tools_changed.is_empty();
            let next = if is_whole { ServerState::Online } else { ServerState::Degraded };
            state.health.turn(next, now);
        });
        self.line.send_replace(Some(link.line()));
    }

    fn offline(&self, report: &str) {
        self.hang_up();
        let report = self.redact(report.to_owned());
        tracing::warn!(server = %self.name, %report, "MCP server is not connected");
        let now = self.ports.clock.now();
        self.with(|state| {
            state.health.turn(ServerState::Offline, now);
            state.health.note(&report);
            if self.offered.get().is_none() {
                let reason = format!("the MCP server could not be used: {report}");
                state.left_out = vec![LeftOut { name: self.prefix.clone(), reason }];
            }
        });
    }

    /// Keeps the server connected until told to stop. `first` hears when the first
    /// try is over, however it ended.
    pub(super) async fn keep(self: Arc<Self>, stop: CancellationToken, first: oneshot::Sender<()>) {
        let mut first = Some(first);
        let mut pauses = Pauses::default();
        loop {
            let opened = tokio::select! {
                () = stop.cancelled() => return,
                opened = self.open() => opened,
            };
            let since = Instant::now();
            match opened {
                Ok(link) => {
                    self.online(&link);
                    first.take();
                    let report = self.watch(&link, &stop).await;
                    self.offline(&report);
                    link.close().await;
                }
                Err(report) => self.offline(&report),
            }
            first.take();
            if since.elapsed() >= GOOD_AFTER {
                pauses = Pauses::default();
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(pauses.next((self.ports.random)())) => {}
            }
        }
    }

    async fn open(&self) -> Result<Link, String> {
        let opening =
            Opening { server: &self.name, config: &self.config, all: &self.all, redaction: &self.redaction };
        let limit = Duration::from_millis(self.config.start_timeout_ms);
        let start = Box::pin(async {
            let link = Link::open(&opening).await?;
            self.look(&link).await?;
            Ok(link)
        });
        let late = |_| Err(format!("did not start within {} ms", self.config.start_timeout_ms));
        tokio::time::timeout(limit, start).await.unwrap_or_else(late)
    }

    /// Watches a connection until it is of no use, and says why.
    async fn watch(&self, link: &Link, stop: &CancellationToken) -> String {
        let limit = Duration::from_millis(self.config.start_timeout_ms);
        let mut subscription = link.listen().await;
        loop {
            let interval = Duration::from_millis(self.config.review_interval_ms.max(1_000));
            tokio::select! {
                () = stop.cancelled() => return "it was stopped".to_owned(),
                report = link.ended() => return report,
                () = link.changed(&mut subscription) => {}
                () = self.review.notified() => {}
                () = tokio::time::sleep(interval) => {}
            }
            match tokio::time::timeout(limit, self.look(link)).await {
                Ok(Ok(())) => {}
                Ok(Err(report)) => return report,
                Err(_) => return "it did not list its tools in time".to_owned(),
            }
        }
    }

    /// Lists the tools and compares them with what was accepted.
    async fn look(&self, link: &Link) -> Result<(), String> {
        let mut listed: BTreeMap<String, Definition> = BTreeMap::new();
        let mut left_out = Vec::new();
        for tool in link.line().list().await.map_err(|fault| fault.report)? {
            let name = tool.name.into_owned();
            if !self.config.allowed_tools.contains(&name) {
                continue;
            }
            let schema = Value::Object((*tool.input_schema).clone());
            let description = tool.description.unwrap_or_default().into_owned();
            let definition = Definition::new(&name, description, schema);
            if !definition.is_bounded() {
                left_out.push((name, "its description or schema is too long".to_owned()));
            } else if let Entry::Vacant(place) = listed.entry(name) {
                place.insert(definition);
            } else {
                // The first one counts, as it does for whoever asks the server.
                tracing::warn!(server = %self.name, "MCP server lists a tool twice");
            }
        }
        let mut seen = BTreeMap::new();
        for (name, definition) in listed {
            match self.compare(&name, definition).await {
                Ok(found) => {
                    if matches!(found, Seen::Changed) {
                        left_out.push((name.clone(), CHANGED.to_owned()));
                    }
                    seen.insert(name, found);
                }
                Err(error) => left_out.push((name, error.to_string())),
            }
        }
        self.settle(seen, left_out);
        Ok(())
    }

    /// What the pins say about a definition. The first one is trusted.
    async fn compare(&self, tool: &str, definition: Definition) -> Result<Seen, PinError> {
        let key = PinKey { server: self.name.clone(), tool: tool.to_owned() };
        let pins = &self.ports.pins;
        let Some(pin) = pins.get(&key).await? else {
            tracing::info!(server = %self.name, %tool, hash = %definition.hash, "tool of an MCP server pinned");
            pins.set(&key, Pin { approved: definition.clone(), waiting: None }).await?;
            return Ok(Seen::Accepted(definition));
        };
        if pin.approved.hash == definition.hash {
            if pin.waiting.is_some() {
                // It changed back: nothing waits any more.
                pins.set(&key, Pin { approved: pin.approved, waiting: None }).await?;
            }
            return Ok(Seen::Accepted(definition));
        }
        if pin.waiting.as_ref().is_none_or(|waiting| waiting.hash != definition.hash) {
            tracing::warn!(server = %self.name, %tool, hash = %definition.hash, "definition of a tool changed");
            pins.set(&key, Pin { approved: pin.approved, waiting: Some(definition) }).await?;
        }
        Ok(Seen::Changed)
    }

    fn settle(&self, seen: BTreeMap<String, Seen>, mut left_out: Vec<(String, String)>) {
        let offered = self.offered.get_or_init(|| self.offer(&seen));
        if let AllowedTools::Only(wanted) = &self.config.allowed_tools {
            let is_absent =
                |name: &&String| !seen.contains_key(*name) && left_out.iter().all(|out| out.0 != **name);
            let absent: Vec<String> = wanted.iter().filter(is_absent).cloned().collect();
            left_out.extend(absent.into_iter().map(|name| (name, "the server has no such tool".to_owned())));
        }
        let availability: BTreeMap<String, Availability> = offered
            .iter()
            .map(|(name, tool)| {
                let now = match seen.get(name) {
                    Some(Seen::Accepted(definition)) if definition.hash == tool.hash => {
                        Availability::Available
                    }
                    Some(_) => Availability::Changed,
                    None => Availability::Missing,
                };
                (name.clone(), now)
            })
            .collect();
        let names = name::tool_names(&self.prefix, left_out.iter().map(|out| out.0.as_str()));
        let left_out = left_out
            .into_iter()
            .map(|(tool, reason)| LeftOut { name: names.get(&tool).cloned().unwrap_or(tool), reason })
            .collect();
        let changed = |(name, seen): (&String, &Seen)| matches!(seen, Seen::Changed).then(|| name.clone());
        let now = self.ports.clock.now();
        self.with(|state| {
            state.health.tools_available =
                availability.values().filter(|now| **now == Availability::Available).count();
            state.health.tools_changed = seen.iter().filter_map(changed).collect();
            if !state.health.tools_changed.is_empty() && state.health.state == ServerState::Online {
                state.health.turn(ServerState::Degraded, now);
            }
            state.availability = availability;
            state.left_out = left_out;
        });
        self.went_well();
    }

    fn offer(&self, seen: &BTreeMap<String, Seen>) -> BTreeMap<String, Offered> {
        // Names come from all that was listed: an approval renames no other tool.
        let mut names = name::tool_names(&self.prefix, seen.keys().map(String::as_str));
        let mut offered = BTreeMap::new();
        for (tool, seen) in seen {
            if let (Seen::Accepted(definition), Some(name)) = (seen, names.remove(tool)) {
                let spec = ToolSpec {
                    definition: ToolDefinition {
                        name,
                        description: definition.description.clone(),
                        input_schema: definition.schema.clone(),
                    },
                    class: self.config.class_of(tool),
                    timeout_ms: self.config.timeout_ms.saturating_add(TIMEOUT_MARGIN_MS),
                    output_max_bytes: self.config.result_bytes_max,
                    needs: Vec::new(),
                    is_untrusted: true,
                };
                offered.insert(tool.clone(), Offered { spec: Arc::new(spec), hash: definition.hash.clone() });
            }
        }
        offered
    }
}

/// Growing pauses, spread so that servers of one machine do not start together.
#[derive(Default)]
struct Pauses {
    count: u32,
}

impl Pauses {
    fn next(&mut self, random: u64) -> Duration {
        let whole = PAUSE_FIRST.saturating_mul(1 << self.count.min(16)).min(PAUSE_MAX);
        self.count = self.count.saturating_add(1);
        let half = whole / 2;
        let spread_ms = u64::try_from(half.as_millis()).unwrap_or(u64::MAX);
        half + Duration::from_millis(random % (spread_ms + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_bound_and_are_spread() {
        let mut pauses = Pauses::default();
        let mut least = Vec::new();
        for _ in 0..20 {
            least.push(pauses.next(0));
        }
        assert_eq!(least[..3], [250, 500, 1_000].map(Duration::from_millis));
        assert_eq!(least[19], PAUSE_MAX / 2);
        for random in [1, 12_345, u64::MAX] {
            let pause = pauses.next(random);
            assert!(pause >= PAUSE_MAX / 2 && pause <= PAUSE_MAX, "{pause:?}");
        }
    }
}
