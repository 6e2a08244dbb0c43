//! Rows that are gone are made again from what lies in the store, and everything plays as before.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use std::time::Duration;

use clerestory_keys::{Owner, Tombstone};
use clerestory_model::SubjectId;
use clerestory_sql::{Lane, SqlError};
use clerestory_store::{recordings, segments, tracks};
use clerestory_testkit::screen::{Recorder, pictures, record_screens, screen_start};
use clerestory_testkit::visit::{Visit, movement, snapshot};
use clerestory_testkit::{Caller, Installation};
use clerestory_vault::{Depth, Rebuilt, SegmentPlace, pack_events};
use serde_json::{Value, json};

const ORIGIN: &str = "https://shop.example";

struct Scene {
    installation: Installation,
    admin: Caller,
    visits: Vec<Visit>,
    now_ms: i64,
}

/// Three visits: one settled, one half, one not at all; the last with a large segment of its own object.
async fn scene(installation: Installation) -> Scene {
    let admin = installation.person("admin").await;
    let site = installation.site(&admin).await;
    let key = site["site_key"].as_str().unwrap();
    let now_ms = installation.now().unix_millis() as i64;
    let mut visits = Vec::new();
    for _ in 0..3 {
        visits.push(Visit::start(installation.recorder(ORIGIN), key, now_ms).await);
    }
    let scene = Scene { installation, admin, visits, now_ms };
    scene.send(0, 0..4).await;
    scene.send(1, 0..3).await;
    scene.settle().await;
    scene.send(1, 3..6).await;
    scene.send(2, 0..3).await;
    scene.add_large().await;
    scene
}

/// The same after a restart: whoever wrote the ingest log is gone.
async fn restarted(scene: Scene) -> Scene {
    let Scene { installation, admin, visits, now_ms } = scene;
    drop(admin);
    let installation = installation.restarted().await;
    let visits = visits.into_iter().map(|visit| visit.through(installation.recorder(ORIGIN))).collect();
    let admin = installation.person("admin").await;
    Scene { installation, admin, visits, now_ms }
}

async fn scenes() -> [Scene; 2] {
    [scene(Installation::new().await).await, scene(Installation::on_bucket().await).await]
}

fn is_same(before: &[Value], after: &[Value]) {
    assert_eq!(before.len(), after.len());
    for (before, after) in before.iter().zip(after) {
        assert!(before == after, "{:.2000}\n{:.2000}", before.to_string(), after.to_string());
    }
}

impl Scene {
    async fn send(&self, visit: usize, numbers: std::ops::Range<i64>) {
        for number in numbers {
            let at = self.now_ms + 2000 * number;
            let events = if number == 0 { snapshot(at, 40, "some text") } else { movement(at) };
            self.visits[visit].send(number as u64, &events).await.ok();
            self.installation.wait(Duration::from_secs(2));
        }
    }

    /// A fourth segment of the last visit that does not compress: it is an object of its own.
    async fn add_large(&self) {
        let mut state = 1u64;
        let noise = (0..2_600_000).map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            char::from(b'a' + u8::try_from((state >> 40) % 26).unwrap())
        });
        let sent = snapshot(self.now_ms + 9000, 1, &noise.collect::<String>()).to_string();
        let packed = pack_events(sent.as_bytes()).unwrap();
        let (app, id) = (&self.installation.app, self.visits[2].track.parse().unwrap());
        let track: Result<_, SqlError> =
            app.database.read(move |tx| Box::pin(async move { tracks::find(tx, id).await })).await;
        let track = track.unwrap().unwrap();
        let sealed = app.vault.segment_sealer(SegmentPlace::of(&track, 3)).await.unwrap();
        let sealed = sealed.seal(sent.as_bytes(), &packed);
        let (stored, segment) = self.installation.store(&track, 3, sealed).await;
        assert!(stored.extent().object.starts_with("segments/"));
        let inserted = app.database.write(Lane::Maintenance, move |tx| {
            Box::pin(async move {
                recordings::resize(tx, track.recording, segment.extent.length.cast_signed(), 1).await?;
                segments::insert(tx, &segment).await
            })
        });
        let inserted: Result<(), SqlError> = inserted.await;
        inserted.unwrap();
    }

    /// The row of a visit's track.
    async fn track(&self, visit: usize) -> tracks::Track {
        let id = self.visits[visit].track.parse().unwrap();
        let found = self
            .installation
            .app
            .database
            .read(move |tx| Box::pin(async move { tracks::find(tx, id).await }));
        let found: Result<_, SqlError> = found.await;
        found.unwrap().unwrap()
    }

    async fn settle(&self) {
        self.installation.app.settle_now().await.unwrap();
    }

    async fn rebuild(&self) -> Rebuilt {
        self.installation.app.rebuild(false, &|_, _, _| {}).await.unwrap().0
    }

    async fn forget_everything(&self) {
        for sql in [
            "DELETE FROM segments",
            "DELETE FROM parts",
            "DELETE FROM part_claims",
            "DELETE FROM gaps",
            "DELETE FROM tracks",
            "DELETE FROM recordings",
        ] {
            self.installation.execute(sql, vec![]).await;
        }
    }

    /// Everything of a visit that anybody can see: what is said of it, and the bytes of each segment in a play.
    async fn seen(&self, visit: usize) -> Vec<Value> {
        let visit = &self.visits[visit];
        let path = format!("/api/v1/recordings/{}", visit.recording);
        let mut described = self.admin.get(&path).await.ok();
        let play = self.admin.post(&format!("{path}/plays"), json!({ "reason": "a test" })).await.ok();
        let play = play["id"].as_str().unwrap();
        let mut seen = Vec::new();
        for segment in described["tracks"][0]["segments"].as_array().unwrap() {
            let path =
                format!("/api/v1/plays/{play}/tracks/{}/segments/{}", visit.track, segment["sequence"]);
            seen.push(self.admin.get(&path).await.ok());
        }
        // Who watched it is told too, and grows by each look.
        described.as_object_mut().unwrap().remove("viewers");
        seen.push(described);
        seen
    }

    async fn all(&self) -> Vec<Vec<Value>> {
        let mut all = Vec::new();
        for visit in 0..self.visits.len() {
            all.push(self.seen(visit).await);
        }
        all
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_plays_as_before_after_its_rows_are_gone() {
    for scene in scenes().await {
        let before = scene.all().await;
        let list = scene.admin.get("/api/v1/recordings").await.ok();
        let scene = restarted(scene).await;
        scene.forget_everything().await;
        let dry = scene.installation.app.rebuild(true, &|_, _, _| {}).await.unwrap().0;
        assert_eq!(scene.admin.get("/api/v1/recordings").await.ok()["items"], json!([]));
        let rebuilt = scene.rebuild().await;
        assert_eq!(rebuilt, dry, "what was said was done");
        assert_eq!(
            (rebuilt.recordings.len(), rebuilt.tracks, rebuilt.parts, rebuilt.segments),
            (3, 3, 2, 14)
        );
        assert_eq!(rebuilt.not, []);
        for (visit, before) in before.iter().enumerate() {
            is_same(before, &scene.seen(visit).await);
        }
        let listed = |list: &Value| -> Vec<(String, Value)> {
            let items = list["items"].as_array().unwrap().iter();
            let mut items: Vec<(String, Value)> = items
                .map(|item| (item["id"].as_str().unwrap().to_owned(), item["summary"].clone()))
                .collect();
            items.sort_by(|a, b| a.0.cmp(&b.0));
            items
        };
        assert_eq!(listed(&scene.admin.get("/api/v1/recordings").await.ok()), listed(&list));
        assert_eq!(scene.rebuild().await, Rebuilt::default(), "nothing is left to do");
        let app = &scene.installation.app;
        let report = app.vault.check_store(&app.access, Depth::Deep, &|_, _, _| {}).await.unwrap();
        assert_eq!(report.findings, []);
        // The visits go on, and settle.
        scene.visits[1].send(6, &movement(scene.now_ms + 12_000)).await.ok();
        app.settle_now().await.unwrap();
        let report = app.vault.check_store(&app.access, Depth::Deep, &|_, _, _| {}).await.unwrap();
        assert_eq!((report.findings, report.segments), (vec![], 15));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_erased_stays_out() {
    for scene in scenes().await {
        let scene = restarted(scene).await;
        let erased: clerestory_model::TrackId = scene.visits[0].track.parse().unwrap();
        for sql in [
            "INSERT INTO key_tombstones (owner, organisation, kind, key_id, laid_at)
                 SELECT key_id, organisation_id, 3, key_id, 0 FROM tracks WHERE track_id = $1",
            "DELETE FROM key_rows WHERE key_id = (SELECT key_id FROM tracks WHERE track_id = $1)",
        ] {
            scene.installation.execute(sql, vec![erased.into()]).await;
        }
        scene.forget_everything().await;
        let rebuilt = scene.rebuild().await;
        assert_eq!((rebuilt.recordings.len(), rebuilt.erased), (2, 1), "{rebuilt:?}");
        let gone = scene.admin.get(&format!("/api/v1/recordings/{}", scene.visits[0].recording)).await;
        assert_eq!(gone.status.as_u16(), 404);
        // A tombstone keeps out what a key would still open.
        let subject = "INSERT INTO key_tombstones (owner, organisation, kind, key_id, laid_at)
                       SELECT subject_id, organisation_id, 2, key_id, 0 FROM subjects
                       WHERE subject_id = (SELECT subject_id FROM recordings LIMIT 1)";
        scene.installation.execute(subject, vec![]).await;
        scene.forget_everything().await;
        assert_eq!(scene.rebuild().await.recordings.len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_attempts_at_a_part_the_later_complete_one_counts() {
    for scene in scenes().await {
        let before = scene.seen(0).await;
        let objects = scene.installation.objects().await;
        let track = &scene.visits[0].track;
        let part =
            objects.iter().find(|object| object.starts_with("parts/") && object.contains(track)).unwrap();
        let bytes = std::fs::read(scene.installation.object_file(part)).unwrap();
        // A later attempt that was cut off, and one that says it is another's.
        for (fence, bytes) in [("-000007", &bytes[..bytes.len() - 9]), ("-000008", &bytes[..])] {
            let name = part.replace("-000001", fence);
            std::fs::write(scene.installation.object_file(&name), bytes).unwrap();
        }
        let scene = restarted(scene).await;
        scene.forget_everything().await;
        let rebuilt = scene.rebuild().await;
        assert_eq!((rebuilt.parts, rebuilt.not.len()), (2, 2), "{rebuilt:?}");
        is_same(&before, &scene.seen(0).await);
        // Fences that were given out are not given out again, and a name alone says nothing of that.
        scene.installation.wait(Duration::from_secs(1));
        let visit = &scene.visits[0];
        visit.send(4, &movement(scene.now_ms + 8000)).await.ok();
        scene.installation.app.settle_now().await.unwrap();
        let objects = scene.installation.objects().await;
        let fences: Vec<&str> = objects
            .iter()
            .filter(|object| object.contains(&visit.track))
            .filter_map(|object| object.rsplit_once('-').map(|(_, fence)| fence))
            .collect();
        assert!(fences.contains(&"000002") && !fences.contains(&"000009"), "{fences:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tombstone_that_lies_beside_the_objects_alone_keeps_out_what_its_key_would_open() {
    for scene in scenes().await {
        let scene = restarted(scene).await;
        let track = scene.track(0).await;
        let [key, other] = [track.key, scene.track(1).await.key];
        let (organisation, at) = (track.organisation, scene.installation.now());
        let stone = |owner, key| Tombstone { organisation, owner, key, at };
        let vault = &scene.installation.app.vault;
        vault.lay_tombstones(&[stone(Owner::Key, key)]).await.unwrap();
        scene.forget_everything().await;
        let rebuilt = scene.rebuild().await;
        assert_eq!(rebuilt.recordings.len(), 2, "{rebuilt:?}");
        assert!(rebuilt.recordings.iter().all(|id| *id != track.recording));
        // One of the subject, whose key is above that of the track.
        let keys = std::sync::Arc::clone(vault.keys());
        let found = scene
            .installation
            .app
            .database
            .read(move |tx| Box::pin(async move { keys.locate(tx, other).await }))
            .await;
        let subject = SubjectId::from_bytes([9; 16]);
        let above = stone(Owner::Subject(subject), found.unwrap().parent.unwrap());
        vault.lay_tombstones(&[above]).await.unwrap();
        scene.forget_everything().await;
        assert_eq!(scene.rebuild().await.recordings.len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn numbers_that_were_erased_stay_out_of_the_log_and_of_parts() {
    for scene in scenes().await {
        let scene = restarted(scene).await;
        let track = scene.track(1).await;
        let id = track.id;
        let noted = scene.installation.app.database.write(Lane::Maintenance, move |tx| {
            Box::pin(async move {
                tracks::note_erased(tx, id, 1, 1).await?;
                tracks::note_erased(tx, id, 4, 4).await
            })
        });
        let noted: Result<(), SqlError> = noted.await;
        noted.unwrap();
        scene.forget_everything().await;
        assert_eq!(scene.rebuild().await.segments, 12);
        let rows = scene
            .installation
            .app
            .database
            .read(move |tx| Box::pin(async move { segments::of_track(tx, id, 0, 100).await }));
        let rows: Result<Vec<segments::Segment>, SqlError> = rows.await;
        let numbers: Vec<u64> = rows.unwrap().iter().map(|row| row.sequence).collect();
        assert_eq!(numbers, [0, 2, 3, 5]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_that_somebody_made_does_not_use_the_fences_up() {
    for scene in scenes().await {
        let objects = scene.installation.objects().await;
        let track = &scene.visits[0].track;
        let part =
            objects.iter().find(|object| object.starts_with("parts/") && object.contains(track)).unwrap();
        for end in ["/000000-4294967295", "/000000-2147483647", "/2147483647-000002"] {
            let name = format!("{}{end}", part.rsplit_once('/').unwrap().0);
            std::fs::write(scene.installation.object_file(&name), b"anything").unwrap();
        }
        let rebuilt = scene.rebuild().await;
        assert_eq!(rebuilt.not.iter().filter(|not| not.object.starts_with("parts/")).count(), 2);
        scene.visits[0].send(4, &movement(scene.now_ms + 8000)).await.ok();
        let settled = scene.installation.app.settle_now().await.unwrap();
        assert_eq!(settled.left, 0);
        assert_eq!(scene.installation.parts_of(track.parse().unwrap()).await.len(), 2);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn summaries_are_derived_after_a_rebuild_that_was_cut_off_before_them() {
    for scene in scenes().await {
        let before = scene.seen(0).await;
        let scene = restarted(scene).await;
        scene.forget_everything().await;
        let app = &scene.installation.app;
        let cut_off = app.vault.rebuild_rows(&app.access, false, &|_, _, _| {}).await.unwrap();
        assert_eq!(cut_off.recordings.len(), 3);
        let (rebuilt, summaries) = app.rebuild(false, &|_, _, _| {}).await.unwrap();
        assert_eq!((rebuilt.recordings.len(), summaries), (0, 3));
        is_same(&before, &scene.seen(0).await);
        assert_eq!(app.rebuild(false, &|_, _, _| {}).await.unwrap().1, 0);
    }
}

/// Everything of a screen that anybody can see: what is said of it, what a play of it offers, and each segment.
async fn screen_seen(admin: &Caller, recording: &str) -> Vec<Value> {
    let path = format!("/api/v1/recordings/{recording}");
    let mut described = admin.get(&path).await.ok();
    let mut list = admin.get("/api/v1/recordings?source=screen").await.ok();
    // Who watched it is told too, and grows by each look.
    for told in [&mut described, &mut list["items"][0]] {
        told.as_object_mut().unwrap().remove("viewers");
    }
    let mut play = admin.post(&format!("{path}/plays"), json!({ "reason": "a test" })).await.ok();
    let id = play["id"].as_str().unwrap().to_owned();
    let mut seen = vec![described.clone(), list["items"].clone()];
    for track in described["tracks"].as_array().unwrap() {
        for segment in track["segments"].as_array().unwrap() {
            let track = track["id"].as_str().unwrap();
            let path = format!("/api/v1/plays/{id}/tracks/{track}/segments/{}", segment["sequence"]);
            let answer = admin.get(&path).await;
            assert!(answer.status.is_success(), "{path}: {answer:?}");
            seen.push(json!({ "bytes": answer.bytes.to_vec() }));
        }
    }
    let of_each = ["id", "started_at", "expires_at", "entry"];
    of_each.iter().for_each(|field| drop(play.as_object_mut().unwrap().remove(*field)));
    seen.push(play);
    seen
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn screens_play_as_before_after_their_rows_are_gone() {
    for installation in [Installation::new().await, Installation::on_bucket().await] {
        record_screens(&installation).await;
        let member = installation.person("member").await;
        let recorder = Recorder::enrol(&member, &installation.anonymous()).await;
        let now_ms = i64::try_from(installation.now().unix_millis()).unwrap();
        let asked = screen_start(now_ms, "0190a5e2-0000-7000-8000-0000000000e1", None);
        let screen = recorder.start_with(asked).await;
        installation.wait(Duration::from_secs(12));
        for number in 0..3 {
            let at_ms = now_ms + 2000 * i64::try_from(number).unwrap();
            screen.send_sealed("video", number, &pictures(at_ms, 10)).await.ok();
        }
        let log = json!([
            { "t": now_ms + 500, "kind": "click", "target": { "role": "button", "name": "Save", "tag": "button" }, "x": 0.5, "y": 0.25 },
            { "t": now_ms + 6000, "kind": "gap", "to": now_ms + 8000, "reason": "blocked" },
        ]);
        screen.send_sealed("actions", 0, log.to_string().as_bytes()).await.ok();
        installation.app.settle_now().await.unwrap();
        screen.send_sealed("video", 3, &pictures(now_ms + 8000, 10)).await.ok();
        // That somebody ended it would lie in no object: it counts as over when nothing came for a while.
        installation.wait(Duration::from_secs(180));
        let admin = installation.person("admin").await;
        let before = screen_seen(&admin, &screen.recording).await;
        assert_eq!(before.len(), 2 + 5 + 1);
        let recording = screen.recording.clone();
        // Whoever speaks to it holds it, and with it the log that is being written.
        drop((admin, member, recorder, screen));
        let installation = installation.restarted().await;
        for table in ["segments", "parts", "part_claims", "gaps", "tracks", "recordings"] {
            installation.execute(&format!("DELETE FROM {table}"), vec![]).await;
        }
        let rebuilt = installation.app.rebuild(false, &|_, _, _| {}).await.unwrap().0;
        assert_eq!((rebuilt.recordings.len(), rebuilt.segments, rebuilt.not.len()), (1, 5, 0), "{rebuilt:?}");
        let admin = installation.person("admin").await;
        is_same(&before, &screen_seen(&admin, &recording).await);
    }
}
