//! Whether one entry stands as it was written, for whoever has a reader of the database and no key: its hash, and the
//! leaf that the ledger has of it.

use clerestory_model::OrganisationId;
use clerestory_sql::{SqlError, Tx};

use crate::ledger::commitment;
use crate::read::{COLUMNS, entry};
use crate::{Entry, Outcome};

/// An entry, and what speaks for it.
#[derive(Clone, Debug)]
pub struct Standing {
    /// The entry.
    pub entry: Entry,
    /// Its hash is that of what it says.
    pub is_whole: bool,
    /// Whether the ledger's leaf is of this entry; `None` where it has none yet. A leaf that was removed is not.
    pub leaf: Option<bool>,
}

impl Standing {
    /// Whether nothing speaks against it.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.is_whole && self.leaf != Some(false)
    }
}

/// One entry of an organisation's log.
///
/// # Errors
/// [`SqlError`]; [`SqlError::Inconsistent`] where the row is no entry.
pub async fn standing(
    tx: &mut Tx,
    organisation: OrganisationId,
    number: u64,
) -> Result<Option<Standing>, SqlError> {
    let sql = format!("SELECT {COLUMNS} FROM audit_entries WHERE organisation_id = $1 AND number = $2");
    let values = [organisation.into(), number.into()];
    let Some(row) = tx.query_opt(&sql, &values).await? else { return Ok(None) };
    let entry = entry(&row)?;
    let sql = "SELECT commitment FROM ledger_leaves WHERE organisation_id = $1 AND number = $2";
    let leaf = match tx.query_opt(sql, &values).await? {
        Some(row) => Some(row.get::<[u8; 32]>(0)? == commitment(&entry.salt, &entry.hash)),
        // The ledger takes entries in their order: where it has a later one, this one's leaf was removed.
        None => {
            let sql = "SELECT 1 FROM ledger_leaves WHERE organisation_id = $1 AND number > $2 LIMIT 1";
            tx.query_opt(sql, &[organisation.into(), number.into()]).await?.map(|_| false)
        }
    };
    Ok(Some(Standing { is_whole: entry.hash == entry.compute_hash(), leaf, entry }))
}

/// How many entries an organisation's log has about an object with this action that was allowed.
///
/// # Errors
/// [`SqlError`].
pub async fn told_of(
    tx: &mut Tx,
    organisation: OrganisationId,
    (action, object): (&str, [u8; 16]),
) -> Result<u64, SqlError> {
    let sql = "SELECT count(*) FROM audit_entries WHERE organisation_id = $1 AND object = $2 AND action = $3
               AND outcome = $4";
    let values = [organisation.into(), object.into(), action.into(), (Outcome::Allowed as i64).into()];
    tx.query_opt(sql, &values).await?.map_or(Ok(0), |row| row.get(0))
}
