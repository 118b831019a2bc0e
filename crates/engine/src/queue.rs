//! The work queue of one process: a short list and a wake. Offers beyond its
//! bound are dropped, for the feeder finds them in the database again.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use domain::ports::{Delivery, DeliveryHold, Offer, Work, WorkQueue};
use tokio::sync::Notify;

/// First in, first out; each piece of work at most once, queued or taken.
#[derive(Debug)]
pub struct LocalQueue {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    state: Mutex<State>,
    arrived: Notify,
    capacity: usize,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Offer>,
    known: HashSet<Work>,
    has_dropped: bool,
}

impl Inner {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LocalQueue {
    /// A queue that keeps this many offers waiting at most.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        let inner = Inner { state: Mutex::default(), arrived: Notify::new(), capacity: capacity.max(1) };
        Self { inner: Arc::new(inner) }
    }

    /// How many offers wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.inner.lock().waiting.len()
    }

    /// Whether offers were dropped since this was last asked.
    #[must_use]
    pub fn take_dropped(&self) -> bool {
        std::mem::take(&mut self.inner.lock().has_dropped)
    }

    fn try_take(&self, max: usize) -> Vec<Delivery> {
        let mut state = self.inner.lock();
        let count = max.min(state.waiting.len());
        state
            .waiting
            .drain(..count)
            .map(|offer| {
                let hold = Hold { inner: Arc::clone(&self.inner), work: offer.work.clone() };
                Delivery::new(offer, Box::new(hold))
            })
            .collect()
    }
}

#[async_trait]
impl WorkQueue for LocalQueue {
    async fn offer(&self, offers: Vec<Offer>) {
        let mut has_new = false;
        {
            let mut state = self.inner.lock();
            for offer in offers {
                if state.known.contains(&offer.work) {
                    // It may have become ready again under its worker's hands:
                    // the feeder looks once more.
                    state.has_dropped = true;
                } else if state.waiting.len() >= self.inner.capacity {
                    state.has_dropped = true;
                } else {
                    state.known.insert(offer.work.clone());
                    state.waiting.push_back(offer);
                    has_new = true;
                }
            }
        }
        if has_new {
            self.inner.arrived.notify_one();
        }
    }

    async fn take(&self, max: usize) -> Vec<Delivery> {
        loop {
            let arrived = self.inner.arrived.notified();
            let taken = self.try_take(max);
            if !taken.is_empty() {
                return taken;
            }
            arrived.await;
        }
    }
}

/// A delivery that is forgotten when it ends, well or not: in one process a lost
/// worker is a bug or a shutdown, and the database knows the rest.
struct Hold {
    inner: Arc<Inner>,
    work: Work,
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.inner.lock().known.remove(&self.work);
    }
}

impl DeliveryHold for Hold {
    fn settle(self: Box<Self>) {}

    fn is_lost(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use domain::id::TaskId;

    use super::*;

    fn offer(id: &str) -> Offer {
        Offer { work: Work::Task(TaskId::new(id)), fence: 0 }
    }

    #[tokio::test]
    async fn work_is_handed_out_once_and_in_order() {
        let queue = LocalQueue::new(8);
        queue.offer(vec![offer("a"), offer("b"), offer("a")]).await;
        let taken = queue.take(8).await;
        assert_eq!(
            taken.iter().map(|delivery| delivery.offer.clone()).collect::<Vec<_>>(),
            [offer("a"), offer("b")]
        );
        // While it is being worked on, it is not handed out again.
        queue.offer(vec![offer("a")]).await;
        assert_eq!(queue.waiting(), 0);
        drop(taken);
        queue.offer(vec![offer("a")]).await;
        assert_eq!(queue.take(1).await.len(), 1);
    }

    #[tokio::test]
    async fn offers_beyond_the_bound_are_dropped_and_said_so() {
        let queue = LocalQueue::new(1);
        queue.offer(vec![offer("a"), offer("b")]).await;
        assert_eq!(queue.waiting(), 1);
        assert!(queue.take_dropped());
        assert!(!queue.take_dropped());
    }
}
