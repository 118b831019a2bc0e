//! Requests that may be repeated: the first one with a key is carried out, later
//! ones get its answer. Per user, so that nobody learns of another's keys.

use domain::ports::StoreError;
use domain::time::Timestamp;
use sqlx::Row as _;
use sqlx::sqlite::SqliteConnection;

use crate::error::Failure;
use crate::open::Store;

/// The answer of the first request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// HTTP status.
    pub status: u16,
    /// Body.
    pub body: String,
}

/// What is to be done with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Idempotent {
    /// It is the first: carry it out, then record its answer.
    First,
    /// The first one is still being carried out.
    InProgress,
    /// It was carried out: this was the answer.
    Done(Recorded),
    /// The key was used for something else.
    OtherBody,
}

struct Request {
    user: String,
    key: String,
    body_hash: String,
    keep_ms: u64,
}

async fn begin(
    conn: &mut SqliteConnection,
    request: &Request,
    now: Timestamp,
) -> Result<Idempotent, Failure> {
    sqlx::query("DELETE FROM idempotency WHERE created_at < $1")
        .bind(now.0.saturating_sub_unsigned(request.keep_ms))
        .execute(&mut *conn)
        .await?;
    let row = sqlx::query("SELECT body_hash, status, body FROM idempotency WHERE user_id = $1 AND key = $2")
        .bind(&request.user)
        .bind(&request.key)
        .fetch_optional(&mut *conn)
        .await?;
    let Some(row) = row else {
        sqlx::query("INSERT INTO idempotency (user_id, key, body_hash, created_at) VALUES ($1, $2, $3, $4)")
            .bind(&request.user)
            .bind(&request.key)
            .bind(&request.body_hash)
            .bind(now.0)
            .execute(conn)
            .await?;
        return Ok(Idempotent::First);
    };
    if row.try_get::<&str, _>(0)? != request.body_hash {
        return Ok(Idempotent::OtherBody);
    }
    let Some(status) = row.try_get::<Option<i64>, _>(1)? else { return Ok(Idempotent::InProgress) };
    let status = u16::try_from(status)
        .map_err(|_| Failure::Guilty(format!("table idempotency, column status: {status} is no status")))?;
    let body = row.try_get::<Option<String>, _>(2)?.unwrap_or_default();
    Ok(Idempotent::Done(Recorded { status, body }))
}

impl Store {
    /// Asks what is to be done with a request; keys older than `keep_ms` are
    /// forgotten. `user` may be any text that stands for the caller.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn begin_idempotent(
        &self,
        user: &str,
        key: &str,
        body_hash: &str,
        keep_ms: u64,
        now: Timestamp,
    ) -> Result<Idempotent, StoreError> {
        let request =
            Request { user: user.to_owned(), key: key.to_owned(), body_hash: body_hash.to_owned(), keep_ms };
        self.write_directly("direct", move |conn| Box::pin(async move { begin(conn, &request, now).await }))
            .await
    }

    /// Records the answer of a first request. `None` forgets the key instead, so
    /// that the request may be tried again: it was not carried out.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn finish_idempotent(
        &self,
        user: &str,
        key: &str,
        answer: Option<Recorded>,
    ) -> Result<(), StoreError> {
        let (user, key) = (user.to_owned(), key.to_owned());
        self.write_directly("direct", move |conn| {
            Box::pin(async move {
                let query = match &answer {
                    Some(answer) => sqlx::query(
                        "UPDATE idempotency SET status = $3, body = $4 WHERE user_id = $1 AND key = $2",
                    )
                    .bind(&user)
                    .bind(&key)
                    .bind(i64::from(answer.status))
                    .bind(&answer.body),
                    None => sqlx::query("DELETE FROM idempotency WHERE user_id = $1 AND key = $2")
                        .bind(&user)
                        .bind(&key),
                };
                query.execute(conn).await?;
                Ok(())
            })
        })
        .await
    }

    /// Forgets requests that nobody finished: at start, none of them goes on.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn clear_unfinished_idempotent(&self) -> Result<(), StoreError> {
        self.write_directly("direct", |conn| {
            Box::pin(async move {
                sqlx::query("DELETE FROM idempotency WHERE status IS NULL").execute(conn).await?;
                Ok(())
            })
        })
        .await
    }
}
