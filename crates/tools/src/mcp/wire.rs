//! What a server may send: bounds that hold for both transports.
//!
//! A server is not trusted to be quiet or short. Whoever breaks a bound loses the
//! connection, and why is kept for the report; nothing is ever queued without limit.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use rmcp::RoleClient;
use rmcp::model::{JsonRpcMessage, ServerJsonRpcMessage, ServerNotification};
use rmcp::service::TxJsonRpcMessage;
use rmcp::transport::Transport;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Most messages at once that nobody asked for.
const UNASKED_MAX: u32 = 1_000;
/// How many more may come each second. A flood that we are slow to read must still
/// be one, so this is far below what can be read.
const UNASKED_PER_SECOND: f64 = 200.0;

/// How long the last words of a process are waited for.
const WORDS_LIMIT: Duration = Duration::from_millis(500);

/// How a connection ended.
#[derive(Default)]
pub(super) struct Loss {
    reason: OnceLock<LossReason>,
    words: Mutex<String>,
    /// Ends the connection from our side.
    pub broken: CancellationToken,
    /// Set when the connection has gone, whoever ended it.
    pub ended: CancellationToken,
    /// Set when nothing more will be said on the error output.
    pub quiet: CancellationToken,
}

/// Why a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum LossReason {
    #[error("it sent a message longer than the limit")]
    TooLarge,
    #[error("it flooded us with messages")]
    Flood,
    #[error("what it prints is not the protocol")]
    Garbage,
    #[error("it does not read what it is sent")]
    Deaf,
    #[error("it ended")]
    Ended,
    #[error("reading from it failed")]
    Io,
    #[error("a request failed")]
    Useless,
}

impl Loss {
    /// Keeps the first reason and ends the connection.
    pub(super) fn set(&self, reason: LossReason) {
        // A second reason is a consequence of the first.
        let _ = self.reason.set(reason);
        self.broken.cancel();
    }

    pub(super) fn reason(&self) -> Option<LossReason> {
        self.reason.get().copied()
    }

    /// Ends the connection because a request showed that it is of no use.
    pub(super) fn break_off(&self, report: &str) {
        if self.reason().is_none() && !self.ended.is_cancelled() {
            self.set_words(report.to_owned());
            self.set(LossReason::Useless);
        }
    }

    /// The last line that the server printed to its error output.
    pub(super) fn set_words(&self, line: String) {
        *self.words.lock().unwrap_or_else(PoisonError::into_inner) = line;
    }

    /// Why, for the operator; waits a moment for the last words, which come another
    /// way than the end.
    pub(super) async fn last_report(&self) -> String {
        let _ = tokio::time::timeout(WORDS_LIMIT, self.quiet.cancelled()).await;
        self.report()
    }

    /// Why, for the operator.
    pub(super) fn report(&self) -> String {
        let reason = self.reason().map_or_else(|| "the connection closed".to_owned(), |it| it.to_string());
        let words = self.words.lock().unwrap_or_else(PoisonError::into_inner);
        if words.is_empty() { reason } else { format!("{reason}; the last words are: {words}") }
    }
}

/// Counts messages that nobody asked for: a bucket that fills slowly.
pub(super) struct Gauge {
    left: f64,
    at: Instant,
}

impl Gauge {
    pub(super) fn new() -> Self {
        Self { left: f64::from(UNASKED_MAX), at: Instant::now() }
    }

    /// Whether one more is within the bound.
    pub(super) fn admits(&mut self) -> bool {
        let now = Instant::now();
        let refill = now.duration_since(self.at).as_secs_f64() * UNASKED_PER_SECOND;
        self.at = now;
        self.left = (self.left + refill).min(f64::from(UNASKED_MAX)) - 1.0;
        self.left >= 0.0
    }
}

/// A transport that ends when its server sends too much. Notifications that we have
/// no use for stop here: behind this point each would get a task and a log line.
pub(super) struct Guard<T> {
    inner: T,
    gauge: Gauge,
    /// Requests of ours that have no answer yet.
    owed: u64,
    loss: Arc<Loss>,
}

impl<T> Guard<T> {
    pub(super) fn new(inner: T, loss: Arc<Loss>) -> Self {
        Self { inner, gauge: Gauge::new(), owed: 0, loss }
    }
}

impl<T> Drop for Guard<T> {
    fn drop(&mut self) {
        let _ = self.loss.reason.set(LossReason::Ended);
        self.loss.ended.cancel();
    }
}

impl<T: Transport<RoleClient>> Transport<RoleClient> for Guard<T> {
    type Error = T::Error;

    fn send(
        &mut self,
        item: TxJsonRpcMessage<RoleClient>,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send + 'static {
        self.owed += u64::from(matches!(item, JsonRpcMessage::Request(_)));
        self.inner.send(item)
    }

    async fn receive(&mut self) -> Option<ServerJsonRpcMessage> {
        loop {
            let message = tokio::select! {
                () = self.loss.broken.cancelled() => None,
                message = self.inner.receive() => message,
            }?;
            let is_answer = matches!(message, JsonRpcMessage::Response(_) | JsonRpcMessage::Error(_));
            if is_answer && self.owed > 0 {
                self.owed -= 1;
                return Some(message);
            }
            if !self.gauge.admits() {
                self.loss.set(LossReason::Flood);
                return None;
            }
            if is_wanted(&message) {
                return Some(message);
            }
        }
    }

    async fn close(&mut self) -> Result<(), Self::Error> {
        self.inner.close().await
    }
}

fn is_wanted(message: &ServerJsonRpcMessage) -> bool {
    match message {
        JsonRpcMessage::Notification(notification) => matches!(
            notification.notification,
            ServerNotification::ToolListChangedNotification(_)
                | ServerNotification::CancelledNotification(_)
                | ServerNotification::SubscriptionsAcknowledgedNotification(_)
        ),
        JsonRpcMessage::Request(_) | JsonRpcMessage::Response(_) | JsonRpcMessage::Error(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_burst_is_admitted_and_a_stream_is_not() {
        let mut gauge = Gauge::new();
        let admitted = |gauge: &mut Gauge| (0..5_000).filter(|_| gauge.admits()).count();
        assert_eq!(admitted(&mut gauge), 1_000);
        tokio::time::advance(Duration::from_secs(60)).await;
        assert!(admitted(&mut gauge) <= 1_000);
        let mut gauge = Gauge::new();
        for _ in 0..10_000 {
            tokio::time::advance(Duration::from_millis(6)).await;
            assert!(gauge.admits());
        }
    }
}
