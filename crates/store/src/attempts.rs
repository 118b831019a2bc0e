//! Attempts and steps: the journal.

use std::sync::Arc;

use domain::attempt::{Attempt, AttemptState, Owner, Step, StepKind, StepState};
use domain::id::{OperationId, ProjectId, TaskId};

use crate::row::{Cursor, Damaged, Rows};
use crate::table::Table;

pub(crate) const ATTEMPTS: Table = Table {
    name: "attempts",
    key: &["task", "number"],
    columns: &["task", "number", "project", "state", "brief_json", "started_at", "ended_at", "error"],
};

pub(crate) const STEPS: Table = Table {
    name: "steps",
    key: &["owner", "attempt", "seq", "owner_kind"],
    columns: &[
        "owner",
        "attempt",
        "seq",
        "owner_kind",
        "kind",
        "state",
        "name",
        "tries",
        "tool_use_id",
        "request_hash",
        "note",
        "result",
    ],
};

/// The word for what owns a step or a call.
pub(crate) const fn owner_kind(owner: &Owner) -> &'static str {
    match owner {
        Owner::Task(_) => "task",
        Owner::Operation(_) => "operation",
    }
}

/// Reads the word for what owns a step or a call.
pub(crate) fn owner_of(kind: &str, id: Arc<str>) -> Option<Owner> {
    match kind {
        "task" => Some(Owner::Task(TaskId::new(id))),
        "operation" => Some(Owner::Operation(OperationId::new(id))),
        _ => None,
    }
}

pub(crate) fn write_attempt(attempt: &Attempt, rows: &mut Rows) {
    rows.begin();
    rows.text(attempt.task.as_str());
    rows.int(attempt.number.into());
    rows.text(attempt.project.as_str());
    rows.text(attempt.state.as_str());
    rows.json(&*attempt.brief);
    rows.time(attempt.started_at);
    rows.opt_time(attempt.ended_at);
    rows.opt_text(attempt.error.as_deref());
    rows.end();
}

pub(crate) fn read_attempt(row: &mut Cursor<'_>) -> Result<Attempt, Damaged> {
    Ok(Attempt {
        task: TaskId::new(row.text()?),
        number: row.num()?,
        project: ProjectId::new(row.text()?),
        state: row.word(AttemptState::parse)?,
        brief: Arc::new(row.json()?),
        started_at: row.time()?,
        ended_at: row.opt_time()?,
        error: row.opt_text()?,
    })
}

pub(crate) fn write_step(step: &Step, rows: &mut Rows) {
    rows.begin();
    rows.text(step.owner.as_str());
    rows.int(step.attempt.into());
    rows.int(step.seq.into());
    rows.text(owner_kind(&step.owner));
    rows.text(step.kind.as_str());
    rows.text(step.state.as_str());
    rows.text(&step.name);
    rows.int(step.tries.into());
    rows.opt_text(step.tool_use_id.as_deref());
    rows.text(&step.request_hash);
    rows.opt_text(step.note.as_deref());
    rows.opt_text(step.result.as_deref());
    rows.end();
}

pub(crate) fn read_step(row: &mut Cursor<'_>) -> Result<Step, Damaged> {
    let owner = row.text()?;
    let (attempt, seq) = (row.num()?, row.num()?);
    Ok(Step {
        owner: row.word(|kind| owner_of(kind, owner))?,
        attempt,
        seq,
        kind: row.word(StepKind::parse)?,
        state: row.word(StepState::parse)?,
        name: row.text()?,
        tries: row.num()?,
        tool_use_id: row.opt_text()?,
        request_hash: row.text()?,
        note: row.opt_text()?,
        result: row.opt_text()?,
    })
}
