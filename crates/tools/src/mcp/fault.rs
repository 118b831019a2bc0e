//! What went wrong with a request, once for the model and once for the operator.
//!
//! The model gets a stable code and a sentence of ours, plus the server's own words
//! only where the server answered on purpose. Texts of the HTTP client never pass:
//! they hold the address.

use domain::tool::{ToolClass, ToolOutcome};
use rmcp::service::{ClientInitializeError, ServiceError};
use rmcp::transport::DynamicTransportError;
use rmcp::transport::streamable_http_client::StreamableHttpError;

use super::health::clean;
use super::wire::{Loss, LossReason};

/// Longest text of the server in an error, in bytes.
const WORDS_BYTES_MAX: usize = 1_000;

type HttpFault = StreamableHttpError<reqwest::Error>;

/// A request that brought no result.
#[derive(Debug)]
pub(super) struct Fault {
    /// For the model; stable.
    pub code: &'static str,
    /// For the model.
    pub message: String,
    /// For the operator.
    pub report: String,
    /// Whether the call may have had an effect.
    pub may_have_run: bool,
    /// Whether the connection is of no use any more.
    pub is_broken: bool,
}

impl Fault {
    /// The server cannot be reached and nothing was sent.
    pub(super) fn offline(server: &str) -> Self {
        Self {
            code: "mcp_server_offline",
            message: format!("the server {server} cannot be reached now; the call was not made"),
            report: "not connected".to_owned(),
            may_have_run: false,
            is_broken: false,
        }
    }

    /// No answer in time.
    pub(super) fn timed_out(timeout_ms: u64) -> Self {
        Self {
            code: "tool_timed_out",
            message: format!("no result within {timeout_ms} ms"),
            report: format!("no answer within {timeout_ms} ms"),
            may_have_run: true,
            is_broken: false,
        }
    }

    /// The server answered with something that is no result of a tool.
    pub(super) fn unexpected(what: &str) -> Self {
        Self {
            code: "mcp_unexpected_answer",
            message: format!("the server answered with {what}"),
            report: format!("answered with {what}"),
            may_have_run: true,
            is_broken: false,
        }
    }

    /// From what the library says.
    pub(super) fn of(error: &ServiceError, loss: &Loss) -> Self {
        match error {
            ServiceError::McpError(error) => {
                let words = clean(&error.message, WORDS_BYTES_MAX);
                Self {
                    code: "mcp_refused",
                    message: format!("the server refused the call ({}): {words}", error.code.0),
                    report: format!("refused a request ({}): {words}", error.code.0),
                    // An error may come after half of the work.
                    may_have_run: true,
                    is_broken: false,
                }
            }
            ServiceError::TransportSend(error) => Self::of_transport(error, loss),
            ServiceError::TransportClosed => Self::lost(loss),
            ServiceError::Cancelled { .. } => Self::unexpected("the end of our request"),
            _ => Self::unexpected("something that is not what was asked for"),
        }
    }

    fn lost(loss: &Loss) -> Self {
        let (code, message) = match loss.reason() {
            Some(LossReason::TooLarge) => too_large(),
            Some(LossReason::Flood) => ("mcp_flood", "the server sent more than is read from one".to_owned()),
            _ => ("mcp_server_lost", "the server went away during the call".to_owned()),
        };
        Self { code, message, report: loss.report(), may_have_run: true, is_broken: true }
    }

    fn of_transport(error: &DynamicTransportError, loss: &Loss) -> Self {
        let Some(fault) = error.error.downcast_ref::<HttpFault>() else {
            // The pipe to a process broke.
            return Self::lost(loss);
        };
        let report = http_report(fault);
        let never_ran = |message: &str| Self {
            code: "mcp_server_offline",
            message: format!("{message}; the call was not made"),
            report: report.clone(),
            may_have_run: false,
            is_broken: true,
        };
        match fault {
            HttpFault::Client(error) if error.is_connect() => never_ran("the server cannot be reached now"),
            HttpFault::SessionExpired => never_ran("the server has forgotten this session"),
            HttpFault::AuthRequired(_) | HttpFault::InsufficientScope(_) => {
                never_ran("the server does not accept our credentials")
            }
            HttpFault::HttpStatus(status) if status.status == 429 => {
                never_ran("the server has too much to do")
            }
            HttpFault::ResponseBodyTooLarge { .. } => {
                let (code, message) = too_large();
                Self { code, message, report, may_have_run: true, is_broken: false }
            }
            _ => Self {
                code: "mcp_server_lost",
                message: "the server gave no proper answer".to_owned(),
                report,
                may_have_run: true,
                is_broken: true,
            },
        }
    }

    /// For the model. What may have happened is said by the tool's class.
    pub(super) fn outcome(&self, class: ToolClass) -> ToolOutcome {
        let effect = match (self.may_have_run, class) {
            (false, _) => "",
            (true, ToolClass::Once | ToolClass::Workspace) => {
                "; whether it had an effect is unknown, so look before you call it again"
            }
            (true, ToolClass::Read | ToolClass::Keyed) => "; it may be called again",
        };
        ToolOutcome::error(self.code, format_args!("{}{effect}", self.message))
    }
}

fn too_large() -> (&'static str, String) {
    ("mcp_answer_too_large", "the server's answer is longer than is read from one".to_owned())
}

/// Why a server could not be started, for the operator.
pub(super) fn start_report(error: &ClientInitializeError, loss: &Loss) -> String {
    match error {
        ClientInitializeError::TransportError { error, .. } => {
            error.error.downcast_ref::<HttpFault>().map_or_else(|| loss.report(), http_report)
        }
        ClientInitializeError::ConnectionClosed(_) => loss.report(),
        ClientInitializeError::JsonRpcError(error) => {
            format!("refused to begin ({}): {}", error.code.0, clean(&error.message, WORDS_BYTES_MAX))
        }
        ClientInitializeError::NoCompatibleProtocolVersion { .. } => {
            "speaks no revision of the protocol that we know".to_owned()
        }
        ClientInitializeError::LegacyFallbackFailed { fallback, .. } => start_report(fallback, loss),
        _ => "answered the greeting with something else".to_owned(),
    }
}

fn http_report(fault: &HttpFault) -> String {
    match fault {
        HttpFault::Client(error) if error.is_connect() => "cannot be reached".to_owned(),
        HttpFault::Client(error) if error.is_timeout() => "did not answer in time".to_owned(),
        HttpFault::Client(error) => match error.status() {
            Some(status) => format!("answered {status}"),
            None => "the HTTP exchange broke off".to_owned(),
        },
        HttpFault::HttpStatus(status) => format!("answered {}", status.status),
        HttpFault::AuthRequired(_) => "wants other credentials (401)".to_owned(),
        HttpFault::InsufficientScope(_) => "our credentials do not suffice (403)".to_owned(),
        HttpFault::SessionExpired => "has forgotten the session (404)".to_owned(),
        HttpFault::ResponseBodyTooLarge { max_size } => format!("answered with more than {max_size} bytes"),
        HttpFault::UnexpectedContentType(kind) => {
            let kind = clean(kind.as_deref().unwrap_or("nothing"), 100);
            format!("answered with {kind} instead of JSON or events")
        }
        HttpFault::UnexpectedServerResponse(text) => {
            format!("answered what was not expected: {}", clean(text, WORDS_BYTES_MAX))
        }
        HttpFault::ReservedHeaderConflict(name) => {
            format!("header {name:?} cannot be set by the configuration")
        }
        HttpFault::Sse(_) | HttpFault::UnexpectedEndOfStream => "its stream of events broke off".to_owned(),
        HttpFault::Deserialize(_) => "answered with something that is not the protocol".to_owned(),
        _ => "the connection failed".to_owned(),
    }
}
