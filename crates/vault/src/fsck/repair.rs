//! Mending what a check found: what nobody names is removed, what is lost is recorded as lost, and what can be written
//! anew is. Nothing that a row names is removed, nothing that only the store knows, and nothing that cannot be opened.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use clerestory_access::{Access, Grant, RepairObjects};
use clerestory_model::{GapReason, OrganisationId, RecordingId, Timestamp, TrackId};
use clerestory_sql::{Lane, SqlError, Tx};
use clerestory_store::damage::{self, Damage};
use clerestory_store::parts::{self, Part, spent};
use clerestory_store::recordings;
use clerestory_store::segments::{self, ContentType, Segment};
use clerestory_store::tracks::{self, Gap};
use serde::Serialize;

use super::finding::numbers;
use super::{Fault, Finding, FsckError, Report};
use crate::{StoreError, Vault, rows};

/// More than so many percent damaged, or unnamed, is not what a repair is for.
const MOST_PERCENT: u64 = 10;
/// Unless it is no more than so many: a tenth of a small store is less than one object.
const FEW: u64 = 2;

/// One step of a repair.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "deed", rename_all = "snake_case")]
pub enum Deed {
    /// Removes an object that nobody names.
    Remove {
        /// The object.
        object: String,
        /// Why it may go.
        why: Fault,
        /// Whose it is, where that is known.
        #[serde(skip_serializing_if = "Option::is_none")]
        organisation: Option<OrganisationId>,
    },
    /// Forgets that the rows of an object were taken away: it holds what no row knows, and would be removed for it.
    Keep {
        /// The object.
        object: String,
        /// Whose it is, where that is known.
        #[serde(skip_serializing_if = "Option::is_none")]
        organisation: Option<OrganisationId>,
    },
    /// Forgets an intent whose time is over.
    ForgetIntent {
        /// The object it names.
        object: String,
    },
    /// Takes the rows of segments away whose bytes are lost, and draws a gap in their place. What is left of the object
    /// is kept.
    RecordLost {
        /// Whose they are.
        organisation: OrganisationId,
        /// Their recording.
        recording: RecordingId,
        /// Their track.
        track: TrackId,
        /// Their numbers.
        segments: Vec<u64>,
        /// The object they should lie in.
        object: String,
        /// What happened to it.
        fault: Fault,
    },
    /// Writes the parts of a track anew, because a manifest is damaged: its segments are whole.
    WriteAnew {
        /// Whose it is.
        organisation: OrganisationId,
        /// The track.
        track: TrackId,
    },
}

impl Deed {
    fn organisation(&self) -> OrganisationId {
        match self {
            Self::Remove { organisation, .. } | Self::Keep { organisation, .. } => {
                organisation.unwrap_or(OrganisationId::nil())
            }
            Self::ForgetIntent { .. } => OrganisationId::nil(),
            Self::RecordLost { organisation, .. } | Self::WriteAnew { organisation, .. } => *organisation,
        }
    }
}

impl fmt::Display for Deed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Remove { object, why, .. } => {
                write!(f, "remove {} ({})", object.escape_debug(), why.word())
            }
            Self::Keep { object, .. } => {
                write!(f, "keep {}, which holds what nothing else has", object.escape_debug())
            }
            Self::ForgetIntent { object } => write!(f, "forget the intent for {}", object.escape_debug()),
            Self::RecordLost { recording, track, segments, .. } => {
                write!(f, "record as lost: recording {recording}, track {track}, {}", numbers(segments))
            }
            Self::WriteAnew { track, .. } => write!(f, "write the parts of track {track} anew"),
        }
    }
}

/// What a repair did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Repaired {
    /// Steps that were taken.
    pub done: Vec<Deed>,
    /// Steps that were not needed any more: somebody was faster, or the object is named or whole by now.
    pub skipped: u64,
}

/// Why nothing is repaired.
#[derive(Debug, thiserror::Error)]
pub enum RepairError {
    /// Much of what rows name is missing, cut, altered or unreadable.
    #[error(
        "{damaged} of {named} objects that rows name are damaged, {missing} of them missing: is {store} the right \
         store, is its disk mounted, and is the database as new as it? Nothing was changed. What is told as unlisted \
         comes back with --rebuild. If the rest is gone for good, say --accept-loss"
    )]
    Damaged {
        /// Objects of which something is missing or wrong.
        damaged: u64,
        /// Those that are not there at all.
        missing: u64,
        /// Objects that rows name.
        named: u64,
        /// The store.
        store: String,
    },
    /// Much lies there that no row names.
    #[error(
        "{unnamed} of {objects} objects would be removed because nobody names them: is this the right database for \
         {store}? Nothing was changed. If they are to go, say --accept-loss"
    )]
    Unnamed {
        /// Objects that would be removed.
        unnamed: u64,
        /// Objects there are.
        objects: u64,
        /// The store.
        store: String,
    },
    /// A step failed. Those before it are done; the rest is done by the next repair.
    #[error("the repair stopped half way; run it again")]
    Stopped(#[from] FsckError),
}

impl Vault {
    /// What a repair after this check would do, in order. Nothing is done.
    ///
    /// # Errors
    /// [`RepairError::Damaged`] and [`RepairError::Unnamed`], unless the loss is accepted.
    pub fn plan_repair(&self, report: &Report, accept_loss: bool) -> Result<Vec<Deed>, RepairError> {
        let much = |part: u64, whole: u64| part > FEW && part * 100 > whole * MOST_PERCENT;
        let Report { missing, named, objects, .. } = *report;
        let damaged: BTreeSet<&str> = report
            .findings
            .iter()
            .filter(|finding| finding.fault.is_damage())
            .map(|finding| finding.object.as_str())
            .collect();
        let damaged = damaged.len() as u64;
        if !accept_loss && (much(damaged, named) || (missing > 0 && missing == named)) {
            let store = report.store.clone();
            return Err(RepairError::Damaged { damaged, missing, named, store });
        }
        // What another object has comes back by a rebuild: it is not lost.
        let unlisted = report.findings.iter().filter(|finding| finding.fault == Fault::Unlisted);
        let elsewhere = unlisted
            .filter_map(|finding| finding.track.map(|track| (track, &finding.segments)))
            .flat_map(|(track, numbers)| numbers.iter().map(move |number| (track, *number)))
            .collect();
        let mut anew = BTreeSet::new();
        let deeds: Vec<Deed> =
            report.findings.iter().filter_map(|finding| deed(finding, &elsewhere, &mut anew)).collect();
        let unnamed = deeds.iter().filter(|deed| matches!(deed, Deed::Remove { .. })).count() as u64;
        if !accept_loss && much(unnamed, objects) {
            return Err(RepairError::Unnamed { unnamed, objects, store: report.store.clone() });
        }
        Ok(deeds)
    }

    /// Does what was planned. Each step looks again whether it is still needed. Of each organisation one entry tells
    /// what was begun.
    ///
    /// # Errors
    /// [`RepairError::Stopped`].
    pub async fn repair(&self, access: &Access, deeds: Vec<Deed>) -> Result<Repaired, RepairError> {
        let mut by_organisation: BTreeMap<OrganisationId, Vec<Deed>> = BTreeMap::new();
        for deed in deeds {
            by_organisation.entry(deed.organisation()).or_default().push(deed);
        }
        let mut repaired = Repaired::default();
        for (organisation, deeds) in by_organisation {
            let detail = Some(in_short(&deeds));
            let grant = self.leave::<RepairObjects>(access, organisation, detail).await?;
            for deed in deeds {
                match self.carry_out(&grant, &deed).await? {
                    true => repaired.done.push(deed),
                    false => repaired.skipped += 1,
                }
            }
        }
        self.abandon_claims().await.map_err(FsckError::from)?;
        self.remove_spent().await.map_err(FsckError::from)?;
        Ok(repaired)
    }

    async fn carry_out(&self, grant: &Grant<RepairObjects>, deed: &Deed) -> Result<bool, FsckError> {
        match deed {
            Deed::Remove { object, why, .. } => self.remove_unnamed(object, *why).await,
            Deed::Keep { object, .. } => {
                let kept = vec![object.clone()];
                let forgotten = self.database.write(Lane::Maintenance, move |tx| {
                    Box::pin(async move { spent::forget(tx, &kept).await })
                });
                let forgotten: Result<(), SqlError> = forgotten.await;
                forgotten?;
                Ok(true)
            }
            Deed::ForgetIntent { object } => {
                let object = object.clone();
                let gone = self.database.write(Lane::Maintenance, move |tx| {
                    Box::pin(async move { rows::remove_intent(tx, &object).await })
                });
                let gone: Result<(), SqlError> = gone.await;
                gone?;
                Ok(true)
            }
            Deed::RecordLost { track, segments, object, fault, .. } => {
                self.record_lost(*track, segments, object, *fault).await
            }
            Deed::WriteAnew { track, .. } => self.write_anew(grant, *track).await,
        }
    }

    async fn remove_unnamed(&self, object: &str, why: Fault) -> Result<bool, FsckError> {
        let name = object.to_owned();
        // The look at the intent locks it: whoever commits rows that name the object was first, or fails.
        let named = self.database.write(Lane::Maintenance, move |tx| {
            Box::pin(async move {
                Ok::<_, SqlError>(
                    segments::any_in(tx, &name).await? || rows::intent(tx, &name).await?.is_some(),
                )
            })
        });
        if named.await? {
            return Ok(false);
        }
        let Some(_held) = self.hold_file(object)? else { return Ok(false) };
        match (self.objects().directory(), why) {
            // Its name is none that the store gives out.
            (Some(root), Fault::LeftOver) => match std::fs::remove_file(root.join(object)) {
                Ok(()) => {}
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(StoreError::Log(error.to_string()).into()),
            },
            _ => {
                self.objects().remove(object).await?;
            }
        }
        let gone = vec![object.to_owned()];
        let forgotten = self
            .database
            .write(Lane::Maintenance, move |tx| Box::pin(async move { spent::forget(tx, &gone).await }));
        let forgotten: Result<(), SqlError> = forgotten.await;
        forgotten?;
        Ok(true)
    }

    async fn record_lost(
        &self,
        track: TrackId,
        segments: &[u64],
        object: &str,
        fault: Fault,
    ) -> Result<bool, FsckError> {
        let at = self.log.intents().now();
        let numbers = self.still_lost(track, segments, object).await?;
        if numbers.is_empty() {
            return Ok(false);
        }
        let object = object.to_owned();
        let recorded = self.database.write(Lane::Maintenance, move |tx| {
            Box::pin(async move { lose(tx, track, &numbers, &object, fault, at).await })
        });
        let recorded: Result<bool, SqlError> = recorded.await;
        Ok(recorded?)
    }

    /// Of these segments, those that cannot be had from their object now: a check of every byte takes hours, and a disk
    /// that was not mounted may be by now.
    async fn still_lost(
        &self,
        track: TrackId,
        numbers: &[u64],
        object: &str,
    ) -> Result<BTreeSet<u64>, FsckError> {
        let mut lost = BTreeSet::new();
        for segment in self.naming(object, track).await?.segments {
            if numbers.contains(&segment.sequence) && !self.is_whole(&segment).await? {
                lost.insert(segment.sequence);
            }
        }
        Ok(lost)
    }

    /// The parts of a track are written anew as they are, under the same key.
    async fn write_anew(&self, grant: &Grant<RepairObjects>, track: TrackId) -> Result<bool, FsckError> {
        let Some(found) = self.track(track).await? else { return Ok(false) };
        let Some(rewritten) = self.rewrite_track(grant, track, found.key, |_| true).await? else {
            return Ok(false);
        };
        if !rewritten.lost().is_empty() {
            // What is lost is recorded first, and the parts are written anew by the next repair.
            return Ok(false);
        }
        let at = self.log.intents().now();
        let rewritten = std::sync::Arc::new(rewritten);
        let held = std::sync::Arc::clone(&rewritten);
        let switched = self
            .database
            .write(Lane::Maintenance, move |tx| Box::pin(async move { held.switch(tx, at).await }));
        let switched: Result<bool, SqlError> = switched.await;
        Ok(switched?)
    }
}

fn deed(
    finding: &Finding,
    elsewhere: &BTreeSet<(TrackId, u64)>,
    anew: &mut BTreeSet<TrackId>,
) -> Option<Deed> {
    let object = finding.object.clone();
    match finding.fault {
        Fault::Erased | Fault::Orphaned | Fault::LeftOver => {
            Some(Deed::Remove { object, why: finding.fault, organisation: finding.organisation })
        }
        Fault::StaleIntent => Some(Deed::ForgetIntent { object }),
        fault if fault.is_left_alone() => {
            let organisation = finding.organisation;
            finding.spent.then_some(Deed::Keep { object, organisation })
        }
        fault => {
            let (organisation, recording, track) =
                (finding.organisation?, finding.recording?, finding.track?);
            if finding.segments.is_empty() {
                return anew.insert(track).then_some(Deed::WriteAnew { organisation, track });
            }
            let mut segments = finding.segments.clone();
            segments.retain(|number| !elsewhere.contains(&(track, *number)));
            (!segments.is_empty()).then_some(Deed::RecordLost {
                organisation,
                recording,
                track,
                segments,
                object,
                fault,
            })
        }
    }
}

fn in_short(deeds: &[Deed]) -> String {
    let (mut removed, mut lost, mut others) = (0, 0, 0);
    for deed in deeds {
        match deed {
            Deed::Remove { .. } => removed += 1,
            Deed::RecordLost { segments, .. } => lost += segments.len(),
            _ => others += 1,
        }
    }
    format!("fsck: {removed} objects to remove, {lost} segments to record as lost, {others} other steps")
}

/// Takes the rows of lost segments away, in a part's row or their own; those that are packed on a lost one are lost too.
async fn lose(
    tx: &mut Tx,
    track: TrackId,
    numbers: &BTreeSet<u64>,
    object: &str,
    fault: Fault,
    at: Timestamp,
) -> Result<bool, SqlError> {
    let Some(found) = tracks::find(tx, track).await? else { return Ok(false) };
    if !recordings::lock(tx, found.recording).await? || tracks::lock(tx, track).await?.is_none() {
        return Ok(false);
    }
    let is_lost = |segment: &Segment| segment.extent.object == object && numbers.contains(&segment.sequence);
    let mut gone = Vec::new();
    for mut part in parts::of_track(tx, track).await? {
        if !part.segments.iter().any(is_lost) {
            continue;
        }
        let base = lost_base(&part, is_lost);
        let on_it = |segment: &Segment| matches!(segment.content_type, ContentType::RrwebOnBase(on) if Some(on) == base);
        gone.extend(part.segments.extract_if(.., |segment| is_lost(segment) || on_it(segment)));
        parts::replace(tx, &part).await?;
    }
    let rows = segments::in_object(tx, track, object).await?;
    let rows: Vec<Segment> = rows.into_iter().filter(is_lost).collect();
    let own: Vec<u64> = rows.iter().map(|segment| segment.sequence).collect();
    segments::remove(tx, track, &own).await?;
    gone.extend(rows);
    if gone.is_empty() {
        return Ok(false);
    }
    for segment in &gone {
        let damage = Damage {
            track,
            sequence: segment.sequence,
            organisation: found.organisation,
            recording: found.recording,
            object: segment.extent.object.clone(),
            fault: fault.word().to_owned(),
            since: at,
            seen_at: at,
            lost: true,
        };
        damage::note(tx, &damage).await?;
        let to_us = segment.start_us.saturating_add(segment.duration_us.max(1));
        let gap = Gap { from_us: segment.start_us, to_us, reason: GapReason::Lost };
        tracks::note_gap(tx, track, gap).await?;
    }
    let bytes: u64 = gone.iter().map(|segment| segment.extent.length).sum();
    recordings::resize(tx, found.recording, -bytes.cast_signed(), -(gone.len() as i64)).await?;
    Ok(true)
}

fn lost_base(part: &Part, is_lost: impl Fn(&Segment) -> bool) -> Option<u64> {
    part.segments
        .iter()
        .find(|segment| Some(segment.sequence) == part.base && is_lost(segment))
        .map(|base| base.sequence)
}
