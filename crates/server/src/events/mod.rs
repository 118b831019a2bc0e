//! Event streams: one reader per project that anybody listens to, which encodes
//! each event once. Listeners take frames from a bounded ring; one that is behind
//! it reads the table. Signals carry nothing: a lost one costs a moment.

mod frame;
mod hub;
mod stream;

pub use hub::Hub;
pub use stream::{Listener, frames};
