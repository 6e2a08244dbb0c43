//! Where an installation keeps its things, and making a new one.

use std::collections::BTreeSet;
use std::env::var_os;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clerestory_confine::find_ffmpeg;
use clerestory_custody::{Custody, NoPlaceAddress, PlaceAddress};
use clerestory_identity::SignInRules;
use clerestory_keys::{
    EpochPlace, FilePlace, FileTombstones, KeyError, Protection, RootAddress, RootFile, TombstonePlace,
};
use clerestory_vault::{BucketProfile, ObjectsProfile};

/// The caller knows that this installation is not meant to last: it may lie on a file system that does not.
#[derive(Clone, Copy, Debug)]
pub struct ThrowAway;

/// A second place for epoch secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecondPlace {
    /// A directory on another disk or host.
    Directory(PathBuf),
    /// At a custodian.
    Elsewhere(PlaceAddress),
}

impl FromStr for SecondPlace {
    type Err = NoPlaceAddress;
    fn from_str(text: &str) -> Result<Self, NoPlaceAddress> {
        match text.starts_with("vault:") || text.starts_with("kms:") {
            true => text.parse().map(Self::Elsewhere),
            false => Ok(Self::Directory(text.into())),
        }
    }
}

impl std::fmt::Display for SecondPlace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Directory(path) => path.display().fmt(f),
            Self::Elsewhere(address) => address.fmt(f),
        }
    }
}

/// Where an installation keeps what it is made of.
#[derive(Clone, Debug)]
pub struct Places {
    /// Database and objects.
    pub data: PathBuf,
    /// Root key and epoch secrets: beside the data, never in it.
    pub keys: PathBuf,
    /// A second place for epoch secrets, off this disk.
    pub second_epochs: Option<SecondPlace>,
    /// Somebody says that second places which are not named any more are gone.
    pub epochs_given_up: bool,
    /// How the custodians of root and epochs are reached.
    pub custody: Custody,
    /// The PostgreSQL database, where it is not a file in `data`.
    pub postgres: Option<Postgres>,
    /// The bucket that objects lie in. Without one they lie in a directory beside the database.
    pub bucket: Option<BucketProfile>,
    /// Somebody says that the objects were moved to where they are looked for now.
    pub objects_moved: bool,
    /// What is asked of those who sign in.
    pub sign_in: SignInRules,
    /// The program that works on hostile bytes when it is started for that: this one.
    pub confined: PathBuf,
    /// The `ffmpeg` that makes films and previews: what `CLERESTORY_FFMPEG` names, or the first in `PATH`.
    pub ffmpeg: Option<PathBuf>,
    /// The program that looks at what is left of erasures when it is started for that: this one.
    pub verifier: PathBuf,
}

/// The program of this process, though another may lie under its name by now.
const THIS_PROGRAM: &str = "/proc/self/exe";

/// A PostgreSQL database, and how it is known to be the right one.
#[derive(Clone)]
pub struct Postgres {
    /// `postgresql://user:password@host:port/name`.
    pub address: String,
    /// File (PEM) with the certificate of who signed the server's; needed unless it is on this machine.
    pub roots: Option<PathBuf>,
}

impl std::fmt::Debug for Postgres {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The address holds a password.
        f.debug_struct("Postgres").field("roots", &self.roots).finish_non_exhaustive()
    }
}

/// Why an installation cannot be made or found.
#[derive(Debug, thiserror::Error)]
pub enum PlacesError {
    /// Something is there already.
    #[error("{0} exists: `init` never writes over an installation. Choose another --data, or use this one")]
    Exists(PathBuf),
    /// Nothing is there.
    #[error("there is no installation at {0}: run `clerestory init --data {0}` first")]
    Missing(PathBuf),
    /// There are keys and no database.
    #[error(
        "{0} is missing though its keys are in {1}: bring the database back. \
         If `init` was cut off and nothing was ever recorded, remove {1} and run it again"
    )]
    NoDatabase(PathBuf, PathBuf),
    /// A place holds epochs already.
    #[error(
        "the epoch place {0} holds epoch secrets already: `init` never writes over those of an installation. Choose \
         another place; or, if `init` was cut off and nothing was ever recorded, remove what it holds"
    )]
    EpochsExist(String),
    /// The second place is not there.
    #[error("the second epoch place {path} is not there: mount its disk, or make the directory if it is new")]
    SecondPlace {
        /// Where it should be.
        path: SecondPlace,
        /// Why it cannot be read.
        source: std::io::Error,
    },
    /// Another process serves it.
    #[error("another process serves {0}: stop it first, or choose another --data")]
    InUse(PathBuf),
    /// The file system forgets.
    #[error("{0} lies on {1}, which is empty after a restart: choose a directory on a disk")]
    Ephemeral(PathBuf, String),
    /// A directory cannot be made.
    #[error("{path}: {source}")]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Keys cannot be made or read.
    #[error(transparent)]
    Keys(#[from] KeyError),
}

impl Places {
    /// The usual places: keys in `<data>.keys` beside the data.
    #[must_use]
    pub fn beside(data: &Path, second_epochs: Option<SecondPlace>) -> Self {
        let mut keys = data.as_os_str().to_owned();
        keys.push(".keys");
        let data = data.to_owned();
        Self {
            data,
            keys: keys.into(),
            second_epochs,
            epochs_given_up: false,
            custody: Custody::default(),
            postgres: None,
            bucket: None,
            objects_moved: false,
            sign_in: SignInRules::default(),
            confined: THIS_PROGRAM.into(),
            ffmpeg: find_ffmpeg(var_os("CLERESTORY_FFMPEG").as_deref(), var_os("PATH").as_deref()),
            verifier: THIS_PROGRAM.into(),
        }
    }

    /// The database file.
    #[must_use]
    pub fn database(&self) -> PathBuf {
        self.data.join("clerestory.db")
    }

    /// The object store: a bucket, or the directory `objects` in the data.
    #[must_use]
    pub fn objects(&self) -> ObjectsProfile {
        match &self.bucket {
            Some(bucket) => ObjectsProfile::Bucket(bucket.clone()),
            None => ObjectsProfile::Directory(self.data.join("objects")),
        }
    }

    /// The root key file.
    #[must_use]
    pub fn root_key(&self) -> PathBuf {
        self.keys.join("root.key")
    }

    /// Makes a new installation's directories and root key. The first epoch and the database follow when it opens.
    ///
    /// # Errors
    /// [`PlacesError::Exists`], [`PlacesError::EpochsExist`], [`PlacesError::Ephemeral`] unless it is to be thrown away.
    pub fn init(
        &self,
        region: &str,
        protection: &Protection,
        throw_away: Option<ThrowAway>,
    ) -> Result<RootFile, PlacesError> {
        self.prepare(throw_away)?;
        Ok(RootFile::create(&self.root_key(), region, protection)?)
    }

    /// As [`Self::init`], with a root that its keeper never gives out. The root key file holds its address.
    ///
    /// # Errors
    /// As [`Self::init`]; [`PlacesError::Keys`] when the root cannot be used.
    pub fn init_with_root_at(
        &self,
        region: &str,
        root: RootAddress,
        throw_away: Option<ThrowAway>,
    ) -> Result<RootFile, PlacesError> {
        self.prepare(throw_away)?;
        Ok(RootFile::create_elsewhere(&self.root_key(), region, root, &self.custody)?)
    }

    /// Makes the directories, and sees that nothing is there that an installation could lose.
    fn prepare(&self, throw_away: Option<ThrowAway>) -> Result<(), PlacesError> {
        for path in [self.root_key(), self.database()] {
            // With PostgreSQL there is no file; `App::refuse_existing` looks there.
            if path.exists() {
                return Err(PlacesError::Exists(path));
            }
        }
        let second = match &self.second_epochs {
            Some(SecondPlace::Directory(path)) => Some(path),
            _ => None,
        };
        for path in [Some(&self.keys), Some(&self.data), second].into_iter().flatten() {
            make_private(path)?;
            if throw_away.is_none()
                && let Some(kind) = ephemeral(path)
            {
                return Err(PlacesError::Ephemeral(path.clone(), kind));
            }
        }
        for place in self.epochs()? {
            let held = place.list().map_err(|source| KeyError::Place { place: place.name(), source })?;
            if !held.is_empty() {
                return Err(PlacesError::EpochsExist(place.name()));
            }
        }
        Ok(())
    }

    /// Reads the root key of an existing installation. A database that is missing is never made anew: an empty one
    /// in the place of the real one would look like everything was lost.
    ///
    /// # Errors
    /// [`PlacesError::Missing`], [`PlacesError::NoDatabase`], [`PlacesError::Keys`].
    pub fn open(&self, protection: &Protection) -> Result<RootFile, PlacesError> {
        if !self.root_key().exists() {
            return Err(PlacesError::Missing(self.data.clone()));
        }
        if self.postgres.is_some() {
            // A further node brings nothing along but the keys: its own directory may be new.
            make_private(&self.data)?;
        } else if !self.database().exists() {
            return Err(PlacesError::NoDatabase(self.database(), self.keys.clone()));
        }
        Ok(RootFile::open_with(&self.root_key(), protection, &self.custody)?)
    }

    /// Reads the root key for a restore, which may put a copy where the database is missing.
    ///
    /// # Errors
    /// [`PlacesError::Missing`], [`PlacesError::Keys`].
    pub fn open_to_restore(&self, protection: &Protection) -> Result<RootFile, PlacesError> {
        if !self.root_key().exists() {
            return Err(PlacesError::Missing(self.data.clone()));
        }
        make_private(&self.data)?;
        Ok(RootFile::open_with(&self.root_key(), protection, &self.custody)?)
    }

    /// Goes on with an `init` that was cut off between root key and database: only for what is to be thrown away.
    ///
    /// # Errors
    /// [`PlacesError::Io`], [`PlacesError::Keys`].
    pub fn open_unfinished(&self, protection: &Protection, _: ThrowAway) -> Result<RootFile, PlacesError> {
        make_private(&self.data)?;
        Ok(RootFile::open_with(&self.root_key(), protection, &self.custody)?)
    }

    /// Takes the installation for this process alone; it is free again when the file is dropped.
    ///
    /// # Errors
    /// [`PlacesError::InUse`] when another process serves it.
    pub fn lock(&self) -> Result<std::fs::File, PlacesError> {
        let path = self.data.join("serving.lock");
        let file = std::fs::OpenOptions::new().create(true).append(true).open(&path);
        let file = file.map_err(|source| PlacesError::Io { path: path.clone(), source })?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(std::fs::TryLockError::WouldBlock) => Err(PlacesError::InUse(self.data.clone())),
            Err(std::fs::TryLockError::Error(source)) => Err(PlacesError::Io { path, source }),
        }
    }

    /// The places that keep epoch secrets.
    ///
    /// # Errors
    /// [`PlacesError::Io`] when one cannot be made.
    pub fn epochs(&self) -> Result<Vec<Box<dyn EpochPlace>>, PlacesError> {
        let own = self.keys.join("epochs");
        let io = |path: PathBuf| move |source| PlacesError::Io { path, source };
        let mut places: Vec<Box<dyn EpochPlace>> =
            vec![Box::new(FilePlace::create(own.clone()).map_err(io(own))?)];
        if let Some(second) = &self.second_epochs {
            places.push(self.second(second)?);
        }
        Ok(places)
    }

    /// A second place, as its address says.
    ///
    /// # Errors
    /// [`PlacesError::SecondPlace`].
    pub fn second(&self, second: &SecondPlace) -> Result<Box<dyn EpochPlace>, PlacesError> {
        let place: std::io::Result<Box<dyn EpochPlace>> = match second {
            SecondPlace::Directory(path) => FilePlace::open(path.clone()).map(|place| Box::new(place) as _),
            SecondPlace::Elsewhere(address) => self.custody.place(address),
        };
        place.map_err(|source| match second {
            SecondPlace::Directory(_) => PlacesError::SecondPlace { path: second.clone(), source },
            SecondPlace::Elsewhere(_) => KeyError::Place { place: second.to_string(), source }.into(),
        })
    }

    /// The places that keep tombstones, beside the objects: the second place, where there is one that has room for them.
    ///
    /// # Errors
    /// [`PlacesError::SecondPlace`], [`PlacesError::Keys`].
    pub fn tombstones(&self) -> Result<Vec<Box<dyn TombstonePlace>>, PlacesError> {
        let Some(second) = &self.second_epochs else { return Ok(Vec::new()) };
        let place: Option<Box<dyn TombstonePlace>> = match second {
            SecondPlace::Directory(path) => {
                let place = FileTombstones::open(path.clone());
                let missing = |source| PlacesError::SecondPlace { path: second.clone(), source };
                Some(Box::new(place.map_err(missing)?))
            }
            SecondPlace::Elsewhere(address) => self
                .custody
                .tombstones(address)
                .map_err(|source| KeyError::Place { place: second.to_string(), source })?,
        };
        Ok(place.into_iter().collect())
    }

    /// The places beside the root key's own, as the database remembers them.
    pub(crate) fn second_names(&self) -> BTreeSet<String> {
        let name = |second: &SecondPlace| match second {
            // However it was named, it is one directory.
            SecondPlace::Directory(path) => path.canonicalize().unwrap_or(path.clone()).display().to_string(),
            SecondPlace::Elsewhere(address) => address.to_string(),
        };
        self.second_epochs.iter().map(name).collect()
    }

    /// Whether the second place lies on the same disk as the first, where it protects against nothing.
    #[must_use]
    pub fn on_one_disk(&self) -> bool {
        use std::os::unix::fs::MetadataExt;
        let device = |path: &Path| path.metadata().ok().map(|metadata| metadata.dev());
        match &self.second_epochs {
            Some(SecondPlace::Directory(second)) => device(second) == device(&self.keys),
            _ => false,
        }
    }
}

fn make_private(path: &Path) -> Result<(), PlacesError> {
    use std::os::unix::fs::DirBuilderExt;
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
    // The entry in the directory above must survive a loss of power as the files in it do.
    let above = path.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
    made.and_then(|()| std::fs::File::open(above)?.sync_all())
        .map_err(|source| PlacesError::Io { path: path.to_owned(), source })
}

/// The kind of the file system `path` lies on, if it is one that forgets.
fn ephemeral(path: &Path) -> Option<String> {
    let path = path.canonicalize().ok()?;
    let mounts = std::fs::read_to_string("/proc/self/mounts").ok()?;
    let deepest = mounts
        .lines()
        .filter_map(|line| {
            let mut fields = line.split(' ').skip(1);
            Some((fields.next()?, fields.next()?))
        })
        .filter(|(mount, _)| path.starts_with(mount))
        .max_by_key(|(mount, _)| mount.len())?;
    let forgets = ["tmpfs", "ramfs", "overlay"];
    forgets.contains(&deepest.1).then(|| deepest.1.to_owned())
}
