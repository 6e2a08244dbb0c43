//! What a request of a recorded person hands out of a recording: its segments one by one, each decided about again.

use clerestory_access::{Actor, HandOutRecording, HandedOutRef, OpContext, Play, RecordingRef};
use clerestory_model::{PlayId, TrackId};
use clerestory_seal::random;
use clerestory_sql::Lane;
use clerestory_store::recordings;
use clerestory_vault::{OpenError, StoreError};

use crate::plays::{Found, SegmentContent, plays};
use crate::rows::{self, PlayRow};
use crate::{Playback, PlaybackError};

/// Whether what a recording shows is handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handing {
    /// It is.
    Shown,
    /// Whoever fetches it may not watch it.
    NotAllowed,
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
                    if !playback.access.would_allow_in::<Play>(tx, &op, watched).await? {
                        return Ok(Handing::NotAllowed);
                    }
                    if playback.seconding(tx, &op, watched).await?.is_some() {
                        return Ok(Handing::SecondNeeded);
                    }
                    let recording =
                        recordings::find(tx, on.recording).await?.ok_or(PlaybackError::NotFound)?;
                    if recording.subject != subject {
                        let play = PlayRow {
                            id: PlayId::new(op.at, random()),
                            organisation: watched.organisation,
                            recording: watched.id,
                            person,
                            session,
                            entry,
                            started_at: op.at,
                            expires_at: op.at,
                            ended_at: None,
                        };
                        rows::insert(tx, &play).await?;
                        rows::watched(tx, play.id, (0, duration_us), op.at).await?;
                        rows::end(tx, play.id, op.at).await?;
                    }
                    Ok(Handing::Shown)
                })
            })
            .await
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
                    if !playback.access.would_allow_in::<Play>(tx, &op, watched).await?
                        || playback.seconding(tx, &op, watched).await?.is_some()
                    {
                        return Err(PlaybackError::NotFound);
                    }
                    let recording = recordings::find(tx, on.recording).await?;
                    if !recording.is_some_and(|recording| plays(recording.state)) {
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
