//! Tombstones: what was erased and must never be made again, in the database and in places outside it.

use std::io;
use std::path::PathBuf;

use clerestory_model::{KeyId, OrganisationId, SubjectId, Timestamp, UnknownWord};
use clerestory_seal::sha256;
use clerestory_sql::{Row, Tx, Value};
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
    /// One key and no more: of a track, or of what derives from a recording.
    Key,
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
            Owner::Key => *self.key.as_bytes(),
        }
    }

    fn kind(&self) -> i64 {
        match self.owner {
            Owner::Organisation => 1,
            Owner::Subject(_) => 2,
            Owner::Key => 3,
        }
    }
}

/// A place outside the database that keeps tombstones for ever: each is an object that is made once and never
/// changed, so that an older database that comes back learns what it may not know any more.
pub trait TombstonePlace: Send + Sync {
    /// Its name, for people.
    fn name(&self) -> String;
    /// Keeps tombstones durably, as one object, named as [`tombstone_object`] says. Keeping them again is fine.
    ///
    /// # Errors
    /// Any failure to write.
    fn lay(&self, tombstones: &[Tombstone]) -> io::Result<()>;
    /// The tombstones of one object.
    ///
    /// # Errors
    /// Any failure to read, `NotFound` where it does not hold the object.
    fn read(&self, name: &str) -> io::Result<Vec<Tombstone>>;
    /// Every tombstone it holds.
    ///
    /// # Errors
    /// Any failure to read, `InvalidData` where one cannot be understood: a missing one would bring back what was
    /// erased, so none is passed over.
    fn list(&self) -> io::Result<Vec<Tombstone>>;
}

/// The name and the bytes of the object that keeps these tombstones. The name is of the bytes: the same tombstones are
/// the same object, and no two objects have one name.
///
/// # Errors
/// When they cannot be encoded, which no tombstone of ours does.
pub fn tombstone_object(tombstones: &[Tombstone]) -> io::Result<(String, Vec<u8>)> {
    let bytes = serde_json::to_vec(tombstones)?;
    let name = sha256(&bytes).first_chunk::<16>().map(hex::encode).unwrap_or_default();
    Ok((name, bytes))
}

/// What an object of tombstones says.
///
/// # Errors
/// `InvalidData` where it cannot be understood.
pub fn read_tombstones(bytes: &[u8]) -> io::Result<Vec<Tombstone>> {
    Ok(serde_json::from_slice(bytes)?)
}

/// A directory that keeps one file per object of tombstones.
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

    fn lay(&self, tombstones: &[Tombstone]) -> io::Result<()> {
        let (name, bytes) = tombstone_object(tombstones)?;
        let path = self.directory.join(format!("{name}.{EXTENSION}"));
        create_only(&self.directory, &path, &bytes)
    }

    fn read(&self, name: &str) -> io::Result<Vec<Tombstone>> {
        read_tombstones(&std::fs::read(self.directory.join(format!("{name}.{EXTENSION}")))?)
    }

    fn list(&self) -> io::Result<Vec<Tombstone>> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(&self.directory)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == EXTENSION) {
                found.extend(read_tombstones(&std::fs::read(path)?)?);
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

    /// Lays tombstones that the database may lack, as after a restore. Gives back the keys of the registry that they
    /// name, with all below them: these are to be destroyed again.
    ///
    /// # Errors
    /// [`KeyError::Sql`].
    pub async fn replay_tombstones(
        &self,
        tx: &mut Tx,
        tombstones: &[Tombstone],
    ) -> Result<Vec<KeyId>, KeyError> {
        let mut again = Vec::new();
        for tombstone in tombstones {
            self.lay_tombstone(tx, tombstone).await?;
            match tombstone.owner {
                Owner::Organisation => again.extend(self.of_organisation(tx, tombstone.organisation).await?),
                Owner::Subject(_) | Owner::Key => again.push(tombstone.key),
            }
        }
        again.sort_unstable();
        again.dedup();
        self.with_those_below(tx, &again).await
    }

    /// Every tombstone in the database.
    ///
    /// # Errors
    /// [`KeyError::Sql`].
    pub async fn tombstones(&self, tx: &mut Tx) -> Result<Vec<Tombstone>, KeyError> {
        let sql = format!("SELECT {COLUMNS} FROM key_tombstones ORDER BY owner");
        tx.query(&sql, &[]).await?.iter().map(tombstone).collect()
    }
}

pub(crate) const COLUMNS: &str = "owner, kind, organisation, key_id, laid_at";

pub(crate) fn tombstone(row: &Row) -> Result<Tombstone, KeyError> {
    let owner = match row.get::<i64>(1)? {
        1 => Owner::Organisation,
        2 => Owner::Subject(row.get(0)?),
        3 => Owner::Key,
        other => return Err(unknown(other)),
    };
    Ok(Tombstone { organisation: row.get(2)?, owner, key: row.get(3)?, at: row.get(4)? })
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
