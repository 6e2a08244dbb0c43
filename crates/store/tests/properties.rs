//! The table of a part, whatever bytes are in its place: no panic, nothing that is not told by as many bytes, and what is
//! written is read.

use clerestory_model::{Timestamp, TrackId};
use clerestory_store::parts::{read_table, write_table};
use clerestory_store::segments::{ContentType, Extent, Segment};
use proptest::collection::vec;
use proptest::prelude::*;

/// Bytes of the proofs of one segment.
const PROOF: usize = 104;

fn segment(number: u64, times: (i64, i64, i64), sizes: (u64, u64, u64), kind: (bool, bool)) -> Segment {
    let object = if kind.1 { format!("segments/own/{number}") } else { "part".to_owned() };
    Segment {
        track: TrackId::nil(),
        sequence: number,
        start_us: times.0,
        duration_us: times.1.saturating_abs(),
        keyframe: kind.0,
        content_type: if kind.0 { ContentType::Rrweb } else { ContentType::RrwebOnBase(3) },
        policy_version: sizes.0,
        extent: Extent { object, offset: sizes.1, length: sizes.2 },
        header: [1; 40],
        sha256: [2; 32],
        content_mac: [3; 32],
        sent_bytes: sizes.0,
        received_at: Timestamp::from_micros(times.2),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_bytes_are_too_strange(
        facts in vec(any::<u8>(), 0..400),
        proofs in 0..5_usize,
        more in 0..3_usize,
        base in any::<Option<u64>>(),
    ) {
        let proofs = vec![7; proofs * PROOF + more];
        if let Some(segments) = read_table(TrackId::nil(), "part", base, &facts, &proofs) {
            prop_assert_eq!(segments.len() * PROOF, proofs.len());
            let names: usize = segments.iter().map(|segment| segment.extent.object.len()).sum();
            prop_assert!(names <= facts.len() + segments.len() * "part".len());
            prop_assert!(segments.is_sorted_by_key(|segment| segment.sequence));
        }
    }

    #[test]
    fn what_is_written_is_read_and_less_of_it_is_not(
        mut numbers in vec(any::<u32>(), 1..20),
        times in vec((any::<i64>(), any::<i64>(), any::<i64>()), 20),
        sizes in vec((any::<u64>(), 0..u64::MAX / 4, 0..u64::MAX / 4), 20),
        kinds in vec(any::<(bool, bool)>(), 20),
        cut in any::<prop::sample::Index>(),
    ) {
        numbers.sort_unstable();
        numbers.dedup();
        let told = times.into_iter().zip(sizes).zip(kinds);
        let segments: Vec<Segment> = numbers
            .into_iter()
            .zip(told)
            .map(|(number, ((times, sizes), kind))| segment(number.into(), times, sizes, kind))
            .collect();
        let (facts, proofs) = write_table("part", &segments);
        let read = |facts: &[u8]| read_table(TrackId::nil(), "part", Some(3), facts, &proofs);
        prop_assert_eq!(read(&facts), Some(segments));
        let cut = cut.index(facts.len());
        prop_assert_eq!(read(facts.get(..cut).unwrap_or_default()), None);
    }
}
