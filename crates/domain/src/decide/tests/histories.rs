//! Histories that no person would think of.

use proptest::prelude::*;

use super::harness::{World, answered, completed};
use crate::attempt::Owner;
use crate::checkpoint::Resolution;
use crate::decide::{
    BeginCall, CallEnd, Command, FinishTool, PutBack, ResolveCheckpoint, ReviewTask, TaskEnd, ToolStep,
};
use crate::model::{CallError, ErrorClass, StopReason};
use crate::money::NanoUsd;
use crate::project::{Dispatch, PauseReason};
use crate::tool::ToolOutcome;

/// What one step of a history does, to whatever it finds there.
#[derive(Clone, Debug)]
enum Act {
    Claim(usize),
    Settle(usize, u8),
    NextCall(usize),
    FinishTool(usize),
    Finish(usize, u8),
    PutBack(usize),
    Recover(usize),
    Retry(usize),
    Cancel(usize),
    Review(usize, bool),
    Resolve(usize, u8),
    Pause,
    Execute,
    Unpark,
    Replan,
    CancelProject,
    Delete,
    Later(u32),
}

fn acts() -> impl Strategy<Value = Act> {
    let task = 0usize..6;
    prop_oneof![
        8 => task.clone().prop_map(Act::Claim),
        8 => (task.clone(), 0u8..10).prop_map(|(task, end)| Act::Settle(task, end)),
        3 => task.clone().prop_map(Act::NextCall),
        3 => task.clone().prop_map(Act::FinishTool),
        6 => (task.clone(), 0u8..6).prop_map(|(task, end)| Act::Finish(task, end)),
        1 => task.clone().prop_map(Act::PutBack),
        1 => task.clone().prop_map(Act::Recover),
        2 => task.clone().prop_map(Act::Retry),
        1 => task.clone().prop_map(Act::Cancel),
        2 => (task.clone(), any::<bool>()).prop_map(|(task, accept)| Act::Review(task, accept)),
        2 => (task, 0u8..3).prop_map(|(task, how)| Act::Resolve(task, how)),
        1 => Just(Act::Pause),
        2 => Just(Act::Execute),
        1 => Just(Act::Unpark),
        1 => Just(Act::Replan),
        1 => Just(Act::CancelProject),
        1 => Just(Act::Delete),
        2 => (0u32..200_000_000).prop_map(Act::Later),
    ]
}

const CLASSES: [ErrorClass; 6] = [
    ErrorClass::Overloaded,
    ErrorClass::CutStream,
    ErrorClass::BadRequest,
    ErrorClass::Auth,
    ErrorClass::TooLong,
    ErrorClass::Malformed,
];

fn end(choice: u8) -> CallEnd {
    match choice {
        0..=2 => answered(StopReason::EndTurn),
        3 => answered(StopReason::ToolUse),
        4..=8 => CallEnd::Broken(CallError::new(CLASSES[usize::from(choice - 4)], "broke")),
        _ => CallEnd::Cut(None),
    }
}

/// Which task of the approved plan an act means.
fn pick(world: &World, index: usize) -> Option<u32> {
    let total = world.project().counts.total();
    (total > 0).then(|| u32::try_from(index).unwrap() % total)
}

#[expect(clippy::too_many_lines, reason = "a flat table of what each act does")]
fn perform(world: &mut World, act: &Act, dependencies: &[Vec<usize>]) {
    let project = world.project.clone();
    // Refusals are part of every history; what matters are the invariants, which
    // the world checks after each command that was carried out.
    let _ = match act {
        Act::Claim(task) => pick(world, *task).map(|index| world.claim(index)),
        Act::Settle(task, choice) => pick(world, *task)
            .filter(|&index| world.task(index).call.is_some())
            .map(|index| world.settle(index, end(*choice))),
        Act::NextCall(task) => pick(world, *task).map(|index| {
            let call = world.next_call(800, 700);
            let (owner, fence) = (Owner::Task(world.task(index).id.clone()), world.task(index).fence);
            world.run(crate::actor::Actor::Engine, Command::BeginCall(BeginCall { owner, fence, call }))
        }),
        Act::FinishTool(task) => {
            pick(world, *task).filter(|&index| world.task(index).last_seq > 1).map(|index| {
                let row = world.task(index).clone();
                let step = ToolStep { task: row.id, fence: row.fence, seq: row.last_seq };
                if !world.view.steps.contains_key(&crate::attempt::StepKey {
                    owner: Owner::Task(step.task.clone()),
                    attempt: row.attempt,
                    seq: step.seq,
                }) {
                    return Ok(crate::decide::Outcome::Done);
                }
                let outcome = ToolOutcome::ok("read");
                world.run(crate::actor::Actor::Engine, Command::FinishTool(FinishTool { step, outcome }))
            })
        }
        Act::Finish(task, choice) => {
            pick(world, *task).filter(|&index| world.task(index).call.is_none()).map(|index| {
                let end = match choice {
                    0 | 1 => completed(),
                    2 => TaskEnd::Verify { output: "o".into() },
                    3 => TaskEnd::Gaps { notes: "n".into(), output: "o".into() },
                    4 => TaskEnd::AskPerson { reason: "r".into(), output: Some("o".into()), verdict: None },
                    _ => TaskEnd::Fail { reason: "r".into() },
                };
                world.finish(index, end)
            })
        }
        Act::PutBack(task) => {
            pick(world, *task).filter(|&index| world.task(index).call.is_none()).map(|index| {
                let (task, fence) = (world.task(index).id.clone(), world.task(index).fence);
                let command = PutBack { task, fence, wait: None, message: None };
                world.run(crate::actor::Actor::Engine, Command::PutBack(command))
            })
        }
        Act::Recover(task) => pick(world, *task).map(|index| {
            let owner = Owner::Task(world.task(index).id.clone());
            world.run(crate::actor::Actor::Engine, Command::Recover(owner))
        }),
        Act::Retry(task) => {
            pick(world, *task).map(|index| world.person(Command::RetryTask(world.task(index).id.clone())))
        }
        Act::Cancel(task) => {
            pick(world, *task).map(|index| world.person(Command::CancelTask(world.task(index).id.clone())))
        }
        Act::Review(task, accept) => pick(world, *task).map(|index| {
            let task = world.task(index).id.clone();
            let review = ReviewTask { task, accept: *accept, files: Vec::new(), feedback: "f".to_owned() };
            world.person(Command::ReviewTask(review))
        }),
        Act::Resolve(task, how) => {
            pick(world, *task).and_then(|index| world.task(index).checkpoint.clone()).map(|checkpoint| {
                let resolution = [Resolution::Retry, Resolution::Skip, Resolution::Fail][usize::from(*how)];
                let command = ResolveCheckpoint { checkpoint, resolution, guidance: "g".to_owned() };
                world.person(Command::ResolveCheckpoint(command))
            })
        }
        Act::Pause => Some(world.person(Command::PauseProject(project, PauseReason::Person))),
        Act::Execute => Some(world.person(Command::ExecuteProject(project))),
        Act::Unpark => Some(world.run(crate::actor::Actor::Engine, Command::Unpark(project))),
        Act::Replan => {
            let slices: Vec<&[usize]> = dependencies.iter().map(Vec::as_slice).collect();
            Some(world.approve(&slices))
        }
        Act::CancelProject => {
            // Rare, for it ends the history's interest.
            (world.events.len() > 40).then(|| world.person(Command::CancelProject(project)))
        }
        Act::Delete => (world.events.len() > 60).then(|| world.person(Command::DeleteProject(project))),
        Act::Later(ms) => {
            world.now = world.now.plus_ms(u64::from(*ms));
            None
        }
    };
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn every_history_keeps_every_invariant(
        shape in prop::collection::vec(prop::collection::vec(0usize..6, 0..3), 1..6),
        acts in prop::collection::vec(acts(), 1..80),
        is_dataflow in any::<bool>(),
        limit in 5_000_000i64..60_000_000,
    ) {
        let dependencies: Vec<Vec<usize>> = shape
            .iter()
            .enumerate()
            .map(|(index, list)| list.iter().copied().filter(|&needed| needed < index).collect())
            .collect();
        let slices: Vec<&[usize]> = dependencies.iter().map(Vec::as_slice).collect();
        let mut world = World::new();
        world.policy.dispatch = if is_dataflow { Dispatch::Dataflow } else { Dispatch::Wave };
        world.policy.limits.project = NanoUsd(limit);
        world.approve(&slices).unwrap();
        world.execute();
        for act in &acts {
            perform(&mut world, act, &dependencies);
        }
    }
}
