//! Where the objects of an installation lie is remembered, so that it is not started over another store by mistake.

use clerestory_model::Timestamp;
use clerestory_sql::{Lane, SqlError};

use crate::{Objects, Vault, intents, rows};

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
    /// It could not be looked up.
    #[error("the place of the objects could not be looked up")]
    Sql(#[from] SqlError),
}

impl Vault {
    /// Remembers where the objects lie, or sees that they lie where they did. `moved` says that they were moved.
    ///
    /// # Errors
    /// [`PlaceError::Other`].
    pub async fn settle_place(&self, moved: bool) -> Result<(), PlaceError> {
        let given = place_of(&self.objects);
        let known = self.database.read(|tx| Box::pin(async move { rows::place(tx).await }));
        match known.await.map_err(|error: SqlError| PlaceError::from(error))? {
            Some(known) if known == given => return Ok(()),
            Some(known) if !moved => return Err(PlaceError::Other { known, given }),
            _ => {}
        }
        let set = self
            .database
            .write(Lane::Interactive, move |tx| Box::pin(async move { rows::set_place(tx, &given).await }));
        set.await.map_err(|error: SqlError| PlaceError::from(error))
    }

    /// Objects that are under way, with the time at which each was begun. A name that ends with `/` is of everything
    /// below it.
    ///
    /// # Errors
    /// [`SqlError`].
    pub async fn objects_under_way(&self) -> Result<Vec<(String, Timestamp)>, SqlError> {
        self.database.read(|tx| Box::pin(async move { rows::intents(tx).await })).await
    }

    /// Forgets objects that were under way a day ago: whoever sent them is gone. How many there were.
    ///
    /// # Errors
    /// [`SqlError`].
    pub async fn forget_lost_objects(&self) -> Result<u64, SqlError> {
        let now = self.log.intents().now();
        let day = std::time::Duration::from_secs(24 * 60 * 60);
        let before = Timestamp::from_micros(now.micros().saturating_sub(day.as_micros() as i64));
        intents::forget_before(&self.database, before).await
    }
}

fn place_of(objects: &Objects) -> String {
    if objects.directory().is_some() { DIRECTORY.to_owned() } else { objects.shown() }
}
