//! Receiving a segment: check, unpack, refine, seal, store, commit, acknowledge; in that order.

use std::sync::Arc;

use bytes::Bytes;
use clerestory_access::{Actor, OpContext, Upload as UploadAction, UploadRef};
use clerestory_model::OrganisationId;
use clerestory_vault::SegmentPlace;

use crate::keep::{Onto, Ready, repeated};
use crate::origin::Origin;
use crate::packing::Encoding;
use crate::refine::refine;
use crate::rrweb::Malformed;
use crate::tokens::IngestToken;
use crate::{BodyRoom, Intake, IntakeError};

/// The largest number a segment may have.
pub(crate) const LAST_SEQUENCE: u64 = 10_000_000;

/// A segment on its way in.
#[derive(Debug)]
pub struct Upload {
    /// The ingest token.
    pub token: String,
    /// The origin the browser says the page is of.
    pub origin: Origin,
    /// Its number in the tab's track.
    pub sequence: u64,
    /// How its bytes are packed.
    pub encoding: Encoding,
    /// The policy version it was captured under.
    pub policy_version: u64,
    /// Its bytes.
    pub body: Bytes,
    /// The room they take until they are refined, whoever stops waiting for that.
    pub room: BodyRoom,
    /// The request's id.
    pub request_id: String,
}

/// A segment is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Acknowledged {
    /// Its number.
    pub sequence: u64,
    /// The policy version that is live now.
    pub policy_version: u64,
    /// Sealed bytes on disk.
    pub bytes_stored: u64,
    /// Whether it had been stored before.
    pub repeated: bool,
}

impl Intake {
    /// Takes a segment in.
    ///
    /// # Errors
    /// [`IntakeError`]: unless this returns `Ok`, the sender keeps the segment or drops it as the kind says.
    pub async fn receive(&self, upload: Upload) -> Result<Acknowledged, IntakeError> {
        self.check_room_on_disk()?;
        if upload.sequence > LAST_SEQUENCE {
            let path = "sequence".to_owned();
            return Err(Malformed { path, reason: "a track has at most ten million segments" }.into());
        }
        let claims = self.check_bearer(&upload.token, &upload.origin, upload.encoding).await?;
        let issued = self.standing(claims.site, &upload.request_id).await?;
        if issued.organisation != claims.organisation {
            return Err(IntakeError::UnknownSite);
        }
        // A token outlives what an administrator changes meanwhile; the list of origins is today's.
        if !issued.origins.contains(&upload.origin) {
            return Err(IntakeError::OriginNotAllowed);
        }
        let live = issued.signed.version;
        if upload.policy_version == 0 || upload.policy_version > live {
            return Err(IntakeError::PolicyOutdated { version: upload.policy_version });
        }
        let op = OpContext {
            actor: Actor::Site { id: claims.site, organisation: claims.organisation },
            request_id: upload.request_id.clone(),
            at: self.clock.now(),
        };
        let on =
            UploadRef { organisation: claims.organisation, site: claims.site, recording: claims.recording };
        let what = (Onto::Track(claims.track), upload.sequence);
        let admitted = self.admit::<UploadAction>(op, (on, claims.entry), what).await?;
        let packing = self.packing(upload.encoding, (&admitted.track, upload.sequence), true).await?;
        let sealer = self.vault.segment_sealer(SegmentPlace::of(&admitted.track, upload.sequence)).await?;
        let sequence = upload.sequence;
        // Unpacked events and their trees are many times the bytes that came: few at a time.
        let refining = Arc::clone(&self.shared.refining).acquire_owned().await;
        let refining = refining.map_err(|_| IntakeError::Inner("refining"))?;
        if let Some(existing) = admitted.existing {
            let mac = off_thread(move || {
                let _until_done = (refining, upload.room);
                Ok(sealer.content_mac(&packing.unpack(&upload.body)?))
            });
            return repeated(&existing, &mac.await?, live);
        }
        let (shared, track) = (Arc::clone(&self.shared), admitted.track.id);
        // Everything that needs the processor, in one visit to a thread for it.
        let ready = off_thread(move || {
            // Whoever sent it may be gone, and this goes on: so long it counts.
            let _until_done = (refining, upload.room);
            let sent = packing.unpack(&upload.body)?;
            let rules = (&issued.rules, issued.signed.version);
            let refined = refine(&sent, sequence, rules, (&shared.trees, track))?;
            let sealed = sealer.seal(&sent, &refined.packed);
            Ok(Ready { sequence, policy_version: upload.policy_version, sent: sent.len(), refined, sealed })
        })
        .await?;
        self.keep(admitted.grant, admitted.recording, admitted.track, ready, live).await
    }

    /// Whether the token of an upload may send in this way, and now: asked, and counted, before its body is read. Says for
    /// which organisation it sends.
    ///
    /// # Errors
    /// [`IntakeError::Token`], [`IntakeError::TooMany`].
    pub async fn check_sender(
        &self,
        token: &str,
        origin: &Origin,
        encoding: Encoding,
    ) -> Result<OrganisationId, IntakeError> {
        let claims = self.check_bearer(token, origin, encoding).await?;
        self.shared.segments.check_key(&claims.track).map_err(|_| IntakeError::TooMany)?;
        Ok(claims.organisation)
    }

    async fn check_bearer(
        &self,
        token: &str,
        origin: &Origin,
        encoding: Encoding,
    ) -> Result<IngestToken, IntakeError> {
        match encoding {
            // A spooled segment may be older than its token; the recording's own limit decides how much.
            Encoding::Spool(_) => self.resumable_token(token, origin).await,
            _ => self.check_token(token, origin).await,
        }
    }
}

/// Runs work that takes milliseconds off the runtime's threads.
pub(crate) async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, IntakeError> + Send + 'static,
) -> Result<T, IntakeError> {
    tokio::task::spawn_blocking(work).await.map_err(|_| IntakeError::Inner("refining a segment"))?
}
