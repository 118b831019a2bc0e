//! Outside services.

use axum::Json;
use axum::extract::Request;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::error::ApiError;
use crate::extract::{Fields, Query, Shape, Signed, path_id};
use crate::services::Service;
use crate::state::State;

/// A service on the wire.
#[derive(Serialize)]
pub struct ServiceWire {
    id: String,
    name: String,
    status: &'static str,
    method: String,
    details: Map<String, Value>,
    category: String,
}

impl From<Service> for ServiceWire {
    fn from(service: Service) -> Self {
        Self {
            id: service.id,
            name: service.name,
            status: service.state.as_str(),
            method: service.method,
            details: service.details,
            category: service.category,
        }
    }
}

/// Query of the list.
pub struct ListServices {
    is_fresh: bool,
}

impl Shape for ListServices {
    fn read(fields: &mut Fields) -> Self {
        Self { is_fresh: fields.bool_or("refresh", false) }
    }
}

/// All services.
pub async fn list(
    state: State,
    _signed: Signed,
    Query(query): Query<ListServices>,
) -> Json<Vec<ServiceWire>> {
    Json(state.services.list(query.is_fresh).await.into_iter().map(ServiceWire::from).collect())
}

/// One service, as it was when it was last checked.
pub async fn get(state: State, _signed: Signed, request: Request) -> Result<Json<ServiceWire>, ApiError> {
    let (mut parts, _) = request.into_parts();
    let id = path_id(&mut parts, &state, "service_id", "Service").await?;
    let found = state.services.list(false).await.into_iter().find(|service| service.id == id);
    found.map(|service| Json(service.into())).ok_or_else(|| ApiError::not_found("Service"))
}
