//! Erasing a recording, a track, a person, an organisation: what is gone, what stays, and every place where it may be cut
//! off.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use std::time::Duration;

use axum::http::StatusCode;
use clerestory_lifecycle::{SignedReceipt, Step, Target};
use clerestory_model::{KeyId, TrackId};
use clerestory_sql::{Lane, SqlError};
use clerestory_store::segments;
use clerestory_store::tracks;
use clerestory_testkit::visit::{Visit, snapshot};
use clerestory_testkit::{Caller, Installation};
use clerestory_vault::{BucketProfile, SegmentPlace};
use serde_json::{Value, json};

/// A recording of the scene.
struct Recorded {
    recording: String,
    track: String,
    key: KeyId,
    log: String,
}

/// An installation with a recording that will be erased, with a large segment that is an object of its own, and one that
/// stays; in a directory they lie in the same file of the ingest log.
struct Scene {
    installation: Installation,
    doomed: Recorded,
    object: String,
    stays: Recorded,
}

async fn record(installation: &Installation, site_key: &str) -> Recorded {
    let now_ms = installation.now().unix_millis() as i64;
    let recorder = installation.recorder("https://shop.example");
    let visit = Visit::start(recorder, site_key, now_ms).await;
    visit.send(0, &snapshot(now_ms, 4, "hello")).await.ok();
    let track: TrackId = visit.track.parse().unwrap();
    let sql = "SELECT t.key_id, s.object FROM tracks t JOIN segments s ON s.track_id = t.track_id
               WHERE t.track_id = $1";
    let found = installation.rows(sql, vec![track.into()]).await;
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
    let (stored, segment) = installation.store(&track, 1, sealed).await;
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
    Scene { installation, doomed, object, stays }
}

impl Scene {
    async fn admin(&self) -> Caller {
        self.installation.person("admin").await
    }

    async fn erase(&self, caller: &Caller) -> Value {
        let path = format!("/api/v1/recordings/{}/erasures", self.doomed.recording);
        let answer = caller.erase(&path, json!({ "reason": "asked for by letter" })).await;
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
        !self.installation.rows("SELECT 1 FROM key_rows WHERE key_id = $1", vec![key.into()]).await.is_empty()
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
        let left = self.installation.rows("SELECT 1 FROM segments WHERE track_id = $1", vec![track.into()]);
        assert!(left.await.is_empty());
        let differences = self.installation.app.replay_authority().await.unwrap();
        assert_eq!(differences, [], "rows of authority are as the log says");
    }
}

#[tokio::test]
async fn a_recording_is_erased_over_the_api_and_nothing_else_is() {
    let scene = scene().await;
    let admin = scene.admin().await;
    assert_eq!(scene.doomed.log, scene.stays.log);
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
async fn cut(installation: &Installation, step: Step) {
    installation.refuse("UPDATE ON erasures", &format!("NEW.step = {}", step as i64)).await;
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
        cut(&scene.installation, next).await;
        if step == Step::Shredded {
            scene.settle().await;
        }
        assert_eq!(scene.installation.carry_on_at(step).await, 0, "{step:?} to {next:?} is cut off");
    }
    let Scene { installation, doomed, object, stays } = scene;
    let scene = Scene { installation: installation.restarted().await, doomed, object, stays };
    if cut_next.is_some() {
        scene.installation.refuse_no_more().await;
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

/// Pins a key as a hold does, or takes the pin away.
async fn pin(installation: &Installation, key: KeyId, pins: bool) {
    let keys = std::sync::Arc::clone(installation.app.vault.keys());
    let write = installation.app.database.write(Lane::Interactive, move |tx| {
        Box::pin(async move { if pins { keys.pin(tx, key).await } else { keys.unpin(tx, key).await } })
    });
    write.await.unwrap();
}

#[tokio::test]
async fn a_hold_keeps_what_it_pins_whenever_it_comes() {
    let scene = scene().await;
    let admin = scene.admin().await;
    let path = format!("/api/v1/recordings/{}/erasures", scene.doomed.recording);
    pin(&scene.installation, scene.doomed.key, true).await;
    let refused = admin.erase(&path, json!({})).await;
    assert_eq!((refused.status, refused.problem()), (StatusCode::CONFLICT, "held"));
    assert_eq!(scene.plays(&scene.doomed).await, Ok(()), "nothing was erased");
    let log = admin.get("/api/v1/audit?action=recording.erase&outcome=failed").await.ok();
    assert_eq!(log["items"].as_array().unwrap().len(), 1, "and it is on record");

    pin(&scene.installation, scene.doomed.key, false).await;
    let asked = scene.erase(&admin).await;
    // A hold that comes while the erasure is on its way stops it before the key.
    pin(&scene.installation, scene.doomed.key, true).await;
    scene.installation.carry_erasures_on().await;
    let held = scene.erasure(&asked["id"]).await;
    assert_eq!(held["state"], "purge_queued");
    assert!(held["waits_for"].as_str().unwrap().contains("pinned by a hold"), "{held}");
    assert!(scene.key_is_there(scene.doomed.key).await);
    pin(&scene.installation, scene.doomed.key, false).await;
    scene.installation.carry_erasures_on().await;
    scene.settle().await;
    scene.installation.carry_erasures_on().await;
    scene.is_gone(&asked["id"]).await;
}

#[tokio::test]
async fn one_held_erasure_does_not_stop_the_others_of_its_batch() {
    let scene = scene().await;
    let admin = scene.admin().await;
    let first = scene.erase(&admin).await;
    let path = format!("/api/v1/recordings/{}/erasures", scene.stays.recording);
    let second = admin.erase(&path, json!({})).await.ok();
    pin(&scene.installation, scene.doomed.key, true).await;
    scene.installation.carry_erasures_on().await;
    assert_eq!(scene.erasure(&first["id"]).await["state"], "purge_queued");
    assert_ne!(scene.erasure(&second["id"]).await["state"], "purge_queued");
    assert!(!scene.key_is_there(scene.stays.key).await);
    assert!(scene.key_is_there(scene.doomed.key).await);
}

#[tokio::test]
async fn a_settled_recording_is_erased_with_its_parts_and_its_log() {
    let scene = scene().await;
    scene.settle().await;
    let track: TrackId = scene.doomed.track.parse().unwrap();
    let parts = scene.installation.rows("SELECT object FROM parts WHERE track_id = $1", vec![track.into()]);
    let part: String = parts.await[0].get(0).unwrap();
    let asked = scene.erase(&scene.admin().await).await;
    scene.installation.carry_erasures_on().await;
    let erasure = scene.erasure(&asked["id"]).await;
    assert_eq!(erasure["state"], "verified", "{erasure}");
    for object in [&part, &scene.object, &scene.doomed.log] {
        assert_eq!(scene.installation.app.vault.objects().traces(object).await.unwrap(), 0, "{object}");
    }
    assert_eq!(scene.plays(&scene.stays).await, Ok(()));
}

#[tokio::test]
async fn an_object_that_no_row_names_goes_with_its_track() {
    let scene = scene().await;
    let track: TrackId = scene.doomed.track.parse().unwrap();
    let asked = scene.erase(&scene.admin().await).await;
    // As an upload leaves it whose row was refused because the erasure had begun.
    let orphan = format!("{}-00000000000000ff", scene.object.rsplit_once('-').unwrap().0);
    scene.installation.app.vault.objects().put(&orphan, vec![1, 2, 3]).await.unwrap();
    scene.settle().await;
    scene.installation.carry_erasures_on().await;
    assert_eq!(scene.erasure(&asked["id"]).await["state"], "verified");
    assert_eq!(scene.installation.app.vault.objects().traces(&orphan).await.unwrap(), 0, "{track}");
}

#[tokio::test]
async fn the_check_finds_what_is_left_and_the_erasure_is_done_again() {
    let scene = scene().await;
    let asked = scene.erase(&scene.admin().await).await;
    for step in [Step::Asked, Step::Laid, Step::Outside] {
        assert_eq!(scene.installation.carry_on_at(step).await, 1);
    }
    scene.settle().await;
    assert_eq!(scene.installation.carry_on_at(Step::Shredded).await, 1);
    scene.installation.app.vault.objects().put(&scene.object, vec![1]).await.unwrap();
    assert_eq!(scene.installation.carry_on_at(Step::Removed).await, 0);
    let told = scene.erasure(&asked["id"]).await;
    assert!(told["waits_for"].as_str().unwrap().contains(&scene.object), "{told}");
    scene.installation.wait(Duration::from_secs(60));
    scene.installation.carry_erasures_on().await;
    scene.is_gone(&asked["id"]).await;
}

#[tokio::test]
async fn one_track_is_erased_and_the_others_of_the_recording_play_on() {
    let installation = Installation::new().await;
    let admin = installation.person("admin").await;
    let site = installation.site(&admin).await;
    let now_ms = installation.now().unix_millis() as i64;
    let key = site["site_key"].as_str().unwrap();
    let recorder = installation.recorder("https://shop.example");
    let first = Visit::start(recorder.clone(), key, now_ms).await;
    first.send(0, &snapshot(now_ms, 2, "one")).await.ok();
    let writer = "0190a5e2-0000-7000-8000-000000000002";
    let second = Visit::start_as(recorder, key, now_ms, writer, Some(&first.token)).await;
    second.send(0, &snapshot(now_ms, 2, "two")).await.ok();
    assert_eq!(first.recording, second.recording);
    let path = format!("/api/v1/recordings/{}/erasures", first.recording);
    let foreign = admin.erase(&path, json!({ "track": "trk_0190a5e2000070008000000000000001" })).await;
    assert_eq!(foreign.status, StatusCode::NOT_FOUND);
    let asked = admin.erase(&path, json!({ "track": first.track })).await.ok();
    assert_eq!(asked["kind"], "track");
    let late = first.send(1, &snapshot(now_ms, 2, "three")).await;
    assert_eq!(late.status, StatusCode::GONE, "it takes no more");
    second.send(1, &snapshot(now_ms, 2, "four")).await.ok();
    installation.carry_erasures_on().await;
    installation.app.settle_now().await.unwrap();
    installation.carry_erasures_on().await;
    let done = admin.get(&format!("/api/v1/erasures/{}", asked["id"].as_str().unwrap())).await.ok();
    assert_eq!(done["state"], "verified", "{done}");
    let facts = admin.get(&format!("/api/v1/recordings/{}", first.recording)).await.ok();
    assert_eq!((&facts["state"], &facts["summary"]), (&json!("capturing"), &Value::Null));
    let begun = admin.post(&format!("/api/v1/recordings/{}/plays", first.recording), json!({})).await.ok();
    let play = begun["id"].as_str().unwrap();
    let segment = |track: &str| format!("/api/v1/plays/{play}/tracks/{track}/segments/0");
    assert_eq!(admin.get(&segment(&first.track)).await.status, StatusCode::GONE);
    admin.get(&segment(&second.track)).await.ok();
    // The summary is made anew of what comes, under a key of its own.
    second.send(2, &snapshot(now_ms, 2, "five")).await.ok();
    let facts = admin.get(&format!("/api/v1/recordings/{}", first.recording)).await.ok();
    assert_eq!(facts["summary"]["url"], "https://shop.example/");
}

#[tokio::test]
async fn erasing_a_person_ends_their_account_and_the_last_administrator_stays() {
    let scene = scene().await;
    let admin = scene.admin().await;
    let member = scene.installation.person("member").await;
    let sql = "SELECT subject_id, person_id, role FROM people WHERE organisation_id = $1 ORDER BY role";
    let people = scene.installation.rows(sql, vec![scene.installation.organisation.into()]).await;
    let subject = |role: &str| {
        let row = people.iter().find(|row| row.get::<String>(2).unwrap() == role).unwrap();
        row.get::<clerestory_model::SubjectId>(0).unwrap()
    };
    let erase = |id: String| {
        let admin = admin.clone();
        async move { admin.erase(&format!("/api/v1/subjects/{id}/erasures"), json!({})).await }
    };
    let last = json!({ "target": { "subject": subject("admin").to_string() }, "reason": "they left" });
    let last = admin.erase("/api/v1/erasures/proposals", last).await;
    assert_eq!((last.status, last.problem()), (StatusCode::CONFLICT, "last-admin"));
    let alone = erase(subject("member").to_string()).await;
    assert_eq!((alone.status, alone.problem()), (StatusCode::CONFLICT, "second-person-required"));
    let target = Target::Subject(subject("member"));
    let asked = scene.installation.erase_at_command(scene.installation.organisation, target).await;
    let asked = json!({ "id": asked.id.to_string() });
    assert_eq!(member.get("/api/v1/session").await.status, StatusCode::UNAUTHORIZED);
    scene.installation.carry_erasures_on().await;
    let done = scene.erasure(&asked["id"]).await;
    assert_eq!((&done["state"], &done["kind"]), (&json!("verified"), &json!("subject")), "{done}");
    let again = scene.installation.anonymous();
    let password = json!({ "email": "member@example.org", "password": "high windows, all lit" });
    assert_eq!(again.post("/api/v1/session", password).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(scene.installation.app.replay_authority().await.unwrap(), []);

    // A visitor goes with every recording about them.
    let facts = admin.get(&format!("/api/v1/recordings/{}", scene.doomed.recording)).await.ok();
    let visitor = facts["subject"]["id"].as_str().unwrap().to_owned();
    let asked = erase(visitor).await.ok();
    assert_eq!(scene.plays(&scene.doomed).await, Err("erased".to_owned()));
    scene.installation.carry_erasures_on().await;
    scene.settle().await;
    scene.installation.carry_erasures_on().await;
    let done = scene.erasure(&asked["id"]).await;
    assert_eq!(done["state"], "verified", "{done}");
    assert!(!scene.key_is_there(scene.doomed.key).await);
    assert_eq!(scene.plays(&scene.stays).await, Ok(()));
}

#[tokio::test]
async fn erasing_an_organisation_leaves_its_log_and_the_other_organisation() {
    let scene = scene().await;
    let admin = scene.admin().await;
    let stranger = scene.installation.person("stranger").await;
    let organisation = scene.installation.organisation;
    let mistyped = json!({ "organisation": scene.installation.other.to_string() });
    let mistyped = json!({ "target": mistyped, "reason": "the contract ended" });
    assert_eq!(
        admin.erase("/api/v1/erasures/proposals", mistyped).await.status,
        StatusCode::UNPROCESSABLE_ENTITY
    );
    let asked = scene.installation.erase_at_command(organisation, Target::Organisation).await;
    assert_eq!(admin.get("/api/v1/session").await.status, StatusCode::UNAUTHORIZED);
    let start =
        json!({ "site_key": "any", "writer": "0190a5e2-0000-7000-8000-000000000001", "client_time_ms": 0 });
    let recorder = scene.installation.recorder("https://shop.example");
    assert!(!recorder.post("/api/v1/capture/start", start).await.status.is_success());
    scene.installation.carry_erasures_on().await;
    scene.settle().await;
    scene.installation.carry_erasures_on().await;
    let sql = "SELECT step, receipt FROM erasures WHERE organisation_id = $1";
    let row = &scene.installation.rows(sql, vec![organisation.into()]).await[0];
    assert_eq!(row.get::<i64>(0).unwrap(), Step::Verified as i64);
    let receipt: SignedReceipt = serde_json::from_str(&row.get::<String>(1).unwrap()).unwrap();
    let receipt = receipt.verify().unwrap();
    assert_eq!((receipt.kind.as_str(), receipt.tracks), ("organisation", 2));
    assert_eq!(receipt.erasure, asked.id);
    let left = scene
        .installation
        .rows("SELECT DISTINCT purpose FROM key_rows WHERE organisation = $1", vec![organisation.into()])
        .await;
    let left: Vec<i64> = left.iter().map(|row| row.get(0).unwrap()).collect();
    assert_eq!(left, [clerestory_keys::Purpose::AuditMonth as i64], "the log outlives what it is about");
    assert_eq!(scene.installation.app.replay_authority().await.unwrap(), []);
    stranger.get("/api/v1/recordings").await.ok();
    stranger.get("/api/v1/session").await.ok();
}

#[tokio::test]
async fn a_recording_is_erased_out_of_a_bucket() {
    let scene = scene_of(Installation::on_bucket().await).await;
    let asked = scene.erase(&scene.admin().await).await;
    scene.installation.carry_erasures_on().await;
    scene.settle().await;
    scene.installation.carry_erasures_on().await;
    scene.is_gone(&asked["id"]).await;
    let erasure = scene.erasure(&asked["id"]).await;
    let receipt = serde_json::from_value::<SignedReceipt>(erasure["receipt"].clone()).unwrap();
    assert_eq!(receipt.verify().unwrap().deleted_objects_kept_until, None, "every version is deleted");
}

#[tokio::test]
async fn a_receipt_names_the_day_on_which_the_store_gives_up_what_was_deleted() {
    let s3 = clerestory_testkit::bucket::LocalS3::start();
    let installation = Installation::kept(None, |_, places| {
        let bucket = clerestory_testkit::bucket::profile(s3.address(), "kept");
        places.bucket = Some(BucketProfile { kept_days: Some(30), ..bucket });
    });
    let scene = scene_of(installation.await).await;
    let asked = scene.erase(&scene.admin().await).await;
    scene.installation.carry_erasures_on().await;
    scene.settle().await;
    scene.installation.carry_erasures_on().await;
    let erasure = scene.erasure(&asked["id"]).await;
    let receipt = serde_json::from_value::<SignedReceipt>(erasure["receipt"].clone()).unwrap();
    let until = receipt.verify().unwrap().deleted_objects_kept_until;
    assert_eq!(until.unwrap().get(..10), Some("2026-12-22"), "thirty days from the day it was removed");
}

#[tokio::test]
async fn what_one_node_is_asked_for_two_carry_on_together() {
    let server = clerestory_testkit::postgres::AnyServer::get().await;
    let database = clerestory_testkit::postgres::new_schema(server.address()).await;
    let scene = scene_of(Installation::over(Some(database)).await).await;
    let other = scene.installation.another_node().await;
    let watching = other.person("admin").await;
    let path = format!("/api/v1/recordings/{}/plays", scene.doomed.recording);
    let begun = watching.post(&path, json!({})).await.ok();
    let segment =
        format!("/api/v1/plays/{}/tracks/{}/segments/0", begun["id"].as_str().unwrap(), scene.doomed.track);
    watching.get(&segment).await.ok();
    let asked = scene.erase(&scene.admin().await).await;
    assert_eq!(watching.get(&segment).await.status, StatusCode::GONE, "at the other node too");
    for _ in 0..12 {
        let (here, there) = tokio::join!(scene.installation.app.lifecycle.work(), other.app.lifecycle.work());
        assert!(here.is_ok() && there.is_ok(), "{here:?} {there:?}");
        scene.installation.wait(Duration::from_secs(3));
        scene.settle().await;
    }
    scene.is_gone(&asked["id"]).await;
}
