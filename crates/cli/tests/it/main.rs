//! The real binary, as a stranger uses it: every exit code, every bad input, and
//! what is left after it was killed.

mod bad_input;
mod commands;
mod crash;
mod paid;
mod people;
mod run;
mod support;
