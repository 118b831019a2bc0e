//! The binary `orch`: reads the command line and starts a command.
//!
//! No rules and no work of its own; each command is one file in `commands/`.

mod commands;
mod config;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// From written requirements to finished work.
#[derive(Debug, Parser)]
#[command(name = "orch", version, about, arg_required_else_help = true)]
struct Arguments {
    /// Configuration file [default: config.json, if there is one].
    #[arg(long, value_name = "FILE", env = "ORCH_CONFIG", global = true)]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show, check or write the configuration.
    #[command(subcommand)]
    Config(commands::config::ConfigCommand),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match arguments.command {
        Command::Config(command) => commands::config::run(&command, arguments.config.as_deref()),
    }
}
