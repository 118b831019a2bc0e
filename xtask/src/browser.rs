//! The interface: its own checks (`ui`), and a browser before the real program and
//! before the mock server (`browser`).
//!
//! Knows how programs are started and ended, not what the pages are about.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context as _, Result, bail};

use crate::install;
use crate::process::{answers, cargo, command, root, say, succeed, tools, wait};
use crate::test::Outcome;

/// For installing the packages of the interface.
const DOWNLOAD_LIMIT: Duration = Duration::from_mins(10);
/// For one check of the interface.
const CHECK_LIMIT: Duration = Duration::from_mins(10);
/// For building `orch`.
const BUILD_LIMIT: Duration = Duration::from_mins(40);
/// For the server to answer.
const START_LIMIT: Duration = Duration::from_mins(1);
/// For the server to end after it was asked to.
const END_LIMIT: Duration = Duration::from_secs(15);
/// For one project of browser tests.
const BROWSER_LIMIT: Duration = Duration::from_mins(15);

/// Where a browser may be; the names of Debian and Ubuntu.
const BROWSERS: [&str; 3] = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/// Installs, lints, checks the types of, tests and builds the interface.
pub fn ui() -> Outcome {
    if !answers(command("npm").arg("--version")) {
        return Outcome::Skipped("npm is missing; it comes with Node 20 or newer".to_owned());
    }
    let install = ["ci", "--no-audit", "--no-fund", "--loglevel=error"];
    if let Err(error) = succeed(npm().args(install), DOWNLOAD_LIMIT) {
        return Outcome::Skipped(format!("{error:#}; the packages cannot be had"));
    }
    let checks = || -> Result<()> {
        for script in ["lint", "typecheck", "test", "build"] {
            succeed(npm().args(["run", script]), CHECK_LIMIT)?;
        }
        Ok(())
    };
    match checks() {
        Ok(()) => Outcome::Passed("lint, types, unit tests, build".to_owned()),
        Err(error) => Outcome::Failed(format!("{error:#}")),
    }
}

/// The story in a browser against the program, and accessibility against the mock.
pub fn browser() -> Outcome {
    if !folder().join("node_modules/.bin/playwright").exists() {
        return Outcome::Skipped("the step ui has not installed its packages".to_owned());
    }
    let found = match find_browser() {
        Some(browser) => Ok(browser),
        None => install::apt(&["chromium"]).and_then(|()| find_browser().context("apt brought none")),
    };
    let browser = match found {
        Ok(browser) => browser,
        Err(error) => {
            return Outcome::Skipped(format!("no Chromium: {error:#}; or CHROMIUM says where one is"));
        }
    };
    let tests = || -> Result<()> {
        succeed(&mut cargo(&["build", "--package", "cli"]), BUILD_LIMIT)?;
        let program = Program::start()?;
        let told = playwright("story", &browser, Some(&program.address()));
        let ended = program.end();
        told?;
        ended?;
        playwright("a11y", &browser, None)
    };
    match tests() {
        Ok(()) => Outcome::Passed("story against the program, accessibility against the mock".to_owned()),
        Err(error) => Outcome::Failed(format!("{error:#}")),
    }
}

fn folder() -> PathBuf {
    root().join("ui")
}

fn npm() -> Command {
    let mut npm = command("npm");
    npm.current_dir(folder());
    npm
}

fn find_browser() -> Option<PathBuf> {
    let named = std::env::var_os("CHROMIUM").map(PathBuf::from);
    named.into_iter().chain(BROWSERS.map(PathBuf::from)).find(|path| path.exists())
}

fn playwright(project: &str, browser: &Path, address: Option<&str>) -> Result<()> {
    let mut tests = command(folder().join("node_modules/.bin/playwright"));
    tests.current_dir(folder()).args(["test", "--project", project]).env("CHROMIUM", browser);
    for name in ["ORCH_URL", "ORCH_EMAIL", "ORCH_PASSWORD"] {
        tests.env_remove(name);
    }
    if let Some(address) = address {
        tests.env("ORCH_URL", address);
    }
    succeed(&mut tests, BROWSER_LIMIT)
}

/// `orch serve` with the simulated model and a fresh data folder; ended when dropped.
struct Program {
    child: Child,
    port: u16,
    data: PathBuf,
}

impl Program {
    fn start() -> Result<Self> {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let data = tools().join(format!("browser-{}", now.as_millis()));
        fs::create_dir_all(&data)?;
        let log = data.join("server.log");
        // Nobody else takes it in the moment between.
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut orch = command(root().join("target/debug/orch"));
        orch.args(["serve", "--host", "127.0.0.1", "--port", &port.to_string(), "--data-dir"]).arg(&data);
        for (key, value) in [
            ("ORCH__SIMULATED__ENABLED", "true"),
            ("ORCH__SIMULATED__LATENCY_MS", "150"),
            ("ORCH__AUTH__RATE_LIMIT", "1000/minute"),
            ("ORCH__SERVER__RATE_LIMIT", "100000/minute"),
            ("ORCH__SERVER__PLAN_RATE_LIMIT", "1000/minute"),
        ] {
            orch.env(key, value);
        }
        orch.stdout(File::create(data.join("server.out"))?).stderr(File::create(&log)?);
        let child = orch.spawn().context("cannot start orch")?;
        let mut program = Self { child, port, data };
        let start = Instant::now();
        while !program.is_ready() {
            if start.elapsed() > START_LIMIT || program.child.try_wait()?.is_some() {
                let said = fs::read_to_string(&log).unwrap_or_default();
                bail!("the server did not start: {}", said.trim());
            }
            thread::sleep(Duration::from_millis(100));
        }
        say(format!("orch serves {} with the simulated model", program.address()));
        Ok(program)
    }

    fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn is_ready(&self) -> bool {
        let ask = || -> std::io::Result<String> {
            let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
            stream.set_read_timeout(Some(Duration::from_secs(5)))?;
            stream.write_all(b"GET /api/ready HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            Ok(answer)
        };
        ask().is_ok_and(|answer| answer.split(' ').nth(1) == Some("200"))
    }

    /// Asks it to end, as Ctrl-C does, and removes what it left.
    fn end(mut self) -> Result<()> {
        let asked = answers(command("kill").arg("-INT").arg(self.child.id().to_string()));
        let status = if asked { wait(&mut self.child, END_LIMIT)? } else { bail!("the server was gone") };
        if !status.success() {
            bail!("the server ended with {status}");
        }
        fs::remove_dir_all(&self.data).context("the data folder cannot be removed")
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
