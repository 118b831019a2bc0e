//! The tasks that requirements call for, by their own structure.
//!
//! An outline first; then the work each requirement asks for, with a test for each
//! program; documents after what they describe; at the end one task that puts all
//! together. Knows nothing of the wire.

use domain::task::{Complexity, TaskType};

use super::plan::{CHECK, DOCUMENT, FINISH, PREPARE, Planned, WORK};
use super::reading::{Requirement, complexity, is_about_tests, language, slug, task_type, title, words};

/// Above this many requirements each gets one task only.
const DETAIL_MAX_REQUIREMENTS: usize = 120;
/// Up to this many tasks, the last one needs all of them; above, those that nothing
/// else needs.
const GATHER_MAX_TASKS: usize = 30;
/// Most programs that a document waits for.
const DESCRIBED_MAX: usize = 12;
/// Most requirement ids on one task.
const IDS_MAX: usize = 60;
/// Words from which research is begun by collecting.
const COLLECT_MIN_WORDS: usize = 18;

/// Where the first document that is called so goes.
const README: &str = "README.md";

/// The tasks of a project of this name, in the order of their phases.
pub(super) fn tasks(name: &str, requirements: &[Requirement]) -> Vec<Planned> {
    Draft::of(name, requirements).ordered()
}

/// A plan while tasks are still found in the order of the requirements.
struct Draft<'a> {
    tasks: Vec<Planned>,
    otherwise: TaskType,
    ending: &'static str,
    /// Whether some requirement asks for tests: then none are added.
    has_tests: bool,
    all: &'a [Requirement],
}

impl<'a> Draft<'a> {
    fn of(name: &str, all: &'a [Requirement]) -> Self {
        let whole: Vec<&str> = all.iter().map(|requirement| requirement.text.as_str()).collect();
        let whole = whole.join("\n");
        let is_program =
            words(&whole).iter().any(|word| task_type(word, TaskType::Research) == TaskType::Code);
        let otherwise = if is_program { TaskType::Code } else { TaskType::Documentation };
        let ending = language(&whole).unwrap_or("py");
        let has_tests =
            all.iter().any(|r| is_about_tests(&r.text) && task_type(&r.text, otherwise) == TaskType::Code);
        let mut draft = Self { tasks: Vec::new(), otherwise, ending, has_tests, all };
        draft.outline(name);
        let mut mains: Vec<(&str, usize)> = Vec::new();
        for requirement in all.iter().filter(|requirement| !requirement.is_heading()) {
            let main = draft.requirement(requirement, &mains);
            mains.push((&requirement.id, main));
        }
        draft.documents_wait();
        draft.finish(name);
        draft
    }

    fn add(&mut self, task: Planned) -> usize {
        self.tasks.push(task);
        self.tasks.len() - 1
    }

    fn outline(&mut self, name: &str) {
        let headings: Vec<String> =
            self.all.iter().filter(|r| r.is_heading()).map(|r| r.id.clone()).take(IDS_MAX).collect();
        let first = || self.all.first().map(|requirement| requirement.id.clone()).into_iter().collect();
        let path = "notes/outline.md".to_owned();
        self.add(Planned {
            title: format!("Outline: {name}"),
            description: format!(
                "Outline: {name}\n\nRead all requirements. Name the parts of the work, their order, and what is \
                 still open. Write the outline to `{path}`."
            ),
            task_type: TaskType::Research,
            complexity: Complexity::Medium,
            depends_on: Vec::new(),
            requirement_ids: if headings.is_empty() { first() } else { headings },
            criteria: "Every requirement is named in the outline.".to_owned(),
            path,
            phase: PREPARE,
        });
    }

    /// The tasks of one requirement; says which is the main one.
    fn requirement(&mut self, requirement: &Requirement, earlier: &[(&str, usize)]) -> usize {
        let Requirement { id, text, task_directive } = requirement;
        let kind = task_type(text, self.otherwise);
        let name = title(text);
        let is_detailed = self.all.len() <= DETAIL_MAX_REQUIREMENTS;
        let is_test = kind == TaskType::Code && is_about_tests(text);
        let phase = match kind {
            TaskType::Documentation => DOCUMENT,
            TaskType::Code if is_test => CHECK,
            _ => WORK,
        };
        let mut path = if is_test {
            test_path(id, &name, self.ending)
        } else {
            path(id, &name, text, kind, self.ending)
        };
        if path == README && self.tasks.iter().any(|task| task.path == README) {
            path = format!("docs/{}-{}.md", id.to_lowercase(), slug(&name, '-'));
        }
        let mut depends_on = vec![0];
        if is_detailed
            && matches!(kind, TaskType::Research | TaskType::Analysis)
            && words(text).len() >= COLLECT_MIN_WORDS
        {
            depends_on = vec![self.collect(requirement, &name)];
        }
        let named = earlier.iter().filter(|(id, _)| text.contains(&format!("[{id}]")));
        depends_on.extend(named.map(|(_, task)| *task).filter(|task| self.tasks[*task].phase <= phase));
        if depends_on.len() > 1 {
            // What it builds on has seen the outline.
            depends_on.retain(|needed| *needed > 0);
        }
        let main = self.add(Planned {
            title: name.clone(),
            description: description(&name, requirement, &path, task_directive),
            task_type: kind,
            complexity: complexity(text),
            depends_on,
            requirement_ids: vec![id.clone()],
            criteria: format!("The result meets {id}: {}", title(text)),
            path: path.clone(),
            phase,
        });
        if kind == TaskType::Code && is_detailed && !self.has_tests {
            self.test(requirement, &name, main);
        }
        main
    }

    fn collect(&mut self, requirement: &Requirement, name: &str) -> usize {
        let id = &requirement.id;
        let path = format!("notes/{}-{}-facts.md", id.to_lowercase(), slug(name, '-'));
        self.add(Planned {
            title: format!("Collect facts: {name}"),
            description: description(&format!("Collect facts: {name}"), requirement, &path, ""),
            task_type: TaskType::Research,
            complexity: Complexity::Medium,
            depends_on: vec![0],
            requirement_ids: vec![id.clone()],
            criteria: "Each fact has its source.".to_owned(),
            path,
            phase: PREPARE,
        })
    }

    fn test(&mut self, requirement: &Requirement, name: &str, main: usize) {
        let id = &requirement.id;
        let path = test_path(id, name, self.ending);
        self.add(Planned {
            title: format!("Test: {name}"),
            description: description(&format!("Test: {name}"), requirement, &path, ""),
            task_type: TaskType::Code,
            complexity: Complexity::Simple,
            depends_on: vec![main],
            requirement_ids: vec![id.clone()],
            criteria: format!("A test fails when {id} is not met."),
            path,
            phase: CHECK,
        });
    }

    /// Documents, and tests that a requirement asks for, come after the programs.
    fn documents_wait(&mut self) {
        let is_program = |task: &Planned| task.task_type == TaskType::Code && task.phase == WORK;
        let programs: Vec<usize> = (0..self.tasks.len())
            .filter(|index| is_program(&self.tasks[*index]))
            .take(DESCRIBED_MAX)
            .collect();
        // A test of one program waits for that one already.
        let waits =
            |task: &Planned| task.phase == DOCUMENT || (task.phase == CHECK && task.depends_on == [0]);
        for task in self.tasks.iter_mut().filter(|task| waits(task)) {
            let missing: Vec<usize> =
                programs.iter().copied().filter(|program| !task.depends_on.contains(program)).collect();
            task.depends_on.extend(missing);
            // Every program has seen the outline.
            if !programs.is_empty() {
                task.depends_on.retain(|needed| *needed > 0);
            }
        }
    }

    fn finish(&mut self, name: &str) {
        let mut is_needed = vec![false; self.tasks.len()];
        for task in &self.tasks {
            task.depends_on.iter().for_each(|needed| is_needed[*needed] = true);
        }
        let gathers_all = self.tasks.len() <= GATHER_MAX_TASKS;
        let depends_on: Vec<usize> =
            (0..self.tasks.len()).filter(|index| !is_needed[*index] || (gathers_all && *index > 0)).collect();
        let path = "SUMMARY.md".to_owned();
        self.add(Planned {
            title: format!("Put together: {name}"),
            description: format!(
                "Put together: {name}\n\nRead what the other tasks produced, check that the parts fit, and say in \
                 `{path}` what there is, where it is, and what is left open."
            ),
            task_type: TaskType::Integration,
            complexity: Complexity::Medium,
            depends_on,
            requirement_ids: self.all.iter().map(|r| r.id.clone()).take(IDS_MAX).collect(),
            criteria: "Every part is named with its file.".to_owned(),
            path,
            phase: FINISH,
        });
    }

    /// The tasks in the order of their phases, with dependencies renumbered.
    fn ordered(self) -> Vec<Planned> {
        let mut order: Vec<usize> = (0..self.tasks.len()).collect();
        order.sort_by_key(|index| self.tasks[*index].phase);
        let mut new_index = vec![0; order.len()];
        for (new, old) in order.iter().enumerate() {
            new_index[*old] = new;
        }
        let mut tasks = self.tasks;
        for task in &mut tasks {
            task.depends_on.iter_mut().for_each(|index| *index = new_index[*index]);
            task.depends_on.sort_unstable();
            task.depends_on.dedup();
        }
        tasks.sort_by_key(|task| task.phase);
        tasks
    }
}

/// What the executing side reads back: title, quotation, path, directive.
fn description(title: &str, requirement: &Requirement, path: &str, directive: &str) -> String {
    let quote: Vec<String> = requirement
        .text
        .lines()
        .filter(|l| !l.trim().is_empty())
        .map(|l| format!("> {}", l.trim()))
        .collect();
    let mut text = format!(
        "{title}\n\nRequirement {}:\n\n{}\n\nWrite the result to `{path}`.",
        requirement.id,
        quote.join("\n")
    );
    if !directive.is_empty() {
        text.push_str("\n\n");
        text.push_str(directive);
    }
    text
}

/// Where the result of a requirement goes; its id keeps names apart.
fn path(id: &str, name: &str, text: &str, kind: TaskType, ending: &str) -> String {
    let id = id.to_lowercase();
    let slug_of = |between| slug(name, between);
    match kind {
        TaskType::Code => format!("src/{id}_{}.{ending}", slug_of('_')),
        TaskType::Documentation if words(text).iter().any(|word| word == "readme") => README.to_owned(),
        TaskType::Documentation => format!("docs/{id}-{}.md", slug_of('-')),
        TaskType::Research => format!("notes/{id}-{}.md", slug_of('-')),
        TaskType::Analysis | TaskType::Integration => format!("reports/{id}-{}.md", slug_of('-')),
        TaskType::Asset => format!("assets/{id}-{}.svg", slug_of('-')),
    }
}

fn test_path(id: &str, name: &str, ending: &str) -> String {
    format!("tests/test_{}_{}.{ending}", id.to_lowercase(), slug(name, '_'))
}
