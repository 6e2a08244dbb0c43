//! Where wrapped epoch secrets are kept, and really deleted.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clerestory_seal::random;

use crate::root::sync_directory;

/// The number of an epoch: the UTC day it began, in days since 1970-01-01, or one more than the highest there was
/// where that is later.
pub type EpochNumber = i64;

/// Somewhere that keeps wrapped epoch secrets and can really delete them.
///
/// Several nodes may use one place at once. The last place that was named decides between nodes that make the same
/// epoch together, so [`Self::keep`] must be create-only there.
pub trait EpochPlace: Send + Sync {
    /// Its name, for people.
    fn name(&self) -> String;
    /// The epochs it holds.
    ///
    /// # Errors
    /// Any failure to read the place.
    fn list(&self) -> io::Result<Vec<EpochNumber>>;
    /// The wrapped secret of an epoch it holds.
    ///
    /// # Errors
    /// Any failure to read the place, `NotFound` where it does not hold the epoch.
    fn read(&self, epoch: EpochNumber) -> io::Result<Vec<u8>>;
    /// Keeps a wrapped secret durably. Keeping the same bytes again is fine.
    ///
    /// # Errors
    /// Any failure to write, `AlreadyExists` where other bytes are kept under this number.
    fn keep(&self, epoch: EpochNumber, wrapped: &[u8]) -> io::Result<()>;
    /// Replaces the bytes of an epoch by the same secret wrapped anew: durably, and never by a half of them.
    ///
    /// # Errors
    /// Any failure to write.
    fn replace(&self, epoch: EpochNumber, wrapped: &[u8]) -> io::Result<()>;
    /// Destroys an epoch durably. One that is not there is fine.
    ///
    /// # Errors
    /// Any failure: then it may still be there.
    fn remove(&self, epoch: EpochNumber) -> io::Result<()>;
    /// How long somebody could still bring back here what was removed.
    fn waiting(&self) -> Duration {
        Duration::ZERO
    }
}

/// A directory that keeps one file per epoch.
pub struct FilePlace {
    directory: PathBuf,
}

impl FilePlace {
    /// The place in `directory`, which is made when it is absent.
    ///
    /// # Errors
    /// When the directory cannot be made.
    pub fn create(directory: PathBuf) -> io::Result<Self> {
        std::fs::create_dir_all(&directory)?;
        sync_directory(&directory)?;
        Ok(Self { directory })
    }

    /// The place in a directory that is there. One that is not is never made: it may be on a disk that is not mounted.
    ///
    /// # Errors
    /// `NotFound` when it is not there.
    pub fn open(directory: PathBuf) -> io::Result<Self> {
        std::fs::read_dir(&directory)?;
        Ok(Self { directory })
    }

    fn path(&self, epoch: EpochNumber) -> PathBuf {
        self.directory.join(format!("{epoch}.epoch"))
    }

    fn sync(&self) -> io::Result<()> {
        File::open(&self.directory)?.sync_all()
    }
}

impl EpochPlace for FilePlace {
    fn name(&self) -> String {
        self.directory.display().to_string()
    }

    fn list(&self) -> io::Result<Vec<EpochNumber>> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(&self.directory)? {
            let name = entry?.file_name();
            let number: Option<EpochNumber> =
                name.to_str().and_then(|name| name.strip_suffix(".epoch")?.parse().ok());
            found.extend(number);
        }
        Ok(found)
    }

    fn read(&self, epoch: EpochNumber) -> io::Result<Vec<u8>> {
        std::fs::read(self.path(epoch))
    }

    fn keep(&self, epoch: EpochNumber, wrapped: &[u8]) -> io::Result<()> {
        create_only(&self.directory, &self.path(epoch), wrapped)
    }

    fn replace(&self, epoch: EpochNumber, wrapped: &[u8]) -> io::Result<()> {
        let path = self.path(epoch);
        let draft = write_draft(&self.directory, &path, wrapped)?;
        std::fs::rename(&draft, path)?;
        self.sync()
    }

    fn remove(&self, epoch: EpochNumber) -> io::Result<()> {
        remove_if_there(&self.path(epoch))?;
        // What a write that was cut off left holds the same secret.
        let drafts = format!("{epoch}.epoch.");
        for entry in std::fs::read_dir(&self.directory)? {
            let entry = entry?;
            if entry.file_name().to_str().is_some_and(|name| name.starts_with(&drafts)) {
                remove_if_there(&entry.path())?;
            }
        }
        self.sync()
    }
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Makes `path` in `directory` with exactly these bytes, durably. The same bytes again are fine.
///
/// A crash leaves either nothing or the whole file under its final name, and of two that write at once one wins.
///
/// # Errors
/// `AlreadyExists` where other bytes are there.
pub(crate) fn create_only(directory: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let draft = write_draft(directory, path, bytes)?;
    let linked = std::fs::hard_link(&draft, path);
    std::fs::remove_file(&draft)?;
    match linked {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            if std::fs::read(path)? != bytes {
                return Err(error);
            }
        }
        other => other?,
    }
    File::open(directory)?.sync_all()
}

/// A draft of `path`, beside it: its name begins with the other's, so that whoever removes that finds it.
fn write_draft(directory: &Path, path: &Path, bytes: &[u8]) -> io::Result<PathBuf> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let draft = directory.join(format!("{name}.{}.draft", hex::encode(random::<8>())));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    Ok(draft)
}
