//! Checkpoints: questions to people.

use domain::checkpoint::{Checkpoint, CheckpointKind, Resolution};
use domain::id::{CheckpointId, ProjectId, TaskId, UserId};
use domain::ports::StoreError;

use crate::error::store_error;
use crate::open::Store;
use crate::row::{Cursor, Damaged, Rows};
use crate::table::Table;

pub(crate) const CHECKPOINTS: Table = Table {
    name: "checkpoints",
    key: &["id"],
    columns: &[
        "id",
        "project",
        "task",
        "kind",
        "summary",
        "attempts_json",
        "question",
        "resolution",
        "response",
        "resolved_at",
        "created_at",
    ],
};

pub(crate) fn write(checkpoint: &Checkpoint, rows: &mut Rows) {
    rows.begin();
    rows.text(checkpoint.id.as_str());
    rows.text(checkpoint.project.as_str());
    rows.opt_text(checkpoint.task.as_ref().map(TaskId::as_str));
    rows.text(checkpoint.kind.as_str());
    rows.text(&checkpoint.summary);
    rows.json(&checkpoint.attempts);
    rows.text(&checkpoint.question);
    rows.opt_text(checkpoint.resolution.map(Resolution::as_str));
    rows.opt_text(checkpoint.response.as_deref());
    rows.opt_time(checkpoint.resolved_at);
    rows.time(checkpoint.created_at);
    rows.end();
}

pub(crate) fn read(row: &mut Cursor<'_>) -> Result<Checkpoint, Damaged> {
    Ok(Checkpoint {
        id: CheckpointId::new(row.text()?),
        project: ProjectId::new(row.text()?),
        task: row.opt_text()?.map(TaskId::new),
        kind: row.word(CheckpointKind::parse)?,
        summary: row.text()?,
        attempts: row.json()?,
        question: row.text()?,
        resolution: row.opt_word(Resolution::parse)?,
        response: row.opt_text()?,
        resolved_at: row.opt_time()?,
        created_at: row.time()?,
    })
}

impl Store {
    /// Checkpoints of a project, or of all projects of an owner, or of all;
    /// oldest first. Those of deleted projects are left out.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn list_checkpoints(
        &self,
        project: Option<&ProjectId>,
        owner: Option<&UserId>,
        is_open_only: bool,
    ) -> Result<Vec<Checkpoint>, StoreError> {
        let sql = crate::dialect::cached("list_checkpoints", || {
            format!(
                "SELECT {} FROM checkpoints c JOIN projects p ON p.id = c.project \
                 WHERE p.is_deleted = 0 AND ($1 IS NULL OR c.project = $1) \
                 AND ($2 IS NULL OR p.owner = $2) AND ($3 = 0 OR c.resolved_at IS NULL) \
                 ORDER BY c.created_at, c.id LIMIT 10000",
                CHECKPOINTS.list("c.")
            )
        });
        let rows = sqlx::query(sql)
            .bind(project.map(ProjectId::as_str))
            .bind(owner.map(UserId::as_str))
            .bind(i64::from(is_open_only))
            .fetch_all(self.reader())
            .await
            .map_err(store_error)?;
        rows.iter().map(|row| read(&mut CHECKPOINTS.cursor(row, 0)).map_err(store_error)).collect()
    }

    /// A checkpoint, if there is one.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn find_checkpoint(&self, id: &CheckpointId) -> Result<Option<Checkpoint>, StoreError> {
        let sql = crate::dialect::cached("find_checkpoint", || {
            format!("SELECT {} FROM checkpoints WHERE id = $1", CHECKPOINTS.list(""))
        });
        let row =
            sqlx::query(sql).bind(id.as_str()).fetch_optional(self.reader()).await.map_err(store_error)?;
        row.map(|row| read(&mut CHECKPOINTS.cursor(&row, 0)).map_err(store_error)).transpose()
    }
}
