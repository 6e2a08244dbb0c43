//! The segments of a part as bytes: in the part's row, and in the manifest at the end of its object.
//!
//! **Facts**, for each segment in the order of its number, are variable-length numbers (LEB128, seven bits to a byte,
//! the lowest first; a signed one as `2n`, or `-2n - 1` below zero): number minus the one before, signed start minus
//! the one before, duration, content type times two plus one for a keyframe, policy version, bytes as sent, signed
//! arrival minus the one before, signed offset minus the end of the one before, length, and the length of the name of
//! an object of its own with that name behind it; zero where the segment lies in the part. The first counts from zero.
//!
//! **Proofs** are 104 bytes for each: header 40, SHA-256 of the ciphertext 32, MAC of what was sent 32.

use clerestory_model::{Timestamp, TrackId};

use crate::segments::{ContentType, Extent, Segment};

/// Bytes of the proofs of one segment.
const PROOF: usize = 40 + 32 + 32;

/// The segments as facts and proofs. Those that lie in `object` are told without its name.
pub(super) fn write(object: &str, segments: &[Segment]) -> (Vec<u8>, Vec<u8>) {
    let mut facts = Vec::with_capacity(segments.len() * 24);
    let mut proofs = Vec::with_capacity(segments.len() * PROOF);
    let mut before = Before::default();
    for segment in segments {
        let own = if segment.extent.object == object { "" } else { segment.extent.object.as_str() };
        unsigned(&mut facts, segment.sequence.wrapping_sub(before.sequence));
        signed(&mut facts, segment.start_us.wrapping_sub(before.start_us));
        unsigned(&mut facts, segment.duration_us.unsigned_abs());
        unsigned(&mut facts, segment.content_type.number() * 2 + u64::from(segment.keyframe));
        unsigned(&mut facts, segment.policy_version);
        unsigned(&mut facts, segment.sent_bytes);
        signed(&mut facts, segment.received_at.micros().wrapping_sub(before.received_us));
        signed(&mut facts, segment.extent.offset.cast_signed().wrapping_sub(before.end));
        unsigned(&mut facts, segment.extent.length);
        unsigned(&mut facts, own.len() as u64);
        facts.extend_from_slice(own.as_bytes());
        for proof in [segment.header.as_slice(), &segment.sha256, &segment.content_mac] {
            proofs.extend_from_slice(proof);
        }
        before = Before::after(segment, own.is_empty(), &before);
    }
    (facts, proofs)
}

/// What [`write`] wrote, for the part that lies in `object`; `None` when it is no such thing.
pub(super) fn read(
    track: TrackId,
    object: &str,
    base: Option<u64>,
    mut facts: &[u8],
    proofs: &[u8],
) -> Option<Vec<Segment>> {
    let (proofs, rest) = proofs.as_chunks::<PROOF>();
    if !rest.is_empty() {
        return None;
    }
    let mut segments = Vec::with_capacity(proofs.len());
    let mut before = Before::default();
    for proof in proofs {
        let facts = &mut facts;
        let sequence = before.sequence.checked_add(take_unsigned(facts)?)?;
        let start_us = before.start_us.wrapping_add(take_signed(facts)?);
        let duration_us = i64::try_from(take_unsigned(facts)?).ok()?;
        let kind = take_unsigned(facts)?;
        let (policy_version, sent_bytes) = (take_unsigned(facts)?, take_unsigned(facts)?);
        let received_us = before.received_us.wrapping_add(take_signed(facts)?);
        let offset = before.end.wrapping_add(take_signed(facts)?);
        let length = take_unsigned(facts)?;
        let own = take_text(facts)?;
        let (header, hashes) = proof.split_first_chunk::<40>()?;
        let (sha256, content_mac) = hashes.split_first_chunk::<32>()?;
        let segment = Segment {
            track,
            sequence,
            start_us,
            duration_us,
            keyframe: kind % 2 == 1,
            content_type: ContentType::from_number(kind / 2, base)?,
            policy_version,
            extent: Extent {
                object: if own.is_empty() { object.to_owned() } else { own.to_owned() },
                offset: u64::try_from(offset).ok()?,
                length,
            },
            header: *header,
            sha256: *sha256,
            content_mac: content_mac.try_into().ok()?,
            sent_bytes,
            received_at: Timestamp::from_micros(received_us),
        };
        before = Before::after(&segment, own.is_empty(), &before);
        segments.push(segment);
    }
    facts.is_empty().then_some(segments)
}

/// What the next segment's numbers are told from.
#[derive(Default)]
struct Before {
    sequence: u64,
    start_us: i64,
    received_us: i64,
    /// The end of what lies in the part so far.
    end: i64,
}

impl Before {
    fn after(segment: &Segment, in_part: bool, before: &Self) -> Self {
        let end = segment.extent.offset.saturating_add(segment.extent.length);
        Self {
            sequence: segment.sequence,
            start_us: segment.start_us,
            received_us: segment.received_at.micros(),
            end: if in_part { end.cast_signed() } else { before.end },
        }
    }
}

fn unsigned(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn signed(out: &mut Vec<u8>, value: i64) {
    unsigned(out, ((value << 1) ^ (value >> 63)).cast_unsigned());
}

fn take_unsigned(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        let bits = u64::from(byte & 0x7f);
        if shift == 63 && bits > 1 {
            return None;
        }
        value |= bits << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn take_signed(bytes: &mut &[u8]) -> Option<i64> {
    let value = take_unsigned(bytes)?;
    Some((value >> 1).cast_signed() ^ -((value & 1).cast_signed()))
}

fn take_text<'b>(bytes: &mut &'b [u8]) -> Option<&'b str> {
    let length = usize::try_from(take_unsigned(bytes)?).ok()?;
    let (text, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    std::str::from_utf8(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(sequence: u64, object: &str, offset: u64, length: u64) -> Segment {
        Segment {
            track: TrackId::nil(),
            sequence,
            start_us: 1_000_000 - 7 * sequence as i64,
            duration_us: 2_000_000,
            keyframe: sequence.is_multiple_of(2),
            content_type: if sequence == 3 { ContentType::Rrweb } else { ContentType::RrwebOnBase(3) },
            policy_version: 300,
            extent: Extent { object: object.to_owned(), offset, length },
            header: [1; 40],
            sha256: [sequence as u8; 32],
            content_mac: [3; 32],
            sent_bytes: u64::from(u32::MAX),
            received_at: Timestamp::from_micros(1_790_000_000_000_000 - sequence as i64),
        }
    }

    #[test]
    fn what_was_written_is_read() {
        let segments = [
            segment(3, "part", 0, 700),
            segment(4, "segments/own", 0, 2_000_000),
            segment(5, "part", 700, 129),
            segment(10_000_000, "part", 829, 1),
        ];
        let (facts, proofs) = write("part", &segments);
        assert_eq!(read(TrackId::nil(), "part", Some(3), &facts, &proofs).expect("reads"), segments);
        for end in 0..facts.len() {
            assert!(read(TrackId::nil(), "part", Some(3), &facts[..end], &proofs).is_none(), "cut at {end}");
        }
        assert!(read(TrackId::nil(), "part", Some(3), &facts, &proofs[1..]).is_none());
        assert!(read(TrackId::nil(), "part", None, &facts, &proofs).is_none(), "no base to build on");
    }
}
