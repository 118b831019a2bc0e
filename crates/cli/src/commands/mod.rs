//! The commands of `orch`, one file each.

pub mod approve;
pub mod cancel;
pub mod checkpoints;
pub mod config;
pub mod doctor;
pub mod list;
pub mod mcp;
pub mod pause;
pub mod rag;
pub mod resolve;
pub mod resume;
pub mod retry;
pub mod review;
pub mod run;
pub mod serve;
pub mod show;
pub mod usage;
pub mod user;
