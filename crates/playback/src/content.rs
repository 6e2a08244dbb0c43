//! What a segment shows: a list of events or actions, or a file of picture or sound that a player takes.

use std::sync::Arc;

use clerestory_access::{Action, Grant};
use clerestory_media::{Kind, Media, PlayerFile, Standing, player_file};
use clerestory_model::{PlayId, RecordingId, RecordingState, Timestamp, TrackId, TrackKind};
use clerestory_sql::{SqlError, Tx};
use clerestory_store::segments::{ContentType, Segment};
use clerestory_store::tracks::{self, Gap, Track};
use clerestory_store::{recordings, segments};
use clerestory_vault::{Base, unpack_events};
use serde_json::{Map, Value};

use crate::{Playback, PlaybackError};

/// Between two segments of pictures that follow one another lies no more than this, or something is missing.
pub(crate) const LONGEST_HOLE_US: i64 = 10_000_000;

/// Bytes of a segment's events at most: what intake takes, with room for what cleaning writes out.
const EVENT_BYTES: usize = 32 * 1024 * 1024;

/// A segment's content.
pub enum SegmentContent {
    /// A JSON array: of rrweb events, or of what somebody did.
    List(Vec<u8>),
    /// Picture or sound as a file that players take.
    File(PlayerFile),
    /// Nothing: it tells of a gap and of nothing else.
    Nothing,
}

/// A list as a zstd frame (RFC 8878) that any reader unpacks, for the way to a browser.
///
/// # Errors
/// [`PlaybackError::Packing`]: there was no memory for it.
pub fn packed_list(list: &[u8]) -> Result<Vec<u8>, PlaybackError> {
    zstd::bulk::compress(list, 1).map_err(|_| PlaybackError::Packing)
}

/// A segment a play may have, and what it is packed on.
pub(crate) struct Found<A: Action> {
    grant: Grant<A>,
    track: Track,
    segment: Segment,
    base: Option<Segment>,
    beside: Beside,
}

/// What a segment's content hangs on beside its bytes.
enum Beside {
    /// Nothing.
    Alone,
    /// Where the next segment begins, if nothing is missing between.
    Next(Option<i64>),
    /// When its recording began.
    Began(Timestamp),
}

impl<A: Action> Found<A> {
    /// A segment of a recording that the grant is for.
    pub(crate) async fn look(
        tx: &mut Tx,
        grant: Grant<A>,
        recording: RecordingId,
        (track, sequence): (TrackId, u64),
        shown: impl Fn(RecordingState) -> bool,
    ) -> Result<Self, PlaybackError> {
        let track = tracks::find(tx, track).await?;
        let track = track.filter(|track| track.recording == recording);
        let track = track.ok_or(PlaybackError::NotFound)?;
        if !shown(track.state) {
            return Err(PlaybackError::Gone);
        }
        if tracks::is_erased(tx, track.id, sequence).await? {
            return Err(PlaybackError::Gone);
        }
        let segment = segments::find(tx, track.id, sequence).await?;
        let segment = segment.ok_or(PlaybackError::NotFound)?;
        let base = match segment.content_type.base() {
            None => None,
            Some(base) => segments::find(tx, track.id, base).await?,
        };
        let beside = match segment.content_type {
            ContentType::Rrweb | ContentType::RrwebOnBase(_) => Beside::Alone,
            ContentType::Media => Beside::Next(next_start(tx, &segment).await?),
            ContentType::Actions => {
                let found = recordings::find(tx, recording).await?.ok_or(PlaybackError::NotFound)?;
                Beside::Began(found.started_at)
            }
        };
        Ok(Self { grant, track, segment, base, beside })
    }
}

/// Where the segment after this one begins, if it is there and no gap lies between.
async fn next_start(tx: &mut Tx, segment: &Segment) -> Result<Option<i64>, SqlError> {
    let Some(next) = segments::find(tx, segment.track, segment.sequence + 1).await? else { return Ok(None) };
    let end_us = segment.start_us.saturating_add(segment.duration_us);
    let between = |gap: &Gap| gap.from_us < next.start_us && gap.to_us > end_us;
    let is_cut = tracks::gaps(tx, segment.track).await?.iter().any(between);
    let follows = next.start_us >= end_us && next.start_us - end_us <= LONGEST_HOLE_US;
    Ok((follows && !is_cut).then_some(next.start_us))
}

/// Shifts what somebody did from the clock of their browser to the time of the recording: milliseconds since it began.
fn in_time(list: &[u8], shift_ms: i64) -> Option<Vec<u8>> {
    let mut list: Vec<Map<String, Value>> = serde_json::from_slice(list).ok()?;
    for action in &mut list {
        for at in ["t", "to"] {
            if let Some(time) = action.get_mut(at) {
                *time = time.as_i64()?.saturating_add(shift_ms).max(0).into();
            }
        }
    }
    serde_json::to_vec(&list).ok()
}

/// The file of stored picture or sound. Its times count from where the segment's row says that it begins.
fn media_file(track: &Track, segment: &Segment, beside: &Beside, stored: &[u8]) -> Option<SegmentContent> {
    let kind = match track.kind {
        TrackKind::Video => Kind::Picture,
        TrackKind::Audio => Kind::Sound,
        _ => return None,
    };
    let media = Media::parse(stored, kind).ok()?;
    let until_us = match beside {
        Beside::Next(until) => until.and_then(|until| u64::try_from(until).ok()),
        _ => None,
    };
    let start_us = u64::try_from(segment.start_us).ok()?;
    let standing = Standing { sequence: segment.sequence, start_us, until_us };
    Some(player_file(&media, standing).map_or(SegmentContent::Nothing, SegmentContent::File))
}

impl Playback {
    /// Opens a segment and what it is packed on, which is held for others of the same watching.
    pub(crate) async fn unpack<A: Action>(
        &self,
        found: &Found<A>,
        play: PlayId,
    ) -> Result<SegmentContent, PlaybackError> {
        let Found { grant, track, segment, base, beside } = found;
        let sequence = segment.sequence;
        let packed = self.open(grant, track, segment).await?;
        let content = match (segment.content_type, base, beside) {
            (ContentType::Rrweb, ..) => unpack_events(&packed, EVENT_BYTES).ok().map(SegmentContent::List),
            (ContentType::RrwebOnBase(_), None, _) => None,
            (ContentType::RrwebOnBase(_), Some(base), _) => {
                let base = self.base(grant, play, track, base).await?;
                base.unpack(&packed, EVENT_BYTES).ok().map(SegmentContent::List)
            }
            (ContentType::Media, _, beside) => media_file(track, segment, beside, &packed),
            (ContentType::Actions, _, Beside::Began(at)) => {
                let shift_us = track.clock_offset_us.saturating_sub(at.micros());
                let list = zstd::bulk::decompress(&packed, EVENT_BYTES).ok();
                list.and_then(|list| in_time(&list, shift_us / 1000)).map(SegmentContent::List)
            }
            (ContentType::Actions, ..) => None,
        };
        content.ok_or(PlaybackError::Damaged { sequence })
    }

    /// The bytes of a segment as they were sent.
    pub(crate) async fn bytes<A: Action>(&self, found: &Found<A>) -> Result<Vec<u8>, PlaybackError> {
        self.open(&found.grant, &found.track, &found.segment).await
    }

    /// Opens a segment. One that is not what was stored is noted, for the health page.
    async fn open<A: Action>(
        &self,
        grant: &Grant<A>,
        track: &Track,
        segment: &Segment,
    ) -> Result<Vec<u8>, PlaybackError> {
        let error = match self.vault.open_segment(grant, track, segment).await {
            Ok(packed) => return Ok(packed),
            Err(error) => error,
        };
        // A missing one may have been settled meanwhile; it is noted when its row still says that it lies there.
        let (id, sequence, extent) = (track.id, segment.sequence, segment.extent.clone());
        let now =
            self.database.read(move |tx| Box::pin(async move { segments::find(tx, id, sequence).await }));
        let now: Result<Option<Segment>, SqlError> = now.await;
        if now?.is_some_and(|now| now.extent == extent) {
            self.vault.note_damage_met(track, segment, &error).await?;
        }
        Err(error.into())
    }

    /// What other segments of a part are packed on: opened once for a play, by its grant.
    async fn base<A: Action>(
        &self,
        grant: &Grant<A>,
        play: PlayId,
        track: &Track,
        segment: &Segment,
    ) -> Result<Arc<Base>, PlaybackError> {
        if let Some(base) = self.bases.held(play, segment) {
            return Ok(base);
        }
        let packed = self.open(grant, track, segment).await?;
        let damaged = PlaybackError::Damaged { sequence: segment.sequence };
        let events = unpack_events(&packed, EVENT_BYTES).map_err(|_| damaged)?;
        let base = Arc::new(Base::new(&events));
        self.bases.hold(play, segment, Arc::clone(&base));
        Ok(base)
    }
}
