//! Reading in order to write, in the registry's order: shard, row, page, epoch, revocation counter.

use clerestory_sql::{Row, SqlError, Tx, Value};

/// What others may do with the rows until the transaction ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lock {
    /// Read and lock them the same way.
    Share,
    /// Only read what was committed before.
    Exclusive,
}

/// The rows of an answer, locked. SQLite has one writer, whose transaction is the lock.
pub(crate) async fn query(
    tx: &mut Tx,
    lock: Lock,
    sql: &str,
    values: &[Value],
) -> Result<Vec<Row>, SqlError> {
    match lock {
        Lock::Share | Lock::Exclusive => tx.query(sql, values).await,
    }
}

/// The first row of an answer, locked.
pub(crate) async fn query_opt(
    tx: &mut Tx,
    lock: Lock,
    sql: &str,
    values: &[Value],
) -> Result<Option<Row>, SqlError> {
    Ok(query(tx, lock, sql, values).await?.into_iter().next())
}
