//! A call may start: its hold is set aside in every scope, or in none, in the
//! same transaction that writes its intent.

use std::sync::Arc;

use serde_json::json;

use super::{BeginCall, FollowUp, NextCall, Outcome, Stop, Tx, flow};
use crate::attempt::{Call, CallState, Owner, Step, StepKey, StepKind, StepState};
use crate::budget::{self, Admission, SIMULATED};
use crate::event::EventKind;
use crate::id::ProjectId;
use crate::pricing;
use crate::project::ProjectState;
use crate::refusal::{Code, Refusal};
use crate::task::{TaskEvent, TaskState, Wait, WaitReason};

/// How long a task that waits for holds sleeps when no settlement wakes it.
const HELD_WAKE_MS: u64 = 1_000;

pub(super) fn decide(tx: &mut Tx<'_>, command: &BeginCall) -> Result<Outcome, Stop> {
    match &command.owner {
        Owner::Task(id) => {
            let task = tx.task(id)?;
            if task.fence != command.fence || !task.state.is_active() {
                return Err(stale(id.as_str()));
            }
            let project = task.project.clone();
            must_be_executing(tx, &project)?;
            begin_for_task(tx, id, &command.call)
        }
        Owner::Operation(id) => begin_for_operation(tx, id, &command.call),
    }
}

pub(super) fn stale(id: &str) -> Stop {
    Refusal::new(Code::StaleFence, format!("{id} was taken over or ended meanwhile")).into()
}

pub(super) fn must_be_executing(tx: &Tx<'_>, project: &ProjectId) -> Result<(), Stop> {
    let row = tx.project(project)?;
    if row.state == ProjectState::Executing && !row.is_deleted {
        return Ok(());
    }
    Err(Refusal::new(Code::NotExecuting, format!("project {project} is {}", row.state)).into())
}

/// Begins the next call of a task that is running or verifying.
pub(super) fn begin_for_task(
    tx: &mut Tx<'_>,
    id: &crate::id::TaskId,
    next: &NextCall,
) -> Result<Outcome, Stop> {
    let task = tx.task(id)?.clone();
    if task.call.is_some() {
        return Err(Refusal::state(format!("task {id} has a call in flight")).into());
    }
    let owner = Owner::Task(id.clone());
    match admit(tx, &task.project, next)? {
        Admission::Fits => {}
        refused => return wait_for_money(tx, &task, refused),
    }
    let place = next_place(tx, &owner, task.attempt, task.last_seq)?;
    let seq = place.seq;
    start(tx, &task.project, owner, task.attempt, place, next)?;
    let mut row = tx.task(id)?.clone();
    if row.last_seq != seq {
        row.had_unknown = false;
    }
    row.last_seq = seq;
    row.call = Some(next.id.clone());
    row.model = Some(Arc::clone(&next.model));
    tx.put_task(row);
    Ok(Outcome::CallBegun { seq })
}

fn begin_for_operation(
    tx: &mut Tx<'_>,
    id: &crate::id::OperationId,
    next: &NextCall,
) -> Result<Outcome, Stop> {
    let operation = tx.operation(id)?.clone();
    if operation.state != crate::attempt::OperationState::Running || operation.call.is_some() {
        return Err(stale(id.as_str()));
    }
    match admit(tx, &operation.project, next)? {
        Admission::Fits => {}
        Admission::Held { scope } => {
            return Ok(Outcome::NotAdmitted {
                message: format!("calls in flight hold what is left of the {scope} budget"),
                is_exhausted: false,
            });
        }
        Admission::Exhausted { scope, limit, spent } => {
            return Ok(Outcome::NotAdmitted {
                message: exhausted_text(scope, limit, spent),
                is_exhausted: true,
            });
        }
    }
    let owner = Owner::Operation(id.clone());
    let place = next_place(tx, &owner, 1, operation.last_seq)?;
    let seq = place.seq;
    start(tx, &operation.project, owner, 1, place, next)?;
    let mut row = tx.operation(id)?.clone();
    if row.last_seq != seq {
        row.had_unknown = false;
    }
    row.last_seq = seq;
    row.call = Some(next.id.clone());
    tx.put_operation(row);
    Ok(Outcome::CallBegun { seq })
}

/// Where a call goes in the journal.
struct Place {
    seq: u32,
    try_no: u32,
}

/// A failed call is tried again in its own step; anything else gets the next one.
fn next_place(tx: &Tx<'_>, owner: &Owner, attempt: u32, last_seq: u32) -> Result<Place, Stop> {
    let key = StepKey { owner: owner.clone(), attempt, seq: last_seq };
    if last_seq > 0 {
        let step = tx.step(&key)?;
        if step.kind == StepKind::Model && matches!(step.state, StepState::Intent | StepState::Unknown) {
            return Ok(Place { seq: last_seq, try_no: step.tries + 1 });
        }
    }
    Ok(Place { seq: last_seq + 1, try_no: 1 })
}

fn scopes(tx: &Tx<'_>, project: &ProjectId, is_simulated: bool) -> Result<Vec<budget::Scope>, Stop> {
    let row = tx.project(project)?;
    Ok(budget::scopes(
        &tx.policy().limits,
        project,
        row.config.budget_limit(),
        row.owner.as_ref(),
        is_simulated,
        tx.now(),
    ))
}

fn admit(tx: &Tx<'_>, project: &ProjectId, next: &NextCall) -> Result<Admission, Stop> {
    let hold = pricing::hold(&next.price, next.input_upper, u64::from(next.max_tokens));
    let scopes = scopes(tx, project, &*next.provider == SIMULATED)?;
    let accounts = scopes.iter().map(|scope| tx.account(&scope.key)).collect::<Result<Vec<_>, _>>()?;
    Ok(budget::admit(scopes.iter().zip(&accounts), hold))
}

/// Writes the step's and the call's intent, and sets the hold aside.
fn start(
    tx: &mut Tx<'_>,
    project: &ProjectId,
    owner: Owner,
    attempt: u32,
    place: Place,
    next: &NextCall,
) -> Result<(), Stop> {
    let hold = pricing::hold(&next.price, next.input_upper, u64::from(next.max_tokens));
    let scopes = scopes(tx, project, &*next.provider == SIMULATED)?;
    for scope in &scopes {
        let mut account = tx.account(&scope.key)?;
        account.held += hold;
        tx.put_account(account);
    }
    tx.put_step(Step {
        owner: owner.clone(),
        attempt,
        seq: place.seq,
        kind: StepKind::Model,
        state: StepState::Intent,
        name: next.purpose.as_str().into(),
        tries: place.try_no,
        tool_use_id: None,
        request_hash: Arc::clone(&next.request_hash),
        note: next.note.clone(),
        result: None,
    });
    let call = Call {
        id: next.id.clone(),
        project: project.clone(),
        user: tx.project(project)?.owner.clone(),
        owner,
        attempt,
        seq: place.seq,
        try_no: place.try_no,
        purpose: next.purpose,
        provider: Arc::clone(&next.provider),
        model: Arc::clone(&next.model),
        price: Arc::clone(&next.price),
        hold,
        accounts: scopes.into_iter().map(|scope| scope.key).collect(),
        state: CallState::Intent,
        usage: None,
        cost: crate::money::NanoUsd::ZERO,
        request_id: None,
        error: None,
        began_at: tx.now(),
        ended_at: None,
    };
    tx.put_call(call);
    Ok(())
}

fn exhausted_text(scope: &str, limit: crate::money::NanoUsd, spent: crate::money::NanoUsd) -> String {
    format!("the {scope} budget of {limit} has no room for this call ({spent} spent); raise the limit")
}

/// Puts the task back until money is free, or parks it until a limit changes.
fn wait_for_money(tx: &mut Tx<'_>, task: &crate::task::Task, refused: Admission) -> Result<Outcome, Stop> {
    let now = tx.now();
    let (message, is_exhausted) = match refused {
        Admission::Exhausted { scope, limit, spent } => (exhausted_text(scope, limit, spent), true),
        Admission::Held { scope } => {
            (format!("calls in flight hold what is left of the {scope} budget"), false)
        }
        Admission::Fits => return Err(Stop::Broken("asked to wait for money that is there".to_owned())),
    };
    let since = match task.wait {
        Some(wait) if wait.reason == WaitReason::Money => wait.since,
        _ => now,
    };
    let epoch = tx.project(&task.project)?.money_epoch;
    let wake_at = (!is_exhausted).then(|| now.plus_ms(HELD_WAKE_MS));
    let is_news = task.wait.is_none_or(|wait| wait.reason != WaitReason::Money) || is_exhausted;
    let edit = move |row: &mut crate::task::Task| {
        row.wait = Some(Wait { reason: WaitReason::Money, since, wake_at });
        row.parked_epoch = if is_exhausted { epoch } else { 0 };
    };
    flow::step_task(tx, &task.id, TaskEvent::PutBack, edit)?;
    debug_assert!(matches!(tx.task(&task.id)?.state, TaskState::Ready | TaskState::Blocked));
    if is_news {
        let data = [("reason", json!("money")), ("is_exhausted", json!(is_exhausted))];
        tx.event(&task.project, Some(&task.id), EventKind::TaskWaiting, message.clone(), data)?;
    }
    if let Some(wake_at) = wake_at {
        tx.follow_up(FollowUp::WakeAt(wake_at));
    }
    flow::settle_project(tx, &task.project)?;
    Ok(Outcome::NotAdmitted { message, is_exhausted })
}
