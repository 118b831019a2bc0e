//! The stand-in as planner: a plan out of the requirements' own structure.
//!
//! An outline first; then the work each requirement asks for, with a test for each
//! program; documents after what they describe; at the end one task that puts all
//! together. Answers in the wire form of the rigor that the request asks for.

use domain::model::{CallError, Request};
use domain::task::{Complexity, TaskType};
use serde_json::{Value, json};

use super::brain::{Said, failure, first_text, turns_taken};
use super::directive::Directives;
use super::reading::{Requirement, complexity, language, requirements, slug, task_type, title, words};
use super::shape;

/// Above this many requirements each gets one task only.
const DETAIL_MAX_REQUIREMENTS: usize = 120;
/// Up to this many tasks, the last one needs all of them; above, those that nothing
/// else needs.
const GATHER_MAX_TASKS: usize = 30;
/// Most programs that a document waits for.
const DESCRIBED_MAX: usize = 12;
/// Most requirement ids on one task.
const IDS_MAX: usize = 60;
/// Words from which research is begun by collecting.
const COLLECT_MIN_WORDS: usize = 18;

/// Where the first document that is called so goes.
const README: &str = "README.md";

/// Groups of tasks, in order; none depends on a later one.
const PHASES: &[(&str, &str)] = &[
    ("Prepare", "Agree on the outline and collect what is needed."),
    ("Work", "Do what the requirements ask for."),
    ("Check", "Test what was built."),
    ("Document", "Write for those who will use it."),
    ("Finish", "Put the parts together."),
];
const PREPARE: usize = 0;
const WORK: usize = 1;
const CHECK: usize = 2;
const DOCUMENT: usize = 3;
const FINISH: usize = 4;

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
        None => Draft::of(&name, &requirements).ordered(),
    };
    let rigor = Rigor::of(request);
    let plan = wire(rigor, &name, &requirements, &tasks);
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

/// A plan while tasks are still found in the order of the requirements.
struct Draft<'a> {
    tasks: Vec<Planned>,
    otherwise: TaskType,
    ending: &'static str,
    all: &'a [Requirement],
}

impl<'a> Draft<'a> {
    fn of(name: &str, all: &'a [Requirement]) -> Self {
        let whole: Vec<&str> = all.iter().map(|requirement| requirement.text.as_str()).collect();
        let whole = whole.join("\n");
        let is_program =
            words(&whole).iter().any(|word| task_type(word, TaskType::Research) == TaskType::Code);
        let otherwise = if is_program { TaskType::Code } else { TaskType::Documentation };
        let ending = language(&whole).unwrap_or("py");
        let mut draft = Self { tasks: Vec::new(), otherwise, ending, all };
        draft.outline(name);
        let mut mains: Vec<(&str, usize)> = Vec::new();
        for requirement in all.iter().filter(|requirement| !requirement.is_heading()) {
            let main = draft.requirement(requirement, &mains);
            mains.push((&requirement.id, main));
        }
        draft.documents_wait();
        draft.finish(name);
        draft
    }

    fn add(&mut self, task: Planned) -> usize {
        self.tasks.push(task);
        self.tasks.len() - 1
    }

    fn outline(&mut self, name: &str) {
        let headings: Vec<String> =
            self.all.iter().filter(|r| r.is_heading()).map(|r| r.id.clone()).take(IDS_MAX).collect();
        let first = || self.all.first().map(|requirement| requirement.id.clone()).into_iter().collect();
        let path = "notes/outline.md".to_owned();
        self.add(Planned {
            title: format!("Outline: {name}"),
            description: format!(
                "Outline {name}.\n\nRead all requirements. Name the parts of the work, their order, and what is \
                 still open. Write the outline to `{path}`."
            ),
            task_type: TaskType::Research,
            complexity: Complexity::Medium,
            depends_on: Vec::new(),
            requirement_ids: if headings.is_empty() { first() } else { headings },
            criteria: "Every requirement is named in the outline.".to_owned(),
            path,
            phase: PREPARE,
        });
    }

    /// The tasks of one requirement; says which is the main one.
    fn requirement(&mut self, requirement: &Requirement, earlier: &[(&str, usize)]) -> usize {
        let Requirement { id, text, task_directive } = requirement;
        let kind = task_type(text, self.otherwise);
        let name = title(text);
        let is_detailed = self.all.len() <= DETAIL_MAX_REQUIREMENTS;
        let mut path = path(id, &name, text, kind, self.ending);
        if path == README && self.tasks.iter().any(|task| task.path == README) {
            path = format!("docs/{}-{}.md", id.to_lowercase(), slug(&name, '-'));
        }
        let phase = if kind == TaskType::Documentation { DOCUMENT } else { WORK };
        let mut depends_on = vec![0];
        if is_detailed
            && matches!(kind, TaskType::Research | TaskType::Analysis)
            && words(text).len() >= COLLECT_MIN_WORDS
        {
            depends_on = vec![self.collect(requirement, &name)];
        }
        let named = earlier.iter().filter(|(id, _)| text.contains(&format!("[{id}]")));
        depends_on.extend(named.map(|(_, task)| *task).filter(|task| self.tasks[*task].phase <= phase));
        let main = self.add(Planned {
            title: name.clone(),
            description: description(&name, requirement, &path, task_directive),
            task_type: kind,
            complexity: complexity(text),
            depends_on,
            requirement_ids: vec![id.clone()],
            criteria: format!("The result meets {id}: {}", title(text)),
            path: path.clone(),
            phase,
        });
        if kind == TaskType::Code && is_detailed {
            self.test(requirement, &name, main);
        }
        main
    }

    fn collect(&mut self, requirement: &Requirement, name: &str) -> usize {
        let id = &requirement.id;
        let path = format!("notes/{}-{}.md", id.to_lowercase(), slug(name, '-'));
        self.add(Planned {
            title: format!("Collect facts: {name}"),
            description: description(&format!("Collect facts: {name}"), requirement, &path, ""),
            task_type: TaskType::Research,
            complexity: Complexity::Medium,
            depends_on: vec![0],
            requirement_ids: vec![id.clone()],
            criteria: "Each fact has its source.".to_owned(),
            path,
            phase: PREPARE,
        })
    }

    fn test(&mut self, requirement: &Requirement, name: &str, main: usize) {
        let id = &requirement.id;
        let file = format!("{}_{}", id.to_lowercase(), slug(name, '_'));
        let path = format!("tests/test_{file}.{}", self.ending);
        self.add(Planned {
            title: format!("Test: {name}"),
            description: description(&format!("Test: {name}"), requirement, &path, ""),
            task_type: TaskType::Code,
            complexity: Complexity::Simple,
            depends_on: vec![main],
            requirement_ids: vec![id.clone()],
            criteria: format!("A test fails when {id} is not met."),
            path,
            phase: CHECK,
        });
    }

    /// Documents come after the programs they describe.
    fn documents_wait(&mut self) {
        let is_program = |task: &Planned| task.task_type == TaskType::Code && task.phase == WORK;
        let programs: Vec<usize> = (0..self.tasks.len())
            .filter(|index| is_program(&self.tasks[*index]))
            .take(DESCRIBED_MAX)
            .collect();
        for task in self.tasks.iter_mut().filter(|task| task.phase == DOCUMENT) {
            let missing: Vec<usize> =
                programs.iter().copied().filter(|program| !task.depends_on.contains(program)).collect();
            task.depends_on.extend(missing);
        }
    }

    fn finish(&mut self, name: &str) {
        let mut is_needed = vec![false; self.tasks.len()];
        for task in &self.tasks {
            task.depends_on.iter().for_each(|needed| is_needed[*needed] = true);
        }
        let gathers_all = self.tasks.len() <= GATHER_MAX_TASKS;
        let depends_on: Vec<usize> =
            (0..self.tasks.len()).filter(|index| !is_needed[*index] || (gathers_all && *index > 0)).collect();
        let path = "SUMMARY.md".to_owned();
        self.add(Planned {
            title: format!("Put together: {name}"),
            description: format!(
                "Put together {name}.\n\nRead what the other tasks produced, check that the parts fit, and say in \
                 `{path}` what there is, where it is, and what is left open."
            ),
            task_type: TaskType::Integration,
            complexity: Complexity::Medium,
            depends_on,
            requirement_ids: self.all.iter().map(|r| r.id.clone()).take(IDS_MAX).collect(),
            criteria: "Every part is named with its file.".to_owned(),
            path,
            phase: FINISH,
        });
    }

    /// The tasks in the order of their phases, with dependencies renumbered.
    fn ordered(self) -> Vec<Planned> {
        let mut order: Vec<usize> = (0..self.tasks.len()).collect();
        order.sort_by_key(|index| self.tasks[*index].phase);
        let mut new_index = vec![0; order.len()];
        for (new, old) in order.iter().enumerate() {
            new_index[*old] = new;
        }
        let mut tasks = self.tasks;
        for task in &mut tasks {
            task.depends_on.iter_mut().for_each(|index| *index = new_index[*index]);
            task.depends_on.sort_unstable();
            task.depends_on.dedup();
        }
        tasks.sort_by_key(|task| task.phase);
        tasks
    }
}

/// What the executing side reads back: title, quotation, path, directive.
fn description(title: &str, requirement: &Requirement, path: &str, directive: &str) -> String {
    let quote: Vec<String> = requirement
        .text
        .lines()
        .filter(|l| !l.trim().is_empty())
        .map(|l| format!("> {}", l.trim()))
        .collect();
    let mut text = format!(
        "{title}\n\nRequirement {}:\n\n{}\n\nWrite the result to `{path}`.",
        requirement.id,
        quote.join("\n")
    );
    if !directive.is_empty() {
        text.push_str("\n\n");
        text.push_str(directive);
    }
    text
}

/// Where the result of a requirement goes; its id keeps names apart.
fn path(id: &str, name: &str, text: &str, kind: TaskType, ending: &str) -> String {
    let id = id.to_lowercase();
    let slug_of = |between| slug(name, between);
    match kind {
        TaskType::Code => format!("src/{id}_{}.{ending}", slug_of('_')),
        TaskType::Documentation if words(text).iter().any(|word| word == "readme") => README.to_owned(),
        TaskType::Documentation => format!("docs/{id}-{}.md", slug_of('-')),
        TaskType::Research => format!("notes/{id}-{}.md", slug_of('-')),
        TaskType::Analysis | TaskType::Integration => format!("reports/{id}-{}.md", slug_of('-')),
        TaskType::Asset => format!("assets/{id}-{}.svg", slug_of('-')),
    }
}

/// The plan in the form that the rigor asks for.
fn wire(rigor: Rigor, name: &str, requirements: &[Requirement], tasks: &[Planned]) -> Value {
    let summary = format!(
        "Simulated plan for \"{name}\": {} tasks for {} requirements, made from their structure by a stand-in; \
         no model was asked.",
        tasks.len(),
        requirements.len()
    );
    if rigor == Rigor::L1 {
        return json!({"summary": summary, "tasks": tasks.iter().map(task_wire).collect::<Vec<Value>>()});
    }
    let phases = PHASES.iter().enumerate().map(|(index, (name, description))| {
        let tasks: Vec<Value> = tasks.iter().filter(|task| task.phase == index).map(task_wire).collect();
        json!({"name": name, "description": description, "tasks": tasks})
    });
    let phases: Vec<Value> = phases.filter(|phase| phase["tasks"] != json!([])).collect();
    let mut plan =
        json!({"summary": summary, "phases": phases, "open_questions": questions(requirements, tasks)});
    if rigor == Rigor::L3 {
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

fn task_wire(task: &Planned) -> Value {
    json!({
        "title": task.title,
        "description": task.description,
        "task_type": task.task_type.as_str(),
        "complexity": task.complexity.as_str(),
        "depends_on": task.depends_on,
        "tools_needed": ["list_files", "read_file", "write_file"],
        "requirement_ids": task.requirement_ids,
        "verification_criteria": task.criteria,
        "affected_files": [task.path],
    })
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
