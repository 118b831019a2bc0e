//! The engine's port onto the store. Commands go to the writer, everything else
//! is read on connections of its own.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use domain::attempt::{Attempt, Owner, Step};
use domain::decide::Envelope;
use domain::id::{OperationId, ProjectId, TaskId};
use domain::ports::{
    Applied, LeftOver, Offer, OperationRows, PrerequisiteRow, ProjectStore, ReadyQuery, StoreError, TaskRows,
};
use domain::project::Dispatch;
use domain::task::{Task, TaskState};
use domain::time::Timestamp;
use domain::tool::FileEntry;
use domain::view::Feedback;
use sqlx::Row as _;
use sqlx::sqlite::SqliteConnection;
use tokio::sync::oneshot;

use crate::attempts::{ATTEMPTS, STEPS, owner_kind, owner_of, read_attempt, read_step};
use crate::error::{Failure, store_error};
use crate::open::{Store, closed};
use crate::outputs::{FEEDBACK, FILES, find_blobs, read_feedback, read_file};
use crate::projects::PROJECTS;
use crate::tasks::{TASK_SPECS, TASKS, read_spec};
use crate::writer::Job;
use crate::{dialect, operations, projects, tasks};

#[async_trait]
impl ProjectStore for Store {
    async fn apply(&self, commands: Vec<Envelope>) -> Vec<Result<Applied, StoreError>> {
        let count = commands.len();
        if count == 0 {
            return Vec::new();
        }
        let (reply, answer) = oneshot::channel();
        if self.submit(Job::Submit(commands, reply)).await.is_ok()
            && let Ok(answers) = answer.await
        {
            return answers;
        }
        (0..count).map(|_| Err(closed())).collect()
    }

    async fn ready(&self, query: ReadyQuery) -> Result<Vec<Offer>, StoreError> {
        self.find_ready(query).await
    }

    async fn next_wake(&self, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        self.find_next_wake(now).await
    }

    async fn expired_leases(&self, now: Timestamp) -> Result<Vec<TaskId>, StoreError> {
        self.find_expired_leases(now).await
    }

    async fn left_over(&self) -> Result<LeftOver, StoreError> {
        let mut tx = self.reader().begin().await.map_err(store_error)?;
        left_over(&mut tx).await.map_err(store_error)
    }

    async fn task_rows(&self, task: &TaskId) -> Result<Option<TaskRows>, StoreError> {
        let mut tx = self.reader().begin().await.map_err(store_error)?;
        task_rows(&mut tx, task).await.map_err(store_error)
    }

    async fn operation_rows(&self, operation: &OperationId) -> Result<Option<OperationRows>, StoreError> {
        let mut tx = self.reader().begin().await.map_err(store_error)?;
        operation_rows(&mut tx, operation).await.map_err(store_error)
    }

    async fn blobs(&self, project: &ProjectId, hashes: &[Arc<str>]) -> Result<Vec<Arc<str>>, StoreError> {
        let mut conn = self.reader().acquire().await.map_err(store_error)?;
        let found = find_blobs(&mut conn, project, hashes).await.map_err(store_error)?;
        hashes
            .iter()
            .map(|hash| {
                let text = found.get(hash).cloned();
                text.ok_or_else(|| StoreError::Broken(format!("text {hash} of project {project} is missing")))
            })
            .collect()
    }

    async fn manifest(&self, project: &ProjectId) -> Result<Vec<FileEntry>, StoreError> {
        let sql = dialect::cached("manifest", || {
            format!("SELECT {} FROM files WHERE project = $1 ORDER BY path", FILES.list(""))
        });
        let rows =
            sqlx::query(sql).bind(project.as_str()).fetch_all(self.reader()).await.map_err(store_error)?;
        rows.iter()
            .map(|row| read_file(&mut FILES.cursor(row, 0)).map(|file| file.entry).map_err(store_error))
            .collect()
    }

    async fn remove_some(&self, project: &ProjectId) -> Result<bool, StoreError> {
        self.remove_rows(project).await
    }
}

impl Store {
    /// How tasks are dispatched where the project does not say.
    pub(crate) fn dispatch(&self) -> Dispatch {
        self.policy().dispatch
    }
}

async fn left_over(conn: &mut SqliteConnection) -> Result<LeftOver, Failure> {
    let mut left = LeftOver::default();
    // UNION: an owner with several reasons is named once.
    let owners = sqlx::query(
        "SELECT 'task', id FROM tasks WHERE state IN ('running', 'verifying') AND claimed_by IS NULL \
         UNION SELECT owner_kind, owner FROM calls WHERE state = 'intent' ORDER BY 2",
    )
    .fetch_all(&mut *conn)
    .await?;
    for row in owners {
        let (kind, id): (&str, &str) = (row.try_get(0)?, row.try_get(1)?);
        let owner = owner_of(kind, id.into());
        left.owners.push(owner.ok_or_else(|| Failure::Guilty(format!("a call belongs to a `{kind}`")))?);
    }
    let ids = |sql: &'static str| sqlx::query_scalar::<_, String>(sql);
    let operations = ids("SELECT id FROM operations WHERE state = 'running' ORDER BY id");
    left.operations = operations.fetch_all(&mut *conn).await?.into_iter().map(OperationId::new).collect();
    let executing = ids("SELECT id FROM projects WHERE state = 'executing' AND is_deleted = 0 ORDER BY id");
    left.executing = executing.fetch_all(&mut *conn).await?.into_iter().map(ProjectId::new).collect();
    let unpublished = ids("SELECT id FROM projects WHERE has_unpublished = 1 AND is_deleted = 0 ORDER BY id");
    left.unpublished = unpublished.fetch_all(&mut *conn).await?.into_iter().map(ProjectId::new).collect();
    let deleted = ids("SELECT id FROM projects WHERE is_deleted = 1 ORDER BY id");
    left.deleted = deleted.fetch_all(&mut *conn).await?.into_iter().map(ProjectId::new).collect();
    Ok(left)
}

async fn task_rows(conn: &mut SqliteConnection, id: &TaskId) -> Result<Option<TaskRows>, Failure> {
    let sql = dialect::cached("task_rows", || {
        format!(
            "SELECT {}, {}, {}, coalesce(l.summary, '') FROM tasks t JOIN projects p ON p.id = t.project \
             LEFT JOIN task_specs s ON s.task = t.id LEFT JOIN plans l ON l.id = p.approved_plan \
             WHERE t.id = $1",
            TASKS.list("t."),
            TASK_SPECS.list("s."),
            PROJECTS.list("p.")
        )
    });
    let row = sqlx::query(sql).bind(id.as_str()).fetch_optional(&mut *conn).await?;
    let Some(row) = row else { return Ok(None) };
    let task = tasks::read(&mut TASKS.cursor(&row, 0))?;
    let mut first = TASKS.columns.len();
    let (_, spec) = read_spec(&mut TASK_SPECS.cursor(&row, first))?;
    first += TASK_SPECS.columns.len();
    let mut cursor = PROJECTS.cursor(&row, first);
    let project = projects::read(&mut cursor)?;
    let plan_summary = cursor.text()?;
    let prerequisites = prerequisites(conn, &task).await?;
    let feedback = feedback(conn, id).await?;
    let (mut attempt, mut steps) = (None, Vec::new());
    // A person who reviews an output accepts the files of its attempt, too.
    if task.is_attempt_open || task.state == TaskState::NeedsReview {
        attempt = find_attempt(conn, &task).await?;
        steps = find_steps(conn, &Owner::Task(id.clone()), task.attempt).await?;
    }
    Ok(Some(TaskRows { task, spec, project, plan_summary, prerequisites, feedback, attempt, steps }))
}

async fn prerequisites(conn: &mut SqliteConnection, task: &Task) -> Result<Vec<PrerequisiteRow>, Failure> {
    let sql = dialect::cached("prerequisites", || {
        format!(
            "SELECT b.body, {} FROM dependencies d JOIN tasks t ON t.id = d.prerequisite \
             LEFT JOIN blobs b ON b.project = t.project AND b.hash = t.output_hash \
             WHERE d.task = $1 ORDER BY t.place",
            TASKS.list("t.")
        )
    });
    let rows = sqlx::query(sql).bind(task.id.as_str()).fetch_all(&mut *conn).await?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let mut files = published_by_prerequisites(conn, task).await?;
    let mut found = Vec::with_capacity(rows.len());
    for row in &rows {
        let prerequisite = tasks::read(&mut TASKS.cursor(row, 1))?;
        found.push(PrerequisiteRow {
            files: files.remove(&prerequisite.id).unwrap_or_default(),
            id: prerequisite.id,
            title: prerequisite.title,
            state: prerequisite.state,
            output: row.try_get::<Option<&str>, _>(0)?.map(Arc::from),
        });
    }
    Ok(found)
}

/// The latest version that each prerequisite itself published of each path.
async fn published_by_prerequisites(
    conn: &mut SqliteConnection,
    task: &Task,
) -> Result<HashMap<TaskId, Vec<FileEntry>>, Failure> {
    let sql = dialect::cached("prerequisite_files", || {
        format!(
            "SELECT {} FROM dependencies d JOIN file_versions v ON v.task = d.prerequisite \
             WHERE d.task = $1 AND v.id = (SELECT max(l.id) FROM file_versions l \
             WHERE l.task = v.task AND l.path = v.path) ORDER BY v.path",
            FILES.list("v.")
        )
    });
    let rows = sqlx::query(sql).bind(task.id.as_str()).fetch_all(conn).await?;
    let mut files: HashMap<TaskId, Vec<FileEntry>> = HashMap::new();
    for row in &rows {
        let file = read_file(&mut FILES.cursor(row, 0))?;
        files.entry(file.task).or_default().push(file.entry);
    }
    Ok(files)
}

async fn feedback(conn: &mut SqliteConnection, task: &TaskId) -> Result<Vec<Feedback>, Failure> {
    let sql = dialect::cached("feedback", || {
        format!("SELECT {} FROM feedback WHERE task = $1 ORDER BY id", FEEDBACK.list(""))
    });
    let rows = sqlx::query(sql).bind(task.as_str()).fetch_all(conn).await?;
    rows.iter().map(|row| Ok(read_feedback(&mut FEEDBACK.cursor(row, 0))?)).collect()
}

async fn find_attempt(conn: &mut SqliteConnection, task: &Task) -> Result<Option<Attempt>, Failure> {
    let sql = dialect::cached("find_attempt", || {
        format!("SELECT {} FROM attempts WHERE task = $1 AND number = $2", ATTEMPTS.list(""))
    });
    let row = sqlx::query(sql).bind(task.id.as_str()).bind(task.attempt).fetch_optional(conn).await?;
    row.map(|row| Ok(read_attempt(&mut ATTEMPTS.cursor(&row, 0))?)).transpose()
}

async fn find_steps(conn: &mut SqliteConnection, owner: &Owner, attempt: u32) -> Result<Vec<Step>, Failure> {
    let sql = dialect::cached("find_steps", || {
        format!(
            "SELECT {} FROM steps WHERE owner = $1 AND owner_kind = $2 AND attempt = $3 ORDER BY seq",
            STEPS.list("")
        )
    });
    let rows =
        sqlx::query(sql).bind(owner.as_str()).bind(owner_kind(owner)).bind(attempt).fetch_all(conn).await?;
    rows.iter().map(|row| Ok(read_step(&mut STEPS.cursor(row, 0))?)).collect()
}

async fn operation_rows(
    conn: &mut SqliteConnection,
    id: &OperationId,
) -> Result<Option<OperationRows>, Failure> {
    let sql = dialect::cached("operation_rows", || {
        format!(
            "SELECT {}, {} FROM operations o JOIN projects p ON p.id = o.project WHERE o.id = $1",
            operations::OPERATIONS.list("o."),
            PROJECTS.list("p.")
        )
    });
    let row = sqlx::query(sql).bind(id.as_str()).fetch_optional(&mut *conn).await?;
    let Some(row) = row else { return Ok(None) };
    let operation = operations::read(&mut operations::OPERATIONS.cursor(&row, 0))?;
    let project = projects::read(&mut PROJECTS.cursor(&row, operations::OPERATIONS.columns.len()))?;
    let steps = find_steps(conn, &Owner::Operation(id.clone()), 1).await?;
    Ok(Some(OperationRows { operation, project, steps }))
}
