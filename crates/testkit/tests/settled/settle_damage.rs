//! What is damaged does not settle, and nothing that settles is damaged by it: the original goes when its bytes have moved.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use std::time::Duration;

use axum::http::{Method, StatusCode};
use clerestory_sql::SqlError;
use clerestory_store::damage::Damage;
use clerestory_store::segments::{self, Segment};
use clerestory_testkit::bucket::Fault;
use clerestory_testkit::visit::{Visit, movement, snapshot};
use clerestory_testkit::{Caller, Installation};
use clerestory_vault::Settled;
use serde_json::{Value, json};

struct Scene {
    installation: Installation,
    admin: Caller,
    visit: Visit,
    site_key: String,
}

/// A visit with four segments, none of which has settled.
async fn scene(installation: Installation) -> Scene {
    let admin = installation.person("admin").await;
    let site = installation.site(&admin).await;
    let now_ms = installation.now().unix_millis() as i64;
    let key = site["site_key"].as_str().unwrap();
    let visit = Visit::start(installation.recorder("https://shop.example"), key, now_ms).await;
    visit.send(0, &snapshot(now_ms, 40, "some text")).await.ok();
    for number in 1..4 {
        visit.send(number, &movement(now_ms + 2000 * number as i64)).await.ok();
    }
    Scene { installation, admin, visit, site_key: key.to_owned() }
}

impl Scene {
    async fn settle(&self) -> Settled {
        self.installation.app.settle_now().await.unwrap()
    }

    /// What a player gets for each segment: its events, or why not.
    async fn watch(&self) -> Vec<(StatusCode, Value)> {
        let path = format!("/api/v1/recordings/{}/plays", self.visit.recording);
        let play = self.admin.post(&path, json!({})).await;
        let play = play.json["id"].as_str().unwrap_or_else(|| panic!("{}", play.json)).to_owned();
        let mut seen = Vec::new();
        for number in 0..4 {
            let path = format!("/api/v1/plays/{play}/tracks/{}/segments/{number}", self.visit.track);
            let answer = self.admin.get(&path).await;
            seen.push((answer.status, answer.json));
        }
        seen
    }

    async fn unsettled(&self) -> Vec<Segment> {
        let track = self.visit.track.parse().unwrap();
        let read = self
            .installation
            .app
            .database
            .read(move |tx| Box::pin(async move { segments::unsettled(tx, track, 0, 100).await }));
        let read: Result<Vec<Segment>, SqlError> = read.await;
        read.unwrap()
    }

    async fn damage(&self) -> Vec<Damage> {
        self.installation.app.vault.damage(self.installation.organisation).await.unwrap()
    }

    /// How often somebody was given leave to open segments in order to settle them.
    async fn entries(&self) -> usize {
        let answer = self.admin.get("/api/v1/audit?action=maintain.settle").await.ok();
        answer["items"].as_array().unwrap().len()
    }

    async fn settled(&self) -> usize {
        let parts = self.installation.parts_of(self.visit.track.parse().unwrap()).await;
        parts.iter().map(|part| part.segments.len()).sum()
    }

    fn write(&self, segment: &Segment, change: impl FnOnce(&mut Vec<u8>, usize)) {
        let file = self.installation.object_file(&segment.extent.object);
        let mut bytes = std::fs::read(&file).unwrap();
        change(&mut bytes, segment.extent.offset as usize + 50);
        std::fs::write(&file, bytes).unwrap();
    }
}

#[tokio::test]
async fn a_read_that_was_wrong_once_is_read_again() {
    let (installation, faults) = Installation::behind_faults().await;
    let scene = scene(installation).await;
    let before = scene.watch().await;
    for fault in [Fault::Garble, Fault::Answer(404)] {
        // Whichever of them is read first.
        faults.next(1, Method::GET, "/log/", fault);
    }
    assert_eq!(scene.settle().await.segments, 4);
    assert_eq!(
        faults.seen(&Method::GET, "/log/"),
        4 + 4 + 2,
        "four were watched, four moved, two read again"
    );
    assert_eq!(scene.watch().await, before);
    assert_eq!(scene.damage().await, []);
}

#[tokio::test]
async fn a_store_that_goes_on_giving_other_bytes_keeps_the_originals() {
    let (installation, faults) = Installation::behind_faults().await;
    let scene = scene(installation).await;
    let (before, objects) = (scene.watch().await, scene.installation.objects().await);
    faults.next(usize::MAX, Method::GET, "/log/", Fault::Garble);
    assert_eq!(scene.settle().await.parts, 0);
    assert_eq!((scene.settled().await, scene.unsettled().await.len()), (0, 4));
    let damage = scene.damage().await;
    assert_eq!(damage.iter().map(|one| one.fault.as_str()).collect::<Vec<_>>(), ["altered"; 4]);
    let told = scene.admin.get("/api/v1/health/findings").await.ok().to_string();
    assert!(told.contains("is damaged") && told.contains("clerestory fsck --deep"), "{told}");
    faults.heal();
    assert_eq!(scene.installation.objects().await, objects);
    assert_eq!(scene.watch().await, before);
}

#[tokio::test]
async fn a_damaged_segment_stays_where_it_is_and_the_rest_settles() {
    for installation in [Installation::new().await, Installation::on_bucket().await] {
        let scene = scene(installation).await;
        let rows = scene.unsettled().await;
        scene.write(&rows[2], |bytes, at| bytes[at] ^= 1);
        assert_eq!(scene.settle().await.segments, 3);
        assert_eq!(scene.unsettled().await, [rows[2].clone()]);
        assert!(scene.installation.objects().await.contains(&rows[2].extent.object));
        let damage = scene.damage().await;
        assert_eq!((damage.len(), damage[0].sequence, damage[0].fault.as_str()), (1, 2, "altered"));
        assert_eq!(scene.entries().await, 1);
        assert_eq!(scene.settle().await, Settled::default(), "it is not tried again at once");
        assert_eq!(scene.entries().await, 1);
        let seen: Vec<StatusCode> = scene.watch().await.into_iter().map(|(status, _)| status).collect();
        let (ok, not) = (StatusCode::OK, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(seen, [ok, ok, not, ok]);
        // Its bytes come back, and nobody checks.
        scene.write(&rows[2], |bytes, at| bytes[at] ^= 1);
        scene.installation.wait(Duration::from_secs(6 * 3600 + 1));
        assert_eq!(scene.settle().await.segments, 1);
        assert_eq!((scene.unsettled().await.len(), scene.damage().await), (0, Vec::new()));
        scene.settle().await;
        assert_eq!(scene.installation.objects().await.len(), 2, "what is left are its two parts");
    }
}

#[tokio::test]
async fn a_file_of_the_log_that_is_cut_off_is_told_of_and_an_erasure_that_waits_for_it_says_so() {
    let scene = scene(Installation::new().await).await;
    let other = Visit::start_as(
        scene.installation.recorder("https://shop.example"),
        scene.site_key.as_str(),
        scene.installation.now().unix_millis() as i64,
        "0190a5e2-0000-7000-8000-000000000009",
        None,
    );
    let other = other.await;
    let at = scene.installation.now().unix_millis() as i64;
    other.send(0, &snapshot(at, 4, "another")).await.ok();
    // They lie in one file; its end is lost, and the end is the other's.
    let path = format!("/api/v1/recordings/{}/erasures", scene.visit.recording);
    let asked = scene.admin.erase(&path, json!({ "reason": "asked for by letter" })).await.json;
    let file = scene.installation.object_file(&scene.unsettled().await[0].extent.object);
    let length = std::fs::metadata(&file).unwrap().len();
    std::fs::File::options().write(true).open(&file).unwrap().set_len(length - 20).unwrap();
    for _ in 0..4 {
        scene.installation.app.settle_now().await.unwrap();
        scene.installation.wait(Duration::from_secs(40));
        scene.installation.app.lifecycle.work().await.unwrap();
    }
    let damage = scene.damage().await;
    assert_eq!((damage.len(), damage[0].fault.as_str()), (1, "truncated"));
    assert_eq!(damage[0].recording.to_string(), other.recording);
    let id = asked["id"].as_str().unwrap();
    let admin = scene.installation.person("admin").await;
    let told = admin.get(&format!("/api/v1/erasures/{id}")).await.ok().to_string();
    assert!(told.contains("a segment that cannot be read: `clerestory fsck --deep` tells which"), "{told}");
    assert!(file.exists());
}
