//! The writer: one thread that owns the one connection that writes. Submissions
//! queue up while a commit syncs and are committed together when it is done; no
//! timer makes anybody wait. A caller that goes away takes nothing back: what was
//! submitted is carried out.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use domain::decide::Envelope;
use domain::id::ProjectId;
use domain::policy::Policy;
use domain::ports::{Clock, StoreError};
use futures::future::BoxFuture;
use sqlx::Row as _;
use sqlx::sqlite::SqliteConnection;
use tokio::sync::{broadcast, mpsc, oneshot};

use crate::apply::{Answers, Applier, Rules, rollback};
use crate::crash_point;
use crate::dialect::{CHECKPOINT, COMMIT, LOG_SIZE};
use crate::error::Failure;

/// Submissions that may wait for the writer; more, and callers wait to submit.
pub(crate) const QUEUE: usize = 1_024;

/// Submissions that are committed together at most.
const BATCH_SUBMISSIONS: usize = 256;

/// Commands that are committed together at most.
const BATCH_COMMANDS: usize = 512;

/// Commits between two looks at the size of the log.
const COMMITS_PER_LOOK: u32 = 16;

/// Size of the log, not yet in the main file, from which it is moved there.
const LOG_BYTES_MAX: i64 = 16 * 1024 * 1024;

/// A write that is not a command, in a transaction of its own.
pub(crate) type Direct =
    Box<dyn for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<(), Failure>> + Send>;

/// Work for the writer.
pub(crate) enum Job {
    /// Commands that belong together.
    Submit(Vec<Envelope>, oneshot::Sender<Answers>),
    /// A write that is not a command.
    Direct {
        /// What to write.
        write: Direct,
        /// For crash points: `direct` or `remove`.
        kind: &'static str,
        /// Whether rows of projects change, so that the view is out of date.
        is_about_projects: bool,
        /// Hears of it after the commit.
        reply: oneshot::Sender<Result<(), StoreError>>,
    },
    /// Whether another connection has written since the last time.
    ChangedOutside(oneshot::Sender<bool>),
    /// Finish and close.
    Close(oneshot::Sender<()>),
}

/// What the writer needs.
pub(crate) struct Writer {
    pub(crate) conn: SqliteConnection,
    /// Moves the log into the main file beside the writer.
    pub(crate) side: Arc<tokio::sync::Mutex<SqliteConnection>>,
    pub(crate) log: PathBuf,
    pub(crate) page_bytes: i64,
    pub(crate) jobs: mpsc::Receiver<Job>,
    pub(crate) rules: Rules,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) policy: Arc<RwLock<Arc<Policy>>>,
    pub(crate) changed: broadcast::Sender<ProjectId>,
    /// Set when most of the log was moved beside the writer.
    pub(crate) is_log_nearly_moved: Arc<AtomicBool>,
}

type Submission = (Vec<Envelope>, oneshot::Sender<Answers>);

impl Writer {
    /// Works until told to close, or until nobody can submit any more.
    pub(crate) async fn run(mut self) {
        let mut applier = Applier::new();
        let mut commits = 0;
        // A job that was taken from the queue and did not belong to the batch.
        let mut next = None;
        loop {
            let job = match next.take() {
                Some(job) => job,
                None => match self.jobs.recv().await {
                    Some(job) => job,
                    None => break,
                },
            };
            match job {
                Job::Submit(commands, reply) => {
                    let batch = self.gather((commands, reply), &mut next);
                    self.commit(&mut applier, batch).await;
                    commits += 1;
                }
                Job::Direct { write, kind, is_about_projects, reply } => {
                    let result = self.direct(&mut applier, write, kind, is_about_projects).await;
                    // The caller may be gone; the write stays.
                    let _ = reply.send(result.map_err(Failure::into_store));
                    commits += 1;
                }
                Job::ChangedOutside(reply) => {
                    let _ = reply.send(self.changed_outside(&mut applier).await);
                }
                Job::Close(reply) => {
                    self.close().await;
                    let _ = reply.send(());
                    return;
                }
            }
            if self.is_log_nearly_moved.swap(false, Ordering::Acquire) {
                self.move_rest_of_log().await;
            } else if commits >= COMMITS_PER_LOOK {
                commits = 0;
                self.look_at_log();
            }
        }
        self.close().await;
    }

    /// Takes whatever has queued up meanwhile. Settlements go first, for others
    /// wait for the money and the slots they free.
    fn gather(&mut self, first: Submission, next: &mut Option<Job>) -> Vec<Submission> {
        let mut commands = first.0.len();
        let mut batch = vec![first];
        while batch.len() < BATCH_SUBMISSIONS && commands < BATCH_COMMANDS {
            match self.jobs.try_recv() {
                Ok(Job::Submit(envelopes, reply)) => {
                    commands += envelopes.len();
                    batch.push((envelopes, reply));
                }
                Ok(other) => {
                    *next = Some(other);
                    break;
                }
                Err(_) => break,
            }
        }
        batch.sort_by_key(|(envelopes, _)| !envelopes.iter().any(|envelope| envelope.command.settles()));
        batch
    }

    fn read_rules(&mut self) {
        self.rules.now = self.clock.now();
        self.rules.policy = Arc::clone(&self.policy.read().unwrap_or_else(PoisonError::into_inner));
    }

    async fn commit(&mut self, applier: &mut Applier, batch: Vec<Submission>) {
        self.read_rules();
        let (submissions, replies): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
        match self.commit_once(applier, &submissions).await {
            Ok(answers) => {
                for (reply, answers) in replies.into_iter().zip(answers) {
                    let _ = reply.send(answers);
                }
            }
            // Only one of them is to blame: each gets a transaction of its own.
            Err(Failure::Guilty(text)) if submissions.len() > 1 => {
                tracing::warn!(text, "a batch was undone; its submissions are tried one by one");
                for (submission, reply) in submissions.into_iter().zip(replies) {
                    let submission = [submission];
                    let answers = match self.commit_once(applier, &submission).await {
                        Ok(answers) => answers.into_iter().next().unwrap_or_default(),
                        Err(failure) => all_failed(&submission[0], failure),
                    };
                    let _ = reply.send(answers);
                }
            }
            Err(failure) => {
                let error = failure.into_store();
                tracing::error!(%error, "a batch was not written");
                for (submission, reply) in submissions.iter().zip(replies) {
                    let _ = reply.send(submission.iter().map(|_| Err(copy(&error))).collect());
                }
            }
        }
    }

    async fn commit_once(
        &mut self,
        applier: &mut Applier,
        submissions: &[Vec<Envelope>],
    ) -> Result<Vec<Answers>, Failure> {
        let committed = applier.commit(&mut self.conn, &mut self.rules, submissions).await?;
        for project in committed.changed {
            // Nobody may be listening.
            let _ = self.changed.send(project);
        }
        Ok(committed.answers)
    }

    async fn direct(
        &mut self,
        applier: &mut Applier,
        write: Direct,
        kind: &'static str,
        is_about_projects: bool,
    ) -> Result<(), Failure> {
        crash_point!("before_begin", kind);
        applier.begin(&mut self.conn).await?;
        let result = match write(&mut self.conn).await {
            Ok(()) => {
                crash_point!("before_commit", kind);
                sqlx::query(COMMIT).execute(&mut self.conn).await.map(drop).map_err(Failure::from)
            }
            Err(failure) => Err(failure),
        };
        if is_about_projects {
            applier.forget();
        }
        match result {
            Ok(()) => {
                crash_point!("after_commit", kind);
                Ok(())
            }
            Err(failure) => {
                rollback(&mut self.conn).await;
                Err(failure)
            }
        }
    }

    async fn changed_outside(&mut self, applier: &mut Applier) -> bool {
        let version = sqlx::query("PRAGMA data_version").fetch_one(&mut self.conn).await;
        match version.and_then(|row| row.try_get(0)) {
            Ok(version) => applier.saw_version(version),
            // Whoever asks looks at everything then.
            Err(_) => applier.is_changed_outside = true,
        }
        std::mem::take(&mut applier.is_changed_outside)
    }

    /// Has the log moved into the main file when it has grown long.
    fn look_at_log(&self) {
        let bytes = std::fs::metadata(&self.log).map_or(0, |meta| meta.len());
        if i64::try_from(bytes).is_ok_and(|bytes| bytes < LOG_BYTES_MAX) {
            return;
        }
        let (side, page_bytes) = (Arc::clone(&self.side), self.page_bytes);
        let is_nearly_moved = Arc::clone(&self.is_log_nearly_moved);
        tokio::spawn(async move {
            // One at a time; the next look comes anyway.
            let Ok(mut side) = side.try_lock() else { return };
            match checkpoint(&mut side, page_bytes).await {
                Ok(is_moved) => is_nearly_moved.store(is_moved, Ordering::Release),
                Err(error) => warn_of_log(&error),
            }
        });
    }

    /// Moves what was added meanwhile, with nobody writing: only a log that was
    /// moved to its end begins anew, and under load it would grow for ever.
    async fn move_rest_of_log(&self) {
        let mut side = self.side.lock().await;
        if let Err(error) = sqlx::query(CHECKPOINT).fetch_all(&mut *side).await {
            warn_of_log(&error);
        }
    }

    async fn close(&mut self) {
        self.move_rest_of_log().await;
    }
}

fn warn_of_log(error: &sqlx::Error) {
    tracing::warn!(%error, "the write-ahead log could not be moved into the database");
}

/// Whether there was much to move.
async fn checkpoint(side: &mut SqliteConnection, page_bytes: i64) -> Result<bool, sqlx::Error> {
    let row = sqlx::query(LOG_SIZE).fetch_one(&mut *side).await?;
    let (frames, done): (i64, i64) = (row.try_get(1)?, row.try_get(2)?);
    if frames.saturating_sub(done).saturating_mul(page_bytes) < LOG_BYTES_MAX {
        return Ok(false);
    }
    sqlx::query(CHECKPOINT).fetch_all(side).await?;
    Ok(true)
}

fn all_failed(submission: &[Envelope], failure: Failure) -> Answers {
    let error = failure.into_store();
    tracing::error!(%error, "a submission was not written");
    submission.iter().map(|_| Err(copy(&error))).collect()
}

fn copy(error: &StoreError) -> StoreError {
    match error {
        StoreError::Refused(refusal) => StoreError::Refused(refusal.clone()),
        StoreError::Unavailable(text) => StoreError::Unavailable(text.clone()),
        StoreError::Broken(text) => StoreError::Broken(text.clone()),
    }
}
