//! What tokens cost: dated prices by exact model id, the cost of a call, and the
//! most that a call can cost.
//!
//! Integers only: prices are nano-USD per million tokens, so that every published
//! price is exact. A model without a price is refused, never free; the exception
//! is the local provider, which is free by its name. Nothing here books anything.

use std::collections::BTreeMap;
use std::ops::Bound;

use serde::{Deserialize, Serialize};

use crate::model::Usage;
use crate::money::NanoUsd;
use crate::refusal::{Code, Refusal};
use crate::routing::{OLLAMA, SIMULATED};

/// The table that is built in. Data, not code: prices go stale.
const BUILTIN: &str = include_str!("../data/prices.json");

/// Tokens that a provider may add to a prompt without our sending them: turn
/// markers and its own instructions for tool use (a few hundred at most).
pub const INPUT_OVERHEAD_TOKENS: u64 = 512;

const TOKENS_PER_PRICE: i128 = 1_000_000;

/// Prices of the five token classes, in nano-USD per million tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Price {
    /// Uncached prompt tokens.
    pub input: i64,
    /// Answer tokens.
    pub output: i64,
    /// Prompt tokens written to the five-minute cache.
    pub cache_write_5m: i64,
    /// Prompt tokens written to the one-hour cache.
    pub cache_write_1h: i64,
    /// Prompt tokens read from the cache.
    pub cache_read: i64,
}

impl Price {
    /// Everything free.
    pub const FREE: Self = Self { input: 0, output: 0, cache_write_5m: 0, cache_write_1h: 0, cache_read: 0 };

    /// Cost in millionths of a nano-USD, before rounding.
    fn scaled_cost(&self, usage: &Usage) -> i128 {
        let part = |tokens: u64, price: i64| i128::from(tokens) * i128::from(price.max(0));
        part(usage.input, self.input)
            .saturating_add(part(usage.output, self.output))
            .saturating_add(part(usage.cache_write_5m, self.cache_write_5m))
            .saturating_add(part(usage.cache_write_1h, self.cache_write_1h))
            .saturating_add(part(usage.cache_read, self.cache_read))
    }

    /// The dearest that a prompt token can be.
    fn dearest_prompt_token(&self) -> i64 {
        self.input.max(self.cache_write_5m).max(self.cache_write_1h).max(self.cache_read).max(0)
    }
}

/// Prices that hold for every token of a request with a longer prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriceStep {
    /// The prompt must have more tokens than this, cached ones included.
    pub above_prompt_tokens: u64,
    /// Prices of the whole request then.
    pub price: Price,
}

/// The prices of one model from a day on. Stored with each call, so that a call
/// is settled at the prices it was admitted with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriceTiers {
    /// Exact model id.
    pub model: String,
    /// First day on which they hold (`2026-10-07`), or where they come from
    /// when they are not dated.
    pub from_date: String,
    /// Prices of requests that no step applies to.
    pub base: Price,
    /// Dearer prices for longer prompts; the highest step that applies holds.
    #[serde(default)]
    pub steps: Vec<PriceStep>,
}

impl PriceTiers {
    /// Prices of nothing, for models that run on the user's own machine.
    #[must_use]
    pub fn free() -> Self {
        Self { model: String::new(), from_date: "local".to_owned(), base: Price::FREE, steps: Vec::new() }
    }

    /// Whether no token costs anything.
    #[must_use]
    pub fn is_free(&self) -> bool {
        self.base == Price::FREE && self.steps.iter().all(|step| step.price == Price::FREE)
    }

    /// The prices of a request with this many prompt tokens.
    #[must_use]
    pub fn price_for(&self, prompt_tokens: u64) -> &Price {
        self.steps
            .iter()
            .filter(|step| prompt_tokens > step.above_prompt_tokens)
            .max_by_key(|step| step.above_prompt_tokens)
            .map_or(&self.base, |step| &step.price)
    }
}

/// What a call cost, rounded up to the next nano-USD.
#[must_use]
pub fn cost(tiers: &PriceTiers, usage: &Usage) -> NanoUsd {
    round_up(tiers.price_for(usage.prompt()).scaled_cost(usage))
}

/// The most that a call can cost whose prompt has at most `input_upper_tokens`
/// and whose answer at most `max_tokens`: the dearest class for every prompt
/// token, in the dearest step that such a prompt can reach.
#[must_use]
pub fn hold(tiers: &PriceTiers, input_upper_tokens: u64, max_tokens: u64) -> NanoUsd {
    let reachable = tiers.steps.iter().filter(|step| input_upper_tokens > step.above_prompt_tokens);
    let prices = std::iter::once(&tiers.base).chain(reachable.map(|step| &step.price));
    let worst = prices
        .map(|price| {
            let prompt = i128::from(input_upper_tokens) * i128::from(price.dearest_prompt_token());
            prompt.saturating_add(i128::from(max_tokens) * i128::from(price.output.max(0)))
        })
        .max();
    round_up(worst.unwrap_or(0))
}

/// The most tokens that a request of this many bytes can have. Without the
/// model's own counter, one token a byte is the only bound that holds for every
/// tokenizer and every text; real prompts have a third or a quarter of it.
#[must_use]
pub const fn input_upper(bytes: u64) -> u64 {
    bytes.saturating_add(INPUT_OVERHEAD_TOKENS)
}

fn round_up(scaled: i128) -> NanoUsd {
    let whole = scaled / TOKENS_PER_PRICE + i128::from(scaled % TOKENS_PER_PRICE > 0);
    NanoUsd(i64::try_from(whole).unwrap_or(i64::MAX))
}

/// Prices from configuration, USD per million tokens. Cache prices that are not
/// given follow the usual rule: 1.25x, 2x and 0.1x of the input price.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PriceOverride {
    /// Uncached prompt tokens.
    pub input_per_mtok: f64,
    /// Answer tokens.
    pub output_per_mtok: f64,
    /// Five-minute cache writes.
    #[serde(default)]
    pub cache_write_5m_per_mtok: Option<f64>,
    /// One-hour cache writes.
    #[serde(default)]
    pub cache_write_1h_per_mtok: Option<f64>,
    /// Cache reads.
    #[serde(default)]
    pub cache_read_per_mtok: Option<f64>,
    /// Prices above a prompt length.
    #[serde(default)]
    pub above: Option<PriceOverrideStep>,
}

/// The second price of an override.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PriceOverrideStep {
    /// The prompt must have more tokens than this.
    pub above_prompt_tokens: u64,
    /// Uncached prompt tokens.
    pub input_per_mtok: f64,
    /// Answer tokens.
    pub output_per_mtok: f64,
    /// Five-minute cache writes.
    #[serde(default)]
    pub cache_write_5m_per_mtok: Option<f64>,
    /// One-hour cache writes.
    #[serde(default)]
    pub cache_write_1h_per_mtok: Option<f64>,
    /// Cache reads.
    #[serde(default)]
    pub cache_read_per_mtok: Option<f64>,
}

impl PriceOverride {
    /// The prices of `model` that this says.
    ///
    /// # Errors
    /// `Invalid`, naming the key, for a price that is negative or no number.
    pub fn tiers(&self, model: &str) -> Result<PriceTiers, Refusal> {
        let base = price(
            model,
            [self.input_per_mtok, self.output_per_mtok],
            [self.cache_write_5m_per_mtok, self.cache_write_1h_per_mtok, self.cache_read_per_mtok],
        )?;
        let mut steps = Vec::new();
        if let Some(above) = &self.above {
            let price = price(
                model,
                [above.input_per_mtok, above.output_per_mtok],
                [above.cache_write_5m_per_mtok, above.cache_write_1h_per_mtok, above.cache_read_per_mtok],
            )?;
            steps.push(PriceStep { above_prompt_tokens: above.above_prompt_tokens, price });
        }
        Ok(PriceTiers { model: model.to_owned(), from_date: "configuration".to_owned(), base, steps })
    }
}

/// Prices by model and day.
#[derive(Clone, Debug, PartialEq)]
pub struct PriceTable {
    as_of: String,
    /// Per model by first day, so that the last entry not after a day is one step.
    entries: BTreeMap<String, BTreeMap<String, PriceTiers>>,
    overrides: BTreeMap<String, PriceTiers>,
    free: PriceTiers,
}

impl PriceTable {
    /// The table of this version of the program.
    #[must_use]
    pub fn builtin() -> Self {
        Self::from_json(BUILTIN).expect("the built-in price table is valid, as a test shows")
    }

    /// A table without any price.
    #[must_use]
    pub fn empty() -> Self {
        Self {
            as_of: String::new(),
            entries: BTreeMap::new(),
            overrides: BTreeMap::new(),
            free: PriceTiers::free(),
        }
    }

    /// Reads a table in the form of `data/prices.json`.
    ///
    /// # Errors
    /// `Invalid` when the text is not such a table.
    pub fn from_json(text: &str) -> Result<Self, Refusal> {
        let file: PriceFile = serde_json::from_str(text).map_err(|error| {
            Refusal::new(Code::Invalid, format!("the price table cannot be read: {error}"))
        })?;
        let mut table = Self { as_of: file.as_of, ..Self::empty() };
        for entry in file.models {
            let tiers = entry.tiers()?;
            table.entries.entry(tiers.model.clone()).or_default().insert(tiers.from_date.clone(), tiers);
        }
        Ok(table)
    }

    /// The same table with prices from configuration, which win by exact id.
    ///
    /// # Errors
    /// `Invalid` for a price that is negative or no number.
    pub fn with_overrides<'a>(
        mut self,
        overrides: impl IntoIterator<Item = (&'a str, &'a PriceOverride)>,
    ) -> Result<Self, Refusal> {
        for (model, override_) in overrides {
            self.overrides.insert(model.to_owned(), override_.tiers(model)?);
        }
        Ok(self)
    }

    /// The day on which the built-in prices were last checked.
    #[must_use]
    pub fn as_of(&self) -> &str {
        &self.as_of
    }

    /// Models that have a price, in order.
    pub fn models(&self) -> impl Iterator<Item = &str> {
        let known: std::collections::BTreeSet<&str> =
            self.entries.keys().chain(self.overrides.keys()).map(String::as_str).collect();
        known.into_iter()
    }

    /// The prices of a model on a day (`2026-11-24`, UTC). Local models are free
    /// by the name of their provider, and so are simulated ones that stand in for
    /// them (`ollama/…`). A day before the first entry gets the first entry: a
    /// wrong clock must not stop work that has a known price.
    ///
    /// # Errors
    /// `PriceUnknown`, naming the model and how to give it a price.
    pub fn lookup(&self, provider: &str, model: &str, day: &str) -> Result<&PriceTiers, Refusal> {
        let is_local = provider == OLLAMA
            || (provider == SIMULATED
                && model.strip_prefix(OLLAMA).is_some_and(|rest| rest.starts_with('/')));
        if is_local {
            return Ok(&self.free);
        }
        if let Some(tiers) = self.overrides.get(model) {
            return Ok(tiers);
        }
        let dated = self.entries.get(model);
        dated
            .and_then(|by_day| {
                by_day
                    .range::<str, (Bound<&str>, Bound<&str>)>((Bound::Unbounded, Bound::Included(day)))
                    .next_back()
                    .or_else(|| by_day.first_key_value())
                    .map(|(_, tiers)| tiers)
            })
            .ok_or_else(|| price_unknown(model))
    }
}

fn price_unknown(model: &str) -> Refusal {
    Refusal::new(
        Code::PriceUnknown,
        format!(
            "model {model:?} has no price, so its cost could not be limited; add \"model_pricing\": \
             {{{model:?}: {{\"input_per_mtok\": …, \"output_per_mtok\": …}}}} (USD per million tokens) to the configuration"
        ),
    )
}

/// Prices from dollars; cache classes that are not given by the usual rule.
fn price(model: &str, [input, output]: [f64; 2], cache: [Option<f64>; 3]) -> Result<Price, Refusal> {
    let read = |key: &str, dollars: f64| {
        NanoUsd::from_dollars(dollars).filter(|price| price.0 >= 0).map(|price| price.0).ok_or_else(|| {
            Refusal::new(
                Code::Invalid,
                format!(
                    "model_pricing.{model}.{key} is {dollars}; a price is a number of dollars, 0 or more"
                ),
            )
        })
    };
    let input = read("input_per_mtok", input)?;
    let output = read("output_per_mtok", output)?;
    let [write_5m, write_1h, cache_read] = cache;
    // Rounded up where a price does not divide: never a fraction too cheap.
    let rule = |percent: i128| {
        let scaled = (i128::from(input) * percent + 99) / 100;
        i64::try_from(scaled).unwrap_or(i64::MAX)
    };
    let class = |key: &str, given: Option<f64>, percent: i128| match given {
        Some(dollars) => read(key, dollars),
        None => Ok(rule(percent)),
    };
    Ok(Price {
        input,
        output,
        cache_write_5m: class("cache_write_5m_per_mtok", write_5m, 125)?,
        cache_write_1h: class("cache_write_1h_per_mtok", write_1h, 200)?,
        cache_read: class("cache_read_per_mtok", cache_read, 10)?,
    })
}

#[derive(Deserialize)]
struct PriceFile {
    as_of: String,
    models: Vec<PriceFileEntry>,
}

#[derive(Deserialize)]
struct PriceFileEntry {
    model: String,
    from_date: String,
    input: f64,
    output: f64,
    cache_write_5m: f64,
    cache_write_1h: f64,
    cache_read: f64,
    #[serde(default)]
    above: Option<PriceFileStep>,
}

#[derive(Deserialize)]
struct PriceFileStep {
    above_prompt_tokens: u64,
    input: f64,
    output: f64,
    cache_write_5m: f64,
    cache_write_1h: f64,
    cache_read: f64,
}

impl PriceFileEntry {
    fn tiers(self) -> Result<PriceTiers, Refusal> {
        let cache = [self.cache_write_5m, self.cache_write_1h, self.cache_read].map(Some);
        let base = price(&self.model, [self.input, self.output], cache)?;
        let mut steps = Vec::new();
        if let Some(above) = self.above {
            let cache = [above.cache_write_5m, above.cache_write_1h, above.cache_read].map(Some);
            let price = price(&self.model, [above.input, above.output], cache)?;
            steps.push(PriceStep { above_prompt_tokens: above.above_prompt_tokens, price });
        }
        Ok(PriceTiers { model: self.model, from_date: self.from_date, base, steps })
    }
}

#[cfg(test)]
mod tests;
