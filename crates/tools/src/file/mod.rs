//! The tools for files: `read_file`, `write_file`, `edit_file`, `list_files`, `search_files`.
//!
//! They turn arguments into calls of [`ProjectFiles`] and results into text. Whose
//! files they see comes from the context alone: a `project_id` among the arguments,
//! which models of the prototype had to send, is ignored.

mod edit;
mod list;
mod read;
mod search;
mod write;

use std::sync::Arc;

use domain::model::ToolDefinition;
use domain::tool::{ToolClass, ToolOutcome, ToolSpec};
use serde_json::Value;

use crate::path::RelativePath;
use crate::registry::Tool;
use crate::workspace::{FilesError, ProjectFiles};

/// How long one call may take: these are small files on a local disk.
const TIMEOUT_MS: u64 = 30_000;
/// Longest result. Over four bytes for each character that `read_file` gives, and
/// room for its note.
const OUTPUT_BYTES_MAX: usize = 4 * read::CHARS_MAX + 1_000;

/// The five tools over these files.
#[must_use]
pub fn file_tools(files: &ProjectFiles) -> Vec<Arc<dyn Tool>> {
    vec![
        Arc::new(read::ReadFileTool::new(files.clone())),
        Arc::new(write::WriteFileTool::new(files.clone())),
        Arc::new(edit::EditFileTool::new(files.clone())),
        Arc::new(list::ListFilesTool::new(files.clone())),
        Arc::new(search::SearchFilesTool::new(files.clone())),
    ]
}

fn spec(name: &str, description: &str, class: ToolClass, input_schema: Value) -> Arc<ToolSpec> {
    Arc::new(ToolSpec {
        definition: ToolDefinition {
            name: name.to_owned(),
            description: description.to_owned(),
            input_schema,
        },
        class,
        timeout_ms: TIMEOUT_MS,
        output_max_bytes: OUTPUT_BYTES_MAX,
        needs: Vec::new(),
        is_untrusted: false,
    })
}

/// The argument `path`; the schema has made sure that it is text.
fn path(input: &Value) -> Result<RelativePath, FilesError> {
    Ok(RelativePath::parse(text(input, "path"))?)
}

/// The argument `path` where it names a folder; `None` for the project's own.
fn folder(input: &Value) -> Result<Option<RelativePath>, FilesError> {
    match text(input, "path").trim_end_matches('/') {
        "" | "." if !text(input, "path").starts_with('/') => Ok(None),
        text => Ok(Some(RelativePath::parse(text)?)),
    }
}

/// A whole number; JSON Schema takes `3.0` for one, and one beyond `u64` means
/// "as far as it goes".
pub(crate) fn number(input: &Value, name: &str) -> Option<usize> {
    let value = input.get(name)?;
    let exact = value.as_u64().map(|number| usize::try_from(number).unwrap_or(usize::MAX));
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the cast saturates, which is what is wanted"
    )]
    exact.or_else(|| value.as_f64().map(|number| number as usize))
}

pub(crate) fn text<'a>(input: &'a Value, name: &str) -> &'a str {
    input.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// A failure as the model sees it. What exactly the file system said goes to the
/// log: it may name folders of this machine.
pub(crate) fn failure(error: &FilesError) -> ToolOutcome {
    match error {
        FilesError::Io(cause) => {
            tracing::error!(%cause, "file tool failed");
            ToolOutcome::error(error.code(), format_args!("{error}: {}", cause.kind()))
        }
        _ => ToolOutcome::error(error.code(), error),
    }
}
