//! What says that something was erased. That a key is missing does not: the registry of another day may lack it too.

use std::collections::BTreeSet;
use std::sync::Arc;

use clerestory_keys::{KeyError, Purpose, Tombstone};
use clerestory_model::{KeyId, OrganisationId, RecordingState, TrackId};

use super::FsckError;
use crate::Vault;

/// The tombstones in the database and beside the objects: either may know more than the other.
#[derive(Default)]
pub(super) struct Erasures {
    ids: BTreeSet<[u8; 16]>,
    keys: BTreeSet<KeyId>,
}

impl Erasures {
    fn note(&mut self, tombstone: &Tombstone) {
        self.ids.insert(tombstone.id());
        self.keys.insert(tombstone.key);
    }

    /// Whether a tombstone names an organisation or subject with this id.
    pub(super) fn names(&self, id: &[u8; 16]) -> bool {
        self.ids.contains(id)
    }

    /// Whether a tombstone names this key.
    pub(super) fn names_key(&self, key: KeyId) -> bool {
        self.keys.contains(&key)
    }
}

/// How a key stands that the bytes of an object name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyStanding {
    /// The registry has it, and it is a track's.
    Held,
    /// It was destroyed: a tombstone or a row says so.
    Erased,
    /// The registry has it not, or for another use, and nothing says why.
    Unknown,
}

impl Vault {
    pub(super) async fn erasures(&self) -> Result<Erasures, FsckError> {
        let keys = Arc::clone(self.keys());
        let known = self.database.read(move |tx| Box::pin(async move { keys.tombstones(tx).await }));
        let mut erasures = Erasures::default();
        known.await?.iter().for_each(|tombstone| erasures.note(tombstone));
        self.tombstones().await?.iter().for_each(|tombstone| erasures.note(tombstone));
        Ok(erasures)
    }

    /// How a key stands under which something of a track is sealed. The ids come from outside: they must not lead to
    /// another use.
    pub(super) async fn key_standing(
        &self,
        erasures: &Erasures,
        (organisation, track): (OrganisationId, TrackId),
        key: KeyId,
    ) -> Result<KeyStanding, FsckError> {
        let keys = Arc::clone(self.keys());
        let found = self.database.read(move |tx| Box::pin(async move { keys.locate(tx, key).await })).await;
        match found {
            Ok(found) if found.purpose == Purpose::Track => return Ok(KeyStanding::Held),
            Ok(_) => return Ok(KeyStanding::Unknown),
            Err(KeyError::Unknown(_)) => {}
            Err(error) => return Err(error.into()),
        }
        if erasures.names_key(key) || erasures.names(organisation.as_bytes()) {
            return Ok(KeyStanding::Erased);
        }
        let row = self.track(track).await?;
        let shredded = row.is_some_and(|row| row.state >= RecordingState::Shredded);
        Ok(if shredded { KeyStanding::Erased } else { KeyStanding::Unknown })
    }
}
