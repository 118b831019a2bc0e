//! One knowledge database: opened read-only, read again when its file changes.
//!
//! Its vectors are read once and then shared; a connection is kept for the texts.
//! The file belongs to somebody else: nothing is ever written to it or beside it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection};
use tokio::io::AsyncReadExt;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::error::KnowledgeError;
use super::query::{self, Chunk, Find, Loaded, Shape};
use super::vectors::normalise;

/// How long a lock of another program is waited for.
const BUSY_MAX: Duration = Duration::from_secs(2);
/// A load that failed is tried again after this, or when the file changes.
const RETRY_AFTER: Duration = Duration::from_secs(60);
/// First bytes of every SQLite file.
const MAGIC: &[u8] = b"SQLite format 3\0";

/// Whether the vectors are in memory; the words of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IndexState {
    /// Nobody searched yet, or the file changed since.
    Unloaded,
    /// They are.
    Loaded,
    /// Reading them failed.
    Failed,
    /// The file cannot be read at all.
    Error,
    /// There is no file.
    Unknown,
}

impl IndexState {
    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unloaded => "unloaded",
            Self::Loaded => "loaded",
            Self::Failed => "failed",
            Self::Error => "error",
            Self::Unknown => "unknown",
        }
    }
}

/// What tells two states of a file apart. The write-ahead log counts: new rows are
/// in it first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    file: (SystemTime, u64),
    log: Option<(SystemTime, u64)>,
}

/// A database and what is known of it.
pub struct Database {
    name: String,
    path: PathBuf,
    dims: Option<usize>,
    opened: Mutex<Option<Opened>>,
}

struct Opened {
    stamp: Stamp,
    connection: SqliteConnection,
    shape: Shape,
    sources: Option<Vec<(Option<String>, i64)>>,
    index: Index,
}

#[derive(Clone)]
enum Index {
    Unloaded,
    Loaded(Arc<Loaded>),
    Failed(Instant, usize),
}

/// Chunks with their scores.
pub type Scored = Vec<(f32, Chunk)>;

impl Database {
    /// `dims`: how long vectors must be; without it, as most of them are.
    pub fn new(name: String, path: PathBuf, dims: Option<usize>) -> Self {
        Self { name, path, dims, opened: Mutex::new(None) }
    }

    /// Size of the file; `None` if there is none.
    pub async fn file_bytes(&self) -> Option<u64> {
        let metadata = tokio::fs::metadata(&self.path).await.ok()?;
        metadata.is_file().then_some(metadata.len())
    }

    /// Where the vectors are.
    pub async fn state(&self) -> IndexState {
        if self.file_bytes().await.is_none() {
            return IndexState::Unknown;
        }
        let mut slot = self.opened.lock().await;
        match self.open(&mut slot).await {
            Ok(opened) => match opened.index {
                Index::Unloaded => IndexState::Unloaded,
                Index::Loaded(_) => IndexState::Loaded,
                Index::Failed(..) => IndexState::Failed,
            },
            Err(_) => IndexState::Error,
        }
    }

    /// Whether there are vectors to search.
    pub async fn has_vectors(&self) -> Result<bool, KnowledgeError> {
        Ok(!self.loaded().await?.vectors.is_empty())
    }

    /// Rows whose vector could not be used; 0 until they were read.
    pub async fn skipped(&self) -> u64 {
        match &*self.opened.lock().await {
            Some(Opened { index: Index::Loaded(loaded), .. }) => loaded.skipped,
            _ => 0,
        }
    }

    /// The chunks nearest to a vector.
    pub async fn nearest(
        &self,
        vector: &[f32],
        count: usize,
        source: Option<&str>,
    ) -> Result<Scored, KnowledgeError> {
        let loaded = self.loaded().await?;
        let dims = loaded.vectors.dims();
        if vector.len() != dims {
            return Err(KnowledgeError::WrongDimension {
                name: self.name.clone(),
                found: dims,
                expected: vector.len(),
            });
        }
        let Some(query) = normalise(vector) else {
            return Err(KnowledgeError::Embedding("the vector has no direction".to_owned()));
        };
        let source = match source {
            None => None,
            Some(source) => match loaded.sources.get(source) {
                Some(number) => Some(*number),
                None => return Ok(Vec::new()),
            },
        };
        let hits = tokio::task::spawn_blocking(move || loaded.vectors.nearest(&query, count, source))
            .await
            .map_err(|_| self.not_usable("the search broke"))?;
        let mut slot = self.opened.lock().await;
        let opened = self.open(&mut slot).await?;
        let mut chunks = Vec::new();
        for hit in hits {
            let chunk = query::chunk(&mut opened.connection, opened.shape, hit.row).await;
            // None: the file changed in this moment and the row is gone.
            if let Some(chunk) = chunk.map_err(|error| self.error(&error))? {
                chunks.push((hit.score, chunk));
            }
        }
        Ok(chunks)
    }

    /// Chunks found by text.
    pub async fn find(
        &self,
        how: Find,
        text: &str,
        source: Option<&str>,
        count: usize,
    ) -> Result<Vec<Chunk>, KnowledgeError> {
        let limit = i64::try_from(count).unwrap_or(i64::MAX);
        let mut slot = self.opened.lock().await;
        let opened = self.open(&mut slot).await?;
        query::find(&mut opened.connection, opened.shape, how, text, source, limit)
            .await
            .map_err(|error| self.error(&error))
    }

    /// Sources with their numbers of chunks; counted once for each state of the file.
    pub async fn sources(&self) -> Result<Vec<(Option<String>, i64)>, KnowledgeError> {
        let mut slot = self.opened.lock().await;
        let opened = self.open(&mut slot).await?;
        if let Some(sources) = &opened.sources {
            return Ok(sources.clone());
        }
        let sources = query::sources(&mut opened.connection).await.map_err(|error| self.error(&error))?;
        opened.sources = Some(sources.clone());
        Ok(sources)
    }

    /// A page of chunks; see [`query::documents`].
    pub async fn documents(
        &self,
        source: Option<Option<&str>>,
        offset: u64,
        limit: u32,
    ) -> Result<(i64, Vec<Chunk>), KnowledgeError> {
        let mut slot = self.opened.lock().await;
        let opened = self.open(&mut slot).await?;
        let offset = i64::try_from(offset).unwrap_or(i64::MAX);
        query::documents(&mut opened.connection, source, offset, limit.into())
            .await
            .map_err(|error| self.error(&error))
    }

    /// The vectors, read now if they are not in memory.
    async fn loaded(&self) -> Result<Arc<Loaded>, KnowledgeError> {
        let mut slot = self.opened.lock().await;
        let opened = self.open(&mut slot).await?;
        match &opened.index {
            Index::Loaded(loaded) => return Ok(loaded.clone()),
            Index::Failed(at, found) if at.elapsed() < RETRY_AFTER => return Err(self.wrong_dims(*found)),
            Index::Failed(..) | Index::Unloaded => {}
        }
        let common = query::common_dims(&mut opened.connection).await.map_err(|error| self.error(&error))?;
        let dims = self.dims.unwrap_or(common);
        let loaded = query::load(&mut opened.connection, dims).await.map_err(|error| self.error(&error))?;
        if loaded.vectors.is_empty() && loaded.skipped > 0 {
            opened.index = Index::Failed(Instant::now(), common);
            return Err(self.wrong_dims(common));
        }
        if loaded.skipped > 0 {
            tracing::warn!(database = %self.name, rows = loaded.skipped, "rows with unusable vectors skipped");
        }
        let loaded = Arc::new(loaded);
        opened.index = Index::Loaded(loaded.clone());
        Ok(loaded)
    }

    /// The open file, as it is now.
    async fn open<'a>(&self, slot: &'a mut Option<Opened>) -> Result<&'a mut Opened, KnowledgeError> {
        let stamp = self.stamp().await?;
        if slot.as_ref().is_none_or(|opened| opened.stamp != stamp) {
            // Closed first, so that the old vectors and the new never both take memory.
            *slot = None;
            let mut connection = self.connect(stamp).await?;
            let shape = Shape::of(&mut connection).await.map_err(|error| self.error(&error))?;
            *slot = Some(Opened { stamp, connection, shape, sources: None, index: Index::Unloaded });
        }
        slot.as_mut().ok_or_else(|| self.not_usable("it was closed"))
    }

    async fn stamp(&self) -> Result<Stamp, KnowledgeError> {
        let Some(file) = stamp_of(&self.path).await else {
            return Err(KnowledgeError::Missing(self.name.clone()));
        };
        let mut log = self.path.clone().into_os_string();
        log.push("-wal");
        Ok(Stamp { file, log: stamp_of(Path::new(&log)).await })
    }

    async fn connect(&self, stamp: Stamp) -> Result<SqliteConnection, KnowledgeError> {
        let mut header = [0_u8; 20];
        let read = async {
            let mut file = tokio::fs::File::open(&self.path).await?;
            file.read_exact(&mut header).await
        };
        match read.await {
            Ok(_) if header.starts_with(MAGIC) => {}
            Ok(_) => return Err(self.not_usable("it is no SQLite database")),
            Err(_) if stamp.file.1 == 0 => return Err(self.not_usable("the file is empty")),
            Err(_) => return Err(self.not_usable("it is no SQLite database, or may not be read")),
        }
        // SQLite would put files beside a database in WAL mode even to read it. With
        // no log there is nothing in them, so the file is read as it stands.
        let has_log = stamp.log.is_some_and(|(_, bytes)| bytes > 0);
        let options = SqliteConnectOptions::new()
            .filename(&self.path)
            .read_only(true)
            .create_if_missing(false)
            .immutable(header[18] == 2 && !has_log)
            .busy_timeout(BUSY_MAX)
            .disable_statement_logging();
        SqliteConnection::connect_with(&options).await.map_err(|error| self.error(&error))
    }

    fn wrong_dims(&self, found: usize) -> KnowledgeError {
        let expected = self.dims.unwrap_or(found);
        if found == expected {
            return self.not_usable("none of its vectors can be used");
        }
        KnowledgeError::WrongDimension { name: self.name.clone(), found, expected }
    }

    fn not_usable(&self, why: &str) -> KnowledgeError {
        KnowledgeError::NotUsable(self.name.clone(), why.to_owned())
    }

    fn error(&self, error: &sqlx::Error) -> KnowledgeError {
        tracing::warn!(database = %self.name, %error, "knowledge database cannot be read");
        KnowledgeError::of(&self.name, error)
    }
}

async fn stamp_of(path: &Path) -> Option<(SystemTime, u64)> {
    let metadata = tokio::fs::metadata(path).await.ok().filter(std::fs::Metadata::is_file)?;
    Some((metadata.modified().ok()?, metadata.len()))
}
