//! Accounts, tokens and keys on the wire.

use serde::Serialize;
use store::{ApiKey, Session, User};

use super::seconds;
use crate::auth::email;
use crate::auth::session::Pair;
use crate::extract::{Fields, Shape};

/// An account as its owner sees it.
#[derive(Serialize)]
pub struct UserWire {
    id: String,
    email: String,
    display_name: String,
    role: &'static str,
    has_password: bool,
    linked_providers: Vec<String>,
}

impl From<&User> for UserWire {
    fn from(user: &User) -> Self {
        Self {
            id: user.id.to_string(),
            email: user.email.to_string(),
            display_name: user.display_name.to_string(),
            role: user.role.as_str(),
            has_password: user.password_hash.is_some(),
            linked_providers: Vec::new(),
        }
    }
}

/// A pair of tokens with whose they are.
#[derive(Serialize)]
pub struct LoginWire {
    access_token: String,
    refresh_token: String,
    token_type: &'static str,
    user: UserWire,
}

impl LoginWire {
    /// What signing in answers.
    #[must_use]
    pub fn new(pair: Pair, user: &User) -> Self {
        Self {
            access_token: pair.access,
            refresh_token: pair.refresh,
            token_type: "bearer",
            user: user.into(),
        }
    }
}

/// A new account: its fields on top, and tokens beside them.
#[derive(Serialize)]
pub struct RegisteredWire {
    id: String,
    email: String,
    display_name: String,
    role: &'static str,
    has_password: bool,
    linked_providers: Vec<String>,
    access_token: String,
    refresh_token: String,
    token_type: &'static str,
}

impl RegisteredWire {
    /// What registering answers.
    #[must_use]
    pub fn new(pair: Pair, user: &User) -> Self {
        let UserWire { id, email, display_name, role, has_password, linked_providers } = user.into();
        Self {
            id,
            email,
            display_name,
            role,
            has_password,
            linked_providers,
            access_token: pair.access,
            refresh_token: pair.refresh,
            token_type: "bearer",
        }
    }
}

/// A pair of tokens.
#[derive(Serialize)]
pub struct PairWire {
    access_token: String,
    refresh_token: String,
    token_type: &'static str,
}

impl From<Pair> for PairWire {
    fn from(pair: Pair) -> Self {
        Self { access_token: pair.access, refresh_token: pair.refresh, token_type: "bearer" }
    }
}

/// A session of the caller.
#[derive(Serialize)]
pub struct SessionWire {
    id: String,
    label: Option<String>,
    created_at: f64,
    refreshed_at: f64,
    expires_at: f64,
    is_current: bool,
}

impl SessionWire {
    /// A session, seen from `current`.
    #[must_use]
    pub fn new(session: &Session, current: &str) -> Self {
        Self {
            id: session.family.to_string(),
            label: session.label.as_deref().map(str::to_owned),
            created_at: session.created_at.to_seconds(),
            refreshed_at: session.refreshed_at.to_seconds(),
            expires_at: session.expires_at.to_seconds(),
            is_current: &*session.family == current,
        }
    }
}

/// A key, without the key.
#[derive(Serialize)]
pub struct KeyWire {
    id: String,
    key_prefix: String,
    name: String,
    is_active: bool,
    scopes: Vec<String>,
    created_at: f64,
    expires_at: Option<f64>,
    last_used_at: Option<f64>,
}

impl KeyWire {
    /// A key at this time.
    #[must_use]
    pub fn new(key: &ApiKey, now: domain::time::Timestamp) -> Self {
        Self {
            id: key.id.to_string(),
            key_prefix: key.prefix.to_string(),
            name: key.name.to_string(),
            is_active: key.is_valid(now),
            scopes: key.scopes.clone(),
            created_at: key.created_at.to_seconds(),
            expires_at: seconds(key.expires_at),
            last_used_at: seconds(key.last_used_at),
        }
    }
}

/// A key that was just made: the only time that it is shown.
#[derive(Serialize)]
pub struct NewKeyWire {
    /// Its id.
    pub id: String,
    /// The key itself.
    pub key: String,
    /// Its first letters.
    pub key_prefix: String,
    /// What it is for.
    pub name: String,
    /// What it may be used for.
    pub scopes: Vec<String>,
    /// When it was made.
    pub created_at: f64,
    /// When it ends.
    pub expires_at: Option<f64>,
}

/// Longest password, in characters: what signing in takes.
const PASSWORD_CHARS_MAX: usize = 128;

fn read_email(fields: &mut Fields) -> String {
    let text = fields.text("email", 0..=1_000);
    if fields.is_wrong() {
        return text;
    }
    match email::normalize(&text) {
        Ok(email) => email,
        Err(why) => {
            fields.problem("email", "value_error", format!("value is not a valid email address: {why}"));
            text
        }
    }
}

/// Body of a registration.
pub struct Register {
    /// Already in its normal form.
    pub email: String,
    /// Eight characters or more.
    pub password: String,
    /// May be empty.
    pub display_name: String,
}

impl Shape for Register {
    fn read(fields: &mut Fields) -> Self {
        let email = read_email(fields);
        let password = fields.secret("password", 8..=PASSWORD_CHARS_MAX);
        let display_name = fields.text_or_empty("display_name", 200);
        if !display_name.is_empty() {
            fields.check_line("display_name", &display_name);
        }
        Self { email, password, display_name }
    }
}

/// Body of a login.
pub struct Login {
    /// Already in its normal form.
    pub email: String,
    /// As typed.
    pub password: String,
}

impl Shape for Login {
    fn read(fields: &mut Fields) -> Self {
        Self { email: read_email(fields), password: fields.secret("password", 0..=PASSWORD_CHARS_MAX) }
    }
}

/// Body with a refresh token.
pub struct Refresh {
    /// The token.
    pub refresh_token: String,
}

impl Shape for Refresh {
    fn read(fields: &mut Fields) -> Self {
        Self { refresh_token: fields.secret("refresh_token", 0..=10_000) }
    }
}

/// Body of a change of password.
pub struct ChangePassword {
    /// The one so far.
    pub current: String,
    /// The one from now on.
    pub new: String,
}

impl Shape for ChangePassword {
    fn read(fields: &mut Fields) -> Self {
        Self {
            current: fields.secret("current_password", 0..=PASSWORD_CHARS_MAX),
            new: fields.secret("new_password", 8..=PASSWORD_CHARS_MAX),
        }
    }
}

/// Body of a new key.
pub struct NewKey {
    /// What it is for.
    pub name: String,
    /// What it may be used for.
    pub scopes: Vec<String>,
    /// Days until it ends.
    pub expires_in_days: Option<i64>,
}

impl Shape for NewKey {
    fn read(fields: &mut Fields) -> Self {
        let name = fields.line("name", 1..=100);
        let scopes = if fields.has("scopes") {
            fields.texts("scopes", 1..=2, 20)
        } else {
            vec!["read".to_owned(), "execute".to_owned()]
        };
        if scopes.iter().any(|scope| !matches!(scope.as_str(), "read" | "execute")) {
            fields.problem("scopes", "enum", "Input should be one of: read, execute");
        }
        Self { name, scopes, expires_in_days: fields.opt_int("expires_in_days", 1..=3_650) }
    }
}
