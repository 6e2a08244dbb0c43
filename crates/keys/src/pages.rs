//! Key pages: runs of shard keys, each page sealed under an epoch secret.

use std::collections::BTreeMap;

use clerestory_model::{KeyId, OrganisationId, number_as_id};
use clerestory_seal::{SealedValue, SecretKey, ValueContext, open_value, random, seal_value};
use clerestory_sql::{Lane, Lock, Tx, Value};
use zeroize::Zeroizing;

use crate::{EpochNumber, Finding, KeyError, Keys, epochs};

/// Shard keys in one page at most.
const PAGE_SHARDS: usize = 256;
/// A page's plaintext is a run of shard id 16 ‖ shard key 32.
const PAGE_ENTRY: usize = 48;
/// Pages read at once when all are sealed anew.
const BATCH: i64 = 64;

/// What becomes of the shard keys of one page: another key, or none.
pub(crate) type PageChanges = BTreeMap<[u8; 16], Option<SecretKey>>;

impl Keys {
    fn page_context(&self, page: [u8; 16], version: i64) -> ValueContext<'_> {
        ValueContext {
            deployment: &self.deployment,
            organisation: OrganisationId::nil(),
            table: "key_pages",
            column: "sealed",
            row: page,
            version: version.unsigned_abs(),
        }
    }

    pub(crate) fn open_page(
        &self,
        page: [u8; 16],
        version: i64,
        epoch: EpochNumber,
        sealed: Vec<u8>,
    ) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let secret = self.epoch_secret(epoch)?;
        let sealed = SealedValue::from_bytes(sealed)?;
        let entries = Zeroizing::new(open_value(&secret, &self.page_context(page, version), &sealed)?);
        if entries.len() % PAGE_ENTRY != 0 {
            return Err(KeyError::Shape);
        }
        Ok(entries)
    }

    fn seal_page(
        &self,
        page: [u8; 16],
        version: i64,
        epoch: EpochNumber,
        entries: &[u8],
    ) -> Result<SealedValue, KeyError> {
        let secret = self.epoch_secret(epoch)?;
        let named = KeyId::from_bytes(number_as_id(epoch.cast_unsigned()));
        Ok(seal_value(&secret, named, &self.page_context(page, version), entries))
    }

    /// A page that seems to have room, or a new empty one.
    pub(crate) async fn page_with_room(&self, tx: &mut Tx) -> Result<[u8; 16], KeyError> {
        let sql = "SELECT page_id FROM key_pages WHERE shards < $1 LIMIT 1";
        match tx.query_opt(sql, &[(PAGE_SHARDS as u64).into()]).await? {
            Some(row) => Ok(row.get(0)?),
            None => self.new_page(tx).await,
        }
    }

    async fn new_page(&self, tx: &mut Tx) -> Result<[u8; 16], KeyError> {
        let (page, epoch) = (random(), epochs::newest_in_use(tx).await?);
        let sealed = self.seal_page(page, 1, epoch, &[])?;
        tx.execute(
            "INSERT INTO key_pages (page_id, version, epoch, shards, sealed) VALUES ($1, 1, $2, 0, $3)",
            &[page.into(), epoch.into(), sealed.as_bytes().into()],
        )
        .await?;
        Ok(page)
    }

    /// Puts the key of a new shard into `page`, or into a new one if it is full by now. Says which.
    pub(crate) async fn add_to_page(
        &self,
        tx: &mut Tx,
        page: [u8; 16],
        shard: [u8; 16],
        key: &SecretKey,
    ) -> Result<[u8; 16], KeyError> {
        let locked = tx
            .query_opt_locked(
                Lock::Exclusive,
                "SELECT shards FROM key_pages WHERE page_id = $1",
                &[page.into()],
            )
            .await?;
        let full = locked.map_or(Ok(true), |row| row.get::<i64>(0).map(|held| held >= PAGE_SHARDS as i64))?;
        let page = if full { self.new_page(tx).await? } else { page };
        let copy = SecretKey::from_bytes(*key.dangerous_bytes());
        self.change_page(tx, page, PageChanges::from([(shard, Some(copy))])).await?;
        Ok(page)
    }

    /// Changes shard keys of a page, under its lock, and seals it anew under the newest epoch.
    pub(crate) async fn change_page(
        &self,
        tx: &mut Tx,
        page: [u8; 16],
        mut changes: PageChanges,
    ) -> Result<(), KeyError> {
        let sql = "SELECT version, epoch, sealed FROM key_pages WHERE page_id = $1";
        let row = tx.query_opt_locked(Lock::Exclusive, sql, &[page.into()]).await?.ok_or(KeyError::Shape)?;
        let version: i64 = row.get(0)?;
        let old = self.open_page(page, version, row.get(1)?, row.get(2)?)?;
        // Room for all at once: growing would leave a copy of the keys behind in memory.
        let mut entries = Zeroizing::new(Vec::with_capacity(old.len() + changes.len() * PAGE_ENTRY));
        for entry in old.chunks_exact(PAGE_ENTRY) {
            let (id, _) = entry.split_first_chunk::<16>().ok_or(KeyError::Shape)?;
            match changes.remove(id) {
                None => entries.extend_from_slice(entry),
                Some(None) => {}
                Some(Some(key)) => {
                    entries.extend_from_slice(id);
                    entries.extend_from_slice(key.dangerous_bytes());
                }
            }
        }
        for (id, key) in changes {
            if let Some(key) = key {
                entries.extend_from_slice(&id);
                entries.extend_from_slice(key.dangerous_bytes());
            }
        }
        let epoch = epochs::newest_in_use(tx).await?;
        let sealed = self.seal_page(page, version + 1, epoch, &entries)?;
        let shards = (entries.len() / PAGE_ENTRY) as u64;
        tx.execute_one(
            "key_pages",
            "UPDATE key_pages SET version = $2, epoch = $3, shards = $4, sealed = $5
             WHERE page_id = $1 AND version = $2 - 1",
            &[page.into(), (version + 1).into(), epoch.into(), shards.into(), sealed.as_bytes().into()],
        )
        .await?;
        Ok(())
    }

    /// Seals every page of another epoch under `epoch`, by compare-and-set on (version, epoch). A page that another
    /// writer changed meanwhile is left for the next time; one that does not open is told.
    pub(crate) async fn reseal_pages(
        &self,
        epoch: EpochNumber,
        findings: &mut Vec<Finding>,
    ) -> Result<u64, KeyError> {
        let (mut after, mut count): (Vec<u8>, u64) = (Vec::new(), 0);
        loop {
            let values: [Value; 3] = [epoch.into(), after.clone().into(), BATCH.into()];
            let batch = self
                .database
                .read(move |tx| {
                    Box::pin(async move {
                        tx.query(
                            "SELECT page_id, version, epoch, sealed FROM key_pages
                             WHERE epoch <> $1 AND page_id > $2 ORDER BY page_id LIMIT $3",
                            &values,
                        )
                        .await
                        .map_err(KeyError::from)
                    })
                })
                .await?;
            let Some(last) = batch.last() else { return Ok(count) };
            after = last.get(0)?;
            for row in batch {
                let (page, version, was): ([u8; 16], i64, EpochNumber) =
                    (row.get(0)?, row.get(1)?, row.get(2)?);
                match self.open_page(page, version, was, row.get(3)?) {
                    Ok(entries) => count += self.reseal_page(page, (version, was), epoch, &entries).await?,
                    Err(error) => findings.push(Finding::PageDoesNotOpen {
                        page: hex::encode(page),
                        epoch: was,
                        problem: error.to_string(),
                    }),
                }
            }
        }
    }

    async fn reseal_page(
        &self,
        page: [u8; 16],
        (version, was): (i64, EpochNumber),
        epoch: EpochNumber,
        entries: &[u8],
    ) -> Result<u64, KeyError> {
        let sealed = self.seal_page(page, version + 1, epoch, entries)?.as_bytes().to_vec();
        let values: [Value; 6] =
            [(version + 1).into(), epoch.into(), sealed.into(), page.into(), version.into(), was.into()];
        let write = self.database.write(Lane::Maintenance, move |tx| {
            Box::pin(async move {
                // Another node may have begun a newer one meanwhile; then that one's round seals this page.
                if epochs::newest_in_use(tx).await? != epoch {
                    return Ok(0);
                }
                let sql = "UPDATE key_pages SET version = $1, epoch = $2, sealed = $3
                           WHERE page_id = $4 AND version = $5 AND epoch = $6";
                Ok::<_, KeyError>(tx.execute(sql, &values).await?)
            })
        });
        write.await
    }
}

/// The key of `shard` in the plaintext of a page.
pub(crate) fn find_in_page(entries: &[u8], shard: [u8; 16]) -> Option<SecretKey> {
    entries.chunks_exact(PAGE_ENTRY).find_map(|entry| {
        let (id, key) = entry.split_at_checked(16)?;
        if id != shard {
            return None;
        }
        Some(SecretKey::from_bytes(key.try_into().ok()?))
    })
}
