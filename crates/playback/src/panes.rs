//! Panes: a recording as a row of equal slices of time, drawn from clear sizes alone.

use clerestory_model::{RecordingState, Timestamp};
use clerestory_store::recordings::Recording;

use crate::describe::{GapFact, SegmentFact};

/// Panes in a row of a list.
pub const PANES: usize = 48;

/// What a pane shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pane {
    /// Captured and sealed; 0 (nothing happened) to 4 (a great deal).
    Glass(u8),
    /// Nothing was captured.
    Gap,
    /// Still going on.
    Now,
    /// Erased, or not yet.
    Empty,
}

impl Pane {
    /// The word of the API.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Glass(0) => "a0",
            Self::Glass(1) => "a1",
            Self::Glass(2) => "a2",
            Self::Glass(3) => "a3",
            Self::Glass(_) => "a4",
            Self::Gap => "gap",
            Self::Now => "now",
            Self::Empty => "none",
        }
    }
}

/// The panes of a recording. A segment's bytes are spread evenly over its time; tones are relative to the fullest
/// pane, by the square root, so that one large keyframe does not make the rest look empty.
#[must_use]
pub fn panes(recording: &Recording, segments: &[SegmentFact], gaps: &[GapFact], now: Timestamp) -> Vec<Pane> {
    if matches!(recording.state, RecordingState::Shredded | RecordingState::Verified) {
        return vec![Pane::Empty; PANES];
    }
    let live = recording.is_live(now);
    let end = if live { now } else { recording.ended_at };
    let total = end.micros().saturating_sub(recording.started_at.micros()).max(1);
    let pane_of = |at: i64| {
        let place = i128::from(at.clamp(0, total)) * PANES as i128 / i128::from(total);
        usize::try_from(place).unwrap_or(0).min(PANES - 1)
    };
    let mut bytes = [0_f64; PANES];
    for segment in segments {
        let (from, to) =
            (pane_of(segment.start_us), pane_of(segment.start_us.saturating_add(segment.duration_us)));
        let share = segment.size_bytes as f64 / (to - from + 1) as f64;
        for pane in bytes.iter_mut().take(to + 1).skip(from) {
            *pane += share;
        }
    }
    let fullest = bytes.iter().copied().fold(1.0, f64::max);
    let mut out: Vec<Pane> = bytes
        .iter()
        .map(|bytes| {
            Pane::Glass(if *bytes == 0.0 { 0 } else { 1 + ((bytes / fullest).sqrt() * 3.0).round() as u8 })
        })
        .collect();
    for gap in gaps {
        let (from, to) = (pane_of(gap.from_us), pane_of(gap.to_us));
        for pane in out.iter_mut().take(to + 1).skip(from).filter(|pane| **pane == Pane::Glass(0)) {
            *pane = Pane::Gap;
        }
    }
    if live && let Some(last) = out.last_mut() {
        *last = Pane::Now;
    }
    out
}
