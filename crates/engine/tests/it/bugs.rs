//! The bug bank: bugs that engines of this kind have had, each put between the
//! commands and the rules. A simulation that does not find them proves nothing.

use std::sync::Arc;

use domain::attempt::CallState;
use domain::decide::{CallEnd, Command, Decision, Envelope, FinishTask, Outcome, Stop, TaskEnd};
use domain::id::TaskId;
use domain::money::NanoUsd;
use domain::project::ProjectState;
use domain::task::{Task, TaskState};
use domain::view::View;
use testkit::memory::Tamper;

use crate::simulation;

/// Seeds within which each bug must be found.
const SEEDS_MAX: u64 = 2_000;

type Decided = Result<Decision, Stop>;

const fn same(_: &View, _: &Envelope) -> Option<Envelope> {
    None
}

fn kept(_: &View, _: &Envelope, decided: Decided) -> Decided {
    decided
}

fn task<'v>(view: &'v View, id: &TaskId) -> Option<&'v Task> {
    view.tasks.get(id).and_then(Option::as_ref)
}

/// Holds are looked at and not set aside: check, then act.
fn no_holds(_: &View, envelope: &Envelope, decided: Decided) -> Decided {
    let mut decision = decided?;
    if matches!(envelope.command, Command::ClaimTask(_) | Command::BeginCall(_)) {
        decision.changes.accounts.clear();
        for call in decision.changes.calls.values_mut() {
            call.hold = NanoUsd::ZERO;
        }
    }
    Ok(decision)
}

/// The hold of a call that was cut stays held.
fn leaked_hold(view: &View, envelope: &Envelope, decided: Decided) -> Decided {
    let mut decision = decided?;
    if let Command::Recover(_) = &envelope.command {
        for (key, account) in &mut decision.changes.accounts {
            if let Some(Some(before)) = view.accounts.get(key) {
                account.held = before.held;
            }
        }
    }
    Ok(decision)
}

/// What nobody knows the cost of costs nothing.
fn unknown_is_free(_: &View, _: &Envelope, decided: Decided) -> Decided {
    let mut decision = decided?;
    let mut freed = NanoUsd::ZERO;
    for call in decision.changes.calls.values_mut().filter(|call| call.state == CallState::Unknown) {
        freed += call.cost;
        call.cost = NanoUsd::ZERO;
    }
    if freed > NanoUsd::ZERO {
        for account in decision.changes.accounts.values_mut() {
            account.spent -= freed;
        }
        for entry in &mut decision.changes.ledger {
            entry.amount = NanoUsd::ZERO;
        }
    }
    Ok(decision)
}

/// An answer is booked without a ledger entry.
fn no_ledger(_: &View, _: &Envelope, decided: Decided) -> Decided {
    let mut decision = decided?;
    decision.changes.ledger.clear();
    Ok(decision)
}

/// Whoever comes late writes all the same.
fn no_fences(view: &View, envelope: &Envelope) -> Option<Envelope> {
    let mut envelope = envelope.clone();
    let command = &mut envelope.command;
    match command {
        Command::FinishTask(FinishTask { task: id, fence, .. }) => *fence = task(view, id)?.fence,
        Command::FinishTool(finish) => finish.step.fence = task(view, &finish.step.task)?.fence,
        _ => return None,
    }
    Some(envelope)
}

/// A task that was cancelled turns completed when its answer arrives.
fn cancel_overwritten(view: &View, envelope: &Envelope, decided: Decided) -> Decided {
    if let (
        Command::FinishTask(FinishTask { task: id, end: TaskEnd::Complete { .. }, .. }),
        Err(Stop::Refused(_)),
    ) = (&envelope.command, &decided)
        && let Some(row) = task(view, id)
    {
        let mut row = row.clone();
        row.state = TaskState::Completed;
        let mut changes = domain::view::Changes::default();
        changes.tasks.insert(id.clone(), row);
        return Ok(Decision { changes, outcome: Outcome::Done, follow_ups: Vec::new() });
    }
    decided
}

/// Completed is written before the verifier has spoken.
fn completed_before_verified(view: &View, envelope: &Envelope) -> Option<Envelope> {
    let Command::FinishTask(finish) = &envelope.command else { return None };
    let TaskEnd::Verify { output } = &finish.end else { return None };
    task(view, &finish.task)?;
    let end = TaskEnd::Complete { output: Arc::clone(output), verdict: None, notes: None, files: Vec::new() };
    Some(Envelope {
        actor: envelope.actor.clone(),
        command: Command::FinishTask(FinishTask { task: finish.task.clone(), fence: finish.fence, end }),
    })
}

/// Dependents are not told that something was completed.
fn dependents_forgotten(_: &View, envelope: &Envelope, decided: Decided) -> Decided {
    let mut decision = decided?;
    if let Command::FinishTask(finish) = &envelope.command {
        decision.changes.tasks.retain(|id, _| *id == finish.task);
    }
    Ok(decision)
}

/// A lost worker's call is forgotten instead of booked.
fn lost_call_forgotten(_: &View, envelope: &Envelope, decided: Decided) -> Decided {
    let mut decision = decided?;
    if matches!(envelope.command, Command::Recover(_)) {
        decision.changes.calls.clear();
        decision.changes.accounts.clear();
        decision.changes.ledger.clear();
    }
    Ok(decision)
}

/// Event numbers of two commits are the same.
fn numbers_twice(_: &View, envelope: &Envelope, decided: Decided) -> Decided {
    let mut decision = decided?;
    if matches!(envelope.command, Command::FinishTask(_)) {
        for event in &mut decision.changes.events {
            event.seq = event.seq.saturating_sub(1);
        }
    }
    Ok(decision)
}

/// A retry's wait is lost, and with it the task.
fn wait_for_ever(_: &View, envelope: &Envelope, decided: Decided) -> Decided {
    let mut decision = decided?;
    if matches!(envelope.command, Command::SettleCall(_)) {
        for row in decision.changes.tasks.values_mut() {
            if let Some(wait) = &mut row.wait
                && wait.wake_at.is_some()
            {
                wait.wake_at = Some(domain::time::Timestamp(i64::MAX));
            }
        }
    }
    Ok(decision)
}

/// A tool that must run once is not marked as started.
fn once_unmarked(_: &View, envelope: &Envelope, decided: Decided) -> Decided {
    let mut decision = decided?;
    if matches!(envelope.command, Command::StartTool(_)) {
        decision.changes.steps.clear();
    }
    Ok(decision)
}

/// A finished project does not wake up when a person retries one of its tasks.
fn no_way_back(view: &View, envelope: &Envelope, decided: Decided) -> Decided {
    let mut decision = decided?;
    if matches!(envelope.command, Command::RetryTask(_)) {
        for (id, project) in &mut decision.changes.projects {
            let before = view.projects.get(id).and_then(Option::as_ref).map(|project| project.state);
            if let Some(before @ (ProjectState::Failed | ProjectState::Completed)) = before {
                project.state = before;
            }
        }
    }
    Ok(decision)
}

/// An answer is used without being journalled: after a death it is bought again.
fn answer_not_journalled(_: &View, envelope: &Envelope, decided: Decided) -> Decided {
    let mut decision = decided?;
    if matches!(&envelope.command, Command::SettleCall(settle) if matches!(settle.end, CallEnd::Answered(_)))
    {
        decision.changes.steps.clear();
    }
    Ok(decision)
}

const BUGS: &[Tamper] = &[
    Tamper { name: "check, then act on the budget", command: same, decision: no_holds },
    Tamper { name: "hold leaked by a death", command: same, decision: leaked_hold },
    Tamper { name: "unknown outcome booked at nothing", command: same, decision: unknown_is_free },
    Tamper { name: "spent without a ledger entry", command: same, decision: no_ledger },
    Tamper { name: "late writers are believed", command: no_fences, decision: kept },
    Tamper { name: "cancelled turns completed", command: same, decision: cancel_overwritten },
    Tamper { name: "completed before it was verified", command: completed_before_verified, decision: kept },
    Tamper { name: "dependents are not unblocked", command: same, decision: dependents_forgotten },
    Tamper { name: "a lost call is forgotten", command: same, decision: lost_call_forgotten },
    Tamper { name: "event numbers given twice", command: same, decision: numbers_twice },
    Tamper { name: "a retry waits for ever", command: same, decision: wait_for_ever },
    Tamper { name: "a tool of class once runs twice", command: same, decision: once_unmarked },
    Tamper { name: "no way back from failed", command: same, decision: no_way_back },
    Tamper { name: "an answer is bought twice", command: same, decision: answer_not_journalled },
];

/// The first seed that finds the bug.
fn find(bug: Tamper) -> Option<u64> {
    (0..SEEDS_MAX).find(|&seed| std::panic::catch_unwind(|| simulation::run(seed, Some(bug))).is_err())
}

#[test]
fn every_known_bug_is_found() {
    // Each find is a panic; its text would only be noise here.
    let quiet = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let found: Vec<(&str, Option<u64>)> = BUGS
        .iter()
        .map(|&bug| {
            let seed = find(bug);
            println!("{}: {seed:?}", bug.name);
            (bug.name, seed)
        })
        .collect();
    std::panic::set_hook(quiet);
    let missed: Vec<&str> = found.iter().filter(|(_, seed)| seed.is_none()).map(|(name, _)| *name).collect();
    assert!(missed.is_empty(), "not found in {SEEDS_MAX} seeds: {missed:?}");
}
