//! Erasing every recording about somebody who stays who they are: two decide it, what comes later is not of it, holds keep it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use std::time::Duration;

use axum::http::StatusCode;
use clerestory_lifecycle::{SignedReceipt, Target};
use clerestory_model::SubjectId;
use clerestory_testkit::kept::Kept;
use clerestory_testkit::visit::snapshot;
use clerestory_testkit::{Answer, Caller};
use serde_json::{Value, json};

const PROPOSALS: &str = "/api/v1/erasures/proposals";

/// An installation with two administrators of the first organisation.
async fn scene() -> Kept {
    let kept = Kept::new().await;
    kept.add_second_admin().await;
    kept
}

fn id(value: &Value) -> &str {
    value["id"].as_str().unwrap()
}

/// A recording about somebody with an account.
async fn about(kept: &Kept, who: &Caller) -> String {
    let session = who.get("/api/v1/session").await.ok();
    let path = format!("/api/v1/sites/{}/imports?about={}", kept.site, id(&session["person"]));
    let events = snapshot(1_795_000_000_000, 3, "seen").to_string();
    let brought = kept.admin().await.send("POST", &path, events).await.ok();
    brought["recording"].as_str().unwrap().to_owned()
}

async fn subject_of(caller: &Caller) -> SubjectId {
    let asked = caller.post("/api/v1/my/requests", json!({ "kind": "access" })).await.ok();
    id(&asked["about"]).parse().unwrap()
}

/// What somebody answers who plays the first segment of a recording.
async fn plays(kept: &Kept, recording: &str) -> StatusCode {
    let admin = kept.admin().await;
    let begun = admin.post(&format!("/api/v1/recordings/{recording}/plays"), json!({})).await;
    if !begun.status.is_success() {
        return begun.status;
    }
    let track = id(&begun.json["tracks"][0]);
    admin.get(&format!("/api/v1/plays/{}/tracks/{track}/segments/0", id(&begun.json))).await.status
}

async fn propose(caller: &Caller, target: Value) -> Answer {
    caller.post(PROPOSALS, json!({ "target": target, "reason": "they asked for it" })).await
}

async fn newest(caller: &Caller) -> Value {
    caller.get(PROPOSALS).await.ok()["items"][0].clone()
}

/// Somebody else agrees to the newest erasure that is proposed, as they are shown it.
async fn agree(kept: &Kept) -> Value {
    let second = kept.installation.proven("second").await;
    let shown = newest(&second).await;
    let path = format!("{PROPOSALS}/{}/agree", id(&shown));
    second.post(&path, shown["now"].clone()).await.ok()["erasure"].clone()
}

async fn erasure(kept: &Kept, asked: &Value) -> Value {
    kept.admin().await.get(&format!("/api/v1/erasures/{}", id(asked))).await.ok()
}

async fn request(kept: &Kept, asked: &Value) -> Value {
    let listed = kept.admin().await.get("/api/v1/requests").await.ok();
    listed["items"].as_array().unwrap().iter().find(|item| item["id"] == asked["id"]).unwrap().clone()
}

async fn ask(caller: &Caller) -> Value {
    let asked = json!({ "kind": "erase_recordings", "words": "All of spring" });
    let answer = caller.post("/api/v1/my/requests", asked).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.json);
    answer.json
}

async fn clean(kept: &Kept) {
    assert_eq!(kept.installation.app.replay_authority().await.unwrap(), [], "each step is on record");
}

/// Whether somebody's own key is in the registry, and how many tombstones say of them that it never is again.
async fn keys_of(kept: &Kept, subject: SubjectId) -> (usize, usize) {
    let key = "SELECT 1 FROM key_rows k JOIN subjects s ON s.key_id = k.key_id WHERE s.subject_id = $1";
    let laid =
        "SELECT 1 FROM key_tombstones t JOIN subjects s ON s.key_id = t.key_id WHERE s.subject_id = $1";
    let count = async |sql: &'static str| kept.installation.rows(sql, vec![subject.into()]).await.len();
    (count(key).await, count(laid).await)
}

#[tokio::test]
async fn who_asks_for_it_loses_the_recordings_and_nothing_else_and_may_be_recorded_again() {
    let kept = scene().await;
    let (admin, member) = (kept.admin().await, kept.installation.person("member").await);
    let all = [about(&kept, &member).await, about(&kept, &member).await];
    let others = about(&kept, &kept.installation.person("manager").await).await;
    let subject = subject_of(&member).await;
    let before = member.get("/api/v1/session").await.ok()["person"].clone();

    let path = format!("/api/v1/subjects/{subject}/erasures");
    let alone = admin.post(&path, json!({ "recordings_only": true })).await;
    assert_eq!((alone.status, alone.problem()), (StatusCode::CONFLICT, "second-person-required"));
    let asked = ask(&member).await;
    let fulfil = format!("/api/v1/requests/{}/fulfil", id(&asked));
    let done = admin.post(&fulfil, json!({})).await.ok();
    assert_eq!((&done["state"], &done["erasure"]), (&json!("open"), &Value::Null), "it takes two");
    let shown = newest(&admin).await;
    assert_eq!((&shown["kind"], &shown["target"]), (&json!("recordings"), &json!(subject.to_string())));
    assert_eq!(shown["now"], json!({ "recordings": 2, "people": 0 }));
    let own = admin.post(&format!("{PROPOSALS}/{}/agree", id(&shown)), shown["now"].clone()).await;
    assert_eq!(own.problem(), "second-person-required");

    let begun = agree(&kept).await;
    assert_eq!((&begun["kind"], &begun["state"]), (&json!("recordings"), &json!("purge_queued")));
    let meanwhile = about(&kept, &member).await;
    for recording in &all {
        assert_eq!(plays(&kept, recording).await, StatusCode::GONE);
    }
    let counted = |erasure: &Value, what: &str| erasure["progress"][what].as_u64().unwrap();
    assert_eq!((counted(&begun, "tracks"), counted(&begun, "keys_destroyed")), (2, 0), "{begun}");
    kept.erase_all().await;
    let done = erasure(&kept, &begun).await;
    assert!(counted(&done, "keys") >= 2 && counted(&done, "objects") > 0, "{done}");
    for (all, gone) in [("keys", "keys_destroyed"), ("objects", "objects_gone")] {
        assert_eq!(counted(&done, all), counted(&done, gone), "{all}: {done}");
    }
    assert_eq!(
        (&done["state"], &done["target"]),
        (&json!("verified"), &json!(subject.to_string())),
        "{done}"
    );
    let receipt: SignedReceipt = serde_json::from_value(done["receipt"].clone()).unwrap();
    let receipt = receipt.verify().unwrap();
    assert_eq!((receipt.kind.as_str(), receipt.tracks), ("recordings", 2));
    assert_eq!(receipt.keys.len(), 4, "of each its track and its summary");
    assert_eq!(request(&kept, &asked).await["state"], "done");

    assert_eq!(member.get("/api/v1/session").await.ok()["person"], before, "the account stays");
    assert_eq!(keys_of(&kept, subject).await, (1, 0));
    let anew = about(&kept, &member).await;
    for (recording, wanted) in [
        (&all[0], StatusCode::GONE),
        (&all[1], StatusCode::GONE),
        (&meanwhile, StatusCode::OK),
        (&anew, StatusCode::OK),
        (&others, StatusCode::OK),
    ] {
        assert_eq!(plays(&kept, recording).await, wanted, "{recording}");
    }
    assert_eq!(request(&kept, &asked).await["words"], "All of spring", "their words are theirs still");
    let log = kept.admin().await.get("/api/v1/audit?action=subject.erase&outcome=allowed").await.ok();
    let told = log["items"].as_array().unwrap().iter().filter_map(|item| item["detail"].as_str());
    assert!(told.clone().all(|detail| detail.contains("every recording about them")), "{log}");
    clean(&kept).await;
}

#[tokio::test]
async fn asking_again_takes_what_was_recorded_since_and_where_nothing_was_gives_the_same() {
    let kept = scene().await;
    let member = kept.installation.person("member").await;
    let organisation = kept.installation.organisation;
    let subject = subject_of(&member).await;
    let target = Target::RecordingsOf(subject);
    let empty = ask(&member).await;
    let fulfil = |asked: &Value| format!("/api/v1/requests/{}/fulfil", id(asked));
    let none = kept.admin().await.post(&fulfil(&empty), json!({})).await.ok();
    assert_eq!((&none["state"], &none["erasure"]), (&json!("done"), &Value::Null), "there was nothing");
    about(&kept, &member).await;
    let first = kept.installation.erase_at_command(organisation, target).await;
    assert_eq!(kept.installation.erase_at_command(organisation, target).await.id, first.id);
    let later = about(&kept, &member).await;
    // Of one moment nobody knows which is the newest.
    kept.installation.wait(Duration::from_secs(1));
    let second = kept.installation.erase_at_command(organisation, target).await;
    assert_ne!(second.id, first.id);
    kept.erase_all().await;
    assert_eq!(plays(&kept, &later).await, StatusCode::GONE);
    let steps = kept.installation.rows("SELECT step FROM erasures ORDER BY erasure_id", Vec::new()).await;
    let steps: Vec<i64> = steps.iter().map(|row| row.get(0).unwrap()).collect();
    assert_eq!(steps, [7, 7], "each has its receipt");
    let nothing = propose(&kept.admin().await, json!({ "recordings": subject.to_string() })).await;
    assert_eq!(nothing.status, StatusCode::NOT_FOUND, "what was erased is not erased again");
    clean(&kept).await;
}

#[tokio::test]
async fn a_visitor_is_recorded_no_further_and_one_person_is_enough() {
    let kept = Kept::new().await;
    let visit = kept.visit().await;
    let admin = kept.admin().await;
    let facts = admin.get(&format!("/api/v1/recordings/{}", visit.recording)).await.ok();
    let subject: SubjectId = id(&facts["subject"]).parse().unwrap();
    let path = format!("/api/v1/subjects/{subject}/erasures");
    let asked = admin.post(&path, json!({ "recordings_only": true, "reason": "by letter" })).await.ok();
    assert_eq!(asked["kind"], "recordings");
    let now_ms = kept.installation.now().unix_millis() as i64;
    let refused = visit.send(1, &snapshot(now_ms, 2, "more")).await;
    assert_eq!(refused.status, StatusCode::GONE, "what goes on is erased too, and taken no more");
    kept.erase_all().await;
    assert_eq!(erasure(&kept, &asked).await["state"], "verified");
    assert_eq!(keys_of(&kept, subject).await, (1, 0));
    // Whoever is asked to erase the visitor afterwards still can.
    let whole = kept.admin().await.post(&path, json!({})).await.ok();
    kept.erase_all().await;
    assert_eq!(erasure(&kept, &whole).await["state"], "verified");
    assert_eq!(keys_of(&kept, subject).await, (0, 1));
    clean(&kept).await;
}

async fn hold(kept: &Kept, subject: SubjectId) -> Answer {
    let scope = json!({ "scope": { "subject": subject.to_string() }, "matter": "M", "reason": "R" });
    let hold = kept.admin().await.post("/api/v1/holds", scope).await;
    if !hold.status.is_success() {
        return hold;
    }
    let path = format!("/api/v1/holds/{}/confirm", id(&hold.json));
    kept.installation.person("second").await.post(&path, json!({})).await
}

#[tokio::test]
async fn a_hold_that_stands_keeps_it_and_what_came_later_is_not_of_it() {
    let kept = scene().await;
    let member = kept.installation.person("member").await;
    let old = about(&kept, &member).await;
    let subject = subject_of(&member).await;
    let held = hold(&kept, subject).await.ok();
    let asked = ask(&member).await;
    kept.admin().await.post(&format!("/api/v1/requests/{}/fulfil", id(&asked)), json!({})).await.ok();
    let begun = agree(&kept).await;
    assert_eq!(begun["state"], "restricted");
    assert_eq!(newest(&kept.admin().await).await["state"], "agreed");
    let later = about(&kept, &member).await;
    let listed = kept.admin().await.get("/api/v1/recordings").await.ok();
    let seen: Vec<&str> = listed["items"].as_array().unwrap().iter().map(id).collect();
    assert_eq!(seen, [later.as_str()], "nobody sees the other");
    kept.sweep().await;
    kept.erase_all().await;
    assert_eq!(erasure(&kept, &begun).await["state"], "restricted", "nothing of it is destroyed");

    kept.admin().await.post(&format!("/api/v1/holds/{}/release", id(&held)), json!({})).await.ok();
    let confirm = format!("/api/v1/holds/{}/confirm", id(&held));
    kept.installation.person("second").await.post(&confirm, json!({})).await.ok();
    kept.sweep().await;
    kept.erase_all().await;
    assert_eq!(erasure(&kept, &begun).await["state"], "verified");
    assert_eq!(request(&kept, &asked).await["state"], "done");
    assert_eq!(plays(&kept, &old).await, StatusCode::GONE);
    assert_eq!(plays(&kept, &later).await, StatusCode::OK);
    assert_eq!(kept.admin().await.get(PROPOSALS).await.ok()["items"], json!([]), "it went as it began");
    clean(&kept).await;
}

#[tokio::test]
async fn no_hold_is_placed_over_what_is_going_and_one_over_what_comes_afterwards_is() {
    let kept = scene().await;
    let member = kept.installation.person("member").await;
    about(&kept, &member).await;
    let subject = subject_of(&member).await;
    let target = Target::RecordingsOf(subject);
    kept.installation.erase_at_command(kept.installation.organisation, target).await;
    let refused = hold(&kept, subject).await;
    assert_eq!((refused.status, refused.problem()), (StatusCode::CONFLICT, "erasing"));
    kept.erase_all().await;
    let later = about(&kept, &member).await;
    hold(&kept, subject).await.ok();
    let again = kept.installation.erase_at_command(kept.installation.organisation, target).await;
    kept.installation.wait(Duration::from_secs(60));
    kept.sweep().await;
    kept.erase_all().await;
    assert_eq!(
        kept.admin().await.get(&format!("/api/v1/erasures/{}", again.id)).await.ok()["state"],
        "restricted"
    );
    let sql = "SELECT 1 FROM tracks t JOIN key_rows k ON k.key_id = t.key_id WHERE t.recording_id = $1";
    let later: clerestory_model::RecordingId = later.parse().unwrap();
    assert_eq!(kept.installation.rows(sql, vec![later.into()]).await.len(), 1, "its key is there");
    clean(&kept).await;
}

#[tokio::test]
async fn erasing_somebody_and_erasing_their_recordings_are_proposed_apart() {
    let kept = scene().await;
    let (admin, member) = (kept.admin().await, kept.installation.person("member").await);
    let subject = subject_of(&member).await;
    let recordings = json!({ "recordings": subject.to_string() });
    let nothing = propose(&admin, recordings.clone()).await;
    assert_eq!(nothing.status, StatusCode::NOT_FOUND, "there is no recording about them");
    about(&kept, &member).await;
    let only = propose(&admin, recordings.clone()).await.ok();
    let whole = propose(&admin, json!({ "subject": subject.to_string() })).await.ok();
    assert_ne!(only["id"], whole["id"]);
    assert_eq!(propose(&admin, recordings).await.ok()["id"], only["id"], "it is proposed once");
    let own = kept.installation.person("manager").await;
    about(&kept, &own).await;
    let theirs = json!({ "recordings": subject_of(&own).await.to_string() });
    assert_eq!(
        propose(&kept.installation.proven("manager").await, theirs).await.status,
        StatusCode::FORBIDDEN
    );
    // The person goes with everything, and what was proposed of their recordings with them.
    kept.installation.wait(Duration::from_secs(1));
    let second = kept.installation.proven("second").await;
    let path = format!("{PROPOSALS}/{}/agree", id(&whole));
    second.post(&path, json!({ "recordings": 1, "people": 1 })).await.ok();
    assert_eq!(second.get(PROPOSALS).await.ok()["items"], json!([]));
    kept.erase_all().await;
    clean(&kept).await;
}

#[tokio::test]
async fn what_goes_another_way_before_somebody_agrees_leaves_nothing_that_waits() {
    let kept = scene().await;
    let member = kept.installation.person("member").await;
    let subject = subject_of(&member).await;
    about(&kept, &member).await;
    let target = Target::RecordingsOf(subject);
    kept.installation.erase_at_command(kept.installation.organisation, target).await;
    kept.erase_all().await;

    // There is an earlier erasure of the same, which has ended, and a recording since.
    let since = about(&kept, &member).await;
    kept.installation.wait(Duration::from_secs(1));
    let asked = ask(&member).await;
    let fulfil = format!("/api/v1/requests/{}/fulfil", id(&asked));
    kept.admin().await.post(&fulfil, json!({})).await.ok();
    let shown = newest(&kept.admin().await).await;
    let path = format!("/api/v1/recordings/{since}/erasures");
    kept.admin().await.post(&path, json!({ "reason": "by itself" })).await.ok();
    let path = format!("{PROPOSALS}/{}/agree", id(&shown));
    let agreed = kept.installation.proven("second").await.post(&path, shown["now"].clone()).await;
    assert_eq!(agreed.status, StatusCode::NOT_FOUND, "{}", agreed.json);
    assert_eq!(newest(&kept.admin().await).await["state"], "withdrawn");
    assert_eq!(request(&kept, &asked).await["erasure"], Value::Null, "not that which has ended");

    // It is answered when all of it is gone, and not before.
    let early = kept.admin().await.post(&fulfil, json!({})).await.ok();
    assert_eq!((&early["state"], &early["erasure"]), (&json!("open"), &Value::Null));
    kept.erase_all().await;
    assert_eq!(kept.admin().await.post(&fulfil, json!({})).await.ok()["state"], "done");
    assert_eq!(ask(&member).await["state"], "open", "they may ask again");
    clean(&kept).await;
}

#[tokio::test]
async fn who_is_alone_has_their_own_recordings_erased_when_seven_days_are_over() {
    let kept = Kept::new().await;
    let admin = kept.admin().await;
    let own = about(&kept, &admin).await;
    let target = json!({ "recordings": subject_of(&admin).await.to_string() });
    let asked = propose(&admin, target).await.ok();
    assert_eq!(newest(&admin).await["id"], asked["id"]);
    kept.installation.wait(Duration::from_secs(6 * 24 * 3600));
    kept.sweep().await;
    assert_eq!(plays(&kept, &own).await, StatusCode::OK);
    kept.installation.wait(Duration::from_secs(25 * 3600));
    kept.sweep().await;
    kept.erase_all().await;
    assert_eq!(plays(&kept, &own).await, StatusCode::GONE);
    clean(&kept).await;
}

#[tokio::test]
async fn a_restore_while_a_hold_keeps_it_takes_nothing_out_of_it() {
    let kept = scene().await;
    let member = kept.installation.person("member").await;
    let subject = subject_of(&member).await;
    let copy = kept.installation.copy_of_database().await;
    about(&kept, &member).await;
    let held = hold(&kept, subject).await.ok();
    let organisation = kept.installation.organisation;
    let asked = kept.installation.erase_at_command(organisation, Target::RecordingsOf(subject)).await;
    let state = async |kept: &Kept| {
        let path = format!("/api/v1/erasures/{}", asked.id);
        kept.admin().await.get(&path).await.ok()["state"].clone()
    };
    assert_eq!(state(&kept).await, "restricted");

    // The copy knows nothing of the recording; the hold and the erasure stand in it all the same.
    let kept = kept.restored_from(&copy).await;
    kept.sweep().await;
    kept.erase_all().await;
    assert_eq!(state(&kept).await, "restricted", "a hold keeps its key");
    let release = format!("/api/v1/holds/{}/release", id(&held));
    kept.admin().await.post(&release, json!({})).await.ok();
    let confirm = format!("/api/v1/holds/{}/confirm", id(&held));
    kept.installation.person("second").await.post(&confirm, json!({})).await.ok();
    kept.sweep().await;
    kept.erase_all().await;
    // Files of the ingest log that the restored rows do not know go hours later; the keys are gone now.
    assert_ne!(state(&kept).await, "restricted");
    let keys = "SELECT 1 FROM erasure_keys WHERE erasure_id = $1";
    let left = "SELECT 1 FROM key_rows k JOIN erasure_keys e ON e.key_id = k.key_id WHERE e.erasure_id = $1";
    let count = async |sql: &'static str| kept.installation.rows(sql, vec![asked.id.into()]).await.len();
    assert!(count(keys).await > 0, "what came after the copy is in it");
    assert_eq!(count(left).await, 0);
}
