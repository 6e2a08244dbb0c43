//! One thing that is wrong, as people and programs read it.

use std::fmt;

use clerestory_model::{OrganisationId, RecordingId, TrackId};
use serde::Serialize;

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// Rows name an object, and it is not there.
    Missing,
    /// The object is shorter than the rows say.
    Truncated,
    /// The rows name a segment beyond the end of a file of the ingest log.
    BeyondEnd,
    /// The bytes are not those that were stored.
    Altered,
    /// The store has the object and does not give its bytes.
    Unreadable,
    /// No row names it, and it holds segments that no row knows, or whose rows name bytes that are gone:
    /// `fsck --rebuild` brings them back.
    Unlisted,
    /// No row names it, the registry has not its key, and nothing says that it was erased.
    UnknownKey,
    /// No row names it, and it does not open: what would be lost with it is not known.
    Unopenable,
    /// What it holds was erased, or its rows were taken away, and it is still there.
    Erased,
    /// Nobody names it, and nothing would be lost with it.
    Orphaned,
    /// What a write that was cut off left behind.
    LeftOver,
    /// An intent whose time is over: its writer is gone.
    StaleIntent,
    /// It has a name that Clerestory gives to nothing. It is left alone.
    Strange,
}

impl Fault {
    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Truncated => "truncated",
            Self::BeyondEnd => "beyond_end",
            Self::Altered => "altered",
            Self::Unreadable => "unreadable",
            Self::Unlisted => "unlisted",
            Self::UnknownKey => "unknown_key",
            Self::Unopenable => "unopenable",
            Self::Erased => "erased",
            Self::Orphaned => "orphaned",
            Self::LeftOver => "left_over",
            Self::StaleIntent => "stale_intent",
            Self::Strange => "strange",
        }
    }

    /// Whether segments that rows know cannot be played because of it.
    #[must_use]
    pub const fn is_damage(self) -> bool {
        matches!(self, Self::Missing | Self::Truncated | Self::BeyondEnd | Self::Altered | Self::Unreadable)
    }

    /// Whether every repair leaves the object alone: it holds what no row knows, nobody can say what it holds, or it is
    /// none of ours.
    #[must_use]
    pub const fn is_left_alone(self) -> bool {
        matches!(self, Self::Unlisted | Self::UnknownKey | Self::Unopenable | Self::Strange)
    }

    const fn sentence(self) -> &'static str {
        match self {
            Self::Missing => "the object is not there",
            Self::Truncated => "the object is cut short",
            Self::BeyondEnd => "the rows name bytes beyond the end of the log",
            Self::Altered => "the bytes are not those that were stored",
            Self::Unreadable => "the store has the object and does not give its bytes",
            Self::Unlisted => {
                "no row names it, and it holds segments that nothing else has; fsck --rebuild brings them back"
            }
            Self::UnknownKey => {
                "no row names it, its key is not in the registry, and nothing says that it was erased; it is left alone"
            }
            Self::Unopenable => "no row names it, and it does not open; it is left alone",
            Self::Erased => "what it holds was erased, and it is still there",
            Self::Orphaned => "nobody names it",
            Self::LeftOver => "a write that was cut off left it behind",
            Self::StaleIntent => "an intent names it whose time is over",
            Self::Strange => "it has a name that Clerestory gives to nothing; it is left alone",
        }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What.
    pub fault: Fault,
    /// The object.
    pub object: String,
    /// Whose it is, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organisation: Option<OrganisationId>,
    /// The recording it is part of, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recording: Option<RecordingId>,
    /// The track.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub track: Option<TrackId>,
    /// The numbers of the segments.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub segments: Vec<u64>,
    /// What exactly, where there is more to say.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// Whether its rows were taken away, so that it would be removed without a repair.
    #[serde(skip)]
    pub(super) spent: bool,
}

impl Finding {
    pub(super) fn of(fault: Fault, object: &str) -> Self {
        Self {
            fault,
            object: object.to_owned(),
            organisation: None,
            recording: None,
            track: None,
            segments: Vec::new(),
            detail: String::new(),
            spent: false,
        }
    }

    pub(super) fn saying(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.fault.word(), self.object.escape_debug())?;
        if let Some(recording) = self.recording {
            write!(f, ", recording {recording}")?;
        }
        if let Some(track) = self.track {
            write!(f, ", track {track}")?;
        }
        if !self.segments.is_empty() {
            write!(f, ", {}", numbers(&self.segments))?;
        }
        write!(f, ": {}", self.fault.sentence())?;
        if !self.detail.is_empty() {
            write!(f, " ({})", self.detail)?;
        }
        Ok(())
    }
}

/// Numbers in order as people write them: `segments 1, 3 to 7`.
pub(super) fn numbers(numbers: &[u64]) -> String {
    let mut runs: Vec<(u64, u64)> = Vec::new();
    for number in numbers {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == *number => *last = *number,
            _ => runs.push((*number, *number)),
        }
    }
    let told: Vec<String> = runs
        .iter()
        .map(|(first, last)| if first == last { first.to_string() } else { format!("{first} to {last}") })
        .collect();
    let word = if numbers.len() == 1 { "segment" } else { "segments" };
    format!("{word} {}", told.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_told_as_runs() {
        assert_eq!(numbers(&[4]), "segment 4");
        assert_eq!(numbers(&[0, 1, 2, 7, 9, 10]), "segments 0 to 2, 7, 9 to 10");
    }

    #[test]
    fn a_name_from_outside_writes_no_line_of_its_own() {
        let finding = Finding::of(Fault::Strange, "log/\n\u{1b}[31mok");
        assert!(!finding.to_string().contains(['\n', '\u{1b}']), "{finding}");
    }
}
