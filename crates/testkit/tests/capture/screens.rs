//! Screens: a browser that somebody enrolled records what they do, as far as they may be recorded, and everything that
//! came is kept and played.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use std::time::Duration;

use axum::http::StatusCode;
use clerestory_testkit::screen::{
    Chunk, NOTICE, Recorder, Screen, media, pictures, put_segment, record_screens, say, screen_start,
};
use clerestory_testkit::{Caller, Installation};
use serde_json::{Value, json};

pub(crate) const WRITER: &str = "0190a5e2-0000-7000-8000-0000000000a1";
pub(crate) const OTHER: &str = "0190a5e2-0000-7000-8000-0000000000a2";

pub(crate) struct Scene {
    pub(crate) installation: Installation,
    pub(crate) member: Caller,
    pub(crate) recorder: Recorder,
    pub(crate) now_ms: i64,
}

pub(crate) async fn scene() -> Scene {
    let installation = Installation::new().await;
    record_screens(&installation).await;
    let member = installation.person("member").await;
    let recorder = Recorder::enrol(&member, &installation.anonymous()).await;
    let now_ms = i64::try_from(installation.now().unix_millis()).unwrap();
    Scene { installation, member, recorder, now_ms }
}

impl Scene {
    pub(crate) async fn start(&self) -> Screen {
        self.recorder.start(self.now_ms, WRITER, None).await
    }

    /// What an administrator sees of a recording, in a play.
    pub(crate) async fn play(&self, recording: &str) -> (Caller, Value) {
        let admin = self.installation.person("admin").await;
        let play = admin.post(&format!("/api/v1/recordings/{recording}/plays"), json!({})).await.ok();
        (admin, play)
    }

    /// Lets the clock go on, and with it that of the browser.
    pub(crate) fn wait(&mut self, time: Duration) {
        self.installation.wait(time);
        self.now_ms = i64::try_from(self.installation.now().unix_millis()).unwrap();
    }
}

pub(crate) fn track<'p>(play: &'p Value, kind: &str) -> &'p Value {
    play["tracks"].as_array().unwrap().iter().find(|track| track["kind"] == kind).unwrap()
}

pub(crate) fn actions(now_ms: i64) -> Vec<u8> {
    json!([
        { "t": now_ms, "kind": "navigate", "tab": 1, "url": "https://work.example/list?q=canary", "title": "Orders" },
        { "t": now_ms + 500, "kind": "click", "target": { "role": "button", "name": "Save", "tag": "button" }, "x": 0.5, "y": 0.25 },
        { "t": now_ms + 900, "kind": "gap", "to": now_ms + 1500, "reason": "blocked" },
    ])
    .to_string()
    .into_bytes()
}

#[tokio::test]
async fn what_a_browser_records_is_kept_and_played() {
    let scene = scene().await;
    assert_eq!(
        scene.recorder.enrolled["person"]["name"],
        scene.member.get("/api/v1/session").await.ok()["person"]["name"]
    );
    let screen = scene.start().await;
    scene.installation.wait(Duration::from_secs(5));
    let first = screen.send_sealed("video", 0, &pictures(scene.now_ms, 10)).await.ok();
    assert_eq!((&first["acknowledged"], &first["repeated"]), (&json!(0), &json!(false)));
    screen.send("video", 1, pictures(scene.now_ms + 2000, 10)).await.ok();
    screen.send_sealed("actions", 0, &actions(scene.now_ms)).await.ok();
    screen.sender().post("/api/v1/capture/screens/end", json!({ "reason": "stopped" })).await.ok();
    let (admin, play) = scene.play(&screen.recording).await;
    assert_eq!(play["live"], false);
    let (video, list) = (track(&play, "video"), track(&play, "actions"));
    assert_eq!(video["segments"].as_array().unwrap().len(), 2);
    assert_eq!(video["segments"][1]["start_us"], 2_000_000);
    assert_eq!(list["gaps"][0]["reason"], "url_denied");
    let path = |track: &Value, sequence: u64| {
        let (play, track) = (play["id"].as_str().unwrap(), track["id"].as_str().unwrap());
        format!("/api/v1/plays/{play}/tracks/{track}/segments/{sequence}")
    };
    let shown = admin.get(&path(video, 0)).await;
    assert_eq!(shown.status, StatusCode::OK);
    assert!(shown.bytes.starts_with(&[0x1a, 0x45, 0xdf, 0xa3]), "WebM");
    let done = admin.get(&path(list, 0)).await.ok();
    assert_eq!((&done[0]["t"], &done[1]["t"], &done[2]["to"]), (&json!(0), &json!(500), &json!(1500)));
    assert_eq!(done[0]["url"], "https://work.example/list?q");
    let listed = admin.get("/api/v1/recordings").await.ok();
    let item =
        listed["items"].as_array().unwrap().iter().find(|item| item["id"] == screen.recording.as_str());
    let item = item.unwrap();
    assert_eq!(item["summary"]["title"], "Orders");
    assert_eq!(
        (&item["summary"]["url"], &item["summary"]["clicks"]),
        (&json!("https://work.example/list"), &json!(1))
    );
}

#[tokio::test]
async fn it_is_about_the_person_and_theirs_to_see() {
    let scene = scene().await;
    let screen = scene.start().await;
    scene.installation.wait(Duration::from_secs(1));
    screen.send("video", 0, pictures(scene.now_ms, 5)).await.ok();
    screen.sender().post("/api/v1/capture/screens/end", json!({ "reason": "stopped" })).await.ok();
    let (admin, play) = scene.play(&screen.recording).await;
    let ranges = format!("/api/v1/plays/{}/ranges", play["id"].as_str().unwrap());
    admin.post(&ranges, json!({ "from_us": 0, "to_us": 500_000 })).await.ok();
    let mine = scene.member.get("/api/v1/my/data").await.ok();
    let text = mine.to_string();
    assert!(text.contains(&screen.recording), "{text}");
    let own = scene.member.get(&format!("/api/v1/recordings/{}", screen.recording)).await.ok();
    assert_eq!(own["viewers"][0]["ranges"][0]["to_us"], 500_000);
    // The log tells of one start, as the recorder's, about the person.
    let log = admin.get("/api/v1/audit?action=capture.start").await.ok();
    let [entry] = log["items"].as_array().unwrap().as_slice() else { panic!("{log}") };
    assert_eq!(
        (&entry["actor"]["kind"], &entry["actor"]["id"]),
        (&json!("recorder"), &json!(scene.recorder.id))
    );
    assert!(entry["detail"].as_str().unwrap().contains(&screen.recording), "{entry}");
}

#[tokio::test]
async fn nobody_is_recorded_before_it_is_on_and_the_notice_was_shown() {
    let installation = Installation::new().await;
    let member = installation.person("member").await;
    let recorder = Recorder::enrol(&member, &installation.anonymous()).await;
    let now_ms = i64::try_from(installation.now().unix_millis()).unwrap();
    let start = async |notice: Value| {
        let mut asked = screen_start(now_ms, WRITER, None);
        asked["notice"] = notice;
        recorder.sender().post("/api/v1/capture/screens/start", asked).await
    };
    let off = start(json!(NOTICE)).await;
    assert_eq!((off.status, off.problem()), (StatusCode::FORBIDDEN, "capture-off"));
    say(&installation, "capture.recording.enabled", json!(true)).await;
    let none = start(json!(NOTICE)).await;
    assert_eq!((none.status, none.problem()), (StatusCode::CONFLICT, "notice-needed"));
    say(&installation, "capture.notice.version", json!(NOTICE)).await;
    for other in [json!(null), json!("2025-9")] {
        assert_eq!(start(other).await.problem(), "notice-needed");
    }
    start(json!(NOTICE)).await.ok();
    let admin = installation.person("admin").await;
    let log = admin.get("/api/v1/audit?action=capture.start&outcome=refused").await.ok();
    let mut rules: Vec<&str> =
        log["items"].as_array().unwrap().iter().map(|entry| entry["rule"].as_str().unwrap()).collect();
    rules.sort_unstable();
    rules.dedup();
    assert_eq!(rules, ["recording is off for this person", "the notice in force is to be shown first"]);
}

#[tokio::test]
async fn the_policy_is_signed_and_says_what_settings_say_for_the_person() {
    let scene = scene().await;
    say(&scene.installation, "capture.url.patterns", json!(["*.secret.example"])).await;
    say(&scene.installation, "capture.subject_pause", json!("free")).await;
    let signed = scene.recorder.sender().get("/api/v1/capture/screens/policy").await.ok();
    use base64::Engine;
    let decode = |field: &str| {
        base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(signed[field].as_str().unwrap()).unwrap()
    };
    let (document, signature, key) = (decode("document"), decode("signature"), decode("key"));
    assert_eq!(signed["key"], scene.recorder.enrolled["policy_public_key"]);
    assert!(clerestory_seal::verify_p256(&key, &document, &signature));
    let policy: Value = serde_json::from_slice(&document).unwrap();
    assert_eq!(policy["format"], "clerestory screen policy 1");
    assert_eq!(
        (&policy["recording"], &policy["audio"], &policy["pause"]),
        (&json!(true), &json!(false), &json!("free"))
    );
    let patterns = policy["urls"]["patterns"].as_array().unwrap();
    assert!(patterns.contains(&json!("*.secret.example")) && patterns.contains(&json!("mail.google.com")));
    assert_eq!((&policy["notice"]["version"], &policy["kept_days"]), (&json!(NOTICE), &json!(90)));
    assert_eq!(policy["version"], signed["version"]);
    say(&scene.installation, "capture.url.mode", json!("allow")).await;
    let after = scene.recorder.sender().get("/api/v1/capture/screens/policy").await.ok();
    assert!(after["version"].as_u64().unwrap() > signed["version"].as_u64().unwrap());
}

#[tokio::test]
async fn a_segment_that_comes_again_is_the_same_and_another_is_not_taken() {
    let scene = scene().await;
    let screen = scene.start().await;
    let body = pictures(scene.now_ms, 3);
    let receipt = screen.send("video", 0, body.clone()).await.ok();
    assert_eq!(receipt["sha256"], hex::encode(clerestory_seal::sha256(&body)));
    let again = screen.send("video", 0, body.clone()).await.ok();
    assert_eq!((&again["repeated"], &again["sha256"]), (&json!(true), &receipt["sha256"]));
    assert_eq!(screen.send("video", 0, pictures(scene.now_ms, 4)).await.problem(), "sequence-taken");
    // Sealed another time the bytes are others, and what they hold is the same.
    let sealed = screen.send_sealed("video", 0, &body).await.ok();
    assert_eq!(sealed["repeated"], true);
    assert_ne!(sealed["sha256"], receipt["sha256"]);
    let sender = screen.sender().with("content-type", "application/vnd.clerestory.media");
    let digest =
        sender.clone().with("content-digest", "sha-256=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:");
    let wrong = digest.send("PUT", "/api/v1/capture/screens/segments/video/1", body.clone()).await;
    assert_eq!((wrong.status, wrong.problem()), (StatusCode::REQUEST_TIMEOUT, "digest-mismatch"));
    let none = sender.send("PUT", "/api/v1/capture/screens/segments/video/1", body).await;
    assert_eq!(none.problem(), "malformed");
}

#[tokio::test]
async fn what_is_no_segment_is_refused_and_the_next_is_taken() {
    let scene = scene().await;
    let screen = scene.start().await;
    let good = pictures(scene.now_ms, 3);
    let head = json!({ "codec": "vp8", "width": 640, "height": 360, "gaps": [] });
    let chunk =
        |at_us: i64, duration_us: u32, key: bool| Chunk { at_us, duration_us, key, bytes: vec![1; 8] };
    let at = scene.now_ms * 1000;
    let mut longer = good.clone();
    longer.push(0);
    for (what, body) in [
        ("not a video", b"GIF89a not a video at all".to_vec()),
        ("nothing", Vec::new()),
        ("truncated", good[..good.len() - 1].to_vec()),
        ("cut in its head", good[..20].to_vec()),
        ("with more behind it", longer),
        ("sound", media(2, &json!({ "codec": "opus", "sample_rate": 48000, "channels": 1 }), &[])),
        (
            "an unknown codec",
            media(1, &json!({ "codec": "hvc1", "width": 1, "height": 1 }), &[chunk(at, 1, true)]),
        ),
        (
            "a bomb of a size",
            media(1, &json!({ "codec": "vp8", "width": 99_999, "height": 1 }), &[chunk(at, 1, true)]),
        ),
        ("no key", media(1, &head, &[chunk(at, 1, false)])),
        ("duplicated", media(1, &head, &[chunk(at, 1, true), chunk(at, 1, false)])),
        ("reordered", media(1, &head, &[chunk(at + 9, 1, true), chunk(at, 1, false)])),
        ("too long", media(1, &head, &[chunk(at, 11_000_000, true)])),
        ("empty without a gap", media(1, &head, &[])),
    ] {
        let answer = screen.send("video", 0, body.clone()).await;
        assert_eq!(
            (answer.status, answer.problem()),
            (StatusCode::UNPROCESSABLE_ENTITY, "segment-malformed"),
            "{what}"
        );
        let sealed = screen.send_sealed("video", 0, &body).await;
        assert_eq!(sealed.problem(), "segment-malformed", "{what}, sealed");
    }
    screen.send("video", 1, good).await.ok();
    assert_eq!(screen.send("actions", 0, b"[]".to_vec()).await.problem(), "segment-malformed");
    screen.send("actions", 1, actions(scene.now_ms)).await.ok();
    let sound = media(
        2,
        &json!({ "codec": "opus", "sample_rate": 48000, "channels": 1 }),
        &[chunk(at, 20_000, true)],
    );
    assert_eq!(screen.send("audio", 0, sound).await.status, StatusCode::GONE, "no sound is recorded here");
    assert_eq!(screen.send("slides", 0, Vec::new()).await.status, StatusCode::NOT_FOUND);
    let large = vec![0; 16 * 1024 * 1024 + 1];
    assert_eq!(screen.send("video", 2, large).await.status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn nothing_done_on_a_page_that_is_kept_out_is_kept() {
    let scene = scene().await;
    say(&scene.installation, "capture.url.patterns", json!(["secret.example"])).await;
    let screen = scene.start().await;
    let list = json!([
        { "t": scene.now_ms, "kind": "navigate", "tab": 1, "url": "https://secret.example/canary", "title": "canary" },
        { "t": scene.now_ms + 1, "kind": "copy", "length": 9 },
        { "t": scene.now_ms + 2, "kind": "navigate", "tab": 1, "url": "https://work.example/", "title": "Work" },
    ]);
    screen.send("actions", 0, list.to_string().into_bytes()).await.ok();
    screen.sender().post("/api/v1/capture/screens/end", json!({ "reason": "stopped" })).await.ok();
    let (admin, play) = scene.play(&screen.recording).await;
    let (id, track) = (play["id"].as_str().unwrap(), screen.track("actions"));
    let done = admin.get(&format!("/api/v1/plays/{id}/tracks/{track}/segments/0")).await.ok();
    assert_eq!(done.as_array().unwrap().len(), 1);
    assert!(!done.to_string().contains("canary"), "{done}");
}

#[tokio::test]
async fn a_run_after_a_crash_goes_on_in_the_same_recording_with_tracks_of_its_own() {
    let mut scene = scene().await;
    let first = scene.start().await;
    first.send("video", 0, pictures(scene.now_ms, 5)).await.ok();
    scene.wait(Duration::from_secs(3600));
    let second = scene.recorder.start(scene.now_ms, OTHER, Some(&first.token)).await;
    assert_eq!((&second.recording, &second.started["continued"]), (&first.recording, &json!(true)));
    assert_ne!(second.track("video"), first.track("video"));
    second.send("video", 0, pictures(scene.now_ms, 5)).await.ok();
    // What the first run had left in its spool comes late, and is taken.
    let late = first.send_sealed("video", 1, &pictures(scene.now_ms - 3_590_000, 5)).await.ok();
    assert_eq!(late["acknowledged"], 1);
    assert_eq!(first.send("video", 2, pictures(scene.now_ms, 1)).await.status, StatusCode::UNAUTHORIZED);
    let same = scene.recorder.start(scene.now_ms, OTHER, Some(&second.token)).await;
    assert_eq!(same.started["tracks"]["video"]["next_sequence"], 1);
    scene.wait(Duration::from_secs(24 * 3600 + 1));
    let closed = scene.installation.app.intake.close_silent().await.unwrap();
    assert_eq!(closed.len(), 1);
    let new = scene.recorder.start(scene.now_ms, OTHER, Some(&second.token)).await;
    assert_ne!(new.recording, first.recording);
}

#[tokio::test]
async fn a_recorder_ends_with_its_person() {
    let scene = scene().await;
    let screen = scene.start().await;
    screen.send("video", 0, pictures(scene.now_ms, 1)).await.ok();
    let admin = scene.installation.proven("admin").await;
    let listed = admin.get("/api/v1/recorders").await.ok();
    assert_eq!(listed["items"][0]["label"], "Laptop in Brackenside");
    let person = listed["items"][0]["person"]["id"].as_str().unwrap().to_owned();
    let sends = async |sequence: u64| screen.send("video", sequence, pictures(scene.now_ms, 1)).await;
    let ends = scene.installation.now().plus(Duration::from_secs(60)).to_string();
    let asked = json!({ "ends_at": ends, "reason": "a leak" });
    admin.post(&format!("/api/v1/people/{person}/blocks"), asked).await.ok();
    let kept_out = sends(1).await;
    assert_eq!((kept_out.status, kept_out.problem()), (StatusCode::FORBIDDEN, "blocked"));
    assert_eq!(scene.recorder.sender().get("/api/v1/capture/screens/policy").await.problem(), "blocked");
    scene.installation.wait(Duration::from_secs(61));
    sends(1).await.ok();
    admin.delete(&format!("/api/v1/people/{person}")).await.ok();
    assert_eq!(sends(2).await.problem(), "recorder-ended");
    admin.post(&format!("/api/v1/people/{person}/restore"), json!({})).await.ok();
    assert_eq!(sends(2).await.problem(), "recorder-ended", "it is enrolled anew");
    assert_eq!(scene.installation.app.replay_authority().await.unwrap(), []);
}

#[tokio::test]
async fn a_code_works_once_and_a_recorder_that_is_ended_sends_no_more() {
    let scene = scene().await;
    let nobody = scene.installation.anonymous();
    let enrol = async |code: &Value| {
        nobody.post("/api/v1/capture/recorders", json!({ "code": code, "label": "Desk" })).await
    };
    let code = scene.member.post("/api/v1/recorders/codes", json!({})).await.ok();
    assert!(
        code["link"].as_str().unwrap().ends_with(&format!("/enrol#code={}", code["code"].as_str().unwrap()))
    );
    enrol(&code["code"]).await.ok();
    assert_eq!(enrol(&code["code"]).await.problem(), "code-refused");
    let replaced = scene.member.post("/api/v1/recorders/codes", json!({})).await.ok();
    let late = scene.member.post("/api/v1/recorders/codes", json!({})).await.ok();
    assert_eq!(enrol(&replaced["code"]).await.problem(), "code-refused");
    scene.installation.wait(Duration::from_secs(601));
    assert_eq!(enrol(&late["code"]).await.problem(), "code-refused");
    assert_eq!(enrol(&json!("cre_AAAAAAAAAAAAAAAAAAAAAA")).await.problem(), "code-refused");
    let screen = scene.recorder.start(scene.now_ms, WRITER, None).await;
    let other = scene.installation.person("manager").await;
    let path = format!("/api/v1/recorders/{}", scene.recorder.id);
    assert_eq!(other.delete(&path).await.status, StatusCode::NOT_FOUND);
    scene.member.delete(&path).await.ok();
    assert_eq!(screen.send("video", 0, pictures(scene.now_ms, 1)).await.problem(), "recorder-ended");
    assert_eq!(
        scene.recorder.sender().get("/api/v1/capture/screens/policy").await.problem(),
        "recorder-ended"
    );
}

#[tokio::test]
async fn a_code_is_not_spent_while_the_key_of_the_rules_cannot_be_had() {
    let scene = scene().await;
    let key = scene.installation.rows("SELECT signing_key FROM capture_signers", vec![]).await;
    let key: Vec<u8> = key[0].get(0).unwrap();
    // What was opened is kept for an hour.
    scene.installation.wait(Duration::from_secs(3700));
    let code = scene.member.post("/api/v1/recorders/codes", json!({})).await.ok()["code"].clone();
    let nobody = scene.installation.anonymous();
    let asked = json!({ "code": code, "label": "Desk" });
    let enrol = || nobody.post("/api/v1/capture/recorders", asked.clone());
    let damaged = "UPDATE capture_signers SET signing_key = $1";
    scene.installation.execute(damaged, vec![b"no key".to_vec().into()]).await;
    assert!(enrol().await.status.is_server_error());
    let admin = scene.installation.person("admin").await;
    let count = async || admin.get("/api/v1/recorders").await.ok()["items"].as_array().unwrap().len();
    assert_eq!(count().await, 1, "nobody has a browser that nobody can use");
    scene.installation.execute(damaged, vec![key.into()]).await;
    enrol().await.ok();
    assert_eq!(count().await, 2);
}

#[tokio::test]
async fn the_token_of_one_is_no_token_of_another() {
    let scene = scene().await;
    let screen = scene.start().await;
    let manager = scene.installation.person("manager").await;
    let theirs = Recorder::enrol(&manager, &scene.installation.anonymous()).await;
    // A recording is gone on with by the browser that began it.
    let began = theirs.start(scene.now_ms, OTHER, Some(&screen.token)).await;
    assert_ne!(began.recording, screen.recording);
    let sent = put_segment(
        theirs
            .sender()
            .with("content-type", "application/vnd.clerestory.media")
            .with("clerestory-policy", "1"),
        "video",
        0,
        pictures(scene.now_ms, 1),
    );
    assert_eq!(sent.await.problem(), "token-invalid");
    let as_site = scene.installation.recorder("https://shop.example");
    let as_site =
        as_site.with("authorization", format!("Bearer {}", screen.token)).with("clerestory-policy", "1");
    let put = as_site
        .with("content-type", "application/json")
        .send("PUT", "/api/v1/capture/segments/0", "[]")
        .await;
    assert_eq!(put.problem(), "token-invalid");
}

#[tokio::test]
async fn whose_screen_it_is_sees_who_watches_and_only_those_may_who_are_let() {
    let scene = scene().await;
    let screen = scene.start().await;
    screen.send("video", 0, pictures(scene.now_ms, 5)).await.ok();
    let admin = scene.installation.proven("admin").await;
    let path = format!("/api/v1/recordings/{}/plays", screen.recording);
    let refused = admin.post(&path, json!({ "follow": true })).await;
    assert_eq!((refused.status, refused.problem()), (StatusCode::FORBIDDEN, "live-view-off"));
    let log = admin.get("/api/v1/audit?action=recording.follow&outcome=failed").await.ok();
    assert_eq!(log["items"].as_array().unwrap().len(), 1, "{log}");
    say(&scene.installation, "capture.recording.live_view", json!("admin")).await;
    let play = admin.post(&path, json!({ "follow": true })).await.ok();
    let watching = async || screen.sender().get("/api/v1/capture/screens/watching").await.ok();
    let seen = watching().await;
    let name = &admin.get("/api/v1/session").await.ok()["person"]["name"];
    assert_eq!((&seen["watching"][0]["name"], &seen["policy_version"]), (name, &json!(screen.policy + 1)));
    let own = scene.member.post(&path, json!({ "follow": true })).await.ok();
    assert_eq!(watching().await["watching"].as_array().unwrap().len(), 1, "not themselves");
    scene.member.delete(&format!("/api/v1/plays/{}", own["id"].as_str().unwrap())).await.ok();
    say(&scene.installation, "capture.recording.live_view", json!("self")).await;
    let (id, track) = (play["id"].as_str().unwrap(), screen.track("video"));
    let cut = admin.get(&format!("/api/v1/plays/{id}/tracks/{track}/segments/0")).await;
    assert_eq!(cut.problem(), "play-ended");
    // Whoever has it open is seen, whether or not they say that they look.
    scene.installation.wait(Duration::from_secs(80));
    assert_eq!(watching().await["watching"][0]["name"], *name);
    admin.delete(&format!("/api/v1/plays/{id}")).await.ok();
    assert_eq!(watching().await["watching"], json!([]));
}

#[tokio::test]
async fn what_is_taken_back_is_erased_and_stays_to_be_seen_as_a_gap() {
    let scene = scene().await;
    let screen = scene.start().await;
    scene.installation.wait(Duration::from_secs(8));
    for sequence in 0..4 {
        let at = scene.now_ms + 2000 * i64::try_from(sequence).unwrap();
        screen.send("video", sequence, pictures(at, 10)).await.ok();
    }
    let asked = json!({ "from_ms": scene.now_ms + 4001, "to_ms": scene.now_ms + 8000 });
    let taken = screen.sender().post("/api/v1/capture/screens/discard", asked).await;
    assert_eq!(taken.status, StatusCode::ACCEPTED, "{}", taken.json);
    scene.installation.carry_erasures_on().await;
    screen.sender().post("/api/v1/capture/screens/end", json!({ "reason": "stopped" })).await.ok();
    let (admin, play) = scene.play(&screen.recording).await;
    let video = track(&play, "video");
    let numbers: Vec<u64> =
        video["segments"].as_array().unwrap().iter().map(|one| one["sequence"].as_u64().unwrap()).collect();
    assert_eq!(numbers, [0, 1]);
    let gaps = video["gaps"].as_array().unwrap();
    assert!(gaps.iter().any(|gap| gap["reason"] == "discarded" && gap["from_us"] == 4_001_000), "{video}");
    let id = play["id"].as_str().unwrap();
    let path =
        |sequence: u64| format!("/api/v1/plays/{id}/tracks/{}/segments/{sequence}", screen.track("video"));
    assert_eq!(admin.get(&path(1)).await.status, StatusCode::OK, "what stays is sealed anew and plays");
    assert_eq!(admin.get(&path(2)).await.status, StatusCode::GONE);
    let late = screen.send("video", 2, pictures(scene.now_ms + 4000, 10)).await;
    assert_eq!((late.status, late.problem()), (StatusCode::UNPROCESSABLE_ENTITY, "segment-taken-back"));
    // What was never sent of that time comes no more either, and what comes after it does.
    assert_eq!(
        screen.send("video", 4, pictures(scene.now_ms + 5000, 5)).await.problem(),
        "segment-taken-back"
    );
    scene.installation.wait(Duration::from_secs(4));
    screen.send("video", 5, pictures(scene.now_ms + 9000, 5)).await.ok();
}

#[tokio::test]
async fn what_settles_is_carried_as_it_is_and_plays_as_before() {
    let scene = scene().await;
    let screen = scene.start().await;
    scene.installation.wait(Duration::from_secs(8));
    for sequence in 0..4 {
        let at = scene.now_ms + 2000 * i64::try_from(sequence).unwrap();
        screen.send_sealed("video", sequence, &pictures(at, 10)).await.ok();
        screen.send_sealed("actions", sequence, &actions(at)).await.ok();
    }
    screen.sender().post("/api/v1/capture/screens/end", json!({ "reason": "stopped" })).await.ok();
    let (admin, play) = scene.play(&screen.recording).await;
    let id = play["id"].as_str().unwrap();
    let shown = async || {
        let mut all = Vec::new();
        for kind in ["video", "actions"] {
            for sequence in 0..4 {
                let track = screen.track(kind);
                let answer =
                    admin.get(&format!("/api/v1/plays/{id}/tracks/{track}/segments/{sequence}")).await;
                assert_eq!(answer.status, StatusCode::OK, "{kind} {sequence}");
                all.push(answer.bytes);
            }
        }
        all
    };
    let before = shown().await;
    let rows = "SELECT 1 FROM segments";
    assert_eq!(scene.installation.rows(rows, Vec::new()).await.len(), 8);
    scene.installation.app.settle_now().await.unwrap();
    assert_eq!(scene.installation.rows(rows, Vec::new()).await.len(), 0);
    assert_eq!(shown().await, before);
    let again = screen.send_sealed("video", 1, &pictures(scene.now_ms + 2000, 10)).await.ok();
    assert_eq!(again["repeated"], true, "{again}");
}
