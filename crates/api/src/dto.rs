//! What the API says: types of their own, converted by hand from those of the domain.

use clerestory_model::{SubjectId, Timestamp};
use clerestory_playback::{DescribedTrack, GapFact, SegmentFact};
use serde::Serialize;
use utoipa::ToSchema;

/// Somebody, as others see them.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct PersonRef {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) initials: String,
    /// The version of their picture, at `/people/{person}/picture`, where there is one that the caller may see.
    pub(crate) picture: Option<u64>,
}

/// Something with a name.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct NamedRef {
    pub(crate) id: String,
    pub(crate) name: String,
}

/// Whom a recording is about.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct SubjectRef {
    pub(crate) id: String,
    /// A person's name; of a visitor nobody named two words made from the id, the same every time.
    pub(crate) label: String,
    /// The person it is, where it is one of the organisation's.
    pub(crate) person: Option<String>,
}

/// What a recording tells of itself.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Summary {
    pub(crate) title: Option<String>,
    pub(crate) url: Option<String>,
    pub(crate) pages: u32,
    pub(crate) clicks: u32,
    pub(crate) inputs: u32,
    pub(crate) errors: u32,
}

/// A recording in a list.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct RecordingItem {
    pub(crate) id: String,
    /// `web`, `screen`, `desktop` or `live`.
    pub(crate) source: String,
    /// `capturing`, `active`, `soft_deleted`, `purge_queued`, `shredded` or `verified`.
    pub(crate) state: String,
    #[schema(format = DateTime)]
    pub(crate) started_at: String,
    #[schema(format = DateTime)]
    pub(crate) ended_at: Option<String>,
    pub(crate) duration_us: i64,
    pub(crate) size_bytes: u64,
    pub(crate) segments: u64,
    pub(crate) site: Option<NamedRef>,
    pub(crate) subject: SubjectRef,
    pub(crate) summary: Option<Summary>,
    /// 48 equal slices of time: `a0` to `a4`, `gap`, `cut`, `now` or `none`.
    pub(crate) panes: Vec<String>,
    #[schema(format = DateTime)]
    pub(crate) kept_until: Option<String>,
    pub(crate) viewers: Vec<PersonRef>,
    pub(crate) live: bool,
    /// A picture that stands for it, where there is one that the caller may see without anything more being asked.
    pub(crate) preview: Option<Preview>,
    /// Of a recording of a screen: `none`, `waiting`, `made`, `failed`, or `unavailable` where the server has no ffmpeg.
    pub(crate) preview_state: Option<String>,
    /// Why there is none, where it failed or cannot be.
    pub(crate) preview_why: Option<String>,
}

/// A picture that stands for a recording.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Preview {
    /// Fetched in this session within ten minutes.
    pub(crate) url: String,
    /// Pixels of a row.
    pub(crate) width: u32,
    /// Rows.
    pub(crate) height: u32,
}

/// A recording beside something that is about it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct RecordingShort {
    pub(crate) id: String,
    /// `web`, `screen`, `desktop` or `live`.
    pub(crate) source: String,
    #[schema(format = DateTime)]
    pub(crate) started_at: String,
    pub(crate) duration_us: i64,
    pub(crate) subject: SubjectRef,
}

/// A list of recordings.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RecordingList {
    pub(crate) items: Vec<RecordingItem>,
    pub(crate) next_cursor: Option<String>,
    /// The entry of the audit log that tells of this answer.
    pub(crate) entry: u64,
}

/// A segment without its content.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct SegmentItem {
    pub(crate) sequence: u64,
    /// Microseconds since the recording began.
    pub(crate) start_us: i64,
    pub(crate) duration_us: i64,
    pub(crate) size_bytes: u64,
    pub(crate) keyframe: bool,
    #[schema(format = DateTime)]
    pub(crate) received_at: String,
}

/// A stretch where nothing is, and why.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Gap {
    /// Microseconds since the recording began.
    pub(crate) from_us: i64,
    pub(crate) to_us: i64,
    /// `missing`, `url_denied`, `paused`, `hidden`, `policy_stale`, `quota`, `stopped`, `erased`, `oversized`, `damaged`, `lost`, `discarded`.
    pub(crate) reason: String,
}

/// A track and what it holds.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Track {
    pub(crate) id: String,
    pub(crate) kind: String,
    pub(crate) writer: String,
    pub(crate) state: String,
    pub(crate) retention_class: Option<String>,
    #[schema(format = DateTime)]
    pub(crate) kept_until: Option<String>,
    pub(crate) key_id: Option<String>,
    pub(crate) segments: Vec<SegmentItem>,
    pub(crate) gaps: Vec<Gap>,
}

/// Somebody's watching.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Viewer {
    pub(crate) play: String,
    pub(crate) person: PersonRef,
    #[schema(format = DateTime)]
    pub(crate) started_at: String,
    #[schema(format = DateTime)]
    pub(crate) ended_at: Option<String>,
    pub(crate) reason: Option<String>,
    pub(crate) entry: u64,
    pub(crate) ranges: Vec<Range>,
    /// Microseconds watched, each counted once.
    pub(crate) watched_us: i64,
    /// Whether it was taken along as a file, which lies elsewhere now, rather than watched here.
    pub(crate) copied: bool,
}

/// A stretch of a recording.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub(crate) struct Range {
    pub(crate) from_us: i64,
    pub(crate) to_us: i64,
}

/// An entry of the audit log.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct AuditItem {
    pub(crate) number: u64,
    #[schema(format = DateTime)]
    pub(crate) time: String,
    pub(crate) action: String,
    /// OCSF 1.8.
    pub(crate) class_uid: i64,
    pub(crate) activity_id: i64,
    /// `allowed`, `refused` or `failed`.
    pub(crate) outcome: String,
    pub(crate) rule: String,
    pub(crate) actor: AuditActor,
    pub(crate) object: AuditObject,
    pub(crate) detail: Option<String>,
    pub(crate) reason: Option<String>,
    /// Where its words, of which detail and reason are made, do not open any more: `forgotten`, as the log says, or `lost`.
    pub(crate) words: Option<String>,
    /// The entry that says that its words were forgotten, and why.
    pub(crate) forgotten_by: Option<u64>,
    pub(crate) previous_hash: String,
    pub(crate) hash: String,
    pub(crate) request_id: String,
}

/// Who an entry tells of.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct AuditActor {
    /// `person`, `site`, `key`, `recorder`, `system` or `anonymous`.
    pub(crate) kind: String,
    pub(crate) id: Option<String>,
    pub(crate) name: Option<String>,
}

/// What an entry tells of.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct AuditObject {
    pub(crate) kind: String,
    pub(crate) id: Option<String>,
    pub(crate) label: Option<String>,
}

impl From<&SegmentFact> for SegmentItem {
    fn from(fact: &SegmentFact) -> Self {
        Self {
            sequence: fact.sequence,
            start_us: fact.start_us,
            duration_us: fact.duration_us,
            size_bytes: fact.size_bytes,
            keyframe: fact.keyframe,
            received_at: fact.received_at.to_string(),
        }
    }
}

impl From<&GapFact> for Gap {
    fn from(fact: &GapFact) -> Self {
        Self { from_us: fact.from_us, to_us: fact.to_us, reason: fact.reason.to_string() }
    }
}

impl From<&DescribedTrack> for Track {
    fn from(described: &DescribedTrack) -> Self {
        let track = &described.track;
        Self {
            id: track.id.to_string(),
            kind: track.kind.to_string(),
            writer: track.writer.to_string(),
            state: track.state.to_string(),
            retention_class: Some(track.class.to_string()),
            kept_until: Some(track.kept_until.to_string()),
            key_id: Some(track.key.to_string()),
            segments: described.segments.iter().map(Into::into).collect(),
            gaps: described.gaps.iter().map(Into::into).collect(),
        }
    }
}

/// How long a recording is: up to now while it goes on.
pub(crate) fn duration_us(recording: &clerestory_store::recordings::Recording, now: Timestamp) -> i64 {
    let end = if recording.is_live(now) { now.max(recording.ended_at) } else { recording.ended_at };
    end.micros().saturating_sub(recording.started_at.micros()).max(0)
}

/// A name for a visitor nobody named.
pub(crate) fn visitor_label(subject: SubjectId) -> String {
    const HOW: [&str; 32] = [
        "Amber", "Ashen", "Bold", "Brisk", "Calm", "Clear", "Copper", "Dusky", "Early", "Fern", "Gentle",
        "Golden", "Hazel", "Ivory", "Keen", "Late", "Linen", "Marble", "Misty", "Mossy", "Nimble", "Olive",
        "Pale", "Quiet", "Rowan", "Russet", "Silver", "Slow", "Stone", "Swift", "Tawny", "Velvet",
    ];
    const WHO: [&str; 32] = [
        "Badger", "Bittern", "Crane", "Curlew", "Dipper", "Falcon", "Finch", "Fox", "Gull", "Hare",
        "Harrier", "Heron", "Ibis", "Jay", "Kestrel", "Lark", "Linnet", "Marten", "Martin", "Merlin",
        "Otter", "Owl", "Pike", "Plover", "Raven", "Robin", "Stoat", "Swallow", "Swift", "Tern", "Wren",
        "Wagtail",
    ];
    let [.., first, second] = subject.as_bytes();
    let pick =
        |words: &[&'static str; 32], byte: u8| words.get(usize::from(byte % 32)).copied().unwrap_or("");
    format!("{} {}", pick(&HOW, *first), pick(&WHO, *second))
}
