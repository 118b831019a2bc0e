//! `orch doctor`: what is configured, reachable and priced; every problem with its
//! remedy. Spends nothing.

use domain::ports::ModelProvider;
use domain::routing::{ANTHROPIC, OLLAMA, Route, SIMULATED};

use crate::choose::choose;
use crate::exit::{Ended, Exit};
use crate::output::{money, print};
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
        ];
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
