//! Commands on a whole project: create, change, execute, pause, cancel, delete.

use std::sync::Arc;

use serde_json::json;

use super::operations::{call_off, visible};
use super::{CreateProject, FollowUp, Outcome, Stop, Tx, UpdateProject, flow};
use crate::attempt::OperationState;
use crate::event::EventKind;
use crate::id::ProjectId;
use crate::project::{Counts, Dispatch, PauseReason, Project, ProjectConfig, ProjectEvent, ProjectState};
use crate::refusal::{Code, Refusal};
use crate::requirement;
use crate::task::TaskState;
use crate::view::{Blob, Bulk};

/// Longest name of a project or a task, in characters.
pub const NAME_CHARS_MAX: usize = 200;

fn checked_name(name: &str) -> Result<Arc<str>, Stop> {
    let trimmed = name.trim();
    let length = trimmed.chars().count();
    if length == 0 || length > NAME_CHARS_MAX {
        let message = format!("a name has 1 to {NAME_CHARS_MAX} characters; this one has {length}");
        return Err(Refusal::new(Code::Invalid, message).into());
    }
    Ok(trimmed.into())
}

fn checked_config(config: &ProjectConfig) -> Result<(), Stop> {
    config.check().map_err(|mistakes| Refusal::new(Code::Invalid, mistakes.join("; ")).into())
}

pub(super) fn create(tx: &mut Tx<'_>, command: &CreateProject) -> Result<Outcome, Stop> {
    if tx.find_project(&command.id)?.is_some() {
        return Err(Refusal::new(Code::AlreadyDone, "this project exists already").into());
    }
    let name = checked_name(&command.name)?;
    checked_config(&command.config)?;
    requirement::check(&command.requirements)?;
    let requirements = Blob::new(command.id.clone(), command.requirements.as_str());
    tx.put_project(Project::new(
        command.id.clone(),
        command.owner.clone(),
        Arc::clone(&name),
        command.config.clone(),
        Arc::clone(&requirements.hash),
        tx.now(),
    ));
    tx.keep([requirements]);
    tx.event(&command.id, None, EventKind::ProjectCreated, format!("\"{name}\" was created"), [])?;
    Ok(Outcome::Created(command.id.clone()))
}

pub(super) fn update(tx: &mut Tx<'_>, command: &UpdateProject) -> Result<Outcome, Stop> {
    let state = visible(tx, &command.project)?;
    let name = command.name.as_deref().map(checked_name).transpose()?;
    if let Some(config) = &command.config {
        checked_config(config)?;
        let usual = tx.policy().dispatch;
        let dispatch_of = |config: &ProjectConfig| config.dispatch().unwrap_or(usual);
        let before = dispatch_of(&tx.project(&command.project)?.config);
        let is_going = matches!(state, ProjectState::Executing | ProjectState::Paused);
        // Tasks of later waves may have begun: there is no one wave to go on from.
        if is_going && before == Dispatch::Dataflow && dispatch_of(config) == Dispatch::Wave {
            let message = "dispatch cannot go back to wave while a plan is being carried out";
            return Err(Refusal::state(message).into());
        }
    }
    if let Some(requirements) = &command.requirements {
        requirement::check(requirements)?;
        if state == ProjectState::Planning {
            let message = "a plan is being made from these requirements; wait for it or cancel it";
            return Err(Refusal::state(message).into());
        }
        let blob = Blob::new(command.project.clone(), requirements.as_str());
        let hash = Arc::clone(&blob.hash);
        tx.keep([blob]);
        tx.edit_project(&command.project, |project| project.requirements_hash = hash)?;
    }
    tx.edit_project(&command.project, |project| {
        if let Some(name) = name {
            project.name = name;
        }
        if let Some(config) = &command.config {
            project.config = Arc::new(config.clone());
            // A raised limit may have room for what was parked.
            project.money_epoch += 1;
            project.parked = 0;
        }
    })?;
    tx.event(&command.project, None, EventKind::ProjectUpdated, "the project was changed", [])?;
    tx.follow_up(FollowUp::Wake);
    Ok(Outcome::Done)
}

pub(super) fn execute(tx: &mut Tx<'_>, id: &ProjectId) -> Result<Outcome, Stop> {
    let state = visible(tx, id)?;
    if !matches!(state, ProjectState::Ready | ProjectState::Paused) {
        let hint = match state {
            ProjectState::Draft | ProjectState::Planning => "; approve a plan first",
            ProjectState::Executing => " already",
            _ => "",
        };
        return Err(Refusal::state(format!("the project is {state}{hint}")).into());
    }
    if tx.project(id)?.approved_plan.is_none() {
        return Err(Refusal::state("the project has no approved plan").into());
    }
    flow::step_project(tx, id, ProjectEvent::Execute)?;
    unpark_rows(tx, id)?;
    tx.event(id, None, EventKind::ProjectExecuting, "execution goes on", [])?;
    flow::settle_project(tx, id)?;
    tx.follow_up(FollowUp::Wake);
    Ok(Outcome::Done)
}

fn unpark_rows(tx: &mut Tx<'_>, id: &ProjectId) -> Result<(), Stop> {
    tx.edit_project(id, |project| {
        project.money_epoch += 1;
        project.parked = 0;
    })
}

/// Notes that every accepted file is in place. While tasks run there may be new
/// ones at any instant, so then nothing is noted.
pub(super) fn published(tx: &mut Tx<'_>, id: &ProjectId) -> Result<Outcome, Stop> {
    if visible(tx, id)? != ProjectState::Executing {
        tx.edit_project(id, |project| project.has_unpublished = false)?;
    }
    Ok(Outcome::Done)
}

/// Lets parked tasks try again, because limits or providers may have changed.
pub(super) fn unpark(tx: &mut Tx<'_>, id: &ProjectId) -> Result<Outcome, Stop> {
    visible(tx, id)?;
    unpark_rows(tx, id)?;
    tx.follow_up(FollowUp::Wake);
    Ok(Outcome::Done)
}

pub(super) fn pause(tx: &mut Tx<'_>, id: &ProjectId, reason: PauseReason) -> Result<Outcome, Stop> {
    let state = visible(tx, id)?;
    if state != ProjectState::Executing {
        return Err(Refusal::state(format!("the project is {state}, so there is nothing to pause")).into());
    }
    flow::pause(tx, id, reason, "paused; calls in flight finish, no new one starts")?;
    Ok(Outcome::Done)
}

pub(super) fn cancel(tx: &mut Tx<'_>, id: &ProjectId) -> Result<Outcome, Stop> {
    visible(tx, id)?;
    call_off(tx, id)?;
    flow::step_project(tx, id, ProjectEvent::Cancel)?;
    cancel_tasks(tx, id)?;
    let stopped = tx.project(id)?.counts.of(TaskState::Cancelled);
    tx.event(
        id,
        None,
        EventKind::ProjectCancelled,
        "the project was called off",
        [("cancelled", json!(stopped))],
    )?;
    tx.follow_up(FollowUp::CutProject(id.clone()));
    Ok(Outcome::Done)
}

/// All tasks that are not final are cancelled at once, and the counters with them.
fn cancel_tasks(tx: &mut Tx<'_>, id: &ProjectId) -> Result<(), Stop> {
    let now = tx.now();
    tx.bulk(Bulk::CancelTasks { project: id.clone(), at: now });
    tx.edit_project(id, |project| {
        let mut counts = Counts::default();
        for &state in TaskState::ALL {
            let to = if state.is_final() { state } else { TaskState::Cancelled };
            counts.0[to as usize] += project.counts.of(state);
        }
        project.counts = counts;
        project.live = 0;
        project.parked = 0;
        project.open_holding = 0;
        project.open_ready = 0;
        project.completed_at = Some(now);
    })
}

pub(super) fn delete(tx: &mut Tx<'_>, id: &ProjectId) -> Result<Outcome, Stop> {
    visible(tx, id)?;
    if let Some(operation) = tx.project(id)?.operation.clone() {
        debug_assert!(tx.operation(&operation)?.state == OperationState::Running);
        call_off(tx, id)?;
    }
    flow::step_project(tx, id, ProjectEvent::Cancel)?;
    cancel_tasks(tx, id)?;
    tx.edit_project(id, |project| project.is_deleted = true)?;
    tx.follow_up(FollowUp::CutProject(id.clone()));
    tx.follow_up(FollowUp::Remove(id.clone()));
    Ok(Outcome::Done)
}
