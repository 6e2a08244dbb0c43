//! Segments: the unit of upload, sealing, acknowledgement and range access. A row says where one lies.

use clerestory_model::{Timestamp, TrackId};
use clerestory_sql::{Row, SqlError, Tx};

/// What a segment's plaintext is. Numbers are stored and never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentType {
    /// A JSON array of rrweb events: one zstd frame made with vocabulary 1. (1 was a frame without one.)
    Rrweb = 2,
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

const COLUMNS: &str = "track_id, sequence, start_us, duration_us, keyframe, content_type, policy_version, object, \
                       byte_offset, byte_length, header, sha256, content_mac, sent_bytes, received_at";

fn segment(row: &Row) -> Result<Segment, SqlError> {
    let content_type = match row.get::<i64>(5)? {
        2 => ContentType::Rrweb,
        _ => return Err(SqlError::Inconsistent { table: "segments", column: "content_type".to_owned() }),
    };
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

/// Adds a segment whose bytes are durable.
///
/// # Errors
/// [`SqlError::Exists`] when the number is taken.
pub async fn insert(tx: &mut Tx, new: &Segment) -> Result<(), SqlError> {
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
            (new.content_type as i64).into(),
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

/// One segment.
///
/// # Errors
/// [`SqlError::Engine`], [`SqlError::Inconsistent`].
pub async fn find(tx: &mut Tx, track: TrackId, sequence: u64) -> Result<Option<Segment>, SqlError> {
    let sql = format!("SELECT {COLUMNS} FROM segments WHERE track_id = $1 AND sequence = $2");
    tx.query_opt(&sql, &[track.into(), sequence.into()]).await?.as_ref().map(segment).transpose()
}

/// The segments of a track numbered `from` and above, in order, at most `limit`.
///
/// # Errors
/// [`SqlError::Engine`], [`SqlError::Inconsistent`].
pub async fn of_track(tx: &mut Tx, track: TrackId, from: u64, limit: u32) -> Result<Vec<Segment>, SqlError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM segments WHERE track_id = $1 AND sequence >= $2 ORDER BY sequence LIMIT $3"
    );
    tx.query(&sql, &[track.into(), from.into(), limit.into()]).await?.iter().map(segment).collect()
}

/// The number after the last a track has.
///
/// # Errors
/// [`SqlError::Engine`].
pub async fn next_sequence(tx: &mut Tx, track: TrackId) -> Result<u64, SqlError> {
    let row = tx.query_opt("SELECT max(sequence) FROM segments WHERE track_id = $1", &[track.into()]).await?;
    let last: Option<u64> = row.map_or(Ok(None), |row| row.get(0))?;
    Ok(last.map_or(0, |last| last + 1))
}

/// The segments that arrived last, newest first, one for each track, at most `limit`.
///
/// # Errors
/// [`SqlError::Engine`], [`SqlError::Inconsistent`].
pub async fn newest(tx: &mut Tx, limit: u32) -> Result<Vec<Segment>, SqlError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM segments s WHERE sequence = (SELECT max(n.sequence) FROM segments n
             WHERE n.track_id = s.track_id) ORDER BY received_at DESC LIMIT $1"
    );
    tx.query(&sql, &[limit.into()]).await?.iter().map(segment).collect()
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
    rows.iter().map(|row| Ok(Receipt { recording: row.get(15)?, segment: segment(row)? })).collect()
}
