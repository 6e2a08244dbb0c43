//! Reading and writing lists.

use crate::{Disk, Entry, Process};

/// Entries of a list at most.
pub const MOST_ENTRIES: usize = 4000;
/// Bytes of a list at most, as JSON.
pub const LIST_BYTES: usize = 1024 * 1024;
/// Characters of a name, a title, or what somebody says, at most.
const TEXT_CHARS: usize = 200;
/// No entry tells of more than a day.
const LONGEST_MS: i64 = 24 * 3_600_000;
/// Nobody types faster than this for long; a list that says so is no list of what somebody did.
const MOST_A_SECOND: i64 = 200;
/// Times lie between 2001 and the year 10000.
const TIMES_MS: std::ops::Range<i64> = 1_000_000_000_000..253_402_300_800_000;
/// Hours that clocks are ahead of UTC or behind it.
const ZONES_S: std::ops::RangeInclusive<i32> = -18 * 3600..=18 * 3600;

/// Why a list is not taken. `at` is the number of the entry, from 0.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It is longer than a list may be.
    #[error("the list is longer than {LIST_BYTES} bytes")]
    TooLong,
    /// It is no list of entries.
    #[error("this is no list of activity: {0}")]
    Json(String),
    /// It has more entries than a list may have.
    #[error("the list has more than {MOST_ENTRIES} entries")]
    TooMany,
    /// An entry says what cannot be.
    #[error("entry {at}: {reason}")]
    Entry {
        /// Which.
        at: usize,
        /// What cannot be.
        reason: &'static str,
    },
}

/// Reads a list.
///
/// # Errors
/// [`Fault`]: nothing of it counts then.
pub fn read(json: &[u8]) -> Result<Vec<Entry>, Fault> {
    if json.len() > LIST_BYTES {
        return Err(Fault::TooLong);
    }
    let list: Vec<Entry> = serde_json::from_slice(json).map_err(|error| Fault::Json(error.to_string()))?;
    if list.len() > MOST_ENTRIES {
        return Err(Fault::TooMany);
    }
    let mut before = i64::MIN;
    for (at, entry) in list.iter().enumerate() {
        if let Some(reason) = fault(entry, before) {
            return Err(Fault::Entry { at, reason });
        }
        before = entry.at().from;
    }
    Ok(list)
}

/// Writes a list. The same list is the same bytes.
///
/// # Errors
/// [`Fault::Json`] where there is no memory.
pub fn write(list: &[Entry]) -> Result<Vec<u8>, Fault> {
    serde_json::to_vec(list).map_err(|error| Fault::Json(error.to_string()))
}

fn fault(entry: &Entry, before: i64) -> Option<&'static str> {
    let at = entry.at();
    if !TIMES_MS.contains(&at.from) || !TIMES_MS.contains(&at.to) {
        return Some("a time lies outside of all that can be");
    }
    if at.from < before {
        return Some("it begins before the entry in front of it");
    }
    if at.to < at.from || at.length_ms() > LONGEST_MS {
        return Some("it ends before it begins, or lasts longer than a day");
    }
    let is_moment = matches!(entry, Entry::Machine { .. } | Entry::Shot { .. });
    if is_moment != (at.length_ms() == 0) && !matches!(entry, Entry::Gap { .. }) {
        return Some(if is_moment { "a moment has no length" } else { "it lasts no time" });
    }
    match entry {
        Entry::Input { count, .. } => {
            let most = at.length_ms() / 1000 * MOST_A_SECOND + MOST_A_SECOND;
            let sums = [count.keys, count.clicks, count.scrolls];
            sums.iter().any(|sum| i64::from(*sum) > most).then_some("nobody is so fast")
        }
        Entry::Application { of, .. } => {
            let title = of.title.as_deref().unwrap_or("a title");
            (!is_text(&of.name) || !is_text(title)).then_some("a name is empty, too long, or no text")
        }
        Entry::Processes { list, .. } => (list.len() > Process::MOST
            || list.iter().any(|process| !is_text(&process.name)))
        .then_some("too many programs, or one without a name"),
        Entry::Load { of, .. } => (of.disks.len() > Disk::MOST || !of.disks.iter().all(is_disk))
            .then_some("too many volumes, or one that is none"),
        Entry::Machine { is, .. } => {
            let texts = [&is.name, &is.system, &is.kernel, &is.processor];
            (!texts.into_iter().all(|text| is_text(text)) || !ZONES_S.contains(&is.zone) || is.cores == 0)
                .then_some("a machine is told of as none can be")
        }
        Entry::Gap { said, .. } => said
            .as_deref()
            .is_some_and(|said| !is_text(said))
            .then_some("what was said is empty, too long, or no text"),
        Entry::Idle { .. } | Entry::Shot { .. } => None,
    }
}

fn is_disk(disk: &Disk) -> bool {
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    disk.id.len() == 8 && disk.id.bytes().all(is_digit) && disk.free <= disk.total
}

/// 1 to [`TEXT_CHARS`] characters, none of which moves a cursor.
fn is_text(text: &str) -> bool {
    let count = text.chars().take(TEXT_CHARS + 1).count();
    (1..=TEXT_CHARS).contains(&count) && !text.chars().any(char::is_control)
}
