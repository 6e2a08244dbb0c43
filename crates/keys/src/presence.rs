//! What the rows of the registry show to whoever has no key: which keys are there, under which epochs, and what was laid
//! for those that are gone. It needs a transaction that reads, and neither root nor places.

use std::collections::BTreeSet;

use clerestory_model::{KeyId, OrganisationId, Timestamp};
use clerestory_sql::{SqlError, Tx};

use crate::epochs::EpochState;
use crate::rollover::CLOCKS_DIFFER;
use crate::tombstones::{COLUMNS, tombstone};
use crate::{EpochNumber, KeyError, Purpose, Tombstone};

/// Those of `keys` that have a row, and every key whose row says that one of them wraps it: it was put back, or was made
/// when it could not be made any more.
///
/// # Errors
/// [`KeyError::Sql`].
pub async fn present(tx: &mut Tx, keys: &[KeyId]) -> Result<BTreeSet<KeyId>, KeyError> {
    let mut found = BTreeSet::new();
    for key in keys {
        let sql = "SELECT key_id FROM key_rows WHERE key_id = $1 OR parent = $1";
        for row in tx.query(sql, &[(*key).into()]).await? {
            found.insert(row.get(0)?);
        }
    }
    Ok(found)
}

/// Every key of an organisation but those of its audit log, which outlives it.
///
/// # Errors
/// [`KeyError::Sql`].
pub async fn of_organisation(tx: &mut Tx, organisation: OrganisationId) -> Result<Vec<KeyId>, KeyError> {
    let sql = "SELECT key_id FROM key_rows WHERE organisation = $1 AND purpose <> $2 ORDER BY key_id";
    let rows = tx.query(sql, &[organisation.into(), (Purpose::AuditMonth as i64).into()]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect::<Result<_, SqlError>>()?)
}

/// Every key of a month of an audit log: whose, which, and when it was made, an organisation after the other and the oldest
/// first.
///
/// # Errors
/// [`KeyError::Sql`].
pub async fn audit_months(tx: &mut Tx) -> Result<Vec<(OrganisationId, KeyId, Timestamp)>, KeyError> {
    let sql = "SELECT organisation, key_id, made_at FROM key_rows WHERE purpose = $1
               ORDER BY organisation, made_at, key_id";
    let rows = tx.query(sql, &[(Purpose::AuditMonth as i64).into()]).await?;
    let month = |row: &clerestory_sql::Row| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
    Ok(rows.iter().map(month).collect::<Result<_, SqlError>>()?)
}

/// The pages of shard keys, and those of them that should not be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pages {
    /// How many there are.
    pub pages: u64,
    /// Those that lie under an epoch which has ended, or which nobody knows: they are of an older copy.
    pub of_ended_epochs: Vec<([u8; 16], EpochNumber)>,
}

/// Under which epochs the pages lie.
///
/// # Errors
/// [`KeyError::Sql`].
pub async fn pages(tx: &mut Tx) -> Result<Pages, KeyError> {
    let all = tx.query_opt("SELECT count(*) FROM key_pages", &[]).await?;
    let pages = all.map_or(Ok(0), |row| row.get(0))?;
    let sql = "SELECT page_id, epoch FROM key_pages WHERE epoch NOT IN
                   (SELECT epoch FROM key_epochs WHERE state = $1) ORDER BY page_id";
    let rows = tx.query(sql, &[EpochState::InUse.into()]).await?;
    let of_ended_epochs =
        rows.iter().map(|row| Ok((row.get(0)?, row.get(1)?))).collect::<Result<_, SqlError>>()?;
    Ok(Pages { pages, of_ended_epochs })
}

/// The epochs that were there when something was destroyed at this time and that are not known to be gone: for an erasure
/// that no copy is to open any more there is none.
///
/// # Errors
/// [`KeyError::Sql`].
pub async fn epochs_left(tx: &mut Tx, destroyed_at: Timestamp) -> Result<Vec<EpochNumber>, KeyError> {
    let sql = "SELECT epoch FROM key_epochs WHERE made_at <= $1 AND gone_at IS NULL ORDER BY epoch";
    let rows = tx.query(sql, &[destroyed_at.plus(CLOCKS_DIFFER).into()]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect::<Result<_, SqlError>>()?)
}

/// Those of the tombstones in the database that have one of these ids.
///
/// # Errors
/// [`KeyError::Sql`].
pub async fn tombstones_named(tx: &mut Tx, ids: &[[u8; 16]]) -> Result<Vec<Tombstone>, KeyError> {
    let mut found = Vec::new();
    for id in ids {
        let sql = format!("SELECT {COLUMNS} FROM key_tombstones WHERE owner = $1");
        found.extend(tx.query_opt(&sql, &[id.into()]).await?.as_ref().map(tombstone).transpose()?);
    }
    Ok(found)
}
