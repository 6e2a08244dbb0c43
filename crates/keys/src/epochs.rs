//! Epoch secrets: one per UTC day, kept outside the database in one or two places, wrapped by the root.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::Arc;

use clerestory_model::{Deployment, KeyId, OrganisationId};
use clerestory_seal::{SealedValue, SecretKey, ValueContext, open_value, seal_value};

use crate::root::sync_directory;
use crate::{KeyError, Keys};

/// The UTC day an epoch began, in days since 1970-01-01.
pub type EpochNumber = i64;

/// Somewhere that keeps wrapped epoch secrets and can really delete them.
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
        let path = self.path(epoch);
        match self.read(epoch) {
            Ok(kept) if kept == wrapped => return Ok(()),
            Ok(_) => return Err(io::ErrorKind::AlreadyExists.into()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        // A crash leaves either nothing or the whole file under its final name.
        let draft = path.with_extension("draft");
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
        file.write_all(wrapped)?;
        file.sync_all()?;
        std::fs::rename(&draft, &path)?;
        File::open(&self.directory)?.sync_all()
    }
}

impl Keys {
    /// Unwraps every epoch any place holds; one sound copy of each is enough, and a damaged one is said aloud.
    ///
    /// # Errors
    /// [`KeyError::Place`] when no place can be read, [`KeyError::WrongRoot`] when some epoch opens from none.
    pub(crate) fn load_epochs(&self) -> Result<(), KeyError> {
        let (mut readable, mut failure) = (false, None);
        let mut damaged = Vec::new();
        for place in &self.places {
            match place.list() {
                Ok(epochs) => {
                    readable = true;
                    for epoch in epochs {
                        if let Err(error) = self.load_epoch(place.as_ref(), epoch) {
                            tracing::warn!(place = place.name(), epoch, %error, "a copy of an epoch secret does not open");
                            damaged.push((epoch, error));
                        }
                    }
                }
                Err(source) => {
                    tracing::warn!(place = place.name(), %source, "an epoch place cannot be read");
                    failure = Some(KeyError::Place { place: place.name(), source });
                }
            }
        }
        if let (false, Some(failure)) = (readable, failure) {
            return Err(failure);
        }
        match damaged.into_iter().find(|(epoch, _)| self.ring().epoch(*epoch).is_none()) {
            Some((_, error)) => Err(error),
            None => Ok(()),
        }
    }

    fn load_epoch(&self, place: &dyn EpochPlace, epoch: EpochNumber) -> Result<(), KeyError> {
        if self.ring().epoch(epoch).is_some() {
            return Ok(());
        }
        let wrapped = place.read(epoch).map_err(|source| KeyError::Place { place: place.name(), source })?;
        let secret = self.unwrap_epoch(epoch, wrapped)?;
        self.ring().keep_epoch(epoch, Arc::new(secret));
        Ok(())
    }

    fn unwrap_epoch(&self, epoch: EpochNumber, wrapped: Vec<u8>) -> Result<SecretKey, KeyError> {
        let sealed = SealedValue::from_bytes(wrapped).map_err(|_| KeyError::WrongRoot)?;
        let secret = open_value(&self.root, &epoch_context(&self.deployment, epoch), &sealed)
            .map_err(|_| KeyError::WrongRoot)?;
        Ok(SecretKey::from_bytes(secret.try_into().map_err(|_| KeyError::Shape)?))
    }

    /// Makes today's epoch secret durable in every place, then re-seals every key page under it.
    ///
    /// A page that another writer changed meanwhile is left for the next round. Safe to run at any time and
    /// again. Old secrets stay; only what has re-sealed everything may destroy them.
    ///
    /// # Errors
    /// [`KeyError::Place`] when a place cannot keep the new secret: nothing is re-sealed then.
    pub async fn roll_over(&self) -> Result<(), KeyError> {
        let today = self.clock.now().utc_day();
        let newest = self.ring().newest_epoch();
        // A clock that went back makes no older epoch: the newest stays in use.
        let epoch = match newest {
            Some(newest) if newest >= today => newest,
            _ => {
                self.make_epoch(today)?;
                today
            }
        };
        self.reseal_pages(epoch).await
    }

    /// Copies every epoch secret to the places that lack it: a place that was named later, or was away when the
    /// epoch was made.
    ///
    /// # Errors
    /// [`KeyError::Place`] with the first place that cannot be read or written.
    pub(crate) fn complete_places(&self) -> Result<(), KeyError> {
        let failed = |place: &dyn EpochPlace, source| KeyError::Place { place: place.name(), source };
        let mut held = Vec::with_capacity(self.places.len());
        for place in &self.places {
            held.push((place, place.list().map_err(|source| failed(place.as_ref(), source))?));
        }
        for (from, epochs) in &held {
            for epoch in epochs {
                for (to, _) in held.iter().filter(|(_, known)| !known.contains(epoch)) {
                    let wrapped = from.read(*epoch).map_err(|source| failed(from.as_ref(), source))?;
                    // A damaged copy is not spread.
                    self.unwrap_epoch(*epoch, wrapped.clone())?;
                    to.keep(*epoch, &wrapped).map_err(|source| failed(to.as_ref(), source))?;
                }
            }
        }
        Ok(())
    }

    fn make_epoch(&self, epoch: EpochNumber) -> Result<(), KeyError> {
        // An earlier try may have reached one place and not the other: its secret is the epoch's, not a new one.
        self.load_epochs()?;
        if self.ring().epoch(epoch).is_some() {
            return self.complete_places();
        }
        let secret = SecretKey::generate();
        let context = epoch_context(&self.deployment, epoch);
        let wrapped = seal_value(&self.root, KeyId::nil(), &context, secret.dangerous_bytes());
        for place in &self.places {
            place
                .keep(epoch, wrapped.as_bytes())
                .map_err(|source| KeyError::Place { place: place.name(), source })?;
        }
        self.ring().keep_epoch(epoch, Arc::new(secret));
        Ok(())
    }
}

/// Row = the epoch number in its last eight bytes; no organisation.
fn epoch_context(deployment: &Deployment, epoch: EpochNumber) -> ValueContext<'_> {
    let mut row = [0; 16];
    for (place, byte) in row.iter_mut().skip(8).zip(epoch.to_be_bytes()) {
        *place = byte;
    }
    ValueContext {
        deployment,
        organisation: OrganisationId::nil(),
        table: "epochs",
        column: "secret",
        row,
        version: 1,
    }
}
