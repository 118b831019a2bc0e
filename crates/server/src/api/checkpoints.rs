//! Checkpoints: questions to people, and their answers.

use axum::Json;
use domain::decide::{Command, ResolveCheckpoint};

use crate::error::ApiError;
use crate::extract::{Body, OwnedCheckpoint, OwnedProject, Query};
use crate::state::State;
use crate::wire::checkpoint::{CheckpointWire, ListCheckpoints, Resolve};

/// Checkpoints of a project, newest first.
pub async fn list(
    state: State,
    owned: OwnedProject,
    Query(query): Query<ListCheckpoints>,
) -> Result<Json<Vec<CheckpointWire>>, ApiError> {
    let all = state.store.list_checkpoints(Some(&owned.row.project.id), None, !query.is_all).await?;
    let page = all.iter().rev().skip(query.page.offset as usize).take(query.page.limit as usize);
    Ok(Json(page.map(CheckpointWire::from).collect()))
}

/// A checkpoint.
pub async fn get(owned: OwnedCheckpoint) -> Json<CheckpointWire> {
    Json((&owned.checkpoint).into())
}

/// Answers a checkpoint. What all later tasks should know goes to the next attempt
/// as well, for nothing else keeps it yet.
pub async fn resolve(
    state: State,
    owned: OwnedCheckpoint,
    Body(body): Body<Resolve>,
) -> Result<Json<CheckpointWire>, ApiError> {
    let parts = [body.guidance.trim(), body.gotcha.trim()];
    let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    let id = owned.checkpoint.id.clone();
    let command = ResolveCheckpoint {
        checkpoint: id.clone(),
        resolution: body.resolution,
        guidance: parts.join("\n\n"),
    };
    state.engine.apply(owned.signed.actor(), Command::ResolveCheckpoint(command)).await?;
    let now = state.store.find_checkpoint(&id).await?;
    let checkpoint = now.ok_or_else(|| ApiError::not_found("Checkpoint"))?;
    Ok(Json((&checkpoint).into()))
}
