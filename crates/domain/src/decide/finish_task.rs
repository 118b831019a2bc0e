//! How an attempt ends. Completing publishes the output and unblocks dependents
//! in one transaction; nothing is completed before it was verified where
//! verification is asked for.

use std::sync::Arc;

use serde_json::json;

use super::{FinishTask, FollowUp, Outcome, PutBack, Stop, TaskEnd, Tx, begin_call, flow};
use crate::attempt::{AttemptState, end_attempt};
use crate::checkpoint::{Checkpoint, CheckpointKind, PastTry};
use crate::event::EventKind;
use crate::id::{CheckpointId, TaskId};
use crate::task::{Task, TaskEvent, TaskState, Verdict};
use crate::tool::FileEntry;
use crate::view::{Blob, Feedback, FeedbackKind, PublishedFile};

pub(super) fn decide(tx: &mut Tx<'_>, command: &FinishTask) -> Result<Outcome, Stop> {
    let task = own_task(tx, &command.task, command.fence)?;
    match &command.end {
        TaskEnd::Verify { output } => {
            let hash = keep_output(tx, &task, output);
            flow::step_task(tx, &task.id, TaskEvent::Verify, |row| row.output_hash = Some(hash))?;
            let message = format!("the output of \"{}\" is being judged", task.title);
            tx.event(&task.project, Some(&task.id), EventKind::TaskVerifying, message, [])?;
        }
        TaskEnd::Complete { output, verdict, notes, files } => {
            complete(
                tx,
                &task,
                TaskEvent::Complete,
                Completion { output: Some(output), verdict: *verdict, notes: notes.clone(), files },
            )?;
        }
        TaskEnd::Gaps { notes, output } => gaps(tx, &task, notes, output)?,
        TaskEnd::AskPerson { reason, output, verdict } => {
            if let Some(output) = output {
                let hash = keep_output(tx, &task, output);
                let mut row = tx.task(&task.id)?.clone();
                row.output_hash = Some(hash);
                row.verdict = *verdict;
                tx.put_task(row);
            }
            ask_person(tx, &task.id, reason, *verdict)?;
        }
        TaskEnd::Fail { reason } => fail(tx, &task.id, reason)?,
    }
    flow::settle_project(tx, &task.project)?;
    Ok(Outcome::Done)
}

fn own_task(tx: &Tx<'_>, id: &TaskId, fence: u64) -> Result<Task, Stop> {
    let task = tx.task(id)?;
    if task.fence != fence || !task.state.is_active() {
        return Err(begin_call::stale(id.as_str()));
    }
    Ok(task.clone())
}

fn keep_output(tx: &mut Tx<'_>, task: &Task, output: &Arc<str>) -> Arc<str> {
    let blob = Blob::new(task.project.clone(), Arc::clone(output));
    let hash = Arc::clone(&blob.hash);
    tx.keep([blob]);
    hash
}

/// What a completed task leaves.
pub(super) struct Completion<'c> {
    pub output: Option<&'c Arc<str>>,
    pub verdict: Option<Verdict>,
    pub notes: Option<Arc<str>>,
    pub files: &'c [FileEntry],
}

/// The one path to `completed`, also for outputs that a person accepted.
pub(super) fn complete(
    tx: &mut Tx<'_>,
    task: &Task,
    event: TaskEvent,
    completion: Completion<'_>,
) -> Result<(), Stop> {
    let now = tx.now();
    let output_hash = completion.output.map(|output| keep_output(tx, task, output));
    close_attempt(tx, task, AttemptState::Completed, None)?;
    publish(tx, task, completion.files)?;
    let (verdict, notes) = (completion.verdict, completion.notes);
    flow::step_task(tx, &task.id, event, |row| {
        row.completed_at = Some(now);
        row.is_attempt_open = false;
        row.error = None;
        row.retries = 0;
        if output_hash.is_some() {
            row.output_hash = output_hash;
        }
        if verdict.is_some() {
            row.verdict = verdict;
            row.verdict_notes = notes;
        }
    })?;
    let message = format!("\"{}\" is completed", task.title);
    let cost = tx.task(&task.id)?.cost;
    let data = [("cost_usd", json!(cost.to_dollars())), ("attempt", json!(task.attempt))];
    tx.event(&task.project, Some(&task.id), EventKind::TaskComplete, message, data)
}

/// Enters the task's files in the manifest; the last published version of a path
/// wins, and an event says when that replaced another task's.
fn publish(tx: &mut Tx<'_>, task: &Task, files: &[FileEntry]) -> Result<(), Stop> {
    for entry in files {
        let path: Arc<str> = entry.path.as_str().into();
        let replaced = tx
            .find_file(&task.project, &path)?
            .filter(|file| file.task != task.id && file.entry.hash != entry.hash)
            .map(|file| file.task.clone());
        if let Some(other) = replaced {
            let message =
                format!("{path} was written by {other} too; the version of \"{}\" is published", task.title);
            let data = [("path", json!(entry.path)), ("replaced_task_id", json!(other))];
            tx.event(&task.project, Some(&task.id), EventKind::FileConflict, message, data)?;
        }
        tx.put_file(PublishedFile {
            project: task.project.clone(),
            task: task.id.clone(),
            fence: task.fence,
            entry: entry.clone(),
            at: tx.now(),
        });
    }
    if !files.is_empty() {
        tx.edit_project(&task.project, |project| project.has_unpublished = true)?;
        tx.follow_up(FollowUp::Publish(task.project.clone(), files.to_vec()));
        tx.follow_up(FollowUp::Discard(task.project.clone(), task.id.clone()));
    }
    Ok(())
}

pub(super) fn close_attempt(
    tx: &mut Tx<'_>,
    task: &Task,
    state: AttemptState,
    error: Option<Arc<str>>,
) -> Result<(), Stop> {
    if !task.is_attempt_open {
        return Ok(());
    }
    let mut attempt = tx.attempt(&task.id, task.attempt)?.clone();
    attempt.state = end_attempt(attempt.state, state).ok_or_else(|| {
        Stop::Broken(format!("attempt {} of {} is {}", attempt.number, task.id, attempt.state))
    })?;
    attempt.ended_at = Some(tx.now());
    attempt.error = error;
    tx.put_attempt(attempt);
    Ok(())
}

/// A new attempt that is told what was missing, as long as there are tries left.
fn gaps(tx: &mut Tx<'_>, task: &Task, notes: &Arc<str>, output: &Arc<str>) -> Result<(), Stop> {
    let hash = keep_output(tx, task, output);
    let mut row = tx.task(&task.id)?.clone();
    row.output_hash = Some(hash);
    row.verdict = Some(Verdict::GapsFound);
    row.verdict_notes = Some(Arc::clone(notes));
    tx.put_task(row);
    if task.retries >= tx.policy().max_retries {
        let reason: Arc<str> =
            format!("the verifier still found gaps after {} tries: {notes}", task.retries + 1).into();
        return retries_exhausted(tx, &task.id, &reason);
    }
    tx.tell_next_attempt(Feedback {
        task: task.id.clone(),
        kind: FeedbackKind::Verification,
        text: Arc::clone(notes),
        at: tx.now(),
    });
    close_attempt(tx, task, AttemptState::Failed, Some(Arc::clone(notes)))?;
    flow::step_task(tx, &task.id, TaskEvent::PutBack, |row| {
        row.is_attempt_open = false;
        row.retries += 1;
    })?;
    let message = format!("the verifier found gaps in \"{}\"; it is tried again", task.title);
    let data = [("verification_notes", json!(notes))];
    tx.event(&task.project, Some(&task.id), EventKind::TaskVerificationRetry, message, data)
}

/// All automatic tries are used up: a checkpoint, or a failure where those are
/// switched off.
pub(super) fn retries_exhausted(tx: &mut Tx<'_>, id: &TaskId, reason: &Arc<str>) -> Result<(), Stop> {
    if !tx.policy().checkpoint_on_retry_exhausted {
        return fail(tx, id, reason);
    }
    let task = tx.task(id)?.clone();
    let checkpoint = CheckpointId::fresh(tx.ids());
    let tries = task.retries + 1;
    tx.put_checkpoint(Checkpoint {
        id: checkpoint.clone(),
        project: task.project.clone(),
        task: Some(id.clone()),
        kind: CheckpointKind::RetryExhausted,
        summary: format!("\"{}\" did not succeed in {tries} tries", task.title).into(),
        attempts: vec![PastTry { message: reason.to_string(), at: tx.now() }],
        question: "Try again (with guidance, if you like), go on without it, or give it up?".into(),
        resolution: None,
        response: None,
        resolved_at: None,
        created_at: tx.now(),
    });
    ask_person(tx, id, reason, task.verdict)?;
    let mut row = tx.task(id)?.clone();
    row.checkpoint = Some(checkpoint.clone());
    tx.put_task(row);
    let message = format!("\"{}\" needs your decision: {reason}", task.title);
    tx.event(&task.project, Some(id), EventKind::Checkpoint, message, [("checkpoint_id", json!(checkpoint))])
}

/// The task stops until a person has looked.
pub(super) fn ask_person(
    tx: &mut Tx<'_>,
    id: &TaskId,
    reason: &Arc<str>,
    verdict: Option<Verdict>,
) -> Result<(), Stop> {
    let task = tx.task(id)?.clone();
    close_attempt(tx, &task, AttemptState::Failed, Some(Arc::clone(reason)))?;
    flow::step_task(tx, id, TaskEvent::AskPerson, |row| {
        row.error = Some(Arc::clone(reason));
        row.is_attempt_open = false;
    })?;
    let message = format!("\"{}\" needs a person: {reason}", task.title);
    let notes = verdict.is_some().then_some(("verification_notes", json!(reason)));
    tx.event(&task.project, Some(id), EventKind::TaskNeedsReview, message, notes)
}

/// The task cannot work as asked.
pub(super) fn fail(tx: &mut Tx<'_>, id: &TaskId, reason: &Arc<str>) -> Result<(), Stop> {
    let task = tx.task(id)?.clone();
    close_attempt(tx, &task, AttemptState::Failed, Some(Arc::clone(reason)))?;
    flow::step_task(tx, id, TaskEvent::Fail, |row| {
        row.error = Some(Arc::clone(reason));
        row.is_attempt_open = false;
    })?;
    let message = format!("\"{}\" failed: {reason}", task.title);
    tx.event(&task.project, Some(id), EventKind::TaskFailed, message, [])
}

/// Gives a task back, or makes a ready one wait: nothing is configured that could
/// do it, say.
pub(super) fn put_back(tx: &mut Tx<'_>, command: &PutBack) -> Result<Outcome, Stop> {
    let task = tx.task(&command.task)?.clone();
    if task.fence != command.fence || !(task.state.is_active() || task.state == TaskState::Ready) {
        return Err(begin_call::stale(command.task.as_str()));
    }
    let wait = command.wait;
    let epoch = tx.project(&task.project)?.money_epoch;
    let edit = |row: &mut Task| {
        row.wait = wait;
        // What waits for a person is parked until the project is resumed.
        let is_parked = wait.is_some_and(|wait| wait.reason == crate::task::WaitReason::Person);
        row.parked_epoch = if is_parked { epoch } else { 0 };
    };
    if task.state == TaskState::Ready {
        flow::edit_task(tx, &task.id, edit)?;
    } else {
        flow::step_task(tx, &task.id, TaskEvent::PutBack, edit)?;
    }
    if let Some(wake_at) = wait.and_then(|wait| wait.wake_at) {
        tx.follow_up(FollowUp::WakeAt(wake_at));
    }
    let is_news = wait.map(|wait| wait.reason) != task.wait.map(|wait| wait.reason);
    if let (true, Some(wait), Some(message)) = (is_news, wait, &command.message) {
        let data = [("reason", json!(wait.reason.as_str())), ("wake_at", json!(wait.wake_at))];
        tx.event(&task.project, Some(&task.id), EventKind::TaskWaiting, message.to_string(), data)?;
    }
    flow::settle_project(tx, &task.project)?;
    Ok(Outcome::Done)
}
