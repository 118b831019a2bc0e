//! Handlers: extract, one call, map. A rule that shows up here is in the wrong
//! crate.

pub mod admin;
pub mod analytics;
pub mod auth;
pub mod checkpoints;
pub mod events;
pub mod export;
pub mod external;
pub mod health;
pub mod keys;
pub mod knowledge;
pub mod planning;
pub mod projects;
pub mod rag;
pub mod services;
pub mod tasks;
pub mod usage;
