//! Lists and sums that people see.

use domain::attempt::Owner;
use domain::decide::CallEnd;
use domain::id::{ProjectId, UserId};
use domain::money::NanoUsd;
use domain::task::TaskState;
use store::{Direction, ProjectFilter, TaskFilter, TaskSort, UsageGroup};
use testkit::conformance::{Bench, open_policy};
use testkit::lab::{TOKEN, plan, wide};

use crate::Sqlite;

#[tokio::test]
async fn projects_are_listed_newest_first_and_by_owner() {
    let bench = Bench::<Sqlite>::new(open_policy()).await;
    let first = bench.lab.project(Some("usr_1")).await;
    bench.lab.clock.advance_ms(1);
    let second = bench.lab.project(Some("usr_2")).await;
    bench.lab.clock.advance_ms(1);
    let (third, _) = bench.lab.executing(None, wide(1)).await;
    let store = bench.backend.raw();
    let list = async |filter: ProjectFilter| {
        let count = store.count_projects(&filter).await.unwrap();
        let rows = store.list_projects(&filter).await.unwrap();
        assert_eq!(count, rows.len() as u64);
        rows.into_iter().map(|row| row.project.id).collect::<Vec<ProjectId>>()
    };
    let all = ProjectFilter { limit: 10, ..ProjectFilter::default() };
    assert_eq!(list(all.clone()).await, [third.clone(), second.clone(), first.clone()]);
    let own = ProjectFilter { owner: Some(UserId::new("usr_1")), ..all.clone() };
    assert_eq!(list(own).await, std::slice::from_ref(&first));
    let states = vec![domain::project::ProjectState::Executing];
    assert_eq!(list(ProjectFilter { states, ..all.clone() }).await, std::slice::from_ref(&third));
    bench.lab.must(domain::decide::Command::DeleteProject(third.clone())).await;
    assert_eq!(list(all).await, [second, first.clone()]);
    assert_eq!(store.find_project(&third).await.unwrap(), None);
    let row = store.find_project(&first).await.unwrap().unwrap();
    assert_eq!(row.requirements.as_ref(), "Make some parts.\n\nTest them.");
}

#[tokio::test]
async fn tasks_are_found_by_state_text_and_order() {
    let bench = Bench::<Sqlite>::new(open_policy()).await;
    let mut made = plan(&[&[], &[], &[0, 1]]);
    made.tasks[1].title = "100% done_".to_owned();
    let (project, tasks) = bench.lab.executing(None, made).await;
    bench.lab.complete(&tasks[0]).await;
    let store = bench.backend.raw();
    let list = async |filter: TaskFilter| {
        let rows = store.list_tasks(&project, &filter).await.unwrap();
        assert_eq!(store.count_tasks(&project, &filter).await.unwrap(), rows.len() as u64);
        rows
    };
    let all = list(TaskFilter::default()).await;
    assert_eq!(all.iter().map(|row| row.task.id.clone()).collect::<Vec<_>>(), tasks);
    assert_eq!(all[0].output.as_deref(), Some("the output"));
    assert_eq!(all[2].depends_on, [tasks[0].clone(), tasks[1].clone()]);
    assert_eq!(all[2].spec.description, "Do part 2.");
    let ids =
        async |filter: TaskFilter| list(filter).await.into_iter().map(|row| row.task.id).collect::<Vec<_>>();
    let search = |text: &str| TaskFilter { search: Some(text.to_owned()), ..TaskFilter::default() };
    assert_eq!(ids(search("100% done_")).await, [tasks[1].clone()]);
    assert_eq!(ids(search("%")).await, [tasks[1].clone()], "a sign is only itself");
    assert_eq!(ids(search("part 2")).await, [tasks[2].clone()]);
    let states = vec![TaskState::Ready, TaskState::Blocked];
    let filter = TaskFilter { states, direction: Direction::Descending, ..TaskFilter::default() };
    assert_eq!(ids(filter).await, [tasks[2].clone(), tasks[1].clone()]);
    assert_eq!(ids(TaskFilter { wave: Some(1), ..TaskFilter::default() }).await, [tasks[2].clone()]);
    let by_cost = TaskFilter {
        sort: TaskSort::Cost,
        direction: Direction::Descending,
        exclude_output: true,
        ..TaskFilter::default()
    };
    let rows = list(by_cost).await;
    assert_eq!((rows[0].task.id.clone(), rows[0].output.clone()), (tasks[0].clone(), None));
    let history = store.find_task(&tasks[0]).await.unwrap().unwrap();
    assert_eq!((history.attempts.len(), history.detail), (1, all[0].clone()));
    let journal = store.journal(&Owner::Task(tasks[0].clone())).await.unwrap();
    assert_eq!((journal.attempts.len(), journal.steps.len(), journal.calls.len()), (1, 1, 1));
}

#[tokio::test]
async fn sums_agree_with_the_ledger() {
    let bench = Bench::<Sqlite>::new(open_policy()).await;
    let (project, tasks) = bench.lab.executing(Some("usr_1"), wide(3)).await;
    bench.lab.complete(&tasks[0]).await;
    let (fence, call) = bench.lab.claim(&tasks[1]).await;
    bench.lab.apply(bench.lab.settle_command(&call, fence, CallEnd::Cut(None))).await.unwrap();
    let store = bench.backend.raw();
    for group in [
        UsageGroup::All,
        UsageGroup::Model,
        UsageGroup::Provider,
        UsageGroup::Purpose,
        UsageGroup::Day,
        UsageGroup::Project,
    ] {
        let lines = store.usage_summary(group, Some(&project), None, false).await.unwrap();
        assert_eq!(lines.len(), 1, "{group:?}");
        assert_eq!((lines[0].calls, lines[0].cost), (2, NanoUsd(TOKEN.0 * 1_010)));
        assert_eq!((lines[0].estimated, lines[0].usage.output), (NanoUsd(TOKEN.0 * 1_000), 10));
    }
    let by_task = store.usage_summary(UsageGroup::Task, None, None, false).await.unwrap();
    assert_eq!(by_task[0].name.as_ref(), tasks[1].as_str(), "the dearest first");
    assert_eq!(store.usage_summary(UsageGroup::All, None, None, true).await.unwrap(), []);
    let key = domain::budget::project_account(&project, false);
    let accounts = store.accounts(&[key, "real/day/none".into()]).await.unwrap();
    assert_eq!(accounts[0].spent, NanoUsd(TOKEN.0 * 1_010));
    assert!(accounts[1].spent.is_zero());
    assert_eq!(store.list_unknown_calls(Some(&project), 10).await.unwrap().len(), 1);
    assert_eq!(store.list_ledger(&project).await.unwrap().len(), 2);
    let samples = store.history_samples(false, 10).await.unwrap();
    assert_eq!((samples.len(), samples[0].cost), (1, NanoUsd(TOKEN.0 * 10)));
    assert_eq!(store.history_samples(true, 10).await.unwrap(), []);
    let events = store.events_after(&project, 2, 3).await.unwrap();
    assert_eq!(events.iter().map(|event| event.seq).collect::<Vec<_>>(), [3, 4, 5]);
    let dump = bench.sound().await;
    let last = dump.view.projects[&project].as_ref().unwrap().event_seq;
    assert_eq!(store.last_event_seq(&project).await.unwrap(), last);
    let plans = store.list_plans(&project, 10, 0).await.unwrap();
    assert_eq!(store.find_plan(&plans[0].id).await.unwrap().as_ref(), Some(&plans[0]));
    assert_eq!(store.list_checkpoints(None, None, true).await.unwrap(), []);
    assert_eq!(store.list_file_versions(&project).await.unwrap(), []);
}
