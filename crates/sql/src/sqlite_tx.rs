//! The statements of a transaction on SQLite.

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ToSql, params_from_iter};

use crate::error::Cause;
use crate::{Row, SqlError, Value};

pub(crate) struct SqliteTx {
    connection: Connection,
    /// Whether a body runs: then there must be a transaction around every statement.
    in_body: bool,
    /// Whether the engine said that the disk is full, which undoes more than the statement.
    full: bool,
}

impl SqliteTx {
    pub(crate) fn new(connection: Connection) -> Self {
        Self { connection, in_body: false, full: false }
    }

    pub(crate) fn enter(&mut self) {
        (self.in_body, self.full) = (true, false);
    }

    /// Ends a body; says so when the engine undid the transaction under it.
    pub(crate) fn leave(&mut self) -> Option<SqlError> {
        self.in_body = false;
        if !self.connection.is_autocommit() {
            return None;
        }
        Some(if self.full {
            let full = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_FULL);
            SqlError::Full(Cause::Sqlite(rusqlite::Error::SqliteFailure(full, None)))
        } else {
            SqlError::RolledBack
        })
    }

    /// A statement outside a transaction would be committed by itself.
    fn guard(&self) -> Result<(), SqlError> {
        if self.in_body && self.connection.is_autocommit() { Err(SqlError::RolledBack) } else { Ok(()) }
    }

    pub(crate) fn control(&self, sql: &str) -> Result<(), SqlError> {
        self.connection.prepare_cached(sql)?.execute([])?;
        Ok(())
    }

    pub(crate) fn batch(&self, sql: &str) -> Result<(), SqlError> {
        Ok(self.connection.execute_batch(sql)?)
    }

    pub(crate) fn execute(&mut self, sql: &str, values: &[Value]) -> Result<u64, SqlError> {
        self.guard()?;
        let changed = {
            let mut statement = self.connection.prepare_cached(&numbered(sql))?;
            statement.execute(params_from_iter(values)).map_err(SqlError::from)
        };
        self.full |= matches!(changed, Err(SqlError::Full(_)));
        Ok(changed? as u64)
    }

    pub(crate) fn query(&mut self, sql: &str, values: &[Value]) -> Result<Vec<Row>, SqlError> {
        self.guard()?;
        let mut statement = self.connection.prepare_cached(&numbered(sql))?;
        let columns = statement.column_count();
        let mut rows = statement.query(params_from_iter(values))?;
        let mut out = Vec::new();
        while let Some(row) = rows.next()? {
            let mut values = Vec::with_capacity(columns);
            for column in 0..columns {
                values.push(read(row.get_ref(column)?)?);
            }
            out.push(Row(values));
        }
        Ok(out)
    }
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Int(number) => ValueRef::Integer(*number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Blob(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

fn read(value: ValueRef<'_>) -> Result<Value, SqlError> {
    let wrong = || SqlError::Inconsistent { table: "row", column: "a text or real".to_owned() };
    Ok(match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => Value::Int(number),
        ValueRef::Text(bytes) => Value::Text(std::str::from_utf8(bytes).map_err(|_| wrong())?.to_owned()),
        ValueRef::Blob(bytes) => Value::Blob(bytes.to_vec()),
        ValueRef::Real(_) => return Err(wrong()),
    })
}

/// `$N` is a *name* in SQLite, bound in order of first appearance; `?N` is the number it means elsewhere.
/// Quoted text is left alone.
fn numbered(sql: &str) -> String {
    let mut quoted = false;
    sql.chars()
        .map(|c| {
            quoted ^= c == '\'';
            if c == '$' && !quoted { '?' } else { c }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_translated_outside_quotes() {
        assert_eq!(numbered("select $2, '$1', $1"), "select ?2, '$1', ?1");
    }
}
