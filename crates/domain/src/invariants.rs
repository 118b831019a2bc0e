//! What must be true of the rows after every command, as plain functions. Used by
//! property tests, the simulation, the stores' suite and debug builds.

use std::collections::HashMap;

use crate::attempt::{CallState, Owner};
use crate::decide::is_parked;
use crate::id::{ProjectId, TaskId};
use crate::money::NanoUsd;
use crate::plan::PlanState;
use crate::project::{Counts, Project, ProjectState};
use crate::task::{Task, TaskState};
use crate::view::View;

/// Checks a complete view.
///
/// # Errors
/// One sentence for each thing that is not as it must be.
pub fn check(view: &View) -> Result<(), Vec<String>> {
    let mut wrong = Vec::new();
    for project in view.projects.values().flatten() {
        check_counters(view, project, &mut wrong);
        check_plans(view, project, &mut wrong);
    }
    check_dependencies(view, &mut wrong);
    check_calls(view, &mut wrong);
    check_accounts(view, &mut wrong);
    if wrong.is_empty() { Ok(()) } else { Err(wrong) }
}

fn tasks_of<'v>(view: &'v View, project: &'v Project) -> impl Iterator<Item = &'v Task> {
    view.tasks
        .values()
        .flatten()
        .filter(|task| task.project == project.id && Some(&task.plan) == project.approved_plan.as_ref())
}

/// Counters equal what they count.
fn check_counters(view: &View, project: &Project, wrong: &mut Vec<String>) {
    let mut expect = |name: &str, stored: u32, counted: u32| {
        if stored != counted {
            wrong.push(format!("{}: {name} is {stored}, counted {counted}", project.id));
        }
    };
    let mut counts = Counts::default();
    let (mut live, mut open_holding, mut open_ready, mut parked) = (0, 0, 0, 0);
    let mut waves: HashMap<u32, u32> = HashMap::new();
    for task in tasks_of(view, project) {
        counts.0[task.state as usize] += 1;
        if task.is_holding() {
            live += 1;
            *waves.entry(task.wave).or_default() += 1;
            open_holding += u32::from(task.wave <= project.open_wave);
        }
        open_ready += u32::from(task.state == TaskState::Ready && task.wave <= project.open_wave);
        parked += u32::from(is_parked(task, project.money_epoch));
    }
    for &state in TaskState::ALL {
        expect(state.as_str(), project.counts.of(state), counts.of(state));
    }
    expect("live", project.live, live);
    expect("open_holding", project.open_holding, open_holding);
    expect("open_ready", project.open_ready, open_ready);
    expect("parked", project.parked, parked);
    for wave in 0..project.wave_count {
        let stored = view.waves.get(&(project.id.clone(), wave)).copied().flatten().unwrap_or(0);
        expect(&format!("wave {wave}"), stored, waves.get(&wave).copied().unwrap_or(0));
    }
    if project.state == ProjectState::Completed && (live > 0 || counts.of(TaskState::Failed) > 0) {
        wrong.push(format!("{} is completed with work left or failed", project.id));
    }
    if project.state == ProjectState::Executing
        && live == 0
        && counts.total() > 0
        && counts.of(TaskState::NeedsReview) == 0
    {
        wrong.push(format!("{} executes with nothing left to do or to wait for", project.id));
    }
}

fn check_plans(view: &View, project: &Project, wrong: &mut Vec<String>) {
    let approved: Vec<_> = view
        .plans
        .values()
        .flatten()
        .filter(|plan| plan.project == project.id && plan.state == PlanState::Approved)
        .collect();
    if approved.len() > 1 {
        wrong.push(format!("{} has {} approved plans", project.id, approved.len()));
    }
    let is_planning = project.state == ProjectState::Planning;
    if is_planning != project.operation.is_some() && !project.is_deleted {
        wrong.push(format!("{} is {} with operation {:?}", project.id, project.state, project.operation));
    }
}

/// Counters of unmet and dead prerequisites equal what they count, and nothing
/// started before what it depends on was done.
fn check_dependencies(view: &View, wrong: &mut Vec<String>) {
    let mut pending: HashMap<&TaskId, u32> = HashMap::new();
    let mut dead: HashMap<&TaskId, u32> = HashMap::new();
    for (id, dependents) in &view.dependents {
        let (Some(Some(task)), Some(dependents)) = (view.tasks.get(id), dependents) else { continue };
        for dependent in dependents.iter() {
            *pending.entry(dependent).or_default() += u32::from(!task.state.satisfies_dependents());
            *dead.entry(dependent).or_default() += u32::from(task.blocks_dependents());
        }
    }
    let is_current = |task: &Task| {
        view.projects.get(&task.project).and_then(Option::as_ref).is_some_and(|project: &Project| {
            project.approved_plan.as_ref() == Some(&task.plan) && project.state != ProjectState::Cancelled
        })
    };
    for task in view.tasks.values().flatten().filter(|task| is_current(task)) {
        let expected = pending.get(&task.id).copied().unwrap_or(0);
        if task.pending_deps != expected {
            wrong.push(format!("{}: pending_deps is {}, counted {expected}", task.id, task.pending_deps));
        }
        let expected = dead.get(&task.id).copied().unwrap_or(0);
        if task.dead_deps != expected {
            wrong.push(format!("{}: dead_deps is {}, counted {expected}", task.id, task.dead_deps));
        }
        let must_be_met = matches!(task.state, TaskState::Ready) || task.state.is_active();
        if must_be_met && task.pending_deps > 0 {
            wrong.push(format!("{} is {} before what it depends on is done", task.id, task.state));
        }
        if task.state == TaskState::Blocked && task.pending_deps == 0 {
            wrong.push(format!("{} is blocked by nothing", task.id));
        }
    }
}

/// A task's call in flight is a call in flight, and nobody else's. A task claimed
/// from outside runs, has a lease, and no call of ours.
fn check_calls(view: &View, wrong: &mut Vec<String>) {
    for task in view.tasks.values().flatten() {
        let is_claimed = task.claimed_by.is_some();
        if is_claimed != task.lease_until.is_some()
            || (is_claimed && (task.state != TaskState::Running || task.call.is_some()))
        {
            wrong.push(format!("{} is {} with a claim from outside", task.id, task.state));
        }
        let Some(id) = &task.call else { continue };
        if task.state == TaskState::Completed {
            wrong.push(format!("{} is completed with call {id} in flight: two workers had it", task.id));
        }
        let is_open = view.calls.get(id).and_then(Option::as_ref).is_some_and(|call| {
            call.state == CallState::Intent && call.owner == Owner::Task(task.id.clone())
        });
        if !is_open {
            wrong.push(format!("{} names call {id}, which is not in flight for it", task.id));
        }
    }
    for call in view.calls.values().flatten() {
        let is_booked = matches!(call.state, CallState::Settled | CallState::Unknown);
        if call.cost > NanoUsd::ZERO && !is_booked {
            wrong.push(format!("call {} is {} and has a cost", call.id, call.state));
        }
    }
}

/// `held` is the sum of the holds of calls in flight, `spent` of what was booked.
fn check_accounts(view: &View, wrong: &mut Vec<String>) {
    let mut held: HashMap<&str, NanoUsd> = HashMap::new();
    let mut spent: HashMap<&str, NanoUsd> = HashMap::new();
    for call in view.calls.values().flatten() {
        for key in &call.accounts {
            if call.state == CallState::Intent {
                *held.entry(key).or_default() += call.hold;
            }
            *spent.entry(key).or_default() += call.cost;
        }
    }
    for account in view.accounts.values().flatten() {
        let key: &str = &account.key;
        let expected = held.get(key).copied().unwrap_or_default();
        if account.held != expected {
            wrong.push(format!("account {key}: held is {}, counted {expected}", account.held));
        }
        let expected = spent.get(key).copied().unwrap_or_default();
        if account.spent != expected {
            wrong.push(format!("account {key}: spent is {}, counted {expected}", account.spent));
        }
    }
}

/// No scope of a project holds and spent more than its limit, given that no limit
/// was lowered and no call cost more than its hold.
#[must_use]
pub fn is_within(view: &View, key: &str, limit: NanoUsd) -> bool {
    view.accounts
        .get(key)
        .and_then(Option::as_ref)
        .is_none_or(|account| account.spent + account.held <= limit)
}

/// Events of a project are numbered 1, 2, 3… without holes.
///
/// # Errors
/// The first number that is not what it must be.
pub fn check_numbers(project: &ProjectId, numbers: impl IntoIterator<Item = u64>) -> Result<u64, String> {
    let mut last = 0;
    for number in numbers {
        if number != last + 1 {
            return Err(format!("{project}: event {number} follows {last}"));
        }
        last = number;
    }
    Ok(last)
}
