//! The stand-in as planner: the answer to a planning request.
//!
//! The tasks come from `draft`, or from `shape` where a size is asked for; here they
//! get the wire form of the rigor that the request wants, or are spoilt on request.

use domain::model::{CallError, Request};
use domain::task::{Complexity, TaskType};
use serde_json::{Value, json};

use super::brain::{Said, failure, first_text, turns_taken};
use super::directive::Directives;
use super::reading::{Requirement, language, requirements};
use super::{draft, shape};

/// Groups of tasks, in order; none depends on a later one.
const PHASES: &[(&str, &str)] = &[
    ("Prepare", "Agree on the outline and collect what is needed."),
    ("Work", "Do what the requirements ask for."),
    ("Check", "Test what was built."),
    ("Document", "Write for those who will use it."),
    ("Finish", "Put the parts together."),
];
/// Tools for every task, so far as they exist.
const TOOLS: &[&str] = &["list_files", "read_file", "write_file"];
/// Places in [`PHASES`].
pub(super) const PREPARE: usize = 0;
pub(super) const WORK: usize = 1;
pub(super) const CHECK: usize = 2;
pub(super) const DOCUMENT: usize = 3;
pub(super) const FINISH: usize = 4;

/// One planned task.
#[derive(Clone, Debug)]
pub(super) struct Planned {
    pub title: String,
    pub description: String,
    pub task_type: TaskType,
    pub complexity: Complexity,
    pub depends_on: Vec<usize>,
    pub requirement_ids: Vec<String>,
    pub criteria: String,
    pub path: String,
    pub phase: usize,
}

/// The answer to a planning request.
pub(super) fn answer(request: &Request) -> Result<Said, CallError> {
    let text = first_text(request);
    let directives = Directives::of(&text);
    let (name, requirements) = requirements(&text);
    let name = name.unwrap_or_else(|| "Untitled".to_owned());
    let tasks = match directives.number("tasks") {
        Some(count) => shape::tasks(count, &directives, &requirements),
        None => draft::tasks(&name, &requirements),
    };
    let rigor = Rigor::of(request);
    // Only what the planner was told of may be named in a plan.
    let tools = TOOLS.iter().copied().filter(|tool| request.system.contains(tool)).collect();
    let plan = Form { rigor, tools }.plan(&name, &requirements, &tasks);
    let is_repaired = directives.has("repair") && turns_taken(request) > 0;
    match directives.value("plan").filter(|_| !is_repaired) {
        Some("fail") => Err(failure(None)),
        Some(kind) => Ok(bad(kind, plan)),
        None => Ok(Said::text(pretty(&plan))),
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd)]
enum Rigor {
    L1,
    L2,
    L3,
}

impl Rigor {
    /// By the schema where there is one, else by what the system text speaks of.
    fn of(request: &Request) -> Self {
        let speaks_of = |word: &str| match request.schema.as_deref() {
            Some(schema) => schema["properties"].get(word).is_some(),
            None => request.system.contains(word),
        };
        match (speaks_of("risk_assessment"), speaks_of("phases")) {
            (true, _) => Self::L3,
            (false, true) => Self::L2,
            (false, false) => Self::L1,
        }
    }
}

/// A plan that nobody should accept.
fn bad(kind: &str, mut plan: Value) -> Said {
    let tasks = |plan: &mut Value, change: &dyn Fn(usize, &mut Value)| {
        let flat = plan.get("tasks").is_some();
        let groups = if flat {
            vec![&mut *plan]
        } else {
            plan["phases"].as_array_mut().into_iter().flatten().collect()
        };
        let all = groups.into_iter().filter_map(|group| group["tasks"].as_array_mut()).flatten();
        all.enumerate().for_each(|(index, task)| change(index, task));
    };
    match kind {
        "prose" => {
            return Said::text("Simulated prose: first I would talk to everybody, then write it all down.");
        }
        "cut" => return Said::cut(&pretty(&plan)),
        "array" => plan = json!([plan]),
        "empty" => {
            plan["tasks"] = json!([]);
            if plan.get("phases").is_some() {
                plan["phases"] = json!([]);
            }
        }
        "cycle" => tasks(&mut plan, &|index, task| match index {
            0 => task["depends_on"] = json!([1]),
            1 => task["depends_on"] = json!([0]),
            _ => {}
        }),
        "dangling" => tasks(&mut plan, &|index, task| {
            if index == 0 {
                task["depends_on"] = json!([99_999]);
            }
        }),
        "unknown_type" => tasks(&mut plan, &|index, task| {
            if index == 0 {
                task["task_type"] = json!("magic");
            }
        }),
        _ => return Said::refusal(),
    }
    Said::text(pretty(&plan))
}

fn pretty(plan: &Value) -> String {
    // A value made of maps, lists and texts always prints.
    serde_json::to_string_pretty(plan).unwrap_or_default()
}

/// A count with its noun.
fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// What plans of this request look like.
struct Form {
    rigor: Rigor,
    tools: Vec<&'static str>,
}

impl Form {
    /// The plan in the form that the rigor asks for.
    fn plan(&self, name: &str, requirements: &[Requirement], tasks: &[Planned]) -> Value {
        let summary = format!(
            "Simulated plan for \"{name}\": {} for {}, made from their structure by a stand-in; \
         no model was asked.",
            count(tasks.len(), "task"),
            count(requirements.len(), "requirement")
        );
        if self.rigor == Rigor::L1 {
            return json!({"summary": summary, "tasks": tasks.iter().map(|task| self.task(task)).collect::<Vec<Value>>()});
        }
        let phases = PHASES.iter().enumerate().map(|(index, (name, description))| {
            let tasks: Vec<Value> =
                tasks.iter().filter(|task| task.phase == index).map(|task| self.task(task)).collect();
            json!({"name": name, "description": description, "tasks": tasks})
        });
        let phases: Vec<Value> = phases.filter(|phase| phase["tasks"] != json!([])).collect();
        let mut plan =
            json!({"summary": summary, "phases": phases, "open_questions": questions(requirements, tasks)});
        if self.rigor == Rigor::L3 {
            plan["risk_assessment"] = json!([
                {"risk": "A requirement can be read in two ways.", "likelihood": "medium", "impact": "medium",
                 "mitigation": "The outline names each open point before the work begins."},
                {"risk": "The parts do not fit together.", "likelihood": "low", "impact": "high",
                 "mitigation": "The last task reads every part and says what is missing."},
            ]);
            let tests: Vec<&str> =
                tasks.iter().filter(|task| task.phase == CHECK).map(|task| task.title.as_str()).collect();
            plan["test_strategy"] = json!({
                "approach": "Each program has a test of its own; documents are read against their requirement.",
                "test_tasks": tests,
                "coverage_notes": "Simulated: nothing is measured.",
            });
        }
        plan
    }

    fn task(&self, task: &Planned) -> Value {
        json!({
            "title": task.title,
            "description": task.description,
            "task_type": task.task_type.as_str(),
            "complexity": task.complexity.as_str(),
            "depends_on": task.depends_on,
            "tools_needed": self.tools,
            "requirement_ids": task.requirement_ids,
            "verification_criteria": task.criteria,
            "affected_files": [task.path],
        })
    }
}

fn questions(requirements: &[Requirement], tasks: &[Planned]) -> Vec<Value> {
    let whole: Vec<&str> = requirements.iter().map(|requirement| requirement.text.as_str()).collect();
    let mut questions = Vec::new();
    if tasks.iter().any(|task| task.task_type == TaskType::Code) && language(&whole.join("\n")).is_none() {
        questions.push(json!({
            "question": "Which programming language is wanted?",
            "proposed_answer": "Python, with its standard library only.",
            "impact": "Every task that writes a program.",
        }));
    }
    if tasks.iter().any(|task| task.task_type == TaskType::Documentation) {
        questions.push(json!({
            "question": "Who reads the documents?",
            "proposed_answer": "Somebody who sees the subject for the first time.",
            "impact": "Length and words of every document.",
        }));
    }
    questions.push(json!({
        "question": "Is something out of scope that the requirements do not mention?",
        "proposed_answer": "Whatever they do not ask for is left out.",
        "impact": "How much is done.",
    }));
    questions
}
