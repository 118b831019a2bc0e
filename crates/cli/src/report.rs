//! What came of a project: the table of its tasks, why some did not end well,
//! what it cost, how long it took, and where the files are.
//!
//! Reads and draws; changes nothing.

use std::fmt::Write as _;
use std::time::Duration;

use console::{StyledObject, style};
use domain::budget::project_account;
use domain::id::{ProjectId, TaskId};
use domain::money::NanoUsd;
use domain::project::{Project, ProjectState};
use domain::routing::SIMULATED;
use domain::task::{Task, TaskState, WaitReason};
use store::{EngineLock, TaskDetail, TaskFilter, UsageGroup};

use crate::exit::Failure;
use crate::output::{Column, count, cut, duration, money, short, short_length, table, width};
use crate::wire_up::{Place, Setup, now};

/// Tasks and files that are listed.
const TASKS_MAX: u32 = 20_000;
const FILES_MAX: usize = 20;

/// Tasks of the approved plan, in its order.
///
/// # Errors
/// When the database cannot be read.
pub async fn tasks(place: &Place, project: &ProjectId) -> Result<Vec<TaskDetail>, Failure> {
    let filter = TaskFilter { exclude_output: true, limit: TASKS_MAX, ..TaskFilter::default() };
    Ok(place.store.list_tasks(project, &filter).await?)
}

/// Whether a task left an output that could be accepted.
///
/// # Errors
/// When the database cannot be read.
pub async fn has_output(place: &Place, task: &TaskId) -> Result<bool, Failure> {
    let found = place.store.find_task(task).await?;
    Ok(found.is_some_and(|history| history.detail.output.is_some()))
}

/// How a task that needs a person can be judged: the first word to offer, and the others.
#[must_use]
pub const fn judgements(has_output: bool) -> (&'static str, &'static str) {
    if has_output {
        ("accept", "retry --guidance \"…\", cancel")
    } else {
        ("retry --guidance \"…\"", "cancel")
    }
}

/// What a project has spent: real money, and what its simulated calls stand for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spent {
    /// Booked for real.
    pub real: NanoUsd,
    /// Booked for simulated calls.
    pub simulated: NanoUsd,
}

/// Asks the accounts of a project.
///
/// # Errors
/// When the database cannot be read.
pub async fn spent(place: &Place, project: &ProjectId) -> Result<Spent, Failure> {
    let keys = [project_account(project, false), project_account(project, true)];
    let accounts = place.store.accounts(&keys).await?;
    let of = |index: usize| accounts.get(index).map_or(NanoUsd::ZERO, |account| account.spent);
    Ok(Spent { real: of(0), simulated: of(1) })
}

/// The limit of a project.
#[must_use]
pub fn limit(setup: &Setup, project: &Project) -> NanoUsd {
    project.config.budget_limit().unwrap_or(setup.config.budget.per_project_limit)
}

/// A task's state as a word with its colour.
#[must_use]
pub fn task_state(task: &Task) -> StyledObject<String> {
    let text = match task.wait.map(|wait| wait.reason) {
        Some(WaitReason::Backoff) => "waits to retry".to_owned(),
        Some(reason) => format!("waits: {reason}"),
        None => task.state.as_str().replace('_', " "),
    };
    let word = style(text);
    match task.state {
        TaskState::Completed => word.green(),
        TaskState::Failed => word.red(),
        TaskState::NeedsReview => word.yellow(),
        TaskState::Running | TaskState::Verifying => word.cyan(),
        TaskState::Blocked | TaskState::Ready | TaskState::Cancelled | TaskState::Skipped => word,
    }
}

/// Whether nothing of an executing project can go on until a person acts.
#[must_use]
pub fn waits_for_person(project: &Project) -> bool {
    project.state == ProjectState::Executing
        && project.counts.of(TaskState::NeedsReview) > 0
        && project.live == 0
        && project.active() == 0
}

/// Whether a project was left in the middle: nobody works on the data folder.
#[must_use]
pub fn is_interrupted(project: &Project, is_engine_there: bool) -> bool {
    matches!(project.state, ProjectState::Executing | ProjectState::Planning)
        && !is_engine_there
        && !waits_for_person(project)
}

/// A project's state as a word with its colour.
#[must_use]
pub fn project_state(project: &Project, is_engine_there: bool) -> StyledObject<String> {
    if is_interrupted(project, is_engine_there) {
        return style("interrupted".to_owned()).yellow();
    }
    if waits_for_person(project) {
        return style("waits for you".to_owned()).yellow();
    }
    let text = match project.pause_reason {
        Some(reason) => format!("{} ({reason})", project.state),
        None => project.state.to_string(),
    };
    let word = style(text);
    match project.state {
        ProjectState::Completed => word.green(),
        ProjectState::Failed => word.red(),
        ProjectState::Paused => word.yellow(),
        ProjectState::Executing | ProjectState::Planning => word.cyan(),
        ProjectState::Draft | ProjectState::Ready | ProjectState::Cancelled => word,
    }
}

/// The table of tasks, and below it what went wrong or waits.
#[must_use]
pub fn task_table(tasks: &[TaskDetail], is_simulated: bool) -> String {
    let columns = [
        Column::number("#"),
        Column::elastic("task"),
        Column::text("state"),
        Column::text("tier"),
        Column::text("model"),
        Column::number("time"),
        Column::number(if is_simulated { "(cost)" } else { "cost" }),
        Column::text("id"),
    ];
    let length = short_length(tasks.iter().map(|detail| detail.task.id.as_str()));
    let rows: Vec<Vec<String>> = tasks
        .iter()
        .map(|detail| {
            let task = &detail.task;
            let model = task.model.as_deref().unwrap_or("");
            vec![
                (task.index + 1).to_string(),
                cut(&task.title, width() / 2),
                task_state(task).to_string(),
                task.tier.to_string(),
                if is_simulated && !model.is_empty() { SIMULATED.to_owned() } else { model.to_owned() },
                took(task).map_or_else(String::new, duration),
                if task.cost.is_zero() { String::new() } else { money(task.cost) },
                style(short(task.id.as_str(), length)).dim().to_string(),
            ]
        })
        .collect();
    let mut out = table(&columns, &rows, width());
    for detail in tasks {
        out.push_str(&trouble(&detail.task));
    }
    out
}

/// Why a task has not ended well, in a line; nothing for one that has.
fn trouble(task: &Task) -> String {
    let reason = match task.state {
        TaskState::Failed | TaskState::NeedsReview => {
            task.error.as_deref().or(task.verdict_notes.as_deref()).unwrap_or("no reason was given")
        }
        TaskState::Blocked if task.dead_deps > 0 => "what it depends on was not done",
        TaskState::Ready if task.wait.is_some() => task.error.as_deref().unwrap_or("waits"),
        _ => return String::new(),
    };
    let text = format!("#{} {}: {reason}", task.index + 1, task.title);
    format!("  {} {}\n", style("!").yellow(), cut(&text, width() - 4))
}

fn took(task: &Task) -> Option<Duration> {
    let (started, ended) = (task.started_at?, task.completed_at.unwrap_or(task.updated_at));
    let ended = if task.state.is_active() { now() } else { ended };
    Some(Duration::from_millis(ended.ms_since(started)))
}

/// The last lines of a run: state, money, time, files.
///
/// # Errors
/// When the database or the files cannot be read.
pub async fn summary(
    setup: &Setup,
    place: &Place,
    project: &Project,
    elapsed: Option<Duration>,
) -> Result<String, Failure> {
    let mut out = String::new();
    let counts = project.counts;
    let done = counts.of(TaskState::Completed) + counts.of(TaskState::Skipped);
    let _ = writeln!(
        out,
        "  {}  {} · {done} of {} done",
        style("State").bold(),
        project_state(project, EngineLock::is_held(&place.data_dir)),
        count(counts.total() as usize, "task")
    );
    let Spent { real, simulated } = spent(place, &project.id).await?;
    let limit = money(limit(setup, project));
    let calls = calls(place, &project.id).await?;
    let cost = match (project.config.is_simulated() || simulated > NanoUsd::ZERO, real.is_zero()) {
        (true, true) => format!("nothing spent; simulated: {} of {limit}", money(simulated)),
        (true, false) => format!("{} of {limit} · simulated beside it: {}", money(real), money(simulated)),
        (false, _) => format!("{} of {limit}", money(real)),
    };
    let _ = writeln!(out, "  {}   {cost} · {}", style("Cost").bold(), count(calls, "model call"));
    if let Some(elapsed) = elapsed {
        let _ = writeln!(out, "  {}   {}", style("Time").bold(), duration(elapsed));
    }
    out.push_str(&files(place, &project.id).await?);
    Ok(out)
}

async fn calls(place: &Place, project: &ProjectId) -> Result<usize, Failure> {
    let mut calls = 0;
    for is_simulated in [false, true] {
        let lines = place.store.usage_summary(UsageGroup::All, Some(project), None, is_simulated).await?;
        calls += lines.iter().map(|line| line.calls).sum::<u64>();
    }
    Ok(usize::try_from(calls).unwrap_or(usize::MAX))
}

/// Where the files are, and which.
async fn files(place: &Place, project: &ProjectId) -> Result<String, Failure> {
    let files = place
        .files
        .list_published(project)
        .await
        .map_err(|error| Failure::error(format!("cannot list the files of the project: {error}")))?;
    let mut out = String::new();
    if files.is_empty() {
        let _ = writeln!(out, "  {}  none", style("Files").bold());
        return Ok(out);
    }
    let folder = place.files_of(project);
    let _ = writeln!(
        out,
        "  {}  {} in {}",
        style("Files").bold(),
        count(files.len(), "file"),
        style(folder.display()).underlined()
    );
    for file in files.iter().take(FILES_MAX) {
        let _ = writeln!(out, "         {}  {}", file.path, style(bytes(file.bytes)).dim());
    }
    if files.len() > FILES_MAX {
        let _ = writeln!(out, "         … and {} more", files.len() - FILES_MAX);
    }
    Ok(out)
}

fn bytes(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}
