//! Removes the rows of a deleted project, a thousand at a time, so that nobody
//! waits for it. Accounts and the ledger stay: money outlives its project.

use domain::id::ProjectId;
use domain::ports::StoreError;
use sqlx::sqlite::SqliteConnection;

use crate::error::Failure;
use crate::open::Store;

/// Rows per transaction.
const ROWS: i64 = 1_000;

/// What can go at once, children before their parents. `$1` the project, `$2`
/// how many.
const EARLY: [&str; 6] = [
    "DELETE FROM events WHERE (project, seq) IN \
     (SELECT project, seq FROM events WHERE project = $1 LIMIT $2)",
    "DELETE FROM feedback WHERE id IN (SELECT f.id FROM tasks t JOIN feedback f ON f.task = t.id \
     WHERE t.project = $1 LIMIT $2)",
    "DELETE FROM blobs WHERE (project, hash) IN \
     (SELECT project, hash FROM blobs WHERE project = $1 LIMIT $2)",
    "DELETE FROM file_versions WHERE id IN (SELECT id FROM file_versions WHERE project = $1 LIMIT $2)",
    "DELETE FROM files WHERE (project, path) IN \
     (SELECT project, path FROM files WHERE project = $1 LIMIT $2)",
    "DELETE FROM findings WHERE id IN (SELECT id FROM findings WHERE project = $1 LIMIT $2)",
];

/// What stays until every call has ended: booking a late end needs these rows.
const LATE: [&str; 12] = [
    "DELETE FROM steps WHERE (owner, attempt, seq, owner_kind) IN \
     (SELECT s.owner, s.attempt, s.seq, s.owner_kind FROM tasks t JOIN steps s ON s.owner = t.id \
     WHERE t.project = $1 LIMIT $2)",
    "DELETE FROM steps WHERE (owner, attempt, seq, owner_kind) IN \
     (SELECT s.owner, s.attempt, s.seq, s.owner_kind FROM operations o JOIN steps s ON s.owner = o.id \
     WHERE o.project = $1 LIMIT $2)",
    "DELETE FROM attempts WHERE (task, number) IN (SELECT a.task, a.number FROM tasks t \
     JOIN attempts a ON a.task = t.id WHERE t.project = $1 LIMIT $2)",
    "DELETE FROM calls WHERE id IN (SELECT id FROM calls WHERE project = $1 LIMIT $2)",
    "DELETE FROM checkpoints WHERE id IN (SELECT id FROM checkpoints WHERE project = $1 LIMIT $2)",
    "DELETE FROM dependencies WHERE (task, prerequisite) IN (SELECT d.task, d.prerequisite FROM tasks t \
     JOIN dependencies d ON d.task = t.id WHERE t.project = $1 LIMIT $2)",
    "DELETE FROM task_specs WHERE task IN (SELECT s.task FROM tasks t JOIN task_specs s ON s.task = t.id \
     WHERE t.project = $1 LIMIT $2)",
    "DELETE FROM tasks WHERE id IN (SELECT id FROM tasks WHERE project = $1 LIMIT $2)",
    "DELETE FROM waves WHERE (project, wave) IN (SELECT project, wave FROM waves WHERE project = $1 LIMIT $2)",
    "DELETE FROM operations WHERE id IN (SELECT id FROM operations WHERE project = $1 LIMIT $2)",
    "DELETE FROM plans WHERE id IN (SELECT id FROM plans WHERE project = $1 LIMIT $2)",
    "DELETE FROM projects WHERE id = $1 AND $2 > 0",
];

async fn remove(conn: &mut SqliteConnection, project: &ProjectId) -> Result<bool, Failure> {
    let is_deleted: Option<i64> = sqlx::query_scalar("SELECT is_deleted FROM projects WHERE id = $1")
        .bind(project.as_str())
        .fetch_optional(&mut *conn)
        .await?;
    // One that is gone has nothing left; one that was not deleted is left alone.
    if is_deleted != Some(1) {
        return Ok(false);
    }
    let mut left = ROWS;
    if !run(conn, project, &EARLY, &mut left).await? {
        return Ok(true);
    }
    let in_flight: i64 =
        sqlx::query_scalar("SELECT count(*) FROM calls WHERE project = $1 AND state = 'intent'")
            .bind(project.as_str())
            .fetch_one(&mut *conn)
            .await?;
    if in_flight > 0 {
        return Ok(true);
    }
    Ok(!run(conn, project, &LATE, &mut left).await?)
}

/// Runs statements until `left` rows are gone; false when there may be more.
async fn run(
    conn: &mut SqliteConnection,
    project: &ProjectId,
    statements: &[&'static str],
    left: &mut i64,
) -> Result<bool, Failure> {
    for &statement in statements {
        let done = sqlx::query(statement).bind(project.as_str()).bind(*left).execute(&mut *conn).await?;
        *left -= i64::try_from(done.rows_affected()).unwrap_or(i64::MAX);
        if *left <= 0 {
            return Ok(false);
        }
    }
    Ok(true)
}

impl Store {
    pub(crate) async fn remove_rows(&self, project: &ProjectId) -> Result<bool, StoreError> {
        let project = project.clone();
        self.write_directly("remove", move |conn| Box::pin(async move { remove(conn, &project).await })).await
    }
}
