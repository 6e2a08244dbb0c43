//! The verifier of erasures: a process without root and keys that only reads. It finds what is put back by hand, and no
//! receipt is signed while it finds something, is killed, or says nothing that counts.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use clerestory_lifecycle::{Place, Report, Step, Target};
use clerestory_model::{ErasureId, KeyId, RecordingId, SubjectId, TrackId};
use clerestory_sql::{Lane, SqlError, Value as Stored};
use clerestory_testkit::visit::{Visit, snapshot};
use clerestory_testkit::{Installation, verifier_program};
use serde_json::{Value, json};

/// What an erasure waits at most until it is looked at again.
const PAUSE: Duration = Duration::from_secs(61);

struct Recorded {
    recording: RecordingId,
    track: TrackId,
    key: KeyId,
}

/// An installation with a recording that will be erased, and one that stays and keeps the shards of its keys.
struct Scene {
    installation: Installation,
    doomed: Recorded,
}

async fn scene_of(installation: Installation) -> Scene {
    let admin = installation.person("admin").await;
    let site = installation.site(&admin).await;
    let mut both = Vec::new();
    for text in ["it goes", "it stays"] {
        let now_ms = installation.now().unix_millis() as i64;
        let recorder = installation.recorder("https://shop.example");
        let visit = Visit::start(recorder, site["site_key"].as_str().unwrap(), now_ms).await;
        visit.send(0, &snapshot(now_ms, 4, text)).await.ok();
        let track: TrackId = visit.track.parse().unwrap();
        let sql = "SELECT key_id FROM tracks WHERE track_id = $1";
        let key = installation.rows(sql, vec![track.into()]).await[0].get(0).unwrap();
        both.push(Recorded { recording: visit.recording.parse().unwrap(), track, key });
    }
    Scene { installation, doomed: both.swap_remove(0) }
}

async fn scene() -> Scene {
    scene_of(Installation::new().await).await
}

impl Scene {
    async fn erase(&self) -> ErasureId {
        let admin = self.installation.person("admin").await;
        let path = format!("/api/v1/recordings/{}/erasures", self.doomed.recording);
        admin.erase(&path, json!({})).await.ok()["id"].as_str().unwrap().parse().unwrap()
    }

    async fn erasure(&self, id: ErasureId) -> Value {
        let admin = self.installation.person("admin").await;
        admin.get(&format!("/api/v1/erasures/{id}")).await.ok()
    }

    /// Carries the erasure on to where it is looked at.
    async fn to_the_check(&self) -> ErasureId {
        let id = self.erase().await;
        for step in [Step::Asked, Step::Laid, Step::Outside] {
            assert_eq!(self.installation.carry_on_at(step).await, 1, "{step:?}");
        }
        self.installation.app.settle_now().await.unwrap();
        assert_eq!(self.installation.carry_on_at(Step::Shredded).await, 1);
        id
    }

    async fn verified(&self) -> ErasureId {
        let id = self.to_the_check().await;
        assert_eq!(self.installation.carry_on_at(Step::Removed).await, 1);
        assert_eq!(self.erasure(id).await["state"], "verified");
        id
    }
}

/// Everything that some rows of a table hold.
struct Kept {
    table: &'static str,
    columns: Vec<String>,
    rows: Vec<Vec<Stored>>,
}

async fn keep(installation: &Installation, table: &'static str, column: &str, value: Stored) -> Kept {
    let condition = format!("{column} = $1");
    let read = installation.app.database.read(move |tx| {
        Box::pin(async move {
            let columns = tx.columns(table).await?;
            let sql = format!("SELECT {} FROM {table} WHERE {condition}", columns.join(", "));
            let found = tx.query(&sql, &[value]).await?;
            let rows = found.iter().map(|row| (0..columns.len()).map(|at| row.get(at)).collect());
            Ok::<_, SqlError>(Kept { table, rows: rows.collect::<Result<_, _>>()?, columns })
        })
    });
    let kept = read.await.unwrap();
    assert!(!kept.rows.is_empty(), "{table} has such rows");
    kept
}

impl Kept {
    async fn put_back(&self, installation: &Installation) {
        let places: Vec<String> = (1..=self.columns.len()).map(|at| format!("${at}")).collect();
        let sql = format!(
            "INSERT INTO {} ({}) VALUES ({})",
            self.table,
            self.columns.join(", "),
            places.join(", ")
        );
        for row in &self.rows {
            installation.execute(sql.clone(), row.clone()).await;
        }
    }
}

/// The verifier as anybody starts it at the command line.
fn command(installation: &Installation, id: ErasureId) -> Command {
    let mut command = Command::new(verifier_program());
    let places = &installation.app.places;
    command.args(["verify", "erasure", &id.to_string(), "--data"]).arg(&places.data);
    command.env_clear().stdin(Stdio::null());
    if let Some(postgres) = &places.postgres {
        command.env("CLERESTORY_DATABASE", &postgres.address);
    }
    command
}

/// What it says, and its exit status.
fn look(installation: &Installation, id: ErasureId) -> (Report, i32) {
    let done = command(installation, id).arg("--json").output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    (serde_json::from_slice(&done.stdout).expect(&said), done.status.code().unwrap())
}

/// It finds one thing, in this place.
fn finds(installation: &Installation, id: ErasureId, place: Place) {
    let (report, status) = look(installation, id);
    let places: Vec<Place> = report.left.iter().map(|left| left.place).collect();
    assert_eq!((places, status), (vec![place], 1), "{:?}", report.left);
}

fn finds_nothing(installation: &Installation, id: ErasureId) {
    let (report, status) = look(installation, id);
    assert_eq!((report.left, status), (Vec::new(), 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn it_finds_every_row_that_comes_back() {
    let scene = scene().await;
    let installation = &scene.installation;
    let Recorded { recording, track, key } = scene.doomed;
    let key_row = keep(installation, "key_rows", "key_id", key.into()).await;
    let segment = keep(installation, "segments", "track_id", track.into()).await;
    let id = scene.verified().await;
    finds_nothing(installation, id);

    key_row.put_back(installation).await;
    finds(installation, id, Place::Keys);
    // Another key that says it is wrapped by one that is gone.
    installation
        .execute(
            "UPDATE key_rows SET parent = key_id, key_id = organisation WHERE key_id = $1",
            vec![key.into()],
        )
        .await;
    finds(installation, id, Place::Keys);
    installation.execute("DELETE FROM key_rows WHERE parent = $1", vec![key.into()]).await;

    segment.put_back(installation).await;
    finds(installation, id, Place::Rows);
    installation.execute("DELETE FROM segments WHERE track_id = $1", vec![track.into()]).await;

    let state = "UPDATE tracks SET state = $2 WHERE track_id = $1";
    let before = keep(installation, "tracks", "track_id", track.into()).await;
    let at = before.columns.iter().position(|column| column == "state").unwrap();
    installation.execute(state, vec![track.into(), Stored::Int(2)]).await;
    finds(installation, id, Place::Rows);
    installation.execute(state, vec![track.into(), before.rows[0][at].clone()]).await;

    let summary = "UPDATE recordings SET summary = $2 WHERE recording_id = $1";
    installation.execute(summary, vec![recording.into(), vec![1_u8].into()]).await;
    finds(installation, id, Place::Derived);
    installation.execute(summary, vec![recording.into(), Stored::Null]).await;

    let stone = keep(installation, "key_tombstones", "key_id", key.into()).await;
    installation.execute("DELETE FROM key_tombstones WHERE key_id = $1", vec![key.into()]).await;
    finds(installation, id, Place::Tombstones);
    stone.put_back(installation).await;
    finds_nothing(installation, id);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_finds_a_key_page_of_an_older_copy() {
    let scene = scene().await;
    let installation = &scene.installation;
    let pages = keep(installation, "key_pages", "epoch", newest_epoch(installation).await).await;
    let id = scene.verified().await;
    for _ in 0..9 {
        installation.wait(Duration::from_secs(24 * 3600));
        installation.app.vault.keys().roll_over().await.unwrap();
    }
    installation.app.lifecycle.work().await.unwrap();
    finds_nothing(installation, id);
    let today = keep(installation, "key_pages", "epoch", newest_epoch(installation).await).await;
    let page = pages.columns.iter().position(|column| column == "page_id").unwrap();
    let version = "UPDATE key_pages SET epoch = $2, version = $3, sealed = $4 WHERE page_id = $1";
    let put = async |kept: &Kept| {
        let at = |name: &str| kept.columns.iter().position(|column| column == name).unwrap();
        for row in &kept.rows {
            let values = [page, at("epoch"), at("version"), at("sealed")].map(|at| row[at].clone());
            installation.execute(version, values.to_vec()).await;
        }
    };
    put(&pages).await;
    let (report, status) = look(installation, id);
    assert_eq!(status, 1);
    assert!(report.left.iter().all(|left| left.what.contains("which has ended")), "{:?}", report.left);
    put(&today).await;
    // An epoch of the day of the erasure that some place may still have.
    let epoch = "UPDATE key_epochs SET gone_at = NULL WHERE epoch = (SELECT min(epoch) FROM key_epochs)";
    installation.execute(epoch, Vec::new()).await;
    finds(installation, id, Place::Keys);
}

async fn newest_epoch(installation: &Installation) -> Stored {
    installation.rows("SELECT max(epoch) FROM key_pages", Vec::new()).await[0].get(0).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn it_finds_every_object_that_comes_back() {
    let scene = scene().await;
    let installation = &scene.installation;
    let Recorded { recording, track, .. } = scene.doomed;
    let sql = "SELECT object FROM segments WHERE track_id = $1";
    let log: String = installation.rows(sql, vec![track.into()]).await[0].get(0).unwrap();
    let logged = std::fs::read(installation.object_file(&log)).unwrap();
    let id = scene.verified().await;
    let objects = installation.app.vault.objects();
    let organisation = installation.organisation;
    let other = "trk_0190a5e2000070008000000000000001";
    for object in [
        // Named by a row once; by none; of a track that no row knows; a part.
        format!("segments/{organisation}/{recording}/{track}/0000000000-00000000000000ff"),
        format!("segments/{organisation}/{recording}/{other}/0000000003-00000000000000ff"),
        format!("parts/{organisation}/{recording}/{track}/000000-000001"),
    ] {
        objects.put(&object, vec![1, 2, 3]).await.unwrap();
        finds(installation, id, Place::Objects);
        objects.remove(&object).await.unwrap();
    }
    // Bytes of the ingest log, in a file that no row names, behind a write that failed half way.
    let stray = "log/0123456789ab-01234567/00000007.log";
    let torn = [&b"clstlog1 half of an entry"[..], &logged].concat();
    for bytes in [logged, torn] {
        objects.put(stray, bytes).await.unwrap();
        finds(installation, id, Place::Log);
        objects.remove(stray).await.unwrap();
    }
    let name: String =
        installation.rows("SELECT tombstones FROM erasures", Vec::new()).await[0].get(0).unwrap();
    let stones = installation.object_file(&format!("tombstones/{name}"));
    let whole = std::fs::read(&stones).unwrap();
    std::fs::remove_file(&stones).unwrap();
    let (report, status) = look(installation, id);
    assert_eq!((report.left[0].place, status), (Place::Tombstones, 1));
    std::fs::write(&stones, "[]").unwrap();
    let (report, _) = look(installation, id);
    assert!(report.left.iter().any(|left| left.what.contains("was altered")), "{:?}", report.left);
    std::fs::write(&stones, whole).unwrap();
    finds_nothing(installation, id);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_finds_what_does_not_speak_for_the_erasure_any_more() {
    let scene = scene().await;
    let installation = &scene.installation;
    let id = scene.to_the_check().await;
    finds_nothing(installation, id);
    assert_eq!(installation.carry_on_at(Step::Removed).await, 1);
    let entry: u64 = installation.rows("SELECT entry FROM erasures", Vec::new()).await[0].get(0).unwrap();
    let of = vec![Stored::from(installation.organisation), entry.into()];
    let rule = |text: &str| {
        let sql =
            format!("UPDATE audit_entries SET rule = {text} WHERE organisation_id = $1 AND number = $2");
        installation.execute(sql, of.clone())
    };
    rule("rule || ' '").await;
    finds(installation, id, Place::Entry);
    rule("trim(rule)").await;
    let verified = "SELECT number FROM audit_entries WHERE action = 'erasure.verified'";
    let verified = installation.rows(verified, Vec::new()).await[0].get::<u64>(0).unwrap();
    let action = |name: &str| {
        let sql =
            format!("UPDATE audit_entries SET action = '{name}' WHERE number = $1 AND organisation_id = $2");
        installation.execute(sql, vec![verified.into(), installation.organisation.into()])
    };
    action("erasure.other").await;
    finds(installation, id, Place::Entry);
    action("erasure.verified").await;
    // The ledger has taken it in: whoever removes its leaf cannot say that it has not yet.
    installation.app.integrate_ledger().await.unwrap();
    finds_nothing(installation, id);
    let leaf = keep(installation, "ledger_leaves", "number", entry.into()).await;
    installation.execute("DELETE FROM ledger_leaves WHERE number = $1", vec![entry.into()]).await;
    finds(installation, id, Place::Entry);
    leaf.put_back(installation).await;
    for altered in ["replace(receipt, 'one-disk', 'two-disk')", "NULL"] {
        let before = keep(installation, "erasures", "erasure_id", id.into()).await;
        let at = before.columns.iter().position(|column| column == "receipt").unwrap();
        installation.execute(format!("UPDATE erasures SET receipt = {altered}"), Vec::new()).await;
        finds(installation, id, Place::Receipt);
        installation.execute("UPDATE erasures SET receipt = $1", vec![before.rows[0][at].clone()]).await;
    }
    finds_nothing(installation, id);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_finds_rows_of_an_account() {
    let installation = Installation::new().await;
    let sql = "SELECT subject_id, person_id FROM people WHERE organisation_id = $1 AND role = 'member'";
    let member = installation.rows(sql, vec![installation.organisation.into()]).await;
    let (subject, person): (SubjectId, Stored) = (member[0].get(0).unwrap(), member[0].get(1).unwrap());
    let mut kept = Vec::new();
    for table in ["people", "credentials", "address_index"] {
        kept.push(keep(&installation, table, "person_id", person.clone()).await);
    }
    let id = installation.erase_at_command(installation.organisation, Target::Subject(subject)).await.id;
    finds_left_of(&installation, id, "keys");
    installation.carry_erasures_on().await;
    finds_nothing(&installation, id);
    for rows in kept {
        rows.put_back(&installation).await;
        finds(&installation, id, Place::Account);
        let sql = format!("DELETE FROM {} WHERE person_id = $1", rows.table);
        installation.execute(sql, vec![person.clone()]).await;
    }
    finds_nothing(&installation, id);
}

/// An erasure that has only begun is not complete, whatever else there is.
fn finds_left_of(installation: &Installation, id: ErasureId, place: &str) {
    let done = command(installation, id).output().unwrap();
    let said = String::from_utf8(done.stdout).unwrap();
    assert_eq!(done.status.code(), Some(1), "{said}");
    assert!(said.contains("LEFT:  erasure: its keys were not destroyed yet"), "{said}");
    assert!(said.contains(&format!("LEFT:  {place}: ")), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_range_it_finds_what_was_erased_and_not_what_stays() {
    let installation = Installation::new().await;
    let admin = installation.person("admin").await;
    let site = installation.site(&admin).await;
    let now_ms = installation.now().unix_millis() as i64;
    let recorder = installation.recorder("https://shop.example");
    let visit = Visit::start(recorder, site["site_key"].as_str().unwrap(), now_ms).await;
    for number in 0..3 {
        let at = installation.now().unix_millis() as i64;
        visit.send(number, &snapshot(at, 2, "page")).await.ok();
        installation.wait(Duration::from_secs(30));
    }
    installation.app.settle_now().await.unwrap();
    let track: TrackId = visit.track.parse().unwrap();
    let old = installation.parts_of(track).await.remove(0);
    let bytes = std::fs::read(installation.object_file(&old.object)).unwrap();
    let path = format!("/api/v1/recordings/{}/erasures", visit.recording);
    let asked = admin.erase(&path, json!({ "range": { "from_us": 0, "to_us": 1_000_000 } })).await.ok();
    let id: ErasureId = asked["id"].as_str().unwrap().parse().unwrap();
    installation.carry_erasures_on().await;
    installation.app.settle_now().await.unwrap();
    installation.carry_erasures_on().await;
    finds_nothing(&installation, id);
    assert!(!installation.parts_of(track).await.is_empty(), "the rest stays");
    let objects = installation.app.vault.objects();
    let below = format!("{}/{}/{track}", installation.organisation, visit.recording);
    for (object, bytes) in [
        (format!("parts/{below}/000000-000099"), bytes),
        (format!("segments/{below}/0000000000-00000000000000ff"), vec![1]),
    ] {
        objects.put(&object, bytes).await.unwrap();
        finds(&installation, id, Place::Objects);
        objects.remove(&object).await.unwrap();
    }
    // A large segment of what stays.
    objects.put(&format!("segments/{below}/0000000002-00000000000000ff"), vec![1]).await.unwrap();
    finds_nothing(&installation, id);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_has_no_root_and_cannot_write() {
    let scene = scene().await;
    let id = scene.verified().await;
    let places = scene.installation.app.places.clone();
    std::fs::rename(&places.keys, places.keys.with_extension("away")).unwrap();
    finds_nothing(&scene.installation, id);

    let verifier = places.open_to_look().await.unwrap();
    let done = verifier.database.write(Lane::Interactive, |tx| {
        Box::pin(async move { tx.execute("DELETE FROM erasures", &[]).await })
    });
    let done: Result<u64, SqlError> = done.await;
    assert!(matches!(done, Err(SqlError::ReadOnly)), "{done:?}");
    for statement in [
        "UPDATE erasures SET waits = 'nothing'",
        "DELETE FROM key_tombstones",
        "INSERT INTO spent_objects (object, spent_at) VALUES ('log/x', 1)",
        "CREATE TABLE notes (note INTEGER)",
    ] {
        let tried =
            verifier.database.read(move |tx| Box::pin(async move { tx.execute(statement, &[]).await }));
        let tried: Result<u64, SqlError> = tried.await;
        assert!(tried.is_err(), "{statement}");
    }
    finds_nothing(&scene.installation, id);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_receipt_is_signed_while_something_is_left() {
    let scene = scene().await;
    let installation = &scene.installation;
    let id = scene.to_the_check().await;
    let altered = |text: &str| {
        let sql = format!("UPDATE audit_entries SET rule = {text} WHERE action = 'recording.erase'");
        installation.execute(sql, Vec::new())
    };
    altered("rule || ' '").await;
    assert_eq!(installation.carry_on_at(Step::Removed).await, 0);
    for pauses in [1, 2] {
        let told = scene.erasure(id).await;
        assert_eq!((&told["state"], &told["receipt"]), (&json!("shredded"), &Value::Null));
        assert!(told["waits_for"].as_str().unwrap().contains("was altered"), "{told}");
        let alarm = installation.app.lifecycle.unverified_erasures();
        assert!(alarm.len() == 1 && alarm[0].is_left && alarm[0].erasure == id, "{alarm:?}");
        // Nothing is destroyed once more: that would not mend it.
        installation.wait(pauses * PAUSE);
        assert_eq!(installation.carry_on_at(Step::Removed).await, 0);
        for step in [Step::Resealed, Step::Laid, Step::Outside, Step::Shredded] {
            assert_eq!(installation.carry_on_at(step).await, 0, "{step:?}");
        }
    }
    altered("trim(rule)").await;
    installation.wait(3 * PAUSE);
    assert_eq!(installation.carry_on_at(Step::Removed).await, 0, "each time it waits twice as long");
    let told = scene.erasure(id).await;
    assert!(told["waits_for"].as_str().unwrap().contains("was altered"), "it still says why: {told}");
    installation.wait(PAUSE);
    assert_eq!(installation.carry_on_at(Step::Removed).await, 1);
    let told = scene.erasure(id).await;
    assert_eq!((&told["state"], &told["waits_for"]), (&json!("verified"), &Value::Null));
    let receipt = told["receipt"]["text"].as_str().unwrap();
    assert!(receipt.contains("another process, for reading only, without root and keys"), "{receipt}");
    assert_eq!(installation.app.lifecycle.unverified_erasures(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tombstone_that_is_lost_is_laid_again_everywhere() {
    let scene = scene().await;
    let installation = &scene.installation;
    let id = scene.to_the_check().await;
    installation.execute("DELETE FROM key_tombstones", Vec::new()).await;
    assert_eq!(installation.carry_on_at(Step::Removed).await, 0);
    assert!(scene.erasure(id).await["waits_for"].as_str().unwrap().contains("no tombstone of"));
    installation.wait(PAUSE);
    installation.carry_erasures_on().await;
    assert_eq!(scene.erasure(id).await["state"], "verified");
    finds_nothing(installation, id);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_ingest_log_holds_is_waited_for_without_an_alarm() {
    let scene = scene().await;
    let installation = &scene.installation;
    let sql = "SELECT object FROM segments WHERE track_id = $1";
    let log: String = installation.rows(sql, vec![scene.doomed.track.into()]).await[0].get(0).unwrap();
    let logged = std::fs::read(installation.object_file(&log)).unwrap();
    let id = scene.to_the_check().await;
    let stray = "log/0123456789ab-01234567/00000007.log";
    installation.app.vault.objects().put(stray, logged).await.unwrap();
    installation.carry_erasures_on().await;
    let told = scene.erasure(id).await;
    assert!(told["waits_for"].as_str().unwrap().contains("Files of the ingest log"), "{told}");
    assert_eq!((&told["state"], &told["receipt"]), (&json!("shredded"), &Value::Null));
    assert_eq!(installation.app.lifecycle.unverified_erasures(), []);
    installation.app.vault.objects().remove(stray).await.unwrap();
    installation.carry_erasures_on().await;
    assert_eq!(scene.erasure(id).await["state"], "verified");
}

/// Writes a program that a server takes for its verifier.
fn becomes(program: &Path, lines: &str) {
    let new = program.with_extension("new");
    std::fs::write(&new, format!("#!/bin/sh\n{lines}\n")).unwrap();
    std::fs::set_permissions(&new, std::fs::Permissions::from_mode(0o700)).unwrap();
    std::fs::rename(&new, program).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verifier_that_is_killed_or_babbles_is_asked_again() {
    let mut program = None;
    let installation = Installation::kept(None, |directory, places| {
        places.verifier = directory.join("verifier");
        program = Some(places.verifier.clone());
    });
    let scene = scene_of(installation.await).await;
    let (program, installation) = (program.unwrap(), &scene.installation);
    let id = scene.to_the_check().await;
    let real = verifier_program();
    let real = real.display();
    let report = serde_json::to_string(&look(installation, id).0).unwrap();
    let lies = BTreeMap::from([
        ("there is none", None),
        ("killed before it says anything", Some("kill -9 $$".to_owned())),
        ("killed when it has said everything", Some(format!("{real} \"$@\"; kill -9 $$"))),
        ("it cannot look", Some("echo 'no such disk' >&2; exit 2".to_owned())),
        ("it babbles", Some("echo '{}'".to_owned())),
        ("it speaks of another", Some(format!("echo '{}'", report.replace(&id.to_string(), OTHER)))),
        ("its status says something else", Some(format!("echo '{report}'; exit 1"))),
    ]);
    for (how, lines) in lies {
        match lines {
            Some(lines) => becomes(&program, &lines),
            None => assert!(!program.exists()),
        }
        assert_eq!(installation.carry_on_at(Step::Removed).await, 0, "{how}");
        let told = scene.erasure(id).await;
        assert_eq!((&told["state"], &told["receipt"]), (&json!("shredded"), &Value::Null), "{how}");
        assert!(told["waits_for"].as_str().unwrap().contains("tried again"), "{told}");
        let alarm = installation.app.lifecycle.unverified_erasures();
        assert!(alarm.len() == 1 && !alarm[0].is_left, "{how}: {alarm:?}");
        installation.wait(PAUSE);
        drop(std::fs::remove_file(&program));
    }
    becomes(&program, &format!("exec {real} \"$@\""));
    assert_eq!(installation.carry_on_at(Step::Removed).await, 1);
    assert_eq!(scene.erasure(id).await["state"], "verified");
    assert_eq!(installation.app.lifecycle.unverified_erasures(), []);
}

const OTHER: &str = "era_0190a5e2000070008000000000000001";

#[tokio::test(flavor = "multi_thread")]
async fn it_ends_with_the_server_that_asked() {
    let scene = scene().await;
    let id = scene.verified().await;
    // A bucket that never answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", silent.local_addr().unwrap());
    let mut child = command(&scene.installation, id)
        .args([
            "--asked",
            "--objects",
            "s3://silent",
            "--objects-region",
            "x",
            "--objects-endpoint",
            &endpoint,
        ])
        .envs([("AWS_ACCESS_KEY_ID", "id"), ("AWS_SECRET_ACCESS_KEY", "secret")])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    silent.accept().unwrap();
    assert!(child.try_wait().unwrap().is_none(), "it waits for the bucket");
    drop(child.stdin.take());
    for _ in 0..100 {
        if let Some(status) = child.try_wait().unwrap() {
            assert_eq!(status.code(), Some(3));
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    child.kill().unwrap();
    panic!("it goes on for nobody");
}
