//! Whatever lies in a file of the log: no panic, and entries that lie in it, one after another.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use clerestory_model::TrackId;
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

fn place() -> SegmentPlace {
    SegmentPlace {
        organisation: OrganisationId::from_bytes([1; 16]),
        recording: RecordingId::from_bytes([2; 16]),
        track: TrackId::from_bytes([3; 16]),
        key: KeyId::from_bytes([4; 16]),
        sequence: 5,
    }
}

/// The clear bytes of an entry, with lengths that are nobody's.
fn beginning(note: u32, segment: u32) -> Vec<u8> {
    let mut bytes = MARK.to_vec();
    bytes.extend_from_slice(&note.to_be_bytes());
    bytes.extend_from_slice(&segment.to_be_bytes());
    bytes.resize(FRAME, 7);
    bytes
}

/// Lengths as an attacker chooses them: small, as large as they get, and anything.
fn length() -> impl Strategy<Value = u32> {
    prop_oneof![0..64_u32, Just(u32::MAX), any::<u32>()]
}

proptest! {
    #[test]
    fn entries_lie_in_their_file_one_after_another(
        pieces in vec((length(), length(), vec(any::<u8>(), 0..160)), 0..12),
        end in any::<prop::sample::Index>(),
    ) {
        let (deployment, key) = (Deployment { environment: [0; 16], region: "test".to_owned() }, SecretKey::generate());
        let mut log: Vec<u8> =
            pieces.iter().flat_map(|(note, segment, rest)| [beginning(*note, *segment), rest.clone()].concat()).collect();
        log.truncate(end.index(log.len() + 1));
        let mut last = 0;
        for frame in Frames::of(&log) {
            prop_assert!(frame.note.0 >= last + FRAME && frame.note.0 <= frame.note.1);
            prop_assert!(frame.note.1 == frame.segment.0 && frame.segment.0 <= frame.segment.1);
            prop_assert!(frame.segment.1 <= log.len());
            prop_assert!(open(&key, &deployment, "log/x", &log, &frame).is_err(), "nobody sealed it");
            last = frame.segment.1;
        }
    }

    /// A note that opened was sealed by this program, in some version of it.
    #[test]
    fn no_note_is_too_strange(
        plain in vec(any::<u8>(), 0..300),
        gaps in prop_oneof![0..4_i64, any::<i64>()],
        kinds in [0..6_u8, 0..6, 0..6],
        sealed in vec(any::<u8>(), 0..80),
    ) {
        let _ = read_note(&plain, &place(), &sealed);
        // Ids, kind, source, class, and numbers of which the last says how many gaps follow.
        let mut likely = plain;
        likely.resize(likely.len().max(64 + 3 + 40), 0);
        likely[64..67].copy_from_slice(&kinds);
        likely[67 + 32..67 + 40].copy_from_slice(&gaps.to_be_bytes());
        if let Some((provenance, _)) = read_note(&likely, &place(), &sealed) {
            prop_assert!(provenance.gaps.len() * 24 <= likely.len());
        }
    }
}
