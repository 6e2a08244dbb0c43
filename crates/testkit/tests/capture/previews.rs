//! Small pictures of what screens show: that they show it, who is given them, and what becomes of them and of recordings
//! that give none.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::http::StatusCode;
use clerestory_model::{KeyId, RecordingId, TrackId};
use clerestory_testkit::encoded::{fixtures, red_then_blue};
use clerestory_testkit::screen::{Chunk, Recorder, Screen, media, record_screens, say, screen_start};
use clerestory_testkit::{Answer, Caller, Installation, film_program};
use serde_json::{Value, json};

const FIRST: &str = "0190a5e2-0000-7000-8000-0000000000d1";
const SECOND: &str = "0190a5e2-0000-7000-8000-0000000000d2";
const RED: [u8; 3] = [255, 0, 0];
const BLUE: [u8; 3] = [0, 0, 255];
/// Segments of the screen that is red and then blue, and seconds that it lasts.
const SEGMENTS: usize = 15;
const LASTS: Duration = Duration::from_secs(30);

struct Stage {
    installation: Installation,
    member: Caller,
    admin: Caller,
    recorder: Recorder,
    folder: tempfile::TempDir,
}

impl Stage {
    async fn set(installation: Installation) -> Self {
        record_screens(&installation).await;
        let member = installation.person("member").await;
        let admin = installation.proven("admin").await;
        let recorder = Recorder::enrol(&member, &installation.anonymous()).await;
        Self { installation, member, admin, recorder, folder: tempfile::tempdir().unwrap() }
    }

    fn now_ms(&self) -> i64 {
        i64::try_from(self.installation.now().unix_millis()).unwrap()
    }

    /// Records these segments of half a minute of a screen.
    async fn run(&self, writer: &str, resume: Option<&str>, segments: &[Vec<u8>]) -> Screen {
        let asked = screen_start(self.now_ms(), writer, resume);
        let screen = self.recorder.start_with(asked).await;
        self.installation.wait(LASTS);
        for (number, body) in segments.iter().enumerate() {
            screen.send_sealed("video", u64::try_from(number).unwrap(), body).await.ok();
        }
        screen
    }

    /// Half a minute of red and blue.
    async fn colours(&self, writer: &str, resume: Option<&str>) -> Screen {
        let (fixture, now_ms) = (red_then_blue(self.folder.path()), self.now_ms());
        let segments: Vec<_> = (0..SEGMENTS).map(|number| fixture.segment(now_ms, number)).collect();
        self.run(writer, resume, &segments).await
    }

    async fn end(&self, screen: &Screen) {
        screen.sender().post("/api/v1/capture/screens/end", json!({ "reason": "stopped" })).await.ok();
    }

    async fn make(&self) -> (u64, u64) {
        let made = self.installation.app.make_previews().await.unwrap();
        (made.made, made.failed)
    }

    /// Half a minute that is over, with its pictures.
    async fn shown(&self) -> Screen {
        let screen = self.colours(FIRST, None).await;
        self.end(&screen).await;
        assert_eq!(self.make().await, (1, 0));
        screen
    }

    /// A recording as the caller's list shows it.
    async fn listed(&self, caller: &Caller, screen: &Screen) -> Value {
        let list = caller.get("/api/v1/recordings?source=screen").await.ok();
        let items = list["items"].as_array().unwrap();
        items.iter().find(|item| item["id"] == screen.recording.as_str()).unwrap().clone()
    }

    /// The address of its picture in a list.
    async fn address(&self, caller: &Caller, screen: &Screen) -> String {
        self.listed(caller, screen).await["preview"]["url"].as_str().unwrap().to_owned()
    }

    async fn play(&self, caller: &Caller, screen: &Screen) -> Value {
        caller.post(&format!("/api/v1/recordings/{}/plays", screen.recording), json!({})).await.ok()
    }

    /// How many rows with pictures there are of a recording.
    async fn rows(&self, screen: &Screen) -> usize {
        let id: RecordingId = screen.recording.parse().unwrap();
        let sql = "SELECT preview_id FROM previews WHERE recording_id = $1";
        self.installation.rows(sql, vec![id.into()]).await.len()
    }

    async fn erase(&self, screen: &Screen, what: Value) -> Value {
        let path = format!("/api/v1/recordings/{}/erasures", screen.recording);
        self.admin.erase(&path, what).await.ok()
    }
}

/// The pictures beside the time of a play: when, and what each shows.
async fn beside(caller: &Caller, play: &Value) -> Vec<(i64, [u8; 3])> {
    let mut found = Vec::new();
    for preview in play["previews"].as_array().unwrap() {
        let answer = caller.get(preview["url"].as_str().unwrap()).await;
        found.push((preview["at_ms"].as_i64().unwrap(), colour(&answer, (160, 90))));
    }
    found
}

/// The colour that a picture of this size has all over.
fn colour(answer: &Answer, size: (u32, u32)) -> [u8; 3] {
    assert_eq!(answer.status, StatusCode::OK, "{:?}", answer.json);
    let picture = image::load_from_memory(&answer.bytes).unwrap().to_rgb8();
    assert_eq!(picture.dimensions(), size);
    let near = |pixel: &image::Rgb<u8>, of: [u8; 3]| {
        pixel.0.iter().zip(of).all(|(one, other)| one.abs_diff(other) < 12)
    };
    let all = |of: [u8; 3]| picture.pixels().all(|pixel| near(pixel, of));
    [RED, BLUE].into_iter().find(|of| all(*of)).unwrap_or_default()
}

async fn status(caller: &Caller, path: &str) -> StatusCode {
    caller.get(path).await.status
}

#[tokio::test]
async fn a_recording_shows_itself_once_it_is_over_and_beside_its_time() {
    let stage = Stage::set(Installation::new().await).await;
    let screen = stage.colours(FIRST, None).await;
    assert_eq!(stage.listed(&stage.member, &screen).await["preview_state"], "waiting");
    assert_eq!(stage.make().await, (1, 0));
    assert_eq!(stage.make().await, (0, 0), "the others wait until it is over");
    // While it goes on it is shown to whoever may watch it then, which is nobody unless it is said.
    let item = stage.listed(&stage.member, &screen).await;
    assert_eq!((&item["preview"], &item["preview_state"]), (&Value::Null, &json!("made")));
    say(&stage.installation, "capture.recording.live_view", json!("self")).await;
    let item = stage.listed(&stage.member, &screen).await;
    assert_eq!((&item["preview"]["width"], &item["preview"]["height"]), (&json!(320), &json!(180)));
    assert_eq!(colour(&stage.member.get(item["preview"]["url"].as_str().unwrap()).await, (320, 180)), RED);
    assert_eq!(stage.listed(&stage.admin, &screen).await["preview"], Value::Null);

    // Silent for two minutes, it is about now no more.
    stage.installation.wait(Duration::from_secs(121));
    assert_eq!(stage.make().await, (1, 0));
    assert_eq!(stage.make().await, (0, 0));
    let address = stage.address(&stage.admin, &screen).await;
    assert_eq!(colour(&stage.admin.get(&address).await, (320, 180)), RED);
    let play = stage.play(&stage.admin, &screen).await;
    assert_eq!(beside(&stage.admin, &play).await, [(0, RED), (10_000, RED), (20_000, BLUE)]);
    let facts = stage.admin.get(&format!("/api/v1/recordings/{}", screen.recording)).await.ok();
    let of_facts = facts["preview"]["url"].as_str().unwrap();
    assert_eq!(colour(&stage.admin.get(of_facts).await, (320, 180)), RED);

    // A clip shows no more than the clip.
    let clip = json!({ "title": "the end", "from_ms": 15_000, "to_ms": 25_000 });
    let clip = stage.admin.post(&format!("/api/v1/recordings/{}/clips", screen.recording), clip).await.ok();
    let path = format!("/api/v1/clips/{}/plays", clip["id"].as_str().unwrap());
    let part = stage.admin.post(&path, json!({})).await.ok();
    assert_eq!(beside(&stage.admin, &part).await, [(20_000, BLUE)]);
    let elsewhere = format!("/api/v1/plays/{}/previews/0", part["id"].as_str().unwrap());
    assert_eq!(status(&stage.admin, &elsewhere).await, StatusCode::NOT_FOUND);
    // Another browser run makes it longer, and its pictures come too.
    let more = stage.colours(SECOND, Some(&screen.token)).await;
    assert_eq!(more.recording, screen.recording);
    stage.end(&more).await;
    assert_eq!(stage.make().await, (1, 0));
    let play = stage.play(&stage.admin, &screen).await;
    assert_eq!(beside(&stage.admin, &play).await.len(), 6);
    // Each time it was opened for that is on record.
    let told = stage.admin.get("/api/v1/audit?action=maintain.preview").await.ok();
    assert_eq!(told["items"].as_array().unwrap().len(), 3, "{told}");
}

#[tokio::test]
async fn every_codec_that_is_taken_gives_pictures() {
    let stage = Stage::set(Installation::new().await).await;
    for fixture in fixtures(stage.folder.path()).iter().filter(|fixture| fixture.kind == "video") {
        let codec = fixture.head["codec"].as_str().unwrap();
        let now_ms = stage.now_ms();
        // What a decoder begins with each time, ten seconds apart.
        let at = |number: usize| now_ms + 8_000 * i64::try_from(number).unwrap();
        let segments: Vec<_> = (0..3).map(|number| fixture.segment(at(number), number)).collect();
        let screen = stage.run(FIRST, None, &segments).await;
        stage.end(&screen).await;
        assert_eq!(stage.make().await, (1, 0), "{codec}");
        let play = stage.play(&stage.admin, &screen).await;
        let mut seen = Vec::new();
        for preview in play["previews"].as_array().unwrap() {
            let answer = stage.admin.get(preview["url"].as_str().unwrap()).await;
            let picture = image::load_from_memory(&answer.bytes).unwrap().to_rgb8();
            let brightest = picture.pixels().map(|pixel| pixel.0.iter().max().copied()).max().flatten();
            assert!(brightest > Some(200), "{codec} shows something");
            seen.push(answer.bytes);
        }
        assert_eq!(seen.len(), 3, "{codec}");
        assert!(seen.windows(2).all(|pair| pair[0] != pair[1]), "{codec}: each its own");
    }
}

#[tokio::test]
async fn a_ticket_is_of_one_session_for_ten_minutes_and_what_may_be_seen_is_decided_each_time() {
    let stage = Stage::set(Installation::new().await).await;
    let screen = stage.shown().await;
    let address = stage.address(&stage.admin, &screen).await;
    let entries = "SELECT number FROM audit_entries WHERE number > 0";
    let before = stage.installation.rows(entries, Vec::new()).await.len();
    assert_eq!(status(&stage.admin, &address).await, StatusCode::OK);
    assert_eq!(stage.installation.rows(entries, Vec::new()).await.len(), before, "it rides on the list's");

    // It is nobody else's, nor this person's in another browser; and none of another recording.
    for other in [&stage.member, &stage.installation.person("admin").await] {
        assert_eq!(status(other, &address).await, StatusCode::NOT_FOUND);
    }
    assert_eq!(status(&stage.installation.anonymous(), &address).await, StatusCode::UNAUTHORIZED);
    let (path, ticket) = address.split_once("?ticket=").unwrap();
    let last = if ticket.ends_with('A') { "E" } else { "A" };
    let forged = format!("{path}?ticket={}{last}", &ticket[..ticket.len() - 1]);
    for wrong in [path.to_owned(), format!("{path}?ticket="), format!("{path}?ticket=A{ticket}"), forged] {
        assert_eq!(status(&stage.admin, &wrong).await, StatusCode::NOT_FOUND, "{wrong}");
    }
    let second = stage.colours(SECOND, None).await;
    assert_ne!(second.recording, screen.recording);
    stage.end(&second).await;
    stage.make().await;
    let swapped = address.replace(&screen.recording, &second.recording);
    assert_eq!(status(&stage.admin, &swapped).await, StatusCode::NOT_FOUND);

    // Where a play would not begin without more, nothing is shown, by tickets from before neither.
    for setting in ["view.four_eyes", "view.reason_required"] {
        let address = stage.address(&stage.admin, &screen).await;
        say(&stage.installation, setting, json!(true)).await;
        assert_eq!(stage.listed(&stage.admin, &screen).await["preview"], Value::Null, "{setting}");
        assert_eq!(status(&stage.admin, &address).await, StatusCode::NOT_FOUND, "{setting}");
        say(&stage.installation, setting, json!(false)).await;
        assert_eq!(status(&stage.admin, &address).await, StatusCode::OK, "{setting}");
    }
    let own = stage.address(&stage.member, &screen).await;
    assert_eq!(status(&stage.member, &own).await, StatusCode::OK, "it is about them");
    say(&stage.installation, "member.view_own", json!(false)).await;
    assert_eq!(status(&stage.member, &own).await, StatusCode::NOT_FOUND, "they may not any more");

    let address = stage.address(&stage.admin, &screen).await;
    stage.installation.wait(Duration::from_secs(599));
    assert_eq!(status(&stage.admin, &address).await, StatusCode::OK);
    stage.installation.wait(Duration::from_secs(1));
    assert_eq!(status(&stage.admin, &address).await, StatusCode::NOT_FOUND, "ten minutes are over");

    let address = stage.address(&stage.admin, &screen).await;
    let deleted = format!("/api/v1/recordings/{}/delete", screen.recording);
    stage.admin.erase(&deleted, json!({})).await.ok();
    assert_eq!(status(&stage.admin, &address).await, StatusCode::NOT_FOUND, "it was deleted");
}

#[tokio::test]
async fn what_is_erased_takes_its_pictures_with_it_and_the_rest_is_made_anew() {
    let stage = Stage::set(Installation::new().await).await;
    let screen = stage.shown().await;
    let (address, play) =
        (stage.address(&stage.admin, &screen).await, stage.play(&stage.admin, &screen).await);
    assert_eq!(stage.rows(&screen).await, 4);
    let track: TrackId = screen.track("video").parse().unwrap();
    let key_of = "SELECT DISTINCT key_id FROM previews WHERE track_id = $1";
    let key: KeyId = stage.installation.rows(key_of, vec![track.into()]).await[0].get(0).unwrap();

    let range = json!({ "range": { "from_us": 0, "to_us": 11_000_000 } });
    let erasure = stage.erase(&screen, range).await;
    assert_eq!(stage.rows(&screen).await, 0, "at once");
    assert_eq!(status(&stage.admin, &address).await, StatusCode::NOT_FOUND);
    for number in [0, 10_000] {
        let path = format!("/api/v1/plays/{}/previews/{number}", play["id"].as_str().unwrap());
        assert_eq!(status(&stage.admin, &path).await, StatusCode::NOT_FOUND);
    }
    // Made between the wish and its end they are of what stays, and go with the old key once more.
    assert_eq!(stage.make().await, (1, 0));
    let play = stage.play(&stage.admin, &screen).await;
    assert_eq!(beside(&stage.admin, &play).await, [(12_000, RED), (22_000, BLUE)]);
    stage.installation.carry_erasures_on().await;
    stage.installation.app.settle_now().await.unwrap();
    stage.installation.carry_erasures_on().await;
    let path = format!("/api/v1/erasures/{}", erasure["id"].as_str().unwrap());
    let told = stage.admin.get(&path).await.ok();
    assert!(told["receipt"].is_object(), "{told}");
    assert!(told.to_string().contains("previews"), "the receipt names what went: {told}");
    let under = stage.installation.rows(key_of, vec![track.into()]).await;
    assert!(under.iter().all(|row| row.get::<KeyId>(0).unwrap() != key), "nothing lies under the old key");
    assert_eq!(stage.make().await, (1, 0));
    let under = stage.installation.rows(key_of, vec![track.into()]).await;
    assert_eq!(under.len(), 1);
    assert_ne!(under[0].get::<KeyId>(0).unwrap(), key);
    let play = stage.play(&stage.admin, &screen).await;
    assert_eq!(beside(&stage.admin, &play).await, [(12_000, RED), (22_000, BLUE)]);
    assert_eq!(status(&stage.admin, &stage.address(&stage.admin, &screen).await).await, StatusCode::OK);

    // A track takes all of its own; here nothing is left to be shown.
    stage.erase(&screen, json!({ "track": screen.track("video") })).await;
    stage.installation.carry_erasures_on().await;
    assert_eq!(stage.rows(&screen).await, 0);
    assert_eq!(stage.make().await, (0, 0));
    assert_eq!(stage.listed(&stage.admin, &screen).await["preview_state"], "none");
}

#[tokio::test]
async fn what_is_taken_back_or_about_somebody_erased_shows_nothing_any_more() {
    let stage = Stage::set(Installation::new().await).await;
    let now_ms = stage.now_ms();
    let screen = stage.colours(FIRST, None).await;
    assert_eq!(stage.make().await, (1, 0));
    let back = json!({ "from_ms": now_ms, "to_ms": now_ms + 13_500 });
    let path = "/api/v1/capture/screens/discard";
    assert_eq!(screen.sender().post(path, back).await.status, StatusCode::ACCEPTED);
    assert_eq!(stage.rows(&screen).await, 0, "at once");
    stage.installation.carry_erasures_on().await;
    stage.end(&screen).await;
    assert_eq!(stage.make().await, (1, 0));
    let address = stage.address(&stage.admin, &screen).await;
    assert_eq!(colour(&stage.admin.get(&address).await, (320, 180)), BLUE, "nothing red is left");

    let facts = stage.admin.get(&format!("/api/v1/recordings/{}", screen.recording)).await.ok();
    let subject = facts["subject"]["id"].as_str().unwrap().to_owned();
    let organisation = stage.installation.organisation;
    let target = clerestory_lifecycle::Target::Subject(subject.parse().unwrap());
    stage.installation.erase_at_command(organisation, target).await;
    stage.installation.carry_erasures_on().await;
    assert_eq!(stage.rows(&screen).await, 0);
    let work = stage.installation.rows("SELECT recording_id FROM preview_work", Vec::new()).await;
    assert!(work.is_empty());
    assert_eq!(status(&stage.admin, &address).await, StatusCode::NOT_FOUND);
}

/// A segment with one chunk of these bytes.
fn segment_of(head: &Value, at_ms: i64, bytes: Vec<u8>) -> Vec<u8> {
    media(1, head, &[Chunk { at_us: at_ms * 1000, duration_us: 100_000, key: true, bytes }])
}

#[tokio::test]
async fn hostile_pictures_are_given_up_and_the_others_and_the_recording_are_as_they_were() {
    let stage = Stage::set(Installation::new().await).await;
    let good = red_then_blue(stage.folder.path());
    let large = json!({ "codec": "vp8", "width": 16383, "height": 16383, "description": null, "gaps": [] });
    // A head of VP8 (RFC 6386, 9.1) that says 16383 by 16383, and nothing behind it; and bytes that are nothing.
    let bomb = vec![0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a, 0xff, 0x3f, 0xff, 0x3f, 0, 0, 0, 0];
    for (what, bytes) in [("a bomb", bomb.clone()), ("no picture", vec![0xa5; 4000])] {
        let screen = stage.run(FIRST, None, &[segment_of(&large, stage.now_ms(), bytes)]).await;
        stage.end(&screen).await;
        let mut tries = 0;
        while stage.make().await == (0, 1) {
            tries += 1;
            assert!(tries <= 3, "{what} is tried without end");
            stage.installation.wait(Duration::from_secs(600));
        }
        let item = stage.listed(&stage.admin, &screen).await;
        if tries > 0 {
            assert_eq!(tries, 3, "{what}");
            assert_eq!(item["preview_state"], "failed", "{what}: {item}");
            assert!(item["preview_why"].as_str().unwrap().contains("cannot be decoded"), "{what}: {item}");
            assert_eq!(item["preview"], Value::Null);
        }
        assert_eq!(item["segments"], 1, "{what}: it is kept as it is");
        stage.play(&stage.admin, &screen).await;
    }
    // Among good ones the bad are left out: one that is cut off, and one that is none.
    let now_ms = stage.now_ms();
    let whole = good.segment(now_ms + 10_000, 5);
    let first = first_chunk(&whole);
    let cut = segment_of(&good.head, now_ms + 10_000, first[..first.len() / 2].to_vec());
    let bad = segment_of(&good.head, now_ms, vec![0xa5; 4000]);
    let segments = [bad, cut, good.segment(now_ms, 10)];
    let screen = stage.run(SECOND, None, &segments).await;
    stage.end(&screen).await;
    assert_eq!(stage.make().await, (1, 0));
    let play = stage.play(&stage.admin, &screen).await;
    let times: Vec<i64> = beside(&stage.admin, &play).await.iter().map(|(at, _)| *at).collect();
    assert!(times.contains(&20_000) && !times.contains(&0), "{times:?}");
    let address = stage.address(&stage.admin, &screen).await;
    assert_eq!(status(&stage.admin, &address).await, StatusCode::OK);
}

/// The bytes of the first chunk of a segment.
fn first_chunk(segment: &[u8]) -> Vec<u8> {
    let length = |at: usize| u32::from_be_bytes(segment[at..at + 4].try_into().unwrap()) as usize;
    let head = length(8);
    let rows = 12 + head + 4;
    let count = length(12 + head);
    let first = length(rows + 12);
    segment[rows + 20 * count..][..first].to_vec()
}

/// An installation whose `ffmpeg` is a program that does what its name says.
async fn with_program(folder: &Path, does: &str) -> Installation {
    let program: PathBuf = film_program(folder, does);
    Installation::kept(None, |_, places| places.ffmpeg = Some(program)).await
}

#[tokio::test]
async fn a_decoder_that_was_taken_over_is_ended_and_nothing_of_it_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    for (does, why) in [
        ("babbles", "cannot be decoded"),
        ("fails", "cannot be decoded"),
        ("nothing", "cannot be decoded"),
        ("connects", "tried what it may not"),
        ("hangs", ""),
    ] {
        let stage = Stage::set(with_program(folder.path(), does).await).await;
        let screen = stage.colours(FIRST, None).await;
        stage.end(&screen).await;
        assert_eq!(stage.make().await, (0, 1), "{does}");
        assert_eq!(stage.listed(&stage.admin, &screen).await["preview_state"], "waiting", "{does}");
        assert_eq!(stage.make().await, (0, 0), "{does}: not at once again");
        if why.is_empty() {
            continue;
        }
        for _ in 0..2 {
            stage.installation.wait(Duration::from_secs(600));
            assert_eq!(stage.make().await, (0, 1), "{does}");
        }
        stage.installation.wait(Duration::from_secs(3600));
        assert_eq!(stage.make().await, (0, 0), "{does} was given up");
        let item = stage.listed(&stage.admin, &screen).await;
        assert_eq!((&item["preview"], &item["preview_state"]), (&Value::Null, &json!("failed")), "{does}");
        assert!(item["preview_why"].as_str().unwrap().contains(why), "{does}: {item}");
        assert_eq!(item["segments"], SEGMENTS, "{does}: it is kept");
        let play = stage.play(&stage.admin, &screen).await;
        assert_eq!(play["previews"], json!([]), "{does}");
    }
}

#[tokio::test]
async fn without_ffmpeg_it_is_told_what_to_install_and_made_when_it_is_there() {
    let none = Installation::kept(None, |_, places| places.ffmpeg = None).await;
    let stage = Stage::set(none).await;
    let screen = stage.colours(FIRST, None).await;
    stage.end(&screen).await;
    assert_eq!(stage.make().await, (0, 0));
    let item = stage.listed(&stage.admin, &screen).await;
    assert_eq!((&item["preview"], &item["preview_state"]), (&Value::Null, &json!("unavailable")));
    assert!(item["preview_why"].as_str().unwrap().contains("apt-get install ffmpeg"), "{item}");
    let folder = tempfile::tempdir().unwrap();
    let draws = film_program(folder.path(), "draws");
    let confined = stage.installation.app.confined.clone().with_ffmpeg(Some(draws));
    let made = stage.installation.app.playback.make_previews(&confined).await.unwrap();
    assert_eq!((made.made, made.failed), (1, 0));
}

#[tokio::test]
async fn what_is_taken_back_out_of_the_bin_gets_its_pictures_then() {
    let stage = Stage::set(Installation::new().await).await;
    let screen = stage.colours(FIRST, None).await;
    stage.end(&screen).await;
    let path = format!("/api/v1/recordings/{}", screen.recording);
    stage.admin.post(&format!("{path}/delete"), json!({ "reason": "not needed" })).await.ok();
    assert_eq!(stage.make().await, (0, 0), "none of what is in the bin");
    // Longer ago than what is looked at anew each time.
    stage.installation.wait(Duration::from_secs(3 * 86_400));
    assert_eq!(stage.make().await, (0, 0));
    let admin = stage.installation.proven("admin").await;
    admin.post(&format!("{path}/restore"), json!({})).await.ok();
    stage.installation.wait(Duration::from_secs(3600));
    assert_eq!(stage.make().await, (1, 0));
    assert_eq!(status(&admin, &stage.address(&admin, &screen).await).await, StatusCode::OK);
}

#[tokio::test]
async fn a_picture_opens_in_its_own_place_and_lies_nowhere_in_clear() {
    let stage = Stage::set(Installation::new().await).await;
    let screen = stage.shown().await;
    let play = stage.play(&stage.admin, &screen).await;
    let urls: Vec<String> =
        play["previews"].as_array().unwrap().iter().map(|one| one["url"].as_str().unwrap().into()).collect();
    let jpeg = stage.admin.get(&urls[0]).await.bytes;
    let needle = &jpeg[jpeg.len() / 2..][..24.min(jpeg.len() / 2)];
    let mut files = vec![stage.installation.directory().to_owned()];
    let mut looked = 0;
    while let Some(path) = files.pop() {
        if path.is_dir() {
            files.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            continue;
        }
        looked += 1;
        let bytes = std::fs::read(&path).unwrap();
        let has = |wanted: &[u8]| bytes.windows(wanted.len()).any(|window| window == wanted);
        assert!(!has(b"\xff\xd8\xff\xe0\0\x10JFIF") && !has(needle), "{}", path.display());
    }
    assert!(looked > 2, "it looks where files are");

    // What stands in the place of another, or says that it is of another time of writing or another recording.
    let other = stage.colours(SECOND, None).await;
    stage.end(&other).await;
    stage.make().await;
    let swap = "UPDATE previews SET picture = (SELECT picture FROM previews o WHERE o.at_us = 20000000
                    AND o.cover = 0 AND o.recording_id = previews.recording_id) WHERE at_us = 10000000";
    stage.installation.execute(swap, Vec::new()).await;
    assert_eq!(status(&stage.admin, &urls[0]).await, StatusCode::OK);
    assert!(!status(&stage.admin, &urls[1]).await.is_success(), "one of another time");
    stage.installation.execute("UPDATE previews SET version = version + 1 WHERE at_us = 0", Vec::new()).await;
    assert!(!status(&stage.admin, &urls[0]).await.is_success(), "one of another version");
    let ids: Vec<RecordingId> = [&screen, &other].map(|screen| screen.recording.parse().unwrap()).to_vec();
    let sql = "UPDATE previews SET recording_id = $1 WHERE recording_id = $2 AND at_us = 20000000";
    stage.installation.execute("DELETE FROM previews WHERE at_us < 20000000", Vec::new()).await;
    let drop_own = "DELETE FROM previews WHERE recording_id = $1";
    stage.installation.execute(drop_own, vec![ids[0].into()]).await;
    stage.installation.execute(sql, vec![ids[0].into(), ids[1].into()]).await;
    let play = stage.play(&stage.admin, &screen).await;
    assert_eq!(play["previews"], json!([]), "one of another recording");
    assert!(!status(&stage.admin, &urls[2]).await.is_success());
}
