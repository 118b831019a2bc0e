//! The conformance suite on the store in memory.

use std::sync::Arc;

use async_trait::async_trait;
use domain::policy::Policy;
use domain::ports::ProjectStore;
use testkit::check::Dump;
use testkit::conformance::Backend;
use testkit::{FakeClock, MemoryStore, SeqIds};

struct Memory(MemoryStore);

#[async_trait]
impl Backend for Memory {
    async fn open(policy: Policy, clock: Arc<FakeClock>) -> Self {
        Self(MemoryStore::new(Arc::new(policy), clock, Box::new(SeqIds::new("m"))))
    }

    fn store(&self) -> Arc<dyn ProjectStore> {
        Arc::new(self.0.clone())
    }

    async fn reopen(self) -> Self {
        self
    }

    async fn dump(&self) -> Dump {
        self.0.dump()
    }

    fn set_policy(&self, policy: Policy) {
        self.0.set_policy(Arc::new(policy));
    }
}

testkit::conformance!(Memory);
