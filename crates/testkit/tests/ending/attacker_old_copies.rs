//! The attacker of the erase promise with what those keep who look after servers and buckets: a base backup of PostgreSQL
//! with its write-ahead log, and every version of every object that a bucket ever held.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use std::collections::BTreeSet;

use clerestory::{Places, SCHEMAS};
use clerestory_lifecycle::Target;
use clerestory_model::TrackId;
use clerestory_sql::{Database, Schema};
use clerestory_testkit::Installation;
use clerestory_testkit::bucket::{self, Moto, Version};
use clerestory_testkit::postgres::{Server, new_schema};
use clerestory_vault::ObjectsProfile;
use serde_json::json;

use crate::attacker::{
    Attacker, DAY, Id, Reads, Recorded, copy_tree, record, site_of, the_program_opens_nothing,
};

/// Where the installation has its objects in the bucket.
const PREFIX: &str = "attacked";

/// Recordings of which one stays.
struct Scene {
    installation: Installation,
    kept: Recorded,
    doomed: Recorded,
    foreign: Recorded,
}

impl Scene {
    async fn over(installation: Installation) -> Self {
        let shop = site_of(&installation.person("admin").await, "shop").await;
        let harbour = site_of(&installation.person("stranger").await, "harbour").await;
        let kept = record(&installation, &shop, 2).await;
        let doomed = record(&installation, &shop, 2).await;
        // What was settled lies in parts, what was not in the ingest log.
        installation.app.settle_now().await.unwrap();
        let foreign = record(&installation, &harbour, 1).await;
        Self { installation, kept, doomed, foreign }
    }

    /// A day later one of each kind is erased, to its receipt; somebody who was erased.
    async fn erase(&self) -> Id {
        let installation = &self.installation;
        installation.wait(DAY);
        installation.app.vault.keys().roll_over().await.unwrap();
        let member = "SELECT subject_id, person_id FROM people WHERE role = 'member'";
        let member = installation.rows(member, Vec::new()).await.remove(0);
        let path = format!("/api/v1/recordings/{}/erasures", self.doomed.recording);
        installation.person("admin").await.erase(&path, json!({})).await.ok();
        let person = Target::Subject(member.get(0).unwrap());
        installation.erase_at_command(installation.organisation, person).await;
        installation.erase_at_command(installation.other, Target::Organisation).await;
        for _ in 0..3 {
            installation.carry_erasures_on().await;
            installation.app.settle_now().await.unwrap();
        }
        assert!(installation.rows("SELECT 1 FROM erasures WHERE step < 7", Vec::new()).await.is_empty());
        member.get(1).unwrap()
    }

    /// Eight days later every epoch of the time before the erasure is destroyed.
    async fn grow_old(&self) {
        for _ in 0..8 {
            self.installation.wait(DAY);
            self.installation.app.vault.keys().roll_over().await.unwrap();
        }
        self.installation.app.lifecycle.work().await.unwrap();
        let open = "SELECT 1 FROM erasures WHERE unreadable_since IS NULL";
        assert!(
            self.installation.rows(open, Vec::new()).await.is_empty(),
            "every receipt has its second line"
        );
    }

    fn erased(&self) -> BTreeSet<(TrackId, u64)> {
        [(self.doomed.track, 0), (self.doomed.track, 1), (self.foreign.track, 0)].into()
    }

    fn stays(&self) -> BTreeSet<(TrackId, u64)> {
        [(self.kept.track, 0), (self.kept.track, 1)].into()
    }

    /// Columns of what was erased.
    fn erased_columns(&self, member: Id) -> BTreeSet<(&'static str, Id)> {
        [
            ("recordings", *self.doomed.recording.as_bytes()),
            ("recordings", *self.foreign.recording.as_bytes()),
            ("people", member),
            ("organisations", *self.installation.other.as_bytes()),
        ]
        .into()
    }
}

#[tokio::test]
async fn nothing_erased_opens_from_a_base_backup_of_postgresql_and_its_log() {
    let server = Server::start().await.unwrap();
    let database = new_schema(server.address()).await;
    let scene = Scene::over(Installation::over(Some(database.clone())).await).await;
    let installation = &scene.installation;
    let mut attacker = Attacker::new(installation);
    let backup = server.base_backup().unwrap();
    let stolen = installation.directory().join("stolen");
    copy_tree(&installation.app.places.data.join("objects"), &stolen);
    let member = scene.erase().await;

    // It starts a server of its own over the backup, and reads what rows and objects were.
    let theirs = backup.start().await.unwrap();
    let of_old = theirs.database_of(&database);
    let old = Database::open_postgres(&of_old.address, None, Schema::MustExist, SCHEMAS).await.unwrap();
    attacker.copy_of(&old, &ObjectsProfile::Directory(stolen.clone()).open().unwrap()).await;
    attacker.copy(installation).await;
    attacker.take_epochs(installation);
    let Reads { segments, columns } = attacker.reads();
    let (erased, stays, erased_columns) = (scene.erased(), scene.stays(), scene.erased_columns(member));
    assert!(erased.is_subset(&segments) && stays.is_subset(&segments), "who opens nothing proves nothing");
    assert!(erased_columns.is_subset(&columns), "{columns:?}");

    scene.grow_old().await;
    attacker.copy(installation).await;
    attacker.take_epochs(installation);
    let Reads { segments, columns } = attacker.reads();
    assert_eq!(segments.intersection(&erased).count(), 0, "something erased opens");
    assert_eq!(columns.intersection(&erased_columns).count(), 0, "something erased opens");
    assert!(stays.is_subset(&segments), "with root and epochs in hand, what was not erased is theirs");
    assert!(columns.contains(&("recordings", *scene.kept.recording.as_bytes())));

    let mut places = Places::beside(&installation.directory().join("theirs"), None);
    std::fs::create_dir_all(&places.data).unwrap();
    copy_tree(&stolen, &places.data.join("objects"));
    copy_tree(&installation.app.places.keys, &places.keys);
    places.postgres = Some(of_old);
    the_program_opens_nothing(places, installation).await;
}

/// Whether some version holds these bytes.
fn holds(versions: &[Version], sealed: &[u8]) -> bool {
    let found = |bytes: &Vec<u8>| bytes.windows(sealed.len()).any(|part| part == sealed);
    versions.iter().filter_map(|version| version.bytes.as_ref()).any(found)
}

#[tokio::test]
async fn nothing_erased_opens_from_any_version_that_a_bucket_ever_held() {
    let moto = Moto::start().await;
    moto.keep_versions().await;
    let installation = Installation::kept(None, |_, places| {
        places.bucket = Some(bucket::profile(moto.address(), PREFIX));
    });
    let scene = Scene::over(installation.await).await;
    let installation = &scene.installation;
    let mut attacker = Attacker::new(installation);
    attacker.copy(installation).await;
    // Each object was deleted by somebody, and brought back by somebody else.
    for object in installation.objects().await {
        let path = format!("{PREFIX}/{object}");
        let versions = moto.every_version().await;
        let bytes = versions.into_iter().find(|version| version.object == path).unwrap().bytes.unwrap();
        moto.hide(&path).await;
        moto.write(&path, bytes).await;
    }
    let sealed: Vec<Vec<u8>> = attacker
        .segments
        .iter()
        .filter(|taken| taken.track == scene.doomed.track || taken.track == scene.foreign.track)
        .map(|taken| taken.sealed.clone())
        .collect();
    let stolen = moto.every_version().await;
    assert_eq!(sealed.len(), 3);
    assert!(sealed.iter().all(|sealed| holds(&stolen, sealed)));
    assert!(stolen.iter().any(|version| version.bytes.is_none()), "nothing is hidden by a marker");
    // From here on it has of segments what the versions hold and nothing else.
    attacker.segments.clear();
    for version in &stolen {
        let object = version.object.strip_prefix(&format!("{PREFIX}/"));
        if let (Some(object), Some(bytes)) = (object, &version.bytes) {
            attacker.take_object(object, bytes);
        }
    }
    scene.erase().await;
    let left = moto.every_version().await;
    assert!(!sealed.iter().any(|sealed| holds(&left, sealed)), "a version is left in the bucket");

    attacker.take_epochs(installation);
    let (erased, stays) = (scene.erased(), scene.stays());
    let segments = attacker.reads().segments;
    assert!(erased.is_subset(&segments) && stays.is_subset(&segments), "who opens nothing proves nothing");
    scene.grow_old().await;
    attacker.copy(installation).await;
    attacker.take_epochs(installation);
    let segments = attacker.reads().segments;
    assert_eq!(segments.intersection(&erased).count(), 0, "something erased opens");
    assert!(stays.is_subset(&segments), "with root and epochs in hand, what was not erased is theirs");
}
