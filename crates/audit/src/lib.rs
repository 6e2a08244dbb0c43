//! The audit log. An entry is appended in the transaction of the change it tells of: both are kept or neither.
//!
//! Entries of an organisation are numbered from 1 without holes and each carries the hash of the one before. What
//! is personal in an entry is sealed under a key of the organisation and month that outlives the organisation's
//! own key; who, what, when and the outcome are ids and states and stay clear.

mod append;
pub mod authority;
mod chain;
mod denials;
mod entry;
pub mod forgetting;
pub mod ledger;
mod read;
mod reserve;
mod standing;

use std::sync::Arc;

use clerestory_keys::{KeyError, Keys};
use clerestory_sql::{Component, Migration, SqlError};

pub use append::{NewEntry, Recorded};
pub use chain::{ChainReport, Head};
pub use entry::{ActorKind, Class, Entry, ObjectRef, Outcome, Personal};
pub use read::{EntryFilter, newest_time};
pub use reserve::{Held, Reserve};
pub use standing::{Standing, standing, told_of};

/// The tables of this crate.
pub const SCHEMA: Component = Component {
    name: "audit",
    migrations: &[
        Migration { name: "entries and heads", sql: include_str!("0001-audit.sql") },
        Migration { name: "the ledger", sql: include_str!("0002-ledger.sql") },
        Migration { name: "entries by action", sql: include_str!("0003-changes.sql") },
    ],
};

/// The audit log of one deployment.
#[derive(Clone)]
pub struct Audit {
    keys: Arc<Keys>,
    denials: denials::Denials,
    reserve: Arc<Reserve>,
}

/// A failure of the audit log. Nothing may be released when an entry cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The entry, or its number, could not be written or read.
    #[error("the audit log cannot be written or read")]
    Sql(#[from] SqlError),
    /// The key of the month could not be had.
    #[error("the audit log's key cannot be had")]
    Key(#[from] KeyError),
    /// The personal part could not be encoded.
    #[error("the personal part of an entry cannot be encoded")]
    Encoding(#[from] serde_json::Error),
}

impl AuditError {
    /// Whether the disk is full.
    #[must_use]
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Sql(SqlError::Full(_)) | Self::Key(KeyError::Sql(SqlError::Full(_))))
    }
}

impl Audit {
    /// The log over these keys.
    #[must_use]
    pub fn new(keys: Arc<Keys>) -> Self {
        Self { keys, denials: denials::Denials::default(), reserve: Arc::default() }
    }

    /// The same log with a reserve of disk.
    #[must_use]
    pub fn with_reserve(self, reserve: Reserve) -> Self {
        Self { reserve: Arc::new(reserve), ..self }
    }

    /// The log's reserve of disk.
    #[must_use]
    pub fn reserve(&self) -> &Reserve {
        &self.reserve
    }

    /// Makes room for an entry that failed for a full disk. `true` where trying again is worth it.
    #[must_use]
    pub fn makes_room(&self, error: &AuditError) -> bool {
        error.is_full() && self.reserve.give_up()
    }

    /// The ledger over this log.
    #[must_use]
    pub fn ledger(&self) -> ledger::Ledger {
        ledger::Ledger::new(Arc::clone(&self.keys))
    }
}
