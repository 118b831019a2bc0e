//! Events: numbered facts per project, written with the change they tell of.

use domain::event::{Event, EventKind};
use domain::id::{ProjectId, TaskId};
use domain::ports::StoreError;

use crate::error::store_error;
use crate::open::Store;
use crate::row::{Cursor, Damaged, Rows};
use crate::table::Table;

/// Without a key: a number that is there already is a defect, never replaced.
pub(crate) const EVENTS: Table = Table {
    name: "events",
    key: &[],
    columns: &["project", "seq", "at", "kind", "task", "actor", "message", "data_json"],
};

pub(crate) fn write(event: &Event, rows: &mut Rows) {
    rows.begin();
    rows.text(event.project.as_str());
    rows.uint(event.seq);
    rows.time(event.at);
    rows.text(event.kind.as_str());
    rows.opt_text(event.task.as_ref().map(TaskId::as_str));
    rows.text(&event.actor);
    rows.text(&event.message);
    rows.json(&event.data);
    rows.end();
}

pub(crate) fn read(row: &mut Cursor<'_>) -> Result<Event, Damaged> {
    Ok(Event {
        project: ProjectId::new(row.text()?),
        seq: row.num()?,
        at: row.time()?,
        kind: row.word(EventKind::parse)?,
        task: row.opt_text()?.map(TaskId::new),
        actor: row.string()?,
        message: row.string()?,
        data: row.json()?,
    })
}

impl Store {
    /// Events of a project after number `seq`, in order.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn events_after(
        &self,
        project: &ProjectId,
        seq: u64,
        limit: u32,
    ) -> Result<Vec<Event>, StoreError> {
        let sql = crate::dialect::cached("events_after", || {
            format!(
                "SELECT {} FROM events WHERE project = $1 AND seq > $2 ORDER BY seq LIMIT $3",
                EVENTS.list("")
            )
        });
        let rows = sqlx::query(sql)
            .bind(project.as_str())
            .bind(i64::try_from(seq).unwrap_or(i64::MAX))
            .bind(limit)
            .fetch_all(self.reader())
            .await
            .map_err(store_error)?;
        rows.iter().map(|row| read(&mut EVENTS.cursor(row, 0)).map_err(store_error)).collect()
    }

    /// Number of a project's last event; 0 when there is none.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn last_event_seq(&self, project: &ProjectId) -> Result<u64, StoreError> {
        let seq: Option<i64> = sqlx::query_scalar("SELECT max(seq) FROM events WHERE project = $1")
            .bind(project.as_str())
            .fetch_one(self.reader())
            .await
            .map_err(store_error)?;
        Ok(seq.map_or(0, i64::unsigned_abs))
    }
}
