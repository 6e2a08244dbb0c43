//! Why something does not open, or is not stored.

use clerestory_keys::KeyError;
use clerestory_seal::{StreamError, ValueError};

/// Why sealed content is not given out.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The grant is for something else.
    #[error("the grant does not cover this")]
    NotCovered,
    /// The value was altered or moved from its place.
    #[error("{table}.{column} failed its authentication check")]
    Value {
        /// Its table.
        table: &'static str,
        /// Its column.
        column: &'static str,
        /// What exactly is wrong.
        #[source]
        source: ValueError,
    },
    /// The value opened, and is not what belongs there.
    #[error("{table}.{column} opened to something that does not belong there")]
    Content {
        /// Its table.
        table: &'static str,
        /// Its column.
        column: &'static str,
        /// Where the reading stopped.
        #[source]
        source: serde_json::Error,
    },
    /// The segment was altered, cut, or exchanged for another.
    #[error("segment {sequence} is not what was stored")]
    Segment {
        /// Its number in its track.
        sequence: u64,
        /// What exactly is wrong.
        #[source]
        source: StreamError,
    },
    /// The segment's bytes cannot be read.
    #[error("segment {sequence} cannot be read")]
    Unreadable {
        /// Its number in its track.
        sequence: u64,
        /// The cause.
        #[source]
        source: StoreError,
    },
    /// The key is destroyed: what it sealed was erased.
    #[error("it was erased")]
    Erased,
    /// The key could not be had.
    #[error("the key could not be had")]
    Key(#[source] KeyError),
}

impl From<KeyError> for OpenError {
    fn from(error: KeyError) -> Self {
        match error {
            KeyError::Unknown(_) => Self::Erased,
            other => Self::Key(other),
        }
    }
}

/// Why bytes are not stored or not found.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The object is not there.
    #[error("the object is missing")]
    Missing,
    /// The object is shorter than the rows say.
    #[error("the object is cut short")]
    Truncated,
    /// The disk is full.
    #[error("the disk is full")]
    Full,
    /// The object store refused.
    #[error("the object store refused")]
    Objects(#[source] object_store::Error),
    /// The ingest log could not be written.
    #[error("the ingest log could not be written: {0}")]
    Log(String),
    /// The ingest log has stopped, as it does at shutdown.
    #[error("the ingest log is closed")]
    Closed,
}
