//! The configuration: one table of keys (`keys.rs`), collected from file and
//! environment (`layers.rs`), checked (`check.rs`), typed (`build.rs`, `types.rs`).
//!
//! Files and environment are read here alone, in [`Config::load`] and
//! [`environment`]; everything below is pure. No other module reads a variable.

mod build;
mod check;
mod error;
mod example;
mod keys;
pub mod kind;
mod layers;
mod nearest;
#[expect(dead_code, reason = "the commands that read every field are written on top of this")]
pub mod types;

#[cfg(test)]
mod tests;

use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde_json::Value;

pub use error::{ConfigErrors, Warning};
pub use example::{example_file, reference_page};
pub use types::Config;

use layers::Values;

/// The file that is read when none is named.
pub const FILE_NAME: &str = "config.json";

/// The largest file that is read; anything longer is no configuration.
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// A usable configuration, and what should be said about it.
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// To be shown or logged once.
    pub warnings: Vec<Warning>,
    values: Values,
}

/// Without the collected values: these hold secrets in the clear.
impl fmt::Debug for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { config, warnings, values: _ } = self;
        f.debug_struct("Loaded").field("config", config).field("warnings", warnings).finish_non_exhaustive()
    }
}

/// One effective setting, for people.
#[derive(Debug)]
pub struct Setting {
    /// Dotted path.
    pub key: &'static str,
    /// The value; a secret only by its length.
    pub value: String,
    /// Where it came from.
    pub source: String,
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, value, source } = self;
        write!(f, "{key} = {value}  ({source})")
    }
}

impl Config {
    /// Reads the file, if one is given, and applies the environment to it.
    ///
    /// # Errors
    /// The file cannot be read, is no JSON, or values are refused: then all of them.
    pub fn load(
        file: Option<&Path>,
        env: impl Iterator<Item = (String, String)>,
    ) -> Result<Loaded, ConfigErrors> {
        let file = match file {
            Some(path) => Some((path, layers::parse_file(path, &read_file(path)?)?)),
            None => None,
        };
        Self::from_parts(file, env)
    }

    /// The pure part of [`Config::load`].
    fn from_parts(
        file: Option<(&Path, Value)>,
        env: impl Iterator<Item = (String, String)>,
    ) -> Result<Loaded, ConfigErrors> {
        let (values, mut warnings) = layers::collect(file, env)?;
        let config = build::build(&values);
        if config.server.cors_origins.iter().any(|origin| origin == "*") {
            let text = "server.cors_origins contains \"*\": pages of every site may call the API";
            warnings.push(Warning::Note(text.to_owned()));
        }
        Ok(Loaded { config, warnings, values })
    }
}

impl Loaded {
    /// Every key with its effective value and where it came from.
    pub fn settings(&self) -> impl Iterator<Item = Setting> + '_ {
        keys::KEYS.iter().map(|key| {
            let given = self.values.get(key.path);
            let value = given.map_or_else(|| key.default.value(), |given| given.value.clone());
            let source = given.map_or(error::Source::Default, |given| given.source.clone());
            Setting { key: key.path, value: check::shown(&value, key.is_secret), source: source.to_string() }
        })
    }
}

/// The file to read: the one named, else `config.json` in the working folder if
/// there is one. A named file that is missing is an error when it is read.
#[must_use]
pub fn file_to_read(named: Option<&Path>) -> Option<PathBuf> {
    let usual = Path::new(FILE_NAME);
    named.map(Path::to_owned).or_else(|| usual.exists().then(|| usual.to_owned()))
}

/// The environment of this process. Names and values that are no text cannot be
/// meant for us and are left out.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
pub fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

fn read_file(path: &Path) -> Result<String, ConfigErrors> {
    let unreadable = |reason: String| ConfigErrors::Unreadable { path: path.to_owned(), reason };
    let file = File::open(path).map_err(|error| unreadable(error.to_string()))?;
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(|error| unreadable(error.to_string()))?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(unreadable(format!("it is larger than {FILE_BYTES_MAX} bytes")));
    }
    String::from_utf8(bytes).map_err(|error| {
        unreadable(format!("it is not UTF-8 text (byte {})", error.utf8_error().valid_up_to()))
    })
}
