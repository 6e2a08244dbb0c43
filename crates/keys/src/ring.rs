//! What is held in memory: epoch secrets, and under a lease the shard keys and keys already opened.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use clerestory_model::{KeyId, Timestamp};
use clerestory_seal::SecretKey;
use clerestory_sql::SqlError;

use crate::{EpochNumber, KeyError, Keys};

/// How long opened keys may be used without asking the revocation counter again.
const LEASE: Duration = Duration::from_secs(5);
/// Opened keys kept at most; beyond it the ring starts afresh.
const CAPACITY: usize = 16_384;

#[derive(Default)]
pub(crate) struct Ring {
    epochs: BTreeMap<EpochNumber, Arc<SecretKey>>,
    shards: HashMap<([u8; 16], i64), Arc<SecretKey>>,
    keys: HashMap<KeyId, Arc<SecretKey>>,
    lease: Option<Lease>,
}

#[derive(Clone, Copy)]
struct Lease {
    counter: i64,
    renewed: Timestamp,
}

impl Ring {
    pub(crate) fn epoch(&self, epoch: EpochNumber) -> Option<Arc<SecretKey>> {
        self.epochs.get(&epoch).cloned()
    }

    pub(crate) fn newest_epoch(&self) -> Option<EpochNumber> {
        self.epochs.keys().next_back().copied()
    }

    pub(crate) fn keep_epoch(&mut self, epoch: EpochNumber, secret: Arc<SecretKey>) {
        self.epochs.insert(epoch, secret);
    }

    pub(crate) fn shard(&self, shard: [u8; 16], version: i64) -> Option<Arc<SecretKey>> {
        self.shards.get(&(shard, version)).cloned()
    }

    pub(crate) fn keep_shard(&mut self, shard: [u8; 16], version: i64, key: Arc<SecretKey>) {
        self.make_room();
        self.shards.insert((shard, version), key);
    }

    pub(crate) fn key(&self, id: KeyId) -> Option<Arc<SecretKey>> {
        self.keys.get(&id).cloned()
    }

    pub(crate) fn keep_key(&mut self, id: KeyId, key: Arc<SecretKey>) {
        self.make_room();
        self.keys.insert(id, key);
    }

    fn make_room(&mut self) {
        if self.keys.len() + self.shards.len() >= CAPACITY {
            self.forget();
        }
    }

    fn forget(&mut self) {
        self.keys.clear();
        self.shards.clear();
    }

    fn leased(&self, now: Timestamp) -> bool {
        // A clock that went back ends the lease: `since` would call it young for ever.
        self.lease.is_some_and(|lease| now >= lease.renewed && now.since(lease.renewed) < LEASE)
    }

    fn renew(&mut self, counter: i64, now: Timestamp) {
        if self.lease.is_some_and(|lease| lease.counter != counter) {
            self.forget();
        }
        self.lease = Some(Lease { counter, renewed: now });
    }
}

impl Keys {
    pub(crate) fn ring(&self) -> MutexGuard<'_, Ring> {
        // The ring is consistent between calls: a panic elsewhere leaves nothing half done in it.
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes sure the lease holds: re-reads the revocation counter when it is 5 s old, and forgets every opened
    /// key when the counter moved.
    ///
    /// # Errors
    /// [`KeyError::LeaseExpired`] when the counter cannot be read; every opened key is forgotten then.
    pub async fn hold_lease(&self) -> Result<(), KeyError> {
        let now = self.clock.now();
        if self.ring().leased(now) {
            return Ok(());
        }
        let counter: Result<i64, SqlError> = self
            .database
            .read(|tx| {
                Box::pin(async move {
                    let row = tx.query_opt("SELECT counter FROM revocations WHERE one = 1", &[]).await?;
                    row.map_or(Err(SqlError::Closed), |row| row.get(0))
                })
            })
            .await;
        match counter {
            Ok(counter) => {
                self.ring().renew(counter, now);
                Ok(())
            }
            Err(error) => {
                tracing::error!(%error, "the revocation counter cannot be read");
                let mut ring = self.ring();
                ring.forget();
                ring.lease = None;
                Err(KeyError::LeaseExpired)
            }
        }
    }
}
