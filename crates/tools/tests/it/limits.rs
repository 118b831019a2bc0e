//! B55: sizes and numbers. Small limits, the same code.

use std::sync::Arc;

use serde_json::json;
use tools::FileLimits;

use super::{World, assert_code, names, project, task};
use domain::ports::Workspaces;

const SMALL: FileLimits = FileLimits { file_bytes_max: 10, project_bytes_max: 30, project_files_max: 3 };

#[tokio::test]
async fn b55_ten_mebibytes_pass_and_one_byte_more_does_not() {
    let world = World::new();
    let mut content = "x".repeat(10 << 20);
    assert!(!world.write("a", &content).await.is_error);
    content.push('x');
    assert_code(&world.write("b", &content).await, "quota_exceeded", "10 MiB + 1");
    assert_eq!(names(&world.staging()), ["a"]);
}

#[tokio::test]
async fn b55_one_file_too_many_is_refused_and_rewriting_is_not() {
    let mut world = World::with(SMALL);
    for path in ["a", "b", "c", "a"] {
        assert!(!world.write(path, "1").await.is_error, "{path}");
    }
    assert_code(&world.write("d", "1").await, "quota_exceeded", "the fourth");
    world.restarted(SMALL);
    assert_code(&world.write("d", "1").await, "quota_exceeded", "the fourth after a restart");
    let other = task("tsk_2", 1);
    let entry = world.entry(&other, "a", "2").await;
    world.files.publish(&project(), &[entry]).await.unwrap();
    assert!(!world.write("a", "3").await.is_error);
    // Dropped files make room.
    world.files.discard(&project(), &world.task.task).await.unwrap();
    assert!(!world.write("d", "1").await.is_error);
}

#[tokio::test]
async fn b55_the_project_counts_every_version_once() {
    let mut world = World::with(SMALL);
    for content in ["aaaaaaaaaa", "bbbbbbbbbb", "aaaaaaaaaa", "cccccccccc", "bbbbbbbbbb"] {
        assert!(!world.write("f", content).await.is_error, "{content}");
    }
    assert_code(&world.write("f", "d").await, "quota_exceeded", "one more version");
    assert_eq!(world.read("f").await.content, "bbbbbbbbbb");
    world.restarted(SMALL);
    assert_code(&world.write("f", "d").await, "quota_exceeded", "one more version after a restart");
    assert_code(&world.write("f", "more than ten").await, "quota_exceeded", "one file");
    assert!(!world.write("f", "").await.is_error);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn b55_parallel_writes_do_not_pass_the_limit_together() {
    let world = Arc::new(World::with(SMALL));
    let mut calls = tokio::task::JoinSet::new();
    for number in 0..20 {
        let world = world.clone();
        calls.spawn(async move { world.write(&format!("d/f{number}"), "1").await.is_error });
    }
    let refused = calls.join_all().await.into_iter().filter(|is_refused| *is_refused).count();
    assert_eq!((refused, names(&world.staging()).len()), (17, 3));
}

#[tokio::test]
async fn a_failed_write_uses_up_nothing() {
    let world = World::with(SMALL);
    world.write("a", "1").await;
    std::os::unix::fs::symlink(world.outside(), world.staging().join("out")).unwrap();
    for number in 0..9 {
        let outcome = world.write(&format!("out/{number}"), "1").await;
        assert_code(&outcome, "path_not_allowed", "through a link");
    }
    assert!(!world.write("b", "1").await.is_error);
    assert!(!world.write("c", "1").await.is_error);
    assert_eq!(world.call("list_files", json!({})).await.content.lines().count(), 3);
}
