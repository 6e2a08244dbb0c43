//! Watching a screen while it is recorded: who may, and telling whose screen it is who does.

use std::time::Duration;

use clerestory_access::{Grant, OpContext, SeeWatching};
use clerestory_model::{PersonId, Source, Timestamp};
use clerestory_settings::tree::{Level, Node, Value};
use clerestory_sql::Tx;
use clerestory_store::organisations;
use clerestory_store::people::Role;
use clerestory_store::recordings::Recording;

use crate::plays::IDLE;
use crate::{Playback, PlaybackError, rows};

/// Whoever watches says so every thirty seconds; who has not said so for longer watches no more.
const HEARD: Duration = Duration::from_secs(75);

/// Somebody who watches now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watcher {
    /// Who.
    pub person: PersonId,
    /// Since when.
    pub since: Timestamp,
}

impl Playback {
    /// Whether a recording that goes on is shown to the caller, as far as the settings of the person say whose screen it is.
    /// What goes on at a site is not about this.
    pub(crate) async fn shows_live(
        &self,
        tx: &mut Tx,
        op: &OpContext,
        recording: &Recording,
    ) -> Result<bool, PlaybackError> {
        if recording.source != Source::Screen {
            return Ok(true);
        }
        let (person, manager) = organisations::person_of_subject(tx, recording.subject).await?;
        let node = match person {
            Some(id) => Node { level: Level::User, id: *id.as_bytes() },
            None => Node { level: Level::Project, id: *recording.project.as_bytes() },
        };
        let settings = self.access.settings();
        let said = settings.at(tx, recording.organisation, node, "capture.recording.live_view").await?;
        let word = match said.map(|said| said.value) {
            Some(Value::Word(word)) => word,
            _ => "off",
        };
        let is_own = op.actor.subject() == Some(recording.subject);
        let leads = manager.is_some() && manager == op.actor.person();
        Ok(match word {
            "self" => is_own,
            "manager" => is_own || leads,
            "admin" => is_own || leads || op.actor.roles().contains(&Role::Admin),
            _ => false,
        })
    }

    /// Who else watches a recording now, for whoever records it.
    ///
    /// # Errors
    /// [`PlaybackError::Sql`].
    pub async fn watchers(
        &self,
        tx: &mut Tx,
        grant: &Grant<SeeWatching>,
    ) -> Result<Vec<Watcher>, PlaybackError> {
        let (on, now) = (grant.on(), self.clock.now());
        let said_since = now.plus(IDLE).minus(HEARD);
        let found = rows::running(tx, on.recording, said_since).await?;
        let mut watchers: Vec<Watcher> = Vec::new();
        for play in found.into_iter().filter(|play| play.person != on.person) {
            if !watchers.iter().any(|known| known.person == play.person) {
                watchers.push(Watcher { person: play.person, since: play.started_at });
            }
        }
        Ok(watchers)
    }
}
