//! The key registry. Every key that seals anything is a row here; destroying the row is what erasure means.
//!
//! ```text
//! root (file, transit, KMS) ─ wraps ─ epoch secrets (in places, one per UTC day, never in the database)
//!                             └ seals ─ key pages (≤ 256 shard keys each)
//!                                         └ hold ─ shard keys
//!                                                    └ seal ─ key rows (≤ 1,024 per shard)
//! ```
//!
//! A row's own parent (track ← subject ← organisation) wraps the key once more inside the row. Making keys is
//! open to the crates that store things; reading them back is [`unwrapping`], which only `vault`, `access` and
//! `audit` may name (checked by `cargo xtask arrows`).

mod custody;
mod epochs;
mod erasing;
mod error;
mod findings;
mod pages;
mod places;
pub mod presence;
mod registry;
mod rewrite;
mod ring;
mod rollover;
mod root;
mod root_change;
mod roots;
mod shares;
mod time_guard;
mod tombstones;
pub mod unwrapping;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use clerestory_model::{Clock, Deployment, KeyId, OrganisationId, RetentionClass, Timestamp};
use clerestory_sql::{Component, Database, Migration};

pub use custody::{Care, Custody, ReadOnly, begin, settle_places};
pub use error::KeyError;
pub use findings::Finding;
pub use places::{EpochNumber, EpochPlace, FilePlace};
pub use registry::{KeyLocation, NewSubjectKey, Purpose};
pub use rewrite::Destroyed;
pub use ring::{LEASE, LeasesEnd, LeasesOut, close};
pub use rollover::{EPOCH_LIFE, RolledOver};
pub use root::{Protection, RootFile};
pub use root_change::{NewRoot, change_root, change_root_to};
pub use roots::{Connect, NoRootAddress, Root, RootAddress, RootError, WrappedAs};
pub use shares::{RootShare, ShareError};
pub use time_guard::last_seen;
pub use tombstones::{FileTombstones, Owner, Tombstone, TombstonePlace, read_tombstones, tombstone_object};

/// The tables of this crate.
pub const SCHEMA: Component = Component {
    name: "keys",
    migrations: &[
        Migration { name: "registry", sql: include_str!("0001-registry.sql") },
        Migration { name: "custody", sql: include_str!("0002-custody.sql") },
        Migration { name: "closed while a restore runs", sql: include_str!("0003-closed.sql") },
        Migration { name: "the newest time that was believed", sql: include_str!("0004-believed.sql") },
    ],
};

/// What a new key is for.
#[derive(Clone, Copy, Debug)]
pub struct NewKey {
    /// Whose it is; nil for the deployment's own.
    pub organisation: OrganisationId,
    /// What its shard is grouped by: keys that fall due together lie together.
    pub class: RetentionClass,
    /// What it will be used for.
    pub purpose: Purpose,
    /// The key that wraps it inside its row.
    pub parent: Option<KeyId>,
    /// When it is made.
    pub at: Timestamp,
}

/// The registry of one deployment, with the root and the epoch secrets in memory.
pub struct Keys {
    deployment: Deployment,
    database: Database,
    clock: Arc<dyn Clock>,
    root: roots::OpenedRoot,
    /// The root that takes over, while its rotation is not finished.
    next_root: Option<roots::OpenedRoot>,
    places: Vec<Box<dyn EpochPlace>>,
    ring: Mutex<ring::Ring>,
    findings: Mutex<Vec<Finding>>,
    anchor: Mutex<Option<time_guard::Anchor>>,
    /// What the clock said when the sweeper last asked.
    turn: Mutex<Option<time_guard::Anchor>>,
    /// What was known of the time when this process started, and what its clock said, where that was far apart.
    start: Mutex<Option<(Timestamp, time_guard::Anchor)>>,
    /// This process restores: it goes on where the installation is closed to all others.
    restores: bool,
}

impl Keys {
    /// Opens the registry: unwraps every epoch secret the places hold and rolls over. An installation whose epochs
    /// can be read opens even when it cannot roll over, because a place is away or the clock jumped: what is in the
    /// way is in [`Self::findings`], and the next round tries again.
    ///
    /// # Errors
    /// [`KeyError::WrongRoot`] when the root does not open an epoch, [`KeyError::Root`] when it cannot be asked,
    /// [`KeyError::Place`] when no place can be read,
    /// or one fails before there is any epoch; [`KeyError::Sql`] when the database refuses.
    pub async fn open(
        root: RootFile,
        places: Vec<Box<dyn EpochPlace>>,
        database: Database,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, KeyError> {
        Self::open_as(root, places, database, clock, false).await
    }

    /// As [`Self::open`], for the one process that restores: it works while the installation is closed.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub async fn open_to_restore(
        root: RootFile,
        places: Vec<Box<dyn EpochPlace>>,
        database: Database,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, KeyError> {
        Self::open_as(root, places, database, clock, true).await
    }

    async fn open_as(
        root: RootFile,
        places: Vec<Box<dyn EpochPlace>>,
        database: Database,
        clock: Arc<dyn Clock>,
        restores: bool,
    ) -> Result<Self, KeyError> {
        let (keys, in_use) = Self::read(root, places, database, clock, restores).await?;
        match keys.roll_over().await {
            Err(error @ (KeyError::Place { .. } | KeyError::Root { .. } | KeyError::Stopped(_)))
                if !in_use.is_empty() =>
            {
                tracing::error!(%error, "the epoch could not be rolled over");
            }
            other => drop(other?),
        }
        keys.hold_lease().await?;
        Ok(keys)
    }

    /// Opens the registry without rolling over: places are read only. For looking at a copy.
    ///
    /// # Errors
    /// As [`Self::open`]; [`KeyError::UnknownEpoch`] when the places lack an epoch that a page is sealed under.
    pub async fn inspect(
        root: RootFile,
        places: Vec<Box<dyn EpochPlace>>,
        database: Database,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, KeyError> {
        let (keys, _) = Self::read(root, places, database, clock, true).await?;
        let named = keys.database.read(|tx| {
            Box::pin(async move {
                let rows = tx.query("SELECT DISTINCT epoch FROM key_pages ORDER BY epoch", &[]).await?;
                Ok::<_, KeyError>(rows.iter().map(|row| row.get(0)).collect::<Result<Vec<EpochNumber>, _>>()?)
            })
        });
        if let Some(missing) = named.await?.into_iter().find(|epoch| keys.ring().epoch(*epoch).is_none()) {
            return Err(KeyError::UnknownEpoch(missing));
        }
        keys.hold_lease().await?;
        Ok(keys)
    }

    /// With every epoch in memory that the database has in use and a place holds.
    async fn read(
        root: RootFile,
        places: Vec<Box<dyn EpochPlace>>,
        database: Database,
        clock: Arc<dyn Clock>,
        restores: bool,
    ) -> Result<(Self, BTreeSet<EpochNumber>), KeyError> {
        let keys = Self {
            restores,
            deployment: root.deployment,
            root: root.root,
            next_root: root.next,
            database,
            clock,
            places,
            ring: Mutex::new(ring::Ring::default()),
            findings: Mutex::default(),
            anchor: Mutex::default(),
            turn: Mutex::default(),
            start: Mutex::default(),
        };
        let rows = keys.epoch_rows().await?;
        let in_use = rows.iter().filter(|(_, row)| row.state == epochs::EpochState::InUse);
        let in_use: BTreeSet<_> = in_use.map(|(epoch, _)| *epoch).collect();
        keys.load_epochs(&in_use)?;
        Ok((keys, in_use))
    }

    /// Which installation these keys are of.
    #[must_use]
    pub fn deployment(&self) -> &Deployment {
        &self.deployment
    }

    /// How many places keep the epoch secrets. With one, losing its disk loses every recording.
    #[must_use]
    pub fn place_count(&self) -> usize {
        self.places.len()
    }
}
