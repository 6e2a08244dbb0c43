//! What one connection is doing, seen by its socket, its service and the task that times it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::limits::Limits;

/// Why a connection is to be closed at a deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Overdue {
    /// A request head was begun (or, on a new connection, expected) and not finished.
    Head,
    /// Nothing was asked for a while.
    Idle,
}

#[derive(Debug)]
struct State {
    in_flight: usize,
    first_request_seen: bool,
    multiplexed: bool,
    head_since: Option<Instant>,
    quiet_since: Instant,
}

/// Shared by the parts of one connection.
#[derive(Debug)]
pub(crate) struct Activity {
    state: Mutex<State>,
    changed: Notify,
}

impl Activity {
    pub(crate) fn new() -> Self {
        let now = Instant::now();
        Self {
            state: Mutex::new(State {
                in_flight: 0,
                first_request_seen: false,
                multiplexed: false,
                head_since: Some(now),
                quiet_since: now,
            }),
            changed: Notify::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bytes arrived. Between two HTTP/1 requests that is the start of a head; on HTTP/2 it may
    /// be a ping, so there only the idle timeout applies after the first request.
    pub(crate) fn bytes_arrived(&self) {
        let mut state = self.state();
        if state.in_flight == 0 && state.head_since.is_none() && !state.multiplexed {
            state.head_since = Some(Instant::now());
            drop(state);
            self.changed.notify_one();
        }
    }

    pub(crate) fn request_began(&self, multiplexed: bool) {
        let mut state = self.state();
        state.in_flight += 1;
        state.first_request_seen = true;
        state.multiplexed = multiplexed;
        state.head_since = None;
        drop(state);
        self.changed.notify_one();
    }

    pub(crate) fn request_ended(&self) {
        let mut state = self.state();
        state.in_flight -= 1;
        state.quiet_since = Instant::now();
        drop(state);
        self.changed.notify_one();
    }

    /// When the connection is to be closed if nothing changes; none while requests are in flight.
    pub(crate) fn deadline(&self, limits: &Limits) -> Option<(Instant, Overdue)> {
        let state = self.state();
        if state.in_flight > 0 {
            return None;
        }
        Some(match state.head_since {
            Some(since) => (since + limits.header_read, Overdue::Head),
            None => (state.quiet_since + limits.idle, Overdue::Idle),
        })
    }

    /// Whether a request was ever read.
    pub(crate) fn first_request_seen(&self) -> bool {
        self.state().first_request_seen
    }

    /// Returns when something changed since the last call.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Whether a request is being worked on.
    pub(crate) fn busy(&self) -> bool {
        self.state().in_flight > 0
    }
}
