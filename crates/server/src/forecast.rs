//! What a plan will probably cost here: the domain's forecast, fed with this
//! installation's routes, prices and history.

use domain::forecast::{self, Helper, History, Kind, Question, TaskOutline};
use domain::money::NanoUsd;
use domain::plan::Plan;
use domain::project::Project;
use domain::routing::{Route, SIMULATED, Tier, tier_for};

use crate::error::ApiError;
use crate::state::State;

/// Completed tasks that are looked at.
const SAMPLES_MAX: u32 = 2_000;

/// As likely more as less. Tasks whose model has no price count as nothing.
///
/// # Errors
/// When the database cannot be read.
pub(crate) async fn of(state: &State, project: &Project, plan: &Plan) -> Result<NanoUsd, ApiError> {
    let settings = state.engine.settings();
    let Ok(routes) = settings.routes_for(&project.config) else { return Ok(NanoUsd::ZERO) };
    let day = state.now().day();
    let price = |route: &Route| settings.prices.lookup(&route.provider, &route.model, &day).ok().cloned();
    let priced: Vec<_> = plan
        .tasks
        .iter()
        .filter_map(|task| {
            let tier = tier_for(task.task_type, task.complexity);
            let route = routes.route(tier).ok()?;
            Some((task, tier, route, price(route)?))
        })
        .collect();
    let outlines: Vec<TaskOutline<'_>> = priced
        .iter()
        .map(|(task, tier, route, prices)| TaskOutline {
            task_type: task.task_type,
            complexity: task.complexity,
            tier: *tier,
            model: &route.model,
            prices,
            is_verified: settings.is_verification_enabled && *tier != Tier::Ollama,
            is_extracted: false,
        })
        .collect();
    let verifier = routes.verification.as_ref().and_then(|route| Some((route, price(route)?)));
    let is_simulated = priced.iter().any(|(_, _, route, _)| &*route.provider == SIMULATED);
    let mut history = History::default();
    for sample in state.store.history_samples(is_simulated, SAMPLES_MAX).await? {
        let model = sample.model.to_string();
        history.add(Kind::Task { task_type: sample.task_type, tier: sample.tier, model }, sample.cost);
    }
    let question = Question {
        tasks: &outlines,
        verifier: verifier.as_ref().map(|(route, prices)| Helper { model: &route.model, prices }),
        extractor: None,
        planner: None,
    };
    Ok(forecast::forecast(&question, &history).total.p50)
}
