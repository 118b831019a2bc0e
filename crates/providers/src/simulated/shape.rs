//! Plans of a given size and shape, for load tests and benches.
//!
//! Descriptions stay short, so that the cost of a task does not grow with the
//! number of tasks.

use domain::task::{Complexity, TaskType};

use super::directive::Directives;
use super::plan::Planned;
use super::reading::Requirement;

/// Largest plan on request.
const TASKS_MAX: u64 = 20_000;
/// Widest layer unless asked for.
const WIDTH_MAX: u64 = 50;
/// Tasks of the layer before that each task needs.
const NEEDED: u64 = 2;

/// So many tasks in the shape that is asked for.
pub(super) fn tasks(count: u64, directives: &Directives, requirements: &[Requirement]) -> Vec<Planned> {
    let count = count.min(TASKS_MAX);
    let width = directives.number("width").unwrap_or_else(|| count.isqrt().min(WIDTH_MAX)).max(1);
    let directive = requirements.iter().map(|r| r.task_directive.as_str()).find(|d| !d.is_empty());
    let kinds = [TaskType::Code, TaskType::Documentation, TaskType::Analysis, TaskType::Research];
    let hardness = [Complexity::Simple, Complexity::Medium, Complexity::Complex];
    (0..count)
        .map(|index| {
            let needs = match directives.value("shape") {
                Some("wide") => Vec::new(),
                Some("chain") => index.checked_sub(1).into_iter().collect(),
                _ => layer_before(index, width),
            };
            let number = index + 1;
            let path = format!("parts/part-{number:05}.md");
            let mut description = format!("Part {number} of {count}\n\nWrite this part to `{path}`.");
            if let Some(directive) = directive {
                description.push_str("\n\n");
                description.push_str(directive);
            }
            let place = usize::try_from(index).unwrap_or(0);
            Planned {
                title: format!("Part {number} of {count}"),
                description,
                task_type: kinds[place % kinds.len()],
                complexity: hardness[place % hardness.len()],
                depends_on: needs.into_iter().filter_map(|need| usize::try_from(need).ok()).collect(),
                requirement_ids: served(requirements, place),
                criteria: "The part says that it is simulated.".to_owned(),
                path,
                phase: 1,
            }
        })
        .collect()
}

/// Tasks of the layer before: the one straight above and its neighbour.
fn layer_before(index: u64, width: u64) -> Vec<u64> {
    let layer = index / width;
    if layer == 0 {
        return Vec::new();
    }
    let first = (layer - 1) * width;
    let mut needs: Vec<u64> = (0..NEEDED).map(|step| first + (index + step) % width).collect();
    needs.sort_unstable();
    needs.dedup();
    needs
}

/// One requirement in turn, so that all are covered.
fn served(requirements: &[Requirement], place: usize) -> Vec<String> {
    match requirements.len() {
        0 => Vec::new(),
        count => vec![requirements[place % count].id.clone()],
    }
}
