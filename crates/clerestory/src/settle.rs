//! Moving what lies in the ingest log into parts of its tracks, now and then.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use clerestory_api::Finding;
use clerestory_vault::{Due, SettleError, Settled};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::App;
use crate::watch::Watch;

/// What is due is looked for this often, and more often where segments are not to wait so long.
const EVERY: Duration = Duration::from_secs(5 * 60);

/// How long segments of a recording that goes on lie in the ingest log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SettleAfter(Duration);

impl SettleAfter {
    /// Half an hour less than the six hours after which nothing may lie in the ingest log any more.
    pub const LONGEST: Duration = Duration::from_secs(5 * 3600 + 1800);

    fn every(self) -> Duration {
        (self.0 / 4).clamp(Duration::from_secs(1), EVERY)
    }
}

impl Default for SettleAfter {
    /// An hour: most visits are over by then and become one part.
    fn default() -> Self {
        Self(Duration::from_secs(3600))
    }
}

/// The text is no such time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("write a number and s, m or h, as in 90s, 30m or 2h, of at most 5 hours and a half")]
pub struct NoTime;

impl FromStr for SettleAfter {
    type Err = NoTime;
    fn from_str(text: &str) -> Result<Self, NoTime> {
        let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or(NoTime)?;
        let seconds = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            _ => return Err(NoTime),
        };
        let number: u64 = number.parse().map_err(|_| NoTime)?;
        let after = Duration::from_secs(number.checked_mul(seconds).ok_or(NoTime)?);
        if after <= Self::LONGEST { Ok(Self(after)) } else { Err(NoTime) }
    }
}

impl std::fmt::Display for SettleAfter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0.as_secs() {
            0 => f.write_str("0s"),
            hours if hours % 3600 == 0 => write!(f, "{}h", hours / 3600),
            minutes if minutes % 60 == 0 => write!(f, "{}m", minutes / 60),
            seconds => write!(f, "{seconds}s"),
        }
    }
}

impl App {
    /// Settles everything there is, whether or not it is due: for tests, and for who wants to see it.
    ///
    /// # Errors
    /// [`SettleError`].
    pub async fn settle_now(&self) -> Result<Settled, SettleError> {
        self.vault.settle(&self.access, Due::now()).await
    }
}

/// Settles what is due until `shutdown`. A sweep that is cut off is gone on with by a later one.
pub(crate) async fn keep(app: App, after: SettleAfter, watch: Arc<Watch>, shutdown: CancellationToken) {
    let mut tick = tokio::time::interval(after.every());
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = tick.tick() => {}
        }
        let settled = tokio::select! {
            () = shutdown.cancelled() => return,
            settled = app.vault.settle(&app.access, Due::after(after.0)) => settled,
        };
        match settled {
            Ok(settled) => {
                if settled != Settled::default() {
                    tracing::info!(
                        parts = settled.parts,
                        segments = settled.segments,
                        bytes_before = settled.bytes_before,
                        bytes_after = settled.bytes_after,
                        removed = settled.removed,
                        left = settled.left,
                        "segments were moved out of the ingest log"
                    );
                }
                watch.say(well());
            }
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                tracing::error!(error, "the ingest log could not be settled");
                watch.say(standing_still(error));
            }
        }
    }
}

fn well() -> Finding {
    Finding {
        id: "settling",
        level: "ok",
        sentence: "Segments move out of the ingest log into parts of their own tracks.".to_owned(),
        what_to_do: None,
    }
}

fn standing_still(error: &dyn std::error::Error) -> Finding {
    Finding {
        id: "settling",
        level: "attention",
        sentence: format!(
            "Segments stay in the ingest log, where those of many recordings lie together: {error}."
        ),
        what_to_do: Some(
            "They play from there. The server tries again by itself; its log says more.".to_owned(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_and_shown() {
        for text in ["0s", "90s", "30m", "2h", "330m"] {
            assert_eq!(text.parse::<SettleAfter>().expect(text).to_string(), text);
        }
        for text in ["", "h", "6h", "331m", "-1h", "1", "1d", "99999999999999999999h", "é"] {
            assert_eq!(text.parse::<SettleAfter>(), Err(NoTime), "{text}");
        }
    }
}
