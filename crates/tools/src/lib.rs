//! What a model may use, behind one port.
//!
//! ```text
//! registry     checks arguments, bounds time and result, survives a panic   (Toolbox)
//!   file/      read_file, write_file, edit_file, list_files, search_files
//!   knowledge/ search_knowledge, lookup_type; databases made from folders
//!   local_llm  a model on an Ollama host          image/    pictures by ComfyUI
//!   web/       pages of allowed hosts             command/  commands inside a fence
//! mcp/         tools of MCP servers, by configuration                       (McpServers)
//! standard     which of them there are, by configuration
//! workspace/   the files of projects on the disk                            (Workspaces)
//! path         what a path from outside may look like; pure
//! ```
//!
//! Invariants: nothing outside a project's folder is ever touched on behalf of a
//! model, whatever path it sends and whatever somebody does to the folder
//! meanwhile; no address but configured ones and public ones on the allow-list is
//! ever connected to; no tool ends the task that called it, all failures are text
//! for the model that begins with a stable code. Nothing here decides whether a
//! call may run again; the tool's class says it and the engine acts on it.

pub mod command;
pub mod file;
mod hosts;
mod http;
pub mod image;
pub mod knowledge;
pub mod local_llm;
pub mod mcp;
pub mod path;
pub mod registry;
mod standard;
pub mod web;
pub mod workspace;

pub use file::file_tools;
pub use http::HttpError;
pub use mcp::McpServers;
pub use registry::{LeftOut, Registry, Tool};
pub use standard::{EmbeddingConfig, KnowledgeConfig, ToolsConfig, standard_tools};
pub use workspace::{FileLimits, FilesError, ProjectFiles};
