//! What a dead engine left, and how it goes on.

use domain::attempt::{OperationState, Owner};
use domain::decide::{BeginCall, BeginPlanning, CallEnd, Command, Outcome, StorePlan};
use domain::id::{OperationId, PlanId};
use domain::model::{CallError, ErrorClass, Usage};
use domain::money::NanoUsd;
use domain::plan::Rigor;
use domain::project::ProjectState;
use domain::task::TaskState;
use domain::view::Blob;

use super::{Backend, Bench, open_policy};
use crate::lab::{Lab, answer, brief, chain, tool_answer, wide};

/// Nothing that was answered is asked again.
pub async fn what_a_dead_worker_left_goes_on<B: Backend>() {
    let bench = Bench::<B>::new(open_policy()).await;
    let (project, tasks) = bench.lab.executing(None, wide(3)).await;
    // One died before its answer, one after it, one had not begun.
    bench.lab.claim(&tasks[0]).await;
    let (fence, call) = bench.lab.claim(&tasks[1]).await;
    bench.lab.settle(&call, fence, tool_answer("read_file", 5)).await.expect("settled");
    let bench = bench.reopen().await;
    let left = bench.lab.store.left_over().await.expect("readable");
    let mut owners = vec![Owner::Task(tasks[0].clone()), Owner::Task(tasks[1].clone())];
    owners.sort_by(|a, b| a.as_str().cmp(b.as_str()));
    assert_eq!(left.owners, owners);
    assert_eq!(left.executing, [project]);
    for owner in left.owners {
        bench.lab.apply(Command::Recover(owner)).await.expect("recovered");
    }
    assert_eq!(bench.lab.store.left_over().await.expect("readable").owners, []);
    let dump = bench.sound().await;
    assert_eq!(dump.ledger.len(), 2, "the lost call is booked at its hold");
    assert_eq!(bench.lab.ready(10).await, tasks);
    // The second one goes on with its journal under a new fence.
    let rows = bench.lab.store.task_rows(&tasks[1]).await.expect("readable").expect("there");
    assert_eq!(rows.steps.len(), 2);
    assert!(rows.task.is_attempt_open && rows.task.fence > fence);
    bench.lab.finish(&tasks[1], fence, Lab::done("zombie")).await.expect_err("the old fence is stale");
    for task in &tasks {
        let (fence, call) = bench.lab.claim(task).await;
        bench.lab.settle(&call, fence, answer("done", 1)).await.expect("settled");
        bench.lab.finish(task, fence, Lab::done("x")).await.expect("completed");
    }
    assert!(bench.sound().await.view.tasks.values().flatten().all(|task| task.attempt == 1));
}

/// Planning goes on, waits, and ends with a plan.
pub async fn an_operation_lives_through_a_restart<B: Backend>() {
    let bench = Bench::<B>::new(open_policy()).await;
    let project = bench.lab.project(None).await;
    let id = OperationId::new("opr_1");
    let begin = BeginPlanning {
        project: project.clone(),
        operation: id.clone(),
        brief: brief(),
        blobs: vec![Blob::new(project.clone(), "system")],
    };
    bench.lab.must(Command::BeginPlanning(begin)).await;
    let owner = Owner::Operation(id.clone());
    let call = bench.lab.call(100);
    let call_id = call.id.clone();
    let begun = BeginCall { owner: owner.clone(), fence: 0, call };
    bench.lab.apply(Command::BeginCall(begun)).await.expect("begun");
    let bench = bench.reopen().await;
    let left = bench.lab.store.left_over().await.expect("readable");
    assert_eq!((left.owners, left.operations), (vec![owner.clone()], vec![id.clone()]));
    bench.lab.apply(Command::Recover(owner.clone())).await.expect("recovered");
    let rows = bench.lab.store.operation_rows(&id).await.expect("readable").expect("there");
    assert!(rows.operation.had_unknown && rows.operation.call.is_none());
    assert_eq!((rows.steps.len(), rows.operation.brief.as_ref()), (1, &brief()));
    assert!(bench.lab.settle(&call_id, 0, answer("late", 1)).await.is_err(), "booked already");
    let call = bench.lab.call(100);
    let call_id = call.id.clone();
    bench.lab.apply(Command::BeginCall(BeginCall { owner, fence: 0, call })).await.expect("begun");
    let error = CallError::new(ErrorClass::Overloaded, "busy");
    let end = bench.lab.settle_command(&call_id, 0, CallEnd::Broken(error));
    let Outcome::RetryAt(wake_at) = bench.lab.apply(end).await.expect("settled").outcome else {
        panic!("it waits")
    };
    let next = bench.lab.store.next_wake(domain::time::Timestamp(0)).await.expect("readable");
    assert_eq!(next, Some(wake_at));
    let stored = StorePlan {
        operation: Some(id.clone()),
        project: project.clone(),
        id: PlanId::new("pln_1"),
        plan: chain(2),
        rigor: Rigor::L2,
        model: "model-1".into(),
        requirements_hash: "x".into(),
        usage: Usage::default(),
        cost: NanoUsd::ZERO,
    };
    bench.lab.apply(Command::StorePlan(stored)).await.expect("stored");
    let dump = bench.sound().await;
    assert_eq!(dump.view.operations[&id].as_ref().map(|row| row.state), Some(OperationState::Done));
    assert_eq!(dump.view.projects[&project].as_ref().map(|row| row.state), Some(ProjectState::Draft));
}

/// A task that kills its workers is not tried for ever.
pub async fn three_lost_workers_are_enough<B: Backend>() {
    let mut policy = open_policy();
    policy.checkpoint_on_retry_exhausted = true;
    let mut bench = Bench::<B>::new(policy).await;
    let (_, tasks) = bench.lab.executing(None, wide(1)).await;
    for _ in 0..3 {
        bench.lab.claim(&tasks[0]).await;
        bench = bench.reopen().await;
        let owner = Owner::Task(tasks[0].clone());
        bench.lab.apply(Command::Recover(owner)).await.expect("recovered");
        bench.sound().await;
    }
    assert_eq!(bench.lab.task(&tasks[0]).await.state, TaskState::NeedsReview);
}
