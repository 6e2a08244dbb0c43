//! Segments settle out of the ingest log into parts of their tracks, and whatever is cut off, nothing is lost and nothing
//! is left over.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use std::time::Duration;

use axum::http::{Method, StatusCode};
use clerestory_access::{Actor, Grant, OpContext, OrganisationRef, Settle};
use clerestory_model::{RecordingState, TrackId};
use clerestory_seal::random;
use clerestory_sql::{Lane, SqlError};
use clerestory_store::parts::{self, Part};
use clerestory_store::segments::{self, ContentType, Segment};
use clerestory_store::{recordings, tracks};
use clerestory_testkit::bucket::Fault;
use clerestory_testkit::visit::{Visit, movement, snapshot};
use clerestory_testkit::{Caller, Installation};
use clerestory_vault::{Due, Listed, ManifestError, SealedSegment, SegmentPlace, Stored, pack_events};
use serde_json::{Value, json};

const ORIGIN: &str = "https://shop.example";
const WRITER: &str = "0190a5e2-0000-7000-8000-000000000001";

struct Scene {
    installation: Installation,
    admin: Caller,
    visit: Visit,
    now_ms: i64,
}

async fn scene(installation: Installation) -> Scene {
    let admin = installation.person("admin").await;
    let site = installation.site(&admin).await;
    let now_ms = installation.now().unix_millis() as i64;
    let key = site["site_key"].as_str().unwrap();
    let visit = Visit::start_as(installation.recorder(ORIGIN), key, now_ms, WRITER, None).await;
    Scene { installation, admin, visit, now_ms }
}

/// On a disk and on a bucket; each on whichever engine the run is about.
async fn scenes() -> [Scene; 2] {
    [scene(Installation::new().await).await, scene(Installation::on_bucket().await).await]
}

impl Scene {
    /// A page and `more` stretches of movement on it, numbered from 0.
    async fn send(&self, more: i64) {
        self.visit.send(0, &snapshot(self.now_ms, 40, "some text")).await.ok();
        self.send_more(1, more).await;
    }

    async fn send_more(&self, from: i64, more: i64) {
        for number in from..from + more {
            let at = self.now_ms + 2000 * number;
            self.visit.send(number as u64, &movement(at)).await.ok();
        }
    }

    fn track(&self) -> TrackId {
        self.visit.track.parse().unwrap()
    }

    async fn read(&self) -> Value {
        self.admin.get(&format!("/api/v1/recordings/{}", self.visit.recording)).await.ok()
    }

    async fn begin(&self) -> String {
        let path = format!("/api/v1/recordings/{}/plays", self.visit.recording);
        let play = self.admin.post(&path, json!({ "reason": "a test" })).await.ok();
        play["id"].as_str().unwrap().to_owned()
    }

    /// The events of every segment that is told of, in order.
    async fn watch(&self) -> Vec<Value> {
        let play = self.begin().await;
        let mut events = Vec::new();
        for segment in self.read().await["tracks"][0]["segments"].as_array().unwrap() {
            let path =
                format!("/api/v1/plays/{play}/tracks/{}/segments/{}", self.visit.track, segment["sequence"]);
            events.push(self.admin.get(&path).await.ok());
        }
        events
    }

    async fn parts(&self) -> Vec<Part> {
        self.installation.parts_of(self.track()).await
    }

    async fn unsettled(&self) -> Vec<Segment> {
        let track = self.track();
        let read = self
            .installation
            .app
            .database
            .read(move |tx| Box::pin(async move { segments::unsettled(tx, track, 0, 10_000).await }));
        let read: Result<Vec<Segment>, SqlError> = read.await;
        read.unwrap()
    }

    /// A segment of these events, sealed; its row names no place yet.
    async fn seal(&self, sequence: u64, events: &str) -> (SealedSegment, Segment) {
        let (app, id) = (&self.installation.app, self.track());
        let track = app.database.read(move |tx| Box::pin(async move { tracks::find(tx, id).await }));
        let track: Result<Option<tracks::Track>, SqlError> = track.await;
        let place = SegmentPlace::of(&track.unwrap().unwrap(), sequence);
        let packed = pack_events(events.as_bytes()).unwrap();
        let sealed = app.vault.segment_sealer(place).await.unwrap().seal(events.as_bytes(), &packed);
        let segment = Segment {
            track: id,
            sequence,
            start_us: 2_000_000 * sequence as i64,
            duration_us: 1_000_000,
            keyframe: false,
            content_type: ContentType::Rrweb,
            policy_version: 1,
            extent: sealed.unplaced(),
            header: sealed.header,
            sha256: sealed.sha256,
            content_mac: sealed.content_mac,
            sent_bytes: events.len() as u64,
            received_at: self.installation.now(),
        };
        (sealed, segment)
    }

    /// The row of a segment that is durable.
    async fn name(&self, stored: &Stored, segment: Segment) {
        let segment = Segment { extent: stored.extent().clone(), ..segment };
        let recording = self.visit.recording.parse().unwrap();
        let named = self.installation.app.database.write(Lane::Intake, move |tx| {
            Box::pin(async move {
                recordings::resize(tx, recording, segment.extent.length as i64, 1).await?;
                segments::insert(tx, &segment).await
            })
        });
        let named: Result<(), SqlError> = named.await;
        named.unwrap();
    }

    async fn put(&self, sequence: u64, events: &str) {
        let (sealed, segment) = self.seal(sequence, events).await;
        let stored = self.installation.store_as(sealed, &segment).await;
        self.name(&stored, segment).await;
    }

    /// Rows of tables that say that something is going on.
    async fn loose_ends(&self) -> Vec<String> {
        let under_way = self.installation.app.vault.objects_under_way().await.unwrap();
        let mut ends: Vec<String> =
            under_way.into_iter().map(|(object, _)| object).filter(|object| !object.ends_with('/')).collect();
        let read = self.installation.app.database.read(move |tx| {
            Box::pin(async move {
                let mut found = Vec::new();
                for sql in ["SELECT object FROM part_claims", "SELECT object FROM spent_objects"] {
                    for row in tx.query(sql, &[]).await? {
                        found.push(row.get::<String>(0)?);
                    }
                }
                Ok::<_, SqlError>(found)
            })
        });
        ends.extend(read.await.unwrap());
        ends
    }

    async fn grant(&self) -> Grant<Settle> {
        let (organisation, at) = (self.installation.organisation, self.installation.now());
        let op = OpContext { actor: Actor::System { organisation }, request_id: String::new(), at };
        self.installation
            .app
            .access
            .authorize(&op, OrganisationRef(organisation), None)
            .await
            .unwrap()
            .unwrap()
    }

    /// Everything of the track is in parts, each segment once, and there is nothing else.
    async fn is_tidy(&self, segments: u64) {
        assert_eq!(self.unsettled().await, []);
        let parts = self.parts().await;
        let mut numbers: Vec<u64> =
            parts.iter().flat_map(|part| part.segments.iter().map(|segment| segment.sequence)).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (0..segments).collect::<Vec<_>>());
        let mut objects: Vec<String> = parts.iter().map(|part| part.object.clone()).collect();
        objects.sort();
        assert_eq!(self.installation.objects().await, objects);
        for part in parts {
            assert_eq!(
                std::fs::metadata(self.installation.object_file(&part.object)).unwrap().len(),
                part.object_bytes
            );
        }
        // An intent goes behind whoever drops it.
        for _ in 0..100 {
            if self.loose_ends().await.is_empty() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(self.loose_ends().await, Vec::<String>::new());
        let read = self.read().await;
        assert_eq!(read["segments"].as_u64().unwrap(), segments);
    }

    async fn restarted(self) -> Self {
        Self { installation: self.installation.restarted().await, ..self }.signed_in_anew().await
    }

    async fn signed_in_anew(mut self) -> Self {
        self.admin = self.installation.person("admin").await;
        self.visit = self.visit.through(self.installation.recorder(ORIGIN));
        self
    }

    async fn settle(&self) -> clerestory_vault::Settled {
        self.installation.app.settle_now().await.unwrap()
    }
}

#[tokio::test]
async fn what_is_settled_is_one_object_and_plays_as_before() {
    for scene in scenes().await {
        scene.send(5).await;
        let (before, facts) = (scene.watch().await, scene.read().await);
        let settled = scene.settle().await;
        assert_eq!((settled.parts, settled.segments, settled.left), (1, 6, 0), "{settled:?}");
        scene.is_tidy(6).await;
        assert_eq!(scene.watch().await, before);
        let after = scene.read().await;
        for fact in ["duration_us", "segments", "kept_until", "panes"] {
            assert_eq!(after[fact], facts[fact], "{fact}");
        }
        for (was, is) in std::iter::zip(
            facts["tracks"][0]["segments"].as_array().unwrap(),
            after["tracks"][0]["segments"].as_array().unwrap(),
        ) {
            for fact in ["sequence", "start_us", "duration_us", "keyframe", "received_at"] {
                assert_eq!(is[fact], was[fact], "{fact}");
            }
        }
        let sealed: u64 = scene.parts().await[0].segments.iter().map(|segment| segment.extent.length).sum();
        assert_eq!(after["size_bytes"].as_u64(), Some(sealed), "{after}");
        assert!(sealed < settled.bytes_before, "{sealed} of {}", settled.bytes_before);
        assert_eq!(scene.settle().await, clerestory_vault::Settled::default(), "there is nothing more to do");
    }
}

#[tokio::test]
async fn a_settled_segment_sent_again_is_known_and_another_under_its_number_is_refused() {
    for scene in scenes().await {
        scene.send(2).await;
        scene.settle().await;
        let again = scene.visit.send(1, &movement(scene.now_ms + 2000)).await.ok();
        assert_eq!(again["repeated"], true);
        let other = scene.visit.send(1, &movement(scene.now_ms + 2001)).await;
        assert_eq!((other.status, other.problem()), (StatusCode::CONFLICT, "sequence-taken"));
        scene.is_tidy(3).await;
    }
}

#[tokio::test]
async fn a_number_that_settles_while_it_is_sent_twice_is_taken_once() {
    // Both are admitted before either is stored; between the two commits the first one settles.
    let scene = scene(Installation::new().await).await;
    scene.send(1).await;
    scene.settle().await;
    let track = scene.track();
    let settled = scene.parts().await[0].segments[1].clone();
    let insert = scene.installation.app.database.write(Lane::Intake, move |tx| {
        Box::pin(async move {
            assert!(parts::segment(tx, track, 1).await?.is_some());
            segments::insert(tx, &settled).await
        })
    });
    assert!(matches!(insert.await, Err(SqlError::Exists(_))));
}

#[tokio::test]
async fn segments_that_come_late_and_out_of_order_settle_into_parts_of_their_own() {
    for scene in scenes().await {
        scene.visit.send(0, &snapshot(scene.now_ms, 40, "some text")).await.ok();
        scene.visit.send(3, &movement(scene.now_ms + 6000)).await.ok();
        scene.settle().await;
        let gaps = scene.read().await["tracks"][0]["gaps"].clone();
        assert_eq!(gaps[0]["reason"], "missing", "{gaps}");
        scene.visit.send(2, &movement(scene.now_ms + 4000)).await.ok();
        scene.visit.send(1, &movement(scene.now_ms + 2000)).await.ok();
        scene.visit.send(4, &movement(scene.now_ms + 8000)).await.ok();
        scene.settle().await;
        assert_eq!(scene.parts().await.len(), 2);
        scene.is_tidy(5).await;
        assert_eq!(scene.read().await["tracks"][0]["gaps"], json!([]));
        assert_eq!(scene.watch().await.len(), 5);
    }
}

#[tokio::test]
async fn a_visit_settles_when_it_is_over_or_has_waited_long_enough() {
    let scene = scene(Installation::new().await).await;
    let settle = |after: u64| {
        let app = &scene.installation.app;
        async move { app.vault.settle(&app.access, Due::after(Duration::from_secs(after))).await.unwrap().parts }
    };
    scene.send(1).await;
    assert_eq!(settle(3600).await, 0, "it goes on");
    scene.installation.wait(Duration::from_secs(59 * 60));
    assert_eq!(settle(3600).await, 0, "it still waits");
    scene.installation.wait(Duration::from_secs(60));
    assert_eq!(settle(3600).await, 1, "an hour is over");
    let other = scene.installation.site(&scene.admin).await;
    let key = other["site_key"].as_str().unwrap();
    let now = scene.installation.now().unix_millis() as i64;
    let second = Visit::start(scene.installation.recorder(ORIGIN), key, now).await;
    second.send(0, &snapshot(now, 3, "text")).await.ok();
    let end = second.sender().post("/api/v1/capture/end", json!({ "reason": "stopped" })).await;
    assert!(end.status.is_success(), "{}", end.json);
    assert_eq!(settle(3600).await, 0, "what is late comes soon");
    scene.installation.wait(Duration::from_secs(5 * 60));
    assert_eq!(settle(3600).await, 1, "it is over");
}

#[tokio::test]
async fn a_large_segment_stays_an_object_of_its_own_and_its_part_names_it() {
    for scene in scenes().await {
        scene.send(2).await;
        let noise: Vec<String> = (0..100_000).map(|_| hex::encode(random::<16>())).collect();
        let noise = json!(noise).to_string();
        scene.put(3, &noise).await;
        let own = scene.unsettled().await[3].extent.clone();
        assert!(own.object.starts_with("segments/") && own.length > 1024 * 1024, "{own:?}");
        scene.settle().await;
        let part = scene.parts().await.remove(0);
        assert_eq!(part.segments[3].extent, own);
        let mut objects = vec![part.object.clone(), own.object.clone()];
        objects.sort();
        assert_eq!(scene.installation.objects().await, objects);
        assert_eq!(scene.watch().await[3].to_string(), noise);
        let listed = Listed { object: part.object.clone(), bytes: part.object_bytes };
        let vault = &scene.installation.app.vault;
        assert_eq!(vault.read_manifest(&scene.grant().await, &listed).await.unwrap().part, part);
        // Under another key it cannot stay where it lies.
        let key = another_key(&scene).await;
        let rewritten = vault.rewrite_track(&scene.grant().await, scene.track(), key, |_| true).await;
        assert!(switch(&scene, rewritten.unwrap().unwrap()).await);
        scene.settle().await;
        let part = scene.parts().await.remove(0);
        assert_eq!(scene.installation.objects().await, [part.object]);
        assert_eq!(scene.watch().await[3].to_string(), noise);
    }
}

#[tokio::test]
async fn a_long_tail_becomes_several_parts() {
    let scene = scene(Installation::new().await).await;
    scene.send(1).await;
    for number in 2..1030 {
        scene.put(number, &format!("[{{\"number\":{number}}}]")).await;
    }
    assert_eq!(scene.settle().await.parts, 2);
    let lengths: Vec<usize> = scene.parts().await.iter().map(|part| part.segments.len()).collect();
    assert_eq!(lengths, [1024, 6]);
    assert_eq!(scene.watch().await[1029], json!([{ "number": 1029 }]));
    assert_eq!(scene.unsettled().await, []);
}

#[tokio::test]
async fn one_sweep_is_one_entry_for_each_organisation() {
    let scene = scene(Installation::new().await).await;
    scene.settle().await;
    let entries = |scene: &Scene| {
        let admin = scene.admin.clone();
        async move {
            let answer = admin.get("/api/v1/audit?action=maintain.settle").await.ok();
            answer["items"].as_array().unwrap().len()
        }
    };
    assert_eq!(entries(&scene).await, 0, "nothing was opened");
    scene.send(3).await;
    scene.settle().await;
    assert_eq!(entries(&scene).await, 1);
}

#[tokio::test]
async fn a_claim_that_nobody_came_back_to_is_taken_over() {
    for scene in scenes().await {
        scene.send(3).await;
        let before = scene.watch().await;
        std::mem::forget(scene.installation.app.vault.claim_part(scene.track(), 0).await.unwrap().unwrap());
        let scene = scene.restarted().await;
        assert_eq!(scene.settle().await.parts, 0, "somebody may be at it");
        scene.installation.wait(Duration::from_secs(16 * 60));
        assert_eq!(scene.settle().await.parts, 1);
        // In a bucket the object of the claim may yet arrive.
        scene.installation.wait(Duration::from_secs(31 * 60));
        scene.settle().await;
        let scene = scene.signed_in_anew().await;
        scene.is_tidy(4).await;
        assert_eq!(scene.watch().await, before);
    }
}

#[tokio::test]
async fn an_object_that_was_written_and_not_committed_goes() {
    for scene in scenes().await {
        scene.send(3).await;
        let before = scene.watch().await;
        let (vault, grant) = (&scene.installation.app.vault, scene.grant().await);
        let claimed = vault.claim_part(scene.track(), 0).await.unwrap().unwrap();
        std::mem::forget(vault.write_part(&grant, claimed).await.unwrap().unwrap());
        let scene = scene.restarted().await;
        assert_eq!(scene.watch().await, before, "the log has it still");
        scene.installation.wait(Duration::from_secs(31 * 60));
        scene.settle().await;
        let scene = scene.signed_in_anew().await;
        scene.is_tidy(4).await;
        assert_eq!(scene.watch().await, before);
    }
}

#[tokio::test]
async fn what_was_committed_and_not_swept_is_swept_after_a_restart() {
    for scene in scenes().await {
        scene.send(3).await;
        let before = scene.watch().await;
        let (vault, grant) = (&scene.installation.app.vault, scene.grant().await);
        let claimed = vault.claim_part(scene.track(), 0).await.unwrap().unwrap();
        let written = vault.write_part(&grant, claimed).await.unwrap().unwrap();
        assert!(vault.commit_part(written).await.unwrap().is_some());
        let scene = scene.restarted().await;
        assert!(scene.installation.objects().await.iter().any(|object| object.starts_with("log/")));
        assert_eq!(scene.watch().await, before);
        scene.settle().await;
        scene.is_tidy(4).await;
        assert_eq!(scene.watch().await, before);
    }
}

#[tokio::test]
async fn whoever_was_overtaken_does_not_commit_and_removes_its_object() {
    for scene in scenes().await {
        scene.send(3).await;
        let (vault, grant) = (&scene.installation.app.vault, scene.grant().await);
        let claimed = vault.claim_part(scene.track(), 0).await.unwrap().unwrap();
        let slow = vault.write_part(&grant, claimed).await.unwrap().unwrap();
        scene.installation.wait(Duration::from_secs(16 * 60));
        assert_eq!(scene.settle().await.parts, 1, "another took over");
        assert!(vault.commit_part(slow).await.unwrap().is_none());
        scene.settle().await;
        scene.is_tidy(4).await;
    }
}

#[tokio::test]
async fn a_claim_that_was_taken_away_is_not_committed_though_nobody_else_wrote() {
    for scene in scenes().await {
        scene.send(3).await;
        let (vault, grant) = (&scene.installation.app.vault, scene.grant().await);
        let claimed = vault.claim_part(scene.track(), 0).await.unwrap().unwrap();
        let slow = vault.write_part(&grant, claimed).await.unwrap().unwrap();
        scene.installation.wait(Duration::from_secs(16 * 60));
        let later = Due::after(Duration::from_secs(5 * 3600));
        let app = &scene.installation.app;
        assert_eq!(
            app.vault.settle(&app.access, later).await.unwrap().parts,
            0,
            "it only takes the claim away"
        );
        assert!(vault.commit_part(slow).await.unwrap().is_none());
        assert!(scene.parts().await.is_empty());
        scene.settle().await;
        scene.is_tidy(4).await;
    }
}

#[tokio::test]
async fn a_track_that_is_erased_meanwhile_is_not_written() {
    for scene in scenes().await {
        scene.send(3).await;
        let (vault, grant, track) = (&scene.installation.app.vault, scene.grant().await, scene.track());
        let claimed = vault.claim_part(track, 0).await.unwrap().unwrap();
        let written = vault.write_part(&grant, claimed).await.unwrap().unwrap();
        let at = scene.installation.now();
        let taken = scene.installation.app.database.write(Lane::Interactive, move |tx| {
            Box::pin(async move { parts::take_away(tx, track, at).await })
        });
        let taken: Result<parts::TrackObjects, SqlError> = taken.await;
        assert_eq!(taken.unwrap().log.len(), 4);
        assert!(vault.commit_part(written).await.unwrap().is_none());
        scene.settle().await;
        assert_eq!(scene.installation.objects().await, Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_store_that_fails_leaves_everything_as_it_was() {
    let (installation, faults) = Installation::behind_faults().await;
    let scene = scene(installation).await;
    scene.send(3).await;
    let before = scene.watch().await;
    for fault in [Fault::Answer(503), Fault::Drop, Fault::Lie] {
        faults.next(10, Method::PUT, "/parts/", fault);
        let settled = scene.settle().await;
        assert_eq!((settled.parts, settled.left), (0, 1), "{fault:?}");
        faults.heal();
        assert_eq!(scene.watch().await, before, "{fault:?}");
    }
    faults.next(1, Method::PUT, "/parts/", Fault::LoseAnswer);
    assert_eq!(scene.settle().await.parts, 1, "it is stored, and its answer was lost");
    assert_eq!(scene.watch().await, before);
    // So long what was given up may arrive.
    scene.installation.wait(Duration::from_secs(31 * 60));
    scene.settle().await;
    scene.signed_in_anew().await.is_tidy(4).await;
}

#[tokio::test]
async fn bytes_whose_row_is_still_to_come_keep_their_file() {
    for scene in scenes().await {
        scene.send(1).await;
        // Sent at once, so that on a bucket too they lie in one object.
        let ((first, row), (second, late)) = (scene.seal(2, "[2]").await, scene.seal(3, "[3]").await);
        let (first, second) = tokio::join!(
            scene.installation.store_as(first, &row),
            scene.installation.store_as(second, &late)
        );
        let object = second.extent().object.clone();
        assert_eq!(first.extent().object, object);
        scene.name(&first, row).await;
        drop(first);
        assert_eq!(scene.settle().await.segments, 3);
        assert!(scene.installation.objects().await.contains(&object), "one of its rows is still to come");
        scene.name(&second, late).await;
        drop(second);
        assert_eq!(scene.settle().await.segments, 1);
        // An intent goes behind whoever drops it.
        for _ in 0..100 {
            scene.settle().await;
            if !scene.installation.objects().await.contains(&object) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        scene.is_tidy(4).await;
    }
}

#[tokio::test]
async fn a_manifest_says_what_the_rows_say_and_is_of_its_own_part_only() {
    for scene in scenes().await {
        scene.send(4).await;
        scene.settle().await;
        let part = scene.parts().await.remove(0);
        let (vault, grant) = (&scene.installation.app.vault, scene.grant().await);
        let listed = Listed { object: part.object.clone(), bytes: part.object_bytes };
        let manifest = vault.read_manifest(&grant, &listed).await.unwrap();
        assert_eq!(manifest.part, part);
        assert_eq!(manifest.provenance.class.word(), "replay");
        assert_eq!(manifest.name.recording.to_string(), scene.visit.recording);
        let file = scene.installation.object_file(&part.object);
        let whole = std::fs::read(&file).unwrap();
        // Under another name: the next attempt at the same part.
        let other = part.object.replace("-000001", "-000002");
        std::fs::write(scene.installation.object_file(&other), &whole).unwrap();
        let moved =
            vault.read_manifest(&grant, &Listed { object: other.clone(), bytes: part.object_bytes }).await;
        assert!(matches!(moved, Err(ManifestError::Seal(_))), "{moved:?}");
        for (at, wrong) in
            [(whole.len() - 1, "mark"), (whole.len() - 20, "length"), (whole.len() - 60, "seal")]
        {
            let mut altered = whole.clone();
            altered[at] ^= 1;
            std::fs::write(&file, &altered).unwrap();
            let read = vault.read_manifest(&grant, &listed).await;
            assert!(matches!(read, Err(ManifestError::Cut | ManifestError::Seal(_))), "{wrong}: {read:?}");
        }
        std::fs::write(&file, &whole[..whole.len() - 7]).unwrap();
        let shorter = Listed { object: part.object.clone(), bytes: part.object_bytes - 7 };
        let cut = vault.read_manifest(&grant, &shorter).await;
        assert!(matches!(cut, Err(ManifestError::Cut)));
    }
}

#[tokio::test]
async fn survivors_of_a_range_are_written_anew_under_another_key() {
    for scene in scenes().await {
        scene.send(4).await;
        let before = scene.watch().await;
        scene.settle().await;
        scene.send_more(5, 2).await;
        let (app, grant, track) = (&scene.installation.app, scene.grant().await, scene.track());
        let old = scene.parts().await[0].clone();
        let key = another_key(&scene).await;
        // The base of the part goes: what was packed on it is packed on something else.
        let keep = |segment: &Segment| segment.sequence != 0 && segment.sequence != 5;
        let first = app.vault.rewrite_track(&grant, track, key, keep).await.unwrap().unwrap();
        let second = app.vault.rewrite_track(&grant, track, key, keep).await.unwrap().unwrap();
        assert!(!switch(&scene, first).await, "the second was later");
        assert!(switch(&scene, second).await);
        scene.installation.wait(Duration::from_secs(31 * 60));
        scene.settle().await;
        let parts = scene.parts().await;
        assert_eq!(scene.installation.objects().await, [parts[0].object.clone()]);
        assert_eq!(parts.len(), 1);
        assert_eq!((parts[0].key, parts[0].base), (key, Some(1)));
        assert_ne!(parts[0].object, old.object);
        let scene = scene.signed_in_anew().await;
        let after = scene.watch().await;
        assert_eq!(after.len(), 5);
        assert_eq!(after[..4], before[1..]);
        assert_eq!(scene.read().await["segments"], 5);
    }
}

/// Another key of the track's subject.
async fn another_key(scene: &Scene) -> clerestory_model::KeyId {
    let (keys, track, at) =
        (scene.installation.app.vault.keys().clone(), scene.track(), scene.installation.now());
    scene.installation.app.vault.hold_lease().await.unwrap();
    let made = scene.installation.app.database.write(Lane::Interactive, move |tx| {
        Box::pin(async move {
            let track = clerestory_store::tracks::find(tx, track).await?.unwrap();
            let parent = keys.locate(tx, track.key).await?.parent;
            let new = clerestory_keys::NewKey {
                organisation: track.organisation,
                class: track.class,
                purpose: clerestory_keys::Purpose::Track,
                parent,
                at,
            };
            keys.make(tx, new).await
        })
    });
    let made: Result<_, clerestory_keys::KeyError> = made.await;
    made.unwrap()
}

async fn switch(scene: &Scene, rewritten: clerestory_vault::Rewritten) -> bool {
    let at = scene.installation.now();
    let switched = scene.installation.app.database.write(Lane::Interactive, move |tx| {
        Box::pin(async move {
            match rewritten.switch(tx, at).await? {
                true => Ok(Ok(rewritten)),
                false => Ok::<_, SqlError>(Err(())),
            }
        })
    });
    switched.await.unwrap().is_ok()
}

#[tokio::test]
async fn two_nodes_settle_at_once_and_each_segment_is_settled_once() {
    if clerestory_testkit::postgres::schema_of_its_own().await.is_none() {
        return;
    }
    let scene = scene(Installation::on_bucket().await).await;
    let other = scene.installation.another_node().await;
    for round in 0..6 {
        let from = 1 + 5 * round;
        if round == 0 {
            scene.send(5).await;
        } else {
            scene.send_more(from, 5).await;
        }
        let (one, two) = tokio::join!(scene.installation.app.settle_now(), other.app.settle_now());
        let parts = one.unwrap().parts + two.unwrap().parts;
        assert_eq!(parts, 1, "round {round}");
    }
    scene.settle().await;
    scene.is_tidy(31).await;
    assert_eq!(scene.watch().await.len(), 31);
}

#[tokio::test]
async fn a_run_that_ended_leaves_neither_directory_nor_intent() {
    let scene = scene(Installation::new().await).await;
    scene.send(1).await;
    let scene = scene.restarted().await;
    scene.settle().await;
    scene.is_tidy(2).await;
    let under_way = scene.installation.app.vault.objects_under_way().await.unwrap();
    assert_eq!(under_way, []);
    let log = scene.installation.app.places.data.join("objects/log");
    assert_eq!(std::fs::read_dir(log).unwrap().count(), 0);
    scene.send_more(2, 1).await;
    assert_eq!(scene.unsettled().await.len(), 1, "the new run has a log of its own");
}

#[tokio::test]
async fn a_track_that_waits_to_be_erased_is_left_alone() {
    let scene = scene(Installation::new().await).await;
    scene.send(1).await;
    let track = scene.track();
    let queued = scene.installation.app.database.write(Lane::Interactive, move |tx| {
        Box::pin(async move {
            let sql = "UPDATE tracks SET state = $1 WHERE track_id = $2";
            tx.execute(sql, &[RecordingState::PurgeQueued.into(), track.into()]).await
        })
    });
    let queued: Result<u64, SqlError> = queued.await;
    queued.unwrap();
    assert_eq!(scene.settle().await.parts, 0);
    assert_eq!(scene.unsettled().await.len(), 2);
}

/// `web/e2e/open_segment.py` knows the product by `docs/formats.md` alone. It finds settled segments by their manifests.
#[tokio::test]
async fn a_reader_in_another_language_opens_settled_segments_from_their_parts() {
    // It reads SQLite's file; what lies in parts is the same on both engines.
    let scene = scene(Installation::over(None).await).await;
    scene.send(4).await;
    scene.settle().await;
    scene.visit.send(6, &movement(scene.now_ms + 14_000)).await.ok();
    scene.visit.send(5, &movement(scene.now_ms + 12_000)).await.ok();
    scene.settle().await;
    assert_eq!(scene.parts().await.len(), 2);
    scene.visit.send(7, &movement(scene.now_ms + 16_000)).await.ok();
    let played = scene.watch().await;
    let places = &scene.installation.app.places;
    let python = std::env::var("CLERESTORY_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    for (number, events) in played.iter().enumerate() {
        let mut reader = std::process::Command::new(&python);
        reader
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../../web/e2e/open_segment.py"))
            .args(["--root".as_ref(), places.root_key().as_os_str()])
            .args(["--epochs".as_ref(), places.keys.join("epochs").as_os_str()])
            .args(["--database".as_ref(), places.database().as_os_str()])
            .args(["--data".as_ref(), places.data.as_os_str()])
            .args([scene.visit.track.clone(), number.to_string()]);
        let read = reader.output().unwrap();
        assert!(read.status.success(), "{number}: {}", String::from_utf8_lossy(&read.stderr));
        let read: Value = serde_json::from_slice(&read.stdout).unwrap();
        assert_eq!(&read, events, "{number}");
    }
    assert_eq!(played.len(), 8);
}

/// What is asked for may settle between the look at its row and the reading of its bytes.
#[tokio::test]
async fn what_settles_while_it_is_watched_is_watched_on() {
    let (installation, faults) = Installation::behind_faults().await;
    let scene = scene(installation).await;
    scene.send(2).await;
    let before = scene.watch().await;
    let play = scene.begin().await;
    let path = format!("/api/v1/plays/{play}/tracks/{}/segments/1", scene.visit.track);
    // The row names the log; the log's object is gone when it is read.
    faults.next(1, Method::GET, "/log/", Fault::Answer(404));
    assert_eq!(scene.admin.get(&path).await.ok(), before[1]);
    let asked = faults.ranges().len();
    scene.settle().await;
    for _ in 0..3 {
        assert_eq!(scene.admin.get(&path).await.ok(), before[1]);
    }
    // Reading the two log objects to settle them aside: the base once, then a range for each answer.
    let parts = faults.seen(&Method::GET, "/parts/");
    assert_eq!(parts, 1 + 3, "{:?}", &faults.ranges()[asked..]);
}
