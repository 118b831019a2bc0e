//! Work done outside: leases, fences, modes, and what is booked for it.

use std::sync::Arc;

use serde_json::Map;

use super::harness::{World, brief};
use crate::actor::Actor;
use crate::decide::{
    ClaimExternal, ClaimTask, Command, ExternalClaim, Outcome, SubmitExternal, UpdateProject,
};
use crate::event::EventKind;
use crate::id::{CallId, TaskId, UserId};
use crate::model::{Purpose, Usage};
use crate::project::{ProjectConfig, ProjectState};
use crate::refusal::{Code, Refusal};
use crate::task::TaskState;

fn worker(name: &str) -> Actor {
    Actor::User { id: UserId::new(name) }
}

fn outside(mode: &str, dependencies: &[&[usize]]) -> World {
    let mut world = World::new();
    let config = ProjectConfig(Map::from_iter([("execution_mode".to_owned(), mode.into())]));
    let project = world.project.clone();
    world.must(Command::UpdateProject(UpdateProject {
        project,
        name: None,
        requirements: None,
        config: Some(config),
    }));
    world.approve(dependencies).unwrap();
    world.execute();
    world
}

fn claim(world: &mut World, who: &str, index: u32) -> Result<u64, Refusal> {
    let (task, fence) = (world.task(index).id.clone(), world.task(index).fence);
    let claim = ClaimExternal { task, fence, brief: brief(), blobs: Vec::new() };
    match world.run(worker(who), Command::ClaimExternal(claim))? {
        Outcome::Claimed { fence, .. } => Ok(fence),
        other => panic!("{other:?}"),
    }
}

fn of(task: &TaskId, fence: Option<u64>) -> ExternalClaim {
    ExternalClaim { task: task.clone(), fence }
}

fn submit(world: &mut World, who: &str, index: u32, fence: Option<u64>) -> Result<Outcome, Refusal> {
    let command = SubmitExternal {
        claim: of(&world.task(index).id.clone(), fence),
        output: "made outside".into(),
        call: CallId::fresh(&mut world.ids),
        provider: "anthropic".into(),
        model: "claude-haiku-4-5".into(),
        price: Arc::clone(&world.price),
        usage: Usage { input: 1_000, output: 100, ..Usage::default() },
    };
    world.run(worker(who), Command::SubmitExternal(command))
}

fn code<T: std::fmt::Debug>(result: Result<T, Refusal>) -> Code {
    result.unwrap_err().code
}

#[test]
fn an_output_from_outside_completes_the_task_and_unblocks_what_needs_it() {
    let mut world = outside("external", &[&[], &[0]]);
    let fence = claim(&mut world, "usr_1", 0).unwrap();
    assert_eq!(world.state(0), TaskState::Running);
    assert_eq!(code(submit(&mut world, "usr_2", 0, None)), Code::ForeignClaim);
    assert_eq!(code(submit(&mut world, "usr_1", 0, Some(fence - 1))), Code::StaleFence);
    submit(&mut world, "usr_1", 0, Some(fence)).unwrap();
    assert_eq!((world.state(0), world.state(1)), (TaskState::Completed, TaskState::Ready));
    let task = world.task(0);
    assert_eq!((task.claimed_by.as_ref(), task.verdict), (None, None));
    assert_eq!((task.usage.input, task.usage.output), (1_000, 100));
    let entry = world.ledger.last().unwrap();
    assert!(entry.is_estimate && !entry.is_simulated && entry.amount > crate::money::NanoUsd::ZERO);
    assert_eq!((entry.purpose, &*entry.provider), (Purpose::ExternalExecution, "anthropic"));
    assert_eq!(code(submit(&mut world, "usr_1", 0, None)), Code::ConflictState);
    claim(&mut world, "usr_1", 1).unwrap();
    submit(&mut world, "usr_1", 1, None).unwrap();
    assert_eq!(world.project().state, ProjectState::Completed);
}

#[test]
fn the_engine_leaves_alone_what_the_mode_keeps_for_others() {
    for (mode, claimed) in [("external", true), ("hybrid", true), ("auto", false)] {
        let mut world = outside(mode, &[&[]]);
        let (task, fence) = (world.task(0).id.clone(), world.task(0).fence);
        let inside = ClaimTask { task, fence, brief: Some(brief()), blobs: Vec::new(), call: None };
        if claimed {
            assert_eq!(code(world.run(Actor::Engine, Command::ClaimTask(inside))), Code::ConflictState);
            claim(&mut world, "usr_1", 0).unwrap();
        } else {
            assert_eq!(code(claim(&mut world, "usr_1", 0)), Code::ConflictState);
            world.must(Command::ClaimTask(inside));
            assert_eq!(code(submit(&mut world, "usr_1", 0, None)), Code::ConflictState);
        }
    }
}

#[test]
fn a_lease_that_runs_out_is_taken_back_and_at_last_a_person_is_asked() {
    let mut world = outside("external", &[&[]]);
    let lease = world.policy.external_lease_ms;
    for tries in 0..=world.policy.max_retries {
        let fence = claim(&mut world, "usr_1", 0).unwrap();
        let id = world.task(0).id.clone();
        world.now = world.now.plus_ms(lease - 1);
        assert_eq!(code(world.run(Actor::Engine, Command::ExpireLease(id.clone()))), Code::StaleFence);
        let beat = Command::HeartbeatExternal(of(&id, Some(fence)));
        world.run(worker("usr_1"), beat).unwrap();
        world.now = world.now.plus_ms(lease - 1);
        assert_eq!(code(world.run(Actor::Engine, Command::ExpireLease(id.clone()))), Code::StaleFence);
        world.now = world.now.plus_ms(1);
        world.must(Command::ExpireLease(id.clone()));
        assert!(world.task(0).fence > fence);
        assert_eq!(code(submit(&mut world, "usr_1", 0, Some(fence))), Code::ConflictState);
        let is_last = tries == world.policy.max_retries;
        let expected = if is_last { TaskState::NeedsReview } else { TaskState::Ready };
        assert_eq!(world.state(0), expected, "after {tries}");
    }
    assert!(world.has_event(EventKind::TaskRetry) && world.has_event(EventKind::Checkpoint));
}

#[test]
fn who_comes_back_too_late_finds_another_fence() {
    let mut world = outside("external", &[&[]]);
    let old = claim(&mut world, "usr_1", 0).unwrap();
    let id = world.task(0).id.clone();
    world.now = world.now.plus_ms(world.policy.external_lease_ms);
    world.must(Command::ExpireLease(id));
    claim(&mut world, "usr_1", 0).unwrap();
    assert_eq!(code(submit(&mut world, "usr_1", 0, Some(old))), Code::StaleFence);
}

#[test]
fn a_task_that_is_given_back_keeps_its_count_of_tries() {
    let mut world = outside("external", &[&[]]);
    let fence = claim(&mut world, "usr_1", 0).unwrap();
    let id = world.task(0).id.clone();
    let foreign = world.run(worker("usr_2"), Command::ReleaseExternal(of(&id, None)));
    assert_eq!(code(foreign), Code::ForeignClaim);
    world.run(worker("usr_1"), Command::ReleaseExternal(of(&id, Some(fence)))).unwrap();
    let task = world.task(0);
    assert_eq!((task.state, task.retries, task.claimed_by.as_ref()), (TaskState::Ready, 0, None));
    let again = world.run(worker("usr_1"), Command::ReleaseExternal(of(&id, None)));
    assert_eq!(code(again), Code::ConflictState);
}

#[test]
fn cancelling_ends_a_claim_and_a_start_leaves_it_alone() {
    let mut world = outside("external", &[&[], &[]]);
    claim(&mut world, "usr_1", 0).unwrap();
    claim(&mut world, "usr_1", 1).unwrap();
    let (first, second) = (world.task(0).id.clone(), world.task(1).id.clone());
    world.must(Command::Recover(crate::attempt::Owner::Task(first.clone())));
    assert_eq!(world.state(0), TaskState::Running);
    world.person(Command::CancelTask(first)).unwrap();
    assert_eq!(code(submit(&mut world, "usr_1", 0, None)), Code::ConflictState);
    world.person(Command::CancelProject(world.project.clone())).unwrap();
    let late = world.run(worker("usr_1"), Command::HeartbeatExternal(of(&second, None)));
    assert_eq!(code(late), Code::ConflictState);
}

#[test]
fn a_used_up_budget_stops_claims() {
    let mut world = outside("external", &[&[], &[]]);
    claim(&mut world, "usr_1", 0).unwrap();
    claim(&mut world, "usr_1", 1).unwrap();
    submit(&mut world, "usr_1", 0, None).unwrap();
    let id = world.task(1).id.clone();
    world.run(worker("usr_1"), Command::ReleaseExternal(of(&id, None))).unwrap();
    let spent = world.task(0).cost;
    world.policy.limits.project = spent;
    assert_eq!(code(claim(&mut world, "usr_1", 1)), Code::BudgetExhausted);
    world.policy.limits.project = crate::money::NanoUsd(spent.0 + 1);
    claim(&mut world, "usr_1", 1).unwrap();
}
