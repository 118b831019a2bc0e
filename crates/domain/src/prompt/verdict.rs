//! The verifier's answer → verdict and notes. Whatever is not clearly a verdict
//! goes to a person: a cut or odd answer never passes anything. (The prototype
//! takes a missing verdict for a pass; that is the one difference.)

use serde_json::{Map, Value, json};

use crate::context::cut;
use crate::plan::scan::{self, Place};
use crate::task::Verdict;

/// Longest notes that are kept, in characters.
const NOTES_MAX_CHARS: usize = 4000;

/// What a verifier found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// `Passed`, `GapsFound` or `HumanNeeded`.
    pub verdict: Verdict,
    /// Why; never empty unless passed.
    pub notes: String,
}

/// What a verifier's answer must look like.
#[must_use]
pub fn verdict_schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "verdict": {"type": "string", "enum": ["passed", "gaps_found", "human_needed"]},
            "notes": {"type": "string"},
        },
        "required": ["verdict", "notes"],
        "additionalProperties": false,
    })
}

/// Reads a verifier's answer.
#[must_use]
pub fn parse_verdict(text: &str) -> Judgement {
    let has_verdict = |map: &Map<String, Value>, place| place == Place::Free && map.contains_key("verdict");
    let Ok(map) = scan::last_object(text, has_verdict) else {
        return unclear("the verifier's answer holds no verdict");
    };
    let notes = map.get("notes").and_then(Value::as_str).map(str::trim).unwrap_or_default();
    let notes = cut(notes, NOTES_MAX_CHARS);
    let word = map.get("verdict").and_then(Value::as_str).map(|word| word.trim().to_ascii_lowercase());
    match word.as_deref() {
        Some("passed") => Judgement { verdict: Verdict::Passed, notes },
        Some("gaps_found") => {
            let notes = if notes.is_empty() { "gaps were found, but not named".to_owned() } else { notes };
            Judgement { verdict: Verdict::GapsFound, notes }
        }
        Some("human_needed") => {
            let notes = if notes.is_empty() { "the verifier asks for a person".to_owned() } else { notes };
            Judgement { verdict: Verdict::HumanNeeded, notes }
        }
        Some(_) | None => unclear("the verifier's verdict is none of passed, gaps_found, human_needed"),
    }
}

fn unclear(why: &str) -> Judgement {
    Judgement { verdict: Verdict::HumanNeeded, notes: why.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(text: &str) -> Verdict {
        parse_verdict(text).verdict
    }

    #[test]
    fn clear_verdicts_are_taken() {
        assert_eq!(verdict(r#"{"verdict": "passed", "notes": ""}"#), Verdict::Passed);
        assert_eq!(verdict("```json\n{\"verdict\": \"Passed\",}\n```"), Verdict::Passed);
        let gaps = parse_verdict(r#"Hm. {"verdict": "gaps_found", "notes": " no tests "}"#);
        assert_eq!(gaps, Judgement { verdict: Verdict::GapsFound, notes: "no tests".to_owned() });
        assert_eq!(verdict(r#"{"verdict": "human_needed"}"#), Verdict::HumanNeeded);
    }

    #[test]
    fn nothing_odd_passes() {
        for text in [
            "",
            "passed",
            "{}",
            r#"{"notes": "fine"}"#,
            r#"{"verdict": null}"#,
            r#"{"verdict": true}"#,
            r#"{"verdict": "skipped"}"#,
            r#"{"verdict": "passed", "notes": "but the"#,
            r#"[{"verdict": "passed"}]"#,
            r#"{"note": "he said "x"", "inner": {"verdict": "passed"}}"#,
        ] {
            let judgement = parse_verdict(text);
            assert_eq!(judgement.verdict, Verdict::HumanNeeded, "{text}");
            assert!(!judgement.notes.is_empty(), "{text}");
        }
    }

    #[test]
    fn the_last_verdict_counts() {
        assert_eq!(verdict(r#"{"verdict": "passed"} no: {"verdict": "gaps_found"}"#), Verdict::GapsFound);
        assert!(!parse_verdict(r#"{"verdict": "gaps_found"}"#).notes.is_empty());
    }
}
