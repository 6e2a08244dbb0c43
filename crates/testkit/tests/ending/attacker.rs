//! The attacker of the erase promise, on a whole installation: every old copy of the database and of every object, today's
//! root key and the epochs that are not destroyed yet. What was erased opens by no combination; what was not comes back.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::http::StatusCode;
use clerestory::{App, Places};
use clerestory_keys::{EpochPlace, FilePlace, Protection};
use clerestory_lifecycle::Target;
use clerestory_model::{Deployment, OrganisationId, RecordingId, TrackId, number_as_id};
use clerestory_seal::{
    ObjectContext, ObjectKind, ObjectOpener, SealedValue, SecretKey, ValueContext, open_value,
};
use clerestory_sql::{Database, Row, SqlError};
use clerestory_store::segments::{self, Extent};
use clerestory_testkit::visit::{Visit, snapshot};
use clerestory_testkit::{Caller, Installation};
use clerestory_vault::Objects;
use serde_json::{Value, json};

use crate::ended;

pub(crate) type Id = [u8; 16];
pub(crate) const DAY: Duration = Duration::from_secs(24 * 3600);

/// A segment as some copy had it: whose, and its sealed bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Taken {
    organisation: OrganisationId,
    recording: RecordingId,
    pub(crate) track: TrackId,
    sequence: u64,
    pub(crate) sealed: Vec<u8>,
}

/// A sealed column as some copy had it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Column {
    place: (&'static str, &'static str),
    organisation: Id,
    row: Id,
    version: i64,
    sealed: Vec<u8>,
}

/// Knows the formats (docs/formats.md) and nothing of the program: it shares the ciphers with it and no more.
pub(crate) struct Attacker {
    deployment: Deployment,
    root: SecretKey,
    epochs: BTreeMap<i64, Vec<u8>>,
    /// Page, version, sealed.
    pub(crate) pages: BTreeSet<(Id, i64, Vec<u8>)>,
    /// Key, organisation, version of its shard, sealed.
    pub(crate) rows: BTreeSet<(Id, Id, i64, Vec<u8>)>,
    columns: BTreeSet<Column>,
    pub(crate) segments: BTreeSet<Taken>,
    /// Where segments lay whenever a copy was taken, with nothing in their place.
    places: Vec<(Extent, Taken)>,
}

pub(crate) fn secret(bytes: &[u8]) -> SecretKey {
    SecretKey::from_bytes(bytes.try_into().unwrap())
}

impl Attacker {
    pub(crate) fn new(installation: &Installation) -> Self {
        let file = std::fs::read(installation.app.places.root_key()).unwrap();
        let root: Value = serde_json::from_slice(&file).unwrap();
        let hex = |text: &Value| hex::decode(text.as_str().unwrap()).unwrap();
        Self {
            deployment: installation.app.vault.keys().deployment().clone(),
            root: secret(&hex(&root["key"]["plain"])),
            epochs: BTreeMap::new(),
            pages: BTreeSet::new(),
            rows: BTreeSet::new(),
            columns: BTreeSet::new(),
            segments: BTreeSet::new(),
            places: Vec::new(),
        }
    }

    /// Takes a copy of everything but root and epochs, as it is now.
    pub(crate) async fn copy(&mut self, installation: &Installation) {
        self.copy_of(&installation.app.database, installation.app.vault.objects()).await;
    }

    /// The same of a database and of objects that it has got hold of.
    pub(crate) async fn copy_of(&mut self, database: &Database, objects: &Objects) {
        for row in rows_in(database, "SELECT page_id, version, sealed FROM key_pages").await {
            self.pages.insert((row.get(0).unwrap(), row.get(1).unwrap(), row.get(2).unwrap()));
        }
        let sql = "SELECT key_id, organisation, shard_version, sealed FROM key_rows";
        for row in rows_in(database, sql).await {
            let (id, organisation) = (row.get(0).unwrap(), row.get(1).unwrap());
            self.rows.insert((id, organisation, row.get(2).unwrap(), row.get(3).unwrap()));
        }
        for (place, sql) in [
            (
                ("recordings", "summary"),
                "SELECT organisation_id, recording_id, summary_version, summary FROM recordings
                 WHERE summary IS NOT NULL",
            ),
            (("people", "profile"), "SELECT organisation_id, person_id, version, profile FROM people"),
            (
                ("organisations", "name"),
                "SELECT organisation_id, organisation_id, version, name FROM organisations",
            ),
        ] {
            for row in rows_in(database, sql).await {
                let (organisation, id) = (row.get(0).unwrap(), row.get(1).unwrap());
                let (version, sealed) = (row.get(2).unwrap(), row.get(3).unwrap());
                self.columns.insert(Column { place, organisation, row: id, version, sealed });
            }
        }
        for row in rows_in(database, "SELECT track_id, recording_id, organisation_id FROM tracks").await {
            let track: TrackId = row.get(0).unwrap();
            let read = database
                .read(move |tx| Box::pin(async move { segments::of_track(tx, track, 0, u32::MAX).await }));
            let found: Result<_, SqlError> = read.await;
            for segment in found.unwrap() {
                let (organisation, recording) = (row.get(2).unwrap(), row.get(1).unwrap());
                let sequence = segment.sequence;
                let taken = Taken { organisation, recording, track, sequence, sealed: Vec::new() };
                let sealed = objects.read(&segment.extent).await.unwrap();
                self.segments.insert(Taken { sealed, ..taken.clone() });
                self.places.push((segment.extent, taken));
            }
        }
    }

    /// Takes what some version of an object holds where segments ever lay in it.
    pub(crate) fn take_object(&mut self, object: &str, bytes: &[u8]) {
        for (extent, place) in self.places.iter().filter(|(extent, _)| extent.object == object) {
            let (from, to) = (extent.offset as usize, (extent.offset + extent.length) as usize);
            if let Some(sealed) = bytes.get(from..to) {
                self.segments.insert(Taken { sealed: sealed.to_vec(), ..place.clone() });
            }
        }
    }

    /// Breaks in today, where the epochs are kept.
    pub(crate) fn take_epochs(&mut self, installation: &Installation) {
        let place = FilePlace::open(installation.app.places.keys.join("epochs")).unwrap();
        self.epochs = place.list().unwrap().into_iter().map(|one| (one, place.read(one).unwrap())).collect();
    }

    pub(crate) fn open(
        &self,
        key: &SecretKey,
        (table, column): (&'static str, &'static str),
        (organisation, row): (Id, Id),
        version: i64,
        sealed: &[u8],
    ) -> Option<Vec<u8>> {
        let organisation = OrganisationId::from_bytes(organisation);
        let version = version.unsigned_abs();
        let context =
            ValueContext { deployment: &self.deployment, organisation, table, column, row, version };
        open_value(key, &context, &SealedValue::from_bytes(sealed.to_vec()).ok()?).ok()
    }

    /// Every key that opens by any combination of what it has.
    pub(crate) fn loot(&self) -> BTreeMap<Id, BTreeSet<[u8; 32]>> {
        let mut shards: BTreeSet<[u8; 32]> = BTreeSet::new();
        for (epoch, wrapped) in &self.epochs {
            let at = ([0; 16], number_as_id(epoch.cast_unsigned()));
            let epoch = secret(&self.open(&self.root, ("epochs", "secret"), at, 1, wrapped).unwrap());
            for (page, version, sealed) in &self.pages {
                let entries = self.open(&epoch, ("key_pages", "sealed"), ([0; 16], *page), *version, sealed);
                for entry in entries.unwrap_or_default().chunks_exact(48) {
                    shards.insert(entry[16..].try_into().unwrap());
                }
            }
        }
        let (mut found, mut wrapped) = (BTreeMap::<Id, BTreeSet<[u8; 32]>>::new(), BTreeSet::new());
        for (id, organisation, version, sealed) in &self.rows {
            for shard in &shards {
                let place = ("key_rows", "sealed");
                match self.open(&secret(shard), place, (*organisation, *id), *version, sealed) {
                    Some(inner) if inner.len() == 32 => {
                        found.entry(*id).or_default().insert(inner.try_into().unwrap());
                    }
                    Some(inner) => {
                        wrapped.insert((*id, *organisation, inner));
                    }
                    None => {}
                }
            }
        }
        // Any key may be the parent of any row: it does not trust what the column says.
        loop {
            let before: usize = found.values().map(BTreeSet::len).sum();
            let all: BTreeSet<[u8; 32]> = found.values().flatten().copied().collect();
            for (id, organisation, inner) in &wrapped {
                for parent in &all {
                    let place = ("key_rows", "wrapped");
                    if let Some(key) = self.open(&secret(parent), place, (*organisation, *id), 1, inner) {
                        found.entry(*id).or_default().insert(key.try_into().unwrap());
                    }
                }
            }
            if before == found.values().map(BTreeSet::len).sum::<usize>() {
                return found;
            }
        }
    }

    /// What it reads with all of that.
    pub(crate) fn reads(&self) -> Reads {
        let keys: Vec<SecretKey> = self.loot().values().flatten().map(|key| secret(key)).collect();
        let mut segments = BTreeSet::new();
        for taken in &self.segments {
            let context = ObjectContext {
                kind: ObjectKind::Segment,
                deployment: &self.deployment,
                organisation: taken.organisation,
                recording: taken.recording,
                track: taken.track,
                sequence: taken.sequence,
            };
            if keys.iter().any(|key| ObjectOpener::open_whole(key, &context, &taken.sealed).is_ok()) {
                segments.insert((taken.track, taken.sequence));
            }
        }
        let mut columns = BTreeSet::new();
        for column in &self.columns {
            let at = (column.organisation, column.row);
            let opens = |key| self.open(key, column.place, at, column.version, &column.sealed).is_some();
            if keys.iter().any(opens) {
                columns.insert((column.place.0, column.row));
            }
        }
        Reads { segments, columns }
    }
}

/// Segments by track and number, and sealed columns by table and row.
pub(crate) struct Reads {
    pub(crate) segments: BTreeSet<(TrackId, u64)>,
    pub(crate) columns: BTreeSet<(&'static str, Id)>,
}

pub(crate) struct Recorded {
    pub(crate) recording: RecordingId,
    pub(crate) track: TrackId,
}

impl Recorded {
    fn of(visit: &Visit) -> Self {
        Self { recording: visit.recording.parse().unwrap(), track: visit.track.parse().unwrap() }
    }
}

pub(crate) async fn site_of(caller: &Caller, name: &str) -> (String, String) {
    let origin = format!("https://{name}.example");
    let site = caller.post("/api/v1/sites", json!({ "name": name, "origins": [origin] })).await.ok();
    (site["site_key"].as_str().unwrap().to_owned(), origin)
}

/// A recording about the manager, who has an account, with the ids of both.
async fn about_manager(installation: &Installation) -> (Recorded, clerestory_model::SubjectId, Id) {
    let admin = installation.proven("admin").await;
    let sql = "SELECT subject_id, person_id FROM people WHERE role = 'manager'";
    let row = installation.rows(sql, Vec::new()).await.remove(0);
    let (subject, person): (_, clerestory_model::PersonId) = (row.get(0).unwrap(), row.get(1).unwrap());
    let sites = admin.get("/api/v1/sites").await.ok();
    let path = format!("/api/v1/sites/{}/imports?about={person}", sites["items"][0]["id"].as_str().unwrap());
    let events = snapshot(installation.now().unix_millis() as i64 - 60_000, 2, "somebody's words");
    let brought = admin.send("POST", &path, events.to_string()).await.ok();
    let recording: RecordingId = brought["recording"].as_str().unwrap().parse().unwrap();
    let facts = admin.get(&format!("/api/v1/recordings/{recording}")).await.ok();
    let track = facts["tracks"][0]["id"].as_str().unwrap().parse().unwrap();
    (Recorded { recording, track }, subject, *person.as_bytes())
}

pub(crate) async fn record(installation: &Installation, site: &(String, String), segments: u64) -> Recorded {
    let now_ms = installation.now().unix_millis() as i64;
    let visit = Visit::start(installation.recorder(&site.1), &site.0, now_ms).await;
    for number in 0..segments {
        let at = installation.now().unix_millis() as i64;
        visit.send(number, &snapshot(at, 2, "somebody's words")).await.ok();
        installation.wait(Duration::from_secs(20));
    }
    Recorded::of(&visit)
}

async fn plays(admin: &Caller, recorded: &Recorded, number: u64) -> StatusCode {
    let begun = admin.post(&format!("/api/v1/recordings/{}/plays", recorded.recording), json!({})).await;
    if !begun.status.is_success() {
        return begun.status;
    }
    let play = begun.json["id"].as_str().unwrap();
    admin.get(&format!("/api/v1/plays/{play}/tracks/{}/segments/{number}", recorded.track)).await.status
}

pub(crate) fn copy_tree(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target: PathBuf = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_tree(&entry.path(), &target);
        } else if !target.exists() {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// The program itself, over old copies of database and objects with today's keys.
pub(crate) async fn the_program_opens_nothing(mut places: Places, installation: &Installation) {
    places.objects_moved = true;
    let root = places.open(&Protection::Plain).unwrap();
    // That it does not even open the copy is as good.
    let Ok(app) = App::build_to_restore(places, root, installation.app.clock.clone()).await else { return };
    let tracks: Vec<TrackId> = rows_in(&app.database, "SELECT track_id FROM tracks")
        .await
        .iter()
        .map(|row| row.get(0).unwrap())
        .collect();
    assert!(!tracks.is_empty(), "a copy without tracks proves nothing");
    for track in tracks {
        assert!(!ended::has_key(&app, track).await, "{track} opens");
    }
}

async fn rows_in(database: &Database, sql: &'static str) -> Vec<Row> {
    let read = database.read(move |tx| Box::pin(async move { tx.query(sql, &[]).await }));
    let rows: Result<_, SqlError> = read.await;
    rows.unwrap()
}

#[tokio::test]
async fn nothing_erased_opens_from_any_copy_and_everything_else_comes_back() {
    let installation = Installation::new().await;
    let admin = installation.person("admin").await;
    let stranger = installation.person("stranger").await;
    let (shop, harbour) = (site_of(&admin, "shop").await, site_of(&stranger, "harbour").await);
    let mut attacker = Attacker::new(&installation);
    let loot_of_objects = installation.directory().join("stolen");
    let objects = installation.app.places.data.join("objects");

    let kept = record(&installation, &shop, 2).await;
    let doomed = record(&installation, &shop, 2).await;
    let ranged = record(&installation, &shop, 4).await;
    let visitor = record(&installation, &shop, 1).await;
    let foreign = record(&installation, &harbour, 1).await;
    let (shown, manager, manager_id) = about_manager(&installation).await;
    attacker.copy(&installation).await;
    if objects.exists() {
        copy_tree(&objects, &loot_of_objects);
    }
    let oldest = installation.copy_of_database().await;
    installation.wait(DAY);
    installation.app.vault.keys().roll_over().await.unwrap();
    installation.app.settle_now().await.unwrap();
    attacker.copy(&installation).await;
    if objects.exists() {
        copy_tree(&objects, &loot_of_objects);
    }

    // Erase one of each kind, the attacker copying after every step.
    let admin = installation.person("admin").await;
    let stranger = installation.person("stranger").await;
    let member_row =
        installation.rows("SELECT subject_id, person_id FROM people WHERE role = 'member'", Vec::new()).await;
    let member: clerestory_model::SubjectId = member_row[0].get(0).unwrap();
    let member_id: Id = member_row[0].get(1).unwrap();
    let facts = admin.get(&format!("/api/v1/recordings/{}", visitor.recording)).await.ok();
    let path = |kind: &str, id: String| format!("/api/v1/{kind}/{id}/erasures");
    let range = json!({ "range": { "from_us": 19_000_000, "to_us": 21_000_000 } });
    for (caller, path, asked) in [
        (&admin, path("recordings", doomed.recording.to_string()), json!({})),
        (&admin, path("recordings", ranged.recording.to_string()), range),
        (&admin, path("subjects", facts["subject"]["id"].as_str().unwrap().to_owned()), json!({})),
    ] {
        let answer = caller.erase(&path, asked).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{path}: {}", answer.json);
    }
    installation.erase_at_command(installation.organisation, Target::Subject(member)).await;
    installation.erase_at_command(installation.organisation, Target::RecordingsOf(manager)).await;
    installation.erase_at_command(installation.other, Target::Organisation).await;
    loop {
        attacker.copy(&installation).await;
        let moved = installation.app.lifecycle.work().await.unwrap();
        installation.app.settle_now().await.unwrap();
        installation.wait(Duration::from_secs(6));
        let left = installation.rows("SELECT 1 FROM erasures WHERE step < 7", Vec::new()).await.len();
        if moved == 0 && left == 0 {
            break;
        }
    }
    attacker.copy(&installation).await;

    let erased: BTreeSet<(TrackId, u64)> = [
        (doomed.track, 0),
        (doomed.track, 1),
        (ranged.track, 1),
        (visitor.track, 0),
        (shown.track, 0),
        (foreign.track, 0),
    ]
    .into();
    let stays: BTreeSet<(TrackId, u64)> =
        [(kept.track, 0), (kept.track, 1), (ranged.track, 0), (ranged.track, 2), (ranged.track, 3)].into();
    let erased_columns: BTreeSet<(&str, Id)> = [
        ("recordings", *doomed.recording.as_bytes()),
        ("recordings", *ranged.recording.as_bytes()),
        ("recordings", *visitor.recording.as_bytes()),
        ("recordings", *foreign.recording.as_bytes()),
        ("recordings", *shown.recording.as_bytes()),
        ("people", member_id),
        ("organisations", *installation.other.as_bytes()),
    ]
    .into();

    // It is a real attacker: the same day, with today's epochs, its older copies open everything.
    attacker.take_epochs(&installation);
    let Reads { segments, columns } = attacker.reads();
    assert!(erased.is_subset(&segments), "an attacker who cannot open older copies proves nothing");
    assert!(stays.is_subset(&segments));
    assert!(erased_columns.is_subset(&columns));

    for _ in 0..8 {
        installation.wait(DAY);
        installation.app.vault.keys().roll_over().await.unwrap();
        attacker.copy(&installation).await;
    }
    installation.app.lifecycle.work().await.unwrap();
    assert!(
        installation
            .rows("SELECT 1 FROM erasures WHERE unreadable_since IS NULL", Vec::new())
            .await
            .is_empty(),
        "every receipt has its second line"
    );
    attacker.take_epochs(&installation);
    let Reads { segments, columns } = attacker.reads();
    assert_eq!(segments.intersection(&erased).count(), 0, "something erased opens");
    assert_eq!(columns.intersection(&erased_columns).collect::<Vec<_>>(), Vec::<&(&str, Id)>::new());
    assert!(stays.is_subset(&segments), "with root and epochs in hand, what was not erased is theirs");
    assert!(columns.contains(&("recordings", *kept.recording.as_bytes())));
    assert!(columns.contains(&("people", manager_id)), "of whom only the recordings were erased");

    // With the program itself, over the oldest copy with every object that ever was, nothing opens at all.
    let mut places = Places::beside(&installation.directory().join("theirs"), None);
    std::fs::create_dir_all(&places.data).unwrap();
    copy_tree(&loot_of_objects, &places.data.join("objects"));
    copy_tree(&installation.app.places.keys, &places.keys);
    oldest.put_into(&mut places).await;
    the_program_opens_nothing(places, &installation).await;

    // And who runs the installation has everything that was not erased back, from that same copy.
    drop((admin, stranger));
    let (installation, restored) = installation.restored_from(&oldest).await;
    restored.unwrap();
    let installation = installation.restarted().await;
    let admin = installation.person("admin").await;
    for (recorded, number) in [(&kept, 0), (&kept, 1), (&ranged, 0), (&ranged, 2), (&ranged, 3)] {
        assert_eq!(plays(&admin, recorded, number).await, StatusCode::OK, "{}", recorded.recording);
    }
    for (recorded, number) in [(&doomed, 0), (&doomed, 1), (&ranged, 1), (&visitor, 0), (&shown, 0)] {
        assert_eq!(plays(&admin, recorded, number).await, StatusCode::GONE, "{}", recorded.recording);
    }
}
