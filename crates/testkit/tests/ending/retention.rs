//! What falls due is queued and erased: when exactly, what is left alone, what stops it, and where it may be cut off.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use std::time::Duration;

use axum::http::StatusCode;
use clerestory_keys::KeyError;
use clerestory_lifecycle::{EraseError, SignedReceipt, Step, Sweep, SweepStep};
use clerestory_model::{RecordingId, Timestamp, TrackId};
use clerestory_sql::Lane;
use clerestory_testkit::Installation;
use clerestory_testkit::kept::{DAY, Kept, Old};
use serde_json::{Value, json};

const MOMENT: Duration = Duration::from_micros(1);

/// The receipts of the erasures of the first organisation.
async fn receipts(kept: &Kept) -> Vec<clerestory_lifecycle::Receipt> {
    let listed = kept.admin().await.get("/api/v1/erasures").await.ok();
    let items = listed["items"].as_array().unwrap().clone();
    items
        .into_iter()
        .map(|item| {
            assert_eq!(item["kind"], "expired", "{item}");
            let receipt: SignedReceipt = serde_json::from_value(item["receipt"].clone()).unwrap();
            receipt.verify().expect("a receipt that its own key signed")
        })
        .collect()
}

#[tokio::test]
async fn a_recording_is_swept_at_its_moment_and_not_before() {
    let kept = Kept::new().await;
    let first = kept.recordings(1).await.remove(0);
    let later = kept.recordings(1).await.remove(0);
    let due = kept.due(&first).await;
    assert!(kept.due(&later).await > due);
    kept.wait_until(due.minus(MOMENT));
    assert_eq!(kept.sweep().await.recordings, 0, "a microsecond early");
    assert_eq!(kept.state(&first).await, "active");
    kept.installation.wait(MOMENT);
    assert_eq!(kept.sweep().await.recordings, 1, "at its moment");
    assert_eq!(
        (kept.state(&first).await, kept.state(&later).await),
        ("purge_queued".into(), "active".into())
    );
    let admin = kept.admin().await;
    let path = format!("/api/v1/recordings/{}/plays", first.recording);
    assert_eq!(admin.post(&path, json!({})).await.status, StatusCode::GONE, "at once");
    kept.erase_all().await;
    let [receipt] = receipts(&kept).await.try_into().expect("one for the sweep");
    assert_eq!((receipt.tracks, receipt.keys.len()), (1, 2), "its track and its summary");
    assert_eq!(kept.state(&first).await, "verified");
    kept.admin().await.post(&format!("/api/v1/recordings/{}/plays", later.recording), json!({})).await.ok();
    assert_eq!(kept.installation.app.replay_authority().await.unwrap(), []);
    let log = kept.admin().await.get("/api/v1/audit?action=maintain.sweep").await.ok();
    let [entry] = log["items"].as_array().unwrap().as_slice() else { panic!("one entry for a sweep: {log}") };
    assert_eq!(entry["number"], receipt.entry);
}

/// Ninety times 24 hours, whatever the calendar does meanwhile: months of any length, and a day that leaps.
#[tokio::test]
async fn the_moment_is_ninety_days_after_the_end_of_the_capture() {
    for (wait, month) in [(0, "from November"), (60, "over the end of February"), (460, "over a leap day")] {
        let kept = Kept::new().await;
        kept.installation.wait(DAY * wait);
        let old = kept.recordings(1).await.remove(0);
        let admin = kept.admin().await;
        let facts = admin.get(&format!("/api/v1/recordings/{}", old.recording)).await.ok();
        // Its only segment arrived when it began, and what is captured ends no later than it arrives.
        let ended: Timestamp = facts["started_at"].as_str().unwrap().parse().unwrap();
        let due = kept.due(&old).await;
        assert_eq!(due, ended.plus(DAY * 90), "{month}");
        kept.wait_until(due.minus(MOMENT));
        assert_eq!(kept.sweep().await.recordings, 0, "{month}");
        kept.installation.wait(MOMENT);
        assert_eq!(kept.sweep().await.recordings, 1, "{month}");
    }
}

#[tokio::test]
async fn what_still_comes_in_and_what_a_hold_pins_is_left_alone() {
    let kept = Kept::new().await;
    let old = kept.recordings(1).await.remove(0);
    let track: TrackId = old.track.parse().unwrap();
    let sql = "SELECT key_id FROM tracks WHERE track_id = $1";
    let key: clerestory_model::KeyId =
        kept.installation.rows(sql, vec![track.into()]).await[0].get(0).unwrap();
    let pin = async |pins: bool| {
        let keys = std::sync::Arc::clone(kept.installation.app.vault.keys());
        let write = kept.installation.app.database.write(Lane::Interactive, move |tx| {
            Box::pin(async move { if pins { keys.pin(tx, key).await } else { keys.unpin(tx, key).await } })
        });
        write.await.unwrap();
    };
    pin(true).await;
    kept.installation.wait(DAY * 91);
    let running = kept.visit().await;
    let sql = "UPDATE tracks SET kept_until = 1 WHERE track_id = $1";
    let id: TrackId = running.track.parse().unwrap();
    kept.installation.execute(sql, vec![id.into()]).await;
    assert_eq!(kept.sweep().await.recordings, 0);
    pin(false).await;
    assert_eq!(kept.sweep().await.recordings, 1, "the next sweep");
    assert_eq!(kept.state(&old).await, "purge_queued");
}

#[tokio::test]
async fn one_node_sweeps_at_a_time_and_another_takes_over() {
    let kept = Kept::new().await;
    kept.sweep().await;
    let lifecycle = &kept.installation.app.lifecycle;
    assert_eq!(lifecycle.sweep([9; 16]).await.unwrap(), SweepStep::Elsewhere);
    kept.installation.wait(Duration::from_secs(301));
    assert_eq!(lifecycle.sweep([9; 16]).await.unwrap(), SweepStep::Swept(Sweep::default()));
}

#[tokio::test]
async fn a_shorter_time_counts_for_what_is_there_and_a_longer_one_brings_nothing_back() {
    let kept = Kept::new().await;
    let all = kept.recordings(3).await;
    let due = kept.due(&all[0]).await;
    kept.keep_for(10).await;
    kept.sweep().await;
    assert_eq!(kept.due(&all[0]).await, due.minus(DAY * 80), "the list tells it");
    let facts = kept.admin().await.get(&format!("/api/v1/recordings/{}", all[0].recording)).await.ok();
    assert_eq!(facts["kept_until"], due.minus(DAY * 80).to_string());
    assert_eq!(facts["tracks"][0]["kept_until"], facts["kept_until"]);
    let new = kept.recordings(1).await.remove(0);
    assert!(kept.due(&new).await < kept.installation.now().plus(DAY * 10), "and what comes in from now on");
    kept.wait_until(due.minus(DAY * 80));
    assert_eq!(kept.sweep().await.recordings, 1);
    kept.keep_for(400).await;
    kept.sweep().await;
    assert_eq!(kept.state(&all[0]).await, "purge_queued", "what is queued stays queued");
    assert_eq!(
        kept.due(&all[1]).await.since(kept.due(&all[0]).await),
        DAY * 390 + kept_apart(&kept, &all).await
    );
    assert_eq!(kept.state(&new).await, "active");
}

/// How far apart the first two recordings end.
async fn kept_apart(kept: &Kept, all: &[Old]) -> Duration {
    let mut ends = Vec::new();
    for old in &all[..2] {
        let id: TrackId = old.track.parse().unwrap();
        let sql = "SELECT kept_from FROM tracks WHERE track_id = $1";
        let end: Timestamp = kept.installation.rows(sql, vec![id.into()]).await[0].get(0).unwrap();
        ends.push(end);
    }
    ends[1].since(ends[0])
}

#[tokio::test]
async fn a_clock_that_jumped_stops_the_sweep_until_somebody_confirms_the_time() {
    let kept = Kept::new().await;
    let old = kept.recordings(1).await.remove(0);
    kept.sweep().await;
    kept.installation.clock.jump(Duration::from_secs(299));
    kept.sweep().await;
    kept.installation.clock.jump(Duration::from_secs(301));
    let stopped = kept.installation.app.lifecycle.sweep([7; 16]).await;
    assert!(matches!(stopped, Err(EraseError::Key(KeyError::Stopped(_)))), "{stopped:?}");
    kept.installation.clock.jump(DAY * 100);
    for _ in 0..3 {
        assert!(kept.installation.app.lifecycle.sweep([7; 16]).await.is_err(), "it stays so");
    }
    assert_eq!(kept.state(&old).await, "active");
    let keys = std::sync::Arc::clone(kept.installation.app.vault.keys());
    let confirm = kept
        .installation
        .app
        .database
        .write(Lane::Interactive, move |tx| Box::pin(async move { keys.confirm_time(tx).await }));
    confirm.await.unwrap();
    assert_eq!(kept.sweep().await.recordings, 1);
}

#[tokio::test]
async fn far_more_than_was_foreseen_waits_for_an_administrator() {
    let kept = Kept::new().await;
    let all = kept.recordings(12).await;
    kept.sweep().await;
    kept.installation.wait(DAY * 2);
    // Eleven more than nobody foresaw, of twelve.
    kept.keep_for(2).await;
    let organisation = kept.installation.organisation;
    for _ in 0..2 {
        assert_eq!(kept.sweep().await, Sweep { waiting: vec![organisation], ..Sweep::default() });
    }
    let admin = kept.admin().await;
    let state = admin.get("/api/v1/retention/sweep").await.ok();
    assert_eq!((&state["due"], &state["expected"]), (&json!(12), &json!(0)));
    assert_ne!(state["waits_since"], Value::Null);
    let health = admin.get("/api/v1/health/findings").await.ok();
    let told = health["items"].as_array().unwrap().iter().any(|item| item["id"] == "sweep-waits");
    assert!(told, "{health}");
    let log = admin.get("/api/v1/audit?action=maintain.sweep&outcome=failed").await.ok();
    assert_eq!(log["items"].as_array().unwrap().len(), 1, "said once");
    let fewer = admin.post("/api/v1/retention/sweep/confirm", json!({ "due": 5 })).await;
    assert_eq!((fewer.status, fewer.problem()), (StatusCode::CONFLICT, "more-due-than-shown"));
    let confirmed = admin.post("/api/v1/retention/sweep/confirm", json!({ "due": 12 })).await.ok();
    assert_eq!(confirmed["confirmed"], true);
    assert_eq!(kept.sweep().await.recordings, 12);
    assert_eq!(kept.state(&all[0]).await, "purge_queued");
    // The confirmation was for that sweep alone.
    let more = kept.recordings(12).await;
    kept.installation.wait(DAY * 2);
    assert_eq!(kept.sweep().await.waiting, [organisation]);
    assert_eq!(kept.state(&more[0]).await, "active");
}

#[tokio::test]
async fn what_was_foreseen_is_swept_whatever_its_share() {
    let kept = Kept::new().await;
    let all = kept.recordings(12).await;
    kept.wait_until(kept.due(&all[0]).await.minus(DAY * 39));
    kept.sweep().await;
    kept.wait_until(kept.due(&all[11]).await);
    assert_eq!(kept.sweep().await, Sweep { recordings: 12, ..Sweep::default() });
}

#[tokio::test]
async fn a_preview_says_what_a_change_would_do_and_does_nothing() {
    let kept = Kept::new().await;
    let old = kept.recordings(2).await;
    kept.installation.wait(DAY * 20);
    kept.recordings(3).await;
    let admin = kept.admin().await;
    let ask = async |days: u32| {
        let asked = json!({ "changes": [{ "class": "replay", "days": days }] });
        admin.post("/api/v1/retention/preview", asked).await.ok()["items"][0].clone()
    };
    let shorter = ask(10).await;
    assert_eq!(shorter["newly_due"], 2);
    let next = shorter["next"].as_array().unwrap();
    assert_eq!(next.len(), 30);
    let then: Vec<u64> = next.iter().map(|day| day["then"].as_u64().unwrap()).collect();
    assert_eq!((then[9], then.iter().sum::<u64>()), (3, 3), "{then:?}");
    assert!(next.iter().all(|day| day["now"] == 0));
    assert_eq!(ask(400).await["newly_due"], 0);
    assert_eq!(kept.sweep().await.recordings, 0, "nothing was changed");
    assert_eq!(kept.state(&old[0]).await, "active");
    for wrong in [json!([]), json!([{ "class": "replay", "days": 0 }])] {
        let answer = admin.post("/api/v1/retention/preview", json!({ "changes": wrong })).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
}

/// Cuts everything off that moves an erasure to this step, carries on after a restart, and sees that all is gone.
async fn cut_before(step: Step) {
    let kept = Kept::new().await;
    let old = kept.recordings(3).await;
    kept.wait_until(kept.due(&old[2]).await);
    if step == Step::Asked {
        kept.installation.refuse("INSERT ON erasures", "NEW.step = 1").await;
        assert!(kept.installation.app.lifecycle.sweep([7; 16]).await.is_err());
    } else {
        kept.installation.refuse("UPDATE ON erasures", &format!("NEW.step = {}", step as i64)).await;
        assert_eq!(kept.sweep().await.recordings, 3);
        kept.erase_all().await;
    }
    let kept = kept.restarted().await;
    kept.installation.refuse_no_more().await;
    if step == Step::Asked {
        assert_eq!(kept.state(&old[0]).await, "active", "all of it or nothing");
        assert_eq!(kept.sweep().await.recordings, 3);
    }
    kept.erase_all().await;
    for one in &old {
        assert_eq!(kept.state(one).await, "verified", "{step:?}");
        let id: RecordingId = one.recording.parse().unwrap();
        let sql = "SELECT 1 FROM key_rows k JOIN tracks t ON t.key_id = k.key_id WHERE t.recording_id = $1";
        assert!(kept.installation.rows(sql, vec![id.into()]).await.is_empty());
    }
    assert_eq!(receipts(&kept).await.len(), 1);
}

#[tokio::test]
async fn a_sweep_that_is_cut_off_at_any_step_goes_on_after_a_restart() {
    for step in [Step::Asked, Step::Laid, Step::Outside, Step::Shredded, Step::Removed, Step::Verified] {
        cut_before(step).await;
    }
}

#[tokio::test]
async fn a_restore_of_an_older_copy_dates_what_comes_back_by_what_is_in_force() {
    let kept = Kept::new().await;
    let old = kept.recordings(1).await.remove(0);
    let due = kept.due(&old).await;
    let copy = kept.installation.copy_of_database().await;
    kept.keep_for(10).await;
    kept.sweep().await;
    kept.sweep().await;
    // Its rows are lost: what comes back is the copy's, with the date it had then.
    for table in ["segments", "gaps", "parts", "part_claims", "tracks", "recordings"] {
        kept.installation.execute(format!("DELETE FROM {table}"), Vec::new()).await;
    }
    let (installation, restored): (Installation, _) = kept.installation.restored_from(&copy).await;
    assert_eq!(restored.unwrap().returned_recordings, 1);
    let kept = Kept::over(installation.restarted().await).await;
    kept.sweep().await;
    assert_eq!(kept.due(&old).await, due.minus(DAY * 80));
}
