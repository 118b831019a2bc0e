//! What tasks found out. Nothing writes findings yet; the shapes stand.

use axum::Json;
use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::error::ApiError;
use crate::extract::{Fields, OwnedProject, Query, Shape};
use crate::wire::Page;

/// Query of the list.
pub struct ListFindings;

impl Shape for ListFindings {
    fn read(fields: &mut Fields) -> Self {
        fields.opt_text("category", 0..=200);
        Page::read(fields, 200, 50);
        Self
    }
}

/// Findings of a project, newest first.
pub async fn list(_owned: OwnedProject, _query: Query<ListFindings>) -> Json<Value> {
    Json(json!([]))
}

/// Removes a finding.
pub async fn delete(_owned: OwnedProject) -> Result<StatusCode, ApiError> {
    Err(ApiError::not_found("Finding"))
}
