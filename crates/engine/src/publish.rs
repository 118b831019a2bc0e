//! Published files and the tasks that read them. A task that becomes ready by a
//! commit may start before the files of that commit are in place; it waits here
//! until they are.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use domain::id::ProjectId;
use tokio::sync::{OwnedRwLockReadGuard, RwLock};

/// One gate per project with files on their way.
#[derive(Debug, Default)]
pub(crate) struct Gates(Mutex<HashMap<ProjectId, Arc<RwLock<()>>>>);

impl Gates {
    fn gate(&self, project: &ProjectId) -> Arc<RwLock<()>> {
        let mut gates = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(gates.entry(project.clone()).or_default())
    }

    /// Held from before the commit until the files are in place.
    pub(crate) async fn publishing(&self, project: &ProjectId) -> OwnedRwLockReadGuard<()> {
        self.gate(project).read_owned().await
    }

    /// Returns once everything that was on its way is in place.
    pub(crate) async fn settled(&self, project: &ProjectId) {
        let gate = {
            let gates = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            gates.get(project).map(Arc::clone)
        };
        if let Some(gate) = gate {
            drop(gate.write().await);
        }
    }

    /// Forgets a project that is gone.
    pub(crate) fn forget(&self, project: &ProjectId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(project);
    }
}
