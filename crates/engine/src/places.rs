//! Places at providers: who may have a call in flight. The rules are
//! `domain::governor`'s; here they are shared by all workers and never forgotten.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use domain::budget::SIMULATED;
use domain::decide::CallEnd;
use domain::governor::{Gate, Governor};
use domain::time::Timestamp;
use tokio::sync::Notify;

/// The governors of all providers.
#[derive(Debug, Default)]
pub(crate) struct Places {
    governors: Mutex<BTreeMap<Arc<str>, Governor>>,
    state: Mutex<State>,
}

/// Work that was turned away for want of a place, and places freed since.
#[derive(Debug, Default)]
struct State {
    is_short: bool,
    freed: usize,
}

/// A place at a provider. Dropped without a word, it was not used.
#[derive(Debug)]
pub(crate) struct Place {
    places: Arc<Places>,
    provider: Option<Arc<str>>,
    wake: Arc<Notify>,
}

impl Places {
    /// Governors for these providers; the stand-in needs none.
    pub(crate) fn new(concurrency: impl IntoIterator<Item = (String, u32)>) -> Self {
        let governors = concurrency
            .into_iter()
            .filter(|(provider, _)| provider != SIMULATED)
            .map(|(provider, most)| (Arc::from(provider), Governor::new(most)))
            .collect();
        Self { governors: Mutex::new(governors), state: Mutex::default() }
    }

    fn governors(&self) -> std::sync::MutexGuard<'_, BTreeMap<Arc<str>, Governor>> {
        self.governors.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a place, or says until when there is none.
    pub(crate) fn take(
        self: &Arc<Self>,
        provider: &Arc<str>,
        size: (u64, u64),
        now: Timestamp,
        wake: &Arc<Notify>,
    ) -> Result<Place, Gate> {
        let mut place = Place { places: Arc::clone(self), provider: None, wake: Arc::clone(wake) };
        let mut governors = self.governors();
        let Some(governor) = governors.get_mut(provider) else { return Ok(place) };
        match governor.check(size.0, size.1, now) {
            Gate::Open => {
                governor.begin(size.0, size.1, now);
                place.provider = Some(Arc::clone(provider));
                Ok(place)
            }
            gate @ Gate::Busy { .. } => {
                self.state().is_short = true;
                Err(gate)
            }
            gate @ (Gate::Limited { .. } | Gate::Broken { .. }) => Err(gate),
        }
    }

    /// How many of these free slots are worth filling: while places are short, one
    /// for each that was freed. With nothing in flight nothing can be freed, so
    /// then places are not short, whatever was turned away before.
    pub(crate) fn worth_filling(&self, free: usize) -> usize {
        let in_flight: u32 = self.governors().values().map(Governor::in_flight).sum();
        let mut state = self.state();
        if in_flight == 0 {
            *state = State::default();
        }
        if state.is_short { free.min(state.freed) } else { free }
    }

    /// That many slots were filled.
    pub(crate) fn filled(&self, count: usize) {
        let mut state = self.state();
        state.freed = state.freed.saturating_sub(count);
    }

    /// Nothing waits any more.
    pub(crate) fn all_served(&self) {
        *self.state() = State::default();
    }

    /// Providers whose breaker keeps calls back.
    pub(crate) fn broken(&self) -> Vec<String> {
        self.governors()
            .iter()
            .filter(|(_, governor)| governor.is_broken())
            .map(|(provider, _)| provider.to_string())
            .collect()
    }
}

impl Place {
    /// The call has ended: the provider's governor learns from it.
    pub(crate) fn end(mut self, end: &CallEnd, now: Timestamp) {
        let Some(provider) = self.provider.take() else { return };
        if let Some(governor) = self.places.governors().get_mut(&provider) {
            match end {
                CallEnd::Answered(answer) => governor.answered(&answer.rate_limits, now),
                CallEnd::Broken(error) => governor.failed(error, now),
                CallEnd::Cut(_) => governor.cut(),
            }
        }
        self.free();
    }

    fn free(&self) {
        let mut state = self.places.state();
        if state.is_short {
            state.freed += 1;
            self.wake.notify_one();
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some(provider) = self.provider.take() else { return };
        if let Some(governor) = self.places.governors().get_mut(&provider) {
            governor.cut();
        }
        self.free();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_000);

    #[test]
    fn work_that_was_turned_away_is_not_forgotten_when_all_calls_have_ended() {
        let places = Arc::new(Places::new([("anthropic".to_owned(), 1)]));
        let (provider, wake): (Arc<str>, _) = ("anthropic".into(), Arc::new(Notify::new()));
        let first = places.take(&provider, (1, 1), NOW, &wake).unwrap();
        assert!(places.take(&provider, (1, 1), NOW, &wake).is_err());
        assert_eq!(places.worth_filling(3), 0);
        drop(first);
        // One was freed; when it is taken and given back without a word, nothing is
        // in flight any more and every slot is worth filling.
        assert!(places.worth_filling(3) > 0);
        places.filled(1);
        assert_eq!(places.worth_filling(3), 3);
    }

    #[test]
    fn the_stand_in_needs_no_place() {
        let places = Arc::new(Places::new([("simulated".to_owned(), 1)]));
        let (provider, wake): (Arc<str>, _) = ("simulated".into(), Arc::new(Notify::new()));
        let held: Vec<_> = (0..10).map(|_| places.take(&provider, (1, 1), NOW, &wake).unwrap()).collect();
        assert_eq!(held.len(), 10);
    }
}
