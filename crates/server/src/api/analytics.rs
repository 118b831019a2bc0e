//! Sums over everything, for admins.

use axum::Json;
use domain::time::Timestamp;
use serde_json::Value;

use crate::error::ApiError;
use crate::extract::{Admin, Query};
use crate::state::State;
use crate::wire::analytics::{self, Window};

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

fn since(state: &State, window: &Window) -> Timestamp {
    let days = i64::try_from(window.days).unwrap_or(0);
    Timestamp(state.now().0.saturating_sub(days * DAY_MS))
}

/// What tasks that have ended cost.
pub async fn cost_breakdown(
    state: State,
    _admin: Admin,
    Query(window): Query<Window>,
) -> Result<Json<Value>, ApiError> {
    let costs = state.store.cost_breakdown(since(&state, &window)).await?;
    Ok(Json(analytics::cost_breakdown(&costs)))
}

/// How tasks ended.
pub async fn task_outcomes(state: State, _admin: Admin) -> Result<Json<Value>, ApiError> {
    Ok(Json(analytics::task_outcomes(&state.store.task_outcomes().await?)))
}

/// What work took.
pub async fn efficiency(state: State, _admin: Admin) -> Result<Json<Value>, ApiError> {
    Ok(Json(analytics::efficiency(&state.store.efficiency().await?)))
}

/// All usage of some days.
pub async fn usage_overview(
    state: State,
    _admin: Admin,
    Query(window): Query<Window>,
) -> Result<Json<Value>, ApiError> {
    let sums = state.store.usage_overview(since(&state, &window)).await?;
    Ok(Json(analytics::usage_overview(&sums)))
}
