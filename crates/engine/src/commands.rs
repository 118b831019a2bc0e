//! What HTTP and the command line may ask of a running engine.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

use domain::actor::Actor;
use domain::attempt::OperationState;
use domain::decide::{BeginPlanning, Command, Envelope, ReviewTask};
use domain::id::{OperationId, PlanId, TaskId};
use domain::model::{Message, ToolDefinition};
use domain::ports::{Applied, StoreError, Work};
use domain::pricing::PriceTiers;
use domain::project::Project;
use domain::refusal::{Code, Refusal};
use domain::requirement::Requirement;
use domain::{prompt, turn};
use tokio::sync::broadcast;

use crate::context;
use crate::dispatcher::{Engine, Handle};
use crate::live::LiveDelta;
use crate::request::Told;

/// Requirement texts that are kept split.
const REQUIREMENTS_KEPT: usize = 64;

/// Why something asked of the engine was not done.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// It is not allowed.
    #[error("{0}")]
    Refused(#[from] Refusal),
    /// The store failed.
    #[error("{0}")]
    Store(String),
}

impl From<StoreError> for EngineError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Refused(refusal) => Self::Refused(refusal),
            StoreError::Unavailable(_) | StoreError::Broken(_) => Self::Store(error.to_string()),
        }
    }
}

/// How planning ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlanEnd {
    /// With a plan.
    Stored(PlanId),
    /// Without: a stable word and a sentence.
    Failed {
        /// A refusal's code or an error class.
        code: String,
        /// For a person.
        message: String,
    },
    /// A person called it off.
    Cancelled,
}

impl Handle {
    /// Applies a command and performs what follows from it.
    ///
    /// # Errors
    /// A refusal, or the store's failure.
    pub async fn apply(&self, actor: Actor, command: Command) -> Result<Applied, EngineError> {
        let mut results = self.engine.apply(vec![Envelope { actor, command }]).await;
        self.engine.made_progress();
        match results.pop() {
            Some(result) => result.map_err(EngineError::from),
            None => Err(EngineError::Store("the store gave no answer".to_owned())),
        }
    }

    /// Starts to make a plan; it goes on when the caller has gone.
    ///
    /// # Errors
    /// A refusal (no provider, no price, wrong state), or the store's failure.
    pub async fn plan(
        &self,
        actor: Actor,
        project: &Project,
        requirements: &str,
    ) -> Result<OperationId, EngineError> {
        let engine = &self.engine;
        let routes = engine.settings.routes_for(&project.config)?;
        let route = routes.planning()?;
        engine.must_have(&route.provider)?;
        engine.price(&route.provider, &route.model)?;
        let rigor = project.config.rigor();
        let tools: Vec<ToolDefinition> =
            engine.tool_specs.iter().map(|spec| spec.definition.clone()).collect();
        let system = prompt::planner_system(rigor, engine.settings.policy.max_plan_tasks as usize, &tools);
        let text = prompt::planner_user(&project.name, &context::requirements(requirements), None);
        let told = Told::new(route, system, Message::user(text), Vec::new(), rigor.max_tokens());
        let (brief, blobs) = told.store(&project.id, prompt::version());
        let operation = engine.ids.make(|ids| OperationId::fresh(ids));
        let command =
            BeginPlanning { project: project.id.clone(), operation: operation.clone(), brief, blobs };
        self.apply(actor, Command::BeginPlanning(command)).await?;
        Ok(operation)
    }

    /// Waits until an operation has ended, over any number of retries.
    ///
    /// # Errors
    /// When the store fails or the operation is gone.
    pub async fn planned(&self, operation: &OperationId) -> Result<PlanEnd, EngineError> {
        let mut progress = self.engine.progress.subscribe();
        loop {
            progress.borrow_and_update();
            let rows = self.engine.store.operation_rows(operation).await?;
            let Some(rows) = rows else { return Ok(PlanEnd::Cancelled) };
            match (rows.operation.state, rows.operation.result, rows.operation.error) {
                (OperationState::Running, ..) => {}
                (OperationState::Done, Some(plan), _) => return Ok(PlanEnd::Stored(plan)),
                (OperationState::Cancelled, ..) => return Ok(PlanEnd::Cancelled),
                (_, _, error) => {
                    let (code, message) = error.map_or_else(
                        || ("unknown".to_owned(), "planning ended without a reason".to_owned()),
                        |error| (error.code, error.message),
                    );
                    return Ok(PlanEnd::Failed { code, message });
                }
            }
            tokio::select! {
                changed = progress.changed() => {
                    if changed.is_err() {
                        return Err(EngineError::Store("the engine has stopped".to_owned()));
                    }
                }
                // Another process may have ended it.
                () = tokio::time::sleep(self.engine.settings.tick) => {}
            }
        }
    }

    /// A person judges an output. Accepting it publishes the files of its attempt.
    ///
    /// # Errors
    /// A refusal, or the store's failure.
    pub async fn review(
        &self,
        actor: Actor,
        task: &TaskId,
        accept: bool,
        feedback: String,
    ) -> Result<Applied, EngineError> {
        let rows = if accept { self.engine.store.task_rows(task).await? } else { None };
        let project = rows.as_ref().map(|rows| rows.project.id.clone());
        let files = match rows {
            Some(rows) => turn::files_written(&rows.steps).map_err(EngineError::Store)?,
            None if accept => return Err(Refusal::not_found("task", task).into()),
            None => Vec::new(),
        };
        // Dependents become ready by the commit; they wait until the files are there.
        let gate = match &project {
            Some(project) if !files.is_empty() => Some(self.engine.gates.publishing(project).await),
            _ => None,
        };
        let command = Command::ReviewTask(ReviewTask { task: task.clone(), accept, files, feedback });
        let applied = self.apply(actor, command).await;
        drop(gate);
        applied
    }

    /// Names of the tools that exist, for approving plans.
    #[must_use]
    pub fn tool_names(&self) -> Vec<String> {
        self.engine.tool_specs.iter().map(|spec| spec.definition.name.clone()).collect()
    }

    /// Text of running work as it arrives.
    #[must_use]
    pub fn live(&self) -> broadcast::Receiver<LiveDelta> {
        self.engine.live.subscribe()
    }

    /// What the engine was configured with.
    #[must_use]
    pub fn settings(&self) -> &crate::settings::Settings {
        &self.engine.settings
    }

    /// Providers that seem to be down.
    #[must_use]
    pub fn broken_providers(&self) -> Vec<String> {
        self.engine.places.broken()
    }

    /// Another process has written: looks for work, and cuts what it called off.
    pub async fn look_again(&self) {
        let store = &self.engine.store;
        for work in self.engine.cuts.running() {
            let is_called_off = match &work {
                Work::Task(id) => {
                    store.task_rows(id).await.map(|rows| rows.is_none_or(|rows| rows.task.state.is_final()))
                }
                Work::Operation(id) => store
                    .operation_rows(id)
                    .await
                    .map(|rows| rows.is_none_or(|rows| rows.operation.state != OperationState::Running)),
            };
            // A row that cannot be read now is looked at again at its next write.
            if is_called_off.unwrap_or(false) {
                self.engine.cuts.work(&work);
            }
        }
        self.engine.made_progress();
        self.engine.nudge();
    }

    /// Looks for work that another process may have made.
    pub fn nudge(&self) {
        self.engine.nudge();
    }
}

impl Engine {
    /// Refuses when a provider is not configured.
    pub(crate) fn must_have(&self, provider: &str) -> Result<(), Refusal> {
        if self.providers.contains_key(provider) {
            return Ok(());
        }
        let remedy = match provider {
            "anthropic" => "set ANTHROPIC_API_KEY",
            "ollama" => "start Ollama, or set ollama.hosts",
            _ => "configure it",
        };
        Err(Refusal::new(Code::NoProvider, format!("provider {provider} is not configured; {remedy}")))
    }

    /// Today's price of a model.
    pub(crate) fn price(&self, provider: &str, model: &str) -> Result<Arc<PriceTiers>, Refusal> {
        let day = self.clock.now().day();
        self.settings.prices.lookup(provider, model, &day).cloned().map(Arc::new)
    }

    /// The project's requirements, split; the last few texts are kept.
    pub(crate) async fn requirements(&self, project: &Project) -> Result<Arc<Vec<Requirement>>, StoreError> {
        let hash = &project.requirements_hash;
        if let Some(kept) = self.requirements.lock().unwrap_or_else(PoisonError::into_inner).get(hash) {
            return Ok(Arc::clone(kept));
        }
        let texts = self.store.blobs(&project.id, std::slice::from_ref(hash)).await?;
        let text = texts.first().map_or("", |text| text);
        let split = Arc::new(context::requirements(text));
        let mut kept = self.requirements.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= REQUIREMENTS_KEPT {
            kept.clear();
        }
        kept.insert(Arc::clone(hash), Arc::clone(&split));
        Ok(split)
    }
}

/// Requirement texts, split, by content hash.
pub(crate) type RequirementCache = std::sync::Mutex<HashMap<Arc<str>, Arc<Vec<Requirement>>>>;
