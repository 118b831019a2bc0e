//! Money: accounts, the ledger, and sums over it.

use std::sync::Arc;

use domain::attempt::{Call, EntryKind, LedgerEntry};
use domain::budget::Account;
use domain::id::{CallId, ProjectId, TaskId, UserId};
use domain::model::Usage;
use domain::money::NanoUsd;
use domain::ports::StoreError;

use crate::calls;
use crate::error::store_error;
use crate::open::Store;
use crate::row::{Cursor, Damaged, Rows};
use crate::table::Table;

pub(crate) const ACCOUNTS: Table =
    Table { name: "accounts", key: &["key"], columns: &["key", "spent", "held"] };

/// Without a key: entries are only ever added.
pub(crate) const LEDGER: Table = Table {
    name: "ledger",
    key: &[],
    columns: &[
        "call",
        "kind",
        "amount",
        "is_estimate",
        "is_simulated",
        "project",
        "user_id",
        "task",
        "purpose",
        "provider",
        "model",
        "input_tokens",
        "output_tokens",
        "cache_write_5m_tokens",
        "cache_write_1h_tokens",
        "cache_read_tokens",
        "day",
        "at",
    ],
};

pub(crate) fn write_account(account: &Account, rows: &mut Rows) {
    rows.begin();
    rows.text(&account.key);
    rows.money(account.spent);
    rows.money(account.held);
    rows.end();
}

pub(crate) fn read_account(row: &mut Cursor<'_>) -> Result<Account, Damaged> {
    Ok(Account { key: row.text()?, spent: row.money()?, held: row.money()? })
}

pub(crate) fn write_entry(entry: &LedgerEntry, rows: &mut Rows) {
    rows.begin();
    rows.text(entry.call.as_str());
    rows.text(entry.kind.as_str());
    rows.money(entry.amount);
    rows.bool(entry.is_estimate);
    rows.bool(entry.is_simulated);
    rows.text(entry.project.as_str());
    rows.opt_text(entry.user.as_ref().map(UserId::as_str));
    rows.opt_text(entry.task.as_ref().map(TaskId::as_str));
    rows.text(entry.purpose.as_str());
    rows.text(&entry.provider);
    rows.text(&entry.model);
    rows.usage(&entry.usage);
    rows.text(&entry.day);
    rows.time(entry.at);
    rows.end();
}

pub(crate) fn read_entry(row: &mut Cursor<'_>) -> Result<LedgerEntry, Damaged> {
    Ok(LedgerEntry {
        call: CallId::new(row.text()?),
        kind: row.word(EntryKind::parse)?,
        amount: row.money()?,
        is_estimate: row.bool()?,
        is_simulated: row.bool()?,
        project: ProjectId::new(row.text()?),
        user: row.opt_text()?.map(UserId::new),
        task: row.opt_text()?.map(TaskId::new),
        purpose: row.word(calls::purpose_of)?,
        provider: row.text()?,
        model: row.text()?,
        usage: row.usage()?,
        day: row.text()?,
        at: row.time()?,
    })
}

/// What sums of the ledger are taken by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UsageGroup {
    /// Model.
    Model,
    /// Provider.
    Provider,
    /// Purpose of the call.
    Purpose,
    /// UTC day.
    Day,
    /// Task; calls of operations are one line without a name.
    Task,
    /// Project.
    Project,
    /// Nothing: one line with everything.
    All,
}

impl UsageGroup {
    const fn column(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Provider => "provider",
            Self::Purpose => "purpose",
            Self::Day => "day",
            Self::Task => "coalesce(task, '')",
            Self::Project => "project",
            Self::All => "''",
        }
    }
}

/// Sums of one group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UsageLine {
    /// The group's name.
    pub name: Arc<str>,
    /// Calls that were booked.
    pub calls: u64,
    /// What they cost, corrections included.
    pub cost: NanoUsd,
    /// The part of it that is an estimate, because nobody knows what was billed.
    pub estimated: NanoUsd,
    /// Tokens.
    pub usage: Usage,
}

/// A call of which nobody knows whether it was billed.
pub type UnknownCall = Call;

/// Columns of the sums, for messages about damaged rows.
const SUMS: Table = Table {
    name: "ledger (sums)",
    key: &[],
    columns: &[
        "name",
        "calls",
        "cost",
        "estimated",
        "input_tokens",
        "output_tokens",
        "cache_write_5m_tokens",
        "cache_write_1h_tokens",
        "cache_read_tokens",
    ],
};

impl Store {
    /// Sums over the ledger by `group`, the dearest first (days: the latest).
    ///
    /// `project` limits them to one project, `user` to projects that were this
    /// user's at the time. Simulated calls are left out unless `is_simulated`
    /// asks for them, and then nothing else is in the sums.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn usage_summary(
        &self,
        group: UsageGroup,
        project: Option<&ProjectId>,
        user: Option<&UserId>,
        is_simulated: bool,
    ) -> Result<Vec<UsageLine>, StoreError> {
        let column = group.column();
        let order = if group == UsageGroup::Day { "1 DESC" } else { "3 DESC, 1" };
        let sql = format!(
            "SELECT {column}, sum(kind = 'booking'), sum(amount), \
             sum(CASE WHEN is_estimate = 1 THEN amount ELSE 0 END), \
             sum(input_tokens), sum(output_tokens), sum(cache_write_5m_tokens), \
             sum(cache_write_1h_tokens), sum(cache_read_tokens) \
             FROM ledger WHERE is_simulated = $1 AND ($2 IS NULL OR project = $2) \
             AND ($3 IS NULL OR user_id = $3) GROUP BY {column} ORDER BY {order} LIMIT 10000"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(i64::from(is_simulated))
            .bind(project.map(ProjectId::as_str))
            .bind(user.map(UserId::as_str))
            .fetch_all(self.reader())
            .await
            .map_err(store_error)?;
        rows.iter()
            .map(|row| {
                let mut row = SUMS.cursor(row, 0);
                Ok(UsageLine {
                    name: row.text()?,
                    calls: row.num()?,
                    cost: row.money()?,
                    estimated: row.money()?,
                    usage: row.usage()?,
                })
            })
            .collect::<Result<_, Damaged>>()
            .map_err(store_error)
    }

    /// Accounts by key, in the order asked for; those on which nothing was booked
    /// are empty.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn accounts(&self, keys: &[Arc<str>]) -> Result<Vec<Account>, StoreError> {
        let rows = sqlx::query(
            "SELECT key, spent, held FROM accounts WHERE key IN (SELECT value FROM json_each($1))",
        )
        .bind(domain::attempt::write_json(&keys).to_string())
        .fetch_all(self.reader())
        .await
        .map_err(store_error)?;
        let found = rows
            .iter()
            .map(|row| read_account(&mut ACCOUNTS.cursor(row, 0)))
            .collect::<Result<Vec<_>, _>>()
            .map_err(store_error)?;
        Ok(keys
            .iter()
            .map(|key| {
                let account = found.iter().find(|account| account.key == *key);
                account.cloned().unwrap_or_else(|| Account::new(Arc::clone(key)))
            })
            .collect())
    }

    /// Calls of which nobody knows whether they were billed, latest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn list_unknown_calls(
        &self,
        project: Option<&ProjectId>,
        limit: u32,
    ) -> Result<Vec<UnknownCall>, StoreError> {
        let sql = crate::dialect::cached("list_unknown_calls", || {
            format!(
                "SELECT {} FROM calls WHERE state = 'unknown' AND ($1 IS NULL OR project = $1) \
                 ORDER BY ended_at DESC LIMIT $2",
                calls::CALLS.list("")
            )
        });
        let rows = sqlx::query(sql)
            .bind(project.map(ProjectId::as_str))
            .bind(limit)
            .fetch_all(self.reader())
            .await
            .map_err(store_error)?;
        rows.iter().map(|row| calls::read(&mut calls::CALLS.cursor(row, 0)).map_err(store_error)).collect()
    }

    /// Ledger entries of a project, oldest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn list_ledger(&self, project: &ProjectId) -> Result<Vec<LedgerEntry>, StoreError> {
        let sql = crate::dialect::cached("list_ledger", || {
            format!("SELECT {} FROM ledger WHERE project = $1 ORDER BY id", LEDGER.list(""))
        });
        let rows =
            sqlx::query(sql).bind(project.as_str()).fetch_all(self.reader()).await.map_err(store_error)?;
        rows.iter().map(|row| read_entry(&mut LEDGER.cursor(row, 0)).map_err(store_error)).collect()
    }
}
