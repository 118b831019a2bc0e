//! What a request is about, loaded together with whose it is: the one place that
//! decides who may touch what. Missing is 404; somebody else's is 403, the same for
//! all of them.

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use domain::checkpoint::Checkpoint;
use domain::id::{CheckpointId, ProjectId, TaskId};
use store::{ProjectListRow, TaskDetail};

use super::actor::Signed;
use crate::error::ApiError;
use crate::state::State;

/// Longest id that is looked up, in bytes.
const ID_BYTES_MAX: usize = 200;

/// A project that the caller may touch.
pub struct OwnedProject {
    /// Who asks.
    pub signed: Signed,
    /// The project with its requirements.
    pub row: ProjectListRow,
}

/// A task that the caller may touch.
pub struct OwnedTask {
    /// Who asks.
    pub signed: Signed,
    /// The task.
    pub detail: TaskDetail,
    /// Its project.
    pub project: ProjectListRow,
}

/// A checkpoint that the caller may touch.
pub struct OwnedCheckpoint {
    /// Who asks.
    pub signed: Signed,
    /// The checkpoint.
    pub checkpoint: Checkpoint,
}

/// An id out of the path; what cannot be one is not found.
///
/// # Errors
/// 404.
pub async fn path_id(parts: &mut Parts, state: &State, name: &str, kind: &str) -> Result<String, ApiError> {
    let params =
        RawPathParams::from_request_parts(parts, state).await.map_err(|_| ApiError::not_found(kind))?;
    let found = params.iter().find(|(key, _)| *key == name).map(|(_, value)| value.to_owned());
    found.filter(|id| is_id(id)).ok_or_else(|| ApiError::not_found(kind))
}

/// Whether a text can be an id at all.
pub(crate) fn is_id(text: &str) -> bool {
    !text.is_empty() && text.len() <= ID_BYTES_MAX && !text.chars().any(char::is_control)
}

/// A project that this caller may touch.
///
/// # Errors
/// 404 or 403.
pub async fn owned_project(
    state: &State,
    signed: &Signed,
    id: &ProjectId,
) -> Result<ProjectListRow, ApiError> {
    let row = state.store.find_project(id).await?.ok_or_else(|| ApiError::not_found("Project"))?;
    if signed.may_touch(row.project.owner.as_ref()) { Ok(row) } else { Err(ApiError::forbidden()) }
}

/// A task that this caller may touch.
///
/// # Errors
/// 404 or 403.
pub async fn owned_task(
    state: &State,
    signed: &Signed,
    id: &TaskId,
) -> Result<(TaskDetail, ProjectListRow), ApiError> {
    let missing = || ApiError::not_found("Task");
    let detail = state.store.find_task(id).await?.ok_or_else(missing)?.detail;
    let project = state.store.find_project(&detail.task.project).await?.ok_or_else(missing)?;
    if signed.may_touch(project.project.owner.as_ref()) {
        Ok((detail, project))
    } else {
        Err(ApiError::forbidden())
    }
}

impl FromRequestParts<State> for OwnedProject {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, ApiError> {
        let signed = Signed::from_request_parts(parts, state).await?;
        let id = ProjectId::new(path_id(parts, state, "project_id", "Project").await?);
        let row = owned_project(state, &signed, &id).await?;
        Ok(Self { signed, row })
    }
}

impl FromRequestParts<State> for OwnedTask {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, ApiError> {
        let signed = Signed::from_request_parts(parts, state).await?;
        let id = TaskId::new(path_id(parts, state, "task_id", "Task").await?);
        let (detail, project) = owned_task(state, &signed, &id).await?;
        Ok(Self { signed, detail, project })
    }
}

impl FromRequestParts<State> for OwnedCheckpoint {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, ApiError> {
        let signed = Signed::from_request_parts(parts, state).await?;
        let missing = || ApiError::not_found("Checkpoint");
        let id = CheckpointId::new(path_id(parts, state, "checkpoint_id", "Checkpoint").await?);
        let checkpoint = state.store.find_checkpoint(&id).await?.ok_or_else(missing)?;
        let project = state.store.find_project(&checkpoint.project).await?.ok_or_else(missing)?;
        if !signed.may_touch(project.project.owner.as_ref()) {
            return Err(ApiError::forbidden());
        }
        Ok(Self { signed, checkpoint })
    }
}
