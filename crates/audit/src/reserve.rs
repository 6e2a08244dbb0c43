//! A reserve of disk for the log: a file that is given up when the disk is full, so that decisions, refusals before all,
//! can still be recorded. Whoever only adds captured data stops as soon as it is gone.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU8, Ordering};

use clerestory_seal::random;

/// Bytes of the reserve: some ten thousand entries.
const BYTES: usize = 8 * 1024 * 1024;
/// What a start writes at most before it answers.
const STARTING_BYTES: usize = 1024 * 1024;
/// Written at a time, and random: a file system that compresses must not make nothing of it.
const BLOCK: usize = 4096;

const UNUSED: u8 = 0;
const HELD: u8 = 1;
const GONE: u8 = 2;

/// The reserve of one server.
#[derive(Debug, Default)]
pub struct Reserve {
    place: Place,
    state: AtomicU8,
}

/// Where room is kept, or looked for.
#[derive(Debug, Default)]
enum Place {
    #[default]
    Nowhere,
    /// On the disk of the log's rows, in this file.
    Beside(PathBuf),
    /// The rows are elsewhere, where a file of ours makes no room; this server's own disk is only looked at, beside this.
    Elsewhere(PathBuf),
}

/// What [`Reserve::hold`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// The reserve is there.
    Reserve,
    /// There is none to be held, and there is room on this server's disk.
    Room,
    /// No disk is looked at.
    Unused,
}

impl Reserve {
    /// The reserve in this file, which is not made yet: [`Self::hold`] does.
    #[must_use]
    pub fn at(path: PathBuf) -> Self {
        Self { place: Place::Beside(path), state: AtomicU8::new(UNUSED) }
    }

    /// No reserve, because the log's rows are on another disk; [`Self::hold`] looks for room beside this path.
    #[must_use]
    pub fn elsewhere(path: PathBuf) -> Self {
        Self { place: Place::Elsewhere(path), state: AtomicU8::new(UNUSED) }
    }

    /// Whether the disk was full and the reserve is gone: nothing but decisions may be written until it is back.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.state.load(Ordering::SeqCst) == GONE
    }

    /// Makes the file, unless it is held and still there. It is made only where as much is free beside it, so that what was
    /// given up for entries is not taken from them at once. Says what is held now.
    ///
    /// # Errors
    /// Why nothing can be: usually the full disk.
    pub fn hold(&self) -> std::io::Result<Held> {
        let path = match &self.place {
            Place::Nowhere => return Ok(Held::Unused),
            Place::Elsewhere(path) => return probe(path, STARTING_BYTES).map(|()| Held::Room),
            Place::Beside(path) => path,
        };
        let whole = is_whole(path);
        if self.state.load(Ordering::SeqCst) == HELD && whole {
            return Ok(Held::Reserve);
        }
        // Room for the file and for as much beside it is looked for before anything that stays is written.
        let made = match whole {
            true => probe(path, BYTES),
            false => probe(path, 2 * BYTES).and_then(|()| fill(std::fs::File::create(path)?, BYTES)),
        };
        if let Err(error) = made {
            remove(path);
            self.state.store(GONE, Ordering::SeqCst);
            return Err(error);
        }
        self.state.store(HELD, Ordering::SeqCst);
        Ok(Held::Reserve)
    }

    /// Gives up the file of an earlier run where the disk is so full that a server could not even start: it starts then,
    /// and the next [`Self::hold`] says what is wrong. `alone` is asked then, and keeps others from serving while what it
    /// gives is held: the reserve of a server that runs is not touched.
    pub fn make_room_to_start<L>(&self, alone: impl FnOnce() -> Option<L>) {
        let Place::Beside(path) = &self.place else { return };
        if probe(path, STARTING_BYTES).is_err_and(|error| error.kind() == std::io::ErrorKind::StorageFull)
            && let Some(_alone) = alone()
        {
            remove(path);
        }
    }

    /// Gives the file up, for a decision that could not be recorded. `true` where that made room: what failed for a full
    /// disk is worth another try.
    pub fn give_up(&self) -> bool {
        let Place::Beside(path) = &self.place else { return false };
        if self.state.compare_exchange(HELD, GONE, Ordering::SeqCst, Ordering::SeqCst).is_err() {
            // Gone already: somebody gave it up a moment ago, and there may be room from it; or there never was one.
            return self.is_gone();
        }
        remove(path);
        true
    }
}

fn is_whole(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|found| found.len() == BYTES as u64)
}

/// Whether so much is free beside `path`. The file that finds out has a name of its own, because a command may look while
/// the server does, and loses it before it is filled: however this process ends, the room is free again.
fn probe(path: &Path, bytes: usize) -> std::io::Result<()> {
    let named = path.with_extension(format!("{:016x}.probe", u64::from_ne_bytes(random())));
    let file = std::fs::OpenOptions::new().write(true).create_new(true).open(&named)?;
    std::fs::remove_file(&named)?;
    fill(file, bytes)
}

fn fill(mut file: std::fs::File, bytes: usize) -> std::io::Result<()> {
    for _ in 0..bytes / BLOCK {
        file.write_all(&random::<BLOCK>())?;
    }
    file.sync_all()
}

/// A file that cannot be removed is still there at the next look; nothing else depends on it.
fn remove(path: &Path) {
    drop(std::fs::remove_file(path));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_given_up_once_and_taken_again() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("audit.reserve");
        let reserve = Reserve::at(path.clone());
        assert!(!reserve.give_up(), "there is nothing to give up yet");
        assert!(!reserve.is_gone());
        assert_eq!(reserve.hold().unwrap(), Held::Reserve);
        assert_eq!(std::fs::metadata(&path).unwrap().len(), BYTES as u64);
        assert!(reserve.give_up());
        assert!(reserve.is_gone() && !path.exists());
        assert_eq!(reserve.hold().unwrap(), Held::Reserve);
        assert!(!reserve.is_gone() && path.exists());
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1, "the probe is gone");
    }

    #[test]
    fn one_that_somebody_took_away_is_made_again() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("audit.reserve");
        let reserve = Reserve::at(path.clone());
        assert_eq!(reserve.hold().unwrap(), Held::Reserve);
        std::fs::remove_file(&path).unwrap();
        assert_eq!(reserve.hold().unwrap(), Held::Reserve);
        assert!(is_whole(&path));
        std::fs::write(&path, b"cut").unwrap();
        assert_eq!(reserve.hold().unwrap(), Held::Reserve);
        assert!(is_whole(&path));
    }

    #[test]
    fn a_reserve_that_cannot_be_made_is_gone() {
        let directory = tempfile::tempdir().unwrap();
        let reserve = Reserve::at(directory.path().join("no such directory").join("audit.reserve"));
        assert!(reserve.hold().is_err());
        assert!(reserve.is_gone());
    }

    #[test]
    fn without_a_place_there_is_none() {
        let reserve = Reserve::default();
        assert_eq!(reserve.hold().unwrap(), Held::Unused);
        assert!(!reserve.give_up() && !reserve.is_gone());
    }

    #[test]
    fn of_a_disk_without_the_rows_only_the_room_is_told() {
        let directory = tempfile::tempdir().unwrap();
        let reserve = Reserve::elsewhere(directory.path().join("node"));
        assert_eq!(reserve.hold().unwrap(), Held::Room);
        assert!(!reserve.give_up() && !reserve.is_gone());
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0, "nothing is left of the look");
        let gone = Reserve::elsewhere(directory.path().join("no such directory").join("node"));
        assert!(gone.hold().is_err());
        assert!(!gone.is_gone(), "the rows have room as long as their own disk has");
    }
}
