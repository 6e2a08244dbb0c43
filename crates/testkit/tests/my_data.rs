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

/// A recording about somebody of the organisation.
async fn about(admin: &Caller, site: &Value, person: &str) -> String {
    let events = snapshot(1_795_000_000_000, 2, "x").to_string();
    let path = format!("/api/v1/sites/{}/imports?about={person}", site["id"].as_str().unwrap());
    admin.send("POST", &path, events).await.ok()["recording"].as_str().unwrap().to_owned()
}

async fn own_id(caller: &Caller) -> String {
    caller.get("/api/v1/session").await.ok()["person"]["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn each_sees_what_shows_them_with_everybody_who_looked_and_who_was_refused() {
    let installation = Installation::new().await;
    let (admin, manager) = (installation.person("admin").await, installation.person("manager").await);
    let member = installation.person("member").await;
    let site = installation.site(&admin).await;
    let recording = about(&admin, &site, &own_id(&member).await).await;
    about(&admin, &site, &own_id(&manager).await).await;
    let plays = format!("/api/v1/recordings/{recording}/plays");
    admin.post(&plays, json!({ "reason": "support ticket 7" })).await.ok();
    assert_eq!(manager.post(&plays, json!({})).await.status, StatusCode::NOT_FOUND, "they do not report");

    let mine = member.get("/api/v1/my/data").await.ok();
    let [shown] = mine["recordings"].as_array().unwrap().as_slice() else { panic!("{mine}") };
    let [looked] = shown["viewers"].as_array().unwrap().as_slice() else { panic!("{shown}") };
    assert_eq!(shown["id"], recording.as_str());
    assert_eq!(
        (&looked["person"]["id"], &looked["reason"]),
        (&json!(own_id(&admin).await), &json!("support ticket 7"))
    );
    let [tried] = mine["refused"].as_array().unwrap().as_slice() else { panic!("{mine}") };
    assert_eq!(
        (&tried["actor"]["id"], &tried["action"]),
        (&json!(own_id(&manager).await), &json!("recording.play"))
    );
    let theirs = manager.get("/api/v1/my/data").await.ok();
    assert_eq!((theirs["recordings"].as_array().unwrap().len(), &theirs["refused"]), (1, &json!([])));
    assert_ne!(theirs["recordings"][0]["id"], recording.as_str());
}
