//! Projects on the wire.

use domain::plan::Rigor;
use domain::project::{ProjectConfig, ProjectState};
use domain::task::TaskState;
use serde::Serialize;
use serde_json::{Map, Value, json};
use store::ProjectListRow;

use super::{Page, seconds};
use crate::extract::{Fields, Shape};

/// Longest requirements, in characters.
const REQUIREMENTS_CHARS_MAX: usize = 50_000;

/// Settings that are fields of their own on the wire.
const REPO_PATH: &str = "repo_path";
const BASE_BRANCH: &str = "git_base_branch";
const RIGOR: &str = "planning_rigor";

/// Tasks of the approved plan.
#[derive(Serialize)]
pub struct TaskSummary {
    total: u32,
    completed: u32,
    running: u32,
    failed: u32,
    needs_review: u32,
}

/// A project.
#[derive(Serialize)]
pub struct ProjectWire {
    id: String,
    name: String,
    requirements: String,
    status: &'static str,
    pause_reason: Option<&'static str>,
    created_at: f64,
    updated_at: f64,
    completed_at: Option<f64>,
    config: Map<String, Value>,
    planning_rigor: &'static str,
    task_summary: Option<TaskSummary>,
    /// What waits for a person: tasks, and a draft plan.
    waiting_count: u32,
    repo_path: Option<String>,
    git_base_branch: Option<String>,
    git_project_branch: Option<String>,
    git_state: Map<String, Value>,
}

impl ProjectWire {
    /// A project that was just made: nothing to sum up.
    #[must_use]
    pub fn created(row: &ProjectListRow) -> Self {
        let project = &row.project;
        let has_plan_to_approve = project.state == ProjectState::Draft && project.draft_plan.is_some();
        let text = |key: &str| project.config.0.get(key).and_then(Value::as_str).map(str::to_owned);
        Self {
            id: project.id.to_string(),
            name: project.name.to_string(),
            requirements: row.requirements.to_string(),
            status: project.state.as_str(),
            pause_reason: project.pause_reason.map(domain::project::PauseReason::as_str),
            created_at: project.created_at.to_seconds(),
            updated_at: project.updated_at.to_seconds(),
            completed_at: seconds(project.completed_at),
            config: project.config.0.clone(),
            planning_rigor: project.config.rigor().as_str(),
            task_summary: None,
            waiting_count: project.counts.of(TaskState::NeedsReview) + u32::from(has_plan_to_approve),
            repo_path: text(REPO_PATH),
            git_base_branch: text(BASE_BRANCH),
            git_project_branch: None,
            git_state: Map::new(),
        }
    }
}

impl From<&ProjectListRow> for ProjectWire {
    fn from(row: &ProjectListRow) -> Self {
        let counts = &row.project.counts;
        let summary = TaskSummary {
            total: counts.total(),
            completed: counts.of(TaskState::Completed),
            running: row.project.active(),
            failed: counts.of(TaskState::Failed),
            needs_review: counts.of(TaskState::NeedsReview),
        };
        Self { task_summary: Some(summary), ..Self::created(row) }
    }
}

fn rigor(fields: &mut Fields) -> Option<Rigor> {
    fields.opt_word(RIGOR, &["L1", "L2", "L3"], Rigor::parse)
}

/// A folder that is named from the root and does not climb.
fn repo_path(fields: &mut Fields) -> Option<String> {
    let text = fields.opt_text(REPO_PATH, 1..=4_096)?;
    fields.check_line(REPO_PATH, &text);
    let is_absolute = text.starts_with('/') || text.get(1..3).is_some_and(|two| two == ":\\" || two == ":/");
    let parts: Vec<&str> = text.split(['/', '\\']).collect();
    if !is_absolute || parts.contains(&"..") {
        fields.problem(REPO_PATH, "value_error", "Must be an absolute path without '..'");
        return None;
    }
    if !text.starts_with('/') {
        return Some(text);
    }
    let kept: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty() && *part != ".").collect();
    Some(format!("/{}", kept.join("/")))
}

fn branch(fields: &mut Fields) -> Option<String> {
    let text = fields.opt_text(BASE_BRANCH, 1..=200)?;
    let is_bad = text.starts_with('-')
        || text.contains("..")
        || text.contains(|c: char| c.is_control() || c.is_whitespace() || "~^:?*[\\".contains(c));
    if is_bad {
        fields.problem(BASE_BRANCH, "value_error", "Is no name of a branch");
    }
    Some(text)
}

/// Body of a new project.
pub struct CreateProject {
    /// Its name.
    pub name: String,
    /// Its requirements.
    pub requirements: String,
    /// Its settings.
    pub config: ProjectConfig,
}

impl Shape for CreateProject {
    fn read(fields: &mut Fields) -> Self {
        let name = fields.line("name", 1..=200);
        let requirements = fields.text("requirements", 1..=REQUIREMENTS_CHARS_MAX);
        let mut config = fields.opt_object("config").unwrap_or_default();
        let rigor = rigor(fields);
        if let Some(rigor) = rigor {
            config.insert(RIGOR.to_owned(), json!(rigor.as_str()));
        } else if !config.contains_key(RIGOR) {
            config.insert(RIGOR.to_owned(), json!(Rigor::default().as_str()));
        }
        for (key, value) in [(REPO_PATH, repo_path(fields)), (BASE_BRANCH, branch(fields))] {
            if let Some(value) = value {
                config.insert(key.to_owned(), json!(value));
            }
        }
        Self { name, requirements, config: ProjectConfig(config) }
    }
}

/// Body of a change; what is null or absent stays.
pub struct UpdateProject {
    /// New name.
    pub name: Option<String>,
    /// New requirements.
    pub requirements: Option<String>,
    config: Option<Map<String, Value>>,
    rigor: Option<Rigor>,
    repo_path: Option<String>,
    branch: Option<String>,
}

impl Shape for UpdateProject {
    fn read(fields: &mut Fields) -> Self {
        Self {
            name: fields.opt_line("name", 1..=200),
            requirements: fields.opt_text("requirements", 1..=REQUIREMENTS_CHARS_MAX),
            config: fields.opt_object("config"),
            rigor: rigor(fields),
            repo_path: repo_path(fields),
            branch: branch(fields),
        }
    }
}

impl UpdateProject {
    /// Whether nothing was asked for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.name.is_none() && self.requirements.is_none() && !self.has_settings()
    }

    const fn has_settings(&self) -> bool {
        self.config.is_some() || self.rigor.is_some() || self.repo_path.is_some() || self.branch.is_some()
    }

    /// The settings that follow from those so far. `config` replaces all of them
    /// but those that are fields of their own.
    #[must_use]
    pub fn settings(&self, so_far: &ProjectConfig) -> Option<ProjectConfig> {
        if !self.has_settings() {
            return None;
        }
        let mut config = match &self.config {
            Some(config) => {
                let mut config = config.clone();
                for key in [REPO_PATH, BASE_BRANCH] {
                    if let (false, Some(value)) = (config.contains_key(key), so_far.0.get(key)) {
                        config.insert(key.to_owned(), value.clone());
                    }
                }
                config
            }
            None => so_far.0.clone(),
        };
        let fields = [
            (RIGOR, self.rigor.map(|rigor| rigor.as_str().to_owned())),
            (REPO_PATH, self.repo_path.clone()),
            (BASE_BRANCH, self.branch.clone()),
        ];
        for (key, value) in fields {
            if let Some(value) = value {
                config.insert(key.to_owned(), json!(value));
            }
        }
        Some(ProjectConfig(config))
    }
}

/// Query of the list.
pub struct ListProjects {
    /// Only those in this state.
    pub state: Option<ProjectState>,
    /// Which part of the list.
    pub page: Page,
}

impl Shape for ListProjects {
    fn read(fields: &mut Fields) -> Self {
        let words: Vec<&str> = ProjectState::ALL.iter().map(|state| state.as_str()).collect();
        Self {
            state: fields.opt_word("status", &words, ProjectState::parse),
            page: Page::read(fields, 200, 50),
        }
    }
}
