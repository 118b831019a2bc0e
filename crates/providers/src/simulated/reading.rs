//! Reading requirements: their tags, a title out of a sentence, the kind of work.
//!
//! Guesses from words, good enough for a rehearsal; knows nothing of plans.

use domain::task::{Complexity, TaskType};

use super::directive::{self, Directives};

/// Longest title, in characters.
const TITLE_MAX_CHARS: usize = 60;
/// From here on a title ends before a side remark.
const TITLE_LONG_CHARS: usize = 40;
/// Words of a file name.
const SLUG_WORDS: usize = 4;

/// One tagged requirement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Requirement {
    /// `R1`.
    pub id: String,
    /// Its text, without directives.
    pub text: String,
    /// Words about the task that serves it.
    pub task_directive: String,
}

impl Requirement {
    /// Whether it only names what follows.
    pub(super) fn is_heading(&self) -> bool {
        let text = self.text.trim();
        text.is_empty() || (text.starts_with('#') && !text.contains('\n'))
    }
}

/// The requirements in a planning request, and what the project is called.
pub(super) fn requirements(text: &str) -> (Option<String>, Vec<Requirement>) {
    let mut preamble = Vec::new();
    let mut found: Vec<(String, String)> = Vec::new();
    let mut is_open = false;
    for line in text.lines() {
        if let Some((id, rest)) = tag(line) {
            found.push((id, rest.to_owned()));
            is_open = true;
        } else if line.trim().is_empty() || line.trim_start().starts_with('<') {
            is_open = false;
        } else if is_open && let Some((_, text)) = found.last_mut() {
            text.push('\n');
            text.push_str(line);
        } else if found.is_empty() {
            preamble.push(line);
        }
    }
    if found.is_empty() {
        // Nothing is tagged: every paragraph counts.
        let paragraphs = text.split("\n\n").map(str::trim).filter(|paragraph| !paragraph.is_empty());
        found = paragraphs.zip(1..).map(|(text, at)| (format!("R{at}"), text.to_owned())).collect();
        preamble.clear();
    }
    let requirements: Vec<Requirement> = found
        .into_iter()
        .map(|(id, text)| Requirement {
            id,
            task_directive: Directives::of(&text).for_task(),
            text: directive::without(&text),
        })
        .collect();
    (name(&preamble, &requirements), requirements)
}

/// `[R12] text` as `R12` and the text.
fn tag(line: &str) -> Option<(String, &str)> {
    let (tag, rest) = line.trim_start().trim_start_matches("- ").strip_prefix('[')?.split_once(']')?;
    let number = tag.strip_prefix('R')?;
    let is_number = !number.is_empty() && number.len() < 7 && number.bytes().all(|b| b.is_ascii_digit());
    is_number.then(|| (tag.to_owned(), rest.trim()))
}

/// The project's name: said before the requirements, or their heading, or the first.
fn name(preamble: &[&str], requirements: &[Requirement]) -> Option<String> {
    let said = preamble.iter().find_map(|line| {
        let (label, name) = line.split_once(':')?;
        let is_label = label.to_lowercase().contains("project") || label.to_lowercase().contains("name");
        (is_label && !name.trim().is_empty()).then(|| title(name))
    });
    let heading = || requirements.iter().find(|r| r.is_heading() && !r.text.is_empty());
    let first = || requirements.iter().find(|r| !r.text.is_empty());
    said.or_else(|| heading().or_else(first).map(|requirement| title(&requirement.text)))
}

/// A short title out of a text: its first clause, as something to do.
pub(super) fn title(text: &str) -> String {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("");
    let line = line.trim_start_matches(|c: char| "#-*>•".contains(c) || c.is_whitespace());
    let numbered = line.trim_start_matches(|c: char| c.is_ascii_digit());
    let line = match numbered.strip_prefix(['.', ')']) {
        Some(rest) if numbered.len() < line.len() => rest.trim_start(),
        _ => line,
    };
    let plain = without_marks(line);
    let ends = [". ", "; ", ": ", " — ", " – ", " (", ", so ", ", which ", ", and ", "? ", "! "];
    let clause = &plain[..first_of(&plain, &ends, 1)];
    let remarks = [", with ", ", chosen ", " when ", " so that ", ", using ", ", but ", " which ", ", e.g. "];
    let clause = &clause[..first_of(clause, &remarks, TITLE_LONG_CHARS / 2)];
    let deed = as_deed(clause.trim_end_matches(['.', ':', ';', ',', '!', ' ']));
    let mut letters = deed.chars();
    let capital: String =
        letters.next().map(|c| c.to_uppercase().chain(letters).collect()).unwrap_or_default();
    if capital.is_empty() { "Untitled".to_owned() } else { shorten(&capital, TITLE_MAX_CHARS) }
}

/// A line without the marks of emphasis and quotation. An underscore inside a word or
/// a quoted name belongs to it.
fn without_marks(line: &str) -> String {
    let mut out = String::new();
    let mut is_quoted = false;
    let mut rest = line.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '`' => is_quoted = !is_quoted,
            '*' | '"' => {}
            '_' => {
                let is_after_letter = out.ends_with(char::is_alphanumeric);
                let is_before_letter = rest.peek().is_some_and(|next| next.is_alphanumeric());
                if is_quoted || (is_after_letter && is_before_letter) {
                    out.push(c);
                }
            }
            c => out.push(c),
        }
    }
    out
}

/// Where the first of these marks stands, after so many bytes; else the end.
fn first_of(text: &str, marks: &[&str], after: usize) -> usize {
    let places =
        marks.iter().filter_map(|mark| text.match_indices(mark).map(|(at, _)| at).find(|at| *at >= after));
    places.min().unwrap_or(text.len())
}

/// "The program must be able to read files" as "read files", "It must be fast" as
/// "Make it fast".
fn as_deed(clause: &str) -> String {
    let lower = clause.to_ascii_lowercase();
    let wishes = [
        "please ",
        "i want to ",
        "we want to ",
        "i need to ",
        "we need to ",
        "i want ",
        "we want ",
        "we need ",
    ];
    for wish in wishes {
        if lower.starts_with(wish) {
            return clause[wish.len()..].to_owned();
        }
    }
    for readme in ["a readme ", "the readme ", "it has a readme that "] {
        if lower.starts_with(readme) {
            return format!("README: {}", &clause[readme.len()..]);
        }
    }
    let has_subject =
        ["the ", "it ", "a ", "an ", "users ", "this ", "all "].iter().any(|s| lower.starts_with(s));
    let modals = [
        " must be able to ",
        " should be able to ",
        " must ",
        " should ",
        " shall ",
        " has to ",
        " needs to ",
    ];
    for modal in modals {
        let Some(at) = lower.find(modal) else { continue };
        let (subject, deed) = (&lower[..at], &clause[at + modal.len()..]);
        if !has_subject || subject.split(' ').count() > 4 || deed.starts_with("not ") {
            continue;
        }
        return match deed.strip_prefix("be ") {
            // The first letter alone was made small by the sentence, not the others.
            Some(state) => format!("make {}{} {state}", &subject[..1], &clause[1..at]),
            None => deed.to_owned(),
        };
    }
    clause.to_owned()
}

/// The text cut at a word to so many characters.
pub(super) fn shorten(text: &str, max_chars: usize) -> String {
    let Some((end, _)) = text.char_indices().nth(max_chars) else { return text.to_owned() };
    let cut = text[..end].rfind(' ').unwrap_or(end);
    format!("{}…", text[..cut].trim_end_matches([',', ' ']))
}

/// A title as part of a file name.
pub(super) fn slug(title: &str, between: char) -> String {
    const SMALL: &[&str] = &[
        "a", "an", "the", "of", "to", "and", "that", "with", "for", "in", "on", "is", "it", "by", "or",
        "write", "make", "small", "simple", "create", "provide", "should", "must", "be", "when", "from",
        "as", "at", "how",
    ];
    let mut slug = String::new();
    let lower = title.to_lowercase();
    let words = lower.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    for word in words.filter(|word| !SMALL.contains(word)).take(SLUG_WORDS) {
        if !slug.is_empty() {
            slug.push(between);
        }
        slug.extend(word.chars().take(20));
    }
    if slug.is_empty() { "part".to_owned() } else { slug }
}

/// The words of a text in lower case.
pub(super) fn words(text: &str) -> Vec<String> {
    let lower = text.to_lowercase();
    lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// The kind of work a requirement asks for, else the given one.
pub(super) fn task_type(text: &str, otherwise: TaskType) -> TaskType {
    const READERS: &[&str] = &[
        "readme",
        "guide",
        "manual",
        "tutorial",
        "documentation",
        "documented",
        "faq",
        "handbook",
        "glossary",
    ];
    let words = words(text);
    if words.iter().any(|word| READERS.contains(&word.as_str())) {
        return TaskType::Documentation;
    }
    words.iter().find_map(|word| kind_of_word(word)).unwrap_or(otherwise)
}

/// Words that tell a kind of work; a word counts for the first kind that has it.
const KINDS: &[(TaskType, &str)] = &[
    (
        TaskType::Analysis,
        "compare comparison evaluate assess recommend recommendation analyse analyze analysis pros cons rank weigh",
    ),
    (TaskType::Research, "research survey investigate gather sources collect find overview background"),
    (TaskType::Asset, "logo icon illustration picture artwork"),
    (TaskType::Integration, "combine merge integrate assemble"),
    (TaskType::Documentation, "document describe explain page chapter letter policy"),
    (
        TaskType::Code,
        "program function implement script cli command api code module class parser tests test library app \
         application print prints python rust javascript typescript html server database input output exit",
    ),
];

fn kind_of_word(word: &str) -> Option<TaskType> {
    KINDS.iter().find(|(_, words)| words.split(' ').any(|known| known == word)).map(|(kind, _)| *kind)
}

/// Whether a text asks for tests more than for anything else.
pub(super) fn is_about_tests(text: &str) -> bool {
    words(text).iter().take(6).any(|word| matches!(word.as_str(), "test" | "tests" | "tested"))
}

/// How hard it looks, by its length.
pub(super) fn complexity(text: &str) -> Complexity {
    match words(text).len() {
        0..12 => Complexity::Simple,
        12..60 => Complexity::Medium,
        _ => Complexity::Complex,
    }
}

/// The file ending of the programming language that is spoken of; `None` when none is.
pub(super) fn language(text: &str) -> Option<&'static str> {
    const LANGUAGES: &[(&str, &str)] = &[
        ("rust", "rs"),
        ("typescript", "ts"),
        ("javascript", "js"),
        ("node", "js"),
        ("golang", "go"),
        ("html", "html"),
        ("webpage", "html"),
        ("bash", "sh"),
        ("shell", "sh"),
        ("python", "py"),
    ];
    let words = words(text);
    LANGUAGES.iter().find(|(name, _)| words.iter().any(|word| word == name)).map(|(_, ending)| *ending)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_read_like_something_to_do() {
        let table = [
            ("The program must be able to read files, and more.", "Read files"),
            ("- **Greeting**: it says hello", "Greeting"),
            ("2. It should print `Hello`. Then it ends.", "Print Hello"),
            ("# Hello world", "Hello world"),
            ("Compare three queues (for small teams)", "Compare three queues"),
            ("The API must not leak keys.", "The API must not leak keys"),
            (
                "The greeting should be available in German, chosen with `--lang`.",
                "Make the greeting available in German",
            ),
            ("A README explains how to run it, with an example.", "README: explains how to run it"),
            (
                "It exits with 2 and a message on stderr when two names are given.",
                "It exits with 2 and a message on stderr",
            ),
            ("Write tests in `test_hello.py`.", "Write tests in test_hello.py"),
            ("_Keep_ the snake_case names", "Keep the snake_case names"),
            ("", "Untitled"),
            ("ß…", "SS…"),
        ];
        for (text, expected) in table {
            assert_eq!(title(text), expected);
        }
        assert!(title(&"word ".repeat(100)).chars().count() <= TITLE_MAX_CHARS + 1);
    }

    #[test]
    fn tagged_requirements_end_at_a_blank_line() {
        let (name, found) =
            requirements("Project: Greeter\n\n[R1] # Greeter\n[R2] Print\na greeting.\n\nOnly JSON.");
        let texts: Vec<(&str, &str)> = found.iter().map(|r| (r.id.as_str(), r.text.as_str())).collect();
        assert_eq!(texts, [("R1", "# Greeter"), ("R2", "Print\na greeting.")]);
        assert_eq!(name.as_deref(), Some("Greeter"));
        assert!(found[0].is_heading() && !found[1].is_heading());
    }

    #[test]
    fn untagged_paragraphs_count_as_requirements() {
        let (_, found) = requirements("One.\n\nTwo.");
        assert_eq!(found.len(), 2);
        assert_eq!(requirements("").1, []);
    }

    #[test]
    fn kinds_follow_the_words() {
        let kind = |text| task_type(text, TaskType::Code);
        assert_eq!(kind("A README says how to run the program"), TaskType::Documentation);
        assert_eq!(kind("Compare the programs"), TaskType::Analysis);
        assert_eq!(kind("Print hello"), TaskType::Code);
        assert_eq!(kind("Survey the field"), TaskType::Research);
    }
}
