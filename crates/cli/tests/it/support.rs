//! Starts the binary in a folder of its own, without keys and without Ollama.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// A folder with nothing in it, and the binary that works there.
pub struct Bench {
    folder: TempDir,
    variables: Vec<(String, String)>,
}

/// What a command left.
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    fn of(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Asserts the exit code, showing everything when it is another.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// Asserts that standard error says this.
    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        assert!(self.stderr.contains(text), "no {text:?} in:\n{}", self.stderr);
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
        self
    }

    /// Standard output as one object a line.
    pub fn lines(&self) -> Vec<Value> {
        self.stdout.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
    }
}

impl Bench {
    pub fn new() -> Self {
        let variables = [
            ("NO_COLOR", "1"),
            ("ORCH__OLLAMA__HOSTS__LOCAL", "http://127.0.0.1:1"),
            ("ORCH__SIMULATED__LATENCY_MS", "0"),
        ];
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Self { folder: tempfile::tempdir().unwrap(), variables: variables.collect() }
    }

    /// Sets a variable for every command that follows.
    pub fn set(&mut self, name: &str, value: &str) {
        self.variables.retain(|(other, _)| other != name);
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    pub fn unset(&mut self, name: &str) {
        self.variables.retain(|(other, _)| other != name);
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file.
    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_orch"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .env_remove("ANTHROPIC_API_KEY")
            .env_remove("ANTHROPIC_BASE_URL")
            .env_remove("ORCH_DATA_DIR")
            .env_remove("ORCH_CONFIG")
            .envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Starts a command whose standard output the test reads.
    pub fn spawn(&self, arguments: &[&str]) -> Child {
        self.command(arguments).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// Runs a command to its end.
    pub fn orch(&self, arguments: &[&str]) -> Ran {
        Ran::of(self.command(arguments).output().unwrap())
    }

    /// Runs one with text on standard input.
    pub fn orch_with_input(&self, arguments: &[&str], input: &str) -> Ran {
        use std::io::Write as _;
        let mut child = self
            .command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        Ran::of(child.wait_with_output().unwrap())
    }

    /// Starts one and returns when standard error has a line with this text.
    pub fn start_until(&self, arguments: &[&str], text: &str) -> Started {
        let mut child = self.command(arguments).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        Started { child, lines: Box::new(lines), seen: String::new() }.until(text)
    }

    /// `orch show --json` of the only project.
    pub fn only_project(&self) -> Value {
        let listed = self.orch(&["list", "--json"]).exits(0).lines();
        assert_eq!(listed.len(), 1, "{listed:?}");
        let id = listed[0]["id"].as_str().unwrap().to_owned();
        self.orch(&["show", &id, "--json"]).exits(0).lines().remove(0)
    }

    /// All calls that were booked.
    pub fn calls(&self, is_simulated: bool) -> u64 {
        let mut arguments = vec!["usage", "--json"];
        if is_simulated {
            arguments.push("--simulated");
        }
        let lines = self.orch(&arguments).exits(0).lines();
        lines.iter().map(|line| line["calls"].as_u64().unwrap()).sum()
    }
}

/// A command that still runs.
pub struct Started {
    child: Child,
    lines: Box<dyn Iterator<Item = std::io::Result<String>>>,
    seen: String,
}

impl Started {
    /// Waits for a line with this text on standard error.
    pub fn until(mut self, text: &str) -> Self {
        for line in self.lines.by_ref() {
            let line = line.unwrap();
            self.seen.push_str(&line);
            self.seen.push('\n');
            if line.contains(text) {
                return self;
            }
        }
        panic!("it ended without saying {text:?}:\n{}", self.seen);
    }

    /// Sends a signal by its name.
    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let status = Command::new("kill").args([&format!("-{name}"), &pid]).status().unwrap();
        assert!(status.success());
    }

    /// Kills it as nothing can be refused.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits for its end; the exit code, and all of standard error.
    pub fn ended(mut self) -> (i32, String) {
        for line in self.lines.by_ref() {
            self.seen.push_str(&line.unwrap());
            self.seen.push('\n');
        }
        (self.child.wait().unwrap().code().unwrap_or(-1), self.seen)
    }
}

/// An example of the repository.
pub fn example(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(name);
    path.to_str().unwrap().to_owned()
}

/// Tasks of a project by state.
pub fn states(project: &Value) -> Vec<&str> {
    project["tasks"].as_array().unwrap().iter().map(|task| task["state"].as_str().unwrap()).collect()
}
