//! Runs of browsers: how long they are one recording, and when that is about now.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use std::time::Duration;

use axum::http::StatusCode;
use clerestory_testkit::screen::{pictures, say};
use serde_json::{Value, json};

use crate::screens::{OTHER, Scene, WRITER, actions, scene};

const DAY: Duration = Duration::from_secs(24 * 3600);

async fn listed(scene: &Scene, role: &str) -> Value {
    let somebody = scene.installation.person(role).await;
    somebody.get("/api/v1/recordings?source=screen").await.ok()["items"][0].clone()
}

#[tokio::test]
async fn a_start_whose_answer_was_lost_begins_nothing_more() {
    let scene = scene().await;
    let first = scene.start().await;
    let again = scene.start().await;
    assert_eq!((&again.recording, &again.started["continued"]), (&first.recording, &json!(true)));
    assert_eq!(again.track("video"), first.track("video"));
}

#[tokio::test]
async fn a_run_that_begins_after_a_day_begins_another_recording() {
    let mut scene = scene().await;
    let first = scene.start().await;
    first.send("video", 0, pictures(scene.now_ms, 5)).await.ok();
    scene.wait(Duration::from_secs(23 * 3600));
    let on = scene.recorder.start(scene.now_ms, WRITER, Some(&first.token)).await;
    assert_eq!(on.recording, first.recording);
    on.send("video", 1, pictures(scene.now_ms, 5)).await.ok();
    scene.wait(Duration::from_secs(2 * 3600));
    let same = scene.recorder.start(scene.now_ms, WRITER, Some(&on.token)).await;
    assert_eq!(same.recording, first.recording, "this run is in it");
    let other = scene.recorder.start(scene.now_ms, OTHER, Some(&same.token)).await;
    assert_ne!(other.recording, first.recording);
}

#[tokio::test]
async fn what_a_token_let_be_captured_is_taken_late_and_what_came_after_it_is_not() {
    let mut scene = scene().await;
    let screen = scene.start().await;
    screen.send("video", 0, pictures(scene.now_ms, 5)).await.ok();
    let then_ms = scene.now_ms + 2000;
    scene.wait(2 * DAY);
    screen.send_sealed("video", 1, &pictures(then_ms, 5)).await.ok();
    let refused = screen.send_sealed("video", 2, &pictures(scene.now_ms, 5)).await;
    assert_eq!((refused.status, refused.problem()), (StatusCode::UNAUTHORIZED, "token-expired"));
}

#[tokio::test]
async fn what_goes_on_says_of_itself_only_what_may_be_watched() {
    let scene = scene().await;
    let screen = scene.start().await;
    scene.installation.wait(Duration::from_secs(2));
    screen.send("video", 0, pictures(scene.now_ms, 5)).await.ok();
    screen.send("actions", 0, actions(scene.now_ms)).await.ok();
    let now = listed(&scene, "admin").await;
    assert_eq!((&now["live"], &now["summary"]), (&json!(true), &Value::Null), "{now}");
    assert_eq!(listed(&scene, "member").await["summary"]["title"], "Orders", "it is their own");
    say(&scene.installation, "capture.recording.live_view", json!("admin")).await;
    assert_eq!(listed(&scene, "admin").await["summary"]["title"], "Orders");
    say(&scene.installation, "capture.recording.live_view", json!("off")).await;
    // A browser that was closed may go on within a day; what it recorded is played meanwhile like anything.
    scene.installation.wait(Duration::from_secs(121));
    let later = listed(&scene, "admin").await;
    assert_eq!((&later["live"], &later["summary"]["title"]), (&json!(false), &json!("Orders")));
    let admin = scene.installation.person("admin").await;
    let path = format!("/api/v1/recordings/{}/plays", screen.recording);
    let play = admin.post(&path, json!({})).await.ok();
    let on = scene.recorder.start(scene.now_ms + 125_000, WRITER, Some(&screen.token)).await;
    on.send("video", 1, pictures(scene.now_ms + 122_000, 5)).await.ok();
    let path =
        format!("/api/v1/plays/{}/tracks/{}/segments/1", play["id"].as_str().unwrap(), on.track("video"));
    assert_eq!(admin.get(&path).await.problem(), "play-ended", "it goes on again");
}
