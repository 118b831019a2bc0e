//! Directives: `simulate:` and words up to the end of the line.
//!
//! The list of words is in the documentation of the parent module. A word that is
//! not in it ends the directive, so that prose may follow.

/// What introduces a directive.
const MARK: &str = "simulate:";
/// Words about the plan.
const OF_PLANS: &[&str] = &["tasks", "shape", "width", "plan", "repair", "plan_slow"];
/// Words about a task.
const OF_TASKS: &[&str] = &["gaps", "human", "fail", "refuse", "cut", "slow", "turns", "loop", "size"];

/// The words found in a text, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Directives(Vec<(String, Option<String>)>);

impl Directives {
    /// Reads all directives of a text.
    pub(super) fn of(text: &str) -> Self {
        split(text).1
    }

    /// Whether the word is there.
    pub(super) fn has(&self, key: &str) -> bool {
        self.0.iter().any(|(word, _)| word == key)
    }

    /// The word's value, when it has one.
    pub(super) fn value(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(word, _)| word == key)?.1.as_deref()
    }

    /// The word's value as a number.
    pub(super) fn number(&self, key: &str) -> Option<u64> {
        self.value(key)?.parse().ok()
    }

    /// How often something is to happen: `key=N`, or `key` alone.
    pub(super) fn times(&self, key: &str, alone: u64) -> u64 {
        if self.has(key) { self.number(key).unwrap_or(alone) } else { 0 }
    }

    /// The words about tasks, as a line of text; empty when there are none.
    pub(super) fn for_task(&self) -> String {
        let words: Vec<String> = self
            .0
            .iter()
            .filter(|(word, _)| OF_TASKS.contains(&word.as_str()))
            .map(|(word, value)| match value {
                Some(value) => format!("{word}={value}"),
                None => word.clone(),
            })
            .collect();
        if words.is_empty() { String::new() } else { format!("{MARK} {}", words.join(" ")) }
    }
}

/// The text without its directives.
pub(super) fn without(text: &str) -> String {
    split(text).0
}

fn split(text: &str) -> (String, Directives) {
    let mut found = Directives::default();
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.to_ascii_lowercase().find(MARK) {
        kept.push_str(&rest[..at]);
        rest = &rest[at + MARK.len()..];
        let used = words(rest, &mut found);
        rest = &rest[used..];
        close_brackets(&mut kept, &mut rest);
    }
    kept.push_str(rest);
    (kept.trim().to_owned(), found)
}

/// Reads words up to the end of the line or the first unknown one; says how many
/// bytes it used.
fn words(text: &str, found: &mut Directives) -> usize {
    let line = text.lines().next().unwrap_or("");
    let mut used = 0;
    loop {
        let gap = line[used..].len() - line[used..].trim_start_matches([' ', '\t', ',', ';']).len();
        let tail = &line[used + gap..];
        let end =
            tail.find(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '=').unwrap_or(tail.len());
        let word = tail[..end].to_ascii_lowercase();
        let (key, value) = match word.split_once('=') {
            Some((key, value)) => (key, Some(value.to_owned())),
            None => (word.as_str(), None),
        };
        if !OF_PLANS.contains(&key) && !OF_TASKS.contains(&key) {
            return used;
        }
        found.0.push((key.to_owned(), value));
        used += gap + end;
    }
}

/// Takes brackets away that held nothing but the directive.
fn close_brackets(kept: &mut String, rest: &mut &str) {
    for (open, close) in [('(', ')'), ('[', ']')] {
        if kept.trim_end().ends_with(open)
            && let Some(after) = rest.trim_start_matches([' ', '.']).strip_prefix(close)
        {
            kept.truncate(kept.trim_end().len() - 1);
            kept.truncate(kept.trim_end().len());
            *rest = after;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_to_the_end_of_the_line() {
        let found = Directives::of("Plan.\nSimulate: tasks=1000, shape=chain gaps\nfail here");
        assert_eq!(found.number("tasks"), Some(1000));
        assert_eq!(found.value("shape"), Some("chain"));
        assert_eq!(found.times("gaps", 1), 1);
        assert!(!found.has("fail"));
    }

    #[test]
    fn prose_ends_a_directive_and_stays() {
        let (kept, found) = split("Print it (simulate: gaps=2). Then simulate: cut and go on.");
        assert_eq!(kept, "Print it. Then  and go on.");
        assert_eq!(found.for_task(), "simulate: gaps=2 cut");
    }

    #[test]
    fn odd_texts_are_left_alone() {
        for text in ["", "simulate", "ä simulate", "We simulate: the market"] {
            assert_eq!(Directives::of(text), Directives::default(), "{text}");
        }
        assert_eq!(without("ſimulate: ä"), "ſimulate: ä");
        assert_eq!(Directives::of("simulate: tasks=x").number("tasks"), None);
    }
}
