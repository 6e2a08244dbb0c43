//! What is due, by the rows; the sweeper's lease, and what each sweep came to.

use clerestory_model::{OrganisationId, RecordingId, RecordingState, Timestamp};
use clerestory_sql::{Lock, Row, SqlError, Tx, Value};

use crate::rows::Part;

/// What a forecast counts together, in microseconds.
const HOUR_US: i64 = 3_600_000_000;

/// A track in the state `$1` whose time is over at `$2`, and which no hold keeps.
fn due() -> String {
    format!("t.state = $1 AND t.kept_until <= $2 AND {}", let_go())
}

/// That no hold keeps the track `t`: none pins its key, and none that stands covers it, whether it could be pinned or not.
/// What is covered and not pinned must not stand before what is due behind it.
pub(crate) fn let_go() -> String {
    let covering = crate::holds::rows::covering("t.recording_id", "t.organisation_id");
    format!(
        "NOT EXISTS (SELECT 1 FROM key_rows k WHERE k.key_id = t.key_id AND k.pins > 0)
             AND NOT EXISTS ({covering})"
    )
}

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

/// How many recordings of an organisation have something that is due: by its retention, or because what was deleted can be
/// restored no more.
pub(crate) async fn count_due(
    tx: &mut Tx,
    organisation: OrganisationId,
    now: Timestamp,
) -> Result<u64, SqlError> {
    let sql = format!(
        "SELECT count(DISTINCT t.recording_id) FROM tracks t WHERE {} AND t.organisation_id = $3",
        due()
    );
    let mut due = 0;
    for state in [RecordingState::Active, RecordingState::SoftDeleted] {
        let [state, now] = due_at(now, state);
        let row = tx.query_opt(&sql, &[state, now, organisation.into()]).await?;
        due += row.map_or(Ok(0), |row| row.get::<u64>(0))?;
    }
    Ok(due + crate::deletions::rows::count_over(tx, organisation, now).await?)
}

/// How many recordings of an organisation sweeps have queued since a moment.
pub(crate) async fn swept_since(
    tx: &mut Tx,
    organisation: OrganisationId,
    since: Timestamp,
) -> Result<u64, SqlError> {
    let sql = "SELECT count(DISTINCT t.recording_id) FROM erasures e
               JOIN erasure_tracks t ON t.erasure_id = e.erasure_id
               WHERE e.organisation_id = $1 AND e.kind = 6 AND e.asked_at > $2";
    let row = tx.query_opt(sql, &[organisation.into(), since.into()]).await?;
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
        "SELECT t.recording_id FROM tracks t WHERE {} AND t.organisation_id = $3
         ORDER BY t.kept_until LIMIT $4",
        due()
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
        "SELECT t.track_id, t.recording_id, t.key_id FROM tracks t WHERE {} AND t.recording_id = $3
         ORDER BY t.track_id",
        due()
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
    /// How many recordings were due when it was.
    pub confirmed_due: Option<u64>,
    /// When a sweep was done that somebody had confirmed: what was queued before is held against no forecast.
    pub counted_from: Option<Timestamp>,
}

const STATE: &str =
    "SELECT swept_at, swept, forecast_at, stopped_at, due, expected, confirmed_at, confirmed_due,
                         counted_from FROM sweeps WHERE organisation_id = $1";

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
        confirmed_due: row.get(7)?,
        counted_from: row.get(8)?,
    })
}

pub(crate) async fn keep_state(
    tx: &mut Tx,
    organisation: OrganisationId,
    state: &SweepState,
) -> Result<(), SqlError> {
    tx.execute(
        "INSERT INTO sweeps (organisation_id, swept_at, swept, forecast_at, stopped_at, due, expected, confirmed_at,
             confirmed_due, counted_from)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
         ON CONFLICT (organisation_id) DO UPDATE SET swept_at = excluded.swept_at, swept = excluded.swept,
             forecast_at = excluded.forecast_at, stopped_at = excluded.stopped_at, due = excluded.due,
             expected = excluded.expected, confirmed_at = excluded.confirmed_at,
             confirmed_due = excluded.confirmed_due, counted_from = excluded.counted_from",
        &[
            organisation.into(),
            state.swept_at.into(),
            state.swept.into(),
            state.forecast_at.into(),
            state.stopped_at.into(),
            state.due.into(),
            state.expected.into(),
            state.confirmed_at.into(),
            state.confirmed_due.into(),
            state.counted_from.into(),
        ],
    )
    .await?;
    Ok(())
}

/// How many recordings were foreseen to fall due from one moment to another: by the newest forecast that is old enough, or
/// by the oldest there is. Hours count whole: a day that is longer than the one that is looked at would let what was foreseen
/// for its end pay for what nobody foresaw at its beginning.
pub(crate) async fn expected(
    tx: &mut Tx,
    organisation: OrganisationId,
    old_enough: Timestamp,
    (from, to): (Timestamp, Timestamp),
) -> Result<u64, SqlError> {
    let mut made_at: Option<Timestamp> = None;
    for sql in [
        "SELECT max(made_at) FROM sweep_forecasts WHERE organisation_id = $1 AND made_at <= $2",
        "SELECT min(made_at) FROM sweep_forecasts WHERE organisation_id = $1 AND made_at > $2",
    ] {
        if made_at.is_none() {
            let row = tx.query_opt(sql, &[organisation.into(), old_enough.into()]).await?;
            made_at = row.map_or(Ok(None), |row| row.get(0))?;
        }
    }
    let Some(made_at) = made_at else { return Ok(0) };
    let sql = "SELECT recordings FROM sweep_forecasts WHERE organisation_id = $1 AND made_at = $2
               AND hour >= $3 AND hour <= $4";
    let values = [organisation.into(), made_at.into(), hour(from), hour(to)];
    tx.query(sql, &values).await?.iter().map(|row| row.get::<u64>(0)).sum()
}

fn hour(at: Timestamp) -> Value {
    Value::Int(at.micros().div_euclid(HOUR_US))
}

/// Counts how many recordings will fall due in each hour until `until`, and forgets forecasts that a newer one replaces
/// which is old enough. What is due already was foreseen before or not at all, and what is held will not go.
pub(crate) async fn forecast(
    tx: &mut Tx,
    organisation: OrganisationId,
    old_enough: Timestamp,
    (now, until): (Timestamp, Timestamp),
) -> Result<(), SqlError> {
    tx.execute(
        "DELETE FROM sweep_forecasts WHERE organisation_id = $1 AND made_at < (
             SELECT max(f.made_at) FROM sweep_forecasts f WHERE f.organisation_id = $1 AND f.made_at <= $2)",
        &[organisation.into(), old_enough.into()],
    )
    .await?;
    // An hour in which nothing falls due is foreseen too: a forecast has at least one row.
    tx.execute(
        "INSERT INTO sweep_forecasts (organisation_id, made_at, hour, recordings) VALUES ($1, $2, $3, 0)
         ON CONFLICT (organisation_id, made_at, hour) DO NOTHING",
        &[organisation.into(), now.into(), hour(now)],
    )
    .await?;
    // What still comes in falls due too, once it is complete.
    let due = "CASE WHEN d.restorable_until < t.kept_until THEN d.restorable_until ELSE t.kept_until END";
    let sql = format!(
        "INSERT INTO sweep_forecasts (organisation_id, made_at, hour, recordings)
         SELECT t.organisation_id, CAST($2 AS BIGINT), ({due}) / {HOUR_US}, count(DISTINCT t.recording_id)
         FROM tracks t LEFT JOIN deletions d ON d.recording_id = t.recording_id
         WHERE t.organisation_id = $1 AND t.state < $3 AND ({due}) > $2 AND ({due}) <= $4
         AND {}
         GROUP BY t.organisation_id, ({due}) / {HOUR_US}
         ON CONFLICT (organisation_id, made_at, hour) DO UPDATE SET recordings = excluded.recordings",
        let_go()
    );
    let values = [organisation.into(), now.into(), RecordingState::PurgeQueued.into(), until.into()];
    tx.execute(&sql, &values).await?;
    Ok(())
}

/// Forgets how an organisation was swept that is erased.
pub(crate) async fn forget(tx: &mut Tx, organisation: OrganisationId) -> Result<(), SqlError> {
    for table in ["sweeps", "sweep_forecasts"] {
        let sql = format!("DELETE FROM {table} WHERE organisation_id = $1");
        tx.execute(&sql, &[organisation.into()]).await?;
    }
    Ok(())
}
