//! API keys of the caller. Only a person makes and revokes them.

use axum::Json;
use axum::extract::Request;
use axum::http::StatusCode;
use domain::id::KeyId;
use serde_json::{Value, json};
use store::NewApiKey;

use crate::error::ApiError;
use crate::extract::{Body, KEY_PREFIX, Person, path_id};
use crate::random;
use crate::state::State;
use crate::wire::user::{KeyWire, NewKey, NewKeyWire};

/// How much of a key people see.
const PREFIX_CHARS: usize = 12;

/// A day, in milliseconds.
const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// Makes a key and shows it, once.
pub async fn create(
    state: State,
    person: Person,
    Body(body): Body<NewKey>,
) -> Result<(StatusCode, Json<NewKeyWire>), ApiError> {
    let key = format!("{KEY_PREFIX}{}", random::hex::<32>()?);
    let prefix: String = key.chars().take(PREFIX_CHARS).collect();
    let now = state.now();
    let days = body.expires_in_days.and_then(|days| u64::try_from(days).ok());
    let new = NewApiKey {
        id: state.make_id(|ids| KeyId::fresh(ids)),
        user: person.signed.user.id,
        name: body.name,
        hash: random::sha256(&key),
        prefix: prefix.clone(),
        scopes: body.scopes,
        expires_at: days.map(|days| now.plus_ms(days.saturating_mul(DAY_MS))),
    };
    let wire = NewKeyWire {
        id: new.id.to_string(),
        key,
        key_prefix: prefix,
        name: new.name.clone(),
        scopes: new.scopes.clone(),
        created_at: now.to_seconds(),
        expires_at: crate::wire::seconds(new.expires_at),
    };
    state.store.insert_api_key(new, now).await?;
    Ok((StatusCode::CREATED, Json(wire)))
}

/// The caller's keys, newest first.
pub async fn list(state: State, person: Person) -> Result<Json<Vec<KeyWire>>, ApiError> {
    let keys = state.store.list_api_keys(&person.signed.user.id).await?;
    let now = state.now();
    Ok(Json(keys.iter().map(|key| KeyWire::new(key, now)).collect()))
}

/// Revokes a key; may be repeated.
pub async fn revoke(state: State, person: Person, request: Request) -> Result<Json<Value>, ApiError> {
    let (mut parts, _) = request.into_parts();
    let id = KeyId::new(path_id(&mut parts, &state, "key_id", "API key").await?);
    let user = &person.signed.user.id;
    if !state.store.revoke_api_key(user, &id, state.now()).await? {
        let is_theirs = state.store.list_api_keys(user).await?.iter().any(|key| key.id == id);
        if !is_theirs {
            return Err(ApiError::not_found("API key"));
        }
    }
    Ok(Json(json!({"status": "revoked", "key_id": id})))
}
