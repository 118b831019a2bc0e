//! Prices against the published ones, and that a hold always covers the cost.

use proptest::prelude::*;

use super::*;

const DAY: &str = "2026-11-24";

fn usage(input: u64, output: u64) -> Usage {
    Usage { input, output, ..Usage::default() }
}

fn builtin(model: &str, day: &str) -> PriceTiers {
    PriceTable::builtin().lookup("anthropic", model, day).unwrap().clone()
}

#[test]
fn builtin_table_is_complete_and_ordered() {
    let table = PriceTable::builtin();
    let mut lines = vec![format!("as of {}", table.as_of())];
    for (model, by_day) in &table.entries {
        for (day, tiers) in by_day {
            assert!(tiers.base.input > 0 && tiers.base.output > tiers.base.input, "{model}");
            lines.push(format!("{model} from {day}: {:?} {:?}", tiers.base, tiers.steps));
        }
    }
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn every_token_class_has_its_price() {
    let tiers = builtin("claude-sonnet-4-6", DAY);
    let million = 1_000_000;
    let all = Usage {
        input: million,
        output: million,
        cache_write_5m: million,
        cache_write_1h: million,
        cache_read: million,
    };
    assert_eq!(cost(&tiers, &all), NanoUsd(28_050_000_000));
    assert_eq!(cost(&builtin("claude-haiku-5-5", DAY), &usage(5000, 300)), NanoUsd(650_000));
}

#[test]
fn a_long_prompt_prices_every_token_of_its_request() {
    let tiers = builtin("claude-haiku-5-5", DAY);
    assert_eq!(cost(&tiers, &usage(100_000, 1000)), NanoUsd(10_500_000));
    assert_eq!(cost(&tiers, &usage(100_001, 1000)), NanoUsd(52_500_500));
    let cached = Usage { input: 1, cache_read: 100_000, output: 0, ..Usage::default() };
    assert_eq!(cost(&tiers, &cached), NanoUsd(5_000_500));
}

#[test]
fn prices_change_on_their_day() {
    assert_eq!(builtin("claude-sonnet-5-5", "2026-10-06").base.cache_read, 200_000_000);
    assert_eq!(builtin("claude-sonnet-5-5", "2026-10-07").base.cache_read, 100_000_000);
    assert_eq!(builtin("claude-sonnet-5-5", "1970-01-01").base.cache_read, 200_000_000);
}

#[test]
fn cost_is_rounded_up_per_call() {
    let mut tiers = PriceTiers::free();
    tiers.base.input = 1;
    assert_eq!(cost(&tiers, &usage(1, 0)), NanoUsd(1));
    assert_eq!(cost(&tiers, &usage(0, 7)), NanoUsd::ZERO);
    tiers.base.input = i64::MAX;
    assert_eq!(cost(&tiers, &usage(u64::MAX, u64::MAX)), NanoUsd::MAX);
}

#[test]
fn a_model_without_price_is_refused_and_the_remedy_named() {
    let table = PriceTable::builtin();
    for model in ["claude-haiku-4", "claude-haiku-4-5-2025100", "", "Claude-opus-5"] {
        let refusal = table.lookup("anthropic", model, DAY).unwrap_err();
        assert_eq!(refusal.code, Code::PriceUnknown);
        assert!(refusal.message.contains(&format!("{model:?}")), "{refusal}");
        assert!(refusal.message.contains("model_pricing"), "{refusal}");
    }
}

#[test]
fn local_models_are_free_by_their_provider() {
    let table = PriceTable::empty();
    assert!(table.lookup("ollama", "anything", DAY).unwrap().is_free());
    assert!(table.lookup("simulated", "ollama/qwen", DAY).unwrap().is_free());
    assert!(table.lookup("anthropic", "ollama/qwen", DAY).is_err());
    assert!(table.lookup("simulated", "ollamaqwen", DAY).is_err());
    assert!(PriceTable::builtin().lookup("simulated", "claude-opus-5", DAY).is_ok());
}

#[test]
fn configuration_wins_by_exact_id_and_fills_cache_prices() {
    let own = PriceOverride { input_per_mtok: 1.0, output_per_mtok: 5.0, ..PriceOverride::default() };
    let table = PriceTable::builtin().with_overrides([("claude-opus-5", &own), ("own", &own)]).unwrap();
    let tiers = table.lookup("anthropic", "claude-opus-5", DAY).unwrap();
    assert_eq!(tiers.base.cache_write_5m, 1_250_000_000);
    assert_eq!(tiers.base.cache_write_1h, 2_000_000_000);
    assert_eq!(tiers.base.cache_read, 100_000_000);
    assert_eq!(table.models().filter(|&model| model == "own").count(), 1);
    let above = PriceOverrideStep { above_prompt_tokens: 10, input_per_mtok: 2.0, ..Default::default() };
    let stepped = PriceOverride { above: Some(above), ..own };
    assert_eq!(stepped.tiers("m").unwrap().price_for(11).input, 2_000_000_000);
}

#[test]
fn prices_that_are_none_are_refused_by_key() {
    for bad in [-1.0, f64::NAN, f64::INFINITY] {
        let own = PriceOverride { cache_read_per_mtok: Some(bad), ..PriceOverride::default() };
        let refusal = own.tiers("m").unwrap_err();
        assert!(refusal.message.contains("model_pricing.m.cache_read_per_mtok"), "{refusal}");
    }
    assert!(PriceTable::from_json("{").is_err());
}

#[test]
fn tiers_survive_storage() {
    let tiers = builtin("claude-haiku-5-5", DAY);
    let text = serde_json::to_string(&tiers).unwrap();
    assert_eq!(serde_json::from_str::<PriceTiers>(&text).unwrap(), tiers);
}

fn prices() -> impl Strategy<Value = Price> {
    let one = 0..100_000_000_000i64;
    (one.clone(), one.clone(), one.clone(), one.clone(), one).prop_map(
        |(input, output, cache_write_5m, cache_write_1h, cache_read)| Price {
            input,
            output,
            cache_write_5m,
            cache_write_1h,
            cache_read,
        },
    )
}

fn any_tiers() -> impl Strategy<Value = PriceTiers> {
    let step = (0..1_000_000u64, prices())
        .prop_map(|(above_prompt_tokens, price)| PriceStep { above_prompt_tokens, price });
    (prices(), prop::collection::vec(step, 0..3)).prop_map(|(base, steps)| PriceTiers {
        base,
        steps,
        ..PriceTiers::free()
    })
}

proptest! {
    #[test]
    fn a_hold_covers_every_usage_within_its_bounds(
        tiers in any_tiers(),
        (input, output) in (0..400_000u64, 0..200_000u64),
        (w5, w1, read) in (0..400_000u64, 0..400_000u64, 0..400_000u64),
        (more_input, more_output) in (0..100u64, 0..100u64),
    ) {
        let usage = Usage { input, output, cache_write_5m: w5, cache_write_1h: w1, cache_read: read };
        let held = hold(&tiers, usage.prompt() + more_input, output + more_output);
        prop_assert!(held >= cost(&tiers, &usage));
    }

    #[test]
    fn a_hold_never_shrinks_when_its_bounds_grow(
        tiers in any_tiers(),
        (a, b) in (any::<u64>(), any::<u64>()),
        (c, d) in (any::<u64>(), any::<u64>()),
    ) {
        prop_assert!(hold(&tiers, a.min(b), c.min(d)) <= hold(&tiers, a.max(b), c.max(d)));
    }

    #[test]
    fn cost_is_never_negative(base in prices(), input in any::<u64>(), output in any::<u64>()) {
        let tiers = PriceTiers { base, ..PriceTiers::free() };
        prop_assert!(cost(&tiers, &usage(input, output)) >= NanoUsd::ZERO);
        prop_assert!(input_upper(input) >= input);
    }
}
