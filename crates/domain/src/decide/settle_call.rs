//! A call has ended. The money is booked whatever the fence; the answer is
//! journalled, and the task goes on, only under the right one.

use std::sync::Arc;

use serde_json::json;

use super::{CallEnd, FollowUp, Outcome, SettleCall, Stop, Tx, finish_task, flow, operations};
use crate::attempt::{
    Call, CallState, EntryKind, LedgerEntry, Owner, Step, StepKey, StepKind, StepState, end_call,
};
use crate::event::EventKind;
use crate::model::{Answer, Block, CallError, StopReason, Usage};
use crate::money::NanoUsd;
use crate::pricing;
use crate::project::{PauseReason, ProjectState};
use crate::refusal::{Code, Refusal};
use crate::retry::{self, NextTry};
use crate::task::{Task, TaskEvent, Wait, WaitReason};

/// Warnings that a project remembers having given.
const WARNINGS_KEPT: usize = 8;

pub(super) fn decide(tx: &mut Tx<'_>, command: &SettleCall) -> Result<Outcome, Stop> {
    let call = tx.call(&command.call)?.clone();
    if call.state != CallState::Intent {
        return Err(Refusal::new(Code::AlreadyDone, format!("call {} is {}", call.id, call.state)).into());
    }
    book(tx, &call, &command.end)?;
    match &call.owner {
        Owner::Task(id) => {
            let task = tx.task(id)?.clone();
            let is_mine = task.fence == command.fence
                && task.state.is_active()
                && task.call.as_ref() == Some(&call.id)
                && !tx.project(&task.project)?.is_deleted;
            add_to_task(tx, &task, &call.id, is_mine)?;
            if !is_mine {
                return Ok(Outcome::Ended);
            }
            match &command.end {
                CallEnd::Answered(answer) => journal_answer(tx, &call, answer),
                CallEnd::Broken(error) => task_failed(tx, &call, error, command.random),
                CallEnd::Cut(_) => cut(tx, &call, id),
            }
        }
        Owner::Operation(id) => operations::settled(tx, id, &call, command),
    }
}

/// Moves the hold to what was really spent, or keeps it booked when nobody knows.
pub(super) fn book(tx: &mut Tx<'_>, call: &Call, end: &CallEnd) -> Result<(), Stop> {
    let booking = Booking::of(call, end);
    for key in &call.accounts {
        let mut account = tx.account(key)?;
        account.held -= call.hold;
        account.spent += booking.amount;
        tx.put_account(account);
    }
    let mut settled = call.clone();
    settled.state = end_call(call.state, booking.state)
        .ok_or_else(|| Stop::Broken(format!("call {} is {} and cannot end", call.id, call.state)))?;
    settled.usage = booking.usage;
    settled.cost = booking.amount;
    settled.ended_at = Some(tx.now());
    match end {
        CallEnd::Answered(answer) => settled.request_id = answer.request_id.as_deref().map(Into::into),
        CallEnd::Broken(error) => {
            settled.request_id = error.request_id.as_deref().map(Into::into);
            settled.error = Some(format!("{}: {}", error.class.as_str(), error.message).into());
        }
        CallEnd::Cut(_) => settled.error = Some("cut before it ended".into()),
    }
    tx.put_call(settled);
    if booking.state != CallState::Free {
        tx.book(LedgerEntry {
            call: call.id.clone(),
            kind: EntryKind::Booking,
            amount: booking.amount,
            is_estimate: booking.state == CallState::Unknown,
            is_simulated: call.is_simulated(),
            project: call.project.clone(),
            user: call.user.clone(),
            task: call.owner.task().cloned(),
            purpose: call.purpose,
            provider: Arc::clone(&call.provider),
            model: Arc::clone(&call.model),
            usage: booking.usage.unwrap_or_default(),
            day: call.began_at.day().into(),
            at: tx.now(),
        });
    }
    if booking.amount < call.hold {
        tx.follow_up(FollowUp::MoneyFreed);
    }
    announce(tx, call, &booking)
}

/// What is booked for a call.
struct Booking {
    state: CallState,
    amount: NanoUsd,
    usage: Option<Usage>,
}

impl Booking {
    fn of(call: &Call, end: &CallEnd) -> Self {
        let unknown = Self { state: CallState::Unknown, amount: call.hold, usage: None };
        match end {
            CallEnd::Answered(answer) => match answer.usage {
                Some(usage) => Self {
                    state: CallState::Settled,
                    amount: pricing::cost(&call.price, &usage),
                    usage: Some(usage),
                },
                // An answer without usage is booked at its hold, never at nothing.
                None => unknown,
            },
            CallEnd::Broken(error) if error.class.is_free() => {
                Self { state: CallState::Free, amount: NanoUsd::ZERO, usage: None }
            }
            // Usage seen before the break is a lower bound only: the last tokens
            // may have been billed and never told.
            CallEnd::Broken(_) | CallEnd::Cut(_) => unknown,
        }
    }
}

fn announce(tx: &mut Tx<'_>, call: &Call, booking: &Booking) -> Result<(), Stop> {
    let task = call.owner.task();
    if booking.state == CallState::Unknown && call.hold > NanoUsd::ZERO {
        let message = format!("nobody knows whether a call was billed; {} stays booked for it", call.hold);
        let data = [("call_id", json!(call.id)), ("held_usd", json!(call.hold.to_dollars()))];
        tx.event(&call.project, task, EventKind::CallUnknown, message, data)?;
    }
    if booking.amount > call.hold {
        let message =
            format!("a call cost {} although only {} was set aside for it", booking.amount, call.hold);
        tx.event(&call.project, task, EventKind::BudgetAlarm, message, [("call_id", json!(call.id))])?;
    }
    warn_when_near(tx, call)
}

/// Says that a limit is near, once per project, period and limit.
pub(super) fn warn_when_near(tx: &mut Tx<'_>, call: &Call) -> Result<(), Stop> {
    let project = tx.project(&call.project)?;
    let scopes = crate::budget::scopes(
        &tx.policy().limits,
        &call.project,
        project.config.budget_limit(),
        project.owner.as_ref(),
        call.is_simulated(),
        tx.now(),
    );
    for scope in scopes {
        let spent = tx.account(&scope.key)?.spent;
        let pct = i128::from(tx.policy().warn_at_pct);
        let is_near =
            scope.limit > NanoUsd::ZERO && i128::from(spent.0) * 100 >= i128::from(scope.limit.0) * pct;
        let mark = format!("{}@{}", scope.key, scope.limit.0);
        let warned = tx.project(&call.project)?.warned_period.clone().unwrap_or_else(|| "".into());
        if !is_near || warned.split(' ').any(|earlier| earlier == mark) {
            continue;
        }
        // The last few marks are enough: a period that is over does not come back.
        let mut marks: Vec<&str> = warned.split(' ').filter(|earlier| !earlier.is_empty()).collect();
        marks.push(&mark);
        let kept = marks[marks.len().saturating_sub(WARNINGS_KEPT)..].join(" ");
        tx.edit_project(&call.project, |project| project.warned_period = Some(kept.into()))?;
        let message = format!("{spent} of the {} budget of {} is spent", scope.name, scope.limit);
        let data = [("scope", json!(scope.name)), ("is_exhausted", json!(false))];
        tx.event(&call.project, None, EventKind::BudgetWarning, message, data)?;
        // One at a time: the next settlement tells of the next scope.
        break;
    }
    Ok(())
}

fn add_to_task(tx: &mut Tx<'_>, task: &Task, call: &crate::id::CallId, is_mine: bool) -> Result<(), Stop> {
    let settled = tx.call(call)?;
    let (cost, usage) = (settled.cost, settled.usage.unwrap_or_default());
    let mut row = task.clone();
    row.cost += cost;
    row.usage.input += usage.input;
    row.usage.output += usage.output;
    row.usage.cache_read += usage.cache_read;
    row.usage.cache_write_5m += usage.cache_write_5m;
    row.usage.cache_write_1h += usage.cache_write_1h;
    if is_mine || row.call.as_ref() == Some(call) {
        row.call = None;
    }
    tx.put_task(row);
    Ok(())
}

/// Stores the raw answer and the intent of each tool it asks for.
fn journal_answer(tx: &mut Tx<'_>, call: &Call, answer: &Answer) -> Result<Outcome, Stop> {
    let key = StepKey { owner: call.owner.clone(), attempt: call.attempt, seq: call.seq };
    let mut step = tx.step(&key)?.clone();
    step.state = StepState::Done;
    step.result = Some(crate::attempt::write_json(answer));
    tx.put_step(step);
    let mut seq = call.seq;
    // A cut answer's tool calls may be cut too: they are never run.
    if answer.stop == StopReason::ToolUse {
        for block in &answer.content {
            let Block::ToolUse { id, name, input } = block else { continue };
            seq += 1;
            tx.put_step(Step {
                owner: call.owner.clone(),
                attempt: call.attempt,
                seq,
                kind: StepKind::Tool,
                state: StepState::Intent,
                name: name.as_str().into(),
                tries: 0,
                tool_use_id: Some(id.as_str().into()),
                request_hash: crate::attempt::content_hash(&input.to_string()),
                note: None,
                result: None,
            });
            if let Some(task) = call.owner.task() {
                let message = format!("uses {name}");
                tx.event(&call.project, Some(task), EventKind::ToolCall, message, [("tool", json!(name))])?;
            }
        }
    }
    if let Some(id) = call.owner.task() {
        let mut row = tx.task(id)?.clone();
        row.last_seq = seq;
        row.had_unknown = false;
        tx.put_task(row);
    }
    Ok(Outcome::Answered { seq })
}

/// The worker cut the call itself (a takeover or a cancelled task would have
/// changed the fence): the task goes back and its call is tried once more.
fn cut(tx: &mut Tx<'_>, call: &Call, id: &crate::id::TaskId) -> Result<Outcome, Stop> {
    mark_step(tx, call, StepState::Unknown)?;
    let project = call.project.clone();
    flow::step_task(tx, id, TaskEvent::PutBack, |row| row.had_unknown = true)?;
    flow::settle_project(tx, &project)?;
    Ok(Outcome::Ended)
}

fn mark_step(tx: &mut Tx<'_>, call: &Call, state: StepState) -> Result<(), Stop> {
    let key = StepKey { owner: call.owner.clone(), attempt: call.attempt, seq: call.seq };
    let mut step = tx.step(&key)?.clone();
    step.state = state;
    tx.put_step(step);
    Ok(())
}

/// One retry policy for everything that can go wrong with a call.
fn task_failed(tx: &mut Tx<'_>, call: &Call, error: &CallError, random: u64) -> Result<Outcome, Stop> {
    let Some(id) = call.owner.task() else {
        return Err(Stop::Broken("a call without a task failed for a task".to_owned()));
    };
    let is_free = error.class.is_free();
    mark_step(tx, call, if is_free { StepState::Intent } else { StepState::Unknown })?;
    let task = tx.task(id)?.clone();
    let project = task.project.clone();
    let text: Arc<str> = format!("{} ({})", error.message, error.class.as_str()).into();
    match retry::next_try(error, task.retries, tx.policy().max_retries, task.had_unknown, random) {
        NextTry::Counted { wait_ms } => {
            let message = format!("\"{}\" will be tried again: {text}", task.title);
            put_back(tx, &task, WaitReason::Backoff, Some(wait_ms), !is_free, true)?;
            tx.event(&project, Some(id), EventKind::TaskRetry, message, [("wait_ms", json!(wait_ms))])?;
        }
        NextTry::Uncounted { wait_ms } => {
            let message = format!("\"{}\" waits for the provider: {text}", task.title);
            put_back(tx, &task, WaitReason::Provider, Some(wait_ms), !is_free, false)?;
            let data = [("reason", json!("provider")), ("wait_ms", json!(wait_ms))];
            tx.event(&project, Some(id), EventKind::TaskWaiting, message, data)?;
        }
        NextTry::PauseProject => {
            put_back(tx, &task, WaitReason::Person, None, false, false)?;
            if tx.project(&project)?.state == ProjectState::Executing {
                let message = format!("paused: the provider refuses our key or our spending: {text}");
                flow::pause(tx, &project, PauseReason::Provider, &message)?;
            }
        }
        NextTry::Exhausted => finish_task::retries_exhausted(tx, id, &text)?,
        NextTry::AskPerson => finish_task::ask_person(tx, id, &text, None)?,
        NextTry::Fatal => finish_task::fail(tx, id, &text)?,
    }
    flow::settle_project(tx, &project)?;
    Ok(Outcome::Ended)
}

fn put_back(
    tx: &mut Tx<'_>,
    task: &Task,
    reason: WaitReason,
    wait_ms: Option<u64>,
    is_unknown: bool,
    is_counted: bool,
) -> Result<(), Stop> {
    let now = tx.now();
    let wake_at = wait_ms.map(|ms| now.plus_ms(ms));
    // What waits for a person is parked until the project is resumed.
    let epoch = if reason == WaitReason::Person { tx.project(&task.project)?.money_epoch } else { 0 };
    flow::step_task(tx, &task.id, TaskEvent::PutBack, |row| {
        row.wait = Some(Wait { reason, since: now, wake_at });
        row.parked_epoch = epoch;
        row.had_unknown |= is_unknown;
        row.retries += u32::from(is_counted);
    })
}
