//! Types the collected values. They were checked against the table, so nothing
//! can fail here; a test builds from the ends of every range.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use domain::money::NanoUsd;
use domain::tool::ToolClass;
use secrecy::SecretString;
use serde_json::Value;

use super::keys::find;
use super::kind::{Network, PROVIDERS, Rate};
use super::layers::Values;
use super::types::{
    AnthropicConfig, AuthConfig, BudgetConfig, ComfyConfig, Config, Dispatch, ExecutionConfig, LogFormat,
    LogLevel, McpReach, McpServer, ModelPrice, ModelRef, OllamaConfig, PriceRates, RagConfig, ServerConfig,
    SimulatedConfig, TierModels, ToolSwitches,
};

/// Where the Anthropic API is, unless told otherwise. No default in the table: the
/// example file would then win over ANTHROPIC_BASE_URL.
const ANTHROPIC_URL: &str = "https://api.anthropic.com";

/// The typed configuration of checked values.
pub fn build(values: &Values) -> Config {
    let read = Reader { values };
    Config {
        server: server(&read),
        anthropic: AnthropicConfig {
            api_key: read.optional_text("anthropic.api_key").map(SecretString::from),
            base_url: read
                .optional_text("anthropic.base_url")
                .map_or_else(|| ANTHROPIC_URL.to_owned(), |url| without_slash(&url)),
            version: read.text("anthropic.version"),
            planning_model: model(&read.text("anthropic.planning_model"), "anthropic"),
            max_concurrent: read.whole("anthropic.max_concurrent"),
            timeout: read.seconds("anthropic.timeout"),
        },
        ollama: OllamaConfig {
            hosts: read.map("ollama.hosts", |url| url.as_str().map(without_slash)),
            default_model: read.text("ollama.default_model"),
            num_ctx: read.whole("ollama.num_ctx"),
            generate_timeout: read.seconds("ollama.generate_timeout"),
            embed_model: read.text("ollama.embed_model"),
            embed_timeout: read.seconds("ollama.embed_timeout"),
        },
        comfyui: ComfyConfig {
            hosts: read.map("comfyui.hosts", |url| url.as_str().map(without_slash)),
            poll_interval: read.seconds("comfyui.poll_interval"),
            timeout: read.seconds("comfyui.timeout"),
            checkpoint: read.text("comfyui.default_checkpoint"),
        },
        rag: RagConfig {
            databases: read.map("rag.databases", |file| file.as_str().map(PathBuf::from)),
            embed_dimensions: read.optional_whole("rag.embed_dimensions"),
        },
        tools: tool_switches(&read),
        mcp_servers: read.map("mcp.servers", mcp_server),
        tiers: tiers(&read),
        simulated: SimulatedConfig {
            is_enabled: read.bool("simulated.enabled"),
            latency: Duration::from_millis(read.whole("simulated.latency_ms")),
        },
        budget: BudgetConfig {
            daily_limit: dollars(&read.value("budget.daily_limit_usd")),
            monthly_limit: dollars(&read.value("budget.monthly_limit_usd")),
            per_project_limit: dollars(&read.value("budget.per_project_limit_usd")),
            warn_at_pct: read.number("budget.warn_at_pct"),
        },
        execution: execution(&read),
        model_pricing: read.map("model_pricing", |price| Some(model_price(price))),
        resource_check_interval: read.seconds("resource_check_interval_sec"),
        auth: auth(&read),
    }
}

fn server(read: &Reader<'_>) -> ServerConfig {
    let port = read.whole("server.port");
    let cors_origins = if read.is_given("server.cors_origins") {
        read.texts("server.cors_origins")
    } else {
        // The development server of the UI, and pages of this server itself.
        let ports = [5173, port];
        ports
            .iter()
            .flat_map(|port| ["localhost", "127.0.0.1"].map(|h| format!("http://{h}:{port}")))
            .collect()
    };
    ServerConfig {
        host: read.text("server.host"),
        port,
        cors_origins,
        rate_limit: read.rate("server.rate_limit"),
        plan_rate_limit: read.rate("server.plan_rate_limit"),
        trusted_proxies: read
            .texts("server.trusted_proxies")
            .iter()
            .filter_map(|text| Network::parse(text))
            .collect(),
        log_format: match read.word("server.log_format").as_str() {
            "text" => LogFormat::Text,
            _ => LogFormat::Json,
        },
        log_level: match read.word("server.log_level").as_str() {
            "trace" => LogLevel::Trace,
            "debug" => LogLevel::Debug,
            "warn" | "warning" => LogLevel::Warn,
            "error" | "critical" => LogLevel::Error,
            _ => LogLevel::Info,
        },
    }
}

fn tiers(read: &Reader<'_>) -> TierModels {
    let tier = |replaced_by: &str, otherwise: &str, provider: &str| {
        let text = read.optional_text(replaced_by).unwrap_or_else(|| read.text(otherwise));
        model(&text, provider)
    };
    TierModels {
        ollama: tier("tiers.ollama", "ollama.default_model", "ollama"),
        haiku: tier("tiers.haiku", "anthropic.models.haiku", "anthropic"),
        sonnet: tier("tiers.sonnet", "anthropic.models.sonnet", "anthropic"),
        opus: tier("tiers.opus", "anthropic.models.opus", "anthropic"),
    }
}

fn tool_switches(read: &Reader<'_>) -> ToolSwitches {
    let folders = || read.texts("tools.run_command.read_only").into_iter().map(PathBuf::from).collect();
    ToolSwitches {
        is_local_llm_enabled: read.bool("tools.local_llm.enabled"),
        is_generate_image_enabled: read.bool("tools.generate_image.enabled"),
        web_fetch: read.bool("tools.web_fetch.enabled").then(|| read.texts("tools.web_fetch.allowed_hosts")),
        run_command: read.bool("tools.run_command.enabled").then(folders),
    }
}

/// `None` for what has neither program nor address; that was refused before.
fn mcp_server(server: &Value) -> Option<McpServer> {
    let text = |name: &str| server.get(name).and_then(Value::as_str);
    let texts = |name: &str| -> Option<Vec<String>> {
        let entries = server.get(name)?.as_array()?.iter();
        Some(entries.filter_map(|entry| entry.as_str().map(str::to_owned)).collect())
    };
    let secrets = |name: &str| -> BTreeMap<String, SecretString> {
        let fields = server.get(name).and_then(Value::as_object).into_iter().flatten();
        let values = fields.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.into())));
        values.collect()
    };
    let reach = match (text("command"), text("url")) {
        (Some(command), _) => McpReach::Command {
            command: command.to_owned(),
            args: texts("args").unwrap_or_default(),
            env: secrets("env"),
        },
        (None, Some(url)) => McpReach::Url { url: url.into(), headers: secrets("headers") },
        (None, None) => return None,
    };
    Some(McpServer {
        reach,
        allowed_tools: texts("allowed_tools").map(|tools| tools.into_iter().collect()),
        class: text("class").map(|word| match word.to_lowercase().as_str() {
            "read" => ToolClass::Read,
            "keyed" => ToolClass::Keyed,
            _ => ToolClass::Once,
        }),
        timeout: server
            .get("timeout")
            .and_then(Value::as_f64)
            .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
            .map(|timeout| timeout.max(Duration::from_millis(1))),
    })
}

fn execution(read: &Reader<'_>) -> ExecutionConfig {
    ExecutionConfig {
        dispatch: match read.word("execution.dispatch").as_str() {
            "dataflow" => Dispatch::Dataflow,
            _ => Dispatch::Wave,
        },
        max_plan_tasks: read.whole("execution.max_plan_tasks"),
        max_concurrent_tasks: read.whole("execution.max_concurrent_tasks"),
        tick_interval: read.seconds("execution.tick_interval_sec"),
        max_tool_rounds: read.whole("execution.max_tool_rounds"),
        default_max_tokens: read.whole("execution.default_max_tokens"),
        max_task_retries: read.whole("execution.max_task_retries"),
        has_wave_checkpoints: read.bool("execution.wave_checkpoints"),
        context_forward_max_chars: read.whole("execution.context_forward_max_chars"),
        is_verification_enabled: read.bool("execution.verification_enabled"),
        verification_model: model(&read.text("execution.verification_model"), "anthropic"),
        verification_max_tokens: read.whole("execution.verification_max_tokens"),
        has_checkpoint_on_retry_exhausted: read.bool("execution.checkpoint_on_retry_exhausted"),
        shutdown_grace: read.seconds("execution.shutdown_grace_seconds"),
        http_client_timeout: read.seconds("execution.http_client_timeout"),
    }
}

fn auth(read: &Reader<'_>) -> AuthConfig {
    // The table allows HS256 alone: reading it here keeps that in one place.
    debug_assert_eq!(read.word("auth.algorithm"), "hs256");
    AuthConfig {
        secret_key: read.optional_text("auth.secret_key").map(SecretString::from),
        access_token_expire: read.duration("auth.access_token_expire_minutes", 60.0),
        refresh_token_expire: read.duration("auth.refresh_token_expire_days", 86_400.0),
        sse_token_expire: read.seconds("auth.sse_token_expire_seconds"),
        is_registration_allowed: read.bool("auth.allow_registration"),
        rate_limit: read.rate("auth.rate_limit"),
        login_lockout_threshold: read.whole("auth.login_lockout_threshold"),
        login_lockout_window: read.seconds("auth.login_lockout_window_seconds"),
    }
}

/// `ollama/qwen:14b`, or a bare model id of `provider`. Only known providers are
/// split off: model ids may contain slashes.
fn model(text: &str, provider: &str) -> ModelRef {
    let (provider, model) =
        text.split_once('/').filter(|(first, _)| PROVIDERS.contains(first)).unwrap_or((provider, text));
    ModelRef { provider: provider.to_owned(), model: model.to_owned() }
}

fn model_price(price: &Value) -> ModelPrice {
    let length = price.get("above_prompt_tokens").and_then(Value::as_u64);
    ModelPrice { rates: rates(price), above: length.zip(price.get("above").map(rates)) }
}

fn rates(price: &Value) -> PriceRates {
    let optional = |name: &str| price.get(name).filter(|value| !value.is_null()).map(dollars);
    PriceRates {
        input: optional("input_per_mtok").unwrap_or(NanoUsd::MAX),
        output: optional("output_per_mtok").unwrap_or(NanoUsd::MAX),
        cache_write_5m: optional("cache_write_5m_per_mtok"),
        cache_write_1h: optional("cache_write_1h_per_mtok"),
        cache_read: optional("cache_read_per_mtok"),
    }
}

fn dollars(value: &Value) -> NanoUsd {
    value.as_f64().and_then(NanoUsd::from_dollars).unwrap_or_default()
}

fn without_slash(url: &str) -> String {
    url.trim_end_matches('/').to_owned()
}

/// Reads checked values by path.
struct Reader<'a> {
    values: &'a Values,
}

impl Reader<'_> {
    fn is_given(&self, path: &str) -> bool {
        self.values.contains_key(path)
    }

    fn value(&self, path: &str) -> Value {
        let key = find(path).expect("a path that is read stands in the table; the default test reads all");
        self.values.get(path).map_or_else(|| key.default.value(), |given| given.value.clone())
    }

    fn bool(&self, path: &str) -> bool {
        self.value(path).as_bool().expect("checked to be a boolean")
    }

    fn whole<T: TryFrom<i64>>(&self, path: &str) -> T {
        let number = self.value(path).as_i64().expect("checked to be a whole number");
        T::try_from(number).ok().expect("the table's range fits the type; a test tries both ends")
    }

    fn optional_whole<T: TryFrom<i64>>(&self, path: &str) -> Option<T> {
        self.value(path).as_i64().and_then(|number| T::try_from(number).ok())
    }

    fn number(&self, path: &str) -> f64 {
        self.value(path).as_f64().expect("checked to be a number")
    }

    /// At least a millisecond where 0 is refused: a tinier wait would spin.
    fn duration(&self, path: &str, seconds_per_unit: f64) -> Duration {
        let seconds = self.number(path) * seconds_per_unit;
        let duration = Duration::try_from_secs_f64(seconds).expect("the table's range fits; tried by a test");
        if seconds > 0.0 { duration.max(Duration::from_millis(1)) } else { duration }
    }

    fn seconds(&self, path: &str) -> Duration {
        self.duration(path, 1.0)
    }

    fn optional_text(&self, path: &str) -> Option<String> {
        self.value(path).as_str().map(str::to_owned)
    }

    fn text(&self, path: &str) -> String {
        self.optional_text(path).expect("checked to be a text")
    }

    fn word(&self, path: &str) -> String {
        self.text(path).to_lowercase()
    }

    fn rate(&self, path: &str) -> Rate {
        Rate::parse(&self.text(path)).expect("checked to be a rate")
    }

    fn texts(&self, path: &str) -> Vec<String> {
        let value = self.value(path);
        let entries = value.as_array().into_iter().flatten();
        entries.filter_map(|entry| entry.as_str().map(str::to_owned)).collect()
    }

    fn map<T>(&self, path: &str, read: impl Fn(&Value) -> Option<T>) -> BTreeMap<String, T> {
        let value = self.value(path);
        let fields = value.as_object().into_iter().flatten();
        fields
            .filter(|(name, _)| !super::check::is_note(name))
            .filter_map(|(name, value)| Some((name.clone(), read(value)?)))
            .collect()
    }
}
