//! The rows of plays.

use clerestory_model::{OrganisationId, PersonId, PlayId, RecordingId, SessionId, Timestamp};
use clerestory_sql::{Row, SqlError, Tx};

/// A play's row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlayRow {
    /// Its id.
    pub id: PlayId,
    /// Whose recording it plays.
    pub organisation: OrganisationId,
    /// The recording.
    pub recording: RecordingId,
    /// Who watches.
    pub person: PersonId,
    /// In which session.
    pub session: SessionId,
    /// The entry that tells of the decision.
    pub entry: u64,
    /// The entry that tells of the decision that it may be watched while it goes on, where it went on at the beginning.
    pub follow_entry: Option<u64>,
    /// When it began.
    pub started_at: Timestamp,
    /// When it runs out unless something is watched.
    pub expires_at: Timestamp,
    /// When it was ended.
    pub ended_at: Option<Timestamp>,
    /// The part that it plays and no more, in microseconds since the recording began; all of it where none is said.
    pub part: Option<(i64, i64)>,
    /// Whether it left as a file, rather than was watched here.
    pub copied: bool,
}

/// Somebody's watching of a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Viewing {
    /// The play.
    pub play: PlayRow,
    /// What was watched, in microseconds since the recording began.
    pub ranges: Vec<(i64, i64)>,
}

const COLUMNS: &str = "play_id, organisation_id, recording_id, person_id, session_id, entry, follow_entry, \
     started_at, expires_at, ended_at, from_us, to_us, copied";

fn play(row: &Row) -> Result<PlayRow, SqlError> {
    Ok(PlayRow {
        id: row.get(0)?,
        organisation: row.get(1)?,
        recording: row.get(2)?,
        person: row.get(3)?,
        session: row.get(4)?,
        entry: row.get(5)?,
        follow_entry: row.get(6)?,
        started_at: row.get(7)?,
        expires_at: row.get(8)?,
        ended_at: row.get(9)?,
        part: row.get::<Option<i64>>(10)?.zip(row.get::<Option<i64>>(11)?),
        copied: row.get(12)?,
    })
}

pub(crate) async fn insert(tx: &mut Tx, new: &PlayRow) -> Result<(), SqlError> {
    tx.execute(
        "INSERT INTO plays (play_id, organisation_id, recording_id, person_id, session_id, entry,
             follow_entry, started_at, expires_at, from_us, to_us, copied)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        &[
            new.id.into(),
            new.organisation.into(),
            new.recording.into(),
            new.person.into(),
            new.session.into(),
            new.entry.into(),
            new.follow_entry.into(),
            new.started_at.into(),
            new.expires_at.into(),
            new.part.map(|(from, _)| from).into(),
            new.part.map(|(_, to)| to).into(),
            new.copied.into(),
        ],
    )
    .await?;
    Ok(())
}

pub(crate) async fn find(tx: &mut Tx, id: PlayId) -> Result<Option<PlayRow>, SqlError> {
    let sql = format!("SELECT {COLUMNS} FROM plays WHERE play_id = $1");
    tx.query_opt(&sql, &[id.into()]).await?.as_ref().map(play).transpose()
}

pub(crate) async fn end(tx: &mut Tx, id: PlayId, at: Timestamp) -> Result<bool, SqlError> {
    let sql = "UPDATE plays SET ended_at = $1 WHERE play_id = $2 AND ended_at IS NULL";
    Ok(tx.execute(sql, &[at.into(), id.into()]).await? == 1)
}

/// Who has plays of a recording that run, and since when.
pub(crate) async fn open(
    tx: &mut Tx,
    recording: RecordingId,
    now: Timestamp,
) -> Result<Vec<(PersonId, Timestamp)>, SqlError> {
    let sql = "SELECT person_id, min(started_at) FROM plays
               WHERE recording_id = $1 AND ended_at IS NULL AND expires_at > $2
               GROUP BY person_id ORDER BY min(started_at)";
    let rows = tx.query(sql, &[recording.into(), now.into()]).await?;
    rows.iter().map(|row| Ok((row.get(0)?, row.get(1)?))).collect()
}

/// Notes a range of a play that runs, and lets it run until `expires_at`; `false` when it was ended.
pub(crate) async fn watched(
    tx: &mut Tx,
    id: PlayId,
    range: (i64, i64),
    expires_at: Timestamp,
) -> Result<bool, SqlError> {
    let sql = "UPDATE plays SET expires_at = $1 WHERE play_id = $2 AND ended_at IS NULL";
    if tx.execute(sql, &[expires_at.into(), id.into()]).await? == 0 {
        return Ok(false);
    }
    tx.execute(
        "INSERT INTO play_ranges (play_id, from_us, to_us) VALUES ($1, $2, $3)",
        &[id.into(), range.0.into(), range.1.into()],
    )
    .await?;
    Ok(true)
}

/// Every watching of a recording, newest first, at most so many.
pub(crate) async fn viewings(
    tx: &mut Tx,
    recording: RecordingId,
    most: u32,
) -> Result<Vec<Viewing>, SqlError> {
    let sql =
        format!("SELECT {COLUMNS} FROM plays WHERE recording_id = $1 ORDER BY started_at DESC LIMIT $2");
    let mut found = Vec::new();
    for row in tx.query(&sql, &[recording.into(), most.into()]).await? {
        let play = play(&row)?;
        let sql = "SELECT from_us, to_us FROM play_ranges WHERE play_id = $1 ORDER BY from_us LIMIT 5000";
        let rows = tx.query(sql, &[play.id.into()]).await?;
        let ranges =
            rows.iter().map(|row| Ok((row.get(0)?, row.get(1)?))).collect::<Result<_, SqlError>>()?;
        found.push(Viewing { play, ranges: joined(ranges) });
    }
    Ok(found)
}

/// Joins ranges that touch or overlap; given in the order of their beginnings.
fn joined(ranges: Vec<(i64, i64)>) -> Vec<(i64, i64)> {
    let mut out: Vec<(i64, i64)> = Vec::with_capacity(ranges.len());
    for (from, to) in ranges {
        match out.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(to),
            _ => out.push((from, to)),
        }
    }
    out
}

/// How many plays of a recording there were.
pub(crate) async fn count(tx: &mut Tx, recording: RecordingId) -> Result<u64, SqlError> {
    let sql = "SELECT count(*) FROM plays WHERE recording_id = $1";
    let row = tx.query_opt(sql, &[recording.into()]).await?;
    row.map_or(Ok(0), |row| row.get(0))
}

#[cfg(test)]
mod tests {
    use super::joined;

    #[test]
    fn touching_and_nested_ranges_become_one() {
        assert_eq!(joined(vec![(0, 10), (10, 20), (12, 15), (30, 40)]), [(0, 20), (30, 40)]);
    }
}
