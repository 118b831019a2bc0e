//! Forecasts: what they rest on, and that their sums are sane.

use proptest::prelude::*;

use super::*;
use crate::pricing::PriceTable;

fn prices() -> PriceTiers {
    PriceTable::builtin().lookup("anthropic", "claude-sonnet-4-6", "2026-11-24").unwrap().clone()
}

fn outline(prices: &PriceTiers) -> TaskOutline<'_> {
    TaskOutline {
        task_type: TaskType::Code,
        complexity: Complexity::Medium,
        tier: Tier::Sonnet,
        model: "claude-sonnet-4-6",
        prices,
        is_verified: true,
        is_extracted: false,
    }
}

fn kind() -> Kind {
    Kind::Task { task_type: TaskType::Code, tier: Tier::Sonnet, model: "claude-sonnet-4-6".to_owned() }
}

fn history(costs: impl IntoIterator<Item = i64>) -> History {
    let mut history = History::default();
    costs.into_iter().for_each(|cost| history.add(kind(), NanoUsd(cost)));
    history
}

#[test]
fn history_is_used_when_there_is_enough_of_it() {
    let prices = prices();
    let tasks = [outline(&prices)];
    let question = Question { tasks: &tasks, ..Question::default() };
    let few = forecast(&question, &history(1..=19));
    assert_eq!((few.tasks[0].execution.basis, few.from_defaults), (Basis::Defaults, 1));
    let enough = forecast(&question, &history((1..=100).rev()));
    assert_eq!(enough.tasks[0].execution.basis, Basis::History { n: 100 });
    let spread = Spread { p50: NanoUsd(50), p80: NanoUsd(80), p95: NanoUsd(95) };
    assert_eq!((enough.total, enough.from_history), (spread, 1));
    assert!(spread.p80_covers(NanoUsd(80)) && !spread.p80_covers(NanoUsd(81)));
}

#[test]
fn the_whole_contains_planning_and_verification() {
    let prices = prices();
    let helper = Helper { model: "claude-sonnet-4-6", prices: &prices };
    let tasks =
        [outline(&prices), TaskOutline { is_verified: false, is_extracted: true, ..outline(&prices) }];
    let question = Question {
        tasks: &tasks,
        verifier: Some(helper),
        extractor: Some(helper),
        planner: Some((helper, Rigor::L2)),
    };
    insta::assert_json_snapshot!(forecast(&question, &History::default()));
}

#[test]
fn local_work_is_free() {
    let free = PriceTiers::free();
    let tasks = [outline(&free), outline(&free)];
    let forecast = forecast(&Question { tasks: &tasks, ..Question::default() }, &History::default());
    assert_eq!(forecast.total, Spread::default());
    assert_eq!(super::forecast(&Question::default(), &History::default()).total, Spread::default());
}

#[test]
fn many_tasks_are_relatively_surer_than_one_but_never_certain() {
    let prices = prices();
    let width = |count: usize| {
        let tasks = vec![outline(&prices); count];
        let total = forecast(&Question { tasks: &tasks, ..Question::default() }, &History::default()).total;
        total.p95.0 as f64 / total.p50.0 as f64
    };
    assert!(width(1) > width(10) && width(10) > width(1000));
    assert!(width(1000) > 1.5);
}

proptest! {
    #[test]
    fn spreads_are_ordered_and_totals_grow(costs in prop::collection::vec(0..i64::MAX / 1000, 20..60), count in 1..30usize) {
        let prices = prices();
        let tasks = vec![outline(&prices); count];
        let history = history(costs);
        let some = forecast(&Question { tasks: &tasks[1..], ..Question::default() }, &history).total;
        let all = forecast(&Question { tasks: &tasks, ..Question::default() }, &history);
        for spread in all.tasks.iter().map(|task| task.cost).chain([all.total]) {
            prop_assert!(NanoUsd::ZERO <= spread.p50 && spread.p50 <= spread.p80 && spread.p80 <= spread.p95);
        }
        if count > 2 {
            prop_assert!(all.total.p95 >= some.p95);
        }
        prop_assert_eq!(&all, &forecast(&Question { tasks: &tasks, ..Question::default() }, &history));
    }
}
