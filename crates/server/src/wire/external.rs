//! Work done outside, on the wire.

use domain::context::ContextPiece;
use domain::model::Usage;
use domain::task::Task;
use engine::Claimed;
use serde::Serialize;
use store::TaskDetail;

use super::seconds;
use crate::extract::{Fields, Shape};

/// Characters of a description in the list.
const EXCERPT_CHARS: usize = 500;

/// Most tokens of a kind that one report may name: far beyond any real task, and
/// few enough that a slip cannot use up everybody's budget for ever.
const TOKENS_MAX: i64 = 10_000_000;

/// A task that may be claimed.
#[derive(Serialize)]
pub struct ClaimableWire {
    id: String,
    title: String,
    description: String,
    model_tier: &'static str,
    wave: u32,
    priority: i32,
    phase: Option<String>,
    task_type: &'static str,
    depends_on: Vec<String>,
}

impl From<&TaskDetail> for ClaimableWire {
    fn from(TaskDetail { task, spec, depends_on, .. }: &TaskDetail) -> Self {
        Self {
            id: task.id.to_string(),
            title: task.title.to_string(),
            description: spec.description.chars().take(EXCERPT_CHARS).collect(),
            model_tier: task.tier.as_str(),
            wave: task.wave,
            priority: task.priority,
            phase: spec.phase.clone(),
            task_type: task.task_type.as_str(),
            depends_on: depends_on.iter().map(ToString::to_string).collect(),
        }
    }
}

/// One piece of what a worker is told.
#[derive(Serialize)]
struct PieceWire {
    #[serde(rename = "type")]
    kind: &'static str,
    content: String,
    source_task_id: Option<String>,
    source_task_title: Option<String>,
}

impl From<ContextPiece> for PieceWire {
    fn from(piece: ContextPiece) -> Self {
        Self {
            kind: piece.kind.as_str(),
            content: piece.text,
            source_task_id: piece.source_task_id.map(|id| id.to_string()),
            source_task_title: piece.source_title,
        }
    }
}

/// A task that was claimed, with all its worker needs.
#[derive(Serialize)]
pub struct ClaimedWire {
    id: String,
    project_id: String,
    title: String,
    description: String,
    task_type: &'static str,
    model_tier: &'static str,
    wave: u32,
    priority: i32,
    phase: Option<String>,
    system_prompt: String,
    context: Vec<PieceWire>,
    tools: Vec<String>,
    depends_on: Vec<String>,
    max_tokens: u32,
    requirement_ids: Vec<String>,
    verification_criteria: String,
    fence: u64,
    lease_until: Option<f64>,
}

impl ClaimedWire {
    /// What was claimed, with the row as it is now.
    #[must_use]
    pub fn new(claimed: Claimed, now: &Task) -> Self {
        let Claimed { rows, system, pieces } = claimed;
        Self {
            id: now.id.to_string(),
            project_id: now.project.to_string(),
            title: now.title.to_string(),
            description: rows.spec.description,
            task_type: now.task_type.as_str(),
            model_tier: now.tier.as_str(),
            wave: now.wave,
            priority: now.priority,
            phase: rows.spec.phase,
            system_prompt: system.to_string(),
            context: pieces.into_iter().map(PieceWire::from).collect(),
            tools: rows.spec.tools,
            depends_on: rows.prerequisites.iter().map(|row| row.id.to_string()).collect(),
            max_tokens: now.max_tokens,
            requirement_ids: rows.spec.requirement_ids,
            verification_criteria: rows.spec.verification_criteria,
            fence: now.fence,
            lease_until: seconds(now.lease_until),
        }
    }
}

/// How long a claim holds.
#[derive(Serialize)]
pub struct LeaseWire {
    task_id: String,
    fence: u64,
    lease_until: Option<f64>,
}

impl From<&Task> for LeaseWire {
    fn from(task: &Task) -> Self {
        Self { task_id: task.id.to_string(), fence: task.fence, lease_until: seconds(task.lease_until) }
    }
}

/// What a submitted output led to.
#[derive(Serialize)]
pub struct SubmittedWire {
    /// Which task.
    pub task_id: String,
    /// Its status now.
    pub status: &'static str,
    /// Outputs from outside are not judged here: always null.
    pub verification_status: Option<&'static str>,
    /// Always null.
    pub verification_notes: Option<String>,
    /// Another task that may be claimed.
    pub next_claimable_task_id: Option<String>,
}

/// Which claim is meant: the caller's own as it stands, or the one of this fence.
pub struct ClaimRef {
    /// The fence that claiming gave.
    pub fence: Option<u64>,
}

impl Shape for ClaimRef {
    fn read(fields: &mut Fields) -> Self {
        let fence = fields.opt_int("fence", 0..=i64::MAX);
        Self { fence: fence.and_then(|fence| u64::try_from(fence).ok()) }
    }
}

/// Body of a submission.
pub struct SubmitResult {
    /// Which claim.
    pub claim: ClaimRef,
    /// The output.
    pub output: String,
    /// The model that made it.
    pub model: String,
    /// What it used.
    pub usage: Usage,
}

impl Shape for SubmitResult {
    fn read(fields: &mut Fields) -> Self {
        let output = fields.text("output_text", 1..=500_000);
        let model = fields.line("model_used", 1..=100);
        let mut tokens = |name| u64::try_from(fields.int_or(name, 0..=TOKENS_MAX, 0)).unwrap_or(0);
        let usage =
            Usage { input: tokens("prompt_tokens"), output: tokens("completion_tokens"), ..Usage::default() };
        Self { claim: ClaimRef::read(fields), output, model, usage }
    }
}
