//! Importing a plain rrweb recording: cleaned like any other, stored as a recording of the site that is complete.

use std::collections::BTreeMap;

use bytes::Bytes;
use clerestory_access::{ImportRecording, OpContext, SiteRef, UploadRef, WriteImport};
use clerestory_audit::Personal;
use clerestory_model::{
    OrganisationId, PersonId, RecordingId, RecordingState, RetentionClass, Source, SubjectId, Timestamp,
    TrackKind, WriterId,
};
use clerestory_seal::random;
use clerestory_sql::{Lane, Tx};
use clerestory_store::people;
use clerestory_store::recordings::{self, Recording};
use clerestory_store::segments::Segment;
use clerestory_store::tracks::Track;
use clerestory_store::{retention, sites};
use clerestory_vault::{SegmentPlace, Stored};

use crate::keep::provenance;
use crate::receive::off_thread;
use crate::refine::{Refined, pack, too_much_to_judge};
use crate::rrweb::{self, Limits, TreeState};
use crate::{Intake, IntakeError};

/// Bytes of an imported recording at most.
pub const IMPORT_BYTES: usize = 64 * 1024 * 1024;

/// What an import brought in.
#[derive(Clone, Debug)]
pub struct Imported {
    /// The new recording.
    pub recording: RecordingId,
    /// How many events it holds.
    pub events: u64,
    /// What was left out, by reason.
    pub dropped: BTreeMap<String, u64>,
}

/// A cleaned piece of an import: what the content MAC is of, and what is stored.
struct Piece {
    sent: Vec<u8>,
    refined: Refined,
}

impl Intake {
    /// Brings in a JSON array of rrweb events, or an object with one under `events`, as a recording of a site: about a
    /// person of the organisation, or about a visitor nobody knows.
    ///
    /// # Errors
    /// [`IntakeError::Malformed`], [`IntakeError::Refused`], [`IntakeError::UnknownPerson`], [`IntakeError::Store`]; no
    /// list shows anything of it then.
    pub async fn import(
        &self,
        op: &OpContext,
        on: SiteRef,
        about: Option<PersonId>,
        bytes: Bytes,
    ) -> Result<Imported, IntakeError> {
        let personal =
            about.map(|person| Personal { detail: Some(format!("about {person}")), ..Personal::default() });
        let grant = self.access.authorize::<ImportRecording>(op, on, personal).await??;
        let issued = self.issued(on.id, &op.request_id).await?;
        let (pieces, events, dropped) = off_thread(move || clean(&bytes, &issued.rules)).await?;
        let first = pieces.iter().map(|piece| piece.refined.first_us).min().unwrap_or_default();
        let (recording, track) = self.new_import(on, about, Timestamp::from_micros(first)).await?;
        let mut stored = Vec::with_capacity(pieces.len());
        for (sequence, piece) in (0..).zip(pieces) {
            stored.push(self.store_piece(&recording, &track, sequence, piece).await?);
        }
        let id = recording.id;
        self.commit_import(op, on, grant.entry(), recording, track, stored).await?;
        Ok(Imported { recording: id, events, dropped })
    }

    /// The rows an import begins with; without segments nobody sees it.
    async fn new_import(
        &self,
        on: SiteRef,
        about: Option<PersonId>,
        started_at: Timestamp,
    ) -> Result<(Recording, Track), IntakeError> {
        self.vault.hold_lease().await?;
        let (intake, now) = (self.clone(), self.clock.now());
        self.database
            .write(Lane::Maintenance, move |tx| {
                Box::pin(async move {
                    let site = sites::find(tx, on.id).await?.ok_or(IntakeError::UnknownSite)?;
                    let subject = match about {
                        Some(person) => staff(tx, site.organisation, person).await?,
                        None => intake.new_visitor(tx, site.organisation, now).await?,
                    };
                    let kept = retention::in_force(tx, site.project, RetentionClass::Replay).await?;
                    let recording = Recording {
                        id: RecordingId::new(now, random()),
                        organisation: site.organisation,
                        project: site.project,
                        site: Some(site.id),
                        subject,
                        source: Source::Web,
                        state: RecordingState::Active,
                        policy_version: 0,
                        started_at,
                        ended_at: started_at,
                        last_segment_at: now,
                        // Retention of an import counts from the import: when it was captured is only claimed.
                        kept_until: now.plus(kept),
                        size_bytes: 0,
                        segments: 0,
                        summary: None,
                        summary_version: 0,
                        summary_key: None,
                    };
                    recordings::insert(tx, &recording).await?;
                    let writer = WriterId::new(now, random());
                    let track = intake.new_track(tx, &recording, (TrackKind::Dom, writer), 0, now).await?;
                    Ok::<_, IntakeError>((recording, track))
                })
            })
            .await
    }

    async fn store_piece(
        &self,
        recording: &Recording,
        track: &Track,
        sequence: u64,
        piece: Piece,
    ) -> Result<(Stored, Segment, Refined), IntakeError> {
        let Piece { sent, refined } = piece;
        let sealer = self.vault.segment_sealer(SegmentPlace::of(track, sequence)).await?;
        let sealed = sealer.seal(&sent, &refined.packed);
        let (header, sha256, content_mac) = (sealed.header, sealed.sha256, sealed.content_mac);
        let start_us = refined.first_us.saturating_sub(recording.started_at.micros());
        let mut segment = Segment {
            track: track.id,
            sequence,
            start_us: start_us.max(0),
            duration_us: refined.last_us.saturating_sub(refined.first_us).max(0),
            keyframe: refined.keyframe,
            content_type: refined.content_type,
            policy_version: 0,
            extent: sealed.unplaced(),
            header,
            sha256,
            content_mac,
            sent_bytes: sent.len() as u64,
            received_at: self.clock.now(),
        };
        let provenance = provenance(recording, track, &segment, &refined);
        let stored = self.vault.store_segment(sealed, &provenance, &segment).await?;
        segment.extent = stored.extent().clone();
        Ok((stored, segment, refined))
    }

    /// All segments of an import at once: a list shows it whole or not at all.
    async fn commit_import(
        &self,
        op: &OpContext,
        on: SiteRef,
        entry: u64,
        recording: Recording,
        track: Track,
        stored: Vec<(Stored, Segment, Refined)>,
    ) -> Result<(), IntakeError> {
        let into = UploadRef { organisation: on.organisation, site: on.id, recording: recording.id };
        let (intake, op) = (self.clone(), op.clone());
        self.vault.hold_lease().await?;
        let written = self
            .database
            .write(Lane::Maintenance, move |tx| {
                Box::pin(async move {
                    let grant = intake.access.resume_in::<WriteImport>(tx, &op, into, entry).await??;
                    // Until the commit nothing takes the bytes for orphans: they come out of the transaction.
                    let mut named: Vec<Stored> = Vec::with_capacity(stored.len());
                    for (bytes, segment, refined) in stored {
                        bytes.confirm(tx).await?;
                        named.push(bytes);
                        intake.commit_segment(tx, &grant, &recording, &track, segment, &refined).await?;
                    }
                    Ok::<_, IntakeError>(named)
                })
            })
            .await;
        self.told(written).await?.into_iter().for_each(Stored::committed);
        Ok(())
    }
}

/// The subject that a person of the organisation is.
async fn staff(tx: &mut Tx, organisation: OrganisationId, id: PersonId) -> Result<SubjectId, IntakeError> {
    let person = people::find(tx, id).await?;
    let person = person.filter(|person| person.organisation == organisation);
    person.map(|person| person.subject).ok_or(IntakeError::UnknownPerson)
}

type Cleaned = (Vec<Piece>, u64, BTreeMap<String, u64>);

fn clean(bytes: &[u8], rules: &clerestory_settings::capture::Compiled) -> Result<Cleaned, IntakeError> {
    let limits = Limits { bytes: IMPORT_BYTES, ..Limits::default() };
    let imported = rrweb::import(bytes, &limits)?;
    let mut dropped: BTreeMap<String, u64> =
        imported.dropped.iter().map(|(reason, count)| ((*reason).to_owned(), *count)).collect();
    let mut tree = TreeState::new();
    let mut pieces = Vec::with_capacity(imported.segments.len());
    for mut segment in imported.segments {
        let report = segment.clean(rules, &mut tree);
        if tree.is_exhausted() {
            return Err(too_much_to_judge());
        }
        for (reason, count) in report.sanitised.dropped {
            *dropped.entry(reason.to_owned()).or_default() += count;
        }
        if report.scrubbed.total() > 0 {
            *dropped.entry("policy".to_owned()).or_default() += report.scrubbed.total();
        }
        if segment.events().is_empty() {
            continue;
        }
        let mut sent = Vec::new();
        segment.to_json(&mut sent);
        pieces.push(Piece { refined: pack(&segment)?, sent });
    }
    Ok((pieces, imported.events, dropped))
}
