//! Tracks: one run of segments by one writer. State, retention class and key are the track's.

use clerestory_model::{
    GapReason, KeyId, OrganisationId, RecordingId, RecordingState, RetentionClass, Timestamp, TrackId,
    TrackKind, WriterId,
};
use clerestory_sql::{Lock, Row, SqlError, Tx};

use crate::retention;
use crate::segments::Segment;

/// A track's row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Track {
    /// Its id.
    pub id: TrackId,
    /// The recording it is part of.
    pub recording: RecordingId,
    /// Whose it is.
    pub organisation: OrganisationId,
    /// What it holds.
    pub kind: TrackKind,
    /// Who numbers its segments.
    pub writer: WriterId,
    /// How far its life has gone.
    pub state: RecordingState,
    /// What decides how long it is kept.
    pub class: RetentionClass,
    /// The key its segments are sealed under.
    pub key: KeyId,
    /// Added to the writer's clock to give the server's, in microseconds.
    pub clock_offset_us: i64,
    /// When its retention began to count.
    pub kept_from: Timestamp,
    /// When it falls due.
    pub kept_until: Timestamp,
}

/// A stretch of a track where nothing is, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// Where it begins, in microseconds since the recording began.
    pub from_us: i64,
    /// Where it ends.
    pub to_us: i64,
    /// Why nothing is there.
    pub reason: GapReason,
}

const COLUMNS: &str = "track_id, recording_id, organisation_id, kind, writer_id, state, class, key_id, \
                       clock_offset_us, kept_from, kept_until";

fn track(row: &Row) -> Result<Track, SqlError> {
    Ok(Track {
        id: row.get(0)?,
        recording: row.get(1)?,
        organisation: row.get(2)?,
        kind: row.get(3)?,
        writer: row.get(4)?,
        state: row.get(5)?,
        class: row.get(6)?,
        key: row.get(7)?,
        clock_offset_us: row.get(8)?,
        kept_from: row.get(9)?,
        kept_until: row.get(10)?,
    })
}

/// Adds a track.
///
/// # Errors
/// [`SqlError::Exists`] when this writer already has a track of this kind in the recording.
pub async fn insert(tx: &mut Tx, new: &Track) -> Result<(), SqlError> {
    tx.execute(
        "INSERT INTO tracks (track_id, recording_id, organisation_id, kind, writer_id, state, class, key_id,
             clock_offset_us, kept_from, kept_until) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        &[
            new.id.into(),
            new.recording.into(),
            new.organisation.into(),
            new.kind.into(),
            new.writer.into(),
            new.state.into(),
            new.class.into(),
            new.key.into(),
            new.clock_offset_us.into(),
            new.kept_from.into(),
            new.kept_until.into(),
        ],
    )
    .await?;
    Ok(())
}

/// The track with this id.
///
/// # Errors
/// [`SqlError::Engine`], [`SqlError::Inconsistent`].
pub async fn find(tx: &mut Tx, id: TrackId) -> Result<Option<Track>, SqlError> {
    let sql = format!("SELECT {COLUMNS} FROM tracks WHERE track_id = $1");
    tx.query_opt(&sql, &[id.into()]).await?.as_ref().map(track).transpose()
}

/// The track with this id and its fence, locked until the transaction ends. Its recording is locked before.
///
/// # Errors
/// [`SqlError::Engine`], [`SqlError::Inconsistent`].
pub async fn lock(tx: &mut Tx, id: TrackId) -> Result<Option<(Track, u32)>, SqlError> {
    let sql = format!("SELECT {COLUMNS}, fence FROM tracks WHERE track_id = $1");
    let found = tx.query_opt_locked(Lock::Exclusive, &sql, &[id.into()]).await?;
    found.map(|row| Ok((track(&row)?, row.get(11)?))).transpose()
}

/// Raises a track's fence: whoever claimed the track before loses. The track stays locked until the transaction ends.
///
/// # Errors
/// [`SqlError::Inconsistent`] when the track is gone.
pub async fn next_fence(tx: &mut Tx, id: TrackId) -> Result<u32, SqlError> {
    let sql = "UPDATE tracks SET fence = fence + 1 WHERE track_id = $1 RETURNING fence";
    let gone = SqlError::Inconsistent { table: "tracks", column: "track_id".to_owned() };
    tx.query_opt(sql, &[id.into()]).await?.ok_or(gone)?.get(0)
}

/// Says of the tracks of a recording that segments may still come.
///
/// # Errors
/// [`SqlError::Engine`].
pub async fn reopen(tx: &mut Tx, recording: RecordingId) -> Result<(), SqlError> {
    let sql = "UPDATE tracks SET state = $1 WHERE recording_id = $2 AND state = $3";
    let values = [RecordingState::Capturing.into(), recording.into(), RecordingState::Active.into()];
    tx.execute(sql, &values).await?;
    Ok(())
}

/// Sees that a track's fence is at least so high: names of objects with a lower one were given out.
///
/// # Errors
/// [`SqlError::Engine`].
pub async fn fence_at_least(tx: &mut Tx, id: TrackId, fence: u32) -> Result<(), SqlError> {
    let sql = "UPDATE tracks SET fence = $1 WHERE track_id = $2 AND fence < $1";
    tx.execute(sql, &[fence.into(), id.into()]).await?;
    Ok(())
}

/// Gives a track another key: everything of it is sealed under that one from now on.
///
/// # Errors
/// [`SqlError::Inconsistent`] when the track is gone.
pub async fn set_key(tx: &mut Tx, id: TrackId, key: KeyId) -> Result<(), SqlError> {
    let sql = "UPDATE tracks SET key_id = $1 WHERE track_id = $2";
    tx.execute_one("tracks", sql, &[key.into(), id.into()]).await
}

/// The track of this kind that `writer` has in `recording`.
///
/// # Errors
/// [`SqlError::Engine`], [`SqlError::Inconsistent`].
pub async fn find_by_writer(
    tx: &mut Tx,
    recording: RecordingId,
    kind: TrackKind,
    writer: WriterId,
) -> Result<Option<Track>, SqlError> {
    let sql =
        format!("SELECT {COLUMNS} FROM tracks WHERE recording_id = $1 AND kind = $2 AND writer_id = $3");
    let values = [recording.into(), kind.into(), writer.into()];
    tx.query_opt(&sql, &values).await?.as_ref().map(track).transpose()
}

/// The tracks of a recording, oldest first.
///
/// # Errors
/// [`SqlError::Engine`], [`SqlError::Inconsistent`].
pub async fn of_recording(tx: &mut Tx, recording: RecordingId) -> Result<Vec<Track>, SqlError> {
    let sql = format!("SELECT {COLUMNS} FROM tracks WHERE recording_id = $1 ORDER BY track_id LIMIT 1000");
    tx.query(&sql, &[recording.into()]).await?.iter().map(track).collect()
}

/// Whether a track takes a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// It does.
    Yes,
    /// Its key is another one now, because a part of it was erased: seal the segment anew.
    Again,
    /// It was deleted or erased, or this number of it was.
    No,
}

/// Whether the track takes this segment, which was sealed under `key`: neither its number nor any of its time may have
/// been erased. It stays so until the transaction ends.
///
/// # Errors
/// [`SqlError::Engine`].
pub async fn takes(tx: &mut Tx, key: KeyId, segment: &Segment) -> Result<Takes, SqlError> {
    let sql = "SELECT state, key_id, recording_id FROM tracks WHERE track_id = $1";
    let row = tx.query_opt_locked(Lock::Share, sql, &[segment.track.into()]).await?;
    let Some(row) = row else { return Ok(Takes::No) };
    if !matches!(row.get(0)?, RecordingState::Capturing | RecordingState::Active) {
        return Ok(Takes::No);
    }
    let recording: RecordingId = row.get(2)?;
    let end_us = segment.start_us.saturating_add(segment.duration_us);
    let sql = "SELECT 1 FROM erased_times WHERE recording_id = $1 AND from_us < $3 AND to_us > $2 LIMIT 1";
    let values = [recording.into(), segment.start_us.into(), end_us.into()];
    // One that only tells of a gap has nothing in it that was captured then.
    let in_erased_time = !segment.only_tells_a_gap() && tx.query_opt(sql, &values).await?.is_some();
    if in_erased_time || is_erased(tx, segment.track, segment.sequence).await? {
        return Ok(Takes::No);
    }
    Ok(if row.get::<KeyId>(1)? == key { Takes::Yes } else { Takes::Again })
}

/// Whether this number of a track was erased, or is about to be.
///
/// # Errors
/// [`SqlError::Engine`].
pub async fn is_erased(tx: &mut Tx, id: TrackId, sequence: u64) -> Result<bool, SqlError> {
    let sql =
        "SELECT 1 FROM erased_numbers WHERE track_id = $1 AND from_sequence <= $2 AND to_sequence >= $2";
    Ok(tx.query_opt(sql, &[id.into(), sequence.into()]).await?.is_some())
}

/// Notes that these numbers were erased: what is sent for them again is not taken.
///
/// # Errors
/// [`SqlError::Engine`].
pub async fn note_erased(tx: &mut Tx, id: TrackId, from: u64, to: u64) -> Result<(), SqlError> {
    tx.execute(
        "INSERT INTO erased_numbers (track_id, from_sequence, to_sequence) VALUES ($1, $2, $3)
         ON CONFLICT (track_id, from_sequence) DO UPDATE SET to_sequence = excluded.to_sequence
         WHERE erased_numbers.to_sequence < excluded.to_sequence",
        &[id.into(), from.into(), to.into()],
    )
    .await?;
    Ok(())
}

/// The numbers of a track that were erased, first and last of each stretch.
///
/// # Errors
/// [`SqlError::Engine`].
pub async fn erased(tx: &mut Tx, id: TrackId) -> Result<Vec<(u64, u64)>, SqlError> {
    let sql = "SELECT from_sequence, to_sequence FROM erased_numbers WHERE track_id = $1";
    let rows = tx.query(sql, &[id.into()]).await?;
    rows.iter().map(|row| Ok((row.get(0)?, row.get(1)?))).collect()
}

/// The number after the last that was erased of a track; nothing where none was, or where it takes no more at all.
///
/// # Errors
/// [`SqlError::Engine`].
pub async fn after_erased(tx: &mut Tx, id: TrackId) -> Result<Option<u64>, SqlError> {
    let ends = erased(tx, id).await?.into_iter().map(|(_, to)| to);
    Ok(ends.filter(|to| *to < i64::MAX.cast_unsigned()).max().map(|to| to + 1))
}

/// Notes that this time of a recording was erased: what was captured in it and is sent later is not taken, whatever its
/// number or track.
///
/// # Errors
/// [`SqlError::Engine`].
pub async fn note_erased_time(
    tx: &mut Tx,
    recording: RecordingId,
    (from_us, to_us): (i64, i64),
) -> Result<(), SqlError> {
    tx.execute(
        "INSERT INTO erased_times (recording_id, from_us, to_us) VALUES ($1, $2, $3)
         ON CONFLICT (recording_id, from_us) DO UPDATE SET to_us = excluded.to_us
         WHERE erased_times.to_us < excluded.to_us",
        &[recording.into(), from_us.into(), to_us.into()],
    )
    .await?;
    Ok(())
}

/// The times of a recording that were erased.
///
/// # Errors
/// [`SqlError::Engine`].
pub async fn erased_times(tx: &mut Tx, recording: RecordingId) -> Result<Vec<(i64, i64)>, SqlError> {
    let sql = "SELECT from_us, to_us FROM erased_times WHERE recording_id = $1 ORDER BY from_us";
    tx.query(sql, &[recording.into()]).await?.iter().map(|row| Ok((row.get(0)?, row.get(1)?))).collect()
}

/// Moves the time from which a track's retention counts, never to an earlier one, and with it the day it falls due.
///
/// # Errors
/// [`SqlError::Engine`].
pub async fn keep_from(
    tx: &mut Tx,
    id: TrackId,
    class: RetentionClass,
    from: Timestamp,
) -> Result<(), SqlError> {
    tx.execute(
        "UPDATE tracks SET kept_from = $1, kept_until = $1 + coalesce(
             (SELECT s.kept_us FROM retentions s JOIN recordings r ON r.project_id = s.project_id
              WHERE r.recording_id = tracks.recording_id AND s.class = tracks.class), $3)
         WHERE track_id = $2 AND kept_from < $1",
        &[from.into(), id.into(), retention::micros(retention::usual(class))],
    )
    .await?;
    Ok(())
}

/// Notes a gap; the same gap told twice is one.
///
/// # Errors
/// [`SqlError::Engine`].
pub async fn note_gap(tx: &mut Tx, id: TrackId, gap: Gap) -> Result<(), SqlError> {
    tx.execute(
        "INSERT INTO gaps (track_id, from_us, to_us, reason) VALUES ($1, $2, $3, $4)
         ON CONFLICT (track_id, from_us, reason) DO UPDATE SET to_us = excluded.to_us
         WHERE gaps.to_us < excluded.to_us",
        &[id.into(), gap.from_us.into(), gap.to_us.into(), gap.reason.into()],
    )
    .await?;
    Ok(())
}

/// Takes a gap back that began here: what was missing is there.
///
/// # Errors
/// [`SqlError::Engine`].
pub async fn forget_gap(tx: &mut Tx, id: TrackId, from_us: i64, reason: GapReason) -> Result<(), SqlError> {
    let sql = "DELETE FROM gaps WHERE track_id = $1 AND from_us = $2 AND reason = $3";
    tx.execute(sql, &[id.into(), from_us.into(), reason.into()]).await?;
    Ok(())
}

/// The gaps of a track that were told, in order. Missing numbers are not among them: they show in the segments.
///
/// # Errors
/// [`SqlError::Engine`], [`SqlError::Inconsistent`].
pub async fn gaps(tx: &mut Tx, id: TrackId) -> Result<Vec<Gap>, SqlError> {
    let rows = tx
        .query(
            "SELECT from_us, to_us, reason FROM gaps WHERE track_id = $1 ORDER BY from_us LIMIT 10000",
            &[id.into()],
        )
        .await?;
    rows.iter().map(|row| Ok(Gap { from_us: row.get(0)?, to_us: row.get(1)?, reason: row.get(2)? })).collect()
}
