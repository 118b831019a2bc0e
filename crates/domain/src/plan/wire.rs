//! [`Plan`] → the JSON that the prototype's clients know, and the JSON Schema that
//! a planner's answer is asked to match. `parse` reads the same JSON back.

use serde_json::{Map, Value, json};

use super::{Plan, PlannedTask, Rigor};
use crate::task::{Complexity, TaskType};

/// The plan as it is stored and sent: tasks in phases where there are any, else
/// flat. Tasks are grouped by phase in a stable order and dependencies follow.
#[must_use]
pub fn to_json(plan: &Plan, rigor: Rigor) -> Value {
    let mut root = Map::new();
    root.insert("summary".to_owned(), json!(plan.summary));
    if plan.phases.is_empty() {
        let tasks: Vec<Value> =
            plan.tasks.iter().map(|task| task_json(task, task.depends_on.clone())).collect();
        root.insert("tasks".to_owned(), Value::Array(tasks));
    } else {
        root.insert("phases".to_owned(), phases_json(plan));
    }
    if rigor != Rigor::L1 {
        let questions = plan.open_questions.iter().map(|question| {
            json!({
                "question": question.question,
                "proposed_answer": question.proposed_answer,
                "impact": question.impact,
            })
        });
        root.insert("open_questions".to_owned(), questions.collect());
    }
    if rigor == Rigor::L3 {
        let risks = plan.risks.iter().map(|risk| {
            json!({
                "risk": risk.risk,
                "likelihood": risk.likelihood,
                "impact": risk.impact,
                "mitigation": risk.mitigation,
            })
        });
        root.insert("risk_assessment".to_owned(), risks.collect());
        if let Some(strategy) = &plan.test_strategy {
            let value = json!({
                "approach": strategy.approach,
                "test_tasks": strategy.test_tasks,
                "coverage_notes": strategy.coverage_notes,
            });
            root.insert("test_strategy".to_owned(), value);
        }
    }
    Value::Object(root)
}

fn phases_json(plan: &Plan) -> Value {
    // A task without phase, which validation refuses, goes to the last one
    // rather than out of the plan.
    let last = plan.phases.len().saturating_sub(1);
    let phase_of = |task: &PlannedTask| task.phase.unwrap_or(last).min(last);
    let mut order: Vec<usize> = (0..plan.tasks.len()).collect();
    order.sort_by_key(|&index| phase_of(&plan.tasks[index]));
    let mut place = vec![0; order.len()];
    for (new, &old) in order.iter().enumerate() {
        place[old] = new;
    }
    let mut lists: Vec<Vec<Value>> = vec![Vec::new(); plan.phases.len()];
    for &index in &order {
        let task = &plan.tasks[index];
        let needs = task.depends_on.iter().map(|&old| place.get(old).copied().unwrap_or(old)).collect();
        lists[phase_of(task)].push(task_json(task, needs));
    }
    let phases = plan.phases.iter().zip(lists);
    phases
        .map(|(phase, tasks)| json!({"name": phase.name, "description": phase.description, "tasks": tasks}))
        .collect()
}

fn task_json(task: &PlannedTask, depends_on: Vec<usize>) -> Value {
    json!({
        "title": task.title,
        "description": task.description,
        "task_type": task.task_type,
        "complexity": task.complexity,
        "depends_on": depends_on,
        "tools_needed": task.tools.as_deref().unwrap_or_default(),
        "requirement_ids": task.requirement_ids,
        "verification_criteria": task.verification_criteria,
        "affected_files": task.affected_files,
    })
}

/// What a planner's answer must look like. Within what structured output allows:
/// every key required, no other keys, no recursion, no bounds. Bounds are checked
/// by `validate`.
#[must_use]
pub fn schema(rigor: Rigor) -> Value {
    let tasks = list(task_schema());
    let mut keys = vec![("summary", text("What the plan achieves, in a few sentences"))];
    if rigor == Rigor::L1 {
        keys.push(("tasks", tasks));
    } else {
        let phase = object(vec![
            ("name", text("Short name of the phase")),
            ("description", text("What the phase is about")),
            ("tasks", tasks),
        ]);
        let question = object(vec![
            ("question", text("What the requirements leave open")),
            ("proposed_answer", text("What this plan assumes")),
            ("impact", text("What changes if the answer is another")),
        ]);
        keys.push(("phases", list(phase)));
        keys.push(("open_questions", list(question)));
    }
    if rigor == Rigor::L3 {
        let level = || json!({"type": "string", "enum": ["low", "medium", "high"]});
        let risk = object(vec![
            ("risk", text("What may go wrong")),
            ("likelihood", level()),
            ("impact", level()),
            ("mitigation", text("What the plan does about it")),
        ]);
        let strategy = object(vec![
            ("approach", text("How the whole is tested")),
            ("test_tasks", list(text("Title of a task that tests"))),
            ("coverage_notes", text("What is not tested, and why")),
        ]);
        keys.push(("risk_assessment", list(risk)));
        keys.push(("test_strategy", strategy));
    }
    object(keys)
}

fn task_schema() -> Value {
    let types: Vec<&str> = TaskType::ALL.iter().map(|kind| kind.as_str()).collect();
    let levels: Vec<&str> = Complexity::ALL.iter().map(|level| level.as_str()).collect();
    object(vec![
        ("title", text("Short name")),
        ("description", text("Everything the worker needs to know to do it")),
        ("task_type", json!({"type": "string", "enum": types})),
        ("complexity", json!({"type": "string", "enum": levels})),
        (
            "depends_on",
            list(
                json!({"type": "integer", "description": "Number of a task whose output is needed, from 0"}),
            ),
        ),
        ("tools_needed", list(text("Name of a tool"))),
        ("requirement_ids", list(text("R1, R2, …"))),
        ("verification_criteria", text("How to tell that it is done")),
        ("affected_files", list(text("Path of a file it probably touches"))),
    ])
}

fn object(keys: Vec<(&str, Value)>) -> Value {
    let required: Vec<&str> = keys.iter().map(|(key, _)| *key).collect();
    let required = json!(required);
    let properties: Map<String, Value> =
        keys.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

fn list(items: Value) -> Value {
    json!({"type": "array", "items": items})
}

fn text(description: &str) -> Value {
    json!({"type": "string", "description": description})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::parse::{PlanRules, parse};
    use crate::plan::{OpenQuestion, Phase, Risk, TestStrategy};

    fn task(title: &str, depends_on: &[usize], phase: Option<usize>) -> PlannedTask {
        PlannedTask {
            title: title.to_owned(),
            description: format!("Do {title}."),
            task_type: TaskType::Code,
            complexity: Complexity::Simple,
            depends_on: depends_on.to_vec(),
            tools: Some(vec!["read_file".to_owned()]),
            requirement_ids: vec!["R1".to_owned()],
            verification_criteria: "It runs.".to_owned(),
            affected_files: vec!["a.txt".to_owned()],
            phase,
        }
    }

    fn phase(name: &str) -> Phase {
        Phase { name: name.to_owned(), description: String::new() }
    }

    fn full() -> Plan {
        Plan {
            summary: "All of it.".to_owned(),
            phases: vec![phase("First"), phase("Second")],
            tasks: vec![task("a", &[], Some(0)), task("b", &[0], Some(0)), task("c", &[0, 1], Some(1))],
            open_questions: vec![OpenQuestion {
                question: "Which?".to_owned(),
                proposed_answer: "This.".to_owned(),
                impact: "Small.".to_owned(),
            }],
            risks: vec![Risk {
                risk: "Late".to_owned(),
                likelihood: "low".to_owned(),
                impact: "high".to_owned(),
                mitigation: "Begin early.".to_owned(),
            }],
            test_strategy: Some(TestStrategy { approach: "By hand.".to_owned(), ..TestStrategy::default() }),
        }
    }

    fn read_back(plan: &Plan, rigor: Rigor) -> Plan {
        let tools = ["read_file".to_owned()];
        let rules = PlanRules { max_tasks: 10, requirement_count: 1, known_tools: &tools };
        parse(&to_json(plan, rigor).to_string(), rigor, &rules).unwrap()
    }

    #[test]
    fn plans_survive_the_wire() {
        assert_eq!(read_back(&full(), Rigor::L3), full());
        let flat = Plan {
            phases: Vec::new(),
            tasks: vec![task("a", &[], None), PlannedTask { tools: None, ..task("b", &[0], None) }],
            ..Plan { summary: "s".to_owned(), ..Plan::default() }
        };
        assert_eq!(read_back(&flat, Rigor::L1), flat);
        assert_eq!(read_back(&flat, Rigor::L2), flat);
    }

    #[test]
    fn tasks_out_of_phase_order_keep_their_dependencies() {
        let mut plan = full();
        plan.tasks = vec![task("late", &[1], Some(1)), task("early", &[], Some(0))];
        let read = read_back(&plan, Rigor::L2);
        let edges: Vec<(&str, Vec<&str>)> = read
            .tasks
            .iter()
            .map(|t| (t.title.as_str(), t.depends_on.iter().map(|&d| read.tasks[d].title.as_str()).collect()))
            .collect();
        assert_eq!(edges, [("early", vec![]), ("late", vec!["early"])]);
    }

    #[test]
    fn plans_that_break_rules_are_still_written() {
        let mut plan = full();
        plan.tasks = vec![task("a", &[9, 0], None), task("b", &[], Some(7))];
        assert_eq!(to_json(&plan, Rigor::L2)["phases"][1]["tasks"].as_array().map(Vec::len), Some(2));
    }

    #[test]
    fn the_wire_form_is_the_prototypes() {
        insta::assert_json_snapshot!(to_json(&full(), Rigor::L3));
    }

    #[test]
    fn schemas_stay_within_structured_output() {
        fn check(value: &Value) {
            if value["type"] == "object" {
                assert_eq!(value["additionalProperties"], false);
                let properties = value["properties"].as_object().unwrap();
                assert_eq!(value["required"].as_array().unwrap().len(), properties.len());
                properties.values().for_each(check);
            } else if value["type"] == "array" {
                check(&value["items"]);
            }
            let allowed =
                ["type", "properties", "required", "additionalProperties", "items", "enum", "description"];
            assert!(value.as_object().unwrap().keys().all(|key| allowed.contains(&key.as_str())));
        }
        for rigor in [Rigor::L1, Rigor::L2, Rigor::L3] {
            check(&schema(rigor));
        }
        insta::assert_json_snapshot!(schema(Rigor::L3));
        insta::assert_json_snapshot!(schema(Rigor::L1));
    }
}
