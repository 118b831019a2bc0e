//! Finds the JSON object in what a model wrote: alone, in a code fence, or after
//! text that thinks aloud with braces of its own.
//!
//! The last object that fits wins, for models draft before they answer. A text
//! that ends inside an object is cut off, and no smaller object inside the rest
//! is taken for the whole. Commas before a closing bracket are forgiven, outside
//! of strings only. What the object means is for the caller.

use serde_json::{Map, Value};

/// How often a comma is forgiven. Each time costs a walk over the rest of the
/// text, and text made of such commas must not take for ever.
const REPAIRS_MAX: usize = 64;

/// Why there is no object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    /// Nothing at all was written.
    Blank,
    /// Text without JSON.
    Prose,
    /// The text ends in the middle of its JSON.
    CutOff,
    /// JSON, but of this kind.
    NotAnObject(&'static str),
    /// An object, but none that fits.
    Unfit,
    /// What begins as an object is no JSON; what the parser said.
    Broken(String),
}

/// Where a candidate was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// It may be the whole answer.
    Free,
    /// Something before it is broken JSON, of which it may be a part.
    AfterBroken,
}

/// The last object of the text for which `fits` holds.
pub(crate) fn last_object(
    text: &str,
    fits: impl Fn(&Map<String, Value>, Place) -> bool,
) -> Result<Map<String, Value>, Missing> {
    if text.trim().is_empty() {
        return Err(Missing::Blank);
    }
    let mut best: Option<Map<String, Value>> = None;
    let mut missing = match serde_json::from_str::<Value>(text) {
        Ok(Value::Object(map)) if fits(&map, Place::Free) => return Ok(map),
        Ok(value @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_))) => {
            Missing::NotAnObject(kind_of(&value))
        }
        Ok(Value::Object(_) | Value::Array(_)) | Err(_) => Missing::Prose,
    };
    let mut repairs = 0;
    let mut place = Place::Free;
    let mut at = 0;
    while let Some(offset) = text.get(at..).and_then(|rest| rest.find(['{', '['])) {
        let start = at + offset;
        at = match read_at(&text[start..], &mut repairs) {
            Outcome::Read(Value::Object(map), length) => {
                if fits(&map, place) {
                    best = Some(map);
                } else if best.is_none() && place == Place::Free {
                    missing = Missing::Unfit;
                }
                start + length
            }
            Outcome::Read(value, length) => {
                // A list of objects is an answer of the wrong shape, and the last
                // word; a list of anything else is prose, such as `[1]`.
                let is_answer = value.as_array().is_some_and(|list| list.iter().any(Value::is_object));
                if is_answer && place == Place::Free {
                    best = None;
                    missing = Missing::NotAnObject("an array");
                }
                start + length
            }
            Outcome::Cut => return Err(Missing::CutOff),
            Outcome::NotJson(error) => {
                if begins_an_object(&text[start..]) {
                    // The last word is broken, so nothing before it is meant.
                    best = None;
                    if place == Place::Free {
                        missing = Missing::Broken(error.to_string());
                    }
                    place = Place::AfterBroken;
                }
                start + 1
            }
        };
    }
    best.ok_or(missing)
}

/// What kind of JSON value this is, with its article.
pub(crate) const fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

enum Outcome {
    /// A value and how many bytes it took.
    Read(Value, usize),
    /// JSON up to the end of the text.
    Cut,
    NotJson(serde_json::Error),
}

/// Reads the value that begins the text. Stops at the first mistake, and at
/// serde_json's own depth limit, so that brackets alone cost little.
fn read_at(text: &str, repairs: &mut usize) -> Outcome {
    match first_value(text) {
        Ok((value, length)) => Outcome::Read(value, length),
        Err(error) if error.is_eof() => Outcome::Cut,
        Err(error) => {
            if *repairs >= REPAIRS_MAX || !error.to_string().starts_with("trailing comma") {
                return Outcome::NotJson(error);
            }
            *repairs += 1;
            match first_value(&without_trailing_commas(text)) {
                Ok((value, length)) => Outcome::Read(value, length),
                Err(error) if error.is_eof() => Outcome::Cut,
                Err(error) => Outcome::NotJson(error),
            }
        }
    }
}

/// Whether this is a brace and a key: meant as JSON, unlike `{so}`.
fn begins_an_object(text: &str) -> bool {
    let key = text.strip_prefix('{').map(str::trim_start).and_then(|rest| rest.strip_prefix('"'));
    key.and_then(|rest| rest.split_once('"')).is_some_and(|(_, after)| after.trim_start().starts_with(':'))
}

fn first_value(text: &str) -> Result<(Value, usize), serde_json::Error> {
    let mut stream = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    match stream.next() {
        Some(Ok(value)) => Ok((value, stream.byte_offset())),
        Some(Err(error)) => Err(error),
        None => serde_json::from_str(text).map(|value| (value, text.len())),
    }
}

/// Blanks every comma that only white space parts from `}` or `]`. The length
/// stays, so that offsets do too.
fn without_trailing_commas(text: &str) -> String {
    let mut out = text.as_bytes().to_vec();
    let mut comma: Option<usize> = None;
    let (mut in_string, mut is_escaped) = (false, false);
    for (index, &byte) in text.as_bytes().iter().enumerate() {
        if in_string {
            match byte {
                _ if is_escaped => is_escaped = false,
                b'\\' => is_escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b',' => comma = Some(index),
            b'}' | b']' => {
                if let Some(comma) = comma.take() {
                    out[comma] = b' ';
                }
            }
            b' ' | b'\t' | b'\n' | b'\r' => {}
            _ => {
                in_string = byte == b'"';
                comma = None;
            }
        }
    }
    // Only ASCII was replaced by ASCII.
    String::from_utf8(out).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn wanted(text: &str) -> Result<i64, Missing> {
        last_object(text, |map, place| map.contains_key("n") && place == Place::Free)
            .map(|map| map["n"].as_i64().unwrap_or(-1))
    }

    #[test]
    fn the_object_is_found_wherever_it_stands() {
        for text in [
            r#"{"n": 1}"#,
            "Here you are:\n```json\n{\"n\": 1}\n```\nGood luck {really}.",
            r#"<thinking>first {"n": 7} or { maybe } "{"n":8} it's</thinking> {"n": 1}"#,
            r#"{"n": 1, "s": "a } b \" { ,} c",}"#,
            r#"{"a": [1, 2,], "n": 1,
            } "#,
            r#"[R1] and [1] need {"n": 1} {"other": 2}"#,
        ] {
            assert_eq!(wanted(text), Ok(1), "{text}");
        }
    }

    #[test]
    fn what_is_missing_is_told_apart() {
        for (text, missing) in [
            (" \n", Missing::Blank),
            ("I would rather not.", Missing::Prose),
            ("use {braces} and [brackets]", Missing::Prose),
            ("null", Missing::NotAnObject("null")),
            ("\"{\"", Missing::CutOff),
            (r#"[{"n": 1}]"#, Missing::NotAnObject("an array")),
            (r#"Sure: [{"n": 1}, {"n": 2}]"#, Missing::NotAnObject("an array")),
            (r#"{"m": 1}"#, Missing::Unfit),
            (r#"{"n": 1, "list": [{"n": 2}, {"n""#, Missing::CutOff),
            (r#"{"n": 1, "list": [{"n": 2,}, {"n": 3"#, Missing::CutOff),
        ] {
            assert_eq!(wanted(text), Err(missing), "{text}");
        }
    }

    #[test]
    fn a_part_of_broken_json_is_not_taken_for_the_whole() {
        for text in [r#"{"s": "a"b", "list": [{"n": 1}]}"#, r#"{"n": 1} then {"n": 2 "s": 3}"#] {
            assert!(matches!(wanted(text), Err(Missing::Broken(_))), "{text}: {:?}", wanted(text));
        }
    }

    #[test]
    fn commas_inside_of_strings_stay() {
        let map = last_object(r#"{"n": ",}", "m": ["a,]", ], }"#, |_, _| true).unwrap();
        assert_eq!(map["n"], ",}");
        assert_eq!(map["m"][0], "a,]");
    }

    #[test]
    fn hostile_texts_are_bounded() {
        for text in ["{", "[", "[1,]", "{\"a\":[", "[[],", "{\"n\":1,}", "\\\""] {
            let _ = wanted(&text.repeat(2000));
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in r#"[\[\]{},:"\\n1 é\n`]{0,80}"#) {
            let _ = wanted(&text);
        }
    }
}
