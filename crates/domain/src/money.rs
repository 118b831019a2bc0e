//! Money as integers: billionths of a US dollar.
//!
//! No floating point here; conversion from and to dollars happens at the edges
//! (configuration and wire), through the two functions at the end.

use std::fmt;
use std::ops::{Add, AddAssign, Sub, SubAssign};

use serde::{Deserialize, Serialize};

/// An amount in nano-USD (1 USD = 1,000,000,000). Arithmetic saturates: an
/// absurd amount stays absurd instead of wrapping into a small one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NanoUsd(pub i64);

impl NanoUsd {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// The largest amount there is.
    pub const MAX: Self = Self(i64::MAX);
    /// One US dollar.
    pub const DOLLAR: Self = Self(1_000_000_000);

    /// An amount given in whole cents.
    #[must_use]
    pub const fn from_cents(cents: i64) -> Self {
        Self(cents.saturating_mul(10_000_000))
    }

    /// Whether nothing is owed.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// Reads dollars as a person or the wire writes them, rounded to the nearest
    /// nano-USD. `None` for NaN, infinities and what does not fit.
    #[must_use]
    pub fn from_dollars(dollars: f64) -> Option<Self> {
        let nano = (dollars * 1e9).round();
        // 2^63 as f64 is exact; everything below it fits.
        (nano.is_finite() && nano.abs() < 9_223_372_036_854_775_808.0).then_some(Self(nano as i64))
    }

    /// Dollars for display and for the wire. Never compute with the result.
    #[must_use]
    pub fn to_dollars(self) -> f64 {
        self.0 as f64 / 1e9
    }
}

impl Add for NanoUsd {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for NanoUsd {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl AddAssign for NanoUsd {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl SubAssign for NanoUsd {
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

impl std::iter::Sum for NanoUsd {
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        iter.fold(Self::ZERO, Add::add)
    }
}

impl fmt::Display for NanoUsd {
    /// `$1.2345`: four decimals, more only where the amount would else read as zero.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let nano = self.0.unsigned_abs();
        let (whole, rest) = (nano / 1_000_000_000, nano % 1_000_000_000);
        if whole == 0 && rest != 0 && rest < 100_000 {
            write!(f, "{sign}$0.{rest:09}")
        } else {
            write!(f, "{sign}${whole}.{:04}", rest / 100_000)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_read_as_dollars() {
        assert_eq!(NanoUsd(1_234_500_000).to_string(), "$1.2345");
        assert_eq!(NanoUsd(42_000).to_string(), "$0.000042000");
        assert_eq!(NanoUsd(-5_000_000_000).to_string(), "-$5.0000");
        assert_eq!(NanoUsd::ZERO.to_string(), "$0.0000");
    }

    #[test]
    fn dollars_that_are_no_amount_are_refused() {
        assert_eq!(NanoUsd::from_dollars(f64::NAN), None);
        assert_eq!(NanoUsd::from_dollars(1e300), None);
        assert_eq!(NanoUsd::from_dollars(0.1), Some(NanoUsd(100_000_000)));
    }

    #[test]
    fn sums_saturate_instead_of_wrapping() {
        assert_eq!(NanoUsd::MAX + NanoUsd(1), NanoUsd::MAX);
    }
}
