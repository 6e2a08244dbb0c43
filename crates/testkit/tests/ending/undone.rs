//! What was allowed and could not be done: the log says that it failed, and nothing says that it happened.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use axum::http::StatusCode;
use clerestory_testkit::kept::Kept;
use clerestory_testkit::{Answer, Caller};
use serde_json::{Value, json};

async fn put(caller: &Caller, path: &str, version: u64, body: Value) -> Answer {
    let caller = caller.clone().with("if-match", format!("\"{version}\""));
    caller.send("PUT", path, body.to_string()).await
}

/// The outcomes of an action in the log, with the rule that each names: newest first.
async fn told(admin: &Caller, action: &str) -> Vec<(String, String)> {
    let log = admin.get(&format!("/api/v1/audit?action={action}")).await.ok();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    log["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| (text(&entry["outcome"]), text(&entry["rule"])))
        .collect()
}

#[tokio::test]
async fn an_entry_says_that_it_failed_and_none_that_it_happened() {
    let kept = Kept::new().await;
    let old = kept.recordings(1).await.remove(0);
    let admin = kept.admin().await;
    let people = admin.get("/api/v1/people").await.ok();
    let own = people["items"].as_array().unwrap().iter().find(|person| person["role"] == "admin").unwrap();
    let person = format!("/api/v1/people/{}", own["id"].as_str().unwrap());
    let recording = format!("/api/v1/recordings/{}", old.recording);
    let setting = "/api/v1/settings/view.reason_required";
    let nothing = "apk_0190a5e200007000800000000000000a";
    let hold =
        json!({ "scope": { "site": "sit_0190a5e200007000800000000000000a" }, "matter": "m", "reason": "r" });

    let begun = [
        (StatusCode::CONFLICT, "person.manage", admin.delete(&person).await),
        (
            StatusCode::CONFLICT,
            "person.roles",
            put(&admin, &format!("{person}/roles"), 0, json!({ "role": "member" })).await,
        ),
        (StatusCode::UNPROCESSABLE_ENTITY, "person.line", {
            let itself = json!({ "manager": own["id"] });
            put(&admin, &format!("{person}/manager"), 0, itself).await
        }),
        (
            StatusCode::PRECONDITION_FAILED,
            "setting.write.business",
            put(&admin, setting, 7, json!({ "value": true })).await,
        ),
        (
            StatusCode::CONFLICT,
            "recording.restore",
            admin.post(&format!("{recording}/restore"), json!({})).await,
        ),
        (StatusCode::NOT_FOUND, "key.manage", admin.delete(&format!("/api/v1/keys/{nothing}")).await),
        (StatusCode::CONFLICT, "factor.manage", admin.delete("/api/v1/session/factor").await),
        (StatusCode::NOT_FOUND, "hold.place", admin.post("/api/v1/holds", hold).await),
    ];
    for (status, action, answer) in &begun {
        assert_eq!((answer.status, *action), (*status, *action), "{}", answer.json);
        let entries = told(&admin, action).await;
        assert_eq!(entries.len(), 1, "{action}: {entries:?}");
        assert_eq!(entries[0].0, "failed", "{action}");
        assert!(!entries[0].1.starts_with("matrix "), "it says what stood in the way: {entries:?}");
    }
    // What happens is told of as such, once.
    admin.post(&format!("{recording}/delete"), json!({})).await.ok();
    admin.post(&format!("{recording}/restore"), json!({})).await;
    let restored = told(&admin, "recording.restore").await;
    assert_eq!(
        restored.iter().map(|(outcome, _)| outcome.as_str()).collect::<Vec<_>>(),
        ["allowed", "failed"]
    );
    let differences = kept.installation.app.replay_authority().await.unwrap();
    assert!(differences.is_empty(), "{differences:?}");
}
