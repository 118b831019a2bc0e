//! The real binary dies at every kind of commit and at random instants, against a
//! provider that bills. What counts is the provider's own record: no answer that
//! was read is bought again, and the books are never below the bill.

use std::collections::HashMap;
use std::time::Duration;

use domain::money::NanoUsd;
use domain::pricing::{PriceTable, cost};
use serde_json::Value;
use testkit::fake_provider::FakeProvider;

use crate::support::{Bench, states};

const TEXT: &str = "Write `one.md`.\n\nWrite `two.md`.";
/// Tasks that may be in flight at once, each with one call that may be repeated.
const SLOTS: usize = 3;

struct Trial {
    bench: Bench,
    fake: FakeProvider,
}

impl Trial {
    fn new() -> Self {
        let fake = FakeProvider::simulated(providers::brain).unwrap();
        let mut bench = Bench::new();
        bench.set("ANTHROPIC_API_KEY", "sk-ant-test-not-a-key");
        bench.set("ANTHROPIC_BASE_URL", &fake.base_url());
        Self { bench, fake }
    }

    fn billed(&self) -> i64 {
        let prices = PriceTable::builtin();
        let each = self.fake.requests().into_iter().filter_map(|request| {
            let price = prices.lookup("anthropic", &request.model, "2026-11-25").unwrap();
            request.billed.map(|usage| cost(price, &usage))
        });
        each.sum::<NanoUsd>().0
    }

    fn booked(&self) -> i64 {
        let lines = self.bench.orch(&["usage", "--json"]).exits(0).lines();
        lines.iter().map(|line| line["cost_nano_usd"].as_i64().unwrap()).sum()
    }

    /// The promises, after everything has ended.
    #[track_caller]
    fn keeps_them(&self, kills: usize, files: &Value, context: &str) {
        let project = self.bench.only_project();
        assert!(states(&project).iter().all(|state| *state == "completed"), "{context}: {project}");
        assert_eq!(project["files"], *files, "{context}");
        assert_eq!(self.fake.violations(), Vec::<String>::new(), "{context}");
        let mut asked: HashMap<String, usize> = HashMap::new();
        for request in self.fake.requests() {
            *asked.entry(request.fingerprint).or_default() += 1;
        }
        let repeated: usize = asked.values().map(|count| count - 1).sum();
        assert!(
            repeated <= kills * SLOTS,
            "{context}: {repeated} requests were sent again after {kills} kills"
        );
        let (booked, billed) = (self.booked(), self.billed());
        assert!(booked >= billed, "{context}: {booked} booked, {billed} billed");
        assert!(kills > 0 || booked == billed, "{context}: {booked} booked, {billed} billed");
    }
}

const RUN: &[&str] = &["run", "--text", TEXT, "--yes", "--budget", "5"];
const RESUME: &[&str] = &["resume", "--yes", "--budget", "5"];

fn files_of_an_undisturbed_run() -> Value {
    let trial = Trial::new();
    trial.bench.orch(RUN).exits(0);
    let files = trial.bench.only_project()["files"].clone();
    trial.keeps_them(0, &files, "undisturbed");
    files
}

#[test]
fn dying_at_any_commit_costs_at_most_the_calls_in_flight() {
    let files = files_of_an_undisturbed_run();
    let kinds = [
        "begin_planning",
        "begin_call",
        "settle_call",
        "store_plan",
        "approve_plan",
        "execute_project",
        "claim_task",
        "finish_tool",
        "finish_task",
    ];
    let mut kills = 0;
    for stage in store::crash::STAGES {
        for kind in kinds {
            for hit in [1, 3] {
                let point = format!("{stage}.{kind}:{hit}");
                let mut trial = Trial::new();
                trial.bench.set("ORCH_CRASH_POINT", &point);
                let code = trial.bench.orch(RUN).code;
                trial.bench.unset("ORCH_CRASH_POINT");
                // Some kinds happen once only, so a third hit never comes.
                let is_killed = code == -1;
                assert!(is_killed || (hit > 1 && code == 0), "{point}: exit {code}");
                if is_killed {
                    kills += 1;
                    trial.bench.orch(RESUME).exits(0);
                }
                trial.keeps_them(usize::from(is_killed), &files, &point);
            }
        }
    }
    assert!(kills >= 35, "only {kills} of the points were reached");
}

#[test]
fn dying_while_recovering_costs_no_more() {
    let files = files_of_an_undisturbed_run();
    for stage in store::crash::STAGES {
        let mut trial = Trial::new();
        trial.bench.set("ORCH_CRASH_POINT", "after_commit.claim_task:1");
        assert_eq!(trial.bench.orch(RUN).code, -1);
        trial.bench.set("ORCH_CRASH_POINT", &format!("{stage}.recover:1"));
        assert_eq!(trial.bench.orch(RESUME).code, -1);
        trial.bench.unset("ORCH_CRASH_POINT");
        trial.bench.orch(RESUME).exits(0);
        trial.keeps_them(2, &files, stage);
    }
}

#[test]
fn a_storm_of_kills_loses_nothing() {
    let files = files_of_an_undisturbed_run();
    // A fixed sequence: the same instants in every run of this test.
    let mut state = 0x9E37_79B9_u64;
    let mut roll = |bound: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % bound
    };
    for round in 0..25 {
        let trial = Trial::new();
        trial.fake.set_delay_ms(15);
        let mut kills = 0;
        // Two deaths a project: a third one of the same task would ask a person.
        for arguments in [RUN, RESUME] {
            let mut child = trial.bench.spawn(arguments);
            let ended = child_ended_within(&mut child, Duration::from_millis(120 + roll(500)));
            if ended.is_none() {
                child.kill().unwrap();
                child.wait().unwrap();
                kills += 1;
            }
        }
        let listed = trial.bench.orch(&["list", "--json"]);
        if listed.code != 0 || listed.lines().is_empty() {
            // Killed before the project was stored: nothing was asked, nothing is owed.
            assert_eq!(trial.billed(), 0, "round {round}");
            continue;
        }
        // Also a completed project: the last files may not have been put in place.
        let id = trial.bench.only_project()["id"].as_str().unwrap().to_owned();
        trial.bench.orch(&["resume", &id, "--yes", "--budget", "5"]).exits(0);
        trial.keeps_them(kills, &files, &format!("round {round}"));
    }
}

/// Its exit status, if it ends by itself in time.
fn child_ended_within(child: &mut std::process::Child, limit: Duration) -> Option<std::process::ExitStatus> {
    let step = Duration::from_millis(5);
    for _ in 0..limit.as_millis() / step.as_millis() {
        if let Some(status) = child.try_wait().unwrap() {
            return Some(status);
        }
        std::thread::sleep(step);
    }
    None
}
