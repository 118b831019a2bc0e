//! What the engine is told of the configuration.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::context::ContextBounds;
use domain::policy::Policy;
use domain::pricing::PriceTable;
use domain::project::ProjectConfig;
use domain::refusal::{Code, Refusal};
use domain::routing::{ANTHROPIC, Route, Routes, Tier};

/// Configuration of one engine.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Rules that decisions depend on; the store has the same.
    pub policy: Policy,
    /// Which model does what.
    pub routes: Routes,
    /// What models cost.
    pub prices: PriceTable,
    /// Whether every call goes to the simulated model.
    pub is_simulated: bool,
    /// Calls in flight to begin with, by provider. One that is not here has no
    /// bound of its own.
    pub concurrency: BTreeMap<String, u32>,
    /// Tasks that may run at once.
    pub slots: usize,
    /// Most rounds of tool calls in one attempt.
    pub tool_rounds_max: u32,
    /// Whether outputs are judged.
    pub is_verification_enabled: bool,
    /// Upper bound of a verdict, in tokens.
    pub verification_max_tokens: u32,
    /// How much of the variable parts a task is told.
    pub context: ContextBounds,
    /// How long one model call may take, in milliseconds.
    pub call_timeout_ms: u64,
    /// How often to look for work when nothing says that there is some.
    pub tick: Duration,
    /// How long calls in flight may go on after a first request to stop.
    pub grace: Duration,
}

impl Settings {
    /// The routes of one project: its own model and tiers, and the stand-in where
    /// it asks for it.
    ///
    /// # Errors
    /// A refusal that names the tier or model that means nothing.
    pub fn routes_for(&self, config: &ProjectConfig) -> Result<Routes, Refusal> {
        let overrides: Vec<(&str, &str)> = Tier::ALL
            .iter()
            .filter_map(|tier| config.tier(tier.as_str()).map(|model| (tier.as_str(), model)))
            .collect();
        let base =
            match config.model() {
                Some(text) => Routes::uniform(&Route::parse(text, ANTHROPIC).ok_or_else(|| {
                    Refusal::new(Code::Invalid, "model names no model; write provider/model")
                })?),
                None => self.routes.clone(),
            };
        let routes = base.with_tiers(overrides)?;
        Ok(if self.is_simulated || config.is_simulated() { routes.simulated() } else { routes })
    }
}
