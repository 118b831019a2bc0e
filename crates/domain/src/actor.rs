//! Who asks for a change. Every command carries one; every event records it.

use serde::{Deserialize, Serialize};

use crate::id::{KeyId, UserId};

/// The author of a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Actor {
    /// A signed-in person.
    User {
        /// Which one.
        id: UserId,
    },
    /// A program with an API key, for the key's owner.
    ApiKey {
        /// Whose key.
        user: UserId,
        /// Which key.
        key: KeyId,
    },
    /// A person at the shell of the machine that holds the data.
    Shell,
    /// The engine itself.
    Engine,
}

impl Actor {
    /// Whether a person (or a program in a person's name) asks. Only they may
    /// move something out of a final state.
    #[must_use]
    pub const fn is_person(&self) -> bool {
        !matches!(self, Self::Engine)
    }

    /// The account that asks, or in whose name a program does.
    #[must_use]
    pub const fn user(&self) -> Option<&UserId> {
        match self {
            Self::User { id } => Some(id),
            Self::ApiKey { user, .. } => Some(user),
            Self::Shell | Self::Engine => None,
        }
    }

    /// Short text for events and logs: `user usr_…`, `shell`, `engine`.
    #[must_use]
    pub fn label(&self) -> String {
        match self {
            Self::User { id } => format!("user {id}"),
            Self::ApiKey { user, .. } => format!("api key of {user}"),
            Self::Shell => "shell".to_owned(),
            Self::Engine => "engine".to_owned(),
        }
    }
}
