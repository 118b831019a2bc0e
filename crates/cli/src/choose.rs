//! Which model does the work of a run, and why, in one line: the one that was
//! named, else Claude with a key, else Ollama when it answers and has the model,
//! else the simulated stand-in.
//!
//! What was chosen is kept in the project's settings, so that it goes on with the
//! same models. Prices and routes are `domain`'s.

use domain::model::CallError;
use domain::ports::ModelProvider as _;
use domain::project::ProjectConfig;
use domain::routing::{ANTHROPIC, OLLAMA, OPENAI, Route, SIMULATED, Tier};
use serde_json::{Value, json};

use crate::exit::Failure;
use crate::follow_up::orch;
use crate::wire_up::Setup;

/// What was chosen.
#[derive(Clone, Debug)]
pub struct Choice {
    /// Settings of the project that say so.
    pub settings: Vec<(&'static str, Value)>,
    /// Which, and why.
    pub line: String,
    /// What else should be known.
    pub notes: Vec<String>,
}

impl Choice {
    fn new(line: impl Into<String>) -> Self {
        Self { settings: Vec::new(), line: line.into(), notes: Vec::new() }
    }

    fn with(mut self, key: &'static str, value: impl Into<Value>) -> Self {
        self.settings.push((key, value.into()));
        self
    }
}

/// Chooses; `named` is the model of the command line.
///
/// # Errors
/// A model that cannot be used, with what to do about it.
pub async fn choose(setup: &Setup, named: Option<&str>, is_simulated: bool) -> Result<Choice, Failure> {
    if let Some(text) = named.filter(|text| *text != SIMULATED) {
        return named_model(setup, text, is_simulated).await;
    }
    if is_simulated || named.is_some() {
        return Ok(simulated("as you asked"));
    }
    if setup.config.simulated.is_enabled {
        return Ok(simulated("because simulated.enabled is set"));
    }
    if setup.config.anthropic.api_key.is_some() {
        return Ok(with_claude(setup).await);
    }
    let model = &setup.config.ollama.default_model;
    Ok(match ollama_has(setup, model).await {
        Ok(()) => Choice::new(format!("Ollama with {model}: it answers here, and no API key is set"))
            .with("model", format!("{OLLAMA}/{model}")),
        Err(reason) => simulated(&format!("because no API key is set and {reason}")),
    })
}

fn simulated(why: &str) -> Choice {
    Choice::new(format!("simulated, {why}: a rehearsal; nothing is spent, nothing leaves this machine"))
        .with("simulated", true)
}

/// Claude does the work; what belongs to a local model goes to the small one when
/// there is none.
async fn with_claude(setup: &Setup) -> Choice {
    let choice = Choice::new("Claude, by the Anthropic API: a key is set");
    let local = setup.config.tiers.of(Tier::Ollama);
    let small = setup.config.tiers.of(Tier::Haiku);
    if local.provider != OLLAMA || small.provider != ANTHROPIC {
        return choice;
    }
    match ollama_has(setup, &local.model).await {
        Ok(()) => choice,
        Err(reason) => {
            let small = format!("{ANTHROPIC}/{}", small.model);
            let mut choice = choice.with("tiers", json!({ Tier::Ollama.as_str(): small }));
            choice.notes.push(format!("tasks for a local model go to {small}, because {reason}"));
            choice
        }
    }
}

/// Whether Ollama answers and has this model; why not, as an end of a sentence.
async fn ollama_has(setup: &Setup, model: &str) -> Result<(), String> {
    let Some(host) = setup.ollama_host() else { return Err("no Ollama host is configured".to_owned()) };
    let Ok(Some(ollama)) = setup.ollama() else {
        return Err(format!("{host} is no address for Ollama (ollama.hosts)"));
    };
    match ollama.probe().await {
        Ok(models) if has_model(&models, model) => Ok(()),
        Ok(_) => Err(format!("Ollama at {host} does not have {model} (`ollama pull {model}`)")),
        Err(CallError { .. }) => Err(format!("Ollama does not answer at {host}")),
    }
}

/// A name without a tag means its latest version.
fn has_model(models: &[String], wanted: &str) -> bool {
    let full = if wanted.contains(':') { wanted.to_owned() } else { format!("{wanted}:latest") };
    models.iter().any(|model| *model == wanted || *model == full)
}

async fn named_model(setup: &Setup, text: &str, is_simulated: bool) -> Result<Choice, Failure> {
    let empty = || Failure::usage("--model names no model").hint("write a model id, or provider/model");
    let route = Route::parse(text, "").ok_or_else(empty)?;
    let is_stand_in = is_simulated || route.provider == SIMULATED;
    let named_provider = if route.provider == SIMULATED { "" } else { route.provider.as_str() };
    let day = crate::wire_up::now().day();
    let has_price = |provider: &str| setup.prices.lookup(provider, &route.model, &day).map(|_| ());
    let provider = match named_provider {
        OPENAI => {
            return Err(Failure::usage("models of the provider openai cannot be used yet")
                .hint("use anthropic/… or ollama/…"));
        }
        "" if route.model.starts_with("claude") || has_price(ANTHROPIC).is_ok() => ANTHROPIC,
        "" if is_stand_in => ANTHROPIC,
        "" => match ollama_has(setup, &route.model).await {
            Ok(()) => OLLAMA,
            Err(reason) => {
                return Err(Failure::usage(format!(
                    "unknown model {}: it has no price, and {reason}",
                    route.model
                ))
                .hint(format!("`{}` lists the models that can be used", orch("doctor"))));
            }
        },
        name => name,
    };
    has_price(provider)?;
    let model = Route::new(provider, &route.model);
    if is_stand_in {
        return Ok(simulated(&format!("standing in for {model}")).with("model", model.to_string()));
    }
    if provider == ANTHROPIC && setup.config.anthropic.api_key.is_none() {
        return Err(Failure::usage(format!("{model} needs a key for the Anthropic API"))
            .hint("set ANTHROPIC_API_KEY, or rehearse with --simulate"));
    }
    if provider == OLLAMA && !named_provider.is_empty() {
        ollama_has(setup, &model.model).await.map_err(|reason| {
            Failure::usage(format!("{model} cannot be used: {reason}"))
                .hint("start Ollama and pull the model, or set ollama.hosts")
        })?;
    }
    Ok(Choice::new(format!("{model}, as you asked")).with("model", model.to_string()))
}

/// Whether a project with these settings costs real money.
///
/// # Errors
/// A tier that means nothing.
pub fn is_paid(setup: &Setup, config: &ProjectConfig) -> Result<bool, Failure> {
    let routes = setup.settings(None).routes_for(config)?;
    let day = crate::wire_up::now().day();
    let all = routes.tiers.values().chain(&routes.planning).chain(&routes.verification);
    Ok(all.filter(|route| route.provider != SIMULATED).any(|route| {
        setup.prices.lookup(&route.provider, &route.model, &day).map_or(true, |price| !price.is_free())
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_without_tag_is_found_by_its_latest() {
        let models = ["llama3:latest".to_owned(), "qwen2.5-coder:14b".to_owned()];
        assert!(has_model(&models, "llama3"));
        assert!(has_model(&models, "qwen2.5-coder:14b"));
        assert!(!has_model(&models, "qwen2.5-coder"));
    }
}
