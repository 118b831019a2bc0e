//! The tools that work, and the one way to call them.
//!
//! A call is checked against the tool's schema, runs in a task of its own with a
//! time limit, and its result is cut to the tool's bound. It knows no single tool
//! and keeps no state: what a call did is journalled by the engine.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::ports::Toolbox;
use domain::tool::{ToolContext, ToolOutcome, ToolSpec};
use jsonschema::Validator;
use serde_json::Value;
use tokio::task::JoinSet;

/// Most mistakes that one refusal names.
const MISTAKES_MAX: usize = 20;
/// Longest text about one mistake, in bytes.
const MISTAKE_BYTES_MAX: usize = 240;
/// Longest name that every provider accepts.
const NAME_BYTES_MAX: usize = 64;

/// Something a model may use.
#[async_trait]
pub trait Tool: Send + Sync {
    /// What it is. Asked once, when the registry is built.
    fn spec(&self) -> Arc<ToolSpec>;

    /// Does it. `input` matches the schema. May be dropped at any `.await`: the
    /// time limit and a cancelled task do that.
    async fn call(&self, context: &ToolContext, input: &Value) -> ToolOutcome;
}

/// A tool that the registry could not take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// The name it gave.
    pub name: String,
    /// What is wrong with it, for the log and for `doctor`.
    pub reason: String,
}

struct Entry {
    tool: Arc<dyn Tool>,
    spec: Arc<ToolSpec>,
    schema: Validator,
}

/// All tools of this engine, by name.
pub struct Registry {
    // Sorted: the order reaches the provider, whose cache depends on it.
    entries: BTreeMap<String, Entry>,
}

impl Registry {
    /// Takes every tool that works; the others are reported and left out, for one
    /// broken tool is no reason to stop the engine.
    #[must_use]
    pub fn new(tools: Vec<Arc<dyn Tool>>) -> (Self, Vec<LeftOut>) {
        let mut entries = BTreeMap::new();
        let mut left_out = Vec::new();
        for tool in tools {
            let spec = tool.spec();
            let name = spec.definition.name.clone();
            let problem = match compile(&spec) {
                Ok(_) if entries.contains_key(&name) => "another tool has this name".to_owned(),
                Ok(schema) => {
                    entries.insert(name, Entry { tool, spec, schema });
                    continue;
                }
                Err(problem) => problem,
            };
            tracing::warn!(tool = %name, %problem, "tool left out");
            left_out.push(LeftOut { name, reason: problem });
        }
        (Self { entries }, left_out)
    }
}

#[async_trait]
impl Toolbox for Registry {
    fn specs(&self) -> Vec<Arc<ToolSpec>> {
        self.entries.values().map(|entry| entry.spec.clone()).collect()
    }

    async fn call(&self, context: &ToolContext, name: &str, input: &Value) -> ToolOutcome {
        let Some(entry) = self.entries.get(name) else {
            let known: Vec<&str> = self.entries.keys().map(String::as_str).collect();
            return ToolOutcome::error(
                "tool_not_allowed",
                format_args!(
                    "there is no tool {:?}; there are: {}",
                    cut(name, NAME_BYTES_MAX),
                    known.join(", ")
                ),
            );
        };
        if let Some(mistakes) = mistakes(&entry.schema, input) {
            return bound(ToolOutcome::error("invalid_tool_input", mistakes), entry.spec.output_max_bytes);
        }
        bound(run(entry, context, input).await, entry.spec.output_max_bytes)
    }
}

/// Runs the tool in a task of its own, so that its panic stays there. Dropping
/// the set, at the time limit or because we are dropped, ends the task.
async fn run(entry: &Entry, context: &ToolContext, input: &Value) -> ToolOutcome {
    let (tool, context, input) = (entry.tool.clone(), context.clone(), input.clone());
    let limit = Duration::from_millis(entry.spec.timeout_ms);
    let mut running = JoinSet::new();
    running.spawn(async move { tool.call(&context, &input).await });
    match tokio::time::timeout(limit, running.join_next()).await {
        Ok(Some(Ok(outcome))) => outcome,
        Ok(Some(Err(_)) | None) => {
            tracing::error!(tool = %entry.spec.definition.name, "tool panicked");
            ToolOutcome::error("tool_failed", "the tool broke; another call may work")
        }
        Err(_) => ToolOutcome::error(
            "tool_timed_out",
            format_args!("no result within {} ms; it may have had an effect", entry.spec.timeout_ms),
        ),
    }
}

fn compile(spec: &ToolSpec) -> Result<Validator, String> {
    let name = &spec.definition.name;
    let is_name = !name.is_empty()
        && name.len() <= NAME_BYTES_MAX
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    if !is_name {
        return Err("its name must be 1 to 64 letters, digits, `_` or `-`".to_owned());
    }
    let schema = &spec.definition.input_schema;
    if schema.get("type").and_then(Value::as_str) != Some("object") {
        return Err("its schema must describe an object".to_owned());
    }
    // Without the crate's resolver features a remote `$ref` fails here.
    jsonschema::validator_for(schema)
        .map_err(|error| format!("its schema is wrong: {}", cut(&error.to_string(), MISTAKE_BYTES_MAX)))
}

/// Every mistake with the place where it is; values are left out, for they may
/// be long and the model knows them.
fn mistakes(schema: &Validator, input: &Value) -> Option<String> {
    let mut texts: Vec<String> = Vec::new();
    let mut more = 0usize;
    for error in schema.iter_errors(input) {
        if texts.len() == MISTAKES_MAX {
            more += 1;
            continue;
        }
        let place = error.instance_path().to_string();
        let place = if place.is_empty() { "/" } else { &place };
        let text = error.masked().to_string();
        texts.push(format!("{} {}", cut(place, MISTAKE_BYTES_MAX), cut(&text, MISTAKE_BYTES_MAX)));
    }
    if texts.is_empty() {
        return None;
    }
    if more > 0 {
        texts.push(format!("and {more} more"));
    }
    Some(texts.join("; "))
}

/// Cuts the text for the model to `bytes_max`, the note about it included.
pub(crate) fn bound(mut outcome: ToolOutcome, bytes_max: usize) -> ToolOutcome {
    if outcome.content.len() <= bytes_max {
        return outcome;
    }
    let total = outcome.content.len();
    // The number in the note is at most `total`, so this room is enough.
    let room = note(total).len();
    let kept = cut(&outcome.content, bytes_max.saturating_sub(room)).len();
    outcome.content.truncate(kept);
    let note = note(total - kept);
    if kept + note.len() <= bytes_max {
        outcome.content.push_str(&note);
    }
    outcome
}

fn note(cut_bytes: usize) -> String {
    format!("\n[cut: {cut_bytes} more bytes were left out]")
}

/// The longest beginning of at most `bytes_max` bytes that ends between characters.
fn cut(text: &str, bytes_max: usize) -> &str {
    &text[..text.floor_char_boundary(bytes_max)]
}

#[cfg(test)]
mod tests;
