//! Everything that is said to a model. The words are files in `prompts/`; here
//! they meet their values.
//!
//! System prompts hold no foreign text, so that they stay the same for every
//! call and can be cached. Foreign text (context, outputs) stands in user turns,
//! inside of elements that it cannot close. A task's description is never put
//! into a template: it reaches the model as it was planned.

mod finding;
mod verdict;

use std::sync::LazyLock;

use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, Value, context};
use sha2::{Digest, Sha256};

use crate::context::{ContextPiece, cut, one_line};
use crate::model::{Block, Message, Role, ToolDefinition};
use crate::plan::Rigor;
use crate::requirement::{self, Requirement};

pub use finding::{Finding, FindingCategory, content_hash, findings_schema, parse_findings};
pub use verdict::{Judgement, parse_verdict, verdict_schema};

/// Characters of an output that a verifier sees.
pub const VERIFIED_MAX_CHARS: usize = 8000;
/// Characters of an output that findings are taken from.
pub const EXTRACTED_MAX_CHARS: usize = 4000;
/// Characters of a tool's description that the planner sees.
const TOOL_LINE_MAX_CHARS: usize = 160;
/// Characters of a project's name that the planner sees.
const NAME_MAX_CHARS: usize = 200;
/// Elements that foreign text must not open or close.
const OUR_ELEMENTS: [&str; 2] = ["context", "result"];

macro_rules! templates {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../prompts/", $name)))),*]
    };
}

const TEMPLATES: &[(&str, &str)] = templates![
    "continuation.md",
    "empty_answer.md",
    "extraction_system.md",
    "extraction_user.md",
    "last_turn.md",
    "plan_repair.md",
    "planner_common.md",
    "planner_l1.md",
    "planner_l2.md",
    "planner_l3.md",
    "planner_task.md",
    "planner_user.md",
    "review_feedback.md",
    "task_context.md",
    "task_criteria.md",
    "task_role.md",
    "task_system.md",
    "verifier_system.md",
    "verifier_user.md",
];

static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    // Templates are Markdown with a statement alone on some lines.
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
    environment.set_syntax(syntax.expect("the usual delimiters are valid"));
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    for (name, text) in TEMPLATES {
        environment.add_template(name, text).expect("every prompt file is a template, as a test shows");
    }
    environment
});

static VERSION: LazyLock<String> = LazyLock::new(|| {
    let mut hash = Sha256::new();
    for (name, text) in TEMPLATES {
        hash.update(name.as_bytes());
        hash.update([0]);
        hash.update(text.as_bytes());
        hash.update([0]);
    }
    hex(&hash.finalize(), 12)
});

/// Names the words of this version: it changes when any prompt file does.
#[must_use]
pub fn version() -> &'static str {
    &VERSION
}

fn hex(bytes: &[u8], digits: usize) -> String {
    let mut text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    text.truncate(digits);
    text
}

fn render(name: &str, values: Value) -> String {
    let template = ENVIRONMENT.get_template(name).expect("only names of the list above are asked for");
    let text = template.render(values).expect("templates only place values, as a test shows");
    text.trim().to_owned()
}

/// The planner's system prompt.
#[must_use]
pub fn planner_system(rigor: Rigor, max_tasks: usize, tools: &[ToolDefinition]) -> String {
    let (name, low) = match rigor {
        Rigor::L1 => ("planner_l1.md", 3),
        Rigor::L2 => ("planner_l2.md", 3),
        Rigor::L3 => ("planner_l3.md", 5),
    };
    let tools: Vec<Value> = tools
        .iter()
        .map(|tool| {
            let line = tool.description.lines().next().unwrap_or_default();
            context! { name => tool.name.as_str(), line => one_line(line, TOOL_LINE_MAX_CHARS) }
        })
        .collect();
    let usual = if max_tasks >= 15 { format!("{low} to 15") } else { format!("1 to {max_tasks}") };
    render(name, context! { tools, usual, max_tasks })
}

/// The planner's user message.
#[must_use]
pub fn planner_user(project_name: &str, requirements: &[Requirement], notes: Option<&str>) -> String {
    let project = one_line(project_name, NAME_MAX_CHARS);
    let requirements = requirement::tagged(requirements);
    let notes = notes.map(str::trim).filter(|notes| !notes.is_empty());
    render("planner_user.md", context! { project, requirements => requirements.trim_end(), notes })
}

/// What is said when a plan could not be used. `problems` is one line each.
#[must_use]
pub fn plan_repair(problems: &[String]) -> String {
    render("plan_repair.md", context! { problems => problems.to_vec() })
}

/// A task's system prompt. `role` replaces the usual first words.
#[must_use]
pub fn task_system(role: Option<&str>) -> String {
    let usual = || render("task_role.md", context! {});
    let role = role.map(str::trim).filter(|role| !role.is_empty()).map_or_else(usual, str::to_owned);
    render("task_system.md", context! { role })
}

/// A task as its model meets it first.
#[derive(Clone, Copy, Debug)]
pub struct TaskText<'a> {
    /// Its title; stands in for a description that is blank.
    pub title: &'a str,
    /// Its description, passed on unchanged.
    pub description: &'a str,
    /// How it will be judged; may be empty.
    pub criteria: &'a str,
}

/// A task's first user message: context, then the description unchanged in a
/// block of its own, then how it will be judged.
#[must_use]
pub fn task_message(pieces: &[ContextPiece], task: &TaskText<'_>) -> Message {
    let mut content = Vec::new();
    if !pieces.is_empty() {
        content.push(Block::Text { text: context_text(pieces) });
    }
    let description = if task.description.trim().is_empty() { task.title } else { task.description };
    content.push(Block::Text { text: description.to_owned() });
    if !task.criteria.trim().is_empty() {
        let text = render("task_criteria.md", context! { criteria => task.criteria.trim() });
        content.push(Block::Text { text });
    }
    Message { role: Role::User, content }
}

fn context_text(pieces: &[ContextPiece]) -> String {
    let pieces: Vec<Value> = pieces
        .iter()
        .map(|piece| {
            context! {
                kind => piece.kind.as_str(),
                source => piece.source_title.as_deref().map(attribute),
                trust => if piece.is_untrusted { "data" } else { "project" },
                text => enclosed(&piece.text),
            }
        })
        .collect();
    render("task_context.md", context! { pieces })
}

/// What is said when an answer reached its token limit.
#[must_use]
pub fn continuation() -> String {
    render("continuation.md", context! {})
}

/// What is said when no more tool rounds are left.
#[must_use]
pub fn last_turn() -> String {
    render("last_turn.md", context! {})
}

/// What is said when an answer had no text.
#[must_use]
pub fn empty_answer() -> String {
    render("empty_answer.md", context! {})
}

/// What is said after the task when an earlier try had gaps.
#[must_use]
pub fn review_feedback() -> String {
    render("review_feedback.md", context! {})
}

/// The verifier's system prompt.
#[must_use]
pub fn verifier_system() -> String {
    render("verifier_system.md", context! {})
}

/// The verifier's user message: the beginning of the output, cut with a mark, as
/// data. An output without text is said to be empty.
#[must_use]
pub fn verifier_user(task: &TaskText<'_>, output: &str, files: &[String]) -> String {
    let output = cut(output.trim(), VERIFIED_MAX_CHARS);
    let files: Vec<String> = files.iter().take(50).map(|path| attribute(path)).collect();
    render(
        "verifier_user.md",
        context! {
            title => one_line(task.title, NAME_MAX_CHARS),
            description => enclosed(task.description.trim()),
            criteria => enclosed(task.criteria.trim()),
            output => enclosed(&output),
            files => files.join(", "),
        },
    )
}

/// The system prompt for finding out what later tasks should know.
#[must_use]
pub fn extraction_system() -> String {
    render("extraction_system.md", context! {})
}

/// The user message for finding out what later tasks should know.
#[must_use]
pub fn extraction_user(task: &TaskText<'_>, output: &str) -> String {
    let output = cut(output.trim(), EXTRACTED_MAX_CHARS);
    render(
        "extraction_user.md",
        context! {
            title => one_line(task.title, NAME_MAX_CHARS),
            description => enclosed(task.description.trim()),
            output => enclosed(&output),
        },
    )
}

/// Foreign text that cannot leave the element around it. Only what looks like an
/// element of ours is changed: outputs are often code, and code must stay code.
#[must_use]
pub fn enclosed(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        let (before, tag) = rest.split_at(at);
        out.push_str(before);
        let inner = tag[1..].trim_start_matches(|c: char| c == '/' || c.is_whitespace());
        let is_ours = OUR_ELEMENTS
            .iter()
            .any(|name| inner.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name)));
        out.push_str(if is_ours { "&lt;" } else { "<" });
        rest = &tag[1..];
    }
    out.push_str(rest);
    out
}

/// Foreign text inside of quotes, on one line.
fn attribute(text: &str) -> String {
    one_line(text, NAME_MAX_CHARS)
        .replace('&', "&amp;")
        .replace('"', "&quot;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests;
