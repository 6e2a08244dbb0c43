//! What an erasure needs of the objects: tombstones among them, and the key that signs its receipt.

use std::collections::BTreeSet;
use std::io;

use clerestory_keys::{KeyError, Purpose, Tombstone, read_tombstones, tombstone_object};
use clerestory_model::{KeyId, OrganisationId, RecordingId, Timestamp, TrackId};
use clerestory_seal::ReceiptKey;
use clerestory_sql::Tx;
use futures_util::{StreamExt, TryStreamExt, stream};

use crate::{ObjectPath, StoreError, Vault};

/// Objects of tombstones read at once.
const AT_ONCE: usize = 16;

impl Vault {
    /// Makes tombstones durable beside the objects, as one object that is made once. Doing so again is fine.
    ///
    /// # Errors
    /// [`StoreError`]: they may not be there.
    pub async fn lay_tombstones(&self, tombstones: &[Tombstone]) -> Result<(), StoreError> {
        let (name, bytes) = tombstone_object(tombstones).map_err(unreadable)?;
        self.objects.put(&ObjectPath::Tombstones { name: &name }.path(), bytes).await
    }

    /// Removes every object of its own that a track has, those that no row names among them.
    ///
    /// # Errors
    /// [`StoreError`]: what is left is unknown; call again.
    pub async fn remove_track(
        &self,
        organisation: OrganisationId,
        recording: RecordingId,
        track: TrackId,
    ) -> Result<(), StoreError> {
        for listed in self.objects.presence().of_track(organisation, recording, track).await? {
            self.objects.remove(&listed.object).await?;
        }
        Ok(())
    }

    /// Every tombstone that lies beside the objects. One that cannot be understood fails all: a missing one would
    /// bring back what was erased.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn tombstones(&self) -> Result<Vec<Tombstone>, StoreError> {
        self.tombstones_beside(&BTreeSet::new()).await
    }

    /// The same without those in objects of which the names are `known`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn tombstones_beside(&self, known: &BTreeSet<String>) -> Result<Vec<Tombstone>, StoreError> {
        let known: BTreeSet<String> =
            known.iter().map(|name| ObjectPath::Tombstones { name }.path()).collect();
        let listed = self.objects.list(&ObjectPath::AllTombstones.path()).await?;
        let unknown = listed.into_iter().filter(|listed| !known.contains(&listed.object));
        let read = stream::iter(unknown).map(async |listed| {
            let bytes = self.objects.whole(&listed.object).await?;
            read_tombstones(&bytes).map_err(unreadable)
        });
        Ok(read.buffered(AT_ONCE).try_collect::<Vec<_>>().await?.into_iter().flatten().collect())
    }

    /// Claims a generation of this installation for `instance`. `false` when another copy of it has it already.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn claim_generation(&self, generation: u64, instance: [u8; 16]) -> Result<bool, StoreError> {
        let path = ObjectPath::Instance { generation }.path();
        match self.objects.put(&path, instance.to_vec()).await {
            Ok(()) => Ok(true),
            Err(StoreError::Exists) => Ok(false),
            Err(other) => Err(other),
        }
    }

    /// Who claimed a generation, if anybody did.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn claimed_by(&self, generation: u64) -> Result<Option<Vec<u8>>, StoreError> {
        match self.objects.whole(&ObjectPath::Instance { generation }.path()).await {
            Ok(bytes) => Ok(Some(bytes.to_vec())),
            Err(StoreError::Missing) => Ok(None),
            Err(other) => Err(other),
        }
    }

    /// The key that signs receipts of erasures, made when there is none. The caller holds the lease on keys.
    ///
    /// # Errors
    /// [`KeyError`].
    pub async fn receipt_key(&self, tx: &mut Tx, at: Timestamp) -> Result<ReceiptKey, KeyError> {
        let key: KeyId = self.standing_key(tx, Purpose::Receipt, at).await?;
        let secret = self.secret_in(tx, key).await?;
        ReceiptKey::derive(&secret).map_err(|_| KeyError::Shape)
    }
}

pub(crate) fn unreadable(error: io::Error) -> StoreError {
    StoreError::Log(format!("an object of tombstones: {error}"))
}
