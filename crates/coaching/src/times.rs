//! Times of a recording: when something of it is shown, and when everything there was is gone.
//!
//! Spans are in microseconds since the recording began, from and to.

use clerestory_model::{GapReason, RecordingId, TrackId, TrackKind};
use clerestory_sql::{SqlError, Tx};
use clerestory_store::segments::{self, Segment};
use clerestory_store::tracks;

/// Spans in order, none touching another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Spans(Vec<(i64, i64)>);

impl Spans {
    /// Joins what overlaps or touches.
    pub(crate) fn of(spans: impl IntoIterator<Item = (i64, i64)>) -> Self {
        let mut all: Vec<(i64, i64)> = spans.into_iter().filter(|(from, to)| from <= to).collect();
        all.sort_unstable();
        let mut joined: Vec<(i64, i64)> = Vec::with_capacity(all.len());
        for (from, to) in all {
            match joined.last_mut() {
                Some(last) if from <= last.1 => last.1 = last.1.max(to),
                _ => joined.push((from, to)),
            }
        }
        Self(joined)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (i64, i64)> + '_ {
        self.0.iter().copied()
    }

    /// These and the others.
    pub(crate) fn with(self, others: &Self) -> Self {
        Self::of(self.0.into_iter().chain(others.iter()))
    }

    /// These without the others.
    pub(crate) fn without(&self, others: &Self) -> Self {
        let mut left = Vec::new();
        for (mut from, to) in self.iter() {
            for (begins, ends) in others.iter() {
                if ends <= from || begins >= to {
                    continue;
                }
                if begins > from {
                    left.push((from, begins));
                }
                from = ends.min(to);
            }
            if from < to {
                left.push((from, to));
            }
        }
        Self(left)
    }
}

/// The times of a track.
struct OfTrack {
    /// From its first segment to its last.
    spans: Spans,
    gaps: Spans,
    erased: Spans,
}

/// The times of what a recording shows: of its pictures or its page, and of anything else only where it has neither.
pub(crate) struct Times(Vec<OfTrack>);

fn shows(kind: TrackKind) -> bool {
    matches!(kind, TrackKind::Dom | TrackKind::Video)
}

impl Times {
    /// * `until_us`: where what goes on has come to; the track that went furthest goes on.
    pub(crate) async fn read(
        tx: &mut Tx,
        recording: RecordingId,
        until_us: Option<i64>,
    ) -> Result<Self, SqlError> {
        let mut all = tracks::of_recording(tx, recording).await?;
        if all.iter().any(|track| shows(track.kind)) {
            all.retain(|track| shows(track.kind));
        }
        let mut times = Vec::with_capacity(all.len());
        for track in all {
            let gaps = tracks::gaps(tx, track.id).await?;
            let span = |gap: &tracks::Gap| (gap.from_us, gap.to_us);
            let gone = |gap: &&tracks::Gap| matches!(gap.reason, GapReason::Erased | GapReason::Discarded);
            let mut erased = Spans::of(gaps.iter().filter(gone).map(span));
            if track.kind == TrackKind::Dom && erased.iter().next().is_some() {
                erased = until_drawn_again(tx, track.id, erased).await?;
            }
            let gaps = Spans::of(gaps.iter().map(span));
            // From the first to the last: between two segments nothing changed on a page.
            let spans = Spans::of(segments::bounds(tx, track.id).await?);
            times.push(OfTrack { spans, gaps, erased });
        }
        if let (Some(until_us), Some(last)) =
            (until_us, times.iter_mut().max_by_key(|one| one.spans.0.last().map(|span| span.1)))
            && let Some(span) = last.spans.0.last_mut()
        {
            span.1 = span.1.max(until_us);
        }
        Ok(Self(times))
    }

    /// When something is shown.
    pub(crate) fn shown(&self) -> Spans {
        Spans::of(self.0.iter().flat_map(|one| one.spans.without(&one.gaps).0))
    }

    /// When nothing is shown because of gaps.
    pub(crate) fn missing(&self) -> Spans {
        Spans::of(self.0.iter().flat_map(|one| one.gaps.iter())).without(&self.shown())
    }

    /// When everything that was shown is erased or was taken back.
    pub(crate) fn erased(&self) -> Spans {
        let left = Spans::of(self.0.iter().flat_map(|one| one.spans.without(&one.erased).0));
        Spans::of(self.0.iter().flat_map(|one| one.erased.iter())).without(&left)
    }
}

/// What is erased of a page is not seen until something else of it is sent: it stood as it was.
async fn until_drawn_again(tx: &mut Tx, track: TrackId, erased: Spans) -> Result<Spans, SqlError> {
    let gone = tracks::erased(tx, track).await?;
    let stays = |number: u64| !gone.iter().any(|(from, to)| (*from..=*to).contains(&number));
    let mut kept = segments::of_track(tx, track, 0, u32::MAX).await?;
    kept.retain(|segment| stays(segment.sequence));
    let end = |segment: &Segment| segment.start_us.saturating_add(segment.duration_us);
    let last = kept.iter().map(end).max();
    Ok(Spans::of(erased.iter().map(|(from, to)| {
        let next = kept.iter().map(|segment| segment.start_us).filter(|start_us| *start_us >= to).min();
        (from, next.or(last).map_or(to, |next| next.max(to)))
    })))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spans(all: &[(i64, i64)]) -> Spans {
        Spans::of(all.iter().copied())
    }

    #[test]
    fn spans_that_touch_are_one() {
        assert_eq!(spans(&[(10, 20), (0, 10), (30, 40), (35, 36)]).0, [(0, 20), (30, 40)]);
        assert_eq!(spans(&[(5, 4)]).0, []);
    }

    #[test]
    fn what_is_taken_off_leaves_what_is_around_it() {
        let all = spans(&[(0, 100), (200, 300)]);
        assert_eq!(all.without(&spans(&[(10, 20), (90, 250)])).0, [(0, 10), (20, 90), (250, 300)]);
        assert_eq!(all.without(&spans(&[(0, 300)])).0, []);
        assert_eq!(all.without(&spans(&[])).0, all.0);
    }

    #[test]
    fn a_time_is_erased_where_no_track_shows_it_any_more() {
        let track = |span, erased: &[(i64, i64)]| OfTrack {
            spans: spans(&[span]),
            gaps: spans(erased),
            erased: spans(erased),
        };
        let times = Times(vec![track((0, 100), &[(10, 50)]), track((40, 200), &[])]);
        assert_eq!(times.erased().0, [(10, 40)]);
        assert_eq!(times.shown().0, [(0, 10), (40, 200)]);
        assert_eq!(times.missing().0, [(10, 40)]);
    }
}
