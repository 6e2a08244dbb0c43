//! Fragmented MP4 (ISO/IEC 14496-12) of one track: `ftyp`, `moov` without samples, and one `moof` with its `mdat`.

use crate::codec::{Av1, Codec, Vp9};
use crate::segment::{Media, Picture, Shape, Sound};
use crate::{PlayerFile, Standing, durations};

/// Times are microseconds everywhere.
const TIMESCALE: u32 = 1_000_000;
const TRACK: u32 = 1;
/// Flags of a sample (8.8.3.1): one that others hang on, and one that hangs on others and is no place to begin.
const SYNC: u32 = 0x0200_0000;
const OTHER: u32 = 0x0101_0000;
/// The unity matrix (6.2.2).
const UNITY: [u32; 9] = [0x1_0000, 0, 0, 0, 0x1_0000, 0, 0, 0, 0x4000_0000];

pub(crate) fn write(media: &Media<'_>, standing: Standing) -> PlayerFile {
    let mut out = Boxes(Vec::with_capacity(media.data().len() + 2048 + 12 * media.chunks().len()));
    out.within(b"ftyp", |out| {
        out.bytes(b"iso6").number(0).bytes(b"iso6").bytes(b"mp41");
    });
    out.within(b"moov", |out| head(out, media.shape()));
    let begins = out.0.len();
    let mut data_offset = 0;
    out.within(b"moof", |out| {
        out.full(b"mfhd", 0, 0, |out| {
            out.number(u32::try_from(standing.sequence.saturating_add(1)).unwrap_or(u32::MAX));
        });
        out.within(b"traf", |out| data_offset = fragment(out, media, standing));
    });
    // The data begins behind the head of the box that comes now.
    let offset = u32::try_from(out.0.len() - begins + 8).unwrap_or(u32::MAX);
    out.set(data_offset, offset);
    out.within(b"mdat", |out| {
        out.bytes(media.data());
    });
    let kind = match media.shape() {
        Shape::Picture(_) => "video",
        Shape::Sound(_) => "audio",
    };
    PlayerFile {
        content_type: format!("{kind}/mp4; codecs=\"{}\"", media.shape().codec()),
        bytes: out.0,
        fragment_at: begins,
    }
}

/// Writes `tfhd`, `tfdt` and `trun`; where the offset of the data is to be set.
fn fragment(out: &mut Boxes, media: &Media<'_>, standing: Standing) -> usize {
    // Offsets count from the `moof` (default-base-is-moof).
    out.full(b"tfhd", 0, 0x02_0000, |out| {
        out.number(TRACK);
    });
    out.full(b"tfdt", 1, 0, |out| {
        out.long(standing.start_us);
    });
    let mut data_offset = 0;
    // Data offset, and for each sample duration, size and flags.
    out.full(b"trun", 0, 0x701, |out| {
        out.number(u32::try_from(media.chunks().len()).unwrap_or(u32::MAX));
        data_offset = out.0.len();
        out.number(0);
        for (chunk, duration) in media.chunks().iter().zip(durations(media, standing)) {
            let is_sync = chunk.key || matches!(media.shape(), Shape::Sound(_));
            out.number(duration).number(chunk.length).number(if is_sync { SYNC } else { OTHER });
        }
    });
    data_offset
}

fn head(out: &mut Boxes, shape: &Shape) {
    out.full(b"mvhd", 0, 0, |out| {
        // Created, changed, timescale, duration: unknown, as fragments follow.
        out.number(0).number(0).number(TIMESCALE).number(0);
        out.number(0x1_0000).short(0x100).zeros(10).numbers(&UNITY).zeros(24).number(TRACK + 1);
    });
    out.within(b"trak", |out| {
        track_head(out, shape);
        out.within(b"mdia", |out| {
            out.full(b"mdhd", 0, 0, |out| {
                // `und`, as three letters of five bits.
                out.number(0).number(0).number(TIMESCALE).number(0).short(0x55c4).short(0);
            });
            out.full(b"hdlr", 0, 0, |out| {
                let (handler, name): (&[u8; 4], &[u8]) = match shape {
                    Shape::Picture(_) => (b"vide", b"picture\0"),
                    Shape::Sound(_) => (b"soun", b"sound\0"),
                };
                out.number(0).bytes(handler).zeros(12).bytes(name);
            });
            out.within(b"minf", |out| media_head(out, shape));
        });
    });
    out.within(b"mvex", |out| {
        out.full(b"trex", 0, 0, |out| {
            out.number(TRACK).number(1).number(0).number(0).number(0);
        });
    });
}

fn track_head(out: &mut Boxes, shape: &Shape) {
    // Enabled, and part of the presentation.
    out.full(b"tkhd", 0, 3, |out| {
        out.number(0).number(0).number(TRACK).number(0).number(0).zeros(12);
        let (volume, width, height) = match shape {
            Shape::Picture(picture) => (0, picture.width, picture.height),
            Shape::Sound(_) => (0x100, 0, 0),
        };
        out.short(volume)
            .short(0)
            .numbers(&UNITY)
            .number(u32::from(width) << 16)
            .number(u32::from(height) << 16);
    });
}

fn media_head(out: &mut Boxes, shape: &Shape) {
    match shape {
        Shape::Picture(_) => out.full(b"vmhd", 0, 1, |out| {
            out.zeros(8);
        }),
        Shape::Sound(_) => out.full(b"smhd", 0, 0, |out| {
            out.zeros(4);
        }),
    }
    out.within(b"dinf", |out| {
        out.full(b"dref", 0, 0, |out| {
            out.number(1);
            // The data is in this file.
            out.full(b"url ", 0, 1, |_| {});
        });
    });
    out.within(b"stbl", |out| {
        out.full(b"stsd", 0, 0, |out| {
            out.number(1);
            match shape {
                Shape::Picture(picture) => picture_entry(out, picture),
                Shape::Sound(sound) => sound_entry(out, sound),
            }
        });
        for empty in [b"stts", b"stsc", b"stco"] {
            out.full(empty, 0, 0, |out| {
                out.number(0);
            });
        }
        out.full(b"stsz", 0, 0, |out| {
            out.number(0).number(0);
        });
    });
}

fn picture_entry(out: &mut Boxes, picture: &Picture) {
    let name = match picture.codec {
        Codec::Avc(_) => b"avc1",
        Codec::Vp9(_) => b"vp09",
        Codec::Av1(_) => b"av01",
        Codec::Vp8 => b"vp08",
        Codec::Opus => b"Opus",
    };
    out.within(name, |out| {
        out.zeros(6).short(1).zeros(16).short(picture.width).short(picture.height);
        // 72 dots an inch, one frame in a sample, no name, 24 bits.
        out.number(0x48_0000).number(0x48_0000).number(0).short(1).zeros(32).short(0x18).short(0xffff);
        match &picture.codec {
            Codec::Avc(_) => out.within(b"avcC", |out| {
                out.bytes(picture.description.as_deref().unwrap_or_default());
            }),
            Codec::Vp9(vp9) => vp9_configuration(out, *vp9),
            Codec::Av1(av1) => av1_configuration(out, *av1),
            Codec::Vp8 | Codec::Opus => {}
        }
    });
}

fn vp9_configuration(out: &mut Boxes, vp9: Vp9) {
    out.full(b"vpcC", 1, 0, |out| {
        let bits = (vp9.depth << 4) | (vp9.chroma << 1) | u8::from(vp9.full_range);
        out.bytes(&[vp9.profile, vp9.level, bits, vp9.primaries, vp9.transfer, vp9.matrix]).short(0);
    });
}

fn av1_configuration(out: &mut Boxes, av1: Av1) {
    let [x, y, at] = av1.chroma;
    let high = u8::from(av1.depth > 8) << 6 | u8::from(av1.depth == 12) << 5;
    let bits = u8::from(av1.high_tier) << 7 | high | u8::from(av1.monochrome) << 4 | x << 3 | y << 2 | at;
    // Marker and version; the sequence header stands in the first sample of each fragment.
    out.within(b"av1C", |out| {
        out.bytes(&[0x81, av1.profile << 5 | av1.level, bits, 0]);
    });
}

fn sound_entry(out: &mut Boxes, sound: &Sound) {
    out.within(b"Opus", |out| {
        out.zeros(6).short(1).zeros(8).short(u16::from(sound.channels)).short(16).zeros(4);
        // Opus is always heard at 48 kHz.
        out.number(48_000 << 16);
        out.within(b"dOps", |out| {
            // The same as the identification header says, in the other order of bytes.
            let (skip, rate, gain) = match sound.description.as_deref() {
                Some([_, _, _, _, _, _, _, _, _, _, s0, s1, r0, r1, r2, r3, g0, g1, _]) => (
                    u16::from_le_bytes([*s0, *s1]),
                    u32::from_le_bytes([*r0, *r1, *r2, *r3]),
                    u16::from_le_bytes([*g0, *g1]),
                ),
                _ => (0, sound.sample_rate, 0),
            };
            out.bytes(&[0, sound.channels]).short(skip).number(rate).short(gain).bytes(&[0]);
        });
    });
}

/// Boxes that are being written.
struct Boxes(Vec<u8>);

impl Boxes {
    fn within(&mut self, name: &[u8; 4], content: impl FnOnce(&mut Self)) {
        let begins = self.0.len();
        self.number(0).bytes(name);
        content(self);
        let length = u32::try_from(self.0.len() - begins).unwrap_or(u32::MAX);
        self.set(begins, length);
    }

    /// A box with version and flags (4.2).
    fn full(&mut self, name: &[u8; 4], version: u8, flags: u32, content: impl FnOnce(&mut Self)) {
        self.within(name, |out| {
            out.number(u32::from(version) << 24 | flags);
            content(out);
        });
    }

    fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }

    fn short(&mut self, value: u16) -> &mut Self {
        self.bytes(&value.to_be_bytes())
    }

    fn number(&mut self, value: u32) -> &mut Self {
        self.bytes(&value.to_be_bytes())
    }

    fn numbers(&mut self, values: &[u32]) -> &mut Self {
        for value in values {
            self.number(*value);
        }
        self
    }

    fn long(&mut self, value: u64) -> &mut Self {
        self.bytes(&value.to_be_bytes())
    }

    fn zeros(&mut self, count: usize) -> &mut Self {
        self.0.resize(self.0.len() + count, 0);
        self
    }

    fn set(&mut self, at: usize, value: u32) {
        if let Some(place) = self.0.get_mut(at..at + 4) {
            place.copy_from_slice(&value.to_be_bytes());
        }
    }
}
