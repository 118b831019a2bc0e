//! Work done outside: what may be claimed, claims, heartbeats, outputs, and tasks
//! given back. Somebody else's objects are not found here, and a state that does
//! not allow something is a conflict.

use axum::Json;
use axum::body::Body as RequestBody;
use axum::extract::{FromRequest as _, FromRequestParts, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use domain::decide::{Command, ExternalClaim};
use domain::id::{ProjectId, TaskId};
use domain::project::{Dispatch, ExecutionMode, Project, ProjectState};
use domain::refusal::Code;
use domain::task::{Task, TaskState};
use engine::{EngineError, Submission};
use serde_json::{Value, json};
use store::{TaskDetail, TaskFilter, TaskSort};

use crate::error::ApiError;
use crate::extract::{Body, Signed, owned_project, owned_task, path_id, read_body};
use crate::state::State;
use crate::wire::external::{ClaimRef, ClaimableWire, ClaimedWire, LeaseWire, SubmitResult, SubmittedWire};

/// Tasks that are looked through: as many as a plan can have.
const LOOKED_AT_MAX: u32 = 20_000;

/// Tasks that are listed.
const LISTED_MAX: usize = 500;

/// Somebody else's is as good as missing.
fn hidden<'e>(kind: &'e str) -> impl Fn(ApiError) -> ApiError + 'e {
    move |error| match error {
        ApiError::Problem { status: StatusCode::FORBIDDEN, .. } => ApiError::not_found(kind),
        other => other,
    }
}

/// States that do not allow it are conflicts here.
fn conflict(error: EngineError) -> ApiError {
    match error {
        EngineError::Refused(refusal)
            if matches!(refusal.code, Code::ConflictState | Code::NotExecuting | Code::StaleFence) =>
        {
            ApiError::new(StatusCode::CONFLICT, refusal.code.as_str(), refusal.message)
        }
        other => other.into(),
    }
}

/// A task that the caller may work on, known to be theirs.
pub struct OutsideTask {
    signed: Signed,
    task: Task,
}

impl FromRequestParts<State> for OutsideTask {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, ApiError> {
        let signed = Signed::from_request_parts(parts, state).await?;
        let id = TaskId::new(path_id(parts, state, "task_id", "Task").await?);
        let (detail, _) = owned_task(state, &signed, &id).await.map_err(hidden("Task"))?;
        Ok(Self { signed, task: detail.task })
    }
}

/// A project whose tasks the caller may work on.
pub struct OutsideProject(Project);

impl FromRequestParts<State> for OutsideProject {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, ApiError> {
        let signed = Signed::from_request_parts(parts, state).await?;
        let id = ProjectId::new(path_id(parts, state, "project_id", "Project").await?);
        let row = owned_project(state, &signed, &id).await.map_err(hidden("Project"))?;
        Ok(Self(row.project))
    }
}

/// What may be claimed in a project, best first.
async fn open_tasks(state: &State, project: &Project) -> Result<Vec<TaskDetail>, ApiError> {
    let mode = project.config.execution_mode();
    if project.state != ProjectState::Executing || mode == ExecutionMode::Auto {
        return Ok(Vec::new());
    }
    let filter = TaskFilter {
        states: vec![TaskState::Ready],
        sort: TaskSort::Priority,
        exclude_output: true,
        limit: LOOKED_AT_MAX,
        ..TaskFilter::default()
    };
    let mut tasks = state.store.list_tasks(&project.id, &filter).await?;
    let dispatch = project.config.dispatch().unwrap_or(state.engine.settings().policy.dispatch);
    tasks.retain(|detail| {
        let is_open = dispatch == Dispatch::Dataflow || detail.task.wave <= project.open_wave;
        is_open && !mode.runs_inside(detail.task.tier)
    });
    Ok(tasks)
}

/// Tasks that may be claimed now.
pub async fn claimable(
    state: State,
    OutsideProject(project): OutsideProject,
) -> Result<Json<Vec<ClaimableWire>>, ApiError> {
    let tasks = open_tasks(&state, &project).await?;
    Ok(Json(tasks.iter().take(LISTED_MAX).map(ClaimableWire::from).collect()))
}

/// The task as it is now.
async fn reread(state: &State, id: &TaskId) -> Result<Task, ApiError> {
    let found = state.store.find_task(id).await?.ok_or_else(|| ApiError::not_found("Task"))?;
    Ok(found.detail.task)
}

/// Claims a task for the caller.
pub async fn claim(state: State, outside: OutsideTask) -> Result<Json<ClaimedWire>, ApiError> {
    let id = &outside.task.id;
    let claimed = state.engine.claim_outside(outside.signed.actor(), id).await.map_err(conflict)?;
    let now = reread(&state, id).await?;
    Ok(Json(ClaimedWire::new(claimed, &now)))
}

/// The claim a request is about; a body may be left out.
async fn claim_of(state: &State, request: Request) -> Result<(OutsideTask, ExternalClaim), ApiError> {
    let (mut parts, body) = request.into_parts();
    let outside = OutsideTask::from_request_parts(&mut parts, state).await?;
    let bytes = read_body(&parts.headers, body).await?;
    let fence = if bytes.is_empty() {
        None
    } else {
        let request = Request::from_parts(parts, RequestBody::from(bytes));
        Body::<ClaimRef>::from_request(request, state).await?.0.fence
    };
    let claim = ExternalClaim { task: outside.task.id.clone(), fence };
    Ok((outside, claim))
}

/// Says that the worker is still at it.
pub async fn heartbeat(state: State, request: Request) -> Result<Json<LeaseWire>, ApiError> {
    let (outside, claim) = claim_of(&state, request).await?;
    let command = Command::HeartbeatExternal(claim);
    state.engine.apply(outside.signed.actor(), command).await.map_err(conflict)?;
    Ok(Json((&reread(&state, &outside.task.id).await?).into()))
}

/// Brings an output.
pub async fn submit(
    state: State,
    outside: OutsideTask,
    Body(body): Body<SubmitResult>,
) -> Result<Json<SubmittedWire>, ApiError> {
    let id = outside.task.id.clone();
    let submission = Submission {
        claim: ExternalClaim { task: id.clone(), fence: body.claim.fence },
        output: body.output,
        model: body.model,
        usage: body.usage,
    };
    state.engine.submit_outside(outside.signed.actor(), submission).await.map_err(conflict)?;
    let task = reread(&state, &id).await?;
    let next = match state.store.find_project(&task.project).await? {
        Some(row) => open_tasks(&state, &row.project).await?.into_iter().next(),
        None => None,
    };
    Ok(Json(SubmittedWire {
        task_id: id.to_string(),
        status: task.state.wire(),
        verification_status: None,
        verification_notes: None,
        next_claimable_task_id: next.map(|detail| detail.task.id.to_string()),
    }))
}

/// Gives a task back.
pub async fn release(state: State, request: Request) -> Result<Json<Value>, ApiError> {
    let (outside, claim) = claim_of(&state, request).await?;
    let command = Command::ReleaseExternal(claim);
    state.engine.apply(outside.signed.actor(), command).await.map_err(conflict)?;
    Ok(Json(json!({"status": "released", "task_id": outside.task.id})))
}
