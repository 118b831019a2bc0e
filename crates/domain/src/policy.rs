//! The part of the configuration that decisions depend on. Passed in; a decision
//! never reads configuration itself.

use crate::budget::Limits;
use crate::money::NanoUsd;
use crate::project::Dispatch;

/// Rules as configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Spending limits.
    pub limits: Limits,
    /// Warn once per period from this share of a limit on, in percent.
    pub warn_at_pct: u32,
    /// Most tasks a plan may have.
    pub max_plan_tasks: u32,
    /// Automatic tries after the first, per task.
    pub max_retries: u32,
    /// How often a person may retry one task.
    pub max_person_retries: u32,
    /// Lost workers per task before a person is asked.
    pub max_crashes: u32,
    /// When tasks may start, unless the project says otherwise.
    pub dispatch: Dispatch,
    /// Pause between waves.
    pub wave_checkpoints: bool,
    /// Whether used-up retries ask a person instead of failing the task.
    pub checkpoint_on_retry_exhausted: bool,
    /// Answer bound of tasks that do not set their own.
    pub default_max_tokens: u32,
    /// How long a claim from outside holds without being heard of.
    pub external_lease_ms: u64,
}

impl Default for Policy {
    /// The defaults of the configuration's table.
    fn default() -> Self {
        Self {
            limits: Limits {
                daily: NanoUsd(5_000_000_000),
                monthly: NanoUsd(50_000_000_000),
                project: NanoUsd(10_000_000_000),
            },
            warn_at_pct: 80,
            max_plan_tasks: 500,
            max_retries: 2,
            max_person_retries: 5,
            max_crashes: 3,
            dispatch: Dispatch::Wave,
            wave_checkpoints: false,
            checkpoint_on_retry_exhausted: true,
            default_max_tokens: 4096,
            external_lease_ms: 3_600_000,
        }
    }
}
