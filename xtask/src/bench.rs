//! `cargo xtask bench`: measures the engine's own share and prints a table with
//! the machine and the date. Judges nothing: numbers of one run, on one machine.

use std::fs;
use std::process::{ExitCode, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::process::{cargo, command, root, say};

/// Where `--save` writes.
const PAGE: &str = "docs/benchmarks.md";

/// Options of `cargo xtask bench`.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Write the table to docs/benchmarks.md.
    #[arg(long)]
    save: bool,
    /// Shape (wide, chain, layered), tasks, and `http` or `local`; several in a row.
    /// Without any, the whole list.
    #[arg(value_name = "SHAPE TASKS HOW")]
    cases: Vec<String>,
}

/// Runs the command.
///
/// # Errors
/// The benchmark does not build or fails.
pub fn run(options: &Options) -> Result<ExitCode> {
    if !options.cases.len().is_multiple_of(3) {
        bail!("cases come in threes: a shape, a number of tasks, and http or local");
    }
    say("building with optimisation; the first time takes some minutes …");
    let mut bench = cargo(&["bench", "--package", "cli", "--bench", "throughput", "--"]);
    bench.args(&options.cases).stdin(Stdio::null()).stderr(Stdio::inherit());
    let output = bench.output().context("cargo cannot be started")?;
    if !output.status.success() {
        bail!("the benchmark failed");
    }
    let table = String::from_utf8_lossy(&output.stdout);
    let page = page(&machine(), table.trim());
    say(&page);
    if options.save {
        fs::write(root().join(PAGE), page).with_context(|| format!("{PAGE} cannot be written"))?;
        say(format!("written to {PAGE}"));
    }
    Ok(ExitCode::SUCCESS)
}

fn page(machine: &str, table: &str) -> String {
    format!(
        "# Benchmarks\n\n\
         Made by `cargo xtask bench --save`. {machine}\n\n\
         Everything is real but the model: SQLite with `synchronous=FULL`, the engine, the journal. The model answers at \
         once (`latency`), in this process or, where it says http, over HTTP on 127.0.0.1 from a fake that runs in the \
         same process and is part of its CPU time. 64 slots, verification off, one call a task.\n\n\
         * *hand-over*: from the end of one call to the start of the next one in a chain; it has one or two commits in it\n\
         * *sync*: one plain append and sync of 4 KiB on the same disk, in the same run\n\
         * *prompt tokens*: must not grow with the number of tasks\n\n\
         {table}\n"
    )
}

/// The machine and the day, as one sentence.
fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let info = read("/proc/cpuinfo");
    let model = info
        .lines()
        .find_map(|line| line.strip_prefix("model name").and_then(|rest| rest.split_once(':')))
        .map_or("unknown processor", |(_, name)| name.trim());
    let load = read("/proc/loadavg");
    let load = load.split_whitespace().next().unwrap_or("?");
    let day = command("date").arg("+%Y-%m-%d").output().map(|output| output.stdout).unwrap_or_default();
    let day = String::from_utf8_lossy(&day);
    format!("{}: {cores} cores of {model}; load average at the end {load}.", day.trim())
}
