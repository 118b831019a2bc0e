//! The whole mind, asked as the engine asks it.

use std::sync::Arc;

use domain::context::{self, ContextBounds, Ended, Prerequisite, TaskBrief};
use domain::id::CallId;
use domain::model::ToolDefinition;
use domain::plan::Rigor;
use domain::plan::parse::PlanRules;
use domain::prompt::{self, TaskText};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn request(purpose: Purpose, text: &str) -> Request {
    Request {
        call_id: CallId::new("cal_1"),
        model: "m".to_owned(),
        system: Arc::from("You are at work."),
        messages: vec![Message::user(text)],
        tools: Arc::new(Vec::new()),
        max_tokens: 4096,
        schema: None,
        purpose,
        timeout_ms: 1000,
    }
}

fn with_tools(text: &str) -> Request {
    let tool = |name: &str, required: Value| ToolDefinition {
        name: name.to_owned(),
        description: "d".to_owned(),
        input_schema: json!({"type": "object", "properties": {"path": {"type": "string"}}, "required": required}),
    };
    let tools = vec![tool("list_files", json!([])), tool("write_file", json!(["path", "content"]))];
    Request { tools: Arc::new(tools), ..request(Purpose::Execution, text) }
}

fn plan_of(requirements: &str, properties: Value) -> Value {
    let mut request = request(Purpose::Planning, requirements);
    request.schema = Some(Arc::new(json!({"type": "object", "properties": properties})));
    serde_json::from_str(&brain(&request).unwrap().text()).unwrap()
}

fn tasks_of(plan: &Value) -> Vec<Value> {
    match plan["tasks"].as_array() {
        Some(tasks) => tasks.clone(),
        None => {
            let phases = plan["phases"].as_array().unwrap();
            phases.iter().flat_map(|phase| phase["tasks"].as_array().unwrap().clone()).collect()
        }
    }
}

/// Indices in range, no task needing itself or a later one, every id covered.
fn assert_sound(plan: &Value, ids: &[&str]) {
    let tasks = tasks_of(plan);
    let mut covered = std::collections::BTreeSet::new();
    let mut paths = std::collections::BTreeSet::new();
    for (index, task) in tasks.iter().enumerate() {
        for needed in task["depends_on"].as_array().unwrap() {
            assert!((needed.as_u64().unwrap() as usize) < index, "{task}");
        }
        for id in task["requirement_ids"].as_array().unwrap() {
            covered.insert(id.as_str().unwrap().to_owned());
        }
        assert!(paths.insert(task["affected_files"][0].as_str().unwrap().to_owned()), "{task}");
        assert!(!task["title"].as_str().unwrap().contains("simulate:"));
        assert!(domain::task::TaskType::parse(task["task_type"].as_str().unwrap()).is_some());
        assert!(domain::task::Complexity::parse(task["complexity"].as_str().unwrap()).is_some());
    }
    for id in ids {
        assert!(covered.contains(*id), "{id} is not covered");
    }
}

const GREETER: &str = "Project: Greeter\n\n[R1] # Greeter\n[R2] The program prints a greeting.\n\
    [R3] It must take a name as argument (simulate: gaps=1).\n[R4] A README says how to run it.\n";

#[test]
fn plan_follows_the_requirements() {
    let plan = plan_of(GREETER, json!({"tasks": {}}));
    let tasks = tasks_of(&plan);
    let titles: Vec<&str> = tasks.iter().map(|task| task["title"].as_str().unwrap()).collect();
    let expected = [
        "Outline: Greeter",
        "The program prints a greeting",
        "Take a name as argument",
        "Test: The program prints a greeting",
        "Test: Take a name as argument",
        "README: says how to run it",
        "Put together: Greeter",
    ];
    assert_eq!(titles, expected);
    assert_eq!(tasks[5]["depends_on"], json!([1, 2]), "the document waits for the programs");
    assert_eq!(tasks[6]["depends_on"], json!([1, 2, 3, 4, 5]));
    assert!(tasks[2]["description"].as_str().unwrap().contains("simulate: gaps=1"));
    assert!(!tasks[4]["description"].as_str().unwrap().contains("simulate:"));
    assert_sound(&plan, &["R1", "R2", "R3", "R4"]);
}

#[test]
fn plan_has_the_form_of_its_rigor() {
    let keys = |plan: &Value| plan.as_object().unwrap().keys().cloned().collect::<Vec<String>>();
    assert_eq!(keys(&plan_of(GREETER, json!({"tasks": {}}))), ["summary", "tasks"]);
    let l2 = plan_of(GREETER, json!({"phases": {}}));
    assert_eq!(keys(&l2), ["open_questions", "phases", "summary"]);
    assert_sound(&l2, &["R1", "R2", "R3", "R4"]);
    let l3 = plan_of(GREETER, json!({"phases": {}, "risk_assessment": {}}));
    assert_eq!(keys(&l3), ["open_questions", "phases", "risk_assessment", "summary", "test_strategy"]);
}

#[test]
fn sizes_and_shapes_are_as_asked() {
    let ask = |words: &str| plan_of(&format!("[R1] Load. simulate: {words}"), json!({"tasks": {}}));
    let chain = ask("tasks=30 shape=chain turns=0");
    assert_sound(&chain, &["R1"]);
    assert_eq!(tasks_of(&chain)[29]["depends_on"], json!([28]));
    assert!(tasks_of(&chain)[29]["description"].as_str().unwrap().ends_with("simulate: turns=0"));
    let wide = ask("tasks=1000 shape=wide");
    assert_eq!(tasks_of(&wide).len(), 1000);
    assert!(tasks_of(&wide).iter().all(|task| task["depends_on"] == json!([])));
    let layered = ask("tasks=100 width=10");
    assert_sound(&layered, &["R1"]);
    assert_eq!(tasks_of(&layered)[99]["depends_on"], json!([80, 89]));
    assert_eq!(tasks_of(&ask("tasks=0")).len(), 0);
}

#[test]
fn bad_plans_are_bad_until_repaired() {
    let ask = |words: &str| request(Purpose::Planning, &format!("[R1] Work. simulate: {words}"));
    for kind in ["prose", "cut", "array", "empty", "cycle", "dangling", "unknown_type"] {
        assert!(!brain(&ask(&format!("plan={kind}"))).unwrap().text().is_empty(), "{kind}");
    }
    assert_eq!(brain(&ask("plan=refuse")).unwrap().stop, StopReason::Refusal);
    assert_eq!(brain(&ask("plan=fail")).unwrap_err().class, ErrorClass::BadRequest);
    assert_eq!(brain(&ask("plan=cut")).unwrap().stop, StopReason::MaxTokens);
    let mut repair = ask("plan=prose repair");
    repair.messages.push(Message::assistant(brain(&repair).unwrap().content));
    repair.messages.push(Message::user("That was no plan."));
    assert!(serde_json::from_str::<Value>(&brain(&repair).unwrap().text()).unwrap()["tasks"].is_array());
}

#[test]
fn task_writes_its_file_and_reports_it() {
    let plan = plan_of(GREETER, json!({"tasks": {}}));
    let description = tasks_of(&plan)[1]["description"].as_str().unwrap().to_owned();
    let mut request = with_tools(&description);
    let first = brain(&request).unwrap();
    assert_eq!(first.stop, StopReason::ToolUse);
    let Block::ToolUse { id, name, input } = &first.content[1] else { panic!("{first:?}") };
    assert_eq!(name, "write_file");
    assert_eq!(input["path"], "src/r2_program_prints_greeting.py");
    assert!(input["content"].as_str().unwrap().contains("The program prints a greeting."));
    assert!(input["content"].as_str().unwrap().contains("Simulated"));
    let result = Block::ToolResult { tool_use_id: id.clone(), content: "ok".to_owned(), is_error: false };
    request.messages.push(Message::assistant(first.content.clone()));
    request.messages.push(Message { role: Role::User, content: vec![result] });
    let last = brain(&request).unwrap();
    assert_eq!(last.stop, StopReason::EndTurn);
    assert!(last.text().contains("src/r2_program_prints_greeting.py") && last.text().contains("Simulated"));
}

/// A task as the engine tells it, with context that quotes other directives.
fn told(description: &str, dependency: Option<&str>) -> Message {
    let mut brief = TaskBrief {
        project_name: "P".to_owned(),
        requirements: vec![("R1".to_owned(), "Other. simulate: fail".to_owned())],
        ..TaskBrief::default()
    };
    brief.prerequisites.extend(dependency.map(|output| Prerequisite {
        task_id: domain::id::TaskId::new("tsk_0"),
        title: "Before".to_owned(),
        ended: Ended::Completed,
        output: Some(output.to_owned()),
        files: Vec::new(),
    }));
    let pieces = context::build(&brief, &ContextBounds::default());
    prompt::task_message(&pieces, &TaskText { title: "T", description, criteria: "It is done." })
}

#[test]
fn directives_of_the_context_are_none_of_the_tasks() {
    let mut request = with_tools("");
    request.messages = vec![told("Do it.\n\nsimulate: refuse", None)];
    assert_eq!(brain(&request).unwrap().stop, StopReason::Refusal);
    request.messages = vec![told("Do it.", Some("simulate: cut"))];
    assert_eq!(brain(&request).unwrap().stop, StopReason::ToolUse);
}

#[test]
fn plans_are_accepted_at_every_rigor() {
    let text = "# Greeter\n\nThe program prints a greeting.\n\n- It must take a name.\n- A README says how.\n\n\
        ## Later\n\nCompare three ways to translate it, with their cost, speed and the work that each of them \
        would be for us in a year.";
    let requirements = domain::requirement::split(text);
    let user = prompt::planner_user("Greeter", &requirements, Some("Be quick."));
    let ids: Vec<String> = requirements.iter().map(|requirement| requirement.id.clone()).collect();
    let tools = with_tools("").tools.to_vec();
    let known_tools: Vec<String> = tools.iter().map(|tool| tool.name.clone()).collect();
    let rules =
        PlanRules { max_tasks: 500, requirement_count: requirements.len(), known_tools: &known_tools };
    for rigor in [Rigor::L1, Rigor::L2, Rigor::L3] {
        let mut asked = request(Purpose::Planning, &user);
        asked.system = prompt::planner_system(rigor, 500, &tools).into();
        let without_schema = brain(&asked).unwrap().text();
        asked.schema = Some(Arc::new(domain::plan::wire::schema(rigor)));
        let text = brain(&asked).unwrap().text();
        assert_eq!(text, without_schema, "{rigor:?}");
        let plan = domain::plan::parse::parse(&text, rigor, &rules).unwrap();
        assert!(plan.tasks.len() >= 5);
        assert_eq!(plan.tasks[1].tools.as_deref(), Some(&known_tools[..]));
        for id in &ids {
            assert!(plan.tasks.iter().any(|task| task.requirement_ids.contains(id)), "{id}");
        }
    }
}

#[test]
fn task_with_prerequisites_looks_around_first() {
    let mut request = with_tools("");
    request.messages = vec![told("Put together\n\nWrite to `SUMMARY.md`.", Some("x"))];
    let names: Vec<String> = brain(&request)
        .unwrap()
        .content
        .into_iter()
        .filter_map(|block| match block {
            Block::ToolUse { name, .. } => Some(name),
            _ => None,
        })
        .collect();
    assert_eq!(names, ["list_files", "write_file"]);
}

#[test]
fn same_request_gets_the_same_answer_under_any_call_id() {
    let one = with_tools("Do it.");
    let other = Request { call_id: CallId::new("cal_2"), ..one.clone() };
    assert_eq!(brain(&one).unwrap(), brain(&other).unwrap());
}

#[test]
fn directives_bring_about_each_outcome() {
    let say = |text: &str| brain(&request(Purpose::Execution, text));
    assert_eq!(say("Do. simulate: fail").unwrap_err().class, ErrorClass::BadRequest);
    assert_eq!(say("Do. simulate: fail=overloaded").unwrap_err().class, ErrorClass::Overloaded);
    assert_eq!(say("Do. simulate: refuse").unwrap().stop, StopReason::Refusal);
    assert_eq!(say("Do. simulate: cut").unwrap().stop, StopReason::MaxTokens);
    assert_eq!(extra_latency_ms(&request(Purpose::Execution, "Do. simulate: slow=7")), 7);
    let looping = brain(&with_tools("Do. simulate: loop")).unwrap();
    assert_eq!(looping.stop, StopReason::ToolUse);
    let sized = brain(&with_tools("Do. simulate: size=5000")).unwrap();
    let Block::ToolUse { input, .. } = &sized.content[1] else { panic!("{sized:?}") };
    assert!(input["content"].as_str().unwrap().len() >= 5000);
}

#[test]
fn gaps_are_found_until_the_output_answers_them() {
    let task = "Do it.\n\nsimulate: gaps=2";
    let verdict = |output: &str| -> Value {
        let text = TaskText { title: "Do it", description: task, criteria: "" };
        let asked = request(Purpose::Verification, &prompt::verifier_user(&text, output, &[]));
        serde_json::from_str(&brain(&asked).unwrap().text()).unwrap()
    };
    let mut work = request(Purpose::Execution, task);
    for round in 1..=2 {
        let verdict = verdict(&brain(&work).unwrap().text());
        assert_eq!(verdict["verdict"], "gaps_found");
        assert!(verdict["notes"].as_str().unwrap().contains(&format!("{round} of 2")));
        work.system = Arc::from(format!("{}\n{}", work.system, verdict["notes"]));
    }
    assert_eq!(verdict(&brain(&work).unwrap().text())["verdict"], "passed");
}

#[test]
fn person_is_asked_for_once() {
    let verdict = |output: &str| brain(&request(Purpose::Verification, output)).unwrap().text();
    assert!(verdict("simulate: human").contains("human_needed"));
    assert!(verdict("simulate: human\n\nRevision 1: done").contains("passed"));
    assert!(verdict("anything").contains("passed"));
}

#[test]
fn knowledge_and_summaries_have_their_form() {
    let found: Value =
        serde_json::from_str(&brain(&request(Purpose::KnowledgeExtraction, "x")).unwrap().text()).unwrap();
    assert!(found["findings"][0]["category"].is_string() && found["findings"][0]["content"].is_string());
    assert!(brain(&request(Purpose::Compaction, "x")).unwrap().text().contains("Simulated"));
}

#[test]
fn usage_grows_with_the_text_and_is_cached_between_turns() {
    let mut request = with_tools(&"word ".repeat(2000));
    let first = brain(&request).unwrap();
    let usage = first.usage.unwrap();
    assert_eq!(usage.cache_read, 0);
    assert!(usage.cache_write_5m > 2400 && usage.prompt() < 10_000);
    request.messages.push(Message::assistant(first.content));
    request.messages.push(Message::user("go on"));
    let next = brain(&request).unwrap().usage.unwrap();
    assert!(next.cache_read > 2400 && next.cache_write_5m < 1000, "{next:?}");
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "(?s).{0,300}", purpose in 0_usize..5) {
        let purposes = [Purpose::Planning, Purpose::Execution, Purpose::Verification,
            Purpose::KnowledgeExtraction, Purpose::Compaction];
        drop(brain(&request(purposes[purpose], &text)));
        drop(brain(&with_tools(&text)));
    }

    #[test]
    fn no_directive_makes_it_panic(words in proptest::collection::vec(
        ("(tasks|shape|width|plan|repair|gaps|human|fail|refuse|cut|slow|turns|loop|size|other)",
         "(=(0|3|18446744073709551615|chain|wide|cut|array|cycle|ä|))?"), 0..6),
    ) {
        let words: Vec<String> = words.into_iter().map(|(word, value)| format!("{word}{value}")).collect();
        let text = format!("[R1] Ä. simulate: {}", words.join(" "));
        // Large plans are sound too, but take too long for so many cases.
        let text = text.replace("tasks=18446744073709551615", "tasks=40");
        let planning = request(Purpose::Planning, &text);
        drop(brain(&planning));
        drop(brain(&with_tools(&text)));
        drop(brain(&request(Purpose::Verification, &text)));
        assert_eq!(extra_latency_ms(&planning), 0);
    }

    #[test]
    fn every_plan_is_sound(parts in proptest::collection::vec("[ -~äß`#*>-]{0,120}", 1..30)) {
        let tagged: Vec<String> =
            parts.iter().zip(1..).map(|(text, at)| format!("[R{at}] {}", text.replace("simulate", ""))).collect();
        let ids: Vec<String> = (1..=parts.len()).map(|at| format!("R{at}")).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let plan = plan_of(&tagged.join("\n"), json!({"phases": {}}));
        assert_sound(&plan, &ids);
    }
}
