//! `local_llm`: a question to a model on an Ollama host.
//!
//! One request; another host is asked when one cannot be reached or does not have
//! the model. What it says is text of a model and is marked as such.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::model::ToolDefinition;
use domain::tool::{ToolClass, ToolContext, ToolOutcome, ToolSpec};
use reqwest::Client;
use serde_json::{Value, json};

use crate::file::text;
use crate::hosts::{Host, Hosts};
use crate::http::{self, HttpError};
use crate::registry::Tool;

/// Longest answer of the service, in bytes.
const ANSWER_BYTES_MAX: usize = 4 << 20;
/// Longest text for the calling model.
const OUTPUT_BYTES_MAX: usize = 200_000;

/// Where local models are.
#[derive(Clone, Debug)]
pub struct LocalLlmConfig {
    /// Name and base address of each host, the preferred one first.
    pub hosts: Vec<(String, String)>,
    /// Model used when the call names none.
    pub model: String,
    /// Longest wait for one host.
    pub timeout: Duration,
}

/// See the module.
pub struct LocalLlmTool {
    hosts: Hosts,
    config: LocalLlmConfig,
    client: Client,
}

impl LocalLlmTool {
    /// Over these hosts.
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub fn new(config: LocalLlmConfig) -> Result<Self, HttpError> {
        Ok(Self { hosts: Hosts::new(&config.hosts), client: http::client()?, config })
    }

    async fn ask(&self, host: &Host, body: &Value) -> Result<String, HttpError> {
        let _busy = host.begin();
        let request = self.client.post(http::join(&host.url, "api/generate")).json(body);
        let answer = http::json(request, ANSWER_BYTES_MAX, self.config.timeout).await?;
        if let Some(error) = answer.get("error") {
            return Err(HttpError::Unusable(
                error.as_str().unwrap_or("an error").chars().take(300).collect(),
            ));
        }
        answer
            .get("response")
            .and_then(Value::as_str)
            .map(str::to_owned)
            .ok_or_else(|| HttpError::Unusable("it holds no text".to_owned()))
    }
}

#[async_trait]
impl Tool for LocalLlmTool {
    fn spec(&self) -> Arc<ToolSpec> {
        let hosts = u64::try_from(self.config.hosts.len().max(1)).unwrap_or(1);
        let timeout_ms = u64::try_from(self.config.timeout.as_millis()).unwrap_or(u64::MAX);
        Arc::new(ToolSpec {
            definition: ToolDefinition {
                name: "local_llm".to_owned(),
                description:
                    "Asks a model that runs on a local host and gives its answer. Costs nothing; good for \
                              drafts, summaries and simple transformations."
                        .to_owned(),
                input_schema: json!({
                    "type": "object",
                    "properties": {
                        "prompt": { "type": "string", "minLength": 1, "description": "What to ask" },
                        "system": { "type": "string", "description": "System prompt; default none" },
                        "model": { "type": "string", "description": format!("Model; default {}", self.config.model) },
                        "host": { "type": "string", "enum": self.hosts.keys(), "description": "Host to prefer; without it the least busy" },
                    },
                    "required": ["prompt"],
                }),
            },
            class: ToolClass::Read,
            timeout_ms: timeout_ms.saturating_mul(hosts).saturating_add(5_000),
            output_max_bytes: OUTPUT_BYTES_MAX,
            needs: needs("ollama", &self.config.hosts),
            is_untrusted: true,
        })
    }

    async fn call(&self, _: &ToolContext, input: &Value) -> ToolOutcome {
        let model =
            Some(text(input, "model")).filter(|model| !model.is_empty()).unwrap_or(&self.config.model);
        let mut body = json!({ "model": model, "prompt": text(input, "prompt"), "stream": false });
        if !text(input, "system").is_empty() {
            body["system"] = json!(text(input, "system"));
        }
        let wanted = input.get("host").and_then(Value::as_str);
        let mut failures = Vec::new();
        for host in self.hosts.order(wanted, |_| 0) {
            match self.ask(host, &body).await {
                Ok(answer) => {
                    host.report(true);
                    return ToolOutcome::ok(answer);
                }
                Err(error) => {
                    // A host that answers, only not with this model, is well.
                    host.report(matches!(error, HttpError::Refused(404, _)) || !error.is_of_the_host());
                    let goes_on = error.is_of_the_host();
                    failures.push(format!("{}: {error}", host.key));
                    if !goes_on {
                        break;
                    }
                }
            }
        }
        ToolOutcome::error("service_failed", format_args!("no answer: {}", failures.join("; ")))
    }
}

/// The service that must be up. With several hosts any one will do, and which is
/// found out by asking.
pub fn needs(kind: &str, hosts: &[(String, String)]) -> Vec<String> {
    match hosts {
        [(key, _)] => vec![format!("{kind}_{key}")],
        _ => Vec::new(),
    }
}
