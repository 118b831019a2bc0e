//! What a task is told besides its own description: the project's aim, the
//! requirements it serves, what its prerequisites produced, feedback on earlier
//! tries, and what the project has learned.
//!
//! Every part is bounded, and nothing here grows with the number of tasks: there
//! is no list of siblings. Assembled once, when an attempt begins, from values
//! that are passed in; `prompt` turns the pieces into text for the model.

use serde::{Deserialize, Serialize};

use crate::id::TaskId;

crate::task::words! {
    /// What a piece is about. The words are those of the prototype's context.
    PieceKind {
        /// The project's name and what its plan achieves.
        ProjectSummary = "project_summary",
        /// The requirements that the task serves.
        ProjectRequirements = "project_requirements",
        /// Where in the plan the task stands.
        Phase = "phase",
        /// Files it probably touches.
        AffectedFiles = "affected_files",
        /// What a prerequisite produced.
        DependencyOutput = "dependency_output",
        /// What earlier tasks found out.
        ProjectKnowledge = "project_knowledge",
        /// What a verifier missed in an earlier try.
        VerificationFeedback = "verification_feedback",
        /// What a person missed in an earlier try.
        ReviewFeedback = "review_feedback",
        /// What a person said when the task had stopped.
        CheckpointGuidance = "checkpoint_guidance",
    }
}

/// One piece of what a task is told. A stored shape: attempts keep theirs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContextPiece {
    /// What it is about.
    pub kind: PieceKind,
    /// The task it comes from. A piece of the same kind and source replaces it.
    #[serde(default)]
    pub source_task_id: Option<TaskId>,
    /// Name of its source, for the model.
    #[serde(default)]
    pub source_title: Option<String>,
    /// Bounded text.
    pub text: String,
    /// Whether a model or something outside wrote it: then it is shown as data,
    /// never as an instruction.
    pub is_untrusted: bool,
}

/// How a prerequisite ended. Only these two let a dependent start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// With an output.
    Completed,
    /// A person let its dependents go on without it.
    Skipped,
}

/// A task whose output is needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prerequisite {
    /// Which one.
    pub task_id: TaskId,
    /// Its title.
    pub title: String,
    /// How it ended.
    pub ended: Ended,
    /// Its output.
    pub output: Option<String>,
    /// Paths of the files it published.
    pub files: Vec<String>,
}

/// Who missed something in an earlier try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeedbackSource {
    /// The verifier.
    Verification,
    /// A person.
    Review,
}

/// What was missing in an earlier try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Feedback {
    /// Who says so.
    pub source: FeedbackSource,
    /// What.
    pub text: String,
}

/// Something an earlier task found out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Knowledge {
    /// Its category, as stored.
    pub category: String,
    /// The finding.
    pub content: String,
    /// Title of the task that found it.
    pub source_title: Option<String>,
}

/// Everything a task's context is made from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TaskBrief {
    /// The project's name.
    pub project_name: String,
    /// What the plan achieves.
    pub plan_summary: String,
    /// The requirements that this task serves: id and text.
    pub requirements: Vec<(String, String)>,
    /// Name of its phase.
    pub phase: Option<String>,
    /// Files it probably touches.
    pub affected_files: Vec<String>,
    /// In plan order.
    pub prerequisites: Vec<Prerequisite>,
    /// Oldest first; the latest three are told.
    pub feedback: Vec<Feedback>,
    /// What persons said at checkpoints, oldest first; the latest three are told.
    pub guidance: Vec<String>,
    /// Newest first.
    pub knowledge: Vec<Knowledge>,
}

/// How much of the variable parts is told, in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContextBounds {
    /// Of one prerequisite's output (`execution.context_forward_max_chars`).
    pub forward_max_chars: usize,
    /// Of all outputs together, shared fairly.
    pub forward_total_chars: usize,
    /// Of knowledge (`execution.knowledge_injection_max_chars`).
    pub knowledge_max_chars: usize,
}

impl Default for ContextBounds {
    fn default() -> Self {
        Self { forward_max_chars: 2000, forward_total_chars: 24_000, knowledge_max_chars: 3000 }
    }
}

/// Entries of feedback, and of guidance, that are told.
pub const FEEDBACK_MAX: usize = 3;
/// Prerequisites told one by one; of more only their number is told.
pub const PREREQUISITES_MAX: usize = 40;
const FEEDBACK_MAX_CHARS: usize = 4000;
const SUMMARY_MAX_CHARS: usize = 4000;
const REQUIREMENT_MAX_CHARS: usize = 4000;
const REQUIREMENTS_TOTAL_CHARS: usize = 12_000;
const NAME_MAX_CHARS: usize = 200;
const FILES_MAX_CHARS: usize = 400;
/// A cut mark, an id, or a sentence of ours beside a bounded text.
const FRAME_MAX_CHARS: usize = 160;
/// Requirements told one by one: with a mark each they must stay bounded.
const REQUIREMENTS_MAX: usize = 60;

impl ContextBounds {
    /// No context is longer than this, whatever the brief.
    #[must_use]
    pub const fn max_chars(&self) -> usize {
        let summary = SUMMARY_MAX_CHARS + NAME_MAX_CHARS + FRAME_MAX_CHARS * 2;
        let requirements = REQUIREMENTS_TOTAL_CHARS + (REQUIREMENTS_MAX + 1) * FRAME_MAX_CHARS;
        let phase_and_files = NAME_MAX_CHARS + FILES_MAX_CHARS + FRAME_MAX_CHARS * 2;
        let head = NAME_MAX_CHARS + FILES_MAX_CHARS + FRAME_MAX_CHARS * 3;
        let said = 2 * FEEDBACK_MAX * (FEEDBACK_MAX_CHARS + FRAME_MAX_CHARS);
        let fixed = summary + requirements + phase_and_files + head * (PREREQUISITES_MAX + 1) + said;
        fixed.saturating_add(self.forward_total_chars).saturating_add(self.knowledge_max_chars)
    }
}

/// The pieces a task is told, in the order in which they are told: what stays
/// the same for many tasks first, what belongs to this try last.
#[must_use]
pub fn build(brief: &TaskBrief, bounds: &ContextBounds) -> Vec<ContextPiece> {
    let mut pieces = Vec::new();
    project(brief, &mut pieces);
    prerequisites(&brief.prerequisites, bounds, &mut pieces);
    knowledge(&brief.knowledge, bounds.knowledge_max_chars, &mut pieces);
    for entry in latest(&brief.feedback) {
        let kind = match entry.source {
            FeedbackSource::Verification => PieceKind::VerificationFeedback,
            FeedbackSource::Review => PieceKind::ReviewFeedback,
        };
        pieces.push(plain(kind, cut(entry.text.trim(), FEEDBACK_MAX_CHARS)));
    }
    for text in latest(&brief.guidance) {
        pieces.push(plain(PieceKind::CheckpointGuidance, cut(text.trim(), FEEDBACK_MAX_CHARS)));
    }
    pieces.retain(|piece| !piece.text.is_empty());
    pieces
}

fn latest<T>(entries: &[T]) -> &[T] {
    &entries[entries.len().saturating_sub(FEEDBACK_MAX)..]
}

fn plain(kind: PieceKind, text: String) -> ContextPiece {
    ContextPiece { kind, source_task_id: None, source_title: None, text, is_untrusted: false }
}

fn project(brief: &TaskBrief, pieces: &mut Vec<ContextPiece>) {
    let name = one_line(&brief.project_name, NAME_MAX_CHARS);
    let summary = cut(brief.plan_summary.trim(), SUMMARY_MAX_CHARS);
    let text =
        if summary.is_empty() { format!("Project: {name}") } else { format!("Project: {name}\n{summary}") };
    pieces.push(plain(PieceKind::ProjectSummary, text));
    pieces.push(plain(PieceKind::ProjectRequirements, requirements(&brief.requirements)));
    if let Some(phase) = &brief.phase {
        pieces.push(plain(PieceKind::Phase, one_line(phase, NAME_MAX_CHARS)));
    }
    pieces.push(plain(PieceKind::AffectedFiles, file_list(&brief.affected_files)));
}

fn requirements(all: &[(String, String)]) -> String {
    let shown = &all[..all.len().min(REQUIREMENTS_MAX)];
    let lengths: Vec<usize> = shown.iter().map(|(_, text)| text.trim().chars().count()).collect();
    let shares = share(REQUIREMENTS_TOTAL_CHARS, REQUIREMENT_MAX_CHARS, &lengths);
    let mut lines: Vec<String> = shown
        .iter()
        .zip(shares)
        .map(|((id, text), max)| format!("[{}] {}", one_line(id, 20), cut(text.trim(), max)))
        .collect();
    if all.len() > shown.len() {
        lines.push(format!("(and {} more requirements)", all.len() - shown.len()));
    }
    lines.join("\n")
}

fn prerequisites(all: &[Prerequisite], bounds: &ContextBounds, pieces: &mut Vec<ContextPiece>) {
    // The latest word of a source wins, at the place of its first.
    let mut unique: Vec<&Prerequisite> = Vec::new();
    let mut places = std::collections::HashMap::new();
    for one in all {
        match places.get(&one.task_id) {
            Some(&place) => unique[place] = one,
            None => {
                places.insert(&one.task_id, unique.len());
                unique.push(one);
            }
        }
    }
    let left_out = unique.len().saturating_sub(PREREQUISITES_MAX);
    unique.truncate(PREREQUISITES_MAX);
    let lengths: Vec<usize> = unique.iter().map(|one| output_of(one).chars().count()).collect();
    let shares = share(bounds.forward_total_chars, bounds.forward_max_chars, &lengths);
    for (one, max) in unique.into_iter().zip(shares) {
        pieces.push(ContextPiece {
            kind: PieceKind::DependencyOutput,
            source_task_id: Some(one.task_id.clone()),
            source_title: Some(one_line(&one.title, NAME_MAX_CHARS)),
            text: prerequisite_text(one, max),
            is_untrusted: true,
        });
    }
    if left_out > 0 {
        let text = format!("{left_out} more prerequisites are done; their outputs are not shown here.");
        pieces.push(plain(PieceKind::DependencyOutput, text));
    }
}

/// A skipped task gives nothing, even if an earlier try of it left something.
fn output_of(one: &Prerequisite) -> &str {
    match one.ended {
        Ended::Completed => one.output.as_deref().unwrap_or_default().trim(),
        Ended::Skipped => "",
    }
}

fn prerequisite_text(one: &Prerequisite, max: usize) -> String {
    match one.ended {
        Ended::Skipped => {
            return "This task was skipped on purpose and nothing came of it. Go on without its result."
                .to_owned();
        }
        Ended::Completed => {}
    }
    let output = output_of(one);
    let mut text =
        if output.is_empty() { "It was completed without any text.".to_owned() } else { cut(output, max) };
    let files = file_list(&one.files);
    if !files.is_empty() {
        text.push_str("\nFiles it wrote: ");
        text.push_str(&files);
    }
    text
}

/// Newest first, whole entries only, until the next one would pass the bound.
fn knowledge(entries: &[Knowledge], max_chars: usize, pieces: &mut Vec<ContextPiece>) {
    let mut text = String::new();
    let mut chars = 0;
    for entry in entries {
        let from =
            entry.source_title.as_deref().map(|title| format!(" (from {})", one_line(title, NAME_MAX_CHARS)));
        let category = one_line(&entry.category, 40);
        let line = format!("- {category}: {}{}", entry.content.trim(), from.unwrap_or_default());
        let more = line.chars().count() + usize::from(chars > 0);
        if chars + more > max_chars {
            break;
        }
        if chars > 0 {
            text.push('\n');
        }
        text.push_str(&line);
        chars += more;
    }
    pieces.push(ContextPiece { is_untrusted: true, ..plain(PieceKind::ProjectKnowledge, text) });
}

/// How much of each text fits into `total` when none may have more than `each`:
/// short texts are given whole and what they leave goes to the others.
fn share(total: usize, each: usize, lengths: &[usize]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    order.sort_by_key(|&index| lengths[index]);
    let mut shares = vec![0; lengths.len()];
    let mut left = total;
    for (taken, &index) in order.iter().enumerate() {
        let fair = left / (lengths.len() - taken);
        shares[index] = lengths[index].min(each).min(fair);
        left -= shares[index];
    }
    shares
}

fn file_list(paths: &[String]) -> String {
    let mut text = String::new();
    let mut chars = 0;
    for (index, path) in paths.iter().enumerate() {
        let path = one_line(path, NAME_MAX_CHARS);
        let more = path.chars().count() + 2;
        if chars + more > FILES_MAX_CHARS {
            text.push_str(&format!(" and {} more", paths.len() - index));
            break;
        }
        if !text.is_empty() {
            text.push_str(", ");
        }
        text.push_str(&path);
        chars += more;
    }
    text
}

/// The beginning of a text and, where something is missing, a mark that says so.
pub(crate) fn cut(text: &str, max_chars: usize) -> String {
    let Some((end, _)) = text.char_indices().nth(max_chars) else { return text.to_owned() };
    let all = text.chars().count();
    format!("{}\n[cut here: the first {max_chars} of {all} characters are shown]", &text[..end])
}

/// A name on one line.
pub(crate) fn one_line(text: &str, max_chars: usize) -> String {
    let joined = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut chars = joined.chars();
    let mut short: String = chars.by_ref().take(max_chars).collect();
    if chars.next().is_some() {
        short.pop();
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests;
