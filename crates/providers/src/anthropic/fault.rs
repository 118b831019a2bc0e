//! Refusals and failures, put into classes by what has to be done about them.
//!
//! The table of provider faults in ARCHITECTURE.md, as code. Pure; messages still
//! have to go through the redactor.

use domain::model::{CallError, ErrorClass};
use reqwest::StatusCode;
use serde_json::Value;

/// The error of a response whose status is no success.
pub(super) fn from_response(status: StatusCode, body: &[u8]) -> CallError {
    let value: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
    let said = Said::of(&value);
    let class = class_of_status(status, &said);
    let words = match said.message {
        "" => String::from_utf8_lossy(body).trim().to_owned(),
        message => message.to_owned(),
    };
    let message = if status.is_redirection() {
        format!("the provider redirected the request (HTTP {}); is the base URL right?", status.as_u16())
    } else if words.is_empty() {
        format!("the provider answered HTTP {}", status.as_u16())
    } else {
        format!("the provider answered HTTP {}: {words}", status.as_u16())
    };
    CallError::new(class, message)
}

/// The error of an `error` event, which comes after HTTP 200.
///
/// Once the answer has begun, everything may have been billed. Before that, only
/// an outright refusal of the request certainly was not.
pub(super) fn from_event(event: &Value, has_begun: bool) -> CallError {
    let said = Said::of(event);
    let class = match said.kind {
        "timeout_error" => ErrorClass::TimedOut,
        "api_error" => ErrorClass::ServerError,
        _ if has_begun => ErrorClass::CutStream,
        "invalid_request_error" => class_of_status(StatusCode::BAD_REQUEST, &said),
        "authentication_error" | "permission_error" => ErrorClass::Auth,
        "billing_error" => ErrorClass::SpendLimit,
        "not_found_error" => ErrorClass::BadRequest,
        "request_too_large" => ErrorClass::TooLong,
        "rate_limit_error" => class_of_status(StatusCode::TOO_MANY_REQUESTS, &said),
        _ => ErrorClass::CutStream,
    };
    CallError::new(class, format!("the provider broke off: {}: {}", said.kind, said.message))
}

fn class_of_status(status: StatusCode, said: &Said<'_>) -> ErrorClass {
    if said.kind == "billing_error" {
        return ErrorClass::SpendLimit;
    }
    match status.as_u16() {
        400 | 422 if said.is_spend_limit() => ErrorClass::SpendLimit,
        400 | 422 if said.is_too_long() => ErrorClass::TooLong,
        401 | 403 => ErrorClass::Auth,
        402 => ErrorClass::SpendLimit,
        408 => ErrorClass::TimedOut,
        413 => ErrorClass::TooLong,
        429 if said.error_code == "enforced_spend_limit_reached" => ErrorClass::SpendLimit,
        429 => ErrorClass::RateLimited,
        503 | 529 => ErrorClass::Overloaded,
        500..=599 => ErrorClass::ServerError,
        _ => ErrorClass::BadRequest,
    }
}

/// The parts of an error body that matter.
struct Said<'a> {
    kind: &'a str,
    message: &'a str,
    error_code: &'a str,
}

impl<'a> Said<'a> {
    /// From `{error: {type, message, details: {error_code}}}`, or `{error: "…"}`.
    fn of(value: &'a Value) -> Self {
        let error = &value["error"];
        Self {
            kind: error["type"].as_str().unwrap_or(""),
            message: error["message"].as_str().or(error.as_str()).unwrap_or(""),
            error_code: error["details"]["error_code"].as_str().unwrap_or(""),
        }
    }

    fn is_spend_limit(&self) -> bool {
        let message = self.message.to_lowercase();
        ["usage limit", "credit balance is too low", "spend limit", "spending limit"]
            .iter()
            .any(|words| message.contains(words))
    }

    fn is_too_long(&self) -> bool {
        crate::http::says_too_long(self.message)
    }
}

#[cfg(test)]
mod tests {
    use domain::model::ErrorClass as C;
    use serde_json::json;

    use super::*;

    fn class(status: u16, body: &Value) -> C {
        from_response(StatusCode::from_u16(status).unwrap(), body.to_string().as_bytes()).class
    }

    #[test]
    fn every_status_has_the_class_of_the_table() {
        let plain = json!({"type": "error", "error": {"type": "x", "message": "m"}});
        let table = [
            (307, C::BadRequest),
            (400, C::BadRequest),
            (401, C::Auth),
            (402, C::SpendLimit),
            (403, C::Auth),
            (404, C::BadRequest),
            (408, C::TimedOut),
            (409, C::BadRequest),
            (413, C::TooLong),
            (429, C::RateLimited),
            (500, C::ServerError),
            (502, C::ServerError),
            (503, C::Overloaded),
            (504, C::ServerError),
            (529, C::Overloaded),
        ];
        for (status, expected) in table {
            assert_eq!(class(status, &plain), expected, "{status}");
        }
    }

    #[test]
    fn words_of_a_refusal_refine_its_class() {
        let said = |message: &str| json!({"error": {"type": "invalid_request_error", "message": message}});
        let limit = "You have reached your specified API usage limits. You will regain access on 2026-12-01.";
        assert_eq!(class(400, &said(limit)), C::SpendLimit);
        assert_eq!(class(400, &said("Your credit balance is too low")), C::SpendLimit);
        assert_eq!(class(400, &said("prompt is too long: 210000 tokens > 200000 maximum")), C::TooLong);
        assert_eq!(
            class(400, &said("input length and `max_tokens` exceed context limit: 1 + 2 > 3")),
            C::TooLong
        );
        assert_eq!(class(400, &said("max_tokens: too large")), C::BadRequest);
        let spent = json!({"error": {"type": "rate_limit_error", "message": "m",
            "details": {"error_code": "enforced_spend_limit_reached"}}});
        assert_eq!(class(429, &spent), C::SpendLimit);
        assert_eq!(class(400, &json!({"error": {"type": "billing_error", "message": "m"}})), C::SpendLimit);
    }

    #[test]
    fn bodies_that_are_no_json_are_quoted() {
        let error = from_response(StatusCode::BAD_GATEWAY, b"<html>bad gateway</html>");
        assert_eq!(error.class, C::ServerError);
        assert!(error.message.contains("bad gateway"), "{}", error.message);
        assert_eq!(from_response(StatusCode::OK, b"\xff\xfe").class, C::BadRequest);
    }

    #[test]
    fn events_are_free_only_when_the_request_was_refused_before_it_began() {
        let event = |kind: &str| json!({"type": "error", "error": {"type": kind, "message": "m"}});
        for kind in
            ["overloaded_error", "rate_limit_error", "invalid_request_error", "new_error", "api_error"]
        {
            assert!(!from_event(&event(kind), true).class.is_free(), "{kind}");
        }
        assert!(!from_event(&event("overloaded_error"), false).class.is_free());
        assert_eq!(from_event(&event("authentication_error"), false).class, C::Auth);
        assert_eq!(from_event(&event("rate_limit_error"), false).class, C::RateLimited);
        assert_eq!(from_event(&event("invalid_request_error"), false).class, C::BadRequest);
        assert_eq!(from_event(&Value::Null, false).class, C::CutStream);
    }
}
