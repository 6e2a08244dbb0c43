//! Picture and sound: what recorders send of them, and the files that players take.
//!
//! A recorder sends encoded chunks as they leave its encoder ([`segment`], format `clerestory media 1`). They are never
//! decoded or encoded anew here: a player is given the same bytes in the box it knows, fragmented MP4 or WebM
//! ([`player_file`]). Whoever is to decode them all is given one [`Stream`] of them, and what an encoder made of several
//! such streams becomes one film ([`Joined`]). Nothing here trusts what is in a chunk; decoding is the business of whoever plays it.

mod codec;
mod elements;
mod film;
mod mp4;
mod segment;
mod stream;
mod webm;

pub use codec::{Codec, CodecError};
pub use film::{Joined, NoFilm};
pub use segment::{Chunk, Gap, GapReason, Kind, MEDIA_TYPE, Malformed, Media, Picture, Shape, Sound};
pub use stream::{Stream, StreamError};

/// A file that a player takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlayerFile {
    /// What it is, with the codec: what `MediaSource.isTypeSupported` is asked.
    pub content_type: String,
    /// Its bytes: what a player has to know of the codec, and one fragment.
    pub bytes: Vec<u8>,
    /// Where the fragment begins. Fragments behind the same head are one file.
    pub fragment_at: usize,
}

/// Where a segment stands in its recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Its number in its track.
    pub sequence: u64,
    /// Where its first chunk begins, in microseconds since the recording began.
    pub start_us: u64,
    /// Where what follows it without a gap begins. The last chunk lasts until then: players stop at holes.
    pub until_us: Option<u64>,
}

/// The file of one segment; `None` of one without chunks, which only tells of gaps.
///
/// Each file stands for itself: files of one track, one after another, are one stream too.
#[must_use]
pub fn player_file(media: &Media<'_>, standing: Standing) -> Option<PlayerFile> {
    if media.chunks().is_empty() {
        return None;
    }
    Some(match media.shape().codec() {
        Codec::Vp8 => webm::write(media, standing),
        _ => mp4::write(media, standing),
    })
}

/// How long each chunk is shown or heard, in microseconds: until the next begins, as an encoder that is given a frame
/// now and then says less of how long it stands. At least one, so that times rise.
fn durations(media: &Media<'_>, standing: Standing) -> Vec<u32> {
    let chunks = media.chunks();
    let (Some(first), Some(last)) = (chunks.first(), chunks.last()) else { return Vec::new() };
    let offset_us = |chunk: &Chunk| chunk.timestamp_us.abs_diff(first.timestamp_us);
    let end_us = offset_us(last).saturating_add(u64::from(last.duration_us));
    let until_us =
        standing.until_us.map_or(end_us, |until| until.saturating_sub(standing.start_us).max(end_us));
    let nexts = chunks.iter().skip(1).map(offset_us).chain([until_us]);
    let lasts = |(chunk, next): (&Chunk, u64)| {
        u32::try_from(next.saturating_sub(offset_us(chunk)).max(1)).unwrap_or(u32::MAX)
    };
    chunks.iter().zip(nexts).map(lasts).collect()
}
