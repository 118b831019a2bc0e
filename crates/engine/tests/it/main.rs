//! The engine against a store in memory, in virtual time: seeded histories with a
//! faulty provider, random people and sudden deaths, and the known bugs that they
//! must find.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod bugs;
mod simulation;
mod world;
