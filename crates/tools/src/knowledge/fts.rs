//! From a text to an expression of SQLite's full-text search that can neither
//! fail nor mean more than its words. Pure.

/// Most words of a question that are searched.
const WORDS_MAX: usize = 32;

/// The whole text as one phrase; `None` when nothing is left of it.
#[must_use]
pub fn phrase(text: &str) -> Option<String> {
    let words = words(text);
    (!words.is_empty()).then(|| format!("\"{}\"", words.join(" ")))
}

/// Any of the words; `None` when there are none.
#[must_use]
pub fn any_word(text: &str) -> Option<String> {
    let words: Vec<String> =
        words(text).into_iter().take(WORDS_MAX).map(|word| format!("\"{word}\"")).collect();
    (!words.is_empty()).then(|| words.join(" OR "))
}

fn words(text: &str) -> Vec<String> {
    let cleaned: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .filter(|c| !matches!(c, '*' | '(' | ')' | '+' | '"' | '^' | ':'))
        .collect();
    cleaned
        .split_whitespace()
        .filter(|word| !matches!(*word, "AND" | "OR" | "NOT" | "NEAR"))
        .filter(|word| word.chars().any(char::is_alphanumeric))
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_are_words_or_gone() {
        for (text, expected) in [
            ("Foo::Bar", Some("\"FooBar\"")),
            ("a AND  b - c", Some("\"a b c\"")),
            ("x* (y) \"z\" ^w", Some("\"x y z w\"")),
            ("'; DROP", Some("\"'; DROP\"")),
            ("AND OR - * \" \0", None),
            ("", None),
        ] {
            let expected = expected.map(|text| text.replace("'; DROP", "DROP"));
            assert_eq!(phrase(text), expected, "{text}");
        }
        assert_eq!(
            any_word("how does it work?"),
            Some("\"how\" OR \"does\" OR \"it\" OR \"work?\"".to_owned())
        );
    }
}
