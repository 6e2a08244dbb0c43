//! `clerestory media 1`: the chunks of an encoder for a few seconds, as a recorder sends them.
//!
//! `clmd` ‖ version 1 ‖ kind 1 (1 picture, 2 sound) ‖ be16 0 ‖ be32 length of head ‖ head ‖ be32 count ‖ for each chunk
//! be64 time in µs, be32 duration in µs, be32 length, flags 1 (bit 0: key), three zeros ‖ the chunks' bytes, to the end.
//! The head is JSON: the codec and what a decoder has to know, and gaps. What is odd is refused as a whole: a recorder
//! that writes otherwise is not ours, and what it sends is not stored.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

use crate::codec::Codec;

/// The content type of such bytes.
pub const MEDIA_TYPE: &str = "application/vnd.clerestory.media";

/// Bytes of a head at most.
const HEAD_BYTES: usize = 64 * 1024;
/// Chunks of a segment at most.
const CHUNKS: usize = 4096;
/// From the beginning of the first chunk to the end of the last at most, in microseconds.
const LONGEST_US: i64 = 10_000_000;
/// Gaps that one segment tells of at most.
const GAPS: usize = 64;
/// Pixels of either side at most: what the codecs that are taken can say.
const SIDE: u32 = 16_384;
/// Bytes of a decoder's description at most.
const DESCRIPTION_BYTES: usize = 4096;
/// Times lie before the year 10000.
const LAST_US: i64 = 253_402_300_800_000_000;
const CHUNK_ROW: usize = 20;

/// Why bytes are no such segment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {reason}")]
pub struct Malformed {
    /// Where: `head`, or the number of a chunk.
    pub path: String,
    /// Why.
    pub reason: &'static str,
}

fn malformed(path: impl Into<String>, reason: &'static str) -> Malformed {
    Malformed { path: path.into(), reason }
}

/// What a segment holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Moving pictures.
    Picture,
    /// Sound.
    Sound,
}

/// Why nothing was captured for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GapReason {
    /// A page was shown that the rules exclude.
    Blocked,
    /// The person paused.
    Paused,
    /// The policy was too old, or said so.
    Policy,
    /// The encoder or the disk failed.
    Lost,
    /// The person took it back.
    Discarded,
}

/// A time in which nothing was captured, in milliseconds of the recorder's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gap {
    /// From.
    pub from_ms: i64,
    /// Until.
    pub to_ms: i64,
    /// Why.
    pub reason: GapReason,
}

/// One chunk of an encoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// When it begins, in microseconds of the recorder's clock since 1970.
    pub timestamp_us: i64,
    /// How long it lasts, as the encoder said.
    pub duration_us: u32,
    /// Whether a decoder can begin with it.
    pub key: bool,
    /// How many bytes it has.
    pub length: u32,
}

/// What a decoder of pictures has to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// The codec.
    pub codec: Codec,
    /// Pixels in a row.
    pub width: u16,
    /// Rows.
    pub height: u16,
    /// The codec's own description, where it has one.
    pub description: Option<Vec<u8>>,
}

/// What a decoder of sound has to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sound {
    /// The codec.
    pub codec: Codec,
    /// Samples in a second.
    pub sample_rate: u32,
    /// One or two.
    pub channels: u8,
    /// The codec's own description, where it has one.
    pub description: Option<Vec<u8>>,
}

/// Either.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Of pictures.
    Picture(Picture),
    /// Of sound.
    Sound(Sound),
}

impl Shape {
    /// The codec.
    #[must_use]
    pub const fn codec(&self) -> &Codec {
        match self {
            Self::Picture(picture) => &picture.codec,
            Self::Sound(sound) => &sound.codec,
        }
    }
}

/// A segment that was read: bounded, of a codec that is taken, its times rising, its lengths those of its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Media<'b> {
    shape: Shape,
    gaps: Vec<Gap>,
    chunks: Vec<Chunk>,
    data: &'b [u8],
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PictureHead {
    codec: String,
    width: u32,
    height: u32,
    description: Option<String>,
    #[serde(default)]
    gaps: Vec<Gap>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SoundHead {
    codec: String,
    sample_rate: u32,
    channels: u32,
    description: Option<String>,
    #[serde(default)]
    gaps: Vec<Gap>,
}

/// Bytes that are read from the front.
struct Reader<'b>(&'b [u8]);

impl<'b> Reader<'b> {
    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (first, rest) = self.0.split_first_chunk::<N>().ok_or_else(cut)?;
        self.0 = rest;
        Ok(*first)
    }

    fn take(&mut self, count: usize) -> Result<&'b [u8], Malformed> {
        let (first, rest) = self.0.split_at_checked(count).ok_or_else(cut)?;
        self.0 = rest;
        Ok(first)
    }

    fn number(&mut self) -> Result<usize, Malformed> {
        let number = u32::from_be_bytes(self.array()?);
        usize::try_from(number).map_err(|_| cut())
    }
}

fn cut() -> Malformed {
    malformed("", "it ends too early")
}

impl<'b> Media<'b> {
    /// Reads a segment of this kind.
    ///
    /// # Errors
    /// [`Malformed`] with the first reason against it.
    pub fn parse(bytes: &'b [u8], kind: Kind) -> Result<Self, Malformed> {
        let mut reader = Reader(bytes);
        let [a, b, c, d, version, said, 0, 0] = reader.array()? else {
            return Err(malformed("", "it does not begin as such a segment does"));
        };
        if [a, b, c, d] != *b"clmd" || version != 1 {
            return Err(malformed("", "it does not begin as such a segment does"));
        }
        let wanted = match kind {
            Kind::Picture => 1,
            Kind::Sound => 2,
        };
        if said != wanted {
            return Err(malformed("", "it is of another kind"));
        }
        let length = reader.number()?;
        if length > HEAD_BYTES {
            return Err(malformed("head", "it is too long"));
        }
        let head = reader.take(length)?;
        let (shape, gaps) = read_head(head, kind)?;
        let count = reader.number()?;
        if count > CHUNKS {
            return Err(malformed("", "it has too many chunks"));
        }
        let (rows, rest) = reader.take(count * CHUNK_ROW)?.as_chunks::<CHUNK_ROW>();
        debug_assert!(rest.is_empty());
        let chunks: Vec<Chunk> =
            rows.iter().enumerate().map(|(number, row)| read_chunk(number, row)).collect::<Result<_, _>>()?;
        let data = reader.0;
        check(&chunks, kind, data.len())?;
        if chunks.is_empty() && gaps.is_empty() {
            return Err(malformed("", "it holds nothing and tells of no gap"));
        }
        Ok(Self { shape, gaps, chunks, data })
    }

    /// What a decoder has to know.
    #[must_use]
    pub const fn shape(&self) -> &Shape {
        &self.shape
    }

    /// The gaps it tells of.
    #[must_use]
    pub fn gaps(&self) -> &[Gap] {
        &self.gaps
    }

    /// Its chunks, in order.
    #[must_use]
    pub fn chunks(&self) -> &[Chunk] {
        &self.chunks
    }

    /// The bytes of all chunks, one after another.
    #[must_use]
    pub const fn data(&self) -> &'b [u8] {
        self.data
    }

    /// When it begins and ends, in microseconds of the recorder's clock: with its chunks, or where it has none with its
    /// gaps.
    #[must_use]
    pub fn span_us(&self) -> (i64, i64) {
        match (self.chunks.first(), self.chunks.last()) {
            (Some(first), Some(last)) => {
                (first.timestamp_us, last.timestamp_us.saturating_add(i64::from(last.duration_us)))
            }
            _ => {
                let from = self.gaps.iter().map(|gap| gap.from_ms).min().unwrap_or_default();
                let to = self.gaps.iter().map(|gap| gap.to_ms).max().unwrap_or_default();
                (from.saturating_mul(1000), to.saturating_mul(1000))
            }
        }
    }

    /// Whether a decoder can begin with it.
    #[must_use]
    pub fn begins_with_key(&self) -> bool {
        self.chunks.first().is_some_and(|chunk| chunk.key)
    }
}

fn read_head(head: &[u8], kind: Kind) -> Result<(Shape, Vec<Gap>), Malformed> {
    let unreadable = |_| malformed("head", "it is not the JSON it should be");
    let codec =
        |text: &str| Codec::parse(text).map_err(|_| malformed("head.codec", "no codec that is taken"));
    let (shape, gaps) = match kind {
        Kind::Picture => {
            let head: PictureHead = serde_json::from_slice(head).map_err(unreadable)?;
            let codec = codec(&head.codec)?;
            let side = |side: u32| match side {
                1..=SIDE => {
                    u16::try_from(side).map_err(|_| malformed("head", "a side has 1 to 16384 pixels"))
                }
                _ => Err(malformed("head", "a side has 1 to 16384 pixels")),
            };
            let picture = Picture {
                width: side(head.width)?,
                height: side(head.height)?,
                description: read_description(head.description.as_deref(), &codec)?,
                codec,
            };
            if !picture.codec.is_picture() {
                return Err(malformed("head.codec", "no codec of pictures"));
            }
            (Shape::Picture(picture), head.gaps)
        }
        Kind::Sound => {
            let head: SoundHead = serde_json::from_slice(head).map_err(unreadable)?;
            let codec = codec(&head.codec)?;
            if codec.is_picture() {
                return Err(malformed("head.codec", "no codec of sound"));
            }
            if !matches!(head.sample_rate, 8_000..=192_000) || !matches!(head.channels, 1..=2) {
                return Err(malformed(
                    "head",
                    "sound has one channel or two, of 8000 to 192000 samples a second",
                ));
            }
            let sound = Sound {
                sample_rate: head.sample_rate,
                channels: if head.channels == 2 { 2 } else { 1 },
                description: read_description(head.description.as_deref(), &codec)?,
                codec,
            };
            (Shape::Sound(sound), head.gaps)
        }
    };
    let in_time = |ms: i64| (0..LAST_US / 1000).contains(&ms);
    let odd = |gap: &Gap| !in_time(gap.from_ms) || !in_time(gap.to_ms) || gap.to_ms < gap.from_ms;
    if gaps.len() > GAPS || gaps.iter().any(odd) {
        return Err(malformed("head.gaps", "at most 64, each from a time to a later one"));
    }
    Ok((shape, gaps))
}

/// The description of a decoder: H.264 must bring its own, as its bytes are no stream without; Opus may.
fn read_description(text: Option<&str>, codec: &Codec) -> Result<Option<Vec<u8>>, Malformed> {
    let wrong = |reason| malformed("head.description", reason);
    let bytes = text.map(|text| URL_SAFE_NO_PAD.decode(text)).transpose();
    let bytes = bytes.map_err(|_| wrong("it is base64url without padding"))?;
    if bytes.as_ref().is_some_and(|bytes| bytes.len() > DESCRIPTION_BYTES) {
        return Err(wrong("it is too long"));
    }
    match (codec, &bytes) {
        // AVCDecoderConfigurationRecord (ISO/IEC 14496-15, 5.3.3): version 1, then at least sizes and counts.
        (Codec::Avc(_), Some(avcc)) if avcc.len() >= 7 && avcc.first() == Some(&1) => Ok(bytes),
        (Codec::Avc(_), _) => Err(wrong("H.264 has an AVCDecoderConfigurationRecord")),
        // An identification header (RFC 7845, 5.1) of the family that has one channel or two.
        (Codec::Opus, Some(head)) => match head.starts_with(b"OpusHead") && head.len() == 19 {
            true => Ok(bytes),
            false => Err(wrong("Opus has an identification header of one stream")),
        },
        (Codec::Opus | Codec::Vp8 | Codec::Vp9(_) | Codec::Av1(_), None) => Ok(None),
        // What the others say stands in their stream as well.
        (Codec::Vp8 | Codec::Vp9(_) | Codec::Av1(_), Some(_)) => Ok(None),
    }
}

fn read_chunk(number: usize, row: &[u8; CHUNK_ROW]) -> Result<Chunk, Malformed> {
    let mut reader = Reader(row);
    let timestamp_us = i64::from_be_bytes(reader.array()?);
    let duration_us = u32::from_be_bytes(reader.array()?);
    let length = u32::from_be_bytes(reader.array()?);
    let [flags, 0, 0, 0] = reader.array()? else {
        return Err(malformed(number.to_string(), "three bytes of it are not zero"));
    };
    if flags > 1 {
        return Err(malformed(number.to_string(), "it has a flag that nobody knows"));
    }
    if !(0..LAST_US).contains(&timestamp_us) {
        return Err(malformed(number.to_string(), "its time is no time"));
    }
    if length == 0 {
        return Err(malformed(number.to_string(), "it is empty"));
    }
    Ok(Chunk { timestamp_us, duration_us, key: flags == 1, length })
}

fn check(chunks: &[Chunk], kind: Kind, bytes: usize) -> Result<(), Malformed> {
    let sum: u64 = chunks.iter().map(|chunk| u64::from(chunk.length)).sum();
    if sum != bytes as u64 {
        return Err(malformed("", "its chunks are longer or shorter than its bytes"));
    }
    let (Some(first), Some(last)) = (chunks.first(), chunks.last()) else { return Ok(()) };
    if kind == Kind::Picture && !first.key {
        return Err(malformed("0", "a decoder cannot begin with it"));
    }
    for (number, pair) in chunks.windows(2).enumerate() {
        if let [one, next] = pair
            && next.timestamp_us <= one.timestamp_us
        {
            return Err(malformed((number + 1).to_string(), "it does not begin after the one before"));
        }
    }
    let end_us = last.timestamp_us.saturating_add(i64::from(last.duration_us));
    if end_us.saturating_sub(first.timestamp_us) > LONGEST_US {
        return Err(malformed("", "it lasts longer than ten seconds"));
    }
    Ok(())
}
