//! A clock that somebody set wrong must not end epochs or sweep recordings: it is noticed, and somebody has to say so.

use std::sync::PoisonError;
use std::time::Duration;

use clerestory_model::Timestamp;
use clerestory_sql::{Database, Lane, Lock, SqlError, Tx};

use crate::{Finding, KeyError, Keys};

/// A clock that is off by more than this jumped.
const TOLERANCE: Duration = Duration::from_secs(3600);

/// The same for what sweeps what has fallen due, from one of its turns to the next: what it queues is gone for good.
const SWEEP_TOLERANCE: Duration = Duration::from_secs(5 * 60);

/// An installation may have been off for so long without anybody having to say that the time is right.
const OFF: Duration = Duration::from_secs(7 * 24 * 3600);

/// Whoever was away for longer than this when a process starts may be a node whose clock is ahead: others that run were seen
/// a few minutes ago.
const UNSEEN: Duration = Duration::from_secs(15 * 60);

/// A process that starts so waits this long before it sweeps. Other nodes look every five minutes, and stop everybody where
/// the clock that was seen is ahead of theirs.
const HEARD: Duration = Duration::from_secs(15 * 60);

/// The newest time that any node has seen, as the database knows it. To be asked before the registry is opened, which moves
/// it on.
///
/// # Errors
/// [`SqlError`].
pub async fn last_seen(database: &Database) -> Result<Option<Timestamp>, SqlError> {
    database
        .read(|tx| {
            Box::pin(async move {
                let row = tx.query_opt("SELECT seen_at FROM key_rollover WHERE one = 1", &[]).await?;
                row.map(|row| row.get(0)).transpose()
            })
        })
        .await
}

/// What the clock said when what passed began to be measured.
#[derive(Clone, Copy)]
pub(crate) struct Anchor {
    now: Timestamp,
    passed: Duration,
    /// How often somebody had confirmed the time by then: once more makes a new beginning.
    confirmed: i64,
}

impl Anchor {
    /// What the time should be by what passed.
    fn expects(&self, passed: Duration) -> Timestamp {
        self.now.plus(passed.saturating_sub(self.passed))
    }
}

impl Keys {
    /// Whether the time can be believed, so that sweeps may run. A clock that jumped by more than an hour, against
    /// what passed while this process ran or back from what any node has seen, stops them on all nodes until
    /// [`Self::confirm_time`]. A server that was off for a month has not jumped.
    ///
    /// # Errors
    /// [`KeyError::Stopped`].
    pub async fn sweeps_may_run(&self) -> Result<(), KeyError> {
        let (now, passed) = (self.clock.now(), self.clock.monotonic());
        let before = *self.anchor.lock().unwrap_or_else(PoisonError::into_inner);
        let write = self.database.write(Lane::Maintenance, move |tx| {
            Box::pin(async move { look(tx, before, (now, passed)).await })
        });
        let (anchor, jumped) = write.await?;
        *self.anchor.lock().unwrap_or_else(PoisonError::into_inner) = Some(anchor);
        match jumped {
            None => Ok(()),
            Some((from, to)) => Err(KeyError::Stopped(Finding::ClockJumped { from, to })),
        }
    }

    /// Compares the clock at the start of a process with the newest time that was known before it. One that is more than a
    /// week ahead stops sweeps on all nodes until [`Self::confirm_time`]: whoever was off for longer says that the time is
    /// right. One that is minutes ahead keeps this process from sweeping until other nodes have had the time to object.
    ///
    /// # Errors
    /// [`KeyError::Sql`].
    pub async fn judge_start(&self, known: Timestamp) -> Result<(), KeyError> {
        let (now, passed) = (self.clock.now(), self.clock.monotonic());
        // What was seen may have been this clock itself, a start ago.
        let believed = self.believed().await?.map_or(known, |believed| believed.min(known));
        if now.since(believed) > UNSEEN {
            let start = Anchor { now, passed, confirmed: self.confirmed() };
            *self.start.lock().unwrap_or_else(PoisonError::into_inner) = Some((believed, start));
        }
        if now.since(known) <= OFF {
            return Ok(());
        }
        tracing::error!(%known, %now, "the clock is far ahead of what was known last: nothing is swept until somebody confirms the time");
        let sql =
            "UPDATE key_rollover SET jumped_from = $1, jumped_to = $2 WHERE one = 1 AND jumped_from IS NULL";
        let noted = self.database.write(Lane::Maintenance, move |tx| {
            Box::pin(async move { tx.execute(sql, &[known.into(), now.into()]).await.map(drop) })
        });
        let noted: Result<(), SqlError> = noted.await;
        Ok(noted?)
    }

    /// As [`Self::sweeps_may_run`], for the sweeper of recordings: a jump of more than five minutes since this process asked
    /// before stops them too. Gives the time that was found right: a sweep goes by it to its end.
    ///
    /// # Errors
    /// [`KeyError::Stopped`].
    pub async fn sweeper_may_run(&self) -> Result<Timestamp, KeyError> {
        self.sweeps_may_run().await?;
        let (now, passed) = (self.clock.now(), self.clock.monotonic());
        let confirmed = self.confirmed();
        self.may_be_heard(passed, confirmed)?;
        let turn = Anchor { now, passed, confirmed };
        let before = *self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let expected =
            before.filter(|before| before.confirmed == confirmed).map(|before| before.expects(passed));
        let Some(from) = expected.filter(|expected| apart(now, *expected) > SWEEP_TOLERANCE) else {
            *self.turn.lock().unwrap_or_else(PoisonError::into_inner) = Some(turn);
            self.believe(now).await?;
            return Ok(now);
        };
        let sql =
            "UPDATE key_rollover SET jumped_from = $1, jumped_to = $2 WHERE one = 1 AND jumped_from IS NULL";
        let noted = self.database.write(Lane::Maintenance, move |tx| {
            Box::pin(async move { tx.execute(sql, &[from.into(), now.into()]).await })
        });
        let noted: Result<u64, clerestory_sql::SqlError> = noted.await;
        noted?;
        Err(KeyError::Stopped(Finding::ClockJumped { from, to: now }))
    }

    /// The newest time by which anything was swept.
    async fn believed(&self) -> Result<Option<Timestamp>, SqlError> {
        self.database
            .read(|tx| {
                Box::pin(async move {
                    let row = tx.query_opt("SELECT believed_at FROM key_rollover WHERE one = 1", &[]).await?;
                    row.map_or(Ok(None), |row| row.get(0))
                })
            })
            .await
    }

    async fn believe(&self, now: Timestamp) -> Result<(), SqlError> {
        let sql = "UPDATE key_rollover SET believed_at = $1 WHERE one = 1 AND (believed_at IS NULL OR believed_at < $1)";
        let write = self.database.write(Lane::Maintenance, move |tx| {
            Box::pin(async move { tx.execute(sql, &[now.into()]).await })
        });
        let written: Result<u64, SqlError> = write.await;
        written.map(drop)
    }

    /// How often somebody had confirmed the time when this process looked last.
    fn confirmed(&self) -> i64 {
        self.anchor.lock().unwrap_or_else(PoisonError::into_inner).map_or(0, |anchor| anchor.confirmed)
    }

    /// Sees that whoever else runs has had the time to object to the clock that this process started with.
    fn may_be_heard(&self, passed: Duration, confirmed: i64) -> Result<(), KeyError> {
        let start = *self.start.lock().unwrap_or_else(PoisonError::into_inner);
        match start {
            Some((seen, start))
                if start.confirmed == confirmed && passed.saturating_sub(start.passed) < HEARD =>
            {
                Err(KeyError::Stopped(Finding::JustStarted { seen, now: start.now }))
            }
            _ => Ok(()),
        }
    }

    /// Whether the clock is doubted, so that nothing is swept on any node until [`Self::confirm_time`].
    ///
    /// # Errors
    /// [`SqlError`].
    pub async fn is_clock_doubted(&self) -> Result<bool, SqlError> {
        self.database
            .read(|tx| {
                Box::pin(async move {
                    let sql = "SELECT 1 FROM key_rollover WHERE one = 1 AND jumped_to IS NOT NULL";
                    Ok(tx.query_opt(sql, &[]).await?.is_some())
                })
            })
            .await
    }

    /// An administrator says, in the caller's transaction, that the time is right now: rolling over and sweeping go on
    /// on every node. Who may say so, and the record of it, are the caller's.
    ///
    /// # Errors
    /// [`KeyError::Sql`].
    pub async fn confirm_time(&self, tx: &mut Tx) -> Result<(), KeyError> {
        let now = self.clock.now();
        tx.execute_one(
            "key_rollover",
            "UPDATE key_rollover SET seen_at = $1, believed_at = $1, confirmed = confirmed + 1, jumped_from = NULL, jumped_to = NULL
             WHERE one = 1",
            &[now.into()],
        )
        .await?;
        // Made by a clock that ran ahead: their age is not known, so it is counted from here.
        tx.execute("UPDATE key_epochs SET made_at = $1 WHERE made_at > $1", &[now.into()]).await?;
        Ok(())
    }
}

/// Compares the time with what was seen and with what passed; remembers a jump until somebody confirms the time.
async fn look(
    tx: &mut Tx,
    before: Option<Anchor>,
    (now, passed): (Timestamp, Duration),
) -> Result<(Anchor, Option<(Timestamp, Timestamp)>), KeyError> {
    let sql = "SELECT seen_at, confirmed, jumped_from, jumped_to FROM key_rollover WHERE one = 1";
    let row = tx.query_opt_locked(Lock::Exclusive, sql, &[]).await?.ok_or(KeyError::Shape)?;
    let (seen, confirmed): (Timestamp, i64) = (row.get(0)?, row.get(1)?);
    let anchor =
        before.filter(|anchor| anchor.confirmed == confirmed).unwrap_or(Anchor { now, passed, confirmed });
    if let (Some(from), Some(to)) = (row.get(2)?, row.get(3)?) {
        return Ok((anchor, Some((from, to))));
    }
    let by_what_passed = anchor.expects(passed);
    let expected = if apart(now, by_what_passed) > TOLERANCE {
        by_what_passed
    } else if seen.since(now) > TOLERANCE {
        seen
    } else {
        let sql = "UPDATE key_rollover SET seen_at = $1 WHERE one = 1 AND seen_at < $1";
        tx.execute(sql, &[now.into()]).await?;
        return Ok((anchor, None));
    };
    let sql = "UPDATE key_rollover SET jumped_from = $1, jumped_to = $2 WHERE one = 1";
    tx.execute_one("key_rollover", sql, &[expected.into(), now.into()]).await?;
    Ok((anchor, Some((expected, now))))
}

fn apart(one: Timestamp, other: Timestamp) -> Duration {
    one.since(other).max(other.since(one))
}
