//! Everything at once, for tests and for checking a whole database against the
//! invariants. Never used while work goes on: it reads every row of projects.

use std::collections::HashMap;
use std::sync::Arc;

use domain::attempt::LedgerEntry;
use domain::event::Event;
use domain::id::TaskId;
use domain::ports::StoreError;
use domain::view::View;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use crate::error::{Failure, store_error};
use crate::open::Store;
use crate::table::Table;
use crate::{attempts, calls, checkpoints, events, ledger, operations, outputs, plans, projects, tasks};

/// All rows that commands work on, and the lists that only grow.
#[derive(Clone, Debug, Default)]
pub struct Dump {
    /// Every row: what is not here does not exist.
    pub view: View,
    /// The whole ledger, oldest first.
    pub ledger: Vec<LedgerEntry>,
    /// All events, by project and number.
    pub events: Vec<Event>,
}

async fn all(
    conn: &mut SqliteConnection,
    name: &'static str,
    table: &'static Table,
    order: &str,
) -> Result<Vec<SqliteRow>, Failure> {
    let sql = crate::dialect::cached(name, || {
        format!("SELECT {} FROM {} ORDER BY {order}", table.list(""), table.name)
    });
    Ok(sqlx::query(sql).fetch_all(conn).await?)
}

async fn dump(conn: &mut SqliteConnection) -> Result<Dump, Failure> {
    let mut dump = Dump::default();
    let view = &mut dump.view;
    view.is_complete = true;
    for row in all(conn, "all_projects", &projects::PROJECTS, "id").await? {
        let project = projects::read(&mut projects::PROJECTS.cursor(&row, 0))?;
        view.projects.insert(project.id.clone(), Some(project));
    }
    for row in all(conn, "all_plans", &plans::PLANS, "id").await? {
        let plan = plans::read(&mut plans::PLANS.cursor(&row, 0))?;
        view.plans.insert(plan.id.clone(), Some(plan));
    }
    let mut dependents: HashMap<TaskId, Vec<TaskId>> = HashMap::new();
    for row in all(conn, "all_tasks", &tasks::TASKS, "id").await? {
        let task = tasks::read(&mut tasks::TASKS.cursor(&row, 0))?;
        dependents.insert(task.id.clone(), Vec::new());
        view.tasks.insert(task.id.clone(), Some(task));
    }
    for row in all(conn, "all_dependencies", &tasks::DEPENDENCIES, "prerequisite, task").await? {
        let mut cursor = tasks::DEPENDENCIES.cursor(&row, 0);
        let task = TaskId::new(cursor.text()?);
        dependents.entry(TaskId::new(cursor.text()?)).or_default().push(task);
    }
    view.dependents = dependents.into_iter().map(|(id, list)| (id, Some(Arc::new(list)))).collect();
    for row in all(conn, "all_waves", &tasks::WAVES, "project, wave").await? {
        let mut cursor = tasks::WAVES.cursor(&row, 0);
        let key = (domain::id::ProjectId::new(cursor.text()?), cursor.num()?);
        view.waves.insert(key, Some(cursor.num()?));
    }
    journal(conn, view).await?;
    for row in all(conn, "all_accounts", &ledger::ACCOUNTS, "key").await? {
        let account = ledger::read_account(&mut ledger::ACCOUNTS.cursor(&row, 0))?;
        view.accounts.insert(Arc::clone(&account.key), Some(account));
    }
    for row in all(conn, "all_files", &outputs::FILES, "project, path").await? {
        let file = outputs::read_file(&mut outputs::FILES.cursor(&row, 0))?;
        let path: Arc<str> = file.entry.path.as_str().into();
        view.files.insert((file.project.clone(), path), Some(file));
    }
    for row in all(conn, "all_ledger", &ledger::LEDGER, "id").await? {
        dump.ledger.push(ledger::read_entry(&mut ledger::LEDGER.cursor(&row, 0))?);
    }
    for row in all(conn, "all_events", &events::EVENTS, "project, seq").await? {
        dump.events.push(events::read(&mut events::EVENTS.cursor(&row, 0))?);
    }
    Ok(dump)
}

async fn journal(conn: &mut SqliteConnection, view: &mut View) -> Result<(), Failure> {
    for row in all(conn, "all_attempts", &attempts::ATTEMPTS, "task, number").await? {
        let attempt = attempts::read_attempt(&mut attempts::ATTEMPTS.cursor(&row, 0))?;
        view.attempts.insert((attempt.task.clone(), attempt.number), Some(attempt));
    }
    for row in all(conn, "all_steps", &attempts::STEPS, "owner, attempt, seq").await? {
        let step = attempts::read_step(&mut attempts::STEPS.cursor(&row, 0))?;
        view.steps.insert(step.key(), Some(step));
    }
    for row in all(conn, "all_calls", &calls::CALLS, "id").await? {
        let call = calls::read(&mut calls::CALLS.cursor(&row, 0))?;
        view.calls.insert(call.id.clone(), Some(call));
    }
    for row in all(conn, "all_operations", &operations::OPERATIONS, "id").await? {
        let operation = operations::read(&mut operations::OPERATIONS.cursor(&row, 0))?;
        view.operations.insert(operation.id.clone(), Some(operation));
    }
    for row in all(conn, "all_checkpoints", &checkpoints::CHECKPOINTS, "id").await? {
        let checkpoint = checkpoints::read(&mut checkpoints::CHECKPOINTS.cursor(&row, 0))?;
        view.checkpoints.insert(checkpoint.id.clone(), Some(checkpoint));
    }
    Ok(())
}

impl Store {
    /// Reads everything that commands work on, in one consistent look.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn dump(&self) -> Result<Dump, StoreError> {
        let mut tx = self.reader().begin().await.map_err(store_error)?;
        dump(&mut tx).await.map_err(store_error)
    }
}
