//! Usage and budget on the wire.

use std::collections::BTreeMap;

use domain::id::ProjectId;
use domain::money::NanoUsd;
use serde::Serialize;
use store::UsageLine;

use super::{Page, dollars4, rounded};
use crate::extract::{Fields, Shape};

#[derive(Serialize)]
struct ModelWire {
    cost_usd: f64,
    prompt_tokens: u64,
    completion_tokens: u64,
    calls: u64,
}

#[derive(Serialize)]
struct ProviderWire {
    cost_usd: f64,
    calls: u64,
}

/// Sums.
#[derive(Serialize)]
pub struct UsageWire {
    total_cost_usd: f64,
    total_prompt_tokens: u64,
    total_completion_tokens: u64,
    api_call_count: u64,
    by_model: BTreeMap<String, ModelWire>,
    by_provider: BTreeMap<String, ProviderWire>,
}

impl UsageWire {
    /// Sums by model and by provider.
    #[must_use]
    pub fn new(models: &[UsageLine], providers: &[UsageLine]) -> Self {
        let model = |line: &UsageLine| ModelWire {
            cost_usd: dollars4(line.cost),
            prompt_tokens: line.usage.prompt(),
            completion_tokens: line.usage.output,
            calls: line.calls,
        };
        let provider = |line: &UsageLine| ProviderWire { cost_usd: dollars4(line.cost), calls: line.calls };
        Self {
            total_cost_usd: dollars4(models.iter().map(|line| line.cost).sum()),
            total_prompt_tokens: models.iter().map(|line| line.usage.prompt()).sum(),
            total_completion_tokens: models.iter().map(|line| line.usage.output).sum(),
            api_call_count: models.iter().map(|line| line.calls).sum(),
            by_model: models.iter().map(|line| (line.name.to_string(), model(line))).collect(),
            by_provider: providers.iter().map(|line| (line.name.to_string(), provider(line))).collect(),
        }
    }
}

/// What is spent of the limits.
#[derive(Serialize)]
pub struct BudgetWire {
    daily_spent_usd: f64,
    daily_limit_usd: f64,
    daily_pct: f64,
    monthly_spent_usd: f64,
    monthly_limit_usd: f64,
    monthly_pct: f64,
}

impl BudgetWire {
    /// Spent and limit of the day, and of the month.
    #[must_use]
    pub fn new(day: (NanoUsd, NanoUsd), month: (NanoUsd, NanoUsd)) -> Self {
        let pct = |(spent, limit): (NanoUsd, NanoUsd)| {
            if limit <= NanoUsd::ZERO {
                0.0
            } else {
                rounded(100.0 * spent.to_dollars() / limit.to_dollars(), 1)
            }
        };
        Self {
            daily_spent_usd: dollars4(day.0),
            daily_limit_usd: day.1.to_dollars(),
            daily_pct: pct(day),
            monthly_spent_usd: dollars4(month.0),
            monthly_limit_usd: month.1.to_dollars(),
            monthly_pct: pct(month),
        }
    }
}

/// One day.
#[derive(Serialize)]
pub struct DayWire {
    date: String,
    cost_usd: f64,
    prompt_tokens: u64,
    completion_tokens: u64,
    api_calls: u64,
}

impl From<&UsageLine> for DayWire {
    fn from(line: &UsageLine) -> Self {
        Self {
            date: line.name.to_string(),
            cost_usd: dollars4(line.cost),
            prompt_tokens: line.usage.prompt(),
            completion_tokens: line.usage.output,
            api_calls: line.calls,
        }
    }
}

/// One project.
#[derive(Serialize)]
pub struct ProjectUsageWire {
    project_id: String,
    project_name: String,
    cost_usd: f64,
    prompt_tokens: u64,
    completion_tokens: u64,
    api_calls: u64,
}

impl ProjectUsageWire {
    /// Sums of a project with its name, if there still is one.
    #[must_use]
    pub fn new(line: &UsageLine, name: Option<&str>) -> Self {
        Self {
            project_id: line.name.to_string(),
            project_name: name.unwrap_or("Unknown").to_owned(),
            cost_usd: dollars4(line.cost),
            prompt_tokens: line.usage.prompt(),
            completion_tokens: line.usage.output,
            api_calls: line.calls,
        }
    }
}

/// Query of the sums.
pub struct Summary {
    /// Of one project.
    pub project: Option<ProjectId>,
    /// Simulated calls instead of real ones.
    pub is_simulated: bool,
}

impl Shape for Summary {
    fn read(fields: &mut Fields) -> Self {
        Self {
            project: fields.opt_text("project_id", 0..=200).map(ProjectId::new),
            is_simulated: fields.bool_or("simulated", false),
        }
    }
}

/// Query of the days.
pub struct Daily {
    /// So many of the last days; `None` means all.
    pub days: Option<usize>,
}

impl Shape for Daily {
    fn read(fields: &mut Fields) -> Self {
        Self { days: usize::try_from(fields.int_or("days", i64::MIN..=90, 30)).ok() }
    }
}

/// Query of the projects.
pub struct ByProject(pub Page);

impl Shape for ByProject {
    fn read(fields: &mut Fields) -> Self {
        Self(Page::read(fields, 200, 50))
    }
}
