//! How long tracks are kept: what is in force for each project and class, and the dates that follow from it.
//!
//! A track's `kept_from` is when its retention began to count: the end of its last segment, or when that arrived, whichever
//! came first. Its `kept_until` is that and what is in force, so that lists and the sweep agree; when what is in force
//! changes, every date is made again, some tracks at a time.

use std::time::Duration;

use clerestory_model::{
    OrganisationId, ProjectId, RecordingId, RecordingState, RetentionClass, Timestamp, TrackId,
};
use clerestory_sql::{Row, SqlError, Tx, Value};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// What stored objects count with: `kept_until` in a manifest or in the ingest log is `kept_from` and this, whatever is in
/// force, so that rows that are made again from them have the right beginning.
pub const STORED: Duration = Duration::from_secs(90 * 24 * 3600);

/// How often all tracks are gone through after a change: a segment that was on its way when it was made may have been
/// dated by what was in force before, so they are gone through once more by the next turn.
const ROUNDS: i64 = 2;

/// How long tracks of a class are kept where nothing is set.
#[must_use]
pub const fn usual(class: RetentionClass) -> Duration {
    let days = match class {
        RetentionClass::Screenshot => 30,
        RetentionClass::Replay | RetentionClass::Recording | RetentionClass::ActivityRaw => 90,
        RetentionClass::ActionLog => 400,
        // Until somebody deletes it: a century, so that there is a date to count with.
        RetentionClass::EventVod | RetentionClass::Standing => 36_525,
    };
    DAY.saturating_mul(days)
}

/// How long tracks of this class are kept in a project now.
///
/// # Errors
/// [`SqlError::Engine`].
pub async fn in_force(tx: &mut Tx, project: ProjectId, class: RetentionClass) -> Result<Duration, SqlError> {
    let sql = "SELECT kept_us FROM retentions WHERE project_id = $1 AND class = $2";
    let row = tx.query_opt(sql, &[project.into(), class.into()]).await?;
    row.map_or(Ok(usual(class)), |row| Ok(Duration::from_micros(row.get(0)?)))
}

/// What is in force in an organisation other than what is usual, or was once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InForce {
    /// How long each class is kept in each project, as far as it can be read.
    pub kept: Vec<(ProjectId, RetentionClass, Duration)>,
    /// How many rows cannot be read.
    pub unreadable: u64,
}

/// What is in force in an organisation. Whose a row is, its project says: that column of its own may be what cannot be
/// read.
///
/// # Errors
/// [`SqlError::Engine`].
pub async fn of_organisation(tx: &mut Tx, organisation: OrganisationId) -> Result<InForce, SqlError> {
    let sql = "SELECT r.project_id, r.class, r.kept_us, r.organisation_id FROM retentions r
               JOIN projects p ON p.project_id = r.project_id WHERE p.organisation_id = $1";
    let mut found = InForce::default();
    for row in tx.query(sql, &[organisation.into()]).await? {
        match in_force_of(&row) {
            Ok((kept, whose)) if whose == organisation => found.kept.push(kept),
            _ => found.unreadable += 1,
        }
    }
    Ok(found)
}

type Kept = (ProjectId, RetentionClass, Duration);

fn in_force_of(row: &Row) -> Result<(Kept, OrganisationId), SqlError> {
    Ok(((row.get(0)?, row.get(1)?, Duration::from_micros(row.get(2)?)), row.get(3)?))
}

/// Removes what is in force in an organisation and cannot be read: what settings say is put in its place.
///
/// # Errors
/// [`SqlError::Engine`].
pub async fn forget_unreadable(tx: &mut Tx, organisation: OrganisationId) -> Result<(), SqlError> {
    let sql = "SELECT r.project_id, r.class, r.kept_us, r.organisation_id FROM retentions r
               JOIN projects p ON p.project_id = r.project_id WHERE p.organisation_id = $1";
    for row in tx.query(sql, &[organisation.into()]).await? {
        if matches!(in_force_of(&row), Ok((_, whose)) if whose == organisation) {
            continue;
        }
        let key: [Value; 2] = [row.get(0)?, row.get(1)?];
        tx.execute("DELETE FROM retentions WHERE project_id = $1 AND class = $2", &key).await?;
    }
    Ok(())
}

/// Forgets what was in force in an organisation that is erased.
///
/// # Errors
/// [`SqlError::Engine`].
pub async fn forget(tx: &mut Tx, organisation: OrganisationId) -> Result<(), SqlError> {
    tx.execute("DELETE FROM retentions WHERE organisation_id = $1", &[organisation.into()]).await?;
    Ok(())
}

/// `span` in microseconds.
pub(crate) fn micros(span: Duration) -> Value {
    Value::Int(i64::try_from(span.as_micros()).unwrap_or(i64::MAX))
}

/// Puts another time in force; `false` where it is in force already. The dates of what is there are made again by
/// [`date_again`].
///
/// # Errors
/// [`SqlError::Engine`].
pub async fn put_in_force(
    tx: &mut Tx,
    organisation: OrganisationId,
    project: ProjectId,
    class: RetentionClass,
    kept: Duration,
) -> Result<bool, SqlError> {
    if in_force(tx, project, class).await? == kept {
        return Ok(false);
    }
    put_again(tx, organisation, project, class, kept).await?;
    Ok(true)
}

/// As [`put_in_force`], where nobody knows by what the dates there are were made: all of them are made again.
///
/// # Errors
/// [`SqlError::Engine`].
pub async fn put_again(
    tx: &mut Tx,
    organisation: OrganisationId,
    project: ProjectId,
    class: RetentionClass,
    kept: Duration,
) -> Result<(), SqlError> {
    tx.execute(
        "INSERT INTO retentions (project_id, class, organisation_id, kept_us, rounds) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (project_id, class) DO UPDATE
         SET kept_us = excluded.kept_us, rounds = excluded.rounds, after_track = NULL",
        &[project.into(), class.into(), organisation.into(), micros(kept), ROUNDS.into()],
    )
    .await?;
    Ok(())
}

/// Lets every date be made again: rows came back that were dated by what was in force long ago.
///
/// # Errors
/// [`SqlError::Engine`].
pub async fn doubt_all(tx: &mut Tx) -> Result<(), SqlError> {
    let sql = "UPDATE retentions SET rounds = 1, after_track = NULL WHERE rounds = 0";
    tx.execute(sql, &[]).await?;
    Ok(())
}

/// What is in force in a project since dates were last made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unapplied {
    /// The project.
    pub project: ProjectId,
    /// The class.
    pub class: RetentionClass,
    /// Whose it is.
    pub organisation: OrganisationId,
    /// What is in force.
    pub kept: Duration,
    /// How often all tracks are still to be gone through.
    pub rounds: i64,
    /// The track it has come to.
    pub after: Option<TrackId>,
}

/// Whose dates are to be made again. A row that cannot be read makes no date: its organisation is not swept before what
/// settings say stands in its place.
///
/// # Errors
/// [`SqlError::Engine`].
pub async fn unapplied(tx: &mut Tx) -> Result<Vec<Unapplied>, SqlError> {
    let sql = "SELECT project_id, class, organisation_id, kept_us, rounds, after_track FROM retentions
               WHERE rounds > 0 ORDER BY project_id, class";
    let rows = tx.query(sql, &[]).await?;
    Ok(rows.iter().filter_map(|row| unapplied_of(row).ok()).collect())
}

fn unapplied_of(row: &Row) -> Result<Unapplied, SqlError> {
    Ok(Unapplied {
        project: row.get(0)?,
        class: row.get(1)?,
        organisation: row.get(2)?,
        kept: Duration::from_micros(row.get(3)?),
        rounds: row.get(4)?,
        after: row.get(5)?,
    })
}

/// Makes the dates of the next `limit` tracks again; `true` when a round is over. What is being erased keeps its date: a
/// longer time does not bring it back.
///
/// # Errors
/// [`SqlError::Engine`].
pub async fn date_again(tx: &mut Tx, of: &Unapplied, limit: u32) -> Result<bool, SqlError> {
    let sql = "SELECT t.track_id, t.recording_id FROM tracks t
               JOIN recordings r ON r.recording_id = t.recording_id
               WHERE t.track_id > $1 AND t.organisation_id = $2 AND t.class = $3 AND r.project_id = $4
               AND t.state < $5 ORDER BY t.track_id LIMIT $6";
    let values = [
        of.after.unwrap_or(TrackId::nil()).into(),
        of.organisation.into(),
        of.class.into(),
        of.project.into(),
        RecordingState::PurgeQueued.into(),
        limit.into(),
    ];
    let page = tx.query(sql, &values).await?;
    let mut both: Vec<(RecordingId, TrackId)> = Vec::with_capacity(page.len());
    for row in &page {
        both.push((row.get(1)?, row.get(0)?));
    }
    let last = both.last().map(|(_, track)| *track);
    // Recordings before their tracks, in the order of their ids.
    both.sort_unstable();
    for (recording, track) in both {
        if !crate::recordings::lock(tx, recording).await? {
            continue;
        }
        // A date that somebody garbled, past all that can be counted to, stays what it is.
        let sql = "UPDATE tracks SET kept_until = kept_from + $2 WHERE track_id = $1 AND state < $3 AND kept_from < $4";
        let values =
            [track.into(), micros(of.kept), RecordingState::PurgeQueued.into(), BEFORE_ANY_OVERFLOW.into()];
        tx.execute(sql, &values).await?;
        let sql = "UPDATE recordings SET kept_until = (
                       SELECT max(t.kept_until) FROM tracks t WHERE t.recording_id = $1) WHERE recording_id = $1";
        tx.execute(sql, &[recording.into()]).await?;
    }
    let over = last.is_none();
    let sql = "UPDATE retentions SET after_track = $3, rounds = rounds - $4
               WHERE project_id = $1 AND class = $2 AND kept_us = $5 AND rounds = $6";
    let values =
        [of.project.into(), of.class.into(), last.into(), over.into(), micros(of.kept), of.rounds.into()];
    tx.execute(sql, &values).await?;
    Ok(over)
}

/// Microseconds since 1970 that any time of keeping can be added to: half of what the column holds.
const BEFORE_ANY_OVERFLOW: i64 = i64::MAX / 2;

/// How many recordings something of which falls due, and when.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FallingDue {
    /// What is due already.
    pub already: u64,
    /// What falls due in each of the next spans of 24 hours.
    pub days: Vec<u64>,
}

/// When tracks of a class fall due in an organisation, or in one project of it: as they are dated, or if they were kept for
/// `kept`. What is being erased is not counted.
///
/// # Errors
/// [`SqlError::Engine`].
pub async fn falling_due(
    tx: &mut Tx,
    (organisation, project): (OrganisationId, Option<ProjectId>),
    class: RetentionClass,
    kept: Option<Duration>,
    (now, days): (Timestamp, u32),
) -> Result<FallingDue, SqlError> {
    let mut values: Vec<Value> =
        vec![organisation.into(), class.into(), RecordingState::PurgeQueued.into(), now.into()];
    let date = match kept {
        Some(kept) => {
            values.extend([micros(kept), BEFORE_ANY_OVERFLOW.into()]);
            let (kept, before) = (values.len() - 1, values.len());
            // Nothing is added to a date that somebody garbled.
            format!("(CASE WHEN t.kept_from < ${before} THEN t.kept_from + ${kept} ELSE t.kept_from END)")
        }
        None => "t.kept_until".to_owned(),
    };
    let project = project.map_or(String::new(), |project| {
        values.push(project.into());
        format!(" AND r.project_id = ${}", values.len())
    });
    let from = format!(
        "FROM tracks t JOIN recordings r ON r.recording_id = t.recording_id
         WHERE t.organisation_id = $1 AND t.class = $2 AND t.state < $3{project}"
    );
    let sql = format!("SELECT count(DISTINCT t.recording_id) {from} AND {date} <= $4");
    let already = tx.query_opt(&sql, &values).await?.map_or(Ok(0), |row| row.get(0))?;
    values.push(now.plus(DAY.saturating_mul(days)).into());
    let sql = format!(
        "SELECT ({date} - $4 - 1) / 86400000000, count(DISTINCT t.recording_id) {from}
         AND {date} > $4 AND {date} <= ${} GROUP BY ({date} - $4 - 1) / 86400000000",
        values.len()
    );
    let mut found = FallingDue { already, days: vec![0; days as usize] };
    for row in tx.query(&sql, &values).await? {
        let day: u64 = row.get(0)?;
        if let Some(count) = usize::try_from(day).ok().and_then(|day| found.days.get_mut(day)) {
            *count = row.get(1)?;
        }
    }
    Ok(found)
}
