//! An erasure that is asked for while a hold stands: nobody sees what it is about, nothing of it is destroyed, and it begins
//! by itself with the first sweep after the hold (GDPR, article 18).

use clerestory_access::OpContext;
use clerestory_audit::ObjectRef;
use clerestory_model::{ErasureId, RecordingId, RecordingState};
use clerestory_sql::{Lane, SqlError, Tx};

use super::rows as holds;
use crate::rows;
use crate::{EraseError, Erasure, Lifecycle, Step, Target};

/// Erasures looked at together.
const PAGE: u32 = 500;

/// What a restricted erasure says of itself.
pub(crate) const WAITS_FOR_HOLD: &str = "A hold keeps it. Nobody sees it meanwhile; it is erased with the first sweep after the hold was released.";

impl Lifecycle {
    /// Hides what an erasure is about, and keeps the erasure for later.
    pub(crate) async fn restrict(
        &self,
        tx: &mut Tx,
        op: &OpContext,
        (target, entry): (Target, u64),
        recordings: &[RecordingId],
    ) -> Result<Erasure, EraseError> {
        let id = ErasureId::new(op.at, clerestory_seal::random());
        let asked = Erasure::asked(id, op.actor.organisation(), target, (entry, op.at));
        let erasure = Erasure { step: Step::Restricted, waits: Some(WAITS_FOR_HOLD.to_owned()), ..asked };
        rows::insert(tx, &erasure).await?;
        rows::set_waits(tx, id, Some(WAITS_FOR_HOLD)).await?;
        if matches!(target, Target::RecordingsOf(_)) {
            // Nothing else says later which they were: those that are recorded from now on are not of it.
            let parts = rows::parts(tx, &target, recordings).await?;
            let keys = self.keys_of(tx, erasure.organisation, &target, (recordings, &parts)).await?;
            self.keep_scope(tx, id, &parts, &keys).await?;
        }
        for recording in recordings {
            rows::restrict(tx, *recording, id).await?;
        }
        self.parts.vault.keys().revoke(tx).await?;
        Ok(erasure)
    }

    /// Begins the erasures that waited for holds which stand no more.
    pub(crate) async fn begin_restricted(&self) -> Result<(), EraseError> {
        let mut after = ErasureId::nil();
        loop {
            let page = self.parts.database.read(move |tx| {
                Box::pin(async move { rows::waiting(tx, Step::Restricted, after, PAGE).await })
            });
            let page: Result<Vec<Erasure>, SqlError> = page.await;
            let page = page?;
            let Some(last) = page.last() else { return Ok(()) };
            after = last.id;
            for erasure in page {
                let id = erasure.id;
                self.parts.vault.hold_lease().await?;
                let lifecycle = self.clone();
                let begun = self.parts.database.write(Lane::Maintenance, move |tx| {
                    Box::pin(async move { lifecycle.begin_one(tx, &erasure).await })
                });
                if let Err(error) = begun.await {
                    tracing::error!(erasure = %id, error = &error as &dyn std::error::Error, "an erasure that waited for a hold could not begin");
                }
            }
        }
    }

    async fn begin_one(&self, tx: &mut Tx, erasure: &Erasure) -> Result<(), EraseError> {
        let organisation = erasure.organisation;
        // The order of locks: erasures, the head of the log, recordings.
        if rows::at_step(tx, erasure.id, Step::Restricted).await?.is_none() {
            return Ok(());
        }
        self.parts.access.audit().take_turn(tx, organisation).await?;
        let (recordings, held) = match erasure.target {
            // Those that were hidden when it was asked for, and none that came later.
            Target::RecordingsOf(_) => {
                let hidden = rows::lock_recordings(tx, organisation, &erasure.scope()).await?;
                let held = holds::covers_any(tx, &hidden).await?;
                (hidden, held)
            }
            target => {
                let recordings = rows::lock_recordings(tx, organisation, &target).await?;
                (recordings, holds::stands_against(tx, organisation, &target).await?)
            }
        };
        if held {
            return Ok(());
        }
        let parts = rows::parts(tx, &erasure.target, &recordings).await?;
        let mut keys = self.keys_of(tx, organisation, &erasure.target, (&recordings, &parts)).await?;
        // Of a recording that a restore did not bring back there are no rows, and its key is there all the same.
        keys.extend(rows::kept_keys(tx, erasure.id).await?);
        keys.sort_unstable();
        keys.dedup();
        if self.parts.vault.keys().pinned(tx, &keys).await?.is_some() {
            return Ok(());
        }
        let gone = match erasure.target {
            Target::Subject(subject) => match self.end_person(tx, organisation, subject).await? {
                Ok(gone) => gone,
                Err(obstacle) => {
                    return Ok(rows::set_waits(tx, erasure.id, Some(&obstacle.to_string())).await?);
                }
            },
            Target::RecordingsOf(subject) => {
                self.forget_proposed(tx, organisation, (subject, erasure.asked_at)).await?
            }
            _ => Vec::new(),
        };
        if !gone.is_empty() {
            let object = ObjectRef { kind: "erasure".to_owned(), id: *erasure.id.as_bytes() };
            let change = self.by_program(organisation).changing(organisation);
            self.parts.access.audit().note_change(tx, change, object, &gone).await?;
        }
        rows::set_states(tx, &parts, RecordingState::PurgeQueued).await?;
        self.keep_scope(tx, erasure.id, &parts, &keys).await?;
        rows::unrestrict(tx, erasure.id).await?;
        rows::move_on(tx, erasure.id, Step::Asked).await?;
        Ok(self.parts.vault.keys().revoke(tx).await?)
    }
}
