//! Rolling over: a new epoch each UTC day, every page sealed anew under it, and only then the end of old ones.
//!
//! Each step may be the last before a crash; the next round goes on from what is there. In this order nothing is lost:
//! a secret is durable in every place before the database names it, the database names it before a page is sealed
//! under it, no page names an epoch when it begins to end, and it has ended when every place confirmed that.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use clerestory_model::Timestamp;
use clerestory_seal::SecretKey;
use clerestory_sql::{Lane, Lock, Tx};

use crate::epochs::{self, EpochRow, EpochState};
use crate::{EpochNumber, EpochPlace, Finding, KeyError, Keys};

/// An epoch's secret is kept this long after it was made, so that copies of the database can be restored.
pub const EPOCH_LIFE: Duration = Duration::from_secs(7 * 24 * 3600);
/// Clocks of two nodes may differ by so much before they stop: see the time guard.
pub(crate) const CLOCKS_DIFFER: Duration = Duration::from_secs(3600);
const DAY_MICROS: i64 = 86_400_000_000;

/// What a round of [`Keys::roll_over`] did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RolledOver {
    /// The epoch pages are sealed under now.
    pub epoch: EpochNumber,
    /// Pages that were sealed anew.
    pub pages: u64,
    /// Epochs that every place confirmed to have destroyed.
    pub ended: Vec<EpochNumber>,
}

impl Keys {
    /// Begins today's epoch if it has not begun, seals every page of an older one anew, and ends those that are older
    /// than 7 days and needed by nothing. Safe to run at any time, again, and by several nodes at once.
    ///
    /// What an administrator should know is in [`Self::findings`] afterwards.
    ///
    /// # Errors
    /// [`KeyError::Stopped`] after a clock jump, [`KeyError::Place`] when a place fails, [`KeyError::Root`]: nothing is sealed anew then
    /// under an epoch that is not in every place, and nothing is destroyed.
    pub async fn roll_over(&self) -> Result<RolledOver, KeyError> {
        let mut findings = Vec::new();
        let result = self.round(&mut findings).await;
        match &result {
            Err(KeyError::Stopped(finding)) => findings.push(finding.clone()),
            Err(KeyError::Place { place, source }) => {
                findings.push(Finding::PlaceFailed { place: place.clone(), problem: source.to_string() });
            }
            Err(KeyError::Root { root, source }) => {
                findings.push(Finding::RootFailed { root: root.clone(), problem: source.to_string() });
            }
            _ => {}
        }
        *self.findings.lock().unwrap_or_else(PoisonError::into_inner) = findings;
        result
    }

    /// What the last roll-over found that an administrator should know.
    #[must_use]
    pub fn findings(&self) -> Vec<Finding> {
        self.findings.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn round(&self, findings: &mut Vec<Finding>) -> Result<RolledOver, KeyError> {
        self.sweeps_may_run().await?;
        let rows = self.epoch_rows().await?;
        let ended: BTreeSet<_> =
            rows.iter().filter(|(_, row)| row.state != EpochState::InUse).map(|(epoch, _)| *epoch).collect();
        let held = self.held_by_places()?;
        let live: BTreeSet<_> = held
            .iter()
            .flat_map(|(_, epochs)| epochs)
            .copied()
            .filter(|epoch| !ended.contains(epoch))
            .collect();
        self.load_epochs(&live)?;
        self.complete_places(&ended)?;
        self.take_back(&ended).await?;
        let rows = self.adopt(&live, rows).await?;
        let epoch = self.begin_today(&rows).await?;
        let pages = self.reseal_pages(epoch, findings).await?;
        let ended = self.end_old(epoch, findings).await?;
        Ok(RolledOver { epoch, pages, ended })
    }

    /// Removes what [`Self::complete_places`] may have brought back: copies of epochs that another node ended while this
    /// one still took them for live. Not at the end of the round, which may come late, or never.
    async fn take_back(&self, known: &BTreeSet<EpochNumber>) -> Result<(), KeyError> {
        let rows = self.epoch_rows().await?;
        let ended = |row: &EpochRow| row.state != EpochState::InUse;
        let since: BTreeSet<_> = rows
            .iter()
            .filter(|(epoch, row)| ended(row) && !known.contains(epoch))
            .map(|(epoch, _)| *epoch)
            .collect();
        if since.is_empty() {
            return Ok(());
        }
        for place in &self.places {
            let held = place.list().map_err(|source| epochs::failed(place.as_ref(), source))?;
            for epoch in held.into_iter().filter(|epoch| since.contains(epoch)) {
                place.remove(epoch).map_err(|source| epochs::failed(place.as_ref(), source))?;
            }
        }
        since.iter().for_each(|epoch| self.ring().drop_epoch(*epoch));
        Ok(())
    }

    /// Names in the database what every place holds and it does not know: made by a round that was cut off, or newer
    /// than a database that was restored.
    async fn adopt(
        &self,
        live: &BTreeSet<EpochNumber>,
        mut rows: BTreeMap<EpochNumber, EpochRow>,
    ) -> Result<BTreeMap<EpochNumber, EpochRow>, KeyError> {
        let now = self.clock.now();
        for epoch in live.iter().filter(|epoch| !rows.contains_key(epoch)).copied().collect::<Vec<_>>() {
            let Some(secret) = self.ring().epoch(epoch) else { continue };
            let made_at = now.min(Timestamp::from_micros(epoch.saturating_mul(DAY_MICROS)));
            rows.insert(epoch, self.name_epoch(epoch, &secret, made_at).await?);
        }
        Ok(rows)
    }

    async fn name_epoch(
        &self,
        epoch: EpochNumber,
        secret: &SecretKey,
        made_at: Timestamp,
    ) -> Result<EpochRow, KeyError> {
        let mark = epochs::mark(secret);
        let found = self.database.write(Lane::Maintenance, move |tx| {
            Box::pin(async move {
                epochs::insert(tx, epoch, mark, made_at).await?;
                epochs::rows(tx).await?.remove(&epoch).ok_or(KeyError::Shape)
            })
        });
        let row = found.await?;
        if row.mark != mark {
            return Err(KeyError::Shape);
        }
        Ok(row)
    }

    /// The epoch to seal under: the newest, or a new one when a UTC day began since that was made.
    async fn begin_today(&self, rows: &BTreeMap<EpochNumber, EpochRow>) -> Result<EpochNumber, KeyError> {
        let now = self.clock.now();
        let newest = rows.iter().rfind(|(_, row)| row.state == EpochState::InUse);
        if let Some((epoch, row)) = newest
            && row.made_at.utc_day() >= now.utc_day()
        {
            return Ok(*epoch);
        }
        // After a clock that ran ahead the day's own number is taken; order is what matters, age is in the row.
        let highest = rows.last_key_value().map(|(epoch, _)| *epoch + 1);
        let epoch = highest.map_or(now.utc_day(), |next| next.max(now.utc_day()));
        let secret = self.keep_everywhere(epoch, SecretKey::generate())?;
        self.name_epoch(epoch, &secret, now).await?;
        self.ring().keep_epoch(epoch, secret);
        Ok(epoch)
    }

    /// Makes a secret durable in every place, beginning with the last: where another node was there first, its secret
    /// is the epoch's.
    fn keep_everywhere(&self, epoch: EpochNumber, secret: SecretKey) -> Result<Arc<SecretKey>, KeyError> {
        let (mut secret, mut wrapped) = (secret, None);
        for place in self.places.iter().rev() {
            let place = place.as_ref();
            let bytes = match wrapped.take() {
                Some(bytes) => bytes,
                None => self.wrap_epoch(epoch, &secret)?,
            };
            match place.keep(epoch, &bytes).and_then(|()| epochs::confirm(place, epoch, &bytes)) {
                Ok(()) => wrapped = Some(bytes),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    let theirs = place.read(epoch).map_err(|source| epochs::failed(place, source))?;
                    let found = self.unwrap_epoch(epoch, &theirs)?;
                    wrapped = Some(if epochs::mark(&found) == epochs::mark(&secret) {
                        bytes
                    } else {
                        secret = found;
                        theirs
                    });
                }
                Err(source) => return Err(epochs::failed(place, source)),
            }
        }
        if let Some(bytes) = wrapped {
            self.ring().know_sound(epoch, &bytes);
        }
        Ok(Arc::new(secret))
    }

    /// Ends every epoch that is older than 7 days, that no page names and no backup needs, and goes on with those
    /// whose end was cut off.
    async fn end_old(
        &self,
        newest: EpochNumber,
        findings: &mut Vec<Finding>,
    ) -> Result<Vec<EpochNumber>, KeyError> {
        let now = self.clock.now();
        let floor = self.backup_floor().await?;
        for (epoch, row) in self.epoch_rows().await? {
            if row.state != EpochState::InUse || epoch >= newest || now < row.made_at.plus(EPOCH_LIFE) {
                continue;
            }
            if floor.is_some_and(|floor| epoch >= floor) {
                findings.push(Finding::BackupNeeds { epoch });
            } else if !self.begin_end(epoch).await? {
                findings.push(Finding::PageNeeds { epoch });
            }
        }
        let rows = self.epoch_rows().await?;
        let over = |epoch: &EpochNumber| rows.get(epoch).is_some_and(|row| row.state != EpochState::InUse);
        let ending: Vec<_> =
            rows.iter().filter(|(_, row)| row.state == EpochState::Ending).map(|(epoch, _)| *epoch).collect();
        let mut failure = None;
        for place in &self.places {
            if let Err(source) = remove_all(place.as_ref(), &over, &ending) {
                failure = Some(epochs::failed(place.as_ref(), source));
            }
        }
        if let Some(failure) = failure {
            return Err(failure);
        }
        // Where a place takes its time, the epoch is gone when that is over.
        let now = now.plus(self.waiting());
        for epoch in ending.iter().copied() {
            let write = self.database.write(Lane::Maintenance, move |tx| {
                Box::pin(async move {
                    let sql =
                        "UPDATE key_epochs SET state = $2, gone_at = $3 WHERE epoch = $1 AND state = $4";
                    let (gone, ending) = (EpochState::Gone.into(), EpochState::Ending.into());
                    Ok::<_, KeyError>(tx.execute(sql, &[epoch.into(), gone, now.into(), ending]).await?)
                })
            });
            write.await?;
        }
        Ok(ending)
    }

    /// Takes an epoch out of use unless a page names it. From then on none can.
    async fn begin_end(&self, epoch: EpochNumber) -> Result<bool, KeyError> {
        let write = self.database.write(Lane::Maintenance, move |tx| {
            Box::pin(async move {
                let sql = "SELECT state FROM key_epochs WHERE epoch = $1";
                tx.query_opt_locked(Lock::Exclusive, sql, &[epoch.into()]).await?;
                let sql = "SELECT 1 FROM key_pages WHERE epoch = $1 LIMIT 1";
                if tx.query_opt(sql, &[epoch.into()]).await?.is_some() {
                    return Ok(false);
                }
                let sql = "UPDATE key_epochs SET state = $2 WHERE epoch = $1 AND state = $3";
                let states = [EpochState::Ending.into(), EpochState::InUse.into()];
                let [ending, in_use] = states;
                tx.execute(sql, &[epoch.into(), ending, in_use]).await?;
                Ok::<_, KeyError>(true)
            })
        });
        let ends = write.await?;
        if ends {
            self.ring().drop_epoch(epoch);
        }
        Ok(ends)
    }

    /// Says which epochs the newest good backup needs: `floor` and all after it. They are kept until a newer backup
    /// says otherwise; none while there is no backup.
    ///
    /// # Errors
    /// [`KeyError::Sql`].
    pub async fn keep_for_backup(&self, tx: &mut Tx, floor: Option<EpochNumber>) -> Result<(), KeyError> {
        let sql = "UPDATE key_rollover SET backup_floor = $1 WHERE one = 1";
        Ok(tx.execute_one("key_rollover", sql, &[floor.into()]).await?)
    }

    /// The oldest epoch that a page of this database names: what a backup of it needs.
    ///
    /// # Errors
    /// [`KeyError::Sql`].
    pub async fn oldest_epoch_named(&self, tx: &mut Tx) -> Result<Option<EpochNumber>, KeyError> {
        let row = tx.query_opt("SELECT min(epoch) FROM key_pages", &[]).await?;
        Ok(row.map_or(Ok(None), |row| row.get(0))?)
    }

    async fn backup_floor(&self) -> Result<Option<EpochNumber>, KeyError> {
        let read = self.database.read(|tx| {
            Box::pin(async move {
                let sql = "SELECT backup_floor FROM key_rollover WHERE one = 1";
                let row = tx.query_opt(sql, &[]).await?.ok_or(KeyError::Shape)?;
                Ok(row.get::<Option<EpochNumber>>(0)?)
            })
        });
        read.await
    }

    /// Since when nothing that was destroyed at `destroyed_at` can be read in any older copy of the database: when the
    /// last epoch that was in use by then had ended in every place. `None` while one has not.
    ///
    /// # Errors
    /// [`KeyError::Sql`].
    pub async fn unreadable_since(
        &self,
        tx: &mut Tx,
        destroyed_at: Timestamp,
    ) -> Result<Option<Timestamp>, KeyError> {
        let row = tx
            .query_opt(
                "SELECT count(*), count(gone_at), max(gone_at) FROM key_epochs WHERE made_at <= $1",
                // Another node's clock may have been ahead by so much when it made the epoch that was in use.
                &[destroyed_at.plus(CLOCKS_DIFFER).into()],
            )
            .await?
            .ok_or(KeyError::Shape)?;
        let (all, gone): (i64, i64) = (row.get(0)?, row.get(1)?);
        if all == 0 || all != gone {
            return Ok(None);
        }
        let since: Option<Timestamp> = row.get(2)?;
        Ok(since.filter(|since| *since <= self.clock.now()))
    }

    /// The longest time a place takes until what was removed there cannot be brought back.
    #[must_use]
    pub fn waiting(&self) -> Duration {
        self.places.iter().map(|place| place.waiting()).max().unwrap_or_default()
    }
}

/// Removes what is over from a place. What says that it is gone is the place, asked again: for its list, and for the
/// bytes of those epochs that are about to count as gone.
fn remove_all(
    place: &dyn EpochPlace,
    over: &dyn Fn(&EpochNumber) -> bool,
    ending: &[EpochNumber],
) -> io::Result<()> {
    for epoch in place.list()?.into_iter().filter(over) {
        place.remove(epoch)?;
    }
    if place.list()?.iter().any(over) {
        return Err(io::Error::other("it still holds an epoch that was removed"));
    }
    for epoch in ending {
        match place.read(*epoch) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Ok(_) => return Err(io::Error::other("it still gives out an epoch that was removed")),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
