//! The rows of blocks of networks and devices.

use clerestory_model::{BlockId, OrganisationId, PersonId, Timestamp};
use clerestory_sql::{Lock, Row, SqlError, Tx};
use clerestory_store::{About, Content, Kind, Place, Sealed};
use serde::{Deserialize, Serialize};

macro_rules! sealed {
    ($($(#[$doc:meta])* $name:ident = $column:literal;)+) => {
        $($(#[$doc])*
        #[derive(Clone, Debug, Serialize, Deserialize)]
        pub(crate) struct $name(pub(crate) String);

        impl Content for $name {
            const KIND: Kind = Kind::PlaceBlock;
            const TABLE: &'static str = "place_blocks";
            const COLUMN: &'static str = $column;
        })+
    };
}

sealed! {
    /// A network, as it is written.
    KeptNetwork = "network";
    /// Why it is kept out.
    Reason = "reason";
    /// Why that ended before its time.
    LiftReason = "lift_reason";
}

/// What a block keeps out.
#[derive(Clone, Debug)]
pub(crate) enum Blocked {
    /// Whoever comes from a network.
    Network(Sealed<KeptNetwork>),
    /// Whoever comes with a browser.
    Device {
        /// What the browser is known by.
        hash: [u8; 32],
        /// Who was signed in with it when it was blocked.
        person: PersonId,
    },
}

/// A block's row.
#[derive(Clone, Debug)]
pub(crate) struct PlaceBlock {
    pub(crate) id: BlockId,
    pub(crate) organisation: OrganisationId,
    pub(crate) blocked: Blocked,
    pub(crate) reason: Sealed<Reason>,
    pub(crate) set_by: PersonId,
    pub(crate) since: Timestamp,
    pub(crate) ends_at: Timestamp,
    pub(crate) lifted: Option<(PersonId, Sealed<LiftReason>)>,
}

/// Where what is sealed of a block stands: a device is somebody's, a network nobody's.
pub(crate) fn place(organisation: OrganisationId, person: Option<PersonId>, id: BlockId) -> Place {
    let about = person.map_or(About::Organisation, About::Person);
    Place { organisation, about, row: *id.as_bytes(), version: 1 }
}

const COLUMNS: &str = "block_id, organisation_id, network, device_hash, person_id, reason, set_by, since, ends_at, \
                       lifted_by, lift_reason";

fn block(row: &Row) -> Result<PlaceBlock, SqlError> {
    let (id, organisation, person) = (row.get(0)?, row.get(1)?, row.get::<Option<PersonId>>(4)?);
    let place = place(organisation, person, id);
    let wrong = || SqlError::Inconsistent { table: "place_blocks", column: "network".to_owned() };
    let blocked = match (row.get::<Option<Vec<u8>>>(2)?, row.get::<Option<[u8; 32]>>(3)?, person) {
        (Some(network), None, None) => Blocked::Network(Sealed::found(network, place)?),
        (None, Some(hash), Some(person)) => Blocked::Device { hash, person },
        _ => return Err(wrong()),
    };
    let lifted = match (row.get::<Option<PersonId>>(9)?, row.get::<Option<Vec<u8>>>(10)?) {
        (Some(by), Some(reason)) => Some((by, Sealed::found(reason, place)?)),
        _ => None,
    };
    Ok(PlaceBlock {
        id,
        organisation,
        blocked,
        reason: Sealed::found(row.get(5)?, place)?,
        set_by: row.get(6)?,
        since: row.get(7)?,
        ends_at: row.get(8)?,
        lifted,
    })
}

pub(crate) async fn insert(tx: &mut Tx, new: &PlaceBlock) -> Result<(), SqlError> {
    let (network, device, person) = match &new.blocked {
        Blocked::Network(network) => (Some(network.value().as_bytes().to_vec()), None, None),
        Blocked::Device { hash, person } => (None, Some(*hash), Some(*person)),
    };
    let sql = "INSERT INTO place_blocks (block_id, organisation_id, network, device_hash, person_id, reason, set_by,
                   since, ends_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    let values = [
        new.id.into(),
        new.organisation.into(),
        network.into(),
        device.into(),
        person.into(),
        new.reason.value().as_bytes().into(),
        new.set_by.into(),
        new.since.into(),
        new.ends_at.into(),
    ];
    tx.execute(sql, &values).await.map(drop)
}

/// The blocks of an organisation that run at this time.
pub(crate) async fn running(
    tx: &mut Tx,
    organisation: OrganisationId,
    now: Timestamp,
) -> Result<Vec<PlaceBlock>, SqlError> {
    let sql = format!("SELECT {COLUMNS} FROM place_blocks WHERE organisation_id = $1 AND ends_at > $2");
    tx.query(&sql, &[organisation.into(), now.into()]).await?.iter().map(block).collect()
}

/// The blocks of an organisation, those that end last first; those that ended are there for a while.
pub(crate) async fn of_organisation(
    tx: &mut Tx,
    organisation: OrganisationId,
    limit: u32,
) -> Result<Vec<PlaceBlock>, SqlError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM place_blocks WHERE organisation_id = $1 ORDER BY ends_at DESC, block_id LIMIT $2"
    );
    tx.query(&sql, &[organisation.into(), limit.into()]).await?.iter().map(block).collect()
}

pub(crate) async fn find_locked(tx: &mut Tx, id: BlockId) -> Result<Option<PlaceBlock>, SqlError> {
    let sql = format!("SELECT {COLUMNS} FROM place_blocks WHERE block_id = $1");
    tx.query_opt_locked(Lock::Exclusive, &sql, &[id.into()]).await?.as_ref().map(block).transpose()
}

/// Ends a block now.
pub(crate) async fn lift(
    tx: &mut Tx,
    id: BlockId,
    (by, reason): (PersonId, &Sealed<LiftReason>),
    now: Timestamp,
) -> Result<(), SqlError> {
    let sql = "UPDATE place_blocks SET ends_at = $2, lifted_by = $3, lift_reason = $4 WHERE block_id = $1";
    let values = [id.into(), now.into(), by.into(), reason.value().as_bytes().into()];
    tx.execute_one("place_blocks", sql, &values).await
}

/// Removes every block of a device of somebody; which they were.
pub(crate) async fn forget(tx: &mut Tx, person: PersonId) -> Result<Vec<BlockId>, SqlError> {
    let sql = "DELETE FROM place_blocks WHERE person_id = $1 RETURNING block_id";
    tx.query(sql, &[person.into()]).await?.iter().map(|row| row.get(0)).collect()
}

/// Removes every block of an organisation; which they were.
pub(crate) async fn forget_all(tx: &mut Tx, organisation: OrganisationId) -> Result<Vec<BlockId>, SqlError> {
    let sql = "DELETE FROM place_blocks WHERE organisation_id = $1 RETURNING block_id";
    tx.query(sql, &[organisation.into()]).await?.iter().map(|row| row.get(0)).collect()
}
