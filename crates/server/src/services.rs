//! What is known of outside services. The server only asks; whoever wires the
//! program together knows which there are and how to find out.

use async_trait::async_trait;
use serde_json::{Map, Value};

/// Whether a service can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServiceState {
    /// It answers.
    Online,
    /// It does not.
    Offline,
    /// It answers, but not as it should.
    Degraded,
    /// Nobody knows yet.
    Checking,
}

impl ServiceState {
    /// On the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Online => "online",
            Self::Offline => "offline",
            Self::Degraded => "degraded",
            Self::Checking => "checking",
        }
    }
}

/// One service.
#[derive(Clone, Debug, PartialEq)]
pub struct Service {
    /// `anthropic_api`, `ollama_local`, …
    pub id: String,
    /// For a person.
    pub name: String,
    /// How it is.
    pub state: ServiceState,
    /// How that was found out: `http`, `tcp`, `api_key`, `cli`, `none` or empty.
    pub method: String,
    /// Whatever else is known; never a secret.
    pub details: Map<String, Value>,
    /// `ai`, `api` or `cli`.
    pub category: String,
}

/// Knows the services.
#[async_trait]
pub trait Services: Send + Sync {
    /// All of them in a stable order; with `is_fresh`, checked now.
    async fn list(&self, is_fresh: bool) -> Vec<Service>;
}

/// There are none.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoServices;

#[async_trait]
impl Services for NoServices {
    async fn list(&self, _is_fresh: bool) -> Vec<Service> {
        Vec::new()
    }
}
