//! Folders in and out.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;

use tools::{FileLimits, FilesError};

use super::{World, names, project, tree};

fn left_out(files: &[tools::workspace::LeftOutFile]) -> Vec<&str> {
    files.iter().map(|file| file.path.as_str()).collect()
}

#[tokio::test]
async fn an_import_takes_files_and_reports_the_rest() {
    let limits = FileLimits { file_bytes_max: 1_000, ..FileLimits::default() };
    let world = World::with(limits);
    let source = tempfile::tempdir().unwrap();
    let put = |name: &str, content: &str| {
        let path = source.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    };
    put("notes.md", "notes");
    put("src/e\u{301}.rs", "decomposed");
    put("README", "first");
    put("readme", "twin");
    put("a:b", "colon");
    put("large", &"x".repeat(1_001));
    symlink(world.outside(), source.path().join("link")).unwrap();
    symlink("notes.md", source.path().join("alias")).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(source.path().join("pipe")).status().unwrap().success());
    std::fs::File::create(source.path().join("sparse")).unwrap().set_len(1 << 40).unwrap();
    for _ in 0..2 {
        let imported = world.files.import_dir(&project(), source.path()).await.unwrap();
        let paths: Vec<&str> = imported.entries.iter().map(|entry| entry.path.as_str()).collect();
        assert_eq!(paths, ["README", "notes.md", "src/\u{e9}.rs"]);
        assert_eq!(
            left_out(&imported.left_out),
            ["a:b", "alias", "large", "link", "pipe", "readme", "sparse"]
        );
    }
    assert_eq!(names(&world.published()), ["README", "notes.md", "src/\u{e9}.rs"]);
    assert_eq!(world.read("notes.md").await.content, "notes");
    let listed = world.files.list_published(&project()).await.unwrap();
    assert_eq!(listed.iter().map(|file| file.bytes).collect::<Vec<_>>(), [5, 5, 10]);
    assert_eq!(world.files.read_published(&project(), "README").await.unwrap(), b"first");
    world.assert_outside_untouched();
}

#[tokio::test]
async fn an_import_leaves_out_names_that_no_path_can_spell() {
    let world = World::new();
    let source = tempfile::tempdir().unwrap();
    let deep = source.path().join(vec!["d"; 40].join("/"));
    std::fs::create_dir_all(&deep).unwrap();
    std::fs::write(deep.join("f"), "x").unwrap();
    for name in [&b"latin\xe9"[..], b"line\nbreak", b"CON", b"end.", b"good"] {
        std::fs::write(source.path().join(OsStr::from_bytes(name)), "x").unwrap();
    }
    let imported = world.files.import_dir(&project(), source.path()).await.unwrap();
    assert_eq!(names(&world.published()), ["good"]);
    assert_eq!(imported.left_out.len(), 5, "{:?}", imported.left_out);
}

#[tokio::test]
async fn an_import_beyond_the_limits_takes_nothing() {
    let source = tempfile::tempdir().unwrap();
    for number in 0..4 {
        std::fs::write(source.path().join(format!("f{number}")), format!("{number:04}")).unwrap();
    }
    for (files, bytes) in [(3, 100), (100, 15)] {
        let limits = FileLimits { file_bytes_max: 10, project_bytes_max: bytes, project_files_max: files };
        let world = World::with(limits);
        let error = world.files.import_dir(&project(), source.path()).await.unwrap_err();
        assert_eq!(error.code(), "quota_exceeded");
        assert_eq!(names(&world.project()), Vec::<String>::new());
    }
    let world = World::with(FileLimits { file_bytes_max: 10, project_bytes_max: 16, project_files_max: 4 });
    assert_eq!(world.files.import_dir(&project(), source.path()).await.unwrap().entries.len(), 4);
    assert_eq!(world.write("f0", "0000").await.writes.len(), 1);
    super::assert_code(&world.write("f9", "").await, "quota_exceeded", "the fifth");
}

#[tokio::test]
async fn an_import_never_takes_the_data_folder_with_it() {
    let world = World::new();
    std::fs::write(world.root.path().join("data/orchestration.db"), "rows").unwrap();
    world.write("staged", "x").await;
    let imported = world.files.import_dir(&project(), world.root.path()).await.unwrap();
    assert_eq!(left_out(&imported.left_out), ["data"]);
    assert_eq!(names(&world.published()), ["outside/secret"]);
    let own = world.files.import_dir(&project(), &world.root.path().join("data")).await;
    assert!(own.is_err());
    assert!(world.files.import_dir(&project(), &world.root.path().join("missing")).await.is_err());
    let file = world.root.path().join("outside/secret");
    assert!(world.files.import_dir(&project(), &file).await.is_err());
}

#[tokio::test]
async fn an_export_writes_inside_its_folder_only() {
    let world = World::new();
    let source = tempfile::tempdir().unwrap();
    for name in ["a", "d/b", "e/c", "f", "g", "h"] {
        let path = source.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, name).unwrap();
    }
    world.files.import_dir(&project(), source.path()).await.unwrap();
    let target = tempfile::tempdir().unwrap();
    let out = target.path().join("new/out");
    std::fs::create_dir_all(out.join("g")).unwrap();
    symlink(world.outside(), out.join("e")).unwrap();
    symlink(world.outside().join("secret"), out.join("f")).unwrap();
    std::fs::write(out.join("a"), "older").unwrap();
    std::fs::hard_link(world.outside().join("secret"), out.join("h")).unwrap();
    for _ in 0..2 {
        let exported = world.files.export(&project(), &out).await.unwrap();
        assert_eq!(
            exported.files.iter().map(|file| file.path.as_str()).collect::<Vec<_>>(),
            ["a", "d/b", "h"]
        );
        assert_eq!(left_out(&exported.left_out), ["e/c", "f", "g"]);
    }
    let written: Vec<(String, Vec<u8>)> =
        ["a", "d/b", "h"].iter().map(|name| ((*name).to_owned(), name.as_bytes().to_vec())).collect();
    assert_eq!(tree(&out), written);
    world.assert_outside_untouched();
    let nothing =
        world.files.export(&domain::id::ProjectId::new("prj_none"), &target.path().join("x")).await.unwrap();
    assert_eq!(nothing.files, []);
}

#[tokio::test]
async fn published_files_are_read_by_the_same_rules() {
    let world = World::new();
    std::fs::create_dir_all(world.published()).unwrap();
    symlink(world.outside(), world.published().join("out")).unwrap();
    std::fs::hard_link(world.outside().join("secret"), world.published().join("hard")).unwrap();
    std::fs::File::create(world.published().join("sparse")).unwrap().set_len(1 << 40).unwrap();
    let read = |path: &'static str| {
        let files = world.files.clone();
        async move { files.read_published(&project(), path).await.map_err(|error: FilesError| error.code()) }
    };
    for (path, code) in [
        ("../x", "path_not_allowed"),
        ("out/secret", "path_not_allowed"),
        ("hard", "path_not_allowed"),
        ("sparse", "quota_exceeded"),
        ("none", "file_not_found"),
        ("none/none", "file_not_found"),
    ] {
        assert_eq!(read(path).await, Err(code), "{path}");
    }
    let missing = world.files.read_published(&domain::id::ProjectId::new("prj_none"), "x").await;
    assert_eq!(missing.unwrap_err().code(), "file_not_found");
}
