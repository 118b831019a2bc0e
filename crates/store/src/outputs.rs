//! Texts by content hash, published files, and what the next attempt is told.

use std::collections::HashMap;
use std::sync::Arc;

use domain::id::{ProjectId, TaskId};
use domain::ports::StoreError;
use domain::tool::FileEntry;
use domain::view::{Feedback, FeedbackKind, PublishedFile};
use sqlx::Row as _;
use sqlx::sqlite::SqliteConnection;

use crate::error::{Failure, store_error};
use crate::open::Store;
use crate::row::{Cursor, Damaged, Rows};
use crate::table::Table;

pub(crate) const FILES: Table = Table {
    name: "files",
    key: &["project", "path"],
    columns: &["project", "path", "task", "fence", "hash", "bytes", "at"],
};

pub(crate) const FILE_VERSIONS: Table = Table { name: "file_versions", key: &[], columns: FILES.columns };

pub(crate) const FEEDBACK: Table =
    Table { name: "feedback", key: &[], columns: &["task", "kind", "body", "at"] };

/// Blobs are bound as they are, one by one: they are long, their hash must match
/// to the last byte, and they may hold what JSON cannot carry through SQL.
pub(crate) const INSERT_BLOB: &str =
    "INSERT INTO blobs (project, hash, body) VALUES ($1, $2, $3) ON CONFLICT (project, hash) DO NOTHING";

pub(crate) fn write_file(file: &PublishedFile, rows: &mut Rows) {
    rows.begin();
    rows.text(file.project.as_str());
    rows.text(&file.entry.path);
    rows.text(file.task.as_str());
    rows.uint(file.fence);
    rows.text(&file.entry.hash);
    rows.uint(file.entry.bytes);
    rows.time(file.at);
    rows.end();
}

pub(crate) fn read_file(row: &mut Cursor<'_>) -> Result<PublishedFile, Damaged> {
    let project = ProjectId::new(row.text()?);
    let path = row.string()?;
    Ok(PublishedFile {
        project,
        task: TaskId::new(row.text()?),
        fence: row.num()?,
        entry: FileEntry { path, hash: row.string()?, bytes: row.num()? },
        at: row.time()?,
    })
}

pub(crate) fn write_feedback(feedback: &Feedback, rows: &mut Rows) {
    rows.begin();
    rows.text(feedback.task.as_str());
    rows.text(feedback.kind.as_str());
    rows.text(&feedback.text);
    rows.time(feedback.at);
    rows.end();
}

pub(crate) fn read_feedback(row: &mut Cursor<'_>) -> Result<Feedback, Damaged> {
    Ok(Feedback {
        task: TaskId::new(row.text()?),
        kind: row.word(FeedbackKind::parse)?,
        text: row.text()?,
        at: row.time()?,
    })
}

/// Texts of a project by hash; those that are not there are left out.
pub(crate) async fn find_blobs(
    conn: &mut SqliteConnection,
    project: &ProjectId,
    hashes: &[Arc<str>],
) -> Result<HashMap<Arc<str>, Arc<str>>, Failure> {
    if hashes.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = sqlx::query(
        "SELECT hash, body FROM blobs WHERE project = $1 AND hash IN (SELECT value FROM json_each($2))",
    )
    .bind(project.as_str())
    .bind(domain::attempt::write_json(&hashes).to_string())
    .fetch_all(conn)
    .await?;
    let mut found = HashMap::with_capacity(rows.len());
    for row in rows {
        found.insert(row.try_get::<&str, _>(0)?.into(), row.try_get::<&str, _>(1)?.into());
    }
    Ok(found)
}

impl Store {
    /// A text of a project by content hash, if it is there.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn find_blob(&self, project: &ProjectId, hash: &str) -> Result<Option<Arc<str>>, StoreError> {
        let text: Option<String> =
            sqlx::query_scalar("SELECT body FROM blobs WHERE project = $1 AND hash = $2")
                .bind(project.as_str())
                .bind(hash)
                .fetch_optional(self.reader())
                .await
                .map_err(store_error)?;
        Ok(text.map(Arc::from))
    }

    /// Every version that was ever published for a project, oldest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn list_file_versions(&self, project: &ProjectId) -> Result<Vec<PublishedFile>, StoreError> {
        let sql = crate::dialect::cached("list_file_versions", || {
            format!("SELECT {} FROM file_versions WHERE project = $1 ORDER BY id", FILES.list(""))
        });
        let rows =
            sqlx::query(sql).bind(project.as_str()).fetch_all(self.reader()).await.map_err(store_error)?;
        rows.iter().map(|row| read_file(&mut FILE_VERSIONS.cursor(row, 0)).map_err(store_error)).collect()
    }
}
