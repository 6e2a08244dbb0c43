//! The ledger: every entry of every organisation as a leaf of one tree for the whole deployment, in the form of a
//! C2SP `tlog-tiles` log whose checkpoints are signed.
//!
//! The chains show that an entry was edited; they do not show that a whole chain was written anew. The ledger does, to
//! whoever kept a checkpoint: its root names every leaf there was. A leaf is a salted commitment of an entry
//! ([`commitment`]), so the tree tells nothing of what it holds, also after entries are gone.
//!
//! Leaves, tiles and checkpoint come about in one transaction ([`Ledger::integrate`]) that compares the size of the
//! tree and a fence, so an integrator that slept cannot fork the log. Everything else derives from committed rows.

mod integrate;
mod note;
mod read;
mod tiles;
mod tree;
mod verify;

use std::sync::Arc;

use clerestory_keys::{KeyError, Keys};
use clerestory_model::OrganisationId;
use clerestory_sql::SqlError;

pub use integrate::Step;
pub use note::{Checkpoint, NoteError, SignedCheckpoint, origin, verifier_key};
pub use read::{Inclusion, Proofs};
pub use tiles::{Resource, UnknownPath};
pub use tree::{
    Growing, Hash, Node, Span, consistency_spans, empty_root, fold, inclusion_spans, leaf_hash, node_hash,
    verify_consistency, verify_inclusion,
};
pub use verify::{Finding, Report, Saved, SavedTiles};

/// The ledger of one deployment.
#[derive(Clone)]
pub struct Ledger {
    keys: Arc<Keys>,
}

/// A failure of the ledger. Entries are as durable as before; they are not yet, or not any more, provable.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// Its rows could not be read or written.
    #[error("the ledger cannot be written or read")]
    Sql(#[from] SqlError),
    /// The key that signs checkpoints could not be had.
    #[error("the ledger's key cannot be had")]
    Key(#[from] KeyError),
    /// An organisation's log lacks an entry that its head promises.
    #[error(
        "entry {number} of {organisation} is missing: the ledger does not go on over it. Run `clerestory verify`"
    )]
    Hole {
        /// Whose log.
        organisation: OrganisationId,
        /// The entry that is not there.
        number: u64,
    },
    /// The stored tiles are not those of the stored size.
    #[error(
        "tile {tile} of level {level} does not belong to a tree of {size} leaves. Run `clerestory verify ledger`"
    )]
    Tiles {
        /// The level of the tile.
        level: u32,
        /// Its number.
        tile: u64,
        /// The size the ledger says it has.
        size: u64,
    },
}

impl Ledger {
    pub(crate) fn new(keys: Arc<Keys>) -> Self {
        Self { keys }
    }

    /// The name of this deployment's log, the first line of its checkpoints.
    #[must_use]
    pub fn origin(&self) -> String {
        origin(self.keys.deployment())
    }
}

/// What a leaf holds: SHA-256 of `clerestory audit leaf 1` ‖ the entry's salt ‖ the entry's hash.
///
/// The hash alone would do as a commitment, but it is shown to whoever reads the log; the salt is given out only with a
/// proof, and is gone with the entry.
#[must_use]
pub fn commitment(salt: &[u8; 16], hash: &[u8; 32]) -> [u8; 32] {
    let mut bytes = b"clerestory audit leaf 1".to_vec();
    bytes.extend_from_slice(salt);
    bytes.extend_from_slice(hash);
    clerestory_seal::sha256(&bytes)
}
