//! Statements that SQLite and PostgreSQL spell differently, and the texts of
//! statements that are made of column lists.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Begins a transaction that may write, at once: one that reads first and writes
/// later could find that somebody else wrote meanwhile.
///
/// The second statement tells whether another connection has written since.
pub(crate) const BEGIN: &str = "BEGIN IMMEDIATE; PRAGMA data_version";

/// Ends it.
pub(crate) const COMMIT: &str = "COMMIT";

/// Undoes it.
pub(crate) const ROLLBACK: &str = "ROLLBACK";

/// How much of the log is not in the main file yet: busy, frames, frames done.
pub(crate) const LOG_SIZE: &str = "PRAGMA wal_checkpoint(NOOP)";

/// Moves the log into the main file without making anybody wait.
pub(crate) const CHECKPOINT: &str = "PRAGMA wal_checkpoint(PASSIVE)";

/// A statement that is made once and then kept for ever: the driver's cache wants
/// the same text each time. `name` must be used for one text only.
pub(crate) fn cached(name: &'static str, make: impl FnOnce() -> String) -> &'static str {
    static TEXTS: Mutex<Option<HashMap<&'static str, &'static str>>> = Mutex::new(None);
    let mut texts = TEXTS.lock().unwrap_or_else(PoisonError::into_inner);
    texts.get_or_insert_default().entry(name).or_insert_with(|| Box::leak(make().into_boxed_str()))
}
