//! The rules every plan keeps, whether a model proposed it or a person edited it.
//!
//! All mistakes are collected, each with the place where it stands. Duplicates
//! are no mistakes: lists here are sets, and [`normalise`] makes them so.

use std::collections::BTreeSet;
use std::fmt;

use super::{Plan, PlannedTask};
use crate::refusal::{Code, Refusal};
use crate::requirement;

/// Mistakes kept in full; more are only counted.
const PROBLEMS_MAX: usize = 200;
/// Mistakes named in a message.
const SHOWN_MAX: usize = 20;
/// Tasks of a cycle named in a message.
const CYCLE_SHOWN_MAX: usize = 12;
/// Longest title, in characters.
pub const TITLE_MAX_CHARS: usize = 300;
/// Characters of a foreign value that a message repeats.
const QUOTE_MAX_CHARS: usize = 60;

/// What a plan is checked against.
#[derive(Clone, Copy, Debug)]
pub struct PlanRules<'a> {
    /// Most tasks that a plan may have (`execution.max_plan_tasks`).
    pub max_tasks: usize,
    /// How many requirements the project has: `R1` to this number.
    pub requirement_count: usize,
    /// Tools that a task may name.
    pub known_tools: &'a [String],
}

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where: `tasks[3].depends_on[0]`; empty for the whole.
    pub path: String,
    /// What: a fragment that follows the path and a colon.
    pub message: String,
    /// Whether it is a cycle.
    pub is_cycle: bool,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() {
            f.write_str(&self.message)
        } else {
            write!(f, "{}: {}", self.path, self.message)
        }
    }
}

/// Every mistake of a plan; never empty when it is an error.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlanErrors {
    problems: Vec<Problem>,
    left_out: usize,
}

impl PlanErrors {
    /// Adds a mistake.
    pub(crate) fn push(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.add(Problem { path: path.into(), message: message.into(), is_cycle: false });
    }

    fn add(&mut self, problem: Problem) {
        // One mistake for each place: a reader that could not make sense of a
        // value leaves something there that breaks further rules.
        let is_known = |known: &Problem| !known.path.is_empty() && known.path == problem.path;
        if self.problems.iter().any(is_known) {
            return;
        }
        if self.problems.len() < PROBLEMS_MAX { self.problems.push(problem) } else { self.left_out += 1 }
    }

    /// One mistake alone.
    pub(crate) fn one(message: impl Into<String>) -> Self {
        let mut errors = Self::default();
        errors.push("", message);
        errors
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.problems.is_empty()
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.problems.len() + self.left_out
    }

    /// The mistakes, in the order of the plan; at most 200.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// The mistakes that a message names, one line each.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let mut lines: Vec<String> = self.problems.iter().take(SHOWN_MAX).map(Problem::to_string).collect();
        let hidden = self.count() - lines.len();
        if hidden > 0 {
            lines.push(format!("and {hidden} more"));
        }
        lines
    }

    /// `CycleDetected` when cycles are all that is wrong, else `PlanInvalid`.
    #[must_use]
    pub fn code(&self) -> Code {
        let is_cycle = !self.problems.is_empty() && self.problems.iter().all(|problem| problem.is_cycle);
        if is_cycle { Code::CycleDetected } else { Code::PlanInvalid }
    }

    /// `Ok` when there is no mistake.
    pub(crate) fn into_result(self) -> Result<(), Self> {
        if self.is_empty() { Ok(()) } else { Err(self) }
    }
}

impl fmt::Display for PlanErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.count() {
            1 => write!(f, "the plan cannot be used: {}", self.lines().join("; ")),
            count => write!(f, "the plan cannot be used, it has {count} errors: {}", self.lines().join("; ")),
        }
    }
}

impl std::error::Error for PlanErrors {}

impl From<PlanErrors> for Refusal {
    fn from(errors: PlanErrors) -> Self {
        Self::new(errors.code(), errors.to_string())
    }
}

/// Makes lists that are sets free of duplicates, in first order, and titles one
/// line. An empty list of tools means the defaults of the type, like none.
pub fn normalise(plan: &mut Plan) {
    for task in &mut plan.tasks {
        task.title = task.title.split_whitespace().collect::<Vec<_>>().join(" ");
        unique(&mut task.depends_on);
        for id in &mut task.requirement_ids {
            if let Some(number) = requirement::number_of(id) {
                *id = requirement::id_of(number);
            }
        }
        unique(&mut task.requirement_ids);
        unique(&mut task.affected_files);
        if let Some(tools) = &mut task.tools {
            unique(tools);
        }
        task.tools = task.tools.take().filter(|tools| !tools.is_empty());
    }
}

fn unique<T: Ord + Clone>(list: &mut Vec<T>) {
    let mut seen = BTreeSet::new();
    list.retain(|item| seen.insert(item.clone()));
}

/// Checks a plan that is already in its normal form, such as one that a person
/// edited.
///
/// # Errors
/// Every mistake found.
pub fn validate(plan: &Plan, rules: &PlanRules<'_>) -> Result<(), PlanErrors> {
    let mut errors = PlanErrors::default();
    let path_of = |index: usize| format!("tasks[{index}]");
    check_texts(plan, &path_of, &mut errors);
    for (index, phase) in plan.phases.iter().enumerate() {
        if phase.name.trim().is_empty() {
            errors.push(format!("phases[{index}].name"), "is empty");
        }
    }
    check_rest(&plan.tasks, rules, &path_of, &mut errors);
    errors.into_result()
}

/// Everything except texts and phases, which a reader checks as it reads.
pub(crate) fn check_rest(
    tasks: &[PlannedTask],
    rules: &PlanRules<'_>,
    path_of: &dyn Fn(usize) -> String,
    errors: &mut PlanErrors,
) {
    if tasks.is_empty() || tasks.len() > rules.max_tasks {
        let (count, max) = (tasks.len(), rules.max_tasks);
        errors.push("tasks", format!("the plan has {count} tasks; it must have 1 to {max}"));
    }
    for (index, task) in tasks.iter().enumerate() {
        check_dependencies(index, task, tasks.len(), path_of, errors);
        check_names(index, task, rules, path_of, errors);
    }
    if let Some(cycle) = find_cycle(tasks) {
        errors.add(Problem { path: "tasks".to_owned(), message: cycle_text(tasks, &cycle), is_cycle: true });
    }
}

fn check_texts(plan: &Plan, path_of: &dyn Fn(usize) -> String, errors: &mut PlanErrors) {
    for (index, task) in plan.tasks.iter().enumerate() {
        check_title(&task.title, || format!("{}.title", path_of(index)), errors);
        if task.description.trim().is_empty() {
            errors.push(format!("{}.description", path_of(index)), "is empty");
        }
        match task.phase {
            Some(phase) if phase >= plan.phases.len() => errors.push(
                format!("{}.phase", path_of(index)),
                format!("{phase} is out of range; the plan has {} phases", plan.phases.len()),
            ),
            None if !plan.phases.is_empty() => {
                errors.push(
                    format!("{}.phase", path_of(index)),
                    "is missing; every task of a plan with phases has one",
                );
            }
            Some(_) | None => {}
        }
    }
}

/// A title must be there and fit on a line.
pub(crate) fn check_title(title: &str, path: impl Fn() -> String, errors: &mut PlanErrors) {
    let chars = title.chars().count();
    if title.trim().is_empty() {
        errors.push(path(), "is empty");
    } else if chars > TITLE_MAX_CHARS {
        errors.push(path(), format!("has {chars} characters; at most {TITLE_MAX_CHARS} are allowed"));
    }
}

fn check_dependencies(
    index: usize,
    task: &PlannedTask,
    count: usize,
    path_of: &dyn Fn(usize) -> String,
    errors: &mut PlanErrors,
) {
    for (position, &dependency) in task.depends_on.iter().enumerate() {
        let path = || format!("{}.depends_on[{position}]", path_of(index));
        if dependency >= count {
            errors.push(path(), out_of_range(&dependency.to_string(), count));
        } else if dependency == index {
            errors.push(path(), format!("task {index} depends on itself"));
        }
    }
}

/// Names the number and what would be allowed.
pub(crate) fn out_of_range(number: &str, count: usize) -> String {
    let number = quote(number);
    match count {
        0 => format!("{number} is out of range; the plan has no task"),
        1 => format!("{number} is out of range; the plan has 1 task, number 0"),
        _ => format!("{number} is out of range; the plan has {count} tasks, numbered 0 to {}", count - 1),
    }
}

fn check_names(
    index: usize,
    task: &PlannedTask,
    rules: &PlanRules<'_>,
    path_of: &dyn Fn(usize) -> String,
    errors: &mut PlanErrors,
) {
    for (position, id) in task.requirement_ids.iter().enumerate() {
        let is_known = requirement::number_of(id).is_some_and(|number| number <= rules.requirement_count);
        if !is_known {
            let known = match rules.requirement_count {
                0 => "the project has none".to_owned(),
                1 => "the project has only R1".to_owned(),
                count => format!("the project has R1 to R{count}"),
            };
            let path = format!("{}.requirement_ids[{position}]", path_of(index));
            errors.push(path, format!("{:?} is no requirement; {known}", quote(id)));
        }
    }
    for (position, tool) in task.tools.iter().flatten().enumerate() {
        if !rules.known_tools.contains(tool) {
            let path = format!("{}.tools_needed[{position}]", path_of(index));
            let known =
                if rules.known_tools.is_empty() { "none".to_owned() } else { rules.known_tools.join(", ") };
            errors.push(path, format!("{:?} is no tool here; there are {known}", quote(tool)));
        }
    }
}

/// The beginning of a foreign value, for messages.
pub(crate) fn quote(text: &str) -> String {
    let mut chars = text.chars();
    let mut short: String = chars.by_ref().take(QUOTE_MAX_CHARS).collect();
    if chars.next().is_some() {
        short.push('…');
    }
    short
}

/// Some cycle, as task indices, each needing the next and the last the first.
/// Dependencies out of range are left out, and on itself too: both are mistakes
/// of their own. Without recursion, for plans may be deep.
#[must_use]
pub fn find_cycle(tasks: &[PlannedTask]) -> Option<Vec<usize>> {
    let needs = |task: usize| {
        tasks[task].depends_on.iter().copied().filter(move |&needed| needed < tasks.len() && needed != task)
    };
    let mut dependents = vec![Vec::new(); tasks.len()];
    let mut unmet = vec![0usize; tasks.len()];
    for (task, count) in unmet.iter_mut().enumerate() {
        for needed in needs(task) {
            dependents[needed].push(task);
            *count += 1;
        }
    }
    let mut free: Vec<usize> = (0..tasks.len()).filter(|&task| unmet[task] == 0).collect();
    while let Some(done) = free.pop() {
        for &task in &dependents[done] {
            unmet[task] -= 1;
            if unmet[task] == 0 {
                free.push(task);
            }
        }
    }
    // Every task that is left needs another one that is left: walking from need
    // to need must come back.
    let mut at = (0..tasks.len()).find(|&task| unmet[task] > 0)?;
    let mut walked = Vec::new();
    let mut position = vec![None; tasks.len()];
    while position[at].is_none() {
        position[at] = Some(walked.len());
        walked.push(at);
        at = needs(at).find(|&needed| unmet[needed] > 0)?;
    }
    position[at].map(|start| walked.split_off(start))
}

fn cycle_text(tasks: &[PlannedTask], cycle: &[usize]) -> String {
    let name = |task: usize| format!("{:?} ({task})", quote(&tasks[task].title));
    let mut names: Vec<String> = cycle.iter().take(CYCLE_SHOWN_MAX).map(|&task| name(task)).collect();
    if cycle.len() > CYCLE_SHOWN_MAX {
        names.push(format!("{} more", cycle.len() - CYCLE_SHOWN_MAX));
    }
    names.extend(cycle.first().map(|&task| name(task)));
    format!("the dependencies form a cycle: {}", names.join(" needs "))
}

#[cfg(test)]
mod tests;
