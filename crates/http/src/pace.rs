//! Request bodies that must keep coming.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep};

use crate::limits::Limits;
use crate::stats::Stats;

/// Why a request body could not be read to its end. Reach it through `source()` of whatever
/// wraps the body; both slow kinds deserve 408.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// Nothing arrived for [`Limits::body_silence`].
    #[error("the request body stopped arriving: nothing came for {} s", .after.as_secs())]
    Silent {
        /// The limit that was reached.
        after: Duration,
    },
    /// Fewer than [`Limits::body_window_bytes`] arrived in a [`Limits::body_window`] of waiting.
    #[error("the request body arrives too slowly: fewer than {wanted} bytes in {} s", .window.as_secs())]
    Slow {
        /// Bytes the window should have brought.
        wanted: u64,
        /// The window.
        window: Duration,
    },
    /// The connection broke or the body was malformed.
    #[error("reading the request body")]
    Read(#[source] hyper::Error),
    /// The body was polled again after one of the errors above.
    #[error("the request body was given up earlier")]
    GivenUp,
}

/// A request body as the service gets it: hyper's, with a floor under its speed.
///
/// Only time spent waiting for the peer counts; a service that takes its time between reads does
/// not make its caller look slow. After an error the body never reports its end, so a cut body
/// cannot be mistaken for a whole one.
#[derive(Debug)]
pub struct PacedBody<B = Incoming> {
    inner: B,
    pace: Pace,
    waiting: Option<Waiting>,
    window: Window,
    given_up: bool,
    stats: Arc<Stats>,
}

/// The three numbers of [`Limits`] a body needs.
#[derive(Clone, Copy, Debug)]
struct Pace {
    silence: Duration,
    window: Duration,
    window_bytes: u64,
}

/// One wait for the peer.
#[derive(Debug)]
struct Waiting {
    since: Instant,
    /// Where the part of this wait begins that the current window has not yet accounted for.
    counted_to: Instant,
    alarm: Pin<Box<Sleep>>,
}

#[derive(Debug, Default)]
struct Window {
    waited: Duration,
    bytes: u64,
}

impl<B> PacedBody<B> {
    pub(crate) fn new(inner: B, limits: &Limits, stats: Arc<Stats>) -> Self {
        let pace = Pace {
            silence: limits.body_silence,
            window: limits.body_window,
            window_bytes: limits.body_window_bytes,
        };
        Self { inner, pace, waiting: None, window: Window::default(), given_up: false, stats }
    }

    fn give_up(&mut self, error: BodyError) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        self.given_up = true;
        Poll::Ready(Some(Err(error)))
    }

    /// Ends the current wait, if any, and books it.
    fn arrived(&mut self, bytes: u64) {
        if let Some(waiting) = self.waiting.take() {
            self.window.waited += waiting.counted_to.elapsed();
        }
        self.window.bytes = self.window.bytes.saturating_add(bytes);
    }

    /// Whether the window is over; a window that brought enough is followed by a fresh one.
    fn window_failed(&mut self) -> bool {
        if self.window.waited < self.pace.window {
            return false;
        }
        let failed = self.window.bytes < self.pace.window_bytes;
        self.window = Window::default();
        failed
    }

    /// Waits on; returns the reason when waiting is over.
    fn wait(&mut self, cx: &mut Context<'_>) -> Poll<BodyError> {
        let pace = self.pace;
        loop {
            let now = Instant::now();
            let left_of_window = pace.window.saturating_sub(self.window.waited);
            let waiting = self.waiting.get_or_insert_with(|| Waiting {
                since: now,
                counted_to: now,
                alarm: Box::pin(tokio::time::sleep_until(now + pace.silence.min(left_of_window))),
            });
            if waiting.alarm.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            let now = Instant::now();
            if now >= waiting.since + pace.silence {
                return Poll::Ready(BodyError::Silent { after: pace.silence });
            }
            self.window.waited += now - waiting.counted_to;
            waiting.counted_to = now;
            let next = (waiting.since + pace.silence).min(now + pace.window);
            waiting.alarm.as_mut().reset(next);
            if self.window_failed() {
                return Poll::Ready(BodyError::Slow { wanted: pace.window_bytes, window: pace.window });
            }
        }
    }
}

impl<B> Body for PacedBody<B>
where
    B: Body<Data = Bytes, Error = hyper::Error> + Unpin,
{
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = &mut *self;
        if this.given_up {
            return Poll::Ready(Some(Err(BodyError::GivenUp)));
        }
        match Pin::new(&mut this.inner).poll_frame(cx) {
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Ready(Some(Err(error))) => this.give_up(BodyError::Read(error)),
            Poll::Ready(Some(Ok(frame))) => {
                this.arrived(frame.data_ref().map_or(0, |data| data.len() as u64));
                if this.window_failed() {
                    this.stats.count_timed_out();
                    let (wanted, window) = (this.pace.window_bytes, this.pace.window);
                    return this.give_up(BodyError::Slow { wanted, window });
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Pending => match this.wait(cx) {
                Poll::Pending => Poll::Pending,
                Poll::Ready(error) => {
                    this.stats.count_timed_out();
                    this.give_up(error)
                }
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        !self.given_up && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
