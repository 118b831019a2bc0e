//! Takes connections and carries out what comes over them. Slow senders are cut,
//! headers are bounded, and stopping lets requests in flight finish for a while.

use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use crate::client::Peer;
use crate::router;
use crate::state::State;

/// For the headers of a request to arrive.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);

/// Most bytes of a request's headers.
const HEADER_BYTES_MAX: usize = 32 * 1024;

/// Pause after a connection could not be taken: usually no file is left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until `shutdown` is cancelled and requests in flight are done, or have
/// had their time.
///
/// # Errors
/// When the listener has no address, or the database cannot be written.
pub async fn serve(listener: TcpListener, state: State, shutdown: CancellationToken) -> std::io::Result<()> {
    let address = listener.local_addr()?;
    let grace = state.settings.shutdown_grace;
    // What a dead server was carrying out will never be finished.
    state.store.clear_unfinished_idempotent().await.map_err(std::io::Error::other)?;
    state.hub.start(state.closing.clone());
    let app = router::router(state.clone());
    let graceful = GracefulShutdown::new();
    tracing::info!(%address, "listening");
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = shutdown.cancelled() => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be taken");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        // Frames of an event stream must not wait for an acknowledgement.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection was gone at once");
            continue;
        }
        let app = app.clone();
        let service = tower::service_fn(move |request: Request<Incoming>| {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(Peer(peer.ip()));
            let app = app.clone();
            // In a task of its own: who hangs up in the middle of a change must not
            // keep what follows from it from being done.
            let answering = tokio::spawn(app.oneshot(request));
            async move {
                match answering.await {
                    Ok(answer) => answer.map_err(|never| match never {}),
                    Err(error) => Err(std::io::Error::other(error)),
                }
            }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_TIMEOUT)
            .max_buf_size(HEADER_BYTES_MAX)
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended early");
            }
        });
    }
    drop(listener);
    state.closing.cancel();
    if tokio::time::timeout(grace, graceful.shutdown()).await.is_err() {
        tracing::warn!("requests in flight were cut");
    }
    Ok(())
}
