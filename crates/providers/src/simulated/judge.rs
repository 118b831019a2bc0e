//! The stand-in as verifier, as finder of knowledge, and as shortener of talk.
//!
//! Verdicts are `passed` unless a directive in the task asks for another one. How
//! many findings an output has answered is read from the output itself, which says
//! which revision it is: nothing is remembered between calls.

use domain::model::Request;
use serde_json::json;

use super::brain::{Said, first_text, texts};
use super::directive::{self, Directives};
use super::reading::{shorten, title};

/// What a finding of ours is introduced by; the output that answers it is a revision.
const FINDING: &str = "simulated finding ";
/// What an output of ours says when it answers findings.
pub(super) const REVISION: &str = "Revision ";

/// `{verdict, notes}`.
pub(super) fn verdict(request: &Request) -> Said {
    let text = all_texts(request);
    let directives = Directives::of(&text);
    let revision = largest_after(&text, REVISION);
    let gaps = directives.times("gaps", 1);
    let questions = directives.times("human", 1);
    let (verdict, notes) = if revision < gaps {
        let notes = format!(
            "{FINDING}{} of {gaps}: the output does not show how the requirement is met; say it in a sentence.",
            revision + 1
        );
        ("gaps_found", notes)
    } else if revision < questions {
        let notes = format!(
            "{FINDING}{} of {questions}: two readings of the requirement are possible; a person should choose.",
            revision + 1
        );
        ("human_needed", notes)
    } else {
        ("passed", "simulated verdict: the output says what was asked for and where it is.".to_owned())
    };
    Said::text(json!({"verdict": verdict, "notes": notes}).to_string())
}

/// How many findings the prompt of a task repeats.
pub(super) fn findings_told(request: &Request) -> u64 {
    largest_after(&format!("{}\n{}", request.system, all_texts(request)), FINDING)
}

/// `{findings: [{category, content}]}`.
pub(super) fn findings(request: &Request) -> Said {
    let text = directive::without(&first_text(request));
    let subject = subject(&text);
    let findings = json!({"findings": [
        {"category": "decision", "content": format!("Simulated: \"{subject}\" keeps its result in one file.")},
    ]});
    Said::text(findings.to_string())
}

/// A short form of the conversation so far.
pub(super) fn summary(request: &Request) -> Said {
    let start = shorten(&directive::without(&first_text(request)), 400);
    Said::text(format!("Simulated summary of {} messages. It began: {start}", request.messages.len()))
}

/// What a judged text is about: its line that names a title, or its first.
fn subject(text: &str) -> String {
    let named = text.lines().find_map(|line| {
        let (label, rest) = line.split_once(':')?;
        (label.trim() == "Task" && !rest.trim().is_empty()).then(|| shorten(rest.trim(), 80))
    });
    named.unwrap_or_else(|| title(text))
}

fn all_texts(request: &Request) -> String {
    let texts: Vec<String> = request.messages.iter().map(texts).collect();
    texts.join("\n")
}

/// The largest number that follows this mark, in any case; 0 when there is none.
fn largest_after(text: &str, mark: &str) -> u64 {
    let lower = text.to_ascii_lowercase();
    let mark = mark.to_ascii_lowercase();
    let numbers = lower.match_indices(&mark).map(|(at, mark)| {
        let digits: String =
            lower[at + mark.len()..].chars().take(6).take_while(char::is_ascii_digit).collect();
        digits.parse().unwrap_or(0)
    });
    numbers.max().unwrap_or(0)
}
