//! A clock was ahead and was set right: what it dated into the future does not stand until that time comes.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use std::time::Duration;

use clerestory_model::TrackId;
use clerestory_testkit::Installation;
use clerestory_testkit::visit::{Visit, movement, snapshot};
use clerestory_vault::{Due, ScrubPace, ScrubStep};

/// An installation with a visit that has two segments, none of which has settled.
async fn recorded(installation: Installation) -> (Installation, TrackId) {
    let site = installation.site(&installation.person("admin").await).await;
    let (key, now_ms) = (site["site_key"].as_str().unwrap(), installation.now().unix_millis() as i64);
    let visit = Visit::start(installation.recorder("https://shop.example"), key, now_ms).await;
    visit.send(0, &snapshot(now_ms, 4, "hello")).await.ok();
    visit.send(1, &movement(now_ms + 2000)).await.ok();
    (installation, visit.track.parse().unwrap())
}

/// What a clock that is so many days ahead writes into this column.
async fn ahead(installation: &Installation, table: &str, column: &str, days: u64) {
    let at = installation.now().plus(Duration::from_secs(days * 24 * 3600));
    installation.execute(format!("UPDATE {table} SET {column} = $1"), vec![at.into()]).await;
}

#[tokio::test]
async fn a_claim_of_the_future_is_taken_over_and_leaves_nothing() {
    for installation in [Installation::new().await, Installation::on_bucket().await] {
        let (installation, track) = recorded(installation).await;
        let claimed = installation.app.vault.claim_part(track, 0).await.unwrap().unwrap();
        std::mem::forget(claimed);
        ahead(&installation, "part_claims", "claimed_at", 1).await;
        ahead(&installation, "object_intents", "reserved_at", 1).await;
        assert_eq!(installation.app.settle_now().await.unwrap().segments, 2);
        installation.wait(Duration::from_secs(31 * 60));
        installation.app.settle_now().await.unwrap();
        let left = installation.rows("SELECT object FROM spent_objects", Vec::new()).await;
        assert_eq!(left.len(), 0, "{left:?}");
        assert_eq!(installation.objects().await.len(), 1);
    }
}

#[tokio::test]
async fn an_intent_of_the_future_is_forgotten() {
    let (installation, _) = recorded(Installation::new().await).await;
    let sql = "INSERT INTO object_intents (object, reserved_at) VALUES ('log/000000000001-00000001/00000000.log', 0)";
    installation.execute(sql, Vec::new()).await;
    let vault = &installation.app.vault;
    ahead(&installation, "object_intents", "reserved_at", 2).await;
    assert_eq!(vault.forget_lost_objects().await.unwrap(), 1);
    let left = vault.objects_under_way().await.unwrap();
    assert!(
        left.iter().all(|(object, _)| object.ends_with('/')),
        "a run stands as long as its process: {left:?}"
    );
}

#[tokio::test]
async fn segments_of_the_future_settle() {
    let (installation, _) = recorded(Installation::new().await).await;
    let (app, due) = (&installation.app, Due::after(Duration::from_secs(3600)));
    assert_eq!(app.vault.settle(&app.access, due).await.unwrap().segments, 0);
    ahead(&installation, "segments", "received_at", 1).await;
    assert_eq!(app.vault.settle(&app.access, due).await.unwrap().segments, 2);
}

#[tokio::test]
async fn a_reading_that_is_held_in_the_future_goes_on() {
    let (installation, _) = recorded(Installation::new().await).await;
    let (app, minute) = (&installation.app, Duration::from_secs(60));
    let scrub = |node: u8| app.vault.scrub(&app.access, [node; 16], ScrubPace::default(), minute);
    assert!(matches!(scrub(1).await.unwrap(), ScrubStep::Waiting { .. }), "all of it is read");
    assert_eq!(scrub(2).await.unwrap(), ScrubStep::Elsewhere, "the first node has it for five minutes");
    ahead(&installation, "scrubbing", "held_until", 1).await;
    assert!(matches!(scrub(2).await.unwrap(), ScrubStep::Waiting { .. }));
    // Begun in the future, it would begin again when that is over.
    let read = || async { installation.rows("SELECT began_at FROM scrubbing", Vec::new()).await };
    ahead(&installation, "scrubbing", "began_at", 30).await;
    assert!(matches!(scrub(2).await.unwrap(), ScrubStep::Waiting { .. }));
    assert_eq!(read().await[0].get::<i64>(0).unwrap(), installation.now().micros());
}
