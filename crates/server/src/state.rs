//! What every request can reach: the store, the engine, the clock, and what the
//! server keeps of its own. Nothing here that the database does not know, but
//! counters and caches that may be lost.

use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::FromRequestParts;
use axum::http::request::Parts as RequestParts;
use domain::ports::{Clock, IdSource};
use domain::time::Timestamp;
use store::Store;
use tokio_util::sync::CancellationToken;

use crate::auth::password::Passwords;
use crate::auth::session::Alive;
use crate::auth::token::Tokens;
use crate::events::Hub;
use crate::rate::Limiter;
use crate::services::Services;
use crate::settings::ServerSettings;

/// What a server is made of.
pub struct Parts {
    /// The database.
    pub store: Store,
    /// The engine.
    pub engine: engine::Handle,
    /// Wall time.
    pub clock: Arc<dyn Clock>,
    /// Fresh ids.
    pub ids: Box<dyn IdSource + Send>,
    /// What is known of outside services.
    pub services: Arc<dyn Services>,
    /// Configuration.
    pub settings: ServerSettings,
}

/// Shared by all requests. Cheap to clone.
#[derive(Clone)]
pub struct State(Arc<Inner>);

/// See [`State`].
pub struct Inner {
    pub(crate) store: Store,
    pub(crate) engine: engine::Handle,
    clock: Arc<dyn Clock>,
    ids: Mutex<Box<dyn IdSource + Send>>,
    pub(crate) services: Arc<dyn Services>,
    pub(crate) settings: ServerSettings,
    pub(crate) tokens: Tokens,
    pub(crate) passwords: Passwords,
    pub(crate) alive: Alive,
    pub(crate) limiter: Limiter,
    pub(crate) hub: Hub,
    /// Held from comparing what is edited with what its editor has read until it is
    /// changed; edits are rare and short.
    pub(crate) edits: tokio::sync::Mutex<()>,
    /// Long answers end when this is cancelled.
    pub(crate) closing: CancellationToken,
}

impl State {
    /// A server's state.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(Inner {
            hub: Hub::new(parts.store.clone()),
            store: parts.store,
            engine: parts.engine,
            clock: parts.clock,
            ids: Mutex::new(parts.ids),
            services: parts.services,
            tokens: Tokens::new(&parts.settings.secret_key),
            settings: parts.settings,
            passwords: Passwords::default(),
            alive: Alive::default(),
            limiter: Limiter::default(),
            edits: tokio::sync::Mutex::default(),
            closing: CancellationToken::new(),
        }))
    }

    /// The present.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Makes an id.
    pub(crate) fn make_id<T>(&self, make: impl FnOnce(&mut dyn IdSource) -> T) -> T {
        let mut ids = self.ids.lock().unwrap_or_else(PoisonError::into_inner);
        make(ids.as_mut())
    }

    /// Twelve hex letters that name one request.
    pub(crate) fn request_id(&self) -> String {
        let mut hash = crate::random::sha256(&self.make_id(|ids| ids.fresh()));
        hash.truncate(12);
        hash
    }
}

impl Deref for State {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl FromRequestParts<Self> for State {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(_parts: &mut RequestParts, state: &Self) -> Result<Self, Self::Rejection> {
        Ok(state.clone())
    }
}
