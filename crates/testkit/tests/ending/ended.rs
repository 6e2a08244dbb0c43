//! What must be so of an installation in which one erasure came to its end, however often it was cut off on the way.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

use std::time::Duration;

use clerestory::App;
use clerestory_lifecycle::{SignedReceipt, Step};
use clerestory_model::TrackId;
use clerestory_sql::SqlError;
use clerestory_store::{segments, tracks};
use clerestory_testkit::Installation;
use clerestory_vault::SegmentPlace;

/// An erasure that was cut off is given so long.
const HOURS: u64 = 8;

/// Leaves an installation to itself until no erasure is open.
pub(crate) async fn left_to_itself(installation: &Installation) {
    // What a process that is gone had begun to write is let lie for hours: it could be at work still.
    for _ in 0..HOURS {
        installation.carry_erasures_on().await;
        installation.app.settle_now().await.unwrap();
        installation.carry_erasures_on().await;
        let open = "SELECT 1 FROM erasures WHERE step < 7";
        if installation.rows(open, Vec::new()).await.is_empty() {
            break;
        }
        installation.wait(Duration::from_secs(3600));
    }
}

/// The only erasure is verified, once, and nothing it says it took is left.
pub(crate) async fn is_whole(installation: &Installation) {
    let rows = installation.rows("SELECT step, receipt, waits FROM erasures", Vec::new()).await;
    let [row] = rows.as_slice() else { panic!("{} erasures", rows.len()) };
    let (step, waits): (i64, Option<String>) = (row.get(0).unwrap(), row.get(2).unwrap());
    assert_eq!((step, waits), (Step::Verified as i64, None));
    let receipt: String = row.get(1).unwrap();
    let receipt: SignedReceipt = serde_json::from_str(&receipt).unwrap();
    let receipt = receipt.verify().unwrap();
    let told = "SELECT 1 FROM audit_entries WHERE action = 'erasure.verified'";
    assert_eq!(installation.rows(told, Vec::new()).await.len(), 1, "verified once");
    let keys = installation.rows("SELECT key_id FROM erasure_keys", Vec::new()).await;
    assert_eq!(keys.len(), receipt.keys.len());
    let left = "SELECT 1 FROM key_rows WHERE key_id IN (SELECT key_id FROM erasure_keys)";
    assert!(installation.rows(left, Vec::new()).await.is_empty(), "a key is left");
    for row in installation.rows("SELECT object FROM erasure_objects", Vec::new()).await {
        let object: String = row.get(0).unwrap();
        assert_eq!(installation.app.vault.objects().traces(&object).await.unwrap(), 0, "{object}");
    }
    assert_eq!(installation.app.replay_authority().await.unwrap(), []);
}

/// Whether the key of a track opens.
pub(crate) async fn has_key(app: &App, id: TrackId) -> bool {
    let read = app.database.read(move |tx| Box::pin(async move { tracks::find(tx, id).await }));
    let read: Result<_, SqlError> = read.await;
    let track = read.unwrap().unwrap();
    app.vault.segment_sealer(SegmentPlace::of(&track, 0)).await.is_ok()
}

/// How many segments of a track are there, and can be opened.
pub(crate) async fn opens(installation: &Installation, id: TrackId) -> usize {
    let app = &installation.app;
    if !has_key(app, id).await {
        return 0;
    }
    let read =
        app.database.read(move |tx| Box::pin(async move { segments::of_track(tx, id, 0, u32::MAX).await }));
    let read: Result<_, SqlError> = read.await;
    let mut open = 0;
    for segment in read.unwrap() {
        let bytes = app.vault.objects().read(&segment.extent).await.unwrap();
        open += usize::from(!bytes.is_empty());
    }
    open
}
