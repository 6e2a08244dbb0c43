//! The list of breached passwords, where a deployment has one: lines of a SHA-1 in hex, in order, as haveibeenpwned's
//! downloader writes them. Tens of gigabytes: it is searched where it lies and never loaded.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// Letters of a SHA-1 in hex.
const HEX: usize = 40;
/// The longest line there is: a hash, a colon, a count, and how the line ends.
const LINE: u64 = 80;

/// Why the list cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BreachedError {
    /// It cannot be read.
    #[error("{path} cannot be read")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A line is no SHA-1 in hex.
    #[error("{path} has no SHA-1 in hex on the line at byte {at}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Where.
        at: u64,
    },
    /// A line does not come after the ones before it: searching would miss some.
    #[error("{path} is not in the order of its hashes at byte {at}: download it again, ordered by hash")]
    Disordered {
        /// The file.
        path: PathBuf,
        /// Where.
        at: u64,
    },
}

type Hash = [u8; HEX];

struct List<'p> {
    path: &'p Path,
    file: BufReader<File>,
    bytes: u64,
}

/// Whether the list at `path` has this SHA-1.
pub(crate) fn contains(path: &Path, sha1: [u8; 20]) -> Result<bool, BreachedError> {
    let mut wanted = [0; HEX];
    for (pair, byte) in wanted.chunks_exact_mut(2).zip(sha1) {
        pair.copy_from_slice(format!("{byte:02X}").as_bytes());
    }
    List::open(path)?.search(&wanted)
}

/// Sees that there is a list at `path`, which begins and ends as one does.
pub(crate) fn check(path: &Path) -> Result<(), BreachedError> {
    // Neither is in any list; looking for them reads its first line and its last.
    let mut list = List::open(path)?;
    list.line(0)?;
    list.search(&[b'0'; HEX])?;
    list.search(&[b'F'; HEX]).map(drop)
}

impl<'p> List<'p> {
    fn open(path: &'p Path) -> Result<Self, BreachedError> {
        let fail = |source| BreachedError::Io { path: path.to_owned(), source };
        let file = File::open(path).map_err(fail)?;
        let bytes = file.metadata().map_err(fail)?.len();
        // A page of the disk: what is read beside a line costs nothing.
        Ok(Self { path, file: BufReader::with_capacity(4096, file), bytes })
    }

    /// By halves. Each line that is read must lie between the two that were nearest so far.
    fn search(&mut self, wanted: &Hash) -> Result<bool, BreachedError> {
        let (mut from, mut to) = (0, self.bytes);
        let (mut below, mut above): (Option<Hash>, Option<Hash>) = (None, None);
        while from < to {
            let middle = from + (to - from) / 2;
            let at = self.line_after(middle)?;
            if at >= to {
                to = middle;
                continue;
            }
            let (found, next) = self.line(at)?;
            if below.is_some_and(|below| found <= below) || above.is_some_and(|above| found >= above) {
                return Err(BreachedError::Disordered { path: self.path.to_owned(), at });
            }
            match found.cmp(wanted) {
                std::cmp::Ordering::Equal => return Ok(true),
                std::cmp::Ordering::Less => (from, below) = (next, Some(found)),
                std::cmp::Ordering::Greater => (to, above) = (middle, Some(found)),
            }
        }
        Ok(false)
    }

    /// Where the first line begins that begins at `at` or later.
    fn line_after(&mut self, at: u64) -> Result<u64, BreachedError> {
        let Some(before) = at.checked_sub(1) else { return Ok(0) };
        Ok(before + self.read(before)?.len() as u64)
    }

    /// The hash on the line that begins at `at`, and where the next begins.
    fn line(&mut self, at: u64) -> Result<(Hash, u64), BreachedError> {
        let malformed = || BreachedError::Malformed { path: self.path.to_owned(), at };
        let line = self.read(at)?;
        let (hash, rest) = line.split_first_chunk::<HEX>().ok_or_else(malformed)?;
        let ends = matches!(rest.first(), None | Some(b':' | b'\r' | b'\n'));
        if !ends || !hash.iter().all(u8::is_ascii_hexdigit) {
            return Err(malformed());
        }
        Ok((hash.map(|letter| letter.to_ascii_uppercase()), at + line.len() as u64))
    }

    /// What is from `at` to the end of its line.
    fn read(&mut self, at: u64) -> Result<Vec<u8>, BreachedError> {
        let mut line = Vec::new();
        let read = self
            .file
            .seek(SeekFrom::Start(at))
            .and_then(|_| (&mut self.file).take(LINE).read_until(b'\n', &mut line));
        match read {
            Ok(_) => Ok(line),
            Err(source) => Err(BreachedError::Io { path: self.path.to_owned(), source }),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use clerestory_seal::sha1;

    use super::*;

    fn list(lines: &[String], end: &str) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        for line in lines {
            write!(file, "{line}{end}").unwrap();
        }
        file.flush().unwrap();
        file
    }

    fn hashes(count: u32) -> Vec<[u8; 20]> {
        (0..count).map(|number| sha1(&number.to_be_bytes())).collect()
    }

    /// As the downloader writes it, with counts and without, whatever the lines end in.
    #[test]
    fn every_hash_of_a_list_is_found_and_no_other() {
        for (count, suffix, end) in [(1, "", "\n"), (2, ":7", "\n"), (257, ":104", "\r\n"), (1000, "", "\n")]
        {
            let all = hashes(count * 2);
            let (listed, absent) = all.split_at(count as usize);
            let mut lines: Vec<String> = listed.iter().map(|hash| hex(hash) + suffix).collect();
            lines.sort();
            let file = list(&lines, end);
            check(file.path()).unwrap();
            assert!(listed.iter().all(|hash| contains(file.path(), *hash).unwrap()), "{count}");
            assert!(!absent.iter().any(|hash| contains(file.path(), *hash).unwrap()), "{count}");
        }
    }

    #[test]
    fn a_list_without_order_or_of_something_else_is_not_believed() {
        let mut lines: Vec<String> = hashes(200).iter().map(hex_of).collect();
        lines.sort();
        lines.reverse();
        let file = list(&lines, "\n");
        let found = contains(file.path(), sha1(b"anything"));
        assert!(matches!(found, Err(BreachedError::Disordered { .. })), "{found:?}");
        let file = list(&["password".to_owned(), "letmein".to_owned()], "\n");
        assert!(matches!(check(file.path()), Err(BreachedError::Malformed { at: 0, .. })));
        assert!(matches!(check(list(&[], "").path()), Err(BreachedError::Malformed { at: 0, .. })));
        assert!(matches!(check(Path::new("/nowhere/at/all")), Err(BreachedError::Io { .. })));
    }

    fn hex(hash: &[u8; 20]) -> String {
        hash.iter().map(|byte| format!("{byte:02X}")).collect()
    }

    fn hex_of(hash: &[u8; 20]) -> String {
        hex(hash)
    }
}
