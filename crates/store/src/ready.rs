//! Which tasks may start now. The rule is the claim's; this statement only finds
//! candidates, a few per project by index, and the claim decides.

use std::collections::BTreeMap;

use domain::id::{ProjectId, TaskId, UserId};
use domain::ports::{Offer, ReadyQuery, StoreError, Work};
use domain::project::Dispatch;
use domain::share::{Share, deal};
use domain::time::Timestamp;

use crate::error::{Failure, store_error};
use crate::open::Store;
use crate::table::Table;

/// Columns of the statement below, for messages about damaged rows.
const CANDIDATES: Table =
    Table { name: "projects and tasks", key: &[], columns: &["project", "owner", "active", "task", "fence"] };

/// The best tasks of each executing project: no more of each than are wanted in
/// all, so the cost does not grow with what waits behind them. `$1` now, `$2`
/// whether money was freed, `$3` the dispatch where a project has none of its
/// own, `$4` how many.
const READY: &str = "SELECT p.id, p.owner, p.active, t.id, t.fence FROM projects p \
    JOIN tasks t ON t.id IN ( \
        SELECT c.id FROM tasks c \
        WHERE c.project = p.id AND c.state = 'ready' AND c.plan = p.approved_plan \
        AND c.parked_epoch <> p.money_epoch \
        AND (c.wake_at IS NULL OR c.wake_at <= $1 OR ($2 = 1 AND c.wait_reason = 'money')) \
        AND (p.execution_mode = 'auto' OR (p.execution_mode = 'hybrid' AND c.tier = 'ollama')) \
        AND (coalesce(p.dispatch, $3) = 'dataflow' OR c.wave <= p.open_wave) \
        ORDER BY c.priority, c.wave, c.created_at, c.place LIMIT $4) \
    WHERE p.state = 'executing' AND p.is_deleted = 0 \
    ORDER BY p.id, t.priority, t.wave, t.created_at, t.place";

/// The next instant at which something that waits wants to be looked at.
const NEXT_WAKE: &str = "SELECT min(wake_at) FROM ( \
    SELECT t.wake_at FROM tasks t JOIN projects p ON p.id = t.project \
    WHERE t.wake_at > $1 AND t.state = 'ready' AND p.state = 'executing' AND p.is_deleted = 0 \
    UNION ALL \
    SELECT lease_until FROM tasks WHERE lease_until > $1 \
    UNION ALL \
    SELECT wake_at FROM operations WHERE state = 'running' AND wake_at > $1)";

impl Store {
    pub(crate) async fn find_ready(&self, query: ReadyQuery) -> Result<Vec<Offer>, StoreError> {
        let dispatch = match self.dispatch() {
            Dispatch::Wave => "wave",
            Dispatch::Dataflow => "dataflow",
        };
        let rows = sqlx::query(READY)
            .bind(query.now.0)
            .bind(i64::from(query.is_money_freed))
            .bind(dispatch)
            .bind(i64::try_from(query.limit).unwrap_or(i64::MAX))
            .fetch_all(self.reader())
            .await
            .map_err(store_error)?;
        let mut shares: BTreeMap<ProjectId, Share> = BTreeMap::new();
        for row in &rows {
            let mut cursor = CANDIDATES.cursor(row, 0);
            let mut take = || -> Result<_, Failure> {
                let project = ProjectId::new(cursor.text()?);
                let owner = cursor.opt_text()?.map(UserId::new);
                let active = cursor.num()?;
                let work = Work::Task(TaskId::new(cursor.text()?));
                Ok((project, owner, active, Offer { work, fence: cursor.num()? }))
            };
            let (project, owner, active, offer) = take().map_err(store_error)?;
            shares
                .entry(project.clone())
                .or_insert_with(|| Share { project, owner, active, offers: Vec::new() })
                .offers
                .push(offer);
        }
        Ok(deal(shares.into_values().collect(), query.limit))
    }

    pub(crate) async fn find_expired_leases(&self, now: Timestamp) -> Result<Vec<TaskId>, StoreError> {
        let ids: Vec<String> = sqlx::query_scalar(
            "SELECT id FROM tasks WHERE lease_until <= $1 ORDER BY lease_until, id LIMIT 500",
        )
        .bind(now.0)
        .fetch_all(self.reader())
        .await
        .map_err(store_error)?;
        Ok(ids.into_iter().map(TaskId::new).collect())
    }

    pub(crate) async fn find_next_wake(&self, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        let wake: Option<i64> =
            sqlx::query_scalar(NEXT_WAKE).bind(now.0).fetch_one(self.reader()).await.map_err(store_error)?;
        Ok(wake.map(Timestamp))
    }
}
