//! Refresh tokens, in families: each sign-in begins one, each refresh uses up a
//! token and issues the next in the same transaction. A token that is used twice
//! was stolen, or two tabs asked at once; within a short grace it is the latter,
//! after it the whole family is revoked.

use std::sync::Arc;

use domain::id::UserId;
use domain::ports::StoreError;
use domain::time::Timestamp;
use sqlx::sqlite::SqliteConnection;

use crate::error::{Failure, store_error};
use crate::open::Store;
use crate::table::Table;

const TOKENS: Table = Table {
    name: "refresh_tokens",
    key: &["hash"],
    columns: &[
        "hash",
        "family",
        "user_id",
        "label",
        "created_at",
        "family_at",
        "expires_at",
        "used_at",
        "revoked_at",
    ],
};

/// The first token of a family.
#[derive(Clone, Debug)]
pub struct NewRefreshToken {
    /// Hash of the token.
    pub hash: String,
    /// Made by the caller.
    pub family: String,
    /// Whose.
    pub user: UserId,
    /// Client and address, for the list that people see.
    pub label: Option<String>,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// What came of a refresh.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rotation {
    /// The token was used up and the next one stored.
    Rotated {
        /// Whose.
        user: UserId,
        /// The family.
        family: Arc<str>,
    },
    /// It had been used a moment ago: the next one is stored too.
    ReusedWithinGrace {
        /// Whose.
        user: UserId,
        /// The family.
        family: Arc<str>,
    },
    /// It had been used long ago: the family is revoked now.
    Reused {
        /// Whose.
        user: UserId,
        /// The family.
        family: Arc<str>,
    },
    /// Nobody knows it, it has expired, or it was revoked.
    Unknown,
}

/// A family that is alive, as people see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// The family.
    pub family: Arc<str>,
    /// Client and address at sign-in.
    pub label: Option<Arc<str>>,
    /// When somebody signed in.
    pub created_at: Timestamp,
    /// When it was last refreshed.
    pub refreshed_at: Timestamp,
    /// When it ends unless it is refreshed.
    pub expires_at: Timestamp,
}

struct Token {
    family: Arc<str>,
    user: UserId,
    label: Option<Arc<str>>,
    family_at: Timestamp,
    expires_at: Timestamp,
    used_at: Option<Timestamp>,
    revoked_at: Option<Timestamp>,
}

async fn find(conn: &mut SqliteConnection, hash: &str) -> Result<Option<Token>, Failure> {
    let sql = crate::dialect::cached("find_refresh_token", || {
        format!("SELECT {} FROM refresh_tokens WHERE hash = $1", TOKENS.list(""))
    });
    let row = sqlx::query(sql).bind(hash).fetch_optional(conn).await?;
    let Some(row) = row else { return Ok(None) };
    let mut cursor = TOKENS.cursor(&row, 0);
    cursor.text()?;
    let (family, user, label) = (cursor.text()?, UserId::new(cursor.text()?), cursor.opt_text()?);
    cursor.time()?;
    Ok(Some(Token {
        family,
        user,
        label,
        family_at: cursor.time()?,
        expires_at: cursor.time()?,
        used_at: cursor.opt_time()?,
        revoked_at: cursor.opt_time()?,
    }))
}

async fn insert(
    conn: &mut SqliteConnection,
    new: &NewRefreshToken,
    family_at: Timestamp,
    now: Timestamp,
) -> Result<(), Failure> {
    sqlx::query(
        "INSERT INTO refresh_tokens (hash, family, user_id, label, created_at, family_at, expires_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(&new.hash)
    .bind(&new.family)
    .bind(new.user.as_str())
    .bind(new.label.as_deref())
    .bind(now.0)
    .bind(family_at.0)
    .bind(new.expires_at.0)
    .execute(conn)
    .await?;
    Ok(())
}

async fn revoke(conn: &mut SqliteConnection, family: &str, now: Timestamp) -> Result<u64, Failure> {
    let done =
        sqlx::query("UPDATE refresh_tokens SET revoked_at = $2 WHERE family = $1 AND revoked_at IS NULL")
            .bind(family)
            .bind(now.0)
            .execute(conn)
            .await?;
    Ok(done.rows_affected())
}

/// A refresh: the token that is shown and the one that shall follow it.
struct Refresh {
    hash: String,
    next_hash: String,
    next_expires_at: Timestamp,
    grace_ms: u64,
}

async fn rotate(conn: &mut SqliteConnection, refresh: &Refresh, now: Timestamp) -> Result<Rotation, Failure> {
    let Some(token) = find(conn, &refresh.hash).await? else { return Ok(Rotation::Unknown) };
    if token.revoked_at.is_some() || token.expires_at <= now {
        return Ok(Rotation::Unknown);
    }
    let (user, family) = (token.user.clone(), Arc::clone(&token.family));
    if token.used_at.is_some_and(|used_at| now.ms_since(used_at) > refresh.grace_ms) {
        revoke(conn, &family, now).await?;
        return Ok(Rotation::Reused { user, family });
    }
    let next = NewRefreshToken {
        hash: refresh.next_hash.clone(),
        family: family.to_string(),
        user: user.clone(),
        label: token.label.as_deref().map(str::to_owned),
        expires_at: refresh.next_expires_at,
    };
    insert(conn, &next, token.family_at, now).await?;
    if token.used_at.is_some() {
        return Ok(Rotation::ReusedWithinGrace { user, family });
    }
    sqlx::query("UPDATE refresh_tokens SET used_at = $2 WHERE hash = $1")
        .bind(&refresh.hash)
        .bind(now.0)
        .execute(conn)
        .await?;
    Ok(Rotation::Rotated { user, family })
}

impl Store {
    /// Stores the first token of a family, and drops those that ended long ago.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn insert_refresh_token(&self, new: NewRefreshToken, now: Timestamp) -> Result<(), StoreError> {
        self.write_directly("direct", move |conn| {
            Box::pin(async move {
                sqlx::query("DELETE FROM refresh_tokens WHERE expires_at < $1")
                    .bind(now.0)
                    .execute(&mut *conn)
                    .await?;
                insert(conn, &new, now, now).await
            })
        })
        .await
    }

    /// Uses up a token and stores the next one, in one transaction. A token that
    /// was used more than `grace_ms` ago revokes its whole family.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn rotate_refresh_token(
        &self,
        hash: &str,
        next_hash: String,
        next_expires_at: Timestamp,
        grace_ms: u64,
        now: Timestamp,
    ) -> Result<Rotation, StoreError> {
        let refresh = Refresh { hash: hash.to_owned(), next_hash, next_expires_at, grace_ms };
        self.write_directly("direct", move |conn| Box::pin(async move { rotate(conn, &refresh, now).await }))
            .await
    }

    /// Ends a session of a user. False when it had none of that name.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn revoke_session(
        &self,
        user: &UserId,
        family: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let (user, family) = (user.clone(), family.to_owned());
        self.write_directly("direct", move |conn| {
            Box::pin(async move {
                let done = sqlx::query(
                    "UPDATE refresh_tokens SET revoked_at = $3 \
                     WHERE family = $1 AND user_id = $2 AND revoked_at IS NULL",
                )
                .bind(&family)
                .bind(user.as_str())
                .bind(now.0)
                .execute(conn)
                .await?;
                Ok(done.rows_affected() > 0)
            })
        })
        .await
    }

    /// Ends the session that a token belongs to, for signing out with nothing but
    /// the token. False when nobody knows it.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn revoke_by_token(&self, hash: &str, now: Timestamp) -> Result<bool, StoreError> {
        let hash = hash.to_owned();
        self.write_directly("direct", move |conn| {
            Box::pin(async move {
                let Some(token) = find(conn, &hash).await? else { return Ok(false) };
                Ok(revoke(conn, &token.family, now).await? > 0)
            })
        })
        .await
    }

    /// Ends all sessions of a user; gives how many there were.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn revoke_all_sessions(&self, user: &UserId, now: Timestamp) -> Result<u64, StoreError> {
        let user = user.clone();
        self.write_directly("direct", move |conn| {
            Box::pin(async move {
                let alive: i64 = sqlx::query_scalar(
                    "SELECT count(DISTINCT family) FROM refresh_tokens \
                     WHERE user_id = $1 AND revoked_at IS NULL AND expires_at > $2",
                )
                .bind(user.as_str())
                .bind(now.0)
                .fetch_one(&mut *conn)
                .await?;
                sqlx::query(
                    "UPDATE refresh_tokens SET revoked_at = $2 WHERE user_id = $1 AND revoked_at IS NULL",
                )
                .bind(user.as_str())
                .bind(now.0)
                .execute(conn)
                .await?;
                Ok(alive.unsigned_abs())
            })
        })
        .await
    }

    /// Sessions of a user that are alive, latest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn list_sessions(&self, user: &UserId, now: Timestamp) -> Result<Vec<Session>, StoreError> {
        const SESSIONS: Table = Table {
            name: "refresh_tokens",
            key: &[],
            columns: &["family", "label", "family_at", "created_at", "expires_at"],
        };
        let rows = sqlx::query(
            "SELECT family, max(label), min(family_at), max(created_at), max(expires_at) \
             FROM refresh_tokens WHERE user_id = $1 AND revoked_at IS NULL AND used_at IS NULL \
             AND expires_at > $2 GROUP BY family ORDER BY 4 DESC, 1",
        )
        .bind(user.as_str())
        .bind(now.0)
        .fetch_all(self.reader())
        .await
        .map_err(store_error)?;
        let read = |row| -> Result<Session, Failure> {
            let mut row = SESSIONS.cursor(row, 0);
            Ok(Session {
                family: row.text()?,
                label: row.opt_text()?,
                created_at: row.time()?,
                refreshed_at: row.time()?,
                expires_at: row.time()?,
            })
        };
        rows.iter().map(|row| read(row).map_err(store_error)).collect()
    }
}
