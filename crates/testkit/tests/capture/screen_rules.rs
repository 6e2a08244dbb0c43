//! Screens: which pages are kept out of what is told of them, whose policy it is that says so, and what a browser may send
//! at most.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use std::time::Duration;

use axum::http::StatusCode;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clerestory_model::{RecordingState, Timestamp, TrackId};
use clerestory_seal::sha256;
use clerestory_testkit::kept::Kept;
use clerestory_testkit::screen::{Recorder, Screen, pictures, record_screens, say, screen_start};
use clerestory_testkit::{Caller, Installation};
use serde_json::{Value, json};

const WRITER: &str = "0190a5e2-0000-7000-8000-0000000000c1";

struct Scene {
    installation: Installation,
    member: Caller,
    recorder: Recorder,
    now_ms: i64,
}

async fn scene() -> Scene {
    let installation = Installation::new().await;
    record_screens(&installation).await;
    let member = installation.person("member").await;
    let recorder = Recorder::enrol(&member, &installation.anonymous()).await;
    let now_ms = i64::try_from(installation.now().unix_millis()).unwrap();
    Scene { installation, member, recorder, now_ms }
}

impl Scene {
    async fn start(&self) -> Screen {
        self.recorder.start(self.now_ms, WRITER, None).await
    }

    /// Sends lists of actions with these numbers, a second between them, ends, and gives what was kept of each.
    async fn told(&self, screen: &Screen, lists: &[(u64, Value)]) -> Vec<Value> {
        for (sequence, list) in lists {
            let mut list = list.clone();
            for (number, action) in list.as_array_mut().unwrap().iter_mut().enumerate() {
                let t =
                    self.now_ms + i64::try_from(*sequence).unwrap() * 1000 + i64::try_from(number).unwrap();
                action["t"] = json!(t);
            }
            screen.send("actions", *sequence, list.to_string().into_bytes()).await.ok();
            self.installation.wait(Duration::from_secs(1));
        }
        screen.sender().post("/api/v1/capture/screens/end", json!({ "reason": "stopped" })).await.ok();
        let admin = self.installation.person("admin").await;
        let play =
            admin.post(&format!("/api/v1/recordings/{}/plays", screen.recording), json!({})).await.ok();
        let (id, track) = (play["id"].as_str().unwrap(), screen.track("actions"));
        let mut kept = Vec::new();
        for (sequence, _) in lists {
            let path = format!("/api/v1/plays/{id}/tracks/{track}/segments/{sequence}");
            let answer = admin.get(&path).await;
            assert_eq!(answer.status, StatusCode::OK, "{sequence}");
            kept.push(answer.json);
        }
        kept
    }
}

/// A signed policy's document, and what tells it from others.
async fn policy_of(sender: Caller) -> (Value, String) {
    let signed = sender.get("/api/v1/capture/screens/policy").await.ok();
    let bytes = URL_SAFE_NO_PAD.decode(signed["document"].as_str().unwrap()).unwrap();
    let document: Value = serde_json::from_slice(&bytes).unwrap();
    let mut bare = document.clone();
    for time in ["issued_at_ms", "expires_at_ms"] {
        bare.as_object_mut().unwrap().remove(time).unwrap();
    }
    // The document is canonical already, and taking fields out of it leaves it so.
    let digest = hex::encode(sha256(bare.to_string().as_bytes()));
    (document, digest[..16].to_owned())
}

fn click(tab: u32, name: &str) -> Value {
    json!({ "kind": "click", "tab": tab, "target": { "name": name, "role": "button" }, "x": 0.5, "y": 0.5 })
}

fn page(tab: u32, url: &str, title: &str) -> Value {
    json!({ "kind": "navigate", "tab": tab, "url": url, "title": title })
}

fn kinds(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|one| one["kind"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_page_stays_kept_out_from_segment_to_segment_and_from_tab_to_tab() {
    let scene = scene().await;
    say(&scene.installation, "capture.url.patterns", json!(["secret.example"])).await;
    let screen = scene.start().await;
    let copy = json!({ "kind": "copy", "length": 7171 });
    let lists = [
        (0, json!([page(1, "https://secret.example/", "Canary")])),
        (1, json!([click(1, "Canary"), copy])),
        (2, json!([page(2, "https://work.example/", "Work"), click(2, "Save"), click(1, "Canary")])),
        // The list before it was never sent: nobody knows where the tabs are.
        (4, json!([click(2, "Canary"), { "kind": "tab", "tab": 1, "title": "Canary" }, copy])),
    ];
    let kept = scene.told(&screen, &lists).await;
    assert_eq!(kept[..2], [json!([]), json!([])]);
    assert_eq!((kinds(&kept[2]), &kept[2][1]["target"]["name"]), (vec!["navigate", "click"], &json!("Save")));
    assert_eq!(kinds(&kept[3]), ["click", "tab", "copy"], "the bare facts");
    let all = json!(kept).to_string();
    assert!(!all.contains("Canary") && !all.contains("7171"), "{all}");
}

#[tokio::test]
async fn patterns_and_presets_are_kept_out_of_what_is_let_in() {
    let scene = scene().await;
    say(&scene.installation, "capture.url.mode", json!("allow")).await;
    say(&scene.installation, "capture.url.allow", json!(["*.work.example", "*.paypal.com"])).await;
    say(&scene.installation, "capture.url.patterns", json!(["https://work.example/salaries/**"])).await;
    let (document, _) = policy_of(scene.recorder.sender()).await;
    let urls = &document["urls"];
    assert_eq!(
        (&urls["mode"], &urls["patterns"]),
        (&json!("allow"), &json!(["*.paypal.com", "*.work.example"]))
    );
    let except = urls["except"].as_array().unwrap();
    assert!(
        except.contains(&json!("https://work.example/salaries/**"))
            && except.contains(&json!("*.paypal.com"))
    );
    let screen = scene.start().await;
    let list = json!([
        click(1, "Canary"),
        page(1, "https://work.example/", "Work"),
        page(1, "https://work.example/salaries/1", "Canary"),
        click(1, "Canary"),
        page(1, "https://www.paypal.com/", "Canary"),
        page(1, "https://other.example/", "Canary"),
    ]);
    let kept = scene.told(&screen, &[(0, list)]).await;
    assert_eq!(kept[0].as_array().unwrap().len(), 1);
    assert_eq!(kept[0][0]["title"], "Work");
}

#[tokio::test]
async fn a_policy_says_for_whom_it_is_and_what_tells_it_from_others() {
    let scene = scene().await;
    let admin = scene.installation.proven("admin").await;
    let (document, digest) = policy_of(scene.recorder.sender()).await;
    assert_eq!(document["recorder"], scene.recorder.id);
    assert!(document["urls"].get("except").is_none(), "{document}");
    let screen = scene.start().await;
    let receipt = screen.send("video", 0, pictures(scene.now_ms, 1)).await.ok();
    let again = screen.send("video", 0, pictures(scene.now_ms, 1)).await.ok();
    assert_eq!((&receipt["policy_digest"], &again["policy_digest"]), (&json!(digest), &json!(digest)));
    let watching = async || screen.sender().get("/api/v1/capture/screens/watching").await.ok();
    assert_eq!(watching().await["policy_digest"], digest);
    let other = Recorder::enrol(&scene.member, &scene.installation.anonymous()).await;
    let (theirs, other_digest) = policy_of(other.sender()).await;
    assert_eq!((&theirs["recorder"], &theirs["version"]), (&json!(other.id), &document["version"]));
    assert_ne!(other_digest, digest);
    // Who moves to another team follows another policy, and no setting changes by that.
    let add = async |kind: &str, parent: Option<&str>| {
        let asked = json!({ "kind": kind, "name": "North", "parent": parent });
        admin.post("/api/v1/tree", asked).await.ok()["id"].as_str().unwrap().to_owned()
    };
    let domain = add("domain", None).await;
    let project = add("project", Some(&domain)).await;
    let team = add("team", Some(&project)).await;
    let version = admin.get("/api/v1/settings").await.ok()["version"].clone();
    let asked = json!({ "node": team, "value": "free" }).to_string();
    let sayer = admin.clone().with("if-match", format!("\"{version}\""));
    sayer.send("PUT", "/api/v1/settings/capture.subject_pause", asked).await.ok();
    let before = watching().await;
    let person = scene.member.get("/api/v1/session").await.ok()["person"]["id"].as_str().unwrap().to_owned();
    let asked = json!({ "team": team }).to_string();
    admin.send("PUT", &format!("/api/v1/people/{person}/team"), asked).await.ok();
    let after = watching().await;
    assert_eq!(before["policy_version"], after["policy_version"]);
    assert_ne!(before["policy_digest"], after["policy_digest"]);
    let (document, digest) = policy_of(scene.recorder.sender()).await;
    assert_eq!((&document["pause"], &after["policy_digest"]), (&json!("free"), &json!(digest)));
}

#[tokio::test]
async fn nothing_is_recorded_where_what_was_said_of_pages_cannot_be_read() {
    for name in ["capture.url.patterns", "capture.notice.version"] {
        let scene = scene().await;
        say(&scene.installation, "capture.url.patterns", json!(["secret.example"])).await;
        assert_eq!(policy_of(scene.recorder.sender()).await.0["recording"], true);
        let names = "SELECT version, name FROM setting_versions";
        let rows = scene.installation.rows(names, Vec::new()).await;
        let said = rows.iter().find(|row| row.get::<String>(1).unwrap() == name).unwrap();
        let version: i64 = said.get(0).unwrap();
        let cut = format!(
            "UPDATE setting_versions SET value = (SELECT name FROM projects LIMIT 1) WHERE version = {version}"
        );
        scene.installation.execute(cut, Vec::new()).await;
        let installation = scene.installation.restarted().await;
        let sender = installation.anonymous().without("clerestory-csrf");
        let sender = sender.with("authorization", format!("Bearer {}", scene.recorder.token));
        let (document, _) = policy_of(sender.clone()).await;
        assert_eq!(document["recording"], false, "{name}");
        let start =
            sender.post("/api/v1/capture/screens/start", screen_start(scene.now_ms, WRITER, None)).await;
        assert_eq!(start.problem(), "capture-off", "{name}");
    }
}

#[tokio::test]
async fn a_list_tells_of_64_gaps_and_of_none_that_ends_after_now() {
    let scene = scene().await;
    let screen = scene.start().await;
    scene.installation.wait(Duration::from_secs(5));
    let gaps = |count: i64| {
        let gap = |number: i64| json!({ "t": scene.now_ms + number, "kind": "gap", "to": 253_402_300_800_000_i64, "reason": "lost" });
        json!((0..count).map(gap).collect::<Vec<_>>()).to_string().into_bytes()
    };
    for count in [65, 255, 256] {
        let refused = screen.send("actions", 0, gaps(count)).await;
        assert_eq!(
            (refused.status, refused.problem()),
            (StatusCode::UNPROCESSABLE_ENTITY, "segment-malformed"),
            "{count}"
        );
    }
    screen.send("actions", 0, gaps(64)).await.ok();
    screen.sender().post("/api/v1/capture/screens/end", json!({ "reason": "stopped" })).await.ok();
    let admin = scene.installation.person("admin").await;
    let play = admin.post(&format!("/api/v1/recordings/{}/plays", screen.recording), json!({})).await.ok();
    let actions = play["tracks"].as_array().unwrap().iter().find(|track| track["kind"] == "actions").unwrap();
    let told: Vec<&Value> =
        actions["gaps"].as_array().unwrap().iter().filter(|gap| gap["reason"] == "missing").collect();
    assert_eq!(told.len(), 64, "{actions}");
    for gap in told {
        assert!(gap["to_us"].as_i64().unwrap() <= 5_000_000, "{gap}");
    }
}

#[tokio::test]
async fn a_list_of_actions_is_small_and_so_are_its_addresses() {
    let scene = scene().await;
    let screen = scene.start().await;
    let address = format!("https://a.example/{}", "x".repeat(8192));
    let mut long = page(1, &address, "");
    long["t"] = json!(scene.now_ms);
    let refused = screen.send("actions", 0, json!([long]).to_string().into_bytes()).await;
    assert_eq!(refused.problem(), "segment-malformed");
    let mut large = br#"[{"t":1,"kind":"idle","ms":1}"#.to_vec();
    large.resize(2 * 1024 * 1024, b' ');
    large.push(b']');
    assert_eq!(screen.send("actions", 0, large.clone()).await.problem(), "segment-too-large");
    assert_eq!(screen.send_sealed("actions", 0, &large).await.problem(), "segment-too-large");
    large.pop();
    *large.last_mut().unwrap() = b']';
    screen.send_sealed("actions", 0, &large).await.ok();
}

#[tokio::test]
async fn a_browser_has_limits_that_no_other_uses_up() {
    let scene = scene().await;
    let manager = scene.installation.person("manager").await;
    let theirs = Recorder::enrol(&manager, &scene.installation.anonymous()).await;
    let (one, two) = (scene.start().await, theirs.start(scene.now_ms, WRITER, None).await);
    let intake = &scene.installation.app.intake;
    let mut is_over = false;
    for _ in 0..100_000 {
        is_over = intake.check_screen_sender(&one.token, false).await.is_err();
        if is_over {
            break;
        }
    }
    assert!(is_over, "it may send so much");
    intake.check_screen_sender(&two.token, false).await.unwrap();
    let mut last = StatusCode::OK;
    for _ in 0..500 {
        last = scene.recorder.sender().get("/api/v1/capture/screens/policy").await.status;
        if last != StatusCode::OK {
            break;
        }
    }
    assert_eq!(last, StatusCode::TOO_MANY_REQUESTS);
    policy_of(theirs.sender()).await;
}

#[tokio::test]
async fn a_code_that_two_use_at_once_lets_one_of_them_in() {
    let scene = scene().await;
    let code = scene.member.post("/api/v1/recorders/codes", json!({})).await.ok()["code"].clone();
    let nobody = scene.installation.anonymous();
    let enrol = async |label: &str| {
        let asked = json!({ "code": code, "label": label });
        nobody.clone().post("/api/v1/capture/recorders", asked).await
    };
    let answers = tokio::join!(enrol("one"), enrol("two"), enrol("three"));
    let answers = [answers.0, answers.1, answers.2];
    let (let_in, refused): (Vec<_>, Vec<_>) =
        answers.into_iter().partition(|answer| answer.status == StatusCode::CREATED);
    assert_eq!((let_in.len(), refused.len()), (1, 2));
    assert!(refused.iter().all(|answer| answer.problem() == "code-refused"));
    let listed = scene.member.get("/api/v1/recorders").await.ok();
    assert_eq!(listed["items"].as_array().unwrap().len(), 2, "and the one that was there: {listed}");
    assert_eq!(scene.installation.app.replay_authority().await.unwrap(), []);
}

#[tokio::test]
async fn pictures_go_when_they_are_due_and_actions_stay_as_long_as_they_are_kept() {
    let scene = scene().await;
    let screen = scene.start().await;
    scene.installation.wait(Duration::from_secs(3));
    screen.send("video", 0, pictures(scene.now_ms, 5)).await.ok();
    let list = json!([{ "t": scene.now_ms, "kind": "idle", "ms": 1 }]);
    screen.send("actions", 0, list.to_string().into_bytes()).await.ok();
    screen.sender().post("/api/v1/capture/screens/end", json!({ "reason": "stopped" })).await.ok();
    let (video, actions): (TrackId, TrackId) =
        (screen.track("video").parse().unwrap(), screen.track("actions").parse().unwrap());
    let kept = Kept::over(scene.installation).await;
    let row = async |track: TrackId| {
        let sql = "SELECT kept_until, state FROM tracks WHERE track_id = $1";
        let rows = kept.installation.rows(sql, vec![track.into()]).await;
        (rows[0].get::<Timestamp>(0).unwrap(), rows[0].get::<RecordingState>(1).unwrap())
    };
    let goes = |state: RecordingState| state >= RecordingState::PurgeQueued;
    kept.sweep().await;
    let (first, last) = (row(video).await.0, row(actions).await.0);
    assert!(first < last, "90 days and 400");
    kept.wait_until(first.minus(Duration::from_secs(1)));
    kept.sweep().await;
    assert!(!goes(row(video).await.1), "a second early");
    kept.wait_until(first);
    kept.sweep().await;
    assert!(goes(row(video).await.1));
    assert_eq!(row(actions).await.1, RecordingState::Active);
    kept.erase_all().await;
    let admin = kept.admin().await;
    let play = admin.post(&format!("/api/v1/recordings/{}/plays", screen.recording), json!({})).await.ok();
    let id = play["id"].as_str().unwrap();
    let segment = |track: &str| format!("/api/v1/plays/{id}/tracks/{}/segments/0", screen.track(track));
    let stays = admin.get(&segment("actions")).await.ok();
    assert_eq!(stays[0]["kind"], "idle");
    assert_ne!(admin.get(&segment("video")).await.status, StatusCode::OK);
    kept.wait_until(last);
    kept.sweep().await;
    assert!(goes(row(actions).await.1));
}
