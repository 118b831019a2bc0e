//! Checkpoints on the wire.

use domain::checkpoint::{Checkpoint, Resolution};
use serde::Serialize;

use super::{Page, seconds};
use crate::extract::{Fields, Shape};

#[derive(Serialize)]
struct TryWire {
    message: String,
    timestamp: f64,
}

/// A checkpoint.
#[derive(Serialize)]
pub struct CheckpointWire {
    id: String,
    project_id: String,
    task_id: Option<String>,
    checkpoint_type: &'static str,
    summary: String,
    attempts: Vec<TryWire>,
    question: String,
    response: Option<String>,
    resolved_at: Option<f64>,
    created_at: f64,
}

impl From<&Checkpoint> for CheckpointWire {
    fn from(checkpoint: &Checkpoint) -> Self {
        let tries = checkpoint.attempts.iter();
        Self {
            id: checkpoint.id.to_string(),
            project_id: checkpoint.project.to_string(),
            task_id: checkpoint.task.as_ref().map(ToString::to_string),
            checkpoint_type: checkpoint.kind.as_str(),
            summary: checkpoint.summary.to_string(),
            attempts: tries
                .map(|past| TryWire { message: past.message.clone(), timestamp: past.at.to_seconds() })
                .collect(),
            question: checkpoint.question.to_string(),
            response: checkpoint.response.as_deref().map(str::to_owned),
            resolved_at: seconds(checkpoint.resolved_at),
            created_at: checkpoint.created_at.to_seconds(),
        }
    }
}

/// Query of the list.
pub struct ListCheckpoints {
    /// All of them, not only the open ones.
    pub is_all: bool,
    /// Which part of the list.
    pub page: Page,
}

impl Shape for ListCheckpoints {
    fn read(fields: &mut Fields) -> Self {
        Self { is_all: fields.bool_or("resolved", false), page: Page::read(fields, 200, 50) }
    }
}

/// Body of an answer.
pub struct Resolve {
    /// What was decided.
    pub resolution: Resolution,
    /// For the next attempt.
    pub guidance: String,
    /// For all later tasks.
    pub gotcha: String,
}

impl Shape for Resolve {
    fn read(fields: &mut Fields) -> Self {
        let resolution = fields.word("action", &["retry", "skip", "fail"], Resolution::parse);
        Self {
            resolution: resolution.unwrap_or(Resolution::Retry),
            guidance: fields.text_or_empty("guidance", 10_000),
            gotcha: fields.text_or_empty("gotcha", 2_000),
        }
    }
}
