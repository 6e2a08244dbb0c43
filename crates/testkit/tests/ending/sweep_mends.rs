//! What stops a sweep stops no other, and what is to stop it does.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use std::time::Duration;

use clerestory_keys::{Finding, KeyError};
use clerestory_lifecycle::{EraseError, Sweep};
use clerestory_model::RecordingId;
use clerestory_testkit::kept::{DAY, Kept, Old};
use serde_json::{Value, json};

const HOUR: Duration = Duration::from_secs(3600);

fn at(old: &Old, what: &str) -> String {
    format!("/api/v1/recordings/{}{what}", old.recording)
}

/// What was foreseen for the end of a day does not pay for what nobody foresaw at its beginning.
#[tokio::test]
async fn what_falls_due_hours_before_it_was_foreseen_waits() {
    let kept = Kept::new().await;
    let all = kept.recordings(12).await;
    kept.sweep().await;
    let due = kept.due(&all[0]).await;
    // Foreseen for the last half hour of a day, and due in its first.
    let day = Duration::from_micros(due.micros().rem_euclid(86_400_000_000).unsigned_abs());
    let evening = due.minus(day).plus(HOUR * 23 + HOUR / 2);
    let date = async |at: clerestory_model::Timestamp| {
        for table in ["tracks", "recordings"] {
            let sql = format!("UPDATE {table} SET kept_until = $1");
            kept.installation.execute(sql, vec![at.into()]).await;
        }
    };
    date(evening).await;
    kept.wait_until(evening.minus(DAY * 2));
    kept.sweep().await;
    kept.wait_until(evening.minus(HOUR * 23));
    date(kept.installation.now()).await;
    let organisation = kept.installation.organisation;
    assert_eq!(kept.sweep().await, Sweep { waiting: vec![organisation], ..Sweep::default() });
    date(evening).await;
    kept.wait_until(evening);
    assert_eq!(kept.sweep().await, Sweep { recordings: 12, ..Sweep::default() }, "as it was foreseen");
}

/// What a hold covers and nobody could pin is neither due nor in the way of what is.
#[tokio::test]
async fn a_hold_that_cannot_be_pinned_holds_up_nothing_else() {
    let kept = Kept::new().await;
    kept.add_second_admin().await;
    let all = kept.recordings(12).await;
    let other = kept.recordings(1).await.remove(0);
    let admin = kept.admin().await;
    let site = json!({ "name": "Other", "origins": ["https://other.example"] });
    admin.post("/api/v1/sites", site).await.ok();
    // The hold is over twelve of the thirteen.
    let sql =
        "UPDATE recordings SET site_id = (SELECT s.site_id FROM sites s WHERE s.site_id <> recordings.site_id
                   AND s.organisation_id = recordings.organisation_id) WHERE recording_id = $1";
    let id: RecordingId = other.recording.parse().unwrap();
    kept.installation.execute(sql, vec![id.into()]).await;
    kept.sweep().await;
    let asked = json!({ "scope": { "site": kept.site }, "matter": "M", "reason": "R" });
    let hold = admin.post("/api/v1/holds", asked).await.ok();
    kept.installation.refuse("INSERT ON hold_keys", "1 = 1").await;
    let path = format!("/api/v1/holds/{}/confirm", hold["id"].as_str().unwrap());
    kept.installation.person("second").await.post(&path, json!({})).await;
    kept.wait_until(kept.due(&other).await);
    let forecasts = "DELETE FROM sweep_forecasts";
    kept.installation.execute(forecasts, Vec::new()).await;
    let swept = kept.sweep().await;
    assert_eq!((swept.recordings, swept.waiting.len(), swept.holds), (1, 0, 1));
    assert_eq!(kept.state(&all[0]).await, "active");
    assert_eq!(kept.state(&other).await, "purge_queued");
}

#[tokio::test]
async fn what_is_in_force_and_cannot_be_read_stops_its_own_organisation_until_it_is_put_right() {
    let kept = Kept::new().await;
    let old = kept.recordings(1).await.remove(0);
    kept.keep_for(400).await;
    kept.sweep().await;
    let due = kept.due(&old).await;
    kept.wait_until(due);
    kept.installation.execute("UPDATE retentions SET kept_us = -1", Vec::new()).await;
    for table in ["tracks", "recordings"] {
        let sql = format!("UPDATE {table} SET kept_until = 1");
        kept.installation.execute(sql, Vec::new()).await;
    }
    let organisation = kept.installation.organisation;
    let first = kept.sweep().await;
    assert_eq!((first.recordings, first.doubtful), (0, vec![organisation]));
    // What settings say stands in its place, and dates are made by that.
    assert_eq!(kept.due(&old).await, due);
    assert_eq!(kept.sweep().await, Sweep { recordings: 1, ..Sweep::default() });
}

#[tokio::test]
async fn what_ripens_and_fails_stops_no_sweep() {
    let kept = Kept::new().await;
    let [old, held] = kept.recordings(2).await.try_into().unwrap();
    let asked = json!({ "scope": { "recording": held.recording }, "matter": "M", "reason": "R" });
    kept.admin().await.post("/api/v1/holds", asked).await.ok();
    kept.installation.refuse("UPDATE ON holds", "NEW.state = 2").await;
    kept.wait_until(kept.due(&held).await);
    assert_eq!(kept.sweep().await.recordings, 2);
    assert_eq!(kept.state(&old).await, "purge_queued");
}

#[tokio::test]
async fn a_server_whose_clock_is_ahead_of_what_was_known_waits_to_be_heard() {
    let kept = Kept::new().await;
    let old = kept.recordings(1).await.remove(0);
    kept.sweep().await;
    kept.wait_until(kept.due(&old).await.minus(DAY * 3));
    kept.sweep().await;
    kept.installation.wait(DAY * 3);
    let kept = kept.restarted().await;
    let stopped = kept.installation.app.lifecycle.sweep([7; 16]).await;
    assert!(
        matches!(stopped, Err(EraseError::Key(KeyError::Stopped(Finding::JustStarted { .. })))),
        "{stopped:?}"
    );
    assert_eq!(kept.state(&old).await, "active");
    // Starting again gives nobody more time to object, and takes none away.
    let kept = kept.restarted().await;
    let stopped = kept.installation.app.lifecycle.sweep([7; 16]).await;
    assert!(matches!(stopped, Err(EraseError::Key(KeyError::Stopped(_)))), "{stopped:?}");
    // Nobody objected for a quarter of an hour.
    kept.installation.wait(Duration::from_secs(15 * 60));
    assert_eq!(kept.sweep().await.recordings, 1);
}

#[tokio::test]
async fn the_state_of_the_sweep_says_that_the_clock_is_doubted() {
    let kept = Kept::new().await;
    kept.sweep().await;
    let admin = kept.admin().await;
    assert_eq!(admin.get("/api/v1/retention/sweep").await.ok()["clock_in_doubt"], false);
    kept.installation.clock.jump(Duration::from_secs(600));
    assert!(kept.installation.app.lifecycle.sweep([7; 16]).await.is_err());
    assert_eq!(kept.admin().await.get("/api/v1/retention/sweep").await.ok()["clock_in_doubt"], true);
}

/// What waits for a hold to be erased is in no bin, and a page before its end says that there is more.
#[tokio::test]
async fn the_bin_goes_on_behind_what_is_restricted() {
    let kept = Kept::new().await;
    kept.add_second_admin().await;
    let all = kept.recordings(4).await;
    let admin = kept.admin().await;
    let newest = &all[3];
    let asked = json!({ "scope": { "recording": newest.recording }, "matter": "M", "reason": "R" });
    let hold = admin.post("/api/v1/holds", asked).await.ok();
    let path = format!("/api/v1/holds/{}/confirm", hold["id"].as_str().unwrap());
    kept.installation.person("second").await.post(&path, json!({})).await.ok();
    assert_eq!(admin.post(&at(newest, "/erasures"), json!({})).await.ok()["state"], "restricted");
    for old in &all[..3] {
        admin.post(&at(old, "/delete"), json!({})).await.ok();
    }
    let mut found = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = admin.get(&format!("/api/v1/deletions?limit=2{cursor}")).await.ok();
        found.extend(page["items"].as_array().unwrap().iter().map(|item| item["recording"]["id"].clone()));
        match &page["next_cursor"] {
            Value::String(next) => cursor = format!("&cursor={next}"),
            _ => break,
        }
    }
    assert_eq!(found, [&all[2], &all[1], &all[0]].map(|old| json!(old.recording)));
}

/// Nothing can be added to the date; what else there is gets its new one.
#[tokio::test]
async fn a_date_that_somebody_garbled_stops_no_sweep() {
    let kept = Kept::new().await;
    let [garbled, due] = kept.recordings(2).await.try_into().unwrap();
    let track: clerestory_model::TrackId = garbled.track.parse().unwrap();
    let sql = "UPDATE tracks SET kept_from = $1 WHERE track_id = $2";
    kept.installation.execute(sql, vec![clerestory_sql::Value::Int(i64::MAX), track.into()]).await;
    kept.keep_for(10).await;
    kept.sweep().await;
    kept.wait_until(kept.due(&due).await);
    let swept = kept.sweep().await;
    assert_eq!((swept.doubtful.len(), kept.state(&due).await), (0, "purge_queued".to_owned()));
}
