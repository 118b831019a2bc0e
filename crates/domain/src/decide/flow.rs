//! Keeps everything that follows from task states in step with them: counters of
//! the project and its waves, what dependents wait for, and the project's own
//! state. The only writer of `Task::state`.

use serde_json::json;

use super::{FollowUp, Stop, Tx};
use crate::event::EventKind;
use crate::id::{ProjectId, TaskId};
use crate::ports::{Offer, Work};
use crate::project::{self, Dispatch, PauseReason, ProjectEvent, ProjectState};
use crate::refusal::Refusal;
use crate::task::{self, Task, TaskEvent, TaskState, WaitReason};

/// Moves a task along its table and spreads what follows from it.
///
/// `edit` changes the row's other fields in the same go.
pub fn step_task(
    tx: &mut Tx<'_>,
    id: &TaskId,
    event: TaskEvent,
    edit: impl FnOnce(&mut Task),
) -> Result<(), Stop> {
    let mut changed = tx.task(id)?.clone();
    let Some(state) = task::next(changed.state, event) else {
        return Err(
            Refusal::state(format!("task {id} is {}, which does not allow this", changed.state)).into()
        );
    };
    changed.state = state;
    edit(&mut changed);
    if changed.state == TaskState::Ready && changed.pending_deps > 0 {
        changed.state = TaskState::Blocked;
    }
    write(tx, changed)
}

/// Changes fields of a task that are not its state, counters in step.
pub fn edit_task(tx: &mut Tx<'_>, id: &TaskId, edit: impl FnOnce(&mut Task)) -> Result<(), Stop> {
    let mut changed = tx.task(id)?.clone();
    edit(&mut changed);
    write(tx, changed)
}

/// A task whose meaning for its dependents changed: by how much.
struct Spread {
    id: TaskId,
    dead: i64,
    unmet: i64,
}

/// Writes a task whose counters or state changed, and everything behind it.
fn write(tx: &mut Tx<'_>, changed: Task) -> Result<(), Stop> {
    // A list instead of recursion: chains can be 20,000 long. Each row is written
    // before it goes on the list, so a second path to it sees the first.
    let mut pending = Vec::new();
    write_row(tx, changed, &mut pending)?;
    while let Some(Spread { id, dead, unmet }) = pending.pop() {
        for dependent in tx.dependents(&id, dead != 0)?.iter() {
            let mut row = tx.task(dependent)?.clone();
            row.dead_deps = shifted(row.dead_deps, dead);
            row.pending_deps = shifted(row.pending_deps, unmet);
            if row.state == TaskState::Blocked && row.pending_deps == 0 {
                row.state = TaskState::Ready;
            } else if row.state == TaskState::Ready && row.pending_deps > 0 {
                row.state = TaskState::Blocked;
            }
            write_row(tx, row, &mut pending)?;
        }
    }
    Ok(())
}

fn write_row(tx: &mut Tx<'_>, mut after: Task, pending: &mut Vec<Spread>) -> Result<(), Stop> {
    let before = tx.task(&after.id)?.clone();
    after.updated_at = tx.now();
    if after.state != TaskState::Ready {
        after.wait = None;
        after.parked_epoch = 0;
    }
    if after.state != TaskState::Running {
        after.claimed_by = None;
        after.lease_until = None;
    }
    count(tx, &before, &after)?;
    offer_if_ready(tx, &before, &after)?;
    let dead = i64::from(after.blocks_dependents()) - i64::from(before.blocks_dependents());
    let unmet =
        i64::from(before.state.satisfies_dependents()) - i64::from(after.state.satisfies_dependents());
    if dead != 0 || unmet != 0 {
        pending.push(Spread { id: after.id.clone(), dead, unmet });
    }
    tx.put_task(after);
    Ok(())
}

fn shifted(count: u32, by: i64) -> u32 {
    u32::try_from((i64::from(count) + by).max(0)).unwrap_or(u32::MAX)
}

/// Moves the counters of project and wave by the difference of two rows.
fn count(tx: &mut Tx<'_>, before: &Task, after: &Task) -> Result<(), Stop> {
    let holding = i64::from(after.is_holding()) - i64::from(before.is_holding());
    let epoch = tx.project(&after.project)?.money_epoch;
    let parked = i64::from(is_parked(after, epoch)) - i64::from(is_parked(before, epoch));
    let ready = i64::from(after.state == TaskState::Ready) - i64::from(before.state == TaskState::Ready);
    if holding == 0 && parked == 0 && before.state == after.state {
        return Ok(());
    }
    let (wave, project) = (after.wave, after.project.clone());
    if holding != 0 {
        let wave_holding = shifted(tx.wave(&project, wave)?, holding);
        tx.put_wave(&project, wave, wave_holding);
    }
    tx.edit_project(&project, |project| {
        project.counts.shift(before.state, after.state);
        project.live = shifted(project.live, holding);
        project.parked = shifted(project.parked, parked);
        if wave <= project.open_wave {
            project.open_holding = shifted(project.open_holding, holding);
            project.open_ready = shifted(project.open_ready, ready);
        }
    })
}

/// Whether a task waits for a limit that has no room for it as it stands. One
/// that waits for a person is kept back in the same way but does not count: more
/// money would not help it.
#[must_use]
pub fn is_parked(task: &Task, money_epoch: u32) -> bool {
    task.state == TaskState::Ready
        && task.parked_epoch == money_epoch
        && task.wait.is_some_and(|wait| wait.reason == WaitReason::Money)
}

fn offer_if_ready(tx: &mut Tx<'_>, before: &Task, after: &Task) -> Result<(), Stop> {
    if after.state != TaskState::Ready || before.state == TaskState::Ready {
        return Ok(());
    }
    let policy = tx.policy().dispatch;
    let project = tx.project(&after.project)?;
    let is_ours = project.config.execution_mode().runs_inside(after.tier);
    if project.state != ProjectState::Executing || !is_ours {
        return Ok(());
    }
    let dispatch = project.config.dispatch().unwrap_or(policy);
    let is_open = dispatch == Dispatch::Dataflow || after.wave <= project.open_wave;
    match after.wait.and_then(|wait| wait.wake_at) {
        Some(wake_at) => tx.follow_up(FollowUp::WakeAt(wake_at)),
        None if after.wait.is_some() => {}
        None if is_open => {
            tx.follow_up(FollowUp::Offer(Offer { work: Work::Task(after.id.clone()), fence: after.fence }));
        }
        None => {}
    }
    Ok(())
}

/// Opens waves, ends the project, or says that it waits; called at the end of
/// every command that moved a task.
pub fn settle_project(tx: &mut Tx<'_>, id: &ProjectId) -> Result<(), Stop> {
    if tx.project(id)?.state != ProjectState::Executing {
        return Ok(());
    }
    if tx.project(id)?.live == 0 {
        return end_project(tx, id);
    }
    open_waves(tx, id)?;
    pause_when_nothing_fits(tx, id)
}

fn open_waves(tx: &mut Tx<'_>, id: &ProjectId) -> Result<(), Stop> {
    let policy = tx.policy();
    let project = tx.project(id)?;
    if project.config.dispatch().unwrap_or(policy.dispatch) == Dispatch::Dataflow {
        return Ok(());
    }
    let closed = project.open_wave;
    let (mut wave, mut holding, last) = (closed, project.open_holding, project.wave_count.saturating_sub(1));
    while holding == 0 && wave < last {
        wave += 1;
        holding += tx.wave(id, wave)?;
    }
    if wave == closed {
        return Ok(());
    }
    tx.edit_project(id, |project| {
        project.open_wave = wave;
        project.open_holding = holding;
        // Every wave before this one has come to rest, so what can still advance
        // in it waits for nothing and is ready.
        project.open_ready = holding;
    })?;
    tx.event(
        id,
        None,
        EventKind::WaveOpened,
        format!("wave {} may start", wave + 1),
        [("wave", json!(wave))],
    )?;
    if policy.wave_checkpoints {
        let data = [("wave", json!(closed)), ("next_wave", json!(wave))];
        let message = format!("wave {} is done; wave {} waits for you to resume", closed + 1, wave + 1);
        tx.event(id, None, EventKind::WaveCheckpoint, message, data)?;
        return pause(tx, id, PauseReason::Wave, "paused between waves");
    }
    tx.follow_up(FollowUp::Wake);
    Ok(())
}

/// When every task that could go on waits for room that will not come by itself,
/// the project is paused and says so, instead of looking busy for ever.
fn pause_when_nothing_fits(tx: &mut Tx<'_>, id: &ProjectId) -> Result<(), Stop> {
    let dispatch = tx.policy().dispatch;
    let project = tx.project(id)?;
    // In wave mode ready tasks of later waves wait for the parked ones.
    let ready = match project.config.dispatch().unwrap_or(dispatch) {
        Dispatch::Wave => project.open_ready,
        Dispatch::Dataflow => project.counts.of(TaskState::Ready),
    };
    if project.active() > 0 || ready == 0 || project.parked < ready {
        return Ok(());
    }
    if tx.project(id)?.state != ProjectState::Executing {
        return Ok(());
    }
    let message = "the budget has no room for the next call of any waiting task; raise the limit and resume";
    tx.event(id, None, EventKind::BudgetWarning, message, [("is_exhausted", json!(true))])?;
    pause(tx, id, PauseReason::Budget, "paused: the budget is used up")
}

/// Pauses an executing project.
pub fn pause(tx: &mut Tx<'_>, id: &ProjectId, reason: PauseReason, message: &str) -> Result<(), Stop> {
    step_project(tx, id, ProjectEvent::Pause)?;
    tx.edit_project(id, |project| project.pause_reason = Some(reason))?;
    tx.event(id, None, EventKind::ProjectPaused, message, [("reason", json!(reason.as_str()))])
}

fn end_project(tx: &mut Tx<'_>, id: &ProjectId) -> Result<(), Stop> {
    let now = tx.now();
    let counts = tx.project(id)?.counts;
    let waiting = counts.of(TaskState::NeedsReview);
    if waiting > 0 {
        let message = match waiting {
            1 => "1 task waits for you; nothing else can go on".to_owned(),
            waiting => format!("{waiting} tasks wait for you; nothing else can go on"),
        };
        return tx.event(id, None, EventKind::ProjectWaiting, message, [("needs_review", json!(waiting))]);
    }
    let (failed, blocked) = (counts.of(TaskState::Failed), counts.of(TaskState::Blocked));
    if failed == 0 && blocked == 0 {
        step_project(tx, id, ProjectEvent::Complete)?;
        tx.edit_project(id, |project| project.completed_at = Some(now))?;
        return tx.event(id, None, EventKind::ProjectComplete, "all tasks are done", []);
    }
    step_project(tx, id, ProjectEvent::Fail)?;
    tx.edit_project(id, |project| project.completed_at = Some(now))?;
    let message = ended_badly(failed, blocked);
    tx.event(
        id,
        None,
        EventKind::ProjectFailed,
        message,
        [("failed", json!(failed)), ("blocked", json!(blocked))],
    )
}

/// What is said of a project that cannot be completed.
fn ended_badly(failed: u32, blocked: u32) -> String {
    let tasks = if failed == 1 { "1 task failed".to_owned() } else { format!("{failed} tasks failed") };
    let them = if failed == 1 { "it" } else { "them" };
    match blocked {
        0 => tasks,
        1 => format!("{tasks}; 1 that needs {them} cannot start"),
        blocked => format!("{tasks}; {blocked} that need {them} cannot start"),
    }
}

/// Moves a project along its table.
pub fn step_project(tx: &mut Tx<'_>, id: &ProjectId, event: ProjectEvent) -> Result<(), Stop> {
    let from = tx.project(id)?.state;
    let Some(state) = project::next(from, event) else {
        return Err(Refusal::state(format!("the project is {from}, which does not allow this")).into());
    };
    if from == ProjectState::Executing && tx.project(id)?.has_unpublished {
        tx.follow_up(FollowUp::Quiet(id.clone()));
    }
    tx.edit_project(id, |project| {
        project.state = state;
        project.pause_reason = None;
        if state == ProjectState::Executing {
            project.completed_at = None;
        }
    })
}

/// Brings a finished project back to life after a person gave it work again.
pub fn reopen(tx: &mut Tx<'_>, id: &ProjectId) -> Result<(), Stop> {
    let project = tx.project(id)?;
    if matches!(project.state, ProjectState::Completed | ProjectState::Failed) && project.live > 0 {
        step_project(tx, id, ProjectEvent::Reopen)?;
        tx.event(id, None, EventKind::ProjectReopened, "the project goes on", [])?;
    }
    tx.follow_up(FollowUp::Wake);
    Ok(())
}
