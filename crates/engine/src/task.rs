//! One worker at one task: claim, ask, journal, run tools, have it judged, end.
//! What comes next is always read from the journal (`domain::turn`); this file
//! only carries it out.

use std::sync::Arc;

use domain::attempt::{Owner, Step, StepKind, StepState, content_hash, write_json};
use domain::decide::{
    BeginCall, CallEnd, ClaimTask, Command, Envelope, FinishTask, Outcome, PutBack, TaskEnd,
};
use domain::id::{CallId, ProjectId, TaskId};
use domain::model::{Answer, Block, Message, Purpose, Role, StopReason};
use domain::ports::{StoreError, TaskRows, Work};
use domain::refusal::{Code, Refusal};
use domain::routing::{OLLAMA, Route, Routes, SIMULATED};
use domain::task::{TaskState, Wait, WaitReason};
use domain::tool::{ToolContext, ToolOutcome};
use domain::turn::{self, Bounds, Move, ToolRequest};
use domain::{prompt, turn::files_written};
use tokio_util::sync::CancellationToken;

use crate::call::{NoPlace, call_model, settle, take_place};
use crate::context;
use crate::dispatcher::Engine;
use crate::live::{LiveDelta, LiveText};
use crate::request::{Prepared, Shape, Told, prepare};
use crate::tools;

/// Why a worker stops before the task has ended.
#[derive(Debug)]
pub(crate) enum Stopped {
    /// Somebody else has the task, or it ended: nothing more to do.
    Stale,
    /// The task was put back and waits.
    Waiting,
    /// It was cut: cancelled, deleted, or the program stops at once.
    Cut,
    /// The store failed; the task has to be recovered.
    Store(String),
}

impl From<StoreError> for Stopped {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Refused(_) => Self::Stale,
            StoreError::Unavailable(text) | StoreError::Broken(text) => Self::Store(text),
        }
    }
}

/// Where a worker writes.
pub(crate) struct Place {
    pub(crate) project: ProjectId,
    pub(crate) task: TaskId,
    pub(crate) fence: u64,
    pub(crate) attempt: u32,
}

/// Works on a task until it ends or waits. False when it has to be recovered.
pub(crate) async fn run(engine: &Engine, id: &TaskId, offered_fence: u64) -> bool {
    match work(engine, id, offered_fence).await {
        Ok(()) | Err(Stopped::Stale | Stopped::Waiting | Stopped::Cut) => true,
        Err(Stopped::Store(error)) => {
            tracing::error!(task = %id, %error, "a worker could not write");
            false
        }
    }
}

async fn work(engine: &Engine, id: &TaskId, offered_fence: u64) -> Result<(), Stopped> {
    if engine.drain.is_cancelled() {
        return Err(Stopped::Waiting);
    }
    let Some(rows) = engine.store.task_rows(id).await? else { return Err(Stopped::Stale) };
    if rows.task.state != TaskState::Ready || rows.task.fence != offered_fence {
        return Err(Stopped::Stale);
    }
    let running = engine.cuts.enter(Work::Task(id.clone()), rows.project.id.clone(), &engine.hard);
    let mut worker = match Worker::prepare(engine, rows, running.cut.clone()).await? {
        Ok(worker) => worker,
        Err((rows, refusal)) => return wait_for_person(engine, &rows, &refusal).await,
    };
    worker.claim().await?;
    worker.go_on().await
}

/// Nothing is configured that could do the task, and only a person can change
/// that.
async fn wait_for_person(engine: &Engine, rows: &TaskRows, refusal: &Refusal) -> Result<(), Stopped> {
    let wait = Wait { reason: WaitReason::Person, since: engine.clock.now(), wake_at: None };
    let message = format!("\"{}\" cannot start: {refusal}", rows.task.title);
    engine
        .apply_one(Envelope::engine(Command::PutBack(PutBack {
            task: rows.task.id.clone(),
            fence: rows.task.fence,
            wait: Some(wait),
            message: Some(message.into()),
        })))
        .await?;
    Ok(())
}

/// What is done once the commands of a move are through.
enum Then {
    Call(Box<Prepared>),
    Tools(Vec<ToolRequest>),
    End,
}

struct Worker<'e> {
    engine: &'e Engine,
    rows: TaskRows,
    told: Told,
    routes: Routes,
    steps: Vec<Step>,
    place: Place,
    bounds: Bounds,
    cut: CancellationToken,
    /// The call that may be sent, and its step.
    current: Option<(Prepared, u32)>,
    tools: Vec<ToolRequest>,
    is_verifying: bool,
}

type Preparation<'e> = Result<Worker<'e>, (TaskRows, Refusal)>;

impl<'e> Worker<'e> {
    /// Reads or builds what the attempt is told. A refusal means that nothing is
    /// configured that could do it.
    async fn prepare(
        engine: &'e Engine,
        mut rows: TaskRows,
        cut: CancellationToken,
    ) -> Result<Preparation<'e>, Stopped> {
        let routes = match engine.settings.routes_for(&rows.project.config) {
            Ok(routes) => routes,
            Err(refusal) => return Ok(Err((rows, refusal))),
        };
        let attempt = rows.attempt.take().filter(|_| rows.task.is_attempt_open);
        let steps = if attempt.is_some() { std::mem::take(&mut rows.steps) } else { Vec::new() };
        let told = match &attempt {
            Some(attempt) => {
                let texts = engine.store.blobs(&rows.project.id, &Told::hashes(&attempt.brief)).await?;
                let told = Told::read(&attempt.brief, &texts);
                told.ok_or_else(|| {
                    Stopped::Store(format!("the brief of task {} cannot be read", rows.task.id))
                })?
            }
            None => {
                let route = match routes.route(rows.task.tier) {
                    Ok(route) => route,
                    Err(refusal) => return Ok(Err((rows, refusal))),
                };
                let requirements = engine.requirements(&rows.project).await?;
                context::brief(engine, &rows, &requirements, route)
            }
        };
        if let Err(refusal) = engine.must_have(&told.provider) {
            return Ok(Err((rows, refusal)));
        }
        if let Err(refusal) = engine.price(&told.provider, &told.model) {
            return Ok(Err((rows, refusal)));
        }
        let place = Place {
            project: rows.project.id.clone(),
            task: rows.task.id.clone(),
            fence: rows.task.fence,
            attempt: rows.task.attempt,
        };
        let own = Route::new(&*told.provider, &*told.model);
        let bounds = Bounds {
            tool_rounds_max: engine.settings.tool_rounds_max,
            is_verified: engine.settings.is_verification_enabled
                && is_judged(&own, routes.verification.as_ref()),
        };
        let (current, tools, is_verifying) = (None, Vec::new(), false);
        Ok(Ok(Self { engine, rows, told, routes, steps, place, bounds, cut, current, tools, is_verifying }))
    }

    /// Takes the task, together with its first call where that comes first.
    async fn claim(&mut self) -> Result<(), Stopped> {
        let is_new = !self.rows.task.is_attempt_open;
        let (brief, blobs) = if is_new {
            let (brief, blobs) = self.told.store(&self.place.project, prompt::version());
            (Some(brief), blobs)
        } else {
            (None, Vec::new())
        };
        let first = match self.next_move()? {
            Move::Call { messages, note } => {
                let mut prepared = self.prepare_turn(messages, note)?;
                match take_place(self.engine, &mut prepared) {
                    Ok(()) => Some(prepared),
                    // The end of a call offers it again; nothing needs to be written.
                    Err(no_place) if no_place.is_busy => return Err(Stopped::Waiting),
                    Err(no_place) => return self.give_back(Some(no_place)).await.map(|_| ()),
                }
            }
            _ => None,
        };
        let claim = ClaimTask {
            task: self.place.task.clone(),
            fence: self.place.fence,
            brief,
            blobs,
            call: first.as_ref().map(|prepared| prepared.next.clone()),
        };
        let applied = self.engine.apply_one(Envelope::engine(Command::ClaimTask(claim))).await?;
        let Outcome::Claimed { fence, attempt, seq } = applied.outcome else { return Err(Stopped::Waiting) };
        self.place.fence = fence;
        self.place.attempt = attempt;
        self.current = first.map(|prepared| (prepared, seq));
        let files = files_written(&self.steps).map_err(Stopped::Store)?;
        if !files.is_empty()
            && let Err(error) = self.engine.workspaces.rebuild(&self.tool_context(), &files).await
        {
            return Err(Stopped::Store(format!("the workspace could not be rebuilt: {error}")));
        }
        if !self.told.tools.is_empty() {
            self.engine.gates.settled(&self.place.project).await;
        }
        Ok(())
    }

    fn tool_context(&self) -> ToolContext {
        ToolContext {
            project: self.place.project.clone(),
            task: self.place.task.clone(),
            attempt: self.place.attempt,
            fence: self.place.fence,
            idempotency_key: String::new(),
        }
    }

    fn next_move(&self) -> Result<Move, Stopped> {
        turn::next_move(&self.steps, self.bounds).map_err(Stopped::Store)
    }

    async fn go_on(&mut self) -> Result<(), Stopped> {
        loop {
            if let Some((prepared, seq)) = self.current.take() {
                if self.ask(prepared, seq).await? {
                    return Ok(());
                }
            } else if self.tools.is_empty() {
                let next = self.next_move()?;
                if self.carry_out(Vec::new(), next).await? {
                    return Ok(());
                }
            } else if self.use_tools().await? {
                return Ok(());
            }
        }
    }

    /// Sends a call, books it and carries out what follows, in one transaction.
    async fn ask(&mut self, mut prepared: Prepared, seq: u32) -> Result<bool, Stopped> {
        let (project, task) = (self.place.project.clone(), self.place.task.clone());
        let live = &self.engine.live;
        let say = |text: LiveText| {
            live.send(|| LiveDelta {
                project: project.clone(),
                task: Some(task.clone()),
                operation: None,
                text,
            });
        };
        if prepared.next.purpose == Purpose::Execution {
            say(LiveText::Turn(seq));
        }
        let end = call_model(self.engine, &mut prepared, &self.cut, say).await;
        let settled = |end| settle(self.engine, &prepared.next.id, self.place.fence, end);
        match end {
            CallEnd::Answered(answer) => {
                let command = settled(CallEnd::Answered(answer.clone()));
                self.journal(&prepared, seq, &answer);
                let next = self.next_move()?;
                self.carry_out(vec![command], next).await
            }
            end @ (CallEnd::Broken(_) | CallEnd::Cut(_)) => {
                self.engine.apply_one(settled(end)).await?;
                Err(Stopped::Waiting)
            }
        }
    }

    /// The journal's local copy follows what the store writes.
    fn journal(&mut self, prepared: &Prepared, seq: u32, answer: &Answer) {
        let step = |seq, kind, state, name: &str| Step {
            owner: Owner::Task(self.place.task.clone()),
            attempt: self.place.attempt,
            seq,
            kind,
            state,
            name: name.into(),
            tries: 1,
            tool_use_id: None,
            request_hash: Arc::clone(&prepared.next.request_hash),
            note: None,
            result: None,
        };
        self.steps.retain(|earlier| earlier.seq != seq);
        let mut asked = step(seq, StepKind::Model, StepState::Done, prepared.next.purpose.as_str());
        asked.note = prepared.next.note.clone();
        asked.result = Some(write_json(answer));
        let mut new = vec![asked];
        if answer.stop == StopReason::ToolUse {
            let mut tool_seq = seq;
            for block in &answer.content {
                let Block::ToolUse { id, name, input } = block else { continue };
                tool_seq += 1;
                let mut tool = step(tool_seq, StepKind::Tool, StepState::Intent, name);
                tool.tool_use_id = Some(id.as_str().into());
                tool.request_hash = content_hash(&input.to_string());
                new.push(tool);
            }
        }
        self.steps.extend(new);
    }

    /// Runs the tools asked for; the last result is stored together with what
    /// follows from it.
    async fn use_tools(&mut self) -> Result<bool, Stopped> {
        let requests = std::mem::take(&mut self.tools);
        let allowed: Vec<String> = self.told.tools.iter().map(|tool| tool.name.clone()).collect();
        let last = requests.len().saturating_sub(1);
        for (position, request) in requests.iter().enumerate() {
            self.engine.live.send(|| LiveDelta {
                project: self.place.project.clone(),
                task: Some(self.place.task.clone()),
                operation: None,
                text: LiveText::Tool(request.name.clone()),
            });
            let ran = tools::run(self.engine, &self.place, &allowed, request, &self.cut).await;
            let (command, outcome) = match ran {
                Ok(ran) => ran,
                Err(Stopped::Cut) => return self.give_back(None).await,
                Err(stopped) => return Err(stopped),
            };
            self.note_result(request.seq, &outcome);
            if position < last {
                self.engine.apply_one(command).await?;
                continue;
            }
            let next = self.next_move()?;
            return self.carry_out(vec![command], next).await;
        }
        Ok(false)
    }

    fn note_result(&mut self, seq: u32, outcome: &ToolOutcome) {
        for step in self.steps.iter_mut().filter(|step| step.seq == seq) {
            step.state = StepState::Done;
            step.result = Some(write_json(outcome));
        }
    }

    /// Puts the task back as it is; its journal goes on later.
    async fn give_back(&self, no_place: Option<NoPlace>) -> Result<bool, Stopped> {
        self.engine.apply_one(self.put_back(no_place)).await?;
        Err(Stopped::Waiting)
    }

    fn put_back(&self, no_place: Option<NoPlace>) -> Envelope {
        let (wait, message) = match no_place {
            Some(NoPlace { wait, message, .. }) => (Some(wait), Some(message.into())),
            None => (None, None),
        };
        let (task, fence) = (self.place.task.clone(), self.place.fence);
        Envelope::engine(Command::PutBack(PutBack { task, fence, wait, message }))
    }

    /// Applies `first` and the commands of the move in one transaction. True when
    /// the task has ended.
    async fn carry_out(&mut self, first: Vec<Envelope>, next: Move) -> Result<bool, Stopped> {
        let (commands, then) = self.commands_for(next)?;
        let publishes = commands.iter().any(publishes_files);
        let gate =
            if publishes { Some(self.engine.gates.publishing(&self.place.project).await) } else { None };
        let settled = first.len();
        let all: Vec<Envelope> = first.into_iter().chain(commands).collect();
        if all.is_empty() {
            return self.after(then, None);
        }
        let results = self.engine.apply(all).await;
        drop(gate);
        let mut begun = None;
        for (position, result) in results.into_iter().enumerate() {
            match result {
                Ok(applied) => match applied.outcome {
                    Outcome::NotAdmitted { .. } => return Err(Stopped::Waiting),
                    Outcome::Ended if position < settled => return Err(Stopped::Stale),
                    Outcome::CallBegun { seq } => begun = Some(seq),
                    _ => {}
                },
                Err(StoreError::Refused(refusal)) if refusal.code == Code::NotExecuting => {
                    return self.give_back(None).await;
                }
                Err(error) => return Err(error.into()),
            }
        }
        self.after(then, begun)
    }

    fn after(&mut self, then: Then, begun: Option<u32>) -> Result<bool, Stopped> {
        match (then, begun) {
            (Then::Call(prepared), Some(seq)) => {
                self.current = Some((*prepared, seq));
                Ok(false)
            }
            (Then::Call(_), None) => Err(Stopped::Store("a call was neither begun nor refused".to_owned())),
            (Then::Tools(tools), _) => {
                self.tools = tools;
                Ok(false)
            }
            (Then::End, _) => Ok(true),
        }
    }

    fn commands_for(&mut self, next: Move) -> Result<(Vec<Envelope>, Then), Stopped> {
        let end = match next {
            Move::Call { .. } | Move::Judge { .. } if self.engine.drain.is_cancelled() => {
                return Ok((vec![self.put_back(None)], Then::End));
            }
            Move::Call { messages, note } => {
                let prepared = self.prepare_turn(messages, note)?;
                return Ok(self.begin_or_wait(Vec::new(), prepared));
            }
            Move::RunTools(tools) => return Ok((Vec::new(), Then::Tools(tools))),
            Move::Judge { output } => return self.judge(output),
            Move::Complete { output, verdict, notes } => {
                let files = files_written(&self.steps).map_err(Stopped::Store)?;
                TaskEnd::Complete { output, verdict, notes, files }
            }
            Move::Gaps { notes, output } => TaskEnd::Gaps { notes, output },
            Move::AskPerson { reason, output, verdict } => TaskEnd::AskPerson { reason, output, verdict },
        };
        Ok((vec![self.finish(end)], Then::End))
    }

    fn finish(&self, end: TaskEnd) -> Envelope {
        let (task, fence) = (self.place.task.clone(), self.place.fence);
        Envelope::engine(Command::FinishTask(FinishTask { task, fence, end }))
    }

    fn begin(&self, prepared: &Prepared) -> Envelope {
        Envelope::engine(Command::BeginCall(BeginCall {
            owner: Owner::Task(self.place.task.clone()),
            fence: self.place.fence,
            call: prepared.next.clone(),
        }))
    }

    /// The output goes to the verifier; the task is verifying from here on.
    fn judge(&mut self, output: Arc<str>) -> Result<(Vec<Envelope>, Then), Stopped> {
        let Some(route) = self.routes.verification.clone() else {
            let end = TaskEnd::AskPerson {
                reason: "no model is configured that could verify the output".into(),
                output: Some(output),
                verdict: None,
            };
            return Ok((vec![self.finish(end)], Then::End));
        };
        let files: Vec<String> =
            files_written(&self.steps).map_err(Stopped::Store)?.into_iter().map(|file| file.path).collect();
        let text = prompt::verifier_user(&context::task_text(&self.rows), &output, &files);
        let max_tokens = self.engine.settings.verification_max_tokens;
        let opening = Message { role: Role::User, content: vec![Block::Text { text }] };
        let told = Told::new(&route, prompt::verifier_system(), opening, Vec::new(), max_tokens);
        let schema = Some(Arc::new(prompt::verdict_schema()));
        let prepared = match self.shape(&told, Purpose::Verification, schema, None) {
            Ok(shape) => prepare(&told, Vec::new(), shape),
            Err(refusal) => {
                let reason = format!("the output could not be verified: {refusal}").into();
                let end = TaskEnd::AskPerson { reason, output: Some(output), verdict: None };
                return Ok((vec![self.finish(end)], Then::End));
            }
        };
        let mut commands = Vec::new();
        if !self.is_verifying {
            commands.push(self.finish(TaskEnd::Verify { output }));
            self.is_verifying = true;
        }
        Ok(self.begin_or_wait(commands, prepared))
    }

    /// Begins the call where its provider has a place, else puts the task back
    /// until it has.
    fn begin_or_wait(&self, mut commands: Vec<Envelope>, mut prepared: Prepared) -> (Vec<Envelope>, Then) {
        match take_place(self.engine, &mut prepared) {
            Ok(()) => {
                commands.push(self.begin(&prepared));
                (commands, Then::Call(Box::new(prepared)))
            }
            Err(no_place) => {
                commands.push(self.put_back(Some(no_place)));
                (commands, Then::End)
            }
        }
    }

    fn prepare_turn(&self, messages: Vec<Message>, note: Option<Arc<str>>) -> Result<Prepared, Stopped> {
        let shape = self
            .shape(&self.told, Purpose::Execution, None, note)
            .map_err(|refusal| Stopped::Store(refusal.to_string()))?;
        Ok(prepare(&self.told, messages, shape))
    }

    fn shape(
        &self,
        told: &Told,
        purpose: Purpose,
        schema: Option<Arc<serde_json::Value>>,
        note: Option<Arc<str>>,
    ) -> Result<Shape, Refusal> {
        self.engine.must_have(&told.provider)?;
        Ok(Shape {
            id: self.engine.ids.make(|ids| CallId::fresh(ids)),
            purpose,
            price: self.engine.price(&told.provider, &told.model)?,
            timeout_ms: self.engine.settings.call_timeout_ms,
            schema,
            note,
        })
    }
}

/// Work of local models is judged by a local model or by nobody: it must not
/// begin to cost money by itself.
pub(crate) fn is_judged(own: &Route, verifier: Option<&Route>) -> bool {
    let is_local = |route: &Route| {
        route.provider == OLLAMA || (route.provider == SIMULATED && route.model.starts_with("ollama/"))
    };
    verifier.is_some_and(|verifier| !is_local(own) || is_local(verifier))
}

fn publishes_files(envelope: &Envelope) -> bool {
    matches!(
        &envelope.command,
        Command::FinishTask(FinishTask { end: TaskEnd::Complete { files, .. }, .. }) if !files.is_empty()
    )
}
