//! What handlers take: bodies, queries, who asks, and what they may touch. Each
//! answers by itself when it cannot be had.

mod actor;
mod fields;
mod json;
mod owned;

pub use actor::{Admin, Scope, Signed};
pub use fields::{Fields, Shape};
pub use json::{Body, Query};
pub use owned::{OwnedCheckpoint, OwnedProject, OwnedTask, owned_task, path_id};
