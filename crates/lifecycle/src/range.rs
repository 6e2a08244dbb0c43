//! Erasing a part of a recording: what stays of each track is sealed anew under another key, and the old key dies as any
//! other does.

use std::sync::Arc;

use clerestory_access::{RecordingRef, ResealSurvivors};
use clerestory_keys::{NewKey, Purpose};
use clerestory_model::{ErasureId, GapReason, KeyId, RecordingId, RecordingState, TrackKind};
use clerestory_sql::{Lane, SqlError, Tx};
use clerestory_store::segments::{self, Segment};
use clerestory_store::tracks::{self, Gap, Track};
use clerestory_store::{organisations, parts, recordings};
use clerestory_vault::Rewritten;

use crate::rows::{self, Part, Stretch};
use crate::{EraseError, Erasure, Lifecycle, Step};

/// How often what came to a track is caught up with before its turn is another's: each round is as long as it takes to
/// store what came in the round before.
const ROUNDS: usize = 16;

impl Lifecycle {
    /// Finds what a range takes of each track, and ends every way to it: from the commit on its numbers are neither
    /// played nor taken again, and nothing that was captured in this time is taken later, on whatever track. What an
    /// earlier range took is not found again. Nothing where it touches no segment.
    pub(crate) async fn mark_range(
        &self,
        tx: &mut Tx,
        recording: RecordingId,
        (from_us, to_us): (i64, i64),
    ) -> Result<Vec<Stretch>, EraseError> {
        let mut stretches = Vec::new();
        for track in tracks::of_recording(tx, recording).await? {
            if track.state >= RecordingState::SoftDeleted {
                continue;
            }
            let mut all = segments::of_track(tx, track.id, 0, u32::MAX).await?;
            let erased = tracks::erased(tx, track.id).await?;
            all.retain(|segment| !erased.iter().any(|(from, to)| (*from..=*to).contains(&segment.sequence)));
            let Some(taken) = widened(&track, &all, (from_us, to_us)) else { continue };
            let (Some(first), Some(last)) = (taken.first(), taken.last()) else { continue };
            // Where a page's range goes to the end of what there is, what is sent next says what changed in it: nothing
            // of the track is taken any more, and the page begins another recording.
            let open = track.kind == TrackKind::Dom && all.last() == Some(last);
            let end = if open { i64::MAX.cast_unsigned() } else { last.sequence };
            tracks::note_erased(tx, track.id, first.sequence, end).await?;
            let end = taken.iter().map(|segment| segment.start_us.saturating_add(segment.duration_us)).max();
            let gap = Gap {
                from_us: first.start_us,
                to_us: end.unwrap_or(first.start_us),
                reason: GapReason::Erased,
            };
            tracks::note_gap(tx, track.id, gap).await?;
            let part = Part { track: track.id, recording, key: track.key };
            let (from, to) = (first.sequence, last.sequence);
            stretches.push(Stretch { part, from, to, new_key: None, switched: false });
        }
        if let (false, Some(found)) = (stretches.is_empty(), recordings::find(tx, recording).await?) {
            // What has not happened yet was not meant.
            let live_us = found.ended_at.micros().saturating_sub(found.started_at.micros());
            tracks::note_erased_time(tx, recording, (from_us, to_us.min(live_us))).await?;
        }
        Ok(stretches)
    }

    /// Seals what stays under new keys, and switches the tracks to them.
    pub(crate) async fn reseal(self, erasure: Erasure) -> Result<bool, EraseError> {
        let id = erasure.id;
        let read = self.parts.database.read(move |tx| Box::pin(async move { rows::stretches(tx, id).await }));
        let stretches: Result<Vec<Stretch>, SqlError> = read.await;
        self.parts.vault.hold_lease().await?;
        for stretch in stretches? {
            if !self.reseal_track(&erasure, stretch).await? {
                return Ok(false);
            }
        }
        self.parts
            .database
            .write(Lane::Maintenance, move |tx| {
                Box::pin(async move {
                    if rows::at_step(tx, id, Step::Asked).await?.is_none() {
                        return Ok(false);
                    }
                    rows::move_on(tx, id, Step::Resealed).await?;
                    Ok::<_, EraseError>(true)
                })
            })
            .await
    }

    /// `false` when somebody else wrote the track meanwhile: it is done again by the next turn. What comes to it meanwhile
    /// is caught up with.
    async fn reseal_track(&self, erasure: &Erasure, stretch: Stretch) -> Result<bool, EraseError> {
        let Some(key) = self.new_key(erasure, stretch).await? else { return Ok(true) };
        let op = self.by_program(erasure.organisation);
        let on = RecordingRef { organisation: erasure.organisation, id: stretch.part.recording };
        let grant = self.parts.access.authorize::<ResealSurvivors>(&op, on, None).await??;
        let keep = move |segment: &Segment| !(stretch.from..=stretch.to).contains(&segment.sequence);
        let rewritten = self.parts.vault.rewrite_track(&grant, stretch.part.track, key, keep).await?;
        let Some(mut rewritten) = rewritten else { return Ok(true) };
        for _ in 0..ROUNDS {
            if !self.parts.vault.catch_up(&grant, &mut rewritten, keep).await? {
                return Ok(false);
            }
            match self.try_switch(erasure, stretch, rewritten).await? {
                Switched::Yes => return Ok(true),
                Switched::Behind(again) => rewritten = again,
                Switched::Lost => return Ok(false),
            }
        }
        Ok(false)
    }

    /// Switches a track to its survivors, unless something came to it that is none of them.
    async fn try_switch(
        &self,
        erasure: &Erasure,
        stretch: Stretch,
        rewritten: Rewritten,
    ) -> Result<Switched, EraseError> {
        let (lifecycle, id, now) = (self.clone(), erasure.id, self.parts.clock.now());
        let rewritten = Arc::new(rewritten);
        let held = Arc::clone(&rewritten);
        let switched = self
            .parts
            .database
            .write(Lane::Maintenance, move |tx| {
                // It comes out of the transaction, and so is held until that is committed: so long nothing removes the
                // new parts.
                Box::pin(async move { lifecycle.switch(tx, id, &stretch, &held, now).await.map(|()| held) })
            })
            .await;
        match switched {
            Ok(held) => {
                if !held.lost().is_empty() {
                    tracing::error!(
                        track = %stretch.part.track,
                        segments = ?held.lost(),
                        "segments that should have stayed could not be read any more"
                    );
                }
                Ok(Switched::Yes)
            }
            Err(Switch::Behind) => Ok(Arc::into_inner(rewritten).map_or(Switched::Lost, Switched::Behind)),
            Err(Switch::Lost) => Ok(Switched::Lost),
            Err(Switch::Erase(error)) => Err(error),
        }
    }

    async fn switch(
        &self,
        tx: &mut Tx,
        id: ErasureId,
        stretch: &Stretch,
        rewritten: &Rewritten,
        now: clerestory_model::Timestamp,
    ) -> Result<(), Switch> {
        if rows::at_step(tx, id, Step::Asked).await?.is_none() {
            return Err(Switch::Lost);
        }
        let recording = stretch.part.recording;
        recordings::resize(tx, recording, 0, 0).await?;
        // What the track has now, under these locks, and no earlier one: another range may have been faster.
        let (Some(track), Some(now_so)) =
            (tracks::find(tx, stretch.part.track).await?, rows::stretch(tx, id, stretch.part.track).await?)
        else {
            return Err(Switch::Lost);
        };
        // Of what is erased as a whole nothing stays.
        if now_so.switched || track.state >= RecordingState::PurgeQueued {
            return Err(Switch::Lost);
        }
        rows::set_switched(tx, id, stretch, track.key).await?;
        let held = parts::objects_of_track(tx, stretch.part.track).await?;
        self.keep_objects(tx, id, &held).await?;
        self.keep_log_files(tx, id).await?;
        let unread = rewritten.lost();
        let all = match unread.is_empty() {
            true => Vec::new(),
            false => segments::of_track(tx, stretch.part.track, 0, u32::MAX).await?,
        };
        if !rewritten.switch(tx, now).await? {
            return Err(Switch::Behind);
        }
        for segment in all.iter().filter(|segment| unread.contains(&segment.sequence)) {
            let to_us = segment.start_us.saturating_add(segment.duration_us);
            let gap = Gap { from_us: segment.start_us, to_us, reason: GapReason::Lost };
            tracks::note_gap(tx, stretch.part.track, gap).await?;
        }
        Ok(())
    }

    /// The key the survivors of a track are to get: made once, by whichever node is first. `None` when they have got it,
    /// when the erasure has gone on, or when all of the track is erased by now and nothing of it stays.
    async fn new_key(&self, erasure: &Erasure, stretch: Stretch) -> Result<Option<KeyId>, EraseError> {
        let (lifecycle, id) = (self.clone(), erasure.id);
        self.parts
            .database
            .write(Lane::Maintenance, move |tx| {
                Box::pin(async move {
                    if rows::at_step(tx, id, Step::Asked).await?.is_none() {
                        return Ok(None);
                    }
                    // Whoever queues all of it looks for such keys under the same lock.
                    recordings::lock(tx, stretch.part.recording).await?;
                    let (Some(stretch), Some(track)) = (
                        rows::stretch(tx, id, stretch.part.track).await?,
                        tracks::find(tx, stretch.part.track).await?,
                    ) else {
                        return Ok(None);
                    };
                    if track.state >= RecordingState::PurgeQueued {
                        // Its key goes with all of it; the range's receipt names it too.
                        rows::keep_key(tx, id, track.key).await?;
                        return Ok(None);
                    }
                    if stretch.switched || stretch.new_key.is_some() {
                        return Ok(stretch.new_key.filter(|_| !stretch.switched));
                    }
                    let key = lifecycle.make_key(tx, &track).await?;
                    rows::set_new_key(tx, id, &stretch, key).await?;
                    Ok::<_, EraseError>(Some(key))
                })
            })
            .await
    }

    async fn make_key(&self, tx: &mut Tx, track: &Track) -> Result<KeyId, EraseError> {
        let recording = recordings::find(tx, track.recording).await?.ok_or(EraseError::Nothing)?;
        let new = NewKey {
            organisation: track.organisation,
            class: track.class,
            purpose: Purpose::Track,
            parent: organisations::subject_key(tx, recording.subject).await?,
            at: self.parts.clock.now(),
        };
        Ok(self.parts.vault.keys().make(tx, new).await?)
    }
}

/// Why a track was not switched: nothing of the transaction is kept then.
enum Switch {
    /// Something came to it, or somebody wrote it.
    Behind,
    Lost,
    Erase(EraseError),
}

/// What came of switching a track.
enum Switched {
    Yes,
    /// Something came to it, or somebody wrote it: what was written is still good if the former.
    Behind(Rewritten),
    Lost,
}

impl<E: Into<EraseError>> From<E> for Switch {
    fn from(error: E) -> Self {
        Self::Erase(error.into())
    }
}

/// The segments that a range takes: those it touches with all between them, and in a track of a page those up to the next
/// keyframe, because they say what changed in a page that nobody may see any more.
fn widened<'s>(track: &Track, all: &'s [Segment], (from_us, to_us): (i64, i64)) -> Option<&'s [Segment]> {
    let touched = |segment: &Segment| {
        segment.start_us <= to_us && segment.start_us.saturating_add(segment.duration_us) >= from_us
    };
    let first = all.iter().position(touched)?;
    let mut last = all.iter().rposition(touched)?;
    if track.kind == TrackKind::Dom {
        last = all
            .iter()
            .enumerate()
            .skip(last + 1)
            .find(|(_, segment)| segment.keyframe)
            .map_or(all.len(), |(at, _)| at)
            - 1;
    }
    all.get(first..=last)
}
