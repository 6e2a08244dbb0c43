//! What other nodes do to the places that keep epochs, while one looks at them.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

mod rig;

use std::io;
use std::sync::{Arc, Mutex};

use clerestory_keys::{EpochPlace, FilePlace, KeyError, Keys};
use clerestory_model::Clock;
use rig::{DAY, Fuse, Hands, Rig, START};

/// A place at which another node rolls over right after an epoch was read, and which takes nothing any more then.
struct Overtaken {
    place: FilePlace,
    other: Arc<Mutex<Option<Arc<Keys>>>>,
    overtaken: Mutex<bool>,
    runtime: tokio::runtime::Handle,
}

impl EpochPlace for Overtaken {
    fn name(&self) -> String {
        self.place.name()
    }
    fn list(&self) -> io::Result<Vec<i64>> {
        self.place.list()
    }
    fn read(&self, epoch: i64) -> io::Result<Vec<u8>> {
        let read = self.place.read(epoch);
        if let Some(other) = self.other.lock().unwrap().take() {
            *self.overtaken.lock().unwrap() = true;
            let runtime = self.runtime.clone();
            let rolling = std::thread::spawn(move || runtime.block_on(other.roll_over()));
            rolling.join().unwrap().unwrap();
        }
        read
    }
    fn keep(&self, epoch: i64, wrapped: &[u8]) -> io::Result<()> {
        if *self.overtaken.lock().unwrap() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.place.keep(epoch, wrapped)
    }
    fn replace(&self, epoch: i64, wrapped: &[u8]) -> io::Result<()> {
        self.place.replace(epoch, wrapped)
    }
    fn remove(&self, epoch: i64) -> io::Result<()> {
        self.place.remove(epoch)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_epoch_that_another_node_ends_is_not_brought_back() {
    let (rig, clock) = (Rig::new(), Hands::at(START));
    let [first, second] = rig.places();
    let other = Arc::new(Mutex::new(None));
    let overtaken = Overtaken {
        place: FilePlace::create(second).unwrap(),
        other: Arc::clone(&other),
        overtaken: Mutex::new(false),
        runtime: tokio::runtime::Handle::current(),
    };
    let places: Vec<Box<dyn EpochPlace>> =
        vec![Box::new(FilePlace::create(first.clone()).unwrap()), Box::new(overtaken)];
    let one = rig.open_in(&clock, places).await.unwrap();
    let two = rig.open_with(&clock, [Fuse::whole(), Fuse::whole()]).await.unwrap();
    let epoch = clock.now().utc_day();
    // A copy was lost, and this round is to make it again.
    FilePlace::create(first).unwrap().remove(epoch).unwrap();
    clock.pass(9 * DAY);
    *other.lock().unwrap() = Some(Arc::clone(&two.keys));
    let rolled = one.keys.roll_over().await;
    assert!(matches!(rolled, Err(KeyError::Place { .. })), "the place takes nothing any more: {rolled:?}");
    assert!(other.lock().unwrap().is_none(), "the other node was there first");
    let gone = "SELECT count(*) FROM key_epochs WHERE state = 3";
    assert_eq!(two.number(gone).await, 1);
    assert_eq!(rig.held().map(|held| held.contains(&epoch)), [false, false], "{:?}", rig.held());
}

/// The last place decides between two secrets, unless the database knows better.
#[tokio::test]
async fn a_copy_that_is_not_what_the_database_names_is_not_believed() {
    let (rig, other, clock) = (Rig::new(), Rig::new(), Hands::at(START));
    let node = rig.open(&clock).await;
    let key = node.make(None).await;
    let before = node.secret(key).await.unwrap();
    drop(node);
    // The same root over another database makes another secret for the same day.
    std::fs::copy(rig.path().join("root.key"), other.path().join("root.key")).unwrap();
    drop(other.open(&clock).await);
    let epoch = clock.now().utc_day();
    let theirs = FilePlace::create(other.places()[1].clone()).unwrap().read(epoch).unwrap();
    FilePlace::create(rig.places()[1].clone()).unwrap().replace(epoch, &theirs).unwrap();
    let node = rig.open(&clock).await;
    assert_eq!(node.secret(key).await.unwrap(), before);
    let mended = FilePlace::create(rig.places()[1].clone()).unwrap().read(epoch).unwrap();
    assert_ne!(mended, theirs, "and the copy was replaced by a sound one");
    drop(node);
    for place in rig.places() {
        FilePlace::create(place).unwrap().replace(epoch, &theirs).unwrap();
    }
    let refused = rig.open_with(&clock, [Fuse::whole(), Fuse::whole()]).await.err();
    assert!(matches!(refused, Some(KeyError::OtherSecret(found)) if found == epoch), "{refused:?}");
}
