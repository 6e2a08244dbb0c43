//! What the registry has to say to people: sentences for the health page and for alarms.

use std::fmt;

use clerestory_model::Timestamp;

use crate::EpochNumber;

/// Something an administrator should know. It stands until the next roll-over finds it gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// The clock jumped by more than an hour. Nothing is rolled over or swept until somebody confirms the time.
    ClockJumped {
        /// What the time should have been, by what had passed or by what was seen last.
        from: Timestamp,
        /// What it was.
        to: Timestamp,
    },
    /// A place that keeps epoch secrets fails. No new epoch begins and none is destroyed until it answers.
    PlaceFailed {
        /// The place.
        place: String,
        /// What it answered.
        problem: String,
    },
    /// An epoch is old enough to be destroyed, and the newest good backup still needs it.
    BackupNeeds {
        /// The epoch.
        epoch: EpochNumber,
    },
    /// An epoch is old enough to be destroyed, and a key page is still sealed under it.
    PageNeeds {
        /// The epoch.
        epoch: EpochNumber,
    },
    /// A key page does not open. What it holds cannot be read.
    PageDoesNotOpen {
        /// The page, in hex.
        page: String,
        /// The epoch it names.
        epoch: EpochNumber,
        /// Why.
        problem: String,
    },
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ClockJumped { from, to } => write!(
                f,
                "the clock said {to} where {from} was expected. Set the clock right, then confirm the time: \
                 until then no epoch begins and nothing is destroyed"
            ),
            Self::PlaceFailed { place, problem } => write!(
                f,
                "the epoch place {place} fails ({problem}). Bring it back: \
                 until then no epoch begins and none is destroyed"
            ),
            Self::BackupNeeds { epoch } => write!(
                f,
                "epoch {epoch} is due to be destroyed, but the newest good backup still needs it. Make a backup: \
                 until then what was erased stays readable in older copies"
            ),
            Self::PageNeeds { epoch } => write!(
                f,
                "epoch {epoch} is due to be destroyed, but a key page is still sealed under it: \
                 it is kept until the page was sealed anew"
            ),
            Self::PageDoesNotOpen { page, epoch, problem } => write!(
                f,
                "key page {page} of epoch {epoch} does not open ({problem}): \
                 what its keys seal cannot be read until it is restored"
            ),
        }
    }
}
