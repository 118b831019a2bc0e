//! `write_file`: a whole text file into the task's staging folder.

use std::sync::Arc;

use async_trait::async_trait;
use domain::tool::{FileEntry, ToolClass, ToolContext, ToolOutcome, ToolSpec};
use serde_json::{Value, json};

use crate::registry::Tool;
use crate::workspace::{FilesError, ProjectFiles};

/// See the module.
pub struct WriteFileTool {
    files: ProjectFiles,
}

impl WriteFileTool {
    /// Over these files.
    pub const fn new(files: ProjectFiles) -> Self {
        Self { files }
    }

    async fn write(&self, context: &ToolContext, input: &Value) -> Result<FileEntry, FilesError> {
        let content = super::text(input, "content").as_bytes().to_vec();
        self.files.write(context, super::path(input)?, content).await
    }
}

#[async_trait]
impl Tool for WriteFileTool {
    fn spec(&self) -> Arc<ToolSpec> {
        super::spec(
            "write_file",
            "Writes a text file of the project, making folders where they are missing and replacing what was \
             there. Others see it when this task is completed.",
            ToolClass::Workspace,
            json!({
                "type": "object",
                "properties": {
                    "path": {
                        "type": "string",
                        "description": "Path relative to the project, with / between folders, e.g. src/main.rs",
                    },
                    "content": { "type": "string", "description": "The whole content of the file" },
                },
                "required": ["path", "content"],
            }),
        )
    }

    async fn call(&self, context: &ToolContext, input: &Value) -> ToolOutcome {
        match self.write(context, input).await {
            Ok(entry) => {
                let mut outcome = ToolOutcome::ok(format!("wrote {} ({} bytes)", entry.path, entry.bytes));
                outcome.writes.push(entry);
                outcome
            }
            Err(error) => super::failure(&error),
        }
    }
}
