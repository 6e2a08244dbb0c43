//! Restoring a copy of the database: what came back, what went, what never goes back in time.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use std::collections::BTreeMap;
use std::time::Duration;

use axum::http::StatusCode;
use clerestory::{App, CopyError};
use clerestory_keys::{KeyError, Protection};
use clerestory_lifecycle::{Course, InstanceError, RestoreError, TABLES, Target};
use clerestory_sql::SqlError;
use clerestory_testkit::visit::{Visit, snapshot};
use clerestory_testkit::{Caller, Installation};
use serde_json::{Value, json};

async fn record(installation: &Installation, site_key: &str) -> Visit {
    let now_ms = installation.now().unix_millis() as i64;
    let visit = Visit::start(installation.recorder("https://shop.example"), site_key, now_ms).await;
    visit.send(0, &snapshot(now_ms, 4, "hello")).await.ok();
    visit
}

/// A visit without its recorder, which would hold the parts of the installation, its open log among them.
struct Told {
    recording: String,
    track: String,
}

fn told(visit: &Visit) -> Told {
    Told { recording: visit.recording.clone(), track: visit.track.clone() }
}

async fn plays(admin: &Caller, visit: &Told, number: u64) -> StatusCode {
    let begun = admin.post(&format!("/api/v1/recordings/{}/plays", visit.recording), json!({})).await;
    if !begun.status.is_success() {
        return begun.status;
    }
    let play = begun.json["id"].as_str().unwrap();
    admin.get(&format!("/api/v1/plays/{play}/tracks/{}/segments/{number}", visit.track)).await.status
}

async fn erase(installation: &Installation, visit: &Told, asked: Value) -> Value {
    let admin = installation.person("admin").await;
    let path = format!("/api/v1/recordings/{}/erasures", visit.recording);
    let asked = admin.erase(&path, asked).await.ok();
    installation.carry_erasures_on().await;
    installation.app.settle_now().await.unwrap();
    installation.carry_erasures_on().await;
    let done = admin.get(&format!("/api/v1/erasures/{}", asked["id"].as_str().unwrap())).await.ok();
    assert_eq!(done["state"], "verified", "{done}");
    done
}

#[tokio::test]
async fn every_table_has_its_course_and_no_foreign_key_crosses() {
    let installation = Installation::new().await;
    let read = installation.app.database.read(|tx| {
        Box::pin(async move {
            let mut found = BTreeMap::new();
            for table in tx.tables().await? {
                found.insert(table.clone(), tx.references(&table).await?);
            }
            Ok(found)
        })
    });
    let found: Result<BTreeMap<String, Vec<String>>, SqlError> = read.await;
    let found = found.unwrap();
    let course: BTreeMap<&str, Course> = TABLES.iter().copied().collect();
    let names: Vec<&str> = found.keys().map(String::as_str).collect();
    assert_eq!(names, course.keys().copied().collect::<Vec<_>>(), "say in TABLES what a restore does to it");
    let mut seen = 0;
    for (table, references) in &found {
        for to in references {
            let (from, to_course) = (course[table.as_str()], course[to.as_str()]);
            assert_eq!(from.goes_back(), to_course.goes_back(), "{table} refers to {to}");
            seen += 1;
        }
    }
    assert!(seen >= 8, "{seen} foreign keys: the schema was not read");
}

#[tokio::test]
async fn what_was_deleted_comes_back_and_what_was_erased_does_not() {
    let installation = Installation::new().await;
    let admin = installation.person("admin").await;
    let site = installation.site(&admin).await;
    let key = site["site_key"].as_str().unwrap();
    let sending = record(&installation, key).await;
    let kept = told(&sending);
    let lost = told(&record(&installation, key).await);
    let doomed = told(&record(&installation, key).await);
    let cut = record(&installation, key).await;
    installation.wait(Duration::from_secs(30));
    let at = installation.now().unix_millis() as i64;
    cut.send(1, &snapshot(at, 2, "later")).await.ok();
    let cut = told(&cut);
    let copy = installation.copy_of_database().await;

    // What happens after the copy.
    installation.wait(Duration::from_secs(3600));
    sending.send(1, &snapshot(installation.now().unix_millis() as i64, 2, "more")).await;
    let later = told(&record(&installation, key).await);
    erase(&installation, &doomed, json!({})).await;
    erase(&installation, &cut, json!({ "range": { "from_us": 0, "to_us": 1_000_000 } })).await;
    installation.app.settle_now().await.unwrap();
    // Somebody deletes a recording's rows by mistake; its objects and key are still there.
    let track = lost.track.parse::<clerestory_model::TrackId>().unwrap();
    let hex = hex::encode(track.as_bytes());
    let literal = match installation.app.places.postgres {
        Some(_) => format!("'\\x{hex}'::bytea"),
        None => format!("x'{hex}'"),
    };
    for table in ["segments", "gaps", "parts", "part_claims"] {
        installation.execute(format!("DELETE FROM {table} WHERE track_id = {literal}"), Vec::new()).await;
    }
    installation.execute(format!("DELETE FROM tracks WHERE track_id = {literal}"), Vec::new()).await;
    let before = installation.rows("SELECT count(*) FROM audit_entries", Vec::new()).await;
    let before: i64 = before[0].get(0).unwrap();

    let (installation, restored) = installation.restored_from(&copy).await;
    let restored = restored.unwrap();
    assert_eq!((restored.removed_recordings, restored.returned_recordings), (1, 0));
    assert_eq!((restored.generation, restored.keys_destroyed_again), (2, 0));
    let installation = installation.restarted().await;
    let admin = installation.person("admin").await;
    assert_eq!(plays(&admin, &kept, 0).await, StatusCode::OK);
    assert_eq!(plays(&admin, &doomed, 0).await, StatusCode::GONE, "it stays erased");
    assert_eq!(plays(&admin, &cut, 0).await, StatusCode::GONE, "its part stays erased");
    assert_eq!(plays(&admin, &cut, 1).await, StatusCode::OK, "and the rest plays, sealed anew since");
    assert_eq!(plays(&admin, &later, 0).await, StatusCode::NOT_FOUND, "it came after the copy");
    let facts = admin.get(&format!("/api/v1/recordings/{}", doomed.recording)).await.ok();
    assert_eq!((&facts["state"], &facts["summary"]), (&json!("verified"), &Value::Null));
    let facts = admin.get(&format!("/api/v1/recordings/{}", lost.recording)).await.ok();
    assert_eq!(facts["tracks"].as_array().unwrap().len(), 1, "the track is back");
    assert_eq!(facts["tracks"][0]["segments"].as_array().unwrap().len(), 1);

    // The log went on, and says what happened; authority is as the log says; erasures are still told of.
    let after = installation.rows("SELECT count(*) FROM audit_entries", Vec::new()).await;
    assert!(after[0].get::<i64>(0).unwrap() > before);
    let told = "SELECT count(*) FROM audit_entries WHERE action = 'installation.restored'";
    assert_eq!(installation.rows(told, Vec::new()).await[0].get::<i64>(0).unwrap(), 1);
    assert_eq!(installation.app.replay_authority().await.unwrap(), []);
    assert_eq!(admin.get("/api/v1/audit/verify").await.ok()["intact"], true);
    assert_eq!(admin.get("/api/v1/erasures").await.ok()["items"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn an_erasure_that_was_on_its_way_goes_on_after_a_restore() {
    let installation = Installation::new().await;
    let admin = installation.person("admin").await;
    let site = installation.site(&admin).await;
    let doomed = told(&record(&installation, site["site_key"].as_str().unwrap()).await);
    let copy = installation.copy_of_database().await;
    let path = format!("/api/v1/recordings/{}/erasures", doomed.recording);
    let asked = admin.erase(&path, json!({})).await.ok();
    // Whoever is signed in holds the parts of the installation, its open log among them.
    drop(admin);
    assert_eq!(installation.carry_on_at(clerestory_lifecycle::Step::Asked).await, 1);
    let (installation, restored) = installation.restored_from(&copy).await;
    restored.unwrap();
    let installation = installation.restarted().await;
    let admin = installation.person("admin").await;
    assert_eq!(plays(&admin, &doomed, 0).await, StatusCode::GONE);
    installation.carry_erasures_on().await;
    installation.app.settle_now().await.unwrap();
    installation.carry_erasures_on().await;
    let done = admin.get(&format!("/api/v1/erasures/{}", asked["id"].as_str().unwrap())).await.ok();
    assert_eq!(done["state"], "verified", "{done}");
}

#[tokio::test]
async fn a_restore_that_is_cut_off_leaves_the_installation_closed_and_is_run_again() {
    let installation = Installation::new().await;
    let admin = installation.person("admin").await;
    let site = installation.site(&admin).await;
    let kept = told(&record(&installation, site["site_key"].as_str().unwrap()).await);
    let copy = installation.copy_of_database().await;
    let cut = match installation.app.places.postgres {
        None => vec![
            "CREATE TRIGGER cut BEFORE UPDATE ON instance WHEN NEW.generation = 2
             BEGIN SELECT RAISE(ABORT, 'cut'); END",
        ],
        Some(_) => vec![
            "CREATE OR REPLACE FUNCTION cut() RETURNS trigger LANGUAGE plpgsql AS
             'BEGIN RAISE EXCEPTION USING message = ''cut''; END'",
            "CREATE TRIGGER cut BEFORE UPDATE ON instance FOR EACH ROW WHEN (NEW.generation = 2)
             EXECUTE FUNCTION cut()",
        ],
    };
    for statement in cut {
        installation.execute(statement, Vec::new()).await;
    }
    let (installation, restored) = installation.restored_from(&copy).await;
    assert!(matches!(restored, Err(CopyError::Restore(RestoreError::Sql(_)))), "{restored:?}");
    installation.wait(Duration::from_secs(6));
    assert_eq!(admin.get("/api/v1/recordings").await.status, StatusCode::SERVICE_UNAVAILABLE);
    let places = installation.app.places.clone();
    let root = places.open(&Protection::Plain).unwrap();
    let refused = App::build(places, root, installation.app.clock.clone()).await.err().unwrap();
    assert!(matches!(refused, clerestory::AppError::Keys(KeyError::Closed)), "{refused:?}");
    installation
        .execute(
            match installation.app.places.postgres {
                None => "DROP TRIGGER cut",
                Some(_) => "DROP FUNCTION cut CASCADE",
            },
            Vec::new(),
        )
        .await;
    let (installation, restored) = installation.restored_from(&copy).await;
    assert_eq!(restored.unwrap().generation, 2);
    let installation = installation.restarted().await;
    assert_eq!(plays(&installation.person("admin").await, &kept, 0).await, StatusCode::OK);
}

#[tokio::test]
async fn a_copy_of_another_history_is_refused_before_anything_is_touched() {
    let installation = Installation::new().await;
    let other = Installation::new().await;
    let foreign = other.copy_of_database().await;
    let (installation, refused) = installation.restored_from(&foreign).await;
    let refused = refused.unwrap_err();
    assert!(
        matches!(refused, CopyError::Restore(RestoreError::NotOurs { .. } | RestoreError::Newer { .. })),
        "{refused:?}"
    );
    let admin = installation.person("admin").await;
    admin.get("/api/v1/recordings").await.ok();
    // A copy that is newer than the database is the one to keep.
    admin.get("/api/v1/sites").await.ok();
    let newer = installation.copy_of_database().await;
    let sql = "DELETE FROM audit_entries WHERE number = (SELECT max(number) FROM audit_entries e
                   WHERE e.organisation_id = audit_entries.organisation_id) AND action = 'site.list'";
    installation.execute(sql, Vec::new()).await;
    let (_installation, refused) = installation.restored_from(&newer).await;
    assert!(matches!(refused, Err(CopyError::Restore(RestoreError::BrokenChain { .. }))), "{refused:?}");
}

#[tokio::test]
async fn who_has_a_superseded_database_is_told() {
    let installation = Installation::new().await;
    assert_eq!(
        installation.rows("SELECT generation FROM instance", Vec::new()).await[0].get::<i64>(0).unwrap(),
        1
    );
    // Another copy of this installation was restored over the same objects.
    assert!(installation.app.vault.claim_generation(2, [7; 16]).await.unwrap());
    let refused = installation.app.lifecycle.claim_instance().await;
    assert!(matches!(refused, Err(InstanceError::Superseded { generation: 1 })), "{refused:?}");
    // A database that is not the one these objects belong to.
    installation.execute("UPDATE instance SET generation = 2", Vec::new()).await;
    let refused = installation.app.lifecycle.claim_instance().await;
    assert!(matches!(refused, Err(InstanceError::Other { generation: 2 })), "{refused:?}");
}

/// The database is lost: the copy that is put in its place knows people, visitors and recordings that were erased since.
#[tokio::test]
async fn what_was_erased_stays_erased_in_a_copy_that_is_put_in_the_place_of_the_database() {
    let installation = Installation::new().await;
    let admin = installation.person("admin").await;
    let site = installation.site(&admin).await;
    let key = site["site_key"].as_str().unwrap();
    let mut visits = Vec::new();
    for _ in 0..2 {
        let visit = record(&installation, key).await;
        installation.wait(Duration::from_secs(2));
        visit.send(1, &snapshot(installation.now().unix_millis() as i64, 4, "more")).await.ok();
        visits.push(told(&visit));
    }
    // A third goes on in another tab, which is of another time.
    let visit = record(&installation, key).await;
    installation.wait(Duration::from_secs(10));
    let (now_ms, other) = (installation.now().unix_millis() as i64, "0190a5e2-0000-7000-8000-000000000002");
    let recorder = installation.recorder("https://shop.example");
    let tab = Visit::start_as(recorder, key, now_ms, other, Some(&visit.token)).await;
    assert_eq!(tab.recording, visit.recording);
    tab.send(0, &snapshot(now_ms, 4, "beside")).await.ok();
    let beside = told(&tab);
    drop((visit, tab));
    let (doomed, partly) = (visits.remove(0), visits.remove(0));
    let list = admin.post("/api/v1/playlists", json!({ "title": "All" })).await.ok();
    let list = format!("/api/v1/playlists/{}", list["id"].as_str().unwrap());
    let mut items = Vec::new();
    for visit in [&doomed, &partly, &beside] {
        let path = format!("/api/v1/recordings/{}", visit.recording);
        admin.post(&format!("{path}/comments"), json!({ "at_ms": 0, "text": "look" })).await.ok();
        let clip = json!({ "title": "A part", "from_ms": 0, "to_ms": 1 });
        let clip = admin.post(&format!("{path}/clips"), clip).await.ok();
        items.push(json!({ "kind": "clip", "id": clip["id"] }));
        let review = json!({ "state": "waiting", "note": "look" }).to_string();
        admin.send("PUT", &format!("{path}/review"), review).await.ok();
    }
    admin.send("PATCH", &list, json!({ "items": items }).to_string()).await.ok();
    let member = installation.person("member").await;
    // What settles after the copy lies elsewhere than it says.
    installation.app.settle_now().await.unwrap();
    let copy = installation.copy_of_database().await;

    let sql = "SELECT subject_id FROM people WHERE organisation_id = $1 AND role = 'member'";
    let rows = installation.rows(sql, vec![installation.organisation.into()]).await;
    let subject: clerestory_model::SubjectId = rows[0].get(0).unwrap();
    installation.erase_at_command(installation.organisation, Target::Subject(subject)).await;
    erase(&installation, &doomed, json!({})).await;
    // What derives from a recording dies with a part of it, also where all of it was of other times.
    let none = json!({ "range": { "from_us": 0, "to_us": 1 } });
    erase(&installation, &partly, none.clone()).await;
    erase(&installation, &beside, none).await;
    assert_eq!(plays(&admin, &beside, 0).await, StatusCode::OK);
    drop((admin, member));

    let installation = installation.put_back(&copy).await;
    let admin = installation.person("admin").await;
    assert_eq!(plays(&admin, &doomed, 0).await, StatusCode::GONE);
    // Of what was said there is no row that nobody can read, and no list that breaks on one.
    let path = format!("/api/v1/recordings/{}", partly.recording);
    assert!(!admin.get(&format!("{path}/comments")).await.status.is_success());
    // Of one that lives in part what was said went by its key alone.
    assert_eq!(plays(&admin, &beside, 0).await, StatusCode::OK);
    let path = format!("/api/v1/recordings/{}", beside.recording);
    for what in ["comments", "clips"] {
        assert_eq!(admin.get(&format!("{path}/{what}")).await.ok()["items"], json!([]), "{what}");
    }
    let review = admin.get(&format!("{path}/review")).await.ok();
    assert_eq!((&review["state"], &review["note"]), (&json!("waiting"), &Value::Null));
    admin.get("/api/v1/reviews").await.ok();
    assert_eq!(admin.get(&list).await.ok()["items"], json!([]));
    for sql in ["SELECT 1 FROM comments", "SELECT 1 FROM clips", "SELECT 1 FROM playlist_items"] {
        assert!(installation.rows(sql, Vec::new()).await.is_empty(), "{sql}");
    }
    let people = installation.rows(sql, vec![installation.organisation.into()]).await;
    assert!(people.is_empty(), "somebody who was erased can sign in again");
    assert_eq!(installation.app.replay_authority().await.unwrap(), [], "and the log says that they cannot");
}
