//! Why something with a project's files did not happen, with the stable codes
//! that models and clients see.

use std::io;

use crate::path::PathRefusal;

/// A failure of a file operation. Texts are fragments that can follow a code.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// The path, or what is found there, must not be touched.
    #[error("the path was refused: {0}")]
    PathNotAllowed(String),
    /// Something else has this name, or one that differs only in case.
    #[error("{0}")]
    NameConflict(String),
    /// A limit on size or number would be passed.
    #[error("{0}")]
    QuotaExceeded(String),
    /// There is no such file.
    #[error("there is no file {0:?}; `list_files` shows what there is")]
    NotFound(String),
    /// A folder where a file was meant, or the other way round.
    #[error("{0}")]
    WrongKind(String),
    /// The content is not text.
    #[error("{0}")]
    NotText(String),
    /// A project or task id that cannot be the name of a folder.
    #[error("the id {0:?} cannot name a folder")]
    BadId(String),
    /// What is stored is not what was stored once.
    #[error("{0}")]
    Damaged(String),
    /// The file system failed.
    #[error("the file system failed")]
    Io(#[from] io::Error),
}

impl FilesError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::PathNotAllowed(_) | Self::BadId(_) => "path_not_allowed",
            Self::NameConflict(_) => "name_conflict",
            Self::QuotaExceeded(_) => "quota_exceeded",
            Self::NotFound(_) => "file_not_found",
            Self::WrongKind(_) => "not_a_file",
            Self::NotText(_) => "not_text",
            Self::Damaged(_) | Self::Io(_) => "tool_failed",
        }
    }
}

impl From<PathRefusal> for FilesError {
    fn from(refusal: PathRefusal) -> Self {
        Self::PathNotAllowed(refusal.to_string())
    }
}

impl From<FilesError> for io::Error {
    fn from(error: FilesError) -> Self {
        let kind = match error {
            FilesError::Io(error) => return error,
            FilesError::PathNotAllowed(_) | FilesError::BadId(_) => io::ErrorKind::InvalidInput,
            FilesError::NameConflict(_) => io::ErrorKind::AlreadyExists,
            FilesError::QuotaExceeded(_) => io::ErrorKind::QuotaExceeded,
            FilesError::NotFound(_) => io::ErrorKind::NotFound,
            FilesError::WrongKind(_) | FilesError::NotText(_) | FilesError::Damaged(_) => {
                io::ErrorKind::InvalidData
            }
        };
        Self::new(kind, error)
    }
}
