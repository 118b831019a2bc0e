//! `run_command`: a shell command on a copy of the task's files, inside a fence.
//!
//! It exists only where the fence held when it was tried. The command works on a
//! copy; what it changed is taken up when it ended by itself, through the rules that
//! hold for every file. It never starts twice for one request.

mod sandbox;
mod watch;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::model::ToolDefinition;
use domain::tool::{ToolClass, ToolContext, ToolOutcome, ToolSpec};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Child;
use tokio::time::{Instant, sleep};

use crate::file::text;
use crate::registry::Tool;
use crate::workspace::{FilesError, ProjectFiles, TakenUp};
pub use sandbox::{CommandConfig, INSIDE, Sandbox};

/// How often processes and memory are counted; every so many times the disk too.
const WATCH_EVERY: Duration = Duration::from_millis(25);
const DISK_EVERY: u32 = 20;
/// Bubblewrap itself, twice, and `prlimit` before it becomes the shell.
const OWN_PROCESSES: u64 = 3;
/// Names of files in the result.
const NAMES_MAX: usize = 50;

/// See the module.
pub struct RunCommandTool {
    files: ProjectFiles,
    sandbox: Sandbox,
}

/// How a command ended.
enum End {
    Code(Option<i32>),
    Stopped(String),
}

impl RunCommandTool {
    /// Tries the fence first.
    ///
    /// # Errors
    /// Why commands must not be run here.
    pub fn new(files: ProjectFiles, config: CommandConfig) -> Result<Self, String> {
        let place = SelfTestFolder(files.private_folder().map_err(|error| error.to_string())?);
        let sandbox = Sandbox::new(config, &place.0)?;
        Ok(Self { files, sandbox })
    }

    async fn run(&self, context: &ToolContext, script: &str) -> Result<ToolOutcome, FilesError> {
        let scratch = self.files.scratch(context).await?;
        let mut command = tokio::process::Command::from(self.sandbox.command(scratch.path(), script));
        // Dropped means killed, and with it everything inside the fence.
        let mut child = match command.kill_on_drop(true).spawn() {
            Ok(child) => child,
            Err(error) => {
                return Ok(ToolOutcome::error(
                    "command_failed",
                    format_args!("it did not start: {}", error.kind()),
                ));
            }
        };
        let bytes_max = self.sandbox.config().output_bytes_max;
        let output = read_some(child.stdout.take(), bytes_max);
        let errors = read_some(child.stderr.take(), 4_096);
        let ended = self.wait(&mut child, scratch.path().to_owned());
        let (end, output, errors) = tokio::join!(ended, output, errors);
        match end {
            End::Stopped(why) => {
                self.files.throw_away(scratch).await?;
                let said = output.render();
                let message = format_args!("{why}; none of its changes were taken up\n{said}");
                Ok(ToolOutcome::error("command_stopped", message))
            }
            End::Code(code) => {
                let taken = self.files.take_up(context, scratch).await?;
                let mut outcome = ToolOutcome::ok(render(code, &output, &errors, &taken));
                outcome.writes = taken.writes;
                Ok(outcome)
            }
        }
    }

    /// Waits for the end and stops what passes a limit.
    async fn wait(&self, child: &mut Child, folder: PathBuf) -> End {
        let config = self.sandbox.config();
        let end = Instant::now() + config.time_max;
        let mut looks = 0_u32;
        let why = loop {
            tokio::select! {
                ended = child.wait() => {
                    return End::Code(ended.ok().and_then(|status| status.code()));
                }
                () = sleep(WATCH_EVERY) => {}
            }
            looks += 1;
            if Instant::now() >= end {
                break format!("it was stopped after {} s", config.time_max.as_secs_f32());
            }
            let Some(process) = child.id() else { continue };
            let (processes_max, folder) = (config.processes_max + OWN_PROCESSES, folder.clone());
            let is_disk_due = looks.is_multiple_of(DISK_EVERY);
            let look = move || {
                let disk = if is_disk_due { watch::disk(&folder) } else { 0 };
                (watch::usage(process, processes_max), disk)
            };
            let Ok((usage, disk)) = tokio::task::spawn_blocking(look).await else { continue };
            if usage.processes > processes_max {
                break format!("it was stopped at more than {} processes", config.processes_max);
            }
            if usage.memory_bytes > config.memory_bytes_max {
                break format!("it was stopped at more than {} bytes of memory", config.memory_bytes_max);
            }
            if disk > config.disk_bytes_max {
                break format!("it was stopped at more than {} bytes on the disk", config.disk_bytes_max);
            }
        };
        // It may have ended in this moment; then there is nothing to kill.
        let _ = child.kill().await;
        End::Stopped(why)
    }
}

#[async_trait]
impl Tool for RunCommandTool {
    fn spec(&self) -> Arc<ToolSpec> {
        let config = self.sandbox.config();
        // Copying the files before and taking them up afterwards takes time too.
        let time_max = config.time_max + Duration::from_secs(60);
        Arc::new(ToolSpec {
            definition: ToolDefinition {
                name: "run_command".to_owned(),
                description: format!(
                    "Runs a shell command with the project's files in {INSIDE}, without network, for at most {} s. \
                     Files it makes or changes there become files of this task; removing one has no effect.",
                    config.time_max.as_secs()
                ),
                input_schema: json!({
                    "type": "object",
                    "properties": {
                        "command": { "type": "string", "minLength": 1, "maxLength": 20_000, "description": "For /bin/sh" },
                    },
                    "required": ["command"],
                }),
            },
            class: ToolClass::Once,
            timeout_ms: u64::try_from(time_max.as_millis()).unwrap_or(u64::MAX),
            output_max_bytes: config.output_bytes_max.saturating_add(16_000),
            needs: Vec::new(),
            is_untrusted: true,
        })
    }

    async fn call(&self, context: &ToolContext, input: &Value) -> ToolOutcome {
        let script = text(input, "command");
        if script.contains('\0') {
            return ToolOutcome::error("invalid_tool_input", "the command contains a zero byte");
        }
        match self.run(context, script).await {
            Ok(outcome) => outcome,
            Err(error) => crate::file::failure(&error),
        }
    }
}

/// The beginning and the end of a stream; what is between is counted and dropped, for
/// a command that cannot write would wait for ever.
struct Output {
    head: Vec<u8>,
    tail: Vec<u8>,
    left_out: u64,
}

async fn read_some(stream: Option<impl AsyncRead + Unpin>, bytes_max: usize) -> Output {
    let half = bytes_max / 2;
    let mut output = Output { head: Vec::new(), tail: Vec::new(), left_out: 0 };
    let Some(mut stream) = stream else { return output };
    let mut buffer = vec![0; 16 << 10];
    while let Ok(count @ 1..) = stream.read(&mut buffer).await {
        let (first, rest) = buffer[..count].split_at(count.min(half - output.head.len()));
        output.head.extend_from_slice(first);
        output.tail.extend_from_slice(rest);
        if output.tail.len() > half {
            let over = output.tail.len() - half;
            output.tail.drain(..over);
            output.left_out += over as u64;
        }
    }
    output
}

impl Output {
    fn render(&self) -> String {
        let (head, tail) = (String::from_utf8_lossy(&self.head), String::from_utf8_lossy(&self.tail));
        match self.left_out {
            0 => format!("{head}{tail}"),
            bytes => format!("{head}\n[{bytes} bytes left out]\n{tail}"),
        }
    }
}

fn render(code: Option<i32>, output: &Output, errors: &Output, taken: &TakenUp) -> String {
    let mut lines = vec![match code {
        Some(code) => format!("[exit code {code}]"),
        None => "[ended by a signal]".to_owned(),
    }];
    for output in [output, errors] {
        let said = output.render();
        if !said.trim().is_empty() {
            lines.push(said.trim_end().to_owned());
        }
    }
    let list = |names: &mut dyn Iterator<Item = String>, count: usize| {
        let shown = names.take(NAMES_MAX).collect::<Vec<_>>().join(", ");
        if count > NAMES_MAX { format!("{shown} and {} more", count - NAMES_MAX) } else { shown }
    };
    if !taken.writes.is_empty() {
        let mut names = taken.writes.iter().map(|entry| entry.path.clone());
        lines.push(format!("[files written: {}]", list(&mut names, taken.writes.len())));
    }
    if !taken.refused.is_empty() {
        let mut names = taken.refused.iter().map(|(path, why)| format!("{path:?} ({why})"));
        lines.push(format!("[files not taken: {}]", list(&mut names, taken.refused.len())));
    }
    if !taken.missing.is_empty() {
        let mut names = taken.missing.iter().cloned();
        lines.push(format!(
            "[removed by the command, but they stay: {}]",
            list(&mut names, taken.missing.len())
        ));
    }
    lines.join("\n")
}

/// Removed when the self-test is over.
struct SelfTestFolder(PathBuf);

impl Drop for SelfTestFolder {
    fn drop(&mut self) {
        // What stays holds nothing.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
