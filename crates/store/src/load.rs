//! Loads rows into the view that decisions are made on: a whole batch's keys with
//! one statement, and with each row those that a decision on it nearly always
//! wants next. Loading too much costs a little time, loading too little one more
//! round; neither changes a decision.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use domain::attempt::{Owner, StepKey};
use domain::decide::Command;
use domain::id::{ProjectId, TaskId};
use domain::time::Timestamp;
use domain::view::{Key, View};
use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteConnection, SqliteRow};
use sqlx::{Row as _, Sqlite};

use crate::error::Failure;
use crate::row::Rows;
use crate::table::{LOADED, TAG_DEPENDENT, TAG_WAVE, TEXTS};
use crate::{attempts, calls, checkpoints, ledger, operations, outputs, plans, projects, tasks};

/// Rows that [`Key::Descendants`] brings at once. A decision that needs more asks
/// again for the next ones.
const DESCENDANTS_MAX: i64 = 1_000;

/// Call, then task and project, then attempt and accounts: three rounds reach
/// everything that follows.
const ROUNDS: u32 = 3;

/// Keys that are to be loaded, each once.
#[derive(Default)]
pub(crate) struct Wanted {
    keys: HashSet<Key>,
}

impl Wanted {
    /// Whether there is nothing to load.
    pub(crate) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The keys.
    pub(crate) fn take(&mut self) -> Vec<Key> {
        self.keys.drain().collect()
    }

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
    for _ in 0..ROUNDS {
        if wanted.keys.is_empty() {
            return Ok(());
        }
        let asked = Asked::new(wanted.take());
        let behind = descendants(conn, view, &asked.keys).await?;
        let rows = asked.query(TEXTS.load, view, &behind).fetch_all(&mut *conn).await?;
        asked.enter(view, &behind, &rows)?;
        for key in &asked.keys {
            follow(view, key, now, &mut wanted);
        }
    }
    Ok(())
}

/// Keys on their way through the load statement.
pub(crate) struct Asked {
    pub(crate) keys: Vec<Key>,
}

impl Asked {
    pub(crate) const fn new(keys: Vec<Key>) -> Self {
        Self { keys }
    }

    /// `sql` with the keys as its parameters.
    pub(crate) fn query(
        &self,
        sql: &'static str,
        view: &View,
        behind: &[TaskId],
    ) -> Query<'static, Sqlite, SqliteArguments> {
        let mut params: [Rows; TAG_DEPENDENT] = std::array::from_fn(|_| Rows::default());
        for key in &self.keys {
            param(&mut params, key);
        }
        for id in behind.iter().filter(|id| !view.dependents.contains_key(*id)) {
            params[TAG_DEPENDENT - 1].value(id.as_str());
        }
        params.into_iter().fold(sqlx::query(sql), |query, rows| query.bind(rows.finish()))
    }

    /// Enters what was found, and that the rest does not exist.
    pub(crate) fn enter(
        &self,
        view: &mut View,
        behind: &[TaskId],
        rows: &[SqliteRow],
    ) -> Result<(), Failure> {
        for key in &self.keys {
            absent(view, key);
        }
        let mut lists: HashMap<TaskId, Vec<TaskId>> = HashMap::new();
        for row in rows {
            take(view, &mut lists, row)?;
        }
        for id in behind {
            view.dependents.entry(id.clone()).or_default();
        }
        for (id, list) in lists {
            view.dependents.insert(id, Some(Arc::new(list)));
        }
        Ok(())
    }

    /// What a decision that wanted these keys will want next.
    pub(crate) fn next(&self, view: &View, now: Timestamp) -> Wanted {
        let mut wanted = Wanted::default();
        for key in &self.keys {
            follow(view, key, now, &mut wanted);
        }
        wanted
    }
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
fn param(params: &mut [Rows; TAG_DEPENDENT], key: &Key) {
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
        Key::Dependents(id) | Key::Descendants(id) => params[TAG_DEPENDENT - 1].value(id.as_str()),
    }
}

/// Takes one row that `Texts::load` gave into the view, or into the lists of who
/// needs a task.
fn take(view: &mut View, lists: &mut HashMap<TaskId, Vec<TaskId>>, row: &SqliteRow) -> Result<(), Failure> {
    let tag: i64 = row.try_get(0)?;
    let index = usize::try_from(tag - 1).unwrap_or(usize::MAX);
    if index + 1 == TAG_WAVE {
        let mut cursor = tasks::WAVES.cursor(row, 1);
        let key = (ProjectId::new(cursor.text()?), cursor.num()?);
        view.waves.insert(key, Some(cursor.num()?));
        return Ok(());
    }
    let Some(table) = LOADED.get(index) else {
        let prerequisite = TaskId::new(row.try_get::<&str, _>(1)?);
        let task = tasks::read(&mut tasks::TASKS.cursor(row, 2))?;
        lists.entry(prerequisite).or_default().push(task.id.clone());
        // What the batch has changed already is newer than what is stored.
        let known = view.tasks.entry(task.id.clone()).or_default();
        if known.is_none() {
            *known = Some(task);
        }
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

/// Tasks behind those whose descendants are wanted, up to a thousand each. Their
/// lists of dependents are loaded whole: those of the last ones lead further, and
/// are asked for when a decision gets there.
async fn descendants(conn: &mut SqliteConnection, view: &View, keys: &[Key]) -> Result<Vec<TaskId>, Failure> {
    let mut behind = Vec::new();
    for key in keys {
        let Key::Descendants(id) = key else { continue };
        let reached: Vec<String> = sqlx::query_scalar(
            "WITH RECURSIVE behind (id) AS (VALUES ($1) UNION SELECT d.task FROM behind b \
             JOIN dependencies d ON d.prerequisite = b.id LIMIT $2) SELECT id FROM behind",
        )
        .bind(id.as_str())
        .bind(DESCENDANTS_MAX)
        .fetch_all(&mut *conn)
        .await?;
        let unknown = reached.into_iter().map(TaskId::new);
        behind.extend(unknown.filter(|id| !view.dependents.contains_key(id)));
    }
    Ok(behind)
}
