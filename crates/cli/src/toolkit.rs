//! Which tools there are: the configuration handed to the crate that has them,
//! less what cannot work now. Models are told of these and no others.
//!
//! Shared by the engine's start and by `orch doctor`; decides nothing about calls.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use domain::ports::ModelProvider as _;
use providers::{Ollama, OllamaConfig};
use secrecy::ExposeSecret as _;
use tools::command::CommandConfig;
use tools::image::ImageConfig;
use tools::knowledge::{EmbedConfig, Embedder, Knowledge};
use tools::local_llm::LocalLlmConfig;
use tools::mcp::{AllowedTools, McpConfig, PinStore, Ports, ServerConfig, Transport};
use tools::web::WebFetchConfig;
use tools::{
    EmbeddingConfig, KnowledgeConfig, LeftOut, McpServers, ProjectFiles, Registry, ToolsConfig,
    standard_tools,
};

use crate::config::types::{McpReach, McpServer};
use crate::exit::Failure;
use crate::system::{SystemClock, random_number};
use crate::wire_up::Setup;

/// How long a local model's host may take to say that it is there.
const PROBE_LIMIT: Duration = Duration::from_secs(2);
/// Name of the tool that needs such a host.
pub const LOCAL_LLM: &str = "local_llm";
/// Variables of ours that MCP servers get: without these most do not start.
const SHARED_VARIABLES: [&str; 2] = ["PATH", "HOME"];

/// All tools that work.
pub struct Toolkit {
    /// To be called.
    pub registry: Registry,
    /// What was wanted and cannot work, those of MCP servers included.
    pub left_out: Vec<LeftOut>,
    /// The servers behind some of them; they end with this.
    pub mcp: McpServers,
}

impl Setup {
    /// Finds out what works, and starts the MCP servers.
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub async fn toolkit(&self, files: &ProjectFiles, pins: Arc<dyn PinStore>) -> Result<Toolkit, Failure> {
        let mut left_out = Vec::new();
        let config = self.tools_config(&mut left_out).await?;
        for LeftOut { name, reason } in &left_out {
            tracing::info!(tool = %name, %reason, "left out");
        }
        let ports = Ports { pins, clock: Arc::new(SystemClock), random: Arc::new(random_number) };
        let files = files.clone();
        // The sandbox is tried in there, which waits for a process.
        let standard = tokio::task::spawn_blocking(move || standard_tools(&files, &config));
        let (standard, mcp) = tokio::join!(standard, McpServers::connect(self.mcp(), ports));
        let (mut all, broken) =
            standard.map_err(|error| Failure::error(format!("the tools cannot be made: {error}")))?;
        left_out.extend(broken);
        all.extend(mcp.tools());
        let (registry, broken) = Registry::new(all);
        left_out.extend(broken);
        for LeftOut { name, reason } in mcp.left_out() {
            tracing::warn!(tool = %name, %reason, "tool left out");
            left_out.push(LeftOut { name, reason });
        }
        Ok(Toolkit { registry, left_out, mcp })
    }

    async fn tools_config(&self, left_out: &mut Vec<LeftOut>) -> Result<ToolsConfig, Failure> {
        let switches = &self.config.tools;
        let (found, missing): (BTreeMap<_, _>, BTreeMap<_, _>) =
            self.config.rag.databases.clone().into_iter().partition(|(_, file)| file.is_file());
        left_out.extend(missing.into_iter().map(|(name, file)| LeftOut {
            name: format!("knowledge database {name}"),
            reason: format!("there is no file {}", file.display()),
        }));
        let local_llm = if switches.is_local_llm_enabled { self.local_llm(left_out).await } else { None };
        let comfyui = &self.config.comfyui;
        Ok(ToolsConfig {
            knowledge: Some(self.knowledge(found)?),
            local_llm,
            image: switches.is_generate_image_enabled.then(|| ImageConfig {
                hosts: preferred_first(&comfyui.hosts),
                checkpoint: comfyui.checkpoint.clone(),
                poll_interval: comfyui.poll_interval,
                timeout: comfyui.timeout,
                workflow: None,
            }),
            web_fetch: switches
                .web_fetch
                .clone()
                .map(|hosts| WebFetchConfig { hosts, is_http_allowed: false }),
            run_command: switches
                .run_command
                .clone()
                .map(|read_only| CommandConfig { read_only, ..CommandConfig::default() }),
        })
    }

    /// Databases, and the model that embeds questions for them.
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub fn knowledge(&self, databases: BTreeMap<String, PathBuf>) -> Result<Arc<Knowledge>, Failure> {
        let config = KnowledgeConfig {
            databases,
            dims: self.config.rag.embed_dimensions,
            embedding: self.embedding(),
        };
        config.open().map_err(|error| Failure::error(error.to_string()))
    }

    /// Who turns texts into vectors, when an Ollama host is configured.
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub fn embedder(&self) -> Result<Option<Arc<dyn Embedder>>, Failure> {
        let embedder = self.embedding().as_ref().map(EmbeddingConfig::open).transpose();
        embedder.map_err(|error| Failure::error(error.to_string()))
    }

    fn embedding(&self) -> Option<EmbeddingConfig> {
        let ollama = &self.config.ollama;
        self.ollama_host().map(|host| {
            EmbeddingConfig::Ollama(EmbedConfig {
                url: host.to_owned(),
                model: ollama.embed_model.clone(),
                timeout: ollama.embed_timeout,
                api_key: None,
            })
        })
    }

    /// The hosts that answer now: a plan must not count on one that never did.
    async fn local_llm(&self, left_out: &mut Vec<LeftOut>) -> Option<LocalLlmConfig> {
        let ollama = &self.config.ollama;
        if ollama.hosts.is_empty() {
            return None;
        }
        let hosts = preferred_first(&ollama.hosts);
        let answers = futures::future::join_all(hosts.iter().map(|(_, url)| does_answer(url))).await;
        let hosts: Vec<(String, String)> =
            hosts.into_iter().zip(answers).filter_map(|(host, is_there)| is_there.then_some(host)).collect();
        if hosts.is_empty() {
            let reason = "no server of ollama.hosts answers".to_owned();
            left_out.push(LeftOut { name: LOCAL_LLM.to_owned(), reason });
            return None;
        }
        Some(LocalLlmConfig { hosts, model: ollama.default_model.clone(), timeout: ollama.generate_timeout })
    }

    fn mcp(&self) -> McpConfig {
        let servers = &self.config.mcp_servers;
        let shared_env =
            crate::config::environment().filter(|(name, _)| SHARED_VARIABLES.contains(&name.as_str()));
        McpConfig {
            servers: servers.iter().map(|(name, server)| (name.clone(), mcp_server(server))).collect(),
            shared_env: shared_env.collect(),
        }
    }
}

async fn does_answer(url: &str) -> bool {
    let Ok(ollama) = Ollama::new(OllamaConfig::new(url)) else { return false };
    matches!(tokio::time::timeout(PROBE_LIMIT, ollama.probe()).await, Ok(Ok(_)))
}

/// `local` before the others, as tasks use it.
fn preferred_first(hosts: &BTreeMap<String, String>) -> Vec<(String, String)> {
    let mut hosts: Vec<(String, String)> =
        hosts.iter().map(|(name, url)| (name.clone(), url.clone())).collect();
    hosts.sort_by_key(|(name, _)| name != "local");
    hosts
}

fn mcp_server(server: &McpServer) -> ServerConfig {
    let transport = match &server.reach {
        McpReach::Command { command, args, env } => {
            Transport::Stdio { command: command.clone(), args: args.clone(), env: env.clone() }
        }
        McpReach::Url { url, headers } => {
            Transport::Http { url: url.expose_secret().to_owned(), headers: headers.clone() }
        }
    };
    let mut config = ServerConfig::new(transport);
    if let Some(tools) = &server.allowed_tools {
        config.allowed_tools = AllowedTools::Only(tools.clone());
    }
    if let Some(class) = server.class {
        config.class = class;
    }
    if let Some(timeout) = server.timeout {
        config.timeout_ms = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
    }
    config
}
