//! Money: admission, holds, settlement, under many at once.

use std::sync::Arc;

use domain::attempt::{CallState, Owner};
use domain::decide::{BeginCall, CallEnd, Command, Outcome, UpdateProject};
use domain::model::{CallError, ErrorClass};
use domain::money::NanoUsd;
use domain::ports::{Applied, StoreError};
use domain::project::{PauseReason, ProjectConfig, ProjectState};
use domain::refusal::Code;
use domain::task::{TaskState, WaitReason};

use super::{Backend, Bench, open_policy, tight_policy};
use crate::lab::{Lab, TOKEN, answer, refused, wide};

/// The price of so many output tokens.
const fn tokens(count: i64) -> NanoUsd {
    NanoUsd(TOKEN.0 * count)
}

/// Many workers on many projects at once.
pub async fn many_at_once_leave_numbers_without_holes<B: Backend>() {
    let bench = Bench::<B>::new(open_policy()).await;
    let mut tasks = Vec::new();
    for owner in ["usr_1", "usr_2"] {
        tasks.extend(bench.lab.executing(Some(owner), wide(32)).await.1);
    }
    futures::future::join_all(tasks.iter().map(|task| bench.lab.complete(task))).await;
    let dump = bench.sound().await;
    assert!(dump.view.tasks.values().flatten().all(|task| task.state == TaskState::Completed));
    assert_eq!(dump.ledger.len(), 64);
}

async fn spend(lab: Arc<Lab>, task: domain::id::TaskId) {
    let fence = lab.task(&task).await.fence;
    let call = lab.call(1_000);
    let id = call.id.clone();
    let claimed = lab.apply(lab.claim_command(&task, fence, Some(call))).await;
    let Ok(Applied { outcome: Outcome::Claimed { fence, .. }, .. }) = claimed else { return };
    tokio::task::yield_now().await;
    lab.settle(&id, fence, answer("x", 1_000)).await.expect("a call in flight can be settled");
}

/// 64 tasks at once, room for ten calls: never an eleventh.
pub async fn the_limit_is_never_passed<B: Backend>() {
    let limit = tokens(10_000);
    let bench = Bench::<B>::new(tight_policy(limit)).await;
    let (_, tasks) = bench.lab.executing(None, wide(64)).await;
    let backend = &bench.backend;
    let lab = Arc::new(Lab {
        store: backend.store(),
        clock: Arc::clone(&bench.lab.clock),
        ids: Arc::clone(&bench.lab.ids),
    });
    let workers: Vec<_> =
        tasks.iter().map(|task| tokio::spawn(spend(Arc::clone(&lab), task.clone()))).collect();
    for worker in workers {
        worker.await.expect("no worker panics");
    }
    let dump = bench.sound().await;
    let spent: NanoUsd = dump.ledger.iter().map(|entry| entry.amount).sum();
    assert_eq!(spent, limit, "all of the limit can be used");
    let calls = dump.view.calls.values().flatten().count();
    assert_eq!(calls, 10);
    for account in dump.view.accounts.values().flatten() {
        assert!(account.spent + account.held <= limit);
        assert_eq!(account.held, NanoUsd::ZERO);
    }
}

/// Held money comes back, spent money does not.
pub async fn what_does_not_fit_waits_and_then_is_parked<B: Backend>() {
    let bench = Bench::<B>::new(tight_policy(tokens(1_500))).await;
    let (project, tasks) = bench.lab.executing(None, wide(2)).await;
    let (fence, call) = bench.lab.claim(&tasks[0]).await;
    let claim = || bench.lab.claim_command(&tasks[1], 0, Some(bench.lab.call(1_000)));
    let refused = bench.lab.apply(claim()).await.expect("an answer");
    assert!(matches!(refused.outcome, Outcome::NotAdmitted { is_exhausted: false, .. }));
    let waiting = bench.lab.task(&tasks[1]).await;
    assert_eq!(waiting.wait.map(|wait| wait.reason), Some(WaitReason::Money));
    assert_eq!(bench.lab.ready(10).await, []);
    assert_eq!(bench.lab.offers(10, true).await.len(), 1, "asked again when money is freed");
    bench.lab.settle(&call, fence, answer("x", 1_000)).await.expect("settled");
    bench.lab.finish(&tasks[0], fence, Lab::done("x")).await.expect("completed");
    let claim = bench.lab.claim_command(&tasks[1], waiting.fence, Some(bench.lab.call(1_000)));
    let refused = bench.lab.apply(claim).await.expect("an answer");
    assert!(matches!(refused.outcome, Outcome::NotAdmitted { is_exhausted: true, .. }));
    assert_eq!(bench.lab.offers(10, true).await, [], "parked");
    let dump = bench.sound().await;
    let row = dump.view.projects[&project].as_ref().expect("there");
    assert_eq!((row.state, row.pause_reason), (ProjectState::Paused, Some(PauseReason::Budget)));
}

/// A person raises the limit and resumes.
pub async fn a_raised_limit_wakes_what_was_parked<B: Backend>() {
    let bench = Bench::<B>::new(tight_policy(tokens(500))).await;
    let (project, tasks) = bench.lab.executing(None, wide(1)).await;
    let claim = bench.lab.claim_command(&tasks[0], 0, Some(bench.lab.call(1_000)));
    bench.lab.apply(claim).await.expect("an answer");
    assert_eq!(bench.lab.offers(10, true).await, []);
    bench.backend.set_policy(open_policy());
    let config = ProjectConfig(serde_json::Map::from_iter([("budget_limit_usd".to_owned(), 1.into())]));
    let update =
        UpdateProject { project: project.clone(), name: None, requirements: None, config: Some(config) };
    bench.lab.must(Command::UpdateProject(update)).await;
    bench.lab.must(Command::ExecuteProject(project)).await;
    assert_eq!(bench.lab.ready(10).await, [tasks[0].clone()]);
    bench.lab.complete(&tasks[0]).await;
    bench.sound().await;
}

/// Whoever lost the task still books what it cost.
pub async fn a_stale_fence_still_books<B: Backend>() {
    let bench = Bench::<B>::new(open_policy()).await;
    let (_, tasks) = bench.lab.executing(None, wide(1)).await;
    let (fence, call) = bench.lab.claim(&tasks[0]).await;
    bench.lab.must(Command::CancelTask(tasks[0].clone())).await;
    let settled = bench.lab.settle(&call, fence, answer("late", 7)).await.expect("booked");
    assert_eq!(settled.outcome, Outcome::Ended);
    let dump = bench.sound().await;
    assert_eq!(dump.ledger.iter().map(|entry| entry.amount).sum::<NanoUsd>(), tokens(7));
    assert_eq!(bench.lab.task(&tasks[0]).await.cost, tokens(7));
}

/// Nobody was billed.
pub async fn a_free_failure_books_nothing<B: Backend>() {
    let bench = Bench::<B>::new(open_policy()).await;
    let (_, tasks) = bench.lab.executing(None, wide(1)).await;
    let (fence, call) = bench.lab.claim(&tasks[0]).await;
    let end = CallEnd::Broken(CallError::new(ErrorClass::Overloaded, "too much to do"));
    bench.lab.apply(bench.lab.settle_command(&call, fence, end)).await.expect("settled");
    let task = bench.lab.task(&tasks[0]).await;
    assert_eq!((task.state, task.retries), (TaskState::Ready, 1));
    let dump = bench.sound().await;
    assert!(dump.ledger.is_empty());
    assert!(dump.view.accounts.values().flatten().all(|account| account.held.is_zero()));
    let wake_at = bench.lab.store.next_wake(domain::time::Timestamp(0)).await.expect("readable");
    assert_eq!(wake_at, task.wait.and_then(|wait| wait.wake_at));
}

/// Nobody knows whether it was billed.
pub async fn an_unknown_outcome_stays_booked<B: Backend>() {
    let bench = Bench::<B>::new(open_policy()).await;
    let (_, tasks) = bench.lab.executing(None, wide(1)).await;
    let (fence, call) = bench.lab.claim(&tasks[0]).await;
    bench.lab.apply(bench.lab.settle_command(&call, fence, CallEnd::Cut(None))).await.expect("settled");
    let dump = bench.sound().await;
    let row = dump.view.calls[&call].as_ref().expect("there");
    assert_eq!((row.state, row.cost), (CallState::Unknown, tokens(1_000)));
    assert!(dump.ledger[0].is_estimate);
}

/// A call's end is told twice.
pub async fn a_call_is_settled_once<B: Backend>() {
    let bench = Bench::<B>::new(open_policy()).await;
    let (_, tasks) = bench.lab.executing(None, wide(1)).await;
    let (fence, call) = bench.lab.claim(&tasks[0]).await;
    let twice =
        [bench.lab.settle(&call, fence, answer("x", 5)), bench.lab.settle(&call, fence, answer("x", 5))];
    let answers = futures::future::join_all(twice).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    let again = bench.lab.settle(&call, fence, answer("x", 5)).await;
    assert_eq!(refused(again), Code::AlreadyDone);
    let owner = Owner::Task(tasks[0].clone());
    let stale = BeginCall { owner, fence: fence + 1, call: bench.lab.call(1) };
    assert_eq!(refused(bench.lab.apply(Command::BeginCall(stale)).await), Code::StaleFence);
    assert_eq!(bench.sound().await.ledger.len(), 1);
    let unknown = bench.lab.settle(&domain::id::CallId::new("cal_none"), 0, answer("", 0)).await;
    assert!(matches!(unknown, Err(StoreError::Refused(_))));
}
