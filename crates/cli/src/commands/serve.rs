//! `orch serve`: the engine and its HTTP API in one process, until it is told to
//! stop. The first signal lets calls in flight finish, the second cuts them.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use server::{Network, NoServices, Parts, Rate, ServerSettings, State};
use tokio::net::TcpListener;

use crate::config::types::{AuthConfig, ServerConfig};
use crate::exit::{Ended, Exit, Failure, plain};
use crate::lifecycle::Lifecycle;
use crate::logging;
use crate::output::say;
use crate::system::{RandomIds, SystemClock};
use crate::wire_up::{self, Place, Running, Setup};

/// Name of the file that keeps the key which signs tokens.
const KEY_FILE: &str = "secret_key";
/// Ids that a made key consists of: each has 128 random bits.
const KEY_IDS: usize = 2;

/// Serve the HTTP API and carry out what its users ask for.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  orch serve\n  orch serve --port 8080 --data-dir /var/lib/orch\n  \
                        ORCH__SIMULATED__ENABLED=true orch serve      rehearse without a key")]
pub struct Serve {
    /// Address to listen on [default: server.host].
    #[arg(long, value_name = "ADDRESS")]
    host: Option<String>,
    /// Port to listen on; 0 takes a free one and says which [default: server.port].
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
}

impl Serve {
    /// Runs the command.
    ///
    /// # Errors
    /// When the port, the data folder or the database cannot be used.
    pub async fn run(self, setup: &Setup) -> Ended {
        let config = &setup.config.server;
        logging::start_configured(config.log_format, config.log_level);
        let lifecycle = Lifecycle::watch()?;
        let place = setup.open().await?;
        let lock = wire_up::lock(&place.data_dir).await?;
        let listener = self.listen(config).await?;
        let address = listener.local_addr()?;
        warn_about_strangers(&place, &setup.config.auth, address).await?;
        let running = setup.start(&place, lock, None).await?;
        let state = State::new(Parts {
            store: place.store.clone(),
            engine: running.handle.clone(),
            clock: Arc::new(SystemClock),
            ids: Box::new(RandomIds),
            services: Arc::new(NoServices),
            settings: settings(setup, &place.data_dir)?,
        });
        // The one line on standard output: what a script waits for.
        writeln!(std::io::stdout().lock(), "listening on http://{address}")?;
        tracing::info!(%address, data_dir = %place.data_dir.display(), "serving");
        let serving = tokio::spawn(server::serve(listener, state, lifecycle.soft.clone()));
        watch_outside(&place, &running, &lifecycle, setup.config.execution.tick_interval).await;
        stop(&running, &lifecycle).await;
        serving.await.map_err(|error| Failure::error(format!("the server ended badly: {error}")))??;
        place.store.close().await;
        tracing::info!("stopped");
        Ok(Exit::Completed)
    }

    async fn listen(&self, config: &ServerConfig) -> Result<TcpListener, Failure> {
        let host = self.host.as_deref().unwrap_or(&config.host);
        let port = self.port.unwrap_or(config.port);
        TcpListener::bind((host, port)).await.map_err(|error| {
            let failure = Failure::error(format!("cannot listen on {host}:{port}: {}", plain(&error)));
            match error.kind() {
                std::io::ErrorKind::AddrInUse => {
                    failure.hint("another program has this port; end it, or choose one with --port")
                }
                std::io::ErrorKind::PermissionDenied => {
                    failure.hint("ports below 1024 need rights of their own; choose one with --port")
                }
                _ => failure.hint("server.host must be an address of this machine, such as 127.0.0.1"),
            }
        })
    }
}

/// Until the first signal: notices what other commands write beside us.
async fn watch_outside(place: &Place, running: &Running, lifecycle: &Lifecycle, tick: Duration) {
    loop {
        tokio::select! {
            () = lifecycle.soft.cancelled() => return,
            () = tokio::time::sleep(tick) => {}
        }
        match place.store.changed_outside().await {
            Ok(true) => running.handle.look_again().await,
            Ok(false) => {}
            Err(error) => tracing::warn!(%error, "cannot tell whether another command has written"),
        }
    }
}

/// Drains after the first signal, cuts after the second.
async fn stop(running: &Running, lifecycle: &Lifecycle) {
    say("Stopping: calls in flight finish. Press Ctrl-C again to cut them.");
    running.handle.drain();
    tokio::select! {
        () = running.handle.stopped() => {}
        () = lifecycle.hard.cancelled() => running.handle.stop(),
    }
    running.ended().await;
}

/// Whoever comes first becomes the admin; on an open address that may be anybody.
async fn warn_about_strangers(place: &Place, auth: &AuthConfig, address: SocketAddr) -> Result<(), Failure> {
    if address.ip().is_loopback() || !auth.is_registration_allowed || place.store.count_users().await? > 0 {
        return Ok(());
    }
    say(&format!(
        "WARNING: {address} is open to other machines and there is no account yet.\n\
         WARNING: whoever registers first becomes the admin. Make the admin now:\n\
         WARNING:   orch user add you@example.com --admin --data-dir {}",
        place.data_dir.display()
    ));
    Ok(())
}

fn settings(setup: &Setup, data_dir: &Path) -> Result<ServerSettings, Failure> {
    let (config, auth) = (&setup.config.server, &setup.config.auth);
    let rate = |rate: crate::config::kind::Rate| Rate {
        count: rate.count,
        per: Duration::from_secs(rate.per_seconds.into()),
    };
    Ok(ServerSettings {
        cors_origins: config.cors_origins.clone(),
        rate_limit: rate(config.rate_limit),
        plan_rate_limit: rate(config.plan_rate_limit),
        auth_rate_limit: rate(auth.rate_limit),
        trusted_proxies: config
            .trusted_proxies
            .iter()
            .map(|network| Network { address: network.address, prefix: network.prefix })
            .collect(),
        access_token: auth.access_token_expire,
        refresh_token: auth.refresh_token_expire,
        sse_token: auth.sse_token_expire,
        is_registration_allowed: auth.is_registration_allowed,
        lockout_threshold: auth.login_lockout_threshold,
        lockout_window: auth.login_lockout_window,
        ..ServerSettings::new(match &auth.secret_key {
            Some(key) => key.clone(),
            None => kept_key(data_dir)?,
        })
    })
}

/// The key that was made at the first start, or a new one.
fn kept_key(data_dir: &Path) -> Result<SecretString, Failure> {
    let path = data_dir.join(KEY_FILE);
    let failed = |error: std::io::Error| {
        Failure::error(format!("cannot keep a key in {}: {error}", path.display()))
            .hint("set auth.secret_key, or make the data folder writable")
    };
    match std::fs::read_to_string(&path) {
        Ok(text) if !text.trim().is_empty() => return Ok(text.trim().to_owned().into()),
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed(error)),
    }
    let key: String =
        (0..KEY_IDS).map(|_| domain::ports::IdSource::fresh(&mut RandomIds)).collect::<Vec<_>>().concat();
    write_private(&path, &key).map_err(failed)?;
    Ok(key.into())
}

/// Writes a file that only its owner can read.
fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}
