//! What can be wrong with a configuration, and how it is told to a person: every
//! mistake at once, each with key, value, what is allowed and where it came from.
//!
//! Texts only; nothing is checked here.

use std::fmt;
use std::path::PathBuf;

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Nobody set it.
    Default,
    /// The configuration file.
    File(PathBuf),
    /// An environment variable.
    Variable(String),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Variable(name) => write!(f, "environment variable {name}"),
        }
    }
}

/// A value that is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Dotted path, with `[n]` for entries of a list.
    pub key: String,
    /// The value as it may be shown; never a secret.
    pub found: String,
    /// What is allowed instead.
    pub allowed: String,
    /// Who set it.
    pub source: Source,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, found, allowed, source } = self;
        write!(f, "{key}: found {found}, allowed is {allowed} (from {source})")
    }
}

/// Why there is no configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigErrors {
    /// The file cannot be read.
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// The file is no JSON.
    NotJson {
        /// The file.
        path: PathBuf,
        /// Line of the mistake, from 1.
        line: usize,
        /// Column of the mistake, in characters from 1.
        column: usize,
        /// What the parser expected.
        reason: String,
        /// What stands there.
        found: String,
    },
    /// Values are refused.
    Mistakes {
        /// All of them.
        mistakes: Vec<Mistake>,
        /// What else a person who repairs the file should know.
        warnings: Vec<Warning>,
    },
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { path, reason } => {
                write!(f, "cannot read the configuration {}: {reason}", path.display())
            }
            Self::NotJson { path, line, column, reason, found } => write!(
                f,
                "the configuration {} is not valid JSON: line {line}, column {column}: {reason}, found {found}",
                path.display()
            ),
            Self::Mistakes { mistakes, warnings } => {
                let plural = if mistakes.len() == 1 { "mistake" } else { "mistakes" };
                write!(f, "the configuration has {} {plural}:", mistakes.len())?;
                mistakes.iter().try_for_each(|mistake| write!(f, "\n  {mistake}"))?;
                warnings.iter().try_for_each(|warning| write!(f, "\n  also: {warning}"))
            }
        }
    }
}

impl std::error::Error for ConfigErrors {}

/// What a person should know although the configuration is usable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Warning {
    /// A name that means nothing here.
    UnknownKey {
        /// The name as written: a dotted path or a variable.
        name: String,
        /// Who set it.
        source: Source,
        /// The known name that is most like it.
        nearest: Option<String>,
    },
    /// Keys of the prototype that were set and change nothing.
    WithoutEffect(Vec<String>),
    /// Anything else, as a sentence.
    Note(String),
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownKey { name, source, nearest } => {
                write!(f, "unknown key {name}")?;
                if let Source::File(path) = source {
                    write!(f, " in {}", path.display())?;
                }
                match nearest {
                    Some(nearest) => write!(f, " is ignored; did you mean {nearest}?"),
                    None => f.write_str(" is ignored"),
                }
            }
            Self::WithoutEffect(names) => {
                write!(f, "accepted, but without effect in this version: {}", names.join(", "))
            }
            Self::Note(text) => f.write_str(text),
        }
    }
}
