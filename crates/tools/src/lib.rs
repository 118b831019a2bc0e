//! What a model may use, behind one port.
//!
//! ```text
//! registry    checks arguments, bounds time and result, survives a panic   (Toolbox)
//!   file/     read_file, write_file, list_files
//! workspace/  the files of projects on the disk                            (Workspaces)
//! path        what a path from outside may look like; pure
//! ```
//!
//! Invariants: nothing outside a project's folder is ever touched on behalf of a
//! model, whatever path it sends and whatever somebody does to the folder
//! meanwhile; no tool ends the task that called it, all failures are text for the
//! model that begins with a stable code. Nothing here decides whether a call may
//! run again; the tool's class says it and the engine acts on it.

pub mod command;
pub mod file;
mod hosts;
mod http;
pub mod image;
pub mod knowledge;
pub mod local_llm;
pub mod path;
pub mod registry;
pub mod web;
pub mod workspace;

pub use file::file_tools;
pub use registry::{LeftOut, Registry, Tool};
pub use workspace::{FileLimits, FilesError, ProjectFiles};
