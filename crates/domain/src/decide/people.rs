//! What a person may do to a task: retry, cancel, review, answer a checkpoint,
//! change it before it runs. Each brings a finished project back to life when
//! there is work again.

use std::sync::Arc;

use serde_json::json;

use super::finish_task::{Completion, close_attempt, complete};
use super::{FollowUp, Outcome, ResolveCheckpoint, ReviewTask, Stop, Tx, UpdateTask, flow, operations};
use crate::attempt::AttemptState;
use crate::checkpoint::Resolution;
use crate::event::EventKind;
use crate::id::TaskId;
use crate::project::ProjectState;
use crate::refusal::{Code, Refusal};
use crate::task::{Task, TaskEvent, TaskState};
use crate::view::{Feedback, FeedbackKind};

/// Longest answer bound a person may set, in tokens.
const MAX_TOKENS_MAX: u32 = 16_384;
/// Highest priority number a person may set.
const PRIORITY_MAX: i32 = 1_000;

fn current(tx: &Tx<'_>, id: &TaskId) -> Result<Task, Stop> {
    let task = tx.task(id)?.clone();
    let state = operations::visible(tx, &task.project)?;
    if tx.project(&task.project)?.approved_plan.as_ref() != Some(&task.plan) {
        return Err(Refusal::state(format!(
            "task {id} belongs to a plan that is no longer the approved one"
        ))
        .into());
    }
    if state == ProjectState::Cancelled {
        return Err(Refusal::state("the project was cancelled").into());
    }
    Ok(task)
}

pub(super) fn retry(tx: &mut Tx<'_>, id: &TaskId) -> Result<Outcome, Stop> {
    let task = current(tx, id)?;
    if task.state != TaskState::Failed {
        return Err(
            Refusal::state(format!("only failed tasks can be retried; this one is {}", task.state)).into()
        );
    }
    try_again(tx, &task, None)?;
    Ok(Outcome::Done)
}

/// Sets a task up for a fresh attempt at a person's request.
fn try_again(tx: &mut Tx<'_>, task: &Task, feedback: Option<(FeedbackKind, &str)>) -> Result<(), Stop> {
    let limit = tx.policy().max_person_retries;
    if task.person_retries >= limit {
        let message = format!("this task was retried {limit} times; change it or the plan instead");
        return Err(Refusal::new(Code::RetryLimit, message).into());
    }
    if let Some((kind, text)) = feedback.filter(|(_, text)| !text.trim().is_empty()) {
        tx.tell_next_attempt(Feedback {
            task: task.id.clone(),
            kind,
            text: text.trim().into(),
            at: tx.now(),
        });
    }
    flow::step_task(tx, &task.id, TaskEvent::Retry, |row| {
        row.person_retries += 1;
        row.retries = 0;
        row.crashes = 0;
        row.error = None;
        row.output_hash = None;
        row.completed_at = None;
        row.is_attempt_open = false;
        row.checkpoint = None;
    })?;
    let message = format!("\"{}\" will be tried again", task.title);
    tx.event(&task.project, Some(&task.id), EventKind::TaskRetried, message, [])?;
    flow::reopen(tx, &task.project)
}

pub(super) fn cancel(tx: &mut Tx<'_>, id: &TaskId) -> Result<Outcome, Stop> {
    let task = current(tx, id)?;
    if task.state.is_final() {
        return Err(Refusal::state(format!("the task is {} already", task.state)).into());
    }
    close_attempt(tx, &task, AttemptState::Cancelled, None)?;
    flow::step_task(tx, id, TaskEvent::Cancel, |row| {
        row.fence += 1;
        row.is_attempt_open = false;
    })?;
    close_question(tx, &task, Resolution::Fail, "the task was cancelled")?;
    let message = format!("\"{}\" was called off", task.title);
    tx.event(&task.project, Some(id), EventKind::TaskCancelled, message, [])?;
    tx.follow_up(FollowUp::CutTask(id.clone()));
    flow::settle_project(tx, &task.project)?;
    Ok(Outcome::Done)
}

fn close_question(tx: &mut Tx<'_>, task: &Task, resolution: Resolution, response: &str) -> Result<(), Stop> {
    let Some(id) = &task.checkpoint else { return Ok(()) };
    let mut checkpoint = tx.checkpoint(id)?.clone();
    if checkpoint.resolved_at.is_none() {
        checkpoint.resolution = Some(resolution);
        checkpoint.response = Some(response.into());
        checkpoint.resolved_at = Some(tx.now());
        tx.put_checkpoint(checkpoint);
    }
    let mut row = tx.task(&task.id)?.clone();
    row.checkpoint = None;
    tx.put_task(row);
    Ok(())
}

pub(super) fn review(tx: &mut Tx<'_>, command: &ReviewTask) -> Result<Outcome, Stop> {
    let task = current(tx, &command.task)?;
    if task.state != TaskState::NeedsReview {
        let message = format!("only tasks in needs_review can be reviewed; this one is {}", task.state);
        return Err(Refusal::state(message).into());
    }
    if !command.accept {
        close_question(tx, &task, Resolution::Retry, "reviewed: try again")?;
        let task = tx.task(&command.task)?.clone();
        try_again(tx, &task, Some((FeedbackKind::Review, &command.feedback)))?;
        return Ok(Outcome::Done);
    }
    if task.output_hash.is_none() {
        return Err(Refusal::state("there is no output to accept; retry it or skip it").into());
    }
    close_question(tx, &task, Resolution::Skip, "reviewed: accepted as it is")?;
    let task = tx.task(&command.task)?.clone();
    let accepted = Completion { output: None, verdict: None, notes: None, files: &command.files };
    complete(tx, &task, TaskEvent::Accept, accepted)?;
    flow::settle_project(tx, &task.project)?;
    flow::reopen(tx, &task.project)?;
    Ok(Outcome::Done)
}

pub(super) fn resolve(tx: &mut Tx<'_>, command: &ResolveCheckpoint) -> Result<Outcome, Stop> {
    let checkpoint = tx.checkpoint(&command.checkpoint)?.clone();
    if checkpoint.resolved_at.is_some() {
        return Err(Refusal::state("this checkpoint is resolved already").into());
    }
    operations::visible(tx, &checkpoint.project)?;
    let response = match command.guidance.trim() {
        "" => command.resolution.as_str().to_owned(),
        guidance => format!("{}: {guidance}", command.resolution),
    };
    let mut resolved = checkpoint.clone();
    resolved.resolution = Some(command.resolution);
    resolved.response = Some(response.into());
    resolved.resolved_at = Some(tx.now());
    tx.put_checkpoint(resolved);
    let data = [("checkpoint_id", json!(checkpoint.id)), ("resolution", json!(command.resolution.as_str()))];
    let message = format!("a person decided: {}", command.resolution);
    tx.event(&checkpoint.project, checkpoint.task.as_ref(), EventKind::CheckpointResolved, message, data)?;
    if let Some(id) = &checkpoint.task {
        let task = current(tx, id)?;
        // The question may be older than what happened to the task since.
        if task.state == TaskState::NeedsReview && task.checkpoint.as_ref() == Some(&checkpoint.id) {
            answer(tx, &task, command)?;
        }
    }
    Ok(Outcome::Done)
}

fn answer(tx: &mut Tx<'_>, task: &Task, command: &ResolveCheckpoint) -> Result<(), Stop> {
    match command.resolution {
        Resolution::Retry => {
            return try_again(tx, task, Some((FeedbackKind::Guidance, &command.guidance)));
        }
        Resolution::Skip => {
            flow::step_task(tx, &task.id, TaskEvent::Skip, |row| row.checkpoint = None)?;
            let message = format!("\"{}\" was skipped; what depends on it goes on without it", task.title);
            tx.event(&task.project, Some(&task.id), EventKind::TaskSkipped, message, [])?;
        }
        Resolution::Fail => {
            flow::step_task(tx, &task.id, TaskEvent::Fail, |row| row.checkpoint = None)?;
            let message = format!("\"{}\" was given up", task.title);
            tx.event(&task.project, Some(&task.id), EventKind::TaskFailed, message, [])?;
        }
    }
    flow::settle_project(tx, &task.project)?;
    flow::reopen(tx, &task.project)
}

pub(super) fn update(tx: &mut Tx<'_>, command: &UpdateTask) -> Result<Outcome, Stop> {
    let Some(id) = &command.task else {
        return Err(Refusal::new(Code::Invalid, "no task was named").into());
    };
    let task = current(tx, id)?;
    if task.state.is_active() || task.state == TaskState::Completed {
        return Err(Refusal::state(format!("a task that is {} cannot be changed", task.state)).into());
    }
    check_update(command)?;
    let mut row = task.clone();
    if let Some(title) = &command.title {
        row.title = Arc::from(title.trim());
    }
    row.tier = command.tier.unwrap_or(row.tier);
    row.priority = command.priority.unwrap_or(row.priority);
    row.max_tokens = command.max_tokens.unwrap_or(row.max_tokens);
    row.updated_at = tx.now();
    // A worker that read the task before this change must not claim it.
    row.fence += 1;
    // What an open attempt was told is no longer what the person wants.
    if row.is_attempt_open {
        close_attempt(tx, &task, AttemptState::Cancelled, Some("the task was changed".into()))?;
        row.is_attempt_open = false;
    }
    tx.put_task(row);
    if let Some(spec) = &command.spec {
        tx.changes.task_specs.insert(id.clone(), spec.clone());
    }
    tx.event(&task.project, Some(id), EventKind::TaskUpdated, format!("\"{}\" was changed", task.title), [])?;
    tx.follow_up(FollowUp::Wake);
    Ok(Outcome::Done)
}

fn check_update(command: &UpdateTask) -> Result<(), Stop> {
    let invalid = |message: String| -> Result<(), Stop> { Err(Refusal::new(Code::Invalid, message).into()) };
    if let Some(title) = &command.title {
        let length = title.trim().chars().count();
        if length == 0 || length > super::projects::NAME_CHARS_MAX {
            return invalid(format!("a title has 1 to 200 characters; this one has {length}"));
        }
    }
    if let Some(priority) = command.priority.filter(|priority| !(0..=PRIORITY_MAX).contains(priority)) {
        return invalid(format!("a priority is 0 to {PRIORITY_MAX}, not {priority}"));
    }
    if let Some(tokens) = command.max_tokens.filter(|tokens| !(1..=MAX_TOKENS_MAX).contains(tokens)) {
        return invalid(format!("max_tokens is 1 to {MAX_TOKENS_MAX}, not {tokens}"));
    }
    Ok(())
}
