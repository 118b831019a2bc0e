//! A model provider on 127.0.0.1 that tests own: Anthropic's Messages API and
//! Ollama's chat, scripted, with faults, and with *the bill*.
//!
//! It runs on a thread and runtime of its own, so it works in any test and is fast
//! beside the engine under test. Its count of requests and tokens is what tests
//! compare everything else with: a request is recorded, and billed, when it
//! arrives, whatever becomes of the answer. It is strict: what the real services
//! would refuse, it refuses with 400 and remembers as a violation.
//!
//! For every request, the first that has a reply gives it: the queue
//! ([`FakeProvider::push`]), the rule ([`FakeProvider::set_rule`]), the brain. It must
//! not listen on any other address, and it holds no prices: money is computed by
//! whoever reads the bill.

mod bill;
mod check;
mod read;
mod script;
mod serve;
mod write;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use domain::model::{Answer, Block, CallError, RateLimits, Request, StopReason, Usage};
use tokio::sync::oneshot;
use tokio::time::Instant;

pub use bill::{Bill, Recorded};
pub use script::{Dialect, Fault, Kind, Reply, Seen};

/// What a model would answer. Must be quick: it runs on the server's thread.
pub type Brain = Arc<dyn Fn(&Request) -> Result<Answer, CallError> + Send + Sync>;
/// Chooses a reply by the request; `None` leaves it to the brain.
pub type Rule = Arc<dyn Fn(&Seen<'_>) -> Option<Reply> + Send + Sync>;

/// Requests whose bodies are kept.
const BODIES_MAX: u64 = 10_000;

/// The running fake. Dropping it ends the server and cuts every connection.
pub struct FakeProvider {
    address: SocketAddr,
    state: Arc<State>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// What the server's handlers share with the test.
struct State {
    started_at: Instant,
    script: Mutex<Script>,
    requests: Mutex<Vec<Recorded>>,
    next_number: AtomicU64,
    in_flight: AtomicUsize,
    in_flight_max: AtomicUsize,
}

struct Script {
    queue: VecDeque<Reply>,
    rule: Option<Rule>,
    brain: Brain,
    delay_ms: u64,
    api_key: Option<String>,
    models: Vec<String>,
}

impl FakeProvider {
    /// Starts one that answers every request with a short text.
    ///
    /// # Errors
    /// What the system answered when asked for a port or a thread.
    pub fn start() -> std::io::Result<Self> {
        Self::with_brain(Arc::new(|request| Ok(plain_answer(request))))
    }

    /// Starts one that answers by this function; pass the simulated model's brain to
    /// have it plan and work.
    ///
    /// # Errors
    /// What the system answered when asked for a port or a thread.
    pub fn simulated(
        brain: impl Fn(&Request) -> Result<Answer, CallError> + Send + Sync + 'static,
    ) -> std::io::Result<Self> {
        Self::with_brain(Arc::new(brain))
    }

    fn with_brain(brain: Brain) -> std::io::Result<Self> {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let script = Script {
            queue: VecDeque::new(),
            rule: None,
            brain,
            delay_ms: 0,
            api_key: None,
            models: vec!["fake-model".to_owned()],
        };
        let state = Arc::new(State {
            started_at: Instant::now(),
            script: Mutex::new(script),
            requests: Mutex::new(Vec::new()),
            next_number: AtomicU64::new(0),
            in_flight: AtomicUsize::new(0),
            in_flight_max: AtomicUsize::new(0),
        });
        let (stop, stopped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let served = Arc::clone(&state);
        let thread = std::thread::Builder::new()
            .name("fake-provider".to_owned())
            .spawn(move || runtime.block_on(serve::run(listener, served, stopped)))?;
        Ok(Self { address, state, stop: Some(stop), thread: Some(thread) })
    }

    /// `http://127.0.0.1:port`, for both dialects.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Adds a reply for the next request that has none yet.
    pub fn push(&self, reply: impl Into<Reply>) {
        lock(&self.state.script).queue.push_back(reply.into());
    }

    /// Lets a function choose replies, after the queue and before the brain.
    pub fn set_rule(&self, rule: impl Fn(&Seen<'_>) -> Option<Reply> + Send + Sync + 'static) {
        lock(&self.state.script).rule = Some(Arc::new(rule));
    }

    /// Makes every answer of rule and brain take so long.
    pub fn set_delay_ms(&self, ms: u64) {
        lock(&self.state.script).delay_ms = ms;
    }

    /// Refuses every other key with 401. Without it any key is taken.
    pub fn set_api_key(&self, key: impl Into<String>) {
        lock(&self.state.script).api_key = Some(key.into());
    }

    /// What the lists of models say.
    pub fn set_models(&self, models: Vec<String>) {
        lock(&self.state.script).models = models;
    }

    /// Every request so far, in order of arrival.
    #[must_use]
    pub fn requests(&self) -> Vec<Recorded> {
        lock(&self.state.requests).clone()
    }

    /// What a provider would have billed so far.
    #[must_use]
    pub fn bill(&self) -> Bill {
        Bill::of(&lock(&self.state.requests))
    }

    /// What was sent against the rules of the real services.
    #[must_use]
    pub fn violations(&self) -> Vec<String> {
        self.requests().into_iter().filter_map(|request| request.violation).collect()
    }

    /// The most requests that were open at the same time.
    #[must_use]
    pub fn in_flight_max(&self) -> usize {
        self.state.in_flight_max.load(std::sync::atomic::Ordering::SeqCst)
    }
}

impl Drop for FakeProvider {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // The server may have ended by itself.
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// A lock that a panicking test does not poison for the others.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A short text, with usage by the length of the texts.
#[must_use]
pub fn plain_answer(request: &Request) -> Answer {
    text_answer(request, "Done.")
}

/// This text as an answer, with usage by the length of the texts.
#[must_use]
pub fn text_answer(request: &Request, text: &str) -> Answer {
    let prompt: usize = request
        .messages
        .iter()
        .flat_map(|message| &message.content)
        .map(|block| match block {
            Block::Text { text } => text.len(),
            Block::ToolResult { content, .. } => content.len(),
            Block::ToolUse { input, .. } => input.to_string().len(),
            Block::Opaque { value } => value.to_string().len(),
        })
        .sum();
    let tokens = |bytes: usize| bytes.div_ceil(4).max(1) as u64;
    Answer {
        content: vec![Block::Text { text: text.to_owned() }],
        stop: StopReason::EndTurn,
        usage: Some(Usage {
            input: tokens(prompt + request.system.len()),
            output: tokens(text.len()),
            ..Usage::default()
        }),
        model: request.model.clone(),
        request_id: None,
        rate_limits: RateLimits::default(),
    }
}
