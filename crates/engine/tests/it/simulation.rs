//! Seeded histories. Each is a project with a random graph, worked on by an
//! engine that dies now and then, with people who interfere; then everything is
//! healed and the project must come to an end. A failing seed is printed and goes
//! to `SEEDS_THAT_FAILED`.
//!
//! `ORCH_SEEDS=100000` runs more of them.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use domain::actor::Actor;
use domain::attempt::{CallState, Owner};
use domain::budget::Limits;
use domain::checkpoint::Resolution;
use domain::context::ContextBounds;
use domain::decide::{ApprovePlan, Command, CreateProject, ResolveCheckpoint, StorePlan};
use domain::event::EventKind;
use domain::id::{PlanId, ProjectId, TaskId};
use domain::invariants;
use domain::model::Usage;
use domain::money::NanoUsd;
use domain::plan::{Plan, PlannedTask, Rigor};
use domain::policy::Policy;
use domain::ports::Clock;
use domain::pricing::{self, PriceTable};
use domain::project::{Dispatch, PauseReason, ProjectConfig, ProjectState};
use domain::routing::{Route, Routes};
use domain::task::{Complexity, Task, TaskState, TaskType, Verdict};
use engine::{Deps, Handle, Providers, Settings};
use testkit::check::{Dump, assert_sound};
use testkit::memory::{MemoryStore, Tamper};

use crate::world::{Dice, Files, Provider, ProviderState, SimClock, SimIds, Tools};

/// Seeds that once failed; they are run first, for ever.
const SEEDS_THAT_FAILED: &[u64] = &[];
/// Seeds of an ordinary test run.
const SEEDS: u64 = 5_000;
/// Rounds in which a healed project must come to an end.
const HEALING_ROUNDS: u32 = 300;

/// One history in the making.
struct History {
    dice: Dice,
    store: MemoryStore,
    clock: Arc<SimClock>,
    ids: SimIds,
    provider: Arc<Provider>,
    tools: Arc<Tools>,
    files: Arc<Files>,
    policy: Policy,
    project: ProjectId,
    is_verified: bool,
}

fn random_plan(dice: &mut Dice) -> Plan {
    let count = 2 + dice.below(8) as usize;
    let tasks = (0..count)
        .map(|index| PlannedTask {
            title: format!("Task {index}"),
            description: "Do it.".to_owned(),
            task_type: TaskType::Code,
            complexity: Complexity::Simple,
            depends_on: (0..index).filter(|_| dice.chance(30)).collect(),
            tools: Some(vec!["look".to_owned(), "note".to_owned(), "send".to_owned()]),
            requirement_ids: vec!["R1".to_owned()],
            verification_criteria: String::new(),
            affected_files: Vec::new(),
            phase: None,
        })
        .collect();
    Plan { summary: "A plan.".to_owned(), tasks, ..Plan::default() }
}

fn random_policy(dice: &mut Dice) -> Policy {
    let much = NanoUsd(1_000 * NanoUsd::DOLLAR.0);
    // A hold is about 20 to 40 million nano-USD here.
    let project = if dice.chance(40) { NanoUsd(50_000_000 + dice.below(150_000_000) as i64) } else { much };
    Policy {
        limits: Limits { daily: much, monthly: much, project },
        dispatch: if dice.chance(50) { Dispatch::Wave } else { Dispatch::Dataflow },
        wave_checkpoints: dice.chance(10),
        ..Policy::default()
    }
}

impl History {
    fn new(seed: u64, tamper: Option<Tamper>) -> Self {
        let mut dice = Dice(seed.wrapping_mul(0x2545_F491_4F6C_DD1D) ^ 0xA5A5);
        let clock = Arc::new(SimClock::new());
        let ids = SimIds(Arc::new(Mutex::new(0)));
        let policy = random_policy(&mut dice);
        let mut store = MemoryStore::new(
            Arc::new(policy.clone()),
            Arc::clone(&clock) as Arc<dyn Clock>,
            Box::new(ids.clone()),
        );
        if let Some(tamper) = tamper {
            store = store.with_tamper(tamper);
        }
        let seen = store.clone();
        let on_arrival = Box::new(move |request: &domain::model::Request| arrival(&seen, request));
        let state =
            ProviderState { dice: Dice(dice.roll()), is_faulty: true, bill: Vec::new(), wrong: Vec::new() };
        Self {
            provider: Arc::new(Provider { state: Mutex::new(state), on_arrival }),
            tools: Arc::new(Tools { ran: Mutex::default(), dice: Mutex::new(Dice(dice.roll())) }),
            files: Arc::default(),
            is_verified: dice.chance(50),
            project: ProjectId::new("prj_1"),
            dice,
            store,
            clock,
            ids,
            policy,
        }
    }

    fn settings(&self) -> Settings {
        Settings {
            policy: self.policy.clone(),
            routes: Routes::uniform(&Route::new("anthropic", "claude-haiku-4-5")),
            prices: PriceTable::builtin(),
            is_simulated: false,
            concurrency: BTreeMap::from([("anthropic".to_owned(), 3)]),
            slots: 4,
            tool_rounds_max: 6,
            is_verification_enabled: self.is_verified,
            verification_max_tokens: 200,
            context: ContextBounds::default(),
            call_timeout_ms: 60_000,
            tick: Duration::from_secs(5),
            grace: Duration::from_secs(10),
        }
    }

    async fn engine(&self) -> Handle {
        engine::start(Deps {
            store: Arc::new(self.store.clone()),
            providers: Providers::from([("anthropic".to_owned(), Arc::clone(&self.provider) as _)]),
            toolbox: Arc::clone(&self.tools) as _,
            workspaces: Arc::clone(&self.files) as _,
            clock: Arc::clone(&self.clock) as _,
            ids: Box::new(self.ids.clone()),
            settings: self.settings(),
        })
        .await
        .expect("the engine starts")
    }

    /// Runs one engine in a runtime of its own and kills it afterwards: whatever
    /// was in flight is gone, as after `kill -9`.
    fn life(&mut self, live: impl AsyncFnOnce(&mut Self, Handle)) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime");
        let clock = Arc::clone(&self.clock);
        runtime.block_on(async {
            clock.enter();
            let handle = self.engine().await;
            live(self, handle).await;
            clock.leave();
        });
        drop(runtime);
    }

    async fn begin(&mut self, handle: &Handle) {
        let project = self.project.clone();
        let create = CreateProject {
            id: project.clone(),
            owner: None,
            name: "p".to_owned(),
            requirements: "One.".to_owned(),
            config: ProjectConfig::default(),
        };
        apply(handle, Command::CreateProject(create)).await;
        let id = PlanId::new("pln_1");
        let stored = StorePlan {
            operation: None,
            project: project.clone(),
            id: id.clone(),
            plan: random_plan(&mut self.dice),
            rigor: Rigor::L1,
            model: "none".into(),
            requirements_hash: "h".into(),
            usage: Usage::default(),
            cost: NanoUsd::ZERO,
        };
        apply(handle, Command::StorePlan(stored)).await;
        let known_tools = handle.tool_names();
        apply(handle, Command::ApprovePlan(ApprovePlan { project: project.clone(), plan: id, known_tools }))
            .await;
        apply(handle, Command::ExecuteProject(project)).await;
    }

    /// People interfere for a while. Now and then a second engine takes over
    /// while the first does not know that it is taken for dead.
    async fn trouble(&mut self, handle: &Handle) {
        let mut handles = vec![handle.clone()];
        for _ in 0..self.dice.below(8) {
            tokio::time::sleep(Duration::from_millis(1 + self.dice.below(6_000))).await;
            let dump = self.store.dump();
            self.check(&dump);
            if handles.len() == 1 && self.dice.chance(8) {
                handles.push(self.engine().await);
            }
            if let Some(command) = self.interference(&dump) {
                let chosen = self.dice.below(handles.len() as u64) as usize;
                apply(&handles[chosen], command).await;
            }
        }
    }

    fn interference(&mut self, dump: &Dump) -> Option<Command> {
        let mut tasks: Vec<&Task> = dump.view.tasks.values().flatten().collect();
        tasks.sort_by_key(|task| task.index);
        let task = tasks.get(self.dice.below(tasks.len() as u64) as usize)?;
        let id = task.id.clone();
        let project = self.project.clone();
        Some(match self.dice.below(12) {
            0 => Command::PauseProject(project, PauseReason::Person),
            1..=3 => Command::ExecuteProject(project),
            4 => Command::CancelTask(id),
            5 | 6 => Command::RetryTask(id),
            7 | 8 => return self.answer(task),
            9 => Command::Unpark(project),
            10 if self.dice.chance(10) => Command::CancelProject(project),
            _ => return None,
        })
    }

    fn answer(&mut self, task: &Task) -> Option<Command> {
        let resolution = [Resolution::Retry, Resolution::Skip, Resolution::Fail][self.dice.below(3) as usize];
        let checkpoint = task.checkpoint.clone()?;
        Some(Command::ResolveCheckpoint(ResolveCheckpoint {
            checkpoint,
            resolution,
            guidance: "g".to_owned(),
        }))
    }

    /// No more faults, money for all, every question answered: it must end.
    async fn heal(&mut self, handle: &Handle) {
        self.provider.state.lock().unwrap().is_faulty = false;
        self.policy.limits.project = NanoUsd(1_000 * NanoUsd::DOLLAR.0);
        self.policy.wave_checkpoints = false;
        self.store.set_policy(Arc::new(self.policy.clone()));
        for _ in 0..HEALING_ROUNDS {
            let dump = self.store.dump();
            self.check(&dump);
            let state = self.state(&dump);
            match state {
                ProjectState::Paused | ProjectState::Ready => {
                    apply(handle, Command::ExecuteProject(self.project.clone())).await;
                }
                ProjectState::Executing => self.answer_all(handle, &dump).await,
                ProjectState::Completed | ProjectState::Failed | ProjectState::Cancelled => return,
                ProjectState::Draft | ProjectState::Planning => panic!("the project is {state}"),
            }
            tokio::time::sleep(Duration::from_secs(7)).await;
        }
        let dump = self.store.dump();
        let left: Vec<String> = dump
            .view
            .tasks
            .values()
            .flatten()
            .map(|task| format!("{} {} {:?}", task.title, task.state, task.wait))
            .collect();
        panic!("the project never ended: {}\n{}", self.state(&dump), left.join("\n"));
    }

    async fn answer_all(&mut self, handle: &Handle, dump: &Dump) {
        for task in dump.view.tasks.values().flatten().filter(|task| task.state == TaskState::NeedsReview) {
            if let Some(checkpoint) = task.checkpoint.clone() {
                let resolution = Resolution::Skip;
                let answer = ResolveCheckpoint { checkpoint, resolution, guidance: String::new() };
                apply(handle, Command::ResolveCheckpoint(answer)).await;
            } else if task.output_hash.is_some() {
                // A refusal only means that something else happened meanwhile.
                let _ = handle.review(Actor::Shell, &task.id, true, String::new()).await;
            } else {
                apply(handle, Command::CancelTask(task.id.clone())).await;
            }
        }
    }

    fn state(&self, dump: &Dump) -> ProjectState {
        dump.view.projects[&self.project].as_ref().expect("the project is there").state
    }

    /// What must be true at any instant.
    fn check(&self, dump: &Dump) {
        assert_sound(dump);
        if let Err(wrong) = invariants::check(&dump.view) {
            panic!("{}", wrong.join("\n"));
        }
        let key = domain::budget::project_account(&self.project, false);
        assert!(
            invariants::is_within(&dump.view, &key, self.policy.limits.project),
            "the project's account is over its limit"
        );
        for ((tool, _), count) in self.tools.ran.lock().unwrap().iter() {
            assert!(tool != "send" || *count == 1, "a tool that must run once ran {count} times");
        }
        self.check_ends(dump);
        let state = self.provider.state.lock().unwrap();
        assert!(state.wrong.is_empty(), "{}", state.wrong.join("\n"));
        let price =
            PriceTable::builtin().lookup("anthropic", "claude-haiku-4-5", "2026-11-18").unwrap().clone();
        let mut answers: HashMap<(Owner, u32, u32), u32> = HashMap::new();
        for line in &state.bill {
            let call = dump.view.calls.get(&line.call).and_then(Option::as_ref);
            let Some(call) = call else { panic!("request {} was never stored", line.call) };
            if line.is_answered && call.state == CallState::Settled {
                *answers.entry((call.owner.clone(), call.attempt, call.seq)).or_default() += 1;
            }
            let billed = line.billed.map(|usage| pricing::cost(&price, &usage)).unwrap_or_default();
            match call.state {
                CallState::Intent => assert!(call.hold >= billed, "a hold of {} for {billed}", call.hold),
                CallState::Free => assert_eq!(billed, NanoUsd::ZERO, "a billed call was booked as free"),
                CallState::Settled => assert_eq!(call.cost, billed, "a read answer was booked wrongly"),
                CallState::Unknown => assert!(call.cost >= billed, "{} was booked for {billed}", call.cost),
            }
        }
        for ((owner, attempt, seq), count) in answers {
            assert!(
                count <= 1,
                "step {seq} of attempt {attempt} of {} was answered {count} times",
                owner.as_str()
            );
        }
    }

    /// Nothing has ended that could go on, and nothing was accepted unjudged.
    fn check_ends(&self, dump: &Dump) {
        let Some(Some(project)) = dump.view.projects.get(&self.project) else { return };
        if matches!(project.state, ProjectState::Completed | ProjectState::Failed) {
            assert_eq!(project.live, 0, "the project is {} and could go on", project.state);
        }
        if !self.is_verified {
            return;
        }
        for task in dump.view.tasks.values().flatten().filter(|task| task.state == TaskState::Completed) {
            let end =
                dump.events.iter().rev().find(|event| {
                    event.kind == EventKind::TaskComplete && event.task.as_ref() == Some(&task.id)
                });
            let is_by_engine = end.is_some_and(|event| event.actor == "engine");
            assert!(
                !is_by_engine || task.verdict == Some(Verdict::Passed),
                "{} was completed with verdict {:?}",
                task.id,
                task.verdict
            );
        }
    }

    /// What must be true at the end: everything has settled.
    fn check_end(&self) {
        let dump = self.store.dump();
        self.check(&dump);
        for account in dump.view.accounts.values().flatten() {
            assert_eq!(account.held, NanoUsd::ZERO, "{} is still held in {}", account.held, account.key);
        }
        let files = self.files.0.lock().unwrap();
        for file in dump.view.files.values().flatten() {
            let published = files.get(&(file.project.clone(), file.entry.path.clone()));
            assert_eq!(published, Some(&file.entry), "the published file is not the manifest's");
        }
    }
}

/// What must be true of a request that arrives: its intent is stored, its task's
/// prerequisites are done, its text follows the rules of conversation.
fn arrival(store: &MemoryStore, request: &domain::model::Request) -> Result<(), String> {
    let dump = store.dump();
    let call = dump.view.calls.get(&request.call_id).and_then(Option::as_ref);
    let Some(call) = call else { return Err(format!("{} arrived before it was stored", request.call_id)) };
    if call.state != CallState::Intent {
        return Err(format!("{} arrived when it was {}", request.call_id, call.state));
    }
    if let Owner::Task(id) = &call.owner {
        started_too_early(&dump, id)?;
    }
    let mut asked: Vec<&str> = Vec::new();
    for message in &request.messages {
        for block in &message.content {
            match block {
                domain::model::Block::ToolUse { id, .. } => asked.push(id),
                domain::model::Block::ToolResult { tool_use_id, .. } => {
                    let before = asked.len();
                    asked.retain(|id| id != tool_use_id);
                    if asked.len() == before {
                        return Err(format!("a result for {tool_use_id}, which nobody asked for"));
                    }
                }
                _ => {}
            }
        }
    }
    if asked.is_empty() { Ok(()) } else { Err(format!("no results for {asked:?}")) }
}

fn started_too_early(dump: &Dump, id: &TaskId) -> Result<(), String> {
    for (prerequisite, dependents) in &dump.view.dependents {
        let needs = dependents.as_ref().is_some_and(|list| list.contains(id));
        let row = dump.view.tasks.get(prerequisite).and_then(Option::as_ref);
        if needs && row.is_some_and(|row| !row.state.satisfies_dependents()) {
            return Err(format!("{id} was started before {prerequisite} was done"));
        }
    }
    Ok(())
}

/// A refusal is part of every history.
async fn apply(handle: &Handle, command: Command) {
    if let Err(engine::EngineError::Store(error)) = handle.apply(Actor::Shell, command).await {
        panic!("{error}");
    }
}

/// One whole history.
pub fn run(seed: u64, tamper: Option<Tamper>) {
    let mut history = History::new(seed, tamper);
    history.life(async |history, handle| {
        history.begin(&handle).await;
        history.trouble(&handle).await;
    });
    for _ in 0..history.dice.below(3) {
        history.life(async |history, handle| history.trouble(&handle).await);
    }
    history.life(async |history, handle| {
        history.heal(&handle).await;
        handle.drain();
        handle.stopped().await;
    });
    history.check_end();
}

#[test]
fn every_history_keeps_the_promises_and_comes_to_an_end() {
    let seeds = option_env!("ORCH_SEEDS").and_then(|text| text.parse().ok()).unwrap_or(SEEDS);
    for seed in SEEDS_THAT_FAILED.iter().copied().chain(0..seeds) {
        let result = std::panic::catch_unwind(|| run(seed, None));
        assert!(result.is_ok(), "seed {seed} failed; add it to SEEDS_THAT_FAILED");
    }
}
