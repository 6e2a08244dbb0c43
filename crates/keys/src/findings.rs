//! What the registry has to say to people: sentences for the health page and for alarms.

use std::fmt;

use clerestory_model::Timestamp;

use crate::EpochNumber;

/// Something an administrator should know. It stands until the next roll-over finds it gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// The clock jumped: by more than an hour, or by more than five minutes between two turns of the sweeper. Nothing is rolled over or swept until somebody confirms the time.
    ClockJumped {
        /// What the time should have been, by what had passed or by what was seen last.
        from: Timestamp,
        /// What it was.
        to: Timestamp,
    },
    /// This process started with a clock that is some time ahead of what was known: it sweeps nothing until other nodes have
    /// had the time to object.
    JustStarted {
        /// The newest time that was known then.
        seen: Timestamp,
        /// What its clock said.
        now: Timestamp,
    },
    /// A place that keeps epoch secrets fails. No new epoch begins and none is destroyed until it answers.
    PlaceFailed {
        /// The place.
        place: String,
        /// What it answered.
        problem: String,
    },
    /// The root cannot be asked. What is in memory goes on; no epoch begins and none is destroyed until it answers.
    RootFailed {
        /// Its address.
        root: String,
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

impl Finding {
    /// What is so.
    #[must_use]
    pub fn sentence(&self) -> String {
        match self {
            Self::ClockJumped { from, to } => format!(
                "The clock said {to} where {from} was expected: no epoch begins and nothing is destroyed until \
                 somebody confirms the time."
            ),
            Self::JustStarted { seen, now } => format!(
                "This server started at {now} by its clock, and nothing was known after {seen}: it sweeps nothing for a \
                 quarter of an hour, in which other nodes would object to a clock that is ahead."
            ),
            Self::PlaceFailed { place, problem } => {
                format!("The epoch place {place} fails ({problem}): no epoch begins and none is destroyed.")
            }
            Self::RootFailed { root, problem } => format!(
                "The root {root} does not answer as it should ({problem}): no epoch begins and none is destroyed, and \
                 a server that is restarted now does not start."
            ),
            Self::BackupNeeds { epoch } => format!(
                "Epoch {epoch} is due to be destroyed, but the newest good backup still needs it: what was erased \
                 stays readable in older copies until then."
            ),
            Self::PageNeeds { epoch } => format!(
                "Epoch {epoch} is due to be destroyed, but a key page is still sealed under it, so that it is kept."
            ),
            Self::PageDoesNotOpen { page, epoch, problem } => format!(
                "Key page {page} of epoch {epoch} does not open ({problem}): what its keys seal cannot be read."
            ),
        }
    }

    /// What an administrator does next.
    #[must_use]
    pub fn what_to_do(&self) -> &'static str {
        match self {
            Self::ClockJumped { .. } => {
                "Set the clock of every node right, then run `clerestory admin confirm-time`."
            }
            Self::JustStarted { .. } => "Nothing, if the clock is right: the sweep goes on by itself.",
            Self::PlaceFailed { .. } => "Bring the place back; the server goes on by itself.",
            Self::RootFailed { .. } => "Bring the root back; the server goes on by itself.",
            Self::BackupNeeds { .. } => "Make a backup and check that it is good.",
            Self::PageNeeds { .. } => {
                "Nothing, if it is gone within the hour; else look for a page that does not open."
            }
            Self::PageDoesNotOpen { .. } => "Restore the database, or the epoch in its places, from a copy.",
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence())
    }
}
