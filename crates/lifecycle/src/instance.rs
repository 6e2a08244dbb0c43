//! Which copy of an installation is the one: each restore begins a new generation, claimed by an object that is made once.
//!
//! A copy that was restored elsewhere, or the database from before a restore that somebody starts by mistake, finds the
//! next generation claimed and does not start. Where the objects are a directory beside the database this stops nobody
//! who copied both.

use std::collections::BTreeSet;

use clerestory_keys::{KeyError, Tombstone, presence};
use clerestory_seal::random;
use clerestory_sql::{Lane, SqlError, Tx};
use clerestory_vault::StoreError;

use crate::Lifecycle;

/// Why an installation is not the one.
#[derive(Debug, thiserror::Error)]
pub enum InstanceError {
    /// Another one restored a copy of this database over the same objects.
    #[error(
        "this database is of generation {generation}, and a restore has begun a later one over the same objects: \
         start the installation that was restored, and put this copy away"
    )]
    Superseded {
        /// The generation of the database.
        generation: u64,
    },
    /// The objects are of another installation.
    #[error(
        "generation {generation} of the installation that has these objects is not this one: it was started over the \
         objects of another, or from a copy"
    )]
    Other {
        /// The generation of the database.
        generation: u64,
    },
    /// The database was put back from a copy, and knows less than what lies beside its objects.
    #[error(
        "tombstones beside the objects name {erased} keys or owners that this database does not know as erased, first {first}. \
         Where it was put back from a copy, run `clerestory restore --in-place` before it is served: that erases them again. \
         Where it was not, somebody else wrote below `tombstones` in the store of objects: look at who can, before anything \
         is erased by it"
    )]
    PutBack {
        /// How many.
        erased: usize,
        /// The first of them.
        first: String,
    },
    /// Tombstones could not be looked up.
    #[error("what was erased could not be looked up")]
    Key(#[from] KeyError),
    /// The objects could not be looked at.
    #[error("the claim of the installation could not be looked at")]
    Store(#[from] StoreError),
    /// The row could not be read or written.
    #[error("the claim of the installation could not be looked up")]
    Sql(#[from] SqlError),
}

/// The row of an instance.
pub(crate) struct Instance {
    pub(crate) generation: u64,
    pub(crate) id: [u8; 16],
    /// What the next generation will be claimed for: drawn before it is claimed, so that a restore that was cut off goes on.
    pub(crate) next: Option<[u8; 16]>,
}

pub(crate) async fn find(tx: &mut Tx) -> Result<Option<Instance>, SqlError> {
    let row = tx.query_opt("SELECT generation, id, next_id FROM instance WHERE one = 1", &[]).await?;
    row.map(|row| Ok(Instance { generation: row.get(0)?, id: row.get(1)?, next: row.get(2)? })).transpose()
}

impl Lifecycle {
    /// Sees that this database is of the newest generation of its installation. The first start claims the first one.
    ///
    /// # Errors
    /// [`InstanceError::Superseded`], [`InstanceError::Other`]: nothing may be served.
    pub async fn claim_instance(&self) -> Result<(), InstanceError> {
        let (id, now) = (random::<16>(), self.parts.clock.now());
        let found = self.parts.database.write(Lane::Interactive, move |tx| {
            Box::pin(async move {
                tx.execute(
                    "INSERT INTO instance (one, generation, id, claimed_at) VALUES (1, 1, $1, $2)
                     ON CONFLICT (one) DO NOTHING",
                    &[id.into(), now.into()],
                )
                .await?;
                find(tx).await?.ok_or(SqlError::RolledBack)
            })
        });
        let found: Result<Instance, SqlError> = found.await;
        let Instance { generation, id, .. } = found?;
        if !self.parts.vault.claim_generation(generation, id).await? {
            return Err(InstanceError::Other { generation });
        }
        match self.parts.vault.claimed_by(generation + 1).await? {
            Some(_) => Err(InstanceError::Superseded { generation }),
            None => Ok(()),
        }
    }

    /// Sees that this database knows of everything that was erased, as far as tombstones beside its objects tell. They are
    /// durable in the database before they are laid there: one that lacks any was put back, by other hands than ours.
    ///
    /// # Errors
    /// [`InstanceError::PutBack`]: nothing may be served.
    pub async fn check_not_put_back(&self) -> Result<(), InstanceError> {
        let read = self.parts.database.read(|tx| {
            Box::pin(async move {
                let sql = "SELECT DISTINCT tombstones FROM erasures WHERE tombstones IS NOT NULL";
                tx.query(sql, &[]).await?.iter().map(|row| row.get(0)).collect()
            })
        });
        let known: Result<BTreeSet<String>, SqlError> = read.await;
        let beside = self.parts.vault.tombstones_beside(&known?).await?;
        let ids: Vec<[u8; 16]> = beside.iter().map(Tombstone::id).collect();
        let read = self.parts.database.read(move |tx| {
            Box::pin(async move {
                let known = presence::tombstones_named(tx, &ids).await?;
                let known: BTreeSet<[u8; 16]> = known.iter().map(Tombstone::id).collect();
                Ok(known)
            })
        });
        let known: Result<BTreeSet<[u8; 16]>, KeyError> = read.await;
        let known = known?;
        let unknown: Vec<&Tombstone> = beside.iter().filter(|one| !known.contains(&one.id())).collect();
        match unknown.first() {
            None => Ok(()),
            Some(first) => Err(InstanceError::PutBack {
                erased: unknown.len(),
                first: format!("{}, of {}", first.key, first.organisation),
            }),
        }
    }

    /// Draws what the next generation is claimed for, once, and claims it.
    pub(crate) async fn claim_next(&self) -> Result<(u64, [u8; 16]), InstanceError> {
        let (fresh, now) = (random::<16>(), self.parts.clock.now());
        let drawn = self.parts.database.write(Lane::Interactive, move |tx| {
            Box::pin(async move {
                tx.execute(
                    "INSERT INTO instance (one, generation, id, claimed_at) VALUES (1, 1, $1, $2)
                     ON CONFLICT (one) DO NOTHING",
                    &[random::<16>().into(), now.into()],
                )
                .await?;
                let sql = "UPDATE instance SET next_id = coalesce(next_id, $1) WHERE one = 1";
                tx.execute(sql, &[fresh.into()]).await?;
                find(tx).await?.ok_or(SqlError::RolledBack)
            })
        });
        let drawn: Result<Instance, SqlError> = drawn.await;
        let Instance { generation, next, .. } = drawn?;
        let next = next.unwrap_or(fresh);
        // The copy may be older than restores that it knows nothing of: the generation after all of them is ours.
        let mut claimed = generation + 1;
        while !self.parts.vault.claim_generation(claimed, next).await? {
            claimed += 1;
        }
        Ok((claimed, next))
    }
}

/// Makes the claimed generation the database's own.
pub(crate) async fn become_next(
    tx: &mut Tx,
    (generation, id): (u64, [u8; 16]),
    now: clerestory_model::Timestamp,
) -> Result<(), SqlError> {
    let sql = "UPDATE instance SET generation = $1, id = $2, next_id = NULL, claimed_at = $3 WHERE one = 1";
    tx.execute_one("instance", sql, &[generation.into(), id.into(), now.into()]).await
}
