//! Rows, shards and pages: making keys, and re-sealing pages under a new epoch.

use std::sync::Arc;

use clerestory_model::{KeyId, OrganisationId, Timestamp, UnknownWord};
use clerestory_seal::{SealedValue, SecretKey, ValueContext, open_value, random, seal_value};
use clerestory_sql::{Lane, SqlError, Tx, Value};
use zeroize::Zeroizing;

use crate::{EpochNumber, KeyError, Keys, NewKey, unwrapping};

/// Rows of one shard at most.
const SHARD_ROWS: i64 = 1024;
/// Shard keys in one page at most.
const PAGE_SHARDS: i64 = 256;
/// A page's plaintext is a run of shard id 16 ‖ shard key 32.
const PAGE_ENTRY: usize = 48;

/// What a key of the registry is for. Numbers are stored and never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// An organisation's own values, and the parent of its subjects.
    Organisation = 1,
    /// One person or visitor, and the parent of their tracks.
    Subject = 2,
    /// One track.
    Track = 3,
    /// The personal parts of one organisation's audit entries of one month.
    AuditMonth = 4,
    /// Exact look-up without keeping the text.
    BlindIndex = 5,
    /// Ingest tokens of the deployment.
    IngestToken = 6,
    /// The policy signing key of one site.
    PolicySigning = 7,
    /// The deployment's spool key.
    Spool = 8,
    /// The key that signs checkpoints of the deployment's audit log.
    Checkpoint = 20,
}

impl Purpose {
    /// The purpose with this stored number.
    ///
    /// # Errors
    /// [`UnknownWord`] for a number no version has written.
    pub fn from_number(number: i64) -> Result<Self, UnknownWord> {
        Ok(match number {
            1 => Self::Organisation,
            2 => Self::Subject,
            3 => Self::Track,
            4 => Self::AuditMonth,
            5 => Self::BlindIndex,
            6 => Self::IngestToken,
            7 => Self::PolicySigning,
            8 => Self::Spool,
            20 => Self::Checkpoint,
            other => return Err(UnknownWord { kind: "key purpose", word: other.to_string() }),
        })
    }
}

/// Where a key lies in the registry: ids only, nothing secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyLocation {
    /// The key.
    pub key: KeyId,
    /// What it is for.
    pub purpose: Purpose,
    /// The key that wraps it inside its row.
    pub parent: Option<KeyId>,
    /// The shard its row is sealed under.
    pub shard: [u8; 16],
    /// The shard's version.
    pub shard_version: i64,
    /// The page that holds the shard key.
    pub page: [u8; 16],
    /// The epoch the page is sealed under.
    pub epoch: EpochNumber,
}

struct Shard {
    id: [u8; 16],
    version: i64,
    page: [u8; 16],
}

impl Keys {
    /// Makes a key inside the caller's transaction; it exists when that commits.
    ///
    /// # Errors
    /// [`KeyError::Unknown`] when the parent does not exist, [`KeyError::Sql`].
    pub async fn make(&self, tx: &mut Tx, new: NewKey) -> Result<KeyId, KeyError> {
        let id = KeyId::new(new.at, random());
        let secret = SecretKey::generate();
        let shard = self.shard_with_room(tx, &new).await?;
        let shard_key = unwrapping::shard_key(self, tx, shard.id, shard.version, shard.page).await?;
        let inner = match new.parent {
            None => Zeroizing::new(secret.dangerous_bytes().to_vec()),
            Some(parent) => {
                let parent_key = unwrapping::secret(self, tx, parent).await?;
                let context = self.wrapped_context(id, new.organisation);
                let wrapped = seal_value(&parent_key, parent, &context, secret.dangerous_bytes());
                Zeroizing::new(wrapped.as_bytes().to_vec())
            }
        };
        let context = self.row_context(id, new.organisation, shard.version);
        let sealed = seal_value(&shard_key, KeyId::from_bytes(shard.id), &context, &inner);
        let values: [Value; 8] = [
            id.into(),
            new.organisation.into(),
            shard.id.into(),
            shard.version.into(),
            new.parent.map(Value::from).unwrap_or(Value::Null),
            (new.purpose as i64).into(),
            new.at.into(),
            sealed.as_bytes().into(),
        ];
        tx.execute(
            "INSERT INTO key_rows (key_id, organisation, shard_id, shard_version, parent, purpose, pins, made_at, sealed)
             VALUES ($1, $2, $3, $4, $5, $6, 0, $7, $8)",
            &values,
        )
        .await?;
        Ok(id)
    }

    /// The newest key of this purpose an organisation has, if any, and when it was made.
    ///
    /// # Errors
    /// [`KeyError::Sql`].
    pub async fn newest_made(
        &self,
        tx: &mut Tx,
        organisation: OrganisationId,
        purpose: Purpose,
    ) -> Result<Option<(KeyId, Timestamp)>, KeyError> {
        let row = tx
            .query_opt(
                "SELECT key_id, made_at FROM key_rows WHERE organisation = $1 AND purpose = $2
                 ORDER BY made_at DESC LIMIT 1",
                &[organisation.into(), (purpose as i64).into()],
            )
            .await?;
        Ok(row.map(|row| Ok::<_, SqlError>((row.get(0)?, row.get(1)?))).transpose()?)
    }

    /// Where `key` lies.
    ///
    /// # Errors
    /// [`KeyError::Unknown`] when it was destroyed or never was.
    pub async fn locate(&self, tx: &mut Tx, key: KeyId) -> Result<KeyLocation, KeyError> {
        let row = tx
            .query_opt(
                "SELECT r.parent, r.shard_id, r.shard_version, s.page_id, p.epoch, r.purpose
                 FROM key_rows r JOIN key_shards s ON s.shard_id = r.shard_id JOIN key_pages p ON p.page_id = s.page_id
                 WHERE r.key_id = $1",
                &[key.into()],
            )
            .await?
            .ok_or(KeyError::Unknown(key))?;
        Ok(KeyLocation {
            key,
            purpose: Purpose::from_number(row.get(5)?).map_err(|_| KeyError::Shape)?,
            parent: row.get(0)?,
            shard: row.get(1)?,
            shard_version: row.get(2)?,
            page: row.get(3)?,
            epoch: row.get(4)?,
        })
    }

    pub(crate) fn row_context(
        &self,
        id: KeyId,
        organisation: OrganisationId,
        version: i64,
    ) -> ValueContext<'_> {
        ValueContext {
            deployment: &self.deployment,
            organisation,
            table: "key_rows",
            column: "sealed",
            row: *id.as_bytes(),
            version: version.unsigned_abs(),
        }
    }

    pub(crate) fn wrapped_context(&self, id: KeyId, organisation: OrganisationId) -> ValueContext<'_> {
        ValueContext {
            deployment: &self.deployment,
            organisation,
            table: "key_rows",
            column: "wrapped",
            row: *id.as_bytes(),
            version: 1,
        }
    }

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

    /// The shard new keys of this organisation, class and day go to; its row count is already raised.
    async fn shard_with_room(&self, tx: &mut Tx, new: &NewKey) -> Result<Shard, KeyError> {
        let group: [Value; 3] = [new.organisation.into(), new.class.into(), new.at.utc_day().into()];
        let newest = tx
            .query_opt(
                "SELECT shard_id, version, page_id, number, key_rows FROM key_shards
                 WHERE organisation = $1 AND class = $2 AND day = $3 ORDER BY number DESC LIMIT 1",
                &group,
            )
            .await?;
        let mut number = 0;
        if let Some(row) = newest {
            let shard = Shard { id: row.get(0)?, version: row.get(1)?, page: row.get(2)? };
            if row.get::<i64>(4)? < SHARD_ROWS {
                let sql =
                    "UPDATE key_shards SET key_rows = key_rows + 1 WHERE shard_id = $1 AND version = $2";
                tx.execute_one("key_shards", sql, &[shard.id.into(), shard.version.into()]).await?;
                return Ok(shard);
            }
            number = row.get::<i64>(3)? + 1;
        }
        self.new_shard(tx, &group, number).await
    }

    async fn new_shard(&self, tx: &mut Tx, group: &[Value; 3], number: i64) -> Result<Shard, KeyError> {
        let (id, version) = (random::<16>(), 1);
        let key = Arc::new(SecretKey::generate());
        let page = self.add_to_page(tx, id, &key).await?;
        let [organisation, class, day] = group.clone();
        tx.execute(
            "INSERT INTO key_shards (shard_id, organisation, class, day, number, version, page_id, key_rows)
             VALUES ($1, $2, $3, $4, $5, $6, $7, 1)",
            &[id.into(), organisation, class, day, number.into(), version.into(), page.into()],
        )
        .await?;
        self.ring().keep_shard(id, version, key);
        Ok(Shard { id, version, page })
    }

    /// Puts a shard key into a page with room, or into a new one; the page is sealed anew either way.
    async fn add_to_page(&self, tx: &mut Tx, shard: [u8; 16], key: &SecretKey) -> Result<[u8; 16], KeyError> {
        let epoch = self.ring().newest_epoch().ok_or(KeyError::UnknownEpoch(0))?;
        let room = tx
            .query_opt(
                "SELECT page_id, version, epoch, sealed FROM key_pages WHERE shards < $1 LIMIT 1",
                &[PAGE_SHARDS.into()],
            )
            .await?;
        let (page, version, mut entries) = match room {
            None => (random(), 0, Zeroizing::new(Vec::new())),
            Some(row) => {
                let (page, version) = (row.get(0)?, row.get(1)?);
                (page, version, self.open_page(page, version, row.get(2)?, row.get(3)?)?)
            }
        };
        entries.extend_from_slice(&shard);
        entries.extend_from_slice(key.dangerous_bytes());
        let sealed = self.seal_page(page, version + 1, epoch, &entries)?;
        let sql = if version == 0 {
            "INSERT INTO key_pages (page_id, version, epoch, shards, sealed) VALUES ($1, $2, $3, $4, $5)"
        } else {
            "UPDATE key_pages SET version = $2, epoch = $3, shards = $4, sealed = $5
             WHERE page_id = $1 AND version = $2 - 1"
        };
        let shards = (entries.len() / PAGE_ENTRY) as u64;
        let values =
            [page.into(), (version + 1).into(), epoch.into(), shards.into(), sealed.as_bytes().into()];
        tx.execute_one("key_pages", sql, &values).await?;
        Ok(page)
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
        let mut named = [0; 16];
        for (place, byte) in named.iter_mut().skip(8).zip(epoch.to_be_bytes()) {
            *place = byte;
        }
        let context = self.page_context(page, version);
        Ok(seal_value(&secret, KeyId::from_bytes(named), &context, entries))
    }

    /// An unknown epoch is looked for in the places once more: another node may have made it.
    fn epoch_secret(&self, epoch: EpochNumber) -> Result<Arc<SecretKey>, KeyError> {
        if let Some(secret) = self.ring().epoch(epoch) {
            return Ok(secret);
        }
        self.load_epochs()?;
        self.ring().epoch(epoch).ok_or(KeyError::UnknownEpoch(epoch))
    }

    /// Seals every page of an older epoch under `epoch`, by compare-and-set on (version, epoch).
    pub(crate) async fn reseal_pages(&self, epoch: EpochNumber) -> Result<(), KeyError> {
        let sql = "SELECT page_id, version, epoch, sealed FROM key_pages WHERE epoch < $1";
        let old = self
            .database
            .read(move |tx| Box::pin(async move { tx.query(sql, &[epoch.into()]).await }))
            .await
            .map_err(|error: clerestory_sql::SqlError| KeyError::from(error))?;
        for row in old {
            let (page, version, was): ([u8; 16], i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let entries = self.open_page(page, version, was, row.get(3)?)?;
            let sealed = self.seal_page(page, version + 1, epoch, &entries)?.as_bytes().to_vec();
            self.database
                .write(Lane::Maintenance, move |tx| {
                    Box::pin(async move {
                        tx.execute(
                            "UPDATE key_pages SET version = $1, epoch = $2, sealed = $3
                             WHERE page_id = $4 AND version = $5 AND epoch = $6",
                            &[
                                (version + 1).into(),
                                epoch.into(),
                                sealed.into(),
                                page.into(),
                                version.into(),
                                was.into(),
                            ],
                        )
                        .await
                        .map_err(KeyError::from)
                    })
                })
                .await?;
        }
        Ok(())
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
