//! Work done outside: an agent or a script claims a task, says now and then that
//! it is still there, and submits or gives back. A claim is a lease under a fence,
//! so a worker that went away is replaced, and one that comes back too late
//! changes nothing.
//!
//! No call is made here and none may be: what was spent outside is only reported,
//! and is booked as what it is, a claim of somebody else's.

use std::sync::Arc;

use serde_json::json;

use super::claim_task::must_be_open;
use super::finish_task::{Completion, close_attempt, complete, retries_exhausted};
use super::{FollowUp, Outcome, Stop, Tx, begin_call, flow, operations, settle_call};
use crate::attempt::{
    Attempt, AttemptState, Brief, Call, CallState, EntryKind, LedgerEntry, Owner, Step, StepKind, StepState,
    content_hash, write_json,
};
use crate::budget::{self, Admission};
use crate::event::EventKind;
use crate::id::{CallId, ProjectId, TaskId, UserId};
use crate::model::{Answer, Block, Purpose, RateLimits, StopReason, Usage};
use crate::money::NanoUsd;
use crate::pricing::{self, PriceTiers};
use crate::refusal::{Code, Refusal};
use crate::task::{Task, TaskEvent, TaskState};
use crate::view::Blob;

/// See [`super::Command::ClaimExternal`].
#[derive(Clone, Debug)]
pub struct ClaimExternal {
    /// Which.
    pub task: TaskId,
    /// The fence it was read with: what the worker is told must be what it takes.
    pub fence: u64,
    /// What the worker outside is told.
    pub brief: Brief,
    /// The texts behind the brief's hashes.
    pub blobs: Vec<Blob>,
}

/// See [`super::Command::HeartbeatExternal`] and [`super::Command::ReleaseExternal`].
#[derive(Clone, Debug)]
pub struct ExternalClaim {
    /// Which task.
    pub task: TaskId,
    /// The fence of the claim; the caller's claim as it stands when left out.
    pub fence: Option<u64>,
}

/// See [`super::Command::SubmitExternal`].
#[derive(Clone, Debug)]
pub struct SubmitExternal {
    /// The claim it ends.
    pub claim: ExternalClaim,
    /// The output.
    pub output: Arc<str>,
    /// Made by the caller.
    pub call: CallId,
    /// Provider of the model that is said to have done it.
    pub provider: Arc<str>,
    /// That model.
    pub model: Arc<str>,
    /// Its prices today; free when there are none.
    pub price: Arc<PriceTiers>,
    /// Tokens that are said to have been used.
    pub usage: Usage,
}

fn caller<'t>(tx: &Tx<'t>) -> Result<&'t UserId, Stop> {
    tx.actor().user().ok_or_else(|| Refusal::new(Code::Invalid, "work outside needs an account").into())
}

pub(super) fn claim(tx: &mut Tx<'_>, command: &ClaimExternal) -> Result<Outcome, Stop> {
    let user = caller(tx)?.clone();
    let task = tx.task(&command.task)?.clone();
    operations::visible(tx, &task.project)?;
    if task.state != TaskState::Ready {
        return Err(Refusal::state(format!("the task is {}, not pending", task.state.wire())).into());
    }
    if task.fence != command.fence {
        return Err(begin_call::stale(task.id.as_str()));
    }
    if task.call.is_some() {
        return Err(Refusal::state("an earlier call for this task has not ended yet").into());
    }
    begin_call::must_be_executing(tx, &task.project)?;
    must_be_open(tx, &task)?;
    let mode = tx.project(&task.project)?.config.execution_mode();
    if mode.runs_inside(task.tier) {
        let message = format!("the project's execution_mode is {mode}; a task of tier {} is not", task.tier);
        return Err(Refusal::state(format!("{message} claimed from outside")).into());
    }
    must_have_budget(tx, &task.project)?;
    close_attempt(tx, &task, AttemptState::Cancelled, Some("it goes on outside".into()))?;
    let now = tx.now();
    let until = now.plus_ms(tx.policy().external_lease_ms);
    flow::step_task(tx, &task.id, TaskEvent::Begin, |row| {
        row.fence += 1;
        row.started_at = Some(now);
        row.attempt += 1;
        row.is_attempt_open = true;
        row.last_seq = 0;
        row.had_unknown = false;
        row.error = None;
        row.verdict = None;
        row.verdict_notes = None;
        row.claimed_by = Some(user.clone());
        row.lease_until = Some(until);
    })?;
    let row = tx.task(&task.id)?;
    let (fence, attempt) = (row.fence, row.attempt);
    tx.keep(command.blobs.iter().cloned());
    tx.put_attempt(Attempt {
        task: task.id.clone(),
        project: task.project.clone(),
        number: attempt,
        state: AttemptState::Running,
        brief: Arc::new(command.brief.clone()),
        started_at: now,
        ended_at: None,
        error: None,
    });
    let message = format!("\"{}\" was claimed from outside", task.title);
    let data = [("claimed_by", json!(user)), ("lease_until", json!(until.to_seconds()))];
    tx.event(&task.project, Some(&task.id), EventKind::TaskClaimed, message, data)?;
    tx.follow_up(FollowUp::WakeAt(until));
    Ok(Outcome::Claimed { fence, attempt, seq: 0 })
}

/// What is spent outside cannot be held back, so a used-up limit stops it here: the
/// smallest amount must still fit.
fn must_have_budget(tx: &Tx<'_>, project: &ProjectId) -> Result<(), Stop> {
    let scopes = scopes(tx, project)?;
    let accounts = scopes.iter().map(|scope| tx.account(&scope.key)).collect::<Result<Vec<_>, _>>()?;
    match budget::admit(scopes.iter().zip(&accounts), NanoUsd(1)) {
        Admission::Fits | Admission::Held { .. } => Ok(()),
        Admission::Exhausted { scope, limit, spent } => {
            let message = format!("{spent} of the {scope} budget of {limit} is spent; raise the limit");
            Err(Refusal::new(Code::BudgetExhausted, message).into())
        }
    }
}

fn scopes(tx: &Tx<'_>, project: &ProjectId) -> Result<Vec<budget::Scope>, Stop> {
    let row = tx.project(project)?;
    let limit = row.config.budget_limit();
    Ok(budget::scopes(&tx.policy().limits, project, limit, row.owner.as_ref(), false, tx.now()))
}

/// The task, if the caller holds it. A lease that ran out counts as long as nobody
/// has taken the task back: the work is there.
fn held(tx: &Tx<'_>, claim: &ExternalClaim) -> Result<Task, Stop> {
    let user = caller(tx)?;
    let task = tx.task(&claim.task)?;
    operations::visible(tx, &task.project)?;
    let Some(holder) = task.claimed_by.as_ref().filter(|_| task.state == TaskState::Running) else {
        let message = format!("the task is {} and not claimed from outside", task.state.wire());
        return Err(Refusal::state(message).into());
    };
    if holder != user {
        return Err(Refusal::new(Code::ForeignClaim, "somebody else has claimed this task").into());
    }
    if claim.fence.is_some_and(|fence| fence != task.fence) {
        return Err(begin_call::stale(claim.task.as_str()));
    }
    Ok(task.clone())
}

pub(super) fn heartbeat(tx: &mut Tx<'_>, claim: &ExternalClaim) -> Result<Outcome, Stop> {
    let mut row = held(tx, claim)?;
    let until = tx.now().plus_ms(tx.policy().external_lease_ms);
    row.lease_until = Some(until);
    tx.put_task(row);
    tx.follow_up(FollowUp::WakeAt(until));
    Ok(Outcome::Done)
}

pub(super) fn release(tx: &mut Tx<'_>, claim: &ExternalClaim) -> Result<Outcome, Stop> {
    let task = held(tx, claim)?;
    close_attempt(tx, &task, AttemptState::Cancelled, Some("it was given back".into()))?;
    flow::step_task(tx, &task.id, TaskEvent::PutBack, |row| {
        row.fence += 1;
        row.is_attempt_open = false;
    })?;
    let message = format!("\"{}\" was given back", task.title);
    tx.event(&task.project, Some(&task.id), EventKind::TaskReleased, message, [])?;
    flow::settle_project(tx, &task.project)?;
    Ok(Outcome::Done)
}

/// Takes a task back whose worker was not heard of in time. Counted as a try: a
/// task that nobody brings back goes to a person at last.
pub(super) fn expire(tx: &mut Tx<'_>, id: &TaskId) -> Result<Outcome, Stop> {
    let task = tx.task(id)?.clone();
    if task.claimed_by.is_none() || task.lease_until.is_none_or(|until| until > tx.now()) {
        return Err(begin_call::stale(id.as_str()));
    }
    let reason: Arc<str> = "the worker outside was not heard of in time".into();
    if task.retries >= tx.policy().max_retries {
        let mut row = task.clone();
        row.fence += 1;
        tx.put_task(row);
        retries_exhausted(tx, id, &reason)?;
    } else {
        close_attempt(tx, &task, AttemptState::Failed, Some(Arc::clone(&reason)))?;
        flow::step_task(tx, id, TaskEvent::PutBack, |row| {
            row.fence += 1;
            row.retries += 1;
            row.is_attempt_open = false;
        })?;
        let message = format!("\"{}\" may be claimed again: {reason}", task.title);
        tx.event(&task.project, Some(id), EventKind::TaskRetry, message, [])?;
    }
    flow::settle_project(tx, &task.project)?;
    tx.follow_up(FollowUp::Wake);
    Ok(Outcome::Done)
}

pub(super) fn submit(tx: &mut Tx<'_>, command: &SubmitExternal) -> Result<Outcome, Stop> {
    let task = held(tx, &command.claim)?;
    let call = journal(tx, &task, command)?;
    let mut row = task.clone();
    row.cost += call.cost;
    row.usage.input = row.usage.input.saturating_add(command.usage.input);
    row.usage.output = row.usage.output.saturating_add(command.usage.output);
    row.model = Some(Arc::clone(&command.model));
    row.last_seq = call.seq;
    tx.put_task(row);
    settle_call::warn_when_near(tx, &call)?;
    let task = tx.task(&task.id)?.clone();
    let done = Completion { output: Some(&command.output), verdict: None, notes: None, files: &[] };
    complete(tx, &task, TaskEvent::Complete, done)?;
    flow::settle_project(tx, &task.project)?;
    tx.follow_up(FollowUp::Wake);
    Ok(Outcome::Done)
}

/// Writes down what was reported as one step and one call that has ended, and
/// books it. The amount is an estimate: nobody but the worker saw the bill.
fn journal(tx: &mut Tx<'_>, task: &Task, command: &SubmitExternal) -> Result<Call, Stop> {
    const SEQ: u32 = 1;
    let owner = Owner::Task(task.id.clone());
    let cost = pricing::cost(&command.price, &command.usage);
    let scopes = scopes(tx, &task.project)?;
    for scope in &scopes {
        let mut account = tx.account(&scope.key)?;
        account.spent += cost;
        tx.put_account(account);
    }
    let answer = Answer {
        content: vec![Block::Text { text: command.output.to_string() }],
        stop: StopReason::EndTurn,
        usage: Some(command.usage),
        model: command.model.to_string(),
        request_id: None,
        rate_limits: RateLimits::default(),
    };
    tx.put_step(Step {
        owner: owner.clone(),
        attempt: task.attempt,
        seq: SEQ,
        kind: StepKind::Model,
        state: StepState::Done,
        name: Purpose::ExternalExecution.as_str().into(),
        tries: 1,
        tool_use_id: None,
        request_hash: content_hash(command.call.as_str()),
        note: None,
        result: Some(write_json(&answer)),
    });
    let call = Call {
        id: command.call.clone(),
        project: task.project.clone(),
        user: tx.project(&task.project)?.owner.clone(),
        owner,
        attempt: task.attempt,
        seq: SEQ,
        try_no: 1,
        purpose: Purpose::ExternalExecution,
        provider: Arc::clone(&command.provider),
        model: Arc::clone(&command.model),
        price: Arc::clone(&command.price),
        hold: NanoUsd::ZERO,
        accounts: scopes.into_iter().map(|scope| scope.key).collect(),
        state: CallState::Settled,
        usage: Some(command.usage),
        cost,
        request_id: None,
        error: None,
        began_at: tx.now(),
        ended_at: Some(tx.now()),
    };
    tx.put_call(call.clone());
    tx.book(LedgerEntry {
        call: call.id.clone(),
        kind: EntryKind::Booking,
        amount: cost,
        is_estimate: true,
        is_simulated: false,
        project: call.project.clone(),
        user: call.user.clone(),
        task: Some(task.id.clone()),
        purpose: call.purpose,
        provider: Arc::clone(&call.provider),
        model: Arc::clone(&call.model),
        usage: command.usage,
        day: call.began_at.day().into(),
        at: tx.now(),
    });
    Ok(call)
}
