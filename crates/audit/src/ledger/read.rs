//! The log as files, and proofs out of it.

use clerestory_model::OrganisationId;
use clerestory_sql::Tx;

use super::integrate::{load, span_hashes};
use super::tiles::{Tile, WIDTH, tiles_of, width_at};
use super::tree::Hash;
use super::{Ledger, LedgerError, Resource, consistency_spans, inclusion_spans};

/// Proof that an entry is a leaf of the checkpoint's tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inclusion {
    /// Which leaf.
    pub leaf: u64,
    /// The entry's salt: with its hash it gives what the leaf holds ([`super::commitment`]).
    pub salt: [u8; 16],
    /// The entry's hash, as the log has it.
    pub hash: [u8; 32],
    /// The hashes beside the way up, nearest first.
    pub path: Vec<Hash>,
}

/// The newest checkpoint and what was asked of it; all of one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proofs {
    /// The signed checkpoint.
    pub note: String,
    /// Its size.
    pub size: u64,
    /// Proof that the tree of the size asked about is its beginning; `None` where it is larger than the tree.
    pub consistency: Option<Vec<Hash>>,
    /// Proof of the entry asked about; `None` where it has no leaf, or not yet.
    pub inclusion: Option<Inclusion>,
}

impl Ledger {
    /// The newest checkpoint, if there is one yet.
    ///
    /// # Errors
    /// [`LedgerError::Sql`].
    pub async fn checkpoint(&self, tx: &mut Tx) -> Result<Option<String>, LedgerError> {
        let row = tx.query_opt("SELECT checkpoint FROM ledger_head WHERE one = 1", &[]).await?;
        Ok(row.map(|row| row.get(0)).transpose()?.flatten())
    }

    /// How many leaves there are.
    ///
    /// # Errors
    /// [`LedgerError::Sql`].
    pub async fn size(&self, tx: &mut Tx) -> Result<u64, LedgerError> {
        let row = tx.query_opt("SELECT size FROM ledger_head WHERE one = 1", &[]).await?;
        Ok(row.map(|row| row.get(0)).transpose()?.unwrap_or(0))
    }

    /// The bytes of a file of the log; `None` where the log is not that far.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn resource(&self, tx: &mut Tx, asked: &Resource) -> Result<Option<Vec<u8>>, LedgerError> {
        let size = self.size(tx).await?;
        match *asked {
            Resource::Checkpoint => Ok(self.checkpoint(tx).await?.map(String::into_bytes)),
            Resource::Tile { level, index, width } => {
                let tile = Tile { level, index };
                if width_at(tile, size) < width {
                    return Ok(None);
                }
                let mut bytes = load(tx, tile, size).await?;
                bytes.truncate(usize::try_from(width).unwrap_or(usize::MAX).saturating_mul(32));
                Ok(Some(bytes))
            }
            Resource::Entries { index, width } => {
                if width_at(Tile { level: 0, index }, size) < width {
                    return Ok(None);
                }
                let first = index * WIDTH;
                let rows = tx
                    .query(
                        "SELECT commitment FROM ledger_leaves WHERE leaf >= $1 AND leaf < $2 ORDER BY leaf",
                        &[first.into(), (first + width).into()],
                    )
                    .await?;
                if rows.len() as u64 != width {
                    return Err(LedgerError::Tiles { level: 0, tile: index, size });
                }
                let mut bytes = Vec::with_capacity(rows.len() * 34);
                for row in &rows {
                    bytes.extend_from_slice(&32_u16.to_be_bytes());
                    bytes.extend_from_slice(&row.get::<[u8; 32]>(0)?);
                }
                Ok(Some(bytes))
            }
        }
    }

    /// The files that make up the log at its present size, the checkpoint last.
    ///
    /// # Errors
    /// [`LedgerError::Sql`].
    pub async fn resources(&self, tx: &mut Tx) -> Result<Vec<Resource>, LedgerError> {
        let size = self.size(tx).await?;
        let mut all = Vec::new();
        for tile in tiles_of(size) {
            let (index, width) = (tile.index, width_at(tile, size));
            all.push(Resource::Tile { level: tile.level, index, width });
            if tile.level == 0 {
                all.push(Resource::Entries { index, width });
            }
        }
        all.push(Resource::Checkpoint);
        Ok(all)
    }

    /// The newest checkpoint, with the proof that it goes on from a tree of `since` leaves and the proof that it has
    /// entry `number` of `organisation`. `None` before the first checkpoint.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn proofs(
        &self,
        tx: &mut Tx,
        since: u64,
        entry: Option<(OrganisationId, u64)>,
    ) -> Result<Option<Proofs>, LedgerError> {
        let Some(note) = self.checkpoint(tx).await? else { return Ok(None) };
        let size = self.size(tx).await?;
        let consistency = match consistency_spans(since, size) {
            Some(spans) => Some(span_hashes(tx, &spans, size).await?),
            None => None,
        };
        let inclusion = match entry {
            Some((organisation, number)) => self.inclusion(tx, (organisation, number), size).await?,
            None => None,
        };
        Ok(Some(Proofs { note, size, consistency, inclusion }))
    }

    async fn inclusion(
        &self,
        tx: &mut Tx,
        (organisation, number): (OrganisationId, u64),
        size: u64,
    ) -> Result<Option<Inclusion>, LedgerError> {
        let row = tx
            .query_opt(
                "SELECT l.leaf, e.salt, e.hash FROM ledger_leaves l JOIN audit_entries e
                     ON e.organisation_id = l.organisation_id AND e.number = l.number
                 WHERE l.organisation_id = $1 AND l.number = $2",
                &[organisation.into(), number.into()],
            )
            .await?;
        let Some(row) = row else { return Ok(None) };
        let leaf = row.get(0)?;
        let Some(spans) = inclusion_spans(leaf, size) else { return Ok(None) };
        let path = span_hashes(tx, &spans, size).await?;
        Ok(Some(Inclusion { leaf, salt: row.get(1)?, hash: row.get(2)?, path }))
    }
}
