//! The object store: a local directory with fsync on, addressed by [`ObjectPath`] and never by a made-up text.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use clerestory_model::{OrganisationId, RecordingId, TrackId};
use clerestory_store::segments::Extent;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutPayload};

use crate::StoreError;

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
}

impl ObjectPath<'_> {
    /// The path below the root of the store.
    #[must_use]
    pub fn path(&self) -> String {
        match self {
            Self::Log { generation, number } => format!("log/{generation}/{number:08}.log"),
            Self::Segment { organisation, recording, track, sequence, suffix } => {
                format!("segments/{organisation}/{recording}/{track}/{sequence:010}-{suffix}")
            }
        }
    }
}

/// Where sealed bytes lie.
#[derive(Clone)]
pub struct Objects {
    root: PathBuf,
    store: Arc<dyn ObjectStore>,
}

impl Objects {
    /// The store in the directory `root`, which is made when it is absent.
    ///
    /// # Errors
    /// [`StoreError::Log`] when the directory cannot be made, [`StoreError::Objects`] when it cannot be used.
    pub fn local(root: PathBuf) -> Result<Self, StoreError> {
        std::fs::create_dir_all(&root).map_err(|error| StoreError::Log(error.to_string()))?;
        let store = LocalFileSystem::new_with_prefix(&root).map_err(StoreError::Objects)?.with_fsync(true);
        Ok(Self { root, store: Arc::new(store) })
    }

    /// The directory of the store, for people and for the ingest log.
    #[must_use]
    pub fn root(&self) -> &std::path::Path {
        &self.root
    }

    /// Stores an object that must not exist yet; durable when this returns.
    ///
    /// # Errors
    /// [`StoreError::Full`], [`StoreError::Objects`].
    pub async fn put(&self, path: &str, bytes: Vec<u8>) -> Result<(), StoreError> {
        let payload = PutPayload::from_bytes(Bytes::from(bytes));
        let options = PutMode::Create.into();
        self.store.put_opts(&Path::from(path), payload, options).await.map(drop).map_err(classify)
    }

    /// Exactly the bytes of an extent.
    ///
    /// # Errors
    /// [`StoreError::Missing`], [`StoreError::Truncated`], [`StoreError::Objects`].
    pub async fn read(&self, extent: &Extent) -> Result<Vec<u8>, StoreError> {
        let range = extent.offset..extent.offset.saturating_add(extent.length);
        let bytes = self.store.get_range(&Path::from(extent.object.as_str()), range).await;
        let bytes = bytes.map_err(classify)?;
        if bytes.len() as u64 != extent.length {
            return Err(StoreError::Truncated);
        }
        Ok(bytes.to_vec())
    }
}

fn classify(error: object_store::Error) -> StoreError {
    if matches!(error, object_store::Error::NotFound { .. }) {
        return StoreError::Missing;
    }
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(inner) = cause {
        if let Some(io) = inner.downcast_ref::<std::io::Error>() {
            match io.kind() {
                std::io::ErrorKind::StorageFull => return StoreError::Full,
                std::io::ErrorKind::UnexpectedEof => return StoreError::Truncated,
                _ => {}
            }
        }
        cause = inner.source();
    }
    // The local store says "range … out of bounds" in a variant of its own when a file is too short.
    if error.to_string().contains("range") {
        return StoreError::Truncated;
    }
    StoreError::Objects(error)
}
