//! What can go wrong with keys.

use clerestory_model::KeyId;
use clerestory_seal::ValueError;
use clerestory_sql::SqlError;

use crate::Finding;

/// A failure of the key registry.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The registry has no such key: it was destroyed, or never was.
    #[error("{0} is not in the key registry")]
    Unknown(KeyId),
    /// A hold pins this key, or it wraps the pinned one: it cannot be destroyed until the hold is lifted.
    #[error("{0} is pinned by a hold: lift the hold first")]
    Pinned(KeyId),
    /// The key has no pin that could be taken away.
    #[error("{0} is not pinned")]
    NotPinned(KeyId),
    /// A key cannot wrap itself, one above it, or one of another organisation.
    #[error("{parent} cannot become the parent of {key}")]
    NoParent {
        /// The key that was to be moved.
        key: KeyId,
        /// The parent that was refused.
        parent: KeyId,
    },
    /// The key's owner was erased: no key is made for it again.
    #[error("what this key would be for was erased: no key is made for it again")]
    Tombstoned,
    /// A subject's key is made by `make_subject`, which looks for its tombstone.
    #[error("a subject's key is made by `make_subject`")]
    NoSubject,
    /// A key page is sealed under an epoch that no place holds, or that this node has not read yet: try again.
    #[error("epoch {0} is in none of the places that keep epoch secrets")]
    UnknownEpoch(i64),
    /// A copy of an epoch opens, and is not the secret this database's pages are sealed under: another installation's
    /// database has made it, or another node, in a place that not every node sees.
    #[error("what a place keeps as epoch {0} is another secret than this database names")]
    OtherSecret(i64),
    /// Rolling over and sweeping wait for somebody.
    #[error("rolling over and sweeping wait. {0}")]
    Stopped(Finding),
    /// The root key opens no epoch secret: it belongs to another installation, or the passphrase is wrong.
    #[error("the root key does not open this installation's epoch secrets")]
    WrongRoot,
    /// A place that keeps epoch secrets was not given.
    #[error(
        "epoch secrets of this installation are kept in {0} too: name that place with --second-epochs. If it is gone \
         for good, say --epochs-given-up once; what it still holds opens copies of the database until it is destroyed"
    )]
    OtherPlaces(String),
    /// The new root is the old one.
    #[error("{0} is the root already: name another key")]
    SameRoot(String),
    /// The root key file cannot be used.
    #[error("the root key file {path}: {problem}")]
    RootFile {
        /// Where it is.
        path: String,
        /// What is wrong with it and what to do.
        problem: String,
    },
    /// A root that is elsewhere cannot be asked, or refuses.
    #[error("the root {root}")]
    Root {
        /// Its address.
        root: String,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// A place that keeps epoch secrets cannot be read or written.
    #[error("the epoch place {place}")]
    Place {
        /// Its directory or address.
        place: String,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// A row, page or epoch does not open: it was altered or moved.
    #[error("a row of the key registry failed its authentication check")]
    Tampered(#[source] ValueError),
    /// A sealed part has an impossible shape.
    #[error("a row of the key registry has an impossible shape")]
    Shape,
    /// The lease on the revocation counter could not be renewed: nothing is opened until it is.
    #[error("the lease on the revocation counter ran out")]
    LeaseExpired,
    /// A restore was begun and is not done: nothing is opened until it is.
    #[error("the installation is closed, because a restore was begun and is not done: run it again")]
    Closed,
    /// The database refused.
    #[error("reading or writing the key registry")]
    Sql(#[from] SqlError),
}

impl From<ValueError> for KeyError {
    fn from(error: ValueError) -> Self {
        Self::Tampered(error)
    }
}
