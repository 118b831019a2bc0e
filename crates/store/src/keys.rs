//! API keys. Only hashes are kept; the prefix is for people to tell keys apart.

use std::sync::Arc;

use domain::id::{KeyId, UserId};
use domain::ports::StoreError;
use domain::time::Timestamp;

use crate::error::store_error;
use crate::open::Store;
use crate::row::{Cursor, Damaged};
use crate::table::Table;

const KEYS: Table = Table {
    name: "api_keys",
    key: &["id"],
    columns: &[
        "id",
        "user_id",
        "name",
        "hash",
        "prefix",
        "scopes_json",
        "created_at",
        "expires_at",
        "last_used_at",
        "revoked_at",
    ],
};

/// A key to be made.
#[derive(Clone, Debug)]
pub struct NewApiKey {
    /// Made by the caller.
    pub id: KeyId,
    /// Whose.
    pub user: UserId,
    /// What it is for.
    pub name: String,
    /// Hash of the key.
    pub hash: String,
    /// The key's first letters.
    pub prefix: String,
    /// What it may be used for.
    pub scopes: Vec<String>,
    /// When it ends, if ever.
    pub expires_at: Option<Timestamp>,
}

/// A key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// Its id.
    pub id: KeyId,
    /// Whose.
    pub user: UserId,
    /// What it is for.
    pub name: Arc<str>,
    /// Hash of the key.
    pub hash: Arc<str>,
    /// The key's first letters.
    pub prefix: Arc<str>,
    /// What it may be used for.
    pub scopes: Vec<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends, if ever.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, to the minute or so.
    pub last_used_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

impl ApiKey {
    /// Whether it may be used.
    #[must_use]
    pub fn is_valid(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| end > now)
    }
}

fn read(row: &mut Cursor<'_>) -> Result<ApiKey, Damaged> {
    Ok(ApiKey {
        id: KeyId::new(row.text()?),
        user: UserId::new(row.text()?),
        name: row.text()?,
        hash: row.text()?,
        prefix: row.text()?,
        scopes: row.json()?,
        created_at: row.time()?,
        expires_at: row.opt_time()?,
        last_used_at: row.opt_time()?,
        revoked_at: row.opt_time()?,
    })
}

impl Store {
    /// Stores a key.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn insert_api_key(&self, new: NewApiKey, now: Timestamp) -> Result<(), StoreError> {
        self.write_directly("direct", move |conn| {
            Box::pin(async move {
                sqlx::query(
                    "INSERT INTO api_keys (id, user_id, name, hash, prefix, scopes_json, created_at, \
                     expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
                )
                .bind(new.id.as_str())
                .bind(new.user.as_str())
                .bind(&new.name)
                .bind(&new.hash)
                .bind(&new.prefix)
                .bind(domain::attempt::write_json(&new.scopes).to_string())
                .bind(now.0)
                .bind(new.expires_at.map(|end| end.0))
                .execute(conn)
                .await?;
                Ok(())
            })
        })
        .await
    }

    /// The key with this hash, also when it has ended or was revoked.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn find_api_key(&self, hash: &str) -> Result<Option<ApiKey>, StoreError> {
        let sql = crate::dialect::cached("find_api_key", || {
            format!("SELECT {} FROM api_keys WHERE hash = $1", KEYS.list(""))
        });
        let row = sqlx::query(sql).bind(hash).fetch_optional(self.reader()).await.map_err(store_error)?;
        row.map(|row| read(&mut KEYS.cursor(&row, 0)).map_err(store_error)).transpose()
    }

    /// Keys of a user, newest first, revoked ones included.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn list_api_keys(&self, user: &UserId) -> Result<Vec<ApiKey>, StoreError> {
        let sql = crate::dialect::cached("list_api_keys", || {
            format!("SELECT {} FROM api_keys WHERE user_id = $1 ORDER BY created_at DESC, id", KEYS.list(""))
        });
        let rows =
            sqlx::query(sql).bind(user.as_str()).fetch_all(self.reader()).await.map_err(store_error)?;
        rows.iter().map(|row| read(&mut KEYS.cursor(row, 0)).map_err(store_error)).collect()
    }

    /// Revokes a key of a user. False when there is none of that name, or it was
    /// revoked before.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn revoke_api_key(
        &self,
        user: &UserId,
        id: &KeyId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let (user, id) = (user.clone(), id.clone());
        self.write_directly("direct", move |conn| {
            Box::pin(async move {
                let done = sqlx::query(
                    "UPDATE api_keys SET revoked_at = $3 WHERE id = $1 AND user_id = $2 AND revoked_at IS NULL",
                )
                .bind(id.as_str())
                .bind(user.as_str())
                .bind(now.0)
                .execute(conn)
                .await?;
                Ok(done.rows_affected() > 0)
            })
        })
        .await
    }

    /// Notes that a key was used. Callers do this once a minute at most.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn touch_api_key(&self, id: &KeyId, now: Timestamp) -> Result<(), StoreError> {
        let id = id.clone();
        self.write_directly("direct", move |conn| {
            Box::pin(async move {
                sqlx::query("UPDATE api_keys SET last_used_at = $2 WHERE id = $1")
                    .bind(id.as_str())
                    .bind(now.0)
                    .execute(conn)
                    .await?;
                Ok(())
            })
        })
        .await
    }
}
