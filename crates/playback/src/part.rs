//! Plays of a part of a recording: what of it they are shown.

use clerestory_model::TrackKind;
use clerestory_sql::{SqlError, Tx};
use clerestory_store::tracks::Track;

use crate::describe::{Described, GapFact, SegmentFact, facts, some_facts};

/// Where a part begins and ends, in microseconds since the recording began.
pub(crate) type Part = (i64, i64);

fn touches(segment: &SegmentFact, (from_us, to_us): Part) -> bool {
    segment.start_us <= to_us && segment.start_us.saturating_add(segment.duration_us) >= from_us
}

/// Leaves what a part needs of a track: the segments that it touches, and before them those back to the last keyframe,
/// without which nothing of its beginning can be drawn. A page is drawn by what was last sent of it, however long before.
pub(crate) fn leave(kind: TrackKind, segments: &mut Vec<SegmentFact>, part: Part) {
    let touched = segments.iter().position(|segment| touches(segment, part));
    let first = match kind {
        TrackKind::Dom => {
            let drawn = segments.iter().rposition(|segment| segment.keyframe && segment.start_us <= part.0);
            drawn.into_iter().chain(touched).min()
        }
        _ => touched.map(|touched| {
            let before = segments.iter().take(touched + 1);
            before.clone().rposition(|segment| segment.keyframe).unwrap_or(touched)
        }),
    };
    let Some(first) = first else { return segments.clear() };
    let end = segments.partition_point(|segment| segment.start_us <= part.1);
    segments.truncate(end);
    segments.drain(..first.min(segments.len()));
}

/// Leaves of a recording what a play of a part is shown.
pub(crate) fn narrow(described: &mut Described, part: Part) {
    for track in &mut described.tracks {
        leave(track.track.kind, &mut track.segments, part);
        clip(&mut track.gaps, part);
    }
}

/// Leaves of gaps what lies in a part.
pub(crate) fn clip(gaps: &mut Vec<GapFact>, part: Part) {
    gaps.retain(|gap| gap.from_us <= part.1 && gap.to_us >= part.0);
    for GapFact { from_us, to_us, .. } in gaps {
        (*from_us, *to_us) = ((*from_us).max(part.0), (*to_us).min(part.1));
    }
}

/// Whether a play of a part is given this segment of a track.
pub(crate) async fn has(tx: &mut Tx, track: &Track, sequence: u64, part: Part) -> Result<bool, SqlError> {
    let asked = some_facts(tx, track, (sequence, 1)).await?;
    if asked.iter().any(|segment| segment.sequence == sequence && touches(segment, part)) {
        return Ok(true);
    }
    let mut all = facts(tx, track, 0).await?;
    leave(track.kind, &mut all, part);
    Ok(all.iter().any(|segment| segment.sequence == sequence))
}

#[cfg(test)]
mod tests {
    use clerestory_model::Timestamp;

    use super::*;

    fn left(kind: TrackKind, keyframes: &[u64], part: Part) -> Vec<u64> {
        let mut segments: Vec<SegmentFact> = (0..6)
            .map(|sequence| SegmentFact {
                sequence,
                start_us: i64::try_from(sequence).unwrap_or(0) * 10,
                duration_us: 4,
                size_bytes: 1,
                keyframe: keyframes.contains(&sequence),
                received_at: Timestamp::from_micros(0),
            })
            .collect();
        leave(kind, &mut segments, part);
        segments.iter().map(|segment| segment.sequence).collect()
    }

    #[test]
    fn a_part_has_what_it_touches_and_what_that_is_drawn_on() {
        use TrackKind::{Audio, Dom, Video};
        assert_eq!(left(Video, &[0, 1, 2, 3, 4, 5], (21, 35)), [2, 3]);
        assert_eq!(left(Video, &[0], (21, 35)), [0, 1, 2, 3]);
        assert_eq!(
            left(Audio, &[], (21, 35)),
            [2, 3],
            "what needs nothing before it is given nothing before it"
        );
        assert_eq!(left(Video, &[0, 1, 2, 3, 4, 5], (25, 29)), [0_u64; 0], "nothing was recorded then");
        assert_eq!(left(Dom, &[0, 2], (25, 29)), [2], "the page stood as it was");
        assert_eq!(left(Dom, &[0], (21, 31)), [0, 1, 2, 3]);
        assert_eq!(left(Dom, &[0, 3], (34, 36)), [3]);
    }
}
