//! How events are packed before they are sealed: one zstd frame (RFC 8878), made with a vocabulary that every
//! segment shares.
//!
//! A segment alone is small, and most of it is what every page says: names of elements, attributes and styles. zstd
//! finds those in the vocabulary, which is a text (`vocabulary-1.txt`) and no part of anybody's page. Once segments
//! were stored with it, it never changes; better words are a vocabulary of their own, and a content type of its own.

use std::cell::RefCell;
use std::io;
use std::sync::LazyLock;

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

thread_local! {
    /// A compressor for each level: it holds a megabyte or two that would be asked of the system for each segment.
    static PACKERS: RefCell<[Option<Compressor<'static>>; LEVELS.len()]> =
        const { RefCell::new([const { None }; LEVELS.len()]) };
}

/// Packs the JSON array of a segment's events.
///
/// # Errors
/// Only when there is no memory.
pub fn pack_events(json: &[u8]) -> io::Result<Vec<u8>> {
    PACKERS.with_borrow_mut(|packers| {
        let levels = packers.iter_mut().zip(WORDS.iter()).zip(LEVELS);
        for ((packer, words), (below, _)) in levels {
            if json.len() < below {
                return match packer {
                    Some(packer) => packer.compress(json),
                    None => packer.insert(Compressor::with_prepared_dictionary(words)?).compress(json),
                };
            }
        }
        Err(io::Error::other("no level packs so much"))
    })
}

/// Unpacks what [`pack_events`] packed, into at most `limit` bytes.
///
/// # Errors
/// When it is no such frame, was cut, or is larger.
pub fn unpack_events(packed: &[u8], limit: usize) -> io::Result<Vec<u8>> {
    let told = zstd::zstd_safe::get_frame_content_size(packed).ok().flatten();
    let told = told.and_then(|size| usize::try_from(size).ok()).filter(|size| *size <= limit);
    let size = told.ok_or_else(|| io::Error::other("no frame of a size it may have"))?;
    Decompressor::with_prepared_dictionary(&KNOWN)?.decompress(packed, size)
}

#[cfg(test)]
mod tests {
    use clerestory_seal::sha256;

    use super::{VOCABULARY, pack_events, unpack_events};

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

    /// The words must be found: without them this event comes to about 100 bytes.
    #[test]
    fn one_event_is_hardly_more_than_its_numbers() {
        let event = br#"[{"type":3,"data":{"source":2,"type":1,"id":77,"x":512,"y":300,"pointerType":0},"timestamp":1795327201902}]"#;
        let packed = pack_events(event).expect("packs");
        assert!(packed.len() < 50, "{} bytes", packed.len());
    }
}
