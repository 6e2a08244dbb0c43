//! Erasing a recording, a track, a person, an organisation: what is gone, what stays, and every place where it may be cut
//! off.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use std::time::Duration;

use axum::http::StatusCode;
use clerestory_lifecycle::{SignedReceipt, Step};
use clerestory_model::{KeyId, TrackId};
use clerestory_sql::{Lane, Row, SqlError, Value as Sql};
use clerestory_store::segments::{self, ContentType, Segment};
use clerestory_store::tracks;
use clerestory_testkit::visit::{Visit, snapshot};
use clerestory_testkit::{Caller, Installation};
use clerestory_vault::SegmentPlace;
use serde_json::{Value, json};

/// A recording of the scene.
struct Recorded {
    recording: String,
    track: String,
    key: KeyId,
    log: String,
}

/// An installation with a recording that will be erased, with a large segment that is an object of its own, and one that
/// stays, in the same file of the ingest log.
struct Scene {
    installation: Installation,
    doomed: Recorded,
    object: String,
    stays: Recorded,
}

async fn rows(installation: &Installation, sql: &'static str, values: Vec<Sql>) -> Vec<Row> {
    let read =
        installation.app.database.read(move |tx| Box::pin(async move { tx.query(sql, &values).await }));
    let rows: Result<_, SqlError> = read.await;
    rows.unwrap()
}

async fn execute(installation: &Installation, sql: String) {
    let write = installation
        .app
        .database
        .write(Lane::Interactive, move |tx| Box::pin(async move { tx.execute(&sql, &[]).await }));
    let done: Result<u64, SqlError> = write.await;
    done.unwrap();
}

async fn record(installation: &Installation, site_key: &str) -> Recorded {
    let now_ms = installation.now().unix_millis() as i64;
    let recorder = installation.recorder("https://shop.example");
    let visit = Visit::start(recorder, site_key, now_ms).await;
    visit.send(0, &snapshot(now_ms, 4, "hello")).await.ok();
    let track: TrackId = visit.track.parse().unwrap();
    let sql = "SELECT t.key_id, s.object FROM tracks t JOIN segments s ON s.track_id = t.track_id
               WHERE t.track_id = $1";
    let found = rows(installation, sql, vec![track.into()]).await;
    Recorded {
        recording: visit.recording,
        track: visit.track,
        key: found[0].get(0).unwrap(),
        log: found[0].get(1).unwrap(),
    }
}

/// Adds a segment that is an object of its own.
async fn add_large(installation: &Installation, recorded: &Recorded) -> String {
    let id: TrackId = recorded.track.parse().unwrap();
    let track = installation.app.database.read(move |tx| Box::pin(async move { tracks::find(tx, id).await }));
    let track: Result<_, SqlError> = track.await;
    let track = track.unwrap().unwrap();
    let vault = &installation.app.vault;
    let sealer = vault.segment_sealer(SegmentPlace::of(&track, 1)).await.unwrap();
    let plain: Vec<u8> = (0..1_500_000_u32).map(|at| (at * 31 % 251) as u8).collect();
    let sealed = sealer.seal(b"sent", &plain);
    let (header, sha256, content_mac) = (sealed.header, sealed.sha256, sealed.content_mac);
    let stored = vault.store_segment(sealed).await.unwrap();
    let segment = Segment {
        track: track.id,
        sequence: 1,
        start_us: 10,
        duration_us: 0,
        keyframe: false,
        content_type: ContentType::Rrweb,
        policy_version: 1,
        extent: stored.extent().clone(),
        header,
        sha256,
        content_mac,
        sent_bytes: 4,
        received_at: installation.now(),
    };
    let write = installation
        .app
        .database
        .write(Lane::Intake, move |tx| Box::pin(async move { segments::insert(tx, &segment).await }));
    let written: Result<(), SqlError> = write.await;
    written.unwrap();
    stored.extent().object.clone()
}

async fn scene() -> Scene {
    scene_of(Installation::new().await).await
}

async fn scene_of(installation: Installation) -> Scene {
    let admin = installation.person("admin").await;
    let site = installation.site(&admin).await;
    let site_key = site["site_key"].as_str().unwrap();
    let doomed = record(&installation, site_key).await;
    let object = add_large(&installation, &doomed).await;
    let stays = record(&installation, site_key).await;
    assert_eq!(doomed.log, stays.log);
    Scene { installation, doomed, object, stays }
}

impl Scene {
    async fn admin(&self) -> Caller {
        self.installation.person("admin").await
    }

    async fn erase(&self, caller: &Caller) -> Value {
        let path = format!("/api/v1/recordings/{}/erasures", self.doomed.recording);
        let answer = caller.post(&path, json!({ "reason": "asked for by letter" })).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.json);
        answer.json
    }

    /// What lies in the ingest log moves out of it.
    async fn settle(&self) {
        self.installation.app.settle_now().await.unwrap();
    }

    async fn erasure(&self, id: &Value) -> Value {
        let admin = self.admin().await;
        admin.get(&format!("/api/v1/erasures/{}", id.as_str().unwrap())).await.ok()
    }

    async fn plays(&self, recorded: &Recorded) -> Result<(), String> {
        let admin = self.admin().await;
        let begun = admin.post(&format!("/api/v1/recordings/{}/plays", recorded.recording), json!({})).await;
        if !begun.status.is_success() {
            return Err(begun.problem().to_owned());
        }
        let play = begun.json["id"].as_str().unwrap();
        let segment = admin.get(&format!("/api/v1/plays/{play}/tracks/{}/segments/0", recorded.track)).await;
        if !segment.status.is_success() {
            return Err(segment.problem().to_owned());
        }
        Ok(())
    }

    async fn key_is_there(&self, key: KeyId) -> bool {
        !rows(&self.installation, "SELECT 1 FROM key_rows WHERE key_id = $1", vec![key.into()])
            .await
            .is_empty()
    }

    /// What must be so when the erasure of the doomed recording is verified.
    async fn is_gone(&self, id: &Value) {
        let erasure = self.erasure(id).await;
        assert_eq!(erasure["state"], "verified", "{erasure}");
        assert_eq!(erasure["waits_for"], Value::Null);
        let receipt = serde_json::from_value::<SignedReceipt>(erasure["receipt"].clone()).unwrap();
        let receipt = receipt.verify().expect("a receipt that its own key signed");
        assert_eq!(receipt.target, self.doomed.recording);
        assert_eq!((receipt.keys.len(), receipt.tracks, receipt.objects), (2, 1, 2));
        assert!(receipt.keys.contains(&self.doomed.key));
        assert_eq!(receipt.assurance, "one-disk");
        assert!(!self.key_is_there(self.doomed.key).await);
        for object in [&self.object, &self.doomed.log] {
            assert_eq!(self.installation.app.vault.objects().traces(object).await.unwrap(), 0);
        }
        assert_eq!(self.plays(&self.doomed).await, Err("erased".to_owned()));
        assert_eq!(self.plays(&self.stays).await, Ok(()));
        let track: TrackId = self.doomed.track.parse().unwrap();
        let left = rows(&self.installation, "SELECT 1 FROM segments WHERE track_id = $1", vec![track.into()]);
        assert!(left.await.is_empty());
        let differences = self.installation.app.replay_authority().await.unwrap();
        assert_eq!(differences, [], "rows of authority are as the log says");
    }
}

#[tokio::test]
async fn a_recording_is_erased_over_the_api_and_nothing_else_is() {
    let scene = scene().await;
    let admin = scene.admin().await;
    let listed = admin.get("/api/v1/recordings").await.ok();
    assert_eq!(listed["items"].as_array().unwrap().len(), 2);
    let begun =
        admin.post(&format!("/api/v1/recordings/{}/plays", scene.doomed.recording), json!({})).await.ok();
    let running =
        format!("/api/v1/plays/{}/tracks/{}/segments/0", begun["id"].as_str().unwrap(), scene.doomed.track);
    admin.get(&running).await.ok();

    let asked = scene.erase(&admin).await;
    assert_eq!((&asked["state"], &asked["kind"]), (&json!("purge_queued"), &json!("recording")));
    assert_eq!(admin.get(&running).await.status, StatusCode::GONE, "at once, in plays that run");
    assert_eq!(scene.plays(&scene.doomed).await, Err("erased".to_owned()));
    let listed = admin.get("/api/v1/recordings").await.ok();
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
    let queued = admin.get("/api/v1/recordings?state=purge_queued").await.ok();
    assert_eq!(queued["items"][0]["id"], scene.doomed.recording);
    assert_eq!(scene.erase(&admin).await["id"], asked["id"], "asking again gives the same erasure");

    // Not before the leases have run out.
    scene.installation.app.lifecycle.work().await.unwrap();
    assert!(scene.key_is_there(scene.doomed.key).await);
    scene.installation.carry_erasures_on().await;
    assert!(!scene.key_is_there(scene.doomed.key).await);
    let shredded = scene.erasure(&asked["id"]).await;
    assert_eq!(shredded["state"], "shredded", "{shredded}");
    assert!(shredded["waits_for"].as_str().unwrap().contains("ingest log"), "{shredded}");
    let facts = admin.get(&format!("/api/v1/recordings/{}", scene.doomed.recording)).await.ok();
    assert_eq!((&facts["state"], &facts["summary"]), (&json!("shredded"), &Value::Null));
    assert_eq!(facts["tracks"][0]["gaps"][0]["reason"], "erased");

    scene.settle().await;
    scene.installation.carry_erasures_on().await;
    scene.is_gone(&asked["id"]).await;
    let log = admin.get("/api/v1/audit?limit=100").await.ok();
    let told: Vec<&str> =
        log["items"].as_array().unwrap().iter().map(|item| item["action"].as_str().unwrap()).collect();
    for action in ["recording.erase", "maintain.erase", "erasure.verified"] {
        assert!(told.contains(&action), "{told:?}");
    }
    let ask =
        log["items"].as_array().unwrap().iter().find(|item| item["action"] == "recording.erase").unwrap();
    assert_eq!(ask["reason"], "asked for by letter");

    // The second line of the receipt, when the epochs of that day are gone.
    for _ in 0..9 {
        scene.installation.wait(Duration::from_secs(24 * 3600));
        scene.installation.app.vault.keys().roll_over().await.unwrap();
    }
    scene.installation.app.lifecycle.work().await.unwrap();
    let closed = scene.erasure(&asked["id"]).await;
    let receipt = serde_json::from_value::<SignedReceipt>(closed["receipt"].clone()).unwrap();
    let since = receipt.verify().unwrap().unreadable_in_every_copy_since;
    assert_eq!(since.as_deref(), closed["unreadable_in_every_copy_since"].as_str());
    assert!(since.is_some());
}

/// Lets every move of an erasure to this step fail from now on, as if the process had ended just before its commit.
async fn cut(installation: &Installation, step: Option<Step>) {
    let postgres = installation.app.places.postgres.is_some();
    let statements = match (step, postgres) {
        (Some(step), false) => vec![format!(
            "CREATE TRIGGER cut BEFORE UPDATE ON erasures WHEN NEW.step = {} BEGIN SELECT RAISE(ABORT, 'cut'); END",
            step as i64
        )],
        (Some(step), true) => vec![
            "CREATE OR REPLACE FUNCTION cut() RETURNS trigger LANGUAGE plpgsql AS
             'BEGIN RAISE EXCEPTION USING message = ''cut''; END'"
                .to_owned(),
            format!(
                "CREATE TRIGGER cut BEFORE UPDATE ON erasures FOR EACH ROW WHEN (NEW.step = {})
                 EXECUTE FUNCTION cut()",
                step as i64
            ),
        ],
        (None, false) => vec!["DROP TRIGGER cut".to_owned()],
        (None, true) => vec!["DROP FUNCTION cut CASCADE".to_owned()],
    };
    for statement in statements {
        execute(installation, statement).await;
    }
}

const STEPS: [Step; 6] =
    [Step::Asked, Step::Laid, Step::Outside, Step::Shredded, Step::Removed, Step::Verified];

async fn stops_after(step: Step, cut_next: Option<Step>) {
    let scene = scene().await;
    let asked = scene.erase(&scene.admin().await).await;
    for before in STEPS.into_iter().take_while(|before| *before < step) {
        if before == Step::Shredded {
            scene.settle().await;
        }
        assert_eq!(scene.installation.carry_on_at(before).await, 1, "{before:?}");
    }
    if let Some(next) = cut_next {
        cut(&scene.installation, Some(next)).await;
        if step == Step::Shredded {
            scene.settle().await;
        }
        assert_eq!(scene.installation.carry_on_at(step).await, 0, "{step:?} to {next:?} is cut off");
    }
    let Scene { installation, doomed, object, stays } = scene;
    let scene = Scene { installation: installation.restarted().await, doomed, object, stays };
    if cut_next.is_some() {
        cut(&scene.installation, None).await;
    }
    assert_eq!(scene.plays(&scene.doomed).await, Err("erased".to_owned()), "after {step:?}");
    assert_eq!(scene.plays(&scene.stays).await, Ok(()), "after {step:?}");
    scene.settle().await;
    scene.installation.carry_erasures_on().await;
    scene.is_gone(&asked["id"]).await;
}

#[tokio::test]
async fn an_erasure_that_is_stopped_between_two_steps_goes_on_after_a_restart() {
    for step in STEPS {
        stops_after(step, None).await;
    }
}

#[tokio::test]
async fn an_erasure_that_is_cut_off_within_a_step_goes_on_after_a_restart() {
    for pair in STEPS.windows(2) {
        stops_after(pair[0], Some(pair[1])).await;
    }
}
