//! The crate against a real folder: what models may send, what somebody may do to
//! the folder meanwhile, and what a crash may leave behind.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod command;
mod corpus;
mod edit;
mod knowledge;
mod limits;
mod mcp;
mod publish;
mod race;
mod real_model;
mod services;
mod standard;
mod stub;
mod transfer;
mod web;

use std::path::{Path, PathBuf};

use domain::id::{ProjectId, TaskId};
use domain::ports::Toolbox;
use domain::tool::{FileEntry, ToolContext, ToolOutcome};
use serde_json::{Value, json};
use tools::{FileLimits, ProjectFiles, Registry, file_tools};

/// A data folder with a folder beside it that nothing may touch.
struct World {
    root: tempfile::TempDir,
    files: ProjectFiles,
    registry: Registry,
    task: ToolContext,
}

impl World {
    fn new() -> Self {
        Self::with(FileLimits::default())
    }

    fn with(limits: FileLimits) -> Self {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("outside")).unwrap();
        std::fs::write(root.path().join("outside/secret"), "canary").unwrap();
        let (files, registry) = open(root.path(), limits);
        Self { root, files, registry, task: task("tsk_1", 1) }
    }

    /// The same data folder, opened by a process that remembers nothing.
    fn restarted(&mut self, limits: FileLimits) {
        (self.files, self.registry) = open(self.root.path(), limits);
    }

    async fn call(&self, name: &str, input: Value) -> ToolOutcome {
        self.registry.call(&self.task, name, &input).await
    }

    async fn write(&self, path: &str, content: &str) -> ToolOutcome {
        self.call("write_file", json!({ "path": path, "content": content })).await
    }

    async fn read(&self, path: &str) -> ToolOutcome {
        self.call("read_file", json!({ "path": path })).await
    }

    /// Writes as a task and gives the entry.
    async fn entry(&self, task: &ToolContext, path: &str, content: &str) -> FileEntry {
        let input = json!({ "path": path, "content": content });
        let outcome = self.registry.call(task, "write_file", &input).await;
        assert!(!outcome.is_error, "{}", outcome.content);
        outcome.writes[0].clone()
    }

    fn project(&self) -> PathBuf {
        self.root.path().join("data/projects/prj_1")
    }

    fn published(&self) -> PathBuf {
        self.project().join("files")
    }

    fn staging(&self) -> PathBuf {
        self.project().join("staging").join(self.task.task.as_str()).join(self.task.fence.to_string())
    }

    fn outside(&self) -> PathBuf {
        self.root.path().join("outside")
    }

    /// Nothing was made, changed or removed outside the data folder.
    fn assert_outside_untouched(&self) {
        let mut names = tree(self.root.path());
        names.retain(|(name, _)| !name.starts_with("data/"));
        assert_eq!(names, [("outside/secret".to_owned(), b"canary".to_vec())]);
    }
}

fn open(root: &Path, limits: FileLimits) -> (ProjectFiles, Registry) {
    let files = ProjectFiles::open(&root.join("data"), limits).unwrap();
    let (registry, left_out) = Registry::new(file_tools(&files));
    assert_eq!(left_out, []);
    (files, registry)
}

fn task(id: &str, fence: u64) -> ToolContext {
    ToolContext {
        project: project(),
        task: TaskId::new(id),
        attempt: 1,
        fence,
        idempotency_key: "key".to_owned(),
    }
}

fn project() -> ProjectId {
    ProjectId::new("prj_1")
}

/// Every regular file beneath, with its content, sorted.
fn tree(root: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut open = vec![root.to_owned()];
    while let Some(dir) = open.pop() {
        let Ok(entries) = std::fs::read_dir(&dir) else { continue };
        for entry in entries {
            let path = entry.unwrap().path();
            let kind = std::fs::symlink_metadata(&path).unwrap().file_type();
            if kind.is_dir() {
                open.push(path);
            } else if kind.is_file() {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                found.push((name, std::fs::read(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

fn names(root: &Path) -> Vec<String> {
    tree(root).into_iter().map(|(name, _)| name).collect()
}

#[track_caller]
fn assert_code(outcome: &ToolOutcome, code: &str, what: &str) {
    assert!(outcome.is_error, "{what}: let through: {}", outcome.content);
    assert_eq!(outcome.content.split(':').next(), Some(code), "{what}: {}", outcome.content);
    assert_eq!(outcome.writes, []);
}
