//! Parts of large segments, opened for a grant: only the pieces they lie in are read, and what is wrong with one is
//! told with the segment's number.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use std::error::Error;

use axum::http::Method;
use clerestory_access::{Actor, Grant, OpContext, Play, RecordingRef};
use clerestory_model::SessionId;
use clerestory_seal::StreamError;
use clerestory_sql::SqlError;
use clerestory_store::people::{self, Role};
use clerestory_store::recordings::{ScopeFilter, Subjects};
use clerestory_store::segments::Segment;
use clerestory_store::tracks::{self, Track};
use clerestory_testkit::Installation;
use clerestory_testkit::bucket::{Fault, Faults};
use clerestory_testkit::visit::Visit;
use clerestory_vault::{OpenError, SegmentPlace, StoreError};

const PLAIN: usize = 2_000_000;

struct Scene {
    installation: Installation,
    track: Track,
    grant: Grant<Play>,
    segment: Segment,
    plain: Vec<u8>,
}

/// A segment of two million bytes in the track of a visit, and leave to play it.
async fn scene(installation: Installation) -> Scene {
    let admin = installation.person("admin").await;
    let site = installation.site(&admin).await;
    let now_ms = installation.now().unix_millis() as i64;
    let recorder = installation.recorder("https://shop.example");
    let visit = Visit::start(recorder, site["site_key"].as_str().unwrap(), now_ms).await;
    let id = visit.track.parse().unwrap();
    let track: Result<Option<Track>, SqlError> =
        installation.app.database.read(move |tx| Box::pin(async move { tracks::find(tx, id).await })).await;
    let track = track.unwrap().unwrap();
    let plain: Vec<u8> = (0..PLAIN).map(|at| (at * 31 % 251) as u8).collect();
    let vault = &installation.app.vault;
    let sealer = vault.segment_sealer(SegmentPlace::of(&track, 7)).await.unwrap();
    let sealed = sealer.seal(b"sent", &plain);
    let (stored, segment) = installation.store(&track, 7, sealed).await;
    assert!(stored.extent().object.starts_with("segments/"), "an object of its own: {stored:?}");
    let grant = leave_to_play(&installation, &track).await;
    Scene { installation, track, grant, segment, plain }
}

async fn leave_to_play(installation: &Installation, track: &Track) -> Grant<Play> {
    let mine = people::Filter { limit: 1000, ..people::Filter::default() };
    let everybody = ScopeFilter { organisation: track.organisation, subjects: Subjects::All, lent: None };
    let people: Result<Vec<people::Person>, SqlError> = installation
        .app
        .database
        .read(move |tx| Box::pin(async move { people::list(tx, &everybody, &mine).await }))
        .await;
    let admin = people.unwrap().into_iter().find(|person| person.role == Role::Admin).unwrap();
    let op = OpContext {
        actor: Actor::Person {
            id: admin.id,
            organisation: track.organisation,
            subject: admin.subject,
            role: Role::Admin,
            also: Vec::new(),
            session: SessionId::nil(),
            signed_in: 1,
            stepped_up: None,
        },
        request_id: "test".to_owned(),
        at: installation.now(),
    };
    let on = RecordingRef { organisation: track.organisation, id: track.recording };
    installation.app.access.authorize::<Play>(&op, on, None).await.unwrap().unwrap()
}

impl Scene {
    async fn open(&self, from: u64, to: u64) -> Result<Vec<u8>, OpenError> {
        self.installation
            .app
            .vault
            .open_segment_range(&self.grant, &self.track, &self.segment, from..to)
            .await
    }
}

async fn on_bucket() -> (Scene, Faults) {
    let (installation, faults) = Installation::behind_faults().await;
    (scene(installation).await, faults)
}

#[tokio::test]
async fn a_part_is_that_part_of_the_whole_wherever_it_lies() {
    for installation in [Installation::new().await, Installation::on_bucket().await] {
        let scene = scene(installation).await;
        let end = PLAIN as u64;
        for (from, to) in [
            (0, 0),
            (0, 1),
            (65_479, 65_481),
            (130_999, 131_001),
            (700_000, 900_000),
            (end - 1, end),
            (0, end),
        ] {
            let part = scene.open(from, to).await.unwrap();
            assert!(part == scene.plain[from as usize..to as usize], "{from}..{to}");
        }
        let beyond = scene.open(end, end + 1).await;
        let out = matches!(beyond, Err(OpenError::Segment { sequence: 7, source: StreamError::OutOfRange }));
        assert!(out, "{beyond:?}");
    }
}

#[tokio::test]
async fn only_the_pieces_of_the_part_are_read() {
    let (scene, faults) = on_bucket().await;
    let before = faults.ranges().len();
    scene.open(700_000, 700_001).await.unwrap();
    scene.open(10, 70_000).await.unwrap();
    // Before the segment lies what says whose it is.
    let from = scene.segment.extent.offset;
    let piece = |first: u64, last: u64| format!("bytes={}-{}", from + first, from + last);
    assert_eq!(faults.ranges()[before..], [piece(655_360, 720_895), piece(40, 131_071)]);
}

#[tokio::test]
async fn what_is_wrong_with_a_piece_is_told_with_the_segment() {
    let (scene, faults) = on_bucket().await;
    let file = scene.installation.object_file(&scene.segment.extent.object);
    let sound = std::fs::read(&file).unwrap();

    let mut altered = sound.clone();
    altered[700_000] ^= 1;
    std::fs::write(&file, &altered).unwrap();
    let error = scene.open(700_000, 700_001).await.unwrap_err();
    assert_eq!(error.to_string(), "segment 7 is not what was stored");
    assert_eq!(error.source().unwrap().to_string(), "piece 10 failed its authentication check");
    scene.open(0, 600_000).await.unwrap();

    std::fs::write(&file, &sound[..700_000]).unwrap();
    for from in [690_000, 1_500_000] {
        let error = scene.open(from, from + 20_000).await.unwrap_err();
        let short = matches!(error, OpenError::Unreadable { sequence: 7, source: StoreError::Truncated });
        assert!(short, "{from}: {error:?}");
    }

    std::fs::remove_file(&file).unwrap();
    let error = scene.open(0, 1).await.unwrap_err();
    assert!(matches!(error, OpenError::Unreadable { sequence: 7, source: StoreError::Missing }), "{error:?}");

    std::fs::write(&file, &sound).unwrap();
    faults.next(usize::MAX, Method::GET, "segments/", Fault::Answer(503));
    let error = scene.open(0, 1).await.unwrap_err();
    assert!(matches!(error, OpenError::Unreadable { source: StoreError::Unavailable(_), .. }), "{error:?}");
    faults.heal();
    scene.open(0, 1).await.unwrap();
}

/// A bucket that goes away is told to recorders as "later", never as damage, and nothing is acknowledged.
#[tokio::test]
async fn a_bucket_that_goes_away_costs_time_and_no_segment() {
    use clerestory_testkit::visit::snapshot;
    let (installation, faults) = Installation::behind_faults().await;
    let admin = installation.person("admin").await;
    let site = installation.site(&admin).await;
    let now_ms = installation.now().unix_millis() as i64;
    let recorder = installation.recorder("https://shop.example");
    let visit = Visit::start(recorder, site["site_key"].as_str().unwrap(), now_ms).await;
    let events = snapshot(now_ms, 2, "x");
    faults.next(usize::MAX, Method::PUT, "log/", Fault::Answer(503));
    let later = visit.send(0, &events).await;
    assert_eq!(later.status, 503, "{:?}", later.json);
    assert!(later.json["what_to_do"].as_str().unwrap().contains("again"), "{:?}", later.json);
    faults.heal();
    assert_eq!(visit.send(0, &events).await.ok()["acknowledged"], 0);

    let play =
        admin.post(&format!("/api/v1/recordings/{}/plays", visit.recording), serde_json::json!({})).await;
    let play = play.ok()["id"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/plays/{play}/tracks/{}/segments/0", visit.track);
    faults.next(usize::MAX, Method::GET, "log/", Fault::Drop);
    assert_eq!(admin.get(&path).await.status, 503);
    faults.heal();
    admin.get(&path).await.ok();
}
