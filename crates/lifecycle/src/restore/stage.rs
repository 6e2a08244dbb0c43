//! Bringing the rows of a copy into the database, beside those that are there: nothing of it counts yet.

use clerestory_sql::{Database, Lane, SqlError, Value};

use super::tables::{read_from_copy, staged};

/// Rows moved at a time.
const PAGE: u32 = 2_000;

/// Takes away what an earlier restore that was cut off left.
pub(crate) async fn clear(database: &Database) -> Result<(), SqlError> {
    database
        .write(Lane::Maintenance, |tx| {
            Box::pin(async move {
                for (table, _) in read_from_copy() {
                    tx.execute(&format!("DROP TABLE IF EXISTS {}", staged(table)), &[]).await?;
                }
                Ok(())
            })
        })
        .await
}

/// Copies every row that may go back in time; how many there were.
pub(crate) async fn fill(database: &Database, copy: &Database) -> Result<u64, SqlError> {
    clear(database).await?;
    let mut rows = 0;
    for (table, key) in read_from_copy() {
        let columns: Result<Vec<String>, SqlError> = database
            .write(Lane::Maintenance, move |tx| {
                Box::pin(async move {
                    let name = staged(table);
                    tx.execute(&format!("CREATE TABLE {name} AS SELECT * FROM {table} WHERE 1 = 0"), &[])
                        .await?;
                    let index = format!("CREATE UNIQUE INDEX {name}_key ON {name} ({})", key.join(", "));
                    tx.execute(&index, &[]).await?;
                    tx.columns(table).await
                })
            })
            .await;
        rows += fill_table(database, copy, table, key, &columns?).await?;
    }
    Ok(rows)
}

async fn fill_table(
    database: &Database,
    copy: &Database,
    table: &'static str,
    key: &'static [&'static str],
    columns: &[String],
) -> Result<u64, SqlError> {
    let (list, named) = (columns.join(", "), key.join(", "));
    let at: Vec<usize> =
        key.iter().filter_map(|part| columns.iter().position(|column| column == part)).collect();
    let numbers = |count: usize| (1..=count).map(|n| format!("${n}")).collect::<Vec<_>>().join(", ");
    let insert = format!("INSERT INTO {} ({list}) VALUES ({})", staged(table), numbers(columns.len()));
    let (mut rows, mut after): (u64, Option<Vec<Value>>) = (0, None);
    loop {
        let (condition, mut values) = match after.take() {
            None => (String::new(), Vec::new()),
            Some(values) => (format!(" WHERE ({named}) > ({})", numbers(values.len())), values),
        };
        values.push(PAGE.into());
        let sql = format!("SELECT {list} FROM {table}{condition} ORDER BY {named} LIMIT ${}", values.len());
        let width = columns.len();
        let page = copy.read(move |tx| {
            Box::pin(async move {
                let page = tx.query(&sql, &values).await?;
                page.iter()
                    .map(|row| (0..width).map(|column| row.get::<Value>(column)).collect())
                    .collect::<Result<Vec<Vec<Value>>, SqlError>>()
            })
        });
        let page: Result<Vec<Vec<Value>>, SqlError> = page.await;
        let page = page?;
        let Some(last) = page.last() else { return Ok(rows) };
        after = Some(at.iter().filter_map(|column| last.get(*column).cloned()).collect());
        rows += page.len() as u64;
        let insert = insert.clone();
        let written = database.write(Lane::Maintenance, move |tx| {
            Box::pin(async move {
                for values in page {
                    tx.execute(&insert, &values).await?;
                }
                Ok(())
            })
        });
        let written: Result<(), SqlError> = written.await;
        written?;
    }
}
