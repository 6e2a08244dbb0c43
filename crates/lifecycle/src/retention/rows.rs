//! What is due, by the rows; the sweeper's lease, and what each sweep came to.

use clerestory_model::{OrganisationId, RecordingId, RecordingState, Timestamp};
use clerestory_sql::{Lock, Row, SqlError, Tx, Value};

use crate::rows::Part;

/// A track in the state `$1` whose time is over at `$2`, and whose key no hold pins.
const DUE: &str = "t.state = $1 AND t.kept_until <= $2
    AND NOT EXISTS (SELECT 1 FROM key_rows k WHERE k.key_id = t.key_id AND k.pins > 0)";

fn due_at(now: Timestamp, state: RecordingState) -> [Value; 2] {
    [state.into(), now.into()]
}

/// Takes the sweeper's lease for a node; `false` while another node has it. What one has for more than twice as long was
/// written by a clock that was ahead.
pub(crate) async fn take_lease(
    tx: &mut Tx,
    node: [u8; 16],
    now: Timestamp,
    until: Timestamp,
) -> Result<bool, SqlError> {
    let first =
        "INSERT INTO sweeping (one, node, held_until) VALUES (1, $1, $2) ON CONFLICT (one) DO NOTHING";
    tx.execute(first, &[node.into(), now.into()]).await?;
    let sql = "UPDATE sweeping SET node = $1, held_until = $2
               WHERE one = 1 AND (node = $1 OR held_until <= $3 OR held_until > $4)";
    let ahead = until.plus(until.since(now));
    Ok(tx.execute(sql, &[node.into(), until.into(), now.into(), ahead.into()]).await? > 0)
}

/// How many recordings of an organisation have something that is due by its retention. What somebody deleted is not counted:
/// nobody is surprised by that.
pub(crate) async fn count_due(
    tx: &mut Tx,
    organisation: OrganisationId,
    now: Timestamp,
) -> Result<u64, SqlError> {
    let sql =
        format!("SELECT count(DISTINCT t.recording_id) FROM tracks t WHERE {DUE} AND t.organisation_id = $3");
    let [state, now] = due_at(now, RecordingState::Active);
    let row = tx.query_opt(&sql, &[state, now, organisation.into()]).await?;
    row.map_or(Ok(0), |row| row.get(0))
}

/// How many recordings an organisation has that are not being erased.
pub(crate) async fn count_kept(tx: &mut Tx, organisation: OrganisationId) -> Result<u64, SqlError> {
    let sql = "SELECT count(*) FROM recordings WHERE organisation_id = $1 AND state < $2";
    let row = tx.query_opt(sql, &[organisation.into(), RecordingState::PurgeQueued.into()]).await?;
    row.map_or(Ok(0), |row| row.get(0))
}

/// Some recordings of an organisation with something that is due, in the order of their ids: what was deleted is due when
/// it can be restored no more, or when its retention ends before that.
pub(crate) async fn due_recordings(
    tx: &mut Tx,
    organisation: OrganisationId,
    now: Timestamp,
    limit: u32,
) -> Result<Vec<RecordingId>, SqlError> {
    let sql = format!(
        "SELECT t.recording_id FROM tracks t WHERE {DUE} AND t.organisation_id = $3
         ORDER BY t.kept_until LIMIT $4"
    );
    let mut found: Vec<RecordingId> = Vec::new();
    for state in [RecordingState::Active, RecordingState::SoftDeleted] {
        let [state, at] = due_at(now, state);
        for row in tx.query(&sql, &[state, at, organisation.into(), limit.into()]).await? {
            found.push(row.get(0)?);
        }
    }
    found.extend(crate::deletions::rows::over(tx, organisation, now, limit).await?);
    found.sort_unstable();
    found.dedup();
    found.truncate(limit as usize);
    Ok(found)
}

/// The tracks of a recording that are due.
pub(crate) async fn due_parts(
    tx: &mut Tx,
    recording: RecordingId,
    now: Timestamp,
) -> Result<Vec<Part>, SqlError> {
    let deletion = crate::deletions::rows::find(tx, recording).await?;
    let over = deletion.is_some_and(|deletion| deletion.restorable_until <= now);
    let sql = format!(
        "SELECT t.track_id, t.recording_id, t.key_id FROM tracks t WHERE {DUE} AND t.recording_id = $3
         ORDER BY t.track_id"
    );
    let mut parts = Vec::new();
    for state in [RecordingState::Active, RecordingState::SoftDeleted] {
        // What can be restored no more is due whatever its own date is.
        let at = if over { Timestamp::from_micros(i64::MAX) } else { now };
        let [state, at] = due_at(at, state);
        for row in tx.query(&sql, &[state, at, recording.into()]).await? {
            parts.push(Part { track: row.get(0)?, recording: row.get(1)?, key: row.get(2)? });
        }
    }
    Ok(parts)
}

/// Whether a recording has tracks that are neither queued nor erased.
pub(crate) async fn has_more(tx: &mut Tx, recording: RecordingId) -> Result<bool, SqlError> {
    let sql = "SELECT 1 FROM tracks WHERE recording_id = $1 AND state < $2 LIMIT 1";
    let values = [recording.into(), RecordingState::PurgeQueued.into()];
    Ok(tx.query_opt(sql, &values).await?.is_some())
}

/// How the sweeping of an organisation stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SweepState {
    /// When it was swept last.
    pub swept_at: Option<Timestamp>,
    /// How many recordings that sweep queued.
    pub swept: u64,
    /// When what will fall due was counted last.
    pub forecast_at: Option<Timestamp>,
    /// Since when a sweep waits for somebody to confirm it.
    pub stopped_at: Option<Timestamp>,
    /// How many recordings were due at the last look.
    pub due: u64,
    /// How many of them had been expected.
    pub expected: u64,
    /// When a sweep that waits was confirmed.
    pub confirmed_at: Option<Timestamp>,
}

const STATE: &str = "SELECT swept_at, swept, forecast_at, stopped_at, due, expected, confirmed_at FROM sweeps
                     WHERE organisation_id = $1";

pub(crate) async fn state(tx: &mut Tx, organisation: OrganisationId) -> Result<SweepState, SqlError> {
    read_state(tx.query_opt(STATE, &[organisation.into()]).await?)
}

/// As [`state`], for whoever will write it.
pub(crate) async fn state_locked(tx: &mut Tx, organisation: OrganisationId) -> Result<SweepState, SqlError> {
    read_state(tx.query_opt_locked(Lock::Exclusive, STATE, &[organisation.into()]).await?)
}

fn read_state(row: Option<Row>) -> Result<SweepState, SqlError> {
    let Some(row) = row else { return Ok(SweepState::default()) };
    Ok(SweepState {
        swept_at: row.get(0)?,
        swept: row.get(1)?,
        forecast_at: row.get(2)?,
        stopped_at: row.get(3)?,
        due: row.get(4)?,
        expected: row.get(5)?,
        confirmed_at: row.get(6)?,
    })
}

pub(crate) async fn keep_state(
    tx: &mut Tx,
    organisation: OrganisationId,
    state: &SweepState,
) -> Result<(), SqlError> {
    tx.execute(
        "INSERT INTO sweeps (organisation_id, swept_at, swept, forecast_at, stopped_at, due, expected, confirmed_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         ON CONFLICT (organisation_id) DO UPDATE SET swept_at = excluded.swept_at, swept = excluded.swept,
             forecast_at = excluded.forecast_at, stopped_at = excluded.stopped_at, due = excluded.due,
             expected = excluded.expected, confirmed_at = excluded.confirmed_at",
        &[
            organisation.into(),
            state.swept_at.into(),
            state.swept.into(),
            state.forecast_at.into(),
            state.stopped_at.into(),
            state.due.into(),
            state.expected.into(),
            state.confirmed_at.into(),
        ],
    )
    .await?;
    Ok(())
}

/// Lets a sweep that waits go on; `false` where none waits.
pub(crate) async fn confirm(
    tx: &mut Tx,
    organisation: OrganisationId,
    at: Timestamp,
) -> Result<bool, SqlError> {
    let sql = "UPDATE sweeps SET confirmed_at = $2 WHERE organisation_id = $1 AND stopped_at IS NOT NULL";
    Ok(tx.execute(sql, &[organisation.into(), at.into()]).await? > 0)
}

/// How many recordings the last forecast expected to be due by now.
pub(crate) async fn expected(
    tx: &mut Tx,
    organisation: OrganisationId,
    now: Timestamp,
) -> Result<u64, SqlError> {
    let sql = "SELECT recordings FROM sweep_forecasts WHERE organisation_id = $1 AND day <= $2";
    let rows = tx.query(sql, &[organisation.into(), now.utc_day().into()]).await?;
    rows.iter().map(|row| row.get::<u64>(0)).sum()
}

/// Counts anew how many recordings will fall due on each day until `until`.
pub(crate) async fn forecast(
    tx: &mut Tx,
    organisation: OrganisationId,
    until: Timestamp,
) -> Result<(), SqlError> {
    tx.execute("DELETE FROM sweep_forecasts WHERE organisation_id = $1", &[organisation.into()]).await?;
    // What still comes in falls due too, once it is complete.
    for state in [RecordingState::Capturing, RecordingState::Active] {
        tx.execute(
            "INSERT INTO sweep_forecasts (organisation_id, day, recordings)
             SELECT t.organisation_id, t.kept_until / 86400000000, count(DISTINCT t.recording_id) FROM tracks t
             WHERE t.organisation_id = $1 AND t.state = $2 AND t.kept_until <= $3
             GROUP BY t.organisation_id, t.kept_until / 86400000000
             ON CONFLICT (organisation_id, day) DO UPDATE
             SET recordings = sweep_forecasts.recordings + excluded.recordings",
            &[organisation.into(), state.into(), until.into()],
        )
        .await?;
    }
    Ok(())
}
