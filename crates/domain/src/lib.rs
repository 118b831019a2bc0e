//! The rules of the orchestration engine: pure data in, data out.
//!
//! No I/O, no clock, no random source, no async runtime. Everything else depends
//! on this crate; it depends on nothing of ours.

pub mod actor;
pub mod attempt;
pub mod budget;
pub mod checkpoint;
pub mod context;
pub mod coverage;
pub mod decide;
pub mod event;
pub mod forecast;
pub mod governor;
pub mod graph;
pub mod id;
pub mod invariants;
pub mod model;
pub mod money;
pub mod plan;
pub mod policy;
pub mod ports;
pub mod pricing;
pub mod project;
pub mod prompt;
pub mod refusal;
pub mod requirement;
pub mod retry;
pub mod routing;
pub mod share;
pub mod task;
pub mod time;
pub mod tool;
pub mod turn;
pub mod view;
