//! Bytes that were stored and that no row came to name: they go, whatever happened to who stored them.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use std::sync::mpsc;
use std::time::Duration;

use axum::http::{Method, StatusCode};
use clerestory_model::TrackId;
use clerestory_seal::random;
use clerestory_sql::{Lane, SqlError};
use clerestory_store::segments::{self, Segment};
use clerestory_store::tracks::{self, Track};
use clerestory_testkit::bucket::Fault;
use clerestory_testkit::visit::{Visit, movement, snapshot};
use clerestory_testkit::{Caller, Installation};
use clerestory_vault::{Due, SegmentPlace, Stored};
use serde_json::json;

const ORIGIN: &str = "https://shop.example";

struct Scene {
    installation: Installation,
    admin: Caller,
    visit: Visit,
    now_ms: i64,
}

/// A visit with one segment, which has settled: there is no log.
async fn scene(installation: Installation) -> Scene {
    let admin = installation.person("admin").await;
    let site = installation.site(&admin).await;
    let now_ms = installation.now().unix_millis() as i64;
    let visit = Visit::start(installation.recorder(ORIGIN), site["site_key"].as_str().unwrap(), now_ms).await;
    visit.send(0, &snapshot(now_ms, 4, "hello")).await.ok();
    let scene = Scene { installation, admin, visit, now_ms };
    scene.sweep_until_tidy(1).await;
    scene
}

impl Scene {
    fn track(&self) -> TrackId {
        self.visit.track.parse().unwrap()
    }

    async fn objects(&self) -> Vec<String> {
        self.installation.objects().await
    }

    async fn logs(&self) -> Vec<String> {
        self.objects().await.into_iter().filter(|object| object.starts_with("log/")).collect()
    }

    /// Settles until only so many objects are left: what is given up is noted behind whoever gives it up.
    async fn sweep_until_tidy(&self, objects: usize) {
        for _ in 0..200 {
            self.installation.app.settle_now().await.unwrap();
            if self.objects().await.len() == objects {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{:?} are left", self.objects().await);
    }

    async fn spent(&self) -> Vec<String> {
        let rows = self.installation.rows("SELECT object FROM spent_objects", Vec::new()).await;
        rows.iter().map(|row| row.get(0).unwrap()).collect()
    }

    /// A segment that is durable, and its row, which is not written.
    async fn store(&self, sequence: u64, plain: &[u8]) -> (Stored, Segment) {
        let (app, id) = (&self.installation.app, self.track());
        let track = app.database.read(move |tx| Box::pin(async move { tracks::find(tx, id).await }));
        let track: Result<Option<Track>, SqlError> = track.await;
        let track = track.unwrap().unwrap();
        let sealer = app.vault.segment_sealer(SegmentPlace::of(&track, sequence)).await.unwrap();
        self.installation.store(&track, sequence, sealer.seal(b"sent", plain)).await
    }

    async fn name(&self, segment: Segment) {
        let named = self
            .installation
            .app
            .database
            .write(Lane::Intake, move |tx| Box::pin(async move { segments::insert(tx, &segment).await }));
        let named: Result<(), SqlError> = named.await;
        named.unwrap();
    }

    async fn has(&self, sequence: u64) -> bool {
        let track = self.track();
        let read = self
            .installation
            .app
            .database
            .read(move |tx| Box::pin(async move { segments::find(tx, track, sequence).await }));
        let read: Result<Option<Segment>, SqlError> = read.await;
        read.unwrap().is_some()
    }
}

#[tokio::test]
async fn a_segment_that_came_while_its_recording_was_erased_leaves_nothing() {
    let (installation, faults) = Installation::behind_faults().await;
    let scene = scene(installation).await;
    // The first request for its object stands still; the second one is stored.
    faults.next(1, Method::PUT, "/log/", Fault::Stall);
    let (visit, events) = (&scene.visit, movement(scene.now_ms + 2000));
    let (sent, ()) = tokio::join!(visit.send(1, &events), async {
        while faults.seen(&Method::PUT, "/log/") < 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let path = format!("/api/v1/recordings/{}/erasures", scene.visit.recording);
        let asked = scene.admin.erase(&path, json!({ "reason": "asked for by letter" })).await;
        assert_eq!(asked.status, StatusCode::ACCEPTED, "{}", asked.json);
    });
    assert_eq!(sent.status, StatusCode::GONE, "{}", sent.json);
    assert_eq!(scene.logs().await.len(), 1, "it was durable before it was refused");
    scene.sweep_until_tidy(1).await;
    assert_eq!((scene.logs().await, scene.spent().await), (Vec::new(), Vec::new()));
}

#[tokio::test]
async fn a_log_of_refused_segments_goes() {
    for installation in [Installation::new().await, Installation::on_bucket().await] {
        let scene = scene(installation).await;
        let ((one, _), (two, _)) = (scene.store(1, b"[1]").await, scene.store(2, b"[2]").await);
        assert!(!scene.logs().await.is_empty());
        drop((one, two));
        scene.sweep_until_tidy(1).await;
        assert_eq!(scene.logs().await, Vec::<String>::new());
    }
}

#[tokio::test]
async fn an_object_whose_put_was_given_up_goes_when_it_is_there() {
    let (installation, faults) = Installation::behind_faults().await;
    let scene = scene(installation).await;
    // It arrived; nobody was told.
    faults.next(usize::MAX, Method::PUT, "/log/", Fault::LoseAnswer);
    let sent = scene.visit.send(1, &movement(scene.now_ms + 2000)).await;
    assert_eq!(sent.status, StatusCode::SERVICE_UNAVAILABLE, "{}", sent.json);
    faults.heal();
    assert_eq!(scene.logs().await.len(), 1);
    scene.sweep_until_tidy(1).await;
    // It has not arrived, and does while others are removed.
    faults.next(usize::MAX, Method::PUT, "/log/", Fault::Drop);
    assert_eq!(
        scene.visit.send(1, &movement(scene.now_ms + 2000)).await.status,
        StatusCode::SERVICE_UNAVAILABLE
    );
    faults.heal();
    // It is noted behind whoever gave it up, and there is no object that tells when.
    let mut awaited = scene.spent().await;
    while awaited.is_empty() {
        tokio::time::sleep(Duration::from_millis(20)).await;
        scene.sweep_until_tidy(1).await;
        awaited = scene.spent().await;
    }
    let awaited = awaited.remove(0);
    let file = scene.installation.object_file(&awaited);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(file, b"late").unwrap();
    assert_eq!(scene.logs().await, [awaited]);
    scene.sweep_until_tidy(1).await;
    scene.installation.wait(Duration::from_secs(31 * 60));
    scene.sweep_until_tidy(1).await;
    assert_eq!(scene.spent().await, Vec::<String>::new());
}

#[tokio::test]
async fn what_a_writer_that_was_killed_had_stored_goes_after_a_day() {
    let scene = scene(Installation::on_bucket().await).await;
    let (stored, _) = scene.store(1, b"[1]").await;
    let object = stored.extent().object.clone();
    // Nobody lets go of it, as if the process had ended here.
    std::mem::forget(stored);
    scene.installation.app.settle_now().await.unwrap();
    assert_eq!(scene.logs().await, [object]);
    scene.installation.wait(Duration::from_secs(25 * 3600));
    assert_eq!(scene.installation.app.vault.forget_lost_objects().await.unwrap(), 1);
    scene.sweep_until_tidy(1).await;
}

/// The client is gone when its segment is committed: nobody says that it was, and what is named stays.
#[tokio::test]
async fn what_is_named_stays_though_nobody_knows() {
    for installation in [Installation::new().await, Installation::on_bucket().await] {
        let scene = scene(installation).await;
        let large: Vec<u8> = (0..80_000).flat_map(|_| random::<16>()).collect();
        let ((small, row), (single, large)) = (scene.store(1, b"[1]").await, scene.store(2, &large).await);
        let (own, log) = (large.extent.object.clone(), row.extent.object.clone());
        scene.name(row).await;
        scene.name(large).await;
        drop((small, single));
        for _ in 0..500 {
            if !scene.spent().await.is_empty() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(scene.spent().await, [log]);
        // The part that the small one goes into, and the single segment, which the part names.
        scene.sweep_until_tidy(3).await;
        assert!(scene.objects().await.contains(&own) && scene.has(2).await);
    }
}

/// The writer runs several bodies before it commits them together: a file of the log stays locked until it has.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_held_until_the_commit_though_the_client_is_gone() {
    let scene = scene(Installation::over(None).await).await;
    let app = scene.installation.app.clone();
    let occupy = || {
        let ((begins, begun), (ends, ended)) = (mpsc::channel(), mpsc::channel::<()>());
        let database = app.database.clone();
        let busy = tokio::spawn(async move {
            let occupied = database.write(Lane::Maintenance, move |_| {
                Box::pin(async move {
                    begins.send(()).unwrap();
                    ended.recv().unwrap();
                    Ok(())
                })
            });
            let occupied: Result<(), SqlError> = occupied.await;
            occupied.unwrap();
        });
        (busy, begun, ends)
    };
    // A log that is begun: that takes a row of its own.
    scene.visit.send(1, &movement(scene.now_ms + 2000)).await.ok();
    let (first, begun, ends) = occupy();
    begun.recv().unwrap();
    let (stored, sender) = (app.vault.log_stats().segments, scene.visit.sender());
    let events = movement(scene.now_ms + 4000).to_string();
    let sending = tokio::spawn(async move { sender.send("PUT", "/api/v1/capture/segments/2", events).await });
    while app.vault.log_stats().segments == stored {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // What it asks of the writer is queued in no time.
    tokio::time::sleep(Duration::from_millis(300)).await;
    sending.abort();
    assert!(sending.await.unwrap_err().is_cancelled());
    let (second, begun, ends_second) = occupy();
    tokio::time::sleep(Duration::from_millis(300)).await;
    ends.send(()).unwrap();
    first.await.unwrap();
    // The segment's body has run, and waits for this one to be committed with it. Nothing is due, so the file is ended.
    begun.recv().unwrap();
    app.vault.settle(&app.access, Due::after(Duration::from_secs(5 * 3600))).await.unwrap();
    let file = std::fs::File::open(scene.installation.object_file(&scene.logs().await[0])).unwrap();
    assert!(file.try_lock().is_err(), "its rows are not committed yet");
    ends_second.send(()).unwrap();
    second.await.unwrap();
    assert!(scene.has(2).await);
    for _ in 0..500 {
        if file.try_lock().is_ok() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the file stays locked");
}
