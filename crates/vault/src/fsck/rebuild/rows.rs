//! The rows themselves, of one recording in one transaction.

use std::collections::BTreeSet;
use std::time::Duration;

use clerestory_keys::KeyError;
use clerestory_model::{GapReason, RecordingId, RecordingState, Source, SubjectId, Timestamp, TrackId};
use clerestory_sql::{SqlError, Tx};
use clerestory_store::damage;
use clerestory_store::organisations;
use clerestory_store::parts::{self, Part};
use clerestory_store::recordings::{self, Recording};
use clerestory_store::retention;
use clerestory_store::segments::{self, ContentType, Segment};
use clerestory_store::tracks::{self, Track};

use super::{NotRebuilt, TrackPlan};

/// A visit that was heard of within this time goes on; the job that closes silent recordings closes it later.
const SILENCE: Duration = Duration::from_secs(30 * 60);
/// The same for everything else that captures.
const LONG_SILENCE: Duration = Duration::from_secs(24 * 3600);

/// What one recording came to.
#[derive(Default)]
pub(super) struct Made {
    pub(super) new_recording: bool,
    pub(super) tracks: u64,
    pub(super) parts: u64,
    pub(super) segments: u64,
    pub(super) not: Vec<NotRebuilt>,
}

impl Made {
    pub(super) fn refused(&mut self, plan: &TrackPlan, why: &str) {
        let objects = plan.parts.iter().map(|part| part.object.clone());
        let objects = objects.chain(plan.entries.first().map(|entry| entry.segment.extent.object.clone()));
        let why = format!("track {}: {why}", plan.track);
        self.not.extend(objects.map(|object| NotRebuilt { object, why: why.clone() }));
    }
}

/// Why a transaction is not kept.
pub(super) enum Halt {
    Dry(Made),
    Sql(SqlError),
    Key(KeyError),
}

impl From<SqlError> for Halt {
    fn from(error: SqlError) -> Self {
        Self::Sql(error)
    }
}

impl From<KeyError> for Halt {
    fn from(error: KeyError) -> Self {
        Self::Key(error)
    }
}

/// Whom a track is about: the registry says it, and not what was stored once. A visitor who became known since has
/// another subject than the manifest names.
pub(super) async fn whose(
    tx: &mut Tx,
    keys: &clerestory_keys::Keys,
    plan: &TrackPlan,
    now: Timestamp,
) -> Result<Result<SubjectId, String>, Halt> {
    let parent = match keys.locate(tx, plan.key).await {
        Ok(found) => found.parent,
        Err(KeyError::Unknown(_)) => return Ok(Err("its key was destroyed meanwhile".to_owned())),
        Err(error) => return Err(error.into()),
    };
    let Some(parent) = parent else { return Ok(Err("its key belongs to no subject".to_owned())) };
    let told = plan.provenance.subject;
    if let Some((subject, organisation)) = organisations::subject_with_key(tx, parent).await? {
        if organisation != plan.organisation {
            return Ok(Err("its key belongs to a subject of another organisation".to_owned()));
        }
        return Ok(Ok(subject));
    }
    if organisations::subject_key(tx, told).await?.is_some() {
        return Ok(Err(format!("its key belongs to no subject that is known, and {told} has another")));
    }
    organisations::insert_subject(tx, plan.organisation, told, parent, now).await?;
    Ok(Ok(told))
}

/// Adds what is missing of one track.
pub(super) async fn add_track(
    tx: &mut Tx,
    plan: &TrackPlan,
    subject: SubjectId,
    now: Timestamp,
    made: &mut Made,
) -> Result<(), Halt> {
    let told = &plan.provenance;
    let kept_from = told.kept_until.minus(retention::STORED);
    if !recordings::lock(tx, plan.recording).await? {
        recordings::insert(tx, &blank(plan, subject, now)).await?;
        made.new_recording = true;
    }
    if let Some((row, _)) = tracks::lock(tx, plan.track).await? {
        // It was chosen without the lock: an erasure may have come between.
        if row.key != plan.key || row.state >= RecordingState::Shredded {
            made.refused(plan, "it was erased meanwhile, or a part of it; run it again");
            return Ok(());
        }
    } else {
        let track = Track {
            id: plan.track,
            recording: plan.recording,
            organisation: plan.organisation,
            kind: told.kind,
            writer: told.writer,
            state: RecordingState::Active,
            class: told.class,
            key: plan.key,
            clock_offset_us: told.clock_offset_us,
            kept_from,
            kept_until: kept_from.plus(retention::in_force(tx, told.project, told.class).await?),
        };
        tracks::insert(tx, &track).await?;
        made.tracks += 1;
    }
    for part in &plan.parts {
        add_part(tx, plan, part, made).await?;
    }
    for entry in &plan.entries {
        let segment = &entry.segment;
        if tracks::is_erased(tx, plan.track, segment.sequence).await? {
            continue;
        }
        match segments::find(tx, plan.track, segment.sequence).await? {
            None => {}
            Some(row) if plan.is_better(segment, &row) => {
                take_out(tx, plan.track, &BTreeSet::from([segment.sequence])).await?;
            }
            Some(_) => continue,
        }
        segments::insert(tx, segment).await?;
        made.segments += 1;
    }
    for gap in &told.gaps {
        tracks::note_gap(tx, plan.track, *gap).await?;
    }
    for number in &plan.found_again {
        if let Some(segment) = segments::find(tx, plan.track, *number).await? {
            damage::forget(tx, plan.track, *number).await?;
            tracks::forget_gap(tx, plan.track, segment.start_us, GapReason::Lost).await?;
        }
    }
    tracks::fence_at_least(tx, plan.track, plan.fence).await?;
    Ok(tracks::keep_from(tx, plan.track, told.class, kept_from).await?)
}

impl TrackPlan {
    /// Whether a segment is to take the place of its row: it is the same, and the row's bytes are gone.
    fn is_better(&self, segment: &Segment, row: &Segment) -> bool {
        let gone = self.better.get(&(segment.extent.object.clone(), segment.sequence));
        row.content_mac == segment.content_mac && gone == Some(&row.extent)
    }
}

/// Adds those segments of a part that nothing else has.
async fn add_part(tx: &mut Tx, plan: &TrackPlan, part: &Part, made: &mut Made) -> Result<(), Halt> {
    let mut not = |why: String| made.not.push(NotRebuilt { object: part.object.clone(), why });
    let rows = parts::of_track(tx, part.track).await?;
    let held = rows.iter().find(|row| row.object == part.object);
    let mut all = held.map(|row| row.segments.clone()).unwrap_or_default();
    let (mut more, mut replaced) = (Vec::new(), BTreeSet::new());
    for segment in &part.segments {
        let number = segment.sequence;
        let has = all.iter().any(|held| held.sequence == number);
        if has || tracks::is_erased(tx, part.track, number).await? {
            continue;
        }
        match segments::find(tx, part.track, number).await? {
            None => more.push(segment.clone()),
            Some(row) if plan.is_better(segment, &row) => {
                replaced.insert(number);
                more.push(segment.clone());
            }
            // Another object has it: it was written anew, or this attempt lost.
            Some(row) if row.content_mac == segment.content_mac => {}
            Some(_) => not(format!("segment {number} has a row that says something else")),
        }
    }
    leave_out_without_base(tx, part, &all, &mut more, &mut not).await?;
    if more.is_empty() {
        return Ok(());
    }
    let in_its_place = rows.iter().find(|row| row.number == part.number && row.object != part.object);
    if in_its_place.is_some_and(|row| !row.segments.iter().all(|held| replaced.contains(&held.sequence))) {
        not(format!("part {} of the track is another by now", part.number));
        return Ok(());
    }
    replaced.retain(|number| more.iter().any(|segment| segment.sequence == *number));
    take_out(tx, part.track, &replaced).await?;
    made.segments += more.len() as u64;
    all.extend(more);
    all.sort_by_key(|segment| segment.sequence);
    let row = Part { segments: all, ..part.clone() };
    if held.is_some() {
        parts::replace(tx, &row).await?;
    } else {
        parts::insert(tx, &row).await?;
        made.parts += 1;
    }
    Ok(())
}

/// Leaves out what is packed on a segment that does not come with it, unless that one is elsewhere and stands alone.
async fn leave_out_without_base(
    tx: &mut Tx,
    part: &Part,
    held: &[Segment],
    more: &mut Vec<Segment>,
    not: &mut (impl FnMut(String) + Send),
) -> Result<(), SqlError> {
    let Some(base) = part.base else { return Ok(()) };
    if held.iter().chain(more.iter()).any(|segment| segment.sequence == base) {
        return Ok(());
    }
    let row = segments::find(tx, part.track, base).await?;
    if row.is_some_and(|row| row.content_type == ContentType::Rrweb) {
        return Ok(());
    }
    let before = more.len();
    more.retain(|segment| segment.content_type.base().is_none());
    if more.len() < before {
        not(format!("segment {base} is not there, and {} others are packed on it", before - more.len()));
    }
    Ok(())
}

/// Takes the rows of segments away whose place others take.
async fn take_out(tx: &mut Tx, track: TrackId, numbers: &BTreeSet<u64>) -> Result<(), SqlError> {
    if numbers.is_empty() {
        return Ok(());
    }
    for mut part in parts::of_track(tx, track).await? {
        let before = part.segments.len();
        part.segments.retain(|segment| !numbers.contains(&segment.sequence));
        if part.segments.len() < before {
            parts::replace(tx, &part).await?;
        }
    }
    let own: Vec<u64> = numbers.iter().copied().collect();
    segments::remove(tx, track, &own).await?;
    Ok(())
}

/// A recording's row before anything is counted.
fn blank(plan: &TrackPlan, subject: SubjectId, now: Timestamp) -> Recording {
    let told = &plan.provenance;
    Recording {
        id: plan.recording,
        organisation: plan.organisation,
        project: told.project,
        site: told.site,
        subject,
        source: told.source,
        state: RecordingState::Active,
        policy_version: told.policy_version,
        started_at: told.started_at,
        ended_at: told.started_at,
        last_segment_at: told.started_at,
        // Its tracks say until when, each by its class.
        kept_until: told.kept_until.minus(retention::STORED),
        size_bytes: 0,
        segments: 0,
        summary: None,
        // Above every version there was: an older sealed summary put back in its place does not open.
        summary_version: now.unix_millis(),
        summary_key: None,
    }
}

/// Says again what a recording's segments say of it.
pub(super) async fn recount(tx: &mut Tx, id: RecordingId, now: Timestamp, new: bool) -> Result<(), SqlError> {
    let Some(mut recording) = recordings::find(tx, id).await? else { return Ok(()) };
    let (mut bytes, mut count, mut newest) = (0, 0, None::<Timestamp>);
    for track in tracks::of_recording(tx, id).await? {
        recording.kept_until = recording.kept_until.max(track.kept_until);
        for segment in segments::of_track(tx, track.id, 0, u32::MAX).await? {
            bytes += segment.extent.length;
            count += 1;
            let end = segment.start_us.saturating_add(segment.duration_us);
            let end = Timestamp::from_micros(recording.started_at.micros().saturating_add(end));
            recording.ended_at = recording.ended_at.max(end);
            if newest.is_none_or(|newest| segment.received_at > newest) {
                newest = Some(segment.received_at);
                recording.policy_version = segment.policy_version;
            }
        }
    }
    (recording.size_bytes, recording.segments) = (bytes, count);
    if new && let Some(newest) = newest {
        recording.last_segment_at = newest;
        let silence = if recording.source == Source::Web { SILENCE } else { LONG_SILENCE };
        if now.since(newest) < silence {
            recording.state = RecordingState::Capturing;
            tracks::reopen(tx, id).await?;
        }
    }
    recordings::recount(tx, &recording).await
}
