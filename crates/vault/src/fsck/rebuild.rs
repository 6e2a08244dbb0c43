//! Making the rows of recordings, tracks, segments and parts again from what lies in the store and in the registry.
//!
//! Rows are only added: what rows say stands, unless the bytes that they name are gone and another object has the same
//! segment. Of several objects for the same part the one with the highest fence that is
//! complete counts, and all of a track is under one key, which is that of its newest part. What does not open under a key
//! of the registry stays out, and so does what a tombstone names: it was erased.

mod rows;

use std::collections::{BTreeMap, BTreeSet, btree_map};
use std::sync::Arc;

use clerestory_access::{Access, Grant, RebuildRows};
use clerestory_keys::KeyError;
use clerestory_model::{KeyId, OrganisationId, RecordingId, TrackId};
use clerestory_sql::{Lane, SqlError};
use clerestory_store::damage::{self, Damage};
use clerestory_store::parts::{Part, claims, spent};
use clerestory_store::segments::{self, Extent, Segment};
use clerestory_store::tracks::Track;
use serde::Serialize;

use super::erased::{Erasures, KeyStanding};
use super::listing::{Found, Kind};
use super::unnamed::{NO_ORGANISATION, TOO_LARGE};
use super::{FsckError, Progress};
use crate::error::chain;
use crate::log::entry::{self, Entry, Frame, Frames};
use crate::parts::key_of_end;
use crate::{Manifest, ManifestError, OpenError, PartName, Provenance, StoreError, Vault};
use rows::{Halt, Made};

/// What is said of what is sealed under a key of which nothing is known.
const UNKNOWN_KEY: &str = "its key is not in the registry, and nothing says that it was erased";

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
    parts: Vec<(PartName, Found)>,
    entries: Vec<Entry>,
}

/// What the store has of one track, opened.
#[derive(Default)]
struct TrackMaterial {
    manifests: Vec<Manifest>,
    entries: Vec<Entry>,
    /// The highest fence in the name of any part that opened: anybody can give a name.
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
    /// Segments of these objects that are whole, and the bytes that their rows name and that are not.
    better: BTreeMap<(String, u64), Extent>,
}

/// Leave to make rows again, for each organisation asked for once; none for one that is not there.
type Grants = BTreeMap<OrganisationId, Option<Grant<RebuildRows>>>;

/// What an entry of the log comes to.
enum Opened {
    Entry(Box<Entry>),
    Erased,
    Not(String),
}

/// What is the same for all recordings.
struct Known {
    erasures: Erasures,
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
            let Some(grant) = self.leave_once(access, &mut grants, organisation).await? else {
                let objects = material.parts.into_iter().map(|(_, found)| found.object);
                rebuilt
                    .not
                    .extend(objects.map(|object| NotRebuilt { object, why: NO_ORGANISATION.to_owned() }));
                continue;
            };
            let plans = self.plan(grant, material, &known, &mut rebuilt).await?;
            if !plans.is_empty() {
                self.make_rows(organisation, recording, plans, dry, &mut rebuilt).await?;
            }
        }
        Ok(rebuilt)
    }

    /// `None` for an organisation that is not there: whoever names an object must not make entries in the audit log.
    async fn leave_once<'g>(
        &self,
        access: &Access,
        grants: &'g mut Grants,
        organisation: OrganisationId,
    ) -> Result<Option<&'g Grant<RebuildRows>>, FsckError> {
        match grants.entry(organisation) {
            btree_map::Entry::Occupied(held) => Ok(held.into_mut().as_ref()),
            btree_map::Entry::Vacant(place) => {
                let leave = match self.has_organisation(organisation).await? {
                    true => {
                        let detail = Some("fsck: rows are made again from the store".to_owned());
                        Some(self.leave(access, organisation, detail).await?)
                    }
                    false => None,
                };
                Ok(place.insert(leave).as_ref())
            }
        }
    }

    async fn known(&self) -> Result<Known, FsckError> {
        let (erasures, now) = (self.erasures().await?, self.log.intents().now());
        let read = self.database.read(move |tx| {
            Box::pin(async move {
                let lost = damage::lost(tx).await?;
                let lost = lost.into_iter().map(|damage| ((damage.track, damage.sequence), damage)).collect();
                let (mut gone, mut after) = (BTreeSet::new(), String::new());
                loop {
                    let page = spent::unnamed(tx, &after, now, 500).await?;
                    let Some(last) = page.last() else { break };
                    after.clone_from(&last.object);
                    gone.extend(page.into_iter().map(|spent| spent.object));
                }
                let claims = claims::all(tx).await?;
                let under_way = claims.into_iter().map(|claim| claim.object).collect();
                Ok::<_, SqlError>(Known { erasures, lost, spent: gone, under_way })
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
        grants: &mut Grants,
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
                of.parts.push((name, found.clone()));
                continue;
            }
            progress("ingest log read", done, listed.len() as u64);
            for entry in self.entries_of(access, found, known, grants, rebuilt).await? {
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
        known: &Known,
        grants: &mut Grants,
        rebuilt: &mut Rebuilt,
    ) -> Result<Vec<Entry>, FsckError> {
        let mut told = Vec::new();
        let (mut entries, mut covered) = (Vec::new(), 0);
        if found.is_too_large() {
            rebuilt.not.push(NotRebuilt { object: found.object.clone(), why: TOO_LARGE.to_owned() });
            return Ok(entries);
        }
        let whole = Extent { object: found.object.clone(), offset: 0, length: found.bytes };
        let bytes = match self.objects().read(&whole).await {
            Ok(bytes) => bytes,
            Err(StoreError::Missing | StoreError::Truncated) => return Ok(entries),
            Err(error) => return Err(error.into()),
        };
        let mut frames = Frames::of(&bytes);
        while let Some(frame) = frames.next() {
            let place = frame.place;
            match self.entry_of(access, found, &bytes, &frame, known, grants).await? {
                Opened::Entry(entry) => {
                    covered = frame.end().max(covered);
                    entries.push(*entry);
                    continue;
                }
                Opened::Erased => {
                    covered = frame.end().max(covered);
                    rebuilt.erased += 1;
                }
                Opened::Not(why) => {
                    told.push(format!("segment {} of track {}: {why}", place.sequence, place.track));
                }
            }
            frames.look_into(&frame);
        }
        if covered < found.bytes && told.is_empty() {
            told.push(format!("its bytes from {covered} on are no entry of the log"));
        }
        let told = told.into_iter().map(|why| NotRebuilt { object: found.object.clone(), why });
        rebuilt.not.extend(told);
        Ok(entries)
    }

    async fn entry_of(
        &self,
        access: &Access,
        found: &Found,
        bytes: &[u8],
        frame: &Frame,
        known: &Known,
        grants: &mut Grants,
    ) -> Result<Opened, FsckError> {
        let place = frame.place;
        match self.key_standing(&known.erasures, (place.organisation, place.track), place.key).await? {
            KeyStanding::Held => {}
            KeyStanding::Erased => return Ok(Opened::Erased),
            KeyStanding::Unknown => return Ok(Opened::Not(UNKNOWN_KEY.to_owned())),
        }
        let Some(grant) = self.leave_once(access, grants, place.organisation).await? else {
            return Ok(Opened::Not(NO_ORGANISATION.to_owned()));
        };
        if !grant.covers_segments(place.organisation, place.recording) {
            return Ok(Opened::Not("the leave to make rows again does not cover it".to_owned()));
        }
        let key = match self.secret(place.key).await {
            Ok(key) => key,
            Err(KeyError::Unknown(_)) => return Ok(Opened::Erased),
            Err(error) => return Err(error.into()),
        };
        Ok(match entry::open(&key, self.keys().deployment(), &found.object, bytes, frame) {
            Ok(entry) => Opened::Entry(Box::new(entry)),
            Err(error) => Opened::Not(chain(&error)),
        })
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
        for (name, found) in material.parts {
            let of = tracks.entry(name.track).or_default();
            match self.read_manifest(grant, &found.listed()).await {
                Ok(manifest) => {
                    of.fence = of.fence.max(name.fence);
                    of.manifests.push(manifest);
                }
                Err(ManifestError::Open(OpenError::Erased)) => {
                    self.tell_erased(&name, &found, known, rebuilt).await?;
                }
                Err(ManifestError::Open(error)) => return Err(error.into()),
                Err(ManifestError::Store(error)) if error.passes() => return Err(error.into()),
                Err(error) => {
                    rebuilt.not.push(NotRebuilt { object: found.object, why: chain(&error) });
                }
            }
        }
        for entry in material.entries {
            tracks.entry(entry.place.track).or_default().entries.push(entry);
        }
        let mut plans = Vec::new();
        for (track, material) in tracks {
            let row = self.track(track).await?;
            let Some(mut plan) = choose(track, row.as_ref(), material, known) else { continue };
            if self.is_below_erased(&plan, known).await? {
                continue;
            }
            self.leave_out_lost(&mut plan, known).await?;
            self.compare_with_rows(&mut plan).await?;
            plans.push(plan);
        }
        Ok(plans)
    }

    /// Says of a part that its key is gone, and why if that is known.
    async fn tell_erased(
        &self,
        name: &PartName,
        found: &Found,
        known: &Known,
        rebuilt: &mut Rebuilt,
    ) -> Result<(), FsckError> {
        let end = self.end_of(found).await?;
        let Some(key) = end.and_then(|end| key_of_end(&end)) else { return Ok(()) };
        match self.key_standing(&known.erasures, (name.organisation, name.track), key).await? {
            KeyStanding::Unknown => {
                rebuilt.not.push(NotRebuilt { object: found.object.clone(), why: UNKNOWN_KEY.to_owned() });
            }
            KeyStanding::Erased | KeyStanding::Held => rebuilt.erased += 1,
        }
        Ok(())
    }

    /// Whether a tombstone names whom the track's key belongs to: the key itself may have come back with a registry.
    async fn is_below_erased(&self, plan: &TrackPlan, known: &Known) -> Result<bool, FsckError> {
        let (keys, key) = (Arc::clone(self.keys()), plan.key);
        let found = self.database.read(move |tx| Box::pin(async move { keys.locate(tx, key).await }));
        match found.await {
            Ok(found) => Ok(found.parent.is_some_and(|parent| known.erasures.names_key(parent))),
            // Destroyed since it opened.
            Err(KeyError::Unknown(_)) => Ok(true),
            Err(error) => Err(error.into()),
        }
    }

    /// Notes what rows say lies elsewhere, where it is not any more, and is whole here: the database is older than the
    /// store then, or a copy was lost.
    async fn compare_with_rows(&self, plan: &mut TrackPlan) -> Result<(), FsckError> {
        let track = plan.track;
        let read = self
            .database
            .read(move |tx| Box::pin(async move { segments::of_track(tx, track, 0, u32::MAX).await }));
        let rows: Result<Vec<Segment>, SqlError> = read.await;
        let rows: BTreeMap<u64, Segment> = rows?.into_iter().map(|row| (row.sequence, row)).collect();
        let candidates = plan.parts.iter().flat_map(|part| &part.segments);
        let candidates: Vec<&Segment> =
            candidates.chain(plan.entries.iter().map(|entry| &entry.segment)).collect();
        let mut better = BTreeMap::new();
        for candidate in candidates {
            let Some(row) = rows.get(&candidate.sequence) else { continue };
            let same = row.content_mac == candidate.content_mac && row.extent != candidate.extent;
            if same && !self.is_whole(row).await? && self.is_whole(candidate).await? {
                better.insert((candidate.extent.object.clone(), candidate.sequence), row.extent.clone());
            }
        }
        plan.better = better;
        Ok(())
    }

    /// Leaves out of parts what was recorded as lost, unless it is whole again.
    async fn leave_out_lost(&self, plan: &mut TrackPlan, known: &Known) -> Result<(), FsckError> {
        for part in &mut plan.parts {
            let mut still = Vec::new();
            for segment in &part.segments {
                if !known.lost.contains_key(&(plan.track, segment.sequence)) {
                    continue;
                }
                match self.is_whole(segment).await? {
                    true => plan.found_again.push(segment.sequence),
                    false => still.push(segment.sequence),
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
                    match rows::whose(tx, &keys, plan, now).await? {
                        Ok(subject) => rows::add_track(tx, plan, subject, now, &mut made).await?,
                        Err(why) => made.refused(plan, &why),
                    }
                }
                if made.segments > 0 || made.new_recording {
                    rows::recount(tx, recording, now, made.new_recording).await?;
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
    if erased.iter().any(|id| known.erasures.names(id)) || known.erasures.names_key(key) {
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
    if known.erasures.names(provenance.subject.as_bytes()) {
        return None;
    }
    let mut parts: Vec<Part> = chosen.into_values().map(|manifest| manifest.part).collect();
    // What was written anew counts, and what it was written from adds what could not be read then.
    parts.sort_by_key(|part| std::cmp::Reverse(part.fence));
    Some(TrackPlan {
        organisation,
        recording,
        track,
        key,
        provenance,
        parts,
        entries,
        fence,
        found_again: Vec::new(),
        better: BTreeMap::new(),
    })
}
