//! What lies in the ingest log for each segment: the sealed segment, and before it what it takes to make its rows again.
//!
//! In the clear stand the lengths and the ids that say under which key and in which place the rest is sealed. The rest of
//! what the rows say is the **note**, sealed under the track's key. A log that was cut off, or of which a stretch was
//! altered, is read on from the next mark. A large segment's own object holds one such entry.

use clerestory_model::{Deployment, KeyId, OrganisationId, RecordingId, SiteId, Timestamp, TrackId};
use clerestory_model::{GapReason, ProjectId, RetentionClass, Source, SubjectId, TrackKind, WriterId};
use clerestory_seal::{HEADER_BYTES, ObjectContext, ObjectKind, ObjectOpener, SecretKey, StreamError};
use clerestory_seal::{seal_object, sha256};
use clerestory_store::parts::{read_table, write_table};
use clerestory_store::segments::{Extent, Segment};
use clerestory_store::tracks::Gap;

use crate::{Provenance, SegmentPlace, StoreError};

/// How every entry begins.
const MARK: &[u8; 8] = b"clstlog1";
/// Bytes before the note: mark 8 ‖ be32 length of the note ‖ be32 length of the segment ‖ organisation 16 ‖
/// recording 16 ‖ track 16 ‖ key 16 ‖ be64 number.
pub(crate) const FRAME: usize = 8 + 4 + 4 + 4 * 16 + 8;
/// A segment is never larger than this, sealed.
const LARGEST: u64 = 17 * 1024 * 1024;
/// A note is never larger than this, sealed.
const LARGEST_NOTE: usize = 64 * 1024;
/// A note never tells of more gaps.
const MOST_GAPS: usize = u8::MAX as usize;
/// An object with one entry is never larger than this.
pub(crate) const LARGEST_ENTRY: u64 = FRAME as u64 + LARGEST_NOTE as u64 + LARGEST;

/// The bytes of an entry: `sealed` and what stands before it.
///
/// # Errors
/// [`StoreError::Untold`]: what is stored with a note that nobody can read back is lost as soon as its row is.
pub(crate) fn write(
    key: &SecretKey,
    deployment: &Deployment,
    place: &SegmentPlace,
    provenance: &Provenance,
    row: &Segment,
    sealed: &[u8],
) -> Result<Vec<u8>, StoreError> {
    let note = seal_object(key, &context(deployment, place), &note(provenance, row));
    let gaps = provenance.gaps.len();
    if gaps > MOST_GAPS || note.len() > LARGEST_NOTE || sealed.len() as u64 > LARGEST {
        return Err(StoreError::Untold { gaps, bytes: sealed.len() as u64 });
    }
    let mut out = Vec::with_capacity(FRAME + note.len() + sealed.len());
    out.extend_from_slice(MARK);
    for length in [note.len(), sealed.len()] {
        out.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
    }
    for id in [place.organisation.as_bytes(), place.recording.as_bytes(), place.track.as_bytes()] {
        out.extend_from_slice(id);
    }
    out.extend_from_slice(place.key.as_bytes());
    out.extend_from_slice(&place.sequence.to_be_bytes());
    out.extend_from_slice(&note);
    out.extend_from_slice(sealed);
    Ok(out)
}

fn context<'d>(deployment: &'d Deployment, place: &SegmentPlace) -> ObjectContext<'d> {
    ObjectContext { kind: ObjectKind::Note, ..place.context(deployment) }
}

/// What the note says: ids 4 × 16 (zeros for no site), kind, source and class a byte each, five be64, the gaps, the MAC
/// of what was sent, and the facts as the table of a part has them.
fn note(provenance: &Provenance, row: &Segment) -> Vec<u8> {
    let Provenance { project, site, subject, writer, .. } = provenance;
    let mut out = Vec::with_capacity(256);
    for id in [project.as_bytes(), site.unwrap_or(SiteId::nil()).as_bytes(), subject.as_bytes()] {
        out.extend_from_slice(id);
    }
    out.extend_from_slice(writer.as_bytes());
    for word in [provenance.kind.number(), provenance.source.number(), provenance.class.number()] {
        out.push(word as u8);
    }
    for number in [
        provenance.started_at.micros(),
        provenance.policy_version.cast_signed(),
        provenance.clock_offset_us,
        provenance.kept_until.micros(),
        provenance.gaps.len() as i64,
    ] {
        out.extend_from_slice(&number.to_be_bytes());
    }
    for gap in &provenance.gaps {
        for number in [gap.from_us, gap.to_us, gap.reason.number()] {
            out.extend_from_slice(&number.to_be_bytes());
        }
    }
    out.extend_from_slice(&row.content_mac);
    let mut alone = row.clone();
    alone.extent.object.clear();
    alone.extent.offset = 0;
    out.extend_from_slice(&write_table("", &[alone]).0);
    out
}

/// Where an entry lies in its object, and what its clear bytes say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    /// The segment's place and key: nobody vouches for them before the note opens.
    pub(crate) place: SegmentPlace,
    at: usize,
    /// Both are empty where the lengths cannot be right: it was cut off, or they were altered. It does not open then.
    note: (usize, usize),
    segment: (usize, usize),
}

impl Frame {
    fn parse(bytes: &[u8], at: usize) -> Option<Self> {
        let mut rest = bytes.get(at..)?.strip_prefix(MARK)?;
        let mut take = |count: usize| -> Option<&[u8]> {
            let (taken, left) = rest.split_at_checked(count)?;
            rest = left;
            Some(taken)
        };
        let mut length = || Some(u32::from_be_bytes(take(4)?.try_into().ok()?) as usize);
        let (note, segment) = (length()?, length()?);
        let mut id = || <[u8; 16]>::try_from(take(16)?).ok();
        let place = SegmentPlace {
            organisation: OrganisationId::from_bytes(id()?),
            recording: RecordingId::from_bytes(id()?),
            track: TrackId::from_bytes(id()?),
            key: KeyId::from_bytes(id()?),
            sequence: u64::from_be_bytes(take(8)?.try_into().ok()?),
        };
        let nothing = (at + FRAME, at + FRAME);
        let end = (at + FRAME).saturating_add(note).saturating_add(segment);
        if note > LARGEST_NOTE || segment as u64 > LARGEST || end > bytes.len() {
            return Some(Self { place, at, note: nothing, segment: nothing });
        }
        let note = (at + FRAME, at + FRAME + note);
        Some(Self { place, at, note, segment: (note.1, end) })
    }

    /// Where the entry ends in the object.
    pub(crate) fn end(&self) -> u64 {
        self.segment.1 as u64
    }
}

/// The entries of an object, one after another. Stretches that are none are passed over.
pub(crate) struct Frames<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl<'b> Frames<'b> {
    /// Those of an object with these bytes.
    pub(crate) fn of(bytes: &'b [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Goes back into an entry that did not open, behind its mark: its lengths may be what was altered, and then other
    /// entries lie where they say that it lies.
    pub(crate) fn look_into(&mut self, frame: &Frame) {
        self.at = frame.at + MARK.len();
    }
}

impl Iterator for Frames<'_> {
    type Item = Frame;

    fn next(&mut self) -> Option<Frame> {
        loop {
            let rest = self.bytes.get(self.at..)?;
            self.at += rest.windows(MARK.len()).position(|window| window == MARK)?;
            if let Some(frame) = Frame::parse(self.bytes, self.at) {
                self.at = frame.segment.1;
                return Some(frame);
            }
            self.at += MARK.len();
        }
    }
}

/// The key that the beginning of an entry names, and how many bytes the entry takes of the `left` there are. One whose
/// lengths cannot be right takes its mark alone: what follows is looked through.
pub(crate) fn key_of_frame(head: &[u8], left: u64) -> Option<(KeyId, u64)> {
    let frame = Frame::parse(head, 0)?;
    let length = |at: usize| Some(u64::from(u32::from_be_bytes(head.get(at..at + 4)?.try_into().ok()?)));
    let (note, segment) = (length(MARK.len())?, length(MARK.len() + 4)?);
    let whole = FRAME as u64 + note + segment;
    let is_sound = note <= LARGEST_NOTE as u64 && segment <= LARGEST && whole <= left;
    Some((frame.place.key, if is_sound { whole } else { MARK.len() as u64 }))
}

/// How far on in these bytes, behind the first of them, an entry may begin; past all but the last few where none does.
pub(crate) fn next_mark(bytes: &[u8]) -> u64 {
    let rest = bytes.get(1..).unwrap_or_default();
    let found = rest.windows(MARK.len()).position(|window| window == MARK);
    let nowhere = bytes.len().saturating_sub(MARK.len() - 1).max(1);
    found.map_or(nowhere, |at| at + 1) as u64
}

/// What an entry says, opened and checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) place: SegmentPlace,
    pub(crate) provenance: Provenance,
    pub(crate) segment: Segment,
}

/// Opens the note of an entry of `object`, and sees that its segment opens too.
pub(crate) fn open(
    key: &SecretKey,
    deployment: &Deployment,
    object: &str,
    bytes: &[u8],
    frame: &Frame,
) -> Result<Entry, StreamError> {
    let place = frame.place;
    let (note, sealed) = (bytes.get(frame.note.0..frame.note.1), bytes.get(frame.segment.0..frame.segment.1));
    let (Some(note), Some(sealed)) = (note, sealed) else { return Err(StreamError::UnknownHeader) };
    let plain = ObjectOpener::open_whole(key, &context(deployment, &place), note)?;
    ObjectOpener::open_whole(key, &place.context(deployment), sealed)?;
    let read = read_note(&plain, &place, sealed).ok_or(StreamError::UnknownHeader)?;
    let (provenance, mut segment) = read;
    let length = segment.extent.length;
    if segment.sequence != place.sequence || length != sealed.len() as u64 || length > LARGEST {
        return Err(StreamError::UnknownHeader);
    }
    segment.extent = Extent { object: object.to_owned(), offset: frame.segment.0 as u64, length };
    Ok(Entry { place, provenance, segment })
}

fn read_note(plain: &[u8], place: &SegmentPlace, sealed: &[u8]) -> Option<(Provenance, Segment)> {
    let mut rest = plain;
    let mut take = |count: usize| -> Option<&[u8]> {
        let (taken, left) = rest.split_at_checked(count)?;
        rest = left;
        Some(taken)
    };
    let mut ids = [[0; 16]; 4];
    for id in &mut ids {
        *id = take(16)?.try_into().ok()?;
    }
    let [project, site, subject, writer] = ids;
    let words: [u8; 3] = take(3)?.try_into().ok()?;
    let [kind, source, class] = words.map(i64::from);
    let mut number = || Some(i64::from_be_bytes(take(8)?.try_into().ok()?));
    let (started, policy, clock_offset_us, kept, count) =
        (number()?, number()?, number()?, number()?, number()?);
    let mut gaps = Vec::new();
    for _ in 0..u8::try_from(count).ok()? {
        let (from_us, to_us, reason) = (number()?, number()?, number()?);
        gaps.push(Gap { from_us, to_us, reason: GapReason::from_number(reason).ok()? });
    }
    let content_mac: [u8; 32] = take(32)?.try_into().ok()?;
    let mut proofs = sealed.get(..HEADER_BYTES)?.to_vec();
    proofs.extend_from_slice(&sha256(sealed));
    proofs.extend_from_slice(&content_mac);
    let segment = read_table(place.track, "", None, rest, &proofs)?.pop()?;
    let provenance = Provenance {
        project: ProjectId::from_bytes(project),
        site: (site != [0; 16]).then_some(SiteId::from_bytes(site)),
        subject: SubjectId::from_bytes(subject),
        source: Source::from_number(source).ok()?,
        started_at: Timestamp::from_micros(started),
        policy_version: policy.cast_unsigned(),
        kind: TrackKind::from_number(kind).ok()?,
        writer: WriterId::from_bytes(writer),
        class: RetentionClass::from_number(class).ok()?,
        clock_offset_us,
        kept_until: Timestamp::from_micros(kept),
        gaps,
    };
    Some((provenance, segment))
}

#[cfg(test)]
mod properties;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

    use clerestory_store::segments::ContentType;

    use super::*;

    fn place(sequence: u64) -> SegmentPlace {
        SegmentPlace {
            organisation: OrganisationId::from_bytes([1; 16]),
            recording: RecordingId::from_bytes([2; 16]),
            track: TrackId::from_bytes([3; 16]),
            key: KeyId::from_bytes([4; 16]),
            sequence,
        }
    }

    fn provenance() -> Provenance {
        Provenance {
            project: ProjectId::from_bytes([5; 16]),
            site: Some(SiteId::from_bytes([6; 16])),
            subject: SubjectId::from_bytes([7; 16]),
            source: Source::Web,
            started_at: Timestamp::from_micros(1_790_000_000_000_000),
            policy_version: 3,
            kind: TrackKind::Dom,
            writer: WriterId::from_bytes([8; 16]),
            class: RetentionClass::Replay,
            clock_offset_us: -17,
            kept_until: Timestamp::from_micros(1_800_000_000_000_000),
            gaps: vec![Gap { from_us: 5, to_us: 9, reason: GapReason::Paused }],
        }
    }

    fn entry(key: &SecretKey, deployment: &Deployment, sequence: u64) -> (Vec<u8>, Segment) {
        let sealed = seal_object(key, &place(sequence).context(deployment), b"what was captured");
        let row = Segment {
            track: place(sequence).track,
            sequence,
            start_us: 2_000_000,
            duration_us: 1_000,
            keyframe: sequence == 0,
            content_type: ContentType::Rrweb,
            policy_version: 3,
            extent: Extent { object: "log/x/0.log".to_owned(), offset: 0, length: sealed.len() as u64 },
            header: *sealed.first_chunk().unwrap(),
            sha256: sha256(&sealed),
            content_mac: [9; 32],
            sent_bytes: 44,
            received_at: Timestamp::from_micros(1_790_000_003_000_000),
        };
        (write(key, deployment, &place(sequence), &provenance(), &row, &sealed).unwrap(), row)
    }

    #[test]
    fn what_could_not_be_read_back_is_not_written() {
        let deployment = Deployment { environment: [10; 16], region: "test".to_owned() };
        let key = SecretKey::generate();
        let (_, row) = entry(&key, &deployment, 0);
        let sealed = seal_object(&key, &place(0).context(&deployment), b"what was captured");
        let written = |gaps: usize| {
            let gap = |at: i64| Gap { from_us: at, to_us: at + 1, reason: GapReason::Paused };
            let told = Provenance { gaps: (0..gaps as i64).map(gap).collect(), ..provenance() };
            write(&key, &deployment, &place(0), &told, &row, &sealed)
        };
        let most = written(MOST_GAPS).unwrap();
        let frame = Frames::of(&most).next().unwrap();
        let read = open(&key, &deployment, "log/x/0.log", &most, &frame).unwrap();
        assert_eq!(read.provenance.gaps.len(), MOST_GAPS);
        for gaps in [MOST_GAPS + 1, 10_000] {
            assert!(matches!(written(gaps), Err(StoreError::Untold { .. })), "{gaps}");
        }
    }

    #[test]
    fn a_log_is_read_on_after_what_was_altered_or_cut() {
        let deployment = Deployment { environment: [10; 16], region: "test".to_owned() };
        let key = SecretKey::generate();
        let (mut log, mut rows) = (Vec::new(), Vec::new());
        for sequence in 0..3 {
            let (bytes, mut row) = entry(&key, &deployment, sequence);
            row.extent.offset = (log.len() + bytes.len()) as u64 - row.extent.length;
            log.extend_from_slice(&bytes);
            rows.push(row);
        }
        let read = |log: &[u8]| -> Vec<Result<Entry, StreamError>> {
            let (mut frames, mut all) = (Frames::of(log), Vec::new());
            while let Some(frame) = frames.next() {
                let entry = open(&key, &deployment, "log/x/0.log", log, &frame);
                if entry.is_err() {
                    frames.look_into(&frame);
                }
                all.push(entry);
            }
            all
        };
        let all = read(&log);
        assert_eq!(
            all.iter().map(|entry| &entry.as_ref().unwrap().segment).collect::<Vec<_>>(),
            rows.iter().collect::<Vec<_>>()
        );
        assert!(all.iter().all(|entry| entry.as_ref().unwrap().provenance == provenance()));
        // The first entry's mark is gone, and the last is cut: the one between is found.
        let mut harmed = log[..log.len() - 1].to_vec();
        harmed[0] ^= 1;
        let left: Vec<Entry> = read(&harmed).into_iter().flatten().collect();
        assert_eq!(left.len(), 1);
        assert_eq!(left[0].segment, rows[1]);
        // An id, the note or the segment that is not what was sealed does not open.
        for at in [16, FRAME + 45, log.len() - 1] {
            let mut altered = log.clone();
            altered[at] ^= 1;
            assert_eq!(read(&altered).iter().filter(|entry| entry.is_err()).count(), 1, "at {at}");
        }
        // A length that is another costs its own entry and none behind it, whatever it says.
        for at in MARK.len()..MARK.len() + 8 {
            for to in 0..=u8::MAX {
                let mut altered = log.clone();
                if altered[at] == to {
                    continue;
                }
                altered[at] = to;
                let left: Vec<Segment> = read(&altered).into_iter().flatten().map(|e| e.segment).collect();
                assert_eq!(left, rows[1..], "byte {at} is {to}");
            }
        }
    }
}
