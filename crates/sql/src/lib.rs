//! One small layer over the database: transactions, portable SQL, the migrator. It has no tables of its own
//! but the migrator's.
//!
//! Domain crates write one body of portable SQL as `async` code against a [`Tx`]. On SQLite the body runs on
//! the one writer thread (or a reader's), where every step is ready at once; awaiting anything but the
//! transaction is an error, which is also the rule that keeps it correct on a networked engine.

mod error;
mod migrate;
mod sqlite;
mod tx;
mod value;

use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;

pub use error::SqlError;
pub use migrate::{Component, Migration};
pub use tx::Tx;
pub use value::{FromValue, Row, Value};

/// The future of a transaction's body.
pub type Body<'t, T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send + 't>>;

/// Who goes first when several bodies wait for the writer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// Somebody waits for an answer.
    Interactive = 0,
    /// Captured data on its way in.
    Intake = 1,
    /// Sweeps and repairs.
    Maintenance = 2,
}

/// What the writer has done since it started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WriterStats {
    /// Commits, each of one or more bodies.
    pub commits: u64,
    /// Bodies that were committed.
    pub bodies: u64,
}

/// A database whose schema is up to date. Cheap to clone.
#[derive(Clone)]
pub struct Database {
    sqlite: Arc<sqlite::Sqlite>,
}

impl Database {
    /// Opens (and creates) the SQLite file at `path` and brings its schema up to `components`.
    ///
    /// # Errors
    /// [`SqlError::Downgrade`] or [`SqlError::ChangedMigration`] when the file was written by another version of
    /// the program, [`SqlError::Engine`] when it cannot be opened.
    pub fn open_sqlite(path: &Path, components: &[Component]) -> Result<Self, SqlError> {
        Ok(Self { sqlite: Arc::new(sqlite::Sqlite::open(path, components)?) })
    }

    /// Runs `body` in a read-write transaction; it is durable when this returns `Ok`.
    ///
    /// Bodies that wait together share one commit; each is undone alone when it fails. A body may not assume that
    /// its writes are the last before the commit, only that it sees all that came before.
    ///
    /// # Errors
    /// Those of `body`, and [`SqlError`] when the transaction cannot begin or commit.
    pub async fn write<T, E, F>(&self, lane: Lane, body: F) -> Result<T, E>
    where
        F: for<'t> FnOnce(&'t mut Tx) -> Body<'t, T, E> + Send + 'static,
        T: Send + 'static,
        E: From<SqlError> + Send + 'static,
    {
        self.sqlite.write(lane, body).await
    }

    /// Runs `body` in a read-only transaction on one snapshot.
    ///
    /// # Errors
    /// Those of `body`, and [`SqlError`] when no reader can be had.
    pub async fn read<T, E, F>(&self, body: F) -> Result<T, E>
    where
        F: for<'t> FnOnce(&'t mut Tx) -> Body<'t, T, E> + Send + 'static,
        T: Send + 'static,
        E: From<SqlError> + Send + 'static,
    {
        self.sqlite.read(body).await
    }

    /// What the writer has done so far.
    #[must_use]
    pub fn writer_stats(&self) -> WriterStats {
        self.sqlite.stats()
    }
}
