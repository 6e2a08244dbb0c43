//! The vault's own rows: objects under way, where objects lie, and who makes a standing key.

use clerestory_keys::Purpose;
use clerestory_model::Timestamp;
use clerestory_sql::{Lock, Row, SqlError, Tx};

pub(crate) async fn add_intent(tx: &mut Tx, object: &str, at: Timestamp) -> Result<(), SqlError> {
    tx.execute(
        "INSERT INTO object_intents (object, reserved_at) VALUES ($1, $2)",
        &[object.into(), at.into()],
    )
    .await?;
    Ok(())
}

/// Held until the transaction ends: whoever removes an orphan waits for it, or was first.
pub(crate) async fn intent_stands(tx: &mut Tx, object: &str) -> Result<bool, SqlError> {
    let sql = "SELECT reserved_at FROM object_intents WHERE object = $1";
    Ok(tx.query_opt_locked(Lock::Share, sql, &[object.into()]).await?.is_some())
}

/// When the intent was made; locked, so that nobody commits rows that rely on it meanwhile.
pub(crate) async fn intent(tx: &mut Tx, object: &str) -> Result<Option<Timestamp>, SqlError> {
    let sql = "SELECT reserved_at FROM object_intents WHERE object = $1";
    tx.query_opt_locked(Lock::Exclusive, sql, &[object.into()]).await?.map(|row| row.get(0)).transpose()
}

pub(crate) async fn remove_intent(tx: &mut Tx, object: &str) -> Result<(), SqlError> {
    tx.execute("DELETE FROM object_intents WHERE object = $1", &[object.into()]).await?;
    Ok(())
}

/// Intents of directories stand as long as their process: only those of single objects are looked at.
pub(crate) async fn intents_outside(
    tx: &mut Tx,
    before: Timestamp,
    after: Timestamp,
) -> Result<Vec<String>, SqlError> {
    let sql = "SELECT object FROM object_intents
               WHERE (reserved_at < $1 OR reserved_at > $2) AND object NOT LIKE '%/' ORDER BY object";
    let found = tx.query_locked(Lock::Exclusive, sql, &[before.into(), after.into()]).await?;
    found.iter().map(|row| row.get(0)).collect()
}

pub(crate) async fn remove_intents(tx: &mut Tx) -> Result<(), SqlError> {
    tx.execute("DELETE FROM object_intents", &[]).await?;
    Ok(())
}

pub(crate) async fn intents(tx: &mut Tx) -> Result<Vec<(String, Timestamp)>, SqlError> {
    let rows = tx.query("SELECT object, reserved_at FROM object_intents ORDER BY object", &[]).await?;
    rows.iter().map(|row| Ok((row.get(0)?, row.get(1)?))).collect()
}

/// Where the objects lie, and which store that is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settled {
    pub(crate) place: String,
    /// What the object says that names the store; none where an older version settled.
    pub(crate) store: Option<[u8; 16]>,
}

const PLACE: &str = "SELECT place, store FROM object_places WHERE one = 1";

fn settled(row: &Row) -> Result<Settled, SqlError> {
    Ok(Settled { place: row.get(0)?, store: row.get(1)? })
}

pub(crate) async fn place(tx: &mut Tx) -> Result<Option<Settled>, SqlError> {
    tx.query_opt(PLACE, &[]).await?.as_ref().map(settled).transpose()
}

/// Settles on `place` unless something is settled already; what is, and stays so until the transaction ends.
pub(crate) async fn settle_place(tx: &mut Tx, place: &str, store: [u8; 16]) -> Result<Settled, SqlError> {
    let first =
        "INSERT INTO object_places (one, place, store) VALUES (1, $1, $2) ON CONFLICT (one) DO NOTHING";
    tx.execute(first, &[place.into(), store.into()]).await?;
    let row = tx.query_opt_locked(Lock::Exclusive, PLACE, &[]).await?;
    settled(&row.ok_or(SqlError::RolledBack)?)
}

pub(crate) async fn move_place(tx: &mut Tx, place: &str, store: [u8; 16]) -> Result<(), SqlError> {
    let sql = "UPDATE object_places SET place = $1, store = $2 WHERE one = 1";
    tx.execute_one("object_places", sql, &[place.into(), store.into()]).await
}

/// Waits until nobody else makes a standing key for this purpose, and keeps everybody else waiting until the
/// transaction ends.
pub(crate) async fn take_standing_turn(tx: &mut Tx, purpose: Purpose) -> Result<(), SqlError> {
    let purpose = purpose as i64;
    let first = "INSERT INTO standing_turns (purpose) VALUES ($1) ON CONFLICT (purpose) DO NOTHING";
    tx.execute(first, &[purpose.into()]).await?;
    let turn = "SELECT purpose FROM standing_turns WHERE purpose = $1";
    tx.query_opt_locked(Lock::Exclusive, turn, &[purpose.into()]).await?;
    Ok(())
}
