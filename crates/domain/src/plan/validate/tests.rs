//! Rules on plans, by example; cycles by property.

use proptest::prelude::*;

use super::*;
use crate::plan::Phase;
use crate::task::{Complexity, TaskType};

fn task(title: &str, depends_on: &[usize]) -> PlannedTask {
    PlannedTask {
        title: title.to_owned(),
        description: "Do it.".to_owned(),
        task_type: TaskType::Code,
        complexity: Complexity::Simple,
        depends_on: depends_on.to_vec(),
        tools: None,
        requirement_ids: Vec::new(),
        verification_criteria: String::new(),
        affected_files: Vec::new(),
        phase: None,
    }
}

fn plan(tasks: Vec<PlannedTask>) -> Plan {
    Plan { tasks, ..Plan::default() }
}

const RULES: PlanRules<'static> = PlanRules { max_tasks: 5, requirement_count: 2, known_tools: &[] };

fn lines(plan: &Plan) -> Vec<String> {
    validate(plan, &RULES).err().map(|errors| errors.lines()).unwrap_or_default()
}

#[test]
fn a_sound_plan_passes() {
    assert!(lines(&plan(vec![task("a", &[]), task("b", &[0]), task("c", &[0, 1])])).is_empty());
}

#[test]
fn every_mistake_is_named_with_its_place() {
    let mut bad = plan(vec![task(" ", &[7, 0]), task("b", &[])]);
    bad.tasks[1].description.clear();
    bad.tasks[1].requirement_ids = vec!["R3".to_owned()];
    bad.tasks[1].tools = Some(vec!["shell".to_owned()]);
    bad.tasks[1].phase = Some(4);
    assert_eq!(
        lines(&bad),
        [
            "tasks[0].title: is empty",
            "tasks[1].description: is empty",
            "tasks[1].phase: 4 is out of range; the plan has 0 phases",
            "tasks[0].depends_on[0]: 7 is out of range; the plan has 2 tasks, numbered 0 to 1",
            "tasks[0].depends_on[1]: task 0 depends on itself",
            "tasks[1].requirement_ids[0]: \"R3\" is no requirement; the project has R1 to R2",
            "tasks[1].tools_needed[0]: \"shell\" is no tool here; there are none",
        ]
    );
}

#[test]
fn too_few_and_too_many_tasks_are_refused_with_both_numbers() {
    assert_eq!(lines(&plan(Vec::new())), ["tasks: the plan has 0 tasks; it must have 1 to 5"]);
    let many = plan((0..6).map(|_| task("x", &[])).collect());
    assert_eq!(lines(&many), ["tasks: the plan has 6 tasks; it must have 1 to 5"]);
}

#[test]
fn a_cycle_is_named_by_titles() {
    let errors =
        validate(&plan(vec![task("a", &[2]), task("b", &[0]), task("c", &[1])]), &RULES).unwrap_err();
    assert_eq!(errors.code(), Code::CycleDetected);
    insta::assert_snapshot!(errors);
    let mixed = plan(vec![task("a", &[1]), task("", &[0])]);
    assert_eq!(validate(&mixed, &RULES).unwrap_err().code(), Code::PlanInvalid);
}

#[test]
fn tasks_of_a_plan_with_phases_have_one() {
    let mut phased = plan(vec![task("a", &[])]);
    phased.phases.push(Phase::default());
    assert_eq!(lines(&phased).len(), 2);
}

#[test]
fn normal_form_has_no_duplicates() {
    let mut raw = plan(vec![task("a", &[]), task("b\n  c", &[0, 0])]);
    raw.tasks[1].requirement_ids = vec!["[r2]".to_owned(), "R2".to_owned(), "R1".to_owned()];
    raw.tasks[1].tools = Some(Vec::new());
    normalise(&mut raw);
    assert_eq!(raw.tasks[1].title, "b c");
    assert_eq!(raw.tasks[1].depends_on, [0]);
    assert_eq!(raw.tasks[1].requirement_ids, ["R2", "R1"]);
    assert_eq!(raw.tasks[1].tools, None);
}

#[test]
fn a_message_stays_short_whatever_the_plan() {
    let bad = plan((0..5000).map(|_| task("", &[9999])).collect());
    let errors = validate(&bad, &RULES).unwrap_err();
    assert_eq!(errors.count(), 10_001);
    assert!(errors.to_string().ends_with("and 9981 more"), "{errors}");
    assert!(errors.to_string().len() < 3000);
}

#[test]
fn deep_plans_need_no_stack() {
    let mut chain: Vec<PlannedTask> = (0..20_000).map(|i: usize| task("x", &[i.saturating_sub(1)])).collect();
    assert_eq!(find_cycle(&chain), None);
    chain[0].depends_on = vec![19_999];
    assert_eq!(find_cycle(&chain).map(|cycle| cycle.len()), Some(20_000));
}

proptest! {
    #[test]
    fn a_cycle_found_is_one_and_none_found_means_none(
        edges in prop::collection::vec(prop::collection::vec(0..9usize, 0..4), 1..9)
    ) {
        let tasks: Vec<PlannedTask> = edges.iter().map(|needs| task("t", needs)).collect();
        match find_cycle(&tasks) {
            Some(cycle) => {
                prop_assert!(cycle.len() >= 2);
                for (i, &at) in cycle.iter().enumerate() {
                    let next = cycle[(i + 1) % cycle.len()];
                    prop_assert!(tasks[at].depends_on.contains(&next));
                }
            }
            None => {
                // Removing tasks whose needs are all gone must empty the plan.
                let mut left: BTreeSet<usize> = (0..tasks.len()).collect();
                loop {
                    let free = left.iter().copied().find(|&i| {
                        tasks[i].depends_on.iter().all(|d| *d == i || !left.contains(d))
                    });
                    match free { Some(i) => left.remove(&i), None => break };
                }
                prop_assert!(left.is_empty());
            }
        }
    }
}
