//! Several hosts of one service: who is asked first, and who next when one fails.
//!
//! Healthy before those that failed a moment ago, then the one that was asked for,
//! then the least busy. Nothing is probed here: what calls showed is remembered.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How long a host that failed is asked last.
const DOWN_FOR: Duration = Duration::from_secs(30);

/// The hosts of a service.
pub struct Hosts {
    hosts: Vec<Host>,
}

/// One of them.
pub struct Host {
    /// The name in the configuration.
    pub key: String,
    /// Base address.
    pub url: String,
    calls: AtomicUsize,
    down_until: Mutex<Option<Instant>>,
}

/// A call that is under way; counts until it is dropped.
pub struct Busy<'a>(&'a Host);

impl Hosts {
    /// These, in the order in which they are preferred.
    pub fn new(hosts: &[(String, String)]) -> Self {
        let host = |(key, url): &(String, String)| Host {
            key: key.clone(),
            url: url.clone(),
            calls: AtomicUsize::new(0),
            down_until: Mutex::new(None),
        };
        Self { hosts: hosts.iter().map(host).collect() }
    }

    /// The names, in order.
    pub fn keys(&self) -> Vec<&str> {
        self.hosts.iter().map(|host| host.key.as_str()).collect()
    }

    /// All of them, the one to try first in front. `load` is what is known beyond
    /// our own calls, by name.
    pub fn order(&self, wanted: Option<&str>, load: impl Fn(&str) -> usize) -> Vec<&Host> {
        let mut order: Vec<&Host> = self.hosts.iter().collect();
        // Stable: among equals the order of the configuration stays.
        order.sort_by_cached_key(|host| {
            let busy = host.calls.load(Ordering::Relaxed).saturating_add(load(&host.key));
            (host.is_down(), wanted.is_some_and(|wanted| wanted != host.key), busy)
        });
        order
    }
}

impl Host {
    /// Counts a call.
    pub fn begin(&self) -> Busy<'_> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        Busy(self)
    }

    /// Remembers how a call went.
    pub fn report(&self, is_well: bool) {
        let until = if is_well { None } else { Some(Instant::now() + DOWN_FOR) };
        *self.down_until.lock().unwrap_or_else(PoisonError::into_inner) = until;
    }

    fn is_down(&self) -> bool {
        let until = *self.down_until.lock().unwrap_or_else(PoisonError::into_inner);
        until.is_some_and(|until| Instant::now() < until)
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.calls.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn healthy_then_wanted_then_idle() {
        let hosts = Hosts::new(&["a", "b", "c"].map(|key| (key.to_owned(), String::new())));
        let order =
            |wanted| hosts.order(wanted, |_| 0).iter().map(|host| host.key.as_str()).collect::<String>();
        assert_eq!(order(None), "abc");
        let busy = hosts.order(None, |_| 0)[0].begin();
        assert_eq!((order(None).as_str(), order(Some("a")).as_str()), ("bca", "abc"));
        assert_eq!(hosts.order(None, |key| usize::from(key == "b") * 5)[0].key, "c");
        drop(busy);
        hosts.order(Some("a"), |_| 0)[0].report(false);
        assert_eq!((order(None).as_str(), order(Some("a")).as_str()), ("bca", "bca"));
        hosts.hosts[0].report(true);
        assert_eq!(order(None), "abc");
    }
}
