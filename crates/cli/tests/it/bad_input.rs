//! Everything that can be wrong ends with one clear sentence and the right code,
//! and leaves nothing half-written.

use crate::support::{Bench, Ran};

fn run(bench: &Bench, text: &str) -> Ran {
    bench.orch(&["run", "--text", text, "--simulate"])
}

#[test]
fn requirements_that_are_none_are_refused_before_anything_is_made() {
    let bench = Bench::new();
    run(&bench, "").exits(2).says("blank");
    run(&bench, " \n\t\n").exits(2).says("blank");
    run(&bench, &"x".repeat(60_000)).exits(2).says("60000 characters").says("50000");
    bench.write("empty.md", "");
    bench.orch(&["run", "empty.md", "--simulate"]).exits(2).says("blank");
    bench.write("long.md", "ä".repeat(60_000));
    bench.orch(&["run", "long.md", "--simulate"]).exits(2).says("60000 characters");
    bench.write("binary.bin", [0_u8, 159, 146, 150]);
    bench.orch(&["run", "binary.bin", "--simulate"]).exits(2).says("binary.bin is not a text");
    bench.orch(&["run", ".", "--simulate"]).exits(2).says(". is a folder");
    bench.orch(&["run", "missing.md", "--simulate"]).exits(2).says("cannot read missing.md");
    assert!(!bench.path("data").exists());
}

#[test]
fn options_that_mean_nothing_are_refused() {
    let bench = Bench::new();
    let with = |more: &[&str]| {
        let mut arguments = vec!["run", "--text", "Write a poem.", "--simulate"];
        arguments.extend(more);
        bench.orch(&arguments).exits(2)
    };
    with(&["--budget", "two"]).says("amount of dollars");
    with(&["--rigor", "L9"]).says("L1");
    with(&["--dispatch", "both"]).says("wave");
    with(&["--concurrency", "0"]).says("1..=10000");
    with(&["--files", "nowhere"]).says("--files nowhere: there is no such folder");
    bench.write("a-file", "x");
    with(&["--out", "a-file"]).says("not a folder");
    bench.orch(&["run"]).exits(2);
    assert!(!bench.path("data").exists());
}

#[test]
fn a_name_that_is_too_long_ends_the_run_before_it_begins() {
    let bench = Bench::new();
    let name = "n".repeat(201);
    bench
        .orch(&["run", "--text", "Write a poem.", "--simulate", "--name", &name])
        .exits(2)
        .says("1 to 200 characters");
    assert!(bench.orch(&["list", "--json"]).exits(0).lines().is_empty());
}

#[test]
fn models_that_cannot_be_used_are_named() {
    let mut bench = Bench::new();
    let model = |bench: &Bench, model: &str| {
        bench.orch(&["run", "--text", "Write a poem.", "--model", model]).exits(2)
    };
    model(&bench, "gpt-unheard-of").says("unknown model gpt-unheard-of").says("doctor");
    model(&bench, "ollama/llama3").says("Ollama does not answer");
    model(&bench, "claude-sonnet-4-6").says("ANTHROPIC_API_KEY");
    model(&bench, "anthropic/").says("names no model");
    bench.set("ANTHROPIC_API_KEY", "sk-test");
    model(&bench, "claude-unheard-of").says("claude-unheard-of").says("model_pricing");
    bench.set("ORCH__ANTHROPIC__PLANNING_MODEL", "claude-unheard-of");
    bench.orch(&["run", "--text", "Write a poem."]).exits(2).says("claude-unheard-of");
    assert!(!bench.path("data").exists());
}

#[test]
fn a_configuration_with_mistakes_names_all_of_them() {
    let mut bench = Bench::new();
    bench.write(
        "config.json",
        r#"{"server": {"port": 0}, "budget": {"daily_limit_usd": "x"}, "execution": {"dispach": 1}}"#,
    );
    run(&bench, "Write a poem.").exits(2).says("server.port").says("budget.daily_limit_usd").says("dispatch");
    bench.write("config.json", "{");
    run(&bench, "Write a poem.").exits(2).says("not valid JSON");
    std::fs::remove_file(bench.path("config.json")).unwrap();
    bench.orch(&["list", "--config", "missing.json"]).exits(2).says("missing.json");
    bench.set("ORCH__EXECUTION__DISPACH", "wave");
    bench.orch(&["list"]).exits(0).says("did you mean ORCH__EXECUTION__DISPATCH");
}

#[test]
fn data_folders_that_cannot_be_used_say_why() {
    let bench = Bench::new();
    bench.write("a-file", "x");
    bench
        .orch(&["run", "--text", "Write a poem.", "--simulate", "--data-dir", "a-file/data"])
        .exits(1)
        .says("a-file/data")
        .says("writable folder");
    bench.orch(&["show", "prj_x"]).exits(1).says("there are no projects in ./data");
    bench.orch(&["list"]).exits(0).says("no projects yet");
    std::fs::create_dir(bench.path("data")).unwrap();
    bench.write("data/orchestration.db", "This is a letter, not a database.");
    run(&bench, "Write a poem.").exits(1).says("not a database");
    assert_eq!(
        std::fs::read_to_string(bench.path("data/orchestration.db")).unwrap(),
        "This is a letter, not a database."
    );
}

#[test]
fn a_second_engine_says_who_has_the_folder() {
    let bench = Bench::new();
    let first =
        bench.start_until(&["run", "--text", "Write a poem. simulate: slow=20000", "--simulate"], "begins");
    run(&bench, "Write another.").exits(1).says("another engine works on").says("pid ");
    // Reading and commands work beside it.
    let listed = bench.orch(&["list", "--json"]).exits(0).lines();
    assert_eq!(listed.len(), 1, "the refused run left nothing");
    first.kill();
}

#[test]
fn plans_that_are_none_end_with_a_sentence() {
    let cases = [
        ("simulate: plan=prose", "JSON"),
        ("simulate: plan=cut", "cut off"),
        ("simulate: plan=array", "object"),
        ("simulate: plan=empty", "task"),
        ("simulate: plan=cycle", "form a cycle"),
        ("simulate: plan=refuse", "the model refused to plan this"),
        ("simulate: plan=fail", "asked to fail"),
        ("simulate: tasks=600", "600"),
    ];
    for (directive, said) in cases {
        let bench = Bench::new();
        let ran = run(&bench, &format!("Write a poem. {directive}")).exits(1).says("there is no plan");
        assert!(ran.stderr.contains(said), "{directive}: no {said:?} in:\n{}", ran.stderr);
        assert_eq!(bench.only_project()["state"], "draft", "{directive}");
    }
}

#[test]
fn a_plan_that_was_repaired_is_used() {
    let bench = Bench::new();
    run(&bench, "Write a poem. simulate: plan=prose repair").exits(0);
}
