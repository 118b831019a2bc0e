//! What handlers take: bodies, queries, who asks, and what they may touch. Each
//! answers by itself when it cannot be had.

mod actor;
mod fields;
mod json;
mod owned;

pub use actor::{Admin, Client, Credential, Person, Signed};
pub(crate) use actor::{KEY_PREFIX, active_user, identify};
pub use fields::{Fields, Shape};
pub(crate) use json::read_body;
pub use json::{Body, Query};
pub(crate) use owned::is_id;
pub use owned::{OwnedCheckpoint, OwnedProject, OwnedTask, owned_project, owned_task, path_id};
