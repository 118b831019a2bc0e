//! What the operator says about MCP servers. Plain values: the configuration file
//! is read elsewhere, and a person with access to it is the only one who adds a
//! server. Values of variables and headers are secrets and print as such.

use std::collections::{BTreeMap, BTreeSet};

use domain::tool::ToolClass;
use secrecy::SecretString;

/// How long one call may take unless told otherwise, in milliseconds.
const TIMEOUT_MS: u64 = 60_000;
/// How long a server may take to start and to list its tools, in milliseconds.
/// Longer than the 10 s after which a silent server is tried with the older handshake.
const START_TIMEOUT_MS: u64 = 30_000;
/// Longest result that reaches the model unless told otherwise, in bytes.
const RESULT_BYTES_MAX: usize = 64 * 1024;
/// Longest single message that is read from a server, in bytes: pictures come
/// inside of messages, and what is larger is no answer for a model.
const MESSAGE_BYTES_MAX: usize = 8 * 1024 * 1024;
/// How often the definitions are compared with the pinned ones, in milliseconds,
/// besides each time the server says that they changed.
const REVIEW_INTERVAL_MS: u64 = 300_000;

/// All MCP servers.
#[derive(Clone, Debug, Default)]
pub struct McpConfig {
    /// By the name that begins the names of their tools.
    pub servers: BTreeMap<String, ServerConfig>,
    /// Variables that every server process gets besides its own. Their environment
    /// is empty otherwise, so this is the place for `PATH` and `HOME`.
    pub shared_env: BTreeMap<String, String>,
}

/// One server.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// How it is reached.
    pub transport: Transport,
    /// Which of its tools models may use.
    pub allowed_tools: AllowedTools,
    /// What repeating a call of its tools would do.
    pub class: ToolClass,
    /// Exceptions to `class`, by the server's own name of the tool.
    pub tool_classes: BTreeMap<String, ToolClass>,
    /// How long one call may take, in milliseconds.
    pub timeout_ms: u64,
    /// How long it may take to start, in milliseconds.
    pub start_timeout_ms: u64,
    /// Longest result that is given to the model, in bytes.
    pub result_bytes_max: usize,
    /// Longest message that is read, in bytes; a longer one ends the connection.
    pub message_bytes_max: usize,
    /// How often its definitions are looked at again, in milliseconds.
    pub review_interval_ms: u64,
}

impl ServerConfig {
    /// A server with the defaults: all tools, each of class `once`.
    #[must_use]
    pub const fn new(transport: Transport) -> Self {
        Self {
            transport,
            allowed_tools: AllowedTools::All,
            class: ToolClass::Once,
            tool_classes: BTreeMap::new(),
            timeout_ms: TIMEOUT_MS,
            start_timeout_ms: START_TIMEOUT_MS,
            result_bytes_max: RESULT_BYTES_MAX,
            message_bytes_max: MESSAGE_BYTES_MAX,
            review_interval_ms: REVIEW_INTERVAL_MS,
        }
    }

    /// The class of one tool. A server knows no staging folder, so `workspace`
    /// counts as `once`.
    #[must_use]
    pub fn class_of(&self, tool: &str) -> ToolClass {
        match self.tool_classes.get(tool).copied().unwrap_or(self.class) {
            ToolClass::Workspace | ToolClass::Once => ToolClass::Once,
            class @ (ToolClass::Read | ToolClass::Keyed) => class,
        }
    }
}

/// How a server is reached.
#[derive(Clone, Debug)]
pub enum Transport {
    /// A program of ours that is spoken to over its standard input and output.
    Stdio {
        /// The program.
        command: String,
        /// Its arguments.
        args: Vec<String>,
        /// Its variables; it gets none of ours.
        env: BTreeMap<String, SecretString>,
    },
    /// Streamable HTTP.
    Http {
        /// Where; may hold a key in its query, so only its host is ever shown.
        url: String,
        /// Sent with each request.
        headers: BTreeMap<String, SecretString>,
    },
}

/// Which tools of a server models may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AllowedTools {
    /// Whatever it offers.
    All,
    /// These, by the server's own names.
    Only(BTreeSet<String>),
}

impl AllowedTools {
    /// Whether models may use this tool.
    #[must_use]
    pub fn contains(&self, tool: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(names) => names.contains(tool),
        }
    }
}
