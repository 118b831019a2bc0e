//! Projects: kept, changed, started, stopped.

use axum::Json;
use axum::http::{HeaderMap, StatusCode};
use domain::coverage::Coverage;
use domain::decide::{self, Command, StorePlan};
use domain::id::{PlanId, ProjectId};
use domain::model::Usage;
use domain::money::NanoUsd;
use domain::project::PauseReason;
use domain::requirement;
use serde_json::{Value, json};
use store::{ProjectFilter, ProjectListRow, TaskFilter};

use crate::error::ApiError;
use crate::etag::{self, TagHeader};
use crate::extract::{Body, OwnedProject, Query, Signed};
use crate::state::State;
use crate::wire::project::{CreateProject, ListProjects, ProjectWire, UpdateProject};

/// Most tasks of which coverage is told.
const COVERAGE_TASKS_MAX: u32 = 20_000;

/// A project as it is now.
pub(crate) async fn reload(state: &State, id: &ProjectId) -> Result<ProjectListRow, ApiError> {
    state.store.find_project(id).await?.ok_or_else(|| ApiError::not_found("Project"))
}

/// Makes a project.
pub async fn create(
    state: State,
    signed: Signed,
    Body(body): Body<CreateProject>,
) -> Result<(StatusCode, Json<ProjectWire>), ApiError> {
    let id = state.make_id(|ids| ProjectId::fresh(ids));
    let command = decide::CreateProject {
        id: id.clone(),
        owner: Some(signed.user.id.clone()),
        name: body.name,
        requirements: body.requirements,
        config: body.config,
    };
    state.engine.apply(signed.actor(), Command::CreateProject(command)).await?;
    let row = reload(&state, &id).await?;
    Ok((StatusCode::CREATED, Json(ProjectWire::created(&row))))
}

/// The caller's projects; everybody's for admins.
pub async fn list(
    state: State,
    signed: Signed,
    Query(query): Query<ListProjects>,
) -> Result<Json<Vec<ProjectWire>>, ApiError> {
    let filter = ProjectFilter {
        owner: (!signed.is_admin()).then(|| signed.user.id.clone()),
        states: query.state.into_iter().collect(),
        limit: query.page.limit,
        offset: query.page.offset,
    };
    let rows = state.store.list_projects(&filter).await?;
    Ok(Json(rows.iter().map(ProjectWire::from).collect()))
}

/// The tag of what people edit of a project.
fn tag(row: &ProjectListRow) -> String {
    etag::tag(&(&*row.project.name, &*row.requirements, &*row.project.config))
}

/// A project.
pub async fn get(owned: OwnedProject) -> (TagHeader, Json<ProjectWire>) {
    (etag::header_of(&tag(&owned.row)), Json((&owned.row).into()))
}

/// Changes a project.
pub async fn update(
    state: State,
    owned: OwnedProject,
    headers: HeaderMap,
    Body(body): Body<UpdateProject>,
) -> Result<(TagHeader, Json<ProjectWire>), ApiError> {
    if body.is_empty() {
        return Err(ApiError::bad_request("nothing_to_update", "Nothing to update"));
    }
    let _edit = state.edits.lock().await;
    let row = reload(&state, &owned.row.project.id).await?;
    etag::must_match(&headers, &tag(&row))?;
    let project = &row.project;
    let config = body.settings(&project.config);
    let command = decide::UpdateProject {
        project: project.id.clone(),
        name: body.name,
        requirements: body.requirements,
        config,
    };
    state.engine.apply(owned.signed.actor(), Command::UpdateProject(command)).await?;
    let row = reload(&state, &project.id).await?;
    Ok((etag::header_of(&tag(&row)), Json((&row).into())))
}

/// Removes a project; what it cost stays in the books.
pub async fn delete(state: State, owned: OwnedProject) -> Result<StatusCode, ApiError> {
    let command = Command::DeleteProject(owned.row.project.id.clone());
    state.engine.apply(owned.signed.actor(), command).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn step(
    state: &State,
    owned: &OwnedProject,
    command: Command,
    word: &str,
) -> Result<Json<Value>, ApiError> {
    state.engine.apply(owned.signed.actor(), command).await?;
    Ok(Json(json!({"status": word, "project_id": owned.row.project.id})))
}

/// Starts, or goes on.
pub async fn execute(state: State, owned: OwnedProject) -> Result<Json<Value>, ApiError> {
    let command = Command::ExecuteProject(owned.row.project.id.clone());
    step(&state, &owned, command, "executing").await
}

/// Starts no new call.
pub async fn pause(state: State, owned: OwnedProject) -> Result<Json<Value>, ApiError> {
    let command = Command::PauseProject(owned.row.project.id.clone(), PauseReason::Person);
    step(&state, &owned, command, "paused").await
}

/// Calls it off.
pub async fn cancel(state: State, owned: OwnedProject) -> Result<Json<Value>, ApiError> {
    let command = Command::CancelProject(owned.row.project.id.clone());
    step(&state, &owned, command, "cancelled").await
}

/// Which requirements some task serves.
pub async fn coverage(state: State, owned: OwnedProject) -> Result<Json<Value>, ApiError> {
    let requirements = requirement::split(&owned.row.requirements);
    let filter = TaskFilter { exclude_output: true, limit: COVERAGE_TASKS_MAX, ..TaskFilter::default() };
    let tasks = state.store.list_tasks(&owned.row.project.id, &filter).await?;
    let coverage = Coverage::of(&requirements, tasks.iter().map(|task| &task.spec.requirement_ids));
    let covered = coverage.covered_count();
    let rows: Vec<Value> = coverage
        .requirements
        .iter()
        .map(|row| json!({"id": row.id, "text": row.text, "covered": row.is_covered()}))
        .collect();
    Ok(Json(json!({
        "project_id": owned.row.project.id,
        "total_requirements": rows.len(),
        "covered_count": covered,
        "uncovered_count": rows.len() - covered,
        "requirements": rows,
    })))
}

/// A draft of the caller's with the same requirements, settings and plan.
pub async fn clone(state: State, owned: OwnedProject) -> Result<(StatusCode, Json<ProjectWire>), ApiError> {
    const MARK: &str = " (clone)";
    const NAME_CHARS_MAX: usize = 200;
    let source = &owned.row.project;
    let plan = match source.approved_plan.as_ref() {
        Some(id) => state.store.find_plan(id).await?,
        None => state.store.list_plans(&source.id, 1, 0).await?.into_iter().next(),
    };
    let mut config = (*source.config).clone();
    config.0.remove("repo_path");
    config.0.remove("git_base_branch");
    let id = state.make_id(|ids| ProjectId::fresh(ids));
    let room = NAME_CHARS_MAX - MARK.len();
    let name: String = source.name.chars().take(room).collect();
    let create = decide::CreateProject {
        id: id.clone(),
        owner: Some(owned.signed.user.id.clone()),
        name: format!("{name}{MARK}"),
        requirements: owned.row.requirements.to_string(),
        config,
    };
    state.engine.apply(owned.signed.actor(), Command::CreateProject(create)).await?;
    if let Some(plan) = plan {
        let store = StorePlan {
            operation: None,
            project: id.clone(),
            id: state.make_id(|ids| PlanId::fresh(ids)),
            plan: (*plan.plan).clone(),
            rigor: plan.rigor,
            model: plan.model,
            requirements_hash: plan.requirements_hash,
            usage: Usage::default(),
            cost: NanoUsd::ZERO,
        };
        state.engine.apply(owned.signed.actor(), Command::StorePlan(store)).await?;
    }
    let row = reload(&state, &id).await?;
    Ok((StatusCode::CREATED, Json((&row).into())))
}
