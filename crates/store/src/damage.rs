//! Segments whose bytes were found missing, cut or altered, and how far the reading of all objects has come.
//!
//! A row stands from the first time somebody found the damage until somebody finds the bytes whole again. One that is
//! **lost** says that the segment's own row was taken away: its object, where something of it is left, is still named
//! by this row and not removed as an orphan.

use clerestory_model::{OrganisationId, RecordingId, Timestamp, TrackId};
use clerestory_sql::{Row, SqlError, Tx};

/// A segment whose bytes are not what its row says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// Its track.
    pub track: TrackId,
    /// Its number.
    pub sequence: u64,
    /// Whose it is.
    pub organisation: OrganisationId,
    /// The recording it is part of.
    pub recording: RecordingId,
    /// The object it lies in, or should.
    pub object: String,
    /// What is wrong, in a word: `missing`, `truncated`, `altered`.
    pub fault: String,
    /// When it was first found.
    pub since: Timestamp,
    /// When it was last found.
    pub seen_at: Timestamp,
    /// Whether its own row was taken away.
    pub lost: bool,
}

const COLUMNS: &str =
    "track_id, sequence, organisation_id, recording_id, object, fault, since, seen_at, lost";

fn stand(row: &Row) -> Result<Scrubbing, SqlError> {
    Ok(Scrubbing {
        began_at: row.get(0)?,
        ended_at: row.get(1)?,
        after_track: row.get(2)?,
        after_part: row.get(3)?,
        bytes_read: row.get(4)?,
        bytes_last: row.get(5)?,
    })
}

fn damage(row: &Row) -> Result<Damage, SqlError> {
    Ok(Damage {
        track: row.get(0)?,
        sequence: row.get(1)?,
        organisation: row.get(2)?,
        recording: row.get(3)?,
        object: row.get(4)?,
        fault: row.get(5)?,
        since: row.get(6)?,
        seen_at: row.get(7)?,
        lost: row.get(8)?,
    })
}

/// Notes damage. What was known before keeps its day; what is lost stays lost.
///
/// # Errors
/// [`SqlError::Engine`].
pub async fn note(tx: &mut Tx, found: &Damage) -> Result<(), SqlError> {
    let sql = format!(
        "INSERT INTO damage ({COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         ON CONFLICT (track_id, sequence) DO UPDATE SET object = excluded.object, fault = excluded.fault,
             seen_at = excluded.seen_at, lost = CASE WHEN excluded.lost = 1 THEN 1 ELSE damage.lost END"
    );
    let values = [
        found.track.into(),
        found.sequence.into(),
        found.organisation.into(),
        found.recording.into(),
        found.object.as_str().into(),
        found.fault.as_str().into(),
        found.since.into(),
        found.seen_at.into(),
        found.lost.into(),
    ];
    tx.execute(&sql, &values).await?;
    Ok(())
}

/// Forgets the damage of a segment that is whole.
///
/// # Errors
/// [`SqlError::Engine`].
pub async fn forget(tx: &mut Tx, track: TrackId, sequence: u64) -> Result<(), SqlError> {
    let sql = "DELETE FROM damage WHERE track_id = $1 AND sequence = $2";
    tx.execute(sql, &[track.into(), sequence.into()]).await?;
    Ok(())
}

/// The numbers of a track whose damage nobody has dealt with.
///
/// # Errors
/// [`SqlError::Engine`].
pub async fn of_track(tx: &mut Tx, track: TrackId) -> Result<Vec<u64>, SqlError> {
    let sql = "SELECT sequence FROM damage WHERE track_id = $1 AND lost = 0 ORDER BY sequence";
    tx.query(sql, &[track.into()]).await?.iter().map(|row| row.get(0)).collect()
}

/// Damage of segments that still have their rows, after the one given, at most `limit`.
///
/// # Errors
/// [`SqlError::Engine`], [`SqlError::Inconsistent`].
pub async fn standing(tx: &mut Tx, after: (TrackId, u64), limit: u32) -> Result<Vec<Damage>, SqlError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM damage WHERE lost = 0 AND (track_id > $1 OR (track_id = $1 AND sequence > $2))
         ORDER BY track_id, sequence LIMIT $3"
    );
    tx.query(&sql, &[after.0.into(), after.1.into(), limit.into()]).await?.iter().map(damage).collect()
}

/// Damage of an organisation that nobody has dealt with, oldest first, at most `limit`.
///
/// # Errors
/// [`SqlError::Engine`], [`SqlError::Inconsistent`].
pub async fn of_organisation(
    tx: &mut Tx,
    organisation: OrganisationId,
    limit: u32,
) -> Result<Vec<Damage>, SqlError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM damage WHERE organisation_id = $1 AND lost = 0
         ORDER BY since, track_id, sequence LIMIT $2"
    );
    tx.query(&sql, &[organisation.into(), limit.into()]).await?.iter().map(damage).collect()
}

/// The segments that are lost: their rows were taken away.
///
/// # Errors
/// [`SqlError::Engine`], [`SqlError::Inconsistent`].
pub async fn lost(tx: &mut Tx) -> Result<Vec<Damage>, SqlError> {
    let sql = format!("SELECT {COLUMNS} FROM damage WHERE lost = 1 ORDER BY track_id, sequence");
    tx.query(&sql, &[]).await?.iter().map(damage).collect()
}

/// The objects in which lost segments of a track lie, or lay.
///
/// # Errors
/// [`SqlError::Engine`].
pub async fn lost_objects(tx: &mut Tx, track: TrackId) -> Result<Vec<String>, SqlError> {
    let sql = "SELECT DISTINCT object FROM damage WHERE track_id = $1 AND lost = 1";
    tx.query(sql, &[track.into()]).await?.iter().map(|row| row.get(0)).collect()
}

/// Where the reading of all objects stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scrubbing {
    /// When it began with the first.
    pub began_at: Timestamp,
    /// When it had read the last.
    pub ended_at: Option<Timestamp>,
    /// The track it has come to.
    pub after_track: Option<TrackId>,
    /// The part of that track; none where its unsettled segments were read.
    pub after_part: Option<u32>,
    /// Bytes read since it began.
    pub bytes_read: u64,
    /// Bytes that were read the time before: how much there is.
    pub bytes_last: u64,
}

/// Takes the reading on for a node, until `until`; `None` while another node has it. What another has for more than twice
/// as long was written by a clock that was ahead.
///
/// # Errors
/// [`SqlError::Engine`], [`SqlError::Inconsistent`].
pub async fn take_scrubbing(
    tx: &mut Tx,
    node: [u8; 16],
    now: Timestamp,
    until: Timestamp,
) -> Result<Option<Scrubbing>, SqlError> {
    let first = "INSERT INTO scrubbing (one, node, held_until, began_at, bytes_read, bytes_last)
                 VALUES (1, $1, $2, $2, 0, 0) ON CONFLICT (one) DO NOTHING";
    tx.execute(first, &[node.into(), now.into()]).await?;
    // Nobody holds it longer than `until` but a node whose clock was ahead, and that may be as long gone.
    let sql = "UPDATE scrubbing SET node = $1, held_until = $2
               WHERE one = 1 AND (node = $1 OR held_until <= $3 OR held_until > $4)
               RETURNING began_at, ended_at, after_track, after_part, bytes_read, bytes_last";
    let ahead = until.plus(until.since(now));
    let row = tx.query_opt(sql, &[node.into(), until.into(), now.into(), ahead.into()]).await?;
    row.as_ref().map(stand).transpose()
}

/// Remembers where the reading stands, if the node still has it.
///
/// # Errors
/// [`SqlError::Engine`].
pub async fn keep_scrubbing(tx: &mut Tx, node: [u8; 16], at: &Scrubbing) -> Result<bool, SqlError> {
    let sql = "UPDATE scrubbing SET began_at = $2, ended_at = $3, after_track = $4, after_part = $5,
                   bytes_read = $6, bytes_last = $7 WHERE one = 1 AND node = $1";
    let values = [
        node.into(),
        at.began_at.into(),
        at.ended_at.into(),
        at.after_track.into(),
        at.after_part.into(),
        at.bytes_read.into(),
        at.bytes_last.into(),
    ];
    Ok(tx.execute(sql, &values).await? > 0)
}

/// Where the reading stands; `None` before the first.
///
/// # Errors
/// [`SqlError::Engine`], [`SqlError::Inconsistent`].
pub async fn scrubbing(tx: &mut Tx) -> Result<Option<Scrubbing>, SqlError> {
    let sql = "SELECT began_at, ended_at, after_track, after_part, bytes_read, bytes_last FROM scrubbing";
    tx.query_opt(sql, &[]).await?.as_ref().map(stand).transpose()
}
