//! Makes projects advance: takes ready work, asks models, runs tools, has outputs
//! judged, and journals each step before the next one.
//!
//! ```text
//!            commands (HTTP, CLI)                     Handle
//!                  │ apply                              ▲
//!                  ▼                                    │
//!   store ◀── Command ── engine ──▶ follow-ups: offer, wake, cut, publish
//!                  ▲                        │
//!                  │                        ▼
//!   worker ◀── delivery ── queue ◀── offers (feeder reads `ready`)
//!     └─ task: claim → call → settle → tools → call … → judge → finish
//!     └─ operation: call → settle → plan
//! ```
//!
//! No rule and no SQL here: decisions are `domain::decide`'s, rows are the
//! store's. Nothing in memory that the database does not know.

mod call;
mod commands;
mod context;
mod cuts;
mod deps;
mod dispatcher;
mod forecast;
mod live;
mod outside;
mod places;
mod planner;
mod publish;
mod queue;
mod recover;
mod request;
mod settings;
mod task;
mod tools;

pub use commands::{EngineError, PlanEnd};
pub use deps::{Deps, Providers};
pub use dispatcher::{Handle, start};
pub use live::{LiveDelta, LiveText};
pub use outside::{Claimed, Submission};
pub use queue::LocalQueue;
pub use settings::Settings;
