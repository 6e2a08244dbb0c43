//! Who is asking, and in which request.

use std::time::Duration;

use clerestory_audit::ActorKind;
use clerestory_audit::authority::ChangedBy;
use clerestory_model::{
    ApiKeyId, OrganisationId, PersonId, RecorderId, SessionId, SiteId, SubjectId, Timestamp,
};
use clerestory_store::people::Role;

/// Somebody or something that asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    /// A person with a running session.
    Person {
        /// Who.
        id: PersonId,
        /// Their organisation.
        organisation: OrganisationId,
        /// The subject that is they.
        subject: SubjectId,
        /// Their role now.
        role: Role,
        /// Further roles: what any of all these may do, they may do.
        also: Vec<Role>,
        /// The session they are in.
        session: SessionId,
        /// The entry that tells of its sign-in.
        signed_in: u64,
        /// When they last proved in this session who they are, after signing in.
        stepped_up: Option<Timestamp>,
    },
    /// A site's recorder, by its site key or an ingest token.
    Site {
        /// Which site.
        id: SiteId,
        /// Whose it is.
        organisation: OrganisationId,
    },
    /// A program of an organisation, by an API key.
    Key {
        /// Which key.
        id: ApiKeyId,
        /// Whose it is.
        organisation: OrganisationId,
        /// The actions it may do.
        scopes: Vec<String>,
    },
    /// A browser that records the screen of one person.
    Recorder {
        /// Which one.
        id: RecorderId,
        /// Whose person's it is.
        organisation: OrganisationId,
        /// Whose screen it records.
        person: PersonId,
        /// The subject that is they.
        subject: SubjectId,
    },
    /// The program itself, at a named job.
    System {
        /// On whose data.
        organisation: OrganisationId,
    },
    /// Nobody known.
    Anonymous,
}

impl Actor {
    /// The organisation whose log tells of what this actor does; nil for nobody known.
    #[must_use]
    pub fn organisation(&self) -> OrganisationId {
        match self {
            Self::Person { organisation, .. }
            | Self::Site { organisation, .. }
            | Self::Key { organisation, .. }
            | Self::Recorder { organisation, .. }
            | Self::System { organisation } => *organisation,
            Self::Anonymous => OrganisationId::nil(),
        }
    }

    /// Who it is, where it is a person.
    #[must_use]
    pub fn person(&self) -> Option<PersonId> {
        match self {
            Self::Person { id, .. } => Some(*id),
            _ => None,
        }
    }

    /// How the log names the actor.
    #[must_use]
    pub fn logged(&self) -> (ActorKind, [u8; 16]) {
        match self {
            Self::Person { id, .. } => (ActorKind::Person, *id.as_bytes()),
            Self::Site { id, .. } => (ActorKind::Site, *id.as_bytes()),
            Self::Key { id, .. } => (ActorKind::Key, *id.as_bytes()),
            Self::Recorder { id, .. } => (ActorKind::Recorder, *id.as_bytes()),
            Self::System { .. } => (ActorKind::System, [0; 16]),
            Self::Anonymous => (ActorKind::Anonymous, [0; 16]),
        }
    }

    /// The columns of the matrix this actor is judged by: that of the first role first. `custom`, which has none, stands
    /// for roles of the organisation's own.
    #[must_use]
    pub fn columns(&self) -> Vec<&'static str> {
        match self {
            Self::Person { role, also, .. } => {
                std::iter::once(role).chain(also).map(|role| role.word()).collect()
            }
            Self::Site { .. } => vec!["site"],
            Self::Key { .. } => vec!["key"],
            Self::Recorder { .. } => vec!["device"],
            Self::System { .. } => vec!["system"],
            Self::Anonymous => vec!["anonymous"],
        }
    }

    /// The roles of a person.
    #[must_use]
    pub fn roles(&self) -> Vec<Role> {
        match self {
            Self::Person { role, also, .. } => std::iter::once(role).chain(also).copied().collect(),
            Self::Site { .. }
            | Self::Key { .. }
            | Self::Recorder { .. }
            | Self::System { .. }
            | Self::Anonymous => Vec::new(),
        }
    }

    /// The subject that is this actor, if it is one.
    #[must_use]
    pub fn subject(&self) -> Option<SubjectId> {
        match self {
            Self::Person { subject, .. } | Self::Recorder { subject, .. } => Some(*subject),
            Self::Site { .. } | Self::Key { .. } | Self::System { .. } | Self::Anonymous => None,
        }
    }
}

/// A proof of who somebody is counts this long for acts that ask for one.
const STEP_UP_LASTS: Duration = Duration::from_secs(5 * 60);

/// What every call that decides or records is given: who asks, in which request, and when it began.
#[derive(Clone, Debug)]
pub struct OpContext {
    /// Who asks.
    pub actor: Actor,
    /// The request's id, as the answer and the logs show it.
    pub request_id: String,
    /// When the request began.
    pub at: Timestamp,
}

impl OpContext {
    /// Whether the caller proved a moment ago who they are. The program itself need not.
    #[must_use]
    pub fn is_stepped_up(&self) -> bool {
        match &self.actor {
            Actor::Person { stepped_up, .. } => {
                stepped_up.is_some_and(|at| self.at.since(at) < STEP_UP_LASTS)
            }
            Actor::System { .. } => true,
            Actor::Site { .. } | Actor::Key { .. } | Actor::Recorder { .. } | Actor::Anonymous => false,
        }
    }

    /// Who changes rows of this organisation's authority, as the log names them.
    #[must_use]
    pub fn changing(&self, organisation: OrganisationId) -> ChangedBy {
        ChangedBy {
            organisation,
            at: self.at,
            actor: self.actor.logged(),
            request_id: self.request_id.clone(),
        }
    }
}
