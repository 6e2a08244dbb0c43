//! Holding the rows of authority to what the audit log says of them: at start, hourly, and on `verify`.

use std::sync::Arc;
use std::time::Duration;

use clerestory_api::Finding;
use clerestory_audit::AuditError;
use clerestory_audit::authority::{Difference, Table};
use clerestory_lifecycle::InstanceError;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::App;
use crate::watch::Watch;

/// The comparison is made this often, and when a server starts.
const EVERY: Duration = Duration::from_secs(3600);
/// Differences that the health page names; the log names all.
const NAMED: usize = 3;

/// Every table whose rows are authority.
#[must_use]
pub fn authority_tables() -> Vec<&'static Table> {
    clerestory_identity::AUTHORITY
        .into_iter()
        .chain(clerestory_intake::AUTHORITY)
        .chain(clerestory_access::settings::AUTHORITY)
        .chain(clerestory_lifecycle::AUTHORITY)
        .chain(clerestory_playback::AUTHORITY)
        .collect()
}

impl App {
    /// Replays the audit log and names every row of authority that is not as it says: roles, sessions, sign-in links,
    /// passwords, sites, who may send, capture policies.
    ///
    /// # Errors
    /// [`AuditError`] when the log or the rows cannot be read.
    pub async fn replay_authority(&self) -> Result<Vec<Difference>, AuditError> {
        self.vault.keys().hold_lease().await?;
        let (audit, now) = (self.access.audit().clone(), self.clock.now());
        self.database
            .read(move |tx| Box::pin(async move { audit.replay(tx, &authority_tables(), now).await }))
            .await
    }
}

/// Compares at once and then hourly, until `shutdown`.
pub(crate) async fn keep(app: App, watch: Arc<Watch>, shutdown: CancellationToken) {
    let mut tick = tokio::time::interval(EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = tick.tick() => {}
        }
        match app.replay_authority().await {
            Ok(differences) => {
                for difference in &differences {
                    tracing::error!(%difference, "a row is not as the audit log says");
                }
                watch.say(finding(&differences));
            }
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "the audit log could not be replayed"
                );
                watch.say(not_replayed());
            }
        }
        if let Some(finding) = put_back(app.lifecycle.check_not_put_back().await) {
            watch.say(finding);
        }
    }
}

/// What is said of a database that was put back from a copy under a server that runs.
fn put_back(checked: Result<(), InstanceError>) -> Option<Finding> {
    let (level, sentence) = match checked {
        Ok(()) => ("ok", "The database knows of everything that was erased.".to_owned()),
        Err(error @ InstanceError::PutBack { .. }) => {
            tracing::error!(%error, "the database was put back");
            ("failed", "The database does not know of everything that was erased.".to_owned())
        }
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "tombstones could not be looked up");
            return None;
        }
    };
    let what_to_do = (level != "ok").then(|| {
        "Stop every server. If the database was put back from a copy, or a standby was promoted, run `clerestory restore \
         --in-place`; the server's log says more."
            .to_owned()
    });
    Some(Finding { id: "put-back", level, sentence, what_to_do })
}

fn finding(differences: &[Difference]) -> Finding {
    if differences.is_empty() {
        return Finding {
            id: "authority",
            level: "ok",
            sentence:
                "Roles, sessions, passwords, settings, sites and capture policies are what the audit log says \
                       they became."
                    .to_owned(),
            what_to_do: None,
        };
    }
    let mut named: Vec<String> = differences.iter().take(NAMED).map(Difference::to_string).collect();
    if differences.len() > NAMED {
        named.push(format!("and {} more", differences.len() - NAMED));
    }
    Finding {
        id: "authority",
        level: "failed",
        sentence: format!(
            "Rows were changed outside Clerestory; they are not what the audit log says: {}.",
            named.join("; ")
        ),
        what_to_do: Some(
            "Keep a copy of the database, find out who could write to it, and run `clerestory verify` for the whole \
             list."
                .to_owned(),
        ),
    }
}

fn not_replayed() -> Finding {
    Finding {
        id: "authority",
        level: "attention",
        sentence: "Whether roles, sessions and settings are what the audit log says could not be checked."
            .to_owned(),
        what_to_do: Some("The server's log says why; it is tried again within the hour.".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_an_alarm_that_names_it() {
        let row = |number: u8| Difference::Removed { table: "roles".to_owned(), row: number.to_string() };
        let told = finding(&[row(1), row(2), row(3), row(4)]);
        assert_eq!((told.id, told.level), ("authority", "failed"));
        assert!(
            told.sentence.contains("roles 1") && told.sentence.contains("and 1 more"),
            "{}",
            told.sentence
        );
        assert!(told.what_to_do.is_some());
        assert_eq!(finding(&[]).level, "ok");
    }
}
