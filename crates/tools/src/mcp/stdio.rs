//! A server that is a child process, spoken to by lines of JSON.
//!
//! It gets an empty environment plus what the operator named, and a process group
//! of its own, which is killed as a whole: when the connection is closed, when it is
//! dropped, and when the server broke a bound. What it prints to its error output
//! goes to the log, never to a model.

use std::collections::BTreeMap;
use std::io;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use rmcp::RoleClient;
use rmcp::model::ServerJsonRpcMessage;
use rmcp::service::TxJsonRpcMessage;
use rmcp::transport::Transport;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::sync::Mutex;

use super::health::clean;
use super::redact::Redaction;
use super::wire::{Gauge, Loss, LossReason};

/// How long one message may take to be taken by the server.
const WRITE_LIMIT: Duration = Duration::from_secs(10);
/// How long a server may take to end by itself once its input is closed.
const GRACE: Duration = Duration::from_millis(500);
/// Lines in a row that are no message before the server is given up.
const GARBAGE_LINES_MAX: u32 = 100;
/// Longest line of error output that is logged, in bytes.
const STDERR_LINE_BYTES_MAX: usize = 1_000;

/// What to run.
pub(super) struct Program<'a> {
    pub command: &'a str,
    pub args: &'a [String],
    pub env: &'a BTreeMap<String, SecretString>,
    pub shared_env: &'a BTreeMap<String, String>,
}

/// The connection to a child process.
pub(super) struct Lines {
    group: Group,
    stdout: BufReader<ChildStdout>,
    line: Vec<u8>,
    line_bytes_max: usize,
    stdin: Arc<Mutex<Option<ChildStdin>>>,
    garbage: u32,
    gauge: Gauge,
    loss: Arc<Loss>,
}

impl Lines {
    /// Starts the program.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(super) fn spawn(
        program: &Program<'_>,
        server: &str,
        redaction: &Redaction,
        line_bytes_max: usize,
        loss: Arc<Loss>,
    ) -> io::Result<Self> {
        let mut command = Command::new(program.command);
        command
            .args(program.args)
            .env_clear()
            .envs(program.shared_env)
            .envs(program.env.iter().map(|(name, value)| (name, value.expose_secret())))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        #[cfg(unix)]
        command.process_group(0);
        let mut child = command.spawn()?;
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let group = Group::new(child);
        let (Some(stdin), Some(stdout), Some(stderr)) = pipes else {
            return Err(io::Error::other("a pipe is missing"));
        };
        tokio::spawn(log_stderr(stderr, server.to_owned(), redaction.clone(), loss.clone()));
        Ok(Self {
            group,
            stdout: BufReader::new(stdout),
            line: Vec::new(),
            line_bytes_max,
            stdin: Arc::new(Mutex::new(Some(stdin))),
            garbage: 0,
            gauge: Gauge::new(),
            loss,
        })
    }

    /// The next message, or why there is none.
    async fn next(&mut self) -> Result<ServerJsonRpcMessage, LossReason> {
        loop {
            read_line(&mut self.stdout, &mut self.line, self.line_bytes_max).await?;
            let parsed = serde_json::from_slice(self.line.trim_ascii());
            let is_blank = self.line.trim_ascii().is_empty();
            // A large answer must not stay allocated for the life of the connection.
            self.line = Vec::new();
            if let Ok(message) = parsed {
                self.garbage = 0;
                return Ok(message);
            }
            if !self.gauge.admits() {
                return Err(LossReason::Flood);
            }
            // Programs greet, or log to the wrong place; that is overlooked for a while.
            self.garbage += u32::from(!is_blank);
            if self.garbage > GARBAGE_LINES_MAX {
                return Err(LossReason::Garbage);
            }
        }
    }
}

impl Transport<RoleClient> for Lines {
    type Error = io::Error;

    fn send(
        &mut self,
        item: TxJsonRpcMessage<RoleClient>,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send + 'static {
        let (stdin, loss) = (self.stdin.clone(), self.loss.clone());
        async move {
            let mut message = serde_json::to_vec(&item)?;
            message.push(b'\n');
            let mut stdin = stdin.lock().await;
            let stdin = stdin.as_mut().ok_or(io::ErrorKind::NotConnected)?;
            let written = tokio::time::timeout(WRITE_LIMIT, async {
                stdin.write_all(&message).await?;
                stdin.flush().await
            });
            written.await.unwrap_or_else(|_| {
                // Half a message may be in the pipe: nothing can follow it.
                loss.set(LossReason::Deaf);
                Err(io::ErrorKind::TimedOut.into())
            })
        }
    }

    async fn receive(&mut self) -> Option<ServerJsonRpcMessage> {
        match self.next().await {
            Ok(message) => Some(message),
            Err(reason) => {
                self.loss.set(reason);
                None
            }
        }
    }

    async fn close(&mut self) -> Result<(), Self::Error> {
        // A writer may hold the lock; killing the group frees it.
        if let Ok(mut stdin) = self.stdin.try_lock() {
            stdin.take();
            let _ = tokio::time::timeout(GRACE, drain(&mut self.stdout)).await;
        }
        self.group.end().await;
        Ok(())
    }
}

/// Reads up to the next line break into `line`, which keeps what was read when the
/// future is dropped: the caller is polled beside others and starts again.
async fn read_line<R: AsyncRead + Unpin>(
    reader: &mut BufReader<R>,
    line: &mut Vec<u8>,
    bytes_max: usize,
) -> Result<(), LossReason> {
    loop {
        let available = reader.fill_buf().await.map_err(|_| LossReason::Io)?;
        if available.is_empty() {
            return Err(LossReason::Ended);
        }
        let end = available.iter().position(|byte| *byte == b'\n');
        let taken = end.map_or(available.len(), |at| at + 1);
        if line.len() + taken > bytes_max {
            return Err(LossReason::TooLarge);
        }
        line.extend_from_slice(&available[..taken]);
        reader.consume(taken);
        if end.is_some() {
            return Ok(());
        }
    }
}

async fn drain<R: AsyncRead + Unpin>(reader: &mut R) {
    let mut buffer = vec![0; 8 * 1024];
    while reader.read(&mut buffer).await.is_ok_and(|read| read > 0) {}
}

/// Logs error output line by line; what is too much is read and forgotten, for a
/// server that cannot print must not stop.
async fn log_stderr(stderr: ChildStderr, server: String, redaction: Redaction, loss: Arc<Loss>) {
    let _quiet = loss.quiet.clone().drop_guard();
    let mut reader = BufReader::new(stderr);
    let mut gauge = Gauge::new();
    loop {
        let mut line = Vec::new();
        let read = read_line(&mut reader, &mut line, STDERR_LINE_BYTES_MAX).await;
        let text = redaction.apply(clean(&String::from_utf8_lossy(&line), STDERR_LINE_BYTES_MAX));
        if !text.is_empty() && gauge.admits() {
            tracing::debug!(%server, %text, "error output of an MCP server");
            loss.set_words(text);
        }
        match read {
            Ok(()) => {}
            // The rest of a long line, up to the buffer's end.
            Err(LossReason::TooLarge) => {
                let buffered = reader.buffer();
                let end = buffered.iter().position(|byte| *byte == b'\n');
                let skipped = end.map_or(buffered.len(), |at| at + 1);
                reader.consume(skipped);
            }
            Err(_) => return,
        }
    }
}

/// A child and everything that it started. The child is not waited for before its
/// group is killed: until then nobody else can get its number.
struct Group {
    child: Child,
    #[cfg(unix)]
    id: Option<rustix::process::Pid>,
}

impl Group {
    #[cfg(unix)]
    fn new(child: Child) -> Self {
        let id = child.id().and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw);
        Self { child, id }
    }

    #[cfg(not(unix))]
    fn new(child: Child) -> Self {
        Self { child }
    }

    #[cfg(unix)]
    fn kill(&mut self) {
        if let Some(id) = self.id.take() {
            // It fails when all have ended already.
            let _ = rustix::process::kill_process_group(id, rustix::process::Signal::KILL);
        }
    }

    #[cfg(not(unix))]
    fn kill(&mut self) {
        let _ = self.child.start_kill();
    }

    async fn end(&mut self) {
        self.kill();
        let _ = tokio::time::timeout(GRACE, self.child.wait()).await;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_line_is_read_whole_or_refused() {
        let mut reader = BufReader::with_capacity(3, &b"abc\n\ndefghi\nx"[..]);
        let mut line = Vec::new();
        for expected in ["abc\n", "\n"] {
            line.clear();
            read_line(&mut reader, &mut line, 6).await.unwrap();
            assert_eq!(line, expected.as_bytes());
        }
        line.clear();
        assert_eq!(read_line(&mut reader, &mut line, 6).await, Err(LossReason::TooLarge));
        assert!(line.len() <= 6);
        let mut reader = BufReader::new(&b"x"[..]);
        assert_eq!(read_line(&mut reader, &mut line, 99).await, Err(LossReason::Ended));
    }
}
