//! Giving new entries their leaves: one transaction for leaves, tiles and checkpoint, fenced.

use std::time::Duration;

use clerestory_keys::{NewKey, Purpose, unwrapping};
use clerestory_model::{OrganisationId, RetentionClass, Timestamp};
use clerestory_seal::CheckpointKey;
use clerestory_sql::{Database, Lane, SqlError, Tx, Value};

use super::tiles::{Tile, Tiles, WIDTH, complete, tiles_for, width_at};
use super::tree::{Hash, Span, leaf_hash};
use super::{Checkpoint, Ledger, LedgerError, commitment};

/// Leaves of one transaction at most, so that it holds the writer for milliseconds.
const BATCH: u64 = 512;
/// A node that has integrated stays the one that does for this long; after that any other may.
const LEASE: Duration = Duration::from_secs(2);

/// What one call of [`Ledger::integrate`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Every entry has its leaf.
    Nothing,
    /// Another node integrates at the moment.
    NotOurs,
    /// Entries were given leaves, and the checkpoint tells of them.
    Added {
        /// How many.
        leaves: u64,
        /// How many leaves there are now.
        size: u64,
    },
}

struct NewLeaf {
    organisation: OrganisationId,
    number: u64,
    commitment: [u8; 32],
}

/// Entries without a leaf, oldest first within an organisation.
const PENDING: &str = "SELECT h.organisation_id, h.number, m.number FROM audit_heads h
     LEFT JOIN ledger_marks m ON m.organisation_id = h.organisation_id
     WHERE m.number IS NULL OR m.number < h.number ORDER BY h.organisation_id LIMIT $1";

impl Ledger {
    /// Gives leaves to entries that have none, at most 512 of them, and signs the new checkpoint. `node` is the
    /// caller's own: while one node integrates, others do not.
    ///
    /// # Errors
    /// [`LedgerError`]: nothing was changed then.
    pub async fn integrate(
        &self,
        database: &Database,
        node: [u8; 16],
        at: Timestamp,
    ) -> Result<Step, LedgerError> {
        // A look without a lock first: most of the time there is nothing to do, and nobody is to be disturbed by that.
        let pending: Result<Option<_>, SqlError> =
            database.read(|tx| Box::pin(async move { tx.query_opt(PENDING, &[1_u32.into()]).await })).await;
        if pending?.is_none() {
            return Ok(Step::Nothing);
        }
        self.keys.hold_lease().await?;
        let ledger = self.clone();
        database
            .write(Lane::Maintenance, move |tx| Box::pin(async move { ledger.step(tx, node, at).await }))
            .await
    }

    async fn step(&self, tx: &mut Tx, node: [u8; 16], at: Timestamp) -> Result<Step, LedgerError> {
        let Some((size, fence)) = take_over(tx, node, at).await? else { return Ok(Step::NotOurs) };
        let new = pending(tx).await?;
        if new.is_empty() {
            return Ok(Step::Nothing);
        }
        let grown = size + new.len() as u64;
        let mut hashes = Vec::with_capacity(new.len());
        for (leaf, one) in (size..).zip(&new) {
            tx.execute(
                "INSERT INTO ledger_leaves (leaf, organisation_id, number, commitment) VALUES ($1, $2, $3, $4)",
                &[leaf.into(), one.organisation.into(), one.number.into(), one.commitment.into()],
            )
            .await?;
            hashes.push(leaf_hash(&one.commitment));
        }
        mark(tx, &new).await?;
        append_tiles(tx, size, hashes).await?;
        let checkpoint = Checkpoint { origin: self.origin(), size: grown, root: root(tx, grown).await? };
        let note = checkpoint.sign(&self.signing_key(tx, at).await?);
        tx.execute_one(
            "ledger_head",
            "UPDATE ledger_head SET size = $1, checkpoint = $2 WHERE one = 1 AND size = $3 AND fence = $4",
            &[grown.into(), note.into(), size.into(), fence.into()],
        )
        .await?;
        Ok(Step::Added { leaves: new.len() as u64, size: grown })
    }

    /// The key that signs, made by the first checkpoint. Made under the lock on the ledger's head, so there is one.
    async fn signing_key(&self, tx: &mut Tx, at: Timestamp) -> Result<CheckpointKey, LedgerError> {
        let nil = OrganisationId::nil();
        let key = match self.keys.newest_made(tx, nil, Purpose::Checkpoint).await? {
            Some((key, _)) => key,
            None => {
                let new = NewKey {
                    organisation: nil,
                    class: RetentionClass::Standing,
                    purpose: Purpose::Checkpoint,
                    parent: None,
                    at,
                };
                self.keys.make(tx, new).await?
            }
        };
        let secret = unwrapping::secret(&self.keys, tx, key).await?;
        Ok(CheckpointKey::derive(&secret).map_err(|_| clerestory_keys::KeyError::Shape)?)
    }

    /// The public half of the key that signs; `None` before the first checkpoint. The caller holds the lease on keys.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn public_key(&self, tx: &mut Tx) -> Result<Option<[u8; 32]>, LedgerError> {
        let found = self.keys.newest_made(tx, OrganisationId::nil(), Purpose::Checkpoint).await?;
        let Some((key, _)) = found else { return Ok(None) };
        let secret = unwrapping::secret(&self.keys, tx, key).await?;
        let key = CheckpointKey::derive(&secret).map_err(|_| clerestory_keys::KeyError::Shape)?;
        Ok(Some(key.public()))
    }
}

/// Takes the head of the ledger for this node: its size and fence, or `None` while another node has it.
///
/// The update comes first in the transaction: it locks the row, so two integrators run one after the other and the
/// second reads what the first committed. A lease that ends later than any this node could give is of a clock that
/// jumped, and counts as run out.
async fn take_over(tx: &mut Tx, node: [u8; 16], at: Timestamp) -> Result<Option<(u64, u64)>, SqlError> {
    let row = tx
        .query_opt(
            "UPDATE ledger_head
             SET fence = CASE WHEN holder = $1 THEN fence ELSE fence + 1 END, holder = $1, lease_until = $2
             WHERE one = 1 AND (holder IS NULL OR holder = $1 OR lease_until <= $3 OR lease_until > $2)
             RETURNING size, fence",
            &[node.into(), at.plus(LEASE).into(), at.into()],
        )
        .await?;
    row.map(|row| Ok((row.get(0)?, row.get(1)?))).transpose()
}

/// Entries that are to get a leaf. An organisation whose log lacks an entry goes on no further, and does not stop the
/// others; it is an error once nothing else is left to do.
async fn pending(tx: &mut Tx) -> Result<Vec<NewLeaf>, LedgerError> {
    let (mut new, mut hole) = (Vec::new(), None);
    for head in tx.query(PENDING, &[BATCH.into()]).await? {
        let (organisation, promised): (OrganisationId, u64) = (head.get(0)?, head.get(1)?);
        let mut last = head.get::<Option<u64>>(2)?.unwrap_or(0);
        let room = BATCH - new.len() as u64;
        let rows = tx
            .query(
                "SELECT number, salt, hash FROM audit_entries WHERE organisation_id = $1 AND number > $2
                 AND number <= $3 ORDER BY number LIMIT $4",
                &[organisation.into(), last.into(), promised.into(), room.into()],
            )
            .await?;
        for row in &rows {
            let number: u64 = row.get(0)?;
            if number != last + 1 {
                break;
            }
            last = number;
            let commitment = commitment(&row.get(1)?, &row.get(2)?);
            new.push(NewLeaf { organisation, number, commitment });
        }
        if new.len() as u64 >= BATCH {
            break;
        }
        if last < promised {
            hole = Some(LedgerError::Hole { organisation, number: last + 1 });
        }
    }
    match hole {
        Some(hole) if new.is_empty() => Err(hole),
        _ => Ok(new),
    }
}

/// Notes, for each organisation, the last entry that has a leaf.
async fn mark(tx: &mut Tx, new: &[NewLeaf]) -> Result<(), SqlError> {
    for run in new.chunk_by(|one, next| one.organisation == next.organisation) {
        let Some(last) = run.last() else { continue };
        tx.execute(
            "INSERT INTO ledger_marks (organisation_id, number) VALUES ($1, $2)
             ON CONFLICT (organisation_id) DO UPDATE SET number = excluded.number",
            &[last.organisation.into(), last.number.into()],
        )
        .await?;
    }
    Ok(())
}

/// Appends leaf hashes to the tiles of a tree of `size` leaves; each tile that becomes full adds a hash to the level
/// above.
async fn append_tiles(tx: &mut Tx, size: u64, leaves: Vec<Hash>) -> Result<(), LedgerError> {
    let (mut level, mut hashes, mut count) = (0, leaves, size);
    while !hashes.is_empty() {
        let mut above = Vec::new();
        let mut tile = Tile { level, index: count / WIDTH };
        let mut bytes = match count % WIDTH {
            0 => Vec::new(),
            _ => load(tx, tile, size).await?,
        };
        for hash in &hashes {
            bytes.extend_from_slice(hash);
            if bytes.len() as u64 == WIDTH * 32 {
                store(tx, tile, &bytes).await?;
                above.push(complete(&bytes));
                tile.index += 1;
                bytes.clear();
            }
        }
        if !bytes.is_empty() {
            store(tx, tile, &bytes).await?;
        }
        (level, hashes, count) = (level + 1, above, count / WIDTH);
    }
    Ok(())
}

async fn store(tx: &mut Tx, tile: Tile, bytes: &[u8]) -> Result<(), SqlError> {
    let values: [Value; 3] = [tile.level.into(), tile.index.into(), bytes.into()];
    tx.execute(
        "INSERT INTO ledger_tiles (level, tile, hashes) VALUES ($1, $2, $3)
         ON CONFLICT (level, tile) DO UPDATE SET hashes = excluded.hashes",
        &values,
    )
    .await?;
    Ok(())
}

/// A tile as it is in a tree of `size` leaves: a later, wider one begins with it.
pub(crate) async fn load(tx: &mut Tx, tile: Tile, size: u64) -> Result<Vec<u8>, LedgerError> {
    let wrong = || LedgerError::Tiles { level: tile.level, tile: tile.index, size };
    let width = usize::try_from(width_at(tile, size)).map_err(|_| wrong())?;
    let row = tx
        .query_opt(
            "SELECT hashes FROM ledger_tiles WHERE level = $1 AND tile = $2",
            &[tile.level.into(), tile.index.into()],
        )
        .await?;
    let mut bytes: Vec<u8> = row.ok_or_else(wrong)?.get(0)?;
    if bytes.len() < width * 32 {
        return Err(wrong());
    }
    bytes.truncate(width * 32);
    Ok(bytes)
}

/// The hashes of these spans of a tree of `size` leaves, from its tiles.
pub(crate) async fn span_hashes(tx: &mut Tx, spans: &[Span], size: u64) -> Result<Vec<Hash>, LedgerError> {
    let mut tiles = Tiles::default();
    for tile in tiles_for(spans) {
        tiles.keep(tile, load(tx, tile, size).await?);
    }
    let hashes: Option<Vec<Hash>> = spans.iter().map(|span| tiles.span(*span)).collect();
    // Every tile the spans need was loaded above, as wide as the tree makes it.
    hashes.ok_or(LedgerError::Tiles { level: 0, tile: 0, size })
}

async fn root(tx: &mut Tx, size: u64) -> Result<Hash, LedgerError> {
    let all = [Span { start: 0, end: size }];
    Ok(span_hashes(tx, &all, size).await?.first().copied().unwrap_or_else(super::empty_root))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Growing;

    /// A tree large enough for three levels of tiles, grown in uneven steps.
    #[tokio::test]
    async fn tiles_of_seventy_thousand_leaves_give_the_root_of_the_leaves() {
        let directory = tempfile::tempdir().unwrap();
        let database = Database::open_sqlite(&directory.path().join("db"), &[crate::SCHEMA]).unwrap();
        let done: Result<(), LedgerError> = database
            .write(Lane::Interactive, |tx| {
                Box::pin(async move {
                    let (mut growing, mut size, mut step) = (Growing::default(), 0_u64, 1_u64);
                    while size < 70_000 {
                        let hashes: Vec<Hash> =
                            (size..size + step).map(|n| leaf_hash(&n.to_be_bytes())).collect();
                        hashes.iter().for_each(|hash| growing.push(*hash));
                        append_tiles(tx, size, hashes).await?;
                        size += step;
                        assert_eq!(root(tx, size).await?, growing.root(), "{size}");
                        step = (step * 7 + 3) % 4099 + 1;
                    }
                    let top = load(tx, Tile { level: 2, index: 0 }, size).await?;
                    assert_eq!(top.len(), 32);
                    Ok(())
                })
            })
            .await;
        done.unwrap();
    }

    #[tokio::test]
    async fn a_tile_that_lost_hashes_is_not_built_upon() {
        let directory = tempfile::tempdir().unwrap();
        let database = Database::open_sqlite(&directory.path().join("db"), &[crate::SCHEMA]).unwrap();
        let grown: Result<(), LedgerError> = database
            .write(Lane::Interactive, |tx| {
                Box::pin(async move {
                    append_tiles(tx, 0, vec![[1; 32]; 9]).await?;
                    store(tx, Tile { level: 0, index: 0 }, &[1; 32 * 8]).await?;
                    append_tiles(tx, 9, vec![[1; 32]]).await
                })
            })
            .await;
        assert!(matches!(grown, Err(LedgerError::Tiles { level: 0, tile: 0, size: 9 })), "{grown:?}");
    }
}
