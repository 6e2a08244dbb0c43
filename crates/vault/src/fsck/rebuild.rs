//! Making the rows of recordings, tracks, segments and parts again from what lies in the store and in the registry.
//!
//! Rows are only added: what rows say stands. Of several objects for the same part the one with the highest fence that is
//! complete counts, and all of a track is under one key, which is that of its newest part. What does not open under a key
//! of the registry stays out, and so does what a tombstone names: it was erased.

use std::collections::{BTreeMap, BTreeSet, btree_map};
use std::sync::Arc;
use std::time::Duration;

use clerestory_access::{Access, Grant, RebuildRows};
use clerestory_keys::{KeyError, Tombstone};
use clerestory_model::{GapReason, KeyId, OrganisationId, RecordingId, RecordingState, Source, SubjectId};
use clerestory_model::{Timestamp, TrackId};
use clerestory_seal::sha256;
use clerestory_sql::{Lane, SqlError, Tx};
use clerestory_store::damage::{self, Damage};
use clerestory_store::organisations;
use clerestory_store::parts::{self, Part, claims, spent};
use clerestory_store::recordings::{self, Recording};
use clerestory_store::segments::{self, Extent};
use clerestory_store::tracks::{self, Track};
use serde::Serialize;

use super::listing::{Found, Kind};
use super::{FsckError, Progress};
use crate::error::chain;
use crate::log::entry::{self, Entry};
use crate::{Manifest, ManifestError, OpenError, PartName, Provenance, StoreError, Vault};

/// A visit that was heard of within this time goes on; the job that closes silent recordings closes it later.
const SILENCE: Duration = Duration::from_secs(30 * 60);
/// The same for everything else that captures.
const LONG_SILENCE: Duration = Duration::from_secs(24 * 3600);

/// Something that was not made again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NotRebuilt {
    /// The object it lies in.
    pub object: String,
    /// Why not.
    pub why: String,
}

/// What was made again, or would be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Rebuilt {
    /// Recordings whose rows are new: their summaries are still to be derived.
    pub recordings: Vec<RecordingId>,
    /// Recordings that had rows and got more.
    pub completed: u64,
    /// Rows of tracks.
    pub tracks: u64,
    /// Rows of parts.
    pub parts: u64,
    /// Segments in those parts, and segments with rows of their own.
    pub segments: u64,
    /// Objects and entries whose key is destroyed: they were erased.
    pub erased: u64,
    /// What was not made again.
    pub not: Vec<NotRebuilt>,
}

/// What the store has of one recording.
#[derive(Default)]
struct Material {
    parts: Vec<(PartName, u64)>,
    entries: Vec<Entry>,
}

/// What the store has of one track, opened.
#[derive(Default)]
struct TrackMaterial {
    manifests: Vec<Manifest>,
    entries: Vec<Entry>,
    /// The highest fence in the name of any object.
    fence: u32,
}

/// What becomes of one track.
struct TrackPlan {
    organisation: OrganisationId,
    recording: RecordingId,
    track: TrackId,
    key: KeyId,
    provenance: Provenance,
    parts: Vec<Part>,
    entries: Vec<Entry>,
    fence: u32,
    /// Segments that were recorded as lost and are whole.
    found_again: Vec<u64>,
}

/// What is the same for all recordings.
struct Known {
    tombstones: BTreeSet<[u8; 16]>,
    lost: BTreeMap<(TrackId, u64), Damage>,
    /// Objects on their way out.
    spent: BTreeSet<String>,
    /// Objects under way.
    under_way: BTreeSet<String>,
}

impl Vault {
    /// Adds the rows that are missing. Safe beside running servers: what is in flight is left alone, and said. With `dry`
    /// everything is tried and nothing kept.
    ///
    /// # Errors
    /// [`FsckError`]: recordings that were made again before it are there.
    pub async fn rebuild_rows(
        &self,
        access: &Access,
        dry: bool,
        progress: Progress<'_>,
    ) -> Result<Rebuilt, FsckError> {
        let listed = self.objects().everything().await?;
        let known = self.known().await?;
        let mut rebuilt = Rebuilt::default();
        let mut grants = BTreeMap::new();
        let material = self.gather(access, &listed, &known, &mut grants, progress, &mut rebuilt).await?;
        let all = material.len() as u64;
        for (done, ((organisation, recording), material)) in (0..).zip(material) {
            progress("recordings compared", done, all);
            let grant = self.leave_once(access, &mut grants, organisation).await?;
            let plans = self.plan(grant, material, &known, &mut rebuilt).await?;
            if !plans.is_empty() {
                self.make_rows(organisation, recording, plans, dry, &mut rebuilt).await?;
            }
        }
        Ok(rebuilt)
    }

    async fn leave_once<'g>(
        &self,
        access: &Access,
        grants: &'g mut BTreeMap<OrganisationId, Grant<RebuildRows>>,
        organisation: OrganisationId,
    ) -> Result<&'g Grant<RebuildRows>, FsckError> {
        match grants.entry(organisation) {
            btree_map::Entry::Occupied(held) => Ok(held.into_mut()),
            btree_map::Entry::Vacant(place) => {
                let detail = Some("fsck: rows are made again from the store".to_owned());
                Ok(place.insert(self.leave(access, organisation, detail).await?))
            }
        }
    }

    async fn known(&self) -> Result<Known, FsckError> {
        let keys = Arc::clone(self.keys());
        let read = self.database.read(move |tx| {
            Box::pin(async move {
                let tombstones = keys.tombstones(tx).await?.iter().map(Tombstone::id).collect();
                let lost = damage::lost(tx).await?;
                let lost = lost.into_iter().map(|damage| ((damage.track, damage.sequence), damage)).collect();
                let (mut gone, mut after) = (BTreeSet::new(), String::new());
                loop {
                    let page = spent::unnamed(tx, &after, 500).await?;
                    let Some(last) = page.last() else { break };
                    after.clone_from(&last.object);
                    gone.extend(page.into_iter().map(|spent| spent.object));
                }
                let claims = claims::all(tx).await?;
                let under_way = claims.into_iter().map(|claim| claim.object).collect();
                Ok::<_, KeyError>(Known { tombstones, lost, spent: gone, under_way })
            })
        });
        let mut known = read.await?;
        known.under_way.extend(self.objects_under_way().await?.into_iter().map(|(object, _)| object));
        Ok(known)
    }

    /// What lies in the store of each recording. Manifests are opened later, those of one recording at a time.
    async fn gather(
        &self,
        access: &Access,
        listed: &[Found],
        known: &Known,
        grants: &mut BTreeMap<OrganisationId, Grant<RebuildRows>>,
        progress: Progress<'_>,
        rebuilt: &mut Rebuilt,
    ) -> Result<BTreeMap<(OrganisationId, RecordingId), Material>, FsckError> {
        let mut material: BTreeMap<_, Material> = BTreeMap::new();
        for (done, found) in (0..).zip(listed) {
            let object = &found.object;
            if !matches!(found.kind, Kind::Part(_) | Kind::Log | Kind::Single(..)) {
                continue;
            }
            if known.under_way.contains(object) || self.hold_file(object)?.is_none() {
                let why = "it is in flight; its writer writes its rows".to_owned();
                rebuilt.not.push(NotRebuilt { object: object.clone(), why });
                continue;
            }
            if found.kind != Kind::Log && known.spent.contains(object) {
                continue;
            }
            if let Kind::Part(name) = found.kind {
                let of = material.entry((name.organisation, name.recording)).or_default();
                of.parts.push((name, found.bytes));
                continue;
            }
            progress("ingest log read", done, listed.len() as u64);
            for entry in self.entries_of(access, found, grants, rebuilt).await? {
                let of = material.entry((entry.place.organisation, entry.place.recording)).or_default();
                of.entries.push(entry);
            }
        }
        Ok(material)
    }

    /// The entries of an object that open under a key of the registry.
    async fn entries_of(
        &self,
        access: &Access,
        found: &Found,
        grants: &mut BTreeMap<OrganisationId, Grant<RebuildRows>>,
        rebuilt: &mut Rebuilt,
    ) -> Result<Vec<Entry>, FsckError> {
        let whole = Extent { object: found.object.clone(), offset: 0, length: found.bytes };
        let bytes = match self.objects().read(&whole).await {
            Ok(bytes) => bytes,
            Err(StoreError::Missing | StoreError::Truncated) => return Ok(Vec::new()),
            Err(error) => return Err(error.into()),
        };
        let mut not = |why: String| rebuilt.not.push(NotRebuilt { object: found.object.clone(), why });
        let (mut entries, mut covered) = (Vec::new(), 0);
        for frame in entry::frames(&bytes) {
            covered = frame.segment().end.max(covered);
            let place = frame.place;
            if !self.is_track_key(place.key).await? {
                rebuilt.erased += 1;
                continue;
            }
            let grant = self.leave_once(access, grants, place.organisation).await?;
            if !grant.covers_segments(place.organisation, place.recording) {
                continue;
            }
            let key = match self.secret(place.key).await {
                Ok(key) => key,
                Err(KeyError::Unknown(_)) => continue,
                Err(error) => return Err(error.into()),
            };
            match entry::open(&key, self.keys().deployment(), &found.object, &bytes, &frame) {
                Ok(entry) => entries.push(entry),
                Err(error) => {
                    not(format!("segment {} of track {}: {}", place.sequence, place.track, chain(&error)))
                }
            }
        }
        if covered < found.bytes {
            not(format!("its bytes from {covered} on are no entry of the log"));
        }
        Ok(entries)
    }

    /// What becomes of the tracks of one recording.
    async fn plan(
        &self,
        grant: &Grant<RebuildRows>,
        material: Material,
        known: &Known,
        rebuilt: &mut Rebuilt,
    ) -> Result<Vec<TrackPlan>, FsckError> {
        let mut tracks: BTreeMap<TrackId, TrackMaterial> = BTreeMap::new();
        for (name, bytes) in material.parts {
            let of = tracks.entry(name.track).or_default();
            of.fence = of.fence.max(name.fence);
            let object = name.to_string();
            let listed = crate::Listed { object: object.clone(), bytes };
            match self.read_manifest(grant, &listed).await {
                Ok(manifest) => of.manifests.push(manifest),
                Err(ManifestError::Open(OpenError::Erased)) => rebuilt.erased += 1,
                Err(ManifestError::Open(error)) => return Err(error.into()),
                Err(ManifestError::Store(error)) if error.passes() => return Err(error.into()),
                Err(error) => rebuilt.not.push(NotRebuilt { object, why: chain(&error) }),
            }
        }
        for entry in material.entries {
            tracks.entry(entry.place.track).or_default().entries.push(entry);
        }
        let mut plans = Vec::new();
        for (track, material) in tracks {
            let row = self.track(track).await?;
            if let Some(mut plan) = choose(track, row.as_ref(), material, known) {
                self.leave_out_lost(&mut plan, known).await?;
                plans.push(plan);
            }
        }
        Ok(plans)
    }

    /// Leaves out of parts what was recorded as lost, unless it is whole again.
    async fn leave_out_lost(&self, plan: &mut TrackPlan, known: &Known) -> Result<(), FsckError> {
        for part in &mut plan.parts {
            let mut still = Vec::new();
            for segment in &part.segments {
                if !known.lost.contains_key(&(plan.track, segment.sequence)) {
                    continue;
                }
                match self.objects().read(&segment.extent).await {
                    Ok(bytes) if sha256(&bytes) == segment.sha256 => plan.found_again.push(segment.sequence),
                    Ok(_) => still.push(segment.sequence),
                    Err(error) if error.passes() => return Err(error.into()),
                    Err(_) => still.push(segment.sequence),
                }
            }
            // What is packed on a lost one is lost with it.
            let base = part.base.filter(|base| still.contains(base));
            part.segments.retain(|segment| !still.contains(&segment.sequence) && base.is_none());
        }
        plan.parts.retain(|part| !part.segments.is_empty());
        let again = plan.entries.iter().map(|entry| entry.segment.sequence);
        plan.found_again.extend(again.filter(|number| known.lost.contains_key(&(plan.track, *number))));
        Ok(())
    }

    async fn make_rows(
        &self,
        organisation: OrganisationId,
        recording: RecordingId,
        plans: Vec<TrackPlan>,
        dry: bool,
        rebuilt: &mut Rebuilt,
    ) -> Result<(), FsckError> {
        let (keys, now) = (Arc::clone(self.keys()), self.log.intents().now());
        self.keys().hold_lease().await?;
        let made = self.database.write(Lane::Maintenance, move |tx| {
            Box::pin(async move {
                let mut made = Made::default();
                for plan in &plans {
                    match whose(tx, &keys, plan, now).await? {
                        Ok(subject) => add_track(tx, plan, subject, now, &mut made).await?,
                        Err(why) => made.refused(plan, &why),
                    }
                }
                if made.segments > 0 || made.new_recording {
                    recount(tx, recording, now, made.new_recording).await?;
                }
                if dry { Err(Halt::Dry(made)) } else { Ok(made) }
            })
        });
        let made = match made.await {
            Ok(made) | Err(Halt::Dry(made)) => made,
            Err(Halt::Sql(error)) => return Err(error.into()),
            Err(Halt::Key(error)) => return Err(error.into()),
        };
        tracing::debug!(%organisation, %recording, parts = made.parts, segments = made.segments, "rows were made again");
        if made.new_recording {
            rebuilt.recordings.push(recording);
        } else {
            rebuilt.completed += u64::from(made.segments > 0);
        }
        rebuilt.tracks += made.tracks;
        rebuilt.parts += made.parts;
        rebuilt.segments += made.segments;
        rebuilt.not.extend(made.not);
        Ok(())
    }
}

/// Which of a track's material counts; `None` when nothing does.
fn choose(track: TrackId, row: Option<&Track>, material: TrackMaterial, known: &Known) -> Option<TrackPlan> {
    let TrackMaterial { manifests, mut entries, fence } = material;
    let newest = manifests.iter().max_by_key(|manifest| manifest.name.fence);
    entries.sort_by(|a, b| {
        let order = |entry: &Entry| (entry.segment.received_at, entry.segment.extent.offset);
        order(a).cmp(&order(b)).then_with(|| a.segment.extent.object.cmp(&b.segment.extent.object))
    });
    let key = row.map(|row| row.key);
    let key = key.or(newest.map(|manifest| manifest.part.key));
    let key = key.or(entries.last().map(|entry| entry.place.key))?;
    entries.retain(|entry| entry.place.key == key);
    let mut chosen: BTreeMap<u32, Manifest> = BTreeMap::new();
    for manifest in manifests.into_iter().filter(|manifest| manifest.part.key == key) {
        let held = chosen.get(&manifest.name.part).is_some_and(|held| held.name.fence > manifest.name.fence);
        if !held {
            chosen.insert(manifest.name.part, manifest);
        }
    }
    let (organisation, recording) = match (chosen.values().next(), entries.first()) {
        (Some(manifest), _) => (manifest.name.organisation, manifest.name.recording),
        (None, Some(entry)) => (entry.place.organisation, entry.place.recording),
        (None, None) => return None,
    };
    let erased = [organisation.as_bytes(), recording.as_bytes(), track.as_bytes()];
    if erased.iter().any(|id| known.tombstones.contains(*id)) {
        return None;
    }
    let by_parts =
        chosen.values().max_by_key(|manifest| manifest.name.fence).map(|newest| &newest.provenance);
    let by_log = entries.last().map(|entry| &entry.provenance);
    let (first, second) = if by_log.is_some() { (by_log, by_parts) } else { (by_parts, by_log) };
    let mut provenance = first?.clone();
    let told =
        chosen.values().map(|manifest| &manifest.provenance).chain(entries.iter().map(|e| &e.provenance));
    let (mut gaps, mut kept_until) = (Vec::new(), provenance.kept_until);
    for told in told.chain(second) {
        kept_until = kept_until.max(told.kept_until);
        for gap in &told.gaps {
            if !gaps.contains(gap) {
                gaps.push(*gap);
            }
        }
    }
    (provenance.gaps, provenance.kept_until) = (gaps, kept_until);
    if known.tombstones.contains(provenance.subject.as_bytes()) {
        return None;
    }
    let parts = chosen.into_values().map(|manifest| manifest.part).collect();
    let found_again = Vec::new();
    Some(TrackPlan { organisation, recording, track, key, provenance, parts, entries, fence, found_again })
}

/// What one recording came to.
#[derive(Default)]
struct Made {
    new_recording: bool,
    tracks: u64,
    parts: u64,
    segments: u64,
    not: Vec<NotRebuilt>,
}

impl Made {
    fn refused(&mut self, plan: &TrackPlan, why: &str) {
        let objects = plan.parts.iter().map(|part| part.object.clone());
        let objects = objects.chain(plan.entries.first().map(|entry| entry.segment.extent.object.clone()));
        let why = format!("track {}: {why}", plan.track);
        self.not.extend(objects.map(|object| NotRebuilt { object, why: why.clone() }));
    }
}

/// Why a transaction is not kept.
enum Halt {
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
async fn whose(
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
async fn add_track(
    tx: &mut Tx,
    plan: &TrackPlan,
    subject: SubjectId,
    now: Timestamp,
    made: &mut Made,
) -> Result<(), Halt> {
    let told = &plan.provenance;
    if !recordings::lock(tx, plan.recording).await? {
        recordings::insert(tx, &blank(plan, subject, now)).await?;
        made.new_recording = true;
    }
    if tracks::lock(tx, plan.track).await?.is_none() {
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
            kept_until: told.kept_until,
        };
        tracks::insert(tx, &track).await?;
        made.tracks += 1;
    }
    for part in &plan.parts {
        add_part(tx, part, made).await?;
    }
    for entry in &plan.entries {
        if segments::find(tx, plan.track, entry.segment.sequence).await?.is_none() {
            segments::insert(tx, &entry.segment).await?;
            made.segments += 1;
        }
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
    Ok(tracks::keep_until(tx, plan.track, told.kept_until).await?)
}

async fn add_part(tx: &mut Tx, part: &Part, made: &mut Made) -> Result<(), Halt> {
    let mut not = |why: String| made.not.push(NotRebuilt { object: part.object.clone(), why });
    let rows = parts::of_track(tx, part.track).await?;
    if let Some(row) = rows.iter().find(|row| row.number == part.number) {
        if row.object != part.object {
            // The one that counts is named; this one lost, and a repair removes it.
            return Ok(());
        }
        let missing = part.segments.len().saturating_sub(row.segments.len());
        if missing > 0 {
            parts::replace(tx, part).await?;
            made.segments += missing as u64;
        }
        return Ok(());
    }
    let known = rows.iter().flat_map(|row| &row.segments).map(|segment| segment.sequence);
    let known: BTreeSet<u64> = known.collect();
    for segment in &part.segments {
        if known.contains(&segment.sequence) {
            not(format!("segment {} is in another part already", segment.sequence));
            return Ok(());
        }
        if segments::find(tx, part.track, segment.sequence).await?.is_some() {
            not(format!("segment {} has a row of its own: it is settled again", segment.sequence));
            return Ok(());
        }
    }
    parts::insert(tx, part).await?;
    made.parts += 1;
    made.segments += part.segments.len() as u64;
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
        kept_until: told.kept_until,
        size_bytes: 0,
        segments: 0,
        summary: None,
        // Above every version there was: an older sealed summary put back in its place does not open.
        summary_version: now.unix_millis(),
        summary_key: None,
    }
}

/// Says again what a recording's segments say of it.
async fn recount(tx: &mut Tx, id: RecordingId, now: Timestamp, new: bool) -> Result<(), SqlError> {
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
