//! What must not go wrong at the edges of sweeps, holds, deletions and restores.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use std::time::Duration;

use axum::http::StatusCode;
use clerestory_keys::KeyError;
use clerestory_lifecycle::{EraseError, Sweep, Target};
use clerestory_model::{HoldId, KeyId, TrackId};
use clerestory_sql::Lane;
use clerestory_testkit::Caller;
use clerestory_testkit::kept::{DAY, Kept, Old};
use clerestory_testkit::visit::{Visit, snapshot};
use serde_json::{Value, json};

const HOUR: Duration = Duration::from_secs(3600);

fn at(old: &Old, what: &str) -> String {
    format!("/api/v1/recordings/{}{what}", old.recording)
}

async fn propose(kept: &Kept, scope: Value) -> Value {
    let asked = json!({ "scope": scope, "matter": "Fernwick v. Harbour", "reason": "The order of 3 May" });
    let answer = kept.admin().await.post("/api/v1/holds", asked).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.json);
    answer.json
}

fn of(hold: &Value, what: &str) -> String {
    format!("/api/v1/holds/{}/{what}", hold["id"].as_str().unwrap())
}

async fn second(kept: &Kept) -> Caller {
    kept.installation.person("second").await
}

async fn place(kept: &Kept, old: &Old) -> Value {
    let hold = propose(kept, json!({ "recording": old.recording })).await;
    second(kept).await.post(&of(&hold, "confirm"), json!({})).await.ok()
}

async fn confirm_time(kept: &Kept) {
    let keys = std::sync::Arc::clone(kept.installation.app.vault.keys());
    let write = kept
        .installation
        .app
        .database
        .write(Lane::Interactive, move |tx| Box::pin(async move { keys.confirm_time(tx).await }));
    write.await.unwrap();
}

/// A copy that was made while a hold stood is put back after the hold was released and what it kept was erased.
#[tokio::test]
async fn a_copy_put_back_in_place_does_not_bring_back_what_it_holds_and_was_erased_since() {
    let kept = Kept::new().await;
    kept.add_second_admin().await;
    let [old, stays] = kept.recordings(2).await.try_into().unwrap();
    let hold = propose(&kept, json!("organisation")).await;
    let placed = second(&kept).await.post(&of(&hold, "confirm"), json!({})).await.ok();
    assert_eq!(placed["keys"], 5, "two of each recording, and the organisation's own");
    let copy = kept.installation.copy_of_database().await;
    kept.admin().await.post(&of(&hold, "release"), json!({})).await.ok();
    second(&kept).await.post(&of(&hold, "confirm"), json!({})).await.ok();
    kept.admin().await.post(&at(&old, "/erasures"), json!({})).await.ok();
    kept.erase_all().await;
    assert_eq!(kept.state(&old).await, "verified");
    let kept = Kept::over(kept.installation.put_back(&copy).await).await;
    let told = kept.admin().await.post(&at(&old, "/plays"), json!({})).await;
    assert_eq!(told.status, StatusCode::GONE, "it stays erased");
    kept.admin().await.post(&at(&stays, "/plays"), json!({})).await.ok();
    // The hold of the copy stands over the rest, and what it says it pins is what is pinned.
    kept.sweep().await;
    let listed = "SELECT key_id, count(*) FROM hold_keys GROUP BY key_id ORDER BY key_id";
    let pinned = "SELECT key_id, pins FROM key_rows WHERE pins > 0 ORDER BY key_id";
    let listed = kept.installation.rows(listed, Vec::new()).await;
    assert!(listed.len() >= 3, "{listed:?}");
    assert_eq!(listed, kept.installation.rows(pinned, Vec::new()).await);
}

#[tokio::test]
async fn what_was_deleted_and_is_held_is_seen_by_those_who_keep_the_hold() {
    let kept = Kept::new().await;
    kept.add_second_admin().await;
    let [old, other] = kept.recordings(2).await.try_into().unwrap();
    let hold = place(&kept, &old).await;
    for one in [&old, &other] {
        kept.admin().await.post(&at(one, "/delete"), json!({})).await.ok();
    }
    let (admin, manager) = (kept.admin().await, kept.installation.person("manager").await);
    let play = admin.post(&at(&old, "/plays"), json!({})).await.ok();
    let segment = format!("/api/v1/plays/{}/tracks/{}/segments/0", play["id"].as_str().unwrap(), old.track);
    admin.get(&segment).await.ok();
    assert_eq!(
        admin.post(&at(&other, "/plays"), json!({})).await.status,
        StatusCode::GONE,
        "no hold keeps it"
    );
    assert_eq!(manager.post(&at(&old, "/plays"), json!({})).await.status, StatusCode::NOT_FOUND);
    let hidden = admin.get("/api/v1/recordings?state=soft_deleted").await.ok();
    let ids: Vec<&str> =
        hidden["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap()).collect();
    assert_eq!(ids, [&old.recording]);
    // With the hold goes what it showed, in plays that run too.
    admin.post(&of(&hold, "release"), json!({})).await.ok();
    second(&kept).await.post(&of(&hold, "confirm"), json!({})).await.ok();
    assert_eq!(admin.get(&segment).await.status, StatusCode::GONE);
}

/// Eight at a time are few; three times eight within a day are not.
#[tokio::test]
async fn what_falls_due_bit_by_bit_within_a_day_is_held_against_what_was_foreseen_the_day_before() {
    let kept = Kept::new().await;
    let mut last = Vec::new();
    for _ in 0..3 {
        last.extend(kept.recordings(8).await.pop());
        kept.installation.wait(HOUR);
    }
    kept.installation.wait(DAY * 7);
    kept.sweep().await;
    kept.installation.wait(DAY * 2 + HOUR * 12);
    kept.keep_for(10).await;
    // An hour after it was changed the dates are counted anew, and are not yet what anybody could go by.
    assert_eq!(kept.sweep().await.recordings, 0);
    kept.wait_until(kept.due(&last[0]).await);
    assert_eq!(kept.sweep().await.recordings, 8);
    kept.wait_until(kept.due(&last[1]).await);
    let organisation = kept.installation.organisation;
    assert_eq!(kept.sweep().await, Sweep { waiting: vec![organisation], ..Sweep::default() });
    let state = kept.admin().await.get("/api/v1/retention/sweep").await.ok();
    assert_eq!(state["due"], 8);
    let confirm = async |due: u64| {
        // A proof of who one is holds for minutes, and days go by here.
        let admin = kept.admin().await;
        admin.post("/api/v1/retention/sweep/confirm", json!({ "due": due })).await
    };
    assert_eq!(confirm(7).await.problem(), "more-due-than-shown");
    confirm(8).await.ok();
    // More falls due before it goes on: that is another question.
    kept.wait_until(kept.due(&last[2]).await);
    assert_eq!(kept.sweep().await.waiting, [organisation]);
    assert_eq!(confirm(8).await.problem(), "more-due-than-shown");
    confirm(16).await.ok();
    assert_eq!(kept.sweep().await.recordings, 16);
    // What somebody confirmed is held against nothing that comes later.
    let one = kept.recordings(1).await.remove(0);
    kept.wait_until(kept.due(&one).await);
    assert_eq!(kept.sweep().await.recordings, 1);
}

#[tokio::test]
async fn what_was_deleted_falls_due_as_foreseen_or_waits() {
    for foreseen in [true, false] {
        let kept = Kept::new().await;
        let all = kept.recordings(12).await;
        kept.sweep().await;
        let admin = kept.admin().await;
        for old in &all {
            admin.post(&at(old, "/delete"), json!({})).await.ok();
        }
        kept.installation.wait(DAY * 2);
        kept.sweep().await;
        if foreseen {
            kept.installation.wait(DAY * 30);
        } else {
            let now = kept.installation.now();
            kept.installation.execute("UPDATE deletions SET restorable_until = $1", vec![now.into()]).await;
        }
        let swept = kept.sweep().await;
        assert_eq!((swept.recordings, swept.waiting.len()), if foreseen { (12, 0) } else { (0, 1) });
    }
}

/// A range is being erased when the whole recording falls due: the key that its survivors were to have goes too.
#[tokio::test]
async fn nothing_survives_of_a_part_that_was_erased_when_all_of_it_falls_due() {
    for made_before in [false, true] {
        let kept = Kept::new().await;
        let visit = kept.visit().await;
        for number in 1..4 {
            kept.installation.wait(Duration::from_secs(30));
            let now = i64::try_from(kept.installation.now().unix_millis()).unwrap();
            visit.send(number, &snapshot(now, 2, "page")).await.ok();
        }
        let old = Old { recording: visit.recording.clone(), track: visit.track.clone() };
        kept.close().await;
        kept.wait_until(kept.due(&old).await.minus(HOUR));
        let asked = json!({ "range": { "from_us": 0, "to_us": 1_000_000 } });
        kept.admin().await.post(&at(&old, "/erasures"), asked).await.ok();
        if made_before {
            kept.installation.refuse("UPDATE ON erasure_tracks", "NEW.switched = 1").await;
            kept.installation.carry_erasures_on().await;
            kept.installation.refuse_no_more().await;
            let made = "SELECT 1 FROM erasure_tracks WHERE new_key IS NOT NULL";
            assert_eq!(kept.installation.rows(made, Vec::new()).await.len(), 1);
        }
        kept.wait_until(kept.due(&old).await);
        assert_eq!(kept.sweep().await.recordings, 1);
        for _ in 0..3 {
            kept.erase_all().await;
        }
        assert_eq!(kept.state(&old).await, "verified");
        let steps = kept.installation.rows("SELECT step FROM erasures WHERE step < 7", Vec::new()).await;
        assert_eq!(steps, [], "both came to their end");
        let track: TrackId = old.track.parse().unwrap();
        let sql = "SELECT k.key_id FROM key_rows k JOIN erasure_tracks t ON k.key_id IN (t.key_id, t.new_key)
                   WHERE t.track_id = $1";
        let left: Vec<KeyId> = kept
            .installation
            .rows(sql, vec![track.into()])
            .await
            .iter()
            .map(|row| row.get(0).unwrap())
            .collect();
        assert_eq!(left, [], "made before: {made_before}");
    }
}

#[tokio::test]
async fn a_start_with_the_clock_far_ahead_sweeps_nothing_until_somebody_says_that_it_is_right() {
    let kept = Kept::new().await;
    let old = kept.recordings(1).await.remove(0);
    kept.sweep().await;
    let installation = kept.installation.restarted_after(async |_, clock| clock.jump(DAY * 6)).await;
    let kept = Kept::over(installation).await;
    // Other nodes would object.
    assert!(kept.installation.app.lifecycle.sweep([7; 16]).await.is_err());
    kept.installation.wait(HOUR / 4);
    kept.sweep().await;
    let installation = kept.installation.restarted_after(async |_, clock| clock.jump(DAY * 365)).await;
    // What people do meanwhile does not make it right, and nor does another start.
    let kept = Kept::over(installation).await;
    for _ in 0..2 {
        let stopped = kept.installation.app.lifecycle.sweep([7; 16]).await;
        assert!(matches!(stopped, Err(EraseError::Key(KeyError::Stopped(_)))), "{stopped:?}");
    }
    let kept = Kept::over(kept.installation.restarted().await).await;
    assert!(kept.installation.app.lifecycle.sweep([7; 16]).await.is_err());
    assert_eq!(kept.state(&old).await, "active");
    confirm_time(&kept).await;
    assert_eq!(kept.sweep().await.recordings, 1);
}

#[tokio::test]
async fn a_lone_administrators_hold_does_not_begin_over_what_is_being_erased() {
    let kept = Kept::new().await;
    let old = kept.recordings(1).await.remove(0);
    propose(&kept, json!({ "recording": old.recording })).await;
    kept.admin().await.post(&at(&old, "/erasures"), json!({})).await.ok();
    kept.installation.wait(DAY * 7);
    kept.sweep().await;
    let hold = kept.admin().await.get("/api/v1/holds").await.ok()["items"][0].clone();
    assert_eq!((&hold["state"], &hold["keys"]), (&json!("withdrawn"), &json!(0)));
    assert_eq!(kept.installation.app.replay_authority().await.unwrap(), []);
}

/// A visit to a site of the other organisation.
async fn of_the_other(kept: &Kept) -> Old {
    let stranger = kept.installation.person("stranger").await;
    let site = kept.installation.site(&stranger).await;
    let now = i64::try_from(kept.installation.now().unix_millis()).unwrap();
    let recorder = kept.installation.recorder("https://shop.example");
    let visit = Visit::start(recorder, site["site_key"].as_str().unwrap(), now).await;
    visit.send(0, &snapshot(now, 3, "some text")).await.ok();
    Old { recording: visit.recording.clone(), track: visit.track.clone() }
}

#[tokio::test]
async fn a_hold_that_nobody_can_read_keeps_all_that_it_may_cover_and_stops_nobody_else() {
    for (column, number) in [("kind", 9), ("state", 9)] {
        let kept = Kept::new().await;
        kept.add_second_admin().await;
        let theirs = of_the_other(&kept).await;
        let [held, beside] = kept.recordings(2).await.try_into().unwrap();
        let hold: HoldId = place(&kept, &held).await["id"].as_str().unwrap().parse().unwrap();
        // Its pins are gone too.
        kept.installation.execute("DELETE FROM hold_keys", Vec::new()).await;
        kept.installation.execute("UPDATE key_rows SET pins = 0", Vec::new()).await;
        let sql = format!("UPDATE holds SET {column} = {number} WHERE hold_id = $1");
        kept.installation.execute(sql, vec![hold.into()]).await;
        kept.installation.wait(DAY * 91);
        let swept = kept.sweep().await;
        let covers_all = column == "kind";
        assert_eq!((swept.recordings, swept.holds), (if covers_all { 1 } else { 2 }, 1), "{column}");
        assert_eq!(kept.state(&theirs).await, "purge_queued", "{column}");
        assert_eq!(kept.state(&held).await, "active", "{column}");
        assert_eq!(kept.state(&beside).await == "active", covers_all, "{column}");
        let asked = kept.admin().await.post(&at(&held, "/erasures"), json!({})).await.ok();
        assert_eq!(asked["state"], "restricted", "{column}: {asked}");
        let health = kept.admin().await.get("/api/v1/health/findings").await.ok();
        let told = health["items"].as_array().unwrap().iter().any(|item| item["id"] == "holds-unreadable");
        assert!(told, "{health}");
        kept.admin().await.get("/api/v1/holds").await.ok();
    }
}

#[tokio::test]
async fn rows_that_are_made_again_do_not_show_what_was_deleted_or_waits_to_be_erased() {
    let kept = Kept::new().await;
    kept.add_second_admin().await;
    let [deleted, restricted, stays] = kept.recordings(3).await.try_into().unwrap();
    place(&kept, &restricted).await;
    kept.admin().await.post(&at(&deleted, "/delete"), json!({})).await.ok();
    kept.admin().await.post(&at(&restricted, "/erasures"), json!({})).await.ok();
    kept.installation.app.settle_now().await.unwrap();
    for table in ["segments", "parts", "part_claims", "gaps", "tracks", "recordings"] {
        kept.installation.execute(format!("DELETE FROM {table}"), Vec::new()).await;
    }
    kept.installation.app.rebuild(false, &|_, _, _| {}).await.unwrap();
    for (old, state) in [(&deleted, "soft_deleted"), (&restricted, "soft_deleted"), (&stays, "active")] {
        assert_eq!(kept.state(old).await, state);
    }
    kept.installation.switch_on(&["manager.scope.visitors"]).await;
    let manager = kept.installation.person("manager").await;
    let listed = manager.get("/api/v1/recordings").await.ok();
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
    kept.admin().await.post(&at(&deleted, "/restore"), json!({})).await.ok();
    assert_eq!(kept.state(&deleted).await, "active", "its deletion was not forgotten");
}

/// Tables that still tell of an organisation that was erased: ids, times and states, the log, and the proofs.
const OUTLIVE: [&str; 12] = [
    "audit_entries",
    "audit_heads",
    "erasures",
    "ledger_leaves",
    "ledger_marks",
    "organisations",
    "projects",
    "recordings",
    "sites",
    "standing_turns",
    "subjects",
    "tracks",
];

#[tokio::test]
async fn of_an_organisation_that_was_erased_only_ids_and_proofs_are_left() {
    let kept = Kept::new().await;
    let old = kept.recordings(2).await;
    kept.keep_for(100).await;
    kept.sweep().await;
    kept.admin().await.post(&at(&old[0], "/plays"), json!({})).await.ok();
    kept.admin().await.post(&at(&old[1], "/delete"), json!({})).await.ok();
    kept.installation.wait(DAY);
    kept.sweep().await;
    let organisation = kept.installation.organisation;
    kept.installation.erase_at_command(organisation, Target::Organisation).await;
    kept.erase_all().await;
    kept.sweep().await;
    let read = kept.installation.app.database.read(move |tx| {
        Box::pin(async move {
            let mut left = Vec::new();
            for table in tx.tables().await? {
                if !tx.columns(&table).await?.iter().any(|column| column == "organisation_id") {
                    continue;
                }
                let sql = format!("SELECT 1 FROM {table} WHERE organisation_id = $1 LIMIT 1");
                if tx.query_opt(&sql, &[organisation.into()]).await?.is_some() {
                    left.push(table);
                }
            }
            Ok::<_, clerestory_sql::SqlError>(left)
        })
    });
    let left = read.await.unwrap();
    let wrong: Vec<&String> = left.iter().filter(|table| !OUTLIVE.contains(&table.as_str())).collect();
    assert_eq!(wrong, Vec::<&String>::new());
    assert_eq!(kept.installation.app.replay_authority().await.unwrap(), []);
}

#[tokio::test]
async fn what_ended_goes_a_month_later_and_the_log_says_so() {
    let kept = Kept::new().await;
    let admin = kept.installation.proven("admin").await;
    admin.post("/api/v1/keys", json!({ "name": "Report", "scopes": ["audit.read"], "days": 1 })).await.ok();
    admin.post("/api/v1/keys", json!({ "name": "Long", "scopes": ["audit.read"], "days": 90 })).await.ok();
    let invited = json!({ "name": "New", "email": "new@example.org", "role": "member" });
    admin.post("/api/v1/people", invited).await.ok();
    let people = admin.get("/api/v1/people").await.ok();
    let member = people["items"].as_array().unwrap().iter().find(|item| item["name"] == "member").unwrap();
    let block = json!({ "ends_at": kept.installation.now().plus(HOUR).to_string(), "reason": "holiday" });
    let path = format!("/api/v1/people/{}/blocks", member["id"].as_str().unwrap());
    admin.post(&path, block).await.ok();
    kept.installation.link("manager@example.org").await;
    let tables = ["sessions", "api_keys", "invitations", "blocks", "sign_in_links"];
    let counts = async || {
        let mut counts = Vec::new();
        for table in tables {
            let sql: &'static str = format!("SELECT count(*) FROM {table}").leak();
            counts.push(kept.installation.rows(sql, Vec::new()).await[0].get::<i64>(0).unwrap());
        }
        counts
    };
    let before = counts().await;
    assert!(before.iter().all(|count| *count > 0), "{before:?}");
    kept.installation.wait(DAY * 30);
    kept.sweep().await;
    assert_eq!(counts().await[1], 2, "what ended lately is still told of");
    kept.installation.wait(DAY * 31);
    kept.sweep().await;
    assert_eq!(counts().await, [0, 1, 0, 0, 0]);
    assert_eq!(kept.installation.app.replay_authority().await.unwrap(), []);
    let log = kept.admin().await.get("/api/v1/audit?action=authority.change").await.ok();
    let told = log["items"].as_array().unwrap().iter().any(|item| item.to_string().contains("removed"));
    assert!(told, "{log}");
}
