//! Queueing what has fallen due to be erased, every few minutes, on one node at a time.

use std::sync::Arc;
use std::time::Duration;

use clerestory_api::Finding;
use clerestory_keys::KeyError;
use clerestory_lifecycle::{EraseError, Sweep, SweepStep};
use clerestory_seal::random;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::App;
use crate::watch::Watch;

/// It looks this often; what is due is gone at most a quarter of an hour later.
const EVERY: Duration = Duration::from_secs(5 * 60);

/// Sweeps until `shutdown`. What is cut off goes on with the next turn.
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
            step = app.lifecycle.sweep(node) => step,
        };
        match step {
            Ok(SweepStep::Elsewhere) => watch.say(well("; another node does it now")),
            Ok(SweepStep::Swept(sweep)) => watch.say(told(&sweep)),
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "what fell due could not be swept");
                watch.say(standing_still(&error));
            }
        }
    }
}

/// What an operator is to know of a sweep.
fn told(sweep: &Sweep) -> Finding {
    let Sweep { waiting, doubtful, holds, .. } = sweep;
    let mut sentences = Vec::new();
    if *holds > 0 {
        sentences.push(format!(
            "{holds} holds could not be read, or not be kept up: what they may cover is left alone."
        ));
    }
    if !doubtful.is_empty() {
        sentences.push(format!(
            "{} of the organisations are not swept: what they say of retention cannot be read.",
            doubtful.len()
        ));
    }
    if !waiting.is_empty() {
        sentences.push(format!(
            "The sweep waits for {} of the organisations: far more is due there than was foreseen.",
            waiting.len()
        ));
    }
    if sentences.is_empty() {
        return well("");
    }
    let failed = *holds > 0 || !doubtful.is_empty();
    Finding {
        id: "sweep",
        level: if failed { "failed" } else { "attention" },
        sentence: sentences.join(" "),
        what_to_do: Some(
            "Their administrators see why: rows that cannot be read are named by `clerestory verify`, and a sweep that \
             waits is confirmed."
                .to_owned(),
        ),
    }
}

fn well(elsewhere: &str) -> Finding {
    Finding {
        id: "sweep",
        level: "ok",
        sentence: format!(
            "What has fallen due is looked for every five minutes and queued to be erased{elsewhere}."
        ),
        what_to_do: None,
    }
}

fn standing_still(error: &EraseError) -> Finding {
    let (level, sentence, what_to_do) = match error {
        EraseError::Key(KeyError::Stopped(finding @ clerestory_keys::Finding::JustStarted { .. })) => {
            ("ok", finding.sentence(), finding.what_to_do())
        }
        EraseError::Key(KeyError::Stopped(finding)) => ("failed", finding.sentence(), finding.what_to_do()),
        _ => (
            "attention",
            "What has fallen due could not be queued to be erased.".to_owned(),
            "The server tries again by itself; its log says more.",
        ),
    };
    Finding { id: "sweep", level, sentence, what_to_do: Some(what_to_do.to_owned()) }
}
