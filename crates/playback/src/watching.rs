//! Watching a screen while it is recorded: who may, and telling whose screen it is who does.

use clerestory_access::{Grant, OpContext, SeeWatching};
use clerestory_model::{PersonId, Source, Timestamp};
use clerestory_settings::tree::{Level, Node, Value};
use clerestory_sql::Tx;
use clerestory_store::organisations;
use clerestory_store::people::Role;
use clerestory_store::recordings::Recording;

use crate::{Playback, PlaybackError, rows};

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
    ///
    /// # Errors
    /// [`PlaybackError::Sql`].
    pub async fn shows_live(
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
        // Whoever has it open can see it, whether or not they say that they look.
        let open = rows::open(tx, on.recording, now).await?;
        let others = open.into_iter().filter(|(person, _)| *person != on.person);
        Ok(others.map(|(person, since)| Watcher { person, since }).collect())
    }
}
