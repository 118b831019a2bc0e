//! A plan as a person reads it before approving it: the tree of waves and tasks,
//! which requirement is served by what, open questions, risks, and the forecast.
//!
//! Only draws; coverage and forecast are `domain`'s.

use std::fmt::Write as _;

use console::style;
use domain::coverage::Coverage;
use domain::forecast::{Forecast, Spread};
use domain::graph::Graph;
use domain::plan::{Plan, PlanVersion};
use domain::requirement::{self, Requirement};
use domain::routing::{Routes, Tier, tier_for};

use crate::output::{count, cut, money, width, wrapped};

/// Tasks that are drawn; longer plans are cut, which is said.
const TASKS_MAX: usize = 120;
/// Requirement gaps and questions that are drawn.
const LINES_MAX: usize = 12;

/// What there is to show.
pub struct PlanView<'a> {
    /// The plan.
    pub version: &'a PlanVersion,
    /// The text it was made from.
    pub requirements: &'a str,
    /// What it will probably cost.
    pub forecast: Option<&'a Forecast>,
    /// What tiers mean for it.
    pub routes: &'a Routes,
    /// Whether all of it is simulated.
    pub is_simulated: bool,
}

impl PlanView<'_> {
    /// The whole picture.
    #[must_use]
    pub fn draw(&self) -> String {
        let plan = &self.version.plan;
        let requirements = requirement::split(self.requirements);
        let mut out = String::new();
        self.head(&mut out);
        self.tree(&mut out);
        coverage(&mut out, plan, &requirements);
        questions(&mut out, plan);
        self.money(&mut out);
        out
    }

    fn head(&self, out: &mut String) {
        let PlanVersion { version, rigor, model, plan, .. } = self.version;
        let by = if self.is_simulated {
            "made by a simulated model".to_owned()
        } else {
            format!("made by {model}")
        };
        let _ = writeln!(
            out,
            "\n{} {}",
            style(format!("Plan {version}")).bold(),
            style(format!("· {} · rigor {} · {by}", count(plan.tasks.len(), "task"), rigor.as_str())).dim()
        );
        if !plan.summary.trim().is_empty() {
            out.push_str(&wrapped(&plan.summary, "  ", width()));
        }
    }

    fn tree(&self, out: &mut String) {
        let plan = &self.version.plan;
        let waves = waves(plan);
        let last_wave = waves.iter().copied().max().unwrap_or(0);
        let mut drawn = 0;
        for wave in 0..=last_wave {
            let tasks: Vec<usize> = (0..plan.tasks.len()).filter(|&task| waves[task] == wave).collect();
            if drawn >= TASKS_MAX {
                let _ = writeln!(out, "\n  … and {} more", count(plan.tasks.len() - drawn, "task"));
                return;
            }
            let together =
                if tasks.len() > 1 { style(" · side by side").dim().to_string() } else { String::new() };
            let _ = writeln!(out, "\n  {}{together}", style(format!("Wave {}", wave + 1)).bold());
            for (place, &task) in tasks.iter().enumerate() {
                self.task(out, task, place + 1 == tasks.len());
            }
            drawn += tasks.len();
        }
    }

    fn task(&self, out: &mut String, index: usize, is_last: bool) {
        let task = &self.version.plan.tasks[index];
        let branch = if is_last { "└─" } else { "├─" };
        let tier = tier_for(task.task_type, task.complexity);
        let number = format!("{:>3}", index + 1);
        let mut facts = Vec::new();
        if let Some(figure) = self.forecast.and_then(|forecast| forecast.tasks.get(index)) {
            facts.push(format!("~{}", money(figure.cost.p50)));
        }
        facts.extend([task.task_type.to_string(), tier.to_string()]);
        if !task.depends_on.is_empty() {
            facts.push(format!("needs {}", ranges(task.depends_on.iter().map(|task| task + 1), "")));
        }
        let served = task.requirement_ids.iter().filter_map(|id| requirement::number_of(id));
        let served = ranges(served, "R");
        if !served.is_empty() {
            facts.push(served);
        }
        let facts = facts.join(" · ");
        let room = width().saturating_sub(10);
        let (title_room, is_one_line) = if room > 70 { (room * 9 / 20, true) } else { (room, false) };
        let title = cut(&task.title, title_room);
        if is_one_line {
            let title = console::pad_str(&title, title_room, console::Alignment::Left, None);
            let facts = cut(&facts, room - title_room - 1);
            let _ = writeln!(out, "  {branch}{number}  {title} {}", style(facts).dim());
        } else {
            let stem = if is_last { "  " } else { "│ " };
            let _ =
                writeln!(out, "  {branch}{number}  {title}\n  {stem}     {}", style(cut(&facts, room)).dim());
        }
    }

    fn money(&self, out: &mut String) {
        let Some(forecast) = self.forecast else { return };
        let Spread { p50, p80, p95 } = forecast.total;
        let basis = match (forecast.from_history, forecast.from_defaults) {
            (0, _) => "defaults: no history yet".to_owned(),
            (_, 0) => "the history here".to_owned(),
            (history, defaults) => format!("history for {history}, from defaults for {defaults}"),
        };
        let note = if self.is_simulated { "; a rehearsal spends nothing" } else { "" };
        let (p50, p80, p95) = (money(p50), money(p80), money(p95));
        let _ = writeln!(
            out,
            "\n  {}  {}; {p95} is enough in 19 of 20 cases{note}",
            style("Forecast").bold(),
            style(format!("about {p50}")).bold(),
        );
        let spread = format!("(P50 {p50} · P80 {p80} · P95 {p95}, from {basis})");
        let _ = writeln!(out, "            {}", style(spread).dim());
        let plan = &self.version.plan;
        let mut used: Vec<Tier> =
            plan.tasks.iter().map(|task| tier_for(task.task_type, task.complexity)).collect();
        used.sort_unstable();
        used.dedup();
        let meanings: Vec<String> = used
            .iter()
            .filter_map(|tier| Some(format!("{tier} = {}", self.routes.tiers.get(tier)?.model)))
            .collect();
        let _ = writeln!(out, "  {}    {}", style("Models").bold(), meanings.join(", "));
    }
}

/// The wave of each task; a plan that was stored has no cycle.
fn waves(plan: &Plan) -> Vec<u32> {
    let graph = Graph::new(plan.tasks.iter().map(|task| task.depends_on.clone()).collect());
    graph.waves().unwrap_or_else(|_| vec![0; plan.tasks.len()])
}

/// Numbers, those that follow each other as a range: `1-4 7`.
fn ranges(numbers: impl Iterator<Item = usize>, prefix: &str) -> String {
    let mut numbers: Vec<usize> = numbers.collect();
    numbers.sort_unstable();
    numbers.dedup();
    let mut parts = Vec::new();
    let mut rest = numbers.as_slice();
    while let Some(&first) = rest.first() {
        let run = rest.iter().zip(first..).take_while(|(number, wanted)| **number == *wanted).count();
        parts.push(match run {
            1 => format!("{prefix}{first}"),
            run => format!("{prefix}{first}-{prefix}{}", first + run - 1),
        });
        rest = &rest[run..];
    }
    parts.join(" ")
}

fn coverage(out: &mut String, plan: &Plan, requirements: &[Requirement]) {
    let coverage = Coverage::of(requirements, plan.tasks.iter().map(|task| task.requirement_ids.iter()));
    let (covered, all) = (coverage.covered_count(), coverage.requirements.len());
    let told = match (all, covered == all) {
        (1, true) => style("the requirement has a task".to_owned()).green(),
        (_, true) => style(format!("all {all} requirements have a task")).green(),
        _ => style(format!("{covered} of {} have a task", count(all, "requirement"))).yellow(),
    };
    let _ = writeln!(out, "\n  {}  {told}", style("Coverage").bold());
    let gaps: Vec<_> = coverage.gaps().collect();
    for gap in gaps.iter().take(LINES_MAX) {
        let text = cut(&gap.text, width().saturating_sub(30));
        let _ = writeln!(out, "            {} {}: {text}", style("no task for").yellow(), gap.id);
    }
    if gaps.len() > LINES_MAX {
        let _ = writeln!(out, "            … and {} more", gaps.len() - LINES_MAX);
    }
}

fn questions(out: &mut String, plan: &Plan) {
    if !plan.open_questions.is_empty() {
        let _ = writeln!(out, "\n  {}", style("Open questions").bold());
        for question in plan.open_questions.iter().take(LINES_MAX) {
            let text = format!("? {}", question.question);
            out.push_str(&wrapped(&text, "    ", width()));
            if !question.proposed_answer.trim().is_empty() {
                let assumed = wrapped(&format!("assumed: {}", question.proposed_answer), "      ", width());
                let _ = writeln!(out, "{}", style(assumed.trim_end()).dim());
            }
        }
    }
    if !plan.risks.is_empty() {
        let _ = writeln!(out, "\n  {}", style("Risks").bold());
        for risk in plan.risks.iter().take(LINES_MAX) {
            let text = format!("! {} (likelihood {}, impact {})", risk.risk, risk.likelihood, risk.impact);
            out.push_str(&wrapped(&text, "    ", width()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_told_as_a_range() {
        assert_eq!(ranges([3, 1, 2, 5, 5].into_iter(), "R"), "R1-R3 R5");
        assert_eq!(ranges([].into_iter(), ""), "");
        assert_eq!(ranges([7, 8].into_iter(), ""), "7-8");
    }
}
