//! Watching that a second person agrees to first.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use std::time::Duration;

use axum::http::StatusCode;
use clerestory_testkit::visit::{Visit, snapshot};
use clerestory_testkit::{Answer, Caller, Installation};
use serde_json::{Value, json};

struct Scene {
    installation: Installation,
    admin: Caller,
    manager: Caller,
    recording: String,
}

/// A visit, in an organisation that wants four eyes.
async fn scene() -> Scene {
    let installation = Installation::new().await;
    let admin = installation.proven("admin").await;
    let manager = installation.proven("manager").await;
    let site = installation.site(&admin).await;
    let now = installation.now().unix_millis() as i64;
    let recorder = installation.recorder("https://shop.example");
    let visit = Visit::start(recorder, site["site_key"].as_str().unwrap(), now).await;
    visit.send(0, &snapshot(now, 2, "x")).await.ok();
    // It is over: to watch it meanwhile would be a right of its own.
    visit.sender().post("/api/v1/capture/end", json!({ "reason": "stopped" })).await;
    installation.switch_on(&["manager.scope.visitors", "view.four_eyes"]).await;
    Scene { installation, admin, manager, recording: visit.recording }
}

fn rule(answer: &Answer) -> &str {
    answer.json["type"].as_str().unwrap_or_default().rsplit(':').next().unwrap()
}

impl Scene {
    async fn play(&self, caller: &Caller) -> Answer {
        caller.post(&format!("/api/v1/recordings/{}/plays", self.recording), json!({})).await
    }

    async fn ask(&self, caller: &Caller, reason: &str) -> Answer {
        caller
            .post(&format!("/api/v1/recordings/{}/views", self.recording), json!({ "reason": reason }))
            .await
    }

    async fn answer(&self, caller: &Caller, view: &Value, answer: &str) -> Answer {
        let path = format!("/api/v1/views/{}/answer", view["id"].as_str().unwrap());
        caller.post(&path, json!({ "answer": answer })).await
    }
}

#[tokio::test]
async fn nothing_is_watched_before_somebody_else_agreed_and_only_for_a_while() {
    let scene = scene().await;
    let Scene { installation, admin, manager, .. } = &scene;
    assert_eq!(rule(&scene.play(manager).await), "second-person-needed");
    assert_eq!(rule(&scene.ask(manager, "  ").await), "reason-required");
    let view = scene.ask(manager, "ticket 7").await.ok();
    assert_eq!(scene.ask(manager, "again").await.ok()["id"], view["id"], "asked once");
    assert_eq!(rule(&scene.play(manager).await), "second-person-waited-for");

    let listed = admin.get("/api/v1/views").await.ok();
    let shown = &listed["items"][0];
    assert_eq!((&shown["state"], &shown["reason"]), (&json!("waiting"), &json!("ticket 7")));
    // Not by themselves, not by whoever may not, not by another organisation.
    assert_eq!(scene.answer(manager, &view, "allowed").await.status, StatusCode::NOT_FOUND);
    let stranger = installation.proven("stranger").await;
    assert_eq!(scene.answer(&stranger, &view, "allowed").await.status, StatusCode::NOT_FOUND);
    let own = scene.ask(admin, "mine").await.ok();
    assert_eq!(rule(&scene.answer(admin, &own, "allowed").await), "own-view");

    assert_eq!(scene.answer(admin, &view, "allowed").await.status, StatusCode::NO_CONTENT);
    assert_eq!(rule(&scene.answer(admin, &view, "refused").await), "answered");
    assert_eq!(scene.play(manager).await.status, StatusCode::CREATED);
    assert_eq!(rule(&scene.play(admin).await), "second-person-waited-for", "it is theirs alone");
    installation.wait(Duration::from_secs(4 * 3600));
    let manager = installation.proven("manager").await;
    assert_eq!(rule(&scene.play(&manager).await), "second-person-needed", "four hours later");
    let differences = installation.app.replay_authority().await.unwrap();
    assert!(differences.is_empty(), "{differences:?}");
}

#[tokio::test]
async fn a_refusal_stands_until_it_is_asked_again_and_a_question_runs_out() {
    let scene = scene().await;
    let Scene { installation, admin, manager, .. } = &scene;
    let view = scene.ask(manager, "curious").await.ok();
    assert_eq!(scene.answer(admin, &view, "refused").await.status, StatusCode::NO_CONTENT);
    assert_eq!(rule(&scene.play(manager).await), "second-person-refused");
    let again = scene.ask(manager, "ticket 8").await.ok();
    assert_ne!(again["id"], view["id"]);
    installation.wait(Duration::from_secs(24 * 3600));
    let admin = installation.proven("admin").await;
    assert_eq!(rule(&scene.answer(&admin, &again, "allowed").await), "answered", "a day later");
    let listed = admin.get("/api/v1/views").await.ok();
    let shown = listed["items"].as_array().unwrap().iter().find(|item| item["id"] == again["id"]).unwrap();
    assert_eq!(shown["state"], "over");
}

#[tokio::test]
async fn a_row_that_allows_itself_is_found_by_the_replay() {
    let scene = scene().await;
    scene.ask(&scene.manager, "ticket 9").await.ok();
    let forged: Result<u64, clerestory_sql::SqlError> = scene
        .installation
        .app
        .database
        .write(clerestory_sql::Lane::Interactive, |tx| {
            Box::pin(async move {
                tx.execute("UPDATE asked_views SET answer = 'allowed', answered_by = person_id", &[]).await
            })
        })
        .await;
    assert_eq!(forged.unwrap(), 1);
    let differences = scene.installation.app.replay_authority().await.unwrap();
    assert!(differences.iter().any(|found| found.to_string().contains("asked_views")), "{differences:?}");
}

/// An export is a look like any other: a second person agrees to it, and it stands among those who watched.
#[tokio::test]
async fn what_an_export_shows_of_others_is_agreed_to_and_on_record() {
    let scene = scene().await;
    let Scene { installation, admin, recording, .. } = &scene;
    let facts = admin.get(&format!("/api/v1/recordings/{recording}")).await.ok();
    let asked = json!({ "subject": facts["subject"]["id"], "kind": "export" });
    let request = admin.post("/api/v1/requests", asked).await.ok();
    let path = format!("/api/v1/requests/{}", request["id"].as_str().unwrap());
    admin.post(&format!("{path}/fulfil"), json!({})).await.ok();
    let file = format!("recordings/{recording}/");
    let looks = async || {
        let listed = admin.get(&format!("/api/v1/recordings/{recording}/viewers")).await.ok();
        listed["items"].as_array().unwrap().len()
    };
    let holds = |bytes: &[u8]| bytes.windows(file.len()).any(|window| window == file.as_bytes());
    let archive = admin.get(&format!("{path}/export")).await;
    assert!(archive.status.is_success() && !holds(&archive.bytes), "nobody has agreed");
    assert_eq!(looks().await, 0);

    let view = scene.ask(admin, "the visitor asks for it").await.ok();
    let manager = id_of(admin, "manager@example.org").await;
    let up = json!({ "role": "admin" }).to_string();
    admin.send("PUT", &format!("/api/v1/people/{manager}/roles"), up).await.ok();
    let second = installation.proven("manager").await;
    assert_eq!(scene.answer(&second, &view, "allowed").await.status, StatusCode::NO_CONTENT);
    let archive = admin.get(&format!("{path}/export")).await;
    assert!(archive.status.is_success() && holds(&archive.bytes), "somebody has agreed");
    assert_eq!(looks().await, 1);
}

async fn id_of(admin: &Caller, email: &str) -> String {
    let people = admin.get("/api/v1/people").await.ok();
    let found = people["items"].as_array().unwrap().iter().find(|person| person["email"] == email);
    found.unwrap()["id"].as_str().unwrap().to_owned()
}
