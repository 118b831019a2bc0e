//! Staging made again from the journal, publishing, and crashes in between.

use domain::ports::Workspaces;
use domain::tool::FileEntry;

use super::{World, names, project, task, tree};

fn owned(pairs: &[(&str, &str)]) -> Vec<(String, Vec<u8>)> {
    pairs.iter().map(|(name, content)| ((*name).to_owned(), content.as_bytes().to_vec())).collect()
}

#[tokio::test]
async fn published_files_are_seen_by_other_tasks_and_staged_ones_are_not() {
    let mut world = World::new();
    let first = task("tsk_1", 1);
    let entry = world.entry(&first, "a/out.md", "first").await;
    world.task = task("tsk_2", 1);
    assert!(world.read("a/out.md").await.is_error);
    world.files.publish(&project(), &[entry]).await.unwrap();
    world.files.discard(&project(), &first.task).await.unwrap();
    assert_eq!(world.read("a/out.md").await.content, "first");
    world.write("a/out.md", "own").await;
    assert_eq!(world.read("a/out.md").await.content, "own");
    assert_eq!(tree(&world.published()), owned(&[("a/out.md", "first")]));
}

#[tokio::test]
async fn the_last_published_wins_and_both_versions_stay() {
    let world = World::new();
    let one = world.entry(&task("tsk_1", 1), "out", "one").await;
    let two = world.entry(&task("tsk_2", 1), "out", "two").await;
    world.files.publish(&project(), std::slice::from_ref(&one)).await.unwrap();
    world.files.publish(&project(), std::slice::from_ref(&two)).await.unwrap();
    assert_eq!(tree(&world.published()), owned(&[("out", "two")]));
    for (entry, content) in [(one, "one"), (two, "two")] {
        let blob = world.project().join("blobs").join(&entry.hash[..2]).join(&entry.hash);
        assert_eq!(std::fs::read_to_string(blob).unwrap(), content);
    }
}

#[tokio::test]
async fn publishing_may_be_repeated_after_any_interruption() {
    let mut world = World::new();
    let mut entries = Vec::new();
    for number in 0..6 {
        entries.push(
            world.entry(&task("tsk_1", 1), &format!("d{}/f{number}", number % 3), &number.to_string()).await,
        );
    }
    world.files.publish(&project(), &entries).await.unwrap();
    let complete = tree(&world.published());
    assert_eq!(complete.len(), 6);
    // Every state that a crash may leave: some files there, others old, one half.
    for interrupted in 0..6 {
        std::fs::remove_dir_all(world.published()).unwrap();
        world.files.publish(&project(), &entries[..interrupted]).await.unwrap();
        let path = world.published().join(&entries[interrupted].path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "an older version").unwrap();
        std::fs::create_dir_all(world.project().join("tmp")).unwrap();
        std::fs::write(world.project().join("tmp/.orch-1-1.tmp"), "hal").unwrap();
        world.restarted(world.files.limits());
        for _ in 0..2 {
            world.files.publish(&project(), &entries).await.unwrap();
            assert_eq!(tree(&world.published()), complete);
        }
    }
    // What a dead process left is swept by the next one.
    assert_eq!(names(&world.project().join("tmp")), Vec::<String>::new());
}

#[tokio::test]
async fn publishing_goes_through_whatever_is_in_the_way() {
    let world = World::new();
    let entries =
        [world.entry(&task("tsk_1", 1), "d/f", "f").await, world.entry(&task("tsk_1", 1), "g", "g").await];
    std::fs::create_dir_all(world.published().join("g/old")).unwrap();
    std::os::unix::fs::symlink(world.outside(), world.published().join("d")).unwrap();
    world.files.publish(&project(), &entries).await.unwrap();
    assert_eq!(tree(&world.published()), owned(&[("d/f", "f"), ("g", "g")]));
    std::fs::remove_file(world.published().join("d/f")).unwrap();
    std::os::unix::fs::symlink(world.outside().join("secret"), world.published().join("d/f")).unwrap();
    world.files.publish(&project(), &entries).await.unwrap();
    assert_eq!(tree(&world.published()), owned(&[("d/f", "f"), ("g", "g")]));
    world.assert_outside_untouched();
}

#[tokio::test]
async fn a_rebuilt_workspace_is_exactly_what_the_journal_says() {
    let mut world = World::new();
    let first = task("tsk_1", 1);
    let journal = [
        world.entry(&first, "a", "one").await,
        world.entry(&first, "d/b", "two").await,
        world.entry(&first, "a", "three").await,
    ];
    // Written, but the crash came before the journal: it never happened.
    world.entry(&first, "late", "x").await;
    world.restarted(world.files.limits());
    world.task = task("tsk_1", 2);
    for _ in 0..2 {
        world.files.rebuild(&world.task, &journal).await.unwrap();
        assert_eq!(
            tree(&world.project().join("staging")),
            owned(&[("tsk_1/2/a", "three"), ("tsk_1/2/d/b", "two")])
        );
    }
    // A late writer of the old lease does not change what the new holder sees.
    world.entry(&first, "a", "zombie").await;
    assert_eq!(world.read("a").await.content, "three");
    world.files.rebuild(&world.task, &[]).await.unwrap();
    assert_eq!(names(&world.project().join("staging")), Vec::<String>::new());
    assert!(!world.write("LATE", "a name that is free again").await.is_error);
}

#[tokio::test]
async fn damaged_or_foreign_entries_are_refused() {
    let world = World::new();
    let entry = world.entry(&task("tsk_1", 1), "a", "good").await;
    let wrong =
        |path: &str, hash: &str, bytes| FileEntry { path: path.to_owned(), hash: hash.to_owned(), bytes };
    let absent = "0".repeat(64);
    for entry in [
        wrong("../x", &entry.hash, 4),
        wrong("/x", &entry.hash, 4),
        wrong("x", "../../../../outside/secret", 6),
        wrong("x", "", 0),
        wrong("x", &entry.hash.to_uppercase(), 4),
        wrong("x", &absent, 4),
        wrong("x", &entry.hash, 5),
    ] {
        assert!(world.files.publish(&project(), std::slice::from_ref(&entry)).await.is_err(), "{entry:?}");
        assert!(
            world.files.rebuild(&task("tsk_3", 1), std::slice::from_ref(&entry)).await.is_err(),
            "{entry:?}"
        );
    }
    let blob = world.project().join("blobs").join(&entry.hash[..2]).join(&entry.hash);
    std::fs::write(&blob, "evil").unwrap();
    assert!(world.files.publish(&project(), std::slice::from_ref(&entry)).await.is_err());
    // The same content written once more heals the store.
    world.entry(&task("tsk_2", 1), "b", "good").await;
    world.files.publish(&project(), &[entry]).await.unwrap();
    assert_eq!(tree(&world.published()), owned(&[("a", "good")]));
    world.assert_outside_untouched();
}

#[tokio::test]
async fn discarding_and_removing_may_be_repeated_and_stay_inside() {
    let world = World::new();
    let entry = world.entry(&world.task, "a/b", "x").await;
    std::os::unix::fs::symlink(world.outside(), world.staging().join("out")).unwrap();
    world.files.publish(&project(), &[entry]).await.unwrap();
    for _ in 0..2 {
        world.files.discard(&project(), &world.task.task).await.unwrap();
        assert_eq!(names(&world.project().join("staging")), Vec::<String>::new());
    }
    std::os::unix::fs::symlink(world.outside(), world.published().join("out")).unwrap();
    for _ in 0..2 {
        world.files.remove(&project()).await.unwrap();
        assert!(!world.project().exists());
    }
    world.files.discard(&project(), &world.task.task).await.unwrap();
    world.assert_outside_untouched();
    assert!(!world.write("a", "a new life").await.is_error);
}
