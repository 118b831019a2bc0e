//! `list_files`: what the task can read, published and its own.

use std::fmt::Write as _;
use std::sync::Arc;

use async_trait::async_trait;
use domain::tool::{ToolClass, ToolContext, ToolOutcome, ToolSpec};
use serde_json::{Value, json};

use crate::path::RelativePath;
use crate::registry::Tool;
use crate::workspace::{FilesError, Listing, ProjectFiles};

/// Most files that one call names.
const FILES_MAX: usize = 1_000;

/// See the module.
pub struct ListFilesTool {
    files: ProjectFiles,
}

impl ListFilesTool {
    /// Over these files.
    pub const fn new(files: ProjectFiles) -> Self {
        Self { files }
    }

    async fn list(&self, context: &ToolContext, input: &Value) -> Result<String, FilesError> {
        let folder = super::folder(input)?;
        let listing = self.files.list(context, folder.clone()).await?;
        Ok(render(&listing, folder.as_ref()))
    }
}

#[async_trait]
impl Tool for ListFilesTool {
    fn spec(&self) -> Arc<ToolSpec> {
        super::spec(
            "list_files",
            "Lists the files of the project with their sizes, folders included: what this task has written and \
             what earlier tasks have finished.",
            ToolClass::Read,
            json!({
                "type": "object",
                "properties": {
                    "path": { "type": "string", "description": "Folder to list; the whole project without it" },
                },
            }),
        )
    }

    async fn call(&self, context: &ToolContext, input: &Value) -> ToolOutcome {
        match self.list(context, input).await {
            Ok(text) => ToolOutcome::ok(text),
            Err(error) => super::failure(&error),
        }
    }
}

fn render(listing: &Listing, folder: Option<&RelativePath>) -> String {
    if listing.files.is_empty() {
        return match folder {
            Some(folder) => format!("[no files in {folder}]"),
            None => "[the project has no files yet]".to_owned(),
        };
    }
    let mut out = String::new();
    for file in listing.files.iter().take(FILES_MAX) {
        let mark = if file.is_staged { ", written by this task" } else { "" };
        // Writing into a string cannot fail.
        let _ = writeln!(out, "{} ({} bytes{mark})", file.path, file.bytes);
    }
    if listing.files.len() > FILES_MAX {
        let _ = writeln!(out, "[and {} more; list a folder to see them]", listing.files.len() - FILES_MAX);
    }
    out
}
