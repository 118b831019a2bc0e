//! Accounts as admins see them.

use serde::Serialize;
use store::{Role, User};

use super::{Page, seconds};
use crate::extract::{Fields, Shape};

/// An account.
#[derive(Serialize)]
pub struct AdminUserWire {
    id: String,
    email: String,
    display_name: String,
    role: &'static str,
    is_active: bool,
    created_at: f64,
    last_login_at: Option<f64>,
    project_count: u64,
}

impl AdminUserWire {
    /// An account with so many projects.
    #[must_use]
    pub fn new(user: &User, project_count: u64) -> Self {
        Self {
            id: user.id.to_string(),
            email: user.email.to_string(),
            display_name: user.display_name.to_string(),
            role: user.role.as_str(),
            is_active: user.is_active,
            created_at: user.created_at.to_seconds(),
            last_login_at: seconds(user.last_login_at),
            project_count,
        }
    }
}

/// Query of the list.
pub struct ListUsers(pub Page);

impl Shape for ListUsers {
    fn read(fields: &mut Fields) -> Self {
        Self(Page::read(fields, 200, 50))
    }
}

/// Body of a change; what is null or absent stays.
pub struct UpdateUser {
    /// New role.
    pub role: Option<Role>,
    /// Whether it may sign in.
    pub is_active: Option<bool>,
}

impl Shape for UpdateUser {
    fn read(fields: &mut Fields) -> Self {
        Self {
            role: fields.opt_word("role", &["admin", "user"], Role::parse),
            is_active: fields.opt_bool("is_active"),
        }
    }
}
