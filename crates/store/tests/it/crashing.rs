//! A process that dies at a crash point leaves all of a transaction or nothing.

use std::path::Path;
use std::process::Command as Process;
use std::sync::Arc;

use domain::decide::{Command, CreateProject, Envelope};
use domain::id::ProjectId;
use domain::ports::ProjectStore as _;
use domain::project::ProjectConfig;
use store::Store;
use testkit::FakeClock;
use testkit::conformance::open_policy;

use crate::options;

/// Tells the child where its database is.
const DATABASE: &str = "ORCH_TEST_DATABASE";

fn create(id: &str) -> Envelope {
    Envelope::engine(Command::CreateProject(CreateProject {
        id: ProjectId::new(id),
        owner: None,
        name: id.to_owned(),
        requirements: "Do it.".to_owned(),
        config: ProjectConfig::default(),
    }))
}

async fn open(path: &Path) -> Store {
    Store::open(path, options(open_policy(), Arc::new(FakeClock::new()), 0)).await.unwrap()
}

#[tokio::test]
#[ignore = "run by the tests below, in a process of its own"]
async fn child() {
    #[expect(clippy::disallowed_methods, reason = "how the parent names the file to its child")]
    let path = std::env::var(DATABASE).unwrap();
    let store = open(Path::new(&path)).await;
    for id in ["prj_1", "prj_2", "prj_3"] {
        store.apply(vec![create(id)]).await.pop().unwrap().unwrap();
    }
}

/// Projects that are left when a process dies at this point.
async fn left_after(point: &str) -> usize {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("orchestration.db");
    let status = Process::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "crashing::child"])
        .env(DATABASE, &path)
        .env(store::crash::VARIABLE, point)
        .output()
        .unwrap()
        .status;
    assert_eq!(status.success(), point.ends_with(":9"), "{point}: {status}");
    let dump = open(&path).await.dump().await.unwrap();
    assert_eq!(dump.events.len(), dump.view.projects.len(), "a project and its event, or neither");
    dump.view.projects.len()
}

#[tokio::test]
async fn a_crash_leaves_all_of_a_transaction_or_nothing() {
    assert_eq!(left_after("before_begin.create_project:2").await, 1);
    assert_eq!(left_after("before_commit.create_project:2").await, 1);
    assert_eq!(left_after("after_commit.create_project:2").await, 2);
    assert_eq!(left_after("after_commit.create_project:9").await, 3, "not reached");
}

#[test]
fn every_kind_of_command_has_its_points() {
    let points = store::crash::points();
    assert_eq!(points.len(), store::crash::STAGES.len() * store::crash::KINDS.len());
    let kind = store::crash::kind_of(&create("x").command);
    assert!(points.contains(&format!("before_commit.{kind}")));
}
