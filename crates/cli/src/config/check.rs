//! Checks one value against its kind, all the way down, and tells every mistake.
//! Booleans are not numbers, numbers are not texts: nothing is converted.
//!
//! Reads no file and no environment.

use serde_json::Value;

use super::error::{Mistake, Source, Warning};
use super::kind::{Field, Kind};
use super::nearest::nearest;

/// What was found while checking.
#[derive(Debug, Default)]
pub struct Findings {
    /// Values that are refused.
    pub mistakes: Vec<Mistake>,
    /// Names that mean nothing.
    pub warnings: Vec<Warning>,
}

/// Longest value that a message repeats, in characters.
const SHOWN_CHARS_MAX: usize = 80;

/// Checks `value`, which stands at `path`, and notes what is wrong.
pub fn check(
    kind: &Kind,
    is_secret: bool,
    path: &str,
    value: &Value,
    source: &Source,
    findings: &mut Findings,
) {
    match (kind, value) {
        (Kind::List(entry), Value::Array(values)) => {
            for (index, value) in values.iter().enumerate() {
                check(entry, is_secret, &format!("{path}[{index}]"), value, source, findings);
            }
        }
        (Kind::Map(entry), Value::Object(values)) => {
            for (name, value) in values.iter().filter(|(name, _)| !is_note(name)) {
                check(entry, is_secret, &format!("{path}.{name}"), value, source, findings);
            }
        }
        (Kind::Object(fields), Value::Object(_)) => check_object(fields, path, value, source, findings),
        _ if accepts(kind, value) => {}
        _ => {
            let mut allowed = kind.allowed();
            if matches!(source, Source::Variable(_)) && is_structured(kind) {
                allowed.push_str(", as JSON");
            }
            findings.mistakes.push(Mistake {
                key: path.to_owned(),
                found: shown(value, is_secret),
                allowed,
                source: source.clone(),
            });
        }
    }
}

fn check_object(fields: &[Field], path: &str, value: &Value, source: &Source, findings: &mut Findings) {
    for field in fields {
        let at = format!("{path}.{}", field.name);
        match value.get(field.name) {
            None | Some(Value::Null) if field.is_required => findings.mistakes.push(Mistake {
                key: at,
                found: "nothing".to_owned(),
                allowed: field.kind.allowed(),
                source: source.clone(),
            }),
            None | Some(Value::Null) => {}
            Some(value) => check(&field.kind, field.is_secret, &at, value, source, findings),
        }
    }
    let names = value.as_object().into_iter().flat_map(|object| object.keys());
    for name in names.filter(|name| !is_note(name)) {
        if !fields.iter().any(|field| field.name == name) {
            let nearest = nearest(name, fields.iter().map(|field| field.name));
            findings.warnings.push(Warning::UnknownKey {
                name: format!("{path}.{name}"),
                source: source.clone(),
                nearest: nearest.map(|nearest| format!("{path}.{nearest}")),
            });
        }
    }
}

fn accepts(kind: &Kind, value: &Value) -> bool {
    match (kind, value) {
        (Kind::Bool, Value::Bool(_)) => true,
        (Kind::Whole { min, max }, Value::Number(number)) => {
            number.as_i64().is_some_and(|number| (*min..=*max).contains(&number))
        }
        (Kind::Number { min, max, above_min }, Value::Number(number)) => number
            .as_f64()
            .is_some_and(|number| number <= *max && if *above_min { number > *min } else { number >= *min }),
        (Kind::Text(form), Value::String(text)) => form.accepts(text),
        _ => false,
    }
}

const fn is_structured(kind: &Kind) -> bool {
    matches!(kind, Kind::List(_) | Kind::Map(_) | Kind::Object(_))
}

/// Names that start with an underscore are comments, by habit of the prototype.
#[must_use]
pub fn is_note(name: &str) -> bool {
    name.starts_with('_')
}

/// A value as it may stand in a message: bounded, and a secret only by its length.
#[must_use]
pub fn shown(value: &Value, is_secret: bool) -> String {
    if is_secret && !value.is_null() {
        return match value {
            Value::String(text) => format!("a hidden text of {} characters", text.chars().count()),
            Value::Bool(_) => "a boolean".to_owned(),
            Value::Number(_) => "a number".to_owned(),
            _ => "a hidden value".to_owned(),
        };
    }
    let text = without_password(&without_secrets(value).to_string());
    if text.chars().count() <= SHOWN_CHARS_MAX {
        return text;
    }
    format!("{}…", text.chars().take(SHOWN_CHARS_MAX).collect::<String>())
}

/// Hides what stands under names that hold secrets, wherever it was misplaced.
fn without_secrets(value: &Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| {
                let is_secret =
                    ["secret", "password", "token", "api_key"].iter().any(|word| name.contains(word));
                let hidden = is_secret && !value.is_object() && !value.is_array();
                (name.clone(), if hidden { Value::from("(hidden)") } else { without_secrets(value) })
            })
            .collect(),
        Value::Array(values) => values.iter().map(without_secrets).collect(),
        other => other.clone(),
    }
}

/// Hides `user:password@` in addresses.
fn without_password(text: &str) -> String {
    let mut parts = text.split("://");
    let mut safe = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        safe.push_str("://");
        let host_end = part.find(['/', '"', '?', '#']).unwrap_or(part.len());
        match part[..host_end].rfind('@') {
            Some(at) => {
                safe.push_str("(hidden)");
                safe.push_str(&part[at..]);
            }
            None => safe.push_str(part),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_of_their_kind_or_refused() {
        let port = Kind::Whole { min: 1, max: 65_535 };
        let above_0 = Kind::Number { min: 0.0, max: 10.0, above_min: true };
        for (kind, value, expected) in [
            (Kind::Bool, json!(true), true),
            (Kind::Bool, json!("true"), false),
            (Kind::Bool, json!(1), false),
            (port, json!(5200), true),
            (port, json!(true), false),
            (port, json!(0), false),
            (port, json!(65_536), false),
            (port, json!(52.5), false),
            (port, json!("5200"), false),
            (above_0, json!(0), false),
            (above_0, json!(0.001), true),
            (above_0, json!(10), true),
            (above_0, json!(true), false),
            (above_0, json!(1e300), false),
        ] {
            let mut findings = Findings::default();
            check(&kind, false, "k", &value, &Source::Default, &mut findings);
            assert_eq!(findings.mistakes.is_empty(), expected, "{kind:?} {value}");
        }
    }

    #[test]
    fn messages_hide_secrets_and_stay_short() {
        for (value, is_secret, expected) in [
            (json!("abc"), true, "a hidden text of 3 characters"),
            (
                json!({"client_secret": "abc", "name": "x"}),
                false,
                r#"{"client_secret":"(hidden)","name":"x"}"#,
            ),
            (json!("http://me:word@host/x"), false, r#""http://(hidden)@host/x""#),
            (json!(["http://h/a@b"]), false, r#"["http://h/a@b"]"#),
        ] {
            assert_eq!(shown(&value, is_secret), expected);
        }
        assert_eq!(shown(&json!("x".repeat(5_000)), false).chars().count(), SHOWN_CHARS_MAX + 1);
    }
}
