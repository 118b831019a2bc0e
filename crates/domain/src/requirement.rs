//! Requirements: free text becomes numbered statements `R1`, `R2`, …
//!
//! One paragraph (set off by blank lines) is one requirement; in a list every
//! item of the outermost level is one. Headings, rules and empty items are none:
//! a heading only names the section of what follows, so that the planner still
//! sees it. A fenced code block belongs to the text before it. Text that is not
//! blank always yields at least one requirement, even when it is one heading.
//!
//! Numbers follow the order of the text. Nothing here judges what is asked for.

use serde::{Deserialize, Serialize};

use crate::refusal::{Code, Refusal};

/// Longest text of requirements, in characters.
pub const TEXT_MAX_CHARS: usize = 50_000;

/// Spaces that a tab stands for at the beginning of a line.
const TAB_WIDTH: usize = 4;

/// One numbered statement of what is wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requirement {
    /// `R1`, `R2`, …
    pub id: String,
    /// The statement, without list marker.
    pub text: String,
    /// The heading it stands under, if any.
    #[serde(default)]
    pub section: Option<String>,
}

/// The id of the requirement with this number, from 1.
#[must_use]
pub fn id_of(number: usize) -> String {
    format!("R{number}")
}

/// The number in `R3`, `r3` or `[R3]`; `None` for anything else, `R0` included.
#[must_use]
pub fn number_of(id: &str) -> Option<usize> {
    let id = id.trim();
    let id = id.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(id);
    let digits = id.strip_prefix(['R', 'r'])?;
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok().filter(|&number| number > 0)
}

/// Checks the text and splits it.
///
/// # Errors
/// `Invalid` for blank text and for text longer than [`TEXT_MAX_CHARS`].
pub fn read(text: &str) -> Result<Vec<Requirement>, Refusal> {
    check(text)?;
    Ok(split(text))
}

/// Checks the text without splitting it.
///
/// # Errors
/// `Invalid` for blank text and for text longer than [`TEXT_MAX_CHARS`].
pub fn check(text: &str) -> Result<(), Refusal> {
    if is_blank(text) {
        return Err(Refusal::new(Code::Invalid, "the requirements are blank; write down what is wanted"));
    }
    let chars = text.chars().count();
    if chars > TEXT_MAX_CHARS {
        return Err(Refusal::new(
            Code::Invalid,
            format!("the requirements have {chars} characters; at most {TEXT_MAX_CHARS} are allowed"),
        ));
    }
    Ok(())
}

/// Splits text into requirements. Blank text has none.
#[must_use]
pub fn split(text: &str) -> Vec<Requirement> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut splitter = Splitter::default();
    let lines: Vec<&str> = text.lines().collect();
    let fences = Fences::find(&lines);
    for (index, line) in lines.iter().enumerate() {
        splitter.line(line, fences.role(index));
    }
    splitter.finish(text)
}

/// The requirements as the planner is shown them: `[R1] …`, section headings in
/// between.
#[must_use]
pub fn tagged(requirements: &[Requirement]) -> String {
    let mut out = String::new();
    let mut section: Option<&str> = None;
    for requirement in requirements {
        if !out.is_empty() {
            out.push('\n');
        }
        if requirement.section.as_deref() != section {
            section = requirement.section.as_deref();
            if let Some(heading) = section {
                out.push_str("## ");
                out.push_str(heading);
                out.push('\n');
            }
        }
        out.push('[');
        out.push_str(&requirement.id);
        out.push_str("] ");
        out.push_str(&requirement.text);
        out.push('\n');
    }
    out
}

fn is_blank(text: &str) -> bool {
    text.chars().all(|c| c.is_whitespace() || c == '\u{feff}')
}

/// What a line has to do with fenced code.
#[derive(Clone, Copy, PartialEq, Eq)]
enum FenceRole {
    Outside,
    Opens,
    Inside,
}

/// Which lines lie in fenced code. A fence that is never closed is no fence:
/// otherwise one stray line would swallow every requirement after it.
struct Fences {
    roles: Vec<FenceRole>,
}

impl Fences {
    fn find(lines: &[&str]) -> Self {
        let mut roles = vec![FenceRole::Outside; lines.len()];
        let marks: Vec<(usize, char, usize, bool)> = lines
            .iter()
            .enumerate()
            .filter_map(|(index, line)| fence_mark(line).map(|(c, n, bare)| (index, c, n, bare)))
            .collect();
        // Shortest fence per character known to have no end after here: a bound
        // on the search, for texts made of openers only.
        let mut endless: [(char, usize); 2] = [('`', usize::MAX), ('~', usize::MAX)];
        let mut at = 0;
        while let Some(&(open, c, length, _)) = marks.get(at) {
            at += 1;
            if endless.iter().any(|&(e, n)| e == c && length >= n) {
                continue;
            }
            let end = marks[at..].iter().position(|&(_, e, n, bare)| e == c && n >= length && bare);
            if let Some(offset) = end {
                let close = marks[at + offset].0;
                roles[open] = FenceRole::Opens;
                roles[open + 1..=close].fill(FenceRole::Inside);
                at += offset + 1;
            } else {
                for slot in endless.iter_mut().filter(|slot| slot.0 == c) {
                    slot.1 = length;
                }
            }
        }
        Self { roles }
    }

    fn role(&self, index: usize) -> FenceRole {
        self.roles.get(index).copied().unwrap_or(FenceRole::Outside)
    }
}

/// Character, length, and whether nothing follows (only such a line closes).
fn fence_mark(line: &str) -> Option<(char, usize, bool)> {
    let rest = line.trim_start();
    let c = rest.chars().next().filter(|&c| c == '`' || c == '~')?;
    let length = rest.chars().take_while(|&other| other == c).count();
    let after = rest.trim_start_matches(c);
    // Three back-ticks and more on one line are inline code, not a fence.
    (length >= 3 && !(c == '`' && after.contains('`'))).then(|| (c, length, after.trim().is_empty()))
}

#[derive(Default)]
struct Splitter<'a> {
    done: Vec<(Option<String>, String)>,
    block: Vec<&'a str>,
    /// Indent of the list item that `block` is, or `None` for a paragraph.
    item_indent: Option<usize>,
    /// A blank line was seen since the last line of `block`.
    after_blank: bool,
    section: Option<String>,
}

impl<'a> Splitter<'a> {
    fn line(&mut self, line: &'a str, fence: FenceRole) {
        match fence {
            // Joins the block before it, also over a blank line.
            FenceRole::Opens | FenceRole::Inside => self.join(line),
            FenceRole::Outside => self.plain(line),
        }
    }

    fn plain(&mut self, line: &'a str) {
        if is_blank(line) {
            self.after_blank = !self.block.is_empty();
            return;
        }
        let indent = indent_of(line);
        // Deeper lines belong to the item they stand under, markers or not.
        if let Some(item) = self.item_indent
            && indent >= item + 2
        {
            self.join(line);
            return;
        }
        if let Some(heading) = heading(line) {
            self.end();
            self.section = Some(heading.to_owned()).filter(|text| !text.is_empty());
        } else if is_rule(line) {
            self.rule(line);
        } else if let Some((rest, number)) = list_marker(line)
            // In running text only a bullet or a `1.` begins a list.
            && (self.block.is_empty() || self.after_blank || self.item_indent.is_some() || number.is_none_or(|n| n == 1))
        {
            self.end();
            self.item_indent = Some(indent);
            self.block.push(rest);
        } else {
            if self.after_blank {
                self.end();
            }
            self.block.push(line);
        }
        self.after_blank = false;
    }

    fn join(&mut self, line: &'a str) {
        if self.after_blank {
            self.block.push("");
        }
        self.block.push(line);
        self.after_blank = false;
    }

    /// A line of `=` under a single line makes that line a heading. A line of `-`
    /// does not: people separate paragraphs by it, and a requirement must not
    /// vanish for that.
    fn rule(&mut self, line: &str) {
        let underlined = line.trim().starts_with('=')
            && !self.after_blank
            && self.item_indent.is_none()
            && self.block.len() == 1;
        if underlined {
            self.section = self.block.pop().map(|text| text.trim().to_owned());
        }
        self.end();
    }

    fn end(&mut self) {
        let text = self.block.join("\n");
        let text = text.trim();
        if !is_blank(text) {
            self.done.push((self.section.clone(), text.to_owned()));
        }
        self.block.clear();
        self.item_indent = None;
        self.after_blank = false;
    }

    fn finish(mut self, whole: &str) -> Vec<Requirement> {
        self.end();
        if self.done.is_empty() && !is_blank(whole) {
            // Nothing but headings and rules: then that is what is wanted.
            self.done.push((None, whole.trim().to_owned()));
        }
        let numbered = self.done.into_iter().zip(1..);
        numbered.map(|((section, text), number)| Requirement { id: id_of(number), text, section }).collect()
    }
}

fn indent_of(line: &str) -> usize {
    line.chars().take_while(|&c| c == ' ' || c == '\t').map(|c| if c == '\t' { TAB_WIDTH } else { 1 }).sum()
}

/// The text of `# …`; a word with a hash before it is none.
fn heading(line: &str) -> Option<&str> {
    let rest = line.trim();
    let text = rest.trim_start_matches('#');
    let level = rest.len() - text.len();
    let is_heading = (1..=6).contains(&level) && text.chars().next().is_none_or(char::is_whitespace);
    is_heading.then(|| text.trim().trim_end_matches('#').trim_end())
}

/// `---`, `***`, `___`, with or without spaces between, and `===`.
fn is_rule(line: &str) -> bool {
    let mut marks = line.chars().filter(|c| !c.is_whitespace());
    let Some(first) = marks.next().filter(|c| matches!(c, '-' | '*' | '_' | '=')) else { return false };
    let mut count = 1;
    for mark in marks {
        if mark != first {
            return false;
        }
        count += 1;
    }
    count >= 3
}

/// What follows a list marker, and the number of an ordered one.
fn list_marker(line: &str) -> Option<(&str, Option<u32>)> {
    let rest = line.trim_start();
    let (after, number) = if let Some(after) = rest.strip_prefix(['-', '*', '+', '•']) {
        (after, None)
    } else {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let number: u32 = rest.get(..digits)?.parse().ok().filter(|_| digits <= 4)?;
        (rest[digits..].strip_prefix(['.', ')'])?, Some(number))
    };
    if !after.is_empty() && !after.starts_with(char::is_whitespace) {
        return None;
    }
    let text = after.trim_start();
    // An open check box says nothing.
    Some((text.strip_prefix("[ ] ").unwrap_or(text), number))
}

#[cfg(test)]
mod tests;
