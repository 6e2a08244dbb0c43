//! What waits to be sent: sealed pieces in files, of which none counts before it is durable and none goes without a receipt.
//!
//! ```text
//! <spool>/<writer>/run.json                          how to send what lies beside it
//! <spool>/<writer>/<from>-<kind>-<number>-<policy>   a piece, sealed to the server's key
//! <spool>/<writer>/refused/…                         pieces that the server will never take
//! ```
//!
//! A writer is one start of the agent: its numbers begin at nought and are never given twice, whatever of it is still here.
//! A file appears under its name by being renamed, after its bytes and before its directory were flushed, so that a loss of
//! power leaves it whole or not at all.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

const RUN: &str = "run.json";
const REFUSED: &str = "refused";
/// Ends the name of what is being written.
const UNFINISHED: &str = ".new";
/// No piece is larger: the server takes none.
pub const PIECE_BYTES: usize = 16 * 1024 * 1024;

/// What a piece is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Counts and applications.
    Activity,
    /// One screenshot.
    Screenshot,
}

impl Kind {
    const fn word(self) -> &'static str {
        match self {
            Self::Activity => "activity",
            Self::Screenshot => "screenshot",
        }
    }

    fn named(word: &str) -> Option<Self> {
        [Self::Activity, Self::Screenshot].into_iter().find(|kind| kind.word() == word)
    }
}

/// A piece that waits. Pieces are in the order in which they are to be sent: the oldest first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Piece {
    /// When it begins, in milliseconds since 1970.
    pub from_ms: i64,
    /// What it is of.
    pub kind: Kind,
    /// Its number in its track.
    pub number: u64,
    /// The version of the rules it was captured under.
    pub policy: u64,
    /// Which start of the agent it is of.
    pub writer: String,
}

impl Piece {
    fn file_name(&self) -> String {
        let Self { from_ms, kind, number, policy, .. } = self;
        format!("{from_ms:013}-{}-{number:08}-{policy}", kind.word())
    }

    /// Of a file that is called so; nothing where no piece is.
    fn read(writer: &str, name: &str) -> Option<Self> {
        let mut parts = name.split('-');
        let from_ms = parts.next()?.parse().ok()?;
        let kind = Kind::named(parts.next()?)?;
        let number = parts.next()?.parse().ok()?;
        let policy = parts.next()?.parse().ok()?;
        let piece = Self { from_ms, kind, number, policy, writer: writer.to_owned() };
        (parts.next().is_none() && piece.file_name() == name).then_some(piece)
    }
}

/// Why a piece is not kept.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// There is no room for it: so much is kept at most, and so much lies here.
    #[error("the spool holds {held} of {most} bytes")]
    Full {
        /// Bytes that lie here.
        held: u64,
        /// Bytes that may.
        most: u64,
    },
    /// It is larger than the server takes.
    #[error("a piece of {0} bytes is larger than any that is taken")]
    TooLarge(usize),
    /// The disk does not do it.
    #[error("{path}: {source}")]
    Disk {
        /// Where.
        path: PathBuf,
        /// What it says.
        source: io::Error,
    },
}

/// What was let go to make room.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// Screenshots that were let go, oldest first.
    pub let_go: Vec<Piece>,
}

/// The spool of one agent.
#[derive(Debug)]
pub struct Spool {
    folder: PathBuf,
    most_bytes: u64,
}

impl Spool {
    /// Opens it, and makes it where there is none. What was being written when the power failed is removed.
    ///
    /// # Errors
    /// [`SpoolError::Disk`].
    pub fn open(folder: &Path, most_bytes: u64) -> Result<Self, SpoolError> {
        fs::create_dir_all(folder).map_err(at(folder))?;
        let spool = Self { folder: folder.to_owned(), most_bytes };
        for writer in spool.writers()? {
            let of = folder.join(&writer);
            for entry in entries(&of)? {
                if entry.ends_with(UNFINISHED) {
                    let path = of.join(entry);
                    fs::remove_file(&path).map_err(at(&path))?;
                }
            }
        }
        Ok(spool)
    }

    /// Begins the pieces of one start of the agent, with what is needed to send them; or says that anew.
    ///
    /// # Errors
    /// [`SpoolError::Disk`].
    pub fn begin(&self, writer: &str, run: &[u8]) -> Result<(), SpoolError> {
        let of = self.folder.join(writer);
        if !of.exists() {
            fs::create_dir(&of).map_err(at(&of))?;
            flush(&self.folder)?;
        }
        write(&of, RUN, run)
    }

    /// What is needed to send the pieces of a writer.
    ///
    /// # Errors
    /// [`SpoolError::Disk`].
    pub fn run(&self, writer: &str) -> Result<Vec<u8>, SpoolError> {
        let path = self.folder.join(writer).join(RUN);
        fs::read(&path).map_err(at(&path))
    }

    /// Keeps a piece. Once this returns, a loss of power leaves it. Where there is no room, screenshots are let go, the oldest
    /// first, for counts and for newer ones; counts are let go for nothing.
    ///
    /// # Errors
    /// [`SpoolError`]: it is not kept then, and what it would have told of is a gap.
    pub fn keep(&self, piece: &Piece, sealed: &[u8]) -> Result<Kept, SpoolError> {
        if sealed.len() > PIECE_BYTES {
            return Err(SpoolError::TooLarge(sealed.len()));
        }
        let kept = self.make_room(sealed.len() as u64)?;
        write(&self.folder.join(&piece.writer), &piece.file_name(), sealed)?;
        Ok(kept)
    }

    fn make_room(&self, bytes: u64) -> Result<Kept, SpoolError> {
        let mut kept = Kept::default();
        let mut held = self.held_bytes()?;
        if held + bytes <= self.most_bytes {
            return Ok(kept);
        }
        let shots = self.waiting()?.into_iter().filter(|piece| piece.kind == Kind::Screenshot);
        for shot in shots {
            let path = self.path(&shot);
            let length = fs::metadata(&path).map_err(at(&path))?.len();
            self.remove(&shot)?;
            kept.let_go.push(shot);
            held = held.saturating_sub(length);
            if held + bytes <= self.most_bytes {
                return Ok(kept);
            }
        }
        Err(SpoolError::Full { held, most: self.most_bytes })
    }

    /// Everything that waits, in the order in which it is to be sent.
    ///
    /// # Errors
    /// [`SpoolError::Disk`].
    pub fn waiting(&self) -> Result<Vec<Piece>, SpoolError> {
        let mut pieces = Vec::new();
        for writer in self.writers()? {
            let names = entries(&self.folder.join(&writer))?;
            pieces.extend(names.iter().filter_map(|name| Piece::read(&writer, name)));
        }
        pieces.sort_unstable();
        Ok(pieces)
    }

    /// A piece as it was sealed.
    ///
    /// # Errors
    /// [`SpoolError::Disk`].
    pub fn read(&self, piece: &Piece) -> Result<Vec<u8>, SpoolError> {
        let path = self.path(piece);
        fs::read(&path).map_err(at(&path))
    }

    /// Lets a piece go: the server has a receipt for exactly these bytes.
    ///
    /// # Errors
    /// [`SpoolError::Disk`].
    pub fn remove(&self, piece: &Piece) -> Result<(), SpoolError> {
        let path = self.path(piece);
        fs::remove_file(&path).map_err(at(&path))
    }

    /// Puts a piece aside that the server will never take, so that it holds up no other.
    ///
    /// # Errors
    /// [`SpoolError::Disk`].
    pub fn refuse(&self, piece: &Piece) -> Result<(), SpoolError> {
        let aside = self.folder.join(&piece.writer).join(REFUSED);
        fs::create_dir_all(&aside).map_err(at(&aside))?;
        let to = aside.join(piece.file_name());
        fs::rename(self.path(piece), &to).map_err(at(&to))?;
        flush(&aside)
    }

    /// How many pieces were put aside.
    ///
    /// # Errors
    /// [`SpoolError::Disk`].
    pub fn refused(&self) -> Result<usize, SpoolError> {
        let mut count = 0;
        for writer in self.writers()? {
            let aside = self.folder.join(writer).join(REFUSED);
            count += if aside.exists() { entries(&aside)?.len() } else { 0 };
        }
        Ok(count)
    }

    /// Removes what is left of a start of the agent of which nothing waits and nothing was put aside.
    ///
    /// # Errors
    /// [`SpoolError::Disk`].
    pub fn end(&self, writer: &str) -> Result<bool, SpoolError> {
        let of = self.folder.join(writer);
        if entries(&of)?.iter().any(|name| name != RUN) {
            return Ok(false);
        }
        fs::remove_dir_all(&of).map_err(at(&of))?;
        Ok(true)
    }

    fn writers(&self) -> Result<Vec<String>, SpoolError> {
        let mut writers = entries(&self.folder)?;
        writers.retain(|name| self.folder.join(name).is_dir());
        Ok(writers)
    }

    fn held_bytes(&self) -> Result<u64, SpoolError> {
        let mut held = 0;
        for piece in self.waiting()? {
            let path = self.path(&piece);
            held += fs::metadata(&path).map_err(at(&path))?.len();
        }
        Ok(held)
    }

    fn path(&self, piece: &Piece) -> PathBuf {
        self.folder.join(&piece.writer).join(piece.file_name())
    }
}

/// Puts bytes under a name, whole or not at all.
fn write(folder: &Path, name: &str, bytes: &[u8]) -> Result<(), SpoolError> {
    let unfinished = folder.join(format!("{name}{UNFINISHED}"));
    let mut file = File::create(&unfinished).map_err(at(&unfinished))?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    if let Err(source) = written {
        // What is half there takes room that others need; that it cannot be removed changes nothing.
        drop(fs::remove_file(&unfinished));
        return Err(SpoolError::Disk { path: unfinished, source });
    }
    let path = folder.join(name);
    fs::rename(&unfinished, &path).map_err(at(&path))?;
    flush(folder)
}

fn flush(folder: &Path) -> Result<(), SpoolError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(at(folder))
}

fn entries(folder: &Path) -> Result<Vec<String>, SpoolError> {
    let read = || -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(folder)? {
            // No name of ours is anything else.
            names.extend(entry?.file_name().into_string().ok());
        }
        names.sort_unstable();
        Ok(names)
    };
    read().map_err(at(folder))
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> SpoolError + use<> {
    let path = path.to_owned();
    move |source| SpoolError::Disk { path, source }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]
mod tests {
    use super::*;

    fn piece(writer: &str, from_ms: i64, kind: Kind, number: u64) -> Piece {
        Piece { from_ms, kind, number, policy: 3, writer: writer.to_owned() }
    }

    #[test]
    fn the_oldest_goes_first_whichever_start_it_is_of() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::open(folder.path(), 1000).unwrap();
        let pieces = [
            piece("one", 5, Kind::Activity, 0),
            piece("two", 7, Kind::Screenshot, 0),
            piece("one", 9, Kind::Activity, 1),
        ];
        for writer in ["one", "two"] {
            spool.begin(writer, b"{}").unwrap();
        }
        for piece in pieces.iter().rev() {
            spool.keep(piece, b"sealed").unwrap();
        }
        let again = Spool::open(folder.path(), 1000).unwrap();
        assert_eq!(again.waiting().unwrap(), pieces);
        assert_eq!(again.read(&pieces[0]).unwrap(), b"sealed");
        again.remove(&pieces[1]).unwrap();
        assert!(again.end("two").unwrap() && !again.end("one").unwrap());
        assert_eq!(again.waiting().unwrap().len(), 2);
    }

    #[test]
    fn what_was_being_written_is_nothing_and_what_is_strange_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::open(folder.path(), 1000).unwrap();
        spool.begin("one", b"{}").unwrap();
        let half = folder.path().join("one/0000000000005-activity-00000000-3.new");
        fs::write(&half, b"hal").unwrap();
        for strange in
            ["0000000000005-activity-00000000", "5-activity-0-3", "0000000000005-keys-00000000-3", "x"]
        {
            fs::write(folder.path().join("one").join(strange), b"?").unwrap();
        }
        let spool = Spool::open(folder.path(), 1000).unwrap();
        assert_eq!(spool.waiting().unwrap(), []);
        assert!(!half.exists());
    }

    #[test]
    fn screenshots_make_room_and_counts_never_do() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::open(folder.path(), 100).unwrap();
        spool.begin("one", b"{}").unwrap();
        let shots = [piece("one", 1, Kind::Screenshot, 0), piece("one", 2, Kind::Screenshot, 1)];
        for shot in &shots {
            spool.keep(shot, &[0; 40]).unwrap();
        }
        let kept = spool.keep(&piece("one", 3, Kind::Activity, 0), &[0; 50]).unwrap();
        assert_eq!(kept.let_go, [shots[0].clone()]);
        let kept = spool.keep(&piece("one", 4, Kind::Activity, 1), &[0; 50]).unwrap();
        assert_eq!(kept.let_go, [shots[1].clone()]);
        let full = spool.keep(&piece("one", 5, Kind::Activity, 2), &[0; 1]);
        assert!(matches!(full, Err(SpoolError::Full { held: 100, most: 100 })), "{full:?}");
        assert_eq!(spool.waiting().unwrap().len(), 2);
    }

    #[test]
    fn what_is_never_taken_holds_up_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::open(folder.path(), 1000).unwrap();
        spool.begin("one", b"{}").unwrap();
        let bad = piece("one", 1, Kind::Activity, 0);
        spool.keep(&bad, b"bad").unwrap();
        spool.refuse(&bad).unwrap();
        assert_eq!((spool.waiting().unwrap().len(), spool.refused().unwrap()), (0, 1));
        assert!(!spool.end("one").unwrap(), "it is there for whoever looks");
    }
}
