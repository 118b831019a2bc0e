//! Who runs right now, so that cancel and delete can cut it. Only a cache: what
//! is not here was never sent, or has ended.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use domain::id::{ProjectId, TaskId};
use domain::ports::Work;
use tokio_util::sync::CancellationToken;

/// Running work by what it is.
#[derive(Debug, Default)]
pub(crate) struct Cuts(Mutex<HashMap<Work, (ProjectId, CancellationToken)>>);

/// Leaves the list when the work ends, however it ends.
pub(crate) struct Running<'c> {
    cuts: &'c Cuts,
    work: Work,
    pub(crate) cut: CancellationToken,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.cuts.lock().remove(&self.work);
    }
}

impl Cuts {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Work, (ProjectId, CancellationToken)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Enters work; its token is cut by `hard` too.
    pub(crate) fn enter(&self, work: Work, project: ProjectId, hard: &CancellationToken) -> Running<'_> {
        let cut = hard.child_token();
        self.lock().insert(work.clone(), (project, cut.clone()));
        Running { cuts: self, work, cut }
    }

    /// Cuts a task.
    pub(crate) fn task(&self, id: &TaskId) {
        self.work(&Work::Task(id.clone()));
    }

    /// Cuts this work.
    pub(crate) fn work(&self, work: &Work) {
        if let Some((_, cut)) = self.lock().get(work) {
            cut.cancel();
        }
    }

    /// What runs now.
    pub(crate) fn running(&self) -> Vec<Work> {
        self.lock().keys().cloned().collect()
    }

    /// Cuts everything of a project.
    pub(crate) fn project(&self, id: &ProjectId) {
        for (project, cut) in self.lock().values() {
            if project == id {
                cut.cancel();
            }
        }
    }
}
