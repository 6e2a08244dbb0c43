//! What is held in memory: epoch secrets, and under a lease the shard keys and keys already opened.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use clerestory_model::KeyId;
use clerestory_seal::{SecretKey, sha256};
use clerestory_sql::{SqlError, Tx};

use crate::epochs::{EpochState, mark};
use crate::{EpochNumber, KeyError, Keys};

/// How long opened keys may be used without asking the revocation counter again.
pub const LEASE: Duration = Duration::from_secs(5);
/// Opened keys kept at most; beyond it the ring starts afresh.
const CAPACITY: usize = 16_384;

/// Closes an installation, inside the caller's transaction on its database or on a copy of it: whoever holds a lease
/// answers 503 at its end, and nobody starts, until [`Keys::reopen`].
///
/// # Errors
/// [`KeyError::Sql`].
pub async fn close(tx: &mut Tx) -> Result<(), KeyError> {
    let sql = "UPDATE revocations SET closed = 1, counter = counter + 1 WHERE one = 1";
    Ok(tx.execute_one("revocations", sql, &[]).await?)
}

/// The epochs that are in use, and the mark that each must have.
type Marks = BTreeMap<EpochNumber, [u8; 32]>;

#[derive(Default)]
pub(crate) struct Ring {
    epochs: BTreeMap<EpochNumber, Arc<SecretKey>>,
    /// What the database says of each epoch's secret.
    marks: BTreeMap<EpochNumber, [u8; 32]>,
    /// SHA-256 of wrapped bytes that hold an epoch's secret, so that the root is asked once.
    sound: BTreeSet<(EpochNumber, [u8; 32])>,
    shards: HashMap<([u8; 16], i64), Arc<SecretKey>>,
    keys: HashMap<KeyId, Arc<SecretKey>>,
    lease: Option<Lease>,
}

#[derive(Clone, Copy)]
struct Lease {
    counter: i64,
    renewed: Duration,
}

impl Ring {
    pub(crate) fn epoch(&self, epoch: EpochNumber) -> Option<Arc<SecretKey>> {
        self.epochs.get(&epoch).cloned()
    }

    pub(crate) fn keep_epoch(&mut self, epoch: EpochNumber, secret: Arc<SecretKey>) {
        if self.epochs.insert(epoch, secret).is_some() {
            self.forget_unheld(Some(epoch));
        }
    }

    pub(crate) fn drop_epoch(&mut self, epoch: EpochNumber) {
        self.epochs.remove(&epoch);
        self.forget_unheld(None);
    }

    /// Forgets which bytes hold the secrets of epochs that are not held any more, and of one that may be another now.
    fn forget_unheld(&mut self, but: Option<EpochNumber>) {
        let Self { sound, epochs, .. } = self;
        sound.retain(|(epoch, _)| Some(*epoch) != but && epochs.contains_key(epoch));
    }

    pub(crate) fn know_sound(&mut self, epoch: EpochNumber, wrapped: &[u8]) {
        self.sound.insert((epoch, sha256(wrapped)));
    }

    pub(crate) fn knows_sound(&self, epoch: EpochNumber, wrapped: &[u8]) -> bool {
        self.sound.contains(&(epoch, sha256(wrapped)))
    }

    /// Learns the marks of epochs; a secret that has another is not the one pages are sealed under.
    pub(crate) fn know_marks(&mut self, marks: BTreeMap<EpochNumber, [u8; 32]>) {
        self.epochs.retain(|epoch, secret| marks.get(epoch).is_none_or(|known| *known == mark(secret)));
        self.marks = marks;
        self.forget_unheld(None);
    }

    /// Whether the database names another secret for this epoch.
    pub(crate) fn knows_other(&self, epoch: EpochNumber, secret: &SecretKey) -> bool {
        self.marks.get(&epoch).is_some_and(|known| *known != mark(secret))
    }

    fn shard(&self, shard: [u8; 16], version: i64, now: Duration) -> Option<Arc<SecretKey>> {
        self.leased(now).then(|| self.shards.get(&(shard, version)).cloned()).flatten()
    }

    fn key(&self, id: KeyId, now: Duration) -> Option<Arc<SecretKey>> {
        self.leased(now).then(|| self.keys.get(&id).cloned()).flatten()
    }

    /// Whether what was read beside `counter` may be kept: not what a transaction saw before or after the moment
    /// the lease is about, and so never what an uncommitted one has changed.
    fn keeps(&mut self, counter: i64, now: Duration) -> bool {
        if !self.leased(now) || self.lease.is_none_or(|lease| lease.counter != counter) {
            return false;
        }
        if self.keys.len() + self.shards.len() >= CAPACITY {
            self.forget();
        }
        true
    }

    fn forget(&mut self) {
        self.keys.clear();
        self.shards.clear();
    }

    fn leased(&self, now: Duration) -> bool {
        self.lease.is_some_and(|lease| now >= lease.renewed && now.saturating_sub(lease.renewed) < LEASE)
    }

    fn renew(&mut self, counter: i64, now: Duration) {
        if self.lease.is_some_and(|lease| lease.counter != counter) {
            self.forget();
        }
        self.lease = Some(Lease { counter, renewed: now });
    }
}

/// When the last lease ends under which some node may still hold a key or a decision.
///
/// Made after the transaction that ended what the leases are about: it counts from there.
#[derive(Clone, Copy, Debug)]
pub struct LeasesEnd(Duration);

/// Proof that every lease has run out since a [`LeasesEnd`] was made. Not `Clone`, never stored.
#[derive(Debug)]
#[must_use]
pub struct LeasesOut(());

impl Keys {
    pub(crate) fn ring(&self) -> MutexGuard<'_, Ring> {
        // The ring is consistent between calls: a panic elsewhere leaves nothing half done in it.
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn held_key(&self, id: KeyId) -> Option<Arc<SecretKey>> {
        self.ring().key(id, self.clock.monotonic())
    }

    pub(crate) fn held_shard(&self, shard: [u8; 16], version: i64) -> Option<Arc<SecretKey>> {
        self.ring().shard(shard, version, self.clock.monotonic())
    }

    pub(crate) fn keep_key(&self, id: KeyId, key: &Arc<SecretKey>, counter: i64) {
        let mut ring = self.ring();
        if ring.keeps(counter, self.clock.monotonic()) {
            ring.keys.insert(id, Arc::clone(key));
        }
    }

    pub(crate) fn keep_shard(&self, shard: [u8; 16], version: i64, key: &Arc<SecretKey>, counter: i64) {
        let mut ring = self.ring();
        if ring.keeps(counter, self.clock.monotonic()) {
            ring.shards.insert((shard, version), Arc::clone(key));
        }
    }

    /// Makes sure the lease holds: re-reads the revocation counter when it is 5 s old, and forgets every opened
    /// key when the counter moved. Epochs that other nodes began are read from the places, ended ones forgotten.
    ///
    /// # Errors
    /// [`KeyError::LeaseExpired`] when the counter cannot be read, [`KeyError::Closed`] while a restore is not done;
    /// every opened key is forgotten then.
    pub async fn hold_lease(&self) -> Result<(), KeyError> {
        // Before the counter is read: the lease must not end later than 5 s after what it is about was true.
        let now = self.clock.monotonic();
        if self.ring().leased(now) {
            return Ok(());
        }
        let read: Result<(i64, bool, Marks), SqlError> = self
            .database
            .read(|tx| {
                Box::pin(async move {
                    let sql = "SELECT counter, closed FROM revocations WHERE one = 1";
                    let row = tx.query_opt(sql, &[]).await?.ok_or(SqlError::Closed)?;
                    let sql = "SELECT epoch, mark FROM key_epochs WHERE state = $1";
                    let live = tx.query(sql, &[EpochState::InUse.into()]).await?;
                    let live = live.iter().map(|row| Ok((row.get(0)?, row.get(1)?)));
                    Ok((row.get(0)?, row.get(1)?, live.collect::<Result<_, SqlError>>()?))
                })
            })
            .await;
        match read {
            Ok((_, true, _)) if !self.restores => {
                let mut ring = self.ring();
                ring.forget();
                ring.lease = None;
                Err(KeyError::Closed)
            }
            Ok((counter, _, marks)) => {
                let live: BTreeSet<EpochNumber> = marks.keys().copied().collect();
                let missing = {
                    let mut ring = self.ring();
                    ring.renew(counter, now);
                    ring.epochs.retain(|epoch, _| live.contains(epoch));
                    ring.know_marks(marks);
                    live.iter().any(|epoch| !ring.epochs.contains_key(epoch))
                };
                if missing && let Err(error) = self.load_epochs(&live) {
                    // What names the missing epoch says so; everything else goes on.
                    tracing::error!(%error, "an epoch that is in use cannot be read");
                }
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

    /// As [`close`]: at the end of its lease every node answers 503 to
    /// whatever needs a key, and none starts, until [`Self::reopen`].
    ///
    /// # Errors
    /// [`KeyError::Sql`].
    pub async fn close(&self, tx: &mut Tx) -> Result<(), KeyError> {
        close(tx).await
    }

    /// Opens the installation again, inside the caller's transaction.
    ///
    /// # Errors
    /// [`KeyError::Sql`].
    pub async fn reopen(&self, tx: &mut Tx) -> Result<(), KeyError> {
        let sql = "UPDATE revocations SET closed = 0, counter = counter + 1 WHERE one = 1";
        Ok(tx.execute_one("revocations", sql, &[]).await?)
    }

    /// When every lease that may run now will have ended.
    ///
    /// Call it after the transaction has committed that makes new decisions impossible (a state set under lock, with
    /// [`Self::revoke`]), or after seeing in the database that it has.
    #[must_use]
    pub fn leases_end(&self) -> LeasesEnd {
        LeasesEnd(self.clock.monotonic() + LEASE)
    }

    /// The proof, if every lease has run out by now.
    #[must_use]
    pub fn leases_out(&self, end: LeasesEnd) -> Option<LeasesOut> {
        (self.clock.monotonic() >= end.0).then_some(LeasesOut(()))
    }

    /// Waits until every lease has run out by the clock.
    pub async fn wait_for_leases(&self, end: LeasesEnd) -> LeasesOut {
        loop {
            if let Some(out) = self.leases_out(end) {
                return out;
            }
            // Short, because a clock that tests move does not wake anybody.
            let left = end.0.saturating_sub(self.clock.monotonic());
            tokio::time::sleep(left.min(Duration::from_millis(20))).await;
        }
    }
}
