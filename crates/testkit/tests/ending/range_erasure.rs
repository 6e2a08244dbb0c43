//! Erasing a part of a recording: what goes with it, what stays, what is not taken again, and ranges that meet.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use std::time::Duration;

use axum::http::StatusCode;
use clerestory_lifecycle::Step;
use clerestory_model::{ErasureId, KeyId, TrackId};
use clerestory_testkit::visit::{Visit, movement, snapshot};
use clerestory_testkit::{Caller, Installation};
use serde_json::{Value, json};

/// A visit of so many segments, every other one a keyframe: half a minute lies between them.
async fn long_visit(installation: &Installation, segments: u64) -> (Visit, Caller) {
    let admin = installation.person("admin").await;
    let site = installation.site(&admin).await;
    let recorder = installation.recorder("https://shop.example");
    let now_ms = installation.now().unix_millis() as i64;
    let visit = Visit::start(recorder, site["site_key"].as_str().unwrap(), now_ms).await;
    for number in 0..segments {
        let at = installation.now().unix_millis() as i64;
        let events = if number % 2 == 0 { snapshot(at, 2, "page") } else { movement(at) };
        visit.send(number, &events).await.ok();
        installation.wait(Duration::from_secs(30));
    }
    (visit, admin)
}

/// What each of so many segments answers in a play: its length, or the problem.
async fn segments_of(
    admin: &Caller,
    recording: &str,
    track: &str,
    segments: u64,
) -> Vec<Result<usize, String>> {
    let begun = admin.post(&format!("/api/v1/recordings/{recording}/plays"), json!({})).await.ok();
    let play = begun["id"].as_str().unwrap();
    let mut found = Vec::new();
    for number in 0..segments {
        let path = format!("/api/v1/plays/{play}/tracks/{track}/segments/{number}");
        let answer = admin.get(&path).await;
        found.push(match answer.status.is_success() {
            true => Ok(answer.bytes.len()),
            false => Err(answer.problem().to_owned()),
        });
    }
    found
}

async fn a_range_goes(settled: bool) {
    let installation = Installation::new().await;
    let (visit, admin) = long_visit(&installation, 4).await;
    if settled {
        installation.app.settle_now().await.unwrap();
    }
    let before = segments_of(&admin, &visit.recording, &visit.track, 4).await;
    assert!(before.iter().all(Result::is_ok), "{before:?}");
    let track: TrackId = visit.track.parse().unwrap();
    let key_of = "SELECT key_id FROM tracks WHERE track_id = $1";
    let key: KeyId = installation.rows(key_of, vec![track.into()]).await[0].get(0).unwrap();
    let path = format!("/api/v1/recordings/{}/erasures", visit.recording);
    let backwards = admin.erase(&path, json!({ "range": { "from_us": 5, "to_us": 1 } })).await;
    assert_eq!(backwards.problem(), "malformed");
    let nowhere = json!({ "range": { "from_us": 900_000_000_i64, "to_us": 900_000_001_i64 } });
    assert_eq!(admin.erase(&path, nowhere).await.status, StatusCode::NOT_FOUND);
    // It touches the first segment only, and takes what builds on it.
    let asked = admin.erase(&path, json!({ "range": { "from_us": 0, "to_us": 10_000_000 } })).await.ok();
    assert_eq!(asked["kind"], "range");
    let gone = Err("erased".to_owned());
    let now = segments_of(&admin, &visit.recording, &visit.track, 4).await;
    assert_eq!(now[..2], [gone.clone(), gone.clone()], "at once");
    assert!(now[2..].iter().all(Result::is_ok), "{now:?}");
    let moved = movement(installation.now().unix_millis() as i64);
    assert_eq!(visit.send(1, &moved).await.status, StatusCode::GONE, "what was erased is not taken again");

    installation.carry_erasures_on().await;
    installation.app.settle_now().await.unwrap();
    installation.carry_erasures_on().await;
    let done = admin.get(&format!("/api/v1/erasures/{}", asked["id"].as_str().unwrap())).await.ok();
    assert_eq!(done["state"], "verified", "{done}");
    let new: KeyId = installation.rows(key_of, vec![track.into()]).await[0].get(0).unwrap();
    assert_ne!(new, key);
    let present = "SELECT 1 FROM key_rows WHERE key_id = $1";
    assert!(installation.rows(present, vec![key.into()]).await.is_empty());
    let now = segments_of(&admin, &visit.recording, &visit.track, 4).await;
    assert!(now[..2].iter().all(Result::is_err), "{now:?}");
    assert!(now[2..].iter().all(Result::is_ok), "{now:?}");
    let facts = admin.get(&format!("/api/v1/recordings/{}", visit.recording)).await.ok();
    assert_eq!((&facts["state"], &facts["segments"]), (&json!("capturing"), &json!(2)));
    let gaps = facts["tracks"][0]["gaps"].as_array().unwrap();
    assert!(gaps.iter().any(|gap| gap["reason"] == "erased" && gap["from_us"] == 0), "{gaps:?}");
    // It goes on as before, under the new key.
    let at = installation.now().unix_millis() as i64;
    visit.send(4, &snapshot(at, 2, "on")).await.ok();
}

#[tokio::test]
async fn a_range_goes_out_of_the_ingest_log_and_the_rest_plays() {
    a_range_goes(false).await;
}

#[tokio::test]
async fn a_range_goes_out_of_settled_parts_and_the_rest_plays() {
    a_range_goes(true).await;
}

#[tokio::test]
async fn the_erasure_of_a_range_goes_on_wherever_it_is_cut_off() {
    let steps = [Step::Asked, Step::Resealed, Step::Laid, Step::Outside, Step::Shredded, Step::Removed];
    for stop in 0..steps.len() {
        for within in [false, true] {
            let installation = Installation::new().await;
            let (visit, admin) = long_visit(&installation, 4).await;
            let path = format!("/api/v1/recordings/{}/erasures", visit.recording);
            let asked = admin
                .erase(&path, json!({ "range": { "from_us": 60_000_000, "to_us": 80_000_000 } }))
                .await
                .ok();
            for step in &steps[..stop] {
                if *step == Step::Shredded {
                    installation.app.settle_now().await.unwrap();
                }
                assert_eq!(installation.carry_on_at(*step).await, 1, "{step:?}");
            }
            let next = steps.get(stop + 1).copied().unwrap_or(Step::Verified);
            if within {
                installation.refuse("UPDATE ON erasures", &format!("NEW.step = {}", next as i64)).await;
                installation.app.settle_now().await.unwrap();
                assert_eq!(installation.carry_on_at(steps[stop]).await, 0, "{:?}", steps[stop]);
            }
            // Callers hold the parts of the installation, its open log among them.
            let (recording, track) = (visit.recording.clone(), visit.track.clone());
            drop((visit, admin));
            let installation = installation.restarted().await;
            if within {
                installation.refuse_no_more().await;
            }
            let admin = installation.person("admin").await;
            installation.carry_erasures_on().await;
            installation.app.settle_now().await.unwrap();
            installation.carry_erasures_on().await;
            let done = admin.get(&format!("/api/v1/erasures/{}", asked["id"].as_str().unwrap())).await.ok();
            assert_eq!(done["state"], "verified", "{done}");
            let now = segments_of(&admin, &recording, &track, 4).await;
            assert!(now[..2].iter().all(Result::is_ok), "{now:?} after {:?}", steps[stop]);
            assert!(now[2..].iter().all(Result::is_err), "{now:?} after {:?}", steps[stop]);
        }
    }
}

const SECOND: i64 = 1_000_000;

async fn ask(admin: &Caller, visit: &Visit, from_s: i64, to_s: i64) -> Value {
    let path = format!("/api/v1/recordings/{}/erasures", visit.recording);
    let range = json!({ "range": { "from_us": from_s * SECOND, "to_us": to_s * SECOND } });
    admin.erase(&path, range).await.ok()
}

fn id_of(asked: &Value) -> ErasureId {
    asked["id"].as_str().unwrap().parse().unwrap()
}

async fn key_of(installation: &Installation, visit: &Visit) -> KeyId {
    let track: TrackId = visit.track.parse().unwrap();
    let sql = "SELECT key_id FROM tracks WHERE track_id = $1";
    installation.rows(sql, vec![track.into()]).await[0].get(0).unwrap()
}

async fn is_registered(installation: &Installation, key: KeyId) -> bool {
    !installation.rows("SELECT 1 FROM key_rows WHERE key_id = $1", vec![key.into()]).await.is_empty()
}

/// Two ranges of one recording, the older of which is stopped by `trouble` until the younger has moved the track to
/// another key. Every key the track had must go, and what neither took must play.
async fn two_ranges_meet(trouble: impl AsyncFn(&Installation, &str)) {
    let installation = Installation::new().await;
    let (visit, admin) = long_visit(&installation, 6).await;
    let mut keys = vec![key_of(&installation, &visit).await];
    let older = ask(&admin, &visit, 0, 10).await;
    let older_id = installation.literal(id_of(&older).as_bytes());
    trouble(&installation, &older_id).await;
    assert_eq!(installation.carry_on_at(Step::Asked).await, 0, "it is in trouble");
    keys.push(key_of(&installation, &visit).await);
    let younger = ask(&admin, &visit, 60, 70).await;
    assert_eq!(installation.carry_on_at(Step::Asked).await, 1, "the younger one goes on");
    keys.push(key_of(&installation, &visit).await);
    installation.refuse_no_more().await;
    installation.carry_erasures_on().await;
    installation.app.settle_now().await.unwrap();
    installation.carry_erasures_on().await;
    for asked in [&older, &younger] {
        let done = admin.get(&format!("/api/v1/erasures/{}", asked["id"].as_str().unwrap())).await.ok();
        assert_eq!(done["state"], "verified", "{done}");
    }
    let now = segments_of(&admin, &visit.recording, &visit.track, 6).await;
    assert!(now[..4].iter().all(Result::is_err), "{now:?}");
    assert!(now[4..].iter().all(Result::is_ok), "what neither took was lost: {now:?}");
    let last = key_of(&installation, &visit).await;
    for key in keys {
        assert_eq!(is_registered(&installation, key).await, key == last, "a key of what was erased lives on");
    }
}

#[tokio::test]
async fn a_range_that_has_moved_a_track_and_is_cut_off_does_not_move_it_back() {
    two_ranges_meet(async |installation, older| {
        installation.refuse("UPDATE ON erasures", &format!("NEW.erasure_id = {older}")).await;
    })
    .await;
}

#[tokio::test]
async fn a_range_that_moves_a_track_late_takes_the_key_with_it_that_another_gave_it() {
    two_ranges_meet(async |installation, older| {
        installation.refuse("INSERT ON erasure_objects", &format!("NEW.erasure_id = {older}")).await;
    })
    .await;
}

/// The same range again is the same erasure, unless more of it has come since.
#[tokio::test]
async fn what_was_captured_in_an_erased_time_is_not_taken_later() {
    let installation = Installation::new().await;
    let (visit, admin) = long_visit(&installation, 6).await;
    let site = admin.get("/api/v1/sites").await.ok();
    let site_key = site["items"][0]["site_key"].as_str().unwrap().to_owned();
    let recorder = || installation.recorder("https://shop.example");
    let now_ms = installation.now().unix_millis() as i64;
    let other_tab = "0190a5e2-0000-7000-8000-000000000002";
    let other = Visit::start_as(recorder(), &site_key, now_ms, other_tab, Some(&visit.token)).await;
    assert_eq!(other.recording, visit.recording, "another tab of the same visit");
    let began_ms = now_ms - 6 * 30_000;

    let asked = ask(&admin, &visit, 60, 70).await;
    assert_eq!(ask(&admin, &visit, 60, 70).await["id"], asked["id"], "nothing more has come");
    // The other tab was without a network, and sends what it captured then, and after it.
    let late = other.send(0, &snapshot(began_ms + 65_000, 2, "what was erased")).await;
    assert_eq!(late.status, StatusCode::GONE);
    other.send(1, &snapshot(began_ms + 100_000, 2, "what was not")).await.ok();
    visit.send(6, &snapshot(installation.now().unix_millis() as i64, 2, "on")).await.ok();

    // Up to the end of a page's track: what comes next would say what changed in a page that nobody may see.
    ask(&admin, &visit, 150, 900).await;
    installation.wait(Duration::from_secs(2));
    let at = installation.now().unix_millis() as i64;
    assert_eq!(visit.send(7, &movement(at)).await.status, StatusCode::GONE);
    assert_eq!(visit.send(8, &snapshot(at, 2, "anew")).await.status, StatusCode::GONE);
    other.send(2, &snapshot(at, 2, "later than anything that was meant")).await.ok();
}

/// A list shows no title of what is being erased, and a visit that goes on is told of by what comes.
#[tokio::test]
async fn the_summary_goes_when_a_range_is_asked_for_and_the_next_one_stays() {
    let installation = Installation::new().await;
    let (visit, admin) = long_visit(&installation, 4).await;
    let recording: clerestory_model::RecordingId = visit.recording.parse().unwrap();
    let summary = async || -> Option<KeyId> {
        let sql = "SELECT summary_key FROM recordings WHERE recording_id = $1";
        installation.rows(sql, vec![recording.into()]).await[0].get(0).unwrap()
    };
    let first = summary().await.expect("a page has a title");
    let asked = ask(&admin, &visit, 0, 10).await;
    assert_eq!(summary().await, None, "at once");
    let at = installation.now().unix_millis() as i64;
    visit.send(4, &snapshot(at, 2, "what is left")).await.ok();
    let next = summary().await.expect("a page has a title");
    installation.carry_erasures_on().await;
    installation.app.settle_now().await.unwrap();
    installation.carry_erasures_on().await;
    let done = admin.get(&format!("/api/v1/erasures/{}", asked["id"].as_str().unwrap())).await.ok();
    assert_eq!(done["state"], "verified", "{done}");
    assert!(!is_registered(&installation, first).await);
    assert!(summary().await == Some(next) && is_registered(&installation, next).await);
}
