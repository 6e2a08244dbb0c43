//! A clock that somebody set wrong must not end epochs or sweep recordings: it is noticed, and somebody has to say so.

use std::sync::PoisonError;
use std::time::Duration;

use clerestory_model::Timestamp;
use clerestory_sql::{Lane, Lock};

use crate::{Finding, KeyError, Keys};

/// A clock that is off by more than this jumped.
const TOLERANCE: Duration = Duration::from_secs(3600);

/// What the clock said when what passed began to be measured.
#[derive(Clone, Copy)]
pub(crate) struct Anchor {
    now: Timestamp,
    passed: Duration,
}

impl Keys {
    fn anchor_now(&self) -> Anchor {
        Anchor { now: self.clock.now(), passed: self.clock.monotonic() }
    }

    /// Whether the time can be believed, so that sweeps may run. A clock that jumped by more than an hour, against
    /// what passed while this process ran or back from what any node has seen, stops them on all nodes until
    /// [`Self::confirm_time`]. A server that was off for a month has not jumped.
    ///
    /// # Errors
    /// [`KeyError::Stopped`].
    pub async fn sweeps_may_run(&self) -> Result<(), KeyError> {
        let here = self.anchor_now();
        let (now, mut expected) = (here.now, here.now);
        let anchor = *self.anchor.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(here);
        let by_what_passed = anchor.now.plus(here.passed.saturating_sub(anchor.passed));
        if apart(now, by_what_passed) > TOLERANCE {
            expected = by_what_passed;
        }
        let write = self.database.write(Lane::Maintenance, move |tx| {
            Box::pin(async move {
                let sql = "SELECT seen_at, jumped_from, jumped_to FROM key_rollover WHERE one = 1";
                let row = tx.query_opt_locked(Lock::Exclusive, sql, &[]).await?;
                let row = row.ok_or(KeyError::Shape)?;
                let seen: Timestamp = row.get(0)?;
                if let (Some(from), Some(to)) = (row.get(1)?, row.get(2)?) {
                    return Ok(Some((from, to)));
                }
                if expected == now && seen.since(now) > TOLERANCE {
                    expected = seen;
                }
                if expected == now {
                    let sql = "UPDATE key_rollover SET seen_at = $1 WHERE one = 1 AND seen_at < $1";
                    tx.execute(sql, &[now.into()]).await?;
                    return Ok(None);
                }
                let sql = "UPDATE key_rollover SET jumped_from = $1, jumped_to = $2 WHERE one = 1";
                tx.execute_one("key_rollover", sql, &[expected.into(), now.into()]).await?;
                Ok::<_, KeyError>(Some((expected, now)))
            })
        });
        match write.await? {
            None => Ok(()),
            Some((from, to)) => Err(KeyError::Stopped(Finding::ClockJumped { from, to })),
        }
    }

    /// An administrator says that the time is right now: rolling over and sweeping go on. Who may say so, and the
    /// record of it, are the caller's.
    ///
    /// # Errors
    /// [`KeyError::Sql`].
    pub async fn confirm_time(&self) -> Result<(), KeyError> {
        let here = self.anchor_now();
        let now = here.now;
        let write = self.database.write(Lane::Interactive, move |tx| {
            Box::pin(async move {
                let sql = "UPDATE key_rollover SET seen_at = $1, jumped_from = NULL, jumped_to = NULL WHERE one = 1";
                tx.execute_one("key_rollover", sql, &[now.into()]).await?;
                // Made by a clock that ran ahead: their age is not known, so it is counted from here.
                tx.execute("UPDATE key_epochs SET made_at = $1 WHERE made_at > $1", &[now.into()]).await?;
                Ok::<_, KeyError>(())
            })
        });
        write.await?;
        *self.anchor.lock().unwrap_or_else(PoisonError::into_inner) = Some(here);
        Ok(())
    }
}

fn apart(one: Timestamp, other: Timestamp) -> Duration {
    one.since(other).max(other.since(one))
}
