//! `search_files`: which lines of the project's files hold a text or a pattern.
//!
//! Bounded in files, bytes, matches and time; what was left out is said. Patterns
//! are matched in time linear in the text, so none of them can hang the engine.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::tool::{ToolClass, ToolContext, ToolOutcome, ToolSpec};
use regex::{Regex, RegexBuilder};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::path::RelativePath;
use crate::registry::Tool;
use crate::workspace::{FilesError, Listed, Listing, ProjectFiles};

/// Matches shown when none are asked for, and at most.
const MATCHES_DEFAULT: usize = 50;
const MATCHES_MAX: usize = 500;
/// Most bytes that one search reads.
const BYTES_MAX: u64 = 256 << 20;
/// Longest search; what was found until then is given.
const TIME_MAX: Duration = Duration::from_secs(15);
/// Longest line that is shown, in characters.
const LINE_CHARS_MAX: usize = 240;
/// Longest query, in bytes.
const QUERY_BYTES_MAX: u64 = 1_000;
/// Most memory that a pattern may take when it is compiled.
const PATTERN_BYTES_MAX: usize = 1 << 20;
/// A zero byte in here means that the file is not text.
const PROBE_BYTES: usize = 8_192;

/// See the module.
pub struct SearchFilesTool {
    files: ProjectFiles,
}

enum Matcher {
    Literal(String),
    Pattern(Regex),
}

/// What was found, and what was not looked at.
#[derive(Default)]
struct Found {
    text: String,
    matches: usize,
    files: usize,
    not_text: usize,
    not_whole: usize,
    unread: usize,
    is_full: bool,
    is_late: bool,
}

impl SearchFilesTool {
    /// Over these files.
    pub const fn new(files: ProjectFiles) -> Self {
        Self { files }
    }

    async fn search(
        &self,
        context: &ToolContext,
        folder: Option<RelativePath>,
        matcher: Matcher,
        matches_max: usize,
    ) -> Result<Found, FilesError> {
        let listing = self.list(context, folder).await?;
        // Its own writes first: they are what the task is about.
        let (own, published): (Vec<Listed>, Vec<Listed>) =
            listing.files.into_iter().partition(|file| file.is_staged);
        let end = Instant::now() + TIME_MAX;
        let mut found = Found::default();
        let mut bytes_left = BYTES_MAX;
        for file in own.into_iter().chain(published) {
            if found.is_full {
                break;
            }
            found.is_late |= Instant::now() >= end;
            if found.is_late || bytes_left == 0 {
                found.unread += 1;
                continue;
            }
            let Ok(path) = RelativePath::parse(&file.path) else { continue };
            let content = match self.files.read(context, path).await {
                Ok(read) => {
                    found.not_whole += usize::from((read.content.len() as u64) < read.bytes);
                    read.content
                }
                // Gone since it was listed, or something no tool may open.
                Err(_) => continue,
            };
            bytes_left = bytes_left.saturating_sub(content.len() as u64);
            look(&mut found, &file.path, &content, &matcher, matches_max);
        }
        Ok(found)
    }

    /// The files beneath a folder; a file's own path means that file.
    async fn list(&self, context: &ToolContext, folder: Option<RelativePath>) -> Result<Listing, FilesError> {
        let listing = self.files.list(context, folder.clone()).await?;
        let Some(file) = folder.filter(|_| listing.files.is_empty()) else { return Ok(listing) };
        let mut listing = self.files.list(context, None).await?;
        listing.files.retain(|listed| listed.path == file.as_str());
        if listing.files.is_empty() {
            // A link or something else that may not be opened says so itself.
            self.files.read(context, file).await?;
        }
        Ok(listing)
    }
}

#[async_trait]
impl Tool for SearchFilesTool {
    fn spec(&self) -> Arc<ToolSpec> {
        super::spec(
            "search_files",
            "Finds the lines of the project's text files that contain a text, or match a regular expression: in \
             what this task has written first, then in what earlier tasks have finished.",
            ToolClass::Read,
            json!({
                "type": "object",
                "properties": {
                    "query": {
                        "type": "string",
                        "minLength": 1,
                        "maxLength": QUERY_BYTES_MAX,
                        "description": "Text to find, upper and lower case told apart",
                    },
                    "path": { "type": "string", "description": "Folder or file to search; the whole project without it" },
                    "regex": { "type": "boolean", "description": "Whether query is a regular expression; default false" },
                    "max": { "type": "integer", "minimum": 1, "maximum": MATCHES_MAX, "description": "Most matches; default 50" },
                },
                "required": ["query"],
            }),
        )
    }

    async fn call(&self, context: &ToolContext, input: &Value) -> ToolOutcome {
        let query = super::text(input, "query");
        let matcher = if input.get("regex").and_then(Value::as_bool).unwrap_or(false) {
            match RegexBuilder::new(query).size_limit(PATTERN_BYTES_MAX).build() {
                Ok(pattern) => Matcher::Pattern(pattern),
                Err(error) => return ToolOutcome::error("invalid_tool_input", error),
            }
        } else {
            Matcher::Literal(query.to_owned())
        };
        let max = super::number(input, "max").unwrap_or(MATCHES_DEFAULT).clamp(1, MATCHES_MAX);
        let folder = match super::folder(input) {
            Ok(folder) => folder,
            Err(error) => return super::failure(&error),
        };
        match self.search(context, folder, matcher, max).await {
            Ok(found) => ToolOutcome::ok(found.render()),
            Err(error) => super::failure(&error),
        }
    }
}

impl Matcher {
    fn is_match(&self, line: &str) -> bool {
        match self {
            Self::Literal(text) => line.contains(text.as_str()),
            Self::Pattern(pattern) => pattern.is_match(line),
        }
    }
}

fn look(found: &mut Found, path: &str, content: &[u8], matcher: &Matcher, matches_max: usize) {
    if content[..content.len().min(PROBE_BYTES)].contains(&0) {
        found.not_text += 1;
        return;
    }
    found.files += 1;
    for (at, line) in String::from_utf8_lossy(content).lines().enumerate() {
        if !matcher.is_match(line) {
            continue;
        }
        if found.matches == matches_max {
            found.is_full = true;
            return;
        }
        found.matches += 1;
        let shown = match line.char_indices().nth(LINE_CHARS_MAX) {
            Some((end, _)) => &line[..end],
            None => line,
        };
        let cut = if shown.len() < line.len() { " [line cut]" } else { "" };
        // Writing into a string cannot fail.
        let _ = writeln!(found.text, "{path}:{}: {shown}{cut}", at + 1);
    }
}

impl Found {
    fn render(mut self) -> String {
        let note = match self.matches {
            0 => format!("[no match in {} text files]", self.files),
            matches if self.is_full => format!("[the first {matches} matches; there are more]"),
            matches => format!("[{matches} matches in {} text files]", self.files),
        };
        self.text.push_str(&note);
        for (count, what) in [
            (self.not_text, "are not text"),
            (self.not_whole, "are too large and were searched only at their beginning"),
            (self.unread, "were not searched: there is too much; give a path"),
        ] {
            if count > 0 {
                let _ = write!(self.text, " [{count} files {what}]");
            }
        }
        self.text
    }
}
