//! Sessions: one per sign-in, ended by signing out, by a changed password, or by a
//! refresh token that was used twice. Whether one is alive is asked of the
//! database, and believed for a few seconds.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use domain::id::UserId;
use store::{NewRefreshToken, Rotation, User};
use tokio::time::Instant;

use super::token::Kind;
use crate::error::ApiError;
use crate::random;
use crate::state::State;

/// How long an answer is believed.
const BELIEVED: Duration = Duration::from_secs(5);

/// Answers kept at most.
const KEPT_MAX: usize = 10_000;

/// Two tabs may refresh with one token within this time.
const GRACE_MS: u64 = 20_000;

/// A pair of tokens.
pub struct Pair {
    /// For calls.
    pub access: String,
    /// For the next pair.
    pub refresh: String,
}

/// Which sessions were alive a moment ago.
#[derive(Default)]
pub struct Alive(Mutex<HashMap<String, (Instant, bool)>>);

impl Alive {
    fn known(&self, family: &str) -> Option<bool> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(family).filter(|(at, _)| at.elapsed() < BELIEVED).map(|(_, is_alive)| *is_alive)
    }

    fn learn(&self, family: &str, is_alive: bool) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= KEPT_MAX {
            known.clear();
        }
        known.insert(family.to_owned(), (Instant::now(), is_alive));
    }

    fn forget_all(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// Whether a session goes on.
///
/// # Errors
/// When the database cannot be read.
pub async fn is_alive(state: &State, user: &UserId, family: &str) -> Result<bool, ApiError> {
    if let Some(is_alive) = state.alive.known(family) {
        return Ok(is_alive);
    }
    let sessions = state.store.list_sessions(user, state.now()).await?;
    let is_alive = sessions.iter().any(|session| &*session.family == family);
    state.alive.learn(family, is_alive);
    Ok(is_alive)
}

/// Begins a session.
///
/// # Errors
/// When the database cannot be written.
pub async fn begin(state: &State, user: &User, label: Option<String>) -> Result<Pair, ApiError> {
    let family = random::hex::<16>()?;
    let pair = pair(state, &user.id, &family)?;
    let now = state.now();
    let new = NewRefreshToken {
        hash: random::sha256(&pair.refresh),
        family,
        user: user.id.clone(),
        label,
        expires_at: now.plus_ms(ms(state.settings.refresh_token)),
    };
    state.store.insert_refresh_token(new, now).await?;
    Ok(pair)
}

fn pair(state: &State, user: &UserId, family: &str) -> Result<Pair, ApiError> {
    let issue = |kind, validity| state.tokens.issue(kind, user.as_str(), family, None, state.now(), validity);
    Ok(Pair {
        access: issue(Kind::Access, state.settings.access_token)?,
        refresh: issue(Kind::Refresh, state.settings.refresh_token)?,
    })
}

/// Uses a refresh token up for the next pair.
///
/// # Errors
/// 401 when it is not good (any more); its whole session has ended then, if it was
/// used before.
pub async fn refresh(state: &State, token: &str) -> Result<Pair, ApiError> {
    const REFUSED: ApiError = ApiError::unauthorized("Invalid or expired refresh token");
    let now = state.now();
    let Ok(claims) = state.tokens.check(Kind::Refresh, token, now) else { return Err(REFUSED) };
    let user = UserId::new(claims.sub);
    let is_active = state.store.find_user(&user).await?.is_some_and(|user| user.is_active);
    if !is_active {
        return Err(REFUSED);
    }
    let pair = pair(state, &user, &claims.sid)?;
    let expires_at = now.plus_ms(ms(state.settings.refresh_token));
    let (hash, next) = (random::sha256(token), random::sha256(&pair.refresh));
    match state.store.rotate_refresh_token(&hash, next, expires_at, GRACE_MS, now).await? {
        Rotation::Rotated { .. } | Rotation::ReusedWithinGrace { .. } => Ok(pair),
        Rotation::Reused { user, family } => {
            tracing::warn!(%user, family = &*family, "a refresh token was used twice; its session was ended");
            state.alive.forget_all();
            Err(REFUSED)
        }
        Rotation::Unknown => Err(REFUSED),
    }
}

/// Ends one session.
///
/// # Errors
/// When the database cannot be written.
pub async fn end(state: &State, user: &UserId, family: &str) -> Result<bool, ApiError> {
    let is_ended = state.store.revoke_session(user, family, state.now()).await?;
    state.alive.forget_all();
    Ok(is_ended)
}

/// Ends the session that a token with this hash belongs to, if there is one.
///
/// # Errors
/// When the database cannot be written.
pub async fn end_by_token(state: &State, hash: &str) -> Result<(), ApiError> {
    if state.store.revoke_by_token(hash, state.now()).await? {
        state.alive.forget_all();
    }
    Ok(())
}

/// Ends all sessions of a user.
///
/// # Errors
/// When the database cannot be written.
pub async fn end_all(state: &State, user: &UserId) -> Result<(), ApiError> {
    state.store.revoke_all_sessions(user, state.now()).await?;
    state.alive.forget_all();
    Ok(())
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
