//! Writing what is left of a track anew, under another key: how a range of it is erased.

use std::collections::BTreeSet;

use clerestory_access::{Action, Grant};
use clerestory_model::{KeyId, RecordingId, Timestamp, TrackId};
use clerestory_sql::{Lane, SqlError, Tx};
use clerestory_store::parts::{self, Part, spent};
use clerestory_store::recordings;
use clerestory_store::segments::{self, Segment};
use clerestory_store::tracks::{self, Track};

use super::manifest::Provenance;
use super::settle::SettleError;
use super::write::{PART_BYTES, PART_SEGMENTS, Plan};
use crate::intents::{Intent, Release};
use crate::packing::Effort;
use crate::{ObjectPath, PartName, StoreError, Vault};

/// The survivors of a track in new parts under a new key: durable, and named by no row yet.
#[must_use = "the track's rows are still to be switched"]
pub struct Rewritten {
    track: TrackId,
    recording: RecordingId,
    key: KeyId,
    fence: u32,
    parts: Vec<(Part, Intent)>,
    /// The number of the next part: an object may be there though its part came to nothing.
    next: u32,
    /// The numbers the track had.
    had: BTreeSet<u64>,
    /// The numbers that should have stayed and could not be read any more.
    lost: Vec<u64>,
    bytes_before: u64,
}

struct Seen {
    track: Track,
    provenance: Provenance,
    fence: u32,
    /// That of the first part to be written.
    number: u32,
    segments: Vec<Segment>,
}

impl Vault {
    /// Writes those segments of a track that `keep` says into new parts under `key`, which is to be the track's. Nothing
    /// of it counts before [`Rewritten::switch`]. `None` when there is no such track.
    ///
    /// Whoever is settling the track loses; whoever begins to makes this one lose.
    ///
    /// # Errors
    /// [`SettleError`]: what was written so far is removed later by [`Self::remove_spent`].
    pub async fn rewrite_track<A: Action>(
        &self,
        grant: &Grant<A>,
        track: TrackId,
        key: KeyId,
        keep: impl Fn(&Segment) -> bool,
    ) -> Result<Option<Rewritten>, SettleError> {
        let seen = self
            .database
            .write(Lane::Maintenance, move |tx| Box::pin(async move { see(tx, track, None).await }));
        let seen: Result<Option<Seen>, SqlError> = seen.await;
        let Some(seen) = seen? else { return Ok(None) };
        let mut rewritten = Rewritten {
            track: seen.track.id,
            recording: seen.track.recording,
            key,
            fence: seen.fence,
            parts: Vec::new(),
            next: 0,
            had: BTreeSet::new(),
            lost: Vec::new(),
            bytes_before: 0,
        };
        self.write_survivors(grant, seen, keep, &mut rewritten).await?;
        Ok(Some(rewritten))
    }

    /// Writes what came to the track since into new parts too: whoever is recorded still need not wait with it. `false`
    /// when something else happened to the track, or somebody else writes it: the caller may begin anew.
    ///
    /// # Errors
    /// As [`Self::rewrite_track`].
    pub async fn catch_up<A: Action>(
        &self,
        grant: &Grant<A>,
        rewritten: &mut Rewritten,
        keep: impl Fn(&Segment) -> bool,
    ) -> Result<bool, SettleError> {
        let (track, fence) = (rewritten.track, rewritten.fence);
        let seen = self
            .database
            .write(Lane::Maintenance, move |tx| Box::pin(async move { see(tx, track, Some(fence)).await }));
        let seen: Result<Option<Seen>, SqlError> = seen.await;
        let Some(mut seen) = seen? else { return Ok(false) };
        let all = seen.segments.len();
        seen.segments.retain(|segment| !rewritten.had.contains(&segment.sequence));
        if seen.segments.len() + rewritten.had.len() != all {
            return Ok(false);
        }
        self.write_survivors(grant, seen, keep, rewritten).await?;
        Ok(true)
    }

    /// Writes those of the segments that were seen which `keep` says, and notes that they were there.
    async fn write_survivors<A: Action>(
        &self,
        grant: &Grant<A>,
        seen: Seen,
        keep: impl Fn(&Segment) -> bool,
        rewritten: &mut Rewritten,
    ) -> Result<(), SettleError> {
        let at = self.log.intents().now();
        let Seen { track, provenance, fence, number, segments } = seen;
        rewritten.next = rewritten.next.max(number);
        rewritten.had.extend(segments.iter().map(|segment| segment.sequence));
        rewritten.bytes_before += segments.iter().map(|segment| segment.extent.length).sum::<u64>();
        let kept: Vec<Segment> = segments.iter().filter(|segment| keep(segment)).cloned().collect();
        for stretch in stretches(kept) {
            let (organisation, recording) = (track.organisation, track.recording);
            let name = PartName { organisation, recording, track: track.id, part: rewritten.next, fence };
            rewritten.next += 1;
            let intent = self.begin_object(&name).await?;
            let sequences: Vec<u64> = stretch.iter().map(|segment| segment.sequence).collect();
            let plan = Plan {
                name,
                track: track.clone(),
                key: rewritten.key,
                provenance: provenance.clone(),
                bases: bases_of(&stretch, &segments),
                segments: stretch,
                effort: Effort::Thorough,
                at,
            };
            // What could not be read is among what is lost.
            let (assembled, _) = self.assemble(grant, plan).await?;
            let there = |sequence: &u64| {
                assembled
                    .as_ref()
                    .is_some_and(|made| made.part.segments.iter().any(|s| s.sequence == *sequence))
            };
            rewritten.lost.extend(sequences.into_iter().filter(|sequence| !there(sequence)));
            if let Some(assembled) = assembled {
                self.objects.put(&assembled.part.object, assembled.bytes).await?;
                rewritten.parts.push((assembled.part, intent));
            }
        }
        Ok(())
    }

    /// Makes the intent for an object that is to be removed unless a transaction says otherwise.
    async fn begin_object(&self, name: &PartName) -> Result<Intent, SettleError> {
        let (object, intents) = (ObjectPath::Part(*name).path(), self.log.intents().clone());
        // Over a database that is older than the store: it is another's, and must not be removed for being in the way.
        if self.objects.length(&object).await?.is_some() {
            return Err(StoreError::Exists.into());
        }
        let noted = object.clone();
        let begun = self.database.write(Lane::Maintenance, move |tx| {
            Box::pin(async move {
                intents.note(tx, &noted).await?;
                spent::note(tx, &noted, intents.now()).await
            })
        });
        let begun: Result<(), SqlError> = begun.await;
        begun?;
        Ok(self.log.intents().noted(&object, Release::OnDrop))
    }
}

/// Raises the fence and reads everything of the track. `None` where another has raised it since it was `standing`.
async fn see(tx: &mut Tx, track: TrackId, standing: Option<u32>) -> Result<Option<Seen>, SqlError> {
    let Some((track, now)) = tracks::lock(tx, track).await? else { return Ok(None) };
    let Some(recording) = recordings::find(tx, track.recording).await? else { return Ok(None) };
    let fence = match standing {
        None => tracks::next_fence(tx, track.id).await?,
        Some(fence) if fence == now => fence,
        Some(_) => return Ok(None),
    };
    let number = parts::next_number(tx, track.id).await?;
    let gaps = tracks::gaps(tx, track.id).await?;
    let segments = segments::of_track(tx, track.id, 0, u32::MAX).await?;
    let provenance = Provenance::of(&recording, &track, gaps);
    Ok(Some(Seen { track, provenance, fence, number, segments }))
}

/// As many segments as a part holds, again and again.
fn stretches(segments: Vec<Segment>) -> Vec<Vec<Segment>> {
    let (mut all, mut open, mut bytes) = (Vec::new(), Vec::new(), 0);
    for segment in segments {
        let full = bytes + segment.extent.length > PART_BYTES || open.len() >= PART_SEGMENTS as usize;
        if full && !open.is_empty() {
            all.push(std::mem::take(&mut open));
            bytes = 0;
        }
        bytes += segment.extent.length;
        open.push(segment);
    }
    if !open.is_empty() {
        all.push(open);
    }
    all
}

/// What these segments are packed on.
fn bases_of(stretch: &[Segment], all: &[Segment]) -> Vec<Segment> {
    let mut numbers: Vec<u64> = stretch.iter().filter_map(|segment| segment.content_type.base()).collect();
    numbers.dedup();
    all.iter().filter(|segment| numbers.contains(&segment.sequence)).cloned().collect()
}

impl Rewritten {
    /// The numbers that should have stayed and could not be read any more.
    #[must_use]
    pub fn lost(&self) -> &[u64] {
        &self.lost
    }

    /// Switches the track to its new parts and its new key, and hands its old objects over to be removed
    /// ([`Vault::remove_spent`]), in the caller's transaction. `false` when something came to the track or somebody wrote it
    /// meanwhile: nothing is changed then, and the caller may [catch up](Vault::catch_up) or begin anew. The old key is the
    /// caller's to destroy.
    ///
    /// Locks the recording and the track. Hold on to this value until the transaction is committed.
    ///
    /// # Errors
    /// [`SqlError`].
    pub async fn switch(&self, tx: &mut Tx, at: Timestamp) -> Result<bool, SqlError> {
        if !recordings::lock(tx, self.recording).await? {
            return Ok(false);
        }
        let Some((track, fence)) = tracks::lock(tx, self.track).await? else { return Ok(false) };
        let has = segments::of_track(tx, self.track, 0, u32::MAX).await?;
        let same = has.iter().map(|segment| segment.sequence).eq(self.had.iter().copied());
        if fence != self.fence || !same {
            return Ok(false);
        }
        for (_, intent) in &self.parts {
            if !intent.stands(tx).await? {
                return Ok(false);
            }
        }
        if track.key == self.key {
            parts::take_away_but_lost(tx, self.track, at).await?;
        } else {
            // What is left of lost segments is under the key that dies.
            parts::take_away(tx, self.track, at).await?;
        }
        tracks::set_key(tx, self.track, self.key).await?;
        for (part, _) in &self.parts {
            parts::insert(tx, part).await?;
            // What is named again is not to be removed: the part, and objects of single segments that stay where they lie.
            let own = part.segments.iter().map(|segment| &segment.extent.object);
            let named: BTreeSet<String> = own.chain([&part.object]).cloned().collect();
            spent::forget(tx, &Vec::from_iter(named)).await?;
        }
        let kept = || self.parts.iter().flat_map(|(part, _)| &part.segments);
        let now: u64 = kept().map(|segment| segment.extent.length).sum();
        let by = now.cast_signed().wrapping_sub(self.bytes_before.cast_signed());
        let fewer = kept().count() as i64 - self.had.len() as i64;
        recordings::resize(tx, self.recording, by, fewer).await?;
        Ok(true)
    }
}
