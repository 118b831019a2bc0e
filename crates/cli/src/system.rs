//! The clock and the source of ids of the real world, behind the ports of
//! `domain`. The only place of the program that asks the system for either.

use domain::ports::{Clock, IdSource};
use domain::time::Timestamp;
use uuid::Uuid;

/// Crockford's base 32, in order, so that texts sort like their numbers.
const LETTERS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// Letters of the time: 50 bits of milliseconds.
const TIME_LETTERS: usize = 10;
/// Letters of the random part: 128 bits.
const RANDOM_LETTERS: usize = 26;

/// The system's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the system's clock")]
    fn now(&self) -> Timestamp {
        Timestamp(jiff::Timestamp::now().as_millisecond())
    }
}

/// Ids of 36 letters: the time, then 128 random bits.
#[derive(Clone, Copy, Debug, Default)]
pub struct RandomIds;

impl IdSource for RandomIds {
    #[expect(clippy::disallowed_methods, reason = "the one place that makes random ids")]
    fn fresh(&mut self) -> String {
        let time = u128::try_from(SystemClock.now().0).unwrap_or_default();
        // Six bits of a version 4 UUID are fixed, at other places in each of these.
        let random = Uuid::new_v4().as_u128() ^ Uuid::new_v4().as_u128().rotate_left(64);
        let mut text = String::with_capacity(TIME_LETTERS + RANDOM_LETTERS);
        push(&mut text, time, TIME_LETTERS);
        push(&mut text, random, RANDOM_LETTERS);
        text
    }
}

/// Any number.
#[expect(clippy::disallowed_methods, reason = "beside the random ids, for the same reason")]
pub fn random_number() -> u64 {
    Uuid::new_v4().as_u64_pair().0
}

fn push(text: &mut String, number: u128, letters: usize) {
    for place in (0..letters).rev() {
        let digit = (number >> (5 * place)) & 31;
        text.push(LETTERS[digit as usize] as char);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_time_and_never_repeat() {
        let (mut earlier, mut later) = (String::new(), String::new());
        push(&mut earlier, 1_700_000_000_000, TIME_LETTERS);
        push(&mut later, 1_700_000_000_001, TIME_LETTERS);
        assert!(earlier < later);
        let (one, other) = (RandomIds.fresh(), RandomIds.fresh());
        assert_eq!(one.len(), 36);
        assert_ne!(one, other);
    }
}
