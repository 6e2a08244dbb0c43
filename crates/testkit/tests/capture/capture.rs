//! Stories of a segment on its way in, and of everything that must not get in.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use clerestory_testkit::visit::{Visit, gzip, movement, snapshot};
use clerestory_testkit::{Answer, Caller, Installation};
use futures_util::StreamExt;
use serde_json::{Value, json};

const ORIGIN: &str = "https://shop.example";

struct Scene {
    installation: Installation,
    admin: Caller,
    site: Value,
    visit: Visit,
    now_ms: i64,
}

async fn scene() -> Scene {
    // The same stories, where objects lie in a bucket, or every segment is settled at once.
    let installation = match module_path!().rsplit("::").next() {
        Some("capture_on_bucket") => Installation::on_bucket().await,
        Some("capture_settled") => Installation::new().await.settling(),
        Some("capture_settled_on_bucket") => Installation::on_bucket().await.settling(),
        _ => Installation::new().await,
    };
    let admin = installation.person("admin").await;
    let site = installation.site(&admin).await;
    let now_ms = installation.now().unix_millis() as i64;
    let visit = Visit::start(installation.recorder(ORIGIN), site["site_key"].as_str().unwrap(), now_ms).await;
    Scene { installation, admin, site, visit, now_ms }
}

impl Scene {
    async fn first_segment(&self) -> Answer {
        self.visit.send(0, &snapshot(self.now_ms, 3, "canary-text")).await
    }

    async fn play(&self) -> Value {
        let path = format!("/api/v1/recordings/{}/plays", self.visit.recording);
        self.admin.post(&path, json!({ "reason": "a test" })).await.ok()
    }

    async fn segment(&self, play: &Value, sequence: u64) -> Answer {
        let (play, track) = (play["id"].as_str().unwrap(), &self.visit.track);
        self.admin.get(&format!("/api/v1/plays/{play}/tracks/{track}/segments/{sequence}")).await
    }

    fn site_key(&self) -> &str {
        self.site["site_key"].as_str().unwrap()
    }

    async fn stored_segments(&self) -> u64 {
        let read = self.admin.get(&format!("/api/v1/recordings/{}", self.visit.recording)).await.ok();
        read["segments"].as_u64().unwrap()
    }
}

#[tokio::test]
async fn a_segment_is_acknowledged_listed_and_played_with_its_text_masked() {
    let scene = scene().await;
    let answer = scene.first_segment().await.ok();
    assert_eq!(answer["acknowledged"], 0);
    let list = scene.admin.get("/api/v1/recordings").await.ok();
    assert_eq!(list["items"][0]["id"], json!(scene.visit.recording));
    assert_eq!(list["items"][0]["summary"]["url"], "https://shop.example/");
    let play = scene.play().await;
    let events = scene.segment(&play, 0).await.ok();
    assert_eq!(events.as_array().unwrap().len(), 2);
    assert!(!events.to_string().contains("canary-text"), "the server checks the policy again");
    assert!(events.to_string().contains("•••••"));
}

#[tokio::test]
async fn the_same_segment_twice_is_one_and_another_under_its_number_is_refused() {
    let scene = scene().await;
    scene.first_segment().await.ok();
    let again = scene.first_segment().await.ok();
    assert_eq!(again["repeated"], true);
    let other = scene.visit.send(0, &snapshot(scene.now_ms, 4, "other")).await;
    assert_eq!((other.status, other.problem()), (StatusCode::CONFLICT, "sequence-taken"));
    assert!(other.json["detail"].as_str().unwrap().contains("SHA-256"));
    assert_eq!(scene.stored_segments().await, 1);
}

#[tokio::test]
async fn segments_out_of_order_are_taken_and_a_lost_number_is_a_gap() {
    let scene = scene().await;
    scene.visit.send(3, &movement(scene.now_ms + 9000)).await.ok();
    scene.visit.send(0, &snapshot(scene.now_ms, 2, "x")).await.ok();
    let read = scene.admin.get(&format!("/api/v1/recordings/{}", scene.visit.recording)).await.ok();
    let gaps = read["tracks"][0]["gaps"].as_array().unwrap();
    assert_eq!((gaps.len(), &gaps[0]["reason"]), (1, &json!("missing")));
}

#[tokio::test]
async fn wrong_origins_and_tokens_get_nothing_in() {
    let scene = scene().await;
    let events = gzip(snapshot(scene.now_ms, 1, "x").to_string().as_bytes());
    let path = "/api/v1/capture/segments/0";
    let send = |caller: Caller| {
        let events = events.clone();
        async move { caller.with("content-encoding", "gzip").send("PUT", path, events).await }
    };
    let elsewhere = send(scene.visit.sender().with("origin", "https://evil.example")).await;
    assert_eq!((elsewhere.status, elsewhere.problem()), (StatusCode::FORBIDDEN, "origin-not-allowed"));
    let nowhere = send(scene.visit.sender().without("origin")).await;
    assert_eq!(nowhere.problem(), "origin-not-allowed");
    for (at, replacement) in [(10, 'A'), (60, '_'), (scene.visit.token.len() - 1, 'q')] {
        let mut token: Vec<char> = scene.visit.token.chars().collect();
        token[at] = if token[at] == replacement { 'B' } else { replacement };
        let token: String = token.into_iter().collect();
        let altered = send(scene.visit.sender().with("authorization", format!("Bearer {token}"))).await;
        assert_eq!((altered.status, altered.problem()), (StatusCode::UNAUTHORIZED, "token-invalid"));
    }
    scene.installation.wait(Duration::from_secs(16 * 60));
    let late = send(scene.visit.sender()).await;
    assert_eq!((late.status, late.problem()), (StatusCode::UNAUTHORIZED, "token-expired"));
    assert_eq!(scene.stored_segments().await, 0);
}

#[tokio::test]
async fn a_start_from_an_unlisted_origin_is_refused_and_on_record() {
    let scene = scene().await;
    let recorder = scene.installation.recorder("https://evil.example");
    let asked = json!({ "site_key": scene.site_key(), "writer": "0190a5e2-0000-7000-8000-000000000009",
        "resume": null, "client_time_ms": scene.now_ms });
    let answer = recorder.post("/api/v1/capture/start", asked).await;
    assert_eq!((answer.status, answer.problem()), (StatusCode::FORBIDDEN, "origin-not-allowed"));
    let audit = scene.admin.get("/api/v1/audit?action=capture.start&outcome=refused").await.ok();
    assert_eq!(audit["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn many_denials_of_nobody_known_are_one_entry_and_a_count_for_each_minute() {
    let scene = scene().await;
    let recorder = scene.installation.recorder("https://evil.example");
    let asked = json!({ "site_key": scene.site_key(), "writer": "0190a5e2-0000-7000-8000-000000000009",
        "resume": null, "client_time_ms": scene.now_ms });
    let (app, clock) = (&scene.installation.app, &scene.installation);
    let told =
        async |ending| app.access.audit().write_denials(&app.database, clock.now(), ending).await.unwrap();
    let refusals = async || {
        let audit = scene.admin.get("/api/v1/audit?action=capture.start&outcome=refused").await.ok();
        let items = audit["items"].as_array().unwrap().clone();
        items.iter().map(|item| item["rule"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    for _ in 0..5 {
        let answer = recorder.post("/api/v1/capture/start", asked.clone()).await;
        assert_eq!(answer.problem(), "origin-not-allowed");
    }
    let rule = "origin not listed for the site";
    assert_eq!(refusals().await, [rule]);
    assert_eq!(told(false).await, 0, "the minute is not over");
    clock.wait(std::time::Duration::from_secs(61));
    assert_eq!(told(false).await, 1);
    let found = refusals().await;
    assert_eq!(found.len(), 2);
    assert!(found[0].starts_with(&format!("{rule}; 4 more since 20")), "{found:?}");
    // The next is the first of its minute again; one alone has no count.
    recorder.post("/api/v1/capture/start", asked).await;
    assert_eq!(refusals().await.len(), 3);
    assert_eq!(told(true).await, 0);
    // Addresses that nobody has are counted in the log of the installation.
    let nobody = scene.installation.anonymous();
    for who in ["a", "b", "c"] {
        let asked = json!({ "email": format!("{who}@nowhere.example"), "password": "not the one at all" });
        assert_eq!(nobody.post("/api/v1/session", asked).await.problem(), "sign-in-refused");
    }
    assert_eq!(told(true).await, 1, "what is counted is told when the process ends");
}

/// A token outlives what its recording belongs to; what it then sends is refused, and the first refusal is on record.
#[tokio::test]
async fn a_segment_for_what_is_not_the_sites_any_more_is_refused_and_on_record() {
    let scene = scene().await;
    let database = &scene.installation.app.database;
    let moved: Result<u64, clerestory_sql::SqlError> = database
        .write(clerestory_sql::Lane::Interactive, |tx| {
            Box::pin(async move { tx.execute("UPDATE recordings SET site_id = NULL", &[]).await })
        })
        .await;
    assert_eq!(moved.unwrap(), 1);
    for _ in 0..3 {
        let refused = scene.visit.send(0, &snapshot(scene.now_ms, 1, "x")).await;
        assert_eq!(refused.status, StatusCode::NOT_FOUND, "{}", refused.json);
    }
    let audit = scene.admin.get("/api/v1/audit?action=capture.upload&outcome=refused").await.ok();
    let [told] = audit["items"].as_array().unwrap().as_slice() else { panic!("{audit}") };
    assert_eq!(
        (&told["rule"], &told["actor"]["kind"]),
        (&json!("matrix capture.upload site no such object"), &json!("site"))
    );
}

#[tokio::test]
async fn malformed_segments_are_refused_by_name_and_change_nothing() {
    let scene = scene().await;
    let good = snapshot(scene.now_ms, 1, "x");
    let mut unknown_field = good.clone();
    unknown_field[0]["data"]["surprise"] = json!(1);
    let mut cyclic = good.clone();
    cyclic[1]["data"]["node"]["childNodes"][1]["id"] = json!(1);
    for (name, body) in [
        ("unknown field", unknown_field.to_string()),
        ("an id twice", cyclic.to_string()),
        ("not an array", "{}".to_owned()),
        ("empty", "[]".to_owned()),
        ("cut", good.to_string()[..40].to_owned()),
        ("deep", format!("[{}", "[".repeat(100_000))),
        ("not JSON", "\u{0}\u{1}".to_owned()),
    ] {
        let answer = scene.visit.sender().send("PUT", "/api/v1/capture/segments/0", body).await;
        assert_eq!(
            (answer.status, answer.problem()),
            (StatusCode::UNPROCESSABLE_ENTITY, "segment-malformed"),
            "{name}"
        );
        assert!(!answer.json["what_to_do"].as_str().unwrap().is_empty(), "{name}");
    }
    assert_eq!(scene.stored_segments().await, 0);
}

#[tokio::test]
async fn a_body_that_stops_coming_or_breaks_off_is_let_go_and_kept_by_its_sender() {
    let scene = scene().await;
    let first = || futures_util::stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(b"[{\"type\":"))]);
    let put = async |body: Body| scene.visit.sender().send("PUT", "/api/v1/capture/segments/0", body).await;
    let broken = first().chain(futures_util::stream::iter([Err(std::io::Error::other("cut"))]));
    let broken = put(Body::from_stream(broken)).await;
    assert_eq!((broken.status, broken.problem()), (StatusCode::REQUEST_TIMEOUT, "too-slow"));
    // Time stands still until everybody waits, and then goes to what is waited for.
    tokio::time::pause();
    let stopped = put(Body::from_stream(first().chain(futures_util::stream::pending()))).await;
    tokio::time::resume();
    assert_eq!((stopped.status, stopped.problem()), (StatusCode::REQUEST_TIMEOUT, "too-slow"));
    assert_eq!(scene.stored_segments().await, 0);
    assert_eq!(scene.first_segment().await.ok()["acknowledged"], 0, "the same number is taken afterwards");
}

#[tokio::test]
async fn bombs_and_bad_packing_are_refused() {
    let scene = scene().await;
    let gzipped = |bytes: Vec<u8>| {
        let sender = scene.visit.sender().with("content-encoding", "gzip");
        async move { sender.send("PUT", "/api/v1/capture/segments/0", bytes).await }
    };
    let bomb = gzipped(gzip(&vec![b' '; 12 * 1024 * 1024])).await;
    assert_eq!((bomb.status, bomb.problem()), (StatusCode::PAYLOAD_TOO_LARGE, "segment-too-large"));
    let mut cut = gzip(snapshot(scene.now_ms, 50, "x").to_string().as_bytes());
    cut.truncate(cut.len() / 2);
    assert_eq!(gzipped(cut).await.problem(), "segment-malformed");
    let mut trailing = gzip(snapshot(scene.now_ms, 5, "x").to_string().as_bytes());
    trailing.extend_from_slice(b"more");
    assert_eq!(gzipped(trailing).await.problem(), "segment-malformed");
    let large = scene.visit.sender().send("PUT", "/api/v1/capture/segments/0", vec![b' '; 17 << 20]).await;
    assert_eq!(large.status, StatusCode::PAYLOAD_TOO_LARGE);
    // What only says that it is large gets no room, or a few such would keep everybody else out.
    let boasting = scene.visit.sender().with("content-length", (1_u64 << 30).to_string());
    let boasting = boasting.send("PUT", "/api/v1/capture/segments/0", "[]".to_owned()).await;
    assert_eq!((boasting.status, boasting.problem()), (StatusCode::PAYLOAD_TOO_LARGE, "segment-too-large"));
    assert_eq!(scene.stored_segments().await, 0);
}

#[tokio::test]
async fn strange_headers_are_refused_by_name() {
    let scene = scene().await;
    let body = snapshot(scene.now_ms, 1, "x").to_string();
    let put = |caller: Caller| {
        let body = body.clone();
        async move { caller.send("PUT", "/api/v1/capture/segments/0", body).await }
    };
    let no_policy = put(scene.visit.sender().without("clerestory-policy")).await;
    assert_eq!((no_policy.status, no_policy.problem()), (StatusCode::UNPROCESSABLE_ENTITY, "malformed"));
    let future = put(scene.visit.sender().with("clerestory-policy", "9")).await;
    assert_eq!((future.status, future.problem()), (StatusCode::CONFLICT, "policy-outdated"));
    assert_eq!(put(scene.visit.sender().with("content-type", "text/plain")).await.problem(), "malformed");
    assert_eq!(put(scene.visit.sender().with("content-encoding", "br")).await.problem(), "malformed");
    let spool = scene.visit.sender().with("content-type", "application/vnd.clerestory.spool");
    assert_eq!(put(spool).await.problem(), "malformed");
}

#[tokio::test]
async fn a_spooled_segment_opens_in_its_place_only() {
    let scene = scene().await;
    let spool = &scene.visit.started["spool"];
    let key_id = spool["key_id"].as_str().unwrap();
    use base64::Engine;
    let public = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(spool["public_key"].as_str().unwrap())
        .unwrap();
    let info =
        format!("clerestory spool 1\0{}\0{}\x005", scene.visit.recording, scene.visit.track).into_bytes();
    let packed = gzip(snapshot(scene.now_ms, 2, "x").to_string().as_bytes());
    let sealed = clerestory_seal::Encapsulated::seal(&public, &info, &packed).unwrap().0;
    let sender = scene
        .visit
        .sender()
        .with("content-type", "application/vnd.clerestory.spool")
        .with("clerestory-spool-key", key_id);
    let moved = sender.send("PUT", "/api/v1/capture/segments/6", sealed.clone()).await;
    assert_eq!(moved.problem(), "segment-malformed");
    scene.installation.wait(Duration::from_secs(3600));
    let kept = sender.send("PUT", "/api/v1/capture/segments/5", sealed.clone()).await.ok();
    assert_eq!(kept["acknowledged"], 5, "a spool may be older than its token");
    assert_eq!(sender.send("PUT", "/api/v1/capture/segments/5", sealed).await.ok()["repeated"], true);
}

#[tokio::test]
async fn a_visit_goes_on_across_pages_and_ends_by_silence() {
    let scene = scene().await;
    scene.first_segment().await.ok();
    scene.installation.wait(Duration::from_secs(20 * 60));
    let resume = Some(scene.visit.token.as_str());
    let recorder = || scene.installation.recorder(ORIGIN);
    let writer = "0190a5e2-0000-7000-8000-000000000001";
    let later = scene.installation.now().unix_millis() as i64;
    let same = Visit::start_as(recorder(), scene.site_key(), later, writer, resume).await;
    assert_eq!((&same.recording, same.started["next_sequence"].as_u64()), (&scene.visit.recording, Some(1)));
    let other_tab = "0190a5e2-0000-7000-8000-000000000002";
    let tab = Visit::start_as(recorder(), scene.site_key(), later, other_tab, resume).await;
    assert_eq!(tab.recording, scene.visit.recording);
    assert_ne!(tab.track, scene.visit.track);
    scene.installation.wait(Duration::from_secs(31 * 60));
    assert_eq!(scene.installation.app.intake.close_silent().await.unwrap().len(), 1);
    let read = scene.admin.get(&format!("/api/v1/recordings/{}", scene.visit.recording)).await.ok();
    assert_eq!(read["state"], "active");
    let new = Visit::start_as(recorder(), scene.site_key(), later, writer, resume).await;
    assert_ne!(new.recording, scene.visit.recording);
}

#[tokio::test]
async fn late_segments_are_taken_for_a_week_and_then_refused() {
    let scene = scene().await;
    scene.first_segment().await.ok();
    let after = |days: u64| Duration::from_secs(days * 86_400);
    scene.installation.wait(after(6));
    scene.installation.app.intake.close_silent().await.unwrap();
    let writer = "0190a5e2-0000-7000-8000-000000000001";
    let renewed = |token: String, now_ms: i64| {
        let recorder = scene.installation.recorder(ORIGIN);
        let key = scene.site_key().to_owned();
        async move { Visit::start_as(recorder, &key, now_ms, writer, Some(&token)).await }
    };
    // The old visit is closed, so its token buys a new one; what was spooled for the old goes under the old token.
    let new = renewed(scene.visit.token.clone(), scene.now_ms).await;
    assert_ne!(new.recording, scene.visit.recording);
    use base64::Engine;
    let spool = &scene.visit.started["spool"];
    let public = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(spool["public_key"].as_str().unwrap())
        .unwrap();
    let sealed = |sequence: u64| {
        let info =
            format!("clerestory spool 1\0{}\0{}\0{sequence}", scene.visit.recording, scene.visit.track);
        let packed = gzip(movement(scene.now_ms + 5000).to_string().as_bytes());
        clerestory_seal::Encapsulated::seal(&public, info.as_bytes(), &packed).unwrap().0
    };
    let sender = scene
        .visit
        .sender()
        .with("content-type", "application/vnd.clerestory.spool")
        .with("clerestory-spool-key", spool["key_id"].as_str().unwrap());
    sender.send("PUT", "/api/v1/capture/segments/1", sealed(1)).await.ok();
    scene.installation.wait(after(8));
    let closed = sender.send("PUT", "/api/v1/capture/segments/2", sealed(2)).await;
    assert_eq!((closed.status, closed.problem()), (StatusCode::GONE, "recording-closed"));
}

#[tokio::test]
async fn what_was_stored_opens_after_a_restart() {
    let Scene { installation, visit, now_ms, .. } = scene().await;
    visit.send(0, &snapshot(now_ms, 3, "x")).await.ok();
    let (recording, track) = (visit.recording.clone(), visit.track.clone());
    drop(visit);
    let installation = installation.restarted().await;
    let admin = installation.person("admin").await;
    let play = admin.post(&format!("/api/v1/recordings/{recording}/plays"), json!({})).await.ok();
    let play = play["id"].as_str().unwrap().to_owned();
    admin.get(&format!("/api/v1/plays/{play}/tracks/{track}/segments/0")).await.ok();
}

/// Every byte of the stored ciphertext, every cut, and the segments of two recordings exchanged.
#[tokio::test]
async fn altered_cut_and_exchanged_objects_do_not_play() {
    let scene = scene().await;
    scene.first_segment().await.ok();
    scene.visit.send(1, &movement(scene.now_ms + 100)).await.ok();
    let play = scene.play().await;
    let inside = scene.admin.get(&format!("/api/v1/recordings/{}/inside", scene.visit.recording)).await.ok();
    let stored = &inside["tracks"][0]["segments"];
    let [log, other] =
        [0, 1].map(|at| scene.installation.object_file(stored[at]["object"].as_str().unwrap()));
    let sound = std::fs::read(&log).unwrap();
    let extent = |at: usize| {
        let [begin, length] = ["offset", "length"].map(|of| stored[at][of].as_u64().unwrap() as usize);
        begin..begin + length
    };
    let (begin, length) = (extent(0).start, extent(0).len());
    for at in extent(0).step_by(7) {
        let mut altered = sound.clone();
        altered[at] ^= 1;
        std::fs::write(&log, &altered).unwrap();
        let answer = scene.segment(&play, 0).await;
        assert_eq!(
            (answer.status, answer.problem()),
            (StatusCode::UNPROCESSABLE_ENTITY, "segment-damaged"),
            "byte {at}"
        );
        scene.segment(&play, 1).await.ok();
    }
    for cut in [0, 1, 39, 40, length / 2, length - 1] {
        std::fs::write(&log, &sound[..begin + cut]).unwrap();
        assert_eq!(scene.segment(&play, 0).await.problem(), "segment-damaged", "cut at {cut}");
    }
    std::fs::write(&log, &sound).unwrap();
    // The other segment in its place: from the same file, or from the bucket's other object.
    let other = &std::fs::read(&other).unwrap()[extent(1)];
    std::fs::write(&log, [&sound[..begin], other, &sound].concat()).unwrap();
    assert_eq!(scene.segment(&play, 0).await.problem(), "segment-damaged");
    std::fs::remove_file(&log).unwrap();
    assert_eq!(scene.segment(&play, 0).await.problem(), "segment-damaged");
    std::fs::write(&log, &sound).unwrap();
    scene.segment(&play, 0).await.ok();
}

#[tokio::test]
async fn an_import_is_cleaned_like_any_other() {
    let scene = scene().await;
    scene.admin.prove("high windows, all lit").await;
    let site = scene.site["id"].as_str().unwrap();
    let mut events = snapshot(scene.now_ms, 2, "canary-text");
    events[1]["data"]["node"]["childNodes"][1]["childNodes"][1]["childNodes"]
        .as_array_mut()
        .unwrap()
        .push(json!({ "type": 2, "tagName": "script", "attributes": { "src": "https://evil.example/x.js" },
            "childNodes": [], "id": 900 }));
    let imported =
        scene.admin.send("POST", &format!("/api/v1/sites/{site}/imports"), events.to_string()).await.ok();
    let recording = imported["recording"].as_str().unwrap();
    assert!(imported["dropped"].as_array().unwrap().iter().any(|dropped| dropped["reason"] == "script"));
    let play = scene.admin.post(&format!("/api/v1/recordings/{recording}/plays"), json!({})).await.ok();
    let (play, track) = (play["id"].as_str().unwrap().to_owned(), play["tracks"][0]["id"].clone());
    let path = format!("/api/v1/plays/{play}/tracks/{}/segments/0", track.as_str().unwrap());
    let text = scene.admin.get(&path).await.ok().to_string();
    assert!(!text.contains("evil.example") && !text.contains("canary-text"), "{text}");
}

#[tokio::test]
async fn an_import_that_is_none_says_what_to_bring() {
    let scene = scene().await;
    scene.admin.prove("high windows, all lit").await;
    let site = scene.site["id"].as_str().unwrap();
    let answer = scene.admin.send("POST", &format!("/api/v1/sites/{site}/imports"), "[{}]".to_owned()).await;
    assert_eq!((answer.status, answer.problem()), (StatusCode::UNPROCESSABLE_ENTITY, "segment-malformed"));
    let advice = answer.json["what_to_do"].as_str().unwrap().to_owned();
    assert!(advice.contains("JSON array of rrweb events"), "{advice}");
}

#[tokio::test]
async fn the_same_rules_written_otherwise_are_no_new_version() {
    let scene = scene().await;
    let path = format!("/api/v1/sites/{}/policy", scene.site["id"].as_str().unwrap());
    let sign = async |exclude: Value, based_on: u64| {
        let document = json!({ "preset": "private", "media": "blocked", "exclude": exclude, "mask": [],
            "unmask": [], "urls": { "deny": [], "allow": [] } });
        let asked = json!({ "document": document, "based_on": based_on });
        scene.admin.send("PUT", &path, asked.to_string()).await.ok()["version"].as_u64().unwrap()
    };
    assert_eq!(sign(json!([".secret"]), 1).await, 2);
    assert_eq!(sign(json!([".secret", " .secret "]), 2).await, 2);
    assert_eq!(sign(json!([]), 2).await, 3);
}

#[tokio::test]
async fn absurd_clocks_numbers_and_gaps_are_refused_and_harm_nobody() {
    let scene = scene().await;
    for client_time_ms in [i64::MIN, i64::MAX, 0] {
        let asked = json!({ "site_key": scene.site_key(), "writer": "0190a5e2-0000-7000-8000-00000000000a",
            "resume": null, "client_time_ms": client_time_ms });
        scene.installation.recorder(ORIGIN).post("/api/v1/capture/start", asked).await.ok();
    }
    for sequence in [u64::MAX, 1 << 63, 10_000_001] {
        let answer = scene.visit.send(sequence, &movement(scene.now_ms)).await;
        assert_eq!(
            (answer.status, answer.problem()),
            (StatusCode::UNPROCESSABLE_ENTITY, "segment-malformed")
        );
    }
    let gap = |at: i64| {
        json!({ "type": 5, "timestamp": scene.now_ms,
            "data": { "tag": "clerestory.gap", "payload": { "reason": "hidden", "from": at, "to": at + 1 } } })
    };
    let flood: Vec<Value> = (0..200).map(|at| gap(scene.now_ms + 2 * at)).collect();
    let answer = scene.visit.send(0, &Value::from(flood)).await;
    assert_eq!(answer.problem(), "segment-malformed");
    let mut long = snapshot(scene.now_ms, 1, "x");
    long[0]["data"]["href"] = json!(format!("https://shop.example/{}", "a".repeat(50_000)));
    scene.visit.send(0, &long).await.ok();
    let list = scene.admin.get("/api/v1/recordings").await.ok();
    assert!(list["items"][0]["summary"]["url"].as_str().unwrap().len() <= 2048);
    let play = scene.play().await;
    let track = &scene.visit.track;
    let after = format!("{track}:{}", u64::MAX);
    scene.installation.drain();
    let path = format!("/api/v1/plays/{}/follow?after={after}", play["id"].as_str().unwrap());
    assert_eq!(scene.admin.get(&path).await.status, StatusCode::OK);
}

#[tokio::test]
async fn an_origin_that_is_taken_off_the_list_sends_no_more() {
    let scene = scene().await;
    scene.first_segment().await.ok();
    let site = scene.site["id"].as_str().unwrap();
    let change = json!({ "origins": ["https://other.example"] }).to_string();
    scene.admin.send("PATCH", &format!("/api/v1/sites/{site}"), change).await.ok();
    let late = scene.visit.send(1, &movement(scene.now_ms + 100)).await;
    assert_eq!((late.status, late.problem()), (StatusCode::FORBIDDEN, "origin-not-allowed"));
}
