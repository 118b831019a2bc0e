//! `orch run`: from written requirements to finished work, in this process.
//!
//! Reads what is wanted and how, makes the project, and hands it to a session.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use domain::decide::{Command, CreateProject};
use domain::id::{ProjectId, UserId};
use domain::money::NanoUsd;
use domain::project::{Dispatch, ProjectConfig};
use domain::requirement;
use serde_json::{Map, Value};
use store::Role;

use crate::choose::{Choice, choose};
use crate::exit::{Ended, Failure, plain};
use crate::out_folder;
use crate::output::{count, cut, labelled, say};
use crate::session::{Session, Wishes};
use crate::system::RandomIds;
use crate::wire_up::{Place, Setup};

/// Most bytes that requirements can have: four for each character allowed, and some
/// more, so that a text that is too long is told its length.
const FILE_BYTES_MAX: u64 = 8 * requirement::TEXT_MAX_CHARS as u64;
/// Longest name taken from a text, in characters.
const NAME_CHARS: usize = 80;

const EXAMPLES: &str = "\
Examples:
  orch run examples/hello-world.md --simulate
  orch run requirements.md --budget 2.00
  orch run - --yes --budget 0.50 < requirements.md
  orch run --text \"A script that renames photos by date\" --out ./result
  orch run requirements.md --model ollama/qwen2.5-coder:14b --rigor L1";

/// Plan requirements, have the plan approved, and carry it out.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Run {
    /// File with the requirements; `-` reads standard input.
    #[arg(value_name = "FILE", required_unless_present = "text")]
    file: Option<PathBuf>,
    /// The requirements themselves.
    #[arg(long, value_name = "TEXT", conflicts_with = "file")]
    text: Option<String>,
    /// Approve the plan without asking; with a paid model only together with --budget.
    #[arg(short, long)]
    yes: bool,
    /// The most that this project may cost, in dollars.
    #[arg(long, value_name = "DOLLARS", value_parser = dollars, allow_negative_numbers = true)]
    budget: Option<NanoUsd>,
    /// Rehearse with the simulated model; the same as --model simulated --yes.
    #[arg(long)]
    simulate: bool,
    /// Plan and work with this model: a model id, provider/model, or `simulated`.
    #[arg(long, value_name = "MODEL")]
    model: Option<String>,
    /// How thoroughly to plan: L1 a flat list, L2 phases and questions, L3 risks and tests too.
    #[arg(long, value_name = "L1|L2|L3", value_parser = ["L1", "L2", "L3"], ignore_case = true)]
    rigor: Option<String>,
    /// Wave by wave, or each task as soon as what it needs is done.
    #[arg(long, value_name = "wave|dataflow", value_parser = ["wave", "dataflow"])]
    dispatch: Option<String>,
    /// Tasks at once.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    concurrency: Option<u32>,
    /// Copy this folder into the workspace before the start.
    #[arg(long, value_name = "DIR")]
    files: Option<PathBuf>,
    /// Copy the results into this folder at the end; files of the same name are replaced.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Name of the project [default: the first line of the requirements].
    #[arg(long)]
    name: Option<String>,
    /// One event a line on standard output, for programs.
    #[arg(long)]
    json: bool,
}

/// Reads an amount of dollars.
pub fn dollars(text: &str) -> Result<NanoUsd, String> {
    let number = text.trim().trim_start_matches('$').parse::<f64>().ok();
    let amount = number.and_then(NanoUsd::from_dollars).filter(|amount| *amount >= NanoUsd::ZERO);
    amount.ok_or_else(|| "it must be an amount of dollars, like 2.00".to_owned())
}

impl Run {
    /// Runs the command.
    ///
    /// # Errors
    /// Whatever is wrong with the requirements, the options or the run.
    pub async fn run(self, setup: &Setup) -> Ended {
        let requirements = self.requirements()?;
        requirement::check(&requirements)?;
        if let Some(dir) = self.files.as_deref().filter(|dir| !dir.is_dir()) {
            return Err(Failure::usage(format!("--files {}: there is no such folder", dir.display())));
        }
        if let Some(out) = &self.out {
            out_folder::prepare(out, &setup.data_dir)?;
        }
        let choice = choose(setup, self.model.as_deref(), self.simulate).await?;
        let config = self.config(&choice);
        check_prices(setup, &config)?;
        say(&labelled(console::style("Model  ").bold().for_stderr(), &choice.line));
        for note in &choice.notes {
            say(&labelled("       ", note));
        }
        let place = setup.open().await?;
        let id = ProjectId::fresh(&mut RandomIds);
        // Before the project is made: a run that cannot start leaves nothing behind.
        let session = Session::start(setup, &place, id.clone(), 0, self.wishes()).await?;
        let ended = match self.prepare(&place, &session, &id, requirements, config).await {
            Ok(()) => session.carry_on().await,
            Err(failure) => session.give_up(failure).await,
        };
        place.store.close().await;
        ended
    }

    /// Makes the project and fills its workspace.
    async fn prepare(
        &self,
        place: &Place,
        session: &Session<'_>,
        id: &ProjectId,
        requirements: String,
        config: ProjectConfig,
    ) -> Result<(), Failure> {
        let name = self.name.clone().unwrap_or_else(|| name_of(&requirements, self.file.as_deref()));
        let wanted = requirement::split(&requirements).len();
        let owner = local_owner(place).await?;
        let create = CreateProject { id: id.clone(), owner, name: name.clone(), requirements, config };
        session.apply(Command::CreateProject(create)).await?;
        let label = console::style("Project").bold().for_stderr();
        say(&labelled(label, &format!("{name} · {} · {id}", count(wanted, "requirement"))));
        if let Some(dir) = &self.files {
            copy_in(place, id, dir).await?;
        }
        Ok(())
    }

    fn requirements(&self) -> Result<String, Failure> {
        if let Some(text) = &self.text {
            return Ok(text.clone());
        }
        match self.file.as_deref() {
            Some(file) if file != Path::new("-") => read_file(file),
            _ => read(std::io::stdin().lock(), "standard input"),
        }
    }

    fn wishes(&self) -> Wishes {
        Wishes {
            is_yes: self.yes || self.simulate,
            is_json: self.json,
            slots: self.concurrency.map(|slots| slots as usize),
            out: self.out.clone(),
        }
    }

    fn config(&self, choice: &Choice) -> ProjectConfig {
        let mut config = Map::new();
        for (key, value) in &choice.settings {
            config.insert((*key).to_owned(), value.clone());
        }
        if let Some(budget) = self.budget {
            config.insert("budget_limit_usd".to_owned(), budget.to_dollars().into());
        }
        if let Some(rigor) = &self.rigor {
            config.insert("planning_rigor".to_owned(), rigor.to_uppercase().into());
        }
        if let Some(dispatch) = self.dispatch.as_deref().and_then(Dispatch::parse) {
            config.insert("dispatch".to_owned(), Value::from(dispatch.as_str()));
        }
        ProjectConfig(config)
    }
}

/// Who owns what is made at the shell: the first admin, if there is one.
async fn local_owner(place: &Place) -> Result<Option<UserId>, Failure> {
    let users = place.store.list_users(1_000, 0).await?;
    Ok(users.into_iter().find(|user| user.role == Role::Admin && user.is_active).map(|user| user.id))
}

/// Refuses models without a price before anything is spent.
fn check_prices(setup: &Setup, config: &ProjectConfig) -> Result<(), Failure> {
    let routes = setup.settings(None).routes_for(config)?;
    let day = crate::wire_up::now().day();
    let planning = routes.planning()?;
    setup.prices.lookup(&planning.provider, &planning.model, &day)?;
    for route in routes.tiers.values() {
        setup.prices.lookup(&route.provider, &route.model, &day)?;
    }
    for route in routes.verification.iter().filter(|_| setup.config.execution.is_verification_enabled) {
        setup.prices.lookup(&route.provider, &route.model, &day)?;
    }
    Ok(())
}

fn read_file(path: &Path) -> Result<String, Failure> {
    let shown = path.display();
    let metadata = std::fs::metadata(path)
        .map_err(|error| Failure::usage(format!("cannot read {shown}: {}", plain(&error))))?;
    if metadata.is_dir() {
        return Err(Failure::usage(format!("{shown} is a folder; name a file with the requirements")));
    }
    let file = std::fs::File::open(path)
        .map_err(|error| Failure::usage(format!("cannot read {shown}: {}", plain(&error))))?;
    read(file, &shown.to_string())
}

fn read(from: impl std::io::Read, shown: &str) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    from.take(FILE_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| Failure::usage(format!("cannot read {shown}: {}", plain(&error))))?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(Failure::usage(format!(
            "{shown} is too long; requirements have at most {} characters",
            requirement::TEXT_MAX_CHARS
        )));
    }
    String::from_utf8(bytes)
        .ok()
        .filter(|text| !text.contains('\0'))
        .ok_or_else(|| Failure::usage(format!("{shown} is not a text; requirements are UTF-8 text")))
}

/// The first heading, else the first line, else the file's name.
fn name_of(requirements: &str, file: Option<&Path>) -> String {
    let line = requirements.lines().map(|line| line.trim().trim_start_matches('#').trim());
    let first = line.filter(|line| !line.is_empty()).map(|line| cut(line, NAME_CHARS)).next();
    let stem = || file.and_then(Path::file_stem).map(|stem| stem.to_string_lossy().into_owned());
    first.or_else(stem).unwrap_or_else(|| "project".to_owned())
}

async fn copy_in(place: &Place, project: &ProjectId, dir: &Path) -> Result<(), Failure> {
    let imported = place
        .files
        .import_dir(project, dir)
        .await
        .map_err(|error| Failure::error(format!("--files {}: {error}", dir.display())))?;
    for file in &imported.left_out {
        say(&format!("warning: {} was left out: {}", file.path, file.reason));
    }
    say(&format!("        {} copied in from {}", count(imported.entries.len(), "file"), dir.display()));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_as_people_write_them() {
        assert_eq!(dollars("2.00"), Ok(NanoUsd(2_000_000_000)));
        assert_eq!(dollars("$0.5"), Ok(NanoUsd(500_000_000)));
        for wrong in ["", "two", "-1", "NaN", "1e300", "2,00"] {
            assert!(dollars(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_project_is_named_by_its_first_line() {
        assert_eq!(name_of("\n# Hello, world\n\ntext", None), "Hello, world");
        assert_eq!(name_of("##\n", Some(Path::new("a/photos.md"))), "photos");
    }
}
