//! Knowledge databases. There are none yet; the shapes stand.

use axum::Json;
use serde_json::{Value, json};

use crate::extract::{Fields, Query, Shape, Signed};
use crate::wire::Page;

/// Query of the documents.
pub struct ListDocuments;

impl Shape for ListDocuments {
    fn read(fields: &mut Fields) -> Self {
        fields.opt_text("source", 0..=4_096);
        Page::read(fields, 200, 50);
        Self
    }
}

/// All databases.
pub async fn databases(_signed: Signed) -> Json<Value> {
    Json(json!([]))
}

/// What a database was made from; nothing for one that nobody knows.
pub async fn sources(_signed: Signed) -> Json<Value> {
    Json(json!([]))
}

/// Pieces of a database; none for one that nobody knows.
pub async fn documents(_signed: Signed, _query: Query<ListDocuments>) -> Json<Value> {
    Json(json!({"total": 0, "items": []}))
}
