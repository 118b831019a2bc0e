//! Loads rows into the view that decisions are made on: a whole batch's keys with
//! one statement, and with each row those that a decision on it nearly always
//! wants next. Loading too much costs a little time, loading too little one more
//! round; neither changes a decision.

use std::collections::HashSet;
use std::sync::Arc;

use domain::attempt::{Owner, StepKey};
use domain::decide::Command;
use domain::id::TaskId;
use domain::time::Timestamp;
use domain::view::{Key, View};
use sqlx::Row as _;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use crate::error::Failure;
use crate::row::Rows;
use crate::table::{LOADED, TAG_WAVE, TEXTS};
use crate::{attempts, calls, checkpoints, ledger, operations, outputs, plans, projects, tasks};

/// Rows that [`Key::Descendants`] brings at once. A decision that needs more asks
/// again for the next ones.
const DESCENDANTS_MAX: i64 = 1_000;

/// Keys that are to be loaded, each once.
#[derive(Default)]
pub(crate) struct Wanted {
    keys: HashSet<Key>,
}

impl Wanted {
    /// Adds a key unless the view has it.
    pub(crate) fn add(&mut self, view: &View, key: Key) {
        if !has(view, &key) {
            self.keys.insert(key);
        }
    }

    /// Adds what a command certainly needs.
    pub(crate) fn add_command(&mut self, view: &View, command: &Command) {
        for key in command.needs() {
            self.add(view, key);
        }
    }
}

/// Whether the view knows the row, or that there is none.
fn has(view: &View, key: &Key) -> bool {
    match key {
        Key::Project(id) => view.projects.contains_key(id),
        Key::Plan(id) => view.plans.contains_key(id),
        Key::Task(id) => view.tasks.contains_key(id),
        Key::Dependents(id) | Key::Descendants(id) => view.dependents.contains_key(id),
        Key::Wave(project, wave) => view.waves.contains_key(&(project.clone(), *wave)),
        Key::Attempt(task, number) => view.attempts.contains_key(&(task.clone(), *number)),
        Key::Step(key) => view.steps.contains_key(key),
        Key::Call(id) => view.calls.contains_key(id),
        Key::Operation(id) => view.operations.contains_key(id),
        Key::Checkpoint(id) => view.checkpoints.contains_key(id),
        Key::Account(key) => view.accounts.contains_key(key),
        Key::File(project, path) => view.files.contains_key(&(project.clone(), Arc::clone(path))),
    }
}

/// Loads everything wanted, and what follows from it.
pub(crate) async fn load(
    conn: &mut SqliteConnection,
    view: &mut View,
    mut wanted: Wanted,
    now: Timestamp,
) -> Result<(), Failure> {
    // Call, then task and project, then attempt and accounts: three rounds reach
    // everything that follows.
    for _ in 0..3 {
        if wanted.keys.is_empty() {
            return Ok(());
        }
        let keys: Vec<Key> = wanted.keys.drain().collect();
        load_keys(conn, view, &keys).await?;
        for key in &keys {
            follow(view, key, now, &mut wanted);
        }
    }
    Ok(())
}

/// Names what a decision that wanted this key will want next.
#[expect(clippy::too_many_lines, reason = "one arm per kind of key, flat and exhaustive")]
fn follow(view: &View, key: &Key, now: Timestamp, wanted: &mut Wanted) {
    match key {
        Key::Task(id) => {
            let Some(Some(task)) = view.tasks.get(id) else { return };
            wanted.add(view, Key::Project(task.project.clone()));
            wanted.add(view, Key::Wave(task.project.clone(), task.wave));
            if task.is_attempt_open {
                wanted.add(view, Key::Attempt(id.clone(), task.attempt));
                if task.last_seq > 0 {
                    let owner = Owner::Task(id.clone());
                    let key = StepKey { owner, attempt: task.attempt, seq: task.last_seq };
                    wanted.add(view, Key::Step(key));
                }
            }
            if let Some(call) = &task.call {
                wanted.add(view, Key::Call(call.clone()));
            }
        }
        Key::Operation(id) => {
            let Some(Some(operation)) = view.operations.get(id) else { return };
            wanted.add(view, Key::Project(operation.project.clone()));
            if let Some(call) = &operation.call {
                wanted.add(view, Key::Call(call.clone()));
            }
            if operation.last_seq > 0 {
                let owner = Owner::Operation(id.clone());
                wanted.add(view, Key::Step(StepKey { owner, attempt: 1, seq: operation.last_seq }));
            }
        }
        Key::Call(id) => {
            let Some(Some(call)) = view.calls.get(id) else { return };
            wanted.add(view, Key::Project(call.project.clone()));
            let step = StepKey { owner: call.owner.clone(), attempt: call.attempt, seq: call.seq };
            wanted.add(view, Key::Step(step));
            wanted.add(
                view,
                match &call.owner {
                    Owner::Task(id) => Key::Task(id.clone()),
                    Owner::Operation(id) => Key::Operation(id.clone()),
                },
            );
            for account in &call.accounts {
                wanted.add(view, Key::Account(Arc::clone(account)));
            }
        }
        Key::Project(id) => {
            for money in ["real", "sim"] {
                for account in [
                    format!("{money}/day/{}", now.day()),
                    format!("{money}/month/{}", now.month()),
                    format!("{money}/project/{id}"),
                ] {
                    wanted.add(view, Key::Account(account.into()));
                }
            }
            let Some(Some(project)) = view.projects.get(id) else { return };
            if let Some(operation) = &project.operation {
                wanted.add(view, Key::Operation(operation.clone()));
            }
        }
        Key::Checkpoint(id) => {
            let Some(Some(checkpoint)) = view.checkpoints.get(id) else { return };
            if let Some(task) = &checkpoint.task {
                wanted.add(view, Key::Task(task.clone()));
            }
        }
        Key::Dependents(_)
        | Key::Descendants(_)
        | Key::Plan(_)
        | Key::Wave(..)
        | Key::Attempt(..)
        | Key::Step(_)
        | Key::Account(_)
        | Key::File(..) => {}
    }
}

/// Loads exactly these keys.
async fn load_keys(conn: &mut SqliteConnection, view: &mut View, keys: &[Key]) -> Result<(), Failure> {
    let mut params: [Rows; TAG_WAVE] = std::array::from_fn(|_| Rows::default());
    let mut has_single = false;
    for key in keys {
        match key {
            Key::Dependents(id) => load_dependents(conn, view, id, 1).await?,
            Key::Descendants(id) => load_dependents(conn, view, id, DESCENDANTS_MAX).await?,
            single => {
                absent(view, single);
                param(&mut params, single);
                has_single = true;
            }
        }
    }
    if !has_single {
        return Ok(());
    }
    let mut query = sqlx::query(TEXTS.load);
    for rows in params {
        query = query.bind(rows.finish());
    }
    for row in query.fetch_all(conn).await? {
        let tag: i64 = row.try_get(0)?;
        take(view, tag, &row)?;
    }
    Ok(())
}

/// Notes that a row was looked up; finding it replaces this.
fn absent(view: &mut View, key: &Key) {
    match key.clone() {
        Key::Project(id) => {
            view.projects.entry(id).or_default();
        }
        Key::Plan(id) => {
            view.plans.entry(id).or_default();
        }
        Key::Task(id) => {
            view.tasks.entry(id).or_default();
        }
        Key::Dependents(id) | Key::Descendants(id) => {
            view.dependents.entry(id).or_default();
        }
        Key::Wave(project, wave) => {
            view.waves.entry((project, wave)).or_default();
        }
        Key::Attempt(task, number) => {
            view.attempts.entry((task, number)).or_default();
        }
        Key::Step(key) => {
            view.steps.entry(key).or_default();
        }
        Key::Call(id) => {
            view.calls.entry(id).or_default();
        }
        Key::Operation(id) => {
            view.operations.entry(id).or_default();
        }
        Key::Checkpoint(id) => {
            view.checkpoints.entry(id).or_default();
        }
        Key::Account(key) => {
            view.accounts.entry(key).or_default();
        }
        Key::File(project, path) => {
            view.files.entry((project, path)).or_default();
        }
    }
}

/// Adds a key to the parameter of its table: a value, or an array of values in
/// the order of the table's key.
fn param(params: &mut [Rows; TAG_WAVE], key: &Key) {
    match key {
        Key::Project(id) => params[0].value(id.as_str()),
        Key::Plan(id) => params[1].value(id.as_str()),
        Key::Task(id) => params[2].value(id.as_str()),
        Key::Call(id) => params[3].value(id.as_str()),
        Key::Operation(id) => params[4].value(id.as_str()),
        Key::Checkpoint(id) => params[5].value(id.as_str()),
        Key::Account(key) => params[6].value(key),
        Key::Attempt(task, number) => {
            params[7].begin();
            params[7].text(task.as_str());
            params[7].int((*number).into());
            params[7].end();
        }
        Key::Step(key) => {
            params[8].begin();
            params[8].text(key.owner.as_str());
            params[8].int(key.attempt.into());
            params[8].int(key.seq.into());
            params[8].text(attempts::owner_kind(&key.owner));
            params[8].end();
        }
        Key::File(project, path) => {
            params[9].begin();
            params[9].text(project.as_str());
            params[9].text(path);
            params[9].end();
        }
        Key::Wave(project, wave) => {
            params[10].begin();
            params[10].text(project.as_str());
            params[10].int((*wave).into());
            params[10].end();
        }
        Key::Dependents(_) | Key::Descendants(_) => {}
    }
}

/// Takes one row that `Texts::load` gave into the view.
fn take(view: &mut View, tag: i64, row: &SqliteRow) -> Result<(), Failure> {
    let table = usize::try_from(tag - 1).ok().and_then(|index| LOADED.get(index));
    let Some(table) = table else {
        let mut cursor = tasks::WAVES.cursor(row, 1);
        let project = domain::id::ProjectId::new(cursor.text()?);
        let key = (project, cursor.num()?);
        view.waves.insert(key, Some(cursor.num()?));
        return Ok(());
    };
    let mut cursor = table.cursor(row, 1);
    match tag {
        1 => {
            let project = projects::read(&mut cursor)?;
            view.projects.insert(project.id.clone(), Some(project));
        }
        2 => {
            let plan = plans::read(&mut cursor)?;
            view.plans.insert(plan.id.clone(), Some(plan));
        }
        3 => {
            let task = tasks::read(&mut cursor)?;
            view.tasks.insert(task.id.clone(), Some(task));
        }
        4 => {
            let call = calls::read(&mut cursor)?;
            view.calls.insert(call.id.clone(), Some(call));
        }
        5 => {
            let operation = operations::read(&mut cursor)?;
            view.operations.insert(operation.id.clone(), Some(operation));
        }
        6 => {
            let checkpoint = checkpoints::read(&mut cursor)?;
            view.checkpoints.insert(checkpoint.id.clone(), Some(checkpoint));
        }
        7 => {
            let account = ledger::read_account(&mut cursor)?;
            view.accounts.insert(Arc::clone(&account.key), Some(account));
        }
        8 => {
            let attempt = attempts::read_attempt(&mut cursor)?;
            view.attempts.insert((attempt.task.clone(), attempt.number), Some(attempt));
        }
        9 => {
            let step = attempts::read_step(&mut cursor)?;
            view.steps.insert(step.key(), Some(step));
        }
        _ => {
            let file = outputs::read_file(&mut cursor)?;
            let path: Arc<str> = file.entry.path.as_str().into();
            view.files.insert((file.project.clone(), path), Some(file));
        }
    }
    Ok(())
}

/// Loads the list of who needs a task and their rows, for the task itself and for
/// up to `tasks_max` tasks from it on.
///
/// A list is only entered when it is whole: lists of tasks at the edge are asked
/// for again, one further on.
async fn load_dependents(
    conn: &mut SqliteConnection,
    view: &mut View,
    id: &TaskId,
    tasks_max: i64,
) -> Result<(), Failure> {
    let reached: Vec<String> = if tasks_max == 1 {
        vec![id.as_str().to_owned()]
    } else {
        sqlx::query_scalar(
            "WITH RECURSIVE behind (id) AS (VALUES ($1) UNION SELECT d.task FROM behind b \
             JOIN dependencies d ON d.prerequisite = b.id LIMIT $2) SELECT id FROM behind",
        )
        .bind(id.as_str())
        .bind(tasks_max)
        .fetch_all(&mut *conn)
        .await?
    };
    let sql = crate::dialect::cached("dependents", || {
        // LEFT JOIN: a dependency without its task is a defect to be named.
        format!(
            "SELECT d.prerequisite, {} FROM dependencies d LEFT JOIN tasks t ON t.id = d.task \
             WHERE d.prerequisite IN (SELECT value FROM json_each($1)) ORDER BY d.prerequisite, t.place",
            tasks::TASKS.list("t.")
        )
    });
    let rows = sqlx::query(sql)
        .bind(domain::attempt::write_json(&reached).to_string())
        .fetch_all(&mut *conn)
        .await?;
    let mut lists: std::collections::HashMap<TaskId, Vec<TaskId>> =
        reached.into_iter().map(|id| (TaskId::new(id), Vec::new())).collect();
    for row in &rows {
        let prerequisite: &str = row.try_get(0)?;
        let task = tasks::read(&mut tasks::TASKS.cursor(row, 1))?;
        lists.entry(TaskId::new(prerequisite)).or_default().push(task.id.clone());
        // What the batch has changed already is newer than what is stored.
        view.tasks.entry(task.id.clone()).or_insert(Some(task));
    }
    for (id, list) in lists {
        view.dependents.entry(id).or_insert_with(|| Some(Arc::new(list)));
    }
    Ok(())
}
