//! What a model found worth keeping → findings. Anything that cannot be read
//! counts as no finding: knowledge is a help, never a reason to fail.

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::context::cut;
use crate::plan::scan::{self, Place};

/// Findings kept of one answer.
const FINDINGS_MAX: usize = 20;
/// Longest finding, in characters.
const FINDING_MAX_CHARS: usize = 1000;

crate::task::words! {
    /// What kind of thing was found.
    FindingCategory {
        /// Must be kept to.
        Constraint = "constraint",
        /// Was settled.
        Decision = "decision",
        /// Was found to be so.
        Discovery = "discovery",
        /// To look up.
        Reference = "reference",
        /// Goes wrong easily.
        Gotcha = "gotcha",
        /// How parts fit together.
        Architecture = "architecture",
    }
}

/// Something later tasks should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What kind.
    pub category: FindingCategory,
    /// What; never empty.
    pub content: String,
}

/// Names a finding within its project: equal text, whatever its case, is the
/// same finding.
#[must_use]
pub fn content_hash(content: &str) -> String {
    super::hex(&Sha256::digest(content.to_lowercase().as_bytes()), 32)
}

/// What an extraction's answer must look like.
#[must_use]
pub fn findings_schema() -> Value {
    let categories: Vec<&str> = FindingCategory::ALL.iter().map(|category| category.as_str()).collect();
    json!({
        "type": "object",
        "properties": {
            "findings": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {
                        "category": {"type": "string", "enum": categories},
                        "content": {"type": "string"},
                    },
                    "required": ["category", "content"],
                    "additionalProperties": false,
                },
            },
        },
        "required": ["findings"],
        "additionalProperties": false,
    })
}

/// Reads an extraction's answer. An unknown category is a discovery; empty and
/// repeated findings are left out.
#[must_use]
pub fn parse_findings(text: &str) -> Vec<Finding> {
    let has_findings = |map: &Map<String, Value>, place| place == Place::Free && map.contains_key("findings");
    let Ok(map) = scan::last_object(text, has_findings) else { return Vec::new() };
    let mut seen = std::collections::HashSet::new();
    let list = map.get("findings").and_then(Value::as_array);
    list.into_iter()
        .flatten()
        .filter_map(|value| {
            let content = value.get("content")?.as_str()?.trim();
            let word = value.get("category").and_then(Value::as_str).unwrap_or_default();
            let category = FindingCategory::parse(&word.trim().to_ascii_lowercase())
                .unwrap_or(FindingCategory::Discovery);
            let is_new = !content.is_empty() && seen.insert(content_hash(content));
            is_new.then(|| Finding { category, content: cut(content, FINDING_MAX_CHARS) })
        })
        .take(FINDINGS_MAX)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_are_read_and_cleaned() {
        let found = parse_findings(
            r#"{"findings": [
                {"category": "gotcha", "content": " Port 80 is taken. "},
                {"category": "rumour", "content": "It rains."},
                {"category": "decision", "content": "IT RAINS."},
                {"category": "decision", "content": "  "},
                {"content": 7}, "text", null
            ]}"#,
        );
        let pairs: Vec<(&str, &str)> =
            found.iter().map(|f| (f.category.as_str(), f.content.as_str())).collect();
        assert_eq!(pairs, [("gotcha", "Port 80 is taken."), ("discovery", "It rains.")]);
    }

    #[test]
    fn what_cannot_be_read_is_no_finding() {
        for text in ["", "none", "[]", r#"{"findings": null}"#, r#"{"findings": [{"#] {
            assert!(parse_findings(text).is_empty(), "{text}");
        }
    }

    #[test]
    fn hashes_are_the_prototypes() {
        assert_eq!(content_hash("Abc"), "ba7816bf8f01cfea414140de5dae2223");
    }
}
