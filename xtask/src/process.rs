//! Starts other programs: their output is streamed, every one has a time limit,
//! and what is started is told first.
//!
//! Knows nothing of what the programs are for.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

/// Between two looks whether a program has ended.
const POLL: Duration = Duration::from_millis(20);

/// Prints one line. A reader that went away is no reason to stop the tests.
pub fn say(line: impl AsRef<str>) {
    let _ = writeln!(std::io::stdout().lock(), "{}", line.as_ref());
}

/// The folder of the workspace.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

/// The folder for everything that is installed or made here; ignored by git.
pub fn tools() -> PathBuf {
    root().join("target/tools")
}

/// A command that runs in the workspace, with our own tools found first.
pub fn command(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    let before = std::env::var_os("PATH").unwrap_or_default();
    let own = tools().join("bin");
    let paths = std::iter::once(own).chain(std::env::split_paths(&before));
    if let Ok(path) = std::env::join_paths(paths) {
        command.env("PATH", path);
    }
    // The cargo that started us exports these for our own build; a child cargo
    // that saw them would build differently from one that a person starts.
    command.env_remove("CARGO_MANIFEST_DIR").env_remove("CARGO_PKG_NAME");
    command.current_dir(root()).stdin(Stdio::null());
    command
}

/// A cargo command.
pub fn cargo(arguments: &[&str]) -> Command {
    let mut command = command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments);
    command
}

/// Tells the command, runs it with its output streamed, and waits.
///
/// # Errors
/// The program is missing, or took longer than `limit` and was ended.
pub fn run(command: &mut Command, limit: Duration) -> Result<ExitStatus> {
    say(format!("$ {}", told(command)));
    let mut child =
        command.spawn().with_context(|| format!("cannot start {}", command.get_program().display()))?;
    wait(&mut child, limit)
}

/// As [`run`], and an exit code other than 0 is an error too.
///
/// # Errors
/// Whatever kept the program from succeeding.
pub fn succeed(command: &mut Command, limit: Duration) -> Result<()> {
    let status = run(command, limit)?;
    if !status.success() {
        bail!("`{}` ended with {status}", told(command));
    }
    Ok(())
}

/// Whether a program is there and answers, without showing what it says.
pub fn answers(command: &mut Command) -> bool {
    let quiet = command.stdout(Stdio::null()).stderr(Stdio::null());
    quiet
        .spawn()
        .is_ok_and(|mut child| wait(&mut child, Duration::from_secs(30)).is_ok_and(|status| status.success()))
}

/// Waits for a program; ends it when the time is over.
///
/// # Errors
/// The time is over, or the system lost the program.
pub fn wait(child: &mut Child, limit: Duration) -> Result<ExitStatus> {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if start.elapsed() > limit {
            let _ = child.kill();
            let _ = child.wait();
            bail!("took longer than {} s and was ended", limit.as_secs());
        }
        thread::sleep(POLL);
    }
}

/// The command as a person would type it, with paths seen from the workspace.
fn told(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let root = format!("{}/", root().display());
    let text: Vec<String> = words.map(|word| word.to_string_lossy().replace(&root, "")).collect();
    let text = text.join(" ");
    // A cargo that started us is known by its full path.
    match text.split_once(' ') {
        Some((program, rest)) if program.ends_with("/cargo") => format!("cargo {rest}"),
        _ => text,
    }
}
