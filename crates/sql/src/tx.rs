//! A running transaction.

use crate::postgres_tx::PostgresTx;
use crate::sqlite_tx::SqliteTx;
use crate::{Row, SqlError, Value};

/// A transaction that is open while its body runs. Parameters are `$1`, `$2`, … by number.
///
/// A statement that failed ends the transaction: whatever comes after it fails with [`SqlError::RolledBack`], and
/// nothing of the body is kept, even if it returns `Ok`. PostgreSQL does so by itself, and one rule holds for both.
pub struct Tx {
    engine: Engine,
    failed: bool,
}

pub(crate) enum Engine {
    Sqlite(SqliteTx),
    Postgres(PostgresTx),
}

/// How rows that are read are kept from changing until the transaction ends.
///
/// SQLite has one writer, which has locked everything anyway. On PostgreSQL write bodies run beside each other, and
/// whatever reads in order to write must lock. The order is the same everywhere, or two bodies wait for each other:
/// an organisation's audit head, the turn of who makes a standing key, recording, shard, row, page, epoch, revocation
/// counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lock {
    /// Others may read and share; nobody changes.
    Share,
    /// Nobody else locks or changes.
    Exclusive,
}

impl Lock {
    const fn clause(self) -> &'static str {
        match self {
            Self::Share => " FOR SHARE",
            // Not FOR UPDATE: a row that another one refers to is locked by whoever inserts that one, and two who did
            // would wait for each other. Keys never change, so this excludes everybody who locks or changes.
            Self::Exclusive => " FOR NO KEY UPDATE",
        }
    }
}

impl Tx {
    pub(crate) fn sqlite(connection: rusqlite::Connection) -> Self {
        Self { engine: Engine::Sqlite(SqliteTx::new(connection)), failed: false }
    }

    pub(crate) fn postgres(tx: PostgresTx) -> Self {
        Self { engine: Engine::Postgres(tx), failed: false }
    }

    pub(crate) fn engine(&mut self) -> &mut Engine {
        &mut self.engine
    }

    pub(crate) fn into_engine(self) -> Engine {
        self.engine
    }

    /// A body begins: nothing has failed yet.
    pub(crate) fn enter(&mut self) {
        self.failed = false;
    }

    /// Whether a statement of the body failed.
    pub(crate) fn has_failed(&self) -> bool {
        self.failed
    }

    fn guard(&self) -> Result<(), SqlError> {
        if self.failed { Err(SqlError::RolledBack) } else { Ok(()) }
    }

    fn note<T>(&mut self, result: Result<T, SqlError>) -> Result<T, SqlError> {
        self.failed |= result.is_err();
        result
    }

    /// Runs statements without parameters, separated by `;`.
    pub(crate) async fn batch(&mut self, sql: &str) -> Result<(), SqlError> {
        match &mut self.engine {
            Engine::Sqlite(tx) => tx.batch(sql),
            Engine::Postgres(tx) => tx.batch(sql).await,
        }
    }

    /// Runs a statement and says how many rows it changed.
    ///
    /// # Errors
    /// [`SqlError::Exists`] where a unique key is taken, [`SqlError::Full`], [`SqlError::Conflict`],
    /// [`SqlError::Engine`].
    pub async fn execute(&mut self, sql: &str, values: &[Value]) -> Result<u64, SqlError> {
        self.guard()?;
        let changed = match &mut self.engine {
            Engine::Sqlite(tx) => tx.execute(sql, values),
            Engine::Postgres(tx) => tx.execute(sql, values).await,
        };
        self.note(changed)
    }

    /// Runs a statement that must change exactly one row.
    ///
    /// # Errors
    /// As [`Self::execute`], and [`SqlError::Inconsistent`] when it changed another number of rows.
    pub async fn execute_one(
        &mut self,
        table: &'static str,
        sql: &str,
        values: &[Value],
    ) -> Result<(), SqlError> {
        match self.execute(sql, values).await? {
            1 => Ok(()),
            changed => Err(SqlError::Inconsistent { table, column: format!("{changed} rows for one") }),
        }
    }

    /// Runs a statement once for each of these rows of values, in their order; each must change exactly one row. On
    /// PostgreSQL they are sent without waiting for one another.
    ///
    /// # Errors
    /// As [`Self::execute_one`].
    pub async fn execute_each(
        &mut self,
        table: &'static str,
        sql: &str,
        rows: &[Vec<Value>],
    ) -> Result<(), SqlError> {
        self.guard()?;
        let changed = match &mut self.engine {
            Engine::Sqlite(tx) => rows.iter().map(|values| tx.execute(sql, values)).collect(),
            Engine::Postgres(tx) => tx.execute_each(sql, rows).await,
        };
        let changed: Vec<u64> = self.note(changed)?;
        match changed.into_iter().find(|changed| *changed != 1) {
            None => Ok(()),
            Some(changed) => Err(SqlError::Inconsistent { table, column: format!("{changed} rows for one") }),
        }
    }

    /// All rows of an answer. Lists are bounded by the caller's `LIMIT`.
    ///
    /// # Errors
    /// [`SqlError::Conflict`], [`SqlError::Engine`].
    pub async fn query(&mut self, sql: &str, values: &[Value]) -> Result<Vec<Row>, SqlError> {
        self.guard()?;
        let rows = match &mut self.engine {
            Engine::Sqlite(tx) => tx.query(sql, values),
            Engine::Postgres(tx) => tx.query(sql, values).await,
        };
        self.note(rows)
    }

    /// The first row of an answer, if there is one.
    ///
    /// # Errors
    /// As [`Self::query`].
    pub async fn query_opt(&mut self, sql: &str, values: &[Value]) -> Result<Option<Row>, SqlError> {
        Ok(self.query(sql, values).await?.into_iter().next())
    }

    /// As [`Self::query`], and the rows stay as they are until the transaction ends.
    ///
    /// # Errors
    /// As [`Self::query`].
    pub async fn query_locked(
        &mut self,
        lock: Lock,
        sql: &str,
        values: &[Value],
    ) -> Result<Vec<Row>, SqlError> {
        if matches!(self.engine, Engine::Sqlite(_)) {
            return self.query(sql, values).await;
        }
        self.query(&format!("{sql}{}", lock.clause()), values).await
    }

    /// As [`Self::query_opt`], and the row stays as it is until the transaction ends.
    ///
    /// # Errors
    /// As [`Self::query`].
    pub async fn query_opt_locked(
        &mut self,
        lock: Lock,
        sql: &str,
        values: &[Value],
    ) -> Result<Option<Row>, SqlError> {
        Ok(self.query_locked(lock, sql, values).await?.into_iter().next())
    }
}
