//! How much may be asked of one provider at once, shared by everything in the
//! process: concurrency that shrinks when the provider says so, token buckets
//! from its rate-limit headers, a breaker for outages, a budget for retries.
//!
//! Pure: told what begins and ends and when, it says whether the next call may
//! start. It never sleeps and never holds anything; a task that must wait goes
//! back with its wake time. Numbers from the fault table in ARCHITECTURE.md.

use std::collections::VecDeque;

use crate::model::{Allowance, CallError, ErrorClass, RateLimits};
use crate::time::Timestamp;

/// Window in which outcomes are counted for the breaker.
const BREAKER_WINDOW_MS: u64 = 30_000;
/// Fewer outcomes than this never open the breaker.
const BREAKER_REQUESTS_MIN: usize = 10;
/// Share of failures, in percent, from which it opens.
const BREAKER_FAILED_PCT: usize = 50;
/// How long it stays open the first time.
const BREAKER_OPEN_MS: u64 = 15_000;
/// How long it stays open at the most; each failed probe doubles the time.
const BREAKER_OPEN_MAX_MS: u64 = 300_000;
/// Successful probes that close it.
const BREAKER_SUCCESSES: u32 = 3;
/// How often concurrency recovers by one.
const RECOVER_EVERY_MS: u64 = 60_000;
/// Window in which retries are counted.
const RETRY_WINDOW_MS: u64 = 120_000;
/// Retries that are always allowed in a window.
const RETRIES_MIN: usize = 10;
/// Share of an allowance that is never used, in percent: others use the key too.
const HEADROOM_PCT: u64 = 10;
/// How long a task sleeps that waits for a place, unless one is freed before.
const BUSY_WAIT_MS: u64 = 1_000;
/// Most outcomes and retries that are remembered.
const REMEMBERED_MAX: usize = 10_000;

/// Whether a call may start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// Now.
    Open,
    /// As many calls are in flight as the provider bears; the end of one opens it.
    Busy {
        /// When to ask again at the latest.
        until: Timestamp,
    },
    /// An allowance is used up.
    Limited {
        /// When there is enough of it again.
        until: Timestamp,
    },
    /// The provider seems to be down.
    Broken {
        /// When the next probe may go.
        until: Timestamp,
    },
}

/// State of the breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Breaker {
    Closed,
    Open { until: Timestamp, times: u32 },
    Probing { successes: u32, times: u32, is_out: bool },
}

/// An allowance as last told, and when.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    told: Allowance,
    seen_at: Timestamp,
}

impl Bucket {
    /// What is left now: it refills evenly until it is whole.
    fn available(&self, now: Timestamp) -> u64 {
        let span = self.told.reset_at.ms_since(self.seen_at);
        let missing = self.told.limit.saturating_sub(self.told.remaining);
        if span == 0 || now >= self.told.reset_at {
            return self.told.limit;
        }
        let refilled = u128::from(missing) * u128::from(now.ms_since(self.seen_at)) / u128::from(span);
        self.told.remaining.saturating_add(u64::try_from(refilled).unwrap_or(u64::MAX)).min(self.told.limit)
    }

    /// When `wanted` is there beyond the headroom; `None` when it is there now.
    fn ready_at(&self, wanted: u64, now: Timestamp) -> Option<Timestamp> {
        let headroom = self.told.limit / 100 * HEADROOM_PCT;
        // More than the whole is never there: such a call goes when it is whole.
        let needed = wanted.saturating_add(headroom).min(self.told.limit);
        if self.available(now) >= needed {
            return None;
        }
        let span = self.told.reset_at.ms_since(self.seen_at);
        let missing = self.told.limit.saturating_sub(self.told.remaining).max(1);
        let lacking = needed.saturating_sub(self.told.remaining);
        let wait = u128::from(lacking) * u128::from(span) / u128::from(missing) + 1;
        Some(self.seen_at.plus_ms(u64::try_from(wait).unwrap_or(u64::MAX)).max(now.plus_ms(1)))
    }

    fn take(&mut self, amount: u64, now: Timestamp) {
        let left = self.available(now).saturating_sub(amount);
        self.told.remaining = left;
        self.seen_at = now;
    }
}

/// One provider's governor.
#[derive(Clone, Debug)]
pub struct Governor {
    start: u32,
    /// Calls that may be in flight, in tenths.
    bearable_tenths: u32,
    in_flight: u32,
    changed_at: Timestamp,
    requests: Option<Bucket>,
    input_tokens: Option<Bucket>,
    output_tokens: Option<Bucket>,
    outcomes: VecDeque<(Timestamp, bool)>,
    retries: VecDeque<Timestamp>,
    breaker: Breaker,
    not_before: Timestamp,
}

impl Governor {
    /// A governor that lets this many calls go at once to begin with.
    #[must_use]
    pub fn new(concurrency: u32) -> Self {
        let start = concurrency.max(1);
        Self {
            start,
            bearable_tenths: start.saturating_mul(10),
            in_flight: 0,
            changed_at: Timestamp(0),
            requests: None,
            input_tokens: None,
            output_tokens: None,
            outcomes: VecDeque::new(),
            retries: VecDeque::new(),
            breaker: Breaker::Closed,
            not_before: Timestamp(0),
        }
    }

    /// Calls that may be in flight now.
    #[must_use]
    pub fn bearable(&self) -> u32 {
        (self.bearable_tenths / 10).max(1)
    }

    /// Calls in flight.
    #[must_use]
    pub const fn in_flight(&self) -> u32 {
        self.in_flight
    }

    /// Whether the breaker keeps calls back.
    #[must_use]
    pub const fn is_broken(&self) -> bool {
        !matches!(self.breaker, Breaker::Closed)
    }

    /// Whether a call of this size may start. Changes nothing.
    #[must_use]
    pub fn check(&self, input_tokens: u64, max_tokens: u64, now: Timestamp) -> Gate {
        match self.breaker {
            Breaker::Open { until, .. } if now < until => return Gate::Broken { until },
            Breaker::Probing { is_out: true, .. } => {
                return Gate::Broken { until: now.plus_ms(BUSY_WAIT_MS) };
            }
            Breaker::Closed | Breaker::Open { .. } | Breaker::Probing { .. } => {}
        }
        if now < self.not_before {
            return Gate::Limited { until: self.not_before };
        }
        if self.in_flight >= self.bearable() {
            return Gate::Busy { until: now.plus_ms(BUSY_WAIT_MS) };
        }
        let waits = [(self.requests, 1), (self.input_tokens, input_tokens), (self.output_tokens, max_tokens)];
        let until =
            waits.iter().filter_map(|(bucket, wanted)| bucket.and_then(|b| b.ready_at(*wanted, now))).max();
        until.map_or(Gate::Open, |until| Gate::Limited { until })
    }

    /// A call starts.
    pub fn begin(&mut self, input_tokens: u64, max_tokens: u64, now: Timestamp) {
        self.in_flight += 1;
        let takes = [
            (&mut self.requests, 1),
            (&mut self.input_tokens, input_tokens),
            (&mut self.output_tokens, max_tokens),
        ];
        for (bucket, amount) in takes {
            if let Some(bucket) = bucket {
                bucket.take(amount, now);
            }
        }
        match self.breaker {
            Breaker::Open { times, .. } => {
                self.breaker = Breaker::Probing { successes: 0, times, is_out: true }
            }
            Breaker::Probing { successes, times, .. } => {
                self.breaker = Breaker::Probing { successes, times, is_out: true };
            }
            Breaker::Closed => {}
        }
    }

    /// A call was cut by us: it says nothing about the provider.
    pub fn cut(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
        if let Breaker::Probing { successes, times, .. } = self.breaker {
            self.breaker = Breaker::Probing { successes, times, is_out: false };
        }
    }

    /// A call was answered.
    pub fn answered(&mut self, limits: &RateLimits, now: Timestamp) {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.learn(limits, now);
        self.recover(now);
        self.outcome(true, now);
        if let Breaker::Probing { successes, times, .. } = self.breaker {
            let successes = successes + 1;
            self.breaker = if successes >= BREAKER_SUCCESSES {
                self.outcomes.clear();
                Breaker::Closed
            } else {
                Breaker::Probing { successes, times, is_out: false }
            };
        }
    }

    /// A call failed.
    pub fn failed(&mut self, error: &CallError, now: Timestamp) {
        self.in_flight = self.in_flight.saturating_sub(1);
        if matches!(error.class, ErrorClass::RateLimited | ErrorClass::Overloaded) {
            self.bearable_tenths = (self.bearable_tenths.saturating_mul(7) / 10).max(10);
            self.changed_at = now;
        }
        if let Some(wait_ms) = error.retry_after_ms {
            self.not_before = self.not_before.max(now.plus_ms(wait_ms));
        }
        let is_fault = match error.class {
            ErrorClass::Unreachable
            | ErrorClass::Overloaded
            | ErrorClass::ServerError
            | ErrorClass::TimedOut
            | ErrorClass::CutStream
            | ErrorClass::Malformed => true,
            // These are about us, or handled by the limiter, not by the breaker.
            ErrorClass::RateLimited
            | ErrorClass::SpendLimit
            | ErrorClass::Auth
            | ErrorClass::BadRequest
            | ErrorClass::TooLong
            | ErrorClass::PromptTruncated => false,
        };
        if is_fault {
            self.outcome(false, now);
            self.fault(now);
        } else if let Breaker::Probing { successes, times, .. } = self.breaker {
            self.breaker = Breaker::Probing { successes, times, is_out: false };
        }
    }

    /// Whether one more retry fits: a tenth of the calls in the window, at least a
    /// few. Counts it when it does.
    pub fn may_retry(&mut self, now: Timestamp) -> bool {
        while self.retries.front().is_some_and(|&at| now.ms_since(at) > RETRY_WINDOW_MS) {
            self.retries.pop_front();
        }
        let recent = self.outcomes.iter().filter(|(at, _)| now.ms_since(*at) <= RETRY_WINDOW_MS).count();
        if self.retries.len() >= RETRIES_MIN.max(recent / 10) {
            return false;
        }
        self.retries.push_back(now);
        true
    }

    fn learn(&mut self, limits: &RateLimits, now: Timestamp) {
        let told = [
            (&mut self.requests, limits.requests),
            (&mut self.input_tokens, limits.input_tokens),
            (&mut self.output_tokens, limits.output_tokens),
        ];
        for (bucket, allowance) in told {
            if let Some(told) = allowance.filter(|allowance| allowance.limit > 0) {
                *bucket = Some(Bucket { told, seen_at: now });
            }
        }
    }

    fn recover(&mut self, now: Timestamp) {
        let most = self.start.saturating_mul(10);
        if self.bearable_tenths < most && now.ms_since(self.changed_at) >= RECOVER_EVERY_MS {
            self.bearable_tenths = (self.bearable_tenths + 10).min(most);
            self.changed_at = now;
        }
    }

    fn outcome(&mut self, is_good: bool, now: Timestamp) {
        self.outcomes.push_back((now, is_good));
        let is_old = |at: Timestamp| now.ms_since(at) > RETRY_WINDOW_MS;
        while self.outcomes.len() > REMEMBERED_MAX || self.outcomes.front().is_some_and(|&(at, _)| is_old(at))
        {
            self.outcomes.pop_front();
        }
    }

    fn fault(&mut self, now: Timestamp) {
        match self.breaker {
            Breaker::Closed => {
                let recent = self.outcomes.iter().filter(|(at, _)| now.ms_since(*at) <= BREAKER_WINDOW_MS);
                let (count, failed) = recent.fold((0, 0), |(count, failed), (_, is_good)| {
                    (count + 1, failed + usize::from(!is_good))
                });
                if count >= BREAKER_REQUESTS_MIN && failed * 100 >= count * BREAKER_FAILED_PCT {
                    self.breaker = Breaker::Open { until: now.plus_ms(BREAKER_OPEN_MS), times: 1 };
                }
            }
            Breaker::Probing { times, .. } => {
                let open_ms = (BREAKER_OPEN_MS << times.min(8)).min(BREAKER_OPEN_MAX_MS);
                self.breaker = Breaker::Open { until: now.plus_ms(open_ms), times: times + 1 };
            }
            Breaker::Open { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Timestamp = Timestamp(1_000_000);

    fn error(class: ErrorClass) -> CallError {
        CallError::new(class, "x")
    }

    fn limits(remaining: u64) -> RateLimits {
        let allowance = Allowance { limit: 1_000, remaining, reset_at: NOW.plus_ms(10_000) };
        RateLimits { input_tokens: Some(allowance), ..RateLimits::default() }
    }

    #[test]
    fn no_more_calls_are_in_flight_than_the_provider_bears() {
        let mut governor = Governor::new(2);
        governor.begin(1, 1, NOW);
        assert_eq!(governor.check(1, 1, NOW), Gate::Open);
        governor.begin(1, 1, NOW);
        assert!(matches!(governor.check(1, 1, NOW), Gate::Busy { .. }));
        governor.answered(&RateLimits::default(), NOW);
        assert_eq!(governor.check(1, 1, NOW), Gate::Open);
    }

    #[test]
    fn concurrency_shrinks_at_once_and_recovers_slowly() {
        let mut governor = Governor::new(10);
        governor.begin(1, 1, NOW);
        governor.failed(&error(ErrorClass::RateLimited), NOW);
        assert_eq!(governor.bearable(), 7);
        governor.answered(&RateLimits::default(), NOW.plus_ms(1_000));
        assert_eq!(governor.bearable(), 7);
        governor.answered(&RateLimits::default(), NOW.plus_ms(60_000));
        assert_eq!(governor.bearable(), 8);
        for _ in 0..50 {
            governor.failed(&error(ErrorClass::Overloaded), NOW);
        }
        assert_eq!(governor.bearable(), 1);
    }

    #[test]
    fn an_allowance_that_is_used_up_names_when_it_is_back() {
        let mut governor = Governor::new(4);
        governor.begin(1, 1, NOW);
        governor.answered(&limits(200), NOW);
        assert_eq!(governor.check(100, 1, NOW), Gate::Open);
        let Gate::Limited { until } = governor.check(500, 1, NOW) else { panic!("expected to wait") };
        assert!(until > NOW && until <= NOW.plus_ms(10_000));
        assert_eq!(governor.check(500, 1, until), Gate::Open);
        // More than there ever is goes when the allowance is whole.
        assert_eq!(governor.check(5_000, 1, NOW.plus_ms(10_000)), Gate::Open);
    }

    #[test]
    fn a_retry_after_holds_everybody_back() {
        let mut governor = Governor::new(4);
        let mut limited = error(ErrorClass::RateLimited);
        limited.retry_after_ms = Some(7_000);
        governor.failed(&limited, NOW);
        assert_eq!(governor.check(1, 1, NOW), Gate::Limited { until: NOW.plus_ms(7_000) });
    }

    #[test]
    fn the_breaker_opens_probes_once_and_closes() {
        let mut governor = Governor::new(100);
        for _ in 0..10 {
            governor.begin(1, 1, NOW);
            governor.failed(&error(ErrorClass::ServerError), NOW);
        }
        let Gate::Broken { until } = governor.check(1, 1, NOW) else { panic!("expected an open breaker") };
        assert_eq!(until, NOW.plus_ms(15_000));
        for _ in 0..BREAKER_SUCCESSES {
            assert_eq!(governor.check(1, 1, until), Gate::Open);
            governor.begin(1, 1, until);
            assert!(matches!(governor.check(1, 1, until), Gate::Broken { .. }), "one probe at a time");
            governor.answered(&RateLimits::default(), until);
        }
        assert!(!governor.is_broken());
    }

    #[test]
    fn a_failed_probe_opens_for_longer_up_to_a_bound() {
        let mut governor = Governor::new(100);
        for _ in 0..10 {
            governor.begin(1, 1, NOW);
            governor.failed(&error(ErrorClass::ServerError), NOW);
        }
        let mut now = NOW;
        let mut last = 0;
        for _ in 0..12 {
            let Gate::Broken { until } = governor.check(1, 1, now) else {
                panic!("expected an open breaker")
            };
            let open_ms = until.ms_since(now);
            assert!(open_ms >= last && open_ms <= BREAKER_OPEN_MAX_MS);
            last = open_ms;
            now = until;
            governor.begin(1, 1, now);
            governor.failed(&error(ErrorClass::TimedOut), now);
        }
        assert_eq!(last, BREAKER_OPEN_MAX_MS);
    }

    #[test]
    fn refusals_of_our_own_requests_do_not_open_the_breaker() {
        let mut governor = Governor::new(100);
        for _ in 0..50 {
            governor.begin(1, 1, NOW);
            governor.failed(&error(ErrorClass::BadRequest), NOW);
            governor.begin(1, 1, NOW);
            governor.failed(&error(ErrorClass::Auth), NOW);
        }
        assert!(!governor.is_broken());
    }

    #[test]
    fn retries_have_a_budget() {
        let mut governor = Governor::new(100);
        let allowed = (0..100).filter(|_| governor.may_retry(NOW)).count();
        assert_eq!(allowed, RETRIES_MIN);
        assert!(governor.may_retry(NOW.plus_ms(RETRY_WINDOW_MS + 1)));
    }

    proptest! {
        #[test]
        fn whoever_waits_until_told_gets_in_or_is_told_a_later_time(
            acts in prop::collection::vec((0u8..5, 0u64..2_000, 0u64..20_000), 1..200)
        ) {
            let mut governor = Governor::new(3);
            let mut now = NOW;
            for (act, size, later) in acts {
                now = now.plus_ms(later);
                match act {
                    0 | 1 => match governor.check(size, size, now) {
                        Gate::Open => governor.begin(size, size, now),
                        Gate::Busy { until } | Gate::Limited { until } | Gate::Broken { until } => {
                            prop_assert!(until > now);
                        }
                    },
                    2 if governor.in_flight() > 0 => governor.answered(&limits(size), now),
                    3 if governor.in_flight() > 0 => governor.failed(&error(ErrorClass::ServerError), now),
                    4 if governor.in_flight() > 0 => governor.cut(),
                    _ => {}
                }
                prop_assert!(governor.in_flight() <= 3);
            }
        }
    }
}
