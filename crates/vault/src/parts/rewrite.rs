//! Writing what is left of a track anew, under another key: how a range of it is erased.

use clerestory_access::{Action, Grant};
use clerestory_model::{KeyId, RecordingId, Timestamp, TrackId};
use clerestory_sql::{Lane, SqlError, Tx};
use clerestory_store::parts::{self, Part, spent};
use clerestory_store::recordings;
use clerestory_store::segments::{self, ContentType, Segment};
use clerestory_store::tracks::{self, Track};

use super::manifest::Provenance;
use super::settle::SettleError;
use super::write::{PART_BYTES, PART_SEGMENTS, Plan};
use crate::intents::{Intent, Release};
use crate::packing::Effort;
use crate::{ObjectPath, PartName, Vault};

/// The survivors of a track in new parts under a new key: durable, and named by no row yet.
#[must_use = "the track's rows are still to be switched"]
pub struct Rewritten {
    track: TrackId,
    recording: RecordingId,
    key: KeyId,
    fence: u32,
    parts: Vec<(Part, Intent)>,
    /// The numbers the track had.
    had: Vec<u64>,
    /// The numbers that should have stayed and could not be read any more.
    lost: Vec<u64>,
    bytes_before: u64,
}

struct Seen {
    track: Track,
    provenance: Provenance,
    fence: u32,
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
        let at = self.log.intents().now();
        let seen =
            self.database.write(Lane::Maintenance, move |tx| Box::pin(async move { see(tx, track).await }));
        let seen: Result<Option<Seen>, SqlError> = seen.await;
        let Some(Seen { track, provenance, fence, segments }) = seen? else { return Ok(None) };
        let had = segments.iter().map(|segment| segment.sequence).collect();
        let kept: Vec<Segment> = segments.iter().filter(|segment| keep(segment)).cloned().collect();
        let mut rewritten = Rewritten {
            track: track.id,
            recording: track.recording,
            key,
            fence,
            parts: Vec::new(),
            had,
            lost: Vec::new(),
            bytes_before: segments.iter().map(|segment| segment.extent.length).sum(),
        };
        for (number, stretch) in (0..).zip(stretches(kept)) {
            let (organisation, recording) = (track.organisation, track.recording);
            let name = PartName { organisation, recording, track: track.id, part: number, fence };
            let intent = self.begin_object(&name).await?;
            let sequences: Vec<u64> = stretch.iter().map(|segment| segment.sequence).collect();
            let plan = Plan {
                name,
                track: track.clone(),
                key,
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
        Ok(Some(rewritten))
    }

    /// Makes the intent for an object that is to be removed unless a transaction says otherwise.
    async fn begin_object(&self, name: &PartName) -> Result<Intent, SettleError> {
        let (object, intents) = (ObjectPath::Part(*name).path(), self.log.intents().clone());
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

/// Raises the fence and reads everything of the track.
async fn see(tx: &mut Tx, track: TrackId) -> Result<Option<Seen>, SqlError> {
    let Some((track, _)) = tracks::lock(tx, track).await? else { return Ok(None) };
    let Some(recording) = recordings::find(tx, track.recording).await? else { return Ok(None) };
    let fence = tracks::next_fence(tx, track.id).await?;
    let gaps = tracks::gaps(tx, track.id).await?;
    let segments = segments::of_track(tx, track.id, 0, u32::MAX).await?;
    let provenance = Provenance::of(&recording, &track, gaps);
    Ok(Some(Seen { track, provenance, fence, segments }))
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
    let needed = |segment: &Segment| match segment.content_type {
        ContentType::RrwebOnBase(base) => Some(base),
        ContentType::Rrweb => None,
    };
    let mut numbers: Vec<u64> = stretch.iter().filter_map(needed).collect();
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
    /// ([`Vault::remove_spent`]), in the caller's transaction. `false` when somebody wrote to the track meanwhile: nothing
    /// is changed then, and the caller may begin anew. The old key is the caller's to destroy.
    ///
    /// Locks the recording and the track. Hold on to this value until the transaction is committed.
    ///
    /// # Errors
    /// [`SqlError`].
    pub async fn switch(&self, tx: &mut Tx, at: Timestamp) -> Result<bool, SqlError> {
        if !recordings::lock(tx, self.recording).await? {
            return Ok(false);
        }
        let Some((_, fence)) = tracks::lock(tx, self.track).await? else { return Ok(false) };
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
        parts::take_away(tx, self.track, at).await?;
        tracks::set_key(tx, self.track, self.key).await?;
        for (part, _) in &self.parts {
            parts::insert(tx, part).await?;
            spent::forget(tx, std::slice::from_ref(&part.object)).await?;
        }
        let kept = || self.parts.iter().flat_map(|(part, _)| &part.segments);
        let now: u64 = kept().map(|segment| segment.extent.length).sum();
        let by = now.cast_signed().wrapping_sub(self.bytes_before.cast_signed());
        let fewer = kept().count() as i64 - self.had.len() as i64;
        recordings::resize(tx, self.recording, by, fewer).await?;
        Ok(true)
    }
}
