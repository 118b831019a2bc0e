//! The configuration as the rest of the program sees it: typed, complete, valid.
//!
//! No defaults and no checks here; both stand in `keys.rs`. Keys without effect
//! have no field.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use domain::money::NanoUsd;
use domain::routing::Tier;
use domain::tool::ToolClass;
use secrecy::SecretString;

use super::kind::{Network, Rate};

/// Everything that was configured.
#[derive(Clone, Debug)]
pub struct Config {
    /// HTTP.
    pub server: ServerConfig,
    /// The Anthropic API.
    pub anthropic: AnthropicConfig,
    /// Local models.
    pub ollama: OllamaConfig,
    /// Image servers.
    pub comfyui: ComfyConfig,
    /// Knowledge databases.
    pub rag: RagConfig,
    /// Which tools tasks may have beside those for files.
    pub tools: ToolSwitches,
    /// MCP servers by name.
    pub mcp_servers: BTreeMap<String, McpServer>,
    /// Which model each tier means, overrides applied.
    pub tiers: TierModels,
    /// The stand-in for models.
    pub simulated: SimulatedConfig,
    /// Limits of spending.
    pub budget: BudgetConfig,
    /// How tasks are carried out.
    pub execution: ExecutionConfig,
    /// Prices by exact model id; they win over the built-in table.
    pub model_pricing: BTreeMap<String, ModelPrice>,
    /// Between two health checks of a service.
    pub resource_check_interval: Duration,
    /// Accounts and tokens.
    pub auth: AuthConfig,
}

/// HTTP.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// Address to listen on.
    pub host: String,
    /// Port to listen on.
    pub port: u16,
    /// Origins whose pages may call the API.
    pub cors_origins: Vec<String>,
    /// Requests per user or address and route.
    pub rate_limit: Rate,
    /// Planning requests per user.
    pub plan_rate_limit: Rate,
    /// Proxies whose X-Forwarded-For is believed, besides 127.0.0.1.
    pub trusted_proxies: Vec<Network>,
    /// Form of the log lines.
    pub log_format: LogFormat,
    /// Least important level that is logged.
    pub log_level: LogLevel,
}

/// Form of the log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// One object a line.
    Json,
    /// For people.
    Text,
}

/// Least important level that is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLevel {
    /// Everything.
    Trace,
    /// What a developer asks for.
    Debug,
    /// What an operator wants to know.
    Info,
    /// What may need attention.
    Warn,
    /// What failed.
    Error,
}

/// The Anthropic API.
#[derive(Clone, Debug)]
pub struct AnthropicConfig {
    /// Key; without one the provider is offline.
    pub api_key: Option<SecretString>,
    /// Where the API is found, without a slash at the end.
    pub base_url: String,
    /// Value of the header `anthropic-version`.
    pub version: String,
    /// Model that plans.
    pub planning_model: ModelRef,
    /// Calls in flight at the start.
    pub max_concurrent: u32,
    /// Of one call.
    pub timeout: Duration,
}

/// Local models.
#[derive(Clone, Debug)]
pub struct OllamaConfig {
    /// Servers by name, without a slash at the end; tasks use `local`.
    pub hosts: BTreeMap<String, String>,
    /// Model when none is named.
    pub default_model: String,
    /// Context window asked for, in tokens.
    pub num_ctx: u32,
    /// Of one call.
    pub generate_timeout: Duration,
    /// Model that turns texts into vectors.
    pub embed_model: String,
    /// Of one request to it.
    pub embed_timeout: Duration,
}

/// Image servers.
#[derive(Clone, Debug)]
pub struct ComfyConfig {
    /// Servers by name, without a slash at the end; `local` is preferred.
    pub hosts: BTreeMap<String, String>,
    /// Between two looks.
    pub poll_interval: Duration,
    /// Of one image.
    pub timeout: Duration,
    /// Image model that is loaded.
    pub checkpoint: String,
}

/// Knowledge databases.
#[derive(Clone, Debug)]
pub struct RagConfig {
    /// Their files by name.
    pub databases: BTreeMap<String, PathBuf>,
    /// Length of their vectors; without it, the most frequent one of each file.
    pub embed_dimensions: Option<usize>,
}

/// Which tools tasks may have beside those for files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolSwitches {
    /// Whether local models may be asked.
    pub is_local_llm_enabled: bool,
    /// Whether pictures may be made.
    pub is_generate_image_enabled: bool,
    /// Hosts whose pages may be read; `None` when no page may be.
    pub web_fetch: Option<Vec<String>>,
    /// Further folders that commands may read; `None` when no command may run.
    pub run_command: Option<Vec<PathBuf>>,
}

/// One MCP server.
#[derive(Clone, Debug)]
pub struct McpServer {
    /// How it is reached.
    pub reach: McpReach,
    /// Its tools that tasks may use; `None` for all.
    pub allowed_tools: Option<BTreeSet<String>>,
    /// What repeating a call would do, when that was said.
    pub class: Option<ToolClass>,
    /// Of one call, when that was said.
    pub timeout: Option<Duration>,
}

/// How an MCP server is reached.
#[derive(Clone, Debug)]
pub enum McpReach {
    /// A program.
    Command {
        /// Its name or path.
        command: String,
        /// Its arguments.
        args: Vec<String>,
        /// Its variables.
        env: BTreeMap<String, SecretString>,
    },
    /// An address.
    Url {
        /// Where; may hold a key.
        url: SecretString,
        /// Sent with each request.
        headers: BTreeMap<String, SecretString>,
    },
}

/// A provider and a model of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelRef {
    /// `anthropic`, `ollama` or `simulated`.
    pub provider: String,
    /// Exact model id.
    pub model: String,
}

/// Which model each tier means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TierModels {
    /// Tier `ollama`.
    pub ollama: ModelRef,
    /// Tier `haiku`.
    pub haiku: ModelRef,
    /// Tier `sonnet`.
    pub sonnet: ModelRef,
    /// Tier `opus`.
    pub opus: ModelRef,
}

impl TierModels {
    /// The model of a tier.
    #[must_use]
    pub const fn of(&self, tier: Tier) -> &ModelRef {
        match tier {
            Tier::Ollama => &self.ollama,
            Tier::Haiku => &self.haiku,
            Tier::Sonnet => &self.sonnet,
            Tier::Opus => &self.opus,
        }
    }
}

/// The stand-in for models.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SimulatedConfig {
    /// Whether it answers every call.
    pub is_enabled: bool,
    /// How long an answer takes, about.
    pub latency: Duration,
}

/// Limits of spending.
#[derive(Clone, Debug, PartialEq)]
pub struct BudgetConfig {
    /// Of a day.
    pub daily_limit: NanoUsd,
    /// Of a month.
    pub monthly_limit: NanoUsd,
    /// Of a project.
    pub per_project_limit: NanoUsd,
    /// Share of a limit at which an event warns, in percent.
    pub warn_at_pct: f64,
}

/// When a task may start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dispatch {
    /// Wave by wave.
    Wave,
    /// As soon as its own prerequisites are completed.
    Dataflow,
}

/// How tasks are carried out.
#[derive(Clone, Debug)]
pub struct ExecutionConfig {
    /// When a task may start.
    pub dispatch: Dispatch,
    /// Most tasks that a plan may have.
    pub max_plan_tasks: u32,
    /// Tasks that run at once.
    pub max_concurrent_tasks: u32,
    /// Between two looks for work, behind wake-ups.
    pub tick_interval: Duration,
    /// Turns with tools in one attempt.
    pub max_tool_rounds: u32,
    /// Longest answer of a task's model, in tokens.
    pub default_max_tokens: u32,
    /// Times that a person may retry a task.
    pub max_task_retries: u32,
    /// Whether a person is asked before each next wave.
    pub has_wave_checkpoints: bool,
    /// Characters of one prerequisite's output that a dependent is told.
    pub context_forward_max_chars: usize,
    /// Whether outputs are judged.
    pub is_verification_enabled: bool,
    /// Model that judges.
    pub verification_model: ModelRef,
    /// Longest verdict, in tokens.
    pub verification_max_tokens: u32,
    /// Whether a person is asked when a task has used its tries.
    pub has_checkpoint_on_retry_exhausted: bool,
    /// For calls in flight at shutdown.
    pub shutdown_grace: Duration,
    /// Of a request to any other service.
    pub http_client_timeout: Duration,
}

/// Prices of one model, per million tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelPrice {
    /// The usual prices.
    pub rates: PriceRates,
    /// Prices of requests whose prompt is longer than so many tokens.
    pub above: Option<(u64, PriceRates)>,
}

/// Prices per million tokens. What is absent follows from the input price.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriceRates {
    /// Input that no cache knew.
    pub input: NanoUsd,
    /// Output.
    pub output: NanoUsd,
    /// Written to the cache for five minutes.
    pub cache_write_5m: Option<NanoUsd>,
    /// Written to the cache for an hour.
    pub cache_write_1h: Option<NanoUsd>,
    /// Read from the cache.
    pub cache_read: Option<NanoUsd>,
}

/// Accounts and tokens.
#[derive(Clone, Debug)]
pub struct AuthConfig {
    /// Key that signs tokens; when absent, one is kept in the data folder.
    pub secret_key: Option<SecretString>,
    /// Validity of an access token.
    pub access_token_expire: Duration,
    /// Validity of a refresh token.
    pub refresh_token_expire: Duration,
    /// Validity of a ticket for an event stream.
    pub sse_token_expire: Duration,
    /// Whether strangers may make an account.
    pub is_registration_allowed: bool,
    /// Registrations, logins and refreshes per address.
    pub rate_limit: Rate,
    /// Failed logins until an account is locked for a while.
    pub login_lockout_threshold: u32,
    /// In which they are counted.
    pub login_lockout_window: Duration,
}
