//! Why something does not open, or is not stored.

use clerestory_keys::KeyError;
use clerestory_seal::{StreamError, ValueError};
use clerestory_sql::SqlError;
use object_store::client::HttpError;

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

/// Why a segment is not kept.
#[derive(Debug, thiserror::Error)]
pub enum KeepError {
    /// Its key could not be had.
    #[error(transparent)]
    Key(#[from] OpenError),
    /// It could not be stored.
    #[error(transparent)]
    Store(#[from] StoreError),
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
    /// Another object has this name.
    #[error("another object has this name")]
    Exists,
    /// The object store cannot be reached, is too busy, or broke off: nothing was wrong with what was asked.
    #[error("the object store does not answer as it should; try again")]
    Unavailable(#[source] object_store::Error),
    /// The object store does not know the credentials, or they may not do this.
    #[error("the object store does not let these credentials do this")]
    Denied(#[source] object_store::Error),
    /// The object store said that it stored the object, and does not have it.
    #[error("the object store said that it stored {object}, and does not have it; try again")]
    NotKept {
        /// The object's path.
        object: String,
    },
    /// The object store said that it removed the object, and still has it.
    #[error(
        "the object store said that it removed {object}, and still has it: see its versions and its locks"
    )]
    Remains {
        /// The object's path.
        object: String,
    },
    /// The object store refused for another reason.
    #[error("the object store refused")]
    Objects(#[source] object_store::Error),
    /// More waits to be stored than can be held; try again.
    #[error("more waits to be stored than can be held; try again")]
    Busy,
    /// The object was taken for an orphan while it was under way; send it again.
    #[error("the object was given up before its rows were written; send it again")]
    GivenUp,
    /// A segment has more gaps or bytes than the note beside it can tell of, so it could not be found again.
    #[error("a segment of {bytes} bytes with {gaps} gaps could not be read back, and is not stored")]
    Untold {
        /// How many gaps it tells of.
        gaps: usize,
        /// Its bytes, sealed.
        bytes: u64,
    },
    /// The intent for an object could not be written.
    #[error("the intent for an object could not be written")]
    Intent(#[from] SqlError),
    /// The ingest log could not be written.
    #[error("the ingest log could not be written: {0}")]
    Log(String),
    /// The ingest log has stopped, as it does at shutdown.
    #[error("the ingest log is closed")]
    Closed,
}

impl StoreError {
    /// Whether the same call may well succeed a little later.
    #[must_use]
    pub const fn passes(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::NotKept { .. } | Self::Busy)
    }

    /// The same failure for each of those whose bytes were to be stored together in `object`; causes are told once.
    pub(crate) fn for_another(&self, object: &str) -> Self {
        match self {
            Self::Full => Self::Full,
            Self::Busy => Self::Busy,
            Self::Closed => Self::Closed,
            Self::NotKept { .. } => Self::NotKept { object: object.to_owned() },
            other => {
                let source = chain(other).into();
                let error = object_store::Error::Generic { store: "ingest log", source };
                if other.passes() { Self::Unavailable(error) } else { Self::Objects(error) }
            }
        }
    }
}

impl From<object_store::Error> for StoreError {
    fn from(error: object_store::Error) -> Self {
        use object_store::Error;
        match error {
            Error::NotFound { .. } => Self::Missing,
            Error::AlreadyExists { .. } | Error::Precondition { .. } => Self::Exists,
            Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => Self::Denied(error),
            Error::JoinError { .. } => Self::Unavailable(error),
            Error::Generic { .. } => generic(error),
            other => Self::Objects(other),
        }
    }
}

/// An error with all its causes, for a log or for those who share it.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}

/// What a failure without a kind of its own was: its causes tell.
fn generic(error: object_store::Error) -> StoreError {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(inner) = cause {
        if inner.is::<HttpError>() {
            return StoreError::Unavailable(error);
        }
        if let Some(io) = inner.downcast_ref::<std::io::Error>() {
            match io.kind() {
                std::io::ErrorKind::StorageFull => return StoreError::Full,
                std::io::ErrorKind::UnexpectedEof => return StoreError::Truncated,
                _ => {}
            }
        }
        cause = inner.source();
    }
    // What is left has private types in object_store 0.14: only the text tells. `testkit/tests/objects.rs` pins it.
    let text = error.to_string();
    if let Some((_, rest)) = text.split_once("non-2xx status code: ") {
        return match rest.get(..3).and_then(|digits| digits.parse::<u16>().ok()) {
            // RFC 9110, 15.5.17: the object ends before the range begins.
            Some(416) => StoreError::Truncated,
            Some(507) => StoreError::Full,
            Some(408 | 429 | 500..) => StoreError::Unavailable(error),
            _ => StoreError::Objects(error),
        };
    }
    if text.contains("Server returned error response") {
        return StoreError::Unavailable(error);
    }
    if text.contains("but object was only")
        || text.contains("Out of range of file")
        || text.contains("range was invalid")
    {
        return StoreError::Truncated;
    }
    StoreError::Objects(error)
}
