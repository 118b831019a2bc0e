//! How rows cross the border to SQL. Whole sets of rows are written as one JSON
//! text, an array of arrays in column order, so that one statement writes any
//! number of rows. Reading checks every value and names table, column and row of
//! one that cannot be: stored data is input like any other.

use std::sync::Arc;

use domain::model::Usage;
use domain::money::NanoUsd;
use domain::time::Timestamp;
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

/// A stored value that cannot be.
#[derive(Debug, thiserror::Error)]
#[error("table {table}, column {column}, row {row}: {what}")]
pub(crate) struct Damaged {
    table: &'static str,
    column: &'static str,
    row: String,
    what: String,
}

/// Rows on their way into the database.
#[derive(Default)]
pub(crate) struct Rows {
    text: Vec<u8>,
    is_row_begun: bool,
}

impl Rows {
    /// Whether there are none.
    pub(crate) const fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Starts the next row.
    pub(crate) fn begin(&mut self) {
        self.text.extend_from_slice(if self.text.is_empty() { b"[[" } else { b",[" });
        self.is_row_begun = true;
    }

    /// A single value instead of a row, for lists of keys.
    pub(crate) fn value(&mut self, value: &str) {
        self.text.push(if self.text.is_empty() { b'[' } else { b',' });
        self.quote(value);
    }

    /// Ends the row.
    pub(crate) fn end(&mut self) {
        self.text.push(b']');
    }

    fn separate(&mut self) {
        if !self.is_row_begun {
            self.text.push(b',');
        }
        self.is_row_begun = false;
    }

    /// A text. NUL has no place in any text of ours but blobs, which do not go
    /// this way: PostgreSQL could not keep it.
    pub(crate) fn text(&mut self, value: &str) {
        self.separate();
        if value.contains('\0') {
            self.quote(&value.replace('\0', "\u{fffd}"));
        } else {
            self.quote(value);
        }
    }

    fn quote(&mut self, value: &str) {
        // Writing a string into memory cannot fail; a null would be refused by
        // the column.
        if serde_json::to_writer(&mut self.text, value).is_err() {
            self.text.extend_from_slice(b"null");
        }
    }

    /// A text or nothing.
    pub(crate) fn opt_text(&mut self, value: Option<&str>) {
        match value {
            Some(value) => self.text(value),
            None => self.null(),
        }
    }

    fn null(&mut self) {
        self.separate();
        self.text.extend_from_slice(b"null");
    }

    /// A number.
    pub(crate) fn int(&mut self, value: i64) {
        use std::io::Write as _;
        self.separate();
        // Writing into memory cannot fail.
        let _ = write!(self.text, "{value}");
    }

    /// A number that may be too large to be stored: then the largest there is.
    pub(crate) fn uint(&mut self, value: u64) {
        self.int(i64::try_from(value).unwrap_or(i64::MAX));
    }

    /// A number or nothing.
    pub(crate) fn opt_int(&mut self, value: Option<i64>) {
        match value {
            Some(value) => self.int(value),
            None => self.null(),
        }
    }

    /// Yes or no.
    pub(crate) fn bool(&mut self, value: bool) {
        self.int(i64::from(value));
    }

    /// An instant.
    pub(crate) fn time(&mut self, value: Timestamp) {
        self.int(value.0);
    }

    /// An instant or nothing.
    pub(crate) fn opt_time(&mut self, value: Option<Timestamp>) {
        self.opt_int(value.map(|time| time.0));
    }

    /// An amount.
    pub(crate) fn money(&mut self, value: NanoUsd) {
        self.int(value.0);
    }

    /// The five token classes.
    pub(crate) fn usage(&mut self, usage: &Usage) {
        self.uint(usage.input);
        self.uint(usage.output);
        self.uint(usage.cache_write_5m);
        self.uint(usage.cache_write_1h);
        self.uint(usage.cache_read);
    }

    /// A value as JSON text.
    pub(crate) fn json(&mut self, value: &impl serde::Serialize) {
        self.text(&domain::attempt::write_json(value));
    }

    /// The text to bind.
    pub(crate) fn finish(mut self) -> String {
        if self.text.is_empty() {
            return "[]".to_owned();
        }
        self.text.push(b']');
        // Only valid UTF-8 was written.
        String::from_utf8(self.text).unwrap_or_default()
    }
}

/// A row on its way out, read column by column in the order of the statement.
pub(crate) struct Cursor<'r> {
    row: &'r SqliteRow,
    table: &'static str,
    columns: &'static [&'static str],
    /// Where the table's first column is.
    first: usize,
    next: usize,
}

impl<'r> Cursor<'r> {
    /// Reads `columns` of `table` from column `first` on.
    pub(crate) const fn new(
        row: &'r SqliteRow,
        table: &'static str,
        columns: &'static [&'static str],
        first: usize,
    ) -> Self {
        Self { row, table, columns, first, next: first }
    }

    fn take<T>(&mut self) -> Result<T, Damaged>
    where
        T: for<'a> sqlx::Decode<'a, sqlx::Sqlite> + sqlx::Type<sqlx::Sqlite>,
    {
        let index = self.next;
        self.next += 1;
        self.row.try_get(index).map_err(|error| self.damaged(error.to_string()))
    }

    /// An error about the column that was read last.
    pub(crate) fn damaged(&self, what: impl Into<String>) -> Damaged {
        let place = self.next.saturating_sub(self.first + 1);
        let column = self.columns.get(place).copied().unwrap_or("?");
        let row = self.row.try_get::<String, _>(self.first).unwrap_or_else(|_| "?".to_owned());
        Damaged { table: self.table, column, row, what: what.into() }
    }

    fn borrowed(&mut self) -> Result<Option<&'r str>, Damaged> {
        let index = self.next;
        self.next += 1;
        self.row.try_get::<Option<&str>, _>(index).map_err(|error| self.damaged(error.to_string()))
    }

    fn str(&mut self) -> Result<&'r str, Damaged> {
        self.borrowed()?.ok_or_else(|| self.damaged("is NULL"))
    }

    /// A text.
    pub(crate) fn text(&mut self) -> Result<Arc<str>, Damaged> {
        self.str().map(Arc::from)
    }

    /// A text of its own.
    pub(crate) fn string(&mut self) -> Result<String, Damaged> {
        self.str().map(str::to_owned)
    }

    /// A text or nothing.
    pub(crate) fn opt_text(&mut self) -> Result<Option<Arc<str>>, Damaged> {
        Ok(self.borrowed()?.map(Arc::from))
    }

    /// A number.
    pub(crate) fn int(&mut self) -> Result<i64, Damaged> {
        self.take()
    }

    /// A number or nothing.
    pub(crate) fn opt_int(&mut self) -> Result<Option<i64>, Damaged> {
        self.take()
    }

    /// A number of a narrower kind.
    pub(crate) fn num<T: TryFrom<i64>>(&mut self) -> Result<T, Damaged> {
        let value = self.int()?;
        T::try_from(value).map_err(|_| self.damaged(format!("{value} is out of range")))
    }

    /// Yes or no.
    pub(crate) fn bool(&mut self) -> Result<bool, Damaged> {
        match self.int()? {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(self.damaged(format!("{other} is neither 0 nor 1"))),
        }
    }

    /// An instant.
    pub(crate) fn time(&mut self) -> Result<Timestamp, Damaged> {
        self.int().map(Timestamp)
    }

    /// An instant or nothing.
    pub(crate) fn opt_time(&mut self) -> Result<Option<Timestamp>, Damaged> {
        Ok(self.opt_int()?.map(Timestamp))
    }

    /// An amount.
    pub(crate) fn money(&mut self) -> Result<NanoUsd, Damaged> {
        self.int().map(NanoUsd)
    }

    /// The five token classes.
    pub(crate) fn usage(&mut self) -> Result<Usage, Damaged> {
        Ok(Usage {
            input: self.num()?,
            output: self.num()?,
            cache_write_5m: self.num()?,
            cache_write_1h: self.num()?,
            cache_read: self.num()?,
        })
    }

    /// One of some fixed words.
    pub(crate) fn word<T>(&mut self, parse: impl FnOnce(&str) -> Option<T>) -> Result<T, Damaged> {
        let word = self.str()?;
        parse(word).ok_or_else(|| self.damaged(format!("`{word}` is none of the known words")))
    }

    /// One of some fixed words, or nothing.
    pub(crate) fn opt_word<T>(
        &mut self,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, Damaged> {
        let Some(word) = self.borrowed()? else { return Ok(None) };
        parse(word).map(Some).ok_or_else(|| self.damaged(format!("`{word}` is none of the known words")))
    }

    /// A value that is kept as JSON text.
    pub(crate) fn json<T: serde::de::DeserializeOwned>(&mut self) -> Result<T, Damaged> {
        let text = self.str()?;
        serde_json::from_str(text).map_err(|error| self.damaged(error.to_string()))
    }

    /// A value that is kept as JSON text, or nothing.
    pub(crate) fn opt_json<T: serde::de::DeserializeOwned>(&mut self) -> Result<Option<T>, Damaged> {
        let Some(text) = self.borrowed()? else { return Ok(None) };
        serde_json::from_str(text).map(Some).map_err(|error| self.damaged(error.to_string()))
    }
}
