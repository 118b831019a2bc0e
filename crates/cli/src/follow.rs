//! Follows a project while it executes: shows what happens, asks a person where
//! one is waited for, and notices how it ends.

use std::collections::HashSet;
use std::time::Duration;

use domain::actor::Actor;
use domain::checkpoint::Resolution;
use domain::decide::{Command, ResolveCheckpoint};
use domain::event::EventKind;
use domain::id::{ProjectId, TaskId};
use domain::project::{PauseReason, Project, ProjectState};
use domain::task::{TaskState, WaitReason};
use store::{TaskDetail, TaskFilter};
use tokio::sync::broadcast::error::RecvError;

use crate::ask;
use crate::exit::Failure;
use crate::output::{cut, say, width};
use crate::report;
use crate::session::{LOOK, Session};
use crate::view::{Standing, stopping};
use crate::wire_up::Place;

/// Pause after a change, so that many changes are shown at once.
const GATHER: Duration = Duration::from_millis(25);
/// Events read at once.
const EVENTS_MAX: u32 = 500;
/// Lines of an output that are shown with a question.
const OUTPUT_LINES: usize = 12;

/// How following ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The project's state says it.
    Ended,
    /// It was paused.
    Paused(PauseReason),
    /// Nothing goes on until a person acts.
    Waits,
    /// A signal.
    Interrupted,
}

/// Follows until the project ends, waits, is paused, or a signal comes.
///
/// # Errors
/// When the database cannot be read or standard output is gone.
pub async fn follow(session: &mut Session<'_>) -> Result<End, Failure> {
    session.titles().await?;
    let mut put_off: HashSet<TaskId> = HashSet::new();
    loop {
        let project = look(session).await?;
        match project.state {
            ProjectState::Executing => {}
            ProjectState::Paused => {
                let reason = project.pause_reason.unwrap_or(PauseReason::Person);
                if reason != PauseReason::Wave {
                    // Calls in flight may finish: they are worth waiting for.
                    session.handle().drain();
                    session.handle().stopped().await;
                    show_events(session).await?;
                }
                return Ok(End::Paused(reason));
            }
            ProjectState::Cancelled => {
                // Perhaps by another process, which cannot cut what runs in this one.
                session.handle().stop();
                return Ok(End::Ended);
            }
            _ => return Ok(End::Ended),
        }
        if session.lifecycle.soft.is_cancelled() {
            return stop(session, &project).await;
        }
        if project.counts.of(TaskState::NeedsReview) > 0 {
            if session.is_interactive
                && let Some(detail) = next_question(session, &put_off).await?
            {
                let id = detail.task.id.clone();
                if !ask_about(session, &detail).await? {
                    put_off.insert(id);
                }
                continue;
            }
            if project.live == 0 {
                return Ok(End::Waits);
            }
        }
        if project.active() == 0 && is_stuck(session.place, &session.project).await? {
            return Ok(End::Waits);
        }
        watch_a_moment(session).await?;
    }
}

/// Whether every task that could go on waits for a person.
///
/// # Errors
/// When the database cannot be read.
pub async fn is_stuck(place: &Place, project: &ProjectId) -> Result<bool, Failure> {
    let filter = TaskFilter {
        states: vec![TaskState::Ready],
        exclude_output: true,
        limit: 1_000,
        ..TaskFilter::default()
    };
    let ready = place.store.list_tasks(project, &filter).await?;
    let waits = |detail: &TaskDetail| detail.task.wait.is_some_and(|wait| wait.reason == WaitReason::Person);
    Ok(ready.iter().any(waits) && ready.iter().all(waits))
}

/// Shows what is new and where the project stands.
async fn look(session: &mut Session<'_>) -> Result<Project, Failure> {
    show_events(session).await?;
    let project = session.load().await?.project;
    let spent = report::spent(session.place, &project.id).await?;
    let is_simulated = project.config.is_simulated();
    session.view.standing(Standing {
        done: project.counts.of(TaskState::Completed) + project.counts.of(TaskState::Skipped),
        total: project.counts.total(),
        spent: if is_simulated { spent.simulated } else { spent.real },
        limit: report::limit(session.setup, &project),
        is_simulated,
    });
    Ok(project)
}

/// Shows events that were not shown yet.
///
/// # Errors
/// When the database cannot be read or standard output is gone.
pub async fn show_events(session: &mut Session<'_>) -> Result<(), Failure> {
    loop {
        let events = session.place.store.events_after(&session.project, session.seen, EVENTS_MAX).await?;
        let Some(last) = events.last().map(|event| event.seq) else { return Ok(()) };
        for event in &events {
            session.view.event(event)?;
            if event.kind == EventKind::PlanApproved {
                session.titles().await?;
            }
        }
        session.seen = last;
    }
}

/// Waits until something may have changed, showing live text meanwhile.
///
/// # Errors
/// When the database cannot be read or standard output is gone.
pub async fn watch_a_moment(session: &mut Session<'_>) -> Result<(), Failure> {
    let soft = session.lifecycle.soft.clone();
    let quiet = tokio::time::sleep(LOOK);
    tokio::pin!(quiet);
    loop {
        tokio::select! {
            () = &mut quiet => {
                if session.place.store.changed_outside().await? {
                    session.handle().look_again().await;
                }
                break;
            }
            () = soft.cancelled() => break,
            change = session.changed.recv() => match change {
                Ok(project) if project != session.project => {}
                Ok(_) | Err(RecvError::Lagged(_)) => {
                    tokio::time::sleep(GATHER).await;
                    break;
                }
                Err(RecvError::Closed) => return Err(Failure::error("the database was closed")),
            },
            delta = session.live.recv() => {
                if let Ok(delta) = delta
                    && delta.project == session.project
                {
                    session.view.live(&delta);
                }
            }
        }
    }
    while let Ok(delta) = session.live.try_recv() {
        if delta.project == session.project {
            session.view.live(&delta);
        }
    }
    show_events(session).await
}

/// First signal: nothing new starts, what runs may finish. Second: it is cut.
async fn stop(session: &mut Session<'_>, project: &Project) -> Result<End, Failure> {
    session.view.note(&stopping(project.active()));
    // Paused, so that lists do not call executing what nobody executes.
    let pause = Command::PauseProject(session.project.clone(), PauseReason::Person);
    let paused = session.apply(pause).await;
    session.handle().drain();
    let hard = session.lifecycle.hard.clone();
    tokio::select! {
        () = session.handle().stopped() => {}
        () = hard.cancelled() => {
            session.handle().stop();
            session.handle().stopped().await;
        }
    }
    show_events(session).await?;
    // The project may have ended while we were about to pause it.
    if paused.is_err() && session.load().await?.project.state != ProjectState::Executing {
        return Ok(End::Ended);
    }
    Ok(End::Interrupted)
}

/// The next task that waits for a person and was not put off.
async fn next_question(
    session: &Session<'_>,
    put_off: &HashSet<TaskId>,
) -> Result<Option<TaskDetail>, Failure> {
    let filter = TaskFilter { states: vec![TaskState::NeedsReview], limit: 1_000, ..TaskFilter::default() };
    let waiting = session.place.store.list_tasks(&session.project, &filter).await?;
    Ok(waiting.into_iter().find(|detail| !put_off.contains(&detail.task.id)))
}

/// Asks about a task; false when the person wants to decide later.
async fn ask_about(session: &mut Session<'_>, detail: &TaskDetail) -> Result<bool, Failure> {
    session.view.hide();
    let answered = question(session, detail).await;
    session.view.show();
    answered
}

async fn question(session: &Session<'_>, detail: &TaskDetail) -> Result<bool, Failure> {
    let task = &detail.task;
    say(&format!("\n{} \"{}\"", console::style("Your decision:").bold().yellow().for_stderr(), task.title));
    let reason = task.error.as_deref().or(task.verdict_notes.as_deref());
    if let Some(reason) = reason {
        say(&format!("  {}", cut(reason, width() * 3)));
    }
    if let Some(output) = &detail.output {
        say("  Its output so far:");
        for line in output.lines().take(OUTPUT_LINES) {
            say(&format!("  │ {}", cut(line, width() - 6)));
        }
    }
    let stop = &session.lifecycle.soft;
    let words: &[&str] = match (&task.checkpoint, &detail.output) {
        (Some(_), _) => &["retry", "skip", "fail", "later"],
        (None, Some(_)) => &["accept", "retry", "cancel", "later"],
        (None, None) => &["retry", "cancel", "later"],
    };
    let Some(word) = ask::choose(&format!("{}?", words.join(", ")), words, stop).await else {
        return Ok(false);
    };
    if word == "later" {
        return Ok(false);
    }
    let guidance = if word == "retry" {
        let text = ask::line("What should it do differently? (may be empty)", stop).await;
        let Some(text) = text else { return Ok(false) };
        text
    } else {
        String::new()
    };
    let handle = session.handle();
    match (&task.checkpoint, word) {
        (Some(checkpoint), word) => {
            let resolution = Resolution::parse(word).unwrap_or(Resolution::Fail);
            let command = ResolveCheckpoint { checkpoint: checkpoint.clone(), resolution, guidance };
            handle.apply(Actor::Shell, Command::ResolveCheckpoint(command)).await?;
        }
        (None, "cancel") => {
            handle.apply(Actor::Shell, Command::CancelTask(task.id.clone())).await?;
        }
        (None, word) => {
            handle.review(Actor::Shell, &task.id, word == "accept", guidance).await?;
        }
    }
    Ok(true)
}
