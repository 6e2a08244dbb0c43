//! What a verifier says: what it looked at, and what of it still stands.

use clerestory_model::{ErasureId, KeyId, OrganisationId};
use serde::{Deserialize, Serialize};

/// Things that still stand which are named one by one; there may be as many as an organisation has segments.
const NAMED: usize = 1000;

/// What a verifier saw of one erasure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// The erasure.
    pub erasure: ErasureId,
    /// Whose it was.
    pub organisation: OrganisationId,
    /// What kind of thing was erased, as receipts call it.
    pub kind: String,
    /// How far the erasure was when it was looked at.
    pub state: String,
    /// The keys that have to be gone.
    pub keys: Vec<KeyId>,
    /// How many tracks they sealed.
    pub tracks: u64,
    /// How many objects held something of it.
    pub objects: u64,
    /// Everything that was looked at, in its order.
    pub looked_at: Vec<Looked>,
    /// What there is and this process cannot see.
    pub not_looked_at: Vec<String>,
    /// What still stands, the first thousand of it.
    pub left: Vec<Left>,
    /// How much more still stands.
    pub left_beside: u64,
}

/// One kind of thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Looked {
    /// What.
    pub what: String,
    /// How many.
    pub count: u64,
}

/// Something that still stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Left {
    /// Where.
    pub place: Place,
    /// What, for people. Of a file of the ingest log this is its name.
    pub what: String,
}

/// Where something of an erasure can still be, or what has to speak for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// The erasure's own row.
    Erasure,
    /// The key registry.
    Keys,
    /// Rows of recordings, tracks, segments and parts.
    Rows,
    /// What derives from recordings.
    Derived,
    /// Rows of an account.
    Account,
    /// Objects of tracks.
    Objects,
    /// Files of the ingest log: they hold what is of others too, and go by themselves.
    Log,
    /// Tombstones.
    Tombstones,
    /// The audit log.
    Entry,
    /// The receipt.
    Receipt,
}

impl Place {
    /// Its name, which stays.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Erasure => "erasure",
            Self::Keys => "keys",
            Self::Rows => "rows",
            Self::Derived => "derived",
            Self::Account => "account",
            Self::Objects => "objects",
            Self::Log => "log",
            Self::Tombstones => "tombstones",
            Self::Entry => "entry",
            Self::Receipt => "receipt",
        }
    }

    /// Whether it speaks for an erasure instead of being what is erased: what is wrong there stays wrong when everything
    /// is destroyed once more.
    pub(crate) const fn is_testimony(self) -> bool {
        matches!(self, Self::Erasure | Self::Entry | Self::Receipt)
    }
}

impl Report {
    /// Whether nothing of it stands any more.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.left.is_empty() && self.left_beside == 0
    }

    /// The first things that still stand, in one sentence.
    #[must_use]
    pub fn in_short(&self) -> String {
        let first: Vec<&str> = self.left.iter().take(3).map(|left| left.what.as_str()).collect();
        let beside = (self.left.len() - first.len()) as u64 + self.left_beside;
        let first = first.join("; ");
        if beside == 0 { first } else { format!("{first}; and {beside} more") }
    }
}

/// A report that is being written.
#[derive(Debug, Default)]
pub(super) struct Notes {
    pub(super) looked_at: Vec<Looked>,
    pub(super) not_looked_at: Vec<String>,
    pub(super) left: Vec<Left>,
    pub(super) left_beside: u64,
}

impl Notes {
    pub(super) fn looked(&mut self, what: &str, count: u64) {
        self.looked_at.push(Looked { what: what.to_owned(), count });
    }

    pub(super) fn left(&mut self, place: Place, what: String) {
        if self.left.len() < NAMED {
            self.left.push(Left { place, what });
        } else {
            self.left_beside += 1;
        }
    }
}
