//! Closing recordings: by their recorder, or by silence.

use std::time::Duration;

use clerestory_access::{AccessError, Actor, CloseSilent, OpContext, OrganisationRef, Upload, UploadRef};
use clerestory_model::{GapReason, OrganisationId, RecordingId, Source};
use clerestory_sql::{Lane, Lock, SqlError};
use clerestory_store::recordings;
use clerestory_store::tracks::{self, Gap};

use crate::origin::Origin;
use crate::{Intake, IntakeError, SCREEN_SILENCE, SILENCE};

impl Intake {
    /// Ends the sending of one tab. A visit that was stopped on purpose is closed and says so; one whose page was left
    /// stays open, because the next page of the visit may follow.
    ///
    /// # Errors
    /// [`IntakeError::Token`], [`IntakeError::Sql`].
    pub async fn end(
        &self,
        token: &str,
        origin: &Origin,
        stopped: bool,
        request_id: String,
    ) -> Result<(), IntakeError> {
        let claims = self.check_token(token, origin).await?;
        if !stopped {
            return Ok(());
        }
        let now = self.clock.now();
        let op = OpContext {
            actor: Actor::Site { id: claims.site, organisation: claims.organisation },
            request_id,
            at: now,
        };
        let on =
            UploadRef { organisation: claims.organisation, site: claims.site, recording: claims.recording };
        let access = self.access.clone();
        let ended = self
            .database
            .write(Lane::Intake, move |tx| {
                Box::pin(async move {
                    let _grant = access.resume_in::<Upload>(tx, &op, on, claims.entry).await??;
                    let Some(recording) = recordings::find_locked(tx, on.recording, Lock::Exclusive).await?
                    else {
                        return Err(IntakeError::Closed);
                    };
                    let at_us = now.micros().saturating_sub(recording.started_at.micros());
                    let gap = Gap { from_us: at_us, to_us: at_us, reason: GapReason::Stopped };
                    tracks::note_gap(tx, claims.track, gap).await?;
                    Ok(recordings::close(tx, on.recording).await?)
                })
            })
            .await;
        self.told(ended).await
    }

    /// Closes every recording that has been silent for as long as its source may be; says which. One entry per organisation
    /// and source that had any.
    ///
    /// # Errors
    /// [`IntakeError::Sql`], [`IntakeError::Access`].
    pub async fn close_silent(&self) -> Result<Vec<(OrganisationId, RecordingId)>, IntakeError> {
        let mut closed = Vec::new();
        for (source, silence) in [(Source::Web, SILENCE), (Source::Screen, SCREEN_SILENCE)] {
            closed.extend(self.close_silent_of(source, silence).await?);
        }
        Ok(closed)
    }

    async fn close_silent_of(
        &self,
        source: Source,
        silence: Duration,
    ) -> Result<Vec<(OrganisationId, RecordingId)>, IntakeError> {
        let now = self.clock.now();
        let since = now.minus(silence);
        let silent: Result<Vec<OrganisationId>, SqlError> = self
            .database
            .read(move |tx| {
                Box::pin(async move { recordings::silent_organisations(tx, source, since).await })
            })
            .await;
        let mut closed = Vec::new();
        for organisation in silent? {
            let access = self.access.clone();
            let ids = self.database.write(Lane::Maintenance, move |tx| {
                Box::pin(async move {
                    // Another node may have closed them since this one looked; then there is nothing to decide.
                    access.audit().take_turn(tx, organisation).await.map_err(AccessError::from)?;
                    let silent = recordings::silent_organisations(tx, source, since).await?;
                    if !silent.contains(&organisation) {
                        return Ok(Vec::new());
                    }
                    let actor = Actor::System { organisation };
                    let op = OpContext { actor, request_id: String::new(), at: now };
                    let _grant =
                        access.decide::<CloseSilent>(tx, &op, OrganisationRef(organisation), None).await??;
                    let ids = recordings::close_silent(tx, organisation, source, since).await?;
                    Ok::<_, IntakeError>(ids)
                })
            });
            closed.extend(ids.await?.into_iter().map(|id| (organisation, id)));
        }
        Ok(closed)
    }
}
