//! Tags of what people edit, so that nobody overwrites a change they have not seen.
//! A tag covers what a person can change and nothing that moves by itself: work
//! that goes on meanwhile is no reason to refuse an edit.

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde::Serialize;

use crate::error::ApiError;
use crate::random;

/// Letters of a tag.
const LENGTH: usize = 32;

/// A header with the tag.
pub(crate) type TagHeader = [(HeaderName, HeaderValue); 1];

/// The tag of these values.
pub(crate) fn tag(edited: &impl Serialize) -> String {
    let mut hash = random::sha256(&serde_json::json!(edited).to_string());
    hash.truncate(LENGTH);
    format!("\"{hash}\"")
}

/// The header of a tag.
pub(crate) fn header_of(tag: &str) -> TagHeader {
    // A tag is made of quotes and hex letters.
    [(header::ETAG, HeaderValue::from_str(tag).unwrap_or(HeaderValue::from_static("\"\"")))]
}

/// Refuses an edit of something that is not any more what the caller has read.
///
/// # Errors
/// 412.
pub(crate) fn must_match(headers: &HeaderMap, tag: &str) -> Result<(), ApiError> {
    let mut wanted = headers.get_all(header::IF_MATCH).iter().peekable();
    if wanted.peek().is_none() {
        return Ok(());
    }
    let is_one = |value: &HeaderValue| {
        let text = value.to_str().unwrap_or_default();
        text.split(',').map(str::trim).any(|one| one == "*" || one == tag)
    };
    if wanted.any(is_one) {
        return Ok(());
    }
    let detail =
        "This was changed since you read it; read it again and repeat your change on what is there now";
    Err(ApiError::new(StatusCode::PRECONDITION_FAILED, "precondition_failed", detail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_the_tags_is_enough() {
        let mine = tag(&("name", 1));
        assert_ne!(mine, tag(&("name", 2)));
        let mut headers = HeaderMap::new();
        assert!(must_match(&headers, &mine).is_ok());
        headers.append(header::IF_MATCH, HeaderValue::from_static("\"other\", \"more\""));
        assert!(must_match(&headers, &mine).is_err());
        headers.append(header::IF_MATCH, HeaderValue::from_str(&mine).unwrap());
        assert!(must_match(&headers, &mine).is_ok());
    }
}
