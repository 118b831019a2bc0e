//! What a model may use, behind one port.
//!
//! ```text
//! registry    checks arguments, bounds time and result, survives a panic   (Toolbox)
//!   file/     read_file, write_file, list_files
//!   mcp/      tools of MCP servers, by configuration                        (McpServers)
//! workspace/  the files of projects on the disk                            (Workspaces)
//! path        what a path from outside may look like; pure
//! ```
//!
//! Invariants: nothing outside a project's folder is ever touched on behalf of a
//! model, whatever path it sends and whatever somebody does to the folder
//! meanwhile; no tool ends the task that called it, all failures are text for the
//! model that begins with a stable code. Nothing here decides whether a call may
//! run again; the tool's class says it and the engine acts on it.

pub mod file;
pub mod mcp;
pub mod path;
pub mod registry;
pub mod workspace;

pub use file::file_tools;
pub use mcp::McpServers;
pub use registry::{LeftOut, Registry, Tool};
pub use workspace::{FileLimits, FilesError, ProjectFiles};
