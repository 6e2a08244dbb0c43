//! An installation with one visit, on a disk and on a bucket, that tests harm and have checked and mended.

use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::http::StatusCode;
use clerestory_model::TrackId;
use clerestory_sql::SqlError;
use clerestory_store::parts::Part;
use clerestory_store::segments::{self, Segment};
use clerestory_vault::{Depth, Fault, RepairError, Repaired, Report};
use serde_json::{Value, json};

use crate::visit::{Visit, movement, snapshot};
use crate::{Caller, Installation};

/// Why a test goes on: nothing of it fails on its own.
const WELL: &str = "an installation that is well";

fn text(value: &Value) -> String {
    value.as_str().expect(WELL).to_owned()
}

/// Where the recorder runs.
pub const ORIGIN: &str = "https://shop.example";

/// An installation with one visit.
pub struct Scene {
    /// The installation.
    pub installation: Installation,
    /// An administrator of its first organisation.
    pub admin: Caller,
    /// The visit.
    pub visit: Visit,
    /// When it began.
    pub now_ms: i64,
}

async fn scene(installation: Installation) -> Scene {
    let admin = installation.person("admin").await;
    let site = installation.site(&admin).await;
    let key = text(&site["site_key"]);
    let now_ms = installation.now().micros() / 1000;
    let visit = Visit::start(installation.recorder(ORIGIN), &key, now_ms).await;
    Scene { installation, admin, visit, now_ms }
}

/// On a disk and on a bucket; each on whichever engine the run is about.
///
/// # Panics
/// When anything fails: no test can go on then.
pub async fn scenes() -> [Scene; 2] {
    [scene(Installation::new().await).await, scene(Installation::on_bucket().await).await]
}

impl Scene {
    /// Sends segments with these numbers, two seconds apart.
    ///
    /// # Panics
    /// When anything fails: no test can go on then.
    pub async fn send(&self, from: i64, to: i64) {
        for number in from..to {
            let at = self.now_ms + 2000 * number;
            let events = if number == 0 { snapshot(at, 40, "some text") } else { movement(at) };
            self.visit.send(number as u64, &events).await.ok();
            self.installation.wait(Duration::from_secs(2));
        }
    }

    /// Settles everything, and waits until nothing is under way.
    ///
    /// # Panics
    /// When anything fails: no test can go on then.
    pub async fn settle(&self) {
        self.installation.app.settle_now().await.expect(WELL);
        // Intents go behind whoever is done with them.
        for _ in 0..500 {
            let under_way = self.installation.app.vault.objects_under_way().await.expect(WELL);
            if under_way.iter().all(|(object, _)| object.ends_with('/')) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("an intent stays");
    }

    /// The track of the visit.
    ///
    /// # Panics
    /// When anything fails: no test can go on then.
    pub fn track(&self) -> TrackId {
        self.visit.track.parse().expect(WELL)
    }

    /// What a check reports.
    ///
    /// # Panics
    /// When anything fails: no test can go on then.
    pub async fn check(&self, depth: Depth) -> Report {
        let app = &self.installation.app;
        app.vault.check_store(&app.access, depth, &|_, _, _| {}).await.expect(WELL)
    }

    /// What a check tells, in short.
    ///
    /// # Panics
    /// When anything fails: no test can go on then.
    pub async fn told(&self, depth: Depth) -> Vec<(Fault, Vec<u64>)> {
        self.check(depth).await.findings.into_iter().map(|found| (found.fault, found.segments)).collect()
    }

    /// Checks, and repairs what was found.
    ///
    /// # Errors
    /// [`RepairError`].
    ///
    /// # Panics
    /// When anything fails: no test can go on then.
    pub async fn repair(&self, depth: Depth) -> Result<Repaired, RepairError> {
        let app = &self.installation.app;
        let deeds = app.vault.plan_repair(&self.check(depth).await, false)?;
        app.vault.repair(&app.access, deeds).await
    }

    /// The parts of the track.
    ///
    /// # Panics
    /// When anything fails: no test can go on then.
    pub async fn parts(&self) -> Vec<Part> {
        self.installation.parts_of(self.track()).await
    }

    /// The segments of the track, settled or not.
    ///
    /// # Panics
    /// When anything fails: no test can go on then.
    pub async fn segments(&self) -> Vec<Segment> {
        let track = self.track();
        let read = self
            .installation
            .app
            .database
            .read(move |tx| Box::pin(async move { segments::of_track(tx, track, 0, 1000).await }));
        let read: Result<Vec<Segment>, SqlError> = read.await;
        read.expect(WELL)
    }

    /// The file an object lies in.
    ///
    /// # Panics
    /// When anything fails: no test can go on then.
    pub fn file(&self, object: &str) -> PathBuf {
        self.installation.object_file(object)
    }

    /// What is told of the recording.
    ///
    /// # Panics
    /// When anything fails: no test can go on then.
    pub async fn read(&self) -> Value {
        // Sessions run out while a test waits.
        let admin = self.installation.person("admin").await;
        admin.get(&format!("/api/v1/recordings/{}", self.visit.recording)).await.ok()
    }

    /// What each of these segments answers in a play.
    ///
    /// # Panics
    /// When anything fails: no test can go on then.
    pub async fn play(&self, numbers: &[u64]) -> Vec<StatusCode> {
        let path = format!("/api/v1/recordings/{}/plays", self.visit.recording);
        // Sessions run out while a test waits.
        let admin = self.installation.person("admin").await;
        let play = admin.post(&path, json!({})).await.ok();
        let mut answers = Vec::new();
        for number in numbers {
            let play = play["id"].as_str().expect(WELL);
            let path = format!("/api/v1/plays/{play}/tracks/{}/segments/{number}", self.visit.track);
            answers.push(admin.get(&path).await.status);
        }
        answers
    }
}

/// Makes one byte of a file another; once more, and it is as it was.
///
/// # Panics
/// When it cannot.
pub fn flip(file: &Path, at: u64) {
    let written = std::fs::metadata(file).and_then(|found| found.modified()).expect(WELL);
    let mut bytes = std::fs::read(file).expect(WELL);
    bytes[usize::try_from(at).expect(WELL)] ^= 1;
    std::fs::write(file, bytes).expect(WELL);
    // What goes bad on a disk is dated as it was.
    let file = std::fs::File::options().write(true).open(file).expect(WELL);
    file.set_modified(written).expect(WELL);
}
