//! Accounts and sessions.

use axum::Json;
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, header};
use domain::id::UserId;
use serde_json::{Value, json};
use store::{NewUser, Role, UserError};

use crate::auth::password::Check;
use crate::auth::{login as signing_in, session};
use crate::error::ApiError;
use crate::extract::{Body, Client, Person, Signed, path_id};
use crate::random;
use crate::state::State;
use crate::wire::user::{
    ChangePassword, Login, LoginWire, PairWire, Refresh, Register, RegisteredWire, SessionWire, UserWire,
};

/// Longest label of a session, in characters.
const LABEL_CHARS_MAX: usize = 120;

/// What people see in the list of their sessions.
fn label(headers: &HeaderMap, Client(address): &Client) -> String {
    let agent = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or("unknown");
    let agent: String = agent.chars().take(LABEL_CHARS_MAX).collect();
    format!("{agent} from {address}")
}

/// What the sign-in page has to know before anybody is signed in.
pub async fn setup(state: State) -> Result<Json<Value>, ApiError> {
    let needs_first_user = state.store.count_users().await? == 0;
    let registration_open = state.settings.is_registration_allowed;
    Ok(Json(json!({"needs_first_user": needs_first_user, "registration_open": registration_open})))
}

/// Makes an account and signs in with it.
pub async fn register(
    state: State,
    client: Client,
    headers: HeaderMap,
    Body(body): Body<Register>,
) -> Result<(StatusCode, Json<RegisteredWire>), ApiError> {
    if !state.settings.is_registration_allowed {
        return Err(ApiError::new(
            StatusCode::FORBIDDEN,
            "registration_disabled",
            "Registration is disabled; ask an administrator for an account",
        ));
    }
    let local = body.email.split('@').next().unwrap_or_default();
    let display_name = match body.display_name.trim() {
        "" => local.to_owned(),
        name => name.to_owned(),
    };
    let password_hash = Some(state.passwords.hash(body.password).await?);
    let id = state.make_id(|ids| UserId::fresh(ids));
    let new = NewUser { id, email: body.email, display_name, password_hash, role: Role::User };
    let user = state.store.insert_user(new, state.now()).await.map_err(|error| match error {
        UserError::EmailTaken => ApiError::bad_request("registration_failed", "Registration failed"),
        other => user_error(other),
    })?;
    let pair = session::begin(&state, &user, Some(label(&headers, &client))).await?;
    Ok((StatusCode::CREATED, Json(RegisteredWire::new(pair, &user))))
}

/// What the accounts table refuses, as the API says it.
pub(crate) fn user_error(error: UserError) -> ApiError {
    match error {
        UserError::EmailTaken => ApiError::bad_request("email_taken", "This email address is taken"),
        UserError::NotFound => ApiError::not_found("User"),
        UserError::LastAdmin => {
            ApiError::bad_request("last_admin", "The last active admin must stay one; make another one first")
        }
        UserError::Store(error) => error.into(),
    }
}

/// Signs in.
pub async fn login(
    state: State,
    client: Client,
    headers: HeaderMap,
    Body(body): Body<Login>,
) -> Result<Json<LoginWire>, ApiError> {
    let user = signing_in::check(&state, &body.email, body.password, client.0).await?;
    let pair = session::begin(&state, &user, Some(label(&headers, &client))).await?;
    Ok(Json(LoginWire::new(pair, &user)))
}

/// Uses a refresh token up.
pub async fn refresh(state: State, Body(body): Body<Refresh>) -> Result<Json<PairWire>, ApiError> {
    Ok(Json(session::refresh(&state, &body.refresh_token).await?.into()))
}

/// Ends the session of the refresh token in the body, or else of the caller. Says
/// nothing about whether there was one.
pub async fn logout(state: State, request: Request) -> Result<StatusCode, ApiError> {
    use axum::extract::{FromRequest as _, FromRequestParts as _};
    let (mut parts, body) = request.into_parts();
    if let Ok(person) = Person::from_request_parts(&mut parts, &state).await {
        session::end(&state, &person.signed.user.id, &person.session).await?;
        return Ok(StatusCode::NO_CONTENT);
    }
    let request = Request::from_parts(parts, body);
    let Ok(Body(body)) = Body::<Refresh>::from_request(request, &state).await else {
        return Err(ApiError::unauthorized("Not authenticated"));
    };
    session::end_by_token(&state, &random::sha256(&body.refresh_token)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The caller's account.
pub async fn me(signed: Signed) -> Json<UserWire> {
    Json((&signed.user).into())
}

/// Changes the caller's password and ends all their sessions but a fresh one.
pub async fn password(
    state: State,
    client: Client,
    headers: HeaderMap,
    person: Person,
    Body(body): Body<ChangePassword>,
) -> Result<Json<LoginWire>, ApiError> {
    let user = person.signed.user;
    let check = state.passwords.check(body.current, user.password_hash.as_deref()).await?;
    if check == Check::Wrong {
        return Err(ApiError::bad_request("wrong_password", "The current password is not right"));
    }
    let hash = state.passwords.hash(body.new).await?;
    state.store.set_password_hash(&user.id, hash, state.now()).await?;
    session::end_all(&state, &user.id).await?;
    let pair = session::begin(&state, &user, Some(label(&headers, &client))).await?;
    Ok(Json(LoginWire::new(pair, &user)))
}

/// The caller's sessions.
pub async fn sessions(state: State, person: Person) -> Result<Json<Vec<SessionWire>>, ApiError> {
    let sessions = state.store.list_sessions(&person.signed.user.id, state.now()).await?;
    Ok(Json(sessions.iter().map(|session| SessionWire::new(session, &person.session)).collect()))
}

/// Ends one of the caller's sessions.
pub async fn end_session(state: State, person: Person, request: Request) -> Result<StatusCode, ApiError> {
    let (mut parts, _) = request.into_parts();
    let id = path_id(&mut parts, &state, "session_id", "Session").await?;
    if session::end(&state, &person.signed.user.id, &id).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(ApiError::not_found("Session"))
    }
}

/// Other places to sign in: none yet.
pub async fn oidc_providers() -> Json<Value> {
    Json(json!([]))
}

/// Where else the caller signs in.
pub async fn oidc_identities(_person: Person) -> Json<Value> {
    Json(json!([]))
}
