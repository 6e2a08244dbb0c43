//! Objects whose rows were taken away: they are to be removed as soon as nothing else lies in them.
//!
//! The name is noted in the transaction that takes the rows away, so that a crash in between leaves nothing behind.

use std::time::Duration;

use clerestory_model::Timestamp;
use clerestory_sql::{SqlError, Tx};

/// How long a file of the ingest log is kept for what is left of a lost segment in it. Segments of others lie beside it,
/// and an erasure of those is over when the file is gone. What is left in an object of its track is kept without an end.
const LOST_KEPT: Duration = Duration::from_secs(14 * 24 * 3600);

/// An object that is to be removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spent {
    /// Its path below the root of the store.
    pub object: String,
    /// Since when.
    pub at: Timestamp,
}

/// Notes that rows were taken away that named this object.
///
/// # Errors
/// [`SqlError::Engine`].
pub async fn note(tx: &mut Tx, object: &str, at: Timestamp) -> Result<(), SqlError> {
    let sql = "INSERT INTO spent_objects (object, spent_at) VALUES ($1, $2) ON CONFLICT (object) DO NOTHING";
    tx.execute(sql, &[object.into(), at.into()]).await?;
    Ok(())
}

/// The objects that no row names any more, in the order of their names, after the one given, at most `limit`. A segment
/// that is recorded as lost names what is left of its object: a file of the ingest log for two weeks.
///
/// # Errors
/// [`SqlError::Engine`], [`SqlError::Inconsistent`].
pub async fn unnamed(tx: &mut Tx, after: &str, now: Timestamp, limit: u32) -> Result<Vec<Spent>, SqlError> {
    let sql = "SELECT object, spent_at FROM spent_objects o WHERE object > $1
                   AND NOT EXISTS (SELECT 1 FROM segments s WHERE s.object = o.object)
                   AND NOT EXISTS (SELECT 1 FROM parts p WHERE p.object = o.object)
                   AND NOT EXISTS (SELECT 1 FROM damage d WHERE d.object = o.object AND d.lost = 1
                       AND (d.seen_at > $2 OR o.object NOT LIKE 'log/%'))
               ORDER BY object LIMIT $3";
    let rows = tx.query(sql, &[after.into(), now.minus(LOST_KEPT).into(), limit.into()]).await?;
    rows.iter().map(|row| Ok(Spent { object: row.get(0)?, at: row.get(1)? })).collect()
}

/// Since when this object is to be removed; `None` when it is not, or somebody has removed it.
///
/// # Errors
/// [`SqlError::Engine`], [`SqlError::Inconsistent`].
pub async fn since(tx: &mut Tx, object: &str) -> Result<Option<Timestamp>, SqlError> {
    let sql = "SELECT spent_at FROM spent_objects WHERE object = $1";
    tx.query_opt(sql, &[object.into()]).await?.map(|row| row.get(0)).transpose()
}

/// Whether a row names this object, as [`unnamed`] says it.
///
/// # Errors
/// [`SqlError::Engine`].
pub async fn is_named(tx: &mut Tx, object: &str, now: Timestamp) -> Result<bool, SqlError> {
    let sql = "SELECT 1 FROM segments WHERE object = $1 UNION ALL SELECT 1 FROM parts WHERE object = $1
               UNION ALL SELECT 1 FROM damage WHERE object = $1 AND lost = 1
                   AND (seen_at > $2 OR object NOT LIKE 'log/%') LIMIT 1";
    Ok(tx.query_opt(sql, &[object.into(), now.minus(LOST_KEPT).into()]).await?.is_some())
}

/// Of these objects, the ones that are not known to be gone yet: an erasure is not verified before none is left.
///
/// # Errors
/// [`SqlError::Engine`].
pub async fn waiting(tx: &mut Tx, objects: &[&str]) -> Result<Vec<String>, SqlError> {
    let mut left = Vec::new();
    for object in objects {
        let sql = "SELECT 1 FROM spent_objects WHERE object = $1";
        if tx.query_opt(sql, &[(*object).into()]).await?.is_some() {
            left.push((*object).to_owned());
        }
    }
    Ok(left)
}

/// Forgets objects that were removed.
///
/// # Errors
/// [`SqlError::Engine`].
pub async fn forget(tx: &mut Tx, objects: &[String]) -> Result<(), SqlError> {
    for object in objects {
        tx.execute("DELETE FROM spent_objects WHERE object = $1", &[object.as_str().into()]).await?;
    }
    Ok(())
}

/// Files of the ingest log that segments were moved or taken out of and that are not known to be gone: what lay in one
/// of them may still be there.
///
/// # Errors
/// [`SqlError::Engine`].
pub async fn log_files(tx: &mut Tx) -> Result<Vec<String>, SqlError> {
    let sql = "SELECT object FROM spent_objects WHERE object LIKE 'log/%' ORDER BY object";
    tx.query(sql, &[]).await?.iter().map(|row| row.get(0)).collect()
}
