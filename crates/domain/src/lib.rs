//! The rules of the orchestration engine: pure data in, data out.
//!
//! No I/O, no clock, no random source, no async runtime. Everything else depends
//! on this crate; it depends on nothing of ours.

pub mod actor;
pub mod context;
pub mod coverage;
pub mod forecast;
pub mod id;
pub mod model;
pub mod money;
pub mod plan;
pub mod ports;
pub mod pricing;
pub mod prompt;
pub mod refusal;
pub mod requirement;
pub mod routing;
pub mod task;
pub mod time;
pub mod tool;
