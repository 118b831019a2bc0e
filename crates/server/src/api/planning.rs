//! Plans: asked for, listed, approved.

use axum::Json;
use axum::extract::{FromRequestParts as _, Request};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use domain::decide::{ApprovePlan, Command, Outcome};
use domain::id::PlanId;
use domain::refusal::Code;
use engine::PlanEnd;

use crate::error::{ApiError, status_of};
use crate::extract::{OwnedProject, Query, path_id};
use crate::forecast;
use crate::state::State;
use crate::wire::plan::{ApprovedWire, ListPlans, PlanWire, PlannedWire, PlanningWire};
use crate::wire::rounded;

const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

fn wants_no_wait(headers: &HeaderMap) -> bool {
    let values = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
    values
        .flat_map(|value| value.split([',', ';']))
        .any(|word| word.trim().eq_ignore_ascii_case("respond-async"))
}

/// Makes a plan and waits for it. Whoever hangs up changes nothing.
pub async fn plan(state: State, owned: OwnedProject, headers: HeaderMap) -> Result<Response, ApiError> {
    let actor = owned.signed.actor();
    let operation = state.engine.plan(actor, &owned.row.project, &owned.row.requirements).await?;
    if wants_no_wait(&headers) {
        let wire = PlanningWire { operation_id: operation.to_string(), status: "planning" };
        let mut response = (StatusCode::ACCEPTED, Json(wire)).into_response();
        let applied = HeaderValue::from_static("respond-async");
        response.headers_mut().insert(PREFERENCE_APPLIED, applied);
        return Ok(response);
    }
    let end = tokio::select! {
        end = state.engine.planned(&operation) => end?,
        () = state.closing.cancelled() => {
            let detail = "The server is stopping; planning goes on when it is back";
            return Err(ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "stopping", detail));
        }
    };
    match end {
        PlanEnd::Stored(id) => {
            let plan = state.store.find_plan(&id).await?.ok_or_else(|| ApiError::not_found("Plan"))?;
            Ok(Json(PlannedWire::from(&plan)).into_response())
        }
        PlanEnd::Cancelled => Err(ApiError::bad_request("cancelled", "Planning was called off")),
        PlanEnd::Failed { code, message } => Err(failed(&code, message)),
    }
}

/// Refusals keep their status; what a provider did is a bad gateway.
fn failed(code: &str, message: String) -> ApiError {
    const CODES: [Code; 8] = [
        Code::BudgetExhausted,
        Code::BudgetHeld,
        Code::PriceUnknown,
        Code::PlanInvalid,
        Code::CycleDetected,
        Code::Invalid,
        Code::NoProvider,
        Code::UnknownModel,
    ];
    match CODES.into_iter().find(|known| known.as_str() == code) {
        Some(known) => ApiError::new(status_of(known), known.as_str(), message),
        None => ApiError::new(StatusCode::BAD_GATEWAY, "planning_failed", message),
    }
}

/// Plan versions, newest first.
pub async fn list(
    state: State,
    owned: OwnedProject,
    Query(ListPlans(page)): Query<ListPlans>,
) -> Result<Json<Vec<PlanWire>>, ApiError> {
    let plans = state.store.list_plans(&owned.row.project.id, page.limit, page.offset).await?;
    Ok(Json(plans.iter().map(PlanWire::from).collect()))
}

/// Turns a draft into tasks.
pub async fn approve(state: State, request: Request) -> Result<Json<ApprovedWire>, ApiError> {
    let (mut parts, _) = request.into_parts();
    let owned = OwnedProject::from_request_parts(&mut parts, &state).await?;
    let id = PlanId::new(path_id(&mut parts, &state, "plan_id", "Plan").await?);
    let project = &owned.row.project;
    let plan = state.store.find_plan(&id).await?.filter(|plan| plan.project == project.id);
    let plan = plan.ok_or_else(|| ApiError::not_found("Plan"))?;
    let estimate = forecast::of(&state, project, &plan.plan).await?;
    let known_tools = state.engine.tool_names();
    let command = ApprovePlan { project: project.id.clone(), plan: id, known_tools };
    let applied = state.engine.apply(owned.signed.actor(), Command::ApprovePlan(command)).await?;
    let Outcome::Approved { tasks, waves } = applied.outcome else {
        return Err(ApiError::internal("approving a plan had another outcome"));
    };
    Ok(Json(ApprovedWire {
        tasks_created: tasks.len(),
        task_ids: tasks.iter().map(ToString::to_string).collect(),
        estimated_cost_usd: rounded(estimate.to_dollars(), 4),
        summary: plan.plan.summary.clone(),
        total_waves: waves,
    }))
}
