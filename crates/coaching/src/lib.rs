//! What people say of recordings and make of them: comments that the recorded person answers, clips, reviews, playlists,
//! and when somebody was recorded.
//!
//! Nothing of it outlives the recording it is about. Comments, titles of clips and notes of reviews lie under the key of
//! what derives from the recording alone, which dies with any part of it: what stays of them is sealed anew (`erase`).
//! Whoever may not see a recording sees nothing that was said of it.

mod calendar;
mod clips;
mod comments;
mod erase;
mod playlists;
mod reviews;
mod times;
mod words;

use std::sync::Arc;

use clerestory_access::{Access, AccessError, Action, Grant, OpContext, Refused};
use clerestory_keys::KeyError;
use clerestory_model::{Clock, KeyId, OrganisationId, RecordingId, RecordingState};
use clerestory_sql::{Component, Database, Lock, Migration, SqlError, Tx};
use clerestory_store::recordings::{self, Recording};
use clerestory_store::{About, Content, Place, Sealed};
use clerestory_vault::{OpenError, Vault};

pub use calendar::{Calendar, Day, Month, MonthError};
pub use clips::{Changes as ClipChanges, Clip, NewClip};
pub use comments::{Comment, NewComment};
pub use playlists::{Entry, Item, Playlist, Summary};
pub use reviews::{Review, ReviewState, Reviewed};
pub use words::{ClipTitle, CommentText, PlaylistTitle, ReviewNote, WordsError};

/// The tables of this crate.
pub const SCHEMA: Component = Component {
    name: "coaching",
    migrations: &[Migration {
        name: "comments, clips, reviews, playlists",
        sql: include_str!("0001-coaching.sql"),
    }],
};

/// Comments, clips, reviews, playlists and calendars.
#[derive(Clone)]
pub struct Coaching {
    database: Database,
    access: Access,
    vault: Vault,
    clock: Arc<dyn Clock>,
}

/// Why something is not said, made or shown.
#[derive(Debug, thiserror::Error)]
pub enum CoachingError {
    /// There is no such thing in the caller's sight.
    #[error("not found")]
    NotFound,
    /// A rule refused it.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The recording was deleted or erased, or is about to be.
    #[error("the recording was deleted or erased")]
    Gone,
    /// It is about a time that the recording does not have.
    #[error("the recording has no such time")]
    Outside,
    /// What is answered is no comment of this recording.
    #[error("what is answered is no comment of this recording")]
    AnswersNothing,
    /// Somebody else wrote or made it.
    #[error("somebody else wrote or made it")]
    NotYours,
    /// A hold keeps it as it is.
    #[error("a hold keeps it")]
    Held,
    /// There are as many as are kept.
    #[error("there are {most} already, and no more are kept")]
    TooMany {
        /// How many are kept.
        most: u32,
    },
    /// An item of a playlist is nothing that its maker may see.
    #[error("there is no such recording or clip")]
    NoSuchItem,
    /// What was said does not open, or could not be sealed.
    #[error("what was said does not open")]
    Open(#[from] OpenError),
    /// The decision could not be made or recorded.
    #[error("the decision could not be recorded")]
    Access(#[from] AccessError),
    /// A key could not be had.
    #[error("a key could not be had")]
    Key(#[from] KeyError),
    /// The database refused.
    #[error("the rows could not be read or written")]
    Sql(#[from] SqlError),
}

impl CoachingError {
    /// Whether it was allowed, and something stood in the way that the log is to tell of.
    const fn stood_in_the_way(&self) -> bool {
        matches!(
            self,
            Self::NotFound
                | Self::Gone
                | Self::Outside
                | Self::AnswersNothing
                | Self::NotYours
                | Self::Held
                | Self::TooMany { .. }
                | Self::NoSuchItem
        )
    }
}

/// A change that was decided in its transaction, or refused there.
type Decided<A, T> = Result<Result<(Grant<A>, T), Refused>, CoachingError>;

impl Coaching {
    /// Over these parts.
    #[must_use]
    pub fn new(database: Database, access: Access, vault: Vault, clock: Arc<dyn Clock>) -> Self {
        Self { database, access, vault, clock }
    }

    /// What came of a change. Of one that was allowed and undone the entry went with it: that somebody tried stays.
    async fn told<A: Action, T>(
        &self,
        op: &OpContext,
        on: A::On,
        done: Decided<A, T>,
    ) -> Result<(Grant<A>, T), CoachingError> {
        match done {
            Ok(decided) => Ok(decided?),
            Err(error) => {
                if error.stood_in_the_way() {
                    self.access.tell_failed::<A>(op, on, error.to_string(), None).await?;
                }
                Err(error)
            }
        }
    }

    /// The recording, held until the transaction ends, while people see it.
    async fn held(&self, tx: &mut Tx, id: RecordingId) -> Result<Recording, CoachingError> {
        seen(recordings::find_locked(tx, id, Lock::Exclusive).await?)
    }

    /// How long a recording is, in microseconds: up to now while it goes on.
    fn length_us(&self, recording: &Recording) -> i64 {
        let now = self.clock.now();
        let end = if recording.is_live(now) { now.max(recording.ended_at) } else { recording.ended_at };
        end.micros().saturating_sub(recording.started_at.micros()).max(0)
    }

    /// What lies under this key stays as it is while a hold keeps it.
    async fn may_change(&self, tx: &mut Tx, key: KeyId) -> Result<(), CoachingError> {
        match self.vault.keys().pinned(tx, &[key]).await? {
            Some(_) => Err(CoachingError::Held),
            None => Ok(()),
        }
    }

    /// What somebody said; nothing where it cannot be read any more, so that the rest can.
    async fn said<A: Action, T: Content>(
        &self,
        tx: &mut Tx,
        grant: &Grant<A>,
        sealed: &Sealed<T>,
    ) -> Result<Option<T>, CoachingError> {
        match self.vault.open(tx, grant, sealed).await {
            Ok(said) => Ok(Some(said)),
            Err(OpenError::Erased) => Ok(None),
            Err(error @ (OpenError::Value { .. } | OpenError::Content { .. })) => {
                tracing::error!(%error, "something that was said of a recording is not what was stored; it is left out");
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The key of what is said of a recording, whose row is held.
    async fn key_of(&self, tx: &mut Tx, recording: &Recording) -> Result<KeyId, CoachingError> {
        let key = self.vault.summary_key(tx, recording).await?;
        if recording.summary_key != Some(key) {
            recordings::set_summary_key(tx, recording.id, key).await?;
        }
        Ok(key)
    }
}

/// The recording, while people see it.
fn seen(found: Option<Recording>) -> Result<Recording, CoachingError> {
    let recording = found.ok_or(CoachingError::NotFound)?;
    match recording.state {
        RecordingState::Capturing | RecordingState::Active => Ok(recording),
        _ => Err(CoachingError::Gone),
    }
}

/// Where something that was said of a recording stands.
fn words_place(organisation: OrganisationId, recording: RecordingId, row: [u8; 16], version: u64) -> Place {
    Place { organisation, about: About::Recording(recording), row, version }
}
