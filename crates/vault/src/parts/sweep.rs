//! Removing objects that nothing lies in any more: files of the ingest log whose segments are all settled or erased,
//! parts and single segments that were erased, parts that lost.

use std::fs::{File, TryLockError};
use std::time::Duration;

use clerestory_model::{Timestamp, TrackId};
use clerestory_sql::{Lane, SqlError, Tx};
use clerestory_store::parts::spent::{self, Spent};
use clerestory_store::segments;

use super::settle::SettleError;
use crate::{ObjectPath, PartName, StoreError, Vault, rows};

/// Names looked at in one go.
const PAGE: u32 = 500;
/// A put that was given up arrives within this time, or not at all.
const ARRIVES_WITHIN: Duration = Duration::from_secs(30 * 60);

/// How it stands with an object that was listed as spent.
enum Standing {
    /// A row names it, or somebody else has removed it.
    Named,
    /// It is a single segment's, and the part that names it keeps it.
    InPart,
    /// It is to be removed, since then.
    Due(Timestamp),
}

impl Vault {
    /// Removes the objects whose rows were taken away and that no other row names: on a bucket with every version. Those
    /// that somebody is writing stay until that is over. How many were removed.
    ///
    /// Safe to call at any time and on several nodes at once.
    ///
    /// # Errors
    /// [`SettleError::Sql`], [`SettleError::Store`]: what is left is removed by the next call. An object that cannot be
    /// removed does not keep the others.
    pub async fn remove_spent(&self) -> Result<u64, SettleError> {
        let (mut removed, mut after, mut failed) = (0, String::new(), None);
        let now = self.log.intents().now();
        loop {
            let from = after.clone();
            let page = self
                .database
                .read(move |tx| Box::pin(async move { spent::unnamed(tx, &from, now, PAGE).await }));
            let page: Result<Vec<Spent>, SqlError> = page.await;
            let page = page?;
            let Some(last) = page.last() else { break };
            after.clone_from(&last.object);
            for Spent { object, .. } in page {
                match self.remove_one_spent(&object).await {
                    Ok(gone) => removed += u64::from(gone),
                    // A store that does not answer answers none of them.
                    Err(SettleError::Store(error)) if !error.passes() => failed = failed.or(Some(error)),
                    Err(other) => return Err(other),
                }
            }
        }
        self.remove_ended_runs().await?;
        failed.map_or(Ok(removed), |error| Err(error.into()))
    }

    /// Removes one object that no row names; `false` when somebody is writing it, or a row names it again.
    pub(crate) async fn remove_one_spent(&self, object: &str) -> Result<bool, SettleError> {
        if self.is_under_way(object).await? {
            return Ok(false);
        }
        let Some(_held) = self.hold_file(object)? else { return Ok(false) };
        // It was listed before that. Whoever wrote it then may have committed a row since, and is done only now.
        let (name, now) = (object.to_owned(), self.log.intents().now());
        let standing: Result<Standing, SqlError> =
            self.database.read(move |tx| Box::pin(async move { standing(tx, &name, now).await })).await;
        match standing? {
            Standing::Named => return Ok(false),
            Standing::InPart => return self.forget_spent(object).await.map(|()| false),
            Standing::Due(at) if self.may_arrive(object, at).await? => return Ok(false),
            Standing::Due(_) => {}
        }
        self.objects().remove(object).await?;
        self.forget_spent(object).await?;
        Ok(true)
    }

    async fn forget_spent(&self, object: &str) -> Result<(), SettleError> {
        let gone = vec![object.to_owned()];
        let forgotten = self
            .database
            .write(Lane::Maintenance, move |tx| Box::pin(async move { spent::forget(tx, &gone).await }));
        let forgotten: Result<(), SqlError> = forgotten.await;
        Ok(forgotten?)
    }

    /// Whether an object that is not there may be yet: a put that was given up may arrive in a bucket.
    async fn may_arrive(&self, object: &str, spent_at: Timestamp) -> Result<bool, StoreError> {
        let now = self.log.intents().now();
        let young = spent_at > now.minus(ARRIVES_WITHIN) && spent_at < now.plus(ARRIVES_WITHIN);
        Ok(young && self.objects().directory().is_none() && self.objects().length(object).await?.is_none())
    }

    /// Whether an intent keeps the object. That of a part whose claim ran out does not: it is taken away.
    async fn is_under_way(&self, object: &str) -> Result<bool, SqlError> {
        let lasts = super::settle::CLAIM_LASTS * 2;
        let now = self.log.intents().now();
        // One that is of later than now was made by a clock that was ahead.
        let stands = now.minus(lasts)..now.plus(lasts);
        let (name, part) = (object.to_owned(), object.parse::<PartName>().is_ok());
        self.database
            .write(Lane::Maintenance, move |tx| {
                Box::pin(async move {
                    let at: Option<Timestamp> = rows::intent(tx, &name).await?;
                    match at {
                        None => Ok(false),
                        Some(at) if part && !stands.contains(&at) => {
                            rows::remove_intent(tx, &name).await?;
                            Ok(false)
                        }
                        Some(_) => Ok(true),
                    }
                })
            })
            .await
    }

    /// Sees that no process has a file of the ingest log open, nor bytes in it whose rows are still to come, and keeps it
    /// so. `None` when one has.
    pub(crate) fn hold_file(&self, object: &str) -> Result<Option<Option<File>>, StoreError> {
        let Some(root) = self.objects().directory().filter(|_| object.starts_with("log/")) else {
            return Ok(Some(None));
        };
        hold(&root.join(object))
    }

    /// Removes the directories of runs of this store that are over and have no files left, with what says that they run.
    async fn remove_ended_runs(&self) -> Result<(), SettleError> {
        let Some(root) = self.objects().directory() else { return Ok(()) };
        for (object, _) in self.objects_under_way().await? {
            let Some(run) = object.strip_prefix("log/").and_then(|run| run.strip_suffix('/')) else {
                continue;
            };
            let directory = root.join(ObjectPath::LogRun { generation: run }.path());
            let Some(_held) = hold(&directory)? else { continue };
            match std::fs::remove_dir(&directory) {
                Ok(()) => {}
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                // Something lies in it still.
                Err(_) => continue,
            }
            let gone = self.database.write(Lane::Maintenance, move |tx| {
                Box::pin(async move { rows::remove_intent(tx, &object).await })
            });
            let gone: Result<(), SqlError> = gone.await;
            gone?;
        }
        Ok(())
    }
}

async fn standing(tx: &mut Tx, object: &str, now: Timestamp) -> Result<Standing, SqlError> {
    let Some(at) = spent::since(tx, object).await? else { return Ok(Standing::Named) };
    if spent::is_named(tx, object, now).await? {
        return Ok(Standing::Named);
    }
    Ok(if is_single_in_use(tx, object).await? { Standing::InPart } else { Standing::Due(at) })
}

/// Whether this is the object of a single large segment that has a row, or is among the facts of a part.
pub(crate) async fn is_single_in_use(tx: &mut Tx, object: &str) -> Result<bool, SqlError> {
    let Some((track, sequence)) = single(object) else { return Ok(false) };
    let found = segments::find(tx, track, sequence).await?;
    Ok(found.is_some_and(|segment| segment.extent.object == object))
}

/// Which segment the object of a single large one is of.
fn single(object: &str) -> Option<(TrackId, u64)> {
    let (below, name) = object.strip_prefix("segments/")?.rsplit_once('/')?;
    let (_, track) = below.rsplit_once('/')?;
    Some((track.parse().ok()?, name.split_once('-')?.0.parse().ok()?))
}

/// Locks a file or directory of the ingest log, if nobody has it. One that is not there is nobody's.
fn hold(path: &std::path::Path) -> Result<Option<Option<File>>, StoreError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Some(None)),
        Err(error) => return Err(StoreError::Log(error.to_string())),
    };
    match file.try_lock() {
        Ok(()) => Ok(Some(Some(file))),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(StoreError::Log(error.to_string())),
    }
}
