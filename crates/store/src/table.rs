//! Names of tables and columns, once, and the statements made of them. Nothing
//! but these constants goes into a made statement.

use std::sync::LazyLock;

use sqlx::sqlite::SqliteRow;

use crate::row::Cursor;
use crate::{attempts, calls, checkpoints, events, ledger, operations, outputs, plans, projects, tasks};

/// One table as rows are read and written.
pub(crate) struct Table {
    pub(crate) name: &'static str,
    /// Columns that identify a row; empty for tables that only grow.
    pub(crate) key: &'static [&'static str],
    /// All columns, in the order of reading and writing.
    pub(crate) columns: &'static [&'static str],
}

impl Table {
    /// The columns, comma-separated, each after `prefix`.
    pub(crate) fn list(&self, prefix: &str) -> String {
        let columns: Vec<String> = self.columns.iter().map(|column| format!("{prefix}{column}")).collect();
        columns.join(", ")
    }

    /// A cursor on this table's columns from the row's column `first` on.
    pub(crate) const fn cursor<'r>(&self, row: &'r SqliteRow, first: usize) -> Cursor<'r> {
        Cursor::new(row, self.name, self.columns, first)
    }

    /// Writes the rows of JSON parameter `$n`: replaces those that are there.
    fn upsert(&self, n: usize) -> String {
        let values: Vec<String> = (0..self.columns.len()).map(|index| format!("v->>{index}")).collect();
        // LIMIT keeps SQLite from taking the row's text apart anew per column.
        let mut sql = format!(
            "INSERT INTO {} ({}) SELECT {} FROM (SELECT value AS v FROM json_each(${n}) LIMIT -1) WHERE true",
            self.name,
            self.list(""),
            values.join(", ")
        );
        if !self.key.is_empty() {
            let changed: Vec<String> = self
                .columns
                .iter()
                .filter(|column| !self.key.contains(column))
                .map(|column| format!("{column} = excluded.{column}"))
                .collect();
            let change = if changed.is_empty() {
                "NOTHING".to_owned()
            } else {
                format!("UPDATE SET {}", changed.join(", "))
            };
            sql.push_str(&format!(" ON CONFLICT ({}) DO {change}", self.key.join(", ")));
        }
        sql.push_str(";\n");
        sql
    }

    /// Reads the rows whose single key column is in JSON parameter `$n`, with
    /// `tag` in front.
    fn select_in(&self, tag: usize, n: usize) -> String {
        format!(
            "SELECT {tag}, {} FROM {} WHERE {} IN (SELECT value FROM json_each(${n}));\n",
            self.list(""),
            self.name,
            self.key[0]
        )
    }

    /// The same for keys of several columns: `$n` is an array of arrays.
    fn select_by(&self, tag: usize, n: usize, keys: &[&str]) -> String {
        let parts: Vec<String> =
            keys.iter().enumerate().map(|(index, _)| format!("v->>{index} AS k{index}")).collect();
        let equal: Vec<String> =
            keys.iter().enumerate().map(|(index, key)| format!("t.{key} = k.k{index}")).collect();
        format!(
            "SELECT {tag}, {} FROM (SELECT {} FROM (SELECT value AS v FROM json_each(${n}) LIMIT -1)) k \
             CROSS JOIN {} t WHERE {};\n",
            self.list("t."),
            parts.join(", "),
            self.name,
            equal.join(" AND ")
        )
    }
}

/// Tables that nearly every command writes, in the order of writing.
pub(crate) const HOT: [&Table; 8] = [
    &projects::PROJECTS,
    &tasks::TASKS,
    &attempts::ATTEMPTS,
    &attempts::STEPS,
    &calls::CALLS,
    &ledger::ACCOUNTS,
    &ledger::LEDGER,
    &events::EVENTS,
];

/// The others, in the order of writing: rows that are referred to come first.
pub(crate) const RARE: [&Table; 9] = [
    &plans::PLANS,
    &tasks::TASK_SPECS,
    &tasks::DEPENDENCIES,
    &tasks::WAVES,
    &operations::OPERATIONS,
    &checkpoints::CHECKPOINTS,
    &outputs::FILES,
    &outputs::FILE_VERSIONS,
    &outputs::FEEDBACK,
];

/// Statements that are made once. They are leaked, for the driver caches by text
/// and takes only what lives for ever.
pub(crate) struct Texts {
    /// Writes all of [`HOT`], one parameter each.
    pub(crate) write_hot: &'static str,
    /// Writes all of [`RARE`], one parameter each.
    pub(crate) write_rare: &'static str,
    /// Reads rows for a view; see `load`.
    pub(crate) load: &'static str,
}

fn leak(text: String) -> &'static str {
    Box::leak(text.into_boxed_str())
}

/// The made statements.
pub(crate) static TEXTS: LazyLock<Texts> = LazyLock::new(|| {
    let write = |tables: &[&Table]| -> String {
        tables.iter().enumerate().map(|(index, table)| table.upsert(index + 1)).collect()
    };
    Texts { write_hot: leak(write(&HOT)), write_rare: leak(write(&RARE)), load: leak(load_text()) }
});

/// Tags of the rows that [`Texts::load`] gives, and its parameters, from 1.
pub(crate) const LOADED: [&Table; 10] = [
    &projects::PROJECTS,
    &plans::PLANS,
    &tasks::TASKS,
    &calls::CALLS,
    &operations::OPERATIONS,
    &checkpoints::CHECKPOINTS,
    &ledger::ACCOUNTS,
    &attempts::ATTEMPTS,
    &attempts::STEPS,
    &outputs::FILES,
];

/// Tag and parameter of waves, after the tables of [`LOADED`].
pub(crate) const TAG_WAVE: usize = 11;

fn load_text() -> String {
    let mut text = String::new();
    for (index, table) in LOADED.iter().enumerate() {
        let n = index + 1;
        if table.key.len() == 1 {
            text.push_str(&table.select_in(n, n));
        } else {
            text.push_str(&table.select_by(n, n, table.key));
        }
    }
    text.push_str(&tasks::WAVES.select_by(TAG_WAVE, TAG_WAVE, tasks::WAVES.key));
    text
}
