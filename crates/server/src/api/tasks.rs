//! Tasks: read, changed, retried, cancelled, judged.

use axum::Json;
use axum::http::HeaderMap;
use domain::decide::{self, Command};
use domain::id::TaskId;
use domain::task::TaskSpec;
use store::TaskDetail;

use crate::error::ApiError;
use crate::etag::{self, TagHeader};
use crate::extract::{Body, OwnedProject, OwnedTask, Query, Signed, is_id, owned_task};
use crate::state::State;
use crate::wire::task::{Bulk, BulkWire, ListTasks, NotDone, Review, TaskWire, UpdateTask};

/// Tasks of a project.
pub async fn list(
    state: State,
    owned: OwnedProject,
    Query(query): Query<ListTasks>,
) -> Result<Json<Vec<TaskWire>>, ApiError> {
    let Some(filter) = query.filter else { return Ok(Json(Vec::new())) };
    let project = &owned.row.project;
    let tasks = state.store.list_tasks(&project.id, &filter).await?;
    let dispatch = state.engine.settings().policy.dispatch;
    Ok(Json(tasks.iter().map(|task| TaskWire::new(task, project, dispatch)).collect()))
}

fn wire(state: &State, owned: &OwnedTask) -> Json<TaskWire> {
    let dispatch = state.engine.settings().policy.dispatch;
    Json(TaskWire::new(&owned.detail, &owned.project.project, dispatch))
}

/// The tag of what people edit of a task.
fn tag(detail: &TaskDetail) -> String {
    let task = &detail.task;
    etag::tag(&(&*task.title, &detail.spec, task.tier.as_str(), task.priority, task.max_tokens))
}

/// A task.
pub async fn get(state: State, owned: OwnedTask) -> (TagHeader, Json<TaskWire>) {
    (etag::header_of(&tag(&owned.detail)), wire(&state, &owned))
}

/// The task as it is now.
async fn reloaded(state: &State, owned: OwnedTask) -> Result<Json<TaskWire>, ApiError> {
    let (detail, project) = owned_task(state, &owned.signed, &owned.detail.task.id).await?;
    Ok(wire(state, &OwnedTask { signed: owned.signed, detail, project }))
}

/// Changes a task before it runs.
pub async fn update(
    state: State,
    owned: OwnedTask,
    headers: HeaderMap,
    Body(body): Body<UpdateTask>,
) -> Result<(TagHeader, Json<TaskWire>), ApiError> {
    if body.is_empty() {
        return Err(ApiError::bad_request("nothing_to_update", "Nothing to update"));
    }
    let _edit = state.edits.lock().await;
    let (detail, _) = owned_task(&state, &owned.signed, &owned.detail.task.id).await?;
    etag::must_match(&headers, &tag(&detail))?;
    let spec = body.description.map(|description| TaskSpec { description, ..detail.spec });
    let command = decide::UpdateTask {
        task: Some(owned.detail.task.id.clone()),
        title: body.title,
        spec,
        tier: body.tier,
        priority: body.priority,
        max_tokens: body.max_tokens,
    };
    state.engine.apply(owned.signed.actor(), Command::UpdateTask(command)).await?;
    let (detail, project) = owned_task(&state, &owned.signed, &owned.detail.task.id).await?;
    let tag = etag::header_of(&tag(&detail));
    Ok((tag, wire(&state, &OwnedTask { signed: owned.signed, detail, project })))
}

/// Has a failed task tried again.
pub async fn retry(state: State, owned: OwnedTask) -> Result<Json<TaskWire>, ApiError> {
    let command = Command::RetryTask(owned.detail.task.id.clone());
    state.engine.apply(owned.signed.actor(), command).await?;
    reloaded(&state, owned).await
}

/// Calls a task off.
pub async fn cancel(state: State, owned: OwnedTask) -> Result<Json<TaskWire>, ApiError> {
    let command = Command::CancelTask(owned.detail.task.id.clone());
    state.engine.apply(owned.signed.actor(), command).await?;
    reloaded(&state, owned).await
}

/// Judges an output.
pub async fn review(
    state: State,
    owned: OwnedTask,
    Body(body): Body<Review>,
) -> Result<Json<TaskWire>, ApiError> {
    let (actor, task) = (owned.signed.actor(), &owned.detail.task.id);
    state.engine.review(actor, task, body.accept, body.feedback).await?;
    reloaded(&state, owned).await
}

/// One action on many tasks, one by one.
pub async fn bulk(state: State, signed: Signed, Body(body): Body<Bulk>) -> Result<Json<BulkWire>, ApiError> {
    let mut wire = BulkWire::default();
    for id in body.task_ids {
        match one_of_many(&state, &signed, &id, body.is_retry).await {
            Ok(()) => wire.succeeded.push(id),
            Err(ApiError::Problem { detail, .. }) => {
                wire.failed.push(NotDone { id, reason: detail.into_owned() });
            }
            Err(other) => return Err(other),
        }
    }
    Ok(Json(wire))
}

async fn one_of_many(state: &State, signed: &Signed, id: &str, is_retry: bool) -> Result<(), ApiError> {
    if !is_id(id) {
        return Err(ApiError::not_found("Task"));
    }
    let id = TaskId::new(id);
    owned_task(state, signed, &id).await?;
    let command = if is_retry { Command::RetryTask(id) } else { Command::CancelTask(id) };
    state.engine.apply(signed.actor(), command).await?;
    Ok(())
}
