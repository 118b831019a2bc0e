//! Texts that are made from the table: the example file, and the reference page
//! of keys. Both are checked in, and tests keep them equal to what is made here.

use std::fmt::Write as _;

use serde_json::Value;

use super::keys::{KEYS, Key};

/// Stands at the top of the example file.
const INTRODUCTION: &str = "Every key with its default; keep only what you change. Names that start with an \
    underscore are comments. Each key can be set by a variable too: server.port by ORCH__SERVER__PORT.";

/// The example file: every key with its default, in the order of the table.
#[must_use]
pub fn example_file() -> String {
    let mut text = format!("{{\n  \"_note\": {}", Value::from(INTRODUCTION));
    write_section(&mut text, "", KEYS, 1);
    text.push_str("\n}\n");
    text
}

/// Writes the keys below `prefix`, which stand next to each other in the table.
fn write_section(text: &mut String, prefix: &str, keys: &[Key], depth: usize) {
    let indent = "  ".repeat(depth);
    let mut rest = keys;
    while let Some(key) = rest.first() {
        let tail = &key.path[prefix.len()..];
        if !text.ends_with('{') {
            text.push(',');
        }
        if let Some((section, _)) = tail.split_once('.') {
            let below = format!("{prefix}{section}.");
            let count = rest.iter().take_while(|key| key.path.starts_with(&below)).count();
            let _ = write!(text, "\n{indent}\"{section}\": {{");
            write_section(text, &below, &rest[..count], depth + 1);
            let _ = write!(text, "\n{indent}}}");
            rest = &rest[count..];
        } else {
            if let Some(note) = key.note {
                let _ = write!(text, "\n{indent}\"_note_{tail}\": {},", Value::from(note));
            }
            let _ = write!(text, "\n{indent}\"{tail}\": {}", key.default.value());
            rest = &rest[1..];
        }
    }
}

/// The reference page: one row per key.
#[must_use]
pub fn reference_page() -> String {
    let mut text = String::from(
        "# Configuration\n\n\
         Made by `orch config keys`; a test keeps it equal to the table of keys.\n\n\
         All keys are optional. They are read from `config.json` (`--config FILE`, `ORCH_CONFIG`); a variable \
         `ORCH__SECTION__KEY` wins over the file, lists and objects are given as JSON. Every mistake is reported \
         at once, and an unknown name with the known one that is most like it.\n\n\
         | Key | Allowed | Default | What it does |\n|---|---|---|---|\n",
    );
    for key in KEYS {
        let default = match key.default.value() {
            Value::Null => "not set".to_owned(),
            value => format!("`{value}`"),
        };
        let mut doc = key.doc.to_owned();
        if let Some(variable) = key.fallback_variable.filter(|_| key.note.is_none()) {
            let _ = write!(doc, " Else from `{variable}`.");
        }
        if let Some(note) = key.note {
            let _ = write!(doc, " ({note})");
        }
        if !key.has_effect {
            doc.push_str(" *Accepted, without effect in this version.*");
        }
        let _ = writeln!(text, "| `{}` | {} | {default} | {doc} |", key.path, key.kind.allowed());
    }
    text
}
