//! Whatever comes in: no panic, nothing read that is not there, and files whose parts are as long as they say.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests may panic")]

use clerestory_media::{Kind, Malformed, Media, Standing, player_file};
use proptest::collection::vec;
use proptest::prelude::*;

const HEADS: [(u8, &str); 5] = [
    (1, r#"{"codec":"vp8","width":640,"height":360,"gaps":[]}"#),
    (
        1,
        r#"{"codec":"vp09.00.10.08","width":640,"height":360,"gaps":[{"from_ms":1,"to_ms":2,"reason":"blocked"}]}"#,
    ),
    (1, r#"{"codec":"av01.0.04M.08","width":640,"height":360}"#),
    (1, r#"{"codec":"avc1.42e01f","width":640,"height":360,"description":"AULgH__hAAA"}"#),
    (2, r#"{"codec":"opus","sample_rate":48000,"channels":2,"description":"T3B1c0hlYWQBAjgBgLsAAAAAAA"}"#),
];

/// A segment as a recorder writes it: each chunk begins so long after the one before.
fn written(kind: u8, head: &str, chunks: &[(u32, Vec<u8>)]) -> Vec<u8> {
    let be = |number: usize| u32::try_from(number).unwrap().to_be_bytes();
    let mut out = b"clmd\x01".to_vec();
    out.extend([kind, 0, 0]);
    out.extend(be(head.len()));
    out.extend(head.as_bytes());
    out.extend(be(chunks.len()));
    let mut at_us = 1_790_000_000_000_000_i64;
    for (number, (after, bytes)) in chunks.iter().enumerate() {
        at_us += i64::from(*after);
        out.extend(at_us.to_be_bytes());
        out.extend(after.to_be_bytes());
        out.extend(be(bytes.len()));
        out.extend([u8::from(number == 0), 0, 0, 0]);
    }
    chunks.iter().for_each(|(_, bytes)| out.extend(bytes));
    out
}

fn kind_of(kind: u8) -> Kind {
    if kind == 1 { Kind::Picture } else { Kind::Sound }
}

/// The boxes of a file: their names, each as long as it says, to the end.
fn boxes(mut file: &[u8]) -> Vec<String> {
    let mut names = Vec::new();
    while !file.is_empty() {
        let length = u32::from_be_bytes(file[..4].try_into().unwrap()) as usize;
        names.push(String::from_utf8(file[4..8].to_vec()).unwrap());
        file = &file[length..];
    }
    names
}

fn chunks() -> impl Strategy<Value = Vec<(u32, Vec<u8>)>> {
    vec((1..200_000_u32, vec(any::<u8>(), 1..64)), 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn what_is_written_is_read_and_becomes_a_file(which in 0..HEADS.len(), chunks in chunks(), start_us in 0..1_u64 << 50) {
        let (kind, head) = HEADS[which];
        let bytes = written(kind, head, &chunks);
        let media = Media::parse(&bytes, kind_of(kind)).unwrap();
        prop_assert_eq!(media.chunks().len(), chunks.len());
        let all: Vec<u8> = chunks.iter().flat_map(|(_, bytes)| bytes.clone()).collect();
        prop_assert_eq!(media.data(), &all[..]);
        let file = player_file(&media, Standing { sequence: 7, start_us, until_us: None }).unwrap();
        if file.content_type.contains("mp4") {
            prop_assert_eq!(boxes(&file.bytes), ["ftyp", "moov", "moof", "mdat"]);
            prop_assert_eq!(boxes(&file.bytes[file.fragment_at..]), ["moof", "mdat"]);
            prop_assert!(file.bytes.ends_with(&all));
        } else {
            prop_assert!(file.bytes.windows(chunks[0].1.len()).any(|part| part == chunks[0].1));
        }
    }

    #[test]
    fn anything_else_is_refused_without_harm(bytes in vec(any::<u8>(), 0..400), sound in any::<bool>()) {
        let kind = if sound { Kind::Sound } else { Kind::Picture };
        prop_assert!(Media::parse(&bytes, kind).is_err());
    }

    /// One byte other than it was: it is refused, or is read to the last byte all the same.
    #[test]
    fn a_segment_with_a_byte_changed_harms_nobody(
        which in 0..HEADS.len(), chunks in chunks(), at in any::<prop::sample::Index>(), to in any::<u8>(),
    ) {
        let (kind, head) = HEADS[which];
        let mut bytes = written(kind, head, &chunks);
        let at = at.index(bytes.len());
        bytes[at] = to;
        if let Ok(media) = Media::parse(&bytes, kind_of(kind)) {
            let sum: usize = media.chunks().iter().map(|chunk| chunk.length as usize).sum();
            prop_assert_eq!(sum, media.data().len());
            let standing = Standing { sequence: u64::MAX, start_us: u64::MAX, until_us: Some(0) };
            prop_assert_eq!(player_file(&media, standing).is_none(), media.chunks().is_empty());
        }
    }

    #[test]
    fn a_segment_that_is_cut_or_longer_is_refused(which in 0..HEADS.len(), chunks in chunks(), cut in any::<prop::sample::Index>()) {
        let (kind, head) = HEADS[which];
        let bytes = written(kind, head, &chunks);
        let cut = cut.index(bytes.len());
        prop_assert!(Media::parse(&bytes[..cut], kind_of(kind)).is_err());
        let longer = [&bytes[..], &[0]].concat();
        prop_assert!(Media::parse(&longer, kind_of(kind)).is_err());
    }
}

fn refused(kind: u8, head: &str, chunks: &[(u32, Vec<u8>)]) -> Malformed {
    Media::parse(&written(kind, head, chunks), kind_of(kind)).unwrap_err()
}

#[test]
fn heads_say_what_they_may_and_nothing_else() {
    let one = [(1, vec![1])];
    for (kind, head) in [
        (1, r#"{"codec":"opus","width":1,"height":1}"#),
        (2, r#"{"codec":"vp8","sample_rate":48000,"channels":1}"#),
        (1, r#"{"codec":"vp8","width":0,"height":1}"#),
        (1, r#"{"codec":"vp8","width":16385,"height":1}"#),
        (1, r#"{"codec":"vp8","width":1,"height":1,"title":"x"}"#),
        (1, r#"{"codec":"vp8","width":1,"height":1,"gaps":[{"from_ms":2,"to_ms":1,"reason":"paused"}]}"#),
        (1, r#"{"codec":"vp8","width":1,"height":1,"gaps":[{"from_ms":1,"to_ms":2,"reason":"bored"}]}"#),
        (1, r#"{"codec":"avc1.42e01f","width":1,"height":1}"#),
        (1, r#"{"codec":"avc1.42e01f","width":1,"height":1,"description":"AA"}"#),
        (2, r#"{"codec":"opus","sample_rate":1,"channels":1}"#),
        (2, r#"{"codec":"opus","sample_rate":48000,"channels":6}"#),
        (2, r#"{"codec":"opus","sample_rate":48000,"channels":1,"description":"T3B1c0hlYWQ"}"#),
        (1, "[]"),
        (1, ""),
    ] {
        assert!(refused(kind, head, &one).path.starts_with("head"), "{head}");
    }
}

#[test]
fn a_segment_may_tell_of_a_gap_and_nothing_else() {
    let bytes = written(1, HEADS[1].1, &[]);
    let media = Media::parse(&bytes, Kind::Picture).unwrap();
    assert_eq!((media.gaps().len(), media.span_us()), (1, (1000, 2000)));
    assert_eq!(player_file(&media, Standing { sequence: 0, start_us: 0, until_us: None }), None);
    assert_eq!(refused(1, HEADS[0].1, &[]).reason, "it holds nothing and tells of no gap");
}
