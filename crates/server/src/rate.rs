//! How often who may ask for what. One bucket per subject and route; memory is
//! bounded, and a bucket that is full again is forgotten.
//!
//! A bucket holds `count` requests and fills evenly, so that a burst is fine and a
//! flood is not. Only the instant at which it will be full again is stored.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::settings::Rate;

/// Buckets kept at most.
const BUCKETS_MAX: usize = 100_000;

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    /// A signed-in user.
    User(String),
    /// Anybody at an address.
    Address(IpAddr),
}

impl Subject {
    /// An address; of IPv6 the network, for every customer has a whole one.
    #[must_use]
    pub fn address(address: IpAddr) -> Self {
        Self::Address(match address {
            IpAddr::V4(_) => address,
            IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
                Some(v4) => IpAddr::V4(v4),
                None => {
                    let mut parts = v6.segments();
                    parts[4..].fill(0);
                    IpAddr::V6(parts.into())
                }
            },
        })
    }
}

/// All buckets.
pub struct Limiter {
    hasher: RandomState,
    full_at: Mutex<HashMap<u64, Instant>>,
}

impl Default for Limiter {
    fn default() -> Self {
        Self { hasher: RandomState::new(), full_at: Mutex::new(HashMap::new()) }
    }
}

impl Limiter {
    /// Takes one request out of the bucket.
    ///
    /// # Errors
    /// How long to wait when it is empty.
    pub fn take(&self, subject: &Subject, route: &str, rate: Rate, now: Instant) -> Result<(), Duration> {
        if rate.count == 0 {
            return Ok(());
        }
        let key = self.hasher.hash_one((subject, route));
        let share = rate.per / rate.count;
        let mut buckets = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= BUCKETS_MAX && !buckets.contains_key(&key) {
            buckets.retain(|_, full_at| *full_at > now);
            // A flood of addresses: somebody's count starts anew.
            if buckets.len() >= BUCKETS_MAX
                && let Some(&any) = buckets.keys().next()
            {
                buckets.remove(&any);
            }
        }
        let full_at = buckets.get(&key).copied().unwrap_or(now).max(now) + share;
        let over = full_at.duration_since(now).saturating_sub(rate.per);
        if over > Duration::ZERO {
            return Err(over);
        }
        buckets.insert(key, full_at);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(name: &str) -> Subject {
        Subject::User(name.to_owned())
    }

    #[test]
    fn a_burst_is_let_through_and_the_next_waits_its_share() {
        let limiter = Limiter::default();
        let rate = Rate::per_minute(5);
        let start = Instant::now();
        for _ in 0..5 {
            assert_eq!(limiter.take(&user("a"), "/x", rate, start), Ok(()));
        }
        assert_eq!(limiter.take(&user("a"), "/x", rate, start), Err(Duration::from_secs(12)));
        assert_eq!(limiter.take(&user("b"), "/x", rate, start), Ok(()));
        assert_eq!(limiter.take(&user("a"), "/y", rate, start), Ok(()));
        let later = start + Duration::from_secs(12);
        assert_eq!(limiter.take(&user("a"), "/x", rate, later), Ok(()));
        assert!(limiter.take(&user("a"), "/x", rate, later).is_err());
    }

    #[test]
    fn a_network_is_one_subject() {
        let of = |text: &str| Subject::address(text.parse().unwrap());
        assert_eq!(of("2001:db8::1"), of("2001:db8::2"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:10.0.0.1"), of("10.0.0.1"));
    }
}
