//! Why something sent is not taken. Each kind is one the sender acts differently on.

use clerestory_access::AccessError;
use clerestory_keys::KeyError;
use clerestory_settings::capture::PolicyErrors;
use clerestory_sql::SqlError;
use clerestory_vault::{KeepError, OpenError, StoreError};

use crate::rrweb::Malformed;
use crate::tokens::TokenProblem;

/// Why something is not taken in.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    /// No site has this key.
    #[error("no site has this site key")]
    UnknownSite,
    /// Nobody of the organisation is who a recording is said to be about.
    #[error("the person it is about is not of this organisation")]
    UnknownPerson,
    /// The site does not list this origin, or the token was made for another.
    #[error("this origin may not send for the site")]
    OriginNotAllowed,
    /// The ingest token is not one, is for another segment, or has run out.
    #[error("the ingest token is not valid")]
    Token(#[from] TokenProblem),
    /// The screen of this person is not recorded.
    #[error("recording is off for this person")]
    CaptureOff,
    /// The person was not shown the notice that is in force, or there is none.
    #[error("the notice in force is to be shown first")]
    NoticeNeeded {
        /// The version in force, where there is one.
        version: Option<String>,
    },
    /// Its time was taken back, or erased: the recording goes on without it.
    #[error("what was captured then was taken back or erased")]
    TakenBack,
    /// What arrived is not what was sent.
    #[error("what arrived is not what was sent")]
    Digest,
    /// Too many at once.
    #[error("too many requests")]
    TooMany,
    /// The segment's bytes broke off, or came too slowly to be waited for.
    #[error("the segment did not arrive whole")]
    TooSlow,
    /// The recording is closed for good.
    #[error("the recording is closed")]
    Closed,
    /// Another content is stored under this number.
    #[error("segment {sequence} is stored already with another content")]
    SequenceTaken {
        /// The number.
        sequence: u64,
        /// SHA-256 of the ciphertext stored under it, hex.
        stored: String,
    },
    /// The segment was captured under a policy that there never was.
    #[error("there is no policy version {version}")]
    PolicyOutdated {
        /// The version named.
        version: u64,
    },
    /// The segment is larger than is taken, packed or unpacked.
    #[error("the segment is larger than {limit} bytes")]
    TooLarge {
        /// The limit.
        limit: usize,
    },
    /// The segment's packing cannot be undone.
    #[error("the segment cannot be unpacked")]
    Packing,
    /// The spooled segment does not open.
    #[error("the spooled segment does not open with this spool key")]
    Spool,
    /// The segment's events are not what the recorder writes.
    #[error("the segment is malformed")]
    Malformed(#[from] Malformed),
    /// The rules are not valid.
    #[error("the policy is not valid")]
    Policy(#[from] PolicyErrors),
    /// Somebody signed another version meanwhile.
    #[error("version {current} was signed meanwhile")]
    PolicyChanged {
        /// The version that is live now.
        current: u64,
    },
    /// Whoever may only let less be captured would let more be.
    #[error("more would be captured, and only less may be")]
    CapturesMore {
        /// What of it captures more, in sentences.
        what: Vec<String>,
        /// The refusal, which is on record.
        #[source]
        refused: clerestory_access::Refused,
    },
    /// Somebody else changed the site meanwhile.
    #[error("the site was changed meanwhile")]
    SiteChanged,
    /// A rule refused it.
    #[error(transparent)]
    Refused(#[from] clerestory_access::Refused),
    /// The decision could not be recorded.
    #[error("the decision could not be recorded")]
    Access(#[from] AccessError),
    /// The bytes could not be made durable.
    #[error("the bytes could not be made durable")]
    Store(#[from] StoreError),
    /// A key or sealed value could not be had.
    #[error("a sealed value could not be used")]
    Vault(#[from] OpenError),
    /// A key could not be had.
    #[error("a key could not be had")]
    Key(#[from] KeyError),
    /// The database refused.
    #[error("the rows could not be written")]
    Sql(#[from] SqlError),
    /// A step of the program's own failed.
    #[error("an inner step failed: {0}")]
    Inner(&'static str),
}

impl From<KeepError> for IntakeError {
    fn from(error: KeepError) -> Self {
        match error {
            KeepError::Key(error) => error.into(),
            KeepError::Store(error) => error.into(),
        }
    }
}
