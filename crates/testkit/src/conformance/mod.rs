//! One suite for every store. A back end implements [`Backend`] in its tests and
//! instantiates all of it with `conformance!`; what passes here behaves alike.

mod life;
mod money;
mod outside;
mod pick;
mod recovery;

use std::sync::Arc;

use async_trait::async_trait;
use domain::budget::Limits;
use domain::money::NanoUsd;
use domain::policy::Policy;
use domain::ports::ProjectStore;

use crate::check::{Dump, assert_sound};
use crate::clock::{FakeClock, SeqIds};
use crate::lab::Lab;

pub use life::*;
pub use money::*;
pub use outside::*;
pub use pick::*;
pub use recovery::*;

/// A kind of store under test. Each value is a database of its own.
#[async_trait]
pub trait Backend: Sized + Send {
    /// A new, empty database.
    async fn open(policy: Policy, clock: Arc<FakeClock>) -> Self;
    /// The store.
    fn store(&self) -> Arc<dyn ProjectStore>;
    /// Closes the database and opens it again, as a new process would.
    async fn reopen(self) -> Self;
    /// Everything in it.
    async fn dump(&self) -> Dump;
    /// Rules from now on.
    fn set_policy(&self, policy: Policy);
}

/// A policy that limits nothing, and fails tasks without asking anybody.
#[must_use]
pub fn open_policy() -> Policy {
    let plenty = NanoUsd::from_cents(100_000_000);
    Policy {
        limits: Limits { daily: plenty, monthly: plenty, project: plenty },
        checkpoint_on_retry_exhausted: false,
        max_plan_tasks: 20_000,
        ..Policy::default()
    }
}

/// A policy whose every limit has room for this much.
#[must_use]
pub fn tight_policy(limit: NanoUsd) -> Policy {
    Policy { limits: Limits { daily: limit, monthly: limit, project: limit }, ..open_policy() }
}

/// A back end with everything around it.
pub struct Bench<B> {
    /// The back end.
    pub backend: B,
    /// Short words for commands.
    pub lab: Lab,
}

impl<B: Backend> Bench<B> {
    /// A new database under this policy.
    pub async fn new(policy: Policy) -> Self {
        let clock = Arc::new(FakeClock::new());
        let backend = B::open(policy, Arc::clone(&clock)).await;
        let lab = Lab { store: backend.store(), clock, ids: Arc::new(SeqIds::new("x")) };
        Self { backend, lab }
    }

    /// The same database, opened again.
    pub async fn reopen(self) -> Self {
        let Self { backend, lab } = self;
        let Lab { store, clock, ids } = lab;
        drop(store);
        let backend = backend.reopen().await;
        let lab = Lab { store: backend.store(), clock, ids };
        Self { backend, lab }
    }

    /// Checks everything; gives what is there.
    pub async fn sound(&self) -> Dump {
        let dump = self.backend.dump().await;
        assert_sound(&dump);
        dump
    }
}

/// Instantiates the whole suite for a [`Backend`].
#[macro_export]
macro_rules! conformance {
    ($backend:ty) => {
        $crate::conformance!(
            @tests $backend:
            a_project_goes_from_requirements_to_completed,
            waves_open_one_after_the_other,
            a_failed_task_stops_what_needs_it_and_nothing_else,
            a_chain_of_a_thousand_is_told_that_its_head_failed,
            a_person_retries_a_failed_task,
            a_question_is_asked_and_answered,
            tools_are_journalled_before_the_model_hears_of_them,
            a_call_is_cancelled_with_its_project,
            a_deleted_project_leaves_its_money,
            a_new_plan_takes_the_place_of_the_old_one,
            published_files_keep_every_version,
            a_refusal_leaves_the_rest_of_a_submission,
            rows_survive_being_opened_again,
            texts_come_back_as_they_were,
            a_claim_under_an_old_fence_is_refused,
            many_at_once_leave_numbers_without_holes,
            the_limit_is_never_passed,
            what_does_not_fit_waits_and_then_is_parked,
            a_raised_limit_wakes_what_was_parked,
            a_stale_fence_still_books,
            a_free_failure_books_nothing,
            an_unknown_outcome_stays_booked,
            a_call_is_settled_once,
            ready_is_fair_over_owners_and_projects,
            ready_follows_priority_and_waves,
            ready_leaves_out_what_waits,
            ready_offers_nothing_of_a_paused_project,
            ready_leaves_out_what_is_kept_for_others,
            a_claim_from_outside_lives_as_long_as_its_lease,
            what_a_dead_worker_left_goes_on,
            an_operation_lives_through_a_restart,
            three_lost_workers_are_enough,
        );
    };
    (@tests $backend:ty: $($name:ident,)*) => {
        $(
            #[tokio::test]
            async fn $name() {
                $crate::conformance::$name::<$backend>().await;
            }
        )*
    };
}
