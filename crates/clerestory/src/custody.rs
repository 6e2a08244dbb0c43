//! What the health page says of root and epoch places, and of what people have not done for them yet.

use std::sync::Arc;
use std::time::Duration;

use clerestory_api::Finding;
use clerestory_keys::Custody;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::App;
use crate::watch::Watch;

/// Whether shares were made or a drill was done is looked up this often.
const EVERY: Duration = Duration::from_secs(60);

/// Where epoch secrets are kept, and what that means.
pub(crate) fn places(app: &App) -> Finding {
    let id = "epoch-places";
    let second = app.places.second_epochs.as_ref();
    let (Some(second), false) = (second, app.places.on_one_disk()) else {
        return Finding {
            id,
            level: "attention",
            sentence: "Epoch secrets are kept on one disk: losing it loses every recording.".to_owned(),
            what_to_do: Some(
                "Restart with --second-epochs naming a directory on another disk or host, a path in a Vault, or KMS."
                    .to_owned(),
            ),
        };
    };
    let days = app.vault.keys().waiting().as_secs() / (24 * 3600);
    let waits = match days {
        0 => String::new(),
        days => format!(
            " What is destroyed there can be brought back for {days} days by whoever administers it; receipts count \
             from then."
        ),
    };
    Finding {
        id,
        level: "ok",
        sentence: format!(
            "Epoch secrets are kept in two places: beside the root key, and in {second}.{waits}"
        ),
        what_to_do: None,
    }
}

/// Looks at once and then every minute, until `shutdown`.
pub(crate) async fn keep(app: App, watch: Arc<Watch>, shutdown: CancellationToken) {
    let mut tick = tokio::time::interval(EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = tick.tick() => {}
        }
        match app.vault.keys().custody().await {
            Ok(custody) => {
                watch.say(shares(&app, &custody));
                watch.say(drill(&custody));
            }
            Err(error) => tracing::error!(%error, "what was done for the keys could not be looked up"),
        }
    }
}

fn shares(app: &App, custody: &Custody) -> Finding {
    let id = "root-shares";
    if let Some(address) = app.vault.keys().root_address() {
        return Finding {
            id,
            level: "ok",
            sentence: format!(
                "The root is {address}, which its keeper never gives out; who brings it back is theirs."
            ),
            what_to_do: None,
        };
    }
    match custody.shares_at {
        Some(at) => Finding {
            id,
            level: "ok",
            sentence: format!("The root key was split into shares at {at}."),
            what_to_do: None,
        },
        None => Finding {
            id,
            level: "attention",
            sentence: "The root key was never split into shares: losing its file, or its passphrase, loses everything."
                .to_owned(),
            what_to_do: Some("Run `clerestory admin shares make` and give each share to another person.".to_owned()),
        },
    }
}

fn drill(custody: &Custody) -> Finding {
    let id = "recovery-drill";
    match custody.drill_at {
        Some(at) => Finding {
            id,
            level: "ok",
            sentence: format!("The recovery drill went well at {at}."),
            what_to_do: None,
        },
        None => Finding {
            id,
            level: "attention",
            sentence:
                "Nobody has tried yet whether a copy of the database opens with what is kept elsewhere."
                    .to_owned(),
            what_to_do: Some("Run `clerestory admin drill --record` with a copy of the database.".to_owned()),
        },
    }
}
