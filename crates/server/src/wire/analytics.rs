//! Sums over everything, on the wire.

use domain::money::NanoUsd;
use serde_json::{Value, json};
use store::{
    CostBreakdown, CostLine, Efficiency, EffortLine, OutcomeLine, SpendLine, UsageOverview, WaveLine,
};

use super::{dollars6, rounded};
use crate::extract::{Fields, Shape};

/// Query of what looks back for some days.
pub struct Window {
    /// How many.
    pub days: u64,
}

impl Shape for Window {
    fn read(fields: &mut Fields) -> Self {
        Self { days: fields.int_or("days", 1..=90, 30).unsigned_abs() }
    }
}

/// A share; nothing of nothing is none.
fn rate(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { rounded(part as f64 / whole as f64, 4) }
}

fn per(cost: NanoUsd, count: u64) -> Option<f64> {
    (count > 0).then(|| rounded(cost.to_dollars() / count as f64, 6))
}

/// What was spent on tasks that have ended.
#[must_use]
pub fn cost_breakdown(costs: &CostBreakdown) -> Value {
    let project = |line: &CostLine| {
        json!({
            "project_id": line.key,
            "project_name": line.name.as_deref().unwrap_or("(deleted)"),
            "cost_usd": dollars6(line.cost),
            "task_count": line.count,
        })
    };
    let tier = |line: &CostLine| {
        json!({
            "model_tier": line.key,
            "cost_usd": dollars6(line.cost),
            "task_count": line.count,
            "avg_cost_per_task": per(line.cost, line.count).unwrap_or(0.0),
        })
    };
    let day =
        |line: &CostLine| json!({"date": line.key, "cost_usd": dollars6(line.cost), "api_calls": line.count});
    json!({
        "by_project": costs.projects.iter().map(project).collect::<Vec<_>>(),
        "by_model_tier": costs.tiers.iter().map(tier).collect::<Vec<_>>(),
        "daily_trend": costs.days.iter().map(day).collect::<Vec<_>>(),
        "total_cost_usd": dollars6(costs.tiers.iter().map(|line| line.cost).sum()),
    })
}

/// How tasks ended and were judged.
#[must_use]
pub fn task_outcomes(lines: &[OutcomeLine]) -> Value {
    let tier = |line: &OutcomeLine| {
        json!({
            "model_tier": line.tier,
            "total": line.total,
            "completed": line.completed,
            "failed": line.failed,
            "needs_review": line.needs_review,
            "success_rate": rate(line.completed, line.total),
        })
    };
    let judged = lines.iter().filter_map(|line| {
        let verified = line.passed + line.gaps_found + line.human_needed;
        (verified > 0).then(|| {
            json!({
                "model_tier": line.tier,
                "total_verified": verified,
                "passed": line.passed,
                "gaps_found": line.gaps_found,
                "human_needed": line.human_needed,
                "pass_rate": rate(line.passed, verified),
            })
        })
    });
    json!({
        "by_tier": lines.iter().map(tier).collect::<Vec<_>>(),
        "verification_by_tier": judged.collect::<Vec<_>>(),
    })
}

/// What work took.
#[must_use]
pub fn efficiency(sums: &Efficiency) -> Value {
    let retries = |line: &EffortLine| {
        json!({
            "model_tier": line.tier,
            "total_tasks": line.total,
            "tasks_with_retries": line.with_retries,
            "total_retries": line.retries,
            "retry_rate": rate(line.with_retries, line.total),
        })
    };
    let wave = |line: &WaveLine| {
        json!({
            "project_id": line.project,
            "project_name": line.name,
            "wave": line.wave,
            "task_count": line.count,
            "avg_duration_seconds": line.average_ms.map(|ms| rounded(ms / 1_000.0, 2)),
        })
    };
    let cost = |line: &EffortLine| {
        json!({
            "model_tier": line.tier,
            "cost_usd": dollars6(line.cost),
            "tasks_completed": line.completed,
            "verification_pass_count": line.passed,
            "cost_per_pass": per(line.cost, line.passed),
        })
    };
    json!({
        "retries_by_tier": sums.tiers.iter().map(retries).collect::<Vec<_>>(),
        "checkpoint_count": sums.checkpoints,
        "unresolved_checkpoint_count": sums.open_checkpoints,
        "wave_throughput": sums.waves.iter().map(wave).collect::<Vec<_>>(),
        "cost_efficiency": sums.tiers.iter().map(cost).collect::<Vec<_>>(),
    })
}

/// All usage of a time.
#[must_use]
pub fn usage_overview(sums: &UsageOverview) -> Value {
    let total: NanoUsd = sums.providers.iter().map(|line| line.cost).sum();
    let pct = |cost: NanoUsd| {
        if total.is_zero() { 0.0 } else { rounded(100.0 * cost.to_dollars() / total.to_dollars(), 1) }
    };
    let purpose = |line: &SpendLine| {
        let name = if line.key.is_empty() { "(unset)" } else { &line.key };
        json!({
            "purpose": name,
            "cost_usd": dollars6(line.cost),
            "api_calls": line.calls,
            "pct_of_total": pct(line.cost),
        })
    };
    let provider = |line: &SpendLine| {
        json!({
            "provider": line.key,
            "cost_usd": dollars6(line.cost),
            "api_calls": line.calls,
            "prompt_tokens": line.usage.prompt(),
            "completion_tokens": line.usage.output,
            "pct_of_total": pct(line.cost),
        })
    };
    let model = |line: &SpendLine| {
        json!({
            "model": line.key,
            "provider": line.provider,
            "cost_usd": dollars6(line.cost),
            "api_calls": line.calls,
            "pct_of_total": pct(line.cost),
        })
    };
    let tokens = |line: &SpendLine| line.usage.prompt().saturating_add(line.usage.output);
    json!({
        "summary": {
            "total_cost_usd": dollars6(total),
            "total_api_calls": sums.providers.iter().map(|line| line.calls).sum::<u64>(),
            "total_tokens": sums.providers.iter().map(tokens).fold(0, u64::saturating_add),
            "active_projects": sums.projects,
        },
        "by_purpose": sums.purposes.iter().map(purpose).collect::<Vec<_>>(),
        "by_provider": sums.providers.iter().map(provider).collect::<Vec<_>>(),
        "by_model": sums.models.iter().map(model).collect::<Vec<_>>(),
    })
}
