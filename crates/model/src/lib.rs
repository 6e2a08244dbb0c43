//! Ids, states, time and the few nouns every other crate speaks of.
//!
//! Nothing here does I/O, opens anything or decides anything. What is stored is a small integer or
//! sixteen bytes; what is shown is a prefixed id or a lower-case word.

mod ids;
mod nouns;
mod time;

pub use ids::{
    ApiKeyId, BlockId, ClipId, CommentId, DomainId, ErasureId, GrantId, HoldId, IdError, KeyId, MailId,
    OrganisationId, PersonId, PlayId, PlaylistId, ProjectId, ProposalId, RecorderId, RecordingId, RequestId,
    RoleId, SessionId, SiteId, SubjectId, SupportGrantId, TeamId, TrackId, ViewId, WriterId, number_as_id,
};
pub use nouns::{Deployment, GapReason, RecordingState, RetentionClass, Source, TrackKind, UnknownWord};
pub use time::{Clock, SystemClock, TimeError, Timestamp};
