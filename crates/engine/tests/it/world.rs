//! The world of the simulation: a random source, a clock that goes on over
//! deaths, a provider that fails in every way there is and keeps the bill, tools
//! that count how often they ran.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use domain::id::{CallId, ProjectId, TaskId};
use domain::model::{
    Answer, Block, CallError, Delta, ErrorClass, Purpose, RateLimits, Request, Role, StopReason,
    ToolDefinition, Usage,
};
use domain::ports::{Clock, IdSource, ModelProvider, Toolbox, Workspaces};
use domain::time::Timestamp;
use domain::tool::{FileEntry, ToolClass, ToolContext, ToolOutcome, ToolSpec};
use serde_json::{Value, json};
use tokio::time::Instant;

/// SplitMix64: small, seeded, good enough to choose with.
#[derive(Clone, Debug)]
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.roll() % bound.max(1)
    }

    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// Virtual time that goes on when an engine dies and the next one starts.
#[derive(Debug)]
pub struct SimClock(Mutex<(i64, Option<Instant>)>);

impl SimClock {
    pub const fn new() -> Self {
        Self(Mutex::new((1_795_003_200_000, None)))
    }

    /// A life begins: inside its runtime.
    pub fn enter(&self) {
        self.0.lock().unwrap().1 = Some(Instant::now());
    }

    /// It ends.
    pub fn leave(&self) {
        let mut state = self.0.lock().unwrap();
        if let Some(began) = state.1.take() {
            state.0 += i64::try_from(began.elapsed().as_millis()).unwrap();
        }
    }
}

impl Clock for SimClock {
    fn now(&self) -> Timestamp {
        let state = self.0.lock().unwrap();
        let elapsed = state.1.map_or(0, |began| i64::try_from(began.elapsed().as_millis()).unwrap());
        Timestamp(state.0 + elapsed)
    }
}

/// Ids that count, shared by everything in one history.
#[derive(Clone, Debug)]
pub struct SimIds(pub Arc<Mutex<u64>>);

impl IdSource for SimIds {
    fn fresh(&mut self) -> String {
        let mut next = self.0.lock().unwrap();
        *next += 1;
        format!("{:08}", *next)
    }
}

/// One physical request, as the provider saw it.
#[derive(Clone, Debug)]
pub struct BillLine {
    pub call: CallId,
    /// What was billed; `None` for what is free.
    pub billed: Option<Usage>,
    /// Whether the answer reached us.
    pub is_answered: bool,
}

/// Looks at a request that arrives; an error is what the test failed for.
pub type OnArrival = Box<dyn Fn(&Request) -> Result<(), String> + Send + Sync>;

pub struct Provider {
    pub state: Mutex<ProviderState>,
    /// Checks that must hold when a request arrives; a sentence when not.
    pub on_arrival: OnArrival,
}

#[derive(Debug)]
pub struct ProviderState {
    pub dice: Dice,
    pub is_faulty: bool,
    pub bill: Vec<BillLine>,
    pub wrong: Vec<String>,
}

/// What the provider does with one request.
enum Fate {
    Answer(StopReason),
    Fail(ErrorClass, Option<u64>),
    NoUsage,
}

fn fate(dice: &mut Dice, request: &Request, is_faulty: bool) -> Fate {
    let can_use_tools = !request.tools.is_empty();
    let turns = request.messages.iter().filter(|message| message.role == Role::Assistant).count();
    let wants_tool = can_use_tools && turns < 2 && dice.chance(50);
    let usual = Fate::Answer(if wants_tool { StopReason::ToolUse } else { StopReason::EndTurn });
    if !is_faulty || dice.chance(65) {
        return usual;
    }
    match dice.below(14) {
        0 => Fate::Answer(StopReason::MaxTokens),
        1 => Fate::Answer(StopReason::Refusal),
        2 => Fate::NoUsage,
        3 => Fate::Fail(ErrorClass::Unreachable, None),
        4 => Fate::Fail(ErrorClass::Overloaded, None),
        5 => Fate::Fail(ErrorClass::RateLimited, Some(dice.below(90_000))),
        6 => Fate::Fail(ErrorClass::ServerError, None),
        7 => Fate::Fail(ErrorClass::CutStream, None),
        8 => Fate::Fail(ErrorClass::Malformed, None),
        9 => Fate::Fail(ErrorClass::TimedOut, None),
        10 => Fate::Fail(ErrorClass::BadRequest, None),
        11 => Fate::Fail(ErrorClass::Auth, None),
        12 => Fate::Fail(ErrorClass::TooLong, None),
        _ => Fate::Answer(StopReason::Other("novel".to_owned())),
    }
}

/// Real usage, never above what a hold covers.
fn usage(dice: &mut Dice, request: &Request) -> Usage {
    let prompt = (request.system.len() / 4) as u64 + dice.below(50);
    Usage {
        input: prompt,
        output: 1 + dice.below(u64::from(request.max_tokens)),
        cache_read: dice.below(100),
        ..Usage::default()
    }
}

fn content(dice: &mut Dice, request: &Request, stop: &StopReason) -> Vec<Block> {
    if request.purpose == Purpose::Verification {
        let verdict = ["passed", "passed", "passed", "gaps_found", "human_needed"][dice.below(5) as usize];
        return vec![Block::Text { text: json!({"verdict": verdict, "notes": "n"}).to_string() }];
    }
    if *stop != StopReason::ToolUse {
        return vec![Block::Text { text: format!("output {}", dice.below(1_000)) }];
    }
    (0..=dice.below(2))
        .map(|number| {
            let name = ["look", "send", "note", "unknown"][dice.below(4) as usize];
            let input = json!({"path": format!("f{}", dice.below(3))});
            Block::ToolUse { id: format!("{}-{number}", request.call_id), name: name.to_owned(), input }
        })
        .collect()
}

#[async_trait]
impl ModelProvider for Provider {
    async fn call(&self, request: &Request, _: &mut (dyn FnMut(Delta) + Send)) -> Result<Answer, CallError> {
        let arrival = (self.on_arrival)(request);
        let (latency, result, line) = {
            let mut state = self.state.lock().unwrap();
            if let Err(wrong) = arrival {
                state.wrong.push(wrong);
            }
            let is_faulty = state.is_faulty;
            let fate = fate(&mut state.dice, request, is_faulty);
            let used = usage(&mut state.dice, request);
            let result = match &fate {
                Fate::Answer(stop) => Ok((stop.clone(), Some(used))),
                Fate::NoUsage => Ok((StopReason::EndTurn, None)),
                Fate::Fail(class, retry_after_ms) => {
                    Err(CallError { retry_after_ms: *retry_after_ms, ..CallError::new(*class, "it broke") })
                }
            };
            let is_free = matches!(&result, Err(error) if error.class.is_free());
            let billed = (!is_free).then_some(used);
            state.bill.push(BillLine { call: request.call_id.clone(), billed, is_answered: false });
            let latency = 1 + state.dice.below(3_000);
            let answer = result.map(|(stop, usage)| Answer {
                content: content(&mut state.dice, request, &stop),
                stop,
                usage,
                model: request.model.clone(),
                request_id: None,
                rate_limits: RateLimits::default(),
            });
            (latency, answer, state.bill.len() - 1)
        };
        tokio::time::sleep(Duration::from_millis(latency)).await;
        if result.is_ok() {
            self.state.lock().unwrap().bill[line].is_answered = true;
        }
        result
    }

    async fn probe(&self) -> Result<Vec<String>, CallError> {
        Ok(Vec::new())
    }
}

/// Tools that take time and count.
#[derive(Debug)]
pub struct Tools {
    pub ran: Mutex<HashMap<(String, String), u32>>,
    pub dice: Mutex<Dice>,
}

fn spec(name: &str, class: ToolClass) -> Arc<ToolSpec> {
    Arc::new(ToolSpec {
        definition: ToolDefinition {
            name: name.to_owned(),
            description: format!("To {name}."),
            input_schema: json!({"type": "object"}),
        },
        class,
        timeout_ms: 10_000,
        output_max_bytes: 1_000,
        needs: Vec::new(),
        is_untrusted: false,
    })
}

#[async_trait]
impl Toolbox for Tools {
    fn specs(&self) -> Vec<Arc<ToolSpec>> {
        vec![spec("look", ToolClass::Read), spec("note", ToolClass::Workspace), spec("send", ToolClass::Once)]
    }

    async fn call(&self, context: &ToolContext, name: &str, input: &Value) -> ToolOutcome {
        *self.ran.lock().unwrap().entry((name.to_owned(), context.idempotency_key.clone())).or_default() += 1;
        let latency = self.dice.lock().unwrap().below(800);
        tokio::time::sleep(Duration::from_millis(latency)).await;
        let mut outcome = ToolOutcome::ok("did it");
        if name == "note" {
            let path = input.get("path").and_then(Value::as_str).unwrap_or("f").to_owned();
            outcome.writes.push(FileEntry {
                path,
                hash: format!("{}{}", context.task, context.fence),
                bytes: 3,
            });
        }
        outcome
    }
}

/// Published files by project and path.
#[derive(Debug, Default)]
pub struct Files(pub Mutex<BTreeMap<(ProjectId, String), FileEntry>>);

#[async_trait]
impl Workspaces for Files {
    async fn rebuild(&self, _: &ToolContext, _: &[FileEntry]) -> std::io::Result<()> {
        Ok(())
    }

    async fn publish(&self, project: &ProjectId, entries: &[FileEntry]) -> std::io::Result<()> {
        // A death may come between commit and publishing.
        tokio::time::sleep(Duration::from_millis(1)).await;
        let mut files = self.0.lock().unwrap();
        for entry in entries {
            files.insert((project.clone(), entry.path.clone()), entry.clone());
        }
        Ok(())
    }

    async fn discard(&self, _: &ProjectId, _: &TaskId) -> std::io::Result<()> {
        Ok(())
    }

    async fn remove(&self, _: &ProjectId) -> std::io::Result<()> {
        Ok(())
    }
}
