//! What managers read of the log: what was done about those who report to them, and nothing that these did themselves.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use std::collections::BTreeSet;

use clerestory_testkit::visit::{Visit, snapshot};
use clerestory_testkit::{Caller, Installation};
use serde_json::{Value, json};

use super::PASSWORD;

async fn id_of(caller: &Caller) -> String {
    caller.get("/api/v1/session").await.ok()["person"]["id"].as_str().unwrap().to_owned()
}

async fn say(admin: &Caller, name: &str, value: Value) {
    let version = admin.get("/api/v1/settings").await.ok()["version"].as_u64().unwrap();
    let admin = admin.clone().with("if-match", format!("\"{version}\""));
    admin.send("PUT", &format!("/api/v1/settings/{name}"), json!({ "value": value }).to_string()).await.ok();
}

/// A recording about somebody, which an Admin watches.
async fn watched(admin: &Caller, site: &str, person: &str) -> String {
    let path = format!("/api/v1/sites/{site}/imports?about={person}");
    let events = snapshot(1_795_000_000_000, 1, "x").to_string();
    admin.prove(PASSWORD).await;
    let imported = admin.send("POST", &path, events).await.ok();
    let recording = imported["recording"].as_str().unwrap().to_owned();
    admin.post(&format!("/api/v1/recordings/{recording}/plays"), json!({})).await.ok();
    recording
}

/// The objects of the entries that somebody reads, page by page.
async fn read(caller: &Caller) -> BTreeSet<String> {
    entries(caller).await.iter().filter_map(|item| item["object"]["id"].as_str()).map(str::to_owned).collect()
}

async fn entries(caller: &Caller) -> Vec<Value> {
    let (mut found, mut path) = (Vec::new(), "/api/v1/audit?limit=3".to_owned());
    loop {
        let page = caller.get(&path).await.ok();
        let items = page["items"].as_array().unwrap();
        found.extend(items.iter().cloned());
        match page["next_cursor"].as_str() {
            Some(cursor) => path = format!("/api/v1/audit?limit=3&cursor={cursor}"),
            None => return found,
        }
    }
}

#[tokio::test]
async fn managers_read_of_the_log_what_is_about_who_reports_to_them() {
    let installation = Installation::new().await;
    let (admin, manager, member) = (
        installation.proven("admin").await,
        installation.person("manager").await,
        installation.person("member").await,
    );
    let (boss, report, other) = (id_of(&manager).await, id_of(&member).await, id_of(&admin).await);
    let line = json!({ "manager": boss }).to_string();
    admin.send("PUT", &format!("/api/v1/people/{report}/manager"), line).await.ok();
    let site = installation.site(&admin).await;
    let key = site["site_key"].as_str().unwrap();
    let site = site["id"].as_str().unwrap();
    let now = i64::try_from(installation.now().unix_millis()).unwrap();
    let visit = Visit::start(installation.recorder("https://shop.example"), key, now).await;
    visit.send(0, &snapshot(now, 1, "x")).await.ok();
    admin.post(&format!("/api/v1/recordings/{}/plays", visit.recording), json!({})).await.ok();
    let about_report = watched(&admin, site, &report).await;
    let about_other = watched(&admin, site, &other).await;
    let asked = member.post("/api/v1/my/requests", json!({ "kind": "export" })).await.ok();
    let asked = asked["id"].as_str().unwrap().to_owned();

    // It is answered, and what these people do about themselves is theirs.
    admin.post(&format!("/api/v1/requests/{asked}/extend"), json!({ "reason": "r" })).await.ok();
    installation.app.lifecycle.tell_of_requests("https://console.example").await.unwrap();
    member.prove("high windows, all lit").await;
    member.post(&format!("/api/v1/recordings/{about_report}/plays"), json!({})).await;
    let told = entries(&manager).await;
    assert!(told.iter().all(|entry| entry["actor"]["id"] != report.as_str()), "{told:?}");
    assert!(told.iter().all(|entry| entry["actor"]["kind"] == "person"), "{told:?}");
    assert!(told.iter().any(|entry| entry["object"]["id"] == about_report.as_str()), "{told:?}");
    let seen = read(&manager).await;
    assert!(seen.contains(&report) && seen.contains(&about_report), "{seen:?}");
    for hidden in [&about_other, &visit.recording, &other, &asked, &installation.organisation.to_string()] {
        assert!(!seen.contains(hidden), "{hidden} is not about who reports to them: {seen:?}");
    }
    // Asked for by name, it is not there either.
    for hidden in [&about_other, &other] {
        let found = manager.get(&format!("/api/v1/audit?object={hidden}")).await.ok();
        assert_eq!(found["items"], json!([]));
    }
    // Somebody who leads nobody reads what is about themselves.
    admin
        .send("PUT", &format!("/api/v1/people/{report}/manager"), r#"{"manager":null}"#.to_owned())
        .await
        .ok();
    let seen = read(&manager).await;
    assert!(!seen.contains(&about_report) && !seen.contains(&report), "{seen:?}");

    // All of it where the organisation says both, and not where it says one.
    let everything = installation.organisation.to_string();
    for (all, allowed) in [(false, true), (true, false), (true, true)] {
        say(&admin, "manager.scope.recordings", json!(if all { "all" } else { "reports" })).await;
        say(&admin, "allow.audit.read.manager", json!(allowed)).await;
        assert_eq!(read(&manager).await.contains(&everything), all && allowed, "{all} {allowed}");
    }
}
