//! Event streams and the tickets that open them.

use axum::Json;
use axum::body::Body as ResponseBody;
use axum::extract::{FromRequestParts as _, Request};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use domain::id::{ProjectId, UserId};
use serde_json::{Value, json};

use crate::auth::token::Kind;
use crate::error::ApiError;
use crate::events::{Listener, frames};
use crate::extract::{
    Credential, Fields, OwnedProject, Query, Shape, Signed, active_user, owned_project, path_id,
};
use crate::state::State;

/// A ticket for one stream of one project.
pub async fn token(state: State, owned: OwnedProject) -> Result<Json<Value>, ApiError> {
    let session = match &owned.signed.credential {
        Credential::Session(session) => session.as_str(),
        Credential::Key(key, _) => key.as_str(),
    };
    let (user, project) = (owned.signed.user.id.as_str(), owned.row.project.id.as_str());
    let validity = state.settings.sse_token;
    let token = state.tokens.issue(Kind::Sse, user, session, Some(project), state.now(), validity)?;
    Ok(Json(json!({"token": token})))
}

/// Query of a stream.
pub struct Listen {
    token: Option<String>,
    after: Option<i64>,
    is_live: bool,
}

impl Shape for Listen {
    fn read(fields: &mut Fields) -> Self {
        Self {
            token: fields.opt_text("token", 0..=10_000),
            after: fields.opt_int("after", 0..=i64::MAX),
            is_live: fields.bool_or("live", false),
        }
    }
}

/// The events of a project as they come.
pub async fn stream(state: State, request: Request) -> Result<Response, ApiError> {
    let (mut parts, _) = request.into_parts();
    let Query(query) = Query::<Listen>::from_request_parts(&mut parts, &state).await?;
    let id = ProjectId::new(path_id(&mut parts, &state, "project_id", "Project").await?);
    let user = match &query.token {
        Some(token) => by_ticket(&state, token, &id).await?,
        None if parts.headers.contains_key(header::AUTHORIZATION) => {
            let signed = Signed::from_request_parts(&mut parts, &state).await?;
            owned_project(&state, &signed, &id).await?;
            signed.user.id
        }
        None => return Err(missing_token()),
    };
    let newest = state.store.last_event_seq(&id).await?;
    let tail = state.hub.tail(&id).await?;
    let live = query.is_live.then(|| state.engine.live());
    let after = asked_after(&parts.headers).or(query.after.and_then(|n| u64::try_from(n).ok()));
    // A number that nobody has had yet means: from now on.
    let after = after.filter(|after| *after <= newest).unwrap_or(newest);
    let listener = Listener { state, project: id, user, tail, after, live };
    Ok(answer(ResponseBody::from_stream(frames(listener))))
}

fn missing_token() -> ApiError {
    let problem = crate::error::FieldProblem {
        kind: "missing",
        loc: vec![json!("query"), json!("token")],
        msg: "Field required".to_owned(),
        input: None,
    };
    ApiError::Invalid(vec![problem])
}

async fn by_ticket(state: &State, token: &str, project: &ProjectId) -> Result<UserId, ApiError> {
    let claims = state.tokens.check(Kind::Sse, token, state.now())?;
    let user = active_user(state, &UserId::new(claims.sub.as_str())).await?;
    if claims.project.as_deref() != Some(project.as_str()) {
        return Err(ApiError::forbidden());
    }
    if !state.tokens.use_up(&claims, state.now()) {
        return Err(ApiError::unauthorized("This token was used before"));
    }
    if state.store.find_project(project).await?.is_none() {
        return Err(ApiError::not_found("Project"));
    }
    Ok(user.id)
}

fn asked_after(headers: &HeaderMap) -> Option<u64> {
    headers.get("last-event-id")?.to_str().ok()?.trim().parse().ok()
}

fn answer(body: ResponseBody) -> Response {
    let mut response = body.into_response();
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, "text/event-stream; charset=utf-8"),
        (header::CACHE_CONTROL, "no-cache"),
        (header::CONNECTION, "keep-alive"),
        (header::HeaderName::from_static("x-accel-buffering"), "no"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
