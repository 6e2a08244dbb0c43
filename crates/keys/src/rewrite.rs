//! Overwriting and removing: destroy, re-parent, rotate, pin.
//!
//! A row that goes would still open in any older copy of the database, because its shard key is still in the page.
//! So every change of a sealed row gives the survivors of its shard a new shard key, in the same transaction, and
//! seals the page anew; older copies of the page die with the epochs they are sealed under.

use std::collections::{BTreeMap, BTreeSet};

use clerestory_model::{KeyId, OrganisationId};
use clerestory_seal::{SecretKey, seal_value};
use clerestory_sql::{Lock, Row, Tx, Value};
use zeroize::Zeroizing;

use crate::pages::PageChanges;
use crate::ring::LeasesOut;
use crate::{KeyError, Keys, unwrapping};

/// What a call of [`Keys::destroy`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Destroyed {
    /// Keys that were there and are not any more.
    pub keys: u64,
    /// Keys of the same shards that were sealed anew.
    pub survivors: u64,
    /// Shards that went whole.
    pub shards: u64,
}

/// What becomes of one row.
enum Change {
    Remove,
    /// The new parent, and what the row holds now.
    Rewrap(KeyId, Zeroizing<Vec<u8>>),
}

impl Keys {
    /// Destroys keys inside the caller's transaction: when it commits, and the epochs of that day have ended, no
    /// copy of anything opens what they sealed. What they wrap goes with them: the tracks of a subject cannot be
    /// opened without it, though their own rows stay until they are destroyed too. Keys that are gone already are
    /// no error, so a job may run twice.
    ///
    /// Call it once in a transaction, with everything that is due: the keys of one shard cost one change of it.
    /// `leases` proves that no node still holds one of them or a decision about them.
    ///
    /// # Errors
    /// [`KeyError::Pinned`] with a key that a hold pins, or that wraps a pinned one: the caller's transaction must
    /// fail. [`KeyError::Stopped`] is not told here: ask [`Self::sweeps_may_run`] before a sweep.
    pub async fn destroy(
        &self,
        tx: &mut Tx,
        keys: &[KeyId],
        _leases: &LeasesOut,
    ) -> Result<Destroyed, KeyError> {
        let changes = keys.iter().map(|key| (*key, Change::Remove)).collect();
        self.rewrite(tx, changes, BTreeSet::new()).await
    }

    /// Makes another key the parent of this one, inside the caller's transaction: destroying the old parent no longer
    /// touches it, destroying the new one does.
    ///
    /// # Errors
    /// [`KeyError::NoParent`] for a parent of another organisation, the key itself or one below it,
    /// [`KeyError::Unknown`] for either key. Also where another transaction made it so meanwhile.
    pub async fn reparent(&self, tx: &mut Tx, key: KeyId, parent: KeyId) -> Result<(), KeyError> {
        let sql = "SELECT organisation FROM key_rows WHERE key_id = $1";
        let row = tx.query_opt(sql, &[key.into()]).await?.ok_or(KeyError::Unknown(key))?;
        let organisation: OrganisationId = row.get(0)?;
        self.refuse_parent(tx, key, organisation, parent).await?;
        let secret = unwrapping::secret(self, tx, key).await?;
        let inner = self.wrap_under(tx, (key, organisation), parent, &secret).await?;
        self.rewrite(tx, BTreeMap::from([(key, Change::Rewrap(parent, inner))]), BTreeSet::new()).await?;
        self.hold_line(tx, key).await
    }

    /// Sees, under the locks of the change, that the key is still there, everything above it too, and that it does not
    /// wrap itself: others may have destroyed or moved one of them while this waited.
    async fn hold_line(&self, tx: &mut Tx, key: KeyId) -> Result<(), KeyError> {
        let mut next = Some(key);
        while let Some(id) = next {
            let sql = "SELECT parent FROM key_rows WHERE key_id = $1";
            let row = tx.query_opt_locked(Lock::Share, sql, &[id.into()]).await?;
            next = row.ok_or(KeyError::Unknown(id))?.get(0)?;
            if next == Some(key) {
                return Err(KeyError::NoParent { key, parent: id });
            }
        }
        Ok(())
    }

    async fn refuse_parent(
        &self,
        tx: &mut Tx,
        key: KeyId,
        organisation: OrganisationId,
        parent: KeyId,
    ) -> Result<(), KeyError> {
        let mut above = Some(parent);
        while let Some(id) = above {
            if id == key {
                return Err(KeyError::NoParent { key, parent });
            }
            let sql = "SELECT organisation, parent FROM key_rows WHERE key_id = $1";
            let row = tx.query_opt(sql, &[id.into()]).await?.ok_or(KeyError::Unknown(id))?;
            if row.get::<OrganisationId>(0)? != organisation {
                return Err(KeyError::NoParent { key, parent });
            }
            above = row.get(1)?;
        }
        Ok(())
    }

    /// Gives a shard a new key and seals its rows anew, inside the caller's transaction.
    ///
    /// # Errors
    /// [`KeyError::Tampered`] when a row or the page does not open. A shard that is gone is no error.
    pub async fn rotate(&self, tx: &mut Tx, shard: [u8; 16]) -> Result<(), KeyError> {
        self.rewrite(tx, BTreeMap::new(), BTreeSet::from([shard])).await?;
        Ok(())
    }

    /// Pins a key for a hold, inside the caller's transaction: until it is unpinned as often, neither it nor what
    /// wraps it can be destroyed. The count is not sealed, so nothing else of the shard changes.
    ///
    /// # Errors
    /// [`KeyError::Unknown`] when the key, or one that wraps it, was destroyed.
    pub async fn pin(&self, tx: &mut Tx, key: KeyId) -> Result<(), KeyError> {
        // What wraps it is kept from going until this commits; who destroys it looks below it afterwards.
        let sql = "SELECT parent FROM key_rows WHERE key_id = $1";
        let row =
            tx.query_opt_locked(Lock::Exclusive, sql, &[key.into()]).await?.ok_or(KeyError::Unknown(key))?;
        let mut above: Option<KeyId> = row.get(0)?;
        while let Some(id) = above {
            let row =
                tx.query_opt_locked(Lock::Share, sql, &[id.into()]).await?.ok_or(KeyError::Unknown(id))?;
            above = row.get(0)?;
        }
        let sql = "UPDATE key_rows SET pins = pins + 1 WHERE key_id = $1";
        Ok(tx.execute_one("key_rows", sql, &[key.into()]).await?)
    }

    /// Takes one pin away, inside the caller's transaction.
    ///
    /// # Errors
    /// [`KeyError::NotPinned`] when there is none left, [`KeyError::Unknown`].
    pub async fn unpin(&self, tx: &mut Tx, key: KeyId) -> Result<(), KeyError> {
        let sql = "SELECT pins FROM key_rows WHERE key_id = $1";
        let row =
            tx.query_opt_locked(Lock::Exclusive, sql, &[key.into()]).await?.ok_or(KeyError::Unknown(key))?;
        if row.get::<i64>(0)? == 0 {
            return Err(KeyError::NotPinned(key));
        }
        let sql = "UPDATE key_rows SET pins = pins - 1 WHERE key_id = $1";
        Ok(tx.execute_one("key_rows", sql, &[key.into()]).await?)
    }

    /// Moves the revocation counter, inside the caller's transaction: every node forgets opened keys and decisions
    /// at the end of its lease. The registry's own changes do so by themselves.
    ///
    /// # Errors
    /// [`KeyError::Sql`].
    pub async fn revoke(&self, tx: &mut Tx) -> Result<(), KeyError> {
        let sql = "UPDATE revocations SET counter = counter + 1 WHERE one = 1";
        Ok(tx.execute_one("revocations", sql, &[]).await?)
    }

    /// Changes rows, all their shards and all their pages. Locks in this order: shards, rows, pages, epoch, counter.
    async fn rewrite(
        &self,
        tx: &mut Tx,
        mut changes: BTreeMap<KeyId, Change>,
        mut shards: BTreeSet<[u8; 16]>,
    ) -> Result<Destroyed, KeyError> {
        for key in changes.keys() {
            let sql = "SELECT shard_id FROM key_rows WHERE key_id = $1";
            if let Some(row) = tx.query_opt(sql, &[(*key).into()]).await? {
                shards.insert(row.get(0)?);
            }
        }
        let mut locked = Vec::new();
        for shard in shards {
            let sql = "SELECT version, page_id FROM key_shards WHERE shard_id = $1";
            // A shard that is gone took its rows with it.
            if let Some(row) = tx.query_opt_locked(Lock::Exclusive, sql, &[shard.into()]).await? {
                locked.push((shard, row.get::<i64>(0)?, row.get::<[u8; 16]>(1)?));
            }
        }
        let (mut done, mut pages) = (Destroyed::default(), BTreeMap::<_, PageChanges>::new());
        for (shard, version, page) in locked {
            let sql =
                "SELECT key_id, organisation, shard_version, pins, sealed FROM key_rows WHERE shard_id = $1";
            let rows = tx.query_locked(Lock::Exclusive, sql, &[shard.into()]).await?;
            let (removed, kept) = self.apart(tx, rows, &changes).await?;
            done.keys += removed.len() as u64;
            let values: Vec<Vec<Value>> = removed.iter().map(|key| vec![(*key).into()]).collect();
            tx.execute_each("key_rows", "DELETE FROM key_rows WHERE key_id = $1", &values).await?;
            let key = if kept.is_empty() {
                let sql = "DELETE FROM key_shards WHERE shard_id = $1";
                tx.execute_one("key_shards", sql, &[shard.into()]).await?;
                done.shards += 1;
                None
            } else {
                done.survivors += kept.len() as u64;
                Some(self.rekey(tx, (shard, version), kept, &mut changes).await?)
            };
            pages.entry(page).or_default().insert(shard, key);
        }
        if pages.is_empty() {
            return Ok(done);
        }
        for (page, changes) in pages {
            self.change_page(tx, page, changes).await?;
        }
        self.revoke(tx).await?;
        Ok(done)
    }

    /// Which rows of a shard go, and which stay; nothing goes that a hold pins.
    async fn apart(
        &self,
        tx: &mut Tx,
        rows: Vec<Row>,
        changes: &BTreeMap<KeyId, Change>,
    ) -> Result<(Vec<KeyId>, Vec<Row>), KeyError> {
        let (mut removed, mut kept) = (Vec::new(), Vec::new());
        for row in rows {
            let key: KeyId = row.get(0)?;
            if !matches!(changes.get(&key), Some(Change::Remove)) {
                kept.push(row);
                continue;
            }
            if row.get::<i64>(3)? > 0 {
                return Err(KeyError::Pinned(key));
            }
            let below = tx
                .query_opt(
                    "WITH RECURSIVE below (key_id, pins) AS (
                        SELECT key_id, pins FROM key_rows WHERE parent = $1
                        UNION ALL
                        SELECT r.key_id, r.pins FROM key_rows r JOIN below b ON r.parent = b.key_id)
                     SELECT key_id FROM below WHERE pins > 0 LIMIT 1",
                    &[key.into()],
                )
                .await?;
            if let Some(row) = below {
                return Err(KeyError::Pinned(row.get(0)?));
            }
            removed.push(key);
        }
        Ok((removed, kept))
    }

    /// Seals the rows that stay under a new key of their shard, which is not yet in its page.
    async fn rekey(
        &self,
        tx: &mut Tx,
        (shard, version): ([u8; 16], i64),
        kept: Vec<Row>,
        changes: &mut BTreeMap<KeyId, Change>,
    ) -> Result<SecretKey, KeyError> {
        let old = unwrapping::shard_key(self, tx, shard, version).await?;
        let (new, next) = (SecretKey::generate(), version + 1);
        tx.execute_one(
            "key_shards",
            "UPDATE key_shards SET version = $2 WHERE shard_id = $1 AND version = $2 - 1",
            &[shard.into(), next.into()],
        )
        .await?;
        let mut rows = Vec::with_capacity(kept.len());
        for row in kept {
            let (key, organisation): (KeyId, OrganisationId) = (row.get(0)?, row.get(1)?);
            if row.get::<i64>(2)? != version {
                return Err(KeyError::Shape);
            }
            let mut inner = unwrapping::open_row(self, key, organisation, version, &old, row.get(4)?)?;
            let mut parent = None;
            if let Some(Change::Rewrap(to, rewrapped)) = changes.remove(&key) {
                (parent, inner) = (Some(to), rewrapped);
            }
            let context = self.row_context(key, organisation, next);
            let sealed = seal_value(&new, KeyId::from_bytes(shard), &context, &inner);
            let parent = parent.map_or(Value::Null, Value::from);
            rows.push(vec![key.into(), next.into(), sealed.as_bytes().into(), parent]);
        }
        tx.execute_each(
            "key_rows",
            "UPDATE key_rows SET shard_version = $2, sealed = $3, parent = coalesce($4, parent)
             WHERE key_id = $1 AND shard_version = $2 - 1",
            &rows,
        )
        .await?;
        Ok(new)
    }
}
