//! The rows of erasures, and what they say of recordings and tracks.

use clerestory_model::{
    ErasureId, KeyId, OrganisationId, RecordingId, RecordingState, SubjectId, Timestamp, TrackId,
};
use clerestory_sql::{Lock, Row, SqlError, Tx, Value};

use crate::{Erasure, Step, Target};

const COLUMNS: &str = "erasure_id, organisation_id, kind, target, recording_id, step, entry, asked_at, destroyed_at, \
                       removed_at, verified_at, unreadable_since, waits, receipt, tombstones, \
                       from_us, to_us";

fn wrong(column: &str) -> SqlError {
    SqlError::Inconsistent { table: "erasures", column: column.to_owned() }
}

fn erasure(row: &Row) -> Result<Erasure, SqlError> {
    let recording = || row.get::<Option<RecordingId>>(4)?.ok_or_else(|| wrong("recording_id"));
    let target = match row.get::<i64>(2)? {
        1 => Target::Track { recording: recording()?, track: row.get(3)? },
        2 => Target::Recording(row.get(3)?),
        3 => Target::Range { recording: recording()?, from_us: row.get(15)?, to_us: row.get(16)? },
        4 => Target::Subject(row.get(3)?),
        5 => Target::Organisation,
        6 => Target::Expired(row.get(3)?),
        7 => Target::RecordingsOf(row.get(3)?),
        _ => return Err(wrong("kind")),
    };
    Ok(Erasure {
        id: row.get(0)?,
        organisation: row.get(1)?,
        target,
        step: Step::from_number(row.get(5)?).ok_or_else(|| wrong("step"))?,
        entry: row.get(6)?,
        asked_at: row.get(7)?,
        destroyed_at: row.get(8)?,
        removed_at: row.get(9)?,
        verified_at: row.get(10)?,
        unreadable_since: row.get(11)?,
        waits: row.get(12)?,
        receipt: row.get(13)?,
        tombstones: row.get(14)?,
    })
}

/// Kind, target, recording and range of a target, as they are stored.
fn stored(target: &Target, organisation: OrganisationId) -> [Value; 5] {
    let whole = |kind, id, recording| [Value::Int(kind), id, recording, Value::Null, Value::Null];
    match target {
        Target::Track { recording, track } => whole(1, (*track).into(), (*recording).into()),
        Target::Recording(recording) => whole(2, (*recording).into(), (*recording).into()),
        Target::Range { recording, from_us, to_us } => {
            [Value::Int(3), (*recording).into(), (*recording).into(), (*from_us).into(), (*to_us).into()]
        }
        Target::Subject(subject) => whole(4, (*subject).into(), Value::Null),
        Target::Organisation => whole(5, organisation.into(), Value::Null),
        Target::Expired(erasure) => whole(6, (*erasure).into(), Value::Null),
        Target::RecordingsOf(subject) => whole(7, (*subject).into(), Value::Null),
    }
}

pub(crate) async fn insert(tx: &mut Tx, new: &Erasure) -> Result<(), SqlError> {
    let [kind, target, recording, from_us, to_us] = stored(&new.target, new.organisation);
    let values: [Value; 10] = [
        new.id.into(),
        new.organisation.into(),
        kind,
        target,
        recording,
        (new.step as i64).into(),
        new.entry.into(),
        new.asked_at.into(),
        from_us,
        to_us,
    ];
    tx.execute(
        "INSERT INTO erasures (erasure_id, organisation_id, kind, target, recording_id, step, entry, asked_at, from_us,
             to_us) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        &values,
    )
    .await?;
    Ok(())
}

pub(crate) async fn find(tx: &mut Tx, id: ErasureId) -> Result<Option<Erasure>, SqlError> {
    let sql = format!("SELECT {COLUMNS} FROM erasures WHERE erasure_id = $1");
    tx.query_opt(&sql, &[id.into()]).await?.as_ref().map(erasure).transpose()
}

/// The erasure, held until the transaction ends, if it is at this step.
pub(crate) async fn at_step(tx: &mut Tx, id: ErasureId, step: Step) -> Result<Option<Erasure>, SqlError> {
    let sql = format!("SELECT {COLUMNS} FROM erasures WHERE erasure_id = $1 AND step = $2");
    let values = [id.into(), (step as i64).into()];
    tx.query_opt_locked(Lock::Exclusive, &sql, &values).await?.as_ref().map(erasure).transpose()
}

/// The erasure of exactly this, if there was one.
pub(crate) async fn of_target(
    tx: &mut Tx,
    organisation: OrganisationId,
    target: &Target,
) -> Result<Option<Erasure>, SqlError> {
    let [kind, id, ..] = stored(target, organisation);
    let sql =
        format!("SELECT {COLUMNS} FROM erasures WHERE target = $1 AND kind = $2 ORDER BY erasure_id DESC");
    let known: Result<Vec<Erasure>, SqlError> =
        tx.query(&sql, &[id, kind]).await?.iter().map(erasure).collect();
    Ok(known?.into_iter().find(|known| known.target == *target))
}

/// Whether the keys of all recordings about somebody that there were are about to be destroyed.
pub(crate) async fn takes_recordings_of(tx: &mut Tx, subject: SubjectId) -> Result<bool, SqlError> {
    let sql = "SELECT 1 FROM erasures WHERE target = $1 AND kind = 7 AND step >= $2 AND step < $3 LIMIT 1";
    let values = [subject.into(), (Step::Asked as i64).into(), (Step::Shredded as i64).into()];
    Ok(tx.query_opt(sql, &values).await?.is_some())
}

/// Erasures at a step after the one given, oldest first, but for those whose row cannot be read: they alone stand still.
pub(crate) async fn waiting(
    tx: &mut Tx,
    step: Step,
    after: ErasureId,
    limit: u32,
) -> Result<Vec<Erasure>, SqlError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM erasures WHERE step = $1 AND erasure_id > $2 ORDER BY erasure_id LIMIT $3"
    );
    let values = [(step as i64).into(), after.into(), limit.into()];
    let rows = tx.query(&sql, &values).await?;
    let readable = rows.iter().filter_map(|row| match erasure(row) {
        Ok(erasure) => Some(erasure),
        Err(error) => {
            let id = row.get::<ErasureId>(0).ok().map(|id| id.to_string());
            tracing::error!(erasure = id, %error, "the row of an erasure cannot be read");
            None
        }
    });
    Ok(readable.collect())
}

/// The erasures of an organisation, newest first.
pub(crate) async fn of_organisation(
    tx: &mut Tx,
    organisation: OrganisationId,
    before: Option<ErasureId>,
    limit: u32,
) -> Result<Vec<Erasure>, SqlError> {
    let (condition, mut values) = match before {
        Some(before) => (" AND erasure_id < $2", vec![organisation.into(), before.into()]),
        None => ("", vec![organisation.into()]),
    };
    values.push(limit.into());
    let sql = format!(
        "SELECT {COLUMNS} FROM erasures WHERE organisation_id = $1{condition} ORDER BY erasure_id DESC LIMIT ${}",
        values.len()
    );
    tx.query(&sql, &values).await?.iter().map(erasure).collect()
}

/// Moves an erasure on; it was locked at the step before.
pub(crate) async fn move_on(tx: &mut Tx, id: ErasureId, to: Step) -> Result<(), SqlError> {
    let sql = "UPDATE erasures SET step = $2, waits = NULL WHERE erasure_id = $1";
    tx.execute_one("erasures", sql, &[id.into(), (to as i64).into()]).await
}

/// Notes a time of an erasure.
pub(crate) async fn note_time(
    tx: &mut Tx,
    id: ErasureId,
    column: Moment,
    at: Timestamp,
) -> Result<(), SqlError> {
    let sql = format!("UPDATE erasures SET {} = $2 WHERE erasure_id = $1", column.column());
    tx.execute_one("erasures", &sql, &[id.into(), at.into()]).await
}

/// A time that an erasure has.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Moment {
    Destroyed,
    Removed,
    Verified,
    UnreadableSince,
}

impl Moment {
    const fn column(self) -> &'static str {
        match self {
            Self::Destroyed => "destroyed_at",
            Self::Removed => "removed_at",
            Self::Verified => "verified_at",
            Self::UnreadableSince => "unreadable_since",
        }
    }
}

pub(crate) async fn set_receipt(tx: &mut Tx, id: ErasureId, receipt: &str) -> Result<(), SqlError> {
    let sql = "UPDATE erasures SET receipt = $2 WHERE erasure_id = $1";
    tx.execute_one("erasures", sql, &[id.into(), receipt.into()]).await
}

pub(crate) async fn set_tombstones(tx: &mut Tx, id: ErasureId, name: &str) -> Result<(), SqlError> {
    let sql = "UPDATE erasures SET tombstones = $2 WHERE erasure_id = $1";
    tx.execute_one("erasures", sql, &[id.into(), name.into()]).await
}

pub(crate) async fn set_waits(tx: &mut Tx, id: ErasureId, waits: Option<&str>) -> Result<(), SqlError> {
    // Another node may have brought it to its end meanwhile.
    let sql = "UPDATE erasures SET waits = $2 WHERE erasure_id = $1 AND step < $3";
    let verified = (Step::Verified as i64).into();
    tx.execute(sql, &[id.into(), waits.map(str::to_owned).into(), verified]).await?;
    Ok(())
}

/// A track that is erased.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) track: TrackId,
    pub(crate) recording: RecordingId,
    pub(crate) key: KeyId,
}

/// Hides a recording that is locked, because its erasure waits for a hold. It cannot be restored any more.
pub(crate) async fn restrict(
    tx: &mut Tx,
    recording: RecordingId,
    erasure: ErasureId,
) -> Result<(), SqlError> {
    for table in ["recordings", "tracks"] {
        let sql = format!("UPDATE {table} SET state = $2 WHERE recording_id = $1 AND state < $2");
        tx.execute(&sql, &[recording.into(), RecordingState::SoftDeleted.into()]).await?;
    }
    tx.execute("DELETE FROM deletions WHERE recording_id = $1", &[recording.into()]).await?;
    let sql = "INSERT INTO restrictions (recording_id, erasure_id) VALUES ($1, $2)
               ON CONFLICT (recording_id, erasure_id) DO NOTHING";
    tx.execute(sql, &[recording.into(), erasure.into()]).await?;
    Ok(())
}

/// Forgets what an erasure had hidden: it has begun.
pub(crate) async fn unrestrict(tx: &mut Tx, erasure: ErasureId) -> Result<(), SqlError> {
    tx.execute("DELETE FROM restrictions WHERE erasure_id = $1", &[erasure.into()]).await?;
    Ok(())
}

/// Whether an erasure of this recording waits for a hold.
pub(crate) async fn is_restricted(tx: &mut Tx, recording: RecordingId) -> Result<bool, SqlError> {
    let sql = "SELECT 1 FROM restrictions WHERE recording_id = $1 LIMIT 1";
    Ok(tx.query_opt(sql, &[recording.into()]).await?.is_some())
}

/// Whether there is a recording about somebody that is not proven gone.
pub(crate) async fn has_recordings(tx: &mut Tx, subject: SubjectId) -> Result<bool, SqlError> {
    let sql = "SELECT 1 FROM recordings WHERE subject_id = $1 AND state < $2 LIMIT 1";
    Ok(tx.query_opt(sql, &[subject.into(), RecordingState::Verified.into()]).await?.is_some())
}

/// Which recordings a target takes, wholly or in part: a condition on their rows.
fn recordings_where(organisation: OrganisationId, target: &Target) -> (String, [Value; 2]) {
    let (condition, value): (&str, Value) = match target {
        Target::Track { recording, .. } | Target::Recording(recording) | Target::Range { recording, .. } => {
            ("recording_id = $2", (*recording).into())
        }
        Target::Subject(subject) => ("subject_id = $2", (*subject).into()),
        // Those that no erasure takes yet, and none waits for.
        Target::RecordingsOf(subject) => (
            "subject_id = $2 AND state < 4 AND NOT EXISTS (
                 SELECT 1 FROM restrictions x WHERE x.recording_id = recordings.recording_id)",
            (*subject).into(),
        ),
        Target::Organisation => ("organisation_id = $2", organisation.into()),
        Target::Expired(erasure) => (
            "recording_id IN (SELECT recording_id FROM erasure_tracks WHERE erasure_id = $2)",
            (*erasure).into(),
        ),
    };
    let sql = format!(
        "SELECT recording_id FROM recordings WHERE organisation_id = $1 AND {condition} ORDER BY recording_id"
    );
    (sql, [organisation.into(), value])
}

/// Locks the recordings of a target, in the order of their ids, and says which they are.
pub(crate) async fn lock_recordings(
    tx: &mut Tx,
    organisation: OrganisationId,
    target: &Target,
) -> Result<Vec<RecordingId>, SqlError> {
    let (sql, values) = recordings_where(organisation, target);
    tx.query_locked(Lock::Exclusive, &sql, &values).await?.iter().map(|row| row.get(0)).collect()
}

/// The same recordings, without locking them.
pub(crate) async fn recordings_of(
    tx: &mut Tx,
    organisation: OrganisationId,
    target: &Target,
) -> Result<Vec<RecordingId>, SqlError> {
    let (sql, values) = recordings_where(organisation, target);
    tx.query(&sql, &values).await?.iter().map(|row| row.get(0)).collect()
}

/// Whether a recording has a summary, under whatever key.
pub(crate) async fn has_summary(tx: &mut Tx, recording: RecordingId) -> Result<bool, SqlError> {
    let sql = "SELECT 1 FROM recordings WHERE recording_id = $1 AND summary IS NOT NULL";
    Ok(tx.query_opt(sql, &[recording.into()]).await?.is_some())
}

/// The tracks of a target.
pub(crate) async fn parts(
    tx: &mut Tx,
    target: &Target,
    recordings: &[RecordingId],
) -> Result<Vec<Part>, SqlError> {
    if let Target::Expired(erasure) = target {
        return kept_parts(tx, *erasure).await;
    }
    let mut found = Vec::new();
    for recording in recordings {
        let sql =
            "SELECT track_id, recording_id, key_id FROM tracks WHERE recording_id = $1 ORDER BY track_id";
        for row in tx.query(sql, &[(*recording).into()]).await? {
            found.push(Part { track: row.get(0)?, recording: row.get(1)?, key: row.get(2)? });
        }
    }
    if let Target::Track { track, .. } = target {
        found.retain(|part| part.track == *track);
    }
    Ok(found)
}

pub(crate) async fn keep_part(tx: &mut Tx, id: ErasureId, part: &Part) -> Result<(), SqlError> {
    tx.execute(
        "INSERT INTO erasure_tracks (erasure_id, track_id, recording_id, key_id) VALUES ($1, $2, $3, $4)
         ON CONFLICT (erasure_id, track_id) DO NOTHING",
        &[id.into(), part.track.into(), part.recording.into(), part.key.into()],
    )
    .await?;
    Ok(())
}

pub(crate) async fn kept_parts(tx: &mut Tx, id: ErasureId) -> Result<Vec<Part>, SqlError> {
    let sql =
        "SELECT track_id, recording_id, key_id FROM erasure_tracks WHERE erasure_id = $1 ORDER BY track_id";
    let rows = tx.query(sql, &[id.into()]).await?;
    rows.iter().map(|row| Ok(Part { track: row.get(0)?, recording: row.get(1)?, key: row.get(2)? })).collect()
}

pub(crate) async fn keep_key(tx: &mut Tx, id: ErasureId, key: KeyId) -> Result<(), SqlError> {
    tx.execute(
        "INSERT INTO erasure_keys (erasure_id, key_id) VALUES ($1, $2) ON CONFLICT (erasure_id, key_id) DO NOTHING",
        &[id.into(), key.into()],
    )
    .await?;
    Ok(())
}

pub(crate) async fn kept_keys(tx: &mut Tx, id: ErasureId) -> Result<Vec<KeyId>, SqlError> {
    let sql = "SELECT key_id FROM erasure_keys WHERE erasure_id = $1 ORDER BY key_id";
    tx.query(sql, &[id.into()]).await?.iter().map(|row| row.get(0)).collect()
}

/// Keys of what derives from these recordings.
pub(crate) async fn summary_keys(tx: &mut Tx, recordings: &[RecordingId]) -> Result<Vec<KeyId>, SqlError> {
    let mut keys = Vec::new();
    for recording in recordings {
        let sql = "SELECT summary_key FROM recordings WHERE recording_id = $1";
        let row = tx.query_opt(sql, &[(*recording).into()]).await?;
        keys.extend(row.map_or(Ok(None), |row| row.get::<Option<KeyId>>(0))?);
    }
    Ok(keys)
}

pub(crate) async fn subject_key(tx: &mut Tx, subject: SubjectId) -> Result<Option<KeyId>, SqlError> {
    let sql = "SELECT key_id FROM subjects WHERE subject_id = $1";
    tx.query_opt(sql, &[subject.into()]).await?.map(|row| row.get(0)).transpose()
}

pub(crate) async fn organisation_key(
    tx: &mut Tx,
    organisation: OrganisationId,
) -> Result<Option<KeyId>, SqlError> {
    let sql = "SELECT key_id FROM organisations WHERE organisation_id = $1";
    tx.query_opt(sql, &[organisation.into()]).await?.map(|row| row.get(0)).transpose()
}

/// Holds the row of a subject or organisation: whoever makes a key for it waits for this, or was first.
pub(crate) async fn lock_owner(
    tx: &mut Tx,
    organisation: OrganisationId,
    target: &Target,
) -> Result<(), SqlError> {
    let (sql, value): (&str, Value) = match target {
        Target::Subject(subject) => ("SELECT key_id FROM subjects WHERE subject_id = $1", (*subject).into()),
        Target::Organisation => {
            ("SELECT key_id FROM organisations WHERE organisation_id = $1", organisation.into())
        }
        Target::Track { .. }
        | Target::Recording(_)
        | Target::Range { .. }
        | Target::RecordingsOf(_)
        | Target::Expired(_) => {
            return Ok(());
        }
    };
    tx.query_opt_locked(Lock::Exclusive, sql, &[value]).await?;
    Ok(())
}

/// Sets the state of tracks, and of those recordings all of whose tracks have come so far. Nothing goes back.
pub(crate) async fn set_states(tx: &mut Tx, parts: &[Part], state: RecordingState) -> Result<(), SqlError> {
    for part in parts {
        let sql = "UPDATE tracks SET state = $2 WHERE track_id = $1 AND state < $2";
        tx.execute(sql, &[part.track.into(), state.into()]).await?;
    }
    let mut recordings: Vec<RecordingId> = parts.iter().map(|part| part.recording).collect();
    recordings.sort_unstable();
    recordings.dedup();
    for recording in recordings {
        let sql = "UPDATE recordings SET state = $2 WHERE recording_id = $1 AND state < $2
                   AND NOT EXISTS (SELECT 1 FROM tracks t WHERE t.recording_id = $1 AND t.state < $2)";
        tx.execute(sql, &[recording.into(), state.into()]).await?;
        if state == RecordingState::PurgeQueued {
            // What is erased cannot be restored any more.
            crate::deletions::rows::forget(tx, recording).await?;
        }
    }
    Ok(())
}

/// Remembers that an object holds something of an erasure.
pub(crate) async fn keep_object(
    tx: &mut Tx,
    id: ErasureId,
    object: &str,
    shared: bool,
) -> Result<(), SqlError> {
    tx.execute(
        "INSERT INTO erasure_objects (erasure_id, object, shared) VALUES ($1, $2, $3)
         ON CONFLICT (erasure_id, object) DO NOTHING",
        &[id.into(), object.into(), shared.into()],
    )
    .await?;
    Ok(())
}

/// An object that held something of an erasure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeptObject {
    pub(crate) object: String,
    /// It holds segments of others too, and goes when none of them lies in it any more.
    pub(crate) shared: bool,
    pub(crate) gone: bool,
}

pub(crate) async fn kept_objects(tx: &mut Tx, id: ErasureId) -> Result<Vec<KeptObject>, SqlError> {
    let sql = "SELECT object, shared, gone_at IS NOT NULL FROM erasure_objects WHERE erasure_id = $1 ORDER BY object";
    let rows = tx.query(sql, &[id.into()]).await?;
    rows.iter()
        .map(|row| {
            // A comparison is a boolean on one engine and a number on the other.
            Ok(KeptObject { object: row.get(0)?, shared: row.get(1)?, gone: row.get(2)? })
        })
        .collect()
}

pub(crate) async fn object_gone(
    tx: &mut Tx,
    id: ErasureId,
    object: &str,
    at: Timestamp,
) -> Result<(), SqlError> {
    let sql =
        "UPDATE erasure_objects SET gone_at = $3 WHERE erasure_id = $1 AND object = $2 AND gone_at IS NULL";
    tx.execute(sql, &[id.into(), object.into(), at.into()]).await?;
    Ok(())
}

/// Forgets the gaps of a track, and what was found to be damaged of it.
pub(crate) async fn forget_gaps(tx: &mut Tx, part: &Part) -> Result<(), SqlError> {
    for sql in ["DELETE FROM gaps WHERE track_id = $1", "DELETE FROM damage WHERE track_id = $1"] {
        tx.execute(sql, &[part.track.into()]).await?;
    }
    Ok(())
}

/// How many segments a track still has.
pub(crate) async fn count_segments(tx: &mut Tx, part: &Part) -> Result<u64, SqlError> {
    let sql = "SELECT (SELECT count(*) FROM segments WHERE track_id = $1)
                   + (SELECT count(*) FROM parts WHERE track_id = $1)";
    tx.query_opt(sql, &[part.track.into()]).await?.map_or(Ok(0), |row| row.get(0))
}

/// The numbers that a range takes of a track.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stretch {
    pub(crate) part: Part,
    pub(crate) from: u64,
    pub(crate) to: u64,
    /// The key that the survivors get.
    pub(crate) new_key: Option<KeyId>,
    /// They have it, or have had it: another erasure may have given them the next one since.
    pub(crate) switched: bool,
}

pub(crate) async fn keep_stretch(tx: &mut Tx, id: ErasureId, stretch: &Stretch) -> Result<(), SqlError> {
    let part = &stretch.part;
    tx.execute(
        "INSERT INTO erasure_tracks (erasure_id, track_id, recording_id, key_id, from_sequence, to_sequence)
         VALUES ($1, $2, $3, $4, $5, $6)",
        &[
            id.into(),
            part.track.into(),
            part.recording.into(),
            part.key.into(),
            stretch.from.into(),
            stretch.to.into(),
        ],
    )
    .await?;
    Ok(())
}

pub(crate) async fn stretches(tx: &mut Tx, id: ErasureId) -> Result<Vec<Stretch>, SqlError> {
    let sql = "SELECT track_id, recording_id, key_id, from_sequence, to_sequence, new_key, switched FROM erasure_tracks
               WHERE erasure_id = $1 AND from_sequence IS NOT NULL ORDER BY track_id";
    let rows = tx.query(sql, &[id.into()]).await?;
    rows.iter()
        .map(|row| {
            let part = Part { track: row.get(0)?, recording: row.get(1)?, key: row.get(2)? };
            let (from, to, new_key, switched) = (row.get(3)?, row.get(4)?, row.get(5)?, row.get(6)?);
            Ok(Stretch { part, from, to, new_key, switched })
        })
        .collect()
}

/// What a range takes of one track, as it stands now.
pub(crate) async fn stretch(tx: &mut Tx, id: ErasureId, track: TrackId) -> Result<Option<Stretch>, SqlError> {
    Ok(stretches(tx, id).await?.into_iter().find(|stretch| stretch.part.track == track))
}

pub(crate) async fn set_new_key(
    tx: &mut Tx,
    id: ErasureId,
    stretch: &Stretch,
    key: KeyId,
) -> Result<(), SqlError> {
    let sql = "UPDATE erasure_tracks SET new_key = $3 WHERE erasure_id = $1 AND track_id = $2";
    tx.execute_one("erasure_tracks", sql, &[id.into(), stretch.part.track.into(), key.into()]).await
}

/// The keys that were made for what ranges leave of these tracks.
pub(crate) async fn survivor_keys(tx: &mut Tx, parts: &[Part]) -> Result<Vec<KeyId>, SqlError> {
    let mut keys = Vec::new();
    for part in parts {
        let sql = "SELECT new_key FROM erasure_tracks WHERE track_id = $1 AND new_key IS NOT NULL";
        for row in tx.query(sql, &[part.track.into()]).await? {
            keys.push(row.get(0)?);
        }
    }
    Ok(keys)
}

/// The survivors of a track have their new key, and `old`, which they had until now, dies with the range.
pub(crate) async fn set_switched(
    tx: &mut Tx,
    id: ErasureId,
    stretch: &Stretch,
    old: KeyId,
) -> Result<(), SqlError> {
    keep_key(tx, id, old).await?;
    let sql = "UPDATE erasure_tracks SET key_id = $3, switched = 1 WHERE erasure_id = $1 AND track_id = $2";
    tx.execute_one("erasure_tracks", sql, &[id.into(), stretch.part.track.into(), old.into()]).await
}

/// How many segments a track has in a stretch.
pub(crate) async fn count_in(tx: &mut Tx, stretch: &Stretch) -> Result<u64, SqlError> {
    let all = clerestory_store::segments::of_track(tx, stretch.part.track, stretch.from, u32::MAX).await?;
    Ok(all.iter().filter(|segment| segment.sequence <= stretch.to).count() as u64)
}

/// Forgets which objects were seen to be gone, so that all of them are looked for again.
pub(crate) async fn look_again(tx: &mut Tx, id: ErasureId) -> Result<(), SqlError> {
    let sql = "UPDATE erasure_objects SET gone_at = NULL WHERE erasure_id = $1";
    tx.execute(sql, &[id.into()]).await?;
    Ok(())
}
