//! Tasks, what they are about, what they depend on, and the counters of waves.
//! Lists of tasks for people are in here too.

use std::collections::HashMap;
use std::sync::Arc;

use domain::attempt::{Attempt, Call, Owner, Step};
use domain::id::{CallId, CheckpointId, PlanId, ProjectId, TaskId, UserId};
use domain::ports::StoreError;
use domain::routing::Tier;
use domain::task::{Complexity, Task, TaskSpec, TaskState, TaskType, Verdict, Wait, WaitReason};
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use crate::error::{Failure, store_error};
use crate::open::Store;
use crate::row::{Cursor, Damaged, Rows};
use crate::table::Table;
use crate::{attempts, calls};

pub(crate) const TASKS: Table = Table {
    name: "tasks",
    key: &["id"],
    columns: &[
        "id",
        "project",
        "plan",
        "place",
        "title",
        "task_type",
        "complexity",
        "tier",
        "priority",
        "wave",
        "state",
        "wait_reason",
        "wait_since",
        "wake_at",
        "parked_epoch",
        "fence",
        "attempt",
        "is_attempt_open",
        "last_seq",
        "call",
        "claimed_by",
        "lease_until",
        "had_unknown",
        "retries",
        "person_retries",
        "crashes",
        "max_tokens",
        "pending_deps",
        "dead_deps",
        "verdict",
        "verdict_notes",
        "error",
        "output_hash",
        "checkpoint",
        "model",
        "input_tokens",
        "output_tokens",
        "cache_write_5m_tokens",
        "cache_write_1h_tokens",
        "cache_read_tokens",
        "cost",
        "started_at",
        "completed_at",
        "created_at",
        "updated_at",
    ],
};

pub(crate) const TASK_SPECS: Table = Table {
    name: "task_specs",
    key: &["task"],
    columns: &[
        "task",
        "description",
        "tools_json",
        "requirement_ids_json",
        "verification_criteria",
        "affected_files_json",
        "phase",
    ],
};

pub(crate) const DEPENDENCIES: Table =
    Table { name: "dependencies", key: &["task", "prerequisite"], columns: &["task", "prerequisite"] };

pub(crate) const WAVES: Table =
    Table { name: "waves", key: &["project", "wave"], columns: &["project", "wave", "holding"] };

/// Reads the word of a verdict.
fn verdict_of(word: &str) -> Option<Verdict> {
    [Verdict::Passed, Verdict::GapsFound, Verdict::HumanNeeded, Verdict::Skipped]
        .into_iter()
        .find(|verdict| verdict.as_str() == word)
}

pub(crate) fn write(task: &Task, rows: &mut Rows) {
    rows.begin();
    rows.text(task.id.as_str());
    rows.text(task.project.as_str());
    rows.text(task.plan.as_str());
    rows.int(task.index.into());
    rows.text(&task.title);
    rows.text(task.task_type.as_str());
    rows.text(task.complexity.as_str());
    rows.text(task.tier.as_str());
    rows.int(task.priority.into());
    rows.int(task.wave.into());
    rows.text(task.state.as_str());
    rows.opt_text(task.wait.map(|wait| wait.reason.as_str()));
    rows.opt_time(task.wait.map(|wait| wait.since));
    rows.opt_time(task.wait.and_then(|wait| wait.wake_at));
    rows.int(task.parked_epoch.into());
    rows.uint(task.fence);
    rows.int(task.attempt.into());
    rows.bool(task.is_attempt_open);
    rows.int(task.last_seq.into());
    rows.opt_text(task.call.as_ref().map(CallId::as_str));
    rows.opt_text(task.claimed_by.as_ref().map(UserId::as_str));
    rows.opt_time(task.lease_until);
    rows.bool(task.had_unknown);
    rows.int(task.retries.into());
    rows.int(task.person_retries.into());
    rows.int(task.crashes.into());
    rows.int(task.max_tokens.into());
    rows.int(task.pending_deps.into());
    rows.int(task.dead_deps.into());
    rows.opt_text(task.verdict.map(Verdict::as_str));
    rows.opt_text(task.verdict_notes.as_deref());
    rows.opt_text(task.error.as_deref());
    rows.opt_text(task.output_hash.as_deref());
    rows.opt_text(task.checkpoint.as_ref().map(CheckpointId::as_str));
    rows.opt_text(task.model.as_deref());
    rows.usage(&task.usage);
    rows.money(task.cost);
    rows.opt_time(task.started_at);
    rows.opt_time(task.completed_at);
    rows.time(task.created_at);
    rows.time(task.updated_at);
    rows.end();
}

fn read_wait(row: &mut Cursor<'_>) -> Result<Option<Wait>, Damaged> {
    let reason = row.opt_word(WaitReason::parse)?;
    let since = row.opt_time()?;
    let wake_at = row.opt_time()?;
    match (reason, since) {
        (Some(reason), Some(since)) => Ok(Some(Wait { reason, since, wake_at })),
        (None, None) => Ok(None),
        _ => Err(row.damaged("a wait has a reason and a beginning, or neither")),
    }
}

pub(crate) fn read(row: &mut Cursor<'_>) -> Result<Task, Damaged> {
    Ok(Task {
        id: TaskId::new(row.text()?),
        project: ProjectId::new(row.text()?),
        plan: PlanId::new(row.text()?),
        index: row.num()?,
        title: row.text()?,
        task_type: row.word(TaskType::parse)?,
        complexity: row.word(Complexity::parse)?,
        tier: row.word(Tier::parse)?,
        priority: row.num()?,
        wave: row.num()?,
        state: row.word(TaskState::parse)?,
        wait: read_wait(row)?,
        parked_epoch: row.num()?,
        fence: row.num()?,
        attempt: row.num()?,
        is_attempt_open: row.bool()?,
        last_seq: row.num()?,
        call: row.opt_text()?.map(CallId::new),
        claimed_by: row.opt_text()?.map(UserId::new),
        lease_until: row.opt_time()?,
        had_unknown: row.bool()?,
        retries: row.num()?,
        person_retries: row.num()?,
        crashes: row.num()?,
        max_tokens: row.num()?,
        pending_deps: row.num()?,
        dead_deps: row.num()?,
        verdict: row.opt_word(verdict_of)?,
        verdict_notes: row.opt_text()?,
        error: row.opt_text()?,
        output_hash: row.opt_text()?,
        checkpoint: row.opt_text()?.map(CheckpointId::new),
        model: row.opt_text()?,
        usage: row.usage()?,
        cost: row.money()?,
        started_at: row.opt_time()?,
        completed_at: row.opt_time()?,
        created_at: row.time()?,
        updated_at: row.time()?,
    })
}

pub(crate) fn write_spec(task: &TaskId, spec: &TaskSpec, rows: &mut Rows) {
    rows.begin();
    rows.text(task.as_str());
    rows.text(&spec.description);
    rows.json(&spec.tools);
    rows.json(&spec.requirement_ids);
    rows.text(&spec.verification_criteria);
    rows.json(&spec.affected_files);
    rows.opt_text(spec.phase.as_deref());
    rows.end();
}

pub(crate) fn read_spec(row: &mut Cursor<'_>) -> Result<(TaskId, TaskSpec), Damaged> {
    let task = TaskId::new(row.text()?);
    let spec = TaskSpec {
        description: row.string()?,
        tools: row.json()?,
        requirement_ids: row.json()?,
        verification_criteria: row.string()?,
        affected_files: row.json()?,
        phase: row.opt_text()?.map(|phase| phase.to_string()),
    };
    Ok((task, spec))
}

/// What lists of tasks can be ordered by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TaskSort {
    /// Wave, then place in the plan.
    #[default]
    Plan,
    /// Priority.
    Priority,
    /// Title.
    Title,
    /// State, by its word.
    State,
    /// Cost.
    Cost,
    /// When it was made.
    CreatedAt,
    /// When it last changed.
    UpdatedAt,
}

impl TaskSort {
    /// Columns, all in one direction; the last makes the order a total one.
    const fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Plan => &["t.wave", "t.place"],
            Self::Priority => &["t.priority", "t.place"],
            Self::Title => &["t.title", "t.place"],
            Self::State => &["t.state", "t.place"],
            Self::Cost => &["t.cost", "t.place"],
            Self::CreatedAt => &["t.created_at", "t.place"],
            Self::UpdatedAt => &["t.updated_at", "t.place"],
        }
    }
}

/// Which end of an order comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    /// Smallest first.
    #[default]
    Ascending,
    /// Largest first.
    Descending,
}

/// Which tasks of a project's approved plan are wanted.
#[derive(Clone, Debug)]
pub struct TaskFilter {
    /// Only those in one of these states; empty means any.
    pub states: Vec<TaskState>,
    /// Only those of this wave.
    pub wave: Option<u32>,
    /// Only those of this phase.
    pub phase: Option<String>,
    /// Only those of this tier.
    pub tier: Option<Tier>,
    /// Only those whose title or description contains this text; `%` and `_`
    /// mean themselves.
    pub search: Option<String>,
    /// Also tasks of plans that are no longer the approved one.
    pub has_archived: bool,
    /// Order.
    pub sort: TaskSort,
    /// Direction of the order.
    pub direction: Direction,
    /// Leave out the texts of outputs.
    pub exclude_output: bool,
    /// Most rows to return.
    pub limit: u32,
    /// Rows to leave out at the start.
    pub offset: u32,
}

impl Default for TaskFilter {
    fn default() -> Self {
        Self {
            states: Vec::new(),
            wave: None,
            phase: None,
            tier: None,
            search: None,
            has_archived: false,
            sort: TaskSort::Plan,
            direction: Direction::Ascending,
            exclude_output: false,
            limit: 500,
            offset: 0,
        }
    }
}

/// A task as people see it.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskDetail {
    /// Its row.
    pub task: Task,
    /// What it is about.
    pub spec: TaskSpec,
    /// Its output, when there is one and it was asked for.
    pub output: Option<Arc<str>>,
    /// Its prerequisites, in the plan's order.
    pub depends_on: Vec<TaskId>,
}

/// A task with all attempts at it.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskHistory {
    /// The task.
    pub detail: TaskDetail,
    /// Every attempt, oldest first.
    pub attempts: Vec<Attempt>,
}

/// Everything that was journalled for a task or an operation.
#[derive(Clone, Debug, PartialEq)]
pub struct Journal {
    /// Attempts, oldest first; none for operations.
    pub attempts: Vec<Attempt>,
    /// Steps by attempt and place.
    pub steps: Vec<Step>,
    /// Calls in the order in which they began.
    pub calls: Vec<Call>,
}

const CONDITIONS: &str = "t.project = $1 \
    AND ($2 = 1 OR t.plan = p.approved_plan) \
    AND ($3 = '[]' OR t.state IN (SELECT value FROM json_each($3))) \
    AND ($4 IS NULL OR t.wave = $4) \
    AND ($5 IS NULL OR s.phase = $5) \
    AND ($6 IS NULL OR t.tier = $6) \
    AND ($7 IS NULL OR t.title LIKE $7 ESCAPE '\\' OR s.description LIKE $7 ESCAPE '\\')";

/// A pattern that finds the text itself anywhere.
fn pattern(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() + 2);
    pattern.push('%');
    for letter in text.chars() {
        if matches!(letter, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern.push('%');
    pattern
}

fn list_text(filter: &TaskFilter) -> String {
    let direction = match filter.direction {
        Direction::Ascending => "ASC",
        Direction::Descending => "DESC",
    };
    let order: Vec<String> =
        filter.sort.columns().iter().map(|column| format!("{column} {direction}")).collect();
    // Two texts per order, with and without outputs: few enough to be cached.
    let (output, join) = if filter.exclude_output {
        ("NULL", "")
    } else {
        ("b.body", " LEFT JOIN blobs b ON b.project = t.project AND b.hash = t.output_hash")
    };
    format!(
        "SELECT {}, {}, {output} FROM tasks t JOIN projects p ON p.id = t.project \
         LEFT JOIN task_specs s ON s.task = t.id{join} WHERE {CONDITIONS} ORDER BY {}, t.id LIMIT $8 OFFSET $9",
        TASKS.list("t."),
        TASK_SPECS.list("s."),
        order.join(", ")
    )
}

fn read_detail(row: &SqliteRow) -> Result<TaskDetail, Failure> {
    let task = read(&mut TASKS.cursor(row, 0))?;
    let first = TASKS.columns.len();
    let mut cursor = TASK_SPECS.cursor(row, first);
    let (_, spec) = read_spec(&mut cursor)?;
    let output: Option<&str> = row.try_get(first + TASK_SPECS.columns.len())?;
    Ok(TaskDetail { task, spec, output: output.map(Arc::from), depends_on: Vec::new() })
}

impl Store {
    /// Tasks of a project.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn list_tasks(
        &self,
        project: &ProjectId,
        filter: &TaskFilter,
    ) -> Result<Vec<TaskDetail>, StoreError> {
        let states: Vec<&str> = filter.states.iter().map(|state| state.as_str()).collect();
        let rows = sqlx::query(sqlx::AssertSqlSafe(list_text(filter)))
            .bind(project.as_str())
            .bind(i64::from(filter.has_archived))
            .bind(domain::attempt::write_json(&states).to_string())
            .bind(filter.wave)
            .bind(filter.phase.as_deref())
            .bind(filter.tier.map(Tier::as_str))
            .bind(filter.search.as_deref().map(pattern))
            .bind(filter.limit)
            .bind(filter.offset)
            .fetch_all(self.reader())
            .await
            .map_err(store_error)?;
        let mut details = rows.iter().map(read_detail).collect::<Result<Vec<_>, _>>().map_err(store_error)?;
        let mut needed = self.dependencies_of(project).await?;
        for detail in &mut details {
            detail.depends_on = needed.remove(&detail.task.id).unwrap_or_default();
        }
        Ok(details)
    }

    /// How many tasks [`Store::list_tasks`] would give without a limit.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn count_tasks(&self, project: &ProjectId, filter: &TaskFilter) -> Result<u64, StoreError> {
        let sql = crate::dialect::cached("count_tasks", || {
            format!(
                "SELECT count(*) FROM tasks t JOIN projects p ON p.id = t.project \
                 LEFT JOIN task_specs s ON s.task = t.id WHERE {CONDITIONS}"
            )
        });
        let states: Vec<&str> = filter.states.iter().map(|state| state.as_str()).collect();
        let count: i64 = sqlx::query_scalar(sql)
            .bind(project.as_str())
            .bind(i64::from(filter.has_archived))
            .bind(domain::attempt::write_json(&states).to_string())
            .bind(filter.wave)
            .bind(filter.phase.as_deref())
            .bind(filter.tier.map(Tier::as_str))
            .bind(filter.search.as_deref().map(pattern))
            .fetch_one(self.reader())
            .await
            .map_err(store_error)?;
        Ok(count.unsigned_abs())
    }

    /// Prerequisites of every task of a project, in the plan's order.
    async fn dependencies_of(&self, project: &ProjectId) -> Result<HashMap<TaskId, Vec<TaskId>>, StoreError> {
        let rows = sqlx::query(
            "SELECT d.task, d.prerequisite FROM tasks t JOIN dependencies d ON d.prerequisite = t.id \
             WHERE t.project = $1 ORDER BY t.plan, t.place",
        )
        .bind(project.as_str())
        .fetch_all(self.reader())
        .await
        .map_err(store_error)?;
        let mut needed: HashMap<TaskId, Vec<TaskId>> = HashMap::new();
        for row in rows {
            let task: &str = row.try_get(0).map_err(store_error)?;
            let prerequisite: &str = row.try_get(1).map_err(store_error)?;
            needed.entry(TaskId::new(task)).or_default().push(TaskId::new(prerequisite));
        }
        Ok(needed)
    }

    /// A task with its output and all attempts at it, if there is one.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn find_task(&self, id: &TaskId) -> Result<Option<TaskHistory>, StoreError> {
        let sql = crate::dialect::cached("find_task", || {
            format!(
                "SELECT {}, {}, b.body FROM tasks t LEFT JOIN task_specs s ON s.task = t.id \
                 LEFT JOIN blobs b ON b.project = t.project AND b.hash = t.output_hash WHERE t.id = $1",
                TASKS.list("t."),
                TASK_SPECS.list("s.")
            )
        });
        let row =
            sqlx::query(sql).bind(id.as_str()).fetch_optional(self.reader()).await.map_err(store_error)?;
        let Some(row) = row else { return Ok(None) };
        let mut detail = read_detail(&row).map_err(store_error)?;
        let needed: Vec<String> = sqlx::query_scalar(
            "SELECT d.prerequisite FROM dependencies d JOIN tasks t ON t.id = d.prerequisite \
             WHERE d.task = $1 ORDER BY t.place",
        )
        .bind(id.as_str())
        .fetch_all(self.reader())
        .await
        .map_err(store_error)?;
        detail.depends_on = needed.into_iter().map(TaskId::new).collect();
        let attempts = self.list_attempts(id).await?;
        Ok(Some(TaskHistory { detail, attempts }))
    }

    async fn list_attempts(&self, task: &TaskId) -> Result<Vec<Attempt>, StoreError> {
        let sql = crate::dialect::cached("list_attempts", || {
            format!("SELECT {} FROM attempts WHERE task = $1 ORDER BY number", attempts::ATTEMPTS.list(""))
        });
        let rows =
            sqlx::query(sql).bind(task.as_str()).fetch_all(self.reader()).await.map_err(store_error)?;
        rows.iter()
            .map(|row| attempts::read_attempt(&mut attempts::ATTEMPTS.cursor(row, 0)).map_err(store_error))
            .collect()
    }

    /// Everything that was journalled for a task or an operation.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn journal(&self, owner: &Owner) -> Result<Journal, StoreError> {
        let attempts = match owner.task() {
            Some(task) => self.list_attempts(task).await?,
            None => Vec::new(),
        };
        let sql = crate::dialect::cached("journal_steps", || {
            format!(
                "SELECT {} FROM steps WHERE owner = $1 AND owner_kind = $2 ORDER BY attempt, seq",
                attempts::STEPS.list("")
            )
        });
        let rows = sqlx::query(sql)
            .bind(owner.as_str())
            .bind(attempts::owner_kind(owner))
            .fetch_all(self.reader())
            .await
            .map_err(store_error)?;
        let steps = rows
            .iter()
            .map(|row| attempts::read_step(&mut attempts::STEPS.cursor(row, 0)).map_err(store_error))
            .collect::<Result<_, _>>()?;
        let sql = crate::dialect::cached("journal_calls", || {
            format!(
                "SELECT {} FROM calls WHERE owner = $1 AND owner_kind = $2 \
                 ORDER BY attempt, seq, try_no, began_at",
                calls::CALLS.list("")
            )
        });
        let rows = sqlx::query(sql)
            .bind(owner.as_str())
            .bind(attempts::owner_kind(owner))
            .fetch_all(self.reader())
            .await
            .map_err(store_error)?;
        let calls = rows
            .iter()
            .map(|row| calls::read(&mut calls::CALLS.cursor(row, 0)).map_err(store_error))
            .collect::<Result<_, _>>()?;
        Ok(Journal { attempts, steps, calls })
    }
}
