//! The settle job: what lies in the ingest log moves into parts, as soon as its recording is over or it has waited long
//! enough.
//!
//! Three steps, each safe to be cut off after: a part is **claimed** (number, segments and fence are fixed, and the intent
//! for its object is durable), **written** (the object is durable), **committed** (the rows are switched). Between any
//! two another node may take the track over, or somebody erase it: then the fence is higher, the commit does not happen,
//! and the object is removed. What a crash leaves is a claim, which runs out, and an object that the claim names.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use clerestory_access::{Access, AccessError, Actor, Grant, OpContext, OrganisationRef, Refused, Settle};
use clerestory_model::{OrganisationId, RecordingId, RecordingState, Timestamp, TrackId};
use clerestory_sql::{Lane, SqlError, Tx};
use clerestory_store::parts::claims::{self, Claim};
use clerestory_store::parts::{self, Part, spent};
use clerestory_store::segments::{self, Met, Segment, Tail};
use clerestory_store::{damage, recordings, tracks};

use super::manifest::Provenance;
use super::write::{PART_BYTES, PART_SEGMENTS, Plan, WriteError};
use crate::intents::{Intent, Release};
use crate::packing::Effort;
use crate::{ObjectPath, PartName, StoreError, Vault};

/// A recording that is over is settled when nothing came for it this long: late segments come in a row.
const QUIET: Duration = Duration::from_secs(5 * 60);
/// What waits this long beyond its time is packed in a hurry.
const BEHIND: Duration = Duration::from_secs(60 * 60);
/// Sealed bytes of a track that are not left to wait any longer.
const LARGE: u64 = 8 * 1024 * 1024;
/// A claim of this age is another's to take: writing a part takes seconds, and on a bucket that fails two minutes.
pub(crate) const CLAIM_LASTS: Duration = Duration::from_secs(15 * 60);
/// A segment that was found damaged is left where it lies for so long, and then tried again: a store may be wrong for a
/// while. Whoever checks finds it whole before that.
const DAMAGED: Duration = Duration::from_secs(6 * 60 * 60);
/// Tracks looked at in one go.
const TRACKS: u32 = 500;

/// When a track's segments are to be settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// When the oldest is this old, though the recording goes on.
    after: Duration,
    /// When the recording is over and the newest is this old.
    quiet: Duration,
}

impl Due {
    /// What a recording that goes on has longer than `after`, and what one that is over has for five minutes.
    #[must_use]
    pub const fn after(after: Duration) -> Self {
        Self { after, quiet: QUIET }
    }

    /// Everything there is.
    #[must_use]
    pub const fn now() -> Self {
        Self { after: Duration::ZERO, quiet: Duration::ZERO }
    }

    fn is_due(&self, tail: &Tail, now: Timestamp) -> bool {
        now.since(tail.oldest) >= self.after
            // By a clock that was ahead: it would wait until that time comes.
            || tail.oldest > now.plus(self.after)
            || (tail.over && now.since(tail.newest) >= self.quiet)
            || tail.bytes >= LARGE
    }
}

/// What a sweep did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settled {
    /// Parts that were written and committed.
    pub parts: u64,
    /// Segments in them.
    pub segments: u64,
    /// Sealed bytes of those segments before.
    pub bytes_before: u64,
    /// Bytes of the parts' objects.
    pub bytes_after: u64,
    /// Objects and files of the ingest log that were removed.
    pub removed: u64,
    /// Tracks that were left for the next sweep, because something failed or another node had them.
    pub left: u64,
}

/// Why nothing was settled.
#[derive(Debug, thiserror::Error)]
pub enum SettleError {
    /// A rule refused it.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The decision could not be recorded.
    #[error("the decision could not be recorded")]
    Access(#[from] AccessError),
    /// The part could not be written.
    #[error("a part could not be written")]
    Write(#[from] WriteError),
    /// An object could not be removed.
    #[error("an object could not be removed")]
    Store(#[from] StoreError),
    /// The database refused.
    #[error("the rows could not be read or written")]
    Sql(#[from] SqlError),
}

/// A part that is claimed and not written. The claim runs out by itself.
#[must_use = "a claim keeps others away until it runs out"]
pub struct Claimed {
    claim: Claim,
    plan: Plan,
    intent: Intent,
}

/// A part whose object is durable and that no row names yet.
#[must_use = "the part's rows are still to be switched"]
pub struct Written {
    claim: Claim,
    part: Part,
    /// The segments as they were.
    before: Vec<Segment>,
    recording: RecordingId,
    intent: Intent,
}

impl Vault {
    /// Settles everything that is due, and removes what was emptied by it. Of each organisation that has something due
    /// one entry tells. What fails in one track is said in the log of the program and left for the next sweep.
    ///
    /// # Errors
    /// [`SettleError::Sql`], [`SettleError::Access`].
    pub async fn settle(&self, access: &Access, due: Due) -> Result<Settled, SettleError> {
        self.abandon_claims().await?;
        let mut done = Settled::default();
        let mut grant: Option<Grant<Settle>> = None;
        for tail in self.due(due).await? {
            let held = grant.take().filter(|grant| grant.on().0 == tail.organisation);
            let leave = match held {
                Some(leave) => leave,
                None => self.leave_to_settle(access, tail.organisation).await??,
            };
            if let Err(error) = self.settle_track(&leave, &tail, due, &mut done).await {
                let error = crate::error::chain(&error);
                tracing::error!(error, track = %tail.track, "a track could not be settled; it is tried again");
                done.left += 1;
            }
            grant = Some(leave);
        }
        self.log.close_files().await;
        done.removed = self.remove_spent().await?;
        Ok(done)
    }

    /// The tails that are due, those of one organisation together.
    async fn due(&self, due: Due) -> Result<Vec<Tail>, SqlError> {
        let now = self.log.intents().now();
        let (mut found, mut after) = (Vec::new(), TrackId::nil());
        loop {
            let tails = self.database.read(move |tx| {
                Box::pin(async move { segments::tails_to_settle(tx, after, TRACKS, met(now)).await })
            });
            let tails: Vec<Tail> = tails.await?;
            let Some(last) = tails.last() else { break };
            after = last.track;
            found.extend(tails.into_iter().filter(|tail| due.is_due(tail, now)));
        }
        found.sort_by_key(|tail| tail.organisation);
        Ok(found)
    }

    async fn leave_to_settle(
        &self,
        access: &Access,
        organisation: OrganisationId,
    ) -> Result<Result<Grant<Settle>, Refused>, AccessError> {
        let at = self.log.intents().now();
        let op = OpContext { actor: Actor::System { organisation }, request_id: String::new(), at };
        access.authorize::<Settle>(&op, OrganisationRef(organisation), None).await
    }

    async fn settle_track(
        &self,
        grant: &Grant<Settle>,
        tail: &Tail,
        due: Due,
        done: &mut Settled,
    ) -> Result<(), SettleError> {
        let waited = self.log.intents().now().since(tail.oldest);
        let behind = !due.after.is_zero() && waited > due.after + BEHIND;
        let effort = if behind { Effort::Hurried } else { Effort::Thorough };
        let mut from = 0;
        loop {
            let Some(mut claimed) = self.claim_part(tail.track, from).await? else { return Ok(()) };
            from = claimed.claim.last + 1;
            claimed.plan.effort = effort;
            let Some(written) = self.write_part(grant, claimed).await? else { continue };
            let (segments, before) = (written.part.segments.len() as u64, written.bytes_before());
            let Some(part) = self.commit_part(written).await? else {
                done.left += 1;
                return Ok(());
            };
            done.parts += 1;
            done.segments += segments;
            done.bytes_before += before;
            done.bytes_after += part.object_bytes;
        }
    }

    /// Claims the next part of a track: the segments numbered `from` and above that have rows of their own, as many as
    /// a part holds. `None` when there are none, or when somebody else has the track.
    ///
    /// # Errors
    /// [`SettleError::Sql`].
    pub async fn claim_part(&self, track: TrackId, from: u64) -> Result<Option<Claimed>, SettleError> {
        let at = self.log.intents().now();
        let intents = self.log.intents().clone();
        let claimed = self.database.write(Lane::Maintenance, move |tx| {
            Box::pin(async move {
                let Some(found) = look(tx, track, from, at).await? else { return Ok(None) };
                let Found { track, provenance, segments } = found;
                let fence = tracks::next_fence(tx, track.id).await?;
                let part = parts::next_number(tx, track.id).await?;
                let (organisation, recording) = (track.organisation, track.recording);
                let name = PartName { organisation, recording, track: track.id, part, fence };
                let object = ObjectPath::Part(name).path();
                let (first, last) = match (segments.first(), segments.last()) {
                    (Some(first), Some(last)) => (first.sequence, last.sequence),
                    _ => return Ok(None),
                };
                let claim = Claim { track: track.id, part, fence, object, first, last, at };
                claims::insert(tx, &claim).await?;
                intents.note(tx, &claim.object).await?;
                let (key, bases) = (track.key, Vec::new());
                let plan =
                    Plan { name, track, key, provenance, segments, bases, effort: Effort::Thorough, at };
                Ok::<_, SqlError>(Some((claim, plan)))
            })
        });
        Ok(claimed.await?.map(|(claim, plan)| {
            let intent = self.log.intents().noted(&claim.object, Release::OnDrop);
            Claimed { claim, plan, intent }
        }))
    }

    /// Writes the object of a claimed part. Segments whose bytes are not those that were stored are noted as damaged and
    /// stay where they lie. `None` when there is nothing to write, because every segment is such a one; the claim is given
    /// up then.
    ///
    /// # Errors
    /// [`SettleError::Write`], [`SettleError::Sql`]; the claim is given up.
    pub async fn write_part(
        &self,
        grant: &Grant<Settle>,
        claimed: Claimed,
    ) -> Result<Option<Written>, SettleError> {
        let Claimed { claim, plan, intent } = claimed;
        let recording = plan.name.recording;
        let before = plan.segments.clone();
        let track = plan.track.clone();
        let put = async {
            let (assembled, damaged) = self.assemble(grant, plan).await?;
            if !damaged.is_empty() {
                self.note_damage(&track, damaged, BTreeSet::new()).await?;
            }
            let Some(assembled) = assembled else { return Ok(None) };
            self.objects.put(&claim.object, assembled.bytes).await.map_err(WriteError::from)?;
            Ok::<_, SettleError>(Some(assembled.part))
        };
        match put.await {
            Ok(Some(part)) => {
                let moved =
                    |segment: &Segment| part.segments.iter().any(|to| to.sequence == segment.sequence);
                let before = before.into_iter().filter(moved).collect();
                Ok(Some(Written { claim, part, before, recording, intent }))
            }
            Ok(None) => {
                // Nothing was put, so what has the name is another's.
                self.give_up(&claim, intent, false).await?;
                Ok(None)
            }
            Err(error) => {
                // Over a database that is older than the store the name may be that of another part, maybe the only one
                // that has its segments. The next attempt has another name.
                let ours = !matches!(error, SettleError::Write(WriteError::Store(StoreError::Exists)));
                self.give_up(&claim, intent, ours).await?;
                Err(error)
            }
        }
    }

    /// Switches the rows to a part that is written. `None` when the claim was lost meanwhile, or the track erased: the
    /// object is removed then.
    ///
    /// # Errors
    /// [`SettleError::Sql`]: whether the rows were switched is not known. The claim runs out.
    pub async fn commit_part(&self, written: Written) -> Result<Option<Part>, SettleError> {
        let at = self.log.intents().now();
        let written = Arc::new(written);
        let switched = Arc::clone(&written);
        let outcome = self.database.write(Lane::Maintenance, move |tx| {
            // It comes out of the transaction: the intent is held until that is committed, whoever waits for it.
            Box::pin(async move { switched.switch(tx, at).await.map(|()| switched) })
        });
        match outcome.await {
            Ok(written) => Ok(Some(written.part.clone())),
            Err(Switch::Lost) => {
                let Some(Written { claim, intent, .. }) = Arc::into_inner(written) else { return Ok(None) };
                self.give_up(&claim, intent, true).await?;
                Ok(None)
            }
            Err(Switch::Sql(error)) => Err(error.into()),
        }
    }

    /// Gives a claim up, and the object that may be there unless it is not `ours`: first on record, then done.
    async fn give_up(&self, claim: &Claim, intent: Intent, ours: bool) -> Result<(), SettleError> {
        let (at, given_up) = (self.log.intents().now(), claim.clone());
        let noted = self.database.write(Lane::Maintenance, move |tx| {
            Box::pin(async move {
                claims::remove(tx, given_up.track, given_up.fence).await?;
                if ours { spent::note(tx, &given_up.object, at).await } else { Ok(()) }
            })
        });
        let noted: Result<(), SqlError> = noted.await;
        noted?;
        intent.release().await?;
        if ours {
            self.remove_one_spent(&claim.object).await?;
        }
        Ok(())
    }

    /// Takes over from whoever claimed a part and did not come back.
    pub(crate) async fn abandon_claims(&self) -> Result<(), SettleError> {
        let now = self.log.intents().now();
        let (before, after) = (now.minus(CLAIM_LASTS), now.plus(CLAIM_LASTS));
        let old =
            self.database.read(move |tx| Box::pin(async move { claims::outside(tx, before, after).await }));
        let old: Result<Vec<Claim>, SqlError> = old.await;
        for claim in old? {
            let known = self.has_bytes_of(&claim).await?;
            let abandoned = self.database.write(Lane::Maintenance, move |tx| {
                Box::pin(async move {
                    // From here on the one who made the claim cannot commit; if it just did, the claim is gone.
                    tracks::next_fence(tx, claim.track).await?;
                    if claims::remove(tx, claim.track, claim.fence).await? && known {
                        spent::note(tx, &claim.object, now).await?;
                    }
                    Ok::<_, SqlError>(())
                })
            });
            abandoned.await?;
        }
        Ok(())
    }
}

impl Vault {
    /// Whether everything that a claim is about lies where its rows say. Over an older database it does not: the claim may
    /// have been committed since, and its object be all there is.
    async fn has_bytes_of(&self, claim: &Claim) -> Result<bool, SettleError> {
        let (track, first, last) = (claim.track, claim.first, claim.last);
        let read = self.database.read(move |tx| {
            Box::pin(async move { segments::unsettled(tx, track, first, PART_SEGMENTS).await })
        });
        let rows: Result<Vec<Segment>, SqlError> = read.await;
        let rows = rows?.into_iter().filter(|row| row.sequence <= last);
        let objects: BTreeSet<String> = rows.map(|row| row.extent.object).collect();
        for object in objects {
            if self.objects.length(&object).await?.is_none() {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Damage that is left where it lies now.
fn met(now: Timestamp) -> Met {
    Met { from: now.minus(DAMAGED), to: now.plus(DAMAGED) }
}

/// What there is to settle of a track.
struct Found {
    track: tracks::Track,
    provenance: Provenance,
    segments: Vec<Segment>,
}

/// Locks the track; `None` when somebody has it, it must not be written, or nothing waits.
async fn look(tx: &mut Tx, track: TrackId, from: u64, now: Timestamp) -> Result<Option<Found>, SqlError> {
    let Some((track, _)) = tracks::lock(tx, track).await? else { return Ok(None) };
    if track.state >= RecordingState::PurgeQueued || claims::of_track(tx, track.id).await?.is_some() {
        return Ok(None);
    }
    let Some(recording) = recordings::find(tx, track.recording).await? else { return Ok(None) };
    let mut segments = segments::to_settle(tx, track.id, from, PART_SEGMENTS, met(now)).await?;
    let mut bytes = 0;
    let fits = |segment: &Segment| {
        let first = bytes == 0;
        bytes += segment.extent.length;
        first || bytes <= PART_BYTES
    };
    let whole = segments.iter().map(fits).take_while(|fits| *fits).count();
    segments.truncate(whole);
    if segments.is_empty() {
        return Ok(None);
    }
    let gaps = tracks::gaps(tx, track.id).await?;
    let provenance = Provenance::of(&recording, &track, gaps);
    Ok(Some(Found { track, provenance, segments }))
}

/// Why rows were not switched.
enum Switch {
    Lost,
    Sql(SqlError),
}

impl From<SqlError> for Switch {
    fn from(error: SqlError) -> Self {
        Self::Sql(error)
    }
}

impl Written {
    fn bytes_before(&self) -> u64 {
        self.before.iter().map(|segment| segment.extent.length).sum()
    }

    /// Whether a segment was read, opened and sealed anew: whatever was said of it, it is whole.
    fn is_sealed_anew(&self, number: u64) -> bool {
        let hash = |segments: &[Segment]| {
            segments.iter().find(|segment| segment.sequence == number).map(|segment| segment.sha256)
        };
        matches!((hash(&self.before), hash(&self.part.segments)), (Some(before), Some(now)) if before != now)
    }

    async fn switch(&self, tx: &mut Tx, at: Timestamp) -> Result<(), Switch> {
        // The recording before the track, as everybody locks them.
        if !recordings::lock(tx, self.recording).await? || !claims::holds(tx, &self.claim).await? {
            return Err(Switch::Lost);
        }
        if !self.intent.stands(tx).await? {
            return Err(Switch::Lost);
        }
        let moved: Vec<u64> = self.before.iter().map(|segment| segment.sequence).collect();
        if segments::remove(tx, self.part.track, &moved).await? != moved.len() as u64 {
            return Err(Switch::Lost);
        }
        parts::insert(tx, &self.part).await?;
        for number in damage::of_track(tx, self.part.track).await? {
            if self.is_sealed_anew(number) {
                damage::forget(tx, self.part.track, number).await?;
            }
        }
        let now: u64 = self.part.segments.iter().map(|segment| segment.extent.length).sum();
        let by = now.cast_signed().wrapping_sub(self.bytes_before().cast_signed());
        recordings::resize(tx, self.recording, by, 0).await?;
        for segment in &self.before {
            if self.part.segments.iter().all(|to| to.extent.object != segment.extent.object) {
                spent::note(tx, &segment.extent.object, at).await?;
            }
        }
        claims::remove(tx, self.claim.track, self.claim.fence).await?;
        Ok(())
    }
}
