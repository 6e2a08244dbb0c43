//! Small pictures of what recordings of screens show: one that stands for each, and one about each ten seconds beside its
//! time ([decision 0039](../../../../docs/decisions/0039-pictures-of-what-was-recorded.md)).
//!
//! They are derived: made of segments by [`Playback::make_previews`], sealed under the key of the track that they are of,
//! and gone with it or with any part of it. Whoever may not begin to watch a recording now is shown none of it.

mod make;
mod rows;
mod ticket;

use std::collections::HashMap;

use clerestory_access::{
    Action, Actor, Follow, Grant, ListedRef, OpContext, Play, RecordingRef, ShowListed, ShowRead,
};
use clerestory_model::{OrganisationId, PlayId, RecordingId, RecordingState, Source};
use clerestory_sql::{Body, SqlError, Tx};
use clerestory_store::derived::{Derived, DerivedError, Erased};
use clerestory_store::recordings::{self, Recording};
use clerestory_store::tracks;

pub(crate) use make::Looked;
pub use make::PreviewsMade;
pub use ticket::RidesOn;

use crate::plays::{goes_on, plays};
use crate::{Playback, PlaybackError};
use rows::{PreviewRow, Stage};

/// How the pictures of a recording stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PreviewState {
    /// It has nothing that could be shown so.
    None,
    /// They are not made yet.
    Waiting,
    /// They are made, or what stands for it is.
    Made,
    /// They could not be made, or not all, for this reason.
    Failed(String),
}

/// The picture that stands for a recording, as it is offered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cover {
    /// By which it is fetched in this session, for ten minutes.
    pub ticket: String,
    /// Pixels of a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

impl Playback {
    /// How the pictures of a recording of a screen stand.
    ///
    /// # Errors
    /// [`PlaybackError::Sql`].
    pub async fn preview_state(
        &self,
        tx: &mut Tx,
        recording: &Recording,
    ) -> Result<PreviewState, PlaybackError> {
        let work = rows::work_on(tx, recording.id).await?;
        Ok(match work.map(|work| (work.stage, work.why)) {
            _ if recording.source != Source::Screen || !plays(recording.state) => PreviewState::None,
            None | Some((Stage::Waiting, _)) => PreviewState::Waiting,
            Some((Stage::Cover | Stage::Made, _)) => PreviewState::Made,
            Some((Stage::Failed, why)) => PreviewState::Failed(why.unwrap_or_default()),
            Some((Stage::Empty, _)) => PreviewState::None,
        })
    }

    /// The picture that stands for a recording, for a caller who could begin to watch it now without being asked for
    /// anything; it rides on the entry of the answer that it is a part of.
    ///
    /// # Errors
    /// [`PlaybackError::Access`], [`PlaybackError::Sql`], [`PlaybackError::Key`].
    pub async fn cover(
        &self,
        tx: &mut Tx,
        op: &OpContext,
        (on, recording): (RecordingRef, &Recording),
        rides_on: RidesOn,
    ) -> Result<Option<Cover>, PlaybackError> {
        let Actor::Person { session, .. } = op.actor else { return Ok(None) };
        let Some(row) = self.cover_of(tx, recording).await? else { return Ok(None) };
        if !self.would_begin(tx, op, (on, recording)).await? {
            return Ok(None);
        }
        let Some(mac) = self.vault.preview_ticket_key(tx).await? else { return Ok(None) };
        let ticket = ticket::write(&mac, (on.id, session), rides_on, self.clock.now());
        Ok(Some(Cover { ticket, width: row.width, height: row.height }))
    }

    async fn cover_of(&self, tx: &mut Tx, recording: &Recording) -> Result<Option<PreviewRow>, SqlError> {
        if recording.source != Source::Screen || !plays(recording.state) {
            return Ok(None);
        }
        let all = rows::of_recording(tx, recording.id, true).await?;
        Ok(left(tx, recording.id, all, plays).await?.into_iter().next())
    }

    /// Whether a play would begin now as it is: without a second person, without a reason, and while it goes on too. What is
    /// seen of it elsewhere is seen by nobody else.
    async fn would_begin(
        &self,
        tx: &mut Tx,
        op: &OpContext,
        (on, recording): (RecordingRef, &Recording),
    ) -> Result<bool, PlaybackError> {
        if !plays(recording.state) || !self.access.would_allow_in::<Play>(tx, op, on).await? {
            return Ok(false);
        }
        if goes_on(recording, self.clock.now())
            && !(self.access.would_allow_in::<Follow>(tx, op, on).await?
                && self.shows_live(tx, op, recording).await?)
        {
            return Ok(false);
        }
        Ok(self.seconding(tx, op, on).await?.is_none()
            && !self.is_on(tx, recording, "view.reason_required").await?)
    }

    /// The picture that stands for a recording, by a ticket: its JPEG. Decided again, and against what the recording is now.
    ///
    /// # Errors
    /// [`PlaybackError::NotFound`] in every case in which it is not shown.
    pub async fn cover_by_ticket(
        &self,
        op: &OpContext,
        on: RecordingRef,
        text: String,
    ) -> Result<Vec<u8>, PlaybackError> {
        let Actor::Person { session, .. } = op.actor else { return Err(PlaybackError::NotFound) };
        self.vault.hold_lease().await?;
        let (playback, inner) = (self.clone(), op.clone());
        let shown = self
            .database
            .read(move |tx| {
                Box::pin(async move {
                    let mac = playback.vault.preview_ticket_key(tx).await?.ok_or(PlaybackError::NotFound)?;
                    let now = playback.clock.now();
                    match ticket::read(&mac, (on.id, session), &text, now).ok_or(PlaybackError::NotFound)? {
                        RidesOn::List(entry) => {
                            let listed = ListedRef(on);
                            let access = &playback.access;
                            let grant = access.resume_in::<ShowListed>(tx, &inner, listed, entry).await??;
                            playback.open_cover(tx, &inner, on, &grant).await
                        }
                        RidesOn::Facts(entry) => {
                            let access = &playback.access;
                            let grant = access.resume_in::<ShowRead>(tx, &inner, on, entry).await??;
                            playback.open_cover(tx, &inner, on, &grant).await
                        }
                    }
                })
            })
            .await;
        match self.told(shown).await {
            // Whether it is hidden, or was, is nobody's who is not shown it.
            Err(PlaybackError::Refused(_)) => Err(PlaybackError::NotFound),
            shown => shown,
        }
    }

    async fn open_cover<A: Action>(
        &self,
        tx: &mut Tx,
        op: &OpContext,
        on: RecordingRef,
        grant: &Grant<A>,
    ) -> Result<Vec<u8>, PlaybackError> {
        let recording = recordings::find(tx, on.id).await?.ok_or(PlaybackError::NotFound)?;
        if !self.would_begin(tx, op, (on, &recording)).await? {
            return Err(PlaybackError::NotFound);
        }
        let row = self.cover_of(tx, &recording).await?.ok_or(PlaybackError::NotFound)?;
        self.open_preview(tx, grant, &row).await
    }

    async fn open_preview<A: Action>(
        &self,
        tx: &mut Tx,
        grant: &Grant<A>,
        row: &PreviewRow,
    ) -> Result<Vec<u8>, PlaybackError> {
        let sealed = rows::sealed(tx, row).await?.ok_or(PlaybackError::NotFound)?;
        let opened: rows::Pixels = self.vault.open(tx, grant, &sealed).await?;
        Ok(opened.0.0)
    }

    /// When the pictures beside the time of a recording are, in microseconds since it began; within a part, where it is a
    /// part that is watched.
    pub(crate) async fn preview_times(
        &self,
        tx: &mut Tx,
        recording: RecordingId,
        part: Option<(i64, i64)>,
    ) -> Result<Vec<i64>, SqlError> {
        let mut all = rows::of_recording(tx, recording, false).await?;
        all.retain(|row| is_within(row, part));
        let all = left(tx, recording, all, in_play).await?;
        Ok(all.iter().map(|row| row.at_us).collect())
    }

    /// A picture beside the time, in a running play: its JPEG.
    ///
    /// # Errors
    /// [`PlaybackError::NotFound`], and as [`Self::segment`].
    pub async fn preview(&self, op: &OpContext, play: PlayId, at_ms: i64) -> Result<Vec<u8>, PlaybackError> {
        let (playback, op) = (self.clone(), op.clone());
        self.vault.hold_lease().await?;
        let shown = self
            .database
            .read(move |tx| {
                Box::pin(async move {
                    let (play, grant) = playback.resume(tx, &op, play).await?;
                    let mut all = rows::of_recording(tx, play.recording, false).await?;
                    all.retain(|row| row.at_us / 1000 == at_ms && is_within(row, play.part));
                    let all = left(tx, play.recording, all, in_play).await?;
                    let row = all.first().ok_or(PlaybackError::NotFound)?;
                    playback.open_preview(tx, &grant, row).await
                })
            })
            .await;
        self.told(shown).await
    }
}

/// Whether what was deleted is shown in a play has been seen to when it went on.
fn in_play(state: RecordingState) -> bool {
    plays(state) || state == RecordingState::SoftDeleted
}

fn is_within(row: &PreviewRow, part: Option<(i64, i64)>) -> bool {
    part.is_none_or(|(from_us, to_us)| (from_us..=to_us).contains(&row.at_us))
}

/// Those of a recording's pictures of which what they show is still there.
async fn left(
    tx: &mut Tx,
    recording: RecordingId,
    mut rows: Vec<PreviewRow>,
    shown: impl Fn(RecordingState) -> bool,
) -> Result<Vec<PreviewRow>, SqlError> {
    if rows.is_empty() {
        return Ok(rows);
    }
    let mut erased = HashMap::new();
    for track in tracks::of_recording(tx, recording).await? {
        if shown(track.state) {
            erased.insert(track.id, tracks::erased(tx, track.id).await?);
        }
    }
    rows.retain(|row| {
        let is_gone = |(from, to): &(u64, u64)| (*from..=*to).contains(&row.of.sequence);
        erased.get(&row.of.track).is_some_and(|erased| !erased.iter().any(is_gone))
    });
    Ok(rows)
}

/// The pictures, as what derives from recordings.
#[derive(Clone, Copy, Debug)]
pub struct Previews;

impl Derived for Previews {
    fn name(&self) -> &'static str {
        "previews"
    }

    fn erase<'t>(&'t self, tx: &'t mut Tx, erased: &'t Erased) -> Body<'t, (), DerivedError> {
        Box::pin(async move {
            for track in &erased.tracks {
                rows::forget_track(tx, *track).await?;
            }
            for recording in &erased.recordings {
                let found = recordings::find(tx, *recording).await?;
                match found.is_some_and(|found| found.state < RecordingState::PurgeQueued) {
                    true => rows::again(tx, *recording).await?,
                    false => rows::forget(tx, *recording).await?,
                }
            }
            Ok(())
        })
    }

    fn count<'t>(&'t self, tx: &'t mut Tx, erased: &'t Erased) -> Body<'t, u64, SqlError> {
        Box::pin(async move {
            let mut count = 0;
            for track in &erased.tracks {
                // What lies under another key was made since, of what is left.
                let keys = rows::keys_of_track(tx, *track).await?;
                count += keys.iter().filter(|key| erased.keys.contains(key)).count() as u64;
            }
            Ok(count)
        })
    }
}

/// Removes everything of an organisation.
pub(crate) async fn depart(tx: &mut Tx, organisation: OrganisationId) -> Result<(), SqlError> {
    rows::depart(tx, organisation).await
}
