//! Reading all objects over a week, a little every minute, so that damage is known before somebody wants to watch.

use std::sync::Arc;
use std::time::Duration;

use clerestory_api::Finding;
use clerestory_seal::random;
use clerestory_vault::{FsckError, ScrubPace, ScrubStep};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::App;
use crate::watch::Watch;

/// It reads on this often.
const EVERY: Duration = Duration::from_secs(60);

/// Reads on until `shutdown`. What is cut off is read again from the same place.
pub(crate) async fn keep(app: App, watch: Arc<Watch>, shutdown: CancellationToken) {
    let node = random();
    let mut tick = tokio::time::interval(EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = tick.tick() => {}
        }
        let step = tokio::select! {
            () = shutdown.cancelled() => return,
            step = app.vault.scrub(&app.access, node, ScrubPace::default(), EVERY) => step,
        };
        match step {
            Ok(step) => watch.say(well(step)),
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "objects could not be read for the scrub"
                );
                watch.say(standing_still(&error));
            }
        }
    }
}

fn well(step: ScrubStep) -> Finding {
    let all = "Every object is read once a week and its bytes compared with what was stored";
    let sentence = match step {
        ScrubStep::Elsewhere => format!("{all}; another node does it now."),
        ScrubStep::Waiting { since } => format!("{all}; the last time ended at {since}."),
        ScrubStep::Reading { bytes, began_at } => {
            format!("{all}; this time began at {began_at} and has read {} MiB.", bytes / (1024 * 1024))
        }
    };
    Finding { id: "scrub", level: "ok", sentence, what_to_do: None }
}

fn standing_still(error: &FsckError) -> Finding {
    Finding {
        id: "scrub",
        level: "attention",
        sentence: format!("Objects are not read and compared with what was stored: {error}."),
        what_to_do: Some("The server tries again by itself; its log says more.".to_owned()),
    }
}
