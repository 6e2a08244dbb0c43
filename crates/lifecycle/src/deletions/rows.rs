//! The rows of deletions, and what they say of recordings and tracks.

use clerestory_model::{OrganisationId, PersonId, RecordingId, RecordingState, Timestamp};
use clerestory_sql::{Row, SqlError, Tx};

use super::Deletion;
use crate::retention::rows::let_go;

const COLUMNS: &str =
    "d.recording_id, d.organisation_id, d.deleted_by, d.deleted_at, d.restorable_until, d.entry";

fn deletion(row: &Row) -> Result<Deletion, SqlError> {
    let by: PersonId = row.get(2)?;
    Ok(Deletion {
        recording: row.get(0)?,
        organisation: row.get(1)?,
        deleted_by: (by != PersonId::nil()).then_some(by),
        deleted_at: row.get(3)?,
        restorable_until: row.get(4)?,
        entry: row.get(5)?,
    })
}

pub(crate) async fn find(tx: &mut Tx, recording: RecordingId) -> Result<Option<Deletion>, SqlError> {
    let sql = format!("SELECT {COLUMNS} FROM deletions d WHERE d.recording_id = $1");
    tx.query_opt(&sql, &[recording.into()]).await?.as_ref().map(deletion).transpose()
}

/// Hides a recording that is locked, with all its tracks.
pub(crate) async fn hide(tx: &mut Tx, new: &Deletion) -> Result<(), SqlError> {
    for table in ["recordings", "tracks"] {
        let sql = format!("UPDATE {table} SET state = $2 WHERE recording_id = $1 AND state < $2");
        tx.execute(&sql, &[new.recording.into(), RecordingState::SoftDeleted.into()]).await?;
    }
    tx.execute(
        "INSERT INTO deletions (recording_id, organisation_id, deleted_by, deleted_at, restorable_until, entry)
         VALUES ($1, $2, $3, $4, $5, $6)",
        &[
            new.recording.into(),
            new.organisation.into(),
            new.deleted_by.unwrap_or(PersonId::nil()).into(),
            new.deleted_at.into(),
            new.restorable_until.into(),
            new.entry.into(),
        ],
    )
    .await?;
    Ok(())
}

/// Brings a hidden recording back that is locked. It takes no more than it took before: it is complete.
pub(crate) async fn bring_back(tx: &mut Tx, recording: RecordingId) -> Result<(), SqlError> {
    for table in ["recordings", "tracks"] {
        let sql = format!("UPDATE {table} SET state = $2 WHERE recording_id = $1 AND state = $3");
        let (active, hidden) = (RecordingState::Active, RecordingState::SoftDeleted);
        tx.execute(&sql, &[recording.into(), active.into(), hidden.into()]).await?;
    }
    tx.execute("DELETE FROM deletions WHERE recording_id = $1", &[recording.into()]).await?;
    Ok(())
}

/// Forgets the deletion of a recording nothing of which is left to be restored.
pub(crate) async fn forget(tx: &mut Tx, recording: RecordingId) -> Result<(), SqlError> {
    let sql = "DELETE FROM deletions WHERE recording_id = $1
               AND NOT EXISTS (SELECT 1 FROM tracks t WHERE t.recording_id = $1 AND t.state < $2)";
    tx.execute(sql, &[recording.into(), RecordingState::PurgeQueued.into()]).await?;
    Ok(())
}

/// The recordings whose time to be restored is over, some of them.
pub(crate) async fn over(
    tx: &mut Tx,
    organisation: OrganisationId,
    now: Timestamp,
    limit: u32,
) -> Result<Vec<RecordingId>, SqlError> {
    let sql = format!(
        "SELECT d.recording_id FROM deletions d WHERE d.organisation_id = $1 AND d.restorable_until <= $2
         AND EXISTS (SELECT 1 FROM tracks t WHERE t.recording_id = d.recording_id AND t.state = $3 AND {})
         ORDER BY d.restorable_until LIMIT $4",
        let_go()
    );
    let state = RecordingState::SoftDeleted.into();
    let rows = tx.query(&sql, &[organisation.into(), now.into(), state, limit.into()]).await?;
    rows.iter().map(|row| row.get(0)).collect()
}

/// How many recordings can be restored no more, and are not due by their retention besides.
pub(crate) async fn count_over(
    tx: &mut Tx,
    organisation: OrganisationId,
    now: Timestamp,
) -> Result<u64, SqlError> {
    let sql = format!(
        "SELECT count(*) FROM deletions d WHERE d.organisation_id = $1 AND d.restorable_until <= $2
         AND EXISTS (SELECT 1 FROM tracks t WHERE t.recording_id = d.recording_id AND t.state = $3 AND {0})
         AND NOT EXISTS (SELECT 1 FROM tracks t WHERE t.recording_id = d.recording_id AND t.state = $3
             AND t.kept_until <= $2 AND {0})",
        let_go()
    );
    let values = [organisation.into(), now.into(), RecordingState::SoftDeleted.into()];
    tx.query_opt(&sql, &values).await?.map_or(Ok(0), |row| row.get(0))
}

/// Lets recordings and tracks be hidden that were deleted, and no others: an older copy came back, and deletions are never
/// older than they are.
pub(crate) async fn hide_as_deleted(tx: &mut Tx) -> Result<(), SqlError> {
    // What waits to be erased with everything else about somebody may come back later, and is hidden then.
    for (table, besides) in [
        ("deletions", ""),
        ("restrictions", " AND erasure_id NOT IN (SELECT erasure_id FROM erasures WHERE kind = 7)"),
    ] {
        let sql = format!(
            "DELETE FROM {table} WHERE recording_id NOT IN (SELECT recording_id FROM recordings){besides}"
        );
        tx.execute(&sql, &[]).await?;
    }
    hide_again(tx).await?;
    let (active, hidden) = (RecordingState::Active, RecordingState::SoftDeleted);
    for table in ["recordings", "tracks"] {
        let sql = format!(
            "UPDATE {table} SET state = $1 WHERE state = $2
             AND recording_id NOT IN (SELECT recording_id FROM deletions UNION SELECT recording_id FROM restrictions)"
        );
        tx.execute(&sql, &[active.into(), hidden.into()]).await?;
    }
    Ok(())
}

/// Hides recordings and tracks that were deleted, or wait for a hold to be erased: their rows were made again.
pub(crate) async fn hide_again(tx: &mut Tx) -> Result<(), SqlError> {
    for table in ["recordings", "tracks"] {
        let sql = format!(
            "UPDATE {table} SET state = $1 WHERE state < $1
             AND recording_id IN (SELECT recording_id FROM deletions UNION SELECT recording_id FROM restrictions)"
        );
        tx.execute(&sql, &[RecordingState::SoftDeleted.into()]).await?;
    }
    Ok(())
}

/// Forgets what was deleted of an organisation that is erased.
pub(crate) async fn forget_all(tx: &mut Tx, organisation: OrganisationId) -> Result<(), SqlError> {
    let sql = "DELETE FROM deletions WHERE organisation_id = $1";
    tx.execute(sql, &[organisation.into()]).await?;
    let sql = "DELETE FROM restrictions WHERE erasure_id IN (
                   SELECT erasure_id FROM erasures WHERE organisation_id = $1)";
    tx.execute(sql, &[organisation.into()]).await?;
    Ok(())
}
