//! How things look: tables, money, durations, short ids, marks. Colour is added
//! to words that say the same without it, and only where it is wanted
//! (`NO_COLOR`, pipes). Data goes to standard output, talk to standard error.
//!
//! Knows nothing of projects and decides nothing.

use std::fmt::{Display, Write as _};
use std::io::{self, Write as _};
use std::time::Duration;

use console::{Alignment, measure_text_width, pad_str, truncate_str};
use domain::money::NanoUsd;

/// Width assumed where there is no terminal.
const WIDTH_DEFAULT: usize = 100;
/// Wider lines are hard to read.
const WIDTH_MAX: usize = 140;
/// Narrower tables make no sense; lines are broken instead.
const WIDTH_MIN: usize = 60;

/// Writes data to standard output.
///
/// # Errors
/// What the system answered; a broken pipe ends the command in peace.
pub fn print(text: &str) -> io::Result<()> {
    io::stdout().lock().write_all(text.as_bytes())
}

/// Writes a line of talk to standard error.
pub fn say(text: &str) {
    // Nobody is left to be told when standard error is gone.
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Width of the terminal behind standard output.
pub fn width() -> usize {
    let columns = console::Term::stdout().size_checked().map(|(_, columns)| usize::from(columns));
    columns.unwrap_or(WIDTH_DEFAULT).clamp(WIDTH_MIN, WIDTH_MAX)
}

/// Width of the terminal behind standard error; `None` for a log.
pub fn talk_width() -> Option<usize> {
    let size = console::Term::stderr().size_checked();
    size.map(|(_, columns)| usize::from(columns).clamp(WIDTH_MIN, WIDTH_MAX))
}

/// A line of talk behind its label, broken where the terminal ends.
pub fn labelled(label: impl Display, text: &str) -> String {
    let label = label.to_string();
    match talk_width() {
        Some(width) if !text.contains('\n') => hanging(&label, text, width),
        _ => format!("{label} {text}"),
    }
}

fn hanging(label: &str, text: &str, width: usize) -> String {
    let indent = " ".repeat(measure_text_width(label) + 1);
    let lines = wrapped(text, &indent, width);
    format!("{label} {}", lines.trim_start().trim_end_matches('\n'))
}

/// A column of a table.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// Over it.
    pub title: &'static str,
    /// Whether it is a number.
    pub is_number: bool,
    /// Whether it gives way when the table is too wide.
    pub is_elastic: bool,
}

impl Column {
    /// Text that is never cut.
    pub const fn text(title: &'static str) -> Self {
        Self { title, is_number: false, is_elastic: false }
    }

    /// A number.
    pub const fn number(title: &'static str) -> Self {
        Self { title, is_number: true, is_elastic: false }
    }

    /// Text that is cut when the table is too wide.
    pub const fn elastic(title: &'static str) -> Self {
        Self { title, is_number: false, is_elastic: true }
    }
}

/// A table with a header line.
pub fn table(columns: &[Column], rows: &[Vec<String>], width: usize) -> String {
    let mut widths: Vec<usize> = columns.iter().map(|column| measure_text_width(column.title)).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(measure_text_width(cell));
        }
    }
    let gaps = 2 * columns.len();
    let total: usize = widths.iter().sum::<usize>() + gaps;
    if total > width {
        let excess = total - width;
        let elastic = columns.iter().zip(&mut widths).filter(|(column, _)| column.is_elastic);
        for (_, width) in elastic {
            *width = width.saturating_sub(excess).max(12);
        }
    }
    let mut out = String::new();
    let titles: Vec<String> =
        columns.iter().map(|column| console::style(column.title).bold().to_string()).collect();
    line(&mut out, columns, &widths, &titles);
    rows.iter().for_each(|row| line(&mut out, columns, &widths, row));
    out
}

fn line(out: &mut String, columns: &[Column], widths: &[usize], cells: &[String]) {
    let mut text = String::from("  ");
    for ((column, &width), cell) in columns.iter().zip(widths).zip(cells) {
        let alignment = if column.is_number { Alignment::Right } else { Alignment::Left };
        let cell = truncate_str(cell, width, "…");
        // Writing to a string cannot fail.
        let _ = write!(text, "{}  ", pad_str(&cell, width, alignment, None));
    }
    out.push_str(text.trim_end());
    out.push('\n');
}

/// An amount for people: cents where it is dollars, more places where it is less.
pub fn money(amount: NanoUsd) -> String {
    match amount.0.unsigned_abs() {
        0 => "$0".to_owned(),
        nano if nano >= 1_000_000_000 => format!("${:.2}", amount.to_dollars()),
        nano if nano >= 100_000 => format!("${:.4}", amount.to_dollars()),
        _ => "< $0.0001".to_owned(),
    }
}

/// A duration for people.
pub fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..10 => format!("{:.1} s", duration.as_secs_f64()),
        10..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// A count with its noun: `1 task`, `3 tasks`.
pub fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// A line cut to a width.
pub fn cut(text: &str, width: usize) -> String {
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    truncate_str(&flat, width, "…").into_owned()
}

/// Words, but commands in backticks whole: they are copied.
fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut is_open = false;
    for word in text.split_whitespace() {
        match words.last_mut() {
            Some(last) if is_open => {
                last.push(' ');
                last.push_str(word);
            }
            _ => words.push(word.to_owned()),
        }
        is_open ^= word.matches('`').count() % 2 == 1;
    }
    words
}

/// Text broken into lines of a width, each after an indent.
pub fn wrapped(text: &str, indent: &str, width: usize) -> String {
    let mut out = String::new();
    let mut used = 0;
    for word in words(text) {
        let length = measure_text_width(&word);
        if used == 0 {
            out.push_str(indent);
            used = measure_text_width(indent);
        } else if used + 1 + length > width {
            out.push('\n');
            out.push_str(indent);
            used = measure_text_width(indent);
        } else {
            out.push(' ');
            used += 1;
        }
        out.push_str(&word);
        used += length;
    }
    out.push('\n');
    out
}

/// How many characters of ids are needed to tell them apart, and at least so
/// many that the next ones will probably differ too.
pub fn short_length<'a>(ids: impl Iterator<Item = &'a str>) -> usize {
    const LEAST: usize = 14;
    let mut ids: Vec<&str> = ids.collect();
    ids.sort_unstable();
    let shared = ids
        .windows(2)
        .map(|pair| pair[0].bytes().zip(pair[1].bytes()).take_while(|(one, other)| one == other).count() + 1);
    shared.max().unwrap_or(0).max(LEAST)
}

/// The first part of an id.
pub fn short(id: &str, length: usize) -> &str {
    id.get(..length).unwrap_or(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_amounts_are_never_shown_as_nothing() {
        assert_eq!(money(NanoUsd(1)), "< $0.0001");
        assert_eq!(money(NanoUsd(12_345_678)), "$0.0123");
        assert_eq!(money(NanoUsd(2_500_000_000)), "$2.50");
        assert_eq!(money(NanoUsd::ZERO), "$0");
    }

    #[test]
    fn wide_tables_give_way_in_their_elastic_column() {
        let columns = [Column::text("id"), Column::elastic("title"), Column::number("cost")];
        let rows = vec![vec!["1".to_owned(), "a".repeat(200), "$1.00".to_owned()]];
        let lines = table(&columns, &rows, 60);
        assert!(lines.lines().all(|line| measure_text_width(line) <= 60), "{lines}");
    }

    #[test]
    fn short_ids_tell_their_group_apart() {
        let ids = ["tsk_01jdg8k3qz4fab", "tsk_01jdg8k3qz4fac"];
        assert_eq!(short_length(ids.into_iter()), 18);
        assert_eq!(short("prj_1", 14), "prj_1");
    }

    #[test]
    fn long_text_is_broken_between_words() {
        assert_eq!(wrapped("one two three", "  ", 9), "  one two\n  three\n");
        assert_eq!(hanging("hint:", "go on with `orch list`", 16), "hint: go on with\n      `orch list`");
    }
}
