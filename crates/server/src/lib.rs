//! HTTP: routes, wire types, accounts, limits, event streams.
//!
//! ```text
//!   connection ── serve ── layers::shell (id, span, CORS, headers, panics)
//!                             └─ router (one table)
//!                                  └─ layers::guard (who, how often)
//!                                       └─ handler: extract → one call → map
//! ```
//!
//! No rule of the domain and no SQL here. Changes go through `engine::Handle`,
//! reads through the store; whose an object is, is asked in `extract/owned.rs`
//! alone. Nothing that a request sends makes a handler panic or answer 500.

mod api;
mod assets;
mod auth;
mod client;
mod cors;
mod error;
mod etag;
mod events;
mod extract;
mod forecast;
mod idempotency;
mod layers;
mod openapi;
mod random;
mod rate;
mod router;
mod serve;
mod services;
mod settings;
mod state;
mod wire;

pub use auth::email::normalize as normalize_email;
pub use auth::password::{Check, Passwords};
pub use error::ApiError;
pub use openapi::document;
pub use router::{Access, Limit, Route, routes};
pub use serve::serve;
pub use services::{NoServices, Service, ServiceState, Services};
pub use settings::{Network, Rate, ServerSettings};
pub use state::{Parts, State};
