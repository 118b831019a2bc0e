//! One tool of an MCP server, as the registry knows tools. Knows nothing of pins
//! and connections but whether they are there.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::tool::{ToolClass, ToolContext, ToolOutcome, ToolSpec};
use serde_json::Value;

use super::content;
use super::fault::Fault;
use super::server::{Availability, Server};
use crate::registry::{Tool, bound};

/// See the module.
pub(super) struct McpTool {
    server: Arc<Server>,
    /// What the server calls it.
    name: String,
    spec: Arc<ToolSpec>,
}

impl McpTool {
    pub(super) const fn new(server: Arc<Server>, name: String, spec: Arc<ToolSpec>) -> Self {
        Self { server, name, spec }
    }

    async fn try_call(&self, context: &ToolContext, input: &Value) -> Result<ToolOutcome, Fault> {
        let key = (self.spec.class == ToolClass::Keyed).then_some(context.idempotency_key.as_str());
        let timeout_ms = self.server.config().timeout_ms;
        let call = async {
            let line = self.server.line().await?;
            // Asked after the wait: whoever came back may have come back changed.
            match self.server.availability(&self.name) {
                Availability::Available => line.call(&self.name, input, key).await.map(content::outcome),
                Availability::Changed => Ok(ToolOutcome::error("mcp_tool_changed", super::CHANGED)),
                Availability::Missing => {
                    Ok(ToolOutcome::error("mcp_tool_missing", "the server does not have this tool any more"))
                }
            }
        };
        let limit = Duration::from_millis(timeout_ms);
        tokio::time::timeout(limit, call).await.unwrap_or_else(|_| Err(Fault::timed_out(timeout_ms)))
    }
}

#[async_trait]
impl Tool for McpTool {
    fn spec(&self) -> Arc<ToolSpec> {
        self.spec.clone()
    }

    async fn call(&self, context: &ToolContext, input: &Value) -> ToolOutcome {
        let mut outcome = match self.try_call(context, input).await {
            Ok(outcome) => {
                self.server.went_well();
                outcome
            }
            Err(fault) => {
                tracing::warn!(
                    server = %self.server.name(), tool = %self.name, code = fault.code,
                    report = %self.server.redact(fault.report.clone()), "call of an MCP tool failed"
                );
                self.server.went_wrong(&fault);
                fault.outcome(self.spec.class)
            }
        };
        outcome.content = self.server.redact(outcome.content);
        bound(outcome, self.spec.output_max_bytes)
    }
}
