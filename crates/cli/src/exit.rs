//! How a command ends: the exit codes of the README, and errors as one sentence
//! with a remedy.
//!
//! Prints nothing by itself but what [`Failure::tell`] is asked to.

use std::io::{self, Write as _};
use std::process::ExitCode;

use domain::ports::StoreError;
use domain::refusal::{Code, Refusal};
use engine::EngineError;
use store::{LockError, OpenError};

use crate::output::labelled;

/// The exit codes, as documented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// What was asked for was done.
    Completed = 0,
    /// Something went wrong.
    Error = 1,
    /// Command line or configuration.
    Usage = 2,
    /// Tasks failed.
    TasksFailed = 3,
    /// A person has to act.
    WaitsForPerson = 4,
    /// The budget is used up.
    Budget = 5,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command ends early: the code, one sentence, and what to do about it.
#[derive(Debug)]
pub struct Failure {
    exit: Exit,
    message: String,
    hint: Option<String>,
}

/// How a command ends.
pub type Ended = Result<Exit, Failure>;

impl Failure {
    /// An error.
    pub fn error(message: impl Into<String>) -> Self {
        Self::new(Exit::Error, message)
    }

    /// A wrong command line or configuration.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// With this code.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), hint: None }
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Says it on standard error and gives the code. The reader of our output
    /// having gone away is no error.
    pub fn tell(&self) -> Exit {
        if !self.message.is_empty() {
            let mut talk = io::stderr().lock();
            let label = console::style("error:").red().bold().for_stderr();
            // Nobody is left to be told about a broken standard error.
            let _ = writeln!(talk, "{}", labelled(label, &self.message));
            if let Some(hint) = &self.hint {
                let label = console::style("hint:").cyan().for_stderr();
                let _ = writeln!(talk, "{}", labelled(label, hint));
            }
        }
        self.exit
    }
}

/// What the system says went wrong, without its number.
#[must_use]
pub fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error ").next().unwrap_or(&text).to_lowercase()
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::new(Exit::Completed, ""),
            _ => Self::error(plain(&error)),
        }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        let exit = match refusal.code {
            Code::PriceUnknown | Code::UnknownModel | Code::NoProvider | Code::Invalid => Exit::Usage,
            Code::BudgetExhausted | Code::BudgetHeld => Exit::Budget,
            Code::NotFound
            | Code::ConflictState
            | Code::StaleFence
            | Code::NotExecuting
            | Code::PlanInvalid
            | Code::CycleDetected
            | Code::RetryLimit
            | Code::AlreadyDone
            | Code::ForeignClaim => Exit::Error,
        };
        Self::new(exit, refusal.message)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Refused(refusal) => refusal.into(),
            StoreError::Unavailable(_) | StoreError::Broken(_) => Self::error(error.to_string()),
        }
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Refused(refusal) => refusal.into(),
            EngineError::Store(text) => Self::error(text),
        }
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        Self::error(error.to_string())
    }
}

impl From<LockError> for Failure {
    fn from(error: LockError) -> Self {
        Self::error(error.to_string())
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}
