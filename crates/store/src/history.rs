//! What earlier tasks took: the samples that forecasts are made from.

use std::sync::Arc;

use domain::model::Usage;
use domain::money::NanoUsd;
use domain::ports::StoreError;
use domain::routing::Tier;
use domain::task::{Complexity, TaskType};

use crate::error::{Failure, store_error};
use crate::open::Store;
use crate::table::Table;

const SAMPLES: Table = Table {
    name: "tasks",
    key: &[],
    columns: &[
        "task_type",
        "complexity",
        "tier",
        "model",
        "cost",
        "started_at",
        "completed_at",
        "input_tokens",
        "output_tokens",
        "cache_write_5m_tokens",
        "cache_write_1h_tokens",
        "cache_read_tokens",
    ],
};

/// One completed task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistorySample {
    /// Kind of work.
    pub task_type: TaskType,
    /// How hard.
    pub complexity: Complexity,
    /// Class of model.
    pub tier: Tier,
    /// The model of its last call.
    pub model: Arc<str>,
    /// Booked for all its calls.
    pub cost: NanoUsd,
    /// From its last beginning to its completion, in milliseconds.
    pub took_ms: u64,
    /// Tokens of all its calls.
    pub usage: Usage,
}

impl Store {
    /// Tasks that were completed, latest first. Those whose model was simulated
    /// are left out unless they are asked for, and then nothing else is given.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn history_samples(
        &self,
        is_simulated: bool,
        limit: u32,
    ) -> Result<Vec<HistorySample>, StoreError> {
        let sql = crate::dialect::cached("history_samples", || {
            format!(
                "SELECT {} FROM tasks t WHERE state = 'completed' AND completed_at IS NOT NULL \
                 AND model IS NOT NULL AND started_at IS NOT NULL \
                 AND EXISTS (SELECT 1 FROM calls c WHERE c.owner = t.id AND c.state <> 'free' \
                 AND (c.provider = 'simulated') = $1) \
                 ORDER BY completed_at DESC LIMIT $2",
                SAMPLES.list("t.")
            )
        });
        let rows = sqlx::query(sql)
            .bind(i64::from(is_simulated))
            .bind(limit)
            .fetch_all(self.reader())
            .await
            .map_err(store_error)?;
        let read = |row| -> Result<HistorySample, Failure> {
            let mut row = SAMPLES.cursor(row, 0);
            let (task_type, complexity) = (row.word(TaskType::parse)?, row.word(Complexity::parse)?);
            let (tier, model, cost) = (row.word(Tier::parse)?, row.text()?, row.money()?);
            let (started_at, completed_at) = (row.time()?, row.time()?);
            let took_ms = completed_at.ms_since(started_at);
            Ok(HistorySample { task_type, complexity, tier, model, cost, took_ms, usage: row.usage()? })
        };
        rows.iter().map(|row| read(row).map_err(store_error)).collect()
    }
}
