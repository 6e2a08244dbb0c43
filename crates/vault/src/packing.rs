//! How events are packed before they are sealed: one zstd frame (RFC 8878), made with a vocabulary that every
//! segment shares.
//!
//! A segment alone is small, and most of it is what every page says: names of elements, attributes and styles. zstd
//! finds those in the vocabulary, which is a text (`vocabulary-1.txt`) and no part of anybody's page. Once segments
//! were stored with it, it never changes; better words are a vocabulary of their own, and a content type of its own.
//!
//! Settled segments share more: what a page says of itself in its first keyframe, the rest of the visit says again. They
//! are packed on a [`Base`], which is the vocabulary with that keyframe's events behind it.

use std::io;
use std::sync::{LazyLock, Mutex, PoisonError};

use zeroize::Zeroizing;
use zstd::bulk::{Compressor, Decompressor};
use zstd::dict::{DecoderDictionary, EncoderDictionary};

const VOCABULARY: &[u8] = include_bytes!("vocabulary-1.txt");

/// zstd's level for segments below so many bytes. Small ones cost little at any level. Of what lies between 16 and
/// 48 KiB there is most where many events come, and a higher level takes twice the time for a tenth of the bytes;
/// above that is a page's first picture, one a minute, and what is larger still repeats itself enough.
const LEVELS: [(usize, i32); 4] = [(16 * 1024, 6), (48 * 1024, 3), (128 * 1024, 5), (usize::MAX, 3)];

static WORDS: LazyLock<[EncoderDictionary<'static>; LEVELS.len()]> =
    LazyLock::new(|| LEVELS.map(|(_, level)| EncoderDictionary::copy(VOCABULARY, level)));
static KNOWN: LazyLock<DecoderDictionary<'static>> = LazyLock::new(|| DecoderDictionary::copy(VOCABULARY));

/// Idle compressors, by level. One holds a megabyte or two that would be asked of the system for each segment; one in
/// each thread of a pool that grows with what waits for the disk would hold it a hundred times over.
static IDLE: [Mutex<Vec<Compressor<'static>>>; LEVELS.len()] =
    [const { Mutex::new(Vec::new()) }; LEVELS.len()];

/// So many stay of each level: as many as work at once on a machine of some cores.
const IDLE_AT_MOST: usize = 8;

/// Packs the JSON array of a segment's events.
///
/// # Errors
/// Only when there is no memory.
pub fn pack_events(json: &[u8]) -> io::Result<Vec<u8>> {
    let levels = IDLE.iter().zip(WORDS.iter()).zip(LEVELS);
    for ((idle, words), (below, _)) in levels {
        if json.len() < below {
            let found = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let mut packer = match found {
                Some(packer) => packer,
                None => Compressor::with_prepared_dictionary(words)?,
            };
            let packed = packer.compress(json);
            let mut idle = idle.lock().unwrap_or_else(PoisonError::into_inner);
            if idle.len() < IDLE_AT_MOST {
                idle.push(packer);
            }
            return packed;
        }
    }
    Err(io::Error::other("no level packs so much"))
}

/// Unpacks what [`pack_events`] packed, into at most `limit` bytes.
///
/// # Errors
/// When it is no such frame, was cut, or is larger.
pub fn unpack_events(packed: &[u8], limit: usize) -> io::Result<Vec<u8>> {
    unpack(Decompressor::with_prepared_dictionary(&KNOWN)?, packed, limit)
}

fn unpack(mut unpacker: Decompressor<'_>, packed: &[u8], limit: usize) -> io::Result<Vec<u8>> {
    let told = zstd::zstd_safe::get_frame_content_size(packed).ok().flatten();
    let told = told.and_then(|size| usize::try_from(size).ok()).filter(|size| *size <= limit);
    let size = told.ok_or_else(|| io::Error::other("no frame of a size it may have"))?;
    unpacker.decompress(packed, size)
}

/// How hard segments that settle are packed. Readers need not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effort {
    /// Packed once, in the background, and kept for months.
    Thorough,
    /// More came than the job keeps up with: ten times as fast, and some 6 % larger.
    Hurried,
}

impl Effort {
    const fn level(self) -> i32 {
        match self {
            Self::Thorough => 15,
            Self::Hurried => 9,
        }
    }
}

/// What the segments of a part are packed on: the vocabulary, and the events of one of them.
pub struct Base(Zeroizing<Vec<u8>>);

impl Base {
    /// The base that these events are.
    #[must_use]
    pub fn new(json: &[u8]) -> Self {
        let mut words = Vec::with_capacity(VOCABULARY.len() + json.len());
        words.extend_from_slice(VOCABULARY);
        words.extend_from_slice(json);
        Self(Zeroizing::new(words))
    }

    /// How much memory it takes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.0.len()
    }

    /// Unpacks what was packed on it, into at most `limit` bytes.
    ///
    /// # Errors
    /// When it is no such frame, was cut, or is larger.
    pub fn unpack(&self, packed: &[u8], limit: usize) -> io::Result<Vec<u8>> {
        unpack(Decompressor::with_dictionary(&self.0)?, packed, limit)
    }
}

/// Packs what is settled. Not for what somebody waits for.
pub(crate) struct SettledPacker(Compressor<'static>);

impl SettledPacker {
    /// With the vocabulary alone: for the base itself.
    pub(crate) fn of_bases(effort: Effort) -> io::Result<Self> {
        Compressor::with_dictionary(effort.level(), VOCABULARY).map(Self)
    }

    /// For segments on this base.
    pub(crate) fn on(base: &Base, effort: Effort) -> io::Result<Self> {
        Compressor::with_dictionary(effort.level(), &base.0).map(Self)
    }

    pub(crate) fn pack(&mut self, json: &[u8]) -> io::Result<Vec<u8>> {
        self.0.compress(json)
    }
}

#[cfg(test)]
mod tests {
    use clerestory_seal::sha256;

    use super::{Base, Effort, SettledPacker, VOCABULARY, pack_events, unpack_events};

    /// A changed vocabulary would make every stored segment unreadable.
    #[test]
    fn the_vocabulary_stays_what_it_was() {
        let hash: String = sha256(VOCABULARY).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hash, "56f1b4eda3db501564e3a0f8f02543c952aa39e1395f6d4ed9104e1a7451daab");
    }

    #[test]
    fn what_was_packed_unpacks() {
        let event =
            br#"{"type":3,"data":{"source":2,"type":1,"id":4,"x":1,"y":2},"timestamp":1790000000000},"#;
        for times in [0, 1, 7, 200, 2_000, 20_000] {
            let json = event.repeat(times);
            let packed = pack_events(&json).expect("packs");
            assert_eq!(unpack_events(&packed, json.len()).expect("unpacks"), json);
            if times > 0 {
                assert!(unpack_events(&packed, json.len() - 1).is_err(), "a limit is a limit");
                assert!(unpack_events(&packed[..packed.len() - 1], json.len()).is_err(), "a cut frame");
            }
        }
        assert!(unpack_events(b"[]", 100).is_err());
        assert!(unpack_events(&[], 100).is_err());
    }

    /// What a keyframe says is said again in the rest of the visit.
    #[test]
    fn on_a_base_only_what_is_new_counts() {
        let page: String =
            (0..400).map(|n| format!("{{\"id\":{n},\"text\":\"{}\"}},", n * n * 7919)).collect();
        let base = Base::new(page.as_bytes());
        let again = format!("[{}]", &page[3_000..9_000]);
        for effort in [Effort::Thorough, Effort::Hurried] {
            let packed =
                SettledPacker::on(&base, effort).and_then(|mut packer| packer.pack(again.as_bytes()));
            let packed = packed.expect("packs");
            assert!(packed.len() < 60, "{} bytes", packed.len());
            assert_eq!(base.unpack(&packed, again.len()).expect("unpacks"), again.as_bytes());
            assert!(base.unpack(&packed, again.len() - 1).is_err(), "a limit is a limit");
            // zstd counts backwards: from another end on, everything it names is something else.
            let other = Base::new(&page.as_bytes()[..page.len() - 1]).unpack(&packed, again.len());
            assert!(
                other.map_or(true, |other| other != again.as_bytes()),
                "another base gives something else"
            );
            let alone = SettledPacker::of_bases(effort).and_then(|mut packer| packer.pack(page.as_bytes()));
            assert_eq!(unpack_events(&alone.expect("packs"), page.len()).expect("unpacks"), page.as_bytes());
        }
    }

    /// The words must be found: without them this event comes to about 100 bytes.
    #[test]
    fn one_event_is_hardly_more_than_its_numbers() {
        let event = br#"[{"type":3,"data":{"source":2,"type":1,"id":77,"x":512,"y":300,"pointerType":0},"timestamp":1795327201902}]"#;
        let packed = pack_events(event).expect("packs");
        assert!(packed.len() < 50, "{} bytes", packed.len());
    }
}
