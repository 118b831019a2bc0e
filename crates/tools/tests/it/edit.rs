//! `edit_file` and `search_files`: what they change and find, with the rules that
//! the other file tools keep.

use std::os::unix::fs::symlink;

use domain::ports::Workspaces;
use serde_json::json;
use tools::FileLimits;

use super::{World, assert_code, names, project, task};

#[tokio::test]
async fn an_edit_is_a_write_of_the_task_and_keeps_the_version_before() {
    let world = World::new();
    let other = task("tsk_0", 1);
    let entry = world.entry(&other, "src/a.rs", "let x = 1;\nlet y = 1;\n").await;
    world.files.publish(&project(), std::slice::from_ref(&entry)).await.unwrap();
    let input = json!({ "path": "src/a.rs", "old": "x = 1", "new": "x = 2" });
    let outcome = world.call("edit_file", input.clone()).await;
    assert_eq!(outcome.content, "replaced 1 occurrence in src/a.rs (22 bytes)");
    assert_eq!(outcome.writes[0].path, "src/a.rs");
    assert_eq!(world.read("src/a.rs").await.content, "let x = 2;\nlet y = 1;\n");
    assert_eq!(
        std::fs::read_to_string(world.published().join("src/a.rs")).unwrap(),
        "let x = 1;\nlet y = 1;\n"
    );
    assert!(world.project().join("blobs").join(&entry.hash[..2]).join(&entry.hash).exists());
    assert_code(&world.call("edit_file", input).await, "no_match", "twice");
    let input = json!({ "path": "src/a.rs", "old": "let", "new": "const" });
    assert_code(&world.call("edit_file", input).await, "not_unique", "two of them");
    let input = json!({ "path": "src/a.rs", "old": "let", "new": "const", "all": true });
    assert_eq!(world.call("edit_file", input).await.content, "replaced 2 occurrences in src/a.rs (26 bytes)");
}

#[tokio::test]
async fn b47_to_b57_hold_for_editing_and_searching() {
    let world = World::with(FileLimits { file_bytes_max: 20, ..FileLimits::default() });
    world.write("a", "0123456789").await;
    for path in ["../x", "/etc/passwd", "..\\x", "C:\\x", "~/x", "a\u{202e}b", "CON", "..\u{ff0f}x", "\0"] {
        let edit = world.call("edit_file", json!({ "path": path, "old": "x", "new": "y" })).await;
        assert_code(&edit, "path_not_allowed", path);
        let search = world.call("search_files", json!({ "path": path, "query": "x" })).await;
        assert_code(&search, "path_not_allowed", path);
    }
    symlink(world.outside().join("secret"), world.staging().join("link")).unwrap();
    symlink(world.outside(), world.staging().join("out")).unwrap();
    let edit = world.call("edit_file", json!({ "path": "link", "old": "canary", "new": "y" })).await;
    assert_code(&edit, "path_not_allowed", "a link");
    for input in [json!({ "query": "canary" }), json!({ "query": "canary", "path": "out" })] {
        let found = world.call("search_files", input).await.content;
        assert!(!found.contains("canary"), "{found}");
    }
    let edit = world.call("edit_file", json!({ "path": "a", "old": "5", "new": "555555555555" })).await;
    assert_code(&edit, "quota_exceeded", "one byte too many");
    assert_eq!(world.read("a").await.content, "0123456789");
    let edit = world.call("edit_file", json!({ "path": "nothing", "old": "5", "new": "6" })).await;
    assert_code(&edit, "file_not_found", "nothing");
    std::fs::write(world.staging().join("binary"), [0, 1, 2]).unwrap();
    let edit = world.call("edit_file", json!({ "path": "binary", "old": "5", "new": "6" })).await;
    assert_code(&edit, "not_text", "binary");
    world.assert_outside_untouched();
}

#[tokio::test]
async fn parallel_edits_do_not_lose_each_other() {
    let world = std::sync::Arc::new(World::new());
    world.write("a", "<0><1><2><3><4><5><6><7>").await;
    let mut calls = tokio::task::JoinSet::new();
    for number in 0..8 {
        let world = world.clone();
        calls.spawn(async move {
            let input = json!({ "path": "a", "old": format!("<{number}>"), "new": "x" });
            world.call("edit_file", input).await.is_error
        });
    }
    assert!(calls.join_all().await.into_iter().all(|is_error| !is_error));
    assert_eq!(world.read("a").await.content, "xxxxxxxx");
}

#[tokio::test]
async fn own_writes_are_searched_first_and_hide_what_is_published() {
    let world = World::new();
    let other = task("tsk_0", 1);
    let entries = [
        world.entry(&other, "a.txt", "needle old\n").await,
        world.entry(&other, "b/c.txt", "x\nneedle b\n").await,
    ];
    world.files.publish(&project(), &entries).await.unwrap();
    world.write("a.txt", "needle new\n100% 'sure'; DROP\n").await;
    world.write("z.txt", "needle z\n").await;
    std::fs::write(world.staging().join("binary"), b"\0needle").unwrap();
    let search = async |input| world.call("search_files", input).await.content;
    assert_eq!(
        search(json!({ "query": "needle" })).await,
        "a.txt:1: needle new\nz.txt:1: needle z\nb/c.txt:2: needle b\n[3 matches in 3 text files] [1 files are not text]"
    );
    assert_eq!(
        search(json!({ "query": "needle", "path": "b" })).await,
        "b/c.txt:2: needle b\n[1 matches in 1 text files]"
    );
    assert_eq!(
        search(json!({ "query": "needle", "path": "z.txt" })).await,
        "z.txt:1: needle z\n[1 matches in 1 text files]"
    );
    assert_eq!(
        search(json!({ "query": "needle", "max": 1 })).await,
        "a.txt:1: needle new\n[the first 1 matches; there are more] [1 files are not text]"
    );
    assert_eq!(search(json!({ "query": "^needle (n|z)", "regex": true })).await.lines().count(), 3);
    // B69: what means something elsewhere is literal here.
    for (query, lines) in [("%", 2), ("'; DROP", 2), ("_", 1), (".", 1), ("needle.*", 1)] {
        assert_eq!(search(json!({ "query": query })).await.lines().count(), lines, "{query}");
    }
    assert_code(
        &world.call("search_files", json!({ "query": "(", "regex": true })).await,
        "invalid_tool_input",
        "(",
    );
    let huge = json!({ "query": "(a{1000}){1000}", "regex": true });
    assert_code(&world.call("search_files", huge).await, "invalid_tool_input", "a huge pattern");
    assert_code(
        &world.call("search_files", json!({ "query": "x", "path": "nope" })).await,
        "file_not_found",
        "nope",
    );
    assert_eq!(names(&world.staging()).len(), 3);
}
