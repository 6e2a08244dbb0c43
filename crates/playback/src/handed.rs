//! What a request of a recorded person hands out of a recording: its segments one by one, each decided about again.

use clerestory_access::{Actor, Follow, HandOutRecording, HandedOutRef, OpContext, Play, RecordingRef};
use clerestory_model::{PlayId, TrackId};
use clerestory_seal::random;
use clerestory_sql::{Lane, Tx};
use clerestory_store::recordings::{self, Recording};
use clerestory_vault::{OpenError, StoreError};

use crate::content::{Found, SegmentContent};
use crate::plays::{goes_on, plays};
use crate::rows::{self, PlayRow};
use crate::{Playback, PlaybackError};

/// Whether what a recording shows is handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handing {
    /// It is.
    Shown,
    /// Whoever fetches it may not watch it.
    NotAllowed,
    /// It goes on, and whoever fetches it may not watch it meanwhile.
    GoesOn,
    /// Nobody else has agreed to it.
    SecondNeeded,
}

impl Playback {
    /// Whether what a recording shows is handed out to the caller by the decision in `entry`. Where it is about somebody
    /// else it is a look like any other: a second person agrees first where the organisation wants it, and whom it is about
    /// finds it among those who watched.
    ///
    /// # Errors
    /// [`PlaybackError::Refused`], [`PlaybackError::NotFound`].
    pub async fn begin_handing_out(
        &self,
        op: &OpContext,
        (on, entry): (HandedOutRef, u64),
        duration_us: i64,
    ) -> Result<Handing, PlaybackError> {
        let Actor::Person { id: person, session, subject, .. } = op.actor else {
            return Err(PlaybackError::NotFound);
        };
        self.vault.hold_lease().await?;
        let (playback, op) = (self.clone(), op.clone());
        self.database
            .write(Lane::Interactive, move |tx| {
                Box::pin(async move {
                    let watched = RecordingRef { organisation: on.request.organisation, id: on.recording };
                    let recording =
                        recordings::find(tx, on.recording).await?.ok_or(PlaybackError::NotFound)?;
                    let handing = playback.handing(tx, &op, (watched, &recording)).await?;
                    if handing != Handing::Shown {
                        return Ok(handing);
                    }
                    if recording.subject != subject {
                        let play = PlayRow {
                            id: PlayId::new(op.at, random()),
                            organisation: watched.organisation,
                            recording: watched.id,
                            person,
                            session,
                            entry,
                            follow_entry: None,
                            started_at: op.at,
                            expires_at: op.at,
                            ended_at: None,
                            part: None,
                            copied: true,
                        };
                        rows::insert(tx, &play).await?;
                        recordings::note_play(tx, watched.id).await?;
                        rows::watched(tx, play.id, (0, duration_us), op.at).await?;
                        rows::end(tx, play.id, op.at).await?;
                    }
                    Ok(Handing::Shown)
                })
            })
            .await
    }

    /// Whether the caller may watch now what is to be handed out to them. What is about themselves is theirs, also while it
    /// goes on.
    async fn handing(
        &self,
        tx: &mut Tx,
        op: &OpContext,
        (on, recording): (RecordingRef, &Recording),
    ) -> Result<Handing, PlaybackError> {
        if !self.access.would_allow_in::<Play>(tx, op, on).await? {
            return Ok(Handing::NotAllowed);
        }
        let of_others = op.actor.subject() != Some(recording.subject);
        let goes_on = goes_on(recording, op.at);
        if of_others && goes_on && !self.access.would_allow_in::<Follow>(tx, op, on).await? {
            return Ok(Handing::GoesOn);
        }
        if of_others && goes_on && !self.shows_live(tx, op, recording).await? {
            return Ok(Handing::GoesOn);
        }
        let seconding = self.seconding(tx, op, on).await?;
        Ok(if seconding.is_some() { Handing::SecondNeeded } else { Handing::Shown })
    }

    /// One segment of a recording that is handed out by the decision in `entry`: to whoever may watch it, and while they
    /// may. What others are packed on is held under `handing`, an id that the caller draws and forgets at the end.
    ///
    /// # Errors
    /// [`PlaybackError::Refused`], [`PlaybackError::NotFound`], [`PlaybackError::Gone`], [`PlaybackError::Open`],
    /// [`PlaybackError::Damaged`].
    pub async fn handed_out(
        &self,
        op: &OpContext,
        (on, entry): (HandedOutRef, u64),
        handing: PlayId,
        at: (TrackId, u64),
    ) -> Result<SegmentContent, PlaybackError> {
        match self.hand_out_once(op, (on, entry), handing, at).await {
            // As in a play: it was settled between the look at its row and the reading.
            Err(PlaybackError::Open(OpenError::Unreadable { source: StoreError::Missing, .. })) => {
                self.hand_out_once(op, (on, entry), handing, at).await
            }
            other => other,
        }
    }

    async fn hand_out_once(
        &self,
        op: &OpContext,
        (on, entry): (HandedOutRef, u64),
        handing: PlayId,
        at: (TrackId, u64),
    ) -> Result<SegmentContent, PlaybackError> {
        let (playback, op) = (self.clone(), op.clone());
        self.vault.hold_lease().await?;
        let found = self
            .database
            .read(move |tx| {
                Box::pin(async move {
                    let grant = playback.access.resume_in::<HandOutRecording>(tx, &op, on, entry).await??;
                    let watched = RecordingRef { organisation: on.request.organisation, id: on.recording };
                    let recording = recordings::find(tx, on.recording).await?.ok_or(PlaybackError::Gone)?;
                    if playback.handing(tx, &op, (watched, &recording)).await? != Handing::Shown {
                        return Err(PlaybackError::NotFound);
                    }
                    if !plays(recording.state) {
                        return Err(PlaybackError::Gone);
                    }
                    Found::look(tx, grant, on.recording, at, plays).await
                })
            })
            .await;
        let found = self.told(found).await?;
        self.unpack(&found, handing).await
    }

    /// Forgets what was held for a handing out.
    pub fn handed(&self, handing: PlayId) {
        self.bases.forget(handing);
    }
}
