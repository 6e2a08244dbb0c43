//! The statements of a transaction on PostgreSQL.

use std::error::Error;

use bytes::BytesMut;
use deadpool_postgres::Object;
use futures_util::future::join_all;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};

use crate::{Row, SqlError, Value};

/// Statements that are sent before the first is answered.
const UNDER_WAY: usize = 256;

pub(crate) struct PostgresTx {
    pub(crate) client: Object,
}

impl PostgresTx {
    /// Runs statements of the migrator, whose types are written as SQLite knows them.
    pub(crate) async fn batch(&mut self, sql: &str) -> Result<(), SqlError> {
        Ok(self.client.batch_execute(&translated(sql)).await?)
    }

    pub(crate) async fn execute(&mut self, sql: &str, values: &[Value]) -> Result<u64, SqlError> {
        let statement = self.client.prepare_cached(sql).await?;
        Ok(self.client.execute(&statement, &parameters(values)).await?)
    }

    /// The statement for each of the rows, without waiting for one before the next is sent.
    pub(crate) async fn execute_each(
        &mut self,
        sql: &str,
        rows: &[Vec<Value>],
    ) -> Result<Vec<u64>, SqlError> {
        let statement = self.client.prepare_cached(sql).await?;
        let (client, mut changed) = (&self.client, Vec::with_capacity(rows.len()));
        for some in rows.chunks(UNDER_WAY) {
            // Futures that are looked at in their order send in their order, and all answers are waited for.
            let sent = some.iter().map(async |values| client.execute(&statement, &parameters(values)).await);
            for answer in join_all(sent).await {
                changed.push(answer?);
            }
        }
        Ok(changed)
    }

    pub(crate) async fn query(&mut self, sql: &str, values: &[Value]) -> Result<Vec<Row>, SqlError> {
        let statement = self.client.prepare_cached(sql).await?;
        let rows = self.client.query(&statement, &parameters(values)).await?;
        rows.iter().map(read).collect()
    }
}

fn parameters(values: &[Value]) -> Vec<&(dyn ToSql + Sync)> {
    values.iter().map(|value| value as &(dyn ToSql + Sync)).collect()
}

fn read(row: &tokio_postgres::Row) -> Result<Row, SqlError> {
    let mut values = Vec::with_capacity(row.len());
    for (at, column) in row.columns().iter().enumerate() {
        let value = match *column.type_() {
            Type::INT8 => row.try_get::<_, Option<i64>>(at)?.map(Value::Int),
            Type::INT4 => row.try_get::<_, Option<i32>>(at)?.map(|number| Value::Int(number.into())),
            Type::BOOL => row.try_get::<_, Option<bool>>(at)?.map(|truth| Value::Int(truth.into())),
            Type::TEXT | Type::VARCHAR => row.try_get::<_, Option<String>>(at)?.map(Value::Text),
            Type::BYTEA => row.try_get::<_, Option<Vec<u8>>>(at)?.map(Value::Blob),
            _ => return Err(SqlError::Inconsistent { table: "row", column: column.name().to_owned() }),
        };
        values.push(value.unwrap_or(Value::Null));
    }
    Ok(Row(values))
}

impl ToSql for Value {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match (self, ty) {
            (Self::Null, _) => Ok(IsNull::Yes),
            (Self::Int(number), &Type::INT8) => number.to_sql(ty, out),
            (Self::Int(number), &Type::INT4) => i32::try_from(*number)?.to_sql(ty, out),
            (Self::Int(number), &Type::BOOL) => (*number != 0).to_sql(ty, out),
            (Self::Text(text), &Type::TEXT | &Type::VARCHAR) => text.to_sql(ty, out),
            (Self::Blob(bytes), &Type::BYTEA) => bytes.to_sql(ty, out),
            (other, ty) => Err(format!("a parameter of type {ty} is given {}", other.kind()).into()),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// The portable schema in PostgreSQL's words: `INTEGER` is 64 bits, `BLOB` is `BYTEA`, and tables are strict anyway.
/// Quoted text is left alone.
fn translated(sql: &str) -> String {
    let mut out = String::with_capacity(sql.len());
    for (number, part) in sql.split('\'').enumerate() {
        if number > 0 {
            out.push('\'');
        }
        if number % 2 == 1 {
            out.push_str(part);
            continue;
        }
        let part = part.replace("WITHOUT ROWID, STRICT", "").replace("STRICT, WITHOUT ROWID", "");
        let mut rest = part.as_str();
        while let Some(at) = rest.find(|c: char| c.is_ascii_alphabetic() || c == '_') {
            let (before, word) = rest.split_at(at);
            let end = word.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(word.len());
            let (word, after) = word.split_at(end);
            out.push_str(before);
            out.push_str(match word {
                "INTEGER" => "BIGINT",
                "BLOB" => "BYTEA",
                "STRICT" => "",
                other => other,
            });
            rest = after;
        }
        out.push_str(rest);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::translated;

    #[test]
    fn types_are_translated_and_texts_are_not() {
        let sql = "CREATE TABLE t (at INTEGER NOT NULL, b BLOB, BLOBBY TEXT DEFAULT 'BLOB''s') STRICT;";
        let expected = "CREATE TABLE t (at BIGINT NOT NULL, b BYTEA, BLOBBY TEXT DEFAULT 'BLOB''s') ;";
        assert_eq!(translated(sql), expected);
    }
}
