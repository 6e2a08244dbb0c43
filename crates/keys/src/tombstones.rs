//! Tombstones: what was erased and must never be made again, in the database and in places outside it.

use std::io;
use std::path::PathBuf;

use clerestory_model::{KeyId, OrganisationId, SubjectId, Timestamp, UnknownWord};
use clerestory_sql::{Tx, Value};
use serde::{Deserialize, Serialize};

use crate::places::create_only;
use crate::{KeyError, Keys};

/// What was erased.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Owner {
    /// One person or visitor.
    Subject(SubjectId),
    /// A whole organisation.
    Organisation,
}

/// Says that something was erased, and which key went with it. It holds ids only and never goes away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tombstone {
    /// In which organisation.
    pub organisation: OrganisationId,
    /// Who or what.
    pub owner: Owner,
    /// The key that was, or is to be, destroyed.
    pub key: KeyId,
    /// When the erasure was decided.
    pub at: Timestamp,
}

impl Tombstone {
    /// The sixteen bytes nothing is made for again.
    #[must_use]
    pub fn id(&self) -> [u8; 16] {
        match self.owner {
            Owner::Subject(subject) => *subject.as_bytes(),
            Owner::Organisation => *self.organisation.as_bytes(),
        }
    }

    fn kind(&self) -> i64 {
        match self.owner {
            Owner::Organisation => 1,
            Owner::Subject(_) => 2,
        }
    }
}

/// A place outside the database that keeps tombstones for ever: each is an object that is made once and never
/// changed, so that an older database that comes back learns what it may not know any more.
pub trait TombstonePlace: Send + Sync {
    /// Its name, for people.
    fn name(&self) -> String;
    /// Keeps a tombstone durably. Keeping it again is fine.
    ///
    /// # Errors
    /// Any failure to write; `AlreadyExists` where another one is kept for the same owner.
    fn lay(&self, tombstone: &Tombstone) -> io::Result<()>;
    /// Every tombstone it holds.
    ///
    /// # Errors
    /// Any failure to read, `InvalidData` where one cannot be understood: a missing one would bring back what was
    /// erased, so none is passed over.
    fn list(&self) -> io::Result<Vec<Tombstone>>;
}

/// A directory that keeps one file per tombstone.
pub struct FileTombstones {
    directory: PathBuf,
}

impl FileTombstones {
    /// The place in a directory that is there.
    ///
    /// # Errors
    /// `NotFound` when it is not.
    pub fn open(directory: PathBuf) -> io::Result<Self> {
        std::fs::read_dir(&directory)?;
        Ok(Self { directory })
    }
}

const EXTENSION: &str = "tombstone";

impl TombstonePlace for FileTombstones {
    fn name(&self) -> String {
        self.directory.display().to_string()
    }

    fn lay(&self, tombstone: &Tombstone) -> io::Result<()> {
        let path = self.directory.join(format!("{}.{EXTENSION}", hex::encode(tombstone.id())));
        create_only(&self.directory, &path, &serde_json::to_vec(tombstone)?)
    }

    fn list(&self) -> io::Result<Vec<Tombstone>> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(&self.directory)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == EXTENSION) {
                found.push(serde_json::from_slice(&std::fs::read(path)?)?);
            }
        }
        Ok(found)
    }
}

impl Keys {
    /// Lays a tombstone inside the caller's transaction: once it commits, no key is made for its owner again.
    /// One that lies there already stays as it is. The caller holds the lock of the subject's or organisation's row.
    ///
    /// # Errors
    /// [`KeyError::Sql`].
    pub async fn lay_tombstone(&self, tx: &mut Tx, tombstone: &Tombstone) -> Result<(), KeyError> {
        let values: [Value; 5] = [
            tombstone.id().into(),
            tombstone.kind().into(),
            tombstone.organisation.into(),
            tombstone.key.into(),
            tombstone.at.into(),
        ];
        tx.execute(
            "INSERT INTO key_tombstones (owner, kind, organisation, key_id, laid_at) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (owner) DO NOTHING",
            &values,
        )
        .await?;
        Ok(())
    }

    /// Lays the tombstones that any of `places` holds and the database lacks, as after a restore. Gives back those of
    /// them whose key is in the registry: these keys are to be destroyed again.
    ///
    /// # Errors
    /// [`KeyError::Place`] when a place cannot be read: what it knows may be what was erased.
    pub async fn replay_tombstones(
        &self,
        tx: &mut Tx,
        places: &[&dyn TombstonePlace],
    ) -> Result<Vec<Tombstone>, KeyError> {
        let mut again = Vec::new();
        for place in places {
            let held = place.list();
            for tombstone in held.map_err(|source| KeyError::Place { place: place.name(), source })? {
                self.lay_tombstone(tx, &tombstone).await?;
                let sql = "SELECT 1 FROM key_rows WHERE key_id = $1";
                if tx.query_opt(sql, &[tombstone.key.into()]).await?.is_some() && !again.contains(&tombstone)
                {
                    again.push(tombstone);
                }
            }
        }
        Ok(again)
    }

    /// Every tombstone in the database.
    ///
    /// # Errors
    /// [`KeyError::Sql`].
    pub async fn tombstones(&self, tx: &mut Tx) -> Result<Vec<Tombstone>, KeyError> {
        let sql = "SELECT owner, kind, organisation, key_id, laid_at FROM key_tombstones ORDER BY owner";
        let rows = tx.query(sql, &[]).await?;
        rows.into_iter()
            .map(|row| {
                let owner = match row.get::<i64>(1)? {
                    1 => Owner::Organisation,
                    2 => Owner::Subject(row.get(0)?),
                    other => return Err(unknown(other)),
                };
                Ok(Tombstone { organisation: row.get(2)?, owner, key: row.get(3)?, at: row.get(4)? })
            })
            .collect()
    }
}

fn unknown(number: i64) -> KeyError {
    tracing::error!(error = %UnknownWord { kind: "tombstone", word: number.to_string() }, "reading tombstones");
    KeyError::Shape
}

/// Fails when any of `owners` was erased. Who lays a subject's tombstone has locked the subject's own row before, and
/// so has who makes a key for a subject that is there: neither misses the other.
pub(crate) async fn refuse_erased(tx: &mut Tx, owners: &[[u8; 16]]) -> Result<(), KeyError> {
    for owner in owners {
        let sql = "SELECT 1 FROM key_tombstones WHERE owner = $1";
        if tx.query_opt(sql, &[owner.into()]).await?.is_some() {
            return Err(KeyError::Tombstoned);
        }
    }
    Ok(())
}
