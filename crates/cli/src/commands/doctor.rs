//! `orch doctor`: what is configured, reachable and priced; every problem with its
//! remedy. Spends nothing and changes nothing.

use std::path::PathBuf;
use std::sync::Arc;

use domain::ports::{IdSource as _, ModelProvider, Toolbox as _};
use domain::routing::{ANTHROPIC, OLLAMA, Route, SIMULATED};

use tools::mcp::{JsonPins, MemoryPins, PinStore as _, ServerHealth, ServerState};
use tools::{FileLimits, LeftOut, ProjectFiles};

use crate::choose::choose;
use crate::exit::{Ended, Exit, Failure};
use crate::output::{count, money, print};
use crate::system::RandomIds;
use crate::toolkit::{LOCAL_LLM, Toolkit};
use crate::wire_up::{Setup, now};

/// Check what is configured, reachable and priced; spends nothing.
#[derive(Debug, clap::Args)]
#[command(after_help = "Exits with 1 when something has to be repaired.\n\nExample:\n  orch doctor")]
pub struct Doctor {}

/// How a check came out.
enum Finding {
    Good(String),
    Note(String),
    Bad { what: String, remedy: String },
}

impl Doctor {
    /// Runs the command.
    ///
    /// # Errors
    /// When standard output is gone.
    pub async fn run(self, setup: &Setup) -> Ended {
        let mut problems = 0;
        let (anthropic, anthropic_models) = anthropic(setup).await;
        let (ollama, ollama_models) = ollama(setup).await;
        let sections = [
            ("Data", data(setup).await),
            ("Anthropic", anthropic),
            ("Ollama", ollama),
            ("Models", models(setup, anthropic_models.as_deref(), ollama_models.as_deref())),
            ("Limits", limits(setup)),
            ("Knowledge", knowledge(setup).await),
        ];
        let sections = sections.into_iter().chain(tools(setup).await);
        for (title, findings) in sections {
            print(&format!("{}\n", console::style(title).bold()))?;
            for finding in findings {
                match finding {
                    Finding::Good(text) => print(&format!("  {} {text}\n", console::style("ok  ").green()))?,
                    Finding::Note(text) => print(&format!("  {} {text}\n", console::style("note").cyan()))?,
                    Finding::Bad { what, remedy } => {
                        problems += 1;
                        print(&format!("  {} {what}\n       {remedy}\n", console::style("bad ").red()))?;
                    }
                }
            }
        }
        match choose(setup, None, false).await {
            Ok(choice) => print(&format!("\n`orch run FILE` would use: {}\n", choice.line))?,
            Err(failure) => {
                failure.tell();
            }
        }
        Ok(if problems == 0 { Exit::Completed } else { Exit::Error })
    }
}

async fn data(setup: &Setup) -> Vec<Finding> {
    let shown = setup.data_dir.display();
    if !setup.has_data() {
        return vec![Finding::Note(format!("{shown} has no database yet; the first run makes it"))];
    }
    match setup.open().await {
        Ok(place) => match place.store.count_projects(&store::ProjectFilter::default()).await {
            Ok(count) => {
                vec![Finding::Good(format!("{shown}: {}", crate::output::count(count as usize, "project")))]
            }
            Err(error) => vec![Finding::Bad {
                what: format!("{shown} cannot be read: {error}"),
                remedy: "restore it from a backup, or choose another folder with --data-dir".to_owned(),
            }],
        },
        Err(failure) => vec![Finding::Bad {
            what: failure.to_string(),
            remedy: "choose another folder with --data-dir, or repair this one".to_owned(),
        }],
    }
}

async fn anthropic(setup: &Setup) -> (Vec<Finding>, Option<Vec<String>>) {
    let url = &setup.config.anthropic.base_url;
    match setup.anthropic() {
        Ok(None) => {
            let text = "no key; set ANTHROPIC_API_KEY to work with Claude".to_owned();
            (vec![Finding::Note(text)], None)
        }
        Ok(Some(provider)) => match provider.probe().await {
            Ok(models) => (vec![Finding::Good(format!("{url} answers and takes the key"))], Some(models)),
            Err(error) => {
                let what = format!("{url}: {} ({})", error.message, error.class.as_str());
                let remedy = "check ANTHROPIC_API_KEY, ANTHROPIC_BASE_URL and the network".to_owned();
                (vec![Finding::Bad { what, remedy }], None)
            }
        },
        Err(failure) => {
            let remedy = "correct anthropic.base_url or the key".to_owned();
            (vec![Finding::Bad { what: failure.to_string(), remedy }], None)
        }
    }
}

async fn ollama(setup: &Setup) -> (Vec<Finding>, Option<Vec<String>>) {
    let host = setup.ollama_host().unwrap_or("no host").to_owned();
    match setup.ollama() {
        Ok(Some(provider)) => match provider.probe().await {
            Ok(models) if models.is_empty() => {
                let remedy = format!("ollama pull {}", setup.config.ollama.default_model);
                let what = format!("{host} answers but has no model");
                (vec![Finding::Bad { what, remedy }], Some(models))
            }
            Ok(models) => {
                (vec![Finding::Good(format!("{host} answers; it has {}", models.join(", ")))], Some(models))
            }
            Err(_) => {
                let text = format!("{host} does not answer; start Ollama to use local models");
                (vec![Finding::Note(text)], None)
            }
        },
        Ok(None) => (vec![Finding::Note("no host is configured (ollama.hosts)".to_owned())], None),
        Err(failure) => {
            let remedy = "correct ollama.hosts".to_owned();
            (vec![Finding::Bad { what: failure.to_string(), remedy }], None)
        }
    }
}

fn models(
    setup: &Setup,
    anthropic_models: Option<&[String]>,
    ollama_models: Option<&[String]>,
) -> Vec<Finding> {
    let routes = &setup.routes;
    let mut uses: Vec<(String, &Route)> =
        routes.tiers.iter().map(|(tier, route)| (format!("tier {tier}"), route)).collect();
    uses.extend(routes.planning.iter().map(|route| ("planning".to_owned(), route)));
    uses.extend(routes.verification.iter().map(|route| ("verification".to_owned(), route)));
    uses.into_iter()
        .map(|(name, route)| model(setup, &name, route, anthropic_models, ollama_models))
        .collect()
}

fn model(
    setup: &Setup,
    name: &str,
    route: &Route,
    anthropic_models: Option<&[String]>,
    ollama_models: Option<&[String]>,
) -> Finding {
    let price = match setup.prices.lookup(&route.provider, &route.model, &now().day()) {
        Ok(price) if price.is_free() => "free".to_owned(),
        Ok(price) => {
            let per_million = |nano_per_million: i64| money(domain::money::NanoUsd(nano_per_million));
            format!(
                "{} in, {} out per million tokens",
                per_million(price.base.input),
                per_million(price.base.output)
            )
        }
        Err(refusal) => {
            let remedy = format!("set model_pricing.{} in the configuration", route.model);
            return Finding::Bad { what: format!("{name}: {}", refusal.message), remedy };
        }
    };
    let (known, remedy) = match route.provider.as_str() {
        ANTHROPIC => (anthropic_models, "choose one that the API lists, in anthropic.models"),
        OLLAMA => (ollama_models, "pull it with `ollama pull`, or choose another in ollama.default_model"),
        _ => (None, ""),
    };
    match known {
        Some(models) if !models.is_empty() && !models.contains(&route.model) => {
            Finding::Bad { what: format!("{name}: {route} is not there"), remedy: remedy.to_owned() }
        }
        Some(_) => Finding::Good(format!("{name} = {route} ({price})")),
        None if route.provider == SIMULATED => Finding::Good(format!("{name} = {route} ({price})")),
        None => Finding::Note(format!("{name} = {route} ({price}); not reachable now")),
    }
}

fn limits(setup: &Setup) -> Vec<Finding> {
    let budget = &setup.config.budget;
    let text = format!(
        "{} a day, {} a month, {} a project",
        money(budget.daily_limit),
        money(budget.monthly_limit),
        money(budget.per_project_limit)
    );
    let prices = format!("prices as of {}, {} models", setup.prices.as_of(), setup.prices.models().count());
    vec![Finding::Good(text), Finding::Good(prices)]
}

/// Every configured database with what is in it.
async fn knowledge(setup: &Setup) -> Vec<Finding> {
    let databases = &setup.config.rag.databases;
    if databases.is_empty() {
        return vec![Finding::Note("no database; make one with `orch rag index DIR --name NAME`".to_owned())];
    }
    let opened = match setup.knowledge(databases.clone()) {
        Ok(opened) => opened,
        Err(failure) => return vec![cannot(&failure)],
    };
    let summaries = opened.databases().await;
    let finding = |summary: &tools::knowledge::inspect::DatabaseSummary| {
        use tools::knowledge::IndexState::{Error, Failed, Loaded, Unknown, Unloaded};
        let name = &summary.name;
        match summary.index_state {
            Loaded | Unloaded => Finding::Good(format!(
                "{name}: {} of {}",
                count(usize::try_from(summary.chunk_count).unwrap_or(usize::MAX), "text"),
                count(usize::try_from(summary.source_count).unwrap_or(usize::MAX), "source")
            )),
            Unknown => Finding::Bad {
                what: format!("{name}: its file is missing; no task can search it"),
                remedy: format!("orch rag index DIR --name {name}, or correct rag.databases.{name}"),
            },
            Failed | Error => Finding::Bad {
                what: format!("{name}: its file cannot be read as a knowledge database"),
                remedy: format!("make it anew with `orch rag index`, or correct rag.databases.{name}"),
            },
        }
    };
    summaries.iter().map(finding).collect()
}

/// The tools that tasks would have now, and the MCP servers behind some of them.
async fn tools(setup: &Setup) -> Vec<(&'static str, Vec<Finding>)> {
    let place = match FilesPlace::open(setup) {
        Ok(place) => place,
        Err(failure) => return vec![("Tools", vec![cannot(&failure)])],
    };
    // A copy: seeing a definition here must not accept it.
    let pins = MemoryPins::default();
    match JsonPins::new(&setup.data_dir).list().await {
        Ok(stored) => {
            for (key, pin) in stored {
                // Memory refuses nothing.
                let _ = pins.set(&key, pin).await;
            }
        }
        Err(error) => return vec![("Tools", vec![cannot(&Failure::error(error.to_string()))])],
    }
    let toolkit = match setup.toolkit(&place.files, Arc::new(pins)).await {
        Ok(toolkit) => toolkit,
        Err(failure) => return vec![("Tools", vec![cannot(&failure)])],
    };
    let of_servers = toolkit.mcp.left_out();
    let mut findings = offered(&toolkit);
    let is_ours = |left_out: &&LeftOut| !of_servers.contains(left_out) && !is_database(&left_out.name);
    findings.extend(toolkit.left_out.iter().filter(is_ours).map(left_out));
    findings.extend(switched_off(setup));
    let mut servers: Vec<Finding> = toolkit.mcp.health().iter().map(server).collect();
    if servers.is_empty() {
        servers.push(Finding::Note("none is configured (mcp.servers)".to_owned()));
    }
    toolkit.mcp.shutdown().await;
    vec![("Tools", findings), ("MCP servers", servers)]
}

fn offered(toolkit: &Toolkit) -> Vec<Finding> {
    let specs = toolkit.registry.specs();
    let names: Vec<&str> = specs.iter().map(|spec| spec.definition.name.as_str()).collect();
    vec![Finding::Good(names.join(", "))]
}

/// These have a section of their own.
fn is_database(name: &str) -> bool {
    name.starts_with("knowledge database ")
}

fn left_out(tool: &LeftOut) -> Finding {
    let LeftOut { name, reason } = tool;
    let remedy = match name.as_str() {
        // On by default, and many have no local models.
        LOCAL_LLM => return Finding::Note(format!("{name} is left out: {reason}")),
        "run_command" => "install bubblewrap, or set tools.run_command.enabled to false",
        "web_fetch" => "name hosts in tools.web_fetch.allowed_hosts",
        "generate_image" => "name a server in comfyui.hosts",
        _ => "docs/tools.md says what a tool must be like",
    };
    Finding::Bad { what: format!("{name} is left out: {reason}"), remedy: remedy.to_owned() }
}

fn switched_off(setup: &Setup) -> Option<Finding> {
    let switches = &setup.config.tools;
    let off: Vec<&str> = [
        (switches.is_local_llm_enabled, "tools.local_llm.enabled"),
        (switches.is_generate_image_enabled, "tools.generate_image.enabled"),
        (switches.web_fetch.is_some(), "tools.web_fetch.enabled"),
        (switches.run_command.is_some(), "tools.run_command.enabled"),
    ]
    .into_iter()
    .filter_map(|(is_on, key)| (!is_on).then_some(key))
    .collect();
    (!off.is_empty()).then(|| Finding::Note(format!("off: {}", off.join(", "))))
}

fn server(health: &ServerHealth) -> Finding {
    let name = &health.server;
    if !health.tools_changed.is_empty() {
        return Finding::Bad {
            what: format!("{name}: definitions changed: {}", health.tools_changed.join(", ")),
            remedy: "start an engine once, then look at `orch mcp list` and approve".to_owned(),
        };
    }
    match health.state {
        ServerState::Online => {
            Finding::Good(format!("{name}: online, {}", count(health.tools_available, "tool")))
        }
        ServerState::Degraded | ServerState::Offline => {
            let why = health.last_error.as_deref().unwrap_or("no reason is known");
            let what = format!("{name}: not usable: {why}");
            Finding::Bad { what, remedy: format!("correct mcp.servers.{name}, or start the server") }
        }
    }
}

fn cannot(failure: &Failure) -> Finding {
    let remedy = "repair the data folder, or choose another with --data-dir".to_owned();
    Finding::Bad { what: failure.to_string(), remedy }
}

/// Where the tools are tried: the data folder, else one that is taken away again,
/// for a look must not leave a data folder behind.
struct FilesPlace {
    files: ProjectFiles,
    passing: Option<PathBuf>,
}

impl FilesPlace {
    fn open(setup: &Setup) -> Result<Self, Failure> {
        let passing = (!setup.has_data())
            .then(|| std::env::temp_dir().join(format!("orch-doctor-{}", RandomIds.fresh())));
        let folder = passing.as_deref().unwrap_or(&setup.data_dir);
        let files = ProjectFiles::open(folder, FileLimits::default())
            .map_err(|error| Failure::error(format!("cannot use {}: {error}", folder.display())))?;
        Ok(Self { files, passing })
    }
}

impl Drop for FilesPlace {
    fn drop(&mut self) {
        if let Some(folder) = &self.passing {
            // What stays is an empty folder among temporary ones.
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}
