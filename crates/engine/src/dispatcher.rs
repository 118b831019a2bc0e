//! Hands ready work to free slots. The loop selects an event, decides what that
//! means without waiting for anything, and performs it.

use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use domain::attempt::Owner;
use domain::decide::{Command, Envelope, FollowUp};
use domain::ports::{
    Applied, Clock, Delivery, Offer, ProjectStore, ReadyQuery, StoreError, Toolbox, Work, WorkQueue,
    Workspaces,
};
use domain::time::Timestamp;
use domain::tool::ToolSpec;
use futures::FutureExt as _;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::cuts::Cuts;
use crate::deps::{Deps, Providers, SharedIds};
use crate::live::Live;
use crate::places::Places;
use crate::publish::Gates;
use crate::queue::LocalQueue;
use crate::settings::Settings;
use crate::task::Stopped;
use crate::{planner, recover, task};

/// Offers kept waiting, as a multiple of the slots.
const OFFERS_PER_SLOT: usize = 2;
/// Between two chunks of a removal.
const REMOVAL_PAUSE: Duration = Duration::from_millis(5);
/// Operations that may run beside the tasks.
const OPERATION_SLOTS: usize = 4;
/// Operations that may wait for one of these: they are not offered again.
const OPERATIONS_WAITING: usize = 100_000;

/// What workers share.
pub(crate) struct Engine {
    pub(crate) store: Arc<dyn ProjectStore>,
    pub(crate) providers: Providers,
    pub(crate) toolbox: Arc<dyn Toolbox>,
    pub(crate) tool_specs: Vec<Arc<ToolSpec>>,
    pub(crate) workspaces: Arc<dyn Workspaces>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: SharedIds,
    pub(crate) settings: Settings,
    pub(crate) queue: LocalQueue,
    /// Operations have slots of their own: they must not take those of tasks, nor
    /// wait behind them.
    pub(crate) operations: LocalQueue,
    pub(crate) live: Live,
    pub(crate) cuts: Cuts,
    pub(crate) gates: Arc<Gates>,
    pub(crate) requirements: crate::commands::RequirementCache,
    pub(crate) places: Arc<Places>,
    /// Something may be ready.
    pub(crate) wake: Arc<Notify>,
    /// Money was freed since the feeder last asked.
    money_freed: std::sync::atomic::AtomicBool,
    /// The earliest instant somebody asked to be woken at.
    wake_at: AtomicI64,
    /// Counts up whenever an operation ends or a project changes.
    pub(crate) progress: watch::Sender<u64>,
    /// No new call starts.
    pub(crate) drain: CancellationToken,
    /// Calls in flight are cut.
    pub(crate) hard: CancellationToken,
}

/// A running engine.
#[derive(Clone)]
pub struct Handle {
    pub(crate) engine: Arc<Engine>,
    done: watch::Receiver<bool>,
}

/// Recovers what a dead engine left, then starts the loop.
///
/// # Errors
/// When the database cannot be read or written.
pub async fn start(deps: Deps) -> Result<Handle, StoreError> {
    let slots = deps.settings.slots.max(1);
    let engine = Arc::new(Engine {
        store: deps.store,
        providers: deps.providers,
        tool_specs: deps.toolbox.specs(),
        toolbox: deps.toolbox,
        workspaces: deps.workspaces,
        clock: deps.clock,
        ids: SharedIds::new(deps.ids),
        queue: LocalQueue::new(slots * OFFERS_PER_SLOT),
        operations: LocalQueue::new(OPERATIONS_WAITING),
        live: Live::new(),
        cuts: Cuts::default(),
        gates: Arc::default(),
        requirements: crate::commands::RequirementCache::default(),
        places: Arc::new(Places::new(deps.settings.concurrency.clone())),
        wake: Arc::new(Notify::new()),
        money_freed: false.into(),
        wake_at: AtomicI64::new(i64::MAX),
        progress: watch::Sender::new(0),
        drain: CancellationToken::new(),
        hard: CancellationToken::new(),
        settings: deps.settings,
    });
    recover::run(&engine).await?;
    let (done_tx, done) = watch::channel(false);
    let running = Arc::clone(&engine);
    tokio::spawn(async move {
        Dispatcher::new(running).run().await;
        // Nobody listening any more is fine.
        let _ = done_tx.send(true);
    });
    Ok(Handle { engine, done })
}

impl Handle {
    /// Starts no new call and lets those in flight finish.
    pub fn drain(&self) {
        self.engine.drain.cancel();
    }

    /// Cuts calls in flight. Their tasks go on at the next start.
    pub fn stop(&self) {
        self.engine.drain.cancel();
        self.engine.hard.cancel();
    }

    /// Returns once all workers have ended after `drain` or `stop`.
    pub async fn stopped(&self) {
        let mut done = self.done.clone();
        // An error means that the loop is gone, which is what is waited for.
        let _ = done.wait_for(|is_done| *is_done).await;
    }
}

impl Engine {
    /// Applies commands and performs what follows from them.
    pub(crate) async fn apply(&self, commands: Vec<Envelope>) -> Vec<Result<Applied, StoreError>> {
        let results = self.store.apply(commands).await;
        for applied in results.iter().flatten() {
            self.perform(&applied.follow_ups).await;
        }
        results
    }

    /// Applies one command of a worker's.
    pub(crate) async fn apply_one(&self, command: Envelope) -> Result<Applied, Stopped> {
        match self.apply(vec![command]).await.pop() {
            Some(Ok(applied)) => Ok(applied),
            Some(Err(error)) => Err(error.into()),
            None => Err(Stopped::Store("the store gave no answer".to_owned())),
        }
    }

    /// Files first, so that what is woken finds them.
    async fn perform(&self, follow_ups: &[FollowUp]) {
        for follow_up in follow_ups {
            if let FollowUp::Publish(project, entries) = follow_up
                && let Err(error) = self.workspaces.publish(project, entries).await
            {
                tracing::error!(%project, %error, "files could not be published; the next start tries again");
            }
        }
        let mut offers = Vec::new();
        for follow_up in follow_ups {
            match follow_up {
                FollowUp::Publish(..) => {}
                FollowUp::Quiet(project) => self.note_published(project.clone()),
                FollowUp::Offer(offer) => offers.push(offer.clone()),
                FollowUp::Wake => self.wake.notify_one(),
                FollowUp::MoneyFreed => {
                    self.money_freed.store(true, Ordering::Relaxed);
                }
                FollowUp::WakeAt(at) => {
                    self.wake_at.fetch_min(at.0, Ordering::Relaxed);
                    self.wake.notify_one();
                }
                FollowUp::CutProject(project) => self.cuts.project(project),
                FollowUp::CutTask(task) => self.cuts.task(task),
                FollowUp::Discard(project, task) => {
                    if let Err(error) = self.workspaces.discard(project, task).await {
                        tracing::warn!(%task, %error, "staging folder left behind");
                    }
                }
                FollowUp::Remove(project) => self.remove(project).await,
            }
        }
        if !offers.is_empty() {
            self.offer(offers).await;
        }
    }

    /// Puts work into the queue of its kind.
    pub(crate) async fn offer(&self, offers: Vec<Offer>) {
        let (tasks, operations): (Vec<Offer>, Vec<Offer>) =
            offers.into_iter().partition(|offer| matches!(offer.work, Work::Task(_)));
        if !tasks.is_empty() {
            self.queue.offer(tasks).await;
        }
        if !operations.is_empty() {
            self.operations.offer(operations).await;
        }
    }

    /// Once everything that is on its way is in place, says so in the database, so
    /// that no later start has to look. Dying before costs a look, nothing more.
    fn note_published(&self, project: domain::id::ProjectId) {
        let (gates, store) = (Arc::clone(&self.gates), Arc::clone(&self.store));
        tokio::spawn(async move {
            gates.settled(&project).await;
            let command = Command::Published(project);
            if let Some(Err(error)) = store.apply(vec![Envelope::engine(command)]).await.pop() {
                tracing::debug!(%error, "the next start looks at the project's files again");
            }
        });
    }

    /// Removes a deleted project in chunks, so that nothing else waits for it.
    pub(crate) async fn remove(&self, project: &domain::id::ProjectId) {
        self.gates.forget(project);
        loop {
            match self.store.remove_some(project).await {
                // A call in flight holds its rows until it is booked.
                Ok(true) => tokio::time::sleep(REMOVAL_PAUSE).await,
                Ok(false) => break,
                Err(error) => {
                    tracing::warn!(%project, %error, "removal stopped; the next start goes on");
                    return;
                }
            }
        }
        if let Err(error) = self.workspaces.remove(project).await {
            tracing::warn!(%project, %error, "files of a deleted project left behind");
        }
    }

    /// Looks for work again.
    pub(crate) fn nudge(&self) {
        self.wake.notify_one();
    }

    /// Tells those who wait for something to end to look again.
    pub(crate) fn made_progress(&self) {
        self.progress.send_modify(|count| *count += 1);
    }
}

/// What woke the loop.
enum Woken {
    /// Something may be ready.
    Look,
    /// Work was handed out.
    Taken(Vec<Delivery>),
    /// A worker has ended.
    Ended(Option<(Work, bool)>),
    /// Nobody said anything for a while.
    Tick,
    /// No new work.
    Drained,
}

/// The loop's own state.
struct Dispatcher {
    engine: Arc<Engine>,
    workers: JoinSet<(Work, bool)>,
    slots: usize,
    /// One more owner for each worker at a task, and at an operation.
    at_tasks: Arc<()>,
    at_operations: Arc<()>,
    /// The database may have ready work that is not in the queue.
    is_hungry: bool,
    next_wake: Option<Timestamp>,
    /// Work whose worker died of a defect, to be recovered.
    lost: VecDeque<Work>,
}

impl Dispatcher {
    fn new(engine: Arc<Engine>) -> Self {
        let slots = engine.settings.slots.max(1);
        Self {
            engine,
            workers: JoinSet::new(),
            slots,
            at_tasks: Arc::default(),
            at_operations: Arc::default(),
            is_hungry: true,
            next_wake: None,
            lost: VecDeque::new(),
        }
    }

    async fn run(mut self) {
        loop {
            if self.is_hungry && self.engine.queue.waiting() * 2 <= self.slots {
                self.feed().await;
            }
            match self.next().await {
                Woken::Look | Woken::Tick => self.is_hungry = true,
                Woken::Taken(deliveries) => {
                    let is_task = |delivery: &&Delivery| matches!(delivery.offer.work, Work::Task(_));
                    self.engine.places.filled(deliveries.iter().filter(is_task).count());
                    for delivery in deliveries {
                        self.start_worker(delivery);
                    }
                }
                Woken::Ended(ended) => self.ended(ended).await,
                Woken::Drained => break,
            }
            self.is_hungry |= self.engine.queue.take_dropped();
            self.is_hungry |= self.engine.money_freed.load(Ordering::Relaxed);
        }
        self.finish().await;
    }

    async fn next(&mut self) -> Woken {
        let working = |marker: &Arc<()>| Arc::strong_count(marker) - 1;
        let free = self.engine.places.worth_filling(self.slots.saturating_sub(working(&self.at_tasks)));
        let free_operations = OPERATION_SLOTS.saturating_sub(working(&self.at_operations));
        let pause = self.pause();
        let engine = Arc::clone(&self.engine);
        tokio::select! {
            biased;
            () = engine.drain.cancelled() => Woken::Drained,
            Some(ended) = self.workers.join_next(), if !self.workers.is_empty() => {
                if let Err(error) = &ended {
                    tracing::error!(%error, "a worker died; its work will be recovered");
                }
                Woken::Ended(ended.ok())
            }
            taken = engine.operations.take(free_operations), if free_operations > 0 => Woken::Taken(taken),
            taken = engine.queue.take(free), if free > 0 => Woken::Taken(taken),
            () = engine.wake.notified() => Woken::Look,
            () = tokio::time::sleep(pause) => Woken::Tick,
        }
    }

    /// How long nothing needs to be looked at.
    fn pause(&self) -> Duration {
        let tick = self.engine.settings.tick;
        let asked = Timestamp(self.engine.wake_at.load(Ordering::Relaxed));
        let next = self.next_wake.map_or(asked, |next| next.min(asked));
        let until = Duration::from_millis(next.ms_since(self.engine.clock.now()));
        until.clamp(Duration::from_millis(1), tick)
    }

    /// Fills the queue from the database.
    async fn feed(&mut self) {
        let engine = &self.engine;
        let now = engine.clock.now();
        let limit = engine.settings.slots.max(1) * OFFERS_PER_SLOT;
        if self.next_wake.is_none_or(|at| at <= now) {
            engine.expire_leases(now).await;
        }
        let is_money_freed = engine.money_freed.swap(false, Ordering::Relaxed);
        engine.wake_at.store(i64::MAX, Ordering::Relaxed);
        match engine.store.ready(ReadyQuery { limit, now, is_money_freed }).await {
            Ok(offers) => {
                // A full answer may not be all there is.
                self.is_hungry = offers.len() >= limit;
                if offers.is_empty() {
                    engine.places.all_served();
                }
                engine.queue.offer(offers).await;
            }
            Err(error) => tracing::error!(%error, "ready work could not be read"),
        }
        // Work that is known already was left out, which is not news.
        let _ = engine.queue.take_dropped();
        match engine.store.next_wake(now).await {
            Ok(next) => self.next_wake = next,
            Err(error) => tracing::error!(%error, "wake times could not be read"),
        }
    }

    fn start_worker(&mut self, delivery: Delivery) {
        let engine = Arc::clone(&self.engine);
        let marker = match delivery.offer.work {
            Work::Task(_) => Arc::clone(&self.at_tasks),
            Work::Operation(_) => Arc::clone(&self.at_operations),
        };
        self.workers.spawn(async move {
            let _marker = marker;
            let work = delivery.offer.work.clone();
            let run = async {
                match &work {
                    Work::Task(id) => task::run(&engine, id, delivery.offer.fence).await,
                    Work::Operation(id) => planner::run(&engine, id).await,
                }
            };
            // A defect in one task must not leave it running for ever.
            let is_well = AssertUnwindSafe(run).catch_unwind().await.unwrap_or_else(|_| {
                tracing::error!(?work, "a worker died of a defect; its work is recovered");
                false
            });
            delivery.settle();
            (work, is_well)
        });
    }

    async fn ended(&mut self, ended: Option<(Work, bool)>) {
        self.engine.made_progress();
        if let Some((work, false)) = ended {
            self.lost.push_back(work);
        }
        while let Some(work) = self.lost.pop_front() {
            let owner = match work {
                Work::Task(id) => Owner::Task(id),
                Work::Operation(id) => Owner::Operation(id),
            };
            if let Err(error) = self.engine.apply_one(Envelope::engine(Command::Recover(owner))).await {
                tracing::error!(?error, "lost work could not be recovered; the next start goes on with it");
            }
        }
    }

    /// Waits for the workers: as long as `grace` says, then cuts them.
    async fn finish(mut self) {
        let grace = self.engine.settings.grace;
        let hard = self.engine.hard.clone();
        let all_ended = async { while self.workers.join_next().await.is_some() {} };
        tokio::pin!(all_ended);
        tokio::select! {
            () = &mut all_ended => return,
            () = hard.cancelled() => {}
            () = tokio::time::sleep(grace) => hard.cancel(),
        }
        all_ended.await;
    }
}
