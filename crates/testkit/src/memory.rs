//! A store in memory: the same port, the same answers, nothing on disk. Tests of
//! the engine use it, and the conformance suite keeps it honest.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use domain::attempt::{CallState, LedgerEntry, OperationState, Owner, Step};
use domain::decide::{Decision, Envelope, Knowledge, Stop, decide};
use domain::event::Event;
use domain::id::{OperationId, ProjectId, TaskId};
use domain::policy::Policy;
use domain::ports::{
    Applied, Clock, IdSource, LeftOver, Offer, OperationRows, PrerequisiteRow, ProjectStore, ReadyQuery,
    StoreError, TaskRows, Work,
};
use domain::project::{Dispatch, Project, ProjectState};
use domain::share::{Share, deal};
use domain::task::{Task, TaskSpec, TaskState, WaitReason};
use domain::time::Timestamp;
use domain::tool::FileEntry;
use domain::view::{Changes, Feedback, PublishedFile, View};

use crate::check::Dump;

#[derive(Clone, Default)]
struct Rows {
    view: View,
    specs: HashMap<TaskId, TaskSpec>,
    prerequisites: HashMap<TaskId, Vec<TaskId>>,
    blobs: HashMap<(ProjectId, Arc<str>), Arc<str>>,
    feedback: Vec<Feedback>,
    ledger: Vec<LedgerEntry>,
    events: Vec<Event>,
    versions: Vec<PublishedFile>,
}

/// A known bug, put between commands and rules: what a test must find.
#[derive(Clone, Copy)]
pub struct Tamper {
    /// What it is called.
    pub name: &'static str,
    /// Another command instead of this one.
    pub command: fn(&View, &Envelope) -> Option<Envelope>,
    /// Another decision instead of this one.
    #[expect(clippy::type_complexity, reason = "it is `decide` with its result to be spoilt")]
    pub decision: fn(&View, &Envelope, Result<Decision, Stop>) -> Result<Decision, Stop>,
}

struct Inner {
    tamper: Option<Tamper>,
    rows: Rows,
    policy: Arc<Policy>,
    ids: Box<dyn IdSource + Send>,
}

/// The store. Cheap to clone; clones are the same store.
#[derive(Clone)]
pub struct MemoryStore {
    inner: Arc<Mutex<Inner>>,
    clock: Arc<dyn Clock>,
}

impl MemoryStore {
    /// An empty one.
    pub fn new(policy: Arc<Policy>, clock: Arc<dyn Clock>, ids: Box<dyn IdSource + Send>) -> Self {
        let view = View { is_complete: true, ..View::default() };
        let rows = Rows { view, ..Rows::default() };
        Self { inner: Arc::new(Mutex::new(Inner { tamper: None, rows, policy, ids })), clock }
    }

    /// The same store with a bug in it.
    #[must_use]
    pub fn with_tamper(self, tamper: Tamper) -> Self {
        self.lock().tamper = Some(tamper);
        self
    }

    /// Rules that decisions are made by from now on.
    pub fn set_policy(&self, policy: Arc<Policy>) {
        self.lock().policy = policy;
    }

    /// A copy of everything.
    #[must_use]
    pub fn dump(&self) -> Dump {
        let inner = self.lock();
        let mut events = inner.rows.events.clone();
        events.sort_by(|a, b| (&a.project, a.seq).cmp(&(&b.project, b.seq)));
        Dump { view: inner.rows.view.clone(), ledger: inner.rows.ledger.clone(), events }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rows {
    fn write(&mut self, changes: Changes) {
        self.view.apply(&changes);
        self.specs.extend(changes.task_specs);
        for (task, prerequisite) in changes.dependencies {
            self.prerequisites.entry(task).or_default().push(prerequisite);
        }
        for blob in changes.blobs {
            self.blobs.entry((blob.project, blob.hash)).or_insert(blob.text);
        }
        let mut versions: Vec<_> = changes.files.into_values().collect();
        versions.sort_by(|a, b| a.entry.path.cmp(&b.entry.path));
        self.versions.extend(versions);
        self.feedback.extend(changes.feedback);
        self.ledger.extend(changes.ledger);
        self.events.extend(changes.events);
    }

    fn project(&self, id: &ProjectId) -> Result<&Project, StoreError> {
        let found = self.view.projects.get(id).and_then(Option::as_ref);
        found.ok_or_else(|| StoreError::Broken(format!("project {id} is missing")))
    }

    fn task(&self, id: &TaskId) -> Option<&Task> {
        self.view.tasks.get(id).and_then(Option::as_ref)
    }

    fn steps(&self, owner: &Owner, attempt: u32) -> Vec<Step> {
        let mut steps: Vec<Step> = self
            .view
            .steps
            .values()
            .flatten()
            .filter(|step| step.owner == *owner && step.attempt == attempt)
            .cloned()
            .collect();
        steps.sort_by_key(|step| step.seq);
        steps
    }

    fn prerequisite(&self, id: &TaskId) -> Option<PrerequisiteRow> {
        let task = self.task(id)?;
        let mut files: HashMap<&str, &FileEntry> = HashMap::new();
        for version in self.versions.iter().filter(|version| version.task == *id) {
            files.insert(&version.entry.path, &version.entry);
        }
        let mut files: Vec<FileEntry> = files.into_values().cloned().collect();
        files.sort_by(|a, b| a.path.cmp(&b.path));
        let output = task.output_hash.as_ref();
        let output = output.and_then(|hash| self.blobs.get(&(task.project.clone(), Arc::clone(hash))));
        Some(PrerequisiteRow {
            id: id.clone(),
            title: Arc::clone(&task.title),
            state: task.state,
            output: output.cloned(),
            files,
        })
    }

    fn ready(&self, project: &Project, query: ReadyQuery, dispatch: Dispatch) -> Vec<Offer> {
        let dispatch = project.config.dispatch().unwrap_or(dispatch);
        let may_start = |task: &&Task| {
            task.project == project.id
                && project.config.execution_mode().runs_inside(task.tier)
                && task.state == TaskState::Ready
                && project.approved_plan.as_ref() == Some(&task.plan)
                && task.parked_epoch != project.money_epoch
                && (dispatch == Dispatch::Dataflow || task.wave <= project.open_wave)
                && task.wait.is_none_or(|wait| {
                    wait.wake_at.is_none_or(|wake_at| wake_at <= query.now)
                        || (query.is_money_freed && wait.reason == WaitReason::Money)
                })
        };
        let mut tasks: Vec<&Task> = self.view.tasks.values().flatten().filter(may_start).collect();
        tasks.sort_by_key(|task| (task.priority, task.wave, task.created_at, task.index));
        tasks
            .into_iter()
            .take(query.limit)
            .map(|task| Offer { work: Work::Task(task.id.clone()), fence: task.fence })
            .collect()
    }

    fn left_over(&self) -> LeftOver {
        let is_ours = |task: &&Task| task.state.is_active() && task.claimed_by.is_none();
        let active = self.view.tasks.values().flatten().filter(is_ours);
        let calls = self.view.calls.values().flatten().filter(|call| call.state == CallState::Intent);
        let mut owners: Vec<Owner> = active.map(|task| Owner::Task(task.id.clone())).collect();
        owners.extend(calls.map(|call| call.owner.clone()));
        owners.sort_by(|a, b| a.as_str().cmp(b.as_str()));
        owners.dedup();
        let running = self
            .view
            .operations
            .values()
            .flatten()
            .filter(|operation| operation.state == OperationState::Running);
        let mut operations: Vec<OperationId> = running.map(|operation| operation.id.clone()).collect();
        operations.sort();
        let projects = |is_wanted: fn(&Project) -> bool| {
            let mut ids: Vec<ProjectId> = self
                .view
                .projects
                .values()
                .flatten()
                .filter(|project| is_wanted(project))
                .map(|project| project.id.clone())
                .collect();
            ids.sort();
            ids
        };
        LeftOver {
            owners,
            operations,
            unpublished: projects(|project| project.has_unpublished && !project.is_deleted),
            executing: projects(|project| project.state == ProjectState::Executing && !project.is_deleted),
            deleted: projects(|project| project.is_deleted),
        }
    }

    /// Removes everything of a deleted project but its money; false while calls
    /// are in flight.
    fn remove(&mut self, id: &ProjectId) -> bool {
        let view = &mut self.view;
        let is_in_flight =
            |call: &domain::attempt::Call| call.project == *id && call.state == CallState::Intent;
        if view.calls.values().flatten().any(is_in_flight) {
            return false;
        }
        let gone: std::collections::HashSet<TaskId> = view
            .tasks
            .values()
            .flatten()
            .filter(|task| task.project == *id)
            .map(|task| task.id.clone())
            .collect();
        let operations: std::collections::HashSet<OperationId> = view
            .operations
            .values()
            .flatten()
            .filter(|operation| operation.project == *id)
            .map(|operation| operation.id.clone())
            .collect();
        view.steps.retain(|key, _| match &key.owner {
            Owner::Task(task) => !gone.contains(task),
            Owner::Operation(operation) => !operations.contains(operation),
        });
        view.attempts.retain(|(task, _), _| !gone.contains(task));
        view.tasks.retain(|task, _| !gone.contains(task));
        view.dependents.retain(|task, _| !gone.contains(task));
        view.operations.retain(|operation, _| !operations.contains(operation));
        view.calls.retain(|_, call| call.as_ref().is_some_and(|call| call.project != *id));
        view.plans.retain(|_, plan| plan.as_ref().is_some_and(|plan| plan.project != *id));
        view.checkpoints.retain(|_, question| question.as_ref().is_some_and(|asked| asked.project != *id));
        view.waves.retain(|(project, _), _| project != id);
        view.files.retain(|(project, _), _| project != id);
        view.projects.remove(id);
        self.specs.retain(|task, _| !gone.contains(task));
        self.prerequisites.retain(|task, _| !gone.contains(task));
        self.feedback.retain(|feedback| !gone.contains(&feedback.task));
        self.blobs.retain(|(project, _), _| project != id);
        self.events.retain(|event| event.project != *id);
        self.versions.retain(|version| version.project != *id);
        true
    }
}

impl Inner {
    fn apply(&mut self, now: Timestamp, commands: &[Envelope]) -> Vec<Result<Applied, StoreError>> {
        // Only a submission of several can be broken in its middle.
        let before = (commands.len() > 1).then(|| self.rows.clone());
        let mut answers = Vec::with_capacity(commands.len());
        for envelope in commands {
            let knowledge = Knowledge { now, policy: &self.policy, ids: &mut *self.ids };
            let decided = match self.tamper {
                None => decide(&self.rows.view, envelope, knowledge),
                Some(tamper) => {
                    let other = (tamper.command)(&self.rows.view, envelope);
                    let envelope = other.as_ref().unwrap_or(envelope);
                    let decided = decide(&self.rows.view, envelope, knowledge);
                    (tamper.decision)(&self.rows.view, envelope, decided)
                }
            };
            match decided {
                Ok(decision) => {
                    self.rows.write(decision.changes);
                    answers.push(Ok(Applied { outcome: decision.outcome, follow_ups: decision.follow_ups }));
                }
                Err(Stop::Refused(refusal)) => answers.push(Err(StoreError::Refused(refusal))),
                Err(Stop::Missing(key)) => {
                    return self.undo(before, commands, &format!("{key:?} is missing"));
                }
                Err(Stop::Broken(text)) => return self.undo(before, commands, &text),
            }
        }
        answers
    }

    fn undo(
        &mut self,
        before: Option<Rows>,
        commands: &[Envelope],
        text: &str,
    ) -> Vec<Result<Applied, StoreError>> {
        if let Some(before) = before {
            self.rows = before;
        }
        commands.iter().map(|_| Err(StoreError::Broken(text.to_owned()))).collect()
    }
}

#[async_trait]
impl ProjectStore for MemoryStore {
    async fn apply(&self, commands: Vec<Envelope>) -> Vec<Result<Applied, StoreError>> {
        let now = self.clock.now();
        self.lock().apply(now, &commands)
    }

    async fn ready(&self, query: ReadyQuery) -> Result<Vec<Offer>, StoreError> {
        let inner = self.lock();
        let executing = inner
            .rows
            .view
            .projects
            .values()
            .flatten()
            .filter(|project| project.state == ProjectState::Executing && !project.is_deleted);
        let shares = executing.map(|project| Share {
            project: project.id.clone(),
            owner: project.owner.clone(),
            active: project.active(),
            offers: inner.rows.ready(project, query, inner.policy.dispatch),
        });
        Ok(deal(shares.collect(), query.limit))
    }

    async fn next_wake(&self, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        let inner = self.lock();
        let view = &inner.rows.view;
        let tasks = view.tasks.values().flatten().filter(|task| task.state == TaskState::Ready);
        let waiting = tasks.filter(|task| {
            let project = view.projects.get(&task.project).and_then(Option::as_ref);
            project.is_some_and(|row| row.state == ProjectState::Executing && !row.is_deleted)
        });
        let operations = view.operations.values().flatten();
        let running = operations.filter(|operation| operation.state == OperationState::Running);
        Ok(waiting
            .filter_map(|task| task.wait?.wake_at)
            .chain(view.tasks.values().flatten().filter_map(|task| task.lease_until))
            .chain(running.filter_map(|operation| operation.wake_at))
            .filter(|wake_at| *wake_at > now)
            .min())
    }

    async fn expired_leases(&self, now: Timestamp) -> Result<Vec<TaskId>, StoreError> {
        let inner = self.lock();
        let tasks = inner.rows.view.tasks.values().flatten();
        let mut ids: Vec<TaskId> = tasks
            .filter(|task| task.lease_until.is_some_and(|until| until <= now))
            .map(|task| task.id.clone())
            .collect();
        ids.sort();
        Ok(ids)
    }

    async fn left_over(&self) -> Result<LeftOver, StoreError> {
        Ok(self.lock().rows.left_over())
    }

    async fn task_rows(&self, task: &TaskId) -> Result<Option<TaskRows>, StoreError> {
        let inner = self.lock();
        let rows = &inner.rows;
        let Some(task) = rows.task(task).cloned() else { return Ok(None) };
        let project = rows.project(&task.project)?.clone();
        let plan = project.approved_plan.as_ref().and_then(|id| rows.view.plans.get(id));
        let plan_summary = plan.and_then(Option::as_ref).map(|plan| plan.plan.summary.as_str().into());
        let needed = rows.prerequisites.get(&task.id).cloned().unwrap_or_default();
        let mut needed: Vec<&Task> = needed.iter().filter_map(|id| rows.task(id)).collect();
        needed.sort_by_key(|task| task.index);
        let prerequisites = needed.iter().filter_map(|task| rows.prerequisite(&task.id)).collect();
        let feedback = rows.feedback.iter().filter(|feedback| feedback.task == task.id).cloned().collect();
        let (mut attempt, mut steps) = (None, Vec::new());
        if task.is_attempt_open || task.state == TaskState::NeedsReview {
            attempt = rows.view.attempts.get(&(task.id.clone(), task.attempt)).cloned().flatten();
            steps = rows.steps(&Owner::Task(task.id.clone()), task.attempt);
        }
        Ok(Some(TaskRows {
            spec: rows.specs.get(&task.id).cloned().unwrap_or_default(),
            task,
            project,
            plan_summary: plan_summary.unwrap_or_default(),
            prerequisites,
            feedback,
            attempt,
            steps,
        }))
    }

    async fn operation_rows(&self, operation: &OperationId) -> Result<Option<OperationRows>, StoreError> {
        let inner = self.lock();
        let rows = &inner.rows;
        let Some(operation) = rows.view.operations.get(operation).cloned().flatten() else { return Ok(None) };
        let project = rows.project(&operation.project)?.clone();
        let steps = rows.steps(&Owner::Operation(operation.id.clone()), 1);
        Ok(Some(OperationRows { operation, project, steps }))
    }

    async fn blobs(&self, project: &ProjectId, hashes: &[Arc<str>]) -> Result<Vec<Arc<str>>, StoreError> {
        let inner = self.lock();
        let find = |hash: &Arc<str>| inner.rows.blobs.get(&(project.clone(), Arc::clone(hash))).cloned();
        hashes
            .iter()
            .map(|hash| {
                find(hash)
                    .ok_or_else(|| StoreError::Broken(format!("text {hash} of project {project} is missing")))
            })
            .collect()
    }

    async fn manifest(&self, project: &ProjectId) -> Result<Vec<FileEntry>, StoreError> {
        let inner = self.lock();
        let files = inner.rows.view.files.values().flatten().filter(|file| file.project == *project);
        let mut entries: Vec<FileEntry> = files.map(|file| file.entry.clone()).collect();
        entries.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(entries)
    }

    async fn remove_some(&self, project: &ProjectId) -> Result<bool, StoreError> {
        let mut inner = self.lock();
        let row = inner.rows.view.projects.get(project).and_then(Option::as_ref);
        if !row.is_some_and(|row| row.is_deleted) {
            return Ok(false);
        }
        Ok(!inner.rows.remove(project))
    }
}
