//! What the database driver says, in the words of [`StoreError`]. The driver's
//! own errors stay in this crate.

use domain::ports::StoreError;

/// Why a write did not go through.
#[derive(Debug)]
pub(crate) enum Failure {
    /// What was to be written breaks a rule of the schema, or what was read makes
    /// no sense: one submission is to blame.
    Guilty(String),
    /// The database did not take or give anything; nobody is to blame.
    Unavailable(String),
    /// The file itself is damaged.
    Damaged(String),
}

impl Failure {
    /// As the port says it.
    pub(crate) fn into_store(self) -> StoreError {
        match self {
            Self::Guilty(text) | Self::Damaged(text) => StoreError::Broken(text),
            Self::Unavailable(text) => StoreError::Unavailable(text),
        }
    }
}

/// Primary result codes of SQLite that matter here.
const BUSY: i32 = 5;
const LOCKED: i32 = 6;
const READONLY: i32 = 8;
const CORRUPT: i32 = 11;
const CANTOPEN: i32 = 14;
const CONSTRAINT: i32 = 19;
const NOTADB: i32 = 26;

/// The primary result code of an error, if it came from SQLite.
fn code(error: &sqlx::Error) -> Option<i32> {
    let sqlx::Error::Database(error) = error else { return None };
    // Extended codes carry the primary one in their low byte.
    error.code()?.parse::<i32>().ok().map(|code| code & 0xff)
}

/// Whether another process is writing just now.
pub(crate) fn is_busy(error: &sqlx::Error) -> bool {
    matches!(code(error), Some(BUSY | LOCKED))
}

/// Whether the file or its folder cannot be written.
pub(crate) fn is_read_only(error: &sqlx::Error) -> bool {
    matches!(code(error), Some(READONLY | CANTOPEN))
}

/// Whether the file is damaged, or no database at all.
pub(crate) fn is_damaged(error: &sqlx::Error) -> bool {
    matches!(code(error), Some(CORRUPT | NOTADB))
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        if is_damaged(&error) {
            return Self::Damaged(error.to_string());
        }
        match &error {
            sqlx::Error::Database(_) if code(&error) == Some(CONSTRAINT) => Self::Guilty(error.to_string()),
            sqlx::Error::RowNotFound
            | sqlx::Error::TypeNotFound { .. }
            | sqlx::Error::ColumnIndexOutOfBounds { .. }
            | sqlx::Error::ColumnNotFound(_)
            | sqlx::Error::ColumnDecode { .. }
            | sqlx::Error::Encode(_)
            | sqlx::Error::Decode(_) => Self::Guilty(error.to_string()),
            _ => Self::Unavailable(error.to_string()),
        }
    }
}

impl From<crate::row::Damaged> for Failure {
    fn from(damaged: crate::row::Damaged) -> Self {
        Self::Guilty(damaged.to_string())
    }
}

/// The port's words for an error outside the write path.
pub(crate) fn store_error(error: impl Into<Failure>) -> StoreError {
    error.into().into_store()
}
