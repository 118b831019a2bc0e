//! User accounts and counters of failed sign-ins. Hashes are made and compared
//! elsewhere; here they are only kept. Written directly, not by commands, but
//! through the same writer, so that what is checked still holds when it is stored.

use std::sync::Arc;

use domain::id::UserId;
use domain::ports::StoreError;
use domain::time::Timestamp;
use sqlx::sqlite::SqliteConnection;

use crate::error::{Failure, store_error};
use crate::open::Store;
use crate::row::{Cursor, Damaged};
use crate::table::Table;

const USERS: Table = Table {
    name: "users",
    key: &["id"],
    columns: &[
        "id",
        "email",
        "display_name",
        "password_hash",
        "role",
        "is_active",
        "created_at",
        "updated_at",
        "last_login_at",
    ],
};

/// What a user may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Everything.
    Admin,
    /// What is their own.
    User,
}

impl Role {
    /// As stored and on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::User => "user",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Admin, Self::User].into_iter().find(|role| role.as_str() == word)
    }
}

/// An account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Its id.
    pub id: UserId,
    /// As the person wrote it; unique whatever the case.
    pub email: Arc<str>,
    /// Shown to others.
    pub display_name: Arc<str>,
    /// Absent for accounts that sign in elsewhere.
    pub password_hash: Option<Arc<str>>,
    /// What it may do.
    pub role: Role,
    /// Whether it may sign in.
    pub is_active: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// When it last signed in.
    pub last_login_at: Option<Timestamp>,
}

/// An account to be made.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// Made by the caller.
    pub id: UserId,
    /// Checked by the caller.
    pub email: String,
    /// Checked by the caller.
    pub display_name: String,
    /// Made by the caller.
    pub password_hash: Option<String>,
    /// The role; the first user becomes an admin whatever it says.
    pub role: Role,
}

/// Why an account was not made or changed.
#[derive(Debug, thiserror::Error)]
pub enum UserError {
    /// Somebody has this address.
    #[error("this email address is taken")]
    EmailTaken,
    /// There is no such account.
    #[error("user not found")]
    NotFound,
    /// Nobody would be left to administer.
    #[error("this is the last active admin; make another one first")]
    LastAdmin,
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Failed sign-ins of one account or address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoginFailures {
    /// How many, since the last success.
    pub failures: u32,
    /// The first of them.
    pub first_at: Timestamp,
    /// The last of them.
    pub last_at: Timestamp,
}

fn read(row: &mut Cursor<'_>) -> Result<User, Damaged> {
    Ok(User {
        id: UserId::new(row.text()?),
        email: row.text()?,
        display_name: row.text()?,
        password_hash: row.opt_text()?,
        role: row.word(Role::parse)?,
        is_active: row.bool()?,
        created_at: row.time()?,
        updated_at: row.time()?,
        last_login_at: row.opt_time()?,
    })
}

/// Addresses that differ in case only are the same.
fn email_key(email: &str) -> String {
    email.trim().to_lowercase()
}

async fn find(conn: &mut SqliteConnection, id: &UserId) -> Result<Option<User>, Failure> {
    let sql =
        crate::dialect::cached("find_user", || format!("SELECT {} FROM users WHERE id = $1", USERS.list("")));
    let row = sqlx::query(sql).bind(id.as_str()).fetch_optional(conn).await?;
    row.map(|row| Ok(read(&mut USERS.cursor(&row, 0))?)).transpose()
}

async fn insert(conn: &mut SqliteConnection, new: &NewUser, now: Timestamp) -> Result<Option<User>, Failure> {
    let key = email_key(&new.email);
    let taken: i64 = sqlx::query_scalar("SELECT count(*) FROM users WHERE email_key = $1")
        .bind(&key)
        .fetch_one(&mut *conn)
        .await?;
    if taken > 0 {
        return Ok(None);
    }
    let others: i64 = sqlx::query_scalar("SELECT count(*) FROM users").fetch_one(&mut *conn).await?;
    let role = if others == 0 { Role::Admin } else { new.role };
    sqlx::query(
        "INSERT INTO users (id, email, email_key, display_name, password_hash, role, is_active, \
         created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, 1, $7, $7)",
    )
    .bind(new.id.as_str())
    .bind(new.email.trim())
    .bind(&key)
    .bind(&new.display_name)
    .bind(new.password_hash.as_deref())
    .bind(role.as_str())
    .bind(now.0)
    .execute(&mut *conn)
    .await?;
    find(conn, &new.id).await
}

/// What is to be changed of an account.
struct Change {
    role: Option<Role>,
    is_active: Option<bool>,
}

/// `None` when it would leave nobody to administer; `Some(None)` when there is no
/// such account.
async fn change(
    conn: &mut SqliteConnection,
    id: &UserId,
    change: &Change,
    now: Timestamp,
) -> Result<Option<Option<User>>, Failure> {
    let Some(user) = find(conn, id).await? else { return Ok(Some(None)) };
    let role = change.role.unwrap_or(user.role);
    let is_active = change.is_active.unwrap_or(user.is_active);
    let was_admin = user.role == Role::Admin && user.is_active;
    if was_admin && !(role == Role::Admin && is_active) {
        let admins: i64 =
            sqlx::query_scalar("SELECT count(*) FROM users WHERE role = 'admin' AND is_active = 1")
                .fetch_one(&mut *conn)
                .await?;
        if admins <= 1 {
            return Ok(None);
        }
    }
    sqlx::query("UPDATE users SET role = $2, is_active = $3, updated_at = $4 WHERE id = $1")
        .bind(id.as_str())
        .bind(role.as_str())
        .bind(i64::from(is_active))
        .bind(now.0)
        .execute(&mut *conn)
        .await?;
    Ok(Some(find(conn, id).await?))
}

impl Store {
    /// Makes an account. The first one becomes an admin.
    ///
    /// # Errors
    /// When the address is taken, or the database cannot be written.
    pub async fn insert_user(&self, new: NewUser, now: Timestamp) -> Result<User, UserError> {
        let made = self
            .write_directly("direct", move |conn| Box::pin(async move { insert(conn, &new, now).await }))
            .await?;
        made.ok_or(UserError::EmailTaken)
    }

    /// The account with this address, whatever its case.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn find_user_by_email(&self, email: &str) -> Result<Option<User>, StoreError> {
        let sql = crate::dialect::cached("find_user_by_email", || {
            format!("SELECT {} FROM users WHERE email_key = $1", USERS.list(""))
        });
        let row = sqlx::query(sql)
            .bind(email_key(email))
            .fetch_optional(self.reader())
            .await
            .map_err(store_error)?;
        row.map(|row| read(&mut USERS.cursor(&row, 0)).map_err(store_error)).transpose()
    }

    /// An account, if there is one.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn find_user(&self, id: &UserId) -> Result<Option<User>, StoreError> {
        let mut conn = self.reader().acquire().await.map_err(store_error)?;
        find(&mut conn, id).await.map_err(store_error)
    }

    /// Accounts, oldest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn list_users(&self, limit: u32, offset: u32) -> Result<Vec<User>, StoreError> {
        let sql = crate::dialect::cached("list_users", || {
            format!("SELECT {} FROM users ORDER BY created_at, id LIMIT $1 OFFSET $2", USERS.list(""))
        });
        let rows =
            sqlx::query(sql).bind(limit).bind(offset).fetch_all(self.reader()).await.map_err(store_error)?;
        rows.iter().map(|row| read(&mut USERS.cursor(row, 0)).map_err(store_error)).collect()
    }

    /// How many accounts there are.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn count_users(&self) -> Result<u64, StoreError> {
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM users")
            .fetch_one(self.reader())
            .await
            .map_err(store_error)?;
        Ok(count.unsigned_abs())
    }

    /// Changes role or activity of an account; `None` leaves it as it is. The
    /// last active admin stays one.
    ///
    /// # Errors
    /// See [`UserError`].
    pub async fn update_user(
        &self,
        id: &UserId,
        role: Option<Role>,
        is_active: Option<bool>,
        now: Timestamp,
    ) -> Result<User, UserError> {
        let (id, wanted) = (id.clone(), Change { role, is_active });
        let changed = self
            .write_directly("direct", move |conn| {
                Box::pin(async move { change(conn, &id, &wanted, now).await })
            })
            .await?;
        changed.ok_or(UserError::LastAdmin)?.ok_or(UserError::NotFound)
    }

    /// Replaces the hash of a password. False when there is no such account.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn set_password_hash(
        &self,
        id: &UserId,
        hash: String,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let id = id.clone();
        self.write_directly("direct", move |conn| {
            Box::pin(async move {
                let done = sqlx::query("UPDATE users SET password_hash = $2, updated_at = $3 WHERE id = $1")
                    .bind(id.as_str())
                    .bind(hash)
                    .bind(now.0)
                    .execute(conn)
                    .await?;
                Ok(done.rows_affected() > 0)
            })
        })
        .await
    }

    /// Notes that somebody has signed in.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn touch_last_login(&self, id: &UserId, now: Timestamp) -> Result<(), StoreError> {
        let id = id.clone();
        self.write_directly("direct", move |conn| {
            Box::pin(async move {
                sqlx::query("UPDATE users SET last_login_at = $2 WHERE id = $1")
                    .bind(id.as_str())
                    .bind(now.0)
                    .execute(conn)
                    .await?;
                Ok(())
            })
        })
        .await
    }

    /// Counts a failed sign-in of an account or an address.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn count_login_failure(
        &self,
        subject: &str,
        now: Timestamp,
    ) -> Result<LoginFailures, StoreError> {
        let subject = subject.to_owned();
        self.write_directly("direct", move |conn| {
            Box::pin(async move {
                sqlx::query(
                    "INSERT INTO login_failures (subject, failures, first_at, last_at) VALUES ($1, 1, $2, $2) \
                     ON CONFLICT (subject) DO UPDATE SET failures = login_failures.failures + 1, \
                     last_at = excluded.last_at",
                )
                .bind(&subject)
                .bind(now.0)
                .execute(&mut *conn)
                .await?;
                let found = find_failures(conn, &subject).await?;
                Ok(found.unwrap_or(LoginFailures { failures: 1, first_at: now, last_at: now }))
            })
        })
        .await
    }

    /// Failed sign-ins of an account or an address since its last success.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn find_login_failures(&self, subject: &str) -> Result<Option<LoginFailures>, StoreError> {
        let mut conn = self.reader().acquire().await.map_err(store_error)?;
        find_failures(&mut conn, subject).await.map_err(store_error)
    }

    /// Forgets failed sign-ins: of one subject, because it has signed in, and all
    /// whose last one is older than `before`.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn clear_login_failures(&self, subject: &str, before: Timestamp) -> Result<(), StoreError> {
        let subject = subject.to_owned();
        self.write_directly("direct", move |conn| {
            Box::pin(async move {
                sqlx::query("DELETE FROM login_failures WHERE subject = $1 OR last_at < $2")
                    .bind(&subject)
                    .bind(before.0)
                    .execute(conn)
                    .await?;
                Ok(())
            })
        })
        .await
    }
}

const LOGIN_FAILURES: Table = Table {
    name: "login_failures",
    key: &["subject"],
    columns: &["subject", "failures", "first_at", "last_at"],
};

async fn find_failures(conn: &mut SqliteConnection, subject: &str) -> Result<Option<LoginFailures>, Failure> {
    let row =
        sqlx::query("SELECT subject, failures, first_at, last_at FROM login_failures WHERE subject = $1")
            .bind(subject)
            .fetch_optional(conn)
            .await?;
    let Some(row) = row else { return Ok(None) };
    let mut cursor = LOGIN_FAILURES.cursor(&row, 0);
    cursor.text()?;
    Ok(Some(LoginFailures { failures: cursor.num()?, first_at: cursor.time()?, last_at: cursor.time()? }))
}
