//! Operations: project-level work that calls models.

use std::sync::Arc;

use domain::attempt::{Operation, OperationKind, OperationState};
use domain::id::{CallId, OperationId, PlanId, ProjectId};
use domain::ports::StoreError;

use crate::error::store_error;
use crate::open::Store;
use crate::row::{Cursor, Damaged, Rows};
use crate::table::Table;

pub(crate) const OPERATIONS: Table = Table {
    name: "operations",
    key: &["id"],
    columns: &[
        "id",
        "project",
        "kind",
        "state",
        "brief_json",
        "last_seq",
        "call",
        "had_unknown",
        "retries",
        "wake_at",
        "result",
        "error_json",
        "created_at",
        "ended_at",
    ],
};

pub(crate) fn write(operation: &Operation, rows: &mut Rows) {
    rows.begin();
    rows.text(operation.id.as_str());
    rows.text(operation.project.as_str());
    rows.text(operation.kind.as_str());
    rows.text(operation.state.as_str());
    rows.json(&*operation.brief);
    rows.int(operation.last_seq.into());
    rows.opt_text(operation.call.as_ref().map(CallId::as_str));
    rows.bool(operation.had_unknown);
    rows.int(operation.retries.into());
    rows.opt_time(operation.wake_at);
    rows.opt_text(operation.result.as_ref().map(PlanId::as_str));
    rows.opt_text(operation.error.as_ref().map(domain::attempt::write_json).as_deref());
    rows.time(operation.created_at);
    rows.opt_time(operation.ended_at);
    rows.end();
}

pub(crate) fn read(row: &mut Cursor<'_>) -> Result<Operation, Damaged> {
    Ok(Operation {
        id: OperationId::new(row.text()?),
        project: ProjectId::new(row.text()?),
        kind: row.word(OperationKind::parse)?,
        state: row.word(OperationState::parse)?,
        brief: Arc::new(row.json()?),
        last_seq: row.num()?,
        call: row.opt_text()?.map(CallId::new),
        had_unknown: row.bool()?,
        retries: row.num()?,
        wake_at: row.opt_time()?,
        result: row.opt_text()?.map(PlanId::new),
        error: row.opt_json()?,
        created_at: row.time()?,
        ended_at: row.opt_time()?,
    })
}

impl Store {
    /// An operation, if there is one.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn find_operation(&self, id: &OperationId) -> Result<Option<Operation>, StoreError> {
        let sql = crate::dialect::cached("find_operation", || {
            format!("SELECT {} FROM operations WHERE id = $1", OPERATIONS.list(""))
        });
        let row =
            sqlx::query(sql).bind(id.as_str()).fetch_optional(self.reader()).await.map_err(store_error)?;
        row.map(|row| read(&mut OPERATIONS.cursor(&row, 0)).map_err(store_error)).transpose()
    }
}
