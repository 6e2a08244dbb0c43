//! The words of the audit log go when their time is over, and nothing else of it does: entries, hashes, chain, ledger and what
//! the log says of rows stand as they stood.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use std::collections::BTreeMap;
use std::time::Duration;

use clerestory_audit::authority::Difference;
use clerestory_audit::forgetting::{FORGET, MONTH_KEY};
use clerestory_audit::ledger::{Finding, LedgerError, Report, Saved, Step};
use clerestory_audit::{ActorKind, AuditError, Class, NewEntry, ObjectRef, Outcome};
use clerestory_keys::Purpose;
use clerestory_lifecycle::SweepStep;
use clerestory_model::KeyId;
use clerestory_sql::Lane;
use clerestory_testkit::kept::{DAY, Kept};
use clerestory_testkit::{Caller, Inhabited, Installation};
use serde_json::{Value, json};

/// Every entry of the caller's organisation, by number.
async fn entries(caller: &Caller) -> BTreeMap<u64, Value> {
    let mut all = BTreeMap::new();
    let mut cursor = String::new();
    loop {
        let page = caller.get(&format!("/api/v1/audit?limit=200{cursor}")).await.ok();
        for item in page["items"].as_array().unwrap() {
            all.insert(item["number"].as_u64().unwrap(), item.clone());
        }
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return all,
        }
    }
}

async fn integrate(installation: &Installation) {
    let ledger = installation.app.access.audit().ledger();
    while ledger.integrate(&installation.app.database, [1; 16], installation.now()).await.unwrap()
        != Step::Nothing
    {}
}

async fn verify(installation: &Installation, saved: Saved) -> Report {
    integrate(installation).await;
    installation.app.vault.hold_lease().await.unwrap();
    let ledger = installation.app.access.audit().ledger();
    let report: Result<Report, LedgerError> = installation
        .app
        .database
        .read(move |tx| Box::pin(async move { ledger.verify(tx, &saved).await }))
        .await;
    report.unwrap()
}

async fn saved(installation: &Installation) -> Saved {
    integrate(installation).await;
    let row = installation.rows("SELECT checkpoint FROM ledger_head", Vec::new()).await.remove(0);
    let note: String = row.get(0).unwrap();
    Saved { checkpoints: vec![note.parse().unwrap()], tiles: None }
}

/// Two turns of the sweeper, so far apart that nobody holds a key from before the first.
async fn sweep(installation: &Installation) {
    for _ in 0..2 {
        let step = installation.app.lifecycle.sweep([7; 16]).await.unwrap();
        assert!(matches!(step, SweepStep::Swept(_)), "{step:?}");
        installation.wait(Duration::from_secs(6));
    }
}

/// The keys of months of the first organisation.
async fn months(installation: &Installation) -> Vec<KeyId> {
    let sql = "SELECT key_id FROM key_rows WHERE organisation = $1 AND purpose = $2 ORDER BY made_at";
    let values = vec![installation.organisation.into(), (Purpose::AuditMonth as i64).into()];
    installation.rows(sql, values).await.iter().map(|row| row.get(0).unwrap()).collect()
}

async fn forgettings(installation: &Installation) -> usize {
    let sql = "SELECT 1 FROM audit_entries WHERE action = $1 AND organisation_id = $2";
    installation.rows(sql, vec![FORGET.into(), installation.organisation.into()]).await.len()
}

#[tokio::test]
async fn after_their_time_words_go_and_everything_else_verifies() {
    let inhabited = Inhabited::over(Installation::new().await).await;
    let installation = &inhabited.installation;
    let before = entries(&installation.person("admin").await).await;
    let kept = saved(installation).await;
    let first = months(installation).await;
    assert_eq!(first.len(), 1);

    installation.wait(DAY * 390);
    sweep(installation).await;
    assert_eq!(forgettings(installation).await, 0, "not before all of the month is old enough");
    installation.wait(DAY * 45);
    sweep(installation).await;
    assert_eq!(forgettings(installation).await, 1);
    assert!(!months(installation).await.contains(&first[0]), "the month's key is destroyed");
    sweep(installation).await;
    assert_eq!(forgettings(installation).await, 1, "once");

    let admin = installation.proven("admin").await;
    let after = entries(&admin).await;
    let (mut silent, mut wordless) = (0, 0);
    for (number, was) in &before {
        let now = &after[number];
        for column in ["number", "time", "action", "outcome", "rule", "object", "previous_hash", "hash"] {
            assert_eq!(now[column], was[column], "{column} of entry {number}");
        }
        assert_eq!((&now["detail"], &now["reason"]), (&Value::Null, &Value::Null), "{now}");
        match now["words"].as_str() {
            None => wordless += 1,
            Some(words) => {
                assert_eq!(words, "forgotten", "{now}");
                let told = &after[&now["forgotten_by"].as_u64().unwrap()];
                assert_eq!((&told["action"], &told["words"]), (&json!(FORGET), &Value::Null));
                assert!(told["rule"].as_str().unwrap().ends_with("retention.audit is P400D"), "{told}");
                silent += 1;
            }
        }
    }
    assert!(silent > 50 && wordless > 0, "{silent} {wordless}");
    assert_eq!(admin.get("/api/v1/audit/verify").await.ok()["intact"], true);
    let report = verify(installation, kept).await;
    assert_eq!((report.findings, report.waiting), (vec![], 0), "and it goes on from what was saved before");
    assert!(report.forgotten >= silent);
    assert_eq!(installation.app.replay_authority().await.unwrap(), [], "what still stands was told again");
    let again = inhabited.installation.restarted().await;
    assert_eq!(again.app.replay_authority().await.unwrap(), []);
    // It is held to what was told again, row by row.
    again.execute("UPDATE people SET role = 'admin' WHERE role = 'member'", Vec::new()).await;
    let differences = again.app.replay_authority().await.unwrap();
    let altered = |one: &Difference| matches!(one, Difference::Altered { column, .. } if column == "role");
    assert!(!differences.is_empty() && differences.iter().all(altered), "{differences:?}");
}

#[tokio::test]
async fn a_row_that_was_edited_before_is_no_truer_afterwards() {
    let installation = Installation::new().await;
    installation.execute("UPDATE people SET role = 'admin' WHERE role = 'member'", Vec::new()).await;
    let before = installation.app.replay_authority().await.unwrap();
    assert!(!before.is_empty());
    installation.wait(DAY * 440);
    sweep(&installation).await;
    assert!(forgettings(&installation).await > 0);
    assert_eq!(installation.app.replay_authority().await.unwrap(), before);
}

#[tokio::test]
async fn nothing_is_forgotten_while_a_hold_stands_and_the_setting_says_when() {
    let kept = Kept::new().await;
    kept.add_second_admin().await;
    let (admin, second) = (kept.admin().await, kept.installation.person("second").await);
    kept.say(&admin, "retention.audit", json!({ "value": "P100D" })).await.ok();
    let old = kept.recordings(1).await.remove(0);
    let scope = json!({ "scope": { "recording": old.recording }, "matter": "M", "reason": "R" });
    let hold = admin.post("/api/v1/holds", scope).await.ok();
    let at = |what: &str| format!("/api/v1/holds/{}/{what}", hold["id"].as_str().unwrap());
    second.post(&at("confirm"), json!({})).await.ok();
    kept.installation.wait(DAY * 140);
    sweep(&kept.installation).await;
    assert_eq!(forgettings(&kept.installation).await, 0, "somebody may ask for them");

    kept.admin().await.post(&at("release"), json!({})).await.ok();
    kept.installation.proven("second").await.post(&at("confirm"), json!({})).await.ok();
    sweep(&kept.installation).await;
    assert_eq!(forgettings(&kept.installation).await, 1);
    assert_eq!(kept.installation.app.replay_authority().await.unwrap(), []);
    let refused = kept.say(&kept.admin().await, "retention.audit", json!({ "value": "P30D" })).await;
    assert!(!refused.status.is_success(), "evidence of a moment ago is not forgotten by a setting");
}

#[tokio::test]
async fn words_that_only_look_forgotten_are_damage() {
    let installation = Installation::new().await;
    let admin = installation.proven("admin").await;
    admin.get("/api/v1/people").await.ok();
    let [key] = months(&installation).await[..] else { panic!("one month") };
    installation.execute("DELETE FROM key_rows WHERE key_id = $1", vec![key.into()]).await;
    drop(admin);
    let installation = installation.restarted().await;
    let is_damage = async || {
        let admin = installation.person("admin").await;
        let lost = entries(&admin).await.into_values().filter(|entry| entry["words"] == "lost").count();
        assert!(lost > 0, "the log says so of each entry");
        let differences = installation.app.replay_authority().await.unwrap();
        assert!(
            differences.iter().any(|one| matches!(one, Difference::Unreadable { .. })),
            "{differences:?}"
        );
        let report = verify(&installation, Saved::default()).await;
        assert!(
            report.findings.iter().any(|one| matches!(one, Finding::Words { .. })),
            "{:?}",
            report.findings
        );
    };
    is_damage().await;
    // Nor does an entry help that says that they were forgotten, before they could be.
    let (audit, organisation, at) =
        (installation.app.access.audit().clone(), installation.organisation, installation.now());
    let told = installation.app.database.write(Lane::Interactive, move |tx| {
        Box::pin(async move {
            let entry = NewEntry {
                organisation,
                at,
                action: FORGET,
                class: Class::ENTITY_DELETE,
                outcome: Outcome::Allowed,
                rule: "words of 2026-11: retention.audit is P400D".to_owned(),
                actor_kind: ActorKind::System,
                actor: [0; 16],
                object: ObjectRef { kind: MONTH_KEY.to_owned(), id: *key.as_bytes() },
                request_id: String::new(),
                personal: None,
            };
            audit.append(tx, entry).await
        })
    });
    let told: Result<_, AuditError> = told.await;
    told.unwrap();
    is_damage().await;
}
