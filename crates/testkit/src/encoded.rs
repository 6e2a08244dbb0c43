//! Pictures and sound as browsers encode them, made by `ffmpeg` of a test picture and a tone.
//!
//! The container formats are taken apart by hand: IVF (the frames' lengths stand in front of them), Ogg (RFC 3533), H.264
//! in Annex B with access unit delimiters (ITU-T H.264).

use std::path::Path;
use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::screen::{Chunk, media};

/// Frames a second.
pub const FPS: usize = 10;
/// Seconds in a segment.
pub const SECONDS: usize = 2;
/// What `ffmpeg` makes here is as it always is.
const MADE: &str = "what ffmpeg makes";

/// What a program says.
///
/// # Panics
/// When it is not installed, or fails.
#[must_use]
pub fn run(program: &str, args: &[&str]) -> Vec<u8> {
    let done = Command::new(program).args(args).output();
    let done = done.unwrap_or_else(|error| panic!("{program}: {error}; on Debian: apt-get install ffmpeg"));
    assert!(done.status.success(), "{program} {args:?}: {}", String::from_utf8_lossy(&done.stderr));
    done.stdout
}

/// A picture that changes, or a tone, as `ffmpeg` makes them.
fn encoded(folder: &Path, name: &str, args: &[&str]) -> Vec<u8> {
    let file = folder.join(name);
    let size = format!("testsrc2=size=320x180:rate={FPS}:duration=6");
    let source = match name.ends_with(".ogg") {
        true => "sine=frequency=440:sample_rate=48000:duration=6",
        false => size.as_str(),
    };
    let mut all = vec!["-v", "error", "-y", "-f", "lavfi", "-i", source];
    all.extend(args);
    let path = file.to_str().expect(MADE).to_owned();
    all.push(&path);
    // It writes the file and says nothing.
    drop(run("ffmpeg", &all));
    std::fs::read(file).expect(MADE)
}

/// The frames of an IVF file.
fn ivf(file: &[u8]) -> Vec<Vec<u8>> {
    let (mut rest, mut frames) = (&file[32..], Vec::new());
    while rest.len() >= 12 {
        let length = u32::from_le_bytes(rest[..4].try_into().expect(MADE)) as usize;
        frames.push(rest[12..12 + length].to_vec());
        rest = &rest[12 + length..];
    }
    frames
}

/// The access units of an H.264 stream with delimiters, each with four bytes of length before its units; and the record
/// that a decoder is given of the parameter sets.
fn avc(stream: &[u8]) -> (Vec<Vec<u8>>, Vec<u8>) {
    let mut units: Vec<Vec<u8>> = Vec::new();
    let mut at = 0;
    let starts: Vec<usize> =
        stream.windows(3).enumerate().filter(|(_, w)| *w == [0, 0, 1]).map(|(i, _)| i).collect();
    for (number, start) in starts.iter().enumerate() {
        let end = starts.get(number + 1).copied().unwrap_or(stream.len());
        let unit = &stream[start + 3..end];
        let unit = unit.strip_suffix(&[0]).unwrap_or(unit);
        units.push(unit.to_vec());
        at = end;
    }
    assert_eq!(at, stream.len());
    let (mut sps, mut pps, mut frames) = (Vec::new(), Vec::new(), Vec::<Vec<u8>>::new());
    for unit in units {
        match unit[0] & 0x1f {
            9 => frames.push(Vec::new()),
            7 => sps = unit,
            8 => pps = unit,
            _ => {
                let frame = frames.last_mut().expect(MADE);
                frame.extend(u32::try_from(unit.len()).expect(MADE).to_be_bytes());
                frame.extend(unit);
            }
        }
    }
    let mut record = vec![1, sps[1], sps[2], sps[3], 0xff, 0xe1];
    record.extend(u16::try_from(sps.len()).expect(MADE).to_be_bytes());
    record.extend(&sps);
    record.push(1);
    record.extend(u16::try_from(pps.len()).expect(MADE).to_be_bytes());
    record.extend(&pps);
    (frames, record)
}

/// The packets of an Ogg file with one stream of Opus, and its identification header.
fn opus(file: &[u8]) -> (Vec<Vec<u8>>, Vec<u8>) {
    let (mut rest, mut packets, mut open) = (file, Vec::new(), Vec::new());
    while rest.starts_with(b"OggS") {
        let count = rest[26] as usize;
        let mut at = 27 + count;
        for length in &rest[27..27 + count] {
            let length = *length as usize;
            open.extend(&rest[at..at + length]);
            at += length;
            if length < 255 {
                packets.push(std::mem::take(&mut open));
            }
        }
        rest = &rest[at..];
    }
    let head = packets.remove(0);
    packets.remove(0);
    (packets, head)
}

/// Six seconds of picture or sound of one codec.
pub struct Fixture {
    /// The track it is for: `video` or `audio`.
    pub kind: &'static str,
    /// What stands at the head of its segments.
    pub head: Value,
    /// How long a frame lasts, in microseconds.
    pub frame_us: u32,
    frames: Vec<Vec<u8>>,
}

impl Fixture {
    /// One of its three segments, of a recording that began at `now_ms` of the browser's clock.
    ///
    /// # Panics
    /// Never for what [`fixtures`] makes.
    #[must_use]
    pub fn segment(&self, now_ms: i64, number: usize) -> Vec<u8> {
        let of_segment = SECONDS * 1_000_000 / self.frame_us as usize;
        let chunks: Vec<Chunk> = self
            .frames
            .iter()
            .enumerate()
            .skip(number * of_segment)
            .take(of_segment)
            .map(|(at, bytes)| Chunk {
                at_us: now_ms * 1000 + i64::try_from(at).expect(MADE) * i64::from(self.frame_us),
                // Browsers often do not know how long a frame will stand.
                duration_us: if self.kind == "video" { 0 } else { self.frame_us },
                key: at % of_segment == 0 || self.kind == "audio",
                bytes: bytes.clone(),
            })
            .collect();
        media(if self.kind == "video" { 1 } else { 2 }, &self.head, &chunks)
    }
}

/// A screen that is red for fourteen seconds and blue for sixteen, in segments that each have a colour.
///
/// # Panics
/// When `ffmpeg` is not installed, or fails.
#[must_use]
pub fn red_then_blue(folder: &Path) -> Fixture {
    let file = folder.join("colours.ivf");
    let of =
        |colour: &str, seconds: u32| format!("color={colour}:size=320x180:rate={FPS}:duration={seconds}");
    let source = format!("{}[a];{}[b];[a][b]concat", of("red", 14), of("blue", 16));
    let gop = (FPS * SECONDS).to_string();
    let args = ["-v", "error", "-y", "-f", "lavfi", "-i", &source, "-c:v", "libvpx", "-deadline", "realtime"];
    let more =
        ["-cpu-used", "8", "-lag-in-frames", "0", "-auto-alt-ref", "0", "-g", &gop, "-keyint_min", &gop];
    let into = ["-pix_fmt", "yuv420p", file.to_str().expect(MADE)];
    drop(run("ffmpeg", &[args.as_slice(), &more, &into].concat()));
    Fixture {
        kind: "video",
        head: json!({ "codec": "vp8", "width": 320, "height": 180, "description": null, "gaps": [] }),
        frames: ivf(&std::fs::read(file).expect(MADE)),
        frame_us: u32::try_from(1_000_000 / FPS).expect(MADE),
    }
}

/// VP8, VP9, AV1 and H.264 of 320 × 180, and Opus. Files are made in `folder`.
///
/// # Panics
/// When `ffmpeg` is not installed, or fails.
#[must_use]
pub fn fixtures(folder: &Path) -> Vec<Fixture> {
    let gop = (FPS * SECONDS).to_string();
    let frame_us = u32::try_from(1_000_000 / FPS).expect(MADE);
    let video = |codec: &str, description: Option<&[u8]>, frames| Fixture {
        kind: "video",
        head: json!({ "codec": codec, "width": 320, "height": 180,
            "description": description.map(|bytes| URL_SAFE_NO_PAD.encode(bytes)), "gaps": [] }),
        frames,
        frame_us,
    };
    let args =
        |codec: &'static str| vec!["-c:v", codec, "-g", &gop, "-keyint_min", &gop, "-pix_fmt", "yuv420p"];
    let vpx = ["-deadline", "realtime", "-cpu-used", "8", "-lag-in-frames", "0", "-auto-alt-ref", "0"];
    let vp8 = encoded(folder, "a.vp8.ivf", &[args("libvpx"), vpx.to_vec()].concat());
    let vp9 = encoded(folder, "a.vp9.ivf", &[args("libvpx-vp9"), vpx.to_vec()].concat());
    let aom = ["-cpu-used", "8", "-usage", "realtime", "-lag-in-frames", "0"];
    let av1 = encoded(folder, "a.av1.ivf", &[args("libaom-av1"), aom.to_vec()].concat());
    let x264 = [
        "-bf",
        "0",
        "-sc_threshold",
        "0",
        "-preset",
        "ultrafast",
        "-profile:v",
        "baseline",
        "-x264-params",
        "aud=1:slices=1",
    ];
    let (avc, record) = avc(&encoded(folder, "a.h264", &[args("libx264"), x264.to_vec()].concat()));
    let named = format!("avc1.{}", hex::encode(&record[1..4]));
    let (packets, head) =
        opus(&encoded(folder, "a.ogg", &["-c:a", "libopus", "-ac", "1", "-frame_duration", "20"]));
    vec![
        video("vp8", None, ivf(&vp8)),
        video("vp09.00.10.08", None, ivf(&vp9)),
        video("av01.0.00M.08", None, ivf(&av1)),
        video(&named, Some(&record), avc),
        Fixture {
            kind: "audio",
            head: json!({ "codec": "opus", "sample_rate": 48000, "channels": 1,
                "description": URL_SAFE_NO_PAD.encode(head), "gaps": [] }),
            frames: packets,
            frame_us: 20_000,
        },
    ]
}
