//! Fakes and builders for tests; never shipped.
//!
//! Depends on `domain` alone: what a fake needs of another crate is passed in.

pub mod fake_provider;
