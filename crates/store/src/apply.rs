//! The one write path: a batch of submissions is decided and committed in one
//! transaction. Each command is carried out or refused by itself; a submission
//! with a defect is kept apart from the others; nobody is told of success before
//! the commit has returned.
//!
//! The view is kept from batch to batch as a cache: this connection is nearly
//! always the only writer, and the database says when it was not.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use domain::decide::{Decision, Envelope, Knowledge, Stop, TaskEnd, decide};
use domain::id::ProjectId;
use domain::policy::Policy;
use domain::ports::{Applied, IdSource, StoreError};
use domain::time::Timestamp;
use domain::view::{Changes, Key, View};
use sqlx::Row as _;
use sqlx::sqlite::SqliteConnection;

use crate::crash::kind_of;
use crate::crash_point;
use crate::dialect::{BEGIN, COMMIT, ROLLBACK};
use crate::error::{Failure, is_busy};
use crate::load::{Wanted, load};
use crate::write::{Pending, write};

/// How often a decision may ask for more rows.
const ROUNDS_MAX: u32 = 2_000;

/// Waves that are loaded when a decision looks for the next one that is open.
const WAVES_AHEAD: u32 = 256;

/// Rows that the cache may hold; more, and it starts anew.
const CACHE_ROWS_MAX: usize = 50_000;

/// How often the beginning of a transaction waits for another process, five
/// seconds each.
const BUSY_TRIES: u32 = 6;

/// What one submission gets.
pub(crate) type Answers = Vec<Result<Applied, StoreError>>;

/// What a committed batch leaves.
pub(crate) struct Committed {
    /// Per submission, in their order.
    pub(crate) answers: Vec<Answers>,
    /// Projects that have new events.
    pub(crate) changed: Vec<ProjectId>,
}

/// The writer's memory.
pub(crate) struct Applier {
    view: View,
    /// What `PRAGMA data_version` said last.
    version: Option<i64>,
    /// Whether another connection has written since somebody asked.
    pub(crate) is_changed_outside: bool,
}

impl Applier {
    /// Nothing is known yet.
    pub(crate) fn new() -> Self {
        Self { view: View::default(), version: None, is_changed_outside: false }
    }

    /// Forgets all rows, because they were changed behind the view's back.
    pub(crate) fn forget(&mut self) {
        self.view = View::default();
    }

    /// Begins a transaction, also when another process writes just now.
    pub(crate) async fn begin(&mut self, conn: &mut SqliteConnection) -> Result<(), Failure> {
        let mut tries = 0;
        let row = loop {
            tries += 1;
            match sqlx::query(BEGIN).fetch_all(&mut *conn).await {
                Ok(rows) => break rows.into_iter().next(),
                Err(error) if is_busy(&error) && tries < BUSY_TRIES => {
                    tracing::warn!(tries, "another process writes to the database; waiting for it");
                }
                Err(error) => return Err(error.into()),
            }
        };
        let version: i64 =
            row.ok_or_else(|| Failure::Unavailable("no answer to BEGIN".to_owned()))?.try_get(0)?;
        self.saw_version(version);
        Ok(())
    }

    /// Compares what the database says about other writers with the last time.
    pub(crate) fn saw_version(&mut self, version: i64) {
        if self.version.replace(version).is_some_and(|earlier| earlier != version) {
            self.forget();
            self.is_changed_outside = true;
        }
    }

    /// Decides on a batch and commits it.
    pub(crate) async fn commit(
        &mut self,
        conn: &mut SqliteConnection,
        rules: &mut Rules,
        submissions: &[Vec<Envelope>],
    ) -> Result<Committed, Failure> {
        let kinds = || submissions.iter().flatten().map(|envelope| kind_of(&envelope.command));
        kinds().for_each(|kind| crash_point!("before_begin", kind));
        self.begin(conn).await?;
        let result = self.decide_all(conn, rules, submissions, kinds).await;
        match result {
            Ok(committed) => {
                kinds().for_each(|kind| crash_point!("after_commit", kind));
                Ok(committed)
            }
            Err(failure) => {
                self.forget();
                rollback(conn).await;
                Err(failure)
            }
        }
    }

    async fn decide_all<'k, I: Iterator<Item = &'static str> + 'k>(
        &mut self,
        conn: &mut SqliteConnection,
        rules: &mut Rules,
        submissions: &[Vec<Envelope>],
        kinds: impl Fn() -> I,
    ) -> Result<Committed, Failure> {
        self.prefetch(conn, rules.now, submissions).await?;
        let mut pending = Pending::default();
        let mut changed = Vec::new();
        let mut answers = Vec::with_capacity(submissions.len());
        for submission in submissions {
            let mut own = Vec::with_capacity(submission.len());
            for envelope in submission {
                match self.decide_one(conn, rules, envelope).await? {
                    Ok(decision) => {
                        own.push(Ok(Applied { outcome: decision.outcome, follow_ups: decision.follow_ups }));
                        self.view.apply(&decision.changes);
                        note_projects(&decision.changes, &mut changed);
                        if !decision.changes.bulk.is_empty() {
                            // Bulk changes act on what is stored.
                            let stored = std::mem::take(&mut pending);
                            write(conn, &stored).await?;
                        }
                        pending.add(decision.changes);
                    }
                    Err(refusal) => own.push(Err(StoreError::Refused(refusal))),
                }
            }
            answers.push(own);
        }
        write(conn, &pending).await?;
        kinds().for_each(|kind| crash_point!("before_commit", kind));
        sqlx::query(COMMIT).execute(&mut *conn).await?;
        self.evict(&pending.changes);
        Ok(Committed { answers, changed })
    }

    /// Loads what the batch certainly needs with as few statements as possible.
    async fn prefetch(
        &mut self,
        conn: &mut SqliteConnection,
        now: Timestamp,
        submissions: &[Vec<Envelope>],
    ) -> Result<(), Failure> {
        let mut wanted = Wanted::default();
        for envelope in submissions.iter().flatten() {
            wanted.add_command(&self.view, &envelope.command);
        }
        load(conn, &mut self.view, wanted, now).await?;
        let mut files = Wanted::default();
        for envelope in submissions.iter().flatten() {
            let domain::decide::Command::FinishTask(finish) = &envelope.command else { continue };
            let TaskEnd::Complete { files: entries, .. } = &finish.end else { continue };
            let Some(Some(task)) = self.view.tasks.get(&finish.task) else { continue };
            for entry in entries {
                files.add(&self.view, Key::File(task.project.clone(), entry.path.as_str().into()));
            }
        }
        load(conn, &mut self.view, files, now).await
    }

    /// Decides on one command, loading what it asks for.
    async fn decide_one(
        &mut self,
        conn: &mut SqliteConnection,
        rules: &mut Rules,
        envelope: &Envelope,
    ) -> Result<Result<Decision, domain::refusal::Refusal>, Failure> {
        for _ in 0..ROUNDS_MAX {
            let knowledge = Knowledge { now: rules.now, policy: &rules.policy, ids: &mut *rules.ids };
            // A panic in a rule must not take the only writer with it.
            let decided = catch_unwind(AssertUnwindSafe(|| decide(&self.view, envelope, knowledge)));
            match decided {
                Ok(Ok(decision)) => return Ok(Ok(decision)),
                Ok(Err(Stop::Refused(refusal))) => return Ok(Err(refusal)),
                Ok(Err(Stop::Broken(text))) => return Err(Failure::Guilty(text)),
                Ok(Err(Stop::Missing(key))) => self.load_missing(conn, key, rules.now).await?,
                Err(_) => {
                    let kind = kind_of(&envelope.command);
                    return Err(Failure::Guilty(format!("the rule for {kind} panicked")));
                }
            }
        }
        let kind = kind_of(&envelope.command);
        Err(Failure::Guilty(format!("{kind} asked for rows {ROUNDS_MAX} times")))
    }

    async fn load_missing(
        &mut self,
        conn: &mut SqliteConnection,
        key: Key,
        now: Timestamp,
    ) -> Result<(), Failure> {
        let mut wanted = Wanted::default();
        if let Key::Wave(project, wave) = &key {
            for ahead in 1..WAVES_AHEAD {
                wanted.add(&self.view, Key::Wave(project.clone(), wave.saturating_add(ahead)));
            }
        }
        wanted.add(&self.view, key);
        load(conn, &mut self.view, wanted, now).await
    }

    /// Lets go of rows that are not likely to be wanted again: the cache holds
    /// what is going on, not what is done.
    fn evict(&mut self, changes: &Changes) {
        let view = &mut self.view;
        for (key, step) in &changes.steps {
            if step.result.is_some() {
                view.steps.remove(key);
            }
        }
        for (id, call) in &changes.calls {
            if call.state != domain::attempt::CallState::Intent {
                view.calls.remove(id);
            }
        }
        for (id, task) in &changes.tasks {
            if task.state.is_final() {
                view.tasks.remove(id);
                view.dependents.remove(id);
            }
        }
        for (key, attempt) in &changes.attempts {
            if attempt.ended_at.is_some() {
                view.attempts.remove(key);
            }
        }
        view.plans.clear();
        view.files.clear();
        view.checkpoints.clear();
        let rows = view.projects.len()
            + view.tasks.len()
            + view.dependents.len()
            + view.waves.len()
            + view.attempts.len()
            + view.steps.len()
            + view.calls.len()
            + view.operations.len()
            + view.accounts.len();
        if rows > CACHE_ROWS_MAX {
            self.forget();
        }
    }
}

fn note_projects(changes: &Changes, changed: &mut Vec<ProjectId>) {
    for event in &changes.events {
        if !changed.contains(&event.project) {
            changed.push(event.project.clone());
        }
    }
}

/// Undoes whatever was begun. When even that fails, the connection is of no use
/// and the next transaction will say so.
pub(crate) async fn rollback(conn: &mut SqliteConnection) {
    if let Err(error) = sqlx::query(ROLLBACK).execute(conn).await {
        tracing::debug!(%error, "nothing to roll back");
    }
}

/// What decisions know besides rows.
pub(crate) struct Rules {
    /// The present, one for a whole batch.
    pub(crate) now: Timestamp,
    /// Rules as configured.
    pub(crate) policy: Arc<Policy>,
    /// Fresh ids.
    pub(crate) ids: Box<dyn IdSource + Send>,
}
