//! Deleting so that it can be undone: who sees what meanwhile, what comes back, and what happens when the month is over.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use std::time::Duration;

use axum::http::StatusCode;
use clerestory_model::{RecordingId, Timestamp};
use clerestory_testkit::Caller;
use clerestory_testkit::kept::{DAY, Kept, Old};
use clerestory_testkit::visit::movement;
use serde_json::{Value, json};

const MOMENT: Duration = Duration::from_micros(1);

fn path(old: &Old, what: &str) -> String {
    format!("/api/v1/recordings/{}{what}", old.recording)
}

async fn delete(caller: &Caller, old: &Old) -> Value {
    caller.post(&path(old, "/delete"), json!({ "reason": "by mistake" })).await.ok()
}

fn until(deletion: &Value) -> Timestamp {
    deletion["restorable_until"].as_str().unwrap().parse().unwrap()
}

async fn keys_of(kept: &Kept, old: &Old) -> usize {
    let id: RecordingId = old.recording.parse().unwrap();
    let sql = "SELECT k.key_id FROM key_rows k JOIN tracks t ON t.key_id = k.key_id WHERE t.recording_id = $1
               UNION ALL SELECT k.key_id FROM key_rows k JOIN recordings r ON r.summary_key = k.key_id
               WHERE r.recording_id = $1";
    kept.installation.rows(sql, vec![id.into()]).await.len()
}

#[tokio::test]
async fn what_was_deleted_is_seen_by_nobody_and_comes_back_as_it_was() {
    let kept = Kept::new().await;
    let [doomed, stays] = kept.recordings(2).await.try_into().unwrap();
    kept.installation.switch_on(&["manager.scope.visitors"]).await;
    let (admin, manager) = (kept.admin().await, kept.installation.person("manager").await);
    let before = admin.get(&path(&doomed, "")).await.ok();
    let play = manager.post(&path(&doomed, "/plays"), json!({})).await.ok();
    let running =
        format!("/api/v1/plays/{}/tracks/{}/segments/0", play["id"].as_str().unwrap(), doomed.track);
    manager.get(&running).await.ok();

    let deletion = delete(&admin, &doomed).await;
    assert_eq!(until(&deletion), kept.installation.now().plus_months(1));
    assert_eq!(delete(&admin, &doomed).await, deletion, "deleting it again tells of the same");
    assert_eq!(manager.get(&running).await.status, StatusCode::GONE, "at once, in plays that run");
    for (method, what) in [("GET", ""), ("GET", "/viewers"), ("GET", "/inside"), ("POST", "/plays")] {
        let told = admin.send(method, &path(&doomed, what), "{}").await;
        assert_eq!((told.status, told.problem()), (StatusCode::GONE, "deleted"), "{what}");
        assert!(told.json["detail"].as_str().unwrap().contains(&until(&deletion).to_string()));
        let hidden = manager.send(method, &path(&doomed, what), "{}").await;
        let known = what == "/inside";
        assert_eq!(
            hidden.status,
            if known { StatusCode::FORBIDDEN } else { StatusCode::NOT_FOUND },
            "{what}"
        );
    }
    for caller in [&admin, &manager] {
        let listed = caller.get("/api/v1/recordings").await.ok();
        let ids: Vec<&str> =
            listed["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap()).collect();
        assert_eq!(ids, [&stays.recording]);
    }
    let asked = manager.get("/api/v1/recordings?state=soft_deleted").await;
    assert_eq!(asked.status, StatusCode::UNPROCESSABLE_ENTITY);
    let held = admin.get("/api/v1/recordings?state=soft_deleted").await.ok();
    assert_eq!(held["items"], json!([]), "no hold keeps it");
    assert_eq!(keys_of(&kept, &doomed).await, 2, "nothing of it is destroyed");

    let bin = admin.get("/api/v1/deletions").await.ok();
    let [item] = bin["items"].as_array().unwrap().as_slice() else { panic!("{bin}") };
    assert_eq!(item["recording"]["id"], doomed.recording);
    assert_eq!(item["recording"]["summary"], before["summary"], "who restores sees what it is");
    assert_eq!(
        (&item["deleted_by"]["name"], &item["restorable_until"]),
        (&json!("admin"), &deletion["restorable_until"])
    );
    assert_eq!(manager.get("/api/v1/deletions").await.status, StatusCode::FORBIDDEN);

    assert_eq!(manager.post(&path(&doomed, "/restore"), json!({})).await.status, StatusCode::NOT_FOUND);
    assert_eq!(admin.post(&path(&doomed, "/restore"), json!({})).await.status, StatusCode::NO_CONTENT);
    let mut after = admin.get(&path(&doomed, "")).await.ok();
    after["viewers"] = before["viewers"].clone();
    assert_eq!(after, before, "the same ids, dates, tracks and keys");
    admin.post(&path(&doomed, "/plays"), json!({})).await.ok();
    assert_eq!(admin.get("/api/v1/deletions").await.ok()["items"], json!([]));
    let again = admin.post(&path(&doomed, "/restore"), json!({})).await;
    assert_eq!((again.status, again.problem()), (StatusCode::CONFLICT, "not-deleted"));
    let log = admin.get("/api/v1/audit?action=recording.delete").await.ok();
    assert_eq!(log["items"][0]["reason"], "by mistake");
}

#[tokio::test]
async fn what_is_sent_to_it_is_refused_and_a_new_visit_begins() {
    let kept = Kept::new().await;
    let visit = kept.visit().await;
    let old = Old { recording: visit.recording.clone(), track: visit.track.clone() };
    delete(&kept.admin().await, &old).await;
    let now_ms = i64::try_from(kept.installation.now().unix_millis()).unwrap();
    let refused = visit.send(1, &movement(now_ms)).await;
    assert_eq!((refused.status, refused.problem()), (StatusCode::GONE, "recording-closed"));
    assert_eq!(
        kept.admin().await.post(&path(&old, "/restore"), json!({})).await.status,
        StatusCode::NO_CONTENT
    );
    assert_eq!(kept.state(&old).await, "active", "it is complete");
}

#[tokio::test]
async fn it_can_be_restored_until_the_moment_a_calendar_month_is_over_and_is_then_erased() {
    // On 22 November; on 31 December; on 31 January, which has no such day the month after.
    for (wait, ends) in [(0, "2026-12-22"), (39, "2027-01-31"), (70, "2027-02-28")] {
        let kept = Kept::new().await;
        kept.installation.wait(DAY * wait);
        let [late, swept] = kept.recordings(2).await.try_into().unwrap();
        let admin = kept.admin().await;
        let deletion = delete(&admin, &late).await;
        delete(&admin, &swept).await;
        assert!(until(&deletion).to_string().starts_with(ends), "{deletion}");
        kept.wait_until(until(&deletion).minus(MOMENT));
        assert_eq!(kept.sweep().await.recordings, 0, "{ends}: a microsecond early");
        let admin = kept.admin().await;
        assert_eq!(admin.post(&path(&late, "/restore"), json!({})).await.status, StatusCode::NO_CONTENT);
        delete(&admin, &late).await;
        kept.installation.wait(MOMENT);
        let refused = admin.post(&path(&swept, "/restore"), json!({})).await;
        assert_eq!((refused.status, refused.problem()), (StatusCode::GONE, "erased"), "{ends}");
        assert_eq!(kept.sweep().await.recordings, 1, "{ends}");
        assert_eq!(kept.state(&swept).await, "purge_queued");
        kept.erase_all().await;
        assert_eq!((kept.state(&swept).await, keys_of(&kept, &swept).await), ("verified".to_owned(), 0));
        assert_eq!((kept.state(&late).await, keys_of(&kept, &late).await), ("soft_deleted".to_owned(), 2));
    }
}

#[tokio::test]
async fn what_was_deleted_can_be_erased_at_once_and_then_no_more_be_restored() {
    let kept = Kept::new().await;
    let old = kept.recordings(1).await.remove(0);
    let admin = kept.admin().await;
    delete(&admin, &old).await;
    assert_eq!(admin.post(&path(&old, "/erasures"), json!({})).await.status, StatusCode::ACCEPTED);
    let refused = admin.post(&path(&old, "/restore"), json!({})).await;
    assert_eq!((refused.status, refused.problem()), (StatusCode::GONE, "erased"));
    assert_eq!(admin.get("/api/v1/deletions").await.ok()["items"], json!([]));
    kept.erase_all().await;
    assert_eq!((kept.state(&old).await, keys_of(&kept, &old).await), ("verified".to_owned(), 0));
    let refused = kept.admin().await.post(&path(&old, "/delete"), json!({})).await;
    assert_eq!((refused.status, refused.problem()), (StatusCode::GONE, "erased"));
}

#[tokio::test]
async fn a_retention_that_ends_within_the_month_ends_the_month() {
    let kept = Kept::new().await;
    let old = kept.recordings(1).await.remove(0);
    kept.wait_until(kept.due(&old).await.minus(DAY));
    delete(&kept.admin().await, &old).await;
    kept.installation.wait(DAY);
    assert_eq!(kept.sweep().await.recordings, 1);
    assert_eq!(kept.admin().await.get("/api/v1/deletions").await.ok()["items"], json!([]));
}

#[tokio::test]
async fn the_recycle_bin_has_pages_and_is_of_one_organisation() {
    let kept = Kept::new().await;
    let admin = kept.admin().await;
    let mut all = kept.recordings(3).await;
    for old in &all {
        delete(&admin, old).await;
    }
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = admin.get(&format!("/api/v1/deletions?limit=2{cursor}")).await.ok();
        let items = page["items"].as_array().unwrap();
        seen.extend(items.iter().map(|item| item["recording"]["id"].as_str().unwrap().to_owned()));
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    all.reverse();
    assert_eq!(seen, all.iter().map(|old| old.recording.clone()).collect::<Vec<_>>());
    let stranger = kept.installation.person("stranger").await;
    assert_eq!(stranger.get("/api/v1/deletions").await.ok()["items"], json!([]));
}

#[tokio::test]
async fn a_restore_from_an_older_copy_neither_undoes_a_deletion_nor_a_restoring() {
    let kept = Kept::new().await;
    let [deleted, restored] = kept.recordings(2).await.try_into().unwrap();
    delete(&kept.admin().await, &restored).await;
    let copy = kept.installation.copy_of_database().await;
    let admin = kept.admin().await;
    delete(&admin, &deleted).await;
    assert_eq!(admin.post(&path(&restored, "/restore"), json!({})).await.status, StatusCode::NO_CONTENT);
    let (installation, done) = kept.installation.restored_from(&copy).await;
    done.unwrap();
    let kept = Kept::over(installation.restarted().await).await;
    assert_eq!(kept.state(&deleted).await, "soft_deleted");
    assert_eq!(kept.state(&restored).await, "active");
}
