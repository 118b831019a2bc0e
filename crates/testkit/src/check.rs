//! Checks whole databases against what must always hold, from the rows alone:
//! counters against the tasks they count, money against calls and ledger, events
//! against their numbers.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use domain::attempt::{CallState, EntryKind, LedgerEntry};
use domain::event::Event;
use domain::id::{ProjectId, TaskId};
use domain::money::NanoUsd;
use domain::project::{Counts, Project, ProjectState};
use domain::task::{Task, TaskState, WaitReason};
use domain::view::View;

/// Everything a store holds that commands work on.
#[derive(Clone, Debug, Default)]
pub struct Dump {
    /// Every row.
    pub view: View,
    /// The ledger, oldest first.
    pub ledger: Vec<LedgerEntry>,
    /// Events, by project and number.
    pub events: Vec<Event>,
}

/// Panics with everything that is wrong.
pub fn assert_sound(dump: &Dump) {
    let mut wrong = Vec::new();
    for project in dump.view.projects.values().flatten() {
        counters(&dump.view, project, &mut wrong);
        prerequisites(&dump.view, project, &mut wrong);
        events(dump, project, &mut wrong);
    }
    accounts(dump, &mut wrong);
    bookings(dump, &mut wrong);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn tasks_of<'v>(view: &'v View, project: &'v Project) -> impl Iterator<Item = &'v Task> {
    view.tasks
        .values()
        .flatten()
        .filter(|task| task.project == project.id && project.approved_plan.as_ref() == Some(&task.plan))
}

fn same<T: PartialEq + std::fmt::Debug>(
    what: &str,
    id: &ProjectId,
    stored: T,
    real: T,
    wrong: &mut Vec<String>,
) {
    if stored != real {
        wrong.push(format!("{what} of {id} is stored as {stored:?} and is {real:?}"));
    }
}

fn counters(view: &View, project: &Project, wrong: &mut Vec<String>) {
    let mut counts = Counts::default();
    let mut waves: BTreeMap<u32, u32> = (0..project.wave_count).map(|wave| (wave, 0)).collect();
    let (mut live, mut open, mut parked) = (0, 0, 0);
    for task in tasks_of(view, project) {
        counts.0[task.state as usize] += 1;
        if task.is_holding() {
            live += 1;
            *waves.entry(task.wave).or_default() += 1;
            open += u32::from(task.wave <= project.open_wave);
        }
        let is_short = task.wait.is_some_and(|wait| wait.reason == WaitReason::Money);
        let is_kept_back = task.state == TaskState::Ready && task.parked_epoch == project.money_epoch;
        parked += u32::from(is_short && is_kept_back);
    }
    same("counts", &project.id, project.counts, counts, wrong);
    same("live", &project.id, project.live, live, wrong);
    same("open_holding", &project.id, project.open_holding, open, wrong);
    same("parked", &project.id, project.parked, parked, wrong);
    for (wave, real) in waves {
        let stored = view.waves.get(&(project.id.clone(), wave)).cloned().flatten().unwrap_or(0);
        same(&format!("wave {wave}"), &project.id, stored, real, wrong);
    }
}

fn prerequisites(view: &View, project: &Project, wrong: &mut Vec<String>) {
    // What was called off as a whole is not counted through any more.
    if project.state == ProjectState::Cancelled {
        return;
    }
    let mut needs: HashMap<&TaskId, (u32, u32)> = HashMap::new();
    for task in tasks_of(view, project) {
        let Some(Some(dependents)) = view.dependents.get(&task.id) else { continue };
        for dependent in dependents.iter() {
            let (pending, dead) = needs.entry(dependent).or_default();
            *pending += u32::from(!task.state.satisfies_dependents());
            *dead += u32::from(task.blocks_dependents());
        }
    }
    for task in tasks_of(view, project) {
        let real = needs.get(&task.id).copied().unwrap_or_default();
        if (task.pending_deps, task.dead_deps) != real {
            let stored = (task.pending_deps, task.dead_deps);
            wrong.push(format!("pending and dead prerequisites of {} are {stored:?}, not {real:?}", task.id));
        }
    }
}

fn events(dump: &Dump, project: &Project, wrong: &mut Vec<String>) {
    let seqs: Vec<u64> =
        dump.events.iter().filter(|event| event.project == project.id).map(|event| event.seq).collect();
    let whole: Vec<u64> = (1..=project.event_seq).collect();
    // A project that is being removed loses its events first.
    if !project.is_deleted {
        same("events", &project.id, seqs, whole, wrong);
    }
}

fn accounts(dump: &Dump, wrong: &mut Vec<String>) {
    let mut real: BTreeMap<Arc<str>, (NanoUsd, NanoUsd)> = BTreeMap::new();
    for entry in &dump.ledger {
        let money = if entry.is_simulated { "sim" } else { "real" };
        let month = entry.day.get(..7).unwrap_or_default();
        for key in [
            format!("{money}/day/{}", entry.day),
            format!("{money}/month/{month}"),
            format!("{money}/project/{}", entry.project),
        ] {
            real.entry(key.into()).or_default().0 += entry.amount;
        }
    }
    for call in dump.view.calls.values().flatten().filter(|call| call.state == CallState::Intent) {
        for key in &call.accounts {
            real.entry(Arc::clone(key)).or_default().1 += call.hold;
        }
    }
    for account in dump.view.accounts.values().flatten() {
        let (spent, held) = real.remove(&account.key).unwrap_or_default();
        if (account.spent, account.held) != (spent, held) {
            let key = &account.key;
            let (stored_spent, stored_held) = (account.spent, account.held);
            wrong.push(format!(
                "account {key}: spent {stored_spent}, held {stored_held}; the books say {spent} and {held}"
            ));
        }
    }
    for (key, (spent, held)) in real {
        if !spent.is_zero() || !held.is_zero() {
            wrong.push(format!("account {key} is missing; the books say {spent} and {held}"));
        }
    }
}

fn bookings(dump: &Dump, wrong: &mut Vec<String>) {
    for call in dump.view.calls.values().flatten() {
        let booked: Vec<NanoUsd> = dump
            .ledger
            .iter()
            .filter(|entry| entry.call == call.id && entry.kind == EntryKind::Booking)
            .map(|entry| entry.amount)
            .collect();
        let should: Vec<NanoUsd> = match call.state {
            CallState::Intent | CallState::Free => Vec::new(),
            CallState::Settled | CallState::Unknown => vec![call.cost],
        };
        if booked != should {
            wrong.push(format!("call {} is {} and booked as {booked:?}", call.id, call.state));
        }
    }
}
