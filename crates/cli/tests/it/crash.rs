//! Killed anywhere, `orch resume` finishes, and nothing is done twice.

use serde_json::Value;

use crate::support::{Bench, states};

const TEXT: &str = "Write `one.md`.\n\nWrite `two.md`.\n\nWrite `three.md`.";

/// Calls and files of a run that nothing interrupted.
fn undisturbed(text: &str) -> (u64, Value) {
    let bench = Bench::new();
    bench.orch(&["run", "--text", text, "--simulate"]).exits(0);
    (bench.calls(true), bench.only_project()["files"].clone())
}

fn finished_once(bench: &Bench, text: &str, repeated_max: u64) {
    let (calls, files) = undisturbed(text);
    let project = bench.only_project();
    assert!(states(&project).iter().all(|state| *state == "completed"), "{project}");
    for task in project["tasks"].as_array().unwrap() {
        assert_eq!(task["attempts"], 1, "{task}");
    }
    assert_eq!(project["files"], files);
    let made = bench.calls(true);
    assert!((calls..=calls + repeated_max).contains(&made), "{made} calls instead of {calls}");
}

#[test]
fn killed_at_a_commit_nothing_is_lost_or_bought_twice() {
    for point in [
        "after_commit.begin_planning:1",
        "before_commit.store_plan:1",
        "after_commit.store_plan:1",
        "after_commit.claim_task:2",
        "before_commit.settle_call:3",
        "after_commit.settle_call:4",
        "after_commit.finish_task:2",
    ] {
        let mut bench = Bench::new();
        bench.set("ORCH_CRASH_POINT", point);
        let ran = bench.orch(&["run", "--text", TEXT, "--simulate"]);
        assert_eq!(ran.code, -1, "{point} did not kill:\n{}", ran.stderr);
        bench.unset("ORCH_CRASH_POINT");
        bench.orch(&["resume", "--yes"]).exits(0);
        // At most the calls in flight are asked again.
        finished_once(&bench, TEXT, 3);
    }
}

#[test]
fn killed_in_the_middle_resume_finishes() {
    let mut bench = Bench::new();
    bench.set("ORCH__SIMULATED__LATENCY_MS", "400");
    let started = bench.start_until(&["run", "--text", TEXT, "--simulate"], "is completed");
    started.kill();
    bench.set("ORCH__SIMULATED__LATENCY_MS", "0");
    bench.orch(&["resume"]).exits(0);
    finished_once(&bench, TEXT, 3);
}

#[test]
fn the_first_signal_drains_and_keeps_what_was_paid_for() {
    let mut bench = Bench::new();
    bench.set("ORCH__SIMULATED__LATENCY_MS", "400");
    for signal in ["TERM", "INT"] {
        let text = format!("{TEXT}\n\nSigned {signal}.");
        let started = bench.start_until(&["run", "--text", &text, "--simulate"], "begins");
        started.signal(signal);
        let (code, stderr) = started.ended();
        assert_eq!(code, 4, "{stderr}");
        assert!(stderr.contains("Stopping:") && stderr.contains("orch resume prj_"), "{stderr}");
        let listed = bench.orch(&["list", "--json", "--limit", "1"]).exits(0).lines().remove(0);
        assert_eq!(listed["state"], "paused");
        bench.orch(&["resume"]).exits(0);
    }
}

#[test]
fn the_second_signal_cuts() {
    let bench = Bench::new();
    let text = "Write `one.md`. simulate: slow=60000";
    let started = bench.start_until(&["run", "--text", text, "--simulate"], "\"Write one.md\" begins");
    started.signal("TERM");
    let started = started.until("Stopping:");
    started.signal("TERM");
    let (code, stderr) = started.ended();
    assert_eq!(code, 4, "{stderr}");
    assert!(stderr.contains("orch resume prj_"), "{stderr}");
}

#[test]
fn other_interrupted_projects_are_left_alone() {
    let mut bench = Bench::new();
    bench.set("ORCH__SIMULATED__LATENCY_MS", "400");
    bench.start_until(&["run", "--text", TEXT, "--simulate"], "begins").kill();
    bench.set("ORCH__SIMULATED__LATENCY_MS", "0");
    bench
        .orch(&["run", "--text", "Write a poem.", "--simulate"])
        .exits(0)
        .says("1 other project was interrupted earlier and left alone");
    let listed = bench.orch(&["list", "--json"]).exits(0).lines();
    let first = listed.last().unwrap();
    assert_eq!(first["state"], "executing");
    let id = first["id"].as_str().unwrap();
    bench.orch(&["resume", id]).exits(0);
}

#[test]
fn another_process_pauses_and_cancels_what_runs() {
    let bench = Bench::new();
    let text = "Write `one.md`. simulate: slow=3000";
    let begins = "\"Write one.md\" begins";
    let latest = || bench.orch(&["list", "--json", "--limit", "1"]).exits(0).lines().remove(0);
    let started = bench.start_until(&["run", "--text", text, "--simulate"], begins);
    bench.orch(&["pause", latest()["id"].as_str().unwrap()]).exits(0);
    assert_eq!(started.ended().0, 4);
    assert_eq!(latest()["state"], "paused");
    let started = bench.start_until(&["run", "--text", text, "--simulate"], begins);
    bench.orch(&["cancel", latest()["id"].as_str().unwrap(), "--yes"]).exits(0);
    let (code, stderr) = started.ended();
    assert_eq!(code, 1, "{stderr}");
    assert!(stderr.contains("was cancelled"), "{stderr}");
    assert_eq!(latest()["state"], "cancelled");
}
