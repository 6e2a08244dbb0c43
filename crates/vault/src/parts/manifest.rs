//! The manifest at the end of a part: which segments it holds, and whose they are.

use std::io;

use clerestory_access::{Action, Grant};
use clerestory_model::{
    Deployment, KeyId, ProjectId, RetentionClass, SiteId, Source, SubjectId, Timestamp, TrackKind, WriterId,
};
use clerestory_seal::{ObjectContext, ObjectKind, ObjectOpener, SecretKey, StreamError, seal_object};
use clerestory_store::parts::{self, Part};
use clerestory_store::recordings::Recording;
use clerestory_store::retention;
use clerestory_store::segments::{Extent, Segment};
use clerestory_store::tracks::{Gap, Track};
use serde::{Deserialize, Serialize};

use crate::{Listed, OpenError, PartName, StoreError, Vault};

/// How every part ends.
const MARK: &[u8; 16] = b"clerestory-part1";
/// Bytes after the manifest: key 16 ‖ be64 length of the manifest ‖ mark 16.
pub(crate) const TRAILER: u64 = 16 + 8 + 16;
/// Bytes of a manifest at most, unpacked: a thousand segments come to less than 200 KiB.
const LIMIT: usize = 16 * 1024 * 1024;
/// zstd's level for manifests.
const MANIFEST_LEVEL: i32 = 12;
/// Bytes read from the end at first: most manifests lie within.
const FIRST_READ: u64 = 64 * 1024;

/// Whose a part is: what the rows of its recording and track say, as far as nothing else tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// The project of the recording.
    pub project: ProjectId,
    /// The site it came from.
    pub site: Option<SiteId>,
    /// Whom it is about.
    pub subject: SubjectId,
    /// What captured it.
    pub source: Source,
    /// When the recording began.
    #[serde(with = "micros")]
    pub started_at: Timestamp,
    /// The policy the recording was last captured under, then.
    pub policy_version: u64,
    /// What the track holds.
    pub kind: TrackKind,
    /// Who numbers its segments.
    pub writer: WriterId,
    /// What decides how long it is kept.
    pub class: RetentionClass,
    /// Added to the writer's clock to give the server's, in microseconds.
    pub clock_offset_us: i64,
    /// From when its retention counted, then, and [`retention::STORED`], whatever was in force.
    #[serde(with = "micros")]
    pub kept_until: Timestamp,
    /// The track's gaps that were told until then: from, to, reason.
    #[serde(with = "gaps")]
    pub gaps: Vec<Gap>,
}

impl Provenance {
    /// What the rows say.
    #[must_use]
    pub fn of(recording: &Recording, track: &Track, gaps: Vec<Gap>) -> Self {
        Self {
            project: recording.project,
            site: recording.site,
            subject: recording.subject,
            source: recording.source,
            started_at: recording.started_at,
            policy_version: recording.policy_version,
            kind: track.kind,
            writer: track.writer,
            class: track.class,
            clock_offset_us: track.clock_offset_us,
            kept_until: track.kept_from.plus(retention::STORED),
            gaps,
        }
    }
}

/// What a part says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// Which part of which track of which recording.
    pub name: PartName,
    /// Whose it is.
    pub provenance: Provenance,
    /// The part's row, as it is or should be.
    pub part: Part,
}

/// Why a manifest is not given out.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// The object's name is not one of a part.
    #[error("{0} is not the name of a part")]
    Name(String),
    /// The object ends in something else: it was cut, or is none.
    #[error("the part does not end as parts do: it was cut off, or is something else")]
    Cut,
    /// The object cannot be read.
    #[error("the part cannot be read")]
    Store(#[from] StoreError),
    /// The manifest was altered, or is of another part.
    #[error("the manifest is not what was sealed for this part")]
    Seal(#[source] StreamError),
    /// It opened, and is not a manifest of this part.
    #[error("the manifest opened to something that does not belong there")]
    Content,
    /// The grant is for something else, or the key is gone.
    #[error(transparent)]
    Open(#[from] OpenError),
}

/// What the manifest's first bytes say, as JSON.
#[derive(Serialize, Deserialize)]
struct Head {
    base: Option<u64>,
    #[serde(with = "micros")]
    settled_at: Timestamp,
    #[serde(flatten)]
    provenance: Provenance,
}

/// A part's end: the sealed manifest and the trailer. The part's own lengths are filled in.
pub(super) fn seal_manifest(
    key: &SecretKey,
    deployment: &Deployment,
    name: &PartName,
    provenance: Provenance,
    part: &mut Part,
) -> io::Result<Vec<u8>> {
    let head = Head { base: part.base, settled_at: part.settled_at, provenance };
    let head = serde_json::to_vec(&head)?;
    let (facts, proofs) = parts::write_table(&part.object, &part.segments);
    let mut plain = Vec::with_capacity(8 + head.len() + facts.len() + proofs.len());
    for text in [&head, &facts] {
        plain.extend_from_slice(&u32::try_from(text.len()).unwrap_or(u32::MAX).to_be_bytes());
        plain.extend_from_slice(text);
    }
    plain.extend_from_slice(&proofs);
    let packed = zstd::bulk::compress(&plain, MANIFEST_LEVEL)?;
    let mut end = seal_object(key, &context(deployment, name), &packed);
    part.manifest_bytes = end.len() as u64;
    end.extend_from_slice(part.key.as_bytes());
    end.extend_from_slice(&part.manifest_bytes.to_be_bytes());
    end.extend_from_slice(MARK);
    let held = |segment: &&Segment| segment.extent.object == part.object;
    part.object_bytes = part.segments.iter().filter(held).map(|segment| segment.extent.length).sum::<u64>()
        + end.len() as u64;
    Ok(end)
}

fn context<'d>(deployment: &'d Deployment, name: &PartName) -> ObjectContext<'d> {
    ObjectContext {
        kind: ObjectKind::Manifest,
        deployment,
        organisation: name.organisation,
        recording: name.recording,
        track: name.track,
        sequence: name.sequence(),
    }
}

/// What the last bytes of a part say of its manifest.
struct Trailer {
    key: KeyId,
    manifest_bytes: u64,
}

impl Trailer {
    fn parse(end: &[u8]) -> Option<Self> {
        let end = end.last_chunk::<{ TRAILER as usize }>()?;
        let (key, rest) = end.split_first_chunk::<16>()?;
        let (length, mark) = rest.split_first_chunk::<8>()?;
        let manifest_bytes = u64::from_be_bytes(*length);
        (mark == MARK).then_some(Self { key: KeyId::from_bytes(*key), manifest_bytes })
    }
}

/// The key that the last bytes of a part name; `None` when it does not end as parts do.
pub(crate) fn key_of_end(end: &[u8]) -> Option<KeyId> {
    Trailer::parse(end).map(|trailer| trailer.key)
}

impl Vault {
    /// The manifest of the part that lies in an object, whether or not any row names it. Its name, its seal and its own
    /// lengths have to agree; whether the segments are what their hashes say is the caller's to check.
    ///
    /// # Errors
    /// [`ManifestError`].
    pub async fn read_manifest<A: Action>(
        &self,
        grant: &Grant<A>,
        object: &Listed,
    ) -> Result<Manifest, ManifestError> {
        let name: PartName = object.object.parse().map_err(|_| ManifestError::Name(object.object.clone()))?;
        if !grant.covers_manifests(name.organisation, name.recording) {
            return Err(OpenError::NotCovered.into());
        }
        let whole = Extent { object: object.object.clone(), offset: 0, length: object.bytes };
        let from = object.bytes.saturating_sub(FIRST_READ);
        let mut end = self.objects().read_range(&whole, from..object.bytes).await?;
        let trailer = Trailer::parse(&end).ok_or(ManifestError::Cut)?;
        // The length comes from outside: no more is read than a manifest can be.
        let tail = (trailer.manifest_bytes <= LIMIT as u64).then_some(trailer.manifest_bytes + TRAILER);
        let tail = tail.filter(|tail| *tail <= object.bytes);
        let tail = tail.ok_or(ManifestError::Cut)?;
        if tail > end.len() as u64 {
            end = self.objects().read_range(&whole, object.bytes - tail..object.bytes).await?;
        }
        let start = end.len().saturating_sub(usize::try_from(tail).unwrap_or(usize::MAX));
        let sealed = end.get(start..end.len() - TRAILER as usize).ok_or(ManifestError::Cut)?;
        let key = self.secret(trailer.key).await.map_err(OpenError::from)?;
        let context = context(self.keys().deployment(), &name);
        let packed = ObjectOpener::open_whole(&key, &context, sealed).map_err(ManifestError::Seal)?;
        read(name, object, &trailer, &packed).ok_or(ManifestError::Content)
    }
}

fn read(name: PartName, object: &Listed, trailer: &Trailer, packed: &[u8]) -> Option<Manifest> {
    let plain = zstd::bulk::decompress(packed, LIMIT).ok()?;
    let (head, rest) = take(&plain)?;
    let (facts, proofs) = take(rest)?;
    let Head { base, settled_at, provenance } = serde_json::from_slice(head).ok()?;
    let segments = parts::read_table(name.track, &object.object, base, facts, proofs)?;
    let part = Part {
        track: name.track,
        number: name.part,
        fence: name.fence,
        key: trailer.key,
        object: object.object.clone(),
        object_bytes: object.bytes,
        manifest_bytes: trailer.manifest_bytes,
        base,
        settled_at,
        segments,
    };
    let (mut end, mut number) = (0, None);
    for segment in &part.segments {
        if segment.extent.object == part.object {
            if segment.extent.offset != end {
                return None;
            }
            end = end.checked_add(segment.extent.length)?;
        }
        if number.is_some_and(|number| number >= segment.sequence) {
            return None;
        }
        number = Some(segment.sequence);
    }
    let whole = end.checked_add(part.manifest_bytes)?.checked_add(TRAILER)?;
    (whole == object.bytes && number.is_some()).then_some(Manifest { name, provenance, part })
}

/// A be32 length, that many bytes, and what is left.
fn take(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)
}

#[cfg(test)]
mod properties;

/// Times as microseconds.
mod micros {
    use clerestory_model::Timestamp;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(at: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
        at.micros().serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Timestamp, D::Error> {
        i64::deserialize(from).map(Timestamp::from_micros)
    }
}

/// Gaps as lists of three.
mod gaps {
    use clerestory_model::GapReason;
    use clerestory_store::tracks::Gap;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(gaps: &[Gap], to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(gaps.iter().map(|gap| (gap.from_us, gap.to_us, gap.reason)))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Gap>, D::Error> {
        let told = Vec::<(i64, i64, GapReason)>::deserialize(from)?;
        Ok(told.into_iter().map(|(from_us, to_us, reason)| Gap { from_us, to_us, reason }).collect())
    }
}
