//! Against a provider that bills: its own count is the truth.

use domain::money::NanoUsd;
use domain::pricing::{PriceTable, cost};
use testkit::fake_provider::FakeProvider;

use crate::support::{Bench, Ran, states};

fn paid() -> (Bench, FakeProvider) {
    let fake = FakeProvider::simulated(providers::brain).unwrap();
    let mut bench = Bench::new();
    bench.set("ANTHROPIC_API_KEY", "sk-ant-test-not-a-key");
    bench.set("ANTHROPIC_BASE_URL", &fake.base_url());
    (bench, fake)
}

/// What the fake would bill, priced request by request.
fn billed(fake: &FakeProvider) -> i64 {
    let prices = PriceTable::builtin();
    let requests = fake.requests();
    let each = requests.iter().filter_map(|request| {
        let price = prices.lookup("anthropic", &request.model, "2026-11-25").unwrap();
        request.billed.map(|usage| cost(price, &usage))
    });
    each.sum::<NanoUsd>().0
}

fn booked(ran: &Ran) -> i64 {
    ran.lines().iter().map(|line| line["cost_nano_usd"].as_i64().unwrap()).sum()
}

#[test]
fn the_bill_is_what_usage_says_and_within_the_budget() {
    let (bench, fake) = paid();
    let text = "Write `one.md`.\n\nWrite a program `two.py` that prints two.";
    let ran = bench.orch(&["run", "--text", text, "--yes", "--budget", "2.00"]).exits(0).says("Claude");
    assert!(!ran.stdout.contains("simulated:") && ran.stdout.contains("of $2.00"), "{}", ran.stdout);
    assert!(!format!("{}{}", ran.stdout, ran.stderr).contains("sk-ant"), "a key was shown");
    assert_eq!(fake.violations(), Vec::<String>::new());
    let usage = bench.orch(&["usage", "--json"]).exits(0);
    assert_eq!(booked(&usage), billed(&fake));
    assert!(billed(&fake) > 0 && billed(&fake) <= 2_000_000_000);
    assert_eq!(bench.calls(false), fake.bill().billed);
    let by_task = bench.orch(&["usage", "--by", "task", "--json"]).exits(0);
    assert_eq!(booked(&by_task), billed(&fake));
}

#[test]
fn yes_without_a_budget_shows_the_forecast_and_ends_with_2() {
    let (bench, fake) = paid();
    let ran = bench.orch(&["run", "--text", "Write a poem.", "--yes"]).exits(2).says("--budget");
    assert!(ran.stdout.contains("Forecast"), "{}", ran.stdout);
    assert_eq!(bench.only_project()["state"], "draft");
    assert_eq!(fake.bill().billed, 1, "only the plan was paid for");
    bench.orch(&["resume", "--yes", "--budget", "1"]).exits(0);
    assert!(states(&bench.only_project()).iter().all(|state| *state == "completed"));
}

#[test]
fn a_budget_is_kept_by_the_providers_own_count() {
    let (bench, fake) = paid();
    let text = "Write a program. simulate: tasks=30 shape=wide";
    bench.orch(&["run", "--text", text, "--yes", "--budget", "0.25", "--concurrency", "16"]).exits(5);
    assert!(billed(&fake) <= 250_000_000, "{}", billed(&fake));
    let usage = bench.orch(&["usage", "--json"]).exits(0);
    assert_eq!(booked(&usage), billed(&fake));
}

#[test]
fn killed_in_the_middle_no_answer_is_bought_twice() {
    let (bench, fake) = paid();
    fake.set_delay_ms(150);
    let text = "Write `one.md`.\n\nWrite `two.md`.\n\nWrite `three.md`.";
    bench.start_until(&["run", "--text", text, "--yes", "--budget", "2"], "is completed").kill();
    bench.orch(&["resume"]).exits(0);
    let mut prints: Vec<String> = fake.requests().into_iter().map(|request| request.fingerprint).collect();
    let all = prints.len();
    prints.sort_unstable();
    prints.dedup();
    // At most the calls in flight were sent again: as many as run at once.
    assert!(all - prints.len() <= 3, "{} of {all} sent again", all - prints.len());
    let project = bench.only_project();
    assert!(states(&project).iter().all(|state| *state == "completed"), "{project}");
}

#[test]
fn a_key_that_is_refused_says_so() {
    let (bench, fake) = paid();
    fake.set_api_key("another");
    let ran = bench.orch(&["run", "--text", "Write a poem.", "--yes", "--budget", "1"]).exits(1);
    assert!(ran.stderr.contains("there is no plan"), "{}", ran.stderr);
    let doctor = bench.orch(&["doctor"]).exits(1);
    assert!(doctor.stdout.contains("ANTHROPIC_API_KEY"), "{}", doctor.stdout);
}
