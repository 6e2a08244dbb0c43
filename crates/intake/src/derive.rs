//! Deriving a recording's summary again from its segments, where the row it stood in was made anew.

use std::collections::{BTreeMap, btree_map};

use clerestory_access::{Grant, RebuildRows};
use clerestory_model::{RecordingId, TrackId};
use clerestory_sql::{Lane, Lock, SqlError, Tx};
use clerestory_store::recordings::{self, Recording, Summary, summary_place};
use clerestory_store::segments::{self, ContentType, Segment};
use clerestory_store::tracks::{self, Track};
use clerestory_vault::{Base, OpenError, unpack_events};

use crate::refine::add_told;
use crate::rrweb::{self, Limits};
use crate::screen::Actions;
use crate::{Intake, IntakeError};

/// Bytes of a segment's events at most: what is played.
const EVENT_BYTES: usize = 32 * 1024 * 1024;

impl Intake {
    /// Makes the summary of a recording that has none from its segments, in the order in which they arrived. Segments
    /// that do not open add nothing to it. `false` when the recording has a summary, or nothing to sum up.
    ///
    /// # Errors
    /// [`IntakeError`].
    pub async fn derive_summary(
        &self,
        grant: &Grant<RebuildRows>,
        id: RecordingId,
    ) -> Result<bool, IntakeError> {
        let read = self
            .database
            .read::<_, SqlError, _>(move |tx| Box::pin(async move { everything_of(tx, id).await }));
        let Some((recording, segments)) = read.await?.filter(|(recording, _)| recording.summary.is_none())
        else {
            return Ok(false);
        };
        let (mut summary, mut bases) = (Summary::default(), BTreeMap::new());
        for (track, segment) in &segments {
            let all = |number: u64| {
                segments
                    .iter()
                    .find(|(of, base)| of.id == track.id && base.sequence == number)
                    .map(|(_, base)| base)
            };
            let told = match segment.content_type {
                ContentType::Media => continue,
                ContentType::Actions => {
                    let packed = self.packed(grant, track, segment).await?;
                    packed.and_then(|packed| Actions::unpack(&packed).ok()).map(|actions| actions.told())
                }
                ContentType::Rrweb | ContentType::RrwebOnBase(_) => {
                    let events = self.events(grant, track, segment, all, &mut bases).await?;
                    let limits = Limits { bytes: EVENT_BYTES, ..Limits::default() };
                    events.and_then(|events| Some(rrweb::Segment::parse(&events, &limits).ok()?.summary()))
                }
            };
            if let Some(told) = told {
                add_told(&told, &mut summary);
            }
        }
        if summary == Summary::default() {
            return Ok(false);
        }
        self.vault.hold_lease().await?;
        let intake = self.clone();
        self.database
            .write(Lane::Maintenance, move |tx| {
                Box::pin(async move { intake.keep_summary(tx, &recording, &summary).await })
            })
            .await
    }

    async fn keep_summary(
        &self,
        tx: &mut Tx,
        recording: &Recording,
        summary: &Summary,
    ) -> Result<bool, IntakeError> {
        // Its key may have been made meanwhile by something else that derives from it.
        let Some(found) = recordings::find_locked(tx, recording.id, Lock::Exclusive).await? else {
            return Ok(false);
        };
        let key = self.vault.summary_key(tx, &found).await?;
        let version = recording.summary_version + 1;
        let place = summary_place(recording.organisation, recording.id, version);
        let sealed = self.vault.seal(tx, key, place, summary).await?;
        match recordings::summarise(tx, recording.id, &sealed, version).await {
            Ok(()) => Ok(true),
            // A segment came meanwhile and brought a summary of its own.
            Err(SqlError::Inconsistent { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// The events of a segment; `None` when they cannot be had.
    async fn events<'s>(
        &self,
        grant: &Grant<RebuildRows>,
        track: &Track,
        segment: &Segment,
        find: impl Fn(u64) -> Option<&'s Segment>,
        bases: &mut BTreeMap<(TrackId, u64), Base>,
    ) -> Result<Option<Vec<u8>>, IntakeError> {
        let Some(packed) = self.packed(grant, track, segment).await? else { return Ok(None) };
        let Some(number) = segment.content_type.base() else {
            return Ok(unpack_events(&packed, EVENT_BYTES).ok());
        };
        let base = match bases.entry((track.id, number)) {
            btree_map::Entry::Occupied(held) => held.into_mut(),
            btree_map::Entry::Vacant(place) => {
                let Some(segment) = find(number) else { return Ok(None) };
                let Some(packed) = self.packed(grant, track, segment).await? else { return Ok(None) };
                let Ok(events) = unpack_events(&packed, EVENT_BYTES) else { return Ok(None) };
                place.insert(Base::new(&events))
            }
        };
        Ok(base.unpack(&packed, EVENT_BYTES).ok())
    }

    async fn packed(
        &self,
        grant: &Grant<RebuildRows>,
        track: &Track,
        segment: &Segment,
    ) -> Result<Option<Vec<u8>>, IntakeError> {
        match self.vault.open_segment(grant, track, segment).await {
            Ok(packed) => Ok(Some(packed)),
            Err(OpenError::Unreadable { source, .. }) if source.passes() => Err(source.into()),
            Err(OpenError::Segment { .. } | OpenError::Unreadable { .. } | OpenError::Erased) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

async fn everything_of(
    tx: &mut Tx,
    id: RecordingId,
) -> Result<Option<(Recording, Vec<(Track, Segment)>)>, SqlError> {
    let Some(recording) = recordings::find(tx, id).await? else { return Ok(None) };
    let mut all = Vec::new();
    for track in tracks::of_recording(tx, id).await? {
        let segments = segments::of_track(tx, track.id, 0, u32::MAX).await?;
        all.extend(segments.into_iter().map(|segment| (track.clone(), segment)));
    }
    all.sort_by_key(|(_, segment)| (segment.received_at, segment.sequence));
    Ok(Some((recording, all)))
}
