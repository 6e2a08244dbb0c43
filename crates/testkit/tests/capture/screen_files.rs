//! What a play hands out of picture and sound: files that other programs than ours read. `ffmpeg` encodes what a browser
//! would, and `ffprobe` and `ffmpeg` say what is in what comes out.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::http::StatusCode;
use clerestory_testkit::encoded::{Fixture, SECONDS, fixtures, run};
use clerestory_testkit::screen::{Recorder, Screen, record_screens, say, screen_start};
use clerestory_testkit::{Caller, Installation};
use serde_json::{Value, json};

const WRITER: &str = "0190a5e2-0000-7000-8000-0000000000b1";

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
    drop(run("python3", &["-m", "zipfile", "-e", zip.to_str().unwrap(), out.to_str().unwrap()]));
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
