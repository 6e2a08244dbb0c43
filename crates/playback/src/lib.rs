//! Plays: what goes out, inside a watching that was decided and recorded before its first byte.
//!
//! A play belongs to one session of one person and one recording. Every segment served in it goes through the
//! decision again by today's rules, so ending a session or taking a right away ends the play at once.

mod bases;
mod content;
mod describe;
mod erase;
mod export;
mod handed;
mod panes;
mod part;
mod plays;
mod previews;
mod rows;
mod views;
mod watching;

use std::sync::Arc;

use clerestory_access::{Access, AccessError, Refused};
use clerestory_audit::AuditError;
use clerestory_keys::KeyError;
use clerestory_model::Clock;
use clerestory_sql::{Component, Database, Migration, SqlError};
use clerestory_vault::{OpenError, Vault};

pub use content::{SegmentContent, packed_list};
pub use describe::{Described, DescribedTrack, GapFact, SegmentFact};
pub use export::{Export, Piece, Run};
pub use handed::Handing;
pub use panes::{PANES, Pane, panes};
pub use plays::{Begun, News};
pub use previews::{Cover, PreviewState, Previews, PreviewsMade, RidesOn};
pub use rows::{PlayRow, Viewing};
pub use views::{AUTHORITY, Answer, Seconding, View};
pub use watching::Watcher;

/// The tables of this crate.
pub const SCHEMA: Component = Component {
    name: "playback",
    migrations: &[
        Migration { name: "plays and what they watched", sql: include_str!("0001-playback.sql") },
        Migration { name: "views that a second person agrees to", sql: include_str!("0002-views.sql") },
        Migration { name: "plays of what goes on", sql: include_str!("0003-following.sql") },
        Migration { name: "plays of a part", sql: include_str!("0004-clips.sql") },
        Migration { name: "small pictures of screens", sql: include_str!("0005-previews.sql") },
        Migration { name: "what was taken along", sql: include_str!("0006-copies.sql") },
    ],
};

/// The serving part of the program.
#[derive(Clone)]
pub struct Playback {
    database: Database,
    access: Access,
    vault: Vault,
    clock: Arc<dyn Clock>,
    bases: Arc<bases::Bases>,
    looked: Arc<previews::Looked>,
}

/// Why something is not served.
#[derive(Debug, thiserror::Error)]
pub enum PlaybackError {
    /// There is no such thing in the caller's sight.
    #[error("not found")]
    NotFound,
    /// The play has ended, run out, or is another session's.
    #[error("the play has ended")]
    PlayEnded,
    /// A rule refused it.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The content does not open.
    #[error("the content does not open")]
    Open(#[from] OpenError),
    /// It goes on, and a rule refused that it is watched meanwhile.
    #[error("it is not watched while it goes on")]
    GoesOn(#[source] Refused),
    /// It goes on, and the screen is not watched by whoever asks while it is recorded.
    #[error("this screen is not watched live by them")]
    LiveViewOff,
    /// The organisation asks whoever watches to say why.
    #[error("a reason is asked for before this is watched")]
    ReasonRequired,
    /// A second person is to agree before this is watched.
    #[error("a second person is to agree before this is watched")]
    SecondNeeded(Seconding),
    /// Nobody asks for this any more: it was answered, or its time is over.
    #[error("this was answered, or its time is over")]
    Answered,
    /// Whoever asks does not answer.
    #[error("somebody else than who asks is to answer")]
    OwnView,
    /// Asking needs a reason.
    #[error("say why this is to be watched")]
    WhyMissing,
    /// There is no picture of a screen in it.
    #[error("it is no recording of a screen, or has no picture")]
    NotExported,
    /// It still goes on, or its recorder has not said that it is over: it is exported when it is whole.
    #[error("it still goes on")]
    OnceOver,
    /// The organisation wants a second person to agree, and whoever agrees does so to watching here.
    #[error("a second person agrees to watching, and not to a copy")]
    WatchedOnly,
    /// The server has no `ffmpeg`.
    #[error("the server has no ffmpeg")]
    NoFfmpeg,
    /// The range does not make sense.
    #[error("a range ends after it begins, and begins in the recording")]
    BadRange,
    /// The stored segment does not unpack.
    #[error("segment {sequence} does not unpack")]
    Damaged {
        /// Its number in its track.
        sequence: u64,
    },
    /// It was deleted or erased, or is about to be.
    #[error("it was deleted or erased")]
    Gone,
    /// The answer could not be packed for its way.
    #[error("the segment could not be packed for its way")]
    Packing,
    /// The decision could not be made or recorded.
    #[error("the decision could not be recorded")]
    Access(#[from] AccessError),
    /// The entry could not be written.
    #[error("the watching could not be recorded")]
    Audit(#[from] AuditError),
    /// A key could not be had.
    #[error("a key could not be had")]
    Key(#[from] KeyError),
    /// The database refused.
    #[error("the rows could not be read or written")]
    Sql(#[from] SqlError),
}

impl Playback {
    /// Playback over these parts.
    #[must_use]
    pub fn new(database: Database, access: Access, vault: Vault, clock: Arc<dyn Clock>) -> Self {
        Self { database, access, vault, clock, bases: Arc::default(), looked: Arc::default() }
    }
}
