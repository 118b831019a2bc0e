//! Everything the engine needs, passed in.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use domain::ports::{Clock, IdSource, ModelProvider, ProjectStore, Toolbox, Workspaces};

use crate::settings::Settings;

/// Providers by name (`anthropic`, `ollama`, `simulated`). One that is not here is
/// not configured.
pub type Providers = BTreeMap<String, Arc<dyn ModelProvider>>;

/// What one engine works with.
pub struct Deps {
    /// The only place that changes state.
    pub store: Arc<dyn ProjectStore>,
    /// Who answers model calls.
    pub providers: Providers,
    /// What models may use.
    pub toolbox: Arc<dyn Toolbox>,
    /// Files.
    pub workspaces: Arc<dyn Workspaces>,
    /// Wall time.
    pub clock: Arc<dyn Clock>,
    /// Fresh ids.
    pub ids: Box<dyn IdSource + Send>,
    /// Configuration.
    pub settings: Settings,
}

/// Fresh ids for many workers.
pub(crate) struct SharedIds(Mutex<Box<dyn IdSource + Send>>);

impl SharedIds {
    pub(crate) fn new(ids: Box<dyn IdSource + Send>) -> Self {
        Self(Mutex::new(ids))
    }

    /// Makes an id.
    pub(crate) fn make<T>(&self, make: impl FnOnce(&mut dyn IdSource) -> T) -> T {
        let mut ids = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        make(ids.as_mut())
    }

    /// Any number, to spread waits: taken from fresh id text, whose end is random.
    pub(crate) fn random(&self) -> u64 {
        let text = self.make(|ids| ids.fresh());
        text.bytes().rev().take(16).fold(0u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte)))
    }
}
