//! A recording of a screen taken along as a film, which programs that are not ours play.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use std::path::Path;
use std::time::Duration;

use axum::http::StatusCode;
use clerestory_testkit::encoded::{Fixture, fixtures, run};
use clerestory_testkit::screen::{Recorder, Screen, record_screens, say, screen_start};
use clerestory_testkit::{Answer, Caller, Installation, film_program};
use serde_json::{Value, json};

use super::screen_files::{decoded, probed};

pub(crate) const FIRST: &str = "0190a5e2-0000-7000-8000-0000000000c1";
const SECOND: &str = "0190a5e2-0000-7000-8000-0000000000c2";

pub(crate) struct Stage {
    pub installation: Installation,
    pub member: Caller,
    recorder: Recorder,
    folder: tempfile::TempDir,
}

impl Stage {
    pub(crate) async fn set(installation: Installation) -> Self {
        record_screens(&installation).await;
        say(&installation, "capture.recording.audio", json!(true)).await;
        let member = installation.person("member").await;
        let recorder = Recorder::enrol(&member, &installation.anonymous()).await;
        Self { installation, member, recorder, folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn now_ms(&self) -> i64 {
        i64::try_from(self.installation.now().unix_millis()).unwrap()
    }

    /// Records a run of so many segments of two seconds.
    pub(crate) async fn run(
        &self,
        writer: &str,
        resume: Option<&str>,
        kinds: &[(&Fixture, &[u64])],
    ) -> Screen {
        let now_ms = self.now_ms();
        let mut asked = screen_start(now_ms, writer, resume);
        asked["audio"] = json!(true);
        let screen = self.recorder.start_with(asked).await;
        self.installation.wait(Duration::from_secs(6));
        for (fixture, numbers) in kinds {
            for (place, number) in numbers.iter().enumerate() {
                let body = fixture.segment(now_ms, usize::try_from(*number).unwrap());
                screen.send_sealed(fixture.kind, u64::try_from(place).unwrap(), &body).await.ok();
            }
        }
        screen
    }

    pub(crate) async fn end(&self, screen: &Screen) {
        screen.sender().post("/api/v1/capture/screens/end", json!({ "reason": "stopped" })).await.ok();
    }

    /// What the admin is given who takes it along.
    pub(crate) async fn export(&self, screen: &Screen, asked: Value) -> Answer {
        let admin = self.installation.proven("admin").await;
        admin.post(&format!("/api/v1/recordings/{}/export", screen.recording), asked).await
    }

    fn kept(&self, bytes: &[u8]) -> std::path::PathBuf {
        let file = self.folder.path().join("film.mp4");
        std::fs::write(&file, bytes).unwrap();
        file
    }
}

fn seconds(file: &Path) -> f64 {
    let path = file.to_str().unwrap();
    let args = ["-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0", path];
    String::from_utf8(run("ffprobe", &args)).unwrap().trim().parse().unwrap()
}

/// The times of the packets of a stream, in seconds.
fn times(found: &Value, stream: i64) -> Vec<f64> {
    let packets = found["packets"].as_array().unwrap().iter();
    let of_stream = packets.filter(|packet| packet["stream_index"] == stream);
    of_stream.map(|packet| packet["pts_time"].as_str().unwrap().parse().unwrap()).collect()
}

fn fixture<'f>(all: &'f [Fixture], codec: &str) -> &'f Fixture {
    all.iter().find(|fixture| fixture.head["codec"].as_str().unwrap().starts_with(codec)).unwrap()
}

#[tokio::test]
async fn runs_follow_one_another_in_a_film_that_other_programs_play() {
    let stage = Stage::set(Installation::new().await).await;
    let all = fixtures(stage.folder.path());
    let sound = fixture(&all, "opus");
    let whole: &[u64] = &[0, 1, 2];
    let first = stage.run(FIRST, None, &[(fixture(&all, "vp09"), whole), (sound, whole)]).await;
    stage.installation.wait(Duration::from_secs(600));
    let resume = Some(first.token.as_str());
    let second = stage.run(SECOND, resume, &[(fixture(&all, "avc1"), &[0, 1])]).await;
    assert_eq!(first.recording, second.recording);
    assert_eq!(stage.export(&second, json!({})).await.problem(), "still-going-on");
    stage.end(&second).await;

    let answer = stage.export(&second, json!({ "reason": "for the tribunal" })).await;
    assert_eq!(answer.status, StatusCode::OK, "{:?}", answer.json);
    let file = stage.kept(&answer.bytes);
    let found = probed(&file);
    let codecs: Vec<_> =
        found["streams"].as_array().unwrap().iter().map(|stream| stream["codec_name"].clone()).collect();
    assert_eq!(codecs, ["h264", "aac"]);
    assert_eq!((&found["streams"][0]["width"], &found["streams"][0]["height"]), (&json!(320), &json!(180)));
    let lasts = seconds(&file);
    assert!((lasts - 10.0).abs() < 0.3, "six seconds and four, and nothing between them: {lasts}");
    // One picture after another, through both runs.
    let pictures = times(&found, 0);
    // One that falls together with the one before it is left out.
    assert!((98..=100).contains(&pictures.len()), "ten a second: {}", pictures.len());
    assert!(pictures.windows(2).all(|pair| pair[0] < pair[1] && pair[1] - pair[0] < 0.3), "{pictures:?}");
    // Where one run ends and the next begins, a piece of sound that is begun is heard to its end.
    let sounds = times(&found, 1);
    assert!(sounds.windows(2).all(|pair| pair[0] < pair[1] + 0.025), "sound goes on too");
    assert!(decoded(&file).len() > 100, "all of it decodes");

    // It is on record, with its reason, and whom it shows finds it.
    let admin = stage.installation.person("admin").await;
    let told = admin.get("/api/v1/audit?action=recording.export&outcome=allowed").await.ok();
    assert_eq!(told["items"].as_array().unwrap().len(), 2, "one that came too early, and this one");
    assert_eq!(told["items"][0]["reason"], "for the tribunal");
    let viewers = format!("/api/v1/recordings/{}/viewers", first.recording);
    let viewers = stage.member.get(&viewers).await.ok();
    assert_eq!(
        viewers["items"].as_array().unwrap().len(),
        1,
        "one that came too early gave nothing: {viewers}"
    );
    assert_eq!(viewers["items"][0]["copied"], true, "{viewers}");
    assert_eq!(viewers["items"][0]["reason"], "for the tribunal");
    let unwatched = admin.get("/api/v1/recordings?watched=no").await.ok();
    assert_eq!(unwatched["items"].as_array().unwrap().len(), 0, "whoever has it has seen it: {unwatched}");
    // The member may not, as nobody said so.
    let facts = stage.member.get(&format!("/api/v1/recordings/{}", first.recording)).await.ok();
    assert_eq!((&facts["may_export"], &facts["export"]), (&json!(false), &json!("ready")));
    let path = format!("/api/v1/recordings/{}/export", first.recording);
    assert_eq!(stage.member.post(&path, json!({})).await.status, StatusCode::FORBIDDEN);
    say(&stage.installation, "export.recordings", json!("own")).await;
    let facts = stage.member.get(&format!("/api/v1/recordings/{}", first.recording)).await.ok();
    assert_eq!(facts["may_export"], true);
    assert_eq!(stage.member.post(&path, json!({})).await.status, StatusCode::OK);

    say(&stage.installation, "view.reason_required", json!(true)).await;
    assert_eq!(stage.export(&first, json!({})).await.problem(), "reason-required");
    let admin = stage.installation.proven("admin").await;
    admin.post(&format!("/api/v1/recordings/{}/delete", first.recording), json!({})).await.ok();
    for caller in [&stage.member, &admin] {
        let refused = caller.post(&path, json!({ "reason": "r" })).await.status;
        assert!(matches!(refused, StatusCode::NOT_FOUND | StatusCode::GONE), "it was deleted: {refused}");
    }
}

/// A run without sound, in which a codec gives way to another, behind one with sound: silence that lasts as long as the rest
/// of the run would be heard beyond where the next part begins.
#[tokio::test]
async fn a_film_goes_on_where_a_run_changes_its_codec() {
    let stage = Stage::set(Installation::new().await).await;
    let all = fixtures(stage.folder.path());
    let (vp9, avc, sound) = (fixture(&all, "vp09"), fixture(&all, "avc1"), fixture(&all, "opus"));
    let whole: &[u64] = &[0, 1, 2];
    let first = stage.run(FIRST, None, &[(vp9, whole), (sound, whole)]).await;
    let now_ms = stage.now_ms();
    let second = stage.run(SECOND, Some(first.token.as_str()), &[]).await;
    for (number, picture) in [vp9, avc, avc].into_iter().enumerate() {
        let body = picture.segment(now_ms, number);
        second.send_sealed("video", u64::try_from(number).unwrap(), &body).await.ok();
    }
    stage.end(&second).await;
    let answer = stage.export(&second, json!({})).await;
    assert_eq!(answer.status, StatusCode::OK, "{:?}", answer.json);
    let file = stage.kept(&answer.bytes);
    let found = probed(&file);
    let (pictures, sounds) = (times(&found, 0), times(&found, 1));
    assert!(pictures.windows(2).all(|pair| pair[0] < pair[1] && pair[1] - pair[0] < 0.3), "{pictures:?}");
    // In the order in which they stand in the file. Where the first run ends, a piece that was begun is heard to its end.
    let back: Vec<_> = sounds.windows(2).filter(|pair| pair[0] >= pair[1] + 0.025).collect();
    assert!(back.is_empty(), "sound goes back: {back:?}");
    let silent: Vec<_> = sounds.windows(2).filter(|pair| pair[1] - pair[0] > 0.3).collect();
    assert!(silent.is_empty(), "sound goes on: {silent:?}");
    let lasts = seconds(&file);
    assert!((lasts - 12.0).abs() < 0.4, "six seconds and six: {lasts}");
}

#[tokio::test]
async fn what_was_not_recorded_takes_no_time_in_a_film() {
    let stage = Stage::set(Installation::new().await).await;
    let all = fixtures(stage.folder.path());
    for codec in ["vp8", "av01"] {
        let picture = fixture(&all, codec);
        let now_ms = stage.now_ms();
        let screen = stage.run(FIRST, None, &[(picture, &[0])]).await;
        stage.installation.wait(Duration::from_secs(120));
        // A hundred seconds later, and nothing is known of what was between.
        let later = picture.segment(now_ms + 100_000, 2);
        screen.send_sealed("video", 1, &later).await.ok();
        stage.end(&screen).await;
        let answer = stage.export(&screen, json!({})).await;
        assert_eq!(answer.status, StatusCode::OK, "{codec}: {:?}", answer.json);
        let file = stage.kept(&answer.bytes);
        let found = probed(&file);
        assert_eq!(found["streams"].as_array().unwrap().len(), 1, "{codec}: without sound");
        let lasts = seconds(&file);
        assert!((lasts - 4.0).abs() < 0.3, "{codec} lasts {lasts}");
        assert!(times(&found, 0).len() >= 39, "{codec}: {:?}", times(&found, 0));
    }
}

#[tokio::test]
async fn without_ffmpeg_or_with_a_broken_one_it_is_told_and_the_recording_is_kept() {
    let none = Installation::kept(None, |_, places| places.ffmpeg = None).await;
    let stage = Stage::set(none).await;
    let all = fixtures(stage.folder.path());
    let screen = stage.run(FIRST, None, &[(fixture(&all, "vp8"), &[0])]).await;
    stage.end(&screen).await;
    assert_eq!(stage.export(&screen, json!({})).await.problem(), "ffmpeg-missing");
    let admin = stage.installation.person("admin").await;
    let facts = admin.get(&format!("/api/v1/recordings/{}", screen.recording)).await.ok();
    assert_eq!((&facts["may_export"], &facts["export"]), (&json!(true), &json!("ffmpeg-missing")));
    let failed = admin.get("/api/v1/audit?action=recording.export&outcome=failed").await.ok();
    assert_eq!(failed["items"].as_array().unwrap().len(), 1, "allowed, and not done: {failed}");

    for does in ["babbles", "fails", "connects", "nothing"] {
        let folder = tempfile::tempdir().unwrap();
        let program = film_program(folder.path(), does);
        let broken = Installation::kept(None, |_, places| places.ffmpeg = Some(program)).await;
        let stage = Stage::set(broken).await;
        let screen = stage.run(FIRST, None, &[(fixture(&all, "vp8"), &[0])]).await;
        stage.end(&screen).await;
        assert_eq!(stage.export(&screen, json!({})).await.problem(), "film-not-made", "{does}");
        let admin = stage.installation.person("admin").await;
        let play = admin.post(&format!("/api/v1/recordings/{}/plays", screen.recording), json!({})).await;
        assert_eq!(play.status, StatusCode::CREATED, "{does}: it is watched as before");
    }
}

#[tokio::test]
async fn hostile_pictures_make_no_film() {
    let stage = Stage::set(Installation::new().await).await;
    let all = fixtures(stage.folder.path());
    let good = fixture(&all, "vp8");
    let now_ms = stage.now_ms();
    let head = |width: u32, height: u32| json!({ "codec": "vp8", "width": width, "height": height, "description": null, "gaps": [] });
    let chunk = |bytes: Vec<u8>| clerestory_testkit::screen::Chunk {
        at_us: now_ms * 1000,
        duration_us: 100_000,
        key: true,
        bytes,
    };
    // A head of VP8 (RFC 6386, 9.1) that says 16383 by 16383, and nothing behind it; and bytes that are nothing.
    let bomb = vec![0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a, 0xff, 0x3f, 0xff, 0x3f, 0, 0, 0, 0];
    for (what, bytes) in [("a bomb", bomb), ("no picture", vec![0xa5; 4000])] {
        let screen = stage.run(FIRST, None, &[]).await;
        let body = clerestory_testkit::screen::media(1, &head(16383, 16383), &[chunk(bytes)]);
        screen.send_sealed("video", 0, &body).await.ok();
        stage.end(&screen).await;
        let answer = stage.export(&screen, json!({})).await;
        assert_eq!(
            answer.problem(),
            "film-not-made",
            "{what}: {}, {} bytes",
            answer.status,
            answer.bytes.len()
        );
        let admin = stage.installation.person("admin").await;
        let facts = admin.get(&format!("/api/v1/recordings/{}", screen.recording)).await.ok();
        assert_eq!(facts["segments"], 1, "{what}: it is kept as it is");
    }
    let screen = stage.run(SECOND, None, &[(good, &[0, 1])]).await;
    stage.end(&screen).await;
    let answer = stage.export(&screen, json!({})).await;
    assert_eq!(answer.status, StatusCode::OK, "the next one is as ever");
    let file = stage.kept(&answer.bytes);
    let found = probed(&file);
    assert_eq!((&found["streams"][0]["width"], &found["streams"][0]["height"]), (&json!(320), &json!(180)));
    assert!(decoded(&file).len() >= 39, "every picture of it decodes");
}
