//! Measures the engine's own share: tasks a second, CPU and prompt tokens per
//! task, hand-over between tasks, memory. Run by `cargo xtask bench`; prints a
//! table, judges nothing.
//!
//! Everything is real but the model: the store with full syncs, the engine, the
//! journal. With `http`, the model is asked over local HTTP by the real client.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a measuring program for developers")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use domain::actor::Actor;
use domain::budget::Limits;
use domain::context::ContextBounds;
use domain::decide::{ApprovePlan, Command, CreateProject, StorePlan};
use domain::id::{PlanId, ProjectId};
use domain::model::{Answer, CallError, Delta, Request, Usage};
use domain::money::NanoUsd;
use domain::plan::{Plan, PlannedTask, Rigor};
use domain::policy::Policy;
use domain::ports::{Clock, IdSource, ModelProvider};
use domain::pricing::PriceTable;
use domain::project::{Dispatch, ProjectConfig, ProjectState};
use domain::routing::{Route, Routes};
use domain::task::{Complexity, TaskType};
use domain::time::Timestamp;
use engine::{Deps, Handle, Providers, Settings};
use providers::{Anthropic, AnthropicConfig, Simulated, SimulatedConfig};
use store::{Store, StoreOptions};
use testkit::fake_provider::FakeProvider;
use tokio::time::Instant;
use tools::{FileLimits, ProjectFiles, Registry, file_tools};

struct Wall;

impl Clock for Wall {
    #[expect(clippy::disallowed_methods, reason = "the real engine has the real clock too")]
    fn now(&self) -> Timestamp {
        Timestamp(jiff::Timestamp::now().as_millisecond())
    }
}

struct Ids;

impl IdSource for Ids {
    #[expect(clippy::disallowed_methods, reason = "the real engine has real ids too")]
    fn fresh(&mut self) -> String {
        uuid::Uuid::now_v7().simple().to_string()
    }
}

/// Beginning and end of each call.
#[derive(Clone, Default)]
struct Times(Arc<Mutex<Vec<(Instant, Instant)>>>);

struct Timed {
    inner: Arc<dyn ModelProvider>,
    times: Times,
}

#[async_trait]
impl ModelProvider for Timed {
    async fn call(
        &self,
        request: &Request,
        on_delta: &mut (dyn FnMut(Delta) + Send),
    ) -> Result<Answer, CallError> {
        let began = Instant::now();
        let answer = self.inner.call(request, on_delta).await;
        self.times.0.lock().unwrap().push((began, Instant::now()));
        answer
    }

    async fn probe(&self) -> Result<Vec<String>, CallError> {
        self.inner.probe().await
    }
}

/// Which tasks wait for which.
fn prerequisites(shape: &str, tasks: usize) -> Vec<Vec<usize>> {
    (0..tasks)
        .map(|task| match shape {
            "chain" if task > 0 => vec![task - 1],
            // Layers of 50, each task needing two of the layer before.
            "layered" if task >= 50 => vec![task - 50, (task / 50 - 1) * 50 + (task * 7 + 3) % 50],
            _ => Vec::new(),
        })
        .collect()
}

fn plan(shape: &str, tasks: usize) -> Plan {
    let task = |(index, depends_on): (usize, Vec<usize>)| PlannedTask {
        title: format!("Task {index}"),
        description: "Say that it is done.\n\nsimulate: turns=0".to_owned(),
        task_type: TaskType::Code,
        complexity: Complexity::Medium,
        depends_on,
        tools: None,
        requirement_ids: vec!["R1".to_owned()],
        verification_criteria: String::new(),
        affected_files: Vec::new(),
        phase: None,
    };
    let tasks = prerequisites(shape, tasks).into_iter().enumerate().map(task).collect();
    Plan { summary: "A measurement.".to_owned(), tasks, ..Plan::default() }
}

fn policy() -> Policy {
    let much = NanoUsd(1_000_000_000_000_000);
    Policy {
        limits: Limits { daily: much, monthly: much, project: much },
        max_plan_tasks: 20_000,
        dispatch: Dispatch::Dataflow,
        ..Policy::default()
    }
}

fn settings(route: &Route, slots: usize) -> Settings {
    Settings {
        policy: policy(),
        routes: Routes::uniform(route),
        prices: PriceTable::builtin(),
        is_simulated: false,
        concurrency: BTreeMap::new(),
        slots,
        tool_rounds_max: 10,
        is_verification_enabled: false,
        verification_max_tokens: 1024,
        context: ContextBounds::default(),
        call_timeout_ms: 60_000,
        tick: Duration::from_secs(2),
        grace: Duration::from_secs(5),
    }
}

/// CPU seconds of this process so far, user and system.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: f64 = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
    ticks / 100.0
}

/// Memory in MiB, now.
fn memory_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
}

async fn engine_on(store: &Store, dir: &std::path::Path, providers: Providers, settings: Settings) -> Handle {
    let files = ProjectFiles::open(dir, FileLimits::default()).unwrap();
    let (toolbox, _) = Registry::new(file_tools(&files));
    engine::start(Deps {
        store: Arc::new(store.clone()),
        providers,
        toolbox: Arc::new(toolbox),
        workspaces: Arc::new(files),
        clock: Arc::new(Wall),
        ids: Box::new(Ids),
        settings,
    })
    .await
    .unwrap()
}

async fn prepare(store: &Store, handle: &Handle, shape: &str, tasks: usize) -> ProjectId {
    let id = ProjectId::fresh(&mut Ids);
    let create = CreateProject {
        id: id.clone(),
        owner: None,
        name: "bench".to_owned(),
        requirements: "Measure it.".to_owned(),
        config: ProjectConfig::default(),
    };
    handle.apply(Actor::Shell, Command::CreateProject(create)).await.unwrap();
    let plan_id = PlanId::fresh(&mut Ids);
    let row = store.find_project(&id).await.unwrap().unwrap();
    let stored = StorePlan {
        operation: None,
        project: id.clone(),
        id: plan_id.clone(),
        plan: plan(shape, tasks),
        rigor: Rigor::L1,
        model: "none".into(),
        requirements_hash: row.project.requirements_hash,
        usage: Usage::default(),
        cost: NanoUsd::ZERO,
    };
    handle.apply(Actor::Shell, Command::StorePlan(stored)).await.unwrap();
    let approve = ApprovePlan { project: id.clone(), plan: plan_id, known_tools: handle.tool_names() };
    handle.apply(Actor::Shell, Command::ApprovePlan(approve)).await.unwrap();
    id
}

async fn finished(store: &Store, id: &ProjectId) {
    let mut changed = store.changed();
    loop {
        let row = store.find_project(id).await.unwrap().unwrap();
        match row.project.state {
            ProjectState::Completed => return,
            ProjectState::Executing => {}
            other => panic!("the project is {other}"),
        }
        let _ = tokio::time::timeout(Duration::from_millis(20), changed.recv()).await;
    }
}

/// One plain append and sync of 4 KiB, in milliseconds: what the disk costs.
fn sync_ms(dir: &std::path::Path) -> f64 {
    use std::io::Write;
    let mut file = std::fs::File::create(dir.join("sync-probe")).unwrap();
    let began = Instant::now();
    for _ in 0..50 {
        file.write_all(&[7; 4096]).unwrap();
        file.sync_data().unwrap();
    }
    began.elapsed().as_secs_f64() * 1000.0 / 50.0
}

struct Case<'c> {
    shape: &'c str,
    tasks: usize,
    slots: usize,
    is_http: bool,
    latency_ms: u64,
}

async fn measure(case: &Case<'_>) {
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let fake;
    let times = Times::default();
    let (route, inner): (Route, Arc<dyn ModelProvider>) = if case.is_http {
        fake = FakeProvider::simulated(providers::brain).unwrap();
        fake.set_delay_ms(case.latency_ms);
        let config = AnthropicConfig::new(fake.base_url(), "bench-key".to_owned().into());
        (Route::new("anthropic", "claude-haiku-4-5"), Arc::new(Anthropic::new(config).unwrap()))
    } else {
        let config = SimulatedConfig { latency_ms: case.latency_ms };
        (Route::new("simulated", "claude-haiku-4-5"), Arc::new(Simulated::new(config)))
    };
    let provider: Arc<dyn ModelProvider> = Arc::new(Timed { inner, times: times.clone() });
    let providers = Providers::from([(route.provider.clone(), provider)]);
    let options = StoreOptions { policy: Arc::new(policy()), clock: Arc::new(Wall), ids: Box::new(Ids) };
    let store = Store::open(&dir.path().join("orchestration.db"), options).await.unwrap();
    let handle = engine_on(&store, dir.path(), providers, settings(&route, case.slots)).await;
    let id = prepare(&store, &handle, case.shape, case.tasks).await;
    let (began, cpu) = (Instant::now(), cpu_seconds());
    handle.apply(Actor::Shell, Command::ExecuteProject(id.clone())).await.unwrap();
    finished(&store, &id).await;
    let (elapsed, cpu) = (began.elapsed().as_secs_f64(), cpu_seconds() - cpu);
    let memory = memory_mib();
    handle.stop();
    handle.stopped().await;
    let ledger = store.list_ledger(&id).await.unwrap();
    assert_eq!(ledger.len(), case.tasks, "each task has one call");
    let prompt: u64 = ledger.iter().map(|entry| entry.usage.prompt()).sum();
    let count = case.tasks as f64;
    let mut gaps: Vec<f64> = Vec::new();
    if case.shape == "chain" {
        let mut times = times.0.lock().unwrap().clone();
        times.sort();
        gaps.extend(times.windows(2).map(|pair| pair[1].0.duration_since(pair[0].1).as_secs_f64() * 1000.0));
        gaps.sort_by(f64::total_cmp);
    }
    let hand_over = if gaps.is_empty() {
        "-".to_owned()
    } else {
        format!("{:.3} / {:.3}", gaps[gaps.len() / 2], gaps[gaps.len() * 99 / 100])
    };
    println!(
        "| {} {} | {} | {} ms | {:.0} | {:.3} | {:.0} | {hand_over} | {:.3} | {memory:.0} |",
        case.shape,
        if case.is_http { "http" } else { "in process" },
        case.tasks,
        case.latency_ms,
        count / elapsed,
        cpu * 1000.0 / count,
        prompt as f64 / count,
        sync_ms(dir.path()),
    );
    store.close().await;
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let arguments: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let number = |word: &str| word.parse::<usize>().ok();
    println!(
        "| shape | tasks | latency | tasks/s | CPU ms/task | prompt tokens/task | hand-over p50 / p99 ms | sync ms | RSS MiB |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    let cases: Vec<(String, usize, bool, u64)> = if arguments.is_empty() {
        [("wide", 100), ("wide", 3_000), ("chain", 100), ("chain", 3_000)]
            .iter()
            .flat_map(|&(shape, tasks)| {
                [(shape.to_owned(), tasks, false, 0), (shape.to_owned(), tasks, true, 0)]
            })
            .chain([("layered".to_owned(), 1_000, true, 50), ("wide".to_owned(), 10_000, false, 0)])
            .collect()
    } else {
        arguments
            .chunks(3)
            .filter_map(|words| match words {
                [shape, tasks, how] => Some((shape.clone(), number(tasks)?, how == "http", 0)),
                _ => None,
            })
            .collect()
    };
    for (shape, tasks, is_http, latency_ms) in cases {
        runtime.block_on(measure(&Case { shape: &shape, tasks, slots: 64, is_http, latency_ms }));
    }
}
