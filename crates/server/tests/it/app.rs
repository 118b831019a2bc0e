//! The real server on a free port, over a real database, with an engine whose
//! model does as it is told. One per test.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use domain::context::ContextBounds;
use domain::id::{ProjectId, TaskId};
use domain::model::{Answer, Block, CallError, Delta, ErrorClass, Purpose, Request, StopReason, Usage};
use domain::policy::Policy;
use domain::ports::{ModelProvider, Toolbox, Workspaces};
use domain::pricing::PriceTable;
use domain::routing::{Route, Routes};
use domain::tool::{FileEntry, ToolContext, ToolOutcome, ToolSpec};
use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::{Value, json};
use server::{NoServices, Parts, Rate, ServerSettings, State};
use store::{Store, StoreOptions};
use testkit::{FakeClock, SeqIds};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// What the model does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Plans two tasks and carries them out.
    Good,
    /// Answers planning with prose.
    Prose,
    /// Refuses tasks for good.
    Refusing,
    /// Breaks down at every task.
    Broken,
    /// Never answers.
    Silent,
}

/// A model that does as it is told.
pub struct Model {
    pub mode: Mutex<Mode>,
}

#[async_trait]
impl ModelProvider for Model {
    async fn call(
        &self,
        request: &Request,
        on_delta: &mut (dyn FnMut(Delta) + Send),
    ) -> Result<Answer, CallError> {
        let mode = *self.mode.lock().unwrap();
        let text = match (mode, request.purpose) {
            (Mode::Silent, _) => std::future::pending().await,
            (Mode::Prose, Purpose::Planning) => "I would rather not.".to_owned(),
            (Mode::Refusing, Purpose::Execution) => {
                return Err(CallError::new(ErrorClass::BadRequest, "not like this"));
            }
            (Mode::Broken, Purpose::Execution) => {
                return Err(CallError::new(ErrorClass::Overloaded, "too much to do"));
            }
            (_, Purpose::Planning) => plan().to_string(),
            _ => "Done: grüße.".to_owned(),
        };
        on_delta(Delta::Text(text.clone()));
        Ok(Answer {
            content: vec![Block::Text { text }],
            stop: StopReason::EndTurn,
            usage: Some(Usage { input: 1_000, output: 500, ..Usage::default() }),
            model: request.model.clone(),
            request_id: None,
            rate_limits: Default::default(),
        })
    }

    async fn probe(&self) -> Result<Vec<String>, CallError> {
        Ok(Vec::new())
    }
}

fn plan() -> Value {
    let task = |title: &str, depends_on: &[usize], requirement: &str| {
        json!({
            "title": title, "description": format!("Do {title}."), "task_type": "code",
            "complexity": "simple", "depends_on": depends_on, "tools_needed": [],
            "requirement_ids": [requirement], "verification_criteria": "It is there.",
            "affected_files": [],
        })
    };
    json!({
        "summary": "Two steps.",
        "phases": [{
            "name": "All", "description": "Everything.",
            "tasks": [task("first", &[], "R1"), task("second", &[0], "R1")],
        }],
        "open_questions": [],
    })
}

struct NoTools;

#[async_trait]
impl Toolbox for NoTools {
    fn specs(&self) -> Vec<Arc<ToolSpec>> {
        Vec::new()
    }

    async fn call(&self, _context: &ToolContext, name: &str, _input: &Value) -> ToolOutcome {
        ToolOutcome::error("unknown_tool", name)
    }
}

struct NoFiles;

#[async_trait]
impl Workspaces for NoFiles {
    async fn rebuild(&self, _task: &ToolContext, _writes: &[FileEntry]) -> std::io::Result<()> {
        Ok(())
    }

    async fn publish(&self, _project: &ProjectId, _entries: &[FileEntry]) -> std::io::Result<()> {
        Ok(())
    }

    async fn discard(&self, _project: &ProjectId, _task: &TaskId) -> std::io::Result<()> {
        Ok(())
    }

    async fn remove(&self, _project: &ProjectId) -> std::io::Result<()> {
        Ok(())
    }
}

/// A running server.
pub struct App {
    pub base: String,
    pub port: u16,
    pub client: Client,
    pub clock: Arc<FakeClock>,
    pub store: Store,
    pub model: Arc<Model>,
    pub state: State,
    pub shutdown: CancellationToken,
    engine: engine::Handle,
    _dir: tempfile::TempDir,
}

impl Drop for App {
    fn drop(&mut self) {
        self.engine.stop();
        self.shutdown.cancel();
    }
}

/// Settings whose limits are in nobody's way.
pub fn settings() -> ServerSettings {
    let unlimited = Rate { count: 0, per: Duration::from_secs(60) };
    ServerSettings {
        cors_origins: vec!["http://ui.example".to_owned()],
        rate_limit: unlimited,
        plan_rate_limit: unlimited,
        auth_rate_limit: unlimited,
        shutdown_grace: Duration::from_secs(2),
        ..ServerSettings::new("a secret key for tests that is long enough".to_owned().into())
    }
}

fn engine_settings(routes: Routes) -> engine::Settings {
    engine::Settings {
        policy: Policy::default(),
        routes,
        prices: PriceTable::builtin(),
        is_simulated: false,
        concurrency: BTreeMap::new(),
        slots: 4,
        tool_rounds_max: 4,
        is_verification_enabled: false,
        verification_max_tokens: 512,
        context: ContextBounds::default(),
        call_timeout_ms: 60_000,
        tick: Duration::from_millis(100),
        grace: Duration::from_millis(200),
    }
}

/// A server with usual settings.
pub async fn app() -> App {
    app_with(settings()).await
}

/// A server with these settings.
pub async fn app_with(settings: ServerSettings) -> App {
    start(settings, true).await
}

/// A server whose engine has no provider.
pub async fn app_without_provider() -> App {
    start(settings(), false).await
}

async fn start(settings: ServerSettings, has_provider: bool) -> App {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(FakeClock::new());
    let options = StoreOptions {
        policy: Arc::new(Policy::default()),
        clock: clock.clone(),
        ids: Box::new(SeqIds::new("s")),
    };
    let store = Store::open(&dir.path().join("test.db"), options).await.unwrap();
    let model = Arc::new(Model { mode: Mutex::new(Mode::Good) });
    let mut providers: engine::Providers = BTreeMap::new();
    let mut routes = Routes::default();
    if has_provider {
        providers.insert("anthropic".to_owned(), model.clone());
        routes = Routes::uniform(&Route::new("anthropic", "claude-opus-5-5"));
    }
    let engine = engine::start(engine::Deps {
        store: Arc::new(store.clone()),
        providers,
        toolbox: Arc::new(NoTools),
        workspaces: Arc::new(NoFiles),
        clock: clock.clone(),
        ids: Box::new(SeqIds::new("e")),
        settings: engine_settings(routes),
    })
    .await
    .unwrap();
    let state = State::new(Parts {
        store: store.clone(),
        engine: engine.clone(),
        clock: clock.clone(),
        ids: Box::new(SeqIds::new("w")),
        services: Arc::new(NoServices),
        settings,
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let shutdown = CancellationToken::new();
    tokio::spawn(server::serve(listener, state.clone(), shutdown.clone()));
    let client = Client::builder().no_proxy().build().unwrap();
    let base = format!("http://127.0.0.1:{port}");
    App { base, port, client, clock, store, model, state, shutdown, engine, _dir: dir }
}

/// Somebody who is signed in.
#[derive(Clone, Debug)]
pub struct Someone {
    pub id: String,
    pub token: String,
    pub refresh: String,
}

pub const PASSWORD: &str = "a good password";

impl App {
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.base))
    }

    pub async fn set_mode(&self, mode: Mode) {
        *self.model.mode.lock().unwrap() = mode;
    }

    /// Sends a request as somebody, or as nobody; gives status and body.
    pub async fn call(
        &self,
        method: Method,
        path: &str,
        token: Option<&str>,
        body: Option<Value>,
    ) -> (u16, Value) {
        let mut request = self.request(method, path);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        read(request.send().await.unwrap()).await
    }

    pub async fn get(&self, who: &Someone, path: &str) -> (u16, Value) {
        self.call(Method::GET, path, Some(&who.token), None).await
    }

    pub async fn post(&self, who: &Someone, path: &str, body: Value) -> (u16, Value) {
        self.call(Method::POST, path, Some(&who.token), Some(body)).await
    }

    pub async fn patch(&self, who: &Someone, path: &str, body: Value) -> (u16, Value) {
        self.call(Method::PATCH, path, Some(&who.token), Some(body)).await
    }

    pub async fn delete(&self, who: &Someone, path: &str) -> (u16, Value) {
        self.call(Method::DELETE, path, Some(&who.token), None).await
    }

    /// Makes an account; the first one is an admin.
    pub async fn register(&self, name: &str) -> Someone {
        let body = json!({"email": format!("{name}@example.com"), "password": PASSWORD});
        let (status, user) = self.call(Method::POST, "/api/auth/register", None, Some(body)).await;
        assert_eq!(status, 201, "{user}");
        let text = |key: &str| user[key].as_str().unwrap().to_owned();
        Someone { id: text("id"), token: text("access_token"), refresh: text("refresh_token") }
    }

    pub async fn project(&self, who: &Someone) -> String {
        let body = json!({"name": "Garden", "requirements": "Plant trees.\n\nWater them."});
        let (status, project) = self.post(who, "/api/projects", body).await;
        assert_eq!(status, 201, "{project}");
        project["id"].as_str().unwrap().to_owned()
    }

    /// A project with an approved plan; gives the ids of its tasks too.
    pub async fn ready_project(&self, who: &Someone) -> (String, Vec<String>) {
        let id = self.project(who).await;
        let (status, plan) = self.post(who, &format!("/api/projects/{id}/plan"), json!({})).await;
        assert_eq!(status, 200, "{plan}");
        let path = format!("/api/projects/{id}/plans/{}/approve", plan["plan_id"].as_str().unwrap());
        let (status, approved) = self.post(who, &path, json!({})).await;
        assert_eq!(status, 200, "{approved}");
        let ids = approved["task_ids"].as_array().unwrap();
        (id, ids.iter().map(|id| id.as_str().unwrap().to_owned()).collect())
    }

    /// Waits until a project has this status.
    pub async fn wait_for(&self, who: &Someone, project: &str, wanted: &str) {
        for _ in 0..200 {
            let (_, body) = self.get(who, &format!("/api/projects/{project}")).await;
            if body["status"] == wanted {
                return;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("project {project} is not {wanted}");
    }
}

/// Status and body; null when there is none.
pub async fn read(response: Response) -> (u16, Value) {
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}
