//! Holds: two people place and release them; while one stands, nothing it covers is swept or erased, whichever came first.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use std::time::Duration;

use axum::http::StatusCode;
use clerestory_model::{HoldId, Timestamp};
use clerestory_testkit::Caller;
use clerestory_testkit::kept::{DAY, Kept, Old};
use serde_json::{Value, json};

/// An installation with two administrators of the first organisation.
async fn scene() -> Kept {
    let kept = Kept::new().await;
    kept.add_second_admin().await;
    kept
}

async fn second(kept: &Kept) -> Caller {
    kept.installation.person("second").await
}

fn of_recording(old: &Old) -> Value {
    json!({ "recording": old.recording })
}

async fn propose(kept: &Kept, scope: Value) -> Value {
    let asked = json!({ "scope": scope, "matter": "Fernwick v. Harbour", "reason": "The order of 3 May" });
    let answer = kept.admin().await.post("/api/v1/holds", asked).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.json);
    answer.json
}

fn path(hold: &Value, what: &str) -> String {
    format!("/api/v1/holds/{}/{what}", hold["id"].as_str().unwrap())
}

async fn place(kept: &Kept, scope: Value) -> Value {
    let hold = propose(kept, scope).await;
    second(kept).await.post(&path(&hold, "confirm"), json!({})).await.ok()
}

async fn release(kept: &Kept, hold: &Value) {
    kept.admin().await.post(&path(hold, "release"), json!({})).await.ok();
    second(kept).await.post(&path(hold, "confirm"), json!({})).await.ok();
}

async fn erase(kept: &Kept, old: &Old) -> Value {
    let path = format!("/api/v1/recordings/{}/erasures", old.recording);
    let answer = kept.admin().await.post(&path, json!({})).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.json);
    answer.json
}

/// Sees that what holds say they pin is what is pinned.
async fn pins_are_as_listed(kept: &Kept) {
    let listed = "SELECT key_id, count(*) FROM hold_keys GROUP BY key_id ORDER BY key_id";
    let pinned = "SELECT key_id, pins FROM key_rows WHERE pins > 0 ORDER BY key_id";
    let listed = kept.installation.rows(listed, Vec::new()).await;
    assert_eq!(listed, kept.installation.rows(pinned, Vec::new()).await);
}

#[tokio::test]
async fn two_people_place_a_hold_and_two_release_it() {
    let kept = scene().await;
    let old = kept.recordings(1).await.remove(0);
    let (admin, second) = (kept.admin().await, second(&kept).await);
    let hold = propose(&kept, of_recording(&old)).await;
    assert_eq!(
        (&hold["state"], &hold["keys"], &hold["happens_alone_at"]),
        (&json!("proposed"), &json!(0), &Value::Null)
    );
    let alone = admin.post(&path(&hold, "confirm"), json!({})).await;
    assert_eq!((alone.status, alone.problem()), (StatusCode::CONFLICT, "second-person-required"));
    pins_are_as_listed(&kept).await;
    let health = admin.get("/api/v1/health/findings").await.ok();
    assert!(health["items"].as_array().unwrap().iter().any(|item| item["id"] == "holds"), "{health}");

    let placed = second.post(&path(&hold, "confirm"), json!({})).await.ok();
    assert_eq!((&placed["state"], &placed["keys"]), (&json!("standing"), &json!(2)));
    assert_eq!(
        (&placed["proposed"]["by"]["name"], &placed["placed"]["by"]["name"]),
        (&json!("admin"), &json!("second"))
    );
    assert_eq!(
        (&placed["matter"], &placed["reason"]),
        (&json!("Fernwick v. Harbour"), &json!("The order of 3 May"))
    );
    let review: Timestamp = placed["review_at"].as_str().unwrap().parse().unwrap();
    assert_eq!(review, kept.installation.now().plus(DAY * 90));
    pins_are_as_listed(&kept).await;
    assert_eq!(second.post(&path(&hold, "confirm"), json!({})).await.problem(), "not-proposed");

    second.post(&path(&hold, "release"), json!({})).await.ok();
    assert_eq!(second.post(&path(&hold, "confirm"), json!({})).await.problem(), "second-person-required");
    let kept_on = admin.post(&path(&hold, "withdraw"), json!({})).await.ok();
    assert_eq!((&kept_on["state"], &kept_on["keys"]), (&json!("standing"), &json!(2)));
    assert_eq!(kept_on["release_proposed"], Value::Null, "nobody proposes it any more");
    second.post(&path(&hold, "release"), json!({})).await.ok();
    let released = admin.post(&path(&hold, "confirm"), json!({})).await.ok();
    assert_eq!((&released["state"], &released["keys"]), (&json!("released"), &json!(0)));
    pins_are_as_listed(&kept).await;
    assert_eq!(kept.installation.app.replay_authority().await.unwrap(), [], "each step is on record");
    let listed = admin.get("/api/v1/holds").await.ok();
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
    let stranger = kept.installation.person("stranger").await;
    assert_eq!(stranger.get("/api/v1/holds").await.ok()["items"], json!([]));
    assert_eq!(stranger.post(&path(&hold, "release"), json!({})).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_row_of_a_hold_that_somebody_edits_is_named() {
    let kept = scene().await;
    let old = kept.recordings(1).await.remove(0);
    let hold = place(&kept, of_recording(&old)).await;
    let id: HoldId = hold["id"].as_str().unwrap().parse().unwrap();
    kept.installation.execute("UPDATE holds SET state = 4 WHERE hold_id = $1", vec![id.into()]).await;
    let differences = kept.installation.app.replay_authority().await.unwrap();
    let [difference] = differences.as_slice() else { panic!("{differences:?}") };
    assert!(difference.to_string().contains("holds"), "{difference}");
}

#[tokio::test]
async fn a_held_recording_outlives_every_sweep_and_goes_with_the_first_after_its_release() {
    for scope in ["recording", "subject", "site", "organisation"] {
        let kept = scene().await;
        let old = kept.recordings(1).await.remove(0);
        let facts = kept.admin().await.get(&format!("/api/v1/recordings/{}", old.recording)).await.ok();
        let scope = match scope {
            "recording" => of_recording(&old),
            "subject" => json!({ "subject": facts["subject"]["id"] }),
            "site" => json!({ "site": kept.site }),
            _ => json!("organisation"),
        };
        let hold = place(&kept, scope.clone()).await;
        // What comes to it later is covered too.
        let later = kept.recordings(1).await.remove(0);
        let covers_all = scope == json!("organisation") || scope.get("site").is_some();
        kept.installation.wait(DAY * 91);
        let swept = kept.sweep().await.recordings;
        assert_eq!(swept, u64::from(!covers_all), "{scope}");
        assert_eq!(kept.state(&later).await == "active", covers_all, "{scope}");
        assert_eq!(kept.state(&old).await, "active", "{scope}");
        pins_are_as_listed(&kept).await;
        release(&kept, &hold).await;
        kept.sweep().await;
        assert_eq!(kept.state(&old).await, "purge_queued", "{scope}: its time had gone on");
        kept.erase_all().await;
        assert_eq!(kept.state(&old).await, "verified", "{scope}");
    }
}

#[tokio::test]
async fn an_erasure_that_comes_after_a_hold_hides_and_waits() {
    let kept = scene().await;
    let [old, other] = kept.recordings(2).await.try_into().unwrap();
    let hold = place(&kept, of_recording(&old)).await;
    let asked = erase(&kept, &old).await;
    assert_eq!(asked["state"], "restricted", "{asked}");
    assert!(asked["waits_for"].as_str().unwrap().contains("hold"), "{asked}");
    assert_eq!(erase(&kept, &old).await["id"], asked["id"], "asking again gives the same");
    let admin = kept.admin().await;
    kept.installation.switch_on(&["manager.scope.visitors"]).await;
    for (who, keeps) in [("admin", true), ("second", true), ("manager", false)] {
        let caller = kept.installation.person(who).await;
        for (method, what) in [("GET", ""), ("POST", "/plays"), ("GET", "/viewers")] {
            let at = format!("/api/v1/recordings/{}{what}", old.recording);
            let answer = caller.send(method, &at, "{}").await;
            assert_eq!(answer.status.is_success(), keeps, "{who} {what}: {}", answer.json);
            assert!(keeps || answer.status == StatusCode::NOT_FOUND, "{who} {what}: {}", answer.json);
        }
        let hidden = caller.get("/api/v1/recordings?state=soft_deleted").await;
        match keeps {
            true => assert_eq!(hidden.ok()["items"][0]["id"], old.recording, "{who}"),
            false => assert_eq!(hidden.status, StatusCode::UNPROCESSABLE_ENTITY, "{who}"),
        }
        let listed = caller.get("/api/v1/recordings").await.ok();
        assert_eq!(listed["items"].as_array().unwrap().len(), 1);
        assert_eq!(listed["items"][0]["id"], other.recording);
    }
    assert_eq!(admin.get("/api/v1/deletions").await.ok()["items"], json!([]), "nobody can restore it");
    kept.erase_all().await;
    kept.sweep().await;
    kept.erase_all().await;
    pins_are_as_listed(&kept).await;
    let waits =
        kept.admin().await.get(&format!("/api/v1/erasures/{}", asked["id"].as_str().unwrap())).await.ok();
    assert_eq!(waits["state"], "restricted");
    // It survives a restart, and begins with the first sweep after the release.
    let kept = kept.restarted().await;
    release(&kept, &hold).await;
    kept.sweep().await;
    kept.erase_all().await;
    let done =
        kept.admin().await.get(&format!("/api/v1/erasures/{}", asked["id"].as_str().unwrap())).await.ok();
    assert_eq!(done["state"], "verified", "{done}");
    assert_eq!(kept.state(&old).await, "verified");
    assert_eq!(kept.installation.app.replay_authority().await.unwrap(), []);
}

#[tokio::test]
async fn a_hold_that_comes_after_an_erasure_is_refused_with_the_reason() {
    let kept = scene().await;
    let [first, other] = kept.recordings(2).await.try_into().unwrap();
    let early = propose(&kept, of_recording(&first)).await;
    erase(&kept, &first).await;
    let late = second(&kept).await.post(&path(&early, "confirm"), json!({})).await;
    assert_eq!((late.status, late.problem()), (StatusCode::CONFLICT, "erasing"));
    assert!(late.json["detail"].as_str().unwrap().contains("before the hold"), "{}", late.json);
    let asked = json!({ "scope": of_recording(&first), "matter": "m", "reason": "r" });
    let again = kept.admin().await.post("/api/v1/holds", asked).await;
    assert_eq!((again.status, again.problem()), (StatusCode::CONFLICT, "erasing"));
    // A wider one holds the rest.
    let hold = place(&kept, json!({ "site": kept.site })).await;
    assert_eq!(hold["keys"], 2);
    kept.erase_all().await;
    assert_eq!((kept.state(&first).await, kept.state(&other).await), ("verified".into(), "active".into()));
}

#[tokio::test]
async fn parts_of_what_is_held_and_the_whole_organisation_are_not_erased() {
    let kept = scene().await;
    let old = kept.recordings(1).await.remove(0);
    place(&kept, of_recording(&old)).await;
    let admin = kept.admin().await;
    let path = format!("/api/v1/recordings/{}/erasures", old.recording);
    let organisation = kept.installation.organisation.to_string();
    let asked = json!({ "target": { "organisation": organisation }, "reason": "the contract ended" });
    let proposed = admin.post("/api/v1/erasures/proposals", asked).await.ok();
    let agree = format!("/api/v1/erasures/proposals/{}/agree", proposed["id"].as_str().unwrap());
    for (who, path, asked) in [
        ("admin", path.as_str(), json!({ "track": old.track })),
        ("admin", path.as_str(), json!({ "range": { "from_us": 0, "to_us": 1 } })),
        ("second", agree.as_str(), proposed["now"].clone()),
    ] {
        let refused = kept.installation.proven(who).await.post(path, asked).await;
        assert_eq!((refused.status, refused.problem()), (StatusCode::CONFLICT, "held"), "{path}");
    }
    assert_eq!(kept.state(&old).await, "active");
}

#[tokio::test]
async fn one_administrator_alone_waits_seven_days() {
    let kept = Kept::new().await;
    let old = kept.recordings(1).await.remove(0);
    let hold = propose(&kept, of_recording(&old)).await;
    let until: Timestamp = hold["happens_alone_at"].as_str().unwrap().parse().unwrap();
    assert_eq!(until, kept.installation.now().plus(DAY * 7));
    let alone = kept.admin().await.post(&path(&hold, "confirm"), json!({})).await;
    assert_eq!(alone.problem(), "second-person-required");
    let state = async || kept.admin().await.get("/api/v1/holds").await.ok()["items"][0].clone();
    kept.wait_until(until.minus(Duration::from_micros(1)));
    kept.sweep().await;
    assert_eq!(state().await["state"], "proposed");
    kept.installation.wait(Duration::from_micros(1));
    kept.sweep().await;
    let standing = state().await;
    assert_eq!((&standing["state"], &standing["keys"]), (&json!("standing"), &json!(2)));
    assert_eq!(standing["placed"]["by"], Value::Null, "nobody but time");
    kept.admin().await.post(&path(&hold, "release"), json!({})).await.ok();
    kept.sweep().await;
    assert_eq!(state().await["state"], "release_proposed");
    kept.installation.wait(DAY * 7);
    kept.sweep().await;
    assert_eq!((&state().await["state"], &state().await["keys"]), (&json!("released"), &json!(0)));
    pins_are_as_listed(&kept).await;
    assert_eq!(kept.installation.app.replay_authority().await.unwrap(), []);
}

/// A hold whose pins were cut off stands all the same, and the next sweep pins the rest before it looks for what is due.
#[tokio::test]
async fn pins_that_were_cut_off_are_made_before_anything_is_swept() {
    let kept = scene().await;
    let old = kept.recordings(1).await.remove(0);
    let hold = propose(&kept, of_recording(&old)).await;
    kept.installation.refuse("INSERT ON hold_keys", "1 = 1").await;
    let cut = second(&kept).await.post(&path(&hold, "confirm"), json!({})).await;
    assert_eq!(cut.status, StatusCode::SERVICE_UNAVAILABLE);
    kept.installation.refuse_no_more().await;
    kept.installation.wait(DAY * 91);
    assert_eq!(kept.sweep().await.recordings, 0);
    assert_eq!(kept.state(&old).await, "active");
    pins_are_as_listed(&kept).await;
    assert_eq!(kept.admin().await.get("/api/v1/holds").await.ok()["items"][0]["keys"], 2);
}
