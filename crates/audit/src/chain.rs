//! Checking an organisation's chain: numbers without holes, every hash right, the head the last of them.

use clerestory_model::OrganisationId;
use clerestory_sql::Tx;

use crate::read::{COLUMNS, entry};
use crate::{Audit, AuditError};

/// The last entry of a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Its number; 0 for an empty chain.
    pub number: u64,
    /// Its hash; zeros for an empty chain.
    pub hash: [u8; 32],
}

/// What a check of a chain found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChainReport {
    /// How many entries were checked.
    pub checked: u64,
    /// The head the table names.
    pub head: Head,
    /// The first number that is missing, altered or does not follow the one before.
    pub first_break: Option<u64>,
}

/// Entries read at a time, so that memory stays flat.
const PAGE: u64 = 1000;

impl Audit {
    /// The head of an organisation's chain.
    ///
    /// # Errors
    /// [`AuditError::Sql`].
    pub async fn head(&self, tx: &mut Tx, organisation: OrganisationId) -> Result<Head, AuditError> {
        let row = tx
            .query_opt(
                "SELECT number, hash FROM audit_heads WHERE organisation_id = $1",
                &[organisation.into()],
            )
            .await?;
        Ok(match row {
            Some(row) => Head { number: row.get(0)?, hash: row.get(1)? },
            None => Head { number: 0, hash: [0; 32] },
        })
    }

    /// Recomputes every hash of an organisation's chain.
    ///
    /// # Errors
    /// [`AuditError::Sql`]. A broken chain is a finding in the report, not an error.
    pub async fn check_chain(
        &self,
        tx: &mut Tx,
        organisation: OrganisationId,
    ) -> Result<ChainReport, AuditError> {
        let head = self.head(tx, organisation).await?;
        let sql = format!(
            "SELECT {COLUMNS} FROM audit_entries WHERE organisation_id = $1 AND number > $2 ORDER BY number LIMIT $3"
        );
        let mut last = Head { number: 0, hash: [0; 32] };
        loop {
            let rows = tx.query(&sql, &[organisation.into(), last.number.into(), PAGE.into()]).await?;
            for row in &rows {
                // A row that no longer reads as an entry is as broken as one whose hash is wrong.
                let sound = entry(row).ok().filter(|entry| {
                    entry.number == last.number + 1
                        && entry.previous_hash == last.hash
                        && entry.hash == entry.compute_hash()
                });
                match sound {
                    Some(entry) => last = Head { number: entry.number, hash: entry.hash },
                    None => {
                        let first_break = Some(last.number + 1);
                        return Ok(ChainReport { checked: last.number, head, first_break });
                    }
                }
            }
            if (rows.len() as u64) < PAGE {
                break;
            }
        }
        let first_break = (last != head).then_some(last.number + 1);
        Ok(ChainReport { checked: last.number, head, first_break })
    }
}
