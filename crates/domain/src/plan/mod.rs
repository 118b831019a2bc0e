//! A plan: what a model proposed and a person approves. One normal form for all
//! rigors; the wire form of the prototype (flat or in phases) is read by `parse`
//! and written by `wire`.

pub mod parse;
pub(crate) mod scan;
pub mod validate;
pub mod wire;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::id::{PlanId, ProjectId};
use crate::model::Usage;
use crate::money::NanoUsd;
use crate::task::{Complexity, TaskType};
use crate::time::Timestamp;

/// How thoroughly to plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Rigor {
    /// A flat list of tasks.
    L1,
    /// Phases and open questions.
    #[default]
    L2,
    /// L2 plus risks and a test strategy.
    L3,
}

impl Rigor {
    /// Upper bound of the planner's answer, in tokens.
    #[must_use]
    pub const fn max_tokens(self) -> u32 {
        match self {
            Self::L1 => 4096,
            Self::L2 => 6144,
            Self::L3 => 8192,
        }
    }

    /// As stored and on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::L1 => "L1",
            Self::L2 => "L2",
            Self::L3 => "L3",
        }
    }

    /// Reads the wire form.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "L1" => Some(Self::L1),
            "L2" => Some(Self::L2),
            "L3" => Some(Self::L3),
            _ => None,
        }
    }
}

/// A whole plan. Dependencies are indices into `tasks`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// What the plan achieves, in a few sentences.
    pub summary: String,
    /// Empty at L1.
    pub phases: Vec<Phase>,
    /// In the planner's order, over all phases.
    pub tasks: Vec<PlannedTask>,
    /// L2 and L3.
    pub open_questions: Vec<OpenQuestion>,
    /// L3.
    pub risks: Vec<Risk>,
    /// L3.
    pub test_strategy: Option<TestStrategy>,
}

/// A named group of tasks, for reading only: it orders nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Phase {
    /// Its name.
    pub name: String,
    /// What it is about.
    pub description: String,
}

/// One task as planned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlannedTask {
    /// Short name.
    pub title: String,
    /// What to do; reaches the model unchanged.
    pub description: String,
    /// Kind of work.
    pub task_type: TaskType,
    /// How hard.
    pub complexity: Complexity,
    /// Indices of the tasks whose outputs this one needs; no duplicates.
    pub depends_on: Vec<usize>,
    /// Tools by name; `None` means the defaults of the type.
    pub tools: Option<Vec<String>>,
    /// `R1`, `R2`, … that it serves.
    pub requirement_ids: Vec<String>,
    /// How to tell that it is done.
    pub verification_criteria: String,
    /// Best guess of the files it touches.
    pub affected_files: Vec<String>,
    /// Index into `phases`.
    pub phase: Option<usize>,
}

/// Something the planner could not know.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OpenQuestion {
    /// The question.
    pub question: String,
    /// What the plan assumes meanwhile.
    pub proposed_answer: String,
    /// What depends on it.
    pub impact: String,
}

/// Something that may go wrong.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Risk {
    /// What.
    pub risk: String,
    /// `low`, `medium` or `high`.
    pub likelihood: String,
    /// `low`, `medium` or `high`.
    pub impact: String,
    /// What the plan does about it.
    pub mitigation: String,
}

/// How the whole will be tested.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TestStrategy {
    /// In a few sentences.
    pub approach: String,
    /// Titles of the tasks that test.
    pub test_tasks: Vec<String>,
    /// What is not tested and why.
    pub coverage_notes: String,
}

crate::task::words! {
    /// State of a plan version.
    PlanState {
        /// May be approved.
        Draft = "draft",
        /// Its tasks are the project's tasks.
        Approved = "approved",
        /// A newer version took its place.
        Superseded = "superseded",
    }
}

/// A stored plan version.
#[derive(Clone, Debug, PartialEq)]
pub struct PlanVersion {
    /// Its id.
    pub id: PlanId,
    /// Its project.
    pub project: ProjectId,
    /// From 1.
    pub version: u32,
    /// Its state.
    pub state: PlanState,
    /// The plan itself.
    pub plan: Arc<Plan>,
    /// How thoroughly it was made.
    pub rigor: Rigor,
    /// Content hash of the requirements it was made from.
    pub requirements_hash: Arc<str>,
    /// The model that made it.
    pub model: Arc<str>,
    /// What making it took.
    pub usage: Usage,
    /// What making it cost.
    pub cost: NanoUsd,
    /// When it was made.
    pub created_at: Timestamp,
}
