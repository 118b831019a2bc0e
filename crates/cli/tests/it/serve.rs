//! `orch serve` from outside: the life of a project over HTTP, with the Anthropic
//! base URL at a fake; accounts from the shell; ports, signals, two engines.

use std::io::{BufRead as _, BufReader};
use std::process::Child;
use std::time::Duration;

use serde_json::{Value, json};
use testkit::fake_provider::FakeProvider;

use crate::support::Bench;

/// A server, ended when the test is.
struct Served {
    child: Child,
    base: String,
    runtime: tokio::runtime::Runtime,
    client: reqwest::Client,
    token: Option<String>,
}

impl Drop for Served {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Served {
    fn start(bench: &Bench) -> Self {
        let mut child = bench.spawn(&["serve", "--host", "127.0.0.1", "--port", "0"]);
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = lines.next().expect("the server says where it listens").unwrap();
        let base = line.strip_prefix("listening on ").expect(&line).to_owned();
        Self {
            child,
            base,
            runtime: tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap(),
            client: reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(30)).build().unwrap(),
            token: None,
        }
    }

    fn send(&self, method: reqwest::Method, path: &str, body: Option<Value>) -> (u16, String) {
        let mut request = self.client.request(method, format!("{}{path}", self.base));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        self.runtime.block_on(async {
            let answer = request.send().await.unwrap();
            (answer.status().as_u16(), answer.text().await.unwrap())
        })
    }

    #[track_caller]
    fn get(&self, path: &str) -> Value {
        let (status, text) = self.send(reqwest::Method::GET, path, None);
        assert_eq!(status, 200, "{path}: {text}");
        serde_json::from_str(&text).unwrap()
    }

    #[track_caller]
    fn post(&self, path: &str, body: Value, expected: u16) -> Value {
        let (status, text) = self.send(reqwest::Method::POST, path, Some(body));
        assert_eq!(status, expected, "{path}: {text}");
        serde_json::from_str(&text).unwrap()
    }
}

fn with_fake() -> (Bench, FakeProvider) {
    let fake = FakeProvider::simulated(providers::brain).unwrap();
    let mut bench = Bench::new();
    bench.set("ANTHROPIC_API_KEY", "sk-ant-test-not-a-key");
    bench.set("ANTHROPIC_BASE_URL", &fake.base_url());
    (bench, fake)
}

#[test]
fn the_life_of_a_project_over_http() {
    let (mut bench, fake) = with_fake();
    // There is no Ollama here, and its tier would wait for one.
    bench.set("ORCH__TIERS__OLLAMA", "anthropic/claude-haiku-4-5-20251001");
    let mut served = Served::start(&bench);
    assert_eq!(served.get("/api/health"), json!({"status": "ok"}));
    let account = json!({"email": "ada@example.com", "password": "a long password", "display_name": "Ada"});
    let user = served.post("/api/auth/register", account.clone(), 201);
    assert_eq!(user["role"], "admin");
    let signed_in = served.post("/api/auth/login", account, 200);
    let refresh = json!({"refresh_token": signed_in["refresh_token"]});
    let refreshed = served.post("/api/auth/refresh", refresh, 200);
    served.token = Some(refreshed["access_token"].as_str().unwrap().to_owned());
    assert_eq!(served.get("/api/auth/me")["email"], "ada@example.com");

    let new = json!({"name": "Notes", "requirements": "Write `one.md`.\n\nWrite `two.md`."});
    let project = served.post("/api/projects", new, 201);
    let id = project["id"].as_str().unwrap();
    let plan = served.post(&format!("/api/projects/{id}/plan"), json!({}), 200);
    assert_eq!(served.get(&format!("/api/projects/{id}/plans"))[0]["id"], plan["plan_id"]);
    let plan_id = plan["plan_id"].as_str().unwrap();
    let approved = served.post(&format!("/api/projects/{id}/plans/{plan_id}/approve"), json!({}), 200);
    let count = approved["tasks_created"].as_u64().unwrap();
    assert!(count >= 2, "{approved}");

    let ticket = served.post(&format!("/api/events/{id}/token"), json!({}), 200);
    served.post(&format!("/api/projects/{id}/execute"), json!({}), 200);
    // The stream ends by itself when the project has ended.
    let stream = format!("/api/events/{id}?after=0&token={}", ticket["token"].as_str().unwrap());
    let (status, frames) = served.send(reqwest::Method::GET, &stream, None);
    assert_eq!(status, 200, "{frames}");
    assert!(frames.contains("event: project_complete"), "{frames}");

    let tasks = served.get(&format!("/api/tasks/project/{id}"));
    let tasks = tasks.as_array().unwrap();
    assert_eq!(tasks.len() as u64, count);
    assert!(tasks.iter().all(|task| task["status"] == "completed"), "{tasks:?}");
    let task = served.get(&format!("/api/tasks/{}", tasks[0]["id"].as_str().unwrap()));
    assert!(task["output_text"].as_str().is_some_and(|text| !text.is_empty()));
    assert_eq!(served.get(&format!("/api/projects/{id}"))["status"], "completed");
    let usage = served.get(&format!("/api/usage/summary?project_id={id}"));
    assert_eq!(usage["api_call_count"].as_u64(), Some(fake.bill().billed));
    assert_eq!(fake.violations(), Vec::<String>::new());
}

#[test]
fn an_account_made_at_the_shell_signs_in_and_strangers_do_not_become_admin() {
    let bench = Bench::new();
    bench
        .orch_with_input(&["user", "add", "root@example.com", "--admin"], "a long password\n")
        .exits(0)
        .says("admin");
    bench.orch_with_input(&["user", "add", "root@example.com"], "a long password\n").exits(1);
    bench.orch_with_input(&["user", "add", "nobody"], "a long password\n").exits(2).says("e-mail");
    bench.orch_with_input(&["user", "add", "a@example.com"], "short\n").exits(2).says("8 characters");
    let served = Served::start(&bench);
    let root = json!({"email": "root@example.com", "password": "a long password"});
    assert_eq!(served.post("/api/auth/login", root, 200)["user"]["role"], "admin");
    let stranger = json!({"email": "eve@example.com", "password": "a long password"});
    assert_eq!(served.post("/api/auth/register", stranger, 201)["role"], "user");
}

#[test]
fn without_a_provider_planning_says_so() {
    let bench = Bench::new();
    let mut served = Served::start(&bench);
    let account = json!({"email": "ada@example.com", "password": "a long password"});
    let user = served.post("/api/auth/register", account, 201);
    served.token = Some(user["access_token"].as_str().unwrap().to_owned());
    let project = served.post("/api/projects", json!({"name": "N", "requirements": "One."}), 201);
    let path = format!("/api/projects/{}/plan", project["id"].as_str().unwrap());
    let refused = served.post(&path, json!({}), 503);
    assert_eq!(refused["code"], "no_provider");
    assert!(refused["detail"].as_str().unwrap().contains("ANTHROPIC_API_KEY"), "{refused}");
}

#[test]
fn a_port_in_use_and_a_second_engine_are_one_clear_sentence() {
    let bench = Bench::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    bench.orch(&["serve", "--host", "127.0.0.1", "--port", &port]).exits(1).says("--port");
    let served = Served::start(&bench);
    bench.orch(&["serve", "--host", "127.0.0.1", "--port", "0"]).exits(1).says("engine");
    drop(served);
}

#[cfg(unix)]
#[test]
fn a_server_that_is_told_to_stop_ends_with_0() {
    let bench = Bench::new();
    let mut served = Served::start(&bench);
    let pid = served.child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    assert_eq!(served.child.wait().unwrap().code(), Some(0));
}
