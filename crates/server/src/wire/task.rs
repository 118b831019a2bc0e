//! Tasks on the wire.

use domain::project::{Dispatch, Project, ProjectState};
use domain::routing::Tier;
use domain::task::{Task, TaskState};
use serde::Serialize;
use serde_json::Value;
use store::{Direction, TaskDetail, TaskFilter, TaskSort};

use super::{Page, seconds};
use crate::extract::{Fields, Shape};

/// What a task waits for, and since when.
#[derive(Serialize)]
pub struct WaitingFor {
    reason: &'static str,
    since: Option<f64>,
    until: Option<f64>,
}

/// A task.
#[derive(Serialize)]
pub struct TaskWire {
    id: String,
    project_id: String,
    plan_id: String,
    title: String,
    description: String,
    task_type: &'static str,
    priority: i32,
    status: &'static str,
    waiting_for: Option<WaitingFor>,
    model_tier: &'static str,
    model_used: Option<String>,
    wave: u32,
    phase: Option<String>,
    tools: Vec<String>,
    verification_status: Option<&'static str>,
    verification_notes: Option<String>,
    requirement_ids: Vec<String>,
    prompt_tokens: u64,
    completion_tokens: u64,
    cost_usd: f64,
    output_text: Option<String>,
    output_artifacts: Vec<Value>,
    error: Option<String>,
    depends_on: Vec<String>,
    started_at: Option<f64>,
    completed_at: Option<f64>,
    created_at: f64,
    updated_at: f64,
    git_branch: Option<String>,
    git_commit_sha: Option<String>,
}

impl TaskWire {
    /// A task of this project, where tasks start by `dispatch` unless it says
    /// otherwise.
    #[must_use]
    pub fn new(detail: &TaskDetail, project: &Project, dispatch: Dispatch) -> Self {
        let TaskDetail { task, spec, output, depends_on } = detail;
        Self {
            id: task.id.to_string(),
            project_id: task.project.to_string(),
            plan_id: task.plan.to_string(),
            title: task.title.to_string(),
            description: spec.description.clone(),
            task_type: task.task_type.as_str(),
            priority: task.priority,
            status: task.state.wire(),
            waiting_for: waiting_for(task, project, dispatch),
            model_tier: task.tier.as_str(),
            model_used: task.model.as_deref().map(str::to_owned),
            wave: task.wave,
            phase: spec.phase.clone(),
            tools: spec.tools.clone(),
            verification_status: task.verdict.map(domain::task::Verdict::as_str),
            verification_notes: task.verdict_notes.as_deref().map(str::to_owned),
            requirement_ids: spec.requirement_ids.clone(),
            prompt_tokens: task.usage.prompt(),
            completion_tokens: task.usage.output,
            cost_usd: task.cost.to_dollars(),
            output_text: output.as_deref().map(str::to_owned),
            output_artifacts: Vec::new(),
            error: task.error.as_deref().map(str::to_owned),
            depends_on: depends_on.iter().map(ToString::to_string).collect(),
            started_at: seconds(task.started_at),
            completed_at: seconds(task.completed_at),
            created_at: task.created_at.to_seconds(),
            updated_at: task.updated_at.to_seconds(),
            git_branch: None,
            git_commit_sha: None,
        }
    }
}

fn waiting_for(task: &Task, project: &Project, dispatch: Dispatch) -> Option<WaitingFor> {
    let since = |reason| Some(WaitingFor { reason, since: Some(task.updated_at.to_seconds()), until: None });
    match task.state {
        TaskState::Blocked if task.dead_deps > 0 => since("person"),
        TaskState::Blocked => since("dependency"),
        TaskState::NeedsReview => since("person"),
        TaskState::Ready => match task.wait {
            Some(wait) => Some(WaitingFor {
                reason: wait.reason.as_str(),
                since: Some(wait.since.to_seconds()),
                until: seconds(wait.wake_at),
            }),
            None if project.state != ProjectState::Executing => since("project"),
            None => {
                let is_by_wave = project.config.dispatch().unwrap_or(dispatch) == Dispatch::Wave;
                since(if is_by_wave && task.wave > project.open_wave { "wave" } else { "slot" })
            }
        },
        TaskState::Running
        | TaskState::Verifying
        | TaskState::Completed
        | TaskState::Failed
        | TaskState::Cancelled
        | TaskState::Skipped => None,
    }
}

/// Words of the contract, each for states of ours. `queued` is never written by us.
const STATUSES: [&str; 8] =
    ["pending", "blocked", "queued", "running", "needs_review", "completed", "failed", "cancelled"];

fn states(word: &str) -> Option<Vec<TaskState>> {
    STATUSES
        .contains(&word)
        .then(|| TaskState::ALL.iter().copied().filter(|state| state.wire() == word).collect())
}

/// Query of the list.
pub struct ListTasks {
    /// What is wanted; nothing can match when absent.
    pub filter: Option<TaskFilter>,
}

impl Shape for ListTasks {
    fn read(fields: &mut Fields) -> Self {
        let states = fields.opt_word("status", &STATUSES, states);
        let wave = fields.opt_int("wave", 0..=i64::from(u32::MAX));
        let phase = fields.opt_text("phase", 0..=200);
        let tier_word = fields.opt_text("model_tier", 0..=200);
        let search = fields.opt_text("search", 0..=200).filter(|text| !text.is_empty());
        let sort =
            fields.opt_word("sort", &["priority", "created_at", "wave", "status"], |word| match word {
                "priority" => Some(TaskSort::Priority),
                "created_at" => Some(TaskSort::CreatedAt),
                "wave" => Some(TaskSort::Plan),
                "status" => Some(TaskSort::State),
                _ => None,
            });
        let direction = fields.opt_word("sort_dir", &["asc", "desc"], |word| match word {
            "asc" => Some(Direction::Ascending),
            "desc" => Some(Direction::Descending),
            _ => None,
        });
        let exclude_output = fields.bool_or("exclude_output", false);
        let page = Page::read(fields, 500, 100);
        let tier = tier_word.as_deref().map(Tier::parse);
        if states.as_ref().is_some_and(Vec::is_empty) || tier == Some(None) {
            return Self { filter: None };
        }
        Self {
            filter: Some(TaskFilter {
                states: states.unwrap_or_default(),
                wave: wave.and_then(|wave| u32::try_from(wave).ok()),
                phase,
                tier: tier.flatten(),
                search,
                has_archived: false,
                sort: sort.unwrap_or(TaskSort::Priority),
                direction: direction.unwrap_or_default(),
                exclude_output,
                limit: page.limit,
                offset: page.offset,
            }),
        }
    }
}

/// Body of a change; what is null or absent stays.
pub struct UpdateTask {
    /// New title.
    pub title: Option<String>,
    /// New description.
    pub description: Option<String>,
    /// New tier.
    pub tier: Option<Tier>,
    /// New priority.
    pub priority: Option<i32>,
    /// New bound of an answer.
    pub max_tokens: Option<u32>,
}

impl Shape for UpdateTask {
    fn read(fields: &mut Fields) -> Self {
        let tiers: Vec<&str> = Tier::ALL.iter().map(|tier| tier.as_str()).collect();
        Self {
            title: fields.opt_line("title", 1..=200),
            description: fields.opt_text("description", 1..=50_000),
            tier: fields.opt_word("model_tier", &tiers, Tier::parse),
            priority: fields.opt_int("priority", 0..=1_000).and_then(|n| i32::try_from(n).ok()),
            max_tokens: fields.opt_int("max_tokens", 1..=16_384).and_then(|n| u32::try_from(n).ok()),
        }
    }
}

impl UpdateTask {
    /// Whether nothing was asked for.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.title.is_none()
            && self.description.is_none()
            && self.tier.is_none()
            && self.priority.is_none()
            && self.max_tokens.is_none()
    }
}

/// Body of a review.
pub struct Review {
    /// Accept it, or have it tried again.
    pub accept: bool,
    /// For the next attempt.
    pub feedback: String,
}

impl Shape for Review {
    fn read(fields: &mut Fields) -> Self {
        let accept = fields.word("action", &["approve", "retry"], |word| match word {
            "approve" => Some(true),
            "retry" => Some(false),
            _ => None,
        });
        Self { accept: accept.unwrap_or(false), feedback: fields.text_or_empty("feedback", 10_000) }
    }
}

/// Body of an action on many tasks.
pub struct Bulk {
    /// Retry them, or cancel them.
    pub is_retry: bool,
    /// Which.
    pub task_ids: Vec<String>,
}

impl Shape for Bulk {
    fn read(fields: &mut Fields) -> Self {
        let is_retry = fields.word("action", &["retry", "cancel"], |word| match word {
            "retry" => Some(true),
            "cancel" => Some(false),
            _ => None,
        });
        Self { is_retry: is_retry.unwrap_or(false), task_ids: fields.texts("task_ids", 1..=100, 200) }
    }
}

/// One task that was not done.
#[derive(Serialize)]
pub struct NotDone {
    /// Which.
    pub id: String,
    /// Why.
    pub reason: String,
}

/// What an action on many tasks answers.
#[derive(Default, Serialize)]
pub struct BulkWire {
    /// Done.
    pub succeeded: Vec<String>,
    /// Not done.
    pub failed: Vec<NotDone>,
}
