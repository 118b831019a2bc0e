//! The planner's answer → [`Plan`], or every mistake in it. Nothing is accepted
//! by half: an answer with one mistake is sent back once, with all of them.
//!
//! Forgiven are only what cannot be misread: keys we do not know, optional lists
//! that are missing, duplicates, numbers as digits in quotes, commas too many.
//! The answer may be flat or in phases whatever the rigor asked for; what the
//! rigor does not ask for is not read.

use serde_json::{Map, Value};

use super::scan::{self, Missing, Place, kind_of};
pub use super::validate::{PlanErrors, PlanRules, Problem};
use super::validate::{check_rest, check_title, normalise, quote};
use super::{OpenQuestion, Phase, Plan, PlannedTask, Rigor, Risk, TestStrategy};
use crate::task::{Complexity, TaskType};

/// The words that a key may have.
struct Words<T: 'static> {
    all: &'static [T],
    name: fn(T) -> &'static str,
    /// What a missing key means; `None` where it may not be missing.
    absent: Option<T>,
}

const TASK_TYPES: Words<TaskType> = Words { all: TaskType::ALL, name: TaskType::as_str, absent: None };
const COMPLEXITIES: Words<Complexity> =
    Words { all: Complexity::ALL, name: Complexity::as_str, absent: Some(Complexity::Medium) };
const LEVELS: Words<&str> =
    Words { all: &["low", "medium", "high"], name: |level| level, absent: Some("medium") };

/// Reads a planner's answer.
///
/// # Errors
/// Every mistake found, each with its place.
pub fn parse(text: &str, rigor: Rigor, rules: &PlanRules<'_>) -> Result<Plan, PlanErrors> {
    // A phase has tasks too: after broken JSON only what has a summary may be the
    // whole plan.
    let is_plan = |map: &Map<String, Value>, place| {
        (map.contains_key("tasks") || map.contains_key("phases"))
            && (place == Place::Free || map.contains_key("summary"))
    };
    let root = scan::last_object(text, is_plan).map_err(|missing| PlanErrors::one(absence(&missing)))?;
    let mut reader = Reader { errors: PlanErrors::default(), plan: Plan::default(), paths: Vec::new() };
    reader.root(&root, rigor);
    let Reader { mut errors, mut plan, paths } = reader;
    let path_of = |index: usize| paths.get(index).cloned().unwrap_or_else(|| format!("tasks[{index}]"));
    // A list of the wrong kind has been named already; that it is empty besides
    // would say nothing new.
    if !plan.tasks.is_empty() || errors.is_empty() {
        check_rest(&plan.tasks, rules, &path_of, &mut errors);
    }
    normalise(&mut plan);
    errors.into_result().map(|()| plan)
}

/// What is said to the model when its answer could not be used.
#[must_use]
pub fn repair_text(errors: &PlanErrors) -> String {
    crate::prompt::plan_repair(&errors.lines())
}

fn absence(missing: &Missing) -> String {
    match missing {
        Missing::Blank => "the answer is empty".to_owned(),
        Missing::Prose => "the answer is text without a JSON object".to_owned(),
        Missing::CutOff => "the answer is cut off in the middle of its JSON".to_owned(),
        Missing::NotAnObject(kind) => format!("the answer is {kind} where a JSON object was asked for"),
        Missing::Broken(error) => format!("the answer's JSON is broken: {error}"),
        Missing::Unfit => "the answer has neither tasks nor phases".to_owned(),
    }
}

/// How much a text has to be there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Need {
    Filled,
    Optional,
}

struct Reader {
    errors: PlanErrors,
    plan: Plan,
    /// Where each task stood in the answer.
    paths: Vec<String>,
}

impl Reader {
    fn root(&mut self, root: &Map<String, Value>, rigor: Rigor) {
        self.plan.summary = self.text(root, "summary", "", Need::Filled);
        let phases = self.list(root, "phases", "");
        let tasks = self.list(root, "tasks", "");
        if !phases.is_empty() && !tasks.is_empty() {
            self.errors.push("", "the plan has both phases and tasks; put every task into its phase");
        }
        for (index, phase) in phases.iter().enumerate() {
            self.phase(index, phase);
        }
        self.tasks(tasks, "tasks", None);
        if rigor != Rigor::L1 {
            self.questions(root);
        }
        if rigor == Rigor::L3 {
            self.risks(root);
            self.strategy(root);
        }
    }

    fn phase(&mut self, index: usize, value: &Value) {
        let path = format!("phases[{index}]");
        let Some(map) = self.object(value, &path) else { return };
        let mut name = self.text(map, "name", &path, Need::Optional);
        if name.trim().is_empty() {
            name = format!("Phase {}", index + 1);
        }
        let description = self.text(map, "description", &path, Need::Optional);
        let tasks = self.list(map, "tasks", &path);
        // Phases that an earlier mistake left out do not count: the plan is
        // refused anyway.
        let phase = self.plan.phases.len();
        self.plan.phases.push(Phase { name, description });
        self.tasks(tasks, &format!("{path}.tasks"), Some(phase));
    }

    fn tasks(&mut self, list: &[Value], path: &str, phase: Option<usize>) {
        for (index, value) in list.iter().enumerate() {
            let path = format!("{path}[{index}]");
            // A task that is none keeps its number, so that later ones do too.
            let task = match self.object(value, &path) {
                Some(map) => self.task(map, &path, phase),
                None => placeholder(phase),
            };
            self.plan.tasks.push(task);
            self.paths.push(path);
        }
    }

    fn task(&mut self, map: &Map<String, Value>, path: &str, phase: Option<usize>) -> PlannedTask {
        let title = self.text(map, "title", path, Need::Filled);
        if !title.is_empty() {
            check_title(&title, || at(path, "title"), &mut self.errors);
        }
        PlannedTask {
            title,
            description: self.text(map, "description", path, Need::Filled),
            task_type: self.word(map, "task_type", path, &TASK_TYPES),
            complexity: self.word(map, "complexity", path, &COMPLEXITIES),
            depends_on: self.indices(map, path),
            tools: Some(self.texts(map, "tools_needed", path)),
            requirement_ids: self.texts(map, "requirement_ids", path),
            verification_criteria: self.text(map, "verification_criteria", path, Need::Optional),
            affected_files: self.texts(map, "affected_files", path),
            phase,
        }
    }

    fn questions(&mut self, root: &Map<String, Value>) {
        for (index, value) in self.list(root, "open_questions", "").iter().enumerate() {
            let path = format!("open_questions[{index}]");
            let Some(map) = self.object(value, &path) else { continue };
            let question = OpenQuestion {
                question: self.text(map, "question", &path, Need::Filled),
                proposed_answer: self.text(map, "proposed_answer", &path, Need::Optional),
                impact: self.text(map, "impact", &path, Need::Optional),
            };
            self.plan.open_questions.push(question);
        }
    }

    fn risks(&mut self, root: &Map<String, Value>) {
        for (index, value) in self.list(root, "risk_assessment", "").iter().enumerate() {
            let path = format!("risk_assessment[{index}]");
            let Some(map) = self.object(value, &path) else { continue };
            let risk = Risk {
                risk: self.text(map, "risk", &path, Need::Filled),
                likelihood: self.word(map, "likelihood", &path, &LEVELS).to_owned(),
                impact: self.word(map, "impact", &path, &LEVELS).to_owned(),
                mitigation: self.text(map, "mitigation", &path, Need::Optional),
            };
            self.plan.risks.push(risk);
        }
    }

    fn strategy(&mut self, root: &Map<String, Value>) {
        let path = "test_strategy";
        let Some(value) = root.get(path) else { return };
        let Some(map) = self.object(value, path) else { return };
        self.plan.test_strategy = Some(TestStrategy {
            approach: self.text(map, "approach", path, Need::Optional),
            test_tasks: self.texts(map, "test_tasks", path),
            coverage_notes: self.text(map, "coverage_notes", path, Need::Optional),
        });
    }

    fn object<'v>(&mut self, value: &'v Value, path: &str) -> Option<&'v Map<String, Value>> {
        if value.as_object().is_none() {
            self.errors.push(path, format!("is {}, not an object", kind_of(value)));
        }
        value.as_object()
    }

    fn list<'v>(&mut self, map: &'v Map<String, Value>, key: &str, path: &str) -> &'v [Value] {
        match map.get(key) {
            None => &[],
            Some(Value::Array(list)) => list,
            Some(other) => {
                self.errors.push(at(path, key), format!("is {}, not an array", kind_of(other)));
                &[]
            }
        }
    }

    fn text(&mut self, map: &Map<String, Value>, key: &str, path: &str, need: Need) -> String {
        match map.get(key) {
            Some(Value::String(text)) => {
                if need == Need::Filled && text.trim().is_empty() {
                    self.errors.push(at(path, key), "is empty");
                    return String::new();
                }
                text.clone()
            }
            Some(other) => {
                self.errors.push(at(path, key), format!("is {}, not a string", kind_of(other)));
                String::new()
            }
            None => {
                if need == Need::Filled {
                    self.errors.push(at(path, key), "is missing");
                }
                String::new()
            }
        }
    }

    fn texts(&mut self, map: &Map<String, Value>, key: &str, path: &str) -> Vec<String> {
        let mut texts = Vec::new();
        for (index, value) in self.list(map, key, path).iter().enumerate() {
            match value.as_str() {
                Some(text) if text.trim().is_empty() => {
                    self.errors.push(format!("{}[{index}]", at(path, key)), "is empty");
                }
                Some(_) => {}
                None => {
                    let place = format!("{}[{index}]", at(path, key));
                    self.errors.push(place, format!("is {}, not a string", kind_of(value)));
                }
            }
            // Also what is no text keeps its place in the list.
            texts.push(value.as_str().unwrap_or_default().trim().to_owned());
        }
        texts
    }

    /// One of a few words. On a mistake any of them will do: the plan is refused.
    fn word<T: Copy>(&mut self, map: &Map<String, Value>, key: &str, path: &str, words: &Words<T>) -> T {
        let named = |word: &str| words.all.iter().copied().find(|&value| (words.name)(value) == word);
        let problem = match (map.get(key), words.absent) {
            (None, Some(value)) => return value,
            (None, None) => "is missing".to_owned(),
            (Some(Value::String(word)), _) => match named(word.trim().to_ascii_lowercase().as_str()) {
                Some(value) => return value,
                None => format!("{:?} is unknown", quote(word)),
            },
            (Some(other), _) => format!("is {}", kind_of(other)),
        };
        let allowed: Vec<&str> = words.all.iter().map(|&value| (words.name)(value)).collect();
        self.errors.push(at(path, key), format!("{problem}; it must be one of {}", allowed.join(", ")));
        words.absent.unwrap_or(words.all[0])
    }

    fn indices(&mut self, map: &Map<String, Value>, path: &str) -> Vec<usize> {
        let mut indices = Vec::new();
        for (position, value) in self.list(map, "depends_on", path).iter().enumerate() {
            let index = index(value).unwrap_or_else(|problem| {
                self.errors.push(format!("{path}.depends_on[{position}]"), problem);
                usize::MAX
            });
            indices.push(index);
        }
        indices
    }
}

fn at(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// A dependency as a number or as digits in quotes. Whether it is in range is
/// checked once all tasks are known, except for what is no index at all.
fn index(value: &Value) -> Result<usize, String> {
    let digits = match value {
        Value::Number(number) if number.is_i64() || number.is_u64() => number.to_string(),
        Value::String(text) if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) => {
            text.clone()
        }
        Value::String(text) => return Err(format!("{:?} is not the number of a task", quote(text))),
        Value::Number(number) => return Err(format!("{number} is not a whole number")),
        other @ (Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_)) => {
            return Err(format!("is {}, not the number of a task", kind_of(other)));
        }
    };
    digits.parse().map_err(|_| format!("{} is out of range; tasks are numbered from 0", quote(&digits)))
}

/// Stands for a task that is none, so that the others keep their numbers.
fn placeholder(phase: Option<usize>) -> PlannedTask {
    PlannedTask {
        title: String::new(),
        description: String::new(),
        task_type: TaskType::Code,
        complexity: Complexity::Medium,
        depends_on: Vec::new(),
        tools: None,
        requirement_ids: Vec::new(),
        verification_criteria: String::new(),
        affected_files: Vec::new(),
        phase,
    }
}

#[cfg(test)]
mod tests;
