//! `orch run` when all goes well, and its other ends that no person has to settle.

use serde_json::Value;

use crate::support::{Bench, example, states};

#[test]
fn the_first_command_shows_the_whole_loop() {
    let bench = Bench::new();
    let ran = bench.orch(&["run", &example("hello-world.md"), "--simulate"]).exits(0);
    for part in [
        "Plan 1",
        "Wave 1",
        "Coverage",
        "all 9 requirements have a task",
        "Forecast",
        "is enough in 19 of 20",
        "P50",
        "completed",
        "simulated",
        "Time",
    ] {
        assert!(ran.stdout.contains(part), "no {part:?} in:\n{}", ran.stdout);
    }
    assert!(ran.stderr.contains("begins"), "{}", ran.stderr);
    assert!(!ran.stdout.contains('\u{1b}'), "colour on a pipe");
    // The files it speaks of are there.
    let line = ran.stdout.lines().find(|line| line.contains(" in ./data/projects/")).unwrap();
    let folder = bench.path(line.split(" in ").nth(1).unwrap().trim());
    assert!(folder.join("hello.py").is_file(), "{}", folder.display());
    assert!(states(&bench.only_project()).iter().all(|state| *state == "completed"));
    assert_eq!(bench.calls(false), 0);
    assert!(bench.calls(true) > 0);
}

#[test]
fn without_key_and_ollama_the_simulated_model_is_chosen_and_the_reason_told() {
    let bench = Bench::new();
    bench
        .orch(&["run", "--text", "Write a poem."])
        .exits(4)
        .says("no API key is set and Ollama does not answer")
        .says("orch approve prj_");
}

#[test]
fn programs_get_one_event_a_line() {
    let bench = Bench::new();
    let ran = bench.orch(&["run", "--text", "Write a poem.", "--simulate", "--json"]).exits(0);
    let lines = ran.lines();
    let kinds: Vec<&str> = lines.iter().map(|line| line["type"].as_str().unwrap()).collect();
    for kind in ["project_created", "plan_ready", "plan", "task_start", "task_complete", "project_complete"] {
        assert!(kinds.contains(&kind), "no {kind} in {kinds:?}");
    }
    let numbers: Vec<u64> = lines.iter().filter_map(|line| line["seq"].as_u64()).collect();
    assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
    let summary = lines.last().unwrap();
    assert_eq!((&summary["type"], &summary["exit_code"]), (&Value::from("summary"), &Value::from(0)));
}

#[test]
fn requirements_come_from_standard_input_too() {
    let bench = Bench::new();
    let ran = bench.orch_with_input(&["run", "-", "--simulate", "--name", "From a pipe"], "Write a poem.\n");
    ran.exits(0).says("From a pipe");
}

#[test]
fn folders_are_copied_in_and_results_out() {
    let bench = Bench::new();
    std::fs::create_dir(bench.path("given")).unwrap();
    bench.write("given/notes.txt", "as it was");
    let arguments =
        ["run", "--text", "Write `poem.md`.", "--simulate", "--files", "given", "--out", "results"];
    bench.orch(&arguments).exits(0);
    assert_eq!(std::fs::read_to_string(bench.path("results/notes.txt")).unwrap(), "as it was");
    assert!(std::fs::read_to_string(bench.path("results/poem.md")).unwrap().contains("imulated"));
}

#[test]
fn failed_tasks_end_the_run_with_3() {
    let bench = Bench::new();
    let text = "Write `one.md`. simulate: fail\n\nWrite `two.md`.";
    let ran = bench.orch(&["run", "--text", text, "--simulate"]).exits(3).says("--retry-failed");
    assert!(ran.stdout.contains("asked to fail"), "{}", ran.stdout);
    let project = bench.only_project();
    assert!(states(&project).contains(&"failed") && states(&project).contains(&"blocked"));
    let failed = project["tasks"].as_array().unwrap().iter().find(|task| task["state"] == "failed").unwrap();
    assert_eq!(failed["attempts"], 1);
    bench.orch(&["resume", "--retry-failed"]).exits(3).says("1 failed task will be tried again");
}

#[test]
fn a_used_up_budget_ends_the_run_with_5_and_a_higher_one_goes_on() {
    let bench = Bench::new();
    let arguments = ["run", &example("hello-world.md"), "--simulate", "--budget", "0.20"];
    bench.orch(&arguments).exits(5).says("--budget");
    let project = bench.only_project();
    assert_eq!((&project["state"], &project["pause_reason"]), (&"paused".into(), &"budget".into()));
    assert!(project["simulated_cost_usd"].as_f64().unwrap() <= 0.20);
    bench.orch(&["resume", "--budget", "5"]).exits(0);
    assert_eq!(bench.only_project()["state"], "completed");
}

#[test]
fn a_budget_too_small_for_a_plan_says_so() {
    let bench = Bench::new();
    bench
        .orch(&["run", "--text", "Write a poem.", "--simulate", "--budget", "0.0001"])
        .exits(5)
        .says("budget of $0.0001");
}
