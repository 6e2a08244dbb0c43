//! A clock with hands.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use clerestory_model::{Clock, Timestamp};

/// A clock that stands still until somebody moves it.
#[derive(Debug)]
pub struct Hands(AtomicI64);

impl Hands {
    /// A clock that shows `at`.
    #[must_use]
    pub fn at(at: Timestamp) -> Self {
        Self(AtomicI64::new(at.micros()))
    }

    /// Moves it on.
    pub fn advance(&self, by: Duration) {
        let by = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
        self.0.fetch_add(by, Ordering::SeqCst);
    }
}

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst))
    }
}
