//! A worker takes a ready task. The claim, the attempt's beginning and the first
//! call's intent are one transaction: between a task becoming ready and its
//! request leaving there is one sync to disk.
//!
//! An offer is only a hint. A task that is not ready any more is refused, and the
//! worker forgets it.

use serde_json::json;

use super::{ClaimTask, Outcome, Stop, Tx, begin_call, flow};
use crate::attempt::{Attempt, AttemptState};
use crate::event::EventKind;
use crate::project::Dispatch;
use crate::refusal::{Code, Refusal};
use crate::task::{TaskEvent, TaskState};

pub(super) fn decide(tx: &mut Tx<'_>, command: &ClaimTask) -> Result<Outcome, Stop> {
    let task = tx.task(&command.task)?.clone();
    if task.state != TaskState::Ready || task.fence != command.fence {
        return Err(begin_call::stale(command.task.as_str()));
    }
    begin_call::must_be_executing(tx, &task.project)?;
    must_be_open(tx, &task)?;
    if !tx.project(&task.project)?.config.execution_mode().runs_inside(task.tier) {
        return Err(Refusal::state("the project keeps this task for workers outside").into());
    }
    let now = tx.now();
    let is_new = !task.is_attempt_open;
    if is_new && command.brief.is_none() {
        return Err(Refusal::state(format!("task {} needs a brief for its new attempt", task.id)).into());
    }
    let earlier_wait = task.wait;
    flow::step_task(tx, &task.id, TaskEvent::Begin, |row| {
        row.fence += 1;
        row.started_at = Some(now);
        if is_new {
            row.attempt += 1;
            row.is_attempt_open = true;
            row.last_seq = 0;
            row.had_unknown = false;
            row.error = None;
            row.verdict = None;
            row.verdict_notes = None;
        }
    })?;
    let (fence, attempt) = {
        let row = tx.task(&task.id)?;
        (row.fence, row.attempt)
    };
    if let (true, Some(brief)) = (is_new, &command.brief) {
        tx.keep(command.blobs.iter().cloned());
        tx.put_attempt(Attempt {
            task: task.id.clone(),
            project: task.project.clone(),
            number: attempt,
            state: AttemptState::Running,
            brief: std::sync::Arc::new(brief.clone()),
            started_at: now,
            ended_at: None,
            error: None,
        });
    }
    let mut seq = task.last_seq;
    if let Some(call) = &command.call {
        // The wait is remembered, so that a task that waits for money again does
        // not announce it again.
        let mut row = tx.task(&task.id)?.clone();
        row.wait = earlier_wait;
        tx.put_task(row);
        match begin_call::begin_for_task(tx, &task.id, call)? {
            Outcome::CallBegun { seq: begun } => seq = begun,
            waiting => return Ok(waiting),
        }
        let mut row = tx.task(&task.id)?.clone();
        row.wait = None;
        tx.put_task(row);
    }
    if is_new {
        let message = format!("\"{}\" begins", task.title);
        tx.event(
            &task.project,
            Some(&task.id),
            EventKind::TaskStart,
            message,
            [("attempt", json!(attempt))],
        )?;
    }
    Ok(Outcome::Claimed { fence, attempt, seq })
}

/// The task's plan is the approved one, and its wave is open.
pub(super) fn must_be_open(tx: &Tx<'_>, task: &crate::task::Task) -> Result<(), Stop> {
    let policy = tx.policy().dispatch;
    let project = tx.project(&task.project)?;
    if project.approved_plan.as_ref() != Some(&task.plan) {
        return Err(begin_call::stale(task.id.as_str()));
    }
    if project.config.dispatch().unwrap_or(policy) == Dispatch::Wave && task.wave > project.open_wave {
        return Err(
            Refusal::new(Code::ConflictState, format!("wave {} is not open yet", task.wave + 1)).into()
        );
    }
    Ok(())
}
