//! The real binary, as a stranger uses it: every exit code, every bad input, and
//! what is left after it was killed.

#![expect(clippy::unwrap_used, reason = "tests: what is not there fails them")]

mod bad_input;
mod commands;
mod crash;
mod matrix;
mod newcomer;
mod paid;
mod people;
mod run;
mod serve;
mod support;
mod tools;
