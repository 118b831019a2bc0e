//! Whether a call may start, and what its settlement does to the accounts. The
//! whole promise "the bill never passes the limit" is `admit` under one writer.

use std::sync::Arc;

use crate::id::{ProjectId, UserId};
use crate::money::NanoUsd;
use crate::time::Timestamp;

/// Name of the provider whose calls cost nothing real.
pub const SIMULATED: &str = "simulated";

/// Spent and set aside in one scope and period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// `real/day/2026-11-24`, `sim/project/prj_…`: kind of money, scope, period.
    pub key: Arc<str>,
    /// Sum of the ledger's entries.
    pub spent: NanoUsd,
    /// Sum of the holds of calls whose end is not known yet.
    pub held: NanoUsd,
}

impl Account {
    /// An account nothing was booked on.
    #[must_use]
    pub const fn new(key: Arc<str>) -> Self {
        Self { key, spent: NanoUsd::ZERO, held: NanoUsd::ZERO }
    }
}

/// One scope of a call: its account's key and what applies to it now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// The account.
    pub key: Arc<str>,
    /// Its limit.
    pub limit: NanoUsd,
    /// For messages: `daily`, `monthly`, `project`, `user`.
    pub name: &'static str,
}

/// Limits as they stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// All projects, per UTC day.
    pub daily: NanoUsd,
    /// All projects, per UTC month.
    pub monthly: NanoUsd,
    /// One project, ever.
    pub project: NanoUsd,
}

/// The scopes a call counts in. Fixed by its start: a call belongs to the day it
/// began on.
#[must_use]
pub fn scopes(
    limits: &Limits,
    project: &ProjectId,
    project_limit: Option<NanoUsd>,
    _user: Option<&UserId>,
    is_simulated: bool,
    now: Timestamp,
) -> Vec<Scope> {
    let money = if is_simulated { "sim" } else { "real" };
    vec![
        Scope { key: format!("{money}/day/{}", now.day()).into(), limit: limits.daily, name: "daily" },
        Scope {
            key: format!("{money}/month/{}", now.month()).into(),
            limit: limits.monthly,
            name: "monthly",
        },
        Scope {
            key: project_account(project, is_simulated),
            limit: project_limit.unwrap_or(limits.project),
            name: "project",
        },
    ]
}

/// Key of a project's account.
#[must_use]
pub fn project_account(project: &ProjectId, is_simulated: bool) -> Arc<str> {
    format!("{}/project/{project}", if is_simulated { "sim" } else { "real" }).into()
}

/// Whether a call may start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It fits in every scope.
    Fits,
    /// It will fit once calls in flight are settled for less than their holds.
    Held {
        /// Which scope is full.
        scope: &'static str,
    },
    /// It does not fit whatever the calls in flight will cost.
    Exhausted {
        /// Which scope is full.
        scope: &'static str,
        /// Its limit.
        limit: NanoUsd,
        /// What is spent of it.
        spent: NanoUsd,
    },
}

/// Decides on a hold: `spent + held + hold <= limit` in every scope. A hold of
/// nothing always fits, also under a limit of nothing.
#[must_use]
pub fn admit<'a>(scopes: impl IntoIterator<Item = (&'a Scope, &'a Account)>, hold: NanoUsd) -> Admission {
    if hold <= NanoUsd::ZERO {
        return Admission::Fits;
    }
    let mut admission = Admission::Fits;
    for (scope, account) in scopes {
        if account.spent + hold > scope.limit {
            return Admission::Exhausted { scope: scope.name, limit: scope.limit, spent: account.spent };
        }
        if account.spent + account.held + hold > scope.limit {
            admission = Admission::Held { scope: scope.name };
        }
    }
    admission
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(limit: i64) -> Scope {
        Scope { key: "real/day/x".into(), limit: NanoUsd(limit), name: "daily" }
    }

    fn account(spent: i64, held: i64) -> Account {
        Account { key: "real/day/x".into(), spent: NanoUsd(spent), held: NanoUsd(held) }
    }

    #[test]
    fn the_last_unit_fits_and_the_next_does_not() {
        let (scope, account) = (scope(100), account(60, 30));
        assert_eq!(admit([(&scope, &account)], NanoUsd(10)), Admission::Fits);
        assert_eq!(admit([(&scope, &account)], NanoUsd(11)), Admission::Held { scope: "daily" });
        assert_eq!(
            admit([(&scope, &account)], NanoUsd(41)),
            Admission::Exhausted { scope: "daily", limit: NanoUsd(100), spent: NanoUsd(60) }
        );
    }

    #[test]
    fn exhausted_in_one_scope_wins_over_held_in_another() {
        let (roomy, tight) = (scope(1000), scope(50));
        let (held, spent) = (account(0, 995), account(45, 0));
        assert!(matches!(
            admit([(&roomy, &held), (&tight, &spent)], NanoUsd(10)),
            Admission::Exhausted { .. }
        ));
    }

    #[test]
    fn a_limit_of_nothing_lets_only_free_calls_through() {
        let (scope, account) = (scope(0), account(0, 0));
        assert_eq!(admit([(&scope, &account)], NanoUsd::ZERO), Admission::Fits);
        assert!(matches!(admit([(&scope, &account)], NanoUsd(1)), Admission::Exhausted { .. }));
    }

    #[test]
    fn an_absurd_hold_saturates_and_is_refused() {
        let (scope, account) = (scope(100), account(1, 1));
        assert!(matches!(admit([(&scope, &account)], NanoUsd::MAX), Admission::Exhausted { .. }));
    }
}
