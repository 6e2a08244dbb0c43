//! Rights about what is said of recordings: nothing of it leaks through lists, helps those from outside, or goes under a hold.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use axum::http::StatusCode;
use clerestory_store::people::Role;
use serde_json::{Value, json};

use super::coaching::{Shown, patch, said, text, visit};
use super::people::add;
use super::support::let_in;

#[tokio::test]
async fn a_playlist_shows_no_clip_to_whoever_may_not_see_its_recordings_clips() {
    let shown = Shown::new().await;
    let other = visit(&shown.installation, &shown.site_key, 2).await.recording;
    let asked = json!({ "title": "How not to do it", "from_ms": 1000, "to_ms": 2000 });
    let clips = format!("/api/v1/recordings/{other}/clips");
    let foreign = text(&shown.admin.post(&clips, asked).await.ok()["id"]);
    let own = shown.clip(1, 2).await;
    let list = text(&shown.admin.post("/api/v1/playlists", json!({ "title": "All" })).await.ok()["id"]);
    let list = format!("/api/v1/playlists/{list}");
    let items = json!({ "items": [{ "kind": "clip", "id": foreign }, { "kind": "clip", "id": own },
        { "kind": "recording", "id": other }] });
    patch(&shown.admin, &list, items).await.ok();

    // Whoever may watch everything, and comment on their own, sees recordings of others and no clips of them.
    let session = shown.member.get("/api/v1/session").await.ok();
    let roles = json!({ "role": "member", "also": ["viewer"] }).to_string();
    let path = format!("/api/v1/people/{}/roles", text(&session["person"]["id"]));
    shown.admin.send("PUT", &path, roles).await.ok();
    let viewer = shown.installation.person("member").await;
    assert!(!viewer.get(&clips).await.status.is_success());
    let seen = viewer.get(&list).await.ok();
    assert!(!seen.to_string().contains("How not to do it"), "{seen}");
    let kinds: Vec<&Value> = seen["items"].as_array().unwrap().iter().map(|item| &item["kind"]).collect();
    assert_eq!((kinds, &seen["hidden"]), (vec![&json!("clip"), &json!("recording")], &json!(1)));
    let listed = viewer.get("/api/v1/playlists").await.ok();
    assert_eq!((&listed["items"][0]["items"], &listed["items"][0]["hidden"]), (&json!(2), &json!(1)));
    let play = viewer.post(&format!("/api/v1/clips/{foreign}/plays"), json!({})).await;
    assert_eq!(play.status, StatusCode::NOT_FOUND, "{}", play.json);
    let mine = text(&viewer.post("/api/v1/playlists", json!({ "title": "Mine" })).await.ok()["id"]);
    let items = json!({ "items": [{ "kind": "clip", "id": foreign }] });
    let put = patch(&viewer, &format!("/api/v1/playlists/{mine}"), items).await;
    assert_eq!(put.problem(), "does-not-fit");
}

#[tokio::test]
async fn a_calendar_is_lent_to_nobody() {
    let shown = Shown::new().await;
    let supporter = let_in(&shown.installation, &shown.admin, "rae@outside.example", json!({})).await;
    let listed = supporter.caller.get("/api/v1/recordings").await.ok();
    assert!(!listed["items"].as_array().unwrap().is_empty(), "recordings themselves are");
    let session = shown.member.get("/api/v1/session").await.ok();
    let path = format!("/api/v1/people/{}/calendar", text(&session["person"]["id"]));
    let status = supporter.caller.get(&path).await.status;
    assert!(matches!(status.as_u16(), 403 | 404), "{status}");
}

#[tokio::test]
async fn what_was_said_stays_as_it_is_under_a_hold() {
    let shown = Shown::new().await;
    let comment = shown.say(&shown.admin, 5, "For this they go").await;
    let clip = shown.clip(1, 9).await;
    let note = json!({ "state": "waiting", "note": "look here" });
    shown.admin.send("PUT", &shown.path("review"), note.to_string()).await.ok();
    add(&shown.installation, shown.installation.organisation, "Second", Role::Admin).await;
    let second = shown.installation.person("second").await;
    let hold = json!({ "scope": { "recording": shown.recording }, "matter": "M", "reason": "R" });
    let admin = shown.installation.proven("admin").await;
    let hold = format!("/api/v1/holds/{}", text(&admin.post("/api/v1/holds", hold).await.ok()["id"]));
    second.post(&format!("{hold}/confirm"), json!({})).await.ok();

    let (comment, clip) = (format!("/api/v1/comments/{comment}"), format!("/api/v1/clips/{clip}"));
    let changed = [
        patch(&admin, &comment, json!({ "text": "Never mind" })).await,
        admin.delete(&comment).await,
        patch(&admin, &clip, json!({ "title": "Another" })).await,
        admin.delete(&clip).await,
        admin.send("PUT", &shown.path("review"), json!({ "state": "done", "note": null }).to_string()).await,
        admin.delete(&shown.path("review")).await,
    ];
    for answer in changed {
        assert_eq!((answer.status, answer.problem()), (StatusCode::CONFLICT, "held"), "{}", answer.json);
    }
    // More may be said.
    shown.say(&shown.admin, 6, "And more").await;
    admin.send("PUT", &shown.path("review"), json!({ "state": "done" }).to_string()).await.ok();
    assert_eq!(said(&admin.get(&shown.path("comments")).await.ok()), ["For this they go", "And more"]);
    admin.post(&format!("{hold}/release"), json!({})).await.ok();
    second.post(&format!("{hold}/confirm"), json!({})).await.ok();
    assert_eq!(admin.delete(&comment).await.status, StatusCode::NO_CONTENT);
}
