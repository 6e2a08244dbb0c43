//! Watching what goes on: a right of its own, asked for at the beginning and as long as it goes on.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use axum::http::StatusCode;
use clerestory_testkit::visit::{Visit, movement, snapshot};
use clerestory_testkit::{Answer, Caller, Installation};
use serde_json::{Value, json};

const FOLLOW: &str = "allow.recording.follow.manager";

struct Scene {
    installation: Installation,
    admin: Caller,
    manager: Caller,
    visit: Visit,
    now_ms: i64,
}

/// A visit that goes on, in an organisation whose managers see visitors.
async fn scene() -> Scene {
    let installation = Installation::new().await;
    installation.switch_on(&["manager.scope.visitors"]).await;
    let admin = installation.proven("admin").await;
    let site = installation.site(&admin).await;
    let now_ms = i64::try_from(installation.now().unix_millis()).unwrap();
    let recorder = installation.recorder("https://shop.example");
    let visit = Visit::start(recorder, site["site_key"].as_str().unwrap(), now_ms).await;
    visit.send(0, &snapshot(now_ms, 2, "x")).await.ok();
    let manager = installation.person("manager").await;
    Scene { installation, admin, manager, visit, now_ms }
}

impl Scene {
    async fn play(&self, caller: &Caller) -> Answer {
        let path = format!("/api/v1/recordings/{}/plays", self.visit.recording);
        caller.post(&path, json!({ "follow": true })).await
    }

    fn segment(&self, play: &Value, number: u64) -> String {
        let (play, track) = (play["id"].as_str().unwrap(), &self.visit.track);
        format!("/api/v1/plays/{play}/tracks/{track}/segments/{number}")
    }

    async fn end(&self) {
        self.visit.sender().post("/api/v1/capture/end", json!({ "reason": "stopped" })).await;
    }

    /// The outcomes that the log tells of, newest first.
    async fn told(&self, action: &str) -> Vec<(String, String)> {
        let told = self.admin.get(&format!("/api/v1/audit?action={action}")).await.ok();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let items = told["items"].as_array().unwrap();
        items.iter().map(|item| (text(&item["outcome"]), text(&item["rule"]))).collect()
    }
}

#[tokio::test]
async fn who_may_not_follow_watches_a_visit_once_it_is_over() {
    let scene = scene().await;
    let refused = scene.play(&scene.manager).await;
    assert_eq!((refused.status, refused.problem()), (StatusCode::FORBIDDEN, "still-going-on"));
    assert_eq!(refused.json["rule"], "matrix recording.follow manager none");
    assert!(refused.json["entry"].is_u64(), "{}", refused.json);
    let rule = "matrix recording.follow manager none".to_owned();
    assert_eq!(scene.told("recording.follow").await, [("refused".to_owned(), rule)]);
    assert_eq!(scene.told("recording.play").await, [], "nothing was watched");
    scene.end().await;
    let play = scene.play(&scene.manager).await.ok();
    assert_eq!(play["live"], false);
    scene.manager.get(&scene.segment(&play, 0)).await.ok();
    assert_eq!(scene.told("recording.follow").await.len(), 1, "what is over is not followed");
}

#[tokio::test]
async fn following_ends_with_the_right_to_and_the_play_goes_on_once_the_visit_is_over() {
    let scene = scene().await;
    scene.installation.switch_on(&[FOLLOW]).await;
    let play = scene.play(&scene.manager).await.ok();
    assert_eq!(play["live"], true);
    let rule = "matrix recording.follow manager visitors".to_owned();
    assert_eq!(scene.told("recording.follow").await, [("allowed".to_owned(), rule)]);
    scene.manager.get(&scene.segment(&play, 0)).await.ok();
    scene.visit.send(1, &movement(scene.now_ms + 900)).await.ok();
    scene.manager.get(&scene.segment(&play, 1)).await.ok();

    let version = scene.admin.get("/api/v1/settings").await.ok()["version"].clone();
    let admin = scene.admin.clone().with("if-match", format!("\"{version}\""));
    let off = json!({ "value": false }).to_string();
    admin.send("PUT", &format!("/api/v1/settings/{FOLLOW}"), off).await.ok();
    let follow = format!("/api/v1/plays/{}/follow", play["id"].as_str().unwrap());
    for path in [scene.segment(&play, 1), follow] {
        assert_eq!(scene.manager.get(&path).await.status, StatusCode::FORBIDDEN, "{path}");
    }
    assert_eq!(scene.told("recording.follow").await[0].0, "refused");
    scene.end().await;
    scene.manager.get(&scene.segment(&play, 1)).await.ok();
}

/// A play that began before this was asked for has no entry of it, and begins again.
#[tokio::test]
async fn a_play_that_was_never_decided_to_follow_does_not() {
    let scene = scene().await;
    let play = scene.play(&scene.admin).await.ok();
    scene.admin.get(&scene.segment(&play, 0)).await.ok();
    scene.installation.execute("UPDATE plays SET follow_entry = NULL", Vec::new()).await;
    assert_eq!(scene.admin.get(&scene.segment(&play, 0)).await.problem(), "play-ended");
    let entry = play["entry"].as_i64().unwrap();
    scene.installation.execute("UPDATE plays SET follow_entry = $1", vec![entry.into()]).await;
    let forged = scene.admin.get(&scene.segment(&play, 0)).await;
    assert_eq!(forged.status, StatusCode::NOT_FOUND, "the entry tells of something else");
}

/// One door more: a request of somebody's hands out nothing that may not be watched yet.
#[tokio::test]
async fn what_goes_on_is_not_handed_out_to_who_may_not_follow() {
    let scene = scene().await;
    let rights = json!({ "request.export": "organisation", "request.manage": "organisation",
        "recording.list": "organisation", "recording.read": "organisation", "recording.play": "organisation" });
    let role = scene.admin.post("/api/v1/roles", json!({ "name": "Answers", "rights": rights })).await.ok();
    let people = scene.admin.get("/api/v1/people").await.ok();
    let member = people["items"].as_array().unwrap().iter().find(|one| one["role"] == "member").unwrap();
    let roles = format!("/api/v1/people/{}/roles", member["id"].as_str().unwrap());
    let given = json!({ "role": "member", "also": [role["id"]] }).to_string();
    scene.admin.send("PUT", &roles, given).await.ok();
    let facts = scene.admin.get(&format!("/api/v1/recordings/{}", scene.visit.recording)).await.ok();
    let asked = json!({ "subject": facts["subject"]["id"], "kind": "export" });
    let request = scene.admin.post("/api/v1/requests", asked).await.ok()["id"].as_str().unwrap().to_owned();
    scene.admin.post(&format!("/api/v1/requests/{request}/fulfil"), json!({})).await.ok();
    let clerk = scene.installation.proven("member").await;
    let fetch = async || {
        let archive = clerk.get(&format!("/api/v1/requests/{request}/export")).await;
        assert_eq!(archive.status, StatusCode::OK, "{}", archive.json);
        String::from_utf8_lossy(&archive.bytes).into_owned()
    };
    let events = format!("recordings/{}/{}.json", scene.visit.recording, scene.visit.track);
    assert!(!fetch().await.contains(&events), "it goes on");
    scene.end().await;
    assert!(fetch().await.contains(&events), "it is over");
}
