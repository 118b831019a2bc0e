//! Why a knowledge database gave no answer, with stable codes.

use std::io;

/// A failure of the knowledge part. Texts are fragments that can follow a code.
#[derive(Debug, thiserror::Error)]
pub enum KnowledgeError {
    /// No database of this name is configured.
    #[error("there is no knowledge database {0:?}")]
    Unknown(String),
    /// The file is not there.
    #[error("the file of the knowledge database {0:?} is missing")]
    Missing(String),
    /// The file is something else, or damaged.
    #[error("the knowledge database {0:?} cannot be used: {1}")]
    NotUsable(String, String),
    /// Another program holds it.
    #[error("the knowledge database {0:?} is locked by another program; try again later")]
    Locked(String),
    /// Its vectors and the configured model do not belong together.
    #[error("the vectors of {name:?} have {found} numbers, those of the embedding model {expected}")]
    WrongDimension {
        /// Which database.
        name: String,
        /// Numbers in its vectors.
        found: usize,
        /// Numbers in the others.
        expected: usize,
    },
    /// The embedding service failed.
    #[error("the text could not be embedded: {0}")]
    Embedding(String),
    /// Something with a folder or file that is indexed.
    #[error("{0}")]
    Files(#[from] io::Error),
}

impl KnowledgeError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unknown(_) => "unknown_database",
            Self::Missing(_) => "database_missing",
            Self::NotUsable(..) => "database_not_usable",
            Self::Locked(_) => "database_locked",
            Self::WrongDimension { .. } => "wrong_dimension",
            Self::Embedding(_) => "embedding_failed",
            Self::Files(_) => "tool_failed",
        }
    }

    /// What an error of the driver means for this database. Its text says nothing
    /// about the machine: SQLite's own words name no paths.
    pub(super) fn of(name: &str, error: &sqlx::Error) -> Self {
        if let sqlx::Error::Database(database) = error {
            let code = database.code().and_then(|code| code.parse::<u32>().ok()).unwrap_or_default();
            // The lower byte is the class: SQLITE_BUSY and SQLITE_LOCKED.
            if matches!(code & 0xff, 5 | 6) {
                return Self::Locked(name.to_owned());
            }
            return Self::NotUsable(name.to_owned(), database.message().to_owned());
        }
        Self::NotUsable(name.to_owned(), "it cannot be read".to_owned())
    }
}
