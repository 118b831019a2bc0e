//! Developer commands: `cargo xtask test`, `bench`, `real-model`.
//!
//! Never shipped, and nothing of the product depends on it. The standard library
//! does nearly all of the work, so that it builds in seconds on a fresh machine.

#[cfg(test)]
mod architecture;
mod bench;
mod browser;
mod hygiene;
mod install;
mod process;
mod real_model;
mod test;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Developer commands.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check formatting, lints and hygiene, and run all tests.
    Test(test::Options),
    /// Measure throughput, CPU, prompt size and hand-over; prints a table.
    Bench(bench::Options),
    /// Fetch a small real model, serve it on 127.0.0.1, and carry an example through with it.
    RealModel(real_model::Options),
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Test(options) => test::run(&options),
        Command::Bench(options) => bench::run(&options),
        Command::RealModel(options) => real_model::run(&options),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            process::say(format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}
