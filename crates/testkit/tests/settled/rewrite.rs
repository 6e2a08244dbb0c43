//! A track is written anew while its recording goes on, and with single segments that stay where they lie.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use std::time::Duration;

use axum::http::{Method, StatusCode};
use clerestory_access::{Actor, Grant, OpContext, OrganisationRef, Settle};
use clerestory_lifecycle::Step;
use clerestory_model::TrackId;
use clerestory_seal::random;
use clerestory_sql::{Lane, SqlError};
use clerestory_store::segments::{self, Segment};
use clerestory_store::tracks::{self, Track};
use clerestory_testkit::bucket::Fault;
use clerestory_testkit::visit::{Visit, movement, snapshot};
use clerestory_testkit::{Caller, Installation};
use clerestory_vault::{Rewritten, SegmentPlace};
use serde_json::json;

struct Scene {
    installation: Installation,
    admin: Caller,
    visit: Visit,
    now_ms: i64,
}

/// A visit that goes on, with three segments of which the last is a keyframe.
async fn scene(installation: Installation) -> Scene {
    let admin = installation.person("admin").await;
    let site = installation.site(&admin).await;
    let now_ms = installation.now().unix_millis() as i64;
    let recorder = installation.recorder("https://shop.example");
    let visit = Visit::start(recorder, site["site_key"].as_str().unwrap(), now_ms).await;
    let scene = Scene { installation, admin, visit, now_ms };
    for (number, keyframe) in [(0, true), (1, false), (2, true)] {
        scene.send(number, keyframe).await;
    }
    scene
}

impl Scene {
    async fn send(&self, number: u64, keyframe: bool) {
        let at = self.now_ms + 2000 * number as i64;
        let events = if keyframe { snapshot(at, 4, "page") } else { movement(at) };
        self.installation.wait(Duration::from_secs(2));
        self.visit.send(number, &events).await.ok();
    }

    fn track_id(&self) -> TrackId {
        self.visit.track.parse().unwrap()
    }

    async fn track(&self) -> Track {
        let id = self.track_id();
        let found = self
            .installation
            .app
            .database
            .read(move |tx| Box::pin(async move { tracks::find(tx, id).await }));
        let found: Result<Option<Track>, SqlError> = found.await;
        found.unwrap().unwrap()
    }

    async fn grant(&self) -> Grant<Settle> {
        let (organisation, at) = (self.installation.organisation, self.installation.now());
        let op = OpContext { actor: Actor::System { organisation }, request_id: String::new(), at };
        let access = &self.installation.app.access;
        access.authorize(&op, OrganisationRef(organisation), None).await.unwrap().unwrap()
    }

    async fn switch(&self, rewritten: Rewritten) -> Result<(), Rewritten> {
        let (at, rewritten) = (self.installation.now(), std::sync::Arc::new(rewritten));
        let held = std::sync::Arc::clone(&rewritten);
        let switched = self
            .installation
            .app
            .database
            .write(Lane::Interactive, move |tx| Box::pin(async move { held.switch(tx, at).await }));
        let switched: Result<bool, SqlError> = switched.await;
        match switched.unwrap() {
            true => Ok(()),
            false => Err(std::sync::Arc::into_inner(rewritten).unwrap()),
        }
    }

    /// What a player gets for each of these.
    async fn seen(&self, numbers: u64) -> Vec<StatusCode> {
        let path = format!("/api/v1/recordings/{}/plays", self.visit.recording);
        let play = self.admin.post(&path, json!({})).await.ok()["id"].as_str().unwrap().to_owned();
        let mut seen = Vec::new();
        for number in 0..numbers {
            let path = format!("/api/v1/plays/{play}/tracks/{}/segments/{number}", self.visit.track);
            seen.push(self.admin.get(&path).await.status);
        }
        seen
    }
}

#[tokio::test]
async fn what_came_since_is_written_too() {
    for installation in [Installation::new().await, Installation::on_bucket().await] {
        let scene = scene(installation).await;
        let (vault, grant, id) = (&scene.installation.app.vault, scene.grant().await, scene.track_id());
        let (key, keep) = (scene.track().await.key, |segment: &Segment| segment.sequence != 1);
        let rewritten = vault.rewrite_track(&grant, id, key, keep).await.unwrap().unwrap();
        scene.send(3, false).await;
        let mut rewritten = scene.switch(rewritten).await.err().unwrap();
        assert!(vault.catch_up(&grant, &mut rewritten, keep).await.unwrap());
        scene.send(4, false).await;
        let mut rewritten = scene.switch(rewritten).await.err().unwrap();
        assert!(vault.catch_up(&grant, &mut rewritten, keep).await.unwrap());
        assert!(vault.catch_up(&grant, &mut rewritten, keep).await.unwrap(), "there was nothing more");
        scene.switch(rewritten).await.ok().unwrap();
        let ok = StatusCode::OK;
        assert_eq!(scene.seen(5).await, [ok, StatusCode::NOT_FOUND, ok, ok, ok]);
        assert_eq!(scene.installation.parts_of(id).await.len(), 3);
        let mut late = vault.rewrite_track(&grant, id, key, keep).await.unwrap().unwrap();
        let other = vault.rewrite_track(&grant, id, key, keep).await.unwrap().unwrap();
        assert!(!vault.catch_up(&grant, &mut late, keep).await.unwrap(), "another writes it");
        drop(other);
    }
}

/// Whoever is recorded goes on all the time; what was to be erased is erased all the same.
#[tokio::test]
async fn a_range_of_a_recording_that_goes_on_is_erased_in_one_go() {
    let (installation, faults) = Installation::behind_faults().await;
    let scene = scene(installation).await;
    let path = format!("/api/v1/recordings/{}/erasures", scene.visit.recording);
    let asked = scene.admin.erase(&path, json!({ "range": { "from_us": 0, "to_us": 1_000_000 } })).await;
    assert_eq!(asked.status, StatusCode::ACCEPTED, "{}", asked.json);
    // The survivors are not stored at once, and meanwhile the next segment comes.
    faults.next(1, Method::PUT, "/parts/", Fault::Stall);
    let before = scene.track().await.key;
    let lifecycle = &scene.installation.app.lifecycle;
    let (worked, ()) = tokio::join!(lifecycle.work_at(Step::Asked), async {
        while faults.seen(&Method::PUT, "/parts/") == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        scene.send(3, false).await;
    });
    assert_eq!(worked.unwrap(), 1);
    assert_ne!(scene.track().await.key, before);
    let (ok, gone) = (StatusCode::OK, StatusCode::GONE);
    assert_eq!(scene.seen(4).await, [gone, gone, ok, ok]);
}

#[tokio::test]
async fn single_segments_that_stay_where_they_lie_are_kept() {
    let scene = scene(Installation::new().await).await;
    let (vault, track) = (&scene.installation.app.vault, scene.track().await);
    let large: Vec<u8> = (0..80_000).flat_map(|_| random::<16>()).collect();
    let sealer = vault.segment_sealer(SegmentPlace::of(&track, 3)).await.unwrap();
    let (stored, segment) = scene.installation.store(&track, 3, sealer.seal(b"sent", &large)).await;
    let own = segment.extent.object.clone();
    let named = scene
        .installation
        .app
        .database
        .write(Lane::Intake, move |tx| Box::pin(async move { segments::insert(tx, &segment).await }));
    let named: Result<(), SqlError> = named.await;
    named.unwrap();
    stored.committed();
    let grant = scene.grant().await;
    let rewritten = vault.rewrite_track(&grant, track.id, track.key, |_| true).await.unwrap().unwrap();
    scene.switch(rewritten).await.ok().unwrap();
    vault.remove_spent().await.unwrap();
    assert!(scene.installation.objects().await.contains(&own));
}
