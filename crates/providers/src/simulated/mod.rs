//! A deterministic stand-in for a model: plans from the requirements' own
//! structure, asks for tools, streams, takes time and reports usage.
//!
//! For first steps, rehearsals, demos and load tests. It is stateless: the same
//! request (its call id aside) always gets the same answer, so a run that was
//! interrupted ends like one that was not. [`brain`] is the whole of its mind and
//! pure; this file only adds the passing of time. Everything it writes says that
//! it is simulated. It must not read a clock, a file or the network.
//!
//! # Directives
//!
//! A text may steer it by `simulate:` and words up to the end of the line. In the
//! requirements:
//!
//! | word | effect on the plan |
//! |---|---|
//! | `tasks=N` | exactly N tasks, up to 20,000, in the shape asked for |
//! | `shape=chain`, `wide`, `layered` | each after the one before; no dependencies; layers (default) |
//! | `width=N` | tasks per layer (default: about the root of N, at most 50) |
//! | `plan=WORD` | a bad answer: `prose`, `cut`, `array`, `empty`, `cycle`, `dangling`, `unknown_type`, `refuse`, or `fail` |
//! | `repair` | with `plan=WORD`: only the first answer is bad |
//! | `plan_slow=MS` | planning takes so much longer |
//!
//! In a requirement (handed on to its main task) or a task's description:
//!
//! | word | effect on the task |
//! |---|---|
//! | `gaps` or `gaps=N` | the verifier finds gaps in the first output, or the first N |
//! | `human` | the verifier wants a person to decide on the first output |
//! | `fail` or `fail=CLASS` | every call fails: `bad_request`, or another class of errors by its name |
//! | `refuse` | the model refuses |
//! | `cut` or `cut=N` | answers end at the token limit: all, or the first N turns |
//! | `slow=MS` | every turn takes so much longer |
//! | `turns=N` | N turns with tools before the last (default 1, where files can be written) |
//! | `loop` | asks for the same tool for ever |
//! | `size=BYTES` | how long the written file is, up to a million |

mod brain;
mod directive;
mod draft;
mod judge;
mod plan;
mod reading;
mod shape;
mod work;

use std::time::Duration;

use async_trait::async_trait;
use domain::model::{Answer, Block, CallError, Delta, ErrorClass, Request};
use domain::ports::ModelProvider;

pub use brain::{brain, extra_latency_ms};

/// Pieces that a text is streamed in, at most.
const PIECES_MAX: usize = 40;
/// Shortest piece of a streamed text, in bytes.
const PIECE_MIN_BYTES: usize = 24;

/// How the stand-in behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SimulatedConfig {
    /// How long a call takes on average; each takes between half and one and a half
    /// of it. 0: no timer at all.
    pub latency_ms: u64,
}

impl Default for SimulatedConfig {
    fn default() -> Self {
        Self { latency_ms: 400 }
    }
}

/// The stand-in as a provider.
#[derive(Clone, Copy, Debug, Default)]
pub struct Simulated {
    config: SimulatedConfig,
}

impl Simulated {
    /// A stand-in of this behaviour.
    #[must_use]
    pub const fn new(config: SimulatedConfig) -> Self {
        Self { config }
    }

    /// How long this call takes: spread by its content, so that parallel tasks do
    /// not end in lockstep, and the same every time.
    fn latency_ms(&self, request: &Request) -> u64 {
        let base = self.config.latency_ms;
        let spread = match base {
            0 => 0,
            base => base / 2 + brain::fingerprint(request) % (base + 1),
        };
        spread.saturating_add(extra_latency_ms(request))
    }
}

#[async_trait]
impl ModelProvider for Simulated {
    async fn call(
        &self,
        request: &Request,
        on_delta: &mut (dyn FnMut(Delta) + Send),
    ) -> Result<Answer, CallError> {
        let latency_ms = self.latency_ms(request);
        let limit_ms = if request.timeout_ms == 0 { u64::MAX } else { request.timeout_ms };
        if latency_ms > limit_ms {
            pause(limit_ms).await;
            return Err(CallError::new(ErrorClass::TimedOut, "simulated: the answer took too long"));
        }
        let outcome = brain(request);
        // A third passes before the first word, as with real models.
        pause(latency_ms / 3).await;
        let answer = outcome?;
        if let Some(usage) = answer.usage {
            on_delta(Delta::Usage(domain::model::Usage { output: 0, ..usage }));
        }
        speak(&answer, latency_ms - latency_ms / 3, on_delta).await;
        Ok(answer)
    }

    async fn probe(&self) -> Result<Vec<String>, CallError> {
        Ok(Vec::new())
    }
}

/// Streams the answer over this time.
async fn speak(answer: &Answer, ms: u64, on_delta: &mut (dyn FnMut(Delta) + Send)) {
    let mut deltas = Vec::new();
    for block in &answer.content {
        match block {
            Block::Text { text } if ms == 0 => deltas.push(Delta::Text(text.clone())),
            Block::Text { text } => deltas.extend(pieces(text).into_iter().map(Delta::Text)),
            Block::ToolUse { name, .. } => deltas.push(Delta::ToolUse(name.clone())),
            Block::ToolResult { .. } | Block::Opaque { .. } => {}
        }
    }
    let count = deltas.len().max(1) as u64;
    let mut passed = 0;
    for (delta, at) in deltas.into_iter().zip(1..) {
        on_delta(delta);
        let due = ms * at / count;
        pause(due - passed).await;
        passed = due;
    }
    pause(ms - passed).await;
}

/// The text in pieces that end at spaces.
fn pieces(text: &str) -> Vec<String> {
    let least = (text.len() / PIECES_MAX).max(PIECE_MIN_BYTES);
    let mut pieces = vec![String::new()];
    for word in text.split_inclusive(' ') {
        match pieces.last_mut() {
            Some(piece) if piece.len() < least => piece.push_str(word),
            _ => pieces.push(word.to_owned()),
        }
    }
    pieces
}

async fn pause(ms: u64) {
    if ms > 0 {
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }
}
