//! Segments: the unit of upload, sealing, acknowledgement and range access. A row of its own says where one lies, or
//! when it is settled the row of its part ([`crate::parts`]); what is here finds both.

use clerestory_model::{Timestamp, TrackId};
use clerestory_sql::{Cause, Row, SqlError, Tx};

use crate::parts;

/// What a segment's plaintext is. Numbers are stored and never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentType {
    /// A JSON array of rrweb events: one zstd frame made with vocabulary 1. (1 was a frame without one.)
    Rrweb,
    /// The same, made with vocabulary 1 followed by the events of another segment of the same part, whose number this
    /// is and which is [`Self::Rrweb`]. Only settled segments are.
    RrwebOnBase(u64),
    /// Encoded picture or sound: `clerestory media 1`, as it was sent.
    Media,
    /// A JSON array of what somebody did: one zstd frame without a vocabulary.
    Actions,
}

impl ContentType {
    /// The number that is stored.
    #[must_use]
    pub const fn number(self) -> u64 {
        match self {
            Self::Rrweb => 2,
            Self::RrwebOnBase(_) => 3,
            Self::Media => 4,
            Self::Actions => 5,
        }
    }

    /// The segment that it takes to unpack this one, where it takes one.
    #[must_use]
    pub const fn base(self) -> Option<u64> {
        match self {
            Self::RrwebOnBase(base) => Some(base),
            Self::Rrweb | Self::Media | Self::Actions => None,
        }
    }

    /// The one with this stored number, in a part with this base.
    pub(crate) fn from_number(number: u64, base: Option<u64>) -> Option<Self> {
        match number {
            2 => Some(Self::Rrweb),
            3 => base.map(Self::RrwebOnBase),
            4 => Some(Self::Media),
            5 => Some(Self::Actions),
            _ => None,
        }
    }
}

/// Where bytes lie in the object store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extent {
    /// The object's path.
    pub object: String,
    /// Where in it the bytes begin.
    pub offset: u64,
    /// How many there are.
    pub length: u64,
}

/// A segment's row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// The track it is part of.
    pub track: TrackId,
    /// Its number in the track, from 0.
    pub sequence: u64,
    /// Where it begins, in microseconds since the recording began.
    pub start_us: i64,
    /// How long it lasts, in microseconds.
    pub duration_us: i64,
    /// Whether a replay can begin with it.
    pub keyframe: bool,
    /// What its plaintext is.
    pub content_type: ContentType,
    /// The policy it was captured under.
    pub policy_version: u64,
    /// Where its ciphertext lies.
    pub extent: Extent,
    /// The first bytes of the ciphertext, so that a range needs one read.
    pub header: [u8; 40],
    /// SHA-256 of the ciphertext.
    pub sha256: [u8; 32],
    /// Keyed MAC of what was sent, for idempotency.
    pub content_mac: [u8; 32],
    /// Bytes of the events as they came, uncompressed.
    pub sent_bytes: u64,
    /// When it arrived.
    pub received_at: Timestamp,
}

impl Segment {
    /// Whether it holds nothing that was captured: of pictures and sound those without a chunk, which cannot be begun with.
    #[must_use]
    pub fn only_tells_a_gap(&self) -> bool {
        self.content_type == ContentType::Media && !self.keyframe
    }
}

const COLUMNS: &str = "track_id, sequence, start_us, duration_us, keyframe, content_type, policy_version, object, \
                       byte_offset, byte_length, header, sha256, content_mac, sent_bytes, received_at";

fn segment(row: &Row) -> Result<Segment, SqlError> {
    let wrong = || SqlError::Inconsistent { table: "segments", column: "content_type".to_owned() };
    let content_type = ContentType::from_number(row.get(5)?, None).ok_or_else(wrong)?;
    Ok(Segment {
        track: row.get(0)?,
        sequence: row.get(1)?,
        start_us: row.get(2)?,
        duration_us: row.get(3)?,
        keyframe: row.get(4)?,
        content_type,
        policy_version: row.get(6)?,
        extent: Extent { object: row.get(7)?, offset: row.get(8)?, length: row.get(9)? },
        header: row.get(10)?,
        sha256: row.get(11)?,
        content_mac: row.get(12)?,
        sent_bytes: row.get(13)?,
        received_at: row.get(14)?,
    })
}

/// Adds a segment whose bytes are durable. With its recording locked, as [`crate::recordings::grow`] locks it: so
/// nobody settles a segment of this number between the look and the insert.
///
/// # Errors
/// [`SqlError::Exists`] when the number is taken.
pub async fn insert(tx: &mut Tx, new: &Segment) -> Result<(), SqlError> {
    if parts::segment(tx, new.track, new.sequence).await?.is_some() {
        return Err(SqlError::Exists(Cause::Body));
    }
    tx.execute(
        "INSERT INTO segments (track_id, sequence, start_us, duration_us, keyframe, content_type, policy_version,
             object, byte_offset, byte_length, header, sha256, content_mac, sent_bytes, received_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
        &[
            new.track.into(),
            new.sequence.into(),
            new.start_us.into(),
            new.duration_us.into(),
            new.keyframe.into(),
            new.content_type.number().into(),
            new.policy_version.into(),
            new.extent.object.as_str().into(),
            new.extent.offset.into(),
            new.extent.length.into(),
            new.header.as_slice().into(),
            new.sha256.into(),
            new.content_mac.into(),
            new.sent_bytes.into(),
            new.received_at.into(),
        ],
    )
    .await?;
    Ok(())
}

/// One segment, settled or not.
///
/// # Errors
/// [`SqlError::Engine`], [`SqlError::Inconsistent`].
pub async fn find(tx: &mut Tx, track: TrackId, sequence: u64) -> Result<Option<Segment>, SqlError> {
    let sql = format!("SELECT {COLUMNS} FROM segments WHERE track_id = $1 AND sequence = $2");
    // The row before the part: what is settled between the two reads is found all the same.
    match tx.query_opt(&sql, &[track.into(), sequence.into()]).await? {
        Some(row) => segment(&row).map(Some),
        None => parts::segment(tx, track, sequence).await,
    }
}

/// The segments of a track numbered `from` and above, settled or not, in order, at most `limit`.
///
/// # Errors
/// [`SqlError::Engine`], [`SqlError::Inconsistent`].
pub async fn of_track(tx: &mut Tx, track: TrackId, from: u64, limit: u32) -> Result<Vec<Segment>, SqlError> {
    let rows = unsettled(tx, track, from, limit).await?;
    let mut found = parts::segments_from(tx, track, from).await?;
    found.extend(rows);
    // Stable: of one that was settled between the two reads the settled one stays.
    found.sort_by_key(|segment| segment.sequence);
    found.dedup_by_key(|segment| segment.sequence);
    found.truncate(limit as usize);
    Ok(found)
}

/// The segments of a track that have rows of their own, numbered `from` and above, in order, at most `limit`.
///
/// # Errors
/// [`SqlError::Engine`], [`SqlError::Inconsistent`].
pub async fn unsettled(tx: &mut Tx, track: TrackId, from: u64, limit: u32) -> Result<Vec<Segment>, SqlError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM segments WHERE track_id = $1 AND sequence >= $2 ORDER BY sequence LIMIT $3"
    );
    tx.query(&sql, &[track.into(), from.into(), limit.into()]).await?.iter().map(segment).collect()
}

/// The segments of a track that have rows of their own and lie in this object, in order.
///
/// # Errors
/// [`SqlError::Engine`], [`SqlError::Inconsistent`].
pub async fn in_object(tx: &mut Tx, track: TrackId, object: &str) -> Result<Vec<Segment>, SqlError> {
    let sql = format!("SELECT {COLUMNS} FROM segments WHERE track_id = $1 AND object = $2 ORDER BY sequence");
    tx.query(&sql, &[track.into(), object.into()]).await?.iter().map(segment).collect()
}

/// Whether any segment is said to lie in this object, settled or not.
///
/// # Errors
/// [`SqlError::Engine`].
pub async fn any_in(tx: &mut Tx, object: &str) -> Result<bool, SqlError> {
    for sql in ["SELECT 1 FROM segments WHERE object = $1 LIMIT 1", "SELECT 1 FROM parts WHERE object = $1"] {
        if tx.query_opt(sql, &[object.into()]).await?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Takes the rows of these segments away; how many there were.
///
/// # Errors
/// [`SqlError::Engine`].
pub async fn remove(tx: &mut Tx, track: TrackId, sequences: &[u64]) -> Result<u64, SqlError> {
    let mut removed = 0;
    for sequence in sequences {
        let sql = "DELETE FROM segments WHERE track_id = $1 AND sequence = $2";
        removed += tx.execute(sql, &[track.into(), (*sequence).into()]).await?;
    }
    Ok(removed)
}

/// Where the first segment of a track begins and where its last one ends, in microseconds since the recording began; both as
/// their numbers have it. Nothing where it has none.
///
/// # Errors
/// [`SqlError::Engine`], [`SqlError::Inconsistent`].
pub async fn bounds(tx: &mut Tx, track: TrackId) -> Result<Option<(i64, i64)>, SqlError> {
    let mut all = Vec::new();
    for order in ["", " DESC"] {
        let sql =
            format!("SELECT {COLUMNS} FROM segments WHERE track_id = $1 ORDER BY sequence{order} LIMIT 1");
        all.extend(tx.query_opt(&sql, &[track.into()]).await?.as_ref().map(segment).transpose()?);
        all.extend(parts::at_end(tx, track, order).await?);
    }
    let end = |segment: &Segment| segment.start_us.saturating_add(segment.duration_us);
    Ok(all.iter().map(|segment| segment.start_us).min().zip(all.iter().map(end).max()))
}

/// The number after the last a track has.
///
/// # Errors
/// [`SqlError::Engine`].
pub async fn next_sequence(tx: &mut Tx, track: TrackId) -> Result<u64, SqlError> {
    let mut next = 0;
    for sql in [
        "SELECT max(sequence) FROM segments WHERE track_id = $1",
        "SELECT max(last_sequence) FROM parts WHERE track_id = $1",
    ] {
        let row = tx.query_opt(sql, &[track.into()]).await?;
        let last: Option<u64> = row.map_or(Ok(None), |row| row.get(0))?;
        next = last.map_or(next, |last| next.max(last + 1));
    }
    Ok(next)
}

/// The times between which damage was last met of segments that are left where they lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Met {
    /// The earliest.
    pub from: Timestamp,
    /// The latest: one that a clock which was ahead has written leaves nothing for ever.
    pub to: Timestamp,
}

/// What of `segments s` is not damaged, as far as is known.
fn sound(from: &str, to: &str) -> String {
    format!(
        "NOT EXISTS (SELECT 1 FROM damage d WHERE d.track_id = s.track_id AND d.sequence = s.sequence
             AND d.seen_at > {from} AND d.seen_at < {to})"
    )
}

/// As [`unsettled`], without those whose damage was met lately.
///
/// # Errors
/// [`SqlError::Engine`], [`SqlError::Inconsistent`].
pub async fn to_settle(
    tx: &mut Tx,
    track: TrackId,
    from: u64,
    limit: u32,
    but: Met,
) -> Result<Vec<Segment>, SqlError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM segments s WHERE track_id = $1 AND sequence >= $2 AND {}
         ORDER BY sequence LIMIT $3",
        sound("$4", "$5")
    );
    let values = [track.into(), from.into(), limit.into(), but.from.into(), but.to.into()];
    tx.query(&sql, &values).await?.iter().map(segment).collect()
}

/// What waits in a track to be settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tail {
    /// The track.
    pub track: TrackId,
    /// Whose it is.
    pub organisation: clerestory_model::OrganisationId,
    /// Sealed bytes of its segments.
    pub bytes: u64,
    /// When the first of them arrived.
    pub oldest: Timestamp,
    /// When the last of them arrived.
    pub newest: Timestamp,
    /// Whether its recording is over.
    pub over: bool,
}

/// The tracks that have segments which are not settled, after the one given, at most `limit`.
///
/// # Errors
/// [`SqlError::Engine`], [`SqlError::Inconsistent`].
pub async fn tails(tx: &mut Tx, after: TrackId, limit: u32) -> Result<Vec<Tail>, SqlError> {
    tails_of(tx, after, limit, None).await
}

/// As [`tails`], without segments whose damage was met lately.
///
/// # Errors
/// [`SqlError::Engine`], [`SqlError::Inconsistent`].
pub async fn tails_to_settle(
    tx: &mut Tx,
    after: TrackId,
    limit: u32,
    but: Met,
) -> Result<Vec<Tail>, SqlError> {
    tails_of(tx, after, limit, Some(but)).await
}

async fn tails_of(tx: &mut Tx, after: TrackId, limit: u32, but: Option<Met>) -> Result<Vec<Tail>, SqlError> {
    let sound = but.map_or(String::new(), |_| format!("AND {}", sound("$4", "$5")));
    let sql = format!(
        "SELECT s.track_id, t.organisation_id, CAST(sum(s.byte_length) AS BIGINT), min(s.received_at),
             max(s.received_at), max(CASE WHEN r.state = $2 THEN 0 ELSE 1 END)
         FROM segments s JOIN tracks t ON t.track_id = s.track_id
         JOIN recordings r ON r.recording_id = t.recording_id
         WHERE s.track_id > $1 {sound} GROUP BY s.track_id, t.organisation_id ORDER BY s.track_id LIMIT $3"
    );
    let mut values = vec![after.into(), clerestory_model::RecordingState::Capturing.into(), limit.into()];
    values.extend(but.into_iter().flat_map(|but| [but.from.into(), but.to.into()]));
    let tail = |row: &Row| {
        Ok(Tail {
            track: row.get(0)?,
            organisation: row.get(1)?,
            bytes: row.get(2)?,
            oldest: row.get(3)?,
            newest: row.get(4)?,
            over: row.get(5)?,
        })
    };
    tx.query(&sql, &values).await?.iter().map(tail).collect()
}

/// The last segment of each of the tracks that were sent to last, settled or not, newest first, at most `limit`.
///
/// # Errors
/// [`SqlError::Engine`], [`SqlError::Inconsistent`].
pub async fn newest(tx: &mut Tx, limit: u32) -> Result<Vec<Segment>, SqlError> {
    let sql = "SELECT track_id, max(received) AS newest FROM (
                   SELECT track_id, received_at AS received FROM segments
                   UNION ALL SELECT track_id, last_received_at AS received FROM parts) AS both_kinds
               GROUP BY track_id ORDER BY newest DESC LIMIT $1";
    let mut found = Vec::new();
    for row in tx.query(sql, &[limit.into()]).await? {
        let track = row.get(0)?;
        if let Some(last) = next_sequence(tx, track).await?.checked_sub(1) {
            found.extend(find(tx, track, last).await?);
        }
    }
    Ok(found)
}

/// A segment of a site, as the set-up page tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The recording it became part of.
    pub recording: clerestory_model::RecordingId,
    /// The segment.
    pub segment: Segment,
}

/// The segments of a site that arrived after `after`, oldest first, at most `limit`.
///
/// # Errors
/// [`SqlError::Engine`], [`SqlError::Inconsistent`].
pub async fn receipts(
    tx: &mut Tx,
    site: clerestory_model::SiteId,
    after: Timestamp,
    limit: u32,
) -> Result<Vec<Receipt>, SqlError> {
    let columns = COLUMNS.split(", ").map(|name| format!("s.{}", name.trim())).collect::<Vec<_>>().join(", ");
    let sql = format!(
        "SELECT {columns}, t.recording_id FROM segments s JOIN tracks t ON t.track_id = s.track_id
         JOIN recordings r ON r.recording_id = t.recording_id
         WHERE r.site_id = $1 AND s.received_at > $2 ORDER BY s.received_at LIMIT $3"
    );
    let rows = tx.query(&sql, &[site.into(), after.into(), limit.into()]).await?;
    let receipt = |row: &Row| Ok(Receipt { recording: row.get(15)?, segment: segment(row)? });
    let rows: Vec<Receipt> = rows.iter().map(receipt).collect::<Result<_, SqlError>>()?;
    let mut found = parts::received(tx, site, after, limit).await?;
    found.extend(rows);
    found.sort_by_key(|receipt| (receipt.segment.track, receipt.segment.sequence));
    found.dedup_by_key(|receipt| (receipt.segment.track, receipt.segment.sequence));
    found.sort_by_key(|receipt| receipt.segment.received_at);
    found.truncate(limit as usize);
    Ok(found)
}
