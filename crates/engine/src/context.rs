//! From rows to what a new attempt is told. Runs when the attempt begins; after
//! that only what was stored counts.

use domain::context::{self, ContextPiece, Ended, Prerequisite, TaskBrief};
use domain::model::ToolDefinition;
use domain::ports::{PrerequisiteRow, TaskRows};
use domain::prompt::{self, TaskText};
use domain::requirement::{self, Requirement};
use domain::routing::Route;
use domain::task::TaskState;
use domain::view::FeedbackKind;

use crate::dispatcher::Engine;
use crate::request::Told;

/// Builds what a new attempt is told.
pub(crate) fn brief(engine: &Engine, rows: &TaskRows, requirements: &[Requirement], route: &Route) -> Told {
    told(engine, rows, &pieces(engine, rows, requirements), route)
}

/// The same out of pieces that are there already.
pub(crate) fn told(engine: &Engine, rows: &TaskRows, pieces: &[ContextPiece], route: &Route) -> Told {
    let opening = prompt::task_message(pieces, &task_text(rows));
    let tools = offered(engine, &rows.spec.tools);
    Told::new(route, prompt::task_system(None), opening, tools, rows.task.max_tokens)
}

/// What the task is told besides its own description.
pub(crate) fn pieces(engine: &Engine, rows: &TaskRows, requirements: &[Requirement]) -> Vec<ContextPiece> {
    let spec = &rows.spec;
    let served: Vec<(String, String)> = requirements
        .iter()
        .filter(|requirement| spec.requirement_ids.contains(&requirement.id))
        .map(|requirement| (requirement.id.clone(), requirement.text.clone()))
        .collect();
    let mut brief = TaskBrief {
        project_name: rows.project.name.to_string(),
        plan_summary: rows.plan_summary.to_string(),
        requirements: served,
        phase: spec.phase.clone(),
        affected_files: spec.affected_files.clone(),
        prerequisites: rows.prerequisites.iter().map(prerequisite).collect(),
        ..TaskBrief::default()
    };
    for entry in &rows.feedback {
        let source = match entry.kind {
            FeedbackKind::Verification => context::FeedbackSource::Verification,
            FeedbackKind::Review => context::FeedbackSource::Review,
            FeedbackKind::Guidance => {
                brief.guidance.push(entry.text.to_string());
                continue;
            }
        };
        brief.feedback.push(context::Feedback { source, text: entry.text.to_string() });
    }
    context::build(&brief, &engine.settings.context)
}

/// The task as prompts want it.
pub(crate) fn task_text(rows: &TaskRows) -> TaskText<'_> {
    TaskText {
        title: &rows.task.title,
        description: &rows.spec.description,
        criteria: &rows.spec.verification_criteria,
    }
}

fn prerequisite(row: &PrerequisiteRow) -> Prerequisite {
    Prerequisite {
        task_id: row.id.clone(),
        title: row.title.to_string(),
        ended: if row.state == TaskState::Skipped { Ended::Skipped } else { Ended::Completed },
        output: row.output.as_deref().map(str::to_owned),
        files: row.files.iter().map(|file| file.path.clone()).collect(),
    }
}

/// Definitions of the tools a task may use, of those that exist, in the
/// registry's order.
fn offered(engine: &Engine, names: &[String]) -> Vec<ToolDefinition> {
    engine
        .tool_specs
        .iter()
        .filter(|spec| names.contains(&spec.definition.name))
        .map(|spec| spec.definition.clone())
        .collect()
}

/// The requirements of a text, numbered.
pub(crate) fn requirements(text: &str) -> Vec<Requirement> {
    requirement::split(text)
}
