//! Where a person is needed and none is there.

use crate::support::{Bench, states};

#[test]
fn a_plan_is_approved_from_elsewhere() {
    let bench = Bench::new();
    bench
        .orch(&["run", "--text", "Write a poem.", "--model", "simulated"])
        .exits(4)
        .says("orch approve prj_");
    let project = bench.only_project();
    assert_eq!(project["state"], "draft");
    let id = project["id"].as_str().unwrap();
    // The beginning of an id is enough.
    bench.orch(&["approve", &id[..16]]).exits(0).says("orch resume");
    bench.orch(&["approve", id]).exits(1).says("no plan that could be approved");
    bench.orch(&["resume"]).exits(0);
    assert_eq!(bench.only_project()["state"], "completed");
    bench.orch(&["resume"]).exits(2).says("no project to go on with");
    bench.orch(&["resume", id]).exits(0);
}

#[test]
fn an_output_that_needs_a_person_waits_for_a_review() {
    let bench = Bench::new();
    let text = "Write a program `one.py` that prints one. simulate: human\n\nWrite `two.md`.";
    let ran = bench.orch(&["run", "--text", text, "--simulate"]).exits(4).says("orch review tsk_");
    let command = ran.stderr.lines().find(|line| line.contains("orch review tsk_")).unwrap();
    let task = command.split_whitespace().find(|word| word.starts_with("tsk_")).unwrap().to_owned();
    let listed = bench.orch(&["checkpoints"]).exits(0);
    assert!(listed.stdout.contains(&task), "{}", listed.stdout);
    bench.orch(&["review", &task, "accept"]).exits(0).says("orch resume");
    bench.orch(&["checkpoints"]).exits(0).says("Nothing waits");
    bench.orch(&["resume"]).exits(0);
    let project = bench.only_project();
    assert!(states(&project).iter().all(|state| *state == "completed"));
    assert!(project["files"].as_array().unwrap().contains(&"one.py".into()), "{}", project["files"]);
}

#[test]
fn a_checkpoint_is_resolved_from_elsewhere() {
    let bench = Bench::new();
    let text = "Write a program `one.py` that prints one. simulate: fail=overloaded\n\nWrite `two.md`.";
    let ran = bench.orch(&["run", "--text", text, "--simulate"]).exits(4).says("orch resolve chk_");
    let command = ran.stderr.lines().find(|line| line.contains("orch resolve chk_")).unwrap();
    let id = command.split_whitespace().find(|word| word.starts_with("chk_")).unwrap().to_owned();
    bench.orch(&["resolve", &id]).exits(4).says("nobody said what to do");
    bench.orch(&["resolve", &id, "skip"]).exits(0).says("Resolved: skip");
    bench.orch(&["resolve", &id, "skip"]).exits(1).says("resolved already");
    bench.orch(&["resume"]).exits(0);
    assert!(states(&bench.only_project()).contains(&"skipped"));
}

#[test]
fn waves_that_wait_are_resumed_one_by_one() {
    let mut bench = Bench::new();
    bench.set("ORCH__EXECUTION__WAVE_CHECKPOINTS", "true");
    bench
        .orch(&["run", "--text", "Write `one.md`.\n\nWrite `two.md`.", "--simulate"])
        .exits(4)
        .says("orch resume");
    assert_eq!(bench.only_project()["pause_reason"], "wave");
    let mut rounds = 0;
    while bench.orch(&["resume"]).code == 4 {
        rounds += 1;
        assert!(rounds < 10);
    }
    assert_eq!(bench.only_project()["state"], "completed");
}
