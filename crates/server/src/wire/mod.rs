//! Shapes that go over the wire. The contract's words stand here and nowhere else:
//! what our own types call otherwise is translated in these files.

pub mod admin;
pub mod analytics;
pub mod checkpoint;
pub mod external;
pub mod plan;
pub mod project;
pub mod task;
pub mod usage;
pub mod user;

use domain::money::NanoUsd;
use domain::time::Timestamp;

/// An instant that may not have come.
pub(crate) fn seconds(at: Option<Timestamp>) -> Option<f64> {
    at.map(Timestamp::to_seconds)
}

/// Dollars with four decimals.
pub(crate) fn dollars4(amount: NanoUsd) -> f64 {
    rounded(amount.to_dollars(), 4)
}

/// Dollars with six decimals.
pub(crate) fn dollars6(amount: NanoUsd) -> f64 {
    rounded(amount.to_dollars(), 6)
}

/// A number with so many decimals.
pub(crate) fn rounded(number: f64, decimals: i32) -> f64 {
    let factor = 10f64.powi(decimals);
    (number * factor).round() / factor
}

/// A page of a list.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// Most rows.
    pub limit: u32,
    /// Rows to leave out.
    pub offset: u32,
}

impl Page {
    /// Reads it with these bounds.
    pub(crate) fn read(fields: &mut crate::extract::Fields, most: i64, usual: i64) -> Self {
        let limit = fields.int_or("limit", 1..=most, usual);
        let offset = fields.int_or("offset", 0..=i64::from(u32::MAX), 0);
        Self { limit: u32::try_from(limit).unwrap_or(1), offset: u32::try_from(offset).unwrap_or(0) }
    }
}
