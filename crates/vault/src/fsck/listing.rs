//! Everything that lies in the store, whatever it is called.

use std::path::Path;

use clerestory_model::{OrganisationId, RecordingId, Timestamp, TrackId};

use crate::log::LARGEST_FILE;
use crate::log::entry::LARGEST_ENTRY;
use crate::{Listed, Objects, PartName, StoreError};

/// What lies beside the objects of recordings and is looked after by others.
const ELSEWHERE: [&str; 4] = ["tombstones/", "instances/", "probe/", "clerestory-store.json"];
/// Where objects of recordings lie.
const OURS: [&str; 3] = ["log/", "parts/", "segments/"];

/// An object that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) object: String,
    pub(super) bytes: u64,
    /// When it was last written, by the store's clock.
    pub(super) modified: Timestamp,
    pub(super) kind: Kind,
}

impl Found {
    /// Whether it is larger than any object with entries of the log that is written: it is not read then.
    pub(super) fn is_too_large(&self) -> bool {
        match self.kind {
            Kind::Log => self.bytes > LARGEST_FILE,
            Kind::Single(..) => self.bytes > LARGEST_ENTRY,
            _ => false,
        }
    }

    pub(super) fn listed(&self) -> Listed {
        Listed { object: self.object.clone(), bytes: self.bytes }
    }
}

/// What its name says an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A part.
    Part(PartName),
    /// A file or object of the ingest log.
    Log,
    /// A segment of its own.
    Single(OrganisationId, RecordingId, TrackId),
    /// What a write that was cut off left: the local store writes beside an object and moves it into place.
    LeftOver,
    /// A directory that cannot be read and in which nothing of ours can lie.
    Closed,
    /// Looked after by others.
    Elsewhere,
    /// None of ours.
    Strange,
}

impl Kind {
    pub(super) fn of(object: &str) -> Self {
        if ELSEWHERE.iter().any(|name| object.starts_with(name)) {
            return Self::Elsewhere;
        }
        if let Ok(name) = object.parse() {
            return Self::Part(name);
        }
        if is_log(object) {
            return Self::Log;
        }
        if let Some(kind) = single(object) {
            return kind;
        }
        let left = object.rsplit_once('#').is_some_and(|(name, number)| {
            number.parse::<u32>().is_ok() && Self::of(name) != Self::Strange && !name.contains('#')
        });
        if left { Self::LeftOver } else { Self::Strange }
    }
}

fn hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

fn decimal(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// `log/<12 hex>-<8 hex>/<8 digits>.log`
fn is_log(object: &str) -> bool {
    let steps: Vec<&str> = object.split('/').collect();
    let [prefix, run, file] = steps.as_slice() else { return false };
    let run = run.split_once('-').is_some_and(|(at, random)| hex(at, 12) && hex(random, 8));
    *prefix == "log" && run && file.strip_suffix(".log").is_some_and(|number| decimal(number, 8))
}

/// `segments/<organisation>/<recording>/<track>/<10 digits>-<16 hex>`
fn single(object: &str) -> Option<Kind> {
    let steps: Vec<&str> = object.split('/').collect();
    let [prefix, organisation, recording, track, name] = steps.as_slice() else { return None };
    let (number, random) = name.split_once('-')?;
    let (organisation, recording, track) =
        (organisation.parse().ok()?, recording.parse().ok()?, track.parse().ok()?);
    let same = format!("segments/{organisation}/{recording}/{track}/{name}") == object;
    (*prefix == "segments" && same && decimal(number, 10) && hex(random, 16)).then_some(Kind::Single(
        organisation,
        recording,
        track,
    ))
}

impl Objects {
    /// Everything there is, in the order of names. Names that no object of a bucket could have are told as they can be
    /// shown.
    pub(super) async fn everything(&self) -> Result<Vec<Found>, StoreError> {
        let mut all = match self.directory() {
            Some(root) => {
                let root = root.to_owned();
                let walked = tokio::task::spawn_blocking(move || {
                    let mut all = Vec::new();
                    walk(&root, "", &mut all).map(|()| all)
                });
                let walked = walked.await.map_err(|_| StoreError::Closed)?;
                walked.map_err(|error| StoreError::Log(error.to_string()))?
            }
            None => self.listed().await?,
        };
        all.sort_unstable_by(|a, b| a.object.cmp(&b.object));
        Ok(all)
    }

    async fn listed(&self) -> Result<Vec<Found>, StoreError> {
        let found = self.list_all().await?;
        let found = found.into_iter().map(|(object, bytes, modified)| {
            let kind = match Kind::of(&object) {
                Kind::LeftOver => Kind::Strange,
                kind => kind,
            };
            Found { object, bytes, modified, kind }
        });
        Ok(found.collect())
    }
}

fn walk(directory: &Path, above: &str, all: &mut Vec<Found>) -> std::io::Result<()> {
    let entries = match std::fs::read_dir(directory) {
        Ok(entries) => entries,
        // Removed since it was listed, as a run that is over is.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !above.is_empty() => return Ok(()),
        Err(error) => return closed(above, error).map(|found| all.push(found)),
    };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let object = format!("{above}{}", name.to_string_lossy());
        let found = match entry.metadata() {
            Ok(found) => found,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        if found.is_dir() {
            walk(&entry.path(), &format!("{object}/"), all)?;
            continue;
        }
        // Links are not followed, and a name that is no text is none of ours.
        let plain = found.is_file() && name.to_str().is_some();
        let kind = if plain { Kind::of(&object) } else { Kind::Strange };
        let since = found.modified().ok().and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
        let modified = Timestamp::from_micros(0).plus(since.unwrap_or_default());
        all.push(Found { object, bytes: found.len(), modified, kind });
    }
    Ok(())
}

/// A directory that cannot be read, such as `lost+found`. Where objects lie nothing may be passed over, nor where others
/// keep what they rely on.
fn closed(above: &str, error: std::io::Error) -> std::io::Result<Found> {
    let apart = !above.is_empty() && !OURS.iter().chain(&ELSEWHERE).any(|name| above.starts_with(name));
    if !apart || error.kind() != std::io::ErrorKind::PermissionDenied {
        return Err(error);
    }
    let object = above.trim_end_matches('/').to_owned();
    Ok(Found { object, bytes: 0, modified: Timestamp::from_micros(0), kind: Kind::Closed })
}

/// Whether the name is one below which only objects of recordings lie.
pub(super) fn is_ours(object: &str) -> bool {
    OURS.iter().any(|prefix| object.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_of_others_that_cannot_be_read_is_told_and_ends_nothing() {
        let denied = || std::io::Error::from(std::io::ErrorKind::PermissionDenied);
        let found = closed("lost+found/", denied()).expect("it is told");
        assert_eq!((found.object.as_str(), found.kind), ("lost+found", Kind::Closed));
        for ours in ["", "parts/", "log/0123456789ab-01234567/", "tombstones/"] {
            assert!(closed(ours, denied()).is_err(), "{ours}");
        }
        assert!(closed("lost+found/", std::io::Error::other("a disk that fails")).is_err());
    }

    #[test]
    fn names_are_told_apart() {
        let ids =
            [OrganisationId::from_bytes([1; 16]).to_string(), RecordingId::from_bytes([2; 16]).to_string()];
        let track = TrackId::from_bytes([3; 16]).to_string();
        let below = format!("{}/{}/{track}", ids[0], ids[1]);
        let part = format!("parts/{below}/000000-000001");
        let single = format!("segments/{below}/0000000007-0123456789abcdef");
        assert!(matches!(Kind::of(&part), Kind::Part(_)));
        assert!(matches!(Kind::of(&single), Kind::Single(..)));
        assert_eq!(Kind::of("log/0123456789ab-01234567/00000000.log"), Kind::Log);
        assert_eq!(Kind::of(&format!("{part}#1")), Kind::LeftOver);
        for strange in [
            "log/0123456789ab-01234567/0.log".to_owned(),
            "log/0123456789AB-01234567/00000000.log".to_owned(),
            "log/../segments".to_owned(),
            format!("{part}#1#2"),
            format!("{part}/"),
            "parts/%2e%2e/ü".to_owned(),
            "lost+found/x".to_owned(),
            single.replace("segments", "segment"),
        ] {
            assert_eq!(Kind::of(&strange), Kind::Strange, "{strange}");
        }
    }
}
