//! A whole project with its history, as one document.

use axum::Json;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use domain::attempt::LedgerEntry;
use domain::event::Event;
use domain::id::ProjectId;
use serde_json::{Value, json};
use store::{TaskDetail, TaskFilter};

use crate::error::ApiError;
use crate::extract::OwnedProject;
use crate::state::State;
use crate::wire::checkpoint::CheckpointWire;
use crate::wire::plan::PlanWire;
use crate::wire::project::ProjectWire;
use crate::wire::task::TaskWire;

/// Rows read at once.
const CHUNK: u32 = 500;

/// Everything about a project.
pub async fn export(state: State, owned: OwnedProject) -> Result<Response, ApiError> {
    let project = &owned.row.project;
    let plans = state.store.list_plans(&project.id, u32::MAX, 0).await?;
    let tasks = tasks(&state, &project.id).await?;
    let dispatch = state.engine.settings().policy.dispatch;
    let checkpoints = state.store.list_checkpoints(Some(&project.id), None, false).await?;
    let usage = state.store.list_ledger(&project.id).await?;
    let document = json!({
        "exported_at": state.now().to_seconds(),
        "project": ProjectWire::from(&owned.row),
        "plans": plans.iter().map(PlanWire::from).collect::<Vec<_>>(),
        "tasks": tasks.iter().map(|task| TaskWire::new(task, project, dispatch)).collect::<Vec<_>>(),
        "events": events(&state, &project.id).await?,
        "checkpoints": checkpoints.iter().map(CheckpointWire::from).collect::<Vec<_>>(),
        "usage": usage.iter().enumerate().map(|(index, entry)| usage_json(index, entry)).collect::<Vec<_>>(),
        "knowledge": [],
    });
    let mut response = Json(document).into_response();
    let safe: String =
        project.id.as_str().chars().filter(|c| c.is_ascii_alphanumeric() || "_-".contains(*c)).collect();
    if let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"project_{safe}.json\"")) {
        response.headers_mut().insert(header::CONTENT_DISPOSITION, value);
    }
    Ok(response)
}

async fn tasks(state: &State, project: &ProjectId) -> Result<Vec<TaskDetail>, ApiError> {
    let mut all = Vec::new();
    loop {
        let offset = u32::try_from(all.len()).unwrap_or(u32::MAX);
        let filter = TaskFilter { limit: CHUNK, offset, ..TaskFilter::default() };
        let rows = state.store.list_tasks(project, &filter).await?;
        let is_last = rows.len() < CHUNK as usize;
        all.extend(rows);
        if is_last {
            return Ok(all);
        }
    }
}

async fn events(state: &State, project: &ProjectId) -> Result<Vec<Value>, ApiError> {
    let (mut all, mut last) = (Vec::new(), 0);
    loop {
        let events = state.store.events_after(project, last, CHUNK).await?;
        let Some(newest) = events.last() else { return Ok(all) };
        last = newest.seq;
        all.extend(events.iter().map(event_json));
    }
}

fn event_json(event: &Event) -> Value {
    json!({
        "id": event.seq,
        "task_id": event.task,
        "event_type": event.kind.as_str(),
        "message": event.message,
        "data": event.data,
        "timestamp": event.at.to_seconds(),
    })
}

fn usage_json(index: usize, entry: &LedgerEntry) -> Value {
    json!({
        "id": index + 1,
        "task_id": entry.task,
        "provider": entry.provider,
        "model": entry.model,
        "prompt_tokens": entry.usage.prompt(),
        "completion_tokens": entry.usage.output,
        "cost_usd": entry.amount.to_dollars(),
        "purpose": entry.purpose.as_str(),
        "timestamp": entry.at.to_seconds(),
    })
}
