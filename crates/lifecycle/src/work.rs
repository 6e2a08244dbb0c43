//! Carrying erasures on, from whatever step their rows say.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clerestory_audit::{ActorKind, Class, NewEntry, ObjectRef, Outcome};
use clerestory_keys::{KeyError, LeasesOut, presence, tombstone_object};
use clerestory_model::{ErasureId, OrganisationId, RecordingState, Timestamp};
use clerestory_sql::{Lane, Tx};
use futures_util::{StreamExt, stream};

use crate::check::{Checked, Seen};
use crate::receipt::{Facts, Receipt, SignedReceipt};
use crate::rows::{self, KeptObject, Moment};
use crate::tombstones::tombstones_of;
use crate::{EraseError, Erasure, Lifecycle, Step, Target};

/// Erasures taken up at once: their keys are destroyed in one transaction, which holds the writer for long enough.
const BATCH: u32 = 128;
/// Erasures looked at at once, each by a process.
const CHECKS: usize = 4;
/// Objects removed at once.
const REMOVALS: usize = 8;

/// What waits for the ingest log says so.
const WAITS_FOR_LOG: &str = "Files of the ingest log that held some of it are still there. They go when everything in them has moved, and not while they hold a segment that cannot be read: `clerestory fsck --deep` tells which.";

/// What is told of an erasure that something of the installation keeps from going on.
pub(crate) const TRIED_AGAIN: &str = "Something it needs did not answer. It is tried again every few seconds; the server's log says what failed.";

impl Lifecycle {
    /// Carries every erasure on as far as it goes now, and says how many steps were done. What cannot go on says why in
    /// its row, and does not stop the others. Safe to run at any time, again, and by several nodes at once.
    ///
    /// # Errors
    /// [`EraseError`] when nothing could be looked up.
    pub async fn work(&self) -> Result<u64, EraseError> {
        let mut moved = 0;
        for step in Step::ALL {
            moved += self.work_at(step).await?;
        }
        Ok(moved)
    }

    /// The same without looking for what is left of them, which another process does and which takes as long as it takes.
    ///
    /// # Errors
    /// As [`Self::work`].
    pub async fn destroy(&self) -> Result<u64, EraseError> {
        let mut moved = 0;
        for step in Step::ALL.into_iter().filter(|step| *step != Step::Removed) {
            moved += self.work_at(step).await?;
        }
        Ok(moved)
    }

    /// Carries on those erasures that are at this step.
    ///
    /// # Errors
    /// As [`Self::work`].
    pub async fn work_at(&self, step: Step) -> Result<u64, EraseError> {
        let (mut after, mut moved) = (ErasureId::nil(), 0);
        loop {
            let page = self
                .parts
                .database
                .read(move |tx| Box::pin(async move { rows::waiting(tx, step, after, BATCH).await }));
            let page: Result<_, clerestory_sql::SqlError> = page.await;
            let page = page?;
            let Some(last) = page.last() else { return Ok(moved) };
            after = last.id;
            moved += match step {
                Step::Asked => {
                    let (ranges, whole): (Vec<_>, Vec<_>) =
                        page.into_iter().partition(|erasure| matches!(erasure.target, Target::Range { .. }));
                    self.one_by_one(ranges, Self::reseal).await + self.lay(whole, step).await
                }
                Step::Resealed => self.lay(page, step).await,
                Step::Laid => {
                    // A batch of a sweep has thousands of tombstones: it fills an object by itself. So may somebody's recordings.
                    let (swept, asked): (Vec<_>, Vec<_>) = page.into_iter().partition(is_swept);
                    let mut moved = if asked.is_empty() { 0 } else { self.lay_outside(asked).await };
                    for erasure in swept {
                        moved += self.lay_outside(vec![erasure]).await;
                    }
                    moved
                }
                Step::Outside => self.shred_all(page).await,
                Step::Shredded => {
                    // What rows named is handed over to be removed; what is left of it after this waits.
                    if let Err(error) = self.parts.vault.remove_spent().await {
                        tracing::error!(error = chain(&error), "spent objects could not be removed");
                    }
                    self.one_by_one(page, Self::remove).await
                }
                Step::Removed => self.verify_all(page).await,
                Step::Verified => self.one_by_one(page, Self::close).await,
                Step::Restricted | Step::Closed => return Ok(moved),
            };
        }
    }

    /// Does something with each of these; what fails is said in its row.
    async fn one_by_one<F>(&self, page: Vec<Erasure>, act: impl Fn(Self, Erasure) -> F) -> u64
    where
        F: Future<Output = Result<bool, EraseError>>,
    {
        let mut moved = 0;
        for erasure in page {
            let id = erasure.id;
            match act(self.clone(), erasure).await {
                Ok(done) => moved += u64::from(done),
                Err(error) => self.note_failure(&[id], &error).await,
            }
        }
        moved
    }

    /// Lets all these be looked at, a few at once: one that is large, or whose process hangs, does not hold up the others.
    async fn verify_all(&self, page: Vec<Erasure>) -> u64 {
        let checks = stream::iter(page).map(|erasure| self.one_by_one(vec![erasure], Self::verify));
        checks.buffer_unordered(CHECKS).fold(0, async |moved, one| moved + one).await
    }

    async fn note_failure(&self, ids: &[ErasureId], error: &EraseError) {
        let told = chain(error);
        tracing::error!(error = told, erasures = ids.len(), "erasures do not go on; they are tried again");
        // Those whose erasure it is read it too: what names places of the installation is for its log alone.
        let told = match error {
            EraseError::Key(KeyError::Pinned(_)) | EraseError::Held(_) | EraseError::Left(_) => told,
            _ => TRIED_AGAIN.to_owned(),
        };
        for id in ids {
            self.note_wait(*id, Some(told.clone())).await;
        }
    }

    /// Says in its row what an erasure waits for.
    async fn note_wait(&self, id: ErasureId, waits: Option<String>) {
        let noted = self.parts.database.write(Lane::Maintenance, move |tx| {
            Box::pin(async move { rows::set_waits(tx, id, waits.as_deref()).await })
        });
        let noted: Result<(), clerestory_sql::SqlError> = noted.await;
        if let Err(error) = noted {
            tracing::error!(%error, erasure = %id, "what an erasure waits for could not be written");
        }
    }

    /// The proof that every lease ran out since this node first saw this erasure asked for.
    fn leases_out(&self, id: ErasureId) -> Option<LeasesOut> {
        let keys = self.parts.vault.keys();
        let mut leases = self.leases.lock().unwrap_or_else(PoisonError::into_inner);
        let end = *leases.entry(id).or_insert_with(|| keys.leases_end());
        keys.leases_out(end)
    }

    /// Lays tombstones in the database. From here on there is no way back.
    async fn lay(&self, page: Vec<Erasure>, step: Step) -> u64 {
        let ready = page.into_iter().filter(|erasure| self.leases_out(erasure.id).is_some()).collect();
        self.one_by_one(ready, |this, erasure| async move {
            let lifecycle = this.clone();
            this.parts
                .database
                .write(Lane::Maintenance, move |tx| {
                    Box::pin(async move {
                        let Some(erasure) = rows::at_step(tx, erasure.id, step).await? else {
                            return Ok::<_, EraseError>(false);
                        };
                        rows::lock_owner(tx, erasure.organisation, &erasure.target).await?;
                        for tombstone in tombstones_of(tx, &erasure).await?.ok_or(EraseError::Nothing)? {
                            lifecycle.parts.vault.keys().lay_tombstone(tx, &tombstone).await?;
                        }
                        rows::move_on(tx, erasure.id, Step::Laid).await?;
                        Ok(true)
                    })
                })
                .await
        })
        .await
    }

    /// Makes the tombstones of all these durable in every place outside, as one object.
    async fn lay_outside(&self, page: Vec<Erasure>) -> u64 {
        let ids: Vec<ErasureId> = page.iter().map(|erasure| erasure.id).collect();
        match self.lay_page_outside(page).await {
            Ok(moved) => moved,
            Err(error) => {
                self.note_failure(&ids, &error).await;
                0
            }
        }
    }

    async fn lay_page_outside(&self, page: Vec<Erasure>) -> Result<u64, EraseError> {
        let asked = page.clone();
        let tombstones = self
            .parts
            .database
            .read(move |tx| {
                Box::pin(async move {
                    let mut all = Vec::new();
                    for erasure in &asked {
                        all.extend(tombstones_of(tx, erasure).await?.ok_or(EraseError::Nothing)?);
                    }
                    // One that was laid by an earlier erasure is told as it was laid then.
                    let ids: Vec<[u8; 16]> = all.iter().map(clerestory_keys::Tombstone::id).collect();
                    Ok::<_, EraseError>(presence::tombstones_named(tx, &ids).await?)
                })
            })
            .await?;
        self.parts.vault.lay_tombstones(&tombstones).await?;
        let (parts, laid) = (Arc::clone(&self.parts), tombstones.clone());
        let outside = tokio::task::spawn_blocking(move || {
            for place in &parts.places {
                place.lay(&laid).map_err(|source| EraseError::Place { place: place.name(), source })?;
            }
            Ok::<_, EraseError>(())
        });
        outside.await.map_err(|_| clerestory_sql::SqlError::Panicked)??;
        let (name, _) = tombstone_object(&tombstones)
            .map_err(|source| EraseError::Place { place: "the object".to_owned(), source })?;
        self.parts
            .database
            .write(Lane::Maintenance, move |tx| {
                Box::pin(async move {
                    let mut moved = 0;
                    for erasure in page {
                        if rows::at_step(tx, erasure.id, Step::Laid).await?.is_some() {
                            rows::set_tombstones(tx, erasure.id, &name).await?;
                            rows::move_on(tx, erasure.id, Step::Outside).await?;
                            moved += 1;
                        }
                    }
                    Ok(moved)
                })
            })
            .await
    }

    /// Destroys the keys of all these, organisation by organisation; where that fails for one, one by one.
    async fn shred_all(&self, page: Vec<Erasure>) -> u64 {
        let mut groups: BTreeMap<(OrganisationId, Option<ErasureId>), Vec<ErasureId>> = BTreeMap::new();
        let mut proof = None;
        for erasure in page {
            if let Some(out) = self.leases_out(erasure.id) {
                proof = Some(out);
                // A batch of a sweep is as much as one transaction should do.
                let alone = is_swept(&erasure).then_some(erasure.id);
                groups.entry((erasure.organisation, alone)).or_default().push(erasure.id);
            }
        }
        let mut moved = 0;
        for ((organisation, _), ids) in groups {
            let Some(leases) = proof.take().or_else(|| ids.first().and_then(|id| self.leases_out(*id)))
            else {
                continue;
            };
            match self.shred(organisation, ids.clone(), leases).await {
                Ok(done) => {
                    moved += done;
                    let mut leases = self.leases.lock().unwrap_or_else(PoisonError::into_inner);
                    leases.retain(|id, _| !ids.contains(id));
                }
                // A hold pins one, or one does not open: the others do not wait for it.
                Err(_) if ids.len() > 1 => moved += self.shred_apart(organisation, ids).await,
                Err(error) => self.note_failure(&ids, &error).await,
            }
        }
        moved
    }

    async fn shred_apart(&self, organisation: OrganisationId, ids: Vec<ErasureId>) -> u64 {
        let mut moved = 0;
        for id in ids {
            let Some(leases) = self.leases_out(id) else { continue };
            match self.shred(organisation, vec![id], leases).await {
                Ok(done) => moved += done,
                Err(error) => self.note_failure(&[id], &error).await,
            }
        }
        moved
    }

    /// Removes objects; those that hold segments of others go by themselves.
    async fn remove(self, erasure: Erasure) -> Result<bool, EraseError> {
        let id = erasure.id;
        let read = self.parts.database.read(move |tx| {
            Box::pin(async move { Ok((rows::kept_objects(tx, id).await?, rows::kept_parts(tx, id).await?)) })
        });
        let read: Result<_, clerestory_sql::SqlError> = read.await;
        let (objects, parts) = read?;
        let (vault, organisation) = (&self.parts.vault, erasure.organisation);
        let due: Vec<KeptObject> = objects.into_iter().filter(|kept| !kept.gone).collect();
        let mut removals = stream::iter(due)
            .map(|kept| {
                let vault = vault.clone();
                async move {
                    if !kept.shared {
                        vault.objects().remove(&kept.object).await?;
                    }
                    let left = vault.objects().traces(&kept.object).await?;
                    Ok::<_, EraseError>((kept.object, left == 0))
                }
            })
            .buffer_unordered(REMOVALS);
        let (mut gone, mut left) = (Vec::new(), 0);
        while let Some(removed) = removals.next().await {
            match removed? {
                (object, true) => gone.push(object),
                (_, false) => left += 1,
            }
        }
        drop(removals);
        for part in parts.iter().filter(|_| !matches!(erasure.target, Target::Range { .. })) {
            vault.remove_track(organisation, part.recording, part.track).await?;
        }
        let now = self.parts.clock.now();
        let moved = self
            .parts
            .database
            .write(Lane::Maintenance, move |tx| {
                Box::pin(async move {
                    if rows::at_step(tx, id, Step::Shredded).await?.is_none() {
                        return Ok(false);
                    }
                    for object in gone {
                        rows::object_gone(tx, id, &object, now).await?;
                    }
                    if left > 0 {
                        return Ok::<_, EraseError>(false);
                    }
                    rows::note_time(tx, id, Moment::Removed, now).await?;
                    rows::move_on(tx, id, Step::Removed).await?;
                    Ok(true)
                })
            })
            .await?;
        if left > 0 && erasure.waits.as_deref() != Some(WAITS_FOR_LOG) {
            self.note_wait(id, Some(WAITS_FOR_LOG.to_owned())).await;
        }
        Ok(moved)
    }

    /// Checks, and signs the receipt.
    async fn verify(self, erasure: Erasure) -> Result<bool, EraseError> {
        let seen = match self.check(&erasure).await {
            Ok(Checked::Clean(seen)) => seen,
            Ok(Checked::NotYet(found)) => {
                // All that was done once more since has taken the words away.
                if erasure.waits.is_none() {
                    self.note_wait(erasure.id, Some(found.told())).await;
                }
                return Ok(false);
            }
            Ok(Checked::InLog(files)) => {
                self.go_back(&erasure, files).await?;
                return Ok(true);
            }
            Ok(Checked::Unproven(what)) => return Err(EraseError::Left(what)),
            Err(EraseError::Left(what)) => {
                self.go_back(&erasure, Vec::new()).await?;
                return Err(EraseError::Left(what));
            }
            Err(other) => return Err(other),
        };
        self.parts.vault.hold_lease().await?;
        let (lifecycle, now) = (self.clone(), self.parts.clock.now());
        self.parts
            .database
            .write(Lane::Maintenance, move |tx| {
                Box::pin(async move {
                    let Some(erasure) = rows::at_step(tx, erasure.id, Step::Removed).await? else {
                        return Ok::<_, EraseError>(false);
                    };
                    if rows::kept_keys(tx, erasure.id).await? != seen.keys {
                        // What was looked at was less than what is erased by now.
                        return Ok(false);
                    }
                    lifecycle.record(tx, &erasure, "erasure.verified", now).await?;
                    rows::note_time(tx, erasure.id, Moment::Verified, now).await?;
                    let erasure = Erasure { verified_at: Some(now), ..erasure };
                    let receipt = lifecycle.receipt(&erasure, seen);
                    lifecycle.keep_receipt(tx, erasure.id, &receipt, now).await?;
                    if !matches!(erasure.target, Target::Range { .. }) {
                        let parts = rows::kept_parts(tx, erasure.id).await?;
                        rows::set_states(tx, &parts, RecordingState::Verified).await?;
                    }
                    rows::move_on(tx, erasure.id, Step::Verified).await?;
                    lifecycle.answer_by(tx, &erasure, now).await?;
                    Ok(true)
                })
            })
            .await
    }

    /// Adds the second line when the epochs of the day of destruction have ended.
    async fn close(self, erasure: Erasure) -> Result<bool, EraseError> {
        let Some(destroyed_at) = erasure.destroyed_at else { return Ok(false) };
        let keys = Arc::clone(self.parts.vault.keys());
        let since = self
            .parts
            .database
            .read(move |tx| Box::pin(async move { keys.unreadable_since(tx, destroyed_at).await }))
            .await?;
        let Some(since) = since else { return Ok(false) };
        self.parts.vault.hold_lease().await?;
        let (lifecycle, now) = (self.clone(), self.parts.clock.now());
        self.parts
            .database
            .write(Lane::Maintenance, move |tx| {
                Box::pin(async move {
                    let Some(erasure) = rows::at_step(tx, erasure.id, Step::Verified).await? else {
                        return Ok::<_, EraseError>(false);
                    };
                    lifecycle.record(tx, &erasure, "erasure.closed", now).await?;
                    let stored = erasure.receipt.as_deref().unwrap_or_default();
                    let stored: SignedReceipt = serde_json::from_str(stored)?;
                    let receipt: Receipt = serde_json::from_str(&stored.text)?;
                    let receipt =
                        Receipt { unreadable_in_every_copy_since: Some(since.to_string()), ..receipt };
                    lifecycle.keep_receipt(tx, erasure.id, &receipt, now).await?;
                    rows::note_time(tx, erasure.id, Moment::UnreadableSince, since).await?;
                    rows::move_on(tx, erasure.id, Step::Closed).await?;
                    Ok(true)
                })
            })
            .await
    }

    fn receipt(&self, erasure: &Erasure, seen: Seen) -> Receipt {
        let parts = &self.parts;
        let facts = Facts {
            deployment: hex::encode(parts.vault.keys().deployment().environment),
            derived: parts.derived.iter().map(|one| one.name().to_owned()).collect(),
            tombstones_in: std::iter::once("beside the objects")
                .chain(parts.places.iter().map(|_| "the second place"))
                .map(str::to_owned)
                .collect(),
            assurance: parts.assurance,
            kept_after_deletion: parts.vault.objects().kept_after_deletion(),
        };
        Receipt::of(erasure, seen, facts)
    }

    /// The public half of the key that signs receipts, base64: what whoever checks one compares with the key it names.
    ///
    /// # Errors
    /// [`EraseError::Key`].
    pub async fn receipt_key(&self) -> Result<String, EraseError> {
        self.parts.vault.hold_lease().await?;
        let (vault, now) = (self.parts.vault.clone(), self.parts.clock.now());
        self.parts
            .database
            .write(Lane::Interactive, move |tx| {
                Box::pin(async move { Ok(STANDARD.encode(vault.receipt_key(tx, now).await?.public())) })
            })
            .await
    }

    async fn keep_receipt(
        &self,
        tx: &mut Tx,
        id: ErasureId,
        receipt: &Receipt,
        now: Timestamp,
    ) -> Result<(), EraseError> {
        let key = self.parts.vault.receipt_key(tx, now).await?;
        let signed = serde_json::to_string(&SignedReceipt::sign(receipt, &key)?)?;
        Ok(rows::set_receipt(tx, id, &signed).await?)
    }

    /// One entry of the organisation's log about an erasure.
    async fn record(
        &self,
        tx: &mut Tx,
        erasure: &Erasure,
        action: &'static str,
        at: Timestamp,
    ) -> Result<(), EraseError> {
        let entry = NewEntry {
            organisation: erasure.organisation,
            at,
            action,
            class: Class::ENTITY_DELETE,
            outcome: Outcome::Allowed,
            rule: format!("entry {}", erasure.entry),
            actor_kind: ActorKind::System,
            actor: [0; 16],
            object: ObjectRef { kind: "erasure".to_owned(), id: *erasure.id.as_bytes() },
            request_id: String::new(),
            personal: None,
        };
        self.parts.access.audit().append(tx, entry).await?;
        Ok(())
    }
}

fn is_swept(erasure: &Erasure) -> bool {
    matches!(erasure.target, Target::Expired(_) | Target::RecordingsOf(_))
}

pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut told = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        told = format!("{told}: {cause}");
        source = cause.source();
    }
    told
}
