//! The small commands.

use crate::support::{Bench, example};

#[test]
fn every_command_explains_itself_with_an_example() {
    let bench = Bench::new();
    let commands = [
        "run",
        "resume",
        "list",
        "show",
        "approve",
        "pause",
        "cancel",
        "retry",
        "checkpoints",
        "resolve",
        "review",
        "usage",
        "doctor",
        "rag",
        "mcp",
    ];
    for command in commands {
        let help = bench.orch(&[command, "--help"]).exits(0).stdout;
        assert!(help.contains("Example"), "{command}:\n{help}");
        assert!(help.contains(&format!("orch {command}")), "{command}:\n{help}");
    }
    assert!(bench.orch(&["--help"]).exits(0).stdout.contains("Exit codes"));
}

#[test]
fn projects_are_listed_shown_and_counted() {
    let bench = Bench::new();
    bench.orch(&["run", &example("document-set.md"), "--simulate"]).exits(0);
    let list = bench.orch(&["list"]).exits(0).stdout;
    assert!(list.contains("Handbook") && list.contains("completed") && list.contains("simulated"), "{list}");
    let id = bench.only_project()["id"].as_str().unwrap().to_owned();
    let show = bench.orch(&["show", &id[..14], "--output"]).exits(0).stdout;
    assert!(
        show.contains("Coverage") && show.contains("Files") && show.contains("imulated result"),
        "{show}"
    );
    bench.orch(&["usage"]).exits(0).says("--simulated");
    let usage = bench.orch(&["usage", "--simulated", "--by", "purpose"]).exits(0).stdout;
    assert!(usage.contains("planning") && usage.contains("nothing of this was spent"), "{usage}");
    bench.orch(&["show", "prj_zzz"]).exits(2).says("there is no project prj_zzz");
    bench.orch(&["show", "prj_"]).exits(0);
    bench.orch(&["pause", &id]).exits(1).says("nothing to pause");
    bench.orch(&["retry", &id]).exits(1).says("no task of this project has failed");
}

#[test]
fn cancelling_asks_first() {
    let bench = Bench::new();
    bench.orch(&["run", "--text", "Write a poem.", "--model", "simulated"]).exits(4);
    let id = bench.only_project()["id"].as_str().unwrap().to_owned();
    bench.orch(&["cancel", &id]).exits(4).says("--yes");
    bench.orch(&["cancel", &id, "--yes"]).exits(0);
    assert_eq!(bench.only_project()["state"], "cancelled");
    bench.orch(&["resume", &id]).exits(1).says("cancelled");
}

#[test]
fn doctor_names_what_is_missing() {
    let bench = Bench::new();
    let doctor = bench.orch(&["doctor"]).exits(0).stdout;
    for part in [
        "ANTHROPIC_API_KEY",
        "does not answer",
        "per million tokens",
        "a day",
        "would use: simulated, because",
    ] {
        assert!(doctor.contains(part), "no {part:?} in:\n{doctor}");
    }
}
