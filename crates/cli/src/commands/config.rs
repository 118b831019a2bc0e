//! `orch config show|check|init|keys`.
//!
//! Prints; what is valid is decided in `crate::config`.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Subcommand;

use crate::config::{self, Config, Loaded};
use crate::exit::plain;

/// What to do with the configuration.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Print every key with its value and where it came from; secrets stay hidden.
    Show,
    /// Report every mistake and every unknown key.
    Check,
    /// Write a file with every key and its default.
    Init {
        /// Where to; an existing file is never overwritten.
        #[arg(default_value = config::FILE_NAME)]
        file: PathBuf,
    },
    /// Print the table of keys as Markdown.
    Keys,
}

/// Exit code for a wrong command line or configuration.
const USAGE: u8 = 2;

/// Runs the command. The exit code is 2 when the configuration is refused.
pub fn run(command: &ConfigCommand, named: Option<&Path>) -> ExitCode {
    let done = match command {
        ConfigCommand::Keys => write!(io::stdout().lock(), "{}", config::reference_page()),
        ConfigCommand::Init { file } if file.exists() => {
            let _ = writeln!(
                io::stderr(),
                "error: {} exists already and is left alone; name another: orch config init FILE",
                file.display()
            );
            return ExitCode::from(USAGE);
        }
        ConfigCommand::Init { file } => init(file),
        ConfigCommand::Show | ConfigCommand::Check => {
            let file = config::file_to_read(named);
            match Config::load(file.as_deref(), config::environment()) {
                Ok(loaded) if matches!(command, ConfigCommand::Show) => show(&loaded),
                Ok(loaded) => tell_checked(&loaded, file.as_deref()),
                Err(errors) => {
                    let _ = writeln!(io::stderr(), "error: {errors}");
                    return ExitCode::from(USAGE);
                }
            }
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        // The reader went away: `orch config show | head`.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn show(loaded: &Loaded) -> io::Result<()> {
    tell_warnings(loaded)?;
    let mut out = io::stdout().lock();
    loaded.settings().try_for_each(|setting| writeln!(out, "{setting}"))
}

fn tell_checked(loaded: &Loaded, file: Option<&Path>) -> io::Result<()> {
    tell_warnings(loaded)?;
    if loaded.config.anthropic.api_key.is_none() && !loaded.config.simulated.is_enabled {
        writeln!(io::stderr(), "note: no key for the Anthropic API; set ANTHROPIC_API_KEY to use it")?;
    }
    let from = file.map_or_else(|| "defaults and environment".to_owned(), |file| file.display().to_string());
    writeln!(io::stdout().lock(), "the configuration is valid ({from})")
}

fn tell_warnings(loaded: &Loaded) -> io::Result<()> {
    let mut talk = io::stderr().lock();
    loaded.warnings.iter().try_for_each(|warning| writeln!(talk, "warning: {warning}"))
}

fn init(file: &Path) -> io::Result<()> {
    let named = |error: io::Error| {
        io::Error::new(error.kind(), format!("cannot write {}: {}", file.display(), plain(&error)))
    };
    let mut opened = OpenOptions::new().write(true).create_new(true).open(file).map_err(named)?;
    opened.write_all(config::example_file().as_bytes()).map_err(named)?;
    writeln!(io::stdout().lock(), "wrote {}", file.display())
}
