//! A clock with hands.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use clerestory_model::{Clock, Timestamp};

/// A clock that stands still until somebody moves it.
#[derive(Debug)]
pub struct Hands {
    shown: AtomicI64,
    /// How far it was set wrong: what passed does not tell of that.
    jumped: AtomicI64,
}

impl Hands {
    /// A clock that shows `at`.
    #[must_use]
    pub fn at(at: Timestamp) -> Self {
        Self { shown: AtomicI64::new(at.micros()), jumped: AtomicI64::new(0) }
    }

    /// Moves it on.
    pub fn advance(&self, by: Duration) {
        let by = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
        self.shown.fetch_add(by, Ordering::SeqCst);
    }

    /// Sets it wrong by so much, as somebody does who sets a machine's clock.
    pub fn jump(&self, by: Duration) {
        let by = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
        self.shown.fetch_add(by, Ordering::SeqCst);
        self.jumped.fetch_add(by, Ordering::SeqCst);
    }
}

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.shown.load(Ordering::SeqCst))
    }

    fn monotonic(&self) -> Duration {
        let jumped = Timestamp::from_micros(self.jumped.load(Ordering::SeqCst));
        self.now().since(jumped)
    }
}
