//! Why a command was not carried out: something the caller may not do, or not
//! now. Everything else that goes wrong is an error of another crate.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Stable codes, part of the HTTP contract (`code` beside `detail`). The server
/// maps each to one status in one `match`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// There is no such object.
    NotFound,
    /// The object's state does not allow this.
    ConflictState,
    /// The writer's fence is not the task's: someone else works on it now.
    StaleFence,
    /// The project is not executing, so no new call may start.
    NotExecuting,
    /// The limit of some scope is used up.
    BudgetExhausted,
    /// The limit has room only once calls in flight are settled.
    BudgetHeld,
    /// The model has no price, so what it costs could not be bounded.
    PriceUnknown,
    /// The plan breaks a rule; the message names which.
    PlanInvalid,
    /// The plan's dependencies form a cycle.
    CycleDetected,
    /// A value is outside what is allowed.
    Invalid,
    /// A person has retried this as often as is allowed.
    RetryLimit,
    /// No provider is configured that could do this.
    NoProvider,
    /// The tier has no model configured.
    UnknownModel,
    /// The same change has been made already.
    AlreadyDone,
    /// Somebody else has claimed the task.
    ForeignClaim,
}

impl Code {
    /// Every code, for documents.
    pub const ALL: &'static [Self] = &[
        Self::NotFound,
        Self::ConflictState,
        Self::StaleFence,
        Self::NotExecuting,
        Self::BudgetExhausted,
        Self::BudgetHeld,
        Self::PriceUnknown,
        Self::PlanInvalid,
        Self::CycleDetected,
        Self::Invalid,
        Self::RetryLimit,
        Self::NoProvider,
        Self::UnknownModel,
        Self::AlreadyDone,
        Self::ForeignClaim,
    ];

    /// The code as it appears on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::ConflictState => "conflict_state",
            Self::StaleFence => "stale_fence",
            Self::NotExecuting => "not_executing",
            Self::BudgetExhausted => "budget_exhausted",
            Self::BudgetHeld => "budget_held",
            Self::PriceUnknown => "price_unknown",
            Self::PlanInvalid => "plan_invalid",
            Self::CycleDetected => "cycle_detected",
            Self::Invalid => "invalid",
            Self::RetryLimit => "retry_limit",
            Self::NoProvider => "no_provider",
            Self::UnknownModel => "unknown_model",
            Self::AlreadyDone => "already_done",
            Self::ForeignClaim => "foreign_claim",
        }
    }
}

/// A command that was refused: a stable code and a sentence that names the cause
/// and, where there is one, the remedy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What kind of refusal.
    pub code: Code,
    /// For a person; a fragment that can follow "failed to …: ".
    pub message: String,
}

impl Refusal {
    /// A refusal with this code and text.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// The object does not exist.
    #[must_use]
    pub fn not_found(kind: &str, id: impl fmt::Display) -> Self {
        Self::new(Code::NotFound, format!("{kind} {id} not found"))
    }

    /// The object is in a state that does not allow the command.
    #[must_use]
    pub fn state(message: impl Into<String>) -> Self {
        Self::new(Code::ConflictState, message)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Refusal {}
