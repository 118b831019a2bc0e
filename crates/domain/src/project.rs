//! A project: what a user owns. States, settings and the counters that keep
//! every command's cost independent of the project's size.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::id::{OperationId, PlanId, ProjectId, UserId};
use crate::money::NanoUsd;
use crate::plan::Rigor;
use crate::routing::Tier;
use crate::task::{TaskState, words};
use crate::time::Timestamp;

words! {
    /// State of a project.
    ProjectState {
        /// Has no approved plan.
        Draft = "draft",
        /// A plan is being made.
        Planning = "planning",
        /// Has an approved plan that was not started.
        Ready = "ready",
        /// Tasks may start.
        Executing = "executing",
        /// No new call starts.
        Paused = "paused",
        /// Everything was done.
        Completed = "completed",
        /// Nothing more can be done unless a person acts.
        Failed = "failed",
        /// A person called it off.
        Cancelled = "cancelled",
    }
}

words! {
    /// Why a project is paused.
    PauseReason {
        /// A person asked for it.
        Person = "person",
        /// No waiting task's next call fits under the limit.
        Budget = "budget",
        /// A wave ended and checkpoints between waves are on.
        Wave = "wave",
        /// The provider refuses our key or our spending.
        Provider = "provider",
    }
}

words! {
    /// When tasks may start.
    Dispatch {
        /// One wave at a time.
        Wave = "wave",
        /// As soon as a task's own prerequisites are done.
        Dataflow = "dataflow",
    }
}

words! {
    /// Who carries tasks out.
    ExecutionMode {
        /// The engine.
        Auto = "auto",
        /// The engine those of the local tier, workers outside all others.
        Hybrid = "hybrid",
        /// Workers outside.
        External = "external",
    }
}

impl ExecutionMode {
    /// Whether the engine carries out tasks of this tier; else workers outside do.
    #[must_use]
    pub const fn runs_inside(self, tier: Tier) -> bool {
        match self {
            Self::Auto => true,
            Self::Hybrid => matches!(tier, Tier::Ollama),
            Self::External => false,
        }
    }
}

/// What happens to a project.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProjectEvent {
    /// Planning began.
    Plan,
    /// Planning ended, well or not.
    EndPlanning,
    /// A plan was approved.
    Approve,
    /// Execution starts or goes on.
    Execute,
    /// No new calls.
    Pause,
    /// Everything is done.
    Complete,
    /// Nothing more can be done.
    Fail,
    /// A person gave it work again.
    Reopen,
    /// A person called it off.
    Cancel,
}

impl ProjectEvent {
    /// Every event, for the table's test.
    pub const ALL: &'static [Self] = &[
        Self::Plan,
        Self::EndPlanning,
        Self::Approve,
        Self::Execute,
        Self::Pause,
        Self::Complete,
        Self::Fail,
        Self::Reopen,
        Self::Cancel,
    ];
}

/// The state that follows, or `None` where the event has no place.
#[must_use]
pub const fn next(state: ProjectState, event: ProjectEvent) -> Option<ProjectState> {
    use ProjectEvent as E;
    use ProjectState as S;
    Some(match (state, event) {
        (S::Draft | S::Ready | S::Paused | S::Failed | S::Planning, E::Plan) => S::Planning,
        (S::Planning, E::EndPlanning) => S::Draft,
        (S::Draft | S::Ready | S::Paused | S::Failed | S::Completed, E::Approve) => S::Ready,
        (S::Ready | S::Paused, E::Execute) => S::Executing,
        (S::Executing, E::Pause) => S::Paused,
        (S::Executing, E::Complete) => S::Completed,
        (S::Executing, E::Fail) => S::Failed,
        (S::Completed | S::Failed, E::Reopen) => S::Executing,
        // Cancelling what is finished is a person's recorded action.
        (_, E::Cancel) => S::Cancelled,
        (
            S::Draft
            | S::Planning
            | S::Ready
            | S::Executing
            | S::Paused
            | S::Completed
            | S::Failed
            | S::Cancelled,
            E::Plan | E::EndPlanning | E::Approve | E::Execute | E::Pause | E::Complete | E::Fail | E::Reopen,
        ) => return None,
    })
}

/// Settings of one project, kept as the owner sent them; what this version knows
/// is read through the methods.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ProjectConfig(pub Map<String, Value>);

impl ProjectConfig {
    /// How thoroughly to plan; L2 unless set.
    #[must_use]
    pub fn rigor(&self) -> Rigor {
        self.text("planning_rigor").and_then(Rigor::parse).unwrap_or_default()
    }

    /// Overrides `execution.dispatch`.
    #[must_use]
    pub fn dispatch(&self) -> Option<Dispatch> {
        self.text("dispatch").and_then(Dispatch::parse)
    }

    /// Overrides `budget.per_project_limit_usd`.
    #[must_use]
    pub fn budget_limit(&self) -> Option<NanoUsd> {
        self.0.get("budget_limit_usd").and_then(Value::as_f64).and_then(NanoUsd::from_dollars)
    }

    /// The model asked for a tier, as `provider/model` or a model id.
    #[must_use]
    pub fn tier(&self, tier: &str) -> Option<&str> {
        self.0.get("tiers").and_then(|tiers| tiers.get(tier)).and_then(Value::as_str)
    }

    /// The one model that does everything for this project, as `provider/model`
    /// or an id of Anthropic's; tiers win over it.
    #[must_use]
    pub fn model(&self) -> Option<&str> {
        self.text("model")
    }

    /// Whether the simulated model stands in for every model of this project.
    #[must_use]
    pub fn is_simulated(&self) -> bool {
        self.0.get("simulated").and_then(Value::as_bool).unwrap_or(false)
    }

    /// Who carries tasks out; the engine unless set.
    #[must_use]
    pub fn execution_mode(&self) -> ExecutionMode {
        self.text("execution_mode").and_then(ExecutionMode::parse).unwrap_or(ExecutionMode::Auto)
    }

    /// Names what is set but has no meaning, so that a typing mistake in a limit
    /// is refused instead of ignored.
    ///
    /// # Errors
    /// One sentence per mistake.
    pub fn check(&self) -> Result<(), Vec<String>> {
        let mut mistakes = Vec::new();
        if self.0.contains_key("planning_rigor")
            && self.text("planning_rigor").and_then(Rigor::parse).is_none()
        {
            mistakes.push("planning_rigor must be L1, L2 or L3".to_owned());
        }
        if self.0.contains_key("dispatch") && self.dispatch().is_none() {
            mistakes.push("dispatch must be wave or dataflow".to_owned());
        }
        let limit_ok = match self.0.get("budget_limit_usd") {
            None | Some(Value::Null) => true,
            Some(_) => self.budget_limit().is_some_and(|limit| limit >= NanoUsd::ZERO),
        };
        if !limit_ok {
            mistakes.push("budget_limit_usd must be a number of dollars, 0 or more".to_owned());
        }
        let mode_ok = match self.0.get("execution_mode") {
            None | Some(Value::Null) => true,
            Some(word) => word.as_str().and_then(ExecutionMode::parse).is_some(),
        };
        if !mode_ok {
            mistakes.push("execution_mode must be auto, hybrid or external".to_owned());
        }
        if mistakes.is_empty() { Ok(()) } else { Err(mistakes) }
    }

    fn text(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(Value::as_str)
    }
}

/// Tasks of the approved plan by state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts(pub [u32; TaskState::ALL.len()]);

impl Counts {
    /// How many are in this state.
    #[must_use]
    pub const fn of(&self, state: TaskState) -> u32 {
        self.0[state as usize]
    }

    /// All of them.
    #[must_use]
    pub fn total(&self) -> u32 {
        self.0.iter().sum()
    }

    /// Moves one task from a state to another.
    pub const fn shift(&mut self, from: TaskState, to: TaskState) {
        self.0[from as usize] = self.0[from as usize].saturating_sub(1);
        self.0[to as usize] += 1;
    }
}

/// The row that commands on a project load. Texts of any size are elsewhere.
#[derive(Clone, Debug, PartialEq)]
pub struct Project {
    /// Its id.
    pub id: ProjectId,
    /// Who owns it; `None` is visible to admins only.
    pub owner: Option<UserId>,
    /// Its name.
    pub name: Arc<str>,
    /// Its state.
    pub state: ProjectState,
    /// Why it is paused, while it is.
    pub pause_reason: Option<PauseReason>,
    /// Its settings.
    pub config: Arc<ProjectConfig>,
    /// Content hash of the requirements text.
    pub requirements_hash: Arc<str>,
    /// The one approved plan.
    pub approved_plan: Option<PlanId>,
    /// The plan that may be approved next.
    pub draft_plan: Option<PlanId>,
    /// Planning that is going on.
    pub operation: Option<OperationId>,
    /// Highest plan version so far.
    pub plan_version: u32,
    /// Waves of the approved plan.
    pub wave_count: u32,
    /// Tasks of waves up to this one may start (wave mode).
    pub open_wave: u32,
    /// Tasks of waves up to `open_wave` that can still advance by themselves.
    pub open_holding: u32,
    /// Whether files may have been accepted that are not in place yet.
    pub has_unpublished: bool,
    /// Ready tasks of waves up to `open_wave`.
    pub open_ready: u32,
    /// Tasks of any wave that can still advance by themselves.
    pub live: u32,
    /// Ready tasks whose next call cannot fit under the limit as it stands.
    pub parked: u32,
    /// Counts up whenever parked tasks may try again.
    pub money_epoch: u32,
    /// Tasks of the approved plan by state.
    pub counts: Counts,
    /// Number of the last event.
    pub event_seq: u64,
    /// Budget periods for which a warning was given, with the limit at the time;
    /// separated by blanks.
    pub warned_period: Option<Arc<str>>,
    /// Set when it is being deleted: nobody sees it any more.
    pub is_deleted: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// When it ended.
    pub completed_at: Option<Timestamp>,
}

impl Project {
    /// A project that was just created.
    #[must_use]
    pub fn new(
        id: ProjectId,
        owner: Option<UserId>,
        name: Arc<str>,
        config: ProjectConfig,
        requirements_hash: Arc<str>,
        now: Timestamp,
    ) -> Self {
        Self {
            id,
            owner,
            name,
            state: ProjectState::Draft,
            pause_reason: None,
            config: Arc::new(config),
            requirements_hash,
            approved_plan: None,
            draft_plan: None,
            operation: None,
            plan_version: 0,
            wave_count: 0,
            open_wave: 0,
            open_holding: 0,
            has_unpublished: false,
            open_ready: 0,
            live: 0,
            parked: 0,
            money_epoch: 1,
            counts: Counts::default(),
            event_seq: 0,
            warned_period: None,
            is_deleted: false,
            created_at: now,
            updated_at: now,
            completed_at: None,
        }
    }

    /// Tasks that a worker has.
    #[must_use]
    pub const fn active(&self) -> u32 {
        self.counts.of(TaskState::Running) + self.counts.of(TaskState::Verifying)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_what_the_documentation_shows() {
        let mut rows = Vec::new();
        for &state in ProjectState::ALL {
            for &event in ProjectEvent::ALL {
                if let Some(to) = next(state, event) {
                    rows.push(format!("{state} --{event:?}--> {to}"));
                }
            }
        }
        insta::assert_snapshot!(rows.join("\n"));
    }

    #[test]
    fn a_mistyped_limit_is_named_instead_of_ignored() {
        let config = |value: Value| ProjectConfig(Map::from_iter([("budget_limit_usd".to_owned(), value)]));
        assert!(config(Value::from("5 dollars")).check().is_err());
        assert!(config(Value::from(-1)).check().is_err());
        assert_eq!(config(Value::from(2.5)).budget_limit(), Some(NanoUsd(2_500_000_000)));
    }
}
