//! Builders and short words for tests that drive a store by commands.

use std::sync::Arc;

use domain::actor::Actor;
use domain::attempt::{Brief, content_hash};
use domain::decide::{
    ApprovePlan, BeginCall, CallEnd, ClaimTask, Command, CreateProject, Envelope, FinishTask, NextCall,
    Outcome, SettleCall, StorePlan, TaskEnd,
};
use domain::id::{CallId, PlanId, ProjectId, TaskId, UserId};
use domain::model::{Answer, Block, Purpose, StopReason, Usage};
use domain::money::NanoUsd;
use domain::plan::{Plan, PlannedTask, Rigor};
use domain::ports::{Applied, Clock, Offer, ProjectStore, ReadyQuery, StoreError, Work};
use domain::pricing::{Price, PriceTiers};
use domain::project::ProjectConfig;
use domain::refusal::Code;
use domain::task::{Complexity, Task, TaskType, Verdict};

use crate::clock::{FakeClock, SeqIds};

/// What one output token costs in the calls of [`Lab::call`]; prompts are free.
pub const TOKEN: NanoUsd = NanoUsd(1_000);

/// A store under test with a clock and ids.
pub struct Lab {
    /// The store.
    pub store: Arc<dyn ProjectStore>,
    /// Its clock.
    pub clock: Arc<FakeClock>,
    /// Ids for what the caller makes.
    pub ids: Arc<SeqIds>,
}

/// A plan of tasks `t0`, `t1`, … with these prerequisites.
#[must_use]
pub fn plan(depends_on: &[&[usize]]) -> Plan {
    let task = |(index, needed): (usize, &&[usize])| PlannedTask {
        title: format!("t{index}"),
        description: format!("Do part {index}."),
        task_type: TaskType::Code,
        complexity: Complexity::Simple,
        depends_on: needed.to_vec(),
        tools: Some(vec!["read_file".to_owned()]),
        requirement_ids: vec!["R1".to_owned()],
        verification_criteria: "It is there.".to_owned(),
        affected_files: vec![format!("part{index}.txt")],
        phase: None,
    };
    Plan {
        summary: "Make the parts.".to_owned(),
        tasks: depends_on.iter().enumerate().map(task).collect(),
        ..Plan::default()
    }
}

/// A chain of tasks, each needing the one before.
#[must_use]
pub fn chain(length: usize) -> Plan {
    let needed: Vec<Vec<usize>> =
        (0..length).map(|index| index.checked_sub(1).into_iter().collect()).collect();
    let needed: Vec<&[usize]> = needed.iter().map(Vec::as_slice).collect();
    plan(&needed)
}

/// Tasks that need nothing.
#[must_use]
pub fn wide(count: usize) -> Plan {
    plan(&vec![&[][..]; count])
}

/// A brief; its texts are not stored.
#[must_use]
pub fn brief() -> Brief {
    Brief {
        provider: "anthropic".into(),
        model: "model-1".into(),
        system: content_hash("system"),
        opening: content_hash("opening"),
        tools: content_hash("[]"),
        prompt_version: "1".into(),
        max_tokens: 1_000,
    }
}

/// An answer with a text and this many output tokens.
#[must_use]
pub fn answer(text: &str, tokens: u64) -> Answer {
    Answer {
        content: vec![Block::Text { text: text.to_owned() }],
        stop: StopReason::EndTurn,
        usage: Some(Usage { output: tokens, ..Usage::default() }),
        model: "model-1".to_owned(),
        request_id: Some("req_1".to_owned()),
        rate_limits: domain::model::RateLimits::default(),
    }
}

/// An answer that asks for one tool.
#[must_use]
pub fn tool_answer(tool: &str, tokens: u64) -> Answer {
    let input = serde_json::json!({ "path": "a.txt" });
    Answer {
        content: vec![Block::ToolUse { id: "toolu_1".to_owned(), name: tool.to_owned(), input }],
        stop: StopReason::ToolUse,
        ..answer("", tokens)
    }
}

/// The code of a refusal.
///
/// # Panics
/// When it was not refused.
pub fn refused(result: Result<Applied, StoreError>) -> Code {
    match result {
        Err(StoreError::Refused(refusal)) => refusal.code,
        other => panic!("not refused: {other:?}"),
    }
}

impl Lab {
    /// One command in the engine's name.
    ///
    /// # Errors
    /// What the store says.
    pub async fn apply(&self, command: Command) -> Result<Applied, StoreError> {
        self.apply_as(Actor::Engine, command).await
    }

    /// One command of a person.
    ///
    /// # Errors
    /// What the store says.
    pub async fn person(&self, command: Command) -> Result<Applied, StoreError> {
        self.apply_as(Actor::Shell, command).await
    }

    async fn apply_as(&self, actor: Actor, command: Command) -> Result<Applied, StoreError> {
        let mut answers = self.store.apply(vec![Envelope { actor, command }]).await;
        assert_eq!(answers.len(), 1, "one command has one answer");
        answers.pop().unwrap_or_else(|| Err(StoreError::Broken("no answer".to_owned())))
    }

    /// One command that must be carried out.
    ///
    /// # Panics
    /// When it is not.
    pub async fn must(&self, command: Command) -> Applied {
        let text = format!("{command:.0?}");
        match self.person(command).await {
            Ok(applied) => applied,
            Err(error) => panic!("{error}: {text}"),
        }
    }

    /// A new project of this owner.
    pub async fn project(&self, owner: Option<&str>) -> ProjectId {
        let id = ProjectId::new(format!("prj_{}", self.ids.next_id()));
        self.must(Command::CreateProject(CreateProject {
            id: id.clone(),
            owner: owner.map(UserId::new),
            name: "A project".to_owned(),
            requirements: "Make some parts.\n\nTest them.".to_owned(),
            config: ProjectConfig::default(),
        }))
        .await;
        id
    }

    /// Stores and approves a plan; gives its tasks.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn approve(&self, project: &ProjectId, plan: Plan) -> Vec<TaskId> {
        let id = PlanId::new(format!("pln_{}", self.ids.next_id()));
        self.must(Command::StorePlan(StorePlan {
            operation: None,
            project: project.clone(),
            id: id.clone(),
            plan,
            rigor: Rigor::L1,
            model: "model-1".into(),
            requirements_hash: content_hash("x"),
            usage: Usage::default(),
            cost: NanoUsd::ZERO,
        }))
        .await;
        let known_tools = vec!["read_file".to_owned(), "write_file".to_owned()];
        let approve = ApprovePlan { project: project.clone(), plan: id, known_tools };
        match self.must(Command::ApprovePlan(approve)).await.outcome {
            Outcome::Approved { tasks, .. } => tasks,
            other => panic!("not approved: {other:?}"),
        }
    }

    /// A project of this owner that executes this plan.
    pub async fn executing(&self, owner: Option<&str>, plan: Plan) -> (ProjectId, Vec<TaskId>) {
        let project = self.project(owner).await;
        let tasks = self.approve(&project, plan).await;
        self.must(Command::ExecuteProject(project.clone())).await;
        (project, tasks)
    }

    /// A call that is held at `max_tokens` times [`TOKEN`].
    #[must_use]
    pub fn call(&self, max_tokens: u32) -> NextCall {
        let price = Price { output: TOKEN.0 * 1_000_000, ..Price::FREE };
        let tiers = PriceTiers {
            model: "model-1".to_owned(),
            from_date: "2026-01-01".to_owned(),
            base: price,
            steps: Vec::new(),
        };
        NextCall {
            id: CallId::new(format!("cal_{}", self.ids.next_id())),
            purpose: Purpose::Execution,
            provider: "anthropic".into(),
            model: "model-1".into(),
            price: Arc::new(tiers),
            input_upper: 100,
            max_tokens,
            request_hash: content_hash("request"),
            note: None,
        }
    }

    /// The command that claims a task with a first call.
    #[must_use]
    pub fn claim_command(&self, task: &TaskId, fence: u64, call: Option<NextCall>) -> Command {
        Command::ClaimTask(ClaimTask {
            task: task.clone(),
            fence,
            brief: Some(brief()),
            blobs: Vec::new(),
            call,
        })
    }

    /// Claims a task; gives the fence and the call.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn claim(&self, task: &TaskId) -> (u64, CallId) {
        let fence = self.task(task).await.fence;
        let call = self.call(1_000);
        let id = call.id.clone();
        match self.apply(self.claim_command(task, fence, Some(call))).await {
            Ok(Applied { outcome: Outcome::Claimed { fence, .. }, .. }) => (fence, id),
            other => panic!("not claimed: {other:?}"),
        }
    }

    /// Begins the next call of a task that is running.
    ///
    /// # Errors
    /// What the store says.
    pub async fn begin(&self, task: &TaskId, fence: u64, max_tokens: u32) -> Result<CallId, StoreError> {
        let call = self.call(max_tokens);
        let id = call.id.clone();
        let owner = domain::attempt::Owner::Task(task.clone());
        self.apply(Command::BeginCall(BeginCall { owner, fence, call })).await?;
        Ok(id)
    }

    /// The command that ends a call.
    #[must_use]
    pub fn settle_command(&self, call: &CallId, fence: u64, end: CallEnd) -> Command {
        Command::SettleCall(SettleCall { call: call.clone(), fence, end, random: 7 })
    }

    /// Ends a call with an answer.
    ///
    /// # Errors
    /// What the store says.
    pub async fn settle(&self, call: &CallId, fence: u64, answer: Answer) -> Result<Applied, StoreError> {
        self.apply(self.settle_command(call, fence, CallEnd::Answered(Box::new(answer)))).await
    }

    /// Ends an attempt.
    ///
    /// # Errors
    /// What the store says.
    pub async fn finish(&self, task: &TaskId, fence: u64, end: TaskEnd) -> Result<Applied, StoreError> {
        self.apply(Command::FinishTask(FinishTask { task: task.clone(), fence, end })).await
    }

    /// An attempt's good end.
    #[must_use]
    pub fn done(output: &str) -> TaskEnd {
        TaskEnd::Complete {
            output: output.into(),
            verdict: Some(Verdict::Passed),
            notes: None,
            files: Vec::new(),
        }
    }

    /// Carries a task through: claim, one call, completion.
    ///
    /// # Panics
    /// When anything is refused.
    pub async fn complete(&self, task: &TaskId) {
        let (fence, call) = self.claim(task).await;
        self.settle(&call, fence, answer("done", 10)).await.expect("a call in flight can be settled");
        self.finish(task, fence, Self::done("the output")).await.expect("a running task can be completed");
    }

    /// Lets a task fail for good.
    ///
    /// # Panics
    /// When anything is refused.
    pub async fn fail(&self, task: &TaskId) -> Applied {
        let (fence, call) = self.claim(task).await;
        self.settle(&call, fence, answer("no", 10)).await.expect("a call in flight can be settled");
        let end = TaskEnd::Fail { reason: "it cannot be done".into() };
        self.finish(task, fence, end).await.expect("a running task can fail")
    }

    /// The row of a task.
    ///
    /// # Panics
    /// When it cannot be read.
    pub async fn task(&self, id: &TaskId) -> Task {
        self.store.task_rows(id).await.expect("tasks can be read").expect("the task is there").task
    }

    /// Offers, as `ready` gives them.
    ///
    /// # Panics
    /// When they cannot be read.
    pub async fn offers(&self, limit: usize, is_money_freed: bool) -> Vec<Offer> {
        let query = ReadyQuery { limit, now: self.clock.now(), is_money_freed };
        self.store.ready(query).await.expect("ready tasks can be read")
    }

    /// The tasks that `ready` offers.
    pub async fn ready(&self, limit: usize) -> Vec<TaskId> {
        let offers = self.offers(limit, false).await;
        offers
            .into_iter()
            .filter_map(|offer| match offer.work {
                Work::Task(id) => Some(id),
                Work::Operation(_) => None,
            })
            .collect()
    }
}
