//! One listener: what was missed first, then what comes, until the project or the
//! server ends.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use domain::id::{ProjectId, UserId};
use engine::LiveDelta;
use futures::Stream;
use tokio::sync::{broadcast, watch};
use tokio::time::Instant;

use super::frame::{self, Frame, KEEPALIVE};
use super::hub::{Found, PAGE, Tail};
use crate::state::State;

/// Silence after which something is sent all the same.
const IDLE: Duration = Duration::from_secs(30);

/// Between two looks at whether the listener may still listen.
const RIGHTS: Duration = Duration::from_secs(10);

/// What a listener is and wants.
pub struct Listener {
    /// To reach everything.
    pub state: State,
    /// Whose events.
    pub project: ProjectId,
    /// Who listens.
    pub user: UserId,
    /// The project's events.
    pub tail: Arc<Tail>,
    /// The last number it has.
    pub after: u64,
    /// Text of running work, when it wants that too.
    pub live: Option<broadcast::Receiver<LiveDelta>>,
}

struct Reader {
    listener: Listener,
    last: watch::Receiver<u64>,
    waiting: VecDeque<Bytes>,
    quiet_since: Instant,
    checked_at: Instant,
    is_ended: bool,
}

/// The frames of a listener, as a body.
pub fn frames(listener: Listener) -> impl Stream<Item = Result<Bytes, Infallible>> + Send + 'static {
    let now = Instant::now();
    let last = listener.tail.last();
    let reader = Reader {
        listener,
        last,
        waiting: VecDeque::new(),
        quiet_since: now,
        checked_at: now,
        is_ended: false,
    };
    futures::stream::unfold(reader, |mut reader| async move {
        let bytes = reader.next().await?;
        reader.quiet_since = Instant::now();
        Some((Ok(bytes), reader))
    })
}

impl Reader {
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(bytes) = self.waiting.pop_front() {
                return Some(bytes);
            }
            if self.is_ended {
                return None;
            }
            self.last.borrow_and_update();
            let found = self.fetch().await?;
            if !found.is_empty() {
                self.take(found);
                continue;
            }
            if let Some(bytes) = self.wait().await? {
                return Some(bytes);
            }
        }
    }

    async fn fetch(&self) -> Option<Vec<Frame>> {
        match self.listener.tail.after(self.listener.after) {
            Found::Frames(frames) => Some(frames),
            Found::Behind => {
                let store = &self.listener.state.store;
                let events = store.events_after(&self.listener.project, self.listener.after, PAGE).await;
                match events {
                    Ok(events) => Some(events.iter().map(Frame::of).collect()),
                    Err(error) => {
                        // It comes back and says where it was.
                        tracing::warn!(%error, "an event stream was ended");
                        None
                    }
                }
            }
        }
    }

    fn take(&mut self, frames: Vec<Frame>) {
        if let Some(newest) = frames.last() {
            self.listener.after = newest.seq;
            // A project that was brought back to life since has more to tell.
            self.is_ended = newest.is_last && newest.seq >= *self.last.borrow();
        }
        self.waiting.extend(frames.into_iter().map(|frame| frame.bytes));
    }

    /// Waits for something; `None` ends the stream.
    async fn wait(&mut self) -> Option<Option<Bytes>> {
        let until = (self.quiet_since + IDLE).min(self.checked_at + RIGHTS);
        let live = self.listener.live.as_mut();
        tokio::select! {
            changed = self.last.changed() => changed.ok().map(|()| None),
            () = self.listener.state.closing.cancelled() => None,
            delta = next_live(live, &self.listener.project) => Some(Some(delta)),
            () = tokio::time::sleep_until(until) => {
                let now = Instant::now();
                if now.duration_since(self.checked_at) >= RIGHTS {
                    self.checked_at = now;
                    if !self.may_listen().await {
                        return None;
                    }
                }
                let is_idle = now.duration_since(self.quiet_since) >= IDLE;
                Some(is_idle.then_some(KEEPALIVE))
            }
        }
    }

    async fn may_listen(&self) -> bool {
        let Listener { state, project, user, .. } = &self.listener;
        let user = state.store.find_user(user).await;
        let project = state.store.find_project(project).await;
        match (user, project) {
            (Ok(Some(user)), Ok(Some(row))) => {
                let is_theirs =
                    user.role == store::Role::Admin || row.project.owner.as_ref() == Some(&user.id);
                user.is_active && is_theirs
            }
            _ => false,
        }
    }
}

/// The next piece of live text of this project; never, when nobody asked for it.
async fn next_live(live: Option<&mut broadcast::Receiver<LiveDelta>>, project: &ProjectId) -> Bytes {
    let Some(live) = live else { return std::future::pending().await };
    loop {
        match live.recv().await {
            Ok(delta) if delta.project == *project => return frame::live(&delta),
            // Pieces that were lost are no loss: they are only shown.
            Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => {}
            Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
        }
    }
}
