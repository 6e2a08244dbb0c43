//! Writing a part: its segments opened, packed on what they share, sealed each by itself, and put as one object.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use clerestory_access::{Action, Grant};
use clerestory_model::{Deployment, KeyId, Timestamp};
use clerestory_seal::{ObjectOpener, SecretKey, seal_object, sha256};
use clerestory_store::parts::Part;
use clerestory_store::segments::{ContentType, Extent, Segment};
use clerestory_store::tracks::Track;
use futures_util::{StreamExt, TryStreamExt, stream};
use zeroize::Zeroizing;

use super::manifest::{Provenance, seal_manifest};
use crate::error::chain;
use crate::packing::{Base, Effort, SettledPacker};
use crate::segments::content_mac;
use crate::{Fault, OpenError, PartName, SegmentPlace, StoreError, Vault, unpack_events};

/// Segments of a part at most.
pub(super) const PART_SEGMENTS: u32 = 1024;
/// Sealed bytes of the segments that go into a part at most, unless the first alone is larger.
pub(super) const PART_BYTES: u64 = 16 * 1024 * 1024;
/// Segments read at once: on a bucket each is a request.
const READS: usize = 8;
/// Bytes of a segment's events at most, unpacked: what a play takes.
const EVENT_BYTES: usize = 32 * 1024 * 1024;
/// Bytes of events that others are packed on at most: they are held in memory while their part is played.
const BASE_BYTES: usize = 4 * 1024 * 1024;

/// Why a part was not written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The key could not be had, or the grant is for something else.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The segments could not be read, or the part not be stored.
    #[error("the segments could not be read, or their part not be stored")]
    Store(#[from] StoreError),
    /// There was no memory to pack them.
    #[error("the segments could not be packed")]
    Packing(#[from] io::Error),
    /// The work was stopped, as it is at shutdown.
    #[error("the work was stopped")]
    Stopped,
}

/// What is to become a part.
pub(super) struct Plan {
    /// Its name.
    pub(super) name: PartName,
    /// The track as its segments are sealed now.
    pub(super) track: Track,
    /// The key they will be sealed under; the track's own unless a range of it was erased.
    pub(super) key: KeyId,
    pub(super) provenance: Provenance,
    /// In the order of their numbers.
    pub(super) segments: Vec<Segment>,
    /// Segments that some of these are packed on today.
    pub(super) bases: Vec<Segment>,
    pub(super) effort: Effort,
    pub(super) at: Timestamp,
}

/// A part's bytes, and what its row will say.
pub(super) struct Assembled {
    pub(super) bytes: Vec<u8>,
    pub(super) part: Part,
}

/// A segment on its way, with its sealed bytes; without them it stays where it lies.
type Sealed = (Segment, Option<Vec<u8>>);

/// A segment whose bytes are not those that were stored, or cannot be had.
pub(super) type Damaged = (u64, String, Fault);

/// What was read of segments, and what could not be.
type Read = (Vec<Sealed>, Vec<Damaged>);

impl Vault {
    /// Makes the bytes of a part; stores nothing. Segments whose bytes are not those that were stored are left out and
    /// told of, and those that do not open are left out where they cannot be moved as they lie. `None` when nothing is
    /// left.
    pub(super) async fn assemble<A: Action>(
        &self,
        grant: &Grant<A>,
        plan: Plan,
    ) -> Result<(Option<Assembled>, Vec<Damaged>), WriteError> {
        if !grant.covers_segments(plan.track.organisation, plan.track.recording) {
            return Err(OpenError::NotCovered.into());
        }
        let old = self.secret(plan.track.key).await.map_err(OpenError::from)?;
        let stays = plan.key == plan.track.key;
        let new = match stays {
            true => Arc::clone(&old),
            false => self.secret(plan.key).await.map_err(OpenError::from)?,
        };
        let (segments, damaged) = self.read_all(&plan.segments, stays).await?;
        let (bases, _) = self.read_all(&plan.bases, false).await?;
        let deployment = self.keys().deployment().clone();
        let work = move || Assembly { old, new, deployment, plan }.run(segments, &bases);
        let assembled = tokio::task::spawn_blocking(work).await.map_err(|_| WriteError::Stopped)??;
        Ok((assembled, damaged))
    }

    /// The sealed bytes of segments, a few at a time. `stay` says that what cannot be had stays where it lies, and large
    /// segments do anyway.
    async fn read_all(&self, segments: &[Segment], stay: bool) -> Result<Read, StoreError> {
        let read = |segment: Segment| async move {
            if stay && segment.extent.object.starts_with("segments/") {
                return Ok(Ok((segment, None)));
            }
            let read = match self.read_stored(&segment).await {
                // A store that refuses one object may give the others. Who has to move everything asks again later.
                Err(error) if stay && !error.passes() && !matches!(error, StoreError::Denied(_)) => {
                    tracing::error!(error = chain(&error), "the store does not give a segment's bytes");
                    Err(Fault::Unreadable)
                }
                read => read?,
            };
            Ok::<_, StoreError>(match read {
                Ok(bytes) => Ok((segment, Some(bytes))),
                Err(fault) => {
                    let (sequence, object, word) = (segment.sequence, segment.extent.object, fault.word());
                    tracing::error!(sequence, object, fault = word, "a segment is damaged and is not moved");
                    Err((sequence, object, fault))
                }
            })
        };
        let mut reads = stream::iter(segments.to_vec()).map(read).buffered(READS);
        let (mut whole, mut damaged) = (Vec::new(), Vec::new());
        while let Some(read) = reads.try_next().await? {
            match read {
                Ok(sealed) => whole.push(sealed),
                Err(what) => damaged.push(what),
            }
        }
        Ok((whole, damaged))
    }

    /// The bytes of a segment, which are those that were stored. What is wrong is read once more: a store, or what stands
    /// before it, may be wrong once, and the original goes when its bytes have moved.
    pub(crate) async fn read_stored(&self, segment: &Segment) -> Result<Result<Vec<u8>, Fault>, StoreError> {
        match self.read_once(segment).await? {
            Err(_) => self.read_once(segment).await,
            whole => Ok(whole),
        }
    }

    async fn read_once(&self, segment: &Segment) -> Result<Result<Vec<u8>, Fault>, StoreError> {
        match self.objects().read(&segment.extent).await {
            Ok(bytes) if sha256(&bytes) == segment.sha256 => Ok(Ok(bytes)),
            Ok(_) => Ok(Err(Fault::Altered)),
            Err(StoreError::Missing) => Ok(Err(Fault::Missing)),
            Err(StoreError::Truncated) => Ok(Err(Fault::Truncated)),
            Err(other) => Err(other),
        }
    }
}

/// The work on a part that needs the processor.
struct Assembly {
    old: Arc<SecretKey>,
    new: Arc<SecretKey>,
    deployment: Deployment,
    plan: Plan,
}

impl Assembly {
    fn run(self, segments: Vec<Sealed>, bases: &[Sealed]) -> Result<Option<Assembled>, WriteError> {
        let old_bases = self.old_bases(bases);
        let chosen = self.choose_base(&segments, &old_bases);
        let mut packers = Packers::new(chosen, self.plan.effort)?;
        let object = self.plan.name.to_string();
        let (mut bytes, mut moved) = (Vec::new(), Vec::with_capacity(segments.len()));
        let stays = self.plan.key == self.plan.track.key;
        for (mut segment, sealed) in segments {
            let Some(mut sealed) = sealed else {
                moved.push(segment);
                continue;
            };
            match self.packed_anew(&segment, &sealed, &old_bases, &mut packers)? {
                Some((packed, content_type)) => {
                    sealed = self.seal(&segment, &packed);
                    segment.content_type = content_type;
                    segment.header = sealed.first_chunk().copied().unwrap_or(segment.header);
                    segment.sha256 = sha256(&sealed);
                    // Of these what came is what is stored, so that it is known when it comes again.
                    if segment.content_type == ContentType::Media {
                        segment.content_mac = content_mac(&self.new, &packed);
                    }
                }
                // It is moved as it lies; or it is what was stored and does not open, and is kept so that this stays to be
                // seen. What is packed on another segment cannot be: the part has one base, and that is not it.
                None if stays && segment.content_type.base().is_none() => {}
                None => continue,
            }
            let (offset, length) = (bytes.len() as u64, sealed.len() as u64);
            segment.extent = Extent { object: object.clone(), offset, length };
            bytes.extend_from_slice(&sealed);
            moved.push(segment);
        }
        if moved.is_empty() {
            return Ok(None);
        }
        self.finish(object, bytes, moved, packers.base_number()).map(Some)
    }

    /// What a segment is sealed of from now on; `None` where it is not sealed anew, as nothing of it changes, or where it does
    /// not open.
    fn packed_anew(
        &self,
        segment: &Segment,
        sealed: &[u8],
        old_bases: &BTreeMap<u64, Base>,
        packers: &mut Packers,
    ) -> io::Result<Option<(Zeroizing<Vec<u8>>, ContentType)>> {
        match segment.content_type {
            ContentType::Media | ContentType::Actions if self.plan.key == self.plan.track.key => Ok(None),
            kind @ (ContentType::Media | ContentType::Actions) => {
                Ok(self.opened(segment, sealed).map(|plain| (plain, kind)))
            }
            ContentType::Rrweb | ContentType::RrwebOnBase(_) => {
                let Some(events) = self.events(segment, sealed, old_bases) else { return Ok(None) };
                let (packed, content_type) = packers.pack(segment.sequence, &events)?;
                Ok(Some((Zeroizing::new(packed), content_type)))
            }
        }
    }

    /// What a segment was sealed of, if it opens.
    fn opened(&self, segment: &Segment, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let place = SegmentPlace::of(&self.plan.track, segment.sequence);
        let opened = ObjectOpener::open_whole(&self.old, &place.context(&self.deployment), sealed).ok();
        opened.filter(|_| sealed.starts_with(&segment.header)).map(Zeroizing::new)
    }

    /// What segments were packed on before, by its number.
    fn old_bases(&self, bases: &[Sealed]) -> BTreeMap<u64, Base> {
        let none = BTreeMap::new();
        let opened = bases.iter().filter_map(|(segment, sealed)| {
            let events = self.events(segment, sealed.as_deref()?, &none)?;
            Some((segment.sequence, Base::new(&events)))
        });
        opened.collect()
    }

    /// The first keyframe that opens, else the first segment that does: what the others are packed on.
    fn choose_base(&self, segments: &[Sealed], old_bases: &BTreeMap<u64, Base>) -> Option<(u64, Base)> {
        let is_page = |segment: &Segment| {
            matches!(segment.content_type, ContentType::Rrweb | ContentType::RrwebOnBase(_))
        };
        let segments = || segments.iter().filter(|(segment, _)| is_page(segment));
        let keyframes = segments().filter(|(segment, _)| segment.keyframe);
        let others = segments().filter(|(segment, _)| !segment.keyframe);
        keyframes.chain(others).find_map(|(segment, sealed)| {
            let events = self.events(segment, sealed.as_deref()?, old_bases)?;
            (events.len() <= BASE_BYTES).then(|| (segment.sequence, Base::new(&events)))
        })
    }

    /// The events of a segment, if it has some, opens and unpacks.
    fn events(
        &self,
        segment: &Segment,
        sealed: &[u8],
        old_bases: &BTreeMap<u64, Base>,
    ) -> Option<Zeroizing<Vec<u8>>> {
        let packed = self.opened(segment, sealed)?;
        let events = match segment.content_type {
            ContentType::Media | ContentType::Actions => return None,
            ContentType::Rrweb => unpack_events(&packed, EVENT_BYTES).ok(),
            ContentType::RrwebOnBase(base) => old_bases.get(&base)?.unpack(&packed, EVENT_BYTES).ok(),
        };
        events.map(Zeroizing::new)
    }

    fn seal(&self, segment: &Segment, packed: &[u8]) -> Vec<u8> {
        let place = SegmentPlace::of(&self.plan.track, segment.sequence);
        seal_object(&self.new, &place.context(&self.deployment), packed)
    }

    fn finish(
        self,
        object: String,
        mut bytes: Vec<u8>,
        segments: Vec<Segment>,
        base: Option<u64>,
    ) -> Result<Assembled, WriteError> {
        let Plan { name, key, provenance, at, track, .. } = self.plan;
        let mut part = Part {
            track: track.id,
            number: name.part,
            fence: name.fence,
            key,
            object,
            object_bytes: 0,
            manifest_bytes: 0,
            base,
            settled_at: at,
            segments,
        };
        let end = seal_manifest(&self.new, &self.deployment, &name, provenance, &mut part)?;
        bytes.extend_from_slice(&end);
        Ok(Assembled { bytes, part })
    }
}

/// Packs the segments of one part.
struct Packers {
    alone: SettledPacker,
    /// The base's number, and what packs on it.
    based: Option<(u64, SettledPacker)>,
}

impl Packers {
    fn new(base: Option<(u64, Base)>, effort: Effort) -> io::Result<Self> {
        let based =
            base.map(|(number, base)| Ok::<_, io::Error>((number, SettledPacker::on(&base, effort)?)));
        Ok(Self { alone: SettledPacker::of_bases(effort)?, based: based.transpose()? })
    }

    fn base_number(&self) -> Option<u64> {
        self.based.as_ref().map(|(number, _)| *number)
    }

    fn pack(&mut self, sequence: u64, events: &[u8]) -> io::Result<(Vec<u8>, ContentType)> {
        match &mut self.based {
            Some((base, packer)) if *base != sequence => {
                Ok((packer.pack(events)?, ContentType::RrwebOnBase(*base)))
            }
            _ => Ok((self.alone.pack(events)?, ContentType::Rrweb)),
        }
    }
}
