//! Collects what was set, from the file's text and the environment, into one
//! value per key. The environment wins over the file; the variables of the wider
//! world (`ANTHROPIC_API_KEY`) come last, before the defaults.
//!
//! Pure: the file was read and the environment listed by the caller.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value};

use super::check::{Findings, check, is_note, shown};
use super::error::{ConfigErrors, Mistake, Source, Warning};
use super::keys::{KEYS, Key, find, is_section};
use super::kind::Kind;
use super::nearest::nearest;

/// A value that somebody set. No `Debug`: it may be a secret.
#[derive(Clone, PartialEq)]
pub struct Given {
    /// The value.
    pub value: Value,
    /// Who set it.
    pub source: Source,
}

/// What was set, by path. Keys that are absent have their default.
pub type Values = BTreeMap<&'static str, Given>;

/// Start of every variable that sets a key.
const PREFIX: &str = "orch__";

/// Reads the file's text; a byte order mark is forgiven.
///
/// # Errors
/// Where the JSON breaks off, and what stands there.
pub fn parse_file(path: &Path, text: &str) -> Result<Value, ConfigErrors> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    serde_json::from_str(text).map_err(|error| {
        let full = error.to_string();
        // The parser puts the place at the end of its message; it is told apart here.
        let reason = full.split(" at line ").next().unwrap_or(&full).to_owned();
        let line = text.lines().nth(error.line().saturating_sub(1)).unwrap_or_default();
        // Counted in characters: the parser counts bytes.
        let before = if error.is_eof() {
            line
        } else {
            line.get(..error.column().saturating_sub(1)).unwrap_or_default()
        };
        let before = before.chars().count();
        let found = if error.is_eof() {
            "the end of the file".to_owned()
        } else {
            line.chars().nth(before).map_or_else(|| "the end of the line".to_owned(), |c| format!("{c:?}"))
        };
        ConfigErrors::NotJson { path: path.to_owned(), line: error.line(), column: before + 1, reason, found }
    })
}

/// Collects everything and checks it.
///
/// # Errors
/// Every value that is refused, of all sources.
pub fn collect(
    file: Option<(&Path, Value)>,
    env: impl Iterator<Item = (String, String)>,
) -> Result<(Values, Vec<Warning>), ConfigErrors> {
    let mut values = Values::new();
    let mut findings = Findings::default();
    let env: BTreeMap<String, String> = env.collect();

    for key in KEYS {
        let fallback = key.fallback_variable.and_then(|name| Some((name, env.get(name)?)));
        if let Some((name, text)) = fallback.filter(|(_, text)| !text.trim().is_empty()) {
            let source = Source::Variable(name.to_owned());
            values.insert(key.path, Given { value: text.trim().into(), source });
        }
    }
    if let Some((path, value)) = file {
        let source = Source::File(path.to_owned());
        match value {
            Value::Object(object) => take_section("", object, &source, &mut values, &mut findings),
            other => findings.mistakes.push(Mistake {
                key: "the whole file".to_owned(),
                found: shown(&other, false),
                allowed: "an object, like config.example.json".to_owned(),
                source,
            }),
        }
    }
    for (name, text) in &env {
        take_variable(name, text, &mut values, &mut findings);
    }
    for (path, given) in &values {
        if let Some(key) = find(path) {
            check(&key.kind, key.is_secret, path, &given.value, &given.source, &mut findings);
        }
    }
    check_prices(&values, &mut findings);
    check_mcp_servers(&values, &mut findings);
    findings.warnings.extend(without_effect(&values));
    let Findings { mistakes, warnings } = findings;
    if mistakes.is_empty() {
        Ok((values, warnings))
    } else {
        Err(ConfigErrors::Mistakes { mistakes, warnings })
    }
}

fn take_section(
    prefix: &str,
    object: Map<String, Value>,
    source: &Source,
    values: &mut Values,
    findings: &mut Findings,
) {
    for (name, value) in object.into_iter().filter(|(name, _)| !is_note(name)) {
        let path = if prefix.is_empty() { name } else { format!("{prefix}.{name}") };
        take(&path, value, source, values, findings);
    }
}

fn take(path: &str, value: Value, source: &Source, values: &mut Values, findings: &mut Findings) {
    if let Some(key) = find(path) {
        // An optional key may be written as null: that is how the example shows it.
        if !(key.is_optional() && value.is_null()) {
            values.insert(key.path, Given { value, source: source.clone() });
        }
    } else if is_section(path) {
        match value {
            Value::Object(object) => take_section(path, object, source, values, findings),
            other => findings.mistakes.push(Mistake {
                key: path.to_owned(),
                found: shown(&other, true),
                allowed: "an object: it is a section".to_owned(),
                source: source.clone(),
            }),
        }
    } else {
        findings.warnings.push(Warning::UnknownKey {
            name: path.to_owned(),
            source: source.clone(),
            nearest: nearest(path, known_paths().iter().map(String::as_str)).map(str::to_owned),
        });
    }
}

/// Every path, sections included: a mistyped section is named once, not key by key.
fn known_paths() -> Vec<String> {
    let mut paths: Vec<String> = Vec::new();
    for key in KEYS {
        for (at, _) in key.path.match_indices('.') {
            if !paths.iter().any(|path| path == &key.path[..at]) {
                paths.push(key.path[..at].to_owned());
            }
        }
        paths.push(key.path.to_owned());
    }
    paths
}

fn take_variable(name: &str, text: &str, values: &mut Values, findings: &mut Findings) {
    let lower = name.to_lowercase();
    let source = Source::Variable(name.to_owned());
    let Some(path) = lower.strip_prefix(PREFIX).map(|rest| rest.replace("__", ".")) else {
        // ORCH_SERVER_PORT looks right and would do nothing: worth a word.
        let flat = |text: &str| text.replace(['_', '.'], "");
        let meant = lower.strip_prefix("orch_").map(flat);
        let key = meant.and_then(|meant| KEYS.iter().find(|key| flat(key.path) == meant));
        if let Some(key) = key {
            let nearest = Some(key.variable());
            findings.warnings.push(Warning::UnknownKey { name: name.to_owned(), source, nearest });
        }
        return;
    };
    if let Some(key) = find(&path) {
        if !(key.is_optional() && text.trim().is_empty()) {
            let value = value_of(&key.kind, text);
            take(&path, value, &source, values, findings);
        }
    } else if let Some((key, entry, kind)) = map_entry(&path) {
        let mut map = values.get(key.path).map_or_else(|| key.default.value(), |given| given.value.clone());
        if let Some(fields) = map.as_object_mut() {
            fields.insert(entry.to_owned(), value_of(kind, text));
            values.insert(key.path, Given { value: map, source });
        }
    } else if is_section(&path) {
        let value = serde_json::from_str(text).unwrap_or_else(|_| text.into());
        take(&path, value, &source, values, findings);
    } else {
        let known: Vec<String> = KEYS.iter().map(Key::variable).collect();
        let nearest = nearest(name, known.iter().map(String::as_str)).map(str::to_owned);
        findings.warnings.push(Warning::UnknownKey { name: name.to_owned(), source, nearest });
    }
}

/// `ollama.hosts.gpu`: the key, the name in its map, and the kind of the value.
fn map_entry(path: &str) -> Option<(&'static Key, &str, &'static Kind)> {
    KEYS.iter().find_map(|key| match key.kind {
        Kind::Map(kind) => {
            let entry = path.strip_prefix(key.path)?.strip_prefix('.')?;
            (!entry.is_empty()).then_some((key, entry, kind))
        }
        _ => None,
    })
}

/// A variable's text as a value of the kind that is wanted. What does not fit
/// stays a text, and the check refuses it with what is allowed.
fn value_of(kind: &Kind, text: &str) -> Value {
    let trimmed = text.trim();
    match kind {
        Kind::Text(_) => text.into(),
        Kind::Bool => match trimmed.to_ascii_lowercase().as_str() {
            "true" => true.into(),
            "false" => false.into(),
            _ => text.into(),
        },
        _ => serde_json::from_str(trimmed).unwrap_or_else(|_| text.into()),
    }
}

/// A second price needs the length from which it holds, and the other way round.
fn check_prices(values: &Values, findings: &mut Findings) {
    let Some(given) = values.get("model_pricing") else { return };
    for (model, price) in given.value.as_object().into_iter().flatten() {
        let is_set = |name: &str| price.get(name).is_some_and(|value| !value.is_null());
        let missing = match (is_set("above_prompt_tokens"), is_set("above")) {
            (true, false) => "above",
            (false, true) => "above_prompt_tokens",
            _ => continue,
        };
        findings.mistakes.push(Mistake {
            key: format!("model_pricing.{model}.{missing}"),
            found: "nothing".to_owned(),
            allowed: "above_prompt_tokens and above together".to_owned(),
            source: given.source.clone(),
        });
    }
}

/// A server is either a program or an address, and the rest belongs to the one.
fn check_mcp_servers(values: &Values, findings: &mut Findings) {
    let Some(given) = values.get("mcp.servers") else { return };
    let servers = given.value.as_object().into_iter().flatten();
    for (name, server) in servers.filter(|(name, server)| !is_note(name) && server.is_object()) {
        let has = |field: &str| server.get(field).is_some_and(|value| !value.is_null());
        let mut refuse = |field: &str, found: &str, allowed: &str| {
            findings.mistakes.push(Mistake {
                key: format!("mcp.servers.{name}{field}"),
                found: found.to_owned(),
                allowed: allowed.to_owned(),
                source: given.source.clone(),
            });
        };
        match (has("command"), has("url")) {
            (true, true) => refuse("", "both command and url", "one of them"),
            (false, false) => refuse("", "neither command nor url", "one of them"),
            (true, false) if has("headers") => refuse(".headers", "a value", "only together with url"),
            (false, true) => {
                let misplaced = ["args", "env"].into_iter().filter(|field| has(field));
                misplaced.for_each(|field| {
                    refuse(&format!(".{field}"), "a value", "only together with command");
                });
            }
            (true, false) => {}
        }
    }
}

/// Names the keys that were set and change nothing; a section of which no key
/// has an effect is named as one. Who has all of them at their defaults started
/// from the example file and wants none in particular: nothing is said.
fn without_effect(values: &Values) -> Option<Warning> {
    let mut idle = KEYS.iter().filter(|key| !key.has_effect);
    if idle.all(|key| values.get(key.path).is_some_and(|given| given.value == key.default.value())) {
        return None;
    }
    let mut names: Vec<String> = Vec::new();
    for key in KEYS.iter().filter(|key| !key.has_effect && values.contains_key(key.path)) {
        let section = key.path.split('.').next().unwrap_or(key.path);
        let is_in_section = |other: &&Key| other.path.split('.').next() == Some(section);
        let name = if KEYS.iter().filter(is_in_section).any(|other| other.has_effect) {
            key.path.to_owned()
        } else {
            format!("{section}.*")
        };
        if !names.contains(&name) {
            names.push(name);
        }
    }
    (!names.is_empty()).then_some(Warning::WithoutEffect(names))
}
