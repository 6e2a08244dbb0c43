//! Denials of nobody known, and of what went on and no longer may: the first of a kind is an entry at once, those of the minute after it are counted and told in
//! one more. Anybody can be refused as often as they like; the log is not theirs to fill.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use clerestory_model::{OrganisationId, Timestamp};
use clerestory_sql::{Database, Lane};

use crate::{Audit, AuditError, NewEntry};

/// Denials of one kind are counted together for this long.
const WINDOW: Duration = Duration::from_secs(60);

/// What makes two denials alike.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Kind {
    organisation: OrganisationId,
    action: &'static str,
    rule: String,
    actor: [u8; 16],
    object: [u8; 16],
}

struct Window {
    began: Timestamp,
    /// How many came after the first.
    more: u64,
    /// The newest of them, as an entry.
    newest: NewEntry,
}

/// The denials of the last minute. In memory: a process that is killed loses the counts of a minute, not the entries.
#[derive(Clone, Default)]
pub(crate) struct Denials(Arc<Mutex<HashMap<Kind, Window>>>);

impl Denials {
    fn windows(&self) -> MutexGuard<'_, HashMap<Kind, Window>> {
        // The map is whole between calls: a panic elsewhere leaves nothing half done in it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a denial. The first of its kind begins a minute and is to be written; those that follow are counted.
    fn is_first(&self, entry: &NewEntry) -> bool {
        let mut windows = self.windows();
        match windows.get_mut(&kind(entry)) {
            // A minute that is over and not yet told goes on until it is.
            Some(window) if window.more > 0 || running(window, entry.at) => {
                window.more += 1;
                window.newest = entry.clone();
                false
            }
            _ => {
                windows.insert(kind(entry), Window { began: entry.at, more: 0, newest: entry.clone() });
                true
            }
        }
    }

    /// Takes the minutes that are over, or all of them.
    fn take(&self, at: Timestamp, all: bool) -> Vec<(Kind, Window)> {
        let over = |window: &Window| all || !running(window, at);
        self.windows().extract_if(|_, window| over(window)).collect()
    }

    /// Puts minutes back that could not be written.
    fn put_back(&self, taken: Vec<(Kind, Window)>) {
        let mut windows = self.windows();
        for (kind, window) in taken {
            match windows.get_mut(&kind) {
                // The first of the new minute was an entry; what was counted before is still to be told.
                Some(newer) => newer.more += window.more,
                None => drop(windows.insert(kind, window)),
            }
        }
    }
}

fn kind(entry: &NewEntry) -> Kind {
    Kind {
        organisation: entry.organisation,
        action: entry.action,
        rule: entry.rule.clone(),
        actor: entry.actor,
        object: entry.object.id,
    }
}

/// A clock that went back ends a minute early.
fn running(window: &Window, at: Timestamp) -> bool {
    at >= window.began && at.since(window.began) < WINDOW
}

/// The entry that tells of what was counted.
fn told(window: &Window) -> NewEntry {
    let mut entry = window.newest.clone();
    entry.rule = format!("{}; {} more since {}", entry.rule, window.more, window.began);
    entry
}

impl Audit {
    /// Records a denial that can come as often as its caller likes: an entry where it is the first of its kind for a minute, else a count that
    /// [`Self::write_denials`] tells.
    ///
    /// # Errors
    /// [`AuditError`]: then the denial is not on record, and nothing was released by it.
    pub async fn deny(&self, database: &Database, lane: Lane, entry: NewEntry) -> Result<(), AuditError> {
        if !self.denials.is_first(&entry) {
            return Ok(());
        }
        let kind = kind(&entry);
        let mut written = self.write_one(database, lane, entry.clone()).await;
        if written.as_ref().is_err_and(|error| self.makes_room(error)) {
            written = self.write_one(database, lane, entry).await;
        }
        if written.is_err() {
            // The next one is the first again.
            self.denials.windows().remove(&kind);
        }
        written
    }

    async fn write_one(&self, database: &Database, lane: Lane, entry: NewEntry) -> Result<(), AuditError> {
        let audit = self.clone();
        database.write(lane, move |tx| Box::pin(async move { audit.append(tx, entry).await.map(drop) })).await
    }

    /// Writes one entry for each kind of denial that was counted and whose minute is over; for each at all where the
    /// process ends.
    ///
    /// # Errors
    /// [`AuditError`]: the counts are kept for the next time.
    pub async fn write_denials(
        &self,
        database: &Database,
        at: Timestamp,
        ending: bool,
    ) -> Result<u64, AuditError> {
        let taken = self.denials.take(at, ending);
        let mut entries: Vec<NewEntry> =
            taken.iter().filter(|(_, window)| window.more > 0).map(|(_, window)| told(window)).collect();
        // Each holds the head of its organisation's log until the commit: everybody takes several in one order.
        entries.sort_by_key(|entry| entry.organisation);
        if entries.is_empty() {
            return Ok(0);
        }
        let (audit, count) = (self.clone(), entries.len() as u64);
        let written: Result<(), AuditError> = database
            .write(Lane::Maintenance, move |tx| {
                Box::pin(async move {
                    for entry in entries {
                        audit.append(tx, entry).await?;
                    }
                    Ok(())
                })
            })
            .await;
        if let Err(error) = written {
            self.denials.put_back(taken);
            return Err(error);
        }
        Ok(count)
    }
}
