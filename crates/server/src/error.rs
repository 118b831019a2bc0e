//! What goes wrong, as the API says it: one place that turns refusals into
//! statuses. Everything that is not the caller's doing is a 500 whose cause is
//! logged and never sent.

use std::borrow::Cow;
use std::error::Error;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::ports::StoreError;
use domain::refusal::{Code, Refusal};
use engine::EngineError;
use serde::Serialize;
use serde_json::Value;

/// One field that does not fit, as the contract's 422 array has it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FieldProblem {
    /// Kind of mistake, a stable word.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// `body`, `query` or `path`, then the field and, in lists, the position.
    pub loc: Vec<Value>,
    /// For a person.
    pub msg: String,
    /// What was sent, unless it is secret or long.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<Value>,
}

/// Why a request was not carried out.
#[derive(Debug)]
pub enum ApiError {
    /// Something the caller can know about and do about.
    Problem {
        /// The status.
        status: StatusCode,
        /// A stable word.
        code: &'static str,
        /// For a person.
        detail: Cow<'static, str>,
    },
    /// Not signed in, with the header that says how.
    Unauthorized {
        /// For a person.
        detail: &'static str,
        /// Whether `WWW-Authenticate` is sent.
        has_challenge: bool,
    },
    /// Too many requests.
    TooMany {
        /// When to come back.
        retry_after_s: u64,
    },
    /// Fields that do not fit.
    Invalid(Vec<FieldProblem>),
    /// Not the caller's doing.
    Internal(Box<dyn Error + Send + Sync>),
}

impl ApiError {
    /// A problem with this status, code and text.
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::Problem { status, code, detail: detail.into() }
    }

    /// There is no such object.
    #[must_use]
    pub fn not_found(kind: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, Code::NotFound.as_str(), format!("{kind} not found"))
    }

    /// Somebody else's object, or a matter of admins: the same for all of them.
    #[must_use]
    pub const fn forbidden() -> Self {
        Self::Problem {
            status: StatusCode::FORBIDDEN,
            code: "forbidden",
            detail: Cow::Borrowed("Not authorized"),
        }
    }

    /// The state of things does not allow it.
    pub fn bad_request(code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, detail)
    }

    /// The credentials are missing or not good.
    #[must_use]
    pub const fn unauthorized(detail: &'static str) -> Self {
        Self::Unauthorized { detail, has_challenge: true }
    }

    /// Something broke.
    pub fn internal(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Internal(error.into())
    }
}

/// The status of a refusal. External routes answer 409 where others say 400; they
/// map before they come here.
#[must_use]
pub const fn status_of(code: Code) -> StatusCode {
    match code {
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::ConflictState | Code::NotExecuting | Code::RetryLimit => StatusCode::BAD_REQUEST,
        Code::StaleFence | Code::AlreadyDone | Code::BudgetHeld => StatusCode::CONFLICT,
        Code::BudgetExhausted => StatusCode::PAYMENT_REQUIRED,
        Code::ForeignClaim => StatusCode::FORBIDDEN,
        Code::PriceUnknown | Code::PlanInvalid | Code::CycleDetected | Code::Invalid | Code::UnknownModel => {
            StatusCode::UNPROCESSABLE_ENTITY
        }
        Code::NoProvider => StatusCode::SERVICE_UNAVAILABLE,
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        Self::new(status_of(refusal.code), refusal.code.as_str(), refusal.message)
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Refused(refusal) => refusal.into(),
            StoreError::Unavailable(_) | StoreError::Broken(_) => Self::internal(error),
        }
    }
}

impl From<EngineError> for ApiError {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Refused(refusal) => refusal.into(),
            EngineError::Store(_) => Self::internal(error),
        }
    }
}

/// `{"detail": …, "code": …}`.
#[derive(Serialize)]
struct Body<'a, T: Serialize> {
    detail: T,
    code: &'a str,
}

fn answer<T: Serialize>(status: StatusCode, code: &str, detail: T) -> Response {
    (status, Json(Body { detail, code })).into_response()
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        match self {
            Self::Problem { status, code, detail } => answer(status, code, detail),
            Self::Unauthorized { detail, has_challenge } => {
                let mut response = answer(StatusCode::UNAUTHORIZED, "unauthorized", detail);
                if has_challenge {
                    let value = HeaderValue::from_static("Bearer");
                    response.headers_mut().insert(header::WWW_AUTHENTICATE, value);
                }
                response
            }
            Self::TooMany { retry_after_s } => {
                let detail = format!("Too many requests; try again in {retry_after_s} s");
                let mut response = answer(StatusCode::TOO_MANY_REQUESTS, "rate_limited", detail);
                response.headers_mut().insert(header::RETRY_AFTER, retry_after_s.into());
                response
            }
            Self::Invalid(problems) => {
                answer(StatusCode::UNPROCESSABLE_ENTITY, "validation_failed", problems)
            }
            Self::Internal(error) => {
                let mut causes = Vec::new();
                let mut next = error.source();
                while let Some(cause) = next {
                    causes.push(cause.to_string());
                    next = cause.source();
                }
                // The span around it carries the request id.
                tracing::error!(%error, ?causes, "a request failed");
                answer(StatusCode::INTERNAL_SERVER_ERROR, "internal", "Internal server error")
            }
        }
    }
}
