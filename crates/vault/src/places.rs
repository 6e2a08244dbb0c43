//! Where the objects of an installation lie is remembered, so that it is not started over another store by mistake.
//!
//! An address does not say which store it is: one path on two machines is two directories. So every store holds an
//! object that names it, made once, and the database remembers what that says.

use clerestory_model::Timestamp;
use clerestory_seal::random;
use clerestory_sql::{Lane, SqlError, Tx};
use serde::{Deserialize, Serialize};

use crate::rows::{self, Settled};
use crate::{ObjectPath, Objects, StoreError, Vault, intents};

/// How a directory is remembered: it may move with the data beside which it lies.
const DIRECTORY: &str = "directory";

/// Why the objects are not where they were.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// The installation has its objects elsewhere.
    #[error("the objects of this installation lie in {known}, and it was started with {given}")]
    Other {
        /// Where they lie.
        known: String,
        /// What was given.
        given: String,
    },
    /// The address is right, and what lies there is another store.
    #[error(
        "{given} is not the store that this installation has its objects in. A directory belongs to one machine: \
         several servers on one database share a bucket"
    )]
    OtherStore {
        /// What was given.
        given: String,
    },
    /// Nothing there names the store.
    #[error(
        "{given} does not hold {mark}, which names the store this installation has its objects in. If they were \
         moved, move that as well; a directory belongs to one machine, and several servers on one database share a \
         bucket"
    )]
    Unmarked {
        /// What was given.
        given: String,
        /// The object that is missing.
        mark: String,
    },
    /// It holds the objects of somebody else.
    #[error("{given} holds the objects of another installation")]
    OtherInstallation {
        /// What was given.
        given: String,
    },
    /// What names the store cannot be read.
    #[error("{given} cannot be told from other stores: what names it is damaged")]
    DamagedMark {
        /// What was given.
        given: String,
    },
    /// The store could not be asked.
    #[error("which store it is could not be asked")]
    Store(#[from] StoreError),
    /// It could not be looked up.
    #[error("the place of the objects could not be looked up")]
    Sql(#[from] SqlError),
}

/// What the object says that names a store.
#[derive(Serialize, Deserialize)]
struct Mark {
    format: String,
    environment: String,
    store: String,
}

const FORMAT: &str = "clerestory-store-1";

impl Vault {
    /// Remembers where the objects lie, or sees that they lie where they did. `moved` says that they were moved.
    ///
    /// Of several nodes that settle at once, one does, and the others see whether it is theirs.
    ///
    /// # Errors
    /// [`PlaceError`].
    pub async fn settle_place(&self, moved: bool) -> Result<(), PlaceError> {
        let known = self.database.read(|tx| Box::pin(async move { rows::place(tx).await }));
        let known = known.await.map_err(|error: SqlError| PlaceError::from(error))?;
        if let Some(known) = &known {
            self.refuse_other_place(known, moved)?;
        }
        let marked = self.store_mark().await?;
        let store = match (known.and_then(|known| known.store), marked) {
            (None, Some(found)) => found,
            (None, None) => self.mark_store(random()).await?,
            (Some(known), Some(found)) if known == found => found,
            (Some(known), None) if moved => self.mark_store(known).await?,
            (Some(_), Some(_)) => return Err(PlaceError::OtherStore { given: self.objects.shown() }),
            (Some(_), None) => {
                return Err(PlaceError::Unmarked {
                    given: self.objects.shown(),
                    mark: ObjectPath::Mark.path(),
                });
            }
        };
        let vault = self.clone();
        self.database
            .write(Lane::Interactive, move |tx| {
                Box::pin(async move {
                    let given = place_of(&vault.objects);
                    // Another node may have settled since this one looked.
                    let settled = rows::settle_place(tx, &given, store).await?;
                    vault.refuse_other_place(&settled, moved)?;
                    if settled.store.is_some_and(|known| known != store) {
                        return Err(PlaceError::OtherStore { given: vault.objects.shown() });
                    }
                    if settled.place != given || settled.store.is_none() {
                        rows::move_place(tx, &given, store).await?;
                    }
                    Ok(())
                })
            })
            .await
    }

    fn refuse_other_place(&self, known: &Settled, moved: bool) -> Result<(), PlaceError> {
        let given = place_of(&self.objects);
        if known.place == given || moved {
            return Ok(());
        }
        Err(PlaceError::Other { known: known.place.clone(), given })
    }

    /// Which store this is, as the object in it says.
    async fn store_mark(&self) -> Result<Option<[u8; 16]>, PlaceError> {
        let bytes = match self.objects.whole(&ObjectPath::Mark.path()).await {
            Ok(bytes) => bytes,
            Err(StoreError::Missing) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let damaged = || PlaceError::DamagedMark { given: self.objects.shown() };
        let mark: Mark = serde_json::from_slice(&bytes).map_err(|_| damaged())?;
        if mark.format != FORMAT {
            return Err(damaged());
        }
        if mark.environment != hex::encode(self.keys.deployment().environment) {
            return Err(PlaceError::OtherInstallation { given: self.objects.shown() });
        }
        let mut store = [0; 16];
        hex::decode_to_slice(&mark.store, &mut store).map_err(|_| damaged())?;
        Ok(Some(store))
    }

    /// Names the store, unless another node just did: then its name counts.
    async fn mark_store(&self, store: [u8; 16]) -> Result<[u8; 16], PlaceError> {
        let environment = hex::encode(self.keys.deployment().environment);
        let mark = Mark { format: FORMAT.to_owned(), environment, store: hex::encode(store) };
        let bytes = serde_json::to_vec(&mark).map_err(|error| StoreError::Log(error.to_string()))?;
        match self.objects.put(&ObjectPath::Mark.path(), bytes).await {
            Ok(()) => Ok(store),
            Err(StoreError::Exists) => {
                let damaged = || PlaceError::DamagedMark { given: self.objects.shown() };
                self.store_mark().await?.ok_or_else(damaged)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Objects that are under way, with the time at which each was begun. A name that ends with `/` is of everything
    /// below it.
    ///
    /// # Errors
    /// [`SqlError`].
    pub async fn objects_under_way(&self) -> Result<Vec<(String, Timestamp)>, SqlError> {
        self.database.read(|tx| Box::pin(async move { rows::intents(tx).await })).await
    }

    /// Forgets what was under way when a copy of the database was made that is put in its place: it may have become what
    /// only the store knows, and is left to be found.
    ///
    /// # Errors
    /// [`SqlError`].
    pub async fn forget_objects_under_way(&self, tx: &mut Tx) -> Result<(), SqlError> {
        rows::remove_intents(tx).await
    }

    /// Forgets objects that were under way a day ago: whoever sent them is gone. Those that no row names are removed by
    /// the next [`Self::remove_spent`]. How many there were.
    ///
    /// # Errors
    /// [`SqlError`].
    pub async fn forget_lost_objects(&self) -> Result<u64, SqlError> {
        let now = self.log.intents().now();
        let day = std::time::Duration::from_secs(24 * 60 * 60);
        intents::forget_stale(&self.database, day, now).await
    }
}

fn place_of(objects: &Objects) -> String {
    if objects.directory().is_some() { DIRECTORY.to_owned() } else { objects.shown() }
}
