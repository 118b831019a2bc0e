//! Storage: the schema, every SQL statement, and the one write path.
//!
//! State of projects changes only through [`Store`]'s `apply`, which loads what a
//! command touches, asks `domain::decide`, and commits rows, events and money
//! together. Users, keys and sessions are written directly, through the same
//! writer. This crate knows neither HTTP nor the engine, and holds no rules:
//! where a statement repeats one (which tasks may start), the rule is in `domain`
//! and the conformance suite compares the two.
//!
//! No error of the database driver leaves this crate: [`StoreError`] says in words
//! whether a command was refused, the database is not available, or something
//! is damaged.

mod analytics;
mod apply;
mod attempts;
mod calls;
mod checkpoints;
pub mod crash;
mod dialect;
mod dump;
mod error;
mod events;
mod history;
mod idempotency;
mod keys;
mod ledger;
mod load;
mod lock;
mod open;
mod operations;
mod outputs;
mod plans;
mod port;
mod prefix;
mod projects;
mod ready;
mod remove;
mod row;
mod sessions;
mod table;
mod tasks;
mod users;
mod write;
mod writer;

pub use analytics::{
    CostBreakdown, CostLine, Efficiency, EffortLine, OutcomeLine, SpendLine, UsageOverview, WaveLine,
};
pub use domain::ports::StoreError;

pub use dump::Dump;
pub use history::HistorySample;
pub use idempotency::{Idempotent, Recorded};
pub use keys::{ApiKey, NewApiKey};
pub use ledger::{UnknownCall, UsageGroup, UsageLine};
pub use lock::{EngineLock, LockError};
pub use open::{OpenError, Store, StoreOptions};
pub use plans::PlanListRow;
pub use prefix::IdKind;
pub use projects::{ProjectFilter, ProjectListRow};
pub use sessions::{NewRefreshToken, Rotation, Session};
pub use tasks::{Direction, Journal, TaskDetail, TaskFilter, TaskHistory, TaskSort};
pub use users::{LoginFailures, NewUser, Role, User, UserError};
