//! Fakes, builders and suites for tests; never shipped. Depends on the rules
//! alone, so that every other crate may use it in its tests.

pub mod check;
pub mod clock;
pub mod conformance;
pub mod fake_provider;
pub mod lab;
pub mod memory;

pub use clock::{FakeClock, SeqIds};
pub use lab::Lab;
pub use memory::MemoryStore;
