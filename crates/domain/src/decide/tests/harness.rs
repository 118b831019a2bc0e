//! A world in memory: one complete view, a clock that is set by hand, ids that
//! count.

use std::sync::Arc;

use crate::actor::Actor;
use crate::attempt::{Brief, LedgerEntry};
use crate::decide::{
    ApprovePlan, BeginPlanning, CallEnd, ClaimTask, Command, CreateProject, Envelope, FinishTask, Knowledge,
    NextCall, Outcome, SettleCall, Stop, StorePlan, TaskEnd, decide,
};
use crate::event::{Event, EventKind};
use crate::id::{CallId, OperationId, PlanId, ProjectId, TaskId};
use crate::invariants;
use crate::model::{Answer, Block, Purpose, StopReason, Usage};
use crate::money::NanoUsd;
use crate::plan::{Plan, PlannedTask, Rigor};
use crate::policy::Policy;
use crate::ports::IdSource;
use crate::pricing::{PriceTable, PriceTiers};
use crate::project::{Project, ProjectConfig};
use crate::refusal::Refusal;
use crate::task::{Complexity, Task, TaskState, TaskType};
use crate::time::Timestamp;
use crate::view::View;

/// Ids `…1`, `…2`, `…3`.
#[derive(Default)]
pub struct CountingIds(u64);

impl IdSource for CountingIds {
    fn fresh(&mut self) -> String {
        self.0 += 1;
        format!("{:04}", self.0)
    }
}

pub struct World {
    pub view: View,
    pub events: Vec<Event>,
    pub ledger: Vec<LedgerEntry>,
    pub ids: CountingIds,
    pub now: Timestamp,
    pub policy: Policy,
    pub price: Arc<PriceTiers>,
    pub project: ProjectId,
}

impl World {
    pub fn new() -> Self {
        let price =
            PriceTable::builtin().lookup("anthropic", "claude-haiku-4-5", "2026-11-24").unwrap().clone();
        let mut world = Self {
            view: View { is_complete: true, ..View::default() },
            events: Vec::new(),
            ledger: Vec::new(),
            ids: CountingIds::default(),
            now: Timestamp(1_795_500_000_000),
            policy: Policy::default(),
            price: Arc::new(price),
            project: ProjectId::new("prj_1"),
        };
        world.must(Command::CreateProject(CreateProject {
            id: world.project.clone(),
            owner: None,
            name: "A project".to_owned(),
            requirements: "One.\n\nTwo.".to_owned(),
            config: ProjectConfig::default(),
        }));
        world
    }

    /// Carries a command out and checks every invariant afterwards.
    pub fn run(&mut self, actor: Actor, command: Command) -> Result<Outcome, Refusal> {
        let envelope = Envelope { actor, command };
        let knowledge = Knowledge { now: self.now, policy: &self.policy, ids: &mut self.ids };
        match decide(&self.view, &envelope, knowledge) {
            Ok(decision) => {
                self.view.apply(&decision.changes);
                self.events.extend(decision.changes.events.iter().cloned());
                self.ledger.extend(decision.changes.ledger.iter().cloned());
                self.check(&format!("{:?}", envelope.command));
                Ok(decision.outcome)
            }
            Err(Stop::Refused(refusal)) => Err(refusal),
            Err(stop) => panic!("{stop:?} on {:?}", envelope.command),
        }
    }

    fn check(&self, after: &str) {
        if let Err(wrong) = invariants::check(&self.view) {
            panic!("after {after}:\n{}", wrong.join("\n"));
        }
        let numbers = self.events.iter().filter(|event| event.project == self.project).map(|event| event.seq);
        invariants::check_numbers(&self.project, numbers).unwrap();
        for account in self.view.accounts.values().flatten() {
            let limit = match account.key.split('/').nth(1) {
                Some("day") => self.policy.limits.daily,
                Some("month") => self.policy.limits.monthly,
                _ => self.policy.limits.project,
            };
            assert!(
                invariants::is_within(&self.view, &account.key, limit),
                "{} is over its limit",
                account.key
            );
        }
        let booked: NanoUsd = self.ledger.iter().map(|entry| entry.amount).sum();
        let spent: NanoUsd = self
            .view
            .accounts
            .values()
            .flatten()
            .filter(|account| account.key.contains("/project/"))
            .map(|account| account.spent)
            .sum();
        assert_eq!(booked, spent, "the ledger and the accounts differ");
    }

    /// By the engine, and it must work.
    pub fn must(&mut self, command: Command) -> Outcome {
        self.run(Actor::Engine, command).unwrap()
    }

    /// By a person.
    pub fn person(&mut self, command: Command) -> Result<Outcome, Refusal> {
        self.run(Actor::Shell, command)
    }

    pub fn project(&self) -> &Project {
        self.view.projects[&self.project].as_ref().unwrap()
    }

    pub fn task(&self, index: u32) -> &Task {
        let plan = self.project().approved_plan.clone();
        self.view
            .tasks
            .values()
            .flatten()
            .find(|task| task.index == index && Some(&task.plan) == plan.as_ref())
            .unwrap()
    }

    pub fn state(&self, index: u32) -> TaskState {
        self.task(index).state
    }

    pub fn has_event(&self, kind: EventKind) -> bool {
        self.events.iter().any(|event| event.kind == kind)
    }

    /// Plans with these dependencies and approves.
    pub fn approve(&mut self, dependencies: &[&[usize]]) -> Result<Outcome, Refusal> {
        let operation = OperationId::fresh(&mut self.ids);
        self.run(
            Actor::Shell,
            Command::BeginPlanning(BeginPlanning {
                project: self.project.clone(),
                operation: operation.clone(),
                brief: brief(),
                blobs: Vec::new(),
            }),
        )?;
        let id = PlanId::fresh(&mut self.ids);
        self.must(Command::StorePlan(StorePlan {
            operation: Some(operation),
            project: self.project.clone(),
            id: id.clone(),
            plan: plan(dependencies),
            rigor: Rigor::L1,
            model: "m".into(),
            requirements_hash: "h".into(),
            usage: Usage::default(),
            cost: NanoUsd::ZERO,
        }));
        self.person(Command::ApprovePlan(ApprovePlan {
            project: self.project.clone(),
            plan: id,
            known_tools: vec!["read_file".to_owned()],
        }))
    }

    pub fn execute(&mut self) {
        let project = self.project.clone();
        self.person(Command::ExecuteProject(project)).unwrap();
    }

    pub fn next_call(&mut self, input_upper: u64, max_tokens: u32) -> NextCall {
        NextCall {
            id: CallId::fresh(&mut self.ids),
            purpose: Purpose::Execution,
            provider: "anthropic".into(),
            model: "claude-haiku-4-5".into(),
            price: Arc::clone(&self.price),
            input_upper,
            max_tokens,
            request_hash: "r".into(),
            note: None,
        }
    }

    /// Claims a task and starts its call.
    pub fn claim(&mut self, index: u32) -> Result<Outcome, Refusal> {
        let call = self.next_call(1_000, 1_000);
        let (id, fence) = (self.task(index).id.clone(), self.task(index).fence);
        self.claim_with(id, fence, Some(call))
    }

    pub fn claim_with(
        &mut self,
        task: TaskId,
        fence: u64,
        call: Option<NextCall>,
    ) -> Result<Outcome, Refusal> {
        self.run(
            Actor::Engine,
            Command::ClaimTask(ClaimTask { task, fence, brief: Some(brief()), blobs: Vec::new(), call }),
        )
    }

    /// Ends the task's call in flight.
    pub fn settle(&mut self, index: u32, end: CallEnd) -> Result<Outcome, Refusal> {
        let (call, fence) = (self.task(index).call.clone().unwrap(), self.task(index).fence);
        self.run(Actor::Engine, Command::SettleCall(SettleCall { call, fence, end, random: 7 }))
    }

    pub fn finish(&mut self, index: u32, end: TaskEnd) -> Result<Outcome, Refusal> {
        let (task, fence) = (self.task(index).id.clone(), self.task(index).fence);
        self.run(Actor::Engine, Command::FinishTask(FinishTask { task, fence, end }))
    }

    /// Claims, answers and completes.
    pub fn complete(&mut self, index: u32) {
        self.claim(index).unwrap();
        self.settle(index, answered(StopReason::EndTurn)).unwrap();
        self.finish(index, completed()).unwrap();
    }
}

pub fn completed() -> TaskEnd {
    TaskEnd::Complete { output: "done".into(), verdict: None, notes: None, files: Vec::new() }
}

pub fn brief() -> Brief {
    Brief {
        provider: "anthropic".into(),
        model: "claude-haiku-4-5".into(),
        system: "s".into(),
        opening: "o".into(),
        tools: "t".into(),
        prompt_version: "1".into(),
        max_tokens: 1_000,
    }
}

pub fn answered(stop: StopReason) -> CallEnd {
    let content = if stop == StopReason::ToolUse {
        vec![Block::ToolUse {
            id: "tu_1".into(),
            name: "read_file".into(),
            input: serde_json::json!({"path": "x"}),
        }]
    } else {
        vec![Block::Text { text: "done".into() }]
    };
    CallEnd::Answered(Box::new(Answer {
        content,
        stop,
        usage: Some(Usage { input: 500, output: 300, ..Usage::default() }),
        model: "claude-haiku-4-5".into(),
        request_id: None,
        rate_limits: crate::model::RateLimits::default(),
    }))
}

pub fn plan(dependencies: &[&[usize]]) -> Plan {
    let task = |(index, depends_on): (usize, &&[usize])| PlannedTask {
        title: format!("Task {index}"),
        description: "Do it.".to_owned(),
        task_type: TaskType::Code,
        complexity: Complexity::Simple,
        depends_on: depends_on.to_vec(),
        tools: None,
        requirement_ids: vec!["R1".to_owned()],
        verification_criteria: String::new(),
        affected_files: Vec::new(),
        phase: None,
    };
    Plan {
        summary: "A plan.".to_owned(),
        tasks: dependencies.iter().enumerate().map(task).collect(),
        ..Plan::default()
    }
}
