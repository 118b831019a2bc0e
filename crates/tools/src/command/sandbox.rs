//! The fence around a command: bubblewrap with a world made of the system's own
//! programs, read-only, and one writable folder. No network, no environment, no
//! other files of this machine, limits on everything.
//!
//! The fence is tried before it is trusted: see [`Sandbox::new`].

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use tokio::time::Instant;

/// Where bubblewrap and `prlimit` are looked for when the configuration does not say.
const FOLDERS: [&str; 3] = ["/usr/bin", "/bin", "/usr/local/bin"];
/// What a command sees of the system, as far as it is there. Nothing of `/etc` but
/// what programs need to start: the rest of it names users and keys.
const SYSTEM: [&str; 10] = [
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/etc/alternatives",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
];
/// Where the task's files are inside.
pub const INSIDE: &str = "/work";
/// Longest self-test.
const SELF_TEST_MAX: Duration = Duration::from_secs(10);
/// Set outside while the self-test runs; inside it must not be seen.
const CANARY: &str = "ORCH_SELF_TEST_CANARY";

/// What a command may use.
#[derive(Clone, Debug)]
pub struct CommandConfig {
    /// The bubblewrap program; looked for in the usual folders without.
    pub bubblewrap: Option<PathBuf>,
    /// Further folders that are visible, read-only: tool chains.
    pub read_only: Vec<PathBuf>,
    /// Variables that are set inside.
    pub environment: Vec<(String, String)>,
    /// Longest run.
    pub time_max: Duration,
    /// Most output that is kept, in bytes.
    pub output_bytes_max: usize,
    /// Most processes at once.
    pub processes_max: u64,
    /// Most memory of all processes together; also the address space of each.
    pub memory_bytes_max: u64,
    /// Largest file, and most bytes in all, that may be written.
    pub disk_bytes_max: u64,
}

impl Default for CommandConfig {
    fn default() -> Self {
        Self {
            bubblewrap: None,
            read_only: Vec::new(),
            environment: Vec::new(),
            time_max: Duration::from_secs(120),
            output_bytes_max: 64 << 10,
            processes_max: 128,
            memory_bytes_max: 2 << 30,
            disk_bytes_max: 512 << 20,
        }
    }
}

/// A fence that was tried.
#[derive(Debug)]
pub struct Sandbox {
    config: CommandConfig,
    bubblewrap: PathBuf,
    prlimit: PathBuf,
    nice: PathBuf,
}

impl Sandbox {
    /// Looks for the programs and tries the fence: in a fresh folder beneath
    /// `scratch`, with a file beside it that must not be seen.
    ///
    /// # Errors
    /// Why commands must not be run here.
    pub fn new(config: CommandConfig, scratch: &Path) -> Result<Self, String> {
        let bubblewrap = match &config.bubblewrap {
            Some(path) => path.clone(),
            None => find("bwrap").ok_or("bubblewrap is not installed")?,
        };
        let prlimit = find("prlimit").ok_or("prlimit is not installed")?;
        let nice = find("nice").ok_or("nice is not installed")?;
        let sandbox = Self { config, bubblewrap, prlimit, nice };
        sandbox.self_test(scratch)?;
        Ok(sandbox)
    }

    /// Its limits.
    #[must_use]
    pub const fn config(&self) -> &CommandConfig {
        &self.config
    }

    /// The program and its arguments that run `script` with `folder` as [`INSIDE`].
    #[must_use]
    pub fn command(&self, folder: &Path, script: &str) -> Command {
        // Last in line for the processors: a command that starts as many processes as
        // it can must not keep the engine from noticing it.
        let mut command = Command::new(&self.nice);
        command.args(["-n", "19"]).arg(&self.bubblewrap);
        command.env_clear().stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.args([
            "--unshare-all",
            "--unshare-user",
            "--disable-userns",
            "--die-with-parent",
            "--new-session",
        ]);
        command.args([
            "--cap-drop",
            "ALL",
            "--uid",
            "65534",
            "--gid",
            "65534",
            "--hostname",
            "sandbox",
            "--clearenv",
        ]);
        for (name, value) in [
            ("PATH", "/usr/local/bin:/usr/bin:/bin"),
            ("HOME", "/tmp"),
            ("TMPDIR", "/tmp"),
            ("LANG", "C.UTF-8"),
        ] {
            command.args(["--setenv", name, value]);
        }
        for (name, value) in &self.config.environment {
            command.args(["--setenv", name, value]);
        }
        let system = SYSTEM.iter().map(Path::new).chain(self.config.read_only.iter().map(PathBuf::as_path));
        for path in system {
            command.arg("--ro-bind-try").arg(path).arg(path);
        }
        command.args(["--dev", "/dev", "--proc", "/proc"]);
        command.args(["--size", &self.config.disk_bytes_max.to_string(), "--tmpfs", "/tmp"]);
        command.arg("--bind").arg(folder).args([INSIDE, "--remount-ro", "/", "--chdir", INSIDE, "--"]);
        command.arg(&self.prlimit);
        for (limit, most) in [
            ("nproc", self.config.processes_max),
            ("as", self.config.memory_bytes_max),
            ("fsize", self.config.disk_bytes_max),
            ("nofile", 1_024),
            ("core", 0),
            ("cpu", self.config.time_max.as_secs().max(1)),
        ] {
            command.arg(format!("--{limit}={most}:{most}"));
        }
        // What bubblewrap itself says stays apart from what the command says.
        command.args(["--", "/bin/sh", "-c", &format!("exec 2>&1\n{script}")]);
        command
    }

    /// Every promise is tried; the first that is not kept is the error.
    fn self_test(&self, scratch: &Path) -> Result<(), String> {
        let failed = |error: std::io::Error| format!("the self-test could not be made: {}", error.kind());
        let canary = scratch.join("canary");
        let folder = scratch.join("folder");
        fs::create_dir_all(&folder).map_err(failed)?;
        fs::write(&canary, "canary").map_err(failed)?;
        let script = format!(
            "test \"$(pwd)\" = {INSIDE} || echo 'it does not start in its folder'\n\
             echo x > made || echo 'its folder is not writable'\n\
             (echo x > /usr/x) 2>/dev/null && echo 'the system is writable'\n\
             (echo x > /x) 2>/dev/null && echo 'the root is writable'\n\
             test -e {canary} && echo 'files of this machine are visible'\n\
             test -e /etc/passwd && echo 'files of this machine are visible'\n\
             test -z \"${CANARY}\" || echo 'the environment is visible'\n\
             grep -qE '^ *(eth|en|wl|ens)' /proc/net/dev && echo 'there is a network'\n\
             test \"$(ls -d /proc/[0-9]* | wc -l)\" -lt 20 || echo 'other processes are visible'\n\
             test \"$(ulimit -c)\" = 0 || echo 'limits are not set'\n\
             test \"$(id -u)\" != 0 || echo 'it runs as root'\n\
             echo done\n",
            canary = quote(&canary)
        );
        let mut command = self.command(&folder, &script);
        command.env(CANARY, "1").stderr(Stdio::piped());
        let output = run_briefly(&mut command)?;
        let said = String::from_utf8_lossy(&output.stdout);
        if said.trim() != "done" || !folder.join("made").exists() {
            let why = said.lines().find(|line| *line != "done").map(str::to_owned);
            let errors = String::from_utf8_lossy(&output.stderr);
            let errors = errors.lines().next().unwrap_or("it did nothing");
            return Err(format!("the self-test failed: {}", why.as_deref().unwrap_or(errors)));
        }
        Ok(())
    }
}

/// The path as one word of the shell.
fn quote(path: &Path) -> String {
    format!("'{}'", path.to_string_lossy().replace('\'', "'\\''"))
}

fn find(program: &str) -> Option<PathBuf> {
    FOLDERS.iter().map(|folder| Path::new(folder).join(program)).find(|path| path.is_file())
}

/// Runs a program that says little, and no longer than the self-test may take.
fn run_briefly(command: &mut Command) -> Result<std::process::Output, String> {
    let failed = |error: std::io::Error| format!("bubblewrap cannot be started: {}", error.kind());
    let mut child = command.spawn().map_err(failed)?;
    let end = Instant::now() + SELF_TEST_MAX;
    while child.try_wait().map_err(failed)?.is_none() {
        if Instant::now() >= end {
            let _ = child.kill();
            let _ = child.wait();
            return Err("the self-test did not end".to_owned());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    child.wait_with_output().map_err(failed)
}
