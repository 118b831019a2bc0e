//! `search_knowledge` and `lookup_type`: arguments in, blocks of text out.

use std::fmt::Write as _;
use std::sync::Arc;

use async_trait::async_trait;
use domain::model::ToolDefinition;
use domain::tool::{ToolClass, ToolContext, ToolOutcome, ToolSpec};
use serde_json::{Value, json};

use super::database::Scored;
use super::{HITS_MAX, Knowledge, KnowledgeError};
use crate::file::{number, text};
use crate::registry::Tool;

/// Reading a large database for the first time is part of the first call.
const TIMEOUT_MS: u64 = 120_000;
/// Longest result, in bytes.
const OUTPUT_BYTES_MAX: usize = 100_000;
const HITS_DEFAULT: usize = 5;

/// Finds texts by meaning.
pub struct SearchKnowledgeTool(pub Arc<Knowledge>);

/// Finds texts about a type by its name.
pub struct LookupTypeTool(pub Arc<Knowledge>);

#[async_trait]
impl Tool for SearchKnowledgeTool {
    fn spec(&self) -> Arc<ToolSpec> {
        spec(
            "search_knowledge",
            "Searches a knowledge database for texts about a question and gives the nearest ones.",
            json!({
                "type": "object",
                "properties": {
                    "query": { "type": "string", "minLength": 1, "description": "What to look for, in plain words" },
                    "database": { "type": "string", "enum": self.0.names(), "description": "Which database" },
                    "top_k": { "type": "integer", "description": "How many texts, 1 to 20; default 5" },
                    "source_filter": { "type": "string", "description": "Only texts of exactly this source" },
                },
                "required": ["query", "database"],
            }),
        )
    }

    async fn call(&self, _: &ToolContext, input: &Value) -> ToolOutcome {
        let source = Some(text(input, "source_filter")).filter(|source| !source.is_empty());
        let found = self.0.search(text(input, "database"), text(input, "query"), hits(input), source).await;
        outcome(found.map(|found| render(&found.hits, found.note.as_deref())))
    }
}

#[async_trait]
impl Tool for LookupTypeTool {
    fn spec(&self) -> Arc<ToolSpec> {
        spec(
            "lookup_type",
            "Finds texts about a type, function or heading by its name in a knowledge database.",
            json!({
                "type": "object",
                "properties": {
                    "name": { "type": "string", "minLength": 1, "description": "The name, or a part of it" },
                    "database": { "type": "string", "enum": self.0.names(), "description": "Which database" },
                    "top_k": { "type": "integer", "description": "How many texts, 1 to 20; default 5" },
                },
                "required": ["name", "database"],
            }),
        )
    }

    async fn call(&self, _: &ToolContext, input: &Value) -> ToolOutcome {
        let found = self.0.lookup(text(input, "database"), text(input, "name"), hits(input)).await;
        outcome(found.map(|hits| render(&hits, None)))
    }
}

fn spec(name: &str, description: &str, input_schema: Value) -> Arc<ToolSpec> {
    Arc::new(ToolSpec {
        definition: ToolDefinition {
            name: name.to_owned(),
            description: description.to_owned(),
            input_schema,
        },
        class: ToolClass::Read,
        timeout_ms: TIMEOUT_MS,
        output_max_bytes: OUTPUT_BYTES_MAX,
        needs: Vec::new(),
        is_untrusted: true,
    })
}

fn hits(input: &Value) -> usize {
    // A negative number saturates to 0 and so becomes 1.
    number(input, "top_k").unwrap_or(HITS_DEFAULT).clamp(1, HITS_MAX)
}

fn outcome(result: Result<String, KnowledgeError>) -> ToolOutcome {
    match result {
        Ok(text) => ToolOutcome::ok(text),
        Err(KnowledgeError::Files(cause)) => {
            tracing::error!(%cause, "knowledge tool failed");
            ToolOutcome::error("tool_failed", "the file system failed")
        }
        Err(error) => ToolOutcome::error(error.code(), error),
    }
}

/// One block for each chunk, an empty line between them.
fn render(hits: &Scored, note: Option<&str>) -> String {
    let mut blocks: Vec<String> = note.map(|note| format!("[{note}]")).into_iter().collect();
    if hits.is_empty() {
        blocks.push("No results found.".to_owned());
    }
    for (score, chunk) in hits {
        let mut block = String::new();
        let parts = [("source", &chunk.source), ("type", &chunk.type_name), ("file", &chunk.file_path)];
        let named = parts.into_iter().filter_map(|(name, value)| value.as_ref().map(|value| (name, value)));
        for (name, value) in named.filter(|(_, value)| !value.is_empty()) {
            // Writing into a string cannot fail. One line, whatever the row holds.
            let _ = write!(block, "{name}: {} | ", value.split_whitespace().collect::<Vec<_>>().join(" "));
        }
        let _ = write!(block, "score: {score:.3}");
        let mut block = format!("[{block}]\n{}", chunk.text);
        if let Some(gotcha) = &chunk.gotcha {
            let _ = write!(block, "\nGotcha: {gotcha}");
        }
        blocks.push(block);
    }
    blocks.join("\n\n")
}
