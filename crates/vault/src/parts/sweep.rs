//! Removing objects that nothing lies in any more: files of the ingest log whose segments are all settled or erased,
//! parts and single segments that were erased, parts that lost.

use std::fs::{File, TryLockError};

use clerestory_model::Timestamp;
use clerestory_sql::{Lane, SqlError};
use clerestory_store::parts::spent::{self, Spent};

use super::settle::SettleError;
use crate::{ObjectPath, PartName, StoreError, Vault, rows};

/// Names looked at in one go.
const PAGE: u32 = 500;

impl Vault {
    /// Removes the objects whose rows were taken away and that no other row names: on a bucket with every version. Those
    /// that somebody is writing stay until that is over. How many were removed.
    ///
    /// Safe to call at any time and on several nodes at once.
    ///
    /// # Errors
    /// [`SettleError::Sql`], [`SettleError::Store`]: what is left is removed by the next call.
    pub async fn remove_spent(&self) -> Result<u64, SettleError> {
        let (mut removed, mut after, now) = (0, String::new(), self.log.intents().now());
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
                removed += u64::from(self.remove_one_spent(&object).await?);
            }
        }
        self.remove_ended_runs().await?;
        Ok(removed)
    }

    /// Removes one object that no row names; `false` when somebody is writing it, or a row names it again.
    pub(crate) async fn remove_one_spent(&self, object: &str) -> Result<bool, SettleError> {
        if self.is_under_way(object).await? {
            return Ok(false);
        }
        let Some(_held) = self.hold_file(object)? else { return Ok(false) };
        // It was listed before that. Whoever wrote it then may have committed a row since, and is done only now.
        let (name, now) = (object.to_owned(), self.log.intents().now());
        let named: Result<bool, SqlError> = self
            .database
            .read(move |tx| Box::pin(async move { spent::is_named(tx, &name, now).await }))
            .await;
        if named? {
            return Ok(false);
        }
        self.objects().remove(object).await?;
        let gone = vec![object.to_owned()];
        let forgotten = self
            .database
            .write(Lane::Maintenance, move |tx| Box::pin(async move { spent::forget(tx, &gone).await }));
        let forgotten: Result<(), SqlError> = forgotten.await;
        forgotten?;
        Ok(true)
    }

    /// Whether an intent keeps the object. That of a part whose claim ran out does not: it is taken away.
    async fn is_under_way(&self, object: &str) -> Result<bool, SqlError> {
        let late = self.log.intents().now().minus(super::settle::CLAIM_LASTS * 2);
        let (name, part) = (object.to_owned(), object.parse::<PartName>().is_ok());
        self.database
            .write(Lane::Maintenance, move |tx| {
                Box::pin(async move {
                    let at: Option<Timestamp> = rows::intent(tx, &name).await?;
                    match at {
                        None => Ok(false),
                        Some(at) if part && at < late => {
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
