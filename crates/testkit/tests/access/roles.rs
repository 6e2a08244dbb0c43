//! Roles, over the API: those every organisation has beside the first three, and those it makes for itself.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use axum::http::StatusCode;
use clerestory_testkit::visit::{Visit, snapshot};
use clerestory_testkit::{Answer, Caller, Installation};
use serde_json::{Value, json};

const FORBIDDEN: StatusCode = StatusCode::FORBIDDEN;

async fn id_of(admin: &Caller, name: &str) -> String {
    let people = admin.get("/api/v1/people").await.ok();
    let items = people["items"].as_array().unwrap();
    let found = items.iter().find(|person| person["email"] == format!("{name}@example.org"));
    found.unwrap()["id"].as_str().unwrap().to_owned()
}

/// Gives somebody roles, and lets them come in again: their sessions ended by it.
async fn give(
    installation: &Installation,
    admin: &Caller,
    who: &str,
    (role, also): (&str, &[&str]),
) -> Caller {
    let id = id_of(admin, who).await;
    let asked = json!({ "role": role, "also": also }).to_string();
    admin.send("PUT", &format!("/api/v1/people/{id}/roles"), asked).await.ok();
    installation.proven(who).await
}

/// A visit that was recorded.
async fn visit(installation: &Installation, admin: &Caller) -> String {
    let site = installation.site(admin).await;
    let now = installation.now().unix_millis() as i64;
    let recorder = installation.recorder("https://shop.example");
    let visit = Visit::start(recorder, site["site_key"].as_str().unwrap(), now).await;
    visit.send(0, &snapshot(now, 2, "x")).await.ok();
    visit.sender().post("/api/v1/capture/end", json!({ "reason": "stopped" })).await;
    visit.recording
}

async fn make(by: &Caller, rights: Value) -> Answer {
    by.post("/api/v1/roles", json!({ "name": "Our own", "rights": rights })).await
}

fn rule(answer: &Answer) -> &str {
    answer.json["type"].as_str().unwrap().rsplit(':').next().unwrap()
}

async fn clean(installation: &Installation) {
    let differences = installation.app.replay_authority().await.unwrap();
    assert!(differences.is_empty(), "{differences:?}");
}

#[tokio::test]
async fn specialists_do_their_part_and_nothing_else() {
    let installation = Installation::new().await;
    let admin = installation.proven("admin").await;
    let recording = visit(&installation, &admin).await;
    let play = format!("/api/v1/recordings/{recording}/plays");

    let auditor = give(&installation, &admin, "member", ("member", &["auditor"])).await;
    auditor.get("/api/v1/audit").await.ok();
    auditor.get("/api/v1/settings").await.ok();
    assert_eq!(auditor.post(&play, json!({})).await.status, StatusCode::NOT_FOUND);
    assert_eq!(auditor.get("/api/v1/holds").await.status, FORBIDDEN);
    assert!(auditor.get("/api/v1/recordings").await.ok()["items"].as_array().unwrap().is_empty());

    let viewer = give(&installation, &admin, "member", ("member", &["viewer"])).await;
    assert_eq!(viewer.post(&play, json!({})).await.status, StatusCode::CREATED);
    assert_eq!(viewer.get("/api/v1/audit").await.status, FORBIDDEN);

    let privacy = give(&installation, &admin, "member", ("member", &["privacy"])).await;
    let hold = json!({ "scope": { "recording": recording }, "matter": "m", "reason": "r" });
    assert_eq!(privacy.post("/api/v1/holds", hold).await.status, StatusCode::CREATED);
    privacy.get("/api/v1/audit").await.ok();
    assert_eq!(privacy.post(&play, json!({})).await.status, StatusCode::NOT_FOUND);
    // Erasing asks for a proof of who one is.
    let unproven = installation.person("member").await;
    let erase = format!("/api/v1/recordings/{recording}/erasures");
    assert_eq!(rule(&unproven.post(&erase, json!({})).await), "step-up-required");

    let assigner = give(&installation, &admin, "member", ("member", &["assigner"])).await;
    let manager = id_of(&admin, "manager").await;
    let path = format!("/api/v1/people/{manager}/roles");
    let up = json!({ "role": "admin" }).to_string();
    assert_eq!(rule(&assigner.send("PUT", &path, up).await), "role-above-own");
    // Nor is somebody who may do more made less by them, or kept out.
    let down = json!({ "role": "member" }).to_string();
    assert_eq!(rule(&assigner.send("PUT", &path, down).await), "role-above-own");
    let own = format!("/api/v1/people/{}/roles", id_of(&admin, "member").await);
    let same = json!({ "role": "member", "also": ["assigner"] }).to_string();
    assigner.send("PUT", &own, same).await.ok();
    clean(&installation).await;
}

#[tokio::test]
async fn a_role_of_ones_own_allows_what_it_says_while_it_says_so() {
    let installation = Installation::new().await;
    let admin = installation.proven("admin").await;
    visit(&installation, &admin).await;
    let rights = json!({ "audit.read": "organisation", "recording.list": "organisation" });
    let role = make(&admin, rights).await.ok();
    let id = role["id"].as_str().unwrap();
    assert_eq!(role["rights"]["audit.read"]["scope"], "organisation");

    let reader = give(&installation, &admin, "member", ("member", &[id])).await;
    reader.get("/api/v1/audit").await.ok();
    assert_eq!(reader.get("/api/v1/recordings").await.ok()["items"].as_array().unwrap().len(), 1);
    let told = admin.get("/api/v1/audit?action=recording.list").await.ok();
    let rules: Vec<&str> =
        told["items"].as_array().unwrap().iter().map(|entry| entry["rule"].as_str().unwrap()).collect();
    assert!(rules.contains(&format!("matrix recording.list {id} organisation").as_str()), "{rules:?}");

    let listed = admin.get("/api/v1/roles").await.ok();
    let own = listed["items"].as_array().unwrap().iter().find(|item| item["id"] == id).unwrap();
    assert_eq!((own["name"].as_str(), own["people"].as_u64()), (Some("Our own"), Some(1)));
    assert_eq!(listed["items"].as_array().unwrap().len(), 9, "eight that everybody has, and this");
    for role in ["member", "manager", "admin", "auditor"] {
        let shown = listed["items"].as_array().unwrap().iter().find(|item| item["id"] == role).unwrap();
        assert_eq!(shown["builtin"], true);
        assert_eq!(rule(&admin.delete(&format!("/api/v1/roles/{role}")).await), "built-in-role");
    }

    // Another organisation neither sees nor changes it, nor gives it to its people.
    let stranger = installation.proven("stranger").await;
    let path = format!("/api/v1/roles/{id}");
    assert_eq!(stranger.get("/api/v1/roles").await.ok()["items"].as_array().unwrap().len(), 8);
    for (method, body) in [("PATCH", r#"{"name":"Mine"}"#), ("DELETE", "")] {
        assert_eq!(stranger.send(method, &path, body).await.status, StatusCode::NOT_FOUND, "{method}");
    }
    let theirs = id_of(&stranger, "stranger").await;
    let asked = json!({ "role": "admin", "also": [id] }).to_string();
    let given = stranger.send("PUT", &format!("/api/v1/people/{theirs}/roles"), asked).await;
    assert_eq!(given.status, StatusCode::UNPROCESSABLE_ENTITY);

    // Less from one moment to the next, in the session that runs.
    let less = json!({ "name": "Lists", "rights": { "recording.list": "organisation" } }).to_string();
    assert_eq!(admin.send("PATCH", &path, less).await.ok()["people"], 1);
    assert_eq!(reader.get("/api/v1/audit").await.status, FORBIDDEN);
    clean(&installation).await;
    assert_eq!(admin.delete(&path).await.status, StatusCode::NO_CONTENT);
    assert!(reader.get("/api/v1/recordings").await.ok()["items"].as_array().unwrap().is_empty());
    clean(&installation).await;
}

#[tokio::test]
async fn a_role_is_bounded_by_its_maker() {
    let installation = Installation::new().await;
    let admin = installation.proven("admin").await;
    let unproven = installation.person("admin").await;
    assert_eq!(rule(&make(&unproven, json!({ "audit.read": "own" })).await), "step-up-required");
    for (rights, why) in [
        (json!({}), "does-not-fit"),
        (json!({ "segments.unwrap": "organisation" }), "right-beyond-own"),
        (json!({ "maintain.sweep": "organisation" }), "right-beyond-own"),
        (json!({ "setting.write.business": "organisation" }), "right-beyond-own"),
        (json!({ "profile.read": "organisation" }), "right-beyond-own"),
    ] {
        assert_eq!(rule(&make(&admin, rights.clone()).await), why, "{rights}");
    }
    let rights = json!({ "role.manage": "organisation", "person.roles": "organisation" });
    let maker = make(&admin, rights).await.ok();
    let maker = maker["id"].as_str().unwrap();

    // A manager who may make roles puts nothing into them that they may not do, and not as far.
    let manager = give(&installation, &admin, "manager", ("manager", &[maker])).await;
    for beyond in [
        json!({ "policy.edit": "organisation" }),
        json!({ "recording.list": "organisation" }),
        json!({ "person.list": "reports", "audit.read": "organisation" }),
    ] {
        assert_eq!(rule(&make(&manager, beyond.clone()).await), "right-beyond-own", "{beyond}");
    }
    let within =
        make(&manager, json!({ "recording.list": "reports", "site.list": "organisation" })).await.ok();
    let path = format!("/api/v1/roles/{}", within["id"].as_str().unwrap());
    let wider = json!({ "rights": { "recording.list": "organisation" } }).to_string();
    assert_eq!(rule(&manager.send("PATCH", &path, wider).await), "right-beyond-own");

    // Nor do they become more by giving roles, an existing one included.
    let watch = make(&admin, json!({ "recording.play": "organisation" })).await.ok();
    let own = format!("/api/v1/people/{}/roles", id_of(&admin, "manager").await);
    for also in [watch["id"].as_str().unwrap(), "viewer", "privacy", "admin"] {
        let asked = json!({ "role": "manager", "also": [maker, also] }).to_string();
        assert_eq!(rule(&manager.send("PUT", &own, asked).await), "role-above-own", "{also}");
    }
    // Who keeps people has no way into an account that may do more: not by a new invitation, not by a block.
    let keeper = json!({ "person.manage": "organisation", "person.list": "organisation",
        "person.line": "organisation", "person.read": "organisation" });
    let keeper = make(&admin, keeper).await.ok();
    let keeper = give(&installation, &admin, "member", ("member", &[keeper["id"].as_str().unwrap()])).await;
    let invited = json!({ "name": "New", "email": "new@example.org", "role": "admin" });
    let invited = admin.post("/api/v1/people", invited).await.ok();
    let them = format!("/api/v1/people/{}", invited["person"]["id"].as_str().unwrap());
    assert_eq!(rule(&keeper.post(&format!("{them}/invitation"), json!({})).await), "role-above-own");
    assert_eq!(rule(&keeper.delete(&them).await), "role-above-own");
    // And lets nobody report to themselves in order to see them.
    let line = json!({ "manager": id_of(&admin, "member").await }).to_string();
    assert_eq!(rule(&keeper.send("PUT", &format!("{them}/manager"), line).await), "right-beyond-own");
    let asked = json!({ "role": "auditor" }).to_string();
    assert_eq!(rule(&admin.send("PUT", &own, asked).await), "does-not-fit", "nobody is only a specialist");
    clean(&installation).await;
}
