//! Restoring: the database becomes what a copy of it was, with the newest of all that never goes back.
//!
//! The copy's rows are brought beside those of the database, which keeps its own registry, log, tombstones and authority;
//! then one transaction puts recordings back, replays the union of all tombstones, and begins a new generation. Until
//! that is done and checked the installation is closed to every node. A restore that is cut off is run again.

mod graft;
mod stage;
mod tables;

use std::sync::Arc;

use clerestory_audit::authority::Departing;
use clerestory_audit::{ActorKind, AuditError, Class, NewEntry, ObjectRef, Outcome, Personal};
use clerestory_keys::{KeyError, LeasesOut, Owner, Tombstone};
use clerestory_model::{ErasureId, KeyId, OrganisationId, RecordingState};
use clerestory_sql::{Database, Lane, SqlError, Tx};
use clerestory_vault::StoreError;

use crate::rows;
use crate::{EraseError, InstanceError, Lifecycle, Step, Target};

pub use tables::{Course, TABLES};

/// Erasures looked at together.
const PAGE: u32 = 500;

/// What a restore did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Restored {
    /// Recordings that only the copy had.
    pub returned_recordings: u64,
    /// Recordings that came after the copy, and are gone.
    pub removed_recordings: u64,
    /// Tracks whose keys are destroyed: they stay erased.
    pub erased_tracks: u64,
    /// Keys that were destroyed again, because a tombstone names them.
    pub keys_destroyed_again: u64,
    /// The generation that begins.
    pub generation: u64,
}

/// Why nothing was restored, or the installation stays closed.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The copy is of another installation, or its history was changed.
    #[error(
        "entry {number} of the audit log of {organisation} is another one in the copy: it is no earlier state of this \
         database"
    )]
    NotOurs {
        /// Whose log.
        organisation: OrganisationId,
        /// The entry.
        number: u64,
    },
    /// The copy is newer than the database.
    #[error(
        "the copy has {number} entries in the audit log of {organisation}, more than this database: it is the newer one. \
         Put it in the place of the database, and run the restore with --in-place"
    )]
    Newer {
        /// Whose log.
        organisation: OrganisationId,
        /// The copy's last entry.
        number: u64,
    },
    /// The copy has no audit log.
    #[error("the copy has no entry in any audit log: it is empty, or no copy of an installation's database")]
    Empty,
    /// A chain of the audit log does not hold.
    #[error("the audit log of {organisation} is broken at entry {number}: run `clerestory verify`")]
    BrokenChain {
        /// Whose log.
        organisation: OrganisationId,
        /// The first entry that is wrong.
        number: u64,
    },
    /// The check at the end found tracks that nothing opens.
    #[error("{0} tracks have no key: the installation stays closed")]
    Keyless(u64),
    /// A claim of a generation failed.
    #[error(transparent)]
    Instance(#[from] InstanceError),
    /// A place of tombstones failed: what it knows may be what was erased.
    #[error("the tombstone place {place}")]
    Place {
        /// Which.
        place: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The tombstones beside the objects could not be read.
    #[error("the tombstones beside the objects")]
    Store(#[from] StoreError),
    /// The registry refused.
    #[error("the key registry")]
    Key(#[from] KeyError),
    /// An entry could not be written or read.
    #[error("the audit log")]
    Audit(#[from] AuditError),
    /// An erasure that goes on could not be looked at.
    #[error("an erasure that goes on")]
    Erase(#[from] EraseError),
    /// The database refused.
    #[error("the rows could not be read or written")]
    Sql(#[from] SqlError),
}

/// Closes a copy that is to be put in the place of a database: nobody serves it before [`Lifecycle::restore_in_place`] has
/// run to its end.
///
/// # Errors
/// [`RestoreError::Empty`], [`RestoreError::Sql`].
pub async fn close_copy(copy: &Database) -> Result<(), RestoreError> {
    copy.write(Lane::Interactive, |tx| {
        Box::pin(async move {
            let entries = tx.query_opt("SELECT 1 FROM audit_heads WHERE number > 0 LIMIT 1", &[]).await?;
            entries.ok_or(RestoreError::Empty)?;
            Ok(clerestory_keys::close(tx).await?)
        })
    })
    .await
}

impl Lifecycle {
    /// Puts the database back to what `copy` was, with the newest of what never goes back. `copy` has the same schema.
    /// No other process may work on the database meanwhile; those that try answer 503.
    ///
    /// # Errors
    /// [`RestoreError`]: the installation is closed then, unless it was refused before; run it again.
    pub async fn restore(&self, copy: &Database) -> Result<Restored, RestoreError> {
        self.check_ancestry(copy).await?;
        let leases = self.close_to_all().await?;
        stage::fill(&self.parts.database, copy).await?;
        let of_copy = self.tombstones_in(copy).await?;
        self.finish(leases, of_copy, true).await
    }

    /// Makes a copy that was put in the place of the database one that may be served: what was erased since it was made
    /// is erased again, as far as tombstones outside say, and a new generation begins.
    ///
    /// # Errors
    /// As [`Self::restore`].
    pub async fn restore_in_place(&self) -> Result<Restored, RestoreError> {
        let leases = self.close_to_all().await?;
        stage::clear(&self.parts.database).await?;
        self.finish(leases, Vec::new(), false).await
    }

    /// Closes the installation, and waits until nobody works with an opened key any more.
    async fn close_to_all(&self) -> Result<LeasesOut, RestoreError> {
        let keys = Arc::clone(self.parts.vault.keys());
        let inner = Arc::clone(&keys);
        let closed = self
            .parts
            .database
            .write(Lane::Interactive, move |tx| Box::pin(async move { inner.close(tx).await }));
        closed.await?;
        Ok(keys.wait_for_leases(keys.leases_end()).await)
    }

    /// Sees that the copy's log is the beginning of the database's own.
    async fn check_ancestry(&self, copy: &Database) -> Result<(), RestoreError> {
        let audit = self.parts.access.audit().clone();
        let heads = copy.read(|tx| {
            Box::pin(async move {
                let sql = "SELECT organisation_id, number, hash FROM audit_heads ORDER BY organisation_id";
                let rows = tx.query(sql, &[]).await?;
                rows.iter().map(|row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).collect()
            })
        });
        let heads: Result<Vec<(OrganisationId, u64, [u8; 32])>, SqlError> = heads.await;
        let heads = heads?;
        if heads.iter().all(|(_, number, _)| *number == 0) {
            return Err(RestoreError::Empty);
        }
        self.parts
            .database
            .read(move |tx| {
                Box::pin(async move {
                    for (organisation, number, hash) in heads {
                        let report = audit.check_chain(tx, organisation).await?;
                        if let Some(number) = report.first_break {
                            return Err(RestoreError::BrokenChain { organisation, number });
                        }
                        if number > report.head.number {
                            return Err(RestoreError::Newer { organisation, number });
                        }
                        let ours = audit.find(tx, organisation, number).await?;
                        if number > 0 && ours.is_none_or(|entry| entry.hash != hash) {
                            return Err(RestoreError::NotOurs { organisation, number });
                        }
                    }
                    Ok(())
                })
            })
            .await
    }

    async fn tombstones_in(&self, database: &Database) -> Result<Vec<Tombstone>, RestoreError> {
        let keys = Arc::clone(self.parts.vault.keys());
        Ok(database.read(move |tx| Box::pin(async move { keys.tombstones(tx).await })).await?)
    }

    async fn finish(
        &self,
        leases: LeasesOut,
        of_copy: Vec<Tombstone>,
        staged: bool,
    ) -> Result<Restored, RestoreError> {
        let mut tombstones = of_copy;
        tombstones.extend(self.tombstones_in(&self.parts.database).await?);
        tombstones.extend(self.parts.vault.tombstones().await?);
        for place in &self.parts.places {
            let held = place.list();
            tombstones.extend(held.map_err(|source| RestoreError::Place { place: place.name(), source })?);
        }
        let claimed = self.claim_next().await?;
        self.parts.vault.hold_lease().await?;
        let lifecycle = self.clone();
        let done = self
            .parts
            .database
            .write(Lane::Maintenance, move |tx| {
                Box::pin(async move { lifecycle.graft(tx, &leases, &tombstones, claimed, staged).await })
            })
            .await?;
        stage::clear(&self.parts.database).await?;
        self.reopen().await?;
        Ok(done)
    }

    /// Everything that counts, in one transaction.
    async fn graft(
        &self,
        tx: &mut Tx,
        leases: &LeasesOut,
        tombstones: &[Tombstone],
        claimed: (u64, [u8; 16]),
        staged: bool,
    ) -> Result<Restored, RestoreError> {
        let now = self.parts.clock.now();
        tx.unhurried().await?;
        let mut done = Restored { generation: claimed.0, ..Restored::default() };
        match staged {
            true => graft::rewind(tx, &mut done).await?,
            // What was under way when the copy was made has come in since, and no row of the copy names it.
            false => self.parts.vault.forget_objects_under_way(tx).await?,
        }
        let keys = self.parts.vault.keys();
        // The entry before the registry: whoever writes one holds the head of the log, and then locks shards.
        crate::instance::become_next(tx, claimed, now).await?;
        self.record_restore(tx, &done).await?;
        self.end_erased_accounts(tx, tombstones).await?;
        let again = keys.replay_tombstones(tx, tombstones).await?;
        let again = self.without_unfinished(tx, again).await?;
        // What was erased stays so, whatever hold a copy brings back over it.
        crate::holds::rows::forget_pins_of(tx, &again).await?;
        keys.let_go(tx, &again).await?;
        done.keys_destroyed_again = keys.destroy(tx, &again, leases).await?.keys;
        done.erased_tracks = graft::bury(tx, now).await?;
        self.mark_unfinished(tx).await?;
        if !staged {
            // Nobody can tell from the copy whether it was refused or taken back since, and some of it happens by itself.
            self.withdraw_all_proposals(tx, now).await?;
            self.withdraw_all_releases(tx, now).await?;
        }
        crate::deletions::rows::hide_as_deleted(tx).await?;
        // Rows of the copy are dated by what was in force when it was made.
        clerestory_store::retention::doubt_all(tx).await?;
        Ok(done)
    }

    /// People and organisations that were erased have no account: a database that was put back may have it again.
    async fn end_erased_accounts(&self, tx: &mut Tx, tombstones: &[Tombstone]) -> Result<(), RestoreError> {
        for tombstone in tombstones {
            let touched = match tombstone.owner {
                Owner::Subject(subject) => self.parts.identity.end_erased(tx, subject).await?,
                Owner::Organisation => {
                    let mut touched = Vec::new();
                    for one in &self.parts.departing {
                        touched.extend(one.depart(tx, tombstone.organisation).await?);
                    }
                    touched.extend(self.depart(tx, tombstone.organisation).await?);
                    touched
                }
                Owner::Key => continue,
            };
            if !touched.is_empty() {
                let object = ObjectRef { kind: "subject".to_owned(), id: tombstone.id() };
                let op = self.by_program(tombstone.organisation);
                let change = op.changing(tombstone.organisation);
                self.parts.access.audit().note_change(tx, change, object, &touched).await?;
            }
        }
        Ok(())
    }

    /// Without keys that erasures which go on are about to destroy: those write down first what their keys sealed, and
    /// wait where a hold pins one.
    async fn without_unfinished(&self, tx: &mut Tx, keys: Vec<KeyId>) -> Result<Vec<KeyId>, RestoreError> {
        let mut left = Vec::with_capacity(keys.len());
        for key in keys {
            let sql = "SELECT 1 FROM erasure_keys k JOIN erasures e ON e.erasure_id = k.erasure_id
                       WHERE k.key_id = $1 AND e.step < $2";
            let values = [key.into(), (Step::Shredded as i64).into()];
            if tx.query_opt(sql, &values).await?.is_none() {
                left.push(key);
            }
        }
        Ok(left)
    }

    /// Erasures that go on hide what they are about, which may have come back.
    async fn mark_unfinished(&self, tx: &mut Tx) -> Result<(), RestoreError> {
        for step in [Step::Asked, Step::Resealed, Step::Laid, Step::Outside] {
            let mut after = ErasureId::nil();
            loop {
                let page = rows::waiting(tx, step, after, PAGE).await?;
                let Some(last) = page.last() else { break };
                after = last.id;
                for erasure in page.iter().filter(|one| !matches!(one.target, Target::Range { .. })) {
                    let recordings =
                        rows::lock_recordings(tx, erasure.organisation, &erasure.scope()).await?;
                    let parts = rows::parts(tx, &erasure.target, &recordings).await?;
                    rows::set_states(tx, &parts, RecordingState::PurgeQueued).await?;
                }
            }
        }
        Ok(())
    }

    /// The entry in the log of the installation's own acts; its checkpoint is signed like any other's.
    async fn record_restore(&self, tx: &mut Tx, done: &Restored) -> Result<(), RestoreError> {
        let entry = NewEntry {
            organisation: OrganisationId::nil(),
            at: self.parts.clock.now(),
            action: "installation.restored",
            class: Class::APPLICATION_START,
            outcome: Outcome::Allowed,
            rule: "command".to_owned(),
            actor_kind: ActorKind::System,
            actor: [0; 16],
            object: ObjectRef { kind: "organisation".to_owned(), id: [0; 16] },
            request_id: String::new(),
            personal: Some(Personal {
                detail: Some(format!(
                    "generation {}; recordings: {} came back, {} went",
                    done.generation, done.returned_recordings, done.removed_recordings
                )),
                ..Personal::default()
            }),
        };
        self.parts.access.audit().append(tx, entry).await?;
        Ok(())
    }

    /// Checks what must be so, and lets everybody in again.
    async fn reopen(&self) -> Result<(), RestoreError> {
        let (keys, audit) = (Arc::clone(self.parts.vault.keys()), self.parts.access.audit().clone());
        self.parts
            .database
            .write(Lane::Interactive, move |tx| {
                Box::pin(async move {
                    let keyless = graft::count_keyless(tx).await?;
                    if keyless > 0 {
                        return Err(RestoreError::Keyless(keyless));
                    }
                    let nil = OrganisationId::nil();
                    if let Some(number) = audit.check_chain(tx, nil).await?.first_break {
                        return Err(RestoreError::BrokenChain { organisation: nil, number });
                    }
                    Ok(keys.reopen(tx).await?)
                })
            })
            .await
    }
}
