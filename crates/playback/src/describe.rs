//! The clear facts of a recording: tracks, segments, gaps. Nothing here is opened.

use clerestory_access::{Action, Grant, Object};
use clerestory_model::{GapReason, RecordingId, Timestamp};
use clerestory_sql::{SqlError, Tx};
use clerestory_store::recordings::{self, Recording};
use clerestory_store::segments;
use clerestory_store::tracks::{self, Track};

use crate::rows::{self, Viewing};
use crate::{Playback, PlaybackError};

/// Segments of one track that are described at once.
const SEGMENTS: u32 = 50_000;
/// Watchings that are described at once, the newest ones.
const VIEWINGS: u32 = 200;

/// A segment without its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentFact {
    /// Its number.
    pub sequence: u64,
    /// Where it begins, in microseconds since the recording began.
    pub start_us: i64,
    /// How long it lasts.
    pub duration_us: i64,
    /// Sealed bytes.
    pub size_bytes: u64,
    /// Whether a replay can begin with it.
    pub keyframe: bool,
    /// When it arrived.
    pub received_at: Timestamp,
}

/// A stretch where nothing is, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct GapFact {
    /// Where it begins.
    pub from_us: i64,
    /// Where it ends.
    pub to_us: i64,
    /// Why.
    pub reason: GapReason,
}

impl From<&tracks::Gap> for GapFact {
    fn from(gap: &tracks::Gap) -> Self {
        Self { from_us: gap.from_us, to_us: gap.to_us, reason: gap.reason }
    }
}

/// A track and what it holds.
#[derive(Clone, Debug)]
pub struct DescribedTrack {
    /// Its row.
    pub track: Track,
    /// Its segments, in order.
    pub segments: Vec<SegmentFact>,
    /// Its gaps, told and found.
    pub gaps: Vec<GapFact>,
}

/// A recording and what it is made of.
#[derive(Clone, Debug)]
pub struct Described {
    /// Its row.
    pub recording: Recording,
    /// Its tracks.
    pub tracks: Vec<DescribedTrack>,
    /// Who watched it.
    pub viewings: Vec<Viewing>,
}

impl Playback {
    /// What a recording is made of, for a holder of a grant that covers it.
    ///
    /// # Errors
    /// [`PlaybackError::NotFound`] when it is not there or the grant is for another organisation's.
    pub async fn describe<A: Action>(
        &self,
        tx: &mut Tx,
        grant: &Grant<A>,
        id: RecordingId,
    ) -> Result<Described, PlaybackError> {
        self.describe_within(tx, grant, id, (SEGMENTS, VIEWINGS)).await
    }

    /// As [`Self::describe`], however many segments there are and however often it was watched: for whoever hands all of it
    /// out.
    ///
    /// # Errors
    /// As [`Self::describe`].
    pub async fn describe_whole<A: Action>(
        &self,
        tx: &mut Tx,
        grant: &Grant<A>,
        id: RecordingId,
    ) -> Result<Described, PlaybackError> {
        self.describe_within(tx, grant, id, (u32::MAX, u32::MAX)).await
    }

    async fn describe_within<A: Action>(
        &self,
        tx: &mut Tx,
        grant: &Grant<A>,
        id: RecordingId,
        (segments, viewings): (u32, u32),
    ) -> Result<Described, PlaybackError> {
        let recording = recordings::find(tx, id).await?.ok_or(PlaybackError::NotFound)?;
        let on = grant.on();
        if recording.organisation != on.organisation() || on.recording().is_some_and(|other| other != id) {
            return Err(PlaybackError::NotFound);
        }
        let mut described = Vec::new();
        for track in tracks::of_recording(tx, id).await? {
            let segments = some_facts(tx, &track, (0, segments)).await?;
            let mut gaps: Vec<GapFact> =
                tracks::gaps(tx, track.id).await?.iter().map(GapFact::from).collect();
            let mut erased = tracks::erased(tx, track.id).await?;
            erased.sort_unstable();
            let missing: Vec<GapFact> = missing(&segments, &gaps, &erased).collect();
            gaps.extend(missing);
            gaps.sort_by_key(|gap| gap.from_us);
            described.push(DescribedTrack { track, segments, gaps });
        }
        let viewings = rows::viewings(tx, id, viewings).await?;
        Ok(Described { recording, tracks: described, viewings })
    }
}

/// The segments of a track numbered `from` and above.
pub(crate) async fn facts(tx: &mut Tx, track: &Track, from: u64) -> Result<Vec<SegmentFact>, SqlError> {
    some_facts(tx, track, (from, SEGMENTS)).await
}

pub(crate) async fn some_facts(
    tx: &mut Tx,
    track: &Track,
    (from, most): (u64, u32),
) -> Result<Vec<SegmentFact>, SqlError> {
    let found = segments::of_track(tx, track.id, from, most).await?;
    Ok(found
        .into_iter()
        .map(|segment| SegmentFact {
            sequence: segment.sequence,
            start_us: segment.start_us,
            duration_us: segment.duration_us,
            size_bytes: segment.extent.length,
            keyframe: segment.keyframe,
            received_at: segment.received_at,
        })
        .collect())
}

/// Numbers that never arrived: what lies between the end of one segment and the beginning of the next is lost.
///
/// Where all of them were stored and lost later, or erased (first and last number of each stretch, in order), gaps of that
/// reason tell it already.
fn missing(
    segments: &[SegmentFact],
    told: &[GapFact],
    erased: &[(u64, u64)],
) -> impl Iterator<Item = GapFact> {
    let told_lost = move |from_us: i64, to_us: i64, numbers: u64| {
        let within =
            |gap: &&GapFact| gap.reason == GapReason::Lost && (from_us..=to_us).contains(&gap.from_us);
        told.iter().filter(within).count() as u64 >= numbers
    };
    // How many of the numbers from one up to another, without it, were not erased.
    let not_erased = move |from: u64, to: u64| {
        let (mut count, mut at) = (0, from);
        for (first, last) in erased {
            count += first.min(&to).saturating_sub(at);
            at = at.max(last.saturating_add(1));
        }
        count + to.saturating_sub(at)
    };
    let lost_first = segments
        .first()
        .filter(|first| {
            let numbers = not_erased(0, first.sequence);
            numbers > 0 && !told_lost(0, first.start_us, numbers)
        })
        .map(|first| GapFact { from_us: 0, to_us: first.start_us, reason: GapReason::Missing });
    let lost_between = segments.windows(2).filter_map(move |pair| match pair {
        [before, after] => {
            let from_us = before.start_us.saturating_add(before.duration_us);
            let numbers = not_erased(before.sequence + 1, after.sequence);
            let is_missing = numbers > 0 && !told_lost(from_us, after.start_us, numbers);
            is_missing.then_some(GapFact { from_us, to_us: after.start_us, reason: GapReason::Missing })
        }
        _ => None,
    });
    lost_first.into_iter().chain(lost_between)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(sequence: u64) -> SegmentFact {
        let start_us = i64::try_from(sequence).unwrap_or_default() * 10;
        let received_at = Timestamp::from_micros(0);
        SegmentFact { sequence, start_us, duration_us: 10, size_bytes: 1, keyframe: true, received_at }
    }

    #[test]
    fn numbers_that_were_erased_are_not_missing() {
        let segments = [segment(2), segment(5), segment(9)];
        let found = |erased: &[(u64, u64)]| -> Vec<(i64, i64)> {
            missing(&segments, &[], erased).map(|gap| (gap.from_us, gap.to_us)).collect()
        };
        assert_eq!(found(&[]), [(0, 20), (30, 50), (60, 90)]);
        assert_eq!(found(&[(0, 1), (3, 4), (6, 8)]), []);
        assert_eq!(found(&[(0, 0), (3, 3), (3, 4), (7, 20)]), [(0, 20), (60, 90)]);
    }
}
