//! What was asked of the fake, and what a provider would bill for it.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::model::{Purpose, Usage};
use serde::Serialize;
use serde_json::Value;

use super::script::Dialect;

/// One request, recorded when it arrived.
#[derive(Clone, Debug, Serialize)]
pub struct Recorded {
    /// From 1, in order of arrival.
    pub number: u64,
    /// Milliseconds since the fake started.
    pub at_ms: u64,
    /// How it spoke.
    pub dialect: Dialect,
    /// The model it named.
    pub model: String,
    /// What it seems to be for.
    pub purpose: Purpose,
    /// The same for the same body: a request sent twice shows.
    pub fingerprint: String,
    /// The status it was given; 0 for one that is never answered.
    pub status: u16,
    /// What is billed for it; `None` when it was refused.
    pub billed: Option<Usage>,
    /// Why the real service would have refused it.
    pub violation: Option<String>,
    /// What was sent; only the first requests keep theirs.
    #[serde(skip)]
    pub body: Option<Arc<Value>>,
}

/// The provider's own count: the truth that ledgers are compared with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Bill {
    /// Requests that arrived.
    pub requests: u64,
    /// Requests that are billed.
    pub billed: u64,
    /// Requests that broke a rule.
    pub violations: u64,
    /// Tokens by model.
    pub usage: BTreeMap<String, Usage>,
}

impl Bill {
    pub(super) fn of(requests: &[Recorded]) -> Self {
        let mut bill = Self { requests: requests.len() as u64, ..Self::default() };
        for request in requests {
            bill.violations += u64::from(request.violation.is_some());
            let Some(usage) = request.billed else { continue };
            bill.billed += 1;
            let total = bill.usage.entry(request.model.clone()).or_default();
            total.input = total.input.saturating_add(usage.input);
            total.output = total.output.saturating_add(usage.output);
            total.cache_write_5m = total.cache_write_5m.saturating_add(usage.cache_write_5m);
            total.cache_write_1h = total.cache_write_1h.saturating_add(usage.cache_write_1h);
            total.cache_read = total.cache_read.saturating_add(usage.cache_read);
        }
        bill
    }
}
