//! Rows and shards: making keys, and saying where they lie.

use clerestory_model::{KeyId, OrganisationId, RetentionClass, SubjectId, Timestamp, UnknownWord};
use clerestory_seal::{SecretKey, ValueContext, random, seal_value};
use clerestory_sql::{Lock, SqlError, Tx, Value};
use zeroize::Zeroizing;

use crate::{EpochNumber, KeyError, Keys, NewKey, tombstones, unwrapping};

/// Committed rows at which a shard counts as full. It holds 1,024 at most: the difference is what transactions that
/// do not see each other's rows may add at once.
const SHARD_FILL: i64 = 960;

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
    /// What derives from one recording: its summary.
    Summary = 9,
    /// The key that signs checkpoints of the deployment's audit log.
    Checkpoint = 20,
    /// The key that signs receipts of erasures.
    Receipt = 21,
    /// What the deployment says of settings.
    Settings = 30,
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
            9 => Self::Summary,
            20 => Self::Checkpoint,
            21 => Self::Receipt,
            30 => Self::Settings,
            other => return Err(UnknownWord { kind: "key purpose", word: other.to_string() }),
        })
    }
}

/// A subject's key to be made: keys of people and visitors, the parents of their tracks.
#[derive(Clone, Copy, Debug)]
pub struct NewSubjectKey {
    /// Whose it is.
    pub organisation: OrganisationId,
    /// Whom it is about.
    pub subject: SubjectId,
    /// What its shard is grouped by.
    pub class: RetentionClass,
    /// The organisation's key.
    pub parent: Option<KeyId>,
    /// When it is made.
    pub at: Timestamp,
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
}

impl Keys {
    /// Makes a key inside the caller's transaction; it exists when that commits.
    ///
    /// # Errors
    /// [`KeyError::Unknown`] when the parent does not exist, [`KeyError::Tombstoned`] when its organisation was
    /// erased, [`KeyError::NoSubject`] for a subject's key, [`KeyError::Sql`].
    pub async fn make(&self, tx: &mut Tx, new: NewKey) -> Result<KeyId, KeyError> {
        if new.purpose == Purpose::Subject {
            return Err(KeyError::NoSubject);
        }
        let id = self.insert_key(tx, new).await?;
        // The log of what happened to an organisation outlives it.
        if new.purpose != Purpose::AuditMonth {
            tombstones::refuse_erased(tx, &[*new.organisation.as_bytes()]).await?;
        }
        Ok(id)
    }

    /// Makes the key of a subject inside the caller's transaction, as [`Self::make`] does.
    ///
    /// # Errors
    /// As [`Self::make`], and [`KeyError::Tombstoned`] when this subject was erased.
    pub async fn make_subject(&self, tx: &mut Tx, new: NewSubjectKey) -> Result<KeyId, KeyError> {
        let NewSubjectKey { organisation, subject, class, parent, at } = new;
        let key = NewKey { organisation, class, purpose: Purpose::Subject, parent, at };
        let id = self.insert_key(tx, key).await?;
        tombstones::refuse_erased(tx, &[*organisation.as_bytes(), *subject.as_bytes()]).await?;
        Ok(id)
    }

    async fn insert_key(&self, tx: &mut Tx, new: NewKey) -> Result<KeyId, KeyError> {
        let id = KeyId::new(new.at, random());
        let secret = SecretKey::generate();
        let shard = self.shard_with_room(tx, &new).await?;
        let shard_key = unwrapping::shard_key(self, tx, shard.id, shard.version).await?;
        let inner = match new.parent {
            None => Zeroizing::new(secret.dangerous_bytes().to_vec()),
            Some(parent) => {
                let sql = "SELECT organisation FROM key_rows WHERE key_id = $1";
                let found = tx.query_opt_locked(Lock::Share, sql, &[parent.into()]).await?;
                let owner: OrganisationId = found.ok_or(KeyError::Unknown(parent))?.get(0)?;
                if owner != new.organisation {
                    return Err(KeyError::NoParent { key: id, parent });
                }
                self.wrap_under(tx, (id, new.organisation), parent, &secret).await?
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

    /// What the row of a key with a parent holds.
    pub(crate) async fn wrap_under(
        &self,
        tx: &mut Tx,
        (id, organisation): (KeyId, OrganisationId),
        parent: KeyId,
        secret: &SecretKey,
    ) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let parent_key = unwrapping::secret(self, tx, parent).await?;
        let context = self.wrapped_context(id, organisation);
        let wrapped = seal_value(&parent_key, parent, &context, secret.dangerous_bytes());
        Ok(Zeroizing::new(wrapped.as_bytes().to_vec()))
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

    /// The shard new keys of this organisation, class and day go to, kept from being sealed anew until the
    /// transaction ends: what is sealed for its version now is right when it commits.
    async fn shard_with_room(&self, tx: &mut Tx, new: &NewKey) -> Result<Shard, KeyError> {
        let group: [Value; 3] = [new.organisation.into(), new.class.into(), new.at.utc_day().into()];
        loop {
            let newest = tx
                .query_opt_locked(
                    Lock::Share,
                    "SELECT shard_id, version, number FROM key_shards
                 WHERE organisation = $1 AND class = $2 AND day = $3 ORDER BY number DESC LIMIT 1",
                    &group,
                )
                .await?;
            let mut number = 0;
            if let Some(row) = newest {
                let shard = Shard { id: row.get(0)?, version: row.get(1)? };
                let sql = "SELECT count(*) FROM key_rows WHERE shard_id = $1";
                let rows = tx.query_opt(sql, &[shard.id.into()]).await?;
                if rows.map_or(Ok(0), |row| row.get::<i64>(0))? < SHARD_FILL {
                    return Ok(shard);
                }
                number = row.get::<i64>(2)? + 1;
            }
            // Somebody else may have begun the same one, and then it is found by another look.
            if let Some(shard) = self.new_shard(tx, &group, number).await? {
                return Ok(shard);
            }
        }
    }

    async fn new_shard(
        &self,
        tx: &mut Tx,
        group: &[Value; 3],
        number: i64,
    ) -> Result<Option<Shard>, KeyError> {
        let (id, version) = (random::<16>(), 1);
        let key = SecretKey::generate();
        let candidate = self.page_with_room(tx).await?;
        let [organisation, class, day] = group.clone();
        let inserted = tx
            .execute(
                "INSERT INTO key_shards (shard_id, organisation, class, day, number, version, page_id)
                 VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (organisation, class, day, number) DO NOTHING",
                &[id.into(), organisation, class, day, number.into(), version.into(), candidate.into()],
            )
            .await?;
        if inserted == 0 {
            return Ok(None);
        }
        let page = self.add_to_page(tx, candidate, id, &key).await?;
        if page != candidate {
            let sql = "UPDATE key_shards SET page_id = $2 WHERE shard_id = $1";
            tx.execute_one("key_shards", sql, &[id.into(), page.into()]).await?;
        }
        Ok(Some(Shard { id, version }))
    }
}
