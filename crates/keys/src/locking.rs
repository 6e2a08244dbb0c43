//! Reading in order to write, in the registry's order: shard, row, page, epoch, revocation counter.

pub(crate) use clerestory_sql::Lock;
use clerestory_sql::{Row, SqlError, Tx, Value};

/// The rows of an answer, locked.
pub(crate) async fn query(
    tx: &mut Tx,
    lock: Lock,
    sql: &str,
    values: &[Value],
) -> Result<Vec<Row>, SqlError> {
    tx.query_locked(lock, sql, values).await
}

/// The first row of an answer, locked.
pub(crate) async fn query_opt(
    tx: &mut Tx,
    lock: Lock,
    sql: &str,
    values: &[Value],
) -> Result<Option<Row>, SqlError> {
    tx.query_opt_locked(lock, sql, values).await
}
