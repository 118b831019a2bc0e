//! Goes on with what a dead worker left. A call that was begun and never
//! answered is booked at its hold; the task continues at the end of its journal
//! under a new fence. Nothing that was answered is asked again.

use serde_json::json;

use super::settle_call::book;
use super::{CallEnd, FollowUp, Outcome, Stop, Tx, finish_task, flow};
use crate::attempt::{CallState, OperationState, Owner, StepKey, StepState};
use crate::event::EventKind;
use crate::id::{CallId, OperationId, TaskId};
use crate::ports::{Offer, Work};
use crate::task::TaskEvent;

pub(super) fn decide(tx: &mut Tx<'_>, owner: &Owner) -> Result<Outcome, Stop> {
    match owner {
        Owner::Task(id) => recover_task(tx, id),
        Owner::Operation(id) => recover_operation(tx, id),
    }
}

/// Books a call whose end nobody saw. Returns whether there was one.
fn book_lost(tx: &mut Tx<'_>, call: Option<&CallId>) -> Result<bool, Stop> {
    let Some(id) = call else { return Ok(false) };
    let call = tx.call(id)?.clone();
    if call.state != CallState::Intent {
        return Ok(false);
    }
    book(tx, &call, &CallEnd::Cut(None))?;
    let key = StepKey { owner: call.owner.clone(), attempt: call.attempt, seq: call.seq };
    let mut step = tx.step(&key)?.clone();
    step.state = StepState::Unknown;
    tx.put_step(step);
    Ok(true)
}

fn recover_task(tx: &mut Tx<'_>, id: &TaskId) -> Result<Outcome, Stop> {
    let task = tx.task(id)?.clone();
    if task.claimed_by.is_some() {
        // Its worker is not ours: a lease that runs out tells when it is lost.
        return Ok(Outcome::Done);
    }
    let was_lost = book_lost(tx, task.call.as_ref())?;
    let settled = task.call.as_ref().map(|call| tx.call(call).cloned()).transpose()?;
    let mut row = tx.task(id)?.clone();
    row.call = None;
    row.had_unknown |= was_lost;
    if let Some(call) = settled.filter(|_| was_lost) {
        row.cost += call.cost;
    }
    tx.put_task(row);
    if !task.state.is_active() {
        return Ok(Outcome::Done);
    }
    if task.crashes + 1 >= tx.policy().max_crashes {
        let reason =
            format!("its worker was lost {} times; something about this task may be fatal", task.crashes + 1);
        let reason = reason.into();
        bump(tx, id)?;
        finish_task::retries_exhausted(tx, id, &reason)?;
    } else {
        bump(tx, id)?;
        flow::step_task(tx, id, TaskEvent::PutBack, |_| {})?;
        let message = format!("\"{}\" goes on where its journal ends", task.title);
        let data = [("crashes", json!(task.crashes + 1)), ("repeats_call", json!(was_lost))];
        tx.event(&task.project, Some(id), EventKind::TaskRecovered, message, data)?;
    }
    flow::settle_project(tx, &task.project)?;
    tx.follow_up(FollowUp::Wake);
    Ok(Outcome::Done)
}

fn bump(tx: &mut Tx<'_>, id: &TaskId) -> Result<(), Stop> {
    let mut row = tx.task(id)?.clone();
    row.fence += 1;
    row.crashes += 1;
    tx.put_task(row);
    Ok(())
}

fn recover_operation(tx: &mut Tx<'_>, id: &OperationId) -> Result<Outcome, Stop> {
    let operation = tx.operation(id)?.clone();
    let was_lost = book_lost(tx, operation.call.as_ref())?;
    let mut row = operation.clone();
    row.call = None;
    row.had_unknown |= was_lost;
    tx.put_operation(row);
    if operation.state == OperationState::Running {
        tx.follow_up(FollowUp::Offer(Offer { work: Work::Operation(id.clone()), fence: 0 }));
    }
    Ok(Outcome::Done)
}
