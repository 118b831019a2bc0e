//! Readers of event tables, one per project, for as long as anybody listens.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use domain::id::ProjectId;
use domain::ports::StoreError;
use store::Store;
use tokio::sync::{Notify, broadcast, watch};
use tokio_util::sync::CancellationToken;

use super::frame::Frame;

/// Frames kept for listeners that are a little behind.
const RING: usize = 512;

/// Events read at once.
pub(super) const PAGE: u32 = 256;

/// Between two looks when nothing signals: another process may have written.
const LOOK: Duration = Duration::from_secs(2);

/// All readers.
pub struct Hub {
    store: Store,
    tails: Arc<Mutex<HashMap<ProjectId, Weak<Tail>>>>,
}

/// The end of one project's events.
pub struct Tail {
    project: ProjectId,
    ring: Mutex<VecDeque<Frame>>,
    /// Number of the last event that is known.
    last: watch::Sender<u64>,
    look: Notify,
}

/// What a listener finds in the ring.
pub(super) enum Found {
    /// Frames that follow, perhaps none.
    Frames(Vec<Frame>),
    /// The ring begins later: the table has to be read.
    Behind,
}

impl Tail {
    /// Follows the last number.
    pub(super) fn last(&self) -> watch::Receiver<u64> {
        self.last.subscribe()
    }

    /// Frames after `seq`.
    pub(super) fn after(&self, seq: u64) -> Found {
        let ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        match ring.front() {
            Some(first) if first.seq > seq + 1 => Found::Behind,
            Some(_) => Found::Frames(ring.iter().filter(|frame| frame.seq > seq).cloned().collect()),
            None if *self.last.borrow() > seq => Found::Behind,
            None => Found::Frames(Vec::new()),
        }
    }

    async fn read_on(&self, store: &Store) -> Result<(), StoreError> {
        loop {
            let last = *self.last.borrow();
            let events = store.events_after(&self.project, last, PAGE).await?;
            let Some(newest) = events.last().map(|event| event.seq) else { return Ok(()) };
            {
                let mut ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
                ring.extend(events.iter().map(Frame::of));
                let over = ring.len().saturating_sub(RING);
                ring.drain(..over);
            }
            self.last.send_replace(newest);
        }
    }
}

impl Hub {
    /// A hub over this store.
    pub(crate) fn new(store: Store) -> Self {
        Self { store, tails: Arc::default() }
    }

    /// Hands signals of the store to the readers, until told to stop.
    pub(crate) fn start(&self, closing: CancellationToken) {
        let mut changed = self.store.changed();
        let tails = Arc::clone(&self.tails);
        tokio::spawn(async move {
            loop {
                let signal = tokio::select! {
                    signal = changed.recv() => signal,
                    () = closing.cancelled() => return,
                };
                let tails = tails.lock().unwrap_or_else(PoisonError::into_inner);
                match signal {
                    Ok(project) => {
                        if let Some(tail) = tails.get(&project).and_then(Weak::upgrade) {
                            tail.look.notify_one();
                        }
                    }
                    // Too many signals at once: everybody looks.
                    Err(broadcast::error::RecvError::Lagged(_)) => {
                        for tail in tails.values().filter_map(Weak::upgrade) {
                            tail.look.notify_one();
                        }
                    }
                    Err(broadcast::error::RecvError::Closed) => return,
                }
            }
        });
    }

    /// The reader of a project, started when nobody listens yet.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub(crate) async fn tail(&self, project: &ProjectId) -> Result<Arc<Tail>, StoreError> {
        let last = self.store.last_event_seq(project).await?;
        let mut tails = self.tails.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(tail) = tails.get(project).and_then(Weak::upgrade) {
            return Ok(tail);
        }
        tails.retain(|_, tail| tail.strong_count() > 0);
        let tail = Arc::new(Tail {
            project: project.clone(),
            ring: Mutex::default(),
            last: watch::Sender::new(last),
            look: Notify::new(),
        });
        tails.insert(project.clone(), Arc::downgrade(&tail));
        tokio::spawn(follow(self.store.clone(), Arc::downgrade(&tail)));
        Ok(tail)
    }
}

/// Reads on whenever there may be something, until the last listener has gone.
async fn follow(store: Store, tail: Weak<Tail>) {
    loop {
        let Some(tail) = tail.upgrade() else { return };
        if let Err(error) = tail.read_on(&store).await {
            tracing::warn!(%error, project = %tail.project, "events could not be read; trying again");
        }
        // Only the wait holds it: when the listeners have gone, this ends within it.
        tokio::select! {
            () = tail.look.notified() => {}
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}
