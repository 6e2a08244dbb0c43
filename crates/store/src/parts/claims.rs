//! Who is settling which part of which track: one claim for a track at a time, numbered by the track's fence.

use clerestory_model::{RecordingState, Timestamp, TrackId};
use clerestory_sql::{Row, SqlError, Tx};

use crate::tracks;

/// That somebody is writing a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The track.
    pub track: TrackId,
    /// The part's number.
    pub part: u32,
    /// Which attempt at the track this is.
    pub fence: u32,
    /// The object it goes into.
    pub object: String,
    /// The first segment.
    pub first: u64,
    /// The last segment.
    pub last: u64,
    /// When it was claimed.
    pub at: Timestamp,
}

fn claim(row: &Row) -> Result<Claim, SqlError> {
    Ok(Claim {
        track: row.get(0)?,
        part: row.get(1)?,
        fence: row.get(2)?,
        object: row.get(3)?,
        first: row.get(4)?,
        last: row.get(5)?,
        at: row.get(6)?,
    })
}

const COLUMNS: &str = "track_id, part, fence, object, first_sequence, last_sequence, claimed_at";

/// The claim on a track, if there is one.
///
/// # Errors
/// [`SqlError::Engine`], [`SqlError::Inconsistent`].
pub async fn of_track(tx: &mut Tx, track: TrackId) -> Result<Option<Claim>, SqlError> {
    let sql = format!("SELECT {COLUMNS} FROM part_claims WHERE track_id = $1");
    tx.query_opt(&sql, &[track.into()]).await?.as_ref().map(claim).transpose()
}

/// Makes a claim. The track's fence was raised for it in the same transaction ([`tracks::next_fence`]), which leaves
/// the track locked.
///
/// # Errors
/// [`SqlError::Exists`] when the track is claimed.
pub async fn insert(tx: &mut Tx, new: &Claim) -> Result<(), SqlError> {
    let sql = format!("INSERT INTO part_claims ({COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7)");
    tx.execute(
        &sql,
        &[
            new.track.into(),
            new.part.into(),
            new.fence.into(),
            new.object.as_str().into(),
            new.first.into(),
            new.last.into(),
            new.at.into(),
        ],
    )
    .await?;
    Ok(())
}

/// Whether a claim still holds: nobody raised the fence since, and the track may still be written. Locks the track;
/// the recording is locked before.
///
/// # Errors
/// [`SqlError::Engine`], [`SqlError::Inconsistent`].
pub async fn holds(tx: &mut Tx, claim: &Claim) -> Result<bool, SqlError> {
    let Some((track, fence)) = tracks::lock(tx, claim.track).await? else { return Ok(false) };
    Ok(fence == claim.fence && track.state < RecordingState::Shredded)
}

/// Gives a claim up, unless it is another's by now.
///
/// # Errors
/// [`SqlError::Engine`].
pub async fn remove(tx: &mut Tx, track: TrackId, fence: u32) -> Result<bool, SqlError> {
    let sql = "DELETE FROM part_claims WHERE track_id = $1 AND fence = $2";
    Ok(tx.execute(sql, &[track.into(), fence.into()]).await? > 0)
}

/// Claims that were made before `before`: whoever made them is gone, or too slow. And those that were made after `after`,
/// by a clock that was ahead: they would stand until that time comes.
///
/// # Errors
/// [`SqlError::Engine`], [`SqlError::Inconsistent`].
pub async fn outside(tx: &mut Tx, before: Timestamp, after: Timestamp) -> Result<Vec<Claim>, SqlError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM part_claims WHERE claimed_at < $1 OR claimed_at > $2
         ORDER BY track_id LIMIT 1000"
    );
    tx.query(&sql, &[before.into(), after.into()]).await?.iter().map(claim).collect()
}

/// Every claim there is.
///
/// # Errors
/// [`SqlError::Engine`], [`SqlError::Inconsistent`].
pub async fn all(tx: &mut Tx) -> Result<Vec<Claim>, SqlError> {
    let sql = format!("SELECT {COLUMNS} FROM part_claims ORDER BY track_id");
    tx.query(&sql, &[]).await?.iter().map(claim).collect()
}
