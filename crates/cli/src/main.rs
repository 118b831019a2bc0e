//! The binary `orch`: reads the command line and starts a command.
//!
//! No rules and no work of its own; each command is one file in `commands/`.

mod ask;
mod choose;
mod commands;
mod config;
mod exit;
mod find;
mod follow;
mod follow_up;
mod lifecycle;
mod logging;
mod out_folder;
mod output;
mod plan_view;
mod report;
mod session;
mod system;
mod toolkit;
mod view;
mod wire_up;

use std::future::Future;
use std::process::ExitCode;

use clap::builder::Resettable;
use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use crate::exit::{Ended, Exit, Failure};
use crate::wire_up::{Globals, Setup};

/// Exit codes and first steps, below the help.
const AFTER_HELP: &str = "\
Try it:   orch run examples/hello-world.md --simulate
Exit codes: 0 completed · 1 error · 2 wrong use or configuration · 3 tasks failed
            4 waits for a person (also: not approved, interrupted) · 5 budget used up";

/// Turn written requirements into a plan, approve it, and have models carry it out, inside
/// a budget.
#[derive(Debug, Parser)]
#[command(name = "orch", version, about, after_help = AFTER_HELP, arg_required_else_help = true)]
struct Arguments {
    #[command(flatten)]
    globals: Globals,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(commands::run::Run),
    Resume(commands::resume::Resume),
    List(commands::list::List),
    Show(commands::show::Show),
    Approve(commands::approve::Approve),
    Pause(commands::pause::Pause),
    Cancel(commands::cancel::Cancel),
    Retry(commands::retry::Retry),
    Checkpoints(commands::checkpoints::Checkpoints),
    Resolve(commands::resolve::Resolve),
    Review(commands::review::Review),
    Usage(commands::usage::UsageCommand),
    Doctor(commands::doctor::Doctor),
    Serve(commands::serve::Serve),
    #[command(subcommand)]
    Rag(commands::rag::RagCommand),
    #[command(subcommand)]
    Mcp(commands::mcp::McpCommand),
    #[command(subcommand)]
    User(commands::user::UserCommand),
    /// Show, check or write the configuration.
    #[command(subcommand)]
    Config(commands::config::ConfigCommand),
}

fn main() -> ExitCode {
    let Arguments { globals, command } = arguments();
    if let Command::Config(command) = command {
        return commands::config::run(&command, globals.config.as_deref());
    }
    if !matches!(command, Command::Serve(_)) {
        logging::start_quiet(globals.verbose);
    }
    match dispatch(&globals, command) {
        Ok(exit) => exit.into(),
        Err(failure) => failure.tell().into(),
    }
}

/// Reads the command line. A variable that is set to nothing counts as unset.
fn arguments() -> Arguments {
    let is_empty =
        |wanted: &str| config::environment().any(|(name, value)| name == wanted && value.is_empty());
    let mut command = Arguments::command();
    for (argument, name) in [("config", "ORCH_CONFIG"), ("data_dir", "ORCH_DATA_DIR")] {
        if is_empty(name) {
            command = command.mut_arg(argument, |argument| argument.env(Resettable::Reset));
        }
    }
    let matches = command.get_matches();
    follow_up::remember(&matches);
    Arguments::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
}

fn dispatch(globals: &Globals, command: Command) -> Ended {
    let setup = Setup::load(globals)?;
    match command {
        Command::Run(command) => wait(command.run(&setup)),
        Command::Resume(command) => wait(command.run(&setup)),
        Command::List(command) => wait(command.run(&setup)),
        Command::Show(command) => wait(command.run(&setup)),
        Command::Approve(command) => wait(command.run(&setup)),
        Command::Pause(command) => wait(command.run(&setup)),
        Command::Cancel(command) => wait(command.run(&setup)),
        Command::Retry(command) => wait(command.run(&setup)),
        Command::Checkpoints(command) => wait(command.run(&setup)),
        Command::Resolve(command) => wait(command.run(&setup)),
        Command::Review(command) => wait(command.run(&setup)),
        Command::Usage(command) => wait(command.run(&setup)),
        Command::Doctor(command) => wait(command.run(&setup)),
        Command::Serve(command) => wait(command.run(&setup)),
        Command::Rag(command) => wait(command.run(&setup)),
        Command::Mcp(command) => wait(command.run(&setup)),
        Command::User(command) => wait(command.run(&setup)),
        Command::Config(_) => Ok(Exit::Usage),
    }
}

/// Runs a command to its end.
fn wait(command: impl Future<Output = Ended>) -> Ended {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::error(format!("the program cannot start: {error}")))?;
    runtime.block_on(command)
}
