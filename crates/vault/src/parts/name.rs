//! The name of a part's object: whose it is, and which attempt wrote it.

use std::fmt;
use std::str::FromStr;

use clerestory_model::{OrganisationId, RecordingId, TrackId};

/// Which part of which track, and which attempt at writing it: `parts/<organisation>/<recording>/<track>/<part>-<fence>`.
///
/// Of two objects for the same part the one with the higher fence is newer; a number is never used again for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartName {
    /// Whose it is.
    pub organisation: OrganisationId,
    /// The recording it is part of.
    pub recording: RecordingId,
    /// The track it is part of.
    pub track: TrackId,
    /// Its number in the track, from 0.
    pub part: u32,
    /// The track's fence when it was written.
    pub fence: u32,
}

/// The name is not one of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the name is not one of a track's part")]
pub struct NoPart;

impl PartName {
    /// What stands before the names of all parts.
    pub const PREFIX: &'static str = "parts";
    /// Numbers of parts and fences are below this: whatever a name from outside says, there is a next one.
    const NUMBERS: u32 = 1 << 31;

    /// What the manifest's seal is bound to in the place of a sequence number.
    pub(super) fn sequence(&self) -> u64 {
        u64::from(self.part) << 32 | u64::from(self.fence)
    }
}

impl fmt::Display for PartName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { organisation, recording, track, part, fence } = self;
        write!(f, "{}/{organisation}/{recording}/{track}/{part:06}-{fence:06}", Self::PREFIX)
    }
}

impl FromStr for PartName {
    type Err = NoPart;
    fn from_str(text: &str) -> Result<Self, NoPart> {
        let mut steps = text.split('/');
        let mut step = || steps.next().ok_or(NoPart);
        let (prefix, organisation, recording, track, numbers) = (step()?, step()?, step()?, step()?, step()?);
        let (part, fence) = numbers.split_once('-').ok_or(NoPart)?;
        let name = Self {
            organisation: organisation.parse().map_err(|_| NoPart)?,
            recording: recording.parse().map_err(|_| NoPart)?,
            track: track.parse().map_err(|_| NoPart)?,
            part: part.parse().map_err(|_| NoPart)?,
            fence: fence.parse().map_err(|_| NoPart)?,
        };
        // One name for each: `+1`, fewer zeros or more steps are no names of ours.
        let ours = prefix == Self::PREFIX && name.part < Self::NUMBERS && name.fence < Self::NUMBERS;
        if ours && name.to_string() == text { Ok(name) } else { Err(NoPart) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_back() {
        let name = PartName {
            organisation: OrganisationId::from_bytes([1; 16]),
            recording: RecordingId::from_bytes([2; 16]),
            track: TrackId::from_bytes([3; 16]),
            part: 4,
            fence: 1_234_567,
        };
        let text = name.to_string();
        assert_eq!(text.parse(), Ok(name));
        for wrong in [
            text.replace("000004", "4"),
            text.replace("parts", "part"),
            format!("{text}/x"),
            text.replace("1234567", "4294967295"),
            text.replace("000004", "2147483648"),
            text[..20].to_owned(),
        ] {
            assert_eq!(wrong.parse::<PartName>(), Err(NoPart), "{wrong}");
        }
    }
}
