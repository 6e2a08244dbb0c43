//! What people see about themselves: theirs and nobody else's, on record once and then ridden on.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use axum::http::StatusCode;
use clerestory_testkit::visit::{Visit, snapshot};
use clerestory_testkit::{Caller, Installation};
use serde_json::{Value, json};

/// The number of the last entry of the organisation's log.
async fn head(admin: &Caller) -> u64 {
    admin.get("/api/v1/audit?limit=1").await.ok()["head"]["number"].as_u64().unwrap()
}

#[tokio::test]
async fn what_shows_others_is_nobody_elses() {
    let installation = Installation::new().await;
    let admin = installation.person("admin").await;
    let site = installation.site(&admin).await;
    let now = installation.now().unix_millis() as i64;
    let recorder = installation.recorder("https://shop.example");
    let visit = Visit::start(recorder, site["site_key"].as_str().unwrap(), now).await;
    visit.send(0, &snapshot(now, 2, "x")).await.ok();
    admin.post(&format!("/api/v1/recordings/{}/plays", visit.recording), json!({})).await.ok();
    for who in ["admin", "manager", "member", "stranger"] {
        let mine = installation.person(who).await.get("/api/v1/my/data").await.ok();
        assert_eq!((&mine["recordings"], &mine["refused"]), (&json!([]), &json!([])), "{who}");
        assert_eq!(mine["next_cursor"], Value::Null, "{who}");
    }
    assert_eq!(installation.anonymous().get("/api/v1/my/data").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_page_that_refreshes_itself_leaves_one_entry_and_rides_on_no_other() {
    let installation = Installation::new().await;
    let (admin, member) = (installation.person("admin").await, installation.person("member").await);
    let first = member.get("/api/v1/my/data").await.ok()["entry"].as_u64().unwrap();
    let before = head(&admin).await;
    for _ in 0..3 {
        let again = member.get(&format!("/api/v1/my/data?continues={first}")).await.ok();
        assert_eq!(again["entry"], first);
    }
    assert_eq!(head(&admin).await, before + 1, "the reading of the log itself");
    let manager = installation.person("manager").await;
    let theirs = manager.get(&format!("/api/v1/my/data?continues={first}")).await;
    assert_eq!(theirs.status, StatusCode::NOT_FOUND);
    let list = admin.get("/api/v1/recordings").await.ok()["entry"].as_u64().unwrap();
    let other = admin.get(&format!("/api/v1/my/data?continues={list}")).await;
    assert_eq!(other.status, StatusCode::NOT_FOUND, "an entry of another list");
}

#[tokio::test]
async fn what_was_deleted_is_told_to_whom_it_shows_until_it_is_erased() {
    let installation = Installation::new().await;
    let (admin, member) = (installation.proven("admin").await, installation.person("member").await);
    let site = installation.site(&admin).await;
    let own = member.get("/api/v1/session").await.ok();
    let about = own["person"]["id"].as_str().unwrap();
    let path = format!("/api/v1/sites/{}/imports?about={about}", site["id"].as_str().unwrap());
    let made = admin.send("POST", &path, snapshot(1_795_000_000_000, 1, "x").to_string()).await.ok();
    let recording = made["recording"].as_str().or(made["id"].as_str()).unwrap().to_owned();
    let told = async || member.get("/api/v1/my/data").await.ok()["recordings"][0].clone();
    let kept = told().await;
    assert_eq!((&kept["state"], &kept["restorable_until"]), (&json!("active"), &Value::Null));
    let delete = format!("/api/v1/recordings/{recording}/delete");
    admin.post(&delete, json!({ "reason": "by mistake" })).await.ok();
    let deleted = told().await;
    assert_eq!((&deleted["id"], &deleted["state"]), (&json!(recording), &json!("soft_deleted")));
    assert!(deleted["restorable_until"].is_string(), "{deleted}");
    assert_eq!(member.get("/api/v1/recordings").await.ok()["items"], json!([]), "it is in no other list");
}
