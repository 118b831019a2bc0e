//! What to do when a call brought no answer. One policy for all providers; no
//! provider retries by itself. Numbers from the fault table in ARCHITECTURE.md.

use crate::model::{CallError, ErrorClass};

/// Longest wait that a provider may ask for and that still counts as a retry;
/// longer ones are waiting, shown as such, and cost no retry.
pub const RETRY_AFTER_COUNTED_MS: u64 = 60_000;

/// What follows a failed call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextTry {
    /// Try again after this long; one retry is used up.
    Counted {
        /// Milliseconds from now.
        wait_ms: u64,
    },
    /// Try again after this long; the provider is at fault or asked for it, so
    /// no retry is used up.
    Uncounted {
        /// Milliseconds from now.
        wait_ms: u64,
    },
    /// All tries are used up: ask a person.
    Exhausted,
    /// The request itself is wrong; trying again would be the same.
    Fatal,
    /// The provider will refuse everything until a person acts.
    PauseProject,
    /// The conversation is too long for the model: ask a person.
    AskPerson,
}

/// Decides on a failed call.
///
/// `retries` are used up so far, `retries_max` is how many there are,
/// `had_unknown` tells that an earlier try of the same step had an unknown
/// outcome, `random` is any number: it spreads the waits.
#[must_use]
pub fn next_try(
    error: &CallError,
    retries: u32,
    retries_max: u32,
    had_unknown: bool,
    random: u64,
) -> NextTry {
    let (base_ms, cap_ms) = match error.class {
        ErrorClass::BadRequest => return NextTry::Fatal,
        ErrorClass::TooLong | ErrorClass::PromptTruncated => return NextTry::AskPerson,
        ErrorClass::Auth | ErrorClass::SpendLimit => return NextTry::PauseProject,
        ErrorClass::Overloaded => (2_000, 120_000),
        ErrorClass::Unreachable
        | ErrorClass::RateLimited
        | ErrorClass::ServerError
        | ErrorClass::TimedOut
        | ErrorClass::CutStream
        | ErrorClass::Malformed => (1_000, 60_000),
    };
    if let Some(asked_ms) = error.retry_after_ms
        && asked_ms > RETRY_AFTER_COUNTED_MS
    {
        return NextTry::Uncounted { wait_ms: asked_ms.saturating_add(within(random, asked_ms / 10)) };
    }
    // An answer that may have been billed is bought at most once more.
    let is_used_up = retries >= retries_max || (!error.class.is_free() && had_unknown);
    if is_used_up {
        return NextTry::Exhausted;
    }
    let wait_ms = match error.retry_after_ms {
        Some(asked_ms) => asked_ms.saturating_add(within(random, (asked_ms / 10).max(1_000))),
        None => within(random, (base_ms << retries.min(16)).min(cap_ms)),
    };
    NextTry::Counted { wait_ms }
}

/// Full jitter: a number in `0..=max`.
const fn within(random: u64, max: u64) -> u64 {
    match max.checked_add(1) {
        Some(span) => random % span,
        None => random,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(class: ErrorClass) -> CallError {
        CallError::new(class, "x")
    }

    #[test]
    fn requests_that_can_never_work_are_not_retried() {
        assert_eq!(next_try(&error(ErrorClass::BadRequest), 0, 2, false, 7), NextTry::Fatal);
        assert_eq!(next_try(&error(ErrorClass::SpendLimit), 0, 2, false, 7), NextTry::PauseProject);
        assert_eq!(next_try(&error(ErrorClass::Auth), 0, 2, false, 7), NextTry::PauseProject);
        assert_eq!(next_try(&error(ErrorClass::TooLong), 0, 2, false, 7), NextTry::AskPerson);
    }

    #[test]
    fn retries_end_and_waits_stay_under_their_cap() {
        for random in [0, 1, 999_999, u64::MAX] {
            for retries in 0..2 {
                let NextTry::Counted { wait_ms } =
                    next_try(&error(ErrorClass::Overloaded), retries, 2, false, random)
                else {
                    panic!("expected a retry");
                };
                assert!(wait_ms <= 120_000);
            }
            assert_eq!(next_try(&error(ErrorClass::Overloaded), 2, 2, false, random), NextTry::Exhausted);
        }
    }

    #[test]
    fn an_answer_that_may_be_paid_for_is_bought_once_more_at_most() {
        assert!(matches!(next_try(&error(ErrorClass::CutStream), 0, 2, false, 1), NextTry::Counted { .. }));
        assert_eq!(next_try(&error(ErrorClass::CutStream), 0, 2, true, 1), NextTry::Exhausted);
        assert!(matches!(next_try(&error(ErrorClass::RateLimited), 0, 2, true, 1), NextTry::Counted { .. }));
    }

    #[test]
    fn a_long_retry_after_costs_no_retry() {
        let mut limited = error(ErrorClass::RateLimited);
        limited.retry_after_ms = Some(120_000);
        let NextTry::Uncounted { wait_ms } = next_try(&limited, 2, 2, false, 5) else {
            panic!("expected a wait")
        };
        assert!(wait_ms >= 120_000);
        limited.retry_after_ms = Some(5_000);
        let NextTry::Counted { wait_ms } = next_try(&limited, 0, 2, false, 5) else {
            panic!("expected a retry")
        };
        assert!((5_000..=6_000).contains(&wait_ms));
    }
}
