//! Taking back what was recorded of one's screen: what it reaches, what is on its way meanwhile, and who may still.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use std::time::Duration;

use axum::http::StatusCode;
use clerestory_testkit::Answer;
use clerestory_testkit::screen::{Screen, media, pictures, say};
use serde_json::json;

use crate::screens::{actions, scene, track};

const HOUR_MS: i64 = 3_600_000;

async fn discard(screen: &Screen, (from_ms, to_ms): (i64, i64)) -> Answer {
    let asked = json!({ "from_ms": from_ms, "to_ms": to_ms });
    screen.sender().post("/api/v1/capture/screens/discard", asked).await
}

async fn end(screen: &Screen) {
    screen.sender().post("/api/v1/capture/screens/end", json!({ "reason": "stopped" })).await.ok();
}

/// What holds nothing but that something was taken back.
fn only_a_gap(from_ms: i64, to_ms: i64) -> Vec<u8> {
    let gap = json!({ "from_ms": from_ms, "to_ms": to_ms, "reason": "discarded" });
    media(1, &json!({ "codec": "vp8", "width": 640, "height": 360, "gaps": [gap] }), &[])
}

#[tokio::test]
async fn what_is_on_its_way_is_not_taken_after_it_was_taken_back() {
    let scene = scene().await;
    let (screen, now_ms) = (scene.start().await, scene.now_ms);
    scene.installation.wait(Duration::from_secs(8));
    screen.send("video", 0, pictures(now_ms, 10)).await.ok();
    // Nothing of this time is here yet.
    assert_eq!(discard(&screen, (now_ms + 2001, now_ms + 6000)).await.status, StatusCode::ACCEPTED);
    let late = screen.send_sealed("video", 1, &pictures(now_ms + 3000, 10)).await;
    assert_eq!((late.status, late.problem()), (StatusCode::UNPROCESSABLE_ENTITY, "segment-taken-back"));
    let done = screen.send_sealed("actions", 0, &actions(now_ms + 3000)).await;
    assert_eq!(done.problem(), "segment-taken-back");
    screen.send_sealed("video", 1, &only_a_gap(now_ms + 3000, now_ms + 5000)).await.ok();
    scene.installation.wait(Duration::from_secs(4));
    screen.send_sealed("video", 2, &pictures(now_ms + 7000, 5)).await.ok();
    end(&screen).await;
    let (_, play) = scene.play(&screen.recording).await;
    for kind in ["video", "actions"] {
        let gaps = track(&play, kind)["gaps"].as_array().unwrap();
        let is_told = |gap: &serde_json::Value| {
            gap["reason"] == "discarded" && gap["from_us"] == 2_001_000 && gap["to_us"] == 6_000_000
        };
        assert!(gaps.iter().any(is_told), "{kind}: {gaps:?}");
    }
}

#[tokio::test]
async fn what_was_said_of_a_time_goes_with_it_also_where_nothing_had_been_sent_of_it() {
    let scene = scene().await;
    let (screen, now_ms) = (scene.start().await, scene.now_ms);
    scene.installation.wait(Duration::from_secs(8));
    screen.send("video", 0, pictures(now_ms, 10)).await.ok();
    let admin = scene.installation.person("admin").await;
    let path = format!("/api/v1/recordings/{}/comments", screen.recording);
    for (at_ms, text) in [(1000, "before"), (4000, "of that time")] {
        admin.post(&path, json!({ "at_ms": at_ms, "text": text })).await.ok();
    }
    assert_eq!(discard(&screen, (now_ms + 2001, now_ms + 6000)).await.status, StatusCode::ACCEPTED);
    let left = admin.get(&path).await.ok();
    let said: Vec<_> = left["items"].as_array().unwrap().iter().map(|item| &item["text"]).collect();
    assert_eq!(said, ["before"]);
}

#[tokio::test]
async fn it_is_taken_back_also_after_recording_was_switched_off() {
    let scene = scene().await;
    let (screen, now_ms) = (scene.start().await, scene.now_ms);
    scene.installation.wait(Duration::from_secs(4));
    screen.send("video", 0, pictures(now_ms, 10)).await.ok();
    screen.send("video", 1, pictures(now_ms + 2000, 10)).await.ok();
    scene.installation.wait(Duration::from_secs(16 * 60));
    say(&scene.installation, "capture.recording.enabled", json!(false)).await;
    assert_eq!(screen.send("video", 2, pictures(now_ms + 4000, 5)).await.problem(), "token-expired");
    assert_eq!(discard(&screen, (now_ms + 2001, now_ms + 4000)).await.status, StatusCode::ACCEPTED);
    scene.installation.carry_erasures_on().await;
    end(&screen).await;
    let (_, play) = scene.play(&screen.recording).await;
    assert_eq!(track(&play, "video")["segments"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn it_reaches_no_further_than_an_hour_of_the_last_day() {
    let mut scene = scene().await;
    let (screen, began_ms) = (scene.start().await, scene.now_ms);
    scene.wait(Duration::from_secs(2));
    screen.send("video", 0, pictures(began_ms, 10)).await.ok();
    let refused = discard(&screen, (began_ms, began_ms + HOUR_MS + 1)).await;
    assert_eq!((refused.status, refused.problem()), (StatusCode::UNPROCESSABLE_ENTITY, "segment-malformed"));
    // Before it began, and after now, there is nothing of it.
    assert_eq!(discard(&screen, (began_ms - 5000, began_ms - 1000)).await.status, StatusCode::ACCEPTED);
    assert_eq!(discard(&screen, (began_ms + 60_000, began_ms + 90_000)).await.status, StatusCode::ACCEPTED);
    scene.wait(Duration::from_secs(60));
    screen.send("video", 1, pictures(began_ms + 60_000, 5)).await.ok();
    scene.wait(Duration::from_secs(25 * 3600));
    let refused = discard(&screen, (began_ms, began_ms + 1000)).await;
    assert_eq!((refused.status, refused.problem()), (StatusCode::UNPROCESSABLE_ENTITY, "segment-malformed"));
    end(&screen).await;
    let (_, play) = scene.play(&screen.recording).await;
    let video = track(&play, "video");
    assert_eq!(video["segments"].as_array().unwrap().len(), 2, "{video}");
    assert!(video["gaps"].as_array().unwrap().iter().all(|gap| gap["reason"] != "discarded"), "{video}");
}

#[tokio::test]
async fn of_what_was_deleted_it_says_that_nothing_was_erased() {
    let scene = scene().await;
    let (screen, now_ms) = (scene.start().await, scene.now_ms);
    scene.installation.wait(Duration::from_secs(4));
    screen.send("video", 0, pictures(now_ms, 10)).await.ok();
    let admin = scene.installation.proven("admin").await;
    admin.post(&format!("/api/v1/recordings/{}/delete", screen.recording), json!({})).await.ok();
    let answer = discard(&screen, (now_ms, now_ms + 1000)).await;
    assert_eq!((answer.status, answer.problem()), (StatusCode::CONFLICT, "deleted"));
}

#[tokio::test]
async fn what_stays_is_known_when_it_comes_again_and_numbers_go_on_behind_it() {
    let scene = scene().await;
    let (screen, now_ms) = (scene.start().await, scene.now_ms);
    scene.installation.wait(Duration::from_secs(8));
    for sequence in 0..4 {
        let at = now_ms + 2000 * i64::try_from(sequence).unwrap();
        screen.send_sealed("video", sequence, &pictures(at, 9)).await.ok();
        screen.send_sealed("actions", sequence, &actions(at)).await.ok();
    }
    assert_eq!(discard(&screen, (now_ms + 4001, now_ms + 8000)).await.status, StatusCode::ACCEPTED);
    scene.installation.carry_erasures_on().await;
    let again = screen.send_sealed("video", 0, &pictures(now_ms, 9)).await.ok();
    assert_eq!(again["repeated"], true);
    let other = screen.send_sealed("video", 0, &pictures(now_ms, 8)).await;
    assert_eq!((other.status, other.problem()), (StatusCode::CONFLICT, "sequence-taken"));
    let same = scene.recorder.start(now_ms, crate::screens::WRITER, Some(&screen.token)).await;
    assert_eq!(same.started["tracks"]["video"]["next_sequence"], 4);
}
