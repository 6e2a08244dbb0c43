//! The gravest erasures take two: one person proposes them, another with the same right agrees to what they were shown.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use std::time::Duration;

use axum::http::StatusCode;
use clerestory_lifecycle::Target;
use clerestory_model::{SubjectId, Timestamp};
use clerestory_testkit::kept::{DAY, Kept};
use clerestory_testkit::visit::snapshot;
use clerestory_testkit::{Answer, Caller};
use serde_json::{Value, json};

const HOLDS: &str = "/api/v1/holds";
const PROPOSALS: &str = "/api/v1/erasures/proposals";

/// An installation with two administrators of the first organisation.
async fn scene() -> Kept {
    let kept = Kept::new().await;
    kept.add_second_admin().await;
    kept
}

async fn subject(kept: &Kept, role: &str) -> SubjectId {
    let sql = "SELECT subject_id FROM people WHERE organisation_id = $1 AND role = $2 ORDER BY created_at";
    let values = vec![kept.installation.organisation.into(), role.into()];
    kept.installation.rows(sql, values).await[0].get(0).unwrap()
}

fn person(subject: SubjectId) -> Value {
    json!({ "subject": subject.to_string() })
}

async fn propose(caller: &Caller, target: Value) -> Answer {
    caller.post(PROPOSALS, json!({ "target": target, "reason": "they asked by letter" })).await
}

/// Proposes to erase the first organisation.
async fn propose_end(kept: &Kept, caller: &Caller, at_once: bool) -> Value {
    let target = json!({ "organisation": kept.installation.organisation.to_string() });
    let asked = json!({ "target": target, "reason": "we move", "at_once": at_once });
    caller.post(PROPOSALS, asked).await.ok()
}

fn at(proposal: &Value, what: &str) -> String {
    format!("{PROPOSALS}/{}/{what}", proposal["id"].as_str().unwrap())
}

async fn newest(caller: &Caller) -> Value {
    caller.get(PROPOSALS).await.ok()["items"][0].clone()
}

async fn erasures(kept: &Kept) -> usize {
    kept.installation.rows("SELECT 1 FROM erasures", Vec::new()).await.len()
}

async fn clean(kept: &Kept) {
    assert_eq!(kept.installation.app.replay_authority().await.unwrap(), [], "each step is on record");
}

/// A recording that shows this person.
async fn about(kept: &Kept, admin: &Caller, subject: SubjectId) {
    let sql = "SELECT person_id FROM people WHERE subject_id = $1";
    let id: clerestory_model::PersonId =
        kept.installation.rows(sql, vec![subject.into()]).await[0].get(0).unwrap();
    let path = format!("/api/v1/sites/{}/imports?about={id}", kept.site);
    admin.send("POST", &path, snapshot(1_795_000_000_000, 1, "x").to_string()).await.ok();
}

#[tokio::test]
async fn a_person_is_erased_by_two_of_what_the_second_was_shown() {
    let kept = scene().await;
    let (admin, second) = (kept.admin().await, kept.installation.proven("second").await);
    let member = kept.installation.person("member").await;
    let doomed = subject(&kept, "member").await;
    about(&kept, &admin, doomed).await;
    let path = format!("/api/v1/subjects/{doomed}/erasures");
    assert_eq!(admin.post(&path, json!({})).await.problem(), "second-person-required");
    let silent = admin.post(PROPOSALS, json!({ "target": person(doomed), "reason": " " })).await;
    assert_eq!(silent.status, StatusCode::UNPROCESSABLE_ENTITY);

    let asked = propose(&admin, person(doomed)).await.ok();
    assert_eq!(asked["now"], json!({ "recordings": 1, "people": 1 }));
    assert_eq!(propose(&second, person(doomed)).await.ok()["id"], asked["id"], "it is proposed once");
    let own = admin.post(&at(&asked, "agree"), asked["now"].clone()).await;
    assert_eq!((own.status, own.problem()), (StatusCode::CONFLICT, "second-person-required"));
    let shown = newest(&second).await;
    assert_eq!((&shown["state"], &shown["reason"]), (&json!("waits"), &json!("they asked by letter")));
    assert_eq!((&shown["asked_by"]["name"], &shown["about"]["label"]), (&json!("admin"), &json!("member")));
    // Not by whoever has not proven who they are, nor by those who may not, nor from elsewhere.
    for who in ["manager", "member", "stranger"] {
        let caller = kept.installation.proven(who).await;
        for what in ["agree", "refuse", "withdraw"] {
            let body = if what == "agree" { shown["now"].clone() } else { json!({}) };
            let refused = caller.post(&at(&asked, what), body).await;
            let closed = matches!(refused.status, StatusCode::FORBIDDEN | StatusCode::NOT_FOUND);
            assert!(closed, "{who} {what}: {} {}", refused.status, refused.json);
            assert!(who != "stranger" || refused.status == StatusCode::NOT_FOUND, "{what}");
        }
    }
    let unproven = kept.installation.person("second").await;
    let refused = unproven.post(&at(&asked, "agree"), shown["now"].clone()).await;
    assert_eq!((refused.status, refused.problem()), (StatusCode::FORBIDDEN, "step-up-required"));
    // What came to it since is shown before it is agreed to.
    about(&kept, &admin, doomed).await;
    let stale = second.post(&at(&asked, "agree"), shown["now"].clone()).await;
    assert_eq!((stale.status, stale.problem()), (StatusCode::CONFLICT, "more-than-shown"));
    assert_eq!(erasures(&kept).await, 0);
    member.get("/api/v1/session").await.ok();

    let shown = newest(&second).await;
    assert_eq!(shown["now"]["recordings"], 2);
    let begun = second.post(&at(&asked, "agree"), shown["now"].clone()).await.ok()["erasure"].clone();
    assert_eq!((&begun["kind"], &begun["state"]), (&json!("subject"), &json!("purge_queued")));
    assert_eq!(member.get("/api/v1/session").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(second.get(PROPOSALS).await.ok()["items"], json!([]), "it went with whom it names");
    kept.erase_all().await;
    let path = format!("/api/v1/erasures/{}", begun["id"].as_str().unwrap());
    assert_eq!(kept.admin().await.get(&path).await.ok()["state"], "verified");
    let log = kept.admin().await.get("/api/v1/audit?action=subject.erase&outcome=allowed").await.ok();
    let told: Vec<&str> =
        log["items"].as_array().unwrap().iter().filter_map(|item| item["detail"].as_str()).collect();
    assert!(told.iter().any(|detail| detail.starts_with("agreed to: epr_")), "{told:?}");
    clean(&kept).await;
}

#[tokio::test]
async fn it_is_refused_taken_back_or_over_after_seven_days() {
    let kept = scene().await;
    let doomed = subject(&kept, "member").await;
    for what in ["refuse", "withdraw", "over"] {
        // Of one moment nobody knows which is the newest.
        kept.installation.wait(Duration::from_secs(1));
        let (admin, second) = (kept.admin().await, kept.installation.proven("second").await);
        let asked = propose(&admin, person(doomed)).await.ok();
        let health = admin.get("/api/v1/health/findings").await.ok();
        assert!(health["items"].as_array().unwrap().iter().any(|item| item["id"] == "erasure-proposals"));
        let [by, other] = match what {
            "refuse" => [&second, &admin],
            _ => [&admin, &second],
        };
        match what {
            "over" => {
                kept.installation.wait(DAY * 7);
                kept.sweep().await;
            }
            _ => {
                assert_eq!(other.post(&at(&asked, what), json!({})).await.status, StatusCode::CONFLICT);
                assert_eq!(by.post(&at(&asked, what), json!({})).await.status, StatusCode::NO_CONTENT);
            }
        }
        let second = kept.installation.proven("second").await;
        let late = second.post(&at(&asked, "agree"), asked["now"].clone()).await;
        assert_eq!((late.status, late.problem()), (StatusCode::CONFLICT, "not-proposed"), "{what}");
        let state = newest(&second).await["state"].clone();
        assert_eq!(
            state,
            match what {
                "refuse" => "refused",
                "withdraw" => "withdrawn",
                _ => "over",
            }
        );
    }
    assert_eq!(erasures(&kept).await, 0);
    clean(&kept).await;
}

#[tokio::test]
async fn nobody_decides_about_their_own_erasure() {
    let kept = scene().await;
    let second = subject(&kept, "admin").await;
    let sql = "SELECT subject_id FROM people WHERE organisation_id = $1 AND role = 'admin'";
    let all = kept.installation.rows(sql, vec![kept.installation.organisation.into()]).await;
    assert_eq!(all.len(), 2);
    let (admin, other) = (kept.admin().await, kept.installation.proven("second").await);
    let of = async |caller: &Caller| {
        let id: clerestory_model::PersonId =
            caller.get("/api/v1/session").await.ok()["person"]["id"].as_str().unwrap().parse().unwrap();
        let sql = "SELECT subject_id FROM people WHERE person_id = $1";
        kept.installation.rows(sql, vec![id.into()]).await[0].get::<SubjectId>(0).unwrap()
    };
    assert!([of(&admin).await, of(&other).await].contains(&second));
    let asked = propose(&admin, person(of(&other).await)).await.ok();
    for what in ["agree", "refuse"] {
        let body = if what == "agree" { asked["now"].clone() } else { json!({}) };
        let answer = other.post(&at(&asked, what), body).await;
        assert_eq!(
            (answer.status, answer.problem()),
            (StatusCode::CONFLICT, "second-person-required"),
            "{what}"
        );
    }
    other.get("/api/v1/session").await.ok();
    clean(&kept).await;
}

#[tokio::test]
async fn an_organisation_goes_when_a_second_administrator_agrees() {
    let kept = scene().await;
    kept.recordings(1).await;
    let (admin, second) = (kept.admin().await, kept.installation.proven("second").await);
    let other = json!({ "organisation": kept.installation.other.to_string() });
    assert_eq!(propose(&admin, other).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    let asked = propose_end(&kept, &admin, true).await;
    assert_eq!(asked["now"]["recordings"], 1);
    let begun = second.post(&at(&asked, "agree"), asked["now"].clone()).await.ok();
    assert_eq!(begun["erasure"]["kind"], "organisation");
    for caller in [&admin, &second] {
        assert_eq!(caller.get("/api/v1/session").await.status, StatusCode::UNAUTHORIZED);
    }
    let left = kept.installation.rows("SELECT 1 FROM erasure_proposals", Vec::new()).await;
    assert_eq!(left.len(), 0);
    clean(&kept).await;
}

/// Where there is one administrator, a privacy officer is the second person, and nothing happens by itself.
#[tokio::test]
async fn a_privacy_officer_is_the_second_person_of_an_organisation() {
    let kept = Kept::new().await;
    let admin = kept.admin().await;
    let people = admin.get("/api/v1/people").await.ok();
    let member = people["items"].as_array().unwrap().iter().find(|one| one["role"] == "member").unwrap();
    let roles = format!("/api/v1/people/{}/roles", member["id"].as_str().unwrap());
    let also = json!({ "role": "member", "also": ["privacy"] }).to_string();
    admin.send("PUT", &roles, also).await.ok();
    let asked = propose_end(&kept, &admin, true).await;
    let officer = kept.installation.person("member").await;
    let agree = at(&asked, "agree");
    let unproven = officer.post(&agree, asked["now"].clone()).await;
    assert_eq!((unproven.status, unproven.problem()), (StatusCode::FORBIDDEN, "step-up-required"));
    kept.installation.wait(DAY * 6);
    kept.sweep().await;
    assert_eq!(erasures(&kept).await, 0);
    let officer = kept.installation.proven("member").await;
    let begun = officer.post(&agree, asked["now"].clone()).await.ok();
    assert_eq!(begun["erasure"]["kind"], "organisation");
    clean(&kept).await;
}

#[tokio::test]
async fn one_administrator_alone_waits_seven_days_or_goes_to_the_command_line() {
    let kept = Kept::new().await;
    let admin = kept.admin().await;
    let doomed = subject(&kept, "member").await;
    let asked = propose(&admin, person(doomed)).await.ok();
    assert!(asked["waits_for"].as_str().unwrap().contains("clerestory admin erase"), "{asked}");
    let until: Timestamp = asked["ends_at"].as_str().unwrap().parse().unwrap();
    assert_eq!(until, kept.installation.now().plus(DAY * 7));
    kept.wait_until(until.minus(Duration::from_micros(1)));
    kept.sweep().await;
    assert_eq!(erasures(&kept).await, 0);
    kept.installation.wait(Duration::from_micros(1));
    kept.sweep().await;
    assert_eq!(erasures(&kept).await, 1);

    // Somebody else who may agree by then was asked in vain.
    propose_end(&kept, &kept.admin().await, true).await;
    kept.add_second_admin().await;
    kept.installation.wait(DAY * 7);
    kept.sweep().await;
    assert_eq!(erasures(&kept).await, 1);
    assert_eq!(newest(&kept.admin().await).await["state"], "withdrawn");
    clean(&kept).await;

    kept.installation.erase_at_command(kept.installation.organisation, Target::Organisation).await;
    assert_eq!(erasures(&kept).await, 2);
    clean(&kept).await;
}

/// Somebody who asked to be erased and takes it back is not erased: not after seven days, and not by a second person.
#[tokio::test]
async fn a_request_that_is_taken_back_takes_the_proposal_with_it() {
    for alone in [true, false] {
        let kept = Kept::new().await;
        if !alone {
            kept.add_second_admin().await;
        }
        let (admin, member) = (kept.admin().await, kept.installation.person("member").await);
        let asked = member.post("/api/v1/my/requests", json!({ "kind": "erase" })).await.ok();
        let request = asked["id"].as_str().unwrap();
        admin.post(&format!("/api/v1/requests/{request}/fulfil"), json!({})).await.ok();
        let proposed = newest(&admin).await;
        assert_eq!((&proposed["state"], &proposed["alone"]), (&json!("waits"), &json!(alone)));
        member.post(&format!("/api/v1/my/requests/{request}/withdraw"), json!({})).await.ok();
        assert_eq!(newest(&admin).await["state"], "withdrawn");
        if !alone {
            let second = kept.installation.proven("second").await;
            let late = second.post(&at(&proposed, "agree"), proposed["now"].clone()).await;
            assert_eq!(late.problem(), "not-proposed");
        }
        kept.installation.wait(DAY * 7);
        kept.sweep().await;
        assert_eq!(erasures(&kept).await, 0);
        clean(&kept).await;
    }
}

#[tokio::test]
async fn nobody_agrees_to_what_somebody_proposed_who_may_not_any_more() {
    let kept = scene().await;
    let (admin, second) = (kept.admin().await, kept.installation.proven("second").await);
    let asked = propose(&second, person(subject(&kept, "member").await)).await.ok();
    let own = second.get("/api/v1/session").await.ok();
    let roles = format!("/api/v1/people/{}/roles", own["person"]["id"].as_str().unwrap());
    admin.send("PUT", &roles, json!({ "role": "member" }).to_string()).await.ok();
    let agreed = admin.post(&at(&asked, "agree"), asked["now"].clone()).await;
    assert_eq!((agreed.status, agreed.problem()), (StatusCode::CONFLICT, "not-proposed"));
    assert_eq!(erasures(&kept).await, 0);
    clean(&kept).await;
}

/// A server that was off when it was to happen: it can be taken back as long as it has not, and long after it does not.
#[tokio::test]
async fn what_happens_by_itself_can_be_taken_back_until_it_does_and_not_happen_late() {
    let kept = Kept::new().await;
    let doomed = subject(&kept, "member").await;
    propose(&kept.admin().await, person(doomed)).await.ok();
    kept.installation.wait(DAY * 8);
    let admin = kept.admin().await;
    let waiting = newest(&admin).await;
    assert_eq!(waiting["state"], "waits");
    assert_eq!(admin.post(&at(&waiting, "withdraw"), json!({})).await.status, StatusCode::NO_CONTENT);

    kept.installation.wait(Duration::from_secs(1));
    propose(&kept.admin().await, person(doomed)).await.ok();
    kept.installation.wait(DAY * 8);
    kept.sweep().await;
    assert_eq!(erasures(&kept).await, 0);
    assert_eq!(newest(&kept.admin().await).await["state"], "withdrawn");
    clean(&kept).await;
}

#[tokio::test]
async fn a_row_that_agrees_by_itself_is_found_by_the_replay() {
    let kept = scene().await;
    propose(&kept.admin().await, person(subject(&kept, "member").await)).await.ok();
    kept.installation.execute("UPDATE erasure_proposals SET alone = 1", Vec::new()).await;
    let differences = kept.installation.app.replay_authority().await.unwrap();
    let [difference] = differences.as_slice() else { panic!("{differences:?}") };
    assert!(difference.to_string().contains("erasure_proposals"), "{difference}");
}

/// Nobody can tell from a copy what was taken back after it was made.
#[tokio::test]
async fn what_a_copy_brings_back_as_proposed_does_not_happen_by_itself() {
    let kept = Kept::new().await;
    let held = kept.recordings(1).await.remove(0);
    let admin = kept.admin().await;
    let asked = json!({ "scope": { "recording": held.recording }, "matter": "M", "reason": "R" });
    let hold = admin.post(HOLDS, asked).await.ok();
    kept.installation.wait(DAY * 7);
    kept.sweep().await;
    let admin = kept.admin().await;
    let path = |what: &str| format!("{HOLDS}/{}/{what}", hold["id"].as_str().unwrap());
    admin.post(&path("release"), json!({})).await.ok();
    let proposed = propose(&admin, person(subject(&kept, "member").await)).await.ok();
    let copy = kept.installation.copy_of_database().await;
    admin.post(&path("withdraw"), json!({})).await.ok();
    assert_eq!(admin.post(&at(&proposed, "withdraw"), json!({})).await.status, StatusCode::NO_CONTENT);

    let kept = Kept::over(kept.installation.put_back(&copy).await).await;
    let admin = kept.admin().await;
    assert_eq!(newest(&admin).await["state"], "withdrawn");
    assert_eq!(admin.get(HOLDS).await.ok()["items"][0]["state"], "standing");
    kept.installation.wait(DAY * 7);
    kept.sweep().await;
    assert_eq!(erasures(&kept).await, 0);
    assert_eq!(kept.admin().await.get(HOLDS).await.ok()["items"][0]["state"], "standing");
    clean(&kept).await;
}

/// Of two administrators one is to be erased: the other waits as one who is alone.
#[tokio::test]
async fn whom_it_is_about_is_no_second_person() {
    let kept = scene().await;
    let own = kept.installation.person("second").await.get("/api/v1/session").await.ok();
    let id: clerestory_model::PersonId = own["person"]["id"].as_str().unwrap().parse().unwrap();
    let sql = "SELECT subject_id FROM people WHERE person_id = $1";
    let other: SubjectId = kept.installation.rows(sql, vec![id.into()]).await[0].get(0).unwrap();
    let admin = kept.admin().await;
    propose(&admin, person(other)).await.ok();
    assert_eq!(newest(&admin).await["alone"], true);
    kept.installation.wait(DAY * 7);
    kept.sweep().await;
    assert_eq!(erasures(&kept).await, 1);
    clean(&kept).await;
}
