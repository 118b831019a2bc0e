//! `edit_file`: an exact replacement inside a text file.
//!
//! It never guesses: text that is not there, or there more than once, changes
//! nothing and is answered with what would help to say it right. The version
//! before stays in the content store, like every version.

use std::fmt::Write as _;
use std::sync::Arc;

use async_trait::async_trait;
use domain::tool::{FileEntry, ToolClass, ToolContext, ToolOutcome, ToolSpec};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::registry::Tool;
use crate::workspace::{FilesError, ProjectFiles};

/// Most places that a refusal names.
const PLACES_MAX: usize = 10;
/// Most lines that are shown because they look like what was meant.
const NEAREST_MAX: usize = 3;
/// Longest line that is shown or compared, in characters.
const LINE_CHARS_MAX: usize = 200;

/// See the module.
pub struct EditFileTool {
    files: ProjectFiles,
    /// Reading and writing back is one step: of two edits at once, one would be lost.
    editing: Mutex<()>,
}

/// Why nothing was changed.
enum EditError {
    Files(FilesError),
    Refused(&'static str, String),
}

impl From<FilesError> for EditError {
    fn from(error: FilesError) -> Self {
        Self::Files(error)
    }
}

impl EditFileTool {
    /// Over these files.
    pub fn new(files: ProjectFiles) -> Self {
        Self { files, editing: Mutex::new(()) }
    }

    async fn edit(&self, context: &ToolContext, input: &Value) -> Result<(FileEntry, usize), EditError> {
        let path = super::path(input)?;
        let is_all = input.get("all").and_then(Value::as_bool).unwrap_or(false);
        let _editing = self.editing.lock().await;
        let file = self.files.read(context, path.clone()).await?;
        if (file.content.len() as u64) < file.bytes {
            return Err(EditError::Refused(
                "quota_exceeded",
                "the file is too large to be edited".to_owned(),
            ));
        }
        let text = super::read::as_text(file.content, true)?;
        let (changed, times) = replace(&text, super::text(input, "old"), super::text(input, "new"), is_all)?;
        Ok((self.files.write(context, path, changed.into_bytes()).await?, times))
    }
}

#[async_trait]
impl Tool for EditFileTool {
    fn spec(&self) -> Arc<ToolSpec> {
        super::spec(
            "edit_file",
            "Replaces a piece of a text file of the project by another. The old text must be in the file exactly \
             once, character for character, unless all is true. Others see it when this task is completed.",
            ToolClass::Workspace,
            json!({
                "type": "object",
                "properties": {
                    "path": {
                        "type": "string",
                        "description": "Path relative to the project, with / between folders, e.g. src/main.rs",
                    },
                    "old": { "type": "string", "minLength": 1, "description": "The exact text to replace" },
                    "new": { "type": "string", "description": "What stands there afterwards" },
                    "all": { "type": "boolean", "description": "Replace every occurrence; default false" },
                },
                "required": ["path", "old", "new"],
            }),
        )
    }

    async fn call(&self, context: &ToolContext, input: &Value) -> ToolOutcome {
        match self.edit(context, input).await {
            Ok((entry, times)) => {
                let mut outcome = ToolOutcome::ok(format!(
                    "replaced {times} occurrence{} in {} ({} bytes)",
                    if times == 1 { "" } else { "s" },
                    entry.path,
                    entry.bytes
                ));
                outcome.writes.push(entry);
                outcome
            }
            Err(EditError::Files(error)) => super::failure(&error),
            Err(EditError::Refused(code, message)) => ToolOutcome::error(code, message),
        }
    }
}

/// The text after the replacement, and how many there were.
fn replace(text: &str, old: &str, new: &str, is_all: bool) -> Result<(String, usize), EditError> {
    let refuse = |code, message: &str| Err(EditError::Refused(code, message.to_owned()));
    if old.is_empty() {
        return refuse("invalid_tool_input", "the old text is empty");
    }
    if old == new {
        return refuse("invalid_tool_input", "the old and the new text are the same");
    }
    // Models write `\n`; a file that has the other line ends keeps them.
    let (old, new) = if !text.contains(old) && text.contains("\r\n") && !old.contains('\r') {
        (old.replace('\n', "\r\n"), new.replace("\r\n", "\n").replace('\n', "\r\n"))
    } else {
        (old.to_owned(), new.to_owned())
    };
    let times = text.matches(&old).count();
    match times {
        0 => Err(EditError::Refused("no_match", missing(text, &old))),
        1 => Ok((text.replacen(&old, &new, 1), 1)),
        _ if is_all => Ok((text.replace(&old, &new), times)),
        _ => Err(EditError::Refused("not_unique", ambiguous(text, &old, times))),
    }
}

fn ambiguous(text: &str, old: &str, times: usize) -> String {
    let mut lines = Vec::new();
    let (mut line, mut seen) = (1, 0);
    for (at, _) in text.match_indices(old).take(PLACES_MAX) {
        line += text[seen..at].matches('\n').count();
        seen = at;
        lines.push(line.to_string());
    }
    let more = if times > PLACES_MAX { " and others" } else { "" };
    format!(
        "the old text is in the file {times} times, in lines {}{more}; give more of what stands around the one \
         that is meant, or set all to true",
        lines.join(", ")
    )
}

/// What to say when the text is not there: the lines that look most like its first one.
fn missing(text: &str, old: &str) -> String {
    let mut message = "the old text is in the file 0 times".to_owned();
    let Some(wanted) = old.lines().map(str::trim).find(|line| !line.is_empty()) else { return message };
    let wanted = pairs(wanted);
    let mut ranked: Vec<(usize, usize, &str)> = text
        .lines()
        .enumerate()
        .map(|(at, line)| (likeness(&wanted, &pairs(line.trim())), at + 1, line))
        .filter(|(likeness, ..)| *likeness >= 500)
        .collect();
    ranked.sort_by_key(|(likeness, at, _)| (std::cmp::Reverse(*likeness), *at));
    ranked.truncate(NEAREST_MAX);
    message.push_str(if ranked.is_empty() {
        ", and no line looks like its first one; read the file again"
    } else {
        "; the lines most like its first one, exactly as they are:"
    });
    for (_, at, line) in ranked {
        let shown: String = line.chars().take(LINE_CHARS_MAX).collect();
        // Writing into a string cannot fail.
        let _ = write!(message, "\n{at}: {shown}");
    }
    message
}

/// The sorted pairs of neighbouring characters of a line.
fn pairs(line: &str) -> Vec<(char, char)> {
    let mut pairs: Vec<(char, char)> = line.chars().zip(line.chars().skip(1)).take(LINE_CHARS_MAX).collect();
    pairs.sort_unstable();
    pairs
}

/// How many pairs two lines share, of a thousand.
fn likeness(left: &[(char, char)], right: &[(char, char)]) -> usize {
    let (mut shared, mut l, mut r) = (0, 0, 0);
    while let (Some(a), Some(b)) = (left.get(l), right.get(r)) {
        match a.cmp(b) {
            std::cmp::Ordering::Less => l += 1,
            std::cmp::Ordering::Greater => r += 1,
            std::cmp::Ordering::Equal => {
                shared += 1;
                l += 1;
                r += 1;
            }
        }
    }
    2000 * shared / (left.len() + right.len()).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edit(text: &str, old: &str, new: &str, is_all: bool) -> Result<String, (&'static str, String)> {
        match replace(text, old, new, is_all) {
            Ok((text, _)) => Ok(text),
            Err(EditError::Refused(code, message)) => Err((code, message)),
            Err(EditError::Files(error)) => Err((error.code(), error.to_string())),
        }
    }

    #[test]
    fn only_a_unique_text_is_replaced_unless_all_is_said() {
        assert_eq!(edit("a b c", "b", "x", false), Ok("a x c".to_owned()));
        assert_eq!(edit("b b", "b", "xb", true), Ok("xb xb".to_owned()));
        let (code, message) = edit("b\na\nb", "b", "x", false).unwrap_err();
        assert_eq!(code, "not_unique");
        assert!(message.contains("2 times, in lines 1, 3;"), "{message}");
        for (old, new) in [("", "x"), ("b", "b")] {
            assert_eq!(edit("b", old, new, false).unwrap_err().0, "invalid_tool_input");
        }
    }

    #[test]
    fn a_missing_text_is_answered_with_the_nearest_lines() {
        let text = "fn first() {}\n    fn second(x: u32) {}\nlet y = 3;\n";
        let (code, message) = edit(text, "fn second(x: u64) {}\n}", "", false).unwrap_err();
        assert_eq!(code, "no_match");
        assert!(
            message.contains("0 times") && message.contains("\n2:     fn second(x: u32) {}"),
            "{message}"
        );
        assert!(
            edit(text, "\u{1f600}\u{1f600}\u{1f600}", "", false).unwrap_err().1.contains("no line looks")
        );
        assert!(edit(text, "\n\n\n\n", "", false).unwrap_err().1.ends_with("0 times"));
    }

    #[test]
    fn line_ends_of_the_file_are_kept() {
        assert_eq!(edit("a\r\nb\r\nc", "a\nb", "x\ny\nz", false), Ok("x\r\ny\r\nz\r\nc".to_owned()));
    }
}
