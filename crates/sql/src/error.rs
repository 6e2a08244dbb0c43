//! What can go wrong between a body and its database.

use std::error::Error;

/// What the engine itself said.
#[derive(Debug, thiserror::Error)]
pub enum Cause {
    /// SQLite.
    #[error(transparent)]
    Sqlite(rusqlite::Error),
    /// PostgreSQL, or the connection to it.
    #[error(transparent)]
    Postgres(tokio_postgres::Error),
    /// The body itself, which looked before it wrote.
    #[error("the body found it there")]
    Body,
    /// No connection to PostgreSQL could be had.
    #[error(transparent)]
    Pool(deadpool_postgres::PoolError),
}

/// A failure of the database layer.
#[derive(Debug, thiserror::Error)]
pub enum SqlError {
    /// A row with this key is already there.
    #[error("the row exists already")]
    Exists(#[source] Cause),
    /// The disk is full; nothing of the transaction was kept.
    #[error("the disk is full")]
    Full(#[source] Cause),
    /// Another transaction stood in the way (a deadlock, or rows that changed meanwhile); nothing was kept. Trying
    /// again helps.
    #[error("another transaction was in the way")]
    Conflict(#[source] Cause),
    /// The connection was lost while the transaction was being committed: what it did may be kept, or undone. Whoever
    /// does not know looks before doing it again.
    #[error("the database was lost while it committed: it may have been done")]
    Unknown(#[source] Cause),
    /// All connections to the database server were in use for too long. Trying again helps.
    #[error("the database is busy")]
    Busy,
    /// There is no connection to the database server. Trying again may help.
    #[error("the database server cannot be reached")]
    Unreachable(#[source] Cause),
    /// The database server is set up in a way that loses what was committed.
    #[error("{0}")]
    Unsafe(String),
    /// The database has none of the installation's tables.
    #[error("the database is empty: it is another one than this installation's, or lost what was in it")]
    Empty,
    /// The database was opened for reading only.
    #[error("the database was opened for reading only")]
    ReadOnly,
    /// The schema was written by an older version of the program, and whoever opens it may not change it.
    #[error(
        "`{component}` lacks migration {number}: start the server of this version first, or use the version that \
         wrote the database"
    )]
    Behind {
        /// The part of the program whose schema it is.
        component: String,
        /// The first migration that is missing.
        number: u64,
    },
    /// The address of the database server cannot be understood.
    #[error("the database address is not understood: {0}")]
    Address(String),
    /// The engine refused for another reason.
    #[error("the database refused")]
    Engine(#[source] Cause),
    /// A stored value cannot become what the program expects there.
    #[error("{table}.{column} holds a value that does not belong there")]
    Inconsistent {
        /// The table, or the query when the table is not known.
        table: &'static str,
        /// The column or its position.
        column: String,
    },
    /// The body awaited something other than its transaction.
    #[error("a transaction body awaited something else than its transaction")]
    AwaitedElsewhere,
    /// The body panicked; what it did is undone.
    #[error("a transaction body panicked")]
    Panicked,
    /// A statement of the body failed before, or the engine undid the whole transaction, as SQLite does on a full
    /// disk; the body must not go on, and nothing of it is kept.
    #[error("the database undid the transaction")]
    RolledBack,
    /// The writer has stopped, as it does at shutdown.
    #[error("the database is closed")]
    Closed,
    /// The schema was written by a newer version of the program.
    #[error("`{component}` has migration {number}, which this version does not know: use the newer version")]
    Downgrade {
        /// The part of the program whose schema it is.
        component: String,
        /// The unknown migration.
        number: i64,
    },
    /// A migration that was applied has since been edited.
    #[error("migration {number} of `{component}` is not the one that was applied")]
    ChangedMigration {
        /// The part of the program whose schema it is.
        component: String,
        /// The edited migration.
        number: i64,
    },
    /// The SQLite library linked in is older than the first without the WAL-reset bug (3.51.3).
    #[error("SQLite {found} is too old: 3.51.3 or newer is needed")]
    OldLibrary {
        /// The version found.
        found: String,
    },
}

impl SqlError {
    /// The failure of this layer behind another layer's error, if there is one.
    #[must_use]
    pub fn behind<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e Self> {
        let mut at = Some(error);
        while let Some(one) = at {
            if let Some(found) = one.downcast_ref() {
                return Some(found);
            }
            at = one.source();
        }
        None
    }

    /// A failure to commit. Only an answer of the server says that nothing is kept.
    pub(crate) fn of_commit(error: tokio_postgres::Error) -> Self {
        match Self::from(error) {
            Self::Unreachable(cause) => Self::Unknown(cause),
            // Without a word of the server: the connection broke, or what came over it made no sense.
            Self::Engine(Cause::Postgres(error)) if error.as_db_error().is_none() => {
                Self::Unknown(Cause::Postgres(error))
            }
            other => other,
        }
    }

    /// Whether it is not known if the transaction was committed.
    #[must_use]
    pub const fn is_unknown(&self) -> bool {
        matches!(self, Self::Unknown(_))
    }

    /// Whether somebody else was in the way and nothing was changed: the same call may well succeed a moment later.
    #[must_use]
    pub const fn passes(&self) -> bool {
        matches!(self, Self::Conflict(_) | Self::Busy)
    }
}

impl From<rusqlite::Error> for SqlError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ffi;
        match error.sqlite_error().map(|inner| (inner.code, inner.extended_code)) {
            Some((_, ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY)) => {
                Self::Exists(Cause::Sqlite(error))
            }
            Some((rusqlite::ErrorCode::DiskFull, _)) => Self::Full(Cause::Sqlite(error)),
            _ => Self::Engine(Cause::Sqlite(error)),
        }
    }
}

impl From<tokio_postgres::Error> for SqlError {
    fn from(error: tokio_postgres::Error) -> Self {
        use tokio_postgres::error::SqlState;
        let Some(state) = error.code() else {
            return if error.is_closed() {
                Self::Unreachable(Cause::Postgres(error))
            } else {
                Self::Engine(Cause::Postgres(error))
            };
        };
        if *state == SqlState::UNIQUE_VIOLATION {
            Self::Exists(Cause::Postgres(error))
        } else if *state == SqlState::DISK_FULL {
            Self::Full(Cause::Postgres(error))
        } else if [
            SqlState::T_R_DEADLOCK_DETECTED,
            SqlState::T_R_SERIALIZATION_FAILURE,
            SqlState::LOCK_NOT_AVAILABLE,
            SqlState::QUERY_CANCELED,
        ]
        .contains(state)
        {
            Self::Conflict(Cause::Postgres(error))
        } else if [SqlState::ADMIN_SHUTDOWN, SqlState::CRASH_SHUTDOWN, SqlState::CANNOT_CONNECT_NOW]
            .contains(state)
        {
            Self::Unreachable(Cause::Postgres(error))
        } else {
            Self::Engine(Cause::Postgres(error))
        }
    }
}

impl From<deadpool_postgres::PoolError> for SqlError {
    fn from(error: deadpool_postgres::PoolError) -> Self {
        match error {
            deadpool_postgres::PoolError::Backend(inner) => match Self::from(inner) {
                // Whatever the server said to a connection that was being made, there is none.
                Self::Engine(cause) => Self::Unreachable(cause),
                other => other,
            },
            other => Self::Unreachable(Cause::Pool(other)),
        }
    }
}
