//! The one place that wires things together: configuration into rules, prices,
//! routes, providers, tools, the store and the engine.
//!
//! Contains no rules: each value is handed to the crate that knows what it means.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use domain::actor::Actor;
use domain::budget::Limits;
use domain::context::ContextBounds;
use domain::decide::{Command, Envelope, FollowUp, Outcome};
use domain::id::ProjectId;
use domain::policy::Policy;
use domain::ports::{Clock as _, ProjectStore as _, Workspaces as _};
use domain::pricing::{PriceOverride, PriceOverrideStep, PriceTable};
use domain::project::Dispatch;
use domain::routing::{ANTHROPIC, OLLAMA, Route, Routes, SIMULATED, Tier};
use domain::time::Timestamp;
use engine::{Deps, Handle, Providers, Settings};
use providers::{Anthropic, AnthropicConfig, Ollama, OllamaConfig, Patience, Simulated, SimulatedConfig};
use store::{EngineLock, LockError, Store, StoreOptions};
use tools::mcp::JsonPins;
use tools::{FileLimits, McpServers, ProjectFiles};

use crate::config::types::{Config, Dispatch as ConfiguredDispatch, ModelPrice, ModelRef, PriceRates};
use crate::config::{self, Config as Loaded};
use crate::exit::{Exit, Failure};
use crate::follow_up::orch;
use crate::output::say;
use crate::system::{RandomIds, SystemClock};
use crate::toolkit::Toolkit;

/// For a whole answer, however steadily it comes.
const CALL_LIMIT: Duration = Duration::from_secs(600);
/// Name of the database in the data folder.
const DATABASE: &str = "orchestration.db";
/// How often the lock is asked for: another command may look at it for a moment.
const LOCK_TRIES: u32 = 5;
/// Between two of them.
const LOCK_PAUSE: Duration = Duration::from_millis(60);

/// Options that every command has.
#[derive(Clone, Debug, clap::Args)]
pub struct Globals {
    /// Configuration file [default: config.json, if there is one].
    #[arg(long, value_name = "FILE", env = "ORCH_CONFIG", global = true, help_heading = "Everywhere")]
    pub config: Option<PathBuf>,
    /// Folder with the database and the files of the projects.
    #[arg(
        long,
        value_name = "DIR",
        env = "ORCH_DATA_DIR",
        default_value = "./data",
        global = true,
        help_heading = "Everywhere"
    )]
    pub data_dir: PathBuf,
    /// Log to standard error what happens inside.
    #[arg(short, long, global = true, help_heading = "Everywhere")]
    pub verbose: bool,
}

/// The configuration, and where the data is.
pub struct Setup {
    /// What was configured.
    pub config: Config,
    /// The data folder.
    pub data_dir: PathBuf,
    /// What tiers mean.
    pub routes: Routes,
    /// What models cost.
    pub prices: PriceTable,
    policy: Policy,
}

/// An open data folder.
pub struct Place {
    /// The database.
    pub store: Store,
    /// The files of projects.
    pub files: ProjectFiles,
    /// Where it is.
    pub data_dir: PathBuf,
}

/// An engine that runs in this process, alone on its data folder.
pub struct Running {
    /// The engine.
    pub handle: Handle,
    mcp: McpServers,
    _lock: EngineLock,
}

impl Running {
    /// Waits until the engine has stopped, then ends the MCP servers: calls in
    /// flight needed them until here.
    pub async fn ended(&self) {
        self.handle.stopped().await;
        self.mcp.shutdown().await;
    }
}

impl Setup {
    /// Reads the configuration; warnings go to standard error.
    ///
    /// # Errors
    /// Every mistake of the configuration at once, with exit code 2.
    pub fn load(globals: &Globals) -> Result<Self, Failure> {
        let file = config::file_to_read(globals.config.as_deref());
        let loaded = Loaded::load(file.as_deref(), config::environment())
            .map_err(|errors| Failure::usage(errors.to_string()))?;
        for warning in &loaded.warnings {
            say(&format!("warning: {warning}"));
        }
        let config = loaded.config;
        let prices = prices(&config)?;
        let policy = policy(&config);
        Ok(Self { routes: routes(&config), prices, policy, data_dir: globals.data_dir.clone(), config })
    }

    /// Whether there is a database.
    #[must_use]
    pub fn has_data(&self) -> bool {
        self.data_dir.join(DATABASE).exists()
    }

    /// Opens the data folder, making it when there is none.
    ///
    /// # Errors
    /// When it cannot be written or is not ours.
    pub async fn open(&self) -> Result<Place, Failure> {
        let options = StoreOptions {
            policy: Arc::new(self.policy.clone()),
            clock: Arc::new(SystemClock),
            ids: Box::new(RandomIds),
        };
        let store = Store::open(&self.data_dir.join(DATABASE), options).await?;
        let files = ProjectFiles::open(&self.data_dir, FileLimits::default()).map_err(|error| {
            Failure::error(format!("cannot use {}: {error}", self.data_dir.display()))
                .hint("the data folder must be a writable folder on a local disk; choose one with --data-dir")
        })?;
        Ok(Place { store, files, data_dir: self.data_dir.clone() })
    }

    /// Opens the data folder; one without a database is an error.
    ///
    /// # Errors
    /// As [`Setup::open`], and when there is nothing.
    pub async fn open_existing(&self) -> Result<Place, Failure> {
        if !self.has_data() {
            let message = format!("there are no projects in {}", self.data_dir.display());
            return Err(Failure::new(Exit::Error, message).hint(format!(
                "start one with `{}`, or name another folder with --data-dir",
                orch("run FILE")
            )));
        }
        self.open().await
    }

    /// Starts the engine on an open and locked data folder, with this many slots if
    /// given.
    ///
    /// # Errors
    /// When a provider's settings are wrong or the database cannot be read.
    pub async fn start(
        &self,
        place: &Place,
        lock: EngineLock,
        slots: Option<usize>,
    ) -> Result<Running, Failure> {
        let pins = Arc::new(JsonPins::new(&place.data_dir));
        let Toolkit { registry, left_out: _, mcp } = self.toolkit(&place.files, pins).await?;
        let deps = Deps {
            store: Arc::new(place.store.clone()),
            providers: self.providers()?,
            toolbox: Arc::new(registry),
            workspaces: Arc::new(place.files.clone()),
            clock: Arc::new(SystemClock),
            ids: Box::new(RandomIds),
            settings: self.settings(slots),
        };
        Ok(Running { handle: engine::start(deps).await?, mcp, _lock: lock })
    }

    /// What the engine is told.
    #[must_use]
    pub fn settings(&self, slots: Option<usize>) -> Settings {
        let execution = &self.config.execution;
        let timeout = CALL_LIMIT.max(self.config.anthropic.timeout).max(self.config.ollama.generate_timeout);
        Settings {
            policy: self.policy.clone(),
            routes: self.routes.clone(),
            prices: self.prices.clone(),
            is_simulated: self.config.simulated.is_enabled,
            concurrency: BTreeMap::from([(ANTHROPIC.to_owned(), self.config.anthropic.max_concurrent)]),
            slots: slots.unwrap_or(execution.max_concurrent_tasks as usize),
            tool_rounds_max: execution.max_tool_rounds,
            is_verification_enabled: execution.is_verification_enabled,
            verification_max_tokens: execution.verification_max_tokens,
            context: ContextBounds {
                forward_max_chars: execution.context_forward_max_chars,
                ..ContextBounds::default()
            },
            call_timeout_ms: milliseconds(timeout),
            tick: execution.tick_interval.max(Duration::from_millis(50)),
            grace: execution.shutdown_grace,
        }
    }

    /// Everyone who can answer model calls.
    fn providers(&self) -> Result<Providers, Failure> {
        let simulated = SimulatedConfig { latency_ms: milliseconds(self.config.simulated.latency) };
        let mut all = Providers::new();
        all.insert(SIMULATED.to_owned(), Arc::new(Simulated::new(simulated)));
        if let Some(anthropic) = self.anthropic()? {
            all.insert(ANTHROPIC.to_owned(), Arc::new(anthropic));
        }
        if let Some(ollama) = self.ollama()? {
            all.insert(OLLAMA.to_owned(), Arc::new(ollama));
        }
        Ok(all)
    }

    /// The Anthropic API, when there is a key.
    ///
    /// # Errors
    /// When the address or the key cannot be used.
    pub fn anthropic(&self) -> Result<Option<Anthropic>, Failure> {
        let config = &self.config.anthropic;
        let Some(key) = &config.api_key else { return Ok(None) };
        let settings = AnthropicConfig {
            anthropic_version: config.version.clone(),
            // The configured time is for silence: a long answer that is still coming
            // is money well spent and must not be cut.
            patience: Patience {
                headers_ms: milliseconds(config.timeout),
                silence_ms: milliseconds(config.timeout),
                ..Patience::default()
            },
            ..AnthropicConfig::new(&config.base_url, key.clone())
        };
        let anthropic = Anthropic::new(settings)
            .map_err(|error| Failure::usage(format!("the Anthropic API cannot be used: {error}")))?;
        Ok(Some(anthropic))
    }

    /// Where tasks find Ollama.
    #[must_use]
    pub fn ollama_host(&self) -> Option<&str> {
        let hosts = &self.config.ollama.hosts;
        hosts.get("local").or_else(|| hosts.values().next()).map(String::as_str)
    }

    /// Ollama, when a host is configured.
    ///
    /// # Errors
    /// When the address cannot be used.
    pub fn ollama(&self) -> Result<Option<Ollama>, Failure> {
        let Some(host) = self.ollama_host() else { return Ok(None) };
        let settings = OllamaConfig {
            num_ctx: self.config.ollama.num_ctx,
            timeout_ms: milliseconds(self.config.ollama.generate_timeout),
            ..OllamaConfig::new(host)
        };
        let ollama = Ollama::new(settings)
            .map_err(|error| Failure::usage(format!("ollama.hosts cannot be used: {error}")))?;
        Ok(Some(ollama))
    }
}

impl Place {
    /// The folder with the published files of a project.
    #[must_use]
    pub fn files_of(&self, project: &ProjectId) -> PathBuf {
        self.data_dir.join("projects").join(project.as_str()).join("files")
    }

    /// Applies a person's command beside whatever engine runs, and does what
    /// follows from it for files; the rest an engine finds in the database.
    ///
    /// # Errors
    /// A refusal, or the store's failure.
    pub async fn apply(&self, command: Command) -> Result<Outcome, Failure> {
        let envelope = Envelope { actor: Actor::Shell, command };
        let applied = self.store.apply(vec![envelope]).await.pop();
        let applied = applied.ok_or_else(|| Failure::error("the store gave no answer"))??;
        for follow_up in &applied.follow_ups {
            let done = match follow_up {
                FollowUp::Publish(project, entries) => self.files.publish(project, entries).await,
                FollowUp::Discard(project, task) => self.files.discard(project, task).await,
                _ => Ok(()),
            };
            if let Err(error) = done {
                say(&format!(
                    "warning: files could not be put in place ({error}); the next start tries again"
                ));
            }
        }
        Ok(applied.outcome)
    }
}

/// The present.
#[must_use]
pub fn now() -> Timestamp {
    SystemClock.now()
}

/// Takes the data folder for an engine.
///
/// # Errors
/// When another engine has it, which is named.
pub async fn lock(data_dir: &Path) -> Result<EngineLock, Failure> {
    let mut tries = 1;
    loop {
        match EngineLock::acquire(data_dir, now()) {
            Err(LockError::Held { .. }) if tries < LOCK_TRIES => {
                tries += 1;
                tokio::time::sleep(LOCK_PAUSE).await;
            }
            result => return Ok(result?),
        }
    }
}

fn policy(config: &Config) -> Policy {
    let (budget, execution) = (&config.budget, &config.execution);
    Policy {
        limits: Limits {
            daily: budget.daily_limit,
            monthly: budget.monthly_limit,
            project: budget.per_project_limit,
        },
        warn_at_pct: budget.warn_at_pct.round().clamp(0.0, 100.0) as u32,
        max_plan_tasks: execution.max_plan_tasks,
        max_person_retries: execution.max_task_retries,
        dispatch: match execution.dispatch {
            ConfiguredDispatch::Wave => Dispatch::Wave,
            ConfiguredDispatch::Dataflow => Dispatch::Dataflow,
        },
        wave_checkpoints: execution.has_wave_checkpoints,
        checkpoint_on_retry_exhausted: execution.has_checkpoint_on_retry_exhausted,
        default_max_tokens: execution.default_max_tokens,
        ..Policy::default()
    }
}

fn routes(config: &Config) -> Routes {
    let route = |model: &ModelRef| Route::new(&model.provider, &model.model);
    Routes {
        tiers: Tier::ALL.iter().map(|&tier| (tier, route(config.tiers.of(tier)))).collect(),
        planning: Some(route(&config.anthropic.planning_model)),
        verification: Some(route(&config.execution.verification_model)),
        extraction: None,
    }
}

fn prices(config: &Config) -> Result<PriceTable, Failure> {
    let overrides: Vec<(&str, PriceOverride)> =
        config.model_pricing.iter().map(|(model, price)| (model.as_str(), price_override(price))).collect();
    let borrowed = overrides.iter().map(|(model, price)| (*model, price));
    Ok(PriceTable::builtin().with_overrides(borrowed)?)
}

fn price_override(price: &ModelPrice) -> PriceOverride {
    let PriceRates { input, output, cache_write_5m, cache_write_1h, cache_read } = &price.rates;
    let above = price.above.as_ref().map(|(length, rates)| PriceOverrideStep {
        above_prompt_tokens: *length,
        input_per_mtok: rates.input.to_dollars(),
        output_per_mtok: rates.output.to_dollars(),
        cache_write_5m_per_mtok: rates.cache_write_5m.map(|price| price.to_dollars()),
        cache_write_1h_per_mtok: rates.cache_write_1h.map(|price| price.to_dollars()),
        cache_read_per_mtok: rates.cache_read.map(|price| price.to_dollars()),
    });
    PriceOverride {
        input_per_mtok: input.to_dollars(),
        output_per_mtok: output.to_dollars(),
        cache_write_5m_per_mtok: cache_write_5m.map(|price| price.to_dollars()),
        cache_write_1h_per_mtok: cache_write_1h.map(|price| price.to_dollars()),
        cache_read_per_mtok: cache_read.map(|price| price.to_dollars()),
        above,
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
