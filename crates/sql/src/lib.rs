//! One small layer over the database: transactions, portable SQL, the migrator. It has no tables of its own
//! but the migrator's.
//!
//! Domain crates write one body of portable SQL as `async` code against a [`Tx`]. On SQLite the body runs on
//! the one writer thread (or a reader's), where every step is ready at once; awaiting anything but the
//! transaction is an error, which is also the rule that keeps it correct on a networked engine.

mod catalog;
mod error;
mod migrate;
mod postgres;
mod postgres_copy;
mod postgres_tx;
mod sqlite;
mod sqlite_tx;
mod tx;
mod value;

use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;

pub use error::{Cause, SqlError};
pub use migrate::{Component, Migration};
pub use postgres_copy::PostgresCopy;
pub use tx::{Lock, Tx};
pub use value::{FromValue, Row, Value};

/// The future of a transaction's body.
pub type Body<'t, T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send + 't>>;

/// Who goes first when several bodies wait for the writer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// Somebody waits for an answer.
    Interactive = 0,
    /// Captured data on its way in: it waits for nobody's turn in an organisation's log.
    Intake = 1,
    /// Visits that begin. They wait for their organisation's turn, and for seconds only: whoever keeps it for long must
    /// not use up what captured data of everybody needs.
    Arrivals = 2,
    /// Sweeps and repairs.
    Maintenance = 3,
}

impl Lane {
    pub(crate) const COUNT: usize = 4;
}

/// Whether a database without any of our tables is one to be filled or the wrong one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schema {
    /// It is the database of an installation, and has tables.
    MustExist,
    /// Whoever opens it makes an installation.
    MayBeMade,
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
    engine: Arc<Engine>,
}

enum Engine {
    Sqlite(sqlite::Sqlite),
    Postgres(postgres::Postgres),
}

impl Database {
    /// Opens (and creates) the SQLite file at `path` and brings its schema up to `components`.
    ///
    /// # Errors
    /// [`SqlError::Downgrade`] or [`SqlError::ChangedMigration`] when the file was written by another version of
    /// the program, [`SqlError::Engine`] when it cannot be opened.
    pub fn open_sqlite(path: &Path, components: &[Component]) -> Result<Self, SqlError> {
        Ok(Self { engine: Arc::new(Engine::Sqlite(sqlite::Sqlite::open(path, components)?)) })
    }

    /// Connects to the PostgreSQL database at `address` (`postgresql://user:password@host:port/name`) and brings its
    /// schema up to `components`. On another machine it is reached by TLS only, and `roots` names the file (PEM)
    /// with the certificate of who signed the server's.
    ///
    /// # Errors
    /// As [`Self::open_sqlite`]; [`SqlError::Empty`], [`SqlError::Address`], [`SqlError::Unreachable`], and [`SqlError::Unsafe`] when the
    /// server could lose what it has committed.
    pub async fn open_postgres(
        address: &str,
        roots: Option<&Path>,
        schema: Schema,
        components: &[Component],
    ) -> Result<Self, SqlError> {
        let postgres = postgres::Postgres::open(address, roots, schema, components).await?;
        Ok(Self { engine: Arc::new(Engine::Postgres(postgres)) })
    }

    /// Opens the SQLite file at `path` for reading only. Nothing is made and nothing is migrated; beside the file, the
    /// engine may make its empty `-wal` and `-shm` where nobody else has them open.
    ///
    /// # Errors
    /// [`SqlError::Behind`], [`SqlError::Downgrade`], [`SqlError::ChangedMigration`] when the schema is not that of
    /// `components`; [`SqlError::Empty`]; [`SqlError::Engine`] when there is no such file.
    pub fn open_sqlite_to_read(path: &Path, components: &[Component]) -> Result<Self, SqlError> {
        Ok(Self { engine: Arc::new(Engine::Sqlite(sqlite::Sqlite::open_to_read(path, components)?)) })
    }

    /// Connects to the PostgreSQL database at `address` for reading only, as [`Self::open_postgres`] does. Every
    /// connection is told so before it is used.
    ///
    /// # Errors
    /// As [`Self::open_sqlite_to_read`]; [`SqlError::Address`], [`SqlError::Unreachable`].
    pub async fn open_postgres_to_read(
        address: &str,
        roots: Option<&Path>,
        components: &[Component],
    ) -> Result<Self, SqlError> {
        let postgres = postgres::Postgres::open_to_read(address, roots, components).await?;
        Ok(Self { engine: Arc::new(Engine::Postgres(postgres)) })
    }

    /// Runs `body` in a read-write transaction; it is durable when this returns `Ok`.
    ///
    /// Bodies that wait together share one commit; each is undone alone when it fails. A body may not assume that
    /// its writes are the last before the commit, only that it sees all that came before.
    ///
    /// # Errors
    /// Those of `body`, and [`SqlError`] when the transaction cannot begin or commit. [`SqlError::Unknown`] says that it
    /// may have been committed; [`SqlError::ReadOnly`] that the database was opened for reading only.
    pub async fn write<T, E, F>(&self, lane: Lane, body: F) -> Result<T, E>
    where
        F: for<'t> FnOnce(&'t mut Tx) -> Body<'t, T, E> + Send + 'static,
        T: Send + 'static,
        E: From<SqlError> + Send + 'static,
    {
        match &*self.engine {
            Engine::Sqlite(sqlite) => sqlite.write(lane, body).await,
            Engine::Postgres(postgres) => postgres.write(lane, body).await,
        }
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
        match &*self.engine {
            Engine::Sqlite(sqlite) => sqlite.read(body).await,
            Engine::Postgres(postgres) => postgres.read(body).await,
        }
    }

    /// What the writer has done so far.
    #[must_use]
    pub fn writer_stats(&self) -> WriterStats {
        match &*self.engine {
            Engine::Sqlite(sqlite) => sqlite.stats(),
            Engine::Postgres(postgres) => postgres.stats(),
        }
    }
}
