//! Finds what a person means by an id or the beginning of one.
//!
//! Only looks; says what there is when nothing or too much fits.

use domain::checkpoint::Checkpoint;
use domain::id::{CheckpointId, ProjectId, TaskId};
use domain::task::Task;
use store::{IdKind, ProjectFilter, ProjectListRow, Store};

use crate::exit::Failure;
use crate::follow_up::orch;
use crate::output::short;

/// How many candidates are named.
const NAMED_MAX: u32 = 4;

async fn id(store: &Store, kind: IdKind, text: &str) -> Result<String, Failure> {
    let (noun, prefix, list) = match kind {
        IdKind::Project => ("project", ProjectId::PREFIX, "list"),
        IdKind::Task => ("task", TaskId::PREFIX, "show PROJECT"),
        IdKind::Checkpoint => ("checkpoint", CheckpointId::PREFIX, "checkpoints"),
    };
    let text = text.trim().to_ascii_lowercase();
    let full = if text.starts_with(prefix) { text.clone() } else { format!("{prefix}{text}") };
    let mut found = store.ids_with_prefix(kind, &full, NAMED_MAX).await?;
    // Ids of imported data need not begin with our prefix.
    if found.is_empty() && full != text && !text.is_empty() {
        found = store.ids_with_prefix(kind, &text, NAMED_MAX).await?;
    }
    match found.as_slice() {
        [only] => Ok(only.clone()),
        [] => {
            Err(Failure::usage(format!("there is no {noun} {text}"))
                .hint(format!("`{}` shows them", orch(list))))
        }
        several => {
            let names: Vec<&str> = several.iter().map(|id| short(id, 24)).collect();
            Err(Failure::usage(format!("{text} fits more than one {noun}: {}", names.join(", ")))
                .hint("give more letters of the id"))
        }
    }
}

/// The project that is meant.
///
/// # Errors
/// When nothing or too much fits.
pub async fn project(store: &Store, text: &str) -> Result<ProjectListRow, Failure> {
    let id = ProjectId::new(id(store, IdKind::Project, text).await?);
    let found = store.find_project(&id).await?;
    found.ok_or_else(|| Failure::usage(format!("there is no project {id}")))
}

/// Projects, newest first.
///
/// # Errors
/// When the database cannot be read.
pub async fn projects(store: &Store, limit: u32) -> Result<Vec<ProjectListRow>, Failure> {
    Ok(store.list_projects(&ProjectFilter { limit, ..ProjectFilter::default() }).await?)
}

/// The task that is meant.
///
/// # Errors
/// When nothing or too much fits.
pub async fn task(store: &Store, text: &str) -> Result<Task, Failure> {
    let id = TaskId::new(id(store, IdKind::Task, text).await?);
    let found = store.find_task(&id).await?;
    found.map(|history| history.detail.task).ok_or_else(|| Failure::usage(format!("there is no task {id}")))
}

/// The checkpoint that is meant.
///
/// # Errors
/// When nothing or too much fits.
pub async fn checkpoint(store: &Store, text: &str) -> Result<Checkpoint, Failure> {
    let id = CheckpointId::new(id(store, IdKind::Checkpoint, text).await?);
    let found = store.find_checkpoint(&id).await?;
    found.ok_or_else(|| Failure::usage(format!("there is no checkpoint {id}")))
}

/// Refuses a text without a letter of an id's own: what changes something must not
/// take the only one there is for the one that is meant.
///
/// # Errors
/// With exit code 2.
pub fn must_name_one(text: &str) -> Result<(), Failure> {
    let text = text.trim().to_ascii_lowercase();
    let prefixes = [ProjectId::PREFIX, TaskId::PREFIX, CheckpointId::PREFIX];
    let is_empty = |prefix: &str| prefix.starts_with(&text);
    if prefixes.into_iter().any(is_empty) {
        return Err(Failure::usage(format!("\"{text}\" names nothing: it has no letter of an id's own"))
            .hint(format!("`{}` shows the ids", orch("list"))));
    }
    Ok(())
}

/// Whether the text looks like the id of a task rather than a project's.
pub fn is_task(text: &str) -> bool {
    text.trim().to_ascii_lowercase().starts_with(TaskId::PREFIX)
}
