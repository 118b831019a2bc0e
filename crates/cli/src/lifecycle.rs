//! How the program stops. The first Ctrl-C or SIGTERM asks for a soft stop: no
//! new call starts, calls in flight finish and keep their answers. The second
//! asks for a hard one: they are cut. Reads from top to bottom like that story.
//!
//! Knows nothing of what is stopped; the tokens are passed on.

use std::io;

use tokio_util::sync::CancellationToken;

/// What was asked for so far.
#[derive(Clone, Debug, Default)]
pub struct Lifecycle {
    /// Start nothing new.
    pub soft: CancellationToken,
    /// Cut what runs.
    pub hard: CancellationToken,
}

impl Lifecycle {
    /// Listens for signals from now on.
    ///
    /// # Errors
    /// When the system does not let us listen.
    pub fn watch() -> io::Result<Self> {
        let lifecycle = Self::default();
        let mut signals = Signals::listen()?;
        let asked = lifecycle.clone();
        tokio::spawn(async move {
            signals.next().await;
            asked.soft.cancel();
            signals.next().await;
            asked.hard.cancel();
        });
        Ok(lifecycle)
    }
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn listen() -> io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) {
        // An error means that no signal can ever come.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
