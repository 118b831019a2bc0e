//! Ids by their first letters: people abbreviate them.

use domain::ports::StoreError;

use crate::error::store_error;
use crate::open::Store;

/// What ids are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdKind {
    /// Projects that are not deleted.
    Project,
    /// Tasks.
    Task,
    /// Checkpoints.
    Checkpoint,
}

impl Store {
    /// Ids that begin with `prefix`, in order; at most `limit`.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn ids_with_prefix(
        &self,
        kind: IdKind,
        prefix: &str,
        limit: u32,
    ) -> Result<Vec<String>, StoreError> {
        let sql = match kind {
            IdKind::Project => {
                "SELECT id FROM projects WHERE id >= $1 AND substr(id, 1, length($1)) = $1 \
                 AND is_deleted = 0 ORDER BY id LIMIT $2"
            }
            IdKind::Task => {
                "SELECT id FROM tasks WHERE id >= $1 AND substr(id, 1, length($1)) = $1 ORDER BY id LIMIT $2"
            }
            IdKind::Checkpoint => {
                "SELECT id FROM checkpoints WHERE id >= $1 AND substr(id, 1, length($1)) = $1 \
                 ORDER BY id LIMIT $2"
            }
        };
        sqlx::query_scalar(sql).bind(prefix).bind(limit).fetch_all(self.reader()).await.map_err(store_error)
    }
}
