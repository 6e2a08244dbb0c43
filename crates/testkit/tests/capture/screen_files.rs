//! What a play hands out of picture and sound: files that other programs than ours read. `ffmpeg` encodes what a browser
//! would, and `ffprobe` and `ffmpeg` say what is in what comes out.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use axum::http::StatusCode;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clerestory_testkit::screen::{Chunk, Recorder, Screen, media, record_screens, say, screen_start};
use clerestory_testkit::{Caller, Installation};
use serde_json::{Value, json};

const WRITER: &str = "0190a5e2-0000-7000-8000-0000000000b1";
/// Frames a second, and seconds in a segment.
const FPS: usize = 10;
const SECONDS: usize = 2;

pub(crate) fn run(program: &str, args: &[&str]) -> Vec<u8> {
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
    let path = file.to_str().unwrap().to_owned();
    all.push(&path);
    run("ffmpeg", &all);
    std::fs::read(file).unwrap()
}

/// The frames of an IVF file.
fn ivf(file: &[u8]) -> Vec<Vec<u8>> {
    let (mut rest, mut frames) = (&file[32..], Vec::new());
    while rest.len() >= 12 {
        let length = u32::from_le_bytes(rest[..4].try_into().unwrap()) as usize;
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
                let frame = frames.last_mut().unwrap();
                frame.extend(u32::try_from(unit.len()).unwrap().to_be_bytes());
                frame.extend(unit);
            }
        }
    }
    let mut record = vec![1, sps[1], sps[2], sps[3], 0xff, 0xe1];
    record.extend(u16::try_from(sps.len()).unwrap().to_be_bytes());
    record.extend(&sps);
    record.push(1);
    record.extend(u16::try_from(pps.len()).unwrap().to_be_bytes());
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

pub(crate) struct Fixture {
    pub(crate) kind: &'static str,
    pub(crate) head: Value,
    frames: Vec<Vec<u8>>,
    frame_us: u32,
}

impl Fixture {
    /// The chunks of a segment.
    pub(crate) fn segment(&self, now_ms: i64, number: usize) -> Vec<u8> {
        let of_segment = SECONDS * 1_000_000 / self.frame_us as usize;
        let chunks: Vec<Chunk> = self
            .frames
            .iter()
            .enumerate()
            .skip(number * of_segment)
            .take(of_segment)
            .map(|(at, bytes)| Chunk {
                at_us: now_ms * 1000 + i64::try_from(at).unwrap() * i64::from(self.frame_us),
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
pub(crate) fn red_then_blue(folder: &Path) -> Fixture {
    let file = folder.join("colours.ivf");
    let of =
        |colour: &str, seconds: u32| format!("color={colour}:size=320x180:rate={FPS}:duration={seconds}");
    let source = format!("{}[a];{}[b];[a][b]concat", of("red", 14), of("blue", 16));
    let gop = (FPS * SECONDS).to_string();
    let args = ["-v", "error", "-y", "-f", "lavfi", "-i", &source, "-c:v", "libvpx", "-deadline", "realtime"];
    let more =
        ["-cpu-used", "8", "-lag-in-frames", "0", "-auto-alt-ref", "0", "-g", &gop, "-keyint_min", &gop];
    run("ffmpeg", &[args.as_slice(), &more, &["-pix_fmt", "yuv420p", file.to_str().unwrap()]].concat());
    Fixture {
        kind: "video",
        head: json!({ "codec": "vp8", "width": 320, "height": 180, "description": null, "gaps": [] }),
        frames: ivf(&std::fs::read(file).unwrap()),
        frame_us: u32::try_from(1_000_000 / FPS).unwrap(),
    }
}

pub(crate) fn fixtures(folder: &Path) -> Vec<Fixture> {
    let gop = (FPS * SECONDS).to_string();
    let frame_us = u32::try_from(1_000_000 / FPS).unwrap();
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

/// Records three segments of a fixture and watches them: what the play hands out of each.
async fn played(
    installation: &Installation,
    recorder: &Recorder,
    fixture: &Fixture,
) -> Vec<(String, Vec<u8>)> {
    let now_ms = i64::try_from(installation.now().unix_millis()).unwrap();
    let mut asked = screen_start(now_ms, WRITER, None);
    asked["audio"] = json!(true);
    let screen: Screen = recorder.start_with(asked).await;
    installation.wait(Duration::from_secs(6));
    for number in 0..3 {
        let body = fixture.segment(now_ms, usize::try_from(number).unwrap());
        screen.send_sealed(fixture.kind, number, &body).await.ok();
    }
    screen.sender().post("/api/v1/capture/screens/end", json!({ "reason": "stopped" })).await.ok();
    let admin = installation.person("admin").await;
    let path = format!("/api/v1/recordings/{}/plays", screen.recording);
    let play = admin.post(&path, json!({})).await.ok();
    let mut files = Vec::new();
    for number in 0..3 {
        let id = play["id"].as_str().unwrap();
        let path = format!("/api/v1/plays/{id}/tracks/{}/segments/{number}", screen.track(fixture.kind));
        files.push(fetch(&admin, &path).await);
    }
    files
}

async fn fetch(caller: &Caller, path: &str) -> (String, Vec<u8>) {
    use http_body_util::BodyExt;
    let answer = caller.begin("GET", path, "").await;
    assert_eq!(answer.status(), StatusCode::OK);
    let kind = answer.headers()["content-type"].to_str().unwrap().to_owned();
    (kind, answer.into_body().collect().await.unwrap().to_bytes().to_vec())
}

pub(crate) fn probed(file: &Path) -> Value {
    let path = file.to_str().unwrap();
    let args = ["-v", "error", "-show_streams", "-show_packets", "-of", "json", path];
    serde_json::from_slice(&run("ffprobe", &args)).unwrap()
}

/// Each frame that a decoder gets out of it, as a hash.
pub(crate) fn decoded(file: &Path) -> Vec<String> {
    let path = file.to_str().unwrap();
    let out = run("ffmpeg", &["-v", "error", "-xerror", "-i", path, "-f", "framemd5", "-"]);
    let text = String::from_utf8(out).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.rsplit(',').next().unwrap().trim().to_owned()).collect()
}

#[tokio::test]
async fn every_codec_plays_in_programs_that_are_not_ours() {
    let installation = Installation::new().await;
    record_screens(&installation).await;
    say(&installation, "capture.recording.audio", json!(true)).await;
    let member = installation.person("member").await;
    let recorder = Recorder::enrol(&member, &installation.anonymous()).await;
    let folder = tempfile::tempdir().unwrap();
    for fixture in fixtures(folder.path()) {
        let codec = fixture.head["codec"].as_str().unwrap().to_owned();
        let files = played(&installation, &recorder, &fixture).await;
        let of_segment = SECONDS * 1_000_000 / fixture.frame_us as usize;
        let known = codec.split('.').next().unwrap();
        assert!(
            files.iter().all(|(kind, _)| kind.contains(&format!("codecs=\"{known}"))),
            "{:?}",
            files[0].0
        );
        for (number, (_, bytes)) in files.iter().enumerate() {
            let file = folder.path().join(format!("{known}-{number}"));
            std::fs::write(&file, bytes).unwrap();
            let found = probed(&file);
            let stream = &found["streams"][0];
            let packets = found["packets"].as_array().unwrap();
            assert_eq!(packets.len(), of_segment, "{codec} {number}");
            let start: f64 = packets[0]["pts_time"].as_str().unwrap().parse().unwrap();
            let begins = f64::from(u32::try_from(number * SECONDS).unwrap());
            assert!((start - begins).abs() < 0.002, "{codec} {number} begins at {start}");
            let last: f64 = packets[of_segment - 1]["pts_time"].as_str().unwrap().parse().unwrap();
            let wanted = begins + 2.0 - f64::from(fixture.frame_us) / 1e6;
            assert!((last - wanted).abs() < 0.002, "{codec} {number}: the last at {last}");
            match fixture.kind {
                "video" => assert_eq!((&stream["width"], &stream["height"]), (&json!(320), &json!(180))),
                _ => assert_eq!((&stream["sample_rate"], &stream["channels"]), (&json!("48000"), &json!(1))),
            }
        }
        // What a decoder gets out of it is what was encoded, frame by frame.
        if fixture.kind == "video" {
            let mut seen = Vec::new();
            for number in 0..files.len() {
                seen.extend(decoded(&folder.path().join(format!("{known}-{number}"))));
            }
            let source =
                std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).find(|path| {
                    let name = path.file_name().unwrap().to_str().unwrap();
                    name == match known {
                        "vp8" => "a.vp8.ivf",
                        "vp09" => "a.vp9.ivf",
                        "av01" => "a.av1.ivf",
                        _ => "a.h264",
                    }
                });
            assert_eq!(seen, decoded(&source.unwrap()), "{codec}");
        }
    }
    let exported = exported(&installation, &member, folder.path()).await;
    let mut packets: Vec<usize> =
        exported.iter().map(|file| probed(file)["packets"].as_array().unwrap().len()).collect();
    packets.sort_unstable();
    assert_eq!(
        packets,
        [60, 60, 60, 60, 300],
        "each track is one file that plays from its beginning to its end"
    );
}

/// The files of picture and sound in what somebody is handed out about themselves.
async fn exported(installation: &Installation, member: &Caller, folder: &Path) -> Vec<PathBuf> {
    let asked = member.post("/api/v1/my/requests", json!({ "kind": "export" })).await;
    let id = asked.json["id"].as_str().unwrap().to_owned();
    let admin = installation.proven("admin").await;
    admin.post(&format!("/api/v1/requests/{id}/fulfil"), json!({})).await.ok();
    let archive = member.get(&format!("/api/v1/my/requests/{id}/export")).await;
    assert_eq!(archive.status, StatusCode::OK);
    let (zip, out) = (folder.join("export.zip"), folder.join("export"));
    std::fs::write(&zip, &archive.bytes).unwrap();
    run("python3", &["-m", "zipfile", "-e", zip.to_str().unwrap(), out.to_str().unwrap()]);
    let mut found = Vec::new();
    for recording in std::fs::read_dir(out.join("recordings")).unwrap() {
        for file in std::fs::read_dir(recording.unwrap().path()).unwrap() {
            let path = file.unwrap().path();
            if path.extension().is_some_and(|ending| ending == "mp4" || ending == "webm") {
                found.push(path);
            }
        }
    }
    found
}
