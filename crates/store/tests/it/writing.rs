//! What is special about writing to a file: triggers, other writers, defects.

use std::sync::Arc;
use std::time::Duration;

use domain::decide::{Command, Envelope};
use domain::ports::{ProjectStore as _, StoreError};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};
use testkit::conformance::{Bench, open_policy};
use testkit::lab::{answer, plan, wide};

use crate::{Sqlite, options};

async fn raw(bench: &Bench<Sqlite>) -> sqlx::sqlite::SqliteConnection {
    SqliteConnectOptions::new()
        .filename(bench.backend.path())
        .busy_timeout(Duration::from_secs(5))
        .connect()
        .await
        .unwrap()
}

#[tokio::test]
async fn the_ledger_only_grows_and_ends_are_final() {
    let bench = Bench::<Sqlite>::new(open_policy()).await;
    let (_, tasks) = bench.lab.executing(None, wide(1)).await;
    bench.lab.complete(&tasks[0]).await;
    let mut conn = raw(&bench).await;
    for (sql, reason) in [
        ("UPDATE ledger SET amount = 0", "append-only"),
        ("DELETE FROM ledger", "append-only"),
        ("UPDATE calls SET state = 'intent'", "has ended"),
        ("UPDATE tasks SET state = 'running'", "without a person"),
        (
            "INSERT INTO ledger SELECT NULL, call, kind, amount, is_estimate, is_simulated, project, user_id, \
          task, purpose, provider, model, input_tokens, output_tokens, cache_write_5m_tokens, \
          cache_write_1h_tokens, cache_read_tokens, day, at FROM ledger",
            "UNIQUE",
        ),
        ("INSERT INTO projects SELECT * FROM projects", "UNIQUE"),
        ("UPDATE tasks SET id = ''", "CHECK"),
    ] {
        let error = sqlx::query(sql).execute(&mut conn).await.unwrap_err().to_string();
        assert!(error.contains(reason), "{sql}: {error}");
    }
}

#[tokio::test]
async fn what_another_process_wrote_is_seen_and_not_overwritten() {
    let bench = Bench::<Sqlite>::new(open_policy()).await;
    let (project, tasks) = bench.lab.executing(None, wide(2)).await;
    assert!(!bench.backend.raw().changed_outside().await.unwrap());
    // A second store on the same file, as `orch cancel` beside the engine.
    let other =
        store::Store::open(&bench.backend.path(), options(open_policy(), Arc::clone(&bench.lab.clock), 7))
            .await
            .unwrap();
    let cancel =
        Envelope { actor: domain::actor::Actor::Shell, command: Command::CancelTask(tasks[0].clone()) };
    other.apply(vec![cancel]).await.pop().unwrap().unwrap();
    assert!(bench.backend.raw().changed_outside().await.unwrap());
    assert!(!bench.backend.raw().changed_outside().await.unwrap());
    let claim = bench.lab.claim_command(&tasks[0], 0, None);
    assert!(bench.lab.apply(claim).await.is_err(), "the cache knows that it was cancelled");
    bench.lab.complete(&tasks[1]).await;
    other.close().await;
    let dump = bench.sound().await;
    assert!(dump.view.projects[&project].as_ref().unwrap().state == domain::project::ProjectState::Completed);
}

#[tokio::test]
async fn a_writer_beside_us_is_waited_for() {
    let bench = Bench::<Sqlite>::new(open_policy()).await;
    let (_, tasks) = bench.lab.executing(None, wide(1)).await;
    let mut conn = raw(&bench).await;
    sqlx::query("BEGIN IMMEDIATE").execute(&mut conn).await.unwrap();
    let release = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        sqlx::query("COMMIT").execute(&mut conn).await.unwrap();
        conn.close().await.unwrap();
    };
    tokio::join!(release, bench.lab.complete(&tasks[0]));
    bench.sound().await;
}

#[tokio::test]
async fn only_the_submission_with_the_defect_is_undone() {
    let bench = Bench::<Sqlite>::new(open_policy()).await;
    let (project, tasks) = bench.lab.executing(None, wide(8)).await;
    // A step that is there already under the number that the next event wants
    // cannot happen; here it was made to happen.
    let (other, _) = bench.lab.executing(None, wide(1)).await;
    let mut conn = raw(&bench).await;
    sqlx::query(
        "INSERT INTO events SELECT project, seq + 1, at, kind, task, actor, message, data_json FROM events \
         WHERE project = $1 ORDER BY seq DESC LIMIT 1",
    )
    .bind(other.as_str())
    .execute(&mut conn)
    .await
    .unwrap();
    let update = domain::decide::UpdateProject {
        project: other.clone(),
        name: Some("x".to_owned()),
        requirements: None,
        config: None,
    };
    let (broken, _) = tokio::join!(
        bench.lab.person(Command::UpdateProject(update)),
        futures::future::join_all(tasks.iter().map(|task| bench.lab.complete(task)))
    );
    assert!(matches!(broken, Err(StoreError::Broken(_))), "{broken:?}");
    let dump = testkit::conformance::Backend::dump(&bench.backend).await;
    let state = dump.view.projects[&project].as_ref().unwrap().state;
    assert_eq!(state, domain::project::ProjectState::Completed);
}

#[tokio::test]
async fn a_value_that_cannot_be_is_named_by_table_column_and_row() {
    let bench = Bench::<Sqlite>::new(open_policy()).await;
    let (_, tasks) = bench.lab.executing(None, wide(1)).await;
    let mut conn = raw(&bench).await;
    sqlx::query("UPDATE tasks SET tier = 'huge'").execute(&mut conn).await.unwrap();
    let error = bench.lab.store.task_rows(&tasks[0]).await.unwrap_err().to_string();
    for part in ["table tasks", "column tier", tasks[0].as_str(), "huge"] {
        assert!(error.contains(part), "{error}");
    }
    let claim = bench.lab.claim_command(&tasks[0], 0, None);
    assert!(matches!(bench.lab.apply(claim).await, Err(StoreError::Broken(_))));
    sqlx::query("UPDATE tasks SET tier = 'haiku', fence = -1").execute(&mut conn).await.unwrap();
    let error = bench.lab.store.task_rows(&tasks[0]).await.unwrap_err().to_string();
    assert!(error.contains("column fence") && error.contains("out of range"), "{error}");
}

#[tokio::test]
async fn a_commit_signals_the_projects_with_new_events() {
    let bench = Bench::<Sqlite>::new(open_policy()).await;
    let mut changed = bench.backend.raw().changed();
    let (project, tasks) = bench.lab.executing(None, plan(&[&[]])).await;
    while let Ok(signal) = changed.try_recv() {
        assert_eq!(signal, project);
    }
    let (fence, call) = bench.lab.claim(&tasks[0]).await;
    bench.lab.settle(&call, fence, answer("x", 1)).await.unwrap();
    assert_eq!(changed.recv().await.unwrap(), project);
}

#[tokio::test]
async fn the_log_is_moved_into_the_database_when_it_grows() {
    let bench = Bench::<Sqlite>::new(open_policy()).await;
    let (_, tasks) = bench.lab.executing(None, wide(400)).await;
    let text = "y".repeat(200_000);
    for task in &tasks {
        let (fence, call) = bench.lab.claim(task).await;
        bench.lab.settle(&call, fence, answer(&text, 1)).await.unwrap();
    }
    let mut log = bench.backend.path().into_os_string();
    log.push("-wal");
    let bytes = std::fs::metadata(log).unwrap().len();
    assert!(bytes < 60 * 1024 * 1024, "{bytes} bytes of log for 80 MB that were written");
    bench.sound().await;
}
