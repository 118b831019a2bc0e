//! A folder into a knowledge database, again and again: only what changed is cut
//! and embedded anew, what vanished is taken out.
//!
//! The tables that are searched are those of the prototype, so that it can read the
//! file too; two more remember what was indexed. A database made by something else
//! is never written. Each file is one transaction: whoever stops half-way has paid
//! for no vector twice.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection, Row};

use super::chunk::{self, Piece};
use super::embed::{Embedder, TextRole};
use super::error::KnowledgeError;

/// Largest file that is indexed, in bytes.
const FILE_BYTES_MAX: u64 = 4 << 20;
/// Most files of one folder.
const FILES_MAX: usize = 100_000;
/// How deep folders are entered.
const DEPTH_MAX: usize = 32;
/// Texts in one request to the embedding service.
const BATCH: usize = 32;
/// Most files that the report names as left out.
const LEFT_OUT_MAX: usize = 50;
/// Folders of other programs; nobody wants to find anything in there.
const SKIPPED: [&str; 7] = ["node_modules", "target", "dist", "build", "__pycache__", "venv", "vendor"];

const SCHEMA: [&str; 4] = [
    "CREATE TABLE IF NOT EXISTS chunks (id TEXT PRIMARY KEY, source TEXT, type_name TEXT, file_path TEXT, \
     text TEXT NOT NULL, embedding BLOB)",
    "CREATE VIRTUAL TABLE IF NOT EXISTS chunks_fts USING fts5(text, type_name)",
    "CREATE TABLE IF NOT EXISTS index_files (name TEXT NOT NULL, path TEXT NOT NULL, hash TEXT NOT NULL, \
     PRIMARY KEY (name, path))",
    "CREATE INDEX IF NOT EXISTS chunks_file ON chunks (source, file_path)",
];

/// What an indexing did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IndexReport {
    /// Files that were new or changed.
    pub indexed: u64,
    /// Files that were as before.
    pub unchanged: u64,
    /// Files that are gone.
    pub removed: u64,
    /// Chunks written.
    pub chunks: u64,
    /// Whether they have vectors. Without, only full-text search finds them.
    pub has_vectors: bool,
    /// Files that were not taken, and why; the first of them.
    pub left_out: Vec<(String, String)>,
    /// How many there were in all.
    pub left_out_count: u64,
}

/// Brings the database up to what is in the folder. `name` becomes the source of
/// its chunks; other names in the same file stay as they are.
///
/// # Errors
/// A folder that cannot be read, a database that is not ours, an embedding service
/// that fails.
pub async fn index_dir(
    dir: &Path,
    database: &Path,
    name: &str,
    embedder: Option<Arc<dyn Embedder>>,
) -> Result<IndexReport, KnowledgeError> {
    let root = dir.to_owned();
    let (found, mut report) = blocking(move || walk(&root)).await?;
    let mut indexer = Indexer { connection: open(database, name).await?, name, embedder };
    let mut known = indexer.known().await?;
    for path in found {
        let before = known.remove(&path);
        let file = dir.join(&path);
        let text = match blocking(move || read(&file)).await {
            Ok(text) => text,
            Err(error) => {
                report.leave_out(&path, &error.to_string());
                // What was indexed of it is no longer what is there.
                indexer.remove(&path).await?;
                continue;
            }
        };
        let hash = indexer.hash(&text);
        if before.as_deref() == Some(&hash) {
            report.unchanged += 1;
            continue;
        }
        report.chunks += indexer.replace(&path, &hash, &text).await?;
        report.indexed += 1;
    }
    for path in known.into_keys() {
        indexer.remove(&path).await?;
        report.removed += 1;
    }
    report.has_vectors = indexer.embedder.is_some();
    // Closing writes nothing; a failure means that the file is as it is.
    let _ = indexer.connection.close().await;
    Ok(report)
}

struct Indexer<'a> {
    connection: SqliteConnection,
    name: &'a str,
    embedder: Option<Arc<dyn Embedder>>,
}

impl Indexer<'_> {
    fn error(&self, error: &sqlx::Error) -> KnowledgeError {
        KnowledgeError::of(self.name, error)
    }

    /// What was indexed under this name, by path.
    async fn known(&mut self) -> Result<BTreeMap<String, String>, KnowledgeError> {
        let rows = sqlx::query_as("SELECT path, hash FROM index_files WHERE name = $1")
            .bind(self.name)
            .fetch_all(&mut self.connection)
            .await;
        let rows: Vec<(String, String)> = rows.map_err(|error| self.error(&error))?;
        Ok(rows.into_iter().collect())
    }

    /// Changes when the text or the model does.
    fn hash(&self, text: &str) -> String {
        let model = self.embedder.as_ref().map_or("", |embedder| embedder.model());
        let digest = Sha256::new().chain_update(model).chain_update([0]).chain_update(text).finalize();
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    async fn replace(&mut self, path: &str, hash: &str, text: &str) -> Result<u64, KnowledgeError> {
        let pieces = chunk::cut(path, text);
        // Before the transaction: the service may take long.
        let vectors = self.embed(&pieces).await?;
        let written = async {
            let mut tx = self.connection.begin_with("BEGIN IMMEDIATE").await?;
            remove(&mut tx, self.name, path).await?;
            for (number, piece) in pieces.iter().enumerate() {
                let blob = vectors.get(number).map(|vector| to_blob(vector));
                insert(&mut tx, self.name, path, number, piece, blob).await?;
            }
            sqlx::query("INSERT INTO index_files (name, path, hash) VALUES ($1, $2, $3)")
                .bind(self.name)
                .bind(path)
                .bind(hash)
                .execute(&mut *tx)
                .await?;
            tx.commit().await
        };
        let written = written.await;
        written.map_err(|error| self.error(&error))?;
        Ok(pieces.len() as u64)
    }

    async fn remove(&mut self, path: &str) -> Result<(), KnowledgeError> {
        let removed = async {
            let mut tx = self.connection.begin_with("BEGIN IMMEDIATE").await?;
            remove(&mut tx, self.name, path).await?;
            tx.commit().await
        };
        let removed = removed.await;
        removed.map_err(|error| self.error(&error))
    }

    async fn embed(&self, pieces: &[Piece]) -> Result<Vec<Vec<f32>>, KnowledgeError> {
        let Some(embedder) = &self.embedder else { return Ok(Vec::new()) };
        let mut vectors = Vec::with_capacity(pieces.len());
        for batch in pieces.chunks(BATCH) {
            let texts: Vec<String> = batch.iter().map(|piece| piece.text.clone()).collect();
            let embedded = embedder.embed(TextRole::Document, &texts).await?;
            if embedded.len() != texts.len() {
                return Err(KnowledgeError::Embedding("not every text got a vector".to_owned()));
            }
            vectors.extend(embedded);
        }
        Ok(vectors)
    }
}

async fn insert(
    tx: &mut SqliteConnection,
    name: &str,
    path: &str,
    number: usize,
    piece: &Piece,
    blob: Option<Vec<u8>>,
) -> Result<(), sqlx::Error> {
    let row = sqlx::query(
        "INSERT INTO chunks (id, source, type_name, file_path, text, embedding) \
         VALUES ($1, $2, $3, $4, $5, $6) RETURNING rowid",
    )
    .bind(format!("{name}/{path}#{number}"))
    .bind(name)
    .bind(&piece.name)
    .bind(path)
    .bind(&piece.text)
    .bind(blob)
    .fetch_one(&mut *tx)
    .await?;
    sqlx::query("INSERT INTO chunks_fts (rowid, text, type_name) VALUES ($1, $2, $3)")
        .bind(row.try_get::<i64, _>(0)?)
        .bind(&piece.text)
        .bind(&piece.name)
        .execute(&mut *tx)
        .await?;
    Ok(())
}

async fn remove(tx: &mut SqliteConnection, name: &str, path: &str) -> Result<(), sqlx::Error> {
    for statement in [
        "DELETE FROM chunks_fts WHERE rowid IN (SELECT rowid FROM chunks WHERE source = $1 AND file_path = $2)",
        "DELETE FROM chunks WHERE source = $1 AND file_path = $2",
        "DELETE FROM index_files WHERE name = $1 AND path = $2",
    ] {
        sqlx::query(statement).bind(name).bind(path).execute(&mut *tx).await?;
    }
    Ok(())
}

/// Opens or makes the database; one that something else made is refused.
async fn open(path: &Path, name: &str) -> Result<SqliteConnection, KnowledgeError> {
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        tokio::fs::create_dir_all(parent).await?;
    }
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .busy_timeout(Duration::from_secs(10))
        .disable_statement_logging();
    let opened = async {
        let mut connection = SqliteConnection::connect_with(&options).await?;
        let count = "SELECT count(*) FROM sqlite_master";
        let all: i64 = sqlx::query_scalar(count).fetch_one(&mut connection).await?;
        let ours: i64 = sqlx::query_scalar("SELECT count(*) FROM sqlite_master WHERE name = 'index_files'")
            .fetch_one(&mut connection)
            .await?;
        if all > 0 && ours == 0 {
            return Ok(None);
        }
        let mut tx = connection.begin_with("BEGIN IMMEDIATE").await?;
        for statement in SCHEMA {
            sqlx::query(statement).execute(&mut *tx).await?;
        }
        tx.commit().await?;
        Ok(Some(connection))
    };
    match opened.await {
        Ok(Some(connection)) => Ok(connection),
        Ok(None) => Err(KnowledgeError::NotUsable(
            name.to_owned(),
            "the file was made by something else and is not written; choose another".to_owned(),
        )),
        Err(error) => Err(KnowledgeError::of(name, &error)),
    }
}

fn to_blob(vector: &[f32]) -> Vec<u8> {
    vector.iter().flat_map(|number| number.to_le_bytes()).collect()
}

/// Paths of all files beneath, relative, sorted; hidden ones and links are passed over.
fn walk(root: &Path) -> io::Result<(Vec<String>, IndexReport)> {
    let mut found = Vec::new();
    let mut report = IndexReport::default();
    let mut open = vec![(PathBuf::new(), 0)];
    while let Some((folder, depth)) = open.pop() {
        for entry in std::fs::read_dir(root.join(&folder))? {
            let entry = entry?;
            let path = folder.join(entry.file_name());
            let Some(text) = path.to_str().map(|text| text.replace('\\', "/")) else {
                report.leave_out(&path.to_string_lossy(), "its name is not UTF-8");
                continue;
            };
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let kind = entry.file_type()?;
            if name.starts_with('.') {
                continue;
            }
            if kind.is_dir() {
                if depth >= DEPTH_MAX {
                    report.leave_out(&text, "it is nested too deep");
                } else if !SKIPPED.contains(&name.as_ref()) {
                    open.push((path, depth + 1));
                }
            } else if !kind.is_file() {
                report.leave_out(&text, "it is a link or not a regular file");
            } else if found.len() >= FILES_MAX {
                report.leave_out(&text, "there are too many files");
            } else {
                found.push(text);
            }
        }
    }
    found.sort();
    Ok((found, report))
}

fn read(path: &Path) -> io::Result<String> {
    use io::Read;
    let refuse = |why: &str| Err(io::Error::new(io::ErrorKind::InvalidData, why.to_owned()));
    let mut content = Vec::new();
    std::fs::File::open(path)?.take(FILE_BYTES_MAX + 1).read_to_end(&mut content)?;
    if content.len() as u64 > FILE_BYTES_MAX {
        return refuse("it is larger than 4 MiB");
    }
    match String::from_utf8(content) {
        Ok(text) if !text.contains('\0') => Ok(text),
        _ => refuse("it is not text"),
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, KnowledgeError> {
    Ok(tokio::task::spawn_blocking(work).await.map_err(io::Error::other)??)
}

impl IndexReport {
    fn leave_out(&mut self, path: &str, why: &str) {
        self.left_out_count += 1;
        if self.left_out.len() < LEFT_OUT_MAX {
            self.left_out.push((path.to_owned(), why.to_owned()));
        }
    }
}
