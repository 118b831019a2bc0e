//! The bad-input corpus, rows B47 to B57 and B71, by number.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::process::Command;

use proptest::prelude::*;
use serde_json::json;

use super::{World, assert_code, names, task, tree};

#[tokio::test]
async fn a_task_reads_its_own_writes_and_lists_them() {
    let world = World::new();
    let outcome = world.write("./src/main.rs", "fn main() {}\n").await;
    assert_eq!(outcome.content, "wrote src/main.rs (13 bytes)");
    let entry = &outcome.writes[0];
    assert_eq!((entry.path.as_str(), entry.bytes), ("src/main.rs", 13));
    let blob = world.project().join("blobs").join(&entry.hash[..2]).join(&entry.hash);
    assert_eq!(std::fs::read(&blob).unwrap(), b"fn main() {}\n");
    assert_eq!(world.read("src/main.rs").await.content, "fn main() {}\n");
    world.write("src/main.rs", "").await;
    assert_eq!(world.read("src/main.rs").await.content, "");
    let listed = world.call("list_files", json!({})).await.content;
    assert_eq!(listed, "src/main.rs (0 bytes, written by this task)\n");
    for folder in ["src", "src/", "./src", ".", "", "./"] {
        assert_eq!(world.call("list_files", json!({ "path": folder })).await.content, listed, "{folder:?}");
    }
    assert_eq!(world.call("list_files", json!({ "path": "doc" })).await.content, "[no files in doc]");
    assert_code(&world.read("src").await, "not_a_file", "a folder");
    assert_code(&world.read("nothing").await, "file_not_found", "missing");
    assert_code(&world.read("src/main.rs/x").await, "file_not_found", "beneath a file");
    assert_eq!(names(&world.project().join("tmp")), Vec::<String>::new());
}

#[tokio::test]
async fn folders_and_files_are_private() {
    let world = World::new();
    world.write("a/b.txt", "x").await;
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&world.project()), 0o700);
    assert_eq!(mode(&world.staging().join("a")), 0o700);
    assert_eq!(mode(&world.staging().join("a/b.txt")), 0o600);
}

#[tokio::test]
async fn b47_b48_b52_b54_refused_paths_touch_nothing() {
    let world = World::new();
    let long = "n".repeat(256);
    let deep = vec!["d"; 200].join("/");
    let table = [
        ("B47", "../../etc/passwd"),
        ("B47", "../../../../../outside/secret"),
        ("B47", "a/../../x"),
        ("B47", "/etc/passwd"),
        ("B48", "..\\x"),
        ("B48", "C:\\x"),
        ("B48", "c:/x"),
        ("B48", "\\\\host\\share\\x"),
        ("B48", "//host/share/x"),
        ("B48", "file:///etc/passwd"),
        ("B48", "~"),
        ("B48", "~/x"),
        ("B51", "/proc/self/environ"),
        ("B51", "/dev/zero"),
        ("B52", "a\0"),
        ("B52", "a\nb"),
        ("B52", "\u{1b}[2J"),
        ("B52", "a\u{202e}b"),
        ("B52", "..\u{2215}x"),
        ("B52", "..\u{ff0f}x"),
        ("B54", "CON"),
        ("B54", "x/nul.txt"),
        ("B54", "a."),
        ("B54", "a "),
        ("B54", &long),
        ("B54", &deep),
        ("empty", ""),
    ];
    for (number, path) in table {
        let what = format!("{number} {path:.40?}");
        assert_code(&world.write(path, "x").await, "path_not_allowed", &what);
        assert_code(&world.read(path).await, "path_not_allowed", &what);
        if !path.is_empty() {
            assert_code(&world.call("list_files", json!({ "path": path })).await, "path_not_allowed", &what);
        }
    }
    assert_code(&world.call("list_files", json!({ "path": "/" })).await, "path_not_allowed", "the root");
    assert_eq!(names(&world.project()), Vec::<String>::new());
    world.assert_outside_untouched();
}

#[tokio::test]
async fn b49_links_are_never_followed() {
    let world = World::new();
    world.write("ordinary", "x").await;
    std::fs::create_dir_all(world.published()).unwrap();
    for root in [world.staging(), world.published()] {
        symlink(world.outside(), root.join("out")).unwrap();
        symlink("out", root.join("chain")).unwrap();
        symlink(world.outside().join("secret"), root.join("file")).unwrap();
        symlink("loop", root.join("loop")).unwrap();
        symlink("ordinary", root.join("inside")).unwrap();
    }
    for path in ["out/secret", "chain/secret", "file", "loop", "loop/x", "inside"] {
        assert_code(&world.read(path).await, "path_not_allowed", path);
    }
    for path in ["out/new", "chain/new", "file", "loop", "loop/x", "inside"] {
        assert_code(&world.write(path, "x").await, "path_not_allowed", path);
    }
    for folder in ["out", "chain", "loop"] {
        let outcome = world.call("list_files", json!({ "path": folder })).await;
        assert_code(&outcome, "path_not_allowed", folder);
    }
    let listed = world.call("list_files", json!({})).await.content;
    assert_eq!(listed, "ordinary (1 bytes, written by this task)\n");
    assert_eq!(world.read("ordinary").await.content, "x");
    world.assert_outside_untouched();
}

#[tokio::test]
async fn b49_folders_of_ours_that_became_links_are_not_followed() {
    for name in ["staging", "files", "blobs", "tmp"] {
        let world = World::new();
        world.write("a", "x").await;
        let place = world.project().join(name);
        if place.exists() {
            std::fs::remove_dir_all(&place).unwrap();
        }
        symlink(world.outside(), &place).unwrap();
        let read = world.read("secret").await;
        assert!(read.is_error && !read.content.contains("canary"), "{name}");
        if name == "files" {
            continue;
        }
        assert_code(&world.write("b", name).await, "path_not_allowed", name);
        world.assert_outside_untouched();
    }
}

#[tokio::test]
async fn b51_only_regular_files_with_one_name_are_read_and_nothing_hangs() {
    let world = World::new();
    world.write("ordinary", "x").await;
    std::fs::create_dir_all(world.published()).unwrap();
    let mut sockets = Vec::new();
    for root in [world.staging(), world.published()] {
        std::fs::hard_link(world.outside().join("secret"), root.join("hard")).unwrap();
        let made = Command::new("mkfifo").arg(root.join("pipe")).status().unwrap();
        assert!(made.success());
        sockets.push(UnixListener::bind(root.join("socket")).unwrap());
        let path_names = ["hard", "pipe", "socket"];
        for name in path_names {
            assert_code(&world.read(name).await, "path_not_allowed", name);
            let written = world.write(name, "changed").await;
            if name == "hard" {
                // Replacing the name leaves the file outside as it was.
                assert!(!written.is_error, "{}", written.content);
            } else if root == world.staging() {
                assert_code(&written, "path_not_allowed", name);
            }
        }
        for name in path_names {
            let _ = std::fs::remove_file(world.staging().join(name));
        }
    }
    drop(sockets);
    std::fs::remove_file(world.published().join("hard")).unwrap();
    world.assert_outside_untouched();
}

#[tokio::test]
async fn b53_two_spellings_are_one_file_and_twins_conflict() {
    let mut world = World::new();
    world.write("e\u{301}tude.md", "decomposed").await;
    world.write("\u{e9}tude.md", "composed").await;
    assert_eq!(names(&world.staging()), ["\u{e9}tude.md"]);
    assert_eq!(world.read("e\u{301}tude.md").await.content, "composed");
    world.write("Docs/Guide.md", "x").await;
    for path in ["docs/other.md", "Docs/guide.MD", "DOCS", "Docs", "Docs/Guide.md/x"] {
        assert_code(&world.write(path, "x").await, "name_conflict", path);
    }
    // Another task, and a restart in between: the same.
    world.restarted(world.files.limits());
    world.task = task("tsk_2", 7);
    assert_code(&world.write("docs/other.md", "x").await, "name_conflict", "of another task");
    assert!(!world.write("Docs/Guide.md", "y").await.is_error);
}

#[tokio::test]
async fn b56_huge_and_binary_files_are_capped() {
    let world = World::new();
    world.write("ordinary", "x").await;
    let sparse = std::fs::File::create(world.staging().join("sparse")).unwrap();
    // 1 TiB where the file system allows it.
    sparse.set_len(1 << 40).or_else(|_| sparse.set_len(5 << 30)).unwrap();
    assert_code(&world.read("sparse").await, "not_text", "sparse");
    std::fs::write(world.staging().join("binary"), [0x7f, b'E', b'L', b'F', 0, 0xff]).unwrap();
    assert_code(&world.read("binary").await, "not_text", "binary");
    let text = "0123456789abcde\n".repeat((12 << 20) / 16);
    std::fs::write(world.staging().join("large"), &text).unwrap();
    let shown = world.read("large").await;
    assert!(!shown.is_error && shown.content.len() < 51_000);
    assert!(
        shown.content.contains(&format!("the file has {} bytes", text.len())),
        "{}",
        &shown.content[50_000..]
    );
    assert!(shown.content.ends_with("[only the first 10485760 bytes can be read]"));
    let part = world.call("read_file", json!({ "path": "large", "offset": 600_000, "limit": 1 })).await;
    assert!(part.content.starts_with("0123456789abcde\n[lines 600000 to 600000 "), "{}", part.content);
}

#[tokio::test]
async fn b57_a_foreign_project_id_is_ignored() {
    let world = World::new();
    let mut foreign = task("tsk_9", 1);
    foreign.project = domain::id::ProjectId::new("prj_2");
    world.entry(&foreign, "theirs.txt", "secret of theirs").await;
    let input = json!({ "path": "mine.txt", "content": "mine", "project_id": "prj_2" });
    assert!(!world.call("write_file", input).await.is_error);
    assert_eq!(names(&world.staging()), ["mine.txt"]);
    let read = world.call("read_file", json!({ "path": "theirs.txt", "project_id": "prj_2" })).await;
    assert_code(&read, "file_not_found", "a file of another project");
    let listed = world.call("list_files", json!({ "project_id": "prj_2" })).await;
    assert!(!listed.content.contains("theirs"));
    assert_eq!(names(&world.root.path().join("data/projects/prj_2/staging")), ["tsk_9/1/theirs.txt"]);
}

#[tokio::test]
async fn b70_b71_wrong_arguments_and_unknown_tools_are_told() {
    let world = World::new();
    for input in [
        json!({}),
        json!([]),
        json!({ "path": 1, "content": "x" }),
        json!({ "path": "x" }),
        json!({ "path": ["x"], "content": "x" }),
        json!({ "path": "x", "content": null }),
    ] {
        assert_code(&world.call("write_file", input.clone()).await, "invalid_tool_input", &input.to_string());
    }
    for input in [
        json!({ "path": "x", "offset": 0 }),
        json!({ "path": "x", "limit": -1 }),
        json!({ "path": "x", "offset": "1" }),
    ] {
        assert_code(&world.call("read_file", input.clone()).await, "invalid_tool_input", &input.to_string());
    }
    for name in ["shell", "", "write_file ", "WRITE_FILE"] {
        assert_code(&world.call(name, json!({})).await, "tool_not_allowed", name);
    }
    assert!(!world.project().exists());
}

#[tokio::test]
async fn ids_that_are_no_names_reach_no_folder() {
    let world = World::new();
    for id in ["", ".", "..", "../outside", "a/b", "a\\b", "a.b", "a\0b", "é", &"x".repeat(300)] {
        let mut foreign = task("tsk_1", 1);
        foreign.project = domain::id::ProjectId::new(id);
        let input = json!({ "path": "x", "content": "x" });
        let outcome = domain::ports::Toolbox::call(&world.registry, &foreign, "write_file", &input).await;
        assert_code(&outcome, "path_not_allowed", id);
        let mut foreign = task(id, 1);
        let outcome = domain::ports::Toolbox::call(&world.registry, &foreign, "write_file", &input).await;
        assert_code(&outcome, "path_not_allowed", id);
        foreign.project = domain::id::ProjectId::new(id);
        let port: &dyn domain::ports::Workspaces = &world.files;
        for result in [
            port.remove(&foreign.project).await,
            port.discard(&super::project(), &foreign.task).await.and(port.rebuild(&foreign, &[]).await),
            port.rebuild(&foreign, &[]).await,
        ] {
            assert_eq!(result.unwrap_err().kind(), std::io::ErrorKind::InvalidInput, "{id}");
        }
    }
    world.assert_outside_untouched();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn no_path_leads_outside(
        paths in proptest::collection::vec("(\\.\\./|\\./|/|~|out/|loop/|\\\\|[a-c]|\\PC|[\\x00-\\x1f]|\u{2215}){1,12}", 1..6)
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let world = World::new();
            world.write("start", "x").await;
            symlink(world.outside(), world.staging().join("out")).unwrap();
            symlink("..", world.staging().join("loop")).unwrap();
            for path in &paths {
                let written = world.write(path, "written").await;
                if !written.is_error {
                    let place = world.staging().join(&written.writes[0].path);
                    let canonical = place.canonicalize().unwrap();
                    assert!(canonical.starts_with(world.staging().canonicalize().unwrap()), "{path:?}");
                    assert_eq!(world.read(path).await.content, "written");
                }
                assert!(!world.read(path).await.content.contains("canary"), "{path:?}");
            }
            world.assert_outside_untouched();
            for (name, _) in tree(&world.project()) {
                assert!(["staging/tsk_1/1/", "blobs/"].iter().any(|place| name.starts_with(place)), "{name}");
            }
        });
    }
}
