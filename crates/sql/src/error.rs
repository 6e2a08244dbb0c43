//! What can go wrong between a body and its database.

/// A failure of the database layer.
#[derive(Debug, thiserror::Error)]
pub enum SqlError {
    /// A row with this key is already there.
    #[error("the row exists already")]
    Exists(#[source] rusqlite::Error),
    /// The disk is full; nothing of the transaction was kept.
    #[error("the disk is full")]
    Full(#[source] rusqlite::Error),
    /// The engine refused for another reason.
    #[error("the database refused")]
    Engine(#[source] rusqlite::Error),
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
    /// The engine undid the whole transaction, as it does on a full disk; the body must not go on.
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

impl From<rusqlite::Error> for SqlError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ffi;
        match error.sqlite_error().map(|inner| (inner.code, inner.extended_code)) {
            Some((_, ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY)) => {
                Self::Exists(error)
            }
            Some((rusqlite::ErrorCode::DiskFull, _)) => Self::Full(error),
            _ => Self::Engine(error),
        }
    }
}
