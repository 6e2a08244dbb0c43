//! Eyes for objects: they list and read, and neither write nor open anything.
//!
//! What they see of ciphertext is what stands in the clear beside it: names, and the ids of the keys that entries of the
//! ingest log and ends of parts name.

use std::collections::BTreeSet;
use std::path::Path;

use clerestory_keys::{Tombstone, read_tombstones, tombstone_object};
use clerestory_model::{KeyId, OrganisationId, RecordingId, Timestamp, TrackId};
use clerestory_store::segments::Extent;

use crate::erasing::unreadable;
use crate::log::entry::{FRAME, key_of_frame, next_mark};
use crate::parts::{TRAILER, key_of_end};
use crate::{Listed, ObjectPath, Objects, ObjectsProfile, ProfileError, StoreError};

/// How much is looked through at once for where an entry of the log begins.
const STRETCH: u64 = 1024 * 1024;

/// Eyes for objects.
#[derive(Clone)]
pub struct Presence(Objects);

impl Objects {
    /// Eyes for these objects.
    #[must_use]
    pub fn presence(&self) -> Presence {
        Presence(self.clone())
    }
}

impl ObjectsProfile {
    /// Eyes for the objects of this store. Nothing is made: a directory has to be there.
    ///
    /// # Errors
    /// [`ProfileError`], which says what is missing.
    pub fn presence(&self) -> Result<Presence, ProfileError> {
        Ok(Presence(match self {
            Self::Directory(root) => Objects::there(root)?,
            Self::Bucket(_) => self.open()?,
        }))
    }
}

/// A file of the ingest log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFile {
    /// Its path below the root of the store.
    pub object: String,
    /// Its length.
    pub bytes: u64,
    /// When it was last written to, by the store's clock.
    pub written: Timestamp,
}

/// What an object of tombstones holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaidOutside {
    /// The tombstones.
    pub tombstones: Vec<Tombstone>,
    /// Its name is not that of these bytes: they were altered.
    pub is_altered: bool,
}

impl Presence {
    /// Where the objects lie, for people.
    #[must_use]
    pub fn shown(&self) -> String {
        self.0.shown()
    }

    /// Whether they lie in a bucket, whose objects are made at once and never changed.
    #[must_use]
    pub fn is_bucket(&self) -> bool {
        self.0.directory().is_none()
    }

    /// How much is left of an object; see [`Objects::traces`].
    ///
    /// # Errors
    /// [`StoreError`]: it is not known.
    pub async fn traces(&self, object: &str) -> Result<u64, StoreError> {
        self.0.traces(object).await
    }

    /// The objects of their own that a track has, whether a row names them or not.
    ///
    /// # Errors
    /// [`StoreError`]: it is not known.
    pub async fn of_track(
        &self,
        organisation: OrganisationId,
        recording: RecordingId,
        track: TrackId,
    ) -> Result<Vec<Listed>, StoreError> {
        self.below([
            ObjectPath::SegmentsOf { organisation, recording, track },
            ObjectPath::PartsOf { organisation, recording, track },
        ])
        .await
    }

    /// The same of every track of a recording.
    ///
    /// # Errors
    /// [`StoreError`]: it is not known.
    pub async fn of_recording(
        &self,
        organisation: OrganisationId,
        recording: RecordingId,
    ) -> Result<Vec<Listed>, StoreError> {
        self.below([
            ObjectPath::SegmentsOfRecording { organisation, recording },
            ObjectPath::PartsOfRecording { organisation, recording },
        ])
        .await
    }

    /// The same of everything that an organisation has.
    ///
    /// # Errors
    /// [`StoreError`]: it is not known.
    pub async fn of_organisation(&self, organisation: OrganisationId) -> Result<Vec<Listed>, StoreError> {
        self.below([
            ObjectPath::SegmentsOfOrganisation { organisation },
            ObjectPath::PartsOfOrganisation { organisation },
        ])
        .await
    }

    async fn below(&self, paths: [ObjectPath<'_>; 2]) -> Result<Vec<Listed>, StoreError> {
        let mut found = Vec::new();
        for path in paths {
            found.extend(self.0.list(&path.path()).await?);
        }
        Ok(found)
    }

    /// The key that the end of a part names; `None` where it does not end as parts do, or is gone by now.
    ///
    /// # Errors
    /// [`StoreError`]: it is not known.
    pub async fn key_of_part(&self, part: &Listed) -> Result<Option<KeyId>, StoreError> {
        let whole = Extent { object: part.object.clone(), offset: 0, length: part.bytes };
        let from = part.bytes.saturating_sub(TRAILER);
        match self.0.read_range(&whole, from..part.bytes).await {
            Ok(end) => Ok(key_of_end(&end)),
            Err(StoreError::Missing | StoreError::Truncated) => Ok(None),
            Err(other) => Err(other),
        }
    }

    /// Every file of the ingest log.
    ///
    /// # Errors
    /// [`StoreError`]: it is not known.
    pub async fn log_files(&self) -> Result<Vec<LogFile>, StoreError> {
        let found = self.0.list_written(&ObjectPath::AllLogs.path()).await?;
        Ok(found.into_iter().map(|(object, bytes, written)| LogFile { object, bytes, written }).collect())
    }

    /// The keys that entries of a file of the ingest log say they are sealed under. Of one that goes meanwhile there is
    /// none.
    ///
    /// # Errors
    /// [`StoreError`]: it is not known.
    pub async fn keys_in_log(&self, file: &LogFile) -> Result<BTreeSet<KeyId>, StoreError> {
        match self.read_frames(file).await {
            Err(StoreError::Missing) => Ok(BTreeSet::new()),
            other => other,
        }
    }

    async fn read_frames(&self, file: &LogFile) -> Result<BTreeSet<KeyId>, StoreError> {
        // In a directory only the beginning of each entry is read. A bucket is asked once.
        let whole = if self.is_bucket() { Some(self.0.whole(&file.object).await?) } else { None };
        let end = whole.as_ref().map_or(file.bytes, |bytes| bytes.len() as u64);
        let (mut at, mut keys) = (0, BTreeSet::new());
        while at + FRAME as u64 <= end {
            let read = |length: u64| self.stretch(file, whole.as_deref(), at..end.min(at + length));
            match key_of_frame(&read(FRAME as u64).await?, end - at) {
                Some((key, length)) => {
                    keys.insert(key);
                    at += length;
                }
                // What was written and failed half way lies between entries.
                None => at += next_mark(&read(STRETCH).await?),
            }
        }
        Ok(keys)
    }

    async fn stretch(
        &self,
        file: &LogFile,
        whole: Option<&[u8]>,
        range: std::ops::Range<u64>,
    ) -> Result<Vec<u8>, StoreError> {
        if let Some(whole) = whole {
            let place = usize::try_from(range.start).ok().zip(usize::try_from(range.end).ok());
            let found = place.and_then(|(from, to)| whole.get(from..to));
            return found.map(<[u8]>::to_vec).ok_or(StoreError::Truncated);
        }
        let extent = Extent { object: file.object.clone(), offset: 0, length: file.bytes };
        self.0.read_range(&extent, range).await
    }

    /// The tombstones of one object beside the objects.
    ///
    /// # Errors
    /// [`StoreError::Missing`], [`StoreError`].
    pub async fn tombstones(&self, name: &str) -> Result<LaidOutside, StoreError> {
        let bytes = self.0.whole(&ObjectPath::Tombstones { name }.path()).await?;
        let tombstones = read_tombstones(&bytes).map_err(unreadable)?;
        let (named, _) = tombstone_object(&tombstones).map_err(unreadable)?;
        Ok(LaidOutside { tombstones, is_altered: named != name })
    }
}

impl Objects {
    /// The store in a directory that is there already.
    fn there(root: &Path) -> Result<Self, StoreError> {
        std::fs::read_dir(root).map_err(|error| StoreError::Log(format!("{}: {error}", root.display())))?;
        Self::in_directory(root.to_owned())
    }
}
