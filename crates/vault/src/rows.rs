//! The vault's own rows: objects under way, and where objects lie.

use clerestory_model::Timestamp;
use clerestory_sql::{Lock, SqlError, Tx};

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
pub(crate) async fn remove_intents_before(tx: &mut Tx, before: Timestamp) -> Result<u64, SqlError> {
    tx.execute("DELETE FROM object_intents WHERE reserved_at < $1 AND object NOT LIKE '%/'", &[before.into()])
        .await
}

pub(crate) async fn intents(tx: &mut Tx) -> Result<Vec<(String, Timestamp)>, SqlError> {
    let rows = tx.query("SELECT object, reserved_at FROM object_intents ORDER BY object", &[]).await?;
    rows.iter().map(|row| Ok((row.get(0)?, row.get(1)?))).collect()
}

pub(crate) async fn place(tx: &mut Tx) -> Result<Option<String>, SqlError> {
    tx.query_opt("SELECT place FROM object_places WHERE one = 1", &[])
        .await?
        .map(|row| row.get(0))
        .transpose()
}

pub(crate) async fn set_place(tx: &mut Tx, place: &str) -> Result<(), SqlError> {
    tx.execute(
        "INSERT INTO object_places (one, place) VALUES (1, $1) ON CONFLICT (one) DO UPDATE SET place = $1",
        &[place.into()],
    )
    .await?;
    Ok(())
}
