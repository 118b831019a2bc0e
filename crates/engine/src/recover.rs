//! At the start: whatever a dead engine left is put right before anything new
//! begins. The lock on the data directory proves that it is dead.

use std::sync::Arc;

use domain::decide::{Command, Envelope};
use domain::ports::{Offer, StoreError, Work};

use crate::dispatcher::Engine;

/// Puts right what was left over. Safe to repeat, also after a crash in the
/// middle of it.
pub(crate) async fn run(engine: &Arc<Engine>) -> Result<(), StoreError> {
    let left = engine.store.left_over().await?;
    if !left.owners.is_empty() {
        tracing::info!(count = left.owners.len(), "going on with work that was interrupted");
    }
    for project in &left.unpublished {
        let entries = engine.store.manifest(project).await?;
        if entries.is_empty() {
            continue;
        }
        if let Err(error) = engine.workspaces.publish(project, &entries).await {
            tracing::error!(%project, %error, "published files could not be put right");
        }
    }
    let mut commands: Vec<Envelope> =
        left.owners.iter().cloned().map(|owner| Envelope::engine(Command::Recover(owner))).collect();
    commands.extend(left.unpublished.iter().cloned().map(|id| Envelope::engine(Command::Published(id))));
    // Limits and providers may have changed since the last start.
    commands.extend(left.executing.iter().cloned().map(|id| Envelope::engine(Command::Unpark(id))));
    for result in engine.apply(commands).await {
        match result {
            Ok(_) => {}
            Err(StoreError::Refused(refusal)) => tracing::warn!(%refusal, "nothing to recover after all"),
            Err(error) => return Err(error),
        }
    }
    let offers: Vec<Offer> =
        left.operations.into_iter().map(|id| Offer { work: Work::Operation(id), fence: 0 }).collect();
    engine.offer(offers).await;
    if !left.deleted.is_empty() {
        let engine = Arc::clone(engine);
        tokio::spawn(async move {
            for project in left.deleted {
                engine.remove(&project).await;
            }
        });
    }
    Ok(())
}
