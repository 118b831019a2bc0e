//! Which class of model a task wants, and which provider and model that is.
//!
//! A pure function of the task and the configuration: nothing here knows whether
//! a provider answers, and nothing falls back to another model by itself.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::refusal::{Code, Refusal};
use crate::task::{Complexity, TaskType};

crate::task::words! {
    /// Class of model wanted. Which provider and model that is, is configuration.
    Tier {
        /// A local model.
        Ollama = "ollama",
        /// Small.
        Haiku = "haiku",
        /// Middle.
        Sonnet = "sonnet",
        /// Large.
        Opus = "opus",
    }
}

/// Provider name: the Anthropic Messages API.
pub const ANTHROPIC: &str = "anthropic";
/// Provider name: Ollama. Its models are free.
pub const OLLAMA: &str = "ollama";
/// Provider name: any server that speaks OpenAI's chat completions.
pub const OPENAI: &str = "openai";
/// Provider name: the deterministic stand-in.
pub const SIMULATED: &str = "simulated";

/// Every provider name.
pub const PROVIDERS: [&str; 4] = [ANTHROPIC, OLLAMA, OPENAI, SIMULATED];

/// The tier of a task. Opus is only reached by a person's edit.
#[must_use]
pub const fn tier_for(task_type: TaskType, complexity: Complexity) -> Tier {
    use Complexity::{Complex, Medium, Simple};
    use TaskType::{Analysis, Asset, Code, Documentation, Integration, Research};
    match (task_type, complexity) {
        (Asset, Simple | Medium | Complex) | (Research | Analysis | Documentation, Simple) => Tier::Ollama,
        (Code | Integration, Simple) | (Research | Analysis | Integration | Documentation, Medium) => {
            Tier::Haiku
        }
        (Code, Medium | Complex) | (Research | Analysis | Integration | Documentation, Complex) => {
            Tier::Sonnet
        }
    }
}

/// Tools that a task of this type is offered when its plan names none.
#[must_use]
pub const fn default_tools(task_type: TaskType) -> &'static [&'static str] {
    // Who may read may also look around, and who may write may also change a part.
    match task_type {
        TaskType::Code => &[
            "search_knowledge",
            "lookup_type",
            "local_llm",
            "read_file",
            "list_files",
            "search_files",
            "write_file",
            "edit_file",
        ],
        TaskType::Research => &["search_knowledge", "lookup_type", "local_llm"],
        TaskType::Analysis => &["search_knowledge", "local_llm", "read_file", "list_files", "search_files"],
        TaskType::Asset => &["local_llm", "generate_image"],
        TaskType::Integration => {
            &["read_file", "list_files", "search_files", "write_file", "edit_file", "local_llm"]
        }
        TaskType::Documentation => &[
            "search_knowledge",
            "local_llm",
            "read_file",
            "list_files",
            "search_files",
            "write_file",
            "edit_file",
        ],
    }
}

/// The tools that a task is really offered: what its plan names, else the
/// defaults of its type, of both only those that are there, each once and in a
/// stable order.
#[must_use]
pub fn tools_for(task_type: TaskType, planned: Option<&[String]>, available: &[String]) -> Vec<String> {
    let is_wanted = |name: &str| match planned {
        Some(names) => names.iter().any(|wanted| wanted == name),
        None => default_tools(task_type).contains(&name),
    };
    let mut tools: Vec<String> = available.iter().filter(|name| is_wanted(name)).cloned().collect();
    tools.sort_unstable();
    tools.dedup();
    tools
}

/// A provider and a model of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Route {
    /// One of [`PROVIDERS`].
    pub provider: String,
    /// Exact model id.
    pub model: String,
}

impl Route {
    /// A route to this model.
    pub fn new(provider: impl Into<String>, model: impl Into<String>) -> Self {
        Self { provider: provider.into(), model: model.into() }
    }

    /// The stand-in for this route. It is priced as the model it stands in for;
    /// the prefix keeps free models free.
    #[must_use]
    pub fn simulated(&self) -> Self {
        if self.provider == OLLAMA {
            Self::new(SIMULATED, format!("{OLLAMA}/{}", self.model))
        } else {
            Self::new(SIMULATED, self.model.clone())
        }
    }

    /// Reads `provider/model`, or a model id alone for `provider`. Model ids may
    /// have slashes of their own, so only a known name before the first one is a
    /// provider. `None` when no model is named.
    #[must_use]
    pub fn parse(text: &str, provider: &str) -> Option<Self> {
        let text = text.trim();
        let (provider, model) = match text.split_once('/') {
            Some((name, model)) if PROVIDERS.contains(&name) => (name, model),
            _ => (provider, text),
        };
        (!model.trim().is_empty()).then(|| Self::new(provider, model.trim()))
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.provider, self.model)
    }
}

/// What each tier means here.
pub type TierMap = BTreeMap<Tier, Route>;

/// Where calls go: per tier for tasks, and per purpose for the rest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Routes {
    /// For tasks. A tier that is missing has no model.
    pub tiers: TierMap,
    /// Making plans.
    pub planning: Option<Route>,
    /// Judging outputs.
    pub verification: Option<Route>,
    /// Finding out what later tasks should know.
    pub extraction: Option<Route>,
}

impl Routes {
    /// Everything to one model.
    #[must_use]
    pub fn uniform(route: &Route) -> Self {
        Self {
            tiers: Tier::ALL.iter().map(|&tier| (tier, route.clone())).collect(),
            planning: Some(route.clone()),
            verification: Some(route.clone()),
            extraction: Some(route.clone()),
        }
    }

    /// The same routes, each to its stand-in.
    #[must_use]
    pub fn simulated(&self) -> Self {
        let stand_in = |route: &Option<Route>| route.as_ref().map(Route::simulated);
        Self {
            tiers: self.tiers.iter().map(|(&tier, route)| (tier, route.simulated())).collect(),
            planning: stand_in(&self.planning),
            verification: stand_in(&self.verification),
            extraction: stand_in(&self.extraction),
        }
    }

    /// Where tasks of this tier go.
    ///
    /// # Errors
    /// `UnknownModel` when the tier has no model.
    pub fn route(&self, tier: Tier) -> Result<&Route, Refusal> {
        self.tiers.get(&tier).ok_or_else(|| {
            let key = match tier {
                Tier::Ollama => "ollama.default_model".to_owned(),
                Tier::Haiku | Tier::Sonnet | Tier::Opus => format!("anthropic.models.{tier}"),
            };
            Refusal::new(
                Code::UnknownModel,
                format!("tier {tier} has no model; set {key} in the configuration or tiers.{tier} in the project's"),
            )
        })
    }

    /// Where planning goes.
    ///
    /// # Errors
    /// `NoProvider` when nothing is configured that could plan.
    pub fn planning(&self) -> Result<&Route, Refusal> {
        self.planning.as_ref().ok_or_else(|| {
            Refusal::new(
                Code::NoProvider,
                "no provider is configured that could plan; set an API key or start Ollama",
            )
        })
    }

    /// The same routes with a project's own tiers: tier → `provider/model`, or a
    /// model id alone, which keeps the tier's provider.
    ///
    /// # Errors
    /// `Invalid` for a name that is no tier and for an empty model.
    pub fn with_tiers<'a>(
        mut self,
        overrides: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, Refusal> {
        for (name, text) in overrides {
            let tier = Tier::parse(name).ok_or_else(|| {
                let known: Vec<&str> = Tier::ALL.iter().map(|tier| tier.as_str()).collect();
                Refusal::new(
                    Code::Invalid,
                    format!("tiers.{name} is no tier; there are {}", known.join(", ")),
                )
            })?;
            let usual = if tier == Tier::Ollama { OLLAMA } else { ANTHROPIC };
            let provider = self.tiers.get(&tier).map_or(usual, |route| route.provider.as_str());
            let route = Route::parse(text, provider).ok_or_else(|| {
                Refusal::new(
                    Code::Invalid,
                    format!("tiers.{name} is {text:?}; it must be a model or provider/model"),
                )
            })?;
            self.tiers.insert(tier, route);
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(list: &[&str]) -> Vec<String> {
        list.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn tiers_follow_the_table_of_the_prototype() {
        let mut rows = Vec::new();
        for &task_type in TaskType::ALL {
            let cells: Vec<&str> = Complexity::ALL.iter().map(|&c| tier_for(task_type, c).as_str()).collect();
            rows.push(format!("{task_type}: {}", cells.join(" ")));
        }
        assert_eq!(
            rows,
            [
                "code: haiku sonnet sonnet",
                "research: ollama haiku sonnet",
                "analysis: ollama haiku sonnet",
                "asset: ollama ollama ollama",
                "integration: haiku haiku sonnet",
                "documentation: ollama haiku sonnet",
            ]
        );
    }

    #[test]
    fn only_tools_that_are_there_are_offered() {
        let available = names(&["write_file", "read_file", "read_file", "list_files"]);
        assert_eq!(tools_for(TaskType::Code, None, &available), ["list_files", "read_file", "write_file"]);
        let planned = names(&["list_files", "search_knowledge", "list_files"]);
        assert_eq!(tools_for(TaskType::Code, Some(&planned), &available), ["list_files"]);
        assert!(tools_for(TaskType::Code, Some(&[]), &available).is_empty());
    }

    #[test]
    fn default_tools_by_type() {
        let mut rows = Vec::new();
        for &task_type in TaskType::ALL {
            let tools = default_tools(task_type);
            // Reading and looking around go together, and so do both ways to write.
            assert_eq!(tools.contains(&"read_file"), tools.contains(&"list_files"), "{task_type}");
            assert_eq!(tools.contains(&"read_file"), tools.contains(&"search_files"), "{task_type}");
            assert_eq!(tools.contains(&"write_file"), tools.contains(&"edit_file"), "{task_type}");
            rows.push(format!("{task_type}: {}", tools.join(" ")));
        }
        assert_eq!(
            rows,
            [
                "code: search_knowledge lookup_type local_llm read_file list_files search_files write_file edit_file",
                "research: search_knowledge lookup_type local_llm",
                "analysis: search_knowledge local_llm read_file list_files search_files",
                "asset: local_llm generate_image",
                "integration: read_file list_files search_files write_file edit_file local_llm",
                "documentation: search_knowledge local_llm read_file list_files search_files write_file edit_file",
            ]
        );
    }

    #[test]
    fn a_tier_without_model_is_refused() {
        let refusal = Routes::default().route(Tier::Opus).unwrap_err();
        assert_eq!(refusal.code, Code::UnknownModel);
        assert!(refusal.message.contains("anthropic.models.opus"));
        assert_eq!(Routes::default().planning().unwrap_err().code, Code::NoProvider);
    }

    #[test]
    fn projects_may_say_what_a_tier_means() {
        let routes = Routes::uniform(&Route::new(ANTHROPIC, "claude-sonnet-4-6"))
            .with_tiers([("opus", "claude-opus-5"), ("ollama", "ollama/hf.co/a/b"), ("haiku", "hf.co/a/b")])
            .unwrap();
        assert_eq!(routes.route(Tier::Opus).unwrap().to_string(), "anthropic/claude-opus-5");
        assert_eq!(routes.route(Tier::Ollama).unwrap(), &Route::new(OLLAMA, "hf.co/a/b"));
        assert_eq!(routes.route(Tier::Haiku).unwrap(), &Route::new(ANTHROPIC, "hf.co/a/b"));
        for bad in [("gpt", "x"), ("opus", " "), ("opus", "anthropic/")] {
            assert_eq!(Routes::default().with_tiers([bad]).unwrap_err().code, Code::Invalid);
        }
    }

    #[test]
    fn stand_ins_keep_the_price_of_what_they_stand_for() {
        assert_eq!(Route::new(OLLAMA, "qwen").simulated(), Route::new(SIMULATED, "ollama/qwen"));
        let routes = Routes::uniform(&Route::new(ANTHROPIC, "claude-opus-5")).simulated();
        assert_eq!(routes.planning().unwrap(), &Route::new(SIMULATED, "claude-opus-5"));
    }
}
