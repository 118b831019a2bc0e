//! What a decision works on: rows read through its own changes, and the changes.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::{Decision, FollowUp, Knowledge, Outcome, Stop};
use crate::actor::Actor;
use crate::attempt::{Attempt, Call, LedgerEntry, Operation, Step, StepKey};
use crate::budget::Account;
use crate::checkpoint::Checkpoint;
use crate::event::{Event, EventKind};
use crate::id::{CallId, CheckpointId, OperationId, PlanId, ProjectId, TaskId};
use crate::plan::PlanVersion;
use crate::policy::Policy;
use crate::ports::IdSource;
use crate::project::Project;
use crate::refusal::Refusal;
use crate::task::Task;
use crate::time::Timestamp;
use crate::view::{Blob, Bulk, Changes, Feedback, Key, PublishedFile, Rows, View};

/// One decision in the making.
pub struct Tx<'v> {
    view: &'v View,
    /// The changes so far.
    pub changes: Changes,
    follow_ups: Vec<FollowUp>,
    actor: &'v Actor,
    knowledge: Knowledge<'v>,
}

fn find<'a, K: Eq + Hash, V>(
    changed: &'a HashMap<K, V>,
    seen: &'a Rows<K, V>,
    id: &K,
    is_complete: bool,
    missing: impl FnOnce() -> Key,
) -> Result<Option<&'a V>, Stop> {
    if let Some(row) = changed.get(id) {
        return Ok(Some(row));
    }
    match seen.get(id) {
        Some(row) => Ok(row.as_ref()),
        None if is_complete => Ok(None),
        None => Err(Stop::Missing(missing())),
    }
}

macro_rules! rows {
    ($($(#[$doc:meta])* $find:ident $get:ident $put:ident $table:ident $id:ty => $row:ty, $key:path, $word:literal, |$r:ident| $rid:expr;)*) => {
        impl Tx<'_> {$(
            $(#[$doc])*
            pub fn $find(&self, id: &$id) -> Result<Option<&$row>, Stop> {
                find(&self.changes.$table, &self.view.$table, id, self.view.is_complete, || $key(id.clone()))
            }

            /// The row, or a refusal that names what is missing.
            pub fn $get(&self, id: &$id) -> Result<&$row, Stop> {
                self.$find(id)?.ok_or_else(|| Refusal::not_found($word, id).into())
            }

            /// Writes the row.
            pub fn $put(&mut self, $r: $row) {
                self.changes.$table.insert($rid, $r);
            }
        )*}
    };
}

rows! {
    /// The row, if there is one.
    find_project project put_project projects ProjectId => Project, Key::Project, "project", |row| row.id.clone();
    /// The row, if there is one.
    find_plan plan put_plan plans PlanId => PlanVersion, Key::Plan, "plan", |row| row.id.clone();
    /// The row, if there is one.
    find_task task put_task tasks TaskId => Task, Key::Task, "task", |row| row.id.clone();
    /// The row, if there is one.
    find_call call put_call calls CallId => Call, Key::Call, "call", |row| row.id.clone();
    /// The row, if there is one.
    find_operation operation put_operation operations OperationId => Operation, Key::Operation, "operation", |row| row.id.clone();
    /// The row, if there is one.
    find_checkpoint checkpoint put_checkpoint checkpoints CheckpointId => Checkpoint, Key::Checkpoint, "checkpoint", |row| row.id.clone();
}

impl<'v> Tx<'v> {
    /// Nothing decided yet.
    #[must_use]
    pub fn new(view: &'v View, actor: &'v Actor, knowledge: Knowledge<'v>) -> Self {
        Self { view, changes: Changes::default(), follow_ups: Vec::new(), actor, knowledge }
    }

    /// Ends it.
    #[must_use]
    pub fn finish(self, outcome: Outcome) -> Decision {
        Decision { changes: self.changes, outcome, follow_ups: self.follow_ups }
    }

    /// The present.
    #[must_use]
    pub const fn now(&self) -> Timestamp {
        self.knowledge.now
    }

    /// Rules as configured.
    #[must_use]
    pub const fn policy(&self) -> &'v Policy {
        self.knowledge.policy
    }

    /// Fresh ids.
    pub fn ids(&mut self) -> &mut dyn IdSource {
        self.knowledge.ids
    }

    /// Who asks.
    #[must_use]
    pub const fn actor(&self) -> &'v Actor {
        self.actor
    }

    /// Something to do after the commit; the same thing once.
    pub fn follow_up(&mut self, follow_up: FollowUp) {
        if !self.follow_ups.contains(&follow_up) {
            self.follow_ups.push(follow_up);
        }
    }

    /// Changes a project in place.
    pub fn edit_project(&mut self, id: &ProjectId, edit: impl FnOnce(&mut Project)) -> Result<(), Stop> {
        let mut project = self.project(id)?.clone();
        edit(&mut project);
        project.updated_at = self.now();
        self.put_project(project);
        Ok(())
    }

    /// Tasks that need this one.
    pub fn dependents(&self, id: &TaskId, is_deep: bool) -> Result<Arc<Vec<TaskId>>, Stop> {
        let found = find(&self.changes.dependents, &self.view.dependents, id, self.view.is_complete, || {
            if is_deep { Key::Descendants(id.clone()) } else { Key::Dependents(id.clone()) }
        })?;
        Ok(found.cloned().unwrap_or_default())
    }

    /// Tasks of a wave that can still advance by themselves.
    pub fn wave(&self, project: &ProjectId, wave: u32) -> Result<u32, Stop> {
        let key = (project.clone(), wave);
        let found = find(&self.changes.waves, &self.view.waves, &key, self.view.is_complete, || {
            Key::Wave(project.clone(), wave)
        })?;
        Ok(found.copied().unwrap_or(0))
    }

    /// Sets a wave's counter.
    pub fn put_wave(&mut self, project: &ProjectId, wave: u32, holding: u32) {
        self.changes.waves.insert((project.clone(), wave), holding);
    }

    /// An attempt, which must be there.
    pub fn attempt(&self, task: &TaskId, number: u32) -> Result<&Attempt, Stop> {
        let key = (task.clone(), number);
        find(&self.changes.attempts, &self.view.attempts, &key, self.view.is_complete, || {
            Key::Attempt(task.clone(), number)
        })?
        .ok_or_else(|| Stop::Broken(format!("attempt {number} of task {task} is missing")))
    }

    /// Writes an attempt.
    pub fn put_attempt(&mut self, attempt: Attempt) {
        self.changes.attempts.insert((attempt.task.clone(), attempt.number), attempt);
    }

    /// A step, if there is one.
    pub fn find_step(&self, key: &StepKey) -> Result<Option<&Step>, Stop> {
        find(&self.changes.steps, &self.view.steps, key, self.view.is_complete, || Key::Step(key.clone()))
    }

    /// A step, which must be there.
    pub fn step(&self, key: &StepKey) -> Result<&Step, Stop> {
        self.find_step(key)?.ok_or_else(|| {
            Stop::Broken(format!(
                "step {} of attempt {} of {} is missing",
                key.seq,
                key.attempt,
                key.owner.as_str()
            ))
        })
    }

    /// Writes a step.
    pub fn put_step(&mut self, step: Step) {
        self.changes.steps.insert(step.key(), step);
    }

    /// An account; an empty one where nothing was booked yet.
    pub fn account(&self, key: &Arc<str>) -> Result<Account, Stop> {
        let found = find(&self.changes.accounts, &self.view.accounts, key, self.view.is_complete, || {
            Key::Account(Arc::clone(key))
        })?;
        Ok(found.cloned().unwrap_or_else(|| Account::new(Arc::clone(key))))
    }

    /// Writes an account.
    pub fn put_account(&mut self, account: Account) {
        self.changes.accounts.insert(Arc::clone(&account.key), account);
    }

    /// The file published at a path, if any.
    pub fn find_file(&self, project: &ProjectId, path: &Arc<str>) -> Result<Option<&PublishedFile>, Stop> {
        let key = (project.clone(), Arc::clone(path));
        find(&self.changes.files, &self.view.files, &key, self.view.is_complete, || {
            Key::File(project.clone(), Arc::clone(path))
        })
    }

    /// Publishes a file.
    pub fn put_file(&mut self, file: PublishedFile) {
        self.changes.files.insert((file.project.clone(), file.entry.path.as_str().into()), file);
    }

    /// Appends to the ledger.
    pub fn book(&mut self, entry: LedgerEntry) {
        self.changes.ledger.push(entry);
    }

    /// Keeps texts by hash.
    pub fn keep(&mut self, blobs: impl IntoIterator<Item = Blob>) {
        self.changes.blobs.extend(blobs);
    }

    /// Keeps a text for the next attempt.
    pub fn tell_next_attempt(&mut self, feedback: Feedback) {
        self.changes.feedback.push(feedback);
    }

    /// Changes rows by the thousand.
    pub fn bulk(&mut self, bulk: Bulk) {
        self.changes.bulk.push(bulk);
    }

    /// Appends an event under the project's next number.
    pub fn event(
        &mut self,
        project: &ProjectId,
        task: Option<&TaskId>,
        kind: EventKind,
        message: impl Into<String>,
        data: impl IntoIterator<Item = (&'static str, Value)>,
    ) -> Result<(), Stop> {
        let mut row = self.project(project)?.clone();
        row.event_seq += 1;
        let event = Event {
            project: project.clone(),
            seq: row.event_seq,
            at: self.now(),
            kind,
            task: task.cloned(),
            actor: self.actor.label(),
            message: message.into(),
            data: data.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>(),
        };
        self.changes.events.push(event);
        self.put_project(row);
        Ok(())
    }
}
