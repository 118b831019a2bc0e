//! Makes a plan: asks, reads the answer strictly, sends the mistakes back once,
//! stores the plan or says why there is none. Durable like a task: every call is
//! journalled under the operation.

use std::sync::Arc;
use std::time::Duration;

use domain::attempt::{Operation, OperationState, Owner, Step, StepState, read_json};
use domain::decide::{BeginCall, CallEnd, Command, Envelope, FailOperation, Outcome, StorePlan};
use domain::id::{CallId, OperationId, PlanId};
use domain::model::{Answer, Message, Purpose, StopReason, Usage};
use domain::money::NanoUsd;
use domain::plan::parse::{PlanRules, parse, repair_text};
use domain::plan::{Plan, Rigor, wire};
use domain::ports::{Offer, OperationRows, Work};
use domain::refusal::Refusal;
use tokio_util::sync::CancellationToken;

use crate::call::{call_model, settle, take_place};
use crate::dispatcher::Engine;
use crate::live::LiveDelta;
use crate::request::{Prepared, Shape, Told, prepare};
use crate::task::Stopped;

/// Answers asked for: the first, and one after the mistakes were sent back.
const ANSWERS_MAX: usize = 2;
/// How long planning that waits for money sleeps before it asks again.
const MONEY_PAUSE: Duration = Duration::from_millis(500);

/// Works on an operation until it ends or waits. False when it has to be
/// recovered.
pub(crate) async fn run(engine: &Arc<Engine>, id: &OperationId) -> bool {
    let result = match engine.store.operation_rows(id).await {
        Ok(Some(rows)) if rows.operation.state == OperationState::Running => work(engine, rows).await,
        Ok(_) => Ok(()),
        Err(error) => Err(error.into()),
    };
    engine.made_progress();
    match result {
        Ok(()) | Err(Stopped::Stale | Stopped::Waiting | Stopped::Cut) => true,
        Err(Stopped::Store(error)) => {
            tracing::error!(operation = %id, %error, "planning could not write");
            false
        }
    }
}

async fn work(engine: &Arc<Engine>, rows: OperationRows) -> Result<(), Stopped> {
    let id = rows.operation.id.clone();
    if let Some(wake_at) = rows.operation.wake_at {
        let wait_ms = wake_at.ms_since(engine.clock.now());
        if wait_ms > 0 {
            offer_later(engine, &id, Duration::from_millis(wait_ms));
            return Ok(());
        }
    }
    let running = engine.cuts.enter(Work::Operation(id), rows.project.id.clone(), &engine.hard);
    let texts = engine.store.blobs(&rows.project.id, &Told::hashes(&rows.operation.brief)).await?;
    let told = Told::read(&rows.operation.brief, &texts)
        .ok_or_else(|| Stopped::Store("the planning brief cannot be read".to_owned()))?;
    let requirements = engine.requirements(&rows.project).await?;
    let known_tools: Vec<String> =
        engine.tool_specs.iter().map(|spec| spec.definition.name.clone()).collect();
    Planning {
        engine,
        rigor: rows.project.config.rigor(),
        requirement_count: requirements.len(),
        known_tools,
        told,
        steps: rows.steps,
        operation: rows.operation,
        project: rows.project,
        cut: running.cut.clone(),
    }
    .go_on()
    .await
}

/// Offers the operation again after a pause, without holding a slot meanwhile.
fn offer_later(engine: &Arc<Engine>, id: &OperationId, pause: Duration) {
    let (engine, id) = (Arc::clone(engine), id.clone());
    tokio::spawn(async move {
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = engine.drain.cancelled() => return,
        }
        engine.offer(vec![Offer { work: Work::Operation(id), fence: 0 }]).await;
    });
}

struct Planning<'e> {
    engine: &'e Arc<Engine>,
    operation: Operation,
    project: domain::project::Project,
    rigor: Rigor,
    requirement_count: usize,
    known_tools: Vec<String>,
    told: Told,
    steps: Vec<Step>,
    cut: CancellationToken,
}

/// What the journal says.
enum Next {
    Ask { messages: Vec<Message>, note: Option<Arc<str>> },
    Store(Box<Plan>),
    Fail { code: String, message: String },
}

impl Planning<'_> {
    async fn go_on(mut self) -> Result<(), Stopped> {
        loop {
            match self.next()? {
                Next::Store(plan) => return self.store(*plan).await,
                Next::Fail { code, message } => return self.fail(code, message).await,
                Next::Ask { .. } if self.engine.drain.is_cancelled() => return Err(Stopped::Waiting),
                Next::Ask { messages, note } => {
                    let prepared = match self.prepare(messages, note) {
                        Ok(prepared) => prepared,
                        Err(refusal) => {
                            return self.fail(refusal.code.as_str().to_owned(), refusal.message).await;
                        }
                    };
                    self.ask(prepared).await?;
                }
            }
        }
    }

    fn rules(&self) -> PlanRules<'_> {
        PlanRules {
            max_tasks: self.engine.settings.policy.max_plan_tasks as usize,
            requirement_count: self.requirement_count,
            known_tools: &self.known_tools,
        }
    }

    fn next(&self) -> Result<Next, Stopped> {
        let mut messages = Vec::new();
        for (earlier, step) in self.steps.iter().enumerate() {
            if let Some(note) = &step.note {
                messages.push(Message::user(note.to_string()));
            }
            let Some(result) = step.result.as_ref().filter(|_| step.state == StepState::Done) else {
                return Ok(Next::Ask { messages, note: step.note.clone() });
            };
            let answer: Answer = read_json(result)
                .ok_or_else(|| Stopped::Store(format!("planning step {} cannot be read", step.seq)))?;
            let problem = match self.read(&answer) {
                Ok(plan) => return Ok(Next::Store(Box::new(plan))),
                Err(problem) => problem,
            };
            let is_last = earlier + 1 == self.steps.len();
            if !is_last {
                messages.push(Message::assistant(answer.content));
                continue;
            }
            let Some(repair) = problem.repair.filter(|_| earlier + 1 < ANSWERS_MAX) else {
                return Ok(Next::Fail { code: problem.code, message: problem.message });
            };
            let note: Arc<str> = repair.into();
            messages.push(Message::assistant(answer.content));
            messages.push(Message::user(note.to_string()));
            return Ok(Next::Ask { messages, note: Some(note) });
        }
        Ok(Next::Ask { messages, note: None })
    }

    /// Reads an answer as a plan, or says what is wrong with it.
    fn read(&self, answer: &Answer) -> Result<Plan, Problem> {
        match &answer.stop {
            StopReason::EndTurn | StopReason::StopSequence => {}
            StopReason::MaxTokens => {
                let message = format!(
                    "the plan was cut off at {} tokens; ask for less (a lower rigor, fewer requirements)",
                    self.told.max_tokens
                );
                let repair =
                    "Your answer was cut off because it was too long. Give the whole plan again with fewer and \
                     shorter tasks."
                        .to_owned();
                return Err(Problem { code: "plan_invalid".to_owned(), message, repair: Some(repair) });
            }
            other => {
                let message = stopped_without_plan(other);
                return Err(Problem { code: "plan_invalid".to_owned(), message, repair: None });
            }
        }
        parse(&answer.text(), self.rigor, &self.rules()).map_err(|errors| Problem {
            code: errors.code().as_str().to_owned(),
            message: errors.to_string(),
            repair: Some(repair_text(&errors)),
        })
    }

    fn prepare(&self, messages: Vec<Message>, note: Option<Arc<str>>) -> Result<Prepared, Refusal> {
        self.engine.must_have(&self.told.provider)?;
        let shape = Shape {
            id: self.engine.ids.make(|ids| CallId::fresh(ids)),
            purpose: Purpose::Planning,
            price: self.engine.price(&self.told.provider, &self.told.model)?,
            timeout_ms: self.engine.settings.call_timeout_ms,
            schema: Some(Arc::new(wire::schema(self.rigor))),
            note,
        };
        Ok(prepare(&self.told, messages, shape))
    }

    /// Begins, sends and books one call; the journal has its answer afterwards.
    async fn ask(&mut self, mut prepared: Prepared) -> Result<(), Stopped> {
        if let Err(no_place) = take_place(self.engine, &mut prepared) {
            let now = self.engine.clock.now();
            let until = no_place.wait.wake_at.unwrap_or(now);
            offer_later(self.engine, &self.operation.id, Duration::from_millis(until.ms_since(now)));
            return Err(Stopped::Waiting);
        }
        let owner = Owner::Operation(self.operation.id.clone());
        let begin = Command::BeginCall(BeginCall { owner, fence: 0, call: prepared.next.clone() });
        match self.engine.apply_one(Envelope::engine(begin)).await?.outcome {
            Outcome::CallBegun { .. } => {}
            Outcome::NotAdmitted { message, is_exhausted: true } => {
                self.fail("budget_exhausted".to_owned(), message).await?;
                return Err(Stopped::Waiting);
            }
            _ => {
                offer_later(self.engine, &self.operation.id, MONEY_PAUSE);
                return Err(Stopped::Waiting);
            }
        }
        let (project, operation) = (self.project.id.clone(), self.operation.id.clone());
        let live = &self.engine.live;
        let end = call_model(self.engine, &mut prepared, &self.cut, |text| {
            live.send(|| LiveDelta {
                project: project.clone(),
                task: None,
                operation: Some(operation.clone()),
                text,
            });
        })
        .await;
        let is_answered = matches!(end, CallEnd::Answered(_));
        let applied = self.engine.apply_one(settle(self.engine, &prepared.next.id, 0, end)).await?;
        match applied.outcome {
            Outcome::Answered { .. } if is_answered => self.reload().await,
            Outcome::RetryAt(at) => {
                let pause = Duration::from_millis(at.ms_since(self.engine.clock.now()));
                offer_later(self.engine, &self.operation.id, pause);
                Err(Stopped::Waiting)
            }
            _ => Err(Stopped::Waiting),
        }
    }

    async fn reload(&mut self) -> Result<(), Stopped> {
        let rows = self.engine.store.operation_rows(&self.operation.id).await?.ok_or(Stopped::Stale)?;
        if rows.operation.state != OperationState::Running {
            return Err(Stopped::Stale);
        }
        self.steps = rows.steps;
        Ok(())
    }

    async fn store(&self, plan: Plan) -> Result<(), Stopped> {
        let (usage, cost) = self.spent();
        let command = StorePlan {
            operation: Some(self.operation.id.clone()),
            project: self.project.id.clone(),
            id: self.engine.ids.make(|ids| PlanId::fresh(ids)),
            plan,
            rigor: self.rigor,
            model: Arc::clone(&self.told.model),
            requirements_hash: Arc::clone(&self.project.requirements_hash),
            usage,
            cost,
        };
        self.engine.apply_one(Envelope::engine(Command::StorePlan(command))).await?;
        Ok(())
    }

    /// What the answers in the journal took, for display beside the plan; the
    /// ledger is the truth.
    fn spent(&self) -> (Usage, NanoUsd) {
        let price = self.engine.price(&self.told.provider, &self.told.model).ok();
        let mut sum = Usage::default();
        let mut cost = NanoUsd::ZERO;
        for step in &self.steps {
            let answer: Option<Answer> = step.result.as_deref().and_then(read_json);
            let Some(usage) = answer.and_then(|answer| answer.usage) else { continue };
            sum.input += usage.input;
            sum.output += usage.output;
            sum.cache_read += usage.cache_read;
            sum.cache_write_5m += usage.cache_write_5m;
            sum.cache_write_1h += usage.cache_write_1h;
            if let Some(price) = &price {
                cost += domain::pricing::cost(price, &usage);
            }
        }
        (sum, cost)
    }

    async fn fail(&self, code: String, message: String) -> Result<(), Stopped> {
        let command = FailOperation { operation: self.operation.id.clone(), code, message };
        self.engine.apply_one(Envelope::engine(Command::FailOperation(command))).await?;
        Ok(())
    }
}

/// What is wrong with an answer, and what to say about it.
struct Problem {
    code: String,
    message: String,
    /// What to send back; `None` when asking again would be no use.
    repair: Option<String>,
}
/// Why an answer that did not come to its end is no plan.
fn stopped_without_plan(stop: &StopReason) -> String {
    match stop {
        StopReason::Refusal => "the model refused to plan this; change the requirements".to_owned(),
        StopReason::ContextExceeded => {
            "the requirements do not fit the model's window; shorten them or use a larger model".to_owned()
        }
        StopReason::ToolUse => "the model asked for a tool instead of giving a plan".to_owned(),
        StopReason::PauseTurn => "the provider paused the turn before there was a plan".to_owned(),
        StopReason::EndTurn | StopReason::StopSequence | StopReason::MaxTokens => {
            "the model stopped without a plan".to_owned()
        }
        StopReason::Other(name) => format!("the model stopped without a plan, for a reason it calls {name}"),
    }
}
