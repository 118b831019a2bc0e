//! Reads fields out of a body or a query, collects every mistake, and says them in
//! the contract's form. As lenient as the prototype: numbers may be sent as text,
//! truth as a word; unknown fields are ignored.
//!
//! A reader always gets a value; whether it means anything is known at the end,
//! when [`Fields::finish`] tells whether there were mistakes.

use std::collections::HashSet;
use std::ops::RangeInclusive;

use serde_json::{Map, Value, json};

use crate::error::{ApiError, FieldProblem};

/// Longest text that is sent back in a message.
const ECHO_CHARS_MAX: usize = 100;

/// Something that is read from fields.
pub trait Shape: Sized + Send {
    /// Reads it; mistakes are kept in `fields`.
    fn read(fields: &mut Fields) -> Self;
}

/// Fields that were sent.
pub struct Fields {
    origin: &'static str,
    values: Map<String, Value>,
    repeated: HashSet<String>,
    problems: Vec<FieldProblem>,
    /// What was asked for, while a shape describes itself.
    asked: Option<Asked>,
}

/// Fields that a shape reads, as JSON Schema.
#[derive(Default)]
struct Asked {
    properties: Map<String, Value>,
    required: Vec<String>,
}

impl Fields {
    /// Fields of a body.
    pub(crate) fn body(values: Map<String, Value>) -> Self {
        Self { origin: "body", values, repeated: HashSet::new(), problems: Vec::new(), asked: None }
    }

    /// Fields of a query.
    pub(crate) fn query(text: &str) -> Self {
        let (mut values, mut repeated) = (Map::new(), HashSet::new());
        for (name, value) in form(text) {
            if values.insert(name.clone(), Value::String(value)).is_some() {
                repeated.insert(name);
            }
        }
        Self { origin: "query", values, repeated, problems: Vec::new(), asked: None }
    }

    /// Reads a shape and tells all mistakes at once.
    ///
    /// # Errors
    /// A 422 with every field that does not fit.
    pub(crate) fn finish<T: Shape>(mut self) -> Result<T, ApiError> {
        let shape = T::read(&mut self);
        if self.problems.is_empty() { Ok(shape) } else { Err(ApiError::Invalid(self.problems)) }
    }

    /// The JSON Schema of what a shape takes: the shape reads nothing, and what it
    /// asks for is written down.
    pub(crate) fn describe<T: Shape>() -> Value {
        let mut fields = Self::body(Map::new());
        fields.asked = Some(Asked::default());
        T::read(&mut fields);
        let Asked { properties, required } = fields.asked.unwrap_or_default();
        json!({"type": "object", "properties": properties, "required": required})
    }

    fn ask(&mut self, name: &str, is_required: bool, schema: impl FnOnce() -> Value) {
        let Some(asked) = &mut self.asked else { return };
        // A reader may be made of others: the one that was asked first says it all.
        if !asked.properties.contains_key(name) {
            asked.properties.insert(name.to_owned(), schema());
            if is_required {
                asked.required.push(name.to_owned());
            }
        }
    }

    /// Whether there were mistakes so far.
    #[must_use]
    pub fn is_wrong(&self) -> bool {
        !self.problems.is_empty()
    }

    /// Whether the field was sent with a value other than null.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.values.get(name).is_some_and(|value| !value.is_null())
    }

    /// Records a mistake that the caller found, without what was sent.
    pub fn problem(&mut self, name: &str, kind: &'static str, msg: impl Into<String>) {
        self.push(vec![json!(name)], kind, msg.into(), None);
    }

    fn push(&mut self, path: Vec<Value>, kind: &'static str, msg: String, input: Option<Value>) {
        let mut loc = vec![json!(self.origin)];
        loc.extend(path);
        self.problems.push(FieldProblem { kind, loc, msg, input });
    }

    fn wrong(&mut self, name: &str, kind: &'static str, msg: impl Into<String>, value: &Value) {
        let input = match value {
            Value::String(text) if text.chars().count() > ECHO_CHARS_MAX => None,
            Value::Array(_) | Value::Object(_) => None,
            Value::String(_) | Value::Number(_) | Value::Bool(_) | Value::Null => Some(value.clone()),
        };
        self.push(vec![json!(name)], kind, msg.into(), input);
    }

    fn missing(&mut self, name: &str) {
        self.push(vec![json!(name)], "missing", "Field required".to_owned(), None);
    }

    fn take(&mut self, name: &str) -> Option<Value> {
        if self.repeated.contains(name) {
            self.problem(name, "repeated", "Given more than once");
            self.values.remove(name);
            return None;
        }
        self.values.remove(name)
    }

    /// A text that must be there.
    pub fn text(&mut self, name: &str, chars: RangeInclusive<usize>) -> String {
        self.ask(name, true, || text_schema(&chars, false));
        match self.take(name) {
            Some(value) => self.checked_text(name, &value, chars),
            None if self.repeated.contains(name) => String::new(),
            None => {
                self.missing(name);
                String::new()
            }
        }
    }

    /// A text that is never sent back.
    pub fn secret(&mut self, name: &str, chars: RangeInclusive<usize>) -> String {
        let before = self.problems.len();
        let text = self.text(name, chars);
        for problem in &mut self.problems[before..] {
            problem.input = None;
        }
        text
    }

    /// A text that may be left out, or null.
    pub fn opt_text(&mut self, name: &str, chars: RangeInclusive<usize>) -> Option<String> {
        self.ask(name, false, || text_schema(&chars, true));
        let value = self.take(name).filter(|value| !value.is_null())?;
        Some(self.checked_text(name, &value, chars))
    }

    /// A text that is empty when it is left out.
    pub fn text_or_empty(&mut self, name: &str, chars_max: usize) -> String {
        self.ask(name, false, || text_schema(&(0..=chars_max), false));
        match self.take(name) {
            Some(value) => self.checked_text(name, &value, 0..=chars_max),
            None => String::new(),
        }
    }

    fn checked_text(&mut self, name: &str, value: &Value, chars: RangeInclusive<usize>) -> String {
        let Value::String(text) = value else {
            self.wrong(name, "string_type", "Input should be a valid string", value);
            return String::new();
        };
        let count = text.chars().count();
        let (min, max) = (*chars.start(), *chars.end());
        if count < min {
            self.wrong(
                name,
                "string_too_short",
                format!("String should have at least {min} characters"),
                value,
            );
        } else if count > max {
            self.wrong(
                name,
                "string_too_long",
                format!("String should have at most {max} characters"),
                value,
            );
        } else if text.contains('\0') {
            self.problem(name, "value_error", "A NUL character has no place in a text");
        }
        text.clone()
    }

    /// A text of one line: nothing in it that hides or moves other text.
    pub fn line(&mut self, name: &str, chars: RangeInclusive<usize>) -> String {
        let text = self.text(name, chars);
        self.check_line(name, &text);
        text
    }

    /// A text of one line that may be left out, or null.
    pub fn opt_line(&mut self, name: &str, chars: RangeInclusive<usize>) -> Option<String> {
        let text = self.opt_text(name, chars)?;
        self.check_line(name, &text);
        Some(text)
    }

    /// Records what makes a text no plain line.
    pub fn check_line(&mut self, name: &str, text: &str) {
        let is_hidden = |c: char| {
            c.is_control()
                || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        };
        if text.contains(is_hidden) && !text.contains('\0') {
            self.problem(name, "value_error", "Control and direction characters have no place here");
        }
        if !text.is_empty() && text.trim().is_empty() {
            self.problem(name, "value_error", "Must not be blank");
        }
    }

    /// A whole number; `default` when it is left out.
    pub fn int_or(&mut self, name: &str, range: RangeInclusive<i64>, default: i64) -> i64 {
        self.ask(name, false, || {
            let mut schema = int_schema(&range, false);
            schema["default"] = json!(default);
            schema
        });
        match self.take(name) {
            Some(value) => self.checked_int(name, &value, range).unwrap_or(default),
            None => default,
        }
    }

    /// A whole number that may be left out, or null.
    pub fn opt_int(&mut self, name: &str, range: RangeInclusive<i64>) -> Option<i64> {
        self.ask(name, false, || int_schema(&range, true));
        let value = self.take(name).filter(|value| !value.is_null())?;
        self.checked_int(name, &value, range)
    }

    fn checked_int(&mut self, name: &str, value: &Value, range: RangeInclusive<i64>) -> Option<i64> {
        let number = match value {
            Value::Number(number) => number.as_i64().ok_or_else(|| number.as_f64().unwrap_or(f64::NAN)),
            Value::String(text) => {
                let text = text.trim();
                match text.parse::<i64>() {
                    Ok(number) => Ok(number),
                    Err(_) => match text.parse::<f64>() {
                        // Words like `inf` and `nan` are no numbers here.
                        Ok(float) if !text.contains(|c: char| c.is_alphabetic()) => Err(float),
                        _ => {
                            self.wrong(name, "int_parsing", "Input should be a valid integer", value);
                            return None;
                        }
                    },
                }
            }
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => {
                self.wrong(name, "int_type", "Input should be a valid integer", value);
                return None;
            }
        };
        let number = match number {
            Ok(number) => number,
            // 2^53: beyond it not every whole number is one.
            Err(float) if float.fract() == 0.0 && float.abs() < 9_007_199_254_740_992.0 => float as i64,
            Err(float) if float.fract() == 0.0 => {
                let (kind, bound) = if float > 0.0 {
                    ("less_than_equal", format!("less than or equal to {}", range.end()))
                } else {
                    ("greater_than_equal", format!("greater than or equal to {}", range.start()))
                };
                self.wrong(name, kind, format!("Input should be {bound}"), value);
                return None;
            }
            Err(_) => {
                self.wrong(name, "int_from_float", "Input should be a whole number", value);
                return None;
            }
        };
        if number < *range.start() {
            let msg = format!("Input should be greater than or equal to {}", range.start());
            self.wrong(name, "greater_than_equal", msg, value);
            return None;
        }
        if number > *range.end() {
            let msg = format!("Input should be less than or equal to {}", range.end());
            self.wrong(name, "less_than_equal", msg, value);
            return None;
        }
        Some(number)
    }

    /// Yes or no; `default` when it is left out.
    pub fn bool_or(&mut self, name: &str, default: bool) -> bool {
        self.ask(name, false, || json!({"type": "boolean", "default": default}));
        self.opt_bool(name).unwrap_or(default)
    }

    /// Yes or no; may be left out, or null.
    pub fn opt_bool(&mut self, name: &str) -> Option<bool> {
        self.ask(name, false, || json!({"type": ["boolean", "null"]}));
        let value = self.take(name).filter(|value| !value.is_null())?;
        let word = match &value {
            Value::Bool(bool) => return Some(*bool),
            Value::String(text) => text.to_ascii_lowercase(),
            Value::Number(number) => number.to_string(),
            Value::Null | Value::Array(_) | Value::Object(_) => String::new(),
        };
        match word.as_str() {
            "true" | "1" | "yes" | "on" | "t" | "y" => Some(true),
            "false" | "0" | "no" | "off" | "f" | "n" => Some(false),
            _ => {
                self.wrong(name, "bool_parsing", "Input should be a valid boolean", &value);
                None
            }
        }
    }

    /// One of a few words; may be left out, or null.
    pub fn opt_word<T>(
        &mut self,
        name: &str,
        allowed: &[&str],
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        self.ask(name, false, || {
            let mut words: Vec<Value> = allowed.iter().map(|word| json!(word)).collect();
            words.push(Value::Null);
            json!({"enum": words})
        });
        let value = self.take(name).filter(|value| !value.is_null())?;
        let parsed = value.as_str().and_then(parse);
        if parsed.is_none() {
            let msg = format!("Input should be one of: {}", allowed.join(", "));
            self.wrong(name, "enum", msg, &value);
        }
        parsed
    }

    /// One of a few words that must be there.
    pub fn word<T>(&mut self, name: &str, allowed: &[&str], parse: impl Fn(&str) -> Option<T>) -> Option<T> {
        self.ask(name, true, || json!({"type": "string", "enum": allowed}));
        if !self.values.contains_key(name) {
            self.missing(name);
            return None;
        }
        if !self.has(name) {
            let msg = format!("Input should be one of: {}", allowed.join(", "));
            self.wrong(name, "enum", msg, &Value::Null);
            return None;
        }
        self.opt_word(name, allowed, parse)
    }

    /// An object; may be left out, or null.
    pub fn opt_object(&mut self, name: &str) -> Option<Map<String, Value>> {
        self.ask(name, false, || json!({"type": ["object", "null"]}));
        let value = self.take(name).filter(|value| !value.is_null())?;
        match value {
            Value::Object(object) => Some(object),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                self.wrong(name, "dict_type", "Input should be a valid dictionary", &value);
                None
            }
        }
    }

    /// A list of texts that must be there.
    pub fn texts(&mut self, name: &str, count: RangeInclusive<usize>, chars_max: usize) -> Vec<String> {
        self.ask(name, true, || {
            json!({
                "type": "array",
                "items": {"type": "string", "maxLength": chars_max},
                "minItems": count.start(),
                "maxItems": count.end(),
            })
        });
        let Some(value) = self.take(name) else {
            self.missing(name);
            return Vec::new();
        };
        let Value::Array(list) = &value else {
            self.wrong(name, "list_type", "Input should be a valid list", &value);
            return Vec::new();
        };
        if list.len() < *count.start() {
            self.problem(name, "too_short", format!("List should have at least {} entries", count.start()));
        } else if list.len() > *count.end() {
            self.problem(name, "too_long", format!("List should have at most {} entries", count.end()));
            return Vec::new();
        }
        let mut texts = Vec::with_capacity(list.len());
        for (index, entry) in list.iter().enumerate() {
            match entry.as_str() {
                Some(text) if text.chars().count() <= chars_max => texts.push(text.to_owned()),
                Some(_) => {
                    let msg = format!("String should have at most {chars_max} characters");
                    self.push(vec![json!(name), json!(index)], "string_too_long", msg, None);
                }
                None => {
                    let msg = "Input should be a valid string".to_owned();
                    self.push(vec![json!(name), json!(index)], "string_type", msg, None);
                }
            }
        }
        texts
    }
}

fn text_schema(chars: &RangeInclusive<usize>, is_nullable: bool) -> Value {
    let kind = if is_nullable { json!(["string", "null"]) } else { json!("string") };
    json!({"type": kind, "minLength": chars.start(), "maxLength": chars.end()})
}

fn int_schema(range: &RangeInclusive<i64>, is_nullable: bool) -> Value {
    let kind = if is_nullable { json!(["integer", "null"]) } else { json!("integer") };
    json!({"type": kind, "minimum": range.start(), "maximum": range.end()})
}

/// Takes a query apart: `&` between pairs, `+` for a space, percent escapes.
fn form(text: &str) -> impl Iterator<Item = (String, String)> + '_ {
    text.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (unescape(name), unescape(value))
    })
}

fn unescape(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        let escaped = after.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        match (first, escaped.filter(|two| two.bytes().all(|b| b.is_ascii_hexdigit()))) {
            (b'+', _) => bytes.push(b' '),
            (b'%', Some(two)) => {
                bytes.push(u8::from_str_radix(two, 16).unwrap_or(b'?'));
                rest = &after[2..];
            }
            (other, _) => bytes.push(other),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Page {
        limit: i64,
        is_all: bool,
    }

    impl Shape for Page {
        fn read(fields: &mut Fields) -> Self {
            Self { limit: fields.int_or("limit", 1..=200, 50), is_all: fields.bool_or("all", false) }
        }
    }

    fn page(query: &str) -> Result<(i64, bool), Vec<&'static str>> {
        match Fields::query(query).finish::<Page>() {
            Ok(page) => Ok((page.limit, page.is_all)),
            Err(ApiError::Invalid(problems)) => Err(problems.into_iter().map(|p| p.kind).collect()),
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn queries_are_lenient_within_bounds() {
        assert_eq!(page(""), Ok((50, false)));
        assert_eq!(page("limit=7&all=YES&other=1"), Ok((7, true)));
        assert_eq!(page("limit=%207.0"), Ok((7, false)));
        assert_eq!(page("limit=0"), Err(vec!["greater_than_equal"]));
        assert_eq!(page("limit=201"), Err(vec!["less_than_equal"]));
        assert_eq!(page("limit=99999999999999999999999"), Err(vec!["less_than_equal"]));
        assert_eq!(page("limit=1.5"), Err(vec!["int_from_float"]));
        assert_eq!(page("limit=abc&all=maybe"), Err(vec!["int_parsing", "bool_parsing"]));
        assert_eq!(page("limit=nan"), Err(vec!["int_parsing"]));
        assert_eq!(page("limit=1&limit=2"), Err(vec!["repeated"]));
    }

    #[test]
    fn escapes_are_read_and_broken_ones_kept() {
        assert_eq!(unescape("a+b%20c%C3%A4%zz%4"), "a b cä%zz%4");
    }

    #[test]
    fn secrets_are_never_sent_back() {
        let values = json!({"password": "abc"}).as_object().cloned().unwrap();
        let mut fields = Fields::body(values);
        fields.secret("password", 8..=128);
        assert_eq!(fields.problems.len(), 1);
        assert_eq!(fields.problems[0].input, None);
    }
}
