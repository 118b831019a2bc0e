//! What a plan will probably cost, before anybody approves it: P50, P80 and P95
//! for each task and in all, and on what each figure rests.
//!
//! A figure comes from what comparable work cost on this installation where there
//! is enough of it, else from a table of defaults; it says which. No randomness:
//! figures are added up by matching moments, with the same result every time.
//! Floating point is used for ratios only; money comes in and goes out as
//! integers. A forecast limits nothing: holds and limits do that.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::model::{Purpose, Usage};
use crate::money::NanoUsd;
use crate::plan::Rigor;
use crate::pricing::{PriceTiers, cost};
use crate::routing::Tier;
use crate::task::{Complexity, TaskType};

/// Fewer samples than this say too little.
pub const SAMPLES_MIN: usize = 20;

/// Standard normal quantiles.
const Z80: f64 = 0.841_621;
const Z95: f64 = 1.644_854;

/// How much tasks of one project are dear or cheap together. Taken as
/// independent, a hundred tasks would look certain to a few percent, which no
/// project is: its subject and its models are common to all of them.
const CORRELATION: f64 = 0.25;

/// An amount that will be enough in 50, 80 and 95 of 100 cases.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spread {
    /// As likely more as less.
    pub p50: NanoUsd,
    /// Enough four times out of five.
    pub p80: NanoUsd,
    /// Enough nineteen times out of twenty.
    pub p95: NanoUsd,
}

impl Spread {
    /// Whether what it really cost lies within P80: the score of a forecast.
    #[must_use]
    pub fn p80_covers(&self, actual: NanoUsd) -> bool {
        actual <= self.p80
    }
}

/// What a figure rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Basis {
    /// So many comparable pieces of work on this installation.
    History {
        /// How many.
        n: usize,
    },
    /// The table of defaults.
    Defaults,
}

/// One figure and what it rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figure {
    /// The amounts.
    pub cost: Spread,
    /// What they rest on.
    pub basis: Basis,
}

/// What work is compared by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Carrying out a task, all its calls and tries together.
    Task {
        /// Kind of work.
        task_type: TaskType,
        /// Class of model.
        tier: Tier,
        /// Exact model id.
        model: String,
    },
    /// One piece of other work: a plan, a judgement, an extraction.
    Helper {
        /// Which.
        purpose: Purpose,
        /// Exact model id.
        model: String,
    },
}

/// What comparable work cost. Simulated work and real work do not belong into
/// the same history.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    samples: HashMap<Kind, Vec<NanoUsd>>,
}

impl History {
    /// Adds what one piece of work cost.
    pub fn add(&mut self, kind: Kind, cost: NanoUsd) {
        self.samples.entry(kind).or_default().push(cost);
    }

    /// The figure of every kind that has enough samples, made once: plans have
    /// many tasks of few kinds.
    fn figures(&self) -> Known<'_> {
        let enough = self.samples.iter().filter(|(_, samples)| samples.len() >= SAMPLES_MIN);
        enough.map(|(kind, samples)| (kind, from_samples(samples.clone()))).collect()
    }
}

type Known<'a> = HashMap<&'a Kind, Part>;

/// A task whose cost is asked for.
#[derive(Clone, Copy, Debug)]
pub struct TaskOutline<'a> {
    /// Kind of work.
    pub task_type: TaskType,
    /// How hard.
    pub complexity: Complexity,
    /// Class of model.
    pub tier: Tier,
    /// Exact model id of its route.
    pub model: &'a str,
    /// Prices of that model.
    pub prices: &'a PriceTiers,
    /// Whether its output will be judged.
    pub is_verified: bool,
    /// Whether findings will be taken from its output.
    pub is_extracted: bool,
}

/// A model that helps: plans, judges, extracts.
#[derive(Clone, Copy, Debug)]
pub struct Helper<'a> {
    /// Exact model id.
    pub model: &'a str,
    /// Prices of that model.
    pub prices: &'a PriceTiers,
}

/// What is asked for. A helper that is missing costs nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Question<'a> {
    /// The plan's tasks, in its order.
    pub tasks: &'a [TaskOutline<'a>],
    /// Judges outputs.
    pub verifier: Option<Helper<'a>>,
    /// Takes findings from outputs.
    pub extractor: Option<Helper<'a>>,
    /// Makes the plan, where that is still to be paid.
    pub planner: Option<(Helper<'a>, Rigor)>,
}

/// What one task will probably cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskForecast {
    /// All of it.
    pub cost: Spread,
    /// Its own calls.
    pub execution: Figure,
    /// Judging its output.
    pub verification: Option<Figure>,
    /// Taking findings from its output.
    pub knowledge_extraction: Option<Figure>,
}

/// What a plan will probably cost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forecast {
    /// In the plan's order.
    pub tasks: Vec<TaskForecast>,
    /// Making the plan.
    pub planning: Option<Figure>,
    /// All of it.
    pub total: Spread,
    /// Figures that rest on history.
    pub from_history: usize,
    /// Figures that rest on the table of defaults.
    pub from_defaults: usize,
}

/// Forecasts a plan.
#[must_use]
pub fn forecast(question: &Question<'_>, history: &History) -> Forecast {
    let known = history.figures();
    let mut all = Vec::new();
    let tasks: Vec<TaskForecast> =
        question.tasks.iter().map(|task| task_forecast(task, question, &known, &mut all)).collect();
    let planning = question.planner.map(|(helper, rigor)| {
        estimate(Purpose::Planning, helper, planning_default(rigor), &known, &mut all)
    });
    let from_history = all.iter().filter(|part| matches!(part.figure.basis, Basis::History { .. })).count();
    let from_defaults = all.len() - from_history;
    Forecast { tasks, planning, total: add_up(&all), from_history, from_defaults }
}

fn task_forecast(
    task: &TaskOutline<'_>,
    question: &Question<'_>,
    known: &Known<'_>,
    all: &mut Vec<Part>,
) -> TaskForecast {
    let mut parts = Vec::new();
    let kind = Kind::Task { task_type: task.task_type, tier: task.tier, model: task.model.to_owned() };
    let own = part(&kind, task.prices, task_default(task.task_type, task.complexity), known);
    parts.push(own);
    let verifier = question.verifier.filter(|_| task.is_verified);
    let verification = verifier
        .map(|helper| estimate(Purpose::Verification, helper, VERIFICATION_DEFAULT, known, &mut parts));
    let extractor = question.extractor.filter(|_| task.is_extracted);
    let knowledge_extraction = extractor
        .map(|helper| estimate(Purpose::KnowledgeExtraction, helper, EXTRACTION_DEFAULT, known, &mut parts));
    let cost = add_up(&parts);
    all.append(&mut parts);
    TaskForecast { cost, execution: own.figure, verification, knowledge_extraction }
}

fn estimate(
    purpose: Purpose,
    helper: Helper<'_>,
    default: Usual,
    known: &Known<'_>,
    parts: &mut Vec<Part>,
) -> Figure {
    let kind = Kind::Helper { purpose, model: helper.model.to_owned() };
    let part = part(&kind, helper.prices, default, known);
    parts.push(part);
    part.figure
}

/// A figure with the moments by which it is added up.
#[derive(Clone, Copy)]
struct Part {
    figure: Figure,
    mean: f64,
    deviation: f64,
}

fn part(kind: &Kind, prices: &PriceTiers, default: Usual, known: &Known<'_>) -> Part {
    known.get(kind).copied().unwrap_or_else(|| from_default(prices, default))
}

fn from_samples(mut samples: Vec<NanoUsd>) -> Part {
    samples.sort_unstable();
    let n = samples.len();
    // Nearest rank: an amount that really occurred.
    let rank = |percent: usize| {
        let rank = (n * percent).div_ceil(100).clamp(1, n.max(1)) - 1;
        samples.get(rank).copied().unwrap_or_default()
    };
    let cost = Spread { p50: rank(50), p80: rank(80), p95: rank(95) };
    let count = n.max(1) as f64;
    let mean = samples.iter().map(|sample| sample.0 as f64).sum::<f64>() / count;
    let variance = samples.iter().map(|sample| (sample.0 as f64 - mean).powi(2)).sum::<f64>() / count;
    Part { figure: Figure { cost, basis: Basis::History { n } }, mean, deviation: variance.sqrt() }
}

fn from_default(prices: &PriceTiers, default: Usual) -> Part {
    let usage = Usage { input: default.input, output: default.output, ..Usage::default() };
    let median = cost(prices, &usage).0 as f64;
    let spread = default.spread;
    let mean = median * (spread * spread / 2.0).exp();
    let deviation = mean * ((spread * spread).exp() - 1.0).sqrt();
    let cost = lognormal(median, spread);
    Part { figure: Figure { cost, basis: Basis::Defaults }, mean, deviation }
}

/// The sum as the lognormal amount that has its mean and its variance.
fn add_up(parts: &[Part]) -> Spread {
    if let [only] = parts {
        return only.figure.cost;
    }
    let mean: f64 = parts.iter().map(|part| part.mean).sum();
    let alone: f64 = parts.iter().map(|part| part.deviation * part.deviation).sum();
    let together: f64 = parts.iter().map(|part| part.deviation).sum::<f64>().powi(2);
    let variance = (1.0 - CORRELATION) * alone + CORRELATION * together;
    if mean <= 0.0 {
        return Spread::default();
    }
    let spread_squared = (variance / (mean * mean)).ln_1p();
    lognormal(mean / (spread_squared / 2.0).exp(), spread_squared.sqrt())
}

fn lognormal(median: f64, spread: f64) -> Spread {
    let at = |z: f64| NanoUsd((median * (z * spread).exp()).round() as i64);
    Spread { p50: at(0.0), p80: at(Z80), p95: at(Z95) }
}

/// What work of a kind usually takes: tokens of all its calls, and the spread of
/// its cost (standard deviation of the logarithm).
#[derive(Clone, Copy)]
struct Usual {
    input: u64,
    output: u64,
    spread: f64,
}

const VERIFICATION_DEFAULT: Usual = Usual { input: 2500, output: 200, spread: 0.5 };
const EXTRACTION_DEFAULT: Usual = Usual { input: 1600, output: 250, spread: 0.5 };

/// Estimates of ours, to be replaced by history as soon as there is some. Types
/// that use tools read their conversation again with every turn.
const fn task_default(task_type: TaskType, complexity: Complexity) -> Usual {
    let (input, output) = match (task_type, complexity) {
        (TaskType::Code | TaskType::Integration, Complexity::Simple) => (5000, 1200),
        (TaskType::Code | TaskType::Integration, Complexity::Medium) => (14_000, 2800),
        (TaskType::Code | TaskType::Integration, Complexity::Complex) => (36_000, 6000),
        (TaskType::Research | TaskType::Analysis | TaskType::Documentation, Complexity::Simple) => {
            (2500, 900)
        }
        (TaskType::Research | TaskType::Analysis | TaskType::Documentation, Complexity::Medium) => {
            (7000, 2000)
        }
        (TaskType::Research | TaskType::Analysis | TaskType::Documentation, Complexity::Complex) => {
            (18_000, 4200)
        }
        (TaskType::Asset, Complexity::Simple | Complexity::Medium | Complexity::Complex) => (2500, 500),
    };
    let spread = match complexity {
        Complexity::Simple => 0.6,
        Complexity::Medium => 0.75,
        Complexity::Complex => 0.9,
    };
    Usual { input, output, spread }
}

const fn planning_default(rigor: Rigor) -> Usual {
    let output = match rigor {
        Rigor::L1 => 1800,
        Rigor::L2 => 2800,
        Rigor::L3 => 4500,
    };
    Usual { input: 2200, output, spread: 0.45 }
}

#[cfg(test)]
mod tests;
