//! What a value of the configuration may be, as data: the same description
//! checks it and tells a person what is allowed.
//!
//! Knows no key and no source of values; `keys.rs` says which key is of which kind.

use std::net::IpAddr;

/// What a value may be.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// `true` or `false`.
    Bool,
    /// A whole number in a closed range.
    Whole {
        /// Smallest allowed.
        min: i64,
        /// Largest allowed.
        max: i64,
    },
    /// Any number in a range.
    Number {
        /// Smallest allowed.
        min: f64,
        /// Largest allowed.
        max: f64,
        /// Whether `min` itself is refused.
        above_min: bool,
    },
    /// Text of a certain form.
    Text(Form),
    /// A list, all entries of one kind.
    List(&'static Kind),
    /// An object whose names are free and whose values are of one kind.
    Map(&'static Kind),
    /// An object with known fields.
    Object(&'static [Field]),
}

/// A field of an object.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// What it may be.
    pub kind: Kind,
    /// Whether the object is refused without it.
    pub is_required: bool,
    /// Whether its value is never shown.
    pub is_secret: bool,
}

/// The form that a text must have.
#[derive(Clone, Copy, Debug)]
pub enum Form {
    /// Any text.
    Any,
    /// Any text that is not blank.
    Filled,
    /// `http://…` or `https://…` with a host.
    Url,
    /// `*` or a URL.
    Origin,
    /// One of these words, in any case.
    OneOf(&'static [&'static str]),
    /// `60/minute`.
    Rate,
    /// An IP address, or a network like `10.0.0.0/8`.
    Network,
    /// `provider/model` with a known provider.
    Route,
    /// A key for signing: long, and no placeholder.
    SigningKey,
}

/// Providers that a route may name.
pub const PROVIDERS: [&str; 3] = ["anthropic", "ollama", "simulated"];

/// The shortest signing key that is accepted, in characters.
pub const SIGNING_KEY_CHARS_MIN: usize = 32;

impl Kind {
    /// What is allowed, as a phrase that can follow "allowed: ".
    #[must_use]
    pub fn allowed(&self) -> String {
        match self {
            Self::Bool => "true or false".to_owned(),
            Self::Whole { min, max } => format!("a whole number from {min} to {max}"),
            Self::Number { min, max, above_min: true } => format!("a number above {min}, at most {max}"),
            Self::Number { min, max, above_min: false } => format!("a number from {min} to {max}"),
            Self::Text(form) => form.allowed(),
            Self::List(kind) => format!("a list, each entry {}", kind.allowed()),
            Self::Map(kind) => format!("an object of names, each with {}", kind.allowed()),
            Self::Object(fields) => {
                let required: Vec<&str> = fields.iter().filter(|f| f.is_required).map(|f| f.name).collect();
                if required.is_empty() {
                    let all: Vec<&str> = fields.iter().map(|f| f.name).collect();
                    return format!("an object with some of {}", all.join(", "));
                }
                format!("an object with {}", required.join(", "))
            }
        }
    }
}

impl Form {
    fn allowed(&self) -> String {
        match self {
            Self::Any => "text".to_owned(),
            Self::Filled => "text that is not empty".to_owned(),
            Self::Url => "a URL that starts with http:// or https://".to_owned(),
            Self::Origin => "\"*\" or an origin that starts with http:// or https://".to_owned(),
            Self::OneOf(words) => format!("one of {}", words.join(", ")),
            Self::Rate => {
                "a rate like \"60/minute\": a whole number from 1, then second, minute, hour or day"
                    .to_owned()
            }
            Self::Network => "an IP address, or a network like \"10.0.0.0/8\"".to_owned(),
            Self::Route => format!("\"provider/model\" with a provider of {}", PROVIDERS.join(", ")),
            Self::SigningKey => {
                format!("at least {SIGNING_KEY_CHARS_MIN} random characters, no placeholder")
            }
        }
    }

    /// Whether `text` has the form.
    #[must_use]
    pub fn accepts(&self, text: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Filled => !text.trim().is_empty(),
            Self::Url => is_url(text),
            Self::Origin => text == "*" || is_url(text),
            Self::OneOf(words) => words.iter().any(|word| word.eq_ignore_ascii_case(text)),
            Self::Rate => Rate::parse(text).is_some(),
            Self::Network => Network::parse(text).is_some(),
            Self::Route => {
                text.split_once('/').is_some_and(|(p, m)| PROVIDERS.contains(&p) && !m.trim().is_empty())
            }
            Self::SigningKey => is_signing_key(text),
        }
    }
}

fn is_url(text: &str) -> bool {
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    rest.is_some_and(|rest| {
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        !host.is_empty() && !rest.chars().any(|c| c.is_whitespace() || c.is_control())
    })
}

/// Long enough, and not one of the texts that stand in example files. A key of
/// few different characters is no better than a placeholder.
fn is_signing_key(text: &str) -> bool {
    const PLACEHOLDERS: [&str; 8] = [
        "changeme",
        "changethis",
        "replaceme",
        "replacethis",
        "placeholder",
        "yoursecret",
        "secretkeyhere",
        "generatewith",
    ];
    let letters: String = text.chars().filter(char::is_ascii_alphabetic).collect::<String>().to_lowercase();
    let different: std::collections::BTreeSet<char> = text.chars().collect();
    text.chars().count() >= SIGNING_KEY_CHARS_MIN
        && different.len() >= 8
        && !PLACEHOLDERS.iter().any(|known| letters.contains(known))
}

/// So many requests in so many seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Requests allowed in one period.
    pub count: u32,
    /// Length of the period, in seconds.
    pub per_seconds: u32,
}

impl Rate {
    /// Reads `60/minute` (also `60/min`, `60 per minute`, plurals, any case).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let lower = text.trim().to_ascii_lowercase();
        let (count, unit) = lower.split_once('/').or_else(|| lower.split_once(" per "))?;
        let per_seconds = match unit.trim().trim_end_matches('s') {
            "second" | "sec" => 1,
            "minute" | "min" => 60,
            "hour" => 3_600,
            "day" => 86_400,
            _ => return None,
        };
        let count = count.trim().parse().ok().filter(|count| *count > 0)?;
        Some(Self { count, per_seconds })
    }
}

/// An address, or all addresses that share its first `prefix` bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// The address as written.
    pub address: IpAddr,
    /// Bits that count: 32 or 128 for a single address.
    pub prefix: u8,
}

impl Network {
    /// Reads `10.0.0.1`, `10.0.0.0/8`, `::1` or `fd00::/8`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix.parse::<u8>().ok()?)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.unwrap_or(bits);
        (prefix <= bits).then_some(Self { address, prefix })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_or_refused() {
        let rate = |count, per_seconds| Some(Rate { count, per_seconds });
        for (text, expected) in [
            ("60/minute", rate(60, 60)),
            ("5/second", rate(5, 1)),
            ("100/Hours", rate(100, 3_600)),
            ("7 per day", rate(7, 86_400)),
            (" 3 / min ", rate(3, 60)),
            ("0/minute", None),
            ("-1/minute", None),
            ("60", None),
            ("60/fortnight", None),
            ("many/minute", None),
            ("99999999999/minute", None),
            ("", None),
        ] {
            assert_eq!(Rate::parse(text), expected, "{text:?}");
        }
    }

    #[test]
    fn forms_accept_what_they_name_and_nothing_else() {
        for (form, text, expected) in [
            (Form::Url, "http://localhost:11434", true),
            (Form::Url, "https://gateway.test/v1", true),
            (Form::Url, "localhost:11434", false),
            (Form::Url, "http://", false),
            (Form::Url, "http:///path", false),
            (Form::Url, "http://a b", false),
            (Form::Origin, "*", true),
            (Form::Origin, "ftp://x", false),
            (Form::OneOf(&["json", "text"]), "JSON", true),
            (Form::OneOf(&["json", "text"]), "xml", false),
            (Form::Network, "10.0.0.0/8", true),
            (Form::Network, "10.0.0.0/33", false),
            (Form::Network, "fd00::/8", true),
            (Form::Network, "proxy.test", false),
            (Form::Route, "anthropic/claude-x", true),
            (Form::Route, "ollama/hf.co/some/model:7b", true),
            (Form::Route, "claude-x", false),
            (Form::Route, "acme/claude-x", false),
            (Form::Route, "ollama/", false),
            (Form::Filled, " ", false),
        ] {
            assert_eq!(form.accepts(text), expected, "{form:?} {text:?}");
        }
    }

    #[test]
    fn signing_keys_are_long_and_no_placeholders() {
        for (text, expected) in [
            ("3d0f4be8a1c64f7f9f1c2a7be6d05c11", true),
            ("3d0f4be8a1c64f7f9f1c2a7be6d05c1", false),
            ("CHANGE-ME-to-a-long-random-string-of-characters", false),
            ("your_secret_key_here_at_least_32_characters", false),
            ("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false),
            ("", false),
        ] {
            assert_eq!(Form::SigningKey.accepts(text), expected, "{text:?}");
        }
    }
}
