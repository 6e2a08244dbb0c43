//! The only opener, of columns and segments alike, and only for a [`Grant`](clerestory_access::Grant).
//!
//! Sealing needs no grant: whoever may write a row may seal its values. Opening does, and the grant must cover
//! exactly the place the value stands in. Ciphertext goes to the object store through [`IngestLog`] (small segments,
//! group-committed) or as an object of its own (large ones).

mod columns;
mod derived_keys;
mod erasing;
mod error;
mod fsck;
mod intents;
mod log;
mod objects;
mod packing;
mod parts;
mod places;
mod presence;
mod profile;
mod rows;
mod segments;
mod standing;
mod versions;

use std::sync::Arc;

use clerestory_keys::{KeyError, Keys, unwrapping};
use clerestory_model::KeyId;
use clerestory_seal::SecretKey;
use clerestory_sql::{Component, Database, Migration, Tx};

pub use error::{KeepError, OpenError, StoreError};
pub use fsck::{
    Deed, Depth, Fault, Finding, FsckError, InFlight, NotRebuilt, Progress, Rebuilt, RepairError, Repaired,
    Report, ScrubPace, ScrubStep,
};
pub use log::{IngestLog, LogStats, Stored};
pub use objects::{Listed, ObjectPath, Objects, Patience};
pub use packing::{Base, pack_events, unpack_events};
pub use parts::{
    Claimed, Due, Manifest, ManifestError, PartName, Provenance, Rewritten, SettleError, Settled, WriteError,
    Written,
};
pub use places::PlaceError;
pub use presence::{LaidOutside, LogFile, Presence};
pub use profile::{BucketAddress, BucketKind, BucketProfile, Credentials, ObjectsProfile, ProfileError};
pub use segments::{SealedSegment, SegmentPlace, SegmentSealer};

/// The tables of this crate.
pub const SCHEMA: Component = Component {
    name: "vault",
    migrations: &[
        Migration { name: "objects", sql: include_str!("0001-objects.sql") },
        Migration { name: "standing keys, store identity", sql: include_str!("0002-stores.sql") },
    ],
};

/// Opens and seals; holds the object store.
#[derive(Clone)]
pub struct Vault {
    keys: Arc<Keys>,
    database: Database,
    objects: Objects,
    log: Arc<IngestLog>,
}

impl Vault {
    /// The vault over these keys, rows and objects.
    #[must_use]
    pub fn new(keys: Arc<Keys>, database: Database, objects: Objects, log: Arc<IngestLog>) -> Self {
        Self { keys, database, objects, log }
    }

    /// The registry, to make keys and to say where they lie.
    #[must_use]
    pub fn keys(&self) -> &Arc<Keys> {
        &self.keys
    }

    /// The object store.
    #[must_use]
    pub fn objects(&self) -> &Objects {
        &self.objects
    }

    /// What the ingest log has done so far.
    #[must_use]
    pub fn log_stats(&self) -> LogStats {
        self.log.stats()
    }

    /// A key's secret in the caller's transaction; the lease is the caller's to hold beforehand.
    async fn secret_in(&self, tx: &mut Tx, key: KeyId) -> Result<Arc<SecretKey>, KeyError> {
        unwrapping::secret(&self.keys, tx, key).await
    }

    /// A key's secret, from memory under the lease or from its row.
    async fn secret(&self, key: KeyId) -> Result<Arc<SecretKey>, KeyError> {
        self.keys.hold_lease().await?;
        if let Some(secret) = unwrapping::held(&self.keys, key) {
            return Ok(secret);
        }
        let keys = Arc::clone(&self.keys);
        self.database.read(move |tx| Box::pin(async move { unwrapping::secret(&keys, tx, key).await })).await
    }
}
