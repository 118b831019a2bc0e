//! The statements that read a knowledge database, all of them. Texts to find are
//! bound, never put into a statement, and mean themselves.

use std::collections::HashMap;

use futures::TryStreamExt;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{AssertSqlSafe, Row};

use super::vectors::Vectors;

/// What a result shows of a chunk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chunk {
    /// Key in the database.
    pub id: String,
    /// Where it was taken from.
    pub source: Option<String>,
    /// The type or heading it is about.
    pub type_name: Option<String>,
    /// The file it was taken from.
    pub file_path: Option<String>,
    /// Its text.
    pub text: String,
    /// What to watch out for; only diagnostic databases have this.
    pub gotcha: Option<String>,
}

/// What kind of file it is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Shape {
    /// Whether there is the column `gotcha`.
    pub has_gotcha: bool,
    /// Whether there is a full-text index.
    pub has_fts: bool,
}

/// One way to find chunks by text.
#[derive(Clone, Copy)]
pub enum Find {
    /// The type has exactly this name.
    TypeEquals,
    /// The type's name has this in it.
    TypeContains,
    /// The full-text index matches this expression.
    Fts,
    /// The text has this in it.
    TextContains,
}

/// What was read into memory.
#[derive(Debug, Default)]
pub struct Loaded {
    /// The vectors.
    pub vectors: Vectors,
    /// Sources and the numbers by which the vectors know them.
    pub sources: HashMap<String, u32>,
    /// Rows that could not be used.
    pub skipped: u64,
}

const TEXT_COLUMNS: &str = "c.rowid, c.id, c.source, c.type_name, c.file_path, c.text";

impl Shape {
    /// Looks what the file has; fails where the table `chunks` is not as expected.
    pub async fn of(connection: &mut SqliteConnection) -> Result<Self, sqlx::Error> {
        // Prepared and not run: says at once whether the columns are there.
        sqlx::query("SELECT rowid, id, source, type_name, file_path, text, embedding FROM chunks LIMIT 0")
            .execute(&mut *connection)
            .await?;
        let gotcha: i64 =
            sqlx::query_scalar("SELECT count(*) FROM pragma_table_info('chunks') WHERE name = 'gotcha'")
                .fetch_one(&mut *connection)
                .await?;
        let fts: i64 = sqlx::query_scalar("SELECT count(*) FROM sqlite_master WHERE name = 'chunks_fts'")
            .fetch_one(&mut *connection)
            .await?;
        Ok(Self { has_gotcha: gotcha > 0, has_fts: fts > 0 })
    }

    fn columns(self) -> String {
        let gotcha = if self.has_gotcha { "c.gotcha" } else { "NULL AS gotcha" };
        format!("{TEXT_COLUMNS}, {gotcha}")
    }
}

/// The length that most embeddings have, in numbers; 0 if there are none.
pub async fn common_dims(connection: &mut SqliteConnection) -> Result<usize, sqlx::Error> {
    let bytes: Option<i64> = sqlx::query_scalar(
        "SELECT length(embedding) AS bytes FROM chunks \
         WHERE typeof(embedding) = 'blob' AND length(embedding) > 0 AND length(embedding) % 4 = 0 \
         GROUP BY bytes ORDER BY count(*) DESC, bytes LIMIT 1",
    )
    .fetch_optional(connection)
    .await?;
    Ok(bytes.and_then(|bytes| usize::try_from(bytes / 4).ok()).unwrap_or(0))
}

/// Reads all vectors of this length. A row that cannot be used is counted; the
/// others are as good as before.
pub async fn load(connection: &mut SqliteConnection, dims: usize) -> Result<Loaded, sqlx::Error> {
    let count: i64 =
        sqlx::query_scalar("SELECT count(embedding) FROM chunks").fetch_one(&mut *connection).await?;
    let mut loaded = Loaded {
        // Of the exact size: growing would take twice the memory for a moment.
        vectors: Vectors::with_capacity(dims, usize::try_from(count).unwrap_or(0)),
        ..Loaded::default()
    };
    let mut rows = sqlx::query("SELECT rowid, source, embedding FROM chunks WHERE embedding IS NOT NULL")
        .fetch(connection);
    while let Some(row) = rows.try_next().await? {
        if !take(&mut loaded, &row) {
            loaded.skipped += 1;
        }
    }
    Ok(loaded)
}

fn take(loaded: &mut Loaded, row: &SqliteRow) -> bool {
    let (Ok(number), Ok(source), Ok(blob)) =
        (row.try_get::<i64, _>(0), row.try_get::<Option<&str>, _>(1), row.try_get::<&[u8], _>(2))
    else {
        return false;
    };
    let (numbers, rest) = blob.as_chunks::<4>();
    if !rest.is_empty() {
        return false;
    }
    let source = source.unwrap_or_default();
    let at = match loaded.sources.get(source) {
        Some(at) => *at,
        None => {
            let Ok(at) = u32::try_from(loaded.sources.len()) else { return false };
            loaded.sources.insert(source.to_owned(), at);
            at
        }
    };
    loaded.vectors.push(number, at, numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)))
}

/// The chunk in this row.
pub async fn chunk(
    connection: &mut SqliteConnection,
    shape: Shape,
    row: i64,
) -> Result<Option<Chunk>, sqlx::Error> {
    let statement = format!("SELECT {} FROM chunks c WHERE c.rowid = $1", shape.columns());
    // Made of constants alone.
    let found = sqlx::query(AssertSqlSafe(statement)).bind(row).fetch_optional(connection).await?;
    Ok(found.as_ref().map(to_chunk))
}

/// Chunks found in this way, of one source if one is given.
pub async fn find(
    connection: &mut SqliteConnection,
    shape: Shape,
    how: Find,
    text: &str,
    source: Option<&str>,
    limit: i64,
) -> Result<Vec<Chunk>, sqlx::Error> {
    let (from, condition, order) = match how {
        Find::TypeEquals => ("chunks c", "c.type_name = $1", "c.rowid"),
        Find::TypeContains => {
            ("chunks c", "instr(lower(c.type_name), lower($1)) > 0", "length(c.type_name), c.rowid")
        }
        Find::Fts if !shape.has_fts => return Ok(Vec::new()),
        Find::Fts => {
            ("chunks_fts f JOIN chunks c ON c.rowid = f.rowid", "chunks_fts MATCH $1", "f.rank, c.rowid")
        }
        Find::TextContains => ("chunks c", "instr(lower(c.text), lower($1)) > 0", "c.rowid"),
    };
    let statement = format!(
        "SELECT {} FROM {from} WHERE {condition} AND ($2 IS NULL OR c.source = $2) ORDER BY {order} LIMIT $3",
        shape.columns()
    );
    // Made of constants alone.
    let rows = sqlx::query(AssertSqlSafe(statement))
        .bind(text)
        .bind(source)
        .bind(limit)
        .fetch_all(connection)
        .await?;
    Ok(rows.iter().map(to_chunk).collect())
}

/// A column of another kind is shown as if it were empty.
fn to_chunk(row: &SqliteRow) -> Chunk {
    let text = |name: &str| row.try_get::<Option<String>, _>(name).ok().flatten();
    Chunk {
        id: text("id").unwrap_or_default(),
        source: text("source"),
        type_name: text("type_name"),
        file_path: text("file_path"),
        text: text("text").unwrap_or_default(),
        gotcha: text("gotcha").filter(|gotcha| !gotcha.is_empty()),
    }
}

/// Sources with the number of their chunks, the largest first.
pub async fn sources(connection: &mut SqliteConnection) -> Result<Vec<(Option<String>, i64)>, sqlx::Error> {
    sqlx::query_as(
        "SELECT CAST(source AS TEXT), count(*) AS chunks FROM chunks GROUP BY source ORDER BY chunks DESC, source",
    )
    .fetch_all(connection)
    .await
}

/// A page of chunks, and how many there are; `source` is `Some(None)` for those
/// without one.
pub async fn documents(
    connection: &mut SqliteConnection,
    source: Option<Option<&str>>,
    offset: i64,
    limit: i64,
) -> Result<(i64, Vec<Chunk>), sqlx::Error> {
    let condition = if source.is_some() { "c.source IS $1" } else { "$1 IS NULL" };
    let source = source.flatten();
    let statement = format!("SELECT count(*) FROM chunks c WHERE {condition}");
    // Both made of constants alone.
    let total = sqlx::query_scalar(AssertSqlSafe(statement)).bind(source).fetch_one(&mut *connection).await?;
    let statement = format!(
        "SELECT c.id, c.source, c.type_name, c.file_path, substr(c.text, 1, 200) AS text, NULL AS gotcha \
         FROM chunks c WHERE {condition} ORDER BY c.source, c.id LIMIT $2 OFFSET $3"
    );
    let rows = sqlx::query(AssertSqlSafe(statement))
        .bind(source)
        .bind(limit)
        .bind(offset)
        .fetch_all(connection)
        .await?;
    Ok((total, rows.iter().map(to_chunk).collect()))
}
