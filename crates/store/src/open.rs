//! Opens a database: recognises what is ours, what is not and what is damaged,
//! brings the schema up to date, and starts the writer. A file that is not ours
//! is looked at and never written.

use std::fs::OpenOptions;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use domain::id::ProjectId;
use domain::policy::Policy;
use domain::ports::{Clock, IdSource, StoreError};
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteSynchronous,
};
use sqlx::{ConnectOptions as _, Connection as _};
use tokio::sync::{broadcast, mpsc, oneshot};

use crate::apply::Rules;
use crate::error::{Failure, is_busy, is_damaged, is_read_only};
use crate::writer::{Direct, Job, QUEUE, Writer};

/// Marks our files, in the header where SQLite keeps it for this: `ORCH`.
const APPLICATION_ID: u32 = 0x4f52_4348;

/// Where the header has the application id.
const APPLICATION_ID_AT: usize = 68;

/// Length of the header.
const HEADER: usize = 100;

/// What a table name of the prototype's database is looked for in.
const LOOK_BYTES: u64 = 256 * 1024;

/// Older ones can damage the log when it is reset.
const SQLITE_MIN: (u32, u32, u32) = (3, 51, 3);

/// Readers at the same time.
const READERS: u32 = 4;

/// How often connecting waits 20 ms for another process.
const CONNECT_TRIES: u32 = 250;

/// Signals that a slow listener may fall behind.
const SIGNALS: usize = 1_024;

static MIGRATOR: Migrator = sqlx::migrate!("migrations/sqlite");

/// What a store works with.
pub struct StoreOptions {
    /// Rules that decisions are made by.
    pub policy: Arc<Policy>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Fresh ids.
    pub ids: Box<dyn IdSource + Send>,
}

/// Why a database could not be opened. Each says what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Some other kind of file.
    #[error(
        "{path} is not a database; nothing was changed. Choose another data folder, or move the file away"
    )]
    NotADatabase {
        /// The file.
        path: PathBuf,
    },
    /// A database of another program.
    #[error("{path} is not a database of this program{}; nothing was changed. {}",
        if *is_prototype { " but the prototype's" } else { "" },
        if *is_prototype {
            "It stays as it is; choose another data folder with --data-dir"
        } else {
            "Choose another data folder with --data-dir"
        })]
    NotOurs {
        /// The file.
        path: PathBuf,
        /// Whether it looks like the prototype's.
        is_prototype: bool,
    },
    /// Written by a later version of this program.
    #[error(
        "{path} was written by a newer version of this program (schema {version}); nothing was changed. \
         Use that version"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// The schema's version that is not known here.
        version: i64,
    },
    /// No permission, no space, no such place.
    #[error("{path} cannot be written: {cause}. The data folder must be a writable folder on a local disk")]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        cause: String,
    },
    /// Damaged.
    #[error("{path} is damaged: {cause}. Restore it from a backup; do not go on with it")]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        cause: String,
    },
    /// The library that was linked is too old.
    #[error("SQLite {found} is too old; 3.51.3 or later is needed. Build with the bundled one")]
    OldSqlite {
        /// Its version.
        found: String,
    },
    /// Anything else.
    #[error("{path} cannot be opened: {cause}")]
    Other {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        cause: String,
    },
}

impl OpenError {
    fn from_driver(path: &Path, error: &sqlx::Error) -> Self {
        let (path, cause) = (path.to_owned(), error.to_string());
        if is_damaged(error) {
            Self::Corrupt { path, cause }
        } else if is_read_only(error) {
            Self::Unwritable { path, cause }
        } else {
            Self::Other { path, cause }
        }
    }
}

/// The database. Cheap to clone; the last clone that goes away stops the writer.
#[derive(Clone)]
pub struct Store {
    readers: SqlitePool,
    jobs: mpsc::Sender<Job>,
    changed: broadcast::Sender<ProjectId>,
    policy: Arc<RwLock<Arc<Policy>>>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").finish_non_exhaustive()
    }
}

impl Store {
    /// Opens the database at `path`, making it and its folder when there is none.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub async fn open(path: &Path, options: StoreOptions) -> Result<Self, OpenError> {
        prepare_file(path).await?;
        let policy = Arc::new(RwLock::new(options.policy));
        let (changed, _) = broadcast::channel(SIGNALS);
        let (jobs, queue) = mpsc::channel(QUEUE);
        let (ready, is_ready) = oneshot::channel();
        let start = Start {
            path: path.to_owned(),
            clock: options.clock,
            ids: options.ids,
            policy: Arc::clone(&policy),
            changed: changed.clone(),
            jobs: queue,
        };
        std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || start.run(ready))
            .map_err(|error| OpenError::Other { path: path.to_owned(), cause: error.to_string() })?;
        let gone =
            || OpenError::Other { path: path.to_owned(), cause: "the writer did not start".to_owned() };
        is_ready.await.map_err(|_| gone())??;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .test_before_acquire(false)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_lazy_with(connect_options(path).read_only(true).create_if_missing(false));
        Ok(Self { readers, jobs, changed, policy })
    }

    /// Rules that decisions are made by from now on.
    pub fn set_policy(&self, policy: Arc<Policy>) {
        *self.policy.write().unwrap_or_else(PoisonError::into_inner) = policy;
    }

    /// Rules that decisions are made by now.
    #[must_use]
    pub fn policy(&self) -> Arc<Policy> {
        Arc::clone(&self.policy.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Signals of projects that have new events. A signal carries nothing but the
    /// project; whoever falls behind looks at the database.
    #[must_use]
    pub fn changed(&self) -> broadcast::Receiver<ProjectId> {
        self.changed.subscribe()
    }

    /// Whether another process has written since this was last asked.
    ///
    /// # Errors
    /// When the store was closed.
    pub async fn changed_outside(&self) -> Result<bool, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.submit(Job::ChangedOutside(reply)).await?;
        answer.await.map_err(|_| closed())
    }

    /// Finishes what was submitted and closes the database.
    pub async fn close(&self) {
        let (reply, answer) = oneshot::channel();
        if self.jobs.send(Job::Close(reply)).await.is_ok() {
            // An error means that the writer is gone already.
            let _ = answer.await;
        }
        self.readers.close().await;
    }

    /// Connections that only read.
    pub(crate) const fn reader(&self) -> &SqlitePool {
        &self.readers
    }

    pub(crate) async fn submit(&self, job: Job) -> Result<(), StoreError> {
        self.jobs.send(job).await.map_err(|_| closed())
    }

    /// Writes something that is not a command, through the one writer.
    pub(crate) async fn write_directly<T, F>(&self, kind: &'static str, write: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut SqliteConnection) -> futures::future::BoxFuture<'c, Result<T, Failure>>
            + Send
            + 'static,
    {
        // The value waits here until the commit is through.
        let slot = Arc::new(std::sync::Mutex::new(None));
        let filled = Arc::clone(&slot);
        let job: Direct = Box::new(move |conn| {
            Box::pin(async move {
                let value = write(conn).await?;
                *filled.lock().unwrap_or_else(PoisonError::into_inner) = Some(value);
                Ok(())
            })
        });
        let (reply, answer) = oneshot::channel();
        let is_about_projects = kind == "remove";
        self.submit(Job::Direct { write: job, kind, is_about_projects, reply }).await?;
        answer.await.map_err(|_| closed())??;
        let value = slot.lock().unwrap_or_else(PoisonError::into_inner).take();
        value.ok_or_else(|| StoreError::Broken("a write gave no value".to_owned()))
    }
}

/// What a caller hears whose submission nobody will take.
pub(crate) fn closed() -> StoreError {
    StoreError::Unavailable("the database was closed".to_owned())
}

fn connect_options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(Duration::from_secs(5))
        .pragma("mmap_size", "0")
        .pragma("cache_size", "-16384")
        // After a peak the log gives its space back.
        .pragma("journal_size_limit", "67108864")
        .statement_cache_capacity(256)
        .disable_statement_logging()
}

/// Connects, also while another process makes the same new database: changing the
/// kind of log does not wait by itself.
async fn connect(options: &SqliteConnectOptions) -> Result<SqliteConnection, sqlx::Error> {
    let mut tries = 0;
    loop {
        tries += 1;
        match options.connect().await {
            Err(error) if is_busy(&error) && tries < CONNECT_TRIES => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            result => return result,
        }
    }
}

/// Looks at the file before anything opens it, and makes it when there is none.
async fn prepare_file(path: &Path) -> Result<(), OpenError> {
    let unwritable =
        |cause: std::io::Error| OpenError::Unwritable { path: path.to_owned(), cause: cause.to_string() };
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(unwritable)?;
    }
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        // Password hashes are in it.
        options.mode(0o600);
    }
    let mut start = Vec::new();
    {
        let file = options.open(path).map_err(unwritable)?;
        file.take(LOOK_BYTES).read_to_end(&mut start).map_err(unwritable)?;
    }
    if start.is_empty() {
        return mark_as_ours(path).await.map_err(|error| OpenError::from_driver(path, &error));
    }
    if start.len() < HEADER || !start.starts_with(b"SQLite format 3\0") {
        return Err(OpenError::NotADatabase { path: path.to_owned() });
    }
    if start[APPLICATION_ID_AT..APPLICATION_ID_AT + 4] != APPLICATION_ID.to_be_bytes() {
        let is_prototype = start.windows(15).any(|bytes| bytes == b"alembic_version");
        return Err(OpenError::NotOurs { path: path.to_owned(), is_prototype });
    }
    Ok(())
}

/// Writes our mark into the header of a new file, before it has a log that the
/// header could be hidden in.
async fn mark_as_ours(path: &Path) -> Result<(), sqlx::Error> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .pragma("application_id", APPLICATION_ID.to_string())
        .disable_statement_logging();
    let mut conn = connect(&options).await?;
    // Only what is written creates a page; the mark alone does not on all versions.
    sqlx::query("PRAGMA user_version = 1").execute(&mut conn).await?;
    conn.close().await
}

/// What the writer's thread begins with.
struct Start {
    path: PathBuf,
    clock: Arc<dyn Clock>,
    ids: Box<dyn IdSource + Send>,
    policy: Arc<RwLock<Arc<Policy>>>,
    changed: broadcast::Sender<ProjectId>,
    jobs: mpsc::Receiver<Job>,
}

impl Start {
    fn run(self, ready: oneshot::Sender<Result<(), OpenError>>) {
        let runtime = match tokio::runtime::Builder::new_current_thread().enable_time().build() {
            Ok(runtime) => runtime,
            Err(error) => {
                let error = OpenError::Other { path: self.path, cause: error.to_string() };
                // Whoever opened it may be gone.
                let _ = ready.send(Err(error));
                return;
            }
        };
        runtime.block_on(async move {
            match self.writer().await {
                Ok(writer) => {
                    if ready.send(Ok(())).is_ok() {
                        writer.run().await;
                    }
                }
                Err(error) => {
                    let _ = ready.send(Err(error));
                }
            }
        });
    }

    async fn writer(self) -> Result<Writer, OpenError> {
        let path = &self.path;
        let driver = |error: sqlx::Error| OpenError::from_driver(path, &error);
        let options = connect_options(path).create_if_missing(false).pragma("wal_autocheckpoint", "0");
        let mut conn = connect(&options).await.map_err(driver)?;
        let found: String =
            sqlx::query_scalar("SELECT sqlite_version()").fetch_one(&mut conn).await.map_err(driver)?;
        if parse_version(&found).is_none_or(|version| version < SQLITE_MIN) {
            return Err(OpenError::OldSqlite { found });
        }
        migrate(path, &mut conn).await?;
        let page_bytes: i64 =
            sqlx::query_scalar("PRAGMA page_size").fetch_one(&mut conn).await.map_err(driver)?;
        let side = connect(&options).await.map_err(driver)?;
        let mut log = path.clone().into_os_string();
        log.push("-wal");
        let policy = Arc::clone(&self.policy.read().unwrap_or_else(PoisonError::into_inner));
        Ok(Writer {
            conn,
            side: Arc::new(tokio::sync::Mutex::new(side)),
            log: log.into(),
            page_bytes,
            jobs: self.jobs,
            rules: Rules { now: self.clock.now(), policy, ids: self.ids },
            clock: self.clock,
            policy: self.policy,
            changed: self.changed,
            is_log_nearly_moved: Arc::default(),
        })
    }
}

fn parse_version(text: &str) -> Option<(u32, u32, u32)> {
    let mut parts = text.split('.').map(|part| part.parse().ok());
    Some((parts.next()??, parts.next()??, parts.next().flatten().unwrap_or(0)))
}

async fn migrate(path: &Path, conn: &mut SqliteConnection) -> Result<(), OpenError> {
    // Two processes may make the same new file at once: the second one finds the
    // work done when it looks again.
    let mut tries = 0;
    loop {
        tries += 1;
        match MIGRATOR.run(&mut *conn).await {
            Ok(()) => return Ok(()),
            Err(MigrateError::VersionMissing(version)) => {
                return Err(OpenError::Newer { path: path.to_owned(), version });
            }
            Err(_) if tries < 3 => tokio::time::sleep(Duration::from_millis(50)).await,
            Err(MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _)) => {
                return Err(OpenError::from_driver(path, &error));
            }
            Err(error) => {
                return Err(OpenError::Other { path: path.to_owned(), cause: error.to_string() });
            }
        }
    }
}
