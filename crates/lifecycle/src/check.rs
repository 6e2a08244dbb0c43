//! The check after an erasure: by a process that can only read and has no key, and here of what no other process sees.

use std::collections::BTreeMap;
use std::time::Duration;

use clerestory_keys::presence;
use clerestory_model::{ErasureId, KeyId, RecordingId, Timestamp};
use clerestory_sql::Lane;

use crate::rows;
use crate::shred::erased;
use crate::tombstones::tombstones_of;
use crate::verify::Place;
use crate::work::{TRIED_AGAIN, chain};
use crate::{EraseError, Erasure, Lifecycle, Step};

/// How long an erasure waits in which something was found, or that could not be looked at: a process for each of them
/// every second would be no better. Each time in a row it waits twice as long as the time before, until it is an hour.
const PAUSE: Duration = Duration::from_secs(60);
const LONGEST_PAUSE: Duration = Duration::from_secs(60 * 60);

/// What the check saw, for the receipt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) keys: Vec<KeyId>,
    pub(crate) tracks: u64,
    pub(crate) objects: u64,
}

/// An erasure whose check did not end well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unverified {
    /// The erasure.
    pub erasure: ErasureId,
    /// What still stood, or why it is not known.
    pub why: String,
    /// Something of it still stood; otherwise it could not be looked at.
    pub is_left: bool,
    /// It is not looked at again before.
    pub(crate) not_before: Timestamp,
    /// How long it waits for that.
    pause: Duration,
}

impl Unverified {
    /// What did not end well now, having ended this way the time before.
    fn after(
        before: Option<&Self>,
        erasure: ErasureId,
        (why, is_left): (String, bool),
        now: Timestamp,
    ) -> Self {
        let pause = before.map_or(PAUSE, |before| LONGEST_PAUSE.min(2 * before.pause));
        Self { erasure, why, is_left, not_before: now.plus(pause), pause }
    }

    /// What those are told whose erasure it is: what names places of the installation is for its log alone.
    pub(crate) fn told(&self) -> String {
        match self.is_left {
            true => EraseError::Left(self.why.clone()).to_string(),
            false => TRIED_AGAIN.to_owned(),
        }
    }
}

/// What came of a check.
pub(crate) enum Checked {
    /// Nothing of it is left.
    Clean(Seen),
    /// Files of the ingest log hold something of it, and go by themselves.
    InLog(Vec<String>),
    /// What should speak for it does not, and destroying it once more changes nothing about that.
    Unproven(String),
    /// It was looked at a moment ago, and this came of it.
    NotYet(Unverified),
}

impl Lifecycle {
    /// Looks for everything an erasure was about: in the memory of this process, and by another process in the database,
    /// among the objects and in the places of tombstones.
    ///
    /// # Errors
    /// [`EraseError::Left`] with what was found; any failure to look.
    pub(crate) async fn check(&self, erasure: &Erasure) -> Result<Checked, EraseError> {
        let now = self.parts.clock.now();
        let waits = |all: &mut BTreeMap<ErasureId, Unverified>| {
            all.get(&erasure.id).filter(|one| now < one.not_before).cloned()
        };
        if let Some(waits) = self.unverified(waits) {
            return Ok(Checked::NotYet(waits));
        }
        let checked = self.check_here_and_there(erasure).await;
        let failed = match &checked {
            Err(EraseError::Left(why)) | Ok(Checked::Unproven(why)) => Some((why.clone(), true)),
            Err(error) => Some((chain(error), false)),
            Ok(_) => None,
        };
        // A look may take half an hour, and the next waits from its end.
        let now = self.parts.clock.now();
        self.unverified(|all| match failed {
            Some(found) => {
                let failed = Unverified::after(all.get(&erasure.id), erasure.id, found, now);
                all.insert(erasure.id, failed);
            }
            None => drop(all.remove(&erasure.id)),
        });
        checked
    }

    async fn check_here_and_there(&self, erasure: &Erasure) -> Result<Checked, EraseError> {
        self.check_memory(erasure).await?;
        self.check_custodian(erasure).await?;
        let report = self.parts.verifier.look(erasure.id).await?;
        if !report.is_clean() {
            let all = |is: fn(Place) -> bool| {
                report.left_beside == 0 && report.left.iter().all(|left| is(left.place))
            };
            if all(|place| place == Place::Log) {
                return Ok(Checked::InLog(report.left.into_iter().map(|left| left.what).collect()));
            }
            return match all(Place::is_testimony) {
                true => Ok(Checked::Unproven(report.in_short())),
                false => Err(EraseError::Left(report.in_short())),
            };
        }
        Ok(Checked::Clean(Seen { keys: report.keys, tracks: report.tracks, objects: report.objects }))
    }

    /// What derives from recordings and is in the memory of this process.
    async fn check_memory(&self, erasure: &Erasure) -> Result<(), EraseError> {
        let (lifecycle, erasure) = (self.clone(), erasure.clone());
        self.parts
            .database
            .read(move |tx| {
                Box::pin(async move {
                    let keys = rows::kept_keys(tx, erasure.id).await?;
                    let parts = rows::kept_parts(tx, erasure.id).await?;
                    let mut recordings: Vec<RecordingId> = parts.iter().map(|part| part.recording).collect();
                    recordings.sort_unstable();
                    recordings.dedup();
                    let gone = erased(&erasure, &recordings, (&parts, &keys));
                    for derived in &lifecycle.parts.derived {
                        derived.forget(&gone);
                        let left = derived.count(tx, &gone).await?;
                        if left > 0 {
                            return Err(EraseError::Left(format!("{left} of {}", derived.name())));
                        }
                    }
                    Ok(())
                })
            })
            .await
    }

    /// Tombstones that a custodian keeps: it gives them to nobody without the credentials that this process has.
    async fn check_custodian(&self, erasure: &Erasure) -> Result<(), EraseError> {
        if !self.parts.places_need_credentials {
            return Ok(());
        }
        let Some(name) = erasure.tombstones.as_deref() else {
            return Err(EraseError::Left("its tombstones were not laid outside the database".to_owned()));
        };
        let asked = erasure.clone();
        let read = self.parts.database.read(move |tx| {
            Box::pin(async move {
                let wanted = tombstones_of(tx, &asked).await?.ok_or(EraseError::Nothing)?;
                let ids: Vec<[u8; 16]> = wanted.iter().map(clerestory_keys::Tombstone::id).collect();
                Ok::<_, EraseError>(presence::tombstones_named(tx, &ids).await?)
            })
        });
        let wanted = read.await?;
        for place in &self.parts.places {
            let held =
                place.read(name).map_err(|source| EraseError::Place { place: place.name(), source })?;
            if let Some(lost) = wanted.iter().find(|one| !held.contains(one)) {
                let (key, place) = (lost.key, place.name());
                return Err(EraseError::Left(format!("a tombstone of {key} is not in {place}")));
            }
        }
        Ok(())
    }

    /// Erasures whose last check, by this process and not long ago, did not end well. What another node went on with
    /// since is not among them.
    #[must_use]
    pub fn unverified_erasures(&self) -> Vec<Unverified> {
        let now = self.parts.clock.now();
        self.unverified(|all| {
            all.retain(|_, one| now < one.not_before.plus(LONGEST_PAUSE));
            all.values().cloned().collect()
        })
    }

    /// Something is left: tombstones are laid and keys destroyed once more, and all that follows is done again.
    pub(crate) async fn go_back(&self, erasure: &Erasure, in_log: Vec<String>) -> Result<(), EraseError> {
        let id = erasure.id;
        self.parts
            .database
            .write(Lane::Maintenance, move |tx| {
                Box::pin(async move {
                    if rows::at_step(tx, id, Step::Removed).await?.is_some() {
                        for file in in_log {
                            rows::keep_object(tx, id, &file, true).await?;
                        }
                        rows::look_again(tx, id).await?;
                        rows::move_on(tx, id, Step::Resealed).await?;
                    }
                    Ok(())
                })
            })
            .await
    }
}
