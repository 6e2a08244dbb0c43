//! An installation's rows, looked at and changed behind its back.

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

    /// Runs a statement.
    ///
    /// # Panics
    /// When the database refuses.
    pub async fn execute(&self, sql: impl Into<String>, values: Vec<Value>) {
        let sql = sql.into();
        let write = self
            .app
            .database
            .write(Lane::Maintenance, move |tx| Box::pin(async move { tx.execute(&sql, &values).await }));
        let done: Result<u64, SqlError> = write.await;
        done.expect("the rows can be changed");
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
}
