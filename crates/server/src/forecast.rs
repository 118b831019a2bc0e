//! What a plan will probably cost here: the engine's forecast, fed with this
//! installation's history. No arithmetic of its own.

use domain::forecast::{History, Kind};
use domain::money::NanoUsd;
use domain::plan::Plan;
use domain::project::Project;

use crate::error::ApiError;
use crate::state::State;

/// Completed tasks that are looked at.
const SAMPLES_MAX: u32 = 2_000;

/// As likely more as less. Nothing when a model has no price: then no task of it
/// can start either, and says so.
///
/// # Errors
/// When the database cannot be read.
pub(crate) async fn of(state: &State, project: &Project, plan: &Plan) -> Result<NanoUsd, ApiError> {
    let settings = state.engine.settings();
    let is_simulated = settings.is_simulated || project.config.is_simulated();
    let mut history = History::default();
    for sample in state.store.history_samples(is_simulated, SAMPLES_MAX).await? {
        let model = sample.model.to_string();
        history.add(Kind::Task { task_type: sample.task_type, tier: sample.tier, model }, sample.cost);
    }
    let forecast = settings.forecast(&project.config, plan, &history, state.now());
    Ok(forecast.map_or(NanoUsd::ZERO, |forecast| forecast.total.p50))
}
