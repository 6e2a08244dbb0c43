//! What a hold pins: every key of what it covers, as long as it stands. Keys that come to it later are pinned by the next
//! sweep, before that looks for what is due.

use clerestory_model::{HoldId, KeyId};
use clerestory_sql::{Lane, SqlError, Tx};
use clerestory_store::recordings;

use super::{Hold, HoldScope, HoldState, rows};
use crate::{EraseError, Lifecycle};

/// Recordings, or keys, looked at in one transaction.
const BATCH: u32 = 200;

impl Lifecycle {
    /// Pins what a standing hold covers, lets go what another one pinned; says how many keys it pins now.
    pub(crate) async fn settle_pins(&self, hold: &Hold) -> Result<u64, EraseError> {
        match hold.state {
            HoldState::Standing | HoldState::ReleaseProposed => self.pin_all(hold).await?,
            HoldState::Proposed | HoldState::Released | HoldState::Withdrawn => {
                self.unpin_all(hold.id).await?
            }
        }
        let id = hold.id;
        let now = self.parts.database.read(move |tx| {
            Box::pin(async move {
                let row =
                    tx.query_opt("SELECT count(*) FROM hold_keys WHERE hold_id = $1", &[id.into()]).await?;
                row.map_or(Ok(0), |row| row.get(0))
            })
        });
        let now: Result<u64, SqlError> = now.await;
        Ok(now?)
    }

    /// Pins what came to holds that stand, and lets go what others still pin: what was cut off goes on. Says how many holds
    /// could not be read, or not be pinned.
    pub(crate) async fn settle_all_pins(&self) -> Result<u64, EraseError> {
        let read = self.parts.database.read(|tx| {
            Box::pin(async move {
                let (standing, unreadable) = rows::standing(tx).await?;
                let (ended, unreadable_too) = rows::pinning_no_more(tx).await?;
                Ok((standing, ended, unreadable + unreadable_too))
            })
        });
        let read: Result<(Vec<Hold>, Vec<HoldId>, u64), SqlError> = read.await;
        let (standing, ended, mut failed) = read?;
        for hold in standing {
            // The sweep asks the hold itself too, so what is not pinned yet is left alone all the same.
            if let Err(error) = self.pin_all(&hold).await {
                tracing::error!(hold = %hold.id, error = &error as &dyn std::error::Error, "a hold could not be pinned");
                failed += 1;
            }
        }
        for hold in ended {
            if let Err(error) = self.unpin_all(hold).await {
                tracing::error!(%hold, error = &error as &dyn std::error::Error, "a hold could not be let go");
                failed += 1;
            }
        }
        Ok(failed)
    }

    async fn pin_all(&self, hold: &Hold) -> Result<(), EraseError> {
        loop {
            let (lifecycle, hold) = (self.clone(), hold.clone());
            let pinned = self.parts.database.write(Lane::Maintenance, move |tx| {
                Box::pin(async move { lifecycle.pin_batch(tx, &hold).await })
            });
            if pinned.await? == 0 {
                return Ok(());
            }
        }
    }

    async fn pin_batch(&self, tx: &mut Tx, hold: &Hold) -> Result<u64, EraseError> {
        // It may have been released since.
        let stands = rows::find_locked(tx, hold.id).await?;
        if !stands.is_some_and(|now| matches!(now.state, HoldState::Standing | HoldState::ReleaseProposed)) {
            return Ok(0);
        }
        let mut keys: Vec<KeyId> = Vec::new();
        // Recordings before what the registry locks.
        for recording in rows::unpinned(tx, hold, BATCH).await? {
            if recordings::lock(tx, recording).await? {
                keys.extend(rows::keys_of(tx, recording).await?);
            }
        }
        match hold.scope {
            HoldScope::Subject(subject) => keys.extend(crate::rows::subject_key(tx, subject).await?),
            HoldScope::Organisation => {
                keys.extend(crate::rows::organisation_key(tx, hold.organisation).await?);
            }
            HoldScope::Recording(_) | HoldScope::Site(_) => {}
        }
        keys.sort_unstable();
        keys.dedup();
        let mut pinned = 0;
        // Whom it covers may have been erased before a copy brought the hold back.
        let registry = self.parts.vault.keys();
        for key in keys {
            if registry.count_present(tx, &[key]).await? > 0 && rows::note_pin(tx, hold.id, key).await? {
                registry.pin(tx, key).await?;
                pinned += 1;
            }
        }
        Ok(pinned)
    }

    async fn unpin_all(&self, hold: HoldId) -> Result<(), EraseError> {
        loop {
            let keys = std::sync::Arc::clone(self.parts.vault.keys());
            let unpinned = self.parts.database.write(Lane::Maintenance, move |tx| {
                Box::pin(async move {
                    let some = rows::pinned(tx, hold, BATCH).await?;
                    for key in &some {
                        // First, so that of two who do it at once one unpins.
                        if rows::forget_pin(tx, hold, *key).await? {
                            keys.unpin(tx, *key).await?;
                        }
                    }
                    Ok::<_, EraseError>(some.len())
                })
            });
            if unpinned.await? == 0 {
                return Ok(());
            }
        }
    }
}
