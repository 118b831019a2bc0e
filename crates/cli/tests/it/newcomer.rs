//! What a newcomer meets first: suggestions that can be pasted, ids that name
//! nothing, folders that cannot be written, and words that tell the truth.

use crate::support::{Bench, example};

#[test]
fn suggested_commands_carry_the_places_that_were_given_as_flags() {
    let mut bench = Bench::new();
    bench.write("own.json", "{}");
    let arguments = ["run", "--text", "Write a poem.", "--model", "simulated", "--data-dir", "else where"];
    bench.orch(&arguments).exits(4).says("orch approve prj_").says("--data-dir 'else where'`");
    let arguments = ["--config", "own.json", "list", "--data-dir", "nowhere"];
    bench.orch(&arguments).exits(0).says("orch run FILE --config own.json --data-dir nowhere");
    bench.set("ORCH_DATA_DIR", "else where");
    let ran = bench.orch(&["resume"]).exits(4).says("orch approve prj_");
    assert!(!ran.stderr.contains("--data-dir"), "{}", ran.stderr);
}

#[test]
fn a_variable_that_is_empty_counts_as_unset() {
    let mut bench = Bench::new();
    bench.set("ORCH_DATA_DIR", "");
    bench.set("ORCH_CONFIG", "");
    bench.orch(&["run", "--text", "Write a poem.", "--simulate"]).exits(0);
    assert!(bench.path("data/orchestration.db").is_file());
}

#[test]
fn what_changes_something_needs_a_letter_of_the_id() {
    let bench = Bench::new();
    bench.orch(&["run", "--text", "Write a poem.", "--model", "simulated"]).exits(4);
    for arguments in
        [&["cancel", "", "-y"][..], &["cancel", "tsk_", "-y"], &["pause", "prj_"], &["retry", "P"]]
    {
        bench.orch(arguments).exits(2).says("names nothing");
    }
    bench.orch(&["approve", " "]).exits(2).says("names nothing");
    bench.orch(&["resume", "prj"]).exits(2).says("names nothing");
    assert_eq!(bench.only_project()["state"], "draft");
}

#[test]
fn the_results_folder_is_tried_before_anything_is_planned() {
    let bench = Bench::new();
    bench.write("a-file", "");
    let with =
        |out: &str| bench.orch(&["run", "--text", "Write a poem.", "--simulate", "--out", out]).exits(2);
    with("a-file/results").says("cannot write there");
    with("data/results").says("lies in the data folder");
    with("./x/../data").says("lies in the data folder");
    assert!(!bench.path("data").exists());
}

#[test]
fn copied_results_replace_files_of_the_same_name_and_are_complete() {
    let bench = Bench::new();
    std::fs::create_dir(bench.path("results")).unwrap();
    bench.write("results/one.md", "old");
    bench.write("results/mine.txt", "kept");
    let text = "Write `one.md`.\n\nWrite `two.md`.";
    bench.orch(&["run", "--text", text, "--simulate", "--out", "results"]).exits(0);
    for file in bench.only_project()["files"].as_array().unwrap() {
        assert!(bench.path("results").join(file.as_str().unwrap()).is_file(), "{file}");
    }
    assert_ne!(std::fs::read_to_string(bench.path("results/one.md")).unwrap(), "old");
    assert_eq!(std::fs::read_to_string(bench.path("results/mine.txt")).unwrap(), "kept");
}

#[test]
fn a_project_that_waits_for_a_person_is_not_called_interrupted() {
    let bench = Bench::new();
    let text = "Write a program `one.py` that prints one. simulate: human";
    bench.orch(&["run", "--text", text, "--simulate"]).exits(4);
    assert!(bench.orch(&["list"]).exits(0).stdout.contains("waits for you"));
    let ran = bench.orch(&["run", "--text", "Write a poem.", "--simulate"]).exits(0);
    assert!(!ran.stderr.contains("interrupted"), "{}", ran.stderr);
}

#[test]
fn a_project_whose_engine_died_is_called_interrupted() {
    let mut bench = Bench::new();
    bench.set("ORCH_CRASH_POINT", "after_commit.claim_task:2");
    assert_eq!(bench.orch(&["run", "--text", "Write a poem.", "--simulate"]).code, -1);
    bench.unset("ORCH_CRASH_POINT");
    let list = bench.orch(&["list"]).exits(0).says("orch resume prj_");
    assert!(list.stdout.contains("interrupted"), "{}", list.stdout);
    let id = bench.only_project()["id"].as_str().unwrap().to_owned();
    assert!(bench.orch(&["show", &id]).exits(0).says("orch resume prj_").stdout.contains("interrupted"));
    let text = "Write a song.";
    bench.orch(&["run", "--text", text, "--simulate"]).exits(0).says("1 other project was interrupted");
    bench.orch(&["resume", &id]).exits(0);
}

#[test]
fn only_what_can_be_accepted_is_offered_for_it() {
    let bench = Bench::new();
    let text = "Write a program `one.py` that prints one. simulate: refuse";
    let ran = bench.orch(&["run", "--text", text, "--simulate"]).exits(4).says("orch review tsk_");
    assert!(!ran.stderr.contains("accept"), "{}", ran.stderr);
}

#[test]
fn the_help_begins_with_what_it_is_for_and_amounts_are_explained() {
    let bench = Bench::new();
    let help = bench.orch(&["--help"]).exits(0).stdout;
    assert!(help.starts_with("Turn written requirements into a plan, approve it, and have models"), "{help}");
    let run = ["run", "--text", "Write a poem.", "--simulate", "--budget"];
    bench.orch(&[&run[..], &["-1"]].concat()).exits(2).says("amount of dollars");
    bench.orch(&[&run[..], &["0"]].concat()).exits(5).says("--budget DOLLARS");
    bench.orch(&["run", "no-such.md"]).exits(2).says("cannot read no-such.md: no such file or directory\n");
}

#[test]
fn a_configuration_is_not_written_over() {
    let bench = Bench::new();
    bench.orch(&["config", "init"]).exits(0);
    bench.orch(&["config", "init"]).exits(2).says("config.json exists already and is left alone");
}

#[test]
fn the_first_plan_reads_well() {
    let bench = Bench::new();
    let ran = bench.orch(&["run", &example("hello-world.md"), "--simulate"]).exits(0);
    assert!(
        ran.stderr.contains("a rehearsal; nothing is spent, nothing leaves this machine"),
        "{}",
        ran.stderr
    );
    assert!(ran.stdout.contains("from defaults: no history yet)"), "{}", ran.stdout);
    assert!(!ran.stdout.contains("testhello"), "{}", ran.stdout);
}
