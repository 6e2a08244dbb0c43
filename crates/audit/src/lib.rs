//! The audit log. An entry is appended in the transaction of the change it tells of: both are kept or neither.
//!
//! Entries of an organisation are numbered from 1 without holes and each carries the hash of the one before. What
//! is personal in an entry is sealed under a key of the organisation and month that outlives the organisation's
//! own key; who, what, when and the outcome are ids and states and stay clear.

mod append;
mod chain;
mod entry;
pub mod ledger;
mod read;

use std::sync::Arc;

use clerestory_keys::{KeyError, Keys};
use clerestory_sql::{Component, Migration, SqlError};

pub use append::{NewEntry, Recorded};
pub use chain::{ChainReport, Head};
pub use entry::{ActorKind, Class, Entry, ObjectRef, Outcome, Personal};
pub use read::EntryFilter;

/// The tables of this crate.
pub const SCHEMA: Component = Component {
    name: "audit",
    migrations: &[
        Migration { name: "entries and heads", sql: include_str!("0001-audit.sql") },
        Migration { name: "the ledger", sql: include_str!("0002-ledger.sql") },
    ],
};

/// The audit log of one deployment.
#[derive(Clone)]
pub struct Audit {
    keys: Arc<Keys>,
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

impl Audit {
    /// The log over these keys.
    #[must_use]
    pub fn new(keys: Arc<Keys>) -> Self {
        Self { keys }
    }

    /// The ledger over this log.
    #[must_use]
    pub fn ledger(&self) -> ledger::Ledger {
        ledger::Ledger::new(Arc::clone(&self.keys))
    }
}
