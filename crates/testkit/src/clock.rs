//! Time and ids that tests control.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use domain::ports::{Clock, IdSource};
use domain::time::Timestamp;

/// A clock that stands still until it is moved.
#[derive(Debug)]
pub struct FakeClock {
    now_ms: AtomicI64,
}

impl FakeClock {
    /// Noon of a day in the middle of a month.
    #[must_use]
    pub const fn new() -> Self {
        // 2026-11-18T12:00:00Z
        Self { now_ms: AtomicI64::new(1_795_003_200_000) }
    }

    /// Moves it forward.
    pub fn advance_ms(&self, ms: i64) {
        self.now_ms.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Default for FakeClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for FakeClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.now_ms.load(Ordering::SeqCst))
    }
}

/// Ids that count up; each source has a name of its own, so that two of them
/// never give the same id.
#[derive(Debug)]
pub struct SeqIds {
    name: String,
    next: AtomicU64,
}

impl SeqIds {
    /// A source whose ids begin with this name.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), next: AtomicU64::new(1) }
    }

    /// The next id, through a shared reference.
    pub fn next_id(&self) -> String {
        format!("{}{:08}", self.name, self.next.fetch_add(1, Ordering::SeqCst))
    }
}

impl IdSource for SeqIds {
    fn fresh(&mut self) -> String {
        self.next_id()
    }
}
