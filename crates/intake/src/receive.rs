//! Receiving a segment: check, unpack, refine, seal, store, commit, acknowledge; in that order.

use std::io::Read;
use std::sync::Arc;

use bytes::Bytes;
use clerestory_access::{Action, Actor, Grant, OpContext, Upload as UploadAction, UploadRef};
use clerestory_keys::{NewKey, Purpose};
use clerestory_model::{KeyId, OrganisationId, RecordingState, RetentionClass, Timestamp, TrackId};
use clerestory_seal::SpoolKey;
use clerestory_sql::{Lane, SqlError, Tx};
use clerestory_store::recordings::{self, Growth, Recording, Summary, summary_place};
use clerestory_store::segments::{self, ContentType, Segment};
use clerestory_store::tracks::{self, Gap, Takes, Track};
use clerestory_store::{organisations, retention, sites};
use clerestory_vault::{Provenance, SealedSegment, SegmentPlace};

use crate::origin::Origin;
use crate::refine::{Refined, refine};
use crate::rrweb::Malformed;
use crate::tokens::IngestToken;
use crate::{BodyRoom, Intake, IntakeError, LATE, SEGMENT_BYTES};

/// Unpacked bytes may be this many times the packed ones.
const RATIO: usize = 100;

/// The largest number a segment may have.
const LAST_SEQUENCE: u64 = 10_000_000;

/// How a segment's bytes are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// As they are.
    Plain,
    /// gzip (RFC 1952).
    Gzip,
    /// Sealed by the client's spool to this key; gzip inside.
    Spool(KeyId),
}

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

/// What is known when a segment may be taken.
struct Admitted {
    grant: Grant<UploadAction>,
    recording: Recording,
    track: Track,
    existing: Option<Segment>,
}

/// How a segment's bytes are packed, with what it takes to unpack them.
enum Packing {
    Plain,
    Gzip,
    Spool { key: SpoolKey, info: Vec<u8> },
}

impl Packing {
    /// The events as the recorder wrote them.
    fn unpack(&self, body: &[u8]) -> Result<Vec<u8>, IntakeError> {
        match self {
            Self::Plain if body.len() > SEGMENT_BYTES => Err(IntakeError::TooLarge { limit: SEGMENT_BYTES }),
            Self::Plain => Ok(body.to_vec()),
            Self::Gzip => gunzip(body),
            Self::Spool { key, info } => gunzip(&key.open(info, body).map_err(|_| IntakeError::Spool)?),
        }
    }
}

/// A segment that was read, refined and sealed.
struct Ready {
    sequence: u64,
    policy_version: u64,
    /// Bytes of the events as they came, unpacked.
    sent: usize,
    refined: Refined,
    sealed: SealedSegment,
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
        let admitted = self.admit(&claims, &upload).await?;
        let packing = self.packing(&upload, &admitted.track).await?;
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

    async fn admit(&self, claims: &IngestToken, upload: &Upload) -> Result<Admitted, IntakeError> {
        self.vault.hold_lease().await?;
        let now = self.clock.now();
        let op = OpContext {
            actor: Actor::Site { id: claims.site, organisation: claims.organisation },
            request_id: upload.request_id.clone(),
            at: now,
        };
        let on =
            UploadRef { organisation: claims.organisation, site: claims.site, recording: claims.recording };
        let (access, entry, track, sequence) =
            (self.access.clone(), claims.entry, claims.track, upload.sequence);
        let admitted = self
            .database
            .read(move |tx| {
                Box::pin(async move {
                    let grant = access.resume_in::<UploadAction>(tx, &op, on, entry).await??;
                    let recording = recordings::find(tx, on.recording).await?.ok_or(IntakeError::Closed)?;
                    let track = tracks::find(tx, track).await?.ok_or(IntakeError::Closed)?;
                    if tracks::is_erased(tx, track.id, sequence).await? {
                        return Err(IntakeError::Closed);
                    }
                    let existing = segments::find(tx, track.id, sequence).await?;
                    Ok::<_, IntakeError>(Admitted { grant, recording, track, existing })
                })
            })
            .await;
        let admitted = self.told(admitted).await?;
        let open = match admitted.recording.state {
            RecordingState::Capturing | RecordingState::Active => {
                now.since(admitted.recording.last_segment_at) < LATE
            }
            _ => false,
        };
        let sends = matches!(admitted.track.state, RecordingState::Capturing | RecordingState::Active);
        if !open || !sends || admitted.track.recording != admitted.recording.id {
            return Err(IntakeError::Closed);
        }
        Ok(admitted)
    }

    /// How the segment's bytes become the events the recorder wrote.
    async fn packing(&self, upload: &Upload, track: &Track) -> Result<Packing, IntakeError> {
        match upload.encoding {
            Encoding::Plain => Ok(Packing::Plain),
            Encoding::Gzip => Ok(Packing::Gzip),
            Encoding::Spool(key) => {
                // Only a key that is gone, or is no spool key, makes the segment worthless; anything else passes.
                let key = self.vault.spool_key(key).await.map_err(|error| match error {
                    clerestory_vault::OpenError::Erased => IntakeError::Spool,
                    other => other.into(),
                })?;
                Ok(Packing::Spool { key, info: spool_info(track, upload.sequence) })
            }
        }
    }

    async fn keep(
        &self,
        grant: Grant<UploadAction>,
        recording: Recording,
        track: Track,
        ready: Ready,
        live: u64,
    ) -> Result<Acknowledged, IntakeError> {
        let Ready { sequence, policy_version, sent, refined, sealed } = ready;
        let (header, sha256, content_mac, bytes_stored) =
            (sealed.header, sealed.sha256, sealed.content_mac, sealed.len());
        let now = self.clock.now();
        // What a client says happened later than now happened now: nothing lengthens a recording into the future.
        let latest_us = now.micros().saturating_sub(recording.started_at.micros()).max(0);
        let start_us = offset_us(&recording, &track, refined.first_ms).min(latest_us);
        let span_us = refined.last_ms.saturating_sub(refined.first_ms).max(0).saturating_mul(1000);
        let mut segment = Segment {
            track: track.id,
            sequence,
            start_us,
            duration_us: span_us.min(latest_us - start_us),
            keyframe: refined.keyframe,
            content_type: ContentType::Rrweb,
            policy_version,
            extent: sealed.unplaced(),
            header,
            sha256,
            content_mac,
            sent_bytes: sent as u64,
            received_at: now,
        };
        let provenance = provenance(&recording, &track, &segment, &refined);
        // It comes out of the transaction: held until that is committed, or is known not to be, also when nobody waits for
        // this any more. So long nothing takes the bytes for an orphan.
        let stored = self.vault.store_segment(sealed, &provenance, &segment).await?;
        segment.extent = stored.extent().clone();
        // Storing takes a while on a bucket, and whoever waits for news asks for what came since.
        segment.received_at = self.clock.now();
        let (intake, track_id) = (self.clone(), track.id);
        let written = self
            .database
            .write(Lane::Intake, move |tx| {
                Box::pin(async move {
                    stored.confirm(tx).await?;
                    intake.commit_segment(tx, &grant, &recording, &track, segment, &refined).await?;
                    // Last, because everybody who sends for this site may want its row.
                    if let Some(site) = recording.site {
                        sites::heard(tx, site, now).await?;
                    }
                    Ok(stored)
                })
            })
            .await;
        match written {
            Ok(stored) => {
                stored.committed();
                Ok(Acknowledged { sequence, policy_version: live, bytes_stored, repeated: false })
            }
            // The same number came twice at once; the other one won, and what is here lies in the log unnamed.
            Err(IntakeError::Sql(SqlError::Exists(_))) => {
                let existing = self.find_segment(track_id, sequence).await?;
                let existing = existing.ok_or(IntakeError::Inner("finding the segment that won"))?;
                repeated(&existing, &content_mac, live)
            }
            // Whether it was committed is in the database; where nobody can look, the sender sends it again.
            Err(IntakeError::Sql(error @ SqlError::Unknown(_))) => {
                match self.find_segment(track_id, sequence).await {
                    Ok(Some(existing)) => repeated(&existing, &content_mac, live),
                    Ok(None) | Err(_) => Err(error.into()),
                }
            }
            Err(error) => Err(error),
        }
    }

    async fn find_segment(&self, track: TrackId, sequence: u64) -> Result<Option<Segment>, IntakeError> {
        self.database
            .read(move |tx| {
                Box::pin(async move { segments::find(tx, track, sequence).await.map_err(IntakeError::from) })
            })
            .await
    }

    /// Writes the rows of one segment whose bytes are durable: the segment, what it adds to its recording, its gaps, and
    /// the summary.
    pub(crate) async fn commit_segment<A: Action>(
        &self,
        tx: &mut Tx,
        grant: &Grant<A>,
        recording: &Recording,
        track: &Track,
        segment: Segment,
        refined: &Refined,
    ) -> Result<(), IntakeError> {
        let ended_at = end_of(recording, &segment);
        let kept_from = ended_at.min(segment.received_at);
        let growth = Growth {
            id: recording.id,
            ended_at,
            received_at: segment.received_at,
            kept_from,
            class: track.class,
            size_bytes: segment.extent.length,
            policy_version: segment.policy_version,
        };
        // Recording, then track: whoever erases locks them in this order.
        if !recordings::grow(tx, &growth).await? {
            return Err(IntakeError::Closed);
        }
        match tracks::takes(tx, track.key, &segment).await? {
            Takes::Yes => {}
            Takes::Again => return Err(clerestory_vault::StoreError::GivenUp.into()),
            Takes::No => return Err(IntakeError::Closed),
        }
        segments::insert(tx, &segment).await?;
        tracks::keep_from(tx, track.id, track.class, kept_from).await?;
        for gap in gaps(recording, track, refined) {
            tracks::note_gap(tx, track.id, gap).await?;
        }
        if refined.adds_to_summary() {
            self.summarise(tx, grant, recording, refined).await?;
        }
        Ok(())
    }

    async fn summarise<A: Action>(
        &self,
        tx: &mut Tx,
        grant: &Grant<A>,
        recording: &Recording,
        refined: &Refined,
    ) -> Result<(), IntakeError> {
        // Read again: other segments of the recording may have been committed since it was admitted.
        let recording = recordings::find(tx, recording.id).await?.ok_or(IntakeError::Closed)?;
        let mut summary = match &recording.summary {
            Some(sealed) => self.vault.open(tx, grant, sealed).await?,
            None => Summary::default(),
        };
        refined.add_to(&mut summary);
        let key = self.summary_key(tx, &recording).await?;
        let version = recording.summary_version + 1;
        let place = summary_place(recording.organisation, recording.id, version);
        let sealed = self.vault.seal(tx, key, place, &summary).await?;
        Ok(recordings::summarise(tx, recording.id, &sealed, version).await?)
    }
}

fn end_of(recording: &Recording, segment: &Segment) -> Timestamp {
    let end_us = segment.start_us.saturating_add(segment.duration_us);
    Timestamp::from_micros(recording.started_at.micros().saturating_add(end_us))
}

/// The gaps that a segment tells of.
fn gaps(recording: &Recording, track: &Track, refined: &Refined) -> Vec<Gap> {
    let gap = |gap: &crate::refine::ToldGap| Gap {
        from_us: offset_us(recording, track, gap.from_ms),
        to_us: offset_us(recording, track, gap.to_ms),
        reason: gap.reason,
    };
    refined.gaps.iter().map(gap).collect()
}

/// What is stored with a segment, so that the rows of its recording and track can be made again from it.
pub(crate) fn provenance(
    recording: &Recording,
    track: &Track,
    segment: &Segment,
    refined: &Refined,
) -> Provenance {
    let mut told = Provenance::of(recording, track, gaps(recording, track, refined));
    told.policy_version = segment.policy_version;
    let from = end_of(recording, segment).min(segment.received_at);
    told.kept_until = told.kept_until.max(from.plus(retention::STORED));
    told
}

impl Intake {
    /// The key of what derives from this recording alone: made with the first summary, under the subject's.
    pub(crate) async fn summary_key(&self, tx: &mut Tx, recording: &Recording) -> Result<KeyId, IntakeError> {
        if let Some(key) = recording.summary_key {
            return Ok(key);
        }
        let new = NewKey {
            organisation: recording.organisation,
            class: RetentionClass::Replay,
            purpose: Purpose::Summary,
            parent: organisations::subject_key(tx, recording.subject).await?,
            at: recording.last_segment_at,
        };
        Ok(self.vault.keys().make(tx, new).await?)
    }
}

/// A client's time as an offset in the recording, in microseconds; never before its beginning.
fn offset_us(recording: &Recording, track: &Track, client_ms: i64) -> i64 {
    let server = Timestamp::from_millis(client_ms).micros().saturating_add(track.clock_offset_us);
    server.saturating_sub(recording.started_at.micros()).max(0)
}

fn repeated(existing: &Segment, mac: &[u8; 32], live: u64) -> Result<Acknowledged, IntakeError> {
    if existing.content_mac == *mac {
        return Ok(Acknowledged {
            sequence: existing.sequence,
            policy_version: live,
            bytes_stored: existing.extent.length,
            repeated: true,
        });
    }
    let stored = existing.sha256.iter().map(|byte| format!("{byte:02x}")).collect();
    Err(IntakeError::SequenceTaken { sequence: existing.sequence, stored })
}

/// What a spooled segment is bound to: it opens in its own place only.
fn spool_info(track: &Track, sequence: u64) -> Vec<u8> {
    format!("clerestory spool 1\0{}\0{}\0{sequence}", track.recording, track.id).into_bytes()
}

fn gunzip(packed: &[u8]) -> Result<Vec<u8>, IntakeError> {
    let limit = SEGMENT_BYTES.min(packed.len().saturating_mul(RATIO));
    let mut out = Vec::with_capacity(limit.min(packed.len().saturating_mul(8)));
    let mut reader = flate2::bufread::GzDecoder::new(packed).take(limit as u64 + 1);
    reader.read_to_end(&mut out).map_err(|_| IntakeError::Packing)?;
    if out.len() > limit {
        return Err(IntakeError::TooLarge { limit });
    }
    // Bytes after the one gzip member would be stored nowhere and acknowledged all the same.
    let trailing = reader.into_inner().into_inner();
    if trailing.is_empty() { Ok(out) } else { Err(IntakeError::Packing) }
}

/// Runs work that takes milliseconds off the runtime's threads.
pub(crate) async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, IntakeError> + Send + 'static,
) -> Result<T, IntakeError> {
    tokio::task::spawn_blocking(work).await.map_err(|_| IntakeError::Inner("refining a segment"))?
}
