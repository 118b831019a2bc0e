//! `orch list`: all projects.

use domain::task::TaskState;
use serde_json::json;
use store::EngineLock;

use crate::exit::{Ended, Exit};
use crate::follow_up::orch;
use crate::output::{Column, cut, money, print, say, short, short_length, table, width};
use crate::wire_up::Setup;
use crate::{find, report};

/// List projects, newest first.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  orch list\n  orch list --limit 5\n  orch list --json | jq .id")]
pub struct List {
    /// Most projects to show.
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: u32,
    /// One project a line, for programs.
    #[arg(long)]
    json: bool,
}

impl List {
    /// Runs the command.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn run(self, setup: &Setup) -> Ended {
        if !setup.has_data() {
            say(&format!("There are no projects yet; start one with `{}`.", orch("run FILE")));
            return Ok(Exit::Completed);
        }
        let place = setup.open_existing().await?;
        let rows = find::projects(&place.store, self.limit).await?;
        let length = short_length(rows.iter().map(|row| row.project.id.as_str()));
        let is_engine_there = EngineLock::is_held(&place.data_dir);
        let mut lines = Vec::new();
        for row in &rows {
            let project = &row.project;
            let spent = report::spent(&place, &project.id).await?;
            let done = project.counts.of(TaskState::Completed) + project.counts.of(TaskState::Skipped);
            let is_simulated = project.config.is_simulated();
            if self.json {
                let line = json!({
                    "id": project.id,
                    "name": project.name,
                    "state": project.state.as_str(),
                    "tasks_done": done,
                    "tasks": project.counts.total(),
                    "cost_usd": spent.real.to_dollars(),
                    "is_simulated": is_simulated,
                    "created_at": project.created_at.to_seconds(),
                });
                print(&format!("{line}\n"))?;
                continue;
            }
            lines.push(vec![
                short(project.id.as_str(), length).to_owned(),
                cut(&project.name, width() / 2),
                report::project_state(project, is_engine_there).to_string(),
                format!("{done}/{}", project.counts.total()),
                if is_simulated { "simulated".to_owned() } else { money(spent.real) },
                project.created_at.to_string().chars().take(16).collect::<String>().replace('T', " "),
            ]);
        }
        if rows.is_empty() {
            say(&format!("There are no projects yet; start one with `{}`.", orch("run FILE")));
        } else if !self.json {
            let columns = [
                Column::text("id"),
                Column::elastic("name"),
                Column::text("state"),
                Column::number("tasks"),
                Column::number("cost"),
                Column::text("made (UTC)"),
            ];
            print(&table(&columns, &lines, width()))?;
            let left = rows.iter().find(|row| report::is_interrupted(&row.project, is_engine_there));
            if let Some(row) = left {
                let next = orch(&format!("resume {}", short(row.project.id.as_str(), length)));
                say(&format!("\n{} go on with: {next}", console::style("Next:").bold().for_stderr()));
            }
        }
        Ok(Exit::Completed)
    }
}
