//! The check after an erasure. It has a reader of the database and eyes for the objects, and nothing that writes or opens.

use clerestory_keys::{Owner, Tombstone};
use clerestory_model::{KeyId, RecordingId};
use clerestory_sql::Tx;
use clerestory_vault::Presence;

use crate::rows::{self, KeptObject, Part};
use crate::shred::erased;
use crate::{EraseError, Erasure, Lifecycle, Target};

/// What the check looks for.
struct Sought {
    keys: Vec<KeyId>,
    parts: Vec<Part>,
    objects: Vec<KeptObject>,
}

/// What the check saw, for the receipt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) keys: Vec<KeyId>,
    pub(crate) tracks: u64,
    pub(crate) objects: u64,
}

impl Lifecycle {
    /// Looks for everything an erasure was about: keys, rows, derived data, objects with their versions, and the
    /// tombstones that must be there.
    ///
    /// # Errors
    /// [`EraseError::Left`] with what was found; any failure to look.
    pub(crate) async fn check(&self, erasure: &Erasure) -> Result<Seen, EraseError> {
        let (lifecycle, looked_for) = (self.clone(), erasure.clone());
        let sought = self
            .parts
            .database
            .read(move |tx| Box::pin(async move { lifecycle.check_rows(tx, &looked_for).await }))
            .await?;
        let eyes = self.parts.vault.objects().presence();
        self.check_objects(&eyes, erasure, &sought).await?;
        self.check_tombstones(erasure, &eyes).await?;
        Ok(Seen {
            tracks: sought.parts.len() as u64,
            objects: sought.objects.len() as u64,
            keys: sought.keys,
        })
    }

    async fn check_rows(&self, tx: &mut Tx, erasure: &Erasure) -> Result<Sought, EraseError> {
        let keys = rows::kept_keys(tx, erasure.id).await?;
        let parts = rows::kept_parts(tx, erasure.id).await?;
        let objects = rows::kept_objects(tx, erasure.id).await?;
        let left = self.parts.vault.keys().count_present(tx, &keys).await?;
        if left > 0 {
            return Err(EraseError::Left(format!("{left} keys are in the registry")));
        }
        let stretches = rows::stretches(tx, erasure.id).await?;
        for part in &parts {
            let left = match stretches.iter().find(|stretch| stretch.part.track == part.track) {
                Some(stretch) => rows::count_in(tx, stretch).await?,
                None => rows::count_segments(tx, part).await?,
            };
            if left > 0 {
                return Err(EraseError::Left(format!("{} has {left} segments", part.track)));
            }
        }
        let mut recordings: Vec<RecordingId> = parts.iter().map(|part| part.recording).collect();
        recordings.sort_unstable();
        recordings.dedup();
        let erased = erased(erasure, &recordings, (&parts, &keys));
        for derived in &self.parts.derived {
            derived.forget(&erased);
            let left = derived.count(tx, &erased).await?;
            if left > 0 {
                return Err(EraseError::Left(format!("{left} of {}", derived.name())));
            }
        }
        Ok(Sought { keys, parts, objects })
    }

    async fn check_objects(
        &self,
        eyes: &Presence,
        erasure: &Erasure,
        sought: &Sought,
    ) -> Result<(), EraseError> {
        for kept in &sought.objects {
            if eyes.traces(&kept.object).await? > 0 {
                return Err(EraseError::Left(format!("the object {}", kept.object)));
            }
        }
        if matches!(erasure.target, Target::Range { .. }) {
            // What stays of the track has objects of its own.
            return Ok(());
        }
        for part in &sought.parts {
            let left = eyes.of_track(erasure.organisation, part.recording, part.track).await?;
            if let Some(object) = left.first() {
                return Err(EraseError::Left(format!("the object {object}")));
            }
        }
        Ok(())
    }

    async fn check_tombstones(&self, erasure: &Erasure, eyes: &Presence) -> Result<(), EraseError> {
        let wanted = self.stored_tombstones(erasure).await?;
        let Some(name) = erasure.tombstones.as_deref().filter(|_| !wanted.is_empty()) else {
            return Err(EraseError::Left("no tombstone is in the database".to_owned()));
        };
        let lost = |held: &[Tombstone]| wanted.iter().find(|one| !held.contains(one)).map(|one| one.key);
        if let Some(key) = lost(&eyes.tombstones(name).await?) {
            return Err(EraseError::Left(format!("a tombstone of {key} is not beside the objects")));
        }
        for place in &self.parts.places {
            let held =
                place.read(name).map_err(|source| EraseError::Place { place: place.name(), source })?;
            if let Some(key) = lost(&held) {
                return Err(EraseError::Left(format!("a tombstone of {key} is not in {}", place.name())));
            }
        }
        Ok(())
    }

    /// The tombstones of an erasure that are in the database.
    async fn stored_tombstones(&self, erasure: &Erasure) -> Result<Vec<Tombstone>, EraseError> {
        let (lifecycle, erasure) = (self.clone(), erasure.clone());
        self.parts
            .database
            .read(move |tx| {
                Box::pin(async move {
                    let ids: Vec<[u8; 16]> =
                        lifecycle.tombstones_for(tx, &erasure).await?.iter().map(Tombstone::id).collect();
                    Ok(lifecycle.parts.vault.keys().tombstones_named(tx, &ids).await?)
                })
            })
            .await
    }

    /// The tombstones that an erasure lays: one of the subject or organisation, or one for each key.
    pub(crate) async fn tombstones_for(
        &self,
        tx: &mut Tx,
        erasure: &Erasure,
    ) -> Result<Vec<Tombstone>, EraseError> {
        let (organisation, at) = (erasure.organisation, erasure.asked_at);
        let stone = |owner, key| Tombstone { organisation, owner, key, at };
        Ok(match erasure.target {
            Target::Subject(subject) => {
                let key = rows::subject_key(tx, subject).await?.ok_or(EraseError::Nothing)?;
                vec![stone(Owner::Subject(subject), key)]
            }
            Target::Organisation => {
                let key = rows::organisation_key(tx, organisation).await?.ok_or(EraseError::Nothing)?;
                vec![stone(Owner::Organisation, key)]
            }
            Target::Track { .. } | Target::Recording(_) | Target::Range { .. } | Target::Expired(_) => {
                let keys = rows::kept_keys(tx, erasure.id).await?;
                keys.into_iter().map(|key| stone(Owner::Key, key)).collect()
            }
        })
    }
}
