//! The rows of holds.

use clerestory_audit::authority::Touched;
use clerestory_model::{HoldId, KeyId, OrganisationId, PersonId, RecordingId, RecordingState, Timestamp};
use clerestory_sql::{Lock, Row, SqlError, Tx, Value};
use clerestory_store::Sealed;

use super::{Hold, HoldScope, HoldState, details_place, touched};
use crate::Target;

const COLUMNS: &str = "h.hold_id, h.organisation_id, h.kind, h.target, h.state, h.details, h.review_at, h.proposed_by, \
                       h.proposed_at, h.placed_by, h.placed_at, h.release_by, h.release_at, h.ended_by, h.ended_at, \
                       h.alone_until, (SELECT count(*) FROM hold_keys k WHERE k.hold_id = h.hold_id)";

/// Holds that stand. One whose state cannot be read may: it is neither proposed, released nor withdrawn.
pub(crate) const STAND: &str = "h.state NOT IN (1, 4, 5)";

fn wrong(column: &str) -> SqlError {
    SqlError::Inconsistent { table: "holds", column: column.to_owned() }
}

fn hold(row: &Row) -> Result<Hold, SqlError> {
    let (id, organisation) = (row.get(0)?, row.get(1)?);
    let state: i64 = row.get(4)?;
    let by = |person: usize, at: usize| -> Result<Option<(PersonId, Timestamp)>, SqlError> {
        Ok(row.get::<Option<PersonId>>(person)?.zip(row.get::<Option<Timestamp>>(at)?))
    };
    Ok(Hold {
        id,
        organisation,
        scope: match row.get::<i64>(2)? {
            1 => HoldScope::Recording(row.get(3)?),
            2 => HoldScope::Subject(row.get(3)?),
            3 => HoldScope::Site(row.get(3)?),
            4 => HoldScope::Organisation,
            _ => return Err(wrong("kind")),
        },
        state: HoldState::ALL
            .into_iter()
            .find(|known| *known as i64 == state)
            .ok_or_else(|| wrong("state"))?,
        details: Sealed::found(row.get(5)?, details_place(organisation, id))?,
        review_at: row.get(6)?,
        proposed: (row.get(7)?, row.get(8)?),
        placed: by(9, 10)?,
        release: by(11, 12)?,
        ended: by(13, 14)?,
        alone_until: row.get(15)?,
        keys: row.get(16)?,
    })
}

/// Kind and target of a scope, as they are stored.
fn stored(scope: &HoldScope, organisation: OrganisationId) -> [Value; 2] {
    match scope {
        HoldScope::Recording(recording) => [Value::Int(1), (*recording).into()],
        HoldScope::Subject(subject) => [Value::Int(2), (*subject).into()],
        HoldScope::Site(site) => [Value::Int(3), (*site).into()],
        HoldScope::Organisation => [Value::Int(4), organisation.into()],
    }
}

/// Writes a hold as it is now, in the place of the one it was.
pub(crate) async fn keep(tx: &mut Tx, hold: &Hold) -> Result<(), SqlError> {
    let [kind, target] = stored(&hold.scope, hold.organisation);
    let pair = |by: Option<(PersonId, Timestamp)>| -> [Value; 2] {
        by.map_or([Value::Null, Value::Null], |(person, at)| [person.into(), at.into()])
    };
    let [placed_by, placed_at] = pair(hold.placed);
    let [release_by, release_at] = pair(hold.release);
    let [ended_by, ended_at] = pair(hold.ended);
    tx.execute(
        "INSERT INTO holds (hold_id, organisation_id, kind, target, state, details, review_at, proposed_by,
             proposed_at, placed_by, placed_at, release_by, release_at, ended_by, ended_at, alone_until)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
         ON CONFLICT (hold_id) DO UPDATE SET state = excluded.state, placed_by = excluded.placed_by,
             placed_at = excluded.placed_at, release_by = excluded.release_by, release_at = excluded.release_at,
             ended_by = excluded.ended_by, ended_at = excluded.ended_at, alone_until = excluded.alone_until",
        &[
            hold.id.into(),
            hold.organisation.into(),
            kind,
            target,
            (hold.state as i64).into(),
            hold.details.value().as_bytes().into(),
            hold.review_at.into(),
            hold.proposed.0.into(),
            hold.proposed.1.into(),
            placed_by,
            placed_at,
            release_by,
            release_at,
            ended_by,
            ended_at,
            hold.alone_until.into(),
        ],
    )
    .await?;
    Ok(())
}

pub(crate) async fn find_locked(tx: &mut Tx, id: HoldId) -> Result<Option<Hold>, SqlError> {
    let sql = format!("SELECT {COLUMNS} FROM holds h WHERE h.hold_id = $1");
    tx.query_opt_locked(Lock::Exclusive, &sql, &[id.into()]).await?.as_ref().map(hold).transpose()
}

/// Those of the rows that can be read, and how many cannot: what those may cover is protected all the same, by [`STAND`] and
/// [`COVERED`].
fn readable(rows: &[Row]) -> (Vec<Hold>, u64) {
    let mut unreadable = 0;
    let holds = rows.iter().filter_map(|row| match hold(row) {
        Ok(hold) => Some(hold),
        Err(error) => {
            let id = row.get::<HoldId>(0).ok().map(|id| id.to_string());
            tracing::error!(hold = id, %error, "the row of a hold cannot be read");
            unreadable += 1;
            None
        }
    });
    (holds.collect(), unreadable)
}

/// The holds of an organisation, newest first, but for those that cannot be read.
pub(crate) async fn list(
    tx: &mut Tx,
    organisation: OrganisationId,
    limit: u32,
) -> Result<Vec<Hold>, SqlError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM holds h WHERE h.organisation_id = $1 ORDER BY h.hold_id DESC LIMIT $2"
    );
    Ok(readable(&tx.query(&sql, &[organisation.into(), limit.into()]).await?).0)
}

/// The holds that stand, in every organisation, and how many of those that may cannot be read.
pub(crate) async fn standing(tx: &mut Tx) -> Result<(Vec<Hold>, u64), SqlError> {
    let sql = format!("SELECT {COLUMNS} FROM holds h WHERE {STAND} ORDER BY h.hold_id");
    Ok(readable(&tx.query(&sql, &[]).await?))
}

/// The holds of which something is proposed that happens by itself now.
pub(crate) async fn ripe(tx: &mut Tx, now: Timestamp) -> Result<Vec<Hold>, SqlError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM holds h WHERE h.state IN (1, 3) AND h.alone_until <= $1 ORDER BY h.hold_id"
    );
    Ok(readable(&tx.query(&sql, &[now.into()]).await?).0)
}

/// The holds that stand no more and still pin something, and how many more cannot be read.
pub(crate) async fn pinning_no_more(tx: &mut Tx) -> Result<(Vec<HoldId>, u64), SqlError> {
    let sql = format!(
        "SELECT DISTINCT h.hold_id FROM holds h JOIN hold_keys k ON k.hold_id = h.hold_id WHERE NOT ({STAND})
         ORDER BY h.hold_id"
    );
    let rows = tx.query(&sql, &[]).await?;
    let readable: Vec<HoldId> = rows.iter().filter_map(|row| row.get(0).ok()).collect();
    let unreadable = (rows.len() - readable.len()) as u64;
    Ok((readable, unreadable))
}

/// Whether a hold that stands covers this recording.
pub(crate) async fn covers(tx: &mut Tx, recording: RecordingId) -> Result<bool, SqlError> {
    let sql = format!(
        "SELECT 1 FROM recordings r JOIN holds h ON h.organisation_id = r.organisation_id
         WHERE r.recording_id = $1 AND {STAND} AND {COVERED} LIMIT 1"
    );
    Ok(tx.query_opt(&sql, &[recording.into()]).await?.is_some())
}

/// Whether a hold that stands covers one of these recordings.
pub(crate) async fn covers_any(tx: &mut Tx, recordings: &[RecordingId]) -> Result<bool, SqlError> {
    for recording in recordings {
        if covers(tx, *recording).await? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// That the hold `h` covers the recording `r`. One of which nobody can read what it covers may cover everything.
const COVERED: &str =
    "((h.kind = 1 AND h.target = r.recording_id) OR (h.kind = 2 AND h.target = r.subject_id)
    OR (h.kind = 3 AND h.target = r.site_id) OR h.kind NOT IN (1, 2, 3) OR length(h.target) <> 16)";

/// The holds that stand and cover the recording in column `recording` of the organisation in column `organisation`.
pub(crate) fn covering(recording: &str, organisation: &str) -> String {
    format!(
        "SELECT 1 FROM holds h JOIN recordings r ON r.recording_id = {recording}
         WHERE h.organisation_id = {organisation} AND {STAND} AND {COVERED}"
    )
}

/// Whether a hold that stands covers something of what is to be erased.
pub(crate) async fn stands_against(
    tx: &mut Tx,
    organisation: OrganisationId,
    target: &Target,
) -> Result<bool, SqlError> {
    let (condition, value): (&str, Value) = match target {
        Target::Track { recording, .. } | Target::Recording(recording) | Target::Range { recording, .. } => {
            ("r.recording_id = $2", (*recording).into())
        }
        Target::Subject(subject) => {
            // Their account too, where there is nothing about them.
            let sql = format!(
                "SELECT 1 FROM holds h WHERE {STAND} AND (h.kind = 2 AND h.target = $1
                     OR h.kind NOT IN (1, 2, 3) AND h.organisation_id = $2) LIMIT 1"
            );
            if tx.query_opt(&sql, &[(*subject).into(), organisation.into()]).await?.is_some() {
                return Ok(true);
            }
            ("r.subject_id = $2", (*subject).into())
        }
        Target::RecordingsOf(subject) => (
            "r.subject_id = $2 AND r.state < 4 AND NOT EXISTS (
                 SELECT 1 FROM restrictions x WHERE x.recording_id = r.recording_id)",
            (*subject).into(),
        ),
        Target::Organisation => {
            let sql = format!("SELECT 1 FROM holds h WHERE {STAND} AND h.organisation_id = $1 LIMIT 1");
            return Ok(tx.query_opt(&sql, &[organisation.into()]).await?.is_some());
        }
        // A sweep has looked at each of them.
        Target::Expired(_) => return Ok(false),
    };
    let sql = format!(
        "SELECT 1 FROM recordings r JOIN holds h ON h.organisation_id = r.organisation_id
         WHERE r.organisation_id = $1 AND {condition} AND {STAND} AND {COVERED} LIMIT 1"
    );
    Ok(tx.query_opt(&sql, &[organisation.into(), value]).await?.is_some())
}

/// Recordings that a hold covers, that are not being erased, and of which it does not pin every key yet.
pub(crate) async fn unpinned(tx: &mut Tx, hold: &Hold, limit: u32) -> Result<Vec<RecordingId>, SqlError> {
    let sql = format!(
        "SELECT DISTINCT r.recording_id FROM holds h JOIN recordings r ON r.organisation_id = h.organisation_id
         JOIN tracks t ON t.recording_id = r.recording_id
         WHERE h.hold_id = $1 AND {COVERED} AND t.state < $2
         AND (NOT EXISTS (SELECT 1 FROM hold_keys k WHERE k.hold_id = h.hold_id AND k.key_id = t.key_id)
             OR (r.summary_key IS NOT NULL AND NOT EXISTS (
                 SELECT 1 FROM hold_keys k WHERE k.hold_id = h.hold_id AND k.key_id = r.summary_key)))
         ORDER BY r.recording_id LIMIT $3"
    );
    let values = [hold.id.into(), RecordingState::PurgeQueued.into(), limit.into()];
    tx.query(&sql, &values).await?.iter().map(|row| row.get(0)).collect()
}

/// The keys of a recording that is locked: of its tracks that are not being erased, and of its summary.
pub(crate) async fn keys_of(tx: &mut Tx, recording: RecordingId) -> Result<Vec<KeyId>, SqlError> {
    let sql = "SELECT key_id FROM tracks WHERE recording_id = $1 AND state < $2
               UNION SELECT summary_key FROM recordings WHERE recording_id = $1 AND summary_key IS NOT NULL
                   AND state < $2";
    let rows = tx.query(sql, &[recording.into(), RecordingState::PurgeQueued.into()]).await?;
    rows.iter().map(|row| row.get(0)).collect()
}

/// Notes that a hold pins a key; `false` when it does so already.
pub(crate) async fn note_pin(tx: &mut Tx, hold: HoldId, key: KeyId) -> Result<bool, SqlError> {
    let sql =
        "INSERT INTO hold_keys (hold_id, key_id) VALUES ($1, $2) ON CONFLICT (hold_id, key_id) DO NOTHING";
    Ok(tx.execute(sql, &[hold.into(), key.into()]).await? > 0)
}

/// Some keys that a hold pins.
pub(crate) async fn pinned(tx: &mut Tx, hold: HoldId, limit: u32) -> Result<Vec<KeyId>, SqlError> {
    let sql = "SELECT key_id FROM hold_keys WHERE hold_id = $1 ORDER BY key_id LIMIT $2";
    tx.query(sql, &[hold.into(), limit.into()]).await?.iter().map(|row| row.get(0)).collect()
}

/// Forgets that a hold pins a key; `false` where somebody else has done so meanwhile.
pub(crate) async fn forget_pin(tx: &mut Tx, hold: HoldId, key: KeyId) -> Result<bool, SqlError> {
    let sql = "DELETE FROM hold_keys WHERE hold_id = $1 AND key_id = $2";
    Ok(tx.execute(sql, &[hold.into(), key.into()]).await? == 1)
}

/// Forgets that anything pins these keys.
pub(crate) async fn forget_pins_of(tx: &mut Tx, keys: &[KeyId]) -> Result<(), SqlError> {
    for key in keys {
        tx.execute("DELETE FROM hold_keys WHERE key_id = $1", &[(*key).into()]).await?;
    }
    Ok(())
}

/// How many holds of an organisation have rows that cannot be read.
pub(crate) async fn unreadable(tx: &mut Tx, organisation: OrganisationId) -> Result<u64, SqlError> {
    let sql = format!("SELECT {COLUMNS} FROM holds h WHERE h.organisation_id = $1 AND {STAND}");
    Ok(readable(&tx.query(&sql, &[organisation.into()]).await?).1)
}

/// How many holds of an organisation wait for a second person, and how many stand longer than until they were to be looked
/// at again.
pub(crate) async fn to_look_at(
    tx: &mut Tx,
    organisation: OrganisationId,
    now: Timestamp,
) -> Result<(u64, u64), SqlError> {
    let sql = "SELECT count(*) FROM holds WHERE organisation_id = $1 AND state IN (1, 3)
               UNION ALL SELECT count(*) FROM holds h WHERE organisation_id = $1 AND h.state IN (2, 3)
                   AND review_at <= $2";
    let rows = tx.query(sql, &[organisation.into(), now.into()]).await?;
    let count = |at: usize| rows.get(at).map_or(Ok(0), |row| row.get(0));
    Ok((count(0)?, count(1)?))
}

/// Removes every hold of an organisation that is erased; says which.
pub(crate) async fn remove_all(tx: &mut Tx, organisation: OrganisationId) -> Result<Vec<Touched>, SqlError> {
    let sql = "SELECT hold_id FROM holds WHERE organisation_id = $1 ORDER BY hold_id";
    let mut gone = Vec::new();
    for row in tx.query_locked(Lock::Exclusive, sql, &[organisation.into()]).await? {
        let hold: HoldId = row.get(0)?;
        tx.execute("DELETE FROM hold_keys WHERE hold_id = $1", &[hold.into()]).await?;
        tx.execute("DELETE FROM holds WHERE hold_id = $1", &[hold.into()]).await?;
        gone.push(touched(hold));
    }
    Ok(gone)
}
