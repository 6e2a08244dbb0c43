//! The one transaction of a restore: what the copy had comes back, what came after it goes, and what was erased stays so.

use clerestory_model::{GapReason, Timestamp};
use clerestory_model::{RecordingState, TrackId};
use clerestory_sql::{SqlError, Tx};
use clerestory_store::parts;
use clerestory_store::tracks::{self, Gap};

use super::Restored;
use super::tables::{Course, TABLES, staged};

/// Puts what goes back in time to where the copy has it.
pub(crate) async fn rewind(tx: &mut Tx, done: &mut Restored) -> Result<(), SqlError> {
    for (table, course) in TABLES {
        if *course == Course::Dropped {
            tx.execute(&format!("DELETE FROM {table}"), &[]).await?;
        }
    }
    done.removed_recordings = remove_later(tx).await?;
    put_states_back(tx).await?;
    done.returned_recordings = bring_back(tx).await?;
    Ok(())
}

/// What came after the copy goes.
async fn remove_later(tx: &mut Tx) -> Result<u64, SqlError> {
    for table in ["segments", "gaps", "parts", "tracks"] {
        let sql = format!(
            "DELETE FROM {table} WHERE NOT EXISTS (SELECT 1 FROM restore_tracks s WHERE s.track_id = {table}.track_id)"
        );
        tx.execute(&sql, &[]).await?;
    }
    let sql = "DELETE FROM recordings WHERE NOT EXISTS (
                   SELECT 1 FROM restore_recordings s WHERE s.recording_id = recordings.recording_id)";
    let removed = tx.execute(sql, &[]).await?;
    // What was said of a recording goes with it; of one that stays it is as it was before the restore.
    for table in ["playlist_items", "comments", "clips", "reviews"] {
        let sql = format!(
            "DELETE FROM {table} WHERE NOT EXISTS (
                 SELECT 1 FROM recordings r WHERE r.recording_id = {table}.recording_id)"
        );
        tx.execute(&sql, &[]).await?;
    }
    Ok(removed)
}

/// Recordings and tracks that are in both: how they stand is the copy's, unless they are erased. How far they had grown,
/// where their bytes lie and what seals them is never older than it is.
async fn put_states_back(tx: &mut Tx) -> Result<(), SqlError> {
    let queued = RecordingState::PurgeQueued.into();
    tx.execute(
        "UPDATE recordings SET
             state = (SELECT s.state FROM restore_recordings s WHERE s.recording_id = recordings.recording_id),
             started_at = (SELECT s.started_at FROM restore_recordings s WHERE s.recording_id = recordings.recording_id),
             project_id = (SELECT s.project_id FROM restore_recordings s WHERE s.recording_id = recordings.recording_id),
             site_id = (SELECT s.site_id FROM restore_recordings s WHERE s.recording_id = recordings.recording_id)
         WHERE state < $1 AND recording_id IN (SELECT recording_id FROM restore_recordings WHERE state < $1)",
        &[queued],
    )
    .await?;
    tx.execute(
        "UPDATE tracks SET state = (SELECT s.state FROM restore_tracks s WHERE s.track_id = tracks.track_id)
         WHERE state < $1 AND track_id IN (SELECT track_id FROM restore_tracks WHERE state < $1)",
        &[RecordingState::PurgeQueued.into()],
    )
    .await?;
    Ok(())
}

/// What only the copy has comes back.
async fn bring_back(tx: &mut Tx) -> Result<u64, SqlError> {
    let mut returned = 0;
    for (table, key) in [("recordings", "recording_id"), ("tracks", "track_id")] {
        let columns = tx.columns(table).await?.join(", ");
        let sql = format!(
            "INSERT INTO {table} ({columns}) SELECT {columns} FROM {} s
             WHERE NOT EXISTS (SELECT 1 FROM {table} n WHERE n.{key} = s.{key})",
            staged(table)
        );
        let rows = tx.execute(&sql, &[]).await?;
        if table == "recordings" {
            returned = rows;
        }
    }
    // Rows about bytes come back only for a track that is sealed under the key it had then: under another one they
    // would name what a range was erased from. What the track has of the same numbers today is newer.
    let same_key = "EXISTS (SELECT 1 FROM tracks t JOIN restore_tracks o ON o.track_id = t.track_id
                        AND o.key_id = t.key_id WHERE t.track_id = s.track_id)";
    let overlaps = |first: &str, last: &str| {
        format!(
            "EXISTS (SELECT 1 FROM parts p WHERE p.track_id = s.track_id AND p.first_sequence <= {last}
                 AND p.last_sequence >= {first})"
        )
    };
    let columns = tx.columns("parts").await?.join(", ");
    let sql = format!(
        "INSERT INTO parts ({columns}) SELECT {columns} FROM restore_parts s WHERE {same_key}
         AND NOT {} AND NOT EXISTS (SELECT 1 FROM parts p WHERE p.track_id = s.track_id AND p.part = s.part)
         AND NOT EXISTS (SELECT 1 FROM parts p WHERE p.object = s.object)
         AND NOT EXISTS (SELECT 1 FROM segments g WHERE g.track_id = s.track_id AND g.sequence >= s.first_sequence
                         AND g.sequence <= s.last_sequence)",
        overlaps("s.first_sequence", "s.last_sequence")
    );
    tx.execute(&sql, &[]).await?;
    let columns = tx.columns("segments").await?.join(", ");
    let sql = format!(
        "INSERT INTO segments ({columns}) SELECT {columns} FROM restore_segments s WHERE {same_key}
         AND NOT {} AND NOT EXISTS (SELECT 1 FROM segments g WHERE g.track_id = s.track_id AND g.sequence = s.sequence)",
        overlaps("s.sequence", "s.sequence")
    );
    tx.execute(&sql, &[]).await?;
    tx.execute(
        "INSERT INTO gaps (track_id, from_us, to_us, reason) SELECT track_id, from_us, to_us, reason
         FROM restore_gaps s WHERE track_id IN (SELECT track_id FROM tracks)
         AND NOT EXISTS (SELECT 1 FROM gaps g WHERE g.track_id = s.track_id AND g.from_us = s.from_us
                         AND g.reason = s.reason)",
        &[],
    )
    .await?;
    Ok(returned)
}

/// Rows whose keys are destroyed are rows of what was erased: they say so, and name no bytes.
pub(crate) async fn bury(tx: &mut Tx, now: Timestamp) -> Result<u64, SqlError> {
    let shredded = RecordingState::Shredded;
    tx.execute(
        "UPDATE recordings SET summary = NULL, summary_key = NULL WHERE summary_key IS NOT NULL
         AND NOT EXISTS (SELECT 1 FROM key_rows k WHERE k.key_id = recordings.summary_key)",
        &[],
    )
    .await?;
    let sql = "SELECT t.track_id, r.ended_at - r.started_at FROM tracks t JOIN recordings r
                   ON r.recording_id = t.recording_id
               WHERE NOT EXISTS (SELECT 1 FROM key_rows k WHERE k.key_id = t.key_id) ORDER BY t.track_id";
    let dead = tx.query(sql, &[]).await?;
    for row in &dead {
        let (track, to_us): (TrackId, i64) = (row.get(0)?, row.get(1)?);
        parts::take_away(tx, track, now).await?;
        tx.execute("DELETE FROM gaps WHERE track_id = $1", &[track.into()]).await?;
        tracks::note_gap(tx, track, Gap { from_us: 0, to_us: to_us.max(0), reason: GapReason::Erased })
            .await?;
        let sql = "UPDATE tracks SET state = $2 WHERE track_id = $1 AND state < $2";
        tx.execute(sql, &[track.into(), shredded.into()]).await?;
    }
    // What was verified before stays verified.
    tx.execute(
        "UPDATE tracks SET state = $1 WHERE state = $2 AND track_id IN (
             SELECT t.track_id FROM erasure_tracks t JOIN erasures e ON e.erasure_id = t.erasure_id
             WHERE e.verified_at IS NOT NULL AND t.from_sequence IS NULL)",
        &[RecordingState::Verified.into(), shredded.into()],
    )
    .await?;
    for state in [shredded, RecordingState::Verified] {
        tx.execute(
            "UPDATE recordings SET state = $1 WHERE state < $1
             AND EXISTS (SELECT 1 FROM tracks t WHERE t.recording_id = recordings.recording_id)
             AND NOT EXISTS (SELECT 1 FROM tracks t WHERE t.recording_id = recordings.recording_id AND t.state < $1)",
            &[state.into()],
        )
        .await?;
    }
    bury_words(tx).await?;
    Ok(dead.len() as u64)
}

/// What was said of recordings that are erased goes, and of others what lies under a key that is destroyed.
async fn bury_words(tx: &mut Tx) -> Result<(), SqlError> {
    for table in ["playlist_items", "comments", "clips", "reviews"] {
        let sql = format!(
            "DELETE FROM {table} WHERE NOT EXISTS (
                 SELECT 1 FROM recordings r WHERE r.recording_id = {table}.recording_id AND r.state < $1)"
        );
        tx.execute(&sql, &[RecordingState::PurgeQueued.into()]).await?;
    }
    let dead = |table: &str| {
        format!(
            "{table}.key_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM key_rows k WHERE k.key_id = {table}.key_id)"
        )
    };
    for sql in [
        format!(
            "DELETE FROM playlist_items WHERE clip_id IN (SELECT clip_id FROM clips WHERE {})",
            dead("clips")
        ),
        format!("DELETE FROM clips WHERE {}", dead("clips")),
        format!("DELETE FROM comments WHERE {}", dead("comments")),
        format!("UPDATE reviews SET note = NULL, key_id = NULL WHERE {}", dead("reviews")),
    ] {
        tx.execute(&sql, &[]).await?;
    }
    Ok(())
}

/// Recordings and tracks that are live and whose key is not in the registry: there must be none.
pub(crate) async fn count_keyless(tx: &mut Tx) -> Result<u64, SqlError> {
    let sql = "SELECT count(*) FROM tracks WHERE state < $1
               AND NOT EXISTS (SELECT 1 FROM key_rows k WHERE k.key_id = tracks.key_id)";
    let row = tx.query_opt(sql, &[RecordingState::PurgeQueued.into()]).await?;
    row.map_or(Ok(0), |row| row.get(0))
}
