//! What says that an object is under way, so that nothing takes it for an orphan.
//!
//! A row is durable before the first byte of its object is sent. It goes when the rows that name the object are
//! committed, or when the object is known not to be stored. Whoever commits rows that name the object looks at the
//! intent in the same transaction ([`Stored::confirm`](crate::Stored::confirm)): whoever removes an orphan removes
//! its intent first, so that the two cannot both go on.
//!
//! An object that rows may not name is noted as spent before its intent goes, and so is one whose intent is a day old: it
//! is removed when no row names it.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clerestory_model::{Clock, Timestamp};
use clerestory_sql::{Database, Lane, SqlError, Tx};
use clerestory_store::parts::spent;
use tokio::runtime::Handle;

use crate::parts::is_single_in_use;
use crate::{StoreError, rows};

/// Writes intents.
#[derive(Clone)]
pub(crate) struct Intents {
    database: Database,
    clock: Arc<dyn Clock>,
}

impl Intents {
    pub(crate) fn new(database: Database, clock: Arc<dyn Clock>) -> Self {
        Self { database, clock }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Makes the intent for `object` durable. A name that ends with `/` is of everything below it.
    pub(crate) async fn reserve(&self, object: &str, release: Release) -> Result<Intent, StoreError> {
        let (at, name) = (self.clock.now(), object.to_owned());
        self.database
            .write(Lane::Intake, move |tx| Box::pin(async move { rows::add_intent(tx, &name, at).await }))
            .await?;
        Ok(self.noted(object, release))
    }

    /// Writes the intent for `object` in the caller's transaction; [`Self::noted`] when it is committed.
    pub(crate) async fn note(&self, tx: &mut Tx, object: &str) -> Result<(), SqlError> {
        rows::add_intent(tx, object, self.clock.now()).await
    }

    /// The intent for `object` that was committed.
    pub(crate) fn noted(&self, object: &str, release: Release) -> Intent {
        let (intents, runtime) = (self.clone(), Handle::current());
        Intent { object: object.to_owned(), intents, runtime, release, stays: AtomicBool::new(false) }
    }
}

/// When an intent's row goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Release {
    /// When the last who has the intent drops it.
    OnDrop,
    /// Never while the process runs.
    Standing,
}

/// An intent that is durable.
pub(crate) struct Intent {
    object: String,
    intents: Intents,
    /// Whoever drops it last may be no thread of the runtime.
    runtime: Handle,
    release: Release,
    /// It is not known to be on record that the object may have to be removed: the row stays until it is a day old.
    stays: AtomicBool,
}

impl Intent {
    /// Whether the intent still stands, in the transaction that commits the rows which name its object.
    pub(crate) async fn confirm(&self, tx: &mut Tx) -> Result<(), StoreError> {
        match self.stands(tx).await? {
            true => Ok(()),
            false => Err(StoreError::GivenUp),
        }
    }

    /// As [`Self::confirm`], for who knows what to do when it does not.
    pub(crate) async fn stands(&self, tx: &mut Tx) -> Result<bool, SqlError> {
        rows::intent_stands(tx, &self.object).await
    }

    /// Removes the row now, and not behind whoever drops it.
    pub(crate) async fn release(mut self) -> Result<(), SqlError> {
        self.release = Release::Standing;
        let object = std::mem::take(&mut self.object);
        self.intents
            .database
            .write(Lane::Maintenance, move |tx| {
                Box::pin(async move { rows::remove_intent(tx, &object).await })
            })
            .await
    }

    /// Hands an object over to be removed when no row names it, behind whoever does not need it any more. The intent and
    /// the file are held until that is on record.
    pub(crate) fn hand_over(self: &Arc<Self>, object: String, file: Option<Arc<File>>) {
        let intent = Arc::clone(self);
        self.runtime.spawn(async move {
            let (at, named) = (intent.intents.now(), object.clone());
            let noted = intent
                .intents
                .database
                .write(Lane::Maintenance, move |tx| Box::pin(async move { note(tx, &named, at).await }));
            let noted: Result<(), SqlError> = noted.await;
            if let Err(error) = noted {
                intent.stays.store(true, Ordering::Relaxed);
                tracing::warn!(%error, object, "an object that may have to be removed could not be noted");
            }
            drop(file);
        });
    }
}

impl std::fmt::Debug for Intent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Intent").field(&self.object).finish()
    }
}

impl Drop for Intent {
    /// Removes the row, behind whoever drops it. What a crash leaves is removed by [`forget_stale`].
    fn drop(&mut self) {
        if self.release == Release::Standing || self.stays.load(Ordering::Relaxed) {
            return;
        }
        let (database, object) = (self.intents.database.clone(), std::mem::take(&mut self.object));
        self.runtime.spawn(async move {
            let done = database
                .write(Lane::Maintenance, move |tx| {
                    Box::pin(async move { rows::remove_intent(tx, &object).await })
                })
                .await;
            if let Err(error) = done {
                let error: SqlError = error;
                tracing::warn!(%error, "an intent was not removed; it is removed when it is a day old");
            }
        });
    }
}

/// Notes that an object is to be removed when no row names it. One that holds a single segment and is named has nothing
/// in it that is not.
async fn note(tx: &mut Tx, object: &str, at: Timestamp) -> Result<(), SqlError> {
    if is_single_in_use(tx, object).await? { Ok(()) } else { spent::note(tx, object, at).await }
}

/// Removes the intents for single objects that were reserved longer ago than `lasts`: their writers are gone. So are those
/// of a clock that was as far ahead. Their objects are handed over to be removed where no row names them.
///
/// # Errors
/// [`SqlError`].
pub(crate) async fn forget_stale(
    database: &Database,
    lasts: Duration,
    now: Timestamp,
) -> Result<u64, SqlError> {
    database
        .write(Lane::Maintenance, move |tx| {
            Box::pin(async move {
                let old = rows::intents_outside(tx, now.minus(lasts), now.plus(lasts)).await?;
                for object in &old {
                    note(tx, object, now).await?;
                    rows::remove_intent(tx, object).await?;
                }
                Ok(old.len() as u64)
            })
        })
        .await
}
