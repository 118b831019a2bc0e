//! Sums over everything, for admins: what work cost, how it ended, what was
//! repeated. Money comes from the ledger, so simulated calls never count.
//!
//! Nothing here is asked for by the engine.

use domain::model::Usage;
use domain::money::NanoUsd;
use domain::ports::StoreError;
use domain::time::Timestamp;
use sqlx::sqlite::SqliteRow;
use sqlx::{FromRow, Sqlite};

use crate::error::store_error;
use crate::open::Store;

/// States that a task stays in until a person acts.
const ENDED: &str = "t.state IN ('completed', 'failed', 'cancelled', 'needs_review', 'skipped')";

/// Most rows of a list without a bound of its own.
const ROWS_MAX: i64 = 10_000;

/// Models that are listed.
const MODELS_MAX: i64 = 10;

/// What was spent on something.
#[derive(Clone, Debug, PartialEq)]
pub struct CostLine {
    /// Project, tier or day.
    pub key: String,
    /// The project's name, where there still is one.
    pub name: Option<String>,
    /// Booked.
    pub cost: NanoUsd,
    /// Tasks, or calls for days.
    pub count: u64,
}

/// What was spent on tasks that have ended, three ways.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CostBreakdown {
    /// By project, the dearest first.
    pub projects: Vec<CostLine>,
    /// By tier, the dearest first.
    pub tiers: Vec<CostLine>,
    /// By day, oldest first.
    pub days: Vec<CostLine>,
}

/// How tasks of one tier ended and were judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutcomeLine {
    /// The tier.
    pub tier: String,
    /// Tasks that have ended.
    pub total: u64,
    /// Of these, completed.
    pub completed: u64,
    /// Failed.
    pub failed: u64,
    /// Waiting for a person.
    pub needs_review: u64,
    /// Verdicts: passed.
    pub passed: u64,
    /// Gaps found.
    pub gaps_found: u64,
    /// A person was asked for.
    pub human_needed: u64,
}

/// What tasks of one tier took to end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EffortLine {
    /// The tier.
    pub tier: String,
    /// Tasks that have ended.
    pub total: u64,
    /// Of these, tried more than once.
    pub with_retries: u64,
    /// Further attempts and repeated calls.
    pub retries: u64,
    /// Completed.
    pub completed: u64,
    /// Judged well.
    pub passed: u64,
    /// Booked.
    pub cost: NanoUsd,
}

/// Completed tasks of one wave.
#[derive(Clone, Debug, PartialEq)]
pub struct WaveLine {
    /// The project.
    pub project: String,
    /// Its name.
    pub name: String,
    /// The wave.
    pub wave: u64,
    /// How many.
    pub count: u64,
    /// From beginning to completion, in milliseconds.
    pub average_ms: Option<f64>,
}

/// What work took.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Efficiency {
    /// By tier, in order of names.
    pub tiers: Vec<EffortLine>,
    /// Waves of projects.
    pub waves: Vec<WaveLine>,
    /// Questions that were asked.
    pub checkpoints: u64,
    /// Of these, not answered.
    pub open_checkpoints: u64,
}

/// What was used of something.
#[derive(Clone, Debug, PartialEq)]
pub struct SpendLine {
    /// Purpose, provider or model.
    pub key: String,
    /// The model's provider; the key itself elsewhere.
    pub provider: String,
    /// Booked.
    pub cost: NanoUsd,
    /// Calls.
    pub calls: u64,
    /// Tokens.
    pub usage: Usage,
}

/// All usage of a time, three ways; the dearest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UsageOverview {
    /// By purpose.
    pub purposes: Vec<SpendLine>,
    /// By provider.
    pub providers: Vec<SpendLine>,
    /// By model, the first ten.
    pub models: Vec<SpendLine>,
    /// Projects that used anything.
    pub projects: u64,
}

fn count(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

impl Store {
    async fn rows<T>(&self, sql: String, since: Timestamp, limit: i64) -> Result<Vec<T>, StoreError>
    where
        T: for<'r> FromRow<'r, SqliteRow> + Send + Unpin,
    {
        sqlx::query_as::<Sqlite, T>(sqlx::AssertSqlSafe(sql))
            .bind(since.0)
            .bind(limit)
            .fetch_all(self.reader())
            .await
            .map_err(store_error)
    }

    /// What was spent since then on tasks that have ended.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn cost_breakdown(&self, since: Timestamp) -> Result<CostBreakdown, StoreError> {
        let lines = async |key: &str, name: &str, counted: &str, order: &str| {
            let sql = format!(
                "SELECT {key}, max({name}), sum(l.amount), {counted} FROM ledger l \
                 JOIN tasks t ON t.id = l.task \
                 LEFT JOIN projects p ON p.id = l.project AND p.is_deleted = 0 \
                 WHERE l.is_simulated = 0 AND l.at >= $1 AND {ENDED} \
                 GROUP BY {key} ORDER BY {order} LIMIT $2"
            );
            let rows: Vec<(String, Option<String>, i64, i64)> = self.rows(sql, since, ROWS_MAX).await?;
            let line = |(key, name, cost, counted)| CostLine {
                key,
                name,
                cost: NanoUsd(cost),
                count: count(counted),
            };
            Ok::<_, StoreError>(rows.into_iter().map(line).collect::<Vec<_>>())
        };
        let tasks = "count(DISTINCT l.task)";
        Ok(CostBreakdown {
            projects: lines("l.project", "p.name", tasks, "3 DESC, 1").await?,
            tiers: lines("t.tier", "NULL", tasks, "3 DESC, 1").await?,
            days: lines("l.day", "NULL", "sum(l.kind = 'booking')", "1").await?,
        })
    }

    /// How tasks ended, by tier.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn task_outcomes(&self) -> Result<Vec<OutcomeLine>, StoreError> {
        type Row = (String, i64, i64, i64, i64, i64, i64, i64);
        let sql = format!(
            "SELECT t.tier, count(*), sum(t.state = 'completed'), sum(t.state = 'failed'), \
             sum(t.state = 'needs_review'), sum(coalesce(t.verdict, '') = 'passed'), \
             sum(coalesce(t.verdict, '') = 'gaps_found'), sum(coalesce(t.verdict, '') = 'human_needed') \
             FROM tasks t JOIN projects p ON p.id = t.project AND p.is_deleted = 0 \
             WHERE {ENDED} AND t.created_at >= $1 GROUP BY t.tier ORDER BY t.tier LIMIT $2"
        );
        let rows: Vec<Row> = self.rows(sql, Timestamp(i64::MIN), ROWS_MAX).await?;
        let line = |row: Row| OutcomeLine {
            tier: row.0,
            total: count(row.1),
            completed: count(row.2),
            failed: count(row.3),
            needs_review: count(row.4),
            passed: count(row.5),
            gaps_found: count(row.6),
            human_needed: count(row.7),
        };
        Ok(rows.into_iter().map(line).collect())
    }

    /// What work took, by tier and by wave.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn efficiency(&self) -> Result<Efficiency, StoreError> {
        type Row = (String, i64, i64, i64, i64, i64, i64);
        let ever = Timestamp(i64::MIN);
        // A repeated call is a row with a higher number of its step; further
        // attempts are counted on the task.
        let sql = format!(
            "SELECT tier, count(*), sum(again > 0), sum(again), sum(is_completed), sum(is_passed), sum(cost) \
             FROM (SELECT t.tier, max(t.attempt - 1, 0) + (SELECT count(*) FROM calls c \
             WHERE c.owner = t.id AND c.owner_kind = 'task' AND c.try_no > 1) AS again, \
             t.state = 'completed' AS is_completed, coalesce(t.verdict, '') = 'passed' AS is_passed, \
             coalesce(l.cost, 0) AS cost FROM tasks t \
             JOIN projects p ON p.id = t.project AND p.is_deleted = 0 \
             LEFT JOIN (SELECT task, sum(amount) AS cost FROM ledger WHERE is_simulated = 0 \
             AND task IS NOT NULL GROUP BY task) l ON l.task = t.id \
             WHERE {ENDED} AND t.created_at >= $1) GROUP BY tier ORDER BY tier LIMIT $2"
        );
        let rows: Vec<Row> = self.rows(sql, ever, ROWS_MAX).await?;
        let tier = |row: Row| EffortLine {
            tier: row.0,
            total: count(row.1),
            with_retries: count(row.2),
            retries: count(row.3),
            completed: count(row.4),
            passed: count(row.5),
            cost: NanoUsd(row.6),
        };
        let sql = "SELECT p.id, p.name, t.wave, count(*), avg(t.completed_at - t.started_at) FROM tasks t \
             JOIN projects p ON p.id = t.project AND p.is_deleted = 0 \
             WHERE t.state = 'completed' AND t.created_at >= $1 \
             GROUP BY p.id, t.wave ORDER BY p.id, t.wave LIMIT $2";
        let waves: Vec<(String, String, i64, i64, Option<f64>)> =
            self.rows(sql.to_owned(), ever, ROWS_MAX).await?;
        let wave = |(project, name, wave, tasks, average_ms)| WaveLine {
            project,
            name,
            wave: count(wave),
            count: count(tasks),
            average_ms,
        };
        let sql = "SELECT count(*), coalesce(sum(c.resolved_at IS NULL), 0) FROM checkpoints c \
             JOIN projects p ON p.id = c.project AND p.is_deleted = 0 WHERE c.created_at >= $1 LIMIT $2";
        let asked: Vec<(i64, i64)> = self.rows(sql.to_owned(), ever, 1).await?;
        let (checkpoints, open) = asked.first().copied().unwrap_or_default();
        Ok(Efficiency {
            tiers: rows.into_iter().map(tier).collect(),
            waves: waves.into_iter().map(wave).collect(),
            checkpoints: count(checkpoints),
            open_checkpoints: count(open),
        })
    }

    /// All usage since then.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn usage_overview(&self, since: Timestamp) -> Result<UsageOverview, StoreError> {
        type Row = (String, String, i64, i64, i64, i64, i64);
        let lines = async |key: &str, provider: &str, limit: i64| {
            let sql = format!(
                "SELECT {key}, {provider}, sum(amount), sum(kind = 'booking'), sum(input_tokens), \
                 sum(output_tokens), \
                 sum(cache_write_5m_tokens + cache_write_1h_tokens + cache_read_tokens) \
                 FROM ledger WHERE is_simulated = 0 AND at >= $1 \
                 GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2 LIMIT $2"
            );
            let rows: Vec<Row> = self.rows(sql, since, limit).await?;
            let line = |row: Row| SpendLine {
                key: row.0,
                provider: row.1,
                cost: NanoUsd(row.2),
                calls: count(row.3),
                usage: Usage {
                    input: count(row.4),
                    output: count(row.5),
                    cache_read: count(row.6),
                    ..Usage::default()
                },
            };
            Ok::<_, StoreError>(rows.into_iter().map(line).collect::<Vec<_>>())
        };
        let sql = "SELECT count(DISTINCT project) FROM ledger \
             WHERE is_simulated = 0 AND at >= $1 LIMIT $2";
        let projects: Vec<(i64,)> = self.rows(sql.to_owned(), since, 1).await?;
        Ok(UsageOverview {
            purposes: lines("purpose", "purpose", ROWS_MAX).await?,
            providers: lines("provider", "provider", ROWS_MAX).await?,
            models: lines("model", "provider", MODELS_MAX).await?,
            projects: projects.first().map_or(0, |row| count(row.0)),
        })
    }
}
