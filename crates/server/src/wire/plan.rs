//! Plans on the wire.

use domain::plan::PlanVersion;
use domain::plan::wire::to_json;
use serde::Serialize;
use serde_json::Value;

use super::Page;
use crate::extract::{Fields, Shape};

/// A plan version.
#[derive(Serialize)]
pub struct PlanWire {
    id: String,
    project_id: String,
    version: u32,
    model_used: String,
    prompt_tokens: u64,
    completion_tokens: u64,
    cost_usd: f64,
    plan: Value,
    status: &'static str,
    created_at: f64,
}

impl From<&PlanVersion> for PlanWire {
    fn from(plan: &PlanVersion) -> Self {
        Self {
            id: plan.id.to_string(),
            project_id: plan.project.to_string(),
            version: plan.version,
            model_used: plan.model.to_string(),
            prompt_tokens: plan.usage.prompt(),
            completion_tokens: plan.usage.output,
            cost_usd: plan.cost.to_dollars(),
            plan: to_json(&plan.plan, plan.rigor),
            status: plan.state.as_str(),
            created_at: plan.created_at.to_seconds(),
        }
    }
}

/// What planning answers.
#[derive(Serialize)]
pub struct PlannedWire {
    plan_id: String,
    version: u32,
    plan: Value,
    model_used: String,
    prompt_tokens: u64,
    completion_tokens: u64,
    cost_usd: f64,
}

impl From<&PlanVersion> for PlannedWire {
    fn from(plan: &PlanVersion) -> Self {
        let PlanWire { id, version, model_used, prompt_tokens, completion_tokens, cost_usd, plan, .. } =
            plan.into();
        Self { plan_id: id, version, plan, model_used, prompt_tokens, completion_tokens, cost_usd }
    }
}

/// What planning answers when nobody waits for it.
#[derive(Serialize)]
pub struct PlanningWire {
    /// To be found in the events.
    pub operation_id: String,
    /// `planning`.
    pub status: &'static str,
}

/// What approving answers.
#[derive(Serialize)]
pub struct ApprovedWire {
    /// How many tasks there are now.
    pub tasks_created: usize,
    /// In the plan's order.
    pub task_ids: Vec<String>,
    /// What they will probably cost.
    pub estimated_cost_usd: f64,
    /// The plan's summary.
    pub summary: String,
    /// How many waves they form.
    pub total_waves: u32,
}

/// Query of the list.
pub struct ListPlans(pub Page);

impl Shape for ListPlans {
    fn read(fields: &mut Fields) -> Self {
        Self(Page::read(fields, 100, 20))
    }
}
