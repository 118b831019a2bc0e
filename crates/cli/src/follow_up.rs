//! Commands that are suggested: each can be pasted as it stands, for it carries the
//! places that were given as flags. Those from the environment still hold.
//!
//! Knows nothing of what the commands do.

use std::sync::OnceLock;

use clap::ArgMatches;
use clap::parser::ValueSource;

/// Options of every command that say where things are, and their names inside.
const PLACES: [(&str, &str); 2] = [("--config", "config"), ("--data-dir", "data_dir")];

/// The flags that were given, as they are written again.
static GIVEN: OnceLock<String> = OnceLock::new();

/// Keeps what the command line says about places.
pub fn remember(matches: &ArgMatches) {
    let mut flags = String::new();
    for (flag, id) in PLACES {
        if let Some(value) = given(matches, id) {
            flags.push_str(&format!(" {flag} {}", quoted(&value)));
        }
    }
    // The command line is read once.
    let _ = GIVEN.set(flags);
}

/// A command to type next: `orch`, these words, and the flags that were given.
pub fn orch(words: &str) -> String {
    format!("orch {words}{}", GIVEN.get().map_or("", String::as_str))
}

/// A value from the command line, wherever on it the option stands.
fn given(matches: &ArgMatches, id: &str) -> Option<String> {
    let own = (matches.value_source(id) == Some(ValueSource::CommandLine))
        .then(|| matches.get_raw(id)?.next().map(|value| value.to_string_lossy().into_owned()))
        .flatten();
    own.or_else(|| given(matches.subcommand()?.1, id))
}

/// A word as a shell reads it back.
fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "/._-~+:@%,=".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_where_a_shell_would_split_them() {
        assert_eq!(quoted("./my-data"), "./my-data");
        assert_eq!(quoted("my data"), "'my data'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }
}
