//! Whatever a part ends in: no panic, and nothing larger than a manifest may be.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use clerestory_model::{OrganisationId, RecordingId, TrackId};
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

fn name() -> PartName {
    PartName {
        organisation: OrganisationId::from_bytes([1; 16]),
        recording: RecordingId::from_bytes([2; 16]),
        track: TrackId::from_bytes([3; 16]),
        part: 4,
        fence: 5,
    }
}

fn head() -> Vec<u8> {
    let provenance = Provenance {
        project: ProjectId::from_bytes([5; 16]),
        site: None,
        subject: SubjectId::from_bytes([7; 16]),
        source: Source::Web,
        started_at: Timestamp::from_micros(1),
        policy_version: 3,
        kind: TrackKind::Dom,
        writer: WriterId::from_bytes([8; 16]),
        class: RetentionClass::Replay,
        clock_offset_us: -17,
        kept_until: Timestamp::from_micros(2),
        gaps: Vec::new(),
    };
    serde_json::to_vec(&Head { base: Some(1), settled_at: Timestamp::from_micros(3), provenance }).unwrap()
}

/// Reads it as what the end of a part of so many bytes opened to.
fn opened(packed: &[u8], bytes: u64, manifest_bytes: u64) -> Option<Manifest> {
    let trailer = Trailer { key: KeyId::from_bytes([6; 16]), manifest_bytes };
    read(name(), &Listed { object: name().to_string(), bytes }, &trailer, packed)
}

proptest! {
    #[test]
    fn no_end_is_too_strange(end in vec(any::<u8>(), 0..80), marked in any::<bool>()) {
        let mut end = end;
        if marked {
            end.extend_from_slice(MARK);
        }
        prop_assert_eq!(key_of_end(&end).is_some(), marked && end.len() as u64 >= TRAILER);
    }

    #[test]
    fn no_manifest_is_too_strange(
        lengths in (prop_oneof![Just(None), any::<u32>().prop_map(Some)], prop_oneof![Just(None), any::<u32>().prop_map(Some)]),
        facts in vec(any::<u8>(), 0..120),
        proofs in vec(any::<u8>(), 0..330),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        (bytes, manifest_bytes) in (any::<u64>(), any::<u64>()),
        packed in vec(any::<u8>(), 0..200),
    ) {
        prop_assert_eq!(opened(&packed, bytes, manifest_bytes), None);
        let (head, mut plain) = (head(), Vec::new());
        for (text, length) in [(&head, lengths.0), (&facts, lengths.1)] {
            plain.extend_from_slice(&length.unwrap_or(text.len() as u32).to_be_bytes());
            plain.extend_from_slice(text);
        }
        plain.extend_from_slice(&proofs);
        for (at, byte) in changes {
            let at = at.index(plain.len());
            plain[at] = byte;
        }
        let packed = zstd::bulk::compress(&plain, 1).unwrap();
        if let Some(manifest) = opened(&packed, bytes, manifest_bytes) {
            let held = manifest.part.segments.iter().filter(|one| one.extent.object == manifest.part.object);
            let held: u64 = held.map(|segment| segment.extent.length).sum();
            prop_assert!(held <= bytes, "it holds no more than there is");
        }
    }
}

/// Many zeros become few bytes: what is unpacked ends at the limit.
#[test]
fn a_manifest_that_is_packed_from_too_much_is_none() {
    let packed = zstd::bulk::compress(&vec![0; LIMIT + 1], 19).unwrap();
    assert!(packed.len() < 10_000, "{}", packed.len());
    assert_eq!(opened(&packed, 1, 1), None);
}
