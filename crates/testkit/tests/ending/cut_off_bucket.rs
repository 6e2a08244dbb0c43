//! An erasure out of a bucket that is lost at every request that changes something in it, and comes back for the process
//! that is started anew.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use std::time::Duration;

use clerestory_lifecycle::{SignedReceipt, Step, Target};
use clerestory_model::TrackId;
use clerestory_testkit::Installation;
use clerestory_testkit::visit::{Visit, snapshot};

async fn visit(installation: &Installation, site_key: &str) -> Visit {
    let now_ms = installation.now().unix_millis() as i64;
    let visit = Visit::start(installation.recorder("https://shop.example"), site_key, now_ms).await;
    visit.send(0, &snapshot(now_ms, 2, "somebody's words")).await.ok();
    visit
}

/// Erases with the bucket lost after so many changes of it; whether it was.
async fn ends_whole_when_lost_after(changes: usize) -> bool {
    let (installation, faults) = Installation::behind_faults().await;
    let admin = installation.person("admin").await;
    let site = installation.site(&admin).await;
    let key = site["site_key"].as_str().unwrap();
    // What was settled lies in parts, what was not in the ingest log.
    let (doomed, stays) = (visit(&installation, key).await, visit(&installation, key).await);
    installation.app.settle_now().await.unwrap();
    let at = installation.now().unix_millis() as i64;
    doomed.send(1, &snapshot(at, 2, "somebody's words")).await.ok();
    faults.cut_after(changes);
    let target = Target::Recording(doomed.recording.parse().unwrap());
    installation.erase_at_command(installation.organisation, target).await;
    installation.carry_erasures_on().await;
    // What cannot be settled now is settled later.
    drop(installation.app.settle_now().await);
    installation.carry_erasures_on().await;
    let cut = faults.has_cut();
    let (erased, kept): (TrackId, TrackId) = (doomed.track.parse().unwrap(), stays.track.parse().unwrap());
    drop((admin, doomed, stays));
    faults.heal();

    let installation = installation.restarted().await;
    let open = "SELECT 1 FROM erasures WHERE step < 7";
    for _ in 0..8 {
        installation.carry_erasures_on().await;
        installation.app.settle_now().await.unwrap();
        installation.carry_erasures_on().await;
        if installation.rows(open, Vec::new()).await.is_empty() {
            break;
        }
        installation.wait(Duration::from_secs(3600));
    }
    let rows = installation.rows("SELECT step, receipt FROM erasures", Vec::new()).await;
    let (step, receipt): (i64, Option<String>) = (rows[0].get(0).unwrap(), rows[0].get(1).unwrap());
    assert_eq!((rows.len(), step), (1, Step::Verified as i64), "lost after {changes} changes");
    let receipt: SignedReceipt = serde_json::from_str(&receipt.unwrap()).unwrap();
    assert!(receipt.verify().is_some());
    let told = "SELECT 1 FROM audit_entries WHERE action = 'erasure.verified'";
    assert_eq!(installation.rows(told, Vec::new()).await.len(), 1, "verified once");
    for row in installation.rows("SELECT object FROM erasure_objects", Vec::new()).await {
        let object: String = row.get(0).unwrap();
        assert_eq!(installation.app.vault.objects().traces(&object).await.unwrap(), 0, "{object}");
    }
    let keys = "SELECT t.track_id FROM tracks t JOIN key_rows k ON k.key_id = t.key_id";
    let keys = installation.rows(keys, Vec::new()).await;
    let keys: Vec<TrackId> = keys.iter().map(|row| row.get(0).unwrap()).collect();
    assert!(!keys.contains(&erased) && keys.contains(&kept), "lost after {changes} changes: {keys:?}");
    assert_eq!(installation.app.replay_authority().await.unwrap(), []);
    cut
}

#[tokio::test]
async fn an_erasure_ends_whole_at_whichever_change_the_bucket_is_lost() {
    let mut changes = 0;
    while ends_whole_when_lost_after(changes).await {
        changes += 1;
    }
    assert!(changes > 4, "only {changes} changes of the bucket");
}
