//! Making small pictures of what screens show, now and then, and saying how that goes.

use std::sync::Arc;
use std::time::Duration;

use clerestory_api::Finding;
use clerestory_playback::{PlaybackError, PreviewsMade};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::App;
use crate::watch::Watch;

/// What is due is looked for this often.
const EVERY: Duration = Duration::from_secs(5);
/// Of so many recordings that were given up, more than one to this many that went well is a matter for somebody.
const MANY: u64 = 3;

impl App {
    /// Makes all previews that are due.
    ///
    /// # Errors
    /// [`PlaybackError`].
    pub async fn make_previews(&self) -> Result<PreviewsMade, PlaybackError> {
        self.playback.make_previews(&self.confined).await
    }
}

/// Makes previews until `shutdown`. What is cut off is begun again by a later turn.
pub(crate) async fn keep(app: App, watch: Arc<Watch>, shutdown: CancellationToken) {
    let mut tick = tokio::time::interval(EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // What waits for the machine is not tried at each turn.
    let mut lacks = None;
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = tick.tick() => {}
        }
        let made = tokio::select! {
            () = shutdown.cancelled() => return,
            made = app.make_previews() => made,
        };
        match made {
            Ok(made) => {
                if let Some(error) = &made.obstacle {
                    let error = error as &dyn std::error::Error;
                    tracing::error!(error, "no previews can be made here");
                    lacks = Some(error.to_string());
                } else if made.made + made.failed > 0 {
                    lacks = None;
                }
                watch.say(found(app.confined.has_ffmpeg(), lacks.as_deref(), made.standing));
            }
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "previews wait for the next turn");
            }
        }
    }
}

fn found(has_ffmpeg: bool, lacks: Option<&str>, (failed, well): (u64, u64)) -> Finding {
    let finding = |level, sentence, what_to_do: Option<&str>| Finding {
        id: "previews",
        level,
        sentence,
        what_to_do: what_to_do.map(str::to_owned),
    };
    if !has_ffmpeg {
        let sentence = "ffmpeg is not installed: recordings of screens have no small pictures.";
        return finding("ok", sentence.to_owned(), None);
    }
    if let Some(error) = lacks {
        return finding(
            "attention",
            format!("No small pictures can be made of recordings of screens: {error}."),
            Some("They are tried again by themselves. What films need, they need too: see there."),
        );
    }
    if failed > MANY && failed > well / MANY {
        return finding(
            "attention",
            format!(
                "Of {failed} recordings of screens no small pictures could be made, of {well} they were. All are kept, and \
                 play."
            ),
            Some("See the log for why. If it began with a new version of ffmpeg, go back to the one before."),
        );
    }
    finding(
        "ok",
        "Small pictures of recordings of screens are made by ffmpeg, confined as for films, and sealed."
            .to_owned(),
        None,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_failures_and_a_machine_that_lacks_something_are_told() {
        let told = |failed, well| found(true, None, (failed, well)).level;
        assert_eq!(told(0, 0), "ok");
        assert_eq!(told(3, 0), "ok", "a few may be odd");
        assert_eq!(told(4, 0), "attention");
        assert_eq!(told(4, 1000), "ok");
        assert_eq!(found(true, Some("no Landlock"), (0, 9)).level, "attention");
        assert_eq!(found(false, None, (9, 0)).level, "ok");
    }
}
