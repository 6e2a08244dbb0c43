//! Blocks: somebody, one of their sessions, or a whole organisation is kept out for a time. Each ends by itself.

use clerestory_model::{BlockId, OrganisationId, PersonId, SessionId, Timestamp};
use clerestory_sql::{Row, SqlError, Tx};
use serde::{Deserialize, Serialize};

use crate::{About, Content, Kind, Place, Sealed};

/// Why somebody is kept out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockReason(pub String);

impl Content for BlockReason {
    const KIND: Kind = Kind::Person;
    const TABLE: &'static str = "blocks";
    const COLUMN: &'static str = "reason";
}

/// Whom a block keeps out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blocked {
    /// Everybody of the organisation.
    Organisation,
    /// A person, in every session.
    Person(PersonId),
    /// One session of a person.
    Session(PersonId, SessionId),
}

impl Blocked {
    const fn person(self) -> Option<PersonId> {
        match self {
            Self::Organisation => None,
            Self::Person(person) | Self::Session(person, _) => Some(person),
        }
    }

    const fn session(self) -> Option<SessionId> {
        match self {
            Self::Session(_, session) => Some(session),
            Self::Organisation | Self::Person(_) => None,
        }
    }
}

/// A block's row.
#[derive(Clone, Debug)]
pub struct Block {
    /// Its id.
    pub id: BlockId,
    /// In which organisation.
    pub organisation: OrganisationId,
    /// Whom it keeps out.
    pub blocked: Blocked,
    /// Why: sealed under the person's key, or the organisation's where it is about all of it.
    pub reason: Sealed<BlockReason>,
    /// Who set it; nil for the program at the command line.
    pub set_by: PersonId,
    /// Since when.
    pub since: Timestamp,
    /// When it ends.
    pub ends_at: Timestamp,
}

/// Where the reason of a block stands.
#[must_use]
pub fn reason_place(organisation: OrganisationId, blocked: Blocked, id: BlockId) -> Place {
    let about = blocked.person().map_or(About::Organisation, About::Person);
    Place { organisation, about, row: *id.as_bytes(), version: 1 }
}

const COLUMNS: &str = "block_id, organisation_id, person_id, session_id, reason, set_by, since, ends_at";

fn block(row: &Row) -> Result<Block, SqlError> {
    let (id, organisation) = (row.get(0)?, row.get(1)?);
    let blocked = match (row.get(2)?, row.get(3)?) {
        (None, None) => Blocked::Organisation,
        (Some(person), None) => Blocked::Person(person),
        (Some(person), Some(session)) => Blocked::Session(person, session),
        (None, Some(_)) => {
            return Err(SqlError::Inconsistent { table: "blocks", column: "person_id".to_owned() });
        }
    };
    Ok(Block {
        id,
        organisation,
        blocked,
        reason: Sealed::found(row.get(4)?, reason_place(organisation, blocked, id))?,
        set_by: row.get(5)?,
        since: row.get(6)?,
        ends_at: row.get(7)?,
    })
}

/// Adds a block.
///
/// # Errors
/// [`SqlError::Exists`] when its id is taken.
pub async fn insert(tx: &mut Tx, new: &Block) -> Result<(), SqlError> {
    let sql = "INSERT INTO blocks (block_id, organisation_id, person_id, session_id, reason, set_by, since, ends_at)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    let values = [
        new.id.into(),
        new.organisation.into(),
        new.blocked.person().into(),
        new.blocked.session().into(),
        new.reason.value().as_bytes().into(),
        new.set_by.into(),
        new.since.into(),
        new.ends_at.into(),
    ];
    tx.execute(sql, &values).await.map(drop)
}

/// Until when somebody is kept out, at this time: in this session, or in any where none is named.
///
/// # Errors
/// [`SqlError::Engine`].
pub async fn until(
    tx: &mut Tx,
    organisation: OrganisationId,
    person: PersonId,
    session: Option<SessionId>,
    now: Timestamp,
) -> Result<Option<Timestamp>, SqlError> {
    let sql = "SELECT max(ends_at) FROM blocks WHERE organisation_id = $1 AND ends_at > $2
                   AND (person_id IS NULL OR person_id = $3) AND (session_id IS NULL OR session_id = $4)";
    let session = session.unwrap_or(SessionId::nil());
    let row = tx.query_opt(sql, &[organisation.into(), now.into(), person.into(), session.into()]).await?;
    row.map_or(Ok(None), |row| row.get(0))
}

/// The blocks that are about somebody and run at this time, the newest first.
///
/// # Errors
/// [`SqlError::Engine`], [`SqlError::Inconsistent`].
pub async fn of_person(tx: &mut Tx, person: PersonId, now: Timestamp) -> Result<Vec<Block>, SqlError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM blocks WHERE person_id = $1 AND ends_at > $2 ORDER BY since DESC, block_id LIMIT 100"
    );
    tx.query(&sql, &[person.into(), now.into()]).await?.iter().map(block).collect()
}

/// Ends a block of somebody before its time; `false` when there is none such.
///
/// # Errors
/// [`SqlError::Engine`].
pub async fn lift(tx: &mut Tx, person: PersonId, id: BlockId) -> Result<bool, SqlError> {
    let sql = "DELETE FROM blocks WHERE block_id = $1 AND person_id = $2";
    Ok(tx.execute(sql, &[id.into(), person.into()]).await? == 1)
}

/// Ends the blocks of a whole organisation; which they were.
///
/// # Errors
/// [`SqlError::Engine`].
pub async fn lift_organisation(tx: &mut Tx, organisation: OrganisationId) -> Result<Vec<BlockId>, SqlError> {
    let sql = "DELETE FROM blocks WHERE organisation_id = $1 AND person_id IS NULL RETURNING block_id";
    tx.query(sql, &[organisation.into()]).await?.iter().map(|row| row.get(0)).collect()
}

/// Removes every block of somebody; which they were.
///
/// # Errors
/// [`SqlError::Engine`].
pub async fn forget(tx: &mut Tx, person: PersonId) -> Result<Vec<BlockId>, SqlError> {
    let sql = "DELETE FROM blocks WHERE person_id = $1 RETURNING block_id";
    tx.query(sql, &[person.into()]).await?.iter().map(|row| row.get(0)).collect()
}
