//! What a plan will probably cost under these settings: joins the routes and
//! prices of this engine with the arithmetic of `domain::forecast`.

use domain::forecast::{Forecast, Helper, History, Question, TaskOutline, forecast};
use domain::plan::Plan;
use domain::pricing::PriceTiers;
use domain::project::ProjectConfig;
use domain::refusal::Refusal;
use domain::routing::{Route, tier_for};
use domain::time::Timestamp;

use crate::settings::Settings;
use crate::task::is_judged;

impl Settings {
    /// Forecasts carrying out a plan with a project's settings.
    ///
    /// # Errors
    /// A refusal that names the tier without model or the model without price.
    pub fn forecast(
        &self,
        config: &ProjectConfig,
        plan: &Plan,
        history: &History,
        now: Timestamp,
    ) -> Result<Forecast, Refusal> {
        let routes = self.routes_for(config)?;
        let day = now.day();
        let price = |route: &Route| -> Result<&PriceTiers, Refusal> {
            self.prices.lookup(&route.provider, &route.model, &day)
        };
        let judge = routes.verification.as_ref().filter(|_| self.is_verification_enabled);
        let mut tasks = Vec::with_capacity(plan.tasks.len());
        for task in &plan.tasks {
            let tier = tier_for(task.task_type, task.complexity);
            let route = routes.route(tier)?;
            tasks.push(TaskOutline {
                task_type: task.task_type,
                complexity: task.complexity,
                tier,
                model: &route.model,
                prices: price(route)?,
                is_verified: judge.is_some_and(|judge| is_judged(route, Some(judge))),
                is_extracted: false,
            });
        }
        let verifier = match judge {
            Some(route) => Some(Helper { model: &route.model, prices: price(route)? }),
            None => None,
        };
        let question = Question { tasks: &tasks, verifier, extractor: None, planner: None };
        Ok(forecast(&question, history))
    }
}
