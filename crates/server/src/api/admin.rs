//! What admins see and do.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{FromRequest as _, Request};
use domain::id::UserId;
use domain::task::TaskState;
use serde_json::{Value, json};
use store::{ProjectFilter, Role, UsageGroup, User};

use crate::api::auth::user_error;
use crate::auth::session;
use crate::error::ApiError;
use crate::extract::{Admin, Body, Query, path_id};
use crate::state::State;
use crate::wire::admin::{AdminUserWire, ListUsers, UpdateUser};
use crate::wire::{dollars6, rounded};

/// Rows read at once where everything is read.
const CHUNK: u32 = 500;

async fn with_projects(state: &State, user: &User) -> Result<AdminUserWire, ApiError> {
    let filter = ProjectFilter { owner: Some(user.id.clone()), ..ProjectFilter::default() };
    Ok(AdminUserWire::new(user, state.store.count_projects(&filter).await?))
}

/// Accounts, newest first.
pub async fn users(
    state: State,
    _admin: Admin,
    Query(ListUsers(page)): Query<ListUsers>,
) -> Result<Json<Vec<AdminUserWire>>, ApiError> {
    // The store counts from the oldest.
    let total = u32::try_from(state.store.count_users().await?).unwrap_or(u32::MAX);
    let end = total.saturating_sub(page.offset);
    let start = end.saturating_sub(page.limit);
    let mut wires = Vec::new();
    for user in state.store.list_users(end - start, start).await?.iter().rev() {
        wires.push(with_projects(&state, user).await?);
    }
    Ok(Json(wires))
}

/// Changes role or activity of an account.
pub async fn update_user(
    state: State,
    Admin(admin): Admin,
    request: Request,
) -> Result<Json<AdminUserWire>, ApiError> {
    let (mut parts, body) = request.into_parts();
    let id = UserId::new(path_id(&mut parts, &state, "user_id", "User").await?);
    let Body(change) = Body::<UpdateUser>::from_request(Request::from_parts(parts, body), &state).await?;
    let user = state.store.find_user(&id).await?.ok_or_else(|| ApiError::not_found("User"))?;
    if id == admin.user.id && change.is_active == Some(false) {
        return Err(ApiError::bad_request("self", "You cannot deactivate your own account"));
    }
    if id == admin.user.id && change.role.is_some_and(|role| role != Role::Admin) {
        return Err(ApiError::bad_request("self", "You cannot take your own admin role away"));
    }
    if change.role.is_none() && change.is_active.is_none() {
        return Err(ApiError::bad_request("nothing_to_update", "Nothing to update"));
    }
    let updated = state.store.update_user(&user.id, change.role, change.is_active, state.now()).await;
    let updated = updated.map_err(user_error)?;
    if !updated.is_active {
        session::end_all(&state, &updated.id).await?;
    }
    Ok(Json(with_projects(&state, &updated).await?))
}

/// Counts over everything.
pub async fn stats(state: State, _admin: Admin) -> Result<Json<Value>, ApiError> {
    let (total_users, active_users) = count_users(&state).await?;
    let mut projects: BTreeMap<&str, u64> = BTreeMap::new();
    let mut tasks: BTreeMap<&str, u64> = BTreeMap::new();
    let mut offset = 0;
    loop {
        let filter = ProjectFilter { limit: CHUNK, offset, ..ProjectFilter::default() };
        let rows = state.store.list_projects(&filter).await?;
        for row in &rows {
            *projects.entry(row.project.state.as_str()).or_default() += 1;
            for &task_state in TaskState::ALL {
                let count = row.project.counts.of(task_state);
                if count > 0 {
                    *tasks.entry(task_state.wire()).or_default() += u64::from(count);
                }
            }
        }
        if rows.len() < CHUNK as usize {
            break;
        }
        offset += CHUNK;
    }
    let models = state.store.usage_summary(UsageGroup::Model, None, None, false).await?;
    let spend: BTreeMap<&str, f64> = models.iter().map(|line| (&*line.name, dollars6(line.cost))).collect();
    let of = |word: &str| tasks.get(word).copied().unwrap_or(0);
    let ended = of("completed") + of("failed");
    let rate = if ended == 0 { 0.0 } else { rounded(of("completed") as f64 / ended as f64, 4) };
    Ok(Json(json!({
        "total_users": total_users,
        "active_users": active_users,
        "total_projects": projects.values().sum::<u64>(),
        "projects_by_status": projects,
        "total_tasks": tasks.values().sum::<u64>(),
        "tasks_by_status": tasks,
        "total_spend_usd": dollars6(models.iter().map(|line| line.cost).sum()),
        "spend_by_model": spend,
        "task_completion_rate": rate,
    })))
}

async fn count_users(state: &State) -> Result<(u64, u64), ApiError> {
    let (mut total, mut active, mut offset) = (0, 0, 0);
    loop {
        let users = state.store.list_users(CHUNK, offset).await?;
        total += users.len() as u64;
        active += users.iter().filter(|user| user.is_active).count() as u64;
        if users.len() < CHUNK as usize {
            return Ok((total, active));
        }
        offset += CHUNK;
    }
}
