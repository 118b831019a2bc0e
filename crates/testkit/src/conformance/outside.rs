//! Work done outside: who is offered what, whose lease is over, and what a start
//! leaves alone.

use domain::actor::Actor;
use domain::decide::{ClaimExternal, Command, Envelope, ExternalClaim, SubmitExternal, UpdateProject};
use domain::id::{CallId, ProjectId, TaskId, UserId};
use domain::model::Usage;
use domain::ports::{Applied, Clock as _, StoreError};
use domain::pricing::PriceTiers;
use domain::project::ProjectConfig;
use domain::task::TaskState;

use super::{Backend, Bench, open_policy};
use crate::lab::{brief, wide};

async fn set_mode<B: Backend>(bench: &Bench<B>, project: &ProjectId, mode: &str) {
    let config = ProjectConfig(serde_json::Map::from_iter([("execution_mode".to_owned(), mode.into())]));
    let project = project.clone();
    let update = UpdateProject { project, name: None, requirements: None, config: Some(config) };
    bench.lab.must(Command::UpdateProject(update)).await;
}

async fn worker<B: Backend>(bench: &Bench<B>, command: Command) -> Result<Applied, StoreError> {
    let actor = Actor::User { id: UserId::new("usr_1") };
    let mut answers = bench.lab.store.apply(vec![Envelope { actor, command }]).await;
    answers.pop().expect("one answer for one command")
}

async fn claim<B: Backend>(bench: &Bench<B>, task: &TaskId) {
    let fence = bench.lab.task(task).await.fence;
    let claim = ClaimExternal { task: task.clone(), fence, brief: brief(), blobs: Vec::new() };
    worker(bench, Command::ClaimExternal(claim)).await.expect("claimed");
}

/// The engine is offered what the mode leaves to it.
pub async fn ready_leaves_out_what_is_kept_for_others<B: Backend>() {
    let bench = Bench::<B>::new(open_policy()).await;
    let (project, tasks) = bench.lab.executing(None, wide(2)).await;
    for (mode, expected) in [("external", &[][..]), ("hybrid", &[][..]), ("auto", &tasks[..])] {
        set_mode(&bench, &project, mode).await;
        assert_eq!(bench.lab.ready(10).await, expected, "{mode}");
    }
    let local = domain::decide::UpdateTask {
        task: Some(tasks[0].clone()),
        tier: Some(domain::routing::Tier::Ollama),
        ..Default::default()
    };
    bench.lab.must(Command::UpdateTask(local)).await;
    set_mode(&bench, &project, "hybrid").await;
    assert_eq!(bench.lab.ready(10).await, tasks[..1]);
    bench.sound().await;
}

/// A claim lives through a restart; a lease that is over is named, and only then.
pub async fn a_claim_from_outside_lives_as_long_as_its_lease<B: Backend>() {
    let bench = Bench::<B>::new(open_policy()).await;
    let (project, tasks) = bench.lab.executing(None, wide(3)).await;
    set_mode(&bench, &project, "external").await;
    claim(&bench, &tasks[0]).await;
    claim(&bench, &tasks[1]).await;
    let bench = bench.reopen().await;
    let until = bench.lab.task(&tasks[0]).await.lease_until.expect("a lease");
    let store = &bench.lab.store;
    assert_eq!(store.left_over().await.expect("readable").owners, []);
    let now = bench.lab.clock.now();
    assert_eq!(store.next_wake(now).await.expect("readable"), Some(until));
    assert_eq!(store.expired_leases(now).await.expect("readable"), []);
    bench.lab.clock.advance_ms(until.0 - now.0);
    let late = SubmitExternal {
        claim: ExternalClaim { task: tasks[1].clone(), fence: None },
        output: "made outside".into(),
        call: CallId::new("cal_outside"),
        provider: "external".into(),
        model: "some-agent".into(),
        price: std::sync::Arc::new(PriceTiers::free()),
        usage: Usage { input: 7, output: 3, ..Usage::default() },
    };
    worker(&bench, Command::SubmitExternal(late)).await.expect("nobody else has it");
    assert_eq!(store.expired_leases(until).await.expect("readable"), tasks[..1]);
    bench.lab.must(Command::ExpireLease(tasks[0].clone())).await;
    assert_eq!(store.expired_leases(until).await.expect("readable"), []);
    let states = [bench.lab.task(&tasks[0]).await.state, bench.lab.task(&tasks[1]).await.state];
    assert_eq!(states, [TaskState::Ready, TaskState::Completed]);
    claim(&bench, &tasks[2]).await;
    bench.lab.must(Command::CancelProject(project)).await;
    let task = bench.lab.task(&tasks[2]).await;
    assert_eq!((task.state, task.claimed_by, task.lease_until), (TaskState::Cancelled, None, None));
    let dump = bench.sound().await;
    assert!(dump.ledger.iter().all(|entry| entry.is_estimate));
}
