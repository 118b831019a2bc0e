//! `read_file`: a text file, by lines, as much as a conversation bears.

use std::fmt::Write as _;
use std::sync::Arc;

use async_trait::async_trait;
use domain::tool::{ToolClass, ToolContext, ToolOutcome, ToolSpec};
use serde_json::{Value, json};

use crate::registry::Tool;
use crate::workspace::{FilesError, ProjectFiles, ReadFile};

/// Most characters that one call gives.
pub const CHARS_MAX: usize = 50_000;

/// See the module.
pub struct ReadFileTool {
    files: ProjectFiles,
}

impl ReadFileTool {
    /// Over these files.
    pub const fn new(files: ProjectFiles) -> Self {
        Self { files }
    }
}

#[async_trait]
impl Tool for ReadFileTool {
    fn spec(&self) -> Arc<ToolSpec> {
        super::spec(
            "read_file",
            "Reads a text file of the project: what this task has written, else what earlier tasks have \
             finished. At most 50,000 characters at once; use offset and limit to read a longer file in parts.",
            ToolClass::Read,
            json!({
                "type": "object",
                "properties": {
                    "path": {
                        "type": "string",
                        "description": "Path relative to the project, with / between folders, e.g. src/main.rs",
                    },
                    "offset": { "type": "integer", "minimum": 1, "description": "First line to read, from 1" },
                    "limit": { "type": "integer", "minimum": 1, "description": "Number of lines to read" },
                },
                "required": ["path"],
            }),
        )
    }

    async fn call(&self, context: &ToolContext, input: &Value) -> ToolOutcome {
        let result = match super::path(input) {
            Ok(path) => self.files.read(context, path).await,
            Err(error) => Err(error),
        };
        let first = super::number(input, "offset").unwrap_or(1).max(1);
        match result.and_then(|file| render(file, first, super::number(input, "limit"))) {
            Ok(text) => ToolOutcome::ok(text),
            Err(error) => super::failure(&error),
        }
    }
}

/// The lines asked for, and a note when that is not the whole file.
fn render(file: ReadFile, first: usize, limit: Option<usize>) -> Result<String, FilesError> {
    let is_whole = file.content.len() as u64 >= file.bytes;
    let loaded = file.content.len();
    let text = as_text(file.content, is_whole)?;
    if first == 1 && limit.is_none() && is_whole && text.chars().nth(CHARS_MAX).is_none() {
        return Ok(text);
    }
    let start = line_start(&text, first - 1).unwrap_or(text.len());
    let wanted = &text[start..];
    let wanted = match limit.and_then(|limit| line_start(wanted, limit)) {
        Some(end) => &wanted[..end],
        None => wanted,
    };
    let shown = match wanted.char_indices().nth(CHARS_MAX) {
        Some((end, _)) => &wanted[..end],
        None => wanted,
    };
    let mut out = shown.to_owned();
    if !out.is_empty() && !out.ends_with('\n') {
        out.push('\n');
    }
    let lines = shown.lines().count();
    let (bytes, more) = (file.bytes, if is_whole { "" } else { " at least" });
    // Writing into a string cannot fail.
    let _ = match lines {
        0 => {
            write!(out, "[no line {first}: the file has{more} {} lines, {bytes} bytes]", text.lines().count())
        }
        _ => write!(
            out,
            "[lines {first} to {} of{more} {}; the file has {bytes} bytes]",
            first + lines - 1,
            text.lines().count()
        ),
    };
    if shown.len() < wanted.len() {
        let is_line_cut = !shown.ends_with('\n');
        let note = if is_line_cut { ", in the middle of its last line" } else { "" };
        let _ = write!(out, " [cut at {CHARS_MAX} characters{note}]");
    }
    if !is_whole {
        let _ = write!(out, " [only the first {loaded} bytes can be read]");
    }
    Ok(out)
}

/// Where the line after so many lines begins; `None` past the end.
fn line_start(text: &str, lines: usize) -> Option<usize> {
    match lines.checked_sub(1) {
        None => Some(0),
        Some(before) => text.match_indices('\n').nth(before).map(|(at, _)| at + 1),
    }
}

/// The content as text. The beginning of a longer file may end inside a character.
pub fn as_text(content: Vec<u8>, is_whole: bool) -> Result<String, FilesError> {
    let not_text = || FilesError::NotText("the file is not UTF-8 text; it cannot be read".to_owned());
    if content.contains(&0) {
        return Err(not_text());
    }
    match String::from_utf8(content) {
        Ok(text) => Ok(text),
        Err(error) => {
            let fault = error.utf8_error();
            let valid = fault.valid_up_to();
            if is_whole || fault.error_len().is_some() {
                return Err(not_text());
            }
            let mut bytes = error.into_bytes();
            bytes.truncate(valid);
            String::from_utf8(bytes).map_err(|_| not_text())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(text: &str, first: usize, limit: Option<usize>) -> String {
        let file = ReadFile { content: text.as_bytes().to_vec(), bytes: text.len() as u64 };
        render(file, first, limit).unwrap()
    }

    #[test]
    fn lines_are_counted_from_one() {
        let text = "a\nb\nc\nd";
        assert_eq!(whole(text, 1, None), text);
        assert_eq!(whole("", 1, None), "");
        assert_eq!(whole(text, 2, Some(2)), "b\nc\n[lines 2 to 3 of 4; the file has 7 bytes]");
        assert_eq!(whole(text, 4, Some(9)), "d\n[lines 4 to 4 of 4; the file has 7 bytes]");
        assert_eq!(whole(text, 5, None), "[no line 5: the file has 4 lines, 7 bytes]");
        assert_eq!(whole(text, usize::MAX, Some(usize::MAX)).lines().count(), 1);
        assert_eq!(whole("a\n", 2, None), "[no line 2: the file has 1 lines, 2 bytes]");
    }

    #[test]
    fn long_files_are_cut_between_characters_and_say_so() {
        let line = format!("{}\n", "é".repeat(99));
        let text = line.repeat(600);
        let shown = whole(&text, 1, None);
        assert!(
            shown.ends_with("[lines 1 to 500 of 600; the file has 119400 bytes] [cut at 50000 characters]")
        );
        let rest = whole(&text, 501, None);
        assert_eq!(rest.matches('é').count(), 9_900);
        let one = whole(&"é".repeat(60_000), 1, None);
        assert!(one.ends_with("in the middle of its last line]"), "{}", &one[one.len() - 100..]);
        assert_eq!(whole(&"é".repeat(50_000), 1, None).len(), 100_000);
    }

    #[test]
    fn the_beginning_of_a_huge_file_may_end_inside_a_character() {
        let content = "aé".as_bytes()[..2].to_vec();
        let text = render(ReadFile { content: content.clone(), bytes: 3 }, 1, None).unwrap();
        assert!(text.starts_with("a\n[lines 1 to 1 of at least 1"), "{text}");
        let code = |file| render(file, 1, None).map_err(|error| error.code());
        assert_eq!(code(ReadFile { content, bytes: 2 }), Err("not_text"));
        assert_eq!(code(ReadFile { content: b"a\0b".to_vec(), bytes: 3 }), Err("not_text"));
        assert_eq!(code(ReadFile { content: b"a\xffbc".to_vec(), bytes: 9 }), Err("not_text"));
    }

    #[test]
    fn numbers_saturate() {
        for (value, expected) in
            [(json!(3), 3), (json!(3.0), 3), (json!(1e300), usize::MAX), (json!(u64::MAX), usize::MAX)]
        {
            assert_eq!(crate::file::number(&json!({ "n": value }), "n"), Some(expected));
        }
    }
}
