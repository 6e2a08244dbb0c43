//! Rows that say who may do what and what is captured are what the audit log says became of them, and a row that
//! somebody edited, added or removed by hand is named.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use std::time::Duration;

use clerestory_audit::authority::Difference;
use clerestory_sql::{Lane, SqlError, Value};
use clerestory_testkit::{Caller, Installation};
use serde_json::json;

/// An installation in which every kind of authority changed once, all of it through the product.
async fn busy() -> (Installation, Caller, String) {
    let installation = Installation::new().await;
    let admin = installation.person("admin").await;
    let site = installation.site(&admin).await;
    let id = site["id"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/sites/{id}");
    let change = json!({ "name": "Shop 2", "origins": ["https://shop.example", "https://two.example"] });
    admin.send("PATCH", &path, change.to_string()).await.ok();
    admin.send("PATCH", &path, json!({ "origins": ["https://shop.example"] }).to_string()).await.ok();
    admin.post(&format!("{path}/key"), json!({})).await.ok();
    let document = json!({ "preset": "private", "media": "blocked", "exclude": [".secret"], "mask": [],
        "unmask": [], "urls": { "deny": [], "allow": [] } });
    let asked = json!({ "document": document, "based_on": 1 });
    admin.send("PUT", &format!("{path}/policy"), asked.to_string()).await.ok();
    for _ in 0..2 {
        installation.person("member").await;
    }
    let manager = installation.person("manager").await;
    manager.delete("/api/v1/session").await;
    installation.person("member").await.delete("/api/v1/sessions").await;
    link(&installation).await;
    (installation, admin, id)
}

/// A sign-in link of the member that nobody has used.
async fn link(installation: &Installation) {
    let identity = installation.app.identity.clone();
    let at = installation.now();
    installation.app.vault.hold_lease().await.unwrap();
    let made: Result<(), clerestory_identity::IdentityError> = installation
        .app
        .database
        .write(Lane::Interactive, move |tx| {
            Box::pin(async move {
                let person = identity.person_by_address(tx, "member@example.org", at).await?.unwrap();
                identity.make_link(tx, person.id, at).await.map(drop)
            })
        })
        .await;
    made.unwrap();
}

async fn replay(installation: &Installation) -> Vec<String> {
    let differences = installation.app.replay_authority().await.unwrap();
    differences.iter().map(Difference::to_string).collect()
}

/// Changes rows by hand.
async fn by_hand(installation: &Installation, sql: &'static str, values: Vec<Value>) {
    let done: Result<u64, SqlError> = installation
        .app
        .database
        .write(Lane::Interactive, move |tx| Box::pin(async move { tx.execute(sql, &values).await }))
        .await;
    assert!(done.unwrap() > 0, "{sql}: no row was changed");
}

async fn one(installation: &Installation, sql: &'static str) -> Value {
    let found: Result<Value, SqlError> = installation
        .app
        .database
        .read(move |tx| Box::pin(async move { tx.query_opt(sql, &[]).await?.unwrap().get(0) }))
        .await;
    found.unwrap()
}

fn hex_of(value: &Value) -> String {
    match value {
        Value::Blob(bytes) => hex::encode(bytes),
        other => panic!("{other:?} is no id"),
    }
}

#[tokio::test]
async fn what_the_product_did_is_what_the_log_says() {
    let (installation, ..) = busy().await;
    assert_eq!(replay(&installation).await, Vec::<String>::new());
    let installation = installation.restarted().await;
    assert_eq!(replay(&installation).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_role_edited_by_hand_is_named() {
    let (installation, ..) = busy().await;
    let member = one(&installation, "SELECT person_id FROM people WHERE role = 'member'").await;
    by_hand(&installation, "UPDATE people SET role = 'admin' WHERE person_id = $1", vec![member.clone()])
        .await;
    let named = format!("people {}: role is “admin”, and the log says “member”", hex_of(&member));
    assert_eq!(replay(&installation).await, [named]);
}

#[tokio::test]
async fn a_person_a_session_and_a_link_added_by_hand_are_named() {
    let (installation, ..) = busy().await;
    let added = vec![Value::Blob(vec![9; 16]), Value::Blob(vec![8; 32])];
    by_hand(
        &installation,
        "INSERT INTO sessions (session_id, token_hash, person_id, organisation_id, signed_in, created_at, last_used_at,
             expires_at, device)
         SELECT $1, $2, person_id, organisation_id, 1, 1, 1, 9000000000000000, profile FROM people WHERE role = 'manager'",
        added,
    )
    .await;
    by_hand(
        &installation,
        "INSERT INTO sign_in_links (token_hash, person_id, expires_at)
         SELECT $1, person_id, 9000000000000000 FROM people WHERE role = 'manager'",
        vec![Value::Blob(vec![7; 32])],
    )
    .await;
    by_hand(
        &installation,
        "INSERT INTO people (person_id, organisation_id, subject_id, role, profile, version, created_at)
         SELECT $1, organisation_id, subject_id, 'admin', profile, 1, 1 FROM people WHERE role = 'manager'",
        vec![Value::Blob(vec![6; 16])],
    )
    .await;
    let unknown = |row: String| format!("{row}: the log does not know of this row");
    let rows = [
        format!("people {}", "06".repeat(16)),
        format!("sessions {}", "09".repeat(16)),
        format!("sign_in_links {}", "07".repeat(32)),
    ];
    assert_eq!(replay(&installation).await, rows.map(unknown));
}

#[tokio::test]
async fn a_session_removed_by_hand_is_named_until_it_would_have_run_out() {
    let (installation, admin, _) = busy().await;
    let session =
        one(&installation, "SELECT session_id FROM sessions ORDER BY session_id DESC LIMIT 1").await;
    by_hand(&installation, "DELETE FROM sessions WHERE session_id = $1", vec![session.clone()]).await;
    let named = format!("sessions {}: the log tells of this row, and it is gone", hex_of(&session));
    assert_eq!(replay(&installation).await, [named]);
    drop(admin);
    installation.wait(Duration::from_secs(400 * 24 * 3600));
    assert_eq!(replay(&installation).await, Vec::<String>::new());
}

#[tokio::test]
async fn settings_edited_by_hand_are_named() {
    let (installation, _, site) = busy().await;
    let site = site.trim_start_matches("sit_").to_owned();
    by_hand(&installation, "UPDATE capture_policies SET direction = 'tighter' WHERE version = 1", vec![])
        .await;
    by_hand(&installation, "UPDATE site_origins SET origin = 'https://evil.example'", vec![]).await;
    by_hand(&installation, "UPDATE sites SET site_key = 'csw_0000000000000000000000'", vec![]).await;
    let found = replay(&installation).await;
    assert_eq!(found.len(), 4, "{found:?}");
    assert!(found[0].ends_with("direction is “tighter”, and the log says “first”"), "{found:?}");
    assert!(found[1].contains("site_key is “csw_0000000000000000000000”"), "{found:?}");
    assert_eq!(
        found[2],
        format!("site_origins {site}/https://evil.example: the log does not know of this row")
    );
    assert!(found[3].contains("https://shop.example: the log tells of this row"), "{found:?}");
}

#[tokio::test]
async fn an_older_password_put_back_is_named_and_opens_nothing() {
    let (installation, ..) = busy().await;
    let member = one(&installation, "SELECT person_id FROM people WHERE role = 'member'").await;
    let Value::Blob(id) = &member else { panic!("no id") };
    let sql = "SELECT password FROM credentials c JOIN people p ON p.person_id = c.person_id WHERE p.role = 'member'";
    let older = one(&installation, sql).await;
    let identity = installation.app.identity.clone();
    let phc = identity.passwords().hash("another one, quite long".parse().unwrap()).await.unwrap();
    let at = installation.now();
    installation.app.vault.hold_lease().await.unwrap();
    let set: Result<(), clerestory_identity::IdentityError> = installation
        .app
        .database
        .write(Lane::Interactive, move |tx| {
            Box::pin(async move {
                let person = identity.person_by_address(tx, "member@example.org", at).await?.unwrap();
                identity.set_password(tx, &person, phc, at).await
            })
        })
        .await;
    set.unwrap();
    assert_eq!(replay(&installation).await, Vec::<String>::new());
    let back = vec![older, member.clone()];
    by_hand(&installation, "UPDATE credentials SET password = $1 WHERE person_id = $2", back).await;
    let found = replay(&installation).await;
    assert_eq!(found.len(), 1);
    assert!(found[0].starts_with(&format!("credentials {}: password is ", hex::encode(id))), "{found:?}");
    let asked = json!({ "email": "member@example.org", "password": "high windows, all lit" });
    let refused = installation.anonymous().post("/api/v1/session", asked).await;
    assert!(!refused.status.is_success(), "{}", refused.status);
}

#[tokio::test]
async fn an_entry_of_changes_that_was_altered_is_named() {
    let (installation, ..) = busy().await;
    let entry =
        one(&installation, "SELECT max(number) FROM audit_entries WHERE action = 'authority.change'").await;
    by_hand(
        &installation,
        "UPDATE audit_entries SET personal = (SELECT profile FROM people WHERE role = 'manager') WHERE number = $1
             AND action = 'authority.change'",
        vec![entry],
    )
    .await;
    let found = replay(&installation).await;
    assert!(found.iter().any(|one| one.contains("what it says of rows does not open")), "{found:?}");
}
