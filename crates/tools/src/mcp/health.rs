//! How a server does, for the resource monitor and for people. Values only; the
//! texts may quote the server and never reach a model.

use domain::time::Timestamp;

/// Longest text that is kept of an error, in bytes.
const ERROR_BYTES_MAX: usize = 500;

/// How a server does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerState {
    /// Connected, and the last thing went well.
    Online,
    /// Connected, but calls fail or tools wait for approval.
    Degraded,
    /// Not connected; it is tried again and again.
    Offline,
}

/// A snapshot of one server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerHealth {
    /// As the configuration calls it.
    pub server: String,
    /// How it does.
    pub state: ServerState,
    /// Since when.
    pub since: Timestamp,
    /// What went wrong last; stays after it went well again.
    pub last_error: Option<String>,
    /// The revision of the protocol that was agreed on last.
    pub protocol: Option<String>,
    /// How often it was started or connected to.
    pub connects: u64,
    /// How many of its tools models can use now.
    pub tools_available: usize,
    /// Tools whose definition changed and that wait for approval, by its own names.
    pub tools_changed: Vec<String>,
}

impl ServerHealth {
    pub(super) fn new(server: String, now: Timestamp) -> Self {
        Self {
            server,
            state: ServerState::Offline,
            since: now,
            last_error: None,
            protocol: None,
            connects: 0,
            tools_available: 0,
            tools_changed: Vec::new(),
        }
    }

    pub(super) fn turn(&mut self, state: ServerState, now: Timestamp) {
        if self.state != state {
            self.state = state;
            self.since = now;
        }
    }

    pub(super) fn note(&mut self, error: &str) {
        self.last_error = Some(clean(error, ERROR_BYTES_MAX));
    }
}

/// One bounded line without control characters.
pub(super) fn clean(text: &str, bytes_max: usize) -> String {
    let cut = &text[..text.floor_char_boundary(bytes_max)];
    cut.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>().trim().to_owned()
}
