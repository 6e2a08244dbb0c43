//! Segments of pictures and of sound as one Matroska stream (RFC 9559), for a program that decodes them all. It has any
//! codec that is taken, and what is written can be read while it is written.

use crate::codec::Codec;
use crate::elements::{CLUSTER, Elements, TRACKS, begin};
use crate::segment::{Media, Picture, Shape, Sound};

/// The numbers of the two tracks.
const PICTURES: u64 = 1;
const SOUNDS: u64 = 2;
/// A unit of H.264 has its length before it in so many bytes, less one (ISO/IEC 14496-15, 5.3.3): four, as browsers write.
const FOUR_BYTES: u8 = 3;

/// Why a segment does not go on in a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StreamError {
    /// It is of another codec, or set up so otherwise that a decoder has to begin anew.
    #[error("it is not decoded by what decodes the stream")]
    Otherwise,
    /// The stream has no such track.
    #[error("the stream has no track of its kind")]
    NoTrack,
}

/// A stream that is being written.
#[derive(Clone, Debug)]
pub struct Stream {
    picture: Option<Picture>,
    sound: Option<Sound>,
}

impl Stream {
    /// A stream of what a decoder of its pictures and one of its sound have to know, and the bytes that it begins with.
    #[must_use]
    pub fn begin(picture: Option<Picture>, sound: Option<Sound>) -> (Self, Vec<u8>) {
        let mut out = Elements(Vec::new());
        begin(&mut out, b"matroska");
        out.within(TRACKS, |out| {
            if let Some(picture) = &picture {
                out.within(0xae, |out| picture_track(out, picture));
            }
            if let Some(sound) = &sound {
                out.within(0xae, |out| sound_track(out, sound));
            }
        });
        (Self { picture, sound }, out.0)
    }

    /// The bytes of a segment. `at_us` says of each time since its first chunk, in microseconds, when in the stream that is.
    ///
    /// # Errors
    /// [`StreamError`].
    pub fn piece(&self, media: &Media<'_>, at_us: impl Fn(u64) -> u64) -> Result<Vec<u8>, StreamError> {
        self.some(media, usize::MAX, at_us)
    }

    /// The bytes of the first chunk of a segment alone, with which a decoder can begin.
    ///
    /// # Errors
    /// [`StreamError`].
    pub fn first_picture(&self, media: &Media<'_>, at_us: u64) -> Result<Vec<u8>, StreamError> {
        self.some(media, 1, |_| at_us)
    }

    fn some(
        &self,
        media: &Media<'_>,
        most: usize,
        at_us: impl Fn(u64) -> u64,
    ) -> Result<Vec<u8>, StreamError> {
        let (track, sets) = self.track(media.shape())?;
        let Some(first) = media.chunks().first() else { return Ok(Vec::new()) };
        let start_ms = at_us(0) / 1000;
        let mut out = Elements(Vec::with_capacity(media.data().len() + 64 * media.chunks().len() + 64));
        out.within(CLUSTER, |out| {
            out.number(0xe7, start_ms);
            let mut data = media.data();
            for chunk in media.chunks().iter().take(most) {
                let length = usize::try_from(chunk.length).unwrap_or(usize::MAX);
                let Some((bytes, rest)) = data.split_at_checked(length) else { return };
                data = rest;
                let since_us = chunk.timestamp_us.abs_diff(first.timestamp_us);
                let tick = (at_us(since_us) / 1000).saturating_sub(start_ms);
                let [high, low] = i16::try_from(tick).unwrap_or(i16::MAX).to_be_bytes();
                let is_key = chunk.key || track == SOUNDS;
                let mut head = vec![0x80 | u8::try_from(track).unwrap_or_default(), high, low];
                head.push(if is_key { 0x80 } else { 0 });
                if is_key {
                    head.extend_from_slice(&sets);
                }
                out.put_two(0xa3, &head, bytes);
            }
        });
        Ok(out.0)
    }

    /// The track of a segment, and what stands before each of its pictures with which a decoder can begin: parameter sets,
    /// where they are not those that the stream began with.
    fn track(&self, shape: &Shape) -> Result<(u64, Vec<u8>), StreamError> {
        match shape {
            Shape::Picture(picture) => {
                let first = self.picture.as_ref().ok_or(StreamError::NoTrack)?;
                match (&first.codec, &picture.codec) {
                    (Codec::Avc(_), Codec::Avc(_)) if first.description == picture.description => {
                        Ok((PICTURES, Vec::new()))
                    }
                    (Codec::Avc(_), Codec::Avc(_)) => {
                        let is_plain = |picture: &Picture| unit_length(picture) == Some(FOUR_BYTES);
                        let sets = picture.description.as_deref().and_then(parameter_sets);
                        let sets = sets.filter(|_| is_plain(first) && is_plain(picture));
                        Ok((PICTURES, sets.ok_or(StreamError::Otherwise)?))
                    }
                    (Codec::Vp8, Codec::Vp8)
                    | (Codec::Vp9(_), Codec::Vp9(_))
                    | (Codec::Av1(_), Codec::Av1(_)) => Ok((PICTURES, Vec::new())),
                    _ => Err(StreamError::Otherwise),
                }
            }
            Shape::Sound(sound) => {
                let first = self.sound.as_ref().ok_or(StreamError::NoTrack)?;
                match first.codec == sound.codec && first.channels == sound.channels {
                    true => Ok((SOUNDS, Vec::new())),
                    false => Err(StreamError::Otherwise),
                }
            }
        }
    }
}

/// Bytes before a unit, less one, as the record of a decoder says.
fn unit_length(picture: &Picture) -> Option<u8> {
    picture.description.as_ref().and_then(|record| record.get(4)).map(|bits| bits & 3)
}

/// The parameter sets of an `AVCDecoderConfigurationRecord` (ISO/IEC 14496-15, 5.3.3), each behind four bytes of its length.
fn parameter_sets(record: &[u8]) -> Option<Vec<u8>> {
    let (mut rest, mut sets) = (record.get(5..)?, Vec::new());
    // Those of sequences, counted in five bits, and those of pictures.
    for bits in [0x1f, 0xff] {
        let (count, after) = rest.split_first()?;
        rest = after;
        for _ in 0..count & bits {
            let (length, after) = rest.split_first_chunk::<2>()?;
            let length = u16::from_be_bytes(*length);
            let (set, after) = after.split_at_checked(usize::from(length))?;
            sets.extend(u32::from(length).to_be_bytes());
            sets.extend_from_slice(set);
            rest = after;
        }
    }
    Some(sets)
}

fn picture_track(out: &mut Elements, picture: &Picture) {
    let name: &[u8] = match picture.codec {
        Codec::Avc(_) => b"V_MPEG4/ISO/AVC",
        Codec::Vp8 => b"V_VP8",
        Codec::Vp9(_) => b"V_VP9",
        Codec::Av1(_) => b"V_AV1",
        Codec::Opus => b"A_OPUS",
    };
    out.number(0xd7, PICTURES).number(0x73c5, PICTURES).number(0x9c, 0).number(0x83, 1).put(0x86, name);
    if let (Codec::Avc(_), Some(record)) = (&picture.codec, &picture.description) {
        out.put(0x63a2, record);
    }
    out.within(0xe0, |out| {
        out.number(0xb0, u64::from(picture.width)).number(0xba, u64::from(picture.height));
    });
}

fn sound_track(out: &mut Elements, sound: &Sound) {
    out.number(0xd7, SOUNDS).number(0x73c5, SOUNDS).number(0x9c, 0).number(0x83, 2).put(0x86, b"A_OPUS");
    // Without one of its own, the identification header (RFC 7845, 5.1) that says the same: nothing to skip, no gain.
    let plain = || {
        let mut head = b"OpusHead\x01".to_vec();
        head.push(sound.channels);
        head.extend([0, 0]);
        head.extend(sound.sample_rate.to_le_bytes());
        head.extend([0, 0, 0]);
        head
    };
    out.put(0x63a2, &sound.description.clone().unwrap_or_else(plain));
    out.within(0xe1, |out| {
        // Opus is always heard at 48 kHz.
        out.put(0xb5, &48_000_f64.to_be_bytes()).number(0x9f, u64::from(sound.channels));
    });
}
