//! An organisation closes for thirty days before it is erased: nothing new is recorded, what there is can be had, and it can
//! be kept.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use std::time::Duration;

use axum::http::StatusCode;
use clerestory_lifecycle::CLOSES;
use clerestory_model::Timestamp;
use clerestory_testkit::Caller;
use clerestory_testkit::kept::{DAY, Kept};
use clerestory_testkit::visit::{movement, snapshot};
use serde_json::{Value, json};

const PROPOSALS: &str = "/api/v1/erasures/proposals";
const HOLDS: &str = "/api/v1/holds";

/// Proposes the end of the first organisation, as people do who say nothing about when.
async fn propose(kept: &Kept, caller: &Caller) -> Value {
    let target = json!({ "organisation": kept.installation.organisation.to_string() });
    caller.post(PROPOSALS, json!({ "target": target, "reason": "the contract ended" })).await.ok()
}

fn at(proposal: &Value, what: &str) -> String {
    format!("{PROPOSALS}/{}/{what}", proposal["id"].as_str().unwrap())
}

/// One with two administrators, which both agreed to close; and when it is erased.
async fn closing() -> (Kept, Value, Timestamp) {
    let kept = Kept::new().await;
    kept.add_second_admin().await;
    let asked = propose(&kept, &kept.admin().await).await;
    let second = kept.installation.proven("second").await;
    let agreed = second.post(&at(&asked, "agree"), asked["now"].clone()).await.ok();
    assert_eq!(agreed["erasure"], Value::Null);
    let closes_at: Timestamp = agreed["closes_at"].as_str().unwrap().parse().unwrap();
    assert_eq!(closes_at, kept.installation.now().plus(CLOSES));
    (kept, asked, closes_at)
}

async fn erasures(kept: &Kept) -> usize {
    kept.installation.rows("SELECT 1 FROM erasures", Vec::new()).await.len()
}

async fn clean(kept: &Kept) {
    assert_eq!(kept.installation.app.replay_authority().await.unwrap(), [], "each step is on record");
}

#[tokio::test]
async fn nothing_new_is_recorded_and_what_there_is_can_be_had_until_the_day_it_is_erased() {
    let kept = Kept::new().await;
    kept.add_second_admin().await;
    let visit = kept.visit().await;
    let asked = propose(&kept, &kept.admin().await).await;
    let second = kept.installation.proven("second").await;
    second.post(&at(&asked, "agree"), asked["now"].clone()).await.ok();
    let closes_at = kept.installation.now().plus(CLOSES);

    let now_ms = i64::try_from(kept.installation.now().unix_millis()).unwrap();
    let late = visit.send(1, &movement(now_ms)).await;
    assert_eq!((late.status, late.problem()), (StatusCode::FORBIDDEN, "organisation-closing"));
    let key = kept.installation.rows("SELECT site_key FROM sites", Vec::new()).await;
    let start = json!({ "site_key": key[0].get::<String>(0).unwrap(), "client_time_ms": now_ms,
        "writer": "0190a5e2-0000-7000-8000-000000000002" });
    let recorder = kept.installation.recorder("https://shop.example");
    let refused = recorder.post("/api/v1/capture/start", start).await;
    assert_eq!((refused.status, refused.problem()), (StatusCode::FORBIDDEN, "organisation-closing"));
    let imports = format!("/api/v1/sites/{}/imports", kept.site);
    let body = snapshot(now_ms, 1, "x").to_string();
    let brought = kept.admin().await.send("POST", &imports, body).await;
    assert_eq!((brought.status, brought.problem()), (StatusCode::FORBIDDEN, "organisation-closing"));

    // Everybody is told, keeps their account, and can ask for what is theirs.
    let member = kept.installation.person("member").await;
    let session = member.get("/api/v1/session").await.ok();
    assert_eq!(session["organisation"]["closes_at"], closes_at.to_string());
    member.post("/api/v1/my/requests", json!({ "kind": "export" })).await.ok();
    let stranger = kept.installation.person("stranger").await.get("/api/v1/session").await.ok();
    assert_eq!(stranger["organisation"]["closes_at"], Value::Null);
    let listed = kept.admin().await.get(PROPOSALS).await.ok()["items"][0].clone();
    assert_eq!((&listed["state"], &listed["at_once"]), (&json!("closing"), &json!(false)));
    assert_eq!(listed["closes_at"], closes_at.to_string());
    assert_eq!(propose(&kept, &kept.admin().await).await["id"], asked["id"], "it is closing already");

    kept.wait_until(closes_at.minus(Duration::from_micros(1)));
    kept.sweep().await;
    assert_eq!(erasures(&kept).await, 0);
    clean(&kept).await;
    let admin = kept.admin().await;
    kept.installation.wait(Duration::from_micros(1));
    kept.sweep().await;
    assert_eq!(erasures(&kept).await, 1);
    assert_eq!(admin.get("/api/v1/session").await.status, StatusCode::UNAUTHORIZED);
    clean(&kept).await;
}

/// A server that was kept from it on the day goes on with it later: two people agreed.
#[tokio::test]
async fn it_is_erased_late_where_nothing_was_swept_on_the_day() {
    let (kept, _, closes_at) = closing().await;
    kept.wait_until(closes_at.plus(DAY * 9));
    kept.sweep().await;
    assert_eq!(erasures(&kept).await, 1);
    clean(&kept).await;
}

#[tokio::test]
async fn whoever_may_erase_it_keeps_it_until_it_is_erased() {
    let (kept, asked, closes_at) = closing().await;
    kept.wait_until(closes_at.minus(DAY));
    for who in ["manager", "member", "stranger"] {
        let refused = kept.installation.proven(who).await.post(&at(&asked, "withdraw"), json!({})).await;
        let closed = matches!(refused.status, StatusCode::FORBIDDEN | StatusCode::NOT_FOUND);
        assert!(closed, "{who}: {} {}", refused.status, refused.json);
    }
    let admin = kept.admin().await;
    let again = kept.installation.proven("second").await;
    // It was agreed to: there is nothing to agree to or to refuse any more.
    for what in ["agree", "refuse"] {
        let body = if what == "agree" { asked["now"].clone() } else { json!({}) };
        let refused = again.post(&at(&asked, what), body).await;
        assert_eq!((refused.status, refused.problem()), (StatusCode::CONFLICT, "not-proposed"), "{what}");
    }
    let unproven = kept.installation.person("second").await;
    let refused = unproven.post(&at(&asked, "withdraw"), json!({})).await;
    assert_eq!((refused.status, refused.problem()), (StatusCode::FORBIDDEN, "step-up-required"));
    // Who agreed may keep it as well as who proposed it.
    assert_eq!(again.post(&at(&asked, "withdraw"), json!({})).await.status, StatusCode::NO_CONTENT);
    let session = admin.get("/api/v1/session").await.ok();
    assert_eq!(session["organisation"]["closes_at"], Value::Null);
    kept.visit().await;
    kept.installation.wait(DAY * 2);
    kept.sweep().await;
    assert_eq!(erasures(&kept).await, 0);
    clean(&kept).await;
}

#[tokio::test]
async fn a_hold_keeps_it_closing_until_it_is_released() {
    let (kept, _, closes_at) = closing().await;
    let hold = async |what: &str, body: Value| {
        let path = if what.is_empty() { HOLDS.to_owned() } else { format!("{HOLDS}/{what}") };
        kept.admin().await.post(&path, body).await
    };
    let scope = json!({ "site": kept.site });
    let placed = hold("", json!({ "scope": scope, "matter": "M", "reason": "R" })).await.ok();
    let id = placed["id"].as_str().unwrap().to_owned();
    let second = kept.installation.proven("second").await;
    second.post(&format!("{HOLDS}/{id}/confirm"), json!({})).await.ok();
    kept.wait_until(closes_at);
    kept.sweep().await;
    assert_eq!(erasures(&kept).await, 0);
    assert_eq!(kept.admin().await.get(PROPOSALS).await.ok()["items"][0]["state"], "closing");
    hold(&format!("{id}/release"), json!({})).await.ok();
    let second = kept.installation.proven("second").await;
    second.post(&format!("{HOLDS}/{id}/confirm"), json!({})).await.ok();
    kept.sweep().await;
    assert_eq!(erasures(&kept).await, 1);
    clean(&kept).await;
}

/// Where nobody else may agree, the seven days come first, and the thirty after them.
#[tokio::test]
async fn one_administrator_alone_closes_after_seven_days() {
    let kept = Kept::new().await;
    let asked = propose(&kept, &kept.admin().await).await;
    assert!(asked["waits_for"].as_str().unwrap().contains("30 days"), "{asked}");
    kept.installation.wait(DAY * 7);
    kept.sweep().await;
    let listed = kept.admin().await.get(PROPOSALS).await.ok()["items"][0].clone();
    assert_eq!((&listed["state"], &listed["decided_by"]), (&json!("closing"), &Value::Null));
    kept.installation.wait(CLOSES.saturating_sub(Duration::from_micros(1)));
    kept.sweep().await;
    assert_eq!(erasures(&kept).await, 0);
    kept.installation.wait(Duration::from_micros(1));
    kept.sweep().await;
    assert_eq!(erasures(&kept).await, 1);
    clean(&kept).await;
}

/// A hold that stands when the seven days are over keeps them from beginning.
#[tokio::test]
async fn nobody_alone_closes_against_a_hold() {
    let kept = Kept::new().await;
    let admin = kept.admin().await;
    let hold = json!({ "scope": { "site": kept.site }, "matter": "M", "reason": "R" });
    admin.post(HOLDS, hold).await.ok();
    propose(&kept, &admin).await;
    kept.installation.wait(DAY * 7);
    kept.sweep().await;
    assert_eq!(kept.admin().await.get(PROPOSALS).await.ok()["items"][0]["state"], "withdrawn");
    kept.visit().await;
    clean(&kept).await;
}

/// Nobody can tell from a copy whether it was kept after the copy was made.
#[tokio::test]
async fn a_copy_that_is_put_back_does_not_go_on_closing() {
    let (kept, _, _) = closing().await;
    let copy = kept.installation.copy_of_database().await;
    let kept = Kept::over(kept.installation.put_back(&copy).await).await;
    assert_eq!(kept.admin().await.get(PROPOSALS).await.ok()["items"][0]["state"], "withdrawn");
    kept.installation.wait(CLOSES);
    kept.sweep().await;
    assert_eq!(erasures(&kept).await, 0);
    clean(&kept).await;
}
