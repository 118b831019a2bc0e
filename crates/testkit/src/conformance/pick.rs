//! Which ready tasks are offered, and in which order.

use domain::decide::{Command, PutBack, UpdateProject, UpdateTask};
use domain::id::{ProjectId, TaskId};
use domain::ports::Clock as _;
use domain::project::{PauseReason, ProjectConfig};
use domain::task::{Wait, WaitReason};

use super::{Backend, Bench, open_policy};
use crate::lab::{plan, wide};

/// An owner of two projects gets no more than an owner of one.
pub async fn ready_is_fair_over_owners_and_projects<B: Backend>() {
    let bench = Bench::<B>::new(open_policy()).await;
    let (a, _) = bench.lab.executing(Some("usr_1"), wide(20)).await;
    let (b, _) = bench.lab.executing(Some("usr_1"), wide(20)).await;
    let (c, tasks) = bench.lab.executing(Some("usr_2"), wide(20)).await;
    let of = |offered: Vec<TaskId>, dump: &crate::check::Dump| -> Vec<ProjectId> {
        let project = |id: &TaskId| dump.view.tasks[id].as_ref().map(|task| task.project.clone());
        offered.iter().filter_map(project).collect()
    };
    let dump = bench.sound().await;
    let mut shares = of(bench.lab.ready(8).await, &dump);
    shares.sort();
    let mut fair = vec![a.clone(), a, b.clone(), b, c.clone(), c.clone(), c.clone(), c];
    fair.sort();
    assert_eq!(shares, fair);
    // Whoever has slots already waits for the others, also one offer at a time.
    bench.lab.claim(&tasks[0]).await;
    let dump = bench.sound().await;
    let next = of(bench.lab.ready(1).await, &dump);
    assert!(
        dump.view.projects[&next[0]]
            .as_ref()
            .is_some_and(|row| row.owner.as_ref().is_some_and(|owner| owner.as_str() == "usr_1"))
    );
}

/// Lower numbers first; waves unless the project says otherwise.
pub async fn ready_follows_priority_and_waves<B: Backend>() {
    let bench = Bench::<B>::new(open_policy()).await;
    let (project, tasks) = bench.lab.executing(None, plan(&[&[], &[], &[0]])).await;
    assert_eq!(bench.lab.ready(10).await, [tasks[0].clone(), tasks[1].clone()]);
    let update = UpdateTask { task: Some(tasks[0].clone()), priority: Some(500), ..UpdateTask::default() };
    bench.lab.must(Command::UpdateTask(update)).await;
    assert_eq!(bench.lab.ready(10).await, [tasks[1].clone(), tasks[0].clone()]);
    assert_eq!(bench.lab.ready(1).await, [tasks[1].clone()]);
    bench.lab.complete(&tasks[0]).await;
    assert_eq!(bench.lab.ready(10).await, [tasks[1].clone()]);
    let config = ProjectConfig(serde_json::Map::from_iter([("dispatch".to_owned(), "dataflow".into())]));
    let update = UpdateProject { project, name: None, requirements: None, config: Some(config) };
    bench.lab.must(Command::UpdateProject(update)).await;
    assert_eq!(bench.lab.ready(10).await, [tasks[1].clone(), tasks[2].clone()]);
    bench.sound().await;
}

/// Until its time has come; without a time, until somebody else ends it.
pub async fn ready_leaves_out_what_waits<B: Backend>() {
    let bench = Bench::<B>::new(open_policy()).await;
    let (project, tasks) = bench.lab.executing(None, wide(3)).await;
    let now = bench.lab.clock.now();
    for (task, reason, wake_at) in [
        (&tasks[0], WaitReason::Service, Some(now.plus_ms(5_000))),
        (&tasks[1], WaitReason::Person, None),
        (&tasks[2], WaitReason::Provider, None),
    ] {
        let fence = bench.lab.task(task).await.fence;
        bench.lab.apply(bench.lab.claim_command(task, fence, None)).await.expect("claimed");
        let wait = Some(Wait { reason, since: now, wake_at });
        let back = PutBack { task: task.clone(), fence: fence + 1, wait, message: Some("waits".into()) };
        bench.lab.apply(Command::PutBack(back)).await.expect("given back");
    }
    assert_eq!(bench.lab.ready(10).await, [tasks[2].clone()]);
    assert_eq!(bench.lab.store.next_wake(now).await.expect("readable"), Some(now.plus_ms(5_000)));
    bench.lab.clock.advance_ms(5_000);
    assert_eq!(bench.lab.ready(10).await, [tasks[0].clone(), tasks[2].clone()]);
    assert_eq!(bench.lab.store.next_wake(bench.lab.clock.now()).await.expect("readable"), None);
    bench.lab.must(Command::Unpark(project)).await;
    assert_eq!(bench.lab.ready(10).await, tasks);
    bench.sound().await;
}

/// No new call starts.
pub async fn ready_offers_nothing_of_a_paused_project<B: Backend>() {
    let bench = Bench::<B>::new(open_policy()).await;
    let (project, tasks) = bench.lab.executing(None, wide(2)).await;
    let (fence, _) = bench.lab.claim(&tasks[0]).await;
    bench.lab.must(Command::PauseProject(project.clone(), PauseReason::Person)).await;
    assert_eq!(bench.lab.ready(10).await, []);
    assert!(bench.lab.begin(&tasks[0], fence, 10).await.is_err());
    assert_eq!(bench.lab.store.left_over().await.expect("readable").executing, []);
    bench.lab.must(Command::ExecuteProject(project)).await;
    assert_eq!(bench.lab.ready(10).await, [tasks[1].clone()]);
    bench.sound().await;
}
