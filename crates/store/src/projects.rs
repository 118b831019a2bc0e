//! Projects: their row, and lists of them. Requirements texts are blobs.

use std::sync::Arc;

use domain::id::{OperationId, PlanId, ProjectId, UserId};
use domain::ports::StoreError;
use domain::project::{Counts, PauseReason, Project, ProjectConfig, ProjectState};

use crate::error::store_error;
use crate::open::Store;
use crate::row::{Cursor, Damaged, Rows};
use crate::table::Table;

pub(crate) const PROJECTS: Table = Table {
    name: "projects",
    key: &["id"],
    columns: &[
        "id",
        "owner",
        "name",
        "state",
        "pause_reason",
        "config_json",
        "dispatch",
        "execution_mode",
        "requirements_hash",
        "approved_plan",
        "draft_plan",
        "operation",
        "plan_version",
        "wave_count",
        "open_wave",
        "open_holding",
        "open_ready",
        "has_unpublished",
        "live",
        "parked",
        "money_epoch",
        "counts_json",
        "active",
        "event_seq",
        "warned_period",
        "is_deleted",
        "created_at",
        "updated_at",
        "completed_at",
    ],
};

pub(crate) fn write(project: &Project, rows: &mut Rows) {
    rows.begin();
    rows.text(project.id.as_str());
    rows.opt_text(project.owner.as_ref().map(UserId::as_str));
    rows.text(&project.name);
    rows.text(project.state.as_str());
    rows.opt_text(project.pause_reason.map(PauseReason::as_str));
    rows.json(&*project.config);
    rows.opt_text(project.config.dispatch().map(domain::project::Dispatch::as_str));
    rows.text(project.config.execution_mode().as_str());
    rows.text(&project.requirements_hash);
    rows.opt_text(project.approved_plan.as_ref().map(PlanId::as_str));
    rows.opt_text(project.draft_plan.as_ref().map(PlanId::as_str));
    rows.opt_text(project.operation.as_ref().map(OperationId::as_str));
    rows.int(project.plan_version.into());
    rows.int(project.wave_count.into());
    rows.int(project.open_wave.into());
    rows.int(project.open_holding.into());
    rows.int(project.open_ready.into());
    rows.bool(project.has_unpublished);
    rows.int(project.live.into());
    rows.int(project.parked.into());
    rows.int(project.money_epoch.into());
    rows.json(&project.counts);
    rows.int(project.active().into());
    rows.uint(project.event_seq);
    rows.opt_text(project.warned_period.as_deref());
    rows.bool(project.is_deleted);
    rows.time(project.created_at);
    rows.time(project.updated_at);
    rows.opt_time(project.completed_at);
    rows.end();
}

pub(crate) fn read(row: &mut Cursor<'_>) -> Result<Project, Damaged> {
    let id = ProjectId::new(row.text()?);
    let owner = row.opt_text()?.map(UserId::new);
    let name = row.text()?;
    let state = row.word(ProjectState::parse)?;
    let pause_reason = row.opt_word(PauseReason::parse)?;
    let config: Arc<ProjectConfig> = Arc::new(row.json()?);
    // Taken from the settings whenever they are written.
    row.opt_text()?;
    row.text()?;
    let requirements_hash = row.text()?;
    let approved_plan = row.opt_text()?.map(PlanId::new);
    let draft_plan = row.opt_text()?.map(PlanId::new);
    let operation = row.opt_text()?.map(OperationId::new);
    let plan_version = row.num()?;
    let wave_count = row.num()?;
    let open_wave = row.num()?;
    let open_holding = row.num()?;
    let open_ready = row.num()?;
    let has_unpublished = row.bool()?;
    let live = row.num()?;
    let parked = row.num()?;
    let money_epoch = row.num()?;
    let counts: Counts = row.json()?;
    // The sum of two counts.
    row.int()?;
    Ok(Project {
        id,
        owner,
        name,
        state,
        pause_reason,
        config,
        requirements_hash,
        approved_plan,
        draft_plan,
        operation,
        plan_version,
        wave_count,
        open_wave,
        open_holding,
        open_ready,
        has_unpublished,
        live,
        parked,
        money_epoch,
        counts,
        event_seq: row.num()?,
        warned_period: row.opt_text()?,
        is_deleted: row.bool()?,
        created_at: row.time()?,
        updated_at: row.time()?,
        completed_at: row.opt_time()?,
    })
}

/// A project as lists and pages show it.
#[derive(Clone, Debug, PartialEq)]
pub struct ProjectListRow {
    /// The project.
    pub project: Project,
    /// The text of its requirements.
    pub requirements: Arc<str>,
}

/// Which projects are wanted.
#[derive(Clone, Debug, Default)]
pub struct ProjectFilter {
    /// Only those of this owner; `None` means everybody's, also nobody's.
    pub owner: Option<UserId>,
    /// Only those in one of these states; empty means any.
    pub states: Vec<ProjectState>,
    /// Most rows to return.
    pub limit: u32,
    /// Rows to leave out at the start.
    pub offset: u32,
}

fn read_list(row: &sqlx::sqlite::SqliteRow) -> Result<ProjectListRow, StoreError> {
    let mut cursor = PROJECTS.cursor(row, 0);
    let project = read(&mut cursor).map_err(store_error)?;
    let requirements = cursor.opt_text().map_err(store_error)?.unwrap_or_default();
    Ok(ProjectListRow { project, requirements })
}

impl Store {
    /// Projects that are not deleted, newest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn list_projects(&self, filter: &ProjectFilter) -> Result<Vec<ProjectListRow>, StoreError> {
        let sql = crate::dialect::cached("list_projects", || {
            format!(
                "SELECT {}, b.body FROM projects p \
                 LEFT JOIN blobs b ON b.project = p.id AND b.hash = p.requirements_hash \
                 WHERE p.is_deleted = 0 AND ($1 IS NULL OR p.owner = $1) \
                 AND ($2 = '[]' OR p.state IN (SELECT value FROM json_each($2))) \
                 ORDER BY p.created_at DESC, p.id DESC LIMIT $3 OFFSET $4",
                PROJECTS.list("p.")
            )
        });
        let states: Vec<&str> = filter.states.iter().map(|state| state.as_str()).collect();
        let rows = sqlx::query(sql)
            .bind(filter.owner.as_ref().map(UserId::as_str))
            .bind(domain::attempt::write_json(&states).to_string())
            .bind(filter.limit)
            .bind(filter.offset)
            .fetch_all(self.reader())
            .await
            .map_err(store_error)?;
        rows.iter().map(read_list).collect()
    }

    /// How many projects [`Store::list_projects`] would give without a limit.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn count_projects(&self, filter: &ProjectFilter) -> Result<u64, StoreError> {
        let states: Vec<&str> = filter.states.iter().map(|state| state.as_str()).collect();
        let count: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM projects p WHERE p.is_deleted = 0 AND ($1 IS NULL OR p.owner = $1) \
             AND ($2 = '[]' OR p.state IN (SELECT value FROM json_each($2)))",
        )
        .bind(filter.owner.as_ref().map(UserId::as_str))
        .bind(domain::attempt::write_json(&states).to_string())
        .fetch_one(self.reader())
        .await
        .map_err(store_error)?;
        Ok(count.unsigned_abs())
    }

    /// A project with its requirements, unless there is none or it was deleted.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn find_project(&self, id: &ProjectId) -> Result<Option<ProjectListRow>, StoreError> {
        let sql = crate::dialect::cached("find_project", || {
            format!(
                "SELECT {}, b.body FROM projects p \
                 LEFT JOIN blobs b ON b.project = p.id AND b.hash = p.requirements_hash \
                 WHERE p.id = $1 AND p.is_deleted = 0",
                PROJECTS.list("p.")
            )
        });
        let row =
            sqlx::query(sql).bind(id.as_str()).fetch_optional(self.reader()).await.map_err(store_error)?;
        row.as_ref().map(read_list).transpose()
    }
}
