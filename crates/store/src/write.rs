//! Writes what a batch of decisions changed: one statement per table whatever
//! the number of rows, and all of them, with the commit, in one trip to the
//! database: a trip costs more than most statements.

use domain::view::{Bulk, CALLED_OFF, Changes, PublishedFile};
use sqlx::sqlite::SqliteConnection;

use crate::dialect::COMMIT;
use crate::error::Failure;
use crate::row::Rows;
use crate::table::{HOT, RARE, TEXTS};
use crate::{attempts, calls, checkpoints, events, ledger, operations, outputs, plans, projects, tasks};

/// What a batch has decided and not written yet.
#[derive(Default)]
pub(crate) struct Pending {
    /// Merged: a row that changed twice is written once.
    pub(crate) changes: Changes,
    /// Every published version, also those that were replaced meanwhile.
    versions: Vec<PublishedFile>,
}

impl Pending {
    /// Adds a later decision's changes.
    pub(crate) fn add(&mut self, later: Changes) {
        let from = self.versions.len();
        self.versions.extend(later.files.values().cloned());
        self.versions[from..].sort_by(|a, b| a.entry.path.cmp(&b.entry.path));
        self.changes.merge(later);
    }
}

/// What follows the rows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// More.
    Open,
    /// The commit, in the same trip to the database.
    Commit,
}

/// Carries out bulk changes and writes everything else. Bulk changes come first.
pub(crate) async fn write(conn: &mut SqliteConnection, pending: &Pending, end: End) -> Result<(), Failure> {
    let changes = &pending.changes;
    for bulk in &changes.bulk {
        write_bulk(conn, bulk).await?;
    }
    for blob in changes.blobs.iter().filter(|blob| !outputs::is_inline(blob)) {
        sqlx::query(outputs::INSERT_BLOB)
            .bind(blob.project.as_str())
            .bind(&*blob.hash)
            .bind(&*blob.text)
            .execute(&mut *conn)
            .await?;
    }
    let (hot, rare) = (hot(changes), rare(pending));
    let has_hot = hot.iter().any(|rows| !rows.is_empty());
    let has_rare = rare.iter().any(|rows| !rows.is_empty());
    let sql = match (has_rare, has_hot, end) {
        (true, _, End::Commit) => TEXTS.commit_all,
        (true, _, End::Open) => TEXTS.write_all,
        (false, true, End::Commit) => TEXTS.commit_hot,
        (false, true, End::Open) => TEXTS.write_hot,
        (false, false, End::Commit) => COMMIT,
        (false, false, End::Open) => return Ok(()),
    };
    let mut query = sqlx::query(sql);
    if has_hot || has_rare {
        for rows in hot {
            query = query.bind(rows.finish());
        }
    }
    if has_rare {
        for rows in rare {
            query = query.bind(rows.finish());
        }
    }
    query.execute(conn).await?;
    Ok(())
}

/// Parameters of [`HOT`], in its order.
fn hot(changes: &Changes) -> [Rows; HOT.len()] {
    let mut params: [Rows; HOT.len()] = std::array::from_fn(|_| Rows::default());
    let [projects, tasks, attempts, steps, calls, accounts, ledger, events, blobs] = &mut params;
    for row in changes.projects.values() {
        projects::write(row, projects);
    }
    for row in changes.tasks.values() {
        tasks::write(row, tasks);
    }
    for row in changes.attempts.values() {
        attempts::write_attempt(row, attempts);
    }
    for row in changes.steps.values() {
        attempts::write_step(row, steps);
    }
    for row in changes.calls.values() {
        calls::write(row, calls);
    }
    for row in changes.accounts.values() {
        ledger::write_account(row, accounts);
    }
    for row in &changes.ledger {
        ledger::write_entry(row, ledger);
    }
    for row in &changes.events {
        events::write(row, events);
    }
    for blob in changes.blobs.iter().filter(|blob| outputs::is_inline(blob)) {
        outputs::write_blob(blob, blobs);
    }
    params
}

/// Parameters of [`RARE`], in its order.
fn rare(pending: &Pending) -> [Rows; RARE.len()] {
    let changes = &pending.changes;
    let mut params: [Rows; RARE.len()] = std::array::from_fn(|_| Rows::default());
    let [plans, specs, dependencies, waves, operations, checkpoints, files, versions, feedback] = &mut params;
    for row in changes.plans.values() {
        plans::write(row, plans);
    }
    for (task, spec) in &changes.task_specs {
        tasks::write_spec(task, spec, specs);
    }
    for (task, prerequisite) in &changes.dependencies {
        dependencies.begin();
        dependencies.text(task.as_str());
        dependencies.text(prerequisite.as_str());
        dependencies.end();
    }
    for ((project, wave), holding) in &changes.waves {
        waves.begin();
        waves.text(project.as_str());
        waves.int((*wave).into());
        waves.int((*holding).into());
        waves.end();
    }
    for row in changes.operations.values() {
        operations::write(row, operations);
    }
    for row in changes.checkpoints.values() {
        checkpoints::write(row, checkpoints);
    }
    for row in changes.files.values() {
        outputs::write_file(row, files);
    }
    for row in &pending.versions {
        outputs::write_file(row, versions);
    }
    for row in &changes.feedback {
        outputs::write_feedback(row, feedback);
    }
    params
}

/// Does to all rows what `View::apply_bulk` does to those at hand.
async fn write_bulk(conn: &mut SqliteConnection, bulk: &Bulk) -> Result<(), Failure> {
    let (which, id, at) = match bulk {
        Bulk::ArchiveTasks { plan, at } => {
            ("plan = $1 AND project = (SELECT project FROM plans WHERE id = $1)", plan.as_str(), at)
        }
        Bulk::CancelTasks { project, at } => ("project = $1", project.as_str(), at),
    };
    let meant = format!("{which} AND state NOT IN ('completed', 'failed', 'cancelled', 'skipped')");
    // Questions and attempts first: afterwards the tasks cannot be told apart.
    let statements = [
        format!(
            "UPDATE checkpoints SET resolution = 'fail', response = '{CALLED_OFF}', resolved_at = $2 \
             WHERE resolved_at IS NULL AND task IN (SELECT id FROM tasks WHERE {meant})"
        ),
        format!(
            "UPDATE attempts SET state = 'cancelled', ended_at = $2 \
             WHERE ended_at IS NULL AND task IN (SELECT id FROM tasks WHERE {meant})"
        ),
        format!(
            "UPDATE tasks SET state = 'cancelled', fence = fence + 1, is_attempt_open = 0, checkpoint = NULL, \
             wait_reason = NULL, wait_since = NULL, wake_at = NULL, claimed_by = NULL, lease_until = NULL, \
             updated_at = $2 WHERE {meant}"
        ),
    ];
    for sql in statements {
        sqlx::query(sqlx::AssertSqlSafe(sql)).bind(id).bind(at.0).execute(&mut *conn).await?;
    }
    if let Bulk::CancelTasks { project, .. } = bulk {
        sqlx::query("UPDATE waves SET holding = 0 WHERE project = $1")
            .bind(project.as_str())
            .execute(conn)
            .await?;
    }
    Ok(())
}
