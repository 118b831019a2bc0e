//! `orch mcp`: which definitions of tools of MCP servers are accepted, and the
//! approval of those that changed.
//!
//! Talks to no server: what the engine saw stands in the data folder.

use tools::mcp::{Definition, JsonPins, Pin, PinError, PinKey, PinStore as _};

use crate::exit::{Ended, Exit, Failure};
use crate::output::{Column, print, say, table, width, wrapped};
use crate::wire_up::Setup;

/// Characters of a hash that are shown, and the fewest that name one.
const HASH_CHARS: usize = 12;

/// See and approve what MCP servers say of their tools.
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "Examples:\n  orch mcp list\n  orch mcp approve SERVER TOOL HASH")]
pub enum McpCommand {
    /// List every tool that was seen, and both definitions of those that changed.
    #[command(after_help = "Example:\n  orch mcp list")]
    List {
        /// One a line, for programs.
        #[arg(long)]
        json: bool,
    },
    /// Accept a changed definition; until then nobody may use the tool.
    #[command(after_help = "Example:\n  orch mcp approve files read_file 3f9a0c12b7de")]
    Approve {
        /// The server, as the configuration calls it.
        server: String,
        /// The tool, as the server calls it.
        tool: String,
        /// The definition that was looked at: its hash, as `orch mcp list` shows it.
        hash: String,
    },
}

impl McpCommand {
    /// Runs the command.
    ///
    /// # Errors
    /// When the accepted definitions cannot be read or written.
    pub async fn run(self, setup: &Setup) -> Ended {
        let pins = JsonPins::new(&setup.data_dir);
        match self {
            Self::List { json } => list(&pins.list().await.map_err(failure)?, json),
            Self::Approve { server, tool, hash } => approve(&pins, PinKey { server, tool }, &hash).await,
        }
    }
}

fn list(pins: &[(PinKey, Pin)], is_json: bool) -> Ended {
    if is_json {
        for (key, pin) in pins {
            let line = serde_json::json!({"server": key.server, "tool": key.tool,
                "accepted": pin.approved, "waiting": pin.waiting});
            print(&format!("{line}\n"))?;
        }
        return Ok(Exit::Completed);
    }
    if pins.is_empty() {
        say("No MCP server has been connected yet; `orch doctor` tells which are configured.");
        return Ok(Exit::Completed);
    }
    let row = |(key, pin): &(PinKey, Pin)| {
        let state = if pin.waiting.is_some() { "changed" } else { "accepted" };
        vec![plain(&key.server), plain(&key.tool), short(&pin.approved).to_owned(), state.to_owned()]
    };
    let columns =
        [Column::text("SERVER"), Column::elastic("TOOL"), Column::text("HASH"), Column::text("STATE")];
    print(&table(&columns, &pins.iter().map(row).collect::<Vec<_>>(), width()))?;
    for (key, pin) in pins {
        let Some(waiting) = &pin.waiting else { continue };
        let name = format!("{} {}", plain(&key.server), plain(&key.tool));
        print(&format!("\n{}\n", console::style(&name).bold()))?;
        print(&shown("accepted", &pin.approved))?;
        print(&shown("changed to", waiting))?;
        print(&format!("  orch mcp approve {name} {}\n", short(waiting)))?;
    }
    Ok(Exit::Completed)
}

async fn approve(pins: &JsonPins, key: PinKey, hash: &str) -> Ended {
    let pin = pins.get(&key).await.map_err(failure)?;
    let waiting = pin.and_then(|pin| pin.waiting).map(|waiting| waiting.hash);
    let waiting = waiting.filter(|waiting| hash.len() >= HASH_CHARS && waiting.starts_with(hash));
    let Some(full) = waiting else { return Err(failure(PinError::NotWaiting)) };
    pins.approve(&key, &full).await.map_err(failure)?;
    say(&format!("{} of {} is accepted; engines use it from their next start", key.tool, key.server));
    Ok(Exit::Completed)
}

/// All of it: a person approves what was shown.
fn shown(title: &str, definition: &Definition) -> String {
    let text = |text: &str| format!("{}\n", wrapped(&plain(text), "      ", width() - 6).trim_end());
    format!(
        "  {title} {}\n{}{}",
        short(definition),
        text(&definition.description),
        text(&definition.schema.to_string())
    )
}

fn short(definition: &Definition) -> &str {
    definition.hash.get(..HASH_CHARS).unwrap_or(&definition.hash)
}

/// Servers wrote it: nothing in there may steer the terminal.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn failure(error: PinError) -> Failure {
    let hint = match &error {
        PinError::NotWaiting => "`orch mcp list` shows what waits, with its hash",
        PinError::Io(_) | PinError::Damaged(_) => "the file is mcp-pins.json in the data folder",
    };
    Failure::error(error.to_string()).hint(hint)
}
