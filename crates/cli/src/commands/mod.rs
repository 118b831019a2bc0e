//! The commands of `orch`, one file each.

pub mod config;
