//! `orch checkpoints`: everything that waits for a person.

use domain::project::ProjectState;
use domain::task::TaskState;
use serde_json::json;
use store::TaskFilter;

use crate::exit::{Ended, Exit};
use crate::follow_up::orch;
use crate::output::{cut, print, say, width};
use crate::wire_up::Setup;
use crate::{find, report};

/// List what waits for a person, with the commands that answer.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  orch checkpoints\n  orch checkpoints prj_01kb3x --json")]
pub struct Checkpoints {
    /// Only of this project.
    id: Option<String>,
    /// One a line, for programs.
    #[arg(long)]
    json: bool,
}

impl Checkpoints {
    /// Runs the command.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn run(self, setup: &Setup) -> Ended {
        if !setup.has_data() {
            say("Nothing waits for you.");
            return Ok(Exit::Completed);
        }
        let place = setup.open_existing().await?;
        let rows = match &self.id {
            Some(text) => vec![find::project(&place.store, text).await?],
            None => find::projects(&place.store, 10_000).await?,
        };
        let mut found = 0;
        for row in rows {
            let project = row.project;
            for checkpoint in place.store.list_checkpoints(Some(&project.id), None, true).await? {
                found += 1;
                if self.json {
                    let line = json!({"kind": "checkpoint", "id": checkpoint.id, "project_id": project.id,
                        "task_id": checkpoint.task, "summary": checkpoint.summary,
                        "question": checkpoint.question});
                    print(&format!("{line}\n"))?;
                    continue;
                }
                print(&format!("{}  {}\n", console::style(&checkpoint.summary).bold(), project.name))?;
                if let Some(last) = checkpoint.attempts.last() {
                    print(&format!("  last try: {}\n", cut(&last.message, width() - 12)))?;
                }
                let next = orch(&format!("resolve {} retry --guidance \"…\"", checkpoint.id));
                print(&format!("  {next}   (or skip, fail)\n"))?;
            }
            if project.counts.of(TaskState::NeedsReview) == 0 || project.state == ProjectState::Cancelled {
                continue;
            }
            let filter = TaskFilter {
                states: vec![TaskState::NeedsReview],
                exclude_output: true,
                ..TaskFilter::default()
            };
            for detail in place.store.list_tasks(&project.id, &filter).await? {
                let task = detail.task;
                if task.checkpoint.is_some() {
                    continue;
                }
                found += 1;
                let reason = task.error.as_deref().or(task.verdict_notes.as_deref()).unwrap_or_default();
                if self.json {
                    let line = json!({"kind": "review", "id": task.id, "project_id": project.id,
                        "task_id": task.id, "summary": task.title, "question": reason});
                    print(&format!("{line}\n"))?;
                    continue;
                }
                let title = console::style(format!("\"{}\" needs your judgement", task.title)).bold();
                print(&format!("{title}  {}\n  {}\n", project.name, cut(reason, width() - 4)))?;
                let (first, others) = report::judgements(report::has_output(&place, &task.id).await?);
                print(&format!("  {}   (or {others})\n", orch(&format!("review {} {first}", task.id))))?;
            }
        }
        if found == 0 {
            say("Nothing waits for you.");
        }
        Ok(Exit::Completed)
    }
}
