//! The table of configuration keys: path, kind, default, one line of text. It is
//! the single source for defaults, checks, environment names, the example file
//! and the reference page. A key that is not here does not exist.
//!
//! No code that reads values: `layers.rs` collects them, `build.rs` types them.

use serde_json::Value;

use super::kind::{Field, Form, Kind};

/// One key.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Dotted path in the file.
    pub path: &'static str,
    /// What it may be.
    pub kind: Kind,
    /// Its value when nobody sets it.
    pub default: Preset,
    /// What it does, in one line.
    pub doc: &'static str,
    /// Whether anything reads it. The others are keys of the prototype, accepted
    /// so that its file can be used unchanged.
    pub has_effect: bool,
    /// Whether its value is never shown.
    pub is_secret: bool,
    /// A variable of the wider world that is used when the key is not set.
    pub fallback_variable: Option<&'static str>,
    /// A comment for the example file.
    pub note: Option<&'static str>,
}

/// A default, in a form that a table can hold.
#[derive(Clone, Copy, Debug)]
pub enum Preset {
    /// The key is optional and not set.
    Unset,
    /// A boolean.
    Bool(bool),
    /// A whole number.
    Whole(i64),
    /// A number.
    Number(f64),
    /// A text.
    Text(&'static str),
    /// A list of texts.
    Texts(&'static [&'static str]),
    /// An object of names with texts.
    Map(&'static [(&'static str, &'static str)]),
}

impl Preset {
    /// The default as a value; `null` when unset.
    #[must_use]
    pub fn value(&self) -> Value {
        match *self {
            Self::Unset => Value::Null,
            Self::Bool(value) => value.into(),
            Self::Whole(value) => value.into(),
            Self::Number(value) => value.into(),
            Self::Text(value) => value.into(),
            Self::Texts(values) => Value::from_iter(values.iter().copied()),
            Self::Map(pairs) => Value::from_iter(pairs.iter().copied()),
        }
    }
}

impl Key {
    /// Whether the key may be absent.
    #[must_use]
    pub const fn is_optional(&self) -> bool {
        matches!(self.default, Preset::Unset)
    }

    /// The variable that sets it: `ORCH__SERVER__PORT`.
    #[must_use]
    pub fn variable(&self) -> String {
        variable_of(self.path)
    }

    const fn without_effect(mut self) -> Self {
        self.has_effect = false;
        self
    }

    const fn secret(mut self) -> Self {
        self.is_secret = true;
        self
    }

    const fn else_from(mut self, variable: &'static str) -> Self {
        self.fallback_variable = Some(variable);
        self
    }

    const fn note(mut self, note: &'static str) -> Self {
        self.note = Some(note);
        self
    }
}

/// The environment variable of a dotted path.
#[must_use]
pub fn variable_of(path: &str) -> String {
    format!("ORCH__{}", path.replace('.', "__").to_uppercase())
}

/// The key at a path.
#[must_use]
pub fn find(path: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.path == path)
}

/// Whether some key lies below `path`.
#[must_use]
pub fn is_section(path: &str) -> bool {
    KEYS.iter().any(|key| key.path.strip_prefix(path).is_some_and(|rest| rest.starts_with('.')))
}

const fn key(path: &'static str, kind: Kind, default: Preset, doc: &'static str) -> Key {
    Key { path, kind, default, doc, has_effect: true, is_secret: false, fallback_variable: None, note: None }
}

const fn field(name: &'static str, kind: Kind) -> Field {
    Field { name, kind, is_required: false, is_secret: false }
}

const fn required(name: &'static str, kind: Kind) -> Field {
    Field { is_required: true, ..field(name, kind) }
}

const fn whole(min: i64, max: i64) -> Kind {
    Kind::Whole { min, max }
}

const fn number(min: f64, max: f64) -> Kind {
    Kind::Number { min, max, above_min: false }
}

/// A year: longer waits are mistakes, and every duration type holds it.
const SECONDS_MAX: f64 = 31_536_000.0;
/// Seconds, 0 included.
const SECONDS: Kind = number(0.0, SECONDS_MAX);
/// Seconds, more than 0.
const SECONDS_ABOVE_0: Kind = Kind::Number { min: 0.0, max: SECONDS_MAX, above_min: true };
/// US dollars; the largest amount fits into nano-dollars.
const DOLLARS: Kind = number(0.0, 1_000_000_000.0);

const ANY: Kind = Kind::Text(Form::Any);
const FILLED: Kind = Kind::Text(Form::Filled);
const URL: Kind = Kind::Text(Form::Url);
const ORIGIN: Kind = Kind::Text(Form::Origin);
const NETWORK: Kind = Kind::Text(Form::Network);
const RATE: Kind = Kind::Text(Form::Rate);
const ROUTE: Kind = Kind::Text(Form::Route);

/// Prices above a prompt length.
const PRICE_ABOVE: [Field; 5] = [
    required("input_per_mtok", DOLLARS),
    required("output_per_mtok", DOLLARS),
    field("cache_write_5m_per_mtok", DOLLARS),
    field("cache_write_1h_per_mtok", DOLLARS),
    field("cache_read_per_mtok", DOLLARS),
];

/// Prices of one model.
const PRICE: [Field; 7] = [
    PRICE_ABOVE[0],
    PRICE_ABOVE[1],
    PRICE_ABOVE[2],
    PRICE_ABOVE[3],
    PRICE_ABOVE[4],
    field("above_prompt_tokens", whole(1, 1_000_000_000)),
    field("above", Kind::Object(&PRICE_ABOVE)),
];

/// One provider of sign-in.
const OIDC_PROVIDER: [Field; 7] = [
    required("name", FILLED),
    required("issuer", FILLED),
    required("client_id", FILLED),
    Field { is_secret: true, ..required("client_secret", FILLED) },
    field("display_name", ANY),
    field("scopes", Kind::List(&FILLED)),
    field("auto_link_by_email", Kind::Bool),
];

/// One MCP server. Variables and headers are where keys are put.
const MCP_SERVER: [Field; 8] = [
    field("command", FILLED),
    field("args", Kind::List(&ANY)),
    Field { is_secret: true, ..field("env", Kind::Map(&ANY)) },
    Field { is_secret: true, ..field("url", URL) },
    Field { is_secret: true, ..field("headers", Kind::Map(&ANY)) },
    field("allowed_tools", Kind::List(&FILLED)),
    field("class", Kind::Text(Form::OneOf(&["read", "keyed", "once"]))),
    field("timeout", SECONDS_ABOVE_0),
];

/// Words for `server.log_level`; the prototype's are among them.
const LOG_LEVELS: [&str; 7] = ["TRACE", "DEBUG", "INFO", "WARN", "WARNING", "ERROR", "CRITICAL"];

/// Every key, section by section, in the order of the example file.
pub const KEYS: &[Key] = &[
    key("server.host", FILLED, Preset::Text("0.0.0.0"), "Address that `orch serve` listens on."),
    key("server.port", whole(1, 65_535), Preset::Whole(5200), "Port that `orch serve` listens on."),
    key("server.reload", Kind::Bool, Preset::Bool(false), "Reload the code on changes.").without_effect(),
    key(
        "server.cors_origins",
        Kind::List(&ORIGIN),
        Preset::Texts(&[
            "http://localhost:5173",
            "http://127.0.0.1:5173",
            "http://localhost:5200",
            "http://127.0.0.1:5200",
        ]),
        "Origins whose pages may call the API.",
    )
    .note("when not set: localhost and 127.0.0.1, on 5173 and on the server's port"),
    key("server.rate_limit", RATE, Preset::Text("60/minute"), "Requests per user or address and route."),
    key("server.plan_rate_limit", RATE, Preset::Text("5/minute"), "Planning requests per user."),
    key(
        "server.trusted_proxies",
        Kind::List(&NETWORK),
        Preset::Texts(&[]),
        "Proxies whose X-Forwarded-For is believed, besides 127.0.0.1.",
    ),
    key(
        "server.log_format",
        Kind::Text(Form::OneOf(&["json", "text"])),
        Preset::Text("json"),
        "Form of the server's log lines.",
    ),
    key(
        "server.log_level",
        Kind::Text(Form::OneOf(&LOG_LEVELS)),
        Preset::Text("INFO"),
        "Least important level that is logged.",
    ),
    key("anthropic.api_key", FILLED, Preset::Unset, "Key for the Anthropic API.")
        .secret()
        .else_from("ANTHROPIC_API_KEY")
        .note("better set by the variable ANTHROPIC_API_KEY than written here"),
    key(
        "anthropic.base_url",
        URL,
        Preset::Unset,
        "Where the Anthropic API, or a gateway that speaks it, is found.",
    )
    .else_from("ANTHROPIC_BASE_URL")
    .note("when not set: ANTHROPIC_BASE_URL, else https://api.anthropic.com"),
    key("anthropic.version", FILLED, Preset::Text("2023-06-01"), "Value of the header anthropic-version."),
    key(
        "anthropic.planning_model",
        FILLED,
        Preset::Text("claude-sonnet-4-6"),
        "Model that plans; `ollama/NAME` plans with a local one.",
    ),
    key(
        "anthropic.models.haiku",
        FILLED,
        Preset::Text("claude-haiku-4-5-20251001"),
        "Model of the tier haiku.",
    ),
    key("anthropic.models.sonnet", FILLED, Preset::Text("claude-sonnet-4-6"), "Model of the tier sonnet."),
    key("anthropic.models.opus", FILLED, Preset::Text("claude-opus-4-6"), "Model of the tier opus."),
    key(
        "anthropic.max_concurrent",
        whole(1, 10_000),
        Preset::Whole(3),
        "Calls in flight at the start; shrinks on 429 and 529, recovers by itself.",
    ),
    key(
        "anthropic.timeout",
        SECONDS_ABOVE_0,
        Preset::Number(120.0),
        "Seconds without any sign of an answer after which a call counts as lost.",
    ),
    key(
        "ollama.hosts",
        Kind::Map(&URL),
        Preset::Map(&[("local", "http://localhost:11434")]),
        "Ollama servers by name; tasks use `local`.",
    )
    .note("more servers by name, for example \"server\": \"http://HOST:11434\""),
    key("ollama.default_model", FILLED, Preset::Text("qwen2.5-coder:14b"), "Model of the tier ollama."),
    key(
        "ollama.num_ctx",
        whole(512, 16_777_216),
        Preset::Whole(16_384),
        "Context window asked for, in tokens; a longer prompt is an error, never cut.",
    ),
    key("ollama.embed_model", FILLED, Preset::Text("nomic-embed-text"), "Model for embeddings."),
    key(
        "ollama.embed_timeout",
        SECONDS_ABOVE_0,
        Preset::Number(30.0),
        "Seconds that one request for embeddings may take.",
    ),
    key(
        "ollama.generate_timeout",
        SECONDS_ABOVE_0,
        Preset::Number(120.0),
        "Seconds that one call to a local model may take.",
    ),
    key(
        "tiers.ollama",
        ROUTE,
        Preset::Unset,
        "Replaces the tier's model by `provider/model`, as do the next three.",
    )
    .note("for example \"anthropic/MODEL\" or \"ollama/MODEL\"; null keeps the models above"),
    key("tiers.haiku", ROUTE, Preset::Unset, "Replaces the tier's model."),
    key("tiers.sonnet", ROUTE, Preset::Unset, "Replaces the tier's model."),
    key("tiers.opus", ROUTE, Preset::Unset, "Replaces the tier's model."),
    key(
        "simulated.enabled",
        Kind::Bool,
        Preset::Bool(false),
        "Answer every call by the simulated model; nothing is spent.",
    ),
    key(
        "simulated.latency_ms",
        whole(0, 600_000),
        Preset::Whole(300),
        "Milliseconds that a simulated answer takes, about.",
    ),
    key(
        "comfyui.hosts",
        Kind::Map(&URL),
        Preset::Map(&[("local", "http://localhost:8188")]),
        "ComfyUI servers by name; `local` is preferred.",
    )
    .note("more servers by name, for example \"server\": \"http://HOST:8188\""),
    key("comfyui.poll_interval", SECONDS_ABOVE_0, Preset::Number(2.0), "Seconds between two looks."),
    key("comfyui.timeout", SECONDS_ABOVE_0, Preset::Number(300.0), "Seconds that one image may take."),
    key(
        "comfyui.default_checkpoint",
        ANY,
        Preset::Text("sd_xl_base_1.0.safetensors"),
        "Image model that is loaded.",
    ),
    key(
        "rag.databases",
        Kind::Map(&FILLED),
        Preset::Map(&[]),
        "Files of the knowledge databases by name; tasks may search them.",
    )
    .note("for example \"docs\": \"data/knowledge/docs.db\", made by `orch rag index`"),
    key(
        "rag.embed_dimensions",
        whole(1, 100_000),
        Preset::Unset,
        "Length of their vectors; others are not searched.",
    )
    .note("when not set: the most frequent length in each database"),
    key("rag.default_top_k", whole(1, 10_000), Preset::Whole(8), "Hits of a search.").without_effect(),
    key("rag.max_top_k", whole(1, 10_000), Preset::Whole(20), "Most hits of a search.").without_effect(),
    key("rag.diagnostic_ingest_path", ANY, Preset::Text(""), "File for captured diagnostics.")
        .without_effect(),
    key(
        "tools.local_llm.enabled",
        Kind::Bool,
        Preset::Bool(true),
        "Let tasks ask local models, when a server of ollama.hosts answers at the start.",
    ),
    key(
        "tools.generate_image.enabled",
        Kind::Bool,
        Preset::Bool(false),
        "Let tasks make pictures with the servers of comfyui.hosts.",
    ),
    key("tools.web_fetch.enabled", Kind::Bool, Preset::Bool(false), "Let tasks read pages of allowed hosts."),
    key(
        "tools.web_fetch.allowed_hosts",
        Kind::List(&FILLED),
        Preset::Texts(&[]),
        "Hosts whose pages may be read.",
    )
    .note("\"example.org\" is that host alone, \"*.example.org\" every host beneath it"),
    key(
        "tools.run_command.enabled",
        Kind::Bool,
        Preset::Bool(false),
        "Let tasks run commands in a sandbox; needs bubblewrap.",
    ),
    key(
        "tools.run_command.read_only",
        Kind::List(&FILLED),
        Preset::Texts(&[]),
        "Further folders that commands may read: tool chains.",
    ),
    key(
        "mcp.servers",
        Kind::Map(&Kind::Object(&MCP_SERVER)),
        Preset::Map(&[]),
        "MCP servers by name; tasks may use their tools.",
    )
    .secret()
    .note(
        "\"NAME\": {\"command\": \"PROGRAM\", \"args\": [], \"env\": {}} or {\"url\": \"https://HOST/mcp\", \
         \"headers\": {}}; optional: allowed_tools (else all), class (read, keyed or once, else once), \
         timeout in seconds (else 60)",
    ),
    key(
        "budget.daily_limit_usd",
        DOLLARS,
        Preset::Number(5.0),
        "Most that a day may cost; 0 blocks paid calls.",
    ),
    key("budget.monthly_limit_usd", DOLLARS, Preset::Number(50.0), "Most that a month may cost."),
    key("budget.per_project_limit_usd", DOLLARS, Preset::Number(10.0), "Most that a project may cost."),
    key(
        "budget.warn_at_pct",
        number(0.0, 100.0),
        Preset::Number(80.0),
        "Share of a limit, in percent, at which an event warns.",
    ),
    key(
        "execution.dispatch",
        Kind::Text(Form::OneOf(&["wave", "dataflow"])),
        Preset::Text("wave"),
        "Start tasks wave by wave, or each as soon as what it needs is completed.",
    ),
    key(
        "execution.max_plan_tasks",
        whole(1, 20_000),
        Preset::Whole(500),
        "Most tasks that a plan may have; a larger plan is refused.",
    ),
    key("execution.max_concurrent_tasks", whole(1, 10_000), Preset::Whole(3), "Tasks that run at once."),
    key(
        "execution.tick_interval_sec",
        Kind::Number { min: 0.0, max: 3_600.0, above_min: true },
        Preset::Number(2.0),
        "Seconds between two looks for work; only a safety net behind wake-ups.",
    ),
    key("execution.max_tool_rounds", whole(1, 1_000), Preset::Whole(10), "Turns with tools in one attempt."),
    key(
        "execution.default_max_tokens",
        whole(1, 1_000_000),
        Preset::Whole(4096),
        "Longest answer of a task's model, in tokens.",
    ),
    key(
        "execution.max_task_retries",
        whole(0, 1_000),
        Preset::Whole(5),
        "Times that a person may retry a task.",
    ),
    key(
        "execution.wave_checkpoints",
        Kind::Bool,
        Preset::Bool(false),
        "Ask a person before each next wave starts.",
    ),
    key(
        "execution.context_forward_max_chars",
        whole(0, 10_000_000),
        Preset::Whole(2000),
        "Characters of one prerequisite's output that a dependent is told.",
    ),
    key(
        "execution.verification_enabled",
        Kind::Bool,
        Preset::Bool(true),
        "Have a model judge each output before dependents see it.",
    ),
    key(
        "execution.verification_model",
        FILLED,
        Preset::Text("claude-haiku-4-5-20251001"),
        "Model that judges; `ollama/NAME` judges with a local one.",
    ),
    key(
        "execution.verification_max_tokens",
        whole(1, 1_000_000),
        Preset::Whole(1024),
        "Longest verdict, in tokens.",
    ),
    key(
        "execution.checkpoint_on_retry_exhausted",
        Kind::Bool,
        Preset::Bool(true),
        "Ask a person when a task has used its tries, instead of failing it.",
    ),
    key(
        "execution.shutdown_grace_seconds",
        SECONDS,
        Preset::Number(30.0),
        "Seconds that calls in flight get to finish at shutdown.",
    ),
    key(
        "execution.http_client_timeout",
        SECONDS_ABOVE_0,
        Preset::Number(300.0),
        "Seconds that a request to any other service may take.",
    )
    .without_effect(),
    key(
        "execution.stale_task_threshold_seconds",
        SECONDS,
        Preset::Number(300.0),
        "Age at which a running task counts as stale.",
    )
    .without_effect(),
    key(
        "execution.resource_skip_seconds",
        SECONDS,
        Preset::Number(30.0),
        "Pause for a service that is down.",
    )
    .without_effect(),
    key("execution.max_history_rounds", whole(0, 1_000), Preset::Whole(4), "Turns kept in a conversation.")
        .without_effect(),
    key(
        "execution.external_claim_timeout_seconds",
        SECONDS,
        Preset::Number(3600.0),
        "Seconds until an external claim lapses.",
    )
    .without_effect(),
    key("execution.diagnostic_rag_enabled", Kind::Bool, Preset::Bool(false), "Search captured diagnostics.")
        .without_effect(),
    key(
        "execution.knowledge_extraction_enabled",
        Kind::Bool,
        Preset::Bool(true),
        "Collect findings of tasks.",
    )
    .without_effect(),
    key(
        "execution.knowledge_extraction_model",
        FILLED,
        Preset::Text("claude-haiku-4-5-20251001"),
        "Model that collects findings.",
    )
    .without_effect(),
    key(
        "execution.knowledge_extraction_max_tokens",
        whole(1, 1_000_000),
        Preset::Whole(1024),
        "Longest answer with findings, in tokens.",
    )
    .without_effect(),
    key(
        "execution.knowledge_injection_max_chars",
        whole(0, 10_000_000),
        Preset::Whole(3000),
        "Characters of findings that a task is told.",
    )
    .without_effect(),
    key(
        "execution.knowledge_min_output_length",
        whole(0, 10_000_000),
        Preset::Whole(200),
        "Shortest output that is searched for findings.",
    )
    .without_effect(),
    key(
        "model_pricing",
        Kind::Map(&Kind::Object(&PRICE)),
        Preset::Map(&[]),
        "Prices by exact model id, in dollars per million tokens; they win over the built-in table.",
    )
    .note(
        "\"MODEL\": {\"input_per_mtok\": 1.0, \"output_per_mtok\": 5.0}; optional: cache_write_5m_per_mtok, \
         cache_write_1h_per_mtok, cache_read_per_mtok (else 1.25, 2 and 0.1 times the input price), and \
         above_prompt_tokens with a second set of prices in \"above\"",
    ),
    key(
        "resource_check_interval_sec",
        SECONDS_ABOVE_0,
        Preset::Number(30.0),
        "Seconds between two health checks of a service.",
    )
    .without_effect(),
    key("auth.secret_key", Kind::Text(Form::SigningKey), Preset::Unset, "Key that signs tokens.")
        .secret()
        .note("when not set, one is made and kept in the data folder"),
    key(
        "auth.algorithm",
        Kind::Text(Form::OneOf(&["HS256"])),
        Preset::Text("HS256"),
        "How tokens are signed.",
    ),
    key(
        "auth.access_token_expire_minutes",
        Kind::Number { min: 0.0, max: 525_600.0, above_min: true },
        Preset::Number(30.0),
        "Minutes that an access token is valid.",
    ),
    key(
        "auth.refresh_token_expire_days",
        Kind::Number { min: 0.0, max: 3_650.0, above_min: true },
        Preset::Number(7.0),
        "Days that a refresh token is valid.",
    ),
    key(
        "auth.sse_token_expire_seconds",
        SECONDS_ABOVE_0,
        Preset::Number(60.0),
        "Seconds that a ticket for an event stream is valid.",
    ),
    key("auth.allow_registration", Kind::Bool, Preset::Bool(true), "Whether strangers may make an account."),
    key(
        "auth.rate_limit",
        RATE,
        Preset::Text("5/minute"),
        "Registrations, logins and refreshes per address.",
    ),
    key(
        "auth.login_lockout_threshold",
        whole(1, 1_000_000),
        Preset::Whole(5),
        "Failed logins until an account is locked for a while.",
    ),
    key(
        "auth.login_lockout_window_seconds",
        SECONDS_ABOVE_0,
        Preset::Number(300.0),
        "Seconds in which they are counted.",
    ),
    key(
        "auth.oidc_providers",
        Kind::List(&Kind::Object(&OIDC_PROVIDER)),
        Preset::Texts(&[]),
        "Sign-in elsewhere.",
    )
    .without_effect(),
    key(
        "auth.oidc_redirect_uris",
        Kind::List(&URL),
        Preset::Texts(&[]),
        "Addresses that a sign-in may return to.",
    )
    .without_effect(),
    key("git.enabled", Kind::Bool, Preset::Bool(true), "Use git for projects with a repository.")
        .without_effect(),
    key("git.commit_author", ANY, Preset::Text(""), "Author of commits.").without_effect(),
    key("git.branch_prefix", ANY, Preset::Text("orch"), "Start of branch names.").without_effect(),
    key("git.non_code_output_path", ANY, Preset::Text(".orchestration"), "Folder for other outputs.")
        .without_effect(),
    key("git.auto_pr", Kind::Bool, Preset::Bool(true), "Open a pull request at the end.").without_effect(),
    key("git.pr_remote", ANY, Preset::Text("origin"), "Remote of pull requests.").without_effect(),
    key("git.command_timeout", SECONDS_ABOVE_0, Preset::Number(30.0), "Seconds that a git command may take.")
        .without_effect(),
];
