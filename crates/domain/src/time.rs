//! Instants and accounting periods. Time is always passed in; nothing here asks
//! what time it is.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Milliseconds since the Unix epoch, UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// The instant `ms` milliseconds later.
    #[must_use]
    pub const fn plus_ms(self, ms: u64) -> Self {
        Self(self.0.saturating_add_unsigned(ms))
    }

    /// Milliseconds from `earlier` to here; 0 when `earlier` is later.
    #[must_use]
    pub const fn ms_since(self, earlier: Self) -> u64 {
        let delta = self.0.saturating_sub(earlier.0);
        if delta < 0 { 0 } else { delta as u64 }
    }

    /// The UTC day, `2026-11-24`: the key of a daily budget.
    #[must_use]
    pub fn day(self) -> String {
        self.date().to_string()
    }

    /// The UTC month, `2026-11`: the key of a monthly budget.
    #[must_use]
    pub fn month(self) -> String {
        let date = self.date();
        format!("{:04}-{:02}", date.year(), date.month())
    }

    /// Seconds since the epoch, for the wire only.
    #[must_use]
    pub fn to_seconds(self) -> f64 {
        self.0 as f64 / 1000.0
    }

    fn date(self) -> jiff::civil::Date {
        jiff::Timestamp::from_millisecond(self.0)
            .unwrap_or(jiff::Timestamp::UNIX_EPOCH)
            .to_zoned(jiff::tz::TimeZone::UTC)
            .date()
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(instant) => write!(f, "{instant:.3}"),
            Err(_) => write!(f, "{} ms", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_are_utc() {
        let last_ms_of_year = Timestamp(1_798_761_599_999);
        assert_eq!(last_ms_of_year.day(), "2026-12-31");
        assert_eq!(last_ms_of_year.plus_ms(1).day(), "2027-01-01");
        assert_eq!(last_ms_of_year.plus_ms(1).month(), "2027-01");
    }

    #[test]
    fn instants_beyond_the_calendar_do_not_panic() {
        assert_eq!(Timestamp(i64::MAX).day(), "1970-01-01");
        assert_eq!(Timestamp(5).ms_since(Timestamp(9)), 0);
    }
}
