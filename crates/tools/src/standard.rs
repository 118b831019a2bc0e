//! All tools of the product, by configuration. What is not configured is not there;
//! what is configured and cannot work is named with its reason.
//!
//! Only plain values here: where they come from is the binary's business.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::command::{CommandConfig, RunCommandTool};
use crate::file::file_tools;
use crate::http::HttpError;
use crate::image::{GenerateImageTool, ImageConfig};
use crate::knowledge::{
    EmbedConfig, Embedder, Knowledge, LookupTypeTool, OllamaEmbedder, OpenAiEmbedder, SearchKnowledgeTool,
};
use crate::local_llm::{LocalLlmConfig, LocalLlmTool};
use crate::registry::{LeftOut, Tool};
use crate::web::{WebFetchConfig, WebFetchTool};
use crate::workspace::ProjectFiles;

/// Which tools there are beside those for files.
#[derive(Clone, Default)]
pub struct ToolsConfig {
    /// `search_knowledge` and `lookup_type`; the same object serves the inspection.
    pub knowledge: Option<Arc<Knowledge>>,
    /// `local_llm`.
    pub local_llm: Option<LocalLlmConfig>,
    /// `generate_image`.
    pub image: Option<ImageConfig>,
    /// `web_fetch`; off unless it is here.
    pub web_fetch: Option<WebFetchConfig>,
    /// `run_command`; off unless it is here.
    pub run_command: Option<CommandConfig>,
}

/// Knowledge databases and how to embed questions for them.
#[derive(Clone, Debug, Default)]
pub struct KnowledgeConfig {
    /// The file of each database, by name.
    pub databases: BTreeMap<String, PathBuf>,
    /// Numbers in a vector; as most in a file have without.
    pub dims: Option<usize>,
    /// The embedding service; without one, words alone are searched.
    pub embedding: Option<EmbeddingConfig>,
}

/// Which protocol the embedding service speaks.
#[derive(Clone, Debug)]
pub enum EmbeddingConfig {
    /// Ollama's own.
    Ollama(EmbedConfig),
    /// The OpenAI-compatible one.
    OpenAi(EmbedConfig),
}

impl EmbeddingConfig {
    /// The embedder for it.
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub fn open(&self) -> Result<Arc<dyn Embedder>, HttpError> {
        Ok(match self {
            Self::Ollama(config) => Arc::new(OllamaEmbedder::new(config.clone())?),
            Self::OpenAi(config) => Arc::new(OpenAiEmbedder::new(config.clone())?),
        })
    }
}

impl KnowledgeConfig {
    /// The databases; no file is opened yet.
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub fn open(&self) -> Result<Arc<Knowledge>, HttpError> {
        let embedder = self.embedding.as_ref().map(EmbeddingConfig::open).transpose()?;
        Ok(Arc::new(Knowledge::new(self.databases.clone(), self.dims, embedder)))
    }
}

/// The tools for the registry, and those that were wanted and cannot work.
#[must_use]
pub fn standard_tools(files: &ProjectFiles, config: &ToolsConfig) -> (Vec<Arc<dyn Tool>>, Vec<LeftOut>) {
    let mut tools = file_tools(files);
    let mut left_out = Vec::new();
    if let Some(knowledge) = config.knowledge.as_ref().filter(|knowledge| !knowledge.names().is_empty()) {
        tools.push(Arc::new(SearchKnowledgeTool(knowledge.clone())));
        tools.push(Arc::new(LookupTypeTool(knowledge.clone())));
    }
    let mut add = |name: &str, tool: Option<Result<Arc<dyn Tool>, String>>| match tool {
        Some(Ok(tool)) => tools.push(tool),
        Some(Err(reason)) => {
            tracing::warn!(tool = %name, %reason, "tool left out");
            left_out.push(LeftOut { name: name.to_owned(), reason });
        }
        None => {}
    };
    add("local_llm", config.local_llm.as_ref().map(local_llm));
    add("generate_image", config.image.as_ref().map(|config| image(files, config)));
    add("web_fetch", config.web_fetch.as_ref().map(web_fetch));
    add("run_command", config.run_command.as_ref().map(|config| run_command(files, config)));
    (tools, left_out)
}

fn local_llm(config: &LocalLlmConfig) -> Result<Arc<dyn Tool>, String> {
    some_host(&config.hosts)?;
    Ok(Arc::new(LocalLlmTool::new(config.clone()).map_err(|error| error.to_string())?))
}

fn image(files: &ProjectFiles, config: &ImageConfig) -> Result<Arc<dyn Tool>, String> {
    some_host(&config.hosts)?;
    if config.workflow.as_ref().is_some_and(|workflow| !workflow.is_object()) {
        return Err("its workflow is no JSON object".to_owned());
    }
    Ok(Arc::new(GenerateImageTool::new(files.clone(), config.clone()).map_err(|error| error.to_string())?))
}

fn web_fetch(config: &WebFetchConfig) -> Result<Arc<dyn Tool>, String> {
    if config.hosts.is_empty() {
        return Err("no host is allowed".to_owned());
    }
    Ok(Arc::new(WebFetchTool::new(config)))
}

fn run_command(files: &ProjectFiles, config: &CommandConfig) -> Result<Arc<dyn Tool>, String> {
    Ok(Arc::new(RunCommandTool::new(files.clone(), config.clone())?))
}

fn some_host(hosts: &[(String, String)]) -> Result<(), String> {
    if hosts.is_empty() { Err("no host is configured".to_owned()) } else { Ok(()) }
}
