//! Who asks. Found out once per request, before anything else of it is read; the
//! handler's signature says who may come in.

use std::net::IpAddr;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use domain::actor::Actor;
use domain::id::{KeyId, UserId};
use store::{Role, User};

use crate::auth::session;
use crate::auth::token::Kind;
use crate::client;
use crate::error::ApiError;
use crate::random;
use crate::state::State;

/// What API keys begin with.
pub(crate) const KEY_PREFIX: &str = "orch_";

/// Between two notes that a key was used, in milliseconds.
const TOUCH_MS: u64 = 60_000;

/// What came with the credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// A person's session.
    Session(String),
    /// A program's key and what it may be used for.
    Key(KeyId, Vec<String>),
}

/// What a key may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Looking.
    Read,
    /// Changing what is the owner's.
    Execute,
    /// Nothing that a key may do.
    Person,
}

/// Somebody who is signed in.
#[derive(Clone, Debug)]
pub struct Signed {
    /// The account.
    pub user: User,
    /// How they came in.
    pub credential: Credential,
}

impl Signed {
    /// Who they are for commands and events.
    #[must_use]
    pub fn actor(&self) -> Actor {
        match &self.credential {
            Credential::Session(_) => Actor::User { id: self.user.id.clone() },
            Credential::Key(key, _) => Actor::ApiKey { user: self.user.id.clone(), key: key.clone() },
        }
    }

    /// Whether they may see and do everything. Programs never may.
    #[must_use]
    pub fn is_admin(&self) -> bool {
        self.user.role == Role::Admin && matches!(self.credential, Credential::Session(_))
    }

    /// Whether this owner's things are theirs.
    #[must_use]
    pub fn may_touch(&self, owner: Option<&UserId>) -> bool {
        self.is_admin() || owner == Some(&self.user.id)
    }

    /// Refuses a key that may not be used for this.
    ///
    /// # Errors
    /// 403.
    pub fn must_have(&self, scope: Scope) -> Result<(), ApiError> {
        let Credential::Key(_, scopes) = &self.credential else { return Ok(()) };
        let has = |word: &str| scopes.iter().any(|scope| scope == word);
        let is_allowed = match scope {
            Scope::Read => has("read") || has("execute"),
            Scope::Execute => has("execute"),
            Scope::Person => false,
        };
        if is_allowed { Ok(()) } else { Err(ApiError::forbidden()) }
    }
}

/// Finds out who sends a request.
///
/// # Errors
/// 401.
pub(crate) async fn identify(state: &State, headers: &HeaderMap) -> Result<Signed, ApiError> {
    let credential = bearer(headers).ok_or(ApiError::unauthorized("Not authenticated"))?;
    if credential.starts_with(KEY_PREFIX) {
        return by_key(state, credential).await;
    }
    let claims = state.tokens.check(Kind::Access, credential, state.now())?;
    let user = active_user(state, &UserId::new(claims.sub)).await?;
    if !session::is_alive(state, &user.id, &claims.sid).await? {
        return Err(ApiError::unauthorized("This session has ended"));
    }
    Ok(Signed { user, credential: Credential::Session(claims.sid) })
}

/// The account, if it may be used.
///
/// # Errors
/// 401.
pub(crate) async fn active_user(state: &State, id: &UserId) -> Result<User, ApiError> {
    let user = state.store.find_user(id).await?.filter(|user| user.is_active);
    user.ok_or(ApiError::Unauthorized { detail: "User not found or inactive", has_challenge: false })
}

async fn by_key(state: &State, key: &str) -> Result<Signed, ApiError> {
    const REFUSED: ApiError = ApiError::unauthorized("Invalid API key");
    let now = state.now();
    let found = state.store.find_api_key(&random::sha256(key)).await?;
    let Some(key) = found.filter(|key| key.is_valid(now)) else { return Err(REFUSED) };
    let user = state.store.find_user(&key.user).await?.filter(|user| user.is_active).ok_or(REFUSED)?;
    if key.last_used_at.is_none_or(|at| now.ms_since(at) >= TOUCH_MS) {
        state.store.touch_api_key(&key.id, now).await?;
    }
    Ok(Signed { user, credential: Credential::Key(key.id, key.scopes) })
}

/// What stands after `Bearer`; nothing when the header is there twice.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = values.next().filter(|_| values.next().is_none())?.to_str().ok()?;
    let (scheme, credential) = value.split_once(' ')?;
    let credential = credential.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !credential.is_empty()).then_some(credential)
}

impl FromRequestParts<State> for Signed {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, ApiError> {
        let signed = match parts.extensions.get::<Self>() {
            Some(signed) => signed.clone(),
            None => identify(state, &parts.headers).await?,
        };
        let scope = match parts.method {
            Method::GET | Method::HEAD => Scope::Read,
            Method::DELETE => Scope::Person,
            _ => Scope::Execute,
        };
        signed.must_have(scope)?;
        Ok(signed)
    }
}

/// A person who is signed in; a program with a key is refused.
pub struct Person {
    /// Who.
    pub signed: Signed,
    /// Their session.
    pub session: String,
}

impl FromRequestParts<State> for Person {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, ApiError> {
        let signed = Signed::from_request_parts(parts, state).await?;
        match signed.credential.clone() {
            Credential::Session(session) => Ok(Self { signed, session }),
            Credential::Key(..) => Err(ApiError::forbidden()),
        }
    }
}

/// An admin, in person.
pub struct Admin(pub Signed);

impl FromRequestParts<State> for Admin {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, ApiError> {
        let signed = Signed::from_request_parts(parts, state).await?;
        if signed.is_admin() { Ok(Self(signed)) } else { Err(ApiError::forbidden()) }
    }
}

/// The client's address.
pub struct Client(pub IpAddr);

impl FromRequestParts<State> for Client {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Self::Rejection> {
        Ok(Self(client::address_of(parts, &state.settings.trusted_proxies)))
    }
}
