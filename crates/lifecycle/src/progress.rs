//! How much of an erasure is done, in counts.

use clerestory_model::ErasureId;
use clerestory_sql::{SqlError, Tx};

use crate::{Erasure, Lifecycle, Step};

/// How much of an erasure is done. What came to it meanwhile is counted once it is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Tracks of which all or a part is erased.
    pub tracks: u64,
    /// Keys that are destroyed, or are to be.
    pub keys: u64,
    /// How many of them are.
    pub keys_destroyed: u64,
    /// Objects that held something of it, as far as they are known: they are when the keys are destroyed.
    pub objects: u64,
    /// How many of them are gone.
    pub objects_gone: u64,
}

impl Lifecycle {
    /// How much is done of erasures that somebody was given, in their order.
    ///
    /// # Errors
    /// [`SqlError`].
    pub async fn progress_of(&self, erasures: &[Erasure]) -> Result<Vec<Progress>, SqlError> {
        let asked: Vec<(ErasureId, Step)> = erasures.iter().map(|one| (one.id, one.step)).collect();
        self.parts
            .database
            .read(move |tx| {
                Box::pin(async move {
                    let mut all = Vec::with_capacity(asked.len());
                    for (id, step) in asked {
                        all.push(progress(tx, id, step).await?);
                    }
                    Ok(all)
                })
            })
            .await
    }
}

async fn progress(tx: &mut Tx, id: ErasureId, step: Step) -> Result<Progress, SqlError> {
    let sql = "SELECT (SELECT count(*) FROM erasure_tracks WHERE erasure_id = $1),
                   (SELECT count(*) FROM erasure_keys WHERE erasure_id = $1),
                   (SELECT count(*) FROM erasure_objects WHERE erasure_id = $1),
                   (SELECT count(*) FROM erasure_objects WHERE erasure_id = $1 AND gone_at IS NOT NULL)";
    let Some(row) = tx.query_opt(sql, &[id.into()]).await? else { return Ok(Progress::default()) };
    let keys = row.get(1)?;
    // They go in one transaction, all or none.
    let keys_destroyed = if step >= Step::Shredded { keys } else { 0 };
    Ok(Progress {
        tracks: row.get(0)?,
        keys,
        keys_destroyed,
        objects: row.get(2)?,
        objects_gone: row.get(3)?,
    })
}
