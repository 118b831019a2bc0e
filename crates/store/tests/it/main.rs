//! The conformance suite on SQLite, and what only a database on disk can show.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod bench;
mod direct;
mod opening;
mod reading;
mod writing;

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use domain::policy::Policy;
use domain::ports::ProjectStore;
use store::{Store, StoreOptions};
use testkit::check::Dump;
use testkit::conformance::Backend;
use testkit::{FakeClock, SeqIds};

/// A database in a folder of its own.
pub struct Sqlite {
    folder: tempfile::TempDir,
    store: Store,
    policy: Policy,
    clock: Arc<FakeClock>,
    generation: u32,
}

/// Options with ids that no other generation gives.
pub fn options(policy: Policy, clock: Arc<FakeClock>, generation: u32) -> StoreOptions {
    let ids = Box::new(SeqIds::new(format!("s{generation}_")));
    StoreOptions { policy: Arc::new(policy), clock, ids }
}

impl Sqlite {
    /// The database's file.
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("orchestration.db")
    }

    /// The store itself.
    pub const fn raw(&self) -> &Store {
        &self.store
    }
}

#[async_trait]
impl Backend for Sqlite {
    async fn open(policy: Policy, clock: Arc<FakeClock>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("orchestration.db");
        let store = Store::open(&path, options(policy.clone(), Arc::clone(&clock), 0)).await.unwrap();
        Self { folder, store, policy, clock, generation: 0 }
    }

    fn store(&self) -> Arc<dyn ProjectStore> {
        Arc::new(self.store.clone())
    }

    async fn reopen(mut self) -> Self {
        self.store.close().await;
        self.generation += 1;
        let options = options(self.policy.clone(), Arc::clone(&self.clock), self.generation);
        self.store = Store::open(&self.path(), options).await.unwrap();
        self
    }

    async fn dump(&self) -> Dump {
        let dump = self.store.dump().await.unwrap();
        Dump { view: dump.view, ledger: dump.ledger, events: dump.events }
    }

    fn set_policy(&self, policy: Policy) {
        self.store.set_policy(Arc::new(policy));
    }
}

testkit::conformance!(Sqlite);
