//! Keeping the ledger: entries get their leaves and a signed checkpoint within a second of being written.

use std::sync::Arc;
use std::time::Duration;

use clerestory_api::Finding;
use clerestory_audit::ledger::{Ledger, LedgerError, Step};
use clerestory_model::Timestamp;
use clerestory_seal::random;
use clerestory_sql::SqlError;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::App;
use crate::watch::Watch;

/// New entries are looked for this often; with what integrating them takes that is well within a second.
const EVERY: Duration = Duration::from_millis(500);
/// A failure that goes on is logged again after this long.
const REPEAT: Duration = Duration::from_secs(60);

/// Integrates until `shutdown`, and once more then: what was written while the server drained has its leaf too.
pub(crate) async fn keep(app: App, watch: Arc<Watch>, shutdown: CancellationToken) {
    let (ledger, node) = (app.access.audit().ledger(), random());
    let mut tick = tokio::time::interval(EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut told, mut held_up): (Option<Timestamp>, Option<Timestamp>) = (None, None);
    watch.say(well());
    loop {
        let ending = tokio::select! {
            () = shutdown.cancelled() => true,
            _ = tick.tick() => false,
        };
        match integrate_all(&app, &ledger, node).await {
            Ok(()) => {
                held_up = None;
                if told.take().is_some() {
                    tracing::info!("the ledger goes on");
                    watch.say(well());
                }
            }
            // Somebody was in the way, or the database away; the next turn is in half a second.
            Err(error) if passes(&error) && !held_up_for_long(&mut held_up, app.clock.now()) => {}
            Err(error) => {
                let now = app.clock.now();
                if told.is_none_or(|at| now.since(at) >= REPEAT) {
                    tracing::error!(error = &error as &dyn std::error::Error, "the ledger does not go on");
                    told = Some(now);
                }
                watch.say(standing_still(&error));
            }
        }
        if ending {
            return;
        }
    }
}

/// Whether the database was away, or told of somebody in the way, at whatever depth: the key that signs has rows too.
fn passes(error: &LedgerError) -> bool {
    SqlError::behind(error).is_some_and(|error| {
        error.passes() || matches!(error, SqlError::Unreachable(_) | SqlError::Unknown(_))
    })
}

/// Whether it has gone on for a minute, and so does not pass by itself.
fn held_up_for_long(since: &mut Option<Timestamp>, now: Timestamp) -> bool {
    now.since(*since.get_or_insert(now)) >= REPEAT
}

impl App {
    /// Gives every entry its leaf now, and signs the checkpoint: for a command that wrote some and ends.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn integrate_ledger(&self) -> Result<(), LedgerError> {
        integrate_all(self, &self.access.audit().ledger(), random()).await
    }
}

async fn integrate_all(app: &App, ledger: &Ledger, node: [u8; 16]) -> Result<(), LedgerError> {
    while let Step::Added { .. } = ledger.integrate(&app.database, node, app.clock.now()).await? {}
    Ok(())
}

fn well() -> Finding {
    Finding {
        id: "ledger",
        level: "ok",
        sentence: "Every entry of the audit log has its leaf in the ledger within a second.".to_owned(),
        what_to_do: None,
    }
}

fn standing_still(error: &LedgerError) -> Finding {
    Finding {
        id: "ledger",
        level: "failed",
        sentence: format!("Entries of the audit log wait for their leaves in the ledger: {error}."),
        what_to_do: Some(
            "Run `clerestory verify ledger`, and keep a copy of the database as it is.".to_owned(),
        ),
    }
}
