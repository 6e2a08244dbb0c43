//! An installation's rows, looked at and changed behind its back.

use std::collections::BTreeMap;

use clerestory_model::TrackId;
use clerestory_sql::{Lane, Row, SqlError, Value};
use clerestory_store::parts::{self, Part};

use crate::Installation;

impl Installation {
    /// What a query answers.
    ///
    /// # Panics
    /// When the database refuses.
    pub async fn rows(&self, sql: &'static str, values: Vec<Value>) -> Vec<Row> {
        let read = self.app.database.read(move |tx| Box::pin(async move { tx.query(sql, &values).await }));
        let rows: Result<_, SqlError> = read.await;
        rows.expect("the rows can be read")
    }

    /// Every table with its columns, in their order.
    ///
    /// # Panics
    /// When the database refuses.
    pub async fn schema(&self) -> BTreeMap<String, Vec<String>> {
        let read = self.app.database.read(|tx| {
            Box::pin(async move {
                let mut schema = BTreeMap::new();
                for table in tx.tables().await? {
                    let columns = tx.columns(&table).await?;
                    schema.insert(table, columns);
                }
                Ok(schema)
            })
        });
        let schema: Result<_, SqlError> = read.await;
        schema.expect("the schema can be read")
    }

    /// These columns of every row of a table, in no particular order.
    ///
    /// # Panics
    /// When the database refuses.
    pub async fn rows_of<C: AsRef<str>>(&self, table: &str, columns: &[C]) -> Vec<Vec<Value>> {
        let names: Vec<&str> = columns.iter().map(AsRef::as_ref).collect();
        let sql = format!("SELECT {} FROM {table}", names.join(", "));
        let read = self.app.database.read(move |tx| Box::pin(async move { tx.query(&sql, &[]).await }));
        let rows: Result<Vec<Row>, SqlError> = read.await;
        let rows = rows.expect("the rows can be read");
        let values = |row: &Row| (0..names.len()).map(|at| row.get(at).expect("a value")).collect();
        rows.iter().map(values).collect()
    }

    /// Runs a statement that the database may refuse; how many rows it changed.
    ///
    /// # Errors
    /// Why it is refused.
    pub async fn attempt(&self, sql: impl Into<String>, values: Vec<Value>) -> Result<u64, SqlError> {
        let sql = sql.into();
        self.app
            .database
            .write(Lane::Maintenance, move |tx| Box::pin(async move { tx.execute(&sql, &values).await }))
            .await
    }

    /// Runs a statement.
    ///
    /// # Panics
    /// When the database refuses.
    pub async fn execute(&self, sql: impl Into<String>, values: Vec<Value>) {
        self.attempt(sql, values).await.expect("the rows can be changed");
    }

    /// The parts of a track.
    ///
    /// # Panics
    /// When they cannot be read.
    pub async fn parts_of(&self, track: TrackId) -> Vec<Part> {
        let read =
            self.app.database.read(move |tx| Box::pin(async move { parts::of_track(tx, track).await }));
        let parts: Result<_, SqlError> = read.await;
        parts.expect("the parts can be read")
    }

    /// Bytes as a statement writes them.
    #[must_use]
    pub fn literal(&self, bytes: &[u8]) -> String {
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        match self.app.places.postgres {
            Some(_) => format!("decode('{hex}', 'hex')"),
            None => format!("X'{hex}'"),
        }
    }

    /// Lets every such change (`UPDATE ON erasures`) fail from now on whose row is as `when` says (`NEW.step = 3`), as if
    /// the process had ended just before its commit.
    pub async fn refuse(&self, change: &str, when: &str) {
        let statements = match self.app.places.postgres {
            None => vec![format!(
                "CREATE TRIGGER refused BEFORE {change} WHEN {when} BEGIN SELECT RAISE(ABORT, 'refused'); END"
            )],
            Some(_) => vec![
                "CREATE OR REPLACE FUNCTION refused() RETURNS trigger LANGUAGE plpgsql AS
                 'BEGIN RAISE EXCEPTION USING message = ''refused''; END'"
                    .to_owned(),
                format!(
                    "CREATE TRIGGER refused BEFORE {change} FOR EACH ROW WHEN ({when}) EXECUTE FUNCTION refused()"
                ),
            ],
        };
        for statement in statements {
            self.execute(statement, Vec::new()).await;
        }
    }

    /// Ends what [`Self::refuse`] began.
    pub async fn refuse_no_more(&self) {
        let statement = match self.app.places.postgres {
            None => "DROP TRIGGER refused",
            Some(_) => "DROP FUNCTION refused CASCADE",
        };
        self.execute(statement, Vec::new()).await;
    }
}
