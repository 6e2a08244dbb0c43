//! Plays of a part of a recording: what of it they are shown.

use clerestory_sql::{SqlError, Tx};
use clerestory_store::tracks::Track;

use crate::describe::{Described, GapFact, SegmentFact, facts, some_facts};

/// Where a part begins and ends, in microseconds since the recording began.
pub(crate) type Part = (i64, i64);

fn touches(segment: &SegmentFact, (from_us, to_us): Part) -> bool {
    segment.start_us <= to_us && segment.start_us.saturating_add(segment.duration_us) >= from_us
}

/// Leaves those segments of a track that the part touches, and before them those back to the last keyframe: without these
/// nothing of the beginning can be drawn.
pub(crate) fn leave(segments: &mut Vec<SegmentFact>, part: Part) {
    let Some(first) = segments.iter().position(|segment| touches(segment, part)) else {
        return segments.clear();
    };
    let drawn_from = segments.iter().rposition(|segment| segment.keyframe && segment.start_us <= part.0);
    let last = segments.iter().rposition(|segment| touches(segment, part)).unwrap_or(first);
    segments.truncate(last + 1);
    segments.drain(..drawn_from.unwrap_or(first).min(first));
}

/// Leaves of a recording what a play of a part is shown.
pub(crate) fn narrow(described: &mut Described, part: Part) {
    for track in &mut described.tracks {
        leave(&mut track.segments, part);
        track.gaps.retain(|gap| gap.from_us <= part.1 && gap.to_us >= part.0);
        for GapFact { from_us, to_us, .. } in &mut track.gaps {
            (*from_us, *to_us) = ((*from_us).max(part.0), (*to_us).min(part.1));
        }
    }
}

/// Whether a play of a part is given this segment of a track.
pub(crate) async fn has(tx: &mut Tx, track: &Track, sequence: u64, part: Part) -> Result<bool, SqlError> {
    let asked = some_facts(tx, track, (sequence, 1)).await?;
    if asked.iter().any(|segment| segment.sequence == sequence && touches(segment, part)) {
        return Ok(true);
    }
    let mut all = facts(tx, track, 0).await?;
    leave(&mut all, part);
    Ok(all.iter().any(|segment| segment.sequence == sequence))
}

#[cfg(test)]
mod tests {
    use clerestory_model::Timestamp;

    use super::*;

    fn left(keyframes: &[u64], part: Part) -> Vec<u64> {
        let mut segments: Vec<SegmentFact> = (0..6)
            .map(|sequence| SegmentFact {
                sequence,
                start_us: i64::try_from(sequence).unwrap_or(0) * 10,
                duration_us: 9,
                size_bytes: 1,
                keyframe: keyframes.contains(&sequence),
                received_at: Timestamp::from_micros(0),
            })
            .collect();
        leave(&mut segments, part);
        segments.iter().map(|segment| segment.sequence).collect()
    }

    #[test]
    fn a_part_has_what_it_touches_and_what_that_is_drawn_on() {
        assert_eq!(left(&[0, 1, 2, 3, 4, 5], (21, 35)), [2, 3]);
        assert_eq!(left(&[0], (21, 35)), [0, 1, 2, 3]);
        assert_eq!(left(&[0, 3], (35, 36)), [3]);
        assert_eq!(left(&[], (21, 35)), [2, 3], "what needs nothing before it is given nothing before it");
        assert_eq!(left(&[0], (100, 120)), [0_u64; 0]);
    }
}
