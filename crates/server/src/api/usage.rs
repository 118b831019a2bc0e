//! What was spent.

use axum::Json;
use domain::budget::scopes;
use domain::id::ProjectId;
use store::UsageGroup;

use crate::error::ApiError;
use crate::extract::{Admin, Query, Signed, is_id, owned_project};
use crate::state::State;
use crate::wire::usage::{BudgetWire, ByProject, Daily, DayWire, ProjectUsageWire, Summary, UsageWire};

/// Sums of a project, or of everything for admins.
pub async fn summary(
    state: State,
    signed: Signed,
    Query(query): Query<Summary>,
) -> Result<Json<UsageWire>, ApiError> {
    match &query.project {
        Some(id) if !is_id(id.as_str()) => return Err(ApiError::not_found("Project")),
        Some(id) => {
            owned_project(&state, &signed, id).await?;
        }
        None if !signed.is_admin() => return Err(ApiError::forbidden()),
        None => {}
    }
    let project = query.project.as_ref();
    let by = async |group| state.store.usage_summary(group, project, None, query.is_simulated).await;
    let models = by(UsageGroup::Model).await?;
    let providers = by(UsageGroup::Provider).await?;
    Ok(Json(UsageWire::new(&models, &providers)))
}

/// What is spent of the limits that all projects share.
pub async fn budget(state: State, _admin: Admin) -> Result<Json<BudgetWire>, ApiError> {
    let limits = state.engine.settings().policy.limits;
    // The project's own scope comes last and is left out.
    let scopes = scopes(&limits, &ProjectId::new("-"), None, None, false, state.now());
    let keys: Vec<_> = scopes.iter().take(2).map(|scope| scope.key.clone()).collect();
    let accounts = state.store.accounts(&keys).await?;
    let [day, month] = &accounts[..] else {
        return Err(ApiError::internal("the store left out an account"));
    };
    Ok(Json(BudgetWire::new((day.spent, limits.daily), (month.spent, limits.monthly))))
}

/// Days that had calls, oldest first.
pub async fn daily(
    state: State,
    _admin: Admin,
    Query(query): Query<Daily>,
) -> Result<Json<Vec<DayWire>>, ApiError> {
    let days = state.store.usage_summary(UsageGroup::Day, None, None, false).await?;
    let count = query.days.unwrap_or(usize::MAX).min(days.len());
    Ok(Json(days[..count].iter().rev().map(DayWire::from).collect()))
}

/// Projects by cost.
pub async fn by_project(
    state: State,
    signed: Signed,
    Query(ByProject(page)): Query<ByProject>,
) -> Result<Json<Vec<ProjectUsageWire>>, ApiError> {
    let user = (!signed.is_admin()).then_some(&signed.user.id);
    let lines = state.store.usage_summary(UsageGroup::Project, None, user, false).await?;
    let mut wires = Vec::new();
    for line in lines.iter().skip(page.offset as usize).take(page.limit as usize) {
        let row = state.store.find_project(&ProjectId::new(line.name.clone())).await?;
        wires.push(ProjectUsageWire::new(line, row.as_ref().map(|row| &*row.project.name)));
    }
    Ok(Json(wires))
}
