//! The transaction that destroys: keys, rows, what derives from them; and what lies outside is written down to be removed.

use clerestory_access::{CarryOutErasure, ErasureRef, OpContext};
use clerestory_audit::ObjectRef;
use clerestory_audit::authority::Gone;
use clerestory_keys::{LeasesOut, Tombstone, presence};
use clerestory_model::{ErasureId, GapReason, KeyId, OrganisationId, RecordingId, RecordingState};
use clerestory_sql::{Lane, Tx};
use clerestory_store::derived::Erased;
use clerestory_store::parts::{self, TrackObjects, spent};
use clerestory_store::recordings;
use clerestory_store::tracks::{self, Gap};

use crate::rows::{self, Moment, Part};
use crate::tombstones::tombstones_of;
use crate::{EraseError, Erasure, Lifecycle, Step, Target};

impl Lifecycle {
    /// Destroys the keys of erasures of one organisation, all of them or none: the keys of one shard cost one change of
    /// it.
    pub(crate) async fn shred(
        &self,
        organisation: OrganisationId,
        ids: Vec<ErasureId>,
        leases: LeasesOut,
    ) -> Result<u64, EraseError> {
        self.parts.vault.hold_lease().await?;
        let lifecycle = self.clone();
        self.parts
            .database
            .write(Lane::Maintenance, move |tx| {
                Box::pin(async move { lifecycle.shred_in(tx, organisation, ids, leases).await })
            })
            .await
    }

    async fn shred_in(
        &self,
        tx: &mut Tx,
        organisation: OrganisationId,
        ids: Vec<ErasureId>,
        leases: LeasesOut,
    ) -> Result<u64, EraseError> {
        let op = self.by_program(organisation);
        let (mut all, mut due, mut moved) = (Vec::new(), Vec::new(), 0);
        // The order of locks: erasures, the head of the log, recordings, and what the registry locks.
        for id in ids {
            due.extend(rows::at_step(tx, id, Step::Outside).await?);
        }
        for erasure in &due {
            let on = ErasureRef { organisation, id: erasure.id };
            let _grant = self.parts.access.decide::<CarryOutErasure>(tx, &op, on, None).await??;
        }
        for erasure in due {
            let recordings = rows::lock_recordings(tx, organisation, &erasure.scope()).await?;
            let (parts, keys) = match erasure.target {
                Target::Range { .. } | Target::Expired(_) => {
                    (rows::kept_parts(tx, erasure.id).await?, rows::kept_keys(tx, erasure.id).await?)
                }
                _ => {
                    let parts = rows::parts(tx, &erasure.target, &recordings).await?;
                    let keys = self.keys_of(tx, organisation, &erasure.target, (&recordings, &parts)).await?;
                    // What came to it between asking and the tombstone. What was of it when it was asked for dies too,
                    // where a restore has taken the rows meanwhile.
                    self.keep_scope(tx, erasure.id, &parts, &keys).await?;
                    (parts, rows::kept_keys(tx, erasure.id).await?)
                }
            };
            if lacks_tombstones(tx, &erasure).await? {
                // Of keys that came since: theirs are durable everywhere too before any of these is destroyed.
                rows::move_on(tx, erasure.id, Step::Resealed).await?;
                moved += 1;
                continue;
            }
            all.push((erasure, recordings, parts, keys));
        }
        let keys: Vec<_> = all.iter().flat_map(|(_, _, _, keys)| keys.iter().copied()).collect();
        for (erasure, recordings, parts, keys) in &all {
            self.forget_words(tx, &op, erasure).await?;
            self.shred_rows(tx, erasure, recordings, (parts, keys)).await?;
            rows::note_time(tx, erasure.id, Moment::Destroyed, op.at).await?;
            rows::move_on(tx, erasure.id, Step::Shredded).await?;
            moved += 1;
        }
        // Last, because it locks shards, pages and the counter.
        self.parts.vault.keys().destroy(tx, &keys, &leases).await?;
        Ok(moved)
    }

    async fn shred_rows(
        &self,
        tx: &mut Tx,
        erasure: &Erasure,
        recordings: &[RecordingId],
        (parts, keys): (&[Part], &[KeyId]),
    ) -> Result<(), EraseError> {
        if !matches!(erasure.target, Target::Range { .. }) {
            rows::set_states(tx, parts, RecordingState::Shredded).await?;
            for part in parts {
                self.take_away(tx, erasure.id, part).await?;
            }
            self.keep_log_files(tx, erasure.id).await?;
        }
        let erased = erased(erasure, recordings, (parts, keys));
        for derived in &self.parts.derived {
            derived.erase(tx, &erased).await?;
        }
        let mut gone = Gone::default();
        for recording in recordings {
            let found = recordings::find(tx, *recording).await?;
            if found.is_none_or(|found| found.state >= RecordingState::Shredded) {
                gone.recordings.push(*recording);
            }
        }
        self.forget_named(tx, &self.by_program(erasure.organisation), (erasure.id, gone)).await
    }

    /// Removes what names something that is erased; the caller holds the turn in the log.
    pub(crate) async fn forget_named(
        &self,
        tx: &mut Tx,
        op: &OpContext,
        (erasure, gone): (ErasureId, Gone),
    ) -> Result<(), EraseError> {
        let mut touched = Vec::new();
        for owner in &self.parts.departing {
            touched.extend(owner.forget_gone(tx, &gone).await?);
        }
        if !touched.is_empty() {
            let object = ObjectRef { kind: "erasure".to_owned(), id: *erasure.as_bytes() };
            let by = op.changing(op.actor.organisation());
            self.parts.access.audit().note_change(tx, by, object, &touched).await?;
        }
        Ok(())
    }

    /// Takes the rows of a track's bytes away, and writes down every object that holds some of them.
    async fn take_away(&self, tx: &mut Tx, id: ErasureId, part: &Part) -> Result<(), EraseError> {
        let now = self.parts.clock.now();
        let held = parts::take_away(tx, part.track, now).await?;
        self.keep_objects(tx, id, &held).await?;
        rows::forget_gaps(tx, part).await?;
        if let Some(recording) = recordings::find(tx, part.recording).await? {
            let to_us = recording.ended_at.micros().saturating_sub(recording.started_at.micros());
            let gap = Gap { from_us: 0, to_us, reason: GapReason::Erased };
            tracks::note_gap(tx, part.track, gap).await?;
        }
        Ok(())
    }

    /// Writes down which objects held something: those that rows named.
    pub(crate) async fn keep_objects(
        &self,
        tx: &mut Tx,
        id: ErasureId,
        held: &TrackObjects,
    ) -> Result<(), EraseError> {
        for object in held.names() {
            rows::keep_object(tx, id, object, object.starts_with("log/")).await?;
        }
        Ok(())
    }

    /// Writes down the files of the ingest log that what is erased may have been settled out of.
    pub(crate) async fn keep_log_files(&self, tx: &mut Tx, id: ErasureId) -> Result<(), EraseError> {
        for file in spent::log_files(tx).await? {
            rows::keep_object(tx, id, &file, true).await?;
        }
        Ok(())
    }
}

/// Whether the database lacks a tombstone of something that is to be destroyed.
async fn lacks_tombstones(tx: &mut Tx, erasure: &Erasure) -> Result<bool, EraseError> {
    let wanted = tombstones_of(tx, erasure).await?.ok_or(EraseError::Nothing)?;
    let ids: Vec<[u8; 16]> = wanted.iter().map(Tombstone::id).collect();
    Ok(presence::tombstones_named(tx, &ids).await?.len() < ids.len())
}

/// What an erasure is about, for those who own what derives from it.
pub(crate) fn erased(
    erasure: &Erasure,
    recordings: &[RecordingId],
    (parts, keys): (&[Part], &[KeyId]),
) -> Erased {
    Erased {
        organisation: erasure.organisation,
        recordings: recordings.to_vec(),
        tracks: parts.iter().map(|part| part.track).collect(),
        keys: keys.to_vec(),
    }
}
