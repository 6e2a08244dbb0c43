//! Keeping a segment that came: whether it may come, then its bytes durable, its rows committed, and only then yes.

use clerestory_access::{Action, Grant, Object, OpContext};
use clerestory_model::{RecordingState, Timestamp, TrackId, TrackKind, WriterId};
use clerestory_sql::{Lane, SqlError, Tx};
use clerestory_store::recordings::{self, Growth, Recording, Summary, summary_place};
use clerestory_store::segments::{self, Segment};
use clerestory_store::tracks::{self, Gap, Takes, Track};
use clerestory_store::{retention, sites};
use clerestory_vault::{Provenance, SealedSegment};

use crate::receive::Acknowledged;
use crate::refine::Refined;
use crate::{Intake, IntakeError, LATE};

/// What is known when a segment may be taken.
pub(crate) struct Admitted<A: Action> {
    pub(crate) grant: Grant<A>,
    pub(crate) recording: Recording,
    pub(crate) track: Track,
    pub(crate) existing: Option<Segment>,
}

/// The track that somebody sends to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Onto {
    /// This one.
    Track(TrackId),
    /// That of a kind, of whoever numbers its segments.
    Of(TrackKind, WriterId),
}

/// A segment that was read, refined and sealed.
pub(crate) struct Ready {
    pub(crate) sequence: u64,
    pub(crate) policy_version: u64,
    /// Bytes of what came, unpacked.
    pub(crate) sent: usize,
    pub(crate) refined: Refined,
    pub(crate) sealed: SealedSegment,
}

impl Intake {
    /// Whether somebody may send a segment of this number now, going on from the entry that let them begin.
    pub(crate) async fn admit<A: Action>(
        &self,
        op: OpContext,
        (on, entry): (A::On, u64),
        (onto, sequence): (Onto, u64),
    ) -> Result<Admitted<A>, IntakeError> {
        self.vault.hold_lease().await?;
        let (access, now) = (self.access.clone(), op.at);
        let admitted = self
            .database
            .read(move |tx| {
                Box::pin(async move {
                    let grant = access.resume_in::<A>(tx, &op, on, entry).await??;
                    let recording = on.recording().ok_or(IntakeError::Closed)?;
                    let recording = recordings::find(tx, recording).await?.ok_or(IntakeError::Closed)?;
                    let track = match onto {
                        Onto::Track(id) => tracks::find(tx, id).await?,
                        Onto::Of(kind, writer) => {
                            tracks::find_by_writer(tx, recording.id, kind, writer).await?
                        }
                    };
                    let track = track.ok_or(IntakeError::Closed)?;
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

    /// Makes a segment durable and writes its rows.
    pub(crate) async fn keep<A: Action>(
        &self,
        grant: Grant<A>,
        recording: Recording,
        track: Track,
        ready: Ready,
        live: u64,
    ) -> Result<Acknowledged, IntakeError> {
        let Ready { sequence, policy_version, sent, mut refined, sealed } = ready;
        let (header, sha256, content_mac, bytes_stored) =
            (sealed.header, sealed.sha256, sealed.content_mac, sealed.len());
        let now = self.clock.now();
        // What a client says happened later than now happened now: nothing lengthens a recording into the future.
        let latest_us = now.micros().saturating_sub(recording.started_at.micros()).max(0);
        let latest_ms = now.micros().saturating_sub(track.clock_offset_us) / 1000;
        for gap in &mut refined.gaps {
            (gap.from_ms, gap.to_ms) = (gap.from_ms.min(latest_ms), gap.to_ms.min(latest_ms));
        }
        let start_us = offset_us(&recording, &track, refined.first_us).min(latest_us);
        let span_us = refined.last_us.saturating_sub(refined.first_us).max(0);
        let mut segment = Segment {
            track: track.id,
            sequence,
            start_us,
            duration_us: span_us.min(latest_us - start_us),
            keyframe: refined.keyframe,
            content_type: refined.content_type,
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
        let key = self.vault.summary_key(tx, &recording).await?;
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
        from_us: offset_us(recording, track, gap.from_ms.saturating_mul(1000)),
        to_us: offset_us(recording, track, gap.to_ms.saturating_mul(1000)),
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

/// A client's time as an offset in the recording, in microseconds; never before its beginning.
pub(crate) fn offset_us(recording: &Recording, track: &Track, client_us: i64) -> i64 {
    let server = client_us.saturating_add(track.clock_offset_us);
    server.saturating_sub(recording.started_at.micros()).max(0)
}

pub(crate) fn repeated(existing: &Segment, mac: &[u8; 32], live: u64) -> Result<Acknowledged, IntakeError> {
    if existing.content_mac == *mac {
        return Ok(Acknowledged {
            sequence: existing.sequence,
            policy_version: live,
            bytes_stored: existing.extent.length,
            repeated: true,
        });
    }
    Err(IntakeError::SequenceTaken { sequence: existing.sequence, stored: hex(&existing.sha256) })
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
