//! Receiving what was recorded of a screen: pictures, sound and actions, each read strictly and kept as every segment is.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use clerestory_access::{OpContext, ScreenRef, SendScreen};
use clerestory_media::{GapReason as Why, Kind, Media};
use clerestory_model::{
    GapReason, OrganisationId, RecorderId, RecordingState, Timestamp, TrackId, TrackKind,
};
use clerestory_seal::sha256;
use clerestory_sql::{Lane, Lock, SqlError, Tx};
use clerestory_store::recordings::{self, Recording};
use clerestory_store::segments::ContentType;
use clerestory_store::tracks::{self, Gap, Track};
use clerestory_vault::SegmentPlace;

use super::actions::Actions;
use super::policy::{OLDEST, ScreenPolicyVersion};
use super::tabs::{Pages, RememberedTabs};
use crate::keep::{Onto, Ready, hex, offset_us, repeated};
use crate::packing::Encoding;
use crate::receive::{LAST_SEQUENCE, off_thread};
use crate::refine::{Refined, ToldGap};
use crate::rrweb::{self, Malformed};
use crate::tokens::{ScreenToken, TokenProblem};
use crate::{Acknowledged, BodyRoom, Intake, IntakeError, LATE};

/// Of a recording this much is taken back at once, and until this long after it happened. More is an erasure like any other.
const TAKEN_BACK: Duration = Duration::from_secs(3600);
const TAKEN_BACK_UNTIL: Duration = Duration::from_secs(24 * 3600);

/// Who sends, by a token that was checked. Whether the browser still may is `identity`'s to say.
#[derive(Clone, Copy, Debug)]
pub struct ScreenSender(ScreenToken);

impl ScreenSender {
    /// The browser that the token was made for.
    #[must_use]
    pub const fn recorder(&self) -> RecorderId {
        self.0.recorder
    }

    /// For which organisation it sends.
    #[must_use]
    pub const fn organisation(&self) -> OrganisationId {
        self.0.organisation
    }

    /// What it sends.
    #[must_use]
    pub const fn recording(&self) -> ScreenRef {
        let ScreenToken { organisation, person, recording, .. } = self.0;
        ScreenRef { organisation, person, recording }
    }

    /// The entry that let it.
    #[must_use]
    pub const fn entry(&self) -> u64 {
        self.0.entry
    }

    /// Whether the token lets this be sent: one that has run out lets what was captured while it was good, or by a browser
    /// that nobody could reach since and that followed a policy as long as it may. What is captured later begins with a
    /// start, which asks what holds by then.
    fn may_still_send(
        &self,
        recording: &Recording,
        track: &Track,
        refined: &Refined,
        now: Timestamp,
    ) -> bool {
        let last_us = offset_us(recording, track, refined.last_us);
        let captured = Timestamp::from_micros(recording.started_at.micros().saturating_add(last_us));
        now < self.0.expires_at || captured < self.0.expires_at.plus(OLDEST)
    }
}

/// A segment on its way in.
#[derive(Debug)]
pub struct ScreenUpload {
    /// Pictures, sound or actions.
    pub kind: TrackKind,
    /// Its number in its track.
    pub sequence: u64,
    /// How its bytes are packed.
    pub encoding: Encoding,
    /// The policy version it was captured under.
    pub policy_version: u64,
    /// What its bytes hash to, as their sender says.
    pub digest: [u8; 32],
    /// Its bytes.
    pub body: Bytes,
    /// The room they take until they are sealed.
    pub room: BodyRoom,
}

/// A segment is durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScreenReceipt {
    /// What was done.
    pub done: Acknowledged,
    /// SHA-256 of the body as it came, hex: whoever has bytes that hash to it may let them go.
    pub sha256: String,
    /// The policy that its sender is to follow now.
    pub policy: ScreenPolicyVersion,
}

impl Intake {
    /// Whether a token may send now, counted before anything of theirs is read. What was spooled may be late.
    ///
    /// # Errors
    /// [`IntakeError::Token`], [`IntakeError::TooMany`].
    pub async fn check_screen_sender(&self, token: &str, late: bool) -> Result<ScreenSender, IntakeError> {
        let claims = self.screen_token(token, late).await?;
        let run = (claims.recorder, claims.writer);
        self.shared.screen_segments.check_key(&run).map_err(|_| IntakeError::TooMany)?;
        Ok(ScreenSender(claims))
    }

    /// Takes a segment in.
    ///
    /// # Errors
    /// [`IntakeError`]: unless this returns `Ok`, the sender keeps the segment or sets it aside as the kind says.
    pub async fn receive_screen(
        &self,
        op: &OpContext,
        sender: ScreenSender,
        upload: ScreenUpload,
    ) -> Result<ScreenReceipt, IntakeError> {
        let kind = upload.kind;
        match self.receive_once(op, sender, upload).await {
            // The recording goes on: it is this segment alone that nobody takes any more.
            Err(IntakeError::Closed) if self.still_takes(sender, kind).await? => Err(IntakeError::TakenBack),
            other => other,
        }
    }

    async fn receive_once(
        &self,
        op: &OpContext,
        sender: ScreenSender,
        upload: ScreenUpload,
    ) -> Result<ScreenReceipt, IntakeError> {
        self.check_room_on_disk()?;
        let ScreenUpload { kind, sequence, encoding, policy_version, digest, body, room } = upload;
        if sequence > LAST_SEQUENCE {
            let path = "sequence".to_owned();
            return Err(Malformed { path, reason: "a track has at most ten million segments" }.into());
        }
        let policy = self.screen_policy_now(op).await?;
        let (pages, live) = (Arc::clone(&policy.pages), policy.version);
        if policy_version == 0 || policy_version > live {
            return Err(IntakeError::PolicyOutdated { version: policy_version });
        }
        let onto = (Onto::Of(kind, sender.0.writer), sequence);
        let admitted =
            self.admit::<SendScreen>(op.clone(), (sender.recording(), sender.entry()), onto).await?;
        let packing = self.packing(encoding, (&admitted.track, sequence), false).await?;
        let sealer = self.vault.segment_sealer(SegmentPlace::of(&admitted.track, sequence)).await?;
        let refining = Arc::clone(&self.shared.refining).acquire_owned().await;
        let refining = refining.map_err(|_| IntakeError::Inner("refining"))?;
        let receipt = |done| ScreenReceipt { done, sha256: hex(&digest), policy: policy.told() };
        if let Some(existing) = admitted.existing {
            let mac = off_thread(move || {
                let _until_done = (refining, room);
                check_digest(&body, &digest)?;
                Ok(sealer.content_mac(&packing.unpack(&body)?))
            });
            return repeated(&existing, &mac.await?, live).map(receipt);
        }
        let (shared, track) = (Arc::clone(&self.shared), admitted.track.id);
        let ready = off_thread(move || {
            // Whoever sent it may be gone, and this goes on: so long it counts.
            let _until_done = (refining, room);
            check_digest(&body, &digest)?;
            let sent = packing.unpack(&body)?;
            let refined = match kind {
                TrackKind::Video => media(&sent, Kind::Picture)?,
                TrackKind::Audio => media(&sent, Kind::Sound)?,
                _ => actions(&sent, (&shared.tabs, track, sequence), &pages)?,
            };
            let sealed = sealer.seal(&sent, &refined.packed);
            Ok(Ready { sequence, policy_version, sent: sent.len(), refined, sealed })
        })
        .await?;
        if !sender.may_still_send(&admitted.recording, &admitted.track, &ready.refined, op.at) {
            return Err(TokenProblem::Expired.into());
        }
        let kept = self.keep(admitted.grant, admitted.recording, admitted.track, ready, live);
        Ok(receipt(kept.await?))
    }

    /// Whether a track of this run takes segments, if not every one.
    async fn still_takes(&self, sender: ScreenSender, kind: TrackKind) -> Result<bool, IntakeError> {
        let now = self.clock.now();
        let takes =
            |state: RecordingState| matches!(state, RecordingState::Capturing | RecordingState::Active);
        self.database
            .read(move |tx| {
                Box::pin(async move {
                    let ScreenToken { recording, writer, .. } = sender.0;
                    let Some(found) = recordings::find(tx, recording).await? else { return Ok(false) };
                    let track = tracks::find_by_writer(tx, recording, kind, writer).await?;
                    let is_open = takes(found.state) && now.since(found.last_segment_at) < LATE;
                    Ok(is_open && track.is_some_and(|track| takes(track.state)))
                })
            })
            .await
    }

    /// Ends the sending of one run of a browser. A recording that was stopped on purpose is closed and says so; one whose
    /// browser was shut down stays open for a day.
    ///
    /// # Errors
    /// [`IntakeError::Refused`], [`IntakeError::Closed`].
    pub async fn end_screen(
        &self,
        op: &OpContext,
        sender: ScreenSender,
        stopped: bool,
    ) -> Result<(), IntakeError> {
        if !stopped {
            return Ok(());
        }
        self.vault.hold_lease().await?;
        let (access, op, on) = (self.access.clone(), op.clone(), sender.recording());
        let ended = self
            .database
            .write(Lane::Intake, move |tx| {
                Box::pin(async move {
                    let _grant = access.resume_in::<SendScreen>(tx, &op, on, sender.entry()).await??;
                    let found = recordings::find_locked(tx, on.recording, Lock::Exclusive).await?;
                    let recording = found.ok_or(IntakeError::Closed)?;
                    let at_us = op.at.micros().saturating_sub(recording.started_at.micros());
                    for track in tracks_of(tx, sender).await? {
                        let gap = Gap { from_us: at_us, to_us: at_us, reason: GapReason::Stopped };
                        tracks::note_gap(tx, track.id, gap).await?;
                    }
                    Ok(recordings::close(tx, on.recording).await?)
                })
            })
            .await;
        self.told(ended).await
    }

    /// A time of a recording that its person takes back, in milliseconds of their browser's clock, as microseconds since the
    /// recording began; nothing where that lies before it, or after now.
    ///
    /// # Errors
    /// [`IntakeError::Closed`]; [`IntakeError::Malformed`], also for a time that is too long or too long ago: that is
    /// erased like any other, by whoever may.
    pub async fn discarded_time(
        &self,
        sender: ScreenSender,
        (from_ms, to_ms): (i64, i64),
    ) -> Result<Option<(i64, i64)>, IntakeError> {
        let wrong = |path: &str, reason| Malformed { path: path.to_owned(), reason };
        if from_ms < 0 || to_ms <= from_ms {
            return Err(wrong("to_ms", "a time ends after it begins").into());
        }
        if to_ms.saturating_sub(from_ms) > millis(TAKEN_BACK) {
            return Err(wrong("from_ms", "an hour at most is taken back at once").into());
        }
        // Each seals anew what stays of every track.
        self.shared.screen_discards.check_key(&sender.recorder()).map_err(|_| IntakeError::TooMany)?;
        let now = self.clock.now();
        self.database
            .read(move |tx| {
                Box::pin(async move {
                    let found = recordings::find(tx, sender.0.recording).await?;
                    let recording = found.ok_or(IntakeError::Closed)?;
                    let tracks = tracks_of(tx, sender).await?;
                    let track = tracks.first().ok_or(IntakeError::Closed)?;
                    let at = |ms: i64| offset_us(&recording, track, ms.saturating_mul(1000));
                    let now_us = now.micros().saturating_sub(recording.started_at.micros());
                    let (from_us, to_us) = (at(from_ms), at(to_ms).min(now_us));
                    let long_ago =
                        now_us.saturating_sub(to_us) > millis(TAKEN_BACK_UNTIL).saturating_mul(1000);
                    if long_ago {
                        return Err(wrong("to_ms", "what is older than a day is not taken back").into());
                    }
                    Ok((from_us < to_us).then_some((from_us, to_us)))
                })
            })
            .await
    }
}

/// The tracks of the run of a browser.
async fn tracks_of(tx: &mut Tx, sender: ScreenSender) -> Result<Vec<Track>, SqlError> {
    let mut found = Vec::new();
    for kind in [TrackKind::Video, TrackKind::Audio, TrackKind::Actions] {
        found.extend(tracks::find_by_writer(tx, sender.0.recording, kind, sender.0.writer).await?);
    }
    Ok(found)
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

fn check_digest(body: &[u8], digest: &[u8; 32]) -> Result<(), IntakeError> {
    if sha256(body) == *digest { Ok(()) } else { Err(IntakeError::Digest) }
}

/// What is stored of pictures or sound: the bytes as they came, which were read to the last one.
fn media(sent: &[u8], kind: Kind) -> Result<Refined, IntakeError> {
    let media =
        Media::parse(sent, kind).map_err(|fault| Malformed { path: fault.path, reason: fault.reason })?;
    let gaps = media.gaps().iter().map(|gap| ToldGap {
        from_ms: gap.from_ms,
        to_ms: gap.to_ms,
        reason: match gap.reason {
            Why::Blocked => GapReason::UrlDenied,
            Why::Paused => GapReason::Paused,
            Why::Policy => GapReason::PolicyStale,
            Why::Lost => GapReason::Missing,
            Why::Discarded => GapReason::Discarded,
        },
    });
    let (first_us, last_us) = match media.chunks() {
        // One that only tells of a gap takes no time of its own.
        [] => (media.span_us().0, media.span_us().0),
        _ => media.span_us(),
    };
    Ok(Refined {
        packed: sent.to_vec(),
        content_type: ContentType::Media,
        first_us,
        last_us,
        // Sound can be begun with anywhere; what holds nothing cannot.
        keyframe: media.begins_with_key() || kind == Kind::Sound && !media.chunks().is_empty(),
        gaps: gaps.collect(),
        told: rrweb::Summary::default(),
    })
}

fn actions(
    sent: &[u8],
    (remembered, track, sequence): (&RememberedTabs, TrackId, u64),
    pages: &Arc<Pages>,
) -> Result<Refined, IntakeError> {
    let before = remembered.before(track, sequence, pages);
    let mut after = before.clone();
    let actions = Actions::parse(sent, pages, &mut after)?;
    remembered.read(track, sequence, pages, (before, after));
    let (first_ms, last_ms) = actions.span_ms();
    Ok(Refined {
        packed: actions.pack()?,
        content_type: ContentType::Actions,
        first_us: first_ms.saturating_mul(1000),
        last_us: last_ms.saturating_mul(1000),
        keyframe: true,
        gaps: actions.gaps(),
        told: actions.told(),
    })
}
