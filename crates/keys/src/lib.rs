//! The key registry. Every key that seals anything is a row here; destroying the row is what erasure means.
//!
//! ```text
//! root key (file) ─ wraps ─ epoch secrets (files, one per UTC day, never in the database)
//!                             └ seals ─ key pages (≤ 256 shard keys each)
//!                                         └ hold ─ shard keys
//!                                                    └ seal ─ key rows (≤ 1,024 per shard)
//! ```
//!
//! A row's own parent (track ← subject ← organisation) wraps the key once more inside the row. Making keys is
//! open to the crates that store things; reading them back is [`unwrapping`], which only `vault`, `access` and
//! `audit` may name (checked by `cargo xtask arrows`).

mod epochs;
mod error;
mod registry;
mod ring;
mod root;
pub mod unwrapping;

use std::sync::{Arc, Mutex};

use clerestory_model::{Clock, Deployment, KeyId, OrganisationId, RetentionClass, Timestamp};
use clerestory_seal::SecretKey;
use clerestory_sql::{Component, Database, Migration};

pub use epochs::{EpochNumber, EpochPlace, FilePlace};
pub use error::KeyError;
pub use registry::{KeyLocation, Purpose};
pub use root::{Protection, RootFile};

/// The tables of this crate.
pub const SCHEMA: Component = Component {
    name: "keys",
    migrations: &[Migration { name: "registry", sql: include_str!("0001-registry.sql") }],
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
    root: SecretKey,
    places: Vec<Box<dyn EpochPlace>>,
    ring: Mutex<ring::Ring>,
}

impl Keys {
    /// Opens the registry: unwraps every epoch secret the places hold, makes today's if there is none yet and
    /// re-seals the key pages under it.
    ///
    /// # Errors
    /// [`KeyError::WrongRoot`] when the root does not open an epoch, [`KeyError::Place`] when no place can be read,
    /// [`KeyError::Sql`] when the database refuses.
    pub async fn open(
        root: RootFile,
        places: Vec<Box<dyn EpochPlace>>,
        database: Database,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, KeyError> {
        let keys = Self {
            deployment: root.deployment,
            root: root.key,
            database,
            clock,
            places,
            ring: Mutex::new(ring::Ring::default()),
        };
        keys.load_epochs()?;
        if let Err(error) = keys.complete_places() {
            // One copy of each epoch opens everything; the place that failed is tried again at the next roll-over.
            tracing::error!(%error, "an epoch place is not complete");
        }
        keys.roll_over().await?;
        Ok(keys)
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
