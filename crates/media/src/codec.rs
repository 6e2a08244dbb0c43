//! The codecs that are taken, by the strings of the WebCodecs registry (RFC 6381), with what a file says of each.

use std::fmt;

/// A codec and its parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Codec {
    /// H.264: profile, constraints and level in hex.
    Avc([u8; 3]),
    /// VP8, which has no parameters.
    Vp8,
    /// VP9.
    Vp9(Vp9),
    /// AV1.
    Av1(Av1),
    /// Opus.
    Opus,
}

/// What a VP9 string says (VP Codec ISO Media File Format Binding, section "Codecs Parameter String").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vp9 {
    pub(crate) profile: u8,
    pub(crate) level: u8,
    pub(crate) depth: u8,
    pub(crate) chroma: u8,
    pub(crate) primaries: u8,
    pub(crate) transfer: u8,
    pub(crate) matrix: u8,
    pub(crate) full_range: bool,
}

/// What an AV1 string says (AV1 Codec ISO Media File Format Binding, section 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Av1 {
    pub(crate) profile: u8,
    pub(crate) level: u8,
    pub(crate) high_tier: bool,
    pub(crate) depth: u8,
    pub(crate) monochrome: bool,
    /// Chroma subsampling in x and y, and where samples lie.
    pub(crate) chroma: [u8; 3],
}

/// The string names no codec that is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no codec that is taken: avc1, vp8, vp09, av01 or opus, with its parameters")]
pub struct CodecError;

/// Characters of a codec string at most; the longest that is taken has 31.
const LONGEST: usize = 40;

impl Codec {
    /// Reads a codec string.
    ///
    /// # Errors
    /// [`CodecError`].
    pub fn parse(text: &str) -> Result<Self, CodecError> {
        if text.len() > LONGEST {
            return Err(CodecError);
        }
        match text.split_once('.') {
            None if text == "vp8" => Some(Self::Vp8),
            None if text == "opus" => Some(Self::Opus),
            Some(("avc1", rest)) => avc(rest).map(Self::Avc),
            Some(("vp09", rest)) => vp9(rest).map(Self::Vp9),
            Some(("av01", rest)) => av1(rest).map(Self::Av1),
            _ => None,
        }
        .ok_or(CodecError)
    }

    /// Whether it is of moving pictures.
    #[must_use]
    pub const fn is_picture(&self) -> bool {
        !matches!(self, Self::Opus)
    }
}

impl fmt::Display for Codec {
    /// The string of the codec with all its parameters.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Vp8 => f.write_str("vp8"),
            Self::Opus => f.write_str("opus"),
            Self::Avc([profile, constraints, level]) => {
                write!(f, "avc1.{profile:02x}{constraints:02x}{level:02x}")
            }
            Self::Vp9(Vp9 { profile, level, depth, chroma, primaries, transfer, matrix, full_range }) => {
                write!(
                    f,
                    "vp09.{profile:02}.{level:02}.{depth:02}.{chroma:02}.{primaries:02}.{transfer:02}.{matrix:02}.{:02}",
                    u8::from(*full_range)
                )
            }
            Self::Av1(Av1 { profile, level, high_tier, depth, .. }) => {
                write!(f, "av01.{profile}.{level:02}{}.{depth:02}", if *high_tier { 'H' } else { 'M' })
            }
        }
    }
}

fn avc(rest: &str) -> Option<[u8; 3]> {
    if rest.len() != 6 || !rest.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let [_, profile, constraints, level] = u32::from_str_radix(rest, 16).ok()?.to_be_bytes();
    Some([profile, constraints, level])
}

/// Numbers of exactly so many digits.
fn digits(text: &str, count: usize) -> Option<u8> {
    let right = text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    right.then(|| text.parse().ok()).flatten()
}

fn vp9(rest: &str) -> Option<Vp9> {
    let numbers: Option<Vec<u8>> = rest.split('.').map(|part| digits(part, 2)).collect();
    let numbers = numbers?;
    let (profile, level, depth, more) = match numbers.as_slice() {
        [profile, level, depth, more @ ..] if more.len() <= 5 => (*profile, *level, *depth, more),
        _ => return None,
    };
    // What is left out is 4:2:0 with BT.709 colours in video range.
    let said = |at: usize, otherwise: u8| more.get(at).copied().unwrap_or(otherwise);
    let found = Vp9 {
        profile,
        level,
        depth,
        chroma: said(0, 1),
        primaries: said(1, 1),
        transfer: said(2, 1),
        matrix: said(3, 1),
        full_range: said(4, 0) == 1,
    };
    let known =
        profile <= 3 && (10..=62).contains(&level) && matches!(depth, 8 | 10 | 12) && found.chroma <= 3;
    (known && said(4, 0) <= 1).then_some(found)
}

fn av1(rest: &str) -> Option<Av1> {
    let mut parts = rest.split('.');
    let profile = digits(parts.next()?, 1)?;
    let (level, tier) = parts.next()?.split_at_checked(2)?;
    let level = digits(level, 2)?;
    let depth = digits(parts.next()?, 2)?;
    let monochrome = parts.next().map_or(Some(0), |part| digits(part, 1))?;
    let chroma = match parts.next() {
        None => [1, 1, 0],
        Some(text) => match text.as_bytes() {
            [x @ b'0'..=b'1', y @ b'0'..=b'1', at @ b'0'..=b'3'] => [x - b'0', y - b'0', at - b'0'],
            _ => return None,
        },
    };
    // Colours stand in the stream itself; here they are only read.
    let colours: Vec<&str> = parts.collect();
    let well = colours.len() <= 4 && colours.iter().all(|part| (1..=2).contains(&part.len()));
    let known = well
        && colours.iter().all(|part| digits(part, part.len()).is_some())
        && profile <= 2
        && level <= 31
        && matches!(tier, "M" | "H")
        && matches!(depth, 8 | 10 | 12)
        && monochrome <= 1;
    known.then_some(Av1 {
        profile,
        level,
        high_tier: tier == "H",
        depth,
        monochrome: monochrome == 1,
        chroma,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_browsers_write_is_read_and_written_again() {
        for text in ["vp8", "opus", "avc1.42e01f", "vp09.00.40.08.01.01.01.01.00", "av01.0.08M.08"] {
            assert_eq!(Codec::parse(text).unwrap().to_string(), text);
        }
        let short = Codec::parse("vp09.00.40.08").unwrap();
        assert_eq!(short.to_string(), "vp09.00.40.08.01.01.01.01.00");
        assert!(Codec::parse("av01.0.04M.08.0.110.01.01.01.0").is_ok());
        assert_eq!(Codec::parse("avc1.42E01F"), Codec::parse("avc1.42e01f"));
    }

    #[test]
    fn other_codecs_are_not_taken() {
        for text in [
            "",
            "vp9",
            "VP8",
            "avc1",
            "avc1.",
            "avc1.42e0",
            "avc1.42e01g",
            "avc1.+2e01f",
            "hvc1.1.6.L93.B0",
            "vp09",
            "vp09.00.40",
            "vp09.0.40.08",
            "vp09.04.40.08",
            "vp09.00.40.09",
            "vp09.00.40.08.01.01.01.01.02",
            "vp09.00.40.08.01.01.01.01.00.00",
            "av01.0.08.08",
            "av01.0.08X.08",
            "av01.0.08M",
            "av01.0.08M.08.0.11",
            "mp4a.40.2",
            "opus.1",
            "vp8\"; x=\"",
            "av01.0.é8M.08",
        ] {
            assert_eq!(Codec::parse(text), Err(CodecError), "{text}");
        }
    }
}
