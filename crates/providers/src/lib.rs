//! Models we do not own, behind one port (`domain::ports::ModelProvider`).
//!
//! | module | speaks |
//! |---|---|
//! | [`anthropic`] | Anthropic's Messages API |
//! | [`ollama`] | Ollama's own `/api/chat` |
//! | [`simulated`] | nothing: a deterministic stand-in inside the process |
//!
//! Each translates a request to its wire and an answer back, and puts whatever
//! goes wrong into one of the classes of `domain::model::ErrorClass`. Nothing here
//! retries, waits out a limit, knows a price or chooses a model: one call of the
//! port is one physical request. Keys appear in no message and no `Debug` text.

pub mod anthropic;
pub mod http;
pub mod ollama;
pub mod simulated;

pub use anthropic::{Anthropic, AnthropicConfig};
pub use http::{Patience, SetupError};
pub use ollama::{Ollama, OllamaConfig};
pub use simulated::{Simulated, SimulatedConfig, brain};
