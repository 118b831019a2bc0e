//! Signed tokens: HS256, each kind with an audience of its own, every claim there
//! and checked. Times are compared with our clock, not the library's.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use domain::time::Timestamp;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, decode_header, encode};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use crate::error::ApiError;
use crate::random;

/// Who issues.
const ISSUER: &str = "orch";

/// How far clocks may differ, in seconds.
const LEEWAY_S: i64 = 30;

/// Longest token that is looked at, in bytes.
const BYTES_MAX: usize = 4096;

/// Used tickets that are remembered at most.
const USED_MAX: usize = 100_000;

/// What a token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Calling the API.
    Access,
    /// Getting new tokens.
    Refresh,
    /// Opening one event stream.
    Sse,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Access, Self::Refresh, Self::Sse];

    const fn name(self) -> &'static str {
        match self {
            Self::Access => "access",
            Self::Refresh => "refresh",
            Self::Sse => "sse",
        }
    }

    const fn audience(self) -> &'static str {
        match self {
            Self::Access => "orch:api",
            Self::Refresh => "orch:refresh",
            Self::Sse => "orch:events",
        }
    }
}

/// What a token says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    typ: String,
    iss: String,
    aud: String,
    /// Whose.
    pub sub: String,
    iat: i64,
    nbf: i64,
    exp: i64,
    /// Its own name, never used twice.
    pub jti: String,
    /// The session it belongs to.
    pub sid: String,
    /// The project an event stream is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
}

/// Why a token is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenError {
    /// It is none of ours, changed, or not valid at this time.
    Bad,
    /// It is ours, for something else.
    WrongKind,
}

impl From<TokenError> for ApiError {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::Bad => Self::unauthorized("Invalid or expired token"),
            TokenError::WrongKind => {
                Self::Unauthorized { detail: "This token is for something else", has_challenge: false }
            }
        }
    }
}

/// Makes and checks tokens.
pub struct Tokens {
    sign: EncodingKey,
    verify: DecodingKey,
    validation: Validation,
    used: Mutex<HashMap<String, i64>>,
}

impl Tokens {
    /// Tokens signed with this key.
    #[must_use]
    pub fn new(key: &SecretString) -> Self {
        let key = key.expose_secret().as_bytes();
        let mut validation = Validation::new(Algorithm::HS256);
        // All claims are checked below, against our clock.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        Self {
            sign: EncodingKey::from_secret(key),
            verify: DecodingKey::from_secret(key),
            validation,
            used: Mutex::default(),
        }
    }

    /// A fresh token.
    ///
    /// # Errors
    /// When there is no randomness or signing fails.
    pub fn issue(
        &self,
        kind: Kind,
        user: &str,
        session: &str,
        project: Option<&str>,
        now: Timestamp,
        validity: Duration,
    ) -> Result<String, ApiError> {
        let now_s = now.0.div_euclid(1000);
        let claims = Claims {
            typ: kind.name().to_owned(),
            iss: ISSUER.to_owned(),
            aud: kind.audience().to_owned(),
            sub: user.to_owned(),
            iat: now_s,
            nbf: now_s,
            exp: now_s.saturating_add_unsigned(validity.as_secs()),
            jti: random::hex::<16>()?,
            sid: session.to_owned(),
            project: project.map(str::to_owned),
        };
        encode(&Header::new(Algorithm::HS256), &claims, &self.sign).map_err(ApiError::internal)
    }

    /// What a token says, if it is good for this.
    ///
    /// # Errors
    /// Why it is not.
    pub fn check(&self, kind: Kind, token: &str, now: Timestamp) -> Result<Claims, TokenError> {
        if token.len() > BYTES_MAX {
            return Err(TokenError::Bad);
        }
        let header = decode_header(token).map_err(|_| TokenError::Bad)?;
        // We never say where a key is found; a token that does is not ours.
        let names_a_key = header.kid.is_some()
            || header.jku.is_some()
            || header.jwk.is_some()
            || header.x5u.is_some()
            || header.x5c.is_some()
            || header.crit.is_some();
        if names_a_key {
            return Err(TokenError::Bad);
        }
        let claims =
            decode::<Claims>(token, &self.verify, &self.validation).map_err(|_| TokenError::Bad)?.claims;
        let now_s = now.0.div_euclid(1000);
        let is_in_time = claims.nbf <= now_s + LEEWAY_S
            && claims.iat <= now_s + LEEWAY_S
            && claims.exp > now_s.saturating_sub(LEEWAY_S)
            && claims.iat <= claims.exp;
        if claims.iss != ISSUER || !is_in_time || claims.sub.is_empty() {
            return Err(TokenError::Bad);
        }
        if claims.typ == kind.name() && claims.aud == kind.audience() {
            return Ok(claims);
        }
        let is_other = |other: &Kind| claims.typ == other.name() && claims.aud == other.audience();
        Err(if Kind::ALL.iter().any(is_other) { TokenError::WrongKind } else { TokenError::Bad })
    }

    /// Uses a ticket up. False when it was used before.
    pub fn use_up(&self, claims: &Claims, now: Timestamp) -> bool {
        let now_s = now.0.div_euclid(1000);
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        if used.len() >= USED_MAX {
            used.retain(|_, exp| *exp + LEEWAY_S >= now_s);
            if used.len() >= USED_MAX {
                return false;
            }
        }
        used.insert(claims.jti.clone(), claims.exp).is_none()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const NOW: Timestamp = Timestamp(1_764_000_000_000);
    const KEY: &str = "a key for tests that is long enough, surely";

    fn tokens() -> Tokens {
        Tokens::new(&SecretString::from(KEY))
    }

    fn fresh(kind: Kind) -> String {
        tokens().issue(kind, "usr_1", "s1", None, NOW, Duration::from_secs(60)).unwrap()
    }

    fn signed(header: &Header, claims: &Value) -> String {
        encode(header, claims, &EncodingKey::from_secret(KEY.as_bytes())).unwrap()
    }

    fn claims() -> Value {
        json!({
            "typ": "access", "iss": "orch", "aud": "orch:api", "sub": "usr_1", "iat": 1_764_000_000,
            "nbf": 1_764_000_000, "exp": 1_764_000_060, "jti": "j", "sid": "s",
        })
    }

    #[test]
    fn a_token_is_good_for_its_kind_and_time_only() {
        let token = fresh(Kind::Access);
        let at = |ms| tokens().check(Kind::Access, &token, NOW.plus_ms(ms)).map(|claims| claims.sub);
        assert_eq!(at(0).as_deref(), Ok("usr_1"));
        assert_eq!(at(89_000).as_deref(), Ok("usr_1"));
        assert_eq!(at(91_000), Err(TokenError::Bad));
        for kind in [Kind::Refresh, Kind::Sse] {
            assert_eq!(tokens().check(kind, &token, NOW), Err(TokenError::WrongKind));
        }
    }

    #[test]
    fn every_changed_bit_is_noticed() {
        let token = fresh(Kind::Access);
        let tokens = tokens();
        for index in 0..token.len() {
            for bit in 0..8 {
                let mut bytes = token.clone().into_bytes();
                bytes[index] ^= 1 << bit;
                let Ok(changed) = String::from_utf8(bytes) else { continue };
                assert!(tokens.check(Kind::Access, &changed, NOW).is_err(), "byte {index}, bit {bit}");
            }
        }
    }

    #[test]
    fn every_claim_must_be_there_and_right() {
        let good = claims();
        assert!(tokens().check(Kind::Access, &signed(&Header::default(), &good), NOW).is_ok());
        let refused = |claims: &Value, what: &str| {
            let token = signed(&Header::default(), claims);
            assert!(tokens().check(Kind::Access, &token, NOW).is_err(), "{what}");
        };
        for key in ["typ", "iss", "aud", "sub", "iat", "nbf", "exp", "jti", "sid"] {
            let mut without = good.clone();
            without.as_object_mut().unwrap().remove(key);
            refused(&without, key);
            let mut null = good.clone();
            null[key] = Value::Null;
            refused(&null, key);
        }
        for (key, value) in [
            ("exp", json!("never")),
            ("exp", json!(1e30)),
            ("exp", json!(1_763_999_900)),
            ("nbf", json!("1764000000")),
            ("nbf", json!(1_764_000_300)),
            ("iat", json!(1_764_000_300)),
            ("iss", json!("other")),
            ("aud", json!("orch:events")),
            ("aud", json!(["orch:api"])),
            ("typ", json!("refresh")),
            ("sub", json!("")),
        ] {
            let mut wrong = good.clone();
            wrong[key] = value.clone();
            refused(&wrong, &format!("{key} {value}"));
        }
    }

    #[test]
    fn headers_that_name_keys_or_other_algorithms_are_refused() {
        let header = Header { kid: Some("../../dev/null".to_owned()), ..Header::default() };
        assert!(tokens().check(Kind::Access, &signed(&header, &claims()), NOW).is_err());
        let token = fresh(Kind::Access);
        let rest = token.split_once('.').unwrap().1;
        // {"typ":"JWT","alg":"none"} and HS512.
        for head in ["eyJ0eXAiOiJKV1QiLCJhbGciOiJub25lIn0", "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzUxMiJ9"] {
            assert!(tokens().check(Kind::Access, &format!("{head}.{rest}"), NOW).is_err());
        }
        for junk in ["", ".", "..", "a.b.c", &".".repeat(3000), &"a".repeat(20_000)] {
            assert_eq!(tokens().check(Kind::Access, junk, NOW), Err(TokenError::Bad));
        }
    }

    #[test]
    fn a_ticket_is_used_once() {
        let tokens = tokens();
        let ticket = tokens.issue(Kind::Sse, "u", "s", Some("p"), NOW, Duration::from_secs(60)).unwrap();
        let claims = tokens.check(Kind::Sse, &ticket, NOW).unwrap();
        assert_eq!(claims.project.as_deref(), Some("p"));
        assert!(tokens.use_up(&claims, NOW));
        assert!(!tokens.use_up(&claims, NOW));
    }
}
