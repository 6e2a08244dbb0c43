//! The registry on a real database and real epoch files.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use clerestory_keys::{FilePlace, KeyError, Keys, NewKey, Protection, Purpose, RootFile, SCHEMA, unwrapping};
use clerestory_model::{Clock, KeyId, OrganisationId, RetentionClass, Timestamp};
use clerestory_sql::{Database, Lane};

struct Hands(AtomicI64);
impl Clock for Hands {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::Relaxed))
    }
}

const DAY: i64 = 86_400_000_000;
const START: i64 = 1_795_000_000_000_000;

async fn open(directory: &Path, now: i64) -> Result<Arc<Keys>, KeyError> {
    let root_path = directory.join("root.key");
    let root = if root_path.exists() {
        RootFile::open(&root_path, &Protection::Plain)?
    } else {
        RootFile::create(&root_path, "eu-1", &Protection::Plain)?
    };
    let database = Database::open_sqlite(&directory.join("db"), &[SCHEMA])?;
    let place = FilePlace::create(directory.join("epochs")).unwrap();
    Keys::open(root, vec![Box::new(place)], database, Arc::new(Hands(AtomicI64::new(now))))
        .await
        .map(Arc::new)
}

fn database(directory: &Path) -> Database {
    Database::open_sqlite(&directory.join("db"), &[SCHEMA]).unwrap()
}

async fn make(keys: &Arc<Keys>, directory: &Path, parent: Option<KeyId>) -> Result<KeyId, KeyError> {
    let keys = Arc::clone(keys);
    let new = NewKey {
        organisation: OrganisationId::new(Timestamp::from_micros(START), [1; 10]),
        class: RetentionClass::Replay,
        purpose: Purpose::Track,
        parent,
        at: Timestamp::from_micros(START),
    };
    database(directory)
        .write(Lane::Interactive, move |tx| Box::pin(async move { keys.make(tx, new).await }))
        .await
}

async fn read(keys: &Arc<Keys>, directory: &Path, key: KeyId) -> Result<[u8; 32], KeyError> {
    let keys = Arc::clone(keys);
    keys.hold_lease().await?;
    database(directory)
        .read(move |tx| {
            Box::pin(async move { Ok(*unwrapping::secret(&keys, tx, key).await?.dangerous_bytes()) })
        })
        .await
}

async fn execute(directory: &Path, sql: &'static str) {
    database(directory)
        .write(Lane::Interactive, move |tx| Box::pin(async move { tx.execute(sql, &[]).await }))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_key_is_the_same_after_a_restart_and_a_month_of_epochs() {
    let directory = tempfile::tempdir().unwrap();
    let keys = open(directory.path(), START).await.unwrap();
    let parent = make(&keys, directory.path(), None).await.unwrap();
    let child = make(&keys, directory.path(), Some(parent)).await.unwrap();
    let before = read(&keys, directory.path(), child).await.unwrap();
    drop(keys);
    let later = open(directory.path(), START + 31 * DAY).await.unwrap();
    assert_eq!(read(&later, directory.path(), child).await.unwrap(), before);
}

#[tokio::test]
async fn a_full_shard_is_followed_by_another() {
    let directory = tempfile::tempdir().unwrap();
    let keys = open(directory.path(), START).await.unwrap();
    let first = make(&keys, directory.path(), None).await.unwrap();
    execute(directory.path(), "UPDATE key_shards SET key_rows = 1024").await;
    let second = make(&keys, directory.path(), None).await.unwrap();
    let shards = database(directory.path())
        .read(move |tx| {
            Box::pin(async move {
                Ok::<_, KeyError>((keys.locate(tx, first).await?.shard, keys.locate(tx, second).await?.shard))
            })
        })
        .await
        .unwrap();
    assert_ne!(shards.0, shards.1);
}

#[tokio::test]
async fn rows_exchanged_in_the_table_do_not_open() {
    let directory = tempfile::tempdir().unwrap();
    let keys = open(directory.path(), START).await.unwrap();
    let one = make(&keys, directory.path(), None).await.unwrap();
    let other = make(&keys, directory.path(), None).await.unwrap();
    drop(keys);
    execute(
        directory.path(),
        "UPDATE key_rows SET sealed = (SELECT o.sealed FROM key_rows o WHERE o.key_id <> key_rows.key_id)
         WHERE key_id = (SELECT min(key_id) FROM key_rows)",
    )
    .await;
    let keys = open(directory.path(), START).await.unwrap();
    assert!(matches!(read(&keys, directory.path(), one.min(other)).await, Err(KeyError::Tampered(_))));
    assert!(read(&keys, directory.path(), one.max(other)).await.is_ok());
}

#[tokio::test]
async fn a_destroyed_row_opens_nowhere() {
    let directory = tempfile::tempdir().unwrap();
    let keys = open(directory.path(), START).await.unwrap();
    let key = make(&keys, directory.path(), None).await.unwrap();
    execute(directory.path(), "DELETE FROM key_rows").await;
    assert!(matches!(read(&keys, directory.path(), key).await, Err(KeyError::Unknown(gone)) if gone == key));
}

#[tokio::test]
async fn another_root_opens_nothing() {
    let directory = tempfile::tempdir().unwrap();
    drop(open(directory.path(), START).await.unwrap());
    std::fs::remove_file(directory.path().join("root.key")).unwrap();
    assert!(matches!(open(directory.path(), START).await, Err(KeyError::WrongRoot)));
}

#[test]
fn a_root_file_opens_with_its_passphrase_only() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("root.key");
    let phrase = |text: &str| Protection::Passphrase(text.to_owned().into());
    RootFile::create(&path, "eu-1", &phrase("high windows")).unwrap();
    assert!(RootFile::open(&path, &phrase("high windows")).is_ok());
    assert!(RootFile::open(&path, &phrase("low windows")).is_err());
    assert!(RootFile::open(&path, &Protection::Plain).is_err());
    assert!(RootFile::create(&path, "eu-1", &Protection::Plain).is_err());
}

/// A directory that can be told to fail.
struct Moody {
    place: FilePlace,
    fails: Arc<std::sync::atomic::AtomicBool>,
}

impl clerestory_keys::EpochPlace for Moody {
    fn name(&self) -> String {
        "moody".to_owned()
    }
    fn list(&self) -> std::io::Result<Vec<i64>> {
        self.place.list()
    }
    fn read(&self, epoch: i64) -> std::io::Result<Vec<u8>> {
        self.place.read(epoch)
    }
    fn keep(&self, epoch: i64, wrapped: &[u8]) -> std::io::Result<()> {
        match self.fails.load(Ordering::Relaxed) {
            true => Err(std::io::ErrorKind::TimedOut.into()),
            false => self.place.keep(epoch, wrapped),
        }
    }
}

#[tokio::test]
async fn a_second_place_is_completed_and_a_failed_one_is_tried_again() {
    let directory = tempfile::tempdir().unwrap();
    drop(open(directory.path(), START).await.unwrap());
    let fails = Arc::new(std::sync::atomic::AtomicBool::new(true));
    let second = directory.path().join("second");
    let hands = Arc::new(Hands(AtomicI64::new(START)));
    let root = RootFile::open(&directory.path().join("root.key"), &Protection::Plain).unwrap();
    let first = FilePlace::create(directory.path().join("epochs")).unwrap();
    let moody = Moody { place: FilePlace::create(second.clone()).unwrap(), fails: Arc::clone(&fails) };
    let places: Vec<Box<dyn clerestory_keys::EpochPlace>> = vec![Box::new(first), Box::new(moody)];
    let keys = Keys::open(root, places, database(directory.path()), hands.clone()).await.unwrap();
    let count = |path: &Path| std::fs::read_dir(path).unwrap().count();
    assert_eq!(count(&second), 0, "the second place is away");
    hands.0.fetch_add(DAY, Ordering::Relaxed);
    assert!(matches!(keys.roll_over().await, Err(KeyError::Place { .. })));
    fails.store(false, Ordering::Relaxed);
    keys.roll_over().await.unwrap();
    assert_eq!(count(&second), 2, "both days are in both places now");
    assert_eq!(count(&directory.path().join("epochs")), 2, "no second secret was drawn for the day");
}
