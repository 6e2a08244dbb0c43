//! The object store: a local directory with fsync on, or a bucket. Addressed by [`ObjectPath`] and never by a made-up
//! text.
//!
//! A bucket says that it stored something and may still not have it: the network lies, and so does what stands between.
//! So every object that is put in a bucket is looked at before its put counts. A put whose answer was lost is sent
//! again with the same bytes; that they are there already is then as good.

use std::fs::File;
use std::ops::Range;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use clerestory_model::{OrganisationId, RecordingId, Timestamp, TrackId};
use clerestory_store::segments::Extent;
use futures_util::TryStreamExt;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutPayload};

use crate::StoreError;
use crate::error::chain;
use crate::versions::Versions;

/// Every kind of object there is, and where it lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ObjectPath<'a> {
    /// A file of the ingest log of one run of one node.
    Log {
        /// The run.
        generation: &'a str,
        /// The file's number in it.
        number: u32,
    },
    /// Everything of one run of one node in the ingest log: ends with `/`.
    LogRun {
        /// The run.
        generation: &'a str,
    },
    /// Every file of the ingest log: ends with `/`.
    AllLogs,
    /// A large segment as an object of its own. The suffix is random, so that a retry never writes over.
    Segment {
        /// Whose it is.
        organisation: OrganisationId,
        /// The recording it is part of.
        recording: RecordingId,
        /// The track it is part of.
        track: TrackId,
        /// Its number in the track.
        sequence: u64,
        /// Sixteen hex digits.
        suffix: &'a str,
    },
    /// What names the store, so that it is told from every other.
    Mark,
    /// A part of a track ([`PartName`](crate::PartName)).
    Part(crate::PartName),
    /// Every large segment of one track: ends with `/`.
    SegmentsOf {
        /// Whose it is.
        organisation: OrganisationId,
        /// The recording it is part of.
        recording: RecordingId,
        /// The track.
        track: TrackId,
    },
    /// Every part of one track: ends with `/`.
    PartsOf {
        /// Whose it is.
        organisation: OrganisationId,
        /// The recording it is part of.
        recording: RecordingId,
        /// The track.
        track: TrackId,
    },
    /// Every large segment of one recording: ends with `/`.
    SegmentsOfRecording {
        /// Whose it is.
        organisation: OrganisationId,
        /// The recording.
        recording: RecordingId,
    },
    /// Every part of one recording: ends with `/`.
    PartsOfRecording {
        /// Whose it is.
        organisation: OrganisationId,
        /// The recording.
        recording: RecordingId,
    },
    /// Every large segment of one organisation: ends with `/`.
    SegmentsOfOrganisation {
        /// Whose they are.
        organisation: OrganisationId,
    },
    /// Every part of one organisation: ends with `/`.
    PartsOfOrganisation {
        /// Whose they are.
        organisation: OrganisationId,
    },
    /// Tombstones, made once and kept for ever.
    Tombstones {
        /// Their name, which is of their bytes: 32 hex digits.
        name: &'a str,
    },
    /// Every object of tombstones: ends with `/`.
    AllTombstones,
    /// The claim of one generation of an installation, made once.
    Instance {
        /// Its number, from 1.
        generation: u64,
    },
    /// What the check at start puts, reads and deletes.
    Probe {
        /// Sixteen hex digits.
        suffix: &'a str,
    },
}

impl ObjectPath<'_> {
    /// The path below the root of the store.
    #[must_use]
    pub fn path(&self) -> String {
        match self {
            Self::Log { generation, number } => format!("log/{generation}/{number:08}.log"),
            Self::LogRun { generation } => format!("log/{generation}/"),
            Self::AllLogs => "log/".to_owned(),
            Self::Segment { organisation, recording, track, sequence, suffix } => {
                format!("segments/{organisation}/{recording}/{track}/{sequence:010}-{suffix}")
            }
            Self::Mark => "clerestory-store.json".to_owned(),
            Self::Part(name) => name.to_string(),
            Self::SegmentsOf { organisation, recording, track } => {
                format!("segments/{organisation}/{recording}/{track}/")
            }
            Self::PartsOf { organisation, recording, track } => {
                format!("parts/{organisation}/{recording}/{track}/")
            }
            Self::SegmentsOfRecording { organisation, recording } => {
                format!("segments/{organisation}/{recording}/")
            }
            Self::PartsOfRecording { organisation, recording } => {
                format!("parts/{organisation}/{recording}/")
            }
            Self::SegmentsOfOrganisation { organisation } => format!("segments/{organisation}/"),
            Self::PartsOfOrganisation { organisation } => format!("parts/{organisation}/"),
            Self::Tombstones { name } => format!("tombstones/{name}"),
            Self::AllTombstones => "tombstones/".to_owned(),
            Self::Instance { generation } => format!("instances/{generation:010}"),
            Self::Probe { suffix } => format!("probe/{suffix}"),
        }
    }
}

/// How long a bucket is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// One request, from its first byte to the last of the answer.
    pub request: Duration,
    /// How often one object is sent before it is given up.
    pub attempts: u32,
    /// Pause before it is sent a second time; each further pause is twice as long.
    pub pause: Duration,
}

impl Default for Patience {
    /// 8 MiB in 20 s is a line of 3.4 Mbit/s; four attempts with their pauses end within 82 s.
    fn default() -> Self {
        Self { request: Duration::from_secs(20), attempts: 4, pause: Duration::from_millis(200) }
    }
}

/// An object that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its path below the root of the store.
    pub object: String,
    /// Its length.
    pub bytes: u64,
}

pub(crate) enum Place {
    Directory(PathBuf),
    Bucket { shown: String, versions: Option<Versions>, patience: Patience, kept: Duration },
}

/// Where sealed bytes lie. Cheap to clone.
#[derive(Clone)]
pub struct Objects {
    place: Arc<Place>,
    store: Arc<dyn ObjectStore>,
}

impl Objects {
    /// The store in the directory `root`, which is made when it is absent.
    ///
    /// # Errors
    /// [`StoreError::Log`] when the directory cannot be made, [`StoreError::Objects`] when it cannot be used.
    pub fn local(root: PathBuf) -> Result<Self, StoreError> {
        // The root's own entry must survive a loss of power too: everything that is acknowledged lies below it.
        let above = root.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(FilePath::new("."));
        std::fs::create_dir_all(&root)
            .and_then(|()| File::open(above)?.sync_all())
            .map_err(|error| StoreError::Log(error.to_string()))?;
        Self::in_directory(root)
    }

    /// The store in a directory that is there.
    pub(crate) fn in_directory(root: PathBuf) -> Result<Self, StoreError> {
        let store = LocalFileSystem::new_with_prefix(&root).map_err(StoreError::Objects)?.with_fsync(true);
        Ok(Self { place: Arc::new(Place::Directory(root)), store: Arc::new(store) })
    }

    pub(crate) fn in_place(place: Place, store: Arc<dyn ObjectStore>) -> Self {
        Self { place: Arc::new(place), store }
    }

    /// The directory of the store, if it is one.
    #[must_use]
    pub fn directory(&self) -> Option<&FilePath> {
        match &*self.place {
            Place::Directory(root) => Some(root),
            Place::Bucket { .. } => None,
        }
    }

    /// How long a rule of the store's own keeps what was deleted from it.
    #[must_use]
    pub fn kept_after_deletion(&self) -> Duration {
        match &*self.place {
            Place::Directory(_) => Duration::ZERO,
            Place::Bucket { kept, .. } => *kept,
        }
    }

    /// Where the objects lie, for people: a directory, or an address like `s3://bucket/prefix`.
    #[must_use]
    pub fn shown(&self) -> String {
        match &*self.place {
            Place::Directory(root) => root.display().to_string(),
            Place::Bucket { shown, .. } => shown.clone(),
        }
    }

    /// Stores an object that must not exist yet, unless with the same bytes; durable when this returns.
    ///
    /// # Errors
    /// [`StoreError::Exists`] when another object has the name; [`StoreError::Full`]; [`StoreError::Unavailable`] and
    /// [`StoreError::NotKept`] when a bucket did not take it within its [`Patience`]: try again later;
    /// [`StoreError::Denied`], [`StoreError::Objects`].
    pub async fn put(&self, path: &str, bytes: impl Into<Bytes>) -> Result<(), StoreError> {
        let bytes = bytes.into();
        let Place::Bucket { patience, .. } = &*self.place else { return self.put_once(path, &bytes).await };
        let mut pause = patience.pause;
        for _ in 1..patience.attempts {
            match self.put_once(path, &bytes).await {
                Err(error) if error.passes() => {
                    tracing::warn!(
                        error = chain(&error),
                        object = path,
                        "an object was not stored; it is sent again"
                    );
                    tokio::time::sleep(pause).await;
                    pause *= 2;
                }
                other => return other,
            }
        }
        self.put_once(path, &bytes).await
    }

    async fn put_once(&self, path: &str, bytes: &Bytes) -> Result<(), StoreError> {
        let at = Path::from(path);
        let payload = PutPayload::from_bytes(bytes.clone());
        match self.store.put_opts(&at, payload, PutMode::Create.into()).await.map_err(StoreError::from) {
            Ok(_) if self.directory().is_some() => self.sync_with_way(path).await,
            Ok(_) => match self.store.head(&at).await.map_err(StoreError::from) {
                Ok(found) if found.size == bytes.len() as u64 => Ok(()),
                Ok(_) | Err(StoreError::Missing) => Err(StoreError::NotKept { object: path.to_owned() }),
                Err(other) => Err(other),
            },
            // The answer to an earlier attempt was lost, maybe inside of the client: our own bytes are no stranger's.
            Err(StoreError::Exists) => match self.whole(path).await? == *bytes {
                true => self.sync_with_way(path).await,
                false => Err(StoreError::Exists),
            },
            Err(other) => Err(other),
        }
    }

    /// In a directory: makes an object durable, or its absence, with the entry of every directory on the way to it. The
    /// store does so for directories it makes itself; one that another put has just made may not be durable yet. It does
    /// not at all when it deletes.
    async fn sync_with_way(&self, path: &str) -> Result<(), StoreError> {
        let Some(root) = self.directory().map(FilePath::to_owned) else { return Ok(()) };
        let object = root.join(path);
        let synced = tokio::task::spawn_blocking(move || {
            for entry in object.ancestors().take_while(|entry| entry.starts_with(&root)) {
                match File::open(entry).and_then(|open| open.sync_all()) {
                    Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
                    _ => {}
                }
            }
            Ok(())
        });
        let synced = synced.await.map_err(|_| StoreError::Closed)?;
        synced.map_err(|error| StoreError::Log(error.to_string()))
    }

    /// How much is left of an object: every version that the bucket keeps of it, or the object itself. What was erased
    /// leaves nothing.
    ///
    /// # Errors
    /// [`StoreError`]: it is not known.
    pub async fn traces(&self, path: &str) -> Result<u64, StoreError> {
        if let Place::Bucket { versions: Some(versions), .. } = &*self.place
            && let Some(count) = versions.count(path).await?
        {
            return Ok(count);
        }
        match self.store.head(&Path::from(path)).await.map_err(StoreError::from) {
            Ok(_) => Ok(1),
            Err(StoreError::Missing) => Ok(0),
            Err(other) => Err(other),
        }
    }

    /// The whole of an object that is small.
    ///
    /// # Errors
    /// [`StoreError::Missing`], [`StoreError`].
    pub(crate) async fn whole(&self, path: &str) -> Result<Bytes, StoreError> {
        Ok(self.store.get(&Path::from(path)).await?.bytes().await?)
    }

    /// Exactly the bytes of an extent.
    ///
    /// # Errors
    /// As [`Self::read_range`].
    pub async fn read(&self, extent: &Extent) -> Result<Vec<u8>, StoreError> {
        self.read_range(extent, 0..extent.length).await
    }

    /// Exactly the bytes `range` of an extent, counted from its beginning.
    ///
    /// # Errors
    /// [`StoreError::Missing`], [`StoreError::Truncated`] when the object ends before the range does,
    /// [`StoreError::Unavailable`], [`StoreError::Denied`], [`StoreError::Objects`].
    pub async fn read_range(&self, extent: &Extent, range: Range<u64>) -> Result<Vec<u8>, StoreError> {
        if range.is_empty() {
            return Ok(Vec::new());
        }
        let length = range.end - range.start;
        let from = extent.offset.saturating_add(range.start);
        let range = from..from.saturating_add(length);
        let bytes = self.store.get_range(&Path::from(extent.object.as_str()), range).await?;
        if bytes.len() as u64 != length {
            return Err(StoreError::Truncated);
        }
        Ok(bytes.to_vec())
    }

    /// Every object whose path begins with the whole parts of `prefix`, in no order.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list(&self, prefix: &str) -> Result<Vec<Listed>, StoreError> {
        let found = self.store.list(Some(&Path::from(prefix)));
        let listed = found.map_ok(|found| Listed { object: found.location.to_string(), bytes: found.size });
        Ok(listed.try_collect().await?)
    }

    /// Everything in the bucket below its prefix: name, length, and when it was last written by the store's clock.
    pub(crate) async fn list_all(&self) -> Result<Vec<(String, u64, Timestamp)>, StoreError> {
        self.written_below(None).await
    }

    /// The same of the objects whose path begins with the whole parts of `prefix`.
    pub(crate) async fn list_written(
        &self,
        prefix: &str,
    ) -> Result<Vec<(String, u64, Timestamp)>, StoreError> {
        self.written_below(Some(&Path::from(prefix))).await
    }

    async fn written_below(
        &self,
        prefix: Option<&Path>,
    ) -> Result<Vec<(String, u64, Timestamp)>, StoreError> {
        let found = self.store.list(prefix).map_ok(|found| {
            let written = Timestamp::from_micros(found.last_modified.timestamp_micros());
            (found.location.to_string(), found.size, written)
        });
        Ok(found.try_collect().await?)
    }

    /// How long an object is; `None` when it is not there.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(crate) async fn length(&self, path: &str) -> Result<Option<u64>, StoreError> {
        match self.store.head(&Path::from(path)).await.map_err(StoreError::from) {
            Ok(found) => Ok(Some(found.size)),
            Err(StoreError::Missing) => Ok(None),
            Err(other) => Err(other),
        }
    }

    /// Removes an object: on S3 with every version of it. One that is not there is removed already. In a bucket it is
    /// looked for afterwards.
    ///
    /// Returns how many versions were removed, where the store tells.
    ///
    /// # Errors
    /// [`StoreError::Remains`] when it is still there; [`StoreError`]: what is left is unknown; call again.
    pub async fn remove(&self, path: &str) -> Result<Option<u64>, StoreError> {
        if let Place::Bucket { versions: Some(versions), .. } = &*self.place
            && let Some(removed) = versions.remove_all(path).await?
        {
            return self.see_it_gone(path).await.map(|()| Some(removed));
        }
        match self.store.delete(&Path::from(path)).await.map_err(StoreError::from) {
            Ok(()) | Err(StoreError::Missing) => self.see_it_gone(path).await.map(|()| None),
            Err(other) => Err(other),
        }
    }

    /// A bucket that says that it removed something may still have it. In a directory its absence is made durable.
    async fn see_it_gone(&self, path: &str) -> Result<(), StoreError> {
        if self.directory().is_some() {
            return self.sync_with_way(path).await;
        }
        match self.length(path).await? {
            None => Ok(()),
            Some(_) => Err(StoreError::Remains { object: path.to_owned() }),
        }
    }
}
