//! What is damaged does not settle, and nothing that settles is damaged by it: the original goes when its bytes have moved.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

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
    Scene { installation, admin, visit }
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
        let seen: Vec<StatusCode> = scene.watch().await.into_iter().map(|(status, _)| status).collect();
        let (ok, not) = (StatusCode::OK, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(seen, [ok, ok, not, ok]);
    }
}
