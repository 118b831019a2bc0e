//! Single histories, each for one thing that must (or must not) happen.

use super::harness::{World, answered, completed};
use crate::checkpoint::Resolution;
use crate::decide::{CallEnd, Command, Outcome, PutBack, ResolveCheckpoint, ReviewTask, SettleCall, TaskEnd};
use crate::event::EventKind;
use crate::model::{CallError, ErrorClass, StopReason};
use crate::money::NanoUsd;
use crate::project::{PauseReason, ProjectState};
use crate::refusal::Code;
use crate::task::{TaskState, WaitReason};

fn broken(class: ErrorClass) -> CallEnd {
    CallEnd::Broken(CallError::new(class, "it broke"))
}

fn started(dependencies: &[&[usize]]) -> World {
    let mut world = World::new();
    world.approve(dependencies).unwrap();
    world.execute();
    world
}

#[test]
fn a_chain_runs_wave_by_wave_to_completion() {
    let mut world = started(&[&[], &[0], &[1]]);
    assert_eq!((world.state(0), world.state(1)), (TaskState::Ready, TaskState::Blocked));
    world.complete(0);
    assert_eq!(world.state(1), TaskState::Ready);
    assert_eq!(world.project().open_wave, 1);
    world.complete(1);
    world.complete(2);
    assert_eq!(world.project().state, ProjectState::Completed);
    assert!(world.has_event(EventKind::ProjectComplete));
}

#[test]
fn a_failed_branch_does_not_hold_branches_that_do_not_need_it() {
    // 0 fails; 1 -> 3 goes on although 2 (behind 0) never can.
    let mut world = started(&[&[], &[], &[0], &[1]]);
    world.claim(0).unwrap();
    world.settle(0, broken(ErrorClass::BadRequest)).unwrap();
    assert_eq!(world.state(0), TaskState::Failed);
    world.complete(1);
    world.complete(3);
    assert_eq!(world.project().state, ProjectState::Failed);
    assert_eq!(world.state(2), TaskState::Blocked);
}

#[test]
fn a_project_that_waits_for_a_person_is_not_finished() {
    let mut world = started(&[&[], &[0]]);
    world.claim(0).unwrap();
    world.settle(0, answered(StopReason::EndTurn)).unwrap();
    let end = TaskEnd::AskPerson { reason: "unsure".into(), output: Some("half".into()), verdict: None };
    world.finish(0, end).unwrap();
    assert_eq!(world.project().state, ProjectState::Executing);
    assert!(world.has_event(EventKind::ProjectWaiting));
    let review = ReviewTask {
        task: world.task(0).id.clone(),
        accept: true,
        files: Vec::new(),
        feedback: String::new(),
    };
    world.person(Command::ReviewTask(review)).unwrap();
    assert_eq!((world.state(0), world.state(1)), (TaskState::Completed, TaskState::Ready));
    world.complete(1);
    assert_eq!(world.project().state, ProjectState::Completed);
}

#[test]
fn a_retry_brings_a_failed_project_back_to_life() {
    let mut world = started(&[&[], &[0]]);
    world.claim(0).unwrap();
    world.settle(0, broken(ErrorClass::BadRequest)).unwrap();
    assert_eq!(world.project().state, ProjectState::Failed);
    let task = world.task(0).id.clone();
    world.person(Command::RetryTask(task)).unwrap();
    assert_eq!(world.project().state, ProjectState::Executing);
    world.complete(0);
    world.complete(1);
    assert_eq!(world.project().state, ProjectState::Completed);
}

#[test]
fn used_up_retries_ask_a_person_and_skip_lets_dependents_go_on() {
    let mut world = started(&[&[], &[0]]);
    for round in 0..3 {
        world.now = world.now.plus_ms(200_000);
        assert_eq!(world.state(0), TaskState::Ready, "round {round}");
        world.claim(0).unwrap();
        world.settle(0, broken(ErrorClass::Overloaded)).unwrap();
    }
    assert_eq!(world.state(0), TaskState::NeedsReview);
    let checkpoint = world.task(0).checkpoint.clone().unwrap();
    let command = ResolveCheckpoint { checkpoint, resolution: Resolution::Skip, guidance: String::new() };
    world.person(Command::ResolveCheckpoint(command.clone())).unwrap();
    assert_eq!((world.state(0), world.state(1)), (TaskState::Skipped, TaskState::Ready));
    let again = world.person(Command::ResolveCheckpoint(command)).unwrap_err();
    assert_eq!(again.code, Code::ConflictState);
    world.complete(1);
    assert_eq!(world.project().state, ProjectState::Completed);
}

#[test]
fn a_cancelled_task_never_turns_completed() {
    let mut world = started(&[&[]]);
    world.claim(0).unwrap();
    let (call, fence) = (world.task(0).call.clone().unwrap(), world.task(0).fence);
    let task = world.task(0).id.clone();
    world.person(Command::CancelTask(task)).unwrap();
    // The answer arrives all the same: its money is booked, its text is not used.
    let settle = SettleCall { call, fence, end: answered(StopReason::EndTurn), random: 0 };
    assert_eq!(world.must(Command::SettleCall(settle)), Outcome::Ended);
    assert_eq!(world.state(0), TaskState::Cancelled);
    assert!(world.task(0).cost > NanoUsd::ZERO);
    assert!(world.finish(0, completed()).is_err());
}

#[test]
fn a_stale_worker_changes_nothing_but_the_books() {
    let mut world = started(&[&[]]);
    world.claim(0).unwrap();
    let (call, fence) = (world.task(0).call.clone().unwrap(), world.task(0).fence);
    let owner = crate::attempt::Owner::Task(world.task(0).id.clone());
    world.must(Command::Recover(owner));
    assert_eq!(world.state(0), TaskState::Ready);
    let before = world.task(0).clone();
    let settle = SettleCall { call, fence, end: answered(StopReason::EndTurn), random: 0 };
    assert_eq!(
        world.run(crate::actor::Actor::Engine, Command::SettleCall(settle)).unwrap_err().code,
        Code::AlreadyDone
    );
    let command = PutBack { task: before.id.clone(), fence, wait: None, message: None };
    assert_eq!(
        world.run(crate::actor::Actor::Engine, Command::PutBack(command)).unwrap_err().code,
        Code::StaleFence
    );
    assert_eq!(*world.task(0), before);
}

#[test]
fn a_recovered_task_repeats_its_unanswered_call_once_in_the_same_step() {
    let mut world = started(&[&[]]);
    world.claim(0).unwrap();
    let owner = crate::attempt::Owner::Task(world.task(0).id.clone());
    world.must(Command::Recover(owner));
    let Outcome::Claimed { seq, attempt, .. } = world.claim(0).unwrap() else { panic!("not claimed") };
    assert_eq!((seq, attempt), (1, 1));
    // The second unknown outcome is not bought a third time.
    world.settle(0, broken(ErrorClass::CutStream)).unwrap();
    assert_eq!(world.state(0), TaskState::NeedsReview);
}

#[test]
fn a_task_that_loses_its_worker_again_and_again_asks_a_person() {
    let mut world = started(&[&[]]);
    for _ in 0..3 {
        world.claim(0).unwrap();
        let owner = crate::attempt::Owner::Task(world.task(0).id.clone());
        world.must(Command::Recover(owner));
    }
    assert_eq!(world.state(0), TaskState::NeedsReview);
}

#[test]
fn no_call_starts_after_a_pause_and_calls_in_flight_are_kept() {
    let mut world = started(&[&[], &[]]);
    world.claim(0).unwrap();
    let project = world.project.clone();
    world.person(Command::PauseProject(project, PauseReason::Person)).unwrap();
    assert_eq!(world.claim(1).unwrap_err().code, Code::NotExecuting);
    assert!(matches!(world.settle(0, answered(StopReason::EndTurn)).unwrap(), Outcome::Answered { .. }));
    world.finish(0, completed()).unwrap();
    assert_eq!(world.state(0), TaskState::Completed);
    world.execute();
    world.complete(1);
    assert_eq!(world.project().state, ProjectState::Completed);
}

#[test]
fn waiting_for_holds_and_exhausted_are_two_states() {
    let mut world = World::new();
    world.approve(&[&[], &[], &[]]).unwrap();
    // One hold is 1,000 x 2.00 (the dearer cache write) + 1,000 x 5.00 dollars a million.
    world.policy.limits.project = NanoUsd(7_000_000 + 1_000_000);
    world.execute();
    world.claim(0).unwrap();
    let waiting = world.claim(1).unwrap();
    assert!(matches!(waiting, Outcome::NotAdmitted { is_exhausted: false, .. }), "{waiting:?}");
    assert_eq!(world.task(1).wait.unwrap().reason, WaitReason::Money);
    world.settle(0, answered(StopReason::EndTurn)).unwrap();
    world.finish(0, completed()).unwrap();
    // 2,000,000 are spent; 8 - 2 = 6 million have no room for a hold of 7.
    assert!(matches!(world.claim(1).unwrap(), Outcome::NotAdmitted { is_exhausted: true, .. }));
    assert_eq!(world.project().state, ProjectState::Executing);
    assert!(matches!(world.claim(2).unwrap(), Outcome::NotAdmitted { is_exhausted: true, .. }));
    assert_eq!(world.project().state, ProjectState::Paused);
    assert_eq!(world.project().pause_reason, Some(PauseReason::Budget));
    world.policy.limits.project = NanoUsd::DOLLAR;
    world.execute();
    world.complete(1);
    world.complete(2);
    assert_eq!(world.project().state, ProjectState::Completed);
}

#[test]
fn a_used_up_budget_pauses_although_later_waves_have_ready_tasks() {
    // 0 completes, which makes 2 ready in a wave that is not open; 1 has no room.
    let mut world = World::new();
    world.policy.limits.project = NanoUsd(8_000_000);
    world.approve(&[&[], &[], &[0]]).unwrap();
    world.execute();
    world.complete(0);
    assert_eq!(world.state(2), TaskState::Ready);
    assert!(matches!(world.claim(1).unwrap(), Outcome::NotAdmitted { is_exhausted: true, .. }));
    assert_eq!(world.project().pause_reason, Some(PauseReason::Budget));
}

#[test]
fn a_missing_provider_is_not_told_as_a_used_up_budget() {
    let mut world = started(&[&[]]);
    let (task, fence) = (world.task(0).id.clone(), world.task(0).fence);
    let since = world.now;
    let wait = Some(crate::task::Wait { reason: WaitReason::Person, since, wake_at: None });
    let message = Some("no provider is configured".into());
    world.must(Command::PutBack(PutBack { task, fence, wait, message }));
    assert_eq!(world.project().state, ProjectState::Executing);
    assert!(!world.has_event(EventKind::BudgetWarning));
}

#[test]
fn a_limit_that_is_near_is_told_once() {
    let mut world = World::new();
    world.policy.warn_at_pct = 0;
    world.approve(&[&[], &[], &[], &[], &[], &[]]).unwrap();
    world.execute();
    for index in 0..6 {
        world.complete(index);
    }
    let warnings = world.events.iter().filter(|event| event.kind == EventKind::BudgetWarning).count();
    assert_eq!(warnings, 3, "one for each scope");
}

#[test]
fn questions_about_tasks_that_are_called_off_are_closed() {
    let mut world = started(&[&[], &[]]);
    for _ in 0..3 {
        world.now = world.now.plus_ms(200_000);
        world.claim(0).unwrap();
        world.settle(0, broken(ErrorClass::Overloaded)).unwrap();
    }
    let question = world.task(0).checkpoint.clone().unwrap();
    let project = world.project.clone();
    world.person(Command::CancelProject(project)).unwrap();
    assert!(world.view.checkpoints[&question].as_ref().unwrap().resolved_at.is_some());
}

#[test]
fn an_answer_without_usage_is_booked_at_its_hold() {
    let mut world = started(&[&[]]);
    world.claim(0).unwrap();
    let CallEnd::Answered(mut answer) = answered(StopReason::EndTurn) else { panic!("no answer") };
    answer.usage = None;
    world.settle(0, CallEnd::Answered(answer)).unwrap();
    assert!(world.ledger[0].is_estimate);
    assert_eq!(world.ledger[0].amount, NanoUsd(7_000_000));
}

#[test]
fn gaps_lead_to_a_new_attempt_that_is_told_of_them_and_then_to_a_person() {
    let mut world = started(&[&[]]);
    for _ in 0..3 {
        world.claim(0).unwrap();
        world.settle(0, answered(StopReason::EndTurn)).unwrap();
        world.finish(0, TaskEnd::Gaps { notes: "no tests".into(), output: "half".into() }).unwrap();
    }
    assert_eq!((world.state(0), world.task(0).attempt), (TaskState::NeedsReview, 3));
}

#[test]
fn approving_twice_keeps_one_set_of_tasks() {
    let mut world = started(&[&[], &[0]]);
    world.claim(0).unwrap();
    let project = world.project.clone();
    world.person(Command::PauseProject(project, PauseReason::Person)).unwrap();
    world.approve(&[&[]]).unwrap();
    assert_eq!(world.project().counts.total(), 1);
    let open = world.view.tasks.values().flatten().filter(|task| !task.state.is_final()).count();
    assert_eq!(open, 1);
    world.execute();
    world.complete(0);
    assert_eq!(world.project().state, ProjectState::Completed);
}

#[test]
fn a_refused_key_pauses_the_project_and_a_resume_tries_again() {
    let mut world = started(&[&[]]);
    world.claim(0).unwrap();
    world.settle(0, broken(ErrorClass::Auth)).unwrap();
    assert_eq!(world.project().pause_reason, Some(PauseReason::Provider));
    assert_eq!(world.task(0).retries, 0);
    world.execute();
    world.complete(0);
    assert_eq!(world.project().state, ProjectState::Completed);
}

#[test]
fn wave_checkpoints_pause_between_waves() {
    let mut world = World::new();
    world.policy.wave_checkpoints = true;
    world.approve(&[&[], &[0]]).unwrap();
    world.execute();
    world.complete(0);
    assert_eq!(world.project().pause_reason, Some(PauseReason::Wave));
    world.execute();
    world.complete(1);
    assert_eq!(world.project().state, ProjectState::Completed);
}

#[test]
fn a_long_chain_behind_a_failure_is_told_without_a_stack() {
    let dependencies: Vec<Vec<usize>> =
        (0..3_000).map(|i| if i == 0 { vec![] } else { vec![i - 1] }).collect();
    let slices: Vec<&[usize]> = dependencies.iter().map(Vec::as_slice).collect();
    let mut world = World::new();
    world.policy.max_plan_tasks = 20_000;
    world.approve(&slices).unwrap();
    world.execute();
    world.claim(0).unwrap();
    world.settle(0, broken(ErrorClass::BadRequest)).unwrap();
    assert_eq!(world.project().state, ProjectState::Failed);
    assert_eq!(world.project().live, 0);
}
