//! `cargo xtask test`: every check in a row, each streamed and timed, and at the
//! end one table of what ran, what was skipped, and why.
//!
//! A failed step does not stop the others: one run shows all that is wrong.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::process::{cargo, say, succeed};
use crate::{browser, hygiene, install};

/// Options of `cargo xtask test`.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Run this step alone; may be given several times.
    #[arg(long, value_name = "STEP")]
    only: Vec<String>,
    /// List the steps and stop.
    #[arg(long)]
    list: bool,
}

/// How a step ended; the text is its note in the table.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It did what it is for.
    Passed(String),
    /// Something is wrong with the product.
    Failed(String),
    /// This machine lacks something that the step needs.
    Skipped(String),
}

struct Step {
    name: &'static str,
    about: &'static str,
    run: fn() -> Outcome,
}

/// For a step that compiles or runs the workspace.
const LIMIT: Duration = Duration::from_mins(60);

/// Quick ones first: a wrong format is known in a second.
const STEPS: [Step; 11] = [
    Step { name: "fmt", about: "formatting, as rustfmt.toml says", run: format },
    Step {
        name: "hygiene",
        about: "no paths of one machine, no package hosts; long files",
        run: hygiene::run,
    },
    Step { name: "packages", about: "system packages by apt, when root", run: install::system_packages },
    Step { name: "python", about: "Python clients, into target/tools/venv", run: install::python_tools },
    Step { name: "npm", about: "npm programs, into target/tools/npm", run: install::npm_tools },
    Step { name: "nextest", about: "the test runner, into target/tools/bin", run: install::nextest },
    Step { name: "clippy", about: "lints, warnings denied", run: clippy },
    Step { name: "tests", about: "all Rust tests", run: tests },
    Step { name: "doc", about: "the examples in the documentation", run: doc_tests },
    Step { name: "ui", about: "lint, types, tests and build of the interface", run: browser::ui },
    Step { name: "browser", about: "the interface in Chromium, before the program", run: browser::browser },
];

struct Row {
    name: &'static str,
    outcome: Outcome,
    took: Duration,
}

/// Runs the steps.
///
/// # Errors
/// An unknown step was named.
pub fn run(options: &Options) -> Result<ExitCode> {
    if options.list {
        STEPS.iter().for_each(|step| say(format!("{:<9} {}", step.name, step.about)));
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(unknown) = options.only.iter().find(|name| STEPS.iter().all(|step| step.name != **name)) {
        let names: Vec<&str> = STEPS.iter().map(|step| step.name).collect();
        bail!("there is no step {unknown}; the steps are {}", names.join(", "));
    }
    let mut rows = Vec::new();
    for step in &STEPS {
        if options.only.is_empty() || options.only.iter().any(|name| name == step.name) {
            say(format!("\n== {}: {}", step.name, step.about));
            let start = Instant::now();
            let outcome = (step.run)();
            rows.push(Row { name: step.name, outcome, took: start.elapsed() });
        }
    }
    summary(&rows).iter().for_each(say);
    let has_failed = rows.iter().any(|row| matches!(row.outcome, Outcome::Failed(_)));
    Ok(if has_failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// The table, and as last line the counts in the form that test runners use.
fn summary(rows: &[Row]) -> Vec<String> {
    let mut lines = vec![format!("\n{:<10}{:<9}{:>9}  note", "step", "result", "time")];
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    for row in rows {
        let (count, result, note) = match &row.outcome {
            Outcome::Passed(note) => (&mut passed, "passed", note),
            Outcome::Failed(note) => (&mut failed, "FAILED", note),
            Outcome::Skipped(note) => (&mut skipped, "skipped", note),
        };
        *count += 1;
        let time = format!("{:.1} s", row.took.as_secs_f64());
        lines.push(format!("{:<10}{result:<9}{time:>9}  {note}", row.name).trim_end().to_owned());
    }
    lines.push(String::new());
    lines.push(format!("{passed} passed, {failed} failed, {skipped} skipped"));
    lines
}

fn format() -> Outcome {
    outcome(succeed(&mut cargo(&["fmt", "--all", "--", "--check"]), LIMIT), "")
}

fn clippy() -> Outcome {
    let arguments = ["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];
    outcome(succeed(&mut cargo(&arguments), LIMIT), "")
}

fn tests() -> Outcome {
    if install::has_nextest() {
        let arguments = ["nextest", "run", "--workspace", "--profile", "ci"];
        outcome(succeed(&mut cargo(&arguments), LIMIT), "")
    } else {
        let arguments = ["test", "--workspace", "--lib", "--bins", "--tests", "--no-fail-fast"];
        outcome(succeed(&mut cargo(&arguments), LIMIT), "without nextest: no time limit per test")
    }
}

fn doc_tests() -> Outcome {
    outcome(succeed(&mut cargo(&["test", "--doc", "--workspace", "--no-fail-fast"]), LIMIT), "")
}

fn outcome(result: Result<()>, note: &str) -> Outcome {
    match result {
        Ok(()) => Outcome::Passed(note.to_owned()),
        Err(error) => Outcome::Failed(format!("{error:#}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_ends_with_the_counts() {
        let row = |name, outcome| Row { name, outcome, took: Duration::from_millis(1_234) };
        let lines = summary(&[
            row("fmt", Outcome::Passed(String::new())),
            row("npm", Outcome::Skipped("no network".to_owned())),
            row("tests", Outcome::Failed("ended with 1".to_owned())),
        ]);
        assert_eq!(
            lines,
            [
                "\nstep      result        time  note",
                "fmt       passed       1.2 s",
                "npm       skipped      1.2 s  no network",
                "tests     FAILED       1.2 s  ended with 1",
                "",
                "1 passed, 1 failed, 1 skipped",
            ]
        );
    }

    #[test]
    fn an_unknown_step_is_refused_with_the_known_ones() {
        let options = Options { only: vec!["lint".to_owned()], list: false };
        let error = run(&options).expect_err("refused").to_string();
        assert!(error.contains("no step lint") && error.contains("clippy"), "{error}");
    }
}
