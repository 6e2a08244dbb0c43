//! The sweep: what has fallen due is queued to be erased, in batches that each are an erasure with a receipt.

use std::time::Duration;

use clerestory_access::{ConfirmSweep, OpContext, OrganisationRef, ReadRetention, Sweep as SweepAction};
use clerestory_audit::{Class, NewEntry, ObjectRef, Outcome, Personal};
use clerestory_model::{ErasureId, OrganisationId, RecordingState, Timestamp};
use clerestory_seal::random;
use clerestory_sql::{Lane, SqlError, Tx};
use clerestory_store::organisations;
use clerestory_store::retention::{self, Unapplied};

use super::rows::{self, SweepState};
use super::{covered_by, too_many};
use crate::shred::erased;
use crate::{EraseError, Erasure, Lifecycle, Target};

/// Recordings of one batch: what one transaction should queue, and later destroy.
const BATCH: u32 = 500;
/// A node that is silent for so long has the sweep no more.
const HELD: Duration = Duration::from_secs(5 * 60);
/// Tracks whose dates are made again in one go.
const DATED: u32 = 1000;
/// What will fall due is counted this often.
const FORECAST_EVERY: Duration = Duration::from_secs(6 * 3600);
/// A sweep is held against what was foreseen at least so long ago, and so is everything queued within this time: whoever
/// shortens a time cannot have it taken for granted an hour later, nor bit by bit.
const FORESEEN: Duration = Duration::from_secs(24 * 3600);
/// What falls due until so much later is counted: an installation may be off for so long and go on as foreseen.
const FORECAST: Duration = Duration::from_secs(40 * 24 * 3600);

/// What a sweep came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sweep {
    /// Recordings of which something was queued to be erased.
    pub recordings: u64,
    /// Organisations whose sweep waits for somebody to confirm it.
    pub waiting: Vec<OrganisationId>,
    /// Organisations that are not swept, because what they say of retention cannot be read.
    pub doubtful: Vec<OrganisationId>,
    /// Holds that cannot be read, or not be pinned: what they may cover is left alone.
    pub holds: u64,
}

/// What one turn of the sweeper was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SweepStep {
    /// Another node sweeps.
    Elsewhere,
    /// Everything was looked at.
    Swept(Sweep),
}

impl Lifecycle {
    /// Queues everything that is due, in every organisation. One node at a time does it; run it every few minutes.
    ///
    /// # Errors
    /// [`EraseError::Key`] with [`clerestory_keys::KeyError::Stopped`] when the clock cannot be believed: nothing is queued
    /// until somebody confirms the time. Whatever else fails leaves the rest for the next turn.
    pub async fn sweep(&self, node: [u8; 16]) -> Result<SweepStep, EraseError> {
        let now = self.parts.vault.keys().sweeper_may_run().await?;
        if !self.hold_sweep(node).await? {
            return Ok(SweepStep::Elsewhere);
        }
        let all = self.parts.database.read(|tx| Box::pin(async move { organisations::all(tx).await }));
        let all: Result<Vec<OrganisationId>, SqlError> = all.await;
        let all = all?;
        let mut doubtful = self.settle_retentions(&all).await?;
        let Some(undated) = self.date_again(node).await? else { return Ok(SweepStep::Elsewhere) };
        doubtful.extend(undated);
        // What came to a hold is pinned before anything is looked for.
        self.ripen_holds().await?;
        self.ripen_proposals().await?;
        self.end_closings().await?;
        let holds = self.settle_all_pins().await?;
        self.begin_restricted().await?;
        let (mut sweep, mut failed) = (Sweep { doubtful, holds, ..Sweep::default() }, None);
        for organisation in all.into_iter().filter(|one| !sweep.doubtful.contains(one)).collect::<Vec<_>>() {
            match self.sweep_organisation(node, organisation, now).await {
                Ok(Some(Swept::Waits)) => sweep.waiting.push(organisation),
                Ok(Some(Swept::Done(recordings))) => sweep.recordings += recordings,
                Ok(None) => return Ok(SweepStep::Elsewhere),
                // The others do not wait for it.
                Err(error) => {
                    tracing::error!(%organisation, error = &error as &dyn std::error::Error, "the sweep of an organisation failed");
                    failed = failed.or(Some(error));
                }
            }
        }
        if let Err(error) = self.forget_words_of_logs(now).await {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "words of logs that are due could not be forgotten"
            );
        }
        if let Err(error) = self.parts.identity.forget_ended(now).await {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "sessions and the like that ended could not be removed"
            );
        }
        failed.map_or(Ok(SweepStep::Swept(sweep)), Err)
    }

    async fn hold_sweep(&self, node: [u8; 16]) -> Result<bool, SqlError> {
        let now = self.parts.clock.now();
        self.parts
            .database
            .write(Lane::Maintenance, move |tx| {
                Box::pin(async move { rows::take_lease(tx, node, now, now.plus(HELD)).await })
            })
            .await
    }

    /// Makes the dates again of what is kept for another time than it was; `None` when another node has the sweep. Gives the
    /// organisations whose dates could not be made: the others do not wait for them.
    async fn date_again(&self, node: [u8; 16]) -> Result<Option<Vec<OrganisationId>>, EraseError> {
        let unapplied =
            self.parts.database.read(|tx| Box::pin(async move { retention::unapplied(tx).await }));
        let unapplied: Result<Vec<Unapplied>, SqlError> = unapplied.await;
        let mut undated = Vec::new();
        for mut one in unapplied? {
            let organisation = one.organisation;
            loop {
                if !self.hold_sweep(node).await? {
                    return Ok(None);
                }
                let dated = self.parts.database.write(Lane::Maintenance, move |tx| {
                    Box::pin(async move {
                        let over = retention::date_again(tx, &one, DATED).await?;
                        let now = retention::unapplied(tx).await?;
                        let now =
                            now.into_iter().find(|now| (now.project, now.class) == (one.project, one.class));
                        Ok((over, now))
                    })
                });
                let dated: Result<(bool, Option<Unapplied>), SqlError> = dated.await;
                match dated {
                    Ok((false, Some(now))) => one = now,
                    Ok(_) => break,
                    Err(error) => {
                        tracing::error!(%organisation, error = &error as &dyn std::error::Error, "what an organisation keeps could not be dated again");
                        undated.push(organisation);
                        break;
                    }
                }
            }
        }
        Ok(Some(undated))
    }

    async fn sweep_organisation(
        &self,
        node: [u8; 16],
        organisation: OrganisationId,
        now: Timestamp,
    ) -> Result<Option<Swept>, EraseError> {
        self.parts.vault.hold_lease().await?;
        let lifecycle = self.clone();
        let looked = self.parts.database.write(Lane::Maintenance, move |tx| {
            Box::pin(async move { lifecycle.look(tx, organisation, now).await })
        });
        let mut state = match looked.await? {
            Looked::Waits => return Ok(Some(Swept::Waits)),
            Looked::Nothing => return Ok(Some(Swept::Done(0))),
            Looked::Due(state) => state,
        };
        let op = self.by_program(organisation);
        let detail = Some(format!("{} recordings are due by their retention", state.due));
        let personal = Personal { detail, ..Personal::default() };
        let on = OrganisationRef(organisation);
        let grant = self.parts.access.authorize::<SweepAction>(&op, on, Some(personal)).await??;
        let entry = grant.entry();
        state.swept = 0;
        loop {
            if !self.hold_sweep(node).await? {
                return Ok(None);
            }
            // What was said of what stays of a recording is opened, to be sealed anew.
            self.parts.vault.hold_lease().await?;
            let lifecycle = self.clone();
            let queued = self.parts.database.write(Lane::Maintenance, move |tx| {
                Box::pin(async move { lifecycle.queue_batch(tx, organisation, entry, now).await })
            });
            match queued.await? {
                0 => break,
                queued => state.swept += queued,
            }
            // What came to be due since it was looked at, by a hold that was released, is looked at first.
            if state.swept >= covered_by(state.due) {
                break;
            }
        }
        let swept = state.swept;
        let finished = self.parts.database.write(Lane::Maintenance, move |tx| {
            Box::pin(async move {
                let counted_from = state.confirmed_at.map_or(state.counted_from, |_| Some(now));
                finish(tx, organisation, now, SweepState { counted_from, ..state }).await
            })
        });
        let finished: Result<(), SqlError> = finished.await;
        finished?;
        tracing::info!(%organisation, recordings = swept, "what fell due was queued to be erased");
        Ok(Some(Swept::Done(swept)))
    }

    /// Counts what is due, and stops where it is far more than was foreseen.
    async fn look(
        &self,
        tx: &mut Tx,
        organisation: OrganisationId,
        now: Timestamp,
    ) -> Result<Looked, EraseError> {
        // The head before rows: the order of locks. A confirmation comes before this look or after it.
        self.parts.access.audit().take_turn(tx, organisation).await?;
        if crate::rows::of_target(tx, organisation, &Target::Organisation).await?.is_some() {
            // All of it goes at once.
            return Ok(Looked::Nothing);
        }
        let before = rows::state_locked(tx, organisation).await?;
        let due = rows::count_due(tx, organisation, now).await?;
        // Everything of a day, or since the last sweep where that was longer ago.
        let old_enough = now.minus(FORESEEN);
        let from = before.swept_at.map_or(old_enough, |at| at.min(old_enough));
        let from = before.counted_from.map_or(from, |at| at.max(from));
        let swept = rows::swept_since(tx, organisation, from).await?;
        let foreseen = rows::expected(tx, organisation, old_enough, (from, now)).await?;
        let state = SweepState { due, expected: foreseen.saturating_sub(swept), ..before };
        let all = rows::count_kept(tx, organisation).await?;
        let confirmed = match (before.confirmed_due, before.confirmed_at) {
            // What was queued since by a sweep that was cut off counts too.
            (Some(shown), Some(at)) => {
                due + rows::swept_since(tx, organisation, at).await? <= covered_by(shown)
            }
            _ => false,
        };
        if too_many(due + swept, foreseen, all + swept) && due > 0 && !confirmed {
            if before.stopped_at.is_none() {
                self.note_stop(tx, organisation, (due, state.expected, all)).await?;
            }
            let stopped_at = before.stopped_at.or(Some(now));
            // What was confirmed was less than this.
            let state = SweepState { stopped_at, confirmed_at: None, confirmed_due: None, ..state };
            rows::keep_state(tx, organisation, &state).await?;
            return Ok(Looked::Waits);
        }
        if due > 0 {
            return Ok(Looked::Due(state));
        }
        finish(tx, organisation, now, state).await?;
        Ok(Looked::Nothing)
    }

    async fn note_stop(
        &self,
        tx: &mut Tx,
        organisation: OrganisationId,
        (due, expected, all): (u64, u64, u64),
    ) -> Result<(), EraseError> {
        let op = self.by_program(organisation);
        let (actor_kind, actor) = op.actor.logged();
        let detail = format!("{due} of {all} recordings are due at once, where {expected} were expected");
        let entry = NewEntry {
            organisation,
            at: op.at,
            action: "maintain.sweep",
            class: Class::RESOURCE_DELETE,
            outcome: Outcome::Failed,
            rule: "far more than was foreseen".to_owned(),
            actor_kind,
            actor,
            object: ObjectRef { kind: "organisation".to_owned(), id: *organisation.as_bytes() },
            request_id: op.request_id,
            personal: Some(Personal { detail: Some(detail), ..Personal::default() }),
        };
        self.parts.access.audit().append(tx, entry).await?;
        Ok(())
    }

    /// Queues the next recordings that are due as one erasure; says how many they were. From the commit on nobody sees,
    /// plays or sends them.
    async fn queue_batch(
        &self,
        tx: &mut Tx,
        organisation: OrganisationId,
        entry: u64,
        now: Timestamp,
    ) -> Result<u64, EraseError> {
        // What is said of retention, or held, while a sweep goes on comes before the next batch.
        self.parts.access.audit().take_turn(tx, organisation).await?;
        if !self.is_settled(tx, organisation).await? {
            return Ok(0);
        }
        let mut parts = Vec::new();
        let (mut recordings, mut partly) = (Vec::new(), Vec::new());
        for recording in rows::due_recordings(tx, organisation, now, BATCH).await? {
            if !clerestory_store::recordings::lock(tx, recording).await? {
                continue;
            }
            // Under the lock: it may have been held, deleted or erased since.
            let due = rows::due_parts(tx, recording, now).await?;
            if !due.is_empty() && !crate::holds::rows::covers(tx, recording).await? {
                recordings.push(recording);
                parts.extend(due);
            }
        }
        if parts.is_empty() {
            return Ok(0);
        }
        let id = ErasureId::new(now, random());
        let erasure = Erasure::asked(id, organisation, Target::Expired(id), (entry, now));
        let keys = self.keys_of(tx, organisation, &erasure.target, (&recordings, &parts)).await?;
        crate::rows::insert(tx, &erasure).await?;
        self.keep_scope(tx, id, &parts, &keys).await?;
        crate::rows::set_states(tx, &parts, RecordingState::PurgeQueued).await?;
        for recording in &recordings {
            if rows::has_more(tx, *recording).await? {
                partly.push(*recording);
            }
        }
        if !partly.is_empty() {
            // The rest goes on and is told of by what comes; title and address may be of what goes.
            let gone = erased(&erasure, &partly, (&parts, &keys));
            for derived in &self.parts.derived {
                derived.erase(tx, &gone).await?;
            }
        }
        self.parts.vault.keys().revoke(tx).await?;
        Ok(recordings.len() as u64)
    }

    /// How the sweeping of the caller's organisation stands.
    ///
    /// # Errors
    /// [`EraseError::Refused`].
    pub async fn sweep_state(&self, op: &OpContext) -> Result<SweepState, EraseError> {
        let on = OrganisationRef(op.actor.organisation());
        let grant = self.parts.access.authorize::<ReadRetention>(op, on, None).await??;
        let OrganisationRef(organisation) = grant.on();
        Ok(self.sweep_state_of(organisation).await?)
    }

    /// The same for the health page, whose reading is decided by itself.
    ///
    /// # Errors
    /// [`SqlError`].
    pub async fn sweep_state_of(&self, organisation: OrganisationId) -> Result<SweepState, SqlError> {
        self.parts.database.read(move |tx| Box::pin(async move { rows::state(tx, organisation).await })).await
    }

    /// Whether nothing is swept anywhere, because the clock is doubted until somebody confirms the time.
    ///
    /// # Errors
    /// [`SqlError`].
    pub async fn is_clock_doubted(&self) -> Result<bool, SqlError> {
        self.parts.vault.keys().is_clock_doubted().await
    }

    /// Lets a sweep of the caller's organisation go on that waits because it would erase far more than was foreseen:
    /// `shown` recordings and a few more, however many are due by then. `false` where none waits.
    ///
    /// # Errors
    /// [`EraseError::Refused`]; [`EraseError::MoreThanShown`] where more are due already.
    pub async fn confirm_sweep(&self, op: &OpContext, shown: u64) -> Result<bool, EraseError> {
        self.parts.vault.hold_lease().await?;
        let (lifecycle, op) = (self.clone(), op.clone());
        self.parts
            .database
            .write(Lane::Interactive, move |tx| {
                Box::pin(async move {
                    let organisation = op.actor.organisation();
                    let on = OrganisationRef(organisation);
                    match lifecycle.parts.access.decide::<ConfirmSweep>(tx, &op, on, None).await? {
                        Ok(_grant) => {
                            let state = rows::state_locked(tx, organisation).await?;
                            if state.stopped_at.is_none() {
                                return Ok(Ok(false));
                            }
                            if state.due > covered_by(shown) {
                                return Ok(Err(EraseError::MoreThanShown { due: state.due, shown }));
                            }
                            let (confirmed_at, confirmed_due) = (Some(op.at), Some(shown.min(state.due)));
                            let state = SweepState { confirmed_at, confirmed_due, ..state };
                            rows::keep_state(tx, organisation, &state).await?;
                            Ok(Ok(true))
                        }
                        Err(refused) => Ok::<_, EraseError>(Err(refused.into())),
                    }
                })
            })
            .await?
    }
}

/// A sweep is over, or there was nothing to sweep: what a confirmation was for is not due any more, and what will fall due
/// is counted now and then.
async fn finish(
    tx: &mut Tx,
    organisation: OrganisationId,
    now: Timestamp,
    state: SweepState,
) -> Result<(), SqlError> {
    let counted = state.forecast_at.is_some_and(|at| at <= now && now.since(at) < FORECAST_EVERY);
    if !counted {
        rows::forecast(tx, organisation, now.minus(FORESEEN), (now, now.plus(FORECAST))).await?;
    }
    let forecast_at = if counted { state.forecast_at } else { Some(now) };
    let (stopped_at, confirmed_at, confirmed_due) = (None, None, None);
    let swept_at = Some(now);
    let state = SweepState { swept_at, forecast_at, stopped_at, confirmed_at, confirmed_due, ..state };
    rows::keep_state(tx, organisation, &state).await
}

/// What a look at an organisation found.
enum Looked {
    Nothing,
    Waits,
    Due(SweepState),
}

/// What came of the sweep of one organisation.
enum Swept {
    Waits,
    Done(u64),
}
