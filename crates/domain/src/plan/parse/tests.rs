//! Planners' answers, good and bad.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::refusal::Code;

fn tools() -> Vec<String> {
    vec!["read_file".to_owned(), "write_file".to_owned()]
}

fn read(text: &str, rigor: Rigor) -> Result<Plan, PlanErrors> {
    let tools = tools();
    parse(text, rigor, &PlanRules { max_tasks: 4, requirement_count: 3, known_tools: &tools })
}

fn lines(text: &str) -> Vec<String> {
    read(text, Rigor::L3).err().map(|errors| errors.lines()).unwrap_or_default()
}

fn task(title: &str) -> Value {
    json!({"title": title, "description": "Do it.", "task_type": "code"})
}

fn with(mut task: Value, key: &str, value: Value) -> Value {
    task[key] = value;
    task
}

fn flat(tasks: &[Value]) -> String {
    json!({"summary": "s", "tasks": tasks}).to_string()
}

#[test]
fn a_flat_answer_is_read() {
    let b = with(task(" b "), "depends_on", json!([0, "0", 0]));
    let b = with(b, "requirement_ids", json!(["R2", "[r2]", "R1"]));
    let b = with(b, "tools_needed", json!(["read_file", "read_file"]));
    let plan = read(&flat(&[task("a"), with(b, "surprise", json!({"x": 1}))]), Rigor::L1).unwrap();
    assert_eq!(plan.tasks[1].title, "b");
    assert_eq!(plan.tasks[1].depends_on, [0]);
    assert_eq!(plan.tasks[1].requirement_ids, ["R2", "R1"]);
    assert_eq!(plan.tasks[1].tools, Some(vec!["read_file".to_owned()]));
    assert_eq!((plan.tasks[0].complexity, &plan.tasks[0].tools), (Complexity::Medium, &None));
}

#[test]
fn phases_are_flattened_with_global_numbers() {
    let answer = json!({
        "summary": "s",
        "phases": [
            {"name": "one", "description": "d", "tasks": [task("a"), with(task("b"), "depends_on", json!([0]))]},
            {"tasks": [with(task("c"), "depends_on", json!([1, 0]))]},
        ],
        "open_questions": [{"question": "q"}],
        "risk_assessment": [{"risk": "r", "likelihood": "HIGH", "impact": "low", "mitigation": "m"}],
        "test_strategy": {"approach": "a", "test_tasks": ["c"], "coverage_notes": ""},
    })
    .to_string();
    let text = format!("<thinking>maybe {{\"tasks\": []}} or {{ not }}</thinking>\n```json\n{answer}\n```");
    insta::assert_json_snapshot!(read(&text, Rigor::L3).unwrap());
    assert!(read(&text, Rigor::L2).unwrap().risks.is_empty());
    assert!(read(&text, Rigor::L1).unwrap().open_questions.is_empty());
}

#[test]
fn answers_that_are_no_plan_say_so() {
    let whole = flat(&[task("a")]);
    for (text, expected) in [
        ("", "the answer is empty"),
        ("I cannot plan this.", "the answer is text without a JSON object"),
        (&whole[..whole.len() - 3], "the answer is cut off in the middle of its JSON"),
        ("[]", "the answer is text without a JSON object"),
        ("[{\"title\": \"a\"}]", "the answer is an array where a JSON object was asked for"),
        ("null", "the answer is null where a JSON object was asked for"),
        ("{\"summary\": \"s\"}", "the answer has neither tasks nor phases"),
    ] {
        let errors = read(text, Rigor::L2).unwrap_err();
        assert_eq!(errors.lines(), [expected], "{text}");
        assert_eq!(errors.code(), Code::PlanInvalid);
    }
}

#[test]
fn a_phase_of_a_broken_answer_is_not_taken_for_the_plan() {
    let phase = json!({"name": "x", "tasks": [task("a")]}).to_string();
    let broken = format!("{{\"summary\": \"say \"hi\"\", \"phases\": [{phase}]}}");
    assert!(lines(&broken)[0].starts_with("the answer's JSON is broken"), "{:?}", lines(&broken));
    let cut = format!("{{\"summary\": \"s\", \"phases\": [{phase}, {{\"name\"");
    assert_eq!(lines(&cut), ["the answer is cut off in the middle of its JSON"]);
}

#[test]
fn every_mistake_is_reported_with_its_place() {
    let answer = json!({
        "summary": null,
        "tasks": [
            {"title": "", "description": null, "task_type": "csharp_method", "complexity": "hard"},
            with(task("b"), "depends_on", json!([true, 1.5, -1, 9, "x", "٣", null, 1])),
            "not a task",
            with(with(task("d"), "requirement_ids", json!(["R4", 1])), "tools_needed", json!(["shell"])),
            with(task("e"), "depends_on", json!(null)),
        ],
        "open_questions": {},
        "risk_assessment": [{"risk": "r", "likelihood": "sometimes"}],
        "test_strategy": null,
    });
    insta::assert_snapshot!(lines(&answer.to_string()).join("\n"));
}

#[test]
fn counts_outside_the_limit_name_both_numbers() {
    assert_eq!(lines(&flat(&[])), ["tasks: the plan has 0 tasks; it must have 1 to 4"]);
    let five = flat(&vec![task("x"); 5]);
    assert_eq!(lines(&five), ["tasks: the plan has 5 tasks; it must have 1 to 4"]);
    let empty_phases = json!({"summary": "s", "phases": []}).to_string();
    assert_eq!(lines(&empty_phases), ["tasks: the plan has 0 tasks; it must have 1 to 4"]);
}

#[test]
fn cycles_have_their_own_code() {
    let a = with(task("a"), "depends_on", json!([1]));
    let b = with(task("b"), "depends_on", json!([0]));
    let errors = read(&flat(&[a, b]), Rigor::L1).unwrap_err();
    assert_eq!(errors.code(), Code::CycleDetected);
    assert!(errors.to_string().contains("\"a\" (0) needs \"b\" (1) needs \"a\" (0)"), "{errors}");
}

#[test]
fn phases_beside_tasks_are_refused() {
    let both = json!({"summary": "s", "tasks": [task("a")], "phases": [{"name": "p", "tasks": [task("b")]}]});
    assert_eq!(lines(&both.to_string()).len(), 1);
}

#[test]
fn the_repair_text_tells_the_model_what_to_mend() {
    let errors = read(&flat(&[with(task("a"), "depends_on", json!([7]))]), Rigor::L2).unwrap_err();
    insta::assert_snapshot!(repair_text(&errors));
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[a-zR0-9]{0,4}".prop_map(Value::from),
    ];
    let keys = prop::sample::select(vec![
        "summary",
        "tasks",
        "phases",
        "title",
        "description",
        "task_type",
        "complexity",
        "depends_on",
        "tools_needed",
        "requirement_ids",
        "open_questions",
        "risk_assessment",
        "test_strategy",
        "name",
    ]);
    leaf.prop_recursive(5, 60, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((keys.clone(), inner), 0..6).prop_map(|pairs| {
                Value::Object(pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
            }),
        ]
    })
}

proptest! {
    #[test]
    fn no_json_panics_and_what_is_accepted_is_valid(value in any_json()) {
        if let Ok(plan) = read(&value.to_string(), Rigor::L3) {
            let tools = tools();
            let rules = PlanRules { max_tasks: 4, requirement_count: 3, known_tools: &tools };
            prop_assert_eq!(crate::plan::validate::validate(&plan, &rules), Ok(()));
        }
    }

    #[test]
    fn no_text_panics(text in any::<String>(), bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(&text, Rigor::L2);
        let _ = read(&String::from_utf8_lossy(&bytes), Rigor::L3);
    }

    #[test]
    fn a_plan_cut_anywhere_is_refused(part in 0.0..1.0f64) {
        let whole = json!({"summary": "s", "phases": [{"name": "p", "tasks": [task("a"), task("b")]}]}).to_string();
        let end = (whole.len() as f64 * part) as usize;
        prop_assert!(read(&whole[..end], Rigor::L2).is_err());
    }
}
